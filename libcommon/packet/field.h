/* field: where a field of a header lies, and its value. Pure; every read is bounded by the header.
 *
 * A header is the bytes that one layer of the table describes. */
#ifndef WEIR_PACKET_FIELD_H
#define WEIR_PACKET_FIELD_H

#include "libcommon/base/buf.h"
#include "libcommon/packet/name.h"
#include "libcommon/packet/table.h"

enum { PKT_TEXT = 4096 };

struct pkt_header {
	const struct pkt_layer *layer;
	const uint8_t *ptr;
	size_t len;
};

struct pkt_place {
	size_t at, bits; /* bit offset and width */
};

enum pkt_found { PKT_FOUND, PKT_ABSENT, PKT_CUT };

/* Does it lie at one place in every such header? */
static inline bool pkt_field_is_fixed(const struct pkt_field *f)
{
	return f->at < PKT_MOVES && f->when == PKT_ALWAYS && f->size == PKT_SIZE_BITS;
}

/* The same as pkt_field_place() for any field, by way of those before it. */
enum pkt_found pkt_field_walk(const struct pkt_header *h, unsigned field, struct pkt_place *place);

/* Where the field is: ABSENT where this header has none, CUT where the header ends before it. */
static inline enum pkt_found pkt_field_place(const struct pkt_header *h, unsigned field,
					     struct pkt_place *place)
{
	const struct pkt_field *f = &h->layer->fields[field];

	if (!pkt_field_is_fixed(f))
		return pkt_field_walk(h, field, place);
	*place = (struct pkt_place){ f->at, f->bits };
	return f->at + f->bits <= h->len * 8 ? PKT_FOUND : PKT_CUT;
}

/* The fields that a header has, one after the other; one that the header cuts ends it. */
enum { PKT_SEEN = 64 };

struct pkt_walk {
	const struct pkt_header *h;
	size_t at; /* bits */
	unsigned next;
	uint64_t seen[PKT_SEEN]; /* numbers so far, by which conditions and sizes are told */
};

void pkt_walk_start(struct pkt_walk *w, const struct pkt_header *h);
bool pkt_walk_next(struct pkt_walk *w, unsigned *field, struct pkt_place *place);

/* Up to 64 bits at any bit offset. The caller has checked the length. */
uint64_t pkt_bits_get(const uint8_t *p, size_t at, size_t bits);
void pkt_bits_put(uint8_t *p, size_t at, size_t bits, uint64_t v);

/* The value of a number field; 0 where it is not there. */
static inline uint64_t pkt_field_number(const struct pkt_header *h, unsigned field)
{
	struct pkt_place place;

	if (pkt_field_place(h, field, &place) != PKT_FOUND || place.bits > 64)
		return 0;
	return pkt_bits_get(h->ptr, place.at, place.bits);
}
/* Is it a number, that fits 64 bits? MAC and IPv4 are, too. */
static inline bool pkt_kind_is_number(enum pkt_kind kind)
{
	return kind <= PKT_IP4;
}
static inline bool pkt_kind_is_address(enum pkt_kind kind)
{
	return kind == PKT_MAC || kind == PKT_IP4 || kind == PKT_IP6;
}
/* Does the value `v` of the field it hangs on bring it along? */
bool pkt_field_when(const struct pkt_field *f, uint64_t v);

/* The items of a list one after the other. */
struct pkt_items {
	const uint8_t *ptr;
	size_t len, at;
	enum pkt_layer_id family;
};
/* The next item; at the end false. Bytes that are no item, and what follows an end-of-list, come as
 * one header of PKT_raw. A header is shorter than its length field says only as raw. */
bool pkt_items_next(struct pkt_items *it, struct pkt_header *item);

/* Bytes of the header that starts at p, at most len: those its length field gives, or its fields
 * take. False: *field is the one that is cut or can't be. */
enum pkt_fit { PKT_FITS, PKT_TOO_SHORT, PKT_WRONG };
enum pkt_fit pkt_header_size(const struct pkt_layer *l, struct bytes b, size_t *size,
			     unsigned *field);

/* ---- text ---- */
/* The value as expressions write it: 0x800, 10.0.0.1, "GET", MF+DF. */
void pkt_field_print(const struct pkt_field *f, const uint8_t *p, struct pkt_place place,
		     struct buf *out);
/* "text" where it is nearly all printable, else x"00ff". */
void pkt_bytes_print(struct bytes b, struct buf *out);

/* A word as a value of the field: a number into *number, else bytes appended to *bytes. False with
 * a reason where it is none. `bits` of the result's number are checked by the caller. */
bool pkt_value_parse(const struct pkt_field *f, struct bytes word, uint64_t *number,
		     struct buf *bytes, const char **why);

#endif
