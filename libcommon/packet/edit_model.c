/* edit_model: edits that move bytes: by way of the packet's model, in which what was right stays
 * right and what was wrong stays as wrong as it was. */
#include "libcommon/packet/edit_private.h"
#include "libcommon/packet/name.h"

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

/* The head that is at the spot; PKT_NIL: the model has none. `under`: that of the item before it.
 */
static uint16_t item_at(const struct pkt_model *m, const struct pkt_spot *at, unsigned depth,
			uint16_t *under)
{
	uint16_t h = head_at(m, at->node);

	for (unsigned i = 0; i < depth && h != PKT_NIL; i++) {
		const struct pkt_set *s = pkt_model_given(m, h, at->item[i].field);

		*under = PKT_NIL;
		h = s && s->how == PKT_SET_ITEMS ? s->items : PKT_NIL;
		for (unsigned n = at->item[i].nth; n && h != PKT_NIL; n--) {
			*under = h;
			h = m->head[h].next;
		}
	}
	return h;
}

static uint16_t item_head(const struct pkt_model *m, const struct pkt_spot *at)
{
	uint16_t under;

	return item_at(m, at, at->depth, &under);
}

static void pop_item(struct pkt_model *m, const struct pkt_spot *at)
{
	uint16_t under = PKT_NIL, gone = item_at(m, at, at->depth, &under), none;
	struct pkt_set *list = pkt_model_given(m, item_at(m, at, at->depth - 1, &none),
					       at->item[at->depth - 1].field);

	if (under == PKT_NIL)
		list->items = m->head[gone].next;
	else
		m->head[under].next = m->head[gone].next;
	if (list->at == gone)
		list->at = under;
}

/* The statement's items, which stand in lists as deep as it goes, to the end of the header's list.
 */
static void append(struct pkt_model *m, uint16_t head, unsigned field,
		   const struct pkt_statement *s)
{
	const struct pkt_model *from = &s->layer;
	uint16_t item = from->set[from->head[from->first].sets].items;

	for (unsigned i = 0; i < s->path.nsteps; i++)
		item = from->set[from->head[item].sets].items;
	for (; item != PKT_NIL; item = from->head[item].next)
		copy_head(m, pkt_model_item(m, head, field, from->head[item].layer), from, item);
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
		if (!pkt_sum_next(e->sums, &a, pkt_sum_stored(was, &a), before, after, &now))
			return PKT_REFUSED_SNAPPED;
		pkt_model_number(m, h, field, now);
		if (!pkt_build(m, e->printer.built, PKT_BUILD_MAX, is, &why))
			return PKT_REFUSED_LENGTH;
	}
	return PKT_EDITED;
}

bool pkt_edit_fragment(const struct packet *p, unsigned upto)
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

/* ---- pointers of names ---- */

/* Where what a name points to at `to` stands now; PKT_NAME_POINTS: nowhere. `whole`: the name is
 * but the pointer: it reads what the changed name reads, as it did. */
static size_t moved(const struct pkt_move *mv, size_t to, bool whole)
{
	size_t left = mv->end - to, at = 0;

	if (to < mv->start)
		return to;
	if (to >= mv->end)
		return to + mv->by < PKT_NAME_POINTS ? to + mv->by : PKT_NAME_POINTS;
	if (mv->same || (to == mv->start && whole && mv->now.len))
		return to;
	/* the end of the old name, which may be that of the new one, too */
	while (at < mv->now.len && mv->now.len - at > left)
		at += 1u + mv->now.ptr[at];
	if (mv->was.len < left || mv->now.len - at != left ||
	    memcmp(mv->was.ptr + (to - mv->start), mv->now.ptr + at, left) != 0)
		return PKT_NAME_POINTS;
	return mv->start + at;
}

