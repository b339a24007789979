/* l7: what a parser is told, when, and what the engine does for it; as a log of its calls. */
#include "libcommon/stage/l7.h"

#include <string.h>
#include <time.h>

#include "libcommon/stage/l7_others.h"
#include "tests/unit/check.h"

static struct buf events;
static struct l7 *l7;
static uint64_t now, frame;
static size_t (*feeding)(struct l7_flow *f, enum l7_dir dir, struct bytes data);
static enum l7_claim claim_answer[8];
static unsigned asked;

/* The calls and records since the last look, each ended by a ';'. */
#define SAW(text)                                                                                  \
	do {                                                                                       \
		buf_add_byte(&events, 0);                                                          \
		if (strcmp((char *)events.ptr, text)) {                                            \
			printf("# %s:%d: saw %s\n", __FILE__, __LINE__, (char *)events.ptr);       \
			printf("#   instead of %s\n", text);                                       \
			check_bad = 1;                                                             \
		}                                                                                  \
		events.len = 0;                                                                    \
	} while (0)

/* ---- a parser that keeps a log ---- */

struct state {
	uint64_t zeroed[32];
	void *own;
};

static enum l7_claim log_claims(const struct l7_first *first)
{
	buf_printf(&events, "ask %d '%.*s'%s;", first->dir, (int)first->data.len,
		   (const char *)first->data.ptr, first->midstream ? " mid" : "");
	return claim_answer[asked++ % 8];
}

/* Of the last anomaly. */
static int anomaly_dir;
static uint64_t anomaly_offset;

static size_t take_lines(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	size_t done = 0;
	const uint8_t *end;

	(void)f;
	(void)dir;
	while ((end = memchr(data.ptr + done, '\n', data.len - done)))
		done = (size_t)(end - data.ptr) + 1;
	return done;
}

static size_t log_feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	size_t done;

	buf_printf(&events, "feed %d '%.*s'", dir, (int)data.len, (const char *)data.ptr);
	if (l7_scanned(f, dir))
		buf_printf(&events, " scanned %zu", l7_scanned(f, dir));
	done = feeding(f, dir, data);
	buf_printf(&events, " %zu;", done);
	return done;
}

static void log_datagram(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	buf_printf(&events, "datagram %d '%.*s'%s;", dir, (int)data.len, (const char *)data.ptr,
		   l7_snapped(f) ? " snapped" : "");
	if (data.len && data.ptr[0] == 'D')
		l7_done(f);
	if (data.len && data.ptr[0] == 'P')
		l7_poison(f, "bad");
}

static void log_gap(struct l7_flow *f, enum l7_dir dir, uint64_t missing, enum rec_gap_reason why)
{
	buf_printf(&events, "gap %d %llu at %llu why %d;", dir, (unsigned long long)missing,
		   (unsigned long long)l7_offset(f, dir), why);
}

static void log_eof(struct l7_flow *f, enum l7_dir dir, enum rec_stream_reason why)
{
	(void)f;
	buf_printf(&events, "eof %d why %d;", dir, why);
}

static void log_tick(struct l7_flow *f, uint64_t at)
{
	CHECK_EQ(at, l7_now(f));
	buf_printf(&events, "tick %llu;", (unsigned long long)at);
}

static void log_end(struct l7_flow *f, enum l7_end why)
{
	struct state *s = l7_state(f);

	free(s->own);
	buf_printf(&events, "end %d;", why);
}

static void host_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	CHECK(ctx == &events);
	CHECK_EQ(h->type, desc->id);
	if (desc == &rec_session_end_desc) {
		const struct rec_session_end *e = rec;

		CHECK(bytes_is(e->parser, "log"));
		buf_printf(&events, "session_end %d messages %llu bytes %llu %llu gap %llu '%.*s'",
			   e->reason, (unsigned long long)e->messages,
			   (unsigned long long)e->orig_bytes, (unsigned long long)e->resp_bytes,
			   (unsigned long long)e->gap_bytes, (int)e->detail.len,
			   (const char *)e->detail.ptr);
	} else if (desc == &rec_anomaly_desc) {
		const struct rec_anomaly *a = rec;

		buf_printf(&events, "anomaly %.*s '%.*s'", (int)a->name.len,
			   (const char *)a->name.ptr, (int)a->event.len,
			   (const char *)a->event.ptr);
		anomaly_dir = (int)a->dir.v;
		anomaly_offset = a->offset.v;
	} else {
		const struct rec_dns *d = rec;

		CHECK(desc == &rec_dns_desc);
		buf_printf(&events, "dns %u port %u", (unsigned)d->trans_id, d->key.resp_p);
	}
	buf_printf(&events, " n %llu;", (unsigned long long)h->n);
}

