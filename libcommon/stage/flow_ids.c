/* flow_ids: a sorted array in twice the room it needs, so that its front can give way. */
#include "libcommon/stage/flow_ids.h"

#include <stdlib.h>
#include <string.h>

#include "libcommon/base/die.h"

bool flow_ids_init(struct flow_ids *s, uint64_t count)
{
	*s = (struct flow_ids){ 0 };
	if (count > FLOW_IDS_MAX)
		return false;
	s->size = (size_t)count;
	s->v = xcalloc(2 * s->size + 1, sizeof(*s->v));
	return true;
}

/* How many are smaller. */
static size_t rank(const struct flow_ids *s, uint64_t flow)
{
	const uint64_t *v = s->v + s->first;
	size_t lo = 0, hi = s->n;

	if (s->n && flow > v[s->n - 1])
		return s->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid] < flow)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool flow_ids_has(const struct flow_ids *s, uint64_t flow)
{
	size_t at = rank(s, flow);

	return at < s->n && s->v[s->first + at] == flow;
}

bool flow_ids_add(struct flow_ids *s, uint64_t flow)
{
	size_t at = rank(s, flow);
	uint64_t *v;

	if (s->n == s->size) {
		if (at == 0)
			return true;
		s->first++;
		s->n--;
		at--;
	}
	if (s->first + s->n == 2 * s->size) {
		memmove(s->v, s->v + s->first, s->n * sizeof(*s->v));
		s->first = 0;
	}
	v = s->v + s->first;
	memmove(v + at + 1, v + at, (s->n - at) * sizeof(*v));
	v[at] = flow;
	s->n++;
	return true;
}

uint64_t flow_ids_smallest(const struct flow_ids *s)
{
	return s->n ? s->v[s->first] : 0;
}

void flow_ids_release(struct flow_ids *s)
{
	free(s->v);
	*s = (struct flow_ids){ 0 };
}
