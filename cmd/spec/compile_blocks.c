/* compile_blocks: the statements that decide what comes next, and those about the flow. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/spec/compile.h"
#include "cmd/spec/sums.h"

enum { CASES = 128 };

static unsigned indent(const struct compiler *c)
{
	return c->lines[c->line].indent;
}

/* The block below the line at hand, which has been read. */
static void inner(struct compiler *c, unsigned outside)
{
	c_run_close(c);
	if (c->depth == SPEC_DEPTH) {
		c_fail(c, NULL, "blocks are nested deeper than %d", SPEC_DEPTH);
		return;
	}
	c->depth++;
	c_block(c, outside);
	c->depth--;
	c_run_close(c);
}

/* Reads the end of the line at hand, then its block, of which there must be one. */
static void line_and_block(struct compiler *c)
{
	size_t line = c->line;
	unsigned outside = c->failed ? 0 : indent(c);

	c_end(c);
	if (c->failed)
		return;
	if (line + 1 == c->nlines || c->lines[line + 1].indent <= outside) {
		c_fail(c, NULL, "a block is expected below, indented deeper");
		return;
	}
	c_next_line(c);
	inner(c, outside);
}

/* Does the block that ended go on with this word, at the same indentation? Then it is read. */
static bool goes_on(struct compiler *c, unsigned at, const char *word)
{
	return c->line < c->nlines && indent(c) == at && c_word(c, word);
}

static void on_if(struct compiler *c)
{
	unsigned at = indent(c);
	size_t skip, over;

	c_run_close(c);
	c_expr(c);
	skip = c->s->ncode;
	c_emit(c, OP_JUMPZ);
	line_and_block(c);
	if (goes_on(c, at, "else")) {
		over = c->s->ncode;
		c_emit(c, OP_JUMP);
		c->s->code[skip].n = c_here(c);
		if (c_word(c, "if"))
			on_if(c);
		else
			line_and_block(c);
		if (!c->failed)
			c->s->code[over].n = c_here(c);
	} else if (!c->failed) {
		c->s->code[skip].n = c_here(c);
	}
}

/* Each case tests, and jumps over its block to the next test where none of its values is there. */
static void on_switch(struct compiler *c)
{
	unsigned at = indent(c);
	size_t jumps[RANGES], ends[CASES], nends = 0, n, next;

	c_run_close(c);
	c_expr(c);
	c_end(c);
	c_next_line(c);
	while (goes_on(c, at, "case")) {
		n = c_ranges(c, jumps);
		next = c->s->ncode;
		c_emit(c, OP_JUMP);
		c_land(c, jumps, n);
		line_and_block(c);
		if (nends == CASES)
			c_fail(c, NULL, "more than %d cases", CASES);
		if (c->failed)
			return;
		ends[nends++] = c->s->ncode;
		c_emit(c, OP_JUMP);
		c->s->code[next].n = c_here(c);
	}
	if (!c->failed && nends == 0)
		c_fail(c, NULL, "'case' is expected below, indented as 'switch'");
	c_emit(c, OP_POP);
	if (goes_on(c, at, "else"))
		line_and_block(c);
	c_land(c, ends, nends);
}

/* ---- loops and windows ---------------------------------------------------------------------- */

/* as NAME: the turns' values become the rows of a list. */
static int sub_begin(struct compiler *c)
{
	struct spec *s = c->s;
	const char *name;

	if (!c_word(c, "as"))
		return -1;
	name = c_name(c, "the list's name");
	if (c->sub >= 0)
		c_fail(c, c->word, "a list of records within one");
	for (unsigned i = 0; i < s->nsubs; i++)
		if (strcmp(s->subs[i].name, name) == 0)
			return (int)i;
	if (c_slot_find(c, name) >= 0 || *name == '_' || strchr(name, '.'))
		c_fail(c, c->word, "'%s' can't be a list's name", name);
	if (s->nsubs == SPEC_SUBS)
		c_fail(c, c->word, "more than %d lists", SPEC_SUBS);
	if (c->failed)
		return -1;
	s->subs[s->nsubs].name = name;
	return (int)s->nsubs++;
}

