/* Tests of libcommon/net/sctp_streams.c: order per stream, holes, caps, and a plan of what was
 * sent. Malloc is off. */
#include <time.h>

#include "tests/unit/sctp_model.h"
#include "tests/unit/sctp_talk.h"

/* Those of pkts 0.2.1's SctpSequence; pkts_faults.c has the rest. */
static void test_pkts_faults(void)
{
	check_case(
		"pkts: the second message in order comes out, and each one after it (it ended the "
		"program)");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 100, 1, 0, "one");
	data(BUILD_BE, 101, 1, 1, "two");
	data(BUILD_BE, 102, 1, 2, "three");
	CHECK(said("1:0=one 1:1=two 1:2=three "));
	check_case(
		"pkts: an unordered message in one chunk comes out at once (it ended the program)");
	data(BUILD_BE | BUILD_U, 104, 1, 0, "now");
	CHECK(said("1:u0=now "));
	check_case("pkts: a message begins by the B bit, ordered or not (the U bit was looked at)");
	begin((struct sctp_limits){ 0 });
	data(BUILD_B, 100, 1, 0, "a");
	data(BUILD_E, 101, 1, 0, "b");
	data(BUILD_B | BUILD_U, 102, 1, 0, "c");
	data(BUILD_E | BUILD_U, 103, 1, 0, "d");
	CHECK(said("1:0=a 1:0=b 1:u0=c 1:u0=d "));
	CHECK_EQ(s.messages, 2);
	check_case("pkts: the first message that is seen is not the first one where a TSN lacks "
		   "before "
		   "it");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 101, 1, 1, "two");
	CHECK(said(""));
	data(BUILD_BE, 100, 1, 0, "one");
	CHECK(said("1:0=one 1:1=two "));
	check_case("pkts: more than may wait is a gap that is told, never dropped in silence");
	begin((struct sctp_limits){ 0 });
	for (uint32_t i = 1; i < 40; i++)
		data(BUILD_BE, 100 + i, 1, (uint16_t)i, "x");
	CHECK_EQ(s.held, 39);
	sctp_streams_flush(g, &s, SCTP_GAP_CLOSE);
	CHECK(gaps + stream_gaps > 0 && pieces == 39);
}

