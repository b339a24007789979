/* mkbench: writes big captures for benches, the same bytes on each run.
 *
 *     mkbench mix TEMPLATE.pcap OUT.pcap PACKETS    copies of a template with other addresses
 *     mkbench small OUT.pcap PACKETS FLOWS          64-byte packets, every flow open at once
 *
 * Little-endian machines only; checksums stay right. Called by make_bench.py. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 24, PACKET = 16, OPEN_COPIES = 8 };

static FILE *out;

static __attribute__((noreturn)) void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void put(const void *p, size_t n)
{
	if (fwrite(p, 1, n, out) != n)
		fail("write");
}

static void create(const char *path)
{
	static const uint32_t header[] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1 };

	out = fopen(path, "wb");
	if (!out)
		fail(path);
	setvbuf(out, NULL, _IOFBF, 1 << 20);
	put(header, sizeof(header));
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void set16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void set32(uint8_t *p, uint32_t v)
{
	set16(p, v >> 16);
	set16(p + 2, v & 0xffff);
}

static uint32_t fold(uint64_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

static uint64_t sum16(const uint8_t *p, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += get16(p + i);
	return sum;
}

/* ---- mix --------------------------------------------------------------------------------- */

struct packet {
	uint64_t us;    /* since the template's start */
	uint8_t *bytes; /* pcap packet header and frame */
	uint32_t len;   /* of the frame */
};

struct copy {
	uint64_t number, next, start; /* start in us */
};

static uint8_t *load(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p;
	long size = 0;

	if (!f || fseek(f, 0, SEEK_END) < 0 || (size = ftell(f)) < HEADER)
		fail(path);
	rewind(f);
	p = malloc((size_t)size);
	if (!p || fread(p, 1, (size_t)size, f) != (size_t)size)
		fail(path);
	fclose(f);
	*n = (size_t)size;
	return p;
}

static struct packet *packets_of(uint8_t *file, size_t size, size_t *count)
{
	struct packet *v = NULL;
	size_t n = 0, room = 0;
	uint64_t first = 0;

	for (size_t at = HEADER; at + PACKET <= size;) {
		uint32_t w[4];
		uint64_t us;

		memcpy(w, file + at, sizeof(w));
		us = w[0] * 1000000ull + w[1];
		if (!n)
			first = us;
		if (n == room) {
			room = room ? 2 * room : 4096;
			v = realloc(v, room * sizeof(*v));
			if (!v)
				fail("memory");
		}
		v[n++] = (struct packet){ us - first, file + at, w[2] };
		at += PACKET + w[2];
	}
	*count = n;
	return v;
}

/* Adds k to a 16-bit word; the change goes into both ones'-complement checksums (RFC 1624). */
static void shift(uint8_t *word, uint32_t k, uint8_t *sum1, uint8_t *sum2)
{
	uint16_t before = get16(word), after = (uint16_t)(before + k);

	set16(word, after);
	for (int i = 0; i < 2; i++) {
		uint8_t *sum = i ? sum2 : sum1;

		if (sum)
			set16(sum, 0xffff ^ fold((uint64_t)(uint16_t)~get16(sum) +
						 (uint16_t)~before + after));
	}
}

/* Where the layer-4 checksum is, or NULL. */
static uint8_t *l4_sum(uint8_t proto, uint8_t *l4)
{
	switch (proto) {
	case 6:
		return l4 + 16;
	case 17:
		return l4 + 6;
	case 58:
		return l4 + 2;
	default:
		return NULL;
	}
}

/* Copy k of a frame: both addresses grow by k in one word. */
static void readdress(uint8_t *frame, uint32_t k)
{
	uint8_t *ip = frame + 14;
	uint16_t type = get16(frame + 12);

	if (type == 0x8100) {
		type = get16(frame + 16);
		ip += 4;
	}
	if (type == 0x0800) {
		uint8_t *sum = l4_sum(ip[9], ip + 20);

		shift(ip + 12, k, ip + 10, sum);
		shift(ip + 16, k, ip + 10, sum);
	} else if (type == 0x86dd) {
		uint8_t *sum = l4_sum(ip[6], ip + 40);

		shift(ip + 14, k, sum, NULL);
		shift(ip + 30, k, sum, NULL);
	}
}

static void write_copy(const struct packet *p, const struct copy *c)
{
	static uint8_t room[PACKET + 65536];
	uint64_t us = 1767225600000000ull + c->start + p->us;
	uint32_t w[2] = { (uint32_t)(us / 1000000), (uint32_t)(us % 1000000) };

	memcpy(room, p->bytes, PACKET + p->len);
	memcpy(room, w, sizeof(w));
	readdress(room + PACKET, (uint32_t)c->number);
	put(room, PACKET + p->len);
}

/* OPEN_COPIES copies are under way at a time, each a step further than the next one. */
static void mix(const char *template, const char *path, uint64_t total)
{
	struct copy open[OPEN_COPIES];
	struct packet *v;
	size_t size, n;
	uint64_t step, started = 0;
	uint8_t *file = load(template, &size);

	v = packets_of(file, size, &n);
	if (!n) {
		fprintf(stderr, "%s: no packets\n", template);
		exit(1);
	}
	create(path);
	step = v[n - 1].us / OPEN_COPIES + 1;
	for (; started < OPEN_COPIES; started++)
		open[started] = (struct copy){ started, 0, started * step };
	while (total--) {
		struct copy *first = NULL;
		uint64_t best = UINT64_MAX;

		for (struct copy *c = open; c < open + OPEN_COPIES; c++) {
			uint64_t us = c->start + v[c->next].us;

			if (us < best || (us == best && c->number < first->number)) {
				best = us;
				first = c;
			}
		}
		write_copy(&v[first->next], first);
		if (++first->next == n) {
			*first = (struct copy){ started, 0, started * step };
			started++;
		}
	}
	free(v);
	free(file);
}

