/* view: where the values of a record lie, by its schema. */
#include "libcommon/record/view.h"

#include <stdlib.h>

#include "libcommon/base/die.h"

void rec_view_init(struct rec_view *v, const struct schema *s)
{
	*v = (struct rec_view){ .schema = s };
	v->fields = schema_fields(s, &v->nfields);
	v->values = xcalloc(v->nfields + 1, sizeof(*v->values));
	v->proto = schema_find(s, "proto");
	v->orig_h = schema_find(s, "orig_h");
	v->orig_p = schema_find(s, "orig_p");
	v->resp_h = schema_find(s, "resp_h");
	v->resp_p = schema_find(s, "resp_p");
	v->ip_version = schema_find(s, "ip_version");
	v->has_key = v->proto >= 0 && v->orig_h >= 0 && v->orig_p >= 0 && v->resp_h >= 0 &&
		     v->resp_p >= 0;
}

void rec_view_release(struct rec_view *v)
{
	free(v->values);
	*v = (struct rec_view){ 0 };
}

bool rec_view_start(struct rec_view *v, struct bytes raw)
{
	uint32_t items;
	size_t at;

	v->found = 0;
	v->items = 0;
	v->rest = cursor_of(BYTES(NULL, 0));
	if (!rec_head_get(raw, &v->head, &items, &at))
		return false;
	rec_view_start_at(v, cursor_of(BYTES(raw.ptr + at, raw.len - at)), items);
	return true;
}

bool rec_view_find(struct rec_view *v, size_t count)
{
	for (size_t i = v->found; i < count; i++) {
		const uint8_t *start = v->rest.pos;

		v->values[i] = BYTES(NULL, 0);
		if (i < v->items) {
			if (!mp_skip_short(&v->rest))
				return false;
			v->values[i] = BYTES(start, (size_t)(v->rest.pos - start));
		}
		v->found = i + 1;
	}
	return true;
}

struct mp_value rec_view_value(struct rec_view *v, int field)
{
	struct bytes raw = rec_view_raw(v, field);
	struct cursor c;

	if (raw.len == 0)
		return (struct mp_value){ .type = MP_NIL };
	c = cursor_of(raw);
	return mp_next(&c);
}

struct bytes rec_view_address(struct rec_view *v, int field)
{
	struct mp_value value = rec_view_value(v, field);

	if (value.type != MP_BIN && value.type != MP_STR)
		return BYTES(NULL, 0);
	if (v->fields[field].kind == REC_IP16 || v->ip_version >= 0) {
		struct mp_value version = rec_view_value(v, v->ip_version);

		if (version.type == MP_UINT && version.u == 4)
			value.bytes.len = value.bytes.len < 4 ? 0 : 4;
		else if (version.type == MP_UINT && version.u != 6)
			value.bytes.len = 0;
	}
	return value.bytes;
}

bool rec_view_key(struct rec_view *v, struct rec_key *key)
{
	struct bytes a, b;

	*key = (struct rec_key){ 0 };
	if (!v->has_key)
		return false;
	a = rec_view_address(v, v->orig_h);
	b = rec_view_address(v, v->resp_h);
	if ((a.len != 4 && a.len != 16) || a.len != b.len)
		return false;
	key->orig_h.len = key->resp_h.len = (uint8_t)a.len;
	memcpy(key->orig_h.b, a.ptr, a.len);
	memcpy(key->resp_h.b, b.ptr, b.len);
	key->proto = (uint8_t)rec_view_value(v, v->proto).u;
	key->orig_p = (uint16_t)rec_view_value(v, v->orig_p).u;
	key->resp_p = (uint16_t)rec_view_value(v, v->resp_p).u;
	return true;
}
