/* number: the arithmetic of specs: 64 bits that wrap, compared as signed. */
#ifndef WEIR_SPEC_NUMBER_H
#define WEIR_SPEC_NUMBER_H

#include "cmd/spec/program.h"

/* By 0 it is 0. */
static inline uint64_t number_divide(enum spec_op op, uint64_t a, uint64_t b)
{
	if (b == 0)
		return 0;
	return op == OP_DIV ? a / b : a % b;
}

static inline uint64_t number_binary(enum spec_op op, uint64_t a, uint64_t b)
{
	int64_t x = (int64_t)a, y = (int64_t)b;

	switch (op) {
	case OP_ADD:
		return a + b;
	case OP_SUB:
		return a - b;
	case OP_MUL:
		return a * b;
	case OP_DIV:
	case OP_MOD:
		return number_divide(op, a, b);
	case OP_SHL:
		return b < 64 ? a << b : 0;
	case OP_SHR:
		return b < 64 ? a >> b : 0;
	case OP_AND:
		return a & b;
	case OP_OR:
		return a | b;
	case OP_XOR:
		return a ^ b;
	case OP_EQ:
		return a == b;
	case OP_NE:
		return a != b;
	case OP_LT:
		return x < y;
	case OP_LE:
		return x <= y;
	case OP_GT:
		return x > y;
	case OP_GE:
		return x >= y;
	case OP_BOTH:
		return a && b;
	default:
		return a || b;
	}
}

#endif