static struct l7_parser parser;

static void begin(struct l7_limits limits)
{
	static const struct l7_host host = { &events, host_emit };

	parser = (struct l7_parser){
		.name = "log",
		.state_size = sizeof(struct state),
		.feed = log_feed,
		.end = log_end,
	};
	feeding = take_lines;
	now = 0;
	frame = 0;
	asked = 0;
	events.len = 0;
	l7 = l7_new(&parser, &host, &limits);
}

#define BEGIN(...) begin((struct l7_limits){ __VA_ARGS__ })

static void finish(void)
{
	l7_finish(l7, frame);
	CHECK_EQ(l7_stats(l7)->flows, 0);
	CHECK_EQ(l7_stats(l7)->memory, 0);
	l7_free(l7);
	l7 = NULL;
	events.len = 0;
}

/* ---- records ---- */

static bool segment(uint64_t flow, int dir, uint64_t offset, struct bytes data)
{
	struct rec_head h = { REC_stream, ++now, flow, ++frame };
	struct rec_stream s = { .ip_version = 4,
				.proto = 6,
				.dir = (uint8_t)dir,
				.orig_p = 1234,
				.resp_p = 80,
				.offset = offset,
				.payload = data };

	return l7_stream(l7, &h, &s);
}

static bool text(uint64_t flow, int dir, uint64_t offset, const char *data)
{
	return segment(flow, dir, offset, bytes_str(data));
}

static bool hole(uint64_t flow, int dir, uint64_t offset, uint64_t missing)
{
	struct rec_head h = { REC_stream, ++now, flow, ++frame };
	struct rec_stream s = { .ip_version = 4,
				.proto = 6,
				.dir = (uint8_t)dir,
				.resp_p = 80,
				.offset = offset,
				.gap = missing,
				.gap_reason = REC_gap_reason_ACKED };

	return l7_stream(l7, &h, &s);
}

static bool datagram(uint64_t flow, int dir, const char *data, uint32_t flags)
{
	struct rec_head h = { REC_packet, ++now, flow, ++frame };
	struct rec_packet p = { .ip_version = 4,
				.proto = 17,
				.dir = (uint8_t)dir,
				.resp_p = 53,
				.flags = flags,
				.payload = bytes_str(data) };

	return l7_packet(l7, &h, &p);
}

static void side_ends(uint64_t flow, int dir)
{
	struct rec_head h = { REC_stream_end, ++now, flow, ++frame };
	struct rec_stream_end e = { .dir = (uint8_t)dir, .reason = REC_stream_reason_FIN };

	l7_stream_end(l7, &h, &e);
}

static void flow_event(uint64_t flow, int event, int reason)
{
	struct rec_head h = { REC_flow, ++now, flow, ++frame };
	struct rec_flow fl = { .event = (uint8_t)event, .reason = (uint8_t)reason };

	l7_flow_end(l7, &h, &fl);
}

/* ---- claims ---- */

/* Ids so far apart share a set of l7_others. */
enum { CROWDED = L7_OTHER_SETS * L7_OTHER_WAYS };

static size_t soil_state(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct state *s = l7_state(f);

	(void)dir;
	for (size_t i = 0; i < sizeof(s->zeroed) / sizeof(s->zeroed[0]); i++)
		CHECK_EQ(s->zeroed[i], 0);
	CHECK(s->own == NULL);
	memset(s->zeroed, 0xff, sizeof(s->zeroed));
	s->own = malloc(10);
	return data.len;
}