static void test_order(void)
{
	check_case("what is next in its stream leaves at once, with its attributes");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 100, 1, 0, "one");
	CHECK_EQ(last.tsn, 100);
	CHECK_EQ(last.ppid, 7);
	CHECK(last.begin && last.end && !last.unordered);
	CHECK_EQ(last.n, frame);
	data(BUILD_BE, 101, 1, 1, "two");
	CHECK_EQ(last.offset, 3);
	CHECK(said("1:0=one 1:1=two "));

	check_case("T18: a hole holds up its own stream alone");
	data(BUILD_BE, 103, 1, 3, "four");
	data(BUILD_BE, 104, 2, 0, "other");
	data(BUILD_BE, 105, 1, 4, "five");
	CHECK(said("2:0=other "));
	CHECK_EQ(s.held, 2);
	data(BUILD_BE, 102, 1, 2, "three");
	CHECK(said("1:2=three 1:3=four 1:4=five "));
	CHECK_EQ(s.held, 0);
	CHECK_EQ(s.cum, 105);
	CHECK_EQ(sctp_group_bytes(g), 0);

	check_case("above a hole a stream goes on as far as it can");
	data(BUILD_BE, 109, 3, 2, "2");
	data(BUILD_B, 108, 3, 1, "1");
	data(BUILD_BE, 107, 3, 0, "0");
	CHECK(said("3:0=0 3:1=1 "));
	CHECK_EQ(s.held, 1);

	check_case("T18: an unordered message never waits");
	data(BUILD_BE | BUILD_U, 110, 1, 0, "now");
	CHECK(said("1:u0=now "));
	CHECK(last.unordered);

	check_case("a message in fragments leaves fragment by fragment, in order");
	begin((struct sctp_limits){ 0 });
	data(BUILD_B, 100, 0, 0, "a");
	data(BUILD_E, 102, 0, 0, "c");
	data(BUILD_BE, 103, 0, 1, "d");
	CHECK(said("0:0=a "));
	CHECK(last.begin && !last.end);
	data(0, 101, 0, 0, "b");
	CHECK(said("0:0=b 0:0=c 0:1=d "));
	CHECK_EQ(s.messages, 2);

	check_case("a message that begins inside another one is told");
	begin((struct sctp_limits){ 0 });
	data(BUILD_B, 100, 0, 0, "a");
	data(BUILD_BE, 101, 0, 0, "b");
	CHECK(said("0:0=a [0:0] 0:0=b "));

	check_case("unordered fragments wait for the TSNs before them");
	begin((struct sctp_limits){ 0 });
	data(BUILD_B | BUILD_U, 101, 0, 0, "a");
	data(BUILD_E | BUILD_U, 102, 0, 0, "b");
	CHECK(said(""));
	data(BUILD_BE, 100, 0, 0, "x");
	CHECK(said("0:0=x 0:u0=a 0:u0=b "));

	check_case("RFC 9260 3.3.1: the number of an unordered message is ignored, however it is");
	data(BUILD_B | BUILD_U, 103, 0, 5, "a");
	data(BUILD_E | BUILD_U, 104, 0, 6, "b");
	CHECK(said("0:u0=a 0:u0=b "));

	check_case("where the start was not seen, what the first TSN was ahead of comes, once");
	begin((struct sctp_limits){ 0 });
	s = (struct sctp_streams){ 0 };
	data(BUILD_BE, 4000, 1, 30, "d");
	data(BUILD_BE, 3999, 2, 9, "c");
	data(BUILD_BE, 100, 1, 28, "a");
	data(BUILD_BE, 101, 1, 29, "b");
	data(BUILD_BE, 4001, 1, 31, "e");
	CHECK(said("1:30=d 2:9=c 1:28=a 1:29=b 1:31=e "));
	data(BUILD_BE, 100, 1, 28, "a");
	data(BUILD_BE, 4000, 1, 30, "d");
	CHECK_EQ(s.duplicates, 2);
	CHECK_EQ(s.disorder, 2);
	CHECK_EQ(s.lost, 0);
	sctp_streams_ack(&s, 103); /* as far as that its receiver had all */
	data(BUILD_BE, 103, 1, 27, "old");
	data(BUILD_BE, 104, 1, 27, "new");
	CHECK(said("1:27=new "));

	check_case("and once alone, however much comes before it is sent again");
	begin((struct sctp_limits){ 0 });
	s = (struct sctp_streams){ 0 };
	quiet = true;
	for (uint32_t i = 0; i < 2; i++) {
		data(BUILD_BE, 5, 1, 0, "first");
		for (uint32_t tsn = 4; tsn + 2000 > 0; tsn--)
			data(BUILD_BE, tsn, 1, 0, "before");
		for (uint32_t tsn = 6; tsn < 200; tsn++)
			data(BUILD_BE, tsn, 1, 0, "behind");
	}
	quiet = false;
	CHECK_EQ(s.delivered, 2004 + 195);
	CHECK_EQ(s.duplicates, s.delivered);
	CHECK_EQ(s.lost, 0);

	check_case("but no fragment, as nobody could say which TSN lacks between two");
	for (unsigned i = 0; i < 2; i++) {
		uint8_t u = i ? BUILD_U : 0;

		begin((struct sctp_limits){ 0 });
		s = (struct sctp_streams){ 0 };
		data(u, 101, 1, 0, "b");
		data(u | BUILD_B, 100, 1, 0, "a");
		data(u | BUILD_E, 102, 1, 0, "c");
		CHECK(said(i ? "1:u0=b 1:u0=c " : "[1:0] 1:0=b 1:0=c "));
		data(u | BUILD_B, 97, 1, 65535, "a");
		data(u | BUILD_E, 99, 1, 65535, "c");
		data(u | BUILD_BE, 96, 1, 65534, "whole");
		CHECK(said(i ? "1:u0=whole " : "1:65534=whole "));
		CHECK_EQ(s.duplicates, 3);
	}

	check_case("of several first TSNs the last counts, until there is data");
	begin((struct sctp_limits){ 0 });
	sctp_streams_start(g, &s, 500);
	data(BUILD_BE, 501, 0, 1, "b");
	sctp_streams_start(g, &s, 900);
	data(BUILD_BE, 500, 0, 0, "a");
	CHECK(said("0:0=a 0:1=b "));

	check_case("SSNs and TSNs wrap");
	begin((struct sctp_limits){ 0 });
	s = (struct sctp_streams){ 0 };
	sctp_streams_start(g, &s, 0xfffffffe);
	quiet = true;
	for (uint32_t i = 0; i < 70000; i++)
		data(BUILD_BE, 0xfffffffe + i, 3, (uint16_t)i, "x");
	quiet = false;
	CHECK_EQ(s.delivered, 70000);
	CHECK_EQ(gaps + stream_gaps + s.disorder, 0);

	check_case("all chunks of a packet count, and a broken one ends it");
	begin((struct sctp_limits){ 0 });
	build_data(&b, BUILD_BE, 100, 0, 0, 7, "a", 1);
	build_chunk(&b, 200, 0, "??", 2);
	build_data(&b, BUILD_BE, 101, 1, 0, 7, "b", 1);
	build_data(&b, BUILD_BE, 102, 1, 1, 7, "", 0);
	memcpy(b.at + b.len, "\0\3\0\2", 4);
	b.len += 4;
	send();
	CHECK(said("0:0=a 1:0=b "));
	CHECK_EQ(s.malformed, 2);

	check_case("what is behind an NR-SACK counts unless one of the sides offered none");
	for (unsigned i = 0; i < 3; i++) {
		begin((struct sctp_limits){ 0 });
		s.lacks = i == 1 ? SCTP_NO_NR_SACK : 0;
		peer.lacks = i == 2 ? SCTP_NO_NR_SACK : 0;
		build_data(&b, BUILD_BE, 100, 0, 0, 7, "a", 1);
		build_chunk(&b, SCTP_NR_SACK, 0, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
		build_data(&b, BUILD_BE, 101, 0, 1, 7, "b", 1);
		send();
		CHECK(said(i ? "0:0=a " : "0:0=a 0:1=b "));
	}

	check_case("the last chunk of a snapped packet says what it lacks");
	begin((struct sctp_limits){ 0 });
	build_data(&b, BUILD_BE, 100, 0, 0, 7, "abcdefgh", 8);
	sctp_streams_packet(g, &s, &peer, BYTES(b.at, b.len - 5), true, 1, 1);
	CHECK(said("0:0=abc "));
	CHECK_EQ(last.missing, 5);
}

