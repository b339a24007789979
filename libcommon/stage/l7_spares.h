/* l7_spares: a few small buffers kept for reuse, so that short-lived texts need no malloc. */
#ifndef WEIR_L7_SPARES_H
#define WEIR_L7_SPARES_H

#include "libcommon/base/buf.h"

enum { L7_SPARES = 32, L7_SPARE_MAX = 2048 };

/* Zeroed = empty. What it holds stays until l7_spares_release(). */
struct l7_spares {
	struct buf buf[L7_SPARES];
	unsigned n;
};

static inline void l7_spares_release(struct l7_spares *s)
{
	while (s->n)
		buf_release(&s->buf[--s->n]);
}

/* Gives an unused buffer room, where there is some at hand. */
static inline void l7_spares_take(struct l7_spares *s, struct buf *b)
{
	if (!b->ptr && s->n)
		*b = s->buf[--s->n];
}

/* In place of buf_release(): big ones, and those beyond what is kept, are freed. */
static inline void l7_spares_give(struct l7_spares *s, struct buf *b)
{
	if (!b->size || b->size > L7_SPARE_MAX || s->n == L7_SPARES) {
		buf_release(b);
		return;
	}
	b->len = 0;
	s->buf[s->n++] = *b;
	*b = (struct buf){ 0 };
}

#endif
