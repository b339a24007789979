/* graph: a pipeline as it was written: stages, the links between them, and where each was said.
 *
 * Comes from an INI file (weir-pipeline(5)) or from one line. Pure: text in, struct out; what is
 * wrong goes into a text, one line each, with "FILE:LINE: " in front. Whether the graph makes
 * sense is graph_check()'s to say (check.h). */
#ifndef WEIR_GRAPH_H
#define WEIR_GRAPH_H

#include "libcommon/base/buf.h"

enum {
	GRAPH_STAGES = 60,
	GRAPH_LINKS = 60,
	GRAPH_WORDS = 200, /* of a command, of a list of links */
	GRAPH_NAME = 20, /* of a stage, a link, a pipeline; with its NUL: two make a ring's name */
	GRAPH_TEXT = 64 * 1024,
	GRAPH_SHARDS = 16,
	GRAPH_BACKOFF_MS = 50, /* where nobody says otherwise */
	GRAPH_BACKOFF_MAX_MS = 30000,
};

/* A list of words; owned. */
struct graph_words {
	char **v;
	size_t n;
};

enum graph_restart { GRAPH_RESTART_DEFAULT, GRAPH_NEVER, GRAPH_ON_FAILURE };
enum graph_join { GRAPH_JOIN_DEFAULT, GRAPH_JOIN_RING, GRAPH_JOIN_PIPE };

struct graph_stage {
	char name[GRAPH_NAME];
	struct graph_words run, in, out; /* in and out: names of links, or endpoints */
	unsigned line, run_line, in_line, out_line, restart_line;
	char *cpu; /* list of processors: "0,2-3"; NULL: any */
	char *host;
	bool niced, isolate;
	int nice;
	enum graph_restart restart;
	enum graph_join join;
	unsigned shard; /* copies that share the flows; 0 or 1: one */
	unsigned shard_line;
	unsigned max;      /* restarts within max_secs; 0: not given */
	unsigned max_secs; /* 0 with max given: ever */
};

struct graph_link {
	char name[GRAPH_NAME];
	unsigned line;              /* 0: only stages name it */
	uint64_t size;              /* of the ring in bytes; 0: the pipeline's */
	struct graph_words readers; /* as [link] names them, may be empty */
	unsigned readers_line;
	char *via; /* an endpoint instead of a ring, or NULL */
};

struct graph {
	const char *file; /* for messages; "" where it was a line */
	char name[GRAPH_NAME];
	uint64_t ring_size, stop_ms, backoff_ms, backoff_max_ms; /* 0: not given */
	struct graph_stage stages[GRAPH_STAGES];
	size_t nstages;
	struct graph_link links[GRAPH_LINKS];
	size_t nlinks;
	struct buf *why;
	size_t wrong; /* lines in why */
};

/* text: the whole file, at most GRAPH_TEXT bytes; file: its name, borrowed. False: *why has what
 * is wrong. In both cases graph_free() gives the memory back. */
bool graph_from_ini(struct graph *g, struct bytes text, const char *file, struct buf *why);
/* 'read x.pcap | flow | { dns, ./mine.py } | json'. In a fan-out that is joined again, each branch
 * gets --only, and the stage behind it reads what all branches read as well: so what no branch
 * owns reaches it once, without a further copy. */
bool graph_from_line(struct graph *g, const char *line, struct buf *why);
void graph_free(struct graph *g);
/* Puts so many stages in the place of each one with shard = N: NAME-1 .. NAME-N, and a stage of
 * weir-shard in front where nothing has divided the stream so yet. Whoever reads them reads all, in
 * order. Of a graph that graph_check() has passed. False: g->why says what does not fit. */
bool graph_shard(struct graph *g);

/* ---- for those that read a graph ---- */

/* Whether a word of in or out is the name of a link; anything else is an endpoint. */
bool graph_is_link(const char *word);
struct graph_link *graph_link(const struct graph *g, const char *name); /* NULL: none */
int graph_stage_index(const struct graph *g, const char *name);         /* -1: none */
/* The stage that writes a link, -1; stages that read it, in the order of the file. */
int graph_writer(const struct graph *g, const char *link);
size_t graph_readers(const struct graph *g, const char *link, int *stages);
/* Whether that reader of a link may lose records: [link] readers names it as NAME:drop. */
bool graph_drops(const struct graph_link *l, const char *stage);
/* The name of the program: of `weir dns --only` and `dns --only` it is dns. Index of the first
 * argument in *args. */
const char *graph_program(const struct graph_stage *s, size_t *args);

/* ---- for those that make one ---- */

void graph_error(struct graph *g, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool graph_name_valid(const char *name);
struct graph_stage *graph_add_stage(struct graph *g, const char *name, unsigned line);
struct graph_link *graph_add_link(struct graph *g, const char *name, unsigned line);
bool graph_add_word(struct graph_words *w, const char *word, size_t len);
/* Splits like a shell would without variables: blanks, '..', "..", backslash. False: *what says
 * what is wrong. With specials, each of |{}, that is not quoted is a word of its own, marked by a
 * byte 1 in front. */
bool graph_split(struct graph_words *w, const char *text, bool specials, const char **what);
void graph_words_free(struct graph_words *w);

#endif
