/* expr_parse: reads the language of expr.h, by descent: layers and packets. */
#include <ctype.h>
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/packet/expr_read.h"

/* The list of the layer at hand, or of one below it, that the item belongs to. */
static bool home_of(const struct pkt_in *in, enum pkt_layer_id item, struct pkt_where *at)
{
	enum pkt_layer_id family = pkt_family(item);
	bool found = false;

	if (pkt_model_empty(in->m))
		return false;
	for (uint16_t h = in->m->first; h != PKT_NIL; h = in->m->head[h].next) {
		const struct pkt_layer *l = &pkt_layers[in->m->head[h].layer];

		for (unsigned i = 0; i < l->nfields; i++)
			if (l->fields[i].kind == PKT_ITEMS && l->fields[i].family == family) {
				*at = (struct pkt_where){ h, i };
				found = true;
				break;
			}
	}
	return found;
}

static bool no_layer(struct pkt_in *in, struct bytes w)
{
	const char *near = pkt_layer_nearest(w);

	in->p = (const char *)w.ptr;
	if (!w.len)
		return pkt_in_wrong(in, "a layer is missing here");
	return pkt_in_wrong(in, "there is no layer '%.*s'%s%s%s", (int)w.len, (const char *)w.ptr,
			    near ? "; is it '" : "", near ? near : "", near ? "'?" : "");
}

static bool read_layer(struct pkt_in *in)
{
	enum pkt_layer_id id;
	struct pkt_where at;
	struct bytes w;
	uint16_t head;

	if (pkt_in_at_bytes(in)) {
		if (!pkt_in_bytes(in))
			return false;
		head = pkt_model_push(in->m, PKT_raw);
		pkt_model_bytes(in->m, head, PKT_raw_load, buf_bytes(&in->bytes));
		return true;
	}
	w = pkt_in_word(in, "");
	id = pkt_layer_find(w, PKT_NONE);
	if (id == PKT_NONE)
		return no_layer(in, w);
	if (!pkt_layers[id].item)
		head = pkt_model_push(in->m, id);
	else if (home_of(in, id, &at))
		head = pkt_model_item(in->m, at.head, at.field, id);
	else
		return pkt_in_wrong(in, "%s belongs to a list that no layer here has",
				    pkt_layers[id].id);
	return pkt_in_args(in, head);
}

/* [n]: which one of its kind. */
static bool read_nth(struct pkt_in *in, unsigned long *nth)
{
	char *end;

	in->p++;
	if (!isdigit((uint8_t)pkt_in_peek(in)))
		return pkt_in_wrong(in, "a number is missing here");
	*nth = strtoul(in->p, &end, 10); /* the text ends in a NUL: see pkt_expr_parse() */
	in->p = end;
	return pkt_in_expect(in, ']');
}

/* ip.dst=10.0.0.1: a field of the layer of that name, the nth with [n], which is put on top where
 * it is not there. */
static bool read_word(struct pkt_in *in)
{
	struct bytes name = pkt_in_word(in, ""), field;
	enum pkt_layer_id id = pkt_layer_find(name, PKT_NONE);
	struct pkt_where at = { PKT_NIL, PKT_NO_FIELD };
	unsigned long nth = 0;

	if (id == PKT_NONE || pkt_layers[id].item)
		return no_layer(in, name);
	if (pkt_in_peek(in) == '[' && !read_nth(in, &nth))
		return false;
	for (uint16_t h = pkt_model_empty(in->m) ? PKT_NIL : in->m->first; h != PKT_NIL;
	     h = in->m->head[h].next)
		if (in->m->head[h].layer == id && at.head == PKT_NIL && nth-- == 0)
			at.head = h;
	if (at.head == PKT_NIL && nth)
		return pkt_in_wrong(in, "there are not so many %s below it", pkt_layers[id].id);
	if (at.head == PKT_NIL)
		at.head = pkt_model_push(in->m, id);
	if (pkt_in_peek(in) == '=' && id == PKT_raw) {
		in->p++;
		at.field = PKT_raw_load;
		return pkt_in_value(in, at);
	}
	if (pkt_in_peek(in) != '.')
		return true;
	in->p++;
	field = pkt_in_word(in, "");
	at.field = pkt_model_field(in->m, at.head, field);
	if (at.field == PKT_NO_FIELD)
		return pkt_in_no_field(in, at.head, field);
	return pkt_in_expect(in, '=') && pkt_in_value(in, at);
}

/* Does the packet start as words do: "ip." "ip[1]." or "payload="? */
static bool starts_words(struct pkt_in *in)
{
	const char *from = in->p;
	bool words;

	pkt_in_word(in, "");
	words = in->p > from &&
		(pkt_in_peek(in) == '.' || pkt_in_peek(in) == '[' || pkt_in_peek(in) == '=');
	in->p = from;
	return words;
}

void pkt_expr_gather(struct buf *text, int n, char *const *args)
{
	bool words = false;

	for (int i = 0; i < n; i++) {
		struct pkt_in in = { .p = args[i], .end = args[i] + strlen(args[i]) };
		bool before = words;

		words = starts_words(&in);
		if (i)
			buf_add_byte(text, words && before ? ' ' : '\n');
		buf_add_str(text, args[i]);
	}
}

static bool at_end(struct pkt_in *in)
{
	pkt_in_skip(in);
	return in->p >= in->end || *in->p == ';' || *in->p == '\n';
}

static bool read_packet(struct pkt_in *in)
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
	while (pkt_in_accept(in, '/'));
	return at_end(in) || pkt_in_wrong(in, "'/', ';' or the end is missing here");
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
	struct pkt_in in = { .e = e, .load = load, .why = why };
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
		good = pkt_in_wrong(&in, "there is no packet");
	buf_release(&in.bytes);
	buf_release(&copy);
	if (!good)
		pkt_expr_release(e);
	return good;
}

bool pkt_expr_parse_into(struct pkt_model *m, struct bytes text, char *why)
{
	struct buf copy = { 0 };
	struct pkt_in in = { .m = m, .why = why };
	bool good;

	buf_add(&copy, text.ptr, text.len);
	buf_add_byte(&copy, 0);
	in.start = in.p = (const char *)copy.ptr;
	in.end = in.start + text.len;
	good = read_packet(&in);
	if (good && in.p < in.end)
		good = pkt_in_wrong(&in, "this is more than one packet");
	buf_release(&in.bytes);
	buf_release(&copy);
	return good;
}
