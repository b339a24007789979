/* json_text: records as lines for people. */
#include "cmd/json/render.h"
#include "cmd/json/text.h"
#include "tests/unit/check.h"

static const struct rec_key web = {
	{ 4, { 192, 0, 2, 1 } }, { 4, { 198, 51, 100, 1 } }, 40000, 80, 6
};
#define WEB "22:13:20.000 %-7s 192.0.2.1:40000 > 198.51.100.1:80    "

/* The line of a record at 2023-11-14 22:13:20, without its newline. */
static const char *line(const struct rec_desc *d, const void *rec, struct render_options o)
{
	static struct buf raw, out;
	struct rec_head h = { d->id, 1700000000000000000, 1, 1 };
	struct schema *s = schema_of(d);
	struct render_plan *p;

	o.format = RENDER_TEXT;
	p = render_plan_new(s, &o);
	raw.len = out.len = 0;
	rec_pack(&raw, d, &h, rec);
	if (!render_record(p, &h, buf_bytes(&raw), &out))
		buf_add_str(&out, "(malformed)\n");
	if (out.len && out.ptr[out.len - 1] == '\n')
		out.ptr[out.len - 1] = 0;
	else
		buf_add_byte(&out, 0);
	render_plan_free(p);
	schema_free(s);
	return (const char *)out.ptr;
}

/* Is it the head for `type` between the web endpoints, then `rest`? */
static bool is(const char *got, const char *type, const char *rest)
{
	char want[512];
	int n = snprintf(want, sizeof(want), WEB, type);

	snprintf(want + n, sizeof(want) - (size_t)n, "%s", rest);
	if (strcmp(got, want) == 0)
		return true;
	printf("# got  |%s|\n# want |%s|\n", got, want);
	return false;
}

#define WIDTH(n) ((struct render_options){ .width = (n) })
#define NARROW WIDTH(119)

static void test_dns(void)
{
	struct rec_dns_rr rr[6] = {
		{ .name = BYTES_LIT("x"),
		  .type_name = BYTES_LIT("CNAME"),
		  .rdata = BYTES_LIT("e.example") },
		{ .name = BYTES_LIT("y"),
		  .type_name = BYTES_LIT("A"),
		  .rdata = BYTES_LIT("192.0.2.7") },
		{ .rdata = BYTES_LIT("3") },
		{ .rdata = BYTES_LIT("4") },
		{ .rdata = BYTES_LIT("5") },
		{ .rdata = BYTES_LIT("6") },
	};
	struct rec_dns d = {
		.key = web,
		.query = BYTES_LIT("www.example"),
		.qtype_name = BYTES_LIT("A"),
		.rcode = SOME(0),
		.rcode_name = BYTES_LIT("NOERROR"),
		.answers = LIST_OF(rr, 2),
		.rtt = SOME(12000000),
	};

	check_case("dns: question, answers, time");
	CHECK(is(line(&rec_dns_desc, &d, NARROW), "dns",
		 " A www.example -> e.example, 192.0.2.7 12.0ms"));
	d.answers.count = 6;
	CHECK(is(line(&rec_dns_desc, &d, NARROW), "dns",
		 " A www.example -> e.example, 192.0.2.7, 3, 4, +2 12.0ms"));

	check_case("dns: TXT data stands as it is, its quotes not escaped");
	rr[0].rdata = BYTES_LIT("\"v=spf1 \\\"-all\"");
	d.answers.count = 1;
	CHECK(is(line(&rec_dns_desc, &d, NARROW), "dns",
		 " A www.example -> \"v=spf1 \\\"-all\" 12.0ms"));

	check_case("dns: an error, no data, a truncated answer");
	d.answers.count = 0;
	CHECK(is(line(&rec_dns_desc, &d, NARROW), "dns", " A www.example NOERROR 12.0ms"));
	d.rcode = SOME(3);
	d.rcode_name = BYTES_LIT("NXDOMAIN");
	CHECK(is(line(&rec_dns_desc, &d, NARROW), "dns", " A www.example NXDOMAIN 12.0ms"));
	d.tc = SOME(1);
	CHECK(is(line(&rec_dns_desc, &d, NARROW), "dns",
		 " A www.example NXDOMAIN truncated 12.0ms"));

	check_case("dns: a question without an answer, asked again");
	d = (struct rec_dns){ .key = web,
			      .query = BYTES_LIT("www.example"),
			      .qtype_name = BYTES_LIT("AAAA"),
			      .state = REC_dns_state_UNANSWERED,
			      .retries = 2 };
	CHECK(is(line(&rec_dns_desc, &d, NARROW), "dns",
		 " AAAA www.example unanswered asked 3 times"));
}

