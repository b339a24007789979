/* weir-plan: the shell commands that do what weir-run would. */
#include <stdio.h>

#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/run/load.h"
#include "libcommon/run/lookup.h"
#include "libcommon/run/plan.h"

struct config {
	const char *name, *host;
};

static struct config config;

static const struct opt options[] = {
	OPT_ROW(0, "name", OPT_STRING, struct config, name, "NAME",
		"the pipeline's name, in front of its rings' names"),
	OPT_ROW(0, "host", OPT_STRING, struct config, host, "HOST",
		"the commands of that host alone"),
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct opt_tool tool = {
		"weir-plan", "print a pipeline as shell commands", "FILE|LINE",
		"  weir plan 'read x.pcap | flow | reasm | { dns, http } | json'\n"
		"  weir plan edge.weir | sh"
	};
	static const struct opt_group group = { "options", options, &config };
	struct buf text = { 0 };
	struct graph *g;

	tool_name = "weir-plan";
	if (opt_parse(&tool, &group, 1, argc, argv) != 1)
		die_usage("one file or one line is needed; try 'weir-plan --help'");
	lookup_export();
	g = load_graph(argv[1]);
	if (config.name && !graph_name_valid(config.name))
		die_usage("--name: '%s' is no name: letters, digits, '-' and '_'", config.name);
	if (config.name)
		snprintf(g->name, sizeof(g->name), "%s", config.name);
	plan_print(g, load_world(), config.host, &text);
	fwrite(text.ptr, 1, text.len, stdout);
	buf_release(&text);
	graph_free(g);
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}
