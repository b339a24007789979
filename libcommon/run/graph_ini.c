/* graph_ini: a pipeline from an INI file, by libinih. See weir-pipeline(5). */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/run/graph.h"

/* inih takes lines of less than 200 bytes and knows no line numbers: both are dealt with here. */
enum { LINE_MAX_BYTES = 198, RING_MIN = 1 << 20, RING_MAX = 1 << 30 };

struct reader {
	struct graph *g;
	struct bytes rest;
	unsigned line;
	bool continues; /* the line begins with a blank: more of the value before */
	char section[GRAPH_NAME + 16];
	unsigned section_line;
	struct graph_stage *stage;
	struct graph_link *link;
	unsigned backoff_max_line;
	bool skip;     /* what is in a section that was refused */
	uint32_t seen; /* a bit for each key of the section that was there */
};

/* ---- values ---- */

static bool number(const char *text, char **end, uint64_t *v)
{
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*v = strtoull(text, end, 10);
	return !errno && *v < (uint64_t)1 << 40;
}

static void set_size(struct reader *r, const char *text, uint64_t *to)
{
	static const char units[] = "KMG";
	uint64_t v = 0;
	char *end = NULL;
	const char *unit;
	bool ok = number(text, &end, &v);

	if (ok && *end && (unit = strchr(units, toupper((unsigned char)*end))) && !end[1])
		v <<= 10 * (unit - units + 1);
	else if (ok && *end)
		ok = false;
	if (!ok || v < RING_MIN || v > RING_MAX)
		graph_error(r->g, r->line, "a ring's size is 1M to 1G, not '%.40s'", text);
	else
		*to = v;
}

static bool duration_ms(const char *text, uint64_t *ms)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	char *end;
	uint64_t v;

	if (!number(text, &end, &v))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].unit) == 0) {
			*ms = v * units[i].ms;
			return *ms > 0 && *ms <= 86400000;
		}
	return false;
}

static void set_duration(struct reader *r, const char *text, uint64_t *to)
{
	if (!duration_ms(text, to))
		graph_error(r->g, r->line, "a time is 1ms to 24h, not '%.40s'", text);
}

static void set_text(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
	if (!*to)
		die("out of memory");
}

/* Index of a word among those with '|' between them; -1, said. */
static int choice(struct reader *r, const char *text, const char *const *words)
{
	char all[128];
	size_t n = 0;

	for (int i = 0; words[i]; i++) {
		if (strcmp(text, words[i]) == 0)
			return i;
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "", words[i]);
	}
	graph_error(r->g, r->line, "'%.40s' is none of %s", text, all);
	return -1;
}

static void add_words(struct reader *r, struct graph_words *to, const char *text)
{
	const char *what;

	if (!graph_split(to, text, false, &what))
		graph_error(r->g, r->line, "%s", what);
}

/* Numbers with '-' and ',' between them. */
static bool cpus_valid(const char *text)
{
	for (;;) {
		unsigned long a, b;
		char *end;

		if (!isdigit((unsigned char)*text))
			return false;
		a = b = strtoul(text, &end, 10);
		if (*end == '-' && isdigit((unsigned char)end[1]))
			b = strtoul(end + 1, &end, 10);
		if (b < a || b > 1023)
			return false;
		if (!*end)
			return true;
		if (*end != ',')
			return false;
		text = end + 1;
	}
}

/* ---- keys ---- */

static void key_name(struct reader *r, const char *v)
{
	if (!graph_name_valid(v))
		graph_error(r->g, r->line, "a name is 1 to %d letters, digits, '-' and '_'",
			    GRAPH_NAME - 1);
	else
		memcpy(r->g->name, v, strlen(v) + 1);
}

static void key_ring_size(struct reader *r, const char *v)
{
	set_size(r, v, &r->g->ring_size);
}

static void key_stop_timeout(struct reader *r, const char *v)
{
	set_duration(r, v, &r->g->stop_ms);
}

static void key_backoff(struct reader *r, const char *v)
{
	set_duration(r, v, &r->g->backoff_ms);
}

static void key_backoff_max(struct reader *r, const char *v)
{
	r->backoff_max_line = r->line;
	set_duration(r, v, &r->g->backoff_max_ms);
}

static void key_run(struct reader *r, const char *v)
{
	r->stage->run_line = r->line;
	add_words(r, &r->stage->run, v);
}

static void key_in(struct reader *r, const char *v)
{
	r->stage->in_line = r->line;
	add_words(r, &r->stage->in, v);
}

