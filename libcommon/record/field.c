/* field: names bound to the columns of a schema, and the values found there. */
#include "libcommon/record/field.h"

static const struct {
	const char *name;
	enum field_at at;
	enum rec_kind kind;
} in_all[] = {
	{ "type", FIELD_TYPE, REC_STR },
	{ "ts", FIELD_TS, REC_TIME },
	{ "flow", FIELD_FLOW, REC_U64 },
	{ "n", FIELD_N, REC_U64 },
	{ "community_id", FIELD_COMMUNITY_ID, REC_STR },
};

/* ---- names ---------------------------------------------------------------------------------- */

/* The field that the name, or its part before a dot, is. A field's own name may have dots: the
 * longest wins. */
static int find_first(const struct schema_field *fields, size_t n, const char *name, size_t *len)
{
	int best = -1;

	*len = 0;
	for (size_t i = 0; i < n; i++) {
		size_t l = strlen(fields[i].name);

		if (l < *len || strncmp(fields[i].name, name, l) != 0)
			continue;
		if (name[l] == '\0' || (name[l] == '.' && fields[i].sub)) {
			best = (int)i;
			*len = l;
		}
	}
	return best;
}

static bool bind_column(struct field *f, const struct schema_field *fields, size_t n,
			const char *name)
{
	f->at = FIELD_COLUMN;
	while (f->depth < FIELD_DEPTH) {
		size_t len;
		int i = find_first(fields, n, name, &len);

		if (i < 0)
			break;
		f->step[f->depth].column = (uint16_t)i;
		f->step[f->depth++].list = fields[i].list;
		f->last = &fields[i];
		if (name[len] == '\0')
			return true;
		name += len + 1;
		fields = schema_fields(f->last->sub, &n);
	}
	*f = (struct field){ 0 };
	return false;
}

bool field_bind(struct field *f, const struct rec_view *v, const char *name)
{
	*f = (struct field){ 0 };
	for (size_t i = 0; i < sizeof(in_all) / sizeof(in_all[0]); i++) {
		if (strcmp(name, in_all[i].name) != 0)
			continue;
		if (in_all[i].at == FIELD_COMMUNITY_ID && !v->has_key)
			break;
		f->at = in_all[i].at;
		return true;
	}
	return bind_column(f, v->fields, v->nfields, name);
}

bool field_is_list(const struct field *f)
{
	for (int i = 0; i < f->depth; i++)
		if (f->step[i].list)
			return true;
	return false;
}

enum rec_kind field_kind(const struct field *f)
{
	for (size_t i = 0; i < sizeof(in_all) / sizeof(in_all[0]); i++)
		if (f->at == in_all[i].at)
			return in_all[i].kind;
	return f->last ? f->last->kind : REC_RAW;
}

/* ---- values --------------------------------------------------------------------------------- */

static struct value of_uint(const struct schema_field *f, uint64_t u)
{
	struct value v = { .type = VALUE_UINT, .u = u };

	if (f->kind == REC_TIME) {
		v.type = VALUE_TIME;
	} else if (f->kind == REC_DUR) {
		v.type = VALUE_DUR;
	} else if (f->kind == REC_ENUM) {
		v.type = VALUE_ENUM;
		if (u < f->enum_count && f->enum_values[u])
			v.bytes = bytes_str(f->enum_values[u]);
	}
	return v;
}

static struct value of_blob(const struct schema_field *f, const struct mp_value *m)
{
	struct value v = { .type = VALUE_BYTES, .bytes = m->bytes };

	if (f->kind == REC_STR || (m->type == MP_STR && f->kind != REC_BYTES))
		v.type = VALUE_TEXT;
	else if ((f->kind == REC_IP || f->kind == REC_IP16) &&
		 (v.bytes.len == 4 || v.bytes.len == 16))
		v.type = VALUE_IP;
	else if (f->kind == REC_MAC && v.bytes.len == 6)
		v.type = VALUE_MAC;
	return v;
}

/* Takes one whole value from the cursor, which is known to hold one. */
static struct value take(const struct schema_field *f, struct cursor *c)
{
	const uint8_t *start = c->pos;
	struct mp_value m = mp_next(c);

	switch (m.type) {
	case MP_BOOL:
		return (struct value){ .type = VALUE_BOOL, .b = m.b };
	case MP_UINT:
		return of_uint(f, m.u);
	case MP_INT:
		return (struct value){ .type = VALUE_INT, .i = m.i };
	case MP_FLOAT:
		return (struct value){ .type = VALUE_FLOAT, .f = m.f };
	case MP_STR:
	case MP_BIN:
		return of_blob(f, &m);
	case MP_ARRAY:
	case MP_MAP:
		c->pos = start;
		if (!mp_skip(c))
			break;
		return (struct value){ .type = VALUE_BYTES,
				       .bytes = BYTES(start, (size_t)(c->pos - start)) };
	default:
		break;
	}
	return (struct value){ .type = VALUE_ABSENT };
}

