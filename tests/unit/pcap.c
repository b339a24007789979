/* pcap: tests of the bulk reader of classic pcap files. */
#include "tests/unit/check.h"

#include "cmd/read/pcap_bulk.h"
#include "libcommon/record/record.h"

struct image {
	uint8_t b[4096];
	size_t len;
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

static void put_header(struct image *m, uint32_t magic, uint16_t minor, uint32_t link)
{
	put32(m, magic);
	put16(m, 2);
	put16(m, minor);
	put32(m, 0);
	put32(m, 0);
	put32(m, 65535);
	put32(m, link);
}

static void put_packet(struct image *m, uint32_t sec, uint32_t sub, uint32_t caplen, uint32_t len)
{
	put32(m, sec);
	put32(m, sub);
	put32(m, caplen);
	put32(m, len);
	for (uint32_t i = 0; i < caplen; i++)
		m->b[m->len++] = (uint8_t)(caplen + i);
}

/* An exact copy on the heap, so that a sanitizer sees a read past the end. */
static struct bytes exact(const struct image *m, size_t n)
{
	uint8_t *p = malloc(n ? n : 1);

	memcpy(p, m->b, n);
	return BYTES(p, n);
}

static void both_orders_and_units(void)
{
	for (int i = 0; i < 4; i++) {
		struct image m = { .big = i & 1 };
		uint32_t scale = i & 2 ? 1 : 1000;
		struct bulk b;
		struct cap_frame f = { 0 };
		struct bytes in;

		put_header(&m, i & 2 ? 0xa1b23c4d : 0xa1b2c3d4, 4, 113);
		put_packet(&m, 1700000000, 123456, 60, 1514);
		put_packet(&m, 0xffffffff, 999999, 0, 0);
		CHECK(bulk_open(&b, BYTES(m.b, m.len)));
		in = BYTES(m.b + BULK_FILE_HEADER, m.len - BULK_FILE_HEADER);
		CHECK(bulk_next(&b, &in, &f) == CAP_FRAME);
		CHECK_EQ(f.ts, 1700000000ull * 1000000000 + 123456ull * scale);
		CHECK_EQ(f.link_type, 113);
		CHECK_EQ(f.wire_len, 1514);
		CHECK_EQ(f.data.len, 60);
		CHECK_EQ(f.data.ptr[0], 60);
		CHECK_EQ(f.data.ptr[59], 119);
		CHECK(bulk_next(&b, &in, &f) == CAP_FRAME);
		CHECK_EQ(f.ts, 0xffffffffull * 1000000000 + 999999ull * scale);
		CHECK_EQ(f.data.len, 0);
		CHECK_EQ(in.len, 0);
		CHECK(bulk_next(&b, &in, &f) == CAP_MORE);
	}
}

static void cut_at_every_byte(void)
{
	struct image m = { 0 };

	put_header(&m, 0xa1b2c3d4, 4, 1);
	for (uint32_t i = 0; i < 5; i++)
		put_packet(&m, 100 + i, i, 20 * i, 20 * i);
	for (size_t n = BULK_FILE_HEADER; n <= m.len; n++) {
		struct bytes all = exact(&m, n), in = all;
		size_t whole = 0, at = BULK_FILE_HEADER;
		struct cap_frame f = { 0 };
		struct bulk b;
		uint64_t got = 0;

		while (whole < 5 && at + 16 + 20 * whole <= n)
			at += 16 + 20 * whole++;
		CHECK(bulk_open(&b, in));
		in.ptr += BULK_FILE_HEADER;
		in.len -= BULK_FILE_HEADER;
		while (bulk_next(&b, &in, &f) == CAP_FRAME)
			CHECK_EQ(f.ts / 1000000000, 100 + got++);
		CHECK_EQ(got, whole);
		CHECK_EQ(in.len, n - at);
		if (in.len) {
			bulk_cut(&b, in);
			CHECK(strstr(b.why, in.len < 16 ? "packet header" : "cut in a packet, "));
		}
		free((void *)all.ptr);
	}
}

static void limits(void)
{
	struct image m = { 0 };
	struct cap_frame f = { 0 };
	struct bytes in;
	struct bulk b;

	put_header(&m, 0xa1b2c3d4, 4, 1);
	put32(&m, 1);
	put32(&m, 2);
	put32(&m, REC_MAX_PAYLOAD + 1);
	put32(&m, 60);
	CHECK(bulk_open(&b, BYTES(m.b, m.len)));
	in = BYTES(m.b + BULK_FILE_HEADER, 16);
	CHECK(bulk_next(&b, &in, &f) == CAP_BAD);
	CHECK(strstr(b.why, "262145") != NULL);
	CHECK_EQ(in.len, 16);
	m.len -= 8;
	put32(&m, REC_MAX_PAYLOAD);
	in = BYTES(m.b + BULK_FILE_HEADER, 16);
	CHECK(bulk_next(&b, &in, &f) == CAP_MORE);
	CHECK_EQ(in.len, 16);
}

static void layouts(void)
{
	struct image m = { 0 };
	struct bulk b;

	put_header(&m, 0xa1b2c3d4, 4, 0xf4000001);
	CHECK(bulk_open(&b, BYTES(m.b, m.len)));
	CHECK_EQ(b.link_type, 1);
	CHECK(!bulk_open(&b, BYTES(m.b, m.len - 1)));
	m.len = 0;
	put_header(&m, 0xa1b2c3d4, 3, 1);
	CHECK(!bulk_open(&b, BYTES(m.b, m.len)));
	m.len = 0;
	put_header(&m, 0xa1b2cd34, 4, 1);
	CHECK(!bulk_open(&b, BYTES(m.b, m.len)));
}

int main(void)
{
	check_case("both byte orders, in microseconds and in nanoseconds, give the same packets");
	both_orders_and_units();
	check_case("a file cut at any byte gives each whole packet and says in what it is cut");
	cut_at_every_byte();
	check_case("a captured length above the limit is damage, one at the limit is not");
	limits();
	check_case("bits above the link type are left out, and other layouts are refused");
	layouts();
	return check_end();
}
