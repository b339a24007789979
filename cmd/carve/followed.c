/* followed: flows that are followed, each until a time. */
#include "cmd/carve/followed.h"

#include <stdlib.h>

#include "libcommon/base/die.h"

struct one {
	uint64_t flow, until;
	uint32_t next; /* in its bucket: place + 1 */
};

struct followed {
	struct one *all;
	uint32_t *buckets; /* place + 1 */
	uint32_t most, n, oldest;
	uint64_t given_up;
};

struct followed *followed_new(uint32_t most)
{
	struct followed *f = xcalloc(1, sizeof(*f));

	f->most = most;
	f->all = xcalloc(most, sizeof(*f->all));
	f->buckets = xcalloc(most, sizeof(*f->buckets));
	return f;
}

static uint32_t *bucket_of(const struct followed *f, uint64_t flow)
{
	return &f->buckets[(flow * 0x9e3779b97f4a7c15u >> 20) % f->most];
}

static struct one *find(const struct followed *f, uint64_t flow)
{
	uint32_t at = *bucket_of(f, flow);

	while (at && f->all[at - 1].flow != flow)
		at = f->all[at - 1].next;
	return at ? &f->all[at - 1] : NULL;
}

/* A place for a new one. */
static uint32_t place(struct followed *f)
{
	uint32_t at = f->oldest, *link;

	if (f->n < f->most)
		return f->n++;
	f->oldest = (at + 1) % f->most;
	f->given_up++;
	link = bucket_of(f, f->all[at].flow);
	while (*link != at + 1)
		link = &f->all[*link - 1].next;
	*link = f->all[at].next;
	return at;
}

bool followed_add(struct followed *f, uint64_t flow, uint64_t until)
{
	struct one *o = find(f, flow);
	uint32_t at, *bucket;

	if (o) {
		if (until > o->until)
			o->until = until;
		return false;
	}
	at = place(f);
	bucket = bucket_of(f, flow);
	f->all[at] = (struct one){ flow, until, *bucket };
	*bucket = at + 1;
	return true;
}

bool followed_has(const struct followed *f, uint64_t flow, uint64_t now)
{
	const struct one *o = find(f, flow);

	return o && now <= o->until;
}

uint64_t followed_given_up(const struct followed *f)
{
	return f->given_up;
}

void followed_free(struct followed *f)
{
	if (!f)
		return;
	free(f->all);
	free(f->buckets);
	free(f);
}
