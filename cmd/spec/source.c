/* source: the lines and words of a spec. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/spec/compile.h"

enum { TAB = 8, MAX_LINES = 20000 };

void c_fail(struct compiler *c, const char *at, const char *fmt, ...)
{
	va_list ap;

	if (c->failed)
		return;
	c->failed = true;
	if (c->nlines) { /* what lacks at the end is said at the last line */
		const struct spec_line *l =
			&c->lines[c->line < c->nlines ? c->line : c->nlines - 1];

		c->e->line = l->number;
		c->e->column = 1;
		if (at >= l->text && at <= l->text + strlen(l->text)) /* else of another line */
			c->e->column = (unsigned)(at - l->text) + 1;
	}
	va_start(ap, fmt);
	vsnprintf(c->e->text, sizeof(c->e->text), fmt, ap);
	va_end(ap);
	c->line = c->nlines;
	c->at = c->word = c->named = "";
}

char *c_copy(struct compiler *c, const char *at, size_t n)
{
	char *copy = spec_keep(c->s, n + 1);

	memcpy(copy, at, n);
	return copy;
}

/* Where the line's comment begins, or its end. */
static size_t without_comment(const char *p, size_t n)
{
	char quote = 0;
	size_t i = 0;

	for (; i < n && (quote || p[i] != '#'); i++) {
		if (quote && p[i] == '\\' && i + 1 < n)
			i++;
		else if (quote ? p[i] == quote : p[i] == '"' || p[i] == '\'')
			quote = quote ? 0 : p[i];
	}
	while (i && (p[i - 1] == ' ' || p[i - 1] == '\t' || p[i - 1] == '\r'))
		i--;
	return i < n ? i : n;
}

static void add_line(struct compiler *c, unsigned number, const char *p, size_t n)
{
	struct spec_line *l;
	unsigned indent = 0;
	size_t i = 0;

	n = without_comment(p, n);
	for (; i < n && (p[i] == ' ' || p[i] == '\t'); i++)
		indent = p[i] == '\t' ? (indent / TAB + 1) * TAB : indent + 1;
	if (i == n)
		return;
	c->lines = spec_grow(c->s, c->lines, c->nlines, sizeof(*c->lines));
	l = &c->lines[c->nlines++];
	*l = (struct spec_line){ number, indent, c_copy(c, p, n) };
}

void source_lines(struct compiler *c, struct bytes source)
{
	const char *p = (const char *)source.ptr, *end = p + source.len;

	if (source.len && memchr(p, 0, source.len)) {
		c_fail(c, NULL, "a spec is text: it has no NUL");
		return;
	}
	for (unsigned number = 1; p < end; number++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (number > MAX_LINES) {
			c_fail(c, NULL, "more than %d lines", MAX_LINES);
			return;
		}
		add_line(c, number, p, n);
		p += n + (nl != NULL);
	}
	c->line = 0;
	c->at = c->nlines ? c->lines[0].text : "";
}

void c_next_line(struct compiler *c)
{
	if (c->line < c->nlines)
		c->line++;
	c->at = c->line < c->nlines ? c->lines[c->line].text : "";
}

bool c_more(struct compiler *c)
{
	while (*c->at == ' ' || *c->at == '\t')
		c->at++;
	c->word = c->at;
	return *c->at != '\0';
}

void c_end(struct compiler *c)
{
	if (c_more(c))
		c_fail(c, c->at, "nothing is expected here");
}

static bool is_word(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '.';
}

bool c_word(struct compiler *c, const char *word)
{
	size_t n = strlen(word);

	if (!c_more(c) || strncmp(c->at, word, n) != 0 || is_word(c->at[n]))
		return false;
	c->at += n;
	return true;
}

bool c_sign(struct compiler *c, const char *sign)
{
	size_t n = strlen(sign);

	if (!c_more(c) || strncmp(c->at, sign, n) != 0)
		return false;
	c->at += n;
	return true;
}

const char *c_name(struct compiler *c, const char *what)
{
	size_t n = 0;

	c_more(c);
	c->named = c->at;
	while (is_word(c->at[n]) && !(c->at[n] == '.' && c->at[n + 1] == '.'))
		n++;
	if (n == 0 || (*c->at >= '0' && *c->at <= '9') || *c->at == '.') {
		c_fail(c, c->at, "%s is expected here: a-z, 0-9 and _", what);
		return "";
	}
	if (n > SPEC_NAME) {
		c_fail(c, c->at, "a name has at most %d characters", SPEC_NAME);
		return "";
	}
	c->at += n;
	return c_copy(c, c->at - n, n);
}

bool c_at_number(struct compiler *c)
{
	return c_more(c) && ((*c->at >= '0' && *c->at <= '9') || *c->at == '\'');
}

static int hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

/* One character of a quoted text; c->at is behind it. */
static uint8_t character(struct compiler *c)
{
	static const char names[] = "nrt0\\\"'", values[] = "\n\r\t\0\\\"'";
	const char *found;
	int hi, lo;

	if (*c->at != '\\')
		return (uint8_t)*c->at++;
	c->at++;
	if (*c->at == 'x') {
		hi = hex_digit(c->at[1]);
		lo = hi < 0 ? -1 : hex_digit(c->at[2]);
		if (lo < 0) {
			c_fail(c, c->at - 1, "\\x has two digits behind it");
			return 0;
		}
		c->at += 3;
		return (uint8_t)(hi << 4 | lo);
	}
	found = *c->at ? strchr(names, *c->at) : NULL;
	if (!found) {
		c_fail(c, c->at - 1, "one of \\n \\r \\t \\0 \\\\ \\\" \\' \\xHH is expected here");
		return 0;
	}
	c->at++;
	return (uint8_t)values[found - names];
}

uint64_t c_number(struct compiler *c, uint64_t most)
{
	const char *start;
	uint64_t v = 0;
	int base = 10, digit;

	if (!c_at_number(c)) {
		c_fail(c, c->at, "a number is expected here");
		return 0;
	}
	start = c->at;
	if (*c->at == '\'') {
		c->at++;
		v = *c->at ? character(c) : 0;
		if (!c_sign(c, "'"))
			c_fail(c, start, "a character has a ' on both sides");
		return v;
	}
	if (c->at[0] == '0' && c->at[1] == 'x') {
		base = 16;
		c->at += 2;
	}
	if (hex_digit(*c->at) < 0)
		c_fail(c, start, "0x has digits behind it");
	for (; (digit = hex_digit(*c->at)) >= 0 && digit < base; c->at++) {
		if (v > (UINT64_MAX - (uint64_t)digit) / (uint64_t)base) {
			c_fail(c, start, "a number has at most 64 bits");
			return 0;
		}
		v = v * (uint64_t)base + (uint64_t)digit;
	}
	if (is_word(*c->at) && *c->at != '.')
		c_fail(c, start, "this is no number");
	else if (v > most)
		c_fail(c, start, "this is more than %llu", (unsigned long long)most);
	return v;
}

bool c_at_string(struct compiler *c)
{
	return c_more(c) && *c->at == '"';
}

struct bytes c_string(struct compiler *c)
{
	const char *start = c->at;
	uint8_t *text;
	size_t n = 0;

	if (!c_at_string(c)) {
		c_fail(c, c->at, "a text in \" is expected here");
		return BYTES_LIT("");
	}
	start = c->at++;
	text = spec_keep(c->s, strlen(start) + 1);
	while (*c->at && *c->at != '"')
		text[n++] = character(c);
	if (*c->at != '"')
		c_fail(c, start, "this text has no \" at its end");
	else
		c->at++;
	return BYTES(text, n);
}
