/* weir-craft: frames out of expressions, and expressions out of frames. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/craft/craft.h"
#include "cmd/craft/list.h"

static struct craft_config config = { .seed = 1, .link = 1 };

static const struct opt options[] = {
	OPT_ROW('f', "file", OPT_STRING, struct craft_config, file, "FILE",
		"read expressions from FILE (-: standard input), a line each"),
	OPT_ROW('n', "count", OPT_UINT, struct craft_config, count, "N",
		"make N frames in all, starting over where there are fewer (0: each once)"),
	OPT_ROW(0, "zip", OPT_FLAG, struct craft_config, zip, NULL,
		"take the several values of fields side by side, not each with each"),
	OPT_ROW(0, "seed", OPT_UINT, struct craft_config, seed, "N",
		"another seed is another rand()"),
	OPT_ROW(0, "gap", OPT_DURATION, struct craft_config, gap, "TIME",
		"time from a frame to the next"),
	OPT_ROW(0, "l2", OPT_FLAG, struct craft_config, l2, NULL,
		"put Ethernet below packets that start with something else"),
	OPT_ROW(0, "link-type", OPT_UINT, struct craft_config, link, "N",
		"link type of frames whose first layer has none"),
	OPT_ROW(0, "from", OPT_STRING, struct craft_config, from, "FILE",
		"print the expressions of a capture's frames (-: of frame records)"),
	OPT_ROW(0, "times", OPT_FLAG, struct craft_config, times, NULL,
		"with --from: with their times, in a layer frame"),
	OPT_ROW(0, "list", OPT_FLAG, struct craft_config, list, NULL,
		"print the layers, or the fields of LAYER.., and end"),
	{ 0 },
};

#define OPS                                                                                        \
	.name = "craft",                                                                           \
	.summary = "make frames out of expressions, and expressions out of frames",                \
	.operands = "EXPRESSION... | LAYER.FIELD=VALUE...",                                        \
	.epilog = "    weir craft 'eth/ip(dst=10.0.0.1)/tcp(dport=80,flags=S)/\"GET /\"' | weir "  \
		  "show\n"                                                                         \
		  "    weir craft ip.dst=10.0.0.1 udp.dport=53 dns.id=7 | weir show\n"             \
		  "    weir craft --from trace.pcap\n",                                            \
	.options = options, .config = &config

static int list(int argc, char **argv)
{
	struct buf out = { 0 };

	if (!argc)
		list_layers(&out);
	for (int i = 1; i <= argc; i++) {
		enum pkt_layer_id id = pkt_layer_find(bytes_str(argv[i]), PKT_NONE);

		if (id == PKT_NONE)
			die_usage("there is no layer '%s'", argv[i]);
		list_fields(id, &out);
	}
	fwrite(out.ptr, 1, out.len, stdout);
	buf_release(&out);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	static const struct rec_desc *const reads[] = { &rec_frame_desc, NULL };
	static const struct stage_ops make = {
		OPS,
		.kind = STAGE_SOURCE,
		.open = make_open,
		.produce = make_produce,
	};
	static const struct stage_ops from = {
		OPS, .kind = STAGE_SINK, .reads = reads, .open = from_open, .batch = from_batch,
	};
	const char *file = NULL;

	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (strcmp(argv[i], "--list") == 0) {
			memmove(argv + i, argv + i + 1, (size_t)(argc - i) * sizeof(*argv));
			tool_name = "weir-craft";
			return list(argc - 2, argv);
		}
		if (strcmp(argv[i], "--from") == 0 && i + 1 < argc)
			file = argv[i + 1];
		else if (strncmp(argv[i], "--from=", 7) == 0)
			file = argv[i] + 7;
	}
	if (!file)
		return stage_main(&make, argc, argv);
	tool_name = "weir-craft";
	from_start_reader(file);
	return stage_main(&from, argc, argv);
}
