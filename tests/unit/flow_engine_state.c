/* flow_engine_state: tests of what the flow engine makes of TCP and SCTP, and of its bounds. */
#include "tests/unit/flow_engine.h"

#include "libcommon/net/crc32c.h"

#include "tests/unit/sctp_build.h"

static uint64_t counter_open(void)
{
	return flow_engine_counters(engine)->open;
}

static uint64_t ended(enum flow_end_reason why)
{
	return flow_engine_counters(engine)->ends[why];
}

/* ---- TCP -------------------------------------------------------------------------------- */

static void test_states(void)
{
	prepare("V3: start, established and end of a connection, in this order, each at its frame");
	config.events |= 1u << REC_flow_event_START | 1u << REC_flow_event_ESTABLISHED;
	start();
	send_tcp(0, 0, TCP_SYN, 1000, 0, "");
	send_tcp(0, 0, TCP_SYN, 1000, 0, ""); /* again: nothing new */
	send_tcp(0, 1, TCP_SYN | TCP_ACK, 5000, 1001, "");
	send_tcp(0, 0, TCP_ACK, 1001, 5001, "");
	send_tcp(0, 0, TCP_PSH | TCP_ACK, 1001, 5001, "data");
	send_tcp(0, 1, TCP_RST | TCP_ACK, 5001, 1005, "");
	finish();
	CHECK_EQ(made.flows, 3);
	CHECK_EQ(made.flow[0].event, REC_flow_event_START);
	CHECK_EQ(made.flow_head[0].n, 1);
	CHECK_EQ(made.flow[1].event, REC_flow_event_ESTABLISHED);
	CHECK_EQ(made.flow_head[1].n, 4);
	CHECK_EQ(made.flow[2].event, REC_flow_event_END);
	CHECK_EQ(made.flow[2].reason, REC_flow_reason_RST);
	CHECK_EQ(made.flow[2].orig_pkts, 4);
}

static void test_resurrection(void)
{
	prepare("W6: what comes behind the end of a connection is part of it, no new flow");
	start();
	open_tcp(0);
	send_tcp(0, 0, TCP_FIN | TCP_ACK, 1001, 5001, "");
	send_tcp(0, 1, TCP_FIN | TCP_ACK, 5001, 1002, "");
	send_tcp(0, 0, TCP_ACK, 1002, 5002, "");
	send_tcp(0, 0, TCP_ACK, 1002, 5002, "");
	send_tcp(0, 1, TCP_FIN | TCP_ACK, 5001, 1002, "");
	send_tcp(0, 1, TCP_RST, 5002, 0, "");
	CHECK_EQ(finish()->started, 1);
	CHECK_EQ(made.flow[0].reason, REC_flow_reason_FIN);
	CHECK_EQ(made.flow[0].orig_pkts + made.flow[0].resp_pkts, 9);
}

static void test_reuse(void)
{
	prepare("W7: a new SYN on a closed connection splits it, a FIN sent twice closes one side");
	start();
	open_tcp(0);
	send_tcp(0, 0, TCP_FIN | TCP_ACK, 1001, 5001, "");
	send_tcp(0, 0, TCP_FIN | TCP_ACK, 1001, 5001, "");
	send_tcp(0, 1, TCP_ACK, 5001, 1002, "");
	send_tcp(0, 1, TCP_PSH | TCP_ACK, 5001, 1002, "still talking");
	CHECK_EQ(made.packet[made.packets - 1].verdict, REC_verdict_DELIVER);
	CHECK_EQ(counter_open(), 1);
	send_tcp(0, 1, TCP_FIN | TCP_ACK, 5014, 1002, "");
	send_tcp(0, 0, TCP_ACK, 1002, 5015, "");
	frame_ts += second;
	send_tcp(0, 0, TCP_SYN, 90000, 0, "");
	CHECK_EQ(ended(FLOW_END_FIN), 1);
	CHECK_EQ(finish()->started, 2);
	CHECK(!strcmp(made.conn_state[0], "SF"));
	CHECK(!strcmp(made.conn_state[1], "S0"));
}

