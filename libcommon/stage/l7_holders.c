/* l7_holders: holders of memory in lists by size, oldest first. */
#include "libcommon/stage/l7_holders.h"

#include <stddef.h>

static unsigned list_of(uint64_t bytes)
{
	return 63 - (unsigned)__builtin_clzll(bytes);
}

static void list_remove(struct l7_holders *h, struct l7_holding *x, unsigned list)
{
	*(x->older ? &x->older->newer : &h->oldest[list]) = x->newer;
	*(x->newer ? &x->newer->older : &h->newest[list]) = x->older;
	if (!h->oldest[list])
		h->lists &= ~(1ull << list);
}

static void list_add(struct l7_holders *h, struct l7_holding *x, unsigned list)
{
	x->newer = NULL;
	x->older = h->newest[list];
	*(x->older ? &x->older->newer : &h->oldest[list]) = x;
	h->newest[list] = x;
	h->lists |= 1ull << list;
}

void l7_holders_set(struct l7_holders *h, struct l7_holding *x, uint64_t bytes)
{
	uint64_t had = x->bytes;

	h->bytes += bytes - had;
	x->bytes = bytes;
	if (had && bytes && list_of(had) == list_of(bytes))
		return;
	if (had)
		list_remove(h, x, list_of(had));
	if (bytes)
		list_add(h, x, list_of(bytes));
}

struct l7_holding *l7_holders_most(const struct l7_holders *h)
{
	return h->lists ? h->oldest[list_of(h->lists)] : NULL;
}
