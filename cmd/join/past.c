/* past: a hash table whose entries are also a list by age. */
#include "cmd/join/past.h"

#include <stdlib.h>
#include <sys/random.h>

#include "libcommon/base/die.h"
#include "libcommon/base/distinct.h"

enum { NIL = 0xffffffff };

struct entry {
	uint8_t *bytes; /* the key, and the value behind it */
	uint32_t key_len, value_len;
	uint64_t ts, hash;
	uint32_t next;           /* of the same bucket; of free ones */
	uint32_t older, younger; /* by when it was put */
};

struct past {
	struct entry *entries;
	uint32_t *index;
	uint32_t mask, most, used, free, oldest, youngest;
	uint64_t window, memory, bytes, newest, secret;
	size_t count;
};

struct past *past_new(uint64_t window, uint64_t most, uint64_t memory)
{
	struct past *t = xcalloc(1, sizeof(*t));
	uint32_t slots = 16;

	while (slots < 2 * most)
		slots *= 2;
	if (getrandom(&t->secret, sizeof(t->secret), 0) != sizeof(t->secret))
		die_errno("random numbers");
	t->window = window;
	t->memory = memory;
	t->most = (uint32_t)most;
	t->entries = xcalloc(most, sizeof(*t->entries));
	t->index = xcalloc(slots, sizeof(*t->index));
	t->mask = slots - 1;
	memset(t->index, 0xff, slots * sizeof(*t->index));
	t->free = t->oldest = t->youngest = NIL;
	return t;
}

static void entry_remove(struct past *t, uint32_t i)
{
	struct entry *e = &t->entries[i];
	uint32_t *at = &t->index[e->hash & t->mask];

	while (*at != i)
		at = &t->entries[*at].next;
	*at = e->next;
	*(e->older == NIL ? &t->oldest : &t->entries[e->older].younger) = e->younger;
	*(e->younger == NIL ? &t->youngest : &t->entries[e->younger].older) = e->older;
	t->bytes -= e->key_len + e->value_len;
	free(e->bytes);
	e->bytes = NULL;
	e->next = t->free;
	t->free = i;
	t->count--;
}

void past_clear(struct past *t)
{
	while (t->oldest != NIL)
		entry_remove(t, t->oldest);
	t->newest = 0;
}

void past_free(struct past *t)
{
	if (!t)
		return;
	past_clear(t);
	free(t->entries);
	free(t->index);
	free(t);
}

size_t past_count(const struct past *t)
{
	return t->count;
}

static uint32_t find(const struct past *t, struct bytes key, uint64_t hash)
{
	uint32_t i = t->index[hash & t->mask];

	while (i != NIL && (t->entries[i].hash != hash ||
			    !bytes_equal(BYTES(t->entries[i].bytes, t->entries[i].key_len), key)))
		i = t->entries[i].next;
	return i;
}

static bool is_good(const struct past *t, const struct entry *e, uint64_t ts)
{
	return (ts > e->ts ? ts - e->ts : e->ts - ts) <= t->window;
}

/* Those in front that are too old for any record of now. */
static void expire(struct past *t, uint64_t ts)
{
	if (ts > t->newest)
		t->newest = ts;
	while (t->oldest != NIL && t->entries[t->oldest].ts < t->newest &&
	       !is_good(t, &t->entries[t->oldest], t->newest))
		entry_remove(t, t->oldest);
}

static uint32_t entry_new(struct past *t, struct bytes key, uint64_t hash, struct bytes value)
{
	uint32_t i = t->free, *at = &t->index[hash & t->mask];

	if (i != NIL)
		t->free = t->entries[i].next;
	else
		i = t->used++;
	t->entries[i] = (struct entry){ .bytes = xcalloc(1, key.len + value.len + 1),
					.key_len = (uint32_t)key.len,
					.value_len = (uint32_t)value.len,
					.hash = hash,
					.next = *at,
					.older = t->youngest,
					.younger = NIL };
	memcpy(t->entries[i].bytes, key.ptr, key.len);
	memcpy(t->entries[i].bytes + key.len, value.ptr, value.len);
	*at = i;
	*(t->youngest == NIL ? &t->oldest : &t->entries[t->youngest].younger) = i;
	t->youngest = i;
	t->bytes += key.len + value.len;
	t->count++;
	return i;
}

uint64_t past_put(struct past *t, struct bytes key, uint64_t ts, struct bytes value)
{
	uint64_t hash = distinct_hash_secret(key, t->secret), gone = 0;
	uint32_t i = find(t, key, hash);

	if (i != NIL)
		entry_remove(t, i);
	expire(t, ts);
	while (t->oldest != NIL &&
	       (t->count == t->most || t->bytes + key.len + value.len > t->memory)) {
		entry_remove(t, t->oldest);
		gone++;
	}
	t->entries[entry_new(t, key, hash, value)].ts = ts;
	return gone;
}

struct bytes past_get(struct past *t, struct bytes key, uint64_t ts)
{
	uint32_t i = find(t, key, distinct_hash_secret(key, t->secret));
	const struct entry *e = i == NIL ? NULL : &t->entries[i];

	if (!e || !is_good(t, e, ts))
		return BYTES(NULL, 0);
	return BYTES(e->bytes + e->key_len, e->value_len);
}
