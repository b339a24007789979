/* order: puts the lines of one frame number into the order that does not depend on timing:
 * (type, flow, place among its producer's, producer). docs/architecture.md, "Order". */
#ifndef WEIR_JSON_ORDER_H
#define WEIR_JSON_ORDER_H

#include "libcommon/base/buf.h"

struct order {
	/* Up to `held` the lines are in order for good; behind it are those of one frame number. */
	struct buf lines;
	size_t held;
	uint64_t n;
	size_t count; /* of held lines */
	struct buf keys, names, sorted;
};

/* The line that `lines` grew by since `from` is a record of (type, name, flow) by producer. The
 * name is borrowed until the lines are settled; the producer is not. */
void order_add(struct order *o, uint16_t type, const char *name, uint64_t flow,
	       struct bytes producer, size_t from);
/* Sorts the held lines in place: none is held any more. */
void order_settle(struct order *o);
/* The lines that are in order for good. Borrowed until the next call. */
struct bytes order_lines(const struct order *o);
/* Forgets what order_lines() gave. */
void order_take(struct order *o);
void order_release(struct order *o);

#endif
