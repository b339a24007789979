/* Tests of libcommon/net/sctp.c and crc32c.c: associations, tags, orders, checksums. Malloc is off.
 */
#include "tests/unit/check.h"

#include "libcommon/net/crc32c.h"
#include "tests/unit/poison.h"
#include "tests/unit/sctp_build.h"

enum { A, B };
enum { TAG_A = 0xaaaa0001, TAG_B = 0xbbbb0002 };

static struct sctp_assoc t;
static struct sctp_result r;
static struct sctp_build b;

static void fresh(void)
{
	t = (struct sctp_assoc){ 0 };
	b.len = 0;
}

/* Sends what was built. */
static enum sctp_verdict send(unsigned dir, uint32_t tag)
{
	struct sctp_packet p = { .tag = tag, .chunks = BYTES(b.at, b.len) };

	sctp_assoc_input(&t, dir, &p, &r);
	b.len = 0;
	return r.verdict;
}

static enum sctp_verdict one(unsigned dir, uint32_t tag, uint8_t type, uint8_t flags, size_t len)
{
	static const uint8_t zero[64];

	b.len = 0;
	build_chunk(&b, type, flags, zero, len);
	return send(dir, tag);
}

static bool raised(enum sctp_anomaly a)
{
	return r.anomalies >> a & 1;
}

static void open_to(enum sctp_state state)
{
	fresh();
	if (state >= SCTP_S_INIT) {
		build_init(&b, SCTP_INIT, TAG_A, 4, 9, 100);
		send(A, 0);
	}
	if (state >= SCTP_S_INIT_ACK) {
		build_init(&b, SCTP_INIT_ACK, TAG_B, 4, 2, 900);
		send(B, TAG_A);
	}
	if (state >= SCTP_S_COOKIE)
		one(A, TAG_B, SCTP_COOKIE_ECHO, 0, 8);
	if (state >= SCTP_S_ESTABLISHED)
		one(B, TAG_A, SCTP_COOKIE_ACK, 0, 0);
	if (state >= SCTP_S_SHUTDOWN)
		one(A, TAG_B, SCTP_SHUTDOWN, 0, 4);
	if (state >= SCTP_S_SHUTDOWN_ACK)
		one(B, TAG_A, SCTP_SHUTDOWN_ACK, 0, 0);
	if (state >= SCTP_S_CLOSED)
		one(A, TAG_B, SCTP_SHUTDOWN_COMPLETE, 0, 0);
}

static enum sctp_verdict data(unsigned dir, uint32_t tag, uint16_t sid)
{
	b.len = 0;
	build_data(&b, BUILD_BE, 100, sid, 0, 0, "hello", 5);
	return send(dir, tag);
}

static void test_life(void)
{
	check_case("an association opens, carries data and closes without an anomaly");
	fresh();
	build_init(&b, SCTP_INIT, TAG_A, 4, 4, 100);
	CHECK_EQ(send(A, 0), SCTP_NO_DATA);
	CHECK_EQ(r.flags, SCTP_R_TSN);
	CHECK_EQ(r.initial_tsn, 100);
	CHECK_EQ(t.state, SCTP_S_INIT);
	build_init(&b, SCTP_INIT_ACK, TAG_B, 4, 2, 900);
	CHECK_EQ(send(B, TAG_A), SCTP_NO_DATA);
	CHECK_EQ(r.initial_tsn, 900);
	CHECK_EQ(sctp_phase(&t), SCTP_OPENING);
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, "cookie", 6);
	build_data(&b, BUILD_BE, 100, 0, 0, 0, "hello", 5);
	CHECK_EQ(send(A, TAG_B), SCTP_DELIVER);
	CHECK_EQ(r.data_chunks, 1);
	CHECK_EQ(r.data_bytes, 5);
	CHECK_EQ(r.chunks, 2);
	CHECK_EQ(r.flags, 0);
	CHECK_EQ(one(B, TAG_A, SCTP_COOKIE_ACK, 0, 0), SCTP_NO_DATA);
	CHECK_EQ(r.flags, SCTP_R_ESTABLISHED);
	CHECK_EQ(sctp_phase(&t), SCTP_OPEN);
	CHECK_EQ(data(B, TAG_A, 1), SCTP_DELIVER);
	CHECK_EQ(one(A, TAG_B, SCTP_SHUTDOWN, 0, 4), SCTP_NO_DATA);
	CHECK_EQ(r.flags, SCTP_R_CLOSING);
	CHECK_EQ(data(B, TAG_A, 1), SCTP_DELIVER); /* what was still to be sent */
	CHECK_EQ(r.anomalies, 0);
	CHECK_EQ(one(B, TAG_A, SCTP_SHUTDOWN_ACK, 0, 0), SCTP_NO_DATA);
	CHECK_EQ(one(A, TAG_B, SCTP_SHUTDOWN_COMPLETE, 0, 0), SCTP_NO_DATA);
	CHECK_EQ(r.flags, SCTP_R_CLOSED);
	CHECK_EQ(r.anomalies, 0);
	CHECK_EQ(sctp_phase(&t), SCTP_OVER);
	CHECK(!strcmp(sctp_state_name(t.state), "closed"));

	check_case("no step of the opening and closing raises an anomaly");
	for (unsigned s = SCTP_S_INIT; s <= SCTP_S_CLOSED; s++) {
		open_to(s);
		CHECK_EQ(t.state, s);
		CHECK_EQ(r.anomalies, 0);
	}

	check_case("a state fits into a cache line");
	CHECK(sizeof(struct sctp_assoc) <= 64);

	check_case("a repeated INIT, INIT ACK or COOKIE ECHO changes nothing");
	open_to(SCTP_S_COOKIE);
	build_init(&b, SCTP_INIT, TAG_A, 4, 4, 100);
	send(A, 0);
	CHECK_EQ(r.anomalies, 0);
	build_init(&b, SCTP_INIT_ACK, TAG_B, 4, 2, 900);
	send(B, TAG_A);
	CHECK_EQ(r.anomalies, 0);
	one(A, TAG_B, SCTP_COOKIE_ECHO, 0, 8);
	CHECK_EQ(r.anomalies, 0);
	CHECK_EQ(t.state, SCTP_S_COOKIE);

	check_case("data or a SACK shows that the COOKIE ACK was missed");
	open_to(SCTP_S_COOKIE);
	CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
	CHECK_EQ(r.flags, SCTP_R_ESTABLISHED);
	CHECK_EQ(r.anomalies, 0);
	open_to(SCTP_S_COOKIE);
	one(B, TAG_A, SCTP_SACK, 0, 12);
	CHECK_EQ(r.flags, SCTP_R_ESTABLISHED);

	check_case("a SACK shows that all of the opening was missed behind the INIT");
	for (unsigned i = 0; i < 2; i++) {
		open_to(i ? SCTP_S_INIT_ACK : SCTP_S_INIT);
		data(A, TAG_B, 0);
		CHECK_EQ(one(B, TAG_A, SCTP_SACK, 0, 12), SCTP_NO_DATA);
		CHECK_EQ(r.flags, SCTP_R_ESTABLISHED);
		CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
		CHECK_EQ(r.anomalies, 0);
		CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
		CHECK_EQ(r.anomalies, 0);
	}

	check_case("what came before the INIT ACK, of one who can't know its tag, misleads nobody");
	for (unsigned i = 0; i < 2; i++) {
		open_to(SCTP_S_INIT);
		one(A, 0x666, i ? SCTP_SACK : SCTP_COOKIE_ACK, 0, 12);
		build_init(&b, SCTP_INIT_ACK, TAG_B, 4, 2, 900);
		CHECK_EQ(send(B, TAG_A), SCTP_NO_DATA);
		CHECK_EQ(r.flags, SCTP_R_TSN);
		CHECK_EQ(r.anomalies, 0);
		build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
		build_data(&b, BUILD_BE, 100, 0, 0, 0, "hello", 5);
		CHECK_EQ(send(A, TAG_B), SCTP_DELIVER);
		one(B, TAG_A, SCTP_COOKIE_ACK, 0, 0);
		CHECK_EQ(t.state, SCTP_S_ESTABLISHED);
		CHECK_EQ(r.anomalies, 0);
		CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
	}
	build_init(&b, SCTP_INIT_ACK, 0x666, 4, 2, 900);
	send(B, TAG_A);
	CHECK(raised(SCTP_A_INIT_ACK_UNEXPECTED));
	for (unsigned i = 0; i < 2; i++) { /* where it is the answer to an INIT sent again */
		open_to(SCTP_S_INIT);
		one(A, TAG_B, i ? SCTP_SACK : SCTP_COOKIE_ECHO, 0, 12);
		if (i)
			one(B, TAG_A, SCTP_SACK, 0, 12);
		build_init(&b, SCTP_INIT_ACK, 0x666, 4, 2, 900);
		send(B, TAG_A);
		CHECK(raised(SCTP_A_INIT_ACK_UNEXPECTED));
		CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
	}

	check_case("both sides may send an INIT at once, and a SHUTDOWN");
	open_to(SCTP_S_INIT);
	build_init(&b, SCTP_INIT, TAG_B, 4, 4, 900);
	send(B, 0);
	CHECK_EQ(r.anomalies, 1u << SCTP_A_SIMULTANEOUS_OPEN);
	build_init(&b, SCTP_INIT_ACK, TAG_B, 4, 4, 900);
	send(B, TAG_A);
	CHECK_EQ(r.anomalies, 0);
	CHECK_EQ(t.state, SCTP_S_INIT_ACK);
	one(A, TAG_B, SCTP_COOKIE_ECHO, 0, 8);
	one(B, TAG_A, SCTP_COOKIE_ACK, 0, 0);
	CHECK_EQ(r.anomalies, 0);
	one(A, TAG_B, SCTP_SHUTDOWN, 0, 4);
	one(B, TAG_A, SCTP_SHUTDOWN, 0, 4);
	CHECK_EQ(r.flags, 0);
	one(A, TAG_B, SCTP_SHUTDOWN_ACK, 0, 0);
	one(B, TAG_A, SCTP_SHUTDOWN_ACK, 0, 0);
	one(A, TAG_B, SCTP_SHUTDOWN_COMPLETE, 0, 0);
	CHECK_EQ(r.anomalies, 0);
	CHECK_EQ(t.state, SCTP_S_CLOSED);
}

