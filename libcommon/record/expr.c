/* expr: expressions bound to a type, and evaluated. */
#include "libcommon/record/expr.h"

#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/record/expr_private.h"

enum ins_op { INS_TEST, INS_NOT, INS_IF_NO, INS_IF_YES };

/* One step: a test, or a jump forward if the last result is the one. */
struct ins {
	enum ins_op op;
	uint16_t arg; /* the test, or the step to go on with */
};

struct expr_bound {
	struct expr *x;
	struct rec_view view;
	struct field *fields; /* by name in x->names */
	struct ins *code;
	size_t ncode;
	enum expr_result always;
	uint8_t *folded; /* while it is bound: by node */
};

/* ---- tests ---------------------------------------------------------------------------------- */

static bool compare_fits(enum test_op op, int order)
{
	switch (op) {
	case TEST_LESS:
	case TEST_FIELD_LESS:
		return order == -1;
	case TEST_LESS_EQ:
	case TEST_FIELD_LESS_EQ:
		return order == -1 || order == 0;
	case TEST_MORE:
	case TEST_FIELD_MORE:
		return order == 1;
	case TEST_MORE_EQ:
	case TEST_FIELD_MORE_EQ:
		return order == 1 || order == 0;
	default:
		return order == 0;
	}
}

static bool value_fits(struct expr_bound *b, const struct test *t, const struct value *v)
{
	struct value other;

	switch (t->op) {
	case TEST_EXISTS:
		return true;
	case TEST_TRUE:
		return v->type == VALUE_BOOL && v->b;
	case TEST_IN:
		return literal_set_has(&t->set, v);
	case TEST_MATCH:
		if (v->type != VALUE_TEXT && v->type != VALUE_BYTES &&
		    (v->type != VALUE_ENUM || !v->bytes.ptr))
			return false;
		return pattern_found(t->pattern, v->bytes);
	case TEST_LESS:
	case TEST_LESS_EQ:
	case TEST_MORE:
	case TEST_MORE_EQ:
		return compare_fits(t->op, value_compare_literal(v, &t->literal));
	default:
		other = field_value(&b->fields[t->other], &b->view);
		return compare_fits(t->op, value_compare(v, &other));
	}
}

/* A comparison with a field that the record lacks is false, != too. */
static bool other_lacks(struct expr_bound *b, const struct test *t)
{
	return t->negated && t->op >= TEST_FIELD_EQ &&
	       field_value(&b->fields[t->other], &b->view).type == VALUE_ABSENT;
}

/* Of a list it is enough that one value fits; what is negated holds where there is one and none
 * fits. */
static bool test_list(struct expr_bound *b, const struct test *t, const struct field *f)
{
	struct field_walk w;
	struct value v, n = { .type = VALUE_UINT };
	bool any = false;

	field_walk(&w, f, &b->view);
	while (!any && field_next(&w, &v)) {
		n.u++;
		any = !t->count && value_fits(b, t, &v);
	}
	if (t->count)
		return value_fits(b, t, &n) != t->negated;
	return t->negated ? n.u && !any && !other_lacks(b, t) : any;
}

static inline bool test_holds(struct expr_bound *b, const struct test *t)
{
	const struct field *f = &b->fields[t->field];
	struct value v;

	if (t->count || field_is_list(f))
		return test_list(b, t, f);
	v = field_value(f, &b->view);
	return v.type != VALUE_ABSENT && value_fits(b, t, &v) != t->negated && !other_lacks(b, t);
}

/* ---- binding -------------------------------------------------------------------------------- */

/* What the type alone says: a field that it lacks makes a test false, its name is known. */
static enum expr_result fold_test(struct expr_bound *b, const struct test *t)
{
	bool two = t->op >= TEST_FIELD_EQ;

	if (b->fields[t->field].at == FIELD_NONE)
		return EXPR_NO;
	if (two && b->fields[t->other].at == FIELD_NONE)
		return EXPR_NO;
	if (b->fields[t->field].at == FIELD_TYPE && !two)
		return test_holds(b, t) ? EXPR_YES : EXPR_NO;
	return EXPR_DEPENDS;
}

