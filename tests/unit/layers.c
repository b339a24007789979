/* layers: tests of the walk from a frame to its layer-4 packet, and of the checksum. */
#include "libcommon/net/layers.h"

#include <stdlib.h>

#include "libcommon/net/checksum.h"
#include "tests/unit/check.h"
#include "tests/unit/packet.h"

static struct packet_spec tcp4(void)
{
	return (struct packet_spec){ .version = 4,
				     .proto = 6,
				     .src = { 10, 0, 0, 1 },
				     .dst = { 10, 0, 0, 2 },
				     .sport = 4321,
				     .dport = 80,
				     .seq = 1000,
				     .ack = 2000,
				     .flags = TCP_ACK | TCP_PSH,
				     .window = 512,
				     .payload = "hello",
				     .payload_len = 5 };
}

static enum layers_fate parse_cut(struct layers *l, uint32_t link, const uint8_t *frame, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1); /* so that a sanitizer sees one byte too many */
	enum layers_fate fate;

	memcpy(copy, frame, n);
	fate = layers_walk(l, link, BYTES(copy, n), &layers_none, 0);
	free(copy);
	return fate;
}

static void test_basic(void)
{
	uint8_t f[256];
	struct layers l;
	struct packet_spec s = tcp4();
	size_t n = packet_build(f, &s);

	check_case("an Ethernet IPv4 TCP frame gives all its fields");
	CHECK_EQ(layers_walk(&l, 1, BYTES(f, n), &layers_none, 0), LAYERS_PACKET);
	CHECK_EQ(l.ip_version, 4);
	CHECK_EQ(l.proto, 6);
	CHECK_EQ(l.src_port, 4321);
	CHECK_EQ(l.dst_port, 80);
	CHECK_EQ(l.seq, 1000);
	CHECK_EQ(l.ack, 2000);
	CHECK_EQ(l.tcp_flags, TCP_ACK | TCP_PSH);
	CHECK_EQ(l.window, 512);
	CHECK_EQ(l.ip_len, 45);
	CHECK_EQ(l.missing, 0);
	CHECK_EQ(l.checksum, CHECKSUM_GOOD);
	CHECK(bytes_is(l.payload, "hello"));
	CHECK(l.l2_src && l.l2_src[5] == 1 && l.l2_dst[5] == 2);

	check_case("Ethernet padding is not payload");
	s.padding = 9;
	s.payload_len = 0;
	n = packet_build(f, &s);
	CHECK_EQ(layers_walk(&l, 1, BYTES(f, n), &layers_none, 0), LAYERS_PACKET);
	CHECK_EQ(l.payload.len, 0);
	CHECK_EQ(l.missing, 0);

	check_case("IPv6 over UDP, checksum good; one flipped bit makes it bad");
	s = (struct packet_spec){ .version = 6,
				  .proto = 17,
				  .src = { 0x20, 1, 0xd, 0xb8, [15] = 1 },
				  .dst = { 0x20, 1, 0xd, 0xb8, [15] = 2 },
				  .sport = 53,
				  .dport = 5353,
				  .payload = "abc",
				  .payload_len = 3 };
	n = packet_build(f, &s);
	CHECK_EQ(layers_walk(&l, 1, BYTES(f, n), &layers_none, 0), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_GOOD);
	CHECK(bytes_is(l.payload, "abc"));
	f[n - 1] ^= 1;
	CHECK_EQ(layers_walk(&l, 1, BYTES(f, n), &layers_none, 0), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_BAD);
	CHECK_EQ(layers_walk(&l, 1, BYTES(f, n), &layers_none, LAYERS_NO_CHECKSUM), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_UNKNOWN);
}

