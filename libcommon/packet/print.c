/* print: packets as expressions. */
#include "libcommon/packet/print.h"

#include <inttypes.h>
#include <stdlib.h>

#include "libcommon/base/die.h"

void pkt_printer_release(struct pkt_printer *pp)
{
	pkt_model_release(&pp->model);
	free(pp->built);
	memset(pp, 0, sizeof(*pp));
}

/* ---- all that a packet says ---- */

static void give_header(struct pkt_model *m, uint16_t head, const struct pkt_header *h);

static void give_items(struct pkt_model *m, uint16_t head, unsigned field, struct bytes b)
{
	const struct pkt_layer *l = &pkt_layers[m->head[head].layer];
	struct pkt_items it = { b.ptr, b.len, 0, l->fields[field].family };
	struct pkt_header item;
	const struct pkt_set *s;

	while (pkt_items_next(&it, &item)) {
		bool last = it.at >= it.len && item.layer == &pkt_layers[PKT_raw];
		size_t zeros = 0;
		uint16_t at;

		while (last && zeros < item.len && !item.ptr[zeros])
			zeros++;
		/* zeros that fill the header up come by themselves */
		if (last && zeros == item.len && l->header.unit > zeros && !l->padn)
			break;
		at = pkt_model_item(m, head, field, (enum pkt_layer_id)(item.layer - pkt_layers));
		s = pkt_model_given(m, head, field);
		if (!s || s->at != at)
			return; /* the model is full */
		give_header(m, at, &item);
	}
}

static void give_header(struct pkt_model *m, uint16_t head, const struct pkt_header *h)
{
	struct pkt_place place;
	struct pkt_walk w;
	unsigned i;

	pkt_walk_start(&w, h);
	while (pkt_walk_next(&w, &i, &place)) {
		const struct pkt_field *f = &h->layer->fields[i];
		struct bytes b = BYTES(h->ptr + place.at / 8, place.bits / 8);

		if (f->size == PKT_SIZE_META || (!place.bits && f->size == PKT_SIZE_REST))
			continue;
		if (f->kind == PKT_ITEMS)
			give_items(m, head, i, b);
		else if (pkt_kind_is_number(f->kind) && place.bits == f->bits)
			pkt_model_number(m, head, i, pkt_bits_get(h->ptr, place.at, place.bits));
		else
			pkt_model_bytes(m, head, i, b);
	}
}

void pkt_model_of(struct pkt_model *m, const struct packet *p)
{
	pkt_model_clear(m);
	for (unsigned i = 0; i < p->n; i++) {
		struct pkt_header h = pkt_header_of(p, i);

		give_header(m, pkt_model_push(m, p->node[i].layer), &h);
	}
}

/* ---- without what comes by itself ---- */

/* Leaves out what the default says. Lengths and sums are left out, too, for now. */
static void leave_out(struct pkt_model *m, uint16_t head, uint16_t next)
{
	const struct pkt_layer *l = &pkt_layers[m->head[head].layer];

	for (uint16_t s = m->head[head].sets; s != PKT_NIL; s = m->set[s].next) {
		struct pkt_set *set = &m->set[s];
		const struct pkt_field *f = &l->fields[set->field];
		uint8_t how = set->how;

		if (how == PKT_SET_ITEMS) {
			for (uint16_t i = set->items; i != PKT_NIL; i = m->head[i].next)
				leave_out(m, i, PKT_NIL);
			continue;
		}
		if (f->fits || how != PKT_SET_NUMBER)
			continue;
		set->how = PKT_SET_AUTO;
		if (f->autos == PKT_AUTO_LENGTH || f->autos == PKT_AUTO_SUM)
			continue;
		if (f->when == PKT_WHEN_BITS ||
		    pkt_build_default(m, head, next, set->field) != set->number)
			set->how = how;
	}
}

