/* run: starts a command, feeds it, hears it out, and ends it when its time is over. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/conform/conform.h"
#include "libcommon/base/clock.h"

enum { QUIET_MS = 400, HOLD_MS = 1500, OUTPUT_MAX = 64 << 20, READ_SIZE = 64 << 10 };

/* What a process group is: the command and what it starts. */
struct child {
	pid_t pid;
	int in, out, err; /* our ends; -1: closed */
};

/* A stage of ours lies beside the other tools, others in PATH. */
static void exec_command(char **argv)
{
	const char *dir = getenv("WEIR_EXEC_PATH");
	char path[4096];

	if (!strchr(argv[0], '/')) {
		snprintf(path, sizeof(path), "%s/%s", dir ? dir : WEIR_LIBEXEC, argv[0]);
		execv(path, argv);
	}
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "cannot run '%s': %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* step: a pipe in packet mode, where a read gives what one write put in, and no more. */
static struct child start(char **argv, bool step)
{
	int in[2], out[2], err[2];
	struct child c;

	if (pipe2(in, O_CLOEXEC | (step ? O_DIRECT : 0)) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
	    pipe2(err, O_CLOEXEC) < 0)
		die_errno("cannot make a pipe");
	c.pid = fork();
	if (c.pid < 0)
		die_errno("cannot fork");
	if (c.pid == 0) {
		setpgid(0, 0);
		signal(SIGPIPE, SIG_DFL);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		exec_command(argv);
	}
	setpgid(c.pid, c.pid);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	c.in = in[1];
	c.out = out[0];
	c.err = err[0];
	fcntl(c.in, F_SETFL, fcntl(c.in, F_GETFL) | O_NONBLOCK);
	return c;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Takes what there is to read; closes at the end. Returns how much. */
static size_t take(int *fd, struct buf *to)
{
	ssize_t n = read(*fd, buf_reserve(to, READ_SIZE), READ_SIZE);

	if (n > 0)
		to->len += (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		shut(fd);
	return n > 0 ? (size_t)n : 0;
}

static void feed(struct run *r, struct child *c, size_t *fed)
{
	size_t n = r->input.len - *fed;
	ssize_t done;

	if (r->step && n > r->step)
		n = r->step;
	if (r->signal_at && *fed < r->signal_at && n > r->signal_at - *fed)
		n = r->signal_at - *fed;
	done = n ? write(c->in, r->input.ptr + *fed, n) : 0;
	if (done > 0)
		*fed += (size_t)done;
	else if (done < 0 && errno != EAGAIN && errno != EINTR)
		shut(&c->in); /* it reads no more: so be it */
}

static int await(struct child *c, int64_t deadline, bool *late)
{
	int status = 0;

	while (waitpid(c->pid, &status, WNOHANG) == 0) {
		if (clock_ms() > deadline) {
			*late = true;
			kill(-c->pid, SIGKILL);
		}
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	kill(-c->pid, SIGKILL); /* what it may have left behind */
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* What is to be done about its input now: bytes, a signal, a pause, the end. */
static bool may_feed(struct run *r, struct child *c, size_t fed, int64_t quiet_since,
		     uint64_t *fed_all)
{
	int64_t now = clock_ms();

	if (r->signal_at && fed == r->signal_at) {
		if (now - quiet_since < QUIET_MS)
			return false;
		kill(c->pid, SIGINT);
		r->signal_at = 0;
	}
	if (fed < r->input.len)
		return true;
	if (!*fed_all)
		*fed_all = now;
	if (r->hold_open && now - *fed_all < HOLD_MS)
		return false;
	r->out_open = r->out.len;
	shut(&c->in);
	return false;
}

void run(struct run *r)
{
	int64_t deadline = clock_ms() + 1000 * (int64_t)(r->seconds ? r->seconds : 20);
	int64_t quiet_since = clock_ms();
	uint64_t fed_all = 0;
	struct child c = start(r->argv, r->step > 0);
	size_t fed = 0;

	while ((c.out >= 0 || c.err >= 0) && clock_ms() < deadline) {
		bool more = c.in >= 0 && may_feed(r, &c, fed, quiet_since, &fed_all);
		struct pollfd p[] = { { c.out, POLLIN, 0 },
				      { c.err, POLLIN, 0 },
				      { more ? c.in : -1, POLLOUT, 0 } };

		if (poll(p, 3, 20) <= 0)
			continue;
		if (p[2].revents && c.in >= 0) {
			feed(r, &c, &fed);
			quiet_since = clock_ms();
		}
		if (c.out >= 0 && p[0].revents && take(&c.out, &r->out))
			quiet_since = clock_ms();
		if (c.err >= 0 && p[1].revents)
			take(&c.err, &r->err);
		if (c.out >= 0 &&
		    ((r->close_at && r->out.len >= r->close_at) || r->out.len > OUTPUT_MAX))
			shut(&c.out);
	}
	shut(&c.in);
	shut(&c.out);
	r->status = await(&c, deadline, &r->late);
	while (c.err >= 0 && r->err.len < READ_SIZE)
		take(&c.err, &r->err);
	shut(&c.err);
}

void run_release(struct run *r)
{
	buf_release(&r->out);
	buf_release(&r->err);
}
