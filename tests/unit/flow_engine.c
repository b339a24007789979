/* flow_engine: tests of flows from frames: tunnels, fragments, keys, times, copies, bounds. */
#include "tests/unit/flow_engine.h"

#include "tests/unit/wrap.h"

/* ---- tunnels ---------------------------------------------------------------------------- */

static void wrap_inner(struct wrap *w, bool back)
{
	struct packet_spec s = { .version = 4,
				 .proto = PROTO_UDP,
				 .src = { 192, 168, 1, 1 },
				 .dst = { 192, 168, 1, 2 },
				 .sport = 40000,
				 .dport = 80,
				 .payload = "inner application bytes",
				 .payload_len = 23 };

	if (back) {
		s.src[3] = 2;
		s.dst[3] = 1;
		s.sport = 80;
		s.dport = 40000;
	}
	wrap_packet(w, &s);
	w->back = back;
}

static void push_wrap(struct wrap *w)
{
	wrap_as_ethernet(w);
	push(wrap_bytes(w), wrap_len(w));
}

static const struct {
	const char *name;
	wrap_fn *wrap;
	uint8_t kind;
} tunnels[] = {
	{ "mpls", wrap_mpls, LAYERS_MPLS },       { "gre", wrap_gre_key, LAYERS_GRE },
	{ "nvgre", wrap_nvgre, LAYERS_NVGRE },    { "vxlan", wrap_vxlan, LAYERS_VXLAN },
	{ "geneve", wrap_geneve, LAYERS_GENEVE }, { "gtp", wrap_gtp, LAYERS_GTP },
	{ "ipip", wrap_ipip, LAYERS_IPIP },       { "pppoe", wrap_pppoe, LAYERS_PPPOE },
	{ "l2tp", wrap_l2tp, LAYERS_L2TP },       { "erspan", wrap_erspan2, LAYERS_ERSPAN },
};

enum { TUNNELS = sizeof(tunnels) / sizeof(tunnels[0]) };

static void test_tunnels(void)
{
	static struct wrap w;

	prepare("W1 W2 V13: every tunnel is found without being asked for, its payload is exact");
	start();
	for (unsigned i = 0; i < TUNNELS; i++) {
		wrap_inner(&w, false);
		CHECK(tunnels[i].wrap(&w, 42));
		push_wrap(&w);
		CHECK_EQ(made.packets, i + 1);
		CHECK_EQ(made.packet[i].orig_p, 40000);
		CHECK_EQ(made.packet[i].resp_p, 80);
		CHECK_EQ(made.packet[i].payload.len, 23);
		CHECK(!memcmp(made.payload[i], "inner application bytes", 23));
	}
	finish();
	for (unsigned i = 0; i < made.flows; i++) {
		CHECK_EQ(made.flow[i].tunnels.count, 1);
		CHECK_EQ(made.tunnels[i][0].kind, tunnels[i].kind);
		CHECK_EQ(made.flow[i].key.orig_h.b[3], 1);
	}
	CHECK(made.flows >= TUNNELS - 1); /* MPLS alone has no scope of its own */
}

static void test_path(void)
{
	static struct wrap w;

	prepare("the path of a flow has its outer addresses by side, and its VLAN apart");
	start();
	wrap_inner(&w, false);
	wrap_vxlan(&w, 7);
	wrap_vlan(&w, 100);
	push_wrap(&w);
	wrap_inner(&w, true);
	wrap_vxlan(&w, 7);
	wrap_vlan(&w, 100);
	push_wrap(&w);
	finish();
	CHECK_EQ(made.flows, 1);
	CHECK_EQ(made.flow[0].orig_pkts, 1);
	CHECK_EQ(made.flow[0].resp_pkts, 1);
	CHECK_EQ(made.vlan[0], 100);
	CHECK_EQ(made.tunnels[0][0].orig_h.b[3], 1);
	CHECK_EQ(made.tunnels[0][0].resp_h.b[3], 2);
	CHECK_EQ(made.tunnels[0][0].id.v, 7);
}

static unsigned flows_of_two_networks(void)
{
	static struct wrap w;

	start();
	for (unsigned vni = 1; vni <= 2; vni++) {
		wrap_inner(&w, false);
		wrap_vxlan(&w, vni);
		push_wrap(&w);
	}
	return (unsigned)finish()->started;
}

