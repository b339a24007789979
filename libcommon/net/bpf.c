/* bpf: classic BPF programs, as the kernel checks and runs them on a socket. */
#include "libcommon/net/bpf.h"

#include <linux/if_arp.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

/* ---- text ---------------------------------------------------------------------------------- */

struct text {
	const uint8_t *at, *end;
	unsigned line;
};

/* The next number, up to `most`. False: there is none. */
static bool number(struct text *t, uint64_t most, uint64_t *v)
{
	const uint8_t *first;

	for (; t->at < t->end && (*t->at == ' ' || (*t->at >= '\t' && *t->at <= '\r')); t->at++)
		t->line += *t->at == '\n';
	*v = 0;
	for (first = t->at; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++) {
		*v = *v * 10 + (uint64_t)(*t->at - '0');
		if (*v > most)
			return false;
	}
	return t->at > first;
}

bool bpf_parse(struct bpf *p, struct bytes text, char why[BPF_WHY])
{
	struct text t = { text.ptr, text.ptr + text.len, 1 };
	uint64_t n, v[4];

	p->n = 0;
	if (!number(&t, UINT32_MAX, &n)) {
		snprintf(why, BPF_WHY, "line %u: no number of instructions", t.line);
		return false;
	}
	if (n == 0 || n > BPF_MAXINSNS) {
		snprintf(why, BPF_WHY, "line %u: %llu instructions, not 1 to %d", t.line,
			 (unsigned long long)n, BPF_MAXINSNS);
		return false;
	}
	for (unsigned i = 0; i < n; i++) {
		if (!number(&t, UINT16_MAX, &v[0]) || !number(&t, UINT8_MAX, &v[1]) ||
		    !number(&t, UINT8_MAX, &v[2]) || !number(&t, UINT32_MAX, &v[3])) {
			snprintf(why, BPF_WHY,
				 t.at == t.end
					 ? "line %u: ends within instruction %u of %llu"
					 : "line %u: instruction %u of %llu is no four numbers",
				 t.line, i, (unsigned long long)n);
			return false;
		}
		p->code[i] = (struct sock_filter){ (uint16_t)v[0], (uint8_t)v[1], (uint8_t)v[2],
						   (uint32_t)v[3] };
	}
	if (number(&t, UINT32_MAX, &v[0]) || t.at < t.end) {
		snprintf(why, BPF_WHY, "line %u: more than %llu instructions", t.line,
			 (unsigned long long)n);
		return false;
	}
	p->n = (unsigned)n;
	return true;
}

/* ---- check --------------------------------------------------------------------------------- */

static bool is_opcode(uint16_t code)
{
	switch (code) {
	case BPF_ALU | BPF_ADD | BPF_K:
	case BPF_ALU | BPF_ADD | BPF_X:
	case BPF_ALU | BPF_SUB | BPF_K:
	case BPF_ALU | BPF_SUB | BPF_X:
	case BPF_ALU | BPF_MUL | BPF_K:
	case BPF_ALU | BPF_MUL | BPF_X:
	case BPF_ALU | BPF_DIV | BPF_K:
	case BPF_ALU | BPF_DIV | BPF_X:
	case BPF_ALU | BPF_MOD | BPF_K:
	case BPF_ALU | BPF_MOD | BPF_X:
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_ALU | BPF_AND | BPF_X:
	case BPF_ALU | BPF_OR | BPF_K:
	case BPF_ALU | BPF_OR | BPF_X:
	case BPF_ALU | BPF_XOR | BPF_K:
	case BPF_ALU | BPF_XOR | BPF_X:
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_LSH | BPF_X:
	case BPF_ALU | BPF_RSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_X:
	case BPF_ALU | BPF_NEG:
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_B | BPF_MSH:
	case BPF_LDX | BPF_IMM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_JMP | BPF_JA:
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JEQ | BPF_X:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_X:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_X:
	case BPF_JMP | BPF_JSET | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_X:
		return true;
	default:
		return false;
	}
}

