/* encode: a line of JSON as a record, by a schema: the inverse of what weir-json prints. Pure. */
#ifndef WEIR_FROM_JSON_ENCODE_H
#define WEIR_FROM_JSON_ENCODE_H

#include "libcommon/base/json.h"
#include "libcommon/record/record.h"

enum { LINE_MEMBERS = 640, LINE_WHY = 160 };

struct line_member {
	struct bytes key; /* as written */
	struct json_value value;
};

/* A line taken apart; borrows it. */
struct line {
	struct line_member member[LINE_MEMBERS];
	size_t n;
};

/* False: it is no JSON object, has a key twice, or more than LINE_MEMBERS; `why` says so. */
bool line_split(struct line *l, struct bytes text, char why[LINE_WHY]);
/* The value of the member `type`, or absent. */
struct bytes line_type(const struct line *l);

struct encoder {
	const struct schema *schema;
	const struct rec_desc *desc; /* which fields a record can't be without; NULL: none */
	uint16_t id;
	bool ignore_unknown; /* members that the type does not have are left out */
	uint64_t n;          /* for a line that has no n */
};

/* Appends the record. False, and out as before, where a value is not what the schema says: `why`
 * names the field. */
bool line_encode(const struct encoder *e, const struct line *l, struct buf *out,
		 char why[LINE_WHY]);

#endif
