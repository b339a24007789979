/* field: the values of a record by the names that its schema and the printers use.
 *
 * Names: those of the type's own fields; `answers.rdata` for a member of a sub-record, of which a
 * list has one each; and, for every type, type, ts, flow and n, which lie in the prefix, and
 * community_id where there is a key. A name is bound once per schema; reading allocates nothing. */
#ifndef WEIR_FIELD_H
#define WEIR_FIELD_H

#include "libcommon/record/view.h"

enum {
	FIELD_DEPTH = 3, /* sub-records within sub-records, as schemas may have them */
	FIELD_NAME = 200,
};

enum value_type {
	VALUE_ABSENT,
	VALUE_BOOL,
	VALUE_UINT,
	VALUE_INT, /* below 0 */
	VALUE_FLOAT,
	VALUE_TIME, /* u: ns since the epoch */
	VALUE_DUR,  /* u: ns */
	VALUE_ENUM, /* u, and its name */
	VALUE_TEXT,
	VALUE_BYTES, /* also a value of no known form, as it is on the wire */
	VALUE_IP,    /* 4 or 16 bytes */
	VALUE_MAC,
};

struct value {
	enum value_type type;
	union {
		bool b;
		uint64_t u;
		int64_t i;
		double f;
	};
	/* TEXT, BYTES, IP, MAC; ENUM: its name, ptr NULL where the schema gives none. Borrowed from
	 * the record, the schema or the view: until the view is started anew. */
	struct bytes bytes;
};

enum field_at {
	FIELD_NONE, /* the type has no such field */
	FIELD_COLUMN,
	FIELD_TYPE,
	FIELD_TS,
	FIELD_FLOW,
	FIELD_N,
	FIELD_COMMUNITY_ID,
};

/* A name, bound to a schema. Zeroed: FIELD_NONE. */
struct field {
	enum field_at at;
	uint8_t depth; /* of FIELD_COLUMN: names in its path */
	struct {
		uint16_t column;
		bool list;
	} step[FIELD_DEPTH];
	const struct schema_field *last; /* of FIELD_COLUMN: what it is declared as */
};

/* False (and FIELD_NONE) where the type has no field of that name. */
bool field_bind(struct field *f, const struct rec_view *v, const char *name);
/* May it have more than one value? */
bool field_is_list(const struct field *f);
/* What it is declared as; REC_STR, REC_TIME, REC_U64 for what is in no schema. */
enum rec_kind field_kind(const struct field *f);

/* The first value, or VALUE_ABSENT: the record lacks it, or is damaged (rec_view_damaged). */
struct value field_value(const struct field *f, struct rec_view *v);

/* All its values, one after the other. */
struct field_walk {
	const struct field *field;
	struct rec_view *view;
	struct value only; /* one that is no column's */
	bool is_only;
	int level; /* -1: done */
	struct bytes
		raw; /* the last value as it is on the wire; empty for one that is no column's */
	struct {
		struct cursor c;
		uint32_t left;
	} at[FIELD_DEPTH];
};
void field_walk(struct field_walk *w, const struct field *f, struct rec_view *v);
bool field_next(struct field_walk *w, struct value *value);

#endif
