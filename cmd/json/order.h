/* order: puts the lines of one frame number into the order that does not depend on timing:
 * (type, flow, place among its producer's, producer). docs/architecture.md, "Order". */
#ifndef WEIR_JSON_ORDER_H
#define WEIR_JSON_ORDER_H

#include "libcommon/base/buf.h"

struct order {
	struct buf lines, names, keys; /* of the frame number at hand; keys: struct order_key[] */
	uint64_t n;
	size_t count, max_bytes;
	uint64_t cap_hits; /* groups that were too big to be sorted whole */
};

/* The line that `lines` grew by since `from` is a record of (type, name, flow) by producer. */
void order_add(struct order *o, uint16_t type, const char *name, uint64_t flow,
	       struct bytes producer, size_t from);
/* Appends the held lines to out, sorted, and forgets them. */
void order_flush(struct order *o, struct buf *out);
void order_release(struct order *o);

#endif
