/* weir-filter: lets through the records of which an expression holds. */
#include <stdlib.h>

#include "cmd/filter/hold.h"
#include "libcommon/packet/match.h"
#include "libcommon/record/expr.h"
#include "libcommon/stage/plans.h"

enum { MAX_EXPRS = 32 };

static struct stage_ops ops; /* what it reads depends on its options */

struct config {
	struct opt_strings without;
	const char *fail, *frame;
	bool invert, per_flow;
	uint64_t memory, flows;
};

static struct config config = { .memory = 64 << 20, .flows = 65536 };

static const struct opt options[] = {
	OPT_ROW(0, "frame", OPT_STRING, struct config, frame, "MATCH",
		"frames whose packets match, as in 'tcp.dport == 80 and ip.ttl < 5'; with an "
		"expression both must hold"),
	OPT_ROW(0, "fail", OPT_STRING, struct config, fail, "EP",
		"write the records of which it does not hold to EP"),
	OPT_ROW('v', "invert", OPT_FLAG, struct config, invert, NULL,
		"let through those of which it does not hold"),
	OPT_ROW(0, "per-flow", OPT_FLAG, struct config, per_flow, NULL,
		"judge whole flows, at their end: for each expression one record that fits is "
		"enough"),
	OPT_ROW(0, "without", OPT_STRINGS, struct config, without, "EXPR",
		"per flow: no record may fit this, repeatable"),
	OPT_ROW(0, "memory", OPT_SIZE, struct config, memory, "BYTES",
		"per flow: what may be held; beyond it the oldest flow is judged as it stands"),
	OPT_ROW(0, "max-flows", OPT_UINT, struct config, flows, "N",
		"per flow: the same for flows"),
	{ 0 },
};

/* What is known of a record type. */
struct known {
	struct plan plan;
	struct expr_bound *bound[MAX_EXPRS];
};

static struct {
	struct expr *exprs[MAX_EXPRS];
	size_t n;
	struct hold *hold;
	struct pkt_match *match;
	int fail_output; /* -1: none */
} filter = { .fail_output = -1 };

static void add_expr(const char *text, size_t given)
{
	struct expr *x;
	struct expr_error e;
	const char *name, *near = NULL;

	if (filter.n == MAX_EXPRS)
		die_usage("at most %d expressions", MAX_EXPRS);
	x = expr_parse(bytes_str(text), &e);
	if (!x && given == 1)
		die_usage("column %u of the expression: %s", e.column, e.what);
	if (!x)
		die_usage("column %u of '%s': %s", e.column, text, e.what);
	name = names_unknown(expr_names(x), &near);
	if (name && near)
		warn("no built-in type has a field '%s' ('%s' is one); texts stand in quotes", name,
		     near);
	filter.exprs[filter.n++] = x;
}

static uint32_t bits_from(size_t from, size_t n)
{
	return (uint32_t)(((1ull << n) - 1) << from);
}

static void open_match(void)
{
	static const struct rec_desc *const reads[] = { &rec_frame_desc, NULL };
	char why[PKT_TEXT_WHY];

	if (config.per_flow)
		die_usage("--per-flow judges flows, and a frame belongs to none: not with --frame");
	filter.match = pkt_match_new(config.frame, why);
	if (!filter.match)
		die_usage("--frame: %s", why);
	ops.reads = reads;
}

static void filter_open(struct stage *st, int argc, char **argv)
{
	size_t needed = (size_t)argc, denied = config.without.n;

	if (config.frame)
		open_match();
	if ((argc < 1 && !config.frame) || (argc > 1 && !config.per_flow))
		die_usage("one expression, in quotes; try '%s --help'", tool_name);
	if (denied && !config.per_flow)
		die_usage("--without goes with --per-flow");
	for (size_t i = 0; i < needed; i++)
		add_expr(argv[i + 1], needed + denied);
	for (size_t i = 0; i < denied; i++)
		add_expr(config.without.v[i], needed + denied);
	if (config.fail && stage_outputs(st) != 1)
		die_usage("--fail goes with one -o");
	if (config.fail)
		filter.fail_output = (int)stage_output_add(st, config.fail);
	if (config.per_flow)
		filter.hold = hold_new(st, config.memory, config.flows, bits_from(0, needed),
				       bits_from(needed, denied));
}

/* The fate of a record. */
static void decide(struct stage *st, const struct schema *s, struct bytes raw, bool yes)
{
	bool pass = yes != config.invert;

	if (filter.fail_output >= 0)
		stage_pass_held_to(st, pass ? 0 : (size_t)filter.fail_output, s, raw);
	else if (pass)
		stage_pass_held(st, s, raw);
	else
		stage_filter(st, 1);
}

