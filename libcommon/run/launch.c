/* launch: runs a graph: processes, restarts, the orderly stop, and what is shown meanwhile. */
#include "libcommon/run/launch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"
#include "libcommon/run/launch_private.h"

enum { TICK_MS = 200, POLLS = 2 + CONTROL_CLIENTS + GRAPH_STAGES };

static int signals_open(void)
{
	static const int mine[] = { SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGUSR1 };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
		sigaddset(&set, mine[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		die_errno("cannot wait for signals");
	return fd;
}

/* ---- books --------------------------------------------------------------------------------- */

/* A process that was replaced saw less than its producer sent, but where it went on with its
 * predecessor's books. */
static void collect_books(const struct launch *l, struct books *b)
{
	pipeline_books(&l->pipeline, b);
	for (size_t i = 0; i < l->n; i++) {
		const struct runner *r = &l->runners[i];
		struct books_row row = { .counter = "running", .value = 1 };

		if (r->process->page->magic != BOOKS_MAGIC ||
		    ((!r->restarts || r->commits) && r->state >= RUN_ENDED))
			continue;
		row.instance = r->process->page->instance;
		snprintf(row.stage, sizeof(row.stage), "%s", r->process->page->stage);
		books_add(b, &row);
	}
}

static void print_books(const struct launch *l)
{
	struct books b = { 0 };
	struct buf text = { 0 };

	collect_books(l, &b);
	books_print(&b, &text);
	if (write(STDERR_FILENO, text.ptr, text.len) < 0)
		text.len = 0;
	buf_release(&text);
	books_release(&b);
}

static int check_books(const struct launch *l, int code)
{
	struct books b = { 0 };
	struct buf why = { 0 };

	collect_books(l, &b);
	if (code == EXIT_DONE && books_check(&b, &why)) {
		warn("books are off: %.*s", (int)strcspn((const char *)why.ptr, "\n"),
		     (const char *)why.ptr);
		code = EXIT_BOOKS;
	}
	buf_release(&why);
	books_release(&b);
	return code;
}

/* ---- events -------------------------------------------------------------------------------- */

static char on_command(void *ctx, char *line, char *reply, size_t size)
{
	struct launch *l = ctx;

	if (strcmp(line, "stop") == 0) {
		if (l->phase == STOP_NONE)
			launch_stop(l, NULL);
		return CONTROL_END;
	}
	if (strncmp(line, "tap ", 4) == 0) {
		l->control.pass = launch_tap(l, line + 4, reply, size);
		return 0;
	}
	if (strncmp(line, "swap ", 5) == 0)
		return launch_swap(l, line + 5, reply, size) ? CONTROL_SWAP : 0;
	snprintf(reply, size, "no command '%.40s'", line);
	return 0;
}

static void on_signals(struct launch *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			print_books(l);
		else if (info.ssi_signo != SIGCHLD)
			launch_stop(l, NULL);
	}
}

static void wait_for_events(struct launch *l)
{
	struct pollfd fds[POLLS];
	struct runner *of[POLLS] = { NULL };
	size_t n, first;

	fds[0] = (struct pollfd){ .fd = l->signals, .events = POLLIN };
	n = first = 1 + control_polls(&l->control, fds + 1);
	for (size_t i = 0; i < l->n; i++)
		if (l->runners[i].process->ready_fd >= 0) {
			of[n] = &l->runners[i];
			fds[n].fd = of[n]->process->ready_fd;
			fds[n].events = POLLIN;
			n++;
		}
	if (poll(fds, n, TICK_MS) <= 0)
		return;
	if (fds[0].revents)
		on_signals(l);
	for (size_t i = 1; i < first; i++)
		if (fds[i].revents) {
			control_serve(&l->control, on_command, l);
			break;
		}
	for (size_t i = first; i < n; i++)
		if (fds[i].revents)
			launch_ready(l, of[i]);
}

static void run(struct launch *l)
{
	int64_t shown = 0;

	for (size_t i = l->n; i-- > 0;)
		if (!l->runners[i].source)
			launch_spawn(l, &l->runners[i]);
	launch_tick(l);
	while (launch_busy(l)) {
		if (clock_ms() - shown >= TICK_MS) {
			launch_show(l);
			shown = clock_ms();
		}
		wait_for_events(l);
		launch_tick(l);
	}
	launch_show(l);
}

/* The stage whose exit code is that of the whole. */
static void name_culprit(const struct launch *l, int code)
{
	for (size_t i = 0; i < l->n && code > 0 && code < 128; i++) {
		int status = l->runners[i].process->status;

		if (WIFEXITED(status) && WEXITSTATUS(status) == code) {
			warn("stage '%s' ended with %d", l->runners[i].stage->name, code);
			return;
		}
	}
}

static int final_code(const struct launch *l)
{
	int code = pipeline_code(&l->pipeline);

	name_culprit(l, code);
	if (l->lost &&
	    (code <= 0 || code == EXIT_TRUNCATED || code == EXIT_FAILED || code == EXIT_SCHEMA))
		code = EXIT_LOST;
	return code < 0 ? code : check_books(l, code);
}

int launch_run(const struct graph *g, const struct check_world *w, const struct launch_options *o)
{
	static struct launch l;
	char name[GRAPH_NAME];
	int code;

	l = (struct launch){ .g = g, .w = w, .o = o };
	snprintf(name, sizeof(name), "%d", (int)getpid());
	rundir_make(&l.dir, g->name[0] ? g->name : name);
	control_open(&l.control, l.dir.fd);
	l.signals = signals_open();
	launch_build(&l);
	run(&l);
	code = final_code(&l);
	if (!o->quiet)
		print_books(&l);
	/* The folder first: who hears of the end may start the next one. */
	rundir_remove(&l.dir);
	control_close(&l.control, code < 0 ? 128 + SIGPIPE : code);
	close(l.signals);
	pipeline_free(&l.pipeline);
	return code;
}
