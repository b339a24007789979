/* tracker: turns a sequence of parsed packets into flows with states. */
#include "libcommon/net/tracker.h"

#include "libcommon/net/hosts.h"

enum {
	GOOD_CHECKSUM = 1,     /* bits of flow.bits, shifted by the direction */
	GOOD_CHECKSUMS = 3,    /* of both */
	HALF_OPEN_LEAST = 64,  /* are let in, however small the table */
	LABEL_VARIANTS = 8,    /* flows of the same endpoints with other labels, at once */
	LABEL_KNOWN = 1 << 20, /* in flow.label: a label has 20 bits */
	LINE = 64,
};

struct tracker {
	struct tracker_config config;
	struct flow_table *table;
	struct paths *paths;
	struct flow *current; /* of the packet before, or NULL */
	uint32_t half_open_max;
	bool plain;              /* the key is the 5-tuple, in its usual way */
	struct hosts offloading; /* hosts whose checksums were spoken of */
	uint64_t half_open_evicted;
};

static size_t round_up(size_t n)
{
	return (n + LINE - 1) & ~(size_t)(LINE - 1);
}

size_t tracker_size(const struct tracker_config *config)
{
	size_t table = flow_table_size(&config->table);

	if (!table)
		return 0;
	return round_up(sizeof(struct tracker)) + round_up(table) +
	       (config->path_steps ? paths_size(config->path_steps) : 0);
}

struct tracker *tracker_init(void *memory, const struct tracker_config *config)
{
	struct tracker *t = memory;
	uint8_t *at = (uint8_t *)memory + round_up(sizeof(*t));

	t->config = *config;
	t->table = flow_table_init(at, &config->table);
	at += round_up(flow_table_size(&config->table));
	if (config->path_steps)
		t->paths = paths_init(at, config->path_steps, config->table.secret);
	t->half_open_max = config->table.max_flows / 4;
	if (t->half_open_max < HALF_OPEN_LEAST)
		t->half_open_max = HALF_OPEN_LEAST;
	t->plain = config->kind == FLOW_KEY_5TUPLE && !config->directional;
	return t;
}

uint32_t tracker_count(const struct tracker *t)
{
	return flow_table_count(t->table);
}

uint64_t tracker_hosts(const struct tracker *t)
{
	return t->offloading.count;
}

uint64_t tracker_hosts_full(const struct tracker *t)
{
	return t->offloading.full;
}

uint64_t tracker_pressures(const struct tracker *t)
{
	return t->table->pressures;
}

uint64_t tracker_half_open_evicted(const struct tracker *t)
{
	return t->half_open_evicted;
}

const struct paths *tracker_paths(const struct tracker *t)
{
	return t->paths;
}

void tracker_prepare(struct tracker *t, struct tracked *p, const struct tracked *before)
{
	uint64_t scope = t->config.ignore_scope ? 0 : p->layers->scope;

	p->sender = t->plain ? flow_key_make(&p->key, p->layers, scope)
			     : flow_key_make_as(&p->key, p->layers, scope, t->config.kind,
						t->config.directional);
	p->run = before && flow_key_equal(&p->key, &before->key);
	if (p->run) {
		p->hash = before->hash;
		return;
	}
	p->hash = flow_hash(t->table, &p->key);
	flow_table_prefetch(t->table, p->hash);
}

void tracker_prefetch(struct tracker *t, struct tracked *p)
{
	p->flow = p->run ? NULL : flow_table_guess(t->table, p->hash, p->key.proto);
}

/* ---- ends ------------------------------------------------------------------------------- */

static enum flow_end_reason reason_of(const struct flow *f, enum flow_end_reason otherwise)
{
	if (f->key.proto == PROTO_TCP && tcp_phase(&f->tcp) == TCP_OVER)
		return tcp_was_reset(&f->tcp) ? FLOW_END_RST : FLOW_END_FIN;
	if (f->key.proto == PROTO_SCTP && sctp_phase(&f->sctp) == SCTP_OVER)
		return f->sctp.state == SCTP_S_ABORTED ? FLOW_END_ABORT : FLOW_END_FIN;
	if (otherwise == FLOW_END_IDLE && f->key.proto == PROTO_TCP && tcp_was_reset(&f->tcp))
		return FLOW_END_RST; /* silent since a reset that was not exact */
	return otherwise;
}

