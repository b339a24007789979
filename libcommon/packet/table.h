/* table: the layers and fields of proto/layers.def as data, and finding one by its name.
 *
 * A header is a layer's bytes: a layer of the stack (eth, ip, tcp) or an item of a list (a TCP
 * option, an SCTP chunk, a DNS record). Everything that takes packets apart or makes them walks
 * this table. */
#ifndef WEIR_PACKET_TABLE_H
#define WEIR_PACKET_TABLE_H

#include "libcommon/base/bytes.h"

enum pkt_layer_id {
#define PKT_LAYER(id, kind, also, title, ...) PKT_##id,
#include "libcommon/packet/expand.h"
	PKT_LAYERS,
	PKT_NONE = PKT_LAYERS, /* no layer */
};

/* Fields of a layer: PKT_ip_ttl is 7. */
#define PKT_LAYER(id, kind, also, title, ...)                                                      \
	enum pkt_##id##_field                                                                      \
	{
#define PKT_FIELD(l, id, bits, kind, ...) PKT_##l##_##id,
#define PKT_VFIELD(l, id, bits, kind, ...) PKT_##l##_##id,
#define PKT_END(l)                                                                                 \
	PKT_##l##_FIELDS                                                                           \
	}                                                                                          \
	;
#include "libcommon/packet/expand.h"

enum { PKT_MOVES = 1 << 15, PKT_NO_FIELD = 255 };

/* Their bit offsets: PKT_ip_ttl_AT is 64. From the first field on whose place depends on the
 * packet, the offset is above PKT_MOVES. */
#define PKT_LAYER(id, kind, also, title, ...)                                                      \
	enum pkt_##id##_at                                                                         \
	{
#define PKT_FIELD(l, id, bits, kind, ...)                                                          \
	PKT_##l##_##id##_AT, PKT_##l##_##id##_LAST = PKT_##l##_##id##_AT + (bits)-1,
#define PKT_VFIELD(l, id, bits, kind, ...)                                                         \
	PKT_##l##_##id##_AT, PKT_##l##_##id##_LAST = PKT_##l##_##id##_AT + PKT_MOVES - 1,
#define PKT_END(l)                                                                                 \
	PKT_##l##_BITS                                                                             \
	}                                                                                          \
	;
#include "libcommon/packet/expand.h"

enum pkt_kind { /* what a field holds */
		PKT_UINT,
		PKT_HEX,
		PKT_ENUM,    /* a number some of whose values have names */
		PKT_FLAGS,   /* bits that have names: MF+DF */
		PKT_LETTERS, /* bits that have a letter each: SA */
		PKT_PORT,
		PKT_TIME, /* ns since the epoch */
		PKT_MAC,
		PKT_IP4,
		PKT_IP6,
		PKT_BYTES,
		PKT_NAME,  /* a domain name: labels, a pointer */
		PKT_ITEMS, /* headers of a family, one after the other */
};

enum pkt_when { PKT_ALWAYS, PKT_WHEN_IN, PKT_WHEN_NOT_IN, PKT_WHEN_BITS };

enum pkt_size {
	PKT_SIZE_BITS,  /* `bits` */
	PKT_SIZE_REST,  /* up to the header's end; a NAME: up to its own */
	PKT_SIZE_FIELD, /* as many bytes as another field says */
	PKT_SIZE_COUNT, /* as many items as another field says */
	PKT_SIZE_META,  /* not in the frame's bytes */
};

enum pkt_auto { /* what a field gets that was not given */
		PKT_AUTO_NONE,
		PKT_AUTO_LENGTH,  /* as the layer's length rules need it */
		PKT_AUTO_NEXT,    /* the value that announces the next layer */
		PKT_AUTO_SUM,     /* a checksum */
		PKT_AUTO_COUNT,   /* how many items a list has */
		PKT_AUTO_PRESENT, /* 1 where another field was given */
		PKT_AUTO_BOTTOM,  /* 1 unless the same layer follows */
};

