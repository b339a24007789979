/* run_read: the instructions that take bytes. */
#include <stdio.h>

#include "cmd/spec/run_private.h"

enum { TOO_LONG = 40 /* bits of a length: more is a negative number, or nonsense */ };

/* ---- runs ----------------------------------------------------------------------------------- */

static uint64_t big(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static uint64_t little(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n)
		v = v << 8 | p[--n];
	return v;
}

static inline uint64_t big_at(const uint8_t *p, size_t n)
{
	switch (n) {
	case 1:
		return *p;
	case 2:
		return be16_get(p);
	case 4:
		return be32_get(p);
	case 8:
		return be64_get(p);
	default:
		return big(p, n);
	}
}

static uint64_t low(uint64_t v, uint32_t bits)
{
	return bits < 64 ? v & ((1ull << bits) - 1) : v;
}

/* Bit 0 is the most significant one of the first byte. */
static uint64_t bits_big(const uint8_t *p, uint32_t at, uint32_t bits)
{
	uint64_t v = 0;

	while (bits) {
		uint32_t in = at % 8, n = 8 - in < bits ? 8 - in : bits;

		v = v << n | low((uint64_t)p[at / 8] >> (8 - in - n), n);
		at += n;
		bits -= n;
	}
	return v;
}

/* Bit 0 is the least significant one of the first byte. */
static uint64_t bits_little(const uint8_t *p, uint32_t at, uint32_t bits)
{
	uint64_t v = 0;
	uint32_t have = 0;

	while (bits) {
		uint32_t in = at % 8, n = 8 - in < bits ? 8 - in : bits;

		v |= low((uint64_t)p[at / 8] >> in, n) << have;
		have += n;
		at += n;
		bits -= n;
	}
	return v;
}

static void set_data(struct run *r, uint16_t slot, const uint8_t *p, size_t n)
{
	struct spec_value *v = &r->m->v[slot];

	v->where = SPEC_DATA;
	v->b.at = (uint32_t)(p - r->io->data.ptr);
	v->b.len = (uint32_t)n;
}

static void sign(struct run *r, const struct spec_insn *i)
{
	uint64_t v = r->m->v[i->slot].u, top = 1ull << (i->m - 1);

	r->m->v[i->slot].u = (v ^ top) - top;
}

static void widen(struct run *r, const struct spec_insn *i)
{
	uint32_t bits = (uint32_t)r->m->v[i->slot].u;
	float f;
	double d;

	memcpy(&f, &bits, sizeof(f));
	d = f;
	memcpy(&r->m->v[i->slot].u, &d, sizeof(d));
}

enum step run_load(struct run *r, const struct spec_insn *i)
{
	enum step need;

	switch (i->op) {
	case OP_RUN:
		need = run_need(r, i, i->n);
		r->run = r->p;
		if (need == STEP_ON)
			run_advance(r, i->n);
		return need;
	case OP_BE:
		run_set(r, i->slot, big_at(r->run + i->n, i->m));
		return STEP_ON;
	case OP_LITTLE:
		run_set(r, i->slot, little(r->run + i->n, i->m));
		return STEP_ON;
	case OP_BITS:
		run_set(r, i->slot, bits_big(r->run, i->n, i->m));
		return STEP_ON;
	case OP_BITSLE:
		run_set(r, i->slot, bits_little(r->run, i->n, i->m));
		return STEP_ON;
	case OP_SIGN:
		sign(r, i);
		return STEP_ON;
	case OP_FLOAT:
		widen(r, i);
		return STEP_ON;
	case OP_COPY:
		set_data(r, i->slot, r->run + i->n, i->m);
		return STEP_ON;
	default:
		if (memcmp(r->run + i->n, r->s->literals[i->m].ptr, r->s->literals[i->m].len) != 0)
			return run_fail(r, i->why);
		return STEP_ON;
	}
}

/* ---- numbers of a length of their own ------------------------------------------------------- */

/* Bytes up to and with the first below 0x80, at most m: 0 where there is none among those here. */
static size_t base128(struct run *r, const struct spec_insn *i, enum step *need)
{
	size_t n = 0;

	*need = STEP_ON;
	while (n < i->m && n < run_avail(r))
		if (r->p[n++] < 0x80) {
			*need = run_need(r, i, n);
			return *need == STEP_ON ? n : 0;
		}
	*need = n == i->m ? run_fail(r, i->why) : run_need(r, i, n + 1);
	return 0;
}

enum step op_peek(struct run *r, const struct spec_insn *i)
{
	enum step need = run_need(r, i, i->m);

	if (need == STEP_ON)
		run_set(r, i->slot, big_at(r->p, i->m));
	return need;
}

enum step op_leb128(struct run *r, const struct spec_insn *i)
{
	enum step need;
	size_t n = base128(r, i, &need);
	uint64_t v = 0;

