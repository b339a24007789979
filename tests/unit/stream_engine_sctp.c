/* Tests of libcommon/stage/stream_engine_sctp.c: packets of SCTP in, messages, gaps and ends out.
 */
#include "tests/unit/sctp_build.h"
#include "tests/unit/stream_talk.h"

enum { BE = BUILD_BE, B = BUILD_B, E = BUILD_E, U = BUILD_U };

static struct sctp_build b;
static char said[8192];
static size_t said_len;

/* Every stream record in words: side, stream, message, flags; or what lacks. */
static void say(void *ctx, const struct rec_head *h, const struct rec_stream *s)
{
	const char *end = s->flags & STREAM_MSG_END ? "." : "";
	char *to = said + said_len;
	size_t room = sizeof(said) - said_len;
	int did;

	on_stream(ctx, h, s);
	if (s->flags & STREAM_LOST_CHUNKS)
		did = snprintf(to, room, "[%u: %u+%u chunks %s] ", s->dir, s->tsn, (unsigned)s->gap,
			       rec_enum_text(&rec_enum_gap_reason, s->gap_reason));
	else if (s->flags & (STREAM_LOST_MESSAGES | STREAM_LOST_PART))
		did = snprintf(to, room, "[%u: sid %u %s %u+%u] ", s->dir, s->sid,
			       s->flags & STREAM_LOST_PART ? "part of" : "messages", s->ssn,
			       (unsigned)s->gap);
	else if (s->gap)
		did = snprintf(to, room, "[%u: sid %u %u bytes%s at %u] ", s->dir, s->sid,
			       (unsigned)s->gap, end, (unsigned)s->offset);
	else
		did = snprintf(to, room, "%u:%u/%s%u=%.*s%s ", s->dir, s->sid,
			       s->flags & STREAM_UNORDERED ? "u" : "", s->ssn, (int)s->payload.len,
			       (const char *)s->payload.ptr, end);
	if (did > 0 && (size_t)did < room)
		said_len += (size_t)did;
}

