/* run: the engine: one function per instruction; this file has those that decide what comes next
 * and what a message is, run_read.c those that take bytes, run_number.c the arithmetic. */
#include "cmd/spec/run.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/spec/run_private.h"
#include "cmd/spec/sums.h"
#include "libcommon/base/die.h"

enum {
	MESSAGE_KEEPS = 16384, /* bytes that one at rest may have allocated */
	TIDY = 65536,
};

/* ---- messages ------------------------------------------------------------------------------- */

struct spec_msg *spec_msg_new(const struct spec *s)
{
	return xcalloc(1, sizeof(struct spec_msg) + s->nslots * sizeof(struct spec_value));
}

void spec_msg_free(struct spec_msg *m)
{
	buf_release(&m->kept);
	buf_release(&m->items);
	free(m);
}

size_t spec_msg_size(const struct spec *s, const struct spec_msg *m)
{
	return sizeof(*m) + s->nslots * sizeof(m->v[0]) + m->kept.size + m->items.size;
}

void spec_msg_clear(const struct spec *s, struct spec_msg *m)
{
	struct buf kept = m->kept, items = m->items;

	if (kept.size > MESSAGE_KEEPS)
		buf_release(&kept);
	if (items.size > MESSAGE_KEEPS)
		buf_release(&items);
	kept.len = items.len = 0;
	memset(m, 0, offsetof(struct spec_msg, window));
	memset(m->v, 0, s->nslots * sizeof(m->v[0]));
	m->kept = kept;
	m->items = items;
	m->own_items = m->tidy_at = 0;
	m->listed = m->cells = 0;
}

static void move(struct spec_value *v, const uint8_t *from, struct buf *to)
{
	buf_add(to, from + v->b.at, v->b.len);
	v->b.at = (uint32_t)(to->len - v->b.len);
	v->where = SPEC_OWN;
}

/* Throws out what no value refers to any more: a loop replaces its values each turn. */
static void tidy(const struct spec *s, struct spec_msg *m)
{
	struct buf old = m->kept;
	struct spec_item *item = (void *)m->items.ptr;

	m->kept = (struct buf){ 0 };
	for (unsigned i = 0; i < s->nslots; i++)
		if (m->v[i].where == SPEC_OWN)
			move(&m->v[i], old.ptr, &m->kept);
	for (size_t i = 0; i < m->items.len / sizeof(*item); i++)
		if (!item[i].sub && item[i].v.where == SPEC_OWN)
			move(&item[i].v, old.ptr, &m->kept);
	buf_release(&old);
	m->tidy_at = m->kept.len < TIDY / 2 ? TIDY : 2 * m->kept.len;
}

uint8_t *spec_msg_room(const struct spec *s, struct spec_msg *m, size_t n)
{
	if (m->kept.len + n > TIDY && m->kept.len + n > m->tidy_at)
		tidy(s, m);
	return buf_reserve(&m->kept, n + 1); /* never nothing */
}

static void own(const struct spec *s, struct spec_msg *m, struct spec_value *v, struct bytes data)
{
	if (v->where != SPEC_DATA)
		return;
	spec_msg_room(s, m, v->b.len);
	move(v, data.ptr, &m->kept);
}

void spec_msg_own(const struct spec *s, struct spec_msg *m, struct bytes data)
{
	for (unsigned i = 0; i < s->nslots; i++)
		own(s, m, &m->v[i], data);
	for (; m->own_items < m->items.len; m->own_items += sizeof(struct spec_item)) {
		struct spec_item *item = (void *)(m->items.ptr + m->own_items);

		if (!item->sub)
			own(s, m, &item->v, data);
	}
}

/* ---- where to go on ------------------------------------------------------------------------- */

static enum step op_jump(struct run *r, const struct spec_insn *i)
{
	return run_jump(r, i->n);
}

static enum step op_jumpz(struct run *r, const struct spec_insn *i)
{
	return run_pop(r) ? STEP_ON : run_jump(r, i->n);
}

static enum step op_case(struct run *r, const struct spec_insn *i)
{
	if (r->stack[r->top - 1] - i->imm > i->span)
		return STEP_ON;
	r->top--;
	return run_jump(r, i->n);
}

static enum step op_pop(struct run *r, const struct spec_insn *i)
{
	(void)i;
	r->top--;
	return STEP_ON;
}

