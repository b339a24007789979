/* text: values of fields as expressions write them, both ways. */
#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/packet/field.h"

static bool is_plain(uint8_t c)
{
	return c >= ' ' && c < 0x7f;
}

static void print_hex(struct bytes b, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";

	buf_add_str(out, "x\"");
	for (size_t i = 0; i < b.len; i++) {
		buf_add_byte(out, (uint8_t)digits[b.ptr[i] >> 4]);
		buf_add_byte(out, (uint8_t)digits[b.ptr[i] & 15]);
	}
	buf_add_byte(out, '"');
}

void pkt_bytes_print(struct bytes b, struct buf *out)
{
	size_t plain = 0;

	for (size_t i = 0; i < b.len; i++)
		plain += is_plain(b.ptr[i]) || b.ptr[i] == '\r' || b.ptr[i] == '\n';
	if (b.len - plain > b.len / 8) {
		print_hex(b, out);
		return;
	}
	buf_add_byte(out, '"');
	for (size_t i = 0; i < b.len; i++) {
		uint8_t c = b.ptr[i];

		if (c == '\n' || c == '\r')
			buf_add_str(out, c == '\n' ? "\\n" : "\\r");
		else if (!is_plain(c))
			buf_printf(out, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else
			buf_add_byte(out, c);
	}
	buf_add_byte(out, '"');
}

static void print_flags(const struct pkt_field *f, uint64_t v, struct buf *out)
{
	uint64_t left = v;
	size_t len, from = out->len;

	for (uint64_t bit = 1; bit && bit <= v; bit <<= 1) {
		const char *name = v & bit ? pkt_value_name(f, bit, &len) : NULL;

		if (!name)
			continue;
		if (out->len > from)
			buf_add_byte(out, '+');
		buf_add(out, name, len);
		left &= ~bit;
	}
	if (left || !v) {
		out->len = from;
		buf_printf(out, "%" PRIu64, v);
	}
}

static void print_number(const struct pkt_field *f, uint64_t v, struct buf *out)
{
	const char *name;
	size_t len;

	switch (f->kind) {
	case PKT_HEX:
		buf_printf(out, "0x%" PRIx64, v);
		return;
	case PKT_ENUM:
		name = pkt_value_name(f, v, &len);
		if (name)
			buf_add(out, name, len);
		else
			buf_printf(out, "%" PRIu64, v);
		return;
	case PKT_FLAGS:
		print_flags(f, v, out);
		return;
	case PKT_LETTERS:
		for (size_t i = 0; v >> i; i++)
			if (v >> i & 1)
				buf_add_byte(out, (uint8_t)f->names[i]);
		if (!v)
			buf_add_byte(out, '0');
		return;
	case PKT_TIME:
		buf_printf(out, "%" PRIu64 ".%09" PRIu64, v / 1000000000, v % 1000000000);
		return;
	default:
		buf_printf(out, "%" PRIu64, v);
	}
}

/* "www.example.com", "www.@12" with a pointer; what is no letter of host names is %XX. */
static void print_name(const uint8_t *p, size_t size, struct buf *out)
{
	size_t at = 0;

	buf_add_byte(out, '"');
	if (size == 1 && p[0] == 0)
		buf_add_byte(out, '.');
	while (at < size && p[at]) {
		if (at)
			buf_add_byte(out, '.');
		if (p[at] >= 0xc0) {
			buf_printf(out, "@%u", (p[at] & 0x3fu) << 8 | p[at + 1]);
			break;
		}
		for (size_t i = 1; i <= p[at]; i++) {
			uint8_t c = p[at + i];

			if (isalnum(c) || c == '-' || c == '_')
				buf_add_byte(out, c);
			else
				buf_printf(out, "%%%02x", c);
		}
		at += 1u + p[at];
	}
	buf_add_byte(out, '"');
}

void pkt_field_print(const struct pkt_field *f, const uint8_t *p, struct pkt_place place,
		     struct buf *out)
{
	const uint8_t *b = p + place.at / 8;
	char text[INET6_ADDRSTRLEN];

	if (f->kind == PKT_MAC && place.bits == 48) {
		buf_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
			   b[5]);
	} else if (f->kind == PKT_IP4 && place.bits == 32) {
		buf_printf(out, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	} else if (f->kind == PKT_IP6 && place.bits == 128) {
		buf_add_str(out, inet_ntop(AF_INET6, b, text, sizeof(text)));
	} else if (f->kind == PKT_NAME) {
		print_name(b, place.bits / 8, out);
	} else if (pkt_kind_is_number(f->kind) && f->kind < PKT_MAC && place.bits <= 64) {
		print_number(f, pkt_bits_get(p, place.at, place.bits), out);
	} else if (f->kind == PKT_BYTES) {
		pkt_bytes_print(BYTES(b, place.bits / 8), out);
	} else { /* text would be read as an address */
		print_hex(BYTES(b, place.bits / 8), out);
	}
}

/* ---- reading ---- */

static bool parse_mac(const char *s, uint64_t *v)
{
	unsigned b[6];
	int used = 0;

	if (sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &used) != 6 ||
	    s[used])
		return false;
	*v = 0;
	for (int i = 0; i < 6; i++)
		*v = *v << 8 | b[i];
	return true;
}

