/* tcp_figures: tests of round trips, repeats and what else is counted per side. */
#include "libcommon/net/tcp.h"

#include "tests/unit/check.h"
#include "tests/unit/poison.h"

enum { O, R }; /* originator, responder */
enum { S = TCP_SYN, A = TCP_ACK, F = TCP_FIN, X = TCP_RST, ECE = 64, CWR = 128 };

static const uint64_t ms = 1000000, us = 1000;

static struct tcp t;
static struct history h;
static struct tcp_result r;
static struct tcp_figures f;
static uint64_t now;
static uint16_t window;
static uint8_t ecn;
static struct bytes options;

static void begin(const char *title)
{
	check_case(title);
	memset(&t, 0, sizeof(t));
	memset(&h, 0, sizeof(h));
	now = 1792000000000000000;
	window = 65535;
	ecn = 0;
	options = (struct bytes){ 0 };
}

static void send(unsigned dir, unsigned flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	struct tcp_segment s = { .seq = seq,
				 .ack = ack,
				 .len = len,
				 .flags = (uint16_t)flags,
				 .window = window,
				 .ecn = ecn,
				 .options = options,
				 .now = now };

	tcp_input(&t, &h, dir, &s, &r);
}

/* The tap: 3 ms from the responder and back, 1 ms from the originator and back. */
static void open_connection(void)
{
	send(O, S, 1000, 0, 0);
	now += 3 * ms;
	send(R, S | A, 5000, 1001, 0);
	now += 1 * ms;
	send(O, A, 1001, 5001, 0);
	now += 1 * ms;
}

static void get(unsigned dir)
{
	tcp_figures_get(&t, &h, dir, &f);
}

static void test_rtt(void)
{
	begin("the handshake's round trips: SYN to SYN/ACK, SYN/ACK to ACK");
	get(O);
	CHECK(!f.has_handshake_rtt);
	CHECK_EQ(f.scale, TCP_NO_SCALE);
	open_connection();
	get(O);
	CHECK(f.has_handshake_rtt);
	CHECK_EQ(f.handshake_rtt, 3 * ms);
	CHECK_EQ(f.rtt_count, 0);
	get(R);
	CHECK_EQ(f.handshake_rtt, 1 * ms);

	begin("an answer within the microsecond is a round trip of 0, not of nothing");
	send(O, S, 1000, 0, 0);
	now += 999;
	send(R, S | A, 5000, 1001, 0);
	get(O);
	CHECK(f.has_handshake_rtt);
	CHECK_EQ(f.handshake_rtt, 0);

	begin("no round trip of a SYN that was sent twice: one can't tell which was answered");
	send(O, S, 1000, 0, 0);
	now += 1000 * ms;
	send(O, S, 1000, 0, 0);
	now += 3 * ms;
	send(R, S | A, 5000, 1001, 0);
	now += 1 * ms;
	send(O, A, 1001, 5001, 0);
	get(O);
	CHECK(!f.has_handshake_rtt);
	get(R);
	CHECK(f.has_handshake_rtt);

	begin("a segment is timed until the ACK that covers its end; one at a time");
	open_connection();
	send(O, A, 1001, 5001, 100);
	now += 2 * ms;
	send(O, A, 1101, 5001, 100); /* not timed: the first one is */
	now += 2 * ms;
	send(R, A, 5001, 1100, 0); /* one byte short */
	get(O);
	CHECK_EQ(f.rtt_count, 0);
	now += 1 * ms;
	send(R, A, 5001, 1101, 0);
	get(O);
	CHECK_EQ(f.rtt_count, 1);
	CHECK_EQ(f.rtt_min, 5 * ms);
	CHECK_EQ(f.rtt_max, 5 * ms);
	send(R, A, 5001, 1201, 0);
	send(O, A, 1201, 5001, 100);
	now += 7 * ms;
	send(R, A, 5001, 1301, 50);
	get(O);
	CHECK_EQ(f.rtt_count, 2);
	CHECK_EQ(f.rtt_min, 5 * ms);
	CHECK_EQ(f.rtt_max, 7 * ms);
	CHECK_EQ(f.rtt_sum, 12 * ms);
	now += 300 * us;
	send(O, A, 1301, 5051, 0);
	get(R);
	CHECK_EQ(f.rtt_count, 1);
	CHECK_EQ(f.rtt_max, 300 * us);

	begin("Karn: no sample of what was sent again");
	open_connection();
	send(O, A, 1001, 5001, 100);
	now += 200 * ms;
	send(O, A, 1001, 5001, 100);
	now += 3 * ms;
	send(R, A, 5001, 1101, 0);
	get(O);
	CHECK_EQ(f.rtt_count, 0);
	send(O, A, 1101, 5001, 100);
	now += 4 * ms;
	send(R, A, 5001, 1201, 0);
	get(O);
	CHECK_EQ(f.rtt_count, 1);
	CHECK_EQ(f.rtt_max, 4 * ms);

	begin("an acknowledgement of an hour ago is no round trip");
	open_connection();
	send(O, A, 1001, 5001, 100);
	now += 3600000 * ms;
	send(R, A, 5001, 1101, 0);
	get(O);
	CHECK_EQ(f.rtt_count, 0);

	begin("from the middle of a connection, too");
	send(O, A, 777, 5001, 100);
	now += 4 * ms;
	send(R, A, 5001, 877, 0);
	get(O);
	CHECK(!f.has_handshake_rtt);
	CHECK_EQ(f.rtt_count, 1);
}

