/* key_cache: what was written for the key of a flow, for the next records of the same flow: its
 * Community ID costs a digest. One slot per hash of the flow's number; the newer one stays. */
#ifndef WEIR_JSON_KEY_CACHE_H
#define WEIR_JSON_KEY_CACHE_H

#include "libcommon/base/bytes.h"

enum { KEY_CACHE_RAW = 46, KEY_CACHE_TEXT = 200 };

/* Slots are whole cache lines. */
struct key_slot {
	uint64_t flow;
	uint8_t raw_len, text_len; /* raw_len 0 = empty */
	uint8_t raw[KEY_CACHE_RAW];
	uint8_t text[KEY_CACHE_TEXT];
};

struct key_cache;
struct key_cache *key_cache_new(void);
void key_cache_free(struct key_cache *c);

/* The slot of the flow, if it holds this flow with a key that `raw` starts with; else NULL. The
 * key is compared, as a flow's number says nothing behind the end of its stream. */
const struct key_slot *key_cache_find(const struct key_cache *c, uint64_t flow, struct bytes raw);
/* Keeps the text; does nothing where key or text are longer than a slot can hold, or empty. */
void key_cache_keep(struct key_cache *c, uint64_t flow, struct bytes raw, struct bytes text);

#endif
