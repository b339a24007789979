/* spec: what a spec costs beside a parser in C of the same protocol: DNS over UDP, queries and
 * their answers paired, each record packed. Prints medians of interleaved rounds, in ns a message,
 * and the ratio; ends with 1 where the spec is slower than 2.5 times the parser. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/dns/dns.h"
#include "cmd/spec/session.h"

enum { ROUNDS = 31, FLOWS = 64, PAIRS = 40 };

/* Names are lists of labels: what follows a pointer is not looked at. */
static const char text[] = "protocol dnsspec \"make records of DNS\"\n"
			   "udp 53\n"
			   "part name\n"
			   "\tlet _more = 1\n"
			   "\trepeat while _more max 128\n"
			   "\t\tu8 _n\n"
			   "\t\tif _n >= 0xc0\n"
			   "\t\t\tskip 1\n"
			   "\t\t\tlet _more = 0\n"
			   "\t\telse if _n == 0\n"
			   "\t\t\tlet _more = 0\n"
			   "\t\telse\n"
			   "\t\t\ttext label _n keep 63\n"
			   "message\n"
			   "\tu16 id\n"
			   "\tu1 _qr\n"
			   "\tu4 opcode\n"
			   "\tu1 aa\n"
			   "\tu1 tc\n"
			   "\tu1 rd\n"
			   "\tu1 ra\n"
			   "\tu3 z\n"
			   "\tu4 rcode\n"
			   "\tu16 _qd\n"
			   "\tu16 _an\n"
			   "\tu16 _ns\n"
			   "\tu16 _ar\n"
			   "\trepeat _qd max 4\n"
			   "\t\tlet _more = 1\n"
			   "\t\trepeat while _more max 128\n"
			   "\t\t\tu8 _n\n"
			   "\t\t\tif _n == 0\n"
			   "\t\t\t\tlet _more = 0\n"
			   "\t\t\telse\n"
			   "\t\t\t\ttext query[] _n keep 63\n"
			   "\t\tu16 qtype\n"
			   "\t\tu16 qclass\n"
			   "\trepeat _an + _ns + _ar max 64 as records\n"
			   "\t\tuse name\n"
			   "\t\tu16 kind\n"
			   "\t\tu16 class\n"
			   "\t\tu32 ttl\n"
			   "\t\tu16 _len\n"
			   "\t\tif kind == 1\n"
			   "\t\t\tip4 address\n"
			   "\t\telse\n"
			   "\t\t\tbytes data _len\n"
			   "\tif _qr\n"
			   "\t\tresponse id\n"
			   "\telse\n"
			   "\t\trequest id\n";

struct message {
	struct rec_head h;
	struct rec_packet p;
	uint8_t bytes[256];
};
static struct message messages[FLOWS * PAIRS * 2];
static struct buf packed;
static size_t records;

static void take(void *ctx, const struct rec_desc *desc, const struct rec_head *h, const void *rec)
{
	(void)ctx;
	packed.len = 0;
	rec_pack(&packed, desc, h, rec);
	records++;
}

/* A query for www.exampleN.com, or its answer with three addresses and an OPT record. */
static size_t build(uint8_t *out, unsigned id, bool answer)
{
	struct buf b = { 0 };
	size_t n;

	buf_add(&b,
		(uint8_t[]){ (uint8_t)(id >> 8), (uint8_t)id, answer ? 0x81 : 1, answer ? 0x80 : 0,
			     0, 1, 0, answer ? 3 : 0, 0, 0, 0, 1 },
		12);
	buf_add(&b, "\3www", 4);
	buf_printf(&b, "%cexample%04u", 11, id % 10000);
	buf_add(&b, "\3com\0\0\1\0\1", 9);
	for (int i = 0; answer && i < 3; i++)
		buf_add(&b, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1", 16);
	buf_add(&b, "\0\0\x29\x10\0\0\0\0\0\0\0", 11);
	n = b.len;
	memcpy(out, b.ptr, n);
	buf_release(&b);
	return n;
}

static void prepare(void)
{
	for (unsigned i = 0; i < FLOWS * PAIRS * 2; i++) {
		struct message *m = &messages[i];
		unsigned flow = i / 2 % FLOWS;
		bool answer = i % 2;

		m->h = (struct rec_head){ REC_packet, 1000000ull * i, flow + 1, i + 1 };
		m->p = (struct rec_packet){ .ip_version = 4,
					    .proto = IPPROTO_UDP,
					    .dir = answer,
					    .orig_p = (uint16_t)(1024 + flow),
					    .resp_p = 53 };
		m->p.payload = BYTES(m->bytes, build(m->bytes, i / 2, answer));
	}
}

static double run(const struct l7_parser *parser)
{
	struct l7_host host = { NULL, take };
	struct l7_limits limits = { .max_flows = 1024 };
	struct l7 *l7 = l7_new(parser, &host, &limits);
	const size_t n = sizeof(messages) / sizeof(messages[0]);
	struct timespec a, b;

	records = 0;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (int again = 0; again < 3; again++)
		for (size_t i = 0; i < n; i++)
			l7_packet(l7, &messages[i].h, &messages[i].p);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	if (records != 3 * n / 2) {
		fprintf(stderr, "%s: %zu records, not %zu\n", parser->name, records, 3 * n / 2);
		exit(1);
	}
	l7_finish(l7, 0);
	l7_free(l7);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
	       (double)(3 * n);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(void)
{
	struct spec_error e;
	struct spec *s = spec_compile(bytes_str(text), &e);
	struct spec_config config = {
		.spec = s, .timeout = 30000000000ull, .max_pending = 256, .max_memory = 64 << 20
	};
	struct l7_parser spec;
	double ns[2][ROUNDS];

	if (!s) {
		fprintf(stderr, "%u:%u: %s\n", e.line, e.column, e.text);
		return 1;
	}
	spec = spec_parser(&config);
	prepare();
	for (int i = 0; i < ROUNDS; i++) {
		ns[0][i] = run(&dns_parser);
		ns[1][i] = run(&spec);
	}
	qsort(ns[0], ROUNDS, sizeof(double), by_value);
	qsort(ns[1], ROUNDS, sizeof(double), by_value);
	printf("DNS by weir-dns' parser        %6.0f ns/message\n", ns[0][ROUNDS / 2]);
	printf("DNS by a spec                  %6.0f ns/message, %.2f of the parser's speed\n",
	       ns[1][ROUNDS / 2], ns[0][ROUNDS / 2] / ns[1][ROUNDS / 2]);
	spec_free(s);
	buf_release(&packed);
	return ns[0][ROUNDS / 2] / ns[1][ROUNDS / 2] < 0.4;
}
