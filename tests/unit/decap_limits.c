/* decap_limits: tests of what the walk refuses: headers that can't be, depth, encryption; and of
 * fragments, ports and the list of kinds. */
#include <time.h>

#include "libcommon/net/layers.h"
#include "tests/unit/check.h"
#include "tests/unit/wrap.h"

static enum layers_fate walk_with(struct layers *l, const struct wrap *w, const char *decap)
{
	struct layers_config config;
	const char *why;
	uint8_t *copy = malloc(wrap_len(w)); /* so that a sanitizer sees one byte too many */
	enum layers_fate fate;

	if (!layers_decap_parse(decap, &config, &why)) {
		printf("# %s: %s\n", decap, why);
		abort();
	}
	memcpy(copy, wrap_bytes(w), wrap_len(w));
	memset(l, 0xa5, sizeof(*l));
	fate = layers_walk(l, 1, BYTES(copy, wrap_len(w)), &config, 0);
	l->payload = BYTES(wrap_bytes(w) + (l->payload.ptr - copy), l->payload.len);
	free(copy);
	return fate;
}

static enum layers_fate walk(struct layers *l, const struct wrap *w)
{
	return walk_with(l, w, "auto");
}

static struct wrap start(int version)
{
	struct packet_spec s = wrap_segment(version, false);
	struct wrap w;

	wrap_packet(&w, &s);
	return w;
}

/* ---- ports and names -------------------------------------------------------------------- */

static void test_ports(void)
{
	struct layers l;
	struct wrap w = start(4);

	check_case("V13, W2: VXLAN at another port is the outer flow, until it is named");
	wrap_vxlan_port(&w, 42, 8473);
	wrap_ethernet(&w);
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	CHECK_EQ(l.dst_port, 8473);
	CHECK_EQ(l.nsteps, 0);
	CHECK_EQ(walk_with(&l, &w, "auto,vxlan=4789,8473"), LAYERS_PACKET);
	CHECK_EQ(l.dst_port, 80);
	CHECK_EQ(l.steps[0].id, 42);
	CHECK(bytes_is(l.payload, wrap_inside));
	w = start(4);
	wrap_vxlan_port(&w, 42, 8472);
	wrap_ethernet(&w);
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	CHECK_EQ(l.dst_port, 80);
	CHECK_EQ(walk_with(&l, &w, "vxlan=4789"), LAYERS_PACKET);
	CHECK_EQ(l.dst_port, 8472);

	check_case("the answer of a GTP-U node comes from the tunnel's port; of VXLAN it does not");
	for (unsigned vxlan = 0; vxlan < 2; vxlan++) {
		w = start(4);
		vxlan ? wrap_vxlan(&w, 7) : wrap_gtp(&w, 7);
		packet_be16(w.room + w.at + 20, vxlan ? 4789 : 2152);
		packet_be16(w.room + w.at + 22, 50000);
		wrap_ethernet(&w);
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.dst_port, vxlan ? 50000 : 80);
	}
}

static void test_list(void)
{
	static const char *const bad[] = {
		"",          "vxlan,",  ",vxlan",      "nothing",
		"vxlan=",    "vxlan=0", "vxlan=65536", "vxlan=1x",
		"ipip=5",    "4789",    "vxlan,4789",  "auto=1",
		"none,gre",  "Vxlan",   "vxlan=+1",    "vxlan=4789,gre,5",
		"gre vxlan",
	};
	struct layers_config c;
	char many[400] = "gtp=1";
	const char *why;

	check_case("a list of kinds: names, ports, and what is wrong with one");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		CHECK(!layers_decap_parse(bad[i], &c, &why));
		CHECK(why && *why);
	}
	CHECK(layers_decap_parse("auto", &c, &why) && !why);
	CHECK_EQ(c.kinds, (1u << LAYERS_KINDS) - 1);
	CHECK_EQ(c.nports, 10);
	CHECK(layers_decap_parse("none", &c, &why));
	CHECK(!c.kinds && !c.nports);
	CHECK(layers_decap_parse("gre,gtp=2152,2153,ipip", &c, &why));
	CHECK_EQ(c.kinds, 1u << LAYERS_GRE | 1u << LAYERS_GTP | 1u << LAYERS_IPIP);
	CHECK_EQ(c.nports, 3); /* GRE has one of its own */
	for (unsigned k = 0; k < LAYERS_KINDS; k++) {
		CHECK(layers_decap_parse(layers_kind_name((enum layers_kind)k), &c, &why));
		CHECK_EQ(c.kinds, 1u << k);
	}
	check_case("more ports than there is room for are refused");
	for (unsigned i = 2; i <= LAYERS_PORTS_MAX; i++)
		sprintf(many + strlen(many), ",%u", i);
	CHECK(layers_decap_parse(many, &c, &why));
	CHECK_EQ(c.nports, LAYERS_PORTS_MAX);
	CHECK(!layers_decap_parse(strcat(many, ",99"), &c, &why));
}

