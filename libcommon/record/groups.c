/* groups: a hash table with chains, and a heap of weights where groups may be replaced. */
#include "libcommon/record/groups.h"

#include <stdlib.h>
#include <sys/random.h>

#include "libcommon/base/die.h"
#include "libcommon/base/distinct.h"

enum { NIL = 0xffffffff };

struct interval {
	uint64_t start, floor; /* floor: what a key that is not in the table may weigh */
	size_t n;              /* its groups */
};

struct groups {
	struct groups_config config;
	struct group *all;
	uint32_t *index, *heap; /* heap: by weight, the lightest first */
	uint32_t mask, free, n, room;
	uint64_t memory, secret;
	struct interval intervals[GROUPS_INTERVALS];
	size_t nintervals;
};

struct groups *groups_new(const struct groups_config *c)
{
	struct groups *g = xcalloc(1, sizeof(*g));
	uint32_t slots = 16;

	g->config = *c;
	if (getrandom(&g->secret, sizeof(g->secret), 0) != sizeof(g->secret))
		die_errno("random numbers");
	g->room = (uint32_t)c->most + GROUPS_INTERVALS;
	while (slots < 2 * (uint64_t)g->room)
		slots *= 2;
	g->all = xcalloc(g->room, sizeof(*g->all));
	g->index = xcalloc(slots, sizeof(*g->index));
	g->heap = xcalloc(g->room, sizeof(*g->heap));
	g->mask = slots - 1;
	g->free = NIL;
	memset(g->index, 0xff, slots * sizeof(*g->index));
	return g;
}

void groups_free(struct groups *g)
{
	if (!g)
		return;
	while (g->nintervals)
		groups_close(g, g->intervals[0].start);
	free(g->all);
	free(g->index);
	free(g->heap);
	free(g);
}

/* ---- the heap ------------------------------------------------------------------------------- */

static void heap_put(struct groups *g, uint32_t place, uint32_t i)
{
	g->heap[place] = i;
	g->all[i].place = place;
}

static uint64_t heap_weight(const struct groups *g, uint32_t place)
{
	return g->all[g->heap[place]].weight;
}

/* What is in place p has become heavier, or is new there. */
static void heap_down(struct groups *g, uint32_t p)
{
	uint32_t i = g->heap[p];

	for (;;) {
		uint32_t child = 2 * p + 1;

		if (child >= g->n)
			break;
		if (child + 1 < g->n && heap_weight(g, child + 1) < heap_weight(g, child))
			child++;
		if (heap_weight(g, child) >= g->all[i].weight)
			break;
		heap_put(g, p, g->heap[child]);
		p = child;
	}
	heap_put(g, p, i);
}

static void heap_up(struct groups *g, uint32_t p)
{
	uint32_t i = g->heap[p];

	while (p && heap_weight(g, (p - 1) / 2) > g->all[i].weight) {
		heap_put(g, p, g->heap[(p - 1) / 2]);
		p = (p - 1) / 2;
	}
	heap_put(g, p, i);
}

/* ---- groups --------------------------------------------------------------------------------- */

static struct interval *interval_find(struct groups *g, uint64_t start)
{
	for (size_t i = 0; i < g->nintervals; i++)
		if (g->intervals[i].start == start)
			return &g->intervals[i];
	return NULL;
}

/* Kept in order. NULL: as many as may be are open. */
static struct interval *interval_open(struct groups *g, uint64_t start)
{
	struct interval *found = interval_find(g, start);
	size_t at = g->nintervals;

	if (found || at == GROUPS_INTERVALS)
		return found;
	for (; at > 0 && g->intervals[at - 1].start > start; at--)
		g->intervals[at] = g->intervals[at - 1];
	g->nintervals++;
	g->intervals[at] = (struct interval){ .start = start };
	return &g->intervals[at];
}

static size_t size_of(const struct groups *g, struct bytes key)
{
	return g->config.more_size + key.len + 2 * sizeof(void *);
}

static void group_remove(struct groups *g, uint32_t i)
{
	struct group *group = &g->all[i];
	uint32_t *at = &g->index[group->hash & g->mask], last = g->heap[g->n - 1], place;

	while (*at != i)
		at = &g->all[*at].next;
	*at = group->next;
	interval_find(g, group->interval)->n--;
	if (g->config.release)
		g->config.release(g->config.context, group->more);
	g->memory -= size_of(g, group->key) + group->extra;
	free(group->more);
	place = group->place;
	g->n--;
	if (last != i) {
		heap_put(g, place, last);
		if (g->config.replace) {
			heap_up(g, place);
			heap_down(g, g->all[last].place);
		}
	}
	group->next = g->free;
	g->free = i;
}

