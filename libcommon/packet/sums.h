/* sums: the checksum of a header in a packet: what it covers, and its right value. */
#ifndef WEIR_PACKET_SUMS_H
#define WEIR_PACKET_SUMS_H

#include "libcommon/packet/dissect.h"

struct pkt_sum_of {
	struct pkt_place place; /* from the start of the packet */
	enum pkt_sum how;
	bool covered;  /* all that it covers is in the packet */
	bool known;    /* there are the addresses that it needs */
	bool optional; /* 0 says that there is none */
};

/* The checksum of the node. False: it has none. */
bool pkt_sum_find(const struct packet *p, unsigned node, struct pkt_sum_of *s);
/* What covers the node's bytes, pseudo header and all, the checksum itself as 0: one's complement
 * sum, folded; for CRC32C the CRC. */
uint32_t pkt_sum_over(const struct packet *p, unsigned node, const struct pkt_sum_of *s);
/* The value that the field should have by pkt_sum_over(). */
uint32_t pkt_sum_value(const struct pkt_sum_of *s, uint32_t over);

#endif
