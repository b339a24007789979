/* ring_tap: unit tests of readers that may lose records, over memory (also for TSan). */
#include "libcommon/port/ring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "tests/unit/check.h"

enum { SIZE = 4096, STRESS = 500000 };

/* A ring and one page, both ends at the same addresses, so that TSan sees them meet. */
struct memory {
	struct ring_header *h;
	uint8_t *data;
	struct ring_page *page;
};

static void memory_make(struct memory *m, uint64_t size, bool drops)
{
	struct ring_spec spec = { .size = size, .nreaders = 1, .drops = &drops };
	int fd = memfd_create("ring", 0), page = memfd_create("page", 0);

	if (!ring_format(fd, &spec, 7) || !(m->h = ring_map(fd, true, &m->data)) ||
	    !ring_format_page(page, 7, 0) || !(m->page = ring_map_page(page, true, 7)))
		abort();
	close(fd);
	close(page);
}

static void memory_free(struct memory *m)
{
	munmap(m->page, RING_PAGE);
	ring_unmap(m->h, m->data);
}

static struct ring_out *out_over(struct memory *m)
{
	const struct ring_page *page = m->page;

	return ring_out_over(m->h, m->data, &page, 1);
}

/* A record of n bytes, a multiple of 8: its number, its length, and words that say both. The ring
 * is written by words, as a tap reads it by words: TSan lets them meet. */
static bool put(struct ring_out *o, uint64_t number, size_t n)
{
	int err = 0;
	uint64_t *at = (uint64_t *)(void *)ring_out_reserve(o, n, 0, &err);

	if (!at)
		return false;
	for (size_t i = 0; i < n / 8; i++)
		__atomic_store_n(at + i,
				 i == 0   ? number
				 : i == 1 ? n
					  : number * 31 + n + i,
				 __ATOMIC_RELAXED);
	ring_out_commit(o, n);
	return true;
}

/* The records of a view: how many are not as they were put. *last: the number of the last one. */
static unsigned wrong_in(struct bytes view, uint64_t *last, uint64_t *count)
{
	unsigned wrong = 0;

	for (size_t at = 0; at < view.len;) {
		uint64_t word[3], n, number;

		memcpy(word, view.ptr + at, 16);
		number = word[0];
		n = word[1];
		if (n < 16 || n % 8 || n > view.len - at || (*count && number <= *last))
			return wrong + 1;
		for (size_t i = 2; i < n / 8; i++) {
			memcpy(&word[2], view.ptr + at + 8 * i, 8);
			wrong += word[2] != number * 31 + n + i;
		}
		*last = number;
		++*count;
		at += n;
	}
	return wrong;
}

