/* packet_made: packets made of expressions, for the unit tests. */
#ifndef WEIR_PACKET_MADE_H
#define WEIR_PACKET_MADE_H

#include "libcommon/packet/build.h"
#include "libcommon/packet/expr.h"

static uint8_t made[PKT_BUILD_MAX];

/* The first packet of the expression, in `made`; without a layer where there is none. */
static inline struct packet build(const char *text)
{
	struct packet p = { 0 };
	const char *reason;
	struct pkt_expr e;
	char wrong[PKT_WHY];

	if (!pkt_expr_parse(&e, bytes_str(text), NULL, wrong))
		return p;
	pkt_template_next(&e.v[0], &e, false);
	if (!pkt_build(&e.v[0].model, made, sizeof(made), &p, &reason))
		p.n = 0;
	pkt_expr_release(&e);
	return p;
}

#endif
