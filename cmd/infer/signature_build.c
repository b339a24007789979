/* signature_build: the tables by which signatures are found. */
#include <stdlib.h>

#include "cmd/infer/signature_private.h"
#include "libcommon/base/die.h"

struct signatures *signatures_new(struct protocols *names)
{
	struct signatures *s = xcalloc(1, sizeof(*s));

	s->names = names;
	/* A signature without conditions or bytes points into them, too. */
	buf_reserve(&s->conditions, 1);
	buf_reserve(&s->places, 1);
	return s;
}

static void list_clear(struct signature_list *l)
{
	free(l->keys);
	*l = (struct signature_list){ 0 };
}

static void lists_free(struct signatures *s)
{
	for (int l4 = 0; l4 < SIGNATURE_L4S; l4++) {
		for (int c = 0; c < 256; c++)
			list_clear(&s->bucket[l4][c]);
		list_clear(&s->floating[l4]);
	}
	for (size_t i = 0; i < s->nchanges; i++)
		free(s->changes[i].numbers);
	free(s->changes);
	free(s->changes_of);
	free(s->variants);
	s->variants = NULL;
	s->nvariants = 0;
	s->changes = NULL;
	s->changes_of = NULL;
	s->nchanges = 0;
}

void signatures_free(struct signatures *s)
{
	if (!s)
		return;
	lists_free(s);
	text_automatons_free(s);
	buf_release(&s->conditions);
	buf_release(&s->places);
	free(s);
}

/* May the first byte be c? False for `any` means that the line says nothing of it. */
static bool first_fits(const struct signatures *s, const struct signature *g, uint8_t byte,
		       bool *says)
{
	const struct signature_condition *c = conditions_of(s, g);
	bool fits = true;

	*says = false;
	for (size_t i = 0; i < g->conditions; i++) {
		bool at = c[i].kind == CONDITION_AT && c[i].offset == 0;
		bool number = c[i].kind == CONDITION_RANGE && c[i].offset == 0 && !c[i].behind &&
			      c[i].width == 1;

		*says |= at | number;
		if (at)
			fits &= place_fits(places_of(s, &c[i]), byte);
		if (number)
			fits &= c[i].low <= byte && byte <= c[i].high;
	}
	return fits;
}

static void *array_grow(void *items, size_t n, size_t size)
{
	void *more = realloc(items, (n + 1) * size);

	if (!more)
		die("out of memory");
	return more;
}

static void number_add(uint16_t **list, size_t *n, size_t number)
{
	*list = array_grow(*list, *n, sizeof(**list));
	(*list)[(*n)++] = (uint16_t)number;
}

static void list_add(const struct signatures *s, struct signature_list *l, size_t number)
{
	const struct signature *g = &s->lines[number];

	if (l->n == SIGNATURE_BUCKET)
		die("more than %d signatures for one first byte", SIGNATURE_BUCKET);
	l->keys = array_grow(l->keys, l->n, sizeof(*l->keys));
	l->keys[l->n++] = (struct signature_key){ g->front, (uint16_t)number, g->from };
}

static void line_place(struct signatures *s, size_t number, enum signature_l4 l4)
{
	const struct signature *g = &s->lines[number];
	bool says = false;

	for (unsigned c = 0; c < 256; c++)
		if (first_fits(s, g, (uint8_t)c, &says) && says)
			list_add(s, &s->bucket[l4][c], number);
	if (!says)
		list_add(s, &s->floating[l4], number);
}

static void change_place(struct signatures *s, size_t number)
{
	const struct signature *g = &s->lines[number];
	struct signature_changes *c;
	bool says;

	if (!s->changes_of[g->protocol]) {
		s->changes = array_grow(s->changes, s->nchanges, sizeof(*s->changes));
		s->changes[s->nchanges++] = (struct signature_changes){ 0 };
		s->changes_of[g->protocol] = (uint16_t)s->nchanges;
	}
	c = &s->changes[s->changes_of[g->protocol] - 1];
	number_add(&c->numbers, &c->n, number);
	if (c->within < g->within)
		c->within = (uint8_t)g->within;
	for (unsigned side = 0; side < 2; side++) {
		struct signature_starts *x = &c->starts[side];

		if (!(g->from >> side & 1))
			continue;
		x->lines |= g->lines;
		for (unsigned byte = 0; byte < 256; byte++)
			if (first_fits(s, g, (uint8_t)byte, &says) || !says)
				x->bytes[byte / 64] |= 1ull << byte % 64;
	}
}

static bool byte_may(const struct signature_front *f, size_t at, unsigned byte)
{
	const uint8_t *bits = (const uint8_t *)f->bits, *mask = (const uint8_t *)f->mask;

	return !((bits[at] ^ byte) & mask[at]);
}

static size_t left_by(const struct signature_list *l, size_t at)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += 256u >> __builtin_popcount(((const uint8_t *)l->keys[i].front.mask)[at]);
	return n;
}

/* The bytes that tell most, one after another. */
static void pivots_set(const struct signature_list *l, struct signature_pivot p[SIGNATURE_PIVOTS])
{
	unsigned taken = 1; /* the first byte has its buckets */

	for (unsigned k = 0; k < SIGNATURE_PIVOTS; k++) {
		size_t best = 0;

		for (size_t at = 1; at < sizeof(l->keys->front.bits); at++)
			if (!(taken >> at & 1) && (!best || left_by(l, at) < left_by(l, best)))
				best = at;
		taken |= 1u << best;
		p[k] = (struct signature_pivot){ .at = best };
		for (unsigned byte = 0; byte < 256; byte++)
			for (size_t i = 0; i < l->n; i++)
				if (byte_may(&l->keys[i].front, best, byte))
					p[k].may[byte][i / 64] |= 1ull << i % 64;
	}
}

void signatures_compile(struct signatures *s)
{
	lists_free(s);
	s->changes_of = xcalloc(PROTOCOLS_MAX, sizeof(*s->changes_of));
	for (size_t i = 0; i < s->count; i++) {
		const struct signature *g = &s->lines[i];

		for (enum signature_l4 l4 = 0; l4 < SIGNATURE_L4S && g->weight; l4++)
			if (g->l4s & 1u << l4)
				line_place(s, i, l4);
		if (g->variant)
			number_add(&s->variants, &s->nvariants, i);
		if (g->change)
			change_place(s, i);
	}
	for (enum signature_l4 l4 = 0; l4 < SIGNATURE_L4S; l4++)
		pivots_set(&s->floating[l4], s->pivots[l4]);
	text_automatons_build(s);
}

const struct signature *signature_at(const struct signatures *s, uint16_t number)
{
	return &s->lines[number];
}

size_t signatures_count(const struct signatures *s)
{
	return s->count;
}
