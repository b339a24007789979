/* sctp_hold: the memory of SCTP reassembly: chunks that wait, and what is known of each stream. */
#include "libcommon/net/sctp_hold.h"

enum { ALIGN = 64 };

struct hold_block {
	uint32_t more; /* further bytes; in the free list: the next one */
	union {
		uint8_t rest[HOLD_BLOCK - 8];
		struct {
			uint32_t chain[HOLD_TABLES];
			uint32_t tsn, mid, fsn, ppid, missing, len;
			uint16_t sid;
			uint8_t flags;
			bool interleaved, by_place;
			uint64_t owner, n, ts;
			uint8_t bytes[HOLD_BLOCK - HOLD_HEAD];
		} head;
	};
};

_Static_assert(sizeof(struct hold_block) == HOLD_BLOCK, "a block has the size it says");

/* ---- memory ----------------------------------------------------------------------------- */

static void *carve(uint8_t *memory, size_t *used, uint64_t count, size_t size)
{
	void *at = memory ? memory + *used : NULL;

	*used += (count * size + ALIGN - 1) / ALIGN * ALIGN;
	return at;
}

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = 64;

	while (p < n && p < 1u << 30)
		p *= 2;
	return p;
}

size_t hold_layout(struct hold *h, uint8_t *memory, size_t size, uint32_t streams)
{
	size_t used = 0;
	uint32_t blocks = size / HOLD_BLOCK > INT32_MAX ? INT32_MAX : (uint32_t)(size / HOLD_BLOCK);
	uint32_t buckets = power_of_two(blocks), stream_buckets = power_of_two(streams);

	h->max_streams = streams;
	h->block_mask = buckets - 1;
	h->stream_mask = stream_buckets - 1;
	h->streams = carve(memory, &used, streams, sizeof(*h->streams));
	h->stream_buckets = carve(memory, &used, stream_buckets, 4);
	for (unsigned i = 0; i < HOLD_TABLES; i++)
		h->buckets[i] = carve(memory, &used, buckets, 4);
	/* A chunk of any size must always find room. */
	if (used > size || (size - used) / HOLD_BLOCK < hold_blocks_for(HOLD_MAX))
		return 0;
	h->max_blocks = (uint32_t)((size - used) / HOLD_BLOCK);
	h->blocks = carve(memory, &used, h->max_blocks, HOLD_BLOCK);
	if (!memory)
		return size;
	memset(h->stream_buckets, 0xff, stream_buckets * sizeof(uint32_t));
	for (unsigned i = 0; i < HOLD_TABLES; i++)
		memset(h->buckets[i], 0xff, buckets * sizeof(uint32_t));
	h->used = h->touched = h->streams_used = h->streams_touched = 0;
	h->free = h->streams_free = HOLD_NIL;
	return size;
}

static uint32_t block_get(struct hold *h)
{
	uint32_t at = h->free;

	h->used++;
	if (at == HOLD_NIL)
		return h->touched++;
	h->free = h->blocks[at].more;
	return at;
}

static void block_put(struct hold *h, uint32_t at)
{
	h->blocks[at].more = h->free;
	h->free = at;
	h->used--;
}

/* ---- tables ----------------------------------------------------------------------------- */

/* NH of UMAC on four words, as the flow table's. */
static uint64_t mix(const struct hold *h, uint64_t owner, uint64_t a, uint64_t b)
{
	unsigned __int128 sum = (unsigned __int128)(owner + h->secret[0]) * (a + h->secret[1]) +
				(unsigned __int128)(b + h->secret[2]) * h->secret[3];

	sum = (unsigned __int128)((uint64_t)sum ^ h->secret[4]) *
	      ((uint64_t)(sum >> 64) ^ h->secret[5]);
	return (uint64_t)sum ^ (uint64_t)(sum >> 64);
}

static uint32_t *tsn_bucket(const struct hold *h, uint64_t owner, uint32_t tsn)
{
	return &h->buckets[BY_TSN][mix(h, owner, tsn, 0) & h->block_mask];
}

static uint32_t *place_bucket(const struct hold *h, const struct hold_place *p)
{
	uint64_t hash = mix(h, p->owner, (uint64_t)p->fsn << 32 | p->mid, p->sid + 1ull);

	return &h->buckets[BY_PLACE][hash & h->block_mask];
}

static struct hold_place place_of(const struct hold_block *b)
{
	return (struct hold_place){ b->head.owner, b->head.mid, b->head.fsn, b->head.sid };
}

uint32_t hold_find(const struct hold *h, uint64_t owner, uint32_t tsn)
{
	uint32_t at = *tsn_bucket(h, owner, tsn);

	while (at != HOLD_NIL &&
	       (h->blocks[at].head.tsn != tsn || h->blocks[at].head.owner != owner))
		at = h->blocks[at].head.chain[BY_TSN];
	return at;
}

uint32_t hold_find_place(const struct hold *h, const struct hold_place *p)
{
	uint32_t at = *place_bucket(h, p);

	for (; at != HOLD_NIL; at = h->blocks[at].head.chain[BY_PLACE]) {
		struct hold_place q = place_of(&h->blocks[at]);

		if (q.owner == p->owner && q.mid == p->mid && q.fsn == p->fsn && q.sid == p->sid)
			break;
	}
	return at;
}

static void link_in(struct hold *h, uint32_t at, uint32_t *bucket, unsigned which)
{
	h->blocks[at].head.chain[which] = *bucket;
	*bucket = at;
}

