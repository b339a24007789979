/* tls_fingerprint: JA3, JA3S and JA4 (client) of parsed hello messages. */
#include "cmd/tls/tls.h"

#include <stdlib.h>

#include "libcommon/base/digest.h"

enum { EXT_SERVER_NAME = 0, EXT_ALPN = 16, SORT_SHORT = 32, HASH_DIGITS = 12 };

static void add_number(struct buf *out, uint16_t v)
{
	unsigned digits = 1 + (v > 9) + (v > 99) + (v > 999) + (v > 9999);
	uint8_t *at = buf_reserve(out, digits) + digits;

	out->len += digits;
	do {
		*--at = (uint8_t)('0' + v % 10);
		v /= 10;
	} while (v);
}

static void add_separated(struct buf *out, uint16_t v, bool *more)
{
	if (*more)
		buf_add_byte(out, '-');
	*more = true;
	add_number(out, v);
}

/* ",1-2-3": the values of a 16-bit list without GREASE. */
static void add_list(struct buf *out, struct bytes list)
{
	bool more = false;

	buf_add_byte(out, ',');
	for (size_t i = 0; i + 1 < list.len; i += 2) {
		uint16_t v = be16_get(list.ptr + i);

		if (!tls_is_grease(v))
			add_separated(out, v, &more);
	}
}

static void add_exts(struct buf *out, struct bytes block)
{
	bool more = false;
	struct bytes data;
	struct cursor c;
	uint16_t type;

	buf_add_byte(out, ',');
	if (!block.ptr)
		return;
	c = cursor_of(block);
	while (tls_ext_next(&c, &type, &data)) {
		if (!tls_is_grease(type))
			add_separated(out, type, &more);
	}
}

void tls_ja3_text(const struct tls_client_hello *h, struct buf *out)
{
	bool more = false;

	add_number(out, h->version);
	add_list(out, h->ciphers);
	add_exts(out, h->exts);
	add_list(out, h->groups);
	buf_add_byte(out, ',');
	for (size_t i = 0; i < h->point_formats.len; i++)
		add_separated(out, h->point_formats.ptr[i], &more);
}

void tls_ja3s_text(const struct tls_server_hello *h, struct buf *out)
{
	add_number(out, h->version);
	buf_add_byte(out, ',');
	add_number(out, h->cipher);
	add_exts(out, h->exts);
}

/* ---- JA4 ----------------------------------------------------------------------------------- */

static const char *ja4_version(const struct tls_client_hello *h)
{
	uint16_t version = h->version;

	if (h->versions.ptr) {
		version = 0;
		for (size_t i = 0; i + 1 < h->versions.len; i += 2) {
			uint16_t v = be16_get(h->versions.ptr + i);

			if (!tls_is_grease(v) && v > version)
				version = v;
		}
	}
	switch (version) {
	case 0x0304:
		return "13";
	case 0x0303:
		return "12";
	case 0x0302:
		return "11";
	case 0x0301:
		return "10";
	case 0x0300:
		return "s3";
	case 0x0002:
		return "s2";
	case 0xfeff:
		return "d1";
	case 0xfefd:
		return "d2";
	case 0xfefc:
		return "d3";
	}
	return "00";
}

