/* infer_engine: what flows are said to be while their bytes come: states, limits of confidence,
 * contradiction and agreed change, late bytes, and bounded memory. */
#include "cmd/infer/engine.h"

#include <netinet/in.h>
#include <unistd.h>

#include "cmd/infer/evidence.h"
#include "cmd/infer/texts.h"
#include "libcommon/base/buf.h"
#include "tests/unit/check.h"
#include "tests/unit/infer_caps.h"

/* One guess, as text: "http likely one 90". */
struct said {
	uint64_t flow;
	char text[80];
	struct rec_guess rec; /* its numbers */
	char other[32];       /* the first alternative */
};

static struct {
	struct protocols *names;
	struct signatures *signatures;
	struct ports *ports;
	struct context *context;
	struct infer *in;
	struct said said[64];
	size_t nsaid;
	uint64_t n, offset[64][2];
	bool known[64];
	uint8_t orig; /* the originator's last byte; 0: 192.0.2.1 */
} t;

static void on_guess(void *ctx, const struct rec_head *h, const struct rec_guess *g)
{
	static const char *const states[] = { [REC_guess_state_CANDIDATE] = "candidate",
					      [REC_guess_state_LIKELY] = "likely",
					      [REC_guess_state_CONFIRMED] = "confirmed",
					      [REC_guess_state_CONTRADICTED] = "contradicted",
					      [REC_guess_state_GAVE_UP] = "gave_up" };
	const struct rec_guess_evidence *why = g->why.items;
	const struct rec_guess_other *others = g->alternatives.items;
	struct said *s = &t.said[t.nsaid];

	(void)ctx;
	CHECK(g->why.count ? g->confidence <= evidence_cap(why[0].class) : !g->confidence);
	if (t.nsaid == 64)
		return;
	t.nsaid++;
	*s = (struct said){ .flow = h->flow, .rec = *g };
	snprintf(s->text, sizeof(s->text), "%.*s %s", (int)g->protocol.len,
		 (const char *)g->protocol.ptr, states[g->state]);
	if (g->alternatives.count)
		snprintf(s->other, sizeof(s->other), "%.*s", (int)others[0].protocol.len,
			 (const char *)others[0].protocol.ptr);
}

static const struct infer_limits roomy = { .flows = 64,
					   .first_bytes = 128 * INFER_DEPTH,
					   .depth = INFER_DEPTH,
					   .packets = INFER_PACKETS };

static void begin(const struct infer_limits *limits)
{
	infer_free(t.in);
	context_free(t.context);
	t.context = context_new(t.names, 64, 1);
	t.in = infer_new(&(struct infer_tables){ t.names, t.signatures, t.ports, t.context },
			 &(struct infer_host){ .guess = on_guess }, limits);
	t.nsaid = 0;
	t.n = 0;
	t.orig = 0;
	memset(t.offset, 0, sizeof(t.offset));
	memset(t.known, 0, sizeof(t.known));
}

enum { ORIG, RESP };

static struct rec_head head(uint64_t flow)
{
	t.n++;
	return (struct rec_head){ REC_stream, 1000000000ull * t.n, flow, t.n };
}

/* A piece of a TCP stream between 192.0.2.1 and 192.0.2.2, in memory of just its size. */
static void tcp_piece(uint64_t flow, uint16_t port, unsigned dir, struct bytes b, uint8_t flags)
{
	struct rec_head h = head(flow);
	uint8_t *copy = malloc(b.len ? b.len : 1);
	struct rec_stream s = { .ip_version = 4,
				.proto = IPPROTO_TCP,
				.dir = (uint8_t)dir,
				.flags = flags,
				.orig_h = { 192, 0, 2, t.orig ? t.orig : 1 },
				.resp_h = { 192, 0, 2, 2 },
				.orig_p = 40000,
				.resp_p = port,
				.offset = t.offset[flow % 64][dir] };

	memcpy(copy, b.ptr, b.len);
	s.payload = BYTES(copy, b.len);
	infer_stream(t.in, &h, &s);
	t.offset[flow % 64][dir] += b.len;
	free(copy);
}

static void tcp(uint64_t flow, uint16_t port, unsigned dir, const char *text)
{
	tcp_piece(flow, port, dir, bytes_str(text), 0);
}

static void gap(uint64_t flow, uint16_t port, unsigned dir, uint64_t n)
{
	struct rec_head h = head(flow);
	struct rec_stream s = { .ip_version = 4,
				.proto = IPPROTO_TCP,
				.dir = (uint8_t)dir,
				.orig_h = { 192, 0, 2, 1 },
				.resp_h = { 192, 0, 2, 2 },
				.orig_p = 40000,
				.resp_p = port,
				.gap = n,
				.offset = t.offset[flow % 64][dir] };

	infer_stream(t.in, &h, &s);
	t.offset[flow % 64][dir] += n;
}

