/* bytes: borrowed bytes, and the checked cursor through which all wire data is read.
 *
 * struct bytes never owns: what a call hands you is valid until the next call on the same
 * object; keep = copy. The cursor fails sticky: after the first read past the end every
 * further read gives 0 and `failed` stays true, so a parser checks once at the end. */
#ifndef WEIR_BYTES_H
#define WEIR_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *ptr; /* NULL = absent, which differs from empty */
	size_t len;
};

#define BYTES(p, n) ((struct bytes){ (const uint8_t *)(p), (n) })
#define BYTES_LIT(s) ((struct bytes){ (const uint8_t *)(s), sizeof(s) - 1 })

static inline struct bytes bytes_str(const char *s)
{
	return BYTES(s, strlen(s));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool bytes_is(struct bytes a, const char *s)
{
	return bytes_equal(a, bytes_str(s));
}

/* Big-endian loads and stores at any alignment. The caller has checked the length. */
static inline uint16_t be16_get(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t be32_get(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline uint64_t be64_get(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static inline void be16_put(void *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void be32_put(void *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void be64_put(void *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}

struct cursor {
	const uint8_t *pos, *end;
	bool failed;
};

static inline struct cursor cursor_of(struct bytes b)
{
	/* NULL + 0 is no pointer arithmetic that C knows */
	return (struct cursor){ b.ptr, b.len ? b.ptr + b.len : b.ptr, false };
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->pos);
}

/* The next n bytes, or NULL (and failed) where fewer are left. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *at = c->pos;

	if (c->failed || cursor_left(c) < n) {
		c->failed = true;
		return NULL;
	}
	c->pos += n;
	return at;
}

static inline struct bytes cursor_bytes(struct cursor *c, size_t n)
{
	const uint8_t *at = cursor_take(c, n);

	return at ? BYTES(at, n) : BYTES(NULL, 0);
}

static inline bool cursor_skip(struct cursor *c, size_t n)
{
	return cursor_take(c, n) != NULL;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *at = cursor_take(c, 1);

	return at ? *at : 0;
}

static inline uint16_t cursor_be16(struct cursor *c)
{
	const uint8_t *at = cursor_take(c, 2);

	return at ? be16_get(at) : 0;
}

static inline uint32_t cursor_be24(struct cursor *c)
{
	const uint8_t *at = cursor_take(c, 3);

	return at ? (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2] : 0;
}

static inline uint32_t cursor_be32(struct cursor *c)
{
	const uint8_t *at = cursor_take(c, 4);

	return at ? be32_get(at) : 0;
}

static inline uint64_t cursor_be64(struct cursor *c)
{
	const uint8_t *at = cursor_take(c, 8);

	return at ? be64_get(at) : 0;
}

#endif
