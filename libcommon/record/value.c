/* value: msgpack values out of a checked cursor, one at a time. */
#include "libcommon/record/record.h"

#include "libcommon/record/mark.h"

const struct mark rec_marks[256] = {
	[0x00 ... 0x7f] = { MARK_SINGLE, 1, 0 },
	[0x80 ... 0x8f] = { MARK_MAP, 1, 0x0f },
	[0x90 ... 0x9f] = { MARK_ARRAY, 1, 0x0f },
	[0xa0 ... 0xbf] = { MARK_BLOB, 1, 0x1f },
	[0xc0] = { MARK_SINGLE, 1, 0 },
	[0xc2 ... 0xc3] = { MARK_SINGLE, 1, 0 },
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
	[0xe0 ... 0xff] = { MARK_SINGLE, 1, 0 },
};

static struct mp_value mp_bad(struct cursor *c)
{
	c->failed = true;
	return (struct mp_value){ .type = MP_BAD };
}

/* Every number that is not negative is MP_UINT, whatever signed form it came in. */
static struct mp_value mp_signed(int64_t i)
{
	if (i >= 0)
		return (struct mp_value){ .type = MP_UINT, .u = (uint64_t)i };
	return (struct mp_value){ .type = MP_INT, .i = i };
}

static inline struct mp_value mp_blob(struct cursor *c, enum mp_type type, size_t n)
{
	const uint8_t *at;

	if (c->failed || cursor_left(c) < n)
		return mp_bad(c);
	at = c->pos;
	c->pos += n;
	return (struct mp_value){ .type = type, .bytes = BYTES(at, n) };
}

static struct mp_value mp_float(struct cursor *c, bool wide)
{
	struct mp_value v = { .type = MP_FLOAT };

	if (wide) {
		uint64_t bits = cursor_be64(c);

		memcpy(&v.f, &bits, sizeof(v.f));
	} else {
		uint32_t bits = cursor_be32(c);
		float f;

		memcpy(&f, &bits, sizeof(f));
		v.f = f;
	}
	return v;
}

/* fixstr, bin 8 and str 8 come here only where they are cut. */
static struct mp_value mp_marked(struct cursor *c, uint8_t mark)
{
	switch (mark) {
	case 0xc2:
	case 0xc3:
		return (struct mp_value){ .type = MP_BOOL, .b = mark & 1 };
	case 0xc5:
		return mp_blob(c, MP_BIN, cursor_be16(c));
	case 0xc6:
		return mp_blob(c, MP_BIN, cursor_be32(c));
	case 0xca:
	case 0xcb:
		return mp_float(c, mark & 1);
	case 0xcc:
		return (struct mp_value){ .type = MP_UINT, .u = cursor_u8(c) };
	case 0xcd:
		return (struct mp_value){ .type = MP_UINT, .u = cursor_be16(c) };
	case 0xce:
		return (struct mp_value){ .type = MP_UINT, .u = cursor_be32(c) };
	case 0xcf:
		return (struct mp_value){ .type = MP_UINT, .u = cursor_be64(c) };
	case 0xd0:
		return mp_signed((int8_t)cursor_u8(c));
	case 0xd1:
		return mp_signed((int16_t)cursor_be16(c));
	case 0xd2:
		return mp_signed((int32_t)cursor_be32(c));
	case 0xd3:
		return mp_signed((int64_t)cursor_be64(c));
	case 0xda:
		return mp_blob(c, MP_STR, cursor_be16(c));
	case 0xdb:
		return mp_blob(c, MP_STR, cursor_be32(c));
	case 0xdc:
		return (struct mp_value){ .type = MP_ARRAY, .count = cursor_be16(c) };
	case 0xdd:
		return (struct mp_value){ .type = MP_ARRAY, .count = cursor_be32(c) };
	case 0xde:
		return (struct mp_value){ .type = MP_MAP, .count = cursor_be16(c) };
	case 0xdf:
		return (struct mp_value){ .type = MP_MAP, .count = cursor_be32(c) };
	default:
		return mp_bad(c);
	}
}