/* IPv6 addresses are bytes; those that are the default need not be said. */
static void leave_out_addresses(struct pkt_model *m, uint16_t head)
{
	const struct pkt_layer *l = &pkt_layers[m->head[head].layer];

	for (uint16_t s = m->head[head].sets; s != PKT_NIL; s = m->set[s].next) {
		struct pkt_set *set = &m->set[s];
		const uint8_t *b = pkt_set_bytes(m, set).ptr;

		if (set->how == PKT_SET_BYTES && l->fields[set->field].kind == PKT_IP6 &&
		    set->len == 16 && !l->fields[set->field].fits && !be64_get(b) &&
		    be64_get(b + 8) == l->fields[set->field].value)
			set->how = PKT_SET_AUTO;
	}
}

/* Gives the fields of that rule of one header (autos) whose bytes came out as others. */
static void correct(struct pkt_model *m, uint16_t head, const struct pkt_header *was,
		    const struct pkt_header *is, enum pkt_auto autos)
{
	struct pkt_place a, b;

	for (uint16_t s = m->head[head].sets; s != PKT_NIL; s = m->set[s].next) {
		struct pkt_set *set = &m->set[s];
		const struct pkt_field *f = &was->layer->fields[set->field];

		if (f->kind == PKT_ITEMS && set->how == PKT_SET_ITEMS) {
			struct pkt_items x, y;
			struct pkt_header ix, iy;
			uint16_t i = set->items;

			if (pkt_field_place(was, set->field, &a) != PKT_FOUND ||
			    pkt_field_place(is, set->field, &b) != PKT_FOUND)
				continue;
			x = (struct pkt_items){ was->ptr + a.at / 8, a.bits / 8, 0, f->family };
			y = (struct pkt_items){ is->ptr + b.at / 8, b.bits / 8, 0, f->family };
			for (; i != PKT_NIL && pkt_items_next(&x, &ix) && pkt_items_next(&y, &iy);
			     i = m->head[i].next)
				if (ix.layer == iy.layer)
					correct(m, i, &ix, &iy, autos);
			continue;
		}
		if (f->autos != autos || set->how != PKT_SET_AUTO)
			continue;
		if (pkt_field_place(was, set->field, &a) != PKT_FOUND ||
		    pkt_field_place(is, set->field, &b) != PKT_FOUND || a.bits != b.bits ||
		    pkt_bits_get(was->ptr, a.at, a.bits) != pkt_bits_get(is->ptr, b.at, b.bits))
			set->how = PKT_SET_NUMBER;
	}
}

bool pkt_shorten(struct pkt_printer *pp, const struct packet *p)
{
	struct pkt_model *m = &pp->model;
	const char *why;
	struct packet made;

	if (!pp->built)
		pp->built = xcalloc(PKT_BUILD_MAX, 1);
	pkt_model_of(m, p);
	for (uint16_t h = m->first; h != PKT_NIL; h = m->head[h].next) {
		leave_out(m, h, m->head[h].next);
		leave_out_addresses(m, h);
	}
	for (int turn = 0; turn < 2; turn++) {
		unsigned i = 0;

		if (!pkt_build(m, pp->built, PKT_BUILD_MAX, &made, &why))
			return false;
		if (bytes_equal(made.data, p->data))
			return true;
		for (uint16_t h = m->first; h != PKT_NIL && i < made.n; h = m->head[h].next, i++) {
			struct pkt_header was = pkt_header_of(p, i), is = pkt_header_of(&made, i);

			correct(m, h, &was, &is, turn ? PKT_AUTO_SUM : PKT_AUTO_LENGTH);
		}
	}
	return pkt_build(m, pp->built, PKT_BUILD_MAX, &made, &why) &&
	       bytes_equal(made.data, p->data);
}

/* The same bytes, but from node k on they are of no known layer. */
static void cut(struct packet *p, unsigned k)
{
	uint32_t at = p->node[k].at, end = k ? p->node[k - 1].end : (uint32_t)p->data.len;

	p->n = k;
	if (at < end)
		p->node[p->n++] = (struct pkt_node){ at, end - at, end, PKT_raw, false };
	if (end < p->data.len)
		p->node[p->n++] = (struct pkt_node){ end, (uint32_t)p->data.len - end,
						     (uint32_t)p->data.len, PKT_padding, false };
}

/* ---- text ---- */

static void print_set(const struct pkt_model *m, const struct pkt_field *f, const struct pkt_set *s,
		      struct buf *out)
{
	uint8_t number[8];