/* The lightest group goes. */
static void replace(struct groups *g)
{
	struct group *least = &g->all[g->heap[0]];
	struct interval *in = interval_find(g, least->interval);

	if (least->weight > in->floor)
		in->floor = least->weight;
	group_remove(g, g->heap[0]);
}

static struct group *group_new(struct groups *g, struct interval *in, struct bytes key,
			       uint64_t hash)
{
	uint32_t i = g->free, *at = &g->index[hash & g->mask];
	uint8_t *memory = xcalloc(1, g->config.more_size + key.len + 1);
	struct group *group;

	if (i != NIL)
		g->free = g->all[i].next;
	else
		i = g->n;
	if (key.len)
		memcpy(memory + g->config.more_size, key.ptr, key.len);
	group = &g->all[i];
	*group = (struct group){ .interval = in->start,
				 .weight = in->floor,
				 .error = in->floor,
				 .key = BYTES(memory + g->config.more_size, key.len),
				 .more = memory,
				 .hash = hash,
				 .next = *at };
	*at = i;
	in->n++;
	g->memory += size_of(g, key);
	heap_put(g, g->n++, i);
	if (g->config.replace)
		heap_up(g, group->place);
	return group;
}

static struct group *find(struct groups *g, uint64_t interval, struct bytes key, uint64_t *hash)
{
	uint32_t i;

	*hash = distinct_hash_secret(key, g->secret) ^ interval * 0x9e3779b97f4a7c15u;
	i = g->index[*hash & g->mask];
	while (i != NIL && (g->all[i].hash != *hash || g->all[i].interval != interval ||
			    !bytes_equal(g->all[i].key, key)))
		i = g->all[i].next;
	return i == NIL ? NULL : &g->all[i];
}

struct group *groups_get(struct groups *g, uint64_t interval, struct bytes key)
{
	uint64_t hash;
	struct group *group = find(g, interval, key, &hash);
	struct interval *in;

	if (group)
		return group;
	while (g->config.replace && g->n > 1 &&
	       (g->n >= g->config.most || g->memory + size_of(g, key) > g->config.memory))
		replace(g);
	if (g->n >= g->config.most || g->memory + size_of(g, key) > g->config.memory)
		return NULL;
	in = interval_open(g, interval);
	return in ? group_new(g, in, key, hash) : NULL;
}

struct group *groups_get_always(struct groups *g, uint64_t interval, struct bytes key)
{
	uint64_t hash;
	struct group *group = find(g, interval, key, &hash);
	struct interval *in = interval_open(g, interval);

	if (group || !in || g->n == g->room)
		return group;
	return group_new(g, in, key, hash);
}

void groups_weigh(struct groups *g, struct group *group, uint64_t weight)
{
	if (__builtin_add_overflow(group->weight, weight, &group->weight))
		group->weight = UINT64_MAX;
	if (g->config.replace)
		heap_down(g, group->place);
}

bool groups_memory(struct groups *g, struct group *group, size_t bytes)
{
	if (g->memory + bytes > g->config.memory)
		return false;
	g->memory += bytes;
	group->extra += bytes;
	return true;
}

size_t groups_intervals(const struct groups *g, uint64_t intervals[GROUPS_INTERVALS])
{
	for (size_t i = 0; i < g->nintervals; i++)
		intervals[i] = g->intervals[i].start;
	return g->nintervals;
}

struct group **groups_of(const struct groups *g, uint64_t interval, size_t *n)
{
	struct group **list = xcalloc((size_t)g->n + 1, sizeof(struct group *));

	*n = 0;
	for (uint32_t i = 0; i < g->n; i++)
		if (g->all[g->heap[i]].interval == interval)
			list[(*n)++] = &g->all[g->heap[i]];
	return list;
}

void groups_close(struct groups *g, uint64_t interval)
{
	struct interval *in = interval_find(g, interval);
	struct group **list;
	size_t n;

	if (!in)
		return;
	list = groups_of(g, interval, &n);
	for (size_t i = 0; i < n; i++)
		group_remove(g, (uint32_t)(list[i] - g->all));
	free(list);
	g->nintervals--;
	memmove(in, in + 1, (size_t)(g->intervals + g->nintervals - in) * sizeof(*in));
}
