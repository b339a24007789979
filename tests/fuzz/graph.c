/* graph: fuzz target of pipelines as text, from a line or a file, with the check and the plan. */
#include "libcommon/run/graph.h"

#include <stdlib.h>

#include "libcommon/run/check.h"
#include "libcommon/run/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static enum check_program program(void *ctx, const char *name)
{
	(void)ctx;
	if (strchr(name, '/'))
		return CHECK_OTHER;
	return strlen(name) < 7 ? CHECK_OWN : CHECK_MISSING;
}

static const char *const *options(void *ctx, const char *name, const bool **takes)
{
	static const char *const all[] = { "--only", "--in", "-i", "--max", NULL };
	static const bool values[] = { false, true, true, true };

	(void)ctx;
	*takes = values;
	return *name == 'x' ? NULL : all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct check_world world = { NULL, program, NULL, options, true };
	static struct graph g;
	struct buf why = { 0 }, plan = { 0 };
	int order[GRAPH_STAGES];
	char *text;
	bool good;

	if (!size)
		return 0;
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	if (data[0] & 1)
		good = graph_from_line(&g, text, &why);
	else
		good = graph_from_ini(&g, BYTES(data + 1, size - 1), "file", &why);
	MUST(good == (g.wrong == 0) && good == (why.len == 0));
	if (good && graph_check(&g, &world)) {
		/* Whatever was passed has an order from sources to sinks, and commands. */
		MUST(g.nstages && plan_order(&g, order) == g.nstages);
		if (!graph_shard(&g))
			MUST(g.wrong);
		else
			MUST(plan_order(&g, order) == g.nstages);
		plan_print(&g, &world, NULL, &plan);
		MUST(plan.len && plan.ptr[plan.len - 1] == '\n');
	}
	MUST(g.wrong == 0 || why.len);
	/* As many lines as were counted, each complete. */
	for (size_t i = 0; i < why.len; i++)
		g.wrong -= why.ptr[i] == '\n';
	MUST(g.wrong == 0);
	graph_free(&g);
	buf_release(&why);
	buf_release(&plan);
	free(text);
	return 0;
}