static enum step loop_begin(struct run *r, const struct spec_insn *i, uint64_t turns)
{
	r->m->loop[r->m->nloops++] = (struct spec_loop){ .left = turns, .most = i->n };
	return STEP_ON;
}

static enum step op_loop(struct run *r, const struct spec_insn *i)
{
	return loop_begin(r, i, run_arg(r, i));
}

static enum step op_while(struct run *r, const struct spec_insn *i)
{
	return loop_begin(r, i, UINT64_MAX);
}

/* Each turn takes at least a byte. */
static enum step turn(struct run *r, const struct spec_insn *i, bool another)
{
	struct spec_loop *l = &r->m->loop[r->m->nloops - 1];

	if (!another) {
		r->m->nloops--;
		return run_jump(r, i->n);
	}
	if ((l->begun && l->at == r->pos) || l->turns == l->most)
		return run_fail(r, i->why);
	l->begun = true;
	l->at = r->pos;
	l->turns++;
	l->left--;
	return STEP_ON;
}

static enum step op_turn(struct run *r, const struct spec_insn *i)
{
	return turn(r, i, i->arg ? run_left(r) > 0 : r->m->loop[r->m->nloops - 1].left > 0);
}

static enum step op_turnz(struct run *r, const struct spec_insn *i)
{
	return turn(r, i, run_pop(r) != 0);
}

/* ---- lists ---------------------------------------------------------------------------------- */

/* NULL where there are too many. */
static struct spec_item *item_add(struct spec_msg *m, const struct spec_value *v)
{
	uint32_t n = v && v->where >= SPEC_DATA ? v->b.len : 0;

	if (m->items.len / sizeof(struct spec_item) >= SPEC_ITEMS || m->listed + n > SPEC_LISTED) {
		m->cut = true;
		return NULL;
	}
	m->listed += n;
	buf_reserve(&m->items, sizeof(struct spec_item));
	m->items.len += sizeof(struct spec_item);
	return (struct spec_item *)(void *)(m->items.ptr + m->items.len) - 1;
}

static enum step op_append(struct run *r, const struct spec_insn *i)
{
	const struct spec_value *v = &r->m->v[i->slot];
	struct spec_item *item = v->where != SPEC_UNSET ? item_add(r->m, v) : NULL;

	if (item)
		*item = (struct spec_item){ .slot = i->slot, .v = *v };
	return STEP_ON;
}

/* The row's values begin anew with the next one, which may be one too many. */
static enum step op_row(struct run *r, const struct spec_insn *i)
{
	size_t row = r->m->items.len, fields = r->s->subs[i->n].desc.nfields;
	bool fits = r->m->cells + fields < SPEC_CELLS && item_add(r->m, NULL);
	struct spec_item *item;
	uint32_t count = 0;

	for (unsigned k = 0; k < r->s->nslots; k++) {
		struct spec_value *v = &r->m->v[k];

		if (r->s->slots[k].sub != (int)i->n || v->where == SPEC_UNSET)
			continue;
		item = fits ? item_add(r->m, v) : NULL;
		if (item) {
			*item = (struct spec_item){ .slot = (uint16_t)k, .v = *v };
			count++;
		}
		v->where = SPEC_UNSET;
	}
	r->m->cut |= !fits;
	if (!fits)
		return STEP_ON;
	r->m->cells += (uint32_t)fields + 1;
	item = (struct spec_item *)(void *)(r->m->items.ptr + row);
	*item = (struct spec_item){ .sub = (uint16_t)(i->n + 1), .count = count };
	return STEP_ON;
}

/* ---- values and checks ---------------------------------------------------------------------- */

static enum step op_let(struct run *r, const struct spec_insn *i)
{
	run_set(r, i->slot, run_pop(r));
	return STEP_ON;
}

static enum step op_set(struct run *r, const struct spec_insn *i)
{
	r->vars->v[i->slot] = run_pop(r);
	return STEP_ON;
}

static enum step op_ip4(struct run *r, const struct spec_insn *i)
{
	be32_put(spec_msg_room(r->s, r->m, 4), (uint32_t)run_pop(r));
	r->m->kept.len += 4;
	r->m->v[i->slot] =
		(struct spec_value){ .b = { (uint32_t)r->m->kept.len - 4, 4 }, .where = SPEC_OWN };
	return STEP_ON;
}

