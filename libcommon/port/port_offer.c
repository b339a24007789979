/* port_offer: two of our tools with a pipe between them leave it for a ring.
 *
 * The ring and its reader's page are memory files of the producer without a name; the reader opens
 * them through /proc/PID/fd before its sandbox closes, while the producer waits before its own:
 * after that nobody can. Nothing in /dev/shm has to be removed by anyone, and the kernel lets only
 * the same user in. What an offer says is not believed: it may stand in a saved file, or have been
 * written by anybody. The pipe must be the one that we read, the process must hold its writing end,
 * the files must be memory files of ours that nobody can cut, of a ring with that nonce. Who can
 * forge all this could as well write any bytes into the pipe. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"
#include "libcommon/port/transport.h"

enum {
	SAY_AFTER_MS = 1000,
	OFFER_SIZE = 2 * RING_SIZE_DEFAULT, /* a tenth less time than with half of it */
};

/* Where its parts lie in the PORT_OFFER bytes; what follows is zero. */
enum {
	OFFER_MAGIC = 0x574f4631, /* WOF1 */
	AT_PID = 4,
	AT_RING = 8,
	AT_PAGE = 12,
	AT_PIPE = 16,
	AT_DEV = 20,
	AT_INO = 28,
	AT_NONCE = 36,
	AT_REST = 44,
};

struct offer_out {
	struct ring_out *ring;
	struct ring_set set; /* what only the reader needs, until the word is given */
	const struct port_out_ops *pipe_ops;
};

/* ---- the producer: the port once the ring has been taken ---- */

static void window(struct port_out *p)
{
	size_t room, due;
	uint8_t *at = ring_out_window(p->offer->ring, &room, &due);

	port_out_window(p, at, room, due);
	p->published = ring_out_head(p->offer->ring);
}

static void broke(struct port_out *p, int err)
{
	if (err == EMSGSIZE)
		warn("'%s': a record is longer than half the ring", p->name);
	p->err = err;
	p->lost = ring_out_lost(p->offer->ring, true);
}

static uint8_t *taken_reserve(struct port_out *p, size_t n, bool wait)
{
	int err = 0;
	uint8_t *at;

	do
		at = ring_out_reserve(p->offer->ring, n, wait ? SAY_AFTER_MS : 0, &err);
	while (!at && !err && wait);
	window(p);
	if (err)
		broke(p, err);
	return at;
}

static void taken_commit(struct port_out *p, size_t n)
{
	ring_out_commit(p->offer->ring, n);
	window(p);
}

/* As write() into the pipe would, this tells when its reader has gone. */
static bool taken_flush(struct port_out *p)
{
	struct pollfd hung = { .fd = p->fd };

	ring_out_publish(p->offer->ring);
	window(p);
	if (poll(&hung, 1, 0) > 0 && hung.revents & POLLERR && !ring_out_read(p->offer->ring))
		broke(p, EPIPE);
	return !p->err;
}

static size_t taken_pending(const struct port_out *p)
{
	return ring_out_pending(p->offer->ring);
}

/* Before the pipe's end, so that its reader finds this one first. */
static void taken_close(struct port_out *p)
{
	struct offer_out *offer = p->offer;

	ring_out_end(offer->ring, p->err ? RING_ABORTED : RING_CLOSED);
	ring_out_free(offer->ring);
	offer->pipe_ops->close(p);
	free(offer);
}

/* ---- the producer: making the offer ---- */

static uint64_t offer_size(void)
{
	const char *test = getenv("WEIR_TEST_RING");
	uint64_t size = test ? strtoull(test, NULL, 10) : 0;

	return size >= 4096 && size <= RING_SIZE_MAX ? size : OFFER_SIZE;
}

static struct offer_out *offer_new(void)
{
	static const char *const names[] = { "pipe" };
	struct ring_spec spec = { .size = offer_size(), .nreaders = 1, .names = names };
	struct offer_out *offer = xcalloc(1, sizeof(*offer));
	const char *why;

	if (!ring_create_memfd(&offer->set, &spec)) {
		free(offer);
		return NULL;
	}
	offer->ring = ring_out_attach(offer->set.fd, offer->set.pages_read, 1, &why);
	if (!offer->ring) {
		ring_set_free(&offer->set);
		free(offer);
		return NULL;
	}
	offer->set.fd = offer->set.pages_read[0] = -1; /* the ring's now */
	return offer;
}

bool port_out_offer(struct port_out *p, uint8_t text[PORT_OFFER])
{
	struct stat st;

	if (!p->pipe || p->offer || fstat(p->fd, &st) < 0)
		return false;
	p->offer = offer_new();
	if (!p->offer)
		return false;
	memset(text, 0, PORT_OFFER);
	be32_put(text, OFFER_MAGIC);
	be32_put(text + AT_PID, (uint32_t)getpid());
	be32_put(text + AT_RING, (uint32_t)p->offer->set.fd_read);
	be32_put(text + AT_PAGE, (uint32_t)p->offer->set.pages[0]);
	be32_put(text + AT_PIPE, (uint32_t)p->fd);
	be64_put(text + AT_DEV, st.st_dev);
	be64_put(text + AT_INO, st.st_ino);
	be64_put(text + AT_NONCE, p->offer->set.header->nonce);
	return true;
}

