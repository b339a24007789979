/* ring: unit tests of the ring over memory, both ends in one process (also for TSan). */
#include "libcommon/port/ring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "tests/unit/check.h"

/* Both ends use the same addresses, so that TSan sees them meet. */
struct memory {
	struct ring_header *h;
	uint8_t *data;
	struct ring_page *pages[RING_READERS];
	unsigned n;
};

static void memory_make(struct memory *m, uint64_t size, unsigned readers)
{
	struct ring_spec spec = { .size = size, .nreaders = readers };
	int fd = memfd_create("ring", 0);

	if (fd < 0 || !ring_format(fd, &spec, 7) || !(m->h = ring_map(fd, true, &m->data)))
		abort();
	close(fd);
	m->n = readers;
	for (unsigned i = 0; i < readers; i++) {
		fd = memfd_create("page", 0);
		if (fd < 0 || !ring_format_page(fd, 7, i) ||
		    !(m->pages[i] = ring_map_page(fd, true, 7)))
			abort();
		close(fd);
	}
}

static void memory_free(struct memory *m)
{
	for (unsigned i = 0; i < m->n; i++)
		munmap(m->pages[i], RING_PAGE);
	ring_unmap(m->h, m->data);
}

static struct ring_out *out_over(struct memory *m)
{
	return ring_out_over(m->h, m->data, (const struct ring_page *const *)m->pages, m->n);
}

static struct ring_in *in_over(struct memory *m, unsigned i)
{
	return ring_in_over(m->h, m->data, m->pages[i]);
}

static bool put(struct ring_out *o, const void *p, size_t n)
{
	int err = 0;
	uint8_t *at = ring_out_reserve(o, n, 0, &err);

	if (!at)
		return false;
	memcpy(at, p, n);
	ring_out_commit(o, n);
	return true;
}

static void test_basics(void)
{
	struct memory m;
	struct bytes view;
	int err = 0;

	check_case("a record that was published is read in place, and its space comes back");
	memory_make(&m, 4096, 1);
	struct ring_out *o = out_over(&m);
	struct ring_in *in = in_over(&m, 0);

	CHECK(!ring_in_ready(in, 0));
	CHECK_EQ(ring_in_view(in, 0, 0, &view), PORT_EMPTY);
	CHECK(put(o, "abc", 3));
	CHECK_EQ(ring_out_pending(o), 3);
	CHECK_EQ(ring_in_view(in, 0, 0, &view), PORT_EMPTY);
	ring_out_publish(o);
	CHECK_EQ(ring_out_pending(o), 0);
	CHECK_EQ(ring_in_view(in, 0, -1, &view), PORT_DATA);
	CHECK(bytes_is(view, "abc"));
	CHECK(ring_in_ready(in, 2) && !ring_in_ready(in, 3));
	ring_in_consume(in, 3);
	CHECK_EQ(m.pages[0]->tail, 3);

	check_case("records are contiguous over the end of the ring");
	uint8_t record[1500], step;
	unsigned wrong = 0;

	for (unsigned i = 0; i < 1000; i++) {
		size_t n = 1 + (i * 37) % sizeof(record);

		step = (uint8_t)i;
		memset(record, step, n);
		wrong += !put(o, record, n);
		ring_out_publish(o);
		wrong += ring_in_view(in, 0, 0, &view) != PORT_DATA || view.len != n;
		wrong += view.len != n || memcmp(view.ptr, record, n) != 0;
		ring_in_consume(in, n);
	}
	CHECK_EQ(wrong, 0);

	check_case("a full ring refuses until the reader has moved, then holds as much again");
	uint8_t k[1024] = { 0 };

	for (int i = 0; i < 4; i++)
		CHECK(put(o, k, sizeof(k)));
	CHECK(!put(o, k, 1));
	CHECK_EQ(ring_in_view(in, 0, 0, &view), PORT_DATA);
	CHECK_EQ(view.len, 4096);
	ring_in_consume(in, 1024);
	CHECK(put(o, k, sizeof(k)));
	CHECK(!put(o, k, 1));

	check_case("a record longer than half the ring is an error at once");
	CHECK(ring_out_reserve(o, 2049, 1000, &err) == NULL && err == EMSGSIZE);

	check_case("a reader that keeps a whole ring is told so, instead of waiting for ever");
	CHECK(ring_in_view(in, 4096, -1, &view) == PORT_ERROR && errno == EMSGSIZE);

	check_case("after the close come the last bytes, then the end");
	ring_out_end(o, RING_CLOSED);
	CHECK_EQ(ring_in_view(in, 0, -1, &view), PORT_DATA);
	CHECK_EQ(view.len, 4096);
	CHECK_EQ(ring_in_view(in, 4096, -1, &view), PORT_EOF);
	CHECK_EQ(view.len, 4096);
	CHECK(!ring_out_drained(o, 1));
	ring_in_consume(in, 4096);
	CHECK_EQ(ring_in_view(in, 0, -1, &view), PORT_EOF);
	CHECK(ring_in_ready(in, 0));
	CHECK(ring_out_drained(o, 1));
	CHECK_EQ(ring_out_lost(o, true), 0);
	ring_in_free(in);
	ring_out_free(o);
	memory_free(&m);

	check_case("an aborted stream is an error after its last byte");
	memory_make(&m, 4096, 1);
	o = out_over(&m);
	in = in_over(&m, 0);
	CHECK(put(o, "x", 1));
	ring_out_end(o, RING_ABORTED);
	CHECK_EQ(ring_in_view(in, 0, -1, &view), PORT_DATA);
	ring_in_consume(in, 1);
	CHECK(ring_in_view(in, 0, -1, &view) == PORT_ERROR && errno == ECONNABORTED);
	ring_in_free(in);
	ring_out_free(o);
	memory_free(&m);
}

