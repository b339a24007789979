/* assembly_pool: a free list over buffers, the never used ones behind it. */
#include "libcommon/net/assembly_pool.h"

enum { MIN_BLOCKS = 16 };

static size_t blocks_of(uint64_t memory)
{
	return memory / BLOCK_SIZE < MIN_BLOCKS ? MIN_BLOCKS : (size_t)(memory / BLOCK_SIZE);
}

static size_t heads_of(size_t blocks)
{
	return (blocks * sizeof(struct block) + 63) / 64 * 64;
}

size_t block_pool_size(uint64_t memory)
{
	size_t n = blocks_of(memory);

	return heads_of(n) + n * BLOCK_SIZE;
}

void block_pool_init(struct block_pool *p, void *on, uint64_t memory)
{
	size_t n = blocks_of(memory);

	*p = (struct block_pool){
		.blocks = on,
		.data = (uint8_t *)on + heads_of(n),
		.max = n,
	};
}

struct block *block_take(struct block_pool *p)
{
	struct block *b = p->free;

	if (b) {
		p->free = b->next;
	} else if (p->touched < p->max) {
		b = &p->blocks[p->touched];
		b->data = p->data + p->touched * BLOCK_SIZE;
		p->touched++;
	} else {
		return NULL;
	}
	if (++p->used > p->peak)
		p->peak = p->used;
	*b = (struct block){ .data = b->data };
	return b;
}

void block_give(struct block_pool *p, struct block *b)
{
	b->next = p->free;
	p->free = b;
	p->used--;
}
