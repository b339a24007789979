/* signature_parse: lines of text into signatures; a wrong line is refused. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/infer/lines.h"
#include "cmd/infer/signature_private.h"
#include "libcommon/base/die.h"

/* What one line becomes before it is taken. */
struct draft {
	struct signatures *s;
	struct signature g;
	struct signature_condition conditions[SIGNATURE_CONDITIONS];
	struct signature_place places[SIGNATURE_CONDITIONS][SIGNATURE_PLACES];
	unsigned bits; /* that are fixed in all, in halves of a bit */
	bool number;   /* there is one that `+N` may count from */
	const char *why;
};

static bool refuse(struct draft *d, const char *why)
{
	d->why = why;
	return false;
}

/* ---- patterns ------------------------------------------------------------------------------ */

struct pattern_text {
	struct bytes rest;
	struct signature_place *places;
	size_t count;
	const char *why;
};

static bool place_add(struct pattern_text *t, struct signature_place p)
{
	if (t->count == SIGNATURE_PLACES) {
		t->why = "the pattern is too long";
		return false;
	}
	t->places[t->count++] = p;
	return true;
}

/* Two hexadecimal digits, taken off the front. -1: there are none. */
static int hex_byte(struct bytes *b)
{
	int high = b->len < 2 ? -1 : digit_value(b->ptr[0], 16);
	int low = b->len < 2 ? -1 : digit_value(b->ptr[1], 16);

	if (high < 0 || low < 0)
		return -1;
	*b = BYTES(b->ptr + 2, b->len - 2);
	return high << 4 | low;
}

static bool take(struct bytes *b, const char *what)
{
	size_t n = strlen(what);

	if (b->len < n || memcmp(b->ptr, what, n) != 0)
		return false;
	*b = BYTES(b->ptr + n, b->len - n);
	return true;
}

static int escaped(struct bytes *b)
{
	if (take(b, "r"))
		return '\r';
	if (take(b, "n"))
		return '\n';
	if (take(b, "t"))
		return '\t';
	if (take(b, "\\"))
		return '\\';
	if (take(b, "\""))
		return '"';
	return take(b, "x") ? hex_byte(b) : -1;
}

static bool quoted_take(struct pattern_text *t, bool fold)
{
	while (!take(&t->rest, "\"")) {
		uint8_t one;
		int c;

		if (!t->rest.len) {
			t->why = "a text without its closing quote";
			return false;
		}
		c = t->rest.ptr[0];
		t->rest = BYTES(t->rest.ptr + 1, t->rest.len - 1);
		if (c == '\\')
			c = escaped(&t->rest);
		if (c < 0) {
			t->why = "no such escape in a text";
			return false;
		}
		one = fold ? folded((uint8_t)c) : (uint8_t)c;
		if (!place_add(t, (struct signature_place){ one, one, 0xff, fold }))
			return false;
	}
	return true;
}

/* [10-1f] or [&f0=40] */
static bool bracket_take(struct pattern_text *t)
{
	struct signature_place p = { 0, 0, 0xff, 0 };
	bool masked = take(&t->rest, "&");
	int a = hex_byte(&t->rest), b = -1;

	if (a >= 0 && take(&t->rest, masked ? "=" : "-"))
		b = hex_byte(&t->rest);
	if (b < 0 || !take(&t->rest, "]") || (masked ? b & ~a : b < a)) {
		t->why = "a bracket is [LOW-HIGH] or [&MASK=VALUE], in hexadecimal";
		return false;
	}
	p.low = (uint8_t)(masked ? b : a);
	p.high = (uint8_t)b;
	p.mask = masked ? (uint8_t)a : 0xff;
	return place_add(t, p);
}

