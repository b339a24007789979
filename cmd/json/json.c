/* json: a record as one line of JSON, in one pass over its bytes. */
#include <stddef.h>
#include <stdio.h>

#include "cmd/json/json_plan.h"
#include "cmd/json/put.h"
#include "libcommon/record/community_id.h"

/* What the loop over the fields is made of: the cursor and the place stay in registers. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* ---- values --------------------------------------------------------------------------------- */

static inline uint8_t *json_number(uint8_t *at, uint64_t v)
{
	/* Beyond 2^53 a reader that holds numbers as doubles would change it. */
	if (__builtin_expect(v <= 1ull << 53, 1))
		return put_number(at, v);
	*at++ = '"';
	at = put_number(at, v);
	*at++ = '"';
	return at;
}

static inline uint8_t *json_bool(uint8_t *at, bool yes)
{
	memcpy(at, yes ? "true" : "fals", 4);
	at[4] = 'e';
	return at + 5 - yes;
}

static inline uint8_t *json_time_value(const struct json_plan *j, uint8_t *at, uint64_t ns)
{
	return j->iso_time ? put_iso_time(at, ns) : put_seconds(at, ns);
}

static ALWAYS_INLINE uint8_t *json_uint(const struct json_plan *j, const struct json_field *f,
					uint8_t *at, uint64_t v)
{
	if (f->kind == REC_ENUM && v < f->ntexts && f->texts[v].ptr)
		return put_text(at, f->texts[v]);
	if (f->kind == REC_TIME)
		return json_time_value(j, at, v);
	if (f->kind == REC_DUR)
		return put_seconds(at, v);
	return json_number(at, v);
}

static uint8_t *json_hex(const struct json_plan *j, uint8_t *at, struct bytes b)
{
	at = put_room(j->out, at, 2 * b.len + 2);
	*at++ = '"';
	for (size_t i = 0; i < b.len; i++)
		at = put_hex_byte(at, b.ptr[i]);
	*at++ = '"';
	return at;
}

/* Bytes of any kind but str. */
static uint8_t *json_bytes(const struct json_plan *j, const struct json_field *f, uint8_t *at,
			   struct bytes b)
{
	if ((f->kind == REC_IP || f->kind == REC_IP16) && (b.len == 4 || b.len == 16)) {
		*at++ = '"';
		at = put_ip(at, b);
		*at++ = '"';
	} else if (f->kind == REC_MAC && b.len == 6) {
		*at++ = '"';
		for (size_t i = 0; i < 6; i++) {
			at = put_hex_byte(at, b.ptr[i]);
			*at++ = i < 5 ? ':' : '"';
		}
	} else {
		at = json_hex(j, at, b);
	}
	return at;
}

static inline uint8_t *json_blob(const struct json_plan *j, const struct json_field *f, uint8_t *at,
				 struct bytes b)
{
	return f->kind == REC_STR ? put_string(j->out, at, b) : json_bytes(j, f, at, b);
}

static uint8_t *json_fields(const struct json_plan *j, const struct json_shape *shape, size_t from,
			    size_t to, struct cursor *in, uint8_t *at);

/* A sub-record: an array on the wire, an object in JSON. */
static uint8_t *json_sub(const struct json_plan *j, const struct json_shape *sub, uint32_t count,
			 struct cursor *c, uint8_t *at)
{
	size_t from = (size_t)(at - j->out->ptr);

	at = json_fields(j, sub, 0, count < sub->count ? count : sub->count, c, at);
	for (size_t i = sub->count; i < count && !c->failed; i++)
		mp_skip_short(c);
	at = put_room(j->out, at, 2);
	if (at == j->out->ptr + from)
		at++;
	j->out->ptr[from] = '{'; /* for the comma before the first key */
	*at++ = '}';
	return at;
}

