/* tcp_rules: tests of how a TCP connection opens, what may reset it, and when segments outside the
 * window are believed: the cases that evasions and lost captures are made of. */
#include "tests/unit/poison.h"
#include "tests/unit/tcp_talk.h"

enum { MIB = 1 << 20, GIB = 1 << 30 };

static void test_window(void)
{
	begin("T5: a window below 1 MiB is taken for 1 MiB, to the byte");
	open_connection(1000, 5000);
	send(O, A, 1001 + MIB, 5001, 10);
	DELIVERED(MIB, 10);
	begin("one byte beyond is outside");
	open_connection(1000, 5000);
	send(O, A, 1001 + MIB + 1, 5001, 10);
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);

	begin("T5: an unknown scale allows 16 MiB, to the byte");
	send(O, A, 1001, 5001, 10);
	send(O, A, 1011 + 16 * MIB, 5001, 10);
	DELIVERED(10 + 16 * MIB, 10);
	begin("and no more");
	send(O, A, 1001, 5001, 10);
	send(O, A, 1011 + 16 * MIB + 1, 5001, 10);
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);

	begin("a scaled window counts with its scale");
	options = BYTES("\3\3\xa", 3);
	window = 4096;
	send(O, S, 1000, 0, 0);
	send(R, S | A, 5000, 1001, 0);
	options.len = 0;
	send(O, A, 1001, 5001, 0); /* 4 MiB */
	send(R, A, 5001 + 4 * MIB, 1001, 10);
	DELIVERED(4 * MIB, 10);
	send(R, A, 5001 + 4 * MIB + 11 + 4 * MIB, 1001, 10);
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
}

/* What a side claims, and its receiver throws away, does not make the next true byte too old. */
static void test_claims(void)
{
	begin("behind bytes at the far end of the window those in order are taken");
	open_connection(1000, 5000);
	send(O, A, 1001 + MIB, 5001, 1460);
	DELIVERED(MIB, 1460);
	send(R, A, 5001, 1001, 0); /* their receiver has a smaller window */
	send(O, A, 1001, 5001, 33);
	DELIVERED(0, 33);
	send(R, A, 5001, 1034, 20);
	DELIVERED(0, 20);
	send(O, A, 1034, 5021, 33);
	DELIVERED(33, 33);

	begin("acknowledgements of what was not sent silence neither side");
	open_connection(1000, 5000);
	send(O, A, 1001, 5001, 33);
	send(O, A, 1034, 5001 + MIB, 0);
	send(O, A, 1034, 5001 + 2 * MIB, 0);
	send(R, A, 5001, 1034, 20);
	DELIVERED(0, 20);
	send(O, A, 1034, 5021, 10);
	DELIVERED(33, 10);

	begin("nor do some that go round half the numbers, or all of them");
	for (uint32_t claims = 3; claims <= 4; claims++) {
		options = BYTES("\3\3\xe", 3);
		open_connection(1000, 5000); /* 1 GiB */
		options.len = 0;
		send(O, A, 1001, 5001, 33);
		send(R, A, 5001, 1034, 0);
		for (uint32_t i = 1; i <= claims; i++)
			send(O, A, 1034, 5001 + i * (GIB - 16384), 0);
		send(R, A, 5001, 1034, 20);
		DELIVERED(0, 20);
		send(O, A, 1034, 5021, 10);
		DELIVERED(33, 10);
		send(R, A, 5021, 1044, 20);
		DELIVERED(20, 20);
		CHECK_EQ(r.anomalies, 0);
		begin("nor do bytes that their receiver can't take");
		options = BYTES("\3\3\xe", 3);
		open_connection(1000, 5000);
		options.len = 0;
		send(R, A, 5001, 1001, 0);
		for (uint32_t i = 1; i <= claims; i++)
			send(O, A, 1001 + i * (GIB - 16384), 5001, 1);
		send(O, A, 1001, 5001, 33);
		DELIVERED(0, 33);
		send(R, A, 5001, 1034, 20);
		DELIVERED(0, 20);
		send(O, A, 1034, 5021, 10);
		DELIVERED(33, 10);
		CHECK_EQ(r.anomalies, 0);
		begin("nor do more of them");
	}

	begin("bytes in order count on where the other side's acknowledgements are not seen any "
	      "more");
	open_connection(1000, 5000);
	for (uint64_t off = 0; off < 10ull * GIB; off += r.keep) {
		send(O, A, 1001 + (uint32_t)off, 5001, 60000);
		if (r.verdict != TCP_DELIVER || r.offset != off || r.anomalies) {
			DELIVERED(off, 60000);
			break;
		}
	}

	begin("whatever holes the capture leaves in them");
	open_connection(1000, 5000);
	for (uint64_t off = 0, n = 1; off < 40ull * GIB; off += 60000, n++) {
		if (n % 10 == 0)
			continue;
		send(O, A, 1001 + (uint32_t)off, 5001, 60000);
		if (r.verdict != TCP_DELIVER || r.offset != off || r.anomalies) {
			DELIVERED(off, 60000);
			break;
		}
	}

	begin("of one side alone, too, and those seen from then on are right");
	for (uint64_t off = 0; off < 12ull * GIB; off += r.keep)
		send(O, A, 1001 + (uint32_t)off, 5001, 65536);
	CHECK_EQ(r.offset, 12ull * GIB - 65536);
	send(R, A, 5001, 1001 - 65536, 10);
	DELIVERED(0, 10);
	send(O, A, 1001, 5011, 10);
	DELIVERED(12ull * GIB, 10);

	begin("acknowledgements of a side that is not seen any more count on, whatever they pass");
	open_connection(1000, 5000);
	for (uint64_t off = 0; off < 10ull * GIB; off += 60000) {
		send(O, A, 1001, 5001 + (uint32_t)off, 0);
		if (r.verdict != TCP_NO_DATA) {
			CHECK_EQ(r.verdict, TCP_NO_DATA);
			break;
		}
	}
	send(O, A, 1001, 5001 + 10 * (uint32_t)GIB, 33);
	DELIVERED(0, 33);
	CHECK_EQ(r.anomalies, 0);

	begin("T5: bytes outside the window are reported, an acknowledgement alone is not");
	open_connection(1000, 5000);
	send(O, A, 1001 + MIB + 1, 5001, 10);
	CHECK(has(TCP_A_OUT_OF_WINDOW));
	send(O, A, 1001 + MIB + 1, 5001, 0);
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	CHECK_EQ(r.anomalies, 0);

	begin("T13: bytes from before the place where a capture began are no anomaly");
	send(O, A, 10000, 5001, 100);
	send(O, A, 9900, 5001, 100); /* again, or late */
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	CHECK_EQ(r.anomalies, 0);
	send(O, A, 10100, 5001, 100);
	DELIVERED(100, 100);
	begin("from before the SYN they are one");
	open_connection(10000, 5000);
	send(O, A, 9901, 5001, 100);
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	CHECK(has(TCP_A_OUT_OF_WINDOW));

	begin("of one side alone that starts anew behind, the jump is found");
	send(O, A, 0x10000000, 0, 100);
	for (unsigned i = 0; i < 8; i++)
		send(O, A, 0x01000000 + i * 100, 0, 100);
	DELIVERED(100, 100);
}

