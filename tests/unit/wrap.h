/* wrap: puts packets into tunnels, tags and labels for tests, from the inside out. */
#ifndef WEIR_TEST_WRAP_H
#define WEIR_TEST_WRAP_H

#include "libcommon/net/layers.h"
#include "tests/unit/packet.h"

enum { WRAP_ROOM = 4096 };

/* Bytes that grow to the front; `type` is the ethertype that would lead to them. Expected steps
 * are kept from the innermost on. */
struct wrap {
	uint8_t room[WRAP_ROOM];
	size_t at;
	unsigned type;
	bool six;  /* outer IP headers of what follows are IPv6 */
	bool back; /* outer addresses are swapped */
	unsigned nsteps, headers, tunnels;
	struct layers_step steps[64];
};

static inline uint8_t *wrap_front(struct wrap *w, const void *bytes, size_t n)
{
	w->at -= n;
	if (bytes)
		memcpy(w->room + w->at, bytes, n);
	else
		memset(w->room + w->at, 0, n);
	return w->room + w->at;
}

static inline size_t wrap_len(const struct wrap *w)
{
	return WRAP_ROOM - w->at;
}

static inline const uint8_t *wrap_bytes(const struct wrap *w)
{
	return w->room + w->at;
}

/* Starts with a packet, without a link-layer header. */
static inline void wrap_packet(struct wrap *w, const struct packet_spec *spec)
{
	struct packet_spec s = *spec;
	uint8_t frame[2048];
	size_t n;

	s.head = (const uint8_t *)"";
	s.head_len = 0;
	n = packet_build(frame, &s);
	memset(w, 0, sizeof(*w));
	w->at = WRAP_ROOM;
	wrap_front(w, frame, n);
	w->type = s.version == 4 ? 0x0800 : 0x86dd;
	w->headers = 1;
}

static inline struct layers_step *wrap_step(struct wrap *w, enum layers_kind kind, bool has_id,
					    uint64_t id)
{
	struct layers_step *s = &w->steps[w->nsteps++];

	memset(s, 0, sizeof(*s));
	s->kind = (uint8_t)kind;
	s->has_id = has_id;
	s->id = id;
	w->headers++;
	return s;
}

static inline void wrap_ethernet(struct wrap *w)
{
	uint8_t *h = wrap_front(w, "\2\0\0\0\0\2\2\0\0\0\0\1\0", 14);

	packet_be16(h + 12, w->type);
	w->type = 0x6558;
	w->headers++;
}

static inline void wrap_as_ethernet(struct wrap *w)
{
	if (w->type != 0x6558)
		wrap_ethernet(w);
}

