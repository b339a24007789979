/* pcapng: tests of the reader of pcapng files. */
#include "tests/unit/check.h"

#include "cmd/read/pcapng.h"
#include "libcommon/record/record.h"

struct image {
	uint8_t b[8192];
	size_t len, block;
	bool big;
};

static void put32(struct image *m, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		m->b[m->len++] = (uint8_t)(v >> (m->big ? 24 - 8 * i : 8 * i));
}

static void put16(struct image *m, uint16_t v)
{
	m->b[m->len++] = (uint8_t)(m->big ? v >> 8 : v);
	m->b[m->len++] = (uint8_t)(m->big ? v : v >> 8);
}

static void block(struct image *m, uint32_t type)
{
	m->block = m->len;
	put32(m, type);
	put32(m, 0);
}

/* Writes both lengths of the block that was begun last. */
static void block_end(struct image *m)
{
	size_t end;

	put32(m, 0);
	end = m->len;
	m->len = m->block + 4;
	put32(m, (uint32_t)(end - m->block));
	m->len = end - 4;
	put32(m, (uint32_t)(end - m->block));
}

static void section(struct image *m)
{
	block(m, 0x0a0d0d0a);
	put32(m, 0x1a2b3c4d);
	put16(m, 1);
	put16(m, 0);
	put32(m, 0xffffffff);
	put32(m, 0xffffffff);
	block_end(m);
}

static void interface(struct image *m, uint16_t link, uint32_t snaplen, int tsresol, int offset)
{
	block(m, 1);
	put16(m, link);
	put16(m, 0);
	put32(m, snaplen);
	if (tsresol >= 0) {
		put16(m, 9);
		put16(m, 1);
		m->b[m->len++] = (uint8_t)tsresol;
		m->b[m->len++] = 0;
		m->b[m->len++] = 0;
		m->b[m->len++] = 0;
	}
	if (offset) {
		put16(m, 14);
		put16(m, 8);
		put32(m, m->big ? (offset < 0 ? 0xffffffff : 0) : (uint32_t)offset);
		put32(m, m->big ? (uint32_t)offset : (offset < 0 ? 0xffffffff : 0));
	}
	put32(m, 0);
	block_end(m);
}

static void bytes_of(struct image *m, uint32_t n)
{
	for (uint32_t i = 0; i < ((n + 3) & ~3u); i++)
		m->b[m->len++] = i < n ? (uint8_t)(n + i) : 0;
}

static void enhanced(struct image *m, uint32_t iface, uint64_t ts, uint32_t caplen, uint32_t flags)
{
	block(m, 6);
	put32(m, iface);
	put32(m, (uint32_t)(ts >> 32));
	put32(m, (uint32_t)ts);
	put32(m, caplen);
	put32(m, caplen + 100);
	bytes_of(m, caplen);
	if (flags) {
		put16(m, 1); /* a comment before it */
		put16(m, 2);
		put32(m, 0);
		put16(m, 2);
		put16(m, 4);
		put32(m, flags);
		put32(m, 0);
	}
	block_end(m);
}

static uint64_t one_time(int tsresol, int offset, uint64_t units)
{
	struct image m = { 0 };
	struct pcapng g = { 0 };
	struct cap_frame f = { 0 };
	struct bytes in;

	section(&m);
	interface(&m, 1, 0, tsresol, offset);
	enhanced(&m, 0, units, 5, 0);
	in = BYTES(m.b, m.len);
	CHECK(pcapng_next(&g, &in, &f) == CAP_FRAME);
	CHECK_EQ(in.len, 0);
	pcapng_release(&g);
	return f.ts;
}

static void sections_and_interfaces(void)
{
	struct image m = { 0 };
	struct pcapng g = { 0 };
	struct cap_frame f;
	struct bytes in;

	section(&m);
	interface(&m, 1, 65535, -1, 0);
	interface(&m, 101, 16, 9, 0);
	enhanced(&m, 1, 1700000000123456789, 7, 0);
	enhanced(&m, 0, 1700000000123456, 8, 2);
	m.big = true;
	section(&m);
	interface(&m, 113, 0, -1, 0);
	enhanced(&m, 0, 1700000001000001, 9, 0x201);
	in = BYTES(m.b, m.len);
	CHECK(pcapng_next(&g, &in, &f) == CAP_FRAME);
	CHECK_EQ(f.ts, 1700000000123456789);
	CHECK_EQ(f.link_type, 101);
	CHECK_EQ(f.iface, 1);
	CHECK_EQ(f.data.len, 7);
	CHECK_EQ(f.data.ptr[0], 7);
	CHECK_EQ(f.wire_len, 107);
	CHECK_EQ(f.flags, 0);
	CHECK(pcapng_next(&g, &in, &f) == CAP_FRAME);
	CHECK_EQ(f.ts, 1700000000123456000);
	CHECK_EQ(f.link_type, 1);
	CHECK_EQ(f.flags, FRAME_OUTGOING);
	CHECK(pcapng_next(&g, &in, &f) == CAP_FRAME);
	CHECK_EQ(f.ts, 1700000001000001000);
	CHECK_EQ(f.link_type, 113);
	CHECK_EQ(f.iface, 2);
	CHECK_EQ(f.flags, FRAME_CSUM_UNREADY);
	CHECK(pcapng_next(&g, &in, &f) == CAP_MORE);
	CHECK_EQ(in.len, 0);
	pcapng_release(&g);
}

