/* hold: a queue of records, each waiting for its flow's verdict. */
#include "cmd/filter/hold.h"

#include <stdlib.h>

#include "libcommon/record/field.h"

enum { NIL = 0xffffffff, NO_FLOW = NIL - 1, DROP_BYTES = 1 << 20 };

enum verdict { OPEN, YES, NO };

/* A flow with records in the queue, or not over yet. */
struct flow {
	uint64_t id, end_n;
	uint32_t seen; /* of the bits */
	uint32_t queued;
	uint32_t next;           /* of the same hash; of free ones */
	uint32_t older, younger; /* by the first record that came */
	uint32_t next_ending;
	uint8_t verdict;
	bool ending; /* its end was told: it is over when that frame is */
	bool over;
};

/* In the queue, in front of the record's bytes. */
struct entry {
	const struct schema *schema;
	uint32_t flow; /* index; NO_FLOW: judged alone */
	uint32_t len;
	bool yes;
};

struct hold {
	struct stage *st;
	uint64_t memory, *held, *judged_early;
	uint32_t need, deny;
	struct buf queue;
	size_t at; /* where its first entry is */
	struct flow *flows;
	uint32_t nflows, *index, mask, free, oldest, youngest;
	uint32_t first_ending, last_ending;
	/* of the type that a stream declares as `flow` */
	const struct schema *flow_schema;
	struct rec_view view;
	struct field event;
};

struct hold *hold_new(struct stage *st, uint64_t memory, uint64_t flows, uint32_t need,
		      uint32_t deny)
{
	struct hold *h = xcalloc(1, sizeof(*h));
	uint32_t slots = 2;

	if (flows < 1 || flows > 1 << 24)
		die_usage("--max-flows: 1 to %d", 1 << 24);
	while (slots < 2 * flows)
		slots *= 2;
	h->st = st;
	h->memory = memory;
	h->need = need;
	h->deny = deny;
	h->held = stage_counter(st, "held");
	h->judged_early = stage_counter(st, "judged_early");
	h->flows = xcalloc(flows, sizeof(*h->flows));
	h->nflows = (uint32_t)flows;
	h->index = xcalloc(slots, sizeof(*h->index));
	h->mask = slots - 1;
	memset(h->index, 0xff, slots * sizeof(*h->index));
	for (uint32_t i = 0; i < h->nflows; i++)
		h->flows[i].next = i + 1 < h->nflows ? i + 1 : NIL;
	h->oldest = h->youngest = h->first_ending = h->last_ending = NIL;
	return h;
}

void hold_free(struct hold *h)
{
	if (!h)
		return;
	buf_release(&h->queue);
	rec_view_release(&h->view);
	free(h->flows);
	free(h->index);
	free(h);
}

/* ---- flows ---------------------------------------------------------------------------------- */

static uint32_t *bucket(struct hold *h, uint64_t id)
{
	return &h->index[(id * 0x9e3779b97f4a7c15u >> 32) & h->mask];
}

static void flow_remove(struct hold *h, uint32_t i)
{
	struct flow *f = &h->flows[i];
	uint32_t *at = bucket(h, f->id);

	while (*at != i)
		at = &h->flows[*at].next;
	*at = f->next;
	*(f->older == NIL ? &h->oldest : &h->flows[f->older].younger) = f->younger;
	*(f->younger == NIL ? &h->youngest : &h->flows[f->younger].older) = f->older;
	f->next = h->free;
	h->free = i;
}

static bool fits(const struct hold *h, uint32_t bits)
{
	return (bits & h->need) == h->need && !(bits & h->deny);
}

/* By what was seen of it. */
static void judge(const struct hold *h, struct flow *f)
{
	f->verdict = fits(h, f->seen) ? YES : NO;
}

/* One more record of it. Nothing but the end says that what is denied will not come. */
static void see(const struct hold *h, struct flow *f, uint32_t bits)
{
	f->seen |= bits;
	if (f->seen & h->deny)
		f->verdict = NO;
	else if (fits(h, f->seen) && (f->verdict != OPEN || !h->deny))
		f->verdict = YES;
}

static void flow_over(struct hold *h, uint32_t i)
{
	struct flow *f = &h->flows[i];

	f->over = true;
	if (f->verdict == OPEN)
		judge(h, f);
	if (f->queued == 0)
		flow_remove(h, i);
}

/* What is known of the flow now is its verdict. */
static void judge_early(struct hold *h, uint32_t i)
{
	if (h->flows[i].verdict != OPEN)
		return;
	judge(h, &h->flows[i]);
	++*h->judged_early;
}

/* ---- the queue ------------------------------------------------------------------------------ */

static bool queue_first(const struct hold *h, struct entry *e)
{
	if (h->at == h->queue.len)
		return false;
	memcpy(e, h->queue.ptr + h->at, sizeof(*e));
	return true;
}

/* Lets go of the records in front whose verdict is known. */
static void drain(struct hold *h, hold_out *out)
{
	struct entry e;

	while (queue_first(h, &e)) {
		struct flow *f = e.flow == NO_FLOW ? NULL : &h->flows[e.flow];

		if (f && f->verdict == OPEN)
			break;
		out(h->st, e.schema, BYTES(h->queue.ptr + h->at + sizeof(e), e.len),
		    f ? f->verdict == YES : e.yes);
		h->at += sizeof(e) + e.len;
		--*h->held;
		if (f && --f->queued == 0 && f->over)
			flow_remove(h, e.flow);
	}
	if (h->at == h->queue.len) {
		h->at = h->queue.len = 0;
	} else if (h->at > DROP_BYTES && h->at > h->queue.len / 2) {
		buf_drop(&h->queue, h->at);
		h->at = 0;
	}
}

