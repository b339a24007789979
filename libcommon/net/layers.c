/* layers: from a captured frame to its layer-4 packet. */
#include "libcommon/net/layers.h"

#include "libcommon/net/checksum.h"

/* A layer's function reads its header and names the next layer, or says how the walk ended. */
enum layer {
	LAYER_ETHERNET,
	LAYER_ETHERTYPE, /* walk.type says what follows */
	LAYER_VLAN,
	LAYER_LLC,
	LAYER_NULL,
	LAYER_IP, /* either version, by the first four bits */
	LAYER_IPV4,
	LAYER_IPV6,
	LAYER_SLL,
	LAYER_SLL2,
	LAYER_PPP,
	LAYER_CHDLC,
	LAYER_L4,
	LAYER_COUNT,
	LAYER_ENDS, /* fates are counted from here */
};

struct walk {
	struct cursor c;
	struct layers *l;
	uint32_t claimed; /* bytes of the IP payload by its header, from where c stands */
	uint32_t pseudo;  /* folded sum of the addresses */
	uint16_t type;    /* ethertype */
	bool verify;      /* checksums */
	bool dst_differs; /* a source route: the pseudo header has another destination */
};

static enum layer end(enum layers_fate fate)
{
	return LAYER_ENDS + fate;
}

static enum layer layer_ethernet(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 14);

	if (!h)
		return end(LAYERS_TRUNCATED_LINK);
	w->l->l2_dst = h;
	w->l->l2_src = h + 6;
	w->type = be16_get(h + 12);
	return w->type <= 1500 ? LAYER_LLC : LAYER_ETHERTYPE;
}

static enum layer layer_ethertype(struct walk *w)
{
	static const struct {
		uint16_t type;
		enum layer next;
	} table[] = {
		{ 0x0800, LAYER_IPV4 }, { 0x86dd, LAYER_IPV6 }, { 0x8100, LAYER_VLAN },
		{ 0x88a8, LAYER_VLAN }, { 0x9100, LAYER_VLAN },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].type == w->type)
			return table[i].next;
	}
	return end(w->type == 0x0806 || w->type == 0x8035 ? LAYERS_ARP : LAYERS_NON_IP);
}

static enum layer layer_vlan(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 4);
	uint16_t id;

	if (!h)
		return end(LAYERS_TRUNCATED_LINK);
	id = be16_get(h) & 0xfff;
	if (id)
		w->l->vlans[w->l->nvlans++] = id;
	w->type = be16_get(h + 2);
	return w->type <= 1500 ? LAYER_LLC : LAYER_ETHERTYPE;
}

/* IEEE 802.2: only SNAP with an ethertype (RFC 1042) and the old IP SAP carry IP. */
static enum layer layer_llc(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 3);

	if (!h)
		return end(LAYERS_TRUNCATED_LINK);
	if (h[0] == 0x06 && h[1] == 0x06 && h[2] == 0x03)
		return LAYER_IPV4;
	if (h[0] != 0xaa || h[1] != 0xaa || h[2] != 0x03)
		return end(LAYERS_NON_IP);
	h = cursor_take(&w->c, 5);
	if (!h)
		return end(LAYERS_TRUNCATED_LINK);
	if (h[0] || h[1] || h[2])
		return end(LAYERS_NON_IP);
	w->type = be16_get(h + 3);
	return LAYER_ETHERTYPE;
}

/* The address family in the byte order of the host that captured: 2 is IPv4 everywhere, IPv6 has
 * four numbers. */
static enum layer layer_null(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 4);
	uint32_t family;

	if (!h)
		return end(LAYERS_TRUNCATED_LINK);
	family = be32_get(h);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	switch (family) {
	case 2:
		return LAYER_IPV4;
	case 10:
	case 24:
	case 28:
	case 30:
		return LAYER_IPV6;
	default:
		return end(LAYERS_NON_IP);
	}
}

static enum layer layer_sll(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 16);

	if (!h)
		return end(LAYERS_TRUNCATED_LINK);
	if (be16_get(h + 4) == 6)
		w->l->l2_src = h + 6;
	w->type = be16_get(h + 14);
	return w->type == 4 ? LAYER_LLC : LAYER_ETHERTYPE;
}

static enum layer layer_sll2(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 20);

	if (!h)
		return end(LAYERS_TRUNCATED_LINK);
	if (h[11] == 6)
		w->l->l2_src = h + 12;
	w->type = be16_get(h);
	return w->type == 4 ? LAYER_LLC : LAYER_ETHERTYPE;
}

/* RFC 1661, 1662: address and control may be left out, the protocol may be one byte. */
static enum layer layer_ppp(struct walk *w)
{
	uint16_t protocol;