static unsigned flows_of_two_vlans(void)
{
	static struct wrap w;

	start();
	for (unsigned id = 1; id <= 2; id++) {
		wrap_inner(&w, false);
		wrap_vlan(&w, id);
		push_wrap(&w);
	}
	return (unsigned)finish()->started;
}

static void test_scope(void)
{
	const char *why;
	static struct wrap w;

	prepare("W3: equal addresses in two networks are two flows, unless the scope is ignored");
	CHECK_EQ(flows_of_two_networks(), 2);
	config.ignore_scope = true;
	CHECK_EQ(flows_of_two_networks(), 1);
	prepare("with the VLAN ids in the place of the scope, tunnels do not matter");
	config.key = FLOW_KEY_VLAN;
	CHECK_EQ(flows_of_two_networks(), 1);
	CHECK_EQ(flows_of_two_vlans(), 2);
	prepare("--decap none leaves the flow outside, a port may be moved");
	CHECK(layers_decap_parse("none", &config.decap, &why));
	start();
	wrap_inner(&w, false);
	wrap_vxlan(&w, 7);
	push_wrap(&w);
	CHECK_EQ(made.packet[0].resp_p, 4789);
	finish();
	CHECK(layers_decap_parse("vxlan=5555", &config.decap, &why));
	start();
	wrap_inner(&w, false);
	wrap_vxlan_port(&w, 7, 5555);
	push_wrap(&w);
	CHECK_EQ(made.packet[0].resp_p, 80);
	finish();
}

/* ---- fragments -------------------------------------------------------------------------- */

enum { PART = 16 };

/* Piece i of three of the packet in `whole` (14 bytes of Ethernet, 20 of IP), as a frame. */
static size_t piece(uint8_t *out, const uint8_t *whole, size_t len, unsigned i)
{
	size_t at = i * PART, n = i == 2 ? len - 34 - at : PART;

	memcpy(out, whole, 34);
	memcpy(out + 34, whole + 34 + at, n);
	packet_be16(out + 14 + 2, (unsigned)n + 20);
	packet_be16(out + 14 + 4, 77);
	packet_be16(out + 14 + 6, (unsigned)(at / 8) | (i == 2 ? 0 : 0x2000));
	packet_be16(out + 14 + 10, 0);
	packet_be16(out + 14 + 10, ~packet_sum(out + 14, 20, 0) & 0xffff);
	return 34 + n;
}

static void test_fragments(void)
{
	static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	struct packet_spec s = spec_of(PROTO_UDP, 1, 4000, 2, 53,
				       "a datagram that takes three fragments, or more");
	uint8_t whole[256], frame[256];
	size_t len = packet_build(whole, &s);

	prepare("W12: a datagram in three fragments is one packet, in whatever order they come");
	for (unsigned o = 0; o < 6; o++) {
		start();
		for (unsigned i = 0; i < 3; i++) {
			size_t n = piece(frame, whole, len, orders[o][i]);

			CHECK_EQ(made.packets, 0);
			push(frame, n);
			check_law();
		}
		CHECK_EQ(made.packets, 1);
		CHECK_EQ(made.packet[0].resp_p, 53);
		CHECK_EQ(made.packet[0].payload.len, s.payload_len);
		CHECK(!memcmp(made.payload[0], s.payload, s.payload_len));
		CHECK(made.packet[0].flags & PACKET_DEFRAGMENTED);
		CHECK(!(made.packet[0].flags & PACKET_BAD_CSUM));
		CHECK_EQ(made.packet[0].first_n, 1);
		CHECK_EQ(made.packet[0].wire_len, len + 2 * 34);
		CHECK_EQ(finish()->fates[LAYERS_FRAGMENT], 2);
		CHECK_EQ(made.flows, 1);
		CHECK_EQ(made.flow[0].orig_pkts, 1);
		CHECK_EQ(made.flow[0].orig_bytes, len + 2 * 34);
	}
	prepare("a fragment whose like never come is counted by its reason, and is no flow");
	start();
	push(frame, piece(frame, whole, len, 1));
	CHECK_EQ(flow_engine_counters(engine)->fragments_held, 1);
	frame_ts += 31 * second;
	send_udp(1, 1, 2, 2, "x");
	CHECK_EQ(flow_engine_counters(engine)->fragments_given_up[DEFRAG_TIMEOUT], 1);
	CHECK_EQ(finish()->started, 1);
	prepare("a fragment that is the first frame behind a long pause waits for its like");
	start();
	send_udp(1, 1, 2, 2, "x");
	frame_ts += 86400 * second;
	for (unsigned i = 0; i < 3; i++) {
		push(frame, piece(frame, whole, len, i));
		frame_ts += 1000;
	}
	CHECK_EQ(made.packets, 2);
	CHECK_EQ(finish()->fates[LAYERS_FRAGMENT], 2);
}

