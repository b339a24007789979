/* scenarios: V17, the shapes of traffic that each earlier tool has had trouble with, through all
 * engines in one process: a client 10.1.x.y:10000+i, the server 10.2.0.1, 10 us a packet. */
#include <sys/mman.h>
#include <time.h>

#include "cmd/dns/dns.h"
#include "cmd/http/http.h"
#include "libcommon/stage/weir.h"
#include "tests/unit/check.h"
#include "tests/unit/packet.h"

enum { FIRST_PORT = 7000, PORTS = 32 };

static struct weir *w;
static uint64_t ts;

static void send_packet(uint32_t i, bool back, uint8_t proto, uint16_t port, uint32_t seq,
			uint32_t ack, uint16_t flags, const void *data, size_t len)
{
	struct packet_spec s = { .version = 4,
				 .proto = proto,
				 .src = { 10, 1, (uint8_t)(i >> 8), (uint8_t)i },
				 .dst = { 10, 2, 0, 1 },
				 .sport = (uint16_t)(10000 + i),
				 .dport = port,
				 .seq = seq,
				 .ack = ack,
				 .flags = flags,
				 .window = 4096,
				 .payload = data,
				 .payload_len = len };
	uint8_t frame[2048];
	size_t n;

	if (back) {
		uint8_t client[16];

		memcpy(client, s.src, 16);
		memcpy(s.src, s.dst, 16);
		memcpy(s.dst, client, 16);
		s.dport = s.sport;
		s.sport = port;
	}
	n = packet_build(frame, &s);
	ts += 10000;
	weir_frame(w, 1, ts, BYTES(frame, n), (uint32_t)n);
}

static void tcp(uint32_t i, bool back, uint16_t port, uint32_t seq, uint32_t ack, uint16_t flags,
		struct bytes data)
{
	send_packet(i, back, 6, port, seq, ack, flags, data.ptr, data.len);
}

static void open_tcp(uint32_t i, uint16_t port)
{
	tcp(i, false, port, 100, 0, 2, BYTES("", 0));
	tcp(i, true, port, 500, 101, 0x12, BYTES("", 0));
	tcp(i, false, port, 101, 501, 0x10, BYTES("", 0));
}

/* So many bytes were sent by each side before. */
static void close_tcp(uint32_t i, uint16_t port, uint32_t orig, uint32_t resp)
{
	tcp(i, false, port, 101 + orig, 501 + resp, 0x11, BYTES("", 0));
	tcp(i, true, port, 501 + resp, 102 + orig, 0x11, BYTES("", 0));
	tcp(i, false, port, 102 + orig, 502 + resp, 0x10, BYTES("", 0));
}

/* ---- parsers of one port each ------------------------------------------------------------- */

static unsigned messages[PORTS], wrong;

/* Two bytes of length, then the port's number and text. */
static size_t take_messages(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	unsigned port = l7_key(f)->resp_p - FIRST_PORT;
	size_t done = 0;

	if (dir == L7_RESP)
		return data.len;
	while (data.len - done >= 2) {
		size_t len = be16_get(data.ptr + done);

		if (data.len - done - 2 < len)
			break;
		if (port < PORTS)
			messages[port]++;
		wrong += port >= PORTS || len < 1 || data.ptr[done + 2] != port;
		done += 2 + len;
	}
	return done;
}

static void pass_gap(struct l7_flow *f, enum l7_dir dir, uint64_t n, enum rec_gap_reason why)
{
	(void)f, (void)dir, (void)n, (void)why;
}

/* Their numbers are octal. */
#define EIGHT(X, n) X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7)
#define EACH_PORT(X) EIGHT(X, 00) EIGHT(X, 01) EIGHT(X, 02) EIGHT(X, 03)

#define CLAIM(i)                                                                                   \
	static enum l7_claim claim_##i(const struct l7_first *first)                               \
	{                                                                                          \
		return first->resp_p == FIRST_PORT + (i) ? L7_YES : L7_NO;                         \
	}
EACH_PORT(CLAIM)

#define PARSER(i) { .name = "port", .claims = claim_##i, .feed = take_messages, .gap = pass_gap },
static const struct l7_parser port_parsers[PORTS] = { EACH_PORT(PARSER) };

static unsigned dns_answered, dns_others, http_requests, ended_by_fin, streams_ended;
static uint64_t gap_bytes;

