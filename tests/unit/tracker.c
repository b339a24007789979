/* tracker: tests of what becomes of packets and flows: sides, ends, checksums, SCTP. */
#include "libcommon/net/tracker.h"

#include <stdlib.h>

#include "tests/unit/check.h"
#include "tests/unit/poison.h"
#include "tests/unit/sctp_build.h"

static unsigned ends[FLOW_END_ABORT + 1];
static struct tracked p;
static const uint64_t timeout = UINT64_C(30000000000);
static uint64_t packets;
static bool in_pieces; /* packets come as IP fragments */
static void *tracker_memory;

static void on_end(void *user, const struct flow *f, enum flow_end_reason why)
{
	(void)user, (void)f;
	ends[why]++;
}

static struct tracker *begin(const char *title, uint32_t max)
{
	struct tracker_config c = { .table = { .max_flows = max }, .end = on_end };

	check_case(title);
	memset(ends, 0, sizeof(ends));
	for (unsigned i = 0; i < FLOW_CLASSES; i++)
		c.table.timeout[i] = timeout;
	tracker_memory = aligned_alloc(64, (tracker_size(&c) + 63) & ~(size_t)63);
	memset(tracker_memory, 0, tracker_size(&c));
	return tracker_init(tracker_memory, &c);
}

/* A packet from host a to host b of 10.0.0.0/24. */
static struct layers layers_of(uint8_t proto, uint8_t a, uint16_t ap, uint8_t b, uint16_t bp)
{
	return (struct layers){ .ip_version = 4,
				.proto = proto,
				.src = { 10, 0, 0, a },
				.dst = { 10, 0, 0, b },
				.src_port = ap,
				.dst_port = bp,
				.ip_len = 40,
				.checksum = CHECKSUM_GOOD,
				.payload = BYTES_LIT("") };
}

static void send(struct tracker *t, const struct layers *l, uint64_t now)
{
	p = (struct tracked){ .layers = l,
			      .id = ++packets,
			      .now = now,
			      .ts = now,
			      .raw_ts = now,
			      .defragmented = in_pieces };
	tracker_time(t, now);
	tracker_prepare(t, &p, NULL);
	tracker_prefetch(t, &p);
	tracker_packet(t, &p);
}

static void test_flows(void)
{
	struct tracker *t = begin("three SYNs into a table of two: one is given up", 2);
	struct layers l = layers_of(PROTO_TCP, 1, 1, 9, 80);

	l.tcp_flags = TCP_SYN;
	for (uint16_t i = 1; i <= 3; i++) {
		l.src_port = i;
		send(t, &l, i);
		CHECK(p.is_new);
	}
	CHECK_EQ(ends[FLOW_END_EVICTED], 1);
	CHECK_EQ(tracker_count(t), 2);
	tracker_time(t, 2 + timeout);
	CHECK_EQ(ends[FLOW_END_IDLE], 1);
	tracker_finish(t, FLOW_END_OF_INPUT);
	CHECK_EQ(ends[FLOW_END_OF_INPUT], 1);
	free(tracker_memory);
}

static void test_sides(void)
{
	struct tracker *t = begin("an answer that comes first is the responder's", 8);
	struct layers l = layers_of(PROTO_UDP, 1, 53, 2, 40000);

	send(t, &l, 0);
	CHECK_EQ(p.dir, 1);
	l = layers_of(PROTO_TCP, 1, 5000, 2, 40000);
	l.tcp_flags = TCP_SYN | TCP_ACK;
	send(t, &l, 0);
	CHECK_EQ(p.dir, 1);
	l = layers_of(PROTO_ICMP, 1, 0, 2, 0);
	send(t, &l, 0);
	CHECK_EQ(p.dir, 1);
	l = layers_of(PROTO_ICMP, 2, 8, 1, 0);
	send(t, &l, 0);
	CHECK(!p.is_new);
	CHECK_EQ(p.dir, 0);
	CHECK_EQ(p.flow->key.port[flow_side(p.flow, 0)], 8);
	free(tracker_memory);
}

