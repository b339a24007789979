/* defrag_store: where the pieces of datagrams wait: pages, keys, and who holds most. */
#include "libcommon/net/defrag_store.h"

enum { ALIGN = 64 };

/* ---- memory ----------------------------------------------------------------------------- */

struct carver {
	uint8_t *base; /* NULL: only count */
	uint64_t used;
};

static void *carve(struct carver *c, uint64_t count, uint64_t size)
{
	void *at = c->base ? c->base + c->used : NULL;

	c->used += (count * size + ALIGN - 1) / ALIGN * ALIGN;
	return at;
}

static void group_table_carve(struct group_table *t, struct carver *c, uint32_t groups,
			      uint32_t buckets)
{
	t->groups = carve(c, groups, sizeof(*t->groups));
	t->buckets = carve(c, buckets, sizeof(*t->buckets));
}

static void group_table_empty(struct group_table *t, uint32_t buckets, unsigned order)
{
	memset(t->buckets, 0xff, buckets * sizeof(*t->buckets));
	t->free = STORE_NIL;
	t->touched = 0;
	t->order = order;
}

static void scale_empty(struct scale *k, uint32_t most, uint32_t full)
{
	enum { SHARES = 64 };

	memset(k->weights, 0xff, (most + 1ull) * sizeof(*k->weights));
	k->heaviest = 0;
	k->fair = most / SHARES > full ? most / SHARES : full;
}

size_t store_layout(struct store *s, uint8_t *memory, uint64_t size, uint32_t datagrams)
{
	struct carver c = { memory, 0 };
	uint64_t buckets = 64, each = sizeof(struct store_page) + sizeof(struct store_list);
	struct scale *by_count = &s->scales[STORE_BY_DATAGRAMS];
	struct scale *by_pages = &s->scales[STORE_BY_PAGES];

	while (buckets < 2ull * datagrams)
		buckets *= 2;
	s->max_datagrams = datagrams;
	s->mask = (uint32_t)buckets - 1;
	s->datagrams = carve(&c, datagrams, sizeof(*s->datagrams));
	s->buckets = carve(&c, buckets, sizeof(*s->buckets));
	group_table_carve(&s->pairs, &c, datagrams, (uint32_t)buckets);
	group_table_carve(&s->sources, &c, datagrams, (uint32_t)buckets);
	by_count->weights = carve(&c, datagrams + 1ull, sizeof(*by_count->weights));
	/* The pages and their weights take the rest. */
	c.used += sizeof(*by_pages->weights) + 2 * ALIGN;
	/* One datagram of full size must always find its pages. */
	if (c.used > size || (size - c.used) / each < STORE_PAGES)
		return 0;
	s->max_pages =
		(size - c.used) / each > INT32_MAX ? INT32_MAX : (uint32_t)((size - c.used) / each);
	if (!memory)
		return size;
	c.used -= sizeof(*by_pages->weights) + 2 * ALIGN;
	by_pages->weights = carve(&c, s->max_pages + 1ull, sizeof(*by_pages->weights));
	s->pages = carve(&c, s->max_pages, sizeof(*s->pages));
	scale_empty(by_count, datagrams, 1);
	scale_empty(by_pages, s->max_pages, STORE_PAGES);
	memset(s->buckets, 0xff, buckets * sizeof(*s->buckets));
	group_table_empty(&s->pairs, (uint32_t)buckets, BY_PAIR);
	group_table_empty(&s->sources, (uint32_t)buckets, BY_SOURCE);
	s->age[0] = s->age[1] = (struct store_list){ STORE_NIL, STORE_NIL };
	s->free = s->pages_free = STORE_NIL;
	s->count = s->touched = s->pages_used = s->pages_touched = 0;
	return size;
}

/* ---- lists of datagrams ----------------------------------------------------------------- */

static uint32_t index_of(const struct store *s, const struct datagram *g)
{
	return (uint32_t)(g - s->datagrams);
}

static void append(struct store *s, struct store_list *l, unsigned order, struct datagram *g)
{
	uint32_t me = index_of(s, g);

	g->link[order] = (struct store_link){ l->tail, STORE_NIL };
	if (l->tail != STORE_NIL)
		s->datagrams[l->tail].link[order].next = me;
	else
		l->head = me;
	l->tail = me;
}

static void unlink_from(struct store *s, struct store_list *l, unsigned order, struct datagram *g)
{
	struct store_link k = g->link[order];

	if (k.prev != STORE_NIL)
		s->datagrams[k.prev].link[order].next = k.next;
	else
		l->head = k.next;
	if (k.next != STORE_NIL)
		s->datagrams[k.next].link[order].prev = k.prev;
	else
		l->tail = k.prev;
}

static struct store_list *age_list(struct store *s, const struct datagram *g)
{
	return &s->age[g->key.ip_version == 6];
}

struct datagram *store_oldest(struct store *s, unsigned family)
{
	uint32_t head = s->age[family].head;

