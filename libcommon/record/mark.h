/* mark: what the marker byte of a msgpack value says. For this folder only. */
#ifndef WEIR_RECORD_MARK_H
#define WEIR_RECORD_MARK_H

#include "libcommon/base/bytes.h"

enum mark_class {
	MARK_BAD,
	MARK_SINGLE, /* a scalar that is its marker */
	MARK_SCALAR,
	MARK_BLOB,
	MARK_PAYLOAD,
	MARK_ARRAY,
	MARK_MAP
};

/* The bytes of marker and length field (or of the whole scalar), and which bits of a fix marker
 * are its count. */
struct mark {
	uint8_t class, size, fix;
};
extern const struct mark rec_marks[256];

static inline bool mark_is_scalar(const struct mark *m)
{
	return m->class == MARK_SINGLE || m->class == MARK_SCALAR;
}

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

/* The bytes of the scalar, or of the str or bin of at most 255 bytes, at p; 0 where something
 * else is there. p[1] must be readable. The forms that records are made of are told apart by
 * branches, because the place of the next value then does not wait for a table. */
static inline size_t mark_plain(const uint8_t *p)
{
	uint8_t mark = *p;

	if (rec_marks[mark].class == MARK_SINGLE)
		return 1;
	if ((mark & 0xfc) == 0xcc)
		return 1 + ((size_t)1 << (mark & 3));
	if (mark == 0xc4 || mark == 0xd9)
		return 2 + (size_t)p[1];
	if ((mark & 0xe0) == 0xa0)
		return 1 + (size_t)(mark & 0x1f);
	return rec_marks[mark].class == MARK_SCALAR ? rec_marks[mark].size : 0;
}

/* Steps over at most n such values, all of which end at or before `end`. Returns how many of the
 * n are left: what stands at *at then is not plain, is cut, or is the last byte. */
static inline __attribute__((always_inline)) size_t mark_run(const uint8_t **at, const uint8_t *end,
							     size_t n)
{
	const uint8_t *p = *at;

	while (n && end - p > 1) {
		size_t size = mark_plain(p);

		if (size == 0 || size > (size_t)(end - p))
			break;
		p += size;
		n--;
	}
	*at = p;
	return n;
}

/* Skips n whole values, as mp_skip() skips one. */
bool mp_skip_many(struct cursor *c, uint64_t n);

#endif