static void end_flow(struct tracker *t, struct flow *f, enum flow_end_reason why)
{
	uint64_t hash = flow_hash(t->table, &f->key);

	flow_table_prefetch(t->table, hash);
	t->config.end(t->config.user, f, why);
	if (t->paths)
		paths_drop(t->paths, f->path);
	if (t->current == f)
		t->current = NULL;
	flow_remove(t->table, f, hash);
}

void tracker_time(struct tracker *t, uint64_t now)
{
	size_t n;

	if (!flow_table_due(t->table, now))
		return;
	n = flow_table_expired(t->table, now);
	for (size_t i = 0; i < n; i++) {
		struct flow *f = flow_table_chosen(t->table, i);

		end_flow(t, f, reason_of(f, FLOW_END_IDLE));
	}
}

void tracker_retouch(struct tracker *t, struct flow *f, uint64_t now)
{
	if (f->key.ip_version)
		flow_touch(t->table, f, (enum flow_class)f->class, now);
}

void tracker_on_end(struct tracker *t,
		    void (*end)(void *user, const struct flow *f, enum flow_end_reason why))
{
	t->config.end = end;
}

void tracker_finish(struct tracker *t, enum flow_end_reason why)
{
	size_t n = flow_table_all(t->table);

	for (size_t i = 0; i < n; i++) {
		struct flow *f = flow_table_chosen(t->table, i);

		/* One that is over, and waits for what is late, is cut short as well. */
		t->config.end(t->config.user, f, why == FLOW_END_SWAPPED ? why : reason_of(f, why));
	}
}

void tracker_each(struct tracker *t, void (*each)(void *user, const struct flow *f))
{
	tracker_visit(t, each, t->config.user);
}

void tracker_visit(struct tracker *t, void (*each)(void *ctx, const struct flow *f), void *ctx)
{
	size_t n = flow_table_all(t->table);

	for (size_t i = 0; i < n; i++)
		each(ctx, flow_table_chosen(t->table, i));
}

/* ---- new flows -------------------------------------------------------------------------- */

static bool is_server_port(uint16_t port)
{
	switch (port) {
	case 1080:
	case 3128:
	case 3306:
	case 3389:
	case 3544: /* Teredo */
	case 5060:
	case 5432:
	case 8000:
	case 8080:
	case 8888:
		return true;
	default:
		return port && port < 1024;
	}
}

/* Was the flow's first packet sent by its responder? */
static bool is_turned(const struct tracked *p)
{
	const struct layers *l = p->layers;

	switch (l->proto) {
	case PROTO_ICMP:
	case PROTO_ICMP6:
		return icmp_is_reply(l->proto, l->src_port);
	case PROTO_TCP:
		if (l->tcp_flags & TCP_SYN)
			return (l->tcp_flags & (TCP_ACK | TCP_RST | TCP_FIN)) == TCP_ACK;
		break;
	case PROTO_UDP:
		break;
	default:
		return false;
	}
	return is_server_port(l->src_port) && !is_server_port(l->dst_port);
}

static enum flow_class first_class(uint8_t proto)
{
	switch (proto) {
	case PROTO_TCP:
		return FLOW_TCP_NEW;
	case PROTO_UDP:
		return FLOW_UDP_ONE_WAY;
	case PROTO_ICMP:
	case PROTO_ICMP6:
		return FLOW_ICMP;
	case PROTO_SCTP:
		return FLOW_SCTP_NEW;
	default:
		return FLOW_OTHER;
	}
}

static struct flow *new_flow(struct tracker *t, struct tracked *p)
{
	const struct layers *l = p->layers;
	uint8_t proto = p->key.proto;
	bool turned = proto && !t->config.directional && is_turned(p);
	unsigned rule;
	struct flow *f;

	if (flow_table_full(t->table))
		end_flow(t, flow_table_victim(t->table), FLOW_END_EVICTED);
	f = flow_add(t->table, &p->key, p->hash, first_class(proto), p->now);
	rule = flow_rules_match(t->config.rules, t->config.nrules, &p->key);
	if (rule)
		flow_set_rule(t->table, f, rule);
	f->id = p->id;
	f->start = f->reported = p->ts;
	f->orig = (uint8_t)(p->sender ^ turned);
	f->bits = turned ? FLOW_TURNED : 0;
	if (turned && (proto == PROTO_TCP || proto == PROTO_UDP))
		history_mark(&f->history, '^');
	if (t->paths && l->nsteps)
		f->path = paths_take(t->paths, l);
	if (t->config.kind == FLOW_KEY_LABEL)
		f->label[p->sender] = l->flow_label | LABEL_KNOWN;
	p->is_new = true;
	return f;
}