static void test_ignored(void)
{
	begin("a SYN that is ignored does not widen the window");
	options = BYTES("\3\3\xe", 3);
	window = 10;
	send(O, S, 1000, 0, 0);
	send(R, S | A, 5000, 1001, 0);
	options.len = 0;
	send(O, A, 1001, 5001, 0);
	window = 65535;
	send(O, S, 70000, 0, 0);
	CHECK_EQ(r.verdict, TCP_BAD_SYN);
	CHECK_EQ(t.half[O].window, 10 << 14);

	begin("a segment with an impossible acknowledgement does not say where its side starts");
	send(O, S, 1000, 0, 0);
	send(R, A, 0x70000000, 0x12345678, 100);
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	CHECK(!(r.flags & TCP_R_ANCHOR));
	send(R, A, 5001, 1001, 100); /* the SYN/ACK was lost */
	DELIVERED(0, 100);
	CHECK(r.flags & TCP_R_ANCHOR);

	begin("nor where a reset of its side is believed");
	send(O, S, 1000, 0, 0);
	send(R, A, 0x70000000, 0x12345678, 100);
	send(R, X, 0x70000000, 0, 0);
	CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
	CHECK(!tcp_was_reset(&t));

	begin("old bytes again prove no impossible acknowledgement");
	open_connection(1000, 5000);
	send(O, A, 1001, 5001, 1000);
	for (unsigned i = 0; i < 10; i++) {
		send(O, A, 1001 + i * 100, 5001 + 64 * MIB, 100);
		CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	}
}

static void test_resync(void)
{
	begin("a run outside the window is not believed while its acknowledgements are impossible");
	open_connection(1000, 5000);
	for (unsigned i = 0; i < 30; i++) {
		send(O, A, 0x20000000 + i * 100, 5001 + 64 * MIB, 100);
		CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	}
	send(O, A, 0x20000000 + 30 * 100, 5001, 100); /* the first that fits */
	CHECK_EQ(r.verdict, TCP_DELIVER);
	CHECK(has(TCP_A_RESYNC));

	begin("a capture that lost a piece of both directions goes on in both");
	open_connection(1000, 5000);
	for (unsigned i = 0; i < 7; i++) {
		send(O, A, 1001 + 64 * MIB + i * 100, 5001 + 32 * MIB + i * 10, 100);
		send(R, A, 5001 + 32 * MIB + i * 10, 1001 + 64 * MIB + (i + 1) * 100, 10);
		CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	}
	send(O, A, 1001 + 64 * MIB + 700, 5001 + 32 * MIB + 70, 100);
	DELIVERED(64u * MIB + 700, 100);
	CHECK(has(TCP_A_RESYNC));
	send(R, A, 5001 + 32 * MIB + 70, 1001 + 64 * MIB + 800, 10);
	DELIVERED(32u * MIB + 70, 10);
	CHECK(has(TCP_A_RESYNC));

	begin("a side whose peer's bytes are missing is silenced for seven segments, not for good");
	open_connection(1000, 5000);
	send(R, A, 5001, 1001, 10);
	for (unsigned i = 0; i < 7; i++) {
		send(O, A, 1001 + i * 100, 5001 + 64 * MIB, 100);
		CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	}
	send(O, A, 1701, 5001 + 64 * MIB, 100);
	DELIVERED(700, 100);
	CHECK(has(TCP_A_RESYNC));
	CHECK(!(r.flags & TCP_R_ACK_VALID));
	send(O, A, 1801, 5001 + 64 * MIB, 100);
	DELIVERED(800, 100);
	CHECK(!has(TCP_A_RESYNC));
	send(R, A, 5001 + 64 * MIB, 1901, 20); /* where the acknowledgement said */
	DELIVERED(64u * MIB, 20);

	begin("where that jump has no size, the offsets go on without a hole");
	open_connection(1000, 0x10000000);
	send(R, A, 0x10000001, 1001, 10);
	for (unsigned i = 0; i < 8; i++)
		send(O, A, 1001 + i * 100, 0x90000000, 100);
	DELIVERED(700, 100);
	send(R, A, 0x90000000, 1801, 20);
	DELIVERED(10, 20);

	begin("behind the other side's FIN no acknowledgement is believed that can't be");
	open_connection(1000, 5000);
	send(R, A | F, 5001, 1001, 10);
	for (unsigned i = 0; i < 20; i++) {
		send(O, A, 1001 + i * 100, 5001 + 64 * MIB, 100);
		CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	}
}

