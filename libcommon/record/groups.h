/* groups: a bounded table of groups by key, each with a weight and figures of the caller's.
 *
 * A key belongs to an interval. When the table is full, there is no room for a new key; or, where
 * groups may be replaced, the lightest one makes room, and the newcomer starts with the weight that
 * may have been lost for its interval (Metwally et al. 2005, "space saving"): then
 * weight - error <= true weight <= weight for every group in the table, and whatever is heavier
 * than the lightest one in it, is in it. */
#ifndef WEIR_GROUPS_H
#define WEIR_GROUPS_H

#include "libcommon/base/bytes.h"

enum { GROUPS_INTERVALS = 16 }; /* open at a time */

struct group {
	uint64_t interval, weight, error;
	struct bytes key; /* owned by the table */
	void *more;       /* the caller's figures, zero at first */
	/* the table's own */
	uint64_t hash;
	size_t extra;
	uint32_t next, place;
};

struct groups_config {
	size_t most;      /* groups */
	uint64_t memory;  /* bytes of keys and figures */
	size_t more_size; /* of a group's figures */
	bool replace;
	/* of one group's figures; NULL: nothing to do */
	void (*release)(void *context, void *more);
	void *context;
};

struct groups;
struct groups *groups_new(const struct groups_config *c);
void groups_free(struct groups *g);

/* The group of the key, made if it is new; NULL where there is no room. Good until the next call.
 * At most GROUPS_INTERVALS intervals may be open. */
struct group *groups_get(struct groups *g, uint64_t interval, struct bytes key);
/* The same for a key that must have its place, full or not: one per interval. */
struct group *groups_get_always(struct groups *g, uint64_t interval, struct bytes key);
void groups_weigh(struct groups *g, struct group *group, uint64_t weight); /* adds; saturates */
/* Memory that the group's figures are about to take beside more_size, until it is forgotten; false:
 * there is none left, and nothing was booked. */
bool groups_memory(struct groups *g, struct group *group, size_t bytes);

/* The open intervals, lowest first; their number. */
size_t groups_intervals(const struct groups *g, uint64_t intervals[GROUPS_INTERVALS]);
/* All groups of an interval, in no order; the array is the caller's to free. */
struct group **groups_of(const struct groups *g, uint64_t interval, size_t *n);
/* Forgets an interval and its groups. */
void groups_close(struct groups *g, uint64_t interval);

#endif
