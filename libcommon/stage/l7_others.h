/* l7_others: the flows that are somebody else's, remembered by id alone, 8 bytes each.
 *
 * Sets of eight, one cache line each. Ids are frame numbers, so eight frames in a row share a
 * set, and the flows of one time lie side by side. Nothing here depends on anything but the order
 * of calls. */
#ifndef WEIR_L7_OTHERS_H
#define WEIR_L7_OTHERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { L7_OTHER_WAYS = 8, L7_OTHER_SETS = 65536 /* a power of two */ };

struct l7_others {
	uint64_t *ids; /* id + 1; 0 = free; in pages of their own */
	size_t count;
};

void l7_others_init(struct l7_others *o);
void l7_others_release(struct l7_others *o);

static inline uint64_t *l7_others_set(const struct l7_others *o, uint64_t id)
{
	return o->ids + (id / L7_OTHER_WAYS & (L7_OTHER_SETS - 1)) * L7_OTHER_WAYS;
}

/* Where it is, or NULL. It is mostly at its own place in the set. */
static inline uint64_t *l7_others_find(const struct l7_others *o, uint64_t id)
{
	uint64_t *set = l7_others_set(o, id);

	if (__builtin_expect(set[id % L7_OTHER_WAYS] == id + 1, 1))
		return &set[id % L7_OTHER_WAYS];
	for (unsigned i = 0; i < L7_OTHER_WAYS; i++)
		if (set[i] == id + 1)
			return &set[i];
	return NULL;
}

/* An id that is not there yet. True where its set is full: the smallest id of the set, that of the
 * flow that began first, then went to *out, and must be remembered elsewhere. */
bool l7_others_add(struct l7_others *o, uint64_t id, uint64_t *out);
/* False where it is not there. */
bool l7_others_remove(struct l7_others *o, uint64_t id);
void l7_others_clear(struct l7_others *o);

#endif