static void udp(uint64_t flow, uint16_t port, unsigned dir, struct bytes b)
{
	struct rec_head h = head(flow);
	struct rec_packet p = { .ip_version = 4,
				.proto = IPPROTO_UDP,
				.dir = (uint8_t)dir,
				.flags = t.known[flow % 64] ? 0 : PACKET_NEW,
				.orig_h = { 192, 0, 2, 1 },
				.resp_h = { 192, 0, 2, 2 },
				.orig_p = 40000,
				.resp_p = port,
				.payload = b };

	t.known[flow % 64] = true;
	infer_packet(t.in, &h, &p);
}

static void over(uint64_t flow)
{
	struct rec_head h = head(flow);

	infer_flow(t.in, &h, &(struct rec_flow){ .event = REC_flow_event_END });
}

#define SAID(i, what) CHECK(strcmp(t.said[i].text, what) == 0)

static uint8_t noise_bytes[2048];

static void noise_make(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(noise_bytes); i++)
		noise_bytes[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	noise_bytes[0] = 0xf9; /* begins nothing */
}

/* So many bytes that look random. */
static struct bytes noise(size_t n)
{
	return BYTES(noise_bytes, n);
}

static void test_states(void)
{
	check_case("before its first byte nothing is said of a flow whose port has a name");
	begin(&roomy);
	tcp_piece(1, 443, ORIG, BYTES("", 0), 0);
	CHECK_EQ(t.nsaid, 0);
	check_case("with bytes that fit nothing it stays a candidate of at most 40");
	tcp_piece(1, 443, ORIG, noise(600), 0);
	CHECK_EQ(t.nsaid, 1);
	SAID(0, "tls candidate");
	CHECK(t.said[0].rec.confidence <= 40);
	check_case("its end is giving up, and says that the bytes look random");
	over(1);
	CHECK_EQ(t.nsaid, 2);
	SAID(1, "tls gave_up");
	CHECK(t.said[1].rec.encrypted.set && t.said[1].rec.encrypted.v);
	check_case("one direction makes it likely, both confirm it, and then nothing more is said");
	begin(&roomy);
	tcp(1, 8443, ORIG, "GET / HTTP/1.1\r\n");
	tcp(1, 8443, ORIG, "Host: a\r\n\r\n");
	SAID(0, "http likely");
	CHECK_EQ(t.nsaid, 1);
	tcp(1, 8443, RESP, "HTTP/1.1 200 OK\r\n");
	SAID(1, "http confirmed");
	for (int i = 0; i < 200; i++)
		tcp(1, 8443, RESP, "GET / HTTP/1.1\r\nSSH-2.0-x\r\n");
	over(1);
	CHECK_EQ(t.nsaid, 2);
	CHECK_EQ(t.said[1].rec.rev, 2);
}

/* The highest confidence that such a flow got. */
static unsigned highest(void)
{
	unsigned most = 0;

	for (size_t i = 0; i < t.nsaid; i++)
		if (t.said[i].rec.confidence > most)
			most = t.said[i].rec.confidence;
	return most;
}