static uint8_t tcp_checksum = CHECKSUM_GOOD;

/* A segment of the host whose port is 4000, or 80; len bytes from offset on. */
static void tcp(struct tracker *t, uint16_t port, uint16_t flags, uint32_t offset, uint32_t ack,
		size_t len)
{
	static const uint8_t zeros[1000];
	bool client = port == 4000;
	struct layers l =
		layers_of(PROTO_TCP, client ? 1 : 2, port, client ? 2 : 1, client ? 80 : 4000);

	l.tcp_flags = flags;
	l.window = 65535;
	l.seq = (client ? 1001 : 5001) + offset - (flags & TCP_SYN ? 1 : 0);
	l.ack = flags & TCP_ACK ? (client ? 5001 : 1001) + ack : 0;
	l.payload = BYTES(zeros, len);
	l.checksum = tcp_checksum;
	send(t, &l, 0);
}

/* A client's FIN or reset that its server does not take. */
static void test_refuted_ends(void)
{
	for (unsigned fin = 0; fin < 2; fin++) {
		struct tracker *t =
			begin("what goes on, and is acknowledged, behind an end is a flow", 8);
		const struct flow *f;

		tcp(t, 4000, TCP_SYN, 0, 0, 0);
		tcp(t, 80, TCP_SYN | TCP_ACK, 0, 0, 0);
		tcp(t, 4000, TCP_ACK, 0, 0, 100);
		if (fin)
			tcp(t, 4000, TCP_FIN | TCP_ACK, 100, 0, 0);
		else
			tcp(t, 4000, TCP_RST, 0, 0, 0);
		f = p.flow;
		tcp(t, 80, TCP_ACK, 0, 100 + fin, 0);
		tcp(t, 4000, TCP_ACK, 0, 0, 100); /* again */
		tcp(t, 4000, TCP_ACK, 100, 0, 100);
		CHECK(p.flow == f && !p.is_new && p.tcp.verdict != TCP_DELIVER);
		tcp(t, 80, TCP_ACK, 0, 200, 50);
		tcp(t, 4000, TCP_ACK, 0, 50, 100); /* again */
		CHECK(!p.is_new);
		CHECK_EQ(ends[fin ? FLOW_END_FIN : FLOW_END_RST], 0);
		tcp(t, 4000, TCP_ACK, 200, 50, 100);
		CHECK(p.is_new && !p.reused);
		CHECK_EQ(ends[fin ? FLOW_END_FIN : FLOW_END_RST], 1);
		CHECK_EQ(p.dir, 0);
		CHECK_EQ(p.tcp.verdict, TCP_DELIVER);
		tcp(t, 80, TCP_ACK, 50, 300, 50);
		CHECK_EQ(p.dir, 1);
		CHECK_EQ(p.tcp.verdict, TCP_DELIVER);
		CHECK_EQ(tracker_count(t), 1);
		free(tracker_memory);
	}
}

/* What goes on, its first segments the other way round. */
static void test_refuted_out_of_order(void)
{
	struct tracker *t = begin("what goes on starts where it was acknowledged", 8);

	tcp(t, 4000, TCP_SYN, 0, 0, 0);
	tcp(t, 80, TCP_SYN | TCP_ACK, 0, 0, 0);
	tcp(t, 4000, TCP_FIN | TCP_ACK, 0, 0, 100);
	tcp(t, 4000, TCP_ACK, 100, 0, 100);
	tcp(t, 80, TCP_ACK, 0, 200, 0);
	tcp(t, 4000, TCP_ACK, 300, 0, 100);
	CHECK(p.is_new);
	CHECK_EQ(p.tcp.offset, 100);
	tcp(t, 4000, TCP_ACK, 200, 0, 100);
	CHECK_EQ(p.tcp.verdict, TCP_DELIVER);
	CHECK_EQ(p.tcp.offset, 0);
	tcp(t, 80, TCP_ACK, 100, 400, 100);
	CHECK_EQ(p.tcp.offset, 100);
	tcp(t, 80, TCP_ACK, 0, 400, 100);
	CHECK_EQ(p.tcp.verdict, TCP_DELIVER);
	CHECK_EQ(p.tcp.offset, 0);
	free(tracker_memory);
}