static bool pattern_take(struct pattern_text *t)
{
	while (t->rest.len) {
		int byte;

		if (take(&t->rest, "..")) {
			if (!place_add(t, (struct signature_place){ 0, 0xff, 0xff, 0 }))
				return false;
		} else if (take(&t->rest, "i\"") || take(&t->rest, "\"")) {
			if (!quoted_take(t, t->rest.ptr[-2] == 'i'))
				return false;
		} else if (take(&t->rest, "[")) {
			if (!bracket_take(t))
				return false;
		} else {
			byte = hex_byte(&t->rest);
			if (byte < 0) {
				t->why = "a pattern is made of hexadecimal bytes, .., \"text\", "
					 "i\"text\", [10-1f] and [&f0=40]";
				return false;
			}
			if (!place_add(t, (struct signature_place){ (uint8_t)byte, (uint8_t)byte,
								    0xff, 0 }))
				return false;
		}
	}
	if (!t->count)
		t->why = "an empty pattern";
	return !t->why;
}

/* log2(256 / n) in halves of a bit, rounded down. */
static unsigned half_bits(unsigned n)
{
	unsigned bits = 0;

	while ((uint64_t)n * n << (bits + 1) <= 65536)
		bits++;
	return bits;
}

static unsigned place_bits(const struct signature_place *p)
{
	unsigned fits = 0;

	for (unsigned c = 0; c < 256; c++)
		fits += place_fits(p, (uint8_t)c);
	return half_bits(fits);
}

/* ---- conditions ---------------------------------------------------------------------------- */

static bool is_text(const struct signature_place *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i].low != p[i].high || p[i].mask != 0xff)
			return false;
	return true;
}

static bool text_add(struct draft *d, struct signature_condition *c,
		     const struct signature_place *p)
{
	struct signatures *s = d->s;
	struct signature_text text = { .len = (uint8_t)c->places };

	for (size_t i = 0; i < c->places; i++)
		text.bytes[i] = folded(p[i].low);
	for (c->text = 0; c->text < s->ntexts; c->text++)
		if (s->texts[c->text].len == text.len &&
		    memcmp(s->texts[c->text].bytes, text.bytes, text.len) == 0)
			return true;
	if (s->ntexts == SIGNATURE_TEXTS)
		return refuse(d, "too many floating texts");
	s->texts[s->ntexts++] = text;
	return true;
}

static bool pattern_condition(struct draft *d, struct signature_condition *c,
			      struct signature_place *places, struct bytes pattern)
{
	struct pattern_text t = { .rest = pattern, .places = places };

	if (!pattern_take(&t))
		return refuse(d, t.why);
	c->places = (uint16_t)t.count;
	for (size_t i = 0; i < t.count; i++)
		d->bits += place_bits(&places[i]);
	if (c->kind != CONDITION_FIND && c->kind != CONDITION_LINE)
		return true;
	if (!is_text(places, t.count))
		return refuse(d,
			      "find: and line: take one text, whose letters may be of either case");
	return text_add(d, c, places);
}

static bool offset_take(struct draft *d, struct signature_condition *c, struct bytes word)
{
	uint64_t v;

	c->behind = take(&word, "+");
	if (c->behind && !d->number)
		return refuse(d, "+N counts from the end of a number; there is none before it");
	if (!word_number(word, SIGNATURE_DEPTH - 1, &v))
		return refuse(d, "an offset is a number below 1024");
	c->offset = (uint16_t)v;
	return true;
}

static bool number_kind(struct signature_condition *c, struct bytes name)
{
	static const struct {
		const char *name;
		uint8_t width;
		bool little;
	} kinds[] = { { "u8", 1, false },   { "be16", 2, false }, { "be24", 3, false },
		      { "be32", 4, false }, { "le16", 2, true },  { "le24", 3, true },
		      { "le32", 4, true },  { "ber", 0, false } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (bytes_is(name, kinds[i].name)) {
			c->width = kinds[i].width;
			c->little = kinds[i].little;
			return true;
		}
	}
	return false;
}

