/* grouping: the values of records into groups. */
#include "libcommon/stage/grouping.h"

#include <stdio.h>
#include <stdlib.h>

#include "libcommon/stage/grouping_private.h"

/* ---- what was asked for --------------------------------------------------------------------- */

static int name_of(struct grouping *g, struct bytes name, const char *option)
{
	int i = names_add(&g->names, name);

	if (i < 0)
		die_usage("%s: '%.*s' is no field's name, or one of more than %d", option,
			  (int)name.len, (const char *)name.ptr, NAMES_MAX);
	return i;
}

/* False where every built-in type that has the field has it as something else. A sum of times is
 * none. */
static bool may_be_number(const char *name, bool summed)
{
	bool any = false;
	struct field f;

	for (struct rec_view *const *type = names_builtin(); *type; type++) {
		enum rec_kind k;

		if (!field_bind(&f, *type, name))
			continue;
		any = true;
		k = field_kind(&f);
		if ((k >= REC_U8 && k <= REC_F64) || (k == REC_TIME && !summed) || k == REC_DUR ||
		    k == REC_RAW)
			return true;
	}
	return !any;
}

static void columns_add(struct grouping *g, const char *list, enum figure_kind kind,
			const char *option)
{
	for (; list; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL) {
		struct bytes name = BYTES(list, strcspn(list, ","));
		int i = name_of(g, name, option);
		size_t at;

		if (g->ncolumns == MAX_FIGURES)
			die_usage("%s: more than %d figures", option, MAX_FIGURES);
		if (kind != DISTINCT && !may_be_number(g->names.name[i], kind == SUM))
			die_usage("%s: '%s' is no number", option, g->names.name[i]);
		for (at = 0; at < g->ncolumns; at++)
			if (g->columns[at].kind == kind && g->columns[at].name == i)
				break;
		if (at == g->ncolumns) /* not named before */
			g->columns[g->ncolumns++] = (struct column){ kind, (uint16_t)i, REC_RAW };
	}
}

static void by_add(struct grouping *g, const char *list)
{
	size_t at;
	int i;

	for (; list; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL) {
		struct bytes name = BYTES(list, strcspn(list, ","));

		if (g->nby == MAX_BY)
			die_usage("--by: more than %d fields", MAX_BY);
		if (bytes_is(name, "ts") || bytes_is(name, "n"))
			die_usage("--by: '%.*s' is another one for each record; see --every",
				  (int)name.len, list);
		i = name_of(g, name, "--by");
		for (at = 0; at < g->nby && g->by[at] != i; at++)
			;
		if (at == g->nby) /* not named before */
			g->by[g->nby++] = (uint16_t)i;
	}
}

/* ---- types ---------------------------------------------------------------------------------- */

/* As what a value of this kind stands in a row: enumerations by their names, as two types may have
 * different ones under one name. */
static enum rec_kind row_kind(enum rec_kind k)
{
	switch (k) {
	case REC_U8:
	case REC_U16:
	case REC_U32:
		return REC_U64;
	case REC_ENUM:
		return REC_STR;
	case REC_IP16:
		return REC_IP;
	case REC_SUB:
	case REC_RAW:
		return REC_BYTES;
	default:
		return k;
	}
}

/* Has the type all fields, of the kinds that the rows have? */
static bool plan_fits(struct grouping *g, struct group_plan *p)
{
	bool fits = names_see_type(&g->types, schema_name(p->plan.schema));

	p->list = -1;
	for (size_t i = 0; i < g->nby && fits; i++) {
		fits = field_bind(&p->by[i], &p->view, g->names.name[g->by[i]]);
		if (fits && p->list < 0 && field_is_list(&p->by[i]))
			p->list = (int)i;
	}
	for (size_t i = 0; i < g->ncolumns; i++)
		field_bind(&p->figures[i], &p->view, g->names.name[g->columns[i].name]);
	/* What there is no sum of is not ranked by one. */
	if (g->weight >= 0)
		fits &= field_bind(&p->weight, &p->view, g->names.name[g->weight]) &&
			field_kind(&p->weight) != REC_TIME;
	for (size_t i = 0; i < g->nby && fits; i++) {
		enum rec_kind k = row_kind(field_kind(&p->by[i]));

		if (g->type && k != g->by_kind[i]) {
			if (++*g->unlike > 1)
				return false; /* said once */
			warn("'%s' of type '%s' is %s, not %s as before: its records are left out",
			     g->names.name[g->by[i]], schema_name(p->plan.schema), rec_kind_name(k),
			     rec_kind_name(g->by_kind[i]));
			return false;
		}
		g->by_kind[i] = k;
	}
	return fits;
}

