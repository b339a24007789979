/* layers: from a captured frame to its innermost layer-4 packet. */
#include "libcommon/net/layers.h"

#include "libcommon/net/layers_private.h"

_Static_assert(sizeof(struct layers_step) == 48, "no hidden padding may take part in comparisons");

static enum layer (*const layer_steps[LAYER_COUNT])(struct walk *) = {
	[LAYER_ETHERNET] = layer_ethernet,
	[LAYER_VLAN] = layer_vlan,
	[LAYER_LLC] = layer_llc,
	[LAYER_NULL] = layer_null,
	[LAYER_SLL] = layer_sll,
	[LAYER_SLL2] = layer_sll2,
	[LAYER_PPP] = layer_ppp,
	[LAYER_CHDLC] = layer_chdlc,
	[LAYER_FDDI] = layer_fddi,
	[LAYER_NFLOG] = layer_nflog,
	[LAYER_MPLS] = layer_mpls,
	[LAYER_PPPOE] = layer_pppoe,
	[LAYER_VNTAG] = layer_vntag,
	[LAYER_MACSEC] = layer_macsec,
	[LAYER_NSH] = layer_nsh,
	[LAYER_WLAN] = layer_wlan,
	[LAYER_RADIOTAP] = layer_radiotap,
	[LAYER_PRISM] = layer_prism,
	[LAYER_AVS] = layer_avs,
	[LAYER_IPV4] = layer_ipv4,
	[LAYER_IPV6] = layer_ipv6,
	[LAYER_ETHERTYPE] = layer_ethertype,
	[LAYER_IP] = layer_ip,
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
	case 10: /* FDDI */
		return LAYER_FDDI;
	case 12: /* RAW, as some systems number it */
	case 14:
	case 101: /* RAW */
	case 228: /* IPV4 */
	case 229: /* IPV6 */
		return LAYER_IP;
	case 51: /* PPP_ETHER */
		return LAYER_PPPOE;
	case 104: /* C_HDLC */
		return LAYER_CHDLC;
	case 105: /* IEEE802_11 */
		return LAYER_WLAN;
	case 113: /* LINUX_SLL */
		return LAYER_SLL;
	case 119: /* IEEE802_11_PRISM */
		return LAYER_PRISM;
	case 127: /* IEEE802_11_RADIOTAP */
		return LAYER_RADIOTAP;
	case 163: /* IEEE802_11_AVS */
		return LAYER_AVS;
	case 239: /* NFLOG */
		return LAYER_NFLOG;
	case 276: /* LINUX_SLL2 */
		return LAYER_SLL2;
	default:
		return layer_end(LAYERS_UNKNOWN_LINK_TYPE);
	}
}

void walk_step(struct walk *w, enum layers_kind kind, bool has_id, uint64_t id)
{
	struct layers_step *s = &w->l->steps[w->l->nsteps++];

	memset(s, 0, sizeof(*s));
	s->kind = (uint8_t)kind;
	s->has_id = has_id;
	s->id = id;
}

/* ---- the scope -------------------------------------------------------------------------- */

static uint64_t scope_byte(uint64_t h, uint64_t byte)
{
	return (h ^ byte) * 0x100000001b3; /* FNV-1a */
}

static uint64_t scope_word(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15;
	return h ^ h >> 32;
}

static bool id_counts(const struct layers_step *s)
{
	const unsigned both_ways = 1u << LAYERS_PPPOE | 1u << LAYERS_GRE | 1u << LAYERS_NVGRE |
				   1u << LAYERS_ERSPAN | 1u << LAYERS_VXLAN |
				   1u << LAYERS_VXLAN_GPE | 1u << LAYERS_GENEVE;

	return s->has_id && both_ways >> s->kind & 1;
}

static uint64_t scope_tunnel(uint64_t h, const struct layers_step *s)
{
	bool swap = memcmp(s->src, s->dst, sizeof(s->src)) > 0;

	/* No VLAN id is this large, so that a path is read in one way only. */
	h = scope_word(h, UINT64_C(1) << 63 | (uint64_t)id_counts(s) << 16 |
				  (uint64_t)s->ip_version << 8 | s->kind);
	for (unsigned i = 0; s->ip_version && i < 2; i++) {
		const uint8_t *a = swap == i ? s->src : s->dst;

		h = scope_word(h, be64_get(a));
		h = scope_word(h, be64_get(a + 8));
	}
	return id_counts(s) ? scope_word(h, s->id) : h;
}

