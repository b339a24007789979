/* edit: applies statements to a frame: in place where its bytes keep their places, else by way of
 * its model, in which what was right stays right and what was wrong stays as wrong as it was. */
#include "libcommon/packet/edit.h"

#include "libcommon/packet/edit_private.h"
#include "libcommon/packet/sums.h"

const char *pkt_edited_name(enum pkt_edited r)
{
	static const char *const names[] = { "same",    "edited", "fragment",
					     "snapped", "length", "unknown" };

	return names[r];
}

/* ---- checksums ---- */

/* HC' = ~(~HC + ~m + m'). RFC 1624, equation 3. Sums are in memory order. */
static uint32_t follow(const struct pkt_sum_of *s, uint32_t was, uint32_t before, uint32_t after)
{
	uint32_t sum;

	if (s->how == PKT_SUM_CRC32C)
		return was ^ __builtin_bswap32(before ^ after);
	if (s->optional && was == 0)
		return 0;
	sum = (uint16_t)~__builtin_bswap16((uint16_t)was);
	sum += (uint16_t)~before + after;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (uint16_t)~__builtin_bswap16((uint16_t)sum);
	return s->optional && sum == 0 ? 0xffff : sum;
}

/* What the sum of a node becomes where `before` became `after`. False: it can't follow. */
static bool sum_next(enum pkt_sums mode, const struct pkt_sum_of *s, uint32_t was, uint32_t before,
		     uint32_t after, uint32_t *now)
{
	*now = was;
	if (before == after || mode == PKT_SUMS_KEEP)
		return true;
	if (mode == PKT_SUMS_ZERO) {
		*now = 0;
		return true;
	}
	if (s->how == PKT_SUM_CRC32C && !s->covered)
		return false;
	*now = follow(s, was, before, after);
	if (mode == PKT_SUMS_BAD)
		*now ^= 0x5555;
	return true;
}

static uint32_t stored(const struct packet *p, const struct pkt_sum_of *s)
{
	return (uint32_t)pkt_bits_get(p->data.ptr, s->place.at, s->place.bits);
}

static bool overlaps(struct pkt_place a, struct pkt_place b)
{
	return a.at < b.at + b.bits && b.at < a.at + a.bits;
}

/* Bytes at `changed` of e->bytes became others than e->spare has: the sums over them, from the
 * innermost outwards. */
static enum pkt_edited follow_in_place(struct pkt_edit *e, const struct packet *p,
				       struct pkt_place changed)
{
	struct packet was = *p, is = *p;

	was.data = buf_bytes(&e->spare);
	is.data = buf_bytes(&e->bytes);
	if (bytes_equal(was.data, is.data))
		return PKT_SAME;
	for (unsigned i = p->n; i-- > 0;) {
		struct pkt_sum_of s;
		uint32_t now;

		if (!pkt_sum_find(&was, i, &s) || overlaps(s.place, changed))
			continue;
		if (!sum_next(e->sums, &s, stored(&was, &s), pkt_sum_over(&was, i, &s),
			      pkt_sum_over(&is, i, &s), &now))
			return PKT_REFUSED_SNAPPED;
		pkt_bits_put(e->bytes.ptr, s.place.at, s.place.bits, now);
	}
	return PKT_EDITED;
}

/* ---- by way of the model ---- */

static void copy_head(struct pkt_model *to, uint16_t at, const struct pkt_model *from,
		      uint16_t head)
{
	for (uint16_t s = from->head[head].sets; s != PKT_NIL; s = from->set[s].next) {
		const struct pkt_set *set = &from->set[s];

		if (set->how == PKT_SET_NUMBER)
			pkt_model_number(to, at, set->field, set->number);
		else if (set->how == PKT_SET_BYTES)
			pkt_model_bytes(to, at, set->field, pkt_set_bytes(from, set));
		for (uint16_t i = set->how == PKT_SET_ITEMS ? set->items : PKT_NIL; i != PKT_NIL;
		     i = from->head[i].next)
			copy_head(to, pkt_model_item(to, at, set->field, from->head[i].layer), from,
				  i);
	}
}

static uint16_t head_at(const struct pkt_model *m, unsigned node)
{
	uint16_t h = m->first;

	while (node-- && h != PKT_NIL)
		h = m->head[h].next;
	return h;
}

static unsigned next_field(unsigned layer)
{
	for (unsigned i = 0; i < pkt_layers[layer].nfields; i++)
		if (pkt_layers[layer].fields[i].autos == PKT_AUTO_NEXT)
			return i;
	return PKT_NO_FIELD;
}