static void test_http(void)
{
	struct rec_http r = {
		.key = web,
		.method = BYTES_LIT("GET"),
		.host = BYTES_LIT("example.com"),
		.uri = BYTES_LIT("/a?b=1"),
		.status_code = SOME(200),
		.resp_body_len = SOME(5220),
		.resp_content_type = BYTES_LIT("text/html"),
	};

	check_case("http: request, status, body");
	CHECK(is(line(&rec_http_desc, &r, NARROW), "http",
		 " GET example.com/a?b=1 200 5220 B text/html"));
	r.resp_body_len = SOME(734003200);
	CHECK(is(line(&rec_http_desc, &r, NARROW), "http",
		 " GET example.com/a?b=1 200 734MB text/html"));

	check_case("http: an absolute target and a CONNECT say the host once");
	r.uri = BYTES_LIT("http://example.com/x");
	CHECK(is(line(&rec_http_desc, &r, WIDTH(85)), "http",
		 " GET http://example.com/x \xe2\x80\xa6"));
	r.method = BYTES_LIT("CONNECT");
	r.uri = BYTES_LIT("example.com:443");
	CHECK(is(line(&rec_http_desc, &r, WIDTH(85)), "http",
		 " CONNECT example.com:443 2\xe2\x80\xa6"));

	check_case("http: what is missing is said");
	r = (struct rec_http){ .key = web,
			       .method = BYTES_LIT("GET"),
			       .host = BYTES_LIT("h"),
			       .uri = BYTES_LIT("/"),
			       .outcome = REC_http_outcome_PARTIAL,
			       .status_code = SOME(200),
			       .resp_body_len = SOME(99),
			       .gap = SOME(10) };
	CHECK(is(line(&rec_http_desc, &r, NARROW), "http",
		 " GET h/ 200 partial 99 B (10 missing)"));

	check_case("control and direction characters from the wire cannot reach a terminal");
	r.host = BYTES_LIT("\x1b[31m\x7f");
	r.uri = BYTES_LIT("/\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\n\xff\xc3\xa9");
	CHECK(is(line(&rec_http_desc, &r, NARROW), "http",
		 " GET \\x1b[31m\\x7f/\\xc2\\x9b\\xe2\\x80\\xae\\xe2\\x81\\xa6\\x0a\\xff\xc3\xa9 "
		 "\xe2\x80\xa6"));
}

static void test_tls(void)
{
	struct rec_tls_alert alerts[2] = {
		{ .encrypted = true }, { .level = SOME(2), .name = BYTES_LIT("handshake_failure") }
	};
	struct rec_tls t = {
		.key = web,
		.version_name = BYTES_LIT("TLSv13"),
		.sni = BYTES_LIT("example.com"),
		.alpn = BYTES_LIT("h2"),
		.cipher_name = BYTES_LIT("SUITE"),
		.ja4 = BYTES_LIT("t13d"),
		.ja3 = BYTES_LIT("0123"),
	};

	check_case("tls: version, name, protocol, cipher, fingerprint");
	CHECK(is(line(&rec_tls_desc, &t, NARROW), "tls", " TLSv13 example.com h2 SUITE t13d"));
	check_case("tls: an alert that could be read is named, an encrypted one is not");
	t.alerts = LIST_OF(alerts, 2);
	CHECK(is(line(&rec_tls_desc, &t, NARROW), "tls",
		 " TLSv13 example.com alert handshake_failure h2 SUITE t13d"));
}

static void test_flow(void)
{
	struct rec_flow f = {
		.key = web,
		.event = REC_flow_event_END,
		.reason = REC_flow_reason_FIN,
		.start = 1699999999500000000,
		.duration = 500000000,
		.orig_pkts = 11,
		.resp_pkts = 8,
		.orig_bytes = 999,
		.resp_bytes = 7365,
		.conn_state = BYTES_LIT("SF"),
		.history = BYTES_LIT("ShADdFf"),
	};
	uint16_t vlan[] = { 120, 7 };
	const char *got;

	check_case("flow: the time is that of its first packet");
	got = line(&rec_flow_desc, &f, NARROW);
	CHECK(strncmp(got, "22:13:19.500 flow    192.0.2.1:40000", 36) == 0);
	check_case("flow: state, reason, packets, bytes, duration, history");
	CHECK(strstr(got, " SF fin 11/8 pkts 999/7.4kB 0.50s ShADdFf"));
	check_case("flow: VLANs, bad checksums and a late start are said before the history");
	f.vlan = LIST_OF(vlan, 2);
	f.midstream = SOME(1);
	f.orig_bad_checksums = SOME(2);
	f.resp_bad_checksums = SOME(0);
	CHECK(strstr(line(&rec_flow_desc, &f, WIDTH(0)),
		     " 0.50s vlan 120, 7 midstream bad checksums 2/0 ShADdFf"));
	check_case("flow: one that has not ended says what is reported instead of a state");
	f = (struct rec_flow){ .key = web, .event = REC_flow_event_UPDATE, .orig_pkts = 3 };
	CHECK(strstr(line(&rec_flow_desc, &f, NARROW), " update 3/0 pkts 0/0B"));
}

