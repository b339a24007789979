/* ring_in: a reader's side of a ring. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"
#include "libcommon/port/transport.h"

struct ring_in {
	const struct ring_header *h;
	const struct ring_live *live;
	const uint8_t *data;
	struct ring_page *page;
	uint64_t size;
	uint64_t tail, head; /* head: as last seen, and checked */
	uint64_t shown;      /* gated: the tail that the producer may know of */
	uint64_t synced;     /* the tail at which the producer's sleep was last looked at */
	uint64_t sync_step;
	uint32_t woken; /* the producer's sleep that was last answered */
	unsigned empty; /* looks that gave nothing */
	int fd, page_fd;
	bool mapped, keep, gated;
	bool dead; /* the producer's process, and what it published has been seen */
	struct bytes preamble;
};

/* False where the producer's number can't be. */
static bool read_head(struct ring_in *in)
{
	uint64_t head = __atomic_load_n(&in->live->head, __ATOMIC_SEQ_CST);

	if (head < in->head || head - in->tail > in->size)
		return false;
	in->head = head;
	return true;
}

/* Makes the tail known, and wakes a producer that waits for it. */
static void sync_tail(struct ring_in *in, bool idle)
{
	uint64_t tail = in->gated ? in->shown : in->tail;
	uint32_t want;

	__atomic_store_n(&in->page->tail, tail, __ATOMIC_SEQ_CST);
	in->synced = tail;
	want = __atomic_load_n(&in->live->want, __ATOMIC_SEQ_CST);
	if (!(want & 1) || want == in->woken)
		return;
	if (!idle && tail < __atomic_load_n(&in->live->want_tail, __ATOMIC_RELAXED))
		return;
	in->woken = want;
	__atomic_fetch_add(&in->page->space, 1, __ATOMIC_SEQ_CST);
	ring_wake(&in->page->space);
}

/* What there is, without waiting. */
static enum port_state look(struct ring_in *in, size_t have)
{
	uint32_t state;

	if (in->head - in->tail > have)
		return PORT_DATA;
	/* In this order: what ends the stream was stored after its last head. */
	state = __atomic_load_n(&in->live->state, __ATOMIC_ACQUIRE);
	if (!read_head(in)) {
		errno = EPROTO;
		return PORT_ERROR;
	}
	if (in->head - in->tail > have)
		return PORT_DATA;
	if (state == RING_CLOSED)
		return PORT_EOF;
	if (state != RING_OPEN || in->dead) {
		errno = state != RING_OPEN ? ECONNABORTED : EPIPE;
		return PORT_ERROR;
	}
	if (have >= in->size) {
		errno = EMSGSIZE;
		return PORT_ERROR;
	}
	return PORT_EMPTY;
}

static bool producer_dead(const struct ring_in *in)
{
	return in->fd >= 0 && !in->keep && __atomic_load_n(&in->h->owner_pid, __ATOMIC_ACQUIRE) &&
	       !ring_locked(in->fd, RING_OWNER);
}

/* Sleeps once, unless there is something to see. False: a signal came. */
static bool nap(struct ring_in *in, size_t have, int ms)
{
	uint32_t value = __atomic_load_n(&in->live->data, __ATOMIC_ACQUIRE);
	uint32_t sleep = in->page->sleep;
	int err = 0;

	__atomic_store_n(&in->page->sleep, sleep + 1, __ATOMIC_SEQ_CST);
	if (look(in, have) == PORT_EMPTY)
		err = ring_wait(&in->live->data, value, ms);
	__atomic_store_n(&in->page->sleep, sleep + 2, __ATOMIC_RELEASE);
	if (err == ETIMEDOUT && ms >= RING_NAP_MIN && producer_dead(in))
		in->dead = true;
	return err != EINTR;
}

static enum port_state wait_for_data(struct ring_in *in, size_t have, int timeout_ms)
{
	enum port_state state = PORT_EMPTY;
	int64_t until;
	int ms = RING_NAP_MIN;

	for (int i = 0; i < RING_SPIN && state == PORT_EMPTY; i++) {
		ring_pause();
		if (i % 8 == 0)
			state = look(in, have);
	}
	if (state != PORT_EMPTY)
		return state;
	if (timeout_ms < 0 || timeout_ms > PORT_LOOK_MS)
		timeout_ms = PORT_LOOK_MS;
	until = clock_ms() + timeout_ms;
	while (state == PORT_EMPTY) {
		int64_t left = until - clock_ms();

		if (left <= 0 || !nap(in, have, left < ms ? (int)left : ms))
			return look(in, have);
		state = look(in, have);
		if (ms < RING_NAP_MAX)
			ms = ms * 2 < RING_NAP_MAX ? ms * 2 : RING_NAP_MAX;
	}
	return state;
}

enum port_state ring_in_view(struct ring_in *in, size_t have, int timeout_ms, struct bytes *view)
{
	enum port_state state = look(in, have);

	if (state == PORT_EMPTY) {
		sync_tail(in, true);
		/* A caller that never waits long must notice a death, too. */
		if (++in->empty % 64 == 0 && producer_dead(in))
			in->dead = true;
		if (timeout_ms)
			state = wait_for_data(in, have, timeout_ms);
	}
	*view = BYTES(in->data + (in->tail & (in->size - 1)), in->head - in->tail);
	return state;
}

