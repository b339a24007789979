/* embed: weir inside a program: reads a capture file with libpcap, feeds its frames from memory,
 * and prints a line for each flow, DNS transaction, HTTP exchange and TLS handshake, and for what a
 * parser of its own finds. */
#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdio.h>

#include <weir/parsers.h>

#include "libcommon/stage/weir.h"

#define REC_TABLES
#define REC_DEF "banner.def"
#include "libcommon/record/expand.h"

/* ---- a parser of our own: what a server says that speaks first ---- */

static enum l7_claim banner_claims(const struct l7_first *first)
{
	if (first->dir == L7_ORIG || first->data.len > 200)
		return L7_NO;
	return memchr(first->data.ptr, '\n', first->data.len) ? L7_YES : L7_MAYBE;
}

static size_t banner_feed(struct l7_flow *flow, enum l7_dir dir, struct bytes data)
{
	const uint8_t *end = memchr(data.ptr, '\n', data.len);

	if (dir == L7_RESP && end) {
		l7_emit(flow, banner, .text = BYTES(data.ptr, (size_t)(end - data.ptr)));
		l7_done(flow);
	}
	return data.len;
}

static const struct l7_parser banner_parser = {
	.name = "banner",
	.summary = "the first line of a server that speaks first",
	.claims = banner_claims,
	.feed = banner_feed,
};

/* ---- what comes out ---- */

static void print_key(const char *what, const struct rec_head *h, const struct rec_key *k)
{
	char from[INET6_ADDRSTRLEN] = "-", to[INET6_ADDRSTRLEN] = "-";

	if (k->orig_h.len) {
		inet_ntop(k->orig_h.len == 4 ? AF_INET : AF_INET6, k->orig_h.b, from, sizeof(from));
		inet_ntop(k->resp_h.len == 4 ? AF_INET : AF_INET6, k->resp_h.b, to, sizeof(to));
	}
	printf("%-6s n=%llu flow=%llu %s:%u > %s:%u ", what, (unsigned long long)h->n,
	       (unsigned long long)h->flow, from, k->orig_p, to, k->resp_p);
}

/* A text off the wire: nothing of it may reach a terminal but what can be printed. */
static void print_text(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		putchar(text.ptr[i] >= ' ' && text.ptr[i] < 0x7f ? text.ptr[i] : '.');
	putchar(' ');
}

static void on_record(void *user, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	uint64_t *records = user;

	++*records;
	if (desc == &rec_flow_desc) {
		const struct rec_flow *f = rec;

		print_key("flow", h, &f->key);
		printf("%llu packets", (unsigned long long)(f->orig_pkts + f->resp_pkts));
	} else if (desc == &rec_dns_desc) {
		const struct rec_dns *d = rec;

		print_key("dns", h, &d->key);
		print_text(d->query);
		print_text(d->rcode_name);
	} else if (desc == &rec_http_desc) {
		const struct rec_http *x = rec;

		print_key("http", h, &x->key);
		print_text(x->method);
		print_text(x->host);
		print_text(x->uri);
	} else if (desc == &rec_tls_desc) {
		const struct rec_tls *t = rec;

		print_key("tls", h, &t->key);
		print_text(t->version_name);
		print_text(t->sni);
	} else if (desc == &rec_banner_desc) {
		const struct rec_banner *b = rec;

		print_key("banner", h, &b->key);
		print_text(b->text);
	} else {
		return;
	}
	putchar('\n');
}

/* Each piece of a stream, in order, before any parser has seen it. */
static uint64_t stream_bytes;

static void on_stream(void *user, const struct rec_head *h, const struct rec_stream *s)
{
	(void)user;
	(void)h;
	stream_bytes += s->payload.len;
}

int main(int argc, char **argv)
{
	/* A flow is the first one's that claims it: ours stands before the SMTP parser. */
	static const struct l7_parser *const parsers[] = { &banner_parser, WEIR_PARSERS, NULL };
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	struct weir_config config;
	const unsigned char *data;
	uint64_t records = 0;
	struct weir *weir;
	pcap_t *file;
	int got;

	file = argc == 2 ? pcap_open_offline_with_tstamp_precision(argv[1],
								   PCAP_TSTAMP_PRECISION_NANO, why)
			 : NULL;
	if (!file) {
		fprintf(stderr, "embed: %s\n", argc == 2 ? why : "usage: embed FILE.pcap");
		return argc == 2 ? 1 : 2;
	}
	weir_defaults(&config);
	config.parsers = parsers;
	config.user = &records;
	config.record = on_record;
	config.stream = on_stream;
	config.see_all = true;
	weir = weir_new(&config);
	if (!weir) {
		fprintf(stderr, "embed: no memory\n");
		return 1;
	}
	while ((got = pcap_next_ex(file, &head, &data)) == 1)
		weir_frame(weir, (uint32_t)pcap_datalink(file),
			   (uint64_t)head->ts.tv_sec * 1000000000 + (uint64_t)head->ts.tv_usec,
			   BYTES(data, head->caplen), head->len);
	weir_finish(weir);
	printf("%llu frames, %llu records, %llu bytes of streams\n",
	       (unsigned long long)weir_flows(weir)->frames, (unsigned long long)records,
	       (unsigned long long)stream_bytes);
	weir_free(weir);
	pcap_close(file);
	return got == PCAP_ERROR_BREAK ? 0 : 1;
}