static void test_limits(void)
{
	const struct ip client = { 4, { 192, 0, 2, 1 } }, server = { 4, { 192, 0, 2, 2 } };
	const struct endpoint at = { server, 7777, IPPROTO_TCP };
	uint16_t mysql = protocol_number(t.names, bytes_str("mysql"));
	struct rec_key key = { .proto = IPPROTO_TCP, .orig_p = 1, .resp_p = 2 };
	struct rec_head h;
	const char *why;
	unsigned line;

	check_case("a header's field is certain");
	begin(&roomy);
	h = head(1);
	infer_packet(t.in, &h,
		     &(struct rec_packet){ .ip_version = 4, .proto = 1, .flags = PACKET_NEW });
	SAID(0, "icmp confirmed");
	CHECK_EQ(highest(), 100);
	check_case("so is a rule, also against what the bytes show");
	begin(&roomy);
	CHECK(context_load(t.context, bytes_str("any tcp 7777 = mysql\n"), &why, &line));
	tcp(1, 7777, ORIG, "GET / HTTP/1.1\r\n");
	SAID(0, "mysql confirmed");
	CHECK_EQ(highest(), 100);
	check_case("a parser's record gives 99");
	begin(&roomy);
	h = head(1);
	infer_parsed(t.in, &h, &key, "http");
	SAID(0, "http confirmed");
	CHECK_EQ(highest(), 99);
	CHECK_EQ(t.said[0].rec.packets, 0); /* a record is none */
	check_case("both directions give at most 97, one 90");
	begin(&roomy);
	tcp(1, 80, ORIG, "GET / HTTP/1.1\r\n");
	CHECK_EQ(highest(), 90);
	tcp(1, 80, RESP, "HTTP/1.1 200 OK\r\n");
	CHECK_EQ(highest(), 97);
	check_case("an announced flow has its name before its first byte, at most 85 sure");
	begin(&roomy);
	context_expect(t.context, 0, UINT64_MAX, &at, &client,
		       &(struct expectation){ .by = 9, .protocol = mysql, .weight = 99 });
	tcp_piece(1, 7777, ORIG, BYTES("", 0), 0);
	SAID(0, "mysql likely");
	CHECK_EQ(highest(), 85);
	CHECK_EQ(t.said[0].rec.expected_by.v, 9);
	check_case("what is told from outside of a flow that has begun comes late, but counts");
	begin(&roomy);
	tcp_piece(1, 7777, ORIG, noise(200), 0);
	CHECK(infer_tell(t.in, 0, bytes_str("expect 192.0.2.2 tcp 7777 mysql 60 9"), &why));
	SAID(0, "mysql likely");
	CHECK_EQ(highest(), 85);
	CHECK_EQ(t.said[0].rec.expected_by.v, 9);
	CHECK(!infer_tell(t.in, 0, bytes_str("expect 192.0.2.2 tcp"), &why));
	begin(&roomy);
	tcp_piece(1, 7777, ORIG, noise(200), 0);
	CHECK(infer_tell(t.in, 0, bytes_str("any tcp 7777 = mysql"), &why));
	SAID(0, "mysql confirmed");
	CHECK(infer_tell(t.in, 0, bytes_str("any tcp 7777 = smtp"), &why));
	SAID(1, "smtp confirmed");
	tcp_piece(2, 7778, ORIG, noise(200), 0);
	CHECK(infer_tell(t.in, 0,
			 bytes_str("service 192.0.2.2 tcp 7778 mysql 9 9000000000000000000"),
			 &why));
	SAID(2, "mysql likely");
	tcp_piece(3, 7779, ORIG, noise(200), 0);
	CHECK(infer_tell(t.in, 0,
			 bytes_str("name - 192.0.2.2 smtp3.example.com 9000000000000000000"),
			 &why));
	SAID(3, "smtp candidate");
	CHECK_EQ(t.nsaid, 4);
	check_case("but of a flow without bytes nothing is said that its port alone tells");
	begin(&roomy);
	tcp_piece(1, 443, ORIG, BYTES("", 0), 0);
	CHECK(infer_tell(t.in, 0, bytes_str("any tcp 7777 = mysql"), &why));
	CHECK_EQ(t.nsaid, 0);
	check_case(
		"what the server's port served before gives at most 70, at most with its name 70");
	begin(&roomy);
	for (int i = 0; i < 9; i++)
		context_served(t.context, 1, &at, mysql);
	context_named(t.context, 1, UINT64_MAX, &client, &server, bytes_str("mysql.example.com"));
	tcp_piece(1, 7777, ORIG, noise(200), STREAM_MIDSTREAM);
	SAID(0, "mysql likely");
	CHECK(highest() > 50 && highest() <= 70);
	check_case("a name alone gives at most 50");
	begin(&roomy);
	context_named(t.context, 1, UINT64_MAX, &client, &server, bytes_str("smtp3.example.com"));
	tcp_piece(1, 7777, ORIG, noise(200), 0);
	SAID(0, "smtp candidate");
	CHECK(highest() > 0 && highest() <= 50);
}

/* A ClientHello that asks for a server of that name. */
static struct buf hello(const char *name)
{
	size_t n = strlen(name), exts = n + 9, body = 2 + 32 + 1 + 4 + 2 + 2 + exts;
	struct buf b = { 0 };

	buf_add(&b, "\x16\x03\x01\0", 4);
	buf_add_byte(&b, (uint8_t)(body + 4));
	buf_add(&b, "\x01\0\0", 3);
	buf_add_byte(&b, (uint8_t)body);
	buf_add(&b, "\x03\x03", 2);
	buf_add(&b, noise_bytes, 32);
	buf_add(&b, "\0\0\x02\x13\x01\x01\0\0", 8);
	buf_add_byte(&b, (uint8_t)exts);
	buf_add(&b, "\0\0\0", 3);
	buf_add_byte(&b, (uint8_t)(n + 5));
	buf_add_byte(&b, 0);
	buf_add_byte(&b, (uint8_t)(n + 3));
	buf_add(&b, "\0\0", 2);
	buf_add_byte(&b, (uint8_t)n);
	buf_add_str(&b, name);
	return b;
}

