/* ring_out: the producer's side of a ring. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"

struct out_reader {
	const struct ring_page *page;
	int fd;         /* of the page, for its lock; -1: over memory */
	uint64_t tail;  /* as last seen, and checked */
	uint32_t woken; /* the sleep that was last answered */
	bool ended;
	bool drops; /* is not waited for */
};

struct ring_out {
	struct ring_header *h;
	struct ring_live *live;
	uint8_t *data;
	uint64_t size, batch;
	uint64_t head;      /* published */
	uint64_t pos;       /* end of what is committed; pos >= head */
	uint64_t limit;     /* pos may come this far: the slowest reader's tail + size .. */
	uint64_t claim;     /* .. but no further than this, before the readers that drop know */
	uint64_t inherited; /* of the preamble: what a predecessor left */
	uint64_t wake_at;   /* unread bytes that are worth waking a reader for */
	int fd;
	bool mapped, gated;
	bool free;   /* it has no reader that would be waited for */
	bool asleep; /* a reader slept, and was left so, at the last publish */
	unsigned n, ended, garbage;
	int64_t buried; /* when it was last looked for dead readers: ms */
	struct out_reader r[RING_READERS];
};

/* ---- readers ---- */

static void reader_end(struct ring_out *o, unsigned i)
{
	__atomic_store_n(&ring_table(o->h)[i].released, 1, __ATOMIC_SEQ_CST);
	o->r[i].ended = true;
	o->ended++;
}

/* Reads a reader's tail and checks it; false where that reader is done with. */
static bool reader_tail(struct ring_out *o, unsigned i)
{
	struct out_reader *r = &o->r[i];
	uint32_t state = __atomic_load_n(&r->page->state, __ATOMIC_SEQ_CST);
	uint64_t tail = __atomic_load_n(&r->page->tail, __ATOMIC_SEQ_CST);

	if (tail < r->tail || tail > o->head) {
		warn("reader '%.*s' of a ring wrote a position that can't be: going on without it",
		     RING_NAME, ring_table(o->h)[i].name);
		o->garbage++;
		reader_end(o, i);
		return false;
	}
	r->tail = tail;
	if (state == RING_GONE ||
	    __atomic_load_n(&ring_table(o->h)[i].released, __ATOMIC_ACQUIRE)) {
		reader_end(o, i);
		return false;
	}
	return true;
}

/* Sets limit; gives the slowest reader, or -1 where none is left. */
static int refresh(struct ring_out *o)
{
	uint64_t least = UINT64_MAX;
	int slowest = -1;

	for (unsigned i = 0; i < o->n; i++)
		if (!o->r[i].ended && !o->r[i].drops && reader_tail(o, i) && o->r[i].tail < least) {
			least = o->r[i].tail;
			slowest = (int)i;
		}
	if (slowest >= 0)
		o->limit = least + o->size;
	return slowest;
}

/* Releases the readers whose page is in that state, and that no process has. A process may be
 * attaching at this moment: it takes the lock before it looks at `released`, so looking at the
 * lock once more after setting it leaves no way for both to be wrong. True: there were some. */
static bool release(struct ring_out *o, enum ring_page_state state)
{
	struct ring_reader *table = ring_table(o->h);
	bool any = false;

	for (unsigned i = 0; i < o->n; i++) {
		struct out_reader *r = &o->r[i];

		if (r->ended || r->drops || r->fd < 0 || table[i].keep ||
		    __atomic_load_n(&r->page->state, __ATOMIC_ACQUIRE) != state ||
		    ring_locked(r->fd, RING_OWNER))
			continue;
		__atomic_store_n(&table[i].released, 1, __ATOMIC_SEQ_CST);
		if (ring_locked(r->fd, RING_OWNER)) {
			__atomic_store_n(&table[i].released, 0, __ATOMIC_SEQ_CST);
			continue;
		}
		reader_tail(o, i); /* what it did last counts */
		any = true;
	}
	return any;
}

/* Those whose process is dead and will not be replaced. */
static void bury(struct ring_out *o)
{
	release(o, RING_ATTACHED);
}

/* ---- waiting for space ---- */

