/* json_plan: makes, once per schema, what every line of its records has in common. */
#include <stdlib.h>

#include "cmd/json/json_plan.h"
#include "cmd/json/put.h"
#include "libcommon/base/die.h"

static size_t texts_size(const struct schema_field *f, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += strlen(f[i].name) + 4;
		for (size_t v = 0; v < f[i].enum_count; v++)
			if (f[i].enum_values[v])
				sum += 2 * strlen(f[i].enum_values[v]) + 2; /* all escaped */
		if (f[i].sub) {
			size_t count;
			const struct schema_field *fields = schema_fields(f[i].sub, &count);

			sum += texts_size(fields, count);
		}
	}
	return sum;
}

static struct bytes text_since(const struct json_plan *j, size_t from)
{
	return BYTES(j->texts.ptr + from, j->texts.len - from);
}

static void plan_enum(struct json_plan *j, const struct schema_field *s, struct json_field *f,
		      size_t *longest)
{
	struct bytes *texts = xcalloc(s->enum_count + 1, sizeof(*texts));

	for (size_t v = 0; v < s->enum_count; v++) {
		size_t from = j->texts.len;

		if (!s->enum_values[v])
			continue;
		json_string(&j->texts, bytes_str(s->enum_values[v]));
		texts[v] = text_since(j, from);
		if (texts[v].len > *longest)
			*longest = texts[v].len;
	}
	f->texts = texts;
	f->ntexts = s->enum_count;
}

static void plan_shape(struct json_plan *j, struct json_shape *shape,
		       const struct schema_field *fields, size_t n)
{
	shape->fields = xcalloc(n + 1, sizeof(*shape->fields));
	shape->count = n;
	for (size_t i = 0; i < n; i++) {
		const struct schema_field *s = &fields[i];
		struct json_field *f = &shape->fields[i];
		size_t from = j->texts.len, longest = PUT_IP > PUT_TIME ? PUT_IP : PUT_TIME;

		buf_printf(&j->texts, ",\"%s\":", s->name);
		f->key = text_since(j, from);
		f->kind = s->kind;
		f->list = s->list;
		f->show = true;
		f->simple = !s->list;
		if (s->kind == REC_ENUM)
			plan_enum(j, s, f, &longest);
		if (f->key.len + longest + 8 > j->room)
			j->room = f->key.len + longest + 8;
		if (s->kind == REC_SUB && s->sub) {
			struct json_shape *sub = xcalloc(1, sizeof(*sub));
			size_t count;
			const struct schema_field *under = schema_fields(s->sub, &count);

			f->sub = sub;
			plan_shape(j, sub, under, count);
		}
	}
}

static bool is_key_first(const struct render_plan *p)
{
	static const enum rec_kind kinds[KEY_FIELDS] = { REC_U8, REC_IP, REC_U16, REC_IP, REC_U16 };

	for (size_t i = 0; i < KEY_FIELDS; i++)
		if (i >= p->nfields || p->fields[i].kind != kinds[i] || p->fields[i].list)
			return false;
	return p->view->proto == 0 && p->view->orig_h == 1 && p->view->orig_p == 2 &&
	       p->view->resp_h == 3 && p->view->resp_p == 4 && p->view->ip_version < 0;
}

void json_plan(struct render_plan *p)
{
	struct json_plan *j = p->json = xcalloc(1, sizeof(*j));

	j->render = p;
	j->iso_time = p->options.iso_time;
	buf_reserve(&j->texts, texts_size(p->fields, p->nfields) + 2 * PUT_SLACK);
	plan_shape(j, &j->shape, p->fields, p->nfields);
	j->key_first = is_key_first(p);
	j->out_of_order = p->show_cid && !j->key_first;
	for (size_t i = 0; i < p->nfields; i++) {
		struct json_field *f = &j->shape.fields[i];

		f->show = p->show[i];
		f->by_version = f->kind == REC_IP16;
		f->simple = f->show && !f->list && !f->by_version;
		j->out_of_order |= f->show && f->by_version;
	}
	if (j->key_first)
		j->ids = p->options.keys;
	else if (p->show_cid && p->options.keys)
		j->ids = key_cache_new();
	buf_add_str(&j->front, "{\"type\":");
	json_string(&j->front, bytes_str(schema_name(p->schema)));
	if (p->show_ts)
		buf_add_str(&j->front, ",\"ts\":");
}

static void shape_release(struct json_shape *shape)
{
	for (size_t i = 0; i < shape->count; i++) {
		struct json_shape *sub = (struct json_shape *)shape->fields[i].sub;

		if (sub)
			shape_release(sub);
		free(sub);
		free((void *)shape->fields[i].texts);
	}
	free(shape->fields);
}

void json_plan_free(struct json_plan *j)
{
	if (!j)
		return;
	shape_release(&j->shape);
	buf_release(&j->texts);
	buf_release(&j->front);
	buf_release(&j->plain);
	if (!j->key_first)
		key_cache_free(j->ids);
	free(j);
}
