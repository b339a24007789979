/* Tests of libcommon/stage/stream_engine.c: the rules of reassembly and known vectors, by name. */
#include "tests/unit/stream_talk.h"

static bool side_is(unsigned d, const char *text)
{
	return out.at[d] == strlen(text) && memcmp(out.bytes[d], text, out.at[d]) == 0;
}

static bool holds(unsigned d, uint64_t at, const char *text)
{
	return memcmp(out.bytes[d] + at, text, strlen(text)) == 0;
}

/* The anomaly's texts are of the module's own and stay. */
static bool anomaly_is(const char *name, uint64_t offset, uint64_t len)
{
	return strcmp(out.name, name) == 0 && out.anomaly.offset.v == offset &&
	       out.anomaly.len.v == len;
}

static void test_overlaps(void)
{
	check_case("overlap-exact-diff: GOOD then EVIL is GOOD, one anomaly with both");
	start(NULL);
	data(0, 0, "GOOD");
	data(0, 0, "EVIL");
	CHECK(side_is(0, "GOOD"));
	CHECK_EQ(out.anomalies, 1);
	CHECK(anomaly_is("overlap_diff", 0, 4));
	CHECK(strcmp(out.had, "GOOD") == 0 && strcmp(out.got, "EVIL") == 0);
	finish();

	check_case("bytes that come again behind the end of their direction are compared as well");
	start(NULL);
	flagged(0, 0, "GOOD", PACKET_FIN);
	CHECK_EQ(out.nends, 1);
	flagged(0, 0, "GOOD", PACKET_FIN);
	CHECK_EQ(out.anomalies, 0);
	data(0, 2, "LY");
	CHECK(anomaly_is("overlap_diff", 2, 2));
	CHECK(strcmp(out.had, "OD") == 0 && strcmp(out.got, "LY") == 0);
	data(0, 4, "more");
	CHECK_EQ(out.anomalies, 1);
	CHECK(side_is(0, "GOOD"));
	CHECK_EQ(stream_engine_stats(out.r)->late, 3);
	CHECK_EQ(stream_engine_stats(out.r)->overlaps, 1);
	finish();

	check_case("overlap-partial-diff: XXX over the end of GOOD differs at offset 1 for 3");
	start(NULL);
	data(0, 0, "GOOD");
	data(0, 1, "XXX");
	CHECK(side_is(0, "GOOD"));
	CHECK(anomaly_is("overlap_diff", 1, 3));
	CHECK(strcmp(out.had, "OOD") == 0 && strcmp(out.got, "XXX") == 0);
	finish();

	check_case(
		"quantum insert: the true answer, longer and after its acknowledgement, is told");
	start(NULL);
	data(0, 0, "GET / HTTP/1.1\r\n\r\n");
	data(1, 0, "HTTP/1.1 302 Found\r\nLocation: http://evil\r\n\r\n");
	for (int i = 0; i < 10; i++)
		ack(0, 28);
	data(1, 0,
	     "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nthe true answer, and it is longer");
	CHECK(holds(1, 0, "HTTP/1.1 302 Found"));
	CHECK_EQ(out.anomalies, 1);
	CHECK(anomaly_is("overlap_diff", 0, 45));
	CHECK(strcmp(out.had, "HTTP/1.1 302 Found\r\nLocation: ht") == 0);
	CHECK(strcmp(out.got, "HTTP/1.1 200 OK\r\nContent-Length:") == 0);
	finish();

	check_case("T3: a difference against the last 16 KiB delivered is seen, in pieces of any "
		   "size");
	start(NULL);
	for (uint64_t i = 0; i < 200; i++)
		data(0, i * 80,
		     "0123456789012345678901234567890123456789"
		     "0123456789012345678901234567890123456789");
	data(0, 101, "1234567890");
	CHECK_EQ(out.anomalies, 0);
	data(0, 101, "12345X7890");
	CHECK(anomaly_is("overlap_diff", 101, 10));
	data(0, 155, "56789x");
	CHECK(anomaly_is("overlap_diff", 155, 6));
	finish();

	check_case("T3: equal bytes, however cut, are no difference");
	start(NULL);
	data(0, 0, "abcdefgh");
	data(0, 8, "ijklmnop");
	data(0, 4, "efghijkl");
	data(0, 20, "uvwx");
	data(0, 22, "wx");
	data(0, 15, "pqrstuvwxyz");
	CHECK(side_is(0, "abcdefghijklmnopqrstuvwxyz"));
	CHECK_EQ(out.anomalies, 0);
	finish();
}