static void test_fragments_and_tunnels(void)
{
	static struct wrap w;
	struct packet_spec s = spec_of(PROTO_UDP, 1, 4000, 2, 53,
				       "a datagram that takes three fragments, or more");
	uint8_t whole[512], frame[512];
	size_t len;

	prepare("fragments within a tunnel come out whole");
	start();
	len = packet_build(whole, &s);
	for (unsigned i = 3; i--;) {
		size_t n = piece(frame, whole, len, i) - 14;

		memset(&w, 0, sizeof(w));
		w.at = WRAP_ROOM;
		wrap_front(&w, frame + 14, n);
		w.type = 0x0800;
		wrap_gre_key(&w, 9);
		push_wrap(&w);
	}
	CHECK_EQ(made.packets, 1);
	CHECK_EQ(made.packet[0].resp_p, 53);
	finish();
	CHECK_EQ(made.tunnels[0][0].kind, LAYERS_GRE);

	prepare("a tunnel within fragments within a tunnel is entered");
	start();
	wrap_inner(&w, false);
	wrap_vxlan(&w, 7);
	wrap_as_ethernet(&w);
	len = wrap_len(&w);
	memcpy(whole, wrap_bytes(&w), len);
	for (unsigned i = 0; i < 3; i++) {
		size_t n = piece(frame, whole, len, i) - 14;

		memset(&w, 0, sizeof(w));
		w.at = WRAP_ROOM;
		wrap_front(&w, frame + 14, n);
		w.type = 0x0800;
		wrap_gre_key(&w, 9);
		push_wrap(&w);
	}
	CHECK_EQ(made.packets, 1);
	CHECK_EQ(made.packet[0].resp_p, 80);
	CHECK(!memcmp(made.payload[0], "inner application bytes", 23));
	finish();
	CHECK_EQ(made.flow[0].tunnels.count, 2);
	CHECK_EQ(made.tunnels[0][1].kind, LAYERS_VXLAN);
}

static void test_fragment_anomalies(void)
{
	struct packet_spec s = spec_of(PROTO_UDP, 1, 4000, 2, 53,
				       "a datagram that takes three fragments, or more");
	uint8_t whole[256], frame[256];
	size_t len = packet_build(whole, &s), n;

	prepare("overlapping fragments that differ are reported with their addresses, at no flow");
	start();
	push(frame, piece(frame, whole, len, 0));
	n = piece(frame, whole, len, 0);
	frame[34 + 9] ^= 1;
	push(frame, n);
	push(frame, piece(frame, whole, len, 1));
	push(frame, piece(frame, whole, len, 2));
	CHECK_EQ(made.packets, 1);
	CHECK(!memcmp(made.payload[0], s.payload, s.payload_len));
	for (unsigned i = 0, found = 0; i < made.anomalies; i++) {
		found += !strcmp(made.name[i], "fragment_inconsistency");
		CHECK_EQ(made.anomaly[i].key.orig_h.b[3], 1);
		CHECK_EQ(made.anomaly[i].key.orig_p, 0);
		CHECK(found || i + 1 < made.anomalies);
	}
	finish();
}

