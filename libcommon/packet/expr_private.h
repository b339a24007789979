/* expr_private: what reading an expression and going through its values share. */
#ifndef WEIR_PACKET_EXPR_PRIVATE_H
#define WEIR_PACKET_EXPR_PRIVATE_H

#include "libcommon/packet/expr.h"

enum pkt_gen_kind { PKT_GEN_RANGE, PKT_GEN_SET, PKT_GEN_RAND, PKT_GEN_INC };

struct pkt_alternative {
	uint64_t number;
	uint32_t at, len; /* bytes in the model, where how is SET_BYTES */
	uint8_t how;
};

struct pkt_gen {
	uint64_t first, step, count, at; /* at: how many were given */
	size_t set;                      /* index in the model */
	size_t alternatives;             /* index of the first */
	uint64_t mask;                   /* RAND: of the field's width */
	uint8_t kind;
	bool wide; /* IPv6: the low 64 bits vary */
};

#endif
