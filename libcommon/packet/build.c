/* build: a model's bytes. Headers are written front to back with what is given or by default, then
 * lengths and checksums from the innermost layer outwards. */
#include "libcommon/packet/build.h"

#include "libcommon/packet/sums.h"

enum { FIELDS = 64 };

struct build {
	const struct pkt_model *m;
	uint8_t *to;
	size_t at, room;
	size_t stack;           /* where the header of the stack begins that is made */
	struct pkt_names names; /* in it */
	const char *why;        /* the first thing that can't be done */
};

struct header { /* the one at hand */
	const struct pkt_layer *layer;
	uint16_t head;
	size_t start, bit; /* byte; bit offset within */
	const struct pkt_set *given[FIELDS];
	uint64_t seen[FIELDS];
	size_t place[FIELDS]; /* bit offset from the packet's start; 0 bits where absent */
	uint32_t bits[FIELDS];
};

static void fail(struct build *b, const char *why)
{
	if (!b->why)
		b->why = why;
}

/* n more bytes, zero. */
static uint8_t *more(struct build *b, size_t n)
{
	uint8_t *p = b->to + b->at;

	if (b->room - b->at < n) {
		fail(b, "the packet is longer than a frame can be");
		return NULL;
	}
	memset(p, 0, n);
	b->at += n;
	return p;
}

static bool put_bits(struct build *b, struct header *h, size_t bits, uint64_t v)
{
	size_t end = h->start + (h->bit + bits + 7) / 8;

	if (end > b->at && !more(b, end - b->at))
		return false;
	pkt_bits_put(b->to + h->start, h->bit, bits, v);
	h->bit += bits;
	return true;
}

static bool put_bytes(struct build *b, struct header *h, struct bytes bytes, size_t size)
{
	size_t at = h->start + h->bit / 8, n = bytes.len < size ? bytes.len : size;

	if (at + size > b->at && !more(b, at + size - b->at))
		return false;
	if (n)
		memcpy(b->to + at, bytes.ptr, n);
	h->bit += size * 8;
	return true;
}

static void build_header(struct build *b, struct header *h, uint16_t head, uint16_t next);

static bool put_items(struct build *b, struct header *h, uint16_t item)
{
	size_t from = b->at;
	struct header inner;

	for (; item != PKT_NIL && !b->why; item = b->m->head[item].next) {
		size_t start = b->at, over;

		inner.layer = &pkt_layers[b->m->head[item].layer];
		build_header(b, &inner, item, PKT_NIL);
		over = inner.layer->align ? (b->at - start) % inner.layer->align : 0;
		if (over)
			more(b, inner.layer->align - over);
	}
	h->bit += (b->at - from) * 8;
	return !b->why;
}

static unsigned count_items(const struct pkt_model *m, const struct pkt_set *s)
{
	unsigned n = 0;

	if (s && s->how == PKT_SET_ITEMS)
		for (uint16_t i = s->items; i != PKT_NIL; i = m->head[i].next)
			n++;
	return n;
}

uint64_t pkt_build_default(const struct pkt_model *m, uint16_t head, uint16_t next, unsigned field)
{
	const struct pkt_layer *l = &pkt_layers[m->head[head].layer];
	const struct pkt_field *f = &l->fields[field];
	unsigned above = next == PKT_NIL ? PKT_NONE : m->head[next].layer;
	const struct pkt_set *other;
	const struct pkt_bind *item;
	uint64_t v = f->value;

	switch (f->autos) {
	case PKT_AUTO_COUNT:
		return count_items(m, pkt_model_given(m, head, f->auto_arg));
	case PKT_AUTO_PRESENT:
		other = pkt_model_given(m, head, f->auto_arg);
		return other && other->how != PKT_SET_AUTO;
	case PKT_AUTO_BOTTOM:
		return above != m->head[head].layer;
	default:
		break;
	}
	if (field == 0 && l->item) {
		item = pkt_item_bind(m->head[head].layer);
		return item ? item->value : v;
	}
	if (above != PKT_NONE && (f->autos == PKT_AUTO_NEXT || f->kind == PKT_PORT))
		pkt_value_announces(l, field, above, &v);
	return v;
}

