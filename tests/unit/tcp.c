/* tcp: tests of the state machine: verdicts, offsets, states, history. */
#include "tests/unit/poison.h"
#include "tests/unit/tcp_talk.h"

static void test_normal(void)
{
	begin("a whole connection: states, offsets, history");
	send(O, S, 1000, 0, 0);
	CHECK(r.flags & TCP_R_ANCHOR && r.flags & TCP_R_ONESIDED);
	CHECK_EQ(r.verdict, TCP_NO_DATA);
	CHECK(conn_is("S0"));
	CHECK_EQ(tcp_phase(&t), TCP_OPENING);
	send(R, S | A, 5000, 1001, 0);
	CHECK(!(r.flags & TCP_R_ONESIDED));
	CHECK_EQ(tcp_phase(&t), TCP_OPENING);
	CHECK(!(r.flags & TCP_R_ESTABLISHED));
	send(O, A, 1001, 5001, 0);
	CHECK(r.flags & TCP_R_ESTABLISHED);
	CHECK(conn_is("S1"));
	CHECK_EQ(tcp_phase(&t), TCP_OPEN);
	send(O, A | P, 1001, 5001, 7);
	DELIVERED(0, 7);
	CHECK(r.flags & TCP_R_ACK_VALID);
	send(R, A, 5001, 1008, 0);
	send(R, A | P, 5001, 1008, 100);
	DELIVERED(0, 100);
	send(R, A | F, 5101, 1008, 50);
	DELIVERED(100, 50);
	CHECK(r.flags & TCP_R_FIN);
	CHECK(conn_is("S3"));
	send(O, A | F, 1008, 5152, 0);
	CHECK_EQ(r.verdict, TCP_NO_DATA);
	CHECK_EQ(r.offset, 7);
	CHECK(conn_is("SF"));
	CHECK_EQ(tcp_phase(&t), TCP_OVER);
	CHECK(!tcp_was_reset(&t));
	send(R, A, 5152, 1009, 0);
	CHECK(history_is("ShADadfF"));
	send(R, X, 5152, 0, 0);
	CHECK(conn_is("SF")); /* a reset behind both FINs */
	CHECK(!tcp_was_reset(&t));
}

static void test_refused(void)
{
	begin("a SYN answered by a reset is REJ");
	send(O, S, 1000, 0, 0);
	send(R, X | A, 0, 1001, 0);
	CHECK(r.flags & TCP_R_RST);
	CHECK(conn_is("REJ"));
	CHECK(history_is("Sr"));
	struct tcp_segment again = segment(S, 1000, 0, 0), other = segment(S, 99000, 0, 0);
	CHECK(!tcp_is_reuse(&t, O, &again));
	CHECK(tcp_is_reuse(&t, O, &other));

	begin("a reset with a wrong acknowledgement does not refuse a SYN");
	send(O, S, 1000, 0, 0);
	send(R, X | A, 0, 777777, 0);
	CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
	CHECK(!(r.flags & TCP_R_RST));
	send(R, S | A, 5000, 1001, 0);
	send(O, A, 1001, 5001, 0);
	CHECK(conn_is("S1"));

	begin("a scanner: SYN, SYN/ACK, reset is RSTO; SYN, reset by itself RSTOS0");
	send(O, S, 1000, 0, 0);
	send(R, S | A, 5000, 1001, 0);
	send(O, X, 1001, 0, 0);
	CHECK(conn_is("RSTO"));
	begin("SYN and reset of one side are RSTOS0");
	send(O, S, 1000, 0, 0);
	send(O, X, 1001, 0, 0);
	CHECK(conn_is("RSTOS0"));
}

