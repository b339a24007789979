/* launch_build: the processes, rings and pipes of a graph. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/run/launch_private.h"
#include "libcommon/run/lookup.h"
#include "libcommon/stage/commit.h"

static bool here(const struct launch *l, const struct graph_stage *s)
{
	return !l->o->host || !s->host || strcmp(s->host, l->o->host) == 0;
}

static void place(struct pipe_stage *p, const struct graph_stage *s)
{
	const char *at = s->cpu;

	p->niced = s->niced;
	p->nice = s->nice;
	CPU_ZERO(&p->cpus);
	while (at && *at) {
		char *end;
		unsigned long a = strtoul(at, &end, 10), b = a;

		if (*end == '-')
			b = strtoul(end + 1, &end, 10);
		for (; a <= b && a < CPU_SETSIZE; a++)
			CPU_SET(a, &p->cpus);
		p->placed = true;
		at = *end ? end + 1 : end;
	}
}

static void add_runner(struct launch *l, size_t at)
{
	const struct graph_stage *s = &l->g->stages[at];
	struct runner *r = &l->runners[l->n];
	const char *program = graph_program(s, NULL);
	char path[4096];
	enum lookup_kind kind = lookup_program(program, path, sizeof(path));

	if (kind == LOOKUP_MISSING)
		die("cannot find '%s'", program);
	l->runner_of[at] = (int)l->n++;
	*r = (struct runner){ .stage = s, .source = true, .delay = 0 };
	r->process = pipeline_stage(&l->pipeline, s->name, path);
	r->piped = check_by_pipe(s, l->w);
	r->process->notifies = kind == LOOKUP_OWN || !r->piped; /* whoever has the library does */
	place(r->process, s);
	stage_page(r->process, rundir_stage_page(&l->dir, s->name));
	r->process->flows_fd = rundir_stage_flows(&l->dir, s->name);
}

/* The runner of a graph's stage here, or NULL. */
static struct runner *runner_at(struct launch *l, int stage)
{
	return stage >= 0 && l->runner_of[stage] >= 0 ? &l->runners[l->runner_of[stage]] : NULL;
}

static void join_ring(struct launch *l, struct runner *from, struct runner *const *to, size_t n,
		      const struct graph_link *link)
{
	struct pipe_stage *readers[GRAPH_STAGES];
	bool drops[GRAPH_STAGES];
	size_t at = l->pipeline.nrings;
	struct ring_set *ring;

	if (!n)
		return;
	for (size_t i = 0; i < n; i++) {
		readers[i] = to[i]->process;
		drops[i] = graph_drops(link, to[i]->stage->name);
	}
	ring = pipeline_ring_dropping(&l->pipeline, from->process, readers, drops, n, link->size);
	l->ring_names[at] = link->name;
	l->ring_writer[at] = (int)(from - l->runners);
	from->out_at[from->nout] = from->outputs++;
	from->out[from->nout++] = ring;
	for (size_t i = 0; i < n; i++)
		to[i]->in[to[i]->nin++] = (struct place){ ring, (unsigned)i };
}

static void join_pipe(struct launch *l, struct runner *from, struct runner *to)
{
	bool knows_from = !check_by_pipe(from->stage, l->w);
	bool knows_to = !check_by_pipe(to->stage, l->w);

	from->piped = to->piped = true;
	if (knows_from)
		pipeline_pipe_in(&l->pipeline, from->process, to->process);
	else if (knows_to)
		pipeline_pipe_out(&l->pipeline, from->process, to->process);
	else
		pipeline_pipe(&l->pipeline, from->process, to->process);
}

/* A ring to those readers that know rings, a pipe to each of the others. */
static void join_link(struct launch *l, const struct graph_link *link)
{
	struct runner *from = runner_at(l, graph_writer(l->g, link->name));
	struct runner *rings[GRAPH_STAGES], *pipes[GRAPH_STAGES];
	int readers[GRAPH_STAGES];
	size_t n = graph_readers(l->g, link->name, readers), nrings = 0, npipes = 0;

	for (size_t i = 0; i < n; i++) {
		struct runner *to = runner_at(l, readers[i]);

		if (to && link->via) {
			stage_arg(to->process, "-i");
			stage_arg(to->process, "%s", link->via);
			to->process->notifies = false; /* it may wait there for its peer */
		}
		if (!to || !from)
			continue;
		to->source = false;
		if (link->via)
			continue;
		if (check_by_pipe(from->stage, l->w) || check_by_pipe(to->stage, l->w))
			pipes[npipes++] = to;
		else
			rings[nrings++] = to;
	}
	if (from && link->via) {
		from->outputs++;
		stage_arg(from->process, "-o");
		stage_arg(from->process, "%s", link->via);
	}
	if (from && nrings)
		join_ring(l, from, rings, nrings, link);
	for (size_t i = 0; from && i < npipes; i++)
		join_pipe(l, from, pipes[i]);
}

/* Endpoints that are no links, and the command's own words behind all of it: they may have
 * operands behind a "--". */
static void finish_args(struct launch *l, struct runner *r)
{
	const struct graph_stage *s = r->stage;
	bool rings_only = r->nin > 0;
	size_t args;

	for (size_t i = 0; i < s->out.n; i++)
		if (!graph_is_link(s->out.v[i])) {
			stage_arg(r->process, "-o");
			stage_arg(r->process, "%s", s->out.v[i]);
		}
	for (size_t i = 0; i < s->in.n; i++) {
		const struct graph_link *link = graph_link(l->g, s->in.v[i]);

		if (!graph_is_link(s->in.v[i])) {
			stage_arg(r->process, "-i");
			stage_arg(r->process, "%s", s->in.v[i]);
			r->process->notifies = false;
		}
		rings_only &= link && !link->via;
	}
	graph_program(s, &args);
	r->words_at = r->process->argc;
	for (size_t i = args; i < s->run.n; i++)
		stage_arg(r->process, "%s", s->run.v[i]);
	/* What came through rings alone is still there for a successor. */
	r->again = s->restart == GRAPH_ON_FAILURE ||
		   (s->restart == GRAPH_RESTART_DEFAULT && rings_only);
	if (r->piped)
		r->again = false;
	r->commits = !r->piped && (rings_only || r->again);
	if (r->commits && ftruncate(r->process->page_fd, COMMIT_PAGE) < 0)
		die_errno("cannot make a page for '%s'", s->name);
	if (r->commits)
		launch_poison_open(r);
	if (r->commits && r->source)
		stage_keeps(r->process);
}

void launch_build(struct launch *l)
{
	l->pipeline.ring_size = l->o->ring_size ? l->o->ring_size : l->g->ring_size;
	l->pipeline.keep = true;
	l->pipeline.own_groups = true;
	for (size_t i = 0; i < l->g->nstages; i++) {
		l->runner_of[i] = -1;
		if (here(l, &l->g->stages[i]))
			add_runner(l, i);
	}
	if (!l->n)
		die_usage("no stage is for host '%s'", l->o->host);
	for (size_t i = 0; i < l->g->nlinks; i++)
		join_link(l, &l->g->links[i]);
	for (size_t i = 0; i < l->n; i++)
		finish_args(l, &l->runners[i]);
}