/* The header's pointers go on pointing to what they did. *others: one has become another. */
static bool move_pointers(struct pkt_model *m, uint16_t head, const struct pkt_move *mv,
			  bool *others)
{
	const struct pkt_layer *l = &pkt_layers[m->head[head].layer];
	bool done = true;

	for (uint16_t i = m->head[head].sets; i != PKT_NIL; i = m->set[i].next) {
		const struct pkt_set *s = &m->set[i];
		size_t from = PKT_NAME_POINTS, to;

		for (uint16_t k = s->how == PKT_SET_ITEMS ? s->items : PKT_NIL; k != PKT_NIL;
		     k = m->head[k].next)
			done &= move_pointers(m, k, mv, others);
		if (s->how == PKT_SET_BYTES && l->fields[s->field].kind == PKT_NAME &&
		    !(head == mv->head && s->field == mv->field))
			from = pkt_name_pointer(pkt_set_bytes(m, s));
		if (from == PKT_NAME_POINTS)
			continue;
		to = moved(mv, from, s->len == 2);
		*others |= to != from;
		done &= to != PKT_NAME_POINTS;
		be16_put(m->bytes.ptr + s->at + s->len - 2, (uint16_t)(0xc000 | to));
	}
	return done;
}

/* The part of a message that the statement is about. */
static struct pkt_move move_of(const struct pkt_statement *s, const struct packet *p,
			       const struct pkt_spot *at, uint16_t head)
{
	size_t start = at->place.at / 8 - p->node[at->node].at, end = start + at->place.bits / 8;
	struct pkt_move mv = { .start = start, .end = end, .head = head, .field = at->field };

	if (s->verb == PKT_APPEND)
		mv.start = end;
	mv.same = s->verb == PKT_SPELL;
	if (at->field != PKT_NO_FIELD && pkt_spot_field(at)->kind == PKT_NAME)
		mv.was = BYTES(p->data.ptr + at->place.at / 8, at->place.bits / 8);
	return mv;
}

bool pkt_edit_name_in_place(struct pkt_edit *e, const struct pkt_statement *s,
			    const struct packet *p, const struct pkt_spot *at, struct bytes name)
{
	struct pkt_model *m = &e->printer.model;
	bool others = false;
	struct pkt_move mv;
	uint16_t head;

	pkt_model_of(m, p);
	head = item_head(m, at);
	mv = move_of(s, p, at, head);
	mv.now = name;
	return head != PKT_NIL && !m->full &&
	       move_pointers(m, head_at(m, at->node), &mv, &others) && !others;
}

/* ---- rebuilding ---- */

/* False: the model has no such item. */
static bool change_model(struct pkt_model *m, const struct pkt_statement *s,
			 const struct pkt_spot *at, unsigned other, struct bytes value)
{
	uint16_t head = item_head(m, at);

	if (head == PKT_NIL)
		return false;
	switch (s->verb) {
	case PKT_PUSH:
		push(m, s, s->before ? (int)at->node - 1 : (int)at->node);
		return true;
	case PKT_POP:
		if (at->depth)
			pop_item(m, at);
		else
			pop(m, at->node);
		return true;
	case PKT_SWAP:
		exchange(m, head, head_at(m, other));
		return true;
	case PKT_APPEND:
		append(m, head, at->field, s);
		return true;
	default:
		pkt_model_bytes(m, head, at->field, value);
		return true;
	}
}

/* Do statements of the kind move what stands behind them in the same message? */
static bool within_message(const struct pkt_statement *s, const struct pkt_spot *at)
{
	return s->verb == PKT_APPEND || s->verb == PKT_ASSIGN || s->verb == PKT_SPELL ||
	       (s->verb == PKT_POP && at->depth);
}

static enum pkt_edited follow_names(struct pkt_edit *e, const struct pkt_statement *s,
				    const struct packet *was, const struct packet *is,
				    const struct pkt_spot *at)
{
	struct pkt_model *m = &e->printer.model;
	bool set = s->verb == PKT_ASSIGN || s->verb == PKT_SPELL, others = false;
	struct pkt_move mv = move_of(s, was, at, set ? item_head(m, at) : PKT_NIL);
	struct pkt_spot now;

	/* perhaps below 0 */
	mv.by = (size_t)is->node[at->node].len - was->node[at->node].len;
	if (s->verb == PKT_ASSIGN && mv.was.len && pkt_path_find(is, &s->path, &now))
		mv.now = BYTES(is->data.ptr + now.place.at / 8, now.place.bits / 8);
	if (move_pointers(m, head_at(m, at->node), &mv, &others))
		return PKT_EDITED;
	e->in_way = mv;
	e->in_way_of = at->node;
	return PKT_REFUSED_NAMES;
}

