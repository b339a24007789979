/* memo: a table of what is to be remembered for a while. */
#include "cmd/infer/memo.h"

#include <stdlib.h>

#include "libcommon/base/die.h"

enum { SLOTS_LEAST = 64 };

struct entry {
	uint32_t older, newer, hash; /* numbers, from 1; 0 = none */
	uint32_t listed;             /* the clock when it was last put in front of the list */
	uint64_t until;
	uint8_t bytes[]; /* key, then value */
};

/* Where an entry is, by its hash; on collision in the next free slot. What is not there is mostly
 * found out by one cache line. */
struct slot {
	uint32_t number, hash;
};

struct memo {
	size_t entries, key, value, stride;
	uint64_t seed;
	struct slot *slots;
	uint32_t mask, free, made, newest, oldest, clock;
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
	m->mask = SLOTS_LEAST - 1;
	m->slots = xcalloc(SLOTS_LEAST, sizeof(*m->slots));
	m->memory = xcalloc(entries, m->stride);
	m->key = key;
	return m;
}

void memo_free(struct memo *m)
{
	if (!m)
		return;
	free(m->slots);
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

static uint64_t hash_step(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0xbf58476d1ce4e5b9ull;
	return h ^ h >> 32;
}

static uint32_t hash_of(const struct memo *m, const void *key)
{
	const uint8_t *p = key;
	uint64_t h = m->seed ^ 0x9e3779b97f4a7c15ull, word;
	size_t i = 0;

	for (; i + 8 <= m->key; i += 8) {
		memcpy(&word, p + i, 8);
		h = hash_step(h, word);
	}
	word = 0;
	memcpy(&word, p + i, m->key - i);
	return (uint32_t)hash_step(h, word);
}

static void list_remove(struct memo *m, struct entry *e)
{
	*(e->newer ? &entry_at(m, e->newer)->older : &m->newest) = e->older;
	*(e->older ? &entry_at(m, e->older)->newer : &m->oldest) = e->newer;
}

static void list_push(struct memo *m, struct entry *e, uint32_t number)
{
	e->listed = m->clock;
	e->newer = 0;
	e->older = m->newest;
	*(m->newest ? &entry_at(m, m->newest)->newer : &m->oldest) = number;
	m->newest = number;
}

/* Moving it in the list costs two other entries' cache lines, so one that was moved within the last
 * entries / 16 uses stays: the oldest is the least recently used to within so many. */
static void used(struct memo *m, struct entry *e, uint32_t number)
{
	m->clock++;
	if (m->clock - e->listed <= m->entries / 16)
		return;
	list_remove(m, e);
	list_push(m, e, number);
}

static uint32_t find(const struct memo *m, const void *key, uint32_t hash)
{
	for (uint32_t i = hash & m->mask; m->slots[i].number; i = (i + 1) & m->mask)
		if (m->slots[i].hash == hash &&
		    memcmp(entry_at(m, m->slots[i].number)->bytes, key, m->key) == 0)
			return m->slots[i].number;
	return 0;
}

static void slot_fill(struct memo *m, uint32_t number, uint32_t hash)
{
	uint32_t i = hash & m->mask;

	while (m->slots[i].number)
		i = (i + 1) & m->mask;
	m->slots[i] = (struct slot){ number, hash };
}

/* Those behind it that could stand there move up. */
static void slot_clear(struct memo *m, uint32_t number, uint32_t hash)
{
	uint32_t hole = hash & m->mask;

	while (m->slots[hole].number != number)
		hole = (hole + 1) & m->mask;
	for (uint32_t i = (hole + 1) & m->mask; m->slots[i].number; i = (i + 1) & m->mask) {
		if (((i - m->slots[i].hash) & m->mask) < ((i - hole) & m->mask))
			continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole].number = 0;
}

/* Twice as many slots: few entries stay in few cache lines. */
static void slots_grow(struct memo *m)
{
	size_t n = 2 * ((size_t)m->mask + 1);

	free(m->slots);
	m->slots = xcalloc(n, sizeof(*m->slots));
	m->mask = (uint32_t)(n - 1);
	for (uint32_t at = m->newest; at; at = entry_at(m, at)->older)
		slot_fill(m, at, entry_at(m, at)->hash);
}

static void entry_free(struct memo *m, uint32_t number)
{
	struct entry *e = entry_at(m, number);

	slot_clear(m, number, e->hash);
	list_remove(m, e);
	e->newer = m->free;
	m->free = number;
	m->stats.entries--;
}

static uint32_t entry_make(struct memo *m, const void *key, uint32_t hash)
{
	uint32_t number;
	struct entry *e;

	if (!m->free && m->made == m->entries) {
		m->stats.evicted++;
		entry_free(m, m->oldest);
	}
	number = m->free ? m->free : ++m->made;
	e = entry_at(m, number);
	if (m->free)
		m->free = e->newer;
	memcpy(e->bytes, key, m->key);
	e->hash = hash;
	list_push(m, e, number);
	if (2 * ++m->stats.entries > m->mask)
		slots_grow(m);
	else
		slot_fill(m, number, hash);
	return number;
}

void memo_put(struct memo *m, uint64_t now, uint64_t ttl, const void *key, const void *value)
{
	uint32_t hash = hash_of(m, key), number = find(m, key, hash);
	struct entry *e;

	if (number)
		used(m, entry_at(m, number), number);
	else
		number = entry_make(m, key, hash);
	e = entry_at(m, number);
	e->until = ttl > UINT64_MAX - now ? UINT64_MAX : now + ttl;
	memcpy(value_of(m, e), value, m->value);
}

void *memo_get(struct memo *m, uint64_t now, const void *key)
{
	uint32_t number = m->stats.entries ? find(m, key, hash_of(m, key)) : 0;
	struct entry *e;

	if (!number)
		return NULL;
	e = entry_at(m, number);
	if (now > e->until) {
		m->stats.expired++;
		entry_free(m, number);
		return NULL;
	}
	used(m, e, number);
	return value_of(m, e);
}

void memo_drop(struct memo *m, const void *key)
{
	uint32_t number = find(m, key, hash_of(m, key));

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
