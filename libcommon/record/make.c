/* make: msgpack by hand, for records and schemas that no table describes. */
#include "libcommon/record/make.h"

#include <stdio.h>

/* ---- values --------------------------------------------------------------------------------- */

/* A marker, and a number of `width` bytes behind it. */
static void put_marked(struct buf *out, uint8_t mark, uint64_t v, size_t width)
{
	uint8_t *at = buf_reserve(out, 1 + width);

	at[0] = mark;
	for (size_t i = 0; i < width; i++)
		at[1 + i] = (uint8_t)(v >> 8 * (width - 1 - i));
	out->len += 1 + width;
}

void mp_put_nil(struct buf *out)
{
	buf_add_byte(out, 0xc0);
}

void mp_put_bool(struct buf *out, bool b)
{
	buf_add_byte(out, b ? 0xc3 : 0xc2);
}

void mp_put_uint(struct buf *out, uint64_t v)
{
	if (v < 0x80)
		buf_add_byte(out, (uint8_t)v);
	else if (v <= UINT8_MAX)
		put_marked(out, 0xcc, v, 1);
	else if (v <= UINT16_MAX)
		put_marked(out, 0xcd, v, 2);
	else if (v <= UINT32_MAX)
		put_marked(out, 0xce, v, 4);
	else
		put_marked(out, 0xcf, v, 8);
}

void mp_put_int(struct buf *out, int64_t v)
{
	if (v >= 0)
		mp_put_uint(out, (uint64_t)v);
	else if (v >= -32)
		buf_add_byte(out, (uint8_t)v);
	else
		put_marked(out, 0xd3, (uint64_t)v, 8);
}

void mp_put_float(struct buf *out, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	put_marked(out, 0xcb, bits, 8);
}

static void put_length(struct buf *out, size_t n, uint8_t mark8)
{
	if (n <= UINT8_MAX)
		put_marked(out, mark8, n, 1);
	else if (n <= UINT16_MAX)
		put_marked(out, mark8 + 1, n, 2);
	else
		put_marked(out, mark8 + 2, n, 4);
}

void mp_put_bin(struct buf *out, struct bytes b)
{
	put_length(out, b.len, 0xc4);
	buf_add(out, b.ptr, b.len);
}

void mp_put_text(struct buf *out, struct bytes b)
{
	if (!rec_is_utf8(b)) {
		mp_put_bin(out, b);
		return;
	}
	if (b.len < 32)
		buf_add_byte(out, (uint8_t)(0xa0 | b.len));
	else
		put_length(out, b.len, 0xd9);
	buf_add(out, b.ptr, b.len);
}

void mp_put_array(struct buf *out, uint32_t count)
{
	if (count < 16)
		buf_add_byte(out, (uint8_t)(0x90 | count));
	else if (count <= UINT16_MAX)
		put_marked(out, 0xdc, count, 2);
	else
		put_marked(out, 0xdd, count, 4);
}

void mp_put_value(struct buf *out, const struct value *v)
{
	switch (v->type) {
	case VALUE_ABSENT:
		mp_put_nil(out);
		break;
	case VALUE_BOOL:
		mp_put_bool(out, v->b);
		break;
	case VALUE_UINT:
	case VALUE_TIME:
	case VALUE_DUR:
	case VALUE_ENUM:
		mp_put_uint(out, v->u);
		break;
	case VALUE_INT:
		mp_put_int(out, v->i);
		break;
	case VALUE_FLOAT:
		mp_put_float(out, v->f);
		break;
	case VALUE_TEXT:
		mp_put_text(out, v->bytes);
		break;
	case VALUE_BYTES:
	case VALUE_IP:
	case VALUE_MAC:
		mp_put_bin(out, v->bytes);
		break;
	}
}

void make_head(struct buf *out, const struct rec_head *h, uint32_t nfields)
{
	rec_head_put(buf_reserve(out, REC_PREFIX), h, (uint16_t)nfields);
	out->len += REC_PREFIX;
}

void mp_put_field(struct buf *out, const struct field *f, struct rec_view *v)
{
	struct field_walk w;
	struct value value;
	struct bytes raw;
	uint32_t count = 0;

	if (f->at != FIELD_COLUMN || (f->last->kind == REC_IP16 && !field_is_list(f))) {
		value = field_value(f, v);
		mp_put_value(out, &value);
		return;
	}
	if (f->depth == 1) {
		raw = rec_view_raw(v, f->step[0].column);
		if (raw.len)
			buf_add(out, raw.ptr, raw.len);
		else
			mp_put_nil(out);
		return;
	}
	for (field_walk(&w, f, v); field_next(&w, &value);)
		count++;
	if (count == 0) {
		mp_put_nil(out);
		return;
	}
	if (field_is_list(f))
		mp_put_array(out, count);
	for (field_walk(&w, f, v); field_next(&w, &value);)
		buf_add(out, w.raw.ptr, w.raw.len);
}

