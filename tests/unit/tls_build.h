/* tls_build: makes TLS messages and records for tests, from the strings of JA3 and JA4. */
#ifndef WEIR_TLS_BUILD_H
#define WEIR_TLS_BUILD_H

#include <stdlib.h>
#include <string.h>

#include "libcommon/base/buf.h"

/* Lists as JA3 writes them ("47-53") or, with base 16, as JA4 does ("002f,0035"). */
struct offer {
	int base;
	uint16_t version;
	const char *ciphers, *exts, *groups, *points, *sig_algs, *versions, *alpn, *sni;
	const char *session_id;
	uint8_t fill;   /* of the random */
	size_t padding; /* bytes in extension 21 */
};

static inline void put8(struct buf *b, unsigned v)
{
	buf_add_byte(b, (uint8_t)v);
}

static inline void put16(struct buf *b, unsigned v)
{
	put8(b, v >> 8);
	put8(b, v & 0xff);
}

static inline void put24(struct buf *b, unsigned v)
{
	put8(b, v >> 16);
	put16(b, v & 0xffff);
}

/* The numbers of a list, `width` bytes each. */
static inline void put_list(struct buf *b, const char *list, int base, int width)
{
	char *end;

	while (list && *list) {
		unsigned v = (unsigned)strtoul(list, &end, base);

		if (width == 2)
			put16(b, v);
		else
			put8(b, v);
		list = *end ? end + 1 : end;
	}
}

/* Fills in a length of `width` bytes at `at` with what was added behind it. */
static inline void close_length(struct buf *b, size_t at, int width)
{
	size_t n = b->len - at - (size_t)width;

	for (int i = width - 1; i >= 0; i--, n >>= 8)
		b->ptr[at + (size_t)i] = (uint8_t)n;
}

static inline size_t open_length(struct buf *b, int width)
{
	size_t at = b->len;

	for (int i = 0; i < width; i++)
		put8(b, 0);
	return at;
}

static inline void put_counted(struct buf *b, const char *list, int base, int width, int prefix)
{
	size_t at = open_length(b, prefix);

	put_list(b, list, base, width);
	close_length(b, at, prefix);
}

static inline void put_ext_body(struct buf *b, unsigned type, const struct offer *o)
{
	size_t at;

	switch (type) {
	case 0:
		at = open_length(b, 2);
		put8(b, 0);
		put16(b, (unsigned)strlen(o->sni ? o->sni : "example.com"));
		buf_add_str(b, o->sni ? o->sni : "example.com");
		close_length(b, at, 2);
		break;
	case 10:
		put_counted(b, o->groups, o->base, 2, 2);
		break;
	case 11:
		put_counted(b, o->points, 10, 1, 1);
		break;
	case 13:
		put_counted(b, o->sig_algs, 16, 2, 2);
		break;
	case 16:
		at = open_length(b, 2);
		put8(b, (unsigned)strlen(o->alpn ? o->alpn : "h2"));
		buf_add_str(b, o->alpn ? o->alpn : "h2");
		close_length(b, at, 2);
		break;
	case 21:
		for (size_t i = 0; i < o->padding; i++)
			put8(b, 0);
		break;
	case 43:
		put_counted(b, o->versions, 16, 2, 1);
		break;
	case 45:
		put_counted(b, "1", 10, 1, 1);
		break;
	case 51: /* x25519, with a key of one byte */
		put16(b, 5);
		put16(b, 29);
		put16(b, 1);
		put8(b, 7);
		break;
	}
}

/* The body of a ClientHello. */
static inline void put_client_hello_body(struct buf *b, const struct offer *o)
{
	const char *list = o->exts;
	char *end;
	size_t at;

	put16(b, o->version);
	for (int i = 0; i < 32; i++)
		put8(b, o->fill);
	put8(b, (unsigned)(o->session_id ? strlen(o->session_id) : 0));
	buf_add_str(b, o->session_id ? o->session_id : "");
	put_counted(b, o->ciphers, o->base, 2, 2);
	put8(b, 1);
	put8(b, 0);
	if (!o->exts)
		return;
	at = open_length(b, 2);
	while (*list) {
		unsigned type = (unsigned)strtoul(list, &end, o->base);
		size_t len;

		put16(b, type);
		len = open_length(b, 2);
		put_ext_body(b, type, o);
		close_length(b, len, 2);
		list = *end ? end + 1 : end;
	}
	close_length(b, at, 2);
}

static inline void put_message(struct buf *b, unsigned type, struct bytes body)
{
	put8(b, type);
	put24(b, (unsigned)body.len);
	buf_add(b, body.ptr, body.len);
}

static inline void put_record(struct buf *b, unsigned type, unsigned version, struct bytes body)
{
	put8(b, type);
	put16(b, version);
	put16(b, (unsigned)body.len);
	buf_add(b, body.ptr, body.len);
}

/* A handshake message over records of at most `piece` bytes. */
static inline void put_handshake(struct buf *b, struct bytes message, size_t piece)
{
	for (size_t at = 0; at < message.len; at += piece) {
		size_t left = message.len - at;

		put_record(b, 22, 0x0301, BYTES(message.ptr + at, left < piece ? left : piece));
	}
}

static inline void put_client_hello(struct buf *b, const struct offer *o)
{
	struct buf body = { 0 };

	put_client_hello_body(&body, o);
	put_message(b, 1, buf_bytes(&body));
	buf_release(&body);
}

enum { HELLO_13 = 1, HELLO_RETRY = 2, HELLO_PSK = 4, HELLO_ALPN = 8 };

/* A ServerHello message. */
static inline void put_server_hello(struct buf *b, unsigned version, unsigned cipher,
				    const char *session_id, unsigned flags)
{
	static const uint8_t retry[32] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
		0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
		0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
	};
	struct buf body = { 0 };
	size_t at;

	put16(&body, version);
	for (int i = 0; i < 32; i++)
		put8(&body, flags & HELLO_RETRY ? retry[i] : 0x77);
	put8(&body, (unsigned)strlen(session_id));
	buf_add_str(&body, session_id);
	put16(&body, cipher);
	put8(&body, 0);
	at = open_length(&body, 2);
	if (flags & HELLO_13) {
		put16(&body, 43);
		put16(&body, 2);
		put16(&body, 0x0304);
		put16(&body, 51);
		put16(&body, flags & HELLO_RETRY ? 2 : 8);
		put16(&body, 29);
		if (!(flags & HELLO_RETRY)) {
			put16(&body, 4);
			put16(&body, 0);
			put16(&body, 0);
		}
	}
	if (flags & HELLO_PSK) {
		put16(&body, 41);
		put16(&body, 2);
		put16(&body, 0);
	}
	if (flags & HELLO_ALPN) {
		put16(&body, 16);
		put16(&body, 5);
		put16(&body, 3);
		put8(&body, 2);
		buf_add_str(&body, "h2");
	}
	close_length(&body, at, 2);
	put_message(b, 2, buf_bytes(&body));
	buf_release(&body);
}

#endif
