/* queue: a ring of entries, each contiguous: what would not fit at the end begins anew. */
#include "libcommon/base/queue.h"

enum { HEAD = 16, SKIP = 0xffffffff };

/* An entry: length (32 bits, SKIP: the rest of the memory lies idle), 32 unused, tag, bytes. */
static size_t entry_size(size_t len)
{
	return (HEAD + len + 7) & ~(size_t)7;
}

static uint32_t length_at(const struct queue *q, size_t at)
{
	uint32_t len;

	memcpy(&len, q->mem + at, sizeof(len));
	return len;
}

static void length_put(struct queue *q, size_t at, uint32_t len)
{
	memcpy(q->mem + at, &len, sizeof(len));
}

void queue_init(struct queue *q, void *mem, size_t size)
{
	*q = (struct queue){ .mem = mem, .size = size & ~(size_t)7 };
}

bool queue_push(struct queue *q, uint64_t tag, struct bytes b)
{
	size_t need = entry_size(b.len), idle = q->size - q->tail;

	if (need > q->size - q->used)
		return false;
	if (need > idle) {
		if (need > q->size - q->used - idle)
			return false;
		if (idle)
			length_put(q, q->tail, SKIP);
		q->used += idle;
		q->tail = 0;
	}
	length_put(q, q->tail, (uint32_t)b.len);
	memcpy(q->mem + q->tail + 8, &tag, sizeof(tag));
	if (b.len)
		memcpy(q->mem + q->tail + HEAD, b.ptr, b.len);
	q->tail += need;
	q->used += need;
	q->count++;
	return true;
}

/* Where the first entry begins; what lies idle before it is passed over. */
static size_t first_at(const struct queue *q)
{
	return q->head == q->size || length_at(q, q->head) == SKIP ? 0 : q->head;
}

bool queue_first(const struct queue *q, uint64_t *tag, struct bytes *b)
{
	size_t at;

	if (!q->count)
		return false;
	at = first_at(q);
	memcpy(tag, q->mem + at + 8, sizeof(*tag));
	*b = BYTES(q->mem + at + HEAD, length_at(q, at));
	return true;
}

void queue_drop(struct queue *q)
{
	size_t at = first_at(q), size = entry_size(length_at(q, at));

	if (at != q->head)
		q->used -= q->size - q->head;
	q->head = at + size;
	q->used -= size;
	if (--q->count == 0)
		q->head = q->tail = q->used = 0;
}
