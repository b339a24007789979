/* window: records held for a while, which leave in the order of a key. */
#ifndef WEIR_SORT_WINDOW_H
#define WEIR_SORT_WINDOW_H

#include "libcommon/stage/stage.h"

struct window;
/* length: how much later, by its time, a record must come for one to leave; UINT64_MAX: none does
 * before the end. memory: bytes that may be held; beyond it records leave early (counter
 * early). */
struct window *window_new(struct stage *st, uint64_t length, uint64_t memory, bool reverse);
void window_free(struct window *w);
/* A record, and what it is sorted by: one msgpack value. Both are copied. */
void window_add(struct window *w, const struct stage_rec *r, struct bytes key);
void window_flush(struct window *w);

#endif
