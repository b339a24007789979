/* edit: applies statements to a frame: in place where its bytes keep their places, else by way of
 * its model (edit_model). */
#include "libcommon/packet/edit.h"

#include "libcommon/packet/edit_private.h"
#include "libcommon/packet/name.h"

enum { NAMES = 64 }; /* that may be written out for one statement */

const char *pkt_edited_name(enum pkt_edited r)
{
	static const char *const names[] = { "same",   "edited",  "fragment", "snapped",
					     "length", "unknown", "value",    "names" };

	return names[r];
}

const char *pkt_edited_why(enum pkt_edited r)
{
	static const char *const why[] = {
		[PKT_REFUSED_FRAGMENT] = "it is a fragment",
		[PKT_REFUSED_SNAPPED] = "it was not captured whole",
		[PKT_REFUSED_LENGTH] = "it would be too long for its headers",
		[PKT_REFUSED_UNKNOWN] = "its bytes can't be made again otherwise",
		[PKT_REFUSED_VALUE] = "its field takes no such value",
		[PKT_REFUSED_NAMES] = "another name of the message can't be written out",
	};

	return why[r];
}

/* ---- statements ---- */

/* False: it has not so many bits. */
static bool put_number(uint8_t *p, struct pkt_place at, unsigned verb, uint64_t number)
{
	uint64_t v, mask = at.bits < 64 ? (UINT64_C(1) << at.bits) - 1 : UINT64_MAX;

	if (at.bits > 64 || (verb == PKT_ASSIGN && number & ~mask))
		return false;
	v = pkt_bits_get(p, at.at, at.bits);
	v = verb == PKT_ADD ? v + number : verb == PKT_SUBTRACT ? v - number : number;
	pkt_bits_put(p, at.at, at.bits, v & mask);
	return true;
}

static void put_map(uint8_t *p, struct pkt_place at, const struct pkt_statement *s)
{
	for (unsigned i = 0; i < s->prefix; i++)
		if (i == at.bits ||
		    pkt_bits_get(p, at.at + i, 1) != pkt_bits_get(s->from.ptr, i, 1))
			return;
	for (unsigned i = 0; i < s->prefix; i++)
		pkt_bits_put(p, at.at + i, 1, pkt_bits_get(s->to.ptr, i, 1));
}

static enum pkt_edited set_bytes(struct pkt_edit *e, const struct pkt_statement *s,
				 const struct packet *p, const struct pkt_spot *at,
				 struct bytes value)
{
	unsigned kind = pkt_spot_field(at)->kind;

	if (value.len * 8 != at->place.bits && kind != PKT_BYTES && kind != PKT_NAME)
		return PKT_REFUSED_VALUE;
	if (value.len * 8 != at->place.bits ||
	    (kind == PKT_NAME &&
	     (pkt_name_is_short(value) || !pkt_edit_name_in_place(e, s, p, at, value))))
		return pkt_edit_rebuild(e, s, p, at, 0, value);
	if (p->node[at->node].layer == PKT_raw && pkt_edit_fragment(p, at->node))
		return PKT_REFUSED_FRAGMENT;
	if (value.len)
		memcpy(e->bytes.ptr + at->place.at / 8, value.ptr, value.len);
	return pkt_sums_follow(e, p, at->place);
}

static enum pkt_edited set_value(struct pkt_edit *e, const struct pkt_statement *s,
				 const struct packet *p, const struct pkt_spot *at)
{
	const struct pkt_value *v =
		pkt_values_for(&e->values, s->value, s->values, pkt_spot_field(at));

	if (!v || v->raw || (v->bytes && s->verb != PKT_ASSIGN))
		return PKT_REFUSED_VALUE;
	if (v->bytes)
		return set_bytes(e, s, p, at, pkt_value_bytes(&e->values, v));
	if (!put_number(e->bytes.ptr, at->place, s->verb, v->number))
		return PKT_REFUSED_VALUE;
	return pkt_sums_follow(e, p, at->place);
}

static enum pkt_edited set_field(struct pkt_edit *e, const struct pkt_statement *s,
				 const struct packet *p)
{
	struct pkt_spot at;
	unsigned kind;

	if (!pkt_path_find(p, &s->path, &at))
		return PKT_SAME;
	kind = pkt_spot_field(&at)->kind;
	switch (s->verb) {
	case PKT_APPEND:
		return pkt_edit_rebuild(e, s, p, &at, 0, BYTES(NULL, 0));
	case PKT_MAP:
		if (kind != s->kind)
			return PKT_SAME;
		put_map(e->bytes.ptr, at.place, s);
		break;
	case PKT_ANON:
		if (!pkt_kind_is_address(kind))
			return PKT_REFUSED_VALUE;
		anon_address(s->anon, e->bytes.ptr + at.place.at / 8, (unsigned)at.place.bits);
		break;
	default:
		return set_value(e, s, p, &at);
	}
	return pkt_sums_follow(e, p, at.place);
}