static void test_reset(void)
{
	begin("an exact reset closes, what its sender sends afterwards is after_reset");
	open_connection(1000, 5000);
	send(O, A, 1001, 5001, 10);
	send(R, X | A, 5001, 1011, 0);
	CHECK(r.flags & TCP_R_RST);
	CHECK(conn_is("RSTR"));
	CHECK_EQ(tcp_phase(&t), TCP_OVER);
	send(R, A, 5001, 1011, 5);
	CHECK_EQ(r.verdict, TCP_AFTER_RESET);
	CHECK(has(TCP_A_DATA_AFTER_RESET));
	send(O, A, 1011, 5001, 10); /* was on its way */
	DELIVERED(10, 10);

	begin("T8, W5: a blind reset in the window ends nothing, and later data proves it false");
	open_connection(1000, 5000);
	send(R, X, 5001 + 3000, 0, 0);
	CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
	CHECK_EQ(tcp_phase(&t), TCP_OPEN);
	CHECK(tcp_was_reset(&t));
	send(R, A, 5001, 1001, 100);
	DELIVERED(0, 100);
	CHECK(has(TCP_A_DATA_AFTER_RESET));
	CHECK(!tcp_was_reset(&t));
	CHECK(conn_is("S1"));

	begin("a reset far outside the window is nothing at all");
	open_connection(1000, 5000);
	send(R, X, 5001 + 0x40000000, 0, 0);
	CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
	CHECK(!tcp_was_reset(&t));

	begin("data in a reset is no data of the stream");
	open_connection(1000, 5000);
	send(R, X | A, 5001, 1001, 40);
	CHECK_EQ(r.verdict, TCP_RST_DATA);
	CHECK(has(TCP_A_RST_WITH_DATA));
	CHECK(conn_is("RSTR"));
}

static void test_options(void)
{
	const struct bytes signature = BYTES("\x1d\x10"
					     "0123456789abcd",
					     16);
	struct tcp_segment s;

	begin("a signed reset where no signatures were agreed on is ignored");
	open_connection(1000, 5000);
	s = segment(X | A, 5001, 1001, 0);
	s.options = signature;
	tcp_input(&t, &h, R, &s, &r);
	CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
	CHECK(!tcp_was_reset(&t));
	s.options.len = 0;
	tcp_input(&t, &h, R, &s, &r);
	CHECK(tcp_was_reset(&t));

	for (unsigned first = 0; first < 2; first++) {
		begin("nor does one of several SYNs agree on them, but the answer to it");
		for (unsigned i = 0; i < 2; i++) {
			options = i == first ? signature : BYTES("", 0);
			send(O, S, 1000, 0, 0);
		}
		options.len = 0;
		send(R, S | A, 5000, 1001, 0);
		send(O, A, 1001, 5001, 0);
		options = signature;
		send(O, X | A, 1001, 5001, 0);
		CHECK_EQ(r.verdict, TCP_RST_SUSPECT);
		CHECK(!tcp_was_reset(&t));
	}
	begin("of one side alone nobody knows better");
	options = signature;
	send(O, S, 1000, 0, 0);
	send(O, A, 1001, 5001, 0);
	send(O, X | A, 1001, 5001, 0);
	CHECK(r.flags & TCP_R_RST);

	begin("more than the receiver's largest segment is several put together");
	s = segment(S, 1000, 0, 0);
	s.options = BYTES("\2\4\x03\xe8", 4); /* 1000 */
	tcp_input(&t, &h, O, &s, &r);
	CHECK(tcp_is_merged(&t, R, 1461));
	CHECK(!tcp_is_merged(&t, R, 1460)); /* more than it was told, but one frame */
	CHECK(tcp_is_merged(&t, O, 1461));  /* not known */
	CHECK(!tcp_is_merged(&t, O, 1460));
}

