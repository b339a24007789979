/* blocks: a free list over chunks of buffers. */
#include "cmd/reasm/blocks.h"

#include <stdlib.h>

#include "libcommon/base/die.h"

enum { CHUNK_BLOCKS = 64, MIN_BLOCKS = 16 };

struct chunk {
	struct block blocks[CHUNK_BLOCKS];
	uint8_t data[CHUNK_BLOCKS][BLOCK_SIZE];
};

void block_pool_init(struct block_pool *p, uint64_t memory)
{
	*p = (struct block_pool){ .max = (size_t)(memory / BLOCK_SIZE) };
	if (p->max < MIN_BLOCKS)
		p->max = MIN_BLOCKS;
	p->max_chunks = (p->max + CHUNK_BLOCKS - 1) / CHUNK_BLOCKS;
	p->chunks = xcalloc(p->max_chunks, sizeof(*p->chunks));
}

void block_pool_release(struct block_pool *p)
{
	for (size_t i = 0; i < p->nchunks; i++)
		free(p->chunks[i]);
	free(p->chunks);
	*p = (struct block_pool){ 0 };
}

static void grow(struct block_pool *p)
{
	struct chunk *c = xcalloc(1, sizeof(*c));
	size_t n = p->max - p->made;

	if (n > CHUNK_BLOCKS)
		n = CHUNK_BLOCKS;
	for (size_t i = n; i-- > 0;) {
		c->blocks[i].data = c->data[i];
		c->blocks[i].next = p->free;
		p->free = &c->blocks[i];
	}
	p->made += n;
	p->chunks[p->nchunks++] = c;
}

struct block *block_take(struct block_pool *p)
{
	struct block *b;

	if (p->used == p->max)
		return NULL;
	if (!p->free)
		grow(p);
	b = p->free;
	p->free = b->next;
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
