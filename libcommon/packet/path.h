/* path: names of layers, items and fields of a packet, as matches and edits write them: tcp,
 * ip[1].ttl, ip[-1].dst, payload; an item of a list by its place or its kind: dns.an[0].ttl,
 * tcp.options.mss.mss, tcp.options.sack.blocks[-1].left. What a packet has not is no match. */
#ifndef WEIR_PACKET_PATH_H
#define WEIR_PACKET_PATH_H

#include "libcommon/packet/dissect.h"

enum { PKT_STEPS = 3, PKT_NTH = 1 << 20 /* the most that is said of a header's place */ };

struct pkt_step {             /* to an item */
	const char *list;     /* the list's name */
	uint8_t family, kind; /* kind: PKT_NONE: any of the family */
	int nth;              /* of these; -1 is the last */
};

struct pkt_path {
	uint8_t layer; /* of the stack */
	uint8_t nsteps;
	uint8_t of, field; /* the first layer or kind of item that has the field, and which it is
			    * there; PKT_NO_FIELD: the layer or item itself */
	int nth;
	struct pkt_step step[PKT_STEPS];
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

/* The next layer or kind of item whose field the path may mean, and the field: conditional ones of
 * one name, and those of all kinds that a list may have. Starts with *layer = *field = 0; false:
 * there are no more. */
bool pkt_path_field(const struct pkt_path *path, unsigned *layer, unsigned *field);

/* Where a path leads to in a packet. */
struct pkt_spot {
	unsigned node;
	struct pkt_header header; /* of the node, or of the item */
	unsigned field;           /* the one of its name that is there, or PKT_NO_FIELD */
	struct pkt_place place;   /* from the start of the frame: the field, or the header */
	unsigned depth;           /* items from the node down to it */
	struct {
		uint8_t field; /* the list */
		unsigned nth;  /* of all its items */
	} item[PKT_STEPS];
};

/* False: the packet has none. */
bool pkt_path_find(const struct packet *p, const struct pkt_path *path, struct pkt_spot *spot);

static inline const struct pkt_field *pkt_spot_field(const struct pkt_spot *s)
{
	return &s->header.layer->fields[s->field];
}

#endif