static void claims(void)
{
	check_case("a parser without claims() gets every flow from its first byte");
	BEGIN(0);
	CHECK(text(1, 0, 0, "a\n"));
	SAW("feed 0 'a\n' 2;");
	finish();

	check_case("a flow refused is never asked about again and passes on");
	BEGIN(0);
	parser.claims = log_claims;
	claim_answer[0] = L7_NO;
	CHECK(!text(1, 0, 0, "a"));
	CHECK(!text(1, 0, 1, "b"));
	CHECK(!text(1, 1, 0, "c"));
	SAW("ask 0 'a';");
	flow_event(1, REC_flow_event_END, REC_flow_reason_FIN);
	SAW("");
	finish();

	check_case(
		"so is each of many refused flows whose ids fall into one set of those remembered");
	BEGIN(0);
	parser.claims = log_claims;
	for (int i = 0; i < 8; i++)
		claim_answer[i] = L7_NO;
	for (uint64_t i = 1; i <= 30; i++)
		CHECK(!text(i * CROWDED, 0, 0, "a"));
	CHECK_EQ(asked, 30);
	CHECK_EQ(l7_stats(l7)->flows, 30 - L7_OTHER_WAYS);
	for (uint64_t i = 1; i <= 30; i++) {
		CHECK(!text(i * CROWDED, 1, 0, "c"));
		CHECK(l7_knows(l7, i * CROWDED));
		flow_event(i * CROWDED, REC_flow_event_END, REC_flow_reason_FIN);
		CHECK(!l7_knows(l7, i * CROWDED));
	}
	CHECK_EQ(asked, 30);
	events.len = 0;
	finish();

	check_case("a refused flow is asked about again where another stream has the same id");
	BEGIN(0);
	parser.claims = log_claims;
	claim_answer[0] = L7_NO;
	CHECK(!text(1, 0, 0, "a"));
	CHECK(l7_is_other(l7, 1));
	l7_finish(l7, frame);
	CHECK(!l7_is_other(l7, 1));
	claim_answer[1] = L7_YES;
	CHECK(text(1, 0, 0, "a"));
	events.len = 0;
	finish();

	check_case("an undecided flow is asked with all bytes so far, each direction its own");
	BEGIN(0);
	parser.claims = log_claims;
	memcpy(claim_answer, (enum l7_claim[]){ L7_MAYBE, L7_MAYBE, L7_MAYBE, L7_YES },
	       4 * sizeof(claim_answer[0]));
	text(1, 0, 0, "a");
	text(1, 1, 0, "x");
	text(1, 0, 1, "b");
	SAW("ask 0 'a';ask 1 'x';ask 0 'ab';");
	CHECK(text(1, 0, 2, "c"));
	/* The other side spoke first: it is offered first. */
	SAW("ask 0 'abc';feed 1 'x' 0;feed 0 'abc' 0;");
	CHECK(text(1, 0, 3, "d\n"));
	SAW("feed 0 'abcd\n' scanned 3 5;");
	flow_event(1, REC_flow_event_END, REC_flow_reason_FIN);
	SAW("end 0;session_end 0 messages 0 bytes 5 1 gap 0 '' n 6;");
	finish();

	check_case("the state of a claimed flow is zeroed, also where a flow was before");
	BEGIN(0);
	feeding = soil_state;
	for (uint64_t id = 1; id < 4; id++) {
		text(id, 0, 0, "x");
		flow_event(id, REC_flow_event_END, REC_flow_reason_FIN);
	}
	events.len = 0;
	finish();

	check_case("more than 1 KiB undecided is somebody else's");
	BEGIN(0);
	parser.claims = log_claims;
	for (int i = 0; i < 8; i++)
		claim_answer[i] = L7_MAYBE;
	for (unsigned i = 0; i < 1200; i++)
		CHECK(!text(1, 0, i, "y"));
	CHECK_EQ(asked, 1025);
	CHECK_EQ(l7_stats(l7)->memory, 0);
	events.len = 0;
	finish();

	check_case("what undecided flows keep is counted once, and given back");
	BEGIN(0);
	parser.claims = log_claims;
	for (int i = 0; i < 8; i++)
		claim_answer[i] = L7_MAYBE;
	for (unsigned i = 0; i < 700; i++)
		text(1, 0, i, "y");
	CHECK(l7_stats(l7)->memory >= 700 && l7_stats(l7)->memory <= 2048);
	claim_answer[700 % 8] = L7_YES;
	text(1, 0, 700, "\n");
	CHECK(l7_stats(l7)->memory <= 2048);
	flow_event(1, REC_flow_event_END, REC_flow_reason_FIN);
	CHECK_EQ(l7_stats(l7)->memory, 0);
	events.len = 0;
	finish();

	check_case("a flow that is first seen in its middle is not guessed at");
	BEGIN(0);
	parser.claims = log_claims;
	claim_answer[0] = L7_YES;
	CHECK(!text(1, 0, 100, "a"));
	SAW("");
	finish();

	check_case("behind a hole an undecided flow starts anew, as midstream");
	BEGIN(0);
	parser.claims = log_claims;
	claim_answer[0] = L7_MAYBE;
	claim_answer[1] = L7_YES;
	CHECK(!text(1, 0, 0, "a"));
	CHECK(!hole(1, 0, 1, 9));
	CHECK(text(1, 0, 10, "b\n"));
	SAW("ask 0 'a';ask 0 'b\n' mid;feed 0 'b\n' 2;");
	finish();

	check_case("a datagram flow is asked until it is decided; refused ones pass on");
	BEGIN(0);
	parser.claims = log_claims;
	parser.datagram = log_datagram;
	memcpy(claim_answer, (enum l7_claim[]){ L7_MAYBE, L7_YES, L7_NO },
	       3 * sizeof(claim_answer[0]));
	CHECK(!datagram(1, 0, "a", 0));
	CHECK(datagram(1, 1, "b", PACKET_SNAPPED));
	CHECK(datagram(1, 0, "c", 0));
	CHECK(!datagram(2, 0, "d", 0));
	CHECK(!datagram(2, 0, "e", 0));
	SAW("ask 0 'a';ask 1 'b';datagram 1 'b' snapped;datagram 0 'c';ask 0 'd';");
	finish();
}

