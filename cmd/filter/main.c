/* weir-filter: lets through the records of which an expression holds. */
#include <stdlib.h>

#include "cmd/filter/hold.h"
#include "libcommon/record/expr.h"
#include "libcommon/stage/stage.h"

struct config {
	const char *fail;
	bool invert, per_flow;
	uint64_t memory, flows;
};

static struct config config = { .memory = 64 << 20, .flows = 65536 };

static const struct opt options[] = {
	OPT_ROW(0, "fail", OPT_STRING, struct config, fail, "EP",
		"write the records of which it does not hold to EP"),
	OPT_ROW('v', "invert", OPT_FLAG, struct config, invert, NULL,
		"let through those of which it does not hold"),
	OPT_ROW(0, "per-flow", OPT_FLAG, struct config, per_flow, NULL,
		"judge whole flows, at their end: one record that fits is enough"),
	OPT_ROW(0, "memory", OPT_SIZE, struct config, memory, "BYTES",
		"per flow: what may be held; beyond it the oldest flow is judged as it stands"),
	OPT_ROW(0, "flows", OPT_UINT, struct config, flows, "N", "per flow: the same for flows"),
	{ 0 },
};

/* What is known of a record type. */
struct known {
	const struct schema *made_for;
	struct expr_bound *bound;
};

static struct {
	struct expr *expr;
	struct known *known; /* by record type */
	struct hold *hold;
	int fail_output; /* -1: none */
} filter = { .fail_output = -1 };

static void filter_open(struct stage *st, int argc, char **argv)
{
	struct expr_error e;
	const char *name, *near = NULL;

	if (argc != 1)
		die_usage("one expression, in quotes; try '%s --help'", tool_name);
	filter.expr = expr_parse(bytes_str(argv[1]), &e);
	if (!filter.expr)
		die_usage("column %u of the expression: %s", e.column, e.what);
	name = names_unknown(expr_names(filter.expr), &near);
	if (name && near)
		warn("no built-in type has a field '%s'; '%s' is one", name, near);
	filter.known = xcalloc(65536, sizeof(*filter.known));
	if (config.fail && stage_outputs(st) != 1)
		die_usage("--fail goes with one -o");
	if (config.fail)
		filter.fail_output = (int)stage_output_add(st, config.fail);
	if (config.per_flow)
		filter.hold = hold_new(st, config.memory, config.flows);
}

/* The fate of a record. */
static void decide(struct stage *st, struct bytes raw, bool yes)
{
	bool pass = yes != config.invert;

	if (filter.fail_output >= 0)
		stage_pass_to(st, pass ? 0 : (size_t)filter.fail_output, raw);
	else if (pass)
		stage_pass(st, raw);
	else
		stage_filter(st, 1);
}

static const struct known *known_type(struct stage *st, uint16_t type)
{
	const struct schema *s = stage_schema(st, type);
	struct known *k = &filter.known[type];

	if (!s)
		return NULL;
	if (k->made_for != s) {
		expr_bound_free(k->bound);
		k->made_for = s;
		k->bound = expr_bind(filter.expr, s);
	}
	return k;
}

static void filter_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	const struct known *k = NULL;
	enum expr_result result;

	for (size_t i = 0; i < n; i++) {
		const struct stage_rec *r = &recs[i];

		if (!k || r->head.type != recs[i - 1].head.type)
			k = known_type(st, r->head.type);
		if (!k) {
			stage_undeclared(st, r->head.type);
			continue;
		}
		result = expr_eval(k->bound, r->raw);
		if (result == EXPR_DAMAGED)
			stage_drop(st, "malformed", 1);
		else if (filter.hold)
			hold_add(filter.hold, r, k->made_for, result == EXPR_YES, decide);
		else
			decide(st, r->raw, result == EXPR_YES);
	}
}

static void filter_mark(struct stage *st, uint64_t source, uint64_t n, uint64_t ts)
{
	(void)st;
	(void)ts;
	if (filter.hold)
		hold_mark(filter.hold, source, n, decide);
}

static void filter_finish(struct stage *st)
{
	if (filter.hold)
		hold_flush(filter.hold, decide);
	stage_check_names(st, expr_names(filter.expr));
}

static void filter_leave(struct stage *st, uint64_t n, uint64_t ts)
{
	(void)st;
	(void)n;
	(void)ts;
	if (filter.hold)
		hold_leave(filter.hold, decide);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "filter",
		.summary = "let through the records of which an expression holds",
		.operands = "EXPRESSION",
		.epilog = "    weir read x.pcap | weir flow | weir filter 'resp_p in {53, 443}'\n"
			  "    ... | weir filter 'type == \"tls\" and sni ~ \"\\.example$\"'\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.open = filter_open,
		.batch = filter_batch,
		.mark = filter_mark,
		.finish = filter_finish,
		.leave = filter_leave,
	};
	int code = stage_main(&ops, argc, argv);

	for (size_t i = 0; filter.known && i < 65536; i++)
		expr_bound_free(filter.known[i].bound);
	free(filter.known);
	hold_free(filter.hold);
	expr_free(filter.expr);
	return code;
}
