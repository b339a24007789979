/* flow: what taking a frame apart and keeping flows costs: ns per packet, ratios, allocations.
 *
 * Shapes: extract alone; one flow; 10, 100, 1 k, 10 k and 1 M flows in turn. Rounds of the shapes
 * are interleaved and the least CPU time of each is taken, so that a busy machine matters little.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "libcommon/net/tracker.h"
#include "tests/unit/packet.h"

enum { BATCH = 64, ROUNDS = 5, FRAME = 60, PACKETS = 1 << 20 };

static uint8_t *frames; /* FRAME bytes each */
static uint64_t ended;

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void on_end(void *user, const struct flow *f, enum flow_end_reason why)
{
	(void)user, (void)f, (void)why;
	ended++;
}

/* One frame per flow: TCP with six bytes of payload. */
static void make_frames(uint32_t n)
{
	frames = malloc((size_t)n * FRAME);
	if (!frames)
		abort();
	for (uint32_t i = 0; i < n; i++) {
		struct packet_spec s = { .version = 4,
					 .proto = 6,
					 .dst = { 10, 2, 0, 1 },
					 .src = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
						  (uint8_t)i },
					 .sport = (uint16_t)(10000 + i % 50000),
					 .dport = 80,
					 .seq = 1,
					 .ack = 1,
					 .flags = TCP_ACK,
					 .window = 512,
					 .payload = "packet",
					 .payload_len = 6 };

		packet_build(frames + (size_t)i * FRAME, &s);
	}
}

static double extract(void)
{
	struct layers l;
	uint64_t start = cpu_ns(), good = 0;

	for (uint32_t i = 0; i < PACKETS; i++)
		good += layers_parse(&l, 1, BYTES(frames + (size_t)(i % 1000) * FRAME, FRAME), 0) ==
				LAYERS_PACKET &&
			l.checksum == CHECKSUM_GOOD;
	if (good != PACKETS)
		abort();
	return (double)(cpu_ns() - start) / PACKETS;
}

/* A batch as weir-flow takes it: all apart and asked for, then one by one. */
static void track_batch(struct tracker *t, uint32_t flows, uint32_t first, uint64_t now)
{
	static struct layers layers[BATCH];
	static struct tracked tracked[BATCH];

	for (uint32_t i = 0; i < BATCH; i++) {
		const uint8_t *f = frames + (size_t)((first + i) % flows) * FRAME;

		if (layers_parse(&layers[i], 1, BYTES(f, FRAME), 0) != LAYERS_PACKET)
			abort();
		tracked[i].layers = &layers[i];
		tracked[i].id = first + i;
		tracked[i].now = tracked[i].ts = tracked[i].raw_ts = now;
		tracked[i].wire_len = FRAME;
		tracker_prepare(t, &tracked[i], i ? &tracked[i - 1] : NULL);
	}
	for (uint32_t i = 0; i < BATCH; i++)
		tracker_prefetch(t, &tracked[i]);
	for (uint32_t i = 0; i < BATCH; i++)
		tracker_packet(t, &tracked[i]);
}

static double track(struct tracker *t, uint32_t flows, uint64_t *allocated)
{
	size_t before = mallinfo2().uordblks;
	uint64_t start = cpu_ns();

	for (uint32_t i = 0; i < PACKETS; i += BATCH)
		track_batch(t, flows, i, 1);
	start = cpu_ns() - start;
	*allocated += mallinfo2().uordblks - before;
	return (double)start / PACKETS;
}

static void *map_pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

static struct tracker *new_tracker(uint32_t flows)
{
	struct tracker_config c = { .table = { .max_flows = flows + BATCH }, .end = on_end };
	struct tracker *t;

	for (unsigned i = 0; i < FLOW_CLASSES; i++)
		c.table.timeout[i] = 300000000000;
	for (unsigned i = 0; i < FLOW_SECRET_WORDS; i++)
		c.table.secret[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	t = tracker_init(map_pages(tracker_size(&c)), &c);
	for (uint32_t i = 0; i < flows; i += BATCH)
		track_batch(t, flows, i, 0);
	return t;
}

int main(void)
{
	static const uint32_t flows[] = { 1, 10, 100, 1000, 10000, 1000000 };
	enum { SHAPES = sizeof(flows) / sizeof(flows[0]) };
	double best[SHAPES], plain = 1e9;
	struct tracker *trackers[SHAPES];
	uint64_t allocated = 0;

	make_frames(flows[SHAPES - 1]);
	for (unsigned i = 0; i < SHAPES; i++) {
		trackers[i] = new_tracker(flows[i]);
		best[i] = 1e9;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		double ns = extract();

		plain = ns < plain ? ns : plain;
		for (unsigned i = 0; i < SHAPES; i++) {
			ns = track(trackers[i], flows[i], &allocated);
			best[i] = ns < best[i] ? ns : best[i];
		}
	}
	printf("extract            %7.1f ns\n", plain);
	for (unsigned i = 0; i < SHAPES; i++)
		printf("track %8u flows %7.1f ns  rate x%.2f of one flow\n", flows[i], best[i],
		       best[0] / best[i]);
	printf("1 M flows at x%.2f of the rate of 10 k (goal 0.6)\n",
	       best[SHAPES - 2] / best[SHAPES - 1]);
	printf("bytes allocated in steady state: %llu\n", (unsigned long long)allocated);
	free(frames);
	return allocated || best[SHAPES - 2] < 0.6 * best[SHAPES - 1] || ended;
}
