/* launch_stages: the life of each stage: start, readiness, death, restart, stop. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"
#include "libcommon/run/launch_private.h"
#include "libcommon/stage/commit.h"

static bool alive(const struct runner *r)
{
	return r->state == RUN_STARTING || r->state == RUN_RUNNING;
}

bool launch_busy(const struct launch *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->runners[i].state < RUN_ENDED)
			return true;
	return false;
}

void launch_spawn(struct launch *l, struct runner *r)
{
	pipeline_spawn(&l->pipeline, r->process);
	r->started = clock_ms();
	r->at = r->started + READY_MS;
	r->told = false;
	/* A source may wait for its input before it is ready: nobody waits for that. */
	r->state = r->process->notifies && (!r->source || r->swap == SWAP_TRIED) ? RUN_STARTING
										 : RUN_RUNNING;
}

/* A printer writes before it commits, and no successor takes back what stands behind the commit. */
static void say_beyond(const struct runner *r, const struct commit_slot *slot)
{
	uint64_t to = commit_of(r->page)->text_to;

	if (to <= slot->text)
		return;
	*books_counter(r->page, "text_beyond", 0) = to - slot->text;
	warn("stage '%s' may have written up to %llu bytes for records that the books have as lost",
	     r->stage->name, (unsigned long long)(to - slot->text));
}

/* What a successor would set to the last commit (commit.h), of a dead stage that gets none: the
 * counters in its page, and how far its rings show what it wrote. True: its stream has its end. */
static bool settle(struct runner *r)
{
	const struct commit_slot *slot = r->page ? commit_valid(r->page) : NULL;
	bool whole;

	if (r->page && !slot)
		r->page->nslots = 0;
	if (!slot)
		return false;
	whole = commit_restore(r->page);
	for (size_t i = 0; i < r->nout; i++)
		whole &= r->out_at[i] < slot->nout &&
			 ring_set_settle(r->out[i], slot->out[r->out_at[i]]);
	if (!whole)
		warn("stage '%s' left a page of counters that can't be", r->stage->name);
	else if (!slot->ended)
		say_beyond(r, slot);
	return whole && slot->ended;
}

/* Nobody waits for this stage any more: its readers get what there is, then an error or the end;
 * its writers go on without it. No effect on what has ended in order. */
static void let_go(struct runner *r, enum ring_state how)
{
	if (how == RING_ABORTED && settle(r))
		how = RING_CLOSED;
	for (size_t i = 0; i < r->nout; i++)
		ring_set_end(r->out[i], how);
	for (size_t i = 0; i < r->nin; i++)
		ring_set_release(r->in[i].ring, r->in[i].reader);
}

/* ---- stop ---------------------------------------------------------------------------------- */

static void signal_all(struct launch *l, int sig)
{
	for (size_t i = 0; i < l->n; i++) {
		struct runner *r = &l->runners[i];

		if (alive(r))
			kill(r->process->pid, sig);
		else if (r->state == RUN_BACKOFF || r->state == RUN_WAITING) {
			r->state = RUN_FAILED;
			let_go(r, RING_ABORTED);
		}
	}
}

/* By the command line, else by the graph, else by default. */
static int64_t given(uint64_t option, uint64_t graph, uint64_t otherwise)
{
	return (int64_t)(option ? option : graph ? graph : otherwise);
}

uint64_t launch_stop_ms(const struct launch *l)
{
	return (uint64_t)given(l->o->stop_ms, l->g->stop_ms, STOP_MS);
}

/* A source hears that it is to end once it is ready: before that the signal would kill it, or make
 * it leave what its predecessor committed. One that has long been waiting for its input knows it,
 * too. */
static void tell_source(const struct launch *l, struct runner *r, int64_t now)
{
	if (l->phase != STOP_SOURCES || !r->source || !alive(r) || !r->process->pid || r->told ||
	    (r->process->ready_fd >= 0 && now - r->started < DEAF_MS))
		return;
	r->told = true;
	kill(r->process->pid, SIGINT);
}

/* Sources first: the end then walks through the graph. Who is to be started again is so at once: it
 * ends in order, too. */
static void stop_sources(struct launch *l, int64_t now)
{
	for (size_t i = 0; i < l->n; i++) {
		struct runner *r = &l->runners[i];

		if (r->state == RUN_WAITING) {
			r->state = RUN_ENDED;
			let_go(r, RING_ABORTED);
		} else if (r->state == RUN_BACKOFF) {
			r->at = now;
		}
		tell_source(l, r, now);
	}
}

