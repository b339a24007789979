/* dns: transactions, claims, TCP framing, gaps, limits and cost, through the engine of l7.h. */
#include <string.h>
#include <time.h>

#include "tests/unit/check.h"
#include "tests/unit/dns_build.h"

static struct run run;

/* The log since the last look has to be exactly this. */
static bool log_is(const char *want)
{
	const char *got = run_log(&run);
	bool same = !strcmp(got, want);

	if (!same)
		printf("# got:\n%s# want:\n%s", got, want);
	buf_clear(&run.log);
	return same;
}

static void packet(int dir, double at, uint64_t n, struct buf *b)
{
	run_packet(&run, dir, at, n, buf_bytes(b));
	buf_clear(b);
}

/* First of all: no transaction is there to be used again. */
static void test_memory(void)
{
	struct dns_config *c = dns_parser.config;
	uint64_t most = c->max_memory;
	struct buf b = { 0 };

	check_case("memory for waiting has a bound; beyond, a query is reported at once");
	c->max_memory = 10;
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_query(&b, 5, "example.com", 1);
	packet(0, 1, 1, &b);
	c->max_memory = most;
	CHECK(log_is("dns_pending_full\nn=1 unanswered id=5 example.com A\n"));
	run_finish(&run, 2, 2);
	run_free(&run);

	check_case(
		"where it is full, flows that are silent for longest give way to those that ask");
	c->max_memory = 3 * 1440;
	run_start(&run, IPPROTO_UDP, 4000, 53);
	for (unsigned i = 0; i < 1000; i++) {
		run.flow = 10 + i;
		put_query(&b, i, "flood.example", 1);
		packet(0, 1, 1 + i, &b);
	}
	c->max_memory = most;
	CHECK_EQ(run.dns, 1000 - 24);
	CHECK_EQ(run.anomalies, 0);
	CHECK(strstr(run_log(&run),
		     "n=25 unanswered id=0 flood.example A\nsession_end evicted 1\n"));
	buf_clear(&run.log);
	run.flow = 5000;
	put_query(&b, 7, "example.com", 1);
	packet(0, 2, 1001, &b);
	buf_clear(&run.log);
	put_answer(&b, 7, "example.com", 1);
	packet(1, 2, 1002, &b);
	CHECK(log_is("n=1002 answered id=7 example.com A rcode=0 rtt=0ms responses=1 "
		     "[192.0.2.1]\n"));
	CHECK_EQ(l7_stats(run.l7)->evicted, 1001 - 24);
	run_finish(&run, 3, 1003);
	run_free(&run);
	buf_release(&b);
}

