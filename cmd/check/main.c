/* weir-check: says what is wrong with a pipeline before anything is started. */
#include <stdio.h>

#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/run/load.h"
#include "libcommon/run/lookup.h"

struct config {
	bool quiet;
};

static struct config config;

static const struct opt options[] = {
	OPT_ROW('q', "quiet", OPT_FLAG, struct config, quiet, NULL,
		"say nothing where all is well"),
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct opt_tool tool = {
		"weir-check", "say what is wrong with a pipeline before it is started", "FILE|LINE",
		"Exit status 2 where something is wrong, with one line for each thing.\n\n"
		"  weir check edge.weir\n"
		"  weir check 'read x.pcap | flow | reasm | { dns, http } | json'"
	};
	static const struct opt_group group = { "options", options, &config };
	const struct graph *g;

	tool_name = "weir-check";
	if (opt_parse(&tool, &group, 1, argc, argv) != 1)
		die_usage("one file or one line is needed; try 'weir-check --help'");
	lookup_export();
	g = load_graph(argv[1]);
	if (!config.quiet)
		printf("nothing wrong: %zu stages, %zu links\n", g->nstages, g->nlinks);
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}
