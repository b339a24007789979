/* hold: records kept until it is known whether their flow is let through.
 *
 * They leave in the order in which they came: a record waits for its own flow's verdict and for
 * the records before it. A flow is open from its first record to the end that its `flow` record
 * tells, and all of that frame; a record of no flow is judged alone.
 *
 * What holds of a record is a set of bits, of a flow those of its records together. A flow is let
 * through where it has all bits of `need` and none of `deny`. */
#ifndef WEIR_FILTER_HOLD_H
#define WEIR_FILTER_HOLD_H

#include "libcommon/stage/stage.h"

/* What becomes of a record whose verdict is known; s is its schema. */
typedef void hold_out(struct stage *st, const struct schema *s, struct bytes raw, bool yes);

struct hold;
/* Memory: bytes of records held; beyond it, or beyond that many flows, the flow that holds up the
 * others is judged by what was seen of it (counter judged_early). */
struct hold *hold_new(struct stage *st, uint64_t memory, uint64_t flows, uint32_t need,
		      uint32_t deny);
void hold_free(struct hold *h);

void hold_add(struct hold *h, const struct stage_rec *r, const struct schema *s, uint32_t bits,
	      hold_out *out);
/* Nothing below n will follow from that source. */
void hold_mark(struct hold *h, uint64_t source, uint64_t n, hold_out *out);
/* Nobody will hear of later records: all flows are judged as they stand. */
void hold_leave(struct hold *h, hold_out *out);
/* The end of the input: all flows are over. */
void hold_flush(struct hold *h, hold_out *out);

#endif
