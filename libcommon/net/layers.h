/* layers: from a captured frame to its layer-4 packet.
 *
 * A walk over a table of layers, each of which names the next. Pure: borrows the frame, allocates
 * nothing, never reads past the captured bytes. The length in the IP header bounds the packet, so
 * link-layer padding is cut; what the header claims and the capture lacks is `missing`. */
#ifndef WEIR_LAYERS_H
#define WEIR_LAYERS_H

#include "libcommon/base/bytes.h"

enum {
	LAYERS_MAX = 16,        /* headers below layer 4, VLAN tags included */
	LAYERS_IP6_EXT_MAX = 8, /* IPv6 extension headers */
};

/* What became of a frame: a packet, or why not. */
enum layers_fate {
	LAYERS_PACKET,
	LAYERS_ARP,
	LAYERS_NON_IP, /* another network protocol */
	LAYERS_UNKNOWN_LINK_TYPE,
	LAYERS_TRUNCATED_LINK, /* the capture ends in the link-layer header */
	LAYERS_TRUNCATED_IP,   /* the capture ends in the IP header */
	LAYERS_TRUNCATED_L4,   /* the capture ends in the layer-4 header */
	LAYERS_BAD_IP_HEADER,  /* version, header length or total length can't be */
	LAYERS_BAD_L4_HEADER,  /* the layer-4 header does not fit its packet */
	LAYERS_FRAGMENT,       /* an IP fragment */
	LAYERS_TOO_MANY_LAYERS,
	LAYERS_FATES,
};

/* "packet", "arp", ..: the names that the books use. */
const char *layers_fate_name(enum layers_fate fate);

enum checksum_state {
	CHECKSUM_UNKNOWN, /* not checked: snapped, none sent, not ready, or told not to */
	CHECKSUM_GOOD,
	CHECKSUM_BAD,
};

enum {
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ICMP6 = 58,
	PROTO_SCTP = 132,
};

/* TCP header flags, the low 9 bits. */
enum {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_PSH = 8,
	TCP_ACK = 16,
	TCP_URG = 32,
};

struct layers {
	struct bytes payload; /* layer-4 payload as captured. ICMP: after type, code and checksum;
				 SCTP: after the common header */
	struct bytes tcp_options;       /* as captured */
	const uint8_t *l2_src, *l2_dst; /* six bytes each, or NULL */
	uint32_t missing;               /* payload bytes claimed and not captured */
	uint32_t ip_len;                /* of the IP packet, by its header */
	uint32_t seq, ack;              /* TCP; seq is SCTP's verification tag */
	uint16_t tcp_flags, window, urgent;
	uint16_t src_port, dst_port; /* ICMP: type and code; 0 where the protocol has none */
	uint8_t src[16], dst[16];    /* IPv4: the first four bytes, the rest zero */
	uint8_t ip_version, proto;
	uint8_t checksum; /* enum checksum_state: IP header and layer 4 together */
	uint8_t nvlans;
	uint16_t vlans[LAYERS_MAX]; /* ids, outermost first; priority tags (id 0) left out */
};

enum { LAYERS_NO_CHECKSUM = 1 };

/* Takes a frame of the pcap LINKTYPE_ apart. `l` is filled as far as the walk came; all of it is
 * valid with LAYERS_PACKET. RFC 791, 8200, 9293, 768, 792, 4443, 9260; IEEE 802.1Q. */
enum layers_fate layers_parse(struct layers *l, uint32_t link_type, struct bytes frame,
			      unsigned flags);

#endif
