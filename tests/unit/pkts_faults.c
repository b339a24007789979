/* pkts_faults: what pkts 0.2.1 does wrong, each as a test of what is right here. Those of rscap
 * stand where a ring, a socket or an interface is: capture_ring.c, send.bats, capture.bats,
 * interfaces.bats. */
#include "libcommon/net/defrag.h"
#include "libcommon/packet/expr.h"
#include "libcommon/packet/sums.h"
#include "tests/unit/check.h"
#include "tests/unit/packet_made.h"
#include "tests/unit/stream_talk.h"

/* ---- layers ---- */

static bool hex_is(const char *text, const char *hex)
{
	struct packet p = build(text);
	char have[512];

	for (size_t i = 0; i < p.data.len && i < 255; i++)
		snprintf(have + 2 * i, 3, "%02x", p.data.ptr[i]);
	return p.data.len && !strcmp(have, hex);
}

static bool sum_is_right(const struct packet *p, unsigned node)
{
	struct pkt_sum_of s;

	return pkt_sum_find(p, node, &s) && s.known && s.covered &&
	       pkt_bits_get(p->data.ptr, s.place.at, s.place.bits) ==
		       pkt_sum_value(&s, pkt_sum_over(p, node, &s));
}

/* Taken apart again: the layers, as a path of names. */
static const char *layers_of(const char *text)
{
	static char path[200];
	struct packet made_of = build(text), p;

	pkt_dissect(&p, 1, made_of.data);
	path[0] = 0;
	for (unsigned i = 0; i < p.n; i++)
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s%s", i ? "/" : "",
			 pkt_layers[p.node[i].layer].id);
	return path;
}

static void layers(void)
{
	struct packet p, q;

	check_case("pkts: Ethernet is dst, src, type on the wire (dst and src were swapped)");
	CHECK(hex_is("eth(dst=01:02:03:04:05:06,src=0a:0b:0c:0d:0e:0f,type=0x1234)",
		     "0102030405060a0b0c0d0e0f1234"));
	check_case(
		"pkts: Ethernet's type is that of its payload, which may be any (it panicked, or "
		"wrote another; IPv6 was 0x0800)");
	CHECK(hex_is("eth(dst=01:02:03:04:05:06,src=0a:0b:0c:0d:0e:0f)/"
		     "ipv6(nh=59,src=::1,dst=::2)",
		     "0102030405060a0b0c0d0e0f86dd6000000000003b40"
		     "0000000000000000000000000000000100000000000000000000000000000002"));
	CHECK(!strcmp(layers_of("eth/arp"), "eth/arp"));
	CHECK(!strcmp(layers_of("eth/vlan/ipv6/udp"), "eth/vlan/ipv6/udp"));
	check_case("pkts: an Ethernet frame is judged by its type at byte 12 (it looked at 10)");
	pkt_dissect(&p, 1,
		    BYTES("\1\1\1\1\1\1\2\2\2\2\x08\x00\x12\x34"
			  "x",
			  15));
	CHECK(p.n == 2 && p.node[1].layer == PKT_raw);
	check_case("pkts: an IPv4 packet with a payload can be written (it panicked)");
	CHECK(hex_is("ip(src=10.0.0.2,dst=10.0.0.1)/udp(sport=1,dport=2)/\"hi\"",
		     "4500001e00010000401166cc0a0000020a00000100010002000a836b6869"));
	check_case("pkts: IPv6 has its length, and its extension headers are part of the chain");
	p = build("ipv6/hbh/frag(m=0)/dstopts/udp/\"abc\"");
	CHECK_EQ(be16_get(p.data.ptr + 4), p.data.len - 40);
	CHECK(!strcmp(layers_of("eth/ipv6/hbh/routing/frag/dstopts/ah/tcp"),
		      "eth/ipv6/hbh/routing/frag/dstopts/ah/tcp"));
	check_case("pkts: UDP's checksum comes by itself, and without IP below it is none, not an "
		   "error");
	p = build("ip/udp/\"abc\"");
	CHECK(sum_is_right(&p, 1));
	CHECK(hex_is("udp(sport=1,dport=2)", "0001000200080000"));
	check_case("pkts: TCP keeps seq, data offset, urgent pointer, options and payload (they "
		   "were lost, or written over)");
	CHECK(hex_is(
		"tcp(sport=20,dport=80,seq=1,ack=2,flags=A,urgptr=3,options=[mss(1460)])/\"x\"",
		"00140050000000010000000260102000000000030204"
		"05b478"));
	check_case("pkts: a TCP segment of 25 bytes is 25 bytes long (it was 40)");
	p = build("tcp/\"abcde\"");
	pkt_dissect_from(&q, PKT_tcp, p.data);
	CHECK(p.data.len == 25 && q.n == 2 && q.node[0].len == 20 && q.node[1].len == 5);
	check_case("pkts: each TCP option can be written and is taken apart the same");
	p = build(
		"ip/tcp(options=[mss(1400),wscale(7),sackok,sack([block(1,2)]),ts(1,2),nop,eol])");
	pkt_dissect_from(&q, PKT_ip, p.data);
	CHECK_EQ(p.data.len, 20 + 20 + 4 + 3 + 2 + 10 + 10 + 1 + 1 + 1);
	CHECK(q.n == 2 && q.fault.class == PKT_SOUND);
	check_case("pkts: ICMP and ICMPv6 are layers (there was none)");
	CHECK(!strcmp(layers_of("eth/ip/icmp"), "eth/ip/icmp"));
	CHECK(!strcmp(layers_of("eth/ipv6/icmpv6"), "eth/ipv6/icmpv6"));
}

