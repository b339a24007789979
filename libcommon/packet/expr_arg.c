/* expr_arg: values of fields, one or several, items of lists, and the arguments of a layer. */
#include <ctype.h>
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/packet/expr_read.h"

enum { DEPTH = 6 };

static const struct pkt_field *field_of(const struct pkt_in *in, struct pkt_where at)
{
	return &pkt_layers[in->m->head[at.head].layer].fields[at.field];
}

static bool bad_value(struct pkt_in *in, struct pkt_where at, struct bytes w, const char *why)
{
	in->p = (const char *)w.ptr;
	return pkt_in_wrong(in, "'%.*s' for %s.%s: %s", (int)w.len, (const char *)w.ptr,
			    pkt_layers[in->m->head[at.head].layer].id,
			    pkt_field_name(field_of(in, at)), why);
}

/* Bytes for a field that is no list: it must start and end with a byte, and have room for them. */
static bool take_bytes(struct pkt_in *in, struct pkt_where at, const char *from,
		       struct pkt_alternative *a)
{
	const struct pkt_field *f = field_of(in, at);
	struct bytes w = BYTES(from, (size_t)(in->p - from));

	if (f->bits % 8 || (f->at < PKT_MOVES && f->at % 8))
		return bad_value(in, at, w, "it is not of whole bytes: a number is wanted");
	if (f->size == PKT_SIZE_BITS && in->bytes.len > f->bits / 8u)
		return bad_value(in, at, w, "it does not fit the field");
	a->how = PKT_SET_BYTES;
	a->len = (uint32_t)in->bytes.len;
	buf_add(&in->m->bytes, in->bytes.ptr, in->bytes.len);
	return true;
}