static void test_basics(void)
{
	uint64_t last = 0, count = 0;
	struct memory m;
	struct bytes view;

	check_case("a tap sees from the beginning what is published, and gives nothing back");
	memory_make(&m, SIZE, false);
	struct ring_out *o = out_over(&m);
	struct ring_tap *t = ring_tap_over(m.h, m.data, NULL);

	CHECK(!ring_tap_ready(t, 0));
	CHECK(put(o, 0, 1016)); /* no batch yet */
	CHECK_EQ(ring_tap_view(t, 0, 0, &view), PORT_EMPTY);
	ring_out_publish(o);
	CHECK_EQ(ring_tap_view(t, 0, -1, &view), PORT_DATA);
	CHECK(view.len == 1016 && !wrong_in(view, &last, &count));
	ring_tap_consume(t, 24);
	CHECK_EQ(ring_tap_view(t, 0, 0, &view), PORT_DATA);
	CHECK_EQ(view.len, 992);
	ring_tap_consume(t, 992);
	for (uint64_t i = 1; i < 4; i++)
		CHECK(put(o, i, 1024));
	CHECK(!put(o, 4, 16)); /* for the reader that is waited for, not for the tap */
	CHECK_EQ(ring_tap_view(t, 0, 0, &view), PORT_DATA);
	CHECK(view.len == 3072 && !wrong_in(view, &last, &count) && count == 4);
	CHECK_EQ(ring_tap_jumps(t), 0);

	check_case("what is shown stays while the ring is written over; the end comes behind it");
	__atomic_store_n(&m.page->tail, 4088, __ATOMIC_SEQ_CST);
	CHECK(put(o, 4, 1024) && put(o, 5, 1024));
	ring_out_publish(o);
	last = count = 0;
	CHECK(!wrong_in(view, &last, &count) && count == 3);
	ring_tap_consume(t, 3072);
	ring_out_end(o, RING_CLOSED);
	CHECK_EQ(ring_tap_view(t, 0, -1, &view), PORT_DATA);
	CHECK(view.len == 2048);
	ring_tap_consume(t, 2048);
	CHECK_EQ(ring_tap_view(t, 0, -1, &view), PORT_EOF);
	ring_tap_free(t);
	ring_out_free(o);
	memory_free(&m);

	check_case("an aborted stream is an error after its last record");
	memory_make(&m, SIZE, false);
	o = out_over(&m);
	t = ring_tap_over(m.h, m.data, NULL);
	put(o, 0, 16);
	ring_out_end(o, RING_ABORTED);
	CHECK_EQ(ring_tap_view(t, 0, -1, &view), PORT_DATA);
	ring_tap_consume(t, 16);
	CHECK(ring_tap_view(t, 0, -1, &view) == PORT_ERROR && errno == ECONNABORTED);
	ring_tap_free(t);
	ring_out_free(o);
	memory_free(&m);
}

static void test_overrun(void)
{
	uint64_t last = 0, count = 0, number = 0;
	struct memory m;
	struct bytes view;
	unsigned wrong = 0;

	check_case("a ring without a reader that is waited for is never full, nor broken");
	memory_make(&m, SIZE, true);
	struct ring_out *o = out_over(&m);
	struct ring_tap *t = ring_tap_over(m.h, m.data, m.page);
	bool died;

	ring_out_preamble(o, BYTES_LIT("head"));
	for (; number < 100; number++)
		wrong += !put(o, number, 512);
	CHECK_EQ(wrong, 0);
	CHECK(ring_out_taken(o, &died) != UINT64_MAX && ring_out_drained(o, 0));
	CHECK(!ring_out_missing(o) && ring_out_lost(o, true) == 0);

	check_case("who was overrun goes on at the last batch, the preamble first");
	put(o, number++, 512);
	ring_out_publish(o);
	CHECK_EQ(ring_tap_view(t, 0, 0, &view), PORT_DATA);
	CHECK(view.len > 4 && !memcmp(view.ptr, "head", 4) && ring_tap_jumps(t) == 1);
	CHECK(!wrong_in(BYTES(view.ptr + 4, view.len - 4), &last, &count));
	CHECK(last == 100 && count >= 1);
	ring_tap_consume(t, view.len);

	check_case("of the preamble what is new alone comes again");
	ring_out_preamble(o, BYTES_LIT("more"));
	for (unsigned i = 0; i < 20; i++)
		put(o, number++, 512);
	ring_out_publish(o);
	CHECK_EQ(ring_tap_view(t, 0, 0, &view), PORT_DATA);
	CHECK(view.len > 4 && !memcmp(view.ptr, "more", 4) && ring_tap_jumps(t) == 2);
	CHECK(!wrong_in(BYTES(view.ptr + 4, view.len - 4), &last, &count) && last == 120);
	ring_tap_consume(t, view.len);

	check_case("a producer that writes over the last batch, too, leaves nothing to show yet");
	for (unsigned i = 0; i < 8; i++)
		put(o, number++, 512);
	ring_out_publish(o);
	int err = 0;

	CHECK(ring_out_reserve(o, 2048, 0, &err) != NULL); /* begun, not committed */
	ring_live(m.h)->claim = ring_live(m.h)->head + SIZE;
	CHECK_EQ(ring_tap_view(t, 0, 0, &view), PORT_EMPTY);
	CHECK_EQ(ring_tap_jumps(t), 3);
	put(o, number++, 512);
	ring_out_publish(o);
	CHECK_EQ(ring_tap_view(t, 0, 0, &view), PORT_DATA);
	CHECK(!wrong_in(view, &last, &count) && last == number - 1);

	check_case("a named one's page may hold anything");
	m.page->tail = UINT64_MAX;
	m.page->state = RING_GONE;
	CHECK(put(o, number, 512));
	ring_out_publish(o);
	CHECK(ring_out_garbage(o) == 0 && ring_out_ended(o) == 0);
	ring_tap_free(t);
	ring_out_free(o);
	memory_free(&m);
}

