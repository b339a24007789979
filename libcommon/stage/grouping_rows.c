/* grouping_rows: the figures of groups, and the rows that are written of them. */
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/stage/grouping_private.h"

/* ---- figures -------------------------------------------------------------------------------- */

static bool is_integer(const struct value *v)
{
	return v->type == VALUE_UINT || v->type == VALUE_INT || v->type == VALUE_TIME ||
	       v->type == VALUE_DUR;
}

static void sum_add(struct figure *f, const struct value *v)
{
	__int128 whole = v->type == VALUE_INT ? (__int128)v->i : (__int128)v->u;

	if (!is_integer(v) && v->type != VALUE_FLOAT)
		return;
	if (v->type == VALUE_FLOAT && !f->real) {
		f->f = f->any ? (double)f->whole : 0;
		f->real = true;
	}
	if (!f->any && !f->real)
		f->whole = 0;
	f->any = true;
	if (f->real)
		f->f += v->type == VALUE_FLOAT ? v->f : (double)whole;
	else
		f->whole += whole; /* 2^63 records of 2^64 fit */
}

static void extreme_add(struct figure *f, const struct value *v, int sign)
{
	if (!is_integer(v) && v->type != VALUE_FLOAT)
		return;
	if (!f->any || value_compare(v, &f->value) == sign) {
		f->any = true;
		f->value = *v;
	}
}

/* Bytes that the next value may make it grow by, 0 where it will not. */
static size_t distinct_growth(const struct distinct *d)
{
	if (d->registers)
		return 0;
	if (!d->hashes)
		return 2 * DISTINCT_FEW * sizeof(*d->hashes);
	return d->n == DISTINCT_FEW ? DISTINCT_REGISTERS : 0;
}

static void distinct_value(struct grouping *g, struct group *group, struct figure *f,
			   const struct value *v)
{
	size_t growth = distinct_growth(&f->distinct);

	if (growth && !groups_memory(g->groups, group, growth)) {
		++*g->distinct_cap;
		return;
	}
	buf_clear(&g->row);
	mp_put_value(&g->row, v);
	distinct_add(&f->distinct, buf_bytes(&g->row));
}

void counts_add(struct grouping *g, struct group *group, struct group_plan *p)
{
	struct counts *c = group->more;
	struct field_walk w;
	struct value v;

	if (c->records++ == 0 || p->view.head.ts < c->first_ts)
		c->first_ts = p->view.head.ts;
	c->flow = p->view.head.flow;
	for (size_t i = 0; i < g->ncolumns; i++) {
		struct figure *f = &c->figures[i];

		for (field_walk(&w, &p->figures[i], &p->view); field_next(&w, &v);) {
			if (g->columns[i].kind == SUM)
				sum_add(f, &v);
			else if (g->columns[i].kind == DISTINCT)
				distinct_value(g, group, f, &v);
			else
				extreme_add(f, &v, g->columns[i].kind == LEAST ? -1 : 1);
		}
	}
}

void counts_release(void *grouping, void *counts)
{
	struct grouping *g = grouping;
	struct counts *c = counts;

	for (size_t i = 0; i < g->ncolumns; i++)
		if (g->columns[i].kind == DISTINCT)
			distinct_release(&c->figures[i].distinct);
}

/* ---- the type ------------------------------------------------------------------------------- */

/* What a figure's field is: in the type at hand, else in the first built-in one that has it. */
static enum rec_kind figure_kind_of(struct field f, const char *name)
{
	for (struct rec_view *const *t = names_builtin(); *t && f.at == FIELD_NONE; t++)
		field_bind(&f, *t, name);
	return f.at == FIELD_NONE ? REC_U64 : field_kind(&f);
}

/* Weights are whole numbers, and of durations one. */
static enum rec_kind weight_kind(const struct group_plan *p)
{
	return field_kind(&p->weight) == REC_DUR ? REC_DUR : REC_U64;
}

static enum rec_kind column_kind(enum figure_kind figure, enum rec_kind k)
{
	if (figure == DISTINCT)
		return REC_U64;
	if (k == REC_TIME)
		return figure == SUM ? REC_U64 : k;
	return k == REC_I64 || k == REC_F64 || k == REC_DUR || k == REC_RAW ? k : REC_U64;
}

static void declare_figure(struct make_schema *rows, const char *what, const char *name,
			   enum rec_kind kind)
{
	char column[FIELD_NAME + 16];

	/* A schema's names have at most 64 characters. */
	snprintf(column, sizeof(column), "%s_%.50s", what, name);
	make_field(rows, column, kind);
}

/* A field of the key as it is called in a row; NULL: the flow, which the prefix has. What rows have
 * themselves under that name is another thing. */
static const char *by_column(const char *name)
{
	static const char *const own[][2] = {
		{ "type", "of_type" },   { "count", "of_count" },       { "error", "of_error" },
		{ "other", "of_other" }, { "interval", "of_interval" },
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(name, own[i][0]) == 0)
			return own[i][1];
	return strcmp(name, "flow") == 0 ? NULL : name;
}