	return head == STORE_NIL ? NULL : &s->datagrams[head];
}

struct datagram *store_newest(struct store *s, unsigned family)
{
	uint32_t tail = s->age[family].tail;

	return tail == STORE_NIL ? NULL : &s->datagrams[tail];
}

/* ---- sources by weight ------------------------------------------------------------------ */

static void weight_out(struct store *s, struct group *u, enum store_scale what)
{
	struct store_list *l = &s->scales[what].weights[u->weight[what]];
	struct group *groups = s->sources.groups;
	struct store_link k = u->link[what];

	if (k.prev != STORE_NIL)
		groups[k.prev].link[what].next = k.next;
	else
		l->head = k.next;
	if (k.next != STORE_NIL)
		groups[k.next].link[what].prev = k.prev;
	else
		l->tail = k.prev;
}

static void weight_in(struct store *s, struct group *u, enum store_scale what)
{
	struct scale *k = &s->scales[what];
	struct store_list *l = &k->weights[u->weight[what]];
	uint32_t me = (uint32_t)(u - s->sources.groups);

	u->link[what] = (struct store_link){ l->tail, STORE_NIL };
	if (l->tail != STORE_NIL)
		s->sources.groups[l->tail].link[what].next = me;
	else
		l->head = me;
	l->tail = me;
	if (u->weight[what] > k->heaviest)
		k->heaviest = u->weight[what];
}

/* Weight 0 is in no list. The walk down pays for earlier steps up. */
static void weigh(struct store *s, struct group *u, enum store_scale what, int32_t more)
{
	struct scale *k = &s->scales[what];

	if (u->weight[what])
		weight_out(s, u, what);
	u->weight[what] += (uint32_t)more;
	if (u->weight[what])
		weight_in(s, u, what);
	while (k->heaviest && k->weights[k->heaviest].head == STORE_NIL)
		k->heaviest--;
}

struct datagram *store_oldest_of_all(struct store *s)
{
	struct datagram *four = store_oldest(s, 0), *six = store_oldest(s, 1);

	return !four || (six && six->born < four->born) ? six : four;
}

struct datagram *store_victim(struct store *s, enum store_scale what)
{
	const struct scale *k = &s->scales[what];

	if (k->heaviest <= k->fair)
		return store_oldest_of_all(s);
	return &s->datagrams[s->sources.groups[k->weights[k->heaviest].head].list.head];
}

/* ---- groups ----------------------------------------------------------------------------- */

static struct flow_key group_key(const struct flow_key *key, unsigned order)
{
	struct flow_key k = *key;

	k.port[0] = k.port[1] = 0;
	k.proto = k.zero[0] = 0;
	if (order == BY_SOURCE)
		memset(k.addr[1], 0, sizeof(k.addr[1]));
	return k;
}

static uint32_t *bucket_of(const struct store *s, uint32_t *buckets, const struct flow_key *key)
{
	return &buckets[flow_key_hash(key, s->secret) & s->mask];
}

/* *length: of the chain; *last: its end. */
static struct group *group_find(const struct store *s, const struct group_table *t,
				const struct flow_key *key, unsigned *length, struct group **last)
{
	*length = 0;
	*last = NULL;
	for (uint32_t at = *bucket_of(s, t->buckets, key); at != STORE_NIL;
	     at = t->groups[at].chain) {
		struct group *u = &t->groups[at];

		if (flow_key_equal(&u->key, key))
			return u;
		*last = u;
		++*length;
	}
	return NULL;
}

static struct group *group_get(struct store *s, struct group_table *t, const struct flow_key *key)
{
	struct flow_key k = group_key(key, t->order);
	unsigned length;
	struct group *last, *u = group_find(s, t, &k, &length, &last);
	uint32_t *bucket;

	if (u)
		return u;
	if (t->free != STORE_NIL) {
		u = &t->groups[t->free];
		t->free = u->chain;
	} else {
		u = &t->groups[t->touched++];
	}
	bucket = bucket_of(s, t->buckets, &k);
	*u = (struct group){ .key = k, .chain = *bucket };
	u->list = (struct store_list){ STORE_NIL, STORE_NIL };
	*bucket = (uint32_t)(u - t->groups);
	return u;
}

static void group_put(struct store *s, struct group_table *t, struct group *u)
{
	uint32_t me = (uint32_t)(u - t->groups), *at = bucket_of(s, t->buckets, &u->key);

	while (*at != me)
		at = &t->groups[*at].chain;
	*at = u->chain;
	u->chain = t->free;
	t->free = me;
}

static uint32_t group_join(struct store *s, struct group_table *t, struct datagram *g)
{
	struct group *u = group_get(s, t, &g->key);

	append(s, &u->list, t->order, g);
	u->count++;
	if (t->order == BY_SOURCE)
		weigh(s, u, STORE_BY_DATAGRAMS, 1);
	return (uint32_t)(u - t->groups);
}

