/* weir-show: frames for people: layers, fields, bytes, and the expression that makes them. */
#include <inttypes.h>

#include "cmd/show/tree.h"
#include "libcommon/stage/stage.h"

enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct config {
	int color;
	uint64_t count;
	bool tree, hex, expr;
};

static struct config config = { .tree = true, .hex = true, .expr = true };

static const struct opt options[] = {
	OPT_ROW('n', "count", OPT_UINT, struct config, count, "N",
		"stop after N frames (0: never)"),
	OPT_ROW(0, "tree", OPT_FLAG, struct config, tree, NULL, "show layers and fields"),
	OPT_ROW(0, "hex", OPT_FLAG, struct config, hex, NULL, "show the bytes"),
	OPT_ROW(0, "expr", OPT_FLAG, struct config, expr, NULL,
		"show the expression that weir craft makes the frame of"),
	OPT_ROW(0, "color", OPT_CHOICE, struct config, color, "auto|always|never",
		"colours; auto: on a terminal"),
	{ 0 },
};

static struct tree_style style;
static struct pkt_printer printer;
static struct buf text;
static uint64_t shown, *faulty;

static void show_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	style = (struct tree_style){ config.tree, config.hex, config.expr,
				     config.color == COLOR_ALWAYS || (config.color == COLOR_AUTO &&
								      stage_text_in_colour(st)) };
	faulty = stage_counter(st, "faulty");
}

static void show(struct stage *st, const struct rec_head *h, const struct rec_frame *f)
{
	struct pkt_meta meta = { .time = h->ts, .wire_len = f->wire_len };
	struct packet p;

	pkt_dissect(&p, f->link_type, f->payload);
	*faulty += p.fault.class != PKT_SOUND;
	buf_clear(&text);
	buf_printf(&text, "#%" PRIu64 "  %" PRIu64 ".%09" PRIu64 "  %zu bytes", h->n,
		   h->ts / 1000000000, h->ts % 1000000000, f->payload.len);
	if (f->wire_len != f->payload.len)
		buf_printf(&text, " of %" PRIu32, f->wire_len);
	buf_printf(&text, ", link type %" PRIu32 "\n", f->link_type);
	tree_print(&p, &printer, &meta, &style, &text);
	buf_add_byte(&text, '\n');
	stage_text(st, buf_bytes(&text));
}

static void show_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct rec_head h;
		struct rec_frame f;

		if (recs[i].head.type != REC_frame || (config.count && shown >= config.count)) {
			stage_filter(st, 1);
			continue;
		}
		if (!stage_decode(st, &rec_frame_desc, &recs[i], &h, &f))
			continue;
		show(st, &h, &f);
		stage_consume(st, 1);
		if (++shown == config.count)
			stage_enough(st);
	}
}

int main(int argc, char **argv)
{
	static const struct rec_desc *const reads[] = { &rec_frame_desc, NULL };
	static const struct stage_ops ops = {
		.name = "show",
		.summary = "show frames as layers and fields, bytes, and expressions",
		.epilog = "    weir read trace.pcap | weir show -n 1\n"
			  "    weir craft 'eth/ip/tcp' | weir show --no-hex\n",
		.kind = STAGE_SINK,
		.options = options,
		.config = &config,
		.reads = reads,
		.open = show_open,
		.batch = show_batch,
	};

	return stage_main(&ops, argc, argv);
}
