/* model: layers and given fields. */
#include "libcommon/packet/model.h"

#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/packet/field.h"

void pkt_model_clear(struct pkt_model *m)
{
	m->nheads = m->nsets = 0;
	m->first = m->last = PKT_NIL;
	m->full = false;
	buf_clear(&m->bytes);
}

void pkt_model_release(struct pkt_model *m)
{
	free(m->head);
	free(m->set);
	buf_release(&m->bytes);
	memset(m, 0, sizeof(*m));
}

/* Room for one more of the array's entries. False: there are as many as there may be. */
static bool grow(void *array, uint16_t n, uint16_t *room, size_t size)
{
	void **p = array, *more;
	size_t want = *room ? *room * 2u : 64;

	if (n < *room)
		return true;
	if (n >= PKT_NIL / 2)
		return false;
	if (want > PKT_NIL / 2)
		want = PKT_NIL / 2;
	more = realloc(*p, want * size);
	if (!more)
		die("out of memory");
	*p = more;
	*room = (uint16_t)want;
	return true;
}

static uint16_t head_new(struct pkt_model *m, enum pkt_layer_id layer)
{
	if (!grow(&m->head, m->nheads, &m->head_room, sizeof(*m->head))) {
		m->full = true;
		return PKT_NIL;
	}
	m->head[m->nheads] = (struct pkt_head){ PKT_NIL, PKT_NIL, (uint8_t)layer };
	return m->nheads++;
}

uint16_t pkt_model_push(struct pkt_model *m, enum pkt_layer_id layer)
{
	bool empty = pkt_model_empty(m);
	uint16_t h = head_new(m, layer);

	if (h == PKT_NIL)
		return m->last;
	if (empty)
		m->first = h;
	else
		m->head[m->last].next = h;
	m->last = h;
	return h;
}

struct pkt_set *pkt_model_given(const struct pkt_model *m, uint16_t head, unsigned field)
{
	for (uint16_t s = m->head[head].sets; s != PKT_NIL; s = m->set[s].next)
		if (m->set[s].field == field)
			return &m->set[s];
	return NULL;
}

struct pkt_set *pkt_model_set(struct pkt_model *m, uint16_t head, unsigned field)
{
	struct pkt_set *s = pkt_model_given(m, head, field);

	if (s)
		return s;
	if (!grow(&m->set, m->nsets, &m->set_room, sizeof(*m->set))) {
		m->full = true;
		return &m->set[m->nsets - 1];
	}
	s = &m->set[m->nsets];
	*s = (struct pkt_set){ .items = PKT_NIL,
			       .next = m->head[head].sets,
			       .field = (uint8_t)field };
	m->head[head].sets = m->nsets++;
	return s;
}

uint16_t pkt_model_item(struct pkt_model *m, uint16_t head, unsigned field, enum pkt_layer_id layer)
{
	uint16_t h = head_new(m, layer), at;
	struct pkt_set *s;

	if (h == PKT_NIL)
		return head;
	s = pkt_model_set(m, head, field);
	s->how = PKT_SET_ITEMS;
	if (s->items == PKT_NIL) {
		s->items = h;
		s->at = h; /* the last item */
		return h;
	}
	at = (uint16_t)s->at;
	m->head[at].next = h;
	s->at = h;
	return h;
}

void pkt_model_number(struct pkt_model *m, uint16_t head, unsigned field, uint64_t v)
{
	struct pkt_set *s = pkt_model_set(m, head, field);

	s->how = PKT_SET_NUMBER;
	s->number = v;
}

void pkt_model_bytes(struct pkt_model *m, uint16_t head, unsigned field, struct bytes b)
{
	struct pkt_set *s = pkt_model_set(m, head, field);

	s->how = PKT_SET_BYTES;
	s->at = (uint32_t)m->bytes.len;
	s->len = (uint32_t)b.len;
	buf_add(&m->bytes, b.ptr, b.len);
}

void pkt_model_auto(struct pkt_model *m, uint16_t head, unsigned field)
{
	struct pkt_set *s = pkt_model_given(m, head, field);

	if (s)
		s->how = PKT_SET_AUTO;
}

unsigned pkt_model_field(const struct pkt_model *m, uint16_t head, struct bytes name)
{
	const struct pkt_layer *l = &pkt_layers[m->head[head].layer];
	unsigned first = pkt_field_find(l, name, 0);

	for (unsigned i = first; i != PKT_NO_FIELD; i = pkt_field_find(l, name, i + 1)) {
		const struct pkt_field *f = &l->fields[i];
		const struct pkt_set *on;

		if (f->when != PKT_WHEN_IN && f->when != PKT_WHEN_NOT_IN)
			return i;
		on = pkt_model_given(m, head, f->when_field);
		if (pkt_field_when(f, on && on->how == PKT_SET_NUMBER
					      ? on->number
					      : l->fields[f->when_field].value))
			return i;
	}
	for (unsigned i = 0; i < l->nfields; i++)
		if (bytes_is(name, l->fields[i].id))
			return i;
	return first;
}
