/* path: names of layers and fields, read and looked up. */
#include "libcommon/packet/path.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool pkt_text_wrong(struct pkt_text *t, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(t->why, PKT_TEXT_WHY, "column %zu: ", (size_t)(t->p - t->start) + 1);

	va_start(ap, fmt);
	vsnprintf(t->why + n, (size_t)(PKT_TEXT_WHY - n), fmt, ap);
	va_end(ap);
	return false;
}

void pkt_text_skip(struct pkt_text *t)
{
	while (t->p < t->end && isspace((uint8_t)*t->p))
		t->p++;
}

bool pkt_text_accept(struct pkt_text *t, const char *mark)
{
	size_t len = strlen(mark);

	pkt_text_skip(t);
	if ((size_t)(t->end - t->p) < len || memcmp(t->p, mark, len) != 0)
		return false;
	if (isalpha((uint8_t)mark[0]) && t->p + len < t->end &&
	    (isalnum((uint8_t)t->p[len]) || t->p[len] == '_'))
		return false;
	t->p += len;
	return true;
}

struct bytes pkt_text_word(struct pkt_text *t, const char *also)
{
	const char *from;

	pkt_text_skip(t);
	from = t->p;
	while (t->p < t->end &&
	       (isalnum((uint8_t)*t->p) || *t->p == '_' || (*t->p && strchr(also, *t->p))))
		t->p++;
	return BYTES(from, (size_t)(t->p - from));
}

static int digit(char c)
{
	return isdigit((uint8_t)c)    ? c - '0'
	       : isxdigit((uint8_t)c) ? tolower((uint8_t)c) - 'a' + 10
				      : -1;
}

bool pkt_text_bytes(struct pkt_text *t, struct buf *out)
{
	bool hex;

	pkt_text_skip(t);
	hex = t->end - t->p > 1 && t->p[0] == 'x' && t->p[1] == '"';
	if (!hex && (t->p >= t->end || *t->p != '"'))
		return false;
	for (t->p += hex ? 2 : 1; t->p < t->end && *t->p != '"'; t->p++) {
		bool escaped = !hex && t->p[0] == '\\' && t->end - t->p > 1;

		if (escaped)
			t->p++;
		if (hex || (escaped && *t->p == 'x')) {
			t->p += !hex;
			if (t->end - t->p < 2 || digit(t->p[0]) < 0 || digit(t->p[1]) < 0)
				return false;
			buf_add_byte(out, (uint8_t)(digit(t->p[0]) << 4 | digit(t->p[1])));
			t->p++;
		} else {
			buf_add_byte(out, (uint8_t)(!escaped       ? *t->p
						    : *t->p == 'n' ? '\n'
						    : *t->p == 'r' ? '\r'
						    : *t->p == 't' ? '\t'
								   : *t->p));
		}
	}
	if (t->p >= t->end)
		return false;
	t->p++;
	return true;
}

/* ---- reading ---- */

/* Is it one of the headers that the path leads to, by what is read of it so far? */
static bool leads_to(const struct pkt_path *path, unsigned layer)
{
	const struct pkt_step *last = path->nsteps ? &path->step[path->nsteps - 1] : NULL;

	if (!last)
		return layer == path->layer;
	return last->kind != PKT_NONE ? layer == last->kind
				      : layer == last->family || pkt_family(layer) == last->family;
}

/* The first of them that has such a field. */
static unsigned first_field(const struct pkt_path *path, struct bytes name, unsigned *layer)
{
	for (*layer = 0; *layer < PKT_LAYERS; ++*layer) {
		unsigned field = leads_to(path, *layer)
					 ? pkt_field_find(&pkt_layers[*layer], name, 0)
					 : PKT_NO_FIELD;

		if (field != PKT_NO_FIELD)
			return field;
	}
	return PKT_NO_FIELD;
}

