/* brief: finds numbered fields of a cold record by skipping what stands before them. */
#include "libcommon/stage/brief.h"

/* Where the fields are is derived once per schema: a stage keeps its schemas as long as it lives.
 */
static void brief_bind(struct brief *b, const struct schema *s)
{
	b->schema = s;
	for (int i = 0; i < BRIEF_MAX; i++)
		b->at[i] = s ? schema_find(s, b->names[i]) : -1;
}

bool brief_read(struct stage *st, struct brief *b, const struct stage_rec *r,
		uint8_t values[BRIEF_MAX])
{
	const struct schema *s = stage_schema(st, r->head.type);
	struct cursor c = cursor_of(BYTES(r->raw.ptr + REC_PREFIX, r->raw.len - REC_PREFIX));
	int at = 0;

	if (s != b->schema)
		brief_bind(b, s);
	for (int i = 0; i < BRIEF_MAX; i++, at++) {
		struct mp_value v;

		if (b->at[i] < at) /* lacks, or stands before the last one */
			return false;
		for (; at < b->at[i]; at++)
			if (!mp_skip(&c))
				return false;
		v = mp_next(&c);
		if (v.type != MP_UINT || v.u > UINT8_MAX)
			return false;
		values[i] = (uint8_t)v.u;
	}
	return true;
}
