/* match: conditions on packets. */
#include "libcommon/packet/match.h"

#include <ctype.h>
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/packet/name.h"
#include "libcommon/packet/value.h"

enum { NODES = 64, DEPTH = 16 };

enum op { OP_OR, OP_AND, OP_NOT, OP_HAS, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_BITS, OP_IN };

struct node {
	struct pkt_path path;
	uint32_t value, values; /* the first of m->values, and how many: one a field */
	unsigned prefix;        /* bits that count.. */
	bool by_prefix;         /* ..where they don't all */
	uint8_t op;
	uint8_t left, right;
};

struct pkt_match {
	struct node node[NODES];
	unsigned n, root, depth;
	struct pkt_values values;
};

static bool add(struct pkt_text *t, struct pkt_match *m, struct node n, unsigned *at)
{
	if (m->n == NODES)
		return pkt_text_wrong(t, "this is more than %d conditions", NODES);
	*at = m->n;
	m->node[m->n++] = n;
	return true;
}

/* Of which fields an address is meant: the widest that the path may mean. */
static unsigned address_bits(const struct pkt_path *path)
{
	unsigned bits = 0;

	for (unsigned l = 0, i = 0; pkt_path_field(path, &l, &i); i++) {
		const struct pkt_field *f = &pkt_layers[l].fields[i];

		if ((f->kind == PKT_IP4 || f->kind == PKT_IP6) && f->bits > bits)
			bits = f->bits;
	}
	return bits;
}

/* What follows an address. */
static bool read_prefix(struct pkt_text *t, struct node *n, unsigned bits)
{
	t->p++;
	if (n->op != OP_EQ && n->op != OP_NE)
		return pkt_text_wrong(t, "a prefix is compared by '==' or '!='");
	if (t->p == t->end || !isdigit((uint8_t)*t->p))
		return pkt_text_wrong(t, "a prefix length is missing here");
	for (; t->p < t->end && isdigit((uint8_t)*t->p) && n->prefix <= 128; t->p++)
		n->prefix = n->prefix * 10 + (unsigned)(*t->p - '0');
	n->by_prefix = true;
	return n->prefix <= bits || pkt_text_wrong(t, "no prefix is so long");
}

static bool read_value(struct pkt_text *t, struct pkt_match *m, struct node *n)
{
	unsigned bits = address_bits(&n->path);

	n->value = (uint32_t)pkt_values_count(&m->values);
	if (!pkt_values_read(&m->values, t, &n->path))
		return false;
	n->values = (uint32_t)pkt_values_count(&m->values) - n->value;
	return !bits || t->p == t->end || *t->p != '/' || read_prefix(t, n, bits);
}

/* One condition of two. */
static bool join(struct pkt_text *t, struct pkt_match *m, enum op op, unsigned left, unsigned right,
		 unsigned *at)
{
	struct node n = { .op = (uint8_t)op, .left = (uint8_t)left, .right = (uint8_t)right };

	return add(t, m, n, at);
}

/* A value of a set, or a range. */
static bool read_member(struct pkt_text *t, struct pkt_match *m, const struct pkt_path *path,
			unsigned *at)
{
	struct node from = { .path = *path, .op = OP_EQ }, to = { .path = *path, .op = OP_LE };
	unsigned low = 0, high = 0;

	if (!read_value(t, m, &from))
		return false;
	if (!pkt_text_accept(t, ".."))
		return add(t, m, from, at);
	if (from.by_prefix)
		return pkt_text_wrong(t, "a range goes from one address to another");
	from.op = OP_GE;
	return read_value(t, m, &to) && add(t, m, from, &low) && add(t, m, to, &high) &&
	       join(t, m, OP_AND, low, high, at);
}

/* What follows "in". */
static bool read_set(struct pkt_text *t, struct pkt_match *m, const struct pkt_path *path,
		     unsigned *at)
{
	bool braces = pkt_text_accept(t, "{");
	unsigned next = 0;

	if (!read_member(t, m, path, at))
		return false;
	while (braces && pkt_text_accept(t, ","))
		if (!read_member(t, m, path, &next) || !join(t, m, OP_OR, *at, next, at))
			return false;
	return !braces || pkt_text_accept(t, "}") || pkt_text_wrong(t, "'}' is missing here");
}