/* The first name that points to what is nowhere any more. */
static bool find_pointer(const struct pkt_header *h, const struct pkt_move *mv,
			 struct pkt_spot *spot)
{
	struct pkt_place place;
	struct pkt_walk walk;
	unsigned field;

	pkt_walk_start(&walk, h);
	while (pkt_walk_next(&walk, &field, &place)) {
		const struct pkt_field *f = &h->layer->fields[field];
		struct bytes b = BYTES(h->ptr + place.at / 8, place.bits / 8);
		struct pkt_items it = { b.ptr, b.len, 0, f->family };
		unsigned to, depth = spot->depth;
		struct pkt_header item;

		if (f->kind == PKT_NAME) {
			to = pkt_name_pointer(b);
			spot->header = *h;
			spot->field = field;
			spot->place = place;
			if (to != PKT_NAME_POINTS && moved(mv, to, b.len == 2) == PKT_NAME_POINTS)
				return true;
		}
		if (f->kind != PKT_ITEMS || depth == PKT_STEPS)
			continue;
		for (unsigned nth = 0; pkt_items_next(&it, &item); nth++) {
			spot->item[depth].field = (uint8_t)field;
			spot->item[depth].nth = nth;
			spot->depth = depth + 1;
			if (find_pointer(&item, mv, spot))
				return true;
		}
		spot->depth = depth;
	}
	return false;
}

enum pkt_edited pkt_edit_spell_out(struct pkt_edit *e, const struct packet *p)
{
	static const struct pkt_statement spell = { .verb = PKT_SPELL };
	struct pkt_spot at = { .node = e->in_way_of };
	struct pkt_header h = pkt_header_of(p, at.node);
	uint8_t name[PKT_NAME_MAX];
	size_t len;

	if (!find_pointer(&h, &e->in_way, &at))
		return PKT_REFUSED_NAMES;
	len = pkt_name_expand(BYTES(h.ptr, h.len),
			      (size_t)(at.header.ptr - h.ptr) + at.place.at / 8, name);
	at.place.at += (size_t)(at.header.ptr - p->data.ptr) * 8;
	return len ? pkt_edit_rebuild(e, &spell, p, &at, 0, BYTES(name, len)) : PKT_REFUSED_NAMES;
}

static bool must_stay(const struct pkt_statement *s, const struct packet *p,
		      const struct pkt_spot *at)
{
	/* of what link type would the frame be? */
	return (s->verb == PKT_POP && !at->depth && (at->node == 0 || at->node + 1 == p->n)) ||
	       (s->verb == PKT_PUSH && s->before && at->node == 0);
}

enum pkt_edited pkt_edit_rebuild(struct pkt_edit *e, const struct pkt_statement *s,
				 const struct packet *p, const struct pkt_spot *at, unsigned other,
				 struct bytes value)
{
	struct pkt_model *m = &e->printer.model;
	struct origin o = { .n = p->n };
	enum pkt_edited r = PKT_EDITED;
	struct packet is;
	const char *why;

	if (pkt_edit_fragment(p, s->verb == PKT_PUSH && !s->before ? at->node + 1 : at->node))
		return PKT_REFUSED_FRAGMENT;
	if (must_stay(s, p, at) || !pkt_shorten(&e->printer, p))
		return PKT_REFUSED_UNKNOWN;
	for (unsigned i = 0; i < p->n; i++)
		o.head[i] = head_at(m, i);
	if (!change_model(m, s, at, other, value))
		return PKT_REFUSED_UNKNOWN;
	if (!pkt_build(m, e->printer.built, PKT_BUILD_MAX, &is, &why))
		return PKT_REFUSED_LENGTH;
	if (within_message(s, at))
		r = follow_names(e, s, p, &is, at);
	if (r != PKT_EDITED)
		return r;
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
