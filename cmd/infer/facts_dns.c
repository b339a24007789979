/* facts_dns: names and services out of DNS answers: A, AAAA, SRV (RFC 2782), HTTPS (RFC 9460). */
#include <netinet/in.h>

#include "cmd/infer/facts_private.h"

enum { A = 1, AAAA = 28, SRV = 33, HTTPS = 65, RECORDS = 64, JUMPS = 16, NAME = 128 };
enum { NAME_MOST = 255 }; /* RFC 1035 2.3.4: octets with the lengths of the labels */
enum { KEY_ALPN = 1, KEY_PORT = 3 };

struct name {
	uint8_t bytes[NAME];
	size_t len; /* what is longer keeps its front */
};

/* A name with its pointers (RFC 1035 4.1.4), each of which goes back; c goes behind it. */
static bool name_read(struct bytes message, struct cursor *c, struct name *n)
{
	const uint8_t *at = c->pos, *limit = c->pos;
	unsigned jumps = 0;
	size_t octets = 0;
	bool jumped = false;

	n->len = 0;
	for (;;) {
		size_t left = (size_t)(message.ptr + message.len - at), len;

		if (!left)
			return false;
		len = *at;
		if ((len & 0xc0) == 0xc0) {
			size_t to = left < 2 ? SIZE_MAX : (size_t)(be16_get(at) & 0x3fff);

			if (to >= (size_t)(limit - message.ptr) || ++jumps > JUMPS)
				return false;
			if (!jumped)
				c->pos = at + 2;
			jumped = true;
			at = limit = message.ptr + to;
			continue;
		}
		/* Without the limit each record could have the whole message read again. */
		octets += len + 1;
		if (len > 63 || left < len + 1 || octets > NAME_MOST)
			return false;
		at += len + 1;
		if (!len)
			break;
		if (n->len + len + 1 < NAME) {
			if (n->len)
				n->bytes[n->len++] = '.';
			memcpy(n->bytes + n->len, at - len, len);
			n->len += len;
		}
	}
	if (!jumped)
		c->pos = at;
	return true;
}

static void target(const struct facts_input *in, struct bytes name, uint16_t port, uint8_t l4,
		   const char *protocol, uint32_t ttl)
{
	struct fact f = { .what = FACT_TARGET,
			  .port = port,
			  .l4 = l4,
			  .protocol = protocol,
			  .seconds = ttl,
			  .name = name };

	in->found(in->ctx, &f);
}

/* _sip._udp.example.com: what is spoken at the target's port. */
static void srv_take(const struct facts_input *in, struct bytes message, const struct name *owner,
		     struct cursor c, uint32_t ttl)
{
	char service[32] = "";
	const uint8_t *dot = owner->len ? memchr(owner->bytes, '.', owner->len) : NULL;
	size_t n = dot ? (size_t)(dot - owner->bytes) : 0;
	struct name to;
	uint16_t port;
	bool udp;

	if (n < 2 || n > sizeof(service) || owner->bytes[0] != '_')
		return;
	for (size_t i = 1; i < n; i++)
		service[i - 1] = (char)(owner->bytes[i] >= 'A' && owner->bytes[i] <= 'Z'
						? owner->bytes[i] | 0x20
						: owner->bytes[i]);
	udp = owner->len - n > 5 && memcmp(dot + 1, "_udp", 4) == 0;
	cursor_be32(&c);
	port = cursor_be16(&c);
	if (!c.failed && name_read(message, &c, &to))
		target(in, BYTES(to.bytes, to.len), port, udp ? IPPROTO_UDP : IPPROTO_TCP, service,
		       ttl);
}

static bool has_alpn(struct bytes list, const char *want)
{
	struct cursor c = cursor_of(list);

	while (cursor_left(&c)) {
		struct bytes one = cursor_bytes(&c, cursor_u8(&c));

		if (c.failed)
			return false;
		if (bytes_is(one, want))
			return true;
	}
	return false;
}

static void https_take(const struct facts_input *in, struct bytes message, const struct name *owner,
		       struct cursor c, uint32_t ttl)
{
	const uint8_t *end = c.end;
	struct bytes name = BYTES(owner->bytes, owner->len), alpn = { 0 };
	uint16_t priority = cursor_be16(&c), port = 443;
	struct name to;

	if (!priority || !name_read(message, &c, &to))
		return;
	if (to.len)
		name = BYTES(to.bytes, to.len);
	while (c.pos < end && !c.failed) {
		uint16_t key = cursor_be16(&c);
		struct bytes value = cursor_bytes(&c, cursor_be16(&c));

		if (key == KEY_ALPN)
			alpn = value;
		if (key == KEY_PORT && value.len == 2)
			port = be16_get(value.ptr);
	}
	if (c.failed)
		return;
	target(in, name, port, IPPROTO_TCP, "tls", ttl);
	if (has_alpn(alpn, "h3"))
		target(in, name, port, IPPROTO_UDP, "quic", ttl);
}

