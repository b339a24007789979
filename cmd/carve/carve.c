/* carve: the stage that gives back the frames of flows and records. */
#include "cmd/carve/carve.h"

struct carve_config carve_config = {
	.pre = 10000000000,
	.memory = 64 << 20,
	.flows = 65536,
};

static const struct opt options[] = {
	OPT_ROW(0, "from", OPT_STRINGS, struct carve_config, from, "FILE",
		"the capture that the records were made of, repeatable as weir-read's operands"),
	OPT_ROW(0, "merge", OPT_FLAG, struct carve_config, merge, NULL,
		"they were read with weir-read's --merge"),
	OPT_ROW(0, "by", OPT_CHOICE, struct carve_config, by, "flow|n|time",
		"what of a record chooses frames: its flow, its frame numbers, or the time round "
		"it"),
	OPT_ROW(0, "trigger", OPT_STRING, struct carve_config, trigger, "EXPRESSION",
		"take the frames from the input, round records of which this holds"),
	OPT_ROW(0, "pre", OPT_DURATION, struct carve_config, pre, "TIME",
		"with --trigger: so far back"),
	OPT_ROW(0, "post", OPT_DURATION, struct carve_config, post, "TIME",
		"with --trigger: so long after it; by flow, 0 is to its end"),
	OPT_ROW(0, "memory", OPT_SIZE, struct carve_config, memory, "BYTES",
		"for frames kept back, or for what was chosen"),
	OPT_ROW(0, "max-flows", OPT_UINT, struct carve_config, flows, "N",
		"with --trigger: flows followed at once; beyond, the first one chosen goes"),
	{ 0 },
};

static const struct rec_desc *const reads[] = { &rec_frame_desc, NULL };

static void on_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (!carve_config.from.n == !carve_config.trigger)
		die_usage("one of --from FILE and --trigger EXPRESSION is needed");
	if (carve_config.by == BY_TIME && carve_config.from.n)
		die_usage("--by=time goes with --trigger");
	if (carve_config.memory < 1 << 20 || carve_config.memory > 1ull << 40)
		die_usage("--memory: 1M .. 1024G");
	if (!carve_config.flows || carve_config.flows > 1 << 24)
		die_usage("--max-flows: 1 .. %d", 1 << 24);
	if (carve_config.trigger)
		carve_live_open(st);
	else
		carve_file_open(st);
}

static void on_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	if (carve_config.trigger)
		carve_live_batch(st, recs, n);
	else
		carve_file_batch(st, recs, n);
}

static void on_mark(struct stage *st, uint64_t source, uint64_t n, uint64_t ts)
{
	(void)source;
	(void)n;
	if (carve_config.trigger)
		carve_live_mark(st, ts);
}

static void on_finish(struct stage *st)
{
	if (carve_config.trigger)
		carve_live_finish(st);
	else
		carve_file_finish(st);
}

const struct stage_ops carve_ops = {
	.name = "carve",
	.summary = "give back the frames of flows and records",
	.epilog = "Reads records of any type; writes frame records.\n\n"
		  "  weir read x.pcap | weir flow | weir reasm | weir tls |\n"
		  "    weir filter 'sni ~ \"example\"' | weir carve --from x.pcap | weir write "
		  "y.pcap\n"
		  "  weir carve --trigger 'type == \"dns\"' --pre 5s -i frames.weir -i "
		  "records.weir\n",
	.kind = STAGE_FILTER,
	.options = options,
	.config = &carve_config,
	.reads = reads,
	.open = on_open,
	.batch = on_batch,
	.mark = on_mark,
	.finish = on_finish,
};
