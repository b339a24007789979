/* layers_ip: tests of IP options and lengths, and of headers that lie at the end of what is there.
 */
#include "libcommon/net/layers.h"
#include "tests/unit/check.h"
#include "tests/unit/wrap.h"

static enum layers_fate walk_as(struct layers *l, uint32_t link, const uint8_t *frame, size_t n,
				unsigned flags)
{
	uint8_t *copy = malloc(n ? n : 1); /* so that a sanitizer sees one byte too many */
	enum layers_fate fate;

	if (n)
		memcpy(copy, frame, n);
	memset(l, 0xa5, sizeof(*l));
	fate = layers_walk(l, link, BYTES(copy, n), NULL, flags);
	free(copy);
	return fate;
}

static enum layers_fate walk(struct layers *l, uint32_t link, const uint8_t *frame, size_t n)
{
	return walk_as(l, link, frame, n, 0);
}

static struct wrap packet(int version, uint8_t proto)
{
	struct packet_spec s = { .version = version,
				 .proto = proto,
				 .src = { 10, 0, 0, 1 },
				 .dst = { 10, 0, 0, 2 },
				 .sport = 4321,
				 .dport = 80,
				 .flags = TCP_ACK,
				 .payload = "hello",
				 .payload_len = 5 };
	struct wrap w;

	wrap_packet(&w, &s);
	return w;
}

/* An IPv4 packet with options (a multiple of four bytes). */
static struct wrap with_options(const char *options, size_t n)
{
	struct wrap w = packet(4, 6);
	uint8_t *h;

	w.at -= n;
	h = w.room + w.at;
	memmove(h, h + n, 20);
	memcpy(h + 20, options, n);
	h[0] = (uint8_t)(0x45 + n / 4);
	packet_be16(h + 2, (unsigned)wrap_len(&w));
	packet_be16(h + 10, 0);
	packet_be16(h + 10, ~packet_sum(h, 20 + n, 0) & 0xffff);
	return w;
}

static void test_options(void)
{
	static const struct {
		const char *title, *options;
		size_t n;
		enum checksum_state sum;
	} cases[] = {
		{ "a loose source route not used up leaves the sum unjudged", "\1\x83\7\4\1\2\3\4",
		  8, CHECKSUM_UNKNOWN },
		{ "a strict one, too", "\x89\7\4\1\2\3\4\0", 8, CHECKSUM_UNKNOWN },
		{ "one that is used up does not", "\x89\7\x08\1\2\3\4\0", 8, CHECKSUM_GOOD },
		{ "what comes after the end of the options is none", "\0\x83\7\4\1\2\3\4", 8,
		  CHECKSUM_GOOD },
		{ "other options are passed over", "\x94\4\0\0\1\1\1\0", 8, CHECKSUM_GOOD },
		{ "a route behind another option is found", "\x94\4\0\0\x83\7\4\1\2\3\4\0", 12,
		  CHECKSUM_UNKNOWN },
		{ "an option of no length ends them", "\x94\0\x83\7\4\1\2\3", 8, CHECKSUM_GOOD },
		{ "and one that is too long", "\x94\x40\x83\7\4\1\2\3", 8, CHECKSUM_GOOD },
		{ "the longest header there is",
		  "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
		  "\1\1\1\1\1\1\1\1\1\1\1\1\1\1",
		  40, CHECKSUM_GOOD },
	};
	struct layers l;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wrap w = with_options(cases[i].options, cases[i].n);

		check_case(cases[i].title);
		CHECK_EQ(walk(&l, 228, wrap_bytes(&w), wrap_len(&w)), LAYERS_PACKET);
		CHECK_EQ(l.checksum, cases[i].sum);
		CHECK_EQ(l.dst_port, 80);
		CHECK_EQ(l.ip_len, 20 + cases[i].n + 25);
		for (size_t cut = 20; cut < 20 + cases[i].n; cut++)
			CHECK_EQ(walk(&l, 228, wrap_bytes(&w), cut), LAYERS_TRUNCATED_IP);
		w.room[w.at + 22]++;
		CHECK_EQ(walk(&l, 228, wrap_bytes(&w), wrap_len(&w)), LAYERS_PACKET);
		CHECK_EQ(l.checksum, CHECKSUM_BAD);
	}
}