static void test_syn(void)
{
	begin("T6: SYN a, SYN b, SYN/ACK(b+1): the stream starts at b");
	send(O, S, 1000, 0, 0);
	send(O, S, 70000, 0, 0);
	CHECK(has(TCP_A_SYN_SEQ_JUMP));
	send(R, S | A, 5000, 70001, 0);
	send(O, A, 70001, 5001, 0);
	send(O, A, 70001, 5001, 4);
	DELIVERED(0, 4);
	CHECK(conn_is("S1"));

	begin("SYN a, SYN b, SYN/ACK(a+1): the stream starts at a");
	send(O, S, 1000, 0, 0);
	send(O, S, 70000, 0, 0);
	send(R, S | A, 5000, 1001, 0);
	CHECK_EQ(r.verdict, TCP_NO_DATA);
	send(O, A, 1001, 5001, 4);
	DELIVERED(0, 4);

	begin("a SYN/ACK that acknowledges no SYN is ignored");
	send(O, S, 1000, 0, 0);
	send(R, S | A, 9999, 31337, 0);
	CHECK_EQ(r.verdict, TCP_BAD_SYN_ACK);
	CHECK(has(TCP_A_BAD_SYN_ACK));
	send(R, S | A, 5000, 1001, 0);
	send(O, A, 1001, 5001, 0);
	send(R, A, 5001, 1001, 3);
	DELIVERED(0, 3);

	begin("of two SYN/ACKs the completing ACK picks one");
	send(O, S, 1000, 0, 0);
	send(R, S | A, 5000, 1001, 0);
	send(R, S | A, 800000, 1001, 0);
	send(O, A, 1001, 5001, 0);
	send(R, A, 5001, 1001, 3);
	DELIVERED(0, 3);
	CHECK(conn_is("S1"));

	begin("T7: a SYN inside an open connection changes nothing");
	open_connection(1000, 5000);
	send(O, S, 424242, 0, 0);
	CHECK_EQ(r.verdict, TCP_BAD_SYN);
	CHECK(has(TCP_A_SYN_INSIDE));
	send(O, A, 1001, 5001, 3);
	DELIVERED(0, 3);

	begin("T6: four-way handshake: the server answers with a SYN of its own");
	send(O, S, 1000, 0, 0);
	send(R, S, 5000, 0, 0);
	CHECK(has(TCP_A_SIMULTANEOUS_OPEN));
	send(O, S | A, 1000, 5001, 0);
	send(R, A, 5001, 1001, 0);
	CHECK(r.flags & TCP_R_ESTABLISHED);
	send(O, A, 1001, 5001, 5);
	DELIVERED(0, 5);
	CHECK(conn_is("S1"));

	begin("T6: five-way handshake: ACK, SYN, SYN/ACK, ACK behind the SYN");
	send(O, S, 1000, 0, 0);
	send(R, A, 5000, 1001, 0);
	send(R, S, 5000, 0, 0);
	send(O, S | A, 1000, 5001, 0);
	send(R, A, 5001, 1001, 0);
	send(R, A, 5001, 1001, 5);
	DELIVERED(0, 5);
	CHECK(conn_is("S1"));

	begin("data in a SYN is held at offset 0, and what follows comes behind it");
	send(O, S, 1000, 0, 9);
	CHECK_EQ(r.verdict, TCP_SYN_DATA_HELD);
	CHECK_EQ(r.offset, 0);
	CHECK_EQ(r.keep, 9);
	send(R, S | A, 5000, 1010, 0);
	CHECK_EQ(r.verdict, TCP_NO_DATA);
	send(O, A, 1010, 5001, 2);
	DELIVERED(9, 2);

	begin("a SYN with a FIN is no segment of any use");
	send(O, S | F, 1000, 0, 0);
	CHECK_EQ(r.verdict, TCP_MALFORMED);
	CHECK(has(TCP_A_CHRISTMAS));
}

static void test_reuse(void)
{
	struct tcp_segment s = segment(S, 2000000, 0, 0);

	begin("a SYN on a closed connection is a new one; its own SYN again is not");
	open_connection(1000, 5000);
	CHECK(!tcp_is_reuse(&t, O, &s));
	send(O, A | F, 1001, 5001, 0);
	CHECK(!tcp_is_reuse(&t, O, &s));
	send(R, A | F, 5001, 1002, 0);
	CHECK(tcp_is_reuse(&t, O, &s));
	CHECK(tcp_is_reuse(&t, R, &s));
	s.seq = 1000;
	CHECK(!tcp_is_reuse(&t, O, &s));

	begin("T7: after five idle seconds a SYN beyond the last byte is a new connection");
	open_connection(1000, 5000);
	s.seq = 2000000;
	s.idle = 5000000001ull;
	CHECK(tcp_is_reuse(&t, O, &s));
	s.idle = 5000000000ull;
	CHECK(!tcp_is_reuse(&t, O, &s));
	s.idle = 5000000001ull;
	s.seq = 900;
	CHECK(!tcp_is_reuse(&t, O, &s));
}