static void test_candidates(void)
{
	for (unsigned pick = 0; pick < 10; pick++) {
		uint32_t a = 1000 + pick * 77777;

		begin("T6: of ten SYNs each can be the one that the SYN/ACK acknowledges");
		for (unsigned i = 0; i < 10; i++)
			send(O, S, 1000 + i * 77777, 0, 0);
		send(R, S | A, 5000, a + 1, 0);
		CHECK_EQ(r.verdict, TCP_NO_DATA);
		send(O, A, a + 1, 5001, 0);
		CHECK(r.flags & TCP_R_ESTABLISHED);
		send(O, A, a + 1, 5001, 4);
		DELIVERED(0, 4);
		send(R, A, 5001, a + 5, 4);
		DELIVERED(0, 4);
	}
	begin("T6: no SYN that follows drives out the first");
	for (unsigned i = 0; i < 11; i++)
		send(O, S, 1000 + i * 77777, 0, 0);
	send(R, S | A, 5000, 1001, 0);
	CHECK_EQ(r.verdict, TCP_NO_DATA);
	send(O, A, 1001, 5001, 4);
	DELIVERED(0, 4);

	begin("T6: where more SYNs came than are remembered, the SYN/ACK may mean one of the "
	      "others");
	for (unsigned i = 0; i < 12; i++)
		send(O, S, 1000 + i * 77777, 0, 0);
	send(R, S | A, 5000, 1001 + 77777, 0);
	CHECK_EQ(r.verdict, TCP_NO_DATA);
	send(O, A, 1001 + 77777, 5001, 0);
	CHECK(r.flags & TCP_R_ESTABLISHED);
	send(O, A, 1001 + 77777, 5001, 4);
	DELIVERED(0, 4);
	send(R, A, 5001, 1001 + 77777 + 4, 4);
	DELIVERED(0, 4);

	begin("one that was made up in between keeps the true one out no more than else");
	for (unsigned i = 0; i < 12; i++)
		send(O, S, 1000 + i * 77777, 0, 0);
	send(R, S | A, 0x60000000, 0x12345678, 0);
	send(R, S | A, 5000, 1001 + 77777, 0);
	CHECK_EQ(r.verdict, TCP_NO_DATA);
	send(O, A, 1001 + 77777, 5001, 0);
	CHECK(r.flags & TCP_R_ESTABLISHED);
	send(O, A, 1001 + 77777, 5001, 4);
	DELIVERED(0, 4);

	begin("a side that has sent its FIN keeps its offsets, whatever SYN is acknowledged");
	send(O, S, 1000, 0, 0);
	send(O, S, 5000000, 0, 0);
	send(O, A | F, 5000001, 0, 4);
	DELIVERED(0, 4);
	send(R, A, 5000, 1001, 0);
	send(O, A | F, 5000001, 5000, 4);
	DELIVERED(0, 4);

	begin("two SYNs in turn, a hundred times, drive out nobody");
	send(O, S, 500, 0, 0);
	for (unsigned i = 0; i < 100; i++)
		send(O, S, i & 1 ? 1000 : 78000, 0, 0);
	send(R, S | A, 5000, 501, 0);
	CHECK_EQ(r.verdict, TCP_NO_DATA);

	for (unsigned pick = 0; pick < 5; pick++) {
		begin("T6: of five SYN/ACKs the completing ACK picks one");
		send(O, S, 1000, 0, 0);
		for (unsigned i = 0; i < 5; i++)
			send(R, S | A, 5000 + i * 0x2000000, 1001, 0);
		send(O, A, 1001, 5001 + pick * 0x2000000, 0);
		CHECK(r.flags & TCP_R_ESTABLISHED);
		send(R, A, 5001 + pick * 0x2000000, 1001, 3);
		DELIVERED(0, 3);
		CHECK(conn_is("S1"));
	}

	begin("a SYN and a SYN/ACK of somebody else: the completing ACK's own number picks, too");
	send(O, S, 1000, 0, 0);
	send(O, S, 0x30000000, 0, 0);
	send(R, S | A, 5000, 1001, 0);
	send(R, S | A, 0x50000000, 0x30000001, 0); /* forged, the last one */
	send(O, A, 1001, 5001, 0);
	CHECK(r.flags & TCP_R_ESTABLISHED);
	send(O, A, 1001, 5001, 5);
	DELIVERED(0, 5);
	send(R, A, 5001, 1006, 5);
	DELIVERED(0, 5);

	begin("the window of a SYN that was not the last is of unknown scale");
	options = BYTES("\3\3\7", 3);
	send(O, S, 1000, 0, 0);
	send(O, S, 0x30000000, 0, 0);
	send(R, S | A, 5000, 1001, 0);
	options.len = 0;
	send(O, A, 1001, 5001, 0);
	send(R, A, 5001 + 15 * MIB, 1001, 5);
	DELIVERED(15u * MIB, 5);

	begin("a forged ACK in front of the SYN/ACK does not keep it out");
	send(O, S, 1000, 0, 0);
	send(O, A, 1001, 0x70000000, 0);
	CHECK(has(TCP_A_SPLIT_ROUTING));
	send(R, S | A, 5000, 1001, 0);
	CHECK_EQ(r.verdict, TCP_NO_DATA);
	send(O, A, 1001, 5001, 0);
	send(R, A, 5001, 1001, 5);
	DELIVERED(0, 5);
	CHECK(conn_is("S1"));

	begin("a SYN/ACK behind the bytes of its side moves no offset");
	send(O, S, 1000, 0, 0);
	send(O, A, 1001, 5001, 0);
	send(R, A, 5001, 1001, 10);
	DELIVERED(0, 10);
	send(R, S | A, 0x70000000, 1001, 0);
	CHECK_EQ(r.verdict, TCP_BAD_SYN);
	send(R, A, 5011, 1001, 10);
	DELIVERED(10, 10);
}