struct mp_value mp_next_other(struct cursor *c)
{
	struct mp_value v;
	uint8_t mark;

	if (c->failed || c->pos == c->end)
		return mp_bad(c);
	mark = *c->pos++;
	if (mark >= 0xe0)
		return (struct mp_value){ .type = MP_INT, .i = (int8_t)mark };
	if (mark <= 0x8f)
		return (struct mp_value){ .type = MP_MAP, .count = mark & 0x0f };
	if (mark <= 0x9f)
		return (struct mp_value){ .type = MP_ARRAY, .count = mark & 0x0f };
	v = mp_marked(c, mark);
	return c->failed ? mp_bad(c) : v;
}

/* Each value still owed takes at least one byte, so a count above what is left ends the walk:
 * it takes at most one step a byte. */
bool mp_skip_many(struct cursor *c, uint64_t owed)
{
	while (!c->failed) {
		struct mp_value v;

		owed = mark_run(&c->pos, c->end, owed);
		if (owed == 0)
			return true;
		v = mp_next(c);
		owed--;
		if (v.type == MP_ARRAY)
			owed += v.count;
		else if (v.type == MP_MAP)
			owed += 2 * (uint64_t)v.count;
		if (owed > cursor_left(c))
			c->failed = true;
	}
	return false;
}

bool mp_skip(struct cursor *c)
{
	return mp_skip_many(c, 1);
}

int mp_order(const struct mp_value *a, const struct mp_value *b)
{
	size_t n;
	int order;

	if (a->type != b->type)
		return (a->type > b->type) - (a->type < b->type);
	switch (a->type) {
	case MP_BOOL:
		return a->b - b->b;
	case MP_UINT:
		return (a->u > b->u) - (a->u < b->u);
	case MP_INT:
		return (a->i > b->i) - (a->i < b->i);
	case MP_FLOAT:
		return (a->f > b->f) - (a->f < b->f);
	case MP_STR:
	case MP_BIN:
		n = a->bytes.len < b->bytes.len ? a->bytes.len : b->bytes.len;
		order = n ? memcmp(a->bytes.ptr, b->bytes.ptr, n) : 0;
		if (order)
			return order;
		return (a->bytes.len > b->bytes.len) - (a->bytes.len < b->bytes.len);
	default:
		return 0;
	}
}

/* Bytes at both ends of the piece that is looked at may be looked at twice. */
static inline bool is_ascii(const uint8_t *p, size_t n)
{
	uint64_t word, last = 0;
	uint32_t half, end;

	if (n >= 8) {
		memcpy(&last, p + n - 8, 8);
		for (size_t i = 0; i + 8 < n; i += 8) {
			memcpy(&word, p + i, 8);
			last |= word;
		}
	} else if (n >= 4) {
		memcpy(&half, p, 4);
		memcpy(&end, p + n - 4, 4);
		last = half | end;
	} else if (n) {
		last = p[0] | p[n / 2] | p[n - 1];
	}
	return !(last & 0x8080808080808080u);
}

/* RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool rec_is_utf8(struct bytes b)
{
	const uint8_t *p = b.ptr, *end;

	if (is_ascii(p, b.len))
		return true;
	end = p + b.len;
	while (p < end) {
		uint8_t low = 0x80, high = 0xbf;
		int more;

		if (end - p >= 8) {
			uint64_t word;

			memcpy(&word, p, sizeof(word));
			if (!(word & 0x8080808080808080u)) {
				p += 8;
				continue;
			}
		}
		if (*p < 0x80) {
			p++;
			continue;
		}
		if (*p < 0xc2 || *p > 0xf4)
			return false;
		more = *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
		if (end - p <= more)
			return false;
		if (*p == 0xe0)
			low = 0xa0;
		else if (*p == 0xed)
			high = 0x9f;
		else if (*p == 0xf0)
			low = 0x90;
		else if (*p == 0xf4)
			high = 0x8f;
		if (p[1] < low || p[1] > high)
			return false;
		for (int i = 2; i <= more; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		p += more + 1;
	}
	return true;
}
