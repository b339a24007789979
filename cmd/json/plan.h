/* plan: how records of one declared type are written. What render.c, json.c and text.c share. */
#ifndef WEIR_JSON_PLAN_H
#define WEIR_JSON_PLAN_H

#include "cmd/json/render.h"
#include "libcommon/record/view.h"

struct text_style;
struct json_plan;

struct render_plan {
	struct render_options options;
	const struct schema *schema;
	const struct schema_field *fields;
	size_t nfields;
	bool *show;
	bool show_ts, show_flow, show_n, show_cid;
	int producer;
	struct rec_view *view; /* of the record at hand, to have its values out of order */
	struct bytes made_by;  /* the record at hand: its producer */
	struct json_plan *json;
	const struct text_style *style; /* text: how to write it; NULL = all fields as name=value */
	int *brief;                     /* text: the style's fields in the schema; -1 = not shown */
	const char *color;
};

/* ---- json.c ---- */
void json_plan(struct render_plan *p);
void json_plan_free(struct json_plan *j);
/* Appends the line. False where the record is damaged: then what was appended is rubbish. */
bool json_record(struct render_plan *p, const struct rec_head *h, struct bytes raw,
		 struct buf *out);

#endif