/* An item of any form. */
static __attribute__((noinline)) uint8_t *
json_odd(const struct json_plan *j, const struct json_field *f, struct cursor *c, uint8_t *at)
{
	const uint8_t *start = c->pos;
	struct mp_value v = mp_next(c);

	switch (v.type) {
	case MP_BOOL:
		return json_bool(at, v.b);
	case MP_UINT:
		return json_uint(j, f, at, v.u);
	case MP_INT:
		*at++ = '-';
		return put_number(at, -(uint64_t)v.i);
	case MP_FLOAT:
		if (v.f - v.f == 0) /* neither infinite nor NaN */
			return at + snprintf((char *)at, PUT_SLACK, "%.17g", v.f);
		break;
	case MP_STR:
	case MP_BIN:
		return json_blob(j, f, at, v.bytes);
	case MP_ARRAY:
		if (f->sub)
			return json_sub(j, f->sub, v.count, c, at);
		/* fall through */
	default: /* raw values, maps: shown as the bytes they are */
		c->pos = start;
		mp_skip(c);
		if (v.type != MP_NIL && v.type != MP_BAD)
			return json_hex(j, at, BYTES(start, (size_t)(c->pos - start)));
	}
	memcpy(at, "null", 4);
	return at + 4;
}

/* A number in one of the forms that it is packed in; NULL: not one. Reads 8 bytes that end with
 * it: at least that many lie before the end of any number behind a canonical prefix. */
static ALWAYS_INLINE const uint8_t *take_uint(const uint8_t *pos, const uint8_t *end, uint64_t *v)
{
	uint8_t m = pos[0];
	unsigned width = 1u << (m & 3);

	if (m < 0x80) {
		*v = m;
		return pos + 1;
	}
	if ((m & 0xfc) != 0xcc || (size_t)(end - pos) <= width)
		return NULL;
	pos += 1 + width;
	*v = be64_get(pos - 8) & ~0ull >> (64 - 8 * width);
	return pos;
}

/* A blob of less than 256 bytes; NULL: not one. */
static ALWAYS_INLINE const uint8_t *take_blob(const uint8_t *pos, const uint8_t *end,
					      struct bytes *b)
{
	uint8_t m = pos[0];
	size_t left = (size_t)(end - pos), head = 1, n;

	if (m >= 0xa0 && m < 0xc0) {
		n = m & 31u;
	} else if ((m == 0xd9 || m == 0xc4) && left >= 2) {
		head = 2;
		n = pos[1];
	} else {
		return NULL;
	}
	*b = BYTES(pos + head, n);
	return left < head + n ? NULL : pos + head + n;
}

/* Where a value ended, and the place behind its text. next NULL: it is damaged. */
struct step {
	const uint8_t *next;
	uint8_t *at;
};

/* `at` has j->room, pos < end. */
static ALWAYS_INLINE struct step json_item(const struct json_plan *j, const struct json_field *f,
					   const uint8_t *pos, const uint8_t *end, uint8_t *at)
{
	const uint8_t *next;
	struct cursor c;
	struct bytes b;
	uint64_t v;

	next = take_uint(pos, end, &v);
	if (next)
		return (struct step){ next, json_uint(j, f, at, v) };
	next = take_blob(pos, end, &b);
	if (next)
		return (struct step){ next, json_blob(j, f, at, b) };
	if ((pos[0] & 0xfe) == 0xc2)
		return (struct step){ pos + 1, json_bool(at, pos[0] & 1) };
	c = (struct cursor){ pos, end, false };
	at = json_odd(j, f, &c, at);
	return (struct step){ c.failed ? NULL : c.pos, at };
}

static uint8_t *json_list(const struct json_plan *j, const struct json_field *f, struct cursor *c,
			  uint8_t *at)
{
	struct cursor start = *c;
	struct mp_value v = mp_next(c);
	const uint8_t *pos = c->pos, *const end = c->end;

	if (v.type != MP_ARRAY) {
		*c = start;
		return json_odd(j, f, c, at);
	}
	*at++ = '[';
	for (uint32_t i = 0; i < v.count; i++) {
		struct step s;

		if (pos == end) {
			c->failed = true;
			break;
		}
		at = put_room(j->out, at, j->room);
		if (i)
			*at++ = ',';
		s = json_item(j, f, pos, end, at);
		at = s.at;
		if (!s.next) {
			c->failed = true;
			break;
		}
		pos = s.next;
	}
	c->pos = pos;
	at = put_room(j->out, at, 1);
	*at++ = ']';
	return at;
}

static uint8_t *json_address(const struct json_plan *j, const struct json_field *f,
			     struct cursor *c, uint8_t *at)
{
	mp_skip_short(c);
	return json_bytes(j, f, at, rec_view_address(j->render->view, (int)(f - j->shape.fields)));
}