bool pkt_path_field(const struct pkt_path *path, unsigned *layer, unsigned *field)
{
	const struct pkt_field *f = &pkt_layers[path->of].fields[path->field];
	struct bytes name = bytes_str(pkt_field_name(f));

	for (; *layer < PKT_LAYERS; ++*layer, *field = 0) {
		unsigned at = leads_to(path, *layer)
				      ? pkt_field_find(&pkt_layers[*layer], name, *field)
				      : PKT_NO_FIELD;

		if (at != PKT_NO_FIELD) {
			*field = at;
			return true;
		}
	}
	return false;
}

/* [n], where it stands next. */
static bool read_nth(struct pkt_text *t, int *nth, bool *given)
{
	char *end;
	long n;

	*nth = 0;
	*given = t->p < t->end && *t->p == '[';
	if (!*given)
		return true;
	n = strtol(t->p + 1, &end, 10);
	if (end == t->p + 1 || end >= t->end || *end != ']')
		return pkt_text_wrong(t, "a number and ']' are missing here");
	if (n < -PKT_NTH || n > PKT_NTH)
		return pkt_text_wrong(t, "there are never so many");
	*nth = (int)n;
	t->p = end + 1;
	return true;
}

static bool accept_dot(struct pkt_text *t)
{
	if (t->p >= t->end || *t->p != '.')
		return false;
	t->p++;
	return true;
}

static bool not_there(struct pkt_text *t, struct bytes w, const char *of, const char *what,
		      const char *near)
{
	t->p = (const char *)w.ptr;
	return pkt_text_wrong(t, "%s%s '%.*s'%s%s%s", of, what, (int)w.len, (const char *)w.ptr,
			      near ? "; is it '" : "", near ? near : "", near ? "'?" : "");
}

static bool no_field(struct pkt_text *t, const struct pkt_path *path, struct bytes w)
{
	const struct pkt_step *last = path->nsteps ? &path->step[path->nsteps - 1] : NULL;
	const char *near = NULL;

	for (unsigned l = 0; l < PKT_LAYERS && !near; l++)
		if (leads_to(path, l))
			near = pkt_field_nearest(&pkt_layers[l], w);
	return not_there(t, w,
			 pkt_layers[!last                   ? path->layer
				    : last->kind < PKT_NONE ? last->kind
							    : last->family]
				 .id,
			 " has no field", near);
}

/* Behind a list's name: which of its items, if one is named. */
static bool read_step(struct pkt_text *t, struct pkt_path *path, const struct pkt_field *list,
		      bool *stepped)
{
	struct pkt_step s = { pkt_field_name(list), list->family, PKT_NONE, 0 };
	struct bytes w;

	if (!read_nth(t, &s.nth, stepped))
		return false;
	if (!*stepped && accept_dot(t)) {
		w = pkt_text_word(t, "");
		s.kind = (uint8_t)pkt_layer_find(w, list->family);
		if (s.kind == PKT_NONE && pkt_layer_find(w, PKT_NONE) == list->family)
			s.kind = list->family;
		if (s.kind == PKT_NONE)
			return not_there(t, w, pkt_layers[list->family].title, "s: none is called",
					 NULL);
		if (!read_nth(t, &s.nth, stepped))
			return false;
		*stepped = true;
	}
	if (!*stepped)
		return true;
	if (path->nsteps == PKT_STEPS)
		return pkt_text_wrong(t, "lists are too deep here");
	path->step[path->nsteps++] = s;
	path->of = s.kind != PKT_NONE ? s.kind : s.family;
	return true;
}

bool pkt_path_read(struct pkt_text *t, struct pkt_path *path)
{
	struct bytes w = pkt_text_word(t, "");
	enum pkt_layer_id id = pkt_layer_find(w, PKT_NONE);
	bool stepped;

	*path = (struct pkt_path){ .layer = (uint8_t)id, .of = (uint8_t)id, .field = PKT_NO_FIELD };
	if (id == PKT_NONE || pkt_layers[id].item)
		return not_there(t, w, "there is no layer", "", pkt_layer_nearest(w));
	if (!read_nth(t, &path->nth, &stepped))
		return false;
	if (id == PKT_raw)
		path->field = PKT_raw_load;
	while (accept_dot(t)) {
		unsigned of, field;

		w = pkt_text_word(t, "");
		field = first_field(path, w, &of);
		if (field == PKT_NO_FIELD)
			return no_field(t, path, w);
		stepped = false;
		if (pkt_layers[of].fields[field].kind == PKT_ITEMS &&
		    !read_step(t, path, &pkt_layers[of].fields[field], &stepped))
			return false;
		if (stepped)
			continue;
		path->of = (uint8_t)of;
		path->field = (uint8_t)field;
		return true;
	}
	return true;
}

