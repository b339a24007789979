/* sctp_hold: the memory of SCTP reassembly, for sctp_streams.c: chunks that wait, and what is known
 * of each stream, found by number in constant time.
 *
 * A chunk lies in a chain of blocks and is in two tables: by its TSN, and, where something may look
 * for it so, by the place that it has in its message. */
#ifndef WEIR_SCTP_HOLD_H
#define WEIR_SCTP_HOLD_H

#include "libcommon/base/bytes.h"

enum { HOLD_BLOCK = 256, HOLD_HEAD = 72, HOLD_MAX = 65536 };
#define HOLD_NIL UINT32_MAX

enum { BY_TSN, BY_PLACE, HOLD_TABLES };

/* One DATA or I-DATA chunk. */
struct sctp_data {
	uint32_t tsn, mid; /* mid: the SSN of a DATA chunk */
	uint32_t fsn;      /* I-DATA; 0 for the first fragment */
	uint32_t ppid;
	uint32_t missing; /* bytes that the capture lacks */
	uint16_t sid;
	uint8_t flags;    /* of the chunk: 1 end, 2 begin, 4 unordered */
	bool interleaved; /* I-DATA */
	uint64_t n, ts;
	struct bytes bytes;
};

struct hold_place {
	uint64_t owner;
	uint32_t mid, fsn;
	uint16_t sid;
};

struct hold_stream {
	uint64_t owner;
	uint32_t chain, next_of_owner;
	uint32_t next;       /* SSN or MID that comes next */
	uint32_t open_at;    /* TSN or FSN at which the open message goes on */
	uint32_t ppid;       /* of the open message */
	uint32_t last_tsn;   /* delivered */
	uint32_t reset_mark; /* which request names it: sctp_streams_reset.c */
	uint16_t sid;
	bool known, open; /* next is known; part of message `next` was delivered */
};

struct hold_block;

struct hold {
	struct hold_block *blocks;
	struct hold_stream *streams;
	uint32_t *buckets[HOLD_TABLES], *stream_buckets;
	uint32_t max_blocks, max_streams, block_mask, stream_mask;
	uint32_t used, touched, free;
	uint32_t streams_used, streams_touched, streams_free;
	uint64_t secret[6];
};

/* Lays tables and blocks out in `size` bytes; 0: too little. memory NULL: only says. */
size_t hold_layout(struct hold *h, uint8_t *memory, size_t size, uint32_t streams);

static inline uint32_t hold_blocks_for(size_t len)
{
	enum { FIRST = HOLD_BLOCK - HOLD_HEAD, MORE = HOLD_BLOCK - 8 };

	return len <= FIRST ? 1 : 1 + (uint32_t)((len - FIRST + MORE - 1) / MORE);
}
static inline uint32_t hold_blocks_left(const struct hold *h)
{
	return h->max_blocks - h->used;
}

/* Copies the chunk. There must be blocks for it. */
void hold_put(struct hold *h, uint64_t owner, const struct sctp_data *d, bool by_place);
/* HOLD_NIL where there is none. */
uint32_t hold_find(const struct hold *h, uint64_t owner, uint32_t tsn);
uint32_t hold_find_place(const struct hold *h, const struct hold_place *place);
/* The chunk, its bytes copied to `buffer` of HOLD_MAX bytes. */
struct sctp_data hold_look(const struct hold *h, uint32_t at, uint8_t *buffer);
/* The same, and it is out. */
struct sctp_data hold_take(struct hold *h, uint32_t at, uint8_t *buffer);

struct hold_stream *hold_stream_find(struct hold *h, uint64_t owner, uint16_t sid);
/* NULL where there is no room. *list: the owner's streams; HOLD_NIL at first. */
struct hold_stream *hold_stream_add(struct hold *h, uint64_t owner, uint16_t sid, uint32_t *list);
/* The stream behind t, NULL: the first, of the owner's list. NULL at the end. */
struct hold_stream *hold_stream_next(struct hold *h, uint32_t list, const struct hold_stream *t);
void hold_streams_drop(struct hold *h, uint32_t *list);

#endif