static void test_tags(void)
{
	check_case("T18: a packet with another verification tag does not count");
	open_to(SCTP_S_ESTABLISHED);
	CHECK_EQ(data(A, TAG_A, 0), SCTP_BAD_TAG);
	CHECK(raised(SCTP_A_BAD_TAG));
	CHECK_EQ(r.event[SCTP_A_BAD_TAG], SCTP_DATA);
	CHECK_EQ(r.state[SCTP_A_BAD_TAG], SCTP_S_ESTABLISHED);
	CHECK_EQ(one(B, TAG_B, SCTP_SHUTDOWN, 0, 4), SCTP_BAD_TAG);
	for (unsigned i = 0; i < 10; i++)
		CHECK_EQ(data(A, 77, 0), SCTP_BAD_TAG);
	CHECK_EQ(t.state, SCTP_S_ESTABLISHED);

	check_case("T18: an ABORT needs its receiver's tag, or with the T bit its sender's");
	for (unsigned reflected = 0; reflected < 2; reflected++) {
		open_to(SCTP_S_ESTABLISHED);
		CHECK_EQ(one(A, reflected ? TAG_B : TAG_A, SCTP_ABORT, (uint8_t)reflected, 0),
			 SCTP_BAD_TAG);
		CHECK(raised(SCTP_A_ABORT_BAD_TAG));
		CHECK_EQ(one(A, 0, SCTP_ABORT, (uint8_t)reflected, 0), SCTP_BAD_TAG);
		CHECK_EQ(t.state, SCTP_S_ESTABLISHED);
		CHECK_EQ(one(A, reflected ? TAG_A : TAG_B, SCTP_ABORT, (uint8_t)reflected, 0),
			 SCTP_NO_DATA);
		CHECK_EQ(r.flags, SCTP_R_ABORT);
		CHECK_EQ(t.state, SCTP_S_ABORTED);
	}

	check_case("RFC 9260 3.3.7: an ABORT whose causes have a format error is discarded");
	for (unsigned i = 0; i < 5; i++) {
		static const struct {
			const char *causes;
			size_t len;
			bool sound;
		} aborts[] = {
			{ "\0\14\0\4", 4, true },  { "\0\14\0\5x\0\0\0\0\15\0\5x", 13, true },
			{ "\0\14\0\3", 4, false }, { "\0\14\0\10", 4, false },
			{ "\0\14", 2, false },
		};

		open_to(SCTP_S_ESTABLISHED);
		build_chunk(&b, SCTP_ABORT, 0, aborts[i].causes, aborts[i].len);
		build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
		CHECK_EQ(send(A, TAG_B), SCTP_NO_DATA);
		CHECK_EQ(t.state, aborts[i].sound ? SCTP_S_ABORTED : SCTP_S_ESTABLISHED);
		CHECK_EQ(r.flags, aborts[i].sound ? SCTP_R_ABORT : 0);
		CHECK_EQ(r.anomalies, aborts[i].sound ? 0 : 1u << SCTP_A_CHUNK_LENGTH);
	}
	build_chunk(&b, SCTP_ABORT, 0, "\0\14\0\10abcd", 8);
	sctp_assoc_input(&t, A,
			 &(struct sctp_packet){
				 .tag = TAG_B, .chunks = BYTES(b.at, b.len - 2), .snapped = true },
			 &r);
	CHECK_EQ(r.flags, SCTP_R_ABORT);
	CHECK_EQ(r.anomalies, 0);

	check_case("an INIT that is refused by an ABORT is over");
	open_to(SCTP_S_INIT);
	CHECK_EQ(one(B, TAG_A, SCTP_ABORT, 0, 0), SCTP_NO_DATA);
	CHECK_EQ(r.flags, SCTP_R_ABORT);

	check_case("data in front of an ABORT counts, behind it does not");
	open_to(SCTP_S_ESTABLISHED);
	build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
	build_chunk(&b, SCTP_ABORT, 0, NULL, 0);
	build_data(&b, BUILD_BE, 101, 0, 1, 0, "x", 1);
	CHECK_EQ(send(A, TAG_B), SCTP_DELIVER);
	CHECK_EQ(r.data_chunks, 1);
	CHECK_EQ(r.flags, SCTP_R_ABORT);

	open_to(SCTP_S_ESTABLISHED);
	build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
	build_chunk(&b, SCTP_ABORT, 1, NULL, 0);
	build_data(&b, BUILD_BE, 101, 0, 1, 0, "x", 1);
	CHECK_EQ(send(A, TAG_B), SCTP_DELIVER);
	CHECK_EQ(r.data_chunks, 1);
	CHECK(raised(SCTP_A_ABORT_BAD_TAG));
	CHECK_EQ(t.state, SCTP_S_ESTABLISHED);
	one(A, TAG_B, SCTP_ABORT, 0, 0);

	check_case("after the end data is reported and does not count");
	CHECK_EQ(data(A, TAG_B, 0), SCTP_AFTER_ABORT);
	CHECK(raised(SCTP_A_DATA_AFTER_CLOSE));
	open_to(SCTP_S_CLOSED);
	CHECK_EQ(data(A, TAG_B, 0), SCTP_AFTER_CLOSE);
	CHECK_EQ(one(A, TAG_B, SCTP_SHUTDOWN_COMPLETE, 0, 0), SCTP_AFTER_CLOSE);
	CHECK_EQ(r.anomalies, 0);

	check_case(
		"from the middle on the tags are learnt, and an ABORT with none known is refused");
	fresh();
	CHECK_EQ(one(A, TAG_B, SCTP_ABORT, 0, 0), SCTP_BAD_TAG);
	CHECK_EQ(r.anomalies, 0); /* the answer to an INIT, perhaps */
	CHECK_EQ(one(A, TAG_A, SCTP_ABORT, 1, 0), SCTP_BAD_TAG);
	CHECK_EQ(one(A, TAG_A, SCTP_SHUTDOWN_COMPLETE, 1, 0), SCTP_BAD_TAG);
	CHECK_EQ(r.anomalies, 0);
	CHECK_EQ(one(A, 0, SCTP_ABORT, 0, 0), SCTP_BAD_TAG);
	CHECK(raised(SCTP_A_ABORT_BAD_TAG));
	CHECK_EQ(data(A, TAG_B, 500), SCTP_DELIVER);
	CHECK_EQ(r.flags, SCTP_R_MIDSTREAM);
	CHECK_EQ(r.anomalies, 0);
	CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
	CHECK_EQ(data(A, 5, 0), SCTP_BAD_TAG);
	CHECK_EQ(one(B, 5, SCTP_ABORT, 0, 0), SCTP_BAD_TAG);
	CHECK_EQ(one(B, TAG_A, SCTP_ABORT, 0, 0), SCTP_NO_DATA);
	CHECK_EQ(t.state, SCTP_S_ABORTED);

	check_case("what was learnt from one wrong packet is mended by four right ones");
	fresh();
	data(A, 666, 0);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(data(A, TAG_B, 0), SCTP_BAD_TAG);
	CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
	CHECK_EQ(r.flags, SCTP_R_MIDSTREAM | SCTP_R_RESYNC);
	CHECK(raised(SCTP_A_RESYNC));
	CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
	CHECK_EQ(r.anomalies, 0);
	for (unsigned i = 0; i < 10; i++) /* but not by ABORTs, nor by turns */
		CHECK_EQ(one(A, 777, SCTP_ABORT, 0, 0), SCTP_BAD_TAG);
	for (unsigned i = 0; i < 12; i++)
		CHECK_EQ(data(A, i % 3 ? 777 : TAG_B, 0), i % 3 ? SCTP_BAD_TAG : SCTP_DELIVER);

	check_case("a bad checksum changes nothing");
	open_to(SCTP_S_ESTABLISHED);
	build_chunk(&b, SCTP_ABORT, 0, NULL, 0);
	sctp_assoc_input(&t, A,
			 &(struct sctp_packet){
				 .tag = TAG_B, .chunks = BYTES(b.at, b.len), .bad_checksum = true },
			 &r);
	CHECK_EQ(r.verdict, SCTP_BAD_CHECKSUM);
	CHECK_EQ(t.state, SCTP_S_ESTABLISHED);
	CHECK(raised(SCTP_A_BAD_CHECKSUM));
}