/* A field of any form, or one that is left out. */
static __attribute__((noinline)) struct step
json_other(const struct json_plan *j, const struct json_field *f, struct cursor c, uint8_t *at)
{
	if (!f->show)
		mp_skip_short(&c);
	else if (f->by_version)
		at = json_address(j, f, &c, at);
	else
		at = json_list(j, f, &c, at);
	return (struct step){ c.failed ? NULL : c.pos, at };
}

/* The fields [from, to) that are there, each with its comma and key. */
static uint8_t *json_fields(const struct json_plan *j, const struct json_shape *shape, size_t from,
			    size_t to, struct cursor *c, uint8_t *at)
{
	const uint8_t *pos = c->pos, *const end = c->end;

	for (size_t i = from; i < to && pos; i++) {
		const struct json_field *f = &shape->fields[i];
		struct step s;

		if (pos == end) {
			pos = NULL;
			break;
		}
		if (*pos == 0xc0) {
			pos++;
			continue;
		}
		at = put_room(j->out, at, j->room);
		if (f->show)
			at = put_text(at, f->key);
		if (__builtin_expect(f->simple, 1))
			s = json_item(j, f, pos, end, at);
		else
			s = json_other(j, f, (struct cursor){ pos, end, false }, at);
		pos = s.next;
		at = s.at;
	}
	c->failed |= !pos;
	if (pos)
		c->pos = pos;
	return at;
}

/* ---- the line ------------------------------------------------------------------------------- */

static uint8_t *json_id(const struct render_plan *p, const struct rec_key *key, uint8_t *at)
{
	char id[COMMUNITY_ID_SIZE];
	size_t n;

	if (!community_id(key, p->options.seed, id))
		return at;
	n = strlen(id);
	at = put_room(p->json->out, at, n + 20);
	memcpy(at, ",\"community_id\":\"", 17);
	memcpy(at + 17, id, n);
	at[17 + n] = '"';
	return at + 18 + n;
}

static uint8_t *json_cached(const struct key_slot *s, struct buf *out, uint8_t *at)
{
	at = put_room(out, at, KEY_CACHE_TEXT);
	memcpy(at, s->text, KEY_CACHE_TEXT);
	return at + s->text_len;
}

static inline const uint8_t *take_ip(const uint8_t *pos, const uint8_t *end, struct ip *ip)
{
	struct bytes b;

	pos = pos < end ? take_blob(pos, end, &b) : NULL;
	if (!pos || (b.len != 4 && b.len != 16))
		return NULL;
	ip->len = (uint8_t)b.len;
	memcpy(ip->b, b.ptr, b.len);
	return pos;
}

/* The five fields of a key as every stage of ours packs them; false: see for yourself. */
static bool take_key(const uint8_t *pos, const uint8_t *end, struct rec_key *key)
{
	uint64_t proto, orig_p, resp_p;

	*key = (struct rec_key){ 0 };
	if (pos == end || !(pos = take_uint(pos, end, &proto)) ||
	    !(pos = take_ip(pos, end, &key->orig_h)) || pos == end ||
	    !(pos = take_uint(pos, end, &orig_p)) || !(pos = take_ip(pos, end, &key->resp_h)) ||
	    pos == end || !take_uint(pos, end, &resp_p))
		return false;
	key->proto = (uint8_t)proto;
	key->orig_p = (uint16_t)orig_p;
	key->resp_p = (uint16_t)resp_p;
	return key->orig_h.len == key->resp_h.len;
}

static struct bytes written_since(const struct buf *out, size_t from, const uint8_t *at)
{
	return BYTES(out->ptr + from, (size_t)(at - out->ptr) - from);
}

/* The Community ID and the five fields of the key, where they come first: mostly those that an
 * earlier record of the flow had. */
static uint8_t *json_key(struct render_plan *p, const struct rec_head *h, size_t count,
			 struct cursor *c, uint8_t *at)
{
	struct json_plan *j = p->json;
	bool keep = j->ids && count == KEY_FIELDS;
	const uint8_t *start = c->pos;
	size_t from = (size_t)(at - j->out->ptr);
	struct rec_key key;

