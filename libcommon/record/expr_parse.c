/* expr_parse: the text of an expression into tests and the tree over them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/record/expr_private.h"

enum { MAX_NODES = 4 * EXPR_TESTS };

enum token {
	T_END,
	T_WORD, /* a name or a literal without quotes */
	T_TEXT, /* in quotes */
	T_OPEN,
	T_CLOSE,
	T_SET_OPEN,
	T_SET_CLOSE,
	T_COMMA,
	T_EQ,
	T_NOT_EQ,
	T_LESS,
	T_LESS_EQ,
	T_MORE,
	T_MORE_EQ,
	T_MATCH,
	T_NOT_MATCH,
	T_NOT, /* ! */
	T_AND, /* && */
	T_OR,  /* || */
	T_BAD,
};

struct parser {
	struct expr *x;
	struct expr_error *error;
	struct bytes text;
	size_t at;        /* behind the token at hand */
	size_t start;     /* where that token starts */
	enum token token; /* at hand */
	struct bytes word;
	char *room; /* where the next text goes */
	unsigned depth;
	bool failed;
};

static bool fail_at(struct parser *r, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static bool fail_at(struct parser *r, size_t at, const char *fmt, ...)
{
	va_list args;

	if (r->failed)
		return false;
	r->failed = true;
	r->error->column = (unsigned)at + 1;
	va_start(args, fmt);
	vsnprintf(r->error->what, sizeof(r->error->what), fmt, args);
	va_end(args);
	return false;
}

/* ---- tokens --------------------------------------------------------------------------------- */

static bool is_word_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == ':' || c == '/' || c == '-';
}

/* In quotes. Within "..": \" is a quote, and for texts \\ a backslash and \xHH a byte; any other
 * backslash stays, so that patterns can be written as they are. Within '..' nothing is special. */
static void lex_text(struct parser *r)
{
	uint8_t quote = r->text.ptr[r->at++];
	size_t from = r->at;

	while (r->at < r->text.len && r->text.ptr[r->at] != quote)
		r->at += quote == '"' && r->text.ptr[r->at] == '\\' ? 2 : 1;
	if (r->at >= r->text.len) {
		r->at = r->text.len;
		fail_at(r, r->start, "this quote is not closed");
		r->token = T_BAD;
		return;
	}
	r->word = BYTES(r->text.ptr + from, r->at - from);
	r->at++;
	r->token = T_TEXT;
}

static void lex_sign(struct parser *r)
{
	static const struct {
		const char *text;
		enum token token;
	} signs[] = { { "==", T_EQ },      { "!=", T_NOT_EQ },    { "<=", T_LESS_EQ },
		      { ">=", T_MORE_EQ }, { "!~", T_NOT_MATCH }, { "<", T_LESS },
		      { ">", T_MORE },     { "~", T_MATCH },      { "(", T_OPEN },
		      { ")", T_CLOSE },    { "{", T_SET_OPEN },   { "}", T_SET_CLOSE },
		      { ",", T_COMMA },    { "!", T_NOT },        { "&&", T_AND },
		      { "||", T_OR } };
	const uint8_t *p = r->text.ptr + r->at;
	size_t left = r->text.len - r->at;

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t n = strlen(signs[i].text);

		if (left < n || memcmp(p, signs[i].text, n) != 0)
			continue;
		r->token = signs[i].token;
		r->at += n;
		return;
	}
	r->token = T_BAD;
	if (*p == '=')
		fail_at(r, r->at, "to compare is ==");
	else if (*p == '&' || *p == '|')
		fail_at(r, r->at, "use 'and' and 'or'");
	else
		fail_at(r, r->at, "this has no meaning here");
}

static void next(struct parser *r)
{
	const uint8_t *p = r->text.ptr;

	while (r->at < r->text.len && (p[r->at] == ' ' || (p[r->at] >= '\t' && p[r->at] <= '\r')))
		r->at++;
	r->start = r->at;
	if (r->failed) {
		r->token = T_BAD;
	} else if (r->at == r->text.len) {
		r->token = T_END;
	} else if (p[r->at] == '"' || p[r->at] == '\'') {
		lex_text(r);
	} else if (is_word_byte(p[r->at])) {
		while (r->at < r->text.len && is_word_byte(p[r->at]))
			r->at++;
		r->word = BYTES(p + r->start, r->at - r->start);
		r->token = T_WORD;
	} else {
		lex_sign(r);
	}
}