static void times(void)
{
	CHECK_EQ(one_time(-1, 0, 1500000), 1500000000);
	CHECK_EQ(one_time(0, 0, 7), 7000000000);
	CHECK_EQ(one_time(12, 0, 1500000000000), 1500000000);
	CHECK_EQ(one_time(19, 0, 10000000000), 1);
	CHECK_EQ(one_time(0x80 | 10, 0, 1024 + 512), 1500000000);
	CHECK_EQ(one_time(0x80 | 63, 0, 1ull << 62), 500000000);
	CHECK_EQ(one_time(0x80, 0, 3), 3000000000);
	CHECK_EQ(one_time(-1, 5, 1500000), 6500000000);
	CHECK_EQ(one_time(-1, -1, 1500000), 500000000);
	CHECK_EQ(one_time(-1, -2, 1500000), 0);
	CHECK(one_time(0, 0, UINT64_MAX) == UINT64_MAX);
}

static void other_packet_blocks(void)
{
	struct image m = { 0 };
	struct pcapng g = { 0 };
	struct cap_frame f;
	struct bytes in;

	section(&m);
	interface(&m, 1, 10, -1, 0);
	interface(&m, 228, 0, -1, 0);
	block(&m, 2); /* obsolete packet */
	put16(&m, 1);
	put16(&m, 3);
	put32(&m, 0);
	put32(&m, 4000000);
	put32(&m, 6);
	put32(&m, 60);
	bytes_of(&m, 6);
	block_end(&m);
	block(&m, 3); /* simple, cut by the snapshot length of interface 0 */
	put32(&m, 1500);
	bytes_of(&m, 10);
	block_end(&m);
	block(&m, 3);
	put32(&m, 5);
	bytes_of(&m, 5);
	block_end(&m);
	in = BYTES(m.b, m.len);
	CHECK(pcapng_next(&g, &in, &f) == CAP_FRAME);
	CHECK_EQ(f.ts, 4000000000);
	CHECK_EQ(f.link_type, 228);
	CHECK_EQ(f.wire_len, 60);
	CHECK_EQ(f.data.len, 6);
	CHECK(pcapng_next(&g, &in, &f) == CAP_FRAME);
	CHECK_EQ(f.ts, 4000000000); /* has no time of its own */
	CHECK_EQ(f.wire_len, 1500);
	CHECK_EQ(f.data.len, 10);
	CHECK_EQ(f.iface, 0);
	CHECK(pcapng_next(&g, &in, &f) == CAP_FRAME);
	CHECK_EQ(f.data.len, 5);
	CHECK_EQ(in.len, 0);
	pcapng_release(&g);
}

static void skipped_in_pieces(void)
{
	struct image m = { 0 };
	struct pcapng g = { 0 };
	struct cap_frame f;
	struct bytes in;
	uint64_t back;
	size_t at, n;

	section(&m);
	interface(&m, 1, 0, -1, 0);
	at = m.len;
	block(&m, 0xbad);
	bytes_of(&m, 1000);
	block_end(&m);
	n = m.len - at;
	enhanced(&m, 0, 1, 4, 0);
	in = BYTES(m.b, at);
	CHECK(pcapng_next(&g, &in, &f) == CAP_MORE);
	CHECK(!pcapng_cut(&g, in, &back));
	for (size_t end = at + 12; end < at + n; end += 7) {
		in = BYTES(in.ptr, (size_t)(m.b + end - in.ptr));
		CHECK(pcapng_next(&g, &in, &f) == CAP_MORE);
		CHECK(in.len < 4);
		CHECK(pcapng_cut(&g, in, &back));
		CHECK_EQ(in.ptr - back - m.b, at);
	}
	in = BYTES(in.ptr, (size_t)(m.b + m.len - in.ptr));
	CHECK(pcapng_next(&g, &in, &f) == CAP_FRAME);
	CHECK_EQ(in.len, 0);
	CHECK(!pcapng_cut(&g, in, &back));
	pcapng_release(&g);
	m.b[at + n - 4]++; /* its length at its end */
	g = (struct pcapng){ 0 };
	in = BYTES(m.b, m.len);
	CHECK(pcapng_next(&g, &in, &f) == CAP_BAD);
	CHECK_EQ(in.ptr - g.skipped - m.b, at);
	pcapng_release(&g);
}

