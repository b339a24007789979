/* tree: packets for people. */
#include "cmd/show/tree.h"

#include <ctype.h>
#include <inttypes.h>

enum { NAME_WIDTH = 20, HEX_WIDTH = 16 };

static void paint(const struct tree_style *s, const char *code, struct buf *out)
{
	if (s->color)
		buf_printf(out, "\033[%sm", code);
}

static void indent(unsigned depth, struct buf *out)
{
	buf_printf(out, "%*s", (int)(depth * 2), "");
}

static void print_fields(const struct pkt_header *h, unsigned depth, const struct tree_style *s,
			 struct buf *out);

static void print_list(const struct pkt_field *f, struct bytes b, unsigned depth,
		       const struct tree_style *s, struct buf *out)
{
	struct pkt_items it = { b.ptr, b.len, 0, f->family };
	struct pkt_header item;

	while (pkt_items_next(&it, &item)) {
		indent(depth, out);
		paint(s, "1", out);
		buf_add_str(out, item.layer->id);
		paint(s, "0", out);
		buf_add_byte(out, '\n');
		print_fields(&item, depth + 1, s, out);
	}
}

static void print_fields(const struct pkt_header *h, unsigned depth, const struct tree_style *s,
			 struct buf *out)
{
	struct pkt_place place;
	struct pkt_walk w;
	unsigned i;

	pkt_walk_start(&w, h);
	while (pkt_walk_next(&w, &i, &place)) {
		const struct pkt_field *f = &h->layer->fields[i];
		const char *name = pkt_field_name(f);

		if (f->size == PKT_SIZE_META || !place.bits)
			continue;
		indent(depth, out);
		paint(s, "36", out);
		buf_add_str(out, name);
		paint(s, "0", out);
		if (f->kind == PKT_ITEMS) {
			buf_add_byte(out, '\n');
			print_list(f, BYTES(h->ptr + place.at / 8, place.bits / 8), depth + 1, s,
				   out);
			continue;
		}
		buf_printf(out, "%*s ", (int)(NAME_WIDTH - strlen(name)), "");
		pkt_field_print(f, h->ptr, place, out);
		buf_add_byte(out, '\n');
	}
}

static void print_fault(const struct packet *p, const struct tree_style *s, struct buf *out)
{
	const struct pkt_fault *f = &p->fault;
	const struct pkt_layer *l = &pkt_layers[f->layer];

	if (f->class == PKT_SOUND)
		return;
	paint(s, "31", out);
	buf_printf(out, "  %s: %s.%s", pkt_fault_name(f->class), l->id,
		   pkt_field_name(&l->fields[f->field]));
	if (f->class == PKT_EXCESS_BYTES)
		buf_printf(out, ", %" PRIu32 " behind its end", f->excess);
	paint(s, "0", out);
	buf_add_byte(out, '\n');
}

static void print_hex(struct bytes b, const struct tree_style *s, struct buf *out)
{
	for (size_t at = 0; at < b.len; at += HEX_WIDTH) {
		size_t n = b.len - at < HEX_WIDTH ? b.len - at : HEX_WIDTH;

		paint(s, "2", out);
		buf_printf(out, "  %04zx ", at);
		paint(s, "0", out);
		for (size_t i = 0; i < HEX_WIDTH; i++)
			if (i < n)
				buf_printf(out, "%s%02x", i == 8 ? "  " : " ", b.ptr[at + i]);
			else
				buf_add_str(out, i == 8 ? "    " : "   ");
		buf_add_str(out, "  ");
		for (size_t i = 0; i < n; i++)
			buf_add_byte(out, isprint(b.ptr[at + i]) ? b.ptr[at + i] : '.');
		buf_add_byte(out, '\n');
	}
}

void tree_print(const struct packet *p, struct pkt_printer *pp, const struct pkt_meta *meta,
		const struct tree_style *s, struct buf *out)
{
	for (unsigned i = 0; i < p->n && s->tree; i++) {
		struct pkt_header h = pkt_header_of(p, i);

		indent(1, out);
		paint(s, "1", out);
		buf_add_str(out, h.layer->id);
		paint(s, "0", out);
		buf_add_byte(out, '\n');
		print_fields(&h, 2, s, out);
	}
	if (s->tree)
		print_fault(p, s, out);
	if (s->hex)
		print_hex(p->data, s, out);
	if (s->expr) {
		indent(1, out);
		paint(s, "32", out);
		pkt_print(pp, p, meta, out);
		paint(s, "0", out);
		buf_add_byte(out, '\n');
	}
}