/* Absent where it is 0, an instant that is not known, and where it is before 1970 or after 2554:
 * there are no ns for that. */
static enum step op_time(struct run *r, const struct spec_insn *i)
{
	const uint64_t second = 1000000000, since_1900 = 2208988800;
	struct spec_value *v = &r->m->v[i->slot];
	uint64_t unit = i->n == SPEC_UNIX_MS ? second / 1000 : second, part = 0;

	if (v->u == 0) {
		v->where = SPEC_UNSET;
		return STEP_ON;
	}
	if (i->n == SPEC_NTP) {
		part = (v->u & UINT32_MAX) * second >> 32;
		/* RFC 4330, 3: with the first bit clear it is the era from 2036 on */
		v->u = (v->u >> 32) + (v->u >> 63 ? 0 : 1ull << 32) - since_1900;
	}
	if (v->u > (UINT64_MAX - part) / unit) {
		v->where = SPEC_UNSET;
		r->m->cut |= i->slot != 0;
	}
	v->u = v->u * unit + part;
	return STEP_ON;
}

static enum step op_mark(struct run *r, const struct spec_insn *i)
{
	r->m->mark[i->n] = r->pos;
	return STEP_ON;
}

/* Goes on where it ended, so that in a loop it costs each byte once. */
static uint64_t sum_up(struct run *r, const struct spec_insn *i, uint64_t from, uint64_t to)
{
	struct spec_sum *sum = &r->m->sum[i->slot];
	int how = (int)i->m;

	if (sum->from != from || sum->to > to)
		*sum = (struct spec_sum){ from, from, sum_begin(how) };
	sum->v = sum_add(how, sum->v, sum->to - from,
			 BYTES(r->p - (r->pos - sum->to), to - sum->to));
	sum->to = to;
	return sum_end(how, sum->v);
}

static enum step op_sum(struct run *r, const struct spec_insn *i)
{
	uint64_t v = run_pop(r), from = r->m->mark[i->n], to = i->arg ? r->m->mark[i->imm] : r->pos;

	if (from > to || to > r->pos || r->pos - from > (size_t)(r->p - r->io->data.ptr))
		return run_fail(r, i->why);
	if (v != sum_up(r, i, from, to))
		r->io->note(r->io->ctx, "checksum", NULL, NULL, NULL);
	return STEP_ON;
}

static enum step op_require(struct run *r, const struct spec_insn *i)
{
	return run_pop(r) ? STEP_ON : run_fail(r, i->why);
}

static enum step op_fail(struct run *r, const struct spec_insn *i)
{
	return run_fail(r, i->why);
}

static enum step op_note(struct run *r, const struct spec_insn *i)
{
	r->io->note(r->io->ctx, i->why, NULL, NULL, NULL);
	return STEP_ON;
}

static enum step op_legal(struct run *r, const struct spec_insn *i)
{
	char legal[256] = "";
	size_t n = 0;

	if (i->imm >> r->vars->state & 1)
		return STEP_ON;
	for (unsigned k = 0; k < r->s->nstates && n < sizeof(legal); k++)
		if (i->imm >> k & 1)
			n += (size_t)snprintf(legal + n, sizeof(legal) - n, "%s%s", n ? " " : "",
					      r->s->states[k]);
	r->io->note(r->io->ctx, "illegal", r->s->states[r->vars->state], i->why, legal);
	return STEP_ON;
}

static enum step op_become(struct run *r, const struct spec_insn *i)
{
	r->vars->state = (uint8_t)i->imm;
	return STEP_ON;
}

static enum step op_pair(struct run *r, const struct spec_insn *i)
{
	for (unsigned k = i->n; k > 0; k--)
		r->m->key[k - 1] = run_pop(r);
	r->m->nkeys = (uint8_t)i->n;
	r->m->role = i->op == OP_REQUEST ? SPEC_REQUEST : SPEC_RESPONSE;
	return STEP_ON;
}

static enum step op_silent(struct run *r, const struct spec_insn *i)
{
	(void)i;
	r->m->silent = true;
	return STEP_ON;
}

static enum step op_over(struct run *r, const struct spec_insn *i)
{
	(void)i;
	r->m->over = true;
	return STEP_ON;
}

static enum step op_end(struct run *r, const struct spec_insn *i)
{
	(void)r;
	(void)i;
	return STEP_DONE;
}

