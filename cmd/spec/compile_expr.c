/* compile_expr: expressions, as code for a stack of 64-bit numbers. Constants are folded. */
#include <stdlib.h>

#include "cmd/spec/compile.h"
#include "cmd/spec/number.h"

static const struct {
	const char *sign;
	uint8_t op, level; /* higher binds tighter */
} binary[] = {
	/* the longer sign first where one begins with the other */
	{ "||", OP_EITHER, 1 }, { "&&", OP_BOTH, 2 }, { "==", OP_EQ, 3 },  { "!=", OP_NE, 3 },
	{ "<=", OP_LE, 4 },     { ">=", OP_GE, 4 },   { "<<", OP_SHL, 8 }, { ">>", OP_SHR, 8 },
	{ "<", OP_LT, 4 },      { ">", OP_GT, 4 },    { "|", OP_OR, 5 },   { "^", OP_XOR, 6 },
	{ "&", OP_AND, 7 },     { "+", OP_ADD, 9 },   { "-", OP_SUB, 9 },  { "*", OP_MUL, 10 },
	{ "/", OP_DIV, 10 },    { "%", OP_MOD, 10 },
};
enum { BINARY = sizeof(binary) / sizeof(binary[0]), COMPARE = 4 /* level */ };

struct spec_insn *c_emit(struct compiler *c, enum spec_op op)
{
	struct spec *s = c->s;
	struct spec_insn *i;

	if (s->ncode == SPEC_CODE) {
		c_fail(c, c->word, "this makes more than %d instructions", SPEC_CODE);
		s->ncode--;
	}
	s->code = spec_grow(s, s->code, s->ncode, sizeof(*s->code));
	i = &s->code[s->ncode++];
	*i = (struct spec_insn){ .op = (uint8_t)op };
	if (op >= OP_RUN && op <= OP_LEAVE)
		i->why = c_why(c, "the message or a part of it is too short");
	i->line = c->line < c->nlines ? c->lines[c->line].number : 0;
	return i;
}

uint32_t c_here(const struct compiler *c)
{
	return (uint32_t)c->s->ncode;
}

bool c_constant(struct compiler *c, const char *name, uint64_t *v)
{
	const char *dot = strchr(name, '.');

	for (size_t i = 0; dot && i < c->s->ntables; i++) {
		const struct spec_table *t = &c->s->tables[i];

		if (strlen(t->name) != (size_t)(dot - name) ||
		    memcmp(t->name, name, (size_t)(dot - name)) != 0)
			continue;
		for (size_t k = 0; k < t->en.count; k++) {
			if (t->en.values[k] && strcmp(t->en.values[k], dot + 1) == 0) {
				*v = k;
				return true;
			}
		}
	}
	for (unsigned i = 0; i < c->s->nstates; i++) {
		if (strcmp(c->s->states[i], name) == 0) {
			*v = i;
			return true;
		}
	}
	return false;
}

/* A number, perhaps with a - in front, or a name that stands for one. */
static uint64_t constant(struct compiler *c, bool *minus)
{
	uint64_t v = 0;
	const char *name;

	*minus = c_sign(c, "-");
	if (*minus)
		return 0 - c_number(c, 1ull << 63);
	if (c_at_number(c))
		return c_number(c, UINT64_MAX);
	name = c_name(c, "a number or a name that stands for one");
	if (!c->failed && !c_constant(c, name, &v))
		c_fail(c, c->word, "'%s' stands for no number here", name);
	return v;
}

size_t c_ranges(struct compiler *c, size_t jumps[RANGES])
{
	size_t n = 0;

	do {
		bool minus, also;
		uint64_t lo = constant(c, &minus), hi = lo;
		struct spec_insn *i;

		also = minus;
		if (c_sign(c, ".."))
			hi = constant(c, &also);
		if (minus == also ? hi < lo : also || hi > INT64_MAX)
			c_fail(c, c->word, "a range goes upwards");
		if (n == RANGES) {
			c_fail(c, c->word, "more than %d values", RANGES);
			return n;
		}
		jumps[n++] = c->s->ncode;
		i = c_emit(c, OP_CASE);
		i->imm = lo;
		i->span = hi - lo;
	} while (c_sign(c, ","));
	return n;
}

void c_land(struct compiler *c, const size_t *jumps, size_t n)
{
	while (n && !c->failed)
		c->s->code[jumps[--n]].n = c_here(c);
}

uint32_t c_literal(struct compiler *c)
{
	struct spec *s = c->s;
	const char *at = (c_more(c), c->at);
	struct bytes b = c_string(c);

	if (!c->failed && b.len == 0)
		c_fail(c, at, "this text is empty");
	s->literals = spec_grow(s, s->literals, s->nliterals, sizeof(*s->literals));
	s->literals[s->nliterals] = b;
	return (uint32_t)s->nliterals++;
}

static void expression(struct compiler *c, unsigned level, unsigned depth);

static void push(struct compiler *c, uint64_t v)
{
	c_emit(c, OP_PUSH)->imm = v;
}

/* What each flow and message has. */
static bool builtin(struct compiler *c, const char *name)
{
	static const struct {
		const char *name;
		uint8_t op;
	} names[] = { { "left", OP_LEFT },
		      { "pos", OP_POS },
		      { "dir", OP_DIR },
		      { "tcp", OP_TCP },
		      { "state", OP_STATE } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i].name) != 0)
			continue;
		if (names[i].op == OP_LEFT || names[i].op == OP_POS)
			c_run_close(c);
		c_emit(c, names[i].op);
		return true;
	}
	return false;
}

