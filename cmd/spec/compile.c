/* compile: from the text of a spec to its program: what stands at the left of the page. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/spec/compile.h"
#include "libcommon/base/die.h"
#include "libcommon/stage/l7.h"

enum { NAMES = 4095 /* the highest number that has a name */, PORTS = 64, FIRSTS = 64 };

/* ---- memory --------------------------------------------------------------------------------- */

struct block {
	struct block *next;
	size_t size;
	max_align_t bytes[];
};

void *spec_keep(struct spec *s, size_t n)
{
	struct block *b = xcalloc(1, sizeof(*b) + n);

	b->next = s->kept;
	b->size = n;
	s->kept = b;
	return b->bytes;
}

void *spec_grow(struct spec *s, void *items, size_t had, size_t size)
{
	void *more;

	/* What the block has, not what `had` says: code that is folded becomes less again. */
	if (items && (had + 1) * size <=
			     ((struct block *)(void *)((char *)items - sizeof(struct block)))->size)
		return items;
	more = spec_keep(s, (had ? 2 * had : 1) * size);
	if (had)
		memcpy(more, items, had * size);
	return more;
}

void spec_free(struct spec *s)
{
	struct block *b, *next;

	if (!s)
		return;
	for (b = s->kept; b; b = next) {
		next = b->next;
		free(b);
	}
	free(s);
}

/* ---- directives ----------------------------------------------------------------------------- */

static void on_protocol(struct compiler *c)
{
	const char *name = c_name(c, "the protocol's name");

	if (c->s->name)
		c_fail(c, c->word, "a spec has one protocol");
	if (strchr(name, '.') || *name == '_')
		c_fail(c, c->word, "a protocol's name has a letter in front, and no dot");
	/* Whoever reads records finds them by their type's name. */
	for (size_t i = 0; i < rec_builtin_count; i++)
		if (strcmp(name, rec_builtin[i]->name) == 0)
			c_fail(c, c->word, "'%s' is a record of weir's own", name);
	c->s->name = name;
	c->s->summary = (const char *)c_string(c).ptr;
	c_end(c);
}

static void on_order(struct compiler *c)
{
	if (c_word(c, "little"))
		c->little = true;
	else if (c_word(c, "big"))
		c->little = false;
	else
		c_fail(c, c->at, "big or little is expected here");
	c_end(c);
}

static void ports(struct compiler *c, uint16_t **list, size_t *n)
{
	if (c->s->ncode)
		c_fail(c, NULL, "tcp and udp stand before messages");
	while (!c->failed && c_more(c)) {
		if (*n == PORTS)
			c_fail(c, c->at, "more than %d ports", PORTS);
		*list = spec_grow(c->s, *list, *n, sizeof(**list));
		(*list)[(*n)++] = (uint16_t)c_number(c, UINT16_MAX);
		c_sign(c, ",");
	}
}

static void on_tcp(struct compiler *c)
{
	c->s->tcp = true;
	ports(c, &c->s->tcp_ports, &c->s->ntcp);
}

static void on_udp(struct compiler *c)
{
	c->s->udp = true;
	ports(c, &c->s->udp_ports, &c->s->nudp);
}

/* first [orig|resp] [at N] "BYTES", "BYTES" */
static void on_first(struct compiler *c)
{
	struct spec_first f = { .dirs = 1 << L7_ORIG | 1 << L7_RESP };

	if (c_word(c, "orig"))
		f.dirs = 1 << L7_ORIG;
	else if (c_word(c, "resp"))
		f.dirs = 1 << L7_RESP;
	if (c_word(c, "at"))
		f.at = (uint32_t)c_number(c, 512);
	do {
		struct spec *s = c->s;
		uint32_t literal = c_literal(c);

		f.bytes = s->literals[literal];
		if (s->nfirst == FIRSTS)
			c_fail(c, c->word, "more than %d first bytes", FIRSTS);
		s->first = spec_grow(s, s->first, s->nfirst, sizeof(*s->first));
		s->first[s->nfirst++] = f;
	} while (!c->failed && c_sign(c, ","));
	c_end(c);
}