#define DNS(length, message) BYTES(length message, sizeof(length message) - 1)
#define QUERY "\0\1\x01\0\0\1"
#define ANSWER "\0\1\x81\x80\0\1"
#define QUESTION "\0\0\0\0\5smtp3\7example\3com\0\0\1\0\1"
#define ADDRESS "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\2"

static void test_names(void)
{
	struct buf b = hello("smtp3.example.com");

	check_case("what a client calls its server by SNI is the server's name from then on");
	begin(&roomy);
	tcp_piece(1, 443, ORIG, buf_bytes(&b), 0);
	SAID(0, "tls likely");
	CHECK(!t.said[0].rec.server_name.ptr);
	tcp_piece(1, 443, RESP, BYTES("\x16\x03\x03\x00\x50\x02\x00\x00\x4c\x03\x03", 11), 0);
	SAID(1, "tls confirmed");
	CHECK(t.said[1].rec.server_name.ptr != NULL);
	check_case("and speaks for what else is done there");
	tcp_piece(2, 7777, ORIG, noise(200), 0);
	SAID(2, "smtp candidate");
	CHECK(highest() > 0 && t.said[2].rec.confidence <= 50);
	check_case("of a hello that is cut the name counts if it is there");
	begin(&roomy);
	tcp_piece(1, 443, ORIG, BYTES(b.ptr, b.len - 4), 0);
	tcp_piece(2, 7777, ORIG, noise(200), 0);
	CHECK_EQ(t.nsaid, 1);
	check_case("and one that comes in two pieces tells it as well");
	for (size_t cut = 1; cut < b.len; cut++) {
		begin(&roomy);
		tcp_piece(1, 443, ORIG, BYTES(b.ptr, cut), 0);
		tcp_piece(1, 443, ORIG, BYTES(b.ptr + cut, b.len - cut), 0);
		tcp_piece(2, 7777, ORIG, noise(200), 0);
		SAID(t.nsaid - 1, "smtp candidate");
	}
	buf_release(&b);
	check_case("so does an answer of DNS whose length comes by itself");
	begin(&roomy);
	tcp_piece(1, 53, ORIG, DNS("\0\x23", QUERY "\0\0" QUESTION), 0);
	tcp_piece(1, 53, RESP, BYTES("\0\x33", 2), 0);
	tcp_piece(1, 53, RESP, DNS("", ANSWER "\0\1" QUESTION ADDRESS), 0);
	SAID(t.nsaid - 1, "dns confirmed");
	tcp_piece(2, 7777, ORIG, noise(200), 0);
	SAID(t.nsaid - 1, "smtp candidate");
}

static const struct bytes client_hello = {
	(const uint8_t *)"\x16\x03\x01\x00\x50\x01\x00\x00\x4c\x03\x03", 11
};

/* In two pieces, cut there; in one where that is the end of it. */
static void cut_in_two(uint64_t flow, uint16_t port, unsigned dir, struct bytes b, size_t cut)
{
	tcp_piece(flow, port, dir, BYTES(b.ptr, cut), 0);
	if (cut < b.len)
		tcp_piece(flow, port, dir, BYTES(b.ptr + cut, b.len - cut), 0);
}

static void test_words(void)
{
	static const struct {
		uint16_t port;
		const char *server, *client;
		bool changes;
	} talks[] = {
		{ 25, "220 a ESMTP smtp\r\n", "EHLO a\r\nNOOP\r\nSTARTTLS\r\n", true },
		{ 25, "220 a ESMTP smtp\r\n", "EHLO a\r\nNOOP STARTTLS\r\n", false },
		{ 110, "+OK pop3\r\n", "CAPA\r\nSTLS\r\n", true },
		{ 21, "220 ftp\r\n", "FEAT\r\nAUTH TLS\r\n", true },
		{ 143, "* OK imap\r\n", "a capability\r\nb starttls\r\n", true },
		{ 3128, "", "CONNECT a:443 HTTP/1.1\r\n\r\n", true },
	};

	check_case("words that let another protocol follow begin any line, in however many pieces");
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		struct bytes words = bytes_str(talks[i].client);

		for (size_t cut = 1; cut <= words.len; cut++) {
			struct said *last;

			begin(&roomy);
			if (talks[i].server[0])
				tcp(1, talks[i].port, RESP, talks[i].server);
			cut_in_two(1, talks[i].port, ORIG, words, cut);
			tcp_piece(1, talks[i].port, ORIG, client_hello, 0);
			last = &t.said[t.nsaid - 1];
			/* A piece begins a message, whatever came before it. */
			if (!talks[i].changes && strncmp(talks[i].client + cut, "STARTTLS", 8) == 0)
				continue;
			if ((strcmp(last->text, "tls likely") == 0) != talks[i].changes ||
			    (talks[i].changes && last->rec.orig_offset != words.len)) {
				printf("# %s, cut at %zu: %s, %llu\n", talks[i].client, cut,
				       last->text, (unsigned long long)last->rec.orig_offset);
				check_bad = 1;
			}
		}
	}
	check_case("so do those of an answer with its head in two pieces");
	begin(&roomy);
	tcp(1, 80, ORIG, "GET /a HTTP/1.1\r\n\r\n");
	tcp(1, 80, RESP, "HTTP/1.1 101 Switching\r\nUpgr");
	tcp(1, 80, RESP, "ade: websocket\r\n\r\n");
	SAID(t.nsaid - 1, "websocket likely");
}

