/* Tests of libcommon/stage/stream_engine.c: a known file cut, shuffled, repeated, overlapped and
 * lost by many seeds, a per-byte model, and input made to cost as much as it can. */
#include <time.h>

#include "tests/unit/stream_talk.h"

#ifdef WEIR_SANITIZE
enum { SEEDS = 100, COUNT = 30000 };
#else
enum { SEEDS = 1000, COUNT = 150000 };
#endif
enum { FILE_SIZE = 1024 * 1024, MOST = 3 * FILE_SIZE / 200, ROUNDS = 7 };

static uint8_t file[FILE_SIZE], kind[FILE_SIZE], lost[FILE_SIZE];
static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
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

static struct piece pieces[MOST];
static size_t npieces;

static void piece_add(uint32_t at, uint32_t len)
{
	if (npieces < MOST)
		pieces[npieces++] = (struct piece){ .at = at, .len = len };
}

/* Cuts the file: some pieces twice, some reaching into their neighbours, some not sent. */
static void cut(unsigned twice_percent, unsigned over_percent, unsigned lost_permille)
{
	npieces = 0;
	for (uint32_t at = 0, len; at < FILE_SIZE; at += len) {
		uint32_t before = 0, after = 0;

		len = 200 + rnd(1260);
		if (len > FILE_SIZE - at)
			len = FILE_SIZE - at;
		if (at && at + len < FILE_SIZE && rnd(1000) < lost_permille) {
			memset(lost + at, 1, len);
			continue;
		}
		if (rnd(100) < over_percent) {
			before = rnd(200);
			after = rnd(200);
		}
		before = before < at ? before : at;
		after = after < FILE_SIZE - at - len ? after : FILE_SIZE - at - len;
		piece_add(at - before, len + before + after);
		if (rnd(100) < twice_percent)
			piece_add(at, len);
	}
	/* None moves by more than 64 places; 20 low bits keep the order of equal keys. */
	for (size_t i = 0; i < npieces; i++)
		pieces[i].key = (i + rnd(64)) << 20 | i;
	qsort(pieces, npieces, sizeof(*pieces), by_key);
}

static struct stream_engine *engine;
static void *memory;
static uint64_t frame_n;

static void feed(uint64_t flow, uint64_t offset, struct bytes bytes)
{
	struct rec_head h = { REC_packet, (frame_n + 1) * 1000, flow, frame_n + 1 };
	struct rec_packet p = packet(0, offset, "");

	p.verdict = REC_verdict_DELIVER;
	p.flags = PACKET_NEW;
	p.first_n = ++frame_n;
	p.payload = bytes;
	stream_engine_packet(engine, &h, &p);
}

static void engine_start(const struct stream_limits *l)
{
	static size_t size;

	if (memory)
		munmap(memory, size);
	size = stream_engine_size(l);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	engine = stream_engine_init(memory, l, &(struct stream_host){ &out, on_stream, on_emit });
}

