/* pack: records that are not hot, and schemas, packed by msgpack-c behind our own prefix. */
#include "libcommon/record/record.h"

#include <msgpack/pack_define.h>
#include <msgpack/timestamp.h>
#include <stdio.h>

#include "libcommon/record/shape.h"

/* The first byte by itself: of a number it is the marker, stored apart from what follows, and a
 * load of both at once would have to wait for two stores. */
static inline __attribute__((always_inline)) void append(uint8_t **at, const unsigned char *from,
							 size_t n)
{
	**at = from[0];
	memcpy(*at + 1, from + 1, n - 1);
	*at += n;
}

/* msgpack-c's packer, written out here as its template is meant to be: what it packs is stored at
 * *at, which moves on, and no call is made for it. Whoever packs has made ROOM before. */
#define msgpack_pack_inline_func(name)                                                             \
	static inline __attribute__((always_inline)) void msgpack_pack##name
#define msgpack_pack_inline_func_cint(name) msgpack_pack_inline_func(name)
#define msgpack_pack_user uint8_t **
#define msgpack_pack_append_buffer append
#include <msgpack/pack_template.h>

enum {
	ROOM = 24, /* more than any number, address or blob's header takes */
};

static __attribute__((noinline)) uint8_t *more_room(struct buf *out, uint8_t *at, size_t n)
{
	out->len = (size_t)(at - out->ptr);
	return buf_reserve(out, n);
}

/* Room for n bytes at `at`, which moves where the buffer must grow. While a record is packed,
 * out->len is not kept. */
static inline uint8_t *room(struct buf *out, uint8_t *at, size_t n)
{
	if (__builtin_expect((size_t)(out->ptr + out->size - at) < n, 0))
		at = more_room(out, at, n);
	return at;
}

static inline uint8_t *put_bytes(uint8_t *at, struct bytes b)
{
	if (b.len)
		memcpy(at, b.ptr, b.len);
	return at + b.len;
}

static inline uint8_t *pack_nil(uint8_t *at)
{
	msgpack_pack_nil(&at);
	return at;
}

static inline uint8_t *pack_bool(uint8_t *at, bool v)
{
	if (v)
		msgpack_pack_true(&at);
	else
		msgpack_pack_false(&at);
	return at;
}

static inline uint8_t *pack_number(uint8_t *at, uint64_t v)
{
	msgpack_pack_uint64(&at, v);
	return at;
}

static inline uint8_t *pack_array(struct buf *out, uint8_t *at, size_t n)
{
	at = room(out, at, ROOM);
	msgpack_pack_array(&at, n);
	return at;
}

/* A bin of a constant size that fits into ROOM. */
static inline uint8_t *pack_fixed(uint8_t *at, const uint8_t *p, size_t size)
{
	msgpack_pack_bin(&at, size);
	memcpy(at, p, size);
	return at + size;
}

static uint8_t *pack_bin(struct buf *out, uint8_t *at, struct bytes b)
{
	at = room(out, at, ROOM + b.len);
	msgpack_pack_bin(&at, b.len);
	return put_bytes(at, b);
}

static uint8_t *pack_text(struct buf *out, uint8_t *at, struct bytes b)
{
	if (!rec_is_utf8(b))
		return pack_bin(out, at, b);
	at = room(out, at, ROOM + b.len);
	msgpack_pack_str(&at, b.len);
	return put_bytes(at, b);
}

static uint8_t *pack_name(struct buf *out, uint8_t *at, const char *name)
{
	return pack_text(out, at, bytes_str(name));
}

static uint8_t *pack_raw(struct buf *out, uint8_t *at, struct bytes b)
{
	return b.len ? put_bytes(room(out, at, b.len), b) : pack_nil(at);
}

static uint8_t *pack_ip(uint8_t *at, const struct ip *ip)
{
	if (ip->len == 4)
		return pack_fixed(at, ip->b, 4);
	if (ip->len == 16)
		return pack_fixed(at, ip->b, 16);
	return pack_nil(at);
}

static uint8_t *pack_fields(struct buf *out, uint8_t *at, const struct rec_desc *desc,
			    const void *rec);

static inline uint64_t number_at(const void *p, size_t width)
{
	if (width == 8)
		return *(const uint64_t *)p;
	if (width == 4)
		return *(const uint32_t *)p;
	if (width == 2)
		return *(const uint16_t *)p;
	return *(const uint8_t *)p;
}

/* A value that is there and is neither number nor text. */
static uint8_t *pack_other(struct buf *out, uint8_t *at, const struct rec_field *f, const void *p)
{
	switch (f->kind) {
	case REC_BOOL:
		return pack_bool(at, *(const bool *)p);
	case REC_I64:
		msgpack_pack_int64(&at, *(const int64_t *)p);
		return at;
	case REC_F64:
		msgpack_pack_double(&at, *(const double *)p);
		return at;
	case REC_BYTES:
		return pack_bin(out, at, *(const struct bytes *)p);
	case REC_RAW:
		return pack_raw(out, at, *(const struct bytes *)p);
	case REC_IP:
		return pack_ip(at, p);
	case REC_IP16:
		return pack_fixed(at, p, 16);
	case REC_MAC:
		return ((const struct mac *)p)->set ? pack_fixed(at, p, 6) : pack_nil(at);
	case REC_SUB:
		msgpack_pack_array(&at, f->sub->nfields);
		return pack_fields(out, at, f->sub, p);
	default:
		return pack_nil(at); /* never: numbers and text */
	}
}

