/* measure: where a record ends, and whether we accept it, before anything else looks at it. */
#include "libcommon/record/record.h"

#include "libcommon/record/mark.h"

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
	if (rec_is_canonical(b)) {
		count = be16_get(b.ptr + 1);
		if (count >= 4 && count <= REC_MAX_ITEMS) {
			*s = (struct rec_scan){ REC_PREFIX, count, count - 4, { count - 4 }, 1 };
			return 1;
		}
	}
	m = &rec_marks[b.ptr[0]];
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
	if (!mark_is_scalar(&rec_marks[b.ptr[m->size]]))
		return (int)reject(why, "the type is not a number");
	if (b.len < (size_t)m->size + rec_marks[b.ptr[m->size]].size)
		return 0;
	c = cursor_of(BYTES(b.ptr + m->size, b.len - m->size));
	type = mp_next(&c);
	if (type.type != MP_UINT || type.u > UINT16_MAX)
		return (int)reject(why, "the type is not a number below 65536");
	*s = (struct rec_scan){ .at = m->size, .items = count, .owed = count, .depth = 1 };
	s->left[0] = count;
	return 1;
}

/* The plain values that come next in the innermost container. Only as far as nothing could be
 * wrong: before PLAIN_END no body can be too long, and what is cut or last is left alone. */
static inline void scan_plain(struct rec_scan *s, struct bytes b)
{
	enum { PLAIN_END = REC_MAX_BODY - REC_MAX_ITEMS };
	size_t end = b.len < PLAIN_END ? b.len : PLAIN_END;
	uint32_t *left = &s->left[s->depth - 1], n;
	const uint8_t *p;

	if (s->at >= end)
		return;
	p = b.ptr + s->at;
	n = *left - (uint32_t)mark_run(&p, b.ptr + end, *left);
	*left -= n;
	s->owed -= n;
	s->at = (uint32_t)(p - b.ptr);
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
		scan_plain(s, b);
		if (s->left[s->depth - 1] == 0)
			continue;
		if (s->at >= b.len)
			return 0;
		m = &rec_marks[b.ptr[s->at]];
		if (m->class == MARK_BAD)
			return reject(why, "an ext type or unknown marker");
		end = (uint64_t)s->at + m->size;
		if (!mark_is_scalar(m)) {
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