static void test_v13(void)
{
	static const unsigned flags[] = { 0, 0x8000, 0x2000, 0xa000, 0x1000, 0x4000, 0xf000 };
	struct layers l;
	struct wrap w;

	check_case("V13: GRE with each optional field, routes too");
	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		w = start(4);
		wrap_gre_flags(&w, flags[i], 0xfffffff0);
		wrap_ethernet(&w);
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.dst_port, 80);
		CHECK(bytes_is(l.payload, wrap_inside));
		CHECK_EQ(l.checksum, CHECKSUM_GOOD);
		CHECK(!memcmp(&l.steps[0], &w.steps[0], sizeof(l.steps[0])));
	}
	check_case("V13: version 1 of GRE with anything but PPP is the outer flow");
	w = start(4);
	wrap_gre_flags(&w, 0x2001, 1);
	wrap_ethernet(&w);
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	CHECK_EQ(l.proto, 47);
	check_case("V13: two MPLS labels");
	w = start(4);
	wrap_mpls(&w, 1);
	wrap_mpls(&w, 2);
	wrap_ethernet(&w);
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	CHECK_EQ(l.nsteps, 2);
	CHECK(l.steps[0].id == 18 && l.steps[1].id == 17);
	CHECK(bytes_is(l.payload, wrap_inside));
}

/* A name server's answer to a client whose port is Teredo's. */
static void test_teredo(void)
{
	static const uint8_t answer[64] = { 0x60, 0, 0x81, 0x80, 0, 1, 0, 1 };
	struct packet_spec s = wrap_segment(4, false);
	struct layers l;
	struct wrap w;

	check_case("Teredo's port may be a client's of something else");
	s.proto = 17;
	s.sport = 53;
	s.dport = 3544;
	s.payload = answer;
	s.payload_len = sizeof(answer);
	wrap_packet(&w, &s);
	wrap_ethernet(&w);
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	CHECK_EQ(l.dst_port, 3544);
	check_case("Teredo with trailers (RFC 6081), and with what is none");
	for (unsigned good = 0; good < 2; good++) {
		w = start(6);
		memmove(w.room + w.at - 9, w.room + w.at, wrap_len(&w));
		w.at -= 9;
		memcpy(w.room + WRAP_ROOM - 9, "\1\2ab\2\3abc", 9);
		w.room[WRAP_ROOM - 4] = good ? 3 : 4;
		wrap_teredo(&w, 3);
		wrap_ethernet(&w);
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.dst_port, good ? 80 : 3544);
		CHECK_EQ(l.nsteps, good);
	}
}

/* ---- what is no tunnel ------------------------------------------------------------------ */