/* ---- buffering ---- */

static size_t skip_to_five(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	if (data.ptr[0] == '5') {
		l7_skip(f, dir, 7);
		return 1;
	}
	return data.ptr[0] == 'w' ? (l7_want(f, dir, 4), 0) : data.len;
}

static size_t one_at_a_time(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	buf_printf(&events, " [at %llu start %llu %llu over %u]",
		   (unsigned long long)l7_offset(f, dir), (unsigned long long)l7_start_n(f, dir),
		   (unsigned long long)l7_start_ts(f, dir), l7_segments(f, dir));
	return data.len >= 3 ? 3 : 0;
}

static size_t greedy(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	(void)f;
	(void)dir;
	return data.len + 1000;
}

static size_t nothing(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	(void)f;
	(void)dir;
	(void)data;
	return 0;
}

static unsigned turns;

/* A line of the first side for each of the second; "!" of the first side is the end. */
static size_t in_turns(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	const uint8_t *end = memchr(data.ptr, '\n', data.len);

	if (!end || (dir == L7_ORIG && turns == 0))
		return 0;
	if (data.ptr[0] == '!')
		l7_poison(f, "bad");
	if (dir == L7_ORIG) {
		turns--;
	} else {
		turns++;
		l7_again(f, L7_ORIG);
		l7_again(f, L7_RESP); /* which is just being offered */
	}
	return (size_t)(end - data.ptr) + 1;
}

static void turn_taking(void)
{
	check_case("l7_again offers what one side left unread while it waited for the other");
	BEGIN(0);
	feeding = in_turns;
	turns = 0;
	text(1, 0, 0, "a\nb\n");
	text(1, 1, 0, "x\ny\nz");
	SAW("feed 0 'a\nb\n' 0;feed 1 'x\ny\nz' 2;feed 0 'a\nb\n' 2;feed 0 'b\n' 0;"
	    "feed 1 'y\nz' 2;feed 0 'b\n' 2;feed 1 'z' 0;");
	text(1, 1, 5, "\n");
	SAW("feed 1 'z\n' scanned 1 2;");
	text(1, 0, 4, "c\n!\n");
	SAW("feed 0 'c\n!\n' 2;feed 0 '!\n' 0;");
	text(1, 1, 6, "x\ny\n");
	SAW("feed 1 'x\ny\n' 2;feed 0 '!\n'anomaly log_parse_error 'bad' n 5; 2;end 2;"
	    "session_end 2 messages 0 bytes 8 10 gap 0 'bad' n 5;");
	finish();
}