static void link_out(struct hold *h, uint32_t at, uint32_t *bucket, unsigned which)
{
	while (*bucket != at)
		bucket = &h->blocks[*bucket].head.chain[which];
	*bucket = h->blocks[at].head.chain[which];
}

/* ---- chunks ----------------------------------------------------------------------------- */

void hold_put(struct hold *h, uint64_t owner, const struct sctp_data *d, bool by_place)
{
	uint32_t first = block_get(h), at = first;
	struct hold_block *b = &h->blocks[first];
	size_t left = d->bytes.len, n = left < sizeof(b->head.bytes) ? left : sizeof(b->head.bytes);
	const uint8_t *from = d->bytes.ptr;

	b->head.tsn = d->tsn;
	b->head.mid = d->mid;
	b->head.fsn = d->fsn;
	b->head.ppid = d->ppid;
	b->head.missing = d->missing;
	b->head.len = (uint32_t)left;
	b->head.sid = d->sid;
	b->head.flags = d->flags;
	b->head.interleaved = d->interleaved;
	b->head.by_place = by_place;
	b->head.owner = owner;
	b->head.n = d->n;
	b->head.ts = d->ts;
	if (n)
		memcpy(b->head.bytes, from, n);
	for (left -= n, from += n; left; left -= n, from += n) {
		uint32_t more = block_get(h);

		h->blocks[at].more = more;
		at = more;
		n = left < sizeof(b->rest) ? left : sizeof(b->rest);
		memcpy(h->blocks[at].rest, from, n);
	}
	h->blocks[at].more = HOLD_NIL;
	link_in(h, first, tsn_bucket(h, owner, d->tsn), BY_TSN);
	if (by_place) {
		struct hold_place p = place_of(&h->blocks[first]);

		link_in(h, first, place_bucket(h, &p), BY_PLACE);
	}
}

struct sctp_data hold_look(const struct hold *h, uint32_t at, uint8_t *buffer)
{
	const struct hold_block *b = &h->blocks[at];
	size_t len = b->head.len, done, n;

	done = len < sizeof(b->head.bytes) ? len : sizeof(b->head.bytes);
	memcpy(buffer, b->head.bytes, done);
	for (at = b->more; done < len; at = h->blocks[at].more, done += n) {
		n = len - done < sizeof(b->rest) ? len - done : sizeof(b->rest);
		memcpy(buffer + done, h->blocks[at].rest, n);
	}
	return (struct sctp_data){
		.tsn = b->head.tsn,
		.mid = b->head.mid,
		.fsn = b->head.fsn,
		.ppid = b->head.ppid,
		.missing = b->head.missing,
		.sid = b->head.sid,
		.flags = b->head.flags,
		.interleaved = b->head.interleaved,
		.n = b->head.n,
		.ts = b->head.ts,
		.bytes = BYTES(buffer, len),
	};
}

struct sctp_data hold_take(struct hold *h, uint32_t at, uint8_t *buffer)
{
	struct sctp_data d = hold_look(h, at, buffer);
	struct hold_block *b = &h->blocks[at];

	link_out(h, at, tsn_bucket(h, b->head.owner, b->head.tsn), BY_TSN);
	if (b->head.by_place) {
		struct hold_place p = place_of(b);

		link_out(h, at, place_bucket(h, &p), BY_PLACE);
	}
	while (at != HOLD_NIL) {
		uint32_t more = h->blocks[at].more;

		block_put(h, at);
		at = more;
	}
	return d;
}

/* ---- streams ---------------------------------------------------------------------------- */

static uint32_t *stream_bucket(const struct hold *h, uint64_t owner, uint16_t sid)
{
	return &h->stream_buckets[mix(h, owner, sid, 1) & h->stream_mask];
}

struct hold_stream *hold_stream_find(struct hold *h, uint64_t owner, uint16_t sid)
{
	uint32_t at = *stream_bucket(h, owner, sid);

	for (; at != HOLD_NIL; at = h->streams[at].chain) {
		if (h->streams[at].sid == sid && h->streams[at].owner == owner)
			return &h->streams[at];
	}
	return NULL;
}

struct hold_stream *hold_stream_add(struct hold *h, uint64_t owner, uint16_t sid, uint32_t *list)
{
	uint32_t *bucket = stream_bucket(h, owner, sid), at = h->streams_free;

	if (h->streams_used == h->max_streams)
		return NULL;
	if (at == HOLD_NIL)
		at = h->streams_touched++;
	else
		h->streams_free = h->streams[at].chain;
	h->streams[at] = (struct hold_stream){
		.owner = owner, .sid = sid, .chain = *bucket, .next_of_owner = *list
	};
	*bucket = *list = at;
	h->streams_used++;
	return &h->streams[at];
}

struct hold_stream *hold_stream_next(struct hold *h, uint32_t list, const struct hold_stream *t)
{
	uint32_t at = t ? t->next_of_owner : list;

	return at == HOLD_NIL ? NULL : &h->streams[at];
}

void hold_streams_drop(struct hold *h, uint32_t *list)
{
	while (*list != HOLD_NIL) {
		uint32_t at = *list;
		struct hold_stream *s = &h->streams[at];
		uint32_t *link = stream_bucket(h, s->owner, s->sid);

		*list = s->next_of_owner;
		while (*link != at)
			link = &h->streams[*link].chain;
		*link = s->chain;
		s->chain = h->streams_free;
		h->streams_free = at;
		h->streams_used--;
	}
}