static uint64_t scope_of(const struct layers *l)
{
	uint64_t h = 0xcbf29ce484222325;
	bool any = false;

	for (unsigned i = 0; i < l->nsteps; i++) {
		const struct layers_step *s = &l->steps[i];

		if (s->kind == LAYERS_VLAN)
			h = scope_byte(scope_byte(h, s->id & 0xff), s->id >> 8);
		else if (s->ip_version || id_counts(s))
			h = scope_tunnel(h, s);
		else
			continue;
		any = true;
	}
	return !any ? 0 : h ? h : 1;
}

/* ---- the walk --------------------------------------------------------------------------- */

static enum layers_fate walk_on(struct walk *w, enum layer next)
{
	struct layers *l = w->l;

	while (next < LAYER_COUNT) {
		if (next < LAYER_ETHERTYPE && l->headers++ == LAYERS_MAX) {
			l->headers = LAYERS_MAX;
			next = layer_end(LAYERS_TOO_MANY_LAYERS);
			break;
		}
		next = layer_steps[next](w);
	}
	if (w->bad_sum)
		l->checksum = CHECKSUM_BAD;
	if (l->nsteps)
		l->scope = scope_of(l);
	return (enum layers_fate)(next - LAYER_ENDS);
}

/* Field by field, as a memset of this length is slower than the rest of the walk's stores. The
 * addresses, lists and the fragment are left as they are. */
static inline void clear(struct layers *l)
{
	l->payload = BYTES(NULL, 0);
	l->tcp_options = BYTES(NULL, 0);
	l->l2_src = l->l2_dst = NULL;
	l->scope = 0;
	l->missing = l->ip_len = l->flow_label = l->seq = l->ack = 0;
	l->tcp_flags = l->window = l->urgent = l->src_port = l->dst_port = 0;
	l->nsteps = l->headers = l->tunnels = 0;
	l->ip_version = l->proto = l->checksum = l->nvlans = l->ecn = 0;
}

enum layers_fate layers_walk(struct layers *l, uint32_t link_type, struct bytes frame,
			     const struct layers_config *config, unsigned flags)
{
	struct walk w = { .c = cursor_of(frame),
			  .l = l,
			  .config = config ? config : &layers_auto,
			  .verify = !(flags & LAYERS_NO_CHECKSUM),
			  .whole = flags & LAYERS_WHOLE,
			  .small = flags & LAYERS_SMALL };
	enum layer next;
	uint16_t type;

	clear(l);
	type = link_type == 1 && frame.len >= 14 ? be16_get(frame.ptr + 12) : 0;
	if (type != 0x0800 && type != 0x86dd)
		return walk_on(&w, link_layer(link_type));
	/* The common case, without a look at the table. */
	l->headers = 2;
	l->l2_dst = frame.ptr;
	l->l2_src = frame.ptr + 6;
	w.c.pos += 14;
	next = type == 0x0800 ? layer_ipv4(&w) : layer_ipv6(&w);
	if (next == LAYER_L4)
		next = layer_l4(&w);
	return next == layer_end(LAYERS_PACKET) && !w.bad_sum ? LAYERS_PACKET : walk_on(&w, next);
}

enum layers_fate layers_resume(struct layers *l, struct bytes whole,
			       const struct layers_config *config, unsigned flags)
{
	struct walk w = { .l = l,
			  .config = config ? config : &layers_auto,
			  .verify = !(flags & LAYERS_NO_CHECKSUM),
			  .whole = flags & LAYERS_WHOLE,
			  .small = flags & LAYERS_SMALL,
			  .bad_sum = l->checksum == CHECKSUM_BAD };

	/* Fragments count, so that they can't be in each other without end. */
	if (l->headers >= LAYERS_MAX)
		return LAYERS_TOO_MANY_LAYERS;
	l->headers++;
	return walk_on(&w, layers_resume_ip(&w, whole));
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
		[LAYERS_BAD_LINK_HEADER] = "bad_link_header",
		[LAYERS_ENCRYPTED_MACSEC] = "encrypted_macsec",
		[LAYERS_ENCRYPTED_WLAN] = "encrypted_wlan",
		[LAYERS_WLAN_MANAGEMENT] = "wlan_management",
		[LAYERS_WLAN_CONTROL] = "wlan_control",
		[LAYERS_WLAN_NO_DATA] = "wlan_no_data",
		[LAYERS_WLAN_FRAGMENT] = "wlan_fragment",
		[LAYERS_WLAN_AMSDU] = "wlan_amsdu",
		[LAYERS_WLAN_BAD_FCS] = "wlan_bad_fcs",
	};

	return fate < LAYERS_FATES ? names[fate] : "other";
}
