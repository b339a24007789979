/* weir-sample: one of N records, or all records of one of N flows. */
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/stage/flow_ids.h"
#include "libcommon/stage/shard.h"
#include "libcommon/stage/stage.h"

struct config {
	const char *rate;
	uint64_t seed;
	bool flows;
};

static struct config config = { .seed = 1 };
static uint64_t part, of, *seen;

static const struct opt options[] = {
	OPT_ROW('r', "rate", OPT_STRING, struct config, rate, "A/B",
		"pass A of B records on, chosen by chance (needed)"),
	OPT_ROW(0, "flows", OPT_FLAG, struct config, flows, NULL, "choose whole flows"),
	OPT_ROW(0, "seed", OPT_UINT, struct config, seed, "N", "another seed is another choice"),
	{ 0 },
};

static void sample_open(struct stage *st, int argc, char **argv)
{
	int used = 0;
	unsigned a, b;

	seen = stage_counter(st, "seen"); /* in the page: a successor goes on with it */
	(void)argc;
	(void)argv;
	if (!config.rate)
		die_usage("give --rate, as in --rate 1/100");
	if (sscanf(config.rate, "%9u/%9u%n", &a, &b, &used) != 2 || config.rate[used] || !a ||
	    a > b || config.rate[0] < '0' || config.rate[0] > '9')
		die_usage("--rate: '%s' is no part like 1/100", config.rate);
	part = a;
	of = b;
}

static uint64_t chance(const struct stage_rec *r)
{
	/* Not the seed by which weir-shard chooses: its shards would be all or nothing. */
	uint64_t seed = config.seed + 1;

	++*seen;
	if (config.flows && r->head.type == REC_frame)
		return shard_hash(&r->head, r->raw, seed);
	if (config.flows && flow_ids_is_flow(r->head.flow))
		return shard_flow_hash(r->head.flow, seed);
	return shard_flow_hash(*seen, seed);
}

static void sample_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((chance(&recs[i]) >> 32) * of < part << 32)
			stage_pass(st, recs[i].raw);
		else
			stage_filter(st, 1);
	}
}

static void sample_restart(struct stage *st)
{
	(void)st;
	*seen = 0;
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "sample",
		.summary = "pass one of N records, or all records of one of N flows",
		.epilog =
			"    weir read trace.pcap | weir flow | weir sample --rate 1/10 --flows | "
			"weir json\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.open = sample_open,
		.batch = sample_batch,
		.restart = sample_restart,
		.skims = true,
	};

	return stage_main(&ops, argc, argv);
}