/* A byte of the tunnel's header, behind the outer UDP or IP header, that makes it another thing. */
static const struct refusal {
	const char *title;
	wrap_fn *wrap;
	unsigned at, value;
} refusals[] = {
	{ "VXLAN without its flag", wrap_vxlan, 0, 0x00 },
	{ "VXLAN-GPE of another version", wrap_vxlan_gpe, 0, 0x1c },
	{ "VXLAN-GPE for maintenance", wrap_vxlan_gpe, 0, 0x0d },
	{ "VXLAN-GPE with an unknown protocol", wrap_vxlan_gpe, 3, 77 },
	{ "Geneve of another version", wrap_geneve, 0, 0x42 },
	{ "Geneve with options longer than itself", wrap_geneve, 0, 0x3f },
	{ "Geneve with an option that does not fit", wrap_geneve, 11, 0x1f },
	{ "Geneve with an unknown protocol", wrap_geneve, 2, 0x12 },
	{ "GTP version 2", wrap_gtp, 0, 0x50 },
	{ "GTP'", wrap_gtp, 0, 0x20 },
	{ "a GTP echo", wrap_gtp, 1, 1 },
	{ "a GTP error indication", wrap_gtp, 1, 26 },
	{ "GTP longer than its datagram", wrap_gtp, 2, 0x7f },
	{ "Teredo with another version of IP", wrap_teredo, 18, 0x40 },
	{ "Teredo longer than its datagram", wrap_teredo, 18 + 4, 0x7f },
	{ "an L2TP control message", wrap_l2tp, 0, 0xc8 },
	{ "L2TP version 3", wrap_l2tp, 1, 3 },
	{ "L2TP longer than its datagram", wrap_l2tp, 2, 0x7f },
	{ "AYIYA that does not forward", wrap_ayiya, 2, 0x10 },
	{ "AYIYA with another protocol", wrap_ayiya, 3, 59 },
	{ "GRE version 2", wrap_gre, 1, 2 },
	{ "GRE with an unknown protocol", wrap_gre, 2, 0x20 },
	{ "PPTP without a key", wrap_pptp, 0, 0x10 },
	{ "PPTP with another protocol", wrap_pptp, 3, 0x0c },
	{ "PPTP that only acknowledges", wrap_pptp, 0, 0x20 },
	{ "PPTP longer than its packet", wrap_pptp, 4, 0x7f },
	{ "ERSPAN II with another version", wrap_erspan2, 8, 0x30 },
	{ "ERSPAN III with another version", wrap_erspan3, 8, 0x30 },
	{ "EtherIP of another version", wrap_etherip, 0, 0x40 },
	{ "IP-in-IP with another version of IP", wrap_ipip, 0, 0x65 },
};

static void test_refusals(void)
{
	for (unsigned i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];
		struct wrap w = start(r->wrap == wrap_teredo ? 6 : 4);
		struct layers l;
		size_t at;

		check_case(r->title);
		r->wrap(&w, 14); /* two is its remainder by three and by four */
		at = w.at + 20 + (w.room[w.at + 9] == 17 ? 8 : 0);
		wrap_ethernet(&w);
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK(l.nsteps);
		w.room[at + r->at] = (uint8_t)r->value;
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.nsteps, 0);
		CHECK_EQ(l.src[1], 0); /* of 192.0.2.1 */
		CHECK_EQ(l.payload.len, wrap_len(&w) - (at - w.at));
	}
}

static void test_empty(void)
{
	check_case("a tunnel that claims too little for a packet is the outer flow's");
	for (unsigned k = 0; k < WRAP_KINDS; k++) {
		struct wrap w = start(wrap_kinds[k].wrap == wrap_teredo ? 6 : 4);
		struct layers l;
		unsigned ip, proto, cut;

		wrap_kinds[k].wrap(&w, 4);
		if (!w.steps[w.nsteps - 1].ip_version)
			continue;
		ip = be16_get(w.room + w.at + 2);
		proto = w.room[w.at + 9];
		cut = ip - (proto == 17 ? 28 : 20) - 2;
		packet_be16(w.room + w.at + 2, ip - cut);
		if (proto == 17)
			packet_be16(w.room + w.at + 24, ip - cut - 20);
		wrap_ethernet(&w);
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.nsteps, 0);
		CHECK_EQ(l.payload.len, 2);
	}
}

/* ---- fates ------------------------------------------------------------------------------ */

