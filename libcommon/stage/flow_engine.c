/* flow_engine: from frames to flows: time, copies, layers, fragments, tracker, in that order. */
#include "libcommon/stage/flow_engine_private.h"

enum { LINE = 64 };

static const uint64_t second = 1000000000;

void flow_engine_defaults(struct flow_engine_config *c)
{
	static const uint64_t seconds[FLOW_CLASSES] = {
		[FLOW_TCP] = 300,        [FLOW_TCP_ONE_WAY] = 300, [FLOW_TCP_NEW] = 30,
		[FLOW_TCP_CLOSED] = 10,  [FLOW_UDP] = 60,          [FLOW_UDP_ONE_WAY] = 30,
		[FLOW_ICMP] = 30,        [FLOW_SCTP] = 300,        [FLOW_SCTP_NEW] = 30,
		[FLOW_SCTP_CLOSED] = 10, [FLOW_OTHER] = 30,
	};
	const char *why;

	memset(c, 0, sizeof(*c));
	c->max_flows = 262144;
	c->events = 1u << REC_flow_event_END;
	for (unsigned i = 0; i < FLOW_CLASSES; i++)
		c->timeout[i] = seconds[i] * second;
	layers_decap_parse("auto", &c->decap, &why);
}

/* ---- memory ----------------------------------------------------------------------------- */

static size_t round_up(size_t n)
{
	return (n + LINE - 1) & ~(size_t)(LINE - 1);
}

static void on_gone(void *user, const struct defrag_gone *g)
{
	struct flow_engine *e = user;

	e->counters.fragments_given_up[g->reason] += g->frames;
}

/* The parts' own configurations; e may be NULL where only the sizes matter. */
struct parts {
	struct tracker_config tracker;
	struct defrag_config defrag;
	struct dedup_config dedup;
};

static void on_start(void *user, const struct flow *f);
static void on_end(void *user, const struct flow *f, enum flow_end_reason why);

static void parts_of(struct parts *p, const struct flow_engine_config *c, struct flow_engine *e)
{
	memset(p, 0, sizeof(*p));
	p->tracker = (struct tracker_config){
		.table = { .max_flows = c->max_flows },
		.update = c->update,
		.rules = c->rules,
		.nrules = c->nrules,
		.path_steps = c->max_flows / 2 + LAYERS_MAX,
		.kind = c->key,
		.directional = c->directional,
		.ignore_scope = c->ignore_scope,
		.states = c->events >> REC_flow_event_STATE & 1,
		.start = on_start,
		.end = on_end,
		.user = e,
	};
	memcpy(p->tracker.table.timeout, c->timeout, sizeof(c->timeout));
	memcpy(p->tracker.table.rule_timeout, c->rule_timeout, sizeof(c->rule_timeout));
	memcpy(p->tracker.table.secret, c->secret, sizeof(c->secret));
	p->defrag = c->defrag;
	p->defrag.gone = on_gone;
	p->defrag.user = e;
	p->defrag.secret[0] = c->secret[0] ^ c->secret[3];
	p->defrag.secret[1] = c->secret[1] ^ c->secret[4];
	p->dedup.window = c->dedup;
	p->dedup.secret = c->secret[2] ^ c->secret[5];
}

size_t flow_engine_size(const struct flow_engine_config *config)
{
	struct parts p;
	size_t tracker, defrag;

	parts_of(&p, config, NULL);
	tracker = tracker_size(&p.tracker);
	defrag = defrag_size(&p.defrag);
	if (!tracker || !defrag)
		return 0;
	return round_up(sizeof(struct flow_engine)) + round_up(tracker) + round_up(defrag) +
	       (config->dedup ? dedup_size(&p.dedup) : 0);
}

struct flow_engine *flow_engine_init(void *memory, const struct flow_engine_config *config)
{
	struct flow_engine *e = memory;
	uint8_t *at = (uint8_t *)memory + round_up(sizeof(*e));
	struct parts p;