static void test_order(void)
{
	check_case("an INIT that breaks a rule is not taken");
	fresh();
	build_init(&b, SCTP_INIT, TAG_A, 4, 4, 100);
	CHECK_EQ(send(A, 1), SCTP_BAD_INIT);
	CHECK(raised(SCTP_A_INIT_TAG));
	build_init(&b, SCTP_INIT, 0, 4, 4, 100);
	CHECK_EQ(send(A, 0), SCTP_BAD_INIT);
	CHECK(raised(SCTP_A_INIT_ZERO_TAG));
	build_init(&b, SCTP_INIT, TAG_A, 0, 4, 100);
	CHECK_EQ(send(A, 0), SCTP_BAD_INIT);
	CHECK(raised(SCTP_A_INIT_NO_STREAMS));
	build_init(&b, SCTP_INIT, TAG_A, 4, 4, 100);
	build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
	CHECK_EQ(send(A, 0), SCTP_BAD_INIT);
	CHECK(raised(SCTP_A_INIT_BUNDLED));
	CHECK_EQ(r.data_chunks, 0);
	CHECK_EQ(one(A, 0, SCTP_INIT, 0, 12), SCTP_BAD_INIT);
	CHECK(raised(SCTP_A_CHUNK_LENGTH));
	CHECK_EQ(t.state, SCTP_S_NONE);

	check_case("an INIT inside an association is reported and changes nothing");
	open_to(SCTP_S_ESTABLISHED);
	build_init(&b, SCTP_INIT, 0xcafe, 4, 4, 7);
	send(A, 0);
	CHECK(raised(SCTP_A_INIT_UNEXPECTED));
	CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
	CHECK_EQ(data(B, 0xcafe, 0), SCTP_BAD_TAG);

	check_case("an INIT ACK or COOKIE ACK that nothing asked for is reported");
	open_to(SCTP_S_ESTABLISHED);
	build_init(&b, SCTP_INIT_ACK, 0xcafe, 4, 4, 7);
	send(B, TAG_A);
	CHECK(raised(SCTP_A_INIT_ACK_UNEXPECTED));
	open_to(SCTP_S_INIT_ACK);
	one(B, TAG_A, SCTP_COOKIE_ACK, 0, 0);
	CHECK(raised(SCTP_A_COOKIE_ACK_UNEXPECTED));

	check_case("a COOKIE ECHO is reported where no INIT ACK was, or where it is not first");
	open_to(SCTP_S_INIT);
	one(B, TAG_A, SCTP_ERROR, 0, 4);
	one(A, 0x1234, SCTP_COOKIE_ECHO, 0, 4);
	CHECK(raised(SCTP_A_COOKIE_ECHO_UNEXPECTED));
	open_to(SCTP_S_INIT_ACK);
	build_chunk(&b, SCTP_SACK, 0, NULL, 0);
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
	send(A, TAG_B);
	CHECK(raised(SCTP_A_COOKIE_ECHO_NOT_FIRST));

	check_case("of one side only, the other's half of the opening is not missed");
	open_to(SCTP_S_INIT);
	one(A, TAG_B, SCTP_COOKIE_ECHO, 0, 4);
	CHECK_EQ(r.anomalies, 0);
	CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
	CHECK_EQ(r.anomalies, 0);
	CHECK_EQ(sctp_phase(&t), SCTP_OPEN);

	check_case("the second of two INIT ACKs counts where the COOKIE ECHO has its tag");
	open_to(SCTP_S_INIT_ACK);
	build_init(&b, SCTP_INIT_ACK, 0xbeef, 4, 4, 7000);
	send(B, TAG_A);
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
	CHECK(!sctp_is_reuse(&t, A,
			     &(struct sctp_packet){ .tag = 0xbeef, .chunks = BYTES(b.at, b.len) }));
	CHECK_EQ(one(A, 0xbeef, SCTP_COOKIE_ECHO, 0, 4), SCTP_NO_DATA);
	CHECK_EQ(r.flags, SCTP_R_TSN_PEER);
	CHECK_EQ(r.initial_tsn_peer, 7000);
	CHECK_EQ(data(A, 0xbeef, 0), SCTP_DELIVER);

	check_case("an INIT that was sent again with another tag opens the same association");
	open_to(SCTP_S_INIT);
	build_init(&b, SCTP_INIT, 0xa2, 4, 4, 7);
	send(A, 0);
	CHECK_EQ(r.anomalies, 1u << SCTP_A_INIT_CHANGED);
	build_init(&b, SCTP_INIT_ACK, 0xb2, 4, 4, 77);
	CHECK_EQ(send(B, 0xa2), SCTP_NO_DATA);
	CHECK_EQ(r.anomalies, 0);
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
	CHECK(!sctp_is_reuse(&t, A,
			     &(struct sctp_packet){ .tag = 0xb2, .chunks = BYTES(b.at, b.len) }));
	CHECK_EQ(send(A, 0xb2), SCTP_NO_DATA);
	CHECK_EQ(r.anomalies, 0);
	CHECK_EQ(r.initial_tsn, 7);
	CHECK_EQ(r.initial_tsn_peer, 77);
	CHECK_EQ(one(B, 0xa2, SCTP_COOKIE_ACK, 0, 0), SCTP_NO_DATA);
	CHECK_EQ(r.flags, SCTP_R_ESTABLISHED);

	check_case("data before the COOKIE ECHO, empty, or on a stream too far is reported");
	open_to(SCTP_S_INIT_ACK);
	CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
	CHECK(raised(SCTP_A_DATA_BEFORE_ESTABLISHED));
	open_to(SCTP_S_ESTABLISHED);
	CHECK_EQ(data(A, TAG_B, 1), SCTP_DELIVER);
	CHECK_EQ(r.anomalies, 0);
	data(A, TAG_B, 2); /* B takes two */
	CHECK(raised(SCTP_A_DATA_BAD_STREAM));
	data(B, TAG_A, 3);
	CHECK_EQ(r.anomalies, 0);
	data(B, TAG_A, 4); /* it asked for four itself */
	CHECK(raised(SCTP_A_DATA_BAD_STREAM));
	build_data(&b, BUILD_BE, 100, 0, 0, 0, "", 0);
	CHECK_EQ(send(A, TAG_B), SCTP_NO_DATA);
	CHECK(raised(SCTP_A_DATA_EMPTY));

	check_case("a SHUTDOWN out of turn is reported, and data from who has sent one");
	open_to(SCTP_S_INIT_ACK);
	one(A, TAG_B, SCTP_SHUTDOWN, 0, 4);
	CHECK(raised(SCTP_A_SHUTDOWN_ORDER));
	open_to(SCTP_S_ESTABLISHED);
	one(A, TAG_B, SCTP_SHUTDOWN_ACK, 0, 0);
	CHECK(raised(SCTP_A_SHUTDOWN_ORDER));
	one(A, TAG_B, SCTP_SHUTDOWN_COMPLETE, 0, 0);
	CHECK(raised(SCTP_A_SHUTDOWN_ORDER));
	CHECK_EQ(t.state, SCTP_S_ESTABLISHED);
	open_to(SCTP_S_SHUTDOWN);
	CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
	CHECK(raised(SCTP_A_DATA_AFTER_SHUTDOWN));
	one(A, TAG_B, SCTP_SHUTDOWN, 0, 8);
	CHECK_EQ(r.anomalies, 1u << SCTP_A_CHUNK_LENGTH);
	one(A, TAG_B, SCTP_SHUTDOWN_COMPLETE, 0, 0);
	CHECK_EQ(r.anomalies, 1u << SCTP_A_SHUTDOWN_ORDER);
	CHECK_EQ(t.state, SCTP_S_SHUTDOWN); /* RFC 9260 9.2: it is discarded */
	CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
	CHECK_EQ(r.anomalies, 0);
	one(B, TAG_A, SCTP_SHUTDOWN_ACK, 0, 0);
	one(A, TAG_B, SCTP_SHUTDOWN_COMPLETE, 0, 0);
	CHECK_EQ(t.state, SCTP_S_CLOSED);
	open_to(SCTP_S_SHUTDOWN_ACK);
	one(B, TAG_A, SCTP_SHUTDOWN, 0, 4);
	CHECK(raised(SCTP_A_SHUTDOWN_ORDER));

	check_case("of one side only, the other's half of the end is not missed");
	fresh();
	data(B, TAG_A, 0);
	one(B, TAG_A, SCTP_SHUTDOWN_ACK, 0, 0);
	CHECK_EQ(r.flags, SCTP_R_CLOSING | SCTP_R_MIDSTREAM);
	CHECK_EQ(r.anomalies, 0);
	fresh();
	data(A, TAG_B, 0);
	one(A, TAG_B, SCTP_SHUTDOWN, 0, 4);
	one(A, TAG_B, SCTP_SHUTDOWN_COMPLETE, 0, 0);
	CHECK_EQ(r.flags, SCTP_R_CLOSED | SCTP_R_MIDSTREAM);
	CHECK_EQ(r.anomalies, 0);
}