static void buffering(void)
{
	check_case("unread bytes come again, longer, with the part that was offered before");
	BEGIN(0);
	CHECK(text(1, 0, 0, "ab"));
	CHECK(text(1, 0, 2, "cd"));
	CHECK(text(1, 0, 4, "e\nf"));
	SAW("feed 0 'ab' 0;feed 0 'abcd' scanned 2 0;feed 0 'abcde\nf' scanned 4 6;feed 0 'f' 0;");
	CHECK(text(1, 0, 7, "g\n"));
	SAW("feed 0 'fg\n' scanned 1 3;");
	finish();

	check_case("the directions are buffered apart");
	BEGIN(0);
	text(1, 0, 0, "a");
	text(1, 1, 0, "x");
	text(1, 0, 1, "b\n");
	text(1, 1, 1, "y\n");
	SAW("feed 0 'a' 0;feed 1 'x' 0;feed 0 'ab\n' scanned 1 3;feed 1 'xy\n' scanned 1 3;");
	finish();

	check_case("offset, frame, time and number of segments are those of the first unread byte");
	BEGIN(0);
	feeding = one_at_a_time;
	text(1, 0, 0, "ab");
	text(1, 0, 2, "cdefgh");
	SAW("feed 0 'ab' [at 0 start 1 1 over 1] 0;"
	    "feed 0 'abcdefgh' scanned 2 [at 0 start 1 1 over 2] 3;"
	    "feed 0 'defgh' [at 3 start 2 2 over 1] 3;"
	    "feed 0 'gh' [at 6 start 2 2 over 1] 0;");
	text(1, 0, 8, "i");
	SAW("feed 0 'ghi' scanned 2 [at 6 start 2 2 over 2] 3;");
	text(1, 0, 9, "j");
	SAW("feed 0 'j' [at 9 start 4 4 over 1] 0;");
	finish();

	check_case("l7_want waits for so many bytes, and the end of the side ends the wait");
	BEGIN(0);
	feeding = skip_to_five;
	text(1, 0, 0, "w");
	text(1, 0, 1, "xy");
	SAW("feed 0 'w' 0;");
	text(1, 0, 3, "z");
	SAW("feed 0 'wxyz' scanned 1 0;");
	side_ends(1, 0);
	SAW("feed 0 'wxyz' scanned 4 0;");
	side_ends(1, 0);
	SAW("");
	finish();

	check_case("l7_skip lets bytes by over many segments, without keeping or offering them");
	BEGIN(0);
	feeding = skip_to_five;
	text(1, 0, 0, "5ab");
	SAW("feed 0 '5ab' 1;");
	CHECK_EQ(l7_stats(l7)->memory, 0);
	text(1, 0, 3, "cd");
	SAW("");
	text(1, 0, 5, "efgNEXT");
	SAW("feed 0 'NEXT' 4;");
	finish();

	check_case("a skip goes on across a gap");
	BEGIN(0);
	parser.gap = log_gap;
	feeding = skip_to_five;
	text(1, 0, 0, "5ab");
	CHECK(hole(1, 0, 3, 3));
	text(1, 0, 6, "fgNEXT");
	SAW("feed 0 '5ab' 1;gap 0 3 at 3 why 1;feed 0 'NEXT' 4;");
	finish();

	check_case("a parser that says it read more than there was has read what there was");
	BEGIN(0);
	feeding = greedy;
	text(1, 0, 0, "abc");
	text(1, 0, 3, "def");
	SAW("feed 0 'abc' 1003;feed 0 'def' 1003;");
	finish();

	check_case("more unread bytes than max_buffer poison the flow");
	BEGIN(0);
	parser.max_buffer = 8;
	feeding = nothing;
	CHECK(text(1, 0, 0, "12345678"));
	SAW("feed 0 '12345678' 0;");
	CHECK(text(1, 0, 8, "9"));
	SAW("feed 0 '123456789' scanned 8 0;"
	    "anomaly log_parse_error 'too many unread bytes' n 2;"
	    "end 2;session_end 2 messages 0 bytes 9 0 gap 0 'too many unread bytes' n 2;");
	CHECK(text(1, 0, 9, "a"));
	SAW("");
	CHECK_EQ(l7_stats(l7)->memory, 0);
	finish();
}

static void gaps(void)
{
	check_case("without gap() a hole ends the session, and the rest is not offered");
	BEGIN(0);
	CHECK(text(1, 0, 0, "a"));
	CHECK(hole(1, 0, 1, 5));
	SAW("feed 0 'a' 0;end 1;"
	    "session_end 1 messages 0 bytes 1 0 gap 5 'bytes are missing' n 2;");
	CHECK(text(1, 0, 6, "b\n"));
	CHECK(text(1, 1, 0, "c\n"));
	flow_event(1, REC_flow_event_END, REC_flow_reason_FIN);
	SAW("");
	finish();

	check_case("with gap() unread bytes before the hole go, and reading starts behind it");
	BEGIN(0);
	parser.gap = log_gap;
	text(1, 0, 0, "abc");
	CHECK(hole(1, 0, 3, 10));
	CHECK(text(1, 0, 13, "d\n"));
	SAW("feed 0 'abc' 0;gap 0 10 at 3 why 1;feed 0 'd\n' 2;");
	flow_event(1, REC_flow_event_END, REC_flow_reason_RST);
	SAW("end 0;session_end 0 messages 0 bytes 5 0 gap 10 '' n 4;");
	finish();
}