static void begin(const struct stream_limits *l)
{
	struct stream_limits d = stream_limits_default();

	start(l ? l : &d);
	poisoned = false;
	munmap(out.r, out.size);
	l = l ? l : &d;
	out.size = stream_engine_size(l);
	out.r = mmap(NULL, out.size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	stream_engine_init(out.r, l, &(struct stream_host){ &out, say, on_emit });
	poisoned = true;
	said_len = 0;
	said[0] = 0;
	b.len = 0;
}

static struct rec_packet sctp_packet(uint8_t dir, uint8_t verdict, uint32_t missing)
{
	struct rec_packet p = packet(dir, 0, "");

	p.proto = IPPROTO_SCTP;
	p.verdict = verdict;
	p.seq = p.tcp_flags = 0;
	p.payload = BYTES(b.at, b.len - missing);
	p.missing = missing;
	return p;
}

static void send_flow(uint64_t flow, uint8_t dir, uint8_t verdict, uint32_t missing)
{
	put(flow, sctp_packet(dir, verdict, missing));
	b.len = 0;
}

static void send_flagged(uint8_t dir, uint8_t verdict, uint32_t flags)
{
	struct rec_packet p = sctp_packet(dir, verdict, 0);

	p.flags |= flags;
	put(1, p);
	b.len = 0;
}

static void send_data(uint8_t dir)
{
	send_flow(1, dir, REC_verdict_DELIVER, 0);
}

static void chunk(uint8_t flags, uint32_t tsn, uint16_t sid, uint16_t ssn, const char *text)
{
	build_data(&b, flags, tsn, sid, ssn, 46, text, strlen(text));
}

static void message(uint8_t dir, uint32_t tsn, uint16_t sid, uint16_t ssn, const char *text)
{
	chunk(BE, tsn, sid, ssn, text);
	send_data(dir);
}

static void sack(uint8_t dir, uint32_t cum)
{
	uint8_t v[12] = { 0 };

	be32_put(v, cum);
	build_chunk(&b, SCTP_SACK, 0, v, sizeof(v));
	send_flow(1, dir, REC_verdict_NO_DATA, 0);
}

/* What an INIT or INIT ACK may offer: FORWARD TSN, in two ways, and a cookie. */
#define COOKIE "\0\7\0\6ab\0\0"
#define FORWARD "\300\0\0\4"
#define EXTENSIONS "\200\10\0\6\202\300\0\0"

static void init_with(uint64_t flow, uint8_t dir, uint8_t type, uint32_t tsn, struct bytes params,
		      uint32_t missing)
{
	struct rec_packet p;

	build_init_with(&b, type, 7, tsn, params.ptr, params.len);
	p = sctp_packet(dir, REC_verdict_NO_DATA, missing);
	p.flags = PACKET_ANCHOR;
	p.offset = tsn;
	put(flow, p);
	b.len = 0;
}

static void init(uint64_t flow, uint8_t dir, uint8_t type, uint32_t tsn)
{
	init_with(flow, dir, type, tsn, BYTES_LIT(""), 0);
}

/* INIT of side 0 from TSN 100 on, INIT ACK of side 1 from 500 on. */
static void open_association(void)
{
	init_with(1, 0, SCTP_INIT, 100, BYTES_LIT(FORWARD), 0);
	init_with(1, 1, SCTP_INIT_ACK, 500, BYTES_LIT(COOKIE EXTENSIONS), 0);
}

static bool said_is(const char *text)
{
	if (strcmp(said, text) == 0)
		return true;
	printf("# said: %s\n", said);
	return false;
}

static void test_streams(void)
{
	check_case(
		"messages of several streams, both sides: in order per stream, with ids and ends");
	begin(NULL);
	open_association();
	CHECK_EQ(stream_engine_stats(out.r)->flows, 0);
	message(0, 100, 1, 0, "a");
	CHECK_EQ(out.last.ppid, 46);
	CHECK_EQ(out.last.tsn, 100);
	CHECK_EQ(out.last.proto, IPPROTO_SCTP);
	message(1, 500, 1, 0, "B");
	chunk(BE, 101, 2, 0, "b");
	chunk(BE, 102, 1, 1, "c");
	send_data(0);
	CHECK(said_is("0:1/0=a. 1:1/0=B. 0:2/0=b. 0:1/1=c. "));
	CHECK_EQ(out.last.offset, 2);
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.nends, 2);
	CHECK_EQ(out.ends[0].delivered, 3);
	CHECK_EQ(out.ends[0].highest, 3);
	CHECK_EQ(out.ends[0].chunks.v, 3);
	CHECK_EQ(out.ends[0].messages.v, 3);
	CHECK_EQ(out.ends[0].sids.v, 2);
	CHECK_EQ(out.ends[0].lost_chunks.v, 0);
	CHECK_EQ(out.ends[0].key.proto, IPPROTO_SCTP);
	CHECK_EQ(out.ends[1].dir, 1);
	finish();

	check_case("a hole makes its own stream wait, not the others");
	begin(NULL);
	open_association();
	message(0, 101, 1, 1, "later");
	message(0, 102, 2, 0, "other");
	CHECK(said_is("0:2/0=other. "));
	message(0, 100, 1, 0, "first");
	CHECK(said_is("0:2/0=other. 0:1/0=first. 0:1/1=later. "));
	finish();

	check_case("fragments of a message: the last one ends it; unordered messages are marked");
	begin(NULL);
	open_association();
	chunk(B, 100, 3, 0, "one-");
	chunk(0, 101, 3, 0, "two-");
	chunk(E, 102, 3, 0, "three");
	chunk(BE | U, 104, 3, 0, "now");
	send_data(0);
	CHECK(said_is("0:3/0=one- 0:3/0=two- 0:3/0=three. 0:3/u0=now. "));
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.ends[0].messages.v, 2);
	finish();
}

static void forward(void)
{
	static const uint8_t v[8] = { 0, 0, 0, 101, 0, 1, 0, 1 };

	build_chunk(&b, SCTP_FORWARD_TSN, 0, v, 8);
}