static bool at_word(const struct parser *r, const char *word)
{
	return r->token == T_WORD && bytes_is(r->word, word);
}

static bool want(struct parser *r, enum token t, const char *what)
{
	if (r->token != t)
		return fail_at(r, r->start, "%s is missing here", what);
	next(r);
	return true;
}

/* ---- operands ------------------------------------------------------------------------------- */

static int hex_value(int c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c > 0 ? strchr(digits, c | 0x20) : NULL;

	return at && *at ? (int)(at - digits) : -1;
}

/* The text in quotes at hand, escapes undone, kept. */
static struct bytes keep_text(struct parser *r, bool pattern)
{
	bool plain = r->text.ptr[r->start] == '\'';
	char *from = r->room;
	struct bytes w = r->word;

	for (size_t i = 0; i < w.len; i++) {
		int c = w.ptr[i], then = i + 1 < w.len ? w.ptr[i + 1] : -1;

		if (c == '\\' && !plain && (then == '"' || (then == '\\' && !pattern))) {
			c = then;
			i++;
		} else if (c == '\\' && !plain && pattern && then >= 0) {
			*r->room++ = (char)c; /* also of \\: the pattern undoes it */
			c = then;
			i++;
		} else if (c == '\\' && !plain && then == 'x' && i + 3 < w.len &&
			   hex_value(w.ptr[i + 2]) >= 0 && hex_value(w.ptr[i + 3]) >= 0) {
			c = hex_value(w.ptr[i + 2]) << 4 | hex_value(w.ptr[i + 3]);
			i += 3;
		}
		*r->room++ = (char)c;
	}
	return BYTES(from, r->room - from);
}

static bool is_field_word(struct bytes w)
{
	return ((w.ptr[0] >= 'a' && w.ptr[0] <= 'z') || w.ptr[0] == '_') &&
	       !memchr(w.ptr, ':', w.len) && !memchr(w.ptr, '/', w.len) &&
	       !memchr(w.ptr, '-', w.len);
}

static bool is_reserved(struct bytes w)
{
	static const char *const words[] = { "and", "or", "not", "in", "true", "false", NULL };

	for (int i = 0; words[i]; i++)
		if (bytes_is(w, words[i]))
			return true;
	return false;
}

/* A literal at hand, which is taken. */
static bool read_literal(struct parser *r, struct literal *l)
{
	const char *why;

	if (r->token == T_TEXT) {
		*l = literal_text(keep_text(r, false));
	} else if (at_word(r, "true") || at_word(r, "false")) {
		*l = literal_bool(r->word.len == 4);
	} else if (r->token != T_WORD) {
		return fail_at(r, r->start, "a value is missing here");
	} else if (!literal_word(r->word, l, &why)) {
		if (is_field_word(r->word))
			why = "this is no value; texts stand in quotes";
		return fail_at(r, r->start, "%s", why);
	}
	next(r);
	return true;
}