	if (cursor_left(&w->c) && w->c.pos[0] == 0xff) /* no protocol starts like this */
		cursor_skip(&w->c, 2);
	protocol = cursor_u8(&w->c);
	if (!(protocol & 1))
		protocol = (uint16_t)(protocol << 8 | cursor_u8(&w->c));
	if (w->c.failed)
		return end(LAYERS_TRUNCATED_LINK);
	if (protocol == 0x21)
		return LAYER_IPV4;
	return protocol == 0x57 ? LAYER_IPV6 : end(LAYERS_NON_IP);
}

static enum layer layer_chdlc(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 4);

	if (!h)
		return end(LAYERS_TRUNCATED_LINK);
	w->type = be16_get(h + 2);
	return LAYER_ETHERTYPE;
}

static enum layer layer_ip(struct walk *w)
{
	if (!cursor_left(&w->c))
		return end(LAYERS_TRUNCATED_IP);
	switch (w->c.pos[0] >> 4) {
	case 4:
		return LAYER_IPV4;
	case 6:
		return LAYER_IPV6;
	default:
		return end(LAYERS_BAD_IP_HEADER);
	}
}

/* Is there a source route that has not been used up? */
static bool ipv4_has_route(struct bytes options)
{
	struct cursor c = cursor_of(options);

	while (cursor_left(&c) >= 3) {
		uint8_t kind = cursor_u8(&c), len;

		if (kind == 0)
			return false;
		if (kind == 1)
			continue;
		len = cursor_u8(&c);
		if ((kind == 131 || kind == 137) && *c.pos <= len)
			return true;
		if (len < 2 || !cursor_skip(&c, len - 2u))
			return false;
	}
	return false;
}

/* Cuts what follows the packet (padding, trailers) off the captured bytes. */
static void cut_at(struct walk *w, const uint8_t *start, uint32_t len)
{
	if ((size_t)(w->c.end - start) > len)
		w->c.end = start + len;
}

static enum layer layer_ipv4(struct walk *w)
{
	const uint8_t *h = w->c.pos;
	struct layers *l = w->l;
	uint32_t header, total;

	if (cursor_left(&w->c) < 20)
		return end(LAYERS_TRUNCATED_IP);
	header = (h[0] & 15) * 4u;
	total = be16_get(h + 2);
	if (h[0] >> 4 != 4 || header < 20 || (total && total < header))
		return end(LAYERS_BAD_IP_HEADER);
	if (cursor_left(&w->c) < header)
		return end(LAYERS_TRUNCATED_IP);
	l->ip_version = 4;
	memcpy(l->src, h + 12, 4);
	memcpy(l->dst, h + 16, 4);
	memset(l->src + 4, 0, 12);
	memset(l->dst + 4, 0, 12);
	l->proto = h[9];
	if (!total) { /* left to the card that segments: the capture is the packet */
		total = (uint32_t)cursor_left(&w->c);
		w->verify = false;
	}
	l->ip_len = total;
	cut_at(w, h, total);
	if (w->verify && checksum_fold(checksum_add(0, BYTES(h, header))) != 0xffff)
		l->checksum = CHECKSUM_BAD;
	w->pseudo = checksum_fold(checksum_add(0, BYTES(h + 12, 8)));
	if (header > 20)
		w->dst_differs = ipv4_has_route(BYTES(h + 20, header - 20));
	cursor_skip(&w->c, header);
	w->claimed = total - header;
	if (be16_get(h + 6) & 0x3fff)
		return end(LAYERS_FRAGMENT);
	return LAYER_L4;
}

/* Walks the extension headers to the layer-4 header. RFC 8200 section 4, RFC 4302. */
static enum layer ipv6_extensions(struct walk *w, uint8_t next)
{
	for (unsigned n = 0;; n++) {
		const uint8_t *h = w->c.pos;
		uint32_t len = 8;

		switch (next) {
		case 0:   /* hop-by-hop options */
		case 43:  /* routing */
		case 60:  /* destination options */
		case 135: /* mobility */
		case 139: /* host identity */
		case 140: /* shim6 */
		case 44:  /* fragment */
		case 51:  /* authentication */
			break;
		default:
			w->l->proto = next;
			return LAYER_L4;
		}
		if (n == LAYERS_IP6_EXT_MAX)
			return end(LAYERS_TOO_MANY_LAYERS);
		if (w->claimed < 8)
			return end(LAYERS_BAD_IP_HEADER);
		if (cursor_left(&w->c) < 8)
			return end(LAYERS_TRUNCATED_IP);
		if (next == 44) {
			w->l->proto = h[0];
			if (be16_get(h + 2) & 0xfff9) /* RFC 6946: an atomic one is whole */
				return end(LAYERS_FRAGMENT);
		} else {
			len = next == 51 ? (h[1] + 2u) * 4 : (h[1] + 1u) * 8;
		}
		if (next == 43 && h[3])
			w->dst_differs = true;
		if (len > w->claimed)
			return end(LAYERS_BAD_IP_HEADER);
		next = h[0];
		if (!cursor_skip(&w->c, len))
			return end(LAYERS_TRUNCATED_IP);
		w->claimed -= len;
	}
}

