/* expr: expressions over the fields of any record.
 *
 *     type == "tls" and sni ~ "\.example$"
 *     resp_h in { 10.0.0.0/8, 2001:db8::/32 } and not exists(conn_state)
 *
 * Parsed once; bound once per schema, where what a type decides alone is decided; evaluated for a
 * record without allocation and without recursion, in time that the record's size bounds. The
 * language is described in weir-filter(1). */
#ifndef WEIR_EXPR_H
#define WEIR_EXPR_H

#include "libcommon/record/names.h"

enum {
	EXPR_TEXT = 65536, /* bytes of an expression */
	EXPR_DEPTH = 64,   /* of parentheses and nots */
	EXPR_TESTS = 512,
	EXPR_ITEMS = 16384, /* of all its sets */
	EXPR_PATTERNS = 32,
};

struct expr;

struct expr_error {
	unsigned column; /* from 1 */
	char what[200];
};

/* NULL where the text is no expression; then *e says why and where. */
struct expr *expr_parse(struct bytes text, struct expr_error *e);
void expr_free(struct expr *x);
/* The fields that it names; borrowed. */
struct names *expr_names(struct expr *x);
/* The types that it asks for by name; borrowed. */
const struct names *expr_types(const struct expr *x);

/* A field that was compared with a name that none of the types it was bound to has for it; NULL:
 * there is none. *near: a name that one has, or NULL. */
const char *expr_unnamed(const struct expr *x, const char **near);

/* An expression bound to a type. The schema and the expression outlive it. */
struct expr_bound;
struct expr_bound *expr_bind(struct expr *x, const struct schema *s);
void expr_bound_free(struct expr_bound *b);

enum expr_result {
	EXPR_NO,
	EXPR_YES,
	EXPR_DAMAGED, /* the record does not fit its schema, as far as it was looked at */
	EXPR_DEPENDS, /* expr_always(): on the record */
};
/* Of one whole record of the type. */
enum expr_result expr_eval(struct expr_bound *b, struct bytes raw);
/* What all records of the type give, or EXPR_DEPENDS. */
enum expr_result expr_always(const struct expr_bound *b);

#endif