	e->config = *config;
	parts_of(&p, config, e);
	e->tracker = tracker_init(at, &p.tracker);
	at += round_up(tracker_size(&p.tracker));
	e->defrag = defrag_init(at, &p.defrag);
	at += round_up(defrag_size(&p.defrag));
	if (config->dedup)
		e->dedup = dedup_init(at, &p.dedup);
	e->parse_flags = config->no_checksum ? LAYERS_NO_CHECKSUM : 0;
	return e;
}

/* ---- flows that start and end ----------------------------------------------------------- */

static bool wants(const struct flow_engine *e, enum rec_flow_event event)
{
	return e->config.events >> event & 1;
}

static enum flow_l4 l4_of(const struct flow *f)
{
	switch (f->key.proto) {
	case PROTO_TCP:
		return FLOW_L4_TCP;
	case PROTO_UDP:
		return FLOW_L4_UDP;
	case PROTO_ICMP:
	case PROTO_ICMP6:
		return FLOW_L4_ICMP;
	case PROTO_SCTP:
		return FLOW_L4_SCTP;
	default:
		return FLOW_L4_OTHER;
	}
}

const char *flow_l4_name(enum flow_l4 l4)
{
	static const char *const names[FLOW_L4S] = { "tcp", "udp", "icmp", "sctp", "other" };

	return names[l4];
}

/* What is known of a flow that has ended. */
static void count_end(struct flow_engine_counters *c, const struct flow *f,
		      enum flow_end_reason why)
{
	enum flow_l4 l4 = l4_of(f);

	c->changes++;
	c->l4[l4].ends[why]++;
	c->l4[l4].open--;
	for (int d = 0; d < 2; d++) {
		c->bytes[d] += f->wire_bytes[d];
		c->packets[d] += f->packets[d];
	}
	histogram_add(&c->duration, &metric_buckets_flow_duration,
		      f->last > f->start ? (f->last - f->start) / 1000 : 0);
	histogram_add(&c->flow_packets, &metric_buckets_flow_packets,
		      f->packets[0] + f->packets[1]);
	histogram_add(&c->flow_bytes, &metric_buckets_flow_bytes,
		      f->wire_bytes[0] + f->wire_bytes[1]);
}

static void on_start(void *user, const struct flow *f)
{
	struct flow_engine *e = user;
	enum flow_l4 l4 = l4_of(f);

	e->counters.started++;
	e->counters.open++;
	e->counters.changes++;
	e->counters.l4[l4].started++;
	e->counters.l4[l4].open++;
	if (wants(e, REC_flow_event_START))
		flow_emit(e, f, REC_flow_event_START, FLOW_END_NONE);
}

static void on_end(void *user, const struct flow *f, enum flow_end_reason why)
{
	struct flow_engine *e = user;

	e->counters.ends[why]++;
	e->counters.open--;
	count_end(&e->counters, f, why);
	if (wants(e, REC_flow_event_END))
		flow_emit(e, f, REC_flow_event_END, why);
}

/* At the end of the input each flow's record has a number of its own, behind the last frame's. */
static void on_last_end(void *user, const struct flow *f, enum flow_end_reason why)
{
	struct flow_engine *e = user;
	uint64_t n = e->now.n;

	e->now.n += f->id & 0xffffffffffff;
	on_end(e, f, why);
	e->now.n = n;
}

/* ---- time ------------------------------------------------------------------------------- */

/* The clock of the timeouts follows the frames' own times. Where one is more than a minute ahead,
 * it goes on by a minute and waits for the source's next frame to say the same: one wrong time
 * stamp may not end every flow. */
static void set_timer(struct flow_engine *e, struct flow_source *s, uint64_t ts)
{
	const uint64_t minute = 60 * second;
	uint64_t ahead = s->ahead;

	s->ahead = 0;
	if (ts <= e->timer)
		return;
	if (ts - e->timer <= minute || !e->begun) {
		e->timer = ts;
	} else if (ahead && ts >= ahead - minute) {
		if (s->ahead_flow && s->ahead_flow->id == s->ahead_id)
			tracker_retouch(e->tracker, s->ahead_flow, ahead < ts ? ahead : ts);
		else if (!s->ahead_flow) /* a fragment, perhaps */
			defrag_retouch(e->defrag, ahead < ts ? ahead : ts);
		e->timer = ts < ahead + minute ? ts : ahead + minute;
		if (e->timer < ts)
			s->ahead = ts;
	} else {
		e->timer += minute;
		e->counters.time_jump++;
		s->ahead = ts;
	}
	s->ahead_flow = NULL;
}