/* A value that is there, from its C type at p; an address or raw value may still be empty. */
static inline uint8_t *pack_value(struct buf *out, uint8_t *at, const struct rec_field *f,
				  const void *p)
{
	static const uint8_t width[] = {
		[REC_U8] = 1,   [REC_U16] = 2, [REC_U32] = 4,  [REC_U64] = 8,
		[REC_TIME] = 8, [REC_DUR] = 8, [REC_ENUM] = 4, [REC_SUB] = 0
	};

	if (width[f->kind])
		return pack_number(at, number_at(p, width[f->kind]));
	if (f->kind == REC_STR)
		return pack_text(out, at, *(const struct bytes *)p);
	return pack_other(out, at, f, p);
}

static uint8_t *pack_list(struct buf *out, uint8_t *at, const struct rec_field *f,
			  const struct rec_list *list)
{
	const uint8_t *item = list->items;
	size_t size = rec_item_size(f);

	msgpack_pack_array(&at, list->count);
	for (size_t i = 0; i < list->count; i++, item += size)
		at = pack_value(out, room(out, at, ROOM), f, item);
	return at;
}

static inline bool is_absent(const struct rec_field *f, const void *p)
{
	if (f->shape == REC_LIST)
		return ((const struct rec_list *)p)->count == 0;
	if (rec_kind_in_opt(f->kind))
		return !((const struct rec_opt *)p)->set;
	return rec_kind_is_blob(f->kind) && !((const struct bytes *)p)->ptr;
}

/* Recurses along the description only: as deep as sub-records are declared. */
static uint8_t *pack_fields(struct buf *out, uint8_t *at, const struct rec_desc *desc,
			    const void *rec)
{
	const struct rec_field *f = desc->fields, *end = f + desc->nfields;

	for (; f < end; f++) {
		const void *p = (const uint8_t *)rec + f->offset;

		at = room(out, at, ROOM);
		if (f->shape == REC_ONE)
			at = pack_value(out, at, f, p);
		else if (is_absent(f, p))
			at = pack_nil(at);
		else if (f->shape == REC_LIST)
			at = pack_list(out, at, f, p);
		else if (!rec_kind_in_opt(f->kind))
			at = pack_value(out, at, f, p);
		else if (f->kind == REC_BOOL)
			at = pack_bool(at, ((const struct rec_opt *)p)->v);
		else if (f->kind == REC_I64)
			msgpack_pack_int64(&at, (int64_t)((const struct rec_opt *)p)->v);
		else
			at = pack_number(at, ((const struct rec_opt *)p)->v);
	}
	return at;
}

static uint8_t *pack_head(struct buf *out, const struct rec_head *h, size_t nfields)
{
	uint8_t *at = buf_reserve(out, REC_PREFIX);

	rec_head_put(at, h, (uint16_t)nfields);
	return at + REC_PREFIX;
}

void rec_pack(struct buf *out, const struct rec_desc *desc, const struct rec_head *h,
	      const void *rec)
{
	uint8_t *at = pack_head(out, h, desc->nfields);

	at = pack_fields(out, at, desc, rec);
	out->len = (size_t)(at - out->ptr);
}

static uint8_t *pack_type(struct buf *out, uint8_t *at, const struct rec_field *f)
{
	const char *name = f->kind == REC_SUB ? f->sub->name : rec_kind_name(f->kind);
	char text[80];

	snprintf(text, sizeof(text), f->shape == REC_LIST ? "list<%s>" : "%s", name);
	return pack_name(out, at, text);
}

static uint8_t *pack_enum(struct buf *out, uint8_t *at, const struct rec_enum *e)
{
	size_t named = 0;

	for (size_t i = 0; i < e->count; i++)
		named += e->values[i] != NULL;
	at = pack_array(out, at, named);
	for (size_t i = 0; i < e->count; i++) {
		if (!e->values[i])
			continue;
		at = pack_array(out, at, 2);
		at = pack_number(room(out, at, ROOM), i);
		at = pack_name(out, at, e->values[i]);
	}
	return at;
}

static uint8_t *pack_rows(struct buf *out, uint8_t *at, const struct rec_desc *desc)
{
	at = pack_array(out, at, desc->nfields);
	for (size_t i = 0; i < desc->nfields; i++) {
		const struct rec_field *f = &desc->fields[i];

		at = pack_array(out, at, f->en || f->sub ? 3 : 2);
		at = pack_name(out, at, f->name);
		at = pack_type(out, at, f);
		if (f->en)
			at = pack_enum(out, at, f->en);
		else if (f->sub)
			at = pack_rows(out, at, f->sub);
	}
	return at;
}

void rec_pack_schema(struct buf *out, const struct rec_desc *desc, uint16_t id, uint64_t n)
{
	uint8_t *at = pack_head(out, &(struct rec_head){ .type = REC_schema, .n = n }, 4);

	at = pack_number(room(out, at, ROOM), id);
	at = pack_name(out, at, desc->name);
	at = pack_number(room(out, at, ROOM), desc->major);
	at = pack_rows(out, at, desc);
	out->len = (size_t)(at - out->ptr);
}
