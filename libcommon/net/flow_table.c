/* flow_table: every flow that is open, on the caller's memory. */
#include "libcommon/net/flow_table.h"

enum {
	BUCKET_LOAD = 4, /* flows per bucket where the table is full, at most */
	RADIX = 256,
	FEW = 24, /* so many are put in order by insertion */
	LINE = 64,
	PRESSURE_LEAST = 64, /* flows: a smaller table just gives up the oldest */
};

struct flow_choice {
	uint64_t id;
	uint32_t flow;
};

_Static_assert(sizeof(struct flow_bucket) == 64, "a bucket is a cache line");
_Static_assert(sizeof(struct flow) == 512, "a whole number of cache lines");
_Static_assert(offsetof(struct flow, history.seen) == 128 && offsetof(struct flow, id) == 184 &&
		       offsetof(struct flow, tcp.half[1].handshake) + sizeof(uint32_t) == 448,
	       "a TCP packet changes five lines");

static size_t round_up(size_t n)
{
	return (n + LINE - 1) & ~(size_t)(LINE - 1);
}

static uint64_t buckets_of(const struct flow_table_config *config)
{
	uint64_t buckets = 1;

	while (buckets * BUCKET_LOAD < config->max_flows)
		buckets *= 2;
	return buckets;
}

size_t flow_table_size(const struct flow_table_config *config)
{
	size_t max = config->max_flows;

	if (!max || max == FLOW_NIL)
		return 0;
	return round_up(sizeof(struct flow_table)) +
	       buckets_of(config) * sizeof(struct flow_bucket) +
	       round_up(max * sizeof(struct flow)) + round_up(max * sizeof(struct flow_link)) +
	       2 * round_up(max * sizeof(struct flow_choice));
}

struct flow_table *flow_table_init(void *memory, const struct flow_table_config *config)
{
	struct flow_table *t = memory;
	uint8_t *at = memory;
	size_t max = config->max_flows;

	t->config = *config;
	t->mask = buckets_of(config) - 1;
	t->deadline = UINT64_MAX;
	t->free = FLOW_NIL;
	t->pressure = max < PRESSURE_LEAST ? FLOW_NIL : (uint32_t)(max - max / 10);
	for (unsigned i = 0; i < FLOW_LISTS; i++)
		t->lists[i] = (struct flow_list){ FLOW_NIL, FLOW_NIL };
	at += round_up(sizeof(*t));
	t->buckets = (struct flow_bucket *)at;
	at += (t->mask + 1) * sizeof(struct flow_bucket);
	t->flows = (struct flow *)at;
	at += round_up(max * sizeof(struct flow));
	t->links = (struct flow_link *)at;
	at += round_up(max * sizeof(struct flow_link));
	t->chosen = (struct flow_choice *)at;
	at += round_up(max * sizeof(struct flow_choice));
	t->scratch = (struct flow_choice *)at;
	return t;
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

static unsigned list_of(enum flow_class c, unsigned rule)
{
	return flow_class_ignores_rule(c) ? c : c + FLOW_CLASSES * rule;
}

static uint64_t list_timeout(const struct flow_table *t, unsigned list)
{
	uint64_t timeout = list < FLOW_CLASSES ? t->config.timeout[list]
					       : t->config.rule_timeout[list / FLOW_CLASSES - 1];

	return t->pressed && timeout != UINT64_MAX ? timeout / 10 : timeout;
}

static uint64_t expiry(const struct flow_table *t, unsigned list, uint64_t touched)
{
	uint64_t timeout = list_timeout(t, list);

	return timeout > UINT64_MAX - touched ? UINT64_MAX : touched + timeout;
}

uint64_t flow_timeout(const struct flow_table *t, const struct flow *f)
{
	return list_timeout(t, list_of(f->class, f->rule));
}

static void list_append(struct flow_table *t, struct flow *f)
{
	unsigned list = list_of(f->class, f->rule);
	struct flow_list *l = &t->lists[list];
	uint32_t me = index_of(t, f);
	struct flow_link *link = &t->links[me];
	uint64_t when;

	link->next = FLOW_NIL;
	link->prev = l->tail;
	if (l->tail != FLOW_NIL) {
		t->links[l->tail].next = me;
	} else {
		l->head = me;
		t->filled[list / 64] |= UINT64_C(1) << list % 64;
		when = expiry(t, list, link->touched);
		if (when < t->deadline)
			t->deadline = when;
	}
	l->tail = me;
	t->of_class[f->class]++;
}

static void list_remove(struct flow_table *t, struct flow *f)
{
	unsigned list = list_of(f->class, f->rule);
	struct flow_list *l = &t->lists[list];
	const struct flow_link *link = &t->links[index_of(t, f)];

	if (link->prev != FLOW_NIL)
		t->links[link->prev].next = link->next;
	else
		l->head = link->next;
	if (link->next != FLOW_NIL)
		t->links[link->next].prev = link->prev;
	else
		l->tail = link->prev;
	if (l->head == FLOW_NIL)
		t->filled[list / 64] &= ~(UINT64_C(1) << list % 64);
	t->of_class[f->class]--;
}

/* The next list that holds a flow, from `list` on, or FLOW_LISTS. */
static unsigned list_from(const struct flow_table *t, unsigned list)
{
	for (unsigned word = list / 64; word < FLOW_LIST_WORDS; word++) {
		uint64_t bits = t->filled[word];

		if (word == list / 64)
			bits &= UINT64_MAX << list % 64;
		if (bits)
			return word * 64 + (unsigned)__builtin_ctzll(bits);
	}
	return FLOW_LISTS;
}

/* ---- flows ------------------------------------------------------------------------------ */

struct flow *flow_add(struct flow_table *t, const struct flow_key *key, uint64_t hash,
		      enum flow_class c, uint64_t now)
{
	struct flow *f;

