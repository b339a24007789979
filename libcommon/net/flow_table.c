/* flow_table: every flow that is open, on memory taken at the start. */
#include "libcommon/net/flow_table.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
	BUCKET_LOAD = 4, /* flows per bucket where the table is full, at most */
	RADIX = 256,
	FEW = 24, /* so many are put in order by insertion */
};

struct flow_choice {
	uint64_t id;
	uint32_t flow;
};

_Static_assert(sizeof(struct flow_bucket) == 64, "a bucket is a cache line");
_Static_assert(offsetof(struct flow, packets) == 64, "a look at a flow is one cache line");

static void *map_pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

static size_t buckets_size(const struct flow_table *t)
{
	return (t->mask + 1) * sizeof(struct flow_bucket);
}

struct flow_table *flow_table_new(const struct flow_table_config *config)
{
	struct flow_table *t = calloc(1, sizeof(*t));
	uint64_t buckets = 1;

	if (!t || !config->max_flows || config->max_flows == FLOW_NIL) {
		free(t);
		return NULL;
	}
	while (buckets * BUCKET_LOAD < config->max_flows)
		buckets *= 2;
	t->config = *config;
	t->mask = buckets - 1;
	t->deadline = UINT64_MAX;
	t->free = FLOW_NIL;
	for (unsigned i = 0; i < FLOW_CLASSES; i++)
		t->lists[i] = (struct flow_list){ FLOW_NIL, FLOW_NIL };
	t->buckets = map_pages(buckets_size(t));
	t->flows = map_pages(config->max_flows * sizeof(struct flow));
	t->chosen = map_pages(config->max_flows * sizeof(struct flow_choice));
	t->scratch = map_pages(config->max_flows * sizeof(struct flow_choice));
	if (!t->buckets || !t->flows || !t->chosen || !t->scratch) {
		flow_table_free(t);
		return NULL;
	}
	return t;
}

static void unmap_pages(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}

void flow_table_free(struct flow_table *t)
{
	if (!t)
		return;
	unmap_pages(t->buckets, buckets_size(t));
	unmap_pages(t->flows, t->config.max_flows * sizeof(struct flow));
	unmap_pages(t->chosen, t->config.max_flows * sizeof(struct flow_choice));
	unmap_pages(t->scratch, t->config.max_flows * sizeof(struct flow_choice));
	free(t);
}

/* ---- the index -------------------------------------------------------------------------- */

struct flow *flow_find(struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	uint32_t tag = flow_hash_tag(hash);

	for (uint64_t at = hash & t->mask;; at = (at + 1) & t->mask) {
		const struct flow_bucket *b = &t->buckets[at];

		for (unsigned i = 0; i < FLOW_BUCKET_SLOTS; i++) {
			struct flow *f;

			if (b->slots[i].tag != tag || !b->slots[i].flow)
				continue;
			f = &t->flows[b->slots[i].flow - 1];
			if (flow_key_equal(&f->key, key))
				return f;
		}
		if (!b->passed)
			return NULL;
	}
}

static void index_add(struct flow_table *t, uint64_t hash, uint32_t flow)
{
	for (uint64_t at = hash & t->mask;; at = (at + 1) & t->mask) {
		struct flow_bucket *b = &t->buckets[at];

		for (unsigned i = 0; i < FLOW_BUCKET_SLOTS; i++) {
			if (b->slots[i].flow)
				continue;
			b->slots[i] = (struct flow_slot){ flow_hash_tag(hash), flow + 1 };
			return;
		}
		b->passed++;
	}
}

static void index_remove(struct flow_table *t, uint64_t hash, uint32_t flow)
{
	for (uint64_t at = hash & t->mask;; at = (at + 1) & t->mask) {
		struct flow_bucket *b = &t->buckets[at];

		for (unsigned i = 0; i < FLOW_BUCKET_SLOTS; i++) {
			if (b->slots[i].flow != flow + 1)
				continue;
			b->slots[i] = (struct flow_slot){ 0, 0 };
			return;
		}
		b->passed--;
	}
}

/* ---- lists ------------------------------------------------------------------------------ */

static uint32_t index_of(const struct flow_table *t, const struct flow *f)
{
	return (uint32_t)(f - t->flows);
}

static uint64_t expiry(const struct flow_table *t, unsigned class, uint64_t last)
{
	uint64_t timeout = t->config.timeout[class];

	return timeout > UINT64_MAX - last ? UINT64_MAX : last + timeout;
}

static void list_append(struct flow_table *t, struct flow *f)
{
	struct flow_list *l = &t->lists[f->class];
	uint32_t me = index_of(t, f);
	uint64_t when;

	f->next = FLOW_NIL;
	f->prev = l->tail;
	if (l->tail != FLOW_NIL) {
		t->flows[l->tail].next = me;
	} else {
		l->head = me;
		when = expiry(t, f->class, f->last);
		if (when < t->deadline)
			t->deadline = when;
	}
	l->tail = me;
}

static void list_remove(struct flow_table *t, struct flow *f)
{
	struct flow_list *l = &t->lists[f->class];

	if (f->prev != FLOW_NIL)
		t->flows[f->prev].next = f->next;
	else
		l->head = f->next;
	if (f->next != FLOW_NIL)
		t->flows[f->next].prev = f->prev;
	else
		l->tail = f->prev;
}

/* ---- flows ------------------------------------------------------------------------------ */