static void test_fates(void)
{
	struct layers l;
	struct wrap w;

	check_case("what a tunnel carries decides: ARP in VXLAN is ARP");
	w = start(4);
	w.type = 0x0806;
	wrap_vxlan(&w, 3);
	wrap_ethernet(&w);
	CHECK_EQ(walk(&l, &w), LAYERS_ARP);
	check_case("PPPoE discovery, and what PPP negotiates, are not IP");
	w = start(4);
	wrap_pppoe(&w, 3);
	wrap_ethernet(&w);
	w.room[w.at + 15] = 9;
	CHECK_EQ(walk(&l, &w), LAYERS_NON_IP);
	w.room[w.at + 15] = 0;
	packet_be16(w.room + w.at + 20, 0xc021);
	CHECK_EQ(walk(&l, &w), LAYERS_NON_IP);
	w.room[w.at + 14] = 0x21;
	CHECK_EQ(walk(&l, &w), LAYERS_BAD_LINK_HEADER);
	check_case("MACsec: encrypted or changed text is counted, a version to come is bad");
	for (unsigned bits = 0; bits < 4; bits++) {
		w = start(4);
		wrap_macsec(&w, 1);
		w.room[w.at] |= (uint8_t)(bits << 2);
		wrap_ethernet(&w);
		CHECK_EQ(walk(&l, &w), bits ? LAYERS_ENCRYPTED_MACSEC : LAYERS_PACKET);
	}
	w.room[w.at + 14] |= 0x80;
	CHECK_EQ(walk(&l, &w), LAYERS_BAD_LINK_HEADER);
	check_case("NSH: a length below its header is bad, maintenance is not IP");
	w = start(4);
	wrap_nsh(&w, 1);
	wrap_ethernet(&w);
	w.room[w.at + 14] = 0x2f;
	CHECK_EQ(walk(&l, &w), LAYERS_NON_IP);
	w.room[w.at + 14] = 0x0f;
	w.room[w.at + 15] = 1;
	CHECK_EQ(walk(&l, &w), LAYERS_BAD_LINK_HEADER);
	check_case("an associated channel below a label is not IP");
	w = start(4);
	wrap_mpls(&w, 1);
	w.room[w.at + 4] = 0x10;
	wrap_ethernet(&w);
	CHECK_EQ(walk(&l, &w), LAYERS_NON_IP);
}

static void test_checksums(void)
{
	struct layers l;
	struct wrap w = start(4);

	check_case("a wrong sum of an outer IP header or of GRE is a bad checksum");
	wrap_gre_key(&w, 3);
	wrap_ethernet(&w);
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_GOOD);
	w.room[w.at + 14 + 10] ^= 1;
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_BAD);
	w.room[w.at + 14 + 10] ^= 1;
	w.room[w.at + 14 + 20 + 5] ^= 1;
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_BAD);
	CHECK_EQ(l.nsteps, 1);
	check_case("so is one of an outer UDP datagram, where there is one");
	w = start(4);
	wrap_vxlan(&w, 3);
	wrap_ethernet(&w);
	packet_be16(w.room + w.at + 14 + 26, 0x1234);
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_BAD);
	CHECK_EQ(l.dst_port, 80);
}

/* ---- pseudowires ------------------------------------------------------------------------ */

static void test_pseudowires(void)
{
	static const uint8_t first[] = { 0x00, 0x02, 0x0a, 0x12, 0x40, 0x45, 0x46,
					 0x60, 0x64, 0x68, 0x7c, 0xb0, 0xfe, 0xff };
	struct layers l;

	check_case("Ethernet below labels is told from IP, whatever address it starts with");
	for (unsigned i = 0; i < sizeof(first) * 4; i++) {
		struct wrap w = start(i & 1 ? 6 : 4);

		wrap_ethernet(&w);
		w.room[w.at] = first[i / 4];
		wrap_mpls_as(&w, 17, i & 2);
		wrap_ethernet(&w);
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.dst_port, 80);
		CHECK_EQ(l.l2_dst ? l.headers : 0, 4);
	}
	check_case("a control word with a sequence number is one, too");
	for (unsigned i = 0; i < 16; i++) {
		struct wrap w = start(4);

		wrap_ethernet(&w);
		wrap_mpls_as(&w, 17, true);
		packet_be32(w.room + w.at + 4, i * 0x00100101);
		wrap_ethernet(&w);
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.dst_port, 80);
	}
	check_case("PPP below a label (RFC 4618)");
	{
		struct wrap w = start(4);

		wrap_ppp(&w, "\xff\3", 2, false);
		wrap_front(&w, "\0\1\1\x40", 4);
		w.type = 0x8847;
		wrap_ethernet(&w);
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.dst_port, 80);
		CHECK_EQ(l.steps[0].id, 16);
	}
}

