/* expr_text: the characters, words and bytes of an expression. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/packet/expr_read.h"

enum { REPEAT_MAX = PKT_BUILD_MAX };

bool pkt_in_wrong(struct pkt_in *in, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(in->why, PKT_WHY, "column %zu: ", (size_t)(in->p - in->start) + 1);

	va_start(ap, fmt);
	vsnprintf(in->why + n, (size_t)(PKT_WHY - n), fmt, ap);
	va_end(ap);
	return false;
}

char pkt_in_peek(const struct pkt_in *in)
{
	return in->p < in->end ? *in->p : 0;
}

void pkt_in_skip(struct pkt_in *in)
{
	while (in->p < in->end) {
		if (*in->p == '#')
			while (in->p < in->end && *in->p != '\n')
				in->p++;
		else if (*in->p == ' ' || *in->p == '\t' || *in->p == '\r' ||
			 (*in->p == '\n' && in->depth))
			in->p++;
		else
			return;
	}
}

bool pkt_in_accept(struct pkt_in *in, char c)
{
	pkt_in_skip(in);
	if (pkt_in_peek(in) != c)
		return false;
	in->p++;
	return true;
}

bool pkt_in_expect(struct pkt_in *in, char c)
{
	return pkt_in_accept(in, c) || pkt_in_wrong(in, "'%c' is missing here", c);
}

struct bytes pkt_in_word(struct pkt_in *in, const char *also)
{
	const char *from;

	pkt_in_skip(in);
	from = in->p;
	while (in->p < in->end &&
	       (isalnum((uint8_t)*in->p) || *in->p == '_' || (*in->p && strchr(also, *in->p)))) {
		if (in->p[0] == '.' && in->end - in->p > 1 && in->p[1] == '.')
			break;
		in->p++;
	}
	return BYTES(from, (size_t)(in->p - from));
}

/* ---- bytes ---- */

static int digit(char c)
{
	return isdigit((uint8_t)c)    ? c - '0'
	       : isxdigit((uint8_t)c) ? tolower((uint8_t)c) - 'a' + 10
				      : -1;
}

static bool read_hex(struct pkt_in *in)
{
	for (; pkt_in_peek(in) != '"'; in->p++) {
		if (in->end - in->p < 2)
			return pkt_in_wrong(in, "the bytes have no end");
		if (*in->p == ' ' || *in->p == ':')
			continue;
		if (digit(in->p[0]) < 0 || digit(in->p[1]) < 0)
			return pkt_in_wrong(in, "here are no two hex digits");
		buf_add_byte(&in->bytes, (uint8_t)(digit(in->p[0]) << 4 | digit(in->p[1])));
		in->p++;
	}
	in->p++;
	return true;
}

static bool read_string(struct pkt_in *in)
{
	static const char from[] = "nrt0", to[] = "\n\r\t";

	for (; pkt_in_peek(in) != '"'; in->p++) {
		const char *known;

		if (in->p >= in->end)
			return pkt_in_wrong(in, "the text has no end");
		if (*in->p != '\\') {
			buf_add_byte(&in->bytes, (uint8_t)*in->p);
			continue;
		}
		if (in->end - ++in->p < 1)
			return pkt_in_wrong(in, "the text has no end");
		known = strchr(from, *in->p);
		if (*in->p == 'x' && in->end - in->p > 2 && digit(in->p[1]) >= 0 &&
		    digit(in->p[2]) >= 0) {
			buf_add_byte(&in->bytes, (uint8_t)(digit(in->p[1]) << 4 | digit(in->p[2])));
			in->p += 2;
		} else {
			buf_add_byte(&in->bytes,
				     (uint8_t)(known && *in->p ? to[known - from] : *in->p));
		}
	}
	in->p++;
	return true;
}

static bool read_file(struct pkt_in *in)
{
	struct bytes w = pkt_in_word(in, "./-+,:@");
	char name[512];

	if (!in->load || w.len >= sizeof(name) || !w.len)
		return pkt_in_wrong(in, "no file can be read here");
	memcpy(name, w.ptr, w.len);
	name[w.len] = 0;
	return in->load(name, &in->bytes) || pkt_in_wrong(in, "cannot read '%s'", name);
}

static bool repeat(struct pkt_in *in)
{
	size_t len = in->bytes.len;
	unsigned long n;
	char *end;

	if (!pkt_in_accept(in, '*'))
		return true;
	pkt_in_skip(in);
	n = strtoul(in->p, &end, 10); /* the text ends in a NUL: see pkt_expr_parse() */
	if (end == in->p || n > REPEAT_MAX || (len && n > REPEAT_MAX / len))
		return pkt_in_wrong(in, "so many times can't be");
	in->p = end;
	if (n == 0)
		buf_clear(&in->bytes);
	for (; n > 1 && len; n--) {
		buf_reserve(&in->bytes, len);
		buf_add(&in->bytes, in->bytes.ptr, len);
	}
	return true;
}

bool pkt_in_at_bytes(struct pkt_in *in)
{
	pkt_in_skip(in);
	return pkt_in_peek(in) == '"' || pkt_in_peek(in) == '@' ||
	       (pkt_in_peek(in) == 'x' && in->end - in->p > 1 && in->p[1] == '"');
}

bool pkt_in_bytes(struct pkt_in *in)
{
	char c = pkt_in_peek(in);

	buf_clear(&in->bytes);
	in->p += c == 'x' ? 2 : 1;
	return (c == 'x' ? read_hex(in) : c == '"' ? read_string(in) : read_file(in)) && repeat(in);
}