/* A RE-CONFIG chunk of one parameter: a request for `n` more streams, or the answer to one. */
static void reconfig(unsigned dir, uint16_t type, uint32_t request, uint32_t n)
{
	uint8_t v[12] = { 0, (uint8_t)type, 0, 12 };

	be32_put(v + 4, request);
	be32_put(v + 8, type == SCTP_RESPONSE ? n : n << 16);
	build_chunk(&b, SCTP_RE_CONFIG, 0, v, sizeof(v));
	send(dir, dir == A ? TAG_B : TAG_A);
}

static bool may_use(unsigned dir, uint16_t sid)
{
	data(dir, dir == A ? TAG_B : TAG_A, sid);
	return !raised(SCTP_A_DATA_BAD_STREAM);
}

static void test_more_streams(void)
{
	uint8_t v[36] = { 0 };

	check_case("RFC 6525: streams that were asked for may be used once they are granted");
	open_to(SCTP_S_ESTABLISHED); /* A may use two */
	reconfig(A, SCTP_ADD_OUTGOING, 0, 3);
	CHECK(!may_use(A, 2));
	reconfig(B, SCTP_RESPONSE, 1, SCTP_PERFORMED); /* to another request */
	reconfig(B, SCTP_RESPONSE, 0, SCTP_IN_PROGRESS);
	CHECK(!may_use(A, 2));
	reconfig(B, SCTP_RESPONSE, 0, SCTP_PERFORMED);
	CHECK(may_use(A, 4) && !may_use(A, 5));
	CHECK(may_use(B, 3) && !may_use(B, 4)); /* each way for itself */

	check_case("RFC 6525: a request that comes again adds no more, nor does its answer");
	reconfig(A, SCTP_ADD_OUTGOING, 0, 3);
	reconfig(B, SCTP_RESPONSE, 0, SCTP_PERFORMED);
	CHECK(!may_use(A, 5));

	check_case("RFC 6525: what is refused, or asked of the peer, adds none");
	reconfig(A, SCTP_ADD_OUTGOING, 1, 3);
	reconfig(B, SCTP_RESPONSE, 1, 2);
	reconfig(B, SCTP_RESPONSE, 1, SCTP_PERFORMED);
	reconfig(B, SCTP_ADD_INCOMING, 7, 3);
	reconfig(A, SCTP_RESPONSE, 7, SCTP_PERFORMED);
	CHECK(!may_use(A, 5));
	reconfig(A, SCTP_ADD_OUTGOING, 2, 65535);
	reconfig(B, SCTP_RESPONSE, 2, SCTP_PERFORMED);
	CHECK(may_use(A, 65534));

	check_case("RFC 6525 3.1: of a RE-CONFIG chunk two parameters count");
	open_to(SCTP_S_ESTABLISHED);
	for (unsigned request = 0; request < 3; request++) {
		be16_put(v + 12 * request, SCTP_ADD_OUTGOING);
		be16_put(v + 12 * request + 2, 12);
		be32_put(v + 12 * request + 4, request);
		be16_put(v + 12 * request + 8, 1);
	}
	build_chunk(&b, SCTP_RE_CONFIG, 0, v, sizeof(v));
	send(A, TAG_B);
	reconfig(B, SCTP_RESPONSE, 2, SCTP_PERFORMED);
	CHECK(!may_use(A, 2));
	reconfig(B, SCTP_RESPONSE, 1, SCTP_PERFORMED);
	CHECK(may_use(A, 2) && !may_use(A, 3));

	check_case("RFC 6525: a parameter that does not fit its chunk is reported");
	build_chunk(&b, SCTP_RE_CONFIG, 0, "\0\21\0\377xxxx", 8);
	send(A, TAG_B);
	CHECK(raised(SCTP_A_CHUNK_LENGTH));
}

static void test_lengths(void)
{
	check_case("a chunk that is too short or too long ends the packet there");
	open_to(SCTP_S_ESTABLISHED);
	build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
	memcpy(b.at + b.len, "\6\0\0\3", 4);
	b.len += 4;
	CHECK_EQ(send(A, TAG_B), SCTP_DELIVER);
	CHECK(raised(SCTP_A_CHUNK_LENGTH));
	CHECK_EQ(t.state, SCTP_S_ESTABLISHED);
	build_chunk(&b, SCTP_SACK, 0, NULL, 0);
	be16_put(b.at + 2, 5000);
	send(A, TAG_B);
	CHECK(raised(SCTP_A_CHUNK_LENGTH));
	build_chunk(&b, SCTP_SACK, 0, NULL, 0);
	b.len = 3;
	CHECK_EQ(send(A, TAG_B), SCTP_MALFORMED);
	CHECK_EQ(send(A, TAG_B), SCTP_MALFORMED);

	check_case("RFC 9260 3.2: behind a chunk that nobody knows the packet goes on or ends");
	for (unsigned type = 0; type < 256; type++) {
		open_to(SCTP_S_ESTABLISHED);
		if (sctp_chunk_name((uint8_t)type))
			continue;
		build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
		build_chunk(&b, (uint8_t)type, 0, NULL, 0);
		build_data(&b, BUILD_BE, 101, 0, 1, 0, "y", 1);
		build_chunk(&b, SCTP_ABORT, 0, NULL, 0);
		CHECK_EQ(send(A, TAG_B), SCTP_DELIVER);
		CHECK_EQ(r.data_chunks, type < 0x80 ? 1 : 2);
		CHECK_EQ(t.state, type < 0x80 ? SCTP_S_ESTABLISHED : SCTP_S_ABORTED);
	}

	check_case("one that both sides have to offer is known unless a side is known not to");
	for (unsigned i = 0; i < 15; i++) {
		static const char offer[24] = "\x80\x08\0\7\x82\x10\x40\0\x80\x02\0\x08rand"
					      "\x80\x04\0\6\0\1\0\0";

		fresh();
		build_init_with(&b, SCTP_INIT, TAG_A, 100, offer, i % 5 & 1 ? 0 : 24);
		if (i % 5 < 4)
			send(A, 0);
		b.len = 0;
		build_init_with(&b, SCTP_INIT_ACK, TAG_B, 900, offer, i % 5 & 2 ? 0 : 24);
		if (i % 5 < 4)
			send(B, TAG_A);
		one(A, TAG_B, SCTP_COOKIE_ECHO, 0, 8);
		one(B, TAG_A, SCTP_COOKIE_ACK, 0, 0);
		if (i < 5)
			build_chunk(&b, SCTP_NR_SACK, 0, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
		else if (i < 10)
			build_chunk(&b, SCTP_AUTH, 0, "\0\0\0\1hmac", 8);
		else
			build_i_data(&b, BUILD_BE, 101, 0, 0, 0, "x", 1);
		build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
		CHECK_EQ(send(A, TAG_B), i % 5 % 4 ? SCTP_NO_DATA : SCTP_DELIVER);
		CHECK_EQ(r.anomalies, 0);
	}

	check_case(
		"RFC 4895 6.1: AUTH is offered by a random number and the algorithms, not by less");
	for (unsigned i = 0; i < 4; i++) {
		static const struct bytes offers[] = {
			BYTES_LIT("\x80\x02\0\x08rand\x80\x04\0\6\0\1\0\0"),
			BYTES_LIT("\x80\x02\0\x08rand\x80\x08\0\5\x0f\0\0\0"),
			BYTES_LIT("\x80\x04\0\6\0\1\0\0\x80\x08\0\5\x0f\0\0\0"),
			BYTES_LIT("\x80\x08\0\5\x0f\0\0\0"),
		};

		build_init_with(&b, SCTP_INIT, TAG_A, 100, offers[i].ptr, offers[i].len);
		CHECK_EQ(sctp_lacks(BYTES(b.at, b.len), false) & SCTP_NO_AUTH,
			 i ? SCTP_NO_AUTH : 0);
		b.len = 0;
	}

	check_case("bytes too few for a parameter offer nothing, and hide nothing");
	for (unsigned i = 0; i < 5; i++) {
		build_init_with(&b, SCTP_INIT, TAG_A, 100, "\x80\x08\0\x09", i);
		CHECK_EQ(sctp_lacks(BYTES(b.at, b.len), false) & SCTP_NO_I_DATA,
			 i < 4 ? SCTP_NO_I_DATA : 0);
		b.len = 0;
	}

	check_case("nor does who asks for an association before another one say what that lacks");
	open_to(SCTP_S_INIT_ACK);
	build_init_with(&b, SCTP_INIT, 0xa2, 100, "\x80\x08\0\5\x40\0\0", 8);
	send(A, 0);
	build_init_with(&b, SCTP_INIT_ACK, 0xb2, 900, "\x80\x08\0\5\x40\0\0", 8);
	send(B, 0xa2);
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
	build_i_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1); /* with it, or behind it */
	CHECK_EQ(send(A, 0xb2), SCTP_DELIVER);
	build_i_data(&b, BUILD_BE, 101, 0, 0, 0, "x", 1);
	CHECK_EQ(send(A, 0xb2), SCTP_DELIVER);

	check_case("what the capture lacks is nobody's fault");
	open_to(SCTP_S_ESTABLISHED);
	build_data(&b, BUILD_BE, 100, 0, 0, 0, "abcdefgh", 8);
	sctp_assoc_input(&t, A,
			 &(struct sctp_packet){
				 .tag = TAG_B, .chunks = BYTES(b.at, b.len - 5), .snapped = true },
			 &r);
	CHECK_EQ(r.verdict, SCTP_DELIVER);
	CHECK_EQ(r.data_bytes, 8);
	CHECK_EQ(r.anomalies, 0);

	check_case("the largest packet may have as many chunks of data as fit");
	b.len = 0;
	for (unsigned i = 0; i < (65535 - 20 - 12) / 20; i++)
		build_data(&b, BUILD_BE, i, 0, (uint16_t)i, 0, "x", 1);
	CHECK_EQ(send(A, TAG_B), SCTP_DELIVER);
	CHECK_EQ(r.data_chunks, 3275);
	CHECK_EQ(r.anomalies, 0);

	check_case("T18: behind the 4,096th chunk nothing is looked at");
	for (unsigned i = 0; i < SCTP_CHUNK_LIMIT; i++)
		build_chunk(&b, SCTP_HEARTBEAT_ACK, 0, NULL, 0);
	build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
	CHECK_EQ(send(A, TAG_B), SCTP_NO_DATA);
	CHECK(raised(SCTP_A_TOO_MANY_CHUNKS));

	check_case("the form of a packet is judged whatever its tag");
	for (unsigned i = 0; i <= SCTP_CHUNK_LIMIT; i++)
		build_chunk(&b, SCTP_HEARTBEAT_ACK, 0, NULL, 0);
	CHECK_EQ(send(A, 999), SCTP_BAD_TAG);
	CHECK_EQ(r.anomalies, 1u << SCTP_A_BAD_TAG | 1u << SCTP_A_TOO_MANY_CHUNKS);

	check_case("a first packet that does not count leaves nothing behind");
	fresh();
	CHECK_EQ(data(A, 0, 0), SCTP_BAD_TAG);
	CHECK_EQ(t.state, SCTP_S_NONE);
	build_init(&b, SCTP_INIT, TAG_A, 4, 4, 100);
	send(A, 0);
	CHECK_EQ(r.anomalies, 0);
	CHECK_EQ(r.flags, SCTP_R_TSN);
}