static void test_holes(void)
{
	check_case("gap-mid: 4 bytes, a hole of 4, 4 bytes; the books are equal");
	start(NULL);
	flagged(0, 0, "abcd", PACKET_NEW);
	data(0, 8, "ijkl");
	flow_end(1, REC_flow_reason_IDLE);
	CHECK_EQ(out.gap_bytes[0], 4);
	CHECK_EQ(out.ends[0].highest, 12);
	CHECK_EQ(out.ends[0].delivered, 8);
	CHECK_EQ(out.ends[0].gap_bytes, 4);
	CHECK_EQ(out.ends[0].gaps, 1);
	finish();

	check_case("gap-lead: a gap at offset 0 of length 4, then 8 bytes");
	start(NULL);
	flagged(0, 0, "", PACKET_NEW);
	data(0, 4, "efgh");
	data(0, 8, "ijkl");
	flow_end(1, REC_flow_reason_IDLE);
	CHECK_EQ(out.gap_bytes[0], 4);
	CHECK(holds(0, 4, "efghijkl"));
	CHECK_EQ(out.ends[0].delivered, 8);
	finish();

	check_case("W4: a lost segment takes itself away and nothing else, and is told");
	start(NULL);
	flagged(0, 0, "", PACKET_NEW);
	for (uint64_t i = 0; i < 100; i++)
		if (i != 3)
			data(0, i * 10, "0123456789");
	ack(1, 1001 + 1000);
	for (int i = 0; i < 12 && !out.gap_bytes[0]; i++)
		ack(1, 1001 + 1000);
	CHECK_EQ(out.gap_bytes[0], 10);
	CHECK_EQ(out.why[0], REC_gap_reason_ACKED);
	CHECK_EQ(out.at[0], 1000);
	finish();

	check_case("W4: the first segments in the wrong order lose nothing");
	start(NULL);
	flagged(0, 0, "", PACKET_NEW);
	data(0, 5, "56789");
	data(0, 0, "01234");
	CHECK(side_is(0, "0123456789"));
	finish();

	check_case("T4, T16: a one-sided flow's hole is given up by its own packet's time");
	start(NULL);
	flagged(0, 0, "", PACKET_NEW | PACKET_ONESIDED);
	flagged(0, 4, "efgh", PACKET_ONESIDED);
	n += 1998;
	flagged(0, 8, "i", PACKET_ONESIDED);
	CHECK_EQ(out.records, 0);
	flagged(0, 9, "j", PACKET_ONESIDED);
	CHECK_EQ(out.why[0], REC_gap_reason_TIMER);
	CHECK_EQ(out.last_head.ts, 2002000000);
	CHECK_EQ(out.at[0], 10);
	finish();

	check_case("miss_end_data: what lacks before the FIN is a gap(close) at the end");
	start(NULL);
	data(0, 0, "abcd");
	flagged(0, 10, "", PACKET_FIN);
	CHECK_EQ(out.nends, 0);
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.why[0], REC_gap_reason_CLOSE);
	CHECK_EQ(out.gap_bytes[0], 6);
	CHECK_EQ(out.ends[0].highest, 10);
	finish();
}

static void test_wrap(void)
{
	char text[65];

	check_case("seq wrap: 4 KiB from 0xfffffff0 on, a hole over the wrap that is acknowledged");
	start(NULL);
	flagged(1, 0, "", PACKET_NEW);
	for (uint64_t i = 0; i < 64; i++) {
		memset(text, (int)('0' + i), 64);
		text[64] = 0;
		if (i != 1)
			data(1, i * 64, text);
	}
	for (int i = 0; i < 15; i++)
		ack(0, 0xfffffff0u + 4096);
	CHECK_EQ(out.at[1], 4096);
	CHECK_EQ(out.gap_bytes[1], 64);
	CHECK_EQ(out.why[1], REC_gap_reason_ACKED);
	CHECK(out.bytes[1][63] == '0' && out.bytes[1][128] == '2' && out.bytes[1][4095] == 'o');
	finish();

	check_case("an acknowledgement from before the wrap proves nothing behind it");
	start(NULL);
	flagged(1, 0, "", PACKET_NEW);
	data(1, 64, "x");
	for (int i = 0; i < 30; i++)
		ack(0, 0xfffffff0u + 10);
	CHECK_EQ(out.records, 0);
	finish();

	check_case("keep-alive: a byte before what comes next is no data and no repeat");
	start(NULL);
	data(0, 0, "abcd");
	struct rec_packet p = packet(0, 3, "x");
	p.verdict = REC_verdict_KEEPALIVE;
	put(1, p);
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.ends[0].retransmitted, 0);
	CHECK_EQ(out.anomalies, 0);
	finish();
}