static void on_record(void *user, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	(void)user, (void)h;
	if (desc == &rec_dns_desc) {
		const struct rec_dns *d = rec;

		*(d->state == REC_dns_state_ANSWERED ? &dns_answered : &dns_others) += 1;
	}
	http_requests += desc == &rec_http_desc;
	if (desc == &rec_flow_desc) {
		const struct rec_flow *fl = rec;

		ended_by_fin +=
			fl->event == REC_flow_event_END && fl->reason == REC_flow_reason_FIN;
	}
	if (desc == &rec_stream_end_desc) {
		const struct rec_stream_end *e = rec;

		streams_ended += e->reason == REC_stream_reason_FIN;
		gap_bytes += e->gap_bytes;
	}
}

static struct weir_config configured(const struct l7_parser *const *parsers)
{
	struct weir_config c;

	weir_defaults(&c);
	c.flow.max_flows = 32768;
	c.streams.max_flows = 32768;
	c.streams.max_associations = 64;
	c.parsers = parsers;
	c.record = on_record;
	memset(messages, 0, sizeof(messages));
	wrong = dns_answered = dns_others = http_requests = ended_by_fin = streams_ended = 0;
	gap_bytes = 0;
	ts = UINT64_C(1700000000000000000);
	return c;
}

static void begin(const struct l7_parser *const *parsers)
{
	struct weir_config c = configured(parsers);

	w = weir_new(&c);
}

/* ---- S1, S2, S3 --------------------------------------------------------------------------- */

static void test_ports(unsigned n)
{
	enum { FLOWS = 640, EACH = 3 };
	const struct l7_parser *list[PORTS + 1] = { NULL };
	uint8_t text[] = { 0, 6, 0, 'h', 'e', 'l', 'l', 'o' };

	for (unsigned i = 0; i < n; i++)
		list[i] = &port_parsers[i];
	begin(list);
	for (uint32_t i = 0; i < FLOWS; i++)
		open_tcp(i, (uint16_t)(FIRST_PORT + i % n));
	for (uint32_t k = 0; k < EACH; k++) { /* a message of each flow by turns, cut in two */
		for (uint32_t i = 0; i < 2 * FLOWS; i++) {
			uint32_t flow = i % FLOWS, at = i / FLOWS * 5;

			text[2] = (uint8_t)(flow % n);
			tcp(flow, false, (uint16_t)(FIRST_PORT + flow % n), 101 + 8 * k + at, 501,
			    0x18, BYTES(text + at, at ? 3 : 5));
		}
	}
	for (uint32_t i = 0; i < FLOWS; i++)
		close_tcp(i, (uint16_t)(FIRST_PORT + i % n), 8 * EACH, 0);
	weir_finish(w);
	for (unsigned i = 0; i < n; i++) {
		CHECK_EQ(messages[i], FLOWS / n * EACH);
		CHECK_EQ(weir_parser(w, i)->claimed, FLOWS / n);
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(ended_by_fin, FLOWS);
	weir_free(w);
}

/* ---- S4, S5 ------------------------------------------------------------------------------- */

static void test_half_get(void)
{
	static const struct l7_parser *const list[] = { &http_parser, NULL };
	static const char get[] = "GET /half HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char ok[] = "HTTP/1.1 204 No Content\r\n\r\n";
	uint32_t n = (uint32_t)strlen(get), back = (uint32_t)strlen(ok);

	check_case("V17 S4: a GET in two halves is one request, wherever it is cut, on any port");
	begin(list);
	for (uint32_t cut = 1; cut < n; cut++) {
		open_tcp(cut, 4321);
		tcp(cut, false, 4321, 101, 501, 0x18, BYTES(get, cut));
		tcp(cut, false, 4321, 101 + cut, 501, 0x18, BYTES(get + cut, n - cut));
		tcp(cut, true, 4321, 501, 101 + n, 0x18, bytes_str(ok));
		close_tcp(cut, 4321, n, back);
	}
	weir_finish(w);
	CHECK_EQ(http_requests, n - 1);
	weir_free(w);
}

static void test_dns_pairs(void)
{
	enum { FLOWS = 5000 };
	static const struct l7_parser *const list[] = { &dns_parser, NULL };
	uint8_t query[] = { 0, 0,   1, 0,   0,   1,   0, 0, 0, 0, 0, 0,
			    1, 'a', 3, 'o', 'r', 'g', 0, 0, 1, 0, 1 };

	check_case("V17 S5: 5,000 DNS queries and their answers are 5,000 pairs");
	begin(list);
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < FLOWS; i++) {
			packet_be16(query, i);
			query[2] = round ? 0x81 : 1;
			query[3] = round ? 0x80 : 0;
			send_packet(i, round, 17, 53, 0, 0, 0, query, sizeof(query));
		}
	}
	weir_finish(w);
	CHECK_EQ(dns_answered, FLOWS);
	CHECK_EQ(dns_others, 0);
	weir_free(w);
}