static void test_pairs(void)
{
	struct buf b = { 0 };

	check_case("a response half a second after its query gives one record, answered");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_query(&b, 0x1234, "example.com", 1);
	packet(0, 10.0, 1, &b);
	CHECK(log_is(""));
	put_answer(&b, 0x1234, "example.com", 1);
	packet(1, 10.5, 2, &b);
	CHECK(log_is("n=2 answered id=4660 example.com A rcode=0 rtt=500ms responses=1 "
		     "[192.0.2.1]\n"));
	CHECK_EQ(run.last_ts, 10000000000);
	CHECK_EQ(run.last.first_n.v, 1);
	CHECK_EQ(run.last.req_len.v, 29);
	CHECK_EQ(run.last.resp_len.v, 45);
	CHECK(run.last.rd.set && run.last.rd.v && run.last.ra.v && run.last.aa.set &&
	      !run.last.aa.v);

	check_case("a second response to the same query gives another record that counts it");
	put_answer(&b, 0x1234, "example.com", 1);
	packet(1, 10.75, 3, &b);
	CHECK(log_is("n=3 answered id=4660 example.com A rcode=0 rtt=750ms responses=2 "
		     "[192.0.2.1]\n"));
	run_finish(&run, 20, 4);
	CHECK(log_is("session_end eof 2\n"));
	run_free(&run);

	check_case("A and AAAA asked back to back with one id are two transactions");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_query(&b, 7, "example.com", 1);
	packet(0, 1, 1, &b);
	put_query(&b, 7, "example.com", 28);
	packet(0, 1, 2, &b);
	CHECK(log_is("dns_id_reuse\n"));
	put_answer(&b, 7, "example.com", 28);
	packet(1, 2, 3, &b);
	put_answer(&b, 7, "example.com", 1);
	packet(1, 3, 4, &b);
	CHECK(log_is("n=3 answered id=7 example.com AAAA rcode=0 rtt=1000ms responses=1 "
		     "[192.0.2.1]\n"
		     "n=4 answered id=7 example.com A rcode=0 rtt=2000ms responses=1 "
		     "[192.0.2.1]\n"));

	check_case("a query sent again counts as a retry, the time runs from the first");
	put_query(&b, 8, "ExAmple.com", 1);
	packet(0, 4, 5, &b);
	put_query(&b, 8, "eXample.com", 1);
	packet(0, 5, 6, &b);
	put_answer(&b, 8, "EXAMPLE.com", 1);
	packet(1, 6, 7, &b);
	CHECK(log_is("n=7 answered id=8 ExAmple.com A rcode=0 rtt=2000ms retries=1 responses=1 "
		     "[192.0.2.1]\n"));

	check_case("a response to another name, or to no query, is unsolicited");
	put_query(&b, 9, "example.com", 1);
	packet(0, 7, 8, &b);
	put_answer(&b, 9, "example.net", 1);
	packet(1, 8, 9, &b);
	CHECK(log_is("dns_unsolicited\n"
		     "n=9 unsolicited id=9 example.net A rcode=0 responses=1 [192.0.2.1]\n"));
	put_answer(&b, 9, "example.com", 1);
	packet(0, 8, 10, &b);
	CHECK(log_is("dns_unsolicited\n"
		     "n=10 unsolicited id=9 example.com A rcode=0 responses=1 [192.0.2.1]\n"));

	check_case("a response without a question is matched by its id");
	put_header(&b, 9, 0x8181, 0, 0, 0, 0);
	packet(1, 9, 11, &b);
	CHECK(log_is("n=11 answered id=9 example.com A rcode=1 rtt=2000ms responses=1\n"));

	check_case("the response to an inverse query has the question that the query asks for");
	put_header(&b, 12, 0x0900, 0, 1, 0, 0);
	buf_add(&b, "\0\0\1\0\1\0\0\0\0\0\4\xc0\0\2\1", 15);
	packet(0, 10, 12, &b);
	put_header(&b, 12, 0x8980, 1, 1, 0, 0);
	put_question(&b, "example.com", 1);
	put_rr(&b, 1, 0, "\xc0\x00\x02\x01", 4);
	packet(1, 11, 13, &b);
	CHECK(log_is("n=13 answered id=12 example.com A rcode=0 rtt=1000ms responses=1 "
		     "[192.0.2.1]\n"));
	run_free(&run);
	buf_release(&b);
}

static void test_timeouts(void)
{
	struct buf b = { 0 };

	check_case("a query is not given up after 5 s, but at the next packet after 30 s");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_query(&b, 1, "one.example", 1);
	packet(0, 10, 1, &b);
	put_query(&b, 2, "two.example", 1);
	packet(0, 15, 2, &b);
	put_query(&b, 3, "three.example", 1);
	packet(0, 39.9, 3, &b);
	CHECK(log_is(""));
	put_query(&b, 4, "four.example", 1);
	packet(0, 40, 4, &b);
	CHECK(log_is("n=4 unanswered id=1 one.example A\n"));
	CHECK_EQ(run.last_ts, 10000000000);

	check_case("a response after that is late, and tells how late");
	put_answer(&b, 1, "one.example", 1);
	packet(1, 41, 5, &b);
	CHECK(log_is("n=5 late id=1 one.example A rcode=0 rtt=31000ms responses=1 "
		     "[192.0.2.1]\n"));

	check_case("what still waits when the flow ends is unanswered, in order");
	run_finish(&run, 42, 6);
	CHECK(log_is("n=6 unanswered id=2 two.example A\n"
		     "n=6 unanswered id=3 three.example A\n"
		     "n=6 unanswered id=4 four.example A\n"
		     "session_end eof 5\n"));
	run_free(&run);

	check_case("the end of the input reports them as well, with an n of their own");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_query(&b, 1, "one.example", 1);
	packet(0, 10, 1, &b);
	l7_finish(run.l7, 100);
	CHECK(log_is("n=101 unanswered id=1 one.example A\nsession_end eof 1\n"));
	run_free(&run);
	buf_release(&b);
}