static void test_repeats(void)
{
	begin("a segment that was seen before is a retransmission, with its bytes");
	open_connection();
	send(O, A, 1001, 5001, 100);
	send(O, A, 1101, 5001, 100);
	now += 50 * ms;
	send(O, A, 1001, 5001, 100);
	get(O);
	CHECK_EQ(f.retransmitted, 1);
	CHECK_EQ(f.repeated_bytes, 100);
	CHECK_EQ(f.out_of_order, 0);
	send(O, A, 1151, 5001, 100); /* half of it is new */
	get(O);
	CHECK_EQ(f.retransmitted, 1);
	CHECK_EQ(f.repeated_bytes, 150);
	get(R);
	CHECK_EQ(f.retransmitted, 0);

	begin("what fills a hole within the handshake's round trip is out of order");
	open_connection();
	send(O, A, 1101, 5001, 100);
	now += 4 * ms;
	send(O, A, 1001, 5001, 100);
	get(O);
	CHECK_EQ(f.out_of_order, 1);
	CHECK_EQ(f.retransmitted, 0);
	CHECK_EQ(f.repeated_bytes, 0);

	begin("what fills a hole later was lost in front of the tap, and is a retransmission");
	open_connection();
	send(O, A, 1101, 5001, 100);
	now += 4 * ms + 1 * us;
	send(O, A, 1001, 5001, 100);
	get(O);
	CHECK_EQ(f.out_of_order, 0);
	CHECK_EQ(f.retransmitted, 1);
	CHECK_EQ(f.repeated_bytes, 100);

	begin("what was acknowledged is not out of order, however soon it comes again");
	open_connection();
	send(O, A, 1001, 5001, 100);
	send(O, A, 1201, 5001, 100);
	send(R, A, 5001, 1101, 0);
	send(O, A, 1001, 5001, 100);
	get(O);
	CHECK_EQ(f.out_of_order, 0);
	CHECK_EQ(f.retransmitted, 1);

	begin("without a handshake 3 ms separate late from lost");
	send(O, A, 1001, 5001, 100);
	send(O, A, 1201, 5001, 100);
	now += 3 * ms;
	send(O, A, 1101, 5001, 50);
	now += 1 * us;
	send(O, A, 1151, 5001, 50);
	get(O);
	CHECK_EQ(f.out_of_order, 1);
	CHECK_EQ(f.retransmitted, 1);

	begin("a keep-alive, a FIN again and segments outside the window are no retransmissions");
	open_connection();
	send(O, A, 1001, 5001, 100);
	send(R, A, 5001, 1101, 0);
	send(O, A, 1100, 5001, 1);
	send(O, A, 1001 - (4 << 20), 5001, 100);
	send(O, A | F, 1101, 5001, 0);
	send(O, A | F, 1101, 5001, 0);
	get(O);
	CHECK_EQ(f.retransmitted, 0);
	CHECK_EQ(f.repeated_bytes, 0);
}

static void test_acks(void)
{
	begin("duplicate ACKs: nothing new, the same window, something outstanding");
	open_connection();
	send(O, A, 1001, 5001, 100);
	send(R, A, 5001, 1101, 0);
	send(R, A, 5001, 1101, 0); /* all is acknowledged */
	get(R);
	CHECK_EQ(f.dup_acks, 0);
	send(O, A, 1101, 5001, 100);
	send(R, A, 5001, 1101, 0);
	send(R, A, 5001, 1101, 0);
	get(R);
	CHECK_EQ(f.dup_acks, 2);
	window = 60000;
	send(R, A, 5001, 1101, 0); /* news of the window */
	send(R, A, 5001, 1101, 10);
	send(R, A | F, 5011, 1101, 0);
	get(R);
	CHECK_EQ(f.dup_acks, 2);
	get(O);
	CHECK_EQ(f.dup_acks, 0);

	begin("windows of 0, but for resets and behind the other side's FIN");
	open_connection();
	window = 0;
	send(R, A, 5001, 1001, 0);
	send(R, A, 5001, 1001, 0);
	window = 100;
	send(R, A, 5001, 1001, 0);
	send(O, A | F, 1001, 5001, 0);
	window = 0;
	send(R, A, 5001, 1002, 0);
	send(R, X, 5001, 0, 0);
	get(R);
	CHECK_EQ(f.zero_windows, 2);
}