enum port_word port_out_word(struct port_out *p, bool last)
{
	static const struct port_out_ops ops = {
		.reserve = taken_reserve,
		.commit = taken_commit,
		.flush = taken_flush,
		.pending = taken_pending,
		.close = taken_close,
	};
	enum ring_word word = ring_out_word(p->offer->ring, last);

	if (word == RING_NO_WORD)
		return PORT_NO_WORD;
	ring_set_free(&p->offer->set);
	if (word == RING_GRANTED) {
		p->offer->pipe_ops = p->ops;
		p->ops = &ops;
		p->longest = ring_out_longest(p->offer->ring);
		window(p);
		return PORT_TAKEN;
	}
	ring_out_free(p->offer->ring);
	free(p->offer);
	p->offer = NULL;
	return PORT_WITHDRAWN;
}

/* ---- the reader ---- */

static enum port_state taken_view(struct port_in *p, size_t have, int timeout_ms,
				  struct bytes *view)
{
	enum port_state state = ring_in_view(p->ring, have, timeout_ms, view);

	if (state == PORT_EMPTY && have >= PORT_MAX_VIEW) {
		errno = EMSGSIZE;
		return PORT_ERROR;
	}
	if (state == PORT_DATA && port_test_read && view->len > have + port_test_read)
		view->len = have + port_test_read;
	if (state != PORT_EOF && (state != PORT_ERROR || errno == EPROTO || errno == EMSGSIZE))
		return state;
	/* However it ended: what is missing is missed by whoever reads records. */
	if (view->len)
		return PORT_EOF;
	ring_in_free(p->ring);
	p->ring = NULL;
	p->ops = p->behind;
	return p->ops->view(p, 0, timeout_ms, view);
}

static void taken_consume(struct port_in *p, size_t n)
{
	ring_in_consume(p->ring, n);
}

static bool taken_ready(struct port_in *p, size_t have)
{
	return ring_in_ready(p->ring, have);
}

static void taken_in_close(struct port_in *p)
{
	ring_in_free(p->ring);
	p->behind->close(p);
}

static void fd_path(char path[64], uint32_t pid, uint32_t fd)
{
	snprintf(path, 64, "/proc/%u/fd/%u", pid, fd);
}

/* Does that process hold the writing end of our pipe? */
static bool is_our_pipe(const struct port_in *p, const uint8_t *text)
{
	struct stat ours, theirs, link;
	char path[64];

	fd_path(path, be32_get(text + AT_PID), be32_get(text + AT_PIPE));
	return fstat(p->fd, &ours) == 0 && be64_get(text + AT_DEV) == ours.st_dev &&
	       be64_get(text + AT_INO) == ours.st_ino && stat(path, &theirs) == 0 &&
	       theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino &&
	       lstat(path, &link) == 0 && link.st_mode & S_IWUSR;
}

/* A memory file of our own user that can't be cut any more, or -1. It is looked at before it is
 * opened: opening some things does something. */
static int open_memory(uint32_t pid, uint32_t fd, int flags)
{
	char path[64];
	struct stat st;
	struct statfs fs;
	int own, seals;

	fd_path(path, pid, fd);
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink ||
	    statfs(path, &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		return -1;
	own = open(path, flags | O_CLOEXEC | O_NONBLOCK);
	if (own < 0)
		return -1;
	seals = fcntl(own, F_GET_SEALS);
	if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW)) {
		close(own);
		return -1;
	}
	return own;
}

static bool has_nonce(int fd, uint64_t nonce)
{
	struct ring_header h;

	return pread(fd, &h, sizeof(h), 0) == sizeof(h) && h.nonce == nonce && h.nreaders == 1;
}

static bool is_offer(struct bytes text)
{
	for (size_t i = AT_REST; i < text.len; i++)
		if (text.ptr[i])
			return false;
	return text.len == PORT_OFFER && be32_get(text.ptr) == OFFER_MAGIC;
}

bool port_in_take(struct port_in *p, size_t head, struct bytes text)
{
	static const struct port_in_ops ops = {
		.view = taken_view,
		.consume = taken_consume,
		.ready = taken_ready,
		.close = taken_in_close,
	};
	struct ring_in *ring;
	const char *why;
	int fd, page;

	if (!p->pipe || p->ring || !is_offer(text) || !is_our_pipe(p, text.ptr))
		return false;
	fd = open_memory(be32_get(text.ptr + AT_PID), be32_get(text.ptr + AT_RING), O_RDONLY);
	page = open_memory(be32_get(text.ptr + AT_PID), be32_get(text.ptr + AT_PAGE), O_RDWR);
	ring = fd >= 0 && page >= 0 && has_nonce(fd, be64_get(text.ptr + AT_NONCE))
		       ? ring_in_attach(fd, page, &why)
		       : NULL;
	if (!ring) {
		if (fd >= 0)
			close(fd);
		if (page >= 0)
			close(page);
		return false;
	}
	/* However long it takes: who left before the word could miss it. */
	if (ring_in_word(ring, INT_MAX) != RING_GRANTED) {
		ring_in_free(ring);
		return false;
	}
	port_in_consume(p, head);
	p->ring = ring;
	p->behind = p->ops;
	p->ops = &ops;
	return true;
}