/* len, len-4, rest, rest+1 */
static bool relation_take(struct draft *d, struct signature_condition *c, struct bytes value)
{
	bool minus;
	uint64_t v = 0;

	c->kind = take(&value, "len")    ? CONDITION_LEN
		  : take(&value, "rest") ? CONDITION_REST
					 : CONDITION_RANGE;
	if (c->kind == CONDITION_RANGE)
		return false;
	minus = value.len && value.ptr[0] == '-';
	if (value.len && ((!minus && value.ptr[0] != '+') ||
			  !word_number(BYTES(value.ptr + 1, value.len - 1), 65535, &v))) {
		c->kind = CONDITION_RANGE;
		return false;
	}
	c->add = minus ? -(int32_t)v : (int32_t)v;
	d->g.datagram = true;
	d->bits += 2 * 12;
	return true;
}

static bool number_condition(struct draft *d, struct signature_condition *c, struct bytes word,
			     struct bytes value)
{
	const uint8_t *at = memchr(word.ptr, '@', word.len);
	size_t n = at ? (size_t)(at - word.ptr) : word.len;
	uint64_t range = 1, most;
	unsigned width;

	if (!at || !number_kind(c, BYTES(word.ptr, n)))
		return refuse(d, "a number is u8, be16, be24, be32, le16, le24, le32 or ber, then "
				 "@OFFSET=VALUE");
	if (!offset_take(d, c, BYTES(at + 1, word.len - n - 1)))
		return false;
	d->number = true;
	if (relation_take(d, c, value))
		return true;
	most = c->width ? UINT32_MAX >> (32 - 8 * c->width) : UINT32_MAX;
	if (!word_range(value, most, &c->low, &c->high))
		return refuse(d, "a value is N, LOW..HIGH, as large as the number can be, len or "
				 "rest, the last two with +N or -N");
	width = c->width ? c->width : 2;
	range = c->high - c->low + 1;
	for (unsigned i = 0; i < width; i++) {
		d->bits += half_bits(range > 256 ? 256 : range ? (unsigned)range : 1);
		range = range >> 8 ? range >> 8 : 1;
	}
	return true;
}

static bool condition_take(struct draft *d, struct bytes word)
{
	struct signature_condition *c = &d->conditions[d->g.conditions];
	struct signature_place *places = d->places[d->g.conditions];
	const uint8_t *colon = memchr(word.ptr, ':', word.len);
	const uint8_t *equal = memchr(word.ptr, '=', word.len);

	if (bytes_is(word, "both")) {
		d->g.both = true;
		return true;
	}
	if (d->g.conditions == SIGNATURE_CONDITIONS)
		return refuse(d, "too many conditions");
	d->g.conditions++;
	if (take(&word, "len=")) {
		c->kind = CONDITION_SIZE;
		d->g.datagram = true;
		return word_range(word, 65535, &c->low, &c->high) ||
		       refuse(d, "len= takes a number or a range");
	}
	if (take(&word, "find:")) {
		c->kind = CONDITION_FIND;
		return pattern_condition(d, c, places, word);
	}
	if (take(&word, "line:")) {
		c->kind = CONDITION_LINE;
		return pattern_condition(d, c, places, word);
	}
	if (colon && (!equal || colon < equal)) {
		size_t n = (size_t)(colon - word.ptr);

		c->kind = CONDITION_AT;
		if (!offset_take(d, c, BYTES(word.ptr, n)))
			return false;
		if (c->behind)
			c->kind = CONDITION_AFTER;
		return pattern_condition(d, c, places, BYTES(colon + 1, word.len - n - 1));
	}
	if (equal) {
		size_t n = (size_t)(equal - word.ptr);

		return number_condition(d, c, BYTES(word.ptr, n),
					BYTES(equal + 1, word.len - n - 1));
	}
	return refuse(
		d,
		"a condition is OFFSET:PATTERN, find:PATTERN, line:PATTERN, NUMBER@OFFSET=VALUE, "
		"len=VALUE or both");
}

