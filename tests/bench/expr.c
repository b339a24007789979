/* expr: what it costs to judge a record by an expression, beside what every record costs that is
 * passed on: being measured and copied. Prints medians of interleaved rounds, in ns a record, and
 * the ratios; ends with 1 where a simple comparison costs 100 ns or more. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "libcommon/record/expr.h"

enum { ROUNDS = 41, BATCH = 2000, CASES = 16 };

/* Records of one type, one behind the other, as they lie in a ring. */
struct run {
	const char *name;
	struct schema *schema;
	struct buf raw;
	size_t at[BATCH + 1];
};

static struct run packets = { .name = "packet" }, flows = { .name = "flow" },
		  dns = { .name = "dns" };
static struct buf copy;
static volatile uint64_t sink;

struct one {
	struct run *run;
	const char *text; /* NULL: passed on */
	struct expr *expr;
	struct expr_bound *bound;
	double ns[ROUNDS];
};

static struct one cases[CASES] = {
	{ .run = &packets },
	{ .run = &packets, .text = "type == \"dns\"" },
	{ .run = &packets, .text = "resp_p == 1" },
	{ .run = &packets, .text = "resp_h in { 10.0.0.0/8, 192.168.0.0/16, 2001:db8::/32 }" },
	{ .run = &packets, .text = "proto == 6 and tcp_flags == 1 or payload ~ \"^GET \"" },
	{ .run = &flows },
	{ .run = &flows, .text = "resp_p == 1" },
	{ .run = &flows, .text = "orig_bytes > 1M" },
	{ .run = &flows, .text = "conn_state in { \"S0\", \"REJ\" }" },
	{ .run = &flows, .text = "history ~ \"^Sh.*R$\"" },
	{ .run = &dns },
	{ .run = &dns, .text = "resp_p == 1" },
	{ .run = &dns, .text = "query == \"www.example.org\"" },
	{ .run = &dns, .text = "query ~ \"\\.example\\.org$\"" },
	{ .run = &dns, .text = "answers.rdata in { 10.0.0.0/8 }" },
	{ .run = &dns, .text = "rtt > 1s or rcode_name == \"NXDOMAIN\"" },
};

static void run_add(struct run *r, size_t i)
{
	r->at[i + 1] = r->raw.len;
}

static struct rec_key key_of(uint64_t i)
{
	return (struct rec_key){ .orig_h = { 4, { 172, 16, (uint8_t)(i >> 8), (uint8_t)i } },
				 .resp_h = { 4, { 203, 0, 113, (uint8_t)i } },
				 .orig_p = (uint16_t)(40000 + i % 1000),
				 .resp_p = i % 3 ? 443 : 80,
				 .proto = 6 };
}

static void make_runs(void)
{
	static const uint8_t body[512];

	packets.schema = schema_of(&rec_packet_desc);
	flows.schema = schema_of(&rec_flow_desc);
	dns.schema = schema_of(&rec_dns_desc);
	for (uint64_t i = 0; i < BATCH; i++) {
		const struct rec_head h = { REC_packet, 1700000000000000000 + i, 1 + i % 97, i };
		struct rec_packet p = { .ip_version = 4,
					.proto = 6,
					.resp_p = 443,
					.orig_p = 40000,
					.tcp_flags = 16,
					.payload = BYTES(body, sizeof(body)) };
		const struct rec_dns_rr rr = { .name = BYTES_LIT("www.example.com"),
					       .type = 1,
					       .class = 1,
					       .ttl = 300,
					       .rdata = BYTES_LIT("203.0.113.7") };

		rec_packet_put(buf_reserve(&packets.raw, rec_packet_wire + sizeof(body)), &h, &p);
		packets.raw.len += rec_packet_wire + sizeof(body);
		run_add(&packets, i);
		rec_pack(&flows.raw, &rec_flow_desc, &h,
			 &(struct rec_flow){ .key = key_of(i),
					     .event = REC_flow_event_END,
					     .start = h.ts,
					     .last = h.ts + 5,
					     .duration = 5,
					     .orig_pkts = 9,
					     .orig_bytes = 1000 + i,
					     .resp_bytes = 90000,
					     .conn_state = BYTES_LIT("SF"),
					     .history = BYTES_LIT("ShADadFf") });
		run_add(&flows, i);
		rec_pack(&dns.raw, &rec_dns_desc, &h,
			 &(struct rec_dns){ .key = key_of(i),
					    .rtt = SOME(12000000),
					    .query = rr.name,
					    .qtype_name = BYTES_LIT("A"),
					    .rcode_name = BYTES_LIT("NOERROR"),
					    .answers = LIST_OF(&rr, 1) });
		run_add(&dns, i);
	}
}

static void measure(struct one *c)
{
	uint64_t sum = 0;

	if (c->text) {
		for (size_t i = 0; i < BATCH; i++)
			sum += expr_eval(c->bound, BYTES(c->run->raw.ptr + c->run->at[i],
							 c->run->at[i + 1] - c->run->at[i]));
	} else {
		buf_clear(&copy);
		for (size_t i = 0; i < BATCH; i++) {
			struct bytes left = { c->run->raw.ptr + c->run->at[i],
					      c->run->raw.len - c->run->at[i] };
			ssize_t n = rec_measure(left, NULL);

			if (n <= 0)
				abort();
			buf_add(&copy, left.ptr, (size_t)n);
			sum += (uint64_t)n;
		}
	}
	sink += sum;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
	struct expr_error e;
	double floor = 0;
	int failed = 0;

	make_runs();
	for (size_t i = 0; i < CASES; i++) {
		if (!cases[i].text)
			continue;
		cases[i].expr = expr_parse(bytes_str(cases[i].text), &e);
		if (!cases[i].expr)
			return 1;
		cases[i].bound = expr_bind(cases[i].expr, cases[i].run->schema);
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < CASES; i++) {
			double start = now();

			measure(&cases[i]);
			cases[i].ns[round] = (now() - start) / BATCH;
		}
	}
	for (size_t i = 0; i < CASES; i++) {
		struct one *c = &cases[i];
		double ns;

		qsort(c->ns, ROUNDS, sizeof(double), by_size);
		ns = c->ns[ROUNDS / 2];
		if (!c->text)
			floor = ns;
		printf("%-8s %-58s %6.1f ns  %.2f\n", c->run->name,
		       c->text ? c->text : "measured and copied, as what is passed on is", ns,
		       ns / floor);
		if (c->text && strcmp(c->text, "resp_p == 1") == 0 && ns >= 100)
			failed = 1;
	}
	return failed;
}