/* ---- looking up ---- */

/* The field, or of those that are called so and are conditional the one that is there. */
static bool find_field(const struct pkt_header *h, const char *name, unsigned from,
		       struct pkt_spot *spot)
{
	for (spot->field = from; spot->field != PKT_NO_FIELD;
	     spot->field = pkt_field_find(h->layer, bytes_str(name), spot->field + 1))
		if (pkt_field_place(h, spot->field, &spot->place) == PKT_FOUND)
			return true;
	return false;
}

/* The nth item of that kind in the list at `b`; *nth becomes its place among all. */
static bool find_item(struct bytes b, const struct pkt_step *s, struct pkt_header *item,
		      unsigned *nth)
{
	unsigned wanted = (unsigned)s->nth, found = 0, all = 0;
	struct pkt_items it = { b.ptr, b.len, 0, s->family };

	if (s->nth < 0) {
		while (pkt_items_next(&it, item))
			found += s->kind == PKT_NONE || item->layer == &pkt_layers[s->kind];
		if (found < 0u - wanted)
			return false;
		wanted += found;
		it = (struct pkt_items){ b.ptr, b.len, 0, s->family };
		found = 0;
	}
	for (; pkt_items_next(&it, item); all++)
		if ((s->kind == PKT_NONE || item->layer == &pkt_layers[s->kind]) &&
		    found++ == wanted) {
			*nth = all;
			return true;
		}
	return false;
}

/* Goes down into the list. */
static bool step_into(const struct packet *p, const struct pkt_step *s, struct pkt_spot *spot)
{
	const struct pkt_header *h = &spot->header;
	unsigned first = pkt_field_find(h->layer, bytes_str(s->list), 0), nth;

	if (!find_field(h, s->list, first, spot) || pkt_spot_field(spot)->kind != PKT_ITEMS)
		return false;
	spot->item[spot->depth].field = (uint8_t)spot->field;
	if (!find_item(BYTES(h->ptr + spot->place.at / 8, spot->place.bits / 8), s, &spot->header,
		       &nth))
		return false;
	spot->item[spot->depth++].nth = nth;
	spot->field = PKT_NO_FIELD;
	spot->place = (struct pkt_place){ (size_t)(h->ptr - p->data.ptr) * 8, h->len * 8 };
	return true;
}

bool pkt_path_find(const struct packet *p, const struct pkt_path *path, struct pkt_spot *spot)
{
	int node = pkt_find(p, path->layer, path->nth);
	const struct pkt_layer *of = &pkt_layers[path->of];
	unsigned from = path->field;
	const char *name;

	if (node < 0)
		return false;
	spot->node = (unsigned)node;
	spot->header = pkt_header_of(p, (unsigned)node);
	spot->field = PKT_NO_FIELD;
	spot->place = (struct pkt_place){ (size_t)p->node[node].at * 8, spot->header.len * 8 };
	spot->depth = 0;
	for (unsigned i = 0; i < path->nsteps; i++)
		if (!step_into(p, &path->step[i], spot))
			return false;
	if (path->field == PKT_NO_FIELD)
		return true;
	name = pkt_field_name(&of->fields[path->field]);
	if (spot->header.layer != of)
		from = pkt_field_find(spot->header.layer, bytes_str(name), 0);
	if (!find_field(&spot->header, name, from, spot))
		return false;
	spot->place.at += (size_t)(spot->header.ptr - p->data.ptr) * 8;
	return true;
}
