/* dns_pool: blocks of two sizes in memory that is taken at the start. */
#include "cmd/dns/dns_pool.h"

#include <sys/mman.h>

#include "libcommon/base/die.h"

/* In front of a block that is split. */
struct dns_pool_slab {
	struct dns_pool_slab *next, *prev; /* in `partial`, while it has room */
	void *free;
	uint32_t used, touched;
};

_Static_assert(sizeof(struct dns_pool_slab) + DNS_POOL_SPLIT * DNS_POOL_SMALL <= DNS_POOL_LARGE,
	       "the small ones fit into a large one");

void dns_pool_open(struct dns_pool *p, uint64_t bytes)
{
	*p = (struct dns_pool){ .blocks = (size_t)(bytes / DNS_POOL_LARGE) };
	if (!p->blocks)
		return;
	if (bytes > SIZE_MAX / 2)
		die("memory for remembered transactions: too much");
	p->memory = mmap(NULL, p->blocks * DNS_POOL_LARGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->memory == MAP_FAILED)
		die_errno("memory for remembered transactions");
}

void dns_pool_close(struct dns_pool *p)
{
	if (p->memory)
		munmap(p->memory, p->blocks * DNS_POOL_LARGE);
	*p = (struct dns_pool){ 0 };
}

static void *block_take(struct dns_pool *p)
{
	void *block = p->free;

	if (block)
		p->free = *(void **)block;
	else if (p->touched < p->blocks)
		block = p->memory + p->touched++ * DNS_POOL_LARGE;
	return block;
}

static void block_give(struct dns_pool *p, void *block)
{
	*(void **)block = p->free;
	p->free = block;
}

static void slab_push(struct dns_pool *p, struct dns_pool_slab *s)
{
	s->prev = NULL;
	s->next = p->partial;
	if (s->next)
		s->next->prev = s;
	p->partial = s;
}

static void slab_remove(struct dns_pool *p, struct dns_pool_slab *s)
{
	*(s->prev ? &s->prev->next : &p->partial) = s->next;
	if (s->next)
		s->next->prev = s->prev;
}

static void *small_take(struct dns_pool *p)
{
	struct dns_pool_slab *s = p->partial;
	void *small;

	if (!s) {
		s = block_take(p);
		if (!s)
			return NULL;
		*s = (struct dns_pool_slab){ 0 };
		slab_push(p, s);
	}
	small = s->free;
	if (small)
		s->free = *(void **)small;
	else
		small = (uint8_t *)(s + 1) + s->touched++ * DNS_POOL_SMALL;
	if (++s->used == DNS_POOL_SPLIT)
		slab_remove(p, s);
	return small;
}

static void small_give(struct dns_pool *p, void *small)
{
	size_t at = (size_t)((uint8_t *)small - p->memory) / DNS_POOL_LARGE;
	struct dns_pool_slab *s = (void *)(p->memory + at * DNS_POOL_LARGE);

	if (s->used == DNS_POOL_SPLIT)
		slab_push(p, s);
	*(void **)small = s->free;
	s->free = small;
	if (--s->used)
		return;
	slab_remove(p, s);
	block_give(p, s);
}

void *dns_pool_take(struct dns_pool *p, bool large)
{
	return large ? block_take(p) : small_take(p);
}

void dns_pool_give(struct dns_pool *p, void *block, bool large)
{
	if (large)
		block_give(p, block);
	else
		small_give(p, block);
}
