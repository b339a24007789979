/* field: whatever schemas and records a stream has, every field is found, its values are walked,
 * and expressions over them give an answer; cut copies of a record are damaged or answered. */
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/record/expr.h"
#include "libcommon/record/literal.h"
#include "libcommon/record/make.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static const char *const texts[] = {
	"resp_p in { 53, 80..443 } or orig_h in { 10.0.0.0/8, 2001:db8::/32 }",
	"count(answers) > 1 and answers.rdata ~ '^(1|2)+\\.' or not exists(vlan)",
	"a == \"x\" or b.c > 5 or b.d.e != 3 or a < b or a.b ~ 'x*y+$' or c in 1..9",
	"community_id ~ '=$' and ts > 2020-01-01 and flow != 0",
	"payload ~ \"\\x00+\" or orig_l2 == 00:00:00:00:00:00",
};
enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };

static struct expr *exprs[TEXTS];

/* All values of a field, and what they are packed as again. */
static void walk(struct rec_view *v, const char *name)
{
	struct field_walk w;
	struct value value, first;
	struct buf again = { 0 };
	struct field f;
	size_t n = 0;

	MUST(field_bind(&f, v, name));
	first = field_value(&f, v);
	for (field_walk(&w, &f, v); field_next(&w, &value); n++) {
		MUST(value.type != VALUE_ABSENT);
		MUST(n > 0 || first.type == value.type);
		mp_put_value(&again, &value);
		MUST(value_compare(&value, &value) == 0 || value.type == VALUE_FLOAT ||
		     (value.type == VALUE_ENUM && !value.bytes.ptr));
	}
	MUST(n > 0 || first.type == VALUE_ABSENT);
	MUST(field_is_list(&f) || n <= 1);
	buf_release(&again);
}

static void walk_all(struct rec_view *v, struct bytes raw)
{
	char name[300];

	if (!rec_view_start(v, raw))
		return;
	for (size_t i = 0; i < v->nfields; i++) {
		const struct schema_field *f = &v->fields[i], *sub;
		size_t n = 0;

		/* a name that comes twice is the first one's, and dots may make it another's */
		if (schema_find(v->schema, f->name) != (int)i || strchr(f->name, '.'))
			continue;
		walk(v, f->name);
		sub = f->sub ? schema_fields(f->sub, &n) : NULL;
		for (size_t k = 0; k < n; k++) {
			snprintf(name, sizeof(name), "%s.%s", f->name, sub[k].name);
			if (schema_find(f->sub, sub[k].name) == (int)k && !strchr(sub[k].name, '.'))
				walk(v, name);
		}
	}
}

static void evaluate(struct expr_bound *b, struct bytes raw)
{
	enum expr_result r = expr_eval(b, raw);
	size_t step = 1 + raw.len / 16;

	MUST(r == EXPR_YES || r == EXPR_NO || r == EXPR_DAMAGED);
	MUST(expr_eval(b, raw) == r);
	for (size_t n = 0; n < raw.len; n += step) {
		uint8_t *copy = malloc(n ? n : 1); /* so that a step too far is seen */

		if (!copy)
			return;
		memcpy(copy, raw.ptr, n);
		expr_eval(b, BYTES(copy, n));
		free(copy);
	}
}

static void with_schema(const struct schema *s, struct bytes raw)
{
	struct rec_view v;

	rec_view_init(&v, s);
	walk_all(&v, raw);
	rec_view_release(&v);
	for (size_t i = 0; i < TEXTS; i++) {
		struct expr_bound *b = expr_bind(exprs[i], s);

		evaluate(b, raw);
		expr_bound_free(b);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes left = { data, size };
	struct schema *s = NULL;
	struct expr_error e;

	for (size_t i = 0; i < TEXTS && !exprs[i]; i++)
		MUST(exprs[i] = expr_parse(bytes_str(texts[i]), &e));
	while (left.len) {
		ssize_t n = rec_measure(left, NULL);
		struct schema *next;

		if (n <= 0)
			break;
		next = schema_parse(BYTES(left.ptr, n), NULL);
		if (next) {
			schema_free(s);
			s = next;
		} else if (s) {
			with_schema(s, BYTES(left.ptr, n));
		} else {
			for (size_t i = 0; names_builtin()[i]; i++)
				with_schema(names_builtin()[i]->schema, BYTES(left.ptr, n));
		}
		left = BYTES(left.ptr + n, left.len - (size_t)n);
	}
	schema_free(s);
	return 0;
}
