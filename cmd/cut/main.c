/* weir-cut: keeps some fields of each record, or drops some. */
#include <stdlib.h>

#include "libcommon/record/make.h"
#include "libcommon/record/names.h"
#include "libcommon/stage/plans.h"

struct config {
	const char *drop, *types;
	bool only;
};

static struct config config;

static const struct opt options[] = {
	OPT_ROW('d', "drop", OPT_STRING, struct config, drop, "LIST",
		"keep all fields but these, instead of those of FIELDS"),
	OPT_ROW('t', "types", OPT_STRING, struct config, types, "LIST",
		"cut these record types only; others go on as they are"),
	OPT_ROW(0, "only", OPT_FLAG, struct config, only, NULL,
		"leave out the records that are not cut"),
	{ 0 },
};

enum { MAX_COLUMNS = 512 };

/* How records of a type are cut. */
struct cut_plan {
	struct plan plan;
	struct rec_view view;
	struct field *fields; /* the new record's, in their order */
	uint32_t count;
	struct stage_type *type; /* NULL: it is not cut */
};

static struct {
	struct names names, types;
	struct buf record;
} cut;

static void list_add(struct names *names, const char *list, const char *what)
{
	struct bytes bad;

	if (!names_add_list(names, list, &bad))
		die_usage("%s: '%.*s' is no name, or one of more than %d", what, (int)bad.len,
			  (const char *)bad.ptr, NAMES_MAX);
}

static bool in_prefix(const char *name)
{
	static const char *const prefix[] = { "type", "ts", "flow", "n", NULL };

	for (int i = 0; prefix[i]; i++)
		if (strcmp(name, prefix[i]) == 0)
			return true;
	return false;
}

static void cut_open(struct stage *st, int argc, char **argv)
{
	struct bytes bad;

	(void)st;
	if (argc != !config.drop)
		die_usage("give the fields to keep, or --drop and the others; try '%s --help'",
			  tool_name);
	list_add(&cut.names, config.drop ? config.drop : argv[1],
		 config.drop ? "--drop" : "FIELDS");
	if (config.types && !names_add_types(&cut.types, config.types, &bad))
		die_usage("--types: '%.*s' is no name", (int)bad.len, (const char *)bad.ptr);
	for (size_t i = 0; config.drop && i < cut.names.n; i++)
		if (in_prefix(cut.names.name[i]))
			die_usage("--drop: every record has '%s'", cut.names.name[i]);
}

/* ---- plans ---------------------------------------------------------------------------------- */

static bool is_named(const char *name)
{
	for (size_t i = 0; i < cut.names.n; i++)
		if (strcmp(cut.names.name[i], name) == 0)
			return true;
	return false;
}

/* Printers make it of the key, where that is whole. */
static bool keeps_key(const struct rec_view *v)
{
	return v->has_key && is_named("proto") && is_named("orig_h") && is_named("orig_p") &&
	       is_named("resp_h") && is_named("resp_p");
}

/* The next field of the new record, under the name that it was asked for by. */
static void plan_add(struct cut_plan *p, struct make_schema *rows, const struct field *f,
		     const char *name)
{
	if (p->count == MAX_COLUMNS)
		return;
	make_field_whole(rows, name, f);
	p->fields[p->count++] = *f;
}

/* False: the type has none of the fields. What is in every record's prefix every type has. */
static bool plan_keep(struct cut_plan *p, struct make_schema *rows)
{
	struct field f;
	bool any = false;

	for (size_t i = 0; i < cut.names.n; i++) {
		const char *name = cut.names.name[i];

		any |= in_prefix(name);
		if (!in_prefix(name) && field_bind(&f, &p->view, name) &&
		    (f.at == FIELD_COLUMN || !keeps_key(&p->view)))
			plan_add(p, rows, &f, name);
	}
	return any || p->count;
}

/* All columns but those named. False: none of them is here. */
static bool plan_drop(struct cut_plan *p, struct make_schema *rows)
{
	for (size_t i = 0; i < p->view.nfields; i++) {
		struct field f = { .at = FIELD_COLUMN, .depth = 1, .last = &p->view.fields[i] };

		f.step[0].column = (uint16_t)i;
		f.step[0].list = p->view.fields[i].list;
		if (!is_named(p->view.fields[i].name))
			plan_add(p, rows, &f, p->view.fields[i].name);
	}
	return p->count < p->view.nfields;
}

static void plan_make(struct stage *st, void *user, uint16_t type, struct plan *plan)
{
	struct cut_plan *p = (struct cut_plan *)plan;
	struct make_schema rows = { 0 };
	struct buf list = { 0 };
	bool changed;

	(void)user;
	rec_view_init(&p->view, plan->schema);
	names_see(&cut.names, &p->view);
	if (!names_see_type(&cut.types, schema_name(plan->schema)))
		return;
	p->fields = xcalloc(MAX_COLUMNS, sizeof(*p->fields));
	changed = config.drop ? plan_drop(p, &rows) : plan_keep(p, &rows);
	if (changed)
		p->type = stage_type_in_place(st, type, make_rows(&rows, &list));
	make_schema_release(&rows);
	buf_release(&list);
}

static void plan_clear(struct plan *plan)
{
	struct cut_plan *p = (struct cut_plan *)plan;

	rec_view_release(&p->view);
	free(p->fields);
}

static struct plans plans = { .size = sizeof(struct cut_plan),
			      .make = plan_make,
			      .clear = plan_clear };

/* ---- records -------------------------------------------------------------------------------- */

static void cut_record(struct stage *st, struct cut_plan *p, const struct stage_rec *r)
{
	bool whole = rec_view_start(&p->view, r->raw);

	buf_clear(&cut.record);
	make_head(&cut.record, &r->head, p->count);
	for (uint32_t i = 0; i < p->count && whole; i++) {
		mp_put_field(&cut.record, &p->fields[i], &p->view);
		whole = !rec_view_damaged(&p->view);
	}
	if (whole)
		stage_pass_as(st, p->type, buf_bytes(&cut.record));
	else
		stage_drop(st, "malformed", 1);
}

static void cut_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	struct cut_plan *p = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!p || recs[i].head.type != recs[i - 1].head.type)
			p = (struct cut_plan *)plans_find(&plans, st, recs[i].head.type);
		if (!p)
			stage_undeclared(st, recs[i].head.type);
		else if (p->type)
			cut_record(st, p, &recs[i]);
		else if (config.only)
			stage_filter(st, 1);
		else
			stage_pass(st, recs[i].raw);
	}
}

static void cut_finish(struct stage *st)
{
	stage_check_names(st, &cut.names);
	stage_check_types(st, &cut.types);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "cut",
		.summary = "keep some fields of each record, or drop some",
		.operands = "[FIELDS]",
		.epilog = "    ... | weir dns | weir cut query,rcode_name,answers.rdata --only\n"
			  "    ... | weir http | weir cut --drop user_agent,set_cookie_names\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.open = cut_open,
		.batch = cut_batch,
		.finish = cut_finish,
	};
	int code = stage_main(&ops, argc, argv);

	plans_release(&plans);
	names_release(&cut.names);
	names_release(&cut.types);
	buf_release(&cut.record);
	return code;
}
