/* graph: a pipeline as it was written: stages, the links between them, and where each was said. */
#include "libcommon/run/graph.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/base/die.h"

void graph_error(struct graph *g, unsigned line, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Nothing that came from outside may look like a line of its own. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = '?';
	if (g->why && g->file && *g->file && line)
		buf_printf(g->why, "%s:%u: %s\n", g->file, line, text);
	else if (g->why && g->file && *g->file)
		buf_printf(g->why, "%s: %s\n", g->file, text);
	else if (g->why)
		buf_printf(g->why, "pipeline: %s\n", text);
	g->wrong++;
}

bool graph_name_valid(const char *name)
{
	size_t n = strlen(name);

	if (!n || n >= GRAPH_NAME || !isalnum((unsigned char)*name))
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
			return false;
	return true;
}

bool graph_is_link(const char *word)
{
	return graph_name_valid(word);
}

bool graph_add_word(struct graph_words *w, const char *word, size_t len)
{
	if (w->n >= GRAPH_WORDS)
		return false;
	if (!w->v)
		w->v = xcalloc(GRAPH_WORDS + 1, sizeof(*w->v));
	w->v[w->n] = strndup(word, len);
	if (!w->v[w->n])
		die("out of memory");
	w->n++;
	return true;
}

void graph_words_free(struct graph_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
	*w = (struct graph_words){ 0 };
}

/* One word into out; returns where it ended, NULL where a quote is open. */
static const char *one_word(const char *at, bool specials, struct buf *out)
{
	char quote = 0;

	for (; *at; at++) {
		if (quote ? *at == quote : *at == '\'' || *at == '"') {
			quote = quote ? 0 : *at;
			continue;
		}
		if (!quote && (isspace((unsigned char)*at) || (specials && strchr("|{},", *at))))
			return at;
		if (*at == '\\' && quote != '\'' && at[1])
			at++;
		buf_add_byte(out, (uint8_t)*at);
	}
	return quote ? NULL : at;
}

bool graph_split(struct graph_words *w, const char *text, bool specials, const char **what)
{
	struct buf word = { 0 };
	bool fits = true;

	*what = NULL;
	while (!*what) {
		while (isspace((unsigned char)*text))
			text++;
		if (!*text)
			break;
		word.len = 0;
		if (specials && strchr("|{},", *text)) {
			buf_add_byte(&word, 1);
			buf_add_byte(&word, (uint8_t)*text++);
		} else {
			text = one_word(text, specials, &word);
			/* A word that was quoted can't be taken for a special one. */
			if (text && word.len && word.ptr[0] == 1)
				text = NULL;
		}
		if (!text)
			*what = "a quote is open, or a word starts with a control character";
		else
			fits = graph_add_word(w, word.ptr ? (const char *)word.ptr : "", word.len);
		if (!fits)
			*what = "too many words";
	}
	buf_release(&word);
	return !*what;
}

/* ---- stages and links ---- */

struct graph_stage *graph_add_stage(struct graph *g, const char *name, unsigned line)
{
	struct graph_stage *s = &g->stages[g->nstages];

	if (!graph_name_valid(name)) {
		graph_error(g, line,
			    "a stage's name is 1 to %d letters, digits, '-' and '_', not '%s'",
			    GRAPH_NAME - 1, name);
		return NULL;
	}
	if (graph_stage_index(g, name) >= 0) {
		graph_error(g, line, "there is a stage '%s' already", name);
		return NULL;
	}
	if (g->nstages >= GRAPH_STAGES) {
		graph_error(g, line, "more than %d stages", GRAPH_STAGES);
		return NULL;
	}
	g->nstages++;
	*s = (struct graph_stage){ .line = line };
	memcpy(s->name, name, strlen(name) + 1);
	return s;
}

struct graph_link *graph_add_link(struct graph *g, const char *name, unsigned line)
{
	struct graph_link *l = &g->links[g->nlinks];

	if (!graph_name_valid(name)) {
		graph_error(g, line,
			    "a link's name is 1 to %d letters, digits, '-' and '_', not '%s'",
			    GRAPH_NAME - 1, name);
		return NULL;
	}
	if (graph_link(g, name)) {
		graph_error(g, line, "there is a link '%s' already", name);
		return NULL;
	}
	if (g->nlinks >= GRAPH_LINKS) {
		graph_error(g, line, "more than %d links", GRAPH_LINKS);
		return NULL;
	}
	g->nlinks++;
	*l = (struct graph_link){ .line = line };
	memcpy(l->name, name, strlen(name) + 1);
	return l;
}

struct graph_link *graph_link(const struct graph *g, const char *name)
{
	for (size_t i = 0; i < g->nlinks; i++)
		if (strcmp(g->links[i].name, name) == 0)
			return (struct graph_link *)(uintptr_t)&g->links[i];
	return NULL;
}

int graph_stage_index(const struct graph *g, const char *name)
{
	for (size_t i = 0; i < g->nstages; i++)
		if (strcmp(g->stages[i].name, name) == 0)
			return (int)i;
	return -1;
}

static bool has_word(const struct graph_words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->v[i], word) == 0)
			return true;
	return false;
}

int graph_writer(const struct graph *g, const char *link)
{
	for (size_t i = 0; i < g->nstages; i++)
		if (has_word(&g->stages[i].out, link))
			return (int)i;
	return -1;
}

bool graph_drops(const struct graph_link *l, const char *stage)
{
	for (size_t i = 0; i < l->readers.n; i++) {
		size_t n = strcspn(l->readers.v[i], ":");

		if (n == strlen(stage) && strncmp(l->readers.v[i], stage, n) == 0)
			return strcmp(l->readers.v[i] + n, ":drop") == 0;
	}
	return false;
}

size_t graph_readers(const struct graph *g, const char *link, int *stages)
{
	size_t n = 0;

	for (size_t i = 0; i < g->nstages; i++)
		if (has_word(&g->stages[i].in, link))
			stages[n++] = (int)i;
	return n;
}

const char *graph_program(const struct graph_stage *s, size_t *args)
{
	size_t at = s->run.n > 1 && strcmp(s->run.v[0], "weir") == 0;

	if (args)
		*args = at + 1;
	return s->run.n ? s->run.v[at] : "";
}

void graph_free(struct graph *g)
{
	for (size_t i = 0; i < g->nstages; i++) {
		struct graph_stage *s = &g->stages[i];

		graph_words_free(&s->run);
		graph_words_free(&s->in);
		graph_words_free(&s->out);
		free(s->cpu);
		free(s->host);
	}
	for (size_t i = 0; i < g->nlinks; i++) {
		graph_words_free(&g->links[i].readers);
		free(g->links[i].via);
	}
	g->nstages = g->nlinks = 0;
}