static void test_snapped(void)
{
	uint8_t f[256];
	struct layers l;
	struct packet_spec s = tcp4();
	size_t n = packet_build(f, &s);

	check_case("a snapped payload is missing, and its checksum is not judged");
	CHECK_EQ(layers_walk(&l, 1, BYTES(f, n - 3), &layers_none, 0), LAYERS_PACKET);
	CHECK_EQ(l.payload.len, 2);
	CHECK_EQ(l.missing, 3);
	CHECK_EQ(l.checksum, CHECKSUM_UNKNOWN);

	check_case("a capture that ends in TCP's options still gives the header");
	s.options = (const uint8_t *)"\1\1\x8\xa\0\0\0\1\0\0\0\2";
	s.options_len = 12;
	n = packet_build(f, &s);
	CHECK_EQ(layers_walk(&l, 1, BYTES(f, 14 + 20 + 24), &layers_none, 0), LAYERS_PACKET);
	CHECK_EQ(l.tcp_options.len, 4);
	CHECK_EQ(l.payload.len, 0);
	CHECK_EQ(l.missing, 5);

	check_case("an IP total length of 0 takes what was captured");
	s = tcp4();
	n = packet_build(f, &s);
	f[16] = f[17] = 0;
	CHECK_EQ(layers_walk(&l, 1, BYTES(f, n), &layers_none, 0), LAYERS_PACKET);
	CHECK(bytes_is(l.payload, "hello"));
	CHECK_EQ(l.checksum, CHECKSUM_UNKNOWN);
}

static void test_vlan(void)
{
	uint8_t head[128] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
	static const uint16_t tags[3] = { 0x8100, 0x88a8, 0x9100 };
	uint8_t f[256];
	struct layers l;
	struct packet_spec s = tcp4();
	size_t n;

	for (unsigned depth = 1; depth <= 16; depth++) {
		for (unsigned i = 0; i < depth; i++) {
			packet_be16(head + 12 + i * 4, tags[i % 3]);
			packet_be16(head + 14 + i * 4, 0x2000 | (i + 1));
		}
		packet_be16(head + 12 + depth * 4, 0x0800);
		s.head = head;
		s.head_len = 14 + depth * 4;
		n = packet_build(f, &s);
		if (depth == 1)
			check_case(
				"VLAN tags of three kinds are read in any depth up to the limit");
		if (depth == 15)
			check_case("more than 16 headers are too many layers");
		if (depth <= 14) {
			CHECK_EQ(layers_walk(&l, 1, BYTES(f, n), &layers_none, 0), LAYERS_PACKET);
			CHECK_EQ(l.nvlans, depth);
			CHECK_EQ(l.vlans[0], 1);
			CHECK_EQ(l.vlans[depth - 1], depth);
			CHECK(bytes_is(l.payload, "hello"));
		} else {
			CHECK_EQ(layers_walk(&l, 1, BYTES(f, n), &layers_none, 0),
				 LAYERS_TOO_MANY_LAYERS);
		}
	}
	check_case("a priority tag is no VLAN");
	packet_be16(head + 12, 0x8100);
	packet_be16(head + 14, 0xe000);
	packet_be16(head + 16, 0x0800);
	s.head_len = 18;
	n = packet_build(f, &s);
	CHECK_EQ(layers_walk(&l, 1, BYTES(f, n), &layers_none, 0), LAYERS_PACKET);
	CHECK_EQ(l.nvlans, 0);
}

#define SNAP "\xaa\xaa\3\0\0\0\x08\0"
#define WLAN(control) control "\0\0\4\0\0\0\0\4\2\0\0\0\0\1\2\0\0\0\0\2\0\0" SNAP
#define WLAN_QOS "\x88\2\0\0\2\0\0\0\0\2\4\0\0\0\0\4\2\0\0\0\0\1\0\0\0\0"
#define NFLOG_LITTLE "\2\0\0\1\x08\0\1\0\x08\0\3\0\x05\0\x0a\0x\0\0\0\x31\0\x09\0"
#define NFLOG_BIG "\x0a\0\0\1\0\x08\0\1\x08\0\3\0\0\x05\0\x0ax\0\0\0\0\x45\0\x09"