static void test_lengths(void)
{
	struct wrap w = packet(6, 6);
	struct layers l;
	uint8_t *h = w.room + w.at;

	check_case("an IPv6 length of 0 takes what was captured, unless there is no next header");
	packet_be16(h + 4, 0);
	CHECK_EQ(walk(&l, 229, h, wrap_len(&w)), LAYERS_PACKET);
	CHECK_EQ(l.payload.len, 5);
	CHECK_EQ(l.checksum, CHECKSUM_UNKNOWN);
	h[6] = 59;
	CHECK_EQ(walk(&l, 229, h, wrap_len(&w)), LAYERS_PACKET);
	CHECK_EQ(l.payload.len, 0);
	CHECK_EQ(l.ip_len, 40);

	check_case("an IPv6 extension header beyond the packet is bad, beyond the capture cut off");
	w = packet(6, 6);
	h = w.room + w.at;
	h[6] = 60;
	packet_be16(h + 4, 7);
	CHECK_EQ(walk(&l, 229, h, 60), LAYERS_BAD_IP_HEADER);
	packet_be16(h + 4, 100);
	CHECK_EQ(walk(&l, 229, h, 47), LAYERS_TRUNCATED_IP);
	h[40] = 6;
	h[41] = 8;
	CHECK_EQ(walk(&l, 229, h, 60), LAYERS_TRUNCATED_IP);
	check_case("IPv6 whose first four bits are another's");
	h[0] = 0x50;
	CHECK_EQ(walk(&l, 1,
		      (const uint8_t *)"\2\0\0\0\0\2\2\0\0\0\0\1\x86\xdd\x50"
				       "0123456789012345678901234567890123456789",
		      54),
		 LAYERS_BAD_IP_HEADER);
	CHECK_EQ(walk(&l, 101, h, 60), LAYERS_BAD_IP_HEADER);

	check_case("padding behind IPv6 is cut");
	w = packet(6, 17);
	h = w.room + w.at;
	packet_be16(h + 4, 8 + 3);
	packet_be16(h + 44, 0); /* UDP's length: a jumbogram */
	CHECK_EQ(walk(&l, 229, h, wrap_len(&w)), LAYERS_PACKET);
	CHECK_EQ(l.payload.len, 3);
	CHECK_EQ(l.missing, 0);
}

/* Adds to the length of an IP packet, and puts its header's checksum right. */
static void lengthen(uint8_t *h, unsigned more)
{
	if (h[0] >> 4 == 6) {
		packet_be16(h + 4, be16_get(h + 4) + more);
		return;
	}
	packet_be16(h + 2, be16_get(h + 2) + more);
	packet_be16(h + 10, 0);
	packet_be16(h + 10, ~packet_sum(h, 20, 0) & 0xffff);
}

