/* measure: where a record ends, and whether we accept it, before anything else looks at it. */
#include "libcommon/record/record.h"

enum mark_class { MARK_BAD, MARK_SCALAR, MARK_BLOB, MARK_PAYLOAD, MARK_ARRAY, MARK_MAP };

/* What a marker byte says: the bytes of marker and length field (or of the whole scalar), and
 * which bits of a fix marker are its count. */
static const struct mark {
	uint8_t class, size, fix;
} marks[256] = {
	[0x00 ... 0x7f] = { MARK_SCALAR, 1, 0 },
	[0x80 ... 0x8f] = { MARK_MAP, 1, 0x0f },
	[0x90 ... 0x9f] = { MARK_ARRAY, 1, 0x0f },
	[0xa0 ... 0xbf] = { MARK_BLOB, 1, 0x1f },
	[0xc0] = { MARK_SCALAR, 1, 0 },
	[0xc2 ... 0xc3] = { MARK_SCALAR, 1, 0 },
	[0xc4] = { MARK_PAYLOAD, 2, 0 },
	[0xc5] = { MARK_PAYLOAD, 3, 0 },
	[0xc6] = { MARK_PAYLOAD, 5, 0 },
	[0xca] = { MARK_SCALAR, 5, 0 },
	[0xcb] = { MARK_SCALAR, 9, 0 },
	[0xcc] = { MARK_SCALAR, 2, 0 },
	[0xcd] = { MARK_SCALAR, 3, 0 },
	[0xce] = { MARK_SCALAR, 5, 0 },
	[0xcf] = { MARK_SCALAR, 9, 0 },
	[0xd0] = { MARK_SCALAR, 2, 0 },
	[0xd1] = { MARK_SCALAR, 3, 0 },
	[0xd2] = { MARK_SCALAR, 5, 0 },
	[0xd3] = { MARK_SCALAR, 9, 0 },
	[0xd9] = { MARK_BLOB, 2, 0 },
	[0xda] = { MARK_BLOB, 3, 0 },
	[0xdb] = { MARK_BLOB, 5, 0 },
	[0xdc] = { MARK_ARRAY, 3, 0 },
	[0xdd] = { MARK_ARRAY, 5, 0 },
	[0xde] = { MARK_MAP, 3, 0 },
	[0xdf] = { MARK_MAP, 5, 0 },
	[0xe0 ... 0xff] = { MARK_SCALAR, 1, 0 },
};

/* The count or length behind a marker whose m->size bytes are all there. */
static inline uint32_t mark_count(const struct mark *m, const uint8_t *p)
{
	switch (m->size) {
	case 1:
		return p[0] & m->fix;
	case 2:
		return p[1];
	case 3:
		return be16_get(p + 1);
	default:
		return be32_get(p + 1);
	}
}

static ssize_t reject(const char **why, const char *what)
{
	if (why)
		*why = what;
	return -1;
}

/* The outer array's header and the type number: the scan begins behind the former. Returns 1
 * where it has begun, 0 where bytes are missing, -1 where this is no record. */
static int scan_begin(struct rec_scan *s, struct bytes b, const char **why)
{
	const struct mark *m;
	struct cursor c;
	struct mp_value type;
	uint32_t count;

	if (b.len == 0)
		return 0;
	m = &marks[b.ptr[0]];
	if (m->class != MARK_ARRAY)
		return (int)reject(why, "not an array");
	if (b.len < m->size)
		return 0;
	count = mark_count(m, b.ptr);
	if (count < 4)
		return (int)reject(why, "an array of less than 4 items");
	if (count > REC_MAX_ITEMS)
		return (int)reject(why, "more than 16384 items");
	if (b.len == m->size)
		return 0;
	if (marks[b.ptr[m->size]].class != MARK_SCALAR)
		return (int)reject(why, "the type is not a number");
	if (b.len < (size_t)m->size + marks[b.ptr[m->size]].size)
		return 0;
	c = cursor_of(BYTES(b.ptr + m->size, b.len - m->size));
	type = mp_next(&c);
	if (type.type != MP_UINT || type.u > UINT16_MAX)
		return (int)reject(why, "the type is not a number below 65536");
	*s = (struct rec_scan){ .at = m->size, .items = count, .owed = count, .depth = 1 };
	s->left[0] = count;
	return 1;
}

