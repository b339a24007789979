/* pattern: an expression becomes the automaton of its places (Glushkov), and that a deterministic
 * one, state by state, as texts ask for them. */
#include "libcommon/base/pattern.h"

#include <ctype.h>
#include <stdlib.h>

#include "libcommon/base/die.h"

enum {
	WORDS = PATTERN_PLACES / 64,
	AT_START = 256, /* signs that no byte is: in front of the text.. */
	AT_END,         /* ..and behind it */
	SIGNS,
	MAX_DEPTH = 32,
	MAX_WORK = 20000, /* atoms read, those of repeats each time */
	MAX_REPEAT = 255,
	STATES = 125,
	SLOTS = 256, /* of the table that finds states; a power of 2, more than STATES */
	ASK = 0,     /* transitions: not known yet; a match; none can come; else the state */
	FOUND = 1,
	NEVER = 2,
	FIRST_STATE = 3,
};

/* A set of places. */
struct set {
	uint64_t w[WORDS];
};

struct pattern {
	struct set follow[PATTERN_PLACES]; /* the places that may come behind one */
	struct set takes[SIGNS];           /* the places that take a sign */
	struct set first, last;
	size_t places;
	bool always;   /* the empty text matches */
	bool anchored; /* a match starts with the text */
	/* signs that no place tells apart are one class */
	uint16_t class[SIGNS];
	uint16_t nclasses;
	uint16_t sign_of[SIGNS]; /* a sign of each class */
	struct set states[FIRST_STATE + STATES];
	uint16_t nstates;
	uint8_t slots[SLOTS]; /* state by hash of its set; 0: none */
	uint8_t *next;        /* [state * nclasses + class] */
};

/* ---- sets --------------------------------------------------------------------------------- */

static void set_add(struct set *s, size_t i)
{
	s->w[i / 64] |= 1ull << i % 64;
}

static bool set_has(const struct set *s, size_t i)
{
	return s->w[i / 64] >> i % 64 & 1;
}

static void set_join(struct set *s, const struct set *t)
{
	for (int i = 0; i < WORDS; i++)
		s->w[i] |= t->w[i];
}

static bool set_meets(const struct set *s, const struct set *t)
{
	uint64_t both = 0;

	for (int i = 0; i < WORDS; i++)
		both |= s->w[i] & t->w[i];
	return both;
}

/* ---- the expression ------------------------------------------------------------------------- */

struct parser {
	struct pattern *p;
	struct bytes text;
	size_t at, depth, work;
	bool any_case;
	const char *why;
};

/* A part of the expression: the places at which it starts and ends. */
struct part {
	struct set first, last;
	bool empty; /* it matches the empty text too */
};

static const struct part nothing = { .empty = true };

static bool fail(struct parser *r, const char *why)
{
	if (!r->why)
		r->why = why;
	return false;
}

static int peek(const struct parser *r)
{
	return r->at < r->text.len ? r->text.ptr[r->at] : -1;
}

static struct part joined(struct parser *r, const struct part *a, const struct part *b)
{
	struct part both = { .first = a->first, .last = b->last, .empty = a->empty && b->empty };

	for (size_t i = 0; i < r->p->places; i++)
		if (set_has(&a->last, i))
			set_join(&r->p->follow[i], &b->first);
	if (a->empty)
		set_join(&both.first, &b->first);
	if (b->empty)
		set_join(&both.last, &a->last);
	return both;
}

/* Signs are bits 0..255: a class. */
static void class_add(uint64_t class[4], unsigned c)
{
	class[c / 64] |= 1ull << c % 64;
}

static bool place_new(struct parser *r, struct part *part, size_t *place)
{
	if (r->p->places == PATTERN_PLACES)
		return fail(r, "the pattern is too long");
	*place = r->p->places++;
	*part = nothing;
	part->empty = false;
	set_add(&part->first, *place);
	set_add(&part->last, *place);
	return true;
}

static bool place_of_class(struct parser *r, const uint64_t class[4], struct part *part)
{
	size_t place;

	if (!place_new(r, part, &place))
		return false;
	for (unsigned c = 0; c < 256; c++) {
		if (!(class[c / 64] >> c % 64 & 1))
			continue;
		set_add(&r->p->takes[c], place);
		if (r->any_case && c < 128 && isalpha((int)c))
			set_add(&r->p->takes[c ^ 0x20], place);
	}
	return true;
}