/* ---- lines --------------------------------------------------------------------------------- */

static bool from_take(struct draft *d, struct bytes word)
{
	static const char *const sides[] = { "", "client", "server", "any" };

	for (uint8_t i = FROM_CLIENT; i <= FROM_ANY; i++)
		if (bytes_is(word, sides[i]))
			d->g.from = i;
	return d->g.from || refuse(d, "the sender is client, server or any");
}

/* "tcp", "tcp,udp" */
static bool l4s_take(struct draft *d, struct bytes word)
{
	static const char *const names[] = { "tcp", "udp", "sctp" };

	while (word.len) {
		unsigned i = 0;

		while (i < SIGNATURE_L4S && !take(&word, names[i]))
			i++;
		if (i == SIGNATURE_L4S || (word.len && (!take(&word, ",") || !word.len)))
			return refuse(d, "the transport is tcp, udp, sctp, or several with commas");
		d->g.l4s |= (uint8_t)(1u << i);
	}
	return d->g.l4s || refuse(d, "no transport");
}

/* tls or tls.client_hello: the protocol is what stands before the dot. */
static bool name_take(struct draft *d, struct bytes word)
{
	const uint8_t *dot = memchr(word.ptr, '.', word.len);
	size_t n = dot ? (size_t)(dot - word.ptr) : word.len;

	d->g.protocol = protocol_number(d->s->names, BYTES(word.ptr, n));
	if (!d->g.protocol)
		return refuse(d, "a name has letters a-z, digits, - and _, at most 31");
	snprintf(d->g.label, sizeof(d->g.label), "%.*s", (int)word.len, (const char *)word.ptr);
	return true;
}

static bool change_line(struct draft *d, const struct line_reader *r, size_t *next)
{
	uint64_t v;

	if (r->count < 5)
		return refuse(d, "change takes two protocols, a sender and conditions");
	if (!name_take(d, r->words[1]) || !from_take(d, r->words[3]))
		return false;
	d->g.change_any = bytes_is(r->words[2], "any");
	d->g.change = protocol_number(d->s->names, r->words[2]);
	if (!d->g.change)
		return refuse(d, "no name of a protocol");
	d->g.within = 100;
	*next = 4;
	if (r->words[4].len > 7 && memcmp(r->words[4].ptr, "within=", 7) == 0) {
		if (!word_number(BYTES(r->words[4].ptr + 7, r->words[4].len - 7), 100, &v) || !v)
			return refuse(d, "within= takes a number, 1 to 100");
		d->g.within = (uint16_t)v;
		(*next)++;
	}
	d->g.lines = *next < r->count && bytes_is(r->words[*next], "lines");
	*next += d->g.lines;
	return true;
}

static bool variant_line(struct draft *d, const struct line_reader *r)
{
	uint64_t port;

	if (r->count != 5)
		return refuse(d, "variant takes two protocols, a transport and a port");
	if (!name_take(d, r->words[1]) || !l4s_take(d, r->words[3]))
		return false;
	d->g.variant = protocol_number(d->s->names, r->words[2]);
	if (!d->g.variant || !word_number(r->words[4], 65535, &port))
		return refuse(d, "variant takes two protocols, a transport and a port");
	d->g.port = (uint16_t)port;
	return true;
}

static bool plain_line(struct draft *d, const struct line_reader *r, size_t *next)
{
	uint64_t weight;

	if (r->count < 5)
		return refuse(d, "a line is NAME TRANSPORT SENDER WEIGHT CONDITION...");
	if (!name_take(d, r->words[0]) || !l4s_take(d, r->words[1]) || !from_take(d, r->words[2]))
		return false;
	if (!word_number(r->words[3], 99, &weight) || !weight)
		return refuse(d, "a weight is 1 to 99");
	d->g.weight = (uint8_t)weight;
	*next = 4;
	return true;
}