static bool there(const struct header *h, unsigned i)
{
	const struct pkt_field *f = &h->layer->fields[i];

	if (f->fits || f->when == PKT_WHEN_BITS) {
		bool announced = h->given[i] != NULL;

		for (unsigned k = 0; k < i && f->when == PKT_WHEN_BITS; k++)
			announced |= h->layer->fields[k].autos == PKT_AUTO_PRESENT && h->seen[k];
		if (!announced)
			return false;
	}
	return f->when == PKT_ALWAYS || f->when == PKT_WHEN_BITS ||
	       pkt_field_when(f, h->seen[f->when_field]);
}

static bool put_plain(struct build *b, struct header *h, unsigned i, uint64_t v, size_t bits)
{
	const struct pkt_field *f = &h->layer->fields[i];
	uint8_t wide[16] = { 0 };

	if (f->kind == PKT_NAME)
		return put_bytes(b, h, BYTES(wide, 1), 1);
	if (bits <= 64)
		return put_bits(b, h, bits, v);
	be64_put(wide + 8, v); /* an address: 128 bits, or what its length field asks for */
	return put_bytes(b, h, bits == 128 ? BYTES(wide, 16) : BYTES(wide + 8, 8), bits / 8);
}

/* A domain name as it is given, or as short as the names before it allow. */
static bool put_name(struct build *b, struct header *h, struct bytes name)
{
	size_t at = h->start + h->bit / 8 - b->stack;
	uint8_t small[PKT_NAME_MAX];

	if (pkt_name_is_short(name)) {
		if (name.len > PKT_NAME_MAX) {
			fail(b, "a domain name is longer than 255 bytes");
			return false;
		}
		name = BYTES(small,
			     pkt_name_shorten(&b->names, BYTES(b->to + b->stack, at), name, small));
	}
	pkt_names_add(&b->names, at);
	return put_bytes(b, h, name, name.len);
}

static bool put_field(struct build *b, struct header *h, unsigned i, uint16_t next)
{
	const struct pkt_field *f = &h->layer->fields[i];
	const struct pkt_set *s = h->given[i];
	size_t bits = f->bits;
	uint64_t v;

	if (f->size == PKT_SIZE_FIELD)
		bits = (size_t)h->seen[f->size_field] * f->size_unit * 8;
	if (s && s->how == PKT_SET_ITEMS)
		return put_items(b, h, s->items);
	if (s && s->how == PKT_SET_BYTES && f->kind == PKT_NAME)
		return put_name(b, h, pkt_set_bytes(b->m, s));
	if (s && s->how == PKT_SET_BYTES)
		return put_bytes(b, h, pkt_set_bytes(b->m, s), bits ? bits / 8 : s->len);
	v = s ? s->number : pkt_build_default(b->m, h->head, next, i);
	if (i < FIELDS)
		h->seen[i] = v;
	return !bits && f->kind != PKT_NAME ? true : put_plain(b, h, i, v, bits);
}

static void put_length(struct build *b, struct header *h, unsigned field, uint64_t v)
{
	size_t bits = h->bits[field];

	if (!bits || h->given[field])
		return;
	if (bits < 64 && v >> bits)
		fail(b, "a length is more than its field can say");
	pkt_bits_put(b->to, h->place[field], bits, v);
}

/* Fills the header up to what its length field can say, and says it. */
static void close_header(struct build *b, struct header *h)
{
	const struct pkt_length *len = &h->layer->header;
	size_t from = len->after ? (h->place[len->field] + h->bits[len->field]) / 8 : h->start;
	size_t size = b->at - from, over;

	if (!len->given)
		return;
	over = size > len->bias ? (size - len->bias) % len->unit : 0;
	if (size < len->bias)
		over = size;
	if (over) {
		size_t gap = size < len->bias ? len->bias - size : len->unit - over;
		uint8_t *p = more(b, gap);

		if (p && h->layer->padn && gap > 1) {
			p[0] = 1;
			p[1] = (uint8_t)(gap - 2);
		}
		size += gap;
	}
	put_length(b, h, len->field, (size - len->bias) / len->unit);
}

