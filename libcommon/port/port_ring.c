/* port_ring: rings as endpoints: by name in /dev/shm, or by descriptors from a launcher. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"
#include "libcommon/port/transport.h"

enum {
	PATH_SIZE = 160,
	SAY_AFTER_MS = 1000,
};

static const char folder[] = "/dev/shm";

struct ring_port_out {
	struct port_out port;
	struct ring_out *ring;
	bool named, said;
};

struct ring_port_in {
	struct port_in port;
	struct ring_in *ring;
};

struct tap_port_in {
	struct port_in port;
	struct ring_tap *tap;
};

static void ring_path(char *path, const char *name)
{
	snprintf(path, PATH_SIZE, "%s/weir.%u.%s", folder, (unsigned)getuid(), name);
}

static void page_path(char *path, const char *name, const char *reader, uint64_t nonce)
{
	snprintf(path, PATH_SIZE, "%s/weir.%u.%s~%s~%016llx", folder, (unsigned)getuid(), name,
		 reader, (unsigned long long)nonce);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void pause_ms(int ms)
{
	struct timespec ts = { 0, (long)ms * 1000000 };

	nanosleep(&ts, NULL);
}

/* The same file through a description of our own: locks belong to descriptions. */
static int reopen(int fd, int flags, const char *text)
{
	char path[64];
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, flags | O_CLOEXEC);
	if (own < 0)
		die_errno("'%s': descriptor %d", text, fd);
	close(fd);
	return own;
}

/* ---- names that nobody needs any more ---- */

/* Removes a ring that has lost its producer, and the pages that its table names. Only who holds
 * the lock of the very file that the path leads to may do it. With nonce 0 any ring will do. */
static void remove_dead(const char *name, uint64_t nonce)
{
	char path[PATH_SIZE];
	struct stat by_path, by_fd;
	struct ring_header *h;
	uint8_t *data;
	int fd;

	ring_path(path, name);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	if (ring_lock(fd, RING_REMOVAL) && ring_lock(fd, RING_OWNER) && fstat(fd, &by_fd) == 0 &&
	    lstat(path, &by_path) == 0 && by_fd.st_ino == by_path.st_ino &&
	    by_fd.st_dev == by_path.st_dev) {
		h = ring_map(fd, false, &data);
		if (!h || !nonce || h->nonce == nonce) {
			for (unsigned i = 0; h && i < h->nreaders; i++) {
				struct ring_reader *r = &ring_table(h)[i];
				char page[PATH_SIZE];

				if (memchr(r->name, 0, sizeof(r->name)) && !strchr(r->name, '/')) {
					page_path(page, name, r->name, h->nonce);
					unlink(page);
				}
			}
			unlink(path);
		}
		if (h)
			ring_unmap(h, data);
	}
	close(fd);
}

static void clean_up(const struct endpoint *ep, uint64_t nonce)
{
	char path[PATH_SIZE];

	for (unsigned i = 0; i < ep->nreaders; i++) {
		page_path(path, ep->name, ep->readers[i], nonce);
		unlink(path);
	}
	remove_dead(ep->name, nonce);
}

/* Removes the names once the producer has ended, however it ended: the producer itself can't, it
 * is in its sandbox by then. Two forks, so that it is nobody's child to wait for. It hears of the
 * end by a pipe whose other end only the producer has. */