static void test_ends(void)
{
	check_case("T8: data that waits at a reset leaves, without a gap where nothing lacks");
	start(NULL);
	data(0, 0, "not acknowledged");
	flagged(1, 0, "", PACKET_RST);
	CHECK(side_is(0, "not acknowledged"));
	CHECK_EQ(out.ends[0].gaps, 0);
	CHECK_EQ(out.ends[0].reason, REC_stream_reason_RST);
	finish();

	check_case("T8: and with one where something does");
	start(NULL);
	data(0, 0, "abcd");
	data(0, 8, "ijkl");
	flagged(0, 12, "", PACKET_RST);
	CHECK_EQ(out.at[0], 12);
	CHECK(holds(0, 8, "ijkl"));
	CHECK_EQ(out.ends[0].gap_bytes, 4);
	CHECK_EQ(out.ends[0].delivered, 8);
	finish();

	check_case("T9: a FIN ahead of a hole waits, what lies behind it is not taken but counted");
	start(NULL);
	flagged(0, 6, "gh", PACKET_FIN);
	CHECK_EQ(out.nends, 0);
	data(0, 4, "efghEVIL");
	data(0, 8, "EVIL");
	data(0, 0, "abcd");
	CHECK(side_is(0, "abcdefgh"));
	CHECK_EQ(out.nends, 1);
	CHECK_EQ(out.ends[0].reason, REC_stream_reason_FIN);
	CHECK_EQ(out.ends[0].beyond_fin.v, 2);
	CHECK_EQ(out.ends[0].highest, 8);
	finish();
}

static void test_urgent(void)
{
	struct stream_limits l = stream_limits_default();

	check_case(
		"T11: the urgent byte is out of the stream; at the limit they stay in, told once");
	l.assembly.urgent = 2;
	start(&l);
	for (uint64_t i = 0; i < 5; i++) {
		struct rec_packet p = packet(0, i * 3, "abU");

		p.urgent = 3;
		put(1, p);
	}
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.ends[0].urgent, 2);
	CHECK_EQ(out.ends[0].delivered, 13);
	CHECK_EQ(out.anomalies, 1);
	CHECK(strcmp(out.name, "urgent_limit") == 0);
	CHECK_EQ(out.anomaly.count.v, 2);
	CHECK_EQ(out.anomaly.offset.v, 8);
	finish();
}

/* 80 times a at 10, then 80 times b: behind a hole of 10. */
static void overflow_by_two(enum assembly_overflow how, uint64_t cap)
{
	struct stream_limits l = stream_limits_default();
	char a[81] = { 0 }, b[81] = { 0 };

	l.assembly.queue_bytes = cap;
	l.assembly.overflow = how;
	memset(a, 'a', 80);
	memset(b, 'b', 80);
	start(&l);
	flagged(0, 0, "", PACKET_NEW);
	data(0, 10, a);
	CHECK_EQ(out.records, 0);
	data(0, 90, b);
}

