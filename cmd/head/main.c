/* weir-head: the first records of a stream, or all of its first flows. */
#include <stdlib.h>

#include "libcommon/stage/flow_ids.h"
#include "libcommon/stage/stage.h"

struct config {
	uint64_t count;
	bool flows;
};

static struct config config = { .count = 10 };
static struct flow_ids ids;
static const uint64_t *passed; /* the books know, also of what a predecessor passed */

static const struct opt options[] = {
	OPT_ROW('n', "count", OPT_UINT, struct config, count, "N",
		"so many records; with --flows so many flows"),
	OPT_ROW(0, "flows", OPT_FLAG, struct config, flows, NULL,
		"all records of the first flows; those of no flow are left out"),
	{ 0 },
};

static void head_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	passed = stage_counter(st, "out");
	if (config.flows && !flow_ids_init(&ids, config.count))
		die_usage("--count: at most %d flows", FLOW_IDS_MAX);
	if (!config.flows && !config.count)
		stage_enough(st);
}

static bool wanted(const struct stage_rec *r)
{
	if (!config.flows)
		return *passed < config.count;
	return flow_ids_is_flow(r->head.flow) &&
	       (flow_ids_has(&ids, r->head.flow) ||
		(ids.n < config.count && flow_ids_add(&ids, r->head.flow)));
}

static void head_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (wanted(&recs[i]))
			stage_pass(st, recs[i].raw);
		else
			stage_filter(st, 1);
	}
	if (!config.flows && *passed >= config.count)
		stage_enough(st);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "head",
		.summary = "pass the first records of a stream, or its first flows",
		.epilog = "    weir read trace.pcap | weir head -n 1000 | weir flow | weir json\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.open = head_open,
		.batch = head_batch,
		.skims = true,
	};
	int code = stage_main(&ops, argc, argv);

	flow_ids_release(&ids);
	return code;
}