static enum layer layer_ipv6(struct walk *w)
{
	const uint8_t *h = w->c.pos;
	struct layers *l = w->l;
	uint32_t len;

	if (cursor_left(&w->c) < 40)
		return end(LAYERS_TRUNCATED_IP);
	if (h[0] >> 4 != 6)
		return end(LAYERS_BAD_IP_HEADER);
	len = be16_get(h + 4);
	if (!len && h[6] != 59) { /* a jumbogram, or left to the card that segments */
		len = (uint32_t)cursor_left(&w->c) - 40;
		w->verify = false;
	}
	l->ip_version = 6;
	memcpy(l->src, h + 8, 16);
	memcpy(l->dst, h + 24, 16);
	l->ip_len = len + 40;
	cut_at(w, h, l->ip_len);
	w->pseudo = checksum_fold(checksum_add(0, BYTES(h + 8, 32)));
	cursor_skip(&w->c, 40);
	w->claimed = len;
	return ipv6_extensions(w, h[6]);
}

/* Checks the sum over the whole layer-4 packet of `len` bytes, where all of it was captured. */
static void verify_l4(struct walk *w, const uint8_t *at, uint32_t len, bool pseudo)
{
	uint64_t sum = 0;

	if (!w->verify || w->dst_differs || (size_t)(w->c.end - at) < len)
		return;
	if (pseudo)
		sum = w->pseudo + (uint64_t)__builtin_bswap16(w->l->proto) + __builtin_bswap32(len);
	if (checksum_fold(checksum_add(sum, BYTES(at, len))) != 0xffff)
		w->l->checksum = CHECKSUM_BAD;
	else if (w->l->checksum == CHECKSUM_UNKNOWN)
		w->l->checksum = CHECKSUM_GOOD;
}

/* The payload: what is left of `claimed` bytes at the cursor. */
static enum layer take_payload(struct walk *w, uint32_t claimed)
{
	size_t captured = cursor_left(&w->c);

	if (captured > claimed)
		captured = claimed;
	w->l->payload = BYTES(w->c.pos, captured);
	w->l->missing = claimed - (uint32_t)captured;
	return end(LAYERS_PACKET);
}

static enum layer l4_tcp(struct walk *w)
{
	const uint8_t *h = w->c.pos;
	struct layers *l = w->l;
	uint32_t header, options;

	if (w->claimed < 20)
		return end(LAYERS_BAD_L4_HEADER);
	if (cursor_left(&w->c) < 20)
		return end(LAYERS_TRUNCATED_L4);
	header = (h[12] >> 4) * 4u;
	if (header < 20 || header > w->claimed)
		return end(LAYERS_BAD_L4_HEADER);
	l->src_port = be16_get(h);
	l->dst_port = be16_get(h + 2);
	l->seq = be32_get(h + 4);
	l->ack = be32_get(h + 8);
	l->tcp_flags = be16_get(h + 12) & 0x1ff;
	l->window = be16_get(h + 14);
	l->urgent = be16_get(h + 18);
	verify_l4(w, h, w->claimed, true);
	cursor_skip(&w->c, 20);
	options = header - 20;
	if (options > cursor_left(&w->c))
		options = (uint32_t)cursor_left(&w->c);
	l->tcp_options = cursor_bytes(&w->c, options);
	return take_payload(w, w->claimed - header);
}

static enum layer l4_udp(struct walk *w)
{
	const uint8_t *h = w->c.pos;
	struct layers *l = w->l;
	uint32_t len;

	if (w->claimed < 8)
		return end(LAYERS_BAD_L4_HEADER);
	if (cursor_left(&w->c) < 8)
		return end(LAYERS_TRUNCATED_L4);
	len = be16_get(h + 4);
	if (!len) /* RFC 2675: a jumbogram */
		len = w->claimed;
	if (len < 8)
		return end(LAYERS_BAD_L4_HEADER);
	l->src_port = be16_get(h);
	l->dst_port = be16_get(h + 2);
	if (h[6] || h[7])
		verify_l4(w, h, len, true);
	cursor_skip(&w->c, 8);
	return take_payload(w, len - 8);
}

static enum layer l4_icmp(struct walk *w)
{
	const uint8_t *h = w->c.pos;

