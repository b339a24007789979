/* ring: a ring against a pipe, two processes, records of 300 bytes. Prints ns of CPU per record of
 * both sides together, records per second, and the ratios. */
#include "libcommon/port/port.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"

enum { RECORD = 300, RUNS = 5, TARGET = 4 };

struct figure {
	double wall, cpu; /* ns per record */
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double cpu_of(const struct rusage *u)
{
	return ((double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1e6 +
		(double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec)) *
	       1e3;
}

static void produce(const char *endpoint, unsigned long count)
{
	struct port_out *o = port_out_open(endpoint);
	static uint8_t source[256 * 1024];
	size_t at = 0;

	for (unsigned long i = 0; i < count; i++) {
		uint8_t *p = port_out_reserve(o, RECORD, true);

		if (!p)
			die("the reader is gone");
		memcpy(p, source + at, RECORD);
		memcpy(p, &i, sizeof(i));
		port_out_commit(o, RECORD);
		at = at + RECORD < sizeof(source) - RECORD ? at + RECORD : 0;
	}
	if (!port_out_close(o))
		die("not all was delivered");
}

/* Looks at two words of each record. */
static void consume(const char *endpoint, unsigned long count)
{
	struct port_in *in = port_in_open(endpoint);
	unsigned long seen = 0, sum = 0, number, word;
	size_t have = 0;

	for (;;) {
		struct bytes view;
		enum port_state state = port_in_view(in, have, -1, &view);
		size_t used = 0;

		if (state == PORT_EMPTY)
			continue;
		if (state != PORT_DATA)
			break;
		for (; view.len - used >= RECORD; used += RECORD) {
			memcpy(&number, view.ptr + used, sizeof(number));
			memcpy(&word, view.ptr + used + 64, sizeof(word));
			if (number != seen++)
				die("record %lu came as %lu", number, seen - 1);
			sum += word;
		}
		port_in_consume(in, used);
		have = view.len - used;
	}
	if (seen != count || sum)
		die("%lu of %lu records came", seen, count);
	port_in_close(in);
}

/* Two children, so that their CPU can be told from ours. */
static struct figure run(const char *out, const char *in, int write_end, unsigned long count)
{
	struct figure f = { now(), 0 };
	pid_t pid[2];

	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			if (i)
				produce(out, count);
			else if (write_end >= 0)
				close(write_end);
			if (!i)
				consume(in, count);
			_exit(0);
		}
	}
	if (write_end >= 0)
		close(write_end);
	for (int i = 0; i < 2; i++) {
		struct rusage u;
		int status;

		if (wait4(pid[i], &status, 0, &u) != pid[i] || status)
			die("a side of the benchmark failed");
		f.cpu += cpu_of(&u) / (double)count;
	}
	f.wall = (now() - f.wall) / (double)count;
	return f;
}

static struct figure run_ring(unsigned long count)
{
	struct ring_spec spec = { .size = 1 << 20, .nreaders = 1 };
	char out[64], in[64];
	struct ring_set set;
	struct figure f;

	if (!ring_create_memfd(&set, &spec))
		die_errno("ring");
	snprintf(out, sizeof(out), "shm:fd=%d,pages=%d", set.fd, set.pages_read[0]);
	snprintf(in, sizeof(in), "shm:fd=%d,page=%d", set.fd_read, set.pages[0]);
	f = run(out, in, -1, count);
	ring_set_free(&set);
	return f;
}

static struct figure run_pipe(unsigned long count)
{
	char out[64], in[64];
	struct figure f;
	int p[2];

	if (pipe(p) < 0)
		die_errno("pipe");
	snprintf(out, sizeof(out), "fd:%d", p[1]);
	snprintf(in, sizeof(in), "fd:%d", p[0]);
	f = run(out, in, p[1], count);
	close(p[0]);
	return f;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, RUNS, sizeof(*v), by_value);
	return v[RUNS / 2];
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 3000000;
	double wall[2][RUNS], cpu[2][RUNS], w[2], c[2];

	tool_name = "bench-ring";
	if (!count)
		die_usage("records: a number");
	/* Interleaved, so that what else the machine does hits both. */
	for (int i = 0; i < RUNS; i++) {
		struct figure ring = run_ring(count), piped = run_pipe(count);

		wall[0][i] = ring.wall;
		cpu[0][i] = ring.cpu;
		wall[1][i] = piped.wall;
		cpu[1][i] = piped.cpu;
	}
	for (int k = 0; k < 2; k++) {
		w[k] = median(wall[k]);
		c[k] = median(cpu[k]);
		printf("%s: %.1f Mrec/s, %.0f ns CPU per record of %d bytes\n", k ? "pipe" : "ring",
		       1e3 / w[k], c[k], RECORD);
	}
	printf("ring against pipe: %.1f x the records, %.1f x less CPU (target %d)\n", w[1] / w[0],
	       c[1] / c[0], TARGET);
	return 0;
}
