/* ring_tap: the side of a ring's reader that is never waited for, and may lose records. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"
#include "libcommon/port/transport.h"

enum {
	TAP_NAP_MIN = 1, /* ms; nobody wakes a tap, so it looks again soon */
	TAP_NAP_MAX = 20,
};

struct ring_tap {
	const struct ring_header *h;
	const struct ring_live *live;
	const uint8_t *data;
	struct ring_page *page; /* NULL: a tap */
	uint64_t size;
	uint64_t tail, head; /* of the ring: copied up to here; published, as last seen, checked */
	uint64_t preamble;   /* bytes of it that were read */
	uint64_t start, jumps;
	uint64_t first; /* position of the first byte of the ring behind the last jump */
	uint8_t *copy;  /* copy[at .. end) is shown */
	size_t at, end, room;
	int fd, page_fd;
	bool mapped;
	bool dead; /* the producer's process, and what it published has been seen */
};

/* ---- copying what may be overwritten meanwhile ---- */

/* Each load is an acquire, so that the load of the claim behind them is later than all of them. */
static void copy_out(uint8_t *to, const uint8_t *from, size_t n)
{
	for (; n && ((uintptr_t)from & 7); n--)
		*to++ = __atomic_load_n(from++, __ATOMIC_ACQUIRE);
	for (; n >= 8; n -= 8, from += 8, to += 8) {
		uint64_t word =
			__atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_ACQUIRE);

		memcpy(to, &word, sizeof(word));
	}
	for (; n; n--)
		*to++ = __atomic_load_n(from++, __ATOMIC_ACQUIRE);
}

/* Whether the bytes from there on are as they were published. */
static bool is_whole(const struct ring_tap *t, uint64_t position)
{
	uint64_t claim = __atomic_load_n(&t->live->claim, __ATOMIC_ACQUIRE);

	return claim <= t->size || claim - t->size <= position;
}

/* Appends what is published behind the tail. False: it was overwritten; nothing has happened. */
static bool take(struct ring_tap *t)
{
	size_t n = t->head - t->tail;

	if (!is_whole(t, t->tail))
		return false;
	copy_out(t->copy + t->end, t->data + (t->tail & (t->size - 1)), n);
	if (!is_whole(t, t->tail))
		return false;
	t->end += n;
	t->tail = t->head;
	return true;
}

static bool fail(int err)
{
	errno = err;
	return false;
}

/* False where the producer's number can't be. */
static bool read_head(struct ring_tap *t)
{
	uint64_t head = __atomic_load_n(&t->live->head, __ATOMIC_ACQUIRE);

	if (head < t->head)
		return fail(EPROTO);
	t->head = head;
	return true;
}

static bool read_preamble(struct ring_tap *t)
{
	uint64_t n = __atomic_load_n(&t->live->preamble, __ATOMIC_ACQUIRE);

	if (n > RING_PREAMBLE || n < t->preamble)
		return fail(EPROTO);
	memcpy(t->copy + t->end, (const uint8_t *)t->h + RING_PREAMBLE_AT + t->preamble,
	       n - t->preamble);
	t->end += n - t->preamble;
	t->preamble = n;
	return true;
}

/* Goes on at the last batch that is there in whole, else behind all. */
static bool jump(struct ring_tap *t)
{
	uint64_t batch = __atomic_load_n(&t->live->batch, __ATOMIC_ACQUIRE);

	if (t->at != t->end) /* a record that goes on in what is gone: none does */
		return fail(EPROTO);
	t->at = t->end = 0;
	t->jumps++;
	if (!read_head(t) || !read_preamble(t))
		return false;
	if (batch < t->tail || batch > t->head)
		return fail(EPROTO);
	t->tail = t->first = batch;
	/* The batch was read before the head: it may be out of the ring by now. */
	if (t->head - batch > t->size || !take(t))
		t->tail = t->first = t->head;
	if (t->jumps == 1)
		t->start = t->tail;
	return true;
}

/* ---- looking, waiting ---- */

/* What there is, without waiting. */
static enum port_state look(struct ring_tap *t, size_t have)
{
	uint32_t state;

	if (t->end - t->at > have)
		return PORT_DATA;
	/* In this order: what ends the stream was stored after its last head. */
	state = __atomic_load_n(&t->live->state, __ATOMIC_ACQUIRE);
	if (!read_head(t))
		return PORT_ERROR;
	if (t->head != t->tail) {
		memmove(t->copy, t->copy + t->at, t->end - t->at);
		t->end -= t->at;
		t->at = 0;
		if (t->end >= PORT_MAX_VIEW) {
			errno = EMSGSIZE;
			return PORT_ERROR;
		}
		if ((t->head - t->tail > t->size || !take(t)) && !jump(t))
			return PORT_ERROR;
		if (t->page)
			__atomic_store_n(&t->page->tail, t->tail, __ATOMIC_RELAXED);
		if (t->end - t->at > have)
			return PORT_DATA;
	}
	if (state == RING_CLOSED)
		return PORT_EOF;
	if (state != RING_OPEN || t->dead) {
		errno = state != RING_OPEN ? ECONNABORTED : EPIPE;
		return PORT_ERROR;
	}
	return PORT_EMPTY;
}

static bool producer_dead(const struct ring_tap *t)
{
	return t->fd >= 0 && __atomic_load_n(&t->h->owner_pid, __ATOMIC_ACQUIRE) &&
	       !ring_locked(t->fd, RING_OWNER) && !(t->h->keep && ring_locked(t->fd, RING_KEEPER));
}

