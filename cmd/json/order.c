/* order: puts the lines of one frame number into the order that does not depend on timing. */
#include "cmd/json/order.h"

#include <stdlib.h>

#include "libcommon/record/record.h"

struct order_key {
	uint16_t type;
	uint32_t place, arrival; /* among its producer's of equal type and flow; of all */
	uint64_t flow;
	size_t name, name_len;         /* in names; built-in types are ordered by id alone */
	size_t producer, producer_len; /* in names */
	size_t line, line_len;
};

static const uint8_t *names_base;

static int compare_bytes(size_t a, size_t an, size_t b, size_t bn)
{
	int c = memcmp(names_base + a, names_base + b, an < bn ? an : bn);

	return c ? c : (an > bn) - (an < bn);
}

static int compare_type(const struct order_key *a, const struct order_key *b)
{
	bool ca = a->type >= REC_FIRST_CUSTOM, cb = b->type >= REC_FIRST_CUSTOM;

	if (ca != cb)
		return ca - cb;
	if (ca)
		return compare_bytes(a->name, a->name_len, b->name, b->name_len);
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
		c = compare_bytes(a->producer, a->producer_len, b->producer, b->producer_len);
	return c ? c : (a->arrival > b->arrival) - (a->arrival < b->arrival);
}

static int by_place(const void *x, const void *y)
{
	const struct order_key *a = x, *b = y;
	int c = compare_group(a, b);

	if (!c)
		c = (a->place > b->place) - (a->place < b->place);
	return c ? c : compare_bytes(a->producer, a->producer_len, b->producer, b->producer_len);
}

void order_add(struct order *o, uint16_t type, const char *name, uint64_t flow,
	       struct bytes producer, size_t from)
{
	struct order_key key = { .type = type,
				 .arrival = (uint32_t)o->count,
				 .flow = flow,
				 .line = from,
				 .line_len = o->lines.len - from };

	key.name = o->names.len;
	key.name_len = strlen(name);
	buf_add(&o->names, name, key.name_len);
	key.producer = o->names.len;
	key.producer_len = producer.len;
	buf_add(&o->names, producer.ptr, producer.len);
	buf_add(&o->keys, &key, sizeof(key));
	o->count++;
}

void order_flush(struct order *o, struct buf *out)
{
	struct order_key *keys = (struct order_key *)(void *)o->keys.ptr;

	if (o->count > 1) {
		names_base = o->names.ptr;
		qsort(keys, o->count, sizeof(*keys), by_producer);
		for (size_t i = 0; i < o->count; i++)
			keys[i].place = i && !compare_group(&keys[i - 1], &keys[i]) &&
							!compare_bytes(keys[i - 1].producer,
								       keys[i - 1].producer_len,
								       keys[i].producer,
								       keys[i].producer_len)
						? keys[i - 1].place + 1
						: 0;
		qsort(keys, o->count, sizeof(*keys), by_place);
	}
	for (size_t i = 0; i < o->count; i++)
		buf_add(out, o->lines.ptr + keys[i].line, keys[i].line_len);
	o->lines.len = o->names.len = o->keys.len = 0;
	o->count = 0;
}

void order_release(struct order *o)
{
	buf_release(&o->lines);
	buf_release(&o->names);
	buf_release(&o->keys);
}