/* One nap, until the slowest reader has come to want_tail. */
static void nap(struct ring_out *o, int slowest, uint64_t want_tail, int ms)
{
	struct ring_live *live = o->live;
	const uint32_t *word = &o->r[slowest].page->space;
	uint32_t value = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	uint32_t want = live->want;

	__atomic_store_n(&live->want_tail, want_tail, __ATOMIC_RELAXED);
	__atomic_store_n(&live->want, want + 1, __ATOMIC_SEQ_CST);
	if (reader_tail(o, (unsigned)slowest) && o->r[slowest].tail < want_tail)
		if (ring_wait(word, value, ms) == ETIMEDOUT)
			bury(o);
	__atomic_store_n(&live->want, want + 2, __ATOMIC_RELEASE);
}

/* Waits until pos may go on to `need`, at most timeout_ms. Wakes are asked for when half of
 * the ring is free, or all that is published has been read. */
static bool wait_for_space(struct ring_out *o, uint64_t need, int timeout_ms, int *err)
{
	uint64_t want = need - o->size + o->size / 2;
	int64_t until = clock_ms() + timeout_ms;
	int ms = RING_NAP_MIN;

	if (want > o->head)
		want = o->head;
	for (int i = 0; i < RING_SPIN; i++) {
		ring_pause();
		if (i % 16 == 0 && refresh(o) >= 0 && need <= o->limit)
			return true;
	}
	for (;;) {
		int slowest = refresh(o);

		if (slowest < 0) {
			*err = EPIPE;
			return false;
		}
		if (need <= o->limit)
			return true;
		if (port_give_up) {
			*err = EINTR;
			return false;
		}
		if (clock_ms() >= until)
			return false;
		nap(o, slowest, want, ms);
		if (ms < RING_NAP_MAX)
			ms = ms * 2 < RING_NAP_MAX ? ms * 2 : RING_NAP_MAX;
	}
}

/* ---- writing ---- */

static void wake_readers(struct ring_out *o)
{
	__atomic_fetch_add(&o->live->data, 1, __ATOMIC_SEQ_CST);
	ring_wake(&o->live->data);
}

/* Shows what lies before `upto`, and wakes the readers if one of those that sleep has at least so
 * many bytes to read. */
static void publish(struct ring_out *o, uint64_t upto, uint64_t wake_at)
{
	bool wake = false;

	if (upto != o->head)
		__atomic_store_n(&o->live->batch, o->head, __ATOMIC_RELEASE);
	o->head = upto;
	__atomic_store_n(&o->live->head, o->head, __ATOMIC_SEQ_CST);
	o->asleep = false;
	for (unsigned i = 0; i < o->n; i++) {
		struct out_reader *r = &o->r[i];
		uint32_t sleep;

		if (r->ended)
			continue;
		sleep = __atomic_load_n(&r->page->sleep, __ATOMIC_SEQ_CST);
		if (!(sleep & 1) || sleep == r->woken)
			continue;
		/* A reader sleeps where it has read all: its tail does not move. */
		if (o->head - __atomic_load_n(&r->page->tail, __ATOMIC_RELAXED) >= wake_at) {
			r->woken = sleep;
			wake = true;
		} else {
			o->asleep = true;
		}
	}
	if (wake)
		wake_readers(o);
}

static void publish_all(struct ring_out *o)
{
	if (o->pos != o->head || o->asleep)
		publish(o, o->pos, 0);
}

void ring_out_publish(struct ring_out *o)
{
	if (!o->gated)
		publish_all(o);
}

void ring_out_show(struct ring_out *o, uint64_t position, bool now)
{
	if (position > o->head || (now && o->asleep))
		publish(o, position > o->head ? position : o->head, now ? 0 : o->wake_at);
}

uint64_t ring_out_position(const struct ring_out *o)
{
	return o->pos;
}

bool ring_out_settle(struct ring_out *o, uint64_t position)
{
	if (position < o->head || position > o->limit)
		return false;
	o->pos = position;
	if (o->claim < o->pos)
		o->claim = o->pos;
	publish_all(o);
	return true;
}

/* The bytes up to pos + n are about to be written, and a batch more, so that this is done once for
 * each: who copies what they overwrite must be able to see that. */
