/* key_cache: what was written for the key of a flow, for the next records of the same flow. */
#include "cmd/json/key_cache.h"

#include <stdlib.h>

#include "libcommon/base/die.h"

enum { SLOT_BITS = 9 };

struct key_cache {
	struct key_slot slots[1 << SLOT_BITS];
};

struct key_cache *key_cache_new(void)
{
	return xcalloc(1, sizeof(struct key_cache));
}

void key_cache_free(struct key_cache *c)
{
	free(c);
}

static size_t slot_of(uint64_t flow)
{
	return flow * 0x9e3779b97f4a7c15ull >> (64 - SLOT_BITS);
}

const struct key_slot *key_cache_find(const struct key_cache *c, uint64_t flow, struct bytes raw)
{
	const struct key_slot *s = &c->slots[slot_of(flow)];

	if (s->flow != flow || s->raw_len == 0 || raw.len < s->raw_len ||
	    memcmp(s->raw, raw.ptr, s->raw_len) != 0)
		return NULL;
	return s;
}

void key_cache_keep(struct key_cache *c, uint64_t flow, struct bytes raw, struct bytes text)
{
	struct key_slot *s = &c->slots[slot_of(flow)];

	if (raw.len > sizeof(s->raw) || text.len > sizeof(s->text) || !raw.len || !text.len)
		return;
	s->flow = flow;
	s->raw_len = (uint8_t)raw.len;
	s->text_len = (uint8_t)text.len;
	memcpy(s->raw, raw.ptr, raw.len);
	memcpy(s->text, text.ptr, text.len);
}
