/* check: whether a graph makes sense, before anything is started. */
#include "libcommon/run/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "libcommon/base/opt.h"
#include "libcommon/port/endpoint.h"

static bool same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool word_in(const struct graph_words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++)
		if (same(w->v[i], word))
			return true;
	return false;
}

bool check_by_pipe(const struct graph_stage *s, const struct check_world *w)
{
	if (s->join != GRAPH_JOIN_DEFAULT)
		return s->join == GRAPH_JOIN_PIPE;
	return w->program(w->ctx, graph_program(s, NULL)) == CHECK_OTHER;
}

/* ---- programs and their options ---- */

static const char *const *options_of(const struct check_world *w, const struct graph_stage *s,
				     const bool **takes)
{
	const char *name = graph_program(s, NULL);

	*takes = NULL;
	if (!w->options || w->program(w->ctx, name) != CHECK_OWN)
		return NULL;
	return w->options(w->ctx, name, takes);
}

static int find_option(const char *const *options, const char *name, size_t len)
{
	for (int i = 0; options[i]; i++)
		if (strlen(options[i]) == len && strncmp(options[i], name, len) == 0)
			return i;
	return -1;
}

static int long_option(const char *const *options, const char *word, size_t len)
{
	int i = find_option(options, word, len);
	char yes[64];

	if (i < 0 && strncmp(word, "--no-", 5) == 0 && len < sizeof(yes)) {
		snprintf(yes, sizeof(yes), "--%.*s", (int)len - 5, word + 5);
		i = find_option(options, yes, strlen(yes));
	}
	return i;
}

/* Whether the word behind this one is its value. */
static bool check_option(struct graph *g, const struct graph_stage *s, const char *word,
			 const char *const *options, const bool *takes)
{
	bool is_long = word[1] == '-';
	size_t len = is_long ? strcspn(word, "=") : 2;
	int i = is_long ? long_option(options, word, len) : find_option(options, word, len);
	char name[64];
	const char *near;

	if (i >= 0)
		return takes && takes[i] && !word[len];
	snprintf(name, sizeof(name), "%.*s", (int)len, word);
	near = is_long ? opt_nearest(name, options) : NULL;
	graph_error(g, s->run_line,
		    near ? "stage '%s': '%s' has no option %s; did you mean %s?"
			 : "stage '%s': '%s' has no option %s",
		    s->name, graph_program(s, NULL), name, near);
	return false;
}

static void check_run(struct graph *g, const struct check_world *w, struct graph_stage *s)
{
	const bool *takes;
	const char *const *options = options_of(w, s, &takes);
	size_t at;

	graph_program(s, &at);
	for (; options && at < s->run.n; at++) {
		const char *word = s->run.v[at];

		if (same(word, "--"))
			break;
		if (word[0] == '-' && word[1] && check_option(g, s, word, options, takes))
			at++;
	}
	if (options && s->in.n && find_option(options, "--in", 4) < 0)
		graph_error(g, s->in_line, "stage '%s': '%s' reads no records", s->name,
			    graph_program(s, NULL));
}

static void check_program(struct graph *g, const struct check_world *w, struct graph_stage *s)
{
	const char *name = graph_program(s, NULL), *near;

	if (!s->run.n) {
		graph_error(g, s->line, "stage '%s' has no run =", s->name);
		return;
	}
	if (w->program(w->ctx, name) == CHECK_MISSING) {
		near = w->near ? w->near(w->ctx, name) : NULL;
		graph_error(g, s->run_line,
			    near ? "stage '%s': no program '%s'; did you mean '%s'?"
				 : "stage '%s': no program '%s'",
			    s->name, name, near);
		return;
	}
	check_run(g, w, s);
}

/* ---- links ---- */

static void check_endpoint(struct graph *g, unsigned line, const char *word, bool output)
{
	static struct endpoint ep;
	char why[160];

	if (!endpoint_parse(&ep, word, output, why, sizeof(why)))
		graph_error(g, line, "'%s': %s", word, why);
}