static void test_lies(void)
{
	struct packet_spec s = spec_of(PROTO_UDP, 1, 4000, 2, 53,
				       "a datagram that takes three fragments, or more");
	uint8_t frame[256], whole[512];
	static struct wrap w;
	size_t n = packet_build(frame, &s), len;

	prepare("a length beyond the frame is a bad header, unless the frame was snapped");
	start();
	push_as(frame, n - 8, n - 8, 0);
	CHECK_EQ(made.packets, 0);
	push_as(frame, n - 8, n, 0);
	CHECK_EQ(made.packets, 1);
	CHECK_EQ(made.packet[0].payload.len, s.payload_len - 8);
	CHECK_EQ(finish()->fates[LAYERS_BAD_IP_HEADER], 1);
	prepare("one of a tunnel's packet is, where the fragments outside are whole");
	start();
	wrap_inner(&w, false);
	packet_be16(w.room + w.at + 2, 1440);
	wrap_vxlan(&w, 7);
	wrap_as_ethernet(&w);
	len = wrap_len(&w);
	memcpy(whole, wrap_bytes(&w), len);
	for (unsigned i = 0; i < 3; i++) {
		n = piece(frame, whole, len, i);
		push_as(frame, n, i == 1 ? n + 100 : n,
			0); /* Ethernet's padding was not captured */
	}
	CHECK_EQ(made.packets, 0);
	CHECK_EQ(finish()->fates[LAYERS_BAD_IP_HEADER], 1);
}

static void push_unsummed(const uint8_t *whole, size_t len, unsigned i)
{
	uint8_t frame[256];
	size_t n = piece(frame, whole, len, i);

	memset(frame + 14 + 10, 0, 2);
	push(frame, n);
}

/* As they leave a host whose card makes the headers' checksums, captured there. */
static void test_unsummed_fragments(const uint8_t *whole, size_t len, size_t payload)
{
	uint8_t other[256], frame[256];

	prepare("T15: fragments whose IP checksum is left to the card are a datagram");
	start();
	for (unsigned i = 0; i < 3; i++)
		push_unsummed(whole, len, i);
	CHECK_EQ(made.packets, 1);
	CHECK_EQ(made.packet[0].payload.len, payload);
	CHECK_EQ(made.packet[0].verdict, TCP_DELIVER);
	CHECK_EQ(finish()->fragments_given_up[DEFRAG_BAD_CHECKSUM], 0);

	prepare("but they are no part of one with checksums, nor is theirs taken behind such a "
		"one");
	start();
	memcpy(other, whole, len);
	memset(other + 42, 'X', len - 42);
	for (unsigned i = 0; i < 2; i++)
		push_unsummed(other, len, i);
	for (unsigned i = 0; i < 3; i++)
		push(frame, piece(frame, whole, len, i));
	CHECK_EQ(made.packets, 1);
	CHECK(!memcmp(made.payload[0], whole + 42, payload));
	push_unsummed(other, len, 2);
	CHECK_EQ(made.packets, 2);
	CHECK_EQ(made.packet[1].verdict, TCP_BAD_CHECKSUM);
	finish();
}

/* In the true datagram's place, ahead of it: what a host that drops it never sees. */
static void test_damaged_fragments(void)
{
	struct packet_spec s = spec_of(PROTO_UDP, 1, 4000, 2, 53,
				       "a datagram that takes three fragments, or more");
	uint8_t whole[256], frame[256];
	size_t len = packet_build(whole, &s), n;

	prepare("T15: a fragment whose IP header has a wrong checksum is dropped, and reported");
	for (unsigned unready = 0; unready < 3; unready++) {
		config.no_checksum = unready == 2;
		start();
		n = piece(frame, whole, len, 1);
		memset(frame + 34, 'X', n - 34);
		frame[14 + 10] ^= 0x55;
		push_as(frame, n, n, unready == 1 ? FRAME_CSUM_UNREADY : 0);
		for (unsigned i = 0; i < 3; i++)
			push(frame, piece(frame, whole, len, i));
		CHECK_EQ(made.packets, 1);
		CHECK_EQ(!memcmp(made.payload[0], s.payload, s.payload_len), !unready);
		CHECK_EQ(!strcmp(made.name[0], "bad_IP_checksum"), !unready);
		CHECK_EQ(finish()->fragments_given_up[DEFRAG_BAD_CHECKSUM], !unready);
	}
	test_unsummed_fragments(whole, len, s.payload_len);
	prepare("one of the tunnel's datagram may be left to the card: its fragments are taken");
	start();
	for (unsigned i = 0; i < 3; i++) {
		static struct wrap w;

		n = piece(frame, whole, len, i) - 14;
		memset(&w, 0, sizeof(w));
		w.at = WRAP_ROOM;
		wrap_front(&w, frame + 14, n);
		w.type = 0x0800;
		wrap_vxlan(&w, 9);
		packet_be16(w.room + w.at + 26, 0x1234);
		push_wrap(&w);
	}
	CHECK_EQ(made.packets, 1);
	finish();
}