/* ---- small ------------------------------------------------------------------------------- */

struct step {
	uint8_t flags, from;
	uint32_t seq, ack, data;
};

/* Packet r of R of a TCP connection whose sides send 6 bytes in turn. */
static struct step tcp_step(uint64_t r, uint64_t rounds)
{
	uint64_t sent = r < 3 ? 0 : r - 3; /* data segments before this one */
	uint32_t client = 1 + 6 * (uint32_t)((sent + 1) / 2), server = 1 + 6 * (uint32_t)(sent / 2);
	uint64_t closing = rounds < 6 ? rounds : rounds - 3;

	if (r == 0)
		return (struct step){ 2, 0, 0, 0, 0 };
	if (r == 1)
		return (struct step){ 18, 1, 0, 1, 0 };
	if (r == 2)
		return (struct step){ 16, 0, 1, 1, 0 };
	if (r < closing)
		return sent % 2 ? (struct step){ 24, 1, server, client, 6 }
				: (struct step){ 24, 0, client, server, 6 };
	sent = closing - 3;
	client = 1 + 6 * (uint32_t)((sent + 1) / 2);
	server = 1 + 6 * (uint32_t)(sent / 2);
	if (r == closing)
		return (struct step){ 17, 0, client, server, 0 };
	if (r == closing + 1)
		return (struct step){ 17, 1, server, client + 1, 0 };
	return (struct step){ 16, 0, client + 1, server + 1, 0 };
}

static void small_packet(uint8_t *f, uint64_t flow, uint64_t r, uint64_t rounds)
{
	bool tcp = flow & 1;
	struct step s = tcp ? tcp_step(r, rounds) : (struct step){ 0, r & 1, 0, 0, 18 };
	uint32_t l4_len = tcp ? 20 + s.data : 26;
	uint32_t addr[2] = { 0x0a000000 + (uint32_t)(flow >> 4), 0xac100000 + (flow & 0xffff) };
	uint32_t port[2] = { 1024 + (uint32_t)(flow & 15) * 4001, tcp ? 443 : 53000 };
	uint8_t *ip = f + 14, *l4 = ip + 20;

	memset(f, 0, 60);
	memcpy(f, "\2\0\0\0\0\1\2\0\0\0\0\2\x08", 13);
	f[5] = s.from ? 2 : 1;
	f[11] = s.from ? 1 : 2;
	memcpy(ip, "\x45\0\0\0\0\0\x40\0\x40", 9);
	ip[9] = tcp ? 6 : 17;
	set16(ip + 2, 20 + l4_len);
	set16(ip + 4, (uint32_t)(r & 0xffff));
	set32(ip + 12, addr[s.from]);
	set32(ip + 16, addr[!s.from]);
	set16(ip + 10, 0xffff ^ fold(sum16(ip, 20)));
	set16(l4, port[s.from]);
	set16(l4 + 2, port[!s.from]);
	if (tcp) {
		set32(l4 + 4, s.seq + (s.from ? 0x20000000 : 0x10000000) + (uint32_t)flow);
		if (s.flags & 16)
			set32(l4 + 8, s.ack + (s.from ? 0x10000000 : 0x20000000) + (uint32_t)flow);
		l4[12] = 0x50;
		l4[13] = s.flags;
		set16(l4 + 14, 64240);
		memcpy(l4 + 20, "abcdef", s.data);
	} else {
		set16(l4 + 4, l4_len);
		memcpy(l4 + 8, "a small datagram..", 18);
	}
	set16(l4_sum(ip[9], l4),
	      0xffff ^ fold(sum16(ip + 12, 8) + ip[9] + l4_len + sum16(l4, l4_len)));
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Round r sends packet r of every flow, in an order that jumps about. */
static void small(const char *path, uint64_t packets, uint64_t flows)
{
	uint64_t jump = 611957, rounds = (packets + flows - 1) / flows, n = 0;
	uint8_t record[PACKET + 60];

	while (common_divisor(jump, flows) != 1)
		jump += 2;
	create(path);
	for (uint64_t r = 0; r < rounds; r++) {
		for (uint64_t i = 0; i < flows && n < packets; i++, n++) {
			uint32_t w[4] = { 1767225600 + (uint32_t)(n / 1000000),
					  (uint32_t)(n % 1000000), 60, 60 };

			memcpy(record, w, sizeof(w));
			small_packet(record + PACKET, (i + 1) * jump % flows, r, rounds);
			put(record, sizeof(record));
		}
	}
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "mix") == 0) {
		mix(argv[2], argv[3], strtoull(argv[4], NULL, 10));
	} else if (argc == 5 && strcmp(argv[1], "small") == 0) {
		small(argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
	} else {
		fprintf(stderr,
			"usage: mkbench mix TEMPLATE OUT PACKETS | small OUT PACKETS FLOWS\n");
		return 2;
	}
	if (fclose(out) != 0)
		fail("write");
	return 0;
}