static void make_links(struct graph *g)
{
	for (size_t i = 0; i < g->nstages; i++) {
		const struct graph_stage *s = &g->stages[i];

		for (size_t k = 0; k < s->out.n; k++)
			if (graph_is_link(s->out.v[k]) && !graph_link(g, s->out.v[k]))
				graph_add_link(g, s->out.v[k], 0);
	}
}

static const char *near_link(const struct graph *g, const char *word)
{
	const char *names[GRAPH_LINKS + 1];

	for (size_t i = 0; i < g->nlinks; i++)
		names[i] = g->links[i].name;
	names[g->nlinks] = NULL;
	return opt_nearest(word, names);
}

static void check_ends(struct graph *g, const struct graph_stage *s, bool output)
{
	const struct graph_words *w = output ? &s->out : &s->in;
	unsigned line = output ? s->out_line : s->in_line;

	for (size_t i = 0; i < w->n; i++) {
		const char *word = w->v[i], *near;

		for (size_t k = 0; k < i; k++)
			if (same(w->v[k], word))
				graph_error(g, line, "stage '%s' names '%s' twice", s->name, word);
		if (!graph_is_link(word)) {
			check_endpoint(g, line, word, output);
		} else if (!output && graph_writer(g, word) < 0) {
			near = near_link(g, word);
			if (near && same(near, word))
				near = NULL;
			graph_error(g, line,
				    near ? "stage '%s' reads '%s', which no stage writes; did you "
					   "mean '%s'?"
					 : "stage '%s' reads '%s', which no stage writes",
				    s->name, word, near);
		}
	}
}

/* Those of weir's own whose output is text, or a capture file. */
static bool writes_no_records(const struct check_world *w, const struct graph_stage *s)
{
	static const char *const names[] = { "json",  "csv",   "show", "streams", "info",
					     "books", "write", "send", NULL };
	const char *name = graph_program(s, NULL);

	for (int i = 0; names[i]; i++)
		if (same(name, names[i]))
			return w->program(w->ctx, name) == CHECK_OWN;
	return false;
}

/* A stage of weir's own that reads what is no stream; other programs may. */
static void check_text(struct graph *g, const struct check_world *w, const struct graph_link *l)
{
	int readers[GRAPH_STAGES], writer = graph_writer(g, l->name);
	size_t n = graph_readers(g, l->name, readers);

	if (writer < 0 || !writes_no_records(w, &g->stages[writer]))
		return;
	for (size_t i = 0; i < n; i++) {
		const struct graph_stage *s = &g->stages[readers[i]];
		const bool *takes;
		const char *const *options = options_of(w, s, &takes);

		/* Of one that reads nothing that was said. */
		if (options && find_option(options, "--in", 4) >= 0)
			graph_error(g, s->in_line,
				    "stage '%s' reads what '%s' writes, and that is no records",
				    s->name, g->stages[writer].name);
	}
}

static bool names_reader(const struct graph_link *l, const char *stage)
{
	for (size_t i = 0; i < l->readers.n; i++)
		if (strcspn(l->readers.v[i], ":") == strlen(stage) &&
		    strncmp(l->readers.v[i], stage, strlen(stage)) == 0)
			return true;
	return false;
}

/* Whether all that a stage gets comes from interfaces, and what it does not read is gone. */
static bool is_live(const struct graph *g, const struct graph_stage *s, unsigned depth)
{
	bool live = s->in.n || same(graph_program(s, NULL), "capture");

	for (size_t i = 0; i < s->in.n && live; i++) {
		int writer = graph_writer(g, s->in.v[i]);

		/* A circle is refused elsewhere. */
		live = writer >= 0 && depth < GRAPH_STAGES &&
		       is_live(g, &g->stages[writer], depth + 1);
	}
	return live;
}

/* A reader that may lose records. */
static void check_drop(struct graph *g, const struct graph_link *l, int reader, const char *name)
{
	int writer = graph_writer(g, l->name);

	if (writer < 0 || reader < 0)
		return; /* said already */
	if (!is_live(g, &g->stages[writer], 0))
		graph_error(g, l->readers_line,
			    "link '%s': a reader that may lose records ('%s:drop') is for "
			    "live sources alone",
			    l->name, name);
	if (g->stages[reader].shard > 1 || l->via)
		graph_error(g, l->readers_line,
			    "link '%s': '%s:drop' reads no ring of it, but by way of another stage",
			    l->name, name);
}

