/* Tests of libcommon/net/sctp_streams_reset.c: counts that begin anew, by RE-CONFIG. Malloc is off.
 */
#include <time.h>

#include "tests/unit/sctp_talk.h"

static void send_peer(void)
{
	frame++;
	sctp_streams_packet(g, &peer, &s, BYTES(b.at, b.len), false, frame, frame * 1000);
	b.len = 0;
	CHECK(sctp_streams_lawful(&s) && sctp_streams_lawful(&peer));
}

static void peer_data(uint32_t tsn, uint16_t sid, uint16_t ssn, const char *what)
{
	build_data(&b, BUILD_BE, tsn, sid, ssn, 7, what, strlen(what));
	send_peer();
}

/* RE-CONFIG: an outgoing SSN reset request of this side, and the peer's answer. */
static void ask_reset(uint32_t request, uint32_t tsn, const uint16_t *sids, size_t n)
{
	uint8_t v[16 + 64] = { 0, SCTP_OUTGOING_RESET, 0, (uint8_t)(16 + 2 * n) };

	be32_put(v + 4, request);
	be32_put(v + 12, tsn);
	for (size_t i = 0; i < n; i++)
		be16_put(v + 16 + 2 * i, sids[i]);
	build_chunk(&b, SCTP_RE_CONFIG, 0, v, 16 + 2 * n);
	send();
}

static void answer_reset(uint32_t request, uint32_t result)
{
	uint8_t v[12] = { 0, SCTP_RESPONSE, 0, 12 };

	be32_put(v + 4, request);
	be32_put(v + 8, result);
	build_chunk(&b, SCTP_RE_CONFIG, 0, v, sizeof(v));
	send_peer();
}

/* An SSN/TSN reset request of this side, and the peer's answer: with which TSN it goes on itself,
 * and with which this side has to. */
static void ask_restart(uint32_t request)
{
	uint8_t v[8] = { 0, SCTP_TSN_RESET, 0, 8 };

	be32_put(v + 4, request);
	build_chunk(&b, SCTP_RE_CONFIG, 0, v, sizeof(v));
	send();
}

static void answer_restart(uint32_t request, uint32_t result, uint32_t peer_next, uint32_t own_next)
{
	uint8_t v[20] = { 0, SCTP_RESPONSE, 0, 20 };

	be32_put(v + 4, request);
	be32_put(v + 8, result);
	be32_put(v + 12, peer_next);
	be32_put(v + 16, own_next);
	build_chunk(&b, SCTP_RE_CONFIG, 0, v, sizeof(v));
	send_peer();
}

static void test_reset(void)
{
	static const uint16_t first[] = { 1 };
	uint8_t v[48] = { 0 };

	check_case("T18: a stream that is reset begins with 0 again, in order; others go on");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 100, 1, 0, "a");
	data(BUILD_BE, 101, 1, 1, "b");
	data(BUILD_BE, 102, 2, 0, "x");
	ask_reset(7, 102, first, 1);
	answer_reset(6, 1); /* of another request */
	answer_reset(7, 6); /* in progress */
	answer_reset(7, 1);
	data(BUILD_BE, 104, 1, 1, "d"); /* before its turn: it waits */
	CHECK(said("1:0=a 1:1=b 2:0=x "));
	data(BUILD_BE, 103, 1, 0, "c");
	data(BUILD_BE, 105, 2, 1, "y");
	CHECK(said("1:0=c 1:1=d 2:1=y "));
	CHECK_EQ(s.disorder + stream_gaps, 0);

	check_case(
		"T18: where the answer is not seen, the first message of the new count shows it");
	ask_reset(8, 105, NULL, 0); /* all streams */
	data(BUILD_BE, 106, 2, 0, "z");
	data(BUILD_BE, 107, 1, 0, "e");
	CHECK(said("2:0=z 1:0=e "));
	CHECK_EQ(s.disorder + stream_gaps, 0);

	check_case("T18: a reset that is refused, or far beyond what was sent, changes nothing");
	ask_reset(9, 107, NULL, 0);
	answer_reset(9, 2);
	data(BUILD_BE, 108, 1, 1, "f");
	ask_reset(10, 100000, NULL, 0);
	answer_reset(10, 1);
	data(BUILD_BE, 109, 1, 2, "g");
	CHECK(said("1:1=f 1:2=g "));
	CHECK_EQ(s.out_of_window, 1);

	check_case("T18: what the capture lacks before a reset is a gap, and the message it cuts");
	data(BUILD_B, 110, 1, 3, "h");
	ask_reset(11, 112, NULL, 0);
	answer_reset(11, 1);
	data(BUILD_BE, 113, 1, 0, "i");
	CHECK(said("1:3=h <111+2> [1:3] 1:0=i "));

	check_case("T18: a RE-CONFIG whose parameters do not fit is counted");
	build_chunk(&b, SCTP_RE_CONFIG, 0, "\0\15\0\377xxxx", 8);
	send();
	CHECK_EQ(s.malformed, 1);

	check_case("RFC 6525 3.1: of a RE-CONFIG chunk two parameters count, a third is counted");
	for (unsigned i = 0; i < 3; i++) {
		be16_put(v + 16 * i, SCTP_OUTGOING_RESET);
		be16_put(v + 16 * i + 2, 16);
		be32_put(v + 16 * i + 4, 20 + i);
		be32_put(v + 16 * i + 12, 113);
	}
	build_chunk(&b, SCTP_RE_CONFIG, 0, v, sizeof(v));
	send();
	CHECK_EQ(s.malformed, 2);
	answer_reset(22, SCTP_PERFORMED);
	data(BUILD_BE, 114, 1, 1, "j");
	answer_reset(21, SCTP_PERFORMED);
	data(BUILD_BE, 115, 1, 0, "k");
	CHECK(said("1:1=j 1:0=k "));
	CHECK_EQ(s.disorder, 0);
}

