/* compile_fields: the statements that take bytes and give them a name. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/spec/compile.h"

enum { RUN_MAX = 4096 /* bytes */, COPY_MAX = 256 };

const char *c_why(struct compiler *c, const char *fmt, ...)
{
	char text[200];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(text) && c->line < c->nlines)
		snprintf(text + n, sizeof(text) - (size_t)n, " (line %u)",
			 c->lines[c->line].number);
	return c_copy(c, text, strlen(text));
}

/* ---- runs ----------------------------------------------------------------------------------- */

void c_run_close(struct compiler *c)
{
	if (c->run == SIZE_MAX)
		return;
	if (c->run_bits % 8)
		c_fail(c, c->named, "the bits before this do not fill a byte: %u more are needed",
		       8 - c->run_bits % 8);
	c->run = SIZE_MAX;
}

/* Room for so many bits in the run at hand, which begins where there is none; the first one. */
static uint32_t run_add(struct compiler *c, uint32_t bits)
{
	uint32_t at;

	if (c->run != SIZE_MAX && c->run_bits % 8 == 0 && c->run_bits / 8 + bits / 8 > RUN_MAX)
		c_run_close(c);
	if (c->run == SIZE_MAX) {
		c_emit(c, OP_RUN);
		c->run = c->s->ncode - 1;
		c->run_bits = 0;
	}
	at = c->run_bits;
	c->run_bits += bits;
	c->s->code[c->run].n = (c->run_bits + 7) / 8;
	c->consumed++;
	return at;
}

static uint32_t run_bytes(struct compiler *c, uint32_t n)
{
	if (c->run != SIZE_MAX && c->run_bits % 8)
		c_run_close(c); /* says what is wrong */
	return run_add(c, n * 8) / 8;
}

void c_window(struct compiler *c)
{
	if (c->s->tcp && !c->windows)
		c_fail(c, c->word, "over TCP this stands within a window: 'within' opens one");
}

/* ---- slots ---------------------------------------------------------------------------------- */

static const char *const reserved[] = { "proto", "orig_h", "orig_p", "resp_h",       "resp_p",
					"dir",   "state",  "rtt",    "cut",          "type",
					"ts",    "flow",   "n",      "community_id", "left",
					"pos",   "tcp" };

int c_slot_find(const struct compiler *c, const char *name)
{
	int found = -1;

	for (unsigned i = 0; i < c->s->nslots; i++) {
		const struct spec_slot *slot = &c->s->slots[i];

		if (strcmp(slot->name, name) != 0)
			continue;
		if (slot->sub == c->sub || (slot->sub < 0 && found < 0))
			found = (int)i;
	}
	for (unsigned i = 0; found < 0 && i < c->s->nvars; i++)
		if (strcmp(c->s->vars[i], name) == 0)
			return (int)(SPEC_SLOTS + i);
	return found;
}

static bool name_is_free(struct compiler *c, const char *name)
{
	uint64_t v;

	if (strchr(name, '.')) {
		c_fail(c, c->named, "a field's name has no dot");
		return false;
	}
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (strcmp(name, reserved[i]) == 0) {
			c_fail(c, c->named, "'%s' has a meaning already", name);
			return false;
		}
	}
	if (c_constant(c, name, &v) || c_slot_find(c, name) >= SPEC_SLOTS) {
		c_fail(c, c->named, "'%s' is a state or a number of the flow", name);
		return false;
	}
	return true;
}

static bool is_blob(enum rec_kind kind)
{
	return kind == REC_STR || kind == REC_BYTES || kind == REC_IP || kind == REC_MAC;
}

/* One name for several widths of a number is the widest of them. */
static void slot_merge(struct compiler *c, struct spec_slot *slot, enum rec_kind kind, bool list)
{
	if (slot->list != list || slot->blob != is_blob(kind) ||
	    (slot->kind != kind && (slot->blob || slot->kind > REC_U64 || kind > REC_U64))) {
		c_fail(c, c->named, "'%s' was something else before", slot->name);
		return;
	}
	if (kind > slot->kind)
		slot->kind = kind;
}

