/* port_link: links as endpoints: a ring in memory, and weir-link at its other side.
 *
 * weir-link is started before the sandbox closes, with nothing but the ring, a page and a pipe to
 * tell its counts by (link_page.h), and standard error. It ends by itself: when the stream has
 * ended, when the tool dies (the ring's lock tells) or when the other host is gone for good. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/port/link_page.h"
#include "libcommon/port/ring.h"
#include "libcommon/port/transport.h"

enum { RING_BYTES = 4 << 20, LOOK_MS = 200 };
enum { CHILD_RING = 3, CHILD_PAGE, CHILD_REPORT, CHILD_PIPE, CHILD_FREE };

struct port_link {
	struct link_page *page;
	int pipe;
	pid_t child;
};

static int page_fd(struct port_link *l, const char *text)
{
	int fd = memfd_create("weir-link", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, LINK_PAGE) < 0)
		die_errno("'%s': memory for its counts", text);
	l->page = mmap(NULL, LINK_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (l->page == MAP_FAILED)
		die_errno("'%s': memory for its counts", text);
	l->page->magic = LINK_PAGE_MAGIC;
	return fd;
}

/* Puts descriptors where the child expects them; none of them is in the way of another. */
static void place(const int *from, int n)
{
	int high[CHILD_FREE];

	for (int i = 0; i < n; i++) {
		high[i] = fcntl(from[i], F_DUPFD, CHILD_FREE + n);
		if (high[i] < 0)
			_exit(EXIT_FAILED);
	}
	for (int i = 0; i < n; i++)
		if (dup2(high[i], CHILD_RING + i) < 0)
			_exit(EXIT_FAILED);
	close_range(CHILD_FREE, ~0U, 0);
}

static void run_link(const char *text, bool output)
{
	const char *dir = getenv("WEIR_EXEC_PATH");
	char path[4096], ring[64], report[64];
	const char *in = output ? ring : text, *out = output ? text : ring;
	int null = open("/dev/null", O_RDWR);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	signal(SIGPIPE, SIG_DFL);
	unsetenv("WEIR_PAGE_FD");
	unsetenv("WEIR_FLOWS_FD");
	snprintf(ring, sizeof(ring), output ? "shm:fd=%d,page=%d" : "shm:fd=%d,pages=%d",
		 CHILD_RING, CHILD_PAGE);
	snprintf(report, sizeof(report), "--report=%d:%d", CHILD_REPORT, CHILD_PIPE);
	snprintf(path, sizeof(path), "%s/weir-link", dir ? dir : WEIR_LIBEXEC);
	execl(path, "weir-link", "-i", in, "-o", out, report, (char *)NULL);
	execlp("weir-link", "weir-link", "-i", in, "-o", out, report, (char *)NULL);
	warn_errno("'%s': cannot run 'weir-link'", text);
	_exit(EXIT_FAILED);
}

/* Waits until it listens, or can dial; what is wrong it has said itself. */
static void await_ready(struct port_link *l, const char *text)
{
	char byte;
	ssize_t n;
	int status;

	do
		n = read(l->pipe, &byte, 1);
	while (n < 0 && errno == EINTR && !port_give_up);
	if (n == 1)
		return;
	if (n < 0)
		die("'%s': interrupted", text);
	if (waitpid(l->child, &status, 0) == l->child && WIFEXITED(status) && WEXITSTATUS(status))
		exit(WEXITSTATUS(status));
	die("'%s': weir-link ended before it began", text);
}

/* Starts weir-link at the other side of the ring. */
static struct port_link *start(const struct ring_set *set, const char *text, bool output)
{
	struct port_link *l = xcalloc(1, sizeof(*l));
	int ends[2], page = page_fd(l, text);

	if (pipe2(ends, O_CLOEXEC) < 0)
		die_errno("'%s': cannot make a pipe", text);
	l->pipe = ends[0];
	l->child = fork();
	if (l->child < 0)
		die_errno("'%s': cannot fork", text);
	if (l->child == 0) {
		int fds[] = { output ? set->fd_read : set->fd,
			      output ? set->pages[0] : set->pages_read[0], page, ends[1] };

		place(fds, 4);
		run_link(text, output);
	}
	close(ends[1]);
	close(page);
	await_ready(l, text);
	return l;
}

static void make_ring(struct ring_set *set, const struct endpoint *ep, const char *text)
{
	struct ring_spec spec = { .size = ep->size ? ep->size : RING_BYTES, .nreaders = 1 };

	if (!ring_create_memfd(set, &spec))
		die_errno("'%s': memory for its ring", text);
}

/* Our side of the ring, as an endpoint that owns its descriptors. */
static void our_side(struct endpoint *shm, const struct ring_set *set, bool output)
{
	shm->kind = ENDPOINT_SHM;
	shm->fd = dup(output ? set->fd : set->fd_read);
	shm->page = dup(output ? set->pages_read[0] : set->pages[0]);
	shm->pages[0] = shm->page;
	shm->npages = 1;
}

struct port_out *port_link_out(const struct endpoint *ep, const char *text)
{
	struct endpoint *shm = xcalloc(1, sizeof(*shm));
	struct ring_set set;
	struct port_link *l;
	struct port_out *p;

	make_ring(&set, ep, text);
	l = start(&set, text, true);
	our_side(shm, &set, true);
	p = port_ring_out(shm, text);
	p->link = l;
	ring_set_free(&set);
	free(shm);
	return p;
}

struct port_in *port_link_in(const struct endpoint *ep, const char *text)
{
	struct endpoint *shm = xcalloc(1, sizeof(*shm));
	struct ring_set set;
	struct port_link *l;
	struct port_in *p;

	make_ring(&set, ep, text);
	l = start(&set, text, false);
	our_side(shm, &set, false);
	p = port_ring_in(shm, text);
	p->link = l;
	ring_set_free(&set);
	free(shm);
	return p;
}

void port_link_ending(struct port_link *l)
{
	if (l && port_ending)
		__atomic_store_n(&l->page->ending, 1, __ATOMIC_RELEASE);
}

/* The end of the pipe: weir-link has ended. */
static void await_end(struct port_link *l)
{
	struct pollfd p = { .fd = l->pipe, .events = POLLIN };
	char bytes[16];
	ssize_t n = 1;

	while (n > 0 || (n < 0 && errno == EINTR && !port_give_up)) {
		port_link_ending(l);
		n = poll(&p, 1, LOOK_MS);
		n = n > 0 ? read(l->pipe, bytes, sizeof(bytes)) : n < 0 ? n : 1;
	}
}

int port_link_why(struct port_link *l)
{
	await_end(l);
	return __atomic_load_n(&l->page->state, __ATOMIC_ACQUIRE) == LINK_LEFT ? EPIPE : ENOLINK;
}

uint64_t port_link_end(struct port_link *l)
{
	uint64_t confirmed;

	await_end(l);
	confirmed = __atomic_load_n(&l->page->confirmed, __ATOMIC_ACQUIRE);
	munmap(l->page, LINK_PAGE);
	close(l->pipe);
	free(l);
	return confirmed;
}