static void test_reset_again(void)
{
	static const uint16_t first[] = { 1 };
	uint8_t v[12] = { 0, SCTP_INCOMING_RESET, 0, 10, 0, 0, 0, 60, 0, 1 };

	check_case("T18: a reset request that comes again, and its answer, change nothing more");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 100, 1, 0, "a");
	data(BUILD_BE, 101, 1, 1, "b");
	ask_reset(7, 101, first, 1);
	ask_reset(7, 101, first, 1);
	answer_reset(7, SCTP_PERFORMED);
	data(BUILD_BE, 102, 1, 0, "c");
	data(BUILD_BE, 103, 1, 1, "d");
	ask_reset(7, 101, first, 1);
	answer_reset(7, SCTP_PERFORMED);
	ask_reset(6, 101, first, 1); /* an older one */
	answer_reset(6, SCTP_PERFORMED);
	data(BUILD_BE, 104, 1, 2, "e");
	CHECK(said("1:0=a 1:1=b 1:0=c 1:1=d 1:2=e "));
	CHECK_EQ(s.disorder + stream_gaps, 0);

	check_case("T18: a stream that begins between a request for all and its answer goes on");
	ask_reset(8, 104, NULL, 0);
	data(BUILD_BE, 105, 5, 0, "x");
	answer_reset(8, SCTP_PERFORMED);
	data(BUILD_BE, 106, 5, 1, "y");
	data(BUILD_BE, 107, 1, 0, "f");
	ask_reset(9, 107, first, 1); /* one of those that began anew together */
	answer_reset(9, SCTP_PERFORMED);
	data(BUILD_BE, 108, 1, 0, "g");
	data(BUILD_BE, 109, 5, 2, "z");
	CHECK(said("5:0=x 5:1=y 1:0=f 1:0=g 5:2=z "));
	CHECK_EQ(s.disorder + stream_gaps, 0);

	check_case("T18: a request for a reset of the peer's streams takes the peer's own request");
	build_chunk(&b, SCTP_RE_CONFIG, 0, v, sizeof(v));
	send_peer();
	answer_reset(60, SCTP_PERFORMED); /* by the one that asked: it means nothing */
	data(BUILD_BE, 110, 1, 1, "h");
	ask_reset(10, 110, first, 1);
	answer_reset(10, SCTP_PERFORMED);
	data(BUILD_BE, 111, 1, 0, "i");
	CHECK(said("1:1=h 1:0=i "));
	CHECK_EQ(s.disorder + stream_gaps, 0);
}

/* Both sides have sent two messages of stream 1. */
static void begin_both(void)
{
	begin((struct sctp_limits){ 0 });
	sctp_streams_start(g, &peer, 500);
	data(BUILD_BE, 100, 1, 0, "a");
	data(BUILD_BE, 101, 1, 1, "b");
	peer_data(500, 1, 0, "A");
	peer_data(501, 1, 1, "B");
	CHECK(said("1:0=a 1:1=b 1:0=A 1:1=B "));
}

