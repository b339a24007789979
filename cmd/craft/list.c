/* list: the table of layers and fields as text. */
#include "cmd/craft/list.h"

#include <inttypes.h>
#include <stdio.h>

#include "libcommon/packet/field.h"

void list_layers(struct buf *out)
{
	for (unsigned l = 0; l < PKT_LAYERS; l++) {
		const struct pkt_layer *at = &pkt_layers[l];
		enum pkt_layer_id family = pkt_family(l);

		buf_printf(out, "%-18s %s", at->id, at->title);
		if (family != PKT_NONE)
			buf_printf(out, " (item%s%s)", family == l ? "" : " of ",
				   family == l ? "" : pkt_layers[family].id);
		if (*at->also)
			buf_printf(out, "; also: %s", at->also);
		buf_add_byte(out, '\n');
	}
}

static const char *kind_name(const struct pkt_field *f)
{
	static const char *const names[] = {
		[PKT_UINT] = "number", [PKT_HEX] = "number",      [PKT_ENUM] = "number",
		[PKT_FLAGS] = "flags", [PKT_LETTERS] = "letters", [PKT_PORT] = "port",
		[PKT_TIME] = "time",   [PKT_MAC] = "mac",         [PKT_IP4] = "ipv4",
		[PKT_IP6] = "ipv6",    [PKT_BYTES] = "bytes",     [PKT_NAME] = "name",
		[PKT_ITEMS] = "list",
	};

	return names[f->kind];
}

static void put_default(const struct pkt_field *f, struct buf *out)
{
	static const char *const autos[] = {
		[PKT_AUTO_LENGTH] = "length",     [PKT_AUTO_NEXT] = "next layer",
		[PKT_AUTO_SUM] = "checksum",      [PKT_AUTO_COUNT] = "count",
		[PKT_AUTO_PRESENT] = "if needed", [PKT_AUTO_BOTTOM] = "bottom of stack",
	};
	uint8_t number[16] = { 0 };

	if (f->autos) {
		buf_printf(out, "auto: %s", autos[f->autos]);
		return;
	}
	if (f->kind >= PKT_BYTES || !(f->bits || f->kind == PKT_TIME))
		return;
	be64_put(number + 8, f->value);
	pkt_field_print(f, number, (struct pkt_place){ 128u - f->bits, f->bits }, out);
}

void list_fields(enum pkt_layer_id layer, struct buf *out)
{
	const struct pkt_layer *l = &pkt_layers[layer];

	buf_printf(out, "%s: %s\n", l->id, l->title);
	buf_printf(out, "%-20s %-8s %5s %5s  %s\n", "field", "kind", "bit", "width", "default");
	for (unsigned i = 0; i < l->nfields; i++) {
		const struct pkt_field *f = &l->fields[i];
		char at[16] = "", width[16] = "";

		if (f->at < PKT_MOVES)
			snprintf(at, sizeof(at), "%" PRIu32, f->at);
		if (f->bits)
			snprintf(width, sizeof(width), "%u", f->bits);
		buf_printf(out, "%-20s %-8s %5s %5s  ", pkt_field_name(f), kind_name(f), at, width);
		put_default(f, out);
		if (f->when == PKT_WHEN_IN || f->when == PKT_WHEN_NOT_IN)
			buf_printf(out, "  by %s", pkt_field_name(&l->fields[f->when_field]));
		if (f->kind == PKT_ITEMS)
			buf_printf(out, "of %s", pkt_layers[f->family].id);
		if (f->also)
			buf_printf(out, "  also: %s", f->also);
		while (out->len && out->ptr[out->len - 1] == ' ')
			out->len--;
		buf_add_byte(out, '\n');
	}
}