/* A client's FIN that its server says not to know. */
static void test_refuted_by_liar(void)
{
	struct tracker *t = begin("who acknowledges what came behind a FIN splits no stream of its "
				  "own",
				  8);
	const struct flow *f;

	tcp(t, 4000, TCP_SYN, 0, 0, 0);
	tcp(t, 80, TCP_SYN | TCP_ACK, 0, 0, 0);
	tcp(t, 4000, TCP_ACK, 0, 0, 100);
	tcp(t, 4000, TCP_FIN | TCP_ACK, 100, 0, 0);
	f = p.flow;
	tcp(t, 80, TCP_ACK, 0, 200, 50);
	tcp(t, 80, TCP_ACK, 50, 101, 50);
	CHECK(p.flow == f && !p.is_new);
	CHECK_EQ(p.tcp.verdict, TCP_DELIVER);
	CHECK_EQ(p.tcp.offset, 50);
	check_case("nor does what lies far away, and hides the answer");
	tcp(t, 4000, TCP_ACK, 1 << 30, 100, 1);
	CHECK(!p.is_new);
	tcp(t, 80, TCP_ACK, 100, 200, 50);
	CHECK_EQ(p.tcp.verdict, TCP_DELIVER);
	CHECK_EQ(p.tcp.offset, 100);
	tcp(t, 4000, TCP_ACK, 200, 150, 100);
	CHECK(p.is_new);
	free(tracker_memory);
}

/* A server's reset that its client never gets, or that somebody else sent. */
static void test_refuted_reset(void)
{
	struct tracker *t = begin("what a side acknowledges behind its own reset is a flow", 8);

	tcp(t, 4000, TCP_SYN, 0, 0, 0);
	tcp(t, 80, TCP_SYN | TCP_ACK, 0, 0, 0);
	tcp(t, 4000, TCP_ACK, 0, 0, 100);
	tcp(t, 80, TCP_RST | TCP_ACK, 0, 0, 0);
	tcp(t, 80, TCP_ACK, 0, 100, 0); /* was on its way */
	CHECK_EQ(p.tcp.anomalies, 0);
	tcp(t, 4000, TCP_ACK, 100, 0, 100); /* so may this be */
	CHECK(!p.is_new);
	tcp(t, 80, TCP_ACK, 0, 200, 0);
	CHECK_EQ(p.tcp.anomalies, 0);
	tcp(t, 4000, TCP_ACK, 100, 0, 100); /* again */
	CHECK(!p.is_new);
	tcp(t, 4000, TCP_ACK, 200, 0, 100);
	CHECK(p.is_new && !p.dir);
	CHECK_EQ(p.tcp.verdict, TCP_DELIVER);
	CHECK_EQ(p.tcp.anomalies, 1u << TCP_A_RST_SUSPECT);
	CHECK_EQ(ends[FLOW_END_RST], 1);
	free(tracker_memory);

	t = begin("so it is where bytes far ahead, which nobody took, came before the reset", 8);
	tcp(t, 4000, TCP_SYN, 0, 0, 0);
	tcp(t, 80, TCP_SYN | TCP_ACK, 0, 0, 0);
	tcp(t, 4000, TCP_ACK, 0, 0, 0);
	for (uint32_t i = 1; i < 3; i++)
		tcp(t, 80, TCP_ACK, i << 20, 0, 1);
	tcp(t, 4000, TCP_RST, 0, 0, 0);
	tcp(t, 4000, TCP_ACK, 0, 0, 100);
	tcp(t, 80, TCP_ACK, 0, 100, 0);
	CHECK_EQ(p.tcp.verdict, TCP_NO_DATA);
	tcp(t, 4000, TCP_ACK, 100, 0, 100);
	CHECK(p.is_new);
	CHECK_EQ(p.tcp.verdict, TCP_DELIVER);
	free(tracker_memory);

	t = begin("the other side's bad checksum is one in the flow that goes on, too", 8);
	tcp(t, 4000, TCP_SYN, 0, 0, 0);
	tcp(t, 80, TCP_SYN | TCP_ACK, 0, 0, 0);
	tcp(t, 4000, TCP_ACK, 0, 0, 100);
	tcp(t, 80, TCP_RST | TCP_ACK, 0, 0, 0);
	tcp(t, 4000, TCP_ACK, 100, 0, 100);
	tcp(t, 80, TCP_ACK, 0, 200, 0);
	tcp(t, 4000, TCP_ACK, 200, 0, 100);
	CHECK(p.is_new);
	tcp_checksum = CHECKSUM_BAD;
	tcp(t, 80, TCP_ACK, 0, 200, 100);
	tcp_checksum = CHECKSUM_GOOD;
	CHECK_EQ(p.tcp.verdict, TCP_BAD_CHECKSUM);
	tcp(t, 80, TCP_ACK, 0, 200, 100);
	CHECK_EQ(p.tcp.verdict, TCP_DELIVER);
	free(tracker_memory);

	t = begin("a reset of less than was acknowledged is too old, whatever came last", 8);
	tcp(t, 4000, TCP_SYN, 0, 0, 0);
	tcp(t, 80, TCP_SYN | TCP_ACK, 0, 0, 0);
	for (uint32_t i = 0; i < 200; i += 100) {
		tcp(t, 4000, TCP_ACK, i, 0, 100);
		tcp(t, 80, TCP_ACK, 0, i + 100, 0);
	}
	tcp(t, 80, TCP_ACK, 0, 100, 0); /* overtaken on its way, or made up */
	tcp(t, 4000, TCP_RST, 100, 0, 0);
	CHECK_EQ(p.tcp.anomalies, 1u << TCP_A_RST_SUSPECT);
	tcp(t, 4000, TCP_ACK, 200, 0, 100);
	CHECK_EQ(p.tcp.verdict, TCP_DELIVER);
	CHECK(!p.is_new);
	tcp(t, 4000, TCP_RST, 300, 0, 0);
	CHECK_EQ(tcp_phase(&p.flow->tcp), TCP_OVER);
	free(tracker_memory);
}

