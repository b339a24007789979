/* model: a packet as what is said of it: layers, and the fields that are given. What is not given
 * is left to the builder. A zeroed struct is a valid empty model; it owns its memory and keeps it
 * when it is cleared, so that making many packets allocates nothing. */
#ifndef WEIR_PACKET_MODEL_H
#define WEIR_PACKET_MODEL_H

#include "libcommon/base/buf.h"
#include "libcommon/packet/table.h"

enum { PKT_NIL = 0xffff };

enum pkt_how { PKT_SET_AUTO, PKT_SET_NUMBER, PKT_SET_BYTES, PKT_SET_ITEMS };

struct pkt_set { /* a field that is given */
	uint64_t number;
	uint32_t at, len; /* its bytes in the model's buffer */
	uint16_t items;   /* first item's head */
	uint16_t next;    /* of the same head */
	uint8_t field, how;
};

struct pkt_head { /* a header */
	uint16_t sets, next;
	uint8_t layer;
};

struct pkt_model {
	struct pkt_head *head;
	struct pkt_set *set;
	struct buf bytes;
	uint16_t nheads, nsets, head_room, set_room;
	uint16_t first, last; /* heads of the stack */
	bool full;            /* more headers or fields than a model holds */
};

void pkt_model_clear(struct pkt_model *m);
void pkt_model_release(struct pkt_model *m);

/* Each returns the new head, on top of the stack; at the end of a list. */
uint16_t pkt_model_push(struct pkt_model *m, enum pkt_layer_id layer);
uint16_t pkt_model_item(struct pkt_model *m, uint16_t head, unsigned field,
			enum pkt_layer_id layer);
/* The field's entry, made where there is none; valid until the next call. */
struct pkt_set *pkt_model_set(struct pkt_model *m, uint16_t head, unsigned field);
/* The same; NULL where it is not given. */
struct pkt_set *pkt_model_given(const struct pkt_model *m, uint16_t head, unsigned field);
void pkt_model_number(struct pkt_model *m, uint16_t head, unsigned field, uint64_t v);
void pkt_model_bytes(struct pkt_model *m, uint16_t head, unsigned field, struct bytes b);
void pkt_model_auto(struct pkt_model *m, uint16_t head, unsigned field);

/* The field that a name means in this header, where what is given so far decides between several of
 * that name; a field's own id is unique. PKT_NO_FIELD: there is none. */
unsigned pkt_model_field(const struct pkt_model *m, uint16_t head, struct bytes name);

/* The bytes of an entry; never NULL. */
static inline struct bytes pkt_set_bytes(const struct pkt_model *m, const struct pkt_set *s)
{
	return m->bytes.ptr ? BYTES(m->bytes.ptr + s->at, s->len) : BYTES("", 0);
}

static inline bool pkt_model_empty(const struct pkt_model *m)
{
	return m->nheads == 0;
}

#endif
