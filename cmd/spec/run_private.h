/* run_private: what the files of the engine share. */
#ifndef WEIR_SPEC_RUN_PRIVATE_H
#define WEIR_SPEC_RUN_PRIVATE_H

#include "cmd/spec/number.h"
#include "cmd/spec/run.h"

enum step {
	STEP_ON,
	STEP_AGAIN, /* bytes are lacking: the instruction is to be done again */
	STEP_SKIP,  /* what comes next begins behind bytes that are not here */
	STEP_FAIL,
	STEP_DONE,
};

struct run {
	const struct spec *s;
	struct spec_msg *m;
	struct spec_vars *vars;
	struct spec_io *io;
	const struct spec_insn *at; /* next instruction */
	const uint8_t *p, *end;     /* unread bytes */
	const uint8_t *run;         /* the bytes of the run at hand */
	uint64_t pos;               /* of p, in the message */
	unsigned top;
	uint64_t stack[SPEC_STACK];
};

static inline uint64_t run_pop(struct run *r)
{
	return r->stack[--r->top];
}

static inline void run_push(struct run *r, uint64_t v)
{
	r->stack[r->top++] = v;
}

static inline enum step run_jump(struct run *r, uint32_t to)
{
	r->at = r->s->code + to;
	return STEP_ON;
}

static inline enum step run_fail(struct run *r, const char *why)
{
	r->io->why = why;
	return STEP_FAIL;
}

/* What lies before is not there any more. */
static inline void run_no_marks(struct spec_msg *m)
{
	memset(m->mark, 0xff, sizeof(m->mark));
}

static inline void run_set(struct run *r, uint16_t slot, uint64_t v)
{
	r->m->v[slot].u = v;
	r->m->v[slot].where = SPEC_NUMBER;
}

static inline uint64_t run_slot(const struct run *r, uint64_t slot)
{
	const struct spec_value *v = &r->m->v[slot];

	return v->where == SPEC_NUMBER ? v->u : 0;
}

static inline uint64_t run_left(const struct run *r)
{
	return r->m->window[r->m->nwindows - 1] - r->pos;
}

static inline size_t run_avail(const struct run *r)
{
	return (size_t)(r->end - r->p);
}

static inline void run_advance(struct run *r, size_t n)
{
	r->p += n;
	r->pos += n;
}

static inline uint64_t run_arg(struct run *r, const struct spec_insn *i)
{
	if (i->arg == ARG_IMM)
		return i->imm;
	return i->arg == ARG_SLOT ? run_slot(r, i->imm) : run_pop(r);
}

/* Are the next n bytes there? Else what to do about it. */
static inline enum step run_need(struct run *r, const struct spec_insn *i, uint64_t n)
{
	if (n > run_left(r))
		return run_fail(r, i->why);
	if (n <= run_avail(r))
		return STEP_ON;
	r->io->want = n;
	return STEP_AGAIN;
}

static inline bool run_is(struct run *r, const struct spec_insn *i)
{
	const struct spec_value *v = &r->m->v[i->slot];

	return v->where >= SPEC_DATA &&
	       bytes_equal(spec_value_bytes(r->m, v, r->io->data), r->s->literals[i->n]);
}

/* What an instruction up to OP_INVERT pushes. */
static inline uint64_t run_number(struct run *r, const struct spec_insn *i)
{
	uint64_t v;

	switch (i->op) {
	case OP_PUSH:
		return i->imm;
	case OP_GET:
		return run_slot(r, i->slot);
	case OP_VAR:
		return r->vars->v[i->slot];
	case OP_LEFT:
		return run_left(r);
	case OP_POS:
		return r->pos;
	case OP_DIR:
		return r->m->dir;
	case OP_TCP:
		return !r->io->datagram;
	case OP_STATE:
		return r->vars->state;
	case OP_LEN:
		return r->m->v[i->slot].where >= SPEC_DATA ? r->m->v[i->slot].b.len : 0;
	case OP_HAS:
		return r->m->v[i->slot].where != SPEC_UNSET;
	case OP_IS:
		return run_is(r, i);
	case OP_NOT:
		return !run_pop(r);
	case OP_NEGATE:
		return 0 - run_pop(r);
	case OP_INVERT:
		return ~run_pop(r);
	default:
		v = run_pop(r);
		return number_binary((enum spec_op)i->op, run_pop(r), v);
	}
}

/* ---- run_read.c ---- */
enum step run_load(struct run *r, const struct spec_insn *i);
enum step op_peek(struct run *r, const struct spec_insn *i);
enum step op_leb128(struct run *r, const struct spec_insn *i);
enum step op_vlq(struct run *r, const struct spec_insn *i);
enum step op_quic(struct run *r, const struct spec_insn *i);
enum step op_berlen(struct run *r, const struct spec_insn *i);
enum step op_lenenc(struct run *r, const struct spec_insn *i);
enum step op_sized(struct run *r, const struct spec_insn *i);
enum step op_blob(struct run *r, const struct spec_insn *i);
enum step op_rest(struct run *r, const struct spec_insn *i);
enum step op_until(struct run *r, const struct spec_insn *i);
enum step op_number(struct run *r, const struct spec_insn *i);
enum step op_oid(struct run *r, const struct spec_insn *i);
enum step op_skip(struct run *r, const struct spec_insn *i);
enum step op_within(struct run *r, const struct spec_insn *i);
enum step op_within_until(struct run *r, const struct spec_insn *i);
enum step op_whole(struct run *r, const struct spec_insn *i);
enum step op_leave(struct run *r, const struct spec_insn *i);

#endif
