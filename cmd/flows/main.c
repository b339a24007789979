/* weir-flows: the flows that a running pipeline has now, with what is kept of them. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/flows/flows.h"
#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"

struct config {
	bool json;
	int sort;
	uint64_t count, timeout;
};

static struct config config = { .timeout = 2000000000 };

static const struct opt options[] = {
	OPT_ROW(0, "json", OPT_FLAG, struct config, json, NULL, "a JSON object a flow, no table"),
	OPT_ROW(0, "sort", OPT_CHOICE, struct config, sort, "flow|bytes|held|age|idle",
		"by the flow's number, or what has the most first"),
	OPT_ROW('n', "count", OPT_UINT, struct config, count, "N", "no more than N flows; 0: all"),
	OPT_ROW(0, "timeout", OPT_DURATION, struct config, timeout, "TIME",
		"how long a stage may take to answer"),
	{ 0 },
};

/* What a stage has beyond what it had room to write down. */
static uint64_t left_out(const struct flows_part *parts, size_t n)
{
	uint64_t most = 0;

	for (size_t i = 0; i < n; i++)
		if (parts[i].flows - parts[i].nrows > most)
			most = parts[i].flows - parts[i].nrows;
	return most;
}

int main(int argc, char **argv)
{
	static const struct opt_tool tool = {
		"weir-flows", "show the flows that a running pipeline has now", "[PIPELINE]",
		"Without a name: the one pipeline that runs.\n\n"
		"  weir flows edge --sort held -n 20\n"
		"  weir flows edge --json | jq 'select(.idle > 60)'"
	};
	static const struct opt_group group = { "options", options, &config };
	static struct flows_part parts[RUN_STAGES];
	struct buf text = { 0 };
	struct flows_row *rows;
	size_t n, count, silent, operands;
	uint64_t more;

	tool_name = "weir-flows";
	operands = (size_t)opt_parse(&tool, &group, 1, argc, argv);
	if (operands > 1)
		die_usage("unexpected argument '%s'", argv[2]);
	n = flows_take(rundir_find(operands ? argv[1] : NULL), config.timeout, parts, &silent);
	rows = flows_join(parts, n, (enum flows_order)config.sort, &count);
	if (config.count && count > config.count)
		count = config.count;
	if (config.json)
		flows_json(rows, count, &text);
	else
		flows_table(rows, count, &text);
	if (fwrite(text.ptr, 1, text.len, stdout) < text.len || fflush(stdout) != 0)
		die_errno("cannot write the output");
	more = left_out(parts, n);
	if (more)
		warn("%llu more flows than a stage can say", (unsigned long long)more);
	free(rows);
	buf_release(&text);
	flows_release(parts, n);
	return silent ? EXIT_FAILED : EXIT_DONE;
}
