/* weir-stop: stops a running pipeline in order, and waits for its end. */
#include <stdio.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/run/control.h"
#include "libcommon/run/rundir.h"

struct config {
	bool wait;
};

static struct config config = { .wait = true };

static const struct opt options[] = {
	OPT_ROW(0, "wait", OPT_FLAG, struct config, wait, NULL,
		"wait for the end (on; --no-wait: only ask for it)"),
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct opt_tool tool = {
		"weir-stop", "stop a running pipeline in order", "[NAME]",
		"Without a name: the one pipeline that runs. A name with a '/' in it is the path "
		"of\n"
		"its run directory. Exit status 1 where none runs, or its launcher was killed.\n\n"
		"  weir stop edge"
	};
	static const struct opt_group group = { "options", options, &config };
	int n, fd, code;

	tool_name = "weir-stop";
	n = opt_parse(&tool, &group, 1, argc, argv);
	if (n > 1)
		die_usage("unexpected argument '%s'", argv[2]);
	fd = control_send(rundir_find(n ? argv[1] : NULL), "stop");
	if (!config.wait)
		return EXIT_DONE;
	code = control_wait(fd);
	if (code < 0)
		die("the launcher was killed");
	printf("ended with %d\n", code);
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}
