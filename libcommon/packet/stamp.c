/* stamp: packets of one shape, made by what differs. */
#include "libcommon/packet/stamp.h"

#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/packet/sums.h"

enum { FIELDS = 32, LINKS = 4 };

/* What a checksum takes a value into account with: the sum's number, and whether the value starts
 * at an odd byte of what it covers. */
struct link {
	uint8_t sum;
	bool odd;
};

struct links {
	struct link to[LINKS];
	unsigned n;
};

struct varying {
	size_t set; /* in the model */
	size_t at, bits;
	unsigned up; /* to the left, so that it is a number of whole 16-bit words */
	bool wide;   /* of an IPv6 address's bytes */
	struct links links;
};

struct sum {
	unsigned node;
	struct pkt_sum_of of;
	uint32_t base; /* of all that does not vary; as a big-endian number */
	struct links links;
};

struct pkt_stamp {
	struct varying field[FIELDS];
	struct sum sum[PKT_NODES]; /* the innermost first */
	unsigned nfields, nsums;
	struct packet packet;
	uint8_t bytes[];
};

/* ---- where a field of the model stands ---- */

/* Does another field's place, or whether it is there, hang on this one? */
static bool shapes(const struct pkt_layer *l, unsigned field)
{
	if (l->fields[field].autos == PKT_AUTO_PRESENT)
		return true;
	for (unsigned i = 0; i < l->nfields; i++) {
		const struct pkt_field *f = &l->fields[i];

		if (((f->when == PKT_WHEN_IN || f->when == PKT_WHEN_NOT_IN) &&
		     f->when_field == field) ||
		    ((f->size == PKT_SIZE_FIELD || f->size == PKT_SIZE_COUNT) &&
		     f->size_field == field))
			return true;
	}
	return false;
}

/* Finds the set in a header, or in the items of its lists. */
static bool find_set(const struct pkt_model *m, uint16_t head, const struct pkt_header *h,
		     size_t set, const uint8_t *start, struct pkt_place *place)
{
	for (uint16_t i = m->head[head].sets; i != PKT_NIL; i = m->set[i].next) {
		const struct pkt_set *s = &m->set[i];
		struct pkt_header item;
		struct pkt_items it;

		if (i != set && s->how != PKT_SET_ITEMS)
			continue;
		if (pkt_field_place(h, s->field, place) != PKT_FOUND) {
			if (i == set)
				return false;
			continue;
		}
		if (i == set) {
			place->at += (size_t)(h->ptr - start) * 8;
			return !shapes(h->layer, s->field);
		}
		it = (struct pkt_items){ h->ptr + place->at / 8, place->bits / 8, 0,
					 h->layer->fields[s->field].family };
		for (uint16_t k = s->items; k != PKT_NIL && pkt_items_next(&it, &item);
		     k = m->head[k].next)
			if (find_set(m, k, &item, set, start, place))
				return true;
	}
	return false;
}

/* The head of the stack that a node is; PKT_NIL: there is none. */
static uint16_t head_of(const struct pkt_model *m, unsigned node)
{
	uint16_t h = m->first;

	for (; h != PKT_NIL; h = m->head[h].next)
		if (m->head[h].layer != PKT_frame && !node--)
			break;
	return h;
}

static bool add_field(struct pkt_stamp *s, const struct pkt_model *m, size_t set)
{
	struct varying *v = &s->field[s->nfields];
	const struct pkt_set *value = &m->set[set];
	struct pkt_place place;
	bool found = false;

	for (unsigned i = 0; i < s->packet.n && !found; i++) {
		struct pkt_header h = pkt_header_of(&s->packet, i);

		found = find_set(m, head_of(m, i), &h, set, s->packet.data.ptr, &place);
	}
	if (!found || s->nfields == FIELDS)
		return false;
	*v = (struct varying){ .set = set, .at = place.at, .bits = place.bits };
	if (value->how == PKT_SET_BYTES && value->len == 16 && place.bits == 128) {
		v->wide = true;
		v->at += 64;
		v->bits = 64;
	} else if (value->how != PKT_SET_NUMBER || place.bits > 64) {
		return false;
	}
	v->up = (unsigned)(-(v->at % 8 + v->bits) % 16);
	s->nfields++;
	return v->at % 8 + v->bits + v->up <= 64;
}