static bool is_alphanumeric(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* First and last character of the first ALPN value; where one of the two bytes is not
 * alphanumeric, first and last digit of the value's hex form. */
static void ja4_alpn(const struct tls_client_hello *h, char out[3])
{
	static const char digits[] = "0123456789abcdef";
	struct bytes name = { NULL, 0 };

	if (h->alpn.ptr) {
		struct cursor c = cursor_of(h->alpn);

		tls_alpn_next(&c, &name);
	}
	out[0] = out[1] = '0';
	out[2] = '\0';
	if (name.len == 0)
		return;
	uint8_t first = name.ptr[0], last = name.ptr[name.len - 1];

	if (is_alphanumeric(first) && is_alphanumeric(last)) {
		out[0] = (char)first;
		out[1] = (char)last;
	} else {
		out[0] = digits[first >> 4];
		out[1] = digits[last & 15];
	}
}

static int by_value(const void *a, const void *b)
{
	uint16_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* "002f,1301": `sort` holds count 16-bit values in host order. */
static void add_hex(struct buf *out, uint16_t v, bool *more)
{
	uint8_t raw[2];
	char text[5];

	be16_put(raw, v);
	if (*more)
		buf_add_byte(out, ',');
	*more = true;
	buf_add(out, hex_encode(BYTES(raw, 2), text), 4);
}

/* Insertion, for the usual short list only: a long one must not cost its square. */
static void sort_values(uint8_t *list, size_t count)
{
	uint16_t v[SORT_SHORT];

	if (count > SORT_SHORT) {
		qsort(list, count, sizeof(uint16_t), by_value);
		return;
	}
	if (count)
		memcpy(v, list, count * sizeof(v[0]));
	for (size_t i = 1; i < count; i++) {
		uint16_t one = v[i];
		size_t at = i;

		for (; at && v[at - 1] > one; at--)
			v[at] = v[at - 1];
		v[at] = one;
	}
	if (count)
		memcpy(list, v, count * sizeof(v[0]));
}

static void add_sorted(struct buf *out, struct buf *sort)
{
	size_t count = sort->len / sizeof(uint16_t);
	bool more = false;
	uint16_t v;

	sort_values(sort->ptr, count);
	for (size_t i = 0; i < count; i++) {
		memcpy(&v, sort->ptr + i * sizeof(v), sizeof(v));
		add_hex(out, v, &more);
	}
}

static unsigned collect_ciphers(const struct tls_client_hello *h, struct buf *sort)
{
	unsigned count = 0;

	buf_clear(sort);
	for (size_t i = 0; i + 1 < h->ciphers.len; i += 2) {
		uint16_t v = be16_get(h->ciphers.ptr + i);

		if (tls_is_grease(v))
			continue;
		buf_add(sort, &v, sizeof(v));
		count++;
	}
	return count;
}

/* The count has SNI and ALPN in it, the list has not. */
static unsigned collect_exts(const struct tls_client_hello *h, struct buf *sort)
{
	unsigned count = 0;
	struct bytes data;
	struct cursor c;
	uint16_t type;

	buf_clear(sort);
	if (!h->exts.ptr)
		return 0;
	c = cursor_of(h->exts);
	while (tls_ext_next(&c, &type, &data)) {
		if (tls_is_grease(type))
			continue;
		count++;
		if (type != EXT_SERVER_NAME && type != EXT_ALPN)
			buf_add(sort, &type, sizeof(type));
	}
	return count;
}

/* The first 12 hex digits of the SHA-256 of raw[from..]; twelve zeros where that is empty. */
static void short_hash(const struct buf *raw, size_t from, char out[13])
{
	uint8_t digest[DIGEST_MAX];

	memcpy(out, "000000000000", HASH_DIGITS + 1);
	if (raw->len == from)
		return;
	digest_raw(DIGEST_SHA256, BYTES(raw->ptr + from, raw->len - from), digest);
	hex_encode(BYTES(digest, HASH_DIGITS / 2), out);
}

static void two_digits(char *at, unsigned v)
{
	v = v > 99 ? 99 : v;
	at[0] = (char)('0' + v / 10);
	at[1] = (char)('0' + v % 10);
}

/* Where parts b and c of a JA4 start. */
enum { JA4_B = 11, JA4_C = JA4_B + HASH_DIGITS + 1 };

void tls_ja4(const struct tls_client_hello *h, char transport, char out[TLS_JA4_SIZE],
	     struct buf *raw, struct buf *sort)
{
	unsigned ciphers = collect_ciphers(h, sort), exts;
	char alpn[3], *a;
	const char *version = ja4_version(h);
	size_t start = raw->len, from;
	bool more = false;

	/* The counts of part a come from lists that are collected for parts b and c. */
	buf_add(raw, "----------_", 11);
	from = raw->len;
	add_sorted(raw, sort);
	short_hash(raw, from, out + JA4_B);
	buf_add_byte(raw, '_');
	from = raw->len;
	exts = collect_exts(h, sort);
	add_sorted(raw, sort);
	if (sort->len && h->sig_algs.len) {
		size_t underscore = raw->len;

		buf_add_byte(raw, '_');
		for (size_t i = 0; i + 1 < h->sig_algs.len; i += 2) {
			uint16_t v = be16_get(h->sig_algs.ptr + i);

			if (!tls_is_grease(v))
				add_hex(raw, v, &more);
		}
		if (!more)
			raw->len = underscore;
	}
	short_hash(raw, from, out + JA4_C);
	ja4_alpn(h, alpn);
	a = (char *)raw->ptr + start;
	a[0] = transport;
	memcpy(a + 1, version, 2);
	a[3] = h->has_sni ? 'd' : 'i';
	two_digits(a + 4, ciphers);
	two_digits(a + 6, exts);
	memcpy(a + 8, alpn, 2);
	memcpy(out, a, JA4_B - 1);
	out[JA4_B - 1] = out[JA4_C - 1] = '_';
}
