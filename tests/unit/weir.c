/* weir: frames in, records of all engines out, in one process and without allocating. */
#include "libcommon/stage/weir.h"

#include <sys/mman.h>

#include "cmd/dns/dns.h"
#include "cmd/http/http.h"
#include "cmd/tls/tls.h"
#include "tests/unit/check.h"
#include "tests/unit/packet.h"
#include "tests/unit/poison.h"

enum { SEEN_MAX = 4096, FLOWS = 64 };

/* What came, in order: a letter each. */
struct seen {
	char order[SEEN_MAX];
	unsigned n, flows, packets, streams, texts;
	uint64_t bytes, last_n;
	uint64_t gaps, checksum; /* checksum: of what dns, http and tls records say of sizes */
	char text[64];           /* the client's bytes, the first ones */
};

static void note(struct seen *s, char what)
{
	if (s->n < SEEN_MAX - 1)
		s->order[s->n++] = what;
}

static void on_record(void *user, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	struct seen *s = user;

	s->last_n = h->n;
	if (desc == &rec_http_desc)
		s->checksum = s->checksum * 31 + ((const struct rec_http *)rec)->tx_id + h->n +
			      ((const struct rec_http *)rec)->uri.len;
	if (desc == &rec_dns_desc)
		s->checksum = s->checksum * 31 + ((const struct rec_dns *)rec)->query.len + h->n;
	s->flows += desc == &rec_flow_desc;
	note(s, desc == &rec_flow_desc          ? 'F'
		: desc == &rec_stream_end_desc  ? 'e'
		: desc == &rec_session_end_desc ? 'x'
		: desc == &rec_dns_desc         ? 'd'
						: '?');
}

static void on_packet(void *user, const struct rec_head *h, const struct rec_packet *p)
{
	struct seen *s = user;

	(void)h;
	(void)p;
	s->packets++;
	note(s, 'p');
}

static void on_stream(void *user, const struct rec_head *h, const struct rec_stream *st)
{
	struct seen *s = user;

	(void)h;
	s->streams++;
	for (size_t i = 0; !st->dir && i < st->payload.len; i++)
		if (strlen(s->text) < sizeof(s->text) - 1)
			s->text[strlen(s->text)] = (char)st->payload.ptr[i];
	s->gaps += st->gap;
	s->bytes += st->payload.len;
	note(s, 's');
}

/* ---- frames -------------------------------------------------------------------------------- */

struct talk {
	struct weir *w;
	uint64_t ts;
};

static void send(struct talk *t, const struct packet_spec *spec)
{
	uint8_t frame[2048];
	size_t n = packet_build(frame, spec);

	t->ts += 1000000;
	weir_frame(t->w, 1, t->ts, BYTES(frame, n), (uint32_t)n);
}

static void tcp(struct talk *t, uint16_t port, bool back, uint32_t seq, uint32_t ack,
		uint16_t flags, const char *text)
{
	struct packet_spec s = { .version = 4,
				 .proto = 6,
				 .src = { 10, 0, 0, back ? 2 : 1 },
				 .dst = { 10, 0, 0, back ? 1 : 2 },
				 .sport = back ? 80 : port,
				 .dport = back ? port : 80,
				 .seq = seq,
				 .ack = ack,
				 .flags = flags,
				 .window = 4096,
				 .payload = text,
				 .payload_len = text ? strlen(text) : 0 };

	send(t, &s);
}

static void tcp_bytes(struct talk *t, uint16_t port, uint32_t seq, struct bytes data)
{
	struct packet_spec s = { .version = 4,
				 .proto = 6,
				 .src = { 10, 0, 0, 1 },
				 .dst = { 10, 0, 0, 2 },
				 .sport = port,
				 .dport = 80,
				 .seq = seq,
				 .ack = 501,
				 .flags = 0x18,
				 .window = 4096,
				 .payload = data.ptr,
				 .payload_len = data.len };

	send(t, &s);
}

static void udp(struct talk *t, uint16_t sport, uint16_t dport, const void *data, size_t n)
{
	struct packet_spec s = { .version = 4,
				 .proto = 17,
				 .src = { 10, 0, 0, 1 },
				 .dst = { 10, 0, 0, 3 },
				 .sport = sport,
				 .dport = dport,
				 .payload = data,
				 .payload_len = n };

	send(t, &s);
}

