/* assembly_group: the memory that the directions of a group share, and who holds how much of it. */
#include "libcommon/net/assembly_group.h"

static void holder_unlink(struct holder *h)
{
	h->prev->next = h->next;
	h->next->prev = h->prev;
	h->prev = h->next = NULL;
}

static void holder_append(struct holder *list, struct holder *h)
{
	h->prev = list->prev;
	h->next = list;
	list->prev->next = h;
	list->prev = h;
}

void holder_update(struct assembly_group *g, struct assembly *a)
{
	uint8_t list = a->blocks ? (uint8_t)(32 - __builtin_clz(a->blocks)) : 0;

	if (list == a->list)
		return;
	if (a->list)
		holder_unlink(&a->holder);
	if (list)
		holder_append(&g->holders[list], &a->holder);
	a->list = list;
}

struct assembly *largest_holder(struct assembly_group *g)
{
	for (int i = ASSEMBLY_HOLDER_LISTS - 1; i > 0; i--)
		if (g->holders[i].next != &g->holders[i])
			return (struct assembly *)((char *)g->holders[i].next -
						   offsetof(struct assembly, holder));
	return NULL;
}

/* ---- the group ---- */

static uint64_t log_size(const struct assembly_limits *l)
{
	return assembly_history_log_size(l->history_log, l->history);
}

static size_t log_at(const struct assembly_limits *l)
{
	return (block_pool_size(l->memory) + 63) / 64 * 64;
}

size_t assembly_group_size(const struct assembly_limits *limits)
{
	return log_at(limits) + log_size(limits);
}

void assembly_group_init(struct assembly_group *g, void *memory,
			 const struct assembly_limits *limits, const struct assembly_sink *sink)
{
	*g = (struct assembly_group){ .limits = *limits, .sink = *sink };
	block_pool_init(&g->pool, memory, limits->memory);
	assembly_history_init(&g->history, (uint8_t *)memory + log_at(limits), log_size(limits),
			      limits->history);
	for (int i = 0; i < ASSEMBLY_HOLDER_LISTS; i++)
		g->holders[i].prev = g->holders[i].next = &g->holders[i];
}
