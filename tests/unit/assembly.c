/* Tests of libcommon/net/assembly.c: one direction, against vectors and a per-byte model. The
 * module allocates nothing: malloc is off while it runs. */
#include "tests/unit/check.h"

#include <sys/mman.h>
#include <time.h>

#include "libcommon/net/assembly.h"
#include "tests/unit/poison.h"

enum { MODEL_MAX = 2 * 1024 * 1024 };

/* What came out: bytes by offset, and which of them are gaps. */
struct out {
	uint8_t *bytes, *kind; /* kind: 0 nothing, 1 data, 2 gap */
	uint64_t end, max;     /* where the last call ended */
	bool disorder, overflow;
	unsigned gaps, overlaps, calls, urgent_limits, drops;
	char had[33], got[33]; /* of the last overlap */
	uint64_t gap_at, gap_len, overlap_at, overlap_len, first_n;
	enum assembly_gap why;
};

static void out_init(struct out *o, size_t max)
{
	*o = (struct out){ .max = max };
	o->bytes = calloc(1, max);
	o->kind = calloc(1, max);
}

static void out_free(struct out *o)
{
	free(o->bytes);
	free(o->kind);
}

static void on_data(void *ctx, struct assembly *a, uint64_t offset, struct bytes data,
		    uint64_t first_n, uint64_t first_ts)
{
	struct out *o = ctx;

	(void)a;
	(void)first_ts;
	o->calls++;
	o->disorder |= offset < o->end || data.len == 0;
	o->end = offset + data.len;
	o->first_n = first_n;
	if (o->end > o->max) {
		o->overflow = true;
		return;
	}
	memcpy(o->bytes + offset, data.ptr, data.len);
	memset(o->kind + offset, 1, data.len);
}

static void on_gap(void *ctx, struct assembly *a, uint64_t offset, uint64_t len,
		   enum assembly_gap why)
{
	struct out *o = ctx;

	(void)a;
	o->gaps++;
	o->gap_at = offset;
	o->gap_len = len;
	o->why = why;
	o->disorder |= offset < o->end || len == 0;
	o->end = offset + len;
	if (o->end > o->max)
		o->overflow = true;
	else
		memset(o->kind + offset, 2, len);
}

static void on_overlap(void *ctx, struct assembly *a, const struct assembly_overlap *v)
{
	struct out *o = ctx;

	(void)a;
	o->overlaps++;
	o->overlap_at = v->offset;
	o->overlap_len = v->len;
	o->disorder |= v->had.len != v->got.len || v->had.len > 32 || v->had.len > v->len;
	snprintf(o->had, sizeof(o->had), "%.*s", (int)v->had.len, (const char *)v->had.ptr);
	snprintf(o->got, sizeof(o->got), "%.*s", (int)v->got.len, (const char *)v->got.ptr);
}

static void on_urgent_limit(void *ctx, struct assembly *a, uint64_t offset)
{
	(void)a;
	(void)offset;
	((struct out *)ctx)->urgent_limits++;
}

static void on_dropped(void *ctx, struct assembly *a)
{
	(void)a;
	((struct out *)ctx)->drops++;
}

static struct assembly_limits limits_default(void)
{
	return (struct assembly_limits){
		.depth = UINT64_MAX,
		.queue_bytes = 1024 * 1024,
		.queue_blocks = 256,
		.memory = 256 * 1024 * 1024,
		.history = 16384,
		.history_log = 1024 * 1024,
		.urgent = 65536,
		.acked_ns = 10 * 1000 * 1000,
		.acked_packets = 3,
		.timer_ns = 2000000000u,
	};
}

/* A direction with its sink, for the small cases. */
struct bench {
	struct assembly_group g;
	void *memory;
	size_t size;
	struct assembly a;
	struct out o;
	uint64_t n;
};

