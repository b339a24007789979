/* table: what was last seen by key, for a while of record time. */
#ifndef WEIR_JOIN_TABLE_H
#define WEIR_JOIN_TABLE_H

#include "libcommon/base/buf.h"

struct table;
/* window: ns that an entry is good for; most: entries; memory: bytes of keys and values. Beyond
 * either the oldest goes. */
struct table *table_new(uint64_t window, uint64_t most, uint64_t memory);
void table_free(struct table *t);

/* Copied; in place of what the key had. Returns how many that were still good had to go for it. */
uint64_t table_put(struct table *t, struct bytes key, uint64_t ts, struct bytes value);
/* What the key had at most `window` before or behind ts; ptr NULL: nothing. Borrowed until the next
 * call. */
struct bytes table_get(struct table *t, struct bytes key, uint64_t ts);
size_t table_count(const struct table *t);
/* Forgets all. */
void table_clear(struct table *t);

#endif