static const struct link {
	const char *title;
	uint32_t link_type;
	int version;
	const char *head;
	size_t len;
} links[] = {
	{ "W19: NULL, little-endian host", 0, 4, "\2\0\0\0", 4 },
	{ "W19: NULL, big-endian host", 0, 4, "\0\0\0\2", 4 },
	{ "NULL, IPv6 of macOS", 0, 6, "\36\0\0\0", 4 },
	{ "NULL, IPv6 of FreeBSD", 0, 6, "\34\0\0\0", 4 },
	{ "LOOP", 108, 6, "\0\0\0\30", 4 },
	{ "W19: RAW", 101, 4, "", 0 },
	{ "RAW, IPv6", 101, 6, "", 0 },
	{ "RAW of OpenBSD", 14, 4, "", 0 },
	{ "RAW as DLT 12", 12, 4, "", 0 },
	{ "IPV4", 228, 4, "", 0 },
	{ "IPV6", 229, 6, "", 0 },
	{ "W19: LINUX_SLL", 113, 4, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0", 16 },
	{ "W19: LINUX_SLL2", 276, 6, "\x86\xdd\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0", 20 },
	{ "PPP with address and control", 9, 4, "\xff\3\0\x21", 4 },
	{ "PPP, protocol in one byte", 9, 6, "\x57", 1 },
	{ "C-HDLC", 104, 4, "\x0f\0\x08\0", 4 },
	{ "PPP_ETHER", 51, 4, "\x11\0\0\1\1\0\0\x21", 8 },
	{ "C-HDLC, IPv6", 104, 6, "\x8f\0\x86\xdd", 4 },
	{ "FDDI with SNAP", 10, 4, "\x57\2\0\0\0\0\2\2\0\0\0\0\1\xaa\xaa\3\0\0\0\x08\0", 21 },
	{ "NFLOG of a little-endian host", 239, 4, NFLOG_LITTLE, sizeof(NFLOG_LITTLE) - 1 },
	{ "NFLOG of a big-endian host", 239, 6, NFLOG_BIG, sizeof(NFLOG_BIG) - 1 },
	{ "802.11 to the distribution system", 105, 4, WLAN("\x08\1"), 32 },
	{ "802.11 from the distribution system, with IEEE 802.1H", 105, 4,
	  "\x08\2\0\0\2\0\0\0\0\2\4\0\0\0\0\4\2\0\0\0\0\1\0\0\xaa\xaa\3\0\0\xf8\x08\0", 32 },
	{ "radiotap with a time, padding behind a QoS header", 127, 4,
	  "\0\0\x12\0\3\0\0\0\1\2\3\4\5\6\7\x08\x20\0" WLAN_QOS "\0\0" SNAP, 18 + 28 + 8 },
	{ "radiotap with two words of what is present", 127, 4,
	  "\0\0\x10\0\2\0\0\x80\0\0\0\0\0\0\0\0" WLAN_QOS SNAP, 16 + 26 + 8 },
	{ "Prism", 119, 4, "\x44\0\0\0\x18\0\0\0wlan0\0\0\0\0\0\0\0\0\0\0\0" WLAN_QOS SNAP,
	  24 + 26 + 8 },
	{ "AVS under Prism's number", 119, 4, "\x80\x21\x10\1\0\0\0\x0c\0\0\0\0" WLAN_QOS SNAP,
	  12 + 26 + 8 },
	{ "AVS", 163, 6, "\x80\x21\x10\1\0\0\0\x08" WLAN_QOS "\xaa\xaa\3\0\0\0\x86\xdd",
	  8 + 26 + 8 },
	{ "802.11 of one frame in an A-MSDU", 105, 4,
	  "\x88\1\0\0\2\0\0\0\0\2\2\0\0\0\0\1\2\0\0\0\0\3\0\0\x80\0"
	  "\2\0\0\0\0\3\2\0\0\0\0\1\0\x35" SNAP,
	  26 + 14 + 8 },
	{ "802.11 with four addresses", 105, 4,
	  "\x08\3\0\0\2\0\0\0\0\x0a\2\0\0\0\0\x0b\2\0\0\0\0\2\0\0\2\0\0\0\0\1" SNAP, 30 + 8 },
	{ "802.3 with SNAP", 1, 4, "\2\0\0\0\0\2\2\0\0\0\0\1\0\x40\xaa\xaa\3\0\0\0\x08\0", 22 },
};

/* Where a link has both addresses, the sender's ends in 1 and the receiver's in 2 or 3. */
static void check_addresses(uint32_t link_type, const uint8_t *f, size_t n)
{
	struct layers l;

	layers_walk(&l, link_type, BYTES(f, n), &layers_none, 0);
	if (l.l2_src)
		CHECK(l.l2_src[0] == 2 && l.l2_src[5] == 1);
	if (l.l2_dst)
		CHECK(l.l2_dst[0] == 2 && (l.l2_dst[5] == 2 || l.l2_dst[5] == 3));
	CHECK_EQ(l.l2_dst != NULL, link_type == 1 || link_type == 10 || link_type == 105 ||
					   link_type == 119 || link_type == 127 ||
					   link_type == 163);
}

static void test_wlan(void)
{
	static const struct {
		const char *title, *head;
		enum layers_fate fate;
	} cases[] = {
		{ "a beacon is management", WLAN("\x80\0"), LAYERS_WLAN_MANAGEMENT },
		{ "an acknowledgement is control", WLAN("\xd4\0"), LAYERS_WLAN_CONTROL },
		{ "a null frame has no data", WLAN("\x48\1"), LAYERS_WLAN_NO_DATA },
		{ "a protected frame is encrypted", WLAN("\x08\x41"), LAYERS_ENCRYPTED_WLAN },
		{ "more fragments", WLAN("\x08\5"), LAYERS_WLAN_FRAGMENT },
		{ "a version to come", WLAN("\x09\1"), LAYERS_BAD_LINK_HEADER },
		{ "two frames in an A-MSDU",
		  "\x88\1\0\0\2\0\0\0\0\2\2\0\0\0\0\1\2\0\0\0\0\3\0\0\x80\0"
		  "\2\0\0\0\0\3\2\0\0\0\0\1\0\x10",
		  LAYERS_WLAN_AMSDU },
	};
	struct layers l;
	uint8_t f[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet_spec s = tcp4();
		size_t n;

		check_case(cases[i].title);
		s.head = (const uint8_t *)cases[i].head;
		s.head_len = i == 6 ? 40 : 32;
		n = packet_build(f, &s);
		CHECK_EQ(parse_cut(&l, 105, f, n), cases[i].fate);
	}
	check_case("radiotap: a bad frame check is counted, a length that can't be is bad");
	memset(f, 0, sizeof(f));
	memcpy(f, "\0\0\x09\0\2\0\0\0\x50", 9);
	CHECK_EQ(parse_cut(&l, 127, f, 100), LAYERS_WLAN_BAD_FCS);
	f[2] = 7;
	CHECK_EQ(parse_cut(&l, 127, f, 100), LAYERS_BAD_LINK_HEADER);
	f[2] = 8;
	CHECK_EQ(parse_cut(&l, 127, f, 100), LAYERS_BAD_LINK_HEADER);
	memcpy(f, "\0\0\x0c\0\0\0\0\x80\0\0\0\x80", 12);
	CHECK_EQ(parse_cut(&l, 127, f, 100), LAYERS_BAD_LINK_HEADER);
	check_case("NFLOG: an attribute shorter than its header, a version to come");
	memcpy(f, "\2\0\0\1\3\0\1\0", 8);
	CHECK_EQ(parse_cut(&l, 239, f, 100), LAYERS_BAD_LINK_HEADER);
	f[1] = 1;
	CHECK_EQ(parse_cut(&l, 239, f, 100), LAYERS_BAD_LINK_HEADER);
	check_case("FDDI: a token is not IP");
	f[0] = 0x80;
	CHECK_EQ(parse_cut(&l, 10, f, 100), LAYERS_NON_IP);
}

static void test_names(void)
{
	check_case("each fate and each kind has a name of its own");
	for (unsigned i = 0; i < LAYERS_FATES; i++) {
		for (unsigned j = 0; j < i; j++)
			CHECK(strcmp(layers_fate_name((enum layers_fate)i),
				     layers_fate_name((enum layers_fate)j)));
	}
	for (unsigned i = 0; i < LAYERS_KINDS; i++) {
		for (unsigned j = 0; j < i; j++)
			CHECK(strcmp(layers_kind_name((enum layers_kind)i),
				     layers_kind_name((enum layers_kind)j)));
	}
	CHECK(!strcmp(layers_fate_name(LAYERS_FATES), "other"));
	CHECK(!strcmp(layers_kind_name(LAYERS_KINDS), "other"));
}

static void test_links(void)
{
	uint8_t f[256];
	struct layers l;

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		const struct link *k = &links[i];
		struct packet_spec s = tcp4();
		size_t n, ip = k->version == 4 ? 20 : 40;

		check_case(k->title);
		s.version = k->version;
		s.head = (const uint8_t *)k->head;
		s.head_len = k->len;
		n = packet_build(f, &s);
		CHECK_EQ(parse_cut(&l, k->link_type, f, n), LAYERS_PACKET);
		CHECK_EQ(l.payload.len, 5);
		CHECK_EQ(l.checksum, CHECKSUM_GOOD);
		check_addresses(k->link_type, f, n);
		for (size_t cut = 0; cut < n; cut++) {
			enum layers_fate fate = parse_cut(&l, k->link_type, f, cut);

			if (cut < k->len)
				CHECK_EQ(fate, LAYERS_TRUNCATED_LINK);
			else if (cut < k->len + ip)
				CHECK_EQ(fate, LAYERS_TRUNCATED_IP);
			else if (cut < k->len + ip + 20)
				CHECK_EQ(fate, LAYERS_TRUNCATED_L4);
			else
				CHECK_EQ(fate, LAYERS_PACKET);
		}
	}
	check_case("a link type nobody knows");
	CHECK_EQ(parse_cut(&l, 4711, f, 60), LAYERS_UNKNOWN_LINK_TYPE);
	check_case("ARP and other network protocols are told apart");
	memset(f, 0, sizeof(f));
	packet_be16(f + 12, 0x0806);
	CHECK_EQ(parse_cut(&l, 1, f, 60), LAYERS_ARP);
	packet_be16(f + 12, 0x88cc);
	CHECK_EQ(parse_cut(&l, 1, f, 60), LAYERS_NON_IP);
	packet_be16(f + 12, 39);
	f[14] = f[15] = 0x42;
	CHECK_EQ(parse_cut(&l, 1, f, 60), LAYERS_NON_IP);
}

