/* weir-merge: joins several streams into one, in order. */
#include "libcommon/stage/stage.h"

struct config {
	bool arrival;
};

static struct config config;

static const struct opt options[] = {
	OPT_ROW(0, "arrival", OPT_FLAG, struct config, arrival, NULL,
		"pass records as they arrive, in no order"),
	{ 0 },
};

static void merge_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (config.arrival)
		stage_any_order(st);
}

static void merge_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		stage_pass(st, recs[i].raw);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "merge",
		.summary = "join several streams into one, in order",
		.epilog = "    weir merge -i a.weir -i b.weir | weir json\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.open = merge_open,
		.batch = merge_batch,
		.skims = true,
	};

	return stage_main(&ops, argc, argv);
}