/* A field of the frame's own layer is in no byte of it. */
static bool in_frame(const struct pkt_model *m, size_t set)
{
	if (m->head[m->first].layer == PKT_frame)
		for (uint16_t i = m->head[m->first].sets; i != PKT_NIL; i = m->set[i].next)
			if (i == set)
				return true;
	return false;
}

/* ---- sums ---- */

static bool is_auto_sum(const struct pkt_model *m, const struct packet *p, unsigned node)
{
	uint16_t head = head_of(m, node);
	const struct pkt_layer *l = &pkt_layers[p->node[node].layer];

	for (unsigned i = 0; i < l->nfields && head != PKT_NIL; i++)
		if (l->fields[i].autos == PKT_AUTO_SUM) {
			const struct pkt_set *s = pkt_model_given(m, head, i);

			return !s || s->how == PKT_SET_AUTO;
		}
	return false;
}

static void add_link(struct links *l, unsigned sum, size_t from, size_t byte, bool *good)
{
	*good &= l->n < LINKS;
	if (*good)
		l->to[l->n++] = (struct link){ (uint8_t)sum, (byte - from) & 1 };
}

/* The sums, outside of `inner`, that cover what stands at `at` in bytes. */
static bool find_links(const struct pkt_stamp *s, unsigned first, size_t at, struct links *links)
{
	bool good = true;

	for (unsigned i = first; i < s->nsums; i++) {
		const struct sum *sum = &s->sum[i];
		const struct pkt_node *n = &s->packet.node[sum->node];
		size_t end = sum->of.how == PKT_SUM_HEADER ? n->at + n->len : n->end;

		if (sum->of.how != PKT_SUM_CRC32C && at >= n->at && at < end)
			add_link(links, i, n->at, at, &good);
		if (sum->of.how != PKT_SUM_PSEUDO)
			continue;
		for (unsigned k = sum->node; k-- > 0;) {
			const struct pkt_node *ip = &s->packet.node[k];
			size_t from = ip->layer == PKT_ip ? 12 : 8, both = from == 12 ? 8 : 32;

			if (ip->layer != PKT_ip && ip->layer != PKT_ipv6)
				continue;
			if (at >= ip->at + from && at < ip->at + from + both)
				add_link(links, i, ip->at, at, &good);
			break;
		}
	}
	return good;
}

static bool add_sums(struct pkt_stamp *s, const struct pkt_model *m)
{
	const struct packet *p = &s->packet;
	bool good = true;

	for (unsigned i = p->n; i-- > 0;) {
		struct sum *sum = &s->sum[s->nsums];

		good &= p->node[i].layer != PKT_routing; /* its last address is in sums, too */
		if (!is_auto_sum(m, p, i) || !pkt_sum_find(p, i, &sum->of) || !sum->of.known)
			continue;
		sum->node = i;
		sum->links.n = 0;
		pkt_bits_put(s->bytes, sum->of.place.at, sum->of.place.bits, 0);
		s->nsums++;
	}
	for (unsigned i = 0; i < s->nsums; i++) {
		struct sum *sum = &s->sum[i];

		if (sum->of.how != PKT_SUM_CRC32C)
			sum->base =
				__builtin_bswap16((uint16_t)pkt_sum_over(p, sum->node, &sum->of));
		good &= find_links(s, i + 1, sum->of.place.at / 8, &sum->links);
	}
	for (unsigned i = 0; i < s->nfields; i++)
		good &= find_links(s, 0, s->field[i].at / 8, &s->field[i].links);
	return good;
}

static void account(uint64_t *sums, const struct links *links, uint64_t number)
{
	uint64_t words = (number >> 48) + (number >> 32 & 0xffff) + (number >> 16 & 0xffff) +
			 (number & 0xffff);

	for (unsigned i = 0; i < links->n; i++)
		sums[links->to[i].sum] += links->to[i].odd ? words << 8 : words;
}

/* ---- making ---- */

static void put(uint8_t *p, size_t at, size_t bits, uint64_t v)
{
	if (at % 8 == 0 && bits == 16)
		be16_put(p + at / 8, (uint16_t)v);
	else if (at % 8 == 0 && bits == 32)
		be32_put(p + at / 8, (uint32_t)v);
	else
		pkt_bits_put(p, at, bits, v);
}