static void test_bounds(void)
{
	struct buf b = { 0 };
	char name[64];

	check_case("256 transactions wait per flow; the oldest gives way, and this is told");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	for (unsigned i = 0; i < 256; i++) {
		snprintf(name, sizeof(name), "n%u.example", i);
		put_query(&b, i, name, 1);
		packet(0, 1, i, &b);
	}
	CHECK(log_is(""));
	put_query(&b, 1000, "more.example", 1);
	packet(0, 1, 300, &b);
	CHECK(log_is("n=300 unanswered id=0 n0.example A\ndns_pending_full\n"));
	put_answer(&b, 1, "n1.example", 1);
	packet(1, 1, 301, &b);
	put_query(&b, 1001, "still.example", 1);
	packet(0, 1, 302, &b);
	CHECK(log_is("n=301 answered id=1 n1.example A rcode=0 rtt=0ms responses=1 "
		     "[192.0.2.1]\n"));
	run_finish(&run, 2, 303);
	CHECK_EQ(run.dns, 2 + 256);
	run_free(&run);

	check_case("a flood of queries that nobody answers gives a record for each");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "n%u.example", i);
		put_query(&b, i, name, 1);
		packet(0, 1, i, &b);
	}
	run_finish(&run, 2, 5000);
	CHECK_EQ(run.dns, 5000);
	run_free(&run);

	check_case("a long query is kept in part, which its record says where it shows");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_header(&b, 6, 0x2800, 1, 0, 200, 0);
	put_question(&b, "example.com", 6);
	for (int i = 0; i < 200; i++)
		put_rr(&b, 1, 60, "\300\000\002\001", 4);
	packet(0, 1, 1, &b);
	run_finish(&run, 2, 2);
	CHECK(strstr(run_log(&run), "cut=authorities\n") != NULL);
	run_free(&run);

	check_case("what is missing of a long update is named where it was answered, too");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_header(&b, 6, 0x2800, 1, 0, 200, 1);
	put_question(&b, "example.com", 6);
	for (int i = 0; i < 201; i++)
		put_rr(&b, 1, 60, "\300\000\002\001", 4);
	packet(0, 1, 1, &b);
	put_header(&b, 6, 0xa800, 0, 0, 0, 0);
	packet(1, 1, 2, &b);
	CHECK(strstr(run_log(&run), "cut=authorities cut=additionals\n") != NULL);
	run_free(&run);

	check_case("a long query's sections are not missed where those of the response are shown");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_header(&b, 6, 0x0000, 1, 0, 200, 0);
	put_question(&b, "example.com", 1);
	for (int i = 0; i < 200; i++)
		put_rr(&b, 1, 60, "\300\000\002\001", 4);
	packet(0, 1, 1, &b);
	put_answer(&b, 6, "example.com", 1);
	packet(1, 1, 2, &b);
	CHECK(log_is("n=2 answered id=6 example.com A rcode=0 rtt=0ms responses=1 "
		     "[192.0.2.1]\n"));
	run_free(&run);
	buf_release(&b);
}