static void test_active_reuse(void)
{
	prepare("T7: a new SYN on a silent connection that was not closed is reported, once");
	start();
	open_tcp(0);
	send_tcp(0, 0, TCP_SYN, 90000, 0, ""); /* at once: it changes nothing */
	CHECK_EQ(made.anomalies, 1);
	CHECK(!strcmp(made.name[0], "SYN_inside_connection"));
	frame_ts += 6 * second;
	send_tcp(0, 0, TCP_SYN, 90000, 0, "");
	CHECK_EQ(ended(FLOW_END_REUSED), 1);
	CHECK_EQ(made.flow[0].reason, REC_flow_reason_REUSED);
	CHECK_EQ(made.anomalies, 2);
	CHECK(!strcmp(made.name[1], "active_connection_reuse"));
	CHECK(bytes_is(made.anomaly[0].rule, "RFC 9293 3.10.7.4"));
	CHECK(bytes_is(made.anomaly[1].state, "syn_sent"));
	send_tcp(0, 0, TCP_SYN, 90000, 0, ""); /* of the new one, again */
	CHECK_EQ(made.anomalies, 2);
	CHECK_EQ(finish()->started, 2);

	prepare("T7: behind a close, or a timeout, a new SYN is nothing special");
	start();
	open_tcp(0);
	send_tcp(0, 0, TCP_RST | TCP_ACK, 1001, 5001, "");
	send_tcp(0, 0, TCP_SYN, 90000, 0, "");
	CHECK_EQ(ended(FLOW_END_RST), 1);
	frame_ts += 31 * second;
	send_tcp(0, 0, TCP_SYN, 95000, 0, "");
	CHECK_EQ(ended(FLOW_END_IDLE), 1);
	CHECK_EQ(made.anomalies, 0);
	CHECK_EQ(finish()->started, 3);
}

/* Sends the last packet of a flow and looks when it is over. */
static void idles(const char *what, uint64_t seconds)
{
	uint64_t before = counter_open();

	for (uint64_t left = seconds - 1; left;) {
		uint64_t step = left < 20 ? left : 20; /* more at once is not believed at once */

		frame_ts += step * second;
		left -= step;
		send_udp(9, 9, 9, 9, "the time");
	}
	if (counter_open() != before + 1) {
		printf("# %s: over before %llu s\n", what, (unsigned long long)seconds);
		check_bad = 1;
	}
	frame_ts += second;
	send_udp(9, 9, 9, 9, "the time");
	if (counter_open() != before) {
		printf("# %s: open after %llu s\n", what, (unsigned long long)seconds);
		check_bad = 1;
	}
	finish();
}

static void test_timeouts(void)
{
	struct packet_spec s = spec_of(PROTO_ICMP, 1, 8, 2, 0, "");

	prepare("T17: what is half open is over after its time, and not before");
	start();
	send_tcp(0, 0, TCP_SYN, 1000, 0, "");
	idles("half open", 30);
	prepare("T17: established");
	start();
	open_tcp(0);
	idles("established", 300);
	prepare("T17: closed");
	start();
	open_tcp(0);
	send_tcp(0, 0, TCP_FIN | TCP_ACK, 1001, 5001, "");
	send_tcp(0, 1, TCP_FIN | TCP_ACK, 5001, 1002, "");
	idles("closed", 10);
	prepare("T17: UDP of one side");
	start();
	send_udp(1, 1, 2, 2, "a");
	idles("UDP one way", 30);
	prepare("T17: UDP of both sides");
	start();
	send_udp(1, 1, 2, 2, "a");
	send_udp(2, 2, 1, 1, "b");
	idles("UDP", 60);
	prepare("T17: ICMP");
	start();
	push_spec(&s);
	idles("ICMP", 30);
}

static void test_history(void)
{
	prepare("W10: a hundred segments of data leave room for the end in the history");
	start();
	open_tcp(0);
	for (uint32_t i = 0; i < 100; i++)
		send_tcp(0, 0, TCP_ACK, 1001 + i, 5001, "d");
	send_tcp(0, 0, TCP_FIN | TCP_ACK, 1101, 5001, "");
	send_tcp(0, 1, TCP_FIN | TCP_ACK, 5001, 1102, "");
	finish();
	CHECK(!strcmp(made.history[0], "ShADFf"));
}