/* guess NAME, ..: a name, or a text where it has a character that names have not */
static void on_guess(struct compiler *c)
{
	struct spec *s = c->s;

	if (!s->guesses)
		s->guesses = spec_keep(s, (SPEC_GUESSES + 1) * sizeof(*s->guesses));
	do {
		const char *name = c_at_string(c) ? (const char *)c_string(c).ptr
						  : c_name(c, "what guesses call it");

		if (s->nguesses == SPEC_GUESSES)
			c_fail(c, c->word, "more than %d names of guesses", SPEC_GUESSES);
		if (!c->failed)
			s->guesses[s->nguesses++] = name;
	} while (!c->failed && c_sign(c, ","));
	c_end(c);
}

static void on_states(struct compiler *c)
{
	struct spec *s = c->s;

	do {
		const char *name = c_name(c, "a state's name");

		if (s->nstates == SPEC_STATES)
			c_fail(c, c->word, "more than %d states", SPEC_STATES);
		if (!c->failed)
			s->states[s->nstates++] = name;
	} while (!c->failed && c_sign(c, ","));
	c_end(c);
}

static void on_midstream(struct compiler *c)
{
	const char *name = c_name(c, "a state's name");

	for (unsigned i = 0; i < c->s->nstates; i++)
		if (strcmp(c->s->states[i], name) == 0)
			c->s->midstream = (int)i;
	if (!c->failed && c->s->midstream < 0)
		c_fail(c, c->word, "no state '%s' before this line", name);
	c_end(c);
}

static void on_flow(struct compiler *c)
{
	struct spec *s = c->s;

	do {
		const char *name = c_name(c, "a name");

		if (s->nvars == SPEC_VARS)
			c_fail(c, c->word, "more than %d numbers of the flow", SPEC_VARS);
		if (!c->failed && c_slot_find(c, name) >= 0)
			c_fail(c, c->word, "'%s' was something else before", name);
		if (!c->failed)
			s->vars[s->nvars++] = name;
	} while (!c->failed && c_sign(c, ","));
	c_end(c);
}

static void add_name(struct compiler *c, struct spec_table *t)
{
	uint64_t v = c_number(c, NAMES);
	const char **values = (const char **)t->en.values, *name;

	if (c->failed)
		return;
	name = c_at_string(c) ? (const char *)c_string(c).ptr : c_name(c, "what it is called");
	if (c->failed)
		return;
	if (values[v]) {
		c_fail(c, c->word, "%llu has a name already", (unsigned long long)v);
		return;
	}
	values[v] = name;
	if (v >= t->en.count)
		t->en.count = (size_t)v + 1;
}

/* names TABLE, then lines of NUMBER NAME, NUMBER NAME */
static void on_names(struct compiler *c)
{
	struct spec *s = c->s;
	unsigned outside = c->lines[c->line].indent;
	struct spec_table *t;
	const char *name = c_name(c, "the table's name");

	if (strchr(name, '.'))
		c_fail(c, c->word, "a table's name has no dot");
	for (size_t i = 0; i < s->ntables; i++)
		if (strcmp(s->tables[i].name, name) == 0)
			c_fail(c, c->word, "'names %s' was there before", name);
	c_end(c);
	if (c->failed)
		return;
	s->tables = spec_grow(s, s->tables, s->ntables, sizeof(*s->tables));
	t = &s->tables[s->ntables++];
	*t = (struct spec_table){ name,
				  { name, "", spec_keep(s, (NAMES + 1) * sizeof(char *)), 0 } };
	for (c_next_line(c); c->line < c->nlines && c->lines[c->line].indent > outside;
	     c_next_line(c)) {
		do
			add_name(c, t);
		while (!c->failed && c_sign(c, ","));
		c_end(c);
	}
}

static void on_part(struct compiler *c)
{
	unsigned outside = c->lines[c->line].indent;
	const char *name = c_name(c, "the part's name");

	for (size_t i = 0; i < c->nparts; i++)
		if (strcmp(c->parts[i].name, name) == 0)
			c_fail(c, c->word, "'part %s' was there before", name);
	c_end(c);
	if (c->failed)
		return;
	c->parts = spec_grow(c->s, c->parts, c->nparts, sizeof(*c->parts));
	c->parts[c->nparts++] = (struct part){ name, c->line + 1, 0, outside, false };
	if (c->line + 1 == c->nlines || c->lines[c->line + 1].indent <= outside)
		c_fail(c, NULL, "a block is expected below, indented deeper");
	do
		c_next_line(c);
	while (c->line < c->nlines && c->lines[c->line].indent > outside);
}