static void test_claims(void)
{
	struct buf b = { 0 };

	check_case("junk before the first message on port 53 passes on, the message is taken");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	CHECK(!run_packet(&run, 0, 1, 1, BYTES_LIT("x")));
	CHECK(!run_packet(&run, 0, 1, 2, BYTES_LIT("GET / HTTP/1.0\r\n\r\n")));
	put_query(&b, 1, "example.com", 1);
	CHECK(run_packet(&run, 0, 1, 3, buf_bytes(&b)));
	run_free(&run);

	check_case("on another port a perfect query is taken, anything less passes on");
	run_start(&run, IPPROTO_UDP, 4000, 5300);
	CHECK(run_packet(&run, 0, 1, 1, buf_bytes(&b)));
	run_free(&run);
	run_start(&run, IPPROTO_UDP, 4000, 5300);
	CHECK(!run_packet(&run, 0, 1, 1, BYTES(b.ptr, b.len - 1)));
	CHECK(!run_packet(&run, 0, 1, 2, buf_bytes(&b)));
	run_free(&run);
	run_start(&run, IPPROTO_UDP, 137, 137);
	CHECK(!run_packet(&run, 0, 1, 1, buf_bytes(&b)));
	run_free(&run);

	check_case(
		"an operation that does not exist is told, its message is a record all the same");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	b.ptr[2] = 0x49;
	packet(0, 1, 1, &b);
	CHECK(log_is("dns_invalid_opcode\n"));
	run_finish(&run, 2, 2);
	CHECK(log_is("n=2 unanswered id=1 example.com A\nsession_end eof 1\n"));
	CHECK_EQ(run.last.opcode, 9);
	run_free(&run);
	put_query(&b, 1, "example.com", 1);

	check_case("HTTP on TCP port 53 passes on");
	run_start(&run, IPPROTO_TCP, 4000, 53);
	CHECK(!run_stream(&run, 0, 1, 1, BYTES_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0));
	run_free(&run);

	check_case("multicast DNS is not paired: a record for each message, no anomaly");
	run_start(&run, IPPROTO_UDP, 5353, 5353);
	packet(0, 1, 1, &b);
	put_answer(&b, 0, "host.local", 1);
	packet(0, 1, 2, &b);
	CHECK(log_is("n=1 unanswered id=1 example.com A\n"
		     "n=2 unsolicited id=0 host.local A rcode=0 responses=1 [192.0.2.1]\n"));
	run_free(&run);

	check_case("what a client asks of port 53 is DNS, from any port");
	static const uint16_t ports[] = { 137, 5353, 5355 };
	for (size_t i = 0; i < 3; i++) {
		run_start(&run, IPPROTO_UDP, ports[i], 53);
		put_query(&b, 1, "example.com", 1);
		packet(0, 1, 1, &b);
		put_answer(&b, 1, "example.com", 1);
		packet(1, 1, 2, &b);
		CHECK(log_is("n=2 answered id=1 example.com A rcode=0 rtt=0ms responses=1 "
			     "[192.0.2.1]\n"));
		run_free(&run);
	}

	check_case("a broken question gives an anomaly and no record");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_query(&b, 1, "example.com", 1);
	packet(0, 1, 1, &b);
	put_header(&b, 2, 0x0100, 1, 0, 0, 0);
	buf_add(&b, "\300\014\000\001\000\001", 6);
	packet(0, 1, 2, &b);
	buf_add(&b, "abc", 3);
	packet(0, 1, 3, &b);
	CHECK(log_is("dns_ptr_loop\ndns_short_message\n"));
	run_free(&run);

	check_case(
		"bytes behind the last record, and a label beyond the message, have their names");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_query(&b, 2, "example.com", 1);
	buf_add(&b, "xyz", 3);
	packet(0, 1, 1, &b);
	put_header(&b, 1, 0x0100, 1, 0, 0, 0);
	buf_add(&b, "\077abc\000\000\001\000\001", 9);
	packet(0, 1, 2, &b);
	CHECK(log_is("dns_trailing_bytes\ndns_label_overrun\n"));
	run_free(&run);

	check_case("what a snapped packet lacks is no fault of the message, and is named");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_query(&b, 2, "example.com", 1);
	packet(0, 1, 1, &b);
	put_header(&b, 2, 0x8180, 1, 3, 0, 1);
	put_question(&b, "example.com", 1);
	for (int i = 0; i < 3; i++)
		put_rr(&b, 1, 60, "\300\000\002\001", 4);
	run.lacking = 31;
	b.len -= 20;
	packet(1, 1, 2, &b);
	CHECK(log_is("n=2 answered id=2 example.com A rcode=0 rtt=0ms responses=1 "
		     "[192.0.2.1] cut=answers cut=additionals\n"));
	CHECK_EQ(run.last.resp_len.v, 29 + 48 - 20 + 31);
	put_query(&b, 3, "example.com", 1);
	b.len = 20;
	packet(0, 1, 3, &b);
	b.len = 5;
	packet(0, 1, 4, &b);
	CHECK(log_is("dns_snapped\ndns_snapped\n"));
	run.lacking = 0;
	run_free(&run);

	check_case("the query's EDNS shows where the response has none");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_header(&b, 3, 0x0100, 1, 0, 0, 1);
	put_question(&b, "example.com", 1);
	buf_add(&b, "\000\000\051\020\000\000\000\000\000\000\013", 11);
	buf_add(&b, "\000\010\000\007\000\001\030\000\300\000\002", 11);
	packet(0, 1, 1, &b);
	put_answer(&b, 3, "example.com", 1);
	packet(1, 1, 2, &b);
	CHECK(log_is("n=2 answered id=3 example.com A rcode=0 rtt=0ms responses=1 [192.0.2.1] "
		     "ecs=192.0.2.0/24/0\n"));
	CHECK_EQ(run.last.edns_udp_size.v, 4096);
	run_free(&run);

	check_case("an update's records are those of its query");
	run_start(&run, IPPROTO_UDP, 4000, 53);
	put_header(&b, 4, 0x2800, 1, 1, 0, 0);
	put_question(&b, "example.com", 6);
	put_rr(&b, 1, 0, "\300\000\002\007", 4);
	packet(0, 1, 1, &b);
	put_header(&b, 4, 0xa800, 0, 0, 0, 0);
	packet(1, 1, 2, &b);
	CHECK(log_is("n=2 answered id=4 example.com SOA rcode=0 rtt=0ms responses=1 "
		     "[192.0.2.7]\n"));
	run_free(&run);
	buf_release(&b);
}