	if (need != STEP_ON)
		return need;
	for (size_t k = n; k > 0; k--)
		v = v << 7 | (r->p[k - 1] & 0x7f);
	run_set(r, i->slot, v);
	run_advance(r, n);
	return STEP_ON;
}

enum step op_vlq(struct run *r, const struct spec_insn *i)
{
	enum step need;
	size_t n = base128(r, i, &need);
	uint64_t v = 0;

	if (need != STEP_ON)
		return need;
	for (size_t k = 0; k < n; k++)
		v = v << 7 | (r->p[k] & 0x7f);
	run_set(r, i->slot, v);
	run_advance(r, n);
	return STEP_ON;
}

/* RFC 9000, 16 */
enum step op_quic(struct run *r, const struct spec_insn *i)
{
	enum step need = run_need(r, i, 1);
	size_t n;

	if (need != STEP_ON)
		return need;
	n = (size_t)1 << (*r->p >> 6);
	need = run_need(r, i, n);
	if (need != STEP_ON)
		return need;
	run_set(r, i->slot, low(big(r->p, n), (uint32_t)(8 * n - 2)));
	run_advance(r, n);
	return STEP_ON;
}

/* X.690, 8.1.3; the indefinite form is refused */
enum step op_berlen(struct run *r, const struct spec_insn *i)
{
	enum step need = run_need(r, i, 1);
	size_t n;

	if (need != STEP_ON)
		return need;
	if (*r->p < 0x80) {
		run_set(r, i->slot, *r->p);
		run_advance(r, 1);
		return STEP_ON;
	}
	n = *r->p & 0x7f;
	if (n == 0 || n > 8)
		return run_fail(r, i->why);
	need = run_need(r, i, 1 + n);
	if (need != STEP_ON)
		return need;
	run_set(r, i->slot, big(r->p + 1, n));
	run_advance(r, 1 + n);
	return STEP_ON;
}

/* MySQL's: NULL leaves the slot unset */
enum step op_lenenc(struct run *r, const struct spec_insn *i)
{
	static const uint8_t sizes[] = { 0, 2, 3, 8 };
	enum step need = run_need(r, i, 1);
	size_t n;

	if (need != STEP_ON)
		return need;
	if (*r->p == 0xff)
		return run_fail(r, i->why);
	n = *r->p < 0xfb ? 0 : sizes[*r->p - 0xfb];
	need = run_need(r, i, 1 + n);
	if (need != STEP_ON)
		return need;
	run_set(r, i->slot, n ? little(r->p + 1, n) : *r->p);
	if (*r->p == 0xfb)
		r->m->v[i->slot].where = SPEC_UNSET;
	run_advance(r, 1 + n);
	return STEP_ON;
}

enum step op_sized(struct run *r, const struct spec_insn *i)
{
	uint64_t n = run_arg(r, i), v;
	enum step need;

	if (n > (i->op == OP_UINT ? 9 : 8))
		return run_fail(r, i->why);
	need = run_need(r, i, n);
	if (need != STEP_ON)
		return need;
	if (n == 9 && r->p[0]) /* X.690, 8.3: BER's are signed, and those of 2^63 need a 0 */
		return run_fail(r, i->why);
	v = big(r->p, n);
	if (i->op == OP_INT && n > 0 && n < 8 && r->p[0] & 0x80)
		v |= UINT64_MAX << (8 * n);
	run_set(r, i->slot, v);
	run_advance(r, n);
	return STEP_ON;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* Lets n bytes by, of which some may be yet to come. */
static enum step let_by(struct run *r, const struct spec_insn *i, uint64_t n)
{
	size_t here = run_avail(r) < n ? run_avail(r) : (size_t)n;

	if (n > run_left(r) || n >> TOO_LONG)
		return run_fail(r, i->why);
	run_advance(r, here);
	if (here == n)
		return STEP_ON;
	r->pos += n - here;
	r->io->skip = n - here - 1;
	r->io->want = 1;
	return STEP_SKIP;
}

static enum step take(struct run *r, const struct spec_insn *i, uint64_t n)
{
	uint64_t keep = n < i->n ? n : i->n;
	enum step need = n > run_left(r) ? run_fail(r, i->why) : run_need(r, i, keep);

	if (need != STEP_ON)
		return need;
	set_data(r, i->slot, r->p, keep);
	r->m->cut |= keep < n && i->slot;
	return let_by(r, i, n);
}

enum step op_blob(struct run *r, const struct spec_insn *i)
{
	return take(r, i, run_arg(r, i));
}

enum step op_rest(struct run *r, const struct spec_insn *i)
{
	return take(r, i, run_left(r));
}

enum step op_skip(struct run *r, const struct spec_insn *i)
{
	return let_by(r, i, run_arg(r, i));
}

/* How many bytes are before the literal. Where it is not there: what to do about it; STEP_DONE: it
 * is not in the window, all of which is here. What was looked at is not looked at again. */
static enum step find(struct run *r, const struct spec_insn *i, size_t *n)
{
	struct bytes lit = r->s->literals[i->m];
	uint64_t left = run_left(r);
	size_t here = run_avail(r) < left ? run_avail(r) : (size_t)left, most = i->imm + lit.len;
	size_t within = here < most ? here : most, from = r->m->looked;
	const uint8_t *found = NULL;