	if (t->free != FLOW_NIL) {
		f = &t->flows[t->free];
		t->free = t->links[t->free].next;
		memset(f, 0, sizeof(*f));
	} else { /* never used: all zero still */
		f = &t->flows[t->touched++];
	}
	f->key = *key;
	f->class = (uint8_t)c;
	t->links[index_of(t, f)].touched = now;
	index_add(t, hash, index_of(t, f));
	list_append(t, f);
	if (++t->count >= t->pressure && !t->pressed) {
		t->pressed = true;
		t->pressures++;
		t->deadline = 0;
	}
	return f;
}

/* To the end of a list that it does not leave, and is not the last of. */
static void list_renew(struct flow_table *t, uint32_t me, struct flow_list *l)
{
	struct flow_link *link = &t->links[me];

	if (link->prev != FLOW_NIL)
		t->links[link->prev].next = link->next;
	else
		l->head = link->next;
	t->links[link->next].prev = link->prev;
	t->links[l->tail].next = me;
	link->prev = l->tail;
	link->next = FLOW_NIL;
	l->tail = me;
}

void flow_move(struct flow_table *t, struct flow *f, enum flow_class c, uint64_t now)
{
	uint32_t me = index_of(t, f);

	t->links[me].touched = now;
	if (f->class == c && t->links[me].next != FLOW_NIL) {
		list_renew(t, me, &t->lists[list_of(c, f->rule)]);
		return;
	}
	list_remove(t, f);
	f->class = (uint8_t)c;
	list_append(t, f);
}

void flow_set_rule(struct flow_table *t, struct flow *f, unsigned rule)
{
	list_remove(t, f);
	f->rule = (uint8_t)rule;
	list_append(t, f);
}

void flow_remove(struct flow_table *t, struct flow *f, uint64_t hash)
{
	index_remove(t, hash, index_of(t, f));
	list_remove(t, f);
	f->key.ip_version = 0;
	t->links[index_of(t, f)].next = t->free;
	t->free = index_of(t, f);
	t->count--;
	if (t->pressed && t->count <= (uint64_t)t->config.max_flows * 7 / 10)
		t->pressed = false;
}

/* The flow longest idle among the classes [from, to). */
static struct flow *oldest_of(struct flow_table *t, unsigned from, unsigned to)
{
	struct flow *oldest = NULL;
	uint64_t since = 0;

	for (unsigned i = list_from(t, from); i < FLOW_LISTS; i = list_from(t, i + 1)) {
		struct flow *f = &t->flows[t->lists[i].head];
		uint64_t touched = t->links[t->lists[i].head].touched;

		if (f->class < from || f->class >= to)
			continue;
		if (!oldest || touched < since || (touched == since && f->id < oldest->id)) {
			oldest = f;
			since = touched;
		}
	}
	return oldest;
}

struct flow *flow_table_oldest(struct flow_table *t, enum flow_class c)
{
	return oldest_of(t, c, c + 1u);
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
	for (unsigned c = list_from(t, 0); c < FLOW_LISTS; c = list_from(t, c + 1)) {
		for (uint32_t at = t->lists[c].head; at != FLOW_NIL; at = t->links[at].next) {
			uint64_t when = expiry(t, c, t->links[at].touched);

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