static void test_sizes(void)
{
	static uint8_t bytes[1400];
	unsigned bad = 0;

	check_case("what waited comes out as it was, whatever its length");
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 13 >> 2);
	quiet = true;
	for (unsigned len = 1; len <= sizeof(bytes); len++) {
		begin((struct sctp_limits){ 0 });
		build_data(&b, BUILD_E, 101, 0, 0, 7, bytes, len);
		send();
		CHECK_EQ(s.held_bytes, len);
		kept_len = 0;
		data(BUILD_B, 100, 0, 0, "a");
		bad += kept_len != len + 1 || memcmp(kept + 1, bytes, len) != 0;
	}
	quiet = false;
	CHECK_EQ(bad, 0);
	CHECK_EQ(sctp_group_bytes(g), 0);
}

static void test_repeats(void)
{
	check_case("a repeat is counted, and one that differs is reported");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 100, 0, 0, "a");
	data(BUILD_BE, 102, 0, 2, "c");
	data(BUILD_BE, 100, 0, 0, "a");
	data(BUILD_BE, 102, 0, 2, "c");
	CHECK_EQ(s.duplicates, 2);
	CHECK_EQ(differs, 0);
	data(BUILD_BE, 102, 0, 2, "x");
	CHECK_EQ(differs, 1);
	data(BUILD_BE, 100, 0, 0, "x");
	CHECK_EQ(differs, 2);
	data(BUILD_BE, 100, 1, 0, "a");
	CHECK_EQ(differs, 3);
	CHECK(said("0:0=a "));
	data(BUILD_BE, 101, 0, 1, "b");
	CHECK(said("0:1=b 0:2=c "));
}

static void test_drop(void)
{
	struct sctp_streams other = { 0 };

	check_case("where drop is asked for, a direction that holds too much is over");
	begin((struct sctp_limits){ .held_chunks = 2, .drop = true });
	data(BUILD_BE, 100, 1, 0, "a");
	data(BUILD_BE, 102, 1, 2, "c");
	data(BUILD_BE, 103, 1, 3, "dd");
	CHECK_EQ(drops, 0);
	data(BUILD_BE, 104, 1, 4, "eee");
	CHECK_EQ(drops, 1);
	CHECK_EQ(s.refused, 3);
	CHECK_EQ(s.refused_bytes, 6);
	CHECK_EQ(sctp_group_bytes(g), 0);
	data(BUILD_BE, 101, 1, 1, "b"); /* too late */
	sctp_streams_flush(g, &s, SCTP_GAP_CLOSE);
	CHECK_EQ(s.chunks, 4);
	CHECK(said("1:0=a "));
	sctp_streams_start(g, &other, 7); /* the group is as good as new */
	sctp_streams_push(g, &other,
			  &(struct sctp_data){ .tsn = 7, .flags = 3, .bytes = BYTES_LIT("z") });
	CHECK(said("0:0=z "));
	CHECK(sctp_streams_lawful(&other));
	sctp_streams_flush(g, &other, SCTP_GAP_CLOSE);
}

/* A FORWARD TSN up to cum, and the last message given up of each stream that is listed. */
static void abandon(uint32_t cum, uint16_t (*list)[2], size_t n)
{
	uint8_t v[64];

	be32_put(v, cum);
	for (size_t i = 0; i < n; i++) {
		be16_put(v + 4 + 4 * i, list[i][0]);
		be16_put(v + 6 + 4 * i, list[i][1]);
	}
	build_chunk(&b, SCTP_FORWARD_TSN, 0, v, 4 + 4 * n);
	send();
}