static void test_opening(void)
{
	begin("T6: simultaneous open: both SYNs cross, both SYN/ACKs cross");
	send(O, S, 1000, 0, 0);
	send(R, S, 5000, 0, 0);
	CHECK(has(TCP_A_SIMULTANEOUS_OPEN));
	send(O, S | A, 1000, 5001, 0);
	send(R, S | A, 5000, 1001, 0);
	CHECK(r.flags & TCP_R_ESTABLISHED);
	send(O, A, 1001, 5001, 5);
	DELIVERED(0, 5);
	send(R, A, 5001, 1006, 5);
	DELIVERED(0, 5);
	CHECK(conn_is("S1"));

	begin("five-way: an ACK of the SYN does not keep the server's SYN out");
	send(O, S, 1000, 0, 0);
	send(R, A, 4000, 1001, 0);
	send(R, S, 5000, 0, 0);
	CHECK_EQ(r.verdict, TCP_NO_DATA);
	send(O, S | A, 1000, 5001, 0); /* now each has acknowledged the other's */
	CHECK(r.flags & TCP_R_ESTABLISHED);
	send(R, A, 5001, 1001, 0);
	send(R, A, 5001, 1001, 5);
	DELIVERED(0, 5);
	CHECK(conn_is("S1"));

	begin("the handshake may end with data");
	send(O, S, 1000, 0, 0);
	send(R, S | A, 5000, 1001, 0);
	send(O, A, 1001, 5001, 100);
	CHECK(r.flags & TCP_R_ESTABLISHED);
	DELIVERED(0, 100);

	begin("T6: data of a SYN that is refused does not take its place");
	send(O, S, 1000, 0, 9);
	CHECK_EQ(r.verdict, TCP_SYN_DATA_HELD);
	send(R, S | A, 5000, 1001, 0);
	send(O, A, 1001, 5001, 20);
	DELIVERED(0, 20);
	CHECK(history_is("ShD"));

	begin("T6: of a SYN's data a part may be accepted");
	send(O, S, 1000, 0, 9);
	send(R, S | A, 5000, 1006, 0);
	send(O, A, 1006, 5001, 20);
	DELIVERED(5, 20);
	CHECK(history_is("ShD"));

	begin("data in a SYN/ACK is held, too");
	send(O, S, 1000, 0, 0);
	send(R, S | A, 5000, 1001, 7);
	CHECK_EQ(r.verdict, TCP_SYN_DATA_HELD);
	send(O, A, 1001, 5008, 0);
	CHECK(r.flags & TCP_R_ACK_VALID);
	send(R, A, 5008, 1001, 5);
	DELIVERED(7, 5);

	begin("data of a side without a handshake says so, and is delivered");
	send(O, S, 1000, 0, 0);
	send(O, 0, 1001, 0, 5);
	CHECK(has(TCP_A_DATA_BEFORE_ESTABLISHED));
	DELIVERED(0, 5);

	begin("what lacks the flag ACK behind the handshake is dropped, as its receiver does");
	open_connection(1000, 5000);
	send(O, P, 1001, 5001, 5);
	CHECK_EQ(r.verdict, TCP_MALFORMED);
	CHECK_EQ(r.keep, 0);
	CHECK(has(TCP_A_NO_ACK));
	send(O, F, 1001, 5001, 0);
	CHECK(has(TCP_A_NO_ACK) && !(r.flags & TCP_R_FIN));
	send(O, 0, 1001, 5001, 0);
	CHECK_EQ(r.anomalies, 0);
	CHECK(conn_is("S1"));
	send(O, A | P, 1001, 5001, 5);
	DELIVERED(0, 5);

	begin("nor is it taken in place of the handshake's last segment");
	send(O, S, 1000, 0, 0);
	send(R, S | A, 5000, 1001, 0);
	send(O, P, 1001, 0, 5);
	CHECK_EQ(r.verdict, TCP_MALFORMED);
	CHECK(has(TCP_A_NO_ACK));
	send(O, F, 1001, 0, 0);
	CHECK(!(r.flags & TCP_R_FIN));
	send(O, A, 1001, 5001, 5);
	DELIVERED(0, 5);

	begin("T14: one side alone has an open connection as soon as it acknowledges");
	send(O, S, 1000, 0, 0);
	send(O, A, 1001, 5001, 0);
	send(O, A, 1001, 5001, 5);
	CHECK_EQ(r.anomalies, 0);
	DELIVERED(0, 5);
	begin("where the other side is seen it has not, before that one's SYN");
	send(O, S, 1000, 0, 0);
	send(R, A, 5000, 1001, 0);
	send(O, A, 1001, 5000, 5);
	CHECK(has(TCP_A_DATA_BEFORE_ESTABLISHED));

	begin("a SYN of a side that has only acknowledged is believed where nobody contradicts");
	send(O, A, 1001, 5001, 0);
	send(O, S, 70000, 0, 0);
	CHECK(has(TCP_A_SYN_AFTER_PARTIAL));
	CHECK_EQ(r.verdict, TCP_NO_DATA);
	begin("but not where the connection goes on");
	send(O, A, 1001, 5001, 0);
	send(R, A, 5001, 1001, 0);
	send(O, S, 70000, 0, 0);
	CHECK(has(TCP_A_SYN_AFTER_PARTIAL));
	CHECK_EQ(r.verdict, TCP_BAD_SYN);
	send(O, A, 1001, 5001, 10);
	DELIVERED(0, 10);
	send(O, S, 90000, 0, 0);
	CHECK_EQ(r.verdict, TCP_BAD_SYN);
	send(R, S | A, 80000, 1011, 0);
	CHECK_EQ(r.verdict, TCP_NO_DATA); /* no byte of it was seen */

	begin("a SYN that contradicts the SYN/ACK before it is none");
	send(R, S | A, 5000, 1001, 0);
	send(O, S, 2000, 0, 0);
	CHECK_EQ(r.verdict, TCP_BAD_SYN);
	CHECK(has(TCP_A_SYN_SEQ_JUMP));

	begin("a SYN behind the FIN or the reset of its side has its own name");
	open_connection(1000, 5000);
	send(O, A | F, 1001, 5001, 0);
	send(O, S, 70000, 0, 0);
	CHECK(has(TCP_A_SYN_AFTER_CLOSE));
	CHECK_EQ(r.verdict, TCP_BAD_SYN);
	send(R, S | A, 70000, 1001, 0);
	CHECK(has(TCP_A_SYN_INSIDE));
	send(R, X, 5001, 0, 0);
	send(R, S | A, 70000, 1001, 0);
	CHECK(has(TCP_A_SYN_AFTER_RESET));
	send(R, S | A, 5000, 1001, 0); /* its own again */
	CHECK_EQ(r.anomalies, 0);
}