static void test_checksums(void)
{
	static const uint8_t many[2000];
	struct tracker *t = begin("T15: bad checksums are accepted until a good one came", 8);
	struct layers l = layers_of(PROTO_UDP, 1, 4000, 2, 4001);

	l.checksum = CHECKSUM_BAD;
	send(t, &l, 0);
	CHECK_EQ(p.tcp.verdict, TCP_DELIVER);
	CHECK(p.offload && p.bad_checksum);
	send(t, &l, 0);
	CHECK(!p.offload && p.bad_checksum);
	l.checksum = CHECKSUM_GOOD;
	send(t, &l, 0);
	l.checksum = CHECKSUM_BAD;
	send(t, &l, 0);
	CHECK_EQ(p.tcp.verdict, TCP_BAD_CHECKSUM);
	CHECK_EQ(p.flow->bad_checksums[0], 3);
	free(tracker_memory);

	t = begin("a bad checksum over more than a frame is a card's, but not where it came in "
		  "pieces",
		  8);
	l = layers_of(PROTO_TCP, 1, 4000, 2, 80);
	l.tcp_flags = TCP_ACK;
	l.payload = BYTES(many, 2000);
	send(t, &l, 0);
	l.checksum = CHECKSUM_BAD;
	l.seq = 2000;
	send(t, &l, 0);
	CHECK_EQ(p.tcp.verdict, TCP_DELIVER);
	l.seq = 4000;
	in_pieces = true;
	send(t, &l, 0);
	in_pieces = false;
	CHECK_EQ(p.tcp.verdict, TCP_BAD_CHECKSUM);
	free(tracker_memory);
}