static void test_restart(void)
{
	enum { FAR = 102 + 0x80000000u };

	check_case("T18: an SSN/TSN reset begins both sides' TSNs and SSNs anew");
	begin_both();
	ask_restart(7);
	answer_restart(6, SCTP_PERFORMED, 1, 2); /* of another request */
	answer_restart(7, SCTP_IN_PROGRESS, 1, 2);
	ask_restart(7);
	answer_restart(7, SCTP_PERFORMED, 502, FAR);
	data(BUILD_BE, FAR + 1, 1, 1, "d"); /* before its turn: it waits */
	peer_data(502, 1, 0, "C");
	data(BUILD_BE, FAR, 1, 0, "c");
	data(BUILD_BE, FAR + 2, 9, 0, "x"); /* a stream that is new */
	sctp_streams_ack(&s, 101);          /* late, of the old count */
	CHECK(!s.has_ack);
	sctp_streams_ack(&s, FAR + 2);
	CHECK(s.has_ack);
	CHECK(said("1:0=C 1:0=c 1:1=d 9:0=x "));

	check_case("T18: an SSN/TSN reset that comes again changes nothing more");
	ask_restart(7);
	answer_restart(7, SCTP_PERFORMED, 502, FAR);
	data(BUILD_BE, FAR + 1, 1, 1, "d");
	data(BUILD_BE, FAR + 3, 1, 2, "e");
	peer_data(503, 1, 1, "D");
	CHECK(said("1:2=e 1:1=D "));
	CHECK_EQ(s.disorder + peer.disorder + gaps + stream_gaps + s.out_of_window, 0);
	CHECK_EQ(s.duplicates, 1);

	check_case("T18: an SSN/TSN reset that is refused changes nothing");
	for (uint32_t result = 0; result <= 7; result++) {
		if (result == SCTP_PERFORMED || result == SCTP_IN_PROGRESS)
			continue;
		ask_restart(20 + result);
		answer_restart(20 + result, result, 1000, 2000);
		answer_restart(20 + result, SCTP_PERFORMED, 1000, 2000);
	}
	data(BUILD_BE, FAR + 4, 1, 3, "f");
	peer_data(504, 1, 2, "E");
	CHECK(said("1:3=f 1:2=E "));

	check_case("T18: where no answer is seen, a first message far from the old TSNs shows it");
	ask_restart(30);
	data(BUILD_BE, FAR + 5, 1, 4, "g"); /* as if it had not asked */
	data(BUILD_BE, 105, 2, 3, "?");     /* no first message */
	data(BUILD_BE, 102, 1, 0, "h");
	data(BUILD_BE, 103, 1, 1, "i");
	peer_data(505, 1, 0, "F");
	answer_restart(30, SCTP_PERFORMED, 505, 102); /* late */
	peer_data(506, 1, 1, "G");
	CHECK(said("1:4=g 1:0=h 1:1=i 1:0=F 1:1=G "));
	CHECK_EQ(s.disorder + peer.disorder + gaps + stream_gaps, 0);
	CHECK_EQ(s.out_of_window, 1);

	check_case("T18: an answer that tells no TSNs leaves them to be shown");
	ask_restart(31);
	answer_reset(31, SCTP_PERFORMED);
	data(BUILD_BE, FAR, 1, 0, "j");
	CHECK(said("1:0=j "));

	check_case("T18: a late answer that refuses takes back what such a message has shown");
	begin_both();
	ask_restart(7);
	data(BUILD_BE, FAR, 1, 0, "x");
	answer_restart(7, SCTP_IN_PROGRESS, 1, 2);
	data(BUILD_BE, 102, 1, 2, "c");
	CHECK_EQ(s.out_of_window, 1);
	answer_restart(7, 2, 1, 2);
	data(BUILD_BE, 103, 1, 3, "d");
	data(BUILD_BE, 102, 1, 2, "c");
	CHECK(said("1:0=x 1:2=c 1:3=d "));
	check_case("and from then on it takes an answer");
	ask_restart(8);
	data(BUILD_BE, FAR, 1, 0, "x");
	data(BUILD_BE, 104, 1, 4, "e");
	answer_restart(8, SCTP_PERFORMED, 502, FAR + 9);
	data(BUILD_BE, FAR + 9, 1, 0, "f");
	CHECK(said("1:4=e 1:0=f "));
	CHECK_EQ(s.disorder + gaps + stream_gaps, 0);

	check_case("T18: one that tells another TSN goes on with that");
	begin_both();
	ask_restart(7);
	data(BUILD_BE, FAR + 5000, 1, 0, "x");
	answer_restart(7, SCTP_PERFORMED, 502, FAR);
	data(BUILD_BE, FAR, 1, 0, "c");
	data(BUILD_BE, FAR + 1, 1, 1, "d");
	CHECK(said("1:0=x 1:0=c 1:1=d "));
}

