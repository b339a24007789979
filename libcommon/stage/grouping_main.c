/* grouping_main: a whole tool that groups records: a stage round grouping.c. */
#include "libcommon/stage/grouping.h"

static const struct opt common_options[] = {
	OPT_ROW('b', "by", OPT_STRING, struct grouping_config, by, "LIST",
		"a row for each combination of values of these fields"),
	OPT_ROW('t', "types", OPT_STRING, struct grouping_config, types, "LIST",
		"look at records of these types only"),
	OPT_ROW(0, "every", OPT_DURATION, struct grouping_config, every, "TIME",
		"rows for each interval of this length, by the records' time; 0: at the end"),
	OPT_ROW(0, "late", OPT_DURATION, struct grouping_config, late, "TIME",
		"how long after its end an interval is kept open for records that come late"),
	OPT_ROW(0, "groups", OPT_UINT, struct grouping_config, groups, "N",
		"how many combinations are kept at a time"),
	OPT_ROW(0, "memory", OPT_SIZE, struct grouping_config, memory, "BYTES",
		"the same for the memory of their keys and figures"),
	{ 0 },
};

static struct grouping_config *config;
static struct grouping *grouping;

static void tool_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	grouping = grouping_new(st, config);
}

static void tool_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	(void)st;
	grouping_batch(grouping, recs, n);
}

static void tool_finish(struct stage *st)
{
	(void)st;
	grouping_finish(grouping);
}

static void tool_leave(struct stage *st, uint64_t n, uint64_t ts)
{
	(void)st;
	(void)n;
	(void)ts;
	grouping_leave(grouping);
}

int grouping_main(const struct grouping_tool *tool, int argc, char **argv)
{
	struct stage_ops ops = {
		.name = tool->config->type,
		.summary = tool->summary,
		.epilog = tool->epilog,
		.kind = STAGE_FILTER,
		.options = tool->options,
		.config = tool->config,
		.more_options = common_options,
		.more_config = tool->config,
		.open = tool_open,
		.batch = tool_batch,
		.finish = tool_finish,
		.leave = tool_leave,
	};
	int code;

	config = tool->config;
	code = stage_main(&ops, argc, argv);
	grouping_free(grouping);
	return code;
}