	if (w->claimed < 4)
		return end(LAYERS_BAD_L4_HEADER);
	if (cursor_left(&w->c) < 4)
		return end(LAYERS_TRUNCATED_L4);
	w->l->src_port = h[0];
	w->l->dst_port = h[1];
	verify_l4(w, h, w->claimed, w->l->proto == PROTO_ICMP6);
	cursor_skip(&w->c, 4);
	return take_payload(w, w->claimed - 4);
}

static enum layer l4_sctp(struct walk *w)
{
	const uint8_t *h = w->c.pos;

	if (w->claimed < 12)
		return end(LAYERS_BAD_L4_HEADER);
	if (cursor_left(&w->c) < 12)
		return end(LAYERS_TRUNCATED_L4);
	w->l->src_port = be16_get(h);
	w->l->dst_port = be16_get(h + 2);
	w->l->seq = be32_get(h + 4);
	cursor_skip(&w->c, 12);
	return take_payload(w, w->claimed - 12);
}

static enum layer layer_l4(struct walk *w)
{
	switch (w->l->proto) {
	case PROTO_TCP:
		return l4_tcp(w);
	case PROTO_UDP:
		return l4_udp(w);
	case PROTO_ICMP:
	case PROTO_ICMP6:
		return l4_icmp(w);
	case PROTO_SCTP:
		return l4_sctp(w);
	default:
		return take_payload(w, w->claimed);
	}
}

static enum layer (*const layer_steps[LAYER_COUNT])(struct walk *) = {
	[LAYER_ETHERNET] = layer_ethernet,
	[LAYER_ETHERTYPE] = layer_ethertype,
	[LAYER_VLAN] = layer_vlan,
	[LAYER_LLC] = layer_llc,
	[LAYER_NULL] = layer_null,
	[LAYER_IP] = layer_ip,
	[LAYER_IPV4] = layer_ipv4,
	[LAYER_IPV6] = layer_ipv6,
	[LAYER_SLL] = layer_sll,
	[LAYER_SLL2] = layer_sll2,
	[LAYER_PPP] = layer_ppp,
	[LAYER_CHDLC] = layer_chdlc,
	[LAYER_L4] = layer_l4,
};

/* The first layer of a LINKTYPE_. */
static enum layer link_layer(uint32_t link_type)
{
	switch (link_type) {
	case 0:   /* NULL */
	case 108: /* LOOP */
		return LAYER_NULL;
	case 1: /* EN10MB */
		return LAYER_ETHERNET;
	case 9:  /* PPP */
	case 50: /* PPP_HDLC */
		return LAYER_PPP;
	case 12: /* RAW, as some systems number it */
	case 14:
	case 101: /* RAW */
	case 228: /* IPV4 */
	case 229: /* IPV6 */
		return LAYER_IP;
	case 104: /* C_HDLC */
		return LAYER_CHDLC;
	case 113: /* LINUX_SLL */
		return LAYER_SLL;
	case 276: /* LINUX_SLL2 */
		return LAYER_SLL2;
	default:
		return end(LAYERS_UNKNOWN_LINK_TYPE);
	}
}

enum layers_fate layers_parse(struct layers *l, uint32_t link_type, struct bytes frame,
			      unsigned flags)
{
	struct walk w = { .c = cursor_of(frame), .l = l, .verify = !(flags & LAYERS_NO_CHECKSUM) };
	enum layer next = link_layer(link_type);

	memset(l, 0, offsetof(struct layers, src));
	l->ip_version = l->proto = l->checksum = l->nvlans = 0;
	/* An ethertype looked up is no header. */
	for (unsigned headers = 0; next < LAYER_COUNT; headers += next != LAYER_ETHERTYPE) {
		if (headers == LAYERS_MAX && next != LAYER_ETHERTYPE && next != LAYER_L4)
			return LAYERS_TOO_MANY_LAYERS;
		next = layer_steps[next](&w);
	}
	return (enum layers_fate)(next - LAYER_ENDS);
}

const char *layers_fate_name(enum layers_fate fate)
{
	static const char *const names[LAYERS_FATES] = {
		[LAYERS_PACKET] = "packet",
		[LAYERS_ARP] = "arp",
		[LAYERS_NON_IP] = "non_ip",
		[LAYERS_UNKNOWN_LINK_TYPE] = "unknown_link_type",
		[LAYERS_TRUNCATED_LINK] = "truncated_link",
		[LAYERS_TRUNCATED_IP] = "truncated_ip",
		[LAYERS_TRUNCATED_L4] = "truncated_l4",
		[LAYERS_BAD_IP_HEADER] = "bad_ip_header",
		[LAYERS_BAD_L4_HEADER] = "bad_l4_header",
		[LAYERS_FRAGMENT] = "fragment",
		[LAYERS_TOO_MANY_LAYERS] = "too_many_layers",
	};

	return fate < LAYERS_FATES ? names[fate] : "other";
}