/* Sleeps once, unless there is something to see. False: a signal came. */
static bool nap(struct ring_tap *t, size_t have, int ms)
{
	uint32_t value = __atomic_load_n(&t->live->data, __ATOMIC_ACQUIRE);
	uint32_t sleep = t->page ? t->page->sleep : 0;
	int err = 0;

	if (t->page)
		__atomic_store_n(&t->page->sleep, sleep + 1, __ATOMIC_SEQ_CST);
	if (look(t, have) == PORT_EMPTY)
		err = ring_wait(&t->live->data, value, ms);
	if (t->page)
		__atomic_store_n(&t->page->sleep, sleep + 2, __ATOMIC_RELEASE);
	return err != EINTR;
}

static enum port_state wait_for_data(struct ring_tap *t, size_t have, int timeout_ms)
{
	int max = t->page ? RING_NAP_MAX : TAP_NAP_MAX, ms = t->page ? RING_NAP_MIN : TAP_NAP_MIN;
	enum port_state state = PORT_EMPTY;
	int64_t until;

	if (timeout_ms < 0 || timeout_ms > PORT_LOOK_MS)
		timeout_ms = PORT_LOOK_MS;
	until = clock_ms() + timeout_ms;
	while (state == PORT_EMPTY) {
		int64_t left = until - clock_ms();

		if (left <= 0 || !nap(t, have, left < ms ? (int)left : ms))
			break;
		state = look(t, have);
		ms = ms * 2 < max ? ms * 2 : max;
	}
	if (state == PORT_EMPTY && producer_dead(t))
		t->dead = true;
	return state == PORT_EMPTY ? look(t, have) : state;
}

enum port_state ring_tap_view(struct ring_tap *t, size_t have, int timeout_ms, struct bytes *view)
{
	enum port_state state = look(t, have);

	if (state == PORT_EMPTY && timeout_ms)
		state = wait_for_data(t, have, timeout_ms);
	*view = BYTES(t->copy + t->at, t->end - t->at);
	return state;
}

void ring_tap_consume(struct ring_tap *t, size_t n)
{
	t->at += n;
}

bool ring_tap_ready(struct ring_tap *t, size_t have)
{
	return look(t, have) != PORT_EMPTY;
}

/* Before what it shows of the ring, there may be some of the preamble. */
uint64_t ring_tap_position(const struct ring_tap *t, size_t taken)
{
	uint64_t behind = t->end - t->at - taken;

	return t->tail - t->first > behind ? t->tail - behind : t->first;
}

bool ring_tap_settle(struct ring_tap *t, uint64_t position)
{
	if (!read_head(t) || position > t->head || !read_preamble(t))
		return false;
	t->tail = t->first = position;
	return true;
}

uint64_t ring_tap_start(const struct ring_tap *t)
{
	return t->start;
}

uint64_t ring_tap_jumps(const struct ring_tap *t)
{
	return t->jumps;
}

/* ---- attaching ---- */

struct ring_tap *ring_tap_over(const struct ring_header *h, const uint8_t *data,
			       struct ring_page *page)
{
	struct ring_tap *t = xcalloc(1, sizeof(*t));

	t->h = h;
	t->live = ring_live(h);
	t->data = data;
	t->page = page;
	t->size = h->size;
	t->fd = t->page_fd = -1;
	/* An unfinished record, the preamble, and all of the ring. */
	t->room = PORT_MAX_VIEW + RING_PREAMBLE + h->size;
	t->copy = mmap(NULL, t->room, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t->copy == MAP_FAILED)
		die("out of memory");
	if (page) {
		page->pid = (uint32_t)getpid();
		__atomic_store_n(&page->sleep, page->sleep + (page->sleep & 1), __ATOMIC_RELAXED);
		__atomic_store_n(&page->state, RING_ATTACHED, __ATOMIC_RELEASE);
	}
	return t;
}

bool ring_tap_meant(int fd, int page_fd)
{
	struct ring_page page;
	struct ring_reader row;
	off_t at = RING_TABLE_AT;

	if (page_fd < 0)
		return true;
	if (pread(page_fd, &page, sizeof(page), 0) != sizeof(page) || page.slot >= RING_READERS)
		return false;
	at += (off_t)(page.slot * sizeof(row));
	return pread(fd, &row, sizeof(row), at) == sizeof(row) && row.mode == RING_DROP;
}

static void unmap_page(struct ring_page *page)
{
	if (page)
		munmap(page, RING_PAGE);
}

struct ring_tap *ring_tap_attach(int fd, int page_fd, const char **why)
{
	struct ring_page *page = NULL;
	struct ring_header *h;
	struct ring_tap *t;
	uint8_t *data;

	if (page_fd >= 0 && !ring_lock(page_fd, RING_OWNER)) {
		*why = "this reader is attached already";
		errno = EBUSY;
		return NULL;
	}
	h = ring_map(fd, false, &data);
	if (!h) {
		*why = "it is no ring of this version";
		return NULL;
	}
	if (page_fd >= 0)
		page = ring_map_page(page_fd, true, h->nonce);
	if (page_fd >= 0 && !page) {
		*why = "the reader's page does not belong to it";
	} else if (page && (page->state == RING_GONE || page->slot >= h->nreaders)) {
		*why = "this reader has left it";
		unmap_page(page);
		errno = EPIPE;
	} else {
		t = ring_tap_over(h, data, page);
		t->fd = fd;
		t->page_fd = page_fd;
		t->mapped = true;
		return t;
	}
	ring_unmap(h, data);
	return NULL;
}

void ring_tap_free(struct ring_tap *t)
{
	if (t->page)
		__atomic_store_n(&t->page->state, RING_GONE, __ATOMIC_SEQ_CST);
	if (t->mapped) {
		unmap_page(t->page);
		ring_unmap(t->h, t->data);
		close(t->fd);
		if (t->page_fd >= 0)
			close(t->page_fd);
	}
	munmap(t->copy, t->room);
	free(t);
}
