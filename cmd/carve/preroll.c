/* preroll: the newest frames, kept back for a time, each of which leaves once and in order. */
#include "cmd/carve/preroll.h"

#include <stdlib.h>

#include "libcommon/base/die.h"

enum { BYTES_PER_ENTRY = 128 /* at least so many bytes of room for each that can be kept */ };

struct entry {
	uint64_t n, ts, flow; /* flow 0: not known */
	size_t at;            /* in data */
	uint32_t len;
	bool chosen;
	uint64_t next, previous; /* in its flow's bucket, as head and tail count; 0 ends it */
};

struct preroll {
	uint8_t *data; /* a ring in which no record is split */
	size_t size, at;
	struct entry *entries;
	uint64_t mask;
	uint64_t head, tail; /* entries tail .. head - 1 are here; numbered from 1 */
	uint64_t *buckets;   /* the first entry of each; as many as entries */
	uint64_t early;
	void (*leave)(void *user, const struct preroll_frame *f);
	void *user;
};

struct preroll *preroll_new(size_t bytes, void (*leave)(void *user, const struct preroll_frame *f),
			    void *user)
{
	struct preroll *p = xcalloc(1, sizeof(*p));
	uint64_t entries = 64;

	while (entries * 2 <= bytes / BYTES_PER_ENTRY)
		entries *= 2;
	p->data = malloc(bytes); /* touched only as far as it is used */
	if (!p->data)
		die("out of memory");
	p->size = bytes;
	p->entries = xcalloc(entries, sizeof(*p->entries));
	p->buckets = xcalloc(entries, sizeof(*p->buckets));
	p->mask = entries - 1;
	p->head = p->tail = 1;
	p->leave = leave;
	p->user = user;
	return p;
}

static struct entry *entry_at(const struct preroll *p, uint64_t number)
{
	return &p->entries[number & p->mask];
}

static uint64_t *bucket_of(struct preroll *p, uint64_t flow)
{
	return &p->buckets[(flow * 0x9e3779b97f4a7c15u >> 20) & p->mask];
}

static void link_in(struct preroll *p, struct entry *e, uint64_t number)
{
	uint64_t *bucket = bucket_of(p, e->flow);

	e->previous = 0;
	e->next = *bucket;
	if (e->next)
		entry_at(p, e->next)->previous = number;
	*bucket = number;
}

static void link_out(struct preroll *p, const struct entry *e)
{
	if (e->previous)
		entry_at(p, e->previous)->next = e->next;
	else
		*bucket_of(p, e->flow) = e->next;
	if (e->next)
		entry_at(p, e->next)->previous = e->previous;
}

static void oldest_leaves(struct preroll *p)
{
	const struct entry *e = entry_at(p, p->tail);

	if (e->flow)
		link_out(p, e);
	p->tail++;
	p->leave(p->user, &(struct preroll_frame){ .raw = BYTES(p->data + e->at, e->len),
						   .n = e->n,
						   .ts = e->ts,
						   .chosen = e->chosen });
}

/* Room for len bytes at *at, without asking anybody to leave. What is here lies from the oldest on
 * to p->at, perhaps round the end. */
static bool room(const struct preroll *p, size_t len, size_t *at)
{
	size_t first;

	*at = p->at;
	if (p->head == p->tail) {
		*at = 0;
		return true;
	}
	if (p->head - p->tail > p->mask)
		return false;
	first = entry_at(p, p->tail)->at;
	if (first < p->at) {
		if (p->size - p->at >= len)
			return true;
		*at = 0;
		return first > len;
	}
	return first - p->at > len;
}

bool preroll_add(struct preroll *p, struct bytes raw, uint64_t n, uint64_t ts)
{
	size_t at;

	if (raw.len > p->size / 2)
		return false;
	while (!room(p, raw.len, &at)) {
		p->early++;
		oldest_leaves(p);
	}
	memcpy(p->data + at, raw.ptr, raw.len);
	*entry_at(p, p->head++) =
		(struct entry){ .n = n, .ts = ts, .at = at, .len = (uint32_t)raw.len };
	p->at = at + raw.len;
	return true;
}

void preroll_expire(struct preroll *p, uint64_t before)
{
	while (p->tail < p->head && entry_at(p, p->tail)->ts < before)
		oldest_leaves(p);
}

void preroll_flush(struct preroll *p)
{
	while (p->tail < p->head)
		oldest_leaves(p);
}

/* ---- choosing ---------------------------------------------------------------------------- */

static struct entry *find(struct preroll *p, uint64_t n, uint64_t *number)
{
	uint64_t low = p->tail, high = p->head;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (entry_at(p, mid)->n < n)
			low = mid + 1;
		else
			high = mid;
	}
	*number = low;
	return low < p->head && entry_at(p, low)->n == n ? entry_at(p, low) : NULL;
}

void preroll_member(struct preroll *p, uint64_t n, uint64_t flow, bool choose)
{
	uint64_t number;
	struct entry *e = find(p, n, &number);

	if (!e)
		return;
	e->chosen |= choose;
	if (e->flow)
		return; /* several packets in a frame: its flow is that of the first */
	e->flow = flow;
	link_in(p, e, number);
}

void preroll_choose_flow(struct preroll *p, uint64_t flow)
{
	for (uint64_t at = *bucket_of(p, flow); at; at = entry_at(p, at)->next)
		if (entry_at(p, at)->flow == flow)
			entry_at(p, at)->chosen = true;
}

void preroll_choose_n(struct preroll *p, uint64_t n)
{
	uint64_t number;
	struct entry *e = find(p, n, &number);

	if (e)
		e->chosen = true;
}

void preroll_choose_since(struct preroll *p, uint64_t ts)
{
	for (uint64_t at = p->head; at-- > p->tail;) {
		struct entry *e = entry_at(p, at);

		if (e->chosen || e->ts < ts)
			return;
		e->chosen = true;
	}
}

size_t preroll_count(const struct preroll *p)
{
	return p->head - p->tail;
}

bool preroll_oldest(const struct preroll *p, uint64_t *n, uint64_t *ts)
{
	if (p->head == p->tail)
		return false;
	*n = entry_at(p, p->tail)->n;
	*ts = entry_at(p, p->tail)->ts;
	return true;
}

uint64_t preroll_early(const struct preroll *p)
{
	return p->early;
}

void preroll_free(struct preroll *p)
{
	if (!p)
		return;
	free(p->data);
	free(p->entries);
	free(p->buckets);
	free(p);
}