	if (s->how == PKT_SET_ITEMS) {
		buf_add_byte(out, '[');
		for (uint16_t i = s->items; i != PKT_NIL; i = m->head[i].next) {
			if (i != s->items)
				buf_add_byte(out, ',');
			pkt_print_head(m, i, out);
		}
		buf_add_byte(out, ']');
	} else if (s->how == PKT_SET_BYTES) {
		pkt_field_print(f, pkt_set_bytes(m, s).ptr,
				(struct pkt_place){ 0, (size_t)s->len * 8 }, out);
	} else {
		size_t bits = f->bits ? f->bits : 64;

		be64_put(number, s->number);
		pkt_field_print(f, number, (struct pkt_place){ 64 - bits, bits }, out);
	}
}

void pkt_print_head(const struct pkt_model *m, uint16_t head, struct buf *out)
{
	unsigned id = m->head[head].layer;
	const struct pkt_layer *l = &pkt_layers[id];
	bool first = true, named = !l->item;

	if (id == PKT_raw) {
		const struct pkt_set *s = pkt_model_given(m, head, PKT_raw_load);

		pkt_bytes_print(s ? pkt_set_bytes(m, s) : BYTES("", 0), out);
		return;
	}
	buf_add_str(out, l->id);
	for (unsigned i = 0; i < l->nfields; i++) {
		const struct pkt_set *s = pkt_model_given(m, head, i);
		const struct pkt_field *f = &l->fields[i];
		const char *name = pkt_field_name(f);

		if (!s || s->how == PKT_SET_AUTO) {
			/* the next value is no longer that of the next field */
			named |= f->autos == PKT_AUTO_NONE && (i || !pkt_item_bind(id));
			continue;
		}
		buf_add_byte(out, first ? '(' : ',');
		first = false;
		if (pkt_model_field(m, head, bytes_str(name)) != i)
			name = f->id;
		if (named || f->autos != PKT_AUTO_NONE || (i == 0 && pkt_item_bind(id)))
			buf_printf(out, "%s=", name);
		print_set(m, f, s, out);
	}
	if (!first)
		buf_add_byte(out, ')');
}

static void print_meta(const struct packet *p, const struct pkt_meta *meta, struct buf *out)
{
	uint32_t usual = p->n ? pkt_layer_link(p->node[0].layer) : UINT32_MAX;
	char between = '(';
	size_t from = out->len;

	buf_add_str(out, "frame");
	if (meta->with_time) {
		buf_printf(out, "(time=%" PRIu64 ".%09" PRIu64, meta->time / 1000000000,
			   meta->time % 1000000000);
		between = ',';
	}
	if (p->link_type != usual) {
		buf_printf(out, "%clink=%u", between, p->link_type);
		between = ',';
	}
	if (meta->wire_len != p->data.len) {
		buf_printf(out, "%clen=%u", between, meta->wire_len);
		between = ',';
	}
	if (between == '(' && p->n) {
		out->len = from;
		return;
	}
	if (between == ',')
		buf_add_byte(out, ')');
	if (p->n)
		buf_add_byte(out, '/');
}

void pkt_print(struct pkt_printer *pp, const struct packet *given, const struct pkt_meta *meta,
	       struct buf *out)
{
	struct packet p = *given;
	unsigned k = p.n;

	while (!pkt_shorten(pp, &p) && k > 0) {
		do
			k--;
		while (k && (p.node[k].layer == PKT_raw || p.node[k].layer == PKT_padding));
		p = *given;
		cut(&p, k);
	}
	for (unsigned i = 0; i < given->n; i++) {
		unsigned layer = given->node[i].layer;

		if (layer == PKT_raw || layer == PKT_padding)
			continue;
		pp->header_bytes += given->node[i].len;
		if (i >= k)
			pp->unnamed_bytes += given->node[i].len;
	}
	print_meta(&p, meta, out);
	for (uint16_t h = p.n ? pp->model.first : PKT_NIL; h != PKT_NIL;
	     h = pp->model.head[h].next) {
		if (h != pp->model.first)
			buf_add_byte(out, '/');
		pkt_print_head(&pp->model, h, out);
	}
}