static void test_restart_gaps(void)
{
	check_case("T18: what lacks before an SSN/TSN reset is a gap, what waits leaves");
	begin_both();
	data(BUILD_BE, 103, 1, 3, "d");
	peer_data(502, 1, 2, "C");
	data(BUILD_B, 104, 2, 0, "x");
	ask_restart(7);
	answer_restart(7, SCTP_PERFORMED, 505, 9000);
	CHECK_EQ(last_gap.why, SCTP_GAP_ABANDONED);
	CHECK(said("1:2=C 2:0=x <102+1> [1:2] 1:3=d [2:0] <503+2> "));
	CHECK_EQ(s.held, 0);
	data(BUILD_BE, 9000, 1, 0, "e");
	peer_data(505, 1, 0, "D");
	CHECK(said("1:0=e 1:0=D "));

	check_case("T18: an SSN/TSN reset tells the TSNs of a side that was not seen yet");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 100, 1, 0, "a");
	ask_restart(7);
	answer_restart(7, SCTP_PERFORMED, 600, 101);
	peer_data(601, 1, 1, "B");
	peer_data(600, 1, 0, "A");
	data(BUILD_BE, 101, 1, 0, "b");
	CHECK(said("1:0=a 1:0=A 1:1=B 1:0=b "));

	check_case("T18: a request or response too short to be one is counted");
	build_chunk(&b, SCTP_RE_CONFIG, 0, "\0\17\0\6xx", 6);
	build_chunk(&b, SCTP_RE_CONFIG, 0, "\0\20\0\10xxxx", 8);
	build_chunk(&b, SCTP_RE_CONFIG, 0, "\0\15\0\14xxxxxxxx", 12);
	send();
	CHECK_EQ(s.malformed, 3);
}

static void test_jump(void)
{
	check_case("TSNs that jump, beyond half of them all: no acknowledgement nor reset of the "
		   "old counts");
	begin((struct sctp_limits){ 0 });
	data(BUILD_BE, 100, 0, 0, "a");
	sctp_streams_ack(&s, 100);
	ask_reset(1, 100, NULL, 0);
	for (uint32_t i = 0; i < 8; i++)
		data(BUILD_BE, 0x90000000 + i, 0, (uint16_t)i, "y");
	sctp_streams_tick(g, &s, 1, 1, false);
	data(BUILD_BE, 0x90000008, 1, 0, "b");
	CHECK(said("0:0=a <101+2415919010> [0:1] 0:7=y 1:0=b "));
	CHECK_EQ(s.cum, 0x90000008);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Seconds for requests of one kind after another by a side of so many streams. */
static double requests(unsigned streams, bool all_tsns)
{
	double begun;

	begin((struct sctp_limits){ 0 });
	for (unsigned i = 0; i < streams; i++)
		data(BUILD_BE, 100 + i, (uint16_t)i, 0, "x");
	begun = now_s();
	for (uint32_t i = 1; i <= 2000; i++) {
		if (all_tsns)
			sctp_streams_restart_request(&s, i);
		else
			sctp_streams_reset_request(g, &s, i, 99 + streams, BYTES_LIT(""));
	}
	return now_s() - begun;
}

static void test_cost(void)
{
	quiet = true;
	for (unsigned kind = 0; kind < 2; kind++) {
		double few = 1e9, many = 1e9;

		check_case(kind ? "so does one for all TSNs"
				: "a request for a reset of all streams takes as long for 1,024 "
				  "of them as for one");
		/* the least of each, until it fits: others work here too */
		for (unsigned i = 0; i < 3 || (many > 8 * few && i < 12); i++) {
			double t = requests(1, kind);

			few = t < few ? t : few;
			t = requests(1024, kind);
			many = t < many ? t : many;
		}
		CHECK(many <= 8 * few); /* a walk over them: more than a hundred times */
	}
	quiet = false;
}

int main(void)
{
	poison_all();
	test_reset();
	test_reset_again();
	test_restart();
	test_restart_gaps();
	test_jump();
	test_cost();
	return check_end();
}