ssize_t rec_scan_more(struct rec_scan *s, struct bytes b, const char **why)
{
	if (s->depth == 0) {
		int begun = scan_begin(s, b, why);

		if (begun <= 0)
			return begun;
	}
	for (;;) {
		const struct mark *m;
		uint64_t n = 0, end;

		while (s->left[s->depth - 1] == 0)
			if (--s->depth == 0)
				return s->at;
		if (s->at >= b.len)
			return 0;
		m = &marks[b.ptr[s->at]];
		if (m->class == MARK_BAD)
			return reject(why, "an ext type or unknown marker");
		end = (uint64_t)s->at + m->size;
		if (m->class != MARK_SCALAR) {
			if (end > b.len)
				return 0;
			n = mark_count(m, b.ptr + s->at);
		}
		if (m->class >= MARK_ARRAY) {
			n <<= m->class == MARK_MAP;
			if (n > REC_MAX_ITEMS - s->items)
				return reject(why, "more than 16384 items");
			if (s->depth == REC_MAX_DEPTH)
				return reject(why, "nested deeper than 8");
			s->items += (uint32_t)n;
			s->owed += (uint32_t)n;
			s->left[s->depth - 1]--;
			s->left[s->depth++] = (uint32_t)n;
		} else if (m->class == MARK_PAYLOAD && s->depth == 1 && s->left[0] == 1) {
			if (n > REC_MAX_PAYLOAD)
				return reject(why, "a payload above 256 KiB");
			if (end > REC_MAX_BODY)
				return reject(why, "a body above 256 KiB");
			if (end + n > b.len)
				return 0;
			return (ssize_t)(end + n);
		} else {
			end += n;
			if (end + s->owed - 1 > REC_MAX_BODY)
				return reject(why, "a body above 256 KiB");
			if (end > b.len)
				return 0;
			s->left[s->depth - 1]--;
		}
		s->owed--;
		s->at = (uint32_t)end;
		if (end + s->owed > REC_MAX_BODY)
			return reject(why, "a body above 256 KiB");
	}
}

/* A hot record in its fixed layout, which leaves only its payload's length to read. */
static inline ssize_t measure_fixed(struct bytes b, size_t wire, const char **why)
{
	size_t n = be32_get(b.ptr + wire - 4);

	if (n > REC_MAX_PAYLOAD)
		return reject(why, "a payload above 256 KiB");
	return b.len - wire >= n ? (ssize_t)(wire + n) : 0;
}

static __attribute__((noinline)) ssize_t measure_any(struct bytes b, const char **why)
{
	struct rec_scan s = { 0 };

	return rec_scan_more(&s, b, why);
}

#define HOT(name, id, major, what)                                                                 \
	case id:                                                                                   \
		if (b.len < rec_##name##_wire || !rec_##name##_is_fixed(b.ptr))                    \
			break;                                                                     \
		return measure_fixed(b, rec_##name##_wire, why);
#define HFIELD(r, type, name, what)
#define PAYLOAD(r, what)
#define HOT_END(name)
ssize_t rec_measure(struct bytes b, const char **why)
{
	if (b.len >= REC_PREFIX) {
		switch (be16_get(b.ptr + 4)) {
#include "proto/hot.def"
		}
	}
	return measure_any(b, why);
}

bool rec_head_get(struct bytes raw, struct rec_head *h, uint32_t *nfields, size_t *body_at)
{
	struct cursor c = cursor_of(raw);
	struct mp_value outer, v[4];

	if (rec_is_canonical(raw) && be16_get(raw.ptr + 1) >= 4) {
		*h = rec_head_fast(raw.ptr);
		*nfields = be16_get(raw.ptr + 1) - 4u;
		*body_at = REC_PREFIX;
		return true;
	}
	outer = mp_next(&c);
	if (outer.type != MP_ARRAY || outer.count < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		v[i] = mp_next(&c);
		if (v[i].type != MP_UINT)
			return false;
	}
	if (v[0].u > UINT16_MAX)
		return false;
	*h = (struct rec_head){ (uint16_t)v[0].u, v[1].u, v[2].u, v[3].u };
	*nfields = outer.count - 4;
	*body_at = (size_t)(c.pos - raw.ptr);
	return true;
}

bool rec_canonical(struct bytes raw, struct buf *out)
{
	struct rec_head h;
	uint32_t nfields;
	size_t at;

	if (!rec_head_get(raw, &h, &nfields, &at) || nfields > UINT16_MAX - 4)
		return false;
	rec_head_put(buf_reserve(out, REC_PREFIX + raw.len - at), &h, (uint16_t)nfields);
	out->len += REC_PREFIX;
	buf_add(out, raw.ptr + at, raw.len - at);
	return true;
}