/* The readers that [link] names are those that read it; NAME:drop may lose records. */
static void check_readers(struct graph *g, const struct graph_link *l)
{
	int readers[GRAPH_STAGES];
	size_t n = graph_readers(g, l->name, readers);

	for (size_t i = 0; i < l->readers.n; i++) {
		char name[GRAPH_NAME];
		size_t len = strcspn(l->readers.v[i], ":");
		const char *mode = l->readers.v[i] + len;
		int at;

		snprintf(name, sizeof(name), "%.*s", (int)len, l->readers.v[i]);
		at = graph_stage_index(g, name);
		if (at < 0)
			graph_error(g, l->readers_line, "link '%s': there is no stage '%s'",
				    l->name, name);
		else if (!word_in(&g->stages[at].in, l->name))
			graph_error(g, l->readers_line,
				    "link '%s' waits for '%s', which does not read it", l->name,
				    name);
		if (same(mode, ":drop"))
			check_drop(g, l, at, name);
		else if (*mode)
			graph_error(g, l->readers_line, "link '%s': '%s' is no mode of a reader",
				    l->name, mode + 1);
	}
	for (size_t i = 0; i < n && l->readers.n; i++)
		if (!names_reader(l, g->stages[readers[i]].name))
			graph_error(g, l->readers_line, "link '%s': '%s' reads it, too", l->name,
				    g->stages[readers[i]].name);
}

static void check_link(struct graph *g, const struct graph_link *l)
{
	int readers[GRAPH_STAGES], writer = graph_writer(g, l->name);
	size_t n = graph_readers(g, l->name, readers);

	if (writer < 0 && (!n || l->line))
		graph_error(g, l->line, "no stage writes link '%s'", l->name);
	for (size_t i = 0; i < g->nstages; i++)
		if ((int)i != writer && word_in(&g->stages[i].out, l->name))
			graph_error(g, g->stages[i].out_line,
				    "link '%s' has two writers, '%s' and '%s'", l->name,
				    g->stages[writer].name, g->stages[i].name);
	if (writer >= 0 && !n)
		graph_error(g, g->stages[writer].out_line,
			    "nobody reads link '%s': stage '%s' would wait for ever", l->name,
			    g->stages[writer].name);
	check_readers(g, l);
	if (!l->via)
		return;
	if (n > 1)
		graph_error(g, l->line, "link '%s' has %zu readers: only a ring may", l->name, n);
	check_endpoint(g, l->line, l->via, true);
	check_endpoint(g, l->line, l->via, false);
}

/* ---- pipes ---- */

static bool pipe_beside(const struct graph *g, const struct check_world *w, size_t at)
{
	const struct graph_stage *s = &g->stages[at];

	if (check_by_pipe(s, w))
		return true;
	for (size_t i = 0; i < g->nstages; i++) {
		const struct graph_stage *other = &g->stages[i];

		if (i == at || !check_by_pipe(other, w))
			continue;
		for (size_t k = 0; k < other->in.n; k++)
			if (word_in(&s->out, other->in.v[k]))
				return true;
		for (size_t k = 0; k < other->out.n; k++)
			if (word_in(&s->in, other->out.v[k]))
				return true;
	}
	return false;
}

static void check_pipes(struct graph *g, const struct check_world *w, size_t at)
{
	const struct graph_stage *s = &g->stages[at];
	int readers[GRAPH_STAGES];

	if (s->restart > GRAPH_NEVER && pipe_beside(g, w, at))
		graph_error(g, s->restart_line, "stage '%s': what a pipe joins can't be restarted",
			    s->name);
	if (!check_by_pipe(s, w))
		return;
	if (s->in.n > 1)
		graph_error(g, s->in_line, "stage '%s' reads a pipe, it has one input", s->name);
	if (s->out.n > 1)
		graph_error(g, s->out_line, "stage '%s' writes a pipe, it has one output", s->name);
	for (size_t i = 0; i < s->in.n + s->out.n; i++) {
		bool output = i >= s->in.n;
		const char *word = output ? s->out.v[i - s->in.n] : s->in.v[i];
		struct graph_link *l = graph_link(g, word);

		if (!graph_is_link(word) || (l && l->via))
			graph_error(g, output ? s->out_line : s->in_line,
				    "stage '%s' knows no endpoints, '%s' is none for it", s->name,
				    word);
	}
	if (s->out.n && graph_readers(g, s->out.v[0], readers) > 1)
		graph_error(g, s->out_line, "stage '%s' writes a pipe, which has one reader",
			    s->name);
}

