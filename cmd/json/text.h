/* text: a record as one aligned line for people. Shares the plan with render.c. */
#ifndef WEIR_JSON_TEXT_H
#define WEIR_JSON_TEXT_H

#include "cmd/json/render.h"
#include "libcommon/record/community_id.h"

struct render_cid {
	uint64_t flow;
	bool set;
	char text[COMMUNITY_ID_SIZE];
};

struct text_style;

struct render_plan {
	struct render_options options;
	const struct schema *schema;
	const struct schema_field *fields;
	size_t nfields;
	bool *show;
	bool show_ts, show_flow, show_n, show_cid, has_key;
	int proto, orig_h, orig_p, resp_h, resp_p, ip_version, producer;
	struct render_cid *cids;
	struct bytes *values;           /* of the record at hand, by field */
	const struct text_style *style; /* text: how to write it; NULL = all fields as name=value */
	int *brief;                     /* text: the style's fields in the schema; -1 = not shown */
	const char *color;
	struct buf front, key_text; /* JSON: what is the same in every line */
	struct bytes *keys;         /* by field, in key_text */
};

/* Fills values; false where the record does not fit. */
bool render_scan(struct render_plan *p, struct bytes raw);
struct mp_value render_value(const struct render_plan *p, int field);
struct bytes render_address(const struct render_plan *p, int field);
bool render_key(const struct render_plan *p, struct rec_key *key);

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