uint16_t c_slot(struct compiler *c, const char *name, enum rec_kind kind, bool list)
{
	struct spec *s = c->s;
	int sub = *name == '_' ? -1 : c->sub;

	if (c->failed || strcmp(name, "_") == 0)
		return 0;
	for (unsigned i = 0; i < s->nslots; i++) {
		if (strcmp(s->slots[i].name, name) == 0 && s->slots[i].sub == sub) {
			slot_merge(c, &s->slots[i], kind, list);
			return (uint16_t)i;
		}
	}
	for (unsigned i = 0; i < s->nsubs; i++)
		if (strcmp(s->subs[i].name, name) == 0)
			c_fail(c, c->named, "'%s' was something else before", name);
	if (!name_is_free(c, name))
		return 0;
	if (list && sub >= 0) {
		c_fail(c, c->named, "a list within a list of records");
		return 0;
	}
	if (s->nslots == SPEC_SLOTS) {
		c_fail(c, c->named, "more than %d names", SPEC_SLOTS);
		return 0;
	}
	s->slots[s->nslots] = (struct spec_slot){ .name = name,
						  .kind = kind,
						  .blob = is_blob(kind),
						  .internal = *name == '_',
						  .list = list,
						  .sub = sub,
						  .table = -1 };
	return (uint16_t)s->nslots++;
}

/* ---- what may follow a field's name --------------------------------------------------------- */

static bool list_sign(struct compiler *c)
{
	return c_sign(c, "[]");
}

void c_doc(struct compiler *c, uint16_t slot)
{
	struct bytes b;

	if (!c_at_string(c))
		return;
	b = c_string(c);
	if (slot)
		c->s->slots[slot].what = (const char *)b.ptr;
}

void c_names(struct compiler *c, uint16_t slot)
{
	const char *name;

	if (!c_word(c, "as"))
		return;
	name = c_name(c, "the name of a table");
	for (size_t i = 0; i < c->s->ntables; i++) {
		if (strcmp(c->s->tables[i].name, name) == 0) {
			c->s->slots[slot].table = (int)i;
			return;
		}
	}
	c_fail(c, c->named, "no 'names %s' before this line", name);
}

/* == EXPR, in A..B, C */
static void check(struct compiler *c, uint16_t slot, const char *name)
{
	size_t cases[RANGES], n;

	if (c_sign(c, "==")) {
		if (c_at_string(c))
			c_fail(c, c->at, "'%s' is a number: 'match' is for bytes", name);
		c_emit(c, OP_GET)->slot = slot;
		c_expr(c);
		c_emit(c, OP_EQ);
		c_emit(c, OP_REQUIRE)->why = c_why(c, "%s is not what it must be", name);
	} else if (c_word(c, "in")) {
		c_emit(c, OP_GET)->slot = slot;
		n = c_ranges(c, cases);
		c_emit(c, OP_FAIL)->why = c_why(c, "%s is not what it may be", name);
		c_land(c, cases, n);
	}
}

static void field_end(struct compiler *c, uint16_t slot, const char *name, bool list)
{
	if (!c->s->slots[slot].blob) {
		check(c, slot, name);
		c_names(c, slot);
	} else if (c_sign(c, "==") || c_word(c, "in")) {
		c_fail(c, c->word, "of bytes: 'match \"..\"', or 'require %s is \"..\"'", name);
	}
	c_doc(c, slot);
	if (list)
		c_emit(c, OP_APPEND)->slot = slot;
	c_end(c);
}

/* ---- numbers -------------------------------------------------------------------------------- */

static enum rec_kind number_kind(unsigned bits, bool sign, bool list)
{
	if (sign)
		return REC_I64;
	if (bits == 1 && !list)
		return REC_BOOL;
	return bits <= 8 ? REC_U8 : bits <= 16 ? REC_U16 : bits <= 32 ? REC_U32 : REC_U64;
}

static void load(struct compiler *c, uint16_t slot, unsigned bits, bool little)
{
	uint32_t at = run_add(c, bits);
	bool whole = at % 8 == 0 && bits % 8 == 0;
	struct spec_insn *i =
		c_emit(c, whole ? (little ? OP_LITTLE : OP_BE) : (little ? OP_BITSLE : OP_BITS));

	i->slot = slot;
	i->n = whole ? at / 8 : at;
	i->m = whole ? bits / 8 : bits;
}

/* f32, f64, with le or be behind: IEEE 754's */
static bool real(struct compiler *c, const char *word)
{
	unsigned bits = strncmp(word, "f32", 3) == 0 ? 32 : strncmp(word, "f64", 3) == 0 ? 64 : 0;
	const char *order = word + 3, *name;
	bool little = c->little, list;
	uint16_t slot;

	if (!bits || (*order && strcmp(order, "le") != 0 && strcmp(order, "be") != 0))
		return false;
	if (*order)
		little = *order == 'l';
	name = c_name(c, "a field's name");
	list = list_sign(c);
	slot = c_slot(c, name, REC_F64, list);
	load(c, slot, bits, little);
	if (bits == 32)
		c_emit(c, OP_FLOAT)->slot = slot;
	c_doc(c, slot);
	if (list)
		c_emit(c, OP_APPEND)->slot = slot;
	c_end(c);
	return true;
}

