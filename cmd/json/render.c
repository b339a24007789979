/* render: a record of any type as a line of JSON, by its schema. */
#include "cmd/json/render.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cmd/json/text.h"
#include "libcommon/base/die.h"
#include "libcommon/record/community_id.h"

enum { CID_CACHE = 4096 };

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

/* Everything in a JSON line that does not change from record to record. */
static void plan_keys(struct render_plan *p)
{
	size_t at = 0;

	buf_add_str(&p->front, "{\"type\":");
	json_string(&p->front, bytes_str(schema_name(p->schema)));
	p->keys = xcalloc(p->nfields + 1, sizeof(*p->keys));
	for (size_t i = 0; i < p->nfields; i++)
		buf_printf(&p->key_text, ",\"%s\":", p->fields[i].name);
	for (size_t i = 0; i < p->nfields; i++) {
		p->keys[i] = BYTES(p->key_text.ptr + at, strlen(p->fields[i].name) + 4);
		at += p->keys[i].len;
	}
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
	if (p->show_cid)
		p->cids = xcalloc(CID_CACHE, sizeof(*p->cids));
	p->values = xcalloc(p->nfields + 1, sizeof(*p->values));
	plan_keys(p);
	text_plan(p);
	return p;
}

void render_plan_free(struct render_plan *p)
{
	if (!p)
		return;
	free(p->show);
	free(p->keys);
	buf_release(&p->key_text);
	buf_release(&p->front);
	free(p->cids);
	free(p->values);
	free(p->brief);
	free(p);
}

/* Skips one value: the short kinds at once, by their first byte, the others the long way. */
static inline bool skip_value(struct cursor *c)
{
	size_t left = cursor_left(c), n;
	uint8_t m;

	if (left < 2)
		return mp_skip(c);
	m = c->pos[0];
	if (m < 0x80 || m == 0xc0 || m == 0xc2 || m == 0xc3)
		n = 1;
	else if (m >= 0xa0 && m < 0xc0)
		n = 1 + (m & 31u);
	else if (m >= 0xcc && m <= 0xcf)
		n = 1 + ((size_t)1 << (m - 0xcc));
	else if (m == 0xc4 || m == 0xd9)
		n = 2 + (size_t)c->pos[1];
	else
		return mp_skip(c);
	return cursor_skip(c, n);
}