static void test_gaps(void)
{
	check_case("what the peer acknowledged and nobody saw is a gap, after the grace");
	begin((struct sctp_limits){ .acked_ns = 1000, .acked_packets = 2 });
	data(BUILD_BE, 100, 0, 0, "a");
	data(BUILD_BE, 103, 0, 2, "c");
	sctp_streams_ack(&s, 103);
	sctp_streams_tick(g, &s, 5000, 10, false);
	sctp_streams_tick(g, &s, 6000, 11, false);
	sctp_streams_tick(g, &s, 5999, 12, false);
	CHECK(said("0:0=a "));
	sctp_streams_tick(g, &s, 6000, 12, false);
	CHECK(said("<101+2> [0:1] 0:2=c "));
	CHECK_EQ(last_gap.why, SCTP_GAP_ACKED);
	CHECK_EQ(last_gap.messages, 1);
	CHECK_EQ(s.lost_by[SCTP_GAP_ACKED], 2);
	CHECK_EQ(gaps, 1);
	CHECK_EQ(stream_gaps, 1);

	check_case("a hole that is filled in the grace is none");
	data(BUILD_BE, 105, 0, 4, "e");
	sctp_streams_ack(&s, 105);
	sctp_streams_tick(g, &s, 7000, 13, false);
	data(BUILD_BE, 104, 0, 3, "d");
	sctp_streams_tick(g, &s, 9000, 20, false);
	CHECK_EQ(gaps, 1);
	CHECK(said("0:3=d 0:4=e "));

	check_case("each hole has its own grace");
	begin((struct sctp_limits){ .acked_ns = 1000 });
	data(BUILD_BE, 101, 0, 1, "b");
	data(BUILD_BE, 103, 0, 3, "d");
	sctp_streams_ack(&s, 101);
	sctp_streams_tick(g, &s, 5000, 1, false);
	sctp_streams_ack(&s, 103);
	sctp_streams_tick(g, &s, 6000, 1, false);
	CHECK(said("<100+1> [0:0] 0:1=b "));
	sctp_streams_tick(g, &s, 6500, 1, false);
	sctp_streams_tick(g, &s, 7499, 1, false);
	CHECK(said(""));
	sctp_streams_tick(g, &s, 7500, 1, false);
	CHECK(said("<102+1> [0:2] 0:3=d "));
	begin((struct sctp_limits){ .acked_ns = 1000 });
	data(BUILD_BE, 101, 0, 1, "b");
	data(BUILD_BE, 103, 0, 3, "d");
	sctp_streams_ack(&s, 101);
	sctp_streams_tick(g, &s, 5000, 1, false);
	data(BUILD_BE, 100, 0, 0, "a");
	sctp_streams_tick(g, &s, 5100, 1, false);
	sctp_streams_ack(&s, 103);
	sctp_streams_tick(g, &s, 9000, 1, false);
	CHECK(said("0:0=a 0:1=b "));

	check_case("a SACK and a SHUTDOWN of the peer acknowledge");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 101, 0, 1, "b");
	{
		static const uint8_t sack[12] = { 0, 0, 0, 101 };

		build_chunk(&b, SCTP_SACK, 0, sack, sizeof(sack));
		sctp_streams_packet(g, &peer, &s, BYTES(b.at, b.len), false, 1, 1);
		b.len = 0;
	}
	sctp_streams_tick(g, &s, 2, 1, false);
	CHECK(said("<100+1> [0:0] 0:1=b "));

	check_case("the sender gives up messages by FORWARD TSN");
	begin((struct sctp_limits){ 0 });
	data(BUILD_B, 100, 0, 0, "a");
	data(BUILD_BE, 104, 0, 2, "c");
	data(BUILD_BE, 105, 1, 1, "x");
	{
		static const uint8_t forward[12] = { 0, 0, 0, 103, 0, 0, 0, 1, 0, 1, 0, 0 };

		build_chunk(&b, SCTP_FORWARD_TSN, 0, forward, sizeof(forward));
		send();
	}
	CHECK(said("0:0=a <101+3> [0:0] [0:1] 0:2=c [1:0] 1:1=x "));
	CHECK_EQ(s.lost_by[SCTP_GAP_ABANDONED], 3);
	CHECK_EQ(last_gap.why, SCTP_GAP_ABANDONED);
	data(BUILD_BE, 106, 0, 3, "d");
	CHECK(said("0:3=d "));

	check_case(
		"a message that was begun and given up is told at once, and the next one goes on");
	begin((struct sctp_limits){ 0 });
	data(BUILD_B, 100, 0, 0, "a");
	{
		static const uint8_t forward[8] = { 0, 0, 0, 102, 0, 0, 0, 1 };

		build_chunk(&b, SCTP_FORWARD_TSN, 0, forward, sizeof(forward));
		send();
		CHECK(said("0:0=a <101+2> [0:0] [0:1] "));
		CHECK_EQ(last_gap.messages, 1);
		CHECK_EQ(last_gap.why, SCTP_GAP_ABANDONED);
		build_chunk(&b, SCTP_FORWARD_TSN, 0, forward, sizeof(forward)); /* again */
		send();
	}
	data(BUILD_BE, 103, 0, 2, "c");
	CHECK(said("0:2=c "));

	check_case("where SACKs are seen, a FORWARD TSN gives up what its receiver says it did");
	for (unsigned taken = 0; taken < 2; taken++) {
		begin((struct sctp_limits){ .acked_packets = 100 });
		data(BUILD_BE, 100, 1, 0, "a");
		sctp_streams_ack(&s, 100);
		build_chunk(&b, SCTP_I_FORWARD_TSN, 0, "\0\0\0\147", 4);
		send();
		data(BUILD_BE, 104, 1, 4, "e");
		sctp_streams_ack(&s, taken ? 104 : 100);
		sctp_streams_tick(g, &s, 1, 1, false);
		data(BUILD_BE, 101, 1, 1, "b");
		sctp_streams_flush(g, &s, SCTP_GAP_CLOSE);
		CHECK(said(taken ? "1:0=a <101+3> [1:1] 1:4=e "
				 : "1:0=a 1:1=b <102+2> [1:2] 1:4=e "));
		CHECK_EQ(s.lost_by[SCTP_GAP_ABANDONED], taken ? 3 : 0);
	}

	check_case("and so the messages of the streams that it names, which let go what is next");
	for (unsigned i = 0; i < 3; i++) {
		static const uint8_t forward[12] = { 0, 0, 0, 102, 0, 1, 0, 1, 0, 2, 0, 0 };
		static const uint8_t other[20] = { 0, 0, 0, 102, 0, 3, 0, 1, 0, 0,
						   0, 9, 0, 1,   0, 0, 0, 0, 0, 1 };

		begin((struct sctp_limits){ .acked_packets = 100 });
		if (i == 1) {
			build_i_data(&b, BUILD_B, 100, 1, 0, 7, "a", 1);
			build_i_data(&b, BUILD_BE, 104, 1, 2, 7, "c", 1);
			send();
			build_chunk(&b, SCTP_I_FORWARD_TSN, 0, other, sizeof(other));
		} else {
			data(BUILD_B, 100, 1, 0, "a");
			data(BUILD_BE, 104, 1, 2, "c");
			build_chunk(&b, SCTP_FORWARD_TSN, 0, forward, sizeof(forward));
		}
		sctp_streams_ack(&s, 100);
		send();
		CHECK(said("1:0=a "));
		if (i == 2) { /* its receiver did not take it */
			data(BUILD_E, 101, 1, 0, "b");
			data(BUILD_BE, 102, 1, 1, "b");
			CHECK(said("1:0=b 1:1=b 1:2=c "));
		}
		sctp_streams_ack(&s, 102);
		sctp_streams_tick(g, &s, 1, 1, false);
		CHECK(said(i == 2   ? ""
			   : i == 1 ? "<101+2> [1:0] [1:1] 1:2=c "
				    : "<101+2> [1:0] [1:1] 1:2=c [2:0] "));
	}

	check_case("it waits no longer where data is not acknowledged any more");
	for (unsigned acked = 0; acked < 2; acked++) {
		static const uint8_t forward[8] = { 0, 0, 0, 102, 0, 1, 0, 2 };

		begin((struct sctp_limits){ .acked_packets = 100, .timer_ns = 3000 });
		frame = 0;
		data(BUILD_BE, 100, 1, 0, "a");
		sctp_streams_ack(&s, 100);
		build_chunk(&b, SCTP_FORWARD_TSN, 0, forward, sizeof(forward));
		send();
		sctp_streams_tick(g, &s, 9000000, 1, false); /* to nothing is there an answer */
		data(BUILD_BE, 103, 1, 3, "d");
		sctp_streams_tick(g, &s, 5999, 1, false);
		CHECK(said("1:0=a "));
		if (acked)
			sctp_streams_ack(&s, 100);
		sctp_streams_tick(g, &s, 6000, 1, false);
		CHECK(said(acked ? "" : "<101+2> [1:1] 1:3=d "));
		sctp_streams_ack(&s, 103);
		sctp_streams_tick(g, &s, 6001, 1, false);
		CHECK(said(acked ? "<101+2> [1:1] 1:3=d " : ""));
		CHECK_EQ(s.lost_by[SCTP_GAP_ABANDONED], 2);
	}

	check_case("RFC 3758 3.6: a FORWARD TSN that is out of date gives up no message");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 100, 1, 0, "a");
	for (uint32_t cum = 99; cum <= 100; cum++)
		abandon(cum, (uint16_t[][2]){ { 1, 100 }, { 2, 5 } }, 2);
	data(BUILD_BE, 102, 1, 2, "c");
	data(BUILD_BE, 101, 1, 1, "b");
	data(BUILD_BE, 103, 2, 0, "x");
	CHECK(said("1:0=a 1:1=b 1:2=c 2:0=x "));
	CHECK_EQ(s.disorder, 0);

	check_case("a FORWARD TSN gives up messages of no more streams than it has TSNs");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 100, 1, 0, "a");
	abandon(102, (uint16_t[][2]){ { 1, 1 }, { 1, 2 }, { 1, 3 }, { 2, 9 } }, 4);
	CHECK(said("1:0=a <101+2> [1:1] [1:2] "));
	/* What was listed before, and is listed until it is acknowledged, is no news. */
	abandon(103, (uint16_t[][2]){ { 1, 1 }, { 1, 2 }, { 3, 0 }, { 4, 0 } }, 4);
	CHECK(said("<103+1> [3:0] "));
	data(BUILD_BE, 104, 4, 0, "x");
	CHECK(said("4:0=x "));

	check_case("a FORWARD TSN that is cut, too far or before any data is not taken");
	begin((struct sctp_limits){ 0 });
	abandon(102, NULL, 0);
	CHECK(said("<100+3> "));
	build_chunk(&b, SCTP_FORWARD_TSN, 0, "\377\377\377", 3);
	send();
	CHECK_EQ(s.malformed, 1);
	build_chunk(&b, SCTP_FORWARD_TSN, 0, "\0\1\0\0\0\0\0\7", 8);
	send();
	CHECK_EQ(s.out_of_window, 1);
	sctp_streams_ack(&s, 900000);
	sctp_streams_tick(g, &s, 1, 1, false);
	CHECK_EQ(s.lost, 3);
	s = (struct sctp_streams){ 0 };
	build_chunk(&b, SCTP_FORWARD_TSN, 0, "\0\0\0\1\0\0\0\7", 8);
	send();
	sctp_streams_tick(g, &s, 1, 1, false);
	sctp_streams_flush(g, &s, SCTP_GAP_CLOSE);
	CHECK_EQ(s.lost, 0);
	CHECK(said(""));

	test_drop();

	check_case("what comes behind an ABORT in its packet does not count");
	begin((struct sctp_limits){ 0 });
	build_data(&b, BUILD_BE, 100, 0, 0, 7, "a", 1);
	build_chunk(&b, SCTP_ABORT, 0, NULL, 0);
	build_data(&b, BUILD_BE, 101, 0, 1, 7, "b", 1);
	send();
	CHECK(said("0:0=a "));
	build_chunk(&b, SCTP_ABORT, 1, NULL, 0); /* its packet's tag was looked at for it */
	build_data(&b, BUILD_BE, 101, 0, 1, 7, "b", 1);
	send();
	CHECK(said(""));

	check_case("RFC 9260 8.5.1: nor behind one with the T bit that other chunks belie");
	build_data(&b, BUILD_BE, 101, 0, 1, 7, "b", 1);
	build_chunk(&b, SCTP_ABORT, 1, NULL, 0);
	build_data(&b, BUILD_BE, 102, 0, 2, 7, "c", 1);
	send();
	CHECK(said("0:1=b "));

	check_case("a one-sided hole is given up after the timer");
	begin((struct sctp_limits){ .timer_ns = 1000000 });
	frame = 0;
	data(BUILD_BE, 101, 0, 1, "b"); /* at 1,000 ns */
	sctp_streams_tick(g, &s, 1000999, 1, true);
	CHECK(said(""));
	sctp_streams_tick(g, &s, 1001000, 1, false);
	CHECK(said(""));
	sctp_streams_tick(g, &s, 1001000, 1, true);
	CHECK(said("<100+1> [0:0] 0:1=b "));
	CHECK_EQ(last_gap.why, SCTP_GAP_TIMER);

	check_case("at the end what waits leaves, with its gaps");
	begin((struct sctp_limits){ 0 });
	data(0, 102, 0, 1, "mid");
	data(BUILD_BE, 105, 2, 0, "whole");
	data(BUILD_B | BUILD_U, 106, 1, 0, "start");
	sctp_streams_flush(g, &s, SCTP_GAP_CLOSE);
	CHECK(said("2:0=whole <100+2> [0:0] [0:1] 0:1=mid <103+2> 1:u0=start "));
	CHECK_EQ(s.lost, 4);
	CHECK_EQ(s.held, 0);
	CHECK_EQ(sctp_group_bytes(g), 0);

	check_case("an SSN that the sender left out is told as skipped, an old one is delivered");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 100, 0, 4, "e");
	CHECK(said("[0:0] 0:4=e "));
	CHECK_EQ(last_gap.messages, 4);
	CHECK_EQ(last_gap.why, SCTP_GAP_SKIPPED);
	data(BUILD_BE, 101, 0, 2, "c");
	data(BUILD_BE, 102, 0, 5, "f");
	CHECK(said("0:2=c 0:5=f "));
	CHECK_EQ(s.disorder, 1);

	check_case("from the middle on a stream starts with what is seen first");
	begin((struct sctp_limits){ 0 });
	s = (struct sctp_streams){ 0 };
	data(BUILD_BE, 5000, 0, 40, "a");
	data(BUILD_BE, 5001, 0, 41, "b");
	CHECK(said("0:40=a 0:41=b "));
	CHECK_EQ(stream_gaps, 0);
	data(BUILD_BE, 5002, 1, 65534, "y");
	data(BUILD_BE, 5003, 1, 1, "z");
	CHECK(said("1:65534=y [1:65535] 1:1=z "));
	CHECK_EQ(last_gap.messages, 2);
}