static void test_reuse(void)
{
	struct tracker *t = begin("T7: a SYN with a bad checksum ends no connection", 8);
	struct layers l = layers_of(PROTO_TCP, 1, 4000, 2, 80);
	const uint64_t later = 10 * UINT64_C(1000000000);

	l.tcp_flags = TCP_SYN;
	send(t, &l, 0);
	l.seq = 70000;
	l.checksum = CHECKSUM_BAD;
	send(t, &l, later);
	CHECK(!p.is_new);
	l.checksum = CHECKSUM_GOOD;
	send(t, &l, 2 * later);
	CHECK(p.is_new && p.reused);
	free(tracker_memory);
}

static void test_sctp(void)
{
	struct tracker *t = begin("an SCTP ABORT ends an association where its tag is right", 8);
	struct layers l = layers_of(PROTO_SCTP, 1, 1000, 2, 2000);

	l.payload = BYTES("\1\0\0\x14\0\0\0\7\0\0\0\0\0\1\0\1\0\0\0\0", 20);
	send(t, &l, 0);
	l = layers_of(PROTO_SCTP, 2, 2000, 1, 1000);
	l.payload = BYTES("\6\0\0\4", 4);
	l.seq = 8;
	send(t, &l, 1);
	CHECK_EQ(sctp_phase(&p.flow->sctp), SCTP_OPENING);
	CHECK_EQ(p.tcp.verdict, SCTP_BAD_TAG);
	l.seq = 7;
	send(t, &l, 1);
	CHECK_EQ(p.flow->sctp.state, SCTP_S_ABORTED);
	tracker_finish(t, FLOW_END_OF_INPUT);
	CHECK_EQ(ends[FLOW_END_ABORT], 1);
	free(tracker_memory);
}

static struct sctp_build chunks;
static uint8_t sctp_checksum = CHECKSUM_GOOD;

/* What was built, from the host that opened the association, or to it. */
static void send_sctp(struct tracker *t, bool back, uint32_t tag)
{
	struct layers l = back ? layers_of(PROTO_SCTP, 2, 2000, 1, 1000)
			       : layers_of(PROTO_SCTP, 1, 1000, 2, 2000);

	l.payload = BYTES(chunks.at, chunks.len);
	l.seq = tag;
	l.checksum = sctp_checksum;
	send(t, &l, 2);
	chunks.len = 0;
}

static void sctp_open(struct tracker *t, uint32_t tag_a, uint32_t tag_b)
{
	build_init(&chunks, SCTP_INIT, tag_a, 4, 4, 100);
	send_sctp(t, false, 0);
	build_init(&chunks, SCTP_INIT_ACK, tag_b, 4, 4, 900);
	send_sctp(t, true, tag_a);
	build_chunk(&chunks, SCTP_COOKIE_ECHO, 0, NULL, 0);
	send_sctp(t, false, tag_b);
	build_chunk(&chunks, SCTP_COOKIE_ACK, 0, NULL, 0);
	send_sctp(t, true, tag_a);
	build_data(&chunks, BUILD_BE, 100, 0, 0, 0, "x", 1);
	send_sctp(t, false, tag_b);
	CHECK_EQ(p.sctp.verdict, SCTP_DELIVER);
}

/* A and B open an association and close it. */
static void sctp_life(struct tracker *t, uint32_t tag_a, uint32_t tag_b)
{
	sctp_open(t, tag_a, tag_b);
	build_chunk(&chunks, SCTP_SHUTDOWN, 0, "\0\0\0", 4);
	send_sctp(t, true, tag_a);
	build_chunk(&chunks, SCTP_SHUTDOWN_ACK, 0, NULL, 0);
	send_sctp(t, false, tag_b);
	build_chunk(&chunks, SCTP_SHUTDOWN_COMPLETE, 0, NULL, 0);
	send_sctp(t, true, tag_a);
}

