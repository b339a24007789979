/* l7: one parser over many flows: the table of these, session ends, making and freeing. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "libcommon/base/die.h"
#include "libcommon/stage/l7_private.h"

enum { DEFAULT_FLOWS = 262144 };
#define DEFAULT_MEMORY (256ull << 20)

/* ---- the flow table ------------------------------------------------------------------------ */

static size_t bucket_of(const struct l7 *l7, uint64_t id)
{
	/* Ids are frame numbers: flows of one time share cache lines of the table, and no two of
	 * a window as long as the table share a bucket. */
	return (size_t)(id ^ id >> 48) & l7->mask;
}

static void lru_remove(struct l7 *l7, struct l7_flow *f)
{
	*(f->newer ? &f->newer->older : &l7->newest) = f->older;
	*(f->older ? &f->older->newer : &l7->oldest) = f->newer;
}

static void lru_push(struct l7 *l7, struct l7_flow *f)
{
	f->listed = l7->clock;
	f->newer = NULL;
	f->older = l7->newest;
	*(l7->newest ? &l7->newest->newer : &l7->oldest) = f;
	l7->newest = f;
}

bool l7_is_other(struct l7 *l7, uint64_t flow)
{
	return l7_others_find(&l7->others, flow) != NULL;
}

void l7_ahead(struct l7 *l7, uint64_t flow, enum l7_ahead how)
{
	struct l7_flow **bucket = &l7->buckets[bucket_of(l7, flow)], *f;

	if (how == L7_AHEAD_TABLE) {
		__builtin_prefetch(l7_others_set(&l7->others, flow));
		__builtin_prefetch(bucket);
		return;
	}
	f = *bucket;
	if (!f)
		return;
	__builtin_prefetch(f);
	__builtin_prefetch(&f->side[1]);
	__builtin_prefetch(&f->key);
}

static struct l7_flow *flow_lookup(const struct l7 *l7, uint64_t id)
{
	struct l7_flow *f = l7->buckets[bucket_of(l7, id)];

	while (f && f->id != id)
		f = f->next;
	return f;
}

/* Moving a flow in the list costs two other flows' cache lines, so one that was moved within the
 * last max_flows / 16 records stays: the oldest is the least recently used to within so many. */
static void flow_used(struct l7 *l7, struct l7_flow *f)
{
	l7->clock++;
	if (l7->clock - f->listed <= l7->limits.max_flows / 16 || f == l7->newest)
		return;
	lru_remove(l7, f);
	lru_push(l7, f);
}

struct l7_flow *l7_flow_lookup(const struct l7 *l7, uint64_t id)
{
	return flow_lookup(l7, id);
}

struct l7_flow *l7_flow_find(struct l7 *l7, uint64_t id)
{
	struct l7_flow *f = flow_lookup(l7, id);

	if (f)
		flow_used(l7, f);
	return f;
}

void l7_side_drop(struct l7_side *s)
{
	buf_release(&s->kept);
	s->scanned = s->want = 0;
}

static void sides_drop(struct l7_flow *f)
{
	l7_side_drop(&f->side[0]);
	l7_side_drop(&f->side[1]);
	l7_messages_forget(f);
	l7_unread(f);
	l7_holders_set(&f->l7->held, &f->held, 0);
}

void l7_scratch_reset(struct l7 *l7)
{
	struct l7_scratch *first = l7->scratch;

	while (first && first->next) {
		struct l7_scratch *more = first->next;

		first->next = more->next;
		free(more);
	}
	if (first)
		first->used = 0;
	l7->scratch_used = 0;
}

static void session_end(struct l7_flow *f, enum rec_session_reason why)
{
	struct rec_session_end e = {
		.key = f->key,
		.parser = bytes_str(f->l7->parser->name),
		.reason = why,
		.messages = f->messages,
		.orig_bytes = f->side[L7_ORIG].fed,
		.resp_bytes = f->side[L7_RESP].fed,
		.gap_bytes = f->side[0].missing + f->side[1].missing,
		.detail = f->why ? bytes_str(f->why) : BYTES(NULL, 0),
	};
	struct rec_head h = { REC_session_end, f->now, f->id, f->n };

	f->l7->host.emit(f->l7->host.ctx, &rec_session_end_desc, &h, &e);
}

