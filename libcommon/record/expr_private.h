/* expr_private: what parsing and evaluating expressions share. Nobody else includes it. */
#ifndef WEIR_EXPR_PRIVATE_H
#define WEIR_EXPR_PRIVATE_H

#include "libcommon/base/pattern.h"
#include "libcommon/record/expr.h"
#include "libcommon/record/literal.h"

enum test_op {
	TEST_EXISTS,
	TEST_TRUE, /* a bool that is true */
	TEST_IN,   /* == and in */
	TEST_LESS, /* the orders, against a literal.. */
	TEST_LESS_EQ,
	TEST_MORE,
	TEST_MORE_EQ,
	TEST_MATCH,    /* ~ */
	TEST_FIELD_EQ, /* ..and all of them against another field */
	TEST_FIELD_LESS,
	TEST_FIELD_LESS_EQ,
	TEST_FIELD_MORE,
	TEST_FIELD_MORE_EQ,
};

struct test {
	enum test_op op;
	bool negated; /* !=, not in, !~: there is a value and none fits */
	bool count;   /* it is about how many values there are */
	uint16_t field, other;
	unsigned column;         /* of the operator, in the text */
	struct literal literal;  /* the orders */
	struct literal_set set;  /* TEST_IN */
	struct pattern *pattern; /* TEST_MATCH */
	/* Of the types it was bound to: one has the field, in one it may be what it is compared
	 * with, and a name of the field's that is near that. */
	bool bound, named;
	const char *near;
};

enum node_kind { NODE_TEST, NODE_NOT, NODE_AND, NODE_OR };

struct node {
	enum node_kind kind;
	uint16_t a, b; /* nodes; of NODE_TEST a is the test */
};

struct expr {
	struct names names, types;
	struct test *tests;
	struct node *nodes;
	size_t ntests, nnodes, nitems, npatterns;
	uint16_t root;
	char *text; /* of all texts in it */
};

/* What can be true of no built-in type that has the test's fields is a mistake: false and *e. A
 * field that none of them has may be that of a type to come. */
bool expr_check(const struct expr *x, const struct test *t, struct expr_error *e);
/* Of a field that is an enumeration: is the one text that it is compared with one of its values?
 * *near is set where it is NULL. True of others. */
bool expr_test_names(const struct test *t, const struct field *f, const char **near);

#endif
