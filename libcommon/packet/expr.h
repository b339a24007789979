/* expr: expressions that say packets: eth/ip(dst=10.0.0.1)/tcp(dport=80,flags=S)/"GET /".
 *
 *   packets = packet { ";" packet }                   also a line each; # starts a comment
 *   packet  = layer { "/" layer }  |  word { word }   word: ip.dst=10.0.0.1
 *   layer   = name [ "(" field "=" value, .. ")" ] | bytes
 *   bytes   = "text" | x"00ff" | @file, each with *N  N times
 *   value   = number | address | name | bytes | [item, ..] | "!" value | auto
 *           | a..b | {a, b} | 10.0.0.0/30 | rand([seed]) | inc(first, step)
 *
 * Values of which there are several make as many packets: each with each, or side by side (zip). */
#ifndef WEIR_PACKET_EXPR_H
#define WEIR_PACKET_EXPR_H

#include "libcommon/packet/build.h"

struct pkt_gen; /* a field that has several values */

struct pkt_template {
	struct pkt_model model;
	struct pkt_gen *gen;
	size_t ngens;
	bool started;
	unsigned made;
	struct pkt_stamp *stamp; /* once several were made */
	uint64_t random;         /* state of rand() */
};

struct pkt_expr {
	struct pkt_template *v;
	size_t n;
	struct buf alternatives; /* of sets: struct pkt_alternative each */
};

/* Brings the bytes of a file; false: it can't. NULL: files are refused. */
typedef bool pkt_load(const char *name, struct buf *out);

enum { PKT_WHY = 200 };

/* False: *why (PKT_WHY bytes) says what is wrong, and where. */
bool pkt_expr_parse(struct pkt_expr *e, struct bytes text, pkt_load *load, char *why);
/* Adds the arguments of a command line to an expression's text: each is a packet, or several, but
 * words that follow each other are of one. */
void pkt_expr_gather(struct buf *text, int n, char *const *args);
/* The same as pkt_expr_parse() for one layer or bytes on top of an existing model, as edits push
 * them; no several values. */
bool pkt_expr_parse_into(struct pkt_model *m, struct bytes text, char *why);
void pkt_expr_release(struct pkt_expr *e);

/* Gives the template's model its next values; false: there are no more, and it starts over. Fields
 * of one value each: true once. */
bool pkt_template_next(struct pkt_template *t, const struct pkt_expr *e, bool zip);
/* The packet of the values at hand, valid until the next call: in `own`, its bytes in `to`, or
 * where it is made of the one before it. NULL: it can't be built, *why says so. */
const struct packet *pkt_template_make(struct pkt_template *t, uint8_t *to, size_t room,
				       struct packet *own, const char **why);
/* Once, before the first packet. */
void pkt_template_seed(struct pkt_template *t, uint64_t seed);

#endif