/* ---- S6 ----------------------------------------------------------------------------------- */

static size_t resident(const void *memory, size_t size)
{
	size_t pages = (size + 4095) / 4096, n = 0;
	unsigned char *in = malloc(pages);

	if (in && !mincore((void *)(uintptr_t)memory, size, in))
		for (size_t i = 0; i < pages; i++)
			n += in[i] & 1;
	free(in);
	return n * 4096;
}

/* ns for a packet of one of the first ten flows: the least of several tries. */
static double packet_cost(void)
{
	enum { PACKETS = 2000, TRIES = 7 };
	double best = 1e9, took;

	for (int k = 0; k < TRIES; k++) {
		struct timespec a, b;

		clock_gettime(CLOCK_MONOTONIC, &a);
		for (uint32_t i = 0; i < PACKETS; i++)
			tcp(i % 10, false, 80, 101, 501, 0x10, BYTES("", 0));
		clock_gettime(CLOCK_MONOTONIC, &b);
		took = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
		if (took < best)
			best = took;
	}
	return best / PACKETS;
}

static void test_idle(void)
{
	enum { FLOWS = 20000, BYTES_A_FLOW = 2048 };
	struct weir_config c = configured(NULL);
	size_t size = weir_size(&c), before, after;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	double few, many;

	check_case("V17 S6: 20,000 open idle flows, with data behind, take at most 2 KiB each");
	madvise(memory, size, MADV_NOHUGEPAGE);
	w = weir_init(memory, &c);
	for (uint32_t i = 0; i < 10; i++) {
		open_tcp(i, 80);
		tcp(i, false, 80, 101, 501, 0x18, BYTES_LIT("data"));
	}
	few = packet_cost();
	before = resident(memory, size);
	for (uint32_t i = 10; i < FLOWS; i++) {
		open_tcp(i, 80);
		tcp(i, false, 80, 101, 501, 0x18, BYTES_LIT("data"));
	}
	after = resident(memory, size);
	CHECK_EQ(weir_flows(w)->open, FLOWS);
	CHECK(after > before && (after - before) / (FLOWS - 10) <= BYTES_A_FLOW);
	printf("# %zu bytes a flow\n", (after - before) / (FLOWS - 10));

	check_case("W8, W9: among 20,000 open flows a packet costs what it costs among ten, and no "
		   "flow is looked at for its timeout before that is due");
	many = packet_cost();
	CHECK(many < 3 * few);
	printf("# %.0f ns among ten, %.0f ns among 20,000, as the time goes on\n", few, many);
	weir_finish(w);
	CHECK_EQ(weir_flows(w)->ends[FLOW_END_OF_INPUT], FLOWS);
	weir_free(w);
	munmap(memory, size);
}

/* ---- S7 ----------------------------------------------------------------------------------- */

static void test_lost_segments(void)
{
	enum { FLOWS = 1000, MESSAGES = 6, LOST = 2 };
	static const struct l7_parser *const list[] = { &port_parsers[1], NULL };
	uint8_t text[] = { 0, 6, 1, 'h', 'e', 'l', 'l', 'o' };

	check_case("V17 S7: one lost segment a flow takes its message, no later one, and no FIN");
	begin(list);
	for (uint32_t i = 0; i < FLOWS; i++) {
		open_tcp(i, FIRST_PORT + 1);
		for (uint32_t k = 0; k < MESSAGES; k++) {
			if (k != LOST)
				tcp(i, false, FIRST_PORT + 1, 101 + 8 * k, 501, 0x18,
				    BYTES(text, 8));
			tcp(i, true, FIRST_PORT + 1, 501 + k, 109 + 8 * k, 0x18, BYTES("", 1));
		}
		close_tcp(i, FIRST_PORT + 1, 8 * MESSAGES, MESSAGES);
	}
	weir_finish(w);
	CHECK_EQ(messages[1], FLOWS * (MESSAGES - 1));
	CHECK_EQ(wrong, 0);
	CHECK_EQ(gap_bytes, FLOWS * 8);
	CHECK_EQ(ended_by_fin, FLOWS);
	CHECK_EQ(streams_ended, 2 * FLOWS);
	weir_free(w);
}

int main(void)
{
	check_case("V17 S1: a parser of one port");
	test_ports(1);
	check_case("V17 S2: eight parsers, each of one port");
	test_ports(8);
	check_case("V17 S3: 32 parsers, each of one port");
	test_ports(32);
	test_half_get();
	test_dns_pairs();
	test_idle();
	test_lost_segments();
	return check_end();
}
