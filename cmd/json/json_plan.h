/* json_plan: what a line of JSON of one record type is made of, for json.c. */
#ifndef WEIR_JSON_JSON_PLAN_H
#define WEIR_JSON_JSON_PLAN_H

#include "cmd/json/key_cache.h"
#include "cmd/json/plan.h"

/* A field, with everything that does not change from record to record made beforehand. */
struct json_field {
	struct bytes key;          /* ,"name": */
	const struct bytes *texts; /* of an enumeration: "name" by number; ptr NULL for holes */
	size_t ntexts;
	const struct json_shape *sub;
	enum rec_kind kind;
	bool show, list, by_version;
	bool simple; /* shown, and nothing else to mind */
};

struct json_shape {
	struct json_field *fields;
	size_t count;
};

struct json_plan {
	struct json_shape shape;
	struct buf texts;      /* what the fields point to; never grows after it was made */
	struct buf front;      /* up to the value of ts */
	size_t room;           /* the longest key with the longest value that is not a blob */
	bool iso_time;         /* times are text */
	bool key_first;        /* the key is the first five fields, as in every type of ours */
	bool out_of_order;     /* values are needed before their turn: scan first */
	struct key_cache *ids; /* key_first: shared; else of this plan */
	const struct render_plan *render; /* whose plan this is */
	struct buf *out;                  /* of the record at hand */
	struct buf plain;                 /* it, where its prefix was not canonical */
};

enum { KEY_FIELDS = 5 };

#endif
