/* lookup: prefixes as spans that do not overlap, and a table of all other keys. */
#include "cmd/tag/lookup.h"

#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/base/distinct.h"

enum { NOTHING = 0xffffffff };

/* An address span with a value; before they are sorted one for each prefix, then cut up so that
 * they do not overlap and the longest prefix has its part. */
struct span {
	struct literal_ips ips;
	uint32_t value;
	uint32_t order; /* of two equal ones the later counts */
};

struct entry {
	struct bytes key; /* a letter for its kind in front */
	uint32_t value;
};

struct lookup {
	uint64_t memory, used;
	struct span *spans;
	size_t nspans, spans_size;
	struct entry *table; /* open addressing; key.ptr NULL: free */
	size_t nkeys, mask;
	struct bytes *values;
	size_t nvalues, values_size;
};

struct lookup *lookup_new(uint64_t memory)
{
	struct lookup *l = xcalloc(1, sizeof(*l));

	l->memory = memory;
	l->mask = 1023;
	l->table = xcalloc(l->mask + 1, sizeof(*l->table));
	return l;
}

void lookup_free(struct lookup *l)
{
	if (!l)
		return;
	for (size_t i = 0; i <= l->mask; i++)
		free((void *)l->table[i].key.ptr);
	for (size_t i = 0; i < l->nvalues; i++)
		free((void *)l->values[i].ptr);
	free(l->table);
	free(l->values);
	free(l->spans);
	free(l);
}

size_t lookup_count(const struct lookup *l)
{
	return l->nkeys + l->nspans;
}

static void *grown(void *array, size_t n, size_t *size, size_t each)
{
	if (n < *size)
		return array;
	*size = *size ? 2 * *size : 256;
	array = realloc(array, *size * each);
	if (!array)
		die("out of memory");
	return array;
}

static struct bytes keep(struct bytes b)
{
	uint8_t *copy = xcalloc(1, b.len + 1);

	memcpy(copy, b.ptr, b.len);
	return BYTES(copy, b.len);
}

/* ---- exact keys ----------------------------------------------------------------------------- */

static struct entry *slot_of(const struct lookup *l, struct bytes key)
{
	size_t i = distinct_hash(key);

	while (l->table[i & l->mask].key.ptr && !bytes_equal(l->table[i & l->mask].key, key))
		i++;
	return &l->table[i & l->mask];
}

static void table_grow(struct lookup *l)
{
	struct entry *old = l->table;
	size_t n = l->mask + 1;

	l->mask = 2 * n - 1;
	l->table = xcalloc(2 * n, sizeof(*l->table));
	for (size_t i = 0; i < n; i++)
		if (old[i].key.ptr)
			*slot_of(l, old[i].key) = old[i];
	free(old);
}

static void key_add(struct lookup *l, char kind, struct bytes key, uint32_t value)
{
	struct buf b = { 0 };
	struct entry *e;

	buf_add_byte(&b, (uint8_t)kind);
	buf_add(&b, key.ptr, key.len);
	e = slot_of(l, buf_bytes(&b));
	if (!e->key.ptr) {
		e->key = keep(buf_bytes(&b));
		l->nkeys++;
	}
	e->value = value;
	buf_release(&b);
	if (2 * l->nkeys > l->mask)
		table_grow(l);
}

static uint32_t key_find(const struct lookup *l, char kind, struct bytes key)
{
	uint8_t at[LOOKUP_LINE + 1];
	const struct entry *e;

	if (key.len > LOOKUP_LINE) /* no line of a file has such a key */
		return NOTHING;
	at[0] = (uint8_t)kind;
	if (key.len)
		memcpy(at + 1, key.ptr, key.len);
	e = slot_of(l, BYTES(at, key.len + 1));
	return e->key.ptr ? e->value : NOTHING;
}

/* ---- addresses ------------------------------------------------------------------------------ */

static void span_add(struct lookup *l, const struct literal_ips *ips, uint32_t value,
		     uint32_t order)
{
	l->spans = grown(l->spans, l->nspans, &l->spans_size, sizeof(*l->spans));
	l->spans[l->nspans++] = (struct span){ *ips, value, order };
}