static bool place_of_sign(struct parser *r, unsigned sign, struct part *part)
{
	size_t place;

	if (!place_new(r, part, &place))
		return false;
	set_add(&r->p->takes[sign], place);
	return true;
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_of(int letter, int c)
{
	switch (letter) {
	case 'd':
		return c >= '0' && c <= '9';
	case 'w':
		return c == '_' || (c < 128 && isalnum(c));
	default:
		return c == ' ' || (c >= '\t' && c <= '\r');
	}
}

/* What follows a backslash, into a class; *one is the byte where it is but one, else -1. */
static bool read_escape(struct parser *r, uint64_t class[4], int *one)
{
	static const char letters[] = "ntrfv", bytes[] = "\n\t\r\f\v";
	int c = peek(r), high, low;
	const char *l;

	*one = -1;
	r->at++;
	if (c < 0)
		return fail(r, "a backslash at the end");
	if (c >= '1' && c <= '9')
		return fail(r, "back-references are not known here");
	if (strchr("dwsDWS", c)) {
		for (int i = 0; i < 256; i++)
			if (is_of(c | 0x20, i) == !!(c & 0x20))
				class_add(class, (unsigned)i);
		return true;
	}
	l = strchr(letters, c);
	if (l) {
		*one = bytes[l - letters];
	} else if (c == 'x' && r->at + 2 <= r->text.len) {
		high = hex_digit(r->text.ptr[r->at]);
		low = hex_digit(r->text.ptr[r->at + 1]);
		r->at += 2;
		if (high < 0 || low < 0)
			return fail(r, "\\x needs two hex digits");
		*one = high << 4 | low;
	} else if (c < 128 && isalnum(c)) {
		return fail(r, "a backslash in front of this letter has no meaning");
	} else {
		*one = c;
	}
	class_add(class, (unsigned)*one);
	return true;
}

/* [:name:] at r->at, which is behind the first bracket. */
static bool read_named(struct parser *r, uint64_t class[4])
{
	static const struct {
		const char *name;
		int (*is)(int);
	} named[] = { { "alpha", isalpha }, { "digit", isdigit }, { "alnum", isalnum },
		      { "upper", isupper }, { "lower", islower }, { "space", isspace },
		      { "punct", ispunct }, { "print", isprint }, { "graph", isgraph },
		      { "cntrl", iscntrl }, { "blank", isblank }, { "xdigit", isxdigit } };
	const uint8_t *at = r->text.ptr + r->at + 1;
	size_t left = r->text.len - r->at - 1;

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		size_t n = strlen(named[i].name);

		if (left < n + 2 || memcmp(at, named[i].name, n) != 0 || at[n] != ':' ||
		    at[n + 1] != ']')
			continue;
		for (int c = 0; c < 128; c++)
			if (named[i].is(c))
				class_add(class, (unsigned)c);
		r->at += n + 3;
		return true;
	}
	return fail(r, "no class of that name");
}

/* One item of a bracket: a byte (then *one), or a class. */
static bool read_item(struct parser *r, uint64_t class[4], int *one)
{
	int c = peek(r);

	r->at++;
	*one = -1;
	if (c == '[' && peek(r) == ':')
		return read_named(r, class);
	if (c == '\\')
		return read_escape(r, class, one);
	*one = c;
	class_add(class, (unsigned)c);
	return true;
}

static bool read_bracket(struct parser *r, struct part *part)
{
	uint64_t class[4] = { 0 };
	bool negated = peek(r) == '^', first = true;

	r->at += negated;
	for (; peek(r) != ']' || first; first = false) {
		int from, to;

		if (peek(r) < 0)
			return fail(r, "a bracket is not closed");
		if (!read_item(r, class, &from))
			return false;
		if (peek(r) != '-' || r->at + 1 >= r->text.len || r->text.ptr[r->at + 1] == ']')
			continue;
		r->at++;
		if (!read_item(r, class, &to))
			return false;
		if (from < 0 || to < from)
			return fail(r, "a range in brackets goes from a lower to a higher byte");
		for (int c = from; c <= to; c++)
			class_add(class, (unsigned)c);
	}
	r->at++;
	if (r->any_case) /* before it is negated */
		for (unsigned c = 'a'; c <= 'z'; c++)
			if ((class[c / 64] >> c % 64 & 1) || (class[1] >> (c - 32 - 64) & 1)) {
				class_add(class, c);
				class_add(class, c - 32);
			}
	for (int i = 0; i < 4 && negated; i++)
		class[i] = ~class[i];
	return place_of_class(r, class, part);
}

static bool read_choice(struct parser *r, struct part *part);

