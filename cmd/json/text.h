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

struct render_plan {
	struct render_options options;
	const struct schema *schema;
	const struct schema_field *fields;
	size_t nfields;
	bool *show;
	bool show_ts, show_flow, show_n, show_cid, has_key;
	int proto, orig_h, orig_p, resp_h, resp_p, ip_version, producer;
	struct render_cid *cids;
	struct bytes *values; /* of the record at hand, by field */
	int *brief;           /* text: the fields to show, -1 ended; NULL = all as name=value */
	const char *color;
};

/* Fills values; false where the record does not fit. */
bool render_scan(struct render_plan *p, struct bytes raw);
struct mp_value render_value(const struct render_plan *p, int field);
struct bytes render_address(const struct render_plan *p, int field);
bool render_key(const struct render_plan *p, struct rec_key *key);

void text_plan(struct render_plan *p);
void text_record(struct render_plan *p, const struct rec_head *h, struct buf *out);

#endif
