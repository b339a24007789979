/* plan: the shell commands that do by hand what the launcher does. */
#include "libcommon/run/plan.h"

#include <ctype.h>

struct plan {
	const struct graph *g;
	const struct check_world *w;
	const char *name, *host;
	struct buf *out;
};

static void put_quoted(struct buf *out, const char *word)
{
	bool plain = *word;

	for (const char *c = word; *c; c++)
		plain &= isalnum((unsigned char)*c) || strchr("-_./:,=+@%", *c);
	if (plain) {
		buf_add_str(out, word);
		return;
	}
	buf_add_byte(out, '\'');
	for (const char *c = word; *c; c++) {
		if (*c == '\'')
			buf_add_str(out, "'\\''");
		else
			buf_add_byte(out, (uint8_t)*c);
	}
	buf_add_byte(out, '\'');
}

static bool here(const struct plan *p, int stage)
{
	const char *host = p->g->stages[stage].host;

	return !p->host || !host || strcmp(host, p->host) == 0;
}

size_t plan_order(const struct graph *g, int *order)
{
	bool done[GRAPH_STAGES] = { false };
	size_t n = 0, before;

	do {
		before = n;
		for (size_t i = 0; i < g->nstages; i++) {
			bool fed = false;

			for (size_t k = 0; k < g->stages[i].in.n && !done[i]; k++) {
				int writer = graph_writer(g, g->stages[i].in.v[k]);

				fed |= writer >= 0 && !done[writer];
			}
			if (!done[i] && !fed) {
				done[i] = true;
				order[n++] = (int)i;
			}
		}
	} while (n > before);
	return n;
}

/* The pipe from a link to one of its readers, where one of the two knows no endpoints. */
static bool is_pipe(const struct plan *p, const char *link, int reader)
{
	int writer = graph_writer(p->g, link);

	return check_by_pipe(&p->g->stages[reader], p->w) ||
	       (writer >= 0 && check_by_pipe(&p->g->stages[writer], p->w));
}

static void put_fifo(const struct plan *p, const char *link, int reader)
{
	buf_printf(p->out, "\"$fifos/%s.%s\"", link, p->g->stages[reader].name);
}

static void put_ring_out(const struct plan *p, const char *link)
{
	const struct graph_link *l = graph_link(p->g, link);
	int readers[GRAPH_STAGES];
	size_t n = graph_readers(p->g, link, readers), rings = 0;
	uint64_t size = l && l->size ? l->size : p->g->ring_size;

	for (size_t i = 0; i < n; i++) {
		if (is_pipe(p, link, readers[i]))
			continue;
		if (!rings++)
			buf_printf(p->out, " -o shm:%s.%s,readers=", p->name, link);
		else
			buf_add_byte(p->out, ',');
		buf_add_str(p->out, p->g->stages[readers[i]].name);
		if (l && graph_drops(l, p->g->stages[readers[i]].name))
			buf_add_str(p->out, ":drop");
	}
	if (rings && size)
		buf_printf(p->out, ",size=%lluM",
			   (unsigned long long)((size + (1 << 20) - 1) >> 20));
}

static void put_out(const struct plan *p, const char *word)
{
	const struct graph_link *l = graph_is_link(word) ? graph_link(p->g, word) : NULL;
	int readers[GRAPH_STAGES];
	size_t n;

	if (!l || l->via) {
		buf_add_str(p->out, " -o ");
		put_quoted(p->out, l ? l->via : word);
		return;
	}
	/* Rings first: to open a FIFO is to wait for its other side, which may need the ring. */
	put_ring_out(p, word);
	n = graph_readers(p->g, word, readers);
	for (size_t i = 0; i < n; i++)
		if (is_pipe(p, word, readers[i])) {
			buf_add_str(p->out, " -o ");
			put_fifo(p, word, readers[i]);
		}
}

static void put_in(const struct plan *p, int stage, const char *word)
{
	const struct graph_link *l = graph_is_link(word) ? graph_link(p->g, word) : NULL;

	buf_add_str(p->out, " -i ");
	if (!l || l->via)
		put_quoted(p->out, l ? l->via : word);
	else if (is_pipe(p, word, stage))
		put_fifo(p, word, stage);
	else
		buf_printf(p->out, "shm:%s.%s,reader=%s", p->name, word, p->g->stages[stage].name);
}

static void put_redirects(const struct plan *p, int stage)
{
	const struct graph_stage *s = &p->g->stages[stage];
	int readers[GRAPH_STAGES];

	if (s->in.n) {
		buf_add_str(p->out, " <");
		put_fifo(p, s->in.v[0], stage);
	}
	if (s->out.n && graph_readers(p->g, s->out.v[0], readers)) {
		buf_add_str(p->out, " >");
		put_fifo(p, s->out.v[0], readers[0]);
	}
}

static void put_stage(const struct plan *p, int stage, bool last)
{
	const struct graph_stage *s = &p->g->stages[stage];
	size_t args;
	const char *program = graph_program(s, &args);

	if (s->cpu)
		buf_printf(p->out, "taskset -c %s ", s->cpu);
	if (s->niced)
		buf_printf(p->out, "nice -n %d ", s->nice);
	if (p->w->program(p->w->ctx, program) == CHECK_OWN)
		buf_add_str(p->out, "weir ");
	put_quoted(p->out, program);
	for (size_t i = args; i < s->run.n; i++) {
		buf_add_byte(p->out, ' ');
		put_quoted(p->out, s->run.v[i]);
	}
	if (check_by_pipe(s, p->w)) {
		put_redirects(p, stage);
	} else {
		for (size_t i = 0; i < s->out.n; i++)
			put_out(p, s->out.v[i]);
		for (size_t i = 0; i < s->in.n; i++)
			put_in(p, stage, s->in.v[i]);
	}
	buf_add_str(p->out, last ? "\n" : " &\n");
}

static void put_fifos(const struct plan *p)
{
	bool any = false;

	for (size_t i = 0; i < p->g->nstages; i++)
		for (size_t k = 0; k < p->g->stages[i].in.n; k++) {
			const char *word = p->g->stages[i].in.v[k];

			if (!here(p, (int)i) || !graph_is_link(word) || !is_pipe(p, word, (int)i))
				continue;
			if (!any)
				buf_add_str(p->out, "fifos=$(mktemp -d)\nmkfifo");
			any = true;
			buf_add_byte(p->out, ' ');
			put_fifo(p, word, (int)i);
		}
	if (any)
		buf_add_str(p->out, "\ntrap 'rm -r \"$fifos\"' EXIT\n");
}

void plan_print(const struct graph *g, const struct check_world *w, const char *host,
		struct buf *out)
{
	struct plan p = { g, w, g->name[0] ? g->name : "weir", host, out };
	int order[GRAPH_STAGES], mine[GRAPH_STAGES];
	size_t n = plan_order(g, order), left = 0, sinks = 0;

	for (size_t i = 0; i < n; i++)
		if (here(&p, order[i])) {
			mine[left++] = order[i];
			sinks += g->stages[order[i]].out.n == 0;
		}
	put_fifos(&p);
	for (size_t i = 0; i < left; i++)
		put_stage(&p, mine[i], i + 1 == left);
	if (sinks > 1)
		buf_add_str(out, "wait\n");
}