static void test_data(void)
{
	begin("segments out of order in the window are delivered at their offsets");
	open_connection(1000, 5000);
	send(O, A, 1011, 5001, 10);
	DELIVERED(10, 10);
	send(O, A, 1001, 5001, 10);
	DELIVERED(0, 10);
	send(O, A, 1005, 5001, 10); /* again, in part */
	DELIVERED(4, 10);

	begin("T1: offsets go on over the wrap of the sequence number and past 4 GiB");
	open_connection(0xfffffff0, 0xffffffff);
	send(O, A, 0xfffffff1, 0, 100);
	DELIVERED(0, 100);
	send(O, A, 0xfffffff1 + 100, 0, 100);
	DELIVERED(100, 100);
	send(R, A, 0, 0xfffffff1, 100);
	DELIVERED(0, 100);
	for (uint64_t at = 200; at < 5ull << 30; at += 60000) {
		send(O, A, (uint32_t)(0xfffffff1 + at), 0, 60000);
		if (r.verdict != TCP_DELIVER || r.offset != at)
			break;
	}
	DELIVERED(200 + ((5ull << 30) - 200) / 60000 * 60000, 60000);

	begin("T5: a segment outside the window is ignored; the eighth in order is believed");
	open_connection(1000, 5000);
	send(O, A, 1001, 5001, 100);
	for (unsigned i = 0; i < 7; i++) {
		send(O, A, 1101 + 0x20000000 + i * 100, 5001, 100);
		CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	}
	send(O, A, 1101 + 0x20000000 + 700, 5001, 100);
	DELIVERED(100 + 0x20000000 + 700, 100);
	CHECK(r.flags & TCP_R_ANCHOR && has(TCP_A_RESYNC));
	send(O, A, 1101 + 0x20000000 + 800, 5001, 100);
	DELIVERED(100 + 0x20000000 + 800, 100);

	begin("where the jump is backwards the offsets go on without a hole");
	open_connection(0x10000000, 5000);
	send(O, A, 0x10000001, 5001, 100);
	for (unsigned i = 0; i < 8; i++)
		send(O, A, 1000 + i * 100, 5001, 100);
	DELIVERED(100, 100);
	send(O, A, 1800, 5001, 100);
	DELIVERED(200, 100);

	begin("strays that are not in order never win");
	open_connection(1000, 5000);
	for (unsigned i = 0; i < 100; i++) {
		send(O, A, 0x20000000 + i * 5000, 5001, 100);
		CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	}

	begin("an acknowledgement of what was never sent makes a segment a stray");
	open_connection(1000, 5000);
	send(O, A, 1001, 5001 + 0x30000000, 10);
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	send(O, A, 1001, 5001, 10);
	DELIVERED(0, 10);

	begin("T12: a keep-alive is neither data nor a retransmission");
	open_connection(1000, 5000);
	send(O, A, 1001, 5001, 10);
	send(R, A, 5001, 1011, 0);
	send(O, A, 1010, 5001, 1);
	CHECK_EQ(r.verdict, TCP_KEEPALIVE);
	send(O, A, 1010, 5001, 0);
	CHECK_EQ(r.verdict, TCP_KEEPALIVE);
	CHECK(history_is("ShADa"));

	begin("the last byte again is one only where its receiver has it: else it may differ");
	open_connection(1000, 5000);
	send(O, A, 1001, 5001, 10);
	send(R, A, 5001, 1010, 0);
	send(O, A, 1010, 5001, 1);
	DELIVERED(9, 1);
	send(R, A, 5001, 1011, 0);
	send(O, A, 1010, 5001, 1);
	CHECK_EQ(r.verdict, TCP_KEEPALIVE);
	begin("or where nobody tells whether it has");
	send(O, A, 1001, 5001, 10);
	send(O, A, 1010, 5001, 1);
	CHECK_EQ(r.verdict, TCP_KEEPALIVE);
}