static void test_lies(void)
{
	struct layers l;

	check_case(
		"a length beyond a whole frame is a lie; beyond a snapped one it says what lacks");
	for (int version = 4; version <= 6; version += 2) {
		struct wrap w = packet(version, 6);
		uint8_t *h = w.room + w.at;
		size_t n = wrap_len(&w);

		CHECK_EQ(walk_as(&l, 101, h, n, LAYERS_WHOLE), LAYERS_PACKET);
		CHECK_EQ(walk_as(&l, 101, h, n - 1, LAYERS_WHOLE), LAYERS_BAD_IP_HEADER);
		lengthen(h, 1);
		CHECK_EQ(walk_as(&l, 101, h, n, LAYERS_WHOLE), LAYERS_BAD_IP_HEADER);
		CHECK_EQ(walk_as(&l, 101, h, n, LAYERS_SMALL), LAYERS_PACKET);
		CHECK_EQ(l.missing, 1);
		lengthen(h, -2u);
		CHECK_EQ(walk_as(&l, 101, h, n, LAYERS_WHOLE), LAYERS_PACKET);
		CHECK_EQ(l.payload.len, 4);
		CHECK_EQ(l.missing, 0);
	}
	check_case("so is that of a fragment");
	for (unsigned whole = 0; whole < 2; whole++) {
		struct wrap w = packet(4, 6);

		w.room[w.at + 6] = 0x20;
		lengthen(w.room + w.at, 8);
		CHECK_EQ(walk_as(&l, 101, wrap_bytes(&w), wrap_len(&w), whole ? LAYERS_WHOLE : 0),
			 whole ? LAYERS_BAD_IP_HEADER : LAYERS_FRAGMENT);
	}
	check_case("a length of 0 is a segmenting card's, which a small frame has not seen");
	for (int version = 4; version <= 6; version += 2) {
		struct wrap w = packet(version, 6);

		packet_be16(w.room + w.at + (version == 4 ? 2 : 4), 0);
		CHECK_EQ(walk_as(&l, 101, wrap_bytes(&w), wrap_len(&w), LAYERS_WHOLE),
			 LAYERS_PACKET);
		CHECK_EQ(l.payload.len, 5);
		CHECK_EQ(walk_as(&l, 101, wrap_bytes(&w), wrap_len(&w), LAYERS_SMALL),
			 LAYERS_BAD_IP_HEADER);
		w.room[w.at + 6] = 59;
		if (version == 6)
			CHECK_EQ(walk_as(&l, 101, wrap_bytes(&w), wrap_len(&w), LAYERS_SMALL),
				 LAYERS_PACKET);
	}
	check_case("what a frame's two lengths say");
	CHECK_EQ(layers_flags_of(60, 60), LAYERS_WHOLE | LAYERS_SMALL);
	CHECK_EQ(layers_flags_of(60, 1514), LAYERS_SMALL);
	CHECK_EQ(layers_flags_of(1515, 1515), LAYERS_WHOLE);
	CHECK_EQ(layers_flags_of(60, 1515), 0);
	CHECK_EQ(layers_flags_of(60, 0), LAYERS_SMALL);
}

static void test_lies_in_tunnels(void)
{
	static const struct {
		const char *title;
		wrap_fn *wrap;
		unsigned at, bit; /* into the header of GRE */
		enum layers_fate fate;
	} cases[] = {
		{ "a length beyond the packet outside is a lie", wrap_vxlan, 0, 0,
		  LAYERS_BAD_IP_HEADER },
		{ "in IP, too", wrap_ipip, 0, 0, LAYERS_BAD_IP_HEADER },
		{ "in PPPoE, too", wrap_pppoe, 0, 0, LAYERS_BAD_IP_HEADER },
		{ "ERSPAN tells what was cut", wrap_erspan2, 8 + 2, 4, LAYERS_PACKET },
		{ "and what was not", wrap_erspan2, 0, 0, LAYERS_BAD_IP_HEADER },
		{ "ERSPAN III, too", wrap_erspan3, 8 + 2, 4, LAYERS_PACKET },
		{ "ERSPAN I does not tell", wrap_erspan1, 0, 0, LAYERS_PACKET },
	};
	struct layers l;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wrap w = packet(4, 6);

		check_case(cases[i].title);
		lengthen(w.room + w.at, 10);
		CHECK(cases[i].wrap(&w, 2));
		if (cases[i].bit)
			w.room[w.at + 20 + cases[i].at] |= (uint8_t)cases[i].bit;
		wrap_ethernet(&w);
		CHECK_EQ(walk_as(&l, 1, wrap_bytes(&w), wrap_len(&w), LAYERS_WHOLE), cases[i].fate);
		CHECK_EQ(walk(&l, 1, wrap_bytes(&w), wrap_len(&w)), LAYERS_PACKET);
		CHECK_EQ(l.missing, 10);
	}
	check_case("NFLOG does not tell what its rule's range cuts");
	{
		struct wrap w = packet(4, 6);

		lengthen(w.room + w.at, 10);
		wrap_front(&w, "\2\0\0\1\x31\0\x09\0", 8);
		CHECK_EQ(walk_as(&l, 239, wrap_bytes(&w), wrap_len(&w), LAYERS_WHOLE),
			 LAYERS_PACKET);
		CHECK_EQ(l.missing, 10);
	}
}

