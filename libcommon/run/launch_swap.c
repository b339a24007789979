/* launch_swap: another program in the place of a stage that runs.
 *
 * The rings stay, so the new program begins where the old one stopped, and its neighbours wait for
 * it. A stage that commits brings to an end what it has in progress, and leaves between two units
 * (stage_ops.leave); another one is killed. If the new program does not become ready the old one is
 * started again. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"
#include "libcommon/run/launch_private.h"
#include "libcommon/run/lookup.h"
#include "libcommon/stage/commit.h"

static struct runner *runner_named(struct launch *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->runners[i].stage->name, name) == 0)
			return &l->runners[i];
	return NULL;
}

/* Why a stage can't be swapped now, or NULL. */
static const char *hindrance(const struct launch *l, const struct runner *r)
{
	if (l->phase != STOP_NONE)
		return "the pipeline is stopping";
	for (size_t i = 0; i < l->n; i++)
		if (l->runners[i].swap != SWAP_NONE)
			return "another swap is under way";
	if (r->piped || (r->source ? !r->commits : !r->nin))
		return "only a stage that reads rings, or a source that is restarted on failure, "
		       "and "
		       "that is joined by no pipe, can be swapped";
	if ((r->state != RUN_RUNNING && r->state != RUN_STARTING) || !r->process->pid)
		return "it is not running";
	return NULL;
}

static void put_word(struct pipe_stage *p, const char *word)
{
	stage_arg(p, "%s", word);
}

/* argv with the same endpoints and another command. */
static void replace_command(struct runner *r, const char *path, const struct graph_words *words,
			    size_t first)
{
	struct pipe_stage *p = r->process;
	int keep = r->words_at;

	memcpy(r->before, p->argv, sizeof(r->before));
	r->nbefore = p->argc;
	memset(p->argv, 0, sizeof(p->argv));
	p->argc = 0;
	put_word(p, path);
	for (int i = 1; i < keep; i++)
		put_word(p, r->before[i]);
	for (size_t i = first; i < words->n; i++)
		put_word(p, words->v[i]);
}

static void free_words(char **argv, int n)
{
	for (int i = 0; i < n; i++)
		free(argv[i]);
}

/* A source holds nothing between two records: its successor begins where it had committed. */
static void ask_to_leave(const struct launch *l, struct runner *r)
{
	bool able = r->page && r->state == RUN_RUNNING && !r->source;

	r->swap = SWAP_ASKED;
	r->at = clock_ms() + (int64_t)launch_stop_ms(l);
	if (able)
		commit_of(r->page)->leave = 1;
	kill(r->process->pid, able ? SIGTERM : SIGKILL);
}

void launch_swap_late(struct runner *r)
{
	warn("stage '%s' has not left its place: it is killed", r->stage->name);
	r->at = INT64_MAX;
	kill(r->process->pid, SIGKILL);
}

bool launch_swap(struct launch *l, char *text, char *reply, size_t size)
{
	struct graph_words words = { 0 };
	struct runner *r = NULL;
	const char *what = NULL, *why;
	char path[4096];
	size_t first = 1;
	bool good = false;

	if (!graph_split(&words, text, false, &what))
		snprintf(reply, size, "%s", what);
	else if (words.n < 2)
		snprintf(reply, size, "a stage and a command are needed");
	else if (!(r = runner_named(l, words.v[0])))
		snprintf(reply, size, "there is no stage '%s'", words.v[0]);
	else if ((why = hindrance(l, r)))
		snprintf(reply, size, "stage '%s': %s", words.v[0], why);
	else {
		first += words.n > 2 && strcmp(words.v[1], "weir") == 0;
		good = lookup_program(words.v[first], path, sizeof(path)) != LOOKUP_MISSING;
		if (!good)
			snprintf(reply, size, "no program '%s'", words.v[first]);
	}
	if (good) {
		replace_command(r, path, &words, first + 1);
		r->process->notifies = true; /* who knows rings knows this, too */
		ask_to_leave(l, r);
	}
	graph_words_free(&words);
	return good;
}

void launch_swap_next(struct launch *l, struct runner *r)
{
	warn("stage '%s' is replaced by '%s'", r->stage->name, r->process->argv[0]);
	r->swap = SWAP_TRIED;
	if (r->page)
		commit_of(r->page)->leave = 0;
	l->lost |= !r->commits;
	launch_spawn(l, r);
}

void launch_swap_done(struct launch *l, struct runner *r)
{
	r->swap = SWAP_NONE;
	free_words(r->before, r->nbefore);
	control_tell(&l->control, CONTROL_SWAP, "done");
}

void launch_swap_back(struct launch *l, struct runner *r, const char *what)
{
	char text[200];

	snprintf(text, sizeof(text), "error the new program %s; the old one goes on", what);
	free_words(r->process->argv, r->process->argc);
	memcpy(r->process->argv, r->before, sizeof(r->before));
	r->process->argc = r->nbefore;
	r->swap = SWAP_NONE;
	warn("stage '%s': the new program %s, the old one goes on", r->stage->name, what);
	launch_spawn(l, r);
	control_tell(&l->control, CONTROL_SWAP, text);
}