static void test_bounds(void)
{
	struct sctp_streams other = { 0 };

	check_case("more chunks than may wait give up the oldest hole");
	begin((struct sctp_limits){ .held_chunks = 2 });
	data(BUILD_BE, 101, 0, 1, "b");
	data(BUILD_BE, 103, 0, 3, "d");
	data(BUILD_BE, 105, 0, 5, "f");
	CHECK(said("<100+1> [0:0] 0:1=b "));
	CHECK_EQ(last_gap.why, SCTP_GAP_WINDOW);
	CHECK_EQ(s.held, 2);
	data(BUILD_BE, 104, 0, 4, "e");
	CHECK(said("<102+1> [0:2] 0:3=d 0:4=e 0:5=f "));

	check_case("a chunk larger than all that may wait leaves at once, its hole given up");
	begin((struct sctp_limits){ .held_bytes = 4 });
	data(BUILD_BE, 101, 0, 1, "too much");
	CHECK(said("<100+1> [0:0] 0:1=too much "));

	check_case("TSNs not far above what was seen give up the oldest hole");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 101, 0, 1, "b");
	data(BUILD_BE, 103, 0, 3, "d");
	data(BUILD_BE, 100 + STREAMS_WINDOW - 1, 0, 9, "j");
	CHECK(said(""));
	data(BUILD_BE, 100 + STREAMS_WINDOW, 0, 10, "k");
	CHECK(said("<100+1> [0:0] 0:1=b "));
	data(BUILD_BE, 102 + STREAMS_WINDOW, 0, 11, "l");
	CHECK(said("<102+1> [0:2] 0:3=d "));
	CHECK_EQ(s.lost_by[SCTP_GAP_WINDOW], 2);
	CHECK_EQ(s.out_of_window, 0);

	check_case("TSNs far beyond the window are ignored until eight follow each other");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 100, 0, 0, "a");
	data(BUILD_BE, 100000, 0, 1, "x");
	data(BUILD_BE, 90000, 0, 1, "x");
	for (uint32_t i = 0; i < 7; i++)
		data(BUILD_BE, 200000 + i, 0, (uint16_t)(i + 1), "y");
	CHECK_EQ(s.out_of_window, 9);
	data(BUILD_BE, 200007, 0, 8, "z");
	CHECK(said("0:0=a <101+199906> [0:1] 0:8=z "));
	CHECK_EQ(s.lost_by[SCTP_GAP_RESYNC], 199906);

	check_case("TSNs that a receiver whose SACKs are seen can't take yet give up no hole");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 100, 0, 0, "a");
	sctp_streams_ack(&s, 100);
	for (uint32_t i = 1; i <= 4; i++)
		data(BUILD_BE, 100 + i * STREAMS_WINDOW, 0, 9, "x");
	data(BUILD_BE, 101, 0, 1, "b");
	CHECK(said("0:0=a 0:1=b "));
	CHECK_EQ(s.out_of_window, 3);

	check_case("nor do eight chunks in one packet, or packets between which a SACK says no");
	for (uint32_t i = 0; i < 8; i++)
		build_data(&b, BUILD_BE, 200000 + i, 0, 9, 7, "x", 1);
	send();
	data(BUILD_BE, 102, 0, 2, "c");
	for (uint32_t i = 0; i < 20; i++) {
		data(BUILD_BE, 300000 + i, 0, 9, "x");
		if (i % 7 == 6)
			sctp_streams_ack(&s, 102);
	}
	data(BUILD_BE, 103, 0, 3, "d");
	CHECK(said("0:2=c 0:3=d "));

	check_case("but where its SACKs are not seen any more those of the past keep nothing out");
	begin((struct sctp_limits){ 0 });
	quiet = true;
	data(BUILD_BE, 100, 0, 0, "a");
	sctp_streams_ack(&s, 100);
	for (uint32_t i = 1; i < 3 * STREAMS_WINDOW; i++)
		if (i != STREAMS_WINDOW + 10)
			data(BUILD_BE | BUILD_U, 100 + i, 0, 0, "x");
	quiet = false;
	CHECK_EQ(pieces, 3 * STREAMS_WINDOW - 1);
	CHECK_EQ(s.lost_by[SCTP_GAP_WINDOW], 1);
	CHECK_EQ(s.lost, 1);
	CHECK_EQ(s.out_of_window, 0);

	check_case("T18: streams beyond those that are known go by TSN");
	begin((struct sctp_limits){ .streams = 2 });
	data(BUILD_BE, 100, 0, 0, "a");
	data(BUILD_BE, 101, 1, 0, "b");
	data(BUILD_BE, 103, 2, 1, "d");
	data(BUILD_BE, 102, 2, 0, "c");
	CHECK(said("0:0=a 1:0=b 2:0=c 2:1=d "));
	CHECK_EQ(s.untracked, 2);

	check_case("where memory lacks, the direction that holds most gives up its hole");
	quiet = true;
	begin((struct sctp_limits){ .memory = 400000, .all_streams = 16 });
	sctp_streams_start(g, &other, 1);
	{
		static char big[1400];
		unsigned n = 0;

		memset(big, 'x', sizeof(big) - 1);
		for (uint32_t i = 0; i < 2000 && !gaps; i++, n++) {
			data(BUILD_BE, 102 + i, 0, (uint16_t)(i + 2), big);
			if (i != 5)
				continue;
			sctp_streams_push(g, &other,
					  &(struct sctp_data){ .tsn = 2,
							       .mid = 1,
							       .flags = BUILD_BE,
							       .bytes = BYTES_LIT("x") });
		}
		CHECK(n > 50 && n < 300);
		CHECK_EQ(last_gap.why, SCTP_GAP_MEMORY);
		CHECK_EQ(s.held, 0);
		CHECK_EQ(other.held, 1);
		for (uint32_t i = 0; i < n - 2; i++) /* now another one's need */
			data(BUILD_BE, s.highest + 2, 0, 9999, big);
		CHECK(s.held > 50);
		gaps = 0;
		for (uint32_t i = 0; i < 20 && !gaps; i++)
			sctp_streams_push(g, &other,
					  &(struct sctp_data){ .tsn = 3 + i,
							       .mid = 2 + i,
							       .flags = BUILD_BE,
							       .bytes = BYTES(big, 1000) });
		CHECK(gaps > 0);
		CHECK_EQ(s.lost_by[SCTP_GAP_MEMORY], 3);
		CHECK_EQ(other.lost, 0);
	}
	quiet = false;
	sctp_streams_flush(g, &s, SCTP_GAP_EVICT);
	sctp_streams_flush(g, &other, SCTP_GAP_EVICT);
	CHECK_EQ(last_gap.why, SCTP_GAP_EVICT);
	CHECK_EQ(sctp_group_bytes(g), 0);

	check_case("too little memory is refused");
	CHECK_EQ(sctp_group_size(&(struct sctp_limits){ .memory = 100000 }), 0);
	CHECK_EQ(sctp_group_size(&(struct sctp_limits){ .memory = 1000 }), 0);
	CHECK(sctp_group_size(&(struct sctp_limits){ 0 }) <= 32 << 20);
	for (unsigned i = 0; i < SCTP_GAP_REASONS; i++)
		CHECK(sctp_gap_reason_name(i));
}