/* ---- copies ---- */

/* Copies share out the flows of one ring; what else they might read has no such parts. */
static void check_shard(struct graph *g, const struct graph_stage *s)
{
	const struct graph_link *l = s->in.n ? graph_link(g, s->in.v[0]) : NULL;
	int writer = l ? graph_writer(g, l->name) : -1;
	unsigned before = writer >= 0 ? g->stages[writer].shard : 0;

	if (s->shard < 2)
		return;
	if (s->in.n != 1 || !l || l->via)
		graph_error(g, s->shard_line, "stage '%s': copies share one link, a ring", s->name);
	if (strlen(s->name) > GRAPH_NAME - 8)
		graph_error(g, s->line, "stage '%s': with shard its name has at most %d characters",
			    s->name, GRAPH_NAME - 8);
	if (before > 1 && before != s->shard)
		graph_error(g, s->shard_line,
			    "stage '%s' has %u copies, but '%s', which it reads, has %u", s->name,
			    s->shard, g->stages[writer].name, before);
	if (!s->out.n)
		graph_error(g, s->shard_line, "stage '%s': copies would write to one place",
			    s->name);
	for (size_t i = 0; i < s->out.n; i++) {
		l = graph_link(g, s->out.v[i]);
		if (!l || l->via || strlen(l->name) > GRAPH_NAME - 8)
			graph_error(
				g, s->out_line,
				"stage '%s': each copy writes a ring of its own, whose name has "
				"at most %d characters",
				s->name, GRAPH_NAME - 8);
	}
}

/* ---- the whole ---- */

/* Takes away stages that nothing feeds any more; what is left goes round in a circle. */
static void check_cycles(struct graph *g)
{
	bool done[GRAPH_STAGES] = { false };
	size_t left = g->nstages;
	bool moved = true;
	struct buf names = { 0 };

	while (moved) {
		moved = false;
		for (size_t i = 0; i < g->nstages; i++) {
			bool fed = false;

			for (size_t k = 0; k < g->stages[i].in.n && !done[i]; k++) {
				int writer = graph_writer(g, g->stages[i].in.v[k]);

				fed |= writer >= 0 && !done[writer];
			}
			if (done[i] || fed)
				continue;
			done[i] = moved = true;
			left--;
		}
	}
	if (!left)
		return;
	for (size_t i = 0; i < g->nstages; i++)
		if (!done[i])
			buf_printf(&names, "%s'%s'", names.len ? ", " : "", g->stages[i].name);
	for (size_t i = 0; i < g->nstages; i++)
		if (!done[i]) {
			graph_error(g, g->stages[i].line, "these stages wait for each other: %.*s",
				    (int)names.len, (const char *)names.ptr);
			break;
		}
	buf_release(&names);
}

static bool passes_on(const struct check_world *w, const struct graph_stage *s)
{
	const bool *takes;
	const char *const *options = options_of(w, s, &takes);

	return options && find_option(options, "--only", 6) >= 0 && !word_in(&s->run, "--only");
}

static bool leads_to(const struct graph_stage *from, const struct graph_stage *to)
{
	for (size_t i = 0; i < from->out.n; i++)
		if (word_in(&to->in, from->out.v[i]))
			return true;
	return false;
}

