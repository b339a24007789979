/* buf: a growable buffer that owns its bytes. */
#include "libcommon/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/base/die.h"

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	if (b->size - b->len < n) {
		size_t want = b->size ? b->size : 256;

		while (want - b->len < n)
			want *= 2;
		b->ptr = realloc(b->ptr, want);
		if (!b->ptr)
			die("out of memory");
		b->size = want;
	}
	return b->ptr + b->len;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf((char *)buf_reserve(b, 64), 64, fmt, ap);
	va_end(ap);
	if (n >= 64) {
		va_start(ap, fmt);
		vsnprintf((char *)buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
}

void buf_drop(struct buf *b, size_t n)
{
	b->len -= n;
	if (n && b->len)
		memmove(b->ptr, b->ptr + n, b->len);
}

void buf_release(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf){ 0 };
}