static void test_readers(void)
{
	struct memory m;
	struct bytes view;
	uint8_t k[1024] = { 0 };
	int err = 0;

	check_case("the producer waits for the slowest reader; one that leaves is not waited for");
	memory_make(&m, 4096, 2);
	struct ring_out *o = out_over(&m);
	struct ring_in *quick = in_over(&m, 0), *slow = in_over(&m, 1);

	for (int i = 0; i < 4; i++)
		CHECK(put(o, k, sizeof(k)));
	ring_out_publish(o);
	CHECK_EQ(ring_in_view(quick, 0, 0, &view), PORT_DATA);
	ring_in_consume(quick, 4096);
	CHECK(!put(o, k, sizeof(k)));
	ring_in_free(slow);
	CHECK(put(o, k, sizeof(k)));
	CHECK_EQ(ring_out_ended(o), 1);

	check_case("when the last reader leaves the ring is broken, and the loss is counted");
	ring_in_free(quick);
	for (int i = 0; i < 3; i++)
		CHECK(put(o, k, sizeof(k)));
	CHECK(ring_out_reserve(o, 1, 1000, &err) == NULL && err == EPIPE);
	CHECK_EQ(ring_out_lost(o, true), 8192);
	ring_out_free(o);
	memory_free(&m);

	check_case("a reader that attaches late sees everything, without the preamble");
	memory_make(&m, 4096, 1);
	o = out_over(&m);
	CHECK(ring_out_preamble(o, BYTES_LIT("head")));
	CHECK(put(o, "abc", 3));
	ring_out_publish(o);
	CHECK(ring_out_missing(o) != NULL);
	quick = in_over(&m, 0);
	CHECK(ring_out_missing(o) == NULL);
	CHECK_EQ(ring_in_preamble(quick).len, 0);
	CHECK_EQ(ring_in_view(quick, 0, 0, &view), PORT_DATA);
	CHECK(bytes_is(view, "abc"));
	ring_in_consume(quick, 2);

	check_case("one that starts behind the beginning gets the preamble, and goes on from its "
		   "tail");
	CHECK(ring_out_preamble(o, BYTES_LIT("er")));
	slow = in_over(&m, 0);
	CHECK(bytes_is(ring_in_preamble(slow), "header"));
	CHECK_EQ(ring_in_view(slow, 0, 0, &view), PORT_DATA);
	CHECK(bytes_is(view, "c"));
	free(quick);
	ring_in_free(slow);
	ring_out_free(o);

	check_case("the preamble area holds 64 KiB and refuses more");
	o = out_over(&m);
	static uint8_t big[RING_PREAMBLE];

	CHECK(!ring_out_preamble(o, BYTES(big, sizeof(big))));
	CHECK(ring_out_preamble(o, BYTES(big, sizeof(big) - 6)));
	CHECK(!ring_out_preamble(o, BYTES(big, 1)));
	ring_out_free(o);
	memory_free(&m);
}