static bool is_reuse(unsigned dir, uint32_t tag)
{
	struct sctp_packet p = { .tag = tag, .chunks = BYTES(b.at, b.len) };

	return sctp_is_reuse(&t, dir, &p);
}

/* What was built shows another association, which takes it. */
static void succeed_by(unsigned dir, uint32_t tag)
{
	struct sctp_packet p = { .tag = tag, .chunks = BYTES(b.at, b.len) };

	CHECK(is_reuse(dir, tag));
	t = sctp_successor(&t, dir, &p);
	send(dir, tag);
}

/* A starts anew with the tag `a`, and B would with `b`; whether the cookie was good nobody tells.
 */
static void restart(uint32_t a, uint32_t b_tag)
{
	build_init(&b, SCTP_INIT, a, 4, 4, 7);
	send(A, 0);
	build_init(&b, SCTP_INIT_ACK, b_tag, 4, 4, 77);
	send(B, a);
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
	succeed_by(A, b_tag);
}

#define AUTHS "\x80\x02\0\x08rand\x80\x04\0\6\0\1\0\0"

static void build_auth(void)
{
	build_chunk(&b, SCTP_AUTH, 0, "\0\0\0\1hmac", 8);
}

static void test_behind_auth(void)
{
	check_case("RFC 4895 6.2: a packet is judged by what is behind an AUTH, which may be all");
	fresh();
	build_init_with(&b, SCTP_INIT, TAG_A, 100, AUTHS, 16);
	send(A, 0);
	build_init_with(&b, SCTP_INIT_ACK, TAG_B, 900, AUTHS, 16);
	send(B, TAG_A);
	build_auth();
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
	CHECK_EQ(send(A, TAG_B), SCTP_NO_DATA);
	CHECK_EQ(r.anomalies, 0);
	build_auth();
	build_chunk(&b, SCTP_COOKIE_ACK, 0, NULL, 0);
	CHECK_EQ(send(B, TAG_A), SCTP_NO_DATA);
	build_auth();
	build_chunk(&b, SCTP_ABORT, 1, NULL, 0); /* which says that the tag is A's own */
	CHECK_EQ(send(A, TAG_B), SCTP_NO_DATA);
	CHECK_EQ(t.state, SCTP_S_ESTABLISHED);

	check_case("so with a restart");
	for (unsigned i = 0; i < 4; i++) {
		static const uint8_t first[] = { SCTP_COOKIE_ECHO, SCTP_COOKIE_ACK, SCTP_SACK,
						 SCTP_NR_SACK };
		unsigned by = i ? B : A;

		open_to(SCTP_S_ESTABLISHED);
		build_init_with(&b, SCTP_INIT, 0xa2, 7, AUTHS, 16);
		send(A, 0);
		build_init_with(&b, SCTP_INIT_ACK, 0xb2, 77, AUTHS, 16);
		send(B, 0xa2);
		build_auth();
		CHECK(!is_reuse(by, by ? 0xa2 : 0xb2));
		build_chunk(&b, first[i], 0, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", i < 2 ? 0 : 16);
		succeed_by(by, by ? 0xa2 : 0xb2);
		CHECK_EQ(r.anomalies, 1u << SCTP_A_RESTART);
		build_auth();
		build_data(&b, BUILD_BE, 7, 0, 0, 0, "x", 1);
		CHECK_EQ(send(A, 0xb2), SCTP_DELIVER);
	}
}

static bool takes_back(uint32_t tag)
{
	bool back;

	build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
	back = is_reuse(A, tag);
	b.len = 0;
	return back;
}

/* Who sends COOKIE ECHOs that its peer does not take hides nothing for long. */
static void test_doubtful_restart(void)
{
	check_case("an INIT and its answer make nobody forget the association before a restart");
	open_to(SCTP_S_ESTABLISHED);
	restart(0xa2, 0xb2);
	build_init(&b, SCTP_INIT, 0xa3, 4, 4, 7);
	send(A, 0);
	build_init(&b, SCTP_INIT_ACK, 0xb3, 4, 4, 77);
	CHECK_EQ(send(B, 0xa3), SCTP_NO_DATA);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(data(A, TAG_B, 0), SCTP_BAD_TAG);
	CHECK(takes_back(TAG_B));

	check_case("nor do restarts back to the tag that the other side goes on to use");
	open_to(SCTP_S_ESTABLISHED);
	restart(0xa2, 0xb2);
	restart(TAG_A, 0xb3);
	CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
	CHECK_EQ(data(A, 0xb3, 0), SCTP_DELIVER);
	restart(0xa4, 0xb4);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(data(A, TAG_B, 0), SCTP_BAD_TAG);
	CHECK(takes_back(TAG_B));

	check_case("nor do more restarts that only one side goes on from");
	open_to(SCTP_S_ESTABLISHED);
	for (uint32_t i = 2; i < 5; i++) {
		restart(0xa0 + i, 0xb0 + i);
		CHECK_EQ(data(A, 0xb0 + i, 0), SCTP_DELIVER);
		CHECK(!takes_back(TAG_B));
		CHECK_EQ(data(A, TAG_B, 0), SCTP_BAD_TAG);
	}
	build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
	succeed_by(A, TAG_B);
	CHECK_EQ(r.verdict, SCTP_DELIVER);
	CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
	CHECK_EQ(r.anomalies, 0);

	check_case("where one restart was taken back, the next one is at once");
	restart(0xa2, 0xb2);
	CHECK(takes_back(TAG_B));

	check_case("a restart that both sides go on from is the one that the next one is after");
	open_to(SCTP_S_ESTABLISHED);
	restart(0xa2, 0xb2);
	CHECK_EQ(data(A, TAG_B, 0), SCTP_BAD_TAG); /* late */
	one(B, 0xa2, SCTP_COOKIE_ACK, 0, 0);
	CHECK_EQ(data(A, 0xb2, 0), SCTP_DELIVER);
	restart(0xa3, 0xb3);
	CHECK_EQ(r.initial_tsn, 7);
	CHECK_EQ(r.initial_tsn_peer, 77);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(data(A, TAG_B, 0), SCTP_BAD_TAG);
		CHECK_EQ(data(A, 0xb2, 0), SCTP_BAD_TAG);
	}
	CHECK(!takes_back(TAG_B));
	CHECK(takes_back(0xb2));
}

