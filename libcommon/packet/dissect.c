/* dissect: frames taken apart by the table. */
#include "libcommon/packet/dissect.h"

const char *pkt_fault_name(enum pkt_fault_class c)
{
	static const char *const names[] = { "sound", "insufficient bytes", "invalid value",
					     "excess bytes" };

	return names[c];
}

static void fault(struct packet *p, enum pkt_fault_class class, unsigned layer, unsigned field,
		  size_t excess)
{
	if (p->fault.class != PKT_SOUND && p->fault.class <= class)
		return;
	p->fault = (struct pkt_fault){ (uint8_t) class, (uint8_t)layer, (uint8_t)field,
				       (uint32_t)excess };
}

/* Does the number announce a layer by the rows of `l`? The field's own place is the header's. */
static enum pkt_layer_id bound(const struct pkt_bind *b, uint64_t v)
{
	for (; b->how; b++)
		if (b->how == PKT_BIND_VALUE && b->value == v)
			return b->upper;
	return PKT_raw;
}

enum pkt_layer_id pkt_next_layer(const struct pkt_header *h, struct bytes payload)
{
	const struct pkt_layer *l = h->layer;
	unsigned known =
		PKT_NO_FIELD; /* whose value is at hand: rows of one field stand together */
	uint64_t value = 0;

	if (l->opaque && pkt_field_number(h, l->opaque - 1u))
		return PKT_raw;
	for (const struct pkt_bind *b = l->binds; b->how; b++) {
		switch (b->how) {
		case PKT_BIND_VALUE:
			if (b->field != known)
				value = pkt_field_number(h, known = b->field);
			if (value == b->value)
				return b->upper;
			break;
		case PKT_BIND_NIBBLE:
			if (payload.len && payload.ptr[0] >> 4 == b->value)
				return b->upper;
			break;
		case PKT_BIND_SAME:
			return bound(pkt_layers[b->value].binds, pkt_field_number(h, b->field));
		default:
			return b->upper;
		}
	}
	return PKT_raw;
}

/* Where what belongs to the header ends, at most `end`. */
static uint32_t span_end(struct packet *p, const struct pkt_header *h, struct pkt_node *n,
			 uint32_t end)
{
	const struct pkt_length *span = &h->layer->span;
	uint64_t value, size;

	if (!span->given)
		return end;
	value = pkt_field_number(h, span->field);
	size = value * span->unit + span->bias;
	if (value == 0 && size < n->len + 1u)
		return end; /* not told: a jumbogram, or segments that the card was to make */
	if (size < n->len) {
		fault(p, PKT_INVALID_VALUE, n->layer, span->field, 0);
		return end;
	}
	if (size > end - n->at) {
		fault(p, PKT_INSUFFICIENT_BYTES, n->layer, span->field, 0);
		n->snapped = true;
		return end;
	}
	if (size < end - n->at)
		fault(p, PKT_EXCESS_BYTES, n->layer, span->field, end - n->at - size);
	return n->at + (uint32_t)size;
}

static struct pkt_node *add(struct packet *p, unsigned layer, size_t at, size_t len, size_t end)
{
	p->node[p->n] = (struct pkt_node){ (uint32_t)at, (uint32_t)len, (uint32_t)end,
					   (uint8_t)layer, false };
	return &p->node[p->n++];
}

/* The last two nodes are kept for raw and padding. */
void pkt_dissect_from(struct packet *p, enum pkt_layer_id next, struct bytes bytes)
{
	uint32_t at = 0, end = (uint32_t)bytes.len;

	p->data = bytes;
	p->n = 0;
	p->fault = (struct pkt_fault){ 0 };
	while (next != PKT_raw && at < end && p->n < PKT_NODES - 2) {
		const struct pkt_layer *l = &pkt_layers[next];
		struct bytes rest = BYTES(bytes.ptr + at, end - at);
		struct pkt_header h;
		struct pkt_node *n;
		unsigned field;
		size_t size;
		enum pkt_fit fit = pkt_header_size(l, rest, &size, &field);

		if (fit != PKT_FITS) {
			fault(p, fit == PKT_WRONG ? PKT_INVALID_VALUE : PKT_INSUFFICIENT_BYTES,
			      next, field, 0);
			break;
		}
		n = add(p, next, at, size, end);
		h = (struct pkt_header){ l, rest.ptr, size };
		n->end = end = span_end(p, &h, n, end);
		at += (uint32_t)size;
		next = pkt_next_layer(&h, BYTES(bytes.ptr + at, end - at));
	}
	if (at < end)
		add(p, PKT_raw, at, end - at, end);
	if (end < bytes.len)
		add(p, PKT_padding, end, bytes.len - end, bytes.len);
}

void pkt_dissect(struct packet *p, uint32_t link_type, struct bytes frame)
{
	p->link_type = link_type;
	pkt_dissect_from(p, pkt_link_layer(link_type, frame), frame);
}

int pkt_find(const struct packet *p, enum pkt_layer_id layer, int nth)
{
	if (nth >= 0) {
		for (unsigned i = 0; i < p->n; i++)
			if (p->node[i].layer == layer && nth-- == 0)
				return (int)i;
		return -1;
	}
	for (unsigned i = p->n; i-- > 0;)
		if (p->node[i].layer == layer && ++nth == 0)
			return (int)i;
	return -1;
}

enum pkt_found pkt_place_of(const struct packet *p, unsigned node, unsigned field,
			    struct pkt_place *place)
{
	struct pkt_header h = pkt_header_of(p, node);
	enum pkt_found found = pkt_field_place(&h, field, place);

	place->at += (size_t)p->node[node].at * 8;
	return found;
}