static bool read_atom(struct parser *r, struct part *part)
{
	uint64_t class[4] = { 0 };
	int c = peek(r), one;

	*part = nothing;
	if (++r->work > MAX_WORK)
		return fail(r, "the pattern is too long");
	r->at++;
	switch (c) {
	case '(':
		if (++r->depth > MAX_DEPTH)
			return fail(r, "parentheses nested too deep");
		if (peek(r) == '?')
			return fail(r, "(? is only known as (?i) at the front");
		if (!read_choice(r, part))
			return false;
		r->depth--;
		if (peek(r) != ')')
			return fail(r, "a parenthesis is not closed");
		r->at++;
		return true;
	case '[':
		return read_bracket(r, part);
	case '.':
		memset(class, 0xff, sizeof(class));
		break;
	case '^':
		return place_of_sign(r, AT_START, part);
	case '$':
		return place_of_sign(r, AT_END, part);
	case '*':
	case '+':
	case '?':
	case '{':
		r->at--;
		return fail(r, "nothing in front of it to repeat");
	case '\\':
		if (!read_escape(r, class, &one))
			return false;
		break;
	default:
		class_add(class, (unsigned)c);
	}
	return place_of_class(r, class, part);
}

static bool read_count(struct parser *r, int *n)
{
	*n = 0;
	if (peek(r) < '0' || peek(r) > '9')
		return fail(r, "a number must be in the braces");
	for (; peek(r) >= '0' && peek(r) <= '9'; r->at++)
		if ((*n = 10 * *n + peek(r) - '0') > MAX_REPEAT)
			return fail(r, "repeated more than 255 times");
	return true;
}

/* How often the atom before may come: from *least to *most, -1 = without end. */
static bool read_repeat(struct parser *r, int *least, int *most)
{
	int c = peek(r);

	*least = c == '+';
	*most = c == '?' ? 1 : -1;
	r->at++;
	if (c != '{')
		return true;
	if (!read_count(r, least))
		return false;
	*most = *least;
	if (peek(r) == ',') {
		r->at++;
		*most = -1;
		if (peek(r) != '}' && !read_count(r, most))
			return false;
	}
	if (peek(r) != '}' || (*most >= 0 && *most < *least))
		return fail(r, "braces are {m}, {m,} or {m,n}");
	r->at++;
	return true;
}

static bool is_repeat(int c)
{
	return c == '*' || c == '+' || c == '?' || c == '{';
}

/* An atom and its repeats: read as often as it may come, each time with places of its own. */
static bool read_repeated(struct parser *r, struct part *part)
{
	size_t start = r->at, end;
	int least, most, copies;
	struct part one, all = nothing;

	if (!read_atom(r, part))
		return false;
	if (!is_repeat(peek(r)))
		return true;
	if (!read_repeat(r, &least, &most))
		return false;
	end = r->at;
	copies = most >= 0 ? most : least > 0 ? least : 1;
	for (int i = 0; i < copies; i++) {
		if (i > 0) {
			r->at = start;
			if (!read_atom(r, &one))
				return false;
		} else {
			one = *part;
		}
		if (most < 0 && i + 1 >= least)
			one = joined(r, &one, &one);
		one.empty |= i >= least;
		all = joined(r, &all, &one);
	}
	*part = all;
	r->at = end;
	return !is_repeat(peek(r)) || fail(r, "one repeat behind another: use ()");
}

/* Recurses as deep as parentheses are nested: MAX_DEPTH. */
static bool read_choice(struct parser *r, struct part *part)
{
	struct part branch = nothing, next;
	bool first = true;

	*part = nothing;
	for (;;) {
		int c = peek(r);

		if (c < 0 || c == ')' || c == '|') {
			set_join(&part->first, &branch.first);
			set_join(&part->last, &branch.last);
			part->empty = branch.empty || (!first && part->empty);
			first = false;
			branch = nothing;
			if (c != '|')
				return true;
			r->at++;
			continue;
		}
		if (!read_repeated(r, &next))
			return false;
		branch = joined(r, &branch, &next);
	}
}

/* The sign in front of the text, and the one behind it, is there once, but may be asked for twice:
 * what an anchor is followed by then follows the one before it. */
static void anchors_join(struct pattern *p, unsigned sign)
{
	const struct set *anchors = &p->takes[sign];
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < p->places; i++) {
			struct set all = p->follow[i];

			if (!set_has(anchors, i))
				continue;
			for (size_t k = 0; k < p->places; k++) {
				if (!set_has(anchors, k) || !set_has(&p->follow[i], k))
					continue;
				set_join(&all, &p->follow[k]);
				if (set_has(&p->last, k) && !set_has(&p->last, i)) {
					set_add(&p->last, i);
					more = true;
				}
			}
			more |= memcmp(&all, &p->follow[i], sizeof(all)) != 0;
			p->follow[i] = all;
		}
	}
}