/* "not in": the field is there, and is none of them. */
static bool read_no_set(struct pkt_text *t, struct pkt_match *m, const struct pkt_path *path,
			unsigned *at)
{
	struct node there = { .path = *path, .op = OP_HAS };
	unsigned has = 0, set = 0, none = 0;

	return read_set(t, m, path, &set) && join(t, m, OP_NOT, set, 0, &none) &&
	       add(t, m, there, &has) && join(t, m, OP_AND, has, none, at);
}

static enum op read_op(struct pkt_text *t)
{
	static const struct {
		const char *mark;
		enum op op;
	} ops[] = { { "==", OP_EQ }, { "!=", OP_NE }, { "<=", OP_LE }, { ">=", OP_GE },
		    { "<", OP_LT },  { ">", OP_GT },  { "~", OP_IN } };

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (pkt_text_accept(t, ops[i].mark))
			return ops[i].op;
	if (t->end - t->p > 1 && t->p[0] == '&' && t->p[1] != '&') {
		t->p++;
		return OP_BITS;
	}
	return OP_HAS;
}

static bool read_test(struct pkt_text *t, struct pkt_match *m, unsigned *at)
{
	struct node n = { 0 };
	bool in, none;

	if (!pkt_path_read(t, &n.path))
		return false;
	if (n.path.layer == PKT_frame)
		return pkt_text_wrong(t, "what is said of a frame is in none of its bytes; "
					 "weir-filter matches wire_len, ts and link_type");
	none = pkt_text_accept(t, "not");
	in = pkt_text_accept(t, "in");
	if (none && !in)
		return pkt_text_wrong(t, "'in' is missing here");
	n.op = in ? OP_EQ : (uint8_t)read_op(t);
	if (n.op == OP_HAS)
		return add(t, m, n, at);
	if (n.path.field == PKT_NO_FIELD)
		return pkt_text_wrong(t, "%s by itself has no value: name a field of it",
				      pkt_layers[n.path.of].id);
	if (in)
		return none ? read_no_set(t, m, &n.path, at) : read_set(t, m, &n.path, at);
	return read_value(t, m, &n) && add(t, m, n, at);
}

static bool read_any(struct pkt_text *t, struct pkt_match *m, unsigned *at);

static bool read_one(struct pkt_text *t, struct pkt_match *m, unsigned *at)
{
	struct node n = { .op = OP_NOT };
	unsigned inner;

	if (m->depth > DEPTH)
		return pkt_text_wrong(t, "the parentheses are too deep here");
	if (pkt_text_accept(t, "!") || pkt_text_accept(t, "not")) {
		m->depth++;
		if (!read_one(t, m, &inner))
			return false;
		m->depth--;
		n.left = (uint8_t)inner;
		return add(t, m, n, at);
	}
	if (!pkt_text_accept(t, "("))
		return read_test(t, m, at);
	m->depth++;
	if (!read_any(t, m, at))
		return false;
	m->depth--;
	return pkt_text_accept(t, ")") || pkt_text_wrong(t, "')' is missing here");
}

static bool read_all(struct pkt_text *t, struct pkt_match *m, unsigned *at)
{
	unsigned right;

	if (!read_one(t, m, at))
		return false;
	while (pkt_text_accept(t, "&&") || pkt_text_accept(t, "and"))
		if (!read_one(t, m, &right) || !join(t, m, OP_AND, *at, right, at))
			return false;
	return true;
}

static bool read_any(struct pkt_text *t, struct pkt_match *m, unsigned *at)
{
	unsigned right;

	if (!read_all(t, m, at))
		return false;
	while (pkt_text_accept(t, "||") || pkt_text_accept(t, "or"))
		if (!read_all(t, m, &right) || !join(t, m, OP_OR, *at, right, at))
			return false;
	return true;
}