static struct value value_of_text(const char *text)
{
	return (struct value){ .type = VALUE_TEXT, .bytes = bytes_str(text) };
}

/* Of a field that is no column. */
static struct value of_prefix(const struct field *f, struct rec_view *v)
{
	struct rec_key key;

	switch (f->at) {
	case FIELD_TYPE:
		return value_of_text(schema_name(v->schema));
	case FIELD_TS:
		return (struct value){ .type = VALUE_TIME, .u = v->head.ts };
	case FIELD_FLOW:
		return (struct value){ .type = VALUE_UINT, .u = v->head.flow };
	case FIELD_N:
		return (struct value){ .type = VALUE_UINT, .u = v->head.n };
	case FIELD_COMMUNITY_ID:
		if (rec_view_key(v, &key) && community_id(&key, 0, v->community_id))
			return value_of_text(v->community_id);
		break;
	default:
		break;
	}
	return (struct value){ .type = VALUE_ABSENT };
}

/* Of a column that is neither a list nor in a sub-record. */
static struct value of_column(const struct field *f, struct rec_view *v)
{
	int column = f->step[0].column;
	struct bytes raw;
	struct cursor c;

	if (f->last->kind == REC_IP16 || f->last->kind == REC_IP) {
		struct bytes a = rec_view_address(v, column);

		if (a.len == 4 || a.len == 16)
			return (struct value){ .type = VALUE_IP, .bytes = a };
		return (struct value){ .type = VALUE_ABSENT };
	}
	raw = rec_view_raw(v, column);
	if (raw.len == 0)
		return (struct value){ .type = VALUE_ABSENT };
	c = cursor_of(raw);
	return take(f->last, &c);
}

struct value field_value(const struct field *f, struct rec_view *v)
{
	struct value value = { .type = VALUE_ABSENT };
	struct field_walk w;

	if (f->at != FIELD_COLUMN)
		return of_prefix(f, v);
	if (f->depth == 1 && !f->step[0].list)
		return of_column(f, v);
	field_walk(&w, f, v);
	field_next(&w, &value);
	return value;
}

/* ---- lists ---------------------------------------------------------------------------------- */

/* The value of step `level` is next in the cursor: how many items it has for us. */
static void enter(struct field_walk *w, int level, struct cursor c)
{
	struct cursor inside = c;
	struct mp_value m;

	w->level = level;
	w->at[level].left = 1;
	if (w->field->step[level].list) {
		m = mp_next(&inside);
		if (m.type == MP_ARRAY) {
			w->at[level].left = m.count;
			c = inside;
		}
	}
	w->at[level].c = c;
}

void field_walk(struct field_walk *w, const struct field *f, struct rec_view *v)
{
	struct bytes raw;

	w->field = f;
	w->view = v;
	w->level = -1;
	w->raw = BYTES(NULL, 0);
	w->is_only = f->at != FIELD_COLUMN || (f->depth == 1 && !f->step[0].list);
	if (w->is_only) {
		w->only = field_value(f, v);
		return;
	}
	raw = rec_view_raw(v, f->step[0].column);
	if (raw.len)
		enter(w, 0, cursor_of(raw));
}

/* The sub-record that is next at this level: on to its member that the path names. */
static void enter_item(struct field_walk *w, int level)
{
	struct cursor item = w->at[level].c;
	unsigned column = w->field->step[level + 1].column;
	struct mp_value m;

	if (!mp_skip(&w->at[level].c)) {
		w->at[level].left = 0;
		return;
	}
	m = mp_next(&item);
	if (m.type != MP_ARRAY || m.count <= column)
		return;
	while (column--)
		mp_skip_short(&item);
	if (!item.failed)
		enter(w, level + 1, item);
}

bool field_next(struct field_walk *w, struct value *value)
{
	const uint8_t *start;

	if (w->is_only) {
		w->is_only = false;
		*value = w->only;
		return value->type != VALUE_ABSENT;
	}
	while (w->level >= 0) {
		int level = w->level;

		if (w->at[level].left == 0 || cursor_left(&w->at[level].c) == 0) {
			w->level--;
			continue;
		}
		w->at[level].left--;
		if (level + 1 < w->field->depth) {
			enter_item(w, level);
			continue;
		}
		start = w->at[level].c.pos;
		*value = take(w->field->last, &w->at[level].c);
		w->raw = BYTES(start, (size_t)(w->at[level].c.pos - start));
		if (value->type != VALUE_ABSENT)
			return true;
	}
	return false;
}