static void classes_make(struct pattern *p)
{
	for (unsigned s = 0; s < SIGNS; s++) {
		unsigned c = 0;

		while (c < p->nclasses &&
		       memcmp(&p->takes[p->sign_of[c]], &p->takes[s], sizeof(struct set)) != 0)
			c++;
		if (c == p->nclasses)
			p->sign_of[p->nclasses++] = (uint16_t)s;
		p->class[s] = (uint16_t)c;
	}
}

struct pattern *pattern_new(struct bytes text, const char **why, size_t *at)
{
	struct parser r = { .p = xcalloc(1, sizeof(struct pattern)), .text = text };
	struct part all;

	if (text.len >= 4 && memcmp(text.ptr, "(?i)", 4) == 0) {
		r.any_case = true;
		r.at = 4;
	}
	if (read_choice(&r, &all) && r.at < text.len)
		fail(&r, "a parenthesis is closed that was not opened");
	if (r.why) {
		*why = r.why;
		*at = r.at < text.len ? r.at : text.len;
		pattern_free(r.p);
		return NULL;
	}
	r.p->first = all.first;
	r.p->last = all.last;
	r.p->always = all.empty;
	anchors_join(r.p, AT_START);
	anchors_join(r.p, AT_END);
	r.p->anchored = true;
	for (int i = 0; i < WORDS; i++)
		r.p->anchored &= !(r.p->first.w[i] & ~r.p->takes[AT_START].w[i]);
	classes_make(r.p);
	r.p->next = xcalloc(FIRST_STATE + STATES, r.p->nclasses);
	return r.p;
}

void pattern_free(struct pattern *p)
{
	if (p)
		free(p->next);
	free(p);
}

/* ---- searching ------------------------------------------------------------------------------ */

static void forget(struct pattern *p)
{
	memset(p->slots, 0, sizeof(p->slots));
	memset(p->next, ASK, (size_t)(FIRST_STATE + STATES) * p->nclasses);
	p->nstates = FIRST_STATE;
}

/* The state of a set, made if it is new; forgets all others where there is no room. */
static unsigned state_of(struct pattern *p, const struct set *s, bool *forgot)
{
	uint64_t hash = 0;
	unsigned slot;

	for (int i = 0; i < WORDS; i++)
		hash = (hash ^ s->w[i]) * 0x9e3779b97f4a7c15u;
	*forgot = p->nstates == FIRST_STATE + STATES || p->nstates == 0;
	if (*forgot && p->nstates == 0)
		forget(p);
	for (slot = hash >> 56; p->slots[slot]; slot = (slot + 1) % SLOTS)
		if (memcmp(&p->states[p->slots[slot]], s, sizeof(*s)) == 0)
			break;
	if (p->slots[slot]) {
		*forgot = false;
		return p->slots[slot];
	}
	if (*forgot) {
		forget(p);
		slot = hash >> 56;
	}
	p->states[p->nstates] = *s;
	p->slots[slot] = (uint8_t)p->nstates;
	return p->nstates++;
}

/* The state behind `state` and a sign, worked out. A match may begin anywhere, so the first places
 * are always awaited. */
static unsigned step(struct pattern *p, unsigned state, unsigned class)
{
	struct set now = p->states[state], then = p->first;
	bool forgot;
	unsigned next;

	for (unsigned w = 0; w < WORDS; w++)
		for (uint64_t bits = now.w[w]; bits; bits &= bits - 1)
			set_join(&then, &p->follow[64 * w + (unsigned)__builtin_ctzll(bits)]);
	for (int w = 0; w < WORDS; w++)
		then.w[w] &= p->takes[p->sign_of[class]].w[w];
	if (set_meets(&then, &p->last)) {
		p->next[state * p->nclasses + class] = FOUND;
		return FOUND;
	}
	if (p->anchored && !set_meets(&then, &then)) {
		p->next[state * p->nclasses + class] = NEVER;
		return NEVER;
	}
	next = state_of(p, &then, &forgot);
	if (!forgot)
		p->next[state * p->nclasses + class] = (uint8_t)next;
	return next;
}

static inline unsigned go(struct pattern *p, unsigned state, unsigned sign)
{
	unsigned class = p->class[sign], next = p->next[state * p->nclasses + class];

	return next == ASK ? step(p, state, class) : next;
}

bool pattern_found(struct pattern *p, struct bytes text)
{
	static const struct set none;
	unsigned state;
	bool forgot;

	if (p->always)
		return true;
	state = go(p, state_of(p, &none, &forgot), AT_START);
	for (size_t i = 0; i < text.len && state > NEVER; i++)
		state = go(p, state, text.ptr[i]);
	return state == FOUND || (state != NEVER && go(p, state, AT_END) == FOUND);
}