	if (keep) {
		const struct key_slot *s =
			key_cache_find(j->ids, h->flow, BYTES(start, cursor_left(c)));

		if (s) {
			c->pos += s->raw_len;
			return json_cached(s, j->out, at);
		}
	}
	if (p->show_cid && ((count == KEY_FIELDS && take_key(c->pos, c->end, &key)) ||
			    (rec_view_find(p->view, KEY_FIELDS) && rec_view_key(p->view, &key))))
		at = json_id(p, &key, at);
	at = json_fields(j, &j->shape, 0, count, c, at);
	if (keep && !c->failed)
		key_cache_keep(j->ids, h->flow, BYTES(start, (size_t)(c->pos - start)),
			       written_since(j->out, from, at));
	return at;
}

/* The Community ID where the key lies elsewhere; the record was scanned. */
static uint8_t *json_id_alone(struct render_plan *p, const struct rec_head *h, uint8_t *at)
{
	struct json_plan *j = p->json;
	size_t from = (size_t)(at - j->out->ptr);
	const struct key_slot *s;
	struct rec_key key;
	struct bytes raw;

	if (!rec_view_key(p->view, &key))
		return at;
	if (!j->ids)
		return json_id(p, &key, at);
	raw = BYTES(&key, offsetof(struct rec_key, proto) + sizeof(key.proto));
	s = key_cache_find(j->ids, h->flow, raw);
	if (s)
		return json_cached(s, j->out, at);
	at = json_id(p, &key, at);
	key_cache_keep(j->ids, h->flow, raw, written_since(j->out, from, at));
	return at;
}

static uint8_t *json_head(const struct render_plan *p, const struct rec_head *h, uint8_t *at)
{
	const struct json_plan *j = p->json;

	at = put_room(j->out, at, j->front.len + PUT_TIME + 2 * (PUT_NUMBER + 8));
	memcpy(at, j->front.ptr, j->front.len);
	at += j->front.len;
	if (p->show_ts)
		at = json_time_value(j, at, h->ts);
	if (p->show_flow && h->type >= REC_FIRST_DATA + 1) {
		memcpy(at, ",\"flow\":", 8);
		at = json_number(at + 8, h->flow);
	}
	if (p->show_n) {
		memcpy(at, ",\"n\":", 5);
		at = json_number(at + 5, h->n);
	}
	return at;
}

bool json_record(struct render_plan *p, const struct rec_head *h, struct bytes raw, struct buf *out)
{
	struct json_plan *j = p->json;
	struct cursor c;
	size_t count, first = 0;
	uint8_t *at;

	j->out = out;
	if (!rec_is_canonical(raw)) {
		j->plain.len = 0;
		if (!rec_canonical(raw, &j->plain))
			return false;
		raw = buf_bytes(&j->plain);
	}
	count = be16_get(raw.ptr + 1);
	if (count < 4)
		return false;
	count -= 4;
	c = cursor_of(BYTES(raw.ptr + REC_PREFIX, raw.len - REC_PREFIX));
	rec_view_start_at(p->view, c, (uint32_t)count);
	if (j->out_of_order && !rec_view_find(p->view, p->nfields))
		return false;
	if (count > p->nfields)
		count = p->nfields;
	at = json_head(p, h, buf_reserve(out, 1));
	if (j->key_first) {
		first = count < KEY_FIELDS ? count : KEY_FIELDS;
		at = json_key(p, h, first, &c, at);
	} else if (p->show_cid) {
		at = json_id_alone(p, h, at);
	}
	p->made_by = BYTES(NULL, 0);
	if (p->producer >= 0 && (size_t)p->producer >= first && (size_t)p->producer < count) {
		struct cursor ahead;
		struct mp_value v;

		at = json_fields(j, &j->shape, first, (size_t)p->producer, &c, at);
		first = (size_t)p->producer;
		ahead = c;
		v = mp_next(&ahead);
		if (v.type == MP_STR || v.type == MP_BIN)
			p->made_by = v.bytes;
	}
	at = json_fields(j, &j->shape, first, count, &c, at);
	at = put_room(out, at, 2);
	memcpy(at, "}\n", 2);
	out->len = (size_t)(at + 2 - out->ptr);
	return !c.failed;
}