static void test_bytes(void)
{
	struct packet_spec s = spec_of(PROTO_UDP, 1, 1, 2, 2, "payload that is cut");
	uint8_t frame[128];
	size_t n;

	prepare("W11: a frame cut by the capture counts with its length on the wire");
	start();
	s.padding = 6;
	n = packet_build(frame, &s);
	push_as(frame, n - 15, n, 0);
	CHECK_EQ(made.packet[0].missing, 9);
	CHECK(made.packet[0].flags & PACKET_SNAPPED);
	finish();
	CHECK_EQ(made.flow[0].orig_bytes, n);
	CHECK_EQ(made.flow[0].orig_ip_bytes, n - 14 - 6);
	CHECK_EQ(made.flow[0].orig_payload, s.payload_len);
}

static void test_figures(void)
{
	prepare("round trips of the handshake and of data, per side, and what came again");
	start();
	send_tcp(0, 0, TCP_SYN, 1000, 0, "");
	frame_ts += 20000000;
	send_tcp(0, 1, TCP_SYN | TCP_ACK, 5000, 1001, "");
	frame_ts += 3000000;
	send_tcp(0, 0, TCP_ACK, 1001, 5001, "");
	send_tcp(0, 0, TCP_ACK, 1001, 5001, "abcd");
	frame_ts += 40000000;
	send_tcp(0, 1, TCP_ACK, 5001, 1005, "");
	frame_ts += 40000000;
	send_tcp(0, 0, TCP_ACK, 1001, 5001, "abcd");
	finish();
	CHECK_EQ(made.flow[0].syn_rtt.v, 20000000);
	CHECK_EQ(made.flow[0].ack_rtt.v, 3000000);
	CHECK_EQ(made.flow[0].orig_rtt_min.v, 40000000);
	CHECK_EQ(made.flow[0].orig_rtt_max.v, 40000000);
	CHECK(!made.flow[0].resp_rtt_min.set);
	CHECK_EQ(made.flow[0].orig_retransmits.v, 1);
	CHECK_EQ(made.flow[0].orig_repeated_bytes.v, 4);
	CHECK(!made.flow[0].resp_retransmits.set);
}

/* ---- SCTP ------------------------------------------------------------------------------- */

static struct sctp_build chunks;
static bool sums; /* packets have their CRC32c */

static void send_sctp(unsigned dir, uint32_t tag)
{
	struct packet_spec s = dir ? spec_of(PROTO_SCTP, 2, 36412, 1, 1000, "")
				   : spec_of(PROTO_SCTP, 1, 1000, 2, 36412, "");

	uint8_t frame[512];
	size_t n;

	s.seq = tag;
	s.payload = chunks.at;
	s.payload_len = chunks.len;
	n = packet_build(frame, &s);
	if (sums) {
		packet_be32(frame + 34 + 8, 0);
		packet_be32(frame + 34 + 8,
			    __builtin_bswap32(crc32c(0, BYTES(frame + 34, n - 34))));
	}
	push(frame, n);
	chunks.len = 0;
}

static void open_sctp(void)
{
	build_init(&chunks, SCTP_INIT, 0x11, 5, 5, 100);
	send_sctp(0, 0);
	build_init(&chunks, SCTP_INIT_ACK, 0x22, 5, 5, 200);
	send_sctp(1, 0x11);
	build_chunk(&chunks, SCTP_COOKIE_ECHO, 0, "cookie", 6);
	send_sctp(0, 0x22);
	build_chunk(&chunks, SCTP_COOKIE_ACK, 0, NULL, 0);
	send_sctp(1, 0x11);
}

