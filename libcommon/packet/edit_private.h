/* edit_private: what reading edits and applying them share. */
#ifndef WEIR_PACKET_EDIT_PRIVATE_H
#define WEIR_PACKET_EDIT_PRIVATE_H

#include "libcommon/base/digest_aes.h"
#include "libcommon/packet/edit.h"
#include "libcommon/packet/sums.h"
#include "libcommon/packet/value.h"

enum { PKT_STATEMENTS = 64 };

enum pkt_verb {
	PKT_ASSIGN,
	PKT_ADD,
	PKT_SUBTRACT,
	PKT_MAP,
	PKT_ANON,
	PKT_APPEND,
	PKT_SWAP,
	PKT_POP,
	PKT_PUSH,
	PKT_REPLACE,
	PKT_SPELL, /* a name without its pointer, which another statement is in need of */
};

struct pkt_statement {
	struct bytes text; /* in pkt_edit.text */
	struct pkt_path path, other;
	uint8_t verb, kind;         /* MAP: of the fields whose addresses are mapped */
	bool all, before, anywhere; /* PUSH: without after or before: at the bottom */
	unsigned prefix;            /* MAP: bits of `from` */
	uint32_t value, values;     /* ASSIGN, ADD, SUBTRACT: of pkt_edit.values, one a field */
	struct buf from, to;        /* MAP, REPLACE */
	struct pkt_model layer;     /* PUSH, APPEND */
	struct anon *anon;
};

/* Bytes of a message from start to end that became others, so that what follows moved. */
struct pkt_move {
	size_t start, end, by;
	bool same;             /* a name that reads as before */
	struct bytes was, now; /* where they were, or are, a name */
	uint16_t head;         /* what is new points to where it is to point already */
	unsigned field;
};

struct pkt_edit {
	struct pkt_statement statement[PKT_STATEMENTS];
	unsigned n, refused; /* the statement at hand */
	enum pkt_sums sums;
	struct buf text;
	struct pkt_values values;
	struct pkt_printer printer;
	struct pkt_move
		in_way;     /* what PKT_REFUSED_NAMES was said for; valid until the next rebuild */
	unsigned in_way_of; /* the node */
	struct buf bytes, spare; /* the frame, and as it was before the statement at hand */
};

/* ---- edit_sums ---- */

uint32_t pkt_sum_stored(const struct packet *p, const struct pkt_sum_of *s);
/* What the sum of a node becomes where `before` became `after`. False: it can't follow. */
bool pkt_sum_next(enum pkt_sums mode, const struct pkt_sum_of *s, uint32_t was, uint32_t before,
		  uint32_t after, uint32_t *now);
/* Bytes at `changed` of e->bytes became others than e->spare has: the sums over them, from the
 * innermost outwards. */
enum pkt_edited pkt_sums_follow(struct pkt_edit *e, const struct packet *p,
				struct pkt_place changed);

/* ---- edit_model ---- */

/* Is what follows the first `upto` headers in several fragments? */
bool pkt_edit_fragment(const struct packet *p, unsigned upto);
/* A statement that moves bytes, at that spot of p; SWAP: with the node `other`. */
enum pkt_edited pkt_edit_rebuild(struct pkt_edit *e, const struct pkt_statement *s,
				 const struct packet *p, const struct pkt_spot *at, unsigned other,
				 struct bytes value);
/* Behind PKT_REFUSED_NAMES: writes one of the names that are in the way without its pointer. */
enum pkt_edited pkt_edit_spell_out(struct pkt_edit *e, const struct packet *p);
/* Do all other names of the message still point to what they did with this name, of the same
 * length, in place? */
bool pkt_edit_name_in_place(struct pkt_edit *e, const struct pkt_statement *s,
			    const struct packet *p, const struct pkt_spot *at, struct bytes name);

#endif