/* len(NAME), has(NAME) */
static bool of_field(struct compiler *c, const char *name)
{
	bool has = strcmp(name, "has") == 0;
	const char *field;
	int slot;

	if ((!has && strcmp(name, "len") != 0) || !c_sign(c, "("))
		return false;
	field = c_name(c, "a field's name");
	slot = c_slot_find(c, field);
	if (!c->failed && slot < 0)
		c_fail(c, c->word, "no field '%s' before this line", field);
	else if (!c->failed && !has && !c->s->slots[slot].blob)
		c_fail(c, c->word, "'%s' is a number: it has no length", field);
	c_emit(c, has ? OP_HAS : OP_LEN)->slot = (uint16_t)(slot < 0 ? 0 : slot);
	if (!c_sign(c, ")"))
		c_fail(c, c->at, "a ) is expected here");
	return true;
}

static void named(struct compiler *c)
{
	const char *name = c_name(c, "a number or a name"), *at = c->word;
	uint64_t v;
	int slot;

	if (c->failed || builtin(c, name) || of_field(c, name))
		return;
	if (c_constant(c, name, &v)) {
		push(c, v);
		return;
	}
	slot = c_slot_find(c, name);
	if (slot < 0) {
		c_fail(c, at, "no field '%s' before this line", name);
	} else if (slot >= SPEC_SLOTS) {
		c_emit(c, OP_VAR)->slot = (uint16_t)(slot - SPEC_SLOTS);
	} else if (c_word(c, "is")) {
		uint32_t literal = c_literal(c);
		struct spec_insn *i = c_emit(c, OP_IS);

		i->slot = (uint16_t)slot;
		i->n = literal;
		if (!c->s->slots[slot].blob)
			c_fail(c, at, "'%s' is a number: compare it with ==", name);
	} else {
		c_emit(c, OP_GET)->slot = (uint16_t)slot;
		if (c->s->slots[slot].kind == REC_F64)
			c_fail(c, at, "'%s' is a float: expressions are of whole numbers", name);
		if (c->s->slots[slot].blob)
			c_fail(c, at, "'%s' is bytes: 'is', len() and has() are for them", name);
	}
}

/* A folded constant, or an instruction behind its operand. */
static void unary(struct compiler *c, uint32_t start, enum spec_op op)
{
	struct spec_insn *last;

	if (c->failed)
		return;
	last = &c->s->code[start];
	if (c_here(c) == start + 1 && last->op == OP_PUSH)
		last->imm = op == OP_NOT      ? !last->imm
			    : op == OP_NEGATE ? 0 - last->imm
					      : ~last->imm;
	else
		c_emit(c, op);
}

static void primary(struct compiler *c, unsigned depth)
{
	uint32_t start = c_here(c);

	if (depth > SPEC_DEPTH) {
		c_fail(c, c->at, "this expression is nested deeper than %d", SPEC_DEPTH);
	} else if (c_sign(c, "(")) {
		expression(c, 0, depth + 1);
		if (!c_sign(c, ")"))
			c_fail(c, c->at, "a ) is expected here");
	} else if (c_sign(c, "!")) {
		primary(c, depth + 1);
		unary(c, start, OP_NOT);
	} else if (c_sign(c, "~")) {
		primary(c, depth + 1);
		unary(c, start, OP_INVERT);
	} else if (c_sign(c, "-")) {
		if (c_at_number(c))
			push(c, c_number(c, 1ull << 63));
		else
			primary(c, depth + 1);
		unary(c, start, OP_NEGATE);
	} else if (c_at_number(c)) {
		push(c, c_number(c, UINT64_MAX));
	} else {
		named(c);
	}
}

static void binary_end(struct compiler *c, uint32_t left, uint32_t right, enum spec_op op)
{
	struct spec_insn *code = c->s->code;

	if (c->failed)
		return;
	if (right == left + 1 && c_here(c) == right + 1 && code[left].op == OP_PUSH &&
	    code[right].op == OP_PUSH) {
		code[left].imm = number_binary(op, code[left].imm, code[right].imm);
		c->s->ncode--;
	} else {
		c_emit(c, op);
	}
}

/* Precedence climbing: operators of at least `level`. */
static void expression(struct compiler *c, unsigned level, unsigned depth)
{
	uint32_t left = c_here(c);

	primary(c, depth);
	while (!c->failed && c_more(c)) {
		size_t i = 0;
		uint32_t right;

		while (i < BINARY && strncmp(c->at, binary[i].sign, strlen(binary[i].sign)) != 0)
			i++;
		if (i == BINARY || binary[i].level <= level)
			return;
		c->at += strlen(binary[i].sign);
		right = c_here(c);
		expression(c, binary[i].level, depth + 1);
		binary_end(c, left, right, (enum spec_op)binary[i].op);
	}
}

void c_expr(struct compiler *c)
{
	expression(c, 0, 0);
}

/* A comparison is no length: behind one == is what the field must be. */
struct spec_insn *c_emit_arg(struct compiler *c, enum spec_op op)
{
	uint32_t start = c_here(c);
	struct spec_insn only = { 0 }, *i;
	bool one;

	expression(c, COMPARE, 0);
	one = c_here(c) == start + 1;
	if (one) {
		only = c->s->code[start];
		if (only.op == OP_PUSH || only.op == OP_GET)
			c->s->ncode--;
	}
	i = c_emit(c, op);
	i->arg = ARG_STACK;
	i->back = start;
	if (one && only.op == OP_PUSH) {
		i->arg = ARG_IMM;
		i->imm = only.imm;
	} else if (one && only.op == OP_GET) {
		i->arg = ARG_SLOT;
		i->imm = only.slot;
	}
	return i;
}