static void test_opened_again(void)
{
	static const enum sctp_state before[] = { SCTP_S_INIT_ACK, SCTP_S_COOKIE,
						  SCTP_S_ESTABLISHED };

	check_case("RFC 9260 8.4: a cookie is good behind an ABORT of who had no association yet");
	for (unsigned i = 0; i < 6; i++) {
		open_to(before[i / 2]);
		one(i % 2, i % 2 ? TAG_A : TAG_B, SCTP_ABORT, 0, 0);
		CHECK_EQ(t.state, SCTP_S_ABORTED);
		build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
		CHECK(!is_reuse(B, TAG_A + 1));
		CHECK(!is_reuse(A, TAG_B + 1));
		succeed_by(A, TAG_B);
		CHECK_EQ(r.verdict, SCTP_NO_DATA);
		CHECK_EQ(r.anomalies, 1u << SCTP_A_RESTART);
		CHECK_EQ(r.flags, SCTP_R_TSN | SCTP_R_TSN_PEER);
		CHECK_EQ(r.initial_tsn, 100);
		CHECK_EQ(r.initial_tsn_peer, 900);
		CHECK_EQ(one(B, TAG_A, SCTP_COOKIE_ACK, 0, 0), SCTP_NO_DATA);
		CHECK_EQ(r.flags, SCTP_R_ESTABLISHED);
		CHECK_EQ(data(A, TAG_B, 1), SCTP_DELIVER);
		CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
		CHECK_EQ(r.anomalies, 0);
		data(A, TAG_B, 2);
		CHECK(raised(SCTP_A_DATA_BAD_STREAM));
	}

	check_case("what was learnt from the middle is opened again without a count");
	fresh();
	data(A, TAG_B, 0);
	one(A, TAG_B, SCTP_ABORT, 0, 0);
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
	succeed_by(A, TAG_B);
	CHECK_EQ(r.flags, SCTP_R_MIDSTREAM);
	CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
}

static void test_going_on(void)
{
	check_case("an ABORT that its receiver never got ends nothing for long");
	for (unsigned i = 0; i < 4; i++) {
		unsigned first = i / 2;

		open_to(i % 2 ? SCTP_S_CLOSED : SCTP_S_ESTABLISHED);
		if (!(i % 2))
			one(A, TAG_B, SCTP_ABORT, 0, 0);
		for (unsigned turn = 0; turn < 4; turn++) {
			unsigned dir = first ^ (turn & 1);

			for (unsigned k = 0; k < 5; k++) {
				build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
				CHECK(!is_reuse(dir, dir ? TAG_A : TAG_B));
				send(dir, dir ? TAG_A : TAG_B);
				CHECK(raised(SCTP_A_DATA_AFTER_CLOSE));
			}
		}
		build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
		CHECK(!is_reuse(first, 0x666));
		succeed_by(first, first ? TAG_A : TAG_B);
		CHECK_EQ(r.verdict, SCTP_DELIVER);
		CHECK_EQ(r.flags, SCTP_R_MIDSTREAM);
		CHECK_EQ(r.anomalies, 0);
		CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
		CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
		CHECK_EQ(r.anomalies, 0);
		CHECK_EQ(data(A, 0x666, 0), SCTP_BAD_TAG);
	}

	check_case(
		"what one side had sent before it got an ABORT, and its answers, go on from none");
	open_to(SCTP_S_ESTABLISHED);
	one(A, TAG_B, SCTP_ABORT, 0, 0);
	for (unsigned i = 0; i < 20; i++) {
		build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
		CHECK(!is_reuse(B, TAG_A));
		CHECK_EQ(send(B, TAG_A), SCTP_AFTER_ABORT);
		build_chunk(&b, SCTP_ABORT, 1, NULL, 0);
		CHECK(!is_reuse(A, TAG_A));
		CHECK_EQ(send(A, TAG_A), SCTP_AFTER_ABORT);
	}
}

/* The `n`th INIT of A, and its answer. */
static void ask(unsigned n)
{
	build_init(&b, SCTP_INIT, 0xa0 + n, 4, 4, 10 * n);
	send(A, 0);
	build_init(&b, SCTP_INIT_ACK, 0xb0 + n, 4, 4, 1000 * n);
	send(B, 0xa0 + n);
}

#define I_DATA "\x80\x08\0\5\x40\0\0"