/* Time does not go back, per source and for the table. */
static void set_time(struct flow_engine *e, const struct rec_head *h)
{
	struct flow_source *s = &e->sources[h->flow >> 48 & (FLOW_SOURCES - 1)];

	if (h->ts < s->highest)
		e->counters.time_back++;
	else
		s->highest = h->ts;
	if (s->highest > e->clock)
		e->clock = s->highest;
	if (h->ts != e->timer || s->ahead)
		set_timer(e, s, h->ts);
	e->begun = true;
	e->now.ts = e->config.monotonic ? e->clock : s->highest;
	e->now.n = h->n;
	tracker_time(e->tracker, e->timer);
}

/* ---- fragments -------------------------------------------------------------------------- */

static struct defrag_piece piece_of(const struct flow_engine *e, const struct flow_item *it)
{
	const struct layers *l = &it->layers;

	return (struct defrag_piece){
		.ip_version = l->ip_version,
		.proto = l->frag.proto,
		.more = l->frag.more,
		.df = l->frag.df,
		.damaged = l->frag.damaged,
		.unsummed = l->frag.unsummed,
		.src = l->src,
		.dst = l->dst,
		.scope = e->config.ignore_scope ? 0 : l->scope,
		.id = l->frag.id,
		.offset = l->frag.offset,
		.before = l->frag.header - (l->ip_version == 4 ? 0u : 40u),
		.claimed = l->frag.claimed,
		.data = l->frag.data,
		.n = it->first_n,
		.ts = e->timer,
		.wire_len = it->tracked.wire_len,
	};
}

/* Puts a fragment to its like. True: with it, it->fate is that of a whole packet. Fragments in a
 * tunnel in fragments go round once more. */
static bool defragment(struct flow_engine *e, struct flow_item *it)
{
	struct layers *l = &it->layers;
	unsigned flags = e->parse_flags;

	if (it->tracked.csum_unready)
		flags |= LAYERS_NO_CHECKSUM;
	while (it->fate == LAYERS_FRAGMENT) {
		struct defrag_piece piece = piece_of(e, it);
		struct defrag_answer a;
		enum defrag_result result = defrag_push(e->defrag, &piece, &a);

		if (a.anomalies)
			flow_report_fragment(e, it, a.anomalies);
		if (result != DEFRAG_WHOLE)
			return false;
		e->counters.fates[LAYERS_FRAGMENT] += a.frames - 1;
		if (a.first_n < it->first_n)
			it->first_n = a.first_n;
		it->tracked.wire_len =
			a.wire_bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)a.wire_bytes;
		it->tracked.defragmented = true;
		l->frag.proto = a.proto;
		it->fate = layers_resume(l, a.data, &e->config.decap,
					 a.missing ? flags : flags | LAYERS_WHOLE | LAYERS_SMALL);
	}
	it->tracks = it->fate == LAYERS_PACKET;
	if (it->tracks)
		tracker_prepare(e->tracker, &it->tracked, NULL);
	it->tracked.flow = NULL;
	return true;
}

/* ---- frames ----------------------------------------------------------------------------- */

/* With MAC addresses as keys any frame that has them belongs to a flow. */
static bool is_tracked(const struct flow_engine *e, const struct flow_item *it)
{
	if (e->config.key == FLOW_KEY_MAC_PAIR)
		return it->layers.l2_src || it->fate == LAYERS_PACKET;
	return it->fate == LAYERS_PACKET;
}