static void test_bad(void)
{
	uint8_t f[256];
	struct layers l;
	struct packet_spec s = tcp4();
	size_t n = packet_build(f, &s);

	check_case("IP headers that can't be are refused");
	f[14] = 0x44; /* header length 16 */
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_BAD_IP_HEADER);
	f[14] = 0x65; /* version 6 in an IPv4 frame */
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_BAD_IP_HEADER);
	f[14] = 0x45;
	packet_be16(f + 16, 19); /* total below the header */
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_BAD_IP_HEADER);

	check_case("layer-4 headers that do not fit are refused");
	packet_build(f, &s);
	packet_be16(f + 16, 20 + 19);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_BAD_L4_HEADER);
	packet_build(f, &s);
	f[14 + 20 + 12] = 0x40; /* data offset 16 */
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_BAD_L4_HEADER);
	f[14 + 20 + 12] = 0xf0; /* 60 bytes of 25 */
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_BAD_L4_HEADER);

	check_case("fragments are told apart, the first one too");
	packet_build(f, &s);
	packet_be16(f + 20, 0x2000);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_FRAGMENT);
	packet_be16(f + 20, 0x0003);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_FRAGMENT);
	packet_be16(f + 20, 0x4000); /* don't fragment */
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);

	check_case("a bad IP header checksum counts as a bad checksum");
	packet_build(f, &s);
	f[24] ^= 0xff;
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_BAD);
}