static void bench_start(struct bench *b, const struct assembly_limits *l, size_t max)
{
	memset(b, 0, sizeof(*b));
	out_init(&b->o, max);
	b->size = assembly_group_size(l);
	b->memory = mmap(NULL, b->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assembly_group_init(&b->g, b->memory, l,
			    &(struct assembly_sink){ &b->o, on_data, on_gap, on_overlap,
						     on_urgent_limit, on_dropped });
	poisoned = true;
}

static void push(struct bench *b, uint64_t offset, const void *p, size_t len)
{
	assembly_push(&b->g, &b->a,
		      &(struct assembly_segment){
			      .offset = offset, .data = BYTES(p, len), .n = ++b->n, .ts = b->n });
}

static void push_text(struct bench *b, uint64_t offset, const char *text)
{
	push(b, offset, text, strlen(text));
}

static bool text_is(const struct bench *b, const char *text)
{
	return b->o.end == strlen(text) && memcmp(b->o.bytes, text, b->o.end) == 0;
}

static void bench_end(struct bench *b)
{
	assembly_flush(&b->g, &b->a, ASSEMBLY_GAP_CLOSE);
	CHECK(assembly_lawful(&b->a));
	CHECK(!b->o.disorder && !b->o.overflow);
	CHECK_EQ(b->g.pool.used, 0);
	CHECK_EQ(b->a.queued, 0);
	CHECK_EQ(b->a.blocks, 0);
	poisoned = false;
	munmap(b->memory, b->size);
	out_free(&b->o);
}

static void test_round_trip(void)
{
	struct assembly_limits l = limits_default();
	struct bench b;

	check_case("T1: segments in order leave at once, one call each");
	bench_start(&b, &l, 100);
	push_text(&b, 0, "chunk1-");
	CHECK(text_is(&b, "chunk1-"));
	push_text(&b, 7, "chunk2-");
	push_text(&b, 14, "chunk3-end");
	CHECK(text_is(&b, "chunk1-chunk2-chunk3-end"));
	CHECK_EQ(b.o.calls, 3);
	CHECK_EQ(b.g.pool.touched, 0);
	bench_end(&b);

	check_case("a segment ahead of a hole waits until the hole is filled");
	bench_start(&b, &l, 100);
	push_text(&b, 5, "56789");
	CHECK_EQ(b.o.calls, 0);
	CHECK_EQ(b.a.out_of_order, 1);
	push_text(&b, 0, "01234");
	CHECK(text_is(&b, "0123456789"));
	CHECK_EQ(b.o.first_n, 1);
	bench_end(&b);

	check_case("a repeated segment is dropped and counted");
	bench_start(&b, &l, 100);
	push_text(&b, 0, "abc");
	push_text(&b, 0, "abc");
	push_text(&b, 1, "bcdef");
	CHECK(text_is(&b, "abcdef"));
	CHECK_EQ(b.a.retransmitted, 5);
	bench_end(&b);

	check_case("offsets far beyond 4 GiB work, and those beyond 2^62 are refused");
	bench_start(&b, &l, 10);
	push(&b, UINT64_MAX - 1, "xyz", 3);
	push(&b, (uint64_t)1 << 62, "xyz", 3);
	CHECK_EQ(b.a.highest, 0);
	b.a.next = b.a.highest = b.a.gap_bytes = (uint64_t)5 << 32;
	b.o.overflow = false;
	push_text(&b, ((uint64_t)5 << 32) + 1, "b");
	push_text(&b, ((uint64_t)5 << 32), "a");
	CHECK_EQ(b.a.next, ((uint64_t)5 << 32) + 2);
	CHECK_EQ(b.a.delivered, 2);
	b.o.overflow = b.o.disorder = false;
	bench_end(&b);
}

static void test_overlap(void)
{
	struct assembly_limits first = limits_default(), last = first;
	struct bench b;

	last.last_wins = true;
	for (int i = 0; i < 2; i++) {
		const struct assembly_limits *l = i ? &last : &first;

		check_case(i ? "T2: last wins: queued bytes are overwritten"
			     : "T2: first wins: queued bytes stay");
		bench_start(&b, l, 100);
		push_text(&b, 0, "hello");
		push_text(&b, 10, "FIRST");
		push_text(&b, 10, "laTeR");
		push_text(&b, 5, "PAUSE");
		CHECK(text_is(&b, i ? "helloPAUSElaTeR" : "helloPAUSEFIRST"));
		CHECK_EQ(b.o.overlaps, 1);
		CHECK_EQ(b.o.overlap_at, 10);
		CHECK_EQ(b.o.overlap_len, 5);
		bench_end(&b);

		check_case(i ? "last wins in part of a segment"
			     : "T2: first wins per byte, the rest is taken");
		bench_start(&b, l, 100);
		push_text(&b, 0, "hello");
		push_text(&b, 10, "AAAAA");
		push_text(&b, 12, "BBBBB");
		push_text(&b, 5, "-----");
		CHECK(text_is(&b, i ? "hello-----AABBBBB" : "hello-----AAAAABB"));
		CHECK_EQ(b.o.overlaps, 1);
		CHECK_EQ(b.o.overlap_at, 12);
		CHECK_EQ(b.o.overlap_len, 3);
		bench_end(&b);

		check_case(i ? "an equal overlap is no difference, last"
			     : "an equal overlap is no difference, first");
		bench_start(&b, l, 100);
		push_text(&b, 2, "cdef");
		push_text(&b, 4, "efgh");
		push_text(&b, 0, "abcd");
		CHECK(text_is(&b, "abcdefgh"));
		CHECK_EQ(b.o.overlaps, 0);
		bench_end(&b);

		check_case(i ? "an in-order segment over queued ones: the new bytes win"
			     : "an in-order segment over queued ones: the queued bytes win");
		bench_start(&b, l, 100);
		push_text(&b, 2, "XX");
		push_text(&b, 5, "YY");
		push_text(&b, 0, "aaaaaaaa");
		CHECK(text_is(&b, i ? "aaaaaaaa" : "aaXXaYYa"));
		CHECK_EQ(b.o.overlaps, 1);
		CHECK_EQ(b.o.overlap_at, 2);
		CHECK_EQ(b.o.overlap_len, 5);
		bench_end(&b);
	}

	check_case("with a history, a repeat of delivered bytes that differs is seen");
	bench_start(&b, &first, 100000);
	push_text(&b, 0, "GOOD");
	push_text(&b, 0, "EVIL");
	CHECK(text_is(&b, "GOOD"));
	CHECK_EQ(b.o.overlaps, 1);
	CHECK_EQ(b.o.overlap_at, 0);
	CHECK_EQ(b.o.overlap_len, 4);
	push_text(&b, 2, "XXX");
	CHECK(text_is(&b, "GOODX"));
	CHECK_EQ(b.o.overlaps, 2);
	CHECK_EQ(b.o.overlap_at, 2);
	CHECK_EQ(b.o.overlap_len, 2);
	push_text(&b, 0, "GOODX");
	CHECK_EQ(b.o.overlaps, 2);
	bench_end(&b);

	check_case("the history keeps the bytes it is told to, and no more count");
	bench_start(&b, &first, 100000);
	for (int i = 0; i < 90; i++) {
		uint8_t buf[1000];

		memset(buf, i, sizeof(buf));
		push(&b, (uint64_t)i * 1000, buf, 1000);
	}
	push_text(&b, 90000 - 16384, "x");
	CHECK_EQ(b.o.overlaps, 1);
	CHECK_EQ(b.g.uncompared, 0);
	push_text(&b, 1, "x");
	CHECK_EQ(b.o.overlaps, 1);
	CHECK_EQ(b.g.uncompared, 1);
	CHECK_EQ(b.g.pool.used, 0);
	bench_end(&b);
}

static void test_history(void)
{
	struct assembly_limits l = limits_default();
	static uint8_t buf[70000];
	struct assembly other = { 0 };
	struct assembly_segment s = { .data = BYTES(buf, 1000) };
	struct bench b;

	check_case("what another direction wrote over is not compared, and counted");
	l.history_log = 65536;
	bench_start(&b, &l, 200000);
	push(&b, 0, buf, 1000);
	b.o.end = 0;
	for (; s.offset < 100000; s.offset += 1000)
		assembly_push(&b.g, &other, &s);
	b.o.end = 1000;
	push(&b, 0, "differs", 7);
	CHECK_EQ(b.o.overlaps, 0);
	CHECK_EQ(b.g.uncompared, 7);
	b.o.disorder = false;

	check_case("of the one that wrote last, the last 16 KiB are, over the log's end as well");
	for (uint64_t at = 100000 - 16000; at < 100000; at += 500) {
		unsigned before = b.o.overlaps;

		s.offset = at;
		s.data = BYTES_LIT("x");
		assembly_push(&b.g, &other, &s);
		CHECK_EQ(b.o.overlaps, before + 1);
		CHECK_EQ(b.o.overlap_at, at);
	}
	CHECK_EQ(b.g.uncompared, 7);

	check_case("a segment longer than what is kept leaves its end");
	s.offset = 100000;
	s.data = BYTES(buf, sizeof(buf));
	b.o.end = 100000;
	assembly_push(&b.g, &other, &s);
	s.data = BYTES_LIT("x");
	s.offset = 170000 - 16384;
	assembly_push(&b.g, &other, &s);
	CHECK_EQ(b.o.overlap_at, 170000 - 16384);
	s.offset = 170000 - 16385;
	assembly_push(&b.g, &other, &s);
	CHECK_EQ(b.g.uncompared, 8);

	check_case("the log is a power of two that holds twice what is kept");
	CHECK_EQ(assembly_history_log_size(1 << 20, 16384), 1 << 20);
	CHECK_EQ(assembly_history_log_size((1 << 20) - 1, 16384), 1 << 19);
	CHECK_EQ(assembly_history_log_size(0, 16384), 65536);
	CHECK_EQ(assembly_history_log_size(0, 1 << 20), 1 << 22);
	CHECK_EQ(assembly_history_log_size(1 << 20, 0), 0);
	b.o.disorder = false;
	assembly_flush(&b.g, &other, ASSEMBLY_GAP_CLOSE);
	bench_end(&b);
}

static void test_novak(void)
{
	/* Seventeen segments, offset and length in units of 8 bytes (Novak and Sturges). */
	static const struct {
		char c;
		int at, len;
	} seg[] = { { 'A', 0, 3 },  { 'B', 4, 2 },  { 'C', 6, 3 },  { 'D', 10, 1 }, { 'E', 13, 2 },
		    { 'F', 15, 3 }, { 'G', 18, 2 }, { 'H', 20, 2 }, { 'I', 22, 1 }, { 'J', 1, 4 },
		    { 'K', 6, 3 },  { 'L', 9, 3 },  { 'M', 12, 3 }, { 'N', 16, 1 }, { 'O', 19, 1 },
		    { 'P', 21, 1 }, { 'Q', 22, 2 } };
	/* last: only of bytes not yet delivered. A leaves at once, J takes all up to C along, L the
	 * rest up to D, and M all up to I, before what would replace them comes. */
	static const char *const want[] = { "AAAJBBCCCLDLMEEFFFGGHHIQ",
					    "AAAJJBCCCLLLMMMFFFGGHHIQ" };

	for (int last = 0; last < 2; last++) {
		struct assembly_limits l = limits_default();
		struct bench b;
		bool equal = true;

		l.last_wins = last;
		check_case(last ? "novak-17: the overlapping segments, last"
				: "novak-17: the overlapping segments, first");
		bench_start(&b, &l, 192);
		for (size_t i = 0; i < sizeof(seg) / sizeof(seg[0]); i++) {
			uint8_t buf[64];

			memset(buf, seg[i].c, sizeof(buf));
			push(&b, (uint64_t)seg[i].at * 8, buf, (size_t)seg[i].len * 8);
		}
		CHECK_EQ(b.o.end, 192);
		for (int i = 0; i < 192; i++)
			equal &= b.o.bytes[i] == want[last][i / 8];
		CHECK(equal);
		bench_end(&b);
	}
}

static void test_gaps(void)
{
	struct assembly_limits l = limits_default();
	struct bench b;

	check_case("at the end a hole below queued data is a gap, then the data");
	bench_start(&b, &l, 100);
	push_text(&b, 0, "abcd");
	push_text(&b, 8, "ijkl");
	assembly_flush(&b.g, &b.a, ASSEMBLY_GAP_CLOSE);
	CHECK_EQ(b.o.gap_at, 4);
	CHECK_EQ(b.o.gap_len, 4);
	CHECK_EQ(b.o.why, ASSEMBLY_GAP_CLOSE);
	CHECK_EQ(b.o.end, 12);
	CHECK_EQ(b.a.delivered, 8);
	CHECK_EQ(b.a.gap_bytes, 4);
	CHECK_EQ(b.a.gap_reasons[ASSEMBLY_GAP_CLOSE], 4);
	bench_end(&b);

	check_case("a leading hole is a gap at offset 0");
	bench_start(&b, &l, 100);
	push_text(&b, 4, "ijkl");
	push_text(&b, 8, "mnop");
	assembly_flush(&b.g, &b.a, ASSEMBLY_GAP_CLOSE);
	CHECK_EQ(b.o.gaps, 1);
	CHECK_EQ(b.o.gap_at, 0);
	CHECK_EQ(b.o.gap_len, 4);
	CHECK_EQ(b.a.delivered, 8);
	bench_end(&b);

	check_case("T9: what lacks up to the FIN is a gap, and the direction is done behind it");
	bench_start(&b, &l, 100);
	push_text(&b, 0, "abcd");
	assembly_fin(&b.a, 10);
	CHECK(!assembly_done(&b.a));
	assembly_flush(&b.g, &b.a, ASSEMBLY_GAP_CLOSE);
	CHECK_EQ(b.o.gap_at, 4);
	CHECK_EQ(b.o.gap_len, 6);
	CHECK(assembly_done(&b.a));
	CHECK_EQ(b.a.highest, 10);
	bench_end(&b);

	check_case("data behind the FIN is not taken");
	bench_start(&b, &l, 100);
	push_text(&b, 0, "abcd");
	push_text(&b, 8, "zz");
	assembly_fin(&b.a, 6);
	push_text(&b, 4, "efghij");
	CHECK(text_is(&b, "abcdef"));
	CHECK(assembly_done(&b.a));
	assembly_flush(&b.g, &b.a, ASSEMBLY_GAP_CLOSE);
	CHECK_EQ(b.o.gaps, 0);
	CHECK_EQ(assembly_undelivered(&b.a), 4);
	bench_end(&b);

	check_case("an acknowledged hole is given up 3 packets and 10 ms later, not before");
	bench_start(&b, &l, 100);
	push_text(&b, 0, "abcd");
	push_text(&b, 8, "ijkl");
	assembly_ack(&b.g, &b.a, 12);
	assembly_tick(&b.g, &b.a, 1000000, 10, false);
	assembly_tick(&b.g, &b.a, 1000000 + 10000000, 12, false);
	CHECK_EQ(b.o.gaps, 0);
	assembly_tick(&b.g, &b.a, 1000000 + 9999999, 13, false);
	CHECK_EQ(b.o.gaps, 0);
	assembly_tick(&b.g, &b.a, 1000000 + 10000000, 13, false);
	CHECK_EQ(b.o.gaps, 1);
	CHECK_EQ(b.o.why, ASSEMBLY_GAP_ACKED);
	CHECK_EQ(b.o.end, 12);
	bench_end(&b);

	check_case("an acknowledgement below the queued data proves nothing");
	bench_start(&b, &l, 100);
	push_text(&b, 8, "ijkl");
	assembly_ack(&b.g, &b.a, 7);
	assembly_tick(&b.g, &b.a, 1000, 1, false);
	assembly_tick(&b.g, &b.a, 1000000000, 100, false);
	CHECK_EQ(b.o.gaps, 0);
	bench_end(&b);

	check_case("an acknowledged hole that is filled in time is none");
	bench_start(&b, &l, 100);
	push_text(&b, 4, "efgh");
	assembly_ack(&b.g, &b.a, 8);
	assembly_tick(&b.g, &b.a, 1000, 1, false);
	push_text(&b, 0, "abcd");
	assembly_tick(&b.g, &b.a, 1000000000, 100, false);
	CHECK(text_is(&b, "abcdefgh"));
	CHECK_EQ(b.o.gaps, 0);
	bench_end(&b);

	check_case("a one-sided flow's hole is given up after 2 s, a two-sided one's is not");
	bench_start(&b, &l, 100);
	push_text(&b, 4, "efgh");
	assembly_tick(&b.g, &b.a, 3000000000, 10, false);
	CHECK_EQ(b.o.gaps, 0);
	assembly_tick(&b.g, &b.a, 2000000000, 10, true);
	CHECK_EQ(b.o.gaps, 0);
	assembly_tick(&b.g, &b.a, 2000000001, 11, true);
	CHECK_EQ(b.o.why, ASSEMBLY_GAP_TIMER);
	CHECK_EQ(b.o.end, 8);
	bench_end(&b);

	check_case("bytes that the capture lacks are a gap at once");
	bench_start(&b, &l, 100);
	assembly_push(&b.g, &b.a,
		      &(struct assembly_segment){ .data = BYTES_LIT("abc"), .missing = 7 });
	CHECK_EQ(b.o.why, ASSEMBLY_GAP_SNAPPED);
	CHECK_EQ(b.o.gap_at, 3);
	CHECK_EQ(b.o.gap_len, 7);
	push_text(&b, 10, "k");
	CHECK_EQ(b.o.end, 11);
	bench_end(&b);

	check_case("the same where the segment came ahead of a hole");
	bench_start(&b, &l, 100);
	assembly_push(
		&b.g, &b.a,
		&(struct assembly_segment){ .offset = 10, .data = BYTES_LIT("klm"), .missing = 7 });
	push_text(&b, 20, "uvw");
	CHECK_EQ(b.o.calls, 0);
	push_text(&b, 0, "abcdefghij");
	CHECK_EQ(b.o.gaps, 1);
	CHECK_EQ(b.o.gap_at, 13);
	CHECK_EQ(b.o.gap_len, 7);
	CHECK_EQ(b.o.end, 23);
	bench_end(&b);

	check_case("T4: what came before we attached is a gap(resync)");
	bench_start(&b, &l, 10000);
	assembly_start_at(&b.g, &b.a, 5000);
	push_text(&b, 5000, "abc");
	CHECK_EQ(b.o.why, ASSEMBLY_GAP_RESYNC);
	CHECK_EQ(b.o.gap_len, 5000);
	CHECK_EQ(b.o.end, 5003);
	bench_end(&b);
}

static void test_caps(void)
{
	struct assembly_limits l = limits_default();
	struct bench b;
	static uint8_t buf[65536];

	check_case("more than the queue may hold: the hole is a gap(window)");
	l.queue_bytes = 10000;
	bench_start(&b, &l, 100000);
	push(&b, 1, buf, 10000);
	CHECK_EQ(b.o.gaps, 0);
	push(&b, 10001, buf, 1);
	CHECK_EQ(b.o.why, ASSEMBLY_GAP_WINDOW);
	CHECK_EQ(b.o.gap_len, 1);
	CHECK_EQ(b.o.end, 10002);
	CHECK_EQ(b.a.high_watermark, 10001);
	bench_end(&b);

	check_case("more blocks than the queue may have: likewise, and only as many as needed");
	l = limits_default();
	l.queue_blocks = 3;
	bench_start(&b, &l, 100);
	for (int i = 1; i <= 4; i++)
		push(&b, (uint64_t)i * 10, buf, 5);
	CHECK_EQ(b.o.gaps, 1);
	CHECK_EQ(b.o.gap_at, 0);
	CHECK_EQ(b.o.gap_len, 10);
	CHECK_EQ(b.a.blocks, 3);
	bench_end(&b);

	check_case("the pool is dry: the largest holder's hole is a gap(memcap)");
	l = limits_default();
	l.memory = 16 * BLOCK_SIZE;
	bench_start(&b, &l, 1000000);
	struct assembly small = { 0 }, large = { 0 };
	struct assembly_segment s = { .offset = 1, .data = BYTES(buf, 10) };

	assembly_push(&b.g, &small, &s);
	s.data.len = 10 * BLOCK_SIZE;
	assembly_push(&b.g, &large, &s);
	CHECK_EQ(b.o.gaps, 0);
	s.offset = 100;
	s.data.len = 5 * BLOCK_SIZE;
	assembly_push(&b.g, &b.a, &s);
	CHECK_EQ(b.o.gaps, 1);
	CHECK_EQ(b.o.why, ASSEMBLY_GAP_MEMCAP);
	CHECK_EQ(large.delivered, 10 * BLOCK_SIZE);
	CHECK_EQ(small.delivered, 0);
	CHECK_EQ(b.g.memcap_hits, 1);
	b.o.disorder = false;
	b.o.end = 0;
	assembly_flush(&b.g, &small, ASSEMBLY_GAP_CLOSE);
	b.o.end = 0;
	bench_end(&b);

	check_case("a segment larger than the whole pool loses bytes, not the books");
	bench_start(&b, &l, 1000000);
	push(&b, 1, buf, 65536);
	push(&b, 100001, buf, 65536);
	push(&b, 200001, buf, 65536);
	CHECK(b.g.pool.peak <= 16);
	bench_end(&b);

	check_case("a pool has 16 blocks at least, and says when all are out");
	struct block_pool pool;
	struct block *taken[17];
	block_pool_init(&pool, aligned_alloc(64, block_pool_size(0)), 0);
	for (int i = 0; i < 17; i++)
		taken[i] = block_take(&pool);
	CHECK(taken[15] && !taken[16] && block_pool_left(&pool) == 0);
	block_give(&pool, taken[3]);
	CHECK(block_take(&pool) == taken[3] && pool.touched == 16 && pool.peak == 16);
	free(pool.blocks);

	check_case("beyond the depth bytes are skipped and counted, and nothing is queued");
	l = limits_default();
	l.depth = 10;
	bench_start(&b, &l, 100);
	push_text(&b, 0, "0123456");
	push_text(&b, 7, "789abcd");
	push_text(&b, 20, "zzz");
	assembly_flush(&b.g, &b.a, ASSEMBLY_GAP_CLOSE);
	CHECK(text_is(&b, "0123456789"));
	CHECK_EQ(b.a.skipped, 13);
	CHECK_EQ(b.a.gaps, 0);
	bench_end(&b);
}

static void test_urgent(void)
{
	struct assembly_limits l = limits_default();
	struct bench b;
	struct assembly_segment s = { .data = BYTES_LIT("abXcd"), .urgent = 3 };

	check_case("the byte before the urgent pointer is taken out");
	bench_start(&b, &l, 100);
	assembly_push(&b.g, &b.a, &s);
	CHECK_EQ(b.o.end, 5);
	CHECK_EQ(b.o.calls, 2);
	CHECK_EQ(b.o.kind[2], 0);
	CHECK_EQ(b.a.delivered, 4);
	CHECK_EQ(b.a.urgent, 1);
	bench_end(&b);

	check_case("also where its segment waited in the queue, or is a later one");
	bench_start(&b, &l, 100);
	s.offset = 5;
	assembly_push(&b.g, &b.a, &s);
	s = (struct assembly_segment){ .data = BYTES_LIT("01234"), .urgent = 5 };
	assembly_push(&b.g, &b.a, &s);
	CHECK_EQ(b.a.delivered, 8);
	CHECK_EQ(b.a.urgent, 2);
	CHECK_EQ(b.o.kind[7], 0);
	CHECK_EQ(b.o.kind[4], 0);
	s = (struct assembly_segment){ .offset = 10, .data = BYTES_LIT("z"), .urgent = 2 };
	assembly_push(&b.g, &b.a, &s);
	CHECK_EQ(b.a.urgent, 2);
	push_text(&b, 11, "U");
	CHECK_EQ(b.a.urgent, 3);
	bench_end(&b);

	check_case("a single urgent byte leaves no empty record");
	bench_start(&b, &l, 100);
	s = (struct assembly_segment){ .data = BYTES_LIT("X"), .urgent = 1 };
	assembly_push(&b.g, &b.a, &s);
	CHECK_EQ(b.o.calls, 0);
	push_text(&b, 1, "GET");
	CHECK_EQ(b.a.delivered, 3);
	bench_end(&b);

	check_case("inline keeps it");
	l.urgent_inline = true;
	bench_start(&b, &l, 100);
	s = (struct assembly_segment){ .data = BYTES_LIT("abXcd"), .urgent = 3 };
	assembly_push(&b.g, &b.a, &s);
	CHECK(text_is(&b, "abXcd"));
	CHECK_EQ(b.a.urgent, 0);
	bench_end(&b);

	check_case("after 64 KiB of urgent bytes they stay in");
	l.urgent_inline = false;
	bench_start(&b, &l, 70000);
	for (uint64_t i = 0; i < 66000; i++) {
		s = (struct assembly_segment){ .offset = i, .data = BYTES_LIT("X"), .urgent = 1 };
		assembly_push(&b.g, &b.a, &s);
	}
	CHECK_EQ(b.a.urgent, 65536);
	CHECK_EQ(b.a.delivered, 66000 - 65536);
	bench_end(&b);
}

static void test_held(void)
{
	struct assembly_limits l = limits_default();
	struct bench b;
	struct assembly_segment s = { .data = BYTES_LIT("GET "), .held = true };

	check_case("T6: data sent with a SYN waits for the peer's acknowledgement");
	bench_start(&b, &l, 100);
	assembly_push(&b.g, &b.a, &s);
	assembly_ack(&b.g, &b.a, 0);
	CHECK_EQ(b.o.calls, 0);
	assembly_ack(&b.g, &b.a, 4);
	CHECK(text_is(&b, "GET "));
	bench_end(&b);

	check_case("T6: when the peer refused it, what is sent again counts");
	bench_start(&b, &l, 100);
	assembly_push(&b.g, &b.a, &s);
	push_text(&b, 0, "PUT /");
	CHECK(text_is(&b, "PUT /"));
	CHECK_EQ(b.g.pool.used, 0);
	bench_end(&b);

	check_case("T6: when the peer took a part of it, that leaves at once and the rest comes "
		   "again");
	bench_start(&b, &l, 100);
	assembly_push(&b.g, &b.a, &s);
	assembly_ack(&b.g, &b.a, 2);
	CHECK(text_is(&b, "GE"));
	assembly_push(&b.g, &b.a, &s); /* the SYN once more */
	CHECK(text_is(&b, "GE"));
	push_text(&b, 2, "T /");
	CHECK(text_is(&b, "GET /"));
	CHECK_EQ(b.a.gaps, 0);
	CHECK_EQ(b.g.pool.used, 0);
	bench_end(&b);

	check_case("when what is sent again reaches back into the part that was taken, it repeats");
	bench_start(&b, &l, 100);
	assembly_push(&b.g, &b.a, &s);
	assembly_ack(&b.g, &b.a, 2);
	push_text(&b, 0, "GET /");
	CHECK(text_is(&b, "GET /"));
	CHECK_EQ(b.a.retransmitted, 2);
	CHECK_EQ(b.a.overlaps, 0);
	bench_end(&b);

	check_case("when a part was taken and nothing follows, the rest stays undelivered");
	bench_start(&b, &l, 100);
	assembly_push(&b.g, &b.a, &s);
	assembly_ack(&b.g, &b.a, 2);
	assembly_ack(&b.g, &b.a, 3);
	assembly_flush(&b.g, &b.a, ASSEMBLY_GAP_CLOSE);
	CHECK(text_is(&b, "GET"));
	CHECK_EQ(assembly_undelivered(&b.a), 1);
	CHECK_EQ(b.a.gaps, 0);
	CHECK_EQ(b.g.pool.used, 0);
	bench_end(&b);

	check_case("of what the capture lacks of it, the part that was taken is a gap");
	s.data = BYTES_LIT("GE");
	s.missing = 2;
	bench_start(&b, &l, 100);
	assembly_push(&b.g, &b.a, &s);
	assembly_ack(&b.g, &b.a, 3);
	CHECK_EQ(b.a.delivered, 2);
	CHECK_EQ(b.a.gap_reasons[ASSEMBLY_GAP_SNAPPED], 1);
	push_text(&b, 3, " /");
	CHECK_EQ(b.a.delivered, 4);
	CHECK_EQ(b.a.gap_bytes, 1);
	CHECK_EQ(b.g.pool.used, 0);
	bench_end(&b);
	s.data = BYTES_LIT("GET ");
	s.missing = 0;

	check_case("when the sender goes on behind it, it was accepted");
	bench_start(&b, &l, 100);
	assembly_push(&b.g, &b.a, &s);
	push_text(&b, 4, "/");
	CHECK(text_is(&b, "GET /"));
	bench_end(&b);

	check_case("when nothing follows, it stays undelivered");
	bench_start(&b, &l, 100);
	assembly_push(&b.g, &b.a, &s);
	assembly_flush(&b.g, &b.a, ASSEMBLY_GAP_CLOSE);
	CHECK_EQ(b.o.calls, 0);
	CHECK_EQ(b.o.gaps, 0);
	CHECK_EQ(assembly_undelivered(&b.a), 4);
	bench_end(&b);
}

/* ---- random input against a model ---- */

static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

/* The naive model: per byte, what came first (or last), delivered as soon as all before it is. */
static void model_case(uint64_t s, bool last)
{
	struct assembly_limits l = limits_default();
	struct bench b;
	uint8_t value[300] = { 0 }, seen[300] = { 0 };
	size_t out = 0, top = 0, delivered = 0, holes = 0;
	bool equal = true;
	uint32_t n;

	seed = s;
	l.last_wins = last;
	bench_start(&b, &l, 300);
	n = 1 + rnd(40);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = rnd(200), len = 1 + rnd(23);
		uint8_t buf[23];

		for (uint32_t k = 0; k < len; k++) {
			buf[k] = (uint8_t)rnd(256);
			if (at + k >= out && (last || !seen[at + k]))
				value[at + k] = buf[k];
			seen[at + k] = 1;
		}
		if (at + len > top)
			top = at + len;
		while (out < 300 && seen[out])
			out++;
		push(&b, at, buf, len);
		equal &= b.o.end == out;
	}
	assembly_flush(&b.g, &b.a, ASSEMBLY_GAP_CLOSE);
	for (size_t i = 0; i < top; i++) {
		delivered += seen[i];
		holes += !seen[i];
		equal &= b.o.kind[i] == (seen[i] ? 1 : 2) && (!seen[i] || b.o.bytes[i] == value[i]);
	}
	if (!equal)
		printf("# seed %llu\n", (unsigned long long)s);
	CHECK(equal);
	CHECK_EQ(b.a.delivered, delivered);
	CHECK_EQ(b.a.gap_bytes, holes);
	CHECK_EQ(b.a.highest, top);
	bench_end(&b);
}