static void test_begins(void)
{
	check_case("what they announced begins with its first byte, in however many pieces");
	for (size_t cut = 1; cut <= client_hello.len; cut++) {
		begin(&roomy);
		tcp(1, 25, RESP, "220 a ESMTP smtp\r\n");
		tcp(1, 25, ORIG, "STARTTLS\r\n");
		tcp(1, 25, RESP, "220 go\r\n");
		cut_in_two(1, 25, ORIG, client_hello, cut);
		SAID(t.nsaid - 1, "tls likely");
		CHECK_EQ(t.said[t.nsaid - 1].rec.orig_offset, 10);
		CHECK_EQ(t.said[t.nsaid - 1].rec.resp_offset, 26);
		tcp_piece(1, 25, RESP, BYTES("\x16\x03\x03\x00\x50\x02\x00\x00\x4c\x03\x03", 11),
			  0);
		SAID(t.nsaid - 1, "tls confirmed");
	}
	check_case("parsers are told in front of the piece that has it");
	begin(&roomy);
	tcp(1, 25, RESP, "220 a ESMTP smtp\r\n");
	tcp(1, 25, ORIG, "STARTTLS\r\n");
	tcp_piece(1, 25, ORIG, BYTES(client_hello.ptr, 3), 0);
	SAID(t.nsaid - 1, "tls likely");
	check_case("where anything may follow it is what it is found to be, from its start");
	for (size_t cut = 1; cut < 11; cut++) {
		begin(&roomy);
		tcp(1, 3128, ORIG, "CONNECT a:22 HTTP/1.1\r\n\r\n");
		tcp(1, 3128, RESP, "HTTP/1.1 200 OK\r\n\r\n");
		tcp(1, 3128, RESP, "S");
		cut_in_two(1, 3128, ORIG, bytes_str("SSH-2.0-x\r\n"), cut);
		SAID(t.nsaid - 1, "ssh likely");
		CHECK_EQ(t.said[t.nsaid - 1].rec.cause, REC_guess_cause_UPGRADE);
		CHECK_EQ(t.said[t.nsaid - 1].rec.orig_offset, 25);
		CHECK_EQ(t.said[t.nsaid - 1].rec.resp_offset, 19);
		tcp(1, 3128, RESP, "SH-2.0-y\r\n");
		SAID(t.nsaid - 1, "ssh confirmed");
	}
	check_case("a piece that was lost is none of it");
	begin(&roomy);
	tcp(1, 25, RESP, "220 a ESMTP smtp\r\n");
	tcp(1, 25, ORIG, "START");
	gap(1, 25, ORIG, 3);
	tcp(1, 25, ORIG, "TLS\r\n");
	tcp_piece(1, 25, ORIG, client_hello, 0);
	CHECK(strncmp(t.said[t.nsaid - 1].text, "smtp", 4) == 0);
}

static void test_change(void)
{
	check_case("two directions of two protocols: a contradiction, of which both stay visible");
	begin(&roomy);
	tcp(1, 22, ORIG, "GET / HTTP/1.1\r\n");
	tcp(1, 22, RESP, "SSH-2.0-OpenSSH_9.2\r\n");
	SAID(0, "http likely");
	SAID(1, "ssh contradicted");
	CHECK_EQ(t.said[1].rec.cause, REC_guess_cause_CONFLICT);
	CHECK(t.said[1].rec.replaces.set && t.said[1].rec.replaces.v == 1);
	CHECK(strcmp(t.said[1].other, "http") == 0);
	check_case(
		"a change that was agreed upon is none, and says where the next protocol begins");
	begin(&roomy);
	tcp(1, 25, RESP, "220 a ESMTP smtp\r\n");
	tcp(1, 25, ORIG, "STARTTLS\r\n");
	tcp(1, 25, RESP, "220 go\r\n");
	tcp_piece(1, 25, ORIG, BYTES("\x16\x03\x01\x00\x50\x01\x00\x00\x4c\x03\x03", 11), 0);
	SAID(t.nsaid - 1, "tls likely");
	CHECK_EQ(t.said[t.nsaid - 1].rec.cause, REC_guess_cause_UPGRADE);
	CHECK(bytes_is(t.said[t.nsaid - 1].rec.over, "smtp"));
	CHECK_EQ(t.said[t.nsaid - 1].rec.orig_offset, 10);
	CHECK_EQ(t.said[t.nsaid - 1].rec.resp_offset, 26);
	test_words();
	test_begins();
	check_case("a client's words from the responder turn the flow round");
	begin(&roomy);
	tcp(1, 40001, RESP, "GET / HTTP/1.1\r\n");
	SAID(0, "http likely");
	CHECK_EQ(t.said[0].rec.client, REC_dir_RESP);
	CHECK_EQ(t.said[0].rec.cause, REC_guess_cause_FLIP);
}

