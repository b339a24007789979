/* graph_shard: stages that run several times become so many stages, with whole flows each. */
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/run/graph.h"

static unsigned shards_of(const struct graph *g, int stage)
{
	return stage >= 0 && g->stages[stage].shard > 1 ? g->stages[stage].shard : 1;
}

static void name_copy(char to[GRAPH_NAME], const char *name, unsigned k)
{
	snprintf(to, GRAPH_NAME, "%.*s-%u", GRAPH_NAME - 5, name, k);
}

static void add(struct graph_words *w, const char *word)
{
	graph_add_word(w, word, strlen(word));
}

static void copy_words(struct graph_words *to, const struct graph_words *from)
{
	for (size_t i = 0; i < from->n; i++)
		add(to, from->v[i]);
}

/* The names under which a link is written: as many as its writer has copies. */
static void add_link_names(const struct graph *from, struct graph_words *to, const char *link)
{
	unsigned n = shards_of(from, graph_writer(from, link));
	char name[GRAPH_NAME];

	for (unsigned k = 1; k <= n && n > 1; k++) {
		name_copy(name, link, k);
		add(to, name);
	}
	if (n == 1)
		add(to, link);
}

/* The link that copy k of a stage reads in the place of one that the graph names. */
static void shard_input(const struct graph *from, const struct graph_stage *s, const char *link,
			unsigned k, char to[GRAPH_NAME])
{
	char own[GRAPH_NAME];

	/* A writer with as many copies has divided it already, in the same way. */
	if (shards_of(from, graph_writer(from, link)) == s->shard) {
		name_copy(to, link, k);
		return;
	}
	snprintf(own, sizeof(own), "%.*s-in", GRAPH_NAME - 8, s->name);
	name_copy(to, own, k);
}

static struct graph_stage *copy_stage(struct graph *to, const struct graph_stage *s,
				      const char *name)
{
	struct graph_stage *c = graph_add_stage(to, name, s->line);

	if (!c)
		return NULL;
	c->run_line = s->run_line;
	c->in_line = s->in_line;
	c->out_line = s->out_line;
	c->restart_line = s->restart_line;
	c->niced = s->niced;
	c->nice = s->nice;
	c->isolate = s->isolate;
	c->restart = s->restart;
	c->join = s->join;
	c->max = s->max;
	c->max_secs = s->max_secs;
	c->cpu = s->cpu ? strdup(s->cpu) : NULL;
	c->host = s->host ? strdup(s->host) : NULL;
	copy_words(&c->run, &s->run);
	return c;
}

/* A stage of weir-shard in front of the copies. */
static void add_divider(const struct graph *from, struct graph *to, const struct graph_stage *s)
{
	char name[GRAPH_NAME], link[GRAPH_NAME];
	struct graph_stage *d;

	if (shards_of(from, graph_writer(from, s->in.v[0])) == s->shard)
		return;
	snprintf(name, sizeof(name), "%.*s-in", GRAPH_NAME - 8, s->name);
	d = graph_add_stage(to, name, s->line);
	if (!d)
		return;
	d->host = s->host ? strdup(s->host) : NULL;
	add(&d->run, "shard");
	add(&d->in, s->in.v[0]);
	for (unsigned k = 1; k <= s->shard; k++) {
		shard_input(from, s, s->in.v[0], k, link);
		add(&d->out, link);
		graph_add_link(to, link, 0);
	}
}

static void add_copies(const struct graph *from, struct graph *to, const struct graph_stage *s)
{
	char name[GRAPH_NAME];

	add_divider(from, to, s);
	for (unsigned k = 1; k <= s->shard; k++) {
		struct graph_stage *c;

		name_copy(name, s->name, k);
		c = copy_stage(to, s, name);
		if (!c)
			return;
		shard_input(from, s, s->in.v[0], k, name);
		add(&c->in, name);
		for (size_t i = 0; i < s->out.n; i++) {
			name_copy(name, s->out.v[i], k);
			add(&c->out, name);
		}
	}
}

static void add_single(const struct graph *from, struct graph *to, const struct graph_stage *s)
{
	struct graph_stage *c = copy_stage(to, s, s->name);

	if (!c)
		return;
	copy_words(&c->out, &s->out);
	for (size_t i = 0; i < s->in.n; i++) {
		if (graph_is_link(s->in.v[i]))
			add_link_names(from, &c->in, s->in.v[i]);
		else
			add(&c->in, s->in.v[i]);
	}
}

static void add_links(const struct graph *from, struct graph *to)
{
	for (size_t i = 0; i < from->nlinks; i++) {
		const struct graph_link *l = &from->links[i];
		struct graph_words names = { 0 };

		add_link_names(from, &names, l->name);
		for (size_t k = 0; k < names.n; k++) {
			struct graph_link *c = graph_add_link(to, names.v[k], l->line);

			if (c && l->via)
				c->via = strdup(l->via);
			if (c)
				c->size = l->size;
		}
		graph_words_free(&names);
	}
}

bool graph_shard(struct graph *g)
{
	struct graph *from;
	bool any = false;

	for (size_t i = 0; i < g->nstages; i++)
		any |= g->stages[i].shard > 1;
	if (!any)
		return true;
	from = malloc(sizeof(*from));
	if (!from)
		return false;
	*from = *g;
	g->nstages = g->nlinks = 0;
	add_links(from, g);
	for (size_t i = 0; i < from->nstages; i++) {
		const struct graph_stage *s = &from->stages[i];

		if (s->shard > 1)
			add_copies(from, g, s);
		else
			add_single(from, g, s);
	}
	graph_free(from);
	free(from);
	return !g->wrong;
}