/* ---- depth ------------------------------------------------------------------------------ */

static void test_depth(void)
{
	struct layers l;
	struct wrap w;

	check_case("F6: eight tunnels are entered, nine are too many");
	for (unsigned n = 1; n < 12; n++) {
		w = start(4);
		for (unsigned i = 0; i < n; i++)
			wrap_ipip(&w, 0);
		wrap_ethernet(&w);
		CHECK_EQ(walk(&l, &w),
			 n <= LAYERS_TUNNELS_MAX ? LAYERS_PACKET : LAYERS_TOO_MANY_LAYERS);
		CHECK_EQ(l.tunnels, n < LAYERS_TUNNELS_MAX ? n : LAYERS_TUNNELS_MAX);
	}
	check_case("sixteen headers are read, seventeen are too many: labels, tags and both");
	for (unsigned n = 10; n < 20; n++) {
		for (unsigned kind = 0; kind < 3; kind++) {
			w = start(4);
			for (unsigned i = 0; i < n; i++)
				kind == 0 || (kind == 2 && i < 5) ? wrap_mpls(&w, i)
								  : wrap_vlan(&w, i + 1);
			wrap_ethernet(&w);
			CHECK_EQ(walk(&l, &w),
				 n + 2 <= LAYERS_MAX ? LAYERS_PACKET : LAYERS_TOO_MANY_LAYERS);
		}
	}
}

/* Bytes that could each start one more header: the time may grow with them, and not faster. */
static void fill(uint8_t *b, size_t n, unsigned kind)
{
	static const struct {
		const char *head, *unit;
		uint8_t head_len, unit_len;
	} fills[] = {
		{ "", "\0\0\0\0", 0, 4 },
		{ "\2\0\0\0\0\2\2\0\0\0\0\1\x88\x47", "\0\0\0\0", 14, 4 },
		{ "\2\0\0\0\0\2\2\0\0\0\0\1\x81\0", "\0\1\x81\0", 14, 4 },
		{ "\2\0\0\0\0\2\2\0\0\0\0\1\x89\x4f", "\x0f\xc2\2\4\0\0\0\0", 14, 8 },
		/* GRE with routes */
		{ "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0\x45\0\xff\xff\0\0\0\0\1\x2f\0\0\1\2\3\4"
		  "\5\6\7\x08\x40\0\x08\0\0\0\0\0",
		  "\x08\0\0\0", 42, 4 },
	};
	size_t at = fills[kind].head_len;

	memcpy(b, fills[kind].head, at);
	for (; at + fills[kind].unit_len <= n; at += fills[kind].unit_len)
		memcpy(b + at, fills[kind].unit, fills[kind].unit_len);
}

static double cost(uint32_t link_type, const uint8_t *b, size_t n)
{
	double best = 1e9;
	struct layers l;

	for (unsigned i = 0; i < 20; i++) {
		struct timespec from, to;
		double ns;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
		for (unsigned j = 0; j < 10; j++)
			layers_walk(&l, link_type, BYTES(b, n), NULL, 0);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
		ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
		best = ns < best ? ns : best;
	}
	return best;
}

static void test_time(void)
{
	static const uint32_t links[] = { 0, 1, 127, 239 };
	static uint8_t b[65536];

	check_case("a loop of the least headers costs no more than its bytes");
	for (unsigned kind = 0; kind < 5; kind++) {
		fill(b, sizeof(b), kind);
		for (unsigned i = 0; i < 4; i++) {
			double one = cost(links[i], b, sizeof(b) / 2),
			       two = cost(links[i], b, sizeof(b));

			CHECK(two < 2.5 * one + 20000); /* ns; a walk of nothing takes some */
		}
	}
}

/* ---- fragments -------------------------------------------------------------------------- */

