/* engine: the flows that are undecided or watched, and what each record does to them. */
#include "cmd/infer/engine.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/infer/engine_private.h"
#include "libcommon/base/die.h"
#include "libcommon/stage/l7.h"

/* ---- the flow table ------------------------------------------------------------------------ */

static struct infer_flow **bucket_of(const struct infer *in, uint64_t id)
{
	return &in->buckets[(id ^ id >> 48) & in->mask];
}

static struct infer_flow *flow_find(const struct infer *in, uint64_t id)
{
	struct infer_flow *f = *bucket_of(in, id);

	while (f && f->id != id)
		f = f->chain;
	return f;
}

static void list_remove(struct infer *in, struct infer_flow *f)
{
	*(f->newer ? &f->newer->older : &in->newest) = f->older;
	*(f->older ? &f->older->newer : &in->oldest) = f->newer;
}

static void list_push(struct infer *in, struct infer_flow *f)
{
	f->newer = NULL;
	f->older = in->newest;
	*(in->newest ? &in->newest->newer : &in->oldest) = f;
	in->newest = f;
}

void infer_side_drop(struct infer *in, struct infer_flow *f, unsigned dir)
{
	struct infer_side *s = &f->side[dir];

	s->len = 0;
	s->scan = (struct signature_scan){ 0 };
	if (!s->first)
		return;
	in->nblocks--;
	l7_pool_give(&in->blocks, s->first);
	s->first = NULL;
	if (f->side[!dir].first)
		return;
	*(f->prev_holder ? &f->prev_holder->next_holder : &in->first_holder) = f->next_holder;
	*(f->next_holder ? &f->next_holder->prev_holder : &in->last_holder) = f->prev_holder;
}

static void flow_forget(struct infer *in, struct infer_flow *f)
{
	struct infer_flow **at = bucket_of(in, f->id);

	while (*at != f)
		at = &(*at)->chain;
	*at = f->chain;
	list_remove(in, f);
	infer_side_drop(in, f, 0);
	infer_side_drop(in, f, 1);
	l7_pool_give(&in->facts, f->facts);
	l7_pool_give(&in->changes, f->change);
	l7_pool_give(&in->flows, f);
	in->stats.flows--;
}

static void flow_settle(struct infer *in, struct infer_flow *f)
{
	uint64_t id = f->id, out;
	bool wanted = f->wanted == WANTED_YES || !in->limits.wanted;

	infer_last_word(in, f);
	flow_forget(in, f);
	in->stats.settled++;
	/* One too many in its set is forgotten: its records will not look like a start. */
	l7_others_add(&in->settled, id, &out);
	in->settled_wanted[l7_others_find(&in->settled, id) - in->settled.ids] = wanted;
}

static struct infer_flow *flow_make(struct infer *in, const struct rec_head *h,
				    const struct rec_key *key, bool midstream)
{
	struct infer_flow *f;

	if (in->stats.flows >= in->limits.flows) {
		in->stats.evicted++;
		infer_give_up(in, in->oldest);
		flow_settle(in, in->oldest);
	}
	f = l7_pool_take(&in->flows);
	f->id = h->flow;
	f->key = *key;
	f->midstream = midstream;
	/* Datagrams are not kept. */
	f->wanted = key->proto == IPPROTO_UDP ? WANTED_NO : WANTED_UNDECIDED;
	f->chain = *bucket_of(in, f->id);
	*bucket_of(in, f->id) = f;
	list_push(in, f);
	in->stats.flows++;
	return f;
}

static void at(struct infer *in, const struct rec_head *h)
{
	in->now = h->ts;
	in->n = h->n;
}

/* ---- first bytes --------------------------------------------------------------------------- */

/* The flow that has kept bytes for longest gives them up. */
static void block_free_one(struct infer *in, const struct infer_flow *but)
{
	struct infer_flow *f = in->first_holder;

	if (f == but)
		f = f->next_holder;
	if (!f)
		return;
	for (unsigned d = 0; d < 2; d++) {
		f->side[d].lost |= f->side[d].first != NULL;
		infer_side_drop(in, f, d);
	}
	in->stats.first_bytes_evicted++;
}

static void holder_add(struct infer *in, struct infer_flow *f)
{
	f->next_holder = NULL;
	f->prev_holder = in->last_holder;
	*(in->last_holder ? &in->last_holder->next_holder : &in->first_holder) = f;
	in->last_holder = f;
}

