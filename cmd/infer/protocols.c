/* protocols: names of protocols as small numbers. */
#include "cmd/infer/protocols.h"

#include <stdlib.h>

#include "libcommon/base/die.h"

enum { BUCKETS = 1024 };

struct protocols {
	char names[PROTOCOLS_MAX][PROTOCOL_NAME];
	uint16_t next[PROTOCOLS_MAX], buckets[BUCKETS], count;
};

struct protocols *protocols_new(void)
{
	struct protocols *p = xcalloc(1, sizeof(*p));

	strcpy(p->names[PROTOCOL_NONE], "unknown");
	p->count = 1;
	return p;
}

void protocols_free(struct protocols *p)
{
	free(p);
}

static unsigned bucket_of(struct bytes name)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ name.ptr[i]) * 16777619u;
	return h % BUCKETS;
}

/* What flows are called of which nothing is known is no protocol's name. */
static bool is_name(const struct protocols *p, struct bytes name)
{
	if (bytes_is(name, p->names[PROTOCOL_NONE]))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", name.ptr[i]) || !name.ptr[i])
			return false;
	return name.len > 0 && name.len < PROTOCOL_NAME;
}

uint16_t protocol_find(const struct protocols *p, struct bytes name)
{
	uint16_t at = p->buckets[bucket_of(name)];

	while (at && !bytes_is(name, p->names[at]))
		at = p->next[at];
	return at;
}

uint16_t protocol_number(struct protocols *p, struct bytes name)
{
	uint16_t at = protocol_find(p, name);
	unsigned bucket = bucket_of(name);

	if (at || !is_name(p, name) || p->count == PROTOCOLS_MAX)
		return at;
	at = p->count++;
	memcpy(p->names[at], name.ptr, name.len);
	p->next[at] = p->buckets[bucket];
	p->buckets[bucket] = at;
	return at;
}

const char *protocol_name(const struct protocols *p, uint16_t number)
{
	return p->names[number < p->count ? number : PROTOCOL_NONE];
}