/* What head `from` said of a next layer that is not in the table, `to` says from now on. */
static void hand_on(struct pkt_model *m, uint16_t from, uint16_t to)
{
	unsigned a = next_field(m->head[from].layer), b = next_field(m->head[to].layer);
	struct pkt_set *s = a == PKT_NO_FIELD ? NULL : pkt_model_given(m, from, a);

	if (!s || s->how != PKT_SET_NUMBER)
		return;
	if (b != PKT_NO_FIELD && !pkt_model_given(m, to, b))
		pkt_model_number(m, to, b, s->number);
	pkt_model_auto(m, from, a);
}

static void push(struct pkt_model *m, const struct pkt_statement *s, int below)
{
	uint16_t old_last = m->last, head = pkt_model_push(m, s->layer.head[s->layer.first].layer),
		 under;

	m->head[old_last].next = PKT_NIL;
	m->last = old_last;
	copy_head(m, head, &s->layer, s->layer.first);
	if (below < 0) {
		m->head[head].next = m->first;
		m->first = head;
		return;
	}
	under = head_at(m, (unsigned)below);
	hand_on(m, under, head);
	m->head[head].next = m->head[under].next;
	m->head[under].next = head;
	if (m->last == under)
		m->last = head;
}

static void pop(struct pkt_model *m, unsigned node)
{
	uint16_t under = head_at(m, node - 1), gone = m->head[under].next;
	unsigned field = next_field(m->head[under].layer);
	struct pkt_set *given;

	m->head[under].next = m->head[gone].next;
	if (m->last == gone)
		m->last = under;
	given = field == PKT_NO_FIELD ? NULL : pkt_model_given(m, under, field);
	if (given)
		given->how = PKT_SET_AUTO;
	field = next_field(m->head[gone].layer);
	given = field == PKT_NO_FIELD ? NULL : pkt_model_given(m, gone, field);
	if (given && given->how == PKT_SET_NUMBER &&
	    next_field(m->head[under].layer) != PKT_NO_FIELD)
		pkt_model_number(m, under, next_field(m->head[under].layer), given->number);
}

static void give(struct pkt_model *m, uint16_t head, unsigned field, const struct pkt_set *value)
{
	struct pkt_set *s = pkt_model_set(m, head, field);
	uint16_t next = s->next;

	*s = *value;
	s->next = next;
}

/* Two headers of one layer change places: what is said of where they stand stays there. */
static void exchange(struct pkt_model *m, uint16_t a, uint16_t b)
{
	const struct pkt_layer *l = &pkt_layers[m->head[a].layer];

	for (unsigned i = 0; i < l->nfields; i++) {
		unsigned autos = l->fields[i].autos;
		struct pkt_set of_a, of_b;

		if (autos == PKT_AUTO_NEXT || autos == PKT_AUTO_LENGTH || autos == PKT_AUTO_SUM ||
		    autos == PKT_AUTO_BOTTOM)
			continue;
		of_a = *pkt_model_set(m, a, i);
		of_b = *pkt_model_set(m, b, i);
		give(m, a, i, &of_b);
		give(m, b, i, &of_a);
	}
}

/* The node of p whose head is now the kth of the model; -1: it is new. */
struct origin {
	uint16_t head[PKT_NODES];
	unsigned n;
};

static int origin_of(const struct origin *o, uint16_t head)
{
	for (unsigned i = 0; i < o->n; i++)
		if (o->head[i] == head)
			return (int)i;
	return -1;
}

/* Lengths that were given, as they were wrong or of a snapped frame, grow as the packet does. */
static void grow_lengths(struct pkt_model *m, const struct packet *was, const struct packet *is,
			 const struct origin *o)
{
	uint16_t h = m->first;

	for (unsigned i = 0; i < is->n && h != PKT_NIL; i++, h = m->head[h].next) {
		const struct pkt_length *span = &pkt_layers[m->head[h].layer].span;
		int k = origin_of(o, h);
		struct pkt_set *s =
			k >= 0 && span->given ? pkt_model_given(m, h, span->field) : NULL;

		if (s && s->how == PKT_SET_NUMBER && s->number)
			s->number += (is->node[i].end - is->node[i].at) -
				     (was->node[k].end - was->node[k].at);
	}
}

