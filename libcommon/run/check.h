/* check: whether a graph makes sense, before anything is started. Pure. */
#ifndef WEIR_RUN_CHECK_H
#define WEIR_RUN_CHECK_H

#include "libcommon/run/graph.h"

enum check_program { CHECK_MISSING, CHECK_OWN, CHECK_OTHER };

/* What a check asks of the machine. */
struct check_world {
	void *ctx;
	/* What a program's name leads to: one of weir's own, another executable, nothing. */
	enum check_program (*program)(void *ctx, const char *name);
	/* The name nearest to one that is missing, or NULL. May be NULL. */
	const char *(*near)(void *ctx, const char *name);
	/* The options of one of weir's own: NULL-ended, "--only", "-n"; NULL where not known. With
	 * takes[i], option i has a value. May be NULL. */
	const char *const *(*options)(void *ctx, const char *name, const bool **takes);
	/* Standard output is a file or a pipe, in which what two write is mixed up. */
	bool mixes;
};

/* Adds to g->why one line for each thing that is wrong; true where nothing is. Also makes the
 * links that only stages name. */
bool graph_check(struct graph *g, const struct check_world *w);

/* Whether a stage is joined to its neighbours by pipes: a program that knows no endpoints. */
bool check_by_pipe(const struct graph_stage *s, const struct check_world *w);

#endif
