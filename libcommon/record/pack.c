/* pack: records that are not hot, and schemas, packed by msgpack-c behind our own prefix. */
#include "libcommon/record/record.h"

#include <msgpack.h>

#include "libcommon/record/shape.h"

/* msgpack-c writes a few bytes at a time: where they fit, no call is made. */
static int buf_write(void *data, const char *p, size_t n)
{
	struct buf *b = data;

	if (b->size - b->len < n)
		buf_reserve(b, n);
	if (n)
		memcpy(b->ptr + b->len, p, n);
	b->len += n;
	return 0;
}

static void pack_text(msgpack_packer *pk, struct bytes b)
{
	if (rec_is_utf8(b))
		msgpack_pack_str_with_body(pk, b.ptr, b.len);
	else
		msgpack_pack_bin_with_body(pk, b.ptr, b.len);
}

static void pack_name(msgpack_packer *pk, const char *name)
{
	pack_text(pk, bytes_str(name));
}

static void pack_fields(msgpack_packer *pk, const struct rec_desc *desc, const void *rec);

/* A value that is there, from its C type at p; an address or raw value may still be empty. */
static void pack_value(msgpack_packer *pk, const struct rec_field *f, const void *p)
{
	struct bytes b;

	switch (f->kind) {
	case REC_BOOL:
		*(const bool *)p ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
		break;
	case REC_U8:
		msgpack_pack_uint64(pk, *(const uint8_t *)p);
		break;
	case REC_U16:
		msgpack_pack_uint64(pk, *(const uint16_t *)p);
		break;
	case REC_U32:
	case REC_ENUM:
		msgpack_pack_uint64(pk, *(const uint32_t *)p);
		break;
	case REC_U64:
	case REC_TIME:
	case REC_DUR:
		msgpack_pack_uint64(pk, *(const uint64_t *)p);
		break;
	case REC_I64:
		msgpack_pack_int64(pk, *(const int64_t *)p);
		break;
	case REC_F64:
		msgpack_pack_double(pk, *(const double *)p);
		break;
	case REC_STR:
		pack_text(pk, *(const struct bytes *)p);
		break;
	case REC_BYTES:
		b = *(const struct bytes *)p;
		msgpack_pack_bin_with_body(pk, b.ptr, b.len);
		break;
	case REC_RAW:
		b = *(const struct bytes *)p;
		if (b.len)
			buf_add(pk->data, b.ptr, b.len);
		else
			msgpack_pack_nil(pk);
		break;
	case REC_IP:
		if (((const struct ip *)p)->len)
			msgpack_pack_bin_with_body(pk, ((const struct ip *)p)->b,
						   ((const struct ip *)p)->len);
		else
			msgpack_pack_nil(pk);
		break;
	case REC_IP16:
		msgpack_pack_bin_with_body(pk, p, 16);
		break;
	case REC_MAC:
		if (((const struct mac *)p)->set)
			msgpack_pack_bin_with_body(pk, ((const struct mac *)p)->b, 6);
		else
			msgpack_pack_nil(pk);
		break;
	case REC_SUB:
		msgpack_pack_array(pk, f->sub->nfields);
		pack_fields(pk, f->sub, p);
		break;
	}
}

static void pack_opt(msgpack_packer *pk, const struct rec_field *f, const void *p)
{
	const struct rec_opt *opt = p;

	if (!rec_kind_in_opt(f->kind)) {
		if (rec_kind_is_blob(f->kind) && !((const struct bytes *)p)->ptr)
			msgpack_pack_nil(pk);
		else
			pack_value(pk, f, p);
	} else if (!opt->set) {
		msgpack_pack_nil(pk);
	} else if (f->kind == REC_BOOL) {
		opt->v ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
	} else {
		msgpack_pack_uint64(pk, opt->v);
	}
}

static void pack_list(msgpack_packer *pk, const struct rec_field *f, const struct rec_list *list)
{
	const uint8_t *item = list->items;
	size_t size = rec_item_size(f);

	if (list->count == 0) {
		msgpack_pack_nil(pk);
		return;
	}
	msgpack_pack_array(pk, list->count);
	for (size_t i = 0; i < list->count; i++, item += size)
		pack_value(pk, f, item);
}

/* Recurses along the description only: as deep as sub-records are declared. */
static void pack_fields(msgpack_packer *pk, const struct rec_desc *desc, const void *rec)
{
	for (size_t i = 0; i < desc->nfields; i++) {
		const struct rec_field *f = &desc->fields[i];
		const void *p = (const uint8_t *)rec + f->offset;

		if (f->shape == REC_LIST)
			pack_list(pk, f, p);
		else if (f->shape == REC_OPT)
			pack_opt(pk, f, p);
		else
			pack_value(pk, f, p);
	}
}

static void pack_head(struct buf *out, const struct rec_head *h, size_t nfields)
{
	rec_head_put(buf_reserve(out, REC_PREFIX), h, (uint16_t)nfields);
	out->len += REC_PREFIX;
}

void rec_pack(struct buf *out, const struct rec_desc *desc, const struct rec_head *h,
	      const void *rec)
{
	msgpack_packer pk;

	pack_head(out, h, desc->nfields);
	msgpack_packer_init(&pk, out, buf_write);
	pack_fields(&pk, desc, rec);
}

static void pack_type(msgpack_packer *pk, const struct rec_field *f)
{
	const char *name = f->kind == REC_SUB ? f->sub->name : rec_kind_name(f->kind);
	char text[80];

	snprintf(text, sizeof(text), f->shape == REC_LIST ? "list<%s>" : "%s", name);
	pack_name(pk, text);
}

static void pack_enum(msgpack_packer *pk, const struct rec_enum *e)
{
	size_t named = 0;

	for (size_t i = 0; i < e->count; i++)
		named += e->values[i] != NULL;
	msgpack_pack_array(pk, named);
	for (size_t i = 0; i < e->count; i++) {
		if (!e->values[i])
			continue;
		msgpack_pack_array(pk, 2);
		msgpack_pack_uint64(pk, i);
		pack_name(pk, e->values[i]);
	}
}

static void pack_rows(msgpack_packer *pk, const struct rec_desc *desc)
{
	msgpack_pack_array(pk, desc->nfields);
	for (size_t i = 0; i < desc->nfields; i++) {
		const struct rec_field *f = &desc->fields[i];

		msgpack_pack_array(pk, f->en || f->sub ? 3 : 2);
		pack_name(pk, f->name);
		pack_type(pk, f);
		if (f->en)
			pack_enum(pk, f->en);
		else if (f->sub)
			pack_rows(pk, f->sub);
	}
}

void rec_pack_schema(struct buf *out, const struct rec_desc *desc, uint16_t id, uint64_t n)
{
	msgpack_packer pk;

	pack_head(out, &(struct rec_head){ .type = REC_schema, .n = n }, 4);
	msgpack_packer_init(&pk, out, buf_write);
	msgpack_pack_uint64(&pk, id);
	pack_name(&pk, desc->name);
	msgpack_pack_uint64(&pk, desc->major);
	pack_rows(&pk, desc);
}