static void build_header(struct build *b, struct header *h, uint16_t head, uint16_t next)
{
	unsigned n = h->layer->nfields;

	h->head = head;
	h->start = b->at;
	h->bit = 0;
	if (!more(b, h->layer->min)) /* what is always there stands in front */
		return;
	memset(h->given, 0, n * sizeof(h->given[0]));
	for (uint16_t s = b->m->head[head].sets; s != PKT_NIL; s = b->m->set[s].next)
		if (b->m->set[s].how != PKT_SET_AUTO)
			h->given[b->m->set[s].field] = &b->m->set[s];
	for (unsigned i = 0; i < n && !b->why; i++) {
		h->seen[i] = 0;
		h->bits[i] = 0;
		if (h->layer->fields[i].size == PKT_SIZE_META || !there(h, i))
			continue;
		h->place[i] = h->start * 8 + h->bit;
		if (!put_field(b, h, i, next))
			return;
		h->bits[i] = (uint32_t)(h->start * 8 + h->bit - h->place[i]);
	}
	if (!b->why)
		close_header(b, h);
}

/* What a layer leaves for the second turn. */
struct open {
	size_t place, bits; /* of its span's length field; 0 bits: it was given */
	bool sum;           /* a checksum is due */
};

static void remember(const struct header *h, struct open *o)
{
	const struct pkt_length *span = &h->layer->span;

	*o = (struct open){ 0 };
	if (span->given && !h->given[span->field]) {
		o->place = h->place[span->field];
		o->bits = h->bits[span->field];
	}
	for (unsigned i = 0; i < h->layer->nfields; i++)
		if (h->layer->fields[i].autos == PKT_AUTO_SUM && !h->given[i] && h->bits[i])
			o->sum = true;
}

static void close_layers(struct build *b, struct packet *p, const struct open *open)
{
	for (unsigned i = p->n; i-- > 0 && !b->why;) {
		const struct pkt_node *n = &p->node[i];
		const struct pkt_length *span = &pkt_layers[n->layer].span;
		struct pkt_sum_of s;

		if (open[i].bits) {
			uint64_t v = (n->end - n->at - (uint64_t)span->bias) / span->unit;

			if (v >> open[i].bits)
				fail(b, "a length is more than its field can say");
			pkt_bits_put(b->to, open[i].place, open[i].bits, v);
		}
		if (open[i].sum && pkt_sum_find(p, i, &s) && s.known)
			pkt_bits_put(b->to, s.place.at, s.place.bits,
				     pkt_sum_value(&s, pkt_sum_over(p, i, &s)));
	}
}

bool pkt_build(const struct pkt_model *m, uint8_t *to, size_t room, struct packet *p,
	       const char **why)
{
	struct build b = { .m = m, .to = to, .room = room };
	struct open open[PKT_NODES];
	struct header h;
	size_t end = 0;

	p->n = 0;
	p->fault = (struct pkt_fault){ 0 };
	for (uint16_t i = pkt_model_empty(m) ? PKT_NIL : m->first; i != PKT_NIL && !b.why;
	     i = m->head[i].next) {
		uint16_t next = m->head[i].next;

		h.layer = &pkt_layers[m->head[i].layer];
		if (m->head[i].layer == PKT_frame)
			continue;
		if (p->n == PKT_NODES) {
			fail(&b, "more layers than a packet may have");
			break;
		}
		b.stack = b.at;
		b.names.n = 0;
		build_header(&b, &h, i, next);
		remember(&h, &open[p->n]);
		p->node[p->n++] = (struct pkt_node){ (uint32_t)h.start, (uint32_t)(b.at - h.start),
						     0, m->head[i].layer, false };
		if (m->head[i].layer != PKT_padding)
			end = b.at;
	}
	p->data = BYTES(to, b.at);
	for (unsigned i = 0; i < p->n; i++)
		p->node[i].end = (uint32_t)(p->node[i].layer == PKT_padding ? b.at : end);
	if (!b.why)
		close_layers(&b, p, open);
	if (m->full)
		fail(&b, "more headers than a packet may have");
	*why = b.why;
	return !b.why;
}
