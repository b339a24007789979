/* tree: a packet for people: its layers and fields, its bytes, and the expression that makes it. */
#ifndef WEIR_SHOW_TREE_H
#define WEIR_SHOW_TREE_H

#include "libcommon/packet/print.h"

struct tree_style {
	bool tree, hex, expr, color;
};

/* Appends lines. `what` is the line above them: number, time, length. */
void tree_print(const struct packet *p, struct pkt_printer *pp, const struct pkt_meta *meta,
		const struct tree_style *style, struct buf *out);

#endif