/* Which of three INITs and cookies counts. */
static void test_many_inits(void)
{
	check_case("of any number of INITs that one opens whose COOKIE ECHO is answered");
	for (unsigned lives = 0; lives < 2; lives++) {
		for (unsigned i = 1; i <= 3; i++) {
			uint32_t tag_a = 0xa0 + i, tag_b = 0xb0 + i;

			open_to(lives ? SCTP_S_ESTABLISHED : SCTP_S_NONE);
			for (unsigned n = 1; n <= 3; n++)
				ask(n);
			build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
			if (is_reuse(A, tag_b))
				succeed_by(A, tag_b);
			else
				send(A, tag_b);
			build_chunk(&b, SCTP_COOKIE_ACK, 0, NULL, 0);
			if (is_reuse(B, tag_a))
				succeed_by(B, tag_a);
			else
				send(B, tag_a);
			CHECK_EQ(r.flags & SCTP_R_ESTABLISHED, SCTP_R_ESTABLISHED);
			CHECK_EQ(data(A, tag_b, 0), SCTP_DELIVER);
			CHECK_EQ(data(B, tag_a, 0), SCTP_DELIVER);
			CHECK_EQ(r.anomalies, 0);
		}
	}

	check_case("an INIT between the answer to another and its COOKIE ECHO misleads nobody");
	fresh();
	ask(1);
	ask(2);
	build_init(&b, SCTP_INIT, 0xa3, 4, 4, 30);
	send(A, 0);
	CHECK_EQ(one(A, 0xb2, SCTP_COOKIE_ECHO, 0, 8), SCTP_BAD_TAG);
	build_chunk(&b, SCTP_COOKIE_ACK, 0, NULL, 0);
	succeed_by(B, 0xa2);
	CHECK_EQ(r.flags, SCTP_R_ESTABLISHED); /* the TSNs are not known */
	CHECK_EQ(data(A, 0xb2, 0), SCTP_DELIVER);
	CHECK_EQ(data(B, 0xa2, 0), SCTP_DELIVER);

	check_case("of an INIT that comes again any answer may be the one whose cookie is sent");
	for (unsigned i = 0; i < 3; i++) {
		fresh();
		ask(1);
		for (unsigned n = 2; n <= 3; n++) {
			build_init(&b, SCTP_INIT_ACK, 0xb0 + n, 4, 4, 1000 * n);
			send(B, 0xa1);
		}
		if (i > 0) /* a cookie that is not good */
			one(A, 0xb1, SCTP_COOKIE_ECHO, 0, 8);
		if (i > 1)
			one(B, 0xb1, SCTP_ABORT, 1, 0);
		CHECK_EQ(one(A, 0xb2, SCTP_COOKIE_ECHO, 0, 8), SCTP_BAD_TAG);
		build_chunk(&b, SCTP_COOKIE_ACK, 0, NULL, 0);
		succeed_by(B, 0xa1);
		CHECK_EQ(r.flags, SCTP_R_TSN_PEER | SCTP_R_ESTABLISHED);
		CHECK_EQ(r.initial_tsn_peer, 10);
		CHECK_EQ(data(A, 0xb2, 0), SCTP_DELIVER);
		CHECK_EQ(data(B, 0xa1, 0), SCTP_DELIVER);
	}

	check_case("of INITs with one tag and several TSNs that counts whose cookie is sent");
	for (unsigned i = 0; i < 4; i++) {
		bool second = i & 1, late = i & 2;

		open_to(late ? SCTP_S_INIT_ACK : SCTP_S_INIT);
		build_init(&b, SCTP_INIT, TAG_A, 4, 9, 100);
		send(A, 0);
		CHECK_EQ(r.anomalies, 0); /* the same */
		build_init(&b, SCTP_INIT, TAG_A, 4, 9, 50000);
		send(A, 0);
		CHECK_EQ(r.anomalies, 1u << SCTP_A_INIT_CHANGED);
		if (!late) {
			build_init(&b, SCTP_INIT_ACK, TAG_B, 4, 2, 900);
			send(B, TAG_A);
		}
		build_init(&b, SCTP_INIT_ACK, 0xb2, 4, 2, 77);
		send(B, TAG_A);
		CHECK_EQ(r.anomalies, 0);
		CHECK_EQ(one(A, second ? 0xb2 : TAG_B, SCTP_COOKIE_ECHO, 0, 8), SCTP_NO_DATA);
		CHECK_EQ(r.flags, second ? SCTP_R_TSN | SCTP_R_TSN_PEER : 0);
		CHECK_EQ(r.initial_tsn, second ? 50000 : 0);
		CHECK_EQ(one(B, TAG_A, SCTP_COOKIE_ACK, 0, 0), SCTP_NO_DATA);
		CHECK_EQ(data(A, second ? 0xb2 : TAG_B, 0), SCTP_DELIVER);
		CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
		CHECK_EQ(r.anomalies, 0);
		build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0); /* 5.2.4: nor the other one later */
		CHECK(!is_reuse(A, second ? TAG_B : 0xb2));
		b.len = 0;
	}

	check_case("RFC 9260 5.2.1: of one who sent both, the INIT ACK tells, not the INIT");
	for (unsigned i = 0; i < 4; i++) {
		bool other_first = i & 1, again = i & 2;

		fresh();
		build_init_with(&b, SCTP_INIT, TAG_A, 100, I_DATA, 8);
		send(A, 0);
		build_init(&b, SCTP_INIT, TAG_B, 4, 4, 50000);
		send(B, 0);
		if (other_first) {
			build_init_with(&b, SCTP_INIT_ACK, TAG_A, 100, I_DATA, 8);
			send(A, TAG_B);
			CHECK_EQ(r.flags, SCTP_R_TSN);
		}
		build_init_with(&b, SCTP_INIT_ACK, TAG_B, 900, I_DATA, 8);
		CHECK_EQ(send(B, TAG_A), SCTP_NO_DATA);
		CHECK_EQ(r.flags, SCTP_R_TSN);
		CHECK_EQ(r.initial_tsn, 900);
		CHECK_EQ(r.anomalies, 0);
		if (again) { /* the first one counts */
			build_init(&b, SCTP_INIT_ACK, TAG_B, 4, 4, 60000);
			CHECK_EQ(send(B, TAG_A), SCTP_NO_DATA);
			CHECK_EQ(r.flags, 0);
		}
		one(A, TAG_B, SCTP_COOKIE_ECHO, 0, 8);
		build_i_data(&b, BUILD_BE, 900, 0, 0, 0, "x", 1);
		CHECK_EQ(send(B, TAG_A), SCTP_DELIVER);
		build_auth(); /* which A does not offer */
		build_chunk(&b, SCTP_ABORT, 0, NULL, 0);
		send(B, TAG_A);
		CHECK_EQ(t.state, SCTP_S_ESTABLISHED);
	}

	check_case("but nobody awaits an INIT ACK who has sent no INIT");
	open_to(SCTP_S_INIT_ACK);
	build_init(&b, SCTP_INIT_ACK, TAG_A, 4, 4, 50000);
	CHECK_EQ(send(A, TAG_B), SCTP_NO_DATA);
	CHECK_EQ(r.flags, 0);

	check_case("so such a one takes the place of no INIT that is kept aside");
	open_to(SCTP_S_INIT_ACK);
	build_init(&b, SCTP_INIT, TAG_A, 4, 4, 50000);
	send(A, 0);
	build_init(&b, SCTP_INIT_ACK, 0xb2, 4, 4, 77);
	send(B, TAG_A);
	build_init(&b, SCTP_INIT_ACK, 0xa2, 4, 4, 60000);
	send(A, TAG_B);
	CHECK_EQ(r.anomalies, 1u << SCTP_A_INIT_ACK_UNEXPECTED);
	CHECK_EQ(one(A, 0xb2, SCTP_COOKIE_ECHO, 0, 8), SCTP_NO_DATA);
	CHECK_EQ(r.flags, SCTP_R_TSN | SCTP_R_TSN_PEER);
	CHECK_EQ(r.initial_tsn, 50000);
	CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);

	check_case("an INIT ACK opens nothing for another INIT than the one that it answers");
	for (unsigned again = 0; again < 2; again++) {
		fresh();
		ask(1);
		ask(2);
		if (again) {
			build_init(&b, SCTP_INIT, 0xa1, 4, 4, 10);
			send(A, 0);
		}
		build_init(&b, SCTP_INIT_ACK, 0xb3, 4, 4, 3000);
		send(B, 0xa1);
		CHECK_EQ(one(A, 0xb3, SCTP_COOKIE_ECHO, 0, 8), SCTP_NO_DATA);
		CHECK_EQ(r.flags, SCTP_R_TSN_PEER);
		CHECK_EQ(one(B, 0xa1, SCTP_COOKIE_ACK, 0, 0), SCTP_NO_DATA);
		CHECK_EQ(data(B, 0xa1, 0), SCTP_DELIVER);
		CHECK_EQ(data(A, 0xb3, 0), SCTP_DELIVER);
	}

	check_case("a COOKIE ECHO made up beside the true one is found out by what comes first");
	open_to(SCTP_S_COOKIE);
	one(A, 0x666, SCTP_COOKIE_ECHO, 0, 8);
	build_chunk(&b, SCTP_COOKIE_ACK, 0, NULL, 0);
	succeed_by(B, TAG_A);
	CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
	CHECK(takes_back(TAG_B));

	check_case("nor is it answered by what was sent before a restart");
	open_to(SCTP_S_ESTABLISHED);
	restart(0xa2, 0xb2);
	one(A, 0x666, SCTP_COOKIE_ECHO, 0, 8);
	build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
	CHECK(!is_reuse(B, TAG_A));
	CHECK_EQ(send(B, TAG_A), SCTP_BAD_TAG);

	check_case("a COOKIE ECHO with a wrong tag changes nothing while its receiver goes on");
	open_to(SCTP_S_ESTABLISHED);
	for (unsigned i = 0; i < 9; i++) {
		CHECK_EQ(one(A, 0x666, SCTP_COOKIE_ECHO, 0, 8), SCTP_BAD_TAG);
		build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
		CHECK(!is_reuse(B, TAG_A) && !is_reuse(A, TAG_B) && !is_reuse(A, 0x666));
		CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
		CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
	}
}

