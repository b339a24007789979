/* weir-rank: which values of a field are most frequent, or have the greatest sum of another. */
#include "libcommon/stage/grouping.h"

struct config {
	struct grouping_config grouping;
};

static struct config config = {
	.grouping = { .type = "rank",
		      .ranks = true,
		      .top = 10,
		      .groups = 65536,
		      .memory = 256 << 20,
		      .late = 10000000000 },
};

static const struct opt options[] = {
	OPT_ROW('b', "by", OPT_STRING, struct config, grouping.by, "LIST",
		"a row for each combination of values of these fields"),
	OPT_ROW('t', "types", OPT_STRING, struct config, grouping.types, "LIST",
		"rank records of these types only"),
	OPT_ROW(0, "sum", OPT_STRING, struct config, grouping.weight, "FIELD",
		"rank by the sum of this field, instead of by the number of records"),
	OPT_ROW('n', "top", OPT_UINT, struct config, grouping.top, "N",
		"rows to write; 0: all that are kept"),
	OPT_ROW(0, "every", OPT_DURATION, struct config, grouping.every, "TIME",
		"a ranking for each interval of this length, by the records' time; 0: at the end"),
	OPT_ROW(0, "late", OPT_DURATION, struct config, grouping.late, "TIME",
		"how long after its end an interval is kept open for records that come late"),
	OPT_ROW(0, "groups", OPT_UINT, struct config, grouping.groups, "N",
		"exact as long as there are no more values than this; then the least make room"),
	OPT_ROW(0, "memory", OPT_SIZE, struct config, grouping.memory, "BYTES",
		"the same for the memory of the values"),
	{ 0 },
};

static struct grouping *grouping;

static void rank_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (!config.grouping.by)
		die_usage("--by: which fields are to be ranked?");
	grouping = grouping_new(st, &config.grouping);
}

static void rank_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	(void)st;
	grouping_batch(grouping, recs, n);
}

static void rank_finish(struct stage *st)
{
	(void)st;
	grouping_finish(grouping);
}

static void rank_leave(struct stage *st, uint64_t n, uint64_t ts)
{
	(void)st;
	(void)n;
	(void)ts;
	grouping_leave(grouping);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "rank",
		.summary = "find the most frequent values, or those with the greatest sum",
		.epilog = "    ... | weir flow | weir rank --types flow --by orig_h --sum "
			  "resp_bytes -n 10\n"
			  "    ... | weir dns | weir rank --by query\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.open = rank_open,
		.batch = rank_batch,
		.finish = rank_finish,
		.leave = rank_leave,
	};
	int code = stage_main(&ops, argc, argv);

	grouping_free(grouping);
	return code;
}
