/* values: single values as JSON and as plain text. */
#include <stdio.h>
#include <time.h>

#include "cmd/json/put.h"
#include "cmd/json/render.h"

/* Length of the valid UTF-8 sequence at p, or 0. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	return n <= left && rec_is_utf8(BYTES(p, n)) ? n : 0;
}

static uint8_t *put_control(uint8_t *at, uint8_t c)
{
	static const char letters[] = "btn.fr"; /* from \b on */

	*at++ = '\\';
	if (c == '\n' || c == '\r' || c == '\t') {
		*at++ = (uint8_t)letters[c - '\b'];
		return at;
	}
	memcpy(at, "u00", 3);
	return put_hex_byte(at + 3, c);
}

/* The byte or character at s, which is not plain; *used says how many bytes of s it took. At most
 * 6 bytes are written. */
static uint8_t *put_special(uint8_t *at, struct bytes s, size_t *used)
{
	uint8_t c = s.ptr[0];

	*used = 1;
	if (c == '"' || c == '\\') {
		*at++ = '\\';
		*at++ = c;
	} else if (c < 0x20 || c == 0x7f) {
		at = put_control(at, c);
	} else {
		size_t n = utf8_len(s.ptr, s.len);

		if (n) {
			memcpy(at, s.ptr, n);
			*used = n;
			return at + n;
		}
		memcpy(at, "\\\\x", 3);
		at = put_hex_byte(at + 3, c);
	}
	return at;
}

static inline bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

uint8_t *put_escaped(struct buf *out, uint8_t *at, struct bytes s)
{
	size_t i = 0;

	while (i < s.len) {
		size_t used;

		at = put_room(out, at, s.len - i + 8);
		used = put_plain(at, BYTES(s.ptr + i, s.len - i));
		at += used;
		i += used;
		while (i < s.len && is_plain(s.ptr[i]))
			*at++ = s.ptr[i++];
		if (i == s.len)
			break;
		at = put_special(at, BYTES(s.ptr + i, s.len - i), &used);
		i += used;
	}
	at = put_room(out, at, 1);
	*at = '"';
	return at + 1;
}

uint8_t *put_iso_time(uint8_t *at, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	struct tm tm;

	gmtime_r(&sec, &tm);
	return at + snprintf((char *)at, PUT_TIME + PUT_SLACK,
			     "\"%04d-%02d-%02dT%02d:%02d:%02d.%09uZ\"", tm.tm_year + 1900,
			     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
			     (unsigned)(ns % 1000000000));
}

static uint8_t *put_ipv4(uint8_t *at, const uint8_t *b)
{
	for (int i = 0; i < 4; i++) {
		at = put_number(at, b[i]);
		*at++ = '.';
	}
	return at - 1;
}

static uint8_t *put_group(uint8_t *at, uint16_t v)
{
	static const char digits[] = "0123456789abcdef";

	for (int shift = v > 0xfff ? 12 : v > 0xff ? 8 : v > 0xf ? 4 : 0; shift >= 0; shift -= 4)
		*at++ = (uint8_t)digits[v >> shift & 15];
	return at;
}

/* RFC 5952: the longest run of at least two zero groups, the first of equals, is "::"; what holds
 * an IPv4 address (::ffff:0:0/96, and ::/96 but for :: and ::1..::ffff) ends in it. */
static uint8_t *put_ipv6(uint8_t *at, const uint8_t *b)
{
	int best = -1, length = 1, groups = 8;

	for (int i = 0, run = 0; i < 8; i++) {
		run = b[2 * i] | b[2 * i + 1] ? 0 : run + 1;
		if (run > length) {
			length = run;
			best = i + 1 - run;
		}
	}
	if (best == 0 && (length == 6 || (length == 5 && be16_get(b + 10) == 0xffff)))
		groups = 6;
	for (int i = 0; i < groups; i++) {
		if (i == best) {
			*at++ = ':';
			i += length - 1;
			if (i == 7)
				*at++ = ':';
			continue;
		}
		if (i)
			*at++ = ':';
		at = put_group(at, be16_get(b + 2 * i));
	}
	if (groups == 8)
		return at;
	*at++ = ':';
	return put_ipv4(at, b + 12);
}

uint8_t *put_ip(uint8_t *at, struct bytes address)
{
	return address.len == 4    ? put_ipv4(at, address.ptr)
	       : address.len == 16 ? put_ipv6(at, address.ptr)
				   : at;
}

/* ---- the same at the end of a buffer -------------------------------------------------------- */

static void end_at(struct buf *out, const uint8_t *at)
{
	out->len = (size_t)(at - out->ptr);
}

void json_string(struct buf *out, struct bytes b)
{
	end_at(out, put_string(out, buf_reserve(out, 1), b));
}

void json_time(struct buf *out, uint64_t ns)
{
	end_at(out, put_seconds(buf_reserve(out, PUT_TIME + PUT_SLACK), ns));
}

void iso_time(struct buf *out, uint64_t ns)
{
	uint8_t *at = buf_reserve(out, PUT_TIME + PUT_SLACK), *end = put_iso_time(at, ns);

	memmove(at, at + 1, (size_t)(end - at) - 2); /* without the quotes */
	end_at(out, end - 2);
}

void number_text(struct buf *out, uint64_t v)
{
	end_at(out, put_number(buf_reserve(out, PUT_NUMBER + PUT_SLACK), v));
}

void ip_text(struct buf *out, struct bytes address)
{
	end_at(out, put_ip(buf_reserve(out, PUT_IP + PUT_SLACK), address));
}
