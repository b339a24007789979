/* weir-count: counts records by the values of their fields, per interval of time. */
#include "libcommon/stage/grouping.h"

struct config {
	struct grouping_config grouping;
};

static struct config config = {
	.grouping = { .type = "count", .groups = 65536, .memory = 256 << 20, .late = 10000000000 },
};

static const struct opt options[] = {
	OPT_ROW('b', "by", OPT_STRING, struct config, grouping.by, "LIST",
		"a row for each combination of values of these fields"),
	OPT_ROW('t', "types", OPT_STRING, struct config, grouping.types, "LIST",
		"count these record types only"),
	OPT_ROW(0, "sum", OPT_STRING, struct config, grouping.sums, "LIST", "add up these fields"),
	OPT_ROW(0, "min", OPT_STRING, struct config, grouping.leasts, "LIST",
		"the least value of these fields"),
	OPT_ROW(0, "max", OPT_STRING, struct config, grouping.mosts, "LIST",
		"the greatest value of these fields"),
	OPT_ROW(0, "distinct", OPT_STRING, struct config, grouping.distincts, "LIST",
		"how many different values of these fields"),
	OPT_ROW(0, "every", OPT_DURATION, struct config, grouping.every, "TIME",
		"rows for each interval of this length, by the records' time; 0: at the end"),
	OPT_ROW(0, "late", OPT_DURATION, struct config, grouping.late, "TIME",
		"how long after its end an interval is kept open for records that come late"),
	OPT_ROW(0, "groups", OPT_UINT, struct config, grouping.groups, "N",
		"at most so many rows at a time; what has no room is in a row 'other'"),
	OPT_ROW(0, "memory", OPT_SIZE, struct config, grouping.memory, "BYTES",
		"the same for the memory of their keys and figures"),
	{ 0 },
};

static struct grouping *grouping;

static void count_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	grouping = grouping_new(st, &config.grouping);
}

static void count_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	(void)st;
	grouping_batch(grouping, recs, n);
}

static void count_finish(struct stage *st)
{
	(void)st;
	grouping_finish(grouping);
}

static void count_leave(struct stage *st, uint64_t n, uint64_t ts)
{
	(void)st;
	(void)n;
	(void)ts;
	grouping_leave(grouping);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "count",
		.summary = "count records by the values of their fields, per interval of time",
		.epilog = "    ... | weir flow | weir count --types flow --by proto,resp_p --sum "
			  "orig_bytes,resp_bytes\n"
			  "    ... | weir dns | weir count --by rcode_name --distinct query "
			  "--every 60s\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.open = count_open,
		.batch = count_batch,
		.finish = count_finish,
		.leave = count_leave,
	};
	int code = stage_main(&ops, argc, argv);

	grouping_free(grouping);
	return code;
}