/* Takes the frame apart and asks for its flow's memory. */
static void prepare(struct flow_engine *e, struct flow_item *it, const struct tracked *before)
{
	const struct rec_frame *frame = &it->in->frame;
	struct tracked *p = &it->tracked;
	unsigned flags = e->parse_flags | layers_flags_of(frame->payload.len, frame->wire_len);

	it->first_n = it->in->head.n;
	it->duplicate = it->tracks = p->defragmented = false;
	if (e->dedup) {
		struct dedup_frame d = { .ts = it->in->head.ts,
					 .link_type = frame->link_type,
					 .wire_len = frame->wire_len,
					 .outgoing = frame->flags & FRAME_OUTGOING,
					 .data = frame->payload };

		it->duplicate = dedup_is_copy(e->dedup, &d);
		if (it->duplicate)
			return;
	}
	p->csum_unready = frame->flags & FRAME_CSUM_UNREADY;
	if (p->csum_unready)
		flags |= LAYERS_NO_CHECKSUM;
	it->fate =
		layers_walk(&it->layers, frame->link_type, frame->payload, &e->config.decap, flags);
	p->layers = &it->layers;
	p->wire_len = frame->wire_len;
	p->raw_ts = it->in->head.ts;
	it->tracks = is_tracked(e, it);
	if (it->tracks)
		tracker_prepare(e->tracker, p, before);
}

static void emit_update(struct flow_engine *e, const struct flow *f)
{
	e->counters.changes++;
	e->counters.updates++;
	flow_emit(e, f, REC_flow_event_UPDATE, FLOW_END_NONE);
}

static void track(struct flow_engine *e, struct flow_item *it)
{
	struct tracked *p = &it->tracked;
	const struct rec_head *h = &it->in->head;

	p->id = (h->flow & ~UINT64_C(0xffffffffffff)) | (h->n & 0xffffffffffff);
	p->now = e->timer;
	p->ts = e->clock;
	tracker_packet(e->tracker, p);
	if (p->raw_ts > e->timer) {
		struct flow_source *s = &e->sources[h->flow >> 48 & (FLOW_SOURCES - 1)];

		s->ahead_flow = p->flow;
		s->ahead_id = p->flow->id;
	}
	if (!e->config.no_packets && it->fate == LAYERS_PACKET)
		flow_emit_packet(e, it);
	flow_report(e, it);
	if (p->tcp.flags & TCP_R_ESTABLISHED && wants(e, REC_flow_event_ESTABLISHED))
		flow_emit(e, p->flow, REC_flow_event_ESTABLISHED, FLOW_END_NONE);
	if (p->was && p->was != flow_state(p->flow))
		flow_emit(e, p->flow, REC_flow_event_STATE, FLOW_END_NONE);
	if (p->update && wants(e, REC_flow_event_UPDATE))
		emit_update(e, p->flow);
}

static void input(struct flow_engine *e, struct flow_item *it)
{
	set_time(e, &it->in->head);
	e->counters.frames++;
	if (it->duplicate) {
		e->counters.duplicates++;
		return;
	}
	if (it->fate == LAYERS_FRAGMENT && e->config.key != FLOW_KEY_MAC_PAIR && !defragment(e, it))
		return;
	e->counters.fates[it->fate]++;
	if (it->tracks)
		track(e, it);
}

static void prefetch(struct flow_engine *e, struct flow_item *it)
{
	if (it->tracks)
		tracker_prefetch(e->tracker, &it->tracked);
}

/* All are taken apart before the first is used; each flow is asked for some frames ahead, the first
 * ones' while the last are taken apart. */
static void input_group(struct flow_engine *e, const struct flow_engine_frame *frames, size_t n)
{
	const struct tracked *before = NULL;
	size_t asked = 0;

	for (size_t i = 0; i < n; i++) {
		struct flow_item *it = &e->items[i];

		it->in = &frames[i];
		prepare(e, it, before);
		before = it->tracks ? &it->tracked : NULL;
		if (i >= TRACKER_LAG && asked < TRACKER_AHEAD)
			prefetch(e, &e->items[asked++]);
	}
	for (; asked < n && asked < TRACKER_AHEAD; asked++)
		prefetch(e, &e->items[asked]);
	for (size_t i = 0; i < n; i++) {
		if (i + TRACKER_AHEAD < n)
			prefetch(e, &e->items[i + TRACKER_AHEAD]);
		input(e, &e->items[i]);
	}
}