bool infer_first_add(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes data)
{
	struct infer_side *s = &f->side[dir];
	size_t room = in->limits.depth - s->len;

	if (s->lost || !room || s->packets > in->limits.packets)
		return false;
	if (!s->first) {
		if (in->nblocks >= in->max_blocks)
			block_free_one(in, f);
		if (!f->side[!dir].first)
			holder_add(in, f);
		s->first = l7_pool_take(&in->blocks);
		in->nblocks++;
	}
	if (data.len > room)
		data.len = room;
	memcpy(s->first + s->len, data.ptr, data.len);
	s->len = (uint16_t)(s->len + data.len);
	return true;
}

/* ---- each piece of payload ----------------------------------------------------------------- */

static bool side_is_over(const struct infer *in, const struct infer_side *s)
{
	return s->lost || s->len >= in->limits.depth || s->packets >= in->limits.packets;
}

/* What is left to do for the flow. */
static void mode_set(struct infer *in, struct infer_flow *f)
{
	bool sure =
		f->state == REC_guess_state_CONFIRMED || f->state == REC_guess_state_CONTRADICTED;
	bool seen = side_is_over(in, &f->side[0]) && side_is_over(in, &f->side[1]);
	bool one = side_is_over(in, &f->side[0]) || side_is_over(in, &f->side[1]);
	bool likely = f->state == REC_guess_state_LIKELY;
	enum facts_kind kind = (enum facts_kind)in->facts_of[f->protocol];
	bool tells = kind != FACTS_NONE && !facts_once(kind);

	if (f->mode == INFER_OPEN && (sure || seen || (one && likely))) {
		infer_give_up(in, f);
		f->mode = INFER_WATCHED;
		f->watch_left = (uint16_t)signatures_change_within(in->t.signatures, f->protocol);
		infer_side_drop(in, f, 0);
		infer_side_drop(in, f, 1);
	}
	if (f->mode == INFER_WATCHED && !f->armed && !f->watch_left &&
	    (!tells || f->state == REC_guess_state_GAVE_UP))
		f->mode = INFER_CLOSED;
}

/* Looks at what came, where it is among the first bytes, or at a datagram among the first ones. */
static void piece_look(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes bytes)
{
	struct infer_side *s = &f->side[dir];
	bool first = infer_first_add(in, f, dir, bytes);

	f->bytes += (uint32_t)(bytes.len < in->limits.depth ? bytes.len : in->limits.depth);
	if (f->key.proto == IPPROTO_TCP) {
		if (first)
			infer_look(in, f, dir, BYTES(s->first, s->len), false, &s->scan);
	} else if (s->packets <= in->limits.packets) {
		struct signature_scan scan = { 0 };

		infer_look(in, f, dir, bytes, true, &scan);
	}
	if (f->evidence.news)
		infer_judge(in, f);
}

/* To those who follow a protocol the bytes that came before it was known are new, as far as they
 * are kept. */
static struct bytes news_of(const struct infer_flow *f, unsigned dir, struct bytes piece)
{
	const struct infer_side *s = &f->side[dir];

	if (s->told == f->protocol || f->key.proto != IPPROTO_TCP || s->from + s->len != s->next)
		return piece;
	return BYTES(s->first, s->len);
}

static void piece_take(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes bytes,
		       uint64_t offset)
{
	struct infer_side *s = &f->side[dir];
	struct bytes piece = bytes;
	bool changed = false;

	f->packets++;
	if (s->packets < UINT16_MAX)
		s->packets++;
	if (f->armed)
		changed = infer_change_begins(in, f, dir, &bytes, offset);
	if (f->mode == INFER_OPEN)
		piece_look(in, f, dir, bytes);
	else if (f->watch_left)
		f->watch_left--;
	s->next = offset + piece.len;
	bytes = news_of(f, dir, bytes);
	infer_facts(in, f, dir, bytes);
	if (!changed)
		infer_change_look(in, f, dir, bytes);
	if (f->state != REC_guess_state_CANDIDATE)
		s->told = f->protocol;
	mode_set(in, f);
	if (f->mode == INFER_CLOSED)
		flow_settle(in, f);
}

static void flow_begin(struct infer *in, struct infer_flow *f)
{
	infer_start_signs(in, f);
	infer_judge_unseen(in, f);
}

/* ---- records in ---------------------------------------------------------------------------- */

static bool is_settled(const struct infer *in, uint64_t flow)
{
	return l7_others_find(&in->settled, flow) != NULL;
}

void infer_ahead(const struct infer *in, uint64_t flow, enum infer_ahead how)
{
	struct infer_flow **bucket = bucket_of(in, flow);

	if (how == INFER_AHEAD_TABLE) {
		__builtin_prefetch(l7_others_set(&in->settled, flow));
		__builtin_prefetch(bucket);
	} else if (*bucket) {
		__builtin_prefetch(*bucket);
		__builtin_prefetch(&(*bucket)->mode);
	}
}