static void test_reset(void)
{
	static const char *const signatures[] = { "\x13\x12"
						  "0123456789abcdef",
						  "\x1d\x10"
						  "0123456789abcd" };

	for (unsigned i = 0; i < 2; i++) {
		begin("T8: a signature that was not agreed on makes a reset void, MD5 or AO");
		open_connection(1000, 5000);
		options = BYTES(signatures[i], (size_t)signatures[i][1]);
		send(R, X, 5001, 0, 0);
		CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
		CHECK_EQ(tcp_phase(&t), TCP_OPEN);
		CHECK(!tcp_was_reset(&t));
	}
	begin("where both SYNs were signed, a signed reset counts");
	options = BYTES(signatures[0], 18);
	send(O, S, 1000, 0, 0);
	send(R, S | A, 5000, 1001, 0);
	send(R, X, 5001, 0, 0);
	CHECK(r.flags & TCP_R_RST);

	begin("a reset with a bad acknowledgement refuses no SYN");
	send(O, S, 1000, 0, 0);
	send(R, X | A, 0, 1000, 0);
	CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
	send(R, X | A, 0, 1002, 0);
	CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
	send(R, X, 0, 0, 0);
	CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
	send(R, S | A, 5000, 1001, 0);
	send(O, A, 1001, 5001, 0);
	send(O, A, 1001, 5001, 5);
	DELIVERED(0, 5);
	CHECK(conn_is("S1"));

	begin("a side that was not seen before may acknowledge a FIN with its reset");
	send(O, A | F, 1001, 5001, 10);
	send(R, X | A, 5001, 1012, 0);
	CHECK(r.flags & TCP_R_RST);
	CHECK_EQ(r.anomalies, 0);
	begin("but no more than that");
	send(O, A | F, 1001, 5001, 10);
	send(R, X | A, 5001, 1013, 0);
	CHECK_EQ(r.verdict, TCP_RST_SUSPECT);

	begin("the answer to an acknowledgement of what was not sent resets nothing");
	send(O, S, 1000, 0, 0);
	send(O, A, 1001, 777777, 0);
	send(R, S | A, 5000, 1001, 0);
	send(R, X, 777777, 0, 0); /* RFC 9293 3.10.7.4, in SYN-RECEIVED */
	CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
	send(O, A, 1001, 5001, 0);
	send(O, A, 1001, 5001, 5);
	DELIVERED(0, 5);
	send(R, A, 5001, 1006, 5);
	DELIVERED(0, 5);

	begin("T8: a reset behind a hole is none that its receiver takes: the bytes in the hole "
	      "are");
	for (unsigned fin = 0; fin < 2; fin++) {
		open_connection(1000, 5000);
		send(O, fin ? A | F : A, 1001 + 50000, 5001, 1);
		send(O, X | A, 1001 + 50001 + fin, 5001, 0);
		CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
		send(O, A, 1001, 5001, 33);
		DELIVERED(0, 33);
		begin("nor behind a hole and a FIN");
	}
	begin("nor behind a FIN alone");
	open_connection(1000, 5000);
	send(O, A | F, 1001 + 50000, 5001, 0);
	send(O, X | A, 1001 + 50001, 5001, 0);
	CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
	begin("once what is behind the hole was acknowledged it is exact again");
	open_connection(1000, 5000);
	send(O, A, 1101, 5001, 100);
	send(R, A, 5001, 1001, 0);
	send(O, A, 1001, 5001, 100);
	send(R, A, 5001, 1151, 0);
	send(O, A, 1201, 5001, 100);
	send(O, X | A, 1301, 5001, 0);
	CHECK(r.flags & TCP_R_RST);
	CHECK_EQ(r.anomalies, 0);
	begin("and of one side alone nobody knows better");
	send(O, S, 1000, 0, 0);
	send(O, A, 1101, 5001, 100);
	send(O, X | A, 1201, 5001, 0);
	CHECK(r.flags & TCP_R_RST);

	begin("T8: a reset at the receiver's last acknowledgement is exact, with bytes under way");
	open_connection(1000, 5000);
	send(R, A, 5001, 1001, 100);
	send(R, X, 5001, 0, 0);
	CHECK(r.flags & TCP_R_RST);

	begin("a reset right behind one's own FIN is exact");
	open_connection(1000, 5000);
	send(R, A | F, 5001, 1001, 100);
	send(R, X, 5102, 0, 0);
	CHECK(r.flags & TCP_R_RST);
	CHECK(conn_is("RSTR"));

	begin("a reset from the middle of a connection ends it where nothing contradicts");
	send(O, X, 777, 0, 0);
	CHECK(has(TCP_A_SPONTANEOUS_RST));
	CHECK(r.flags & TCP_R_RST);
	CHECK(conn_is("RSTOS0"));

	begin("a side that has acknowledged from the middle resets at that place");
	send(O, A, 700, 900, 0);
	send(O, X, 700, 0, 0);
	CHECK(r.flags & TCP_R_RST);
	begin("and nowhere else");
	send(O, A, 700, 900, 0);
	send(O, X, 701, 0, 0);
	CHECK_EQ(r.verdict, TCP_RST_SUSPECT);

	begin("a second reset, and a FIN behind it");
	open_connection(1000, 5000);
	send(R, X, 5001, 0, 0);
	send(R, X, 5001, 0, 0);
	CHECK(!(r.flags & TCP_R_RST));
	send(R, A | F, 5001, 1001, 0);
	CHECK(has(TCP_A_FIN_AFTER_RESET));
	CHECK(conn_is("RSTR"));
	CHECK(history_is("ShArf"));
}

static void with_timestamp(unsigned dir, unsigned flags, uint32_t seq, uint32_t ack, uint32_t len,
			   uint32_t tsval)
{
	uint8_t o[12] = { 1, 1, 8, 10 };

	be32_put(o + 4, tsval);
	options = BYTES(o, 12);
	send(dir, flags, seq, ack, len);
}

