/* flows: the flows that the stages of a pipeline have, joined by their ids. */
#ifndef WEIR_FLOWS_FLOWS_H
#define WEIR_FLOWS_FLOWS_H

#include "libcommon/base/buf.h"
#include "libcommon/run/rundir.h"
#include "libcommon/stage/census.h"

enum { FLOWS_HOLDERS = 8 };

/* What one stage answered. */
struct flows_part {
	char stage[RUN_NAME];
	uint64_t now, flows; /* time of its packets; flows that it has, of which nrows are here */
	struct census_flow *rows;
	size_t nrows;
};

/* A flow: what is known of it anywhere. */
struct flows_row {
	struct census_flow f; /* held: the sum */
	uint64_t now;         /* of the stage that knows its times */
	unsigned nholders;
	struct {
		const char *stage;
		uint64_t bytes; /* of both directions */
	} holders[FLOWS_HOLDERS];
};

enum flows_order { FLOWS_BY_ID, FLOWS_BY_BYTES, FLOWS_BY_HELD, FLOWS_BY_AGE, FLOWS_BY_IDLE };

/* Asks every stage of the pipeline that has flows, and waits for the answers, at most so long.
 * parts: RUN_STAGES. Returns how many answered; says which did not, and counts them in *silent. */
size_t flows_take(int dir, uint64_t wait_ns, struct flows_part *parts, size_t *silent);
void flows_release(struct flows_part *parts, size_t n);

/* Joins and sorts; of equal ones the lower id is first. The rows are the caller's to free. Pure. */
struct flows_row *flows_join(const struct flows_part *parts, size_t n, enum flows_order order,
			     size_t *count);
void flows_table(const struct flows_row *rows, size_t n, struct buf *out);
void flows_json(const struct flows_row *rows, size_t n, struct buf *out);

#endif