static void test_garbage(void)
{
	static const uint64_t bad[] = { 5000, UINT64_MAX, 99 };
	struct memory m;
	struct bytes view;
	uint8_t k[1024] = { 0 };

	check_case("a reader whose tail can't be is given up, without harm to the others");
	for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
		memory_make(&m, 4096, 2);
		struct ring_out *o = out_over(&m);
		struct ring_in *in = in_over(&m, 0);

		m.pages[1]->state = RING_ATTACHED;
		for (int i = 0; i < 4; i++)
			CHECK(put(o, k, sizeof(k)));
		ring_out_publish(o);
		ring_in_view(in, 0, 0, &view);
		ring_in_consume(in, 4096);
		m.pages[1]->tail = 100;
		CHECK(!put(o, k, sizeof(k)));
		m.pages[1]->tail = bad[b];
		CHECK(put(o, k, sizeof(k)));
		CHECK_EQ(ring_out_garbage(o), 1);
		CHECK_EQ(ring_in_view(in, 0, 0, &view), PORT_DATA);
		CHECK_EQ(view.len, 1024);
		ring_in_free(in);
		ring_out_free(o);
		memory_free(&m);
	}

	check_case("garbage in all of a reader's page changes nothing for the others");
	memory_make(&m, 4096, 2);
	struct ring_out *o = out_over(&m);
	struct ring_in *in = in_over(&m, 0);
	uint32_t seed = 1;
	unsigned wrong = 0;

	for (unsigned i = 0; i < 20000; i++) {
		uint8_t *page = (uint8_t *)m.pages[1];

		seed = seed * 1664525 + 1013904223;
		page[seed >> 20] = (uint8_t)(seed >> 8);
		if (put(o, &i, sizeof(i))) {
			ring_out_publish(o);
			wrong += ring_in_view(in, 0, 0, &view) != PORT_DATA || view.len != 4 ||
				 memcmp(view.ptr, &i, 4) != 0;
			ring_in_consume(in, 4);
		} else {
			wrong += i > 10000; /* by then the garbage has hit tail or state */
		}
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(ring_out_ended(o), 1);
	ring_in_free(in);
	ring_out_free(o);
	memory_free(&m);

	check_case("a producer's head that can't be is EPROTO");
	static const uint64_t heads[] = { 2, 4 + 4097, UINT64_MAX };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		memory_make(&m, 4096, 1);
		in = in_over(&m, 0);
		ring_live(m.h)->head = 4;
		CHECK_EQ(ring_in_view(in, 0, 0, &view), PORT_DATA);
		ring_in_consume(in, 4);
		ring_live(m.h)->head = heads[i];
		CHECK(ring_in_view(in, 0, -1, &view) == PORT_ERROR && errno == EPROTO);
		CHECK(view.len <= 4096);
		ring_in_free(in);
		memory_free(&m);
	}
}

/* ---- two threads ---- */

struct run {
	struct memory m;
	unsigned records, readers;
	int delay[4]; /* a reader yields every so many records; 0 = never */
	unsigned wrong[4];
	unsigned reader;
};

static uint32_t next(uint32_t *seed)
{
	return *seed = *seed * 1664525 + 1013904223;
}

/* Records of random length: two bytes of length, then bytes from the same generator. */
static size_t fill(uint8_t *p, uint32_t *seed, size_t max)
{
	size_t n = 2 + (next(seed) >> 16) % (max - 2);
	uint8_t step = (uint8_t)(*seed >> 24);

	be16_put(p, (uint16_t)n);
	memset(p + 2, step, n - 2);
	return n;
}