static void sums(void)
{
	struct packet p, q;

	check_case("pkts: checksums are stored, not written to a copy");
	p = build("ip/tcp/\"abc\"");
	CHECK(sum_is_right(&p, 0) && sum_is_right(&p, 1));
	CHECK(be16_get(p.data.ptr + 10) && be16_get(p.data.ptr + 36));
	check_case("pkts: IPv4's is the complement of a sum over the header alone");
	q = build("ip(id=7)/udp(chksum=0)");
	CHECK_EQ(be16_get(q.data.ptr + 10), 0x7cc8); /* by hand: 4500+1c+7+4011+7f00+1+7f00+1 */
	check_case("pkts: SCTP's CRC32c is computed (it was 0)");
	p = build("ip/sctp(sport=1,dport=2,tag=3)/data(tsn=1,data=\"x\")");
	CHECK(sum_is_right(&p, 1) && be32_get(p.data.ptr + 28) != 0);
	check_case("pkts: a bad sum that was asked for is sent");
	CHECK_EQ(be16_get(build("ip(chksum=!0xdead)/udp").data.ptr + 10), 0xdead);
}

static void operations(void)
{
	struct packet p = build("eth/ip/udp");

	check_case("pkts: a layer that is not there is no match (it ended the program)");
	CHECK_EQ(pkt_find(&p, PKT_tcp, 0), -1);
	CHECK_EQ(pkt_find(&p, PKT_ip, 1), -1);
	check_case(
		"pkts: bytes that no layer can be are raw, or a fault that names layer and field, "
		"never a panic");
	for (size_t len = 0; len < p.data.len; len++) {
		struct packet q;

		pkt_dissect(&q, 1, BYTES(p.data.ptr, len));
		CHECK(len == 0 || q.n > 0);
		CHECK(q.fault.class == PKT_INSUFFICIENT_BYTES || len == 0 || len == 14);
	}
	check_case("pkts: a layer of one's own is a row of the table, no cast that can't succeed");
	CHECK(!strcmp(layers_of("eth/ip/udp/vxlan/eth/ip/gre/eth/arp"),
		      "eth/ip/udp/vxlan/eth/ip/gre/eth/arp"));
}

/* ---- sequences ---- */

static uint64_t memory[(32 << 20) / 8];
static unsigned lost;

static void on_gone(void *user, const struct defrag_gone *g)
{
	(void)user;
	lost += g->frames;
}

