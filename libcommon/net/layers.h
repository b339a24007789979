/* layers: from a captured frame to its innermost layer-4 packet, through any tunnels.
 *
 * A walk over a table of layers, each of which names the next. Pure: borrows the frame, allocates
 * nothing, never reads past the captured bytes. The length in the IP header bounds the packet, so
 * link-layer padding is cut; what the header claims and the capture lacks is `missing`. Where the
 * capture lacks nothing, such a packet is dropped by whoever receives it, and is no packet here.
 *
 * A tunnel is entered where its whole header was captured and can only be that tunnel's, or, with
 * reserved bits set, where there is an IP packet in it; else the frame is a packet of the outer
 * flow. What a tunnel carries decides the fate from there on. */
#ifndef WEIR_LAYERS_H
#define WEIR_LAYERS_H

#include "libcommon/base/bytes.h"

enum {
	LAYERS_MAX = 16,        /* headers below layer 4, tags, labels and tunnels included */
	LAYERS_TUNNELS_MAX = 8, /* of them with an IP header outside */
	LAYERS_IP6_EXT_MAX = 8, /* IPv6 extension headers of one packet */
	LAYERS_PORTS_MAX = 32,  /* UDP ports of tunnels */
	LAYERS_PORT_WORDS = 16,
};

/* What became of a frame: a packet, or why not. */
enum layers_fate {
	LAYERS_PACKET,
	LAYERS_ARP,
	LAYERS_NON_IP, /* another network protocol */
	LAYERS_UNKNOWN_LINK_TYPE,
	LAYERS_TRUNCATED_LINK,  /* the capture ends in a header below IP */
	LAYERS_TRUNCATED_IP,    /* the capture ends in the IP header */
	LAYERS_TRUNCATED_L4,    /* the capture ends in the layer-4 header */
	LAYERS_BAD_IP_HEADER,   /* version, header length or total length can't be */
	LAYERS_BAD_L4_HEADER,   /* the layer-4 header does not fit its packet */
	LAYERS_FRAGMENT,        /* an IP fragment: `frag` holds it */
	LAYERS_TOO_MANY_LAYERS, /* LAYERS_MAX, LAYERS_TUNNELS_MAX or LAYERS_IP6_EXT_MAX */
	LAYERS_BAD_LINK_HEADER, /* a header below IP that can't be */
	LAYERS_ENCRYPTED_MACSEC,
	LAYERS_ENCRYPTED_WLAN,
	LAYERS_WLAN_MANAGEMENT,
	LAYERS_WLAN_CONTROL,
	LAYERS_WLAN_NO_DATA,  /* a data frame that carries none */
	LAYERS_WLAN_FRAGMENT, /* of IEEE 802.11, below IP */
	LAYERS_WLAN_AMSDU,    /* several frames in one */
	LAYERS_WLAN_BAD_FCS,
	LAYERS_FATES,
};

/* "packet", "arp", ..: the names that the books use. */
const char *layers_fate_name(enum layers_fate fate);

/* What a frame may be wrapped in, a step of its path. */
enum layers_kind {
	LAYERS_VLAN,      /* id: VLAN id. IEEE 802.1Q, 802.1ad and their forerunners */
	LAYERS_MPLS,      /* label. RFC 3032, 4385, 4448 */
	LAYERS_PPPOE,     /* session. RFC 2516 */
	LAYERS_GRE,       /* key. RFC 2784, 2890, 1701; over UDP: RFC 8086 */
	LAYERS_PPTP,      /* call id. RFC 2637 */
	LAYERS_NVGRE,     /* VSID. RFC 7637 */
	LAYERS_ERSPAN,    /* session. Types I, II and III */
	LAYERS_VXLAN,     /* VNI. RFC 7348, with or without the group policy extension */
	LAYERS_VXLAN_GPE, /* VNI. draft-ietf-nvo3-vxlan-gpe */
	LAYERS_GENEVE,    /* VNI. RFC 8926 */
	LAYERS_GTP,       /* TEID. 3GPP TS 29.281, G-PDUs */
	LAYERS_IPIP,      /* no id. 4in4, 4in6, 6in4, 6in6. RFC 2003, 2473, 4213 */
	LAYERS_TEREDO,    /* no id. RFC 4380 */
	LAYERS_L2TP,      /* tunnel << 16 | session. RFC 2661, data messages */
	LAYERS_AYIYA,     /* no id */
	LAYERS_ETHERIP,   /* no id. RFC 3378 */
	LAYERS_MPLS_IP,   /* no id: labels follow. RFC 4023, 7510 */
	LAYERS_VNTAG,     /* destination << 16 | source. IEEE 802.1BR's forerunner */
	LAYERS_MACSEC,    /* SCI, where it is sent. IEEE 802.1AE, in clear */
	LAYERS_NSH,       /* service path. RFC 8300 */
	LAYERS_KINDS,
};

/* "vlan", "mpls", ..; the names that layers_decap_parse() takes. */
const char *layers_kind_name(enum layers_kind kind);

/* One header on the way to the innermost packet. No padding: may be compared as bytes. */
struct layers_step {
	uint64_t id;
	uint8_t src[16], dst[16]; /* of the IP header outside it; zero where ip_version is 0 */
	uint8_t kind;             /* enum layers_kind */
	uint8_t ip_version;       /* 4 or 6; 0: it lies right on the link */
	uint8_t has_id;           /* 0 or 1 */
	uint8_t zero[5];
};