struct piece {
	uint64_t key;
	uint32_t at, len;
};

static int by_key(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

/* A file cut into segments, shuffled within a window, some sent twice, some lost. */
static void shuffle_case(uint64_t s, size_t size, unsigned dup_percent, unsigned loss_permille)
{
	struct assembly_limits l = limits_default();
	struct bench b;
	uint8_t *file = malloc(size), *lost = calloc(1, size);
	struct piece *seg = calloc(size + 1, 2 * sizeof(*seg));
	size_t n = 0;
	bool equal = true;

	seed = s;
	for (size_t i = 0; i < size; i++)
		file[i] = (uint8_t)rnd(256);
	for (size_t at = 0; at < size;) {
		uint32_t len = 1 + rnd(1460);

		if (len > size - at)
			len = (uint32_t)(size - at);
		if (at + len < size && at && rnd(1000) < loss_permille) {
			memset(lost + at, 1, len);
		} else {
			seg[n].at = (uint32_t)at;
			seg[n++].len = len;
			if (rnd(100) < dup_percent) {
				seg[n] = seg[n - 1];
				n++;
			}
		}
		at += len;
	}
	/* No segment moves by more than 64 places; 20 low bits keep the order of equal keys. */
	for (size_t i = 0; i < n; i++)
		seg[i].key = (i + rnd(64)) << 20 | i;
	qsort(seg, n, sizeof(*seg), by_key);
	bench_start(&b, &l, size);
	for (size_t i = 0; i < n; i++)
		push(&b, seg[i].at, file + seg[i].at, seg[i].len);
	if (!loss_permille)
		CHECK_EQ(b.o.end, size);
	assembly_flush(&b.g, &b.a, ASSEMBLY_GAP_CLOSE);
	CHECK_EQ(b.o.end, size);
	for (size_t i = 0; i < size; i++)
		equal &= lost[i] ? b.o.kind[i] == 2 : b.o.kind[i] == 1 && b.o.bytes[i] == file[i];
	if (!equal)
		printf("# seed %llu\n", (unsigned long long)s);
	CHECK(equal);
	CHECK_EQ(b.o.overlaps, 0);
	bench_end(&b);
	free(file);
	free(lost);
	free(seg);
}

static void adversary(bool down)
{
	struct assembly_limits l = limits_default();
	struct bench b;
	struct timespec t0, t1;
	enum { N = 300000 };
	double took;

	bench_start(&b, &l, N + 2);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
	for (uint64_t i = 0; i < N; i++)
		push(&b, down ? N + 1 - i : 2 + i, "x", 1);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
	took = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
	printf("# %.3f s, %zu blocks\n", took, b.g.pool.peak);
	CHECK(took < 5);
	CHECK(b.g.pool.peak * BLOCK_SIZE <= 1024 * 1024 + 3 * BLOCK_SIZE);
	CHECK(b.a.high_watermark <= 1024 * 1024 + 1);
	bench_end(&b);
}

int main(void)
{
	test_round_trip();
	test_overlap();
	test_history();
	test_novak();
	test_gaps();
	test_caps();
	test_urgent();
	test_held();
	for (int last = 0; last < 2; last++) {
		check_case(last ? "2,000 random inputs equal the per-byte model, last"
				: "2,000 random inputs equal the per-byte model, first");
		for (uint64_t s = 0; s < 2000; s++)
			model_case(s, last);
	}
	check_case("1 MiB shuffled within 64 segments with repeats comes out whole, 40 seeds");
	for (uint64_t s = 1; s <= 40; s++)
		shuffle_case(s, 1024 * 1024, 5, 0);
	check_case("with 1 % lost, the gaps are exactly what was lost, 20 seeds");
	for (uint64_t s = 1; s <= 20; s++)
		shuffle_case(s, 1024 * 1024, 5, 10);
	check_case("300,000 one-byte segments above a hole, ascending: bounded");
	adversary(false);
	check_case("300,000 one-byte segments above a hole, descending: bounded");
	adversary(true);
	return check_end();
}