static uint32_t sum_now(const struct pkt_stamp *s, const struct sum *sum, uint64_t added)
{
	uint16_t all;

	if (sum->of.how == PKT_SUM_CRC32C) {
		pkt_bits_put((uint8_t *)s->bytes, sum->of.place.at, sum->of.place.bits, 0);
		return pkt_sum_value(&sum->of, pkt_sum_over(&s->packet, sum->node, &sum->of));
	}
	added = (added & 0xffffffff) + (added >> 32);
	added = (added & 0xffff) + (added >> 16);
	added = (added & 0xffff) + (added >> 16);
	all = (uint16_t) ~((added & 0xffff) + (added >> 16));
	return sum->of.optional && all == 0 ? 0xffff : all;
}

const struct packet *pkt_stamp_next(struct pkt_stamp *s, const struct pkt_model *m)
{
	uint64_t sums[PKT_NODES];

	for (unsigned i = 0; i < s->nsums; i++)
		sums[i] = s->sum[i].base;
	for (unsigned i = 0; i < s->nfields; i++) {
		const struct varying *f = &s->field[i];
		const struct pkt_set *set = &m->set[f->set];
		uint64_t v = set->number;

		if (set->how != (f->wide ? PKT_SET_BYTES : PKT_SET_NUMBER))
			return NULL;
		if (f->wide) {
			const uint8_t *address = pkt_set_bytes(m, set).ptr;

			if (set->len != 16 || memcmp(address, s->bytes + f->at / 8 - 8, 8) != 0)
				return NULL;
			v = be64_get(address + 8);
		}
		if (f->bits < 64)
			v &= (UINT64_C(1) << f->bits) - 1;
		put(s->bytes, f->at, f->bits, v);
		account(sums, &f->links, v << f->up);
	}
	for (unsigned i = 0; i < s->nsums; i++) {
		const struct sum *sum = &s->sum[i];
		uint32_t now = sum_now(s, sum, sums[i]);

		put(s->bytes, sum->of.place.at, sum->of.place.bits, now);
		account(sums, &sum->links, now);
	}
	return &s->packet;
}

/* Does it make what is built where all that varies is zeros, or ones? */
static bool is_right(struct pkt_stamp *s, struct pkt_model *m, const size_t *sets, size_t n,
		     uint64_t value)
{
	const struct packet *made;
	struct packet built;
	uint64_t was[FIELDS];
	const char *why;
	uint8_t *room;
	bool good;

	for (size_t i = 0; i < n; i++) {
		was[i] = m->set[sets[i]].number;
		if (m->set[sets[i]].how == PKT_SET_NUMBER)
			m->set[sets[i]].number = value;
	}
	room = xcalloc(s->packet.data.len + 1, 1);
	made = pkt_stamp_next(s, m);
	good = made && pkt_build(m, room, made->data.len, &built, &why) && built.n == made->n &&
	       bytes_equal(built.data, made->data);
	free(room);
	for (size_t i = 0; i < n; i++)
		m->set[sets[i]].number = was[i];
	return good;
}

struct pkt_stamp *pkt_stamp_new(struct pkt_model *m, const size_t *sets, size_t n)
{
	struct pkt_stamp *s = xcalloc(1, sizeof(*s) + PKT_BUILD_MAX), *less;
	const char *why;
	bool good = n <= FIELDS && pkt_build(m, s->bytes, PKT_BUILD_MAX, &s->packet, &why);
	size_t len = good ? s->packet.data.len : 0;

	less = realloc(s, sizeof(*s) + len + 1);
	s = less ? less : s;
	s->packet.data.ptr = s->bytes;
	for (size_t i = 0; i < n && good; i++)
		good = in_frame(m, sets[i]) || add_field(s, m, sets[i]);
	for (unsigned i = 0; i < s->nfields; i++)
		pkt_bits_put(s->bytes, s->field[i].at, s->field[i].bits, 0);
	if (good && add_sums(s, m) && is_right(s, m, sets, n, 0) &&
	    is_right(s, m, sets, n, UINT64_MAX))
		return s;
	pkt_stamp_free(s);
	return NULL;
}

void pkt_stamp_free(struct pkt_stamp *s)
{
	free(s);
}
