/* dissect: a frame as a stack of headers. Pure, bounded, borrows the frame; allocates nothing.
 *
 * What a header promises and the frame lacks is a fault of the packet, with the layer and the
 * field: the layers before it are there all the same, and what can't be told apart is a layer
 * "raw". */
#ifndef WEIR_PACKET_DISSECT_H
#define WEIR_PACKET_DISSECT_H

#include "libcommon/packet/field.h"

enum { PKT_NODES = 32 };

struct pkt_node {
	uint32_t at, len; /* the header's bytes in the frame */
	uint32_t end;     /* where what belongs to it ends */
	uint8_t layer;
	bool snapped; /* its length field gives more than there is */
};

/* In the order in which they are told: the first class that a packet has. */
enum pkt_fault_class {
	PKT_SOUND,
	PKT_INSUFFICIENT_BYTES, /* the bytes end before the header or its payload does */
	PKT_INVALID_VALUE,      /* a value that can't be */
	PKT_EXCESS_BYTES,       /* bytes behind the length that a header gives */
};

struct pkt_fault {
	uint8_t class; /* enum pkt_fault_class */
	uint8_t layer, field;
	uint32_t excess; /* EXCESS_BYTES: how many */
};

struct packet {
	struct bytes data;
	uint32_t link_type;
	unsigned n;
	struct pkt_node node[PKT_NODES];
	struct pkt_fault fault;
};

void pkt_dissect(struct packet *p, uint32_t link_type, struct bytes frame);
/* The same for bytes that start with that layer. */
void pkt_dissect_from(struct packet *p, enum pkt_layer_id first, struct bytes bytes);

/* "insufficient bytes", .. */
const char *pkt_fault_name(enum pkt_fault_class c);

/* The nth node of a layer, from 0; -1 is the last. -1: there is none. */
int pkt_find(const struct packet *p, enum pkt_layer_id layer, int nth);

static inline struct pkt_header pkt_header_of(const struct packet *p, unsigned node)
{
	const struct pkt_node *n = &p->node[node];

	return (struct pkt_header){ &pkt_layers[n->layer], p->data.ptr + n->at, n->len };
}

/* The field of a node, as pkt_field_place(), its offset from the start of the frame. */
enum pkt_found pkt_place_of(const struct packet *p, unsigned node, unsigned field,
			    struct pkt_place *place);

/* The layer that the header announces for `payload`, as make and take apart agree on. PKT_raw: none
 * that is known. */
enum pkt_layer_id pkt_next_layer(const struct pkt_header *h, struct bytes payload);

#endif