/* Puts an IP header around it. The step, if any, is the one that was added last. */
static inline void wrap_ip(struct wrap *w, uint8_t proto, struct layers_step *step)
{
	size_t len = wrap_len(w);
	uint8_t a[16] = { 192, 0, 2, 1 }, b[16] = { 192, 0, 2, 2 };
	uint8_t *h;

	if (w->six) {
		memcpy(a, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		memcpy(b, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	}
	memcpy(w->back ? step->dst : step->src, a, 16);
	memcpy(w->back ? step->src : step->dst, b, 16);
	step->ip_version = w->six ? 6 : 4;
	if (w->six) {
		h = wrap_front(w, NULL, 40);
		h[0] = 0x60;
		packet_be16(h + 4, (unsigned)len);
		h[6] = proto;
		h[7] = 64;
		memcpy(h + 8, step->src, 16);
		memcpy(h + 24, step->dst, 16);
		w->type = 0x86dd;
	} else {
		h = wrap_front(w, NULL, 20);
		h[0] = 0x45;
		packet_be16(h + 2, (unsigned)len + 20);
		h[8] = 64;
		h[9] = proto;
		memcpy(h + 12, step->src, 4);
		memcpy(h + 16, step->dst, 4);
		packet_be16(h + 10, ~packet_sum(h, 20, 0) & 0xffff);
		w->type = 0x0800;
	}
	w->headers++;
	w->tunnels++;
}

static inline void wrap_udp(struct wrap *w, unsigned port, struct layers_step *step)
{
	size_t len = wrap_len(w) + 8;
	uint8_t *h = wrap_front(w, NULL, 8);

	packet_be16(h, 49152);
	packet_be16(h + 2, port);
	packet_be16(h + 4, (unsigned)len);
	wrap_ip(w, 17, step);
}

/* Puts one thing around what is there; false: that makes no sense. The id also chooses among the
 * forms that a header has. */
typedef bool wrap_fn(struct wrap *w, unsigned id);

static inline bool wrap_vlan(struct wrap *w, unsigned id)
{
	static const uint16_t types[4] = { 0x8100, 0x88a8, 0x9100, 0x9200 };
	uint8_t *h;

	wrap_step(w, LAYERS_VLAN, true, id & 0xfff);
	if (w->type == 0x6558) { /* a tag lies within the frame */
		memmove(w->room + w->at - 4, w->room + w->at, 12);
		w->at -= 4;
		h = w->room + w->at + 12;
		packet_be16(h, types[id & 3]);
		packet_be16(h + 2, id & 0xfff);
		return true;
	}
	h = wrap_front(w, NULL, 4);
	packet_be16(h, id & 0xfff);
	packet_be16(h + 2, w->type);
	w->type = types[id & 3];
	return true;
}

static inline bool wrap_mpls_as(struct wrap *w, unsigned label, bool word)
{
	bool bottom = w->type != 0x8847;
	uint8_t *h;

	if (w->type != 0x0800 && w->type != 0x86dd && bottom)
		wrap_as_ethernet(w);
	if (w->type == 0x6558 && word)
		wrap_front(w, NULL, 4);
	h = wrap_front(w, NULL, 4);
	packet_be32(h, label << 12 | (bottom ? 0x100 : 0) | 64);
	w->type = 0x8847;
	wrap_step(w, LAYERS_MPLS, true, label);
	return true;
}

static inline bool wrap_mpls(struct wrap *w, unsigned id)
{
	return wrap_mpls_as(w, id + 16, false);
}

static inline bool wrap_pseudowire(struct wrap *w, unsigned id)
{
	if (w->type == 0x8847)
		return false;
	wrap_as_ethernet(w);
	return wrap_mpls_as(w, id + 16, true);
}

static inline bool wrap_ppp(struct wrap *w, const char *front, size_t n, bool small)
{
	unsigned p = w->type == 0x0800   ? 0x21
		     : w->type == 0x86dd ? 0x57
		     : w->type == 0x8847 ? 0x281
					 : 0;
	uint8_t *h;

	if (!p)
		return false;
	h = wrap_front(w, NULL, small && p < 256 ? 1 : 2);
	if (small && p < 256)
		h[0] = (uint8_t)p;
	else
		packet_be16(h, p);
	wrap_front(w, front, n);
	w->headers++;
	return true;
}

static inline bool wrap_pppoe(struct wrap *w, unsigned id)
{
	size_t n;
	uint8_t *h;

	if (!wrap_ppp(w, "", 0, false))
		return false;
	n = wrap_len(w);
	h = wrap_front(w, "\x11\0\0\0\0", 6);
	packet_be16(h + 2, id);
	packet_be16(h + 4, (unsigned)n);
	w->type = 0x8864;
	wrap_step(w, LAYERS_PPPOE, true, id);
	return true;
}

/* flags: of the header; a checksum, a key (the id) and a sequence number where they say so. */
static inline void wrap_gre_header(struct wrap *w, unsigned flags, unsigned type, uint32_t key)
{
	size_t n = 4;
	uint8_t *h;

	if (flags & 0x4000) /* one route of four bytes, and the end */
		wrap_front(w, "\x08\0\0\4\12\0\0\1\0\0\0\0", 12);
	if (flags & 0x1000)
		packet_be32(wrap_front(w, NULL, 4), 7);
	if (flags & 0x2000)
		packet_be32(wrap_front(w, NULL, 4), key);
	if (flags & 0xc000)
		n = 8;
	h = wrap_front(w, NULL, n);
	packet_be16(h, flags);
	packet_be16(h + 2, type);
	if (flags & 0x8000)
		packet_be16(h + 4, ~packet_sum(h, wrap_len(w), 0) & 0xffff);
}

static inline bool wrap_gre_flags(struct wrap *w, unsigned flags, uint32_t key)
{
	wrap_gre_header(w, flags, w->type, key);
	wrap_ip(w, 47, wrap_step(w, LAYERS_GRE, flags & 0x2000, flags & 0x2000 ? key : 0));
	return true;
}

static inline bool wrap_gre(struct wrap *w, unsigned id)
{
	(void)id;
	return wrap_gre_flags(w, 0, 0);
}

static inline bool wrap_gre_key(struct wrap *w, unsigned id)
{
	return wrap_gre_flags(w, 0xb000, id);
}

static inline bool wrap_teb(struct wrap *w, unsigned id)
{
	wrap_as_ethernet(w);
	return wrap_gre_flags(w, 0x2000, id);
}

static inline bool wrap_nvgre(struct wrap *w, unsigned id)
{
	wrap_as_ethernet(w);
	wrap_gre_header(w, 0x2000, 0x6558, (id + 0x1000) << 8 | 0x5a);
	wrap_ip(w, 47, wrap_step(w, LAYERS_NVGRE, true, id + 0x1000));
	return true;
}

static inline bool wrap_wccp(struct wrap *w, unsigned id)
{
	if (w->type != 0x0800)
		return false;
	if (id & 1)
		wrap_front(w, "\0\x50\1\2", 4);
	wrap_gre_header(w, 0, 0x883e, 0);
	wrap_ip(w, 47, wrap_step(w, LAYERS_GRE, false, 0));
	return true;
}

static inline bool wrap_gre_udp(struct wrap *w, unsigned id)
{
	wrap_gre_header(w, 0x2000, w->type, id);
	wrap_udp(w, 4754, wrap_step(w, LAYERS_GRE, true, id));
	return true;
}

static inline bool wrap_pptp(struct wrap *w, unsigned id)
{
	size_t n;
	uint8_t *h;

	if (!wrap_ppp(w, "\xff\3", id & 1 ? 2 : 0, id & 2))
		return false;
	n = wrap_len(w);
	if (id & 1) /* an acknowledgement, too */
		wrap_front(w, NULL, 4);
	h = wrap_front(
		w, id & 1 ? "\x30\x81\x88\x0b\0\0\0\0\0\0\0\1" : "\x30\x01\x88\x0b\0\0\0\0\0\0\0\1",
		12);
	packet_be16(h + 4, (unsigned)n);
	packet_be16(h + 6, id);
	wrap_ip(w, 47, wrap_step(w, LAYERS_PPTP, true, id));
	return true;
}

static inline bool wrap_erspan1(struct wrap *w, unsigned id)
{
	(void)id;
	wrap_as_ethernet(w);
	wrap_gre_header(w, 0, 0x88be, 0);
	wrap_ip(w, 47, wrap_step(w, LAYERS_ERSPAN, false, 0));
	return true;
}

static inline bool wrap_erspan2(struct wrap *w, unsigned id)
{
	wrap_as_ethernet(w);
	packet_be16(wrap_front(w, "\x10\1\0\0\0\0\0\1", 8) + 2, 0xf800 | (id & 0x3ff));
	wrap_gre_header(w, 0x1000, 0x88be, 0);
	wrap_ip(w, 47, wrap_step(w, LAYERS_ERSPAN, true, id & 0x3ff));
	return true;
}

static inline bool wrap_erspan3(struct wrap *w, unsigned id)
{
	uint8_t *h;

	wrap_as_ethernet(w);
	if (id & 1)
		wrap_front(w, NULL, 8);
	h = wrap_front(w, "\x20\1\0\0\0\0\0\1\0\0\0\0", 12);
	packet_be16(h + 2, 0xf800 | (id & 0x3ff));
	h[11] = id & 1;
	wrap_gre_header(w, 0x1000, 0x22eb, 0);
	wrap_ip(w, 47, wrap_step(w, LAYERS_ERSPAN, true, id & 0x3ff));
	return true;
}

static inline bool wrap_vxlan_port(struct wrap *w, unsigned id, unsigned port)
{
	wrap_as_ethernet(w);
	packet_be32(wrap_front(w, "\x08\0\0\0\0\0\0\0", 8) + 4, id << 8);
	wrap_udp(w, port, wrap_step(w, LAYERS_VXLAN, true, id));
	return true;
}

static inline bool wrap_vxlan(struct wrap *w, unsigned id)
{
	return wrap_vxlan_port(w, id, 4789);
}

static inline bool wrap_vxlan_gpe(struct wrap *w, unsigned id)
{
	uint8_t *h;
	uint8_t next = w->type == 0x0800   ? 1
		       : w->type == 0x86dd ? 2
		       : w->type == 0x894f ? 4
		       : w->type == 0x8847 ? 5
					   : 3;

	if (next == 3)
		wrap_as_ethernet(w);
	h = wrap_front(w, "\x0c\0\0\0\0\0\0\0", 8);
	h[3] = next;
	packet_be32(h + 4, id << 8);
	wrap_udp(w, 4790, wrap_step(w, LAYERS_VXLAN_GPE, true, id));
	return true;
}

static inline bool wrap_geneve(struct wrap *w, unsigned id)
{
	unsigned words = id % 3; /* options: none, one empty, one of four bytes */
	uint8_t *h;

	wrap_front(w, "\1\2\x80\1\0\0\0\0", words == 2 ? 8 : 0);
	if (words == 1)
		wrap_front(w, "\1\2\x80\0", 4);
	h = wrap_front(w, NULL, 8);
	h[0] = (uint8_t)words;
	packet_be16(h + 2, w->type);
	packet_be32(h + 4, id << 8);
	wrap_udp(w, 6081, wrap_step(w, LAYERS_GENEVE, true, id));
	return true;
}

static inline bool wrap_gtp(struct wrap *w, unsigned id)
{
	static const uint8_t flags[4] = { 0x30, 0x32, 0x34, 0x37 };
	uint8_t f = flags[id & 3], *h;
	size_t n;

	if (w->type != 0x0800 && w->type != 0x86dd)
		return false;
	if (f & 4) { /* two extension headers */
		wrap_front(w, "\1\x10\x05\0", 4);
		wrap_front(w, "\2\0\0\0\0\0\0\x85", 8);
	}
	if (f & 7)
		wrap_front(w, f & 4 ? "\0\1\0\x40" : "\0\1\0\0", 4);
	n = wrap_len(w);
	h = wrap_front(w, NULL, 8);
	h[0] = f;
	h[1] = 255;
	packet_be16(h + 2, (unsigned)n);
	packet_be32(h + 4, id);
	wrap_udp(w, 2152, wrap_step(w, LAYERS_GTP, true, id));
	return true;
}

static inline bool wrap_ipip(struct wrap *w, unsigned id)
{
	(void)id;
	if (w->type != 0x0800 && w->type != 0x86dd)
		return false;
	w->headers--; /* no header of its own */
	wrap_ip(w, w->type == 0x0800 ? 4 : 41, wrap_step(w, LAYERS_IPIP, false, 0));
	return true;
}

static inline bool wrap_teredo(struct wrap *w, unsigned id)
{
	if (w->type != 0x86dd)
		return false;
	if (id & 1) /* where it came from */
		wrap_front(w, "\0\0\x9f\xff\x3f\xff\xfd\xfe", 8);
	if (id & 2) /* authentication: a client of 2 bytes, a value of 3 */
		wrap_front(w, "\0\1\2\3cl\1\2\3\0\0\0\0\0\0\0\1", 18);
	wrap_udp(w, 3544, wrap_step(w, LAYERS_TEREDO, false, 0));
	return true;
}

static inline bool wrap_l2tp(struct wrap *w, unsigned id)
{
	static const uint16_t flags[4] = { 0x0002, 0x4002, 0x4a02, 0x0802 };
	unsigned f = flags[id & 3];
	size_t n;
	uint8_t *h;

	if (!wrap_ppp(w, "\xff\3", id & 1 ? 2 : 0, id & 2))
		return false;
	if (f & 0x0200)
		wrap_front(w, "\0\2\0\0", 4);
	if (f & 0x0800)
		wrap_front(w, NULL, 4);
	n = wrap_len(w) + (f & 0x4000 ? 8 : 6);
	packet_be32(wrap_front(w, NULL, 4), id << 16 | (id ^ 0xffff));
	if (f & 0x4000)
		packet_be16(wrap_front(w, NULL, 2), (unsigned)n);
	h = wrap_front(w, NULL, 2);
	packet_be16(h, f);
	wrap_udp(w, 1701, wrap_step(w, LAYERS_L2TP, true, id << 16 | (id ^ 0xffff)));
	return true;
}

static inline bool wrap_ayiya(struct wrap *w, unsigned id)
{
	uint8_t *h;

	(void)id;
	if (w->type != 0x0800 && w->type != 0x86dd)
		return false;
	h = wrap_front(w, NULL, 8 + 16 + 20);
	memcpy(h, "\x41\x52\x11", 3);
	h[3] = w->type == 0x0800 ? 4 : 41;
	wrap_udp(w, 5072, wrap_step(w, LAYERS_AYIYA, false, 0));
	return true;
}

static inline bool wrap_etherip(struct wrap *w, unsigned id)
{
	(void)id;
	wrap_as_ethernet(w);
	wrap_front(w, "\x30\0", 2);
	wrap_ip(w, 97, wrap_step(w, LAYERS_ETHERIP, false, 0));
	return true;
}

static inline bool wrap_mpls_udp(struct wrap *w, unsigned id)
{
	if (w->type != 0x8847)
		wrap_mpls(w, id);
	wrap_udp(w, 6635, wrap_step(w, LAYERS_MPLS_IP, false, 0));
	return true;
}

static inline bool wrap_mpls_ip(struct wrap *w, unsigned id)
{
	if (w->type != 0x8847)
		wrap_mpls(w, id);
	wrap_ip(w, 137, wrap_step(w, LAYERS_MPLS_IP, false, 0));
	return true;
}

static inline bool wrap_vntag(struct wrap *w, unsigned id)
{
	uint8_t *h;

	if (w->type == 0x6558)
		return false;
	h = wrap_front(w, NULL, 6);
	packet_be16(h, id & 0x3fff);
	packet_be16(h + 2, id & 0xfff);
	packet_be16(h + 4, w->type);
	w->type = 0x8926;
	wrap_step(w, LAYERS_VNTAG, true, (id & 0x3fff) << 16 | (id & 0xfff));
	return true;
}

static inline bool wrap_macsec(struct wrap *w, unsigned id)
{
	if (w->type == 0x6558)
		return false;
	packet_be16(wrap_front(w, NULL, 2), w->type);
	if (id & 1)
		packet_be32(wrap_front(w, "\2\0\0\0\0\1\0\1", 8), id);
	wrap_front(w, id & 1 ? "\x20\0\0\0\0\1" : "\x40\0\0\0\0\1", 6);
	w->type = 0x88e5;
	wrap_step(w, LAYERS_MACSEC, id & 1, id & 1 ? (uint64_t)id << 32 | 0x00010001 : 0);
	return true;
}

static inline bool wrap_nsh(struct wrap *w, unsigned id)
{
	uint8_t *h;
	uint8_t next = w->type == 0x0800   ? 1
		       : w->type == 0x86dd ? 2
		       : w->type == 0x894f ? 4
		       : w->type == 0x8847 ? 5
					   : 3;

	if (next == 3)
		wrap_as_ethernet(w);
	h = wrap_front(w, NULL, id & 1 ? 24 : 8); /* metadata of type 1, or none of type 2 */
	h[0] = 0x0f;
	h[1] = id & 1 ? 0xc6 : 0xc2;
	h[2] = id & 1 ? 1 : 2;
	h[3] = next;
	packet_be32(h + 4, id << 8 | 255);
	w->type = 0x894f;
	wrap_step(w, LAYERS_NSH, true, id);
	return true;
}

static const struct wrap_kind {
	const char *name;
	wrap_fn *wrap;
	bool id_counts; /* two ids are two scopes */
} wrap_kinds[] = {
	{ "vlan", wrap_vlan, true },
	{ "mpls", wrap_mpls, false },
	{ "pseudowire", wrap_pseudowire, false },
	{ "pppoe", wrap_pppoe, true },
	{ "gre", wrap_gre, false },
	{ "gre with all fields", wrap_gre_key, true },
	{ "teb", wrap_teb, true },
	{ "nvgre", wrap_nvgre, true },
	{ "wccp", wrap_wccp, false },
	{ "gre in udp", wrap_gre_udp, true },
	{ "pptp", wrap_pptp, false },
	{ "erspan 1", wrap_erspan1, false },
	{ "erspan 2", wrap_erspan2, true },
	{ "erspan 3", wrap_erspan3, true },
	{ "vxlan", wrap_vxlan, true },
	{ "vxlan-gpe", wrap_vxlan_gpe, true },
	{ "geneve", wrap_geneve, true },
	{ "gtp", wrap_gtp, false },
	{ "ipip", wrap_ipip, false },
	{ "teredo", wrap_teredo, false },
	{ "l2tp", wrap_l2tp, false },
	{ "ayiya", wrap_ayiya, false },
	{ "etherip", wrap_etherip, false },
	{ "mpls in udp", wrap_mpls_udp, false },
	{ "mpls in ip", wrap_mpls_ip, false },
	{ "vn-tag", wrap_vntag, false },
	{ "macsec", wrap_macsec, false },
	{ "nsh", wrap_nsh, false },
};

enum { WRAP_KINDS = sizeof(wrap_kinds) / sizeof(wrap_kinds[0]) };

/* ---- what is inside ------------------------------------------------------------------------ */

static const char wrap_inside[] = "inner application bytes";

/* A TCP segment that carries these, back: from the other side. */
static inline struct packet_spec wrap_segment(int version, bool back)
{
	struct packet_spec s = { .version = version,
				 .proto = 6,
				 .src = { 192, 168, 1, 1 },
				 .dst = { 192, 168, 1, 2 },
				 .sport = 40000,
				 .dport = 80,
				 .seq = 1000,
				 .ack = 2000,
				 .flags = TCP_ACK | TCP_PSH,
				 .window = 512,
				 .payload = wrap_inside,
				 .payload_len = sizeof(wrap_inside) - 1 };

	if (back) {
		memcpy(s.src, "\xc0\xa8\1\2", 4);
		memcpy(s.dst, "\xc0\xa8\1\1", 4);
		s.sport = 80;
		s.dport = 40000;
	}
	return s;
}

#endif
