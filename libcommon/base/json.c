/* json: a scanner that finds where values end, and the walk through what is in them. */
#include "libcommon/base/json.h"

static inline bool at_end(const struct cursor *c)
{
	return c->pos == c->end;
}

static void skip_blanks(struct cursor *c)
{
	while (!at_end(c) &&
	       (*c->pos == ' ' || *c->pos == '\t' || *c->pos == '\n' || *c->pos == '\r'))
		c->pos++;
}

static struct json_value bad(struct cursor *c)
{
	c->failed = true;
	return (struct json_value){ JSON_BAD, BYTES(NULL, 0) };
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Behind the first quote: to behind the last. */
static bool skip_string(struct cursor *c)
{
	while (!at_end(c)) {
		uint8_t byte = *c->pos++;

		if (byte == '"')
			return true;
		if (byte < 0x20)
			return false;
		if (byte != '\\')
			continue;
		if (at_end(c))
			return false;
		byte = *c->pos++;
		if (byte == 'u') {
			if (cursor_left(c) < 4)
				return false;
			for (int i = 0; i < 4; i++)
				if (!is_hex(*c->pos++))
					return false;
		} else if (!memchr("\"\\/bfnrt", byte, 8)) {
			return false;
		}
	}
	return false;
}

static size_t skip_digits(struct cursor *c)
{
	const uint8_t *from = c->pos;

	while (!at_end(c) && *c->pos >= '0' && *c->pos <= '9')
		c->pos++;
	return (size_t)(c->pos - from);
}

static bool skip_number(struct cursor *c)
{
	const uint8_t *digits;
	size_t n;

	if (!at_end(c) && *c->pos == '-')
		c->pos++;
	digits = c->pos;
	n = skip_digits(c);
	if (n == 0 || (n > 1 && *digits == '0'))
		return false;
	if (!at_end(c) && *c->pos == '.') {
		c->pos++;
		if (!skip_digits(c))
			return false;
	}
	if (!at_end(c) && (*c->pos == 'e' || *c->pos == 'E')) {
		c->pos++;
		if (!at_end(c) && (*c->pos == '+' || *c->pos == '-'))
			c->pos++;
		if (!skip_digits(c))
			return false;
	}
	return true;
}

static bool skip_word(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	if (cursor_left(c) < n || memcmp(c->pos, word, n) != 0)
		return false;
	c->pos += n;
	return true;
}

/* A value that is no container. */
static struct json_value next_scalar(struct cursor *c)
{
	const uint8_t *from = c->pos;

	switch (*c->pos) {
	case '"':
		c->pos++;
		if (!skip_string(c))
			return bad(c);
		return (struct json_value){ JSON_STRING,
					    BYTES(from + 1, (size_t)(c->pos - from) - 2) };
	case 'n':
		return skip_word(c, "null") ? (struct json_value){ .type = JSON_NULL } : bad(c);
	case 't':
		return skip_word(c, "true") ? (struct json_value){ .type = JSON_TRUE } : bad(c);
	case 'f':
		return skip_word(c, "false") ? (struct json_value){ .type = JSON_FALSE } : bad(c);
	default:
		if (!skip_number(c))
			return bad(c);
		return (struct json_value){ JSON_NUMBER, BYTES(from, (size_t)(c->pos - from)) };
	}
}

static bool skip_key(struct cursor *c)
{
	skip_blanks(c);
	if (at_end(c) || *c->pos != '"')
		return false;
	c->pos++;
	if (!skip_string(c))
		return false;
	skip_blanks(c);
	if (at_end(c) || *c->pos != ':')
		return false;
	c->pos++;
	return true;
}

/* Behind the first bracket: to behind the one that belongs to it. */
static bool skip_container(struct cursor *c, bool object)
{
	uint32_t objects = object, depth = 1; /* a bit for each open one, the innermost lowest */
	bool fresh = true;                    /* the innermost is empty so far */

	while (depth) {
		skip_blanks(c);
		if (at_end(c))
			return false;
		if (*c->pos == ((objects & 1) ? '}' : ']')) {
			c->pos++;
			objects >>= 1;
			depth--;
			fresh = false;
			continue;
		}
		if (!fresh) {
			if (*c->pos != ',')
				return false;
			c->pos++;
		}
		if ((objects & 1) && !skip_key(c))
			return false;
		skip_blanks(c);
		if (at_end(c))
			return false;
		fresh = *c->pos == '{' || *c->pos == '[';
		if (!fresh) {
			if (next_scalar(c).type == JSON_BAD)
				return false;
			continue;
		}
		if (depth == JSON_DEPTH)
			return false;
		objects = objects << 1 | (*c->pos++ == '{');
		depth++;
	}
	return true;
}

struct json_value json_next(struct cursor *c)
{
	struct json_value v;
	const uint8_t *from;