/* Both directions of a conversation over TCP: a bad frame, three queries at once, responses out
 * of order, a transfer of three messages, a length below a header's. */
static void conversation(struct buf *orig, struct buf *resp)
{
	struct buf b = { 0 };

	put16(orig, 12);
	for (int i = 0; i < 12; i++)
		buf_add_byte(orig, 0xff);
	put_query(&b, 1, "one.example", 1);
	put_frame(orig, &b);
	put_query(&b, 2, "two.example", 28);
	put_frame(orig, &b);
	put_query(&b, 3, "zone.example", 252);
	put_frame(orig, &b);
	put_answer(&b, 2, "two.example", 28);
	put_frame(resp, &b);
	put_answer(&b, 1, "one.example", 1);
	put_frame(resp, &b);
	put16(resp, 3);
	buf_add(resp, "abc", 3);
	for (int i = 0; i < 3; i++) {
		put_answer(&b, 3, "zone.example", 252);
		put_frame(resp, &b);
	}
	buf_release(&b);
}

/* Sends both directions in pieces of these sizes, query side first, at one time and frame. */
static void converse(const struct buf *orig, const struct buf *resp, size_t piece)
{
	for (int dir = 0; dir < 2; dir++) {
		const struct buf *side = dir ? resp : orig;

		for (size_t at = 0; at < side->len; at += piece)
			run_stream(&run, dir, 5 + dir, 7,
				   BYTES(side->ptr + at,
					 side->len - at < piece ? side->len - at : piece),
				   0);
	}
	run_finish(&run, 9, 8);
}