static void test_interleaved(void)
{
	check_case("I-DATA fragments of two streams may alternate");
	begin((struct sctp_limits){ 0 });
	build_i_data(&b, BUILD_B, 100, 0, 0, 51, "a", 1);
	build_i_data(&b, BUILD_B, 101, 1, 0, 52, "x", 1);
	build_i_data(&b, 0, 102, 0, 0, 1, "b", 1);
	send();
	CHECK_EQ(last.ppid, 51);
	build_i_data(&b, BUILD_E, 104, 0, 0, 2, "c", 1);
	build_i_data(&b, BUILD_E, 103, 1, 0, 1, "y", 1);
	send();
	CHECK(said("0:0=a 1:0=x 0:0=b 0:0=c 1:0=y "));
	CHECK_EQ(last.ppid, 52);
	CHECK_EQ(s.messages, 2);

	check_case("MIDs are 32 bits wide");
	quiet = true;
	for (uint32_t i = 1; i < 70000; i++) {
		build_i_data(&b, BUILD_BE, 104 + i, 0, i, 51, "a", 1);
		send();
	}
	quiet = false;
	CHECK_EQ(last.ssn, 69999);
	CHECK_EQ(stream_gaps, 0);

	check_case("I-FORWARD-TSN gives up messages by MID");
	begin((struct sctp_limits){ 0 });
	build_i_data(&b, BUILD_BE, 102, 0, 2, 51, "c", 1);
	send();
	{
		static const uint8_t forward[20] = { 0, 0, 0, 101, 0, 0, 0, 0, 0, 0,
						     0, 1, 0, 3,   0, 1, 0, 0, 0, 9 };

		build_chunk(&b, SCTP_I_FORWARD_TSN, 0, forward, sizeof(forward));
		send();
	}
	CHECK(said("<100+2> [0:0] 0:2=c "));
}