/* The rest of a line with a loop, and its block; `turn` is its OP_TURN or OP_TURNZ. */
static void loop_body(struct compiler *c, size_t begin, size_t top, size_t turn)
{
	int outer = c->sub, sub;
	unsigned consumed = c->consumed;
	size_t line = c->line;
	struct spec_insn *i;
	uint32_t most = SPEC_TURNS;

	if (c_word(c, "max"))
		most = (uint32_t)c_number(c, SPEC_TURNS_MAX);
	sub = sub_begin(c);
	if (c->failed)
		return;
	c->s->code[begin].n = most;
	c->s->code[turn].why = c_why(c, "more than %u turns, or one without a byte", most);
	c->sub = sub >= 0 ? sub : outer;
	line_and_block(c);
	c->sub = outer;
	if (c->failed)
		return;
	if (c->consumed == consumed) {
		c->line = line;
		c_fail(c, c->lines[line].text, "nothing in this loop takes a byte");
		return;
	}
	if (sub >= 0)
		c_emit(c, OP_ROW)->n = (uint32_t)sub;
	i = c_emit(c, OP_JUMP);
	i->n = (uint32_t)top;
	c->s->code[turn].n = c_here(c);
}

static void on_repeat(struct compiler *c)
{
	size_t begin, top, turn;

	c_run_close(c);
	if (c_word(c, "while")) {
		begin = c->s->ncode;
		c_emit(c, OP_WHILE);
		top = c->s->ncode;
		c_expr(c);
		turn = c->s->ncode;
		c_emit(c, OP_TURNZ);
	} else if (c_word(c, "until")) {
		if (!c_word(c, "end"))
			c_fail(c, c->at, "'end' is expected here");
		c_window(c);
		begin = c->s->ncode;
		c_emit(c, OP_WHILE);
		top = turn = c->s->ncode;
		c_emit(c, OP_TURN)->arg = true;
	} else {
		c_emit_arg(c, OP_LOOP);
		begin = c->s->ncode - 1;
		top = turn = c->s->ncode;
		c_emit(c, OP_TURN);
	}
	loop_body(c, begin, top, turn);
}

/* A block all of whose bytes are there. True: it is in no other one. */
static bool whole_begin(struct compiler *c)
{
	if (c->whole++)
		return false;
	c->block = ++c->blocks;
	return true;
}

static void whole_end(struct compiler *c)
{
	if (--c->whole == 0)
		c->block = 0;
}

static void window_block(struct compiler *c)
{
	c->windows++;
	line_and_block(c);
	c->windows--;
}

static void on_within(struct compiler *c)
{
	c_run_close(c);
	if (c_word(c, "until")) {
		uint32_t literal = c_literal(c);
		struct spec_insn *i = c_emit(c, OP_WITHIN_UNTIL);

		i->m = literal;
		i->imm = c_word(c, "max") ? c_number(c, SPEC_KEEP_MAX) : SPEC_KEEP;
		i->why = c_why(c, "no end of the line within %llu bytes",
			       (unsigned long long)i->imm);
		i->n = whole_begin(c);
		c->consumed++;
		window_block(c);
		whole_end(c);
	} else {
		c_emit_arg(c, OP_WITHIN);
		window_block(c);
	}
	c_emit(c, OP_LEAVE);
}

static void on_whole(struct compiler *c)
{
	struct spec_insn *i;

	c_run_close(c);
	i = c_emit_arg(c, OP_WHOLE);
	i->n = c_word(c, "max") ? (uint32_t)c_number(c, SPEC_WHOLE_MAX) : SPEC_WHOLE;
	i->why = c_why(c, "more than %u bytes", i->n);
	i->m = whole_begin(c);
	window_block(c);
	whole_end(c);
	c_emit(c, OP_LEAVE);
}