static void test_forward(void)
{
	static const struct bytes none = BYTES_LIT(""), with = BYTES_LIT(FORWARD),
				  other = BYTES_LIT(COOKIE "\200\10\0\5\202\0\0\0");

	check_case("RFC 3758 3.3: what not both sides offered gives up nothing");
	for (unsigned i = 1; i < 4; i++) {
		begin(NULL);
		init_with(1, 0, SCTP_INIT, 100, i & 1 ? none : with, 0);
		init_with(1, 1, SCTP_INIT_ACK, 500, i & 2 ? other : with, 0);
		message(0, 102, 1, 2, "c");
		forward();
		send_flow(1, 0, REC_verdict_NO_DATA, 0);
		message(0, 100, 1, 0, "a");
		message(0, 101, 1, 1, "b");
		CHECK(said_is("0:1/0=a. 0:1/1=b. 0:1/2=c. "));
		finish();
	}

	check_case("RFC 3758 3.3: data that comes before the INIT ACK leaves its offer to count");
	begin(NULL);
	init_with(1, 0, SCTP_INIT, 100, with, 0);
	message(0, 102, 1, 2, "c");
	init_with(1, 1, SCTP_INIT_ACK, 500, other, 0);
	forward();
	send_flow(1, 0, REC_verdict_NO_DATA, 0);
	CHECK(said_is(""));
	finish();

	check_case("what was not seen, was cut off or does not fit may have been offered");
	for (unsigned i = 0; i < 3; i++) {
		begin(NULL);
		if (i == 1)
			init_with(1, 0, SCTP_INIT, 100, BYTES_LIT(COOKIE), 3);
		if (i == 2)
			init_with(1, 0, SCTP_INIT, 100, BYTES_LIT("\0\7\0\77ab"), 0);
		message(0, 100, 1, 0, "a");
		message(0, 102, 1, 2, "c");
		forward();
		send_flow(1, 0, REC_verdict_NO_DATA, 0);
		CHECK(said_is("0:1/0=a. [0: 101+1 chunks abandoned] [0: sid 1 messages 1+1] "
			      "0:1/2=c. "));
		finish();
	}
}

static void test_nr_sack(void)
{
	static const struct bytes none = BYTES_LIT(EXTENSIONS),
				  with = BYTES_LIT("\200\10\0\6\202\20\0\0");

	check_case("what is behind an NR-SACK is there where neither side is known to offer none");
	for (unsigned i = 0; i < 8; i++) {
		begin(NULL);
		init_with(1, 0, SCTP_INIT, 100, i & 1 ? none : with, 0);
		if (i & 4) /* or data comes before the INIT ACK */
			message(0, 100, 1, 0, "a");
		init_with(1, 1, SCTP_INIT_ACK, 500, i & 2 ? none : with, 0);
		if (!(i & 4))
			message(0, 100, 1, 0, "a");
		build_chunk(&b, SCTP_NR_SACK, 0, "\0\0\1\364\0\0\0\0\0\0\0\0\0\0\0", 16);
		message(0, 101, 1, 1, "b");
		CHECK(said_is(i & 3 ? "0:1/0=a. " : "0:1/0=a. 0:1/1=b. "));
		finish();
	}
}

static void nr_sack(uint8_t dir, uint32_t cum)
{
	uint8_t v[16] = { 0 };

	be32_put(v, cum);
	build_chunk(&b, SCTP_NR_SACK, 0, v, sizeof(v));
	send_flow(1, dir, REC_verdict_NO_DATA, 0);
}

static void test_nr_sack_alone(void)
{
	static const struct bytes none = BYTES_LIT(EXTENSIONS),
				  with = BYTES_LIT("\200\10\0\6\202\20\0\0");

	check_case("an NR-SACK acknowledges as a SACK does, in whose place it is sent");
	for (unsigned i = 0; i < 2; i++) {
		begin(NULL);
		init_with(1, 0, SCTP_INIT, 100, with, 0);
		init_with(1, 1, SCTP_INIT_ACK, 500, i ? none : with, 0);
		message(0, 100, 1, 0, "a");
		message(0, 103, 1, 3, "d");
		for (int k = 0; k < 20; k++)
			nr_sack(1, 103);
		CHECK(said_is(i ? "0:1/0=a. "
				: "0:1/0=a. [0: 101+2 chunks acked] [0: sid 1 messages 1+2] "
				  "0:1/3=d. "));
		finish();
	}
}

