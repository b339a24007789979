/* render: a record of any type as a line, by its schema. */
#include "cmd/json/render.h"

#include <stdlib.h>

#include "cmd/json/text.h"
#include "libcommon/base/die.h"

static bool named(const char *const *list, const char *name)
{
	for (; list && *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

static bool wanted(const struct render_options *o, const char *name)
{
	return (!o->fields || named(o->fields, name)) && !named(o->exclude, name);
}

struct render_plan *render_plan_new(const struct schema *s, const struct render_options *o)
{
	struct render_plan *p = xcalloc(1, sizeof(*p));

	p->options = *o;
	p->schema = s;
	p->fields = schema_fields(s, &p->nfields);
	p->show = xcalloc(p->nfields + 1, sizeof(*p->show));
	for (size_t i = 0; i < p->nfields; i++)
		p->show[i] = wanted(o, p->fields[i].name);
	p->show_ts = wanted(o, "ts");
	p->show_flow = wanted(o, "flow");
	p->show_n = wanted(o, "n");
	p->view = xcalloc(1, sizeof(*p->view));
	rec_view_init(p->view, s);
	p->show_cid = o->community_id && p->view->has_key && wanted(o, "community_id");
	p->producer = schema_find(s, "stage");
	if (p->producer < 0)
		p->producer = schema_find(s, "parser");
	if (o->format == RENDER_JSON)
		json_plan(p);
	else
		text_plan(p);
	return p;
}

void render_plan_free(struct render_plan *p)
{
	if (!p)
		return;
	free(p->show);
	json_plan_free(p->json);
	rec_view_release(p->view);
	free(p->view);
	free(p->brief);
	free(p);
}

bool render_record(struct render_plan *p, const struct rec_head *h, struct bytes raw,
		   struct buf *out)
{
	size_t from = out->len;
	struct mp_value v;

	if (p->options.format == RENDER_JSON) {
		if (json_record(p, h, raw, out))
			return true;
		out->len = from;
		return false;
	}
	if (!rec_view_start(p->view, raw) || !rec_view_find(p->view, p->nfields))
		return false;
	v = rec_view_value(p->view, p->producer);
	p->made_by = v.type == MP_STR || v.type == MP_BIN ? v.bytes : BYTES(NULL, 0);
	text_record(p, h, out);
	return true;
}

struct bytes render_producer(const struct render_plan *p)
{
	return p->made_by;
}
