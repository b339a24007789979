/* plan: how records of one declared type are written. What render.c, json.c and text.c share. */
#ifndef WEIR_JSON_PLAN_H
#define WEIR_JSON_PLAN_H

#include "cmd/json/render.h"

struct text_style;
struct json_plan;

struct render_plan {
	struct render_options options;
	const struct schema *schema;
	const struct schema_field *fields;
	size_t nfields;
	bool *show;
	bool show_ts, show_flow, show_n, show_cid, has_key;
	int proto, orig_h, orig_p, resp_h, resp_p, ip_version, producer;
	struct bytes *values; /* of the record at hand, by field: where render_scan() was called */
	struct bytes made_by; /* the record at hand: its producer */
	struct json_plan *json;
	const struct text_style *style; /* text: how to write it; NULL = all fields as name=value */
	int *brief;                     /* text: the style's fields in the schema; -1 = not shown */
	const char *color;
};

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

/* Finds where the values of the first `count` fields start, so that they can be had out of order;
 * false where there is damage among them. */
bool render_scan(struct render_plan *p, struct cursor c, uint32_t items, size_t count);
/* Of the record last scanned. */
struct mp_value render_value(const struct render_plan *p, int field);
struct bytes render_address(const struct render_plan *p, int field);
bool render_key(const struct render_plan *p, struct rec_key *key);

/* ---- json.c ---- */
void json_plan(struct render_plan *p);
void json_plan_free(struct json_plan *j);
/* Appends the line. False where the record is damaged: then what was appended is rubbish. */
bool json_record(struct render_plan *p, const struct rec_head *h, struct bytes raw,
		 struct buf *out);

#endif
