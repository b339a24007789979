/* expr: whatever a text is, it is an expression or refused with a place in it, and an expression
 * gives the same answer twice for records of every built-in type. */
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/record/expr.h"
#include "tests/unit/record_fill.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

enum { TYPES = 64, EACH = 4 };

static struct buf records[TYPES][EACH];

static void make_records(void)
{
	static struct fill fill;
	static uint64_t rec[512];
	struct rec_view *const *type = names_builtin();

	for (size_t i = 0; type[i] && i < TYPES; i++) {
		const struct rec_desc *d =
			rec_builtin_named(bytes_str(schema_name(type[i]->schema)));

		for (uint64_t k = 0; k < EACH; k++) {
			fill.seed = 100 * i + k;
			fill.all = k == 0;
			fill.used = 0;
			memset(rec, 0, sizeof(rec));
			fill_struct(&fill, d, rec);
			rec_pack(&records[i][k], d, &(struct rec_head){ d->id, k, i, k }, rec);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct expr_error e;
	struct expr *x;

	if (!records[0][0].len)
		make_records();
	x = expr_parse(BYTES(data, size), &e);
	if (!x) {
		MUST(e.column >= 1 && e.column <= size + 1 && e.what[0]);
		return 0;
	}
	for (size_t i = 0; names_builtin()[i] && i < TYPES; i++) {
		struct expr_bound *b = expr_bind(x, names_builtin()[i]->schema);

		for (size_t k = 0; k < EACH; k++) {
			enum expr_result r = expr_eval(b, buf_bytes(&records[i][k]));

			MUST(r == EXPR_YES || r == EXPR_NO);
			MUST(expr_eval(b, buf_bytes(&records[i][k])) == r);
			MUST(expr_always(b) == EXPR_DEPENDS || expr_always(b) == r);
		}
		expr_bound_free(b);
	}
	expr_free(x);
	return 0;
}