/* A flood of handshakes that are never finished takes a quarter of the table, and no more. */
static void bound_half_open(struct tracker *t)
{
	if (t->table->of_class[FLOW_TCP_NEW] <= t->half_open_max)
		return;
	t->half_open_evicted++;
	end_flow(t, flow_table_oldest(t->table, FLOW_TCP_NEW), FLOW_END_EVICTED);
}

/* ---- checksums -------------------------------------------------------------------------- */

/* A side none of whose packets had a good checksum so far leaves them to its network card: its
 * packets are accepted. A bad one behind a good one is a damaged or a forged packet. */
static bool had_good_checksum(const struct flow *f, unsigned dir)
{
	return f->bits >> dir & GOOD_CHECKSUM;
}

/* Likewise, where it may be the first of another flow, in which nothing is held against it. */
static bool is_out_of_place(const struct flow *f, const struct tracked *p)
{
	return p->layers->checksum == CHECKSUM_BAD && !p->csum_unready &&
	       had_good_checksum(f, p->sender ^ f->orig);
}

static bool is_damaged(struct tracker *t, struct flow *f, struct tracked *p)
{
	if (p->layers->checksum == CHECKSUM_UNKNOWN || p->csum_unready)
		return false;
	if (p->layers->checksum == CHECKSUM_GOOD) {
		f->bits |= (uint8_t)(GOOD_CHECKSUM << p->dir);
		return false;
	}
	if (p->layers->proto == PROTO_TCP && !p->defragmented &&
	    tcp_is_merged(&f->tcp, p->dir, (uint32_t)p->layers->payload.len))
		return false;
	p->bad_checksum = true;
	f->bad_checksums[p->dir]++;
	if (had_good_checksum(f, p->dir))
		return true;
	p->offload = hosts_add(&t->offloading, p->layers);
	return false;
}

/* ---- figures ---------------------------------------------------------------------------- */

static void count(struct flow *f, const struct tracked *p)
{
	const struct layers *l = p->layers;
	uint32_t payload = (uint32_t)l->payload.len + l->missing;
	uint8_t mac = (uint8_t)(FLOW_MAC_SET << p->dir);

	f->packets[p->dir]++;
	f->wire_bytes[p->dir] += p->wire_len;
	f->ip_bytes[p->dir] += l->ip_len;
	if (l->proto == PROTO_ICMP || l->proto == PROTO_ICMP6) /* the rest of the header */
		payload = payload > 4 ? payload - 4 : 0;
	f->payload[p->dir] += payload;
	f->bits |= (uint8_t)(FLOW_ONE_SEEN << p->dir);
	if (l->l2_src && !(f->bits & mac)) {
		memcpy(f->mac[p->dir], l->l2_src, 6);
		f->bits |= mac;
	}
}

static enum flow_class class_of(const struct flow *f)
{
	bool both = (f->bits >> 2 & 3) == 3;

	switch (f->key.proto) {
	case PROTO_TCP:
		switch (tcp_phase(&f->tcp)) {
		case TCP_OPENING:
			return FLOW_TCP_NEW;
		case TCP_ONE_WAY:
			return FLOW_TCP_ONE_WAY;
		case TCP_OPEN:
			return FLOW_TCP;
		default:
			return FLOW_TCP_CLOSED;
		}
	case PROTO_UDP:
		return both ? FLOW_UDP : FLOW_UDP_ONE_WAY;
	case PROTO_SCTP:
		switch (sctp_phase(&f->sctp)) {
		case SCTP_OPENING:
			return FLOW_SCTP_NEW;
		case SCTP_OPEN:
			return FLOW_SCTP;
		default:
			return FLOW_SCTP_CLOSED;
		}
	default:
		return (enum flow_class)f->class;
	}
}

/* ---- SCTP ------------------------------------------------------------------------------- */

_Static_assert((int)TCP_DELIVER == (int)SCTP_DELIVER && (int)TCP_NO_DATA == (int)SCTP_NO_DATA &&
		       (int)TCP_BAD_CHECKSUM == (int)SCTP_BAD_CHECKSUM,
	       "the first verdicts are the same");

static struct sctp_packet sctp_packet_of(const struct layers *l, bool bad_checksum)
{
	return (struct sctp_packet){ .tag = l->seq,
				     .chunks = l->payload,
				     .snapped = l->missing,
				     .bad_checksum = bad_checksum };
}