static void test_options(void)
{
	static const char with[] = "\2\4\5\xb4\4\2\1\3\3\7";

	begin("what the SYNs say: largest segment, window scale, SACK");
	options = BYTES(with, 10);
	send(O, S, 1000, 0, 0);
	options = BYTES("\2\4\5\x64\3\3\x9", 7);
	send(R, S | A, 5000, 1001, 0);
	options.len = 0;
	send(O, A, 1001, 5001, 0);
	get(O);
	CHECK_EQ(f.mss, 1460);
	CHECK_EQ(f.scale, 7);
	CHECK(f.sack);
	CHECK(!f.ecn);
	get(R);
	CHECK_EQ(f.mss, 1380);
	CHECK_EQ(f.scale, 9);
	CHECK(!f.sack);

	begin("one side alone can't scale");
	options = BYTES(with, 10);
	send(O, S, 1000, 0, 0);
	options.len = 0;
	send(R, S | A, 5000, 1001, 0);
	get(O);
	CHECK_EQ(f.scale, 0);
	get(R);
	CHECK_EQ(f.scale, 0);
	CHECK_EQ(f.mss, 0);

	begin("options of the wrong length say nothing");
	options = BYTES("\2\3\5\3\2\4\3\1\x8\4\1\1", 12);
	send(O, S, 1000, 0, 0);
	get(O);
	CHECK_EQ(f.mss, 0);
	CHECK(!f.sack);
	CHECK_EQ(f.scale, 0);

	begin("a shift above 14 is taken for 14, and said");
	options = BYTES("\3\3\x0f", 3);
	send(O, S, 1000, 0, 0);
	CHECK(r.anomalies >> TCP_A_SCALE_RANGE & 1);
	get(O);
	CHECK_EQ(f.scale, 14);
}

static void test_ecn(void)
{
	begin("ECN: asked for, agreed on; marks, echoes and answers are counted");
	send(O, S | ECE | CWR, 1000, 0, 0);
	send(R, S | A | ECE, 5000, 1001, 0);
	send(O, A, 1001, 5001, 0);
	ecn = 3;
	send(O, A, 1001, 5001, 100);
	ecn = 2;
	send(O, A, 1101, 5001, 100);
	ecn = 0;
	send(R, A | ECE, 5001, 1101, 0);
	send(R, A | ECE, 5001, 1201, 0);
	ecn = 1;
	send(O, A | CWR, 1201, 5001, 100);
	get(O);
	CHECK(f.ecn);
	CHECK_EQ(f.ce, 1);
	CHECK_EQ(f.cwr, 1);
	CHECK_EQ(f.ece, 0);
	get(R);
	CHECK(f.ecn);
	CHECK_EQ(f.ce, 0);
	CHECK_EQ(f.ece, 2);
	CHECK_EQ(f.cwr, 0);

	begin("an answer that reflects both bits agrees on nothing");
	send(O, S | ECE | CWR, 1000, 0, 0);
	send(R, S | A | ECE | CWR, 5000, 1001, 0);
	get(O);
	CHECK(!f.ecn);

	begin("as many echoes as fit");
	open_connection();
	for (unsigned i = 0; i < 70000; i++)
		send(R, A | ECE, 5001, 1001, 0);
	get(R);
	CHECK_EQ(f.ece, 65535);
}

static void test_candidates(void)
{
	begin("the figures start at nothing where several SYNs were remembered in their place");
	for (uint32_t i = 0; i < 12; i++)
		send(O, S, 1000 + i * 0x1000000, 0, 0);
	for (uint32_t i = 0; i < 12; i++)
		send(R, S | A, 77 + i * 0x1000000, 1001 + 5 * 0x1000000, 0);
	send(O, A, 1001 + 5 * 0x1000000, 78 + 7 * 0x1000000, 0);
	CHECK(r.flags & TCP_R_ESTABLISHED);
	for (unsigned dir = O; dir <= R; dir++) {
		get(dir);
		CHECK_EQ(f.rtt_count + f.rtt_min + f.rtt_max + f.rtt_sum, 0);
		CHECK_EQ(f.out_of_order + f.dup_acks + f.ce + f.repeated_bytes, 0);
	}
	send(O, A, 1001 + 5 * 0x1000000, 78 + 7 * 0x1000000, 10);
	CHECK_EQ(r.verdict, TCP_DELIVER);
	CHECK_EQ(r.offset, 0);
	now += 5 * ms;
	send(R, A, 78 + 7 * 0x1000000, 1011 + 5 * 0x1000000, 10);
	CHECK_EQ(r.verdict, TCP_DELIVER);
	CHECK_EQ(r.offset, 0);
	get(O);
	CHECK_EQ(f.rtt_count, 1);
	CHECK_EQ(f.rtt_sum, 5 * ms);

	begin("one side alone is counted from 16 KiB on: nobody will choose its SYN");
	send(O, S, 1000, 0, 0);
	for (uint32_t i = 0; i < 17; i++)
		send(O, A, 1001 + i * 1000, 5001, 1000);
	send(O, A, 1001, 5001, 1000);
	get(O);
	CHECK_EQ(f.repeated_bytes, 1000);
	CHECK_EQ(f.retransmitted, 1);
}

int main(void)
{
	poison_all();
	test_rtt();
	test_repeats();
	test_acks();
	test_options();
	test_ecn();
	test_candidates();
	return check_end();
}
