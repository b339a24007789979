/* plans: what a tool makes of each record type's schema, and makes anew where a stream declares the
 * type otherwise. A tool's own plan is a struct that begins with a struct plan. */
#ifndef WEIR_PLANS_H
#define WEIR_PLANS_H

#include "libcommon/stage/stage.h"

struct plan {
	const struct schema *schema; /* NULL: not made yet */
};

struct plans {
	size_t size; /* of the tool's plan */
	/* All of it but the schema is zero. */
	void (*make)(struct stage *st, void *user, uint16_t type, struct plan *p);
	/* Frees what make() allocated; not the plan. May be NULL. */
	void (*clear)(struct plan *p);
	void *user;
	struct plan **of; /* by record type */
};

/* Good until the batch ends. NULL: the stream has not declared the type. */
struct plan *plans_find(struct plans *t, struct stage *st, uint16_t type);
void plans_release(struct plans *t);

#endif
