/* assembly_pool: the bounded pool of buffers that hold bytes which came ahead of a hole.
 *
 * Lies on the caller's memory, which is touched only as far as it is used at one time. */
#ifndef WEIR_ASSEMBLY_POOL_H
#define WEIR_ASSEMBLY_POOL_H

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
	struct block *free, *blocks;
	uint8_t *data;
	size_t touched, used, max; /* blocks: ever out, out, allowed */
	size_t peak;
};

static inline uint64_t block_end(const struct block *b)
{
	return b->offset + b->len;
}

/* Bytes of memory for a pool of `memory` bytes of buffers: at least 16 of them. */
size_t block_pool_size(uint64_t memory);
/* on: block_pool_size() bytes, aligned to 64. */
void block_pool_init(struct block_pool *p, void *on, uint64_t memory);
/* A block with everything but `data` zero; NULL when all are out. */
struct block *block_take(struct block_pool *p);
void block_give(struct block_pool *p, struct block *b);
/* How many more can be taken. */
static inline size_t block_pool_left(const struct block_pool *p)
{
	return p->max - p->used;
}

#endif