/* ---- ends ---- */

/* A length-prefixed protocol: a length of '9' and more is nonsense. */
static size_t length_prefixed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	size_t n = (size_t)(data.ptr[0] - '0');

	(void)dir;
	if (n > 8) {
		l7_poison(f, "bad length");
		l7_poison(f, "again");
		l7_done(f);
		return 0;
	}
	if (data.len < 1 + n)
		return 0;
	l7_emit(f, dns, .trans_id = (uint16_t)n);
	return 1 + n;
}

static size_t done_at_x(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	(void)dir;
	if (memchr(data.ptr, 'x', data.len)) {
		l7_done(f);
		l7_poison(f, "too late");
	}
	return data.len;
}

static void endings(void)
{
	check_case(
		"GARBAGE poisons a length-prefixed parser: one anomaly, one session_end, silence");
	BEGIN(0);
	parser.gap = log_gap;
	parser.eof = log_eof;
	parser.tick = log_tick;
	feeding = length_prefixed;
	CHECK(text(1, 0, 0, "2ab1"));
	SAW("tick 1;feed 0 '2ab1'dns 2 port 80 n 1; 3;feed 0 '1' 0;");
	CHECK(text(1, 1, 0, "GARBAGE"));
	SAW("tick 2;feed 1 'GARBAGE'anomaly log_parse_error 'bad length' n 2; 0;"
	    "end 2;session_end 2 messages 1 bytes 4 7 gap 0 'bad length' n 2;");
	CHECK_EQ(anomaly_dir, 1); /* of whose bytes is bad, and where */
	CHECK_EQ(anomaly_offset, 0);
	for (unsigned i = 0; i < 1000; i++)
		CHECK(text(1, i & 1, 7 + i, "GARBAGE"));
	CHECK(hole(1, 0, 2000, 5));
	side_ends(1, 0);
	side_ends(1, 1);
	flow_event(1, REC_flow_event_END, REC_flow_reason_FIN);
	SAW("");
	CHECK_EQ(l7_stats(l7)->poisoned, 1);
	finish();

	check_case("done: one session_end, the rest of the flow passes on");
	BEGIN(0);
	feeding = done_at_x;
	CHECK(text(1, 0, 0, "a"));
	text(1, 0, 1, "bxc");
	SAW("feed 0 'a' 1;feed 0 'bxc' 3;end 3;"
	    "session_end 3 messages 0 bytes 4 0 gap 0 '' n 2;");
	CHECK(!text(1, 0, 4, "d"));
	CHECK(!text(1, 1, 0, "e"));
	flow_event(1, REC_flow_event_END, REC_flow_reason_FIN);
	SAW("");
	finish();

	check_case("datagrams can poison and be done, too");
	BEGIN(0);
	parser.datagram = log_datagram;
	CHECK(datagram(1, 0, "Poison", 0));
	CHECK(datagram(1, 0, "more", 0));
	CHECK(datagram(2, 0, "Done", 0));
	CHECK(!datagram(2, 0, "more", 0));
	SAW("datagram 0 'Poison';anomaly log_parse_error 'bad' n 1;end 2;"
	    "session_end 2 messages 0 bytes 6 0 gap 0 'bad' n 1;"
	    "datagram 0 'Done';end 3;session_end 3 messages 0 bytes 4 0 gap 0 '' n 3;");
	finish();

	check_case("tick comes before every call, eof once a side, end last and once");
	BEGIN(0);
	parser.gap = log_gap;
	parser.eof = log_eof;
	parser.tick = log_tick;
	text(1, 0, 0, "a\n");
	hole(1, 0, 2, 1);
	side_ends(1, 0);
	side_ends(1, 0);
	side_ends(1, 1);
	flow_event(1, REC_flow_event_UPDATE, REC_flow_reason_FIN);
	flow_event(1, REC_flow_event_END, REC_flow_reason_FIN);
	flow_event(1, REC_flow_event_END, REC_flow_reason_FIN);
	SAW("tick 1;feed 0 'a\n' 2;tick 2;gap 0 1 at 2 why 1;tick 3;eof 0 why 1;tick 5;eof 1 why 1;"
	    "tick 7;end 0;session_end 0 messages 0 bytes 2 0 gap 1 '' n 7;");
	finish();

	check_case("a flow that flow evicted ends as evicted");
	BEGIN(0);
	text(1, 0, 0, "a\n");
	events.len = 0;
	flow_event(1, REC_flow_event_END, REC_flow_reason_EVICTED);
	SAW("end 4;session_end 4 messages 0 bytes 2 0 gap 0 '' n 2;");
	finish();

	check_case("the end of the input ends flows by ascending id, each with an n of its own");
	BEGIN(0);
	text(7, 0, 0, "a\n");
	text(3ull << 48 | 2, 0, 0, "b\n");
	text(5, 0, 0, "c\n");
	events.len = 0;
	l7_finish(l7, 100);
	SAW("end 0;session_end 0 messages 0 bytes 2 0 gap 0 '' n 105;"
	    "end 0;session_end 0 messages 0 bytes 2 0 gap 0 '' n 107;"
	    "end 0;session_end 0 messages 0 bytes 2 0 gap 0 '' n 102;");
	l7_finish(l7, 100);
	SAW("");
	finish();
}