enum infer_need infer_need(const struct infer *in, uint64_t flow)
{
	const uint64_t *at = l7_others_find(&in->settled, flow);

	if (!at)
		return INFER_LOOK;
	return in->settled_wanted[at - in->settled.ids] ? INFER_PASS : INFER_LEAVE_OUT;
}

bool infer_wants(const struct infer *in, uint64_t flow)
{
	const struct infer_flow *f;

	if (!in->limits.wanted)
		return true;
	f = flow_find(in, flow);
	return f ? f->wanted != WANTED_NO : infer_need(in, flow) != INFER_LEAVE_OUT;
}

static struct rec_key key_of(uint8_t ip_version, uint8_t proto, const uint8_t *orig_h,
			     const uint8_t *resp_h, uint16_t orig_p, uint16_t resp_p)
{
	struct rec_key k = { .orig_p = orig_p, .resp_p = resp_p, .proto = proto };
	uint8_t len = ip_version == 6 ? 16 : ip_version == 4 ? 4 : 0;

	k.orig_h.len = k.resp_h.len = len;
	memcpy(k.orig_h.b, orig_h, len);
	memcpy(k.resp_h.b, resp_h, len);
	return k;
}

/* A header's field says what it is: one guess, and that is all. */
static void certain(struct infer *in, struct infer_flow *f, enum port_kind kind, uint32_t number)
{
	const struct port_name *name = port_find(in->t.ports, kind, number);

	if (!name)
		return;
	evidence_add(&f->evidence, &(struct evidence){ .protocol = name->protocol,
						       .class = REC_evidence_class_CERTAIN,
						       .weight = 100,
						       .number = (uint16_t)number });
	infer_judge(in, f);
}

/* The record at hand makes parsers forget the flow: so what comes after it need not go to them. */
static void kept_count(struct infer_flow *f, const struct rec_stream *s)
{
	struct infer_side *side = &f->side[s->dir ? 1 : 0];
	size_t len = s->payload.len;

	if (f->wanted != WANTED_UNDECIDED || f->key.proto != IPPROTO_TCP)
		return;
	if (f->forgotten)
		f->wanted = WANTED_NO;
	if (s->gap)
		side->kept = 0;
	else if (side->kept && side->kept + len > L7_FIRST_BYTES)
		f->forgotten = true;
	else
		side->kept = (uint16_t)(len < L7_FIRST_BYTES ? side->kept + len : L7_FIRST_BYTES);
}

/* What comes behind it is looked at, as a message may begin there; it is no start. */
static void gap_take(struct infer *in, struct infer_flow *f, unsigned dir, uint64_t behind)
{
	struct infer_side *s = &f->side[dir];

	if (f->mode == INFER_OPEN)
		infer_side_drop(in, f, dir);
	s->gapped = true;
	s->from = s->next = behind;
	if (f->facts)
		facts_gap(f->facts, dir);
	infer_change_gap(f, dir);
}

void infer_stream(struct infer *in, const struct rec_head *h, const struct rec_stream *s)
{
	struct infer_flow *f = flow_find(in, h->flow);
	unsigned dir = s->dir ? 1 : 0;
	struct rec_key key;

	if (!f && is_settled(in, h->flow))
		return;
	at(in, h);
	if (!f) {
		if (s->offset != 0)
			return;
		key = key_of(s->ip_version, s->proto, s->orig_h, s->resp_h, s->orig_p, s->resp_p);
		f = flow_make(in, h, &key, s->flags & STREAM_MIDSTREAM);
		flow_begin(in, f);
	}
	if (in->limits.wanted)
		kept_count(f, s);
	if (s->gap) {
		gap_take(in, f, dir, s->offset + s->gap);
		return;
	}
	if (!s->payload.len)
		return;
	if (f->key.proto == IPPROTO_SCTP && s->ppid && !f->protocol)
		certain(in, f, PORT_PPID, s->ppid);
	piece_take(in, f, dir, s->payload, s->offset);
}

void infer_packet(struct infer *in, const struct rec_head *h, const struct rec_packet *p)
{
	struct infer_flow *f = flow_find(in, h->flow);
	struct rec_key key;

	if (!f && (is_settled(in, h->flow) || !(p->flags & PACKET_NEW)))
		return;
	at(in, h);
	if (!f) {
		key = key_of(p->ip_version, p->proto, p->orig_h, p->resp_h, p->orig_p, p->resp_p);
		f = flow_make(in, h, &key, false);
		if (p->proto != IPPROTO_UDP) {
			f->packets = 1;
			certain(in, f, PORT_IP, p->proto);
			flow_settle(in, f);
			return;
		}
		flow_begin(in, f);
	}
	if (p->payload.len)
		piece_take(in, f, p->dir ? 1 : 0, p->payload, 0);
}