/* What the context has learnt of the server at that port, "" for nothing. */
static const char *served(uint16_t port, uint8_t l4)
{
	const struct endpoint at = { { 4, { 192, 0, 2, 2 } }, port, l4 };
	const struct context_service *s = context_serves(t.context, 1, &at);

	return s ? protocol_name(t.names, s->protocol) : "";
}

#define SERVES(port, what) CHECK(strcmp(served(port, IPPROTO_TCP), what) == 0)

static void test_service(void)
{
	static const char invite[] = "INVITE sip:a@b SIP/2.0\r\n";

	check_case("what only the client said does not tell what its server speaks");
	begin(&roomy);
	tcp(1, 7777, ORIG, "GET / HTTP/1.1\r\n");
	SAID(0, "http likely");
	udp(2, 9000, ORIG, bytes_str(invite));
	SAID(1, "sip likely");
	SERVES(7777, "");
	CHECK(strcmp(served(9000, IPPROTO_UDP), "") == 0);
	check_case("what the server said does, also against what it was asked for");
	tcp(1, 7777, RESP, "SSH-2.0-OpenSSH_9.2\r\n");
	SAID(2, "ssh contradicted");
	SERVES(7777, "ssh");
	tcp(3, 2121, RESP, "220 FTP server\r\n");
	SERVES(2121, "ftp");
	check_case("also where the client's words weigh more");
	tcp(4, 1110, ORIG, "GET / HTTP/1.1\r\n");
	tcp(4, 1110, RESP, "+OK hello\r\n");
	CHECK_EQ(t.said[t.nsaid - 1].rec.state, REC_guess_state_CONTRADICTED);
	SERVES(1110, "pop3");
	check_case("so does what both confirm");
	tcp(5, 8080, ORIG, "GET / HTTP/1.1\r\n");
	SERVES(8080, "");
	tcp(5, 8080, RESP, "HTTP/1.1 200 OK\r\n");
	SERVES(8080, "http");
	check_case("of a flow that is turned round the server is the other side");
	tcp(6, 40001, RESP, "GET / HTTP/1.1\r\n");
	SERVES(40001, "");
	tcp(6, 40001, ORIG, "HTTP/1.1 200 OK\r\n");
	SERVES(40001, "");
}

static void test_gap(void)
{
	check_case("bytes behind a gap are no start: they tell little, and from there on");
	begin(&roomy);
	tcp_piece(1, 7777, ORIG, noise(20), 0);
	gap(1, 7777, ORIG, 16);
	tcp(1, 7777, ORIG, "GET / HTTP/1.1\r\n");
	CHECK_EQ(t.nsaid, 1);
	SAID(0, "http candidate");
	CHECK(t.said[0].rec.confidence <= 30);
	CHECK_EQ(t.said[0].rec.orig_offset, 36);
	check_case("the other side's start makes it sure");
	tcp(1, 7777, RESP, "HTTP/1.1 200 OK\r\n");
	SAID(t.nsaid - 1, "http confirmed");
	CHECK_EQ(t.said[t.nsaid - 1].rec.orig_offset, 36);
	CHECK_EQ(t.said[t.nsaid - 1].rec.resp_offset, 0);
	check_case("what was seen before the gap counts as it did");
	tcp(2, 7777, ORIG, "GET / HTTP/1.1\r\n");
	gap(2, 7777, ORIG, 16);
	tcp(2, 7777, ORIG, "SSH-2.0-x\r\n");
	tcp(2, 7777, RESP, "HTTP/1.1 200 OK\r\n");
	SAID(t.nsaid - 1, "http confirmed");
	CHECK_EQ(t.said[t.nsaid - 1].rec.orig_offset, 0);
}