/* ---- keys ------------------------------------------------------------------------------- */

static void send_labelled(unsigned dir, uint32_t label)
{
	struct packet_spec s = spec_of(PROTO_UDP, 1, 4000, 2, 4001, "x");
	uint8_t frame[256];
	size_t n;

	if (dir)
		s = spec_of(PROTO_UDP, 2, 4001, 1, 4000, "x");
	s.version = 6;
	n = packet_build(frame, &s);
	packet_be16(frame + 14 + 2, label & 0xffff);
	frame[14 + 1] = (uint8_t)(label >> 16);
	push(frame, n);
}

static void test_labels(void)
{
	prepare("W13 V14: directions with labels of their own are one flow, another label is "
		"another");
	config.key = FLOW_KEY_LABEL;
	start();
	send_labelled(0, 0x12345);
	send_labelled(1, 0xabcde);
	send_labelled(0, 0x12345);
	CHECK_EQ(flow_engine_counters(engine)->started, 1);
	send_labelled(0, 0x12346);
	CHECK_EQ(flow_engine_counters(engine)->started, 2);
	send_labelled(1, 0xabcdf); /* the second flow's other side */
	send_labelled(1, 0xabcde);
	CHECK_EQ(flow_engine_counters(engine)->started, 2);
	for (uint32_t i = 0; i < 100; i++)
		send_labelled(0, 0x20000 + i);
	CHECK_EQ(finish()->started, 8);
	CHECK_EQ(made.flow[0].orig_pkts, 2);
	CHECK_EQ(made.flow[0].resp_pkts, 2);
	CHECK_EQ(made.flow[1].resp_pkts, 1);
}

static void test_urgent(void)
{
	struct packet_spec s = { .version = 4,
				 .proto = 6,
				 .src = { 10, 0, 0, 1 },
				 .dst = { 10, 0, 0, 2 },
				 .sport = 4000,
				 .dport = 23,
				 .seq = 1000,
				 .flags = TCP_ACK,
				 .window = 65535,
				 .payload = "0123456789",
				 .payload_len = 10 };
	uint8_t frame[200];

	prepare("an urgent pointer counts from the bytes that are new, where the front is cut");
	start();
	push(frame, packet_build(frame, &s));
	s.seq = 995; /* from before the first byte that was seen */
	s.flags |= TCP_URG;
	s.urgent = 8;
	push(frame, packet_build(frame, &s));
	CHECK_EQ(made.packet[1].payload.len, 5);
	CHECK_EQ(made.packet[1].urgent, 3);
	s.urgent = 5; /* the byte it means is cut */
	push(frame, packet_build(frame, &s));
	CHECK_EQ(made.packet[2].urgent, 0);
	finish();
}

static void test_pairs(void)
{
	static const uint8_t arp[60] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0 };

	prepare("a pair of addresses is one flow, whatever they say");
	config.key = FLOW_KEY_IP_PAIR;
	start();
	open_tcp(0);
	send_udp(2, 53, 1, 9, "x");
	CHECK_EQ(made.packet[3].proto, 0);
	CHECK_EQ(made.packet[3].verdict, REC_verdict_NO_DATA);
	CHECK_EQ(finish()->started, 1);
	CHECK_EQ(made.flow[0].orig_pkts, 2);
	CHECK_EQ(made.flow[0].resp_pkts, 2);
	prepare("a pair of MAC addresses is one flow, and frames without IP count");
	config.key = FLOW_KEY_MAC_PAIR;
	start();
	push(arp, sizeof(arp));
	send_udp(1, 9, 2, 53, "x");
	CHECK_EQ(made.packets, 1);
	CHECK_EQ(finish()->started, 1);
	CHECK_EQ(made.flow[0].orig_pkts + made.flow[0].resp_pkts, 2);
	CHECK_EQ(made.flow[0].key.orig_h.len, 0);
	CHECK_EQ(made.flow[0].orig_l2.b[5], 2);
	CHECK_EQ(made.flow[0].resp_l2.b[5], 1);
	prepare("directional: each direction is a flow, its sender the originator");
	config.directional = true;
	start();
	send_udp(2, 53, 1, 9, "x");
	send_udp(1, 9, 2, 53, "x");
	CHECK_EQ(finish()->started, 2);
	CHECK_EQ(made.flow[0].key.orig_p, 53);
	CHECK_EQ(made.flow[1].key.orig_p, 9);
}

