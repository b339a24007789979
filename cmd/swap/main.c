/* weir-swap: puts another program in the place of a stage that runs. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libcommon/base/buf.h"
#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/run/control.h"
#include "libcommon/run/rundir.h"

struct config {
	bool quiet;
};

static struct config config;

static const struct opt options[] = {
	OPT_ROW('q', "quiet", OPT_FLAG, struct config, quiet, NULL,
		"say nothing where all is well"),
	{ 0 },
};

/* The launcher splits the line like a shell: each word in quotes. */
static void add_word(struct buf *line, const char *word)
{
	buf_add_str(line, " '");
	for (; *word; word++) {
		if (*word == '\'')
			buf_add_str(line, "'\\''");
		else
			buf_add_byte(line, (uint8_t)*word);
	}
	buf_add_byte(line, '\'');
}

int main(int argc, char **argv)
{
	static const struct opt_tool tool = {
		"weir-swap", "put another program in the place of a stage that runs",
		"NAME STAGE COMMAND [ARGUMENT...]",
		"Its neighbours wait meanwhile; where the new program does not become ready the "
		"old one\n"
		"goes on, exit status 1. Options of the command stand behind a \"--\".\n\n"
		"  weir swap edge http -- http --headers --only\n"
		"  weir swap edge mine -- ./mine-2 --only"
	};
	static const struct opt_group group = { "options", options, &config };
	struct buf line = { 0 };
	char path[PATH_MAX];
	int n;

	tool_name = "weir-swap";
	n = opt_parse(&tool, &group, 1, argc, argv);
	if (n < 3)
		die_usage("a pipeline, a stage and a command are needed; try 'weir-swap --help'");
	buf_add_str(&line, "swap");
	for (int i = 2; i <= n; i++) {
		/* The launcher may be in another folder. */
		bool is_path = i == 3 && strchr(argv[i], '/') && realpath(argv[i], path);

		add_word(&line, is_path ? path : argv[i]);
	}
	buf_add_byte(&line, 0);
	control_await(control_send(rundir_find(argv[1]), (const char *)line.ptr));
	if (!config.quiet)
		printf("swapped '%s'\n", argv[2]);
	buf_release(&line);
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}