	if (from < within)
		found = lit.len == 1 ? memchr(r->p + from, lit.ptr[0], within - from)
				     : memmem(r->p + from, within - from, lit.ptr, lit.len);
	r->m->looked = 0;
	if (found) {
		*n = (size_t)(found - r->p);
		return STEP_ON;
	}
	if (here == left && here < most)
		return STEP_DONE;
	if (here >= most)
		return run_fail(r, i->why);
	r->m->looked = within >= lit.len ? within - (lit.len - 1) : 0;
	r->io->want = here + 1;
	return STEP_AGAIN;
}

enum step op_until(struct run *r, const struct spec_insn *i)
{
	size_t n, behind = r->s->literals[i->m].len, keep;
	enum step found = find(r, i, &n);

	if (found == STEP_DONE && i->arg) {
		n = (size_t)run_left(r);
		behind = 0;
	} else if (found != STEP_ON) {
		return found == STEP_DONE ? run_fail(r, i->why) : found;
	}
	keep = n < i->n ? n : i->n;
	set_data(r, i->slot, r->p, keep);
	r->m->cut |= keep < n && i->slot;
	run_advance(r, n + behind);
	return STEP_ON;
}

enum step op_number(struct run *r, const struct spec_insn *i)
{
	struct bytes b = spec_value_bytes(r->m, &r->m->v[i->slot], r->io->data);
	bool minus = b.len && b.ptr[0] == '-';
	size_t k = minus || (b.len && b.ptr[0] == '+');
	uint64_t v = 0;

	if (b.len - k < 1 || b.len - k > 18)
		return run_fail(r, i->why);
	for (; k < b.len; k++) {
		if (b.ptr[k] < '0' || b.ptr[k] > '9')
			return run_fail(r, i->why);
		v = v * 10 + (uint64_t)(b.ptr[k] - '0');
	}
	run_set(r, i->slot, minus ? 0 - v : v);
	return STEP_ON;
}

/* X.690, 8.19 */
enum step op_oid(struct run *r, const struct spec_insn *i)
{
	struct spec_msg *m = r->m;
	struct spec_value *value = &m->v[i->slot];
	size_t start = (spec_msg_room(r->s, m, 4 * (size_t)value->b.len), m->kept.len);
	uint64_t v = 0;

	for (uint32_t k = 0; k < value->b.len; k++) {
		uint8_t b = spec_value_bytes(m, value, r->io->data).ptr[k];

		if (v >> 57) { /* what comes before is left of it */
			m->cut |= i->slot != 0;
			break;
		}
		v = v << 7 | (b & 0x7f);
		if (b & 0x80)
			continue;
		if (m->kept.len == start) {
			uint64_t first = v < 80 ? v / 40 : 2;

			buf_printf(&m->kept, "%llu.%llu", (unsigned long long)first,
				   (unsigned long long)(v - 40 * first));
		} else {
			buf_printf(&m->kept, ".%llu", (unsigned long long)v);
		}
		v = 0;
	}
	*value = (struct spec_value){ .b = { (uint32_t)start, (uint32_t)(m->kept.len - start) },
				      .where = SPEC_OWN };
	return STEP_ON;
}

/* ---- windows -------------------------------------------------------------------------------- */

static void window(struct run *r, uint64_t n, size_t behind)
{
	r->m->window[r->m->nwindows] = r->pos + n;
	r->m->behind[r->m->nwindows++] = (uint32_t)behind;
}

enum step op_within(struct run *r, const struct spec_insn *i)
{
	uint64_t n = run_arg(r, i);

	if (n > run_left(r) || n >> TOO_LONG)
		return run_fail(r, i->why);
	window(r, n, 0);
	return STEP_ON;
}

enum step op_within_until(struct run *r, const struct spec_insn *i)
{
	size_t n;
	enum step found = find(r, i, &n);

	if (found != STEP_ON)
		return found == STEP_DONE ? run_fail(r, i->why) : found;
	if (i->n)
		run_no_marks(r->m);
	window(r, n, r->s->literals[i->m].len);
	return STEP_ON;
}

enum step op_whole(struct run *r, const struct spec_insn *i)
{
	uint64_t n = run_arg(r, i);
	enum step need;

	if (n > i->n)
		return run_fail(r, i->why);
	need = run_need(r, i, n);
	if (need != STEP_ON)
		return need;
	if (i->m)
		run_no_marks(r->m);
	window(r, n, 0);
	return STEP_ON;
}

enum step op_leave(struct run *r, const struct spec_insn *i)
{
	uint32_t behind = r->m->behind[--r->m->nwindows];

	return let_by(r, i, r->m->window[r->m->nwindows] - r->pos + behind);
}
