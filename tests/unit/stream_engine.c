/* Tests of libcommon/stage/stream_engine.c: packets of both sides in, stream records and ends out.
 * Malloc is off while it runs. */
#include "tests/unit/stream_talk.h"

static void test_both_sides(void)
{
	check_case("both sides of a connection, ended by a reset");
	start(NULL);
	data(0, 0, "chunk1-");
	data(1, 0, "resp-");
	data(0, 7, "chunk2-");
	data(1, 5, "payload-");
	data(0, 14, "chunk3-end");
	data(1, 13, "end");
	flagged(1, 16, "", PACKET_RST);
	CHECK(memcmp(out.bytes[0], "chunk1-chunk2-chunk3-end", 24) == 0);
	CHECK(memcmp(out.bytes[1], "resp-payload-end", 16) == 0);
	CHECK_EQ(out.nends, 2);
	CHECK_EQ(out.ends[0].reason, REC_stream_reason_RST);
	CHECK_EQ(out.ends[0].dir, 0);
	CHECK_EQ(out.ends[0].delivered, 24);
	CHECK_EQ(out.ends[1].delivered, 16);
	CHECK_EQ(out.ends[1].segments, 3);
	CHECK_EQ(out.ends[1].key.orig_h.len, 4);
	CHECK_EQ(out.ends[1].key.resp_p, 80);
	flow_end(1, REC_flow_reason_RST);
	CHECK_EQ(out.nends, 2);
	finish();

	check_case("a FIN ends its direction as soon as all before it is delivered");
	start(NULL);
	flagged(0, 4, "efgh", PACKET_FIN);
	CHECK_EQ(out.nends, 0);
	data(0, 0, "abcd");
	CHECK_EQ(out.nends, 1);
	CHECK_EQ(out.ends[0].reason, REC_stream_reason_FIN);
	CHECK_EQ(out.ends[0].out_of_order, 1);
	CHECK_EQ(out.ends[0].high_watermark, 4);
	data(0, 4, "efgh");
	CHECK_EQ(stream_engine_stats(out.r)->late, 1);
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.nends, 1);
	finish();

	check_case("a record has the frame at which it leaves, and the frame that brought it");
	start(NULL);
	flagged(0, 0, "", PACKET_NEW);
	n = 100;
	data(0, 4, "efgh");
	data(0, 0, "abcd");
	CHECK_EQ(out.last_head.n, 102);
	CHECK_EQ(out.last_head.flow, 1);
	CHECK_EQ(out.last.first_n, 101);
	CHECK_EQ(out.last.first_ts, 101000000);
	finish();

	check_case("a side that never sent data or a FIN gets no stream_end");
	start(NULL);
	data(0, 0, "abcd");
	ack(1, 1005);
	flow_end(1, REC_flow_reason_IDLE);
	CHECK_EQ(out.nends, 1);
	CHECK_EQ(out.ends[0].reason, REC_stream_reason_IDLE);
	finish();

	check_case("a packet without data or FIN of an unknown flow keeps nothing");
	start(NULL);
	flagged(0, 0, "", PACKET_NEW);
	flagged(0, 0, "", PACKET_RST);
	CHECK_EQ(stream_engine_stats(out.r)->flows, 0);
	finish();
}

static void test_verdicts(void)
{
	check_case("what the state machine says to ignore is ignored and counted");
	start(NULL);
	data(0, 0, "ab");
	for (uint8_t v = REC_verdict_BAD_CHECKSUM; v <= REC_verdict_MALFORMED; v++) {
		struct rec_packet p = packet(0, 2, "EVIL");

		if (v == REC_verdict_SYN_DATA_HELD)
			continue;
		p.verdict = v;
		put(1, p);
	}
	data(0, 2, "cd");
	flow_end(1, REC_flow_reason_FIN);
	CHECK(memcmp(out.bytes[0], "abcd", 4) == 0);
	CHECK_EQ(out.ends[0].ignored, REC_verdict_MALFORMED - REC_verdict_BAD_CHECKSUM);
	CHECK_EQ(out.ends[0].retransmitted, 0);
	finish();

	check_case("bytes that differ give at most eight anomalies a flow");
	start(NULL);
	data(0, 10, "FIRST");
	for (int i = 0; i < 12; i++)
		data(0, 10, "laTeR");
	CHECK_EQ(out.anomalies, 8);
	CHECK_EQ(stream_engine_stats(out.r)->anomalies_suppressed, 4);
	CHECK(bytes_is(out.anomaly.name, "overlap_diff"));
	CHECK_EQ(out.anomaly.offset.v, 10);
	CHECK_EQ(out.anomaly.len.v, 5);
	flow_end(1, REC_flow_reason_END_OF_INPUT);
	CHECK_EQ(out.ends[0].overlaps, 12);
	CHECK_EQ(out.ends[0].gap_bytes, 10);
	finish();
}

