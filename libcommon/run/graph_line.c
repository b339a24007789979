/* graph_line: a pipeline from one line: 'read x.pcap | flow | reasm | { dns, http } | json'. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/run/graph.h"

/* The links that the next stage reads. */
struct ends {
	char names[GRAPH_LINKS][GRAPH_NAME];
	size_t n;
};

struct line {
	struct graph *g;
	const struct graph_words *words;
	size_t at;
};

static bool is_special(const char *word, char c)
{
	return word[0] == 1 && word[1] == c;
}

static const char *peek(const struct line *l)
{
	return l->at < l->words->n ? l->words->v[l->at] : "";
}

static bool take(struct line *l, char c)
{
	if (!is_special(peek(l), c))
		return false;
	l->at++;
	return true;
}

/* What a stage is called: the program's name without folder, "weir-" and suffix; numbered where
 * there is one already. */
static void stage_name(const struct graph *g, const char *program, char name[GRAPH_NAME])
{
	const char *slash = strrchr(program, '/');
	char base[GRAPH_NAME];
	size_t n = 0;

	program = slash ? slash + 1 : program;
	if (strncmp(program, "weir-", 5) == 0)
		program += 5;
	for (; *program && *program != '.' && n < GRAPH_NAME - 5; program++) {
		base[n] = '_';
		if (isalnum((unsigned char)*program))
			base[n] = *program;
		else if (n == 0)
			base[n] = 'x';
		n++;
	}
	base[n] = 0;
	snprintf(name, GRAPH_NAME, "%s", n ? base : "stage");
	for (unsigned k = 2; graph_stage_index(g, name) >= 0 && k <= GRAPH_STAGES + 1; k++)
		snprintf(name, GRAPH_NAME, "%.*s-%u", GRAPH_NAME - 6, n ? base : "stage", k);
}

static void read_ends(struct graph_stage *s, const struct ends *from)
{
	for (size_t i = 0; i < from->n; i++)
		graph_add_word(&s->in, from->names[i], strlen(from->names[i]));
}

/* The words up to the next special one are a stage. NULL: said. */
static struct graph_stage *take_stage(struct line *l)
{
	size_t first = l->at;
	struct graph_words run = { 0 };
	struct graph_stage *s = NULL;
	char name[GRAPH_NAME];

	while (l->at < l->words->n && peek(l)[0] != 1)
		l->at++;
	if (l->at == first) {
		graph_error(l->g, 0, "a stage is missing %s '%s'",
			    l->at < l->words->n ? "before" : "at the end, behind",
			    l->at < l->words->n ? peek(l) + 1
			    : l->at             ? l->words->v[l->at - 1] + 1
						: "");
		return NULL;
	}
	for (size_t i = first; i < l->at; i++)
		graph_add_word(&run, l->words->v[i], strlen(l->words->v[i]));
	stage_name(l->g, run.n > 1 && !strcmp(run.v[0], "weir") ? run.v[1] : run.v[0], name);
	s = graph_add_stage(l->g, name, 0);
	if (s)
		s->run = run;
	else
		graph_words_free(&run);
	return s;
}

/* The link behind a stage that is not the last one has its name. */
static bool add_end(struct line *l, struct graph_stage *s, struct ends *ends)
{
	if (ends->n >= GRAPH_LINKS ||
	    (!graph_link(l->g, s->name) && !graph_add_link(l->g, s->name, 0)))
		return false;
	if (!s->out.n)
		graph_add_word(&s->out, s->name, strlen(s->name));
	snprintf(ends->names[ends->n++], GRAPH_NAME, "%s", s->name);
	return true;
}

static void add_only(struct graph_stage *s)
{
	for (size_t i = 1; i < s->run.n; i++)
		if (strcmp(s->run.v[i], "--only") == 0)
			return;
	graph_add_word(&s->run, "--only", 6);
}

/* Whether something follows the fan-out that begins here. */
static bool joined_again(const struct line *l)
{
	size_t i = l->at;

	while (i < l->words->n && !is_special(l->words->v[i], '}'))
		i++;
	return i + 1 < l->words->n;
}

/* A branch: stages with '|' between them. */
static bool take_branch(struct line *l, const struct ends *trunk, bool joined, struct ends *ends)
{
	struct ends here = *trunk;
	bool first = true;

	do {
		struct graph_stage *s = take_stage(l);
		bool last = !is_special(peek(l), '|');

		if (!s)
			return false;
		read_ends(s, &here);
		if (first && joined && trunk->n)
			add_only(s);
		first = false;
		here.n = 0;
		if ((!last || joined) && !add_end(l, s, last ? ends : &here))
			return false;
	} while (take(l, '|'));
	return true;
}

static bool take_fan(struct line *l, struct ends *ends)
{
	struct ends trunk = *ends;
	bool joined = joined_again(l);

	/* Whoever joins the branches reads the trunk as well. */
	if (!joined)
		ends->n = 0;
	do {
		if (!take_branch(l, &trunk, joined, ends))
			return false;
	} while (take(l, ','));
	if (!take(l, '}')) {
		graph_error(l->g, 0,
			    l->at < l->words->n ? "a '}' is missing before '%s'"
						: "a '}' is missing at the end%s",
			    l->at < l->words->n ? peek(l) + (peek(l)[0] == 1) : "");
		return false;
	}
	return true;
}

static bool take_line(struct line *l)
{
	struct ends ends = { .n = 0 };

	do {
		if (take(l, '{')) {
			if (!take_fan(l, &ends))
				return false;
		} else {
			struct graph_stage *s = take_stage(l);

			if (!s)
				return false;
			read_ends(s, &ends);
			ends.n = 0;
			if (is_special(peek(l), '|') && !add_end(l, s, &ends))
				return false;
		}
	} while (take(l, '|'));
	if (l->at < l->words->n) {
		const char *word = peek(l);

		graph_error(l->g, 0, "'%s' is out of place", word + (word[0] == 1));
		return false;
	}
	return true;
}

bool graph_from_line(struct graph *g, const char *text, struct buf *why)
{
	struct graph_words words = { 0 };
	struct line l = { .g = g, .words = &words };
	const char *what;

	*g = (struct graph){ .file = "", .why = why };
	if (strlen(text) > GRAPH_TEXT)
		graph_error(g, 0, "longer than %d bytes", GRAPH_TEXT);
	else if (!graph_split(&words, text, true, &what))
		graph_error(g, 0, "%s", what);
	else
		take_line(&l);
	graph_words_free(&words);
	return !g->wrong;
}
