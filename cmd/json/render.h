/* render: a record of any type as a line of JSON or of text, by its schema. Pure. */
#ifndef WEIR_JSON_RENDER_H
#define WEIR_JSON_RENDER_H

#include "libcommon/base/buf.h"
#include "libcommon/record/record.h"

struct key_cache;

enum render_format { RENDER_JSON, RENDER_TEXT };

struct render_options {
	enum render_format format;
	bool color, iso_time, community_id;
	bool gaps_only; /* in text: of stream_end those with a gap, as "gap" */
	unsigned width; /* of a text line, columns; 0 = no limit */
	uint16_t seed;  /* of the Community ID */
	/* Names; NULL-ended, NULL = all / none. */
	const char *const *fields, *const *exclude;
	/* Shared by all plans of these options; NULL: nothing is kept from record to record. */
	struct key_cache *keys;
};

/* How records of one declared type are written; made once per schema. */
struct render_plan;
struct render_plan *render_plan_new(const struct schema *s, const struct render_options *o);
void render_plan_free(struct render_plan *p);

/* Appends one line, newline included; nothing where the options leave this record out. False
 * (nothing appended) where the record does not fit its schema. */
bool render_record(struct render_plan *p, const struct rec_head *h, struct bytes raw,
		   struct buf *out);

/* Who made the record last rendered, where its type says so (fields stage or parser); else empty.
 * Borrowed from its raw bytes. */
struct bytes render_producer(const struct render_plan *p);

/* ---- pieces, also used by other printers ---- */

/* A JSON string of any bytes: valid UTF-8 stays, control characters are escaped, what is no
 * UTF-8 becomes the four characters \xHH (with the backslash escaped). */
void json_string(struct buf *out, struct bytes b);
void json_time(struct buf *out, uint64_t ns); /* seconds with 9 decimals */
void number_text(struct buf *out, uint64_t v);
void iso_time(struct buf *out, uint64_t ns); /* 2026-01-02T03:04:05.000000006Z */
void ip_text(struct buf *out, struct bytes address);

#endif
