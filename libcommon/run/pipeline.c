/* pipeline: processes joined by rings, and what became of them. */
#include "libcommon/run/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libcommon/base/die.h"

enum { TICK_MS = 200 };

void stage_arg(struct pipe_stage *s, const char *fmt, ...)
{
	va_list ap;

	if (s->argc >= STAGE_ARGS - 1)
		die("too many arguments for '%s'", s->name);
	va_start(ap, fmt);
	if (vasprintf(&s->argv[s->argc++], fmt, ap) < 0)
		die("out of memory");
	va_end(ap);
}

static void stage_fd(struct pipe_stage *s, int fd)
{
	if (s->nfds >= STAGE_FDS)
		die("too many connections for '%s'", s->name);
	s->fds[s->nfds++] = fd;
}

struct pipe_stage *pipeline_stage(struct pipeline *p, const char *name, const char *path)
{
	struct pipe_stage *s = &p->stages[p->nstages];

	if (p->nstages >= PIPELINE_STAGES)
		die("more than %d stages", PIPELINE_STAGES);
	p->nstages++;
	*s = (struct pipe_stage){
		.name = name,
		.in_fd = -1,
		.out_fd = -1,
		.page_fd = -1,
		.flows_fd = -1,
		.ready_fd = -1,
		.keep = { -1, -1 },
	};
	stage_arg(s, "%s", path);
	return s;
}

void stage_keeps(struct pipe_stage *s)
{
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s->keep) < 0)
		die_errno("cannot make a pair of sockets for '%s'", s->name);
}

void stage_page(struct pipe_stage *s, int fd)
{
	if (fd < 0 || ftruncate(fd, BOOKS_PAGE) < 0)
		die_errno("cannot make a page for the books of '%s'", s->name);
	s->page_fd = fd;
	s->page = mmap(NULL, BOOKS_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (s->page == MAP_FAILED)
		die_errno("cannot map the books of '%s'", s->name);
}

/* ---- connections --------------------------------------------------------------------------- */

struct ring_set *pipeline_ring(struct pipeline *p, struct pipe_stage *from,
			       struct pipe_stage *const *to, size_t n, uint64_t size)
{
	return pipeline_ring_dropping(p, from, to, NULL, n, size);
}

struct ring_set *pipeline_ring_dropping(struct pipeline *p, struct pipe_stage *from,
					struct pipe_stage *const *to, const bool *drops, size_t n,
					uint64_t size)
{
	size_t at = p->nrings;
	struct ring_set *r = &p->rings[at];
	const char *names[RING_READERS];
	struct ring_spec spec = { .size = size ? size : p->ring_size,
				  .nreaders = (unsigned)n,
				  .names = names,
				  .drops = drops,
				  .keep = p->keep };
	struct buf pages = { 0 };

	if (p->nrings >= PIPELINE_RINGS || n > RING_READERS)
		die("more than %d rings, or more than %d readers of one", PIPELINE_RINGS,
		    RING_READERS);
	p->nrings++;
	p->ends[at].from = from;
	for (size_t i = 0; i < n; i++) {
		p->ends[at].to[i] = to[i];
		names[i] = to[i]->name;
	}
	if (!ring_create_memfd(r, &spec))
		die_errno("cannot make a ring of shared memory");
	for (size_t i = 0; i < n; i++) {
		buf_printf(&pages, "%s%d", i ? ":" : "", r->pages_read[i]);
		stage_fd(from, r->pages_read[i]);
		stage_fd(to[i], r->fd_read);
		stage_fd(to[i], r->pages[i]);
		stage_arg(to[i], "-i");
		stage_arg(to[i], "shm:fd=%d,page=%d", r->fd_read, r->pages[i]);
	}
	stage_fd(from, r->fd);
	stage_arg(from, "-o");
	stage_arg(from, "shm:fd=%d,pages=%.*s", r->fd, (int)pages.len, (const char *)pages.ptr);
	buf_release(&pages);
	return r;
}

static void new_pipe(struct pipeline *p, int fds[2])
{
	if (p->npipes + 2 > PIPELINE_PIPES)
		die("more than %d pipes", PIPELINE_PIPES / 2);
	if (pipe2(fds, O_CLOEXEC) < 0)
		die_errno("cannot make a pipe");
	p->pipes[p->npipes++] = fds[0];
	p->pipes[p->npipes++] = fds[1];
}

void pipeline_pipe_in(struct pipeline *p, struct pipe_stage *from, struct pipe_stage *to)
{
	int fds[2];

	new_pipe(p, fds);
	to->in_fd = fds[0];
	stage_fd(from, fds[1]);
	stage_arg(from, "-o");
	stage_arg(from, "fd:%d", fds[1]);
}

void pipeline_pipe_out(struct pipeline *p, struct pipe_stage *from, struct pipe_stage *to)
{
	struct buf name = { 0 };
	int fds[2];

	new_pipe(p, fds);
	from->out_fd = fds[1];
	stage_fd(to, fds[0]);
	stage_arg(to, "-i");
	for (const char *at = from->name; *at; at++)
		buf_printf(&name, *at == ',' ? ",," : "%c", *at);
	stage_arg(to, "fd:%d,from=%.*s", fds[0], (int)name.len, (const char *)name.ptr);
	buf_release(&name);
}

void pipeline_pipe(struct pipeline *p, struct pipe_stage *from, struct pipe_stage *to)
{
	int fds[2];

	new_pipe(p, fds);
	from->out_fd = fds[1];
	to->in_fd = fds[0];
}

void pipeline_close_pipes(struct pipeline *p)
{
	for (size_t i = 0; i < p->npipes; i++)
		close(p->pipes[i]);
	p->npipes = 0;
}

/* ---- running ------------------------------------------------------------------------------- */

static void export_fd(const char *name, int fd)
{
	char text[16];

	if (fd < 0) {
		unsetenv(name);
		return;
	}
	snprintf(text, sizeof(text), "%d", fd);
	setenv(name, text, 1);
	fcntl(fd, F_SETFD, 0);
}

static void export_keep(const struct pipe_stage *s)
{
	char text[32];

	if (s->keep[0] < 0) {
		unsetenv("WEIR_KEEP_FDS");
		return;
	}
	snprintf(text, sizeof(text), "%d,%d", s->keep[0], s->keep[1]);
	setenv("WEIR_KEEP_FDS", text, 1);
	fcntl(s->keep[0], F_SETFD, 0);
	fcntl(s->keep[1], F_SETFD, 0);
}

/* The kernel forgets PR_SET_PDEATHSIG where a program has rights in its file: such a stage has to
 * ask for it again. */
static void export_launcher(pid_t launcher)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)launcher);
	setenv("WEIR_LAUNCHER", text, 1);
}

