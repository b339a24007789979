/* gen_layers: prints docs/layers.md from the table that craft, edit, show and filter use. */
#include <stdio.h>

#include "cmd/craft/list.h"

static const char intro[] =
	"# Layers\n"
	"\n"
	"Written by `make docs` from `proto/layers.def`; change that, not this page.\n"
	"\n"
	"The layers and fields of which `weir craft` makes packets, `weir craft --from` and `weir "
	"show`\n"
	"print them, `weir edit` changes them, and by which `weir edit --match` and\n"
	"`weir filter --frame` find them. Names are scapy's; those behind `also:` are taken, too. "
	"A field\n"
	"without a bit offset stands behind one whose length differs from packet to packet; `by "
	"type`:\n"
	"it is there with some values of that field alone. `weir craft --list LAYER` prints the "
	"same.\n";

static void section(const char *title, bool items)
{
	struct buf out = { 0 };

	for (unsigned l = 0; l < PKT_LAYERS; l++) {
		if (pkt_layers[l].item != items)
			continue;
		buf_add_byte(&out, '\n');
		list_fields(l, &out);
	}
	printf("\n## %s\n\n```%.*s```\n", title, (int)out.len, (const char *)out.ptr);
	buf_release(&out);
}

int main(void)
{
	fputs(intro, stdout);
	section("Layers of a packet", false);
	section("Items of lists", true);
	return 0;
}