static void open_with_timestamps(void)
{
	with_timestamp(O, S, 1000, 0, 0, 1000);
	with_timestamp(R, S | A, 5000, 1001, 0, 2000);
	with_timestamp(O, A, 1001, 5001, 0, 1000);
}

static void test_paws(void)
{
	begin("T10: one tick back is allowed, two are not");
	open_with_timestamps();
	with_timestamp(O, A, 1001, 5001, 10, 999);
	DELIVERED(0, 10);
	with_timestamp(O, A, 1011, 5001, 10, 997);
	CHECK_EQ(r.verdict, TCP_PAWS);
	CHECK(has(TCP_A_PAWS));

	begin("acknowledgements that overtake each other are nobody's fault");
	open_with_timestamps();
	with_timestamp(O, A, 1001, 5001, 0, 1010);
	with_timestamp(O, A, 1001, 5001, 0, 1006);
	CHECK_EQ(r.verdict, TCP_PAWS);
	CHECK_EQ(r.anomalies, 0);

	begin("the timestamp of a segment without the next byte is nobody's last one");
	open_with_timestamps();
	with_timestamp(O, A, 1001 - 100, 5001, 0, 1000 + (1 << 30));
	with_timestamp(O, A, 1001, 5001, 33, 1001);
	DELIVERED(0, 33);

	begin("nor is that beside an acknowledgement of what was not sent");
	open_with_timestamps();
	with_timestamp(O, A, 1001, 5001 + 1000, 0, 1000 + (1 << 30));
	with_timestamp(O, A, 1001, 5001, 33, 1001);
	DELIVERED(0, 33);
	with_timestamp(O, A, 1034, 5001, 10, 900);
	CHECK_EQ(r.verdict, TCP_PAWS);
	begin("nor does it make an old one good");
	open_with_timestamps();
	with_timestamp(O, A, 1001, 5001, 10, 1001);
	with_timestamp(O, A, 1011, 5001 + 1000, 0, 1002);
	with_timestamp(O, A, 1011, 5001, 33, 900);
	CHECK_EQ(r.verdict, TCP_PAWS);
	with_timestamp(O, A, 1011, 5001, 33, 1003);
	DELIVERED(10, 33);
	begin("nor does one of what was before the SYN, whose timestamp is nobody's last one "
	      "either");
	open_with_timestamps();
	with_timestamp(O, A, 1001, 5000, 10, 5);
	CHECK_EQ(r.verdict, TCP_PAWS);
	with_timestamp(O, A, 1001, 5000, 0, 1000 + (1 << 30));
	with_timestamp(O, A, 1001, 5001, 10, 1001);
	DELIVERED(0, 10);
	begin("where the other side is not seen any more none is too old");
	open_with_timestamps();
	for (uint32_t i = 0; i < 40; i++)
		with_timestamp(O, A, 1001 + i * 10, 5001 + 1000, 10, 1000 + (i << 28));
	DELIVERED(390, 10);

	begin("one ahead of all others, which its receiver has not kept, hides seven segments, no "
	      "more");
	open_with_timestamps();
	with_timestamp(O, A, 1001, 5001, 10, 1001);
	with_timestamp(O, A, 1011, 5001, 10, 1001 + (1 << 30)); /* the one before is not acked */
	for (uint32_t i = 0; i < 7; i++) {
		with_timestamp(O, A, 1021 + i * 10, 5001, 10, 1002 + i);
		CHECK_EQ(r.verdict, TCP_PAWS);
	}
	with_timestamp(O, A, 1091, 5001, 10, 1009);
	DELIVERED(90, 10);
	CHECK(has(TCP_A_PAWS));
	with_timestamp(O, A, 1101, 5001, 10, 1009);
	DELIVERED(100, 10);
	CHECK_EQ(r.anomalies, 0);
	with_timestamp(O, A, 1111, 5001, 10, 900);
	CHECK_EQ(r.verdict, TCP_PAWS);
	begin("but not in any order, nor empty ones");
	open_with_timestamps();
	for (uint32_t i = 0; i < 20; i++) {
		with_timestamp(O, A, 1001 + i * 20, 5001, 10, 5);
		CHECK_EQ(r.verdict, TCP_PAWS);
		with_timestamp(O, A, 1001 + i * 20, 5001, 0, 5);
		CHECK_EQ(r.verdict, TCP_PAWS);
	}

	begin("no last timestamp goes back, be it by one tick each, or by a byte that comes again");
	open_with_timestamps();
	with_timestamp(O, A, 1001, 5001, 10, 999);
	DELIVERED(0, 10);
	with_timestamp(O, A, 1011, 5001, 10, 998);
	CHECK_EQ(r.verdict, TCP_PAWS);
	with_timestamp(R, A, 5001, 1011, 0, 2000);
	with_timestamp(O, A, 1010, 5001, 1, 5); /* keeps alive */
	with_timestamp(O, A, 1011, 5001, 10, 6);
	CHECK_EQ(r.verdict, TCP_PAWS);
	begin("nor is a segment taken for one that fills a hole where it has new bytes, or a FIN");
	open_with_timestamps();
	with_timestamp(O, A, 1001, 5001, 10, 1001);
	with_timestamp(O, A, 1010, 5001, 10, 5);
	CHECK_EQ(r.verdict, TCP_PAWS);
	with_timestamp(O, A | F, 1010, 5001, 1, 5);
	CHECK_EQ(r.verdict, TCP_PAWS);
	CHECK(conn_is("S1"));
	with_timestamp(O, A, 1001, 5001, 10, 5);
	DELIVERED(0, 10);

	begin("but a run outside the window that is believed brings its own");
	for (uint32_t place = 0x01000000; place; place <<= 4) {
		open_with_timestamps();
		with_timestamp(O, A, 1001, 5001, 10, 1001);
		for (uint32_t i = 0; i < 9; i++)
			with_timestamp(O, A, 1001 + place + i * 10, 5001, 10, 500 + i);
		CHECK_EQ(r.verdict, TCP_DELIVER);
		CHECK_EQ(r.anomalies, 0);
	}

	begin("a timestamp of 0 is no better than others, but none is older than one of 0");
	open_with_timestamps();
	with_timestamp(O, A, 1001, 5001, 10, 0);
	CHECK_EQ(r.verdict, TCP_PAWS);
	begin("as in SYNs of some that go on with others");
	with_timestamp(O, S, 1000, 0, 0, 0);
	with_timestamp(R, S | A, 5000, 1001, 0, 0);
	with_timestamp(O, A, 1001, 5001, 10, 0x90000000);
	DELIVERED(0, 10);
	with_timestamp(R, A, 5001, 1011, 10, 0xa0000000);
	DELIVERED(0, 10);
	with_timestamp(O, A, 1011, 5011, 10, 0x8fffff00);
	CHECK_EQ(r.verdict, TCP_PAWS);

	begin("of SYNs with one number the oldest timestamp counts: who answers may have got any");
	with_timestamp(O, S, 1000, 0, 0, 1000);
	with_timestamp(O, S, 1000, 0, 0, 1000 + (1 << 30));
	with_timestamp(R, S | A, 5000, 1001, 0, 2000);
	with_timestamp(R, S | A, 5000, 1001, 0, 2000 + (1 << 30));
	with_timestamp(O, A, 1001, 5001, 10, 1001);
	DELIVERED(0, 10);
	with_timestamp(R, A, 5001, 1011, 10, 2001);
	DELIVERED(0, 10);
	for (unsigned first = 0; first < 2; first++) {
		begin("and timestamps are in use where any had one, and the answer has");
		for (unsigned i = 0; i < 2; i++) {
			options.len = 0;
			if (i == first)
				with_timestamp(O, S, 1000, 0, 0, 1000);
			else
				send(O, S, 1000, 0, 0);
		}
		with_timestamp(R, S | A, 5000, 1001, 0, 2000);
		with_timestamp(O, A, 1001, 5001, 10, 900);
		CHECK_EQ(r.verdict, TCP_PAWS);
	}
	begin("as the larger of two window scales is");
	options = BYTES("\3\3\7", 3);
	send(O, S, 1000, 0, 0);
	options = BYTES("\3\3\0", 3);
	send(O, S, 1000, 0, 0);
	send(R, S | A, 5000, 1001, 0);
	options.len = 0;
	send(O, A, 1001, 5001, 0); /* 8 MiB */
	send(R, A, 5001 + 4 * MIB, 1001, 10);
	DELIVERED(4u * MIB, 10);

	begin("T10: after 24 idle days the clock may have gone round");
	open_with_timestamps();
	idle = 24ull * 86400 * 1000000000 - 1;
	with_timestamp(O, A, 1001, 5001, 10, 1);
	CHECK_EQ(r.verdict, TCP_PAWS);
	idle++;
	with_timestamp(O, A, 1001, 5001, 10, 1);
	DELIVERED(0, 10);

	begin("where one side did not offer timestamps they say nothing");
	with_timestamp(O, S, 1000, 0, 0, 1000);
	options.len = 0;
	send(R, S | A, 5000, 1001, 0);
	with_timestamp(O, A, 1001, 5001, 10, 5);
	DELIVERED(0, 10);

	begin("the option is found among others");
	open_with_timestamps();
	options = BYTES("\5\x0a\0\0\0\1\0\0\0\2\x8\xa\0\0\0\5\0\0\0\0", 20);
	send(O, A, 1001, 5001, 10);
	CHECK_EQ(r.verdict, TCP_PAWS);
}