/* ---- many ------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}

static void test_shuffled(void)
{
	static struct talk t;
	static uint8_t plan[400];
	unsigned bad = 0, seeds = 1000, chunks = 0;

#ifdef WEIR_SANITIZE
	seeds = 200;
#endif
	check_case(
		"messages sent in any order within 64, with repeats, come out whole, seed by seed");
	for (unsigned seed = 1; seed <= seeds && bad < 3; seed++) {
		struct sctp_sink sink = { &t, talk_on_piece, talk_on_gap, talk_on_differs, NULL };
		struct cursor c = cursor_of(BYTES(plan, sizeof(plan)));
		unsigned order[PLAN_CHUNKS];

		random_state = seed * 2654435761ull;
		for (unsigned i = 0; i < sizeof(plan); i++)
			plan[i] = (uint8_t)next_random();
		memset(&t, 0, sizeof(t));
		t.plan.interleaved = seed & 1;
		t.plan.base = next_random();
		plan_make(&t.plan, &c, 300);
		g = sctp_group_init(memory, &(struct sctp_limits){ .memory = MEMORY }, &sink);
		s = (struct sctp_streams){ 0 };
		sctp_streams_start(g, &s, t.plan.base);
		for (unsigned i = 0; i < t.plan.n; i++)
			order[i] = i;
		for (unsigned i = 0; i < t.plan.n; i++) {
			unsigned k = i + next_random() % 64;

			if (k < t.plan.n && k / 64 == i / 64) {
				unsigned swap = order[i];

				order[i] = order[k];
				order[k] = swap;
			}
		}
		for (unsigned i = 0; i < t.plan.n; i++) {
			talk_send(&t, g, &s, order[i], 1);
			if (next_random() % 8 == 0)
				talk_send(&t, g, &s, order[next_random() % (i + 1)], 1);
		}
		if (s.held || s.lost || t.gaps || t.stream_gaps || t.differs)
			t.wrong = "something waits or is lost";
		sctp_streams_flush(g, &s, SCTP_GAP_CLOSE);
		talk_end(&t, g, &s);
		chunks += t.plan.n;
		if (t.pieces != t.plan.n)
			t.wrong = "not all";
		if (t.wrong) {
			printf("# seed %u: %s\n", seed, t.wrong);
			bad++;
		}
	}
	CHECK_EQ(bad, 0);
	CHECK(chunks > seeds * 500);

	check_case(
		"whatever is lost, late or capped, each TSN has one fate and no stream goes back");
	bad = 0;
	for (unsigned seed = 1; seed <= 10 * seeds && bad < 3; seed++) {
		random_state = seed * 2654435761ull;
		for (unsigned i = 0; i < sizeof(plan); i++)
			plan[i] = (uint8_t)next_random();
		plan[1] %= 100;
		if (seed % 2)
			plan[0] &= 0xf0;
		if (talk_run(plan, sizeof(plan), memory, 1 << 18, &t)) {
			printf("# seed %u: %s\n", seed, t.wrong);
			bad++;
		}
	}
	CHECK_EQ(bad, 0);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* kind 0: windows of chunks, each backwards. 1: the same place said again and again above a hole.
 * 2: holes everywhere, all streams. */