/* Sums that were given, as they were wrong or can't be told here, follow what changed. */
static enum pkt_edited follow_model(struct pkt_edit *e, const struct packet *was, struct packet *is,
				    const struct origin *o)
{
	struct pkt_model *m = &e->printer.model;
	const char *why;

	for (unsigned i = is->n; i-- > 0;) {
		uint16_t h = head_at(m, i);
		int k = origin_of(o, h);
		struct pkt_sum_of a, b;
		struct pkt_set *set;
		uint32_t before, after, now;
		unsigned field = 0;

		if (k < 0 || !pkt_sum_find(was, (unsigned)k, &a) || !pkt_sum_find(is, i, &b))
			continue;
		while (pkt_layers[is->node[i].layer].fields[field].autos != PKT_AUTO_SUM)
			field++;
		set = pkt_model_given(m, h, field);
		if (!set || (set->how == PKT_SET_AUTO && e->sums == PKT_SUMS_FIX))
			continue;
		before = pkt_sum_over(was, (unsigned)k, &a);
		after = pkt_sum_over(is, i, &b);
		/* an odd number of bytes more moves those that were not captured */
		if (!a.covered && before != after &&
		    ((is->node[i].end - is->node[i].at) ^ (was->node[k].end - was->node[k].at)) & 1)
			return PKT_REFUSED_SNAPPED;
		if (!sum_next(e->sums, &a, stored(was, &a), before, after, &now))
			return PKT_REFUSED_SNAPPED;
		pkt_model_number(m, h, field, now);
		if (!pkt_build(m, e->printer.built, PKT_BUILD_MAX, is, &why))
			return PKT_REFUSED_LENGTH;
	}
	return PKT_EDITED;
}

/* Pointers of names to what stood at `from` of their message or behind it, which has moved by so
 * many bytes. False: there is no such pointer. */
static bool move_pointers(struct pkt_model *m, uint16_t head, size_t from, size_t by)
{
	const struct pkt_layer *l = &pkt_layers[m->head[head].layer];
	bool done = true;

	for (uint16_t i = m->head[head].sets; i != PKT_NIL; i = m->set[i].next) {
		const struct pkt_set *s = &m->set[i];
		struct bytes b = pkt_set_bytes(m, s);
		unsigned to = PKT_NAME_POINTS;

		for (uint16_t k = s->how == PKT_SET_ITEMS ? s->items : PKT_NIL; k != PKT_NIL;
		     k = m->head[k].next)
			done &= move_pointers(m, k, from, by);
		if (s->how == PKT_SET_BYTES && l->fields[s->field].kind == PKT_NAME)
			to = pkt_name_pointer(b);
		if (to == PKT_NAME_POINTS || to < from)
			continue;
		to += (unsigned)by;
		done &= to < PKT_NAME_POINTS;
		be16_put(m->bytes.ptr + s->at + s->len - 2, (uint16_t)(0xc000 | to));
	}
	return done;
}

/* What an item more at the end of a list moved: where the list ended, and by how much. */
static bool follow_names(struct pkt_model *m, const struct packet *was, const struct packet *is,
			 unsigned node, unsigned field)
{
	struct pkt_header h = pkt_header_of(was, node);
	struct pkt_place list;

	if (pkt_field_place(&h, field, &list) != PKT_FOUND)
		return true;
	return move_pointers(m, head_at(m, node), (list.at + list.bits) / 8,
			     is->node[node].len - was->node[node].len);
}

static bool is_fragment(const struct packet *p, unsigned upto)
{
	for (unsigned i = 0; i < upto && i < p->n; i++) {
		struct pkt_header h = pkt_header_of(p, i);

		if (h.layer == &pkt_layers[PKT_ip] &&
		    ((pkt_field_number(&h, PKT_ip_flags) & 1) || pkt_field_number(&h, PKT_ip_frag)))
			return true;
		if (h.layer == &pkt_layers[PKT_frag])
			return true;
	}
	return false;
}

/* field: PKT_SWAP: the other node. */
static bool change_model(struct pkt_model *m, const struct pkt_statement *s, unsigned node,
			 unsigned field, struct bytes value)
{
	uint16_t head = head_at(m, node);

	switch (s->verb) {
	case PKT_PUSH:
		push(m, s, s->before ? (int)node - 1 : (int)node);
		return true;
	case PKT_POP:
		pop(m, node);
		return true;
	case PKT_SWAP:
		exchange(m, head, head_at(m, field));
		return true;
	case PKT_APPEND:
		copy_head(m, head, &s->layer, s->layer.first);
		return true;
	default:
		pkt_model_bytes(m, head, field, value);
		return true;
	}
}

/* A statement that moves bytes, at that node of p. */
static enum pkt_edited rebuild(struct pkt_edit *e, const struct pkt_statement *s,
			       const struct packet *p, unsigned node, unsigned field,
			       struct bytes value)
{
	struct pkt_model *m = &e->printer.model;
	struct origin o = { .n = p->n };
	enum pkt_edited r;
	struct packet is;
	const char *why;

