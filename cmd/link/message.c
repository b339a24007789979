/* message: what two weir-links say to each other. */
#include "cmd/link/message.h"

size_t link_message_put(uint8_t *at, const struct link_message *m)
{
	const uint64_t numbers[] = { m->version, m->kind, m->instance,   m->seq,
				     m->count,   m->more, m->payload.len };
	uint8_t *p = at;

	*p++ = 0x97;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		*p = 0xcf;
		be64_put(p + 1, numbers[i]);
		p += 9;
	}
	return (size_t)(p - at);
}

static bool next_number(struct cursor *c, uint64_t *n)
{
	struct mp_value v = mp_next(c);

	*n = v.u;
	return v.type == MP_UINT;
}

const char *link_message_get(struct bytes raw, struct link_message *m)
{
	struct cursor c = cursor_of(raw);
	struct mp_value array = mp_next(&c);
	uint64_t kind, bytes;

	*m = (struct link_message){ .version = 0 };
	if (array.type != MP_ARRAY || array.count != 7 || !next_number(&c, &m->version) ||
	    !next_number(&c, &kind))
		return "it is no message of a link";
	if (!next_number(&c, &m->instance) || !next_number(&c, &m->seq) ||
	    !next_number(&c, &m->count) || !next_number(&c, &m->more) || !next_number(&c, &bytes))
		return "it is no message of a link";
	if (m->version == LINK_VERSION && (kind < 1 || kind >= LINK_KINDS))
		return "a message of no known kind";
	m->kind = kind < LINK_KINDS ? (enum link_kind)kind : LINK_BEAT;
	if (bytes != cursor_left(&c))
		return "a message of another length than it says";
	m->payload = BYTES(c.pos, cursor_left(&c));
	if (m->payload.len && m->kind != LINK_DATA && m->kind != LINK_HEAD_OF &&
	    m->payload.len > LINK_TEXT_MAX)
		return "a text that is too long";
	return NULL;
}