static void claim(struct ring_out *o, size_t n)
{
	uint64_t upto = o->pos + n + o->batch;

	o->claim = upto < o->limit ? upto : o->limit;
	__atomic_store_n(&o->live->claim, o->claim, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

uint8_t *ring_out_reserve(struct ring_out *o, size_t n, int timeout_ms, int *err)
{
	if (n > o->size / 2) {
		*err = EMSGSIZE;
		return NULL;
	}
	if (o->pos + n > o->limit) {
		if (refresh(o) < 0) {
			*err = EPIPE;
			return NULL;
		}
		if (o->pos + n > o->limit) {
			ring_out_publish(o);
			if (!timeout_ms || !wait_for_space(o, o->pos + n, timeout_ms, err))
				return NULL;
		}
	}
	if (o->pos + n > o->claim)
		claim(o, n);
	return o->data + (o->pos & (o->size - 1));
}

void ring_out_commit(struct ring_out *o, size_t n)
{
	o->pos += n;
	if (o->pos - o->head >= o->batch && !o->gated)
		publish(o, o->pos, o->wake_at);
}

uint8_t *ring_out_window(const struct ring_out *o, size_t *room, size_t *due)
{
	uint64_t held = o->pos - o->head;

	*room = o->claim - o->pos;
	*due = held < o->batch ? o->batch - held : o->batch;
	return o->data + (o->pos & (o->size - 1));
}

uint64_t ring_out_head(const struct ring_out *o)
{
	return o->head;
}

size_t ring_out_longest(const struct ring_out *o)
{
	return o->size / 2;
}

size_t ring_out_pending(const struct ring_out *o)
{
	return o->pos - o->head;
}

bool ring_out_preamble(struct ring_out *o, struct bytes b)
{
	uint64_t at = o->live->preamble;

	/* A successor declares again what its predecessor did. */
	if (o->inherited && b.len &&
	    memmem((uint8_t *)o->h + RING_PREAMBLE_AT, o->inherited, b.ptr, b.len))
		return true;
	if (at > RING_PREAMBLE || b.len > RING_PREAMBLE - at)
		return false;
	if (b.len)
		memcpy((uint8_t *)o->h + RING_PREAMBLE_AT + at, b.ptr, b.len);
	__atomic_store_n(&o->live->preamble, at + b.len, __ATOMIC_RELEASE);
	return true;
}

struct bytes ring_out_kept(const struct ring_out *o)
{
	uint64_t n = o->live->preamble;

	return BYTES((const uint8_t *)o->h + RING_PREAMBLE_AT, n <= RING_PREAMBLE ? n : 0);
}

uint64_t ring_out_taken(struct ring_out *o, bool *died)
{
	int64_t now = clock_ms();
	int slowest;

	*died = false;
	if (now - o->buried > RING_NAP_MAX) {
		o->buried = now;
		bury(o);
	}
	slowest = refresh(o);
	if (slowest >= 0)
		return o->r[slowest].tail;
	if (o->free)
		return o->head;
	for (unsigned i = 0; i < o->n; i++)
		*died |= o->r[i].page->state != RING_GONE;
	return UINT64_MAX;
}

/* ---- the end ---- */

void ring_out_end(struct ring_out *o, enum ring_state how)
{
	publish_all(o);
	__atomic_store_n(&o->live->state, how, __ATOMIC_SEQ_CST);
	wake_readers(o);
}

bool ring_out_drained(struct ring_out *o, int ms)
{
	int slowest = refresh(o);

	if (slowest >= 0 && o->r[slowest].tail < o->head) {
		nap(o, slowest, o->head, ms);
		slowest = refresh(o);
	}
	return slowest < 0 || o->r[slowest].tail == o->head;
}

const char *ring_out_missing(const struct ring_out *o)
{
	for (unsigned i = 0; i < o->n; i++)
		if (!o->r[i].ended && !o->r[i].drops &&
		    __atomic_load_n(&o->r[i].page->state, __ATOMIC_ACQUIRE) == RING_NEVER)
			return ring_table(o->h)[i].name;
	return NULL;
}

bool ring_out_forsake(struct ring_out *o)
{
	return release(o, RING_NEVER);
}

uint64_t ring_out_lost(struct ring_out *o, bool given_up)
{
	uint64_t most = 0;

	refresh(o);
	for (unsigned i = 0; i < o->n; i++)
		if (!o->r[i].drops && (o->r[i].ended || given_up) && o->pos - o->r[i].tail > most)
			most = o->pos - o->r[i].tail;
	return most;
}

bool ring_out_served(const struct ring_out *o)
{
	for (unsigned i = 0; i < o->n; i++)
		if (!o->r[i].drops && (!o->r[i].ended || o->r[i].tail == o->pos))
			return true;
	return false;
}

unsigned ring_out_ended(const struct ring_out *o)
{
	return o->ended;
}

unsigned ring_out_garbage(const struct ring_out *o)
{
	return o->garbage;
}

/* ---- an offer ---- */

enum ring_word ring_out_word(struct ring_out *o, bool last)
{
	struct ring_reader *reader = &ring_table(o->h)[0];

	if (reader->granted || o->r[0].ended)
		return reader->granted ? RING_GRANTED : RING_WITHDRAWN;
	if (__atomic_load_n(&o->r[0].page->state, __ATOMIC_SEQ_CST) == RING_ATTACHED) {
		__atomic_store_n(&reader->granted, 1, __ATOMIC_SEQ_CST);
	} else if (last) {
		reader_end(o, 0);
	} else {
		return RING_NO_WORD;
	}
	wake_readers(o);
	return reader->granted ? RING_GRANTED : RING_WITHDRAWN;
}

bool ring_out_read(struct ring_out *o)
{
	bury(o);
	return refresh(o) >= 0;
}

/* ---- attaching ---- */

struct ring_out *ring_out_over(struct ring_header *h, uint8_t *data,
			       const struct ring_page *const *pages, unsigned npages)
{
	struct ring_out *o = xcalloc(1, sizeof(*o));

	o->h = h;
	o->live = ring_live(h);
	o->data = data;
	o->size = h->size;
	o->batch = o->size / 4 < RING_BATCH ? o->size / 4 : RING_BATCH;
	o->wake_at = o->size / 4;
	o->gated = port_gated;
	if (o->live->preamble <= RING_PREAMBLE)
		o->inherited = o->live->preamble;
	o->head = o->pos = o->live->head;
	o->fd = -1;
	o->n = npages;
	/* A predecessor that died in its sleep left this odd. */
	o->live->want += o->live->want & 1;
	o->free = true;
	for (unsigned i = 0; i < npages; i++) {
		bool drops = ring_table(h)[i].mode == RING_DROP;

		o->r[i] = (struct out_reader){ .page = pages[i], .fd = -1, .drops = drops };
		o->free &= drops;
	}
	if (o->free)
		o->limit = UINT64_MAX;
	refresh(o);
	/* What a predecessor claimed and did not write stays claimed. */
	o->claim = o->live->claim > o->pos ? o->live->claim : o->pos;
	return o;
}

static bool map_pages(const struct ring_page **map, const int *pages, unsigned n, uint64_t nonce)
{
	for (unsigned i = 0; i < n; i++) {
		map[i] = ring_map_page(pages[i], false, nonce);
		if (!map[i]) {
			while (i--)
				munmap((void *)(uintptr_t)map[i], RING_PAGE);
			return false;
		}
	}
	return true;
}

struct ring_out *ring_out_attach(int fd, const int *pages, unsigned npages, const char **why)
{
	const struct ring_page *map[RING_READERS] = { NULL };
	struct ring_header *h;
	struct ring_out *o;
	uint8_t *data;

	if (!ring_lock(fd, RING_OWNER)) {
		*why = "another producer has it";
		errno = EBUSY;
		return NULL;
	}
	h = ring_map(fd, true, &data);
	if (!h) {
		*why = "it is no ring of this version";
		return NULL;
	}
	if (h->nreaders != npages || ring_live(h)->state != RING_OPEN) {
		*why = h->nreaders != npages ? "it has another number of readers"
					     : "it has been closed";
		errno = EPROTO;
	} else if (!map_pages(map, pages, npages, h->nonce)) {
		*why = "a reader's page does not belong to it";
	} else {
		o = ring_out_over(h, data, map, npages);
		o->fd = fd;
		o->mapped = true;
		for (unsigned i = 0; i < npages; i++)
			o->r[i].fd = pages[i];
		__atomic_store_n(&h->owner_pid, (uint32_t)getpid(), __ATOMIC_RELEASE);
		return o;
	}
	ring_unmap(h, data);
	return NULL;
}

void ring_out_free(struct ring_out *o)
{
	for (unsigned i = 0; o->mapped && i < o->n; i++) {
		munmap((void *)(uintptr_t)o->r[i].page, RING_PAGE);
		close(o->r[i].fd);
	}
	if (o->mapped) {
		ring_unmap(o->h, o->data);
		close(o->fd);
	}
	free(o);
}