static void test_fin(void)
{
	begin("W7: a FIN that is sent again is not the other side's FIN");
	open_connection(1000, 5000);
	send(O, A | F, 1001, 5001, 5);
	CHECK(r.flags & TCP_R_FIN);
	send(O, A | F, 1001, 5001, 5);
	CHECK(!(r.flags & TCP_R_FIN));
	CHECK(conn_is("S2"));
	CHECK_EQ(tcp_phase(&t), TCP_OPEN);

	begin("T9: data behind the FIN is ignored, data before it that comes late is not");
	open_connection(1000, 5000);
	send(O, A | F, 1011, 5001, 5);
	DELIVERED(10, 5);
	send(O, A, 1016, 5001, 5);
	CHECK_EQ(r.verdict, TCP_AFTER_FIN);
	send(O, A, 1001, 5001, 10);
	DELIVERED(0, 10);
	send(O, A, 1014, 5001, 10); /* over the end: cut there */
	DELIVERED(13, 2);

	begin("a FIN from before the highest byte is not believed");
	open_connection(1000, 5000);
	send(O, A, 1001, 5001, 100);
	send(O, A | F, 1011, 5001, 0);
	CHECK(!(r.flags & TCP_R_FIN));
	CHECK(has(TCP_A_INAPPROPRIATE_FIN));
	CHECK(conn_is("S1"));
}

static void test_midstream(void)
{
	begin("T13: without a SYN the first data byte is offset 0, on both sides");
	send(O, A, 500, 900, 0);
	CHECK(r.flags & TCP_R_MIDSTREAM);
	CHECK(!(r.flags & TCP_R_ANCHOR));
	send(O, A | P, 500, 900, 20);
	DELIVERED(0, 20);
	CHECK(r.flags & TCP_R_ANCHOR && r.flags & TCP_R_ONESIDED);
	CHECK_EQ(tcp_phase(&t), TCP_ONE_WAY);
	send(R, A, 900, 520, 30);
	DELIVERED(0, 30);
	CHECK_EQ(tcp_phase(&t), TCP_OPEN);
	CHECK(conn_is("OTH"));

	begin("but where an earlier segment had none what was sent since has its place");
	send(O, A, 500, 900, 0);
	send(O, A | P, 600, 900, 20);
	DELIVERED(100, 20);
	CHECK(r.flags & TCP_R_ANCHOR);
	send(O, A | P, 500, 900, 100);
	DELIVERED(0, 100);
	begin("be it that of a FIN");
	send(O, A, 500, 900, 0);
	send(O, A | F, 600, 900, 0);
	CHECK_EQ(r.offset, 100);
	send(O, A | P, 500, 900, 100);
	DELIVERED(0, 100);
	begin("which is no keep-alive, nor from another time");
	send(O, A, 499, 900, 0);
	send(O, A | P, 500, 900, 20);
	DELIVERED(0, 20);
	send(R, A, 0x10000, 520, 0);
	send(R, A | P, 0x20000000, 520, 20);
	DELIVERED(0, 20);
	begin("nor one that can't be");
	send(O, A | P, 500, 900, 20);
	send(R, A, 0x10000, 0x70000000, 0);
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	send(R, A | P, 0x10100, 520, 20);
	DELIVERED(0, 20);

	begin("what lies before the first byte seen is left out, in part or whole");
	send(O, A, 500, 900, 20);
	send(O, A, 480, 900, 20);
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
	send(O, A, 490, 900, 40);
	DELIVERED(0, 30);
	CHECK_EQ(r.skip, 10);

	begin("a SYN/ACK first: its ACK is the start of the other side");
	send(R, S | A, 5000, 1001, 0);
	CHECK(!(r.flags & TCP_R_MIDSTREAM));
	send(O, A, 1001, 5001, 0);
	CHECK(conn_is("S1"));
	send(O, A, 1011, 5001, 10);
	DELIVERED(10, 10);

	begin("T14: one side alone: data is delivered, the start known from the SYN");
	send(O, S, 1000, 0, 0);
	send(O, A, 1001, 5001, 0);
	for (unsigned i = 0; i < 100; i++) {
		send(O, A, 1001 + i * 1000, 5001 + i * 5000, 1000);
		DELIVERED(i * 1000, 1000);
		CHECK(r.flags & TCP_R_ONESIDED);
	}

	begin("the handshake in the wrong order");
	send(R, S | A, 5000, 1001, 0);
	send(O, S, 1000, 0, 0);
	CHECK_EQ(r.verdict, TCP_NO_DATA);
	send(O, A, 1001, 5001, 0);
	send(O, A, 1001, 5001, 3);
	DELIVERED(0, 3);
	CHECK(conn_is("S1"));
}