/* Makes the IPv4 packet at the front a piece of itself. */
static void cut_ip4(struct wrap *w, size_t from, size_t to, size_t whole, unsigned id)
{
	uint8_t *h = w->room + w->at;

	memmove(h + 20, h + 20 + from, to - from);
	packet_be16(h + 2, (unsigned)(20 + to - from));
	packet_be16(h + 4, id);
	packet_be16(h + 6, (unsigned)(from / 8) | (to < whole ? 0x2000 : 0));
	packet_be16(h + 10, 0);
	packet_be16(h + 10, ~packet_sum(h, 20, 0) & 0xffff);
}

static void test_fragments(void)
{
	struct wrap w = start(4), piece;
	struct layers l;
	uint8_t whole[600];
	size_t n;

	check_case("W12: a fragment has what a defragmenter needs, and the walk goes on behind it");
	wrap_vxlan(&w, 42);
	wrap_vlan(&w, 9);
	wrap_as_ethernet(&w);
	n = wrap_len(&w) - 18 - 20;
	memcpy(whole, wrap_bytes(&w) + 38, n);
	for (unsigned last = 0; last < 2; last++) {
		piece = w;
		piece.at += 18;
		cut_ip4(&piece, last ? 48 : 0, last ? n : 48, n, 0x1234);
		piece.at -= 18;
		memset(&l, 0xa5, sizeof(l));
		CHECK_EQ(layers_walk(&l, 1,
				     BYTES(wrap_bytes(&piece), 38 + (last ? n - 48 : 48) + 6), NULL,
				     0),
			 LAYERS_FRAGMENT);
		CHECK_EQ(l.frag.data.len, last ? n - 48 : 48);
		CHECK(l.frag.data.ptr == wrap_bytes(&piece) + 38);
		CHECK_EQ(l.frag.claimed, l.frag.data.len);
		CHECK_EQ(l.frag.id, 0x1234);
		CHECK_EQ(l.frag.offset, last ? 48 : 0);
		CHECK_EQ(l.frag.more, !last);
		CHECK_EQ(l.frag.proto, 17);
		CHECK_EQ(l.frag.header, 20);
		CHECK_EQ(l.nsteps, 1);
		CHECK(l.scope);
		CHECK_EQ(layers_resume(&l, BYTES(whole, n), NULL, 0), LAYERS_PACKET);
		CHECK_EQ(l.dst_port, 80);
		CHECK_EQ(l.nsteps, 2);
		CHECK(!memcmp(&l.steps[0], &w.steps[1], sizeof(l.steps[0])));
		CHECK(!memcmp(&l.steps[1], &w.steps[0], sizeof(l.steps[0])));
		CHECK_EQ(l.checksum, CHECKSUM_GOOD);
		CHECK_EQ(l.ip_len, 20 + 20 + sizeof(wrap_inside) - 1);
		CHECK(bytes_is(l.payload, wrap_inside));
	}
	check_case("a snapped fragment claims more than it has");
	CHECK_EQ(layers_walk(&l, 1, BYTES(wrap_bytes(&piece), 40), NULL, 0), LAYERS_FRAGMENT);
	CHECK_EQ(l.frag.data.len, 2);
	CHECK_EQ(l.frag.claimed, n - 48);
}

