/* memo: a table of what is to be remembered for a while: fixed in size, what was used longest ago,
 * to within a sixteenth of its size in uses, goes first, what is older than its time is not found.
 * Times are packet times. */
#ifndef WEIR_INFER_MEMO_H
#define WEIR_INFER_MEMO_H

#include "libcommon/base/bytes.h"

struct memo;
/* `entries` at most, keys and values of these sizes in bytes. The seed only places entries. */
struct memo *memo_new(size_t entries, size_t key, size_t value, uint64_t seed);
void memo_free(struct memo *m);
/* Takes the place of what was there. */
void memo_put(struct memo *m, uint64_t now, uint64_t ttl, const void *key, const void *value);
/* NULL where there is none, or its time is over. Borrowed until the next put. */
void *memo_get(struct memo *m, uint64_t now, const void *key);
void memo_drop(struct memo *m, const void *key);
/* All, the least recently used first. */
void memo_each(const struct memo *m,
	       void (*each)(void *ctx, uint64_t until, const void *key, const void *value),
	       void *ctx);

struct memo_stats {
	uint64_t entries, evicted, expired;
};
struct memo_stats memo_stats(const struct memo *m);

#endif
