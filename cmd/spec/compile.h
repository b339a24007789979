/* compile: what the files of the compiler share. Each reads on at c->at and adds to c->s; the first
 * error is kept, and empties what is left to read, so that every loop ends. */
#ifndef WEIR_SPEC_COMPILE_H
#define WEIR_SPEC_COMPILE_H

#include "cmd/spec/program.h"

struct spec_line {
	unsigned number, indent;
	const char *text; /* ends with a NUL; a comment is gone */
};

struct part {
	const char *name;
	size_t first, last; /* its lines */
	unsigned indent;
	bool open; /* being put in place */
};

struct compiler {
	struct spec *s;
	struct spec_error *e;
	bool failed;
	struct spec_line *lines;
	size_t nlines, line; /* at hand */
	const char *at, *word,
		*named; /* in the line; where the last word began, and the last name */
	bool little;
	struct part *parts;
	size_t nparts;
	struct {
		const char *name;
		unsigned block; /* `whole` in which it was set last, 0: in none */
	} marks[SPEC_DEPTH];
	unsigned nmarks;
	unsigned windows;       /* that are open */
	unsigned depth, whole;  /* blocks; those that have all their bytes */
	unsigned block, blocks; /* the outermost of the latter, by number; how many there were */
	int sub;                /* the sub-record at hand, or -1 */
	/* The run at hand: its OP_RUN, or SIZE_MAX, and the bits that it has so far. */
	size_t run;
	uint32_t run_bits;
	unsigned consumed; /* statements so far that may take bytes */
};

/* ---- source.c ---- */
void source_lines(struct compiler *c, struct bytes source);
void c_fail(struct compiler *c, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
char *c_copy(struct compiler *c, const char *at, size_t n);
/* To the next thing in the line; false at its end. */
bool c_more(struct compiler *c);
void c_end(struct compiler *c); /* of the line: nothing may follow */
/* Is the next word this one? Then it is read. */
bool c_word(struct compiler *c, const char *word);
bool c_sign(struct compiler *c, const char *sign);
/* A name, copied; "" and an error where there is none. */
const char *c_name(struct compiler *c, const char *what);
bool c_at_number(struct compiler *c);
uint64_t c_number(struct compiler *c, uint64_t most);
bool c_at_string(struct compiler *c);
struct bytes c_string(struct compiler *c);
void c_next_line(struct compiler *c);

/* ---- compile_expr.c ---- */
struct spec_insn *c_emit(struct compiler *c, enum spec_op op);
uint32_t c_here(const struct compiler *c);
/* Code that pushes one number. */
void c_expr(struct compiler *c);
/* The same as the argument of an instruction to be emitted: emits it. */
struct spec_insn *c_emit_arg(struct compiler *c, enum spec_op op);
/* The value of a name in a table, `table.name`. False: there is none. */
bool c_constant(struct compiler *c, const char *name, uint64_t *v);
/* VALUE, LO..HI, ..: a test each, whose jump is to go to where c_land() is said; how many. */
enum { RANGES = 128 };
size_t c_ranges(struct compiler *c, size_t jumps[RANGES]);
void c_land(struct compiler *c, const size_t *jumps, size_t n); /* here */
uint32_t c_literal(struct compiler *c);

/* ---- compile_fields.c ---- */
/* Reads the statement `word` where it is one that declares fields. */
bool c_field(struct compiler *c, const char *word);
void c_run_close(struct compiler *c);
/* The last word speaks of the window's end: over TCP there must be a window. */
void c_window(struct compiler *c);
/* as TABLE, where it stands here. */
void c_names(struct compiler *c, uint16_t slot);
/* What a column means, in ", where it stands here. */
void c_doc(struct compiler *c, uint16_t slot);
/* The number of a slot by name, in the sub-record at hand, then outside; -1: there is none. */
int c_slot_find(const struct compiler *c, const char *name);
/* A slot of that name, made where it is new. An error where it was something else before. */
uint16_t c_slot(struct compiler *c, const char *name, enum rec_kind kind, bool list);
const char *c_why(struct compiler *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- compile_blocks.c ---- */
/* The statements that are indented deeper than the line before. */
void c_block(struct compiler *c, unsigned outside);

#endif
