/* values: single values as JSON and as plain text. */
#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

#include "cmd/json/render.h"

static const char hex_digits[] = "0123456789abcdef";

/* Length of the valid UTF-8 sequence at p, or 0. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	return n <= left && rec_is_utf8(BYTES(p, n)) ? n : 0;
}

static void escape_control(struct buf *out, uint8_t c)
{
	switch (c) {
	case '\n':
		buf_add_str(out, "\\n");
		break;
	case '\r':
		buf_add_str(out, "\\r");
		break;
	case '\t':
		buf_add_str(out, "\\t");
		break;
	default:
		buf_add_str(out, "\\u00");
		buf_add_byte(out, (uint8_t)hex_digits[c >> 4]);
		buf_add_byte(out, (uint8_t)hex_digits[c & 15]);
	}
}

static inline bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void json_string(struct buf *out, struct bytes b)
{
	size_t i = 0;

	buf_add_byte(out, '"');
	while (i < b.len) {
		uint8_t c = b.ptr[i];
		size_t run = i, n;

		while (run < b.len && is_plain(b.ptr[run]))
			run++;
		if (run > i) {
			buf_add(out, b.ptr + i, run - i);
			i = run;
			continue;
		}
		n = utf8_len(b.ptr + i, b.len - i);
		if (c == '"' || c == '\\') {
			buf_add_byte(out, '\\');
			buf_add_byte(out, c);
		} else if (c < 0x20 || c == 0x7f) {
			escape_control(out, c);
		} else if (n) {
			buf_add(out, b.ptr + i, n);
			i += n - 1;
		} else {
			buf_add_str(out, "\\\\x");
			buf_add_byte(out, (uint8_t)hex_digits[c >> 4]);
			buf_add_byte(out, (uint8_t)hex_digits[c & 15]);
		}
		i++;
	}
	buf_add_byte(out, '"');
}

void json_time(struct buf *out, uint64_t ns)
{
	char text[32];
	uint64_t sec = ns / 1000000000, rest = ns % 1000000000;
	int at = sizeof(text);

	for (int i = 0; i < 9; i++, rest /= 10)
		text[--at] = (char)('0' + rest % 10);
	text[--at] = '.';
	do
		text[--at] = (char)('0' + sec % 10);
	while (sec /= 10);
	buf_add(out, text + at, sizeof(text) - (size_t)at);
}

void iso_time(struct buf *out, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	struct tm tm;

	gmtime_r(&sec, &tm);
	buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ", tm.tm_year + 1900, tm.tm_mon + 1,
		   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(ns % 1000000000));
}

void number_text(struct buf *out, uint64_t v)
{
	uint8_t text[20], *at = text + sizeof(text);

	do
		*--at = (uint8_t)('0' + v % 10);
	while (v /= 10);
	buf_add(out, at, (size_t)(text + sizeof(text) - at));
}

void ip_text(struct buf *out, struct bytes address)
{
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < address.len && address.len == 4; i++) {
		if (i)
			buf_add_byte(out, '.');
		number_text(out, address.ptr[i]);
	}
	if (address.len == 16)
		buf_add_str(out, inet_ntop(AF_INET6, address.ptr, text, sizeof(text)));
}