	if (is_fragment(p, s->verb == PKT_PUSH && !s->before ? node + 1 : node))
		return PKT_REFUSED_FRAGMENT;
	if (s->verb == PKT_POP && (node == 0 || node + 1 == p->n))
		return PKT_REFUSED_UNKNOWN; /* of what link type would the frame be? */
	if (s->verb == PKT_PUSH && s->before && node == 0)
		return PKT_REFUSED_UNKNOWN;
	if (!pkt_shorten(&e->printer, p))
		return PKT_REFUSED_UNKNOWN;
	for (unsigned i = 0; i < p->n; i++)
		o.head[i] = head_at(m, i);
	change_model(m, s, node, field, value);
	if (!pkt_build(m, e->printer.built, PKT_BUILD_MAX, &is, &why))
		return PKT_REFUSED_LENGTH;
	if (s->verb == PKT_APPEND && !follow_names(m, p, &is, node, field))
		return PKT_REFUSED_LENGTH;
	grow_lengths(m, p, &is, &o);
	if (!pkt_build(m, e->printer.built, PKT_BUILD_MAX, &is, &why))
		return PKT_REFUSED_LENGTH;
	r = follow_model(e, p, &is, &o);
	if (r != PKT_EDITED)
		return r;
	buf_clear(&e->bytes);
	buf_add(&e->bytes, is.data.ptr, is.data.len);
	return PKT_EDITED;
}

/* ---- statements ---- */

static void put_value(uint8_t *p, struct pkt_place at, const struct pkt_statement *s)
{
	uint64_t v;

	if (s->from.len) {
		memcpy(p + at.at / 8, s->from.ptr, s->from.len);
		return;
	}
	v = at.bits <= 64 ? pkt_bits_get(p, at.at, at.bits) : 0;
	v = s->verb == PKT_ADD        ? v + s->number
	    : s->verb == PKT_SUBTRACT ? v - s->number
				      : s->number;
	if (at.bits <= 64)
		pkt_bits_put(p, at.at, at.bits,
			     at.bits < 64 ? v & ((UINT64_C(1) << at.bits) - 1) : v);
}

static void put_map(uint8_t *p, struct pkt_place at, const struct pkt_statement *s)
{
	for (unsigned i = 0; i < s->prefix; i++)
		if (pkt_bits_get(p, at.at + i, 1) != pkt_bits_get(s->from.ptr, i, 1))
			return;
	for (unsigned i = 0; i < s->prefix; i++)
		pkt_bits_put(p, at.at + i, 1, pkt_bits_get(s->to.ptr, i, 1));
}

static enum pkt_edited set_field(struct pkt_edit *e, const struct pkt_statement *s,
				 const struct packet *p)
{
	struct pkt_place place;
	unsigned field;
	int node;

	if (!pkt_path_place(p, &s->path, &node, &field, &place))
		return PKT_SAME;
	if (s->verb == PKT_APPEND)
		return rebuild(e, s, p, (unsigned)node, field, BYTES(NULL, 0));
	if (s->verb == PKT_ASSIGN &&
	    !pkt_kind_is_number(s->path.field == PKT_NO_FIELD
					? PKT_BYTES
					: pkt_layers[s->path.layer].fields[field].kind) &&
	    s->from.len * 8 != place.bits)
		return rebuild(e, s, p, (unsigned)node, field, buf_bytes(&s->from));
	if (p->node[node].layer == PKT_raw && is_fragment(p, (unsigned)node))
		return PKT_REFUSED_FRAGMENT;
	if (s->verb == PKT_MAP)
		put_map(e->bytes.ptr, place, s);
	else if (s->verb == PKT_ANON)
		anon_address(s->anon, e->bytes.ptr + place.at / 8, (unsigned)place.bits);
	else
		put_value(e->bytes.ptr, place, s);
	return follow_in_place(e, p, place);
}

static enum pkt_edited swap_headers(struct pkt_edit *e, const struct pkt_statement *s,
				    const struct packet *p)
{
	int a = pkt_path_node(p, &s->path), b = pkt_path_node(p, &s->other);

	if (a < 0 || b < 0 || a == b)
		return PKT_SAME;
	/* The inner one first: it is the one that may be in other fragments. */
	return a > b ? rebuild(e, s, p, (unsigned)a, (unsigned)b, BYTES(NULL, 0))
		     : rebuild(e, s, p, (unsigned)b, (unsigned)a, BYTES(NULL, 0));
}