/* ---- caps ---- */

static unsigned violations;

static size_t violate(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	for (unsigned i = 0; i < violations; i++)
		l7_violation(f, dir, "log_odd", REC_severity_NOTE, NULL, NULL, NULL);
	if (memchr(data.ptr, '!', data.len))
		l7_poison(f, "enough");
	return data.len;
}

static unsigned count_events(const char *what)
{
	unsigned n = 0;

	buf_add_byte(&events, 0);
	for (const char *at = (char *)events.ptr; (at = strstr(at, what)); at++)
		n++;
	events.len--;
	return n;
}

static size_t scratching(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	uint8_t *a = l7_scratch(f, 100), *b = l7_scratch(f, 100000), *c, *d = NULL;
	size_t got = 112 + 100000;

	(void)dir;
	CHECK(a && b);
	if (!a || !b)
		return data.len;
	memset(a, 1, 100);
	memset(b, 2, 100000);
	while ((c = l7_scratch(f, 30000))) {
		memset(c, 3, 30000);
		got += 30000;
		d = c;
	}
	CHECK(d && (uintptr_t)d % 16 == 0);
	CHECK(got <= 1 << 20);
	CHECK(got > (1 << 20) - 2 * 30000);
	CHECK(l7_scratch(f, (size_t)-16) == NULL);
	CHECK(a[99] == 1 && b[0] == 2 && b[99999] == 2);
	return data.len;
}

static void caps(void)
{
	check_case("beyond max_flows the least recently used goes, and says so");
	BEGIN(.max_flows = 3);
	for (uint64_t id = 1; id <= 3; id++)
		text(id, 0, 0, "a\n");
	text(1, 0, 2, "b\n");
	events.len = 0;
	text(4, 0, 0, "c\n");
	SAW("end 4;session_end 4 messages 0 bytes 2 0 gap 0 '' n 5;feed 0 'c\n' 2;");
	CHECK_EQ(l7_stats(l7)->flows, 3);
	CHECK_EQ(l7_stats(l7)->evicted, 1);
	/* What follows of it is no start, so it is left alone. */
	CHECK(!text(2, 0, 2, "d\n"));
	finish();

	check_case("a flood of flows costs no more than max_flows of them");
	BEGIN(.max_flows = 10);
	for (uint64_t id = 1; id <= 5000; id++) {
		text(id, 0, 0, "abc");
		events.len = 0;
	}
	CHECK_EQ(l7_stats(l7)->flows, 10);
	CHECK_EQ(l7_stats(l7)->evicted, 4990);
	CHECK(l7_stats(l7)->memory <= 10 * 512);
	finish();

	check_case("beyond max_memory the flow that has most is given up, the others go on");
	BEGIN(.max_memory = 3000);
	text(1, 0, 0, "a");
	events.len = 0;
	for (unsigned i = 0; i < 5000; i++)
		CHECK(text(2, 0, i, "b"));
	CHECK_EQ(count_events("session_end 4"), 1);
	CHECK_EQ(count_events("memory limit of the parser"), 1);
	CHECK_EQ(l7_stats(l7)->evicted, 1);
	CHECK(l7_stats(l7)->memory_peak <= 3000 + 4096);
	events.len = 0;
	text(1, 0, 1, "\n");
	SAW("feed 0 'a\n' scanned 1 2;");
	finish();

	check_case("at most 32 anomalies a flow, the others are counted; the poison always comes");
	BEGIN(0);
	feeding = violate;
	violations = 40;
	text(1, 0, 0, "a");
	CHECK_EQ(count_events("anomaly log_odd"), 32);
	CHECK_EQ(l7_stats(l7)->anomalies_suppressed, 8);
	events.len = 0;
	text(2, 0, 0, "a");
	CHECK_EQ(count_events("anomaly log_odd"), 32);
	events.len = 0;
	violations = 0;
	text(1, 0, 1, "!");
	CHECK_EQ(count_events("anomaly log_parse_error"), 1);
	finish();

	check_case("scratch is 1 MiB a callback, aligned, and whole again for the next");
	BEGIN(0);
	feeding = scratching;
	text(1, 0, 0, "a");
	text(1, 0, 1, "b");
	finish();
}

