/* l7_pool: a free list over chunks of equal blocks. */
#include "libcommon/stage/l7_pool.h"

#include <stdlib.h>
#include <string.h>

#include "libcommon/base/die.h"

enum { LINE = 64, CHUNK_BLOCKS = 64 };

void l7_pool_init(struct l7_pool *p, size_t size)
{
	*p = (struct l7_pool){ .size = (size + LINE - 1) / LINE * LINE };
}

void l7_pool_release(struct l7_pool *p)
{
	while (p->chunks) {
		void *next = *(void **)p->chunks;

		free(p->chunks);
		p->chunks = next;
	}
	p->free = NULL;
}

static void grow(struct l7_pool *p)
{
	char *chunk = aligned_alloc(LINE, LINE + CHUNK_BLOCKS * p->size);

	if (!chunk)
		die("out of memory");
	*(void **)chunk = p->chunks; /* the first line links the chunks */
	p->chunks = chunk;
	for (size_t i = CHUNK_BLOCKS; i-- > 0;)
		l7_pool_give(p, chunk + LINE + i * p->size);
}

void *l7_pool_take(struct l7_pool *p)
{
	void *block;

	if (!p->free)
		grow(p);
	block = p->free;
	p->free = *(void **)block;
	return memset(block, 0, p->size);
}

void l7_pool_give(struct l7_pool *p, void *block)
{
	if (!block)
		return;
	*(void **)block = p->free;
	p->free = block;
}
