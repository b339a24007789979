/* dns_text: writes numbers, binary data and strings in the forms of DNS master files. */
#include "cmd/dns/dns_text.h"

#include <arpa/inet.h>

void dns_text_uint(struct dns_text *t, uint64_t v, unsigned width)
{
	char digits[24];
	size_t n = 0;

	do
		digits[sizeof(digits) - ++n] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	while (n < width && n < sizeof(digits))
		digits[sizeof(digits) - ++n] = '0';
	dns_text_put(t, digits + sizeof(digits) - n, n);
}

void dns_text_escape(struct dns_text *t, uint8_t c)
{
	dns_text_char(t, '\\');
	dns_text_uint(t, c, 3);
}

void dns_text_hex(struct dns_text *t, struct bytes b)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < b.len && !t->cut; i++) {
		dns_text_char(t, digits[b.ptr[i] >> 4]);
		dns_text_char(t, digits[b.ptr[i] & 15]);
	}
}

void dns_text_base64(struct dns_text *t, struct bytes b)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";

	for (size_t i = 0; i < b.len && !t->cut; i += 3) {
		size_t have = b.len - i < 3 ? b.len - i : 3;
		uint32_t v = (uint32_t)b.ptr[i] << 16 |
			     (have > 1 ? (uint32_t)b.ptr[i + 1] << 8 : 0) |
			     (have > 2 ? b.ptr[i + 2] : 0);
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63],
				 have > 1 ? digits[v >> 6 & 63] : '=',
				 have > 2 ? digits[v & 63] : '=' };

		dns_text_put(t, four, 4);
	}
}

void dns_text_base32hex(struct dns_text *t, struct bytes b)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
	uint32_t acc = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < b.len && !t->cut; i++) {
		acc = acc << 8 | b.ptr[i];
		bits += 8;
		while (bits >= 5) {
			bits -= 5;
			dns_text_char(t, digits[acc >> bits & 31]);
		}
	}
	if (bits)
		dns_text_char(t, digits[acc << (5 - bits) & 31]);
}

void dns_text_quoted(struct dns_text *t, struct bytes b)
{
	dns_text_char(t, '"');
	for (size_t i = 0; i < b.len && !t->cut; i++) {
		uint8_t c = b.ptr[i];

		if (c < 0x20 || c > 0x7e) {
			dns_text_escape(t, c);
			continue;
		}
		if (c == '"' || c == '\\')
			dns_text_char(t, '\\');
		dns_text_char(t, (char)c);
	}
	dns_text_char(t, '"');
}

/* RFC 5952: no leading zeros, "::" for the longest run of two zero groups or more, the first of
 * equals. For addresses whose first group is not zero: others may hold an IPv4 address. */
static void ipv6_text(struct dns_text *t, const uint8_t *b)
{
	static const char digits[] = "0123456789abcdef";
	unsigned from = 8, longest = 1;

	for (unsigned i = 0, run = 0; i < 8; i++) {
		run = be16_get(b + 2 * i) ? 0 : run + 1;
		if (run > longest) {
			longest = run;
			from = i + 1 - run;
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		unsigned v = be16_get(b + 2 * i);

		if (i == from) {
			dns_text_put(t, "::", 2);
			i += longest - 1;
			continue;
		}
		if (i && i != from + longest)
			dns_text_char(t, ':');
		for (unsigned shift = v > 0xfff ? 16 : v > 0xff ? 12 : v > 0xf ? 8 : 4; shift;) {
			shift -= 4;
			dns_text_char(t, digits[v >> shift & 15]);
		}
	}
}

void dns_text_ip(struct dns_text *t, struct bytes b)
{
	char text[INET6_ADDRSTRLEN];

	if (b.len == 4) {
		for (size_t i = 0; i < 4; i++) {
			if (i)
				dns_text_char(t, '.');
			dns_text_uint(t, b.ptr[i], 0);
		}
	} else if (b.len == 16 && be16_get(b.ptr)) {
		ipv6_text(t, b.ptr);
	} else if (b.len == 16 && inet_ntop(AF_INET6, b.ptr, text, sizeof(text))) {
		dns_text_str(t, text);
	}
}