/* ---- cost ---- */

static size_t scan_hinted(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	size_t from = l7_scanned(f, dir);
	const uint8_t *end = memchr(data.ptr + from, '\n', data.len - from);

	return end ? (size_t)(end - data.ptr) + 1 : 0;
}

static double one_byte_segments(size_t n)
{
	struct timespec a, b;

	BEGIN(0);
	parser.max_buffer = n + 1;
	parser.feed = scan_hinted;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (size_t i = 0; i < n; i++)
		text(1, 0, i, "x");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	finish();
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static void cost(void)
{
	double few = 1e9, many = 1e9;

	/* 2.5 for each doubling. */
	check_case(
		"eight times as many 1-byte segments of one message cost at most 15 times as much");
	for (int i = 0; i < 7; i++) {
		double a = one_byte_segments(25000), b = one_byte_segments(200000);

		few = a < few ? a : few;
		many = b < many ? b : many;
	}
	if (many > 15 * few)
		printf("# %.1f ms and %.1f ms\n", few * 1e3, many * 1e3);
	CHECK(many <= 15 * few);
}

/* A claimed one, a poisoned one, one that is done, and one of which too little is known. */
static void leaving(void)
{
	struct rec_head h = { REC_stream_end, 0, 1, 0 };
	struct rec_stream_end gone = { .dir = 0, .reason = REC_stream_reason_SWAPPED };

	check_case(
		"who leaves flows to a successor says so of each that it had in progress, by id");
	BEGIN(0);
	parser.datagram = log_datagram;
	parser.claims = log_claims;
	memcpy(claim_answer, (enum l7_claim[]){ L7_YES, L7_YES, L7_YES, L7_NO, L7_MAYBE, L7_MAYBE },
	       6 * sizeof(enum l7_claim));
	text(7, 0, 0, "a\nb");
	datagram(5, 0, "Poison", 0);
	datagram(6, 0, "Done", 0);
	text(3, 0, 0, "x");
	text(2, 0, 0, "y");
	datagram(4, 0, "z", 0);
	events.len = 0;
	l7_leave(l7, 77, 7);
	SAW("session_end 5 messages 0 bytes 0 0 gap 0 '' n 77;"
	    "session_end 5 messages 0 bytes 6 0 gap 0 'bad' n 77;"
	    "end 5;session_end 5 messages 0 bytes 3 0 gap 0 '' n 77;");
	CHECK_EQ(l7_stats(l7)->swapped, 3);
	finish();

	check_case("a stream or a flow whose own stage was swapped ends the session as swapped");
	BEGIN(0);
	text(1, 0, 0, "a\n");
	text(2, 0, 0, "b\n");
	events.len = 0;
	l7_stream_end(l7, &h, &gone);
	flow_event(2, REC_flow_event_END, REC_flow_reason_SWAPPED);
	SAW("end 5;session_end 5 messages 0 bytes 2 0 gap 0 '' n 0;"
	    "end 5;session_end 5 messages 0 bytes 2 0 gap 0 '' n 3;");
	CHECK(text(1, 0, 2, "c\n"));
	SAW("");
	finish();
}

int main(void)
{
	claims();
	buffering();
	turn_taking();
	gaps();
	endings();
	leaving();
	caps();
	cost();
	buf_release(&events);
	return check_end();
}