void launch_stop(struct launch *l, const char *why)
{
	int64_t now = clock_ms();

	if (why)
		warn("%s", why);
	switch (l->phase) {
	case STOP_NONE:
		l->phase = STOP_SOURCES;
		l->phase_at = now + (int64_t)launch_stop_ms(l);
		stop_sources(l, now);
		break;
	case STOP_SOURCES:
		l->phase = STOP_TERM;
		l->phase_at = now + KILL_AFTER_MS;
		signal_all(l, SIGTERM);
		break;
	case STOP_TERM:
	case STOP_KILL:
		l->phase = STOP_KILL;
		l->phase_at = now + KILL_AFTER_MS;
		signal_all(l, SIGKILL);
		break;
	}
}

static void say_late(const struct launch *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (alive(&l->runners[i]))
			warn("stage '%s' has not ended: sending it %s", l->runners[i].stage->name,
			     l->phase == STOP_SOURCES ? "SIGTERM" : "SIGKILL");
}

/* ---- death --------------------------------------------------------------------------------- */

static void describe(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "was killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "ended with %d", WEXITSTATUS(status));
}

/* It closed its books and its outputs before it went. One that commits does the last of that when
 * its page says that it has ended: where it was killed then, its successor does the rest. (By
 * SIGTERM and SIGPIPE it ends itself, as the last of all.) */
static bool in_order(const struct runner *r)
{
	const struct books_page *page = r->process->page;
	int status = r->process->status;

	if (r->commits && WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM &&
	    WTERMSIG(status) != SIGPIPE)
		return false;
	if (page->magic == BOOKS_MAGIC && page->pid == (uint32_t)r->process->last_pid)
		return page->state == 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGPIPE;
}

/* A second try of what was said to be wrong would end the same way. */
static bool worth_it(const struct runner *r)
{
	int status = r->process->status, code = WEXITSTATUS(status);

	return WIFSIGNALED(status) || (code != EXIT_USAGE && code != EXIT_SCHEMA && code != 127);
}

/* Whether it may be started once more, by the number of restarts within a time. */
static bool within_limit(struct runner *r, int64_t now)
{
	const struct graph_stage *s = r->stage;
	unsigned max = s->max ? s->max : RESTARTS;
	int64_t window = s->max ? (int64_t)s->max_secs * 1000 : RESTARTS_MS;

	if (!r->recent || (window && now - r->recent_since > window)) {
		r->recent = 0;
		r->recent_since = now;
	}
	return ++r->recent <= max;
}

static void give_up(struct launch *l, struct runner *r, const char *what)
{
	r->state = RUN_FAILED;
	let_go(r, RING_ABORTED);
	if (r->stage->isolate) {
		warn("stage '%s' %s: going on without it", r->stage->name, what);
	} else if (l->phase == STOP_NONE) {
		warn("stage '%s' %s: stopping", r->stage->name, what);
		launch_stop(l, NULL);
	}
}

static void plan_restart(struct launch *l, struct runner *r, const char *what, int64_t now)
{
	int64_t first = given(l->o->backoff_ms, l->g->backoff_ms, GRAPH_BACKOFF_MS);
	int64_t most = given(l->o->backoff_max_ms, l->g->backoff_max_ms, GRAPH_BACKOFF_MAX_MS);

	if (!r->delay || now - r->started > STEADY_MS)
		r->delay = first;
	r->state = RUN_BACKOFF;
	r->at = now + (l->phase == STOP_NONE ? r->delay : 0);
	warn("stage '%s' %s: starting it again in %lld ms", r->stage->name, what,
	     (long long)(r->at - now));
	if (r->delay < most)
		r->delay = r->delay * 2 < most ? r->delay * 2 : most;
}

/* Signals that a process brings on itself; others come from somebody else. */
static bool own_doing(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE ||
	       sig == SIGABRT || sig == SIGTRAP || sig == SIGSYS || sig == SIGXCPU;
}

/* Killed when all was done and its rings were closed: it ended with the code in its page. What it
 * writes elsewhere, through a link or into a file, may want its successor still; a printer's text
 * is out when it says that it has ended. */
