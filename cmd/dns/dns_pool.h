/* dns_pool: remembered transactions, small and large ones, in memory that is taken at the start.
 *
 * Blocks of one size; a small one takes an eighth of such a block, which is whole again as soon as
 * its eight are given back. Memory is touched only as it is used. */
#ifndef WEIR_DNS_POOL_H
#define WEIR_DNS_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DNS_POOL_SMALL = 176, DNS_POOL_LARGE = 1440, DNS_POOL_SPLIT = 8 };

struct dns_pool_slab;

struct dns_pool {
	uint8_t *memory;
	size_t blocks, touched;
	void *free;                    /* whole blocks that were given back */
	struct dns_pool_slab *partial; /* blocks with room for a small one */
};

/* `bytes` of memory, less than a block is none. Ends the process (1) where there is none to have.
 */
void dns_pool_open(struct dns_pool *p, uint64_t bytes);
void dns_pool_close(struct dns_pool *p);
/* A block of DNS_POOL_LARGE or DNS_POOL_SMALL bytes, whatever they hold; NULL: all are out. */
void *dns_pool_take(struct dns_pool *p, bool large);
void dns_pool_give(struct dns_pool *p, void *block, bool large);

#endif