struct reader_arg {
	struct run *run;
	unsigned i;
};

static void *read_all(void *arg)
{
	struct reader_arg *a = arg;
	struct run *run = a->run;
	struct ring_in *in = in_over(&run->m, a->i);
	size_t max = run->m.h->size / 2, have = 0;
	static __thread uint8_t want[1 << 16];
	uint32_t seed = 1;
	unsigned count = 0;

	if (max > 700)
		max = 700;
	for (;;) {
		struct bytes view;
		enum port_state state = ring_in_view(in, have, -1, &view);
		size_t used = 0;

		if (state == PORT_EMPTY)
			continue;
		if (state != PORT_DATA) {
			run->wrong[a->i] += state != PORT_EOF || view.len || count != run->records;
			break;
		}
		while (view.len - used >= 2) {
			size_t n = fill(want, &seed, max);

			if (view.len - used < n || memcmp(view.ptr + used, want, n)) {
				run->wrong[a->i]++;
				ring_in_free(in);
				return NULL;
			}
			used += n;
			count++;
			if (run->delay[a->i] && count % (unsigned)run->delay[a->i] == 0) {
				ring_in_consume(in, used);
				view.ptr += used;
				view.len -= used;
				used = 0;
				sched_yield();
			}
		}
		ring_in_consume(in, used);
		have = view.len - used;
	}
	ring_in_free(in);
	return NULL;
}

static void stress(uint64_t size, unsigned records, unsigned readers, const int *delay)
{
	struct run run = { .records = records, .readers = readers };
	struct reader_arg args[4];
	pthread_t threads[4];
	uint32_t seed = 1, flushes = 9;
	size_t max;

	memory_make(&run.m, size, readers);
	max = size / 2 > 700 ? 700 : size / 2;
	struct ring_out *o = out_over(&run.m);

	for (unsigned i = 0; i < readers; i++) {
		run.delay[i] = delay[i];
		args[i] = (struct reader_arg){ &run, i };
		pthread_create(&threads[i], NULL, read_all, &args[i]);
	}
	for (unsigned i = 0; i < records; i++) {
		uint8_t *at = NULL;
		int err = 0;

		while (!at && !err)
			at = ring_out_reserve(o, max, 1000, &err);
		if (!at)
			break;
		ring_out_commit(o, fill(at, &seed, max));
		if (next(&flushes) >> 24 == 0)
			ring_out_publish(o);
	}
	ring_out_end(o, RING_CLOSED);
	for (unsigned i = 0; i < readers; i++) {
		pthread_join(threads[i], NULL);
		CHECK_EQ(run.wrong[i], 0);
	}
	CHECK_EQ(ring_out_lost(o, true), 0);
	ring_out_free(o);
	memory_free(&run.m);
}

static void test_threads(void)
{
	static const int none[4], speeds[4] = { 0, 3, 50 };

	check_case("random records through the smallest ring, and through a large one");
	stress(4096, 200000, 1, none);
	stress(1 << 20, 400000, 1, none);

	check_case("three readers of different speeds each get everything");
	stress(4096, 50000, 3, speeds);
	stress(1 << 16, 100000, 3, speeds);
}

/* ---- close against empty ---- */

enum { RINGS = 100, ROUNDS = 20000 };

static struct memory rings[RINGS];
static struct ring_out *outs[RINGS];
static struct ring_in *ins[RINGS];
static unsigned rounds = ROUNDS, race_wrong;
static uint32_t reader_round, writer_round; /* futex words: rounds done */

static void await_round(const uint32_t *word, uint32_t round)
{
	uint32_t now;

	while ((now = __atomic_load_n(word, __ATOMIC_ACQUIRE)) < round)
		ring_wait(word, now, 100);
}

static void round_done(uint32_t *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	ring_wake(word);
}

