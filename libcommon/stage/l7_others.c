/* l7_others: a set of flow ids with eight places for each eight ids in a row. */
#include "libcommon/stage/l7_others.h"

#include <string.h>
#include <sys/mman.h>

#include "libcommon/base/die.h"

enum { LINE = L7_OTHER_WAYS * sizeof(uint64_t), BYTES_ALL = L7_OTHER_SETS * LINE };

/* Zeroed pages that nothing touches cost nothing. */
void l7_others_init(struct l7_others *o)
{
	o->ids = mmap(NULL, BYTES_ALL, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (o->ids == MAP_FAILED)
		die_errno("no memory for the flows of others");
	o->count = 0;
}

void l7_others_release(struct l7_others *o)
{
	if (o->ids)
		munmap(o->ids, BYTES_ALL);
	*o = (struct l7_others){ 0 };
}

bool l7_others_add(struct l7_others *o, uint64_t id, uint64_t *out)
{
	uint64_t *set = l7_others_set(o, id), *at = &set[id % L7_OTHER_WAYS];
	bool full;

	for (unsigned i = 0; *at && i < L7_OTHER_WAYS; i++)
		if (!set[i])
			at = &set[i];
	full = *at != 0;
	if (full) {
		for (unsigned i = 0; i < L7_OTHER_WAYS; i++)
			if (set[i] < *at)
				at = &set[i];
		*out = *at - 1;
	}
	*at = id + 1;
	o->count += !full;
	return full;
}

bool l7_others_remove(struct l7_others *o, uint64_t id)
{
	uint64_t *at = l7_others_find(o, id);

	if (!at)
		return false;
	*at = 0;
	o->count--;
	return true;
}

void l7_others_clear(struct l7_others *o)
{
	/* What was touched is given back, and is zero when it is touched again. */
	if (o->count && madvise(o->ids, BYTES_ALL, MADV_DONTNEED) < 0)
		memset(o->ids, 0, BYTES_ALL);
	o->count = 0;
}