static void cut_at_every_byte(void)
{
	for (int big = 0; big < 2; big++) {
		struct image m = { .big = big };
		size_t ends[4];

		section(&m);
		interface(&m, 1, 0, 9, 1);
		for (uint32_t i = 0; i < 4; i++) {
			enhanced(&m, 0, i, 9 * i, i);
			ends[i] = m.len;
		}
		for (size_t n = 0; n <= m.len; n++) {
			uint8_t *copy = malloc(n ? n : 1);
			struct pcapng g = { 0 };
			struct cap_frame f;
			struct bytes in = BYTES(copy, n);
			size_t whole = 0, got = 0;
			uint64_t back;
			bool cut;

			memcpy(copy, m.b, n);
			while (whole < 4 && ends[whole] <= n)
				whole++;
			while (pcapng_next(&g, &in, &f) == CAP_FRAME)
				got++;
			CHECK_EQ(got, whole);
			cut = pcapng_cut(&g, in, &back);
			CHECK_EQ(cut, in.len > 0);
			CHECK_EQ(strstr(g.why, "cut in a block") != NULL, cut);
			pcapng_release(&g);
			free(copy);
		}
	}
}

/* Damages one 32-bit word of a good file, in place, and expects a refusal that says `why`. */
static void refused(size_t at, uint32_t word, const char *why)
{
	struct image m = { 0 };
	struct pcapng g = { 0 };
	struct cap_frame f;
	struct bytes in;
	enum cap_step step;

	section(&m);               /* 0: type 0, length 4, magic 8, version 12 */
	interface(&m, 1, 0, 6, 0); /* 28: link type 36, snaplen 40, option 44, value 48 */
	enhanced(&m, 0, 1, 4, 0);  /* 60: length 64, interface 68, captured 80 */
	memcpy(m.b + at, &word, sizeof(word));
	in = BYTES(m.b, m.len);
	step = pcapng_next(&g, &in, &f);
	CHECK(step == CAP_BAD);
	CHECK(strstr(g.why, why) != NULL);
	if (!strstr(g.why, why))
		printf("# said: %s\n", g.why);
	pcapng_release(&g);
}

static void damage(void)
{
	refused(0, 1, "before the first section");
	refused(8, 0x12345678, "byte order");
	refused(4, 24, "length");
	refused(12, 2, "version 2.0");
	refused(32, 8, "length of 8");
	refused(32, 30, "length of 30");
	refused(24, 32, "ends with the length 32");
	refused(44, 9 | 200u << 16, "option runs past");
	refused(48, 20, "time unit of 1/10^20");
	refused(48, 0x80 | 64, "time unit of 1/2^64");
	refused(64, PCAPNG_MAX_BLOCK + 4, "block of type 6");
	refused(68, 1, "interface 1");
	refused(80, 5, "does not fit");
	refused(80, 0xffffffff, "does not fit");
}

static void interface_numbers(void)
{
	struct image m = { 0 };
	struct pcapng g = { 0 };
	struct cap_frame f;
	struct bytes in;

	section(&m);
	interface(&m, 1, 0, -1, 0);
	section(&m);
	enhanced(&m, 0, 1, 4, 0);
	in = BYTES(m.b, m.len);
	CHECK(pcapng_next(&g, &in, &f) == CAP_BAD);
	CHECK(strstr(g.why, "does not describe") != NULL);
	pcapng_release(&g);

	m.len = 0;
	section(&m);
	in = BYTES(m.b, m.len);
	CHECK(pcapng_next(&g, &in, &f) == CAP_MORE);
	m.len = 0;
	interface(&m, 1, 0, -1, 0);
	for (int i = 0; i < PCAPNG_MAX_IFACES; i++) {
		in = BYTES(m.b, m.len);
		if (pcapng_next(&g, &in, &f) != CAP_MORE)
			break;
	}
	CHECK_EQ(g.nifaces, PCAPNG_MAX_IFACES);
	in = BYTES(m.b, m.len);
	CHECK(pcapng_next(&g, &in, &f) == CAP_BAD);
	pcapng_release(&g);
}

int main(void)
{
	check_case("sections of both byte orders and unlike interfaces are read in one file");
	sections_and_interfaces();
	check_case("time units of powers of 10 and of 2, and offsets, give nanoseconds");
	times();
	check_case("simple and obsolete packet blocks are read");
	other_packet_blocks();
	check_case("an unknown block is passed over in pieces, and its two lengths compared");
	skipped_in_pieces();
	check_case("a file cut at any byte gives each whole packet and says that it is cut");
	cut_at_every_byte();
	check_case("damage is refused with a reason");
	damage();
	check_case("interfaces belong to their section and are bounded in number");
	interface_numbers();
	return check_end();
}
