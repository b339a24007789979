/* packet: what it costs to take Ethernet/IPv4/TCP apart, to read fields of it, and to make it.
 * Prints medians of rounds in ns a packet; with scapy's own figure on the command line (packets a
 * second parsed) the ratio, and ends with 1 below 50x. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "libcommon/packet/stamp.h"
#include "libcommon/packet/typed.h"

enum { ROUNDS = 31, EACH = 20000 };

static volatile uint64_t sink;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void dissect(struct bytes frame, bool fields)
{
	struct packet p;

	pkt_dissect(&p, 1, frame);
	sink += p.n;
	if (fields) {
		struct pkt_header ip = pkt_header_of(&p, 1), tcp = pkt_header_of(&p, 2);

		sink += pkt_field_number(&ip, PKT_ip_src) + pkt_field_number(&ip, PKT_ip_dst) +
			pkt_field_number(&tcp, PKT_tcp_sport) +
			pkt_field_number(&tcp, PKT_tcp_dport) +
			pkt_field_number(&tcp, PKT_tcp_seq) + pkt_field_number(&tcp, PKT_tcp_flags);
	}
}

enum { DISSECT, READ, BUILD, STAMP };

static double median(int what, struct pkt_model *m, struct bytes frame)
{
	static uint8_t to[2048];
	size_t id = (size_t)(pkt_model_set(m, 1, PKT_ip_id) - m->set);
	struct pkt_stamp *stamp = pkt_stamp_new(m, &id, 1);
	double ns[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		double from = now();

		for (int i = 0; i < EACH; i++) {
			struct packet p;
			const char *why;

			if (what < BUILD) {
				dissect(frame, what == READ);
				continue;
			}
			pkt_model_number(m, 1, PKT_ip_id, (uint64_t)(i & 0xffff));
			if (what == STAMP) {
				sink += pkt_stamp_next(stamp, m)->data.ptr[18];
				continue;
			}
			if (!pkt_build(m, to, sizeof(to), &p, &why))
				abort();
			sink += to[18];
		}
		ns[r] = (now() - from) / EACH;
	}
	pkt_stamp_free(stamp);
	qsort(ns, ROUNDS, sizeof(ns[0]), ascending);
	return ns[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	static uint8_t bytes[2048];
	struct pkt_model m = { 0 };
	double parse, read, make, stamp;
	const char *why;
	struct packet p;
	bool bad = false;

	pkt_push_eth(&m);
	pkt_push_ip(&m);
	pkt_push_tcp(&m);
	pkt_push_raw(&m);
	pkt_set_ip_dst(&m, PKT_IPV4(10, 0, 0, 1));
	pkt_set_tcp_dport(&m, PKT_PORT_OF(80));
	pkt_set_raw_load(&m, BYTES_LIT("GET /"));
	if (!pkt_build(&m, bytes, sizeof(bytes), &p, &why))
		return 1;
	pkt_set_ip_id(&m, 1);
	parse = median(DISSECT, &m, p.data);
	read = median(READ, &m, p.data);
	make = median(BUILD, &m, p.data);
	stamp = median(STAMP, &m, p.data);
	printf("taken apart, validated  %8.1f ns (pkts 0.2.1, IPv4/TCP alone, on its machine: 20 "
	       "ns)\n",
	       parse);
	printf("and six fields read     %8.1f ns\n", read);
	printf("made anew, with sums    %8.1f ns\n", make);
	printf("made of the one before  %8.1f ns\n", stamp);
	if (argc > 1) {
		double parsed = 1e9 / read / atof(argv[1]);

		printf("scapy: %.0fx in parsing\n", parsed);
		bad = parsed < 50;
	}
	pkt_model_release(&m);
	return bad;
}