static void test_i_data(void)
{
	static const struct bytes none = BYTES_LIT(EXTENSIONS),
				  with = BYTES_LIT("\200\10\0\6\202\100\0\0");

	check_case("RFC 8260 2.2.1: an I-DATA chunk that a side does not offer to take is none");
	for (unsigned i = 0; i < 4; i++) {
		begin(NULL);
		init_with(1, 0, SCTP_INIT, 100, i & 1 ? none : with, 0);
		init_with(1, 1, SCTP_INIT_ACK, 500, i & 2 ? none : with, 0);
		build_i_data(&b, BUILD_BE, 100, 1, 0, 0, "decoy", 5);
		send_flow(1, 0, REC_verdict_DELIVER, 0);
		message(0, 100, 1, 0, "true");
		CHECK(said_is(i ? "0:1/0=true. " : "0:1/0=decoy. "));
		finish();
	}

	check_case("unless a COOKIE ECHO was for another INIT ACK, of which that is not known");
	begin(NULL);
	init_with(1, 0, SCTP_INIT, 100, none, 0);
	init_with(1, 1, SCTP_INIT_ACK, 500, none, 0);
	struct rec_packet p;
	build_chunk(&b, SCTP_COOKIE_ECHO, 0, "cookie", 6);
	p = sctp_packet(0, REC_verdict_NO_DATA, 0);
	p.flags = PACKET_ACK_VALID;
	p.ack = 900;
	put(1, p);
	b.len = 0;
	build_i_data(&b, BUILD_BE, 100, 1, 0, 0, "true", 4);
	send_data(0);
	CHECK(said_is("0:1/0=true. "));
	finish();
}

static void test_reconfig(void)
{
	static const uint8_t ask[8] = { 0, SCTP_TSN_RESET, 0, 8, 0, 0, 0, 7 };
	static const uint8_t answer[12] = { 0, SCTP_RESPONSE, 0, 12, 0, 0, 0, 7, 0, 0,
					    0, SCTP_PERFORMED };

	check_case("RFC 6525 5.1.1: where the other side offers no RE-CONFIG, a request alone "
		   "begins nothing anew");
	for (unsigned offers = 0; offers < 2; offers++) {
		begin(NULL);
		init_with(1, 0, SCTP_INIT, 100, BYTES_LIT(EXTENSIONS), 0);
		init_with(1, 1, SCTP_INIT_ACK, 500,
			  offers ? BYTES_LIT(COOKIE EXTENSIONS) : BYTES_LIT(COOKIE FORWARD), 0);
		message(0, 100, 1, 0, "a");
		build_chunk(&b, SCTP_RE_CONFIG, 0, ask, sizeof(ask));
		send_flow(1, 0, REC_verdict_NO_DATA, 0);
		message(0, 900000, 1, 0, "x");
		message(0, offers ? 900001 : 101, 1, 1, "b");
		CHECK(said_is(offers ? "0:1/0=a. 0:1/0=x. 0:1/1=b. " : "0:1/0=a. 0:1/1=b. "));
		finish();
	}
	check_case("but should it answer it does");
	begin(NULL);
	init_with(1, 0, SCTP_INIT, 100, BYTES_LIT(EXTENSIONS), 0);
	init_with(1, 1, SCTP_INIT_ACK, 500, BYTES_LIT(COOKIE FORWARD), 0);
	message(0, 100, 1, 0, "a");
	build_chunk(&b, SCTP_RE_CONFIG, 0, ask, sizeof(ask));
	send_flow(1, 0, REC_verdict_NO_DATA, 0);
	build_chunk(&b, SCTP_RE_CONFIG, 0, answer, sizeof(answer));
	send_flow(1, 1, REC_verdict_NO_DATA, 0);
	message(0, 900000, 1, 0, "x");
	CHECK(said_is("0:1/0=a. 0:1/0=x. "));
	finish();
}