static void seeds(unsigned twice, unsigned over, unsigned lost_permille)
{
	struct stream_limits l = stream_limits_default();
	uint64_t bad = 0, gaps = 0, lost_bytes = 0;
	double from = (double)clock() / CLOCKS_PER_SEC;

	engine_start(&l);
	for (uint64_t s = 1; s <= SEEDS; s++) {
		uint64_t before = lost_bytes;

		seed = s;
		if (lost_permille)
			memset(lost, 0, sizeof(lost));
		cut(twice, over, lost_permille);
		memset(&out.ends[0], 0, sizeof(out.ends[0]));
		out.nends = 0;
		out.at[0] = out.gap_bytes[0] = out.anomalies = 0;
		out.untrue = out.disorder = false;
		for (size_t i = 0; i < npieces; i++)
			feed(s, pieces[i].at, BYTES(file + pieces[i].at, pieces[i].len));
		stream_engine_flow_end(engine,
				       &(struct rec_head){ REC_flow, frame_n * 1000, s, frame_n },
				       REC_flow_reason_FIN);
		for (size_t i = 0; lost_permille && i < FILE_SIZE; i++) {
			lost_bytes += lost[i];
			bad += kind[i] != 1 + lost[i];
		}
		gaps += out.gap_bytes[0];
		bad += out.untrue || out.disorder || out.anomalies || out.at[0] != FILE_SIZE;
		bad += out.nends != 1 || out.ends[0].gap_bytes != lost_bytes - before ||
		       out.ends[0].delivered + out.ends[0].gap_bytes != FILE_SIZE;
		if (bad) {
			printf("# seed %llu\n", (unsigned long long)s);
			break;
		}
	}
	CHECK_EQ(bad, 0);
	CHECK_EQ(gaps, lost_bytes);
	CHECK(!lost_permille || lost_bytes > SEEDS * (uint64_t)FILE_SIZE / 200);
	printf("# %.1f s, %llu bytes lost\n", (double)clock() / CLOCKS_PER_SEC - from,
	       (unsigned long long)lost_bytes);
}

/* ---- V7: against a model, byte by byte ---- */

static void model(uint64_t s, bool last)
{
	uint8_t value[300] = { 0 }, seen[300] = { 0 };
	size_t end = 0, top = 0, holes = 0;
	bool equal = true;

	seed = s;
	memset(&out.ends[0], 0, sizeof(out.ends[0]));
	out.nends = 0;
	out.at[0] = 0;
	memset(out.bytes[0], 0, 300);
	for (uint32_t i = 1 + rnd(40); i > 0; i--) {
		uint32_t at = rnd(200), len = 1 + rnd(23);
		uint8_t buf[23];

		for (uint32_t k = 0; k < len; k++) {
			buf[k] = (uint8_t)rnd(256);
			if (at + k >= end && (last || !seen[at + k]))
				value[at + k] = buf[k];
			seen[at + k] = 1;
		}
		top = at + len > top ? at + len : top;
		while (end < 300 && seen[end])
			end++;
		feed(s, at, BYTES(buf, len));
		equal &= out.at[0] == end;
	}
	stream_engine_flow_end(engine, &(struct rec_head){ REC_flow, 1, s, ++frame_n },
			       REC_flow_reason_FIN);
	for (size_t i = 0; i < top; i++) {
		holes += !seen[i];
		equal &= !seen[i] || out.bytes[0][i] == value[i];
	}
	CHECK(equal);
	CHECK_EQ(out.ends[0].gap_bytes, holes);
	CHECK_EQ(out.ends[0].highest, top);
}

/* ---- long streams ---- */

static void test_five_gib(void)
{
	struct stream_limits l = stream_limits_default();
	uint64_t total = (uint64_t)5 << 30, at = 0, step = 65536;

	check_case("a stream of 5 GiB, its numbers wrapping twice, with a hole behind 4 GiB");
	engine_start(&l);
	out.at[0] = out.gap_bytes[0] = out.nends = 0;
	out.disorder = false;
	for (; at < total; at += step) {
		struct rec_head h = { REC_packet, (frame_n + 1) * 1000, 1, frame_n + 1 };
		struct rec_packet p = packet(0, at, "x");

		p.seq = 0xfffffff0 + (uint32_t)at;
		p.payload = BYTES(file, step);
		p.flags = PACKET_NEW;
		frame_n++;
		if (at >> 16 == ((uint64_t)4 << 14) + 77)
			continue;
		stream_engine_packet(engine, &h, &p);
		p = packet(1, 0, "");
		p.flags = PACKET_ACK_VALID;
		p.ack = 0xfffffff0 + (uint32_t)(at + step);
		h.ts += 100;
		if (at % (step * 64) == 0 || out.at[0] < at)
			stream_engine_packet(engine, &h, &p);
	}
	stream_engine_flow_end(engine, &(struct rec_head){ REC_flow, 1, 1, ++frame_n },
			       REC_flow_reason_FIN);
	CHECK_EQ(out.at[0], total);
	CHECK_EQ(out.gap_bytes[0], step);
	CHECK(out.end_reasons[0][REC_gap_reason_ACKED] +
		      out.end_reasons[0][REC_gap_reason_WINDOW] ==
	      step);
	CHECK(!out.disorder);
}