void infer_flow(struct infer *in, const struct rec_head *h, const struct rec_flow *fl)
{
	struct infer_flow *f;

	at(in, h);
	if (fl->event == REC_flow_event_START &&
	    (fl->key.proto == IPPROTO_TCP || fl->key.proto == IPPROTO_UDP) &&
	    !is_settled(in, h->flow) && !flow_find(in, h->flow)) {
		f = flow_make(in, h, &fl->key, fl->midstream.set && fl->midstream.v);
		flow_begin(in, f);
	}
	if (fl->event != REC_flow_event_END || l7_others_remove(&in->settled, h->flow))
		return;
	f = flow_find(in, h->flow);
	if (!f)
		return;
	infer_give_up(in, f);
	infer_last_word(in, f);
	flow_forget(in, f);
}

void infer_parsed(struct infer *in, const struct rec_head *h, const struct rec_key *key,
		  const char *protocol)
{
	struct infer_flow *f = flow_find(in, h->flow);
	uint16_t number = protocol_find(in->t.names, bytes_str(protocol));

	if (!number || (!f && is_settled(in, h->flow)))
		return;
	at(in, h);
	if (!f) {
		f = flow_make(in, h, key, false);
		infer_start_signs(in, f);
	}
	evidence_add(&f->evidence, &(struct evidence){ .protocol = number,
						       .class = REC_evidence_class_PARSER,
						       .weight = 99 });
	infer_judge(in, f);
	mode_set(in, f);
	if (f->mode == INFER_CLOSED)
		flow_settle(in, f);
}

static int by_id(const void *a, const void *b)
{
	const struct infer_flow *const *x = a, *const *y = b;

	return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

void infer_finish(struct infer *in, uint64_t last_n)
{
	size_t count = in->stats.flows, i = 0;
	struct infer_flow **all = xcalloc(count + 1, sizeof(struct infer_flow *));

	for (struct infer_flow *f = in->newest; f; f = f->older)
		all[i++] = f;
	qsort(all, i, sizeof(struct infer_flow *), by_id);
	for (size_t k = 0; k < i; k++) {
		in->n = last_n + (all[k]->id & 0xffffffffffffull);
		infer_give_up(in, all[k]);
		infer_last_word(in, all[k]);
		flow_forget(in, all[k]);
	}
	free(all);
	l7_others_clear(&in->settled);
}

/* ---- making and freeing -------------------------------------------------------------------- */

struct infer *infer_new(const struct infer_tables *tables, const struct infer_host *host,
			const struct infer_limits *limits)
{
	static const struct {
		const char *name;
		enum facts_kind kind;
	} kinds[] = { { "ftp", FACTS_FTP },   { "tftp", FACTS_TFTP },   { "sip", FACTS_SDP },
		      { "rtsp", FACTS_RTSP }, { "portmap", FACTS_RPC }, { "dns", FACTS_DNS },
		      { "mdns", FACTS_DNS },  { "tls", FACTS_TLS } };
	struct infer *in = xcalloc(1, sizeof(*in));
	size_t n = 1024;

	in->t = *tables;
	in->host = *host;
	in->limits = *limits;
	while (n < limits->flows && n < (1u << 22))
		n *= 2;
	in->mask = n - 1;
	in->buckets = xcalloc(n, sizeof(struct infer_flow *));
	in->max_blocks = limits->first_bytes / INFER_DEPTH;
	l7_pool_init(&in->flows, sizeof(struct infer_flow));
	l7_pool_init(&in->blocks, INFER_DEPTH);
	l7_pool_init(&in->facts, sizeof(struct facts_flow));
	l7_pool_init(&in->changes, sizeof(struct infer_change));
	l7_others_init(&in->settled);
	in->settled_wanted = xcalloc((size_t)L7_OTHER_SETS * L7_OTHER_WAYS, sizeof(bool));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		in->facts_of[protocol_find(tables->names, bytes_str(kinds[i].name))] =
			(uint8_t)kinds[i].kind;
	in->facts_of[PROTOCOL_NONE] = FACTS_NONE;
	return in;
}

void infer_free(struct infer *in)
{
	if (!in)
		return;
	while (in->newest)
		flow_forget(in, in->newest);
	l7_pool_release(&in->flows);
	l7_pool_release(&in->blocks);
	l7_pool_release(&in->facts);
	l7_pool_release(&in->changes);
	l7_others_release(&in->settled);
	free(in->settled_wanted);
	free(in->buckets);
	free(in);
}

const struct infer_stats *infer_stats(const struct infer *in)
{
	return &in->stats;
}
