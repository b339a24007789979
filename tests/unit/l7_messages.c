/* l7_messages: what a parser is given of an SCTP association: messages, each whole. */
#include "libcommon/stage/l7.h"

#include <string.h>

#include "tests/unit/check.h"
#include "libcommon/base/buf.h"

enum { BEGIN = STREAM_MSG_BEGIN, END = STREAM_MSG_END, BOTH = BEGIN | END, U = STREAM_UNORDERED };

static struct buf events;
static struct l7 *l7;
static uint64_t now, offset;
static uint32_t tsn;
static enum l7_claim answer;

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

static enum l7_claim log_claims(const struct l7_first *first)
{
	CHECK_EQ(first->proto, 132);
	buf_printf(&events, "ask %u ppid %u '%.*s';", first->sid, first->ppid, (int)first->data.len,
		   (const char *)first->data.ptr);
	return answer;
}

static void log_message(struct l7_flow *f, enum l7_dir dir, const struct l7_message *m)
{
	buf_printf(&events, "%d.%u.%u%s '%.*s'", dir, m->sid, m->ssn, m->unordered ? "u" : "",
		   m->data.len > 40 ? 40 : (int)m->data.len, (const char *)m->data.ptr);
	if (m->len != m->data.len)
		buf_printf(&events, " of %llu", (unsigned long long)m->len);
	CHECK_EQ(l7_snapped(f), m->len != m->data.len);
	if (l7_segments(f, dir) > 1)
		buf_printf(&events, " in %u from %llu at %llu", l7_segments(f, dir),
			   (unsigned long long)l7_start_n(f, dir),
			   (unsigned long long)l7_offset(f, dir));
	buf_printf(&events, ";");
	if (m->data.len && m->data.ptr[0] == 'P')
		l7_poison(f, "told to");
}

static void log_lost(struct l7_flow *f, enum l7_dir dir, uint16_t sid, uint64_t messages)
{
	(void)f;
	buf_printf(&events, "lost %d.%u %llu;", dir, sid, (unsigned long long)messages);
}

static size_t never_feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	(void)f, (void)dir, (void)data;
	buf_printf(&events, "feed!;");
	return 0;
}

static void never_gap(struct l7_flow *f, enum l7_dir dir, uint64_t n, enum rec_gap_reason why)
{
	(void)f, (void)dir, (void)n, (void)why;
	buf_printf(&events, "gap!;");
}

static void log_eof(struct l7_flow *f, enum l7_dir dir, enum rec_stream_reason why)
{
	(void)f, (void)why;
	buf_printf(&events, "eof %d;", dir);
}

static void on_record(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	const struct rec_session_end *e = rec;

	(void)ctx, (void)h;
	if (desc != &rec_session_end_desc)
		return;
	buf_printf(&events, "end %d bytes %llu gap %llu;", e->reason,
		   (unsigned long long)e->orig_bytes, (unsigned long long)e->gap_bytes);
}

static struct l7_parser parser;

static void begin_with(const char *title, size_t max_buffer, size_t max_memory)
{
	static const struct l7_host host = { NULL, on_record };
	struct l7_limits limits = { .max_memory = max_memory };

	check_case(title);
	parser = (struct l7_parser){ .name = "log",
				     .max_buffer = max_buffer,
				     .feed = never_feed,
				     .gap = never_gap,
				     .message = log_message,
				     .lost = log_lost,
				     .eof = log_eof };
	now = offset = 0;
	tsn = 100;
	events.len = 0;
	l7 = l7_new(&parser, &host, &limits);
}

static void begin(const char *title)
{
	begin_with(title, 0, 0);
}

static void finish(void)
{
	l7_finish(l7, now);
	CHECK_EQ(l7_stats(l7)->memory, 0);
	CHECK_EQ(l7_stats(l7)->flows, 0);
	l7_free(l7);
	events.len = 0;
}

static bool put(uint32_t flags, uint16_t sid, uint32_t ssn, uint64_t gap, enum rec_gap_reason why,
		struct bytes data)
{
	struct rec_head h = { REC_stream, now + 1, 7, now + 1 };
	struct rec_stream s = { .ip_version = 4,
				.proto = 132,
				.orig_p = 1234,
				.resp_p = 36412,
				.flags = flags,
				.offset = offset,
				.gap = gap,
				.gap_reason = (uint8_t)why,
				.sid = sid,
				.ssn = ssn,
				.tsn = tsn,
				.ppid = 46,
				.payload = data };