static void key_out(struct reader *r, const char *v)
{
	r->stage->out_line = r->line;
	add_words(r, &r->stage->out, v);
}

static void key_cpu(struct reader *r, const char *v)
{
	if (!cpus_valid(v))
		graph_error(r->g, r->line, "'%.40s' is no list of processors, like 0,2-3", v);
	else
		set_text(&r->stage->cpu, v);
}

static void key_nice(struct reader *r, const char *v)
{
	char *end;
	long n = strtol(v, &end, 10);

	if (!*v || *end || n < -20 || n > 19)
		graph_error(r->g, r->line, "nice is -20 to 19, not '%.40s'", v);
	r->stage->nice = (int)n;
	r->stage->niced = true;
}

static void key_host(struct reader *r, const char *v)
{
	set_text(&r->stage->host, v);
}

static void key_restart(struct reader *r, const char *v)
{
	static const char *const words[] = { "never", "on-failure", NULL };
	int i = choice(r, v, words);

	r->stage->restart_line = r->line;
	if (i >= 0)
		r->stage->restart = GRAPH_NEVER + (enum graph_restart)i;
}

static void key_join(struct reader *r, const char *v)
{
	static const char *const words[] = { "ring", "pipe", NULL };
	int i = choice(r, v, words);

	if (i >= 0)
		r->stage->join = GRAPH_JOIN_RING + (enum graph_join)i;
}

static void key_max(struct reader *r, const char *v)
{
	uint64_t n = 0, ms = 0;
	char *end = NULL;
	bool ok = number(v, &end, &n) && n <= 1000000;

	if (ok && *end == '/')
		ok = duration_ms(end + 1, &ms) && ms >= 1000;
	else if (ok)
		ok = !*end;
	if (!ok || !n)
		graph_error(r->g, r->line,
			    "max is a number of restarts, or one per time like 5/60s");
	r->stage->max = (unsigned)n;
	r->stage->max_secs = (unsigned)(ms / 1000);
}

static void key_shard(struct reader *r, const char *v)
{
	uint64_t n = 0;
	char *end = NULL;

	r->stage->shard_line = r->line;
	if (!number(v, &end, &n) || *end || !n || n > GRAPH_SHARDS)
		graph_error(r->g, r->line, "shard is 1 to %d, not '%.40s'", GRAPH_SHARDS, v);
	else
		r->stage->shard = (unsigned)n;
}

static void key_on_fail(struct reader *r, const char *v)
{
	static const char *const words[] = { "stop", "isolate", NULL };

	r->stage->isolate = choice(r, v, words) == 1;
}

static void key_readers(struct reader *r, const char *v)
{
	r->link->readers_line = r->line;
	add_words(r, &r->link->readers, v);
}

static void key_size(struct reader *r, const char *v)
{
	set_size(r, v, &r->link->size);
}

static void key_via(struct reader *r, const char *v)
{
	set_text(&r->link->via, v);
}

struct key {
	const char *name;
	void (*set)(struct reader *r, const char *value);
	bool list; /* a line that begins with a blank goes on with it */
};

static const struct key pipeline_keys[] = {
	{ "name", key_name, false },
	{ "ring-size", key_ring_size, false },
	{ "stop-timeout", key_stop_timeout, false },
	{ "backoff", key_backoff, false },
	{ "backoff-max", key_backoff_max, false },
	{ 0 },
};
static const struct key stage_keys[] = {
	{ "run", key_run, true },      { "in", key_in, true },
	{ "out", key_out, true },      { "cpu", key_cpu, false },
	{ "nice", key_nice, false },   { "host", key_host, false },
	{ "shard", key_shard, false }, { "restart", key_restart, false },
	{ "max", key_max, false },     { "on-fail", key_on_fail, false },
	{ "join", key_join, false },   { 0 },
};
static const struct key link_keys[] = {
	{ "readers", key_readers, true },
	{ "size", key_size, false },
	{ "via", key_via, false },
	{ 0 },
};

static const char *nearest_key(const char *word, const struct key *keys)
{
	const char *names[16];
	size_t n = 0;

	for (; keys->name; keys++)
		names[n++] = keys->name;
	names[n] = NULL;
	return opt_nearest(word, names);
}

/* ---- sections ---- */

