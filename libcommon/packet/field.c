/* field: places and values of fields. */
#include "libcommon/packet/field.h"

uint64_t pkt_bits_get(const uint8_t *p, size_t at, size_t bits)
{
	const uint8_t *from = p + at / 8;
	size_t skip = at % 8, bytes = (skip + bits + 7) / 8;
	uint64_t v = 0;

	if (skip == 0) {
		switch (bits) {
		case 8:
			return *from;
		case 16:
			return be16_get(from);
		case 32:
			return be32_get(from);
		default:
			break;
		}
	}
	if (bytes > 8) { /* nine bytes at most: the highest by itself */
		v = be64_get(from);
		v = v << skip | from[8] >> (8 - skip);
		return bits == 64 ? v : v >> (64 - bits);
	}
	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | from[i];
	v >>= bytes * 8 - skip - bits;
	return bits == 64 ? v : v & ((UINT64_C(1) << bits) - 1);
}

void pkt_bits_put(uint8_t *p, size_t at, size_t bits, uint64_t v)
{
	uint8_t *to = p + at / 8;

	if (at % 8 == 0 && bits % 8 == 0) {
		for (size_t i = bits / 8; i-- > 0; v >>= 8)
			to[i] = (uint8_t)v;
		return;
	}
	if (bits <= 56) { /* the bytes it lies in, seven bits more at most, as one number */
		size_t skip = at % 8, bytes = (skip + bits + 7) / 8,
		       under = bytes * 8 - skip - bits;
		uint64_t mask = ((UINT64_C(1) << bits) - 1) << under, all = 0;

		for (size_t i = 0; i < bytes; i++)
			all = all << 8 | to[i];
		all = (all & ~mask) | (v << under & mask);
		for (size_t i = bytes; i-- > 0; all >>= 8)
			to[i] = (uint8_t)all;
		return;
	}
	for (size_t i = bits; i-- > 0; v >>= 1) {
		size_t bit = at + i;
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		p[bit / 8] = (uint8_t)((p[bit / 8] & ~mask) | (v & 1 ? mask : 0));
	}
}

bool pkt_field_when(const struct pkt_field *f, uint64_t v)
{
	bool in = v - f->when_base < 64 && f->when_set >> (v - f->when_base) & 1;

	return f->when == PKT_WHEN_IN ? in : !in;
}

/* Bytes of `count` items at p; SIZE_MAX: they don't fit. */
static size_t items_size(enum pkt_layer_id family, const uint8_t *p, size_t len, uint64_t count)
{
	struct pkt_items it = { p, len, 0, family };
	struct pkt_header item;

	for (; count; count--)
		if (!pkt_items_next(&it, &item) || item.layer == &pkt_layers[PKT_raw])
			return SIZE_MAX;
	return it.at;
}

/* Bits of the field at w->at; SIZE_MAX: not known, as the header is cut. */
static size_t field_size(const struct pkt_walk *w, const struct pkt_field *f)
{
	size_t len = w->h->len, byte = w->at / 8, size = 0;

	if (byte > len)
		return SIZE_MAX;
	switch (f->size) {
	case PKT_SIZE_FIELD:
		return (size_t)w->seen[f->size_field] * f->size_unit * 8;
	case PKT_SIZE_COUNT:
		size = items_size(f->family, w->h->ptr + byte, len - byte, w->seen[f->size_field]);
		return size == SIZE_MAX ? SIZE_MAX : size * 8;
	case PKT_SIZE_META:
		return 0;
	default:
		break;
	}
	if (f->kind == PKT_NAME) {
		size = pkt_name_size(w->h->ptr + byte, len - byte);
		return size ? size * 8 : SIZE_MAX;
	}
	return f->size == PKT_SIZE_REST ? (len - byte) * 8 : f->bits;
}

/* Is there such a field, by what stands before it? */
static bool field_there(const struct pkt_walk *w, const struct pkt_field *f)
{
	uint64_t bits = 0;

	if (f->when == PKT_ALWAYS)
		return true;
	if (f->when != PKT_WHEN_BITS)
		return pkt_field_when(f, w->seen[f->when_field]);
	/* any of the header's one-bit fields that announce something */
	for (unsigned i = 0; i < w->h->layer->nfields && i < PKT_SEEN; i++)
		if (w->h->layer->fields[i].autos == PKT_AUTO_PRESENT)
			bits |= w->seen[i];
	return bits;
}

/* Steps over one field. */
static enum pkt_found walk_step(struct pkt_walk *w, unsigned i, struct pkt_place *place)
{
	const struct pkt_field *f = &w->h->layer->fields[i];
	size_t size;

	if (!field_there(w, f))
		return PKT_ABSENT;
	size = field_size(w, f);
	if (size == SIZE_MAX || w->at + size > w->h->len * 8)
		return f->fits ? PKT_ABSENT : PKT_CUT;
	*place = (struct pkt_place){ w->at, size };
	if (i < PKT_SEEN && pkt_kind_is_number(f->kind) && size <= 64)
		w->seen[i] = pkt_bits_get(w->h->ptr, w->at, size);
	w->at += size;
	return PKT_FOUND;
}