static void with_ts(unsigned dir, unsigned flags, uint32_t seq, uint32_t ack, uint32_t len,
		    uint32_t tsval)
{
	uint8_t o[12] = { 1, 1, 8, 10 };
	struct tcp_segment s = segment(flags, seq, ack, len);

	be32_put(o + 4, tsval);
	s.options = BYTES(o, 12);
	tcp_input(&t, &h, dir, &s, &r);
}

static void test_paws(void)
{
	begin("T10: a segment with an older timestamp is not delivered, one that fills a hole is");
	with_ts(O, S, 1000, 0, 0, 100);
	with_ts(R, S | A, 5000, 1001, 0, 100);
	with_ts(O, A, 1001, 5001, 0, 101);
	with_ts(O, A, 1001, 5001, 10, 200);
	DELIVERED(0, 10);
	with_ts(O, A, 1011, 5001, 10, 150);
	CHECK_EQ(r.verdict, TCP_PAWS);
	with_ts(O, A, 1011, 5001, 10, 199);
	DELIVERED(10, 10);
	with_ts(O, A, 1041, 5001, 10, 300);
	with_ts(O, A, 1021, 5001, 20, 198);
	CHECK_EQ(r.verdict, TCP_DELIVER);
	with_ts(O, A, 1051, 5001, 10, 100);
	CHECK_EQ(r.verdict, TCP_PAWS);
}

static void test_window(void)
{
	struct tcp_segment s = segment(S, 1000, 0, 0);

	begin("a scaled window lets more than a MiB in, an unscaled one does not");
	s.options = BYTES("\3\3\7\1", 4);
	tcp_input(&t, &h, O, &s, &r);
	s = segment(S | A, 5000, 1001, 0);
	s.options = BYTES("\3\3\7\1", 4);
	tcp_input(&t, &h, R, &s, &r);
	send(O, A, 1001, 5001, 0);
	send(R, A, 5001 + (4 << 20), 1001, 10);
	DELIVERED(4 << 20, 10);
	begin("scaling needs both sides' consent");
	s = segment(S, 1000, 0, 0);
	s.options = BYTES("\3\3\7\1", 4);
	tcp_input(&t, &h, O, &s, &r);
	send(R, S | A, 5000, 1001, 0);
	send(O, A, 1001, 5001, 0);
	send(R, A, 5001 + (4 << 20), 1001, 10);
	CHECK_EQ(r.verdict, TCP_OUT_OF_WINDOW);
}

static void test_history(void)
{
	begin("retransmissions appear at the 1st, 10th and 100th time, d once");
	open_connection(1000, 5000);
	for (unsigned i = 0; i < 101; i++)
		send(O, A, 1001, 5001, 10);
	send(O, A | F, 1011, 5001, 0);
	CHECK(history_is("ShADTTTF"));

	begin("a history under attack keeps room for what has not appeared yet");
	for (unsigned i = 0; i < 100; i++)
		send(O, S, 1000 + i * 77777, 0, 0);
	CHECK_EQ(h.len, 16);
	send(R, S | A, 5000, 1000 + 99 * 77777 + 1, 0);
	send(O, A, 1000 + 99 * 77777 + 1, 5001, 0);
	send(R, A | F, 5001, 1000 + 99 * 77777 + 1, 0);
	CHECK_EQ(h.len, 19);
	CHECK_EQ(h.text[18], 'f');

	begin("T15: a bad checksum changes nothing but the history");
	open_connection(1000, 5000);
	struct tcp_segment s = segment(A, 1001, 5001, 10);
	s.bad_checksum = true;
	tcp_input(&t, &h, O, &s, &r);
	CHECK_EQ(r.verdict, TCP_BAD_CHECKSUM);
	send(O, A, 1001, 5001, 10);
	DELIVERED(0, 10);
	CHECK(history_is("ShACD"));
}

int main(void)
{
	poison_all();
	test_normal();
	test_refused();
	test_reset();
	test_syn();
	test_options();
	test_reuse();
	test_data();
	test_fin();
	test_midstream();
	test_paws();
	test_window();
	test_history();
	return check_end();
}