static void section_begin(struct reader *r, const char *section)
{
	char kind[GRAPH_NAME + 16];
	char *name;

	snprintf(r->section, sizeof(r->section), "%s", section);
	snprintf(kind, sizeof(kind), "%s", section);
	name = kind + strcspn(kind, " \t");
	if (*name)
		*name++ = 0;
	name += strspn(name, " \t");
	r->stage = NULL;
	r->link = NULL;
	r->skip = true;
	r->seen = 0;
	if (strcmp(kind, "pipeline") == 0 && !*name)
		r->skip = false;
	else if (strcmp(kind, "stage") == 0)
		r->stage = graph_add_stage(r->g, name, r->section_line);
	else if (strcmp(kind, "link") == 0)
		r->link = graph_add_link(r->g, name, r->section_line);
	else
		graph_error(r->g, r->section_line,
			    "sections are [pipeline], [stage NAME] and [link NAME], not [%.40s]",
			    section);
	if (r->stage || r->link)
		r->skip = false;
}

static int one_key(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	const struct key *keys, *k;
	const char *near;

	(void)section;
	if (r->skip)
		return 1;
	k = keys = r->stage ? stage_keys : r->link ? link_keys : pipeline_keys;
	near = nearest_key(name, k);
	if (!*r->section) {
		graph_error(r->g, r->line, "'%.40s' stands in front of the first section", name);
		return 1;
	}
	while (k->name && strcmp(k->name, name) != 0)
		k++;
	if (!k->name && near)
		graph_error(r->g, r->line, "unknown key '%.40s'; did you mean '%s'?", name, near);
	else if (!k->name)
		graph_error(r->g, r->line, "unknown key '%.40s'", name);
	else if (r->continues && !k->list)
		graph_error(r->g, r->line, "'%.40s' has one line only", name);
	else if (!r->continues && r->seen >> (k - keys) & 1)
		graph_error(r->g, r->line, "'%.40s' is in this section twice", name);
	else
		k->set(r, value);
	r->seen |= k->name ? UINT32_C(1) << (k - keys) : 0;
	return 1;
}

/* ---- lines ---- */

/* [SECTION] at the start of a line. inih tells of a section with its first key only, and so never
 * of one without. */
static void note_section(struct reader *r, const char *line)
{
	char name[sizeof(r->section)];
	size_t n;

	if (*line != '[')
		return;
	n = strcspn(++line, "]");
	if (line[n] != ']')
		return; /* inih says so */
	r->section_line = r->line;
	snprintf(name, sizeof(name), "%.*s", (int)n, line);
	if (n >= sizeof(name)) {
		graph_error(r->g, r->line, "the name of a section is too long");
		r->skip = true;
		return;
	}
	section_begin(r, name);
}

static char *next_line(char *to, int size, void *user)
{
	struct reader *r = user;
	const uint8_t *end;
	size_t n;

	if (!r->rest.len)
		return NULL;
	end = memchr(r->rest.ptr, '\n', r->rest.len);
	n = end ? (size_t)(end - r->rest.ptr) : r->rest.len;
	r->line++;
	if (n > LINE_MAX_BYTES || n + 2 > (size_t)size) {
		graph_error(r->g, r->line,
			    "longer than %d bytes; a line that begins with a blank goes on with "
			    "the one "
			    "before",
			    LINE_MAX_BYTES);
		memcpy(to, "\n", 2);
	} else {
		memcpy(to, r->rest.ptr, n);
		memcpy(to + n, "\n", 2);
		if (memchr(to, 0, n)) {
			graph_error(r->g, r->line, "there is a zero byte in it");
			memcpy(to, "\n", 2);
		}
	}
	r->continues = *to == ' ' || *to == '\t';
	note_section(r, to);
	n += end != NULL;
	r->rest = BYTES(r->rest.ptr + n, r->rest.len - n);
	return to;
}

bool graph_from_ini(struct graph *g, struct bytes text, const char *file, struct buf *why)
{
	struct reader r = { .g = g, .rest = text };
	uint64_t first;
	int bad;

	*g = (struct graph){ .file = file, .why = why };
	if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
		r.rest = BYTES(text.ptr + 3, text.len - 3); /* as some editors begin a file */
	if (text.len > GRAPH_TEXT) {
		graph_error(g, 0, "longer than %d bytes", GRAPH_TEXT);
		return false;
	}
	bad = ini_parse_stream(next_line, &r, one_key, &r);
	if (bad)
		graph_error(g, bad > 0 ? (unsigned)bad : 0,
			    "is neither [SECTION] nor KEY = VALUE nor a comment");
	first = g->backoff_ms ? g->backoff_ms : GRAPH_BACKOFF_MS;
	if (g->backoff_max_ms && g->backoff_max_ms < first)
		graph_error(g, r.backoff_max_line, "backoff-max is less than backoff, %llu ms",
			    (unsigned long long)first);
	return !g->wrong;
}