enum pkt_sum {
	PKT_SUM_HEADER, /* over the header. RFC 791 */
	PKT_SUM_PLAIN,  /* and what is in it */
	PKT_SUM_PSEUDO, /* and the addresses, protocol and length. RFC 768, 9293, 8200 */
	PKT_SUM_CRC32C, /* RFC 9260 */
};

struct pkt_field {
	const char *id, *as; /* its name is `as`, where that is no NULL: see pkt_field_name() */
	const char *also;    /* other names, with spaces between */
	const char *names;   /* of values: "echo=8 reply=0"; LETTERS: "FSRPAUECN", lowest first */
	uint64_t value;      /* default */
	uint64_t when_set;   /* WHEN_IN: bit i is value when_base + i; WHEN_BITS: any of them */
	uint32_t at;         /* bit offset; above PKT_MOVES: depends on the packet */
	uint16_t bits;
	uint8_t kind, when, size, autos; /* the enums above */
	uint8_t when_field, when_base;
	uint8_t size_field, size_unit;
	uint8_t auto_arg; /* enum pkt_sum, or a field */
	uint8_t family;   /* ITEMS: the layer of an item that no BIND tells */
	bool must;        /* another value than the default is no such header */
	bool fits;        /* absent where the header has no room for it */
};

/* A length that a field gives: value * unit + bias bytes. */
struct pkt_length {
	uint8_t field, unit, bias;
	bool given, after; /* counted from the field's end on */
};

/* SAME: by its field as another layer (`value`) is by its own. */
enum pkt_bind_how { PKT_BIND_END, PKT_BIND_VALUE, PKT_BIND_NIBBLE, PKT_BIND_ALWAYS, PKT_BIND_SAME };

struct pkt_bind {
	uint64_t value;
	uint8_t field, how, upper;
};

struct pkt_layer {
	const char *id, *also, *title;
	const struct pkt_field *fields;
	const struct pkt_bind *binds; /* up to one of BIND_END */
	uint8_t nfields;
	bool item;
	uint8_t opaque; /* a field that is not 0 where what follows can't be told, or NO_FIELD */
	uint8_t align;  /* zeros behind an item up to a multiple of it */
	uint8_t padn;   /* the header is filled up with PadN, not zeros */
	uint16_t min;   /* bytes of the fields that are always there */
	struct pkt_length header; /* bytes of the header; not given: those of its fields */
	struct pkt_length span;   /* of header and payload; not given: as much as there is */
};

extern const struct pkt_layer pkt_layers[PKT_LAYERS];

static inline const char *pkt_field_name(const struct pkt_field *f)
{
	return f->as ? f->as : f->id;
}

/* The layer of that name or alias, without regard to case, or PKT_NONE. `family`: also the short
 * names of its items; PKT_NONE: layers and items by their unique names. */
enum pkt_layer_id pkt_layer_find(struct bytes name, enum pkt_layer_id family);
/* The first field of that name or alias from `from` on, or PKT_NO_FIELD. */
unsigned pkt_field_find(const struct pkt_layer *l, struct bytes name, unsigned from);
/* The nearest name, for a message, or NULL. */
const char *pkt_layer_nearest(struct bytes name);
const char *pkt_field_nearest(const struct pkt_layer *l, struct bytes name);

/* The family that an item belongs to; an item of no BIND is its own. PKT_NONE: no item. */
enum pkt_layer_id pkt_family(enum pkt_layer_id item);
/* The binding of an item in its family, or NULL. */
const struct pkt_bind *pkt_item_bind(enum pkt_layer_id item);
/* The layer that a frame of the link type starts with, or PKT_raw. */
enum pkt_layer_id pkt_link_layer(uint32_t link_type, struct bytes frame);
/* The link type of frames that start so; UINT32_MAX: none. */
uint32_t pkt_layer_link(enum pkt_layer_id first);

/* A value's name, or NULL; the value of a name (false: there is none). */
const char *pkt_value_name(const struct pkt_field *f, uint64_t value, size_t *len);
bool pkt_value_named(const struct pkt_field *f, struct bytes name, uint64_t *value);

/* The value by which the field announces the layer `next`; false: it announces it not. */
bool pkt_value_announces(const struct pkt_layer *l, unsigned field, unsigned next, uint64_t *v);

#endif