/* Where each field's value starts, so that they can be had out of order. */
bool render_scan(struct render_plan *p, struct bytes raw)
{
	struct rec_head h;
	uint32_t n;
	size_t at;
	struct cursor c;

	if (!rec_head_get(raw, &h, &n, &at))
		return false;
	c = cursor_of(BYTES(raw.ptr + at, raw.len - at));
	for (size_t i = 0; i < p->nfields; i++) {
		const uint8_t *start = c.pos;

		p->values[i] = BYTES(NULL, 0);
		if (i < n) {
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

struct bytes render_producer(const struct render_plan *p)
{
	struct mp_value v = render_value(p, p->producer);

	return v.type == MP_STR || v.type == MP_BIN ? v.bytes : BYTES(NULL, 0);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void json_value(const struct render_plan *p, const struct schema_field *f, struct cursor *c,
		       struct buf *out);

static void json_number(struct buf *out, uint64_t v)
{
	/* Beyond 2^53 a reader that holds numbers as doubles would change it. */
	bool quoted = v > 1ull << 53;

	if (quoted)
		buf_add_byte(out, '"');
	number_text(out, v);
	if (quoted)
		buf_add_byte(out, '"');
}

static void json_hex(struct buf *out, struct bytes b)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *at = buf_reserve(out, b.len * 2 + 2);

	*at++ = '"';
	for (size_t i = 0; i < b.len; i++) {
		*at++ = (uint8_t)digits[b.ptr[i] >> 4];
		*at++ = (uint8_t)digits[b.ptr[i] & 15];
	}
	*at = '"';
	out->len += b.len * 2 + 2;
}

static void json_bytes(const struct schema_field *f, struct bytes b, struct buf *out)
{
	if ((f->kind == REC_IP || f->kind == REC_IP16) && (b.len == 4 || b.len == 16)) {
		buf_add_byte(out, '"');
		ip_text(out, b);
		buf_add_byte(out, '"');
	} else if (f->kind == REC_MAC && b.len == 6) {
		buf_printf(out, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", b.ptr[0], b.ptr[1], b.ptr[2],
			   b.ptr[3], b.ptr[4], b.ptr[5]);
	} else if (f->kind == REC_STR) {
		json_string(out, b);
	} else {
		json_hex(out, b);
	}
}

static void json_uint(const struct render_plan *p, const struct schema_field *f, uint64_t v,
		      struct buf *out)
{
	if (f->kind == REC_ENUM && v < f->enum_count && f->enum_values[v]) {
		json_string(out, bytes_str(f->enum_values[v]));
	} else if (f->kind == REC_TIME && p->options.iso_time) {
		buf_add_byte(out, '"');
		iso_time(out, v);
		buf_add_byte(out, '"');
	} else if (f->kind == REC_TIME || f->kind == REC_DUR) {
		json_time(out, v);
	} else {
		json_number(out, v);
	}
}

/* A sub-record: an array on the wire, an object in JSON. */
static void json_sub(const struct render_plan *p, const struct schema *sub, uint32_t count,
		     struct cursor *c, struct buf *out)
{
	size_t n;
	const struct schema_field *f = schema_fields(sub, &n);
	bool first = true;

	buf_add_byte(out, '{');
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *at = c->pos;

		if (i >= n || mp_next(c).type == MP_NIL) {
			c->pos = at;
			mp_skip(c);
			continue;
		}
		c->pos = at;
		buf_add_str(out, first ? "\"" : ",\"");
		buf_add_str(out, f[i].name);
		buf_add_str(out, "\":");
		first = false;
		json_value(p, &f[i], c, out);
	}
	buf_add_byte(out, '}');
}

static void json_item(const struct render_plan *p, const struct schema_field *f, struct cursor *c,
		      struct buf *out)
{
	const uint8_t *at = c->pos;
	struct mp_value v = mp_next(c);

	switch (v.type) {
	case MP_BOOL:
		buf_add_str(out, v.b ? "true" : "false");
		break;
	case MP_UINT:
		json_uint(p, f, v.u, out);
		break;
	case MP_INT:
		buf_printf(out, "%" PRId64, v.i);
		break;
	case MP_FLOAT:
		if (v.f - v.f == 0) /* neither infinite nor NaN */
			buf_printf(out, "%.17g", v.f);
		else
			buf_add_str(out, "null");
		break;
	case MP_STR:
	case MP_BIN:
		json_bytes(f, v.bytes, out);
		break;
	case MP_ARRAY:
		if (f->kind == REC_SUB && f->sub) {
			json_sub(p, f->sub, v.count, c, out);
			break;
		}
		/* fall through */
	default: /* raw values, maps: shown as the bytes they are */
		c->pos = at;
		mp_skip(c);
		if (v.type == MP_NIL || v.type == MP_BAD)
			buf_add_str(out, "null");
		else
			json_hex(out, BYTES(at, (size_t)(c->pos - at)));
	}
}

static void json_value(const struct render_plan *p, const struct schema_field *f, struct cursor *c,
		       struct buf *out)
{
	struct mp_value v;
	struct cursor peek = *c;

	v = mp_next(&peek);
	if (!f->list || v.type != MP_ARRAY) {
		json_item(p, f, c, out);
		return;
	}
	*c = peek;
	buf_add_byte(out, '[');
	for (uint32_t i = 0; i < v.count; i++) {
		if (i)
			buf_add_byte(out, ',');
		json_item(p, f, c, out);
	}
	buf_add_byte(out, ']');
}

/* A number or a short string, told by its first byte and written at once; false: the long way. */
static inline bool json_short(const struct render_plan *p, const struct schema_field *f,
			      struct bytes v, struct buf *out)
{
	uint8_t m = v.ptr[0];
	uint64_t u;

	if (f->kind == REC_STR && m >= 0xa0 && m < 0xc0) {
		json_string(out, BYTES(v.ptr + 1, v.len - 1));
		return true;
	}
	if (f->kind == REC_STR && m == 0xd9) {
		json_string(out, BYTES(v.ptr + 2, v.len - 2));
		return true;
	}
	if (f->kind > REC_U64 && f->kind != REC_ENUM && f->kind != REC_TIME && f->kind != REC_DUR)
		return false;
	if (m < 0x80)
		u = m;
	else if (m == 0xcc)
		u = v.ptr[1];
	else if (m == 0xcd)
		u = be16_get(v.ptr + 1);
	else if (m == 0xce)
		u = be32_get(v.ptr + 1);
	else if (m == 0xcf)
		u = be64_get(v.ptr + 1);
	else
		return false;
	json_uint(p, f, u, out);
	return true;
}

static void json_cid(struct render_plan *p, const struct rec_head *h, struct buf *out)
{
	struct render_cid *slot = &p->cids[(h->flow * 0x9e3779b97f4a7c15ull) >> 52];
	struct rec_key key;

	if (!slot->set || slot->flow != h->flow) {
		if (!render_key(p, &key) || !community_id(&key, p->options.seed, slot->text))
			return;
		slot->flow = h->flow;
		slot->set = true;
	}
	buf_add_str(out, ",\"community_id\":\"");
	buf_add_str(out, slot->text);
	buf_add_byte(out, '"');
}

static void json_record(struct render_plan *p, const struct rec_head *h, struct buf *out)
{
	buf_add(out, p->front.ptr, p->front.len);
	if (p->show_ts) {
		struct schema_field ts = { .kind = REC_TIME };

		buf_add_str(out, ",\"ts\":");
		json_uint(p, &ts, h->ts, out);
	}
	if (p->show_flow && h->type >= REC_FIRST_DATA + 1) {
		buf_add_str(out, ",\"flow\":");
		json_number(out, h->flow);
	}
	if (p->show_n) {
		buf_add_str(out, ",\"n\":");
		json_number(out, h->n);
	}
	if (p->show_cid)
		json_cid(p, h, out);
	for (size_t i = 0; i < p->nfields; i++) {
		struct cursor c = cursor_of(p->values[i]);

		if (!p->show[i] || p->values[i].len == 0 || p->values[i].ptr[0] == 0xc0)
			continue;
		buf_add(out, p->keys[i].ptr, p->keys[i].len);
		if (!p->fields[i].list && json_short(p, &p->fields[i], p->values[i], out))
			continue;
		if (p->fields[i].kind == REC_IP16)
			json_bytes(&p->fields[i], render_address(p, (int)i), out);
		else
			json_value(p, &p->fields[i], &c, out);
	}
	buf_add_str(out, "}\n");
}

bool render_record(struct render_plan *p, const struct rec_head *h, struct bytes raw,
		   struct buf *out)
{
	if (!render_scan(p, raw))
		return false;
	if (p->options.format == RENDER_JSON)
		json_record(p, h, out);
	else
		text_record(p, h, out);
	return true;
}
