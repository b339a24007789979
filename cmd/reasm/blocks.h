/* blocks: the bounded pool of buffers that hold bytes which came ahead of a hole.
 *
 * Memory grows in chunks up to the cap and is kept, so that nothing is allocated per packet
 * once the pool has reached its working size. */
#ifndef WEIR_REASM_BLOCKS_H
#define WEIR_REASM_BLOCKS_H

#include "libcommon/base/bytes.h"

enum { BLOCK_SIZE = 4096 };

/* Adjacent bytes of one direction: [offset, offset + len). */
struct block {
	struct block *prev, *next;
	uint64_t offset;
	uint32_t len;               /* <= BLOCK_SIZE, unless missing */
	bool missing;               /* bytes that the capture lacks: no data */
	uint64_t first_n, first_ts; /* frame that brought the first byte, and its time, ns */
	uint8_t *data;              /* BLOCK_SIZE bytes */
};

struct block_pool {
	struct block *free;
	void **chunks;
	size_t nchunks, max_chunks;
	size_t used, made, max; /* blocks: out, in existence, allowed */
	size_t peak;
};

static inline uint64_t block_end(const struct block *b)
{
	return b->offset + b->len;
}

/* memory: bytes allowed, rounded down to blocks, at least 16 of them. */
void block_pool_init(struct block_pool *p, uint64_t memory);
void block_pool_release(struct block_pool *p);
/* A block with everything but `data` zero; NULL when the cap is reached. */
struct block *block_take(struct block_pool *p);
void block_give(struct block_pool *p, struct block *b);
/* How many more can be taken. */
static inline size_t block_pool_left(const struct block_pool *p)
{
	return p->max - p->used;
}

#endif