static void test_close(void)
{
	begin("a FIN further on than the last one is said, and changes nothing");
	open_connection(1000, 5000);
	send(O, A | F, 1001, 5001, 5);
	send(O, A | F, 1050, 5001, 0);
	CHECK(has(TCP_A_FIN_ADVANCED));
	CHECK(!(r.flags & TCP_R_FIN));
	send(R, A | F, 5001, 1007, 0);
	CHECK(conn_is("SF"));
	CHECK(!strcmp(tcp_state_name(&t), "closed"));

	begin("a FIN in front of a hole is where it says, and what fills the hole is delivered");
	open_connection(1000, 5000);
	send(O, A | F, 1501, 5001, 100);
	DELIVERED(500, 100);
	CHECK(r.flags & TCP_R_FIN);
	send(O, A, 1001, 5001, 500);
	DELIVERED(0, 500);
	send(O, A, 1601, 5001, 1);
	CHECK_EQ(r.verdict, TCP_AFTER_FIN);

	begin("a FIN as the first segment");
	send(O, A | F, 1001, 5001, 0);
	CHECK(has(TCP_A_SPONTANEOUS_FIN));
	CHECK(conn_is("SH"));
	CHECK(!strcmp(tcp_state_name(&t), "closing"));

	begin("letters of odd flags: SYN with FIN, SYN with RST, FIN with RST");
	send(O, S | F, 1000, 0, 0);
	CHECK(has(TCP_A_CHRISTMAS));
	send(O, S | X, 1000, 0, 0);
	send(R, F | X, 1000, 0, 0);
	CHECK(history_is("Qi"));

	begin("every anomaly has a name, an event and an expectation of its own");
	for (unsigned i = 0; i < TCP_ANOMALIES; i++) {
		CHECK(strcmp(tcp_anomaly_name((enum tcp_anomaly)i), "other"));
		CHECK(strlen(tcp_anomaly_event((enum tcp_anomaly)i)) > 10);
		CHECK(strlen(tcp_anomaly_expected((enum tcp_anomaly)i)) > 10);
		if (tcp_anomaly_rule((enum tcp_anomaly)i))
			CHECK(!strncmp(tcp_anomaly_rule((enum tcp_anomaly)i), "RFC ", 4));
		for (unsigned j = 0; j < i; j++)
			CHECK(strcmp(tcp_anomaly_name((enum tcp_anomaly)i),
				     tcp_anomaly_name((enum tcp_anomaly)j)));
	}
	CHECK(!strcmp(tcp_anomaly_name(TCP_ANOMALIES), "other"));
	CHECK(*tcp_anomaly_event(TCP_ANOMALIES) && *tcp_anomaly_expected(TCP_ANOMALIES));
}

