/* record: every record type of weir, expanded from proto/records.def, and its coding.
 *
 * A record is one msgpack array [type, ts, flow, n, field, ...]. Layer: below port and stage;
 * does no I/O. What decoding hands out is borrowed from the bytes decoded. */
#ifndef WEIR_RECORD_H
#define WEIR_RECORD_H

#include <sys/types.h>

#include "libcommon/base/buf.h"
#include "libcommon/record/types.h"

#define REC_DEF "proto/records.def"
#include "libcommon/record/expand.h"

enum {
	REC_PREFIX = 33,     /* bytes of the canonical prefix */
	REC_FIRST_DATA = 32, /* types below are control records */
	REC_FIRST_CUSTOM = 1000,
	REC_MAX_DEPTH = 8,
	REC_MAX_ITEMS = 16384,
	REC_MAX_BODY = 256 * 1024, /* a record without its payload */
	REC_MAX_PAYLOAD = 256 * 1024,
	REC_MAX = REC_MAX_BODY + REC_MAX_PAYLOAD,
};

/* All built-in descriptions, by ascending id (put in order before main); read only. */
extern const struct rec_desc *rec_builtin[];
extern const size_t rec_builtin_count;
const struct rec_desc *rec_builtin_find(uint16_t id);
const struct rec_desc *rec_builtin_named(struct bytes name);

/* ---- measuring and checking ------------------------------------------------------------- */

/* The length of the msgpack value at the start of b. 0: more bytes are needed. -1: it is not a
 * record we accept (not an array of >= 4 items that starts with a type number, depth > 8, more
 * than 16,384 items, a body above REC_MAX_BODY, a payload - a bin that is the last field - above
 * REC_MAX_PAYLOAD, ext types, unknown marker); then *why says what. What can be rejected by the
 * bytes there are is rejected at once. Canonical hot records take a short path.
 * Touches nothing beyond b, allocates nothing, never recurses. A call costs at most one step an
 * item (blobs are jumped over), so call again only after more bytes came; where they come in
 * crumbs, use rec_scan_more(), which goes on where it stopped. */
ssize_t rec_measure(struct bytes b, const char **why);

/* How far the measuring of one record got. Zeroed = at its start. */
struct rec_scan {
	uint32_t at, items, owed; /* bytes checked; items announced; of those still to come */
	uint32_t left[REC_MAX_DEPTH];
	uint32_t depth; /* 0 = not begun */
};

/* The same, to be called with ever more bytes of the same record: all calls together cost no
 * more than one that sees it whole. After a length or -1, zero the scan for the next record. */
ssize_t rec_scan_more(struct rec_scan *s, struct bytes b, const char **why);

/* Reads the prefix of one whole record in any legal int width; gives the fields' count (without
 * the four of the prefix) and where they start. False where it is malformed. */
bool rec_head_get(struct bytes raw, struct rec_head *h, uint32_t *nfields, size_t *body_at);

/* Is the prefix in the canonical 33-byte form? */
static inline bool rec_is_canonical(struct bytes raw)
{
	return raw.len >= REC_PREFIX && raw.ptr[0] == 0xdc && raw.ptr[3] == 0xcd &&
	       raw.ptr[6] == 0xcf && raw.ptr[15] == 0xcf && raw.ptr[24] == 0xcf;
}

/* Constant-offset access; only where rec_is_canonical(). */
static inline struct rec_head rec_head_fast(const uint8_t *p)
{
	return (struct rec_head){ be16_get(p + 4), be64_get(p + 7), be64_get(p + 16),
				  be64_get(p + 25) };
}

static inline void rec_head_put(uint8_t *p, const struct rec_head *h, uint16_t nfields)
{
	p[0] = 0xdc;
	be16_put(p + 1, (uint16_t)(nfields + 4));
	p[3] = 0xcd;
	be16_put(p + 4, h->type);
	p[6] = 0xcf;
	be64_put(p + 7, h->ts);
	p[15] = 0xcf;
	be64_put(p + 16, h->flow);
	p[24] = 0xcf;
	be64_put(p + 25, h->n);
}

/* Appends raw to out with the prefix made canonical; the fields stay byte for byte. */
bool rec_canonical(struct bytes raw, struct buf *out);

/* ---- cold records ------------------------------------------------------------------------ */

/* Appends the record. rec points at the C struct of desc. Packed by msgpack-c behind our
 * prefix. A str that is not UTF-8 goes out as bin. Works for hot types too (the oracle). */
void rec_pack(struct buf *out, const struct rec_desc *desc, const struct rec_head *h,
	      const void *rec);

/* Appends the schema record that describes desc, under the id the stream uses for it. */
void rec_pack_schema(struct buf *out, const struct rec_desc *desc, uint16_t id, uint64_t n);

/* A type as a stream declares it. Owns its memory. */
struct schema;
/* From a whole schema record; NULL and *why where it is malformed. */
struct schema *schema_parse(struct bytes raw, const char **why);
struct schema *schema_of(const struct rec_desc *desc); /* never NULL */
void schema_free(struct schema *s);

struct schema_field {
	const char *name;
	enum rec_kind kind;
	bool list;
	const struct schema *sub;       /* REC_SUB */
	const char *const *enum_values; /* REC_ENUM, indexed by number, NULL for holes */
	size_t enum_count;
};
uint16_t schema_id(const struct schema *s);
uint16_t schema_major(const struct schema *s);
const char *schema_name(const struct schema *s);
const struct schema_field *schema_fields(const struct schema *s, size_t *count);
/* Index of a field by name, or -1. */
int schema_find(const struct schema *s, const char *name);
/* Field type names as the wire has them: "u16", "str", "ip", "time", "enum", "list<u16>",
 * "list<dns_rr>" ... Bytes borrowed from a static table. */