static void group_leave(struct store *s, struct group_table *t, struct datagram *g, uint32_t group)
{
	struct group *u = &t->groups[group];

	unlink_from(s, &u->list, t->order, g);
	if (t->order == BY_SOURCE)
		weigh(s, u, STORE_BY_DATAGRAMS, -1);
	if (!--u->count)
		group_put(s, t, u);
}

/* ---- datagrams -------------------------------------------------------------------------- */

struct datagram *store_find(struct store *s, const struct flow_key *key)
{
	for (uint32_t at = *bucket_of(s, s->buckets, key); at != STORE_NIL;
	     at = s->datagrams[at].chain) {
		if (flow_key_equal(&s->datagrams[at].key, key))
			return &s->datagrams[at];
	}
	return NULL;
}

/* The oldest of the last group in a chain that is too long. */
static struct datagram *chain_end(const struct store *s, const struct group_table *t,
				  const struct flow_key *key, uint32_t *count)
{
	struct flow_key k = group_key(key, t->order);
	unsigned length;
	struct group *last, *u = group_find(s, t, &k, &length, &last);

	*count = u ? u->count : 0;
	if (u)
		return &s->datagrams[u->list.head];
	return length < STORE_CHAIN_MAX ? NULL : &s->datagrams[last->list.head];
}

struct datagram *store_in_the_way(struct store *s, const struct flow_key *key, uint32_t per_pair,
				  enum defrag_reason *why)
{
	struct datagram *oldest;
	uint32_t at, count;
	unsigned length = 0;

	oldest = chain_end(s, &s->pairs, key, &count);
	*why = DEFRAG_EVICTED_PAIR;
	if (count >= per_pair)
		return oldest;
	*why = DEFRAG_EVICTED_DATAGRAMS;
	if (oldest && !count)
		return oldest;
	oldest = chain_end(s, &s->sources, key, &count);
	if (oldest && !count)
		return oldest;
	oldest = NULL;
	for (at = *bucket_of(s, s->buckets, key); at != STORE_NIL; at = oldest->chain) {
		oldest = &s->datagrams[at];
		length++;
	}
	if (length >= STORE_CHAIN_MAX)
		return oldest;
	return s->count < s->max_datagrams ? NULL : store_victim(s, STORE_BY_DATAGRAMS);
}

struct datagram *store_add(struct store *s, const struct flow_key *key)
{
	uint32_t *bucket = bucket_of(s, s->buckets, key);
	struct datagram *g;

	if (s->free != STORE_NIL) {
		g = &s->datagrams[s->free];
		s->free = g->chain;
	} else {
		g = &s->datagrams[s->touched++];
	}
	memset(g, 0, offsetof(struct datagram, pages));
	memset(g->pages, 0xff, sizeof(g->pages));
	g->key = *key;
	g->chain = *bucket;
	*bucket = index_of(s, g);
	append(s, age_list(s, g), BY_AGE, g);
	g->pair = group_join(s, &s->pairs, g);
	g->source = group_join(s, &s->sources, g);
	s->count++;
	return g;
}

void store_remove(struct store *s, struct datagram *g)
{
	uint32_t me = index_of(s, g), *at = bucket_of(s, s->buckets, &g->key);

	store_pages_drop(s, g);
	while (*at != me)
		at = &s->datagrams[*at].chain;
	*at = g->chain;
	unlink_from(s, age_list(s, g), BY_AGE, g);
	group_leave(s, &s->pairs, g, g->pair);
	group_leave(s, &s->sources, g, g->source);
	g->chain = s->free;
	s->free = me;
	s->count--;
}

/* ---- pages ------------------------------------------------------------------------------ */

struct store_page *store_page_add(struct store *s, struct datagram *g, uint32_t page)
{
	uint32_t at = s->pages_free;
	struct store_page *p;

	if (at != STORE_NIL) {
		p = &s->pages[at];
		s->pages_free = (uint32_t)p->have[0];
	} else {
		at = s->pages_touched++;
		p = &s->pages[at];
	}
	memset(p, 0, offsetof(struct store_page, data));
	g->pages[page] = at;
	g->npages++;
	s->pages_used++;
	weigh(s, &s->sources.groups[g->source], STORE_BY_PAGES, 1);
	return p;
}

void store_pages_drop(struct store *s, struct datagram *g)
{
	uint32_t n = g->npages;

	for (unsigned i = 0; g->npages && i < STORE_PAGES; i++) {
		if (g->pages[i] == STORE_NIL)
			continue;
		s->pages[g->pages[i]].have[0] = s->pages_free;
		s->pages_free = g->pages[i];
		g->pages[i] = STORE_NIL;
		g->npages--;
		s->pages_used--;
	}
	if (n)
		weigh(s, &s->sources.groups[g->source], STORE_BY_PAGES, -(int32_t)n);
}