/* Puts extension headers between the IPv6 header and TCP. */
static size_t with_extensions(uint8_t *f, const uint8_t *ext, size_t len, uint8_t first)
{
	struct packet_spec s = tcp4();
	size_t n;

	s.version = 6;
	n = packet_build(f, &s);
	memmove(f + 54 + len, f + 54, n - 54);
	memcpy(f + 54, ext, len);
	packet_be16(f + 18, (unsigned)(n - 54 + len));
	f[20] = first;
	return n + len;
}

static void test_ipv6(void)
{
	uint8_t f[512], many[9 * 8] = { 0 };
	struct layers l;
	size_t n;

	check_case("hop-by-hop, routing, destination options and AH are walked");
	n = with_extensions(f,
			    (const uint8_t *)"\53\0\0\0\0\0\0\0"
					     "\74\0\0\0\0\0\0\0"
					     "\63\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
					     "\6\1\0\0\0\0\0\0\0\0\0\0",
			    44, 0);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	CHECK_EQ(l.proto, 6);
	CHECK(l.payload.len == 5);
	CHECK_EQ(l.checksum, CHECKSUM_GOOD);

	check_case("an atomic fragment is whole, any other is a fragment");
	n = with_extensions(f, (const uint8_t *)"\6\0\0\0\0\0\0\1", 8, 44);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	f[57] = 1;
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_FRAGMENT);
	CHECK_EQ(l.proto, 6);

	check_case("nine extension headers are too many");
	for (unsigned i = 0; i < 9; i++)
		many[i * 8] = i == 8 ? 6 : 60;
	n = with_extensions(f, many, sizeof(many), 60);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_TOO_MANY_LAYERS);
	n = with_extensions(f, many + 8, sizeof(many) - 8, 60);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);

	check_case("an extension header longer than its packet is refused");
	n = with_extensions(f, (const uint8_t *)"\6\xff\0\0\0\0\0\0", 8, 60);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_BAD_IP_HEADER);

	check_case("a route not yet used up leaves the checksum unjudged");
	n = with_extensions(f, (const uint8_t *)"\6\0\0\1\0\0\0\0", 8, 43);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_UNKNOWN);
}

