/* edit_private: what reading edits and applying them share. */
#ifndef WEIR_PACKET_EDIT_PRIVATE_H
#define WEIR_PACKET_EDIT_PRIVATE_H

#include "libcommon/base/digest_aes.h"
#include "libcommon/packet/edit.h"

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
};

struct pkt_statement {
	struct pkt_path path, other;
	uint64_t number;
	uint8_t verb;
	bool all, before, anywhere; /* PUSH: without after or before: at the bottom */
	unsigned prefix;            /* MAP: bits of `from` */
	struct buf from, to;        /* bytes: the value; MAP, REPLACE */
	struct pkt_model layer;     /* PUSH, APPEND */
	struct anon *anon;
};

struct pkt_edit {
	struct pkt_statement statement[PKT_STATEMENTS];
	unsigned n;
	enum pkt_sums sums;
	struct pkt_printer printer;
	struct buf bytes, spare;
};

#endif
