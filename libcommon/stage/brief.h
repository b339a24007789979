/* brief: a few numbers of a cold record, read without decoding the rest of it. */
#ifndef WEIR_STAGE_BRIEF_H
#define WEIR_STAGE_BRIEF_H

#include "libcommon/stage/stage.h"

enum { BRIEF_MAX = 2 };

/* Which fields, and where the schema at hand has them. Set `names`, in the order in which the
 * type has its fields, and zero the rest. */
struct brief {
	const char *names[BRIEF_MAX];
	const struct schema *schema;
	int at[BRIEF_MAX]; /* -1 = not there */
};

/* The small unsigned numbers (below 256) of these fields. False where anything is out of the
 * ordinary: stage_decode() then tells what, and books it. */
bool brief_read(struct stage *st, struct brief *b, const struct stage_rec *r,
		uint8_t values[BRIEF_MAX]);

#endif