static void input_sctp(struct flow *f, struct tracked *p, bool damaged)
{
	const struct layers *l = p->layers;
	struct sctp_packet packet = sctp_packet_of(l, damaged);
	uint32_t flags = 0;

	sctp_assoc_input(&f->sctp, p->dir, &packet, &p->sctp);
	if (p->sctp.flags & SCTP_R_ABORT && p->dir)
		f->bits |= FLOW_RESP_ABORTED;
	flags |= p->sctp.flags & SCTP_R_ESTABLISHED ? TCP_R_ESTABLISHED : 0;
	flags |= p->sctp.flags & SCTP_R_MIDSTREAM ? TCP_R_MIDSTREAM : 0;
	flags |= p->sctp.flags & SCTP_R_CLOSED ? TCP_R_FIN : 0;
	flags |= p->sctp.flags & SCTP_R_ABORT ? TCP_R_RST : 0;
	p->tcp = (struct tcp_result){ .verdict = p->sctp.verdict,
				      .flags = flags,
				      .keep = (uint32_t)l->payload.len + l->missing };
}

/* ---- others ----------------------------------------------------------------------------- */

static void input_other(struct flow *f, struct tracked *p, bool damaged)
{
	const struct layers *l = p->layers;

	p->tcp = (struct tcp_result){ .verdict = damaged        ? TCP_BAD_CHECKSUM
						 : f->key.proto ? TCP_DELIVER
								: TCP_NO_DATA,
				      .keep = (uint32_t)l->payload.len + l->missing };
	if (f->key.proto == PROTO_UDP && damaged)
		history_count(&f->history, p->dir, 'c');
	else if (f->key.proto == PROTO_UDP)
		history_once(&f->history, p->dir, 'd');
}

/* ---- packets ---------------------------------------------------------------------------- */

/* Of the flows between these endpoints the one in which this side has this label, or none yet; else
 * NULL, and p->key is that of a new one. RFC 6437: the directions may have different labels. */
static struct flow *find_labelled(struct tracker *t, struct tracked *p)
{
	uint32_t label = p->layers->flow_label | LABEL_KNOWN;
	struct flow *without = NULL;
	unsigned vacant = LABEL_VARIANTS - 1;

	for (unsigned i = LABEL_VARIANTS; i--;) {
		struct flow *f;
		uint32_t has;

		p->key.zero[0] = (uint8_t)i;
		f = flow_find(t->table, &p->key, p->hash);
		has = f ? f->label[p->sender] : 0;
		if (has == label)
			return f;
		if (!f)
			vacant = i;
		else if (!has)
			without = f;
	}
	p->key.zero[0] = (uint8_t)vacant;
	if (without)
		return without;
	return flow_find(t->table, &p->key, p->hash);
}

static struct flow *find(struct tracker *t, struct tracked *p)
{
	struct flow *f = p->run && t->current ? t->current : p->flow;

	if (t->config.kind == FLOW_KEY_LABEL) {
		f = find_labelled(t, p);
		if (f && !f->label[p->sender])
			f->label[p->sender] = p->layers->flow_label | LABEL_KNOWN;
		return f;
	}
	if (!f || !flow_is(f, &p->key))
		f = flow_find(t->table, &p->key, p->hash);
	return f;
}

static uint64_t idle_of(const struct flow *f, const struct tracked *p)
{
	return p->raw_ts > f->last ? p->raw_ts - f->last : 0;
}

/* Where the clock of the timeouts has fallen behind, a flow that has waited too long by this
 * packet's own time is over. */
static bool is_overdue(struct tracker *t, const struct flow *f, const struct tracked *p)
{
	return p->now != p->ts && idle_of(f, p) >= flow_timeout(t->table, f);
}

/* Does this packet show another association between the same ports? Then *successor is it. */
static enum sctp_reuse sctp_reuse_of(const struct flow *f, const struct tracked *p,
				     struct sctp_assoc *successor)
{
	unsigned dir = p->sender ^ f->orig;
	struct sctp_packet packet = sctp_packet_of(p->layers, false);
	enum sctp_reuse how = sctp_is_reuse(&f->sctp, dir, &packet);

	if (how == SCTP_REUSE_NONE || is_out_of_place(f, p))
		return SCTP_REUSE_NONE;
	*successor = sctp_successor(&f->sctp, dir, &packet);
	if (dir != (how == SCTP_REUSE_ANSWERED)) { /* whoever began is the originator */
		struct sctp_side side = successor->side[0];

		successor->side[0] = successor->side[1];
		successor->side[1] = side;
	}
	return how;
}

