/* print: a packet as the expression that builds the same bytes again. */
#ifndef WEIR_PACKET_PRINT_H
#define WEIR_PACKET_PRINT_H

#include "libcommon/packet/build.h"

struct pkt_meta { /* what is said of the frame beside its bytes */
	uint64_t time;
	uint32_t wire_len;
	bool with_time;
};

/* Its memory is kept from packet to packet. A zeroed struct is a valid empty one. */
struct pkt_printer {
	struct pkt_model model;
	uint8_t *built; /* PKT_BUILD_MAX bytes */
	/* Over all packets so far: bytes of headers, and those of them that came out as bytes, as
	 * they are such that no fields give them. */
	uint64_t header_bytes, unnamed_bytes;
};

void pkt_printer_release(struct pkt_printer *pp);

/* Appends the expression. What its fields can't rebuild stands as bytes, so building it always
 * gives p->data; frame(..) is in front where the link type, the length or the time needs it. */
void pkt_print(struct pkt_printer *pp, const struct packet *p, const struct pkt_meta *meta,
	       struct buf *out);
/* Makes pp->model the shortest that builds p->data again: what comes by itself is not given. False:
 * its fields can't. */
bool pkt_shorten(struct pkt_printer *pp, const struct packet *p);
/* One header, without what it gets by itself. */
void pkt_print_head(const struct pkt_model *m, uint16_t head, struct buf *out);
/* All that a packet says, each field given. */
void pkt_model_of(struct pkt_model *m, const struct packet *p);

#endif
