/* weir-capture: frames out of interfaces. */
#include "cmd/capture/source.h"
#include "libcommon/stage/filter_file.h"
#include "libcommon/stage/sandbox.h"

static struct source_config config = {
	.snaplen = 262144,
	.block_size = 256 * 1024,
	.blocks = 128,
	.retire = 4000000,
	.tap.outgoing = true,
};

static const struct opt options[] = {
	OPT_ROW('I', "interface", OPT_STRINGS, struct source_config, interfaces, "NAME",
		"capture there, repeatable; any: everywhere"),
	FILTER_OPTION(struct source_config, filter_file),
	OPT_ROW('n', "count", OPT_UINT, struct source_config, count, "N",
		"stop after N frames (0: never)"),
	OPT_ROW(0, "for", OPT_DURATION, struct source_config, duration, "TIME",
		"stop after that time (0: never)"),
	OPT_ROW('s', "snaplen", OPT_SIZE, struct source_config, snaplen, "BYTES",
		"of a frame at most"),
	OPT_ROW('p', "promiscuous", OPT_FLAG, struct source_config, tap.promiscuous, NULL,
		"also what is for other hosts"),
	OPT_ROW(0, "all-multicast", OPT_FLAG, struct source_config, tap.all_multicast, NULL,
		"also what is for groups that the host has not joined"),
	OPT_ROW(0, "outgoing", OPT_FLAG, struct source_config, tap.outgoing, NULL,
		"also what this host sends (on; --no-outgoing)"),
	OPT_ROW(0, "on-down", OPT_CHOICE, struct source_config, on_down, "wait|end|return",
		"what to do when an interface goes down"),
	OPT_ROW(0, "time-source", OPT_CHOICE, struct source_config, time_source, "kernel|adapter",
		"whose clock stamps the frames"),
	OPT_ROW(0, "fanout", OPT_CHOICE, struct source_config, tap.fanout,
		"none|hash|cpu|rr|rollover|qm|cbpf|pair", "share the frames with other captures"),
	OPT_ROW(0, "fanout-group", OPT_STRING, struct source_config, fanout_group, "N",
		"with those of that group (without it: a new one, whose number is said)"),
	OPT_ROW(0, "fanout-file", OPT_STRING, struct source_config, fanout_file, "FILE",
		"the program of --fanout cbpf"),
	OPT_ROW(0, "receive", OPT_CHOICE, struct source_config, tap.receive, "auto|ring|messages",
		"how the kernel hands frames over"),
	OPT_ROW(0, "block-size", OPT_SIZE, struct source_config, block_size, "BYTES",
		"of a block of the ring"),
	OPT_ROW(0, "blocks", OPT_UINT, struct source_config, blocks, "N", "of the ring"),
	OPT_ROW(0, "retire", OPT_DURATION, struct source_config, retire, "TIME",
		"until a block that is not full is handed over"),
	{ 0 },
};

struct stage_ops capture_ops = {
	.name = "capture",
	.summary = "capture the frames of interfaces",
	.epilog = "Writes frame records. Needs CAP_NET_RAW to open, and holds nothing "
		  "afterwards.\n\n"
		  "  weir capture -I eth0 | weir flow | weir json\n"
		  "  tcpdump -i eth0 -ddd port 53 | weir capture -I eth0 -F - -o dns.weir",
	.kind = STAGE_SOURCE,
	.options = options,
	.config = &config,
	.sandbox = SANDBOX_CAPTURE,
	.open = source_open,
	.produce = source_produce,
	.turn = source_turn,
	.finish = source_finish,
	.resume = source_resume,
};

int main(int argc, char **argv)
{
	return stage_main(&capture_ops, argc, argv);
}