static void test_gaps(void)
{
	check_case(
		"chunks that the peer acknowledged and nobody saw: a gap of chunks, then of what "
		"the stream lacks");
	begin(NULL);
	open_association();
	message(0, 100, 1, 0, "a");
	message(0, 103, 1, 3, "d");
	for (int i = 0; i < 20 && out.records < 2; i++)
		sack(1, 103);
	CHECK(said_is("0:1/0=a. [0: 101+2 chunks acked] [0: sid 1 messages 1+2] 0:1/3=d. "));
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.ends[0].lost_chunks.v, 2);
	CHECK_EQ(out.ends[0].gap_bytes, 0);
	CHECK_EQ(out.ends[0].gaps, 2);
	CHECK_EQ(out.ends[0].highest, 2);
	CHECK_EQ(out.end_reasons[0][REC_gap_reason_ACKED], 2);
	finish();

	check_case("the end of a message that is lost is a part of it");
	begin(NULL);
	open_association();
	chunk(B, 100, 1, 0, "one-");
	send_data(0);
	message(0, 102, 1, 1, "next");
	flow_end(1, REC_flow_reason_IDLE);
	CHECK(said_is("0:1/0=one- [0: 101+1 chunks close] [0: sid 1 part of 0+1] 0:1/1=next. "));
	finish();

	check_case("what the sender gives up with FORWARD TSN is abandoned");
	begin(NULL);
	open_association();
	forward();
	message(0, 102, 1, 2, "c");
	CHECK(said_is("[0: 100+2 chunks abandoned] [0: sid 1 messages 0+2] 0:1/2=c. "));
	finish();

	check_case("a chunk that the capture cut off: what there is, then a gap of known bytes");
	begin(NULL);
	open_association();
	chunk(BE, 100, 1, 0, "0123456789ab");
	send_flow(1, 0, REC_verdict_DELIVER, 8);
	message(0, 101, 1, 1, "next");
	CHECK(said_is("0:1/0=0123 [0: sid 1 8 bytes. at 4] 0:1/1=next. "));
	CHECK_EQ(out.last.offset, 12);
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.ends[0].highest, 16);
	CHECK_EQ(out.ends[0].delivered, 8);
	CHECK_EQ(out.ends[0].gap_bytes, 8);
	finish();

	check_case("an old hole of a one-sided association is given up by its own packets' time");
	begin(NULL);
	open_association();
	message(0, 101, 1, 1, "b");
	n += 1998;
	struct rec_packet p;
	build_chunk(&b, SCTP_HEARTBEAT, 0, "beat", 4);
	p = sctp_packet(0, REC_verdict_NO_DATA, 0);
	p.flags = PACKET_ONESIDED;
	put(1, p);
	CHECK(said_is(""));
	put(1, p);
	CHECK(said_is("[0: 100+1 chunks timer] [0: sid 1 messages 0+1] 0:1/1=b. "));
	finish();
}

static void test_verdicts(void)
{
	check_case("what the state machine says to ignore is ignored and counted");
	begin(NULL);
	open_association();
	message(0, 100, 1, 0, "a");
	for (uint8_t v = REC_verdict_BAD_CHECKSUM; v <= REC_verdict_MALFORMED; v++) {
		chunk(BE, 101, 1, 1, "EVIL");
		send_flow(1, 0, v, 0);
	}
	message(0, 101, 1, 1, "b");
	CHECK(said_is("0:1/0=a. 0:1/1=b. "));
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.ends[0].ignored, REC_verdict_MALFORMED - REC_verdict_BAD_CHECKSUM + 1);
	finish();

	check_case("a chunk that comes again with other bytes is an anomaly, eight of them a flow");
	begin(NULL);
	open_association();
	message(0, 100, 1, 0, "GOOD");
	message(0, 100, 1, 0, "GOOD");
	CHECK_EQ(out.anomalies, 0);
	for (int i = 0; i < 10; i++)
		message(0, 100, 1, 0, "EVIL");
	CHECK_EQ(out.anomalies, 8);
	CHECK(strcmp(out.name, "overlap_diff") == 0);
	CHECK_EQ(stream_engine_stats(out.r)->anomalies_suppressed, 2);
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.ends[0].repeated_chunks.v, 11);
	CHECK_EQ(out.ends[0].overlaps, 10);
	finish();
}

