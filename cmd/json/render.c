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
	p->proto = schema_find(s, "proto");
	p->orig_h = schema_find(s, "orig_h");
	p->orig_p = schema_find(s, "orig_p");
	p->resp_h = schema_find(s, "resp_h");
	p->resp_p = schema_find(s, "resp_p");
	p->ip_version = schema_find(s, "ip_version");
	p->has_key = p->proto >= 0 && p->orig_h >= 0 && p->orig_p >= 0 && p->resp_h >= 0 &&
		     p->resp_p >= 0;
	p->show_cid = o->community_id && p->has_key && wanted(o, "community_id");
	p->producer = schema_find(s, "stage");
	if (p->producer < 0)
		p->producer = schema_find(s, "parser");
	p->values = xcalloc(p->nfields + 1, sizeof(*p->values));
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
	free(p->values);
	free(p->brief);
	free(p);
}

bool render_scan(struct render_plan *p, struct cursor c, uint32_t items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const uint8_t *start = c.pos;

		p->values[i] = BYTES(NULL, 0);
		if (i < items) {
			if (!skip_value(&c))
				return false;
			p->values[i] = BYTES(start, (size_t)(c.pos - start));
		}
	}
	return true;
}

struct mp_value render_value(const struct render_plan *p, int field)
{
	struct cursor c;

	if (field < 0 || p->values[field].len == 0)
		return (struct mp_value){ .type = MP_NIL };
	c = cursor_of(p->values[field]);
	return mp_next(&c);
}

struct bytes render_address(const struct render_plan *p, int field)
{
	struct mp_value v = render_value(p, field);

	if (v.type != MP_BIN && v.type != MP_STR)
		return BYTES(NULL, 0);
	/* The hot types keep an IPv4 address in the first 4 of 16 bytes. */
	if (p->fields[field].kind == REC_IP16 || p->ip_version >= 0) {
		struct mp_value version = render_value(p, p->ip_version);

		if (version.type == MP_UINT && version.u == 4 && v.bytes.len == 16)
			v.bytes.len = 4;
		else if (version.type == MP_UINT && version.u != 6)
			v.bytes.len = 0;
	}
	return v.bytes;
}

bool render_key(const struct render_plan *p, struct rec_key *key)
{
	struct bytes a, b;

	*key = (struct rec_key){ 0 };
	if (!p->has_key)
		return false;
	a = render_address(p, p->orig_h);
	b = render_address(p, p->resp_h);
	if ((a.len != 4 && a.len != 16) || a.len != b.len)
		return false;
	key->orig_h.len = key->resp_h.len = (uint8_t)a.len;
	memcpy(key->orig_h.b, a.ptr, a.len);
	memcpy(key->resp_h.b, b.ptr, b.len);
	key->proto = (uint8_t)render_value(p, p->proto).u;
	key->orig_p = (uint16_t)render_value(p, p->orig_p).u;
	key->resp_p = (uint16_t)render_value(p, p->resp_p).u;
	return true;
}

bool render_record(struct render_plan *p, const struct rec_head *h, struct bytes raw,
		   struct buf *out)
{
	size_t from = out->len, at;
	struct rec_head head;
	struct mp_value v;
	uint32_t items;

	if (p->options.format == RENDER_JSON) {
		if (json_record(p, h, raw, out))
			return true;
		out->len = from;
		return false;
	}
	if (!rec_head_get(raw, &head, &items, &at) ||
	    !render_scan(p, cursor_of(BYTES(raw.ptr + at, raw.len - at)), items, p->nfields))
		return false;
	v = render_value(p, p->producer);
	p->made_by = v.type == MP_STR || v.type == MP_BIN ? v.bytes : BYTES(NULL, 0);
	text_record(p, h, out);
	return true;
}

struct bytes render_producer(const struct render_plan *p)
{
	return p->made_by;
}
