/* path: names of layers and fields of a packet, as matches and edits write them: tcp, ip[1].ttl,
 * ip[-1].dst, payload. A layer that a packet has not is no match. */
#ifndef WEIR_PACKET_PATH_H
#define WEIR_PACKET_PATH_H

#include "libcommon/packet/dissect.h"

struct pkt_path {
	uint8_t layer, field; /* PKT_NO_FIELD: the layer itself */
	int nth;
};

struct pkt_text { /* a text that is read, and the message where it is wrong */
	const char *start, *p, *end;
	char *why; /* PKT_TEXT_WHY bytes */
};

enum { PKT_TEXT_WHY = 200 };

bool pkt_text_wrong(struct pkt_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void pkt_text_skip(struct pkt_text *t);
/* Takes the word, mark or character where it stands next. */
bool pkt_text_accept(struct pkt_text *t, const char *mark);
/* Letters, digits, _ and those of `also`. */
struct bytes pkt_text_word(struct pkt_text *t, const char *also);
/* "text" or x"00ff" into out; false: there is none, or it has no end. */
bool pkt_text_bytes(struct pkt_text *t, struct buf *out);

bool pkt_path_read(struct pkt_text *t, struct pkt_path *path);
/* The node, or -1. */
static inline int pkt_path_node(const struct packet *p, const struct pkt_path *path)
{
	return pkt_find(p, path->layer, path->nth);
}
/* The field's place in the packet; conditional fields of one name are tried in turn, *field is the
 * one that is there. */
bool pkt_path_place(const struct packet *p, const struct pkt_path *path, int *node, unsigned *field,
		    struct pkt_place *place);

#endif