static void test_ends(void)
{
	static const struct {
		const char *title;
		uint8_t type;
		uint32_t flag;
		enum rec_stream_reason why;
	} ends[] = {
		{ "an ABORT ends both directions with that reason", SCTP_ABORT, PACKET_RST,
		  REC_stream_reason_ABORT },
		{ "SHUTDOWN COMPLETE ends both directions", SCTP_SHUTDOWN_COMPLETE, PACKET_FIN,
		  REC_stream_reason_FIN },
	};

	for (size_t i = 0; i < 2; i++) {
		check_case(ends[i].title);
		begin(NULL);
		open_association();
		message(0, 100, 1, 0, "a");
		message(0, 102, 1, 2, "c");
		message(1, 500, 1, 0, "B");
		build_chunk(&b, ends[i].type, 0, "", 0);
		send_flagged(1, REC_verdict_NO_DATA, ends[i].flag);
		CHECK_EQ(out.nends, 2);
		CHECK_EQ(out.ends[0].reason, ends[i].why);
		CHECK_EQ(out.ends[0].lost_chunks.v, 1);
		CHECK(strstr(said, "0:1/2=c."));
		message(0, 103, 1, 3, "d");
		CHECK_EQ(stream_engine_stats(out.r)->late, 1);
		flow_end(1, REC_flow_reason_FIN);
		CHECK_EQ(out.nends, 2);
		finish();
	}

	check_case(
		"RFC 9260 8.5.1: an ABORT or SHUTDOWN COMPLETE that was not accepted ends nothing");
	begin(NULL);
	open_association();
	message(0, 100, 1, 0, "a");
	build_chunk(&b, SCTP_SHUTDOWN_COMPLETE, 0, "", 0); /* in the midst of it */
	send_flagged(0, REC_verdict_NO_DATA, 0);
	chunk(BE, 101, 1, 1, "b");
	build_chunk(&b, SCTP_ABORT, 1, "", 0); /* behind data, with the T bit */
	chunk(BE, 102, 1, 2, "never looked at");
	send_flagged(0, REC_verdict_DELIVER, 0);
	message(0, 102, 1, 2, "c");
	message(0, 103, 1, 3, "d");
	message(1, 500, 1, 0, "B");
	CHECK(said_is("0:1/0=a. 0:1/1=b. 0:1/2=c. 0:1/3=d. 1:1/0=B. "));
	CHECK_EQ(out.nends, 0);
	CHECK_EQ(stream_engine_stats(out.r)->late, 0);
	flow_end(1, REC_flow_reason_FIN);
	finish();

	check_case("what lacks between the INIT's TSN and the first chunk seen is a gap");
	begin(NULL);
	open_association();
	message(0, 105, 1, 5, "x");
	flow_end(1, REC_flow_reason_FIN);
	CHECK(said_is("[0: 100+5 chunks close] [0: sid 1 messages 0+5] 0:1/5=x. "));
	finish();

	check_case("a restart tells both first TSNs with the packet that proves it");
	begin(NULL);
	struct rec_packet both;
	chunk(BE, 201, 1, 1, "x");
	both = sctp_packet(0, REC_verdict_DELIVER, 0);
	both.flags = PACKET_ANCHOR | PACKET_ACK_VALID;
	both.offset = 200;
	both.ack = 500;
	put(1, both);
	b.len = 0;
	message(1, 501, 1, 1, "Y");
	flow_end(1, REC_flow_reason_FIN);
	CHECK(said_is("[0: 200+1 chunks close] [0: sid 1 messages 0+1] 0:1/1=x. "
		      "[1: 500+1 chunks close] [1: sid 1 messages 0+1] 1:1/1=Y. "));
	finish();

	check_case("seen from the middle on, it begins where it is seen");
	begin(NULL);
	struct rec_packet p;
	chunk(BE, 105, 1, 5, "x");
	p = sctp_packet(0, REC_verdict_DELIVER, 0);
	p.flags = PACKET_MIDSTREAM;
	put(1, p);
	CHECK(said_is("0:1/5=x. "));
	flow_end(1, REC_flow_reason_FIN);
	CHECK_EQ(out.ends[0].midstream.v, 1);
	finish();
}

