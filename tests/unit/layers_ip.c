/* layers_ip: tests of IP options and lengths, and of headers that lie at the end of what is there.
 */
#include "libcommon/net/layers.h"
#include "tests/unit/check.h"
#include "tests/unit/wrap.h"

static enum layers_fate walk(struct layers *l, uint32_t link, const uint8_t *frame, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1); /* so that a sanitizer sees one byte too many */
	enum layers_fate fate;

	if (n)
		memcpy(copy, frame, n);
	memset(l, 0xa5, sizeof(*l));
	fate = layers_walk(l, link, BYTES(copy, n), NULL, 0);
	free(copy);
	return fate;
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
	test_short();
	test_links();
	return check_end();
}
