/* ring_names: rings by name in /dev/shm: made, found, and removed behind their producer. */
#include "libcommon/port/ring_names.h"

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

#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"
#include "libcommon/port/port.h"

enum {
	PATH_SIZE = 160,
};

static const char folder[] = "/dev/shm";

static void ring_path(char *path, const char *name)
{
	snprintf(path, PATH_SIZE, "%s/weir.%u.%s", folder, (unsigned)getuid(), name);
}

static void page_path(char *path, const char *name, const char *reader, uint64_t nonce)
{
	snprintf(path, PATH_SIZE, "%s/weir.%u.%s~%s~%016llx", folder, (unsigned)getuid(), name,
		 reader, (unsigned long long)nonce);
}

/* The file of that name, if it is ours: anybody may make names there, of files that are written
 * meanwhile, or of what waits for ever to be opened. -1, EPERM: it is not. */
static int open_ours(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		errno = EPERM;
	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == getuid()))
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

static void die_not_ours(const char *path, const char *text)
{
	if (errno == EPERM)
		die("'%s': %s is not ours", text, path);
	die_errno("'%s': %s", text, path);
}

static void pause_ms(int ms)
{
	struct timespec ts = { 0, (long)ms * 1000000 };

	nanosleep(&ts, NULL);
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
	fd = open_ours(path, O_RDWR);
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
	int fd = open_ours(path, O_RDONLY);

	if (fd < 0 && errno != ENOENT)
		die_not_ours(path, text);
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

struct ring_out *ring_create(const struct endpoint *ep, const char *text)
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

/* ---- finding one ---- */

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
	page = open_ours(path, O_RDWR);
	if (page < 0 && errno != ENOENT)
		die_not_ours(path, text);
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
	int fd = open_ours(path, O_RDONLY);

	if (fd < 0 && errno != ENOENT)
		die_not_ours(path, text);
	if (fd < 0)
		return -1;
	/* Who removes what a dead producer left holds its lock, too: and has the other one before
	 * that, until both go. */
	if (ring_locked(fd, RING_OWNER) && !ring_locked(fd, RING_REMOVAL) &&
	    ring_locked(fd, RING_OWNER))
		return fd;
	close(fd);
	return -1;
}

int ring_await(const struct endpoint *ep, const char *text, int *page)
{
	int64_t since = clock_ms();
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
		if (!said && clock_ms() - since >= SAY_AFTER_MS) {
			warn("'%s': waiting for the ring", text);
			said = true;
		}
		pause_ms(10);
	}
}