static void test_caps(void)
{
	struct stream_limits l = stream_limits_default();

	check_case("beyond the cap the least recently used association goes, with data and ends");
	l.max_associations = 2;
	begin(&l);
	for (uint64_t f = 1; f <= 3; f++) {
		chunk(BE, 100, 1, 0, "x");
		chunk(BE, 102, 1, 2, "z");
		send_flow(f, 0, REC_verdict_DELIVER, 0);
	}
	CHECK_EQ(out.nends, 1);
	CHECK_EQ(out.end_heads[0].flow, 1);
	CHECK_EQ(out.ends[0].reason, REC_stream_reason_EVICTED);
	CHECK_EQ(out.end_reasons[0][REC_gap_reason_EVICT], 1);
	flow_end(2, REC_flow_reason_IDLE);
	flow_end(3, REC_flow_reason_IDLE);
	out.disorder = false;
	finish();
	CHECK_EQ(out.nends, 3);

	check_case("a flood of INITs takes nothing from an association that has data");
	l.max_associations = 4;
	begin(&l);
	message(0, 100, 1, 0, "a");
	for (uint64_t f = 10; f < 1000; f++) {
		init(f, 0, SCTP_INIT, 100);
	}
	message(0, 101, 1, 1, "b");
	CHECK(said_is("0:1/0=a. 0:1/1=b. "));
	CHECK_EQ(stream_engine_stats(out.r)->flows_peak, 1);
	CHECK_EQ(stream_engine_stats(out.r)->evicted, 0);
	finish();

	check_case("TCP and SCTP flows end by flow id at the end of the input");
	begin(NULL);
	put(30, packet(0, 0, "x"));
	chunk(BE, 1, 1, 1, "y");
	send_flow(20, 0, REC_verdict_DELIVER, 0);
	put(10, packet(0, 0, "z"));
	out.disorder = false;
	finish();
	CHECK_EQ(out.nends, 3);
	CHECK_EQ(out.end_heads[0].flow, 10);
	CHECK_EQ(out.end_heads[1].flow, 20);
	CHECK_EQ(out.end_heads[2].flow, 30);

	check_case("a packet of SCTP that claims a TCP flow's number, and the reverse, do nothing");
	begin(NULL);
	put(1, packet(0, 0, "x"));
	message(0, 1, 1, 1, "y");
	chunk(BE, 1, 1, 1, "y");
	send_flow(2, 0, REC_verdict_DELIVER, 0);
	put(2, packet(0, 0, "x"));
	CHECK_EQ(stream_engine_stats(out.r)->flows, 2);
	out.disorder = false;
	finish();
}

static void test_overflow(void)
{
	struct stream_limits l = stream_limits_default();

	check_case(
		"--overflow drop-flow: a direction that holds too much ends so, the other goes on");
	l.sctp.held_chunks = 2;
	l.sctp.drop = true;
	begin(&l);
	message(0, 1, 0, 0, "a");
	for (uint32_t i = 3; i < 7; i++)
		message(0, i, 0, (uint16_t)(i - 1), "later");
	CHECK_EQ(out.nends, 1);
	CHECK_EQ(out.ends[0].reason, REC_stream_reason_OVERFLOW);
	CHECK_EQ(out.ends[0].undelivered, 15);
	CHECK_EQ(out.ends[0].delivered, 1);
	message(1, 1, 0, 0, "b");
	CHECK(!strcmp(said, "0:0/0=a. 1:0/0=b. "));
	finish();
}

int main(void)
{
	test_overflow();
	test_streams();
	test_gaps();
	test_forward();
	test_nr_sack();
	test_nr_sack_alone();
	test_i_data();
	test_reconfig();
	test_verdicts();
	test_ends();
	test_caps();
	return check_end();
}