/* Opens a connection; nine bytes each way, those of the client swapped; closes it. */
static void connection(struct talk *t, uint16_t port)
{
	tcp(t, port, false, 100, 0, 2, NULL);
	tcp(t, port, true, 500, 101, 0x12, NULL);
	tcp(t, port, false, 101, 501, 0x10, NULL);
	tcp(t, port, false, 105, 501, 0x18, "four5");
	tcp(t, port, false, 101, 501, 0x18, "one.");
	tcp(t, port, true, 501, 110, 0x18, "an answer");
	tcp(t, port, false, 110, 510, 0x11, NULL);
	tcp(t, port, true, 510, 111, 0x11, NULL);
	tcp(t, port, false, 111, 511, 0x10, NULL);
}

static struct weir_config configured(struct seen *s)
{
	struct weir_config c;

	weir_defaults(&c);
	c.flow.max_flows = 4096;
	c.streams.max_flows = 1024;
	c.streams.max_associations = 64;
	c.user = s;
	c.record = on_record;
	c.packet = on_packet;
	c.stream = on_stream;
	return c;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void test_order(void)
{
	struct seen s = { 0 };
	struct weir_config c = configured(&s);
	struct talk t = { weir_new(&c), 1 };

	check_case("A connection's bytes come in order, then its ends, then the flow");
	CHECK(t.w != NULL);
	connection(&t, 4000);
	CHECK_EQ(s.bytes, 18);
	weir_finish(t.w);
	CHECK(strcmp(s.order, "ssseeF") == 0);
	CHECK_EQ(weir_flows(t.w)->frames, 9);
	CHECK_EQ(weir_streams(t.w)->delivered, 18);
	CHECK_EQ(s.last_n, 9 + 1);
	CHECK(weir_parser(t.w, 0) == NULL);
	weir_free(t.w);
}

static void test_flow_end(void)
{
	struct seen s = { 0 };
	struct weir_config c = configured(&s);
	struct talk t = { weir_new(&c), 1 };

	check_case("What waits behind a hole leaves before the record of its flow's end");
	tcp(&t, 4000, false, 100, 0, 2, NULL);
	tcp(&t, 4000, true, 500, 101, 0x12, NULL);
	tcp(&t, 4000, false, 105, 501, 0x18, "four5");
	CHECK_EQ(s.n, 0);
	t.ts += UINT64_C(1000000000) * 86400;
	for (unsigned i = 0; i < 1500; i++) /* the clock goes on by a minute per frame at most */
		udp(&t, 9, 9, "x", 1);
	CHECK(strchr(s.order, 'F') != NULL);
	CHECK(strncmp(strchr(s.order, 's') ? strchr(s.order, 's') : "", "sseF", 4) == 0);
	CHECK_EQ(s.bytes, 5);
	weir_finish(t.w);
	weir_free(t.w);
}

static size_t take_all(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	(void)f;
	(void)dir;
	return data.len;
}

static enum l7_claim claim_tcp(const struct l7_first *first)
{
	return first->proto == 6 ? L7_YES : L7_NO;
}

static unsigned later_fed;

static size_t count_fed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	(void)f;
	(void)dir;
	later_fed++;
	return data.len;
}

static void test_parsers(void)
{
	static const struct l7_parser first = { .name = "first",
						.claims = claim_tcp,
						.feed = take_all };
	static const struct l7_parser second = { .name = "second",
						 .claims = claim_tcp,
						 .feed = count_fed };
	static const struct l7_parser *const parsers[] = { &first, &second, NULL };
	struct seen s = { 0 };
	struct weir_config c = configured(&s);
	struct talk t;

	check_case("A flow is the first parser's that claims it; its session ends before the flow");
	c.parsers = parsers;
	t = (struct talk){ weir_new(&c), 1 };
	connection(&t, 4000);
	weir_finish(t.w);
	CHECK(strcmp(s.order, "eexF") == 0);
	CHECK_EQ(later_fed, 0);
	CHECK_EQ(weir_parser(t.w, 0)->claimed, 1);
	CHECK_EQ(weir_parser(t.w, 1)->claimed, 0);
	CHECK(weir_parser(t.w, 2) == NULL);
	weir_free(t.w);

	check_case("With see_all streams come before the parser that takes them");
	s = (struct seen){ 0 };
	c.see_all = true;
	t = (struct talk){ weir_new(&c), 1 };
	connection(&t, 4000);
	weir_finish(t.w);
	CHECK(strcmp(s.order, "ssseexF") == 0);
	CHECK_EQ(s.bytes, 18);
	weir_free(t.w);
}

