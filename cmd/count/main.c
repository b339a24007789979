/* weir-count: counts records by the values of their fields, per interval of time. */
#include "libcommon/stage/grouping.h"

static struct grouping_config config = {
	.type = "count", .groups = 65536, .memory = 256 << 20, .late = 10000000000
};

static const struct opt options[] = {
	OPT_ROW(0, "sum", OPT_STRING, struct grouping_config, sums, "LIST", "add up these fields"),
	OPT_ROW(0, "min", OPT_STRING, struct grouping_config, leasts, "LIST",
		"the least value of these fields"),
	OPT_ROW(0, "max", OPT_STRING, struct grouping_config, mosts, "LIST",
		"the greatest value of these fields"),
	OPT_ROW(0, "distinct", OPT_STRING, struct grouping_config, distincts, "LIST",
		"how many different values of these fields"),
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct grouping_tool tool = {
		.summary = "count records by the values of their fields, per interval of time",
		.epilog = "    ... | weir flow | weir count --types flow --by proto,resp_p --sum "
			  "orig_bytes,resp_bytes\n"
			  "    ... | weir dns | weir count --by rcode_name --distinct query "
			  "--every 60s\n",
		.options = options,
		.config = &config,
	};

	return grouping_main(&tool, argc, argv);
}