void flow_engine_frames(struct flow_engine *e, const struct flow_engine_frame *frames, size_t n)
{
	while (n) {
		size_t group = n < FLOW_GROUP ? n : FLOW_GROUP;

		input_group(e, frames, group);
		frames += group;
		n -= group;
	}
	if (defrag_datagrams(e->defrag))
		defrag_time(e->defrag, e->timer);
}

/* ---- the rest --------------------------------------------------------------------------- */

static void on_snapshot(void *user, const struct flow *f)
{
	emit_update(user, f);
}

void flow_engine_snapshot(struct flow_engine *e)
{
	tracker_each(e->tracker, on_snapshot);
}

void flow_engine_each(struct flow_engine *e, void (*each)(void *ctx, const struct flow *f),
		      void *ctx)
{
	tracker_visit(e->tracker, each, ctx);
}

void flow_engine_clock(struct flow_engine *e, uint64_t ts)
{
	if (ts > e->now.ts)
		e->now.ts = ts;
}

struct kept {
	uint64_t clock, timer, begun;
	struct {
		uint64_t highest, ahead;
	} sources[32];
	uint64_t due[FLOW_ANOMALIES], suppressed[FLOW_ANOMALIES];
};
_Static_assert(sizeof(struct kept) <= FLOW_ENGINE_KEPT, "kept");

void flow_engine_keep(const struct flow_engine *e, void *to)
{
	struct kept k = { .clock = e->clock, .timer = e->timer, .begun = e->begun };

	for (size_t i = 0; i < sizeof(k.sources) / sizeof(k.sources[0]); i++) {
		k.sources[i].highest = e->sources[i].highest;
		k.sources[i].ahead = e->sources[i].ahead;
	}
	memcpy(k.due, e->due, sizeof(k.due));
	memcpy(k.suppressed, e->suppressed, sizeof(k.suppressed));
	memcpy(to, &k, sizeof(k));
}

void flow_engine_take_up(struct flow_engine *e, const void *from)
{
	struct kept k;

	memcpy(&k, from, sizeof(k));
	e->clock = k.clock;
	e->timer = k.timer;
	e->begun = k.begun != 0;
	for (size_t i = 0; i < sizeof(k.sources) / sizeof(k.sources[0]); i++) {
		e->sources[i].highest = k.sources[i].highest;
		e->sources[i].ahead = k.sources[i].ahead;
	}
	memcpy(e->due, k.due, sizeof(e->due));
	memcpy(e->suppressed, k.suppressed, sizeof(e->suppressed));
}

void flow_engine_finish(struct flow_engine *e, uint64_t n)
{
	e->finished = true;
	e->now.n = n;
	defrag_finish(e->defrag);
	flow_report_suppressed(e);
	tracker_on_end(e->tracker, on_last_end);
	tracker_finish(e->tracker, FLOW_END_OF_INPUT);
}

void flow_engine_leave(struct flow_engine *e, uint64_t n)
{
	e->now.n = n;
	defrag_finish(e->defrag);
	tracker_finish(e->tracker, FLOW_END_SWAPPED);
}

const struct flow_engine_counters *flow_engine_counters(struct flow_engine *e)
{
	struct flow_engine_counters *c = &e->counters;
	const struct paths *paths = tracker_paths(e->tracker);

	c->fragments_held = defrag_held(e->defrag);
	c->dedup_overrun = e->dedup ? dedup_overrun(e->dedup) : 0;
	c->half_open_evicted = tracker_half_open_evicted(e->tracker);
	c->pressures = tracker_pressures(e->tracker);
	c->paths_refused = paths ? paths_refused(paths) : 0;
	c->checksum_hosts = e->finished ? 0 : tracker_hosts(e->tracker);
	c->checksum_hosts_full = tracker_hosts_full(e->tracker);
	return c;
}
