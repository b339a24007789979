/* buf: a growable buffer that owns its bytes. A zeroed struct is a valid empty buffer.
 *
 * Running out of memory ends the process (exit 1): one process is one fault domain. Callers
 * bound what input can make a buffer grow to. */
#ifndef WEIR_BUF_H
#define WEIR_BUF_H

#include "libcommon/base/bytes.h"

struct buf {
	uint8_t *ptr;
	size_t len, size; /* invariant: len <= size */
};

/* Room for n more bytes behind len; returns where they go. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Removes the first n bytes (n <= len). */
void buf_drop(struct buf *b, size_t n);
/* Frees the contents and zeroes the struct. */
void buf_release(struct buf *b);

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
	if (__builtin_expect(b->size - b->len < n, 0))
		buf_reserve(b, n);
	if (n) {
		memcpy(b->ptr + b->len, p, n);
		b->len += n;
	}
}

static inline void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

static inline void buf_add_byte(struct buf *b, uint8_t c)
{
	if (__builtin_expect(b->size == b->len, 0))
		buf_reserve(b, 1);
	b->ptr[b->len++] = c;
}

static inline struct bytes buf_bytes(const struct buf *b)
{
	return BYTES(b->ptr, b->len);
}

static inline void buf_clear(struct buf *b)
{
	b->len = 0;
}

#endif
