/* names: the field names that a tool was asked for, and whether any type has them.
 *
 * A stream may declare types at any time, so a name that no type has so far is no mistake yet; at
 * the end of the stream it is one. */
#ifndef WEIR_NAMES_H
#define WEIR_NAMES_H

#include "libcommon/record/field.h"

enum { NAMES_MAX = 64 };

struct names {
	const char *name[NAMES_MAX]; /* owned */
	bool known[NAMES_MAX];       /* a built-in type, or one that was seen, has it */
	size_t n;
};

/* The index of the name, added where it is new; -1 where there are NAMES_MAX, or it is none. */
int names_add(struct names *s, struct bytes name);
/* Each of "a,b,c"; false where one cannot be added: then *bad is it. */
bool names_add_list(struct names *s, const char *list, struct bytes *bad);
/* A type was declared. */
void names_see(struct names *s, const struct rec_view *type);
/* The same for types: one, or those of the list; whether one of that name is wanted, as all are
 * where there is no list; the first that is no built-in type and was not seen. */
int names_add_type(struct names *s, struct bytes name);
bool names_add_types(struct names *s, const char *list, struct bytes *bad);
bool names_see_type(struct names *s, const char *type);
const char *names_unknown_type(const struct names *s, const char **near);
/* The first name that nothing has, or NULL; *near is the closest name of a built-in type, or NULL.
 */
const char *names_unknown(const struct names *s, const char **near);
void names_release(struct names *s);

/* The built-in types' views, NULL-ended; made once. Control types are not among them. */
struct rec_view *const *names_builtin(void);

#endif