static enum defrag_result piece(struct defrag *d, struct defrag_answer *a, uint8_t host,
				uint32_t id, uint32_t offset, const char *text, bool more)
{
	static uint64_t frame;
	const uint8_t src[4] = { 192, 0, 2, host }, dst[4] = { 192, 0, 2, 99 };
	struct defrag_piece p = {
		.ip_version = 4,
		.proto = 17,
		.more = more,
		.src = src,
		.dst = dst,
		.id = id,
		.offset = offset,
		.claimed = (uint32_t)strlen(text),
		.data = bytes_str(text),
		.n = ++frame,
		.ts = 1000,
	};

	return defrag_push(d, &p, a);
}

static void fragments(void)
{
	struct defrag_config config = { .gone = on_gone };
	struct defrag *d = defrag_init(memory, &config);
	struct defrag_answer a;

	check_case("pkts: fragments of two hosts with one id never meet (they were joined)");
	CHECK(piece(d, &a, 1, 7, 0, "AAAAAAAA", true) == DEFRAG_HELD);
	CHECK(piece(d, &a, 2, 7, 8, "bbbbbbbb", false) == DEFRAG_HELD);
	CHECK(piece(d, &a, 1, 7, 8, "BBBBBBBB", false) == DEFRAG_WHOLE);
	CHECK(bytes_is(a.data, "AAAAAAAABBBBBBBB"));
	check_case("pkts: a last fragment whose length is no multiple of eight completes the "
		   "datagram (it was dropped)");
	for (unsigned len = 1; len < 8; len++) {
		char tail[8] = "1234567";

		tail[len] = 0;
		CHECK(piece(d, &a, 1, 20 + len, 0, "AAAAAAAA", true) == DEFRAG_HELD);
		CHECK(piece(d, &a, 1, 20 + len, 8, tail, false) == DEFRAG_WHOLE);
		CHECK_EQ(a.data.len, 8 + len);
	}
	check_case("pkts: fragments may come in any order (the last one first panicked)");
	CHECK(piece(d, &a, 1, 40, 16, "CC", false) == DEFRAG_HELD);
	CHECK(piece(d, &a, 1, 40, 8, "BBBBBBBB", true) == DEFRAG_HELD);
	CHECK(piece(d, &a, 1, 40, 0, "AAAAAAAA", true) == DEFRAG_WHOLE);
	CHECK(bytes_is(a.data, "AAAAAAAABBBBBBBBCC"));
	check_case("pkts: an overlap goes by a policy and is reported (the last write won in "
		   "silence)");
	CHECK(piece(d, &a, 1, 50, 0, "AAAAAAAAAAAAAAAA", true) == DEFRAG_HELD);
	CHECK(piece(d, &a, 1, 50, 8, "BBBBBBBBCC", false) == DEFRAG_WHOLE);
	CHECK(bytes_is(a.data, "AAAAAAAAAAAAAAAACC"));
	CHECK(a.anomalies & 1u << DEFRAG_A_INCONSISTENCY);
	check_case("pkts: two datagrams that get whole one after the other are both there, and one "
		   "that never does is counted");
	CHECK(piece(d, &a, 1, 60, 0, "AAAAAAAA", true) == DEFRAG_HELD);
	CHECK(piece(d, &a, 1, 61, 0, "CCCCCCCC", true) == DEFRAG_HELD);
	CHECK(piece(d, &a, 1, 60, 8, "B", false) == DEFRAG_WHOLE && bytes_is(a.data, "AAAAAAAAB"));
	CHECK(piece(d, &a, 1, 61, 8, "D", false) == DEFRAG_WHOLE && bytes_is(a.data, "CCCCCCCCD"));
	CHECK_EQ(lost, 0);
	defrag_finish(d);
	CHECK_EQ(lost, 1);
}

static void tcp(void)
{
	check_case(
		"pkts: TCP is put in order, a repeat taken once, a hole told (there was nothing)");
	start(NULL);
	data(0, 0, "one ");
	data(0, 8, "three");
	data(0, 4, "two ");
	data(0, 4, "two ");
	data(1, 0, "back");
	data(0, 20, "late");
	finish();
	CHECK_EQ(out.at[0], 24);
	CHECK(!memcmp(out.bytes[0], "one two three", 13) && !memcmp(out.bytes[1], "back", 4));
	CHECK_EQ(out.gap_bytes[0], 7);
}

int main(void)
{
	layers();
	sums();
	operations();
	fragments();
	tcp();
	return check_end();
}
