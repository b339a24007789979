/* assembly_history: a log of delivered bytes, written round and round. */
#include "libcommon/net/assembly_history.h"

enum { AHEAD = 8, LINE = 64 }; /* cache lines that are asked for before they are written */

struct piece {
	uint64_t prev, offset; /* position of the direction's piece before this one */
	uint64_t len;
	/* and the bytes */
};

uint64_t assembly_history_log_size(uint64_t wanted, uint32_t keep)
{
	uint64_t size = HISTORY_LOG_MIN;

	if (!keep)
		return 0;
	while (size / 2 < keep + sizeof(struct piece) || size * 2 <= wanted)
		size *= 2;
	return size;
}

void assembly_history_init(struct assembly_history *h, uint8_t *log, uint64_t size, uint32_t keep)
{
	*h = (struct assembly_history){
		.log = size ? log : NULL,
		.size = size,
		.end = size, /* so that no position is 0 */
		.keep = keep,
	};
}

static struct piece *piece_at(const struct assembly_history *h, uint64_t at)
{
	return (struct piece *)(h->log + (at & (h->size - 1)));
}

/* Not yet written over? */
static bool is_there(const struct assembly_history *h, uint64_t at)
{
	return at && h->end - at <= h->size;
}

/* Asks for the memory that comes next. */
static void ask_ahead(const struct assembly_history *h)
{
	for (unsigned i = 1; i <= AHEAD; i++)
		__builtin_prefetch(h->log + ((h->end + i * LINE) & (h->size - 1)), 1);
}

/* Adds to the newest piece, where it is the direction's and goes on there. */
static bool extend(struct assembly_history *h, uint64_t last, uint64_t offset, struct bytes data)
{
	struct piece *p;

	if (!last || last != h->newest)
		return false;
	p = piece_at(h, last);
	if (p->offset + p->len != offset || p->len + data.len > h->keep ||
	    (last & (h->size - 1)) + sizeof(*p) + p->len + data.len > h->size)
		return false;
	memcpy((uint8_t *)(p + 1) + p->len, data.ptr, data.len);
	p->len += data.len;
	h->end += data.len;
	ask_ahead(h);
	return true;
}

void assembly_history_add(struct assembly_history *h, uint64_t *last, uint64_t offset,
			  struct bytes data)
{
	uint64_t at = (h->end + 7) & ~(uint64_t)7;
	struct piece *p;

	if (data.len > h->keep) {
		offset += data.len - h->keep;
		data = BYTES(data.ptr + data.len - h->keep, h->keep);
	}
	if (extend(h, *last, offset, data))
		return;
	if ((at & (h->size - 1)) + sizeof(*p) + data.len > h->size)
		at = (at | (h->size - 1)) + 1;
	p = piece_at(h, at);
	*p = (struct piece){ *last, offset, data.len };
	memcpy(p + 1, data.ptr, data.len);
	*last = h->newest = at;
	h->end = at + sizeof(*p) + data.len;
	ask_ahead(h);
}

void difference_note(struct difference *d, uint64_t at, const uint8_t *had, const uint8_t *got,
		     size_t n)
{
	bool none = d->from == d->to;

	if (none || at + n > d->to)
		d->to = at + n;
	if (!none && at >= d->from)
		return;
	d->from = at;
	d->shown = (uint8_t)(n < HISTORY_SHOWN ? n : HISTORY_SHOWN);
	memcpy(d->had, had, d->shown);
	memcpy(d->got, got, d->shown);
}

uint64_t assembly_history_compare(const struct assembly_history *h, uint64_t last, uint64_t next,
				  uint64_t offset, struct bytes data, struct difference *d)
{
	uint64_t end = offset + data.len, compared = 0;
	uint64_t oldest = next > h->keep ? next - h->keep : 0;

	if (!h->log)
		return 0;
	for (unsigned i = 0; i < HISTORY_PIECES && is_there(h, last); i++) {
		const struct piece *p = piece_at(h, last);
		const uint8_t *bytes = (const uint8_t *)(p + 1);
		uint64_t lo = p->offset > offset ? p->offset : offset;
		uint64_t hi = p->offset + p->len < end ? p->offset + p->len : end;

		if (p->offset + p->len <= offset || p->offset + p->len <= oldest)
			break;
		if (lo < hi) {
			compared += hi - lo;
			if (memcmp(bytes + (lo - p->offset), data.ptr + (lo - offset), hi - lo) !=
			    0)
				difference_note(d, lo, bytes + (lo - p->offset),
						data.ptr + (lo - offset), hi - lo);
		}
		last = p->prev;
	}
	return compared;
}