static void test_tcp(void)
{
	struct buf orig = { 0 }, resp = { 0 }, whole = { 0 };
	struct buf b = { 0 };
	size_t cut;

	check_case("a bad frame costs itself alone; pipelined, unordered and many responses");
	conversation(&orig, &resp);
	run_start(&run, IPPROTO_TCP, 4000, 53);
	converse(&orig, &resp, 65536);
	buf_add(&whole, run.packed.ptr, run.packed.len);
	CHECK(log_is(
		"dns_rr_truncated\ndns_invalid_opcode\n"
		"n=7 answered id=2 two.example AAAA rcode=0 rtt=1000ms responses=1 [192.0.2.1]\n"
		"n=7 answered id=1 one.example A rcode=0 rtt=1000ms responses=1 [192.0.2.1]\n"
		"dns_tcp_short\n"
		"n=7 answered id=3 zone.example AXFR rcode=0 rtt=1000ms responses=1 [192.0.2.1]\n"
		"n=7 answered id=3 zone.example AXFR rcode=0 rtt=1000ms responses=2 [192.0.2.1]\n"
		"n=7 answered id=3 zone.example AXFR rcode=0 rtt=1000ms responses=3 [192.0.2.1]\n"
		"session_end eof 5\n"));
	run_free(&run);

	check_case("any cutting of the same bytes into segments gives the same records");
	for (size_t piece = 1; piece < 70; piece++) {
		run_start(&run, IPPROTO_TCP, 4000, 53);
		converse(&orig, &resp, piece);
		if (!bytes_equal(buf_bytes(&run.packed), buf_bytes(&whole))) {
			printf("# pieces of %zu\n%s", piece, run_log(&run));
			CHECK(!"same records");
		}
		run_free(&run);
	}

	check_case("a hole within one message costs that message alone");
	run_start(&run, IPPROTO_TCP, 4000, 53);
	run_stream(&run, 0, 1, 1, BYTES(orig.ptr, 14 + 31 + 2 + 20), 0);
	buf_clear(&run.log);
	cut = 14 + 31 + 31;
	run_stream(&run, 0, 1, 2, BYTES(NULL, 0), 5);
	run_stream(&run, 0, 1, 3, BYTES(orig.ptr + cut - 4, orig.len - cut + 4), 0);
	run_finish(&run, 2, 4);
	CHECK(log_is("n=4 unanswered id=1 one.example A\n"
		     "n=4 unanswered id=3 zone.example AXFR\nsession_end eof 2\n"));
	run_free(&run);

	check_case("so do several holes within it; where the last one leads to its end, that is no "
		   "end inside");
	run_start(&run, IPPROTO_TCP, 4000, 53);
	run_stream(&run, 0, 1, 1, BYTES(orig.ptr, 14 + 31 + 2 + 12), 0);
	buf_clear(&run.log);
	run_stream(&run, 0, 1, 2, BYTES(NULL, 0), 3);
	run_stream(&run, 0, 1, 3, BYTES(orig.ptr + 14 + 31 + 17, 4), 0);
	run_stream(&run, 0, 1, 4, BYTES(NULL, 0), 5);
	run_stream(&run, 0, 1, 5, BYTES(orig.ptr + cut - 5, 5 + 20), 0);
	run_stream(&run, 0, 1, 6, BYTES(orig.ptr + cut + 20, orig.len - cut - 20), 0);
	run_stream(&run, 1, 1, 7, BYTES(resp.ptr, 30), 0);
	run_stream(&run, 1, 1, 8, BYTES(NULL, 0), 17);
	run_end(&run, 1, 1, 9);
	run_finish(&run, 2, 9);
	CHECK(log_is("n=9 unanswered id=1 one.example A\n"
		     "n=9 unanswered id=3 zone.example AXFR\nsession_end eof 2\n"));
	run_free(&run);

	check_case(
		"behind a hole that hides a length reading goes on at a segment that is a message");
	run_start(&run, IPPROTO_TCP, 4000, 53);
	run_stream(&run, 0, 1, 1, buf_bytes(&orig), 0);
	buf_clear(&run.log);
	run_stream(&run, 0, 1, 2, BYTES(NULL, 0), 5);
	run_stream(&run, 0, 1, 2, BYTES(NULL, 0), 5); /* which is told once */
	put_query(&b, 9, "nine.example", 1);
	put_frame(&whole, &b);
	run_stream(&run, 0, 1, 3, BYTES(whole.ptr, 20), 0);
	run_stream(&run, 0, 1, 3, BYTES(whole.ptr + 20, whole.len - 20), 0);
	run_stream(&run, 1, 1, 4, BYTES(resp.ptr, 47), 0);
	CHECK(log_is("dns_gap_lost\n"
		     "n=4 answered id=2 two.example AAAA rcode=0 rtt=0ms responses=1 "
		     "[192.0.2.1]\n"));
	put_query(&b, 10, "ten.example", 1);
	put_frame(&whole, &b);
	run_stream(&run, 0, 1, 5, buf_bytes(&whole), 0); /* the end of it is not at its start */
	buf_clear(&whole);
	put_query(&b, 11, "eleven.example", 1);
	put_frame(&whole, &b);
	put_query(&b, 12, "twelve.example", 1);
	put_frame(&whole, &b);
	run_stream(&run, 0, 1, 6, buf_bytes(&whole), 0);
	run_finish(&run, 2, 7);
	CHECK(!strstr(run_log(&run), "nine.example") && strstr(run_log(&run), "id=11 eleven") &&
	      strstr(run_log(&run), "id=12 twelve"));
	run_free(&run);

	check_case("the largest message there is fits");
	buf_clear(&orig);
	run_start(&run, IPPROTO_TCP, 4000, 53);
	put_header(&b, 1, 0x8180, 1, 1, 0, 0);
	put_question(&b, "a.example", 10);
	put_rr(&b, 10, 1, "", 0);
	be16_put(b.ptr + b.len - 2, (uint16_t)(65535 - b.len));
	memset(buf_reserve(&b, 65535 - b.len), 'x', 65535 - b.len);
	b.len = 65535;
	put_frame(&orig, &b);
	for (size_t at = 0; at < orig.len; at += 1448)
		run_stream(&run, 1, 1, 1,
			   BYTES(orig.ptr + at, orig.len - at < 1448 ? orig.len - at : 1448), 0);
	CHECK_EQ(run.dns, 1);
	CHECK_EQ(run.last.resp_len.v, 65535);
	run_free(&run);
	buf_release(&orig);
	buf_release(&resp);
	buf_release(&whole);
	buf_release(&b);
}