/* What may not be had is no reason not to run: said once, by this stage. */
static void place(const struct pipe_stage *s)
{
	if (s->placed && sched_setaffinity(0, sizeof(s->cpus), &s->cpus) < 0)
		warn_errno("stage '%s': cannot have its processors", s->name);
	if (s->niced && setpriority(PRIO_PROCESS, 0, s->nice) < 0)
		warn_errno("stage '%s': cannot have nice %d", s->name, s->nice);
}

static void child(const struct pipeline *p, struct pipe_stage *s, pid_t parent, int ready)
	__attribute__((noreturn));
static void child(const struct pipeline *p, struct pipe_stage *s, pid_t parent, int ready)
{
	sigset_t none;

	/* A stage does not outlive its launcher: also not one that died before this call. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(128 + SIGKILL);
	if (p->own_groups)
		setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; i < s->nfds; i++)
		fcntl(s->fds[i], F_SETFD, 0);
	if (s->in_fd >= 0)
		dup2(s->in_fd, STDIN_FILENO);
	if (s->out_fd >= 0)
		dup2(s->out_fd, STDOUT_FILENO);
	export_fd("WEIR_PAGE_FD", s->page_fd);
	export_fd("WEIR_FLOWS_FD", s->flows_fd);
	export_fd("WEIR_READY_FD", ready);
	export_keep(s);
	export_launcher(parent);
	place(s);
	s->argv[s->argc] = NULL;
	execv(s->argv[0], s->argv);
	warn_errno("cannot run '%s'", s->argv[0]);
	_exit(127);
}

void pipeline_spawn(struct pipeline *p, struct pipe_stage *s)
{
	int ready[2] = { -1, -1 };
	pid_t self = getpid();

	if (s->page_fd < 0)
		stage_page(s, memfd_create("weir-books", MFD_CLOEXEC));
	if (s->notifies && pipe2(ready, O_CLOEXEC) < 0)
		die_errno("cannot make a pipe");
	fflush(stdout);
	s->pid = fork();
	if (s->pid < 0)
		die_errno("cannot fork");
	if (s->pid == 0)
		child(p, s, self, ready[1]);
	note("start: stage '%s', pid %d", s->name, (int)s->pid);
	s->last_pid = s->pid;
	if (ready[1] >= 0)
		close(ready[1]);
	s->ready_fd = ready[0];
}

static sigset_t signals_awaited(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	return set;
}

void pipeline_start(struct pipeline *p)
{
	sigset_t mine = signals_awaited();

	sigprocmask(SIG_BLOCK, &mine, NULL);
	signal(SIGINT, SIG_DFL); /* one that is ignored, as in the background, never comes */
	for (size_t i = p->nstages; i-- > 0;)
		pipeline_spawn(p, &p->stages[i]);
	pipeline_close_pipes(p);
}

static void note_end(const struct pipe_stage *s, pid_t pid)
{
	if (WIFSIGNALED(s->status))
		note("stop: stage '%s', pid %d, by signal %d", s->name, (int)pid,
		     WTERMSIG(s->status));
	else
		note("stop: stage '%s', pid %d, with %d", s->name, (int)pid,
		     WEXITSTATUS(s->status));
}