/* The last call to the parser for this flow, its session_end, and its state given back. */
void l7_session_close(struct l7_flow *f, enum l7_end why)
{
	static const enum rec_session_reason reasons[] = {
		[L7_END_EOF] = REC_session_reason_EOF,
		[L7_END_GAP] = REC_session_reason_GAP,
		[L7_END_ERROR] = REC_session_reason_PARSE_ERROR,
		[L7_END_DONE] = REC_session_reason_DONE,
		[L7_END_EVICTED] = REC_session_reason_EVICTED,
		[L7_END_SWAPPED] = REC_session_reason_SWAPPED,
	};

	if (f->mode != MODE_OURS)
		return;
	f->l7->stats.swapped += why == L7_END_SWAPPED;
	f->mode = why == L7_END_DONE ? MODE_OTHER : MODE_OVER;
	if (f->l7->parser->end)
		f->l7->parser->end(f, why);
	l7_scratch_reset(f->l7);
	session_end(f, reasons[why]);
	sides_drop(f);
	l7_pool_give(&f->l7->states, f->state);
	f->state = NULL;
}

void l7_flow_forget(struct l7 *l7, struct l7_flow *f)
{
	struct l7_flow **at = &l7->buckets[bucket_of(l7, f->id)];

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	lru_remove(l7, f);
	sides_drop(f);
	l7_first_taken(f);
	l7_pool_give(&l7->states, f->state);
	l7_pool_give(&l7->flows, f);
	l7->stats.flows--;
}

static void flow_evict(struct l7 *l7, struct l7_flow *f, uint64_t now, uint64_t n)
{
	l7->stats.evicted++;
	f->now = now;
	f->n = n;
	l7_session_close(f, L7_END_EVICTED);
	l7_flow_forget(l7, f);
}

bool l7_evict_oldest(struct l7_flow *at_hand)
{
	struct l7 *l7 = at_hand->l7;
	struct l7_flow *f = l7->oldest == at_hand ? at_hand->newer : l7->oldest;

	if (!f)
		return false;
	flow_evict(l7, f, at_hand->now, at_hand->n);
	return true;
}

bool l7_knows(struct l7 *l7, uint64_t flow)
{
	return l7_is_other(l7, flow) || flow_lookup(l7, flow);
}

struct l7_flow *l7_flow_make(struct l7 *l7, const struct rec_head *h, uint64_t id)
{
	struct l7_flow *f;
	size_t b = bucket_of(l7, id);

	if (l7->stats.flows >= l7->limits.max_flows)
		flow_evict(l7, l7->oldest, h->ts, h->n);
	f = l7_pool_take(&l7->flows);
	f->l7 = l7;
	f->id = id;
	f->next = l7->buckets[b];
	l7->buckets[b] = f;
	lru_push(l7, f);
	l7->stats.flows++;
	return f;
}

void l7_flow_other(struct l7 *l7, const struct rec_head *h)
{
	uint64_t out;

	if (l7_others_add(&l7->others, h->flow, &out))
		l7_flow_make(l7, h, out)->mode = MODE_OTHER;
}

void l7_other_add(struct l7 *l7, const struct rec_head *h)
{
	if (!l7_is_other(l7, h->flow))
		l7_flow_other(l7, h);
}

void l7_flow_leave(struct l7_flow *f, const struct rec_head *h)
{
	struct l7 *l7 = f->l7;

	l7_flow_forget(l7, f);
	l7_flow_other(l7, h);
}

bool l7_flow_left(struct l7_flow *f, const struct rec_head *h)
{
	if (f->mode != MODE_OTHER)
		return false;
	l7_flow_leave(f, h);
	return true;
}

void l7_each(const struct l7 *l7,
	     void (*each)(void *ctx, uint64_t flow, const struct rec_key *key,
			  const uint64_t held[2]),
	     void *ctx)
{
	for (const struct l7_flow *f = l7->newest; f; f = f->older)
		if (f->mode == MODE_OURS)
			each(ctx, f->id, &f->key,
			     (const uint64_t[2]){ f->side[0].kept.len, f->side[1].kept.len });
}

