/* window: a queue of records in the order of arrival, and a heap over it in the order of keys. */
#include "cmd/sort/window.h"

#include <stdlib.h>

enum { DROP_BYTES = 1 << 20 };

/* In front of a record's bytes and its key's. */
struct entry {
	uint32_t len, key_len;
	bool gone; /* it left before those that came earlier */
};

/* An entry's place, counted from the first byte that was ever held; it says the order of arrival.
 */
struct window {
	struct stage *st;
	uint64_t length, memory, newest;
	uint64_t *held, *early, *late;
	struct buf last; /* the key of the record that left last */
	bool reverse;
	struct buf queue;
	uint64_t base;  /* place of queue.ptr[0] */
	size_t at;      /* the first entry that is there */
	uint64_t bytes; /* of records that are held */
	uint64_t *heap; /* places */
	size_t n, size;
};

struct window *window_new(struct stage *st, uint64_t length, uint64_t memory, bool reverse)
{
	struct window *w = xcalloc(1, sizeof(*w));

	w->st = st;
	w->length = length;
	w->memory = memory;
	w->reverse = reverse;
	w->held = stage_counter(st, "held");
	w->early = stage_counter(st, "early");
	w->late = stage_counter(st, "late");
	return w;
}

void window_free(struct window *w)
{
	if (!w)
		return;
	buf_release(&w->queue);
	buf_release(&w->last);
	free(w->heap);
	free(w);
}

static struct entry *entry_of(const struct window *w, uint64_t place, struct entry *e)
{
	memcpy(e, w->queue.ptr + (place - w->base), sizeof(*e));
	return e;
}

static struct bytes record_of(const struct window *w, uint64_t place, const struct entry *e)
{
	return BYTES(w->queue.ptr + (place - w->base) + sizeof(*e), e->len);
}

static struct bytes key_of(const struct window *w, uint64_t place)
{
	struct entry e;
	struct bytes r = record_of(w, place, entry_of(w, place, &e));

	return BYTES(r.ptr + r.len, e.key_len);
}

static int key_order(const struct window *w, struct bytes a, struct bytes b)
{
	struct cursor c = cursor_of(a), d = cursor_of(b);
	struct mp_value v = mp_next(&c), u = mp_next(&d);
	int order = mp_order(&v, &u);

	return w->reverse ? -order : order;
}

/* Which of several records of one frame arrives first may depend on timing: not what printers say
 * of it. The ids of custom types do, too. */
static int frame_order(const struct window *w, uint64_t a, uint64_t b)
{
	struct entry e;
	struct rec_head h = rec_head_fast(record_of(w, a, entry_of(w, a, &e)).ptr);
	struct rec_head k = rec_head_fast(record_of(w, b, entry_of(w, b, &e)).ptr);
	uint16_t type = h.type < REC_FIRST_CUSTOM ? h.type : REC_FIRST_CUSTOM;
	uint16_t other = k.type < REC_FIRST_CUSTOM ? k.type : REC_FIRST_CUSTOM;

	if (h.n != k.n)
		return (h.n > k.n) - (h.n < k.n);
	if (type != other)
		return (type > other) - (type < other);
	return (h.flow > k.flow) - (h.flow < k.flow);
}

/* Does what is at place a leave before what is at b? */
static bool before(const struct window *w, uint64_t a, uint64_t b)
{
	int order = key_order(w, key_of(w, a), key_of(w, b));

	/* Of what was sorted before, the order of arrival is one that was asked for. */
	if (!order && !stage_in_sorted(w->st))
		order = frame_order(w, a, b);
	return order ? order < 0 : a < b;
}

static void heap_add(struct window *w, uint64_t place)
{
	size_t p = w->n++;

	if (w->n > w->size) {
		w->size = w->size ? 2 * w->size : 1024;
		w->heap = realloc(w->heap, w->size * sizeof(*w->heap));
		if (!w->heap)
			die("out of memory");
	}
	for (; p && before(w, place, w->heap[(p - 1) / 2]); p = (p - 1) / 2)
		w->heap[p] = w->heap[(p - 1) / 2];
	w->heap[p] = place;
}

static uint64_t heap_take(struct window *w)
{
	uint64_t first = w->heap[0], last = w->heap[--w->n];
	size_t p = 0;

	for (;;) {
		size_t child = 2 * p + 1;

		if (child >= w->n)
			break;
		if (child + 1 < w->n && before(w, w->heap[child + 1], w->heap[child]))
			child++;
		if (!before(w, w->heap[child], last))
			break;
		w->heap[p] = w->heap[child];
		p = child;
	}
	w->heap[p] = last;
	return first;
}

/* Entries in front that are gone give their room back. */
static void trim(struct window *w)
{
	struct entry e;

	while (w->at < w->queue.len && entry_of(w, w->base + w->at, &e)->gone)
		w->at += sizeof(e) + e.len + e.key_len;
	if (w->at == w->queue.len || (w->at > DROP_BYTES && w->at > w->queue.len / 2)) {
		buf_drop(&w->queue, w->at);
		w->base += w->at;
		w->at = 0;
	}
}

/* The first by key leaves. */
static void let_go(struct window *w)
{
	uint64_t place = heap_take(w);
	struct bytes key = key_of(w, place);
	struct entry e;

	*w->late += w->last.len && key_order(w, key, buf_bytes(&w->last)) < 0;
	buf_clear(&w->last);
	buf_add(&w->last, key.ptr, key.len);
	stage_pass(w->st, record_of(w, place, entry_of(w, place, &e)));
	e.gone = true;
	memcpy(w->queue.ptr + (place - w->base), &e, sizeof(e));
	w->bytes -= sizeof(e) + e.len + e.key_len;
	--*w->held;
	trim(w);
}

/* The record that came first of those held. */
static bool oldest(const struct window *w, struct rec_head *h)
{
	struct entry e;

	if (w->at == w->queue.len)
		return false;
	*h = rec_head_fast(record_of(w, w->base + w->at, entry_of(w, w->base + w->at, &e)).ptr);
	return true;
}

/* Marks must not pass what is held; records came in the order of n. */
static void tell(struct window *w)
{
	struct rec_head h = { .ts = UINT64_MAX, .n = UINT64_MAX };

	oldest(w, &h);
	stage_hold(w->st, h.n, h.ts);
}

void window_add(struct window *w, const struct stage_rec *r, struct bytes key)
{
	struct entry e = { .len = (uint32_t)r->raw.len, .key_len = (uint32_t)key.len };
	uint64_t place = w->base + w->queue.len;
	struct rec_head h;

	if (r->head.ts > w->newest)
		w->newest = r->head.ts;
	while (w->length != UINT64_MAX && oldest(w, &h) && h.ts <= w->newest &&
	       w->newest - h.ts >= w->length)
		let_go(w);
	place = w->base + w->queue.len;
	buf_add(&w->queue, &e, sizeof(e));
	buf_add(&w->queue, r->raw.ptr, r->raw.len);
	buf_add(&w->queue, key.ptr, key.len);
	w->bytes += sizeof(e) + e.len + e.key_len;
	++*w->held;
	heap_add(w, place);
	/* The queue may be longer than what is held, by what left out of turn. */
	while (w->n > 1 && w->queue.len - w->at > w->memory) {
		if (!(*w->early)++)
			warn("more came than --memory holds: records leave before all are there, "
			     "and the output is not sorted throughout");
		let_go(w);
	}
	tell(w);
}

void window_flush(struct window *w)
{
	while (w->n)
		let_go(w);
	w->newest = 0;
	buf_clear(&w->last);
	tell(w);
}
