/* layers_private: what the parts of the walk share. */
#ifndef WEIR_LAYERS_PRIVATE_H
#define WEIR_LAYERS_PRIVATE_H

#include "libcommon/base/bytes.h"
#include "libcommon/net/layers.h"

/* A layer's function reads its header and names the next layer, or says how the walk ended. */
enum layer {
	LAYER_ETHERNET,
	LAYER_VLAN,
	LAYER_LLC,
	LAYER_NULL,
	LAYER_SLL,
	LAYER_SLL2,
	LAYER_PPP,
	LAYER_CHDLC,
	LAYER_FDDI,
	LAYER_NFLOG,
	LAYER_MPLS,
	LAYER_PPPOE,
	LAYER_VNTAG,
	LAYER_MACSEC,
	LAYER_NSH,
	LAYER_WLAN,
	LAYER_RADIOTAP,
	LAYER_PRISM,
	LAYER_AVS,
	LAYER_IPV4,
	LAYER_IPV6,
	/* These are no headers, or are counted elsewhere. */
	LAYER_ETHERTYPE, /* walk.type says what follows */
	LAYER_IP,        /* either version, by the first four bits */
	LAYER_L4,
	LAYER_COUNT,
	LAYER_NO_TUNNEL, /* of a tunnel's function: it is none, the outer packet stands */
	LAYER_ENDS,      /* fates are counted from here */
};

struct walk {
	struct cursor c;
	struct layers *l;
	const struct layers_config *config;
	uint32_t claimed; /* bytes of the IP payload by its header, from where c stands */
	uint32_t pseudo;  /* folded sum of the addresses */
	uint16_t type;    /* ethertype */
	bool verify;      /* checksums */
	bool whole;       /* nothing was cut off before or at the capture */
	bool small;       /* no card segments it */
	bool dst_differs; /* a source route: the pseudo header has an address not known here */
	bool bad_sum;     /* a checksum seen so far is wrong */
	bool bad_ip_sum;  /* and it is an IPv4 header's, that.. */
	bool no_ip_sum;   /* ..tells one; and one that tells 0, as where a card is to make it */
	bool wlan_pad;    /* the 802.11 header is padded to a multiple of 4 */
};

static inline enum layer layer_end(enum layers_fate fate)
{
	return (enum layer)(LAYER_ENDS + fate);
}

static inline bool layers_kind_on(const struct walk *w, enum layers_kind kind)
{
	return w->config->kinds >> kind & 1;
}

/* Cuts what follows the next `len` bytes off the captured ones. */
static inline void walk_cut(struct walk *w, uint32_t len)
{
	if (cursor_left(&w->c) > len)
		w->c.end = w->c.pos + len;
}

/* Adds a step that lies right on the link. Each has its header, so there is room. */
void walk_step(struct walk *w, enum layers_kind kind, bool has_id, uint64_t id);

enum layer layer_ethernet(struct walk *w);
enum layer layer_vlan(struct walk *w);
enum layer layer_llc(struct walk *w);
enum layer layer_null(struct walk *w);
enum layer layer_sll(struct walk *w);
enum layer layer_sll2(struct walk *w);
enum layer layer_ppp(struct walk *w);
enum layer layer_chdlc(struct walk *w);
enum layer layer_fddi(struct walk *w);
enum layer layer_nflog(struct walk *w);
enum layer layer_mpls(struct walk *w);
enum layer layer_pppoe(struct walk *w);
enum layer layer_vntag(struct walk *w);
enum layer layer_macsec(struct walk *w);
enum layer layer_nsh(struct walk *w);
enum layer layer_wlan(struct walk *w);
enum layer layer_radiotap(struct walk *w);
enum layer layer_prism(struct walk *w);
enum layer layer_avs(struct walk *w);
enum layer layer_ipv4(struct walk *w);
enum layer layer_ipv6(struct walk *w);
enum layer layer_ethertype(struct walk *w);
enum layer layer_ip(struct walk *w);
enum layer layer_l4(struct walk *w);

/* What follows an ethertype; LAYER_NO_TUNNEL where that is not known, or is not to be read. */
enum layer ethertype_layer(const struct walk *w, uint16_t type);

/* IPv6 from a next header on; IPv4 and IPv6 after reassembly. */
enum layer layers_resume_ip(struct walk *w, struct bytes whole);

/* The tunnel in an IP protocol, or in a UDP payload of `len` bytes by its header; c stands at it.
 * LAYER_NO_TUNNEL leaves c where it was. */
enum layer layers_ip_tunnel(struct walk *w);
enum layer layers_udp_tunnel(struct walk *w, uint32_t len);

/* Is there a tunnel at one of these ports, perhaps? */
static inline bool layers_udp_candidate(const struct walk *w, uint16_t a, uint16_t b)
{
	const uint64_t *f = w->config->port_filter;

	return (f[a >> 6 & (LAYERS_PORT_WORDS - 1)] >> (a & 63) |
		f[b >> 6 & (LAYERS_PORT_WORDS - 1)] >> (b & 63)) &
	       1;
}

extern const struct layers_config layers_auto;

#endif