static void test_ends(void)
{
	uint64_t reasons[] = { 0, 100, 0, 0, 48 };
	struct rec_stream_end e = { .key = web,
				    .dir = 1,
				    .reason = REC_stream_reason_FIN,
				    .highest = 9000,
				    .delivered = 9000 };
	struct rec_anomaly a = { .key = web,
				 .name = BYTES_LIT("odd_thing"),
				 .severity = REC_severity_WARNING,
				 .event = BYTES_LIT("length 70"),
				 .expected = BYTES_LIT("at most 63"),
				 .state = BYTES_LIT("head") };
	struct render_options gaps = { .width = 119, .gaps_only = true };

	check_case("a stream without a gap gives no line unless asked for");
	CHECK(strcmp(line(&rec_stream_end_desc, &e, gaps), "") == 0);
	CHECK(strstr(line(&rec_stream_end_desc, &e, NARROW), "resp fin 9000 B"));
	check_case("a stream with gaps is a gap line that says how much and why");
	e.gap_bytes = 148;
	e.gaps = 2;
	e.gap_reasons = LIST_OF(reasons, 5);
	CHECK(is(line(&rec_stream_end_desc, &e, gaps), "gap",
		 " resp: 148 of 9000 bytes missing in 2 gaps (acked, close)"));
	check_case("anomaly: name, what happened, what would have been right");
	CHECK(is(line(&rec_anomaly_desc, &a, WIDTH(0)), "anomaly",
		 "          odd_thing warning: length 70, expected at most 63, in state head"));
}

static void test_line(void)
{
	struct rec_http r = {
		.key = { { 16, { 0x20, 1, 0xd, 0xb8 } }, { 16, { 0x20, 1, 0xd, 0xb8 } }, 1, 2, 6 },
		.method = BYTES_LIT("GET")
	};
	struct rec_flow f = { .key = web };
	const char *fields[] = { "method", "status_code", NULL };
	struct render_options few = { .fields = fields }, red = { .color = true, .width = 60 };
	const char *got;

	check_case("IPv6 endpoints stand in brackets and may be longer than the column");
	CHECK(strcmp(line(&rec_http_desc, &r, NARROW),
		     "22:13:20.000 http    [2001:db8::]:1 > [2001:db8::]:2       GET") == 0);
	check_case("ICMP has a type instead of ports, other protocols a number");
	f.key.proto = 1;
	f.key.orig_p = 8;
	CHECK(strstr(line(&rec_flow_desc, &f, NARROW), "192.0.2.1 > 198.51.100.1 icmp 8 "));
	f.key.proto = 47;
	CHECK(strstr(line(&rec_flow_desc, &f, NARROW), "192.0.2.1 > 198.51.100.1 proto 47 "));
	check_case("--fields shows those fields with their names");
	r.key = web;
	CHECK(strcmp(line(&rec_http_desc, &r, few) + 67, " method=GET") == 0);
	check_case("a cut line has exactly the width, its colour ends");
	r.uri = BYTES_LIT("/\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
	got = line(&rec_http_desc, &r, red);
	CHECK(strncmp(got, "\033[33m22:13:20.000", 17) == 0);
	CHECK(strcmp(got + strlen(got) - 4, "\033[0m") == 0);
	{
		unsigned columns = 0;

		for (const char *c = got + 5; c < got + strlen(got) - 4; c++)
			columns += (*c & 0xc0) != 0x80;
		CHECK(columns <= 60);
	}
}

static void test_numbers(void)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} durations[] = { { 0, "0us" },
			  { 999999, "999us" },
			  { 1000000, "1.0ms" },
			  { 99900000, "99.9ms" },
			  { 100000000, "0.10s" },
			  { 99990000000, "99.99s" },
			  { 100000000000, "1m40s" },
			  { 7200000000000, "2h00m" },
			  { UINT64_MAX, "5124095h34m" } };
	static const struct {
		uint64_t n;
		const char *text;
	} sizes[] = {
		{ 0, "0" },      { 999, "999" },     { 1000, "1.0k" },   { 9949, "9.9k" },
		{ 9951, "10k" }, { 999499, "999k" }, { 999500, "1.0M" }, { UINT64_MAX, "18E" }
	};
	struct buf out = { 0 };

	check_case("durations and sizes are short at every magnitude");
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		out.len = 0;
		text_duration(&out, durations[i].ns);
		CHECK(bytes_is(buf_bytes(&out), durations[i].text));
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		out.len = 0;
		text_size(&out, sizes[i].n);
		CHECK(bytes_is(buf_bytes(&out), sizes[i].text));
	}
	buf_release(&out);
}

int main(void)
{
	test_dns();
	test_http();
	test_tls();
	test_flow();
	test_ends();
	test_line();
	test_numbers();
	return check_end();
}