static void start_janitor(const struct endpoint *ep, uint64_t nonce)
{
	sigset_t all;
	int p[2];
	pid_t pid;
	char byte;

	if (pipe2(p, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		if (fork())
			_exit(0);
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		if (p[0] != 3)
			dup2(p[0], 3);
		close_range(0, 2, 0);
		close_range(4, ~0U, 0);
		if (chdir("/") < 0)
			_exit(1);
		while (read(3, &byte, 1) < 0 && errno == EINTR)
			;
		clean_up(ep, nonce);
		_exit(0);
	}
	close(p[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* ---- making a named ring ---- */

static int new_file(const char *text)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		die_errno("'%s': %s", text, folder);
	return fd;
}

/* Gives a complete file its name: nobody sees half a ring. */
static bool link_file(int fd, const char *path)
{
	char from[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

static void die_in_use(const char *path, const char *text)
{
	struct ring_header h = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && pread(fd, &h, sizeof(h), 0) == sizeof(h) && h.owner_pid)
		die("'%s': in use by process %u", text, h.owner_pid);
	die("'%s': in use", text);
}

static bool link_ring(int fd, const struct endpoint *ep)
{
	char path[PATH_SIZE];

	ring_path(path, ep->name);
	/* What a producer left that has just ended may be locked by its janitor for a moment. */
	for (int i = 0; i < 10; i++) {
		if (i > 1)
			pause_ms(10);
		if (link_file(fd, path))
			return true;
		if (errno != EEXIST)
			return false;
		remove_dead(ep->name, 0);
	}
	errno = EEXIST;
	return false;
}

static uint64_t ring_size(const struct endpoint *ep)
{
	const char *test = getenv("WEIR_TEST_RING");
	uint64_t size = test ? strtoull(test, NULL, 10) : 0;

	return size >= 4096 && size <= RING_SIZE_MAX ? size : ep->size;
}

static void make_files(const struct endpoint *ep, const char *text, uint64_t nonce, int *ring,
		       int *pages)
{
	const char *names[RING_READERS];
	struct ring_spec spec = {
		.size = ring_size(ep), .nreaders = ep->nreaders, .names = names, .drops = ep->drops
	};

	for (unsigned i = 0; i < ep->nreaders; i++)
		names[i] = ep->readers[i];
	*ring = new_file(text);
	if (!ring_format(*ring, &spec, nonce))
		die_errno("'%s': no room for it in %s", text, folder);
	for (unsigned i = 0; i < ep->nreaders; i++) {
		pages[i] = new_file(text);
		if (!ring_format_page(pages[i], nonce, i))
			die_errno("'%s': no room for it in %s", text, folder);
	}
}

static struct ring_out *create(const struct endpoint *ep, const char *text)
{
	uint64_t nonce;
	int pages[RING_READERS], fd;
	char path[PATH_SIZE];
	const char *why;
	struct ring_out *ring;

	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		die_errno("random number");
	nonce |= 1;
	make_files(ep, text, nonce, &fd, pages);
	start_janitor(ep, nonce);
	ring = ring_out_attach(fd, pages, ep->nreaders, &why);
	if (!ring)
		die("'%s': %s", text, why);
	/* The ring's own name last: who finds it finds all of it. */
	for (unsigned i = 0; i < ep->nreaders; i++) {
		page_path(path, ep->name, ep->readers[i], nonce);
		if (!link_file(pages[i], path))
			die_errno("'%s': %s", text, path);
	}
	ring_path(path, ep->name);
	if (link_ring(fd, ep))
		return ring;
	if (errno == EEXIST)
		die_in_use(path, text);
	die_errno("'%s': %s", text, path);
}

static struct ring_out *inherit(const struct endpoint *ep, const char *text)
{
	int pages[RING_READERS], fd = reopen(ep->fd, O_RDWR, text);
	struct ring_out *ring;
	const char *why;

	for (unsigned i = 0; i < ep->npages; i++)
		pages[i] = reopen(ep->pages[i], O_RDONLY, text);
	ring = ring_out_attach(fd, pages, ep->npages, &why);
	if (!ring)
		die("'%s': %s", text, why);
	return ring;
}

/* ---- output ---- */

static void broke(struct ring_port_out *o, int err)
{
	if (err == EMSGSIZE)
		warn("'%s': a record is longer than half the ring", o->port.name);
	o->port.err = err;
	o->port.lost = ring_out_lost(o->ring, true);
	ring_out_taken(o->ring, &o->port.died);
}

/* Called about once a second while nothing moves. */
static void say_missing(struct ring_port_out *o)
{
	const char *name = ring_out_missing(o->ring);

	if (name && o->named && !o->said)
		warn("'%s': waiting for the reader '%s'", o->port.name, name);
	o->said = true;
}

static void ring_window(struct ring_port_out *o)
{
	size_t room, due;
	uint8_t *at = ring_out_window(o->ring, &room, &due);

	port_out_window(&o->port, at, room, due);
	o->port.published = ring_out_head(o->ring);
}

static uint8_t *ring_reserve(struct port_out *p, size_t n, bool wait)
{
	struct ring_port_out *o = (struct ring_port_out *)p;
	int err = 0;
	uint8_t *at = ring_out_reserve(o->ring, n, 0, &err);

	while (!at && !err && wait) {
		at = ring_out_reserve(o->ring, n, SAY_AFTER_MS, &err);
		if (!at && !err)
			say_missing(o);
	}
	ring_window(o);
	if (err)
		broke(o, err);
	return at;
}

static void ring_commit(struct port_out *p, size_t n)
{
	struct ring_port_out *o = (struct ring_port_out *)p;

	ring_out_commit(o->ring, n);
	ring_window(o);
}

static bool ring_flush(struct port_out *p)
{
	struct ring_port_out *o = (struct ring_port_out *)p;

	ring_out_publish(o->ring);
	ring_window(o);
	return true;
}

static size_t ring_pending(const struct port_out *p)
{
	return ring_out_pending(((const struct ring_port_out *)p)->ring);
}

static bool ring_preamble(struct port_out *p, struct bytes b)
{
	return ring_out_preamble(((struct ring_port_out *)p)->ring, b);
}

static uint64_t ring_taken(struct port_out *p)
{
	struct ring_port_out *o = (struct ring_port_out *)p;
	bool died;
	uint64_t taken = ring_out_taken(o->ring, &died);

	if (taken != UINT64_MAX)
		return taken;
	broke(o, EPIPE);
	return ring_out_head(o->ring) + ring_out_pending(o->ring) - p->lost;
}

static struct bytes ring_kept(const struct port_out *p)
{
	return ring_out_kept(((const struct ring_port_out *)p)->ring);
}

/* A named ring goes with its producer, so the producer stays until all has been read. */
static void wait_drained(struct ring_port_out *o)
{
	int64_t since = now_ms();

	while (!ring_out_drained(o->ring, RING_NAP_MAX)) {
		if (port_give_up) {
			broke(o, EINTR);
			return;
		}
		if (now_ms() - since >= SAY_AFTER_MS)
			say_missing(o);
	}
}

static uint64_t ring_position(const struct port_out *p)
{
	return ring_out_position(((const struct ring_port_out *)p)->ring);
}

static void ring_show(struct port_out *p, uint64_t position, bool now)
{
	struct ring_port_out *o = (struct ring_port_out *)p;

	ring_out_show(o->ring, position, now);
	ring_window(o);
}

static bool ring_settle(struct port_out *p, uint64_t position)
{
	struct ring_port_out *o = (struct ring_port_out *)p;
	bool settled = ring_out_settle(o->ring, position);

	ring_window(o);
	return settled;
}

static void ring_close(struct port_out *p)
{
	struct ring_port_out *o = (struct ring_port_out *)p;

	ring_out_end(o->ring, p->err ? RING_ABORTED : RING_CLOSED);
	if (!p->err && o->named)
		wait_drained(o);
	if (!p->err)
		p->lost = ring_out_lost(o->ring, false);
	ring_out_free(o->ring);
}

struct port_out *port_ring_out(const struct endpoint *ep, const char *text)
{
	static const struct port_out_ops ops = {
		.reserve = ring_reserve,
		.commit = ring_commit,
		.flush = ring_flush,
		.pending = ring_pending,
		.preamble = ring_preamble,
		.position = ring_position,
		.show = ring_show,
		.settle = ring_settle,
		.taken = ring_taken,
		.kept = ring_kept,
		.close = ring_close,
	};
	struct ring_port_out *o = xcalloc(1, sizeof(*o));

	o->port.ops = &ops;
	o->named = ep->fd < 0;
	o->ring = o->named ? create(ep, text) : inherit(ep, text);
	o->port.longest = ring_out_longest(o->ring);
	o->port.start = ring_out_head(o->ring);
	ring_window(o);
	return &o->port;
}

/* ---- input ---- */

static void die_no_reader(const struct ring_header *h, const struct endpoint *ep, const char *text)
{
	const struct ring_reader *table = ring_table(h);
	char names[512];
	size_t n = 0;

	names[0] = 0;
	for (unsigned i = 0; i < h->nreaders && n + RING_NAME + 4 < sizeof(names); i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%.*s", i ? ", " : "",
				      RING_NAME - 1, table[i].name);
	die("'%s': the ring has no reader '%s', it has: %s", text, ep->reader, names);
}

/* The reader's page in a ring; -1 where the ring is just going away. */
static int open_page(int fd, const struct endpoint *ep, const char *text)
{
	uint8_t *data;
	struct ring_header *h = ring_map(fd, false, &data);
	struct ring_page *map = NULL;
	char path[PATH_SIZE];
	bool known = false, over;
	int page;

	if (!h)
		die("'%s': it is no ring of this version", text);
	for (unsigned i = 0; i < h->nreaders; i++)
		known = known || !strncmp(ring_table(h)[i].name, ep->reader, RING_NAME);
	if (!known)
		die_no_reader(h, ep, text);
	page_path(path, ep->name, ep->reader, h->nonce);
	page = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (page < 0 && errno != ENOENT)
		die_errno("'%s': %s", text, path);
	if (page >= 0)
		map = ring_map_page(page, false, h->nonce);
	/* This reader has had all of it: it is the next ring that is meant. */
	over = map && map->state == RING_GONE && ring_live(h)->state != RING_OPEN;
	if (map)
		munmap(map, RING_PAGE);
	ring_unmap(h, data);
	if (page >= 0 && over) {
		close(page);
		page = -1;
	}
	return page;
}

/* The ring of that name; -1 where there is none, or only what a dead producer left. */
static int find_ring(const char *path, const char *text)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno != ENOENT)
		die_errno("'%s': %s", text, path);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != getuid())
		die("'%s': %s is not ours", text, path);
	/* Who removes what a dead producer left holds its lock, too: and has the other one before
	 * that, until both go. */
	if (ring_locked(fd, RING_OWNER) && !ring_locked(fd, RING_REMOVAL) &&
	    ring_locked(fd, RING_OWNER))
		return fd;
	close(fd);
	return -1;
}

static int await_ring(const struct endpoint *ep, const char *text, int *page)
{
	int64_t since = now_ms();
	char path[PATH_SIZE];
	bool said = false;
	int fd;

	ring_path(path, ep->name);
	for (;;) {
		fd = find_ring(path, text);
		*page = fd >= 0 && ep->reader[0] ? open_page(fd, ep, text) : -1;
		if (fd >= 0 && (*page >= 0 || !ep->reader[0]))
			return fd;
		if (fd >= 0)
			close(fd);
		if (port_give_up)
			die("'%s': interrupted while waiting for the ring", text);
		if (!said && now_ms() - since >= SAY_AFTER_MS) {
			warn("'%s': waiting for the ring", text);
			said = true;
		}
		pause_ms(10);
	}
}

static enum port_state ring_view(struct port_in *p, size_t have, int timeout_ms, struct bytes *view)
{
	enum port_state state =
		ring_in_view(((struct ring_port_in *)p)->ring, have, timeout_ms, view);

	if (state == PORT_EMPTY && have >= PORT_MAX_VIEW) {
		errno = EMSGSIZE;
		return PORT_ERROR;
	}
	/* Readers see what the property tests want of every input: a little at a time. */
	if (state == PORT_DATA && port_test_read && view->len > have + port_test_read)
		view->len = have + port_test_read;
	return state;
}

static void ring_consume(struct port_in *p, size_t n)
{
	ring_in_consume(((struct ring_port_in *)p)->ring, n);
}

static bool ring_ready(struct port_in *p, size_t have)
{
	return ring_in_ready(((struct ring_port_in *)p)->ring, have);
}

static struct bytes ring_head(struct port_in *p)
{
	return ring_in_preamble(((struct ring_port_in *)p)->ring);
}

static uint64_t ring_at(const struct port_in *p, size_t taken)
{
	return ring_in_position(((const struct ring_port_in *)p)->ring) + taken;
}

static void ring_in_shown(struct port_in *p, uint64_t position)
{
	ring_in_show(((struct ring_port_in *)p)->ring, position);
}

static bool ring_in_settled(struct port_in *p, uint64_t position)
{
	return ring_in_settle(((struct ring_port_in *)p)->ring, position);
}

static void ring_in_close(struct port_in *p)
{
	ring_in_free(((struct ring_port_in *)p)->ring);
}

/* ---- a reader that may lose records ---- */

static enum port_state tap_view(struct port_in *p, size_t have, int timeout_ms, struct bytes *view)
{
	enum port_state state =
		ring_tap_view(((struct tap_port_in *)p)->tap, have, timeout_ms, view);

	if (state == PORT_DATA && port_test_read && view->len > have + port_test_read)
		view->len = have + port_test_read;
	return state;
}

static void tap_consume(struct port_in *p, size_t n)
{
	ring_tap_consume(((struct tap_port_in *)p)->tap, n);
}

static bool tap_ready(struct port_in *p, size_t have)
{
	return ring_tap_ready(((struct tap_port_in *)p)->tap, have);
}

static void tap_close(struct port_in *p)
{
	ring_tap_free(((struct tap_port_in *)p)->tap);
}

static uint64_t tap_at(const struct port_in *p, size_t taken)
{
	return ring_tap_position(((const struct tap_port_in *)p)->tap, taken);
}

static bool tap_settle(struct port_in *p, uint64_t position)
{
	return ring_tap_settle(((struct tap_port_in *)p)->tap, position);
}

static struct port_in *tap_in(int fd, int page, const char *text)
{
	static const struct port_in_ops ops = { .view = tap_view,
						.consume = tap_consume,
						.ready = tap_ready,
						.close = tap_close,
						.position = tap_at,
						.settle = tap_settle };
	struct tap_port_in *in = xcalloc(1, sizeof(*in));
	const char *why;

	in->port.ops = &ops;
	in->port.drops = true;
	in->port.taps = page < 0;
	in->tap = ring_tap_attach(fd, page, &why);
	if (!in->tap)
		die("'%s': %s", text, why);
	return &in->port;
}

struct port_in *port_ring_in(const struct endpoint *ep, const char *text)
{
	static const struct port_in_ops ops = {
		.view = ring_view,
		.consume = ring_consume,
		.ready = ring_ready,
		.preamble = ring_head,
		.position = ring_at,
		.show = ring_in_shown,
		.settle = ring_in_settled,
		.close = ring_in_close,
	};
	struct ring_port_in *in;
	const char *why;
	int fd, page;

	if (ep->fd < 0) {
		fd = await_ring(ep, text, &page);
	} else {
		fd = reopen(ep->fd, O_RDONLY, text);
		page = ep->page < 0 ? -1 : reopen(ep->page, O_RDWR, text);
	}
	if (ring_tap_meant(fd, page))
		return tap_in(fd, page, text);
	in = xcalloc(1, sizeof(*in));
	in->port.ops = &ops;
	in->ring = ring_in_attach(fd, page, &why);
	if (!in->ring)
		die("'%s': %s", text, why);
	in->port.start = ring_in_tail(in->ring);
	return &in->port;
}