static void test_overflow(void)
{
	struct stream_limits l = stream_limits_default();
	char x[201] = { 0 };

	memset(x, 'x', 200);
	check_case("V5: --overflow gap gives up the hole and nothing else");
	overflow_by_two(ASSEMBLY_OVERFLOW_GAP, 100);
	CHECK_EQ(out.gap_bytes[0], 10);
	CHECK_EQ(out.why[0], REC_gap_reason_WINDOW);
	CHECK_EQ(out.at[0], 170);
	finish();

	check_case("V5: --overflow window keeps the last 100 of 80 + 80, the oldest 60 are a gap");
	overflow_by_two(ASSEMBLY_OVERFLOW_WINDOW, 100);
	CHECK_EQ(out.gap_bytes[0], 10 + 60);
	CHECK_EQ(out.why[0], REC_gap_reason_WINDOW);
	CHECK_EQ(out.at[0], 170);
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.ends[0].delivered, 100);
	CHECK_EQ(out.ends[0].gaps, 1);
	CHECK(holds(0, 70, "aaaaaaaaaaaaaaaaaaaab"));
	finish();

	check_case("V5: the same where one segment alone is too large: its tail is kept");
	l.assembly.queue_bytes = 64;
	l.assembly.overflow = ASSEMBLY_OVERFLOW_WINDOW;
	start(&l);
	flagged(0, 0, "", PACKET_NEW);
	data(0, 1, x);
	CHECK_EQ(out.gap_bytes[0], 1 + 136);
	CHECK_EQ(out.at[0], 201);
	finish();

	check_case("V5: exactly at the cap nothing overflows");
	overflow_by_two(ASSEMBLY_OVERFLOW_DROP, 160);
	CHECK_EQ(out.records, 0);
	CHECK_EQ(out.nends, 0);
	finish();

	check_case("V5: --overflow drop-flow ends the direction; the other one goes on");
	overflow_by_two(ASSEMBLY_OVERFLOW_DROP, 100);
	CHECK_EQ(out.records, 0);
	CHECK_EQ(out.nends, 1);
	CHECK_EQ(out.ends[0].reason, REC_stream_reason_OVERFLOW);
	CHECK_EQ(out.ends[0].high_watermark, 80);
	CHECK_EQ(out.ends[0].undelivered, 170);
	data(0, 0, "0123456789");
	data(1, 0, "still here");
	CHECK(side_is(1, "still here"));
	CHECK_EQ(stream_engine_stats(out.r)->late, 1);
	CHECK_EQ(stream_engine_group(out.r)->dropped, 1);
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.nends, 2);
	CHECK_EQ(out.ends[1].reason, REC_stream_reason_FIN);
	finish();

	check_case("drop-flow: where all memory is used, a flow that holds most of it is over");
	l = stream_limits_default();
	l.assembly.memory = 16 * BLOCK_SIZE;
	l.assembly.overflow = ASSEMBLY_OVERFLOW_DROP;
	start(&l);
	for (uint64_t i = 0; i < 20; i++)
		put(1, packet(0, 1 + i * 10, "x"));
	out.at[0] = 0;
	CHECK_EQ(out.nends, 1);
	CHECK_EQ(out.ends[0].reason, REC_stream_reason_OVERFLOW);
	finish();
}

/* V6, with the policies' results before any of it is delivered. */
static void test_policies(void)
{
	for (int last = 0; last < 2; last++) {
		struct stream_limits l = stream_limits_default();

		l.assembly.last_wins = last;
		check_case(last ? "V6, W5: --overlap last" : "V6, W5: --overlap first");
		start(&l);
		data(0, 0, "hello");
		data(0, 10, "FIRST");
		data(0, 10, "laTeR");
		data(0, 5, "PAUSE");
		CHECK(side_is(0, last ? "helloPAUSElaTeR" : "helloPAUSEFIRST"));
		CHECK_EQ(out.anomalies, 1);
		finish();
		start(&l);
		data(0, 0, "hello");
		data(0, 10, "AAAAA");
		data(0, 12, "BBBBB");
		data(0, 5, "-----");
		CHECK(side_is(0, last ? "hello-----AABBBBB" : "hello-----AAAAABB"));
		CHECK_EQ(out.anomalies, 1);
		finish();
	}
}

/* ---- V1: messages with a length in front, found again in the bytes ---- */

struct framer {
	unsigned messages;
	bool wrong;
};

