/* view: a record of any type through its stream's schema: where each field's value lies.
 *
 * Made once per schema; then started for record after record. A value is looked for when it is
 * asked for, and no further: what lies behind the last field that anybody wants is not read.
 * All that is handed out is borrowed from the record's bytes. No allocation per record. */
#ifndef WEIR_VIEW_H
#define WEIR_VIEW_H

#include "libcommon/record/community_id.h"
#include "libcommon/record/record.h"

struct rec_view {
	const struct schema *schema; /* borrowed: outlives the view */
	const struct schema_field *fields;
	size_t nfields;
	/* columns of the key, -1 where the type has none of that name */
	int proto, orig_h, orig_p, resp_h, resp_p, ip_version;
	bool has_key;
	/* the record at hand */
	struct rec_head head;
	struct bytes *values; /* of the first `found` fields; len 0 = not in the record */
	size_t found;
	uint32_t items; /* fields that the record has */
	struct cursor rest;
	char community_id[COMMUNITY_ID_SIZE]; /* where a field of that name was asked for */
};

void rec_view_init(struct rec_view *v, const struct schema *s);
void rec_view_release(struct rec_view *v);

/* A whole record. False where it has no prefix. */
bool rec_view_start(struct rec_view *v, struct bytes raw);
/* The same where the prefix was read before: `fields` is behind it. */
static inline void rec_view_start_at(struct rec_view *v, struct cursor fields, uint32_t items)
{
	v->found = 0;
	v->items = items;
	v->rest = fields;
}

/* Finds the values of the first `count` fields; false where there is damage among them. */
bool rec_view_find(struct rec_view *v, size_t count);

/* Was the record damaged, as far as it was looked at? */
static inline bool rec_view_damaged(const struct rec_view *v)
{
	return v->rest.failed;
}

/* The bytes of one field's value; len 0 where the record lacks it, or is damaged before it. */
static inline struct bytes rec_view_raw(struct rec_view *v, int field)
{
	if (field < 0)
		return BYTES(NULL, 0);
	if ((size_t)field >= v->found && !rec_view_find(v, (size_t)field + 1))
		return BYTES(NULL, 0);
	return v->values[field];
}

/* The value; MP_NIL where the record lacks it. Containers are only named. */
struct mp_value rec_view_value(struct rec_view *v, int field);
/* An address: 4 or 16 bytes, or 0 for none. The hot types keep an IPv4 address in the first 4 of
 * 16 bytes, and say so in another field. */
struct bytes rec_view_address(struct rec_view *v, int field);
/* The key of the record's flow; false where it has none. */
bool rec_view_key(struct rec_view *v, struct rec_key *key);

/* Skips one value: the short kinds at once, by their first byte, the others the long way. */
static inline bool mp_skip_short(struct cursor *c)
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

#endif
