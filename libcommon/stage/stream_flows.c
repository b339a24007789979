/* stream_flows: a table of chains over slots of fixed size. */
#include "libcommon/stage/stream_flows.h"

enum { ALIGN = 64, MIN_BUCKETS = 16 };

size_t stream_flows_layout(struct stream_flows *t, uint8_t *memory)
{
	uint64_t buckets = MIN_BUCKETS, all = 0;
	size_t used;

	for (int i = 0; i < STREAM_KINDS; i++)
		all += t->kinds[i].max;
	while (buckets < all)
		buckets *= 2;
	t->mask = buckets - 1;
	t->buckets = (struct stream_flow **)memory;
	used = (buckets * sizeof(struct stream_flow *) + ALIGN - 1) / ALIGN * ALIGN;
	for (int i = 0; i < STREAM_KINDS; i++) {
		t->kinds[i].at = memory ? memory + used : NULL;
		used += t->kinds[i].size * t->kinds[i].max;
	}
	return used;
}

static void unlist(struct stream_slots *k, struct stream_flow *f)
{
	if (f->newer)
		f->newer->older = f->older;
	else
		k->newest = f->older;
	if (f->older)
		f->older->newer = f->newer;
	else
		k->oldest = f->newer;
}

static void list(struct stream_flows *t, struct stream_slots *k, struct stream_flow *f)
{
	f->listed = t->clock;
	f->newer = NULL;
	f->older = k->newest;
	if (k->newest)
		k->newest->newer = f;
	else
		k->oldest = f;
	k->newest = f;
}

void stream_flow_relist(struct stream_flows *t, struct stream_flow *f)
{
	unlist(&t->kinds[f->kind], f);
	list(t, &t->kinds[f->kind], f);
}

struct stream_flow *stream_flow_add(struct stream_flows *t, enum stream_kind kind, uint64_t id)
{
	struct stream_slots *k = &t->kinds[kind];
	struct stream_flow *f = k->free, **bucket = stream_bucket(t, id);

	if (f)
		k->free = f->chain;
	else
		f = (struct stream_flow *)(k->at + k->touched++ * k->size);
	memset(f, 0, k->size);
	k->count++;
	f->kind = kind;
	f->id = id;
	f->chain = *bucket;
	*bucket = f;
	list(t, k, f);
	return f;
}

void stream_flow_remove(struct stream_flows *t, struct stream_flow *f)
{
	struct stream_slots *k = &t->kinds[f->kind];
	struct stream_flow **at = stream_bucket(t, f->id);

	while (*at != f)
		at = &(*at)->chain;
	*at = f->chain;
	unlist(k, f);
	f->chain = k->free;
	k->free = f;
	k->count--;
}

static struct stream_flow *merge(struct stream_flow *a, struct stream_flow *b)
{
	struct stream_flow *first = NULL, **end = &first;

	while (a && b) {
		struct stream_flow **less = a->id < b->id ? &a : &b;

		*end = *less;
		end = &(*end)->older;
		*less = *end;
	}
	*end = a ? a : b;
	return first;
}

struct stream_flow *stream_flows_sorted(struct stream_flows *t)
{
	/* run[i]: sorted, of 2^i flows or none. */
	struct stream_flow *run[33] = { NULL }, *all = NULL;

	for (int i = 0; i < STREAM_KINDS; i++) {
		struct stream_flow *next = t->kinds[i].newest;

		t->kinds[i].newest = t->kinds[i].oldest = NULL;
		while (next) {
			struct stream_flow *f = next;
			int level = 0;

			next = f->older;
			for (f->older = NULL; run[level]; run[level++] = NULL)
				f = merge(run[level], f);
			run[level] = f;
		}
	}
	for (int i = 0; i < 33; i++)
		all = merge(all, run[i]);
	/* `newer` is of no use any more, and removing one must not follow it. */
	for (struct stream_flow *f = all; f; f = f->older)
		f->newer = NULL;
	return all;
}