/* Nodes come behind those that they are made of. */
static void fold(struct expr_bound *b)
{
	for (size_t i = 0; i < b->x->nnodes; i++) {
		const struct node *n = &b->x->nodes[i];
		uint8_t *r = &b->folded[i], one, two;

		if (n->kind == NODE_TEST) {
			*r = (uint8_t)fold_test(b, &b->x->tests[n->a]);
			continue;
		}
		one = b->folded[n->a];
		two = b->folded[n->b];
		if (n->kind == NODE_NOT)
			*r = one == EXPR_DEPENDS ? one : one == EXPR_NO ? EXPR_YES : EXPR_NO;
		else if (n->kind == NODE_AND)
			*r = one == EXPR_NO || two == EXPR_NO ? EXPR_NO
			     : one == EXPR_YES                ? two
			     : two == EXPR_YES                ? one
							      : EXPR_DEPENDS;
		else
			*r = one == EXPR_YES || two == EXPR_YES ? EXPR_YES
			     : one == EXPR_NO                   ? two
			     : two == EXPR_NO                   ? one
								: EXPR_DEPENDS;
	}
}

static size_t add(struct expr_bound *b, enum ins_op op, size_t arg)
{
	b->code[b->ncode] = (struct ins){ op, (uint16_t)arg };
	return b->ncode++;
}

/* The steps of a node that depends on the record. Recurses as deep as the tree is: EXPR_TESTS. */
static void compile(struct expr_bound *b, size_t node)
{
	const struct node *n = &b->x->nodes[node];
	size_t jump;

	switch (n->kind) {
	case NODE_TEST:
		add(b, INS_TEST, n->a);
		return;
	case NODE_NOT:
		compile(b, n->a);
		add(b, INS_NOT, 0);
		return;
	default:
		break;
	}
	if (b->folded[n->a] != EXPR_DEPENDS) {
		compile(b, n->b);
		return;
	}
	compile(b, n->a);
	if (b->folded[n->b] != EXPR_DEPENDS)
		return;
	jump = add(b, n->kind == NODE_AND ? INS_IF_NO : INS_IF_YES, 0);
	compile(b, n->b);
	b->code[jump].arg = (uint16_t)b->ncode;
}

static void names_bind(struct expr *x, const struct expr_bound *b)
{
	for (size_t i = 0; i < x->ntests; i++) {
		struct test *t = &x->tests[i];
		const struct field *f = &b->fields[t->field];

		if (f->at == FIELD_NONE)
			continue;
		t->bound = true;
		t->named |= expr_test_names(t, f, &t->near);
	}
}

const char *expr_unnamed(const struct expr *x, const char **near)
{
	for (size_t i = 0; i < x->ntests; i++) {
		*near = x->tests[i].near;
		if (x->tests[i].bound && !x->tests[i].named)
			return x->names.name[x->tests[i].field];
	}
	return NULL;
}

struct expr_bound *expr_bind(struct expr *x, const struct schema *s)
{
	struct expr_bound *b = xcalloc(1, sizeof(*b));

	b->x = x;
	rec_view_init(&b->view, s);
	names_see(&x->names, &b->view);
	names_see_type(&x->types, schema_name(s));
	b->fields = xcalloc(x->names.n + 1, sizeof(*b->fields));
	for (size_t i = 0; i < x->names.n; i++)
		field_bind(&b->fields[i], &b->view, x->names.name[i]);
	names_bind(x, b);
	b->folded = xcalloc(x->nnodes, 1);
	fold(b);
	b->always = (enum expr_result)b->folded[x->root];
	b->code = xcalloc(x->nnodes + 1, sizeof(*b->code));
	if (b->always == EXPR_DEPENDS)
		compile(b, x->root);
	free(b->folded);
	b->folded = NULL;
	return b;
}

void expr_bound_free(struct expr_bound *b)
{
	if (!b)
		return;
	rec_view_release(&b->view);
	free(b->fields);
	free(b->code);
	free(b);
}

struct names *expr_names(struct expr *x)
{
	return &x->names;
}

enum expr_result expr_always(const struct expr_bound *b)
{
	return b->always;
}

enum expr_result expr_eval(struct expr_bound *b, struct bytes raw)
{
	bool yes = false;

	if (b->always != EXPR_DEPENDS)
		return b->always;
	if (!rec_view_start(&b->view, raw))
		return EXPR_DAMAGED;
	for (size_t i = 0; i < b->ncode;) {
		const struct ins *ins = &b->code[i++];

		switch (ins->op) {
		case INS_TEST:
			yes = test_holds(b, &b->x->tests[ins->arg]);
			break;
		case INS_NOT:
			yes = !yes;
			break;
		case INS_IF_NO:
			i = yes ? i : ins->arg;
			break;
		case INS_IF_YES:
			i = yes ? ins->arg : i;
			break;
		}
	}
	return rec_view_damaged(&b->view) ? EXPR_DAMAGED : yes ? EXPR_YES : EXPR_NO;
}