/* ---- time ------------------------------------------------------------------------------- */

static void test_time(void)
{
	prepare("T16: one wrong time stamp moves the timeouts by a minute, not by ten years");
	start();
	open_tcp(0);
	send_udp(1, 1, 2, 2, "x");
	send_udp(1, 3, 2, 4, "x");
	frame_ts += 3650 * 86400 * second; /* ten years */
	send_udp(1, 5, 2, 6, "x");
	frame_ts = begin_ts + second;
	for (unsigned i = 0; i < 100; i++)
		send_udp(1, 1, 2, 2, "x");
	CHECK_EQ(flow_engine_counters(engine)->time_jump, 1);
	CHECK_EQ(flow_engine_counters(engine)->ends[FLOW_END_IDLE], 2); /* of 30 s */
	CHECK_EQ(flow_engine_counters(engine)->open, 3);
	finish();
	prepare("V16: a pause is told by the first frame behind it, and followed at the second");
	start();
	send_udp(1, 1, 2, 2, "x");
	frame_ts += 3600 * second;
	send_udp(1, 3, 2, 4, "x");
	CHECK_EQ(made.packet_head[1].ts, frame_ts);
	frame_ts += 1000;
	send_udp(2, 4, 1, 3, "x"); /* its flow lives */
	CHECK_EQ(flow_engine_counters(engine)->started, 2);
	CHECK_EQ(flow_engine_counters(engine)->ends[FLOW_END_IDLE], 1);
	frame_ts += 3600 * second;
	send_udp(2, 4, 1, 3, "x"); /* by its own time that flow was over long ago */
	CHECK_EQ(flow_engine_counters(engine)->started, 3);
	finish();
	prepare("V16: time never goes back, the raw time stays");
	start();
	send_udp(1, 1, 2, 2, "x");
	frame_ts -= 5000;
	send_udp(1, 1, 2, 2, "x");
	CHECK_EQ(made.packet_head[1].ts, begin_ts);
	CHECK_EQ(made.packet[1].raw_ts, begin_ts - 5000);
	CHECK_EQ(finish()->time_back, 1);
}

static void test_kept(void)
{
	static uint8_t kept[FLOW_ENGINE_KEPT];

	prepare("an engine that goes on where another one stopped goes on in its time");
	start();
	send_udp(1, 1, 2, 2, "x");
	frame_ts += 3600 * second;
	send_udp(1, 3, 2, 4, "x"); /* far ahead: the next is to say the same */
	flow_engine_keep(engine, kept);
	CHECK_EQ(finish()->time_jump, 1);
	start();
	flow_engine_take_up(engine, kept);
	frame_ts = begin_ts + 3600 * second + 1000;
	send_udp(1, 5, 2, 6, "x");
	frame_ts = begin_ts;
	send_udp(1, 7, 2, 8, "x");
	CHECK_EQ(made.packet_head[0].ts, begin_ts + 3600 * second + 1000);
	CHECK_EQ(made.packet_head[1].ts, begin_ts + 3600 * second + 1000);
	CHECK_EQ(flow_engine_counters(engine)->time_jump, 0);
	CHECK_EQ(finish()->time_back, 1);
}

static void test_sources(void)
{
	prepare("--monotonic: time goes back for no source where another is ahead, else it may");
	for (unsigned i = 0; i < 2; i++) {
		config.monotonic = i;
		start();
		send_udp(1, 1, 2, 2, "x");
		frame_source = 1;
		frame_ts -= 5000;
		send_udp(1, 1, 2, 2, "x");
		CHECK_EQ(made.packet_head[1].ts, i ? begin_ts : begin_ts - 5000);
		CHECK_EQ(made.packet[1].raw_ts, begin_ts - 5000);
		CHECK_EQ(finish()->time_back, 0);
	}
}

