/* ring: a ring against a pipe, two processes, records of 300 bytes. Prints ns of CPU per record of
 * both sides together, records per second, and the ratios.
 *
 * Both sides do the same with either: the writer copies each record into what it was given room in,
 * the reader looks at two words of it. Beside them stands what the machine can do: the same records
 * copied into bare shared memory and looked at there, with a position from each side and nothing
 * else; and how long a cache line takes from one processor to another and back. That depends on
 * which processors they are, and of a virtual machine's it changes while it runs. */
#include "libcommon/port/port.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"

enum { RECORD = 300, RUNS = 5, TARGET = 4, MEMORY = 1 << 20, BATCH = 32 * 1024, TURNS = 20000 };

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

/* ---- what the machine can do ---- */

struct bare {
	_Alignas(128) uint64_t head;
	_Alignas(128) uint64_t tail;
	_Alignas(128) uint8_t data[MEMORY + RECORD];
};

static struct bare *bare_new(void)
{
	struct bare *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (b == MAP_FAILED)
		die_errno("shared memory");
	return b;
}

/* Other work may need the processor on which the other side would go on. */
static void bare_await(const uint64_t *word, uint64_t least)
{
	for (unsigned i = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) < least; i++)
		if (i > 1000)
			sched_yield();
}

/* Records of a batch lie one after the other; those of the next at the next multiple of BATCH. */
static void bare_produce(struct bare *b, unsigned long count)
{
	static uint8_t source[256 * 1024];
	uint64_t head = 0;
	size_t at = 0;

	while (count) {
		bare_await(&b->tail, head + BATCH > MEMORY ? head + BATCH - MEMORY : 0);
		for (size_t used = 0; used + RECORD <= BATCH && count; used += RECORD, count--) {
			memcpy(b->data + head % MEMORY + used, source + at, RECORD);
			at = at + RECORD < sizeof(source) - RECORD ? at + RECORD : 0;
		}
		head += BATCH;
		__atomic_store_n(&b->head, head, __ATOMIC_RELEASE);
	}
}

static void bare_consume(struct bare *b, unsigned long count)
{
	uint64_t tail = 0, sum = 0, first, second;

	while (count) {
		bare_await(&b->head, tail + BATCH);
		for (size_t used = 0; used + RECORD <= BATCH && count; used += RECORD, count--) {
			memcpy(&first, b->data + tail % MEMORY + used, sizeof(first));
			memcpy(&second, b->data + tail % MEMORY + used + 64, sizeof(second));
			sum += first + second;
		}
		tail += BATCH;
		__atomic_store_n(&b->tail, tail, __ATOMIC_RELEASE);
	}
	if (sum)
		die("other bytes came than were written");
}

static void wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("a side of the benchmark failed");
}

/* ns per record of wall-clock time. */
static double run_bare(unsigned long count)
{
	struct bare *b = bare_new();
	double start = now();
	pid_t pid = fork();

	if (pid == 0) {
		bare_consume(b, count);
		_exit(0);
	}
	bare_produce(b, count);
	wait_for(pid);
	munmap(b, sizeof(*b));
	return (now() - start) / (double)count;
}

/* ns that a line takes to the other processor and back. */
static double run_line(void)
{
	struct bare *b = bare_new();
	double start;
	pid_t pid = fork();

	if (pid == 0) {
		for (uint64_t i = 1; i <= TURNS; i++) {
			bare_await(&b->head, i);
			__atomic_store_n(&b->tail, i, __ATOMIC_RELEASE);
		}
		_exit(0);
	}
	__atomic_store_n(&b->head, 1, __ATOMIC_RELEASE);
	bare_await(&b->tail, 1); /* both are awake */
	start = now();
	for (uint64_t i = 2; i <= TURNS; i++) {
		__atomic_store_n(&b->head, i, __ATOMIC_RELEASE);
		bare_await(&b->tail, i);
	}
	start = (now() - start) / (TURNS - 1);
	wait_for(pid);
	munmap(b, sizeof(*b));
	return start;
}

/* ---- the two ---- */

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
	double wall[2][RUNS], cpu[2][RUNS], bare[RUNS], line[RUNS], w[2], c[2], least;

	tool_name = "bench-ring";
	if (!count)
		die_usage("records: a number");
	/* Interleaved, so that what else the machine does hits all. */
	for (int i = 0; i < RUNS; i++) {
		struct figure ring = run_ring(count), piped = run_pipe(count);

		wall[0][i] = ring.wall;
		cpu[0][i] = ring.cpu;
		wall[1][i] = piped.wall;
		cpu[1][i] = piped.cpu;
		bare[i] = run_bare(count);
		line[i] = run_line();
	}
	for (int k = 0; k < 2; k++) {
		w[k] = median(wall[k]);
		c[k] = median(cpu[k]);
		printf("%s: %.1f Mrec/s, %.0f ns CPU per record of %d bytes\n", k ? "pipe" : "ring",
		       1e3 / w[k], c[k], RECORD);
	}
	least = median(bare);
	printf("bare shared memory: %.1f Mrec/s; a line there and back: %.0f ns\n", 1e3 / least,
	       median(line));
	printf("ring against pipe: %.1f x the records, %.1f x less CPU (target %d)\n", w[1] / w[0],
	       c[1] / c[0], TARGET);
	printf("bare shared memory against pipe: %.1f x the records\n", w[1] / least);
	return 0;
}