/* The lines of a part, as if they stood here. */
static void on_use(struct compiler *c)
{
	const char *name = c_name(c, "the name of a part"), *at = c->word;
	size_t back = c->line;
	struct part *p = NULL;

	c_end(c);
	for (size_t i = 0; i < c->nparts; i++)
		if (strcmp(c->parts[i].name, name) == 0)
			p = &c->parts[i];
	if (!p)
		c_fail(c, at, "no 'part %s' before this line", name);
	else if (p->open)
		c_fail(c, at, "part '%s' would hold itself: repetition is what 'repeat' is for",
		       name);
	if (c->failed)
		return;
	p->open = true;
	c->line = p->first;
	c->at = c->lines[c->line].text;
	inner(c, p->indent);
	p->open = false;
	if (c->failed)
		return;
	c->line = back;
	c->at = c->lines[back].text + strlen(c->lines[back].text);
}

/* ---- values and checks ---------------------------------------------------------------------- */

static void on_let(struct compiler *c)
{
	const char *name = c_name(c, "a field's name");
	uint16_t slot = c_slot(c, name, REC_U64, false);

	if (!c_sign(c, "="))
		c_fail(c, c->at, "= is expected here");
	c_expr(c);
	c_emit(c, OP_LET)->slot = slot;
	c_names(c, slot);
	c_doc(c, slot);
	c_end(c);
}

static void on_set(struct compiler *c)
{
	const char *name = c_name(c, "a number of the flow");
	int var = c_slot_find(c, name);

	if (!c->failed && var < SPEC_SLOTS)
		c_fail(c, c->word, "no 'flow %s' before this line", name);
	if (!c_sign(c, "="))
		c_fail(c, c->at, "= is expected here");
	c_expr(c);
	c_emit(c, OP_SET)->slot = (uint16_t)(var - SPEC_SLOTS);
	c_end(c);
}

static void on_mark(struct compiler *c)
{
	const char *name = c_name(c, "the mark's name");
	unsigned i = 0;

	c_run_close(c);
	if (!c->whole && c->s->tcp)
		c_fail(c, c->named, "a mark over TCP stands within 'whole'");
	while (i < c->nmarks && strcmp(c->marks[i].name, name) != 0)
		i++;
	if (i == SPEC_DEPTH)
		c_fail(c, c->word, "more than %d marks", SPEC_DEPTH);
	if (c->failed)
		return;
	if (i == c->nmarks)
		c->nmarks++;
	c->marks[i].name = name;
	c->marks[i].block = c->block;
	c_emit(c, OP_MARK)->n = i;
	c_end(c);
}

/* The number of a mark that was set before. */
static uint32_t a_mark(struct compiler *c)
{
	const char *name = c_name(c, "a mark");
	uint32_t i = 0;

	while (i < c->nmarks && strcmp(c->marks[i].name, name) != 0)
		i++;
	if (i == c->nmarks)
		c_fail(c, c->named, "no 'mark %s' before this line", name);
	else if (c->s->tcp && (!c->block || c->marks[i].block != c->block))
		c_fail(c, c->named, "'mark %s' is not in the same 'whole'", name);
	return i;
}

/* checksum ALGORITHM EXPR from MARK [to MARK] */
static void on_checksum(struct compiler *c)
{
	const char *name = c_name(c, "a checksum's name");
	int sum = sum_find(name);
	uint32_t from;
	struct spec_insn *i;

	if (!c->failed && sum < 0)
		c_fail(c, c->named, "no checksum '%s'; there are %s", name, sum_names());
	if (!c->failed && c->s->nsums == SPEC_SUMS)
		c_fail(c, c->named, "more than %d checksums", SPEC_SUMS);
	c_run_close(c);
	c_expr(c);
	if (!c_word(c, "from"))
		c_fail(c, c->at, "'from' and a mark are expected here");
	from = a_mark(c);
	i = c_emit(c, OP_SUM);
	i->n = from;
	i->m = (uint32_t)sum;
	i->slot = (uint16_t)c->s->nsums++;
	if (c_word(c, "to")) {
		i->arg = true;
		i->imm = a_mark(c);
	}
	i->why = c_why(c, "the bytes of the checksum are not there");
	c_end(c);
}

static void on_require(struct compiler *c)
{
	const char *why;

	c_expr(c);
	why = c_why(c, "%s", (const char *)c_string(c).ptr);
	c_emit(c, OP_REQUIRE)->why = why;
	c_end(c);
}