static int hex_digit(uint8_t c)
{
	return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

static bool parse_name(struct bytes w, struct buf *out, const char **why)
{
	size_t label = out->len, i = 0;

	*why = "it is no domain name";
	if (bytes_is(w, "."))
		w.len = 0;
	buf_add_byte(out, 0);
	for (; i < w.len && w.ptr[i] != '@'; i++) {
		uint8_t c = w.ptr[i];

		if (c == '.') {
			if (out->len == label + 1)
				return false;
			label = out->len;
			buf_add_byte(out, 0);
			continue;
		}
		if (c == '%' && i + 2 < w.len + 0 && hex_digit(w.ptr[i + 1]) >= 0 &&
		    hex_digit(w.ptr[i + 2]) >= 0) {
			c = (uint8_t)(hex_digit(w.ptr[i + 1]) << 4 | hex_digit(w.ptr[i + 2]));
			i += 2;
		}
		buf_add_byte(out, c);
		if (out->len - label > 64)
			return false;
		out->ptr[label]++;
	}
	if (i + 1 == w.len) { /* the shortest way, which the names before it will tell */
		if (out->ptr[label])
			buf_add_byte(out, 0);
		out->ptr[out->len - 1] = PKT_NAME_SHORT;
		return true;
	}
	if (i < w.len) { /* a pointer; nothing may stand before it but a dot */
		unsigned long at = 0;

		if (out->ptr[label])
			return false;
		for (i++; i < w.len && isdigit(w.ptr[i]) && at < 0x4000; i++)
			at = at * 10 + (unsigned long)(w.ptr[i] - '0');
		if (i < w.len || at >= 0x4000)
			return false;
		out->ptr[label] = (uint8_t)(0xc0 | at >> 8);
		buf_add_byte(out, (uint8_t)at);
		return true;
	}
	if (out->ptr[label])
		buf_add_byte(out, 0);
	return true;
}

static bool parse_flags(const struct pkt_field *f, struct bytes w, uint64_t *v)
{
	*v = 0;
	while (w.len) {
		const uint8_t *plus = memchr(w.ptr, '+', w.len);
		size_t len = plus ? (size_t)(plus - w.ptr) : w.len;
		uint64_t bit;

		if (!pkt_value_named(f, BYTES(w.ptr, len), &bit))
			return false;
		*v |= bit;
		len += plus != NULL;
		w = BYTES(w.ptr + len, w.len - len);
	}
	return true;
}

static bool parse_letters(const struct pkt_field *f, struct bytes w, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < w.len; i++) {
		const char *at = strchr(f->names, toupper(w.ptr[i]));

		if (!at || !*at)
			return false;
		*v |= UINT64_C(1) << (at - f->names);
	}
	return true;
}

static bool parse_time(const char *s, uint64_t *v)
{
	char *end;
	unsigned long long seconds = strtoull(s, &end, 10), part = 0;
	int digits = 0;

	if (*end == '.')
		for (end++; isdigit((uint8_t)*end) && digits < 9; end++, digits++)
			part = part * 10 + (unsigned long long)(*end - '0');
	for (; digits < 9; digits++)
		part *= 10;
	*v = seconds * 1000000000 + part;
	return !*end && seconds < 1ull << 34;
}

static bool parse_number(const struct pkt_field *f, struct bytes w, const char *s, uint64_t *v)
{
	struct in_addr a;
	char *end;

	if (f->kind == PKT_TIME)
		return parse_time(s, v);
	if (f->kind == PKT_MAC && strchr(s, ':'))
		return parse_mac(s, v);
	if (f->kind == PKT_IP4 && strchr(s, '.')) {
		*v = 0;
		if (inet_pton(AF_INET, s, &a) != 1)
			return false;
		*v = ntohl(a.s_addr);
		return true;
	}
	if (pkt_value_named(f, w, v))
		return true;
	if (isdigit(w.ptr[0])) {
		*v = strtoull(s, &end, 0);
		return *end == 0;
	}
	return f->kind == PKT_FLAGS ? parse_flags(f, w, v)
				    : f->kind == PKT_LETTERS && parse_letters(f, w, v);
}

bool pkt_value_parse(const struct pkt_field *f, struct bytes w, uint64_t *number, struct buf *bytes,
		     const char **why)
{
	uint8_t a[16];
	char s[80];

	*why = "it is no such value";
	if (f->kind == PKT_NAME)
		return parse_name(w, bytes, why);
	if (w.len == 0 || w.len >= sizeof(s))
		return false;
	memcpy(s, w.ptr, w.len);
	s[w.len] = 0;
	if (f->kind == PKT_IP6) {
		*why = "it is no IPv6 address";
		if (inet_pton(AF_INET6, s, a) != 1)
			return false;
		buf_add(bytes, a, sizeof(a));
		return true;
	}
	if (!pkt_kind_is_number(f->kind)) {
		*why = "it takes bytes: \"text\" or x\"00ff\"";
		return false;
	}
	if (!parse_number(f, w, s, number))
		return false;
	*why = "it does not fit the field";
	return f->bits == 0 || f->bits >= 64 || *number >> f->bits == 0;
}