struct flow *flow_add(struct flow_table *t, const struct flow_key *key, uint64_t hash,
		      enum flow_class c, uint64_t now)
{
	struct flow *f;

	if (t->free != FLOW_NIL) {
		f = &t->flows[t->free];
		t->free = f->next;
	} else {
		f = &t->flows[t->touched++];
	}
	memset(f, 0, sizeof(*f));
	f->key = *key;
	f->class = (uint8_t)c;
	f->last = now;
	index_add(t, hash, index_of(t, f));
	list_append(t, f);
	t->count++;
	return f;
}

void flow_move(struct flow_table *t, struct flow *f, enum flow_class c, uint64_t now)
{
	list_remove(t, f);
	f->class = (uint8_t)c;
	f->last = now;
	list_append(t, f);
}

void flow_remove(struct flow_table *t, struct flow *f, uint64_t hash)
{
	index_remove(t, hash, index_of(t, f));
	list_remove(t, f);
	f->key.ip_version = 0;
	f->next = t->free;
	t->free = index_of(t, f);
	t->count--;
}

/* The flow longest idle among the lists [from, to). */
static struct flow *oldest_of(struct flow_table *t, unsigned from, unsigned to)
{
	struct flow *oldest = NULL;

	for (unsigned c = from; c < to; c++) {
		struct flow *f = t->lists[c].head == FLOW_NIL ? NULL : &t->flows[t->lists[c].head];

		if (f && (!oldest || f->last < oldest->last ||
			  (f->last == oldest->last && f->id < oldest->id)))
			oldest = f;
	}
	return oldest;
}

struct flow *flow_table_victim(struct flow_table *t)
{
	static const uint8_t tiers[] = { FLOW_TCP_NEW, FLOW_UDP_ONE_WAY, FLOW_UDP, FLOW_TCP,
					 FLOW_CLASSES };
	struct flow *f = NULL;

	for (unsigned i = 0; !f && i + 1 < sizeof(tiers); i++)
		f = oldest_of(t, tiers[i], tiers[i + 1]);
	return f;
}

/* ---- choosing many ---------------------------------------------------------------------- */

static void choose(struct flow_table *t, size_t at, uint32_t flow)
{
	t->chosen[at] = (struct flow_choice){ t->flows[flow].id, flow };
}

static void sort_few(struct flow_choice *c, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct flow_choice one = c[i];
		size_t at = i;

		for (; at && c[at - 1].id > one.id; at--)
			c[at] = c[at - 1];
		c[at] = one;
	}
}

/* Moves the choices to the other array, in the order of the byte at `shift`. */
static void sort_by_byte(struct flow_table *t, size_t n, unsigned shift)
{
	size_t at[RADIX] = { 0 }, sum = 0;
	struct flow_choice *other = t->scratch;

	for (size_t i = 0; i < n; i++)
		at[t->chosen[i].id >> shift & 0xff]++;
	for (unsigned b = 0; b < RADIX; b++) {
		size_t count = at[b];

		at[b] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		other[at[t->chosen[i].id >> shift & 0xff]++] = t->chosen[i];
	t->scratch = t->chosen;
	t->chosen = other;
}

/* Sorts the first n choices by id: a byte at a time, those bytes left out that are all equal. */
static void sort_chosen(struct flow_table *t, size_t n)
{
	uint64_t any = 0, all = UINT64_MAX, last = 0;
	bool sorted = true;

	if (n <= FEW) {
		sort_few(t->chosen, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t id = t->chosen[i].id;

		sorted &= id >= last;
		last = id;
		any |= id;
		all &= id;
	}
	for (unsigned shift = 0; !sorted && shift < 64; shift += 8) {
		if ((any ^ all) >> shift & 0xff)
			sort_by_byte(t, n, shift);
	}
}

/* All of it: it is about to be put out. */
static void prefetch_flow(const struct flow *f)
{
	for (size_t at = 0; at < sizeof(*f); at += 64)
		__builtin_prefetch((const char *)f + at, 1);
}

size_t flow_table_expired(struct flow_table *t, uint64_t now)
{
	uint32_t next = FLOW_NIL;
	size_t n = 0;

	t->deadline = UINT64_MAX;
	for (unsigned c = 0; c < FLOW_CLASSES; c++) {
		for (uint32_t at = t->lists[c].head; at != FLOW_NIL; at = t->flows[at].next) {
			uint64_t when = expiry(t, c, t->flows[at].last);

			if (when > now) {
				if (when < t->deadline) {
					t->deadline = when;
					next = at;
				}
				break;
			}
			choose(t, n++, at);
		}
	}
	if (next != FLOW_NIL)
		prefetch_flow(&t->flows[next]);
	sort_chosen(t, n);
	return n;
}

size_t flow_table_all(struct flow_table *t)
{
	size_t n = 0;

	for (uint32_t at = 0; at < t->touched; at++) { /* by place: nearly in order, and fast */
		if (t->flows[at].key.ip_version)
			choose(t, n++, at);
	}
	sort_chosen(t, n);
	return n;
}

struct flow *flow_table_chosen(struct flow_table *t, size_t i)
{
	enum { AHEAD = 8 };

	if (i + AHEAD < t->config.max_flows) /* a stale choice costs nothing but the hint */
		prefetch_flow(&t->flows[t->chosen[i + AHEAD].flow]);
	return &t->flows[t->chosen[i].flow];
}
