/* pcapng_write: tests of the writer of pcapng files, read again by the reader. */
#include "tests/unit/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "cmd/read/pcapng.h"
#include "cmd/write/ng.h"
#include "cmd/write/outfile.h"
#include "libcommon/record/record.h"

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Every block has its length at both ends, a multiple of four; returns how many of that type. */
static unsigned blocks(const struct buf *b, uint32_t type)
{
	unsigned n = 0;

	for (size_t at = 0; at < b->len;) {
		uint32_t len = le32(b->ptr + at + 4);

		CHECK(len % 4 == 0 && len >= 12 && len <= b->len - at);
		if (len < 12 || len > b->len - at)
			return 0;
		CHECK_EQ(le32(b->ptr + at + len - 4), len);
		n += le32(b->ptr + at) == type;
		at += len;
	}
	return n;
}

static struct ng_packet packet(uint32_t iface, uint32_t link, const char *data)
{
	return (struct ng_packet){ .iface = { .iface = iface, .link_type = link },
				   .ts = 1767225600123456789,
				   .wire_len = 1000,
				   .data = bytes_str(data) };
}

static void test_packets(void)
{
	struct ng g = { .snaplen = 65535 };
	struct pcapng reader = { 0 };
	struct buf out = { 0 };
	struct cap_frame f;
	struct bytes in;
	struct ng_packet p = packet(7, 1, "seven");

	check_case("what is written is read again: time, lengths, link type, direction");
	ng_section(&g, &out, "test", BYTES(NULL, 0));
	CHECK(ng_packet(&g, &out, &p, out.len));
	p = packet(9, 113, "nine and more");
	p.outgoing = true;
	p.comment = BYTES_LIT("look here");
	CHECK(ng_packet(&g, &out, &p, out.len));
	p = packet(7, 1, "");
	CHECK(ng_packet(&g, &out, &p, out.len));
	CHECK_EQ(blocks(&out, 1), 2);
	CHECK_EQ(blocks(&out, 6), 3);
	in = buf_bytes(&out);
	CHECK(pcapng_next(&reader, &in, &f) == CAP_FRAME);
	CHECK(bytes_is(f.data, "seven"));
	CHECK_EQ(f.ts, 1767225600123456789);
	CHECK_EQ(f.wire_len, 1000);
	CHECK_EQ(f.link_type, 1);
	CHECK_EQ(f.flags, 0);
	CHECK(pcapng_next(&reader, &in, &f) == CAP_FRAME);
	CHECK(bytes_is(f.data, "nine and more"));
	CHECK_EQ(f.link_type, 113);
	CHECK_EQ(f.iface, 1);
	CHECK_EQ(f.flags, FRAME_OUTGOING);
	CHECK(pcapng_next(&reader, &in, &f) == CAP_FRAME);
	CHECK_EQ(f.data.len, 0);
	CHECK_EQ(f.iface, 0);
	CHECK(pcapng_next(&reader, &in, &f) == CAP_MORE);
	CHECK_EQ(in.len, 0);

	check_case("an interface whose block is gone is written again");
	ng_forget(&g, 1000000);
	p = packet(9, 113, "x");
	buf_clear(&out);
	CHECK(ng_packet(&g, &out, &p, 0));
	CHECK_EQ(blocks(&out, 1), 0);
	ng_forget(&g, 100);
	buf_clear(&out);
	CHECK(ng_packet(&g, &out, &p, 0));
	CHECK_EQ(blocks(&out, 1), 1);

	check_case("a link type that pcapng has no room for is refused");
	buf_clear(&out);
	p = packet(1, 65536, "x");
	CHECK(!ng_packet(&g, &out, &p, 0));
	CHECK_EQ(out.len, 0);
	pcapng_release(&reader);
	ng_release(&g);
	buf_release(&out);
}

static bool count_it(void *user, const struct ng_iface *i, struct ng_counts *c)
{
	(void)user;
	*c = (struct ng_counts){ 100 + i->iface, 3 };
	return i->iface == 7;
}

