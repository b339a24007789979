/* plan: from expressions to packets that are ready to go out: route, interface, source, next hop.
 *
 * Asks the kernel, and the link where that does not know; so before the sandbox closes. What has no
 * way is a query that is ASK_NOT_SENT, with the reason. */
#ifndef WEIR_ASK_PLAN_H
#define WEIR_ASK_PLAN_H

#include "cmd/ask/exchange.h"

enum { ASK_QUERIES = 65536, ASK_BYTES = 64 << 20 };

struct ask_plan {
	const char *interface; /* NULL: where the route leads */
	bool yes;
	uint64_t timeout; /* of a next hop that is asked for */
	bool (*stopping)(void *user);
	void *user;

	struct ask_port ports[ASK_PORTS];
	unsigned nports;
	struct ask_query *queries;
	size_t n, size;
	struct buf bytes; /* frames, at queries[].frame.ptr as an offset until plan_ready() */
	struct ask_neighbour *neighbours;
	size_t nneighbours;
};

/* Ends the process where the text is no expression, or asks for more than there is room for. */
void plan_expression(struct ask_plan *p, struct bytes text);
/* The one interface that frames are sent on as they are. */
void plan_frames(struct ask_plan *p);
void plan_frame(struct ask_plan *p, uint32_t link_type, struct bytes frame, uint64_t n);
/* Behind the last one: the queries may be asked. */
void plan_ready(struct ask_plan *p);
void plan_release(struct ask_plan *p);

#endif