static void test_expected(void)
{
	check_case("FTP announces one connection of the other host: no one else's, no second one");
	begin(&roomy);
	tcp(1, 21, RESP, "220 FTP server\r\n");
	tcp(1, 21, ORIG, "PASV\r\n");
	tcp(1, 21, RESP, "227 Entering Passive Mode (192,0,2,2,195,80)\r\n");
	t.nsaid = 0;
	t.orig = 7;
	tcp_piece(2, 50000, ORIG, BYTES("", 0), 0);
	CHECK_EQ(t.nsaid, 0);
	t.orig = 1;
	tcp_piece(3, 50000, ORIG, BYTES("", 0), 0);
	CHECK_EQ(t.nsaid, 1);
	SAID(0, "ftp-data likely");
	CHECK_EQ(t.said[0].rec.expected_by.v, 1);
	tcp_piece(4, 50000, ORIG, BYTES("", 0), 0);
	CHECK_EQ(t.nsaid, 1);
	check_case("announced again it is expected again");
	tcp(1, 21, RESP, "227 Entering Passive Mode (192,0,2,2,195,80)\r\n");
	tcp_piece(5, 50000, ORIG, BYTES("", 0), 0);
	CHECK_EQ(t.nsaid, 2);
	check_case("to an address that is neither host's anybody may come, once");
	tcp(1, 21, ORIG, "PORT 192,0,2,2,195,81\r\n");
	t.orig = 7;
	tcp_piece(6, 50001, ORIG, BYTES("", 0), 0);
	CHECK_EQ(t.nsaid, 3);
	tcp_piece(7, 50001, ORIG, BYTES("", 0), 0);
	CHECK_EQ(t.nsaid, 3);
}

static void test_late(void)
{
	static const char text[] = "GET /a HTTP/1.1\r\n";
	struct said whole;

	check_case("bytes that come one by one tell what they tell together");
	begin(&roomy);
	tcp(1, 8080, ORIG, text);
	whole = t.said[t.nsaid - 1];
	begin(&roomy);
	for (size_t i = 0; text[i]; i++)
		tcp_piece(1, 8080, ORIG, BYTES(text + i, 1), 0);
	CHECK(strcmp(t.said[t.nsaid - 1].text, whole.text) == 0);
	CHECK_EQ(t.said[t.nsaid - 1].rec.orig_offset, 0);
	check_case("behind so many pieces or bytes of a direction nothing is looked at");
	begin(&roomy);
	for (int i = 0; i < INFER_PACKETS; i++)
		tcp(1, 9999, ORIG, "\xf9");
	tcp(1, 9999, ORIG, " SPAMC/1.2\r\n");
	tcp_piece(2, 9999, ORIG, noise(INFER_DEPTH), 0);
	tcp(2, 9999, ORIG, " SPAMC/1.2\r\n");
	tcp(3, 9999, ORIG, "PING SPAMC/1.2\r\n");
	CHECK_EQ(t.nsaid, 1);
	CHECK_EQ(t.said[0].flow, 3);
}

static void test_eviction(void)
{
	struct infer_limits limits = roomy;

	check_case("one flow too many: the first is given up, counted, and silent from then on");
	limits.flows = 2;
	begin(&limits);
	for (uint64_t flow = 1; flow <= 3; flow++)
		tcp(flow, 9999, ORIG, "\xf9?");
	CHECK_EQ(infer_stats(t.in)->evicted, 1);
	CHECK_EQ(infer_stats(t.in)->flows, 2);
	CHECK_EQ(t.nsaid, 1);
	CHECK_EQ(t.said[0].flow, 1);
	SAID(0, "unknown gave_up");
	tcp(1, 9999, RESP, "SSH-2.0-x\r\n");
	CHECK_EQ(t.nsaid, 1);
	check_case(
		"no room for first bytes: the flow that kept some for longest loses them, counted");
	limits = roomy;
	limits.first_bytes = 4 * INFER_DEPTH;
	begin(&limits);
	for (uint64_t flow = 1; flow <= 5; flow++)
		tcp(flow, 9999, ORIG, "GET ");
	CHECK_EQ(infer_stats(t.in)->first_bytes_evicted, 1);
	for (uint64_t flow = 1; flow <= 5; flow++)
		tcp(flow, 9999, ORIG, "/ HTTP/1.1\r\n");
	CHECK_EQ(t.nsaid, 4);
	CHECK_EQ(t.said[0].flow, 2);
	check_case("at the end every flow is over, in the order of their numbers");
	infer_finish(t.in, 100);
	CHECK_EQ(infer_stats(t.in)->flows, 0);
	CHECK_EQ(t.said[t.nsaid - 1].flow, 1);
}

