/* pipe: the shell's `|` between two stages, with the ring that they leave it for and without it.
 * Records of 300 bytes from memory into nothing; CPU of both sides together, records per second,
 * and the ratios; also three readers of one ring beside one. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libcommon/stage/stage.h"

enum { RECORD = 300, PAYLOAD = RECORD - rec_frame_wire, RUNS = 5, TARGET = 3 };

static struct source_config {
	uint64_t count;
} config = { 10000000 };

static uint64_t made;

static bool produce(struct stage *st)
{
	static uint8_t payload[256 * 1024];
	static size_t from;

	for (int i = 0; i < 1000 && made < config.count; i++) {
		struct rec_head h = { REC_frame, made * 1000, 0, made + 1 };
		struct rec_frame f = { .payload = BYTES(payload + from, PAYLOAD) };
		uint8_t *at = stage_reserve(st, &rec_frame_desc, RECORD);

		rec_frame_put_head(at, &h, &f);
		memcpy(at + rec_frame_wire, payload + from, PAYLOAD);
		stage_commit(st, RECORD);
		stage_at(st, 0, ++made, h.ts);
		from = from + RECORD < sizeof(payload) - RECORD ? from + RECORD : 0;
	}
	return made < config.count;
}

static void batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	(void)recs;
	stage_consume(st, n);
}

static const struct opt options[] = {
	OPT_ROW('n', "count", OPT_UINT, struct source_config, count, "N", "records"),
	{ 0 },
};
static const struct stage_ops source = {
	.name = "bench-source",
	.summary = "records from memory",
	.kind = STAGE_SOURCE,
	.options = options,
	.config = &config,
	.produce = produce,
};
static const struct stage_ops sink = {
	.name = "bench-sink",
	.summary = "records into nothing",
	.kind = STAGE_FILTER,
	.batch = batch,
};

struct figure {
	double wall, cpu; /* ns per record */
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double children_cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return ((double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec)) *
	       1e3;
}

static struct figure run(const char *command)
{
	double wall = now(), cpu = children_cpu();

	if (system(command) != 0)
		die("'%s' failed", command);
	return (struct figure){ (now() - wall) / (double)config.count,
				(children_cpu() - cpu) / (double)config.count };
}

static int by_wall(const void *a, const void *b)
{
	double x = ((const struct figure *)a)->wall, y = ((const struct figure *)b)->wall;

	return (x > y) - (x < y);
}

static struct figure median(struct figure *f)
{
	qsort(f, RUNS, sizeof(*f), by_wall);
	return f[RUNS / 2];
}

int main(int argc, char **argv)
{
	static const char *const ways[] = { "| with a ring", "| --no-ring", "one reader",
					    "three readers" };
	struct figure f[4][RUNS], m[4];
	char command[4][1024], self[256];
	ssize_t n;

	if (argc > 1 && !strcmp(argv[1], "source"))
		return stage_main(&source, argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "sink"))
		return stage_main(&sink, argc - 1, argv + 1);
	tool_name = "bench-pipe";
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		die_errno("/proc/self/exe");
	self[n] = 0;
	snprintf(command[0], sizeof(command[0]), "%s source | %s sink -o null:", self, self);
	snprintf(command[1], sizeof(command[1]),
		 "%s source --no-ring | %s sink --no-ring -o null:", self, self);
	snprintf(command[2], sizeof(command[2]),
		 "%s source -o shm:bench-%d,readers=a & %s sink -i shm:bench-%d,reader=a -o null:; "
		 "wait",
		 self, getpid(), self, getpid());
	snprintf(command[3], sizeof(command[3]),
		 "%s source -o shm:bench-%d,readers=a,b,c & for r in a b c; do "
		 "%s sink -i shm:bench-%d,reader=$r -o null: & done; wait",
		 self, getpid(), self, getpid());
	/* Interleaved, so that what else the machine does hits all. */
	for (int i = 0; i < RUNS; i++)
		for (int k = 0; k < 4; k++)
			f[k][i] = run(command[k]);
	for (int k = 0; k < 4; k++) {
		m[k] = median(f[k]);
		printf("%s: %.1f Mrec/s, %.0f ns CPU per record of %d bytes\n", ways[k],
		       1e3 / m[k].wall, m[k].cpu, RECORD);
	}
	printf("| with a ring against without: %.1f x the records, %.1f x less CPU (target %d)\n",
	       m[1].wall / m[0].wall, m[1].cpu / m[0].cpu, TARGET);
	printf("three readers against one: %.2f x the records each (target 0.30)\n",
	       m[2].wall / m[3].wall);
	return 0;
}
