/* weir-read: frames out of capture files. */
#include "cmd/read/source.h"
#include "libcommon/stage/filter_file.h"

static struct source_config config;

static const struct opt options[] = {
	OPT_ROW('n', "count", OPT_UINT, struct source_config, count, "N",
		"stop after N frames (0: never)"),
	OPT_ROW(0, "merge", OPT_FLAG, struct source_config, merge, NULL,
		"give the frames of all files in order of time"),
	FILTER_OPTION(struct source_config, filter_file),
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "read",
		.summary = "read capture files and write their frames",
		.operands = "[FILE|DIRECTORY|-]...",
		.epilog = "Reads pcap and pcapng, also gzip-compressed, told by content. Writes "
			  "frame records.\n\n"
			  "  weir read trace.pcap | weir flow | weir json\n"
			  "  weir read --merge tap0.pcap tap1.pcap -o merged.weir",
		.kind = STAGE_SOURCE,
		.options = options,
		.config = &config,
		.open = source_open,
		.produce = source_produce,
		.finish = source_finish,
		.resume = source_resume,
	};

	return stage_main(&ops, argc, argv);
}
