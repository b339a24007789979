/* grouping: records counted by the values of some of their fields, for tools that write a row per
 * group, as records of a type that is made when its first row is.
 *
 * Types that lack one of the fields are left out (filtered). A record belongs to the interval of
 * its time; an interval is written when a record comes that is `late` beyond its end, and in any
 * case at the end of the input. */
#ifndef WEIR_GROUPING_H
#define WEIR_GROUPING_H

#include "libcommon/stage/stage.h"

struct grouping_config {
	const char *type; /* of the rows */
	/* lists of fields, a comma between them; NULL: none */
	const char *by, *types, *sums, *leasts, *mosts, *distincts;
	const char *weight; /* by whose sum rows are ordered, the heaviest first, and replaced where
			       there is no more room; NULL with `ranks`: by the number of records */
	bool ranks;         /* else rows are in the order of their keys, and what has no room is in
			       a row "other" */
	uint64_t top;       /* rows to write; 0: all */
	uint64_t groups, memory;
	uint64_t every, late; /* ns; every 0: one interval for all */
};

struct grouping;
/* Ends the process with 2 where the lists are wrong. */
struct grouping *grouping_new(struct stage *st, const struct grouping_config *c);
void grouping_free(struct grouping *g);
void grouping_batch(struct grouping *g, const struct stage_rec *recs, size_t n);
/* Writes what is open: another process goes on with the intervals at hand. */
void grouping_leave(struct grouping *g);
/* Writes what is open, and tells of fields that no type had. */
void grouping_finish(struct grouping *g);

struct grouping_tool {
	const char *summary, *epilog;
	/* Its own, into `config`; by, types, every, late, groups and memory are there already. */
	const struct opt *options;
	struct grouping_config *config; /* with the defaults; `type` is also the tool's name */
};
/* The whole of main(). */
int grouping_main(const struct grouping_tool *tool, int argc, char **argv);

#endif
