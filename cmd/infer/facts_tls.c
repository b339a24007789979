/* facts_tls: the name by which a client asks for its server (RFC 6066, 3). */
#include "cmd/infer/facts_private.h"

enum { HANDSHAKE = 22, CLIENT_HELLO = 1, SERVER_NAME = 0, HOST = 0, SECONDS = 3600 };

/* The extension's first name, that of a host. */
static struct bytes host_of(struct bytes extension)
{
	struct cursor c = cursor_of(extension);
	struct bytes name;
	uint8_t kind;

	cursor_be16(&c); /* of the list */
	kind = cursor_u8(&c);
	name = cursor_bytes(&c, cursor_be16(&c));
	return kind == HOST ? name : BYTES(NULL, 0);
}

/* Behind the head of the record; its end may be yet to come. */
static struct bytes name_of(struct cursor *c)
{
	cursor_skip(c, 4 + 2 + 32); /* of the message, version, random */
	cursor_skip(c, cursor_u8(c));
	cursor_skip(c, cursor_be16(c));
	cursor_skip(c, cursor_u8(c));
	cursor_be16(c); /* of all extensions */
	while (!c->failed) {
		unsigned type = cursor_be16(c);
		struct bytes data = cursor_bytes(c, cursor_be16(c));

		if (!c->failed && type == SERVER_NAME)
			return host_of(data);
	}
	return BYTES(NULL, 0);
}

void facts_tls_hello(const struct facts_input *in)
{
	struct cursor c = cursor_of(in->bytes);
	struct fact f = { .what = FACT_NAME, .at = *facts_address(in, false), .seconds = SECONDS };

	if (in->bytes.len < 6 || in->bytes.ptr[0] != HANDSHAKE || in->bytes.ptr[5] != CLIENT_HELLO)
		return;
	cursor_skip(&c, 5);
	f.name = name_of(&c);
	if (f.name.len)
		in->found(in->ctx, &f);
}
