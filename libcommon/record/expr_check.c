/* expr_check: what the built-in types say of an expression: mistakes that no type can make right.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/record/expr_private.h"

static bool fail(struct expr_error *e, const struct test *t, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static bool fail(struct expr_error *e, const struct test *t, const char *fmt, ...)
{
	va_list args;

	e->column = t->column;
	va_start(args, fmt);
	vsnprintf(e->what, sizeof(e->what), fmt, args);
	va_end(args);
	return false;
}

static bool test_fits(const struct test *t, const struct field *f)
{
	enum rec_kind kind = field_kind(f);
	bool text = kind == REC_STR || kind == REC_BYTES || kind == REC_ENUM || kind == REC_RAW;

	switch (t->op) {
	case TEST_TRUE:
		return kind == REC_BOOL || kind == REC_RAW;
	case TEST_MATCH:
		return text && !t->count;
	case TEST_IN:
		return literal_fits(t->set.is, t->count ? REC_U64 : kind);
	case TEST_LESS:
	case TEST_LESS_EQ:
	case TEST_MORE:
	case TEST_MORE_EQ:
		return literal_fits(t->literal.is, t->count ? REC_U64 : kind);
	default:
		return true;
	}
}

bool expr_test_names(const struct test *t, const struct field *f, const char **near)
{
	const struct schema_field *d = f->last;
	const char **names;
	char word[FIELD_NAME];
	size_t n = 0;
	bool has = false;

	if (!d || d->kind != REC_ENUM || t->op != TEST_IN || t->set.is != LITERAL_TEXT ||
	    t->set.ntexts != 1)
		return true;
	names = xcalloc(d->enum_count + 1, sizeof(*names));
	for (size_t i = 0; i < d->enum_count; i++) {
		if (d->enum_values[i])
			names[n++] = d->enum_values[i];
		has |= d->enum_values[i] && bytes_is(t->set.texts[0], d->enum_values[i]);
	}
	snprintf(word, sizeof(word), "%.*s", (int)t->set.texts[0].len,
		 (const char *)t->set.texts[0].ptr);
	if (!*near)
		*near = opt_nearest(word, names);
	free(names);
	return has;
}

static const char *kind_text(const struct test *t, const struct field *f)
{
	enum rec_kind kind = t->count ? REC_U64 : field_kind(f);

	switch (kind) {
	case REC_BOOL:
		return "true or false";
	case REC_STR:
	case REC_BYTES:
		return "a text, which stands in quotes";
	case REC_ENUM:
		return "one of a few names, which stand in quotes";
	case REC_IP:
	case REC_IP16:
		return "an address";
	case REC_MAC:
		return "a MAC address";
	case REC_TIME:
		return "a time";
	case REC_DUR:
		return "a duration, like 10ms";
	case REC_SUB:
		return "a list of records: exists(), count(), or name a member of it";
	default:
		return "a number";
	}
}

/* What kinds can be compared with one another. */
static int scale_of(enum rec_kind k)
{
	switch (k) {
	case REC_STR:
	case REC_BYTES:
	case REC_ENUM:
		return REC_STR;
	case REC_IP16:
		return REC_IP;
	case REC_BOOL:
	case REC_IP:
	case REC_MAC:
	case REC_TIME:
	case REC_DUR:
	case REC_SUB:
	case REC_RAW:
		return (int)k;
	default:
		return REC_U64;
	}
}

/* Two fields: does no built-in type have both so that they can be compared? */
static bool check_pair(const struct expr *x, const struct test *t, struct expr_error *e)
{
	const char *one = x->names.name[t->field], *two = x->names.name[t->other];
	bool any = false, fit = false;
	struct field a, b;

	for (struct rec_view *const *type = names_builtin(); *type; type++) {
		if (!field_bind(&a, *type, one) || !field_bind(&b, *type, two))
			continue;
		any = true;
		fit |= scale_of(t->count ? REC_U64 : field_kind(&a)) == scale_of(field_kind(&b));
	}
	return fit || !any ||
	       fail(e, t, "the fields '%s' and '%s' cannot be compared; texts stand in quotes", one,
		    two);
}

/* What can be true of no built-in type that has the field is a mistake: refused here. A field that
 * none of them has may be that of a type to come. */
bool expr_check(const struct expr *x, const struct test *t, struct expr_error *e)
{
	const char *name = x->names.name[t->field], *near = NULL;
	bool fits = false, named = false;
	struct field f, last = { 0 };

	for (struct rec_view *const *type = names_builtin(); *type; type++) {
		if (!field_bind(&f, *type, name))
			continue;
		last = f;
		fits |= test_fits(t, &f);
		named |= expr_test_names(t, &f, &near);
	}
	if (last.at == FIELD_NONE)
		return true;
	if (!fits)
		return fail(e, t, "'%s' is %s", name, kind_text(t, &last));
	if (!named && near)
		return fail(e, t, "'%s' is never that; did you mean \"%s\"?", name, near);
	if (!named)
		return fail(e, t, "'%s' is never that", name);
	return t->op < TEST_FIELD_EQ || check_pair(x, t, e);
}
