/* flow_ids: a bounded set of flow ids, cheap where they come nearly in ascending order, as flows
 * do. */
#ifndef WEIR_FLOW_IDS_H
#define WEIR_FLOW_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLOW_IDS_MAX = 1 << 20 };

struct flow_ids {
	uint64_t *v; /* ascending: v[first .. first + n) */
	size_t first, n, size;
};

/* Room for count ids. False: more than FLOW_IDS_MAX. */
bool flow_ids_init(struct flow_ids *s, uint64_t count);
bool flow_ids_has(const struct flow_ids *s, uint64_t flow);
/* Adds one that is not in it; where it is full the smallest goes, or this one, if it is. Returns
 * true. */
bool flow_ids_add(struct flow_ids *s, uint64_t flow);
uint64_t flow_ids_smallest(const struct flow_ids *s); /* 0 where empty */
void flow_ids_release(struct flow_ids *s);

/* Does a record with this id belong to a flow? Those of frames have the source's number alone. */
static inline bool flow_ids_is_flow(uint64_t flow)
{
	return (flow & 0xffffffffffff) != 0;
}

#endif