static void test_statistics(void)
{
	struct ng g = { .snaplen = 65535, .counts = count_it };
	struct ng_packet p = packet(7, 1, "x");
	struct buf out = { 0 };

	check_case("statistics are of packets that stayed, for each interface that has some");
	ng_section(&g, &out, "test", BYTES(NULL, 0));
	for (uint32_t i = 7; i < 10; i++) {
		p.iface.iface = i;
		for (uint64_t ts = 30; ts > 10 && i < 9; ts -= 10) {
			CHECK(ng_packet(&g, &out, &p, out.len));
			ng_count(&g, ts);
		}
		CHECK(ng_packet(&g, &out, &p, out.len)); /* taken back */
	}
	buf_clear(&out);
	ng_statistics(&g, &out);
	CHECK_EQ(blocks(&out, 5), 2);
	CHECK(out.len <= ng_statistics_size(&g));
	CHECK_EQ(le32(out.ptr + 8), 0);
	CHECK_EQ(le32(out.ptr + 28), 20);     /* from */
	CHECK_EQ(le32(out.ptr + 40), 30);     /* to */
	CHECK_EQ(le32(out.ptr + 48), 107);    /* came */
	CHECK_EQ(le32(out.ptr + 60), 3);      /* dropped */
	CHECK_EQ(le32(out.ptr + 72), 2);      /* are here */
	CHECK_EQ(le32(out.ptr + 88 + 8), 1);  /* the other interface */
	CHECK_EQ(le32(out.ptr + 88 + 48), 2); /* are here, without a count of what came */
	ng_section(&g, &out, "test", BYTES(NULL, 0));
	buf_clear(&out);
	ng_statistics(&g, &out);
	CHECK_EQ(out.len, 0);
	ng_release(&g);
	buf_release(&out);
}

static void name_it(void *user, const struct ng_iface *i, struct buf *name, struct buf *text)
{
	(void)i;
	(void)text;
	for (unsigned n = 0; n < *(unsigned *)user; n++)
		buf_add_str(name, "\xc3\xa4");
}

static void test_texts(void)
{
	unsigned letters = 3000;
	struct ng g = { .snaplen = 65535, .names = name_it, .user = &letters };
	struct ng_packet p = packet(0, 1, "x");
	struct buf out = { 0 }, long_text = { 0 };

	check_case("long text is cut between letters; what is no UTF-8 is left out");
	CHECK(ng_packet(&g, &out, &p, 0));
	CHECK_EQ(blocks(&out, 1), 1);
	CHECK(out.len > NG_MAX_TEXT && out.len < NG_MAX_TEXT + 200);
	buf_clear(&out);
	p.comment = BYTES_LIT("\xff\xfe");
	CHECK(ng_packet(&g, &out, &p, 0));
	CHECK_EQ(out.len, 36);
	buf_clear(&out);
	for (int i = 0; i < 400; i++)
		buf_add_str(&long_text, "\xe2\x82\xac"); /* 341 of three bytes fit */
	p.comment = buf_bytes(&long_text);
	CHECK(ng_packet(&g, &out, &p, 0));
	CHECK_EQ(out.len, 36 + 4 + 1024 + 4);
	CHECK_EQ(out.ptr[34] | out.ptr[35] << 8, 341 * 3);
	buf_release(&long_text);
	ng_release(&g);
	buf_release(&out);
}

static void test_many(void)
{
	struct ng g = { .snaplen = 65535 };
	struct buf out = { 0 };
	bool all = true;

	check_case("interfaces are told apart, up to the most there can be");
	for (uint32_t i = 0; i < NG_MAX_IFACES; i++) {
		struct ng_packet p = packet(i, 1, "");

		all &= ng_packet(&g, &out, &p, i);
		buf_clear(&out);
	}
	CHECK(all);
	CHECK(!ng_packet(&g, &out, &(struct ng_packet){ .iface = { .source = 1 } }, 0));
	CHECK_EQ(g.nknown, NG_MAX_IFACES);
	ng_forget(&g, 10);
	CHECK_EQ(g.nknown, 10);
	ng_release(&g);
	buf_release(&out);
}

static void test_file(void)
{
	char path[] = "/tmp/outfile-XXXXXX";
	static struct outfile o;
	struct outfile_result r;
	int fd = mkstemp(path);

	check_case("a file holds whole units, and what it held before is gone with the first");
	CHECK(write(fd, "what it held before", 19) == 19);
	outfile_open(&o, path, false, 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 19);
	buf_add_str(&o.pending, "head");
	outfile_unit(&o, 0);
	buf_add_str(&o.pending, "frame");
	outfile_unit(&o, 1);
	r = outfile_flush(&o);
	CHECK_EQ(r.written, 1);
	CHECK_EQ(r.lost, 0);
	CHECK_EQ(o.size, 9);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 9);

	check_case("a successor goes on where the books say, whatever lies behind");
	CHECK(outfile_close(&o));
	o = (struct outfile){ 0 };
	outfile_open(&o, path, false, 0);
	CHECK(outfile_resume(&o, 1, 4));
	CHECK_EQ(lseek(fd, 0, SEEK_END), 4);
	buf_add_str(&o.pending, "more");
	outfile_unit(&o, 1);
	r = outfile_flush(&o);
	CHECK_EQ(r.written, 1);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 8);
	CHECK(outfile_close(&o));
	close(fd);
	unlink(path);
}

int main(void)
{
	test_packets();
	test_statistics();
	test_texts();
	test_many();
	test_file();
	return check_end();
}