/* The sum was made over addresses that a header tells; the packet's own are others. */
static void test_ipv6_ends(void)
{
	uint8_t f[512], home[24] = { 6, 2, 1, 2, 0, 0, 0xc9, 16 };
	uint8_t route[40] = { 6, 4, 0, 1 };
	struct layers l;
	size_t n;

	check_case("a sum is over the home address, where one is told (RFC 6275)");
	n = with_extensions(f, home, sizeof(home), 60);
	memcpy(f + 54 + 8, f + 22, 16);
	f[22 + 15] ^= 0x55;
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_GOOD);
	f[54 + 8] ^= 1;
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_BAD);

	check_case("and over the last address of a route that is not used up");
	for (uint8_t type = 0; type <= 4; type += 2) {
		route[2] = type;
		n = with_extensions(f, route, sizeof(route), 43);
		memcpy(f + 54 + (type == 4 ? 8 : 24), f + 38, 16);
		f[38 + 15] ^= 0x55;
		CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
		CHECK_EQ(l.checksum, CHECKSUM_GOOD);
		f[n - 1] ^= 1;
		CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
		CHECK_EQ(l.checksum, CHECKSUM_BAD);
		f[54 + 2] = 3; /* compressed */
		CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
		CHECK_EQ(l.checksum, CHECKSUM_UNKNOWN);
	}
}