static void test_sctp_words(void)
{
	static const struct {
		uint8_t type;
		bool back;
		const char *state;
	} ways[] = { { SCTP_SHUTDOWN, false, "S2" },
		     { SCTP_SHUTDOWN, true, "S3" },
		     { SCTP_ABORT, false, "RSTO" },
		     { SCTP_ABORT, true, "RSTR" } };

	for (unsigned i = 0; i < 4; i++) {
		struct tracker *t =
			begin("an association is in the state that Zeek would call so of TCP", 8);

		sctp_open(t, 7, 9);
		CHECK(!strcmp(flow_conn_state(p.flow), "S1"));
		build_chunk(&chunks, ways[i].type, 0, "\0\0\0",
			    ways[i].type == SCTP_SHUTDOWN ? 4 : 0);
		send_sctp(t, ways[i].back, ways[i].back ? 7 : 9);
		CHECK(!strcmp(flow_conn_state(p.flow), ways[i].state));
		free(tracker_memory);
	}
}

static void test_sctp_checksums(void)
{
	struct tracker *t = begin("T15: where a card makes SCTP's checksums, an association "
				  "follows one that is over all the same",
				  8);

	sctp_checksum = CHECKSUM_BAD;
	sctp_life(t, 0xa1, 0xb1);
	sctp_life(t, 0xa2, 0xb2);
	CHECK_EQ(ends[FLOW_END_FIN], 1);
	free(tracker_memory);

	t = begin("but not by an INIT with a bad checksum of a side that had good ones", 8);
	sctp_checksum = CHECKSUM_GOOD;
	sctp_life(t, 0xa1, 0xb1);
	build_init(&chunks, SCTP_INIT, 0xa2, 4, 4, 100);
	sctp_checksum = CHECKSUM_BAD;
	send_sctp(t, false, 0);
	sctp_checksum = CHECKSUM_GOOD;
	CHECK_EQ(ends[FLOW_END_FIN], 0);
	CHECK_EQ(p.sctp.verdict, SCTP_BAD_CHECKSUM);
	free(tracker_memory);
}

static void test_sctp_restart(void)
{
	for (unsigned asked_by = 0; asked_by < 2; asked_by++) {
		struct tracker *t = begin("who restarts an association is the originator, though "
					  "the answer shows it",
					  8);

		build_init(&chunks, SCTP_INIT, 0xa1, 4, 4, 100);
		send_sctp(t, false, 0);
		build_init(&chunks, SCTP_INIT_ACK, 0xb1, 4, 4, 900);
		send_sctp(t, true, 0xa1);
		build_chunk(&chunks, SCTP_COOKIE_ECHO, 0, NULL, 0);
		send_sctp(t, false, 0xb1);
		build_chunk(&chunks, SCTP_COOKIE_ACK, 0, NULL, 0);
		send_sctp(t, true, 0xa1);
		build_init(&chunks, SCTP_INIT, 0xc1, 4, 4, 7);
		send_sctp(t, asked_by, 0);
		CHECK_EQ(ends[FLOW_END_REUSED], 0);
		build_chunk(&chunks, SCTP_COOKIE_ACK, 0, NULL, 0);
		send_sctp(t, !asked_by, 0xc1);
		CHECK_EQ(ends[FLOW_END_REUSED], 1);
		CHECK(p.is_new && p.dir == 1);
		CHECK_EQ(p.flow->key.port[flow_side(p.flow, 0)], asked_by ? 2000 : 1000);
		CHECK_EQ(p.sctp.flags, SCTP_R_TSN_PEER | SCTP_R_ESTABLISHED);
		CHECK_EQ(p.sctp.initial_tsn_peer, 7);
		build_data(&chunks, BUILD_BE, 7, 0, 0, 0, "x", 1);
		send_sctp(t, asked_by, 0xd1);
		CHECK_EQ(p.sctp.verdict, SCTP_DELIVER);
		CHECK(!p.is_new && p.dir == 0);
		free(tracker_memory);
	}
}

int main(void)
{
	poison_all();
	test_flows();
	test_sides();
	test_refuted_ends();
	test_refuted_out_of_order();
	test_refuted_by_liar();
	test_refuted_reset();
	test_checksums();
	test_reuse();
	test_sctp();
	test_sctp_restart();
	test_sctp_words();
	test_sctp_checksums();
	return check_end();
}