static void test_fin_with_wrong_ack(void)
{
	begin("a FIN beside an acknowledgement of what was not sent ends nothing: nobody takes it");
	open_connection(1000, 5000);
	send(O, A | F, 1001, 5001 + 1000, 0);
	CHECK(!(r.flags & TCP_R_FIN));
	CHECK(conn_is("S1"));
	send(O, A, 1001, 5001, 33);
	DELIVERED(0, 33);
	send(O, A | F, 1034, 5001, 0);
	CHECK(r.flags & TCP_R_FIN);
	begin("but once it is acknowledged it has, where the capture lacks what it acknowledged");
	open_connection(1000, 5000);
	send(O, A | F, 1001, 5001 + 1000, 33);
	DELIVERED(0, 33);
	send(R, A | F, 5001 + 1000, 1035, 0);
	CHECK(r.flags & TCP_R_FIN);
	CHECK(conn_is("SF"));
	begin("not where its place is that of a byte");
	open_connection(1000, 5000);
	send(O, A | F, 1001, 5001 + 1000, 33);
	send(O, A, 1034, 5001, 1);
	DELIVERED(33, 1);
	send(R, A, 5001, 1035, 0);
	send(O, A, 1035, 5001, 10);
	DELIVERED(34, 10);
	CHECK(conn_is("S1"));
	begin("but where it may be the FIN of the other side that was not seen it does");
	open_connection(1000, 5000);
	send(O, A | F, 1001, 5002, 0);
	CHECK(r.flags & TCP_R_FIN);
	begin("nor is it one where the other side's FIN tells how far that came");
	open_connection(1000, 5000);
	send(R, A | F, 5001 + 1000, 1001, 0); /* the bytes before it are lost */
	send(O, A | F, 1001, 5001 + 1001, 0);
	CHECK(r.flags & TCP_R_FIN);
	CHECK(conn_is("SF"));
	begin("where nothing of the other side was seen it does, too");
	send(O, A, 1001, 5001, 10);
	send(O, A | F, 1011, 6001, 0);
	CHECK(r.flags & TCP_R_FIN);
}

static void test_old_ack(void)
{
	begin("what acknowledges less than its receiver can still take is dropped, a FIN as well");
	open_connection(1000, 5000);
	for (uint32_t i = 0; i < 4; i++) {
		send(R, A, 5001 + i * 50000, 1001, 50000);
		send(O, A, 1001, 5001 + (i + 1) * 50000, 0);
	}
	send(O, A | F, 1001, 5001 + 200000 - 65536, 0);
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	CHECK(has(TCP_A_OUT_OF_WINDOW));
	CHECK(conn_is("S1"));
	send(O, A, 1001, 5001 + 200000 - 65536, 10);
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	send(O, A, 1001, 5001 + 200000 - 65535, 10);
	DELIVERED(0, 10);
	begin("a FIN with one of bytes from before the SYN may be dropped as well");
	open_connection(10000, 50000);
	send(O, A | F, 10001, 50000, 0);
	CHECK_EQ(r.verdict, TCP_NO_DATA);
	CHECK(!(r.flags & TCP_R_FIN));
	send(O, A, 10001, 50001, 10);
	DELIVERED(0, 10);
	send(O, A | F, 10011, 50000, 0);
	send(R, A, 50001, 10012, 0);
	CHECK(conn_is("S2"));
	begin("of a connection from its middle nobody knows the window");
	send(R, A, 5001, 1001, 50000);
	send(O, A, 1001, 55001, 0);
	send(O, A, 1001, 55001 - 100000, 10);
	DELIVERED(0, 10);
}

static void test_words(void)
{
	begin("the words for a connection's state");
	CHECK(!strcmp(tcp_state_name(&t), "partial"));
	CHECK(conn_is("OTH"));
	send(O, S, 1000, 0, 0);
	CHECK(!strcmp(tcp_state_name(&t), "syn_sent"));
	send(R, S | A, 5000, 1001, 0);
	CHECK(!strcmp(tcp_state_name(&t), "syn_received"));
	send(O, A, 1001, 5001, 0);
	CHECK(!strcmp(tcp_state_name(&t), "established"));
	send(R, A | F, 5001, 1001, 0);
	CHECK(!strcmp(tcp_state_name(&t), "closing"));
	CHECK(conn_is("S3"));
	send(O, X, 1001, 0, 0);
	CHECK(!strcmp(tcp_state_name(&t), "reset"));
	CHECK(conn_is("RSTO"));

	begin("SHR and RSTRH: the originator was not heard");
	send(R, S | A, 5000, 1001, 0);
	send(R, A | F, 5001, 1001, 0);
	CHECK(conn_is("SHR"));
	begin("a reset instead of the FIN");
	send(R, S | A, 5000, 1001, 0);
	send(R, X, 5001, 0, 0);
	CHECK(conn_is("RSTRH"));
}

/* pkts' Session validates nothing: no state of any protocol is kept, nothing is ever refused. */
static void test_pkts_sessions(void)
{
	begin("pkts: what a connection's state does not allow is refused, with the reason");
	open_connection(1000, 5000);
	send(R, S | A, 9000, 1001, 0);
	CHECK_EQ(r.verdict, TCP_BAD_SYN);
	send(O, S, 90000, 0, 0);
	CHECK_EQ(r.verdict, TCP_BAD_SYN);
	send(O, A, 1001, 5001, 10);
	DELIVERED(0, 10);
	send(O, F | A, 1011, 5001, 0);
	send(O, A, 1012, 5001, 10);
	CHECK_EQ(r.verdict, TCP_AFTER_FIN);
	send(R, X, 5001, 0, 0);
	send(R, A, 5001, 1012, 10);
	CHECK_EQ(r.verdict, TCP_AFTER_RESET);
}

int main(void)
{
	test_pkts_sessions();
	poison_all();
	test_window();
	test_claims();
	test_ignored();
	test_resync();
	test_candidates();
	test_opening();
	test_reset();
	test_paws();
	test_close();
	test_fin_with_wrong_ack();
	test_old_ack();
	test_words();
	return check_end();
}