/* Where branches meet again, what they read reaches the meeting once. */
static void check_fan(struct graph *g, const struct check_world *w, const struct graph_link *l)
{
	int readers[GRAPH_STAGES];
	size_t n = graph_readers(g, l->name, readers);

	for (size_t j = 0; j < g->nstages && n > 1; j++) {
		const struct graph_stage *meeting = &g->stages[j];
		const char *first = word_in(&meeting->in, l->name) ? meeting->name : NULL;

		for (size_t i = 0; i < n; i++) {
			const struct graph_stage *s = &g->stages[readers[i]];

			if (!leads_to(s, meeting) || !passes_on(w, s))
				continue;
			if (first)
				graph_error(g, s->run_line,
					    "what stage '%s' passes on reaches '%s' twice, through "
					    "'%s', too: give it --only",
					    s->name, meeting->name, first);
			first = s->name;
		}
	}
}

static void check_hosts(struct graph *g)
{
	bool any = false;

	for (size_t i = 0; i < g->nstages; i++)
		any |= g->stages[i].host != NULL;
	for (size_t i = 0; i < g->nstages && any; i++)
		if (!g->stages[i].host)
			graph_error(g, g->stages[i].line,
				    "stage '%s' has no host =, and others have", g->stages[i].name);
	for (size_t i = 0; i < g->nstages && any; i++)
		for (size_t k = 0; k < g->stages[i].in.n; k++) {
			const struct graph_stage *s = &g->stages[i];
			const struct graph_link *l = graph_link(g, s->in.v[k]);
			int writer = graph_writer(g, s->in.v[k]);
			const char *other = writer >= 0 ? g->stages[writer].host : NULL;

			if (l && !l->via && s->host && other && !same(s->host, other))
				graph_error(g, s->in_line,
					    "link '%s' is a ring, which '%s' and '%s' can't share",
					    l->name, s->host, other);
		}
}

static void check_stdin(struct graph *g, const struct check_world *w)
{
	const struct graph_stage *first = NULL;

	for (size_t i = 0; i < g->nstages; i++) {
		const struct graph_stage *s = &g->stages[i];
		const bool *takes;
		const char *const *options = options_of(w, s, &takes);

		if (s->in.n || !options || find_option(options, "--in", 4) < 0 ||
		    word_in(&s->run, "-i"))
			continue;
		if (first)
			graph_error(g, s->line,
				    "stages '%s' and '%s' would both read standard input",
				    first->name, s->name);
		first = s;
	}
}

static bool names_output(const struct graph_stage *s)
{
	for (size_t i = 1; i < s->run.n; i++)
		if (strncmp(s->run.v[i], "-o", 2) == 0 || same(s->run.v[i], "--out") ||
		    strncmp(s->run.v[i], "--out=", 6) == 0)
			return true;
	return s->out.n;
}

/* Two streams in one are none. Without -o, in a terminal, all print text. */
static void check_stdout(struct graph *g, const struct check_world *w)
{
	const struct graph_stage *first = NULL;

	for (size_t i = 0; i < g->nstages && w->mixes; i++) {
		const struct graph_stage *s = &g->stages[i];
		const bool *takes;
		const char *const *options = options_of(w, s, &takes);

		if (names_output(s) || !options || find_option(options, "--out", 5) < 0 ||
		    writes_no_records(w, s))
			continue;
		if (!first)
			first = s;
		else if (!first->host || !s->host || same(first->host, s->host))
			graph_error(g, s->line,
				    "stages '%s' and '%s' would both write records to standard "
				    "output: let another stage join them, or give them -o",
				    first->name, s->name);
	}
}

bool graph_check(struct graph *g, const struct check_world *w)
{
	if (!g->nstages)
		graph_error(g, 0, "there is no stage");
	make_links(g);
	for (size_t i = 0; i < g->nstages; i++) {
		check_program(g, w, &g->stages[i]);
		check_ends(g, &g->stages[i], false);
		check_ends(g, &g->stages[i], true);
		check_pipes(g, w, i);
		check_shard(g, &g->stages[i]);
	}
	for (size_t i = 0; i < g->nlinks; i++) {
		check_link(g, &g->links[i]);
		check_text(g, w, &g->links[i]);
		check_fan(g, w, &g->links[i]);
	}
	check_cycles(g);
	check_hosts(g);
	check_stdin(g, w);
	check_stdout(g, w);
	return !g->wrong;
}
