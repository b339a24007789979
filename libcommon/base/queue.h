/* queue: entries of any length, first in first out, in memory of a fixed size that the caller
 * owns (also a mapped file). No allocation. */
#ifndef WEIR_QUEUE_H
#define WEIR_QUEUE_H

#include "libcommon/base/bytes.h"

struct queue {
	uint8_t *mem;
	size_t size;       /* a multiple of 8 */
	size_t head, tail; /* offsets: of the first entry, and behind the last */
	size_t used;       /* bytes, what lies idle at the end included */
	uint64_t count;    /* entries */
};

/* mem is aligned to 8; of size what is no multiple of 8 is left alone. */
void queue_init(struct queue *q, void *mem, size_t size);
/* Appends `tag` and b as one entry; false where there is no room. b.len < 4 GiB. */
bool queue_push(struct queue *q, uint64_t tag, struct bytes b);
/* The first entry, borrowed until it is dropped. False: empty. */
bool queue_first(const struct queue *q, uint64_t *tag, struct bytes *b);
void queue_drop(struct queue *q); /* the first entry; there is one */

#endif
