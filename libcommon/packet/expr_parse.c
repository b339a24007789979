/* expr_parse: reads the language of expr.h, by descent. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/packet/expr_private.h"

enum { DEPTH = 6, REPEAT_MAX = PKT_BUILD_MAX };

struct in {
	const char *start, *p, *end;
	struct pkt_expr *e;     /* NULL: no several values */
	struct pkt_template *t; /* that of e at hand */
	struct pkt_model *m;
	pkt_load *load;
	char *why;
	unsigned depth;
	struct buf bytes; /* scratch */
};

static bool wrong(struct in *in, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(struct in *in, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(in->why, PKT_WHY, "column %zu: ", (size_t)(in->p - in->start) + 1);

	va_start(ap, fmt);
	vsnprintf(in->why + n, (size_t)(PKT_WHY - n), fmt, ap);
	va_end(ap);
	return false;
}

static char peek(const struct in *in)
{
	return in->p < in->end ? *in->p : 0;
}

/* Blanks and comments; line ends too within parentheses. */
static void skip(struct in *in)
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

static bool accept(struct in *in, char c)
{
	skip(in);
	if (peek(in) != c)
		return false;
	in->p++;
	return true;
}

static bool expect(struct in *in, char c)
{
	return accept(in, c) || wrong(in, "'%c' is missing here", c);
}

static struct bytes take_word(struct in *in, const char *also)
{
	const char *from;

	skip(in);
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

static bool read_hex(struct in *in)
{
	for (; peek(in) != '"'; in->p++) {
		if (in->end - in->p < 2)
			return wrong(in, "the bytes have no end");
		if (*in->p == ' ' || *in->p == ':')
			continue;
		if (digit(in->p[0]) < 0 || digit(in->p[1]) < 0)
			return wrong(in, "here are no two hex digits");
		buf_add_byte(&in->bytes, (uint8_t)(digit(in->p[0]) << 4 | digit(in->p[1])));
		in->p++;
	}
	in->p++;
	return true;
}

static bool read_string(struct in *in)
{
	static const char from[] = "nrt0", to[] = "\n\r\t";

	for (; peek(in) != '"'; in->p++) {
		const char *known;

		if (in->p >= in->end)
			return wrong(in, "the text has no end");
		if (*in->p != '\\') {
			buf_add_byte(&in->bytes, (uint8_t)*in->p);
			continue;
		}
		if (in->end - ++in->p < 1)
			return wrong(in, "the text has no end");
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

static bool read_file(struct in *in)
{
	struct bytes w = take_word(in, "./-+,:@");
	char name[512];

	if (!in->load || w.len >= sizeof(name) || !w.len)
		return wrong(in, "no file can be read here");
	memcpy(name, w.ptr, w.len);
	name[w.len] = 0;
	return in->load(name, &in->bytes) || wrong(in, "cannot read '%s'", name);
}

static bool repeat(struct in *in)
{
	size_t len = in->bytes.len;
	unsigned long n;
	char *end;

	if (!accept(in, '*'))
		return true;
	skip(in);
	n = strtoul(in->p, &end, 10); /* the text ends in a NUL: see pkt_expr_parse() */
	if (end == in->p || n > REPEAT_MAX || (len && n > REPEAT_MAX / len))
		return wrong(in, "so many times can't be");
	in->p = end;
	if (n == 0)
		buf_clear(&in->bytes);
	for (; n > 1; n--) {
		buf_reserve(&in->bytes, len);
		buf_add(&in->bytes, in->bytes.ptr, len);
	}
	return true;
}

/* Is there text, x"..", or @file? Then it is in in->bytes. */
static bool starts_bytes(struct in *in)
{
	skip(in);
	return peek(in) == '"' || peek(in) == '@' ||
	       (peek(in) == 'x' && in->end - in->p > 1 && in->p[1] == '"');
}

static bool read_bytes(struct in *in)
{
	char c = peek(in);

	buf_clear(&in->bytes);
	in->p += c == 'x' ? 2 : 1;
	return (c == 'x' ? read_hex(in) : c == '"' ? read_string(in) : read_file(in)) && repeat(in);
}

/* ---- values ---- */

struct where {
	uint16_t head;
	unsigned field;
};

static const struct pkt_field *field_of(const struct in *in, struct where at)
{
	return &pkt_layers[in->m->head[at.head].layer].fields[at.field];
}

static bool bad_value(struct in *in, struct where at, struct bytes w, const char *why)
{
	in->p = (const char *)w.ptr;
	return wrong(in, "'%.*s' for %s.%s: %s", (int)w.len, (const char *)w.ptr,
		     pkt_layers[in->m->head[at.head].layer].id, pkt_field_name(field_of(in, at)),
		     why);
}

/* One word, or bytes, as the field takes it. */
static bool read_single(struct in *in, struct where at, struct pkt_alternative *a)
{
	const struct pkt_field *f = field_of(in, at);
	bool quoted = starts_bytes(in);
	struct buf text = { 0 };
	const char *why, *from = in->p;
	struct bytes w;
	bool good;

	*a = (struct pkt_alternative){ .how = PKT_SET_NUMBER, .at = (uint32_t)in->m->bytes.len };
	if (quoted) {
		if (!read_bytes(in))
			return false;
		if (*from == 'x' || f->kind == PKT_BYTES) {
			a->how = PKT_SET_BYTES;
			a->len = (uint32_t)in->bytes.len;
			buf_add(&in->m->bytes, in->bytes.ptr, in->bytes.len);
			return true;
		}
		buf_add(&text, in->bytes.ptr, in->bytes.len);
		w = buf_bytes(&text);
	} else {
		w = take_word(in, f->kind == PKT_NAME ? ".-%@" : ".:+-");
	}
	good = pkt_value_parse(f, w, &a->number, &in->m->bytes, &why) ||
	       (!quoted && pkt_layer_find(w, PKT_NONE) != PKT_NONE &&
		pkt_value_announces(&pkt_layers[in->m->head[at.head].layer], at.field,
				    pkt_layer_find(w, PKT_NONE), &a->number));
	if (!good)
		bad_value(in, at, quoted ? BYTES(from, (size_t)(in->p - from)) : w, why);
	if (!pkt_kind_is_number(f->kind)) {
		a->how = PKT_SET_BYTES;
		a->len = (uint32_t)(in->m->bytes.len - a->at);
	}
	buf_release(&text);
	return good;
}

static struct pkt_set *give(struct in *in, struct where at, const struct pkt_alternative *a)
{
	struct pkt_set *s = pkt_model_set(in->m, at.head, at.field);

	s->how = a->how;
	s->number = a->number;
	s->at = a->at;
	s->len = a->len;
	return s;
}

static bool add_gen(struct in *in, struct where at, const struct pkt_alternative *first,
		    struct pkt_gen g)
{
	const struct pkt_field *f = field_of(in, at);
	struct pkt_gen *more;

	if (!in->t)
		return wrong(in, "one value is what is wanted here");
	g.set = (size_t)(give(in, at, first) - in->m->set);
	g.mask = f->bits == 0 || f->bits >= 64 ? UINT64_MAX : (UINT64_C(1) << f->bits) - 1;
	g.wide = f->kind == PKT_IP6;
	more = realloc(in->t->gen, (in->t->ngens + 1) * sizeof(*more));
	if (!more)
		die("out of memory");
	in->t->gen = more;
	more[in->t->ngens++] = g;
	return true;
}

/* Behind the first value: a range's end, a prefix's length, or nothing. */
static bool read_rest(struct in *in, struct where at, const struct pkt_alternative *a)
{
	const struct pkt_field *f = field_of(in, at);
	struct pkt_gen g = { .kind = PKT_GEN_RANGE, .first = a->number, .step = 1, .count = 1 };
	bool wide = f->kind == PKT_IP6 && a->len == 16;
	unsigned width = wide ? 128 : 32, len = 0;
	struct pkt_alternative last;

	if (wide)
		g.first = be64_get(in->m->bytes.ptr + a->at + 8);
	if (in->end - in->p > 2 && in->p[0] == '.' && in->p[1] == '.') {
		in->p += 2;
		if (!read_single(in, at, &last))
			return false;
		if (wide)
			last.number = be64_get(in->m->bytes.ptr + last.at + 8);
		if ((a->how != PKT_SET_NUMBER && !wide) || last.number < g.first)
			return wrong(in, "a range goes from a lower to a higher number");
		g.count = last.number - g.first + 1;
		return add_gen(in, at, a, g);
	}
	if ((f->kind == PKT_IP4 || wide) && peek(in) == '/' && in->end - in->p > 1 &&
	    isdigit((uint8_t)in->p[1])) {
		for (in->p++; isdigit((uint8_t)peek(in)) && len < 1000; in->p++)
			len = len * 10 + (unsigned)(*in->p - '0');
		if (len > width || width - len > 32)
			return wrong(in, "a prefix has at most %u bits, and 32 that vary", width);
		g.count = UINT64_C(1) << (width - len);
		g.first &= ~(g.count - 1);
		return add_gen(in, at, a, g);
	}
	give(in, at, a);
	return true;
}

static bool read_set(struct in *in, struct where at)
{
	struct pkt_gen g = { .kind = PKT_GEN_SET };
	struct pkt_alternative a, first = { 0 };

	if (!in->e)
		return wrong(in, "one value is what is wanted here");
	g.alternatives = in->e->alternatives.len / sizeof(a);
	do {
		if (!read_single(in, at, &a))
			return false;
		if (!g.count++)
			first = a;
		buf_add(&in->e->alternatives, &a, sizeof(a));
	} while (accept(in, ','));
	return expect(in, '}') && add_gen(in, at, &first, g);
}

/* rand(), rand(seed), inc(first), inc(first, step) */
static bool read_call(struct in *in, struct where at, bool random)
{
	struct pkt_gen g = { .kind = random ? PKT_GEN_RAND : PKT_GEN_INC, .step = 1 };
	struct pkt_alternative a = { .how = PKT_SET_NUMBER };
	enum pkt_kind kind = field_of(in, at)->kind;

	if (kind == PKT_IP6) {
		static const uint8_t none[16];

		a = (struct pkt_alternative){ .how = PKT_SET_BYTES,
					      .at = (uint32_t)in->m->bytes.len,
					      .len = 16 };
		buf_add(&in->m->bytes, none, sizeof(none));
	} else if (!pkt_kind_is_number(kind)) {
		return wrong(in, "it takes no numbers");
	}
	in->p += random ? 5 : 4;
	if (!accept(in, ')')) {
		if (!read_single(in, at, &a))
			return false;
		g.first = a.how == PKT_SET_BYTES && a.len == 16
				  ? be64_get(in->m->bytes.ptr + a.at + 8)
				  : a.number;
		if (random && in->t)
			in->t->random ^= g.first;
		if (!random && accept(in, ',')) {
			struct bytes w = take_word(in, "");

			g.step = strtoull((const char *)w.ptr, NULL, 0);
		}
		if (!expect(in, ')'))
			return false;
	}
	return add_gen(in, at, &a, g);
}

static bool at_word(const struct in *in, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(in->end - in->p) >= len && memcmp(in->p, word, len) == 0;
}

static bool read_args(struct in *in, uint16_t head);

static bool read_items(struct in *in, struct where at)
{
	enum pkt_layer_id family = field_of(in, at)->family, kind;
	struct pkt_set *s = pkt_model_set(in->m, at.head, at.field);

	s->how = PKT_SET_ITEMS;
	s->items = PKT_NIL;
	if (accept(in, ']'))
		return true;
	if (++in->depth > DEPTH)
		return wrong(in, "lists are too deep here");
	do {
		uint16_t item;
		struct bytes w;

		if (starts_bytes(in)) {
			if (!read_bytes(in))
				return false;
			item = pkt_model_item(in->m, at.head, at.field, PKT_raw);
			pkt_model_bytes(in->m, item, PKT_raw_load, buf_bytes(&in->bytes));
			continue;
		}
		w = take_word(in, "");
		kind = pkt_layer_find(w, family);
		if (kind == PKT_NONE)
			return bad_value(in, at, w, "there is no such item");
		item = pkt_model_item(in->m, at.head, at.field, kind);
		if (!read_args(in, item))
			return false;
	} while (accept(in, ','));
	in->depth--;
	return expect(in, ']');
}

static bool read_value(struct in *in, struct where at)
{
	const struct pkt_field *f = field_of(in, at);
	struct pkt_alternative a;

	skip(in);
	if (accept(in, '!'))
		skip(in);
	if (f->kind == PKT_ITEMS)
		return expect(in, '[') && read_items(in, at);
	if (accept(in, '{'))
		return read_set(in, at);
	if (at_word(in, "rand("))
		return read_call(in, at, true);
	if (at_word(in, "inc("))
		return read_call(in, at, false);
	if ((at_word(in, "auto") && !isalnum((uint8_t)in->p[4])) ||
	    (at_word(in, "copy") && !isalnum((uint8_t)in->p[4]))) {
		in->p += 4;
		pkt_model_auto(in->m, at.head, at.field);
		return true;
	}
	return read_single(in, at, &a) && read_rest(in, at, &a);
}

/* ---- layers ---- */

/* The field for a value without a name: the next that nothing but the packet's maker knows. */
static unsigned positional(const struct in *in, uint16_t head)
{
	const struct pkt_layer *l = &pkt_layers[in->m->head[head].layer];

	for (unsigned i = l->item && pkt_item_bind(in->m->head[head].layer) ? 1 : 0; i < l->nfields;
	     i++)
		if (l->fields[i].autos == PKT_AUTO_NONE && !l->fields[i].must &&
		    !pkt_model_given(in->m, head, i))
			return i;
	return PKT_NO_FIELD;
}

static bool no_field(struct in *in, uint16_t head, struct bytes name)
{
	const struct pkt_layer *l = &pkt_layers[in->m->head[head].layer];
	const char *near = pkt_field_nearest(l, name);

	in->p = (const char *)name.ptr;
	return wrong(in, "%s has no field '%.*s'%s%s%s", l->id, (int)name.len,
		     (const char *)name.ptr, near ? "; is it '" : "", near ? near : "",
		     near ? "'?" : "");
}

static bool read_arg(struct in *in, uint16_t head)
{
	struct where at = { head, PKT_NO_FIELD };
	const char *from;
	struct bytes name;

	skip(in);
	from = in->p;
	name = take_word(in, "");
	skip(in);
	if (name.len && peek(in) == '=') {
		in->p++;
		at.field = pkt_model_field(in->m, head, name);
		if (at.field == PKT_NO_FIELD)
			return no_field(in, head, name);
		return read_value(in, at);
	}
	in->p = from;
	at.field = positional(in, head);
	if (at.field == PKT_NO_FIELD)
		return wrong(in, "%s has no more fields", pkt_layers[in->m->head[head].layer].id);
	return read_value(in, at);
}

static bool read_args(struct in *in, uint16_t head)
{
	if (!accept(in, '('))
		return true;
	in->depth++;
	if (!accept(in, ')')) {
		do
			if (!read_arg(in, head))
				return false;
		while (accept(in, ','));
		if (!expect(in, ')'))
			return false;
	}
	in->depth--;
	return true;
}

/* The list of the layer at hand, or of one below it, that the item belongs to. */
static bool home_of(const struct in *in, enum pkt_layer_id item, struct where *at)
{
	enum pkt_layer_id family = pkt_family(item);
	bool found = false;

	if (pkt_model_empty(in->m))
		return false;
	for (uint16_t h = in->m->first; h != PKT_NIL; h = in->m->head[h].next) {
		const struct pkt_layer *l = &pkt_layers[in->m->head[h].layer];

		for (unsigned i = 0; i < l->nfields; i++)
			if (l->fields[i].kind == PKT_ITEMS && l->fields[i].family == family) {
				*at = (struct where){ h, i };
				found = true;
				break;
			}
	}
	return found;
}

static bool no_layer(struct in *in, struct bytes w)
{
	const char *near = pkt_layer_nearest(w);

	in->p = (const char *)w.ptr;
	if (!w.len)
		return wrong(in, "a layer is missing here");
	return wrong(in, "there is no layer '%.*s'%s%s%s", (int)w.len, (const char *)w.ptr,
		     near ? "; is it '" : "", near ? near : "", near ? "'?" : "");
}

static bool read_layer(struct in *in)
{
	enum pkt_layer_id id;
	struct where at;
	struct bytes w;
	uint16_t head;

	if (starts_bytes(in)) {
		if (!read_bytes(in))
			return false;
		head = pkt_model_push(in->m, PKT_raw);
		pkt_model_bytes(in->m, head, PKT_raw_load, buf_bytes(&in->bytes));
		return true;
	}
	w = take_word(in, "");
	id = pkt_layer_find(w, PKT_NONE);
	if (id == PKT_NONE)
		return no_layer(in, w);
	if (!pkt_layers[id].item)
		head = pkt_model_push(in->m, id);
	else if (home_of(in, id, &at))
		head = pkt_model_item(in->m, at.head, at.field, id);
	else
		return wrong(in, "%s belongs to a list that no layer here has", pkt_layers[id].id);
	return read_args(in, head);
}

/* ip.dst=10.0.0.1: a field of the layer of that name, the nth with [n], which is put on top where
 * it is not there. */
static bool read_word(struct in *in)
{
	struct bytes name = take_word(in, ""), field;
	enum pkt_layer_id id = pkt_layer_find(name, PKT_NONE);
	struct where at = { PKT_NIL, PKT_NO_FIELD };
	unsigned long nth = 0;
	char *end;

	if (id == PKT_NONE || pkt_layers[id].item)
		return no_layer(in, name);
	if (peek(in) == '[') {
		nth = strtoul(in->p + 1, &end, 10);
		in->p = end;
		if (!expect(in, ']'))
			return false;
	}
	for (uint16_t h = pkt_model_empty(in->m) ? PKT_NIL : in->m->first; h != PKT_NIL;
	     h = in->m->head[h].next)
		if (in->m->head[h].layer == id && nth-- == 0)
			at.head = h;
	if (at.head == PKT_NIL)
		at.head = pkt_model_push(in->m, id);
	if (peek(in) == '=' && id == PKT_raw) {
		in->p++;
		at.field = PKT_raw_load;
		return read_value(in, at);
	}
	if (peek(in) != '.')
		return true;
	in->p++;
	field = take_word(in, "");
	at.field = pkt_model_field(in->m, at.head, field);
	if (at.field == PKT_NO_FIELD)
		return no_field(in, at.head, field);
	return expect(in, '=') && read_value(in, at);
}

/* Does the packet start as words do: "ip." "ip[1]." or "payload="? */
static bool starts_words(struct in *in)
{
	const char *from = in->p;
	bool words;

	take_word(in, "");
	words = in->p > from && (peek(in) == '.' || peek(in) == '[' || peek(in) == '=');
	in->p = from;
	return words;
}

static bool at_end(struct in *in)
{
	skip(in);
	return in->p >= in->end || *in->p == ';' || *in->p == '\n';
}

static bool read_packet(struct in *in)
{
	if (starts_words(in)) {
		while (!at_end(in))
			if (!read_word(in))
				return false;
		return true;
	}
	do
		if (!read_layer(in))
			return false;
	while (accept(in, '/'));
	return at_end(in) || wrong(in, "'/', ';' or the end is missing here");
}

static struct pkt_template *add_template(struct pkt_expr *e)
{
	struct pkt_template *more = realloc(e->v, (e->n + 1) * sizeof(*more));

	if (!more)
		die("out of memory");
	e->v = more;
	memset(&more[e->n], 0, sizeof(*more));
	pkt_model_clear(&more[e->n].model);
	return &more[e->n++];
}

bool pkt_expr_parse(struct pkt_expr *e, struct bytes text, pkt_load *load, char *why)
{
	struct buf copy = { 0 };
	struct in in = { .e = e, .load = load, .why = why };
	bool good = true;

	memset(e, 0, sizeof(*e));
	buf_add(&copy, text.ptr, text.len);
	buf_add_byte(&copy, 0);
	in.start = in.p = (const char *)copy.ptr;
	in.end = in.start + text.len;
	while (good) {
		while (at_end(&in) && in.p < in.end)
			in.p++;
		if (in.p >= in.end)
			break;
		in.t = add_template(e);
		in.m = &in.t->model;
		good = read_packet(&in);
	}
	if (good && !e->n)
		good = wrong(&in, "there is no packet");
	buf_release(&in.bytes);
	buf_release(&copy);
	if (!good)
		pkt_expr_release(e);
	return good;
}

bool pkt_expr_parse_into(struct pkt_model *m, struct bytes text, char *why)
{
	struct buf copy = { 0 };
	struct in in = { .m = m, .why = why };
	bool good;

	buf_add(&copy, text.ptr, text.len);
	buf_add_byte(&copy, 0);
	in.start = in.p = (const char *)copy.ptr;
	in.end = in.start + text.len;
	good = read_packet(&in);
	if (good && in.p < in.end)
		good = wrong(&in, "this is more than one packet");
	buf_release(&in.bytes);
	buf_release(&copy);
	return good;
}