static void test_gaps(void)
{
	check_case("an acknowledgement of the other side, over the wrap of its numbers, proves a "
		   "hole");
	start(NULL);
	data(1, 0, "0123456789");
	data(1, 20, "klmnopqrst"); /* seq 4: wrapped */
	ack(0, 14);
	for (int i = 0; i < 20 && !out.gap_bytes[1]; i++)
		ack(0, 14);
	CHECK_EQ(out.gap_bytes[1], 10);
	CHECK_EQ(out.why[1], REC_gap_reason_ACKED);
	CHECK_EQ(out.at[1], 30);
	finish();

	check_case("an acknowledgement that is not trusted proves nothing");
	start(NULL);
	data(1, 0, "0123456789");
	data(1, 20, "klmnopqrst");
	for (int i = 0; i < 40; i++) {
		struct rec_packet p = packet(0, 0, "");

		p.ack = 14;
		put(1, p);
	}
	CHECK_EQ(out.gap_bytes[1], 0);
	flow_end(1, REC_flow_reason_IDLE);
	CHECK_EQ(out.gap_bytes[1], 10);
	CHECK_EQ(out.why[1], REC_gap_reason_CLOSE);
	CHECK_EQ(out.end_reasons[0][REC_gap_reason_CLOSE], 10);
	finish();

	check_case("an acknowledgement seen before the data it covers proves the hole as well");
	start(NULL);
	data(1, 0, "0123456789");
	ack(0, 14);
	data(1, 20, "klmnopqrst");
	for (int i = 0; i < 20; i++)
		ack(0, 14);
	CHECK_EQ(out.gap_bytes[1], 10);
	finish();

	check_case("V17 S7: one lost segment: both sides still end, with all that followed");
	start(NULL);
	data(0, 0, "GET 1 ");
	data(0, 12, "GET 3 ");
	data(1, 0, "OK");
	flagged(0, 18, "", PACKET_FIN);
	flagged(1, 2, "", PACKET_FIN);
	CHECK_EQ(out.nends, 1);
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.nends, 2);
	CHECK_EQ(out.at[0], 18);
	CHECK_EQ(out.ends[1].gap_bytes, 6);
	CHECK_EQ(out.ends[1].delivered, 12);
	finish();

	check_case("attached late, what came before is a gap(resync), not a hole");
	start(NULL);
	n = 50;
	data(0, 1000, "abcd");
	CHECK_EQ(out.why[0], REC_gap_reason_RESYNC);
	CHECK_EQ(out.at[0], 1004);
	finish();

	check_case("seen from the start, a leading hole waits");
	start(NULL);
	flagged(0, 0, "", PACKET_NEW);
	data(0, 4, "efgh");
	CHECK_EQ(out.records, 0);
	data(0, 0, "abcd");
	CHECK_EQ(out.at[0], 8);
	CHECK_EQ(out.gap_bytes[0], 0);
	finish();
}

