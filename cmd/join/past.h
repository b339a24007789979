/* past: what was last seen by key, for a while of record time. */
#ifndef WEIR_JOIN_PAST_H
#define WEIR_JOIN_PAST_H

#include "libcommon/base/buf.h"

struct past;
/* window: ns that an entry is good for; most: entries; memory: bytes of keys and values. Beyond
 * either the oldest goes. */
struct past *past_new(uint64_t window, uint64_t most, uint64_t memory);
void past_free(struct past *t);

/* Copied; in place of what the key had. Returns how many that were still good had to go for it. */
uint64_t past_put(struct past *t, struct bytes key, uint64_t ts, struct bytes value);
/* What the key had at most `window` before or behind ts; ptr NULL: nothing. Borrowed until the next
 * call. */
struct bytes past_get(struct past *t, struct bytes key, uint64_t ts);
size_t past_count(const struct past *t);
/* Forgets all. */
void past_clear(struct past *t);

#endif