size_t pipeline_reap(struct pipeline *p)
{
	size_t running = 0;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < p->nstages; i++)
			if (p->stages[i].pid == pid) {
				p->stages[i].pid = 0;
				p->stages[i].status = status;
				note_end(&p->stages[i], pid);
			}
	for (size_t i = 0; i < p->nstages; i++)
		running += p->stages[i].pid != 0;
	return running;
}

/* Nobody will come in the place of a process that has ended: also not of one that never took its
 * rings, whose death they therefore do not show. No effect on what was left in order. */
static void let_go(struct pipeline *p)
{
	for (size_t i = 0; i < p->nrings; i++) {
		struct ring_set *r = &p->rings[i];

		if (!p->ends[i].from->pid)
			ring_set_end(r, RING_ABORTED);
		for (unsigned k = 0; k < r->nreaders; k++)
			if (!p->ends[i].to[k]->pid)
				ring_set_release(r, k);
	}
}

/* The source stops, the rest drains. It may have ended already by the same signal. */
static void stop(struct pipeline *p, int sig)
{
	if (!p->stopped)
		p->stopped = sig;
	if (p->stages[0].pid)
		kill(p->stages[0].pid, SIGINT);
}

void pipeline_wait(struct pipeline *p, void (*tick)(struct pipeline *p))
{
	struct timespec wait = { 0, TICK_MS * 1000000L };
	sigset_t mine = signals_awaited();

	while (pipeline_reap(p)) {
		int sig;

		let_go(p);
		sig = sigtimedwait(&mine, NULL, &wait);
		if (sig == SIGINT || sig == SIGTERM)
			stop(p, sig);
		if (tick)
			tick(p);
	}
}

int pipeline_code(const struct pipeline *p)
{
	static const int rank[] = {
		[0] = 0,         [EXIT_TRUNCATED] = 1, [EXIT_FAILED] = 2, [EXIT_SCHEMA] = 3,
		[EXIT_LOST] = 4, [EXIT_BOOKS] = 5,     [EXIT_USAGE] = 6
	};
	const struct pipe_stage *last = &p->stages[p->nstages - 1];
	int code = 0, best = 0;

	for (size_t i = 0; i < p->nstages; i++) {
		const struct pipe_stage *s = &p->stages[i];
		int this = WIFEXITED(s->status) ? WEXITSTATUS(s->status) : 0, weight;

		if (WIFSIGNALED(s->status)) {
			int sig = WTERMSIG(s->status);

			/* A closed pipe is no failure: whoever closed it has its own code. */
			if (sig == SIGPIPE)
				continue;
			warn("stage '%s' was killed by signal %d (%s)", s->name, sig,
			     strsignal(sig));
			this = 128 + sig;
		}
		weight = this >= 128 ? 7 : this < 7 ? rank[this] : 2;
		if (weight > best) {
			best = weight;
			code = this;
		}
	}
	if (code == 0 && WIFSIGNALED(last->status) && WTERMSIG(last->status) == SIGPIPE)
		return -1;
	return code;
}

static bool page_valid(const struct pipe_stage *s)
{
	return s->page && __atomic_load_n(&s->page->magic, __ATOMIC_ACQUIRE) == BOOKS_MAGIC;
}

void pipeline_books(const struct pipeline *p, struct books *b)
{
	for (size_t i = 0; i < p->nstages; i++)
		if (page_valid(&p->stages[i]))
			books_add_page(b, p->stages[i].page);
}

uint64_t pipeline_counter(const struct pipeline *p, const char *stage, const char *counter)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->nstages; i++) {
		const struct books_page *page = p->stages[i].page;

		if (!page_valid(&p->stages[i]) || strcmp(p->stages[i].name, stage) != 0)
			continue;
		for (uint32_t k = 0; k < page->nslots && k < BOOKS_SLOTS; k++)
			if (strncmp(page->slots[k].name, counter, BOOKS_NAME) == 0)
				sum += page->slots[k].value;
	}
	return sum;
}

void pipeline_free(struct pipeline *p)
{
	pipeline_close_pipes(p);
	for (size_t i = 0; i < p->nrings; i++)
		ring_set_free(&p->rings[i]);
	for (size_t i = 0; i < p->nstages; i++) {
		struct pipe_stage *s = &p->stages[i];

		for (int k = 0; k < s->argc; k++)
			free(s->argv[k]);
		if (s->page)
			munmap(s->page, BOOKS_PAGE);
		if (s->page_fd >= 0)
			close(s->page_fd);
		if (s->flows_fd >= 0)
			close(s->flows_fd);
		if (s->ready_fd >= 0)
			close(s->ready_fd);
		for (int k = 0; k < 2; k++)
			if (s->keep[k] >= 0)
				close(s->keep[k]);
	}
}