/* One word, or bytes, as the field takes it. */
static bool read_single(struct pkt_in *in, struct pkt_where at, struct pkt_alternative *a)
{
	const struct pkt_field *f = field_of(in, at);
	bool quoted = pkt_in_at_bytes(in);
	struct buf text = { 0 };
	const char *why, *from = in->p;
	struct bytes w;
	bool good;

	*a = (struct pkt_alternative){ .how = PKT_SET_NUMBER, .at = (uint32_t)in->m->bytes.len };
	if (quoted) {
		if (!pkt_in_bytes(in))
			return false;
		if (*from == 'x' || f->kind == PKT_BYTES)
			return take_bytes(in, at, from, a);
		buf_add(&text, in->bytes.ptr, in->bytes.len);
		w = buf_bytes(&text);
	} else {
		w = pkt_in_word(in, f->kind == PKT_NAME ? ".-%@" : ".:+-");
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

static struct pkt_set *give(struct pkt_in *in, struct pkt_where at, const struct pkt_alternative *a)
{
	struct pkt_set *s = pkt_model_set(in->m, at.head, at.field);

	s->how = a->how;
	s->number = a->number;
	s->at = a->at;
	s->len = a->len;
	return s;
}

static bool add_gen(struct pkt_in *in, struct pkt_where at, const struct pkt_alternative *first,
		    struct pkt_gen g)
{
	const struct pkt_field *f = field_of(in, at);
	struct pkt_gen *more;

	if (!in->t)
		return pkt_in_wrong(in, "one value is what is wanted here");
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

/* The other end of a range. */
static bool read_range(struct pkt_in *in, struct pkt_where at, const struct pkt_alternative *a,
		       struct pkt_gen g, bool wide)
{
	struct pkt_alternative last;
	const uint8_t *bytes;

	if (!read_single(in, at, &last))
		return false;
	bytes = in->m->bytes.ptr;
	if (wide && (last.len != 16 || memcmp(bytes + a->at, bytes + last.at, 8) != 0))
		return pkt_in_wrong(in, "a range is of the low 64 bits of an address");
	if (wide)
		last.number = be64_get(bytes + last.at + 8);
	if ((a->how != PKT_SET_NUMBER && !wide) || last.number < g.first)
		return pkt_in_wrong(in, "a range goes from a lower to a higher number");
	if (last.number - g.first == UINT64_MAX)
		return pkt_in_wrong(in, "a range has less than 2^64 numbers");
	g.count = last.number - g.first + 1;
	return add_gen(in, at, a, g);
}

/* Behind the first value: a range's end, a prefix's length, or nothing. */
static bool read_rest(struct pkt_in *in, struct pkt_where at, const struct pkt_alternative *a)
{
	const struct pkt_field *f = field_of(in, at);
	struct pkt_gen g = { .kind = PKT_GEN_RANGE, .first = a->number, .step = 1, .count = 1 };
	bool wide = f->kind == PKT_IP6 && a->len == 16;
	unsigned width = wide ? 128 : 32, len = 0;

	if (wide)
		g.first = be64_get(in->m->bytes.ptr + a->at + 8);
	if (in->end - in->p > 2 && in->p[0] == '.' && in->p[1] == '.') {
		in->p += 2;
		return read_range(in, at, a, g, wide);
	}
	if ((f->kind == PKT_IP4 || wide) && pkt_in_peek(in) == '/' && in->end - in->p > 1 &&
	    isdigit((uint8_t)in->p[1])) {
		for (in->p++; isdigit((uint8_t)pkt_in_peek(in)) && len < 1000; in->p++)
			len = len * 10 + (unsigned)(*in->p - '0');
		if (len > width || width - len > 32)
			return pkt_in_wrong(in, "a prefix has at most %u bits, and 32 that vary",
					    width);
		g.count = UINT64_C(1) << (width - len);
		g.first &= ~(g.count - 1);
		return add_gen(in, at, a, g);
	}
	give(in, at, a);
	return true;
}

static bool read_set(struct pkt_in *in, struct pkt_where at)
{
	struct pkt_gen g = { .kind = PKT_GEN_SET };
	struct pkt_alternative a, first = { 0 };

	if (!in->e)
		return pkt_in_wrong(in, "one value is what is wanted here");
	g.alternatives = in->e->alternatives.len / sizeof(a);
	do {
		if (!read_single(in, at, &a))
			return false;
		if (!g.count++)
			first = a;
		buf_add(&in->e->alternatives, &a, sizeof(a));
	} while (pkt_in_accept(in, ','));
	return pkt_in_expect(in, '}') && add_gen(in, at, &first, g);
}

/* rand(), rand(seed), inc(first), inc(first, step) */
static bool read_call(struct pkt_in *in, struct pkt_where at, bool random)
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
		return pkt_in_wrong(in, "it takes no numbers");
	}
	in->p += random ? 5 : 4;
	if (!pkt_in_accept(in, ')')) {
		if (!read_single(in, at, &a))
			return false;
		g.first = a.how == PKT_SET_BYTES && a.len == 16
				  ? be64_get(in->m->bytes.ptr + a.at + 8)
				  : a.number;
		if (random && in->t)
			in->t->random ^= g.first;
		if (!random && pkt_in_accept(in, ',')) {
			struct bytes w = pkt_in_word(in, "");
			char *end;

			g.step = strtoull((const char *)w.ptr, &end, 0);
			if (!w.len || (const uint8_t *)end != w.ptr + w.len)
				return pkt_in_wrong(in, "a step is a number");
		}
		if (!pkt_in_expect(in, ')'))
			return false;
	}
	return add_gen(in, at, &a, g);
}

static bool at_word(const struct pkt_in *in, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(in->end - in->p) >= len && memcmp(in->p, word, len) == 0;
}

static bool read_items(struct pkt_in *in, struct pkt_where at)
{
	enum pkt_layer_id family = field_of(in, at)->family, kind;
	struct pkt_set *s = pkt_model_set(in->m, at.head, at.field);

	s->how = PKT_SET_ITEMS;
	s->items = PKT_NIL;
	if (pkt_in_accept(in, ']'))
		return true;
	if (++in->depth > DEPTH)
		return pkt_in_wrong(in, "lists are too deep here");
	do {
		uint16_t item;
		struct bytes w;

		if (pkt_in_at_bytes(in)) {
			if (!pkt_in_bytes(in))
				return false;
			item = pkt_model_item(in->m, at.head, at.field, PKT_raw);
			pkt_model_bytes(in->m, item, PKT_raw_load, buf_bytes(&in->bytes));
			continue;
		}
		w = pkt_in_word(in, "");
		kind = pkt_layer_find(w, family);
		if (kind == PKT_NONE)
			return bad_value(in, at, w, "there is no such item");
		item = pkt_model_item(in->m, at.head, at.field, kind);
		if (!pkt_in_args(in, item))
			return false;
	} while (pkt_in_accept(in, ','));
	in->depth--;
	return pkt_in_expect(in, ']');
}

/* What is given last counts: the several values that the field had before do no more. */
static void forget(struct pkt_in *in, struct pkt_where at)
{
	const struct pkt_set *s = pkt_model_given(in->m, at.head, at.field);
	size_t kept = 0;

	for (size_t i = 0; in->t && i < in->t->ngens; i++)
		if (&in->m->set[in->t->gen[i].set] != s)
			in->t->gen[kept++] = in->t->gen[i];
	if (in->t)
		in->t->ngens = kept;
}

bool pkt_in_value(struct pkt_in *in, struct pkt_where at)
{
	const struct pkt_field *f = field_of(in, at);
	struct pkt_alternative a;

	forget(in, at);
	pkt_in_skip(in);
	if (pkt_in_accept(in, '!'))
		pkt_in_skip(in);
	if (f->kind == PKT_ITEMS)
		return pkt_in_expect(in, '[') && read_items(in, at);
	if (pkt_in_accept(in, '{'))
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

/* ---- arguments ---- */

/* The field for a value without a name: the next that nothing but the packet's maker knows. */
static unsigned positional(const struct pkt_in *in, uint16_t head)
{
	const struct pkt_layer *l = &pkt_layers[in->m->head[head].layer];

	for (unsigned i = l->item && pkt_item_bind(in->m->head[head].layer) ? 1 : 0; i < l->nfields;
	     i++)
		if (l->fields[i].autos == PKT_AUTO_NONE && !l->fields[i].must &&
		    !pkt_model_given(in->m, head, i))
			return i;
	return PKT_NO_FIELD;
}

bool pkt_in_no_field(struct pkt_in *in, uint16_t head, struct bytes name)
{
	const struct pkt_layer *l = &pkt_layers[in->m->head[head].layer];
	const char *near = pkt_field_nearest(l, name);

	in->p = (const char *)name.ptr;
	return pkt_in_wrong(in, "%s has no field '%.*s'%s%s%s", l->id, (int)name.len,
			    (const char *)name.ptr, near ? "; is it '" : "", near ? near : "",
			    near ? "'?" : "");
}

static bool read_arg(struct pkt_in *in, uint16_t head)
{
	struct pkt_where at = { head, PKT_NO_FIELD };
	const char *from;
	struct bytes name;

	pkt_in_skip(in);
	from = in->p;
	name = pkt_in_word(in, "");
	pkt_in_skip(in);
	if (name.len && pkt_in_peek(in) == '=') {
		in->p++;
		at.field = pkt_model_field(in->m, head, name);
		if (at.field == PKT_NO_FIELD)
			return pkt_in_no_field(in, head, name);
		return pkt_in_value(in, at);
	}
	in->p = from;
	at.field = positional(in, head);
	if (at.field == PKT_NO_FIELD)
		return pkt_in_wrong(in, "%s has no more fields",
				    pkt_layers[in->m->head[head].layer].id);
	return pkt_in_value(in, at);
}

bool pkt_in_args(struct pkt_in *in, uint16_t head)
{
	if (!pkt_in_accept(in, '('))
		return true;
	in->depth++;
	if (!pkt_in_accept(in, ')')) {
		do
			if (!read_arg(in, head))
				return false;
		while (pkt_in_accept(in, ','));
		if (!pkt_in_expect(in, ')'))
			return false;
	}
	in->depth--;
	return true;
}
