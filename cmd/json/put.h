/* put: writes single values of JSON at a place that has room for them. Each function returns the
 * place behind what it wrote. What is written may be followed by up to PUT_SLACK bytes of rubbish,
 * as whole words are stored: so a place has room for n bytes if n + PUT_SLACK may be written. */
#ifndef WEIR_JSON_PUT_H
#define WEIR_JSON_PUT_H

#include "libcommon/base/buf.h"

enum {
	PUT_SLACK = 32,
	PUT_NUMBER = 22, /* digits of a 64-bit number, in quotes */
	PUT_TIME = 32,   /* seconds with decimals, or ISO 8601 in quotes */
	PUT_IP = 48,     /* an address in quotes */
};

/* Makes room for n bytes and the slack behind `at`, which lies in out (at its len or beyond it,
 * never before); what was written up to `at` is kept. out->len is only kept up when it grows. */
static inline uint8_t *put_room(struct buf *out, uint8_t *at, size_t n)
{
	if (__builtin_expect((size_t)(out->ptr + out->size - at) >= n + PUT_SLACK, 1))
		return at;
	out->len = (size_t)(at - out->ptr);
	return buf_reserve(out, n + PUT_SLACK);
}

/* The decimal digits of v < 10^8, the first in the lowest byte, as numbers 0 to 9. */
static inline uint64_t put_digits(uint32_t v)
{
	uint64_t fours = v / 10000 | (uint64_t)(v % 10000) << 32, twos, ones;

	twos = fours * 10486 >> 20 & 0x7f0000007f; /* / 100 */
	twos |= (fours - 100 * twos) << 16;
	ones = twos * 103 >> 10 & 0x000f000f000f000f; /* / 10 */
	return ones | (twos - 10 * ones) << 8;
}

#define PUT_ZEROS 0x3030303030303030u

static inline uint8_t *put_eight_digits(uint8_t *at, uint32_t v)
{
	uint64_t text = put_digits(v) | PUT_ZEROS;

	memcpy(at, &text, 8);
	return at + 8;
}

static inline uint8_t *put_number(uint8_t *at, uint64_t v)
{
	uint64_t digits;
	unsigned zeros;

	if (v < 10) {
		*at = (uint8_t)('0' + v);
		return at + 1;
	}
	if (v >= 100000000)
		return put_eight_digits(put_number(at, v / 100000000), (uint32_t)(v % 100000000));
	digits = put_digits((uint32_t)v);
	zeros = (unsigned)__builtin_ctzll(digits) / 8;
	digits = (digits | PUT_ZEROS) >> 8 * zeros;
	memcpy(at, &digits, 8);
	return at + 8 - zeros;
}

/* Seconds with 9 decimals. */
static inline uint8_t *put_seconds(uint8_t *at, uint64_t ns)
{
	uint32_t rest = (uint32_t)(ns % 1000000000);

	at = put_number(at, ns / 1000000000);
	*at++ = '.';
	*at++ = (uint8_t)('0' + rest / 100000000);
	return put_eight_digits(at, rest % 100000000);
}

static inline uint8_t *put_hex_byte(uint8_t *at, uint8_t v)
{
	static const char digits[] = "0123456789abcdef";

	*at++ = (uint8_t)digits[v >> 4];
	*at++ = (uint8_t)digits[v & 15];
	return at;
}

/* A text made beforehand; PUT_SLACK bytes behind its start are readable. */
static inline uint8_t *put_text(uint8_t *at, struct bytes text)
{
	memcpy(at, text.ptr, PUT_SLACK);
	if (text.len > PUT_SLACK)
		memcpy(at, text.ptr, text.len);
	return at + text.len;
}

/* Is any of the 8 bytes one that does not stand for itself in JSON, or above 0x7e? A borrow or
 * carry into the next byte comes only out of a byte that is one. */
static inline bool put_is_special(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t quote = w ^ ones * '"', backslash = w ^ ones * '\\';

	return ((w - ones * 0x20) | (quote - ones) | (backslash - ones) | (w + ones) | w) &
	       ones * 0x80;
}

/* Copies the plain bytes that s starts with; returns their number, or somewhat less. */
static inline size_t put_plain(uint8_t *at, struct bytes s)
{
	size_t i = 0;
	uint64_t w = 0x2020202020202020u;

	for (; s.len - i >= 8; i += 8) {
		memcpy(&w, s.ptr + i, 8);
		if (put_is_special(w))
			return i;
		memcpy(at + i, &w, 8);
	}
	if (i == s.len)
		return i;
	if (s.len >= 8) { /* the last 8 again, as far as they are new */
		memcpy(&w, s.ptr + s.len - 8, 8);
		if (put_is_special(w))
			return i;
		memcpy(at + s.len - 8, &w, 8);
		return s.len;
	}
	for (; i < s.len; i++) {
		w = 0x2020202020202000u | s.ptr[i];
		if (put_is_special(w))
			return i;
		at[i] = s.ptr[i];
	}
	return i;
}

/* The rest of a JSON string from its first byte that is not plain, with the final quote. */
uint8_t *put_escaped(struct buf *out, uint8_t *at, struct bytes s);

/* A whole JSON string; makes its own room. */
static inline uint8_t *put_string(struct buf *out, uint8_t *at, struct bytes s)
{
	size_t n;

	at = put_room(out, at, s.len + 2);
	*at++ = '"';
	n = put_plain(at, s);
	at += n;
	if (__builtin_expect(n < s.len, 0))
		return put_escaped(out, at, BYTES(s.ptr + n, s.len - n));
	*at = '"';
	return at + 1;
}

/* An address of 4 or 16 bytes, without quotes: room for PUT_IP. IPv6 as in RFC 5952. */
uint8_t *put_ip(uint8_t *at, struct bytes address);
/* With its quotes: room for PUT_TIME. 2026-01-02T03:04:05.000000006Z */
uint8_t *put_iso_time(uint8_t *at, uint64_t ns);

#endif