static void test_datagrams(void)
{
	/* example.org A, one question. */
	static const uint8_t query[] = { 0, 7,   1,   0,   0,   1,   0,   0,   0,   0,
					 0, 0,   7,   'e', 'x', 'a', 'm', 'p', 'l', 'e',
					 3, 'o', 'r', 'g', 0,   0,   1,   0,   1 };
	static const struct l7_parser *const parsers[] = { &dns_parser, NULL };
	struct seen s = { 0 };
	struct weir_config c = configured(&s);
	struct talk t;

	check_case("Datagrams of a claimed flow are its parser's, others are the caller's");
	c.parsers = parsers;
	t = (struct talk){ weir_new(&c), 1 };
	udp(&t, 5000, 53, query, sizeof(query));
	udp(&t, 5000, 7, "hello", 5);
	CHECK_EQ(s.packets, 1);
	weir_finish(t.w);
	CHECK(strcmp(s.order, "pdxFF") == 0);
	weir_free(t.w);
}

static void test_groups(void)
{
	struct seen one = { 0 }, many = { 0 };
	struct weir_config c = configured(&one);
	struct weir_frame frames[70];
	static uint8_t bytes[70][128];
	struct weir *w;

	check_case("Frames given one by one and many at a time come to the same");
	for (unsigned i = 0; i < 70; i++) {
		struct packet_spec s = { .version = 4,
					 .proto = 17,
					 .src = { 10, 0, 0, 1 },
					 .dst = { 10, 0, 0, 3 },
					 .sport = (uint16_t)(1000 + i % 7),
					 .dport = 9,
					 .payload = "x",
					 .payload_len = 1 };
		size_t n = packet_build(bytes[i], &s);

		frames[i] = (struct weir_frame){ .ts = i * UINT64_C(5000000000),
						 .link_type = 1,
						 .wire_len = (uint32_t)n,
						 .data = BYTES(bytes[i], n) };
	}
	w = weir_new(&c);
	for (unsigned i = 0; i < 70; i++)
		weir_frames(w, &frames[i], 1);
	weir_finish(w);
	weir_free(w);
	c.user = &many;
	w = weir_new(&c);
	weir_frames(w, frames, 70);
	weir_finish(w);
	weir_free(w);
	CHECK(one.flows > 7);
	CHECK(strcmp(one.order, many.order) == 0);
	CHECK_EQ(one.last_n, many.last_n);
}

static void test_memory(void)
{
	struct seen s = { 0 };
	struct weir_config c = configured(&s);
	size_t size = weir_size(&c);
	struct talk t = { 0 };
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	check_case("Without parsers nothing is allocated, from weir_init() to weir_free()");
	CHECK(size && at != MAP_FAILED);
	poisoned = true;
	t.w = weir_init(at, &c);
	for (unsigned i = 0; i < FLOWS; i++)
		connection(&t, (uint16_t)(2000 + i));
	weir_snapshot(t.w);
	weir_finish(t.w);
	weir_free(t.w);
	poisoned = false;
	CHECK_EQ(s.flows, FLOWS * 2);
	CHECK_EQ(s.bytes, FLOWS * 18);
	munmap(at, size);

	check_case("What can't be configured is refused");
	c.flow.max_flows = 0;
	CHECK_EQ(weir_size(&c), 0);
	CHECK(weir_new(&c) == NULL);
	weir_free(NULL);
}

/* Flow records of the kind `end` left out: parsers then learn of the end from the end of input. */
static void test_no_ends(void)
{
	static const struct l7_parser first = { .name = "first",
						.claims = claim_tcp,
						.feed = take_all };
	static const struct l7_parser *const parsers[] = { &first, NULL };
	struct seen s = { 0 };
	struct weir_config c = configured(&s);
	struct talk t;

	check_case("Where no end of a flow is told, streams and sessions end with the input");
	c.parsers = parsers;
	c.flow.events = 0;
	t = (struct talk){ weir_new(&c), 1 };
	connection(&t, 4000);
	weir_finish(t.w);
	CHECK(strcmp(s.order, "eex") == 0);
	weir_free(t.w);
}

/* A request in the SYN, of which the server takes so much; the rest, if any, comes again. */
static void fast_open(uint32_t taken, bool lost)
{
	static const char request[] = "GET /fast";
	struct seen seen = { 0 };
	struct weir_config c = configured(&seen);
	uint32_t n = (uint32_t)strlen(request);
	struct talk t = { .w = weir_new(&c) };

	tcp(&t, 1000, false, 100, 0, 2, request);
	CHECK_EQ(seen.bytes, 0);
	tcp(&t, 1000, true, 500, 101 + taken, 0x12, NULL);
	CHECK_EQ(seen.bytes, taken);
	if (!lost)
		tcp(&t, 1000, false, 101 + taken, 501, taken < n ? 0x18 : 0x10, request + taken);
	tcp(&t, 1000, true, 501, 101 + n, 0x18, "ok");
	tcp(&t, 1000, false, 101 + n, 503, 0x18, "!");
	tcp(&t, 1000, false, 102 + n, 503, 0x11, NULL);
	tcp(&t, 1000, true, 503, 103 + n, 0x11, NULL);
	weir_finish(t.w);
	CHECK(!strcmp(seen.text, "GET /fast!"));
	CHECK_EQ(seen.gaps, 0);
	weir_free(t.w);
}

