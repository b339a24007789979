/* weir-shard: splits a stream over its outputs, whole flows each. */
#include "libcommon/stage/shard.h"
#include "libcommon/stage/stage.h"

static void shard_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (stage_outputs(st) < 2)
		die_usage("give at least two outputs with -o");
}

static void shard_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	unsigned shards = (unsigned)stage_outputs(st);

	for (size_t i = 0; i < n; i++)
		stage_pass_to(st, shard_of(&recs[i].head, recs[i].raw, shards), recs[i].raw);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "shard",
		.summary = "split a stream over its outputs, whole flows each",
		.epilog = "    weir read trace.pcap | weir flow | weir shard -o a.weir -o b.weir\n"
			  "    weir merge -i a.weir -i b.weir | weir json\n",
		.kind = STAGE_FILTER,
		.open = shard_open,
		.batch = shard_batch,
		.skims = true,
	};

	return stage_main(&ops, argc, argv);
}