void ring_in_consume(struct ring_in *in, size_t n)
{
	in->tail += n;
	if (in->gated && n)
		return;
	if (n == 0 || in->tail - in->synced >= in->sync_step)
		sync_tail(in, n == 0);
	else
		__atomic_store_n(&in->page->tail, in->tail, __ATOMIC_RELEASE);
}

/* The head of the stream, for who does not start there. */
static void find_preamble(struct ring_in *in)
{
	uint64_t n = __atomic_load_n(&in->live->preamble, __ATOMIC_ACQUIRE);

	if (in->tail)
		in->preamble = BYTES((const uint8_t *)in->h + RING_PREAMBLE_AT,
				     n <= RING_PREAMBLE ? n : 0);
}

void ring_in_show(struct ring_in *in, uint64_t position)
{
	in->shown = position;
	if (in->shown - in->synced >= in->sync_step)
		sync_tail(in, false);
	else
		__atomic_store_n(&in->page->tail, in->shown, __ATOMIC_RELEASE);
}

uint64_t ring_in_position(const struct ring_in *in)
{
	return in->tail;
}

bool ring_in_settle(struct ring_in *in, uint64_t position)
{
	if (!read_head(in) || position < in->tail || position > in->head)
		return false;
	in->tail = in->shown = position;
	sync_tail(in, true);
	find_preamble(in);
	return true;
}

bool ring_in_ready(struct ring_in *in, size_t have)
{
	return look(in, have) != PORT_EMPTY;
}

/* The word as it stands. */
static enum ring_word word(const struct ring_in *in)
{
	const struct ring_reader *reader = &ring_table(in->h)[in->page->slot];

	if (__atomic_load_n(&reader->granted, __ATOMIC_SEQ_CST))
		return RING_GRANTED;
	return __atomic_load_n(&reader->released, __ATOMIC_SEQ_CST) ? RING_WITHDRAWN : RING_NO_WORD;
}

enum ring_word ring_in_word(struct ring_in *in, int ms)
{
	int64_t until = clock_ms() + ms;
	enum ring_word said;

	while ((said = word(in)) == RING_NO_WORD && clock_ms() < until && !port_give_up) {
		uint32_t value = __atomic_load_n(&in->live->data, __ATOMIC_ACQUIRE);

		if (word(in) == RING_NO_WORD &&
		    ring_wait(&in->live->data, value, RING_NAP_MIN) == ETIMEDOUT &&
		    producer_dead(in))
			return word(in) == RING_GRANTED ? RING_GRANTED : RING_WITHDRAWN;
	}
	return said;
}

struct bytes ring_in_preamble(const struct ring_in *in)
{
	return in->preamble;
}

uint64_t ring_in_tail(const struct ring_in *in)
{
	return in->tail;
}

struct ring_in *ring_in_over(const struct ring_header *h, const uint8_t *data,
			     struct ring_page *page)
{
	struct ring_in *in = xcalloc(1, sizeof(*in));

	in->h = h;
	in->live = ring_live(h);
	in->data = data;
	in->page = page;
	in->size = h->size;
	in->keep = h->keep;
	in->fd = in->page_fd = -1;
	in->gated = port_gated;
	in->head = in->tail = in->synced = in->shown = page->tail;
	in->sync_step = in->size / 8 < RING_BATCH / 2 ? in->size / 8 : RING_BATCH / 2;
	find_preamble(in);
	page->pid = (uint32_t)getpid();
	/* A predecessor that died in its sleep left this odd. */
	__atomic_store_n(&page->sleep, page->sleep + (page->sleep & 1), __ATOMIC_RELAXED);
	__atomic_store_n(&page->state, RING_ATTACHED, __ATOMIC_RELEASE);
	return in;
}

/* Whether this page's slot in the ring was given up. */
static bool released(const struct ring_header *h, unsigned i)
{
	return __atomic_load_n(&ring_table(h)[i].released, __ATOMIC_SEQ_CST);
}

struct ring_in *ring_in_attach(int fd, int page_fd, const char **why)
{
	struct ring_header *h;
	struct ring_page *page;
	struct ring_in *in;
	uint8_t *data;

	if (!ring_lock(page_fd, RING_OWNER)) {
		*why = "this reader is attached already";
		errno = EBUSY;
		return NULL;
	}
	h = ring_map(fd, false, &data);
	if (!h) {
		*why = "it is no ring of this version";
		return NULL;
	}
	page = ring_map_page(page_fd, true, h->nonce);
	if (!page) {
		*why = "the reader's page does not belong to it";
	} else if (page->state == RING_GONE || page->slot >= h->nreaders ||
		   released(h, page->slot)) {
		*why = "this reader has left it, its bytes are gone";
		munmap(page, RING_PAGE);
		errno = EPIPE;
	} else {
		in = ring_in_over(h, data, page);
		in->fd = fd;
		in->page_fd = page_fd;
		in->mapped = true;
		return in;
	}
	ring_unmap(h, data);
	return NULL;
}

void ring_in_free(struct ring_in *in)
{
	/* Who sees that it has left must see how far it came; and is woken when both can be seen.
	 */
	__atomic_store_n(&in->page->tail, in->gated ? in->shown : in->tail, __ATOMIC_SEQ_CST);
	__atomic_store_n(&in->page->state, RING_GONE, __ATOMIC_SEQ_CST);
	sync_tail(in, true);
	if (in->mapped) {
		munmap(in->page, RING_PAGE);
		ring_unmap(in->h, in->data);
		close(in->page_fd);
		close(in->fd);
	}
	free(in);
}