static bool is_ancillary(uint32_t k)
{
	switch (k - (uint32_t)SKF_AD_OFF) {
	case SKF_AD_PROTOCOL:
	case SKF_AD_PKTTYPE:
	case SKF_AD_IFINDEX:
	case SKF_AD_NLATTR:
	case SKF_AD_NLATTR_NEST:
	case SKF_AD_MARK:
	case SKF_AD_QUEUE:
	case SKF_AD_HATYPE:
	case SKF_AD_RXHASH:
	case SKF_AD_CPU:
	case SKF_AD_ALU_XOR_X:
	case SKF_AD_VLAN_TAG:
	case SKF_AD_VLAN_TAG_PRESENT:
	case SKF_AD_PAY_OFFSET:
	case SKF_AD_RANDOM:
	case SKF_AD_VLAN_TPID:
		return true;
	default:
		return false;
	}
}

static bool is_branch(uint16_t code)
{
	return BPF_CLASS(code) == BPF_JMP && BPF_OP(code) != BPF_JA;
}

/* What is wrong with the one at `pc`, or NULL. */
static const char *fault(const struct bpf *p, unsigned pc)
{
	const struct sock_filter *i = &p->code[pc];
	unsigned behind = p->n - pc - 1;

	if (!is_opcode(i->code))
		return "unknown opcode";
	switch (i->code) {
	case BPF_ALU | BPF_DIV | BPF_K:
	case BPF_ALU | BPF_MOD | BPF_K:
		return i->k == 0 ? "division by 0" : NULL;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return i->k >= 32 ? "shift by 32 bits or more" : NULL;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return i->k >= BPF_MEMWORDS ? "no such scratch memory" : NULL;
	case BPF_JMP | BPF_JA:
		return i->k >= behind ? "jump beyond the end" : NULL;
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
		return i->k >= (uint32_t)SKF_AD_OFF && !is_ancillary(i->k)
			       ? "unknown ancillary load"
			       : NULL;
	default:
		return is_branch(i->code) && (i->jt >= behind || i->jf >= behind)
			       ? "jump beyond the end"
			       : NULL;
	}
}

/* Scratch memory is written on every way that leads to where it is read. Jumps go forward only, so
 * one pass knows for each instruction what is written on all ways to it. */
static bool memory_is_written(const struct bpf *p, unsigned *at)
{
	uint16_t on_all_ways[BPF_MAXINSNS], written = 0;

	memset(on_all_ways, 0xff, sizeof(on_all_ways[0]) * p->n);
	for (unsigned pc = 0; pc < p->n; pc++) {
		const struct sock_filter *i = &p->code[pc];

		written &= on_all_ways[pc];
		if (i->code == BPF_ST || i->code == BPF_STX) {
			written = (uint16_t)(written | 1u << i->k);
		} else if (i->code == (BPF_LD | BPF_MEM) || i->code == (BPF_LDX | BPF_MEM)) {
			*at = pc;
			if (!(written >> i->k & 1))
				return false;
		} else if (i->code == (BPF_JMP | BPF_JA)) {
			on_all_ways[pc + 1 + i->k] &= written;
			written = UINT16_MAX;
		} else if (is_branch(i->code)) {
			on_all_ways[pc + 1 + i->jt] &= written;
			on_all_ways[pc + 1 + i->jf] &= written;
			written = UINT16_MAX;
		}
	}
	return true;
}

bool bpf_check(const struct bpf *p, char why[BPF_WHY])
{
	unsigned at;

	if (p->n == 0 || p->n > BPF_MAXINSNS) {
		snprintf(why, BPF_WHY, "%u instructions, not 1 to %d", p->n, BPF_MAXINSNS);
		return false;
	}
	for (unsigned pc = 0; pc < p->n; pc++) {
		const char *what = fault(p, pc);

		if (what) {
			snprintf(why, BPF_WHY, "instruction %u: %s", pc, what);
			return false;
		}
	}
	if (BPF_CLASS(p->code[p->n - 1].code) != BPF_RET) {
		snprintf(why, BPF_WHY, "instruction %u: the last one is no return", p->n - 1);
		return false;
	}
	if (!memory_is_written(p, &at)) {
		snprintf(why, BPF_WHY,
			 "instruction %u: scratch memory is read before it is written", at);
		return false;
	}
	return true;
}