static double attack(unsigned kind, unsigned n)
{
	double begun = now_s();

	begin((struct sctp_limits){ 0 });
	for (uint32_t i = 0; i < n; i++) {
		struct sctp_data d = { .flags = BUILD_BE, .bytes = BYTES_LIT("12345678") };

		d.tsn = 100 + (kind ? 2 * i + 1 : i / 1024 * 1024 + 1023 - i % 1024);
		d.sid = (uint16_t)(kind == 2 ? i * 7 : 0);
		d.mid = kind == 1 ? 5 : (uint16_t)(kind == 2 ? i : d.tsn - 100);
		sctp_streams_push(g, &s, &d);
	}
	CHECK(sctp_streams_lawful(&s));
	return now_s() - begun;
}

static void test_linear(void)
{
	quiet = true;
	for (unsigned kind = 0; kind < 3; kind++) {
		double one = 1e9, two = 1e9;
		unsigned n = 200 << 10;

		check_case(kind == 0   ? "twice as many chunks backwards take at most twice as long"
			   : kind == 1 ? "so do chunks that claim one place"
				       : "so do holes in all streams");
		/* the least of each, until it fits: others work here too */
		for (unsigned i = 0; i < 3 || (two > 3 * one && i < 12); i++) {
			double t = attack(kind, n);

			one = t < one ? t : one;
			t = attack(kind, 2 * n);
			two = t < two ? t : two;
		}
		CHECK(two <= 3 * one); /* a square: four times */
		printf("# %.0f ns a chunk\n", two * 1e9 / (2 * n));
		if (kind == 0)
			CHECK_EQ(s.delivered, 2 * n);
	}
	quiet = false;
}

int main(void)
{
	poison_all();
	test_pkts_faults();
	test_order();
	test_sizes();
	test_repeats();
	test_gaps();
	test_bounds();
	test_interleaved();
	test_shuffled();
	test_linear();
	return check_end();
}
