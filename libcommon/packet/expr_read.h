/* expr_read: what the parts that read an expression share: the text at hand, and its values. */
#ifndef WEIR_PACKET_EXPR_READ_H
#define WEIR_PACKET_EXPR_READ_H

#include "libcommon/packet/expr_private.h"

struct pkt_in {
	const char *start, *p, *end;
	struct pkt_expr *e;     /* NULL: no several values */
	struct pkt_template *t; /* that of e at hand */
	struct pkt_model *m;
	pkt_load *load;
	char *why;
	unsigned depth;
	struct buf bytes; /* scratch */
};

/* ---- expr_text: characters, words, bytes ---- */

/* Says what is wrong, with the column; false. */
bool pkt_in_wrong(struct pkt_in *in, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The next character, or 0. */
char pkt_in_peek(const struct pkt_in *in);
/* Steps over blanks and comments; within parentheses line ends, too. */
void pkt_in_skip(struct pkt_in *in);
/* Takes the character, where it stands next behind blanks; expect: else says that it is missing. */
bool pkt_in_accept(struct pkt_in *in, char c);
bool pkt_in_expect(struct pkt_in *in, char c);
/* Letters, digits, _ and those of `also`, up to a "..". */
struct bytes pkt_in_word(struct pkt_in *in, const char *also);
/* Is there "text", x"..", or @file? */
bool pkt_in_at_bytes(struct pkt_in *in);
/* Then reads it into in->bytes. */
bool pkt_in_bytes(struct pkt_in *in);

/* ---- expr_arg: values, and arguments of a layer or an item ---- */

struct pkt_where {
	uint16_t head;
	unsigned field;
};

/* The value of a field, or the several of it. */
bool pkt_in_value(struct pkt_in *in, struct pkt_where at);
/* What stands in parentheses behind a name, if anything does. */
bool pkt_in_args(struct pkt_in *in, uint16_t head);
/* Says that the header has no such field; false. */
bool pkt_in_no_field(struct pkt_in *in, uint16_t head, struct bytes name);

#endif