static void test_reuse(void)
{
	static const uint8_t behind[] = { SCTP_COOKIE_ACK, SCTP_SACK, SCTP_DATA };
	struct sctp_packet p = { .tag = 0xb2 };

	check_case("an INIT with another tag after the end is another association");
	open_to(SCTP_S_CLOSED);
	build_init(&b, SCTP_INIT, 0xa2, 4, 4, 7);
	CHECK(is_reuse(A, 0));
	CHECK(is_reuse(B, 0));
	CHECK(!is_reuse(A, 1));
	p.chunks = BYTES(b.at, b.len);
	CHECK_EQ(sctp_successor(&t, A, &p).state, SCTP_S_NONE);
	b.len = 0;
	build_init(&b, SCTP_INIT, TAG_A, 4, 4, 7);
	CHECK(!is_reuse(A, 0)); /* a late copy */
	b.len = 2;
	CHECK(!is_reuse(A, 0));
	open_to(SCTP_S_ESTABLISHED);
	build_init(&b, SCTP_INIT, 0xa2, 4, 4, 7);
	CHECK(!is_reuse(A, 0));

	check_case("a restart is another association when its COOKIE ECHO comes, not before");
	send(A, 0);
	build_init(&b, SCTP_INIT_ACK, 0xb2, 4, 4, 77);
	CHECK(!is_reuse(B, 0xa2));
	CHECK_EQ(send(B, 0xa2), SCTP_NO_DATA);
	CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
	CHECK(!is_reuse(A, TAG_B));
	CHECK(!is_reuse(A, 0x666));
	CHECK(!is_reuse(B, 0xb2));
	CHECK(is_reuse(A, 0xb2));
	p.chunks = BYTES(b.at, b.len);
	t = sctp_successor(&t, A, &p);
	CHECK_EQ(send(A, 0xb2), SCTP_NO_DATA);
	CHECK(raised(SCTP_A_RESTART));
	CHECK_EQ(r.anomalies, 1u << SCTP_A_RESTART);
	CHECK_EQ(r.flags, SCTP_R_TSN | SCTP_R_TSN_PEER);
	CHECK_EQ(r.initial_tsn, 7);
	CHECK_EQ(r.initial_tsn_peer, 77);
	one(B, 0xa2, SCTP_COOKIE_ACK, 0, 0);
	CHECK_EQ(r.anomalies, 0);
	CHECK_EQ(r.flags, SCTP_R_ESTABLISHED);
	CHECK_EQ(data(A, TAG_B, 0), SCTP_BAD_TAG);
	CHECK_EQ(data(A, 0xb2, 0), SCTP_DELIVER);

	check_case("of a restart one side is enough, where no other was ever seen");
	open_to(SCTP_S_INIT);
	one(A, TAG_B, SCTP_COOKIE_ECHO, 0, 8);
	data(A, TAG_B, 0);
	build_init(&b, SCTP_INIT, 0xa2, 4, 4, 7);
	send(A, 0);
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
	CHECK(is_reuse(A, 0xb2));
	p.chunks = BYTES(b.at, b.len);
	t = sctp_successor(&t, A, &p);
	send(A, 0xb2);
	CHECK_EQ(r.flags, SCTP_R_TSN);
	CHECK_EQ(r.initial_tsn, 7);
	CHECK_EQ(data(A, 0xb2, 0), SCTP_DELIVER);
	CHECK_EQ(data(B, 0xa2, 0), SCTP_DELIVER);

	check_case("RFC 9260 5.2.4: without a good cookie nothing restarts: two blind packets");
	open_to(SCTP_S_ESTABLISHED);
	build_init(&b, SCTP_INIT, 0xa2, 4, 4, 7);
	send(A, 0);
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
	CHECK(!is_reuse(A, 0x666));
	CHECK_EQ(send(A, 0x666), SCTP_BAD_TAG);
	build_init(&b, SCTP_INIT_ACK, 0xb2, 4, 4, 77); /* to the INIT, as it came late */
	CHECK(!is_reuse(B, 0xa2));
	CHECK_EQ(send(B, 0xa2), SCTP_NO_DATA);
	build_chunk(&b, SCTP_ABORT, 0, NULL, 0);
	CHECK(!is_reuse(B, 0xa2));
	CHECK_EQ(send(B, 0xa2), SCTP_BAD_TAG);
	CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
	CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
	CHECK_EQ(data(A, 0x666, 0), SCTP_BAD_TAG);

	check_case("a restart whose INIT ACK is missing is shown by what comes behind its cookie");
	for (unsigned i = 0; i < sizeof(behind); i++) {
		open_to(SCTP_S_ESTABLISHED);
		build_init(&b, SCTP_INIT, 0xa2, 4, 4, 7);
		send(A, 0);
		one(A, 0xb2, SCTP_COOKIE_ECHO, 0, 8);
		build_chunk(&b, behind[i], BUILD_BE, "\0\0\0\1\0\0\0\0\0\0\0\0x", 13);
		CHECK(!is_reuse(B, TAG_A));
		CHECK(!is_reuse(A, 0xa2));
		CHECK(is_reuse(B, 0xa2));
		p = (struct sctp_packet){ .tag = 0xa2, .chunks = BYTES(b.at, b.len) };
		t = sctp_successor(&t, B, &p);
		send(B, 0xa2);
		CHECK_EQ(r.anomalies, 1u << SCTP_A_RESTART);
		CHECK_EQ(r.event[SCTP_A_RESTART], behind[i]);
		CHECK_EQ(r.flags, SCTP_R_TSN_PEER | SCTP_R_ESTABLISHED);
		CHECK_EQ(r.initial_tsn_peer, 7);
		CHECK_EQ(data(A, 0xb2, 0), SCTP_DELIVER);
		CHECK_EQ(data(B, 0xa2, 0), SCTP_DELIVER);
		CHECK_EQ(r.anomalies, 0);
		CHECK_EQ(data(B, TAG_A, 0), SCTP_BAD_TAG);
	}

	check_case(
		"a restart that both sides' packets made up is taken back as the old one goes on");
	for (unsigned i = 0; i < 3; i++) {
		unsigned by = i == 2; /* who is said to have begun */
		uint32_t tag = by == A ? TAG_B : TAG_A;

		open_to(SCTP_S_ESTABLISHED);
		build_init(&b, SCTP_INIT, 0xa2, 4, 4, 7);
		send(by, 0);
		if (i) {
			build_chunk(&b, SCTP_COOKIE_ACK, 0, NULL, 0);
			succeed_by(!by, 0xa2);
		} else {
			build_init(&b, SCTP_INIT_ACK, 0xb2, 4, 4, 77);
			send(B, 0xa2);
			build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
			succeed_by(A, 0xb2);
		}
		for (unsigned k = 0; k < 3; k++) {
			CHECK_EQ(data(by, tag, 0), SCTP_BAD_TAG);
			data(by, 0xb2, 0); /* whoever made it up goes on too */
			data(!by, 0xa2, 0);
		}
		CHECK_EQ(one(by, tag, SCTP_ABORT, 0, 0), SCTP_BAD_TAG);
		build_data(&b, BUILD_BE, 100, 0, 0, 0, "x", 1);
		succeed_by(by, tag);
		CHECK_EQ(r.verdict, SCTP_DELIVER);
		CHECK_EQ(r.anomalies, 1u << SCTP_A_RESYNC);
		CHECK_EQ(r.flags, SCTP_R_MIDSTREAM);
		CHECK_EQ(sctp_phase(&t), SCTP_OPEN);
		CHECK_EQ(data(A, TAG_B, 0), SCTP_DELIVER);
		CHECK_EQ(data(B, TAG_A, 0), SCTP_DELIVER);
		CHECK_EQ(r.anomalies, 0);
		CHECK_EQ(data(by, 0xb2, 0), SCTP_BAD_TAG);
	}

	test_behind_auth();
	test_doubtful_restart();
	test_opened_again();
	test_going_on();
	test_many_inits();

	check_case("what the other side sent before it knew of a restart takes nothing back");
	open_to(SCTP_S_ESTABLISHED);
	build_init(&b, SCTP_INIT, 0xa2, 4, 4, 7);
	send(A, 0);
	build_init(&b, SCTP_INIT_ACK, 0xb2, 4, 4, 77);
	send(B, 0xa2);
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
	succeed_by(A, 0xb2);
	for (unsigned i = 0; i < 20; i++)
		CHECK_EQ(data(B, TAG_A, 0), SCTP_BAD_TAG);
	CHECK_EQ(one(B, 0xa2, SCTP_COOKIE_ACK, 0, 0), SCTP_NO_DATA);
	CHECK_EQ(data(A, 0xb2, 0), SCTP_DELIVER);

	check_case("a COOKIE ECHO with a wrong tag and no INIT before it restarts nothing");
	open_to(SCTP_S_ESTABLISHED);
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, NULL, 0);
	CHECK(!is_reuse(A, 0xb2));
	CHECK_EQ(send(A, 0xb2), SCTP_BAD_TAG);
}

static void test_names(void)
{
	check_case("each anomaly has a name, an expectation and a section, each state a name");
	for (unsigned i = 0; i < SCTP_ANOMALIES; i++) {
		CHECK(sctp_anomaly_name(i) && sctp_anomaly_expected(i) && sctp_anomaly_rule(i));
		for (unsigned k = 0; k < i; k++)
			CHECK(strcmp(sctp_anomaly_name(i), sctp_anomaly_name(k)) != 0);
	}
	for (unsigned i = 0; i < SCTP_STATES; i++)
		CHECK(sctp_state_name(i) && *sctp_state_name(i));
	CHECK(!strcmp(sctp_chunk_name(SCTP_ABORT), "ABORT"));
	CHECK(!sctp_chunk_name(200));
}

static void test_crc(void)
{
	uint8_t v[300], packet[40] = { 0x11, 0x22, 0x33, 0x44, 1, 2, 3, 4, [12] = 11, [15] = 4 };
	uint32_t sum;

	check_case("the CRC32c vectors of RFC 3720 hold");
	memset(v, 0, 32);
	CHECK_EQ(crc32c(0, BYTES(v, 32)), 0x8a9136aa);
	memset(v, 0xff, 32);
	CHECK_EQ(crc32c(0, BYTES(v, 32)), 0x62a8ab43);
	for (unsigned i = 0; i < sizeof(v); i++)
		v[i] = (uint8_t)i;
	CHECK_EQ(crc32c(0, BYTES(v, 32)), 0x46dd794e);
	CHECK_EQ(crc32c(0, BYTES_LIT("123456789")), 0xe3069283);

	check_case("with and without the processor's help, and in pieces, it is the same");
	for (unsigned n = 0; n <= sizeof(v); n++) {
		sum = crc32c_plain(0, BYTES(v, n));
		CHECK_EQ(crc32c(0, BYTES(v, n)), sum);
		CHECK_EQ(crc32c(crc32c(0, BYTES(v, n / 3)), BYTES(v + n / 3, n - n / 3)), sum);
	}

	check_case("a packet's checksum is right, wrong with a bit turned, and no Adler-32");
	sum = crc32c(0, BYTES(packet, 16));
	for (unsigned i = 0; i < 4; i++)
		packet[8 + i] = (uint8_t)(sum >> 8 * i);
	CHECK(sctp_checksum_right(BYTES(packet, 16)));
	CHECK(!sctp_checksum_right(BYTES(packet, 11)));
	for (unsigned bit = 0; bit < 128; bit++) {
		packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK(!sctp_checksum_right(BYTES(packet, 16)));
		packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	{
		uint32_t a = 1, c = 0;

		memset(packet + 8, 0, 4);
		for (unsigned i = 0; i < 16; i++) {
			a = (a + packet[i]) % 65521;
			c = (c + a) % 65521;
		}
		be32_put(packet + 8, c << 16 | a);
		CHECK(!sctp_checksum_right(BYTES(packet, 16)));
	}
}

int main(void)
{
	setvbuf(stdout, (char[4096]){ 0 }, _IOLBF, 4096);
	poisoned = true;
	test_life();
	test_tags();
	test_order();
	test_more_streams();
	test_lengths();
	test_reuse();
	test_names();
	test_crc();
	poisoned = false;
	return check_end();
}