static enum pkt_edited swap(struct pkt_edit *e, const struct pkt_statement *s,
			    const struct packet *p)
{
	struct pkt_place none = { 0 };
	struct pkt_spot a, b;

	if (!pkt_path_find(p, &s->path, &a) || !pkt_path_find(p, &s->other, &b))
		return PKT_SAME;
	if (s->path.field == PKT_NO_FIELD && a.node == b.node)
		return PKT_SAME;
	/* The inner one first: it is the one that may be in other fragments. */
	if (s->path.field == PKT_NO_FIELD)
		return a.node > b.node ? pkt_edit_rebuild(e, s, p, &a, b.node, BYTES(NULL, 0))
				       : pkt_edit_rebuild(e, s, p, &b, a.node, BYTES(NULL, 0));
	if (a.place.bits != b.place.bits)
		return PKT_REFUSED_VALUE;
	for (size_t at = 0; at < a.place.bits; at++) {
		pkt_bits_put(e->bytes.ptr, a.place.at + at, 1,
			     pkt_bits_get(p->data.ptr, b.place.at + at, 1));
		pkt_bits_put(e->bytes.ptr, b.place.at + at, 1,
			     pkt_bits_get(p->data.ptr, a.place.at + at, 1));
	}
	return pkt_sums_follow(e, p, none);
}

static enum pkt_edited replace(struct pkt_edit *e, const struct pkt_statement *s,
			       const struct packet *p)
{
	struct buf now = { 0 };
	struct bytes load;
	enum pkt_edited r = PKT_SAME;
	size_t at = 0, found = 0;
	struct pkt_spot spot;

	if (!pkt_path_find(p, &s->path, &spot))
		return PKT_SAME;
	load = BYTES(p->data.ptr + spot.place.at / 8, spot.place.bits / 8);
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
		r = pkt_edit_rebuild(e, s, p, &spot, 0, buf_bytes(&now));
	} else if (found && pkt_edit_fragment(p, spot.node)) {
		r = PKT_REFUSED_FRAGMENT;
	} else if (found) {
		memcpy(e->bytes.ptr + spot.place.at / 8, now.ptr, now.len);
		r = pkt_sums_follow(e, p, (struct pkt_place){ 0 });
	}
	buf_release(&now);
	return r;
}

static enum pkt_edited apply(struct pkt_edit *e, const struct pkt_statement *s,
			     const struct packet *p)
{
	struct pkt_spot at = { 0 };

	switch (s->verb) {
	case PKT_SWAP:
		return swap(e, s, p);
	case PKT_REPLACE:
		return replace(e, s, p);
	case PKT_PUSH:
	case PKT_POP:
		if (!p->n || (!s->anywhere && !pkt_path_find(p, &s->path, &at)))
			return PKT_SAME;
		return pkt_edit_rebuild(e, s, p, &at, 0, BYTES(NULL, 0));
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

		if (!pkt_sum_find(&p, i, &s) || !s.known || (s.optional && !pkt_sum_stored(&p, &s)))
			continue;
		if (!s.covered)
			return pkt_edit_fragment(&p, p.n) ? PKT_REFUSED_FRAGMENT
							  : PKT_REFUSED_SNAPPED;
		pkt_bits_put(e->bytes.ptr, s.place.at, s.place.bits,
			     pkt_sum_value(&s, pkt_sum_over(&p, i, &s)));
	}
	return PKT_EDITED;
}

struct bytes pkt_edit_refused(const struct pkt_edit *e)
{
	return e->n ? e->statement[e->refused].text : BYTES("", 0);
}

/* The statement; names that are in its way are written out before. */
static enum pkt_edited perform(struct pkt_edit *e, uint32_t link_type,
			       const struct pkt_statement *s)
{
	enum pkt_edited r;
	struct packet p;

	for (unsigned names = 0;; names++) {
		buf_clear(&e->spare);
		buf_add(&e->spare, e->bytes.ptr, e->bytes.len);
		pkt_dissect(&p, link_type, buf_bytes(&e->spare));
		r = apply(e, s, &p);
		if (r != PKT_REFUSED_NAMES || names == NAMES)
			return r;
		r = pkt_edit_spell_out(e, &p);
		if (r != PKT_EDITED)
			return r;
	}
}

enum pkt_edited pkt_edit_apply(struct pkt_edit *e, uint32_t link_type, struct bytes frame,
			       struct bytes *out)
{
	enum pkt_edited r;

	*out = frame;
	buf_clear(&e->bytes);
	buf_add(&e->bytes, frame.ptr, frame.len);
	for (unsigned i = 0; i < e->n; i++) {
		e->refused = i;
		r = perform(e, link_type, &e->statement[i]);
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