static void plan_make(struct stage *st, void *user, uint16_t type, struct plan *plan)
{
	struct group_plan *p = (struct group_plan *)plan;
	struct grouping *g = user;

	(void)st;
	(void)type;
	rec_view_init(&p->view, plan->schema);
	names_see(&g->names, &p->view);
	p->counted = plan_fits(g, p);
	if (p->counted && !g->type)
		rows_declare(g, p);
}

static void plan_clear(struct plan *plan)
{
	rec_view_release(&((struct group_plan *)plan)->view);
}

/* ---- life ----------------------------------------------------------------------------------- */

struct grouping *grouping_new(struct stage *st, const struct grouping_config *c)
{
	struct grouping *g = xcalloc(1, sizeof(*g));
	struct bytes bad;

	if (c->ranks && !c->by)
		die_usage("--by: which fields are to be ranked?");
	g->st = st;
	g->config = *c;
	g->plans = (struct plans){
		.size = sizeof(struct group_plan), .make = plan_make, .clear = plan_clear, .user = g
	};
	by_add(g, c->by);
	columns_add(g, c->sums, SUM, "--sum");
	columns_add(g, c->leasts, LEAST, "--min");
	columns_add(g, c->mosts, MOST, "--max");
	columns_add(g, c->distincts, DISTINCT, "--distinct");
	g->weight = c->weight ? name_of(g, bytes_str(c->weight), "--sum") : -1;
	if (c->weight && !may_be_number(c->weight, true))
		die_usage("--sum: '%s' is no number", c->weight);
	if (c->types && !names_add_types(&g->types, c->types, &bad))
		die_usage("--types: '%.*s' is no name", (int)bad.len, (const char *)bad.ptr);
	if (c->groups < 1 || c->groups > 1 << 24)
		die_usage("--groups: 1 to %d", 1 << 24);
	if (c->every && c->late / c->every > GROUPS_INTERVALS - 2)
		die_usage("--late: at most %d times --every", GROUPS_INTERVALS - 2);
	g->groups = groups_new(&(struct groups_config){
		.most = c->groups,
		.memory = c->memory,
		.more_size = sizeof(struct counts) + g->ncolumns * sizeof(struct figure),
		.replace = c->ranks,
		.release = counts_release,
		.context = g,
	});
	g->unlike = stage_counter(st, "unlike");
	g->other = stage_counter(st, "other");
	g->distinct_cap = stage_counter(st, "distinct_cap_hits");
	return g;
}

void grouping_free(struct grouping *g)
{
	if (!g)
		return;
	plans_release(&g->plans);
	groups_free(g->groups);
	names_release(&g->names);
	names_release(&g->types);
	buf_release(&g->key);
	buf_release(&g->row);
	free(g);
}

/* ---- records -------------------------------------------------------------------------------- */

static void key_add(struct grouping *g, const struct value *v)
{
	char number[24];

	if (v->type == VALUE_ENUM && v->bytes.ptr) {
		mp_put_text(&g->key, v->bytes);
	} else if (v->type == VALUE_ENUM) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)v->u);
		mp_put_text(&g->key, bytes_str(number));
	} else {
		mp_put_value(&g->key, v);
	}
}

/* The key of the record; *item is its value of the field that is a list. */
static void key_make(struct grouping *g, struct group_plan *p, const struct value *item)
{
	struct value v;

	buf_clear(&g->key);
	for (size_t i = 0; i < g->nby; i++) {
		v = (int)i == p->list ? *item : field_value(&p->by[i], &p->view);
		key_add(g, &v);
	}
}