	now++;
	offset += data.len;
	return l7_stream(l7, &h, &s);
}

/* A chunk of user data under the next TSN. */
static bool chunk(uint32_t flags, uint16_t sid, uint32_t ssn, const char *text)
{
	tsn++;
	return put(flags, sid, ssn, 0, REC_gap_reason_NONE, bytes_str(text));
}

/* So many TSNs that nobody has seen. */
static void lose(uint32_t n)
{
	tsn++;
	put(STREAM_LOST_CHUNKS, 0, 0, n, REC_gap_reason_ACKED, BYTES("", 0));
	tsn += n - 1;
}

/* ---- cases ---- */

static void test_interleaved(void)
{
	begin("messages of several streams come whole, however their pieces are mixed");
	CHECK(chunk(BEGIN, 1, 0, "GET /"));
	chunk(BOTH, 2, 0, "other");
	chunk(BEGIN, 3, 0, "third ");
	chunk(0, 1, 0, " HTTP");
	chunk(BEGIN | U, 1, 0, "un");
	chunk(END, 3, 0, "one");
	chunk(END | U, 1, 0, "ordered");
	chunk(END, 1, 0, "/1.1");
	chunk(BOTH | U, 1, 5, "alone");
	SAW("0.2.0 'other';0.3.0 'third one' in 2 from 3 at 10;"
	    "0.1.0u 'unordered' in 2 from 5 at 21;0.1.0 'GET / HTTP/1.1' in 3 from 1 at 0;"
	    "0.1.5u 'alone';");
	finish();
}

static void test_unordered(void)
{
	begin("a whole unordered message that comes before the rest of one leaves that open");
	chunk(BEGIN | U, 1, 0, "be");
	tsn++; /* to come again */
	chunk(BOTH | U, 1, 0, "alone");
	tsn -= 2;
	chunk(END | U, 1, 0, "gun");
	SAW("0.1.0u 'alone';0.1.0u 'begun' in 2 from 1 at 0;");
	finish();
}

static void test_losses(void)
{
	begin("lost chunks are no bytes, and what lacks a piece is lost, never joined");
	chunk(BEGIN, 1, 0, "begun");
	lose(1);
	put(STREAM_LOST_PART, 1, 0, 1, REC_gap_reason_ACKED, BYTES("", 0));
	chunk(END, 1, 0, "end");
	chunk(BOTH, 1, 1, "next");
	put(STREAM_LOST_MESSAGES, 1, 2, 3, REC_gap_reason_ABANDONED, BYTES("", 0));
	chunk(BOTH, 1, 5, "later");
	SAW("lost 0.1 1;0.1.1 'next';lost 0.1 3;0.1.5 'later';");
	l7_finish(l7, now);
	SAW("end 0 bytes 17 gap 0;");
	finish();

	begin("of an unordered message a lost piece is told by its TSNs");
	chunk(BEGIN | U, 1, 0, "a");
	lose(1);
	chunk(END | U, 1, 0, "c");
	chunk(BEGIN | U, 1, 0, "A");
	lose(2);
	chunk(BEGIN | U, 1, 0, "B"); /* another: the end of the first was lost */
	chunk(END | U, 1, 0, "C");
	chunk(END | U, 1, 0, "D"); /* its beginning was lost */
	SAW("lost 0.1 1;lost 0.1 1;0.1.0u 'BC' in 2 from 6 at 3;lost 0.1 1;");
	finish();

	begin("a message stays whole where chunks of others were lost before or behind it");
	chunk(BEGIN, 1, 0, "a");
	tsn += 5; /* they came before their turn */
	chunk(0, 1, 0, "b");
	put(STREAM_LOST_CHUNKS, 0, 0, 5, REC_gap_reason_ACKED, BYTES("", 0));
	chunk(END, 1, 0, "c");
	SAW("0.1.0 'abc' in 3 from 1 at 0;");
	finish();
}