/* u1 .. u64, i2 .. i64, with le or be behind */
static bool integer(struct compiler *c, const char *word)
{
	bool sign = *word == 'i', little = c->little, list;
	unsigned bits = 0;
	const char *p = word + 1, *name;
	uint16_t slot;

	if (*word != 'u' && *word != 'i')
		return false;
	for (; *p >= '0' && *p <= '9' && bits <= 64; p++)
		bits = bits * 10 + (unsigned)(*p - '0');
	if (p == word + 1 || (*p && strcmp(p, "le") != 0 && strcmp(p, "be") != 0))
		return false;
	if (*p)
		little = *p == 'l';
	if (bits < 1 || bits > 64) {
		c_fail(c, c->word, "an integer has 1 to 64 bits");
		return true;
	}
	name = c_name(c, "a field's name");
	list = list_sign(c);
	slot = c_slot(c, name, number_kind(bits, sign, list), list);
	load(c, slot, bits, little);
	if (sign && bits < 64) {
		struct spec_insn *i = c_emit(c, OP_SIGN);

		i->slot = slot;
		i->m = bits;
	}
	field_end(c, slot, name, list);
	return true;
}

/* peek NAME [N] */
static void peek(struct compiler *c)
{
	const char *name = c_name(c, "a field's name");
	uint32_t n = c_at_number(c) ? (uint32_t)c_number(c, 8) : 1;
	uint16_t slot = c_slot(c, name, number_kind(8 * n, false, false), false);
	struct spec_insn *i;

	if (!n)
		c_fail(c, c->word, "1 to 8 bytes are peeked at");
	c_run_close(c);
	i = c_emit(c, OP_PEEK);
	i->slot = slot;
	i->m = n;
	field_end(c, slot, name, false);
}

/* leb128, vlq, quicint, berlen, lenenc */
static void variable(struct compiler *c, enum spec_op op)
{
	const char *name = c_name(c, "a field's name");
	bool list = list_sign(c);
	uint16_t slot = c_slot(c, name, REC_U64, list);
	struct spec_insn *i;
	uint32_t most = op == OP_LEB128 || op == OP_VLQ ? 10 : 9;

	c_run_close(c);
	if (c_word(c, "max"))
		most = (uint32_t)c_number(c, most);
	i = c_emit(c, op);
	i->slot = slot;
	i->m = most;
	i->why = c_why(c, "%s is no number of that form", name);
	c->consumed++;
	field_end(c, slot, name, list);
}

/* uint NAME LEN, int NAME LEN */
static void sized(struct compiler *c, enum spec_op op)
{
	const char *name = c_name(c, "a field's name");
	bool list = list_sign(c);
	uint16_t slot = c_slot(c, name, op == OP_INT ? REC_I64 : REC_U64, list);
	struct spec_insn *i;

	c_run_close(c);
	i = c_emit_arg(c, op);
	i->slot = slot;
	i->why = c_why(c, "%s is no number of 64 bits that is there", name);
	c->consumed++;
	field_end(c, slot, name, list);
}