/* ---- cost ---- */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Frames of one kind until there are n bytes. */
static void adversary(struct buf *out, int kind, size_t n)
{
	struct buf b = { 0 };

	for (unsigned i = 0; out->len < n; i++) {
		switch (kind) {
		case 0: /* records that point at the longest name */
			put_header(&b, i, 0x8180, 1, 1000, 0, 0);
			for (int k = 0; k < 3; k++) {
				buf_add_byte(&b, 63);
				memset(buf_reserve(&b, 63), 7, 63);
				b.len += 63;
			}
			buf_add_byte(&b, 0);
			put16(&b, 1);
			put16(&b, 1);
			for (int k = 0; k < 1000; k++)
				put_rr(&b, 5, 60, "\300\014", 2);
			break;
		case 1: /* queries that are never answered, all of one id */
			put_header(&b, 1, 0x0100, 1, 0, 0, 0);
			buf_add_byte(&b, 4);
			put32(&b, i);
			buf_add_byte(&b, 0);
			put16(&b, 1);
			put16(&b, 1);
			break;
		case 2: /* responses to nothing */
			put_answer(&b, i, "example.com", 1);
			break;
		case 3: /* empty frames */
			break;
		}
		put_frame(out, &b);
	}
	buf_release(&b);
}

static double cost(const struct buf *b, int dir)
{
	double best = 1e9;

	for (int i = 0; i < 5; i++) {
		double from;

		run_start(&run, IPPROTO_TCP, 4000, 53);
		from = seconds();
		for (size_t at = 0; at < b->len; at += 1400)
			run_stream(&run, dir, 1, 1,
				   BYTES(b->ptr + at, b->len - at < 1400 ? b->len - at : 1400), 0);
		run_finish(&run, 1, 1);
		from = seconds() - from;
		best = from < best ? from : best;
		run_free(&run);
	}
	return best;
}

static void test_cost(void)
{
	static const char *const what[] = { "pointers", "one id", "unsolicited", "empty frames" };

	check_case("twice the hostile bytes cost no more than two and a half times as much");
	for (int kind = 0; kind < 4; kind++) {
		struct buf one = { 0 }, two = { 0 };
		double a, b;

		adversary(&one, kind, 256 * 1024);
		adversary(&two, kind, 512 * 1024);
		for (int tries = 0; tries < 5; tries++) { /* others use this machine too */
			a = cost(&one, kind != 1);
			b = cost(&two, kind != 1);
			if (b <= 2.5 * a)
				break;
		}
		printf("# %s: %.2f ms, %.2f ms\n", what[kind], a * 1e3, b * 1e3);
		CHECK(b <= 2.5 * a);
		buf_release(&one);
		buf_release(&two);
	}
}

int main(void)
{
	test_memory();
	test_pairs();
	test_timeouts();
	test_bounds();
	test_claims();
	test_tcp();
	test_cost();
	return check_end();
}