static void known_make(struct stage *st, void *user, uint16_t type, struct plan *plan)
{
	struct known *k = (struct known *)plan;

	(void)st;
	(void)user;
	(void)type;
	for (size_t i = 0; i < filter.n; i++)
		k->bound[i] = expr_bind(filter.exprs[i], plan->schema);
}

static void known_clear(struct plan *plan)
{
	for (size_t i = 0; i < filter.n; i++)
		expr_bound_free(((struct known *)plan)->bound[i]);
}

static struct plans plans = { .size = sizeof(struct known),
			      .make = known_make,
			      .clear = known_clear };

/* Is it a frame that matches? */
static bool matches(struct stage *st, const struct stage_rec *r, bool *damaged)
{
	struct rec_frame f;
	struct rec_head h;
	struct packet p;

	if (r->head.type != REC_frame)
		return false;
	*damaged = !stage_decode(st, &rec_frame_desc, r, &h, &f);
	if (*damaged)
		return false;
	pkt_dissect(&p, f.link_type, f.payload);
	return pkt_matches(filter.match, &p);
}

/* Which of the expressions hold of it, a bit each. False: it is damaged. */
static bool judged(const struct known *k, struct bytes raw, uint32_t *bits)
{
	*bits = filter.n == 0;
	for (size_t i = 0; i < filter.n; i++) {
		enum expr_result result = expr_eval(k->bound[i], raw);

		if (result == EXPR_DAMAGED)
			return false;
		*bits |= (uint32_t)(result == EXPR_YES) << i;
	}
	return true;
}

static void filter_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	const struct known *k = NULL;
	uint32_t bits;
	bool damaged;

	for (size_t i = 0; i < n; i++) {
		const struct stage_rec *r = &recs[i];

		if (!k || r->head.type != recs[i - 1].head.type)
			k = (const struct known *)plans_find(&plans, st, r->head.type);
		if (!k) {
			stage_undeclared(st, r->head.type);
			continue;
		}
		if (!judged(k, r->raw, &bits)) {
			stage_drop(st, "malformed", 1);
			continue;
		}
		damaged = false;
		if (filter.match && bits)
			bits = matches(st, r, &damaged);
		if (damaged)
			continue; /* and counted */
		if (filter.hold)
			hold_add(filter.hold, r, k->plan.schema, bits, decide);
		else
			decide(st, k->plan.schema, r->raw, bits);
	}
}

static void filter_mark(struct stage *st, uint64_t source, uint64_t n, uint64_t ts)
{
	(void)st;
	(void)ts;
	if (filter.hold)
		hold_mark(filter.hold, source, n, decide);
}

/* What a name is compared with may be a text of another type's, so that it could not be refused. */
static void check_values(struct stage *st, const struct expr *x)
{
	const char *near, *field = expr_unnamed(x, &near);

	if (field && !stage_quiet(st))
		warn(near ? "'%s' is never that in this stream; did you mean \"%s\"?"
			  : "'%s' is never that in this stream",
		     field, near);
}

static void filter_finish(struct stage *st)
{
	if (filter.hold)
		hold_flush(filter.hold, decide);
	for (size_t i = 0; i < filter.n; i++) {
		if (!stage_check_names(st, expr_names(filter.exprs[i])))
			return;
		stage_check_types(st, expr_types(filter.exprs[i]));
		check_values(st, filter.exprs[i]);
	}
}

static void filter_leave(struct stage *st, uint64_t n, uint64_t ts)
{
	(void)st;
	(void)n;
	(void)ts;
	if (filter.hold)
		hold_leave(filter.hold, decide);
}

static struct stage_ops ops = {
	.name = "filter",
	.summary = "let through the records of which an expression holds",
	.operands = "[EXPRESSION | --per-flow EXPRESSION...]",
	.epilog = "    weir read x.pcap | weir flow | weir filter 'resp_p in {53, 443}'\n"
		  "    ... | weir filter 'type == \"tls\" and sni ~ \"\\.example$\"'\n"
		  "    ... | weir filter --per-flow 'sni ~ \"example\"' 'event == \"end\" and "
		  "resp_bytes > 1M'\n"
		  "    weir read x.pcap | weir filter --frame 'tcp.dport in {80, 8080} and "
		  "ip.ttl < 5'\n",
	.kind = STAGE_FILTER,
	.options = options,
	.config = &config,
	.open = filter_open,
	.batch = filter_batch,
	.mark = filter_mark,
	.finish = filter_finish,
	.leave = filter_leave,
};

int main(int argc, char **argv)
{
	int code = stage_main(&ops, argc, argv);

	plans_release(&plans);
	hold_free(filter.hold);
	pkt_match_free(filter.match);
	for (size_t i = 0; i < filter.n; i++)
		expr_free(filter.exprs[i]);
	free(config.without.v);
	return code;
}