static void instant(struct compiler *c, enum spec_op op)
{
	const char *name = c_name(c, "a field's name");
	uint16_t slot = c_slot(c, name, REC_TIME, false);
	enum spec_time form = SPEC_NTP;
	struct spec_insn *i;

	(void)op;
	if (c_word(c, "unix"))
		form = SPEC_UNIX;
	else if (c_word(c, "unixms"))
		form = SPEC_UNIX_MS;
	else if (!c_word(c, "ntp"))
		c_fail(c, c->word, "ntp, unix or unixms is expected here");
	if (c_sign(c, "=")) {
		c_expr(c);
		c_emit(c, OP_LET)->slot = slot;
	} else {
		load(c, slot, form == SPEC_UNIX ? 32 : 64, c->little);
	}
	i = c_emit(c, OP_TIME);
	i->slot = slot;
	i->n = form;
	c_doc(c, slot);
	c_end(c);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void copy(struct compiler *c, uint16_t slot, uint32_t n)
{
	uint32_t at = run_bytes(c, n);
	struct spec_insn *i = c_emit(c, OP_COPY);

	i->slot = slot;
	i->n = at;
	i->m = n;
}

static void fixed(struct compiler *c, enum rec_kind kind, uint32_t n)
{
	const char *name = c_name(c, "a field's name");
	bool list = list_sign(c);
	uint16_t slot = c_slot(c, name, kind, list);

	if (n == 4 && c_sign(c, "=")) {
		c_expr(c);
		c_emit(c, OP_IP4)->slot = slot;
	} else {
		copy(c, slot, n);
	}
	field_end(c, slot, name, list);
}

/* until LIT [or end] [max N] */
static void until(struct compiler *c, uint16_t slot)
{
	uint32_t literal = c_literal(c);
	struct spec_insn *i;
	bool or_end = c_word(c, "or");

	if (or_end && !c_word(c, "end"))
		c_fail(c, c->at, "'or end' is expected here");
	c_run_close(c);
	i = c_emit(c, OP_UNTIL);
	i->slot = slot;
	i->m = literal;
	i->arg = or_end;
	i->imm = c_word(c, "max") ? c_number(c, SPEC_KEEP_MAX) : SPEC_KEEP;
	i->why = c_why(c, "no end of the text within %llu bytes", (unsigned long long)i->imm);
	c->consumed++;
}

/* NAME LEN | rest | until ..; what the bytes become is in `then`, OP_END for nothing. */
static void blob(struct compiler *c, enum rec_kind kind, enum spec_op then)
{
	const char *name = c_name(c, "a field's name");
	bool list = list_sign(c);
	uint16_t slot = c_slot(c, name, kind, list);
	size_t at;
	uint32_t keep = SPEC_KEEP;

	if (c_word(c, "until")) {
		until(c, slot);
	} else if (c_word(c, "rest")) {
		c_window(c);
		c_run_close(c);
		c_emit(c, OP_REST)->slot = slot;
		c->consumed++;
	} else {
		const char *start = (c_more(c), c->at);

		if (c_at_number(c)) { /* a constant length keeps its place in the run */
			uint64_t n = c_number(c, UINT64_MAX);

			if (n > 0 && n <= COPY_MAX && then == OP_END &&
			    (!c_more(c) || *c->at == '"')) {
				copy(c, slot, (uint32_t)n);
				field_end(c, slot, name, list);
				return;
			}
			c->at = start;
		}
		c_run_close(c);
		c_emit_arg(c, OP_BLOB)->slot = slot;
		c->consumed++;
	}
	at = c->s->ncode - 1;
	if (c_word(c, "keep"))
		keep = (uint32_t)c_number(c, SPEC_KEEP_MAX);
	if (c->failed)
		return;
	c->s->code[at].n = keep;
	if (then != OP_END) {
		struct spec_insn *i = c_emit(c, then);

		i->slot = slot;
		i->why = c_why(c, "%s is no number", name);
	}
	field_end(c, slot, name, list);
}

static void match(struct compiler *c)
{
	uint32_t literal = c_literal(c), at;
	struct spec_insn *i;

	if (c->failed)
		return;
	if (c->s->literals[literal].len > COPY_MAX)
		c_fail(c, c->word, "more than %d bytes", COPY_MAX);
	at = run_bytes(c, (uint32_t)c->s->literals[literal].len);
	i = c_emit(c, OP_LITERAL);
	i->n = at;
	i->m = literal;
	i->why = c_why(c, "the constant is not there");
	c_end(c);
}

static void skip(struct compiler *c)
{
	c_run_close(c);
	c_emit_arg(c, OP_SKIP);
	c->consumed++;
	c_end(c);
}

bool c_field(struct compiler *c, const char *word)
{
	static const struct {
		const char *word;
		void (*fn)(struct compiler *c, enum spec_op op);
		enum spec_op op;
	} numbers[] = {
		{ "leb128", variable, OP_LEB128 }, { "vlq", variable, OP_VLQ },
		{ "quicint", variable, OP_QUIC },  { "berlen", variable, OP_BERLEN },
		{ "lenenc", variable, OP_LENENC }, { "uint", sized, OP_UINT },
		{ "int", sized, OP_INT },          { "time", instant, OP_TIME },
	};
	static const struct {
		const char *word;
		enum rec_kind kind;
		enum spec_op then;
	} blobs[] = {
		{ "bytes", REC_BYTES, OP_END },
		{ "text", REC_STR, OP_END },
		{ "number", REC_I64, OP_NUMBER },
		{ "oid", REC_STR, OP_OID },
	};
	static const struct {
		const char *word;
		enum rec_kind kind;
		uint32_t n;
	} fixeds[] = { { "ip4", REC_IP, 4 }, { "ip6", REC_IP, 16 }, { "mac", REC_MAC, 6 } };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(word, numbers[i].word) == 0)
			return numbers[i].fn(c, numbers[i].op), true;
	for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++)
		if (strcmp(word, blobs[i].word) == 0)
			return blob(c, blobs[i].kind, blobs[i].then), true;
	for (size_t i = 0; i < sizeof(fixeds) / sizeof(fixeds[0]); i++)
		if (strcmp(word, fixeds[i].word) == 0)
			return fixed(c, fixeds[i].kind, fixeds[i].n), true;
	if (strcmp(word, "match") == 0)
		return match(c), true;
	if (strcmp(word, "skip") == 0)
		return skip(c), true;
	if (strcmp(word, "peek") == 0)
		return peek(c), true;
	return real(c, word) || integer(c, word);
}
