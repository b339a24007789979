/* names: field names asked for, and the types that have them. */
#include "libcommon/record/names.h"

#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"

enum { BUILTIN_MAX = 128 };

struct rec_view *const *names_builtin(void)
{
	static struct rec_view *views[BUILTIN_MAX];
	size_t n = 0;

	if (views[0])
		return views;
	for (size_t i = 0; i < rec_builtin_count && n < BUILTIN_MAX - 1; i++) {
		if (rec_builtin[i]->id < REC_FIRST_DATA)
			continue;
		views[n] = xcalloc(1, sizeof(*views[n]));
		rec_view_init(views[n++], schema_of(rec_builtin[i]));
	}
	return views;
}

static bool is_name(struct bytes name)
{
	if (name.len == 0 || name.len >= FIELD_NAME)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.'))
			return false;
	}
	return true;
}

static bool has_field(const char *name)
{
	struct rec_view *const *type = names_builtin();
	struct field f;

	while (*type && !field_bind(&f, *type, name))
		type++;
	return *type != NULL;
}

/* A field of a built-in type, also as weir-join calls it that has it from there: "dns.query". It
 * may be asked for where no record of that type comes. */
static bool is_builtin(const char *name)
{
	const char *dot = strchr(name, '.');

	return has_field(name) ||
	       (dot && rec_builtin_named(BYTES(name, (size_t)(dot - name))) && has_field(dot + 1));
}

int names_add(struct names *s, struct bytes name)
{

	for (size_t i = 0; i < s->n; i++)
		if (bytes_is(name, s->name[i]))
			return (int)i;
	if (s->n == NAMES_MAX || !is_name(name))
		return -1;
	s->name[s->n] = strndup((const char *)name.ptr, name.len);
	if (!s->name[s->n])
		die("out of memory");
	s->known[s->n] = is_builtin(s->name[s->n]);
	return (int)s->n++;
}

static bool add_list(struct names *s, const char *list, struct bytes *bad,
		     int (*add)(struct names *s, struct bytes name))
{
	for (;;) {
		size_t n = strcspn(list, ",");

		*bad = BYTES(list, n);
		if (add(s, *bad) < 0)
			return false;
		if (!list[n])
			return true;
		list += n + 1;
	}
}

bool names_add_list(struct names *s, const char *list, struct bytes *bad)
{
	return add_list(s, list, bad, names_add);
}

void names_see(struct names *s, const struct rec_view *type)
{
	struct field f;

	for (size_t i = 0; i < s->n; i++)
		if (!s->known[i] && field_bind(&f, type, s->name[i]))
			s->known[i] = true;
}

/* The closest name of the built-in types' own fields. */
static const char *nearest(const char *name)
{
	const char **all, *near;
	size_t n = 0;

	for (struct rec_view *const *t = names_builtin(); *t; t++)
		n += (*t)->nfields;
	all = xcalloc(n + 1, sizeof(*all));
	n = 0;
	for (struct rec_view *const *t = names_builtin(); *t; t++)
		for (size_t i = 0; i < (*t)->nfields; i++)
			all[n++] = (*t)->fields[i].name;
	near = opt_nearest(name, all);
	free(all);
	return near;
}

static const char *first_unknown(const struct names *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->known[i])
			return s->name[i];
	return NULL;
}

const char *names_unknown(const struct names *s, const char **near)
{
	const char *name = first_unknown(s);

	*near = name ? nearest(name) : NULL;
	return name;
}

/* ---- types ---------------------------------------------------------------------------------- */

int names_add_type(struct names *s, struct bytes name)
{
	int i = names_add(s, name);

	if (i >= 0)
		s->known[i] = rec_builtin_named(name) != NULL;
	return i;
}

bool names_add_types(struct names *s, const char *list, struct bytes *bad)
{
	return add_list(s, list, bad, names_add_type);
}

bool names_see_type(struct names *s, const char *type)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->name[i], type) == 0)
			return s->known[i] = true;
	return s->n == 0;
}

const char *names_unknown_type(const struct names *s, const char **near)
{
	const char *all[BUILTIN_MAX] = { NULL }, *name = first_unknown(s);
	size_t n = 0;

	for (struct rec_view *const *t = names_builtin(); *t; t++)
		all[n++] = schema_name((*t)->schema);
	*near = name ? opt_nearest(name, all) : NULL;
	return name;
}

void names_release(struct names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free((void *)s->name[i]);
	*s = (struct names){ 0 };
}