static void test_wanted(void)
{
	static bool wanted[PROTOCOLS_MAX];
	struct infer_limits limits = roomy;

	limits.wanted = wanted;
	wanted[protocol_find(t.names, bytes_str("http"))] = true;
	wanted[protocol_find(t.names, bytes_str("dns"))] = true;
	check_case("payload is wanted until a sure guess names another's protocol");
	begin(&limits);
	CHECK(infer_wants(t.in, 1));
	tcp(1, 9999, RESP, "S");
	CHECK(infer_wants(t.in, 1));
	tcp(1, 9999, RESP, "SH-2.0-x\r\n");
	CHECK(!infer_wants(t.in, 1));
	tcp(1, 9999, ORIG, "SSH-2.0-x\r\n");
	CHECK_EQ(infer_need(t.in, 1), INFER_LEAVE_OUT);
	over(1);
	CHECK(infer_wants(t.in, 1));
	check_case("what was once theirs stays theirs");
	tcp(2, 22, ORIG, "GET / HTTP/1.1\r\n");
	tcp(2, 22, RESP, "SSH-2.0-x\r\n");
	CHECK(infer_wants(t.in, 2));
	CHECK_EQ(infer_need(t.in, 2), INFER_PASS);
	check_case("more than parsers keep of a stream is wanted no longer");
	tcp_piece(3, 9998, ORIG, noise(1000), 0);
	tcp_piece(3, 9998, ORIG, noise(25), 0);
	CHECK(infer_wants(t.in, 3)); /* they forget the flow by this one */
	tcp_piece(3, 9998, ORIG, noise(1), 0);
	CHECK(!infer_wants(t.in, 3));
	check_case("a late guess brings the flow back");
	tcp(3, 9998, RESP, "HTTP/1.1 200 OK\r\n");
	CHECK(infer_wants(t.in, 3));
	check_case("a datagram is wanted from the guess on that names theirs");
	udp(4, 9999, ORIG, BYTES("\xf9\xf9", 2));
	CHECK(!infer_wants(t.in, 4));
	udp(5, 53, ORIG,
	    BYTES("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01"
		  "a\x00\x00\x01\x00\x01",
		  19));
	CHECK(infer_wants(t.in, 5));
}

/* Pages of memory of the process. */
static size_t memory(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long all = 0, resident = 0;

	if (f) {
		if (fscanf(f, "%lu %lu", &all, &resident) != 2)
			resident = 0;
		fclose(f);
	}
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void test_memory(void)
{
	enum { FLOWS = 20000, POOL = 4 << 20 };
	struct infer_limits limits = roomy;
	size_t before, each;

	check_case(
		"an undecided flow takes less than 1 KiB, and first bytes no more than their pool");
	limits.flows = FLOWS;
	limits.first_bytes = POOL;
	begin(&limits);
	before = memory();
	for (uint64_t flow = 1; flow <= FLOWS; flow++) {
		t.offset[flow % 64][0] = t.offset[flow % 64][1] = 0;
		tcp_piece(flow, 9999, ORIG, noise(500), 0);
		tcp_piece(flow, 9999, RESP, noise(500), 0);
	}
	CHECK_EQ(infer_stats(t.in)->flows, FLOWS);
	each = (memory() - before) / FLOWS;
	printf("# %zu bytes a flow, %d of them of the pool\n", each, POOL / FLOWS);
#ifndef WEIR_SANITIZE
	CHECK(each < 1024 + POOL / FLOWS);
#endif
	check_case("ten times as many flows take no more");
	before = memory();
	for (uint64_t flow = FLOWS + 1; flow <= 10 * FLOWS; flow++) {
		t.offset[flow % 64][0] = 0;
		tcp_piece(flow, 9999, ORIG, noise(50), 0);
	}
	CHECK_EQ(infer_stats(t.in)->flows, FLOWS);
#ifndef WEIR_SANITIZE /* which keeps what was freed */
	CHECK(memory() - before < 8 << 20);
#endif
}

int main(void)
{
	const char *why;
	unsigned line;

	t.names = protocols_new();
	t.signatures = signatures_new(t.names);
	t.ports = ports_new(t.names);
	if (!signatures_add(t.signatures, text_signatures(), &why, &line) ||
	    !ports_add(t.ports, text_ports(), &why, &line))
		return EXIT_FAILURE;
	signatures_compile(t.signatures);
	noise_make();
	test_states();
	test_limits();
	test_names();
	test_change();
	test_service();
	test_gap();
	test_expected();
	test_late();
	test_eviction();
	test_wanted();
	test_memory();
	infer_free(t.in);
	context_free(t.context);
	ports_free(t.ports);
	signatures_free(t.signatures);
	protocols_free(t.names);
	return check_end();
}