static void test_front(void)
{
	begin("what the capture lacks of a message is counted as bytes, its front is given");
	tsn++;
	put(BEGIN, 1, 0, 0, REC_gap_reason_NONE, bytes_str("front"));
	put(END, 1, 0, 10, REC_gap_reason_SNAPPED, BYTES("", 0));
	chunk(BEGIN, 1, 1, "one ");
	put(0, 1, 1, 4, REC_gap_reason_SNAPPED, BYTES("", 0));
	chunk(END, 1, 1, "never behind a hole");
	SAW("0.1.0 'front' of 15 in 2 from 1 at 0;0.1.1 'one ' of 27 in 3 from 3 at 5;");
	l7_finish(l7, now);
	SAW("end 0 bytes 28 gap 14;");
	finish();

	begin_with("a message longer than may be kept is given with its front and its length", 10,
		   0);
	chunk(BEGIN, 1, 0, "0123456");
	chunk(BEGIN, 2, 0, "abcdefg"); /* the bytes of all open messages are counted */
	chunk(END, 1, 0, "789");
	chunk(END, 2, 0, "hij");
	chunk(BOTH, 1, 1, "not kept, so it may be long");
	SAW("0.1.0 '0123456' of 10 in 2 from 1 at 0;0.2.0 'abc' of 10 in 2 from 2 at 7;"
	    "0.1.1 'not kept, so it may be long';");
	finish();
}

static void test_bounds(void)
{
	char text[64];

	begin("of 65 messages without an end the first is given up");
	for (uint16_t sid = 0; sid < 65; sid++)
		chunk(BEGIN, sid, 0, "x");
	SAW("lost 0.0 1;");
	for (uint16_t sid = 0; sid < 65; sid++)
		chunk(END, sid, 0, "y");
	snprintf(text, sizeof(text), "0.1.0 'xy' in 2 from 2 at 1;");
	CHECK(events.len > 64 * 20 && !memcmp(events.ptr, text, strlen(text)));
	events.len = 0;
	finish();

	begin_with("beyond the memory of all flows the session ends", 0, 3000);
	for (uint16_t sid = 0; sid < 60; sid++)
		chunk(BEGIN, sid, 0, "some text that is kept until the end comes");
	CHECK_EQ(l7_stats(l7)->evicted, 1);
	CHECK_EQ(l7_stats(l7)->memory, 0);
	finish();
}

static void test_ends(void)
{
	struct rec_stream_end e = { .reason = REC_stream_reason_FIN };
	struct rec_head h = { REC_stream_end, 50, 7, 50 };

	begin("what is open where the direction ends is lost; then comes eof()");
	chunk(BEGIN, 1, 0, "begun");
	chunk(BOTH, 2, 0, "whole");
	l7_stream_end(l7, &h, &e);
	SAW("0.2.0 'whole';lost 0.1 1;eof 0;");
	finish();

	begin("a parser that gives up in a message gets no more");
	chunk(BEGIN, 3, 0, "open");
	chunk(BOTH, 1, 0, "P");
	CHECK(chunk(BOTH, 1, 1, "more"));
	chunk(END, 3, 0, "end");
	SAW("0.1.0 'P';end 2 bytes 5 gap 0;");
	finish();
}

static void test_claims(void)
{
	begin("a parser of byte streams gets nothing of SCTP, and is not asked");
	parser.message = NULL;
	parser.claims = log_claims;
	CHECK(!chunk(BOTH, 1, 0, "GET / HTTP/1.1"));
	CHECK(l7_is_other(l7, 7));
	SAW("");
	finish();

	begin("claims are asked with stream and protocol id, until they say yes or no");
	parser.claims = log_claims;
	answer = L7_MAYBE;
	CHECK(!chunk(BEGIN, 4, 0, "what"));
	CHECK(!chunk(END, 4, 0, "ever"));
	answer = L7_YES;
	CHECK(chunk(BOTH, 1, 0, "mine"));
	SAW("ask 4 ppid 46 'what';ask 1 ppid 46 'mine';0.1.0 'mine';");
	finish();

	begin("an association that is not claimed passes on");
	parser.claims = log_claims;
	answer = L7_NO;
	CHECK(!chunk(BOTH, 4, 0, "x"));
	CHECK(!chunk(BOTH, 4, 1, "y"));
	SAW("ask 4 ppid 46 'x';");
	finish();
}

int main(void)
{
	test_interleaved();
	test_unordered();
	test_losses();
	test_front();
	test_bounds();
	test_ends();
	test_claims();
	buf_release(&events);
	return check_end();
}