const char *rec_kind_name(enum rec_kind k);

/* Binds a stream's schema to our description by field name. NULL where a required (not OPT, not
 * LIST) field is missing or of another type, in a sub-record too; then *missing names it (a
 * static text). Also NULL where the major differs (*missing = "version"). An optional field of
 * another type is as good as missing. Integers of all widths, time, dur and enum are one type
 * here, as each value is checked when it is read; so are str and bytes. */
struct rec_binding;
struct rec_binding *rec_bind(const struct schema *s, const struct rec_desc *desc,
			     const char **missing);
void rec_binding_free(struct rec_binding *b);

/* Decodes one whole record into the C struct of the binding's description. Lists and their
 * items are put into arena, which is cleared first and may be NULL: then lists stay empty.
 * Absent fields are zero. Fields beyond the schema are skipped. False where the record does not
 * fit its schema, or a number its field; then rec is zeroed. */
bool rec_decode(const struct rec_binding *b, struct bytes raw, struct rec_head *h, void *rec,
		struct buf *arena);
/* The same by our own description, for control records, which no stream declares. */
bool rec_decode_own(const struct rec_desc *desc, struct bytes raw, struct rec_head *h, void *rec,
		    struct buf *arena);

/* ---- walking values, for printers that know only the schema ------------------------------ */

enum mp_type {
	MP_NIL,
	MP_BOOL,
	MP_UINT,
	MP_INT,
	MP_FLOAT,
	MP_STR,
	MP_BIN,
	MP_ARRAY,
	MP_MAP,
	MP_BAD
};

struct mp_value {
	enum mp_type type;
	union {
		bool b;
		uint64_t u;
		int64_t i; /* MP_INT: negative numbers only */
		double f;
		uint32_t count; /* MP_ARRAY items, MP_MAP pairs: they follow in the cursor */
	};
	struct bytes bytes; /* MP_STR, MP_BIN */
};

/* The number that is not negative at p, where left > 0 bytes are: how many of them it takes, 0
 * where it is something else, signed, or so near to the end that mp_next_other() must look. */
static inline size_t mp_uint_at(const uint8_t *p, size_t left, uint64_t *v)
{
	size_t size;

	if (*p <= 0x7f) {
		*v = *p;
		return 1;
	}
	if ((*p & 0xfc) != 0xcc || left <= 8)
		return 0;
	size = (size_t)1 << (*p & 3);
	*v = be64_get(p + 1) >> (64 - 8 * size);
	return 1 + size;
}

/* The same for a str or bin of at most 255 bytes. */
static inline size_t mp_blob_at(const uint8_t *p, size_t left, struct bytes *b)
{
	size_t skip = 1, n = *p & 0x1f;

	if ((*p & 0xe0) != 0xa0) {
		if ((*p != 0xc4 && *p != 0xd9) || left == 1)
			return 0;
		skip = 2;
		n = p[1];
	}
	if (n > left - skip)
		return 0;
	*b = BYTES(p + skip, n);
	return skip + n;
}

/* mp_next() for all other forms, and at the end of the bytes. */
struct mp_value mp_next_other(struct cursor *c);

/* The next value; containers are entered. MP_BAD (and c->failed) at the end or on nonsense.
 * The forms that records are made of are read in line: then nothing is put together only to be
 * taken apart again. */
static inline struct mp_value mp_next(struct cursor *c)
{
	const uint8_t *p = c->pos;
	size_t left = cursor_left(c), size;
	struct bytes b;
	uint64_t v;

	if (left == 0 || c->failed)
		return mp_next_other(c);
	if (*p == 0xc0) {
		c->pos = p + 1;
		return (struct mp_value){ .type = MP_NIL };
	}
	size = mp_uint_at(p, left, &v);
	if (size) {
		c->pos = p + size;
		return (struct mp_value){ .type = MP_UINT, .u = v };
	}
	size = mp_blob_at(p, left, &b);
	if (size) {
		c->pos = p + size;
		return (struct mp_value){ .type = *p == 0xc4 ? MP_BIN : MP_STR, .bytes = b };
	}
	return mp_next_other(c);
}
/* -1, 0, 1 (or a difference) as a comes before, with or behind b: by kind, then by value; two
 * containers are equal. */
int mp_order(const struct mp_value *a, const struct mp_value *b);
/* Skips one whole value. False where there is none. Never recurses. */
bool mp_skip(struct cursor *c);

/* ---- hot records ------------------------------------------------------------------------- */
/* For frame, packet and stream: fixed layout, constant offsets.
 *   rec_X_wire                    bytes of a record without its payload
 *   rec_X_put(at, head, rec)      writes rec_X_wire + rec->payload.len bytes at `at`
 *   rec_X_put_head(at, ...)       all but the payload's bytes (its length is written)
 *   rec_X_get(raw, head, rec)     false where the record is not in the canonical layout: then
 *                                 decode through a binding
 * Expanded from proto/hot.def in hot.h. */
#include "libcommon/record/hot.h"

/* UTF-8 check as in RFC 3629. */
bool rec_is_utf8(struct bytes b);

#endif