static void take_code(struct runner *r)
{
	const struct commit_slot *slot = r->page ? commit_valid(r->page) : NULL;

	if (!slot || !slot->ended || slot->code > EXIT_BOOKS || slot->nout != r->nout ||
	    !WIFSIGNALED(r->process->status))
		return;
	for (size_t i = 0; i < r->nout; i++)
		if (ring_set_state(r->out[i]) != RING_CLOSED)
			return;
	r->process->status = slot->code << 8; /* as wait() has it */
}

static void on_death(struct launch *l, struct runner *r)
{
	int64_t now = clock_ms();
	char what[80];

	take_code(r);
	describe(r->process->status, what, sizeof(what));
	r->cpu_dead += r->cpu_now;
	r->cpu_now = 0;
	if (r->process->ready_fd >= 0)
		close(r->process->ready_fd);
	r->process->ready_fd = -1;
	if (r->swap == SWAP_ASKED && !in_order(r) && l->phase < STOP_TERM) {
		launch_swap_next(l, r);
		return;
	}
	if (r->swap == SWAP_ASKED) {
		r->swap = SWAP_NONE;
		control_tell(&l->control, CONTROL_SWAP, "error the stage has ended");
	}
	if (r->swap == SWAP_TRIED) {
		launch_swap_back(l, r, what);
		return;
	}
	if (in_order(r) || l->phase >= STOP_TERM) {
		r->state = RUN_ENDED;
		let_go(r, in_order(r) ? RING_CLOSED : RING_ABORTED);
	} else if (r->again && worth_it(r) && within_limit(r, now)) {
		if (WIFSIGNALED(r->process->status) && own_doing(WTERMSIG(r->process->status)))
			launch_poison_death(r);
		plan_restart(l, r, what, now);
	} else {
		give_up(l, r, what);
	}
}

static void restart(struct launch *l, struct runner *r)
{
	/* What its predecessor left half done the successor completes or undoes by its page. */
	l->lost |= !r->commits;
	r->restarts++;
	launch_spawn(l, r);
}

/* ---- readiness, time ----------------------------------------------------------------------- */

void launch_ready(struct launch *l, struct runner *r)
{
	char byte;
	ssize_t n = read(r->process->ready_fd, &byte, 1);

	if (n < 0 && errno == EINTR)
		return;
	close(r->process->ready_fd);
	r->process->ready_fd = -1;
	/* The end alone: it is about to be seen dead. */
	if (n == 1 && r->state == RUN_STARTING)
		r->state = RUN_RUNNING;
	tell_source(l, r, clock_ms());
	if (n == 1 && r->swap == SWAP_TRIED)
		launch_swap_done(l, r);
}

static void start_sources(struct launch *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->runners[i].state == RUN_STARTING || l->runners[i].state == RUN_BACKOFF)
			return;
	l->sources_started = true;
	for (size_t i = 0; i < l->n && l->phase == STOP_NONE; i++)
		if (l->runners[i].state == RUN_WAITING)
			launch_spawn(l, &l->runners[i]);
	pipeline_close_pipes(&l->pipeline);
}

static void one_tick(struct launch *l, struct runner *r, int64_t now)
{
	if (alive(r) && !r->process->pid)
		on_death(l, r);
	if (r->state == RUN_BACKOFF && now >= r->at)
		restart(l, r);
	tell_source(l, r, now);
	if (r->swap == SWAP_ASKED && alive(r) && now >= r->at)
		launch_swap_late(r);
	else if (r->state == RUN_STARTING && now >= r->at && r->swap == SWAP_TRIED)
		kill(r->process->pid, SIGKILL);
	else if (r->state == RUN_STARTING && now >= r->at) {
		warn("stage '%s' is not ready after %d s", r->stage->name, READY_MS / 1000);
		r->at = INT64_MAX;
		launch_stop(l, NULL);
	}
}

void launch_tick(struct launch *l)
{
	int64_t now = clock_ms();

	pipeline_reap(&l->pipeline);
	for (size_t i = 0; i < l->n; i++) {
		one_tick(l, &l->runners[i], now);
		launch_poison_tick(&l->runners[i]);
	}
	if (!l->sources_started)
		start_sources(l);
	if (l->phase != STOP_NONE && now >= l->phase_at && launch_busy(l)) {
		say_late(l);
		launch_stop(l, NULL);
	}
}