void rows_declare(struct grouping *g, const struct group_plan *p)
{
	static const char *const figures[] = { "sum", "min", "max", "distinct" };
	struct make_schema rows = { 0 };
	struct buf list = { 0 };

	for (size_t i = 0; i < g->nby; i++) {
		const char *name = by_column(g->names.name[g->by[i]]);

		if (name)
			make_field(&rows, name, g->by_kind[i]);
	}
	make_field(&rows, "count", REC_U64);
	if (g->weight >= 0)
		declare_figure(&rows, "sum", g->names.name[g->weight], weight_kind(p));
	if (g->config.ranks)
		make_field(&rows, "error", g->weight >= 0 ? weight_kind(p) : REC_U64);
	for (size_t i = 0; i < g->ncolumns; i++) {
		struct column *c = &g->columns[i];
		const char *name = g->names.name[c->name];

		c->what = column_kind(c->kind, figure_kind_of(p->figures[i], name));
		declare_figure(&rows, figures[c->kind], name, c->what);
	}
	if (g->config.every)
		make_field(&rows, "interval", REC_DUR);
	if (!g->config.ranks)
		make_field(&rows, "other", REC_BOOL);
	g->type = stage_type_new(g->st, g->config.type, 1, make_rows(&rows, &list));
	make_schema_release(&rows);
	buf_release(&list);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* Keys are values one after the other; "other" comes last. */
static int by_key(const void *x, const void *y)
{
	const struct group *a = *(struct group *const *)x, *b = *(struct group *const *)y;
	struct cursor c = cursor_of(a->key), d = cursor_of(b->key);
	int order = 0;

	while (order == 0 && cursor_left(&c) && cursor_left(&d)) {
		struct mp_value v = mp_next(&c), w = mp_next(&d);

		order = mp_order(&v, &w);
		if (v.type == MP_BAD || w.type == MP_BAD)
			return order;
	}
	/* NaNs of different bits */
	return order ? order
		     : memcmp(a->key.ptr, b->key.ptr,
			      a->key.len < b->key.len ? a->key.len : b->key.len);
}

static int by_weight(const void *x, const void *y)
{
	const struct group *a = *(struct group *const *)x, *b = *(struct group *const *)y;

	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	return by_key(x, y);
}

static void put_sum(struct buf *out, const struct figure *f)
{
	if (f->real)
		mp_put_float(out, f->f);
	else if (f->whole < 0)
		mp_put_int(out, f->whole < INT64_MIN ? INT64_MIN : (int64_t)f->whole);
	else
		mp_put_uint(out, f->whole > UINT64_MAX ? UINT64_MAX : (uint64_t)f->whole);
}

static void put_figure(struct buf *out, const struct column *column, const struct figure *f)
{
	if (column->kind == DISTINCT)
		mp_put_uint(out, distinct_count(&f->distinct));
	else if (!f->any)
		mp_put_nil(out);
	else if (column->kind == SUM)
		put_sum(out, f);
	else
		mp_put_value(out, &f->value);
}

/* The key's values as fields; returns their number. */
static uint32_t put_key(struct grouping *g, const struct group *group, bool other)
{
	struct cursor c = cursor_of(group->key);
	uint32_t n = 0;

	for (size_t i = 0; i < g->nby; i++) {
		const uint8_t *start = c.pos;

		if (!other)
			mp_skip(&c);
		if (!by_column(g->names.name[g->by[i]]))
			continue;
		if (other)
			mp_put_nil(&g->row);
		else
			buf_add(&g->row, start, (size_t)(c.pos - start));
		n++;
	}
	return n;
}

static bool by_flow(const struct grouping *g)
{
	for (size_t i = 0; i < g->nby; i++)
		if (!by_column(g->names.name[g->by[i]]))
			return true;
	return false;
}

static void row_write(struct grouping *g, const struct group *group)
{
	const struct counts *c = group->more;
	struct rec_head h = { stage_type_id(g->type), c->first_ts, 0, stage_last_n(g->st) };
	uint32_t n;

	if (g->config.every)
		h.ts = group->interval * g->config.every;
	if (by_flow(g) && !c->other)
		h.flow = c->flow;
	buf_clear(&g->row);
	make_head(&g->row, &h, 0);
	n = put_key(g, group, c->other);
	mp_put_uint(&g->row, g->config.ranks && g->weight < 0 ? group->weight : c->records);
	n++;
	if (g->weight >= 0) {
		mp_put_uint(&g->row, group->weight);
		n++;
	}
	if (g->config.ranks) {
		if (group->error)
			mp_put_uint(&g->row, group->error);
		else
			mp_put_nil(&g->row);
		n++;
	}
	for (size_t i = 0; i < g->ncolumns; i++, n++)
		put_figure(&g->row, &g->columns[i], &c->figures[i]);
	if (g->config.every) {
		mp_put_uint(&g->row, g->config.every);
		n++;
	}
	if (!g->config.ranks) {
		if (c->other)
			mp_put_bool(&g->row, true);
		else
			mp_put_nil(&g->row);
		n++;
	}
	rec_head_put(g->row.ptr, &h, (uint16_t)n);
	stage_emit_as(g->st, g->type, buf_bytes(&g->row));
}

void rows_write(struct grouping *g, uint64_t interval)
{
	size_t n;
	struct group **list = groups_of(g->groups, interval, &n);

	qsort(list, n, sizeof(struct group *), g->config.ranks ? by_weight : by_key);
	if (g->config.top && n > g->config.top)
		n = g->config.top;
	for (size_t i = 0; i < n; i++)
		row_write(g, list[i]);
	free(list);
	groups_close(g->groups, interval);
}