/* What is taken apart. Make one with layers_decap_parse(); NULL is everything, at the ports of
 * the RFCs. VLAN tags are always read. */
struct layers_config {
	uint64_t kinds; /* 1 << enum layers_kind */
	/* A bit for each port that follows, by its low bits: no for nearly all others. */
	uint64_t port_filter[LAYERS_PORT_WORDS];
	unsigned nports;
	struct layers_port {
		uint16_t port;
		uint8_t kind; /* enum layers_kind */
	} ports[LAYERS_PORTS_MAX];
};

/* Takes "auto", "none" or a list of kinds' names ("gre,vxlan"), where a UDP tunnel may have its
 * ports instead of the RFC's ("auto,vxlan=4789,8472,gtp=2152": a number belongs to the name before
 * it). False: *why says what is wrong (static text), and config is undefined. */
bool layers_decap_parse(const char *text, struct layers_config *config, const char **why);

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

/* A piece of an IP packet, as LAYERS_FRAGMENT leaves it. */
struct layers_fragment {
	struct bytes data;   /* as captured, cut at the IP length */
	uint32_t claimed;    /* its length by the headers */
	uint32_t id, offset; /* offset in bytes */
	uint16_t header;     /* bytes before the piece that the whole packet has, too */
	bool more, df;       /* the M(F) flag; IPv4's DF flag */
	bool damaged;        /* the checksum of an IPv4 header on the way is wrong */
	bool unsummed;       /* that of one is 0, as where it is left to the card */
	bool routed;         /* a source route makes the layer-4 checksum unknown */
	uint8_t proto;       /* next header of the fragmentable part */
};

struct layers {
	struct bytes payload; /* layer-4 payload as captured. ICMP: after type, code and checksum;
				 SCTP: after the common header */
	struct bytes tcp_options;       /* as captured */
	const uint8_t *l2_src, *l2_dst; /* six bytes each of the innermost link header, or NULL */
	/* The VLAN ids and tunnels as a hash, the same in both directions of a conversation and in
	 * every process; 0 for none. Of a tunnel count its kind, the unordered pair of outer
	 * addresses, and its id where both directions have the same: GRE key, VSID, VNI, ERSPAN and
	 * PPPoE session. MPLS labels, TEIDs, call ids, L2TP ids, SCIs and service paths are chosen
	 * per direction and are left out. VLANs alone give flow_scope() of their ids. */
	uint64_t scope;
	uint32_t missing;    /* payload bytes claimed and not captured */
	uint32_t ip_len;     /* of the innermost IP packet, by its header */
	uint32_t flow_label; /* of the innermost IP header; IPv4: 0 */
	uint32_t seq, ack;   /* TCP; seq is SCTP's verification tag */
	uint16_t tcp_flags, window, urgent;
	uint16_t src_port, dst_port; /* ICMP: type and code; 0 where the protocol has none */
	uint8_t ip_version, proto;   /* of the innermost IP packet */
	uint8_t ecn;                 /* its two ECN bits. RFC 3168 */
	uint8_t checksum;            /* enum checksum_state: all IP headers and layer 4 together */
	uint8_t nvlans, nsteps;
	uint8_t headers, tunnels;   /* used up of LAYERS_MAX and LAYERS_TUNNELS_MAX */
	uint8_t src[16], dst[16];   /* IPv4: the first four bytes, the rest zero */
	uint16_t vlans[LAYERS_MAX]; /* ids, outermost first; priority tags (id 0) left out */
	struct layers_fragment frag;
	struct layers_step steps[LAYERS_MAX]; /* nsteps of them, outermost first */
};

enum {
	LAYERS_NO_CHECKSUM = 1,
	LAYERS_WHOLE = 2, /* all of the frame was captured: an IP length beyond it is a lie */
	LAYERS_SMALL = 4, /* no card segments the frame: an IP length of 0 says just that */
};

/* WHOLE and SMALL as they hold for a frame of which `captured` bytes are here. A card segments what
 * is longer than an Ethernet frame. */
static inline unsigned layers_flags_of(size_t captured, uint32_t wire_len)
{
	return (captured == wire_len ? LAYERS_WHOLE : 0u) | (wire_len <= 1514 ? LAYERS_SMALL : 0u);
}

/* Enters no tunnel and reads VLAN tags only. */
extern const struct layers_config layers_none;

/* Takes a frame of the pcap LINKTYPE_ apart. `l` is filled as far as the walk came; all of it but
 * `frag` is valid with LAYERS_PACKET; with LAYERS_FRAGMENT `frag`, the addresses and the path are.
 * RFC 791, 8200, 9293, 768, 792, 4443, 9260; IEEE 802.1Q. */
enum layers_fate layers_walk(struct layers *l, uint32_t link_type, struct bytes frame,
			     const struct layers_config *config, unsigned flags);

/* Goes on behind LAYERS_FRAGMENT with the payload of the whole packet. l is as the walk of any of
 * its fragments left it, but for l->frag.proto, which is the first fragment's where they differ.
 * The depth used up so far counts, and this one, so that fragments in tunnels in fragments come to
 * an end. */
enum layers_fate layers_resume(struct layers *l, struct bytes whole,
			       const struct layers_config *config, unsigned flags);

#endif