static void said(struct compiler *c, enum spec_op op)
{
	struct bytes b = c_string(c);

	c_emit(c, op)->why =
		op == OP_FAIL ? c_why(c, "%s", (const char *)b.ptr) : (const char *)b.ptr;
	c_end(c);
}

static uint64_t a_state(struct compiler *c)
{
	const char *name = c_name(c, "a state's name");

	for (unsigned i = 0; i < c->s->nstates; i++)
		if (strcmp(c->s->states[i], name) == 0)
			return i;
	c_fail(c, c->word, "no state '%s'", name);
	return 0;
}

/* legal "WHAT" in STATE, STATE */
static void on_legal(struct compiler *c)
{
	const char *what = (const char *)c_string(c).ptr;
	uint64_t mask = 0;
	struct spec_insn *i;

	if (!c_word(c, "in"))
		c_fail(c, c->at, "'in' and states are expected here");
	do
		mask |= 1ull << a_state(c);
	while (c_sign(c, ","));
	i = c_emit(c, OP_LEGAL);
	i->imm = mask;
	i->why = what;
	c_end(c);
}

static void on_become(struct compiler *c)
{
	uint64_t state = a_state(c);

	c_emit(c, OP_BECOME)->imm = state;
	c_end(c);
}

/* request KEY, KEY: all pushed, the last on top. */
static void paired(struct compiler *c, enum spec_op op)
{
	unsigned n = 0;

	c->s->pairs = true;
	if (c_more(c)) {
		do {
			c_expr(c);
			n++;
		} while (c_sign(c, ","));
	}
	if (n > SPEC_KEYS)
		c_fail(c, c->word, "more than %d keys", SPEC_KEYS);
	c_emit(c, op)->n = n;
	c_end(c);
}

static void plain(struct compiler *c, enum spec_op op)
{
	c_emit(c, op);
	c_end(c);
}

static bool block_statement(struct compiler *c, const char *word)
{
	static const struct {
		const char *word;
		void (*fn)(struct compiler *c);
	} blocks[] = { { "if", on_if },
		       { "switch", on_switch },
		       { "repeat", on_repeat },
		       { "within", on_within },
		       { "whole", on_whole } };

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		if (strcmp(word, blocks[i].word) == 0)
			return blocks[i].fn(c), true;
	return false;
}

static bool line_statement(struct compiler *c, const char *word)
{
	static const struct {
		const char *word;
		void (*fn)(struct compiler *c);
		void (*fn_op)(struct compiler *c, enum spec_op op);
		enum spec_op op;
	} lines[] = {
		{ "let", on_let, NULL, 0 },
		{ "set", on_set, NULL, 0 },
		{ "use", on_use, NULL, 0 },
		{ "mark", on_mark, NULL, 0 },
		{ "checksum", on_checksum, NULL, 0 },
		{ "require", on_require, NULL, 0 },
		{ "legal", on_legal, NULL, 0 },
		{ "become", on_become, NULL, 0 },
		{ "fail", NULL, said, OP_FAIL },
		{ "note", NULL, said, OP_NOTE },
		{ "request", NULL, paired, OP_REQUEST },
		{ "response", NULL, paired, OP_RESPONSE },
		{ "silent", NULL, plain, OP_SILENT },
		{ "over", NULL, plain, OP_OVER },
		{ "end", NULL, plain, OP_END },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strcmp(word, lines[i].word) != 0)
			continue;
		if (lines[i].fn)
			lines[i].fn(c);
		else
			lines[i].fn_op(c, lines[i].op);
		return true;
	}
	return false;
}

void c_block(struct compiler *c, unsigned outside)
{
	unsigned own = c->line < c->nlines ? indent(c) : 0;
	const char *word;

	while (c->line < c->nlines && indent(c) > outside) {
		if (indent(c) != own) {
			c_fail(c, NULL,
			       "this line is indented neither as its block nor as what "
			       "is around it");
			return;
		}
		word = c_name(c, "a statement");
		if (c->failed || block_statement(c, word)) /* the latter goes on to a new line */
			continue;
		if (!line_statement(c, word) && !c_field(c, word))
			c_fail(c, c->word, "no statement '%s'", word);
		if (!c->failed)
			c_next_line(c);
	}
}