static void test_garbage(void)
{
	static const struct {
		uint64_t head, batch, claim;
	} bad[] = {
		{ UINT64_MAX, 0, 0 },
		{ 9000, 0, 9000 },    /* the batch is longer than the ring */
		{ 9000, 9001, 9000 }, /* it begins behind the head */
		{ 9000, 8000, UINT64_MAX },
	};
	struct memory m;
	struct bytes view;

	check_case("a producer's numbers that can't be are EPROTO, or nothing to see");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memory_make(&m, SIZE, true);
		struct ring_tap *t = ring_tap_over(m.h, m.data, NULL);
		enum port_state state;

		ring_live(m.h)->head = bad[i].head;
		ring_live(m.h)->batch = bad[i].batch;
		ring_live(m.h)->claim = bad[i].claim;
		state = ring_tap_view(t, 0, 0, &view);
		CHECK((state == PORT_ERROR && errno == EPROTO) || state == PORT_EMPTY);
		CHECK(view.len == 0);
		ring_tap_free(t);
		memory_free(&m);
	}
	memory_make(&m, SIZE, true);
	struct ring_tap *t = ring_tap_over(m.h, m.data, NULL);

	ring_live(m.h)->head = 64;
	CHECK_EQ(ring_tap_view(t, 0, 0, &view), PORT_DATA);
	ring_tap_consume(t, 64);
	ring_live(m.h)->head = 8;
	CHECK(ring_tap_view(t, 0, 0, &view) == PORT_ERROR && errno == EPROTO);
	ring_tap_free(t);
	memory_free(&m);
}

/* ---- two threads ---- */

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void *write_all(void *arg)
{
	struct ring_out *o = arg;
	uint32_t seed = 5;

	for (uint64_t i = 0; i < STRESS; i++) {
		put(o, i, 16 + 8 * (next(&seed) % 60));
		if (next(&seed) % 64 == 0) {
			ring_out_publish(o);
			sched_yield();
		}
	}
	ring_out_end(o, RING_CLOSED);
	return NULL;
}

static void test_threads(void)
{
	uint64_t last = 0, count = 0;
	enum port_state state;
	struct memory m;
	struct bytes view;
	unsigned wrong = 0;
	pthread_t writer;

	check_case(
		"of a producer that never waits, a tap sees whole records in order, and the end");
	memory_make(&m, SIZE, true);
	struct ring_out *o = out_over(&m);
	struct ring_tap *t = ring_tap_over(m.h, m.data, NULL);

	pthread_create(&writer, NULL, write_all, o);
	while ((state = ring_tap_view(t, 0, 0, &view)) == PORT_DATA || state == PORT_EMPTY) {
		wrong += wrong_in(view, &last, &count);
		ring_tap_consume(t, view.len);
	}
	pthread_join(writer, NULL);
	CHECK_EQ(state, PORT_EOF);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(last, STRESS - 1);
	CHECK(count > 0 && (count == STRESS || ring_tap_jumps(t) > 0));
	printf("# %llu of %d records, %llu jumps\n", (unsigned long long)count, STRESS,
	       (unsigned long long)ring_tap_jumps(t));
	ring_tap_free(t);
	ring_out_free(o);
	memory_free(&m);
}

int main(void)
{
	alarm(280);
	tool_name = "weir-test";
	test_basics();
	test_overrun();
	test_garbage();
	test_threads();
	return check_end();
}