/* The flow of an SCTP packet, a new one where there is none. */
static struct flow *sctp_flow(struct tracker *t, struct tracked *p, struct flow *f)
{
	struct sctp_assoc successor = { 0 };
	enum sctp_reuse how = f ? sctp_reuse_of(f, p, &successor) : SCTP_REUSE_NONE;

	if (how != SCTP_REUSE_NONE) {
		end_flow(t, f, reason_of(f, FLOW_END_REUSED));
		f = NULL;
	}
	if (!f) {
		f = new_flow(t, p);
		f->sctp = successor;
		if (how == SCTP_REUSE_ANSWERED) {
			f->orig = !p->sender;
			f->bits |= FLOW_TURNED;
		}
	}
	return f;
}

/* What goes on behind an end that was none is another flow, with the same originator. */
static struct flow *go_on(struct tracker *t, struct tracked *p, struct flow *f)
{
	struct tcp rest = tcp_rest(&f->tcp);
	uint8_t orig = f->orig, good = f->bits & GOOD_CHECKSUMS;

	p->gone_on = tcp_was_reset(&f->tcp);
	end_flow(t, f, reason_of(f, FLOW_END_FIN));
	f = new_flow(t, p);
	f->orig = orig;
	f->bits = good | (p->sender == orig ? 0 : FLOW_TURNED);
	f->history = (struct history){ 0 };
	f->tcp = rest;
	return f;
}

/* The flow that a packet belongs to, a new one where there is none, or the one there is ended. */
static struct flow *flow_of(struct tracker *t, struct tracked *p, struct tcp_segment *s)
{
	struct flow *f = find(t, p);

	if (f && is_overdue(t, f, p)) {
		end_flow(t, f, reason_of(f, FLOW_END_IDLE));
		f = NULL;
	}
	if (p->key.proto == PROTO_SCTP)
		return sctp_flow(t, p, f);
	if (f && p->key.proto == PROTO_TCP) {
		s->idle = idle_of(f, p);
		s->bad_checksum = is_out_of_place(f, p);
		if (s->flags & TCP_SYN && tcp_is_reuse(&f->tcp, p->sender ^ f->orig, s)) {
			enum flow_end_reason why = reason_of(f, FLOW_END_REUSED);

			p->reused = why == FLOW_END_REUSED;
			end_flow(t, f, why);
			f = NULL;
		} else if (tcp_goes_on(&f->tcp, p->sender ^ f->orig, s)) {
			return go_on(t, p, f);
		}
	}
	return f ? f : new_flow(t, p);
}

void tracker_packet(struct tracker *t, struct tracked *p)
{
	const struct layers *l = p->layers;
	struct tcp_segment s = { .seq = l->seq,
				 .ack = l->ack,
				 .flags = l->tcp_flags,
				 .window = l->window,
				 .ecn = l->ecn,
				 .len = (uint32_t)l->payload.len + l->missing,
				 .options = l->tcp_options,
				 .now = p->ts };
	struct flow *f;
	bool damaged;

	p->is_new = p->update = p->bad_checksum = p->offload = p->gone_on = p->reused = false;
	f = flow_of(t, p, &s);
	p->was = t->config.states ? flow_state(f) : NULL;
	p->flow = t->current = f;
	p->dir = p->sender ^ f->orig;
	if (p->is_new && t->config.start)
		t->config.start(t->config.user, f);
	damaged = is_damaged(t, f, p);
	if (f->key.proto == PROTO_TCP) {
		s.bad_checksum = damaged;
		tcp_input(&f->tcp, &f->history, p->dir, &s, &p->tcp);
		if (p->reused)
			p->tcp.anomalies |= 1u << TCP_A_REUSE;
		if (p->gone_on)
			p->tcp.anomalies |= 1u << TCP_A_RST_SUSPECT;
	} else if (f->key.proto == PROTO_SCTP) {
		input_sctp(f, p, damaged);
	} else {
		input_other(f, p, damaged);
	}
	count(f, p);
	f->last = p->ts;
	flow_touch(t->table, f, class_of(f), p->now);
	if (p->is_new && f->class == FLOW_TCP_NEW)
		bound_half_open(t);
	if (t->config.update && p->ts - f->reported >= t->config.update) {
		f->reported = p->ts;
		p->update = true;
	}
}
