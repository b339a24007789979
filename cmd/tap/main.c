/* weir-tap: looks on at a ring of a running pipeline, which never waits for it. */
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/run/control.h"
#include "libcommon/run/rundir.h"
#include "libcommon/stage/stage.h"

enum { RINGS = 64 };

/* Rings of a launcher are memory without a name: it gives out a descriptor to read them by. */
static void tap_ring(struct stage *st, int dir, const char *name)
{
	static char endpoints[RINGS][24];
	static size_t n;
	char line[CONTROL_LINE];

	if (n == RINGS)
		die_usage("more than %d rings", RINGS);
	if (snprintf(line, sizeof(line), "tap %s", name) >= (int)sizeof(line))
		die_usage("the name of a ring is not so long");
	snprintf(endpoints[n], sizeof(endpoints[n]), "shm:fd=%d", control_fetch(dir, line));
	stage_input_add(st, endpoints[n++]);
}

static void tap_inputs(struct stage *st, int argc, char **argv)
{
	/* Without a name it is the one that runs. */
	int dir = rundir_find(argc ? argv[1] : NULL);

	*stage_user(st) = argc ? argv[1] : "";
	if (argc <= 1)
		tap_ring(st, dir, "");
	for (int i = 2; i <= argc; i++)
		tap_ring(st, dir, argv[i]);
}

static void tap_open(struct stage *st, int argc, char **argv)
{
	(void)argv;
	if (argc && !*stage_user(st))
		die_usage("a pipeline is named, and -i as well");
}

static void tap_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		stage_pass(st, recs[i].raw);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "tap",
		.summary = "look on at what a running pipeline passes, without slowing it down",
		.operands = "[PIPELINE [STAGE|RING]...]",
		.epilog = "Where it cannot follow it loses records, and counts them.\n\n"
			  "  weir tap edge flow | weir json\n"
			  "  weir tap -i shm:packets -o copy.weir\n",
		.kind = STAGE_FILTER,
		.inputs = tap_inputs,
		.open = tap_open,
		.batch = tap_batch,
		.skims = true,
	};

	return stage_main(&ops, argc, argv);
}