static void test_short(void)
{
	static const struct {
		uint8_t proto, header;
	} headers[] = { { 6, 20 }, { 17, 8 }, { 1, 4 }, { 132, 12 } };
	struct layers l;

	check_case("a layer-4 header that the packet is too short for is bad");
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned len = 0; len < headers[i].header; len++) {
			struct wrap w = packet(4, headers[i].proto);

			packet_be16(w.room + w.at + 2, 20 + len);
			CHECK_EQ(walk(&l, 228, wrap_bytes(&w), wrap_len(&w)), LAYERS_BAD_L4_HEADER);
		}
		for (unsigned len = 0; len < headers[i].header; len++) {
			struct wrap w = packet(4, headers[i].proto);

			CHECK_EQ(walk(&l, 228, wrap_bytes(&w), 20 + len), LAYERS_TRUNCATED_L4);
		}
	}
}

/* The rest of what may lead to IP or not. */
static void test_links(void)
{
	static const struct {
		const char *title, *head;
		size_t n;
		uint32_t link;
		enum layers_fate fate;
	} cases[] = {
		{ "the old SAP of IP", "\2\0\0\0\0\2\2\0\0\0\0\1\0\x40\6\6\3", 17, 1,
		  LAYERS_PACKET },
		{ "SNAP of another organisation",
		  "\2\0\0\0\0\2\2\0\0\0\0\1\0\x40\xaa\xaa\3\0\0\x0c\x08\0", 22, 1, LAYERS_NON_IP },
		{ "a whole Ethernet frame behind an ethertype",
		  "\2\0\0\0\0\2\2\0\0\0\0\1\x65\x58\2\0\0\0\0\2\2\0\0\0\0\1\x08\0", 28, 1,
		  LAYERS_PACKET },
		{ "PPP behind an ethertype", "\2\0\0\0\0\2\2\0\0\0\0\1\x88\x0b\0\x21", 16, 1,
		  LAYERS_PACKET },
		{ "MACsec of a short frame", "\2\0\0\0\0\2\2\0\0\0\0\1\x88\xe5\0\x2f\0\0\0\1\x08\0",
		  22, 1, LAYERS_PACKET },
		{ "NSH with an unknown protocol",
		  "\2\0\0\0\0\2\2\0\0\0\0\1\x89\x4f\x0f\xc2\2\x77\0\0\1\xff", 22, 1,
		  LAYERS_NON_IP },
		{ "NFLOG of another family", "\7\0\0\1\x31\0\x09\0", 8, 239, LAYERS_NON_IP },
		{ "a loopback of another family", "\0\0\0\x07", 4, 0, LAYERS_NON_IP },
		{ "Prism too short for its name", "\x44\0\0\0\x08\0\0\0", 8, 119,
		  LAYERS_BAD_LINK_HEADER },
		{ "AVS of another version", "\x80\x31\x10\1\0\0\0\x08", 8, 163,
		  LAYERS_BAD_LINK_HEADER },
		{ "Aruba's frames in GRE",
		  "\x45\0\0\x6b\0\0\0\0\1\x2f\0\0\1\2\3\4\5\6\7\x08\0\0\x82\x40\x08\2\0\0\2\0\0\0\0"
		  "\2"
		  "\2\0\0\0\0\1\2\0\0\0\0\3\0\0\xaa\xaa\3\0\0\0\x08\0",
		  56, 101, LAYERS_PACKET },
	};
	struct layers l;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wrap w = packet(4, 6);

		check_case(cases[i].title);
		wrap_front(&w, cases[i].head, cases[i].n);
		CHECK_EQ(walk(&l, cases[i].link, wrap_bytes(&w), wrap_len(&w)), cases[i].fate);
		if (cases[i].fate == LAYERS_PACKET)
			CHECK(l.dst_port == 80 && l.payload.len == 5);
	}
}

int main(void)
{
	test_options();
	test_lengths();
	test_lies();
	test_lies_in_tunnels();
	test_short();
	test_links();
	return check_end();
}
