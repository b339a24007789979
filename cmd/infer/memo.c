/* memo: a table of what is to be remembered for a while. */
#include "cmd/infer/memo.h"

#include <stdlib.h>

#include "libcommon/base/die.h"

enum { BUCKETS_LEAST = 64 };

struct entry {
	uint32_t next, older, newer; /* numbers, from 1; 0 = none */
	uint64_t until;
	uint8_t bytes[]; /* key, then value */
};

struct memo {
	size_t entries, key, value, stride;
	uint64_t seed;
	uint32_t *buckets, mask, free, made, newest, oldest;
	uint8_t *memory; /* zeroed pages that cost nothing until they are used */
	struct memo_stats stats;
};

struct memo *memo_new(size_t entries, size_t key, size_t value, uint64_t seed)
{
	struct memo *m = xcalloc(1, sizeof(*m));

	m->entries = entries;
	m->key = (key + 7) & ~(size_t)7;
	m->value = value;
	m->seed = seed;
	m->stride = (sizeof(struct entry) + m->key + value + 7) & ~(size_t)7;
	m->mask = BUCKETS_LEAST - 1;
	m->buckets = xcalloc(BUCKETS_LEAST, sizeof(*m->buckets));
	m->memory = xcalloc(entries, m->stride);
	m->key = key;
	return m;
}

void memo_free(struct memo *m)
{
	if (!m)
		return;
	free(m->buckets);
	free(m->memory);
	free(m);
}

static struct entry *entry_at(const struct memo *m, uint32_t number)
{
	return (struct entry *)(void *)(m->memory + (number - 1) * m->stride);
}

static uint8_t *value_of(const struct memo *m, struct entry *e)
{
	return e->bytes + ((m->key + 7) & ~(size_t)7);
}

static uint32_t *bucket_of(const struct memo *m, const void *key)
{
	const uint8_t *p = key;
	uint64_t h = m->seed ^ 0x9e3779b97f4a7c15ull;

	for (size_t i = 0; i < m->key; i += 8) {
		uint64_t word = 0;

		memcpy(&word, p + i, m->key - i < 8 ? m->key - i : 8);
		h = (h ^ word) * 0xbf58476d1ce4e5b9ull;
		h ^= h >> 32;
	}
	return &m->buckets[h & m->mask];
}

static void list_remove(struct memo *m, struct entry *e)
{
	*(e->newer ? &entry_at(m, e->newer)->older : &m->newest) = e->older;
	*(e->older ? &entry_at(m, e->older)->newer : &m->oldest) = e->newer;
}

static void list_push(struct memo *m, struct entry *e, uint32_t number)
{
	e->newer = 0;
	e->older = m->newest;
	*(m->newest ? &entry_at(m, m->newest)->newer : &m->oldest) = number;
	m->newest = number;
}

static uint32_t find(const struct memo *m, const void *key)
{
	uint32_t at = m->stats.entries ? *bucket_of(m, key) : 0;

	while (at && memcmp(entry_at(m, at)->bytes, key, m->key) != 0)
		at = entry_at(m, at)->next;
	return at;
}

static void entry_free(struct memo *m, uint32_t number)
{
	struct entry *e = entry_at(m, number);
	uint32_t *at = bucket_of(m, e->bytes);

	while (*at != number)
		at = &entry_at(m, *at)->next;
	*at = e->next;
	list_remove(m, e);
	e->next = m->free;
	m->free = number;
	m->stats.entries--;
}

/* Twice as many buckets: few entries stay in few cache lines. */
static void buckets_grow(struct memo *m)
{
	size_t n = 2 * ((size_t)m->mask + 1);

	free(m->buckets);
	m->buckets = xcalloc(n, sizeof(*m->buckets));
	m->mask = (uint32_t)(n - 1);
	for (uint32_t at = m->newest; at; at = entry_at(m, at)->older) {
		uint32_t *bucket = bucket_of(m, entry_at(m, at)->bytes);

		entry_at(m, at)->next = *bucket;
		*bucket = at;
	}
}

static uint32_t entry_make(struct memo *m, const void *key)
{
	uint32_t number, *bucket;
	struct entry *e;

	if (!m->free && m->made == m->entries) {
		m->stats.evicted++;
		entry_free(m, m->oldest);
	}
	number = m->free ? m->free : ++m->made;
	e = entry_at(m, number);
	if (m->free)
		m->free = e->next;
	memcpy(e->bytes, key, m->key);
	bucket = bucket_of(m, key);
	e->next = *bucket;
	*bucket = number;
	list_push(m, e, number);
	if (++m->stats.entries > m->mask)
		buckets_grow(m);
	return number;
}

void memo_put(struct memo *m, uint64_t now, uint64_t ttl, const void *key, const void *value)
{
	uint32_t number = find(m, key);
	struct entry *e;

	if (number) {
		list_remove(m, entry_at(m, number));
		list_push(m, entry_at(m, number), number);
	} else {
		number = entry_make(m, key);
	}
	e = entry_at(m, number);
	e->until = ttl > UINT64_MAX - now ? UINT64_MAX : now + ttl;
	memcpy(value_of(m, e), value, m->value);
}

void *memo_get(struct memo *m, uint64_t now, const void *key)
{
	uint32_t number = find(m, key);
	struct entry *e;

	if (!number)
		return NULL;
	e = entry_at(m, number);
	if (now > e->until) {
		m->stats.expired++;
		entry_free(m, number);
		return NULL;
	}
	list_remove(m, e);
	list_push(m, e, number);
	return value_of(m, e);
}

void memo_drop(struct memo *m, const void *key)
{
	uint32_t number = find(m, key);

	if (number)
		entry_free(m, number);
}

void memo_each(const struct memo *m,
	       void (*each)(void *ctx, uint64_t until, const void *key, const void *value),
	       void *ctx)
{
	for (uint32_t at = m->oldest; at; at = entry_at(m, at)->newer)
		each(ctx, entry_at(m, at)->until, entry_at(m, at)->bytes,
		     value_of(m, entry_at(m, at)));
}

struct memo_stats memo_stats(const struct memo *m)
{
	return m->stats;
}
