/* order: puts the lines of one frame number into the order that does not depend on timing. */
#include "cmd/json/order.h"

#include <stdlib.h>

#include "libcommon/record/record.h"

enum { FEW = 16 };

struct order_key {
	uint16_t type;
	uint32_t place, arrival; /* among its producer's of equal type and flow; of all */
	uint64_t flow;
	const char *name;              /* built-in types are ordered by id alone */
	size_t producer, producer_len; /* in names */
	size_t line, line_len;
};

static const uint8_t *names_base;

static int compare_producer(const struct order_key *a, const struct order_key *b)
{
	size_t n = a->producer_len < b->producer_len ? a->producer_len : b->producer_len;
	int c = n ? memcmp(names_base + a->producer, names_base + b->producer, n) : 0;

	return c ? c : (a->producer_len > b->producer_len) - (a->producer_len < b->producer_len);
}

static int compare_type(const struct order_key *a, const struct order_key *b)
{
	bool ca = a->type >= REC_FIRST_CUSTOM, cb = b->type >= REC_FIRST_CUSTOM;

	if (ca != cb)
		return ca - cb;
	if (ca)
		return strcmp(a->name, b->name);
	return (a->type > b->type) - (a->type < b->type);
}

static int compare_group(const struct order_key *a, const struct order_key *b)
{
	int c = compare_type(a, b);

	return c ? c : (a->flow > b->flow) - (a->flow < b->flow);
}

static int by_producer(const void *x, const void *y)
{
	const struct order_key *a = x, *b = y;
	int c = compare_group(a, b);

	if (!c)
		c = compare_producer(a, b);
	return c ? c : (a->arrival > b->arrival) - (a->arrival < b->arrival);
}

static int by_place(const void *x, const void *y)
{
	const struct order_key *a = x, *b = y;
	int c = compare_group(a, b);

	if (!c)
		c = (a->place > b->place) - (a->place < b->place);
	return c ? c : compare_producer(a, b);
}

/* Most frame numbers have only a few records. */
static void sort(struct order_key *keys, size_t n, int (*compare)(const void *, const void *))
{
	if (n > FEW) {
		qsort(keys, n, sizeof(*keys), compare);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct order_key key = keys[i];
		size_t at = i;

		for (; at && compare(&keys[at - 1], &key) > 0; at--)
			keys[at] = keys[at - 1];
		keys[at] = key;
	}
}

void order_add(struct order *o, uint16_t type, const char *name, uint64_t flow,
	       struct bytes producer, size_t from)
{
	struct order_key key = { .type = type,
				 .arrival = (uint32_t)o->count,
				 .flow = flow,
				 .name = name,
				 .producer = o->names.len,
				 .producer_len = producer.len,
				 .line = from,
				 .line_len = o->lines.len - from };

	buf_add(&o->names, producer.ptr, producer.len);
	buf_add(&o->keys, &key, sizeof(key));
	o->count++;
}

static void sort_keys(struct order_key *keys, size_t n)
{
	bool mixed = false; /* several producers made records of one type for one flow */

	sort(keys, n, by_producer);
	for (size_t i = 1; i < n; i++) {
		bool one_group = !compare_group(&keys[i - 1], &keys[i]);
		bool one_producer = one_group && !compare_producer(&keys[i - 1], &keys[i]);

		keys[i].place = one_producer ? keys[i - 1].place + 1 : 0;
		mixed |= one_group && !one_producer;
	}
	if (mixed)
		sort(keys, n, by_place);
}

static void move_lines(struct order *o, const struct order_key *keys)
{
	size_t first = 0;

	while (first < o->count && keys[first].arrival == first)
		first++;
	if (first == o->count)
		return;
	o->sorted.len = 0;
	for (size_t i = 0; i < o->count; i++)
		buf_add(&o->sorted, o->lines.ptr + keys[i].line, keys[i].line_len);
	memcpy(o->lines.ptr + o->held, o->sorted.ptr, o->sorted.len);
}

void order_settle(struct order *o)
{
	struct order_key *keys = (struct order_key *)(void *)o->keys.ptr;

	if (o->count > 1) {
		names_base = o->names.ptr;
		sort_keys(keys, o->count);
		move_lines(o, keys);
	}
	o->held = o->lines.len;
	o->names.len = o->keys.len = 0;
	o->count = 0;
}

struct bytes order_lines(const struct order *o)
{
	return BYTES(o->lines.ptr, o->held);
}

void order_take(struct order *o)
{
	struct order_key *keys = (struct order_key *)(void *)o->keys.ptr;

	if (!o->held)
		return;
	for (size_t i = 0; i < o->count; i++)
		keys[i].line -= o->held;
	buf_drop(&o->lines, o->held);
	o->held = 0;
}

void order_release(struct order *o)
{
	buf_release(&o->lines);
	buf_release(&o->keys);
	buf_release(&o->names);
	buf_release(&o->sorted);
}