void bpf_snap(struct bpf *p, uint32_t bytes)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->code[i].code == (BPF_RET | BPF_K) && p->code[i].k > bytes)
			p->code[i].k = bytes;
}

/* ---- run ----------------------------------------------------------------------------------- */

/* Big-endian bytes at an offset as programs give it: from the start of the data, or, negative, from
 * one of its layers. */
static bool load(const struct bpf_frame *f, uint32_t offset, unsigned size, uint32_t *v)
{
	int64_t at = (int32_t)offset;

	if (at < 0 && at >= SKF_NET_OFF)
		at += (int64_t)f->net - SKF_NET_OFF;
	else if (at < 0 && at >= SKF_LL_OFF && f->link != BPF_NOWHERE)
		at += (int64_t)f->link - SKF_LL_OFF;
	else if (at < 0)
		return false;
	if ((uint64_t)at + size > f->data.len)
		return false;
	*v = 0;
	for (unsigned i = 0; i < size; i++)
		*v = *v << 8 | f->data.ptr[at + i];
	return true;
}

static unsigned width(uint16_t code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

/* The offset of the netlink attribute of a type among those in data[at..end), or 0. They have the
 * host's byte order and are aligned to 4. */
static uint32_t attribute(const struct bpf_frame *f, size_t at, size_t end, uint32_t type)
{
	struct nlattr a;

	while (end - at >= sizeof(a)) {
		memcpy(&a, f->data.ptr + at, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > end - at)
			return 0;
		if ((a.nla_type & NLA_TYPE_MASK) == type)
			return (uint32_t)at;
		at += (size_t)NLA_ALIGN(a.nla_len);
		if (at > end)
			return 0;
	}
	return 0;
}

static uint32_t find_attribute(const struct bpf_frame *f, uint32_t a, uint32_t x, bool nested)
{
	struct nlattr outer;

	if (f->data.len < sizeof(outer) || a > f->data.len - sizeof(outer))
		return 0;
	if (!nested)
		return attribute(f, a, f->data.len, x);
	memcpy(&outer, f->data.ptr + a, sizeof(outer));
	if (outer.nla_len > f->data.len - a || outer.nla_len < sizeof(outer))
		return 0;
	return attribute(f, a + sizeof(outer), a + outer.nla_len, x);
}

/* False: the program ends here, with what is in A, as in the kernel. */
static bool ancillary(const struct bpf_frame *f, uint32_t k, uint32_t *a, uint32_t x)
{
	switch (k - (uint32_t)SKF_AD_OFF) {
	case SKF_AD_PROTOCOL:
		*a = f->protocol;
		return true;
	case SKF_AD_PKTTYPE:
		*a = f->pkttype;
		return true;
	case SKF_AD_IFINDEX:
		if (f->ifindex == 0)
			return false;
		*a = f->ifindex;
		return true;
	case SKF_AD_HATYPE:
		if (f->hatype == ARPHRD_VOID)
			return false;
		*a = f->hatype;
		return true;
	case SKF_AD_NLATTR:
	case SKF_AD_NLATTR_NEST:
		*a = find_attribute(f, *a, x, k - (uint32_t)SKF_AD_OFF == SKF_AD_NLATTR_NEST);
		return true;
	case SKF_AD_MARK:
		*a = f->mark;
		return true;
	case SKF_AD_QUEUE:
		*a = f->queue;
		return true;
	case SKF_AD_RXHASH:
		*a = f->rxhash;
		return true;
	case SKF_AD_CPU:
		*a = f->cpu;
		return true;
	case SKF_AD_ALU_XOR_X:
		*a ^= x;
		return true;
	case SKF_AD_VLAN_TAG:
		*a = f->vlan_tci;
		return true;
	case SKF_AD_VLAN_TAG_PRESENT:
		*a = f->vlan;
		return true;
	case SKF_AD_VLAN_TPID:
		*a = f->vlan_tpid;
		return true;
	case SKF_AD_PAY_OFFSET:
		*a = f->payload;
		return true;
	case SKF_AD_RANDOM:
		*a = f->random;
		return true;
	default:
		return false;
	}
}

/* False: division by 0, which ends the program with 0. */
static bool alu(uint16_t op, uint32_t *a, uint32_t v)
{
	switch (op) {
	case BPF_ADD:
		*a += v;
		break;
	case BPF_SUB:
		*a -= v;
		break;
	case BPF_MUL:
		*a *= v;
		break;
	case BPF_DIV:
		if (v == 0)
			return false;
		*a /= v;
		break;
	case BPF_MOD:
		if (v == 0)
			return false;
		*a %= v;
		break;
	case BPF_AND:
		*a &= v;
		break;
	case BPF_OR:
		*a |= v;
		break;
	case BPF_XOR:
		*a ^= v;
		break;
	case BPF_LSH:
		*a <<= v & 31;
		break;
	case BPF_RSH:
		*a >>= v & 31;
		break;
	default: /* BPF_NEG */
		*a = -*a;
		break;
	}
	return true;
}

static bool holds(uint16_t op, uint32_t a, uint32_t v)
{
	switch (op) {
	case BPF_JEQ:
		return a == v;
	case BPF_JGT:
		return a > v;
	case BPF_JGE:
		return a >= v;
	default: /* BPF_JSET */
		return (a & v) != 0;
	}
}

struct machine {
	uint32_t a, x, memory[BPF_MEMWORDS];
};

static bool load_a(const struct bpf_frame *f, const struct sock_filter *i, struct machine *m)
{
	switch (BPF_MODE(i->code)) {
	case BPF_IMM:
		m->a = i->k;
		return true;
	case BPF_MEM:
		m->a = m->memory[i->k];
		return true;
	case BPF_LEN:
		m->a = f->len;
		return true;
	case BPF_IND:
		return load(f, m->x + i->k, width(i->code), &m->a);
	default: /* BPF_ABS */
		return load(f, i->k, width(i->code), &m->a);
	}
}

static bool load_x(const struct bpf_frame *f, const struct sock_filter *i, struct machine *m)
{
	switch (BPF_MODE(i->code)) {
	case BPF_IMM:
		m->x = i->k;
		return true;
	case BPF_MEM:
		m->x = m->memory[i->k];
		return true;
	case BPF_LEN:
		m->x = f->len;
		return true;
	default: /* BPF_MSH: the length of an IPv4 header */
		if (!load(f, i->k, 1, &m->x))
			return false;
		m->x = (m->x & 15) << 2;
		return true;
	}
}

uint32_t bpf_run(const struct bpf *p, const struct bpf_frame *f)
{
	struct machine m;

	m.a = m.x = 0;
	for (unsigned pc = 0; pc < p->n; pc++) {
		const struct sock_filter *i = &p->code[pc];
		uint32_t v = BPF_SRC(i->code) == BPF_X ? m.x : i->k;
		bool goes_on = true;

		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			if (BPF_MODE(i->code) == BPF_ABS && i->k >= (uint32_t)SKF_AD_OFF) {
				if (!ancillary(f, i->k, &m.a, m.x))
					return m.a;
				break;
			}
			goes_on = load_a(f, i, &m);
			break;
		case BPF_LDX:
			goes_on = load_x(f, i, &m);
			break;
		case BPF_ST:
			m.memory[i->k] = m.a;
			break;
		case BPF_STX:
			m.memory[i->k] = m.x;
			break;
		case BPF_ALU:
			goes_on = alu(BPF_OP(i->code), &m.a, v);
			break;
		case BPF_JMP:
			pc += BPF_OP(i->code) == BPF_JA        ? i->k
			      : holds(BPF_OP(i->code), m.a, v) ? i->jt
							       : i->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
		default: /* BPF_MISC */
			if (BPF_MISCOP(i->code) == BPF_TAX)
				m.x = m.a;
			else
				m.a = m.x;
			break;
		}
		if (!goes_on)
			return 0;
	}
	return 0;
}
