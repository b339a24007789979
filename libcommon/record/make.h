/* make: records and schemas of types that are known only at run time, put together by hand.
 *
 * Each function appends to a buffer; numbers take the shortest form. */
#ifndef WEIR_MAKE_H
#define WEIR_MAKE_H

#include "libcommon/record/field.h"

void mp_put_nil(struct buf *out);
void mp_put_bool(struct buf *out, bool b);
void mp_put_uint(struct buf *out, uint64_t v);
void mp_put_int(struct buf *out, int64_t v);
void mp_put_float(struct buf *out, double v);
void mp_put_bin(struct buf *out, struct bytes b);
void mp_put_text(struct buf *out, struct bytes b); /* str; bin where it is no UTF-8 */
void mp_put_array(struct buf *out, uint32_t count);
/* As a field of its kind has it; VALUE_ABSENT is nil. */
void mp_put_value(struct buf *out, const struct value *v);

/* The prefix of a record with that many fields; n as in struct rec_head. */
void make_head(struct buf *out, const struct rec_head *h, uint32_t nfields);

/* All of a field: its bytes in the record; of members of a list a list; an address of a hot type
 * without its padding; nil where the record lacks it. Declared by make_field_whole(). */
void mp_put_field(struct buf *out, const struct field *f, struct rec_view *v);

/* The record at hand, all of its fields found, with room for `more` behind them: fields that its
 * schema has and the record lacks are nil, those beyond its schema are left out. */
void rec_view_copy(const struct rec_view *v, struct buf *out, uint32_t more);

/* The rows of a schema. */
struct make_schema {
	struct buf rows; /* owned */
	uint32_t count;
};
void make_field(struct make_schema *m, const char *name, enum rec_kind kind);
/* Declared like a field of another type, with its enumeration, list or sub-record. */
void make_field_like(struct make_schema *m, const char *name, const struct schema_field *f);
void make_field_whole(struct make_schema *m, const char *name, const struct field *f);
/* A single value of what `f` has: of a list one item. */
void make_field_item(struct make_schema *m, const char *name, const struct field *f);
/* The whole list of rows; borrowed until the next call. */
struct bytes make_rows(struct make_schema *m, struct buf *out);
void make_schema_release(struct make_schema *m);

/* A schema record, its rows given as one msgpack value. */
void make_schema_record(struct buf *out, uint16_t id, const char *name, uint16_t major,
			struct bytes rows);

#endif