/* By family and start, the wider first: what lies within another comes behind it. */
static int by_start(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	int order = x->ips.len - y->ips.len;

	if (!order)
		order = memcmp(x->ips.low, y->ips.low, x->ips.len);
	if (!order)
		order = memcmp(y->ips.high, x->ips.high, x->ips.len);
	return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* The address behind (+1) or before (-1); false where there is none. */
static bool step(uint8_t *ip, uint8_t len, int by)
{
	for (int i = len - 1; i >= 0; i--) {
		ip[i] = (uint8_t)(ip[i] + by);
		if (ip[i] != (by > 0 ? 0 : 0xff))
			return true;
	}
	return false;
}

/* What an outer span has from `low` on, up to in front of `until` or to its own end. */
static void piece(struct lookup *out, const struct span *of, const uint8_t *low,
		  const uint8_t *until)
{
	struct literal_ips p = of->ips;

	memcpy(p.low, low, sizeof(p.low));
	if (until) {
		memcpy(p.high, until, sizeof(p.high));
		if (!step(p.high, p.len, -1))
			return;
	}
	if (memcmp(p.low, p.high, p.len) <= 0)
		span_add(out, &p, of->value, 0);
}

/* Prefixes lie within one another or apart: those that are open are a stack, at most 129 deep. */
void lookup_sort(struct lookup *l)
{
	struct lookup out = { 0 };
	uint8_t at[16] = { 0 };
	const struct span *open[130];
	size_t depth = 0;

	if (l->nspans)
		qsort(l->spans, l->nspans, sizeof(*l->spans), by_start);
	for (size_t i = 0; i <= l->nspans; i++) {
		const struct span *s = i < l->nspans ? &l->spans[i] : NULL;

		while (depth && (!s || s->ips.len != open[depth - 1]->ips.len ||
				 memcmp(s->ips.low, open[depth - 1]->ips.high, s->ips.len) > 0)) {
			piece(&out, open[depth - 1], at, NULL);
			memcpy(at, open[--depth]->ips.high, sizeof(at));
			if (!step(at, open[depth]->ips.len, 1))
				depth = 0; /* up to the last address of all */
		}
		if (!s)
			break;
		if (depth)
			piece(&out, open[depth - 1], at, s->ips.low);
		memcpy(at, s->ips.low, sizeof(at));
		if (depth && memcmp(&open[depth - 1]->ips, &s->ips, sizeof(s->ips)) == 0)
			depth--; /* the same prefix again */
		open[depth++] = s;
	}
	free(l->spans);
	l->spans = out.spans;
	l->nspans = out.nspans;
}

static uint32_t ip_find(const struct lookup *l, const uint8_t *ip, uint8_t len)
{
	size_t low = 0, high = l->nspans;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct literal_ips *p = &l->spans[mid].ips;

		if (len != p->len ? len < p->len : memcmp(ip, p->low, len) < 0)
			high = mid;
		else if (len != p->len || memcmp(ip, p->high, len) > 0)
			low = mid + 1;
		else
			return l->spans[mid].value;
	}
	return NOTHING;
}

/* ---- from outside --------------------------------------------------------------------------- */

bool lookup_add(struct lookup *l, struct bytes key, struct bytes value)
{
	uint32_t v = (uint32_t)l->nvalues;
	struct literal lit;
	const char *why;
	uint64_t number;

	l->used += key.len + value.len + 2 * sizeof(struct span) + 4 * sizeof(struct entry);
	if (l->used > l->memory || l->nvalues == NOTHING - 1)
		return false;
	l->values = grown(l->values, l->nvalues, &l->values_size, sizeof(*l->values));
	/* Values come in runs. */
	if (v && bytes_equal(l->values[v - 1], value))
		v--;
	else
		l->values[l->nvalues++] = keep(value);
	key_add(l, 't', key, v);
	if (!literal_word(key, &lit, &why) || (lit.range && !(lit.is & LITERAL_IP)))
		return true;
	if (lit.is & LITERAL_IP && !memmem(key.ptr, key.len, "..", 2)) {
		span_add(l, &lit.ip, v, (uint32_t)l->nspans);
	} else if (lit.is & LITERAL_MAC) {
		key_add(l, 'm', BYTES(lit.mac, 6), v);
	} else if (lit.is & LITERAL_NUMBER && lit.number.low >= 0 &&
		   lit.number.low <= (long double)UINT64_MAX) {
		number = (uint64_t)lit.number.low;
		if ((long double)number == lit.number.low)
			key_add(l, 'n', BYTES(&number, sizeof(number)), v);
	}
	return true;
}

struct bytes lookup_find(const struct lookup *l, const struct value *v)
{
	struct literal lit;
	uint32_t at = NOTHING;
	const char *why;

	switch (v->type) {
	case VALUE_IP:
		at = ip_find(l, v->bytes.ptr, (uint8_t)v->bytes.len);
		break;
	case VALUE_UINT:
		at = key_find(l, 'n', BYTES(&v->u, sizeof(v->u)));
		break;
	case VALUE_MAC:
		at = key_find(l, 'm', v->bytes);
		break;
	case VALUE_ENUM:
		at = v->bytes.ptr ? key_find(l, 't', v->bytes) : NOTHING;
		if (at == NOTHING)
			at = key_find(l, 'n', BYTES(&v->u, sizeof(v->u)));
		break;
	case VALUE_TEXT:
	case VALUE_BYTES:
		at = key_find(l, 't', v->bytes);
		if (at == NOTHING && l->nspans && literal_word(v->bytes, &lit, &why) &&
		    lit.is == LITERAL_IP && !lit.range)
			at = ip_find(l, lit.ip.low, lit.ip.len);
		break;
	default:
		break;
	}
	return at == NOTHING ? BYTES(NULL, 0) : l->values[at];
}