struct pkt_match *pkt_match_new(const char *text, char *why)
{
	struct pkt_match *m = xcalloc(1, sizeof(*m));
	struct pkt_text t = { text, text, text + strlen(text), why };

	if (read_any(&t, m, &m->root)) {
		pkt_text_skip(&t);
		if (t.p == t.end)
			return m;
		pkt_text_wrong(&t, "'&&', '||' or the end is missing here");
	}
	pkt_match_free(m);
	return NULL;
}

void pkt_match_free(struct pkt_match *m)
{
	if (m)
		pkt_values_release(&m->values);
	free(m);
}

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;

	return memcmp(a, b, bits / 8) == 0 &&
	       (!rest || !((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)));
}

/* As memcmp, shorter before longer. */
static int order(struct bytes a, struct bytes b)
{
	size_t both = a.len < b.len ? a.len : b.len;
	int c = both ? memcmp(a.ptr, b.ptr, both) : 0;

	return c ? c : a.len < b.len ? -1 : a.len > b.len;
}

static bool judge(enum op op, int c)
{
	return op == OP_EQ   ? c == 0
	       : op == OP_NE ? c != 0
	       : op == OP_LT ? c < 0
	       : op == OP_LE ? c <= 0
	       : op == OP_GT ? c > 0
			     : c >= 0;
}

/* A name, however it is written, and whatever the case of its letters. */
static bool name_is(const struct packet *p, const struct pkt_spot *s, struct bytes name)
{
	const struct pkt_node *n = &p->node[s->node];

	return pkt_name_equal(BYTES(p->data.ptr + n->at, n->end - n->at), s->place.at / 8 - n->at,
			      name);
}

static bool test(const struct pkt_match *m, const struct node *n, const struct packet *p)
{
	const struct pkt_value *v;
	struct bytes value, have;
	const struct pkt_field *f;
	struct pkt_spot s;
	uint8_t four[4];
	uint64_t number;

	if (!pkt_path_find(p, &n->path, &s))
		return false;
	if (n->op == OP_HAS)
		return true;
	f = pkt_spot_field(&s);
	v = pkt_values_for(&m->values, n->value, n->values, f);
	if (!v)
		return n->op == OP_NE;
	value = pkt_value_bytes(&m->values, v);
	have = BYTES(p->data.ptr + s.place.at / 8, s.place.bits / 8);
	if (n->by_prefix) {
		be32_put(four, (uint32_t)v->number);
		if (!v->bytes)
			value = BYTES(four, sizeof(four));
		if (have.len * 8 < n->prefix || value.len * 8 < n->prefix)
			return false;
		return prefix_equal(have.ptr, value.ptr, n->prefix) == (n->op == OP_EQ);
	}
	if (n->op == OP_IN)
		return value.len && memmem(have.ptr, have.len, value.ptr, value.len);
	if (f->kind == PKT_NAME && (n->op == OP_EQ || n->op == OP_NE))
		return name_is(p, &s, value) == (n->op == OP_EQ);
	if (v->bytes)
		return n->op != OP_BITS && judge(n->op, order(have, value));
	number = pkt_bits_get(p->data.ptr, s.place.at, s.place.bits > 64 ? 64 : s.place.bits);
	if (n->op == OP_BITS)
		return number & v->number;
	return judge(n->op, number < v->number ? -1 : number > v->number);
}

static bool eval(const struct pkt_match *m, unsigned at, const struct packet *p)
{
	const struct node *n = &m->node[at];

	switch (n->op) {
	case OP_OR:
		return eval(m, n->left, p) || eval(m, n->right, p);
	case OP_AND:
		return eval(m, n->left, p) && eval(m, n->right, p);
	case OP_NOT:
		return !eval(m, n->left, p);
	default:
		return test(m, n, p);
	}
}

bool pkt_matches(const struct pkt_match *m, const struct packet *p)
{
	return eval(m, m->root, p);
}