static bool read_field(struct parser *r, uint16_t *field)
{
	int i;

	if (r->token != T_WORD || is_reserved(r->word))
		return fail_at(r, r->start, "a field's name is missing here");
	if (!is_field_word(r->word))
		return fail_at(r, r->start, "a field's name stands on the left of a comparison");
	i = names_add(&r->x->names, r->word);
	if (i < 0)
		return fail_at(r, r->start, "this is no field's name, or there are more than %d",
			       NAMES_MAX);
	*field = (uint16_t)i;
	next(r);
	return true;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static bool read_set(struct parser *r, struct test *t)
{
	struct literal *items = NULL;
	size_t n = 0, room = 0;
	bool ok = true;

	do {
		next(r); /* the brace or the comma */
		if (n == room) {
			room = room ? 2 * room : 16;
			items = realloc(items, room * sizeof(*items));
			if (!items)
				die("out of memory");
		}
		if (++r->x->nitems > EXPR_ITEMS)
			ok = fail_at(r, r->start, "more than %d items in sets", EXPR_ITEMS);
		ok = ok && read_literal(r, &items[n++]);
	} while (ok && r->token == T_COMMA);
	ok = ok && want(r, T_SET_CLOSE, "a comma or the closing brace");
	if (ok) {
		literal_set_init(&t->set, n);
		for (size_t i = 0; i < n; i++)
			literal_set_add(&t->set, &items[i]);
		literal_set_sort(&t->set);
	}
	free(items);
	return ok;
}

static bool read_pattern(struct parser *r, struct test *t)
{
	const char *why;
	size_t at, start = r->start;
	struct bytes text;

	if (r->token != T_TEXT)
		return fail_at(r, r->start, "a pattern stands in quotes");
	if (++r->x->npatterns > EXPR_PATTERNS)
		return fail_at(r, r->start, "more than %d patterns", EXPR_PATTERNS);
	text = keep_text(r, true);
	t->pattern = pattern_new(text, &why, &at);
	if (!t->pattern)
		return fail_at(r, start + 1 + at, "%s", why);
	next(r);
	return true;
}

/* Behind == != < <= > >=: a literal or another field. */
static bool read_compared(struct parser *r, struct test *t, enum token op)
{
	static const enum test_op orders[] = {
		[T_LESS] = TEST_LESS,
		[T_LESS_EQ] = TEST_LESS_EQ,
		[T_MORE] = TEST_MORE,
		[T_MORE_EQ] = TEST_MORE_EQ,
	};
	bool equal = op == T_EQ || op == T_NOT_EQ;
	size_t start = r->start;

	t->negated = op == T_NOT_EQ;
	t->op = equal ? TEST_IN : orders[op];
	if (r->token == T_WORD && is_field_word(r->word) && !is_reserved(r->word)) {
		t->op = equal ? TEST_FIELD_EQ : t->op - TEST_LESS + TEST_FIELD_LESS;
		return read_field(r, &t->other);
	}
	if (!read_literal(r, &t->literal))
		return false;
	if (!equal)
		return !t->literal.range ||
		       fail_at(r, start, "a range or prefix has no order: use 'in', or one value");
	literal_set_init(&t->set, 1);
	literal_set_add(&t->set, &t->literal);
	literal_set_sort(&t->set);
	return true;
}

/* What stands behind a field. */
static bool read_operator(struct parser *r, struct test *t)
{
	enum token op = r->token;

	t->column = (unsigned)r->start + 1;
	if (op >= T_EQ && op <= T_MORE_EQ) {
		next(r);
		return read_compared(r, t, op);
	}
	if (op == T_MATCH || op == T_NOT_MATCH) {
		next(r);
		t->op = TEST_MATCH;
		t->negated = op == T_NOT_MATCH;
		return read_pattern(r, t);
	}
	if (at_word(r, "not")) {
		next(r);
		t->negated = true;
		if (!at_word(r, "in"))
			return fail_at(r, r->start, "'in' is missing here");
	}
	if (at_word(r, "in")) {
		next(r);
		t->op = TEST_IN;
		if (r->token == T_SET_OPEN)
			return read_set(r, t);
		return read_compared(r, t, t->negated ? T_NOT_EQ : T_EQ);
	}
	t->op = TEST_TRUE;
	return !t->count || fail_at(r, r->start, "count() is compared with a number");
}

static bool node_new(struct parser *r, enum node_kind kind, uint16_t a, uint16_t b, uint16_t *node)
{
	if (r->x->nnodes == MAX_NODES)
		return fail_at(r, r->start, "the expression is too long");
	r->x->nodes[r->x->nnodes] = (struct node){ kind, a, b };
	*node = (uint16_t)r->x->nnodes++;
	return true;
}

static bool read_test(struct parser *r, uint16_t *node)
{
	struct test *t = &r->x->tests[r->x->ntests];
	bool exists, count;
	size_t start = r->start;

	if (r->x->ntests == EXPR_TESTS)
		return fail_at(r, r->start, "more than %d comparisons", EXPR_TESTS);
	r->x->ntests++;
	exists = at_word(r, "exists");
	count = at_word(r, "count");
	if (exists || count) {
		next(r);
		if (r->token == T_OPEN) {
			next(r);
			t->count = count;
			t->op = TEST_EXISTS;
			t->column = (unsigned)start + 1;
			if (!read_field(r, &t->field) || !want(r, T_CLOSE, "a closing parenthesis"))
				return false;
			return (exists || read_operator(r, t)) &&
			       node_new(r, NODE_TEST, (uint16_t)(t - r->x->tests), 0, node);
		}
		r->at = r->start = start; /* a field of that name */
		next(r);
	}
	return read_field(r, &t->field) && read_operator(r, t) &&
	       node_new(r, NODE_TEST, (uint16_t)(t - r->x->tests), 0, node);
}

static bool read_or(struct parser *r, uint16_t *node);

/* Recurses EXPR_DEPTH deep at most, as do all that it is called by. */
static bool read_not(struct parser *r, uint16_t *node)
{
	bool ok;

	if (++r->depth > EXPR_DEPTH)
		return fail_at(r, r->start, "nested deeper than %d", EXPR_DEPTH);
	if (at_word(r, "not") || r->token == T_NOT) {
		uint16_t of;

		next(r);
		ok = read_not(r, &of) && node_new(r, NODE_NOT, of, 0, node);
	} else if (r->token == T_OPEN) {
		next(r);
		ok = read_or(r, node) && want(r, T_CLOSE, "a closing parenthesis");
	} else {
		ok = read_test(r, node);
	}
	r->depth--;
	return ok;
}

static bool read_and(struct parser *r, uint16_t *node)
{
	uint16_t more;

	if (!read_not(r, node))
		return false;
	while (at_word(r, "and") || r->token == T_AND) {
		next(r);
		if (!read_not(r, &more) || !node_new(r, NODE_AND, *node, more, node))
			return false;
	}
	return true;
}

static bool read_or(struct parser *r, uint16_t *node)
{
	uint16_t more;

	if (!read_and(r, node))
		return false;
	while (at_word(r, "or") || r->token == T_OR) {
		next(r);
		if (!read_and(r, &more) || !node_new(r, NODE_OR, *node, more, node))
			return false;
	}
	return true;
}

static void types_add(struct expr *x, const struct test *t)
{
	if (strcmp(x->names.name[t->field], "type") != 0)
		return;
	for (size_t i = 0; i < t->set.ntexts; i++)
		names_add_type(&x->types, t->set.texts[i]);
}

struct expr *expr_parse(struct bytes text, struct expr_error *e)
{
	struct expr *x = xcalloc(1, sizeof(*x));
	struct parser r = { .x = x, .error = e, .text = text };

	*e = (struct expr_error){ 0 };
	x->tests = xcalloc(EXPR_TESTS, sizeof(*x->tests));
	x->nodes = xcalloc(MAX_NODES, sizeof(*x->nodes));
	if (text.len > EXPR_TEXT) {
		fail_at(&r, EXPR_TEXT, "the expression is longer than %d bytes", EXPR_TEXT);
		expr_free(x);
		return NULL;
	}
	x->text = xcalloc(text.len + 1, 1);
	r.room = x->text;
	next(&r);
	if (read_or(&r, &x->root) && r.token != T_END)
		fail_at(&r, r.start, "'and' or 'or' is missing here");
	for (size_t i = 0; i < x->ntests && !r.failed; i++) {
		r.failed = !expr_check(x, &x->tests[i], e);
		types_add(x, &x->tests[i]);
	}
	if (!r.failed)
		return x;
	expr_free(x);
	return NULL;
}

const struct names *expr_types(const struct expr *x)
{
	return &x->types;
}

void expr_free(struct expr *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->ntests; i++) {
		literal_set_release(&x->tests[i].set);
		pattern_free(x->tests[i].pattern);
	}
	names_release(&x->names);
	names_release(&x->types);
	free(x->tests);
	free(x->nodes);
	free(x->text);
	free(x);
}
