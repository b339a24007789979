/* launch: runs a graph: processes, restarts, the orderly stop, and what is shown meanwhile. */
#ifndef WEIR_LAUNCH_H
#define WEIR_LAUNCH_H

#include "libcommon/run/check.h"

struct launch_options {
	const char *host;    /* start only the stages of that host; NULL: all */
	uint64_t ring_size;  /* bytes; 0: the graph's */
	uint64_t stop_ms;    /* how long a stop may take before SIGTERM; 0: the graph's, or 10 s */
	uint64_t backoff_ms; /* before the first restart; 0: the graph's, or 50 ms */
	uint64_t backoff_max_ms; /* doubled no further; 0: the graph's, or 30 s */
	bool quiet;              /* no books at the end */
};

/* Runs a graph that graph_check() has passed, until all its stages have ended. Returns the exit
 * code of the whole; -1 where the last stage's reader went away (SIGPIPE). */
int launch_run(const struct graph *g, const struct check_world *w, const struct launch_options *o);

#endif
