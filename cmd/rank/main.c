/* weir-rank: which values of a field are most frequent, or have the greatest sum of another. */
#include "libcommon/stage/grouping.h"

static struct grouping_config config = { .type = "rank",
					 .ranks = true,
					 .top = 10,
					 .groups = 65536,
					 .memory = 256 << 20,
					 .late = 10000000000 };

static const struct opt options[] = {
	OPT_ROW(0, "sum", OPT_STRING, struct grouping_config, weight, "FIELD",
		"rank by the sum of this field, instead of by the number of records"),
	OPT_ROW('n', "top", OPT_UINT, struct grouping_config, top, "N",
		"rows to write; 0: all that are kept"),
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct grouping_tool tool = {
		.summary = "find the most frequent values, or those with the greatest sum",
		.epilog = "    ... | weir flow | weir rank --types flow --by orig_h --sum "
			  "resp_bytes -n 10\n"
			  "    ... | weir dns | weir rank --by query\n",
		.options = options,
		.config = &config,
	};

	return grouping_main(&tool, argc, argv);
}