static enum pkt_edited swap(struct pkt_edit *e, const struct pkt_statement *s,
			    const struct packet *p)
{
	struct pkt_place a, b, none = { 0 };
	unsigned field;
	int node;

	if (s->path.field == PKT_NO_FIELD)
		return swap_headers(e, s, p);
	if (!pkt_path_place(p, &s->path, &node, &field, &a) ||
	    !pkt_path_place(p, &s->other, &node, &field, &b) || a.bits != b.bits)
		return PKT_SAME;
	for (size_t at = 0; at < a.bits; at++) {
		pkt_bits_put(e->bytes.ptr, a.at + at, 1, pkt_bits_get(p->data.ptr, b.at + at, 1));
		pkt_bits_put(e->bytes.ptr, b.at + at, 1, pkt_bits_get(p->data.ptr, a.at + at, 1));
	}
	return follow_in_place(e, p, none);
}

static enum pkt_edited replace(struct pkt_edit *e, const struct pkt_statement *s,
			       const struct packet *p)
{
	struct pkt_place place;
	struct buf now = { 0 };
	struct bytes load;
	enum pkt_edited r = PKT_SAME;
	size_t at = 0, found = 0;
	unsigned field;
	int node;

	if (!pkt_path_place(p, &s->path, &node, &field, &place))
		return PKT_SAME;
	load = BYTES(p->data.ptr + place.at / 8, place.bits / 8);
	while (at < load.len) {
		const uint8_t *hit = found && !s->all ? NULL
						      : memmem(load.ptr + at, load.len - at,
							       s->from.ptr, s->from.len);
		size_t upto = hit ? (size_t)(hit - load.ptr) : load.len;

		buf_add(&now, load.ptr + at, upto - at);
		at = upto;
		if (!hit)
			break;
		found++;
		buf_add(&now, s->to.ptr, s->to.len);
		at += s->from.len;
	}
	if (found && now.len != load.len) {
		r = rebuild(e, s, p, (unsigned)node, PKT_raw_load, buf_bytes(&now));
	} else if (found && is_fragment(p, (unsigned)node)) {
		r = PKT_REFUSED_FRAGMENT;
	} else if (found) {
		memcpy(e->bytes.ptr + place.at / 8, now.ptr, now.len);
		r = follow_in_place(e, p, (struct pkt_place){ 0 });
	}
	buf_release(&now);
	return r;
}

static enum pkt_edited apply(struct pkt_edit *e, const struct pkt_statement *s,
			     const struct packet *p)
{
	int node;

	switch (s->verb) {
	case PKT_SWAP:
		return swap(e, s, p);
	case PKT_REPLACE:
		return replace(e, s, p);
	case PKT_PUSH:
	case PKT_POP:
		node = s->verb == PKT_PUSH && s->anywhere ? 0 : pkt_path_node(p, &s->path);
		return node < 0 || !p->n ? PKT_SAME
					 : rebuild(e, s, p, (unsigned)node, 0, BYTES(NULL, 0));
	default:
		return set_field(e, s, p);
	}
}

/* --sum=force: all that can be told are right. */
static enum pkt_edited force_sums(struct pkt_edit *e, uint32_t link_type)
{
	struct packet p;

	pkt_dissect(&p, link_type, buf_bytes(&e->bytes));
	for (unsigned i = p.n; i-- > 0;) {
		struct pkt_sum_of s;

		if (!pkt_sum_find(&p, i, &s) || !s.known || (s.optional && !stored(&p, &s)))
			continue;
		if (!s.covered)
			return is_fragment(&p, p.n) ? PKT_REFUSED_FRAGMENT : PKT_REFUSED_SNAPPED;
		pkt_bits_put(e->bytes.ptr, s.place.at, s.place.bits,
			     pkt_sum_value(&s, pkt_sum_over(&p, i, &s)));
	}
	return PKT_EDITED;
}

enum pkt_edited pkt_edit_apply(struct pkt_edit *e, uint32_t link_type, struct bytes frame,
			       struct bytes *out)
{
	enum pkt_edited r;
	struct packet p;

	*out = frame;
	buf_clear(&e->bytes);
	buf_add(&e->bytes, frame.ptr, frame.len);
	for (unsigned i = 0; i < e->n; i++) {
		buf_clear(&e->spare);
		buf_add(&e->spare, e->bytes.ptr, e->bytes.len);
		pkt_dissect(&p, link_type, buf_bytes(&e->spare));
		r = apply(e, &e->statement[i], &p);
		if (r > PKT_EDITED)
			return r;
	}
	if (e->sums == PKT_SUMS_FORCE) {
		r = force_sums(e, link_type);
		if (r > PKT_EDITED)
			return r;
	}
	if (bytes_equal(frame, buf_bytes(&e->bytes)))
		return PKT_SAME;
	*out = buf_bytes(&e->bytes);
	return PKT_EDITED;
}