static void test_sctp(void)
{
	prepare("an SCTP association is established, carries data and is closed");
	config.no_checksum = true;
	config.events |= 1u << REC_flow_event_ESTABLISHED;
	start();
	open_sctp();
	CHECK_EQ(made.flows, 1);
	CHECK_EQ(made.flow[0].event, REC_flow_event_ESTABLISHED);
	CHECK(made.packet[0].flags & PACKET_ANCHOR);
	CHECK_EQ(made.packet[0].offset, 100);
	CHECK_EQ(made.packet[1].offset, 200);
	build_data(&chunks, 3, 100, 0, 0, 0, "data", 4);
	send_sctp(0, 0x22);
	CHECK_EQ(made.packet[4].verdict, REC_verdict_DELIVER);
	CHECK_EQ(made.packet[4].seq, 0x22);
	build_chunk(&chunks, SCTP_SHUTDOWN, 0, "\0\0\0\x64", 4);
	send_sctp(1, 0x11);
	build_chunk(&chunks, SCTP_SHUTDOWN_ACK, 0, NULL, 0);
	send_sctp(0, 0x22);
	build_chunk(&chunks, SCTP_SHUTDOWN_COMPLETE, 0, NULL, 0);
	send_sctp(1, 0x11);
	finish();
	CHECK_EQ(made.flow[1].reason, REC_flow_reason_FIN);
	CHECK(!strcmp(made.conn_state[1], "SF"));
	CHECK_EQ(made.anomalies, 0);

	prepare("a blind ABORT ends nothing and is reported with state, event and what was "
		"expected");
	config.no_checksum = true;
	start();
	open_sctp();
	build_chunk(&chunks, SCTP_ABORT, 0, NULL, 0);
	send_sctp(0, 0x99);
	CHECK_EQ(made.packet[4].verdict, REC_verdict_BAD_TAG);
	CHECK_EQ(made.anomalies, 1);
	CHECK(!strcmp(made.name[0], "sctp_abort_bad_tag"));
	CHECK(bytes_is(made.anomaly[0].state, "established"));
	CHECK(bytes_is(made.anomaly[0].event, "ABORT"));
	CHECK(made.anomaly[0].expected.len > 0);
	CHECK(bytes_is(made.anomaly[0].rule, "RFC 9260 8.5.1"));
	build_chunk(&chunks, SCTP_ABORT, 0, NULL, 0);
	send_sctp(1, 0x11);
	CHECK(made.packet[5].flags & PACKET_RST);
	build_init(&chunks, SCTP_INIT, 0x33, 5, 5, 300); /* an association of its own */
	send_sctp(1, 0);
	CHECK_EQ(finish()->started, 2);
	CHECK_EQ(made.flow[0].reason, REC_flow_reason_ABORT);
	CHECK(!strcmp(made.conn_state[0], "RSTR"));
	CHECK_EQ(made.flow[1].key.orig_p, 36412);

	prepare("an SCTP packet whose CRC32c is wrong counts until a right one came, then no more");
	start();
	open_sctp(); /* without CRC, as a host leaves it to its card */
	CHECK(made.packet[2].flags & PACKET_BAD_CSUM);
	CHECK_EQ(made.packet[2].verdict, REC_verdict_NO_DATA);
	for (sums = true;; sums = false) {
		build_data(&chunks, 3, 100, 0, 0, 0, "data", 4);
		send_sctp(0, 0x22);
		if (!sums)
			break;
	}
	CHECK(!(made.packet[4].flags & PACKET_BAD_CSUM));
	CHECK_EQ(made.packet[4].verdict, REC_verdict_DELIVER);
	CHECK_EQ(made.packet[5].verdict, REC_verdict_BAD_CHECKSUM);
	finish();
	CHECK_EQ(made.flow[0].orig_bad_checksums.v, 3);
}

/* ---- bounds ----------------------------------------------------------------------------- */

static void test_table_limit(void)
{
	prepare("V4: three SYNs into a table of two: the oldest goes, and is told");
	config.max_flows = 2;
	start();
	for (unsigned i = 0; i < 3; i++)
		send_tcp(i, 0, TCP_SYN, 1000, 0, "");
	CHECK_EQ(ended(FLOW_END_EVICTED), 1);
	CHECK_EQ(made.flow[0].key.orig_p, 40000);
	CHECK_EQ(finish()->started, 3);
}

/* SYNs from as many addresses as it takes, faster than any timeout. */
static void flood(uint32_t n)
{
	struct packet_spec s = spec_of(PROTO_TCP, 0, 1234, 2, 80, "");
	uint8_t frame[128];

	s.flags = TCP_SYN;
	for (uint32_t i = 0; i < n; i++) {
		s.src[0] = 11;
		s.src[1] = (uint8_t)(i >> 16);
		s.src[2] = (uint8_t)(i >> 8);
		s.src[3] = (uint8_t)i;
		frame_ts += 1000;
		push(frame, packet_build(frame, &s));
	}
}