/* ---- the loop ------------------------------------------------------------------------------- */

typedef enum step (*op_fn)(struct run *r, const struct spec_insn *i);

static const op_fn others[] = {
	[OP_CASE] = op_case,     [OP_POP] = op_pop,       [OP_PEEK] = op_peek,
	[OP_LEB128] = op_leb128, [OP_VLQ] = op_vlq,       [OP_QUIC] = op_quic,
	[OP_BERLEN] = op_berlen, [OP_LENENC] = op_lenenc, [OP_UINT] = op_sized,
	[OP_INT] = op_sized,     [OP_BLOB] = op_blob,     [OP_REST] = op_rest,
	[OP_UNTIL] = op_until,   [OP_NUMBER] = op_number, [OP_OID] = op_oid,
	[OP_SKIP] = op_skip,     [OP_WITHIN] = op_within, [OP_WITHIN_UNTIL] = op_within_until,
	[OP_WHOLE] = op_whole,   [OP_LEAVE] = op_leave,   [OP_LOOP] = op_loop,
	[OP_WHILE] = op_while,   [OP_TURN] = op_turn,     [OP_TURNZ] = op_turnz,
	[OP_APPEND] = op_append, [OP_ROW] = op_row,       [OP_LET] = op_let,
	[OP_SET] = op_set,       [OP_IP4] = op_ip4,       [OP_TIME] = op_time,
	[OP_MARK] = op_mark,     [OP_SUM] = op_sum,       [OP_REQUIRE] = op_require,
	[OP_FAIL] = op_fail,     [OP_NOTE] = op_note,     [OP_LEGAL] = op_legal,
	[OP_BECOME] = op_become, [OP_REQUEST] = op_pair,  [OP_RESPONSE] = op_pair,
	[OP_SILENT] = op_silent, [OP_OVER] = op_over,     [OP_END] = op_end,
};

static inline enum step step(struct run *r, const struct spec_insn *i)
{
	if (i->op <= OP_INVERT) {
		run_push(r, run_number(r, i));
		return STEP_ON;
	}
	if (i->op >= OP_RUN && i->op <= OP_LITERAL)
		return run_load(r, i);
	if (i->op == OP_JUMPZ)
		return op_jumpz(r, i);
	if (i->op == OP_JUMP)
		return op_jump(r, i);
	return others[i->op](r, i);
}

static void begin(struct run *r)
{
	struct spec_msg *m = r->m;

	m->begun = true;
	m->pc = r->s->entry[m->dir];
	m->nwindows = 1;
	m->window[0] = r->io->datagram ? r->io->data.len : UINT64_MAX;
	m->behind[0] = 0;
	run_no_marks(m);
	memset(m->sum, 0xff, sizeof(m->sum)); /* from nowhere */
}

enum spec_end spec_run(const struct spec *s, struct spec_msg *m, struct spec_vars *vars,
		       struct spec_io *io)
{
	struct run r = { .s = s, .m = m, .vars = vars, .io = io };
	enum step went = STEP_ON;

	io->used = io->want = 0;
	io->skip = 0;
	if (s->entry[m->dir] == UINT32_MAX)
		return SPEC_FAILED;
	if (!m->begun)
		begin(&r);
	r.p = io->data.ptr;
	r.end = io->data.len ? io->data.ptr + io->data.len : io->data.ptr;
	r.pos = m->pos;
	r.at = s->code + m->pc;
	if (m->owed && r.p < r.end)
		r.p++;
	m->owed = false;
	while (went == STEP_ON) {
		const struct spec_insn *i = r.at++;

		went = step(&r, i);
		if (went == STEP_AGAIN) /* what is lacking is an argument of this */
			r.at = i->arg == ARG_STACK ? s->code + i->back : i;
	}
	io->used = (size_t)(r.p - io->data.ptr);
	m->owed = went == STEP_SKIP;
	m->pos = r.pos;
	m->pc = (uint32_t)(r.at - s->code);
	if (went == STEP_DONE && (r.pos > 0 || io->datagram))
		return SPEC_DONE;
	if (went == STEP_DONE) /* nor would the next one */
		io->why = "a message takes no byte";
	if (went == STEP_DONE)
		return SPEC_FAILED;
	if (went == STEP_FAIL)
		return SPEC_FAILED;
	spec_msg_own(s, m, io->data);
	return SPEC_MORE;
}
