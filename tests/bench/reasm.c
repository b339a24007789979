/* reasm: what a segment costs to put in order, by shape. Prints ns a segment of CPU time, medians
 * of interleaved rounds, the ratios to the in-order shape, and allocations in steady state. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "libcommon/stage/stream_engine.h"

enum { ROUNDS = 15, SEGMENTS = 20000, SIZE = 500, FLOWS = 1000, WINDOW = 64 };

static uint8_t wire[65536 + 1024]; /* where a stage would reserve its stream records */
static size_t wire_at;
static uint8_t payload[SIZE];
static uint64_t next_flow = 1, frame = 1;

static void on_stream(void *ctx, const struct rec_head *h, const struct rec_stream *s)
{
	size_t n = rec_stream_wire + s->payload.len;

	(void)ctx;
	if (wire_at + n > sizeof(wire))
		wire_at = 0;
	rec_stream_put(wire + wire_at, h, s);
	wire_at += n;
}

static void on_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		    const void *rec)
{
	(void)ctx;
	(void)desc;
	(void)h;
	(void)rec;
}

static void put(struct stream_engine *r, uint64_t flow, uint64_t offset)
{
	struct rec_head h = { REC_packet, frame * 1000, flow, frame };
	struct rec_packet p = {
		.ip_version = 4,
		.proto = IPPROTO_TCP,
		.verdict = REC_verdict_DELIVER,
		.tcp_flags = 16,
		.seq = (uint32_t)offset,
		.offset = offset,
		.first_n = frame,
		.payload = BYTES(payload, SIZE),
	};

	frame++;
	stream_engine_packet(r, &h, &p);
}

static void end_flow(struct stream_engine *r, uint64_t flow)
{
	struct rec_head h = { REC_flow, frame * 1000, flow, frame };

	stream_engine_flow_end(r, &h, REC_flow_reason_FIN);
}

/* One long stream. */
static void in_order(struct stream_engine *r)
{
	uint64_t flow = next_flow++;

	for (uint64_t i = 0; i < SEGMENTS; i++)
		put(r, flow, i * SIZE);
	end_flow(r, flow);
}

/* A thousand streams, a segment of each in turn. */
static void interleaved(struct stream_engine *r)
{
	uint64_t first = next_flow;

	next_flow += FLOWS;
	for (uint64_t i = 0; i < SEGMENTS / FLOWS; i++)
		for (uint64_t f = 0; f < FLOWS; f++)
			put(r, first + f, i * SIZE);
	for (uint64_t f = 0; f < FLOWS; f++)
		end_flow(r, first + f);
}

/* Each group of 64 segments comes last to first. */
static void out_of_order(struct stream_engine *r)
{
	uint64_t flow = next_flow++;

	for (uint64_t i = 0; i < SEGMENTS; i++) {
		uint64_t at = i / WINDOW * WINDOW + (WINDOW - 1 - i % WINDOW);

		put(r, flow, at * SIZE);
	}
	end_flow(r, flow);
}

/* A hole that is never filled: the queue runs full, again and again. */
static void overflow(struct stream_engine *r)
{
	uint64_t flow = next_flow++;

	for (uint64_t i = 0; i < SEGMENTS; i++)
		put(r, flow, (i + 1 + i / 3000) * SIZE);
	end_flow(r, flow);
}

static struct {
	const char *name;
	void (*run)(struct stream_engine *r);
	uint32_t history;
	struct stream_engine *reasm;
	double ns[ROUNDS];
} shapes[] = {
	{ .name = "in_order", .run = in_order },
	{ .name = "in_order_history", .run = in_order, .history = 16384 },
	{ .name = "interleaved", .run = interleaved },
	{ .name = "interleaved_history", .run = interleaved, .history = 16384 },
	{ .name = "out_of_order", .run = out_of_order },
	{ .name = "overflow", .run = overflow },
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	struct stream_host host = { NULL, on_stream, on_emit };
	size_t blocks = 0;

	for (int s = 0; s < SHAPES; s++) {
		struct stream_limits l = stream_limits_default();

		l.assembly.history = shapes[s].history;
		shapes[s].reasm = stream_engine_init(
			mmap(NULL, stream_engine_size(&l), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
			&l, &host);
	}
	for (int i = -2; i < ROUNDS; i++)
		for (int s = 0; s < SHAPES; s++) {
			size_t made = stream_engine_group(shapes[s].reasm)->pool.touched;
			double from = now();

			shapes[s].run(shapes[s].reasm);
			if (i < 0)
				continue;
			shapes[s].ns[i] = (now() - from) / SEGMENTS;
			blocks += stream_engine_group(shapes[s].reasm)->pool.touched - made;
		}
	for (int s = 0; s < SHAPES; s++) {
		qsort(shapes[s].ns, ROUNDS, sizeof(double), by_value);
		printf("reasm %s_ns %.1f\n", shapes[s].name, shapes[s].ns[ROUNDS / 2]);
	}
	printf("reasm history_ratio %.2f\n", shapes[1].ns[ROUNDS / 2] / shapes[0].ns[ROUNDS / 2]);
	printf("reasm out_of_order_ratio %.2f\n",
	       shapes[4].ns[ROUNDS / 2] / shapes[0].ns[ROUNDS / 2]);
	printf("reasm overflow_ratio %.2f\n", shapes[5].ns[ROUNDS / 2] / shapes[0].ns[ROUNDS / 2]);
	printf("reasm steady_blocks_allocated %zu\n", blocks);
	return blocks != 0;
}