/* True where it says what is spoken at some target. */
static bool record_take(const struct facts_input *in, struct bytes message, struct cursor *c,
			struct bytes asked)
{
	struct name owner;
	uint16_t type;
	uint32_t ttl;
	struct bytes data;
	struct cursor d;

	if (!name_read(message, c, &owner)) {
		c->failed = true;
		return false;
	}
	type = cursor_be16(c);
	cursor_be16(c);
	ttl = cursor_be32(c);
	data = cursor_bytes(c, cursor_be16(c));
	if (c->failed)
		return false;
	if (ttl > 86400)
		ttl = 86400;
	d = cursor_of(data);
	if ((type == A && data.len == 4) || (type == AAAA && data.len == 16)) {
		struct fact f = { .what = FACT_NAME, .seconds = ttl, .name = asked };

		/* By the name that was asked for: aliases tell less of what is wanted there. */
		if (!asked.len)
			f.name = BYTES(owner.bytes, owner.len);
		f.at.len = (uint8_t)data.len;
		memcpy(f.at.b, data.ptr, data.len);
		in->found(in->ctx, &f);
		f.name = BYTES(owner.bytes, owner.len);
		if (!bytes_equal(f.name, asked)) {
			f.what = FACT_ADDRESS;
			in->found(in->ctx, &f);
		}
	} else if (type == SRV) {
		srv_take(in, message, &owner, d, ttl);
	} else if (type == HTTPS) {
		https_take(in, message, &owner, d, ttl);
	}
	return type == SRV || type == HTTPS;
}

void facts_dns_message(const struct facts_input *in, struct bytes message)
{
	struct cursor c;
	struct name asked = { .len = 0 };
	unsigned questions, records;
	bool targets = true;

	if (message.len < 12 || !(message.ptr[2] & 0x80))
		return;
	c = cursor_of(message);
	cursor_skip(&c, 4);
	questions = cursor_be16(&c);
	records =
		cursor_be16(&c) + (unsigned)be16_get(message.ptr + 8) + be16_get(message.ptr + 10);
	cursor_skip(&c, 4);
	for (unsigned i = 0; i < questions && i < 4; i++) {
		if (!name_read(message, &c, &asked) || !cursor_skip(&c, 4))
			return;
	}
	/* An SRV record may come behind the address of its target: so twice. */
	for (int round = 0; round < 2 && targets; round++) {
		struct cursor again = c;

		targets = false;
		for (unsigned i = 0; i < records && i < RECORDS && !again.failed; i++)
			targets |= record_take(in, message, &again, BYTES(asked.bytes, asked.len));
	}
}

/* ---- TCP: RFC 1035 4.2.2 --------------------------------------------------------------------- */

enum { PREFIX = 2 };

/* Of a message that comes in pieces the front is kept, the rest of a long one let by. How many
 * bytes that took. */
static size_t front_keep(struct facts_side *s, const struct facts_input *in, struct bytes b)
{
	size_t whole = s->len < PREFIX ? PREFIX : PREFIX + (size_t)be16_get(s->line);
	size_t most = whole < sizeof(s->line) ? whole : sizeof(s->line);
	size_t n = most - s->len < b.len ? most - s->len : b.len;

	memcpy(s->line + s->len, b.ptr, n);
	s->len = (uint16_t)(s->len + n);
	if (s->len < most || most == PREFIX)
		return n;
	facts_dns_message(in, BYTES(s->line + PREFIX, s->len - PREFIX));
	s->skip = (uint32_t)(whole - s->len);
	s->len = 0;
	return n;
}

/* Takes the message at the front if it is whole here, else its front. How many bytes that was. */
static size_t message_take(struct facts_side *s, const struct facts_input *in, struct bytes b)
{
	size_t prefix = !s->len && b.len >= PREFIX ? PREFIX : 0, n;

	if (!prefix && s->len != PREFIX)
		return front_keep(s, in, b);
	n = be16_get(prefix ? b.ptr : s->line);
	if (n > b.len - prefix)
		return front_keep(s, in, b);
	s->len = 0;
	facts_dns_message(in, BYTES(b.ptr + prefix, n));
	return prefix + n;
}

void facts_dns_stream(struct facts_flow *flow, const struct facts_input *in)
{
	struct facts_side *s = &flow->side[in->dir];
	struct bytes rest = in->bytes;

	while (rest.len) {
		size_t n = s->skip < rest.len ? s->skip : rest.len;

		s->skip -= (uint32_t)n;
		if (!n)
			n = message_take(s, in, rest);
		rest = BYTES(rest.ptr + n, rest.len - n);
	}
}