static void on_message(struct compiler *c)
{
	unsigned dirs = c_word(c, "orig") ? 1 : c_word(c, "resp") ? 2 : 3;
	unsigned outside = c->lines[c->line].indent;
	struct spec *s = c->s;

	c_end(c);
	if (!c->failed && (c->line + 1 == c->nlines || c->lines[c->line + 1].indent <= outside))
		c_fail(c, NULL, "a block is expected below, indented deeper");
	for (unsigned i = 0; i < 2 && !c->failed; i++) {
		if (!(dirs >> i & 1))
			continue;
		if (s->entry[i] != UINT32_MAX)
			c_fail(c, NULL, "a message of that direction was there before");
		s->entry[i] = c_here(c);
	}
	c_next_line(c);
	c->depth = 0;
	c_block(c, outside);
	c_run_close(c);
	c_emit(c, OP_END);
}

static void directive(struct compiler *c)
{
	static const struct {
		const char *word;
		void (*fn)(struct compiler *c);
		bool block; /* goes on to a new line by itself */
	} words[] = {
		{ "protocol", on_protocol, false }, { "order", on_order, false },
		{ "tcp", on_tcp, false },           { "udp", on_udp, false },
		{ "first", on_first, false },       { "guess", on_guess, false },
		{ "states", on_states, false },     { "midstream", on_midstream, false },
		{ "flow", on_flow, false },         { "names", on_names, true },
		{ "part", on_part, true },          { "message", on_message, true },
	};
	const char *word;

	if (c->lines[c->line].indent) {
		c_fail(c, NULL, "this line is indented, and nothing stands above it");
		return;
	}
	word = c_name(c, "a word");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i].word) != 0)
			continue;
		words[i].fn(c);
		if (!words[i].block && !c->failed)
			c_next_line(c);
		return;
	}
	c_fail(c, c->word,
	       "no word '%s'; there are protocol, order, tcp, udp, first, guess, states, "
	       "midstream, flow, names, part and message",
	       word);
}

/* What a whole spec must have; said at its last line. */
static void whole(struct compiler *c)
{
	const struct spec *s = c->s;

	if (c->failed)
		return;
	c->line = c->nlines ? c->nlines - 1 : 0;
	if (!s->name)
		c_fail(c, NULL, "no 'protocol NAME \"what it is\"'");
	else if (!s->tcp && !s->udp)
		c_fail(c, NULL, "neither 'tcp' nor 'udp'");
	else if (!s->ntcp && !s->nudp && !s->nfirst)
		c_fail(c, NULL, "no port and no 'first' bytes: no flow is claimed");
	else if (s->entry[0] == UINT32_MAX && s->entry[1] == UINT32_MAX)
		c_fail(c, NULL, "no 'message'");
}

/* The record's columns are a schema, and a schema has limits. */
static void columns(struct compiler *c)
{
	struct buf raw = { 0 };
	struct schema *schema;
	const char *why = "?";

	if (c->failed)
		return;
	spec_columns(c->s);
	rec_pack_schema(&raw, &c->s->desc, c->s->desc.id, 0);
	schema = schema_parse(buf_bytes(&raw), &why);
	if (!schema)
		c_fail(c, NULL, "the record has %s", why);
	schema_free(schema);
	buf_release(&raw);
}

struct spec *spec_compile(struct bytes source, struct spec_error *e)
{
	struct spec *s = xcalloc(1, sizeof(*s));
	struct compiler c = { .s = s, .e = e, .sub = -1, .run = SIZE_MAX };

	*e = (struct spec_error){ .line = 1, .column = 1 };
	s->entry[0] = s->entry[1] = UINT32_MAX;
	s->midstream = -1;
	s->slots[s->nslots++] =
		(struct spec_slot){ "_", NULL, REC_U64, false, true, false, -1, -1, 0 };
	source_lines(&c, source);
	while (c.line < c.nlines)
		directive(&c);
	whole(&c);
	columns(&c);
	if (!c.failed)
		return s;
	spec_free(s);
	return NULL;
}
