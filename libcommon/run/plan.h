/* plan: the shell commands that do by hand what the launcher does. Pure. */
#ifndef WEIR_PLAN_H
#define WEIR_PLAN_H

#include "libcommon/run/check.h"

/* Of a graph that graph_check() has passed. Rings become shm:NAME.LINK, pipes FIFOs in a folder of
 * their own. host: only the stages of that host; NULL: all. */
void plan_print(const struct graph *g, const struct check_world *w, const char *host,
		struct buf *out);

/* The order of the stages from sources to sinks; returns how many. */
size_t plan_order(const struct graph *g, int *order);

#endif
