/* link: what a link's acknowledgements cost, and a ring against NNG alone in batches of 256 KiB.
 * Frame records of 300 bytes, two processes (and two weir-links). Prints records per second,
 * medians of interleaved runs, and the ratios. */
#include <libgen.h>
#include <limits.h>
#include <nng/nng.h>
#include <nng/protocol/pair1/pair.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/link/message.h"
#include "libcommon/base/die.h"
#include "libcommon/port/port.h"

enum { RUNS = 5, RECORDS = 1000 * 1000, RECORD = 300 };

enum way { RING, NNG, LINK, LINK_NO_ACKS, WAYS };

static const char *const names[] = { "ring", "nng", "link", "link_no_acks" };
static char ring_out[64], ring_in[64], pipe_url[64], link_ep[64];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void put_record(uint8_t *at, uint64_t n)
{
	static const uint8_t payload[RECORD];
	struct rec_frame f = { .payload = BYTES(payload, RECORD - rec_frame_wire) };

	rec_frame_put(at, &(struct rec_head){ REC_frame, n, 0, n }, &f);
}

static struct buf head(void)
{
	static const uint8_t offer[157];
	struct buf raw = { 0 };

	rec_pack(&raw, &rec_hello_desc, &(struct rec_head){ .type = REC_hello },
		 &(struct rec_hello){ .offer = BYTES(offer, sizeof(offer)),
				      .program = BYTES_LIT("bench"),
				      .version = BYTES_LIT("0"),
				      .stream = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid() });
	return raw;
}

static void must(int rv)
{
	if (rv)
		die("nng: %s", nng_strerror(rv));
}

static void produce_port(const char *endpoint)
{
	struct port_out *o = port_out_open(endpoint);
	struct buf hello = head();

	memcpy(port_out_reserve(o, hello.len, true), hello.ptr, hello.len);
	port_out_commit(o, hello.len);
	for (uint64_t i = 0; i < RECORDS; i++) {
		uint8_t *at = port_out_reserve(o, RECORD, true);

		if (!at)
			die("the reader is gone");
		put_record(at, i);
		port_out_commit(o, RECORD);
	}
	port_out_close(o);
	buf_release(&hello);
}

static uint64_t walk(struct bytes b, size_t *used)
{
	uint64_t records = 0;

	for (*used = 0; *used < b.len; records++) {
		ssize_t n = rec_measure(BYTES(b.ptr + *used, b.len - *used), NULL);

		if (n <= 0)
			break;
		*used += (size_t)n;
	}
	return records;
}

static void consume_port(const char *endpoint)
{
	struct port_in *in = port_in_open(endpoint);
	struct bytes view = BYTES(NULL, 0);
	enum port_state state = PORT_DATA;
	uint64_t records = 0;
	size_t used = 0;

	while (state == PORT_DATA || state == PORT_EMPTY) {
		state = port_in_view(in, view.len - used, -1, &view);
		records += walk(view, &used);
		port_in_consume(in, used);
		view = BYTES(view.ptr + used, view.len - used);
		used = 0;
	}
	if (records != RECORDS + 1)
		die("%s: %llu records", endpoint, (unsigned long long)records);
	port_in_close(in);
}

static void produce_nng(void)
{
	nng_socket s;
	uint64_t i = 0;

	must(nng_pair1_open(&s));
	must(nng_dial(s, pipe_url, NULL, NNG_FLAG_NONBLOCK));
	while (i < RECORDS) {
		nng_msg *m;
		size_t n = LINK_BATCH / RECORD;

		n = RECORDS - i < n ? RECORDS - i : n;
		must(nng_msg_alloc(&m, n * RECORD));
		for (size_t k = 0; k < n; k++)
			put_record((uint8_t *)nng_msg_body(m) + k * RECORD, i + k);
		must(nng_sendmsg(s, m, 0));
		i += n;
	}
	sleep(5); /* until we are killed: NNG loses what is under way at a close */
}

static void consume_nng(void)
{
	uint64_t records = 0;
	nng_socket s;
	nng_msg *m;
	size_t used;

	must(nng_pair1_open(&s));
	must(nng_listen(s, pipe_url, NULL, 0));
	while (records < RECORDS) {
		must(nng_recvmsg(s, &m, 0));
		records += walk(BYTES(nng_msg_body(m), nng_msg_len(m)), &used);
		nng_msg_free(m);
	}
}

static void side(enum way way, bool producer)
{
	if (way == NNG)
		producer ? produce_nng() : consume_nng();
	else if (producer)
		produce_port(way == RING ? ring_out : link_ep);
	else
		consume_port(way == RING ? ring_in : link_ep);
	_exit(0);
}

static double run(enum way way)
{
	double start = now(), took;
	pid_t producer, consumer;
	int status;

	if (way == LINK_NO_ACKS)
		setenv("WEIR_TEST_NO_ACKS", "1", 1);
	else
		unsetenv("WEIR_TEST_NO_ACKS");
	consumer = fork();
	if (consumer == 0)
		side(way, false);
	producer = fork();
	if (producer == 0)
		side(way, true);
	waitpid(consumer, &status, 0);
	took = now() - start;
	if (way == NNG)
		kill(producer, SIGKILL);
	waitpid(producer, NULL, 0);
	if (status)
		die("%s: the consumer failed", names[way]);
	return RECORDS / took / 1e6;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(void)
{
	double rate[WAYS][RUNS], median[WAYS];
	char self[PATH_MAX] = { 0 }, path[PATH_MAX + 32];

	tool_name = "link";
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		die_errno("/proc/self/exe");
	snprintf(path, sizeof(path), "%s/../libexec/weir", dirname(self));
	setenv("WEIR_EXEC_PATH", path, 1);
	snprintf(path, sizeof(path), "/tmp/weir-bench.%d", getpid());
	setenv("WEIR_RUNDIR", path, 1);
	snprintf(ring_out, sizeof(ring_out), "shm:bench%d,readers=a,size=4M", getpid());
	snprintf(ring_in, sizeof(ring_in), "shm:bench%d,reader=a", getpid());
	snprintf(pipe_url, sizeof(pipe_url), "ipc:///tmp/weir-bench.%d.nng", getpid());
	snprintf(link_ep, sizeof(link_ep), "ipc:bench");
	for (int i = 0; i < RUNS; i++)
		for (int way = 0; way < WAYS; way++)
			rate[way][i] = run((enum way)way);
	for (int way = 0; way < WAYS; way++) {
		qsort(rate[way], RUNS, sizeof(double), ascending);
		median[way] = rate[way][RUNS / 2];
		printf("link %s %.2f Mrec/s\n", names[way], median[way]);
	}
	printf("link ack_ratio %.2f\n", median[LINK] / median[LINK_NO_ACKS]);
	printf("link ring_ratio %.2f\n", median[RING] / median[NNG]);
	unlink(pipe_url + strlen("ipc://"));
	rmdir(path);
	return 0;
}