static void test_fast_open(void)
{
	check_case("TFO: data in a SYN that is acknowledged comes once, right then");
	fast_open(9, false);
	check_case("TFO: of data in a SYN the acknowledged part comes, then what is sent again");
	for (uint32_t taken = 1; taken < 9; taken++)
		fast_open(taken, false);
	check_case("TFO: data in a SYN that is refused comes as it is sent again");
	fast_open(0, false);
	check_case("TFO: where the capture lacks what was sent again, the SYN's bytes serve");
	for (uint32_t taken = 0; taken < 9; taken++)
		fast_open(taken, true);
}

/* A request, its answer and a DNS pair of client `who`, one step at a time. */
static bool web_step(struct talk *t, unsigned step, uint16_t port)
{
	static const char get[] = "GET /a HTTP/1.1\r\nHost: a\r\nX-Long: 0123456789\r\n\r\n";
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	static const uint8_t query[] = { 0, 7,   1, 0,   0,   1,   0, 0, 0, 0, 0, 0,
					 1, 'a', 3, 'o', 'r', 'g', 0, 0, 1, 0, 1 };
	/* A ClientHello's beginning: enough for weir-tls to hold it. */
	static const uint8_t hello[] = { 22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3, 1, 2, 3, 4, 5 };
	uint32_t n = (uint32_t)strlen(get), m = (uint32_t)strlen(ok);
	char part[sizeof(get)] = { 0 };

	switch (step) {
	case 0:
		tcp(t, port, false, 100, 0, 2, NULL);
		tcp(t, port, true, 500, 101, 0x12, NULL);
		return true;
	case 1: /* a field line that is cut waits in the parser */
		memcpy(part, get, 30);
		tcp(t, port, false, 101, 501, 0x18, part);
		return true;
	case 2:
		udp(t, port, 53, query, sizeof(query));
		return true;
	case 3:
		tcp(t, port, false, 131, 501, 0x18, get + 30);
		return true;
	case 4:
		tcp(t, (uint16_t)(port + 1), false, 100, 0, 2, NULL);
		tcp(t, (uint16_t)(port + 1), true, 500, 101, 0x12, NULL);
		tcp_bytes(t, (uint16_t)(port + 1), 101, BYTES(hello, sizeof(hello)));
		return true;
	case 5:
		tcp(t, port, true, 501, 101 + n, 0x18, ok);
		tcp(t, port, false, 101 + n, 501 + m, 0x11, NULL);
		return true;
	default:
		return false;
	}
}

static void test_two_engines(void)
{
	static const struct l7_parser *const parsers[] = { &dns_parser, &http_parser, &tls_parser,
							   NULL };
	struct seen seen[3] = { 0 };
	struct weir_config c = configured(&seen[0]);
	struct talk t[3];

	check_case("Two engines with the same parsers, by turns, each give what one alone gives");
	c.parsers = parsers;
	for (unsigned i = 0; i < 3; i++) {
		c.user = &seen[i];
		t[i] = (struct talk){ .w = weir_new(&c) };
	}
	for (uint16_t port = 3000; port < 3400; port += 10)
		for (unsigned step = 0; web_step(&t[0], step, port); step++)
			;
	for (uint16_t port = 3000; port < 3400; port += 10) {
		for (unsigned step = 0; web_step(&t[1], step, port); step++)
			web_step(&t[2], step, port);
	}
	weir_finish(t[0].w);
	weir_finish(t[1].w); /* with what its parsers spared.. */
	weir_free(t[1].w);
	weir_finish(t[2].w); /* ..which is none of the other's */
	CHECK(seen[0].n > 400);
	CHECK(!strcmp(seen[1].order, seen[0].order));
	CHECK(!strcmp(seen[2].order, seen[0].order));
	CHECK(seen[1].checksum == seen[0].checksum && seen[2].checksum == seen[0].checksum);
	weir_free(t[0].w);
	weir_free(t[2].w);
}

int main(void)
{
	test_two_engines();
	test_fast_open();
	test_order();
	test_flow_end();
	test_parsers();
	test_datagrams();
	test_groups();
	test_memory();
	test_no_ends();
	return check_end();
}
