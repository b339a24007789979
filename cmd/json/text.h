/* text: a record as one aligned line for people. */
#ifndef WEIR_JSON_TEXT_H
#define WEIR_JSON_TEXT_H

#include "cmd/json/plan.h"

void text_plan(struct render_plan *p);
/* Appends the line; nothing where the options leave this record out. */
void text_record(struct render_plan *p, const struct rec_head *h, struct buf *out);

/* ---- between text.c and text_styles.c ---- */

enum { TEXT_STYLE_FIELDS = 16 };

/* How a type that we know is written. `write` appends " piece piece ..". */
struct text_style {
	const char *type, *color;
	const char *fields[TEXT_STYLE_FIELDS];
	void (*write)(const struct render_plan *p, struct buf *out);
};

const struct text_style *text_style_of(const char *type);
/* Bytes as they can stand on a terminal: UTF-8 without control or direction characters, all
 * else as \xHH. */
void text_bytes(struct buf *out, struct bytes b);
void text_duration(struct buf *out, uint64_t ns);
void text_size(struct buf *out, uint64_t bytes); /* 999, 1.0k, 15k, 734M */
/* One value, by its type in the schema. */
void text_value(const struct schema_field *f, struct cursor *c, struct buf *out, int depth);

#endif