	skip_blanks(c);
	if (c->failed || at_end(c))
		return bad(c);
	if (*c->pos == '{' || *c->pos == '[') {
		v.type = *c->pos == '{' ? JSON_OBJECT : JSON_ARRAY;
		from = ++c->pos;
		if (!skip_container(c, v.type == JSON_OBJECT))
			return bad(c);
		v.text = BYTES(from, (size_t)(c->pos - from) - 1);
	} else {
		v = next_scalar(c);
	}
	skip_blanks(c);
	return v;
}

/* Behind an item: to the next one. */
static void skip_comma(struct cursor *c)
{
	skip_blanks(c);
	if (!at_end(c) && *c->pos == ',')
		c->pos++;
}

bool json_item(struct cursor *c, struct json_value *item)
{
	skip_blanks(c);
	if (c->failed || at_end(c))
		return false;
	*item = json_next(c);
	skip_comma(c);
	return item->type != JSON_BAD;
}

bool json_member(struct cursor *c, struct bytes *key, struct json_value *value)
{
	struct json_value k;

	skip_blanks(c);
	if (c->failed || at_end(c) || *c->pos != '"')
		return false;
	k = next_scalar(c);
	skip_blanks(c);
	if (k.type == JSON_BAD || at_end(c) || *c->pos != ':')
		return false;
	c->pos++;
	*key = k.text;
	*value = json_next(c);
	skip_comma(c);
	return value->type != JSON_BAD;
}

/* ---- strings -------------------------------------------------------------------------------- */

static uint32_t hex4(const uint8_t *p)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | (p[i] <= '9' ? p[i] - 0x30u : (p[i] | 0x20u) - 'a' + 10u);
	return v;
}

static void put_utf8(struct buf *out, uint32_t v)
{
	if (v < 0x80) {
		buf_add_byte(out, (uint8_t)v);
		return;
	}
	if (v < 0x800) {
		buf_add_byte(out, (uint8_t)(0xc0 | v >> 6));
	} else if (v < 0x10000) {
		buf_add_byte(out, (uint8_t)(0xe0 | v >> 12));
		buf_add_byte(out, (uint8_t)(0x80 | (v >> 6 & 63)));
	} else {
		buf_add_byte(out, (uint8_t)(0xf0 | v >> 18));
		buf_add_byte(out, (uint8_t)(0x80 | (v >> 12 & 63)));
		buf_add_byte(out, (uint8_t)(0x80 | (v >> 6 & 63)));
	}
	buf_add_byte(out, (uint8_t)(0x80 | (v & 63)));
}

/* At the four digits behind \u; of a pair of surrogates both are taken. False: one alone. */
static bool put_unicode(struct cursor *c, struct buf *out)
{
	uint32_t v = hex4(c->pos), low;

	c->pos += 4;
	if (v >= 0xdc00 && v < 0xe000)
		return false;
	if (v >= 0xd800 && v < 0xdc00) {
		if (cursor_left(c) < 6 || c->pos[0] != '\\' || c->pos[1] != 'u')
			return false;
		low = hex4(c->pos + 2);
		if (low < 0xdc00 || low >= 0xe000)
			return false;
		c->pos += 6;
		v = 0x10000 + ((v & 0x3ff) << 10) + (low & 0x3ff);
	}
	put_utf8(out, v);
	return true;
}

/* The length of the UTF-8 sequence at p, 0 where it is none. RFC 3629. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
	uint32_t v;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xf5 || p[0] < 0xc2 ? 0 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (n == 0 || n > left)
		return 0;
	v = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 63);
	}
	if ((n == 3 && v < 0x800) || (n == 4 && (v < 0x10000 || v > 0x10ffff)) ||
	    (v >= 0xd800 && v < 0xe000))
		return 0;
	return n;
}

bool json_unescape(struct bytes text, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	struct cursor c = cursor_of(text);

	while (!at_end(&c)) {
		const char *which;
		size_t n;

		if (*c.pos != '\\') {
			n = utf8_len(c.pos, cursor_left(&c));
			if (!n)
				return false;
			buf_add(out, c.pos, n);
			c.pos += n;
			continue;
		}
		if (cursor_left(&c) < 2)
			return false;
		c.pos += 2;
		if (c.pos[-1] == 'u') {
			if (cursor_left(&c) < 4 || !put_unicode(&c, out))
				return false;
			continue;
		}
		which = strchr(from, c.pos[-1]);
		if (!which || !*which)
			return false;
		buf_add_byte(out, (uint8_t)to[which - from]);
	}
	return true;
}