/* Marks must not pass what is held. */
static void tell(struct hold *h)
{
	struct entry e;
	struct rec_head first = { .ts = UINT64_MAX, .n = UINT64_MAX };

	if (queue_first(h, &e))
		first = rec_head_fast(h->queue.ptr + h->at + sizeof(e));
	stage_hold(h->st, first.n, first.ts);
}

static void push(struct hold *h, uint32_t flow, const struct schema *s, struct bytes raw, bool yes)
{
	struct entry e = { .schema = s, .flow = flow, .len = (uint32_t)raw.len, .yes = yes };

	buf_add(&h->queue, &e, sizeof(e));
	buf_add(&h->queue, raw.ptr, raw.len);
	++*h->held;
	if (flow != NO_FLOW)
		h->flows[flow].queued++;
}

/* Takes a flow out of those whose end was told. */
static void not_ending(struct hold *h, uint32_t i)
{
	uint32_t *at = &h->first_ending, before = NIL;

	while (*at != i) {
		before = *at;
		at = &h->flows[*at].next_ending;
	}
	*at = h->flows[i].next_ending;
	if (h->last_ending == i)
		h->last_ending = before;
}

/* Where no more flows can be kept: the oldest is judged, and all that it holds up let go. */
static void evict(struct hold *h, hold_out *out)
{
	uint32_t i = h->oldest;
	struct entry e;

	if (h->flows[i].ending && !h->flows[i].over)
		not_ending(h, i);
	judge_early(h, i);
	drain(h, out);
	while (h->flows[i].queued && queue_first(h, &e)) {
		judge_early(h, e.flow); /* what is in front of its last record */
		drain(h, out);
	}
	if (!h->flows[i].over)
		flow_over(h, i);
}

/* ---- from outside --------------------------------------------------------------------------- */

static uint32_t flow_find(struct hold *h, uint64_t id, hold_out *out)
{
	uint32_t i = *bucket(h, id), *at;

	while (i != NIL && h->flows[i].id != id)
		i = h->flows[i].next;
	if (i != NIL)
		return i;
	while (h->free == NIL)
		evict(h, out);
	i = h->free;
	h->free = h->flows[i].next;
	at = bucket(h, id);
	h->flows[i] = (struct flow){
		.id = id, .next = *at, .older = h->youngest, .younger = NIL, .next_ending = NIL
	};
	*at = i;
	*(h->youngest == NIL ? &h->oldest : &h->flows[h->youngest].younger) = i;
	h->youngest = i;
	return i;
}

/* Does this record tell the end of its flow? */
static bool tells_end(struct hold *h, const struct stage_rec *r, const struct schema *s)
{
	struct value v;

	if (r->head.type != REC_flow)
		return false;
	if (h->flow_schema != s) {
		rec_view_release(&h->view);
		rec_view_init(&h->view, s);
		field_bind(&h->event, &h->view, "event");
		h->flow_schema = s;
	}
	if (!rec_view_start(&h->view, r->raw))
		return false;
	v = field_value(&h->event, &h->view);
	return v.type == VALUE_ENUM && v.u == REC_flow_event_END;
}

/* Flows whose last frame is over. */
static void settle(struct hold *h, uint64_t source, uint64_t n)
{
	while (h->first_ending != NIL) {
		uint32_t i = h->first_ending;
		struct flow *f = &h->flows[i];

		if (f->id >> 48 != source || f->end_n >= n)
			break;
		h->first_ending = f->next_ending;
		if (h->first_ending == NIL)
			h->last_ending = NIL;
		flow_over(h, i);
	}
}

void hold_add(struct hold *h, const struct stage_rec *r, const struct schema *s, uint32_t bits,
	      hold_out *out)
{
	uint64_t id = r->head.flow;
	struct entry e;

	settle(h, id >> 48, r->head.n);
	if (id << 16 == 0) {
		push(h, NO_FLOW, s, r->raw, fits(h, bits));
	} else {
		uint32_t i = flow_find(h, id, out);
		struct flow *f = &h->flows[i];

		see(h, f, bits);
		push(h, i, s, r->raw, false);
		if (!f->ending && tells_end(h, r, s)) {
			f->ending = true;
			f->end_n = r->head.n;
			*(h->last_ending == NIL ? &h->first_ending
						: &h->flows[h->last_ending].next_ending) = i;
			h->last_ending = i;
		}
	}
	drain(h, out);
	while (h->queue.len - h->at > h->memory && queue_first(h, &e)) {
		judge_early(h, e.flow);
		drain(h, out);
	}
	tell(h);
}

void hold_mark(struct hold *h, uint64_t source, uint64_t n, hold_out *out)
{
	settle(h, source, n);
	drain(h, out);
	tell(h);
}

void hold_flush(struct hold *h, hold_out *out)
{
	h->first_ending = h->last_ending = NIL;
	for (uint32_t i = h->oldest, next; i != NIL; i = next) {
		next = h->flows[i].younger;
		flow_over(h, i);
	}
	drain(h, out);
	tell(h);
}

void hold_leave(struct hold *h, hold_out *out)
{
	for (uint32_t i = h->oldest; i != NIL; i = h->flows[i].younger)
		if (!h->flows[i].ending)
			judge_early(h, i);
	hold_flush(h, out);
}