static void test_rules(void)
{
	static struct flow_rule rules[2];

	prepare("a rule for a port or a prefix is the timeout of flows that match it, the first "
		"first");
	CHECK(flow_rule_parse(&rules[0], BYTES_LIT("udp:53")));
	CHECK(flow_rule_parse(&rules[1], BYTES_LIT("10.0.0.0/31")));
	rules[0].timeout = 1;
	rules[1].timeout = 2;
	config.rules = rules;
	config.nrules = 2;
	config.rule_timeout[0] = 2 * second;
	config.rule_timeout[1] = 50 * second;
	start();
	send_udp(1, 1000, 9, 53, "x");
	send_udp(1, 1000, 9, 54, "x");
	send_udp(5, 1000, 9, 55, "x");
	frame_ts += 2 * second - 1;
	send_udp(7, 1, 8, 2, "x");
	CHECK_EQ(made.flows, 0);
	frame_ts += 1;
	send_udp(7, 1, 8, 2, "x");
	CHECK_EQ(made.flows, 1);
	CHECK_EQ(made.flow[0].key.resp_p, 53);
	frame_ts += 28 * second;
	send_udp(7, 1, 8, 2, "x");
	CHECK_EQ(made.flows, 2);
	CHECK_EQ(made.flow[1].key.resp_p, 55);
	frame_ts += 20 * second;
	send_udp(7, 1, 8, 2, "x");
	CHECK_EQ(made.flows, 3);
	finish();
	prepare("what is no rule is refused");
	CHECK(!flow_rule_parse(&rules[0], BYTES_LIT("")));
	CHECK(!flow_rule_parse(&rules[0], BYTES_LIT("tcp")));
	CHECK(!flow_rule_parse(&rules[0], BYTES_LIT("tcp:0")));
	CHECK(!flow_rule_parse(&rules[0], BYTES_LIT("tcp:65536")));
	CHECK(!flow_rule_parse(&rules[0], BYTES_LIT("icmp:3")));
	CHECK(!flow_rule_parse(&rules[0], BYTES_LIT("10.0.0.0/33")));
	CHECK(!flow_rule_parse(&rules[0], BYTES_LIT("10.0.0.1/8")));
	CHECK(!flow_rule_parse(&rules[0], BYTES_LIT("10.0.0/8")));
	CHECK(flow_rule_parse(&rules[0], BYTES_LIT("2001:db8::/32")));
	CHECK_EQ(rules[0].bits, 32);
	CHECK(flow_rule_parse(&rules[0], BYTES_LIT("::/0")));
	CHECK_EQ(rules[0].ip_version, 6);
}

static void test_snapshot(void)
{
	prepare("a snapshot is an update of every open flow, by ascending id, and changes nothing");
	start();
	for (uint16_t i = 5; i; i--)
		send_udp(1, i, 2, 7, "x");
	flow_engine_snapshot(engine);
	CHECK_EQ(made.flows, 5);
	for (unsigned i = 0; i < 5; i++) {
		CHECK_EQ(made.flow_head[i].flow, i + 1);
		CHECK_EQ(made.flow[i].event, REC_flow_event_UPDATE);
	}
	finish();
	CHECK_EQ(made.flows, 10);
}

/* ---- copies ----------------------------------------------------------------------------- */

static void test_dedup(void)
{
	struct packet_spec s = spec_of(PROTO_UDP, 1, 1, 2, 2, "same");
	uint8_t frame[128];
	size_t n = packet_build(frame, &s);

	prepare("W20 V15: a copy within the window is left out, a frame sent twice is not");
	config.dedup = second / 1000;
	start();
	push(frame, n);
	frame_ts += 500000;
	push(frame, n);
	CHECK_EQ(made.packets, 1);
	frame_ts += 1500000;
	push(frame, n);
	CHECK_EQ(made.packets, 2);
	frame_ts += 2000000;
	push_as(frame, n, n, FRAME_OUTGOING);
	push_as(frame, n, n, FRAME_OUTGOING);
	CHECK_EQ(made.packets, 4);
	push(frame, n);
	push(frame, n);
	CHECK_EQ(made.packets, 4);
	CHECK_EQ(finish()->duplicates, 3);
}

int main(void)
{
	test_tunnels();
	test_path();
	test_scope();
	test_fragments();
	test_fragments_and_tunnels();
	test_fragment_anomalies();
	test_damaged_fragments();
	test_lies();
	test_labels();
	test_urgent();
	test_pairs();
	test_time();
	test_kept();
	test_sources();
	test_rules();
	test_snapshot();
	test_dedup();
	return check_end();
}