/* All of them, by ascending id. To be freed. */
static struct l7_flow **flows_sorted(const struct l7 *l7)
{
	struct l7_flow **all = xcalloc(l7->stats.flows + 1, sizeof(struct l7_flow *));
	size_t i = 0;

	for (struct l7_flow *f = l7->newest; f; f = f->older)
		all[i++] = f;
	qsort(all, i, sizeof(struct l7_flow *), l7_flow_by_id);
	return all;
}

void l7_flow_finish(struct l7_flow *f, uint64_t last_n)
{
	f->n = last_n + (f->id & 0xffffffffffffull);
	l7_session_close(f, L7_END_EOF);
	l7_flow_forget(f->l7, f);
}

void l7_finish(struct l7 *l7, uint64_t last_n)
{
	struct l7_flow **all = flows_sorted(l7);

	for (size_t k = 0; all[k]; k++)
		l7_flow_finish(all[k], last_n);
	free(all);
	l7_others_clear(&l7->others);
}

/* Of a flow that nobody has claimed yet the first bytes are kept, which the next one will not see;
 * of one that was given up, datagrams would be taken up again. */
static bool would_differ(const struct l7_flow *f)
{
	return f->mode == MODE_OURS || (f->mode == MODE_OVER && f->key.proto == IPPROTO_UDP) ||
	       (f->mode == MODE_UNDECIDED && (f->side[0].kept.len || f->side[1].kept.len));
}

void l7_leave(struct l7 *l7, uint64_t n, uint64_t ts)
{
	struct l7_flow **all = flows_sorted(l7);

	for (size_t k = 0; all[k]; k++) {
		struct l7_flow *f = all[k];

		f->n = n;
		f->now = ts;
		if (f->mode != MODE_OURS && would_differ(f)) {
			l7->stats.swapped++;
			session_end(f, REC_session_reason_SWAPPED);
		}
		l7_session_close(f, L7_END_SWAPPED);
		l7_flow_forget(l7, f);
	}
	free(all);
	l7_others_clear(&l7->others);
}

/* ---- making and freeing -------------------------------------------------------------------- */

struct l7 *l7_new(const struct l7_parser *parser, const struct l7_host *host,
		  const struct l7_limits *limits)
{
	struct l7 *l7 = xcalloc(1, sizeof(*l7));
	size_t n = 1024;

	l7->parser = parser;
	l7->host = *host;
	if (limits)
		l7->limits = *limits;
	if (!l7->limits.max_flows)
		l7->limits.max_flows = DEFAULT_FLOWS;
	if (!l7->limits.max_memory)
		l7->limits.max_memory = DEFAULT_MEMORY;
	while (n < l7->limits.max_flows && n < (1u << 24))
		n *= 2;
	l7->held_most = UINT64_MAX;
	l7->mask = n - 1;
	l7->buckets = xcalloc(n, sizeof(struct l7_flow *));
	l7_others_init(&l7->others);
	l7_pool_init(&l7->flows, sizeof(struct l7_flow));
	l7_pool_init(&l7->states, parser->state_size);
	if (parser->shared_size)
		l7->shared = xcalloc(1, parser->shared_size);
	if (parser->open)
		parser->open(l7->shared, parser->config);
	return l7;
}

void l7_free(struct l7 *l7)
{
	if (!l7)
		return;
	while (l7->newest)
		l7_flow_forget(l7, l7->newest);
	if (l7->parser->close)
		l7->parser->close(l7->shared);
	free(l7->shared);
	l7_pool_release(&l7->flows);
	l7_pool_release(&l7->states);
	l7_others_release(&l7->others);
	l7_scratch_reset(l7);
	free(l7->scratch);
	free(l7->buckets);
	free(l7);
}

const struct l7_stats *l7_stats(const struct l7 *l7)
{
	return &l7->stats;
}

void *l7_engine_shared(struct l7 *l7)
{
	return l7->shared;
}