void pkt_walk_start(struct pkt_walk *w, const struct pkt_header *h)
{
	w->h = h;
	w->at = 0;
	w->next = 0;
	memset(w->seen, 0, h->layer->nfields * sizeof(w->seen[0]));
}

bool pkt_walk_next(struct pkt_walk *w, unsigned *field, struct pkt_place *place)
{
	while (w->next < w->h->layer->nfields) {
		enum pkt_found found = walk_step(w, w->next, place);

		if (found == PKT_CUT)
			return false;
		*field = w->next++;
		if (found == PKT_FOUND)
			return true;
	}
	return false;
}

enum pkt_found pkt_field_walk(const struct pkt_header *h, unsigned field, struct pkt_place *place)
{
	enum pkt_found found = PKT_ABSENT;
	struct pkt_walk w;

	pkt_walk_start(&w, h);
	for (unsigned i = 0; i <= field; i++) {
		found = walk_step(&w, i, place);
		if (found == PKT_CUT)
			return PKT_CUT;
	}
	return found;
}

/* The header's length by its own length field. */
static enum pkt_fit size_by_field(const struct pkt_layer *l, struct bytes b, size_t *size,
				  unsigned *field)
{
	struct pkt_header h = { l, b.ptr, b.len };
	struct pkt_place place;
	size_t from;

	*field = l->header.field;
	if (pkt_field_place(&h, l->header.field, &place) != PKT_FOUND)
		return PKT_TOO_SHORT;
	from = l->header.after ? (place.at + place.bits) / 8 : 0;
	*size = from + (size_t)pkt_bits_get(b.ptr, place.at, place.bits) * l->header.unit +
		l->header.bias;
	if (*size < l->min || *size < (place.at + place.bits) / 8)
		return PKT_WRONG;
	return *size <= b.len ? PKT_FITS : PKT_TOO_SHORT;
}

/* The header's length by the fields it has. */
static enum pkt_fit size_by_walk(const struct pkt_layer *l, struct bytes b, size_t *size,
				 unsigned *field)
{
	struct pkt_header h = { l, b.ptr, b.len };
	struct pkt_place place;
	struct pkt_walk w;

	pkt_walk_start(&w, &h);
	for (*field = 0; *field < l->nfields; ++*field)
		if (walk_step(&w, *field, &place) == PKT_CUT)
			return PKT_TOO_SHORT;
	*size = (w.at + 7) / 8;
	return PKT_FITS;
}

enum pkt_fit pkt_header_size(const struct pkt_layer *l, struct bytes b, size_t *size,
			     unsigned *field)
{
	*field = 0;
	*size = b.len;
	if (b.len < l->min) {
		while (*field + 1 < l->nfields &&
		       l->fields[*field].at + l->fields[*field].bits <= b.len * 8)
			++*field;
		return PKT_TOO_SHORT;
	}
	if (l->fields[0].must && pkt_bits_get(b.ptr, 0, l->fields[0].bits) != l->fields[0].value)
		return PKT_WRONG;
	if (l->header.given)
		return size_by_field(l, b, size, field);
	if (!pkt_field_is_fixed(&l->fields[l->nfields - 1]))
		return size_by_walk(l, b, size, field);
	*size = l->min;
	return PKT_FITS;
}

static bool is_end(enum pkt_layer_id id)
{
	return id == PKT_eol || id == PKT_ipeol;
}

static enum pkt_layer_id item_kind(enum pkt_layer_id family, const uint8_t *p, size_t len)
{
	const struct pkt_header h = { &pkt_layers[family], p, len };

	for (const struct pkt_bind *b = h.layer->binds; b->how; b++)
		if (pkt_field_number(&h, b->field) == b->value)
			return b->upper;
	return family;
}

bool pkt_items_next(struct pkt_items *it, struct pkt_header *item)
{
	const uint8_t *p = it->ptr + it->at;
	size_t left = it->len - it->at, size;
	enum pkt_layer_id id;
	unsigned field, align;

	if (left == 0)
		return false;
	id = item_kind(it->family, p, left);
	*item = (struct pkt_header){ &pkt_layers[id], p, left };
	if (pkt_header_size(item->layer, BYTES(p, left), &size, &field) != PKT_FITS || size == 0) {
		id = it->family; /* what its kind promises it hasn't: any kind, perhaps */
		item->layer = &pkt_layers[id];
		if (pkt_header_size(item->layer, BYTES(p, left), &size, &field) != PKT_FITS ||
		    size == 0) {
			item->layer = &pkt_layers[PKT_raw];
			size = left;
		}
	}
	item->len = size;
	align = item->layer->align;
	if (align)
		size = (size + align - 1) / align * align;
	it->at += size < left ? size : left;
	if (is_end(id))
		it->family = PKT_raw;
	return true;
}
