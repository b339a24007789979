/* l7_pool: blocks of one size, made in chunks and used again; given back to the system at the end.
 */
#ifndef WEIR_L7_POOL_H
#define WEIR_L7_POOL_H

#include <stddef.h>

struct l7_pool {
	size_t size; /* of a block, rounded up to 64 */
	void *free, *chunks;
};

void l7_pool_init(struct l7_pool *p, size_t size);
void l7_pool_release(struct l7_pool *p);
/* Never NULL. Zeroed. */
void *l7_pool_take(struct l7_pool *p);
/* NULL is fine. */
void l7_pool_give(struct l7_pool *p, void *block);

#endif