/* Reads each ring to its end: nothing, or one byte. */
static void *race_reader(void *arg)
{
	(void)arg;
	for (unsigned round = 0; round < rounds; round++) {
		await_round(&writer_round, round);
		for (unsigned i = 0; i < RINGS; i++) {
			unsigned bytes = 0;
			struct bytes view;
			enum port_state state;

			while ((state = ring_in_view(ins[i], 0, -1, &view)) != PORT_EOF) {
				if (state == PORT_ERROR) {
					race_wrong++;
					break;
				}
				if (state == PORT_DATA) {
					ring_in_consume(ins[i], view.len);
					bytes += (unsigned)view.len;
				}
			}
			race_wrong += bytes != ((round + i) & 1);
		}
		round_done(&reader_round);
	}
	return NULL;
}

static void test_races(void)
{
	pthread_t thread;

#if defined(__SANITIZE_THREAD__) || defined(WEIR_SANITIZE)
	rounds = ROUNDS / 20;
#endif
	check_case("two million rings are closed while their reader finds them empty");
	for (unsigned i = 0; i < RINGS; i++) {
		memory_make(&rings[i], 4096, 1);
		outs[i] = out_over(&rings[i]);
		ins[i] = in_over(&rings[i], 0);
	}
	pthread_create(&thread, NULL, race_reader, NULL);
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < RINGS; i++) {
			if ((round + i) & 1 && !put(outs[i], "x", 1))
				race_wrong += 1000000;
			ring_out_end(outs[i], RING_CLOSED);
		}
		/* All is read: the rings can be opened again. */
		await_round(&reader_round, round + 1);
		for (unsigned i = 0; i < RINGS; i++)
			__atomic_store_n(&ring_live(rings[i].h)->state, RING_OPEN,
					 __ATOMIC_SEQ_CST);
		round_done(&writer_round);
	}
	pthread_join(thread, NULL);
	CHECK_EQ(race_wrong, 0);
	for (unsigned i = 0; i < RINGS; i++) {
		ring_in_free(ins[i]);
		ring_out_free(outs[i]);
		memory_free(&rings[i]);
	}
}

static void *await_word(void *arg)
{
	return (void *)(uintptr_t)ring_in_word(arg, 5000);
}

static void test_word(void)
{
	struct memory m;
	pthread_t thread;
	void *said;

	check_case("an offer that nobody took is withdrawn at the last look, for good");
	memory_make(&m, 4096, 1);
	struct ring_out *o = out_over(&m);

	CHECK_EQ(ring_out_word(o, false), RING_NO_WORD);
	CHECK_EQ(ring_out_word(o, true), RING_WITHDRAWN);
	CHECK(!ring_out_read(o));
	struct ring_in *in = in_over(&m, 0);

	CHECK_EQ(ring_out_word(o, true), RING_WITHDRAWN);
	CHECK_EQ(ring_in_word(in, 0), RING_WITHDRAWN);
	ring_in_free(in);
	ring_out_free(o);
	memory_free(&m);

	check_case("a reader that has attached has the word it waits for, and keeps it");
	memory_make(&m, 4096, 1);
	o = out_over(&m);
	in = in_over(&m, 0);
	CHECK_EQ(ring_in_word(in, 0), RING_NO_WORD);
	CHECK_EQ(ring_in_word(in, 30), RING_NO_WORD);
	pthread_create(&thread, NULL, await_word, in);
	usleep(20000);
	CHECK_EQ(ring_out_word(o, true), RING_GRANTED);
	pthread_join(thread, &said);
	CHECK_EQ((uintptr_t)said, RING_GRANTED);
	CHECK(ring_out_read(o));
	ring_in_free(in);
	CHECK_EQ(ring_out_word(o, true), RING_GRANTED);
	CHECK(!ring_out_read(o));
	ring_out_free(o);
	memory_free(&m);

	check_case("a reader that left before the word is not taken for one that is there");
	memory_make(&m, 4096, 1);
	o = out_over(&m);
	ring_in_free(in_over(&m, 0));
	CHECK_EQ(ring_out_word(o, false), RING_NO_WORD);
	CHECK_EQ(ring_out_word(o, true), RING_WITHDRAWN);
	ring_out_free(o);
	memory_free(&m);
}

int main(void)
{
	alarm(280);
	tool_name = "weir-test";
	test_basics();
	test_readers();
	test_garbage();
	test_word();
	test_threads();
	test_races();
	return check_end();
}
