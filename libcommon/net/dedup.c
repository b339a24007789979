/* dedup: frames that a capture holds twice. */
#include "libcommon/net/dedup.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { FRAMES = 16384, RING_BYTES = 8 << 20, CHAIN_MAX = 16, NIL = 0xffffffff };

struct entry {
	uint64_t hash, ts;
	uint64_t at; /* where its bytes lie in the ring, never wrapping */
	uint32_t len, wire_len;
	uint32_t next; /* in its bucket, newer */
	bool outgoing, paired;
};

/* Oldest first, so that the oldest frame of all is always the first of its bucket. */
struct bucket {
	uint32_t oldest, newest;
};

struct dedup {
	struct dedup_config config;
	uint64_t first, end; /* entries are numbered through; those from first on are kept */
	uint64_t head;       /* of the ring of bytes */
	uint64_t overrun;
	uint32_t mask; /* of entries and buckets */
	uint8_t *ring;
	struct entry *entries;
	struct bucket buckets[];
};

static struct dedup_config filled_in(const struct dedup_config *config)
{
	struct dedup_config c = *config;
	uint32_t frames = 1;

	if (!c.frames)
		c.frames = FRAMES;
	if (!c.bytes)
		c.bytes = RING_BYTES;
	while (frames < c.frames && frames < 1u << 24)
		frames *= 2;
	c.frames = frames;
	return c;
}

size_t dedup_size(const struct dedup_config *config)
{
	struct dedup_config c = filled_in(config);

	return sizeof(struct dedup) + c.frames * (sizeof(struct bucket) + sizeof(struct entry)) +
	       sizeof(struct entry) + c.bytes;
}

struct dedup *dedup_init(void *memory, const struct dedup_config *config)
{
	struct dedup *d = memory;
	uintptr_t at;

	memset(d, 0, sizeof(*d));
	d->config = filled_in(config);
	d->mask = d->config.frames - 1;
	at = (uintptr_t)(d->buckets + d->config.frames);
	at = (at + _Alignof(struct entry) - 1) & ~(uintptr_t)(_Alignof(struct entry) - 1);
	d->entries = (struct entry *)at;
	d->ring = (uint8_t *)(d->entries + d->config.frames);
	memset(d->buckets, 0xff, d->config.frames * sizeof(struct bucket)); /* NIL */
	return d;
}

/* The bytes that copies share. A cooked header says which way the frame went, and on which
 * interface it was seen: LINUX_SLL in its first two bytes, LINUX_SLL2 in those from 4 to 11. */
static struct bytes compared(const struct dedup_frame *f)
{
	size_t skip = f->link_type == 113 ? 2 : f->link_type == 276 ? 11 : 0;

	if (skip > f->data.len)
		skip = f->data.len;
	return BYTES(f->data.ptr + skip, f->data.len - skip);
}

static bool went_out(const struct dedup_frame *f)
{
	if (f->link_type == 113 && f->data.len >= 2)
		return be16_get(f->data.ptr) == 4;
	if (f->link_type == 276 && f->data.len >= 11)
		return f->data.ptr[10] == 4;
	return f->outgoing;
}

static bool in_window(const struct dedup *d, const struct entry *e, uint64_t ts)
{
	return (ts > e->ts ? ts - e->ts : e->ts - ts) <= d->config.window;
}

/* Gives up the oldest frame. `ts`: of the frame that needs its place. */
static void forget_oldest(struct dedup *d, uint64_t ts)
{
	struct entry *e = &d->entries[d->first++ & d->mask];

	d->buckets[e->hash & d->mask].oldest = e->next;
	d->overrun += in_window(d, e, ts);
}

static bool ring_equals(const struct dedup *d, const struct entry *e, struct bytes b)
{
	size_t at = (size_t)(e->at % d->config.bytes), piece = d->config.bytes - at;

	if (piece > b.len)
		piece = b.len;
	return memcmp(d->ring + at, b.ptr, piece) == 0 &&
	       memcmp(d->ring, b.ptr + piece, b.len - piece) == 0;
}

static void ring_write(struct dedup *d, struct bytes b)
{
	size_t at = (size_t)(d->head % d->config.bytes), piece = d->config.bytes - at;

	if (piece > b.len)
		piece = b.len;
	memcpy(d->ring + at, b.ptr, piece);
	memcpy(d->ring, b.ptr + piece, b.len - piece);
	d->head += b.len;
}

static void remember(struct dedup *d, const struct dedup_frame *f, uint64_t hash, struct bytes b)
{
	struct bucket *bucket = &d->buckets[hash & d->mask];
	uint32_t slot;

	if (b.len > d->config.bytes) {
		d->overrun++;
		return;
	}
	while (d->first < d->end &&
	       (d->end - d->first > d->mask ||
		d->head + b.len - d->entries[d->first & d->mask].at > d->config.bytes))
		forget_oldest(d, f->ts);
	slot = (uint32_t)(d->end++ & d->mask);
	d->entries[slot] = (struct entry){ .hash = hash,
					   .ts = f->ts,
					   .at = d->head,
					   .len = (uint32_t)b.len,
					   .wire_len = f->wire_len,
					   .next = NIL,
					   .outgoing = went_out(f) };
	if (bucket->oldest == NIL)
		bucket->oldest = slot;
	else
		d->entries[bucket->newest].next = slot;
	bucket->newest = slot;
	ring_write(d, b);
}

bool dedup_is_copy(struct dedup *d, const struct dedup_frame *f)
{
	struct bytes b = compared(f);
	uint64_t hash = XXH3_64bits_withSeed(b.ptr, b.len, d->config.secret);
	bool outgoing = went_out(f);
	uint32_t slot;

	/* What is too old goes at once, so that chains hold the window's frames only. */
	while (d->first < d->end && !in_window(d, &d->entries[d->first & d->mask], f->ts))
		forget_oldest(d, f->ts);
	slot = d->buckets[hash & d->mask].oldest;
	for (unsigned i = 0; slot != NIL; i++, slot = d->entries[slot].next) {
		struct entry *e = &d->entries[slot];

		if (i == CHAIN_MAX) {
			d->overrun++;
			break;
		}
		if (e->hash != hash || e->len != b.len || e->wire_len != f->wire_len ||
		    !in_window(d, e, f->ts) || !ring_equals(d, e, b))
			continue;
		if (e->outgoing && outgoing)
			continue;
		if (e->outgoing != outgoing) {
			if (e->paired)
				continue;
			e->paired = true;
		}
		return true;
	}
	remember(d, f, hash, b);
	return false;
}

uint64_t dedup_overrun(const struct dedup *d)
{
	return d->overrun;
}