static void framer_run(struct framer *f, unsigned d, const char *stem)
{
	const uint8_t *p = out.bytes[d], *end = p + out.at[d];

	*f = (struct framer){ 0 };
	while (p + 7 <= end && !f->wrong) {
		size_t head = memcmp(p, "PFX4,", 5) == 0 ? 9 : 7;
		size_t len = head == 9 ? be32_get(p + 5) : be16_get(p + 5);
		char want[16];

		snprintf(want, sizeof(want), "%s-%u", stem, f->messages);
		if (head == 7)
			f->wrong = memcmp(p, "PFX2,", 5) != 0 || len != strlen(want) ||
				   memcmp(p + 7, want, len) != 0;
		else
			for (size_t i = 0; i < len; i++)
				f->wrong |= p[9 + i] != 'X';
		p += head + len;
		f->messages++;
	}
	f->wrong |= p != end;
}

static size_t frame(char *to, const char *stem, unsigned i)
{
	size_t len = (size_t)sprintf(to + 7, "%s-%u", stem, i);

	memcpy(to, "PFX2,", 5);
	be16_put((uint8_t *)to + 5, (uint16_t)len);
	return len + 7;
}

static void send_bytes(uint8_t dir, const char *p, size_t len, size_t cut)
{
	for (size_t at = 0; at < len; at += cut) {
		struct rec_packet r = packet(dir, at, "-");

		r.payload = BYTES(p + at, len - at < cut ? len - at : cut);
		put(1, r);
	}
}

static void test_framed(void)
{
	static char init[200], resp[1000];
	size_t ilen = 0, rlen = 0;
	struct framer f;

	for (unsigned i = 0; i < 5; i++)
		ilen += frame(init + ilen, "init", i);
	for (unsigned i = 0; i < 4; i++)
		rlen += frame(resp + rlen, "resp", i);
	memcpy(resp + rlen, "PFX4,", 5);
	be32_put((uint8_t *)resp + rlen + 5, 700);
	memset(resp + rlen + 9, 'X', 700);
	rlen += 709;
	for (size_t cut = 1; cut <= 1460; cut += 1459) {
		check_case(cut == 1 ? "V1: five messages each way, a byte a segment"
				    : "V1: five messages each way, one segment");
		start(NULL);
		send_bytes(0, init, ilen, cut);
		send_bytes(1, resp, rlen, cut);
		flagged(0, ilen, "", PACKET_FIN);
		flagged(1, rlen, "", PACKET_FIN);
		framer_run(&f, 0, "init");
		CHECK(f.messages == 5 && !f.wrong);
		framer_run(&f, 1, "resp");
		CHECK(f.messages == 5 && !f.wrong);
		CHECK_EQ(out.nends, 2);
		CHECK_EQ(out.ends[0].reason, REC_stream_reason_FIN);
		CHECK_EQ(out.ends[1].reason, REC_stream_reason_FIN);
		finish();
	}
}

static void test_round_trip(void)
{
	check_case("V2: chunks of both sides and a reset: exact, both ended by it");
	start(NULL);
	data(0, 0, "chunk1-");
	data(1, 0, "resp-");
	data(0, 7, "chunk2-");
	data(1, 5, "payload-");
	data(0, 14, "chunk3-end");
	data(1, 13, "end");
	flagged(0, 24, "", PACKET_RST);
	CHECK(side_is(0, "chunk1-chunk2-chunk3-end"));
	CHECK(side_is(1, "resp-payload-end"));
	CHECK_EQ(out.nends, 2);
	CHECK_EQ(out.ends[1].reason, REC_stream_reason_RST);
	finish();
}

static void test_memory(void)
{
	struct stream_limits l = stream_limits_default();
	uint64_t most = l.assembly.memory + l.sctp.memory + l.assembly.history_log * 2;

	check_case("W17: the memory is bounded from the start, by what the limits say");
	most += (uint64_t)l.max_flows * 1024 + (uint64_t)l.max_associations * 8192;
	most += (l.assembly.memory / BLOCK_SIZE) * 64 + 8 * 1024 * 1024;
	CHECK(stream_engine_size(&l) > l.assembly.memory);
	CHECK(stream_engine_size(&l) < most);
	printf("# %.1f MiB of addresses\n", (double)stream_engine_size(&l) / 1048576);
	l.sctp.memory = 100;
	CHECK_EQ(stream_engine_size(&l), 0);
}

int main(void)
{
	test_overlaps();
	test_holes();
	test_wrap();
	test_ends();
	test_urgent();
	test_overflow();
	test_policies();
	test_framed();
	test_round_trip();
	test_memory();
	return check_end();
}