/* ---- what costs most ---- */

static void bytes_up(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		feed(1, 2 + i, BYTES(file, 1));
}

static void bytes_down(unsigned count)
{
	for (unsigned i = count; i > 0; i--)
		feed(1, 1 + i, BYTES(file, 1));
}

static void bytes_apart(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		feed(1, 2 + i * 2, BYTES(file, 1));
}

static void bytes_over(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		feed(1, 1 + i / 2, BYTES(file, 2));
}

/* Two flows take turns, so that each byte is a piece of its own; each comes again. */
static void bytes_again(unsigned count)
{
	for (unsigned i = 0; i < count / 3; i++) {
		feed(1, i, BYTES(file, 1));
		feed(2, i, BYTES(file, 1));
		feed(1, i < 300 ? 0 : i - 300, BYTES(file, 300));
	}
}

static void same_again(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		feed(1, 1, BYTES(file, 1000));
}

static void many_holders(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		feed(1 + i % 4096, 1 + i / 4096 * 5000, BYTES(file, 1));
}

static double cost(void (*run)(unsigned), unsigned count)
{
	struct stream_limits l = stream_limits_default();
	struct timespec a, b;

	l.assembly.memory = 4 * 1024 * 1024;
	engine_start(&l);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	run(count);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	stream_engine_finish(engine, frame_n);
	CHECK_EQ(stream_engine_stats(engine)->law_broken, 0);
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

static void test_adversaries(void)
{
	static const struct {
		const char *title;
		void (*run)(unsigned);
	} all[] = {
		{ "one-byte segments upwards above a hole: twice the input costs 2.5 times at most",
		  bytes_up },
		{ "one-byte segments downwards: the same", bytes_down },
		{ "one-byte segments with holes between: the same", bytes_apart },
		{ "one-byte steps that overlap: the same", bytes_over },
		{ "repeats of bytes delivered one by one, two flows in turn: the same",
		  bytes_again },
		{ "one segment again and again: the same", same_again },
		{ "4,096 flows that all hold something, beyond all memory: the same",
		  many_holders },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		double one = 1e9, two = 1e9;

		check_case(all[i].title);
		/* the least of each, until it fits: others work here too */
		for (int round = 0; round < ROUNDS || (two > 2.5 * one && round < 4 * ROUNDS);
		     round++) {
			one = least(one, cost(all[i].run, COUNT));
			two = least(two, cost(all[i].run, 2 * COUNT));
		}
		printf("# %.0f ns a segment, %.2f times\n", one / COUNT * 1e9, two / one);
		CHECK(two <= 2.5 * one);
		CHECK(one / COUNT < 1e-4);
	}
}

int main(void)
{
	struct stream_limits l = stream_limits_default();

	for (size_t i = 0; i < FILE_SIZE; i++)
		file[i] = (uint8_t)(i * 2654435761u >> 23 ^ i >> 9);
	out.truth = file;
	out.kind = kind;
	check_case(
		"a file of 1 MiB, shuffled within 64, repeated, overlapped: equal, by every seed");
	seeds(5, 20, 0);
	check_case("with 1 % lost, delivered and gaps are the total, each gap where it was cut");
	seeds(5, 0, 10);
	out.truth = NULL;
	for (int last = 0; last < 2; last++) {
		check_case(last ? "V7: 2,000 inputs equal the per-byte model, last"
				: "V7: 2,000 inputs equal the per-byte model, first");
		l.assembly.last_wins = last;
		engine_start(&l);
		for (uint64_t s = 1; s <= 2000; s++)
			model(s, last);
	}
	test_five_gib();
	test_adversaries();
	return check_end();
}