static void test_others(void)
{
	uint8_t f[256];
	struct layers l;
	struct packet_spec s = tcp4();
	size_t n;

	check_case("UDP: no checksum is not judged, a short length cuts, a long one is missing");
	s.proto = 17;
	n = packet_build(f, &s);
	f[14 + 20 + 6] = f[14 + 20 + 7] = 0;
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_UNKNOWN);
	packet_be16(f + 14 + 24, 10);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	CHECK_EQ(l.payload.len, 2);
	packet_be16(f + 14 + 24, 20);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	CHECK_EQ(l.payload.len, 5);
	CHECK_EQ(l.missing, 7);
	packet_be16(f + 14 + 24, 7);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_BAD_L4_HEADER);

	check_case("ICMP and ICMPv6 give type and code; SCTP its tag");
	s.proto = 1;
	s.sport = 8;
	s.dport = 0;
	n = packet_build(f, &s);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	CHECK_EQ(l.src_port, 8);
	CHECK_EQ(l.checksum, CHECKSUM_GOOD);
	s.proto = 58;
	s.version = 6;
	s.sport = 128;
	n = packet_build(f, &s);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	CHECK_EQ(l.checksum, CHECKSUM_GOOD);
	s.proto = 132;
	s.seq = 77;
	n = packet_build(f, &s);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	CHECK_EQ(l.seq, 77);

	check_case("other protocols are packets by their number, without ports");
	s.proto = 47;
	n = packet_build(f, &s);
	CHECK_EQ(parse_cut(&l, 1, f, n), LAYERS_PACKET);
	CHECK_EQ(l.proto, 47);
	CHECK_EQ(l.src_port, 0);
	CHECK(l.payload.len == 5);
}

static void test_checksum(void)
{
	uint8_t b[400];
	uint32_t x = 1;

	check_case("each fast sum equals the plain one for every length and alignment");
	for (unsigned i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	for (unsigned at = 0; at < 33; at++) {
		for (unsigned n = 0; n + at <= sizeof(b); n++) {
			uint16_t want = __builtin_bswap16(packet_sum(b + at, n, 0));

			CHECK_EQ(checksum_fold(checksum_add(0, BYTES(b + at, n))), want);
			if (n >= CHECKSUM_LONG)
				CHECK_EQ(checksum_fold(checksum_long_plain(BYTES(b + at, n))),
					 want);
		}
	}
	check_case("no byte beyond the end is read, and none is left out");
	for (unsigned n = CHECKSUM_LONG; n < 3 * CHECKSUM_LONG + 2; n++) {
		uint8_t *own = malloc(n);

		for (unsigned at = 0; at < n; at++) {
			memset(own, 0, n);
			own[at] = 1;
			CHECK_EQ(checksum_fold(checksum_add(0, BYTES(own, n))), at & 1 ? 256 : 1);
		}
		free(own);
	}
	check_case(
		"the sum of two pieces is that of the whole where the first one's length is even");
	for (unsigned n = 0; n <= sizeof(b); n += 2) {
		uint64_t sum = checksum_add(0, BYTES(b, n));

		CHECK_EQ(checksum_fold(checksum_add(sum, BYTES(b + n, sizeof(b) - n))),
			 checksum_fold(checksum_add(0, BYTES(b, sizeof(b)))));
	}
	check_case("all ones over a full-size packet do not overflow");
	memset(b, 0xff, sizeof(b));
	CHECK_EQ(checksum_fold(checksum_add(UINT64_C(0xffffffffffff), BYTES(b, 300))), 0xffff);
	check_case("the example of RFC 1071 section 3");
	CHECK_EQ(checksum_fold(checksum_add(0, BYTES("\0\1\xf2\3\xf4\xf5\xf6\xf7", 8))),
		 __builtin_bswap16(0xddf2));
}

int main(void)
{
	test_basic();
	test_snapped();
	test_vlan();
	test_links();
	test_wlan();
	test_names();
	test_bad();
	test_ipv6();
	test_ipv6_ends();
	test_others();
	test_checksum();
	return check_end();
}