static bool is_open(const struct grouping *g, uint64_t interval, uint64_t *lowest, size_t *n)
{
	uint64_t open[GROUPS_INTERVALS];
	bool found = false;

	*n = groups_intervals(g->groups, open);
	for (size_t i = 0; i < *n; i++)
		found |= open[i] == interval;
	*lowest = *n ? open[0] : 0;
	return found;
}

static struct group *group_of(struct grouping *g, uint64_t interval)
{
	static const uint8_t none = 0xc1; /* no value starts so */
	struct group *group = groups_get(g->groups, interval, buf_bytes(&g->key));
	uint64_t lowest;
	size_t n;

	if (group)
		return group;
	if (!is_open(g, interval, &lowest, &n) && n == GROUPS_INTERVALS) {
		rows_write(g, lowest);
		return group_of(g, interval);
	}
	++*g->other;
	if (g->config.ranks)
		return NULL;
	group = groups_get_always(g->groups, interval, BYTES(&none, 1));
	if (group)
		((struct counts *)group->more)->other = true;
	return group;
}

static uint64_t weight_of(const struct grouping *g, struct group_plan *p)
{
	struct value v;
	long double x;

	if (g->weight < 0)
		return 1;
	v = field_value(&p->weight, &p->view);
	if (v.type == VALUE_UINT || v.type == VALUE_DUR)
		return v.u;
	return value_number(&v, &x) && x > 0 && x < 18446744073709551615.0L ? (uint64_t)x : 0;
}

static void count_one(struct grouping *g, struct group_plan *p, const struct value *item)
{
	uint64_t ts = p->view.head.ts;
	struct group *group;

	key_make(g, p, item);
	group = group_of(g, g->config.every ? ts / g->config.every : 0);
	if (!group)
		return;
	counts_add(g, group, p);
	groups_weigh(g->groups, group, weight_of(g, p));
}

/* Intervals that end so long before the newest record that nothing is expected for them. */
static void close_old(struct grouping *g, uint64_t ts)
{
	uint64_t every = g->config.every, late = g->config.late, open[GROUPS_INTERVALS];
	uint64_t before = g->newest > late ? (g->newest - late) / every : 0;
	uint64_t now = ts > late ? (ts - late) / every : 0;
	size_t n;

	if (ts <= g->newest)
		return;
	g->newest = ts;
	if (now == before)
		return;
	n = groups_intervals(g->groups, open);
	for (size_t i = 0; i < n; i++)
		if (open[i] < now)
			rows_write(g, open[i]);
}

static bool count_record(struct grouping *g, struct group_plan *p, const struct stage_rec *r)
{
	struct value item = { .type = VALUE_ABSENT };
	struct field_walk w;

	/* Whole, so that a record counts for all or nothing. */
	if (!rec_view_start(&p->view, r->raw) || !rec_view_find(&p->view, p->view.nfields))
		return false;
	if (g->config.every)
		close_old(g, r->head.ts);
	if (p->list < 0) {
		count_one(g, p, &item);
		return true;
	}
	field_walk(&w, &p->by[p->list], &p->view);
	if (!field_next(&w, &item)) {
		count_one(g, p, &item);
		return true;
	}
	do
		count_one(g, p, &item);
	while (field_next(&w, &item));
	return true;
}

void grouping_batch(struct grouping *g, const struct stage_rec *recs, size_t n)
{
	struct group_plan *p = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!p || recs[i].head.type != recs[i - 1].head.type)
			p = (struct group_plan *)plans_find(&g->plans, g->st, recs[i].head.type);
		if (!p)
			stage_undeclared(g->st, recs[i].head.type);
		else if (!p->counted)
			stage_filter(g->st, 1);
		else if (count_record(g, p, &recs[i]))
			stage_consume(g->st, 1);
		else
			stage_drop(g->st, "malformed", 1);
	}
}

void grouping_leave(struct grouping *g)
{
	uint64_t open[GROUPS_INTERVALS];
	size_t n = groups_intervals(g->groups, open);

	for (size_t i = 0; i < n; i++)
		rows_write(g, open[i]);
}

void grouping_finish(struct grouping *g)
{
	grouping_leave(g);
	g->newest = 0;
	stage_check_names(g->st, &g->names);
	stage_check_types(g->st, &g->types);
}