/* The bits that all numbers from low to high have in common: those in front. */
static uint64_t common_bits(uint64_t low, uint64_t high)
{
	uint64_t differ = low ^ high;

	return differ ? ~(UINT64_MAX >> __builtin_clzll(differ)) : UINT64_MAX;
}

static void front_add(struct draft *d, size_t at, uint8_t bits, uint8_t mask)
{
	if (at >= sizeof(d->g.front.bits))
		return;
	((uint8_t *)d->g.front.bits)[at] |= bits & mask;
	((uint8_t *)d->g.front.mask)[at] |= mask;
}

static void front_place(struct draft *d, size_t at, const struct signature_place *p)
{
	bool letter = p->low >= 'a' && p->low <= 'z';

	if (!p->fold)
		front_add(d, at, p->low, p->mask & (uint8_t)common_bits(p->low, p->high));
	else if (p->low == p->high && p->mask == 0xff)
		front_add(d, at, p->low, letter ? 0xdf : 0xff);
}

static void front_number(struct draft *d, const struct signature_condition *c)
{
	uint64_t mask = common_bits(c->low, c->high);

	for (unsigned i = 0; i < c->width; i++) {
		unsigned shift = 8 * (c->little ? i : c->width - 1u - i);

		front_add(d, c->offset + i, (uint8_t)(c->low >> shift), (uint8_t)(mask >> shift));
	}
}

static void front_set(struct draft *d)
{
	for (size_t i = 0; i < d->g.conditions; i++) {
		const struct signature_condition *c = &d->conditions[i];

		for (size_t k = 0; c->kind == CONDITION_AT && k < c->places; k++)
			front_place(d, c->offset + k, &d->places[i][k]);
		if (c->kind == CONDITION_RANGE && !c->behind)
			front_number(d, c);
	}
}

static bool line_take(struct draft *d, const struct line_reader *r)
{
	size_t next = 0;

	if (r->count > LINE_WORDS)
		return refuse(d, "too many words");
	if (bytes_is(r->words[0], "variant")) {
		if (d->s->count == SIGNATURES_MAX)
			return refuse(d, "too many lines");
		return variant_line(d, r);
	}
	if (!(bytes_is(r->words[0], "change") ? change_line(d, r, &next) : plain_line(d, r, &next)))
		return false;
	while (next < r->count)
		if (!condition_take(d, r->words[next++]))
			return false;
	if (!d->g.conditions)
		return refuse(d, "no condition");
	if (d->g.datagram && (d->g.l4s & 1u << SIGNATURE_TCP))
		return refuse(d, "TCP has no datagrams whose length could tell");
	if (d->s->count == SIGNATURES_MAX)
		return refuse(d, "too many lines");
	d->g.weak = d->bits < 2 * 20;
	front_set(d);
	return true;
}

static void draft_keep(struct draft *d)
{
	struct signatures *s = d->s;

	d->g.condition = (uint16_t)(s->conditions.len / sizeof(d->conditions[0]));
	for (size_t i = 0; i < d->g.conditions; i++) {
		struct signature_condition *c = &d->conditions[i];

		c->place = (uint16_t)(s->places.len / sizeof(d->places[0][0]));
		buf_add(&s->places, d->places[i], c->places * sizeof(d->places[0][0]));
		buf_add(&s->conditions, c, sizeof(*c));
	}
	s->lines[s->count++] = d->g;
}

bool signatures_add(struct signatures *s, struct bytes text, const char **why, unsigned *line)
{
	struct line_reader r = { .rest = text };

	while (line_next(&r)) {
		struct draft *d = xcalloc(1, sizeof(*d));
		bool good;

		d->s = s;
		good = line_take(d, &r);
		if (good)
			draft_keep(d);
		else
			*why = d->why;
		free(d);
		*line = r.number;
		if (!good)
			return false;
	}
	return true;
}