static void test_caps(void)
{
	struct stream_limits l = stream_limits_default();

	check_case("beyond the cap the least recently used flow goes, with its data and ends");
	l.max_flows = 2;
	start(&l);
	put(1, packet(0, 0, "a"));
	put(1, packet(0, 5, "f"));
	put(2, packet(0, 0, "b"));
	CHECK_EQ(out.nends, 0);
	memset(out.at, 0, sizeof(out.at));
	put(3, packet(0, 0, "c"));
	CHECK_EQ(out.nends, 1);
	CHECK_EQ(out.end_heads[0].flow, 1);
	CHECK_EQ(out.ends[0].reason, REC_stream_reason_EVICTED);
	CHECK_EQ(out.ends[0].delivered, 2);
	CHECK_EQ(out.end_reasons[0][REC_gap_reason_EVICT], 4);
	CHECK_EQ(stream_engine_stats(out.r)->evicted, 1);
	out.disorder = false;
	finish();
	CHECK_EQ(out.nends, 3);

	check_case("an evicted flow that goes on is late, one that began since is not");
	start(&l);
	for (uint64_t f = 1; f <= 3; f++)
		put(f, packet(0, 0, "a"));
	memset(out.at, 0, sizeof(out.at));
	put(1, packet(0, 100, "b"));
	CHECK_EQ(out.why[0], REC_gap_reason_RESYNC);
	CHECK_EQ(out.at[0], 101);
	memset(out.at, 0, sizeof(out.at));
	put(4, packet(0, 4, "efgh"));
	CHECK_EQ(out.at[0], 0);
	put(4, packet(0, 0, "abcd"));
	CHECK_EQ(out.at[0], 8);
	out.disorder = false;
	finish();

	check_case("the end of the input ends flows by number, each at a frame number of its own");
	start(NULL);
	for (uint64_t f = 30; f >= 10; f -= 10)
		put(f, packet(0, 0, "x"));
	out.disorder = false;
	finish();
	CHECK_EQ(out.nends, 3);
	CHECK_EQ(out.end_heads[0].flow, 10);
	CHECK_EQ(out.end_heads[0].n, 1000010);
	CHECK_EQ(out.end_heads[2].flow, 30);
	CHECK_EQ(out.ends[2].reason, REC_stream_reason_END_OF_INPUT);
}

static struct seen {
	uint64_t flow, held[2];
	struct rec_key key;
} seen[4];
static unsigned nseen;

static void on_each(void *ctx, uint64_t flow, const struct rec_key *key, const uint64_t held[2])
{
	(void)ctx;
	seen[nseen++ & 3] = (struct seen){ flow, { held[0], held[1] }, *key };
}

static void test_open_flows(void)
{
	check_case("each open flow is named, with what it holds");
	start(NULL);
	for (uint64_t f = 3; f >= 1; f--) {
		put(f, packet(0, 0, "x"));
		put(f, packet(1, 9, "waits"));
	}
	put(1, packet(0, 5, "too"));
	nseen = 0;
	stream_engine_each(out.r, on_each, NULL);
	CHECK_EQ(nseen, 3);
	CHECK_EQ(seen[0].flow, 1);
	CHECK_EQ(seen[0].held[0], 3);
	CHECK_EQ(seen[0].held[1], 5);
	CHECK_EQ(seen[1].flow, 2);
	CHECK_EQ(seen[1].held[0], 0);
	CHECK_EQ(seen[2].flow, 3);
	CHECK_EQ(seen[2].key.orig_p, 1000);
	CHECK_EQ(seen[2].key.resp_h.len, 4);
	CHECK(!memcmp(seen[2].key.resp_h.b, "\12\0\0\2", 4));

	check_case("what another engine goes on with leaves by number, as swapped, at its frame");
	/* Asked for ahead or not, known or not, it is the same. */
	for (uint64_t f = 0; f < 4; f++) {
		stream_engine_ahead(out.r, f, STREAM_AHEAD_TABLE);
		stream_engine_ahead(out.r, f, STREAM_AHEAD_FLOW);
		CHECK_EQ(stream_engine_knows(out.r, f), f > 0);
	}
	stream_engine_leave(out.r, 77, 5000000);
	for (uint64_t f = 0; f < 4; f++)
		CHECK(!stream_engine_knows(out.r, f));
	CHECK_EQ(out.nends, 6);
	for (unsigned i = 0; i < 6; i++) {
		CHECK_EQ(out.end_heads[i].flow, 1 + i / 2);
		CHECK_EQ(out.end_heads[i].n, 77);
		CHECK_EQ(out.end_heads[i].ts, 5000000);
		CHECK_EQ(out.ends[i].reason, REC_stream_reason_SWAPPED);
	}
	CHECK_EQ(out.gap_bytes[1], 27);
	out.disorder = false;
	finish();
	CHECK_EQ(out.nends, 6);
}

int main(void)
{
	test_both_sides();
	test_verdicts();
	test_gaps();
	test_caps();
	test_open_flows();
	return check_end();
}