static void test_flood(void)
{
	enum { CONNECTIONS = 100, SYNS = 1000000 };
	const struct flow_engine_counters *c;

	prepare("W7: a flood of 1 M SYNs takes a quarter of the table, 100 connections go on "
		"whole");
	config.max_flows = 65536;
	start();
	for (unsigned i = 0; i < CONNECTIONS; i++)
		open_tcp(i);
	flood(SYNS);
	CHECK_EQ(counter_open(), CONNECTIONS + 65536 / 4);
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		send_tcp(i, 0, TCP_FIN | TCP_ACK, 1001, 5001, "");
		send_tcp(i, 1, TCP_FIN | TCP_ACK, 5001, 1002, "");
	}
	c = finish();
	CHECK_EQ(c->started, CONNECTIONS + SYNS);
	CHECK_EQ(c->ends[FLOW_END_FIN], CONNECTIONS);
	CHECK_EQ(c->ends[FLOW_END_EVICTED], SYNS - 65536 / 4);
	CHECK_EQ(c->half_open_evicted, SYNS - 65536 / 4);
	CHECK_EQ(c->pressures, 0);
}

static void test_pressure(void)
{
	prepare("from nine tenths of the table on timeouts are a tenth, until seven tenths");
	config.max_flows = 1000;
	config.timeout[FLOW_UDP_ONE_WAY] = 100 * second;
	start();
	for (uint16_t i = 1; i < 900; i++)
		send_udp(1, i, 2, 7777, "x");
	frame_ts += 10 * second;
	send_udp(1, 1, 2, 7777, "x");
	CHECK_EQ(ended(FLOW_END_IDLE), 0);
	send_udp(1, 900, 2, 7777, "x");
	CHECK_EQ(flow_engine_counters(engine)->pressures, 1);
	send_udp(1, 1, 2, 7777, "x");
	CHECK_EQ(ended(FLOW_END_IDLE), 898);
	frame_ts += 10 * second;
	send_udp(1, 1, 2, 7777, "x"); /* the pressure is over */
	CHECK_EQ(ended(FLOW_END_IDLE), 898);
	CHECK_EQ(counter_open(), 2);
	finish();
}

static void test_anomaly_rate(void)
{
	struct packet_spec s = spec_of(PROTO_TCP, 1, 1, 2, 80, "with data");
	uint8_t frame[128];
	uint64_t left_out;

	prepare("of each anomaly's name a thousand records go out at once, then 100 a second");
	start();
	s.flags = TCP_SYN | TCP_FIN;
	for (uint16_t i = 1; i <= 1500; i++) {
		s.sport = i;
		push(frame, packet_build(frame, &s));
	}
	CHECK(made.anomalies >= 1000 && made.anomalies % 1000 == 0);
	frame_ts += second;
	for (uint16_t i = 1501; i <= 2000; i++) {
		s.sport = i;
		push(frame, packet_build(frame, &s));
	}
	CHECK_EQ(made.anomalies % 1100, 0);
	CHECK_EQ(flow_engine_counters(engine)->anomalies_suppressed % 900, 0);
	CHECK(flow_engine_counters(engine)->anomalies_suppressed);
	finish();

	prepare("beyond a flow's eight they are counted, too: at the end a record says how many");
	start();
	for (unsigned i = 0; i < 12; i++)
		push(frame, packet_build(frame, &s));
	CHECK_EQ(made.anomalies, 8);
	left_out = flow_engine_counters(engine)->anomalies_suppressed;
	CHECK(left_out >= 4);
	finish();
	CHECK(made.anomalies > 8);
	for (unsigned i = 8; i < made.anomalies; i++)
		left_out -= made.anomaly[i].count.v;
	CHECK_EQ(left_out, 0);
}

int main(void)
{
	test_states();
	test_resurrection();
	test_reuse();
	test_active_reuse();
	test_timeouts();
	test_history();
	test_bytes();
	test_figures();
	test_sctp();
	test_table_limit();
	test_flood();
	test_pressure();
	test_anomaly_rate();
	return check_end();
}