static void test_fragment6(void)
{
	struct wrap w = start(6);
	struct layers l;
	uint8_t f[300], whole[300];
	size_t n = wrap_len(&w) - 40;

	check_case(
		"an IPv6 fragment: the id has 32 bits, options of the first piece come after it");
	memset(f, 0, sizeof(f));
	memcpy(f, wrap_bytes(&w), 40);
	memcpy(whole + 8, wrap_bytes(&w) + 40, n);
	memcpy(whole, "\6\0\1\4\0\0\0\0", 8);            /* destination options */
	memcpy(f + 40, "\x2c\0\1\4\0\0\0\0", 8);         /* hop-by-hop options */
	memcpy(f + 48, "\x3c\0\0\1\xde\xad\xbe\xef", 8); /* the fragment header */
	memcpy(f + 56, whole, 24);
	f[6] = 0;
	packet_be16(f + 4, 8 + 8 + 24);
	CHECK_EQ(layers_walk(&l, 101, BYTES(f, 80), NULL, 0), LAYERS_FRAGMENT);
	CHECK_EQ(l.frag.id, 0xdeadbeef);
	CHECK_EQ(l.frag.offset, 0);
	CHECK(l.frag.more && !l.frag.df);
	CHECK_EQ(l.frag.proto, 60);
	CHECK_EQ(l.frag.header, 48);
	CHECK_EQ(l.frag.data.len, 24);
	CHECK_EQ(layers_resume(&l, BYTES(whole, n + 8), NULL, 0), LAYERS_PACKET);
	CHECK_EQ(l.proto, 6);
	CHECK_EQ(l.dst_port, 80);
	CHECK_EQ(l.checksum, CHECKSUM_GOOD);
	CHECK_EQ(l.ip_len, 48 + 8 + n);
	CHECK(bytes_is(l.payload, wrap_inside));
	packet_be16(f + 50, 0x0fff & ~7u);
	CHECK_EQ(layers_walk(&l, 101, BYTES(f, 80), NULL, 0), LAYERS_FRAGMENT);
	CHECK_EQ(l.frag.offset, 0x0ff8);
	CHECK(!l.frag.more);
	check_case("IPv6 with a routed first piece has no checksum to judge");
	f[6] = 43;
	memcpy(f + 40, "\x2c\0\0\1\0\0\0\0", 8);
	packet_be16(f + 50, 1);
	CHECK_EQ(layers_walk(&l, 101, BYTES(f, 80), NULL, 0), LAYERS_FRAGMENT);
	CHECK_EQ(layers_resume(&l, BYTES(whole, n + 8), NULL, 0), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_UNKNOWN);
}

static void test_fragment_loop(void)
{
	uint8_t six[40 + 16] = { 0x60, [6] = 44 };
	struct layers l;
	enum layers_fate fate;
	unsigned rounds = 0;

	check_case("F6: fragments in fragments without end come to an end");
	packet_be16(six + 4, 16);
	memcpy(six + 40, "\x2c\0\0\1\0\0\0\1", 8);
	fate = layers_walk(&l, 101, BYTES(six, sizeof(six)), NULL, 0);
	while (fate == LAYERS_FRAGMENT && rounds++ < 100)
		fate = layers_resume(&l, BYTES(six + 40, 16), NULL, 0);
	CHECK_EQ(fate, LAYERS_TOO_MANY_LAYERS);
	CHECK_EQ(rounds, LAYERS_MAX);

	check_case("F6: tunnels in fragments count on");
	rounds = 0;
	{
		uint8_t whole[40] = { 0x45, [9] = 4, [3] = 40, [6] = 0x20, [20] = 0x45 };

		fate = layers_walk(&l, 101, BYTES(whole, 40), NULL, 0);
		while (fate == LAYERS_FRAGMENT && rounds++ < 100)
			fate = layers_resume(&l, BYTES(whole, 40), NULL, 0);
	}
	CHECK_EQ(fate, LAYERS_TOO_MANY_LAYERS);
	CHECK(rounds <= LAYERS_TUNNELS_MAX + 1);
}

/* ---- V14 -------------------------------------------------------------------------------- */

static void test_flow_label(void)
{
	struct layers l;
	struct wrap w = start(6);

	check_case("V14, W13: the flow label is the innermost header's, 0 for IPv4");
	w.room[w.at + 1] = 0x0a;
	packet_be16(w.room + w.at + 2, 0xbcde);
	w.six = true;
	wrap_vxlan(&w, 1);
	packet_be16(w.room + w.at + 2, 0x1111);
	wrap_ethernet(&w);
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	CHECK_EQ(l.flow_label, 0xabcde);
	w = start(4);
	w.six = true;
	wrap_ipip(&w, 1);
	packet_be16(w.room + w.at + 2, 0x1111);
	wrap_ethernet(&w);
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	CHECK_EQ(l.flow_label, 0);
}

int main(void)
{
	test_ports();
	test_v13();
	test_teredo();
	test_list();
	test_refusals();
	test_empty();
	test_fates();
	test_checksums();
	test_pseudowires();
	test_depth();
	test_time();
	test_fragments();
	test_fragment6();
	test_fragment_loop();
	test_flow_label();
	return check_end();
}