void rec_view_copy(const struct rec_view *v, struct buf *out, uint32_t more)
{
	make_head(out, &v->head, (uint32_t)v->nfields + more);
	for (size_t i = 0; i < v->nfields; i++) {
		if (v->values[i].len)
			buf_add(out, v->values[i].ptr, v->values[i].len);
		else
			mp_put_nil(out);
	}
}

/* ---- schemas -------------------------------------------------------------------------------- */

static void put_type(struct buf *out, const char *name, bool list)
{
	char text[96];

	snprintf(text, sizeof(text), list ? "list<%s>" : "%s", name);
	mp_put_text(out, bytes_str(text));
}

static void put_enum(struct buf *out, const struct schema_field *f)
{
	uint32_t named = 0;

	for (size_t i = 0; i < f->enum_count; i++)
		named += f->enum_values[i] != NULL;
	mp_put_array(out, named);
	for (size_t i = 0; i < f->enum_count; i++) {
		if (!f->enum_values[i])
			continue;
		mp_put_array(out, 2);
		mp_put_uint(out, i);
		mp_put_text(out, bytes_str(f->enum_values[i]));
	}
}

/* A row; recurses as deep as sub-records are nested: FIELD_DEPTH. */
static void put_row(struct buf *out, const char *name, const struct schema_field *f, bool list)
{
	const struct schema_field *rows;
	size_t n;

	mp_put_array(out, f->kind == REC_ENUM || (f->kind == REC_SUB && f->sub) ? 3 : 2);
	mp_put_text(out, bytes_str(name));
	put_type(out, f->sub ? schema_name(f->sub) : rec_kind_name(f->kind), list);
	if (f->kind == REC_ENUM) {
		put_enum(out, f);
	} else if (f->kind == REC_SUB && f->sub) {
		rows = schema_fields(f->sub, &n);
		mp_put_array(out, (uint32_t)n);
		for (size_t i = 0; i < n; i++)
			put_row(out, rows[i].name, &rows[i], rows[i].list);
	}
}

void make_field(struct make_schema *m, const char *name, enum rec_kind kind)
{
	const struct schema_field f = { .kind = kind };

	put_row(&m->rows, name, &f, false);
	m->count++;
}

void make_field_like(struct make_schema *m, const char *name, const struct schema_field *f)
{
	put_row(&m->rows, name, f, f->list);
	m->count++;
}

void make_field_whole(struct make_schema *m, const char *name, const struct field *f)
{
	struct schema_field row = { .kind = field_kind(f) };

	if (f->at == FIELD_COLUMN) {
		row = *f->last;
		row.list = field_is_list(f);
		if (row.kind == REC_IP16 && !row.list)
			row.kind = REC_IP; /* what says its length may be gone */
	}
	make_field_like(m, name, &row);
}

void make_field_item(struct make_schema *m, const char *name, const struct field *f)
{
	/* What a sub-record or a raw value is grouped by are its bytes. */
	bool bytes = f->last && (f->last->kind == REC_SUB || f->last->kind == REC_RAW);
	const struct schema_field plain = { .kind = bytes                       ? REC_BYTES
						    : field_kind(f) == REC_IP16 ? REC_IP
										: field_kind(f) };

	put_row(&m->rows, name, !bytes && f->last && plain.kind == REC_ENUM ? f->last : &plain,
		false);
	m->count++;
}

struct bytes make_rows(struct make_schema *m, struct buf *out)
{
	out->len = 0;
	mp_put_array(out, m->count);
	buf_add(out, m->rows.ptr, m->rows.len);
	return buf_bytes(out);
}

void make_schema_release(struct make_schema *m)
{
	buf_release(&m->rows);
	m->count = 0;
}

void make_schema_record(struct buf *out, uint16_t id, const char *name, uint16_t major,
			struct bytes rows)
{
	make_head(out, &(struct rec_head){ .type = REC_schema }, 4);
	mp_put_uint(out, id);
	mp_put_text(out, bytes_str(name));
	mp_put_uint(out, major);
	buf_add(out, rows.ptr, rows.len);
}
