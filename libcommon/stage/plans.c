/* plans: what a tool makes of each record type's schema. */
#include "libcommon/stage/plans.h"

#include <stdlib.h>
#include <string.h>

enum { TYPES = 65536 };

struct plan *plans_find(struct plans *t, struct stage *st, uint16_t type)
{
	const struct schema *s = stage_schema(st, type);
	struct plan *p;

	if (!s)
		return NULL;
	if (!t->of)
		t->of = xcalloc(TYPES, sizeof(struct plan *));
	p = t->of[type];
	if (!p)
		p = t->of[type] = xcalloc(1, t->size);
	if (p->schema == s)
		return p;
	if (p->schema && t->clear)
		t->clear(p);
	memset(p, 0, t->size);
	p->schema = s;
	t->make(st, t->user, type, p);
	return p;
}

void plans_release(struct plans *t)
{
	for (size_t i = 0; t->of && i < TYPES; i++) {
		if (t->of[i] && t->clear)
			t->clear(t->of[i]);
		free(t->of[i]);
	}
	free(t->of);
	t->of = NULL;
}
