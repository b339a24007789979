/* emit: from the values of messages to the record's C struct, laid out by columns.c. */
#include "cmd/spec/session.h"

/* Present, though empty. */
static struct bytes blob_of(const struct spec_msg *m, const struct spec_value *v, struct bytes data)
{
	return v->b.len ? spec_value_bytes(m, v, data) : BYTES_LIT("");
}

struct out {
	struct l7_flow *f;
	const struct spec *s;
	uint8_t *rec;
	size_t room; /* for bytes */
	bool cut;
};

static void put_blob(struct out *o, void *at, enum rec_kind kind, struct bytes b)
{
	struct ip *ip = at;
	struct mac *mac = at;

	if (kind == REC_IP) {
		ip->len = (uint8_t)(b.len == 4 || b.len == 16 ? b.len : 0);
		memcpy(ip->b, b.ptr, ip->len);
	} else if (kind == REC_MAC) {
		mac->set = b.len == 6;
		memcpy(mac->b, b.ptr, mac->set ? 6 : 0);
	} else {
		o->cut |= b.len > o->room;
		b.len = b.len > o->room ? o->room : b.len;
		o->room -= b.len;
		*(struct bytes *)at = b;
	}
}

static size_t item_size(const struct spec_slot *slot)
{
	if (slot->table >= 0)
		return 4;
	switch (slot->kind) {
	case REC_U8:
		return 1;
	case REC_U16:
		return 2;
	case REC_U32:
		return 4;
	case REC_STR:
	case REC_BYTES:
		return sizeof(struct bytes);
	case REC_IP:
		return sizeof(struct ip);
	case REC_MAC:
		return sizeof(struct mac);
	default:
		return 8;
	}
}

static void put_number(void *at, size_t size, uint64_t v)
{
	if (size == 1)
		*(uint8_t *)at = (uint8_t)v;
	else if (size == 2)
		*(uint16_t *)at = (uint16_t)v;
	else if (size == 4)
		*(uint32_t *)at = (uint32_t)v;
	else
		*(uint64_t *)at = v;
}

/* A value that may be absent, in the record or in a row. */
static void put_value(struct out *o, uint8_t *base, const struct spec_slot *slot,
		      const struct spec_msg *m, const struct spec_value *v, struct bytes data)
{
	void *at = base + slot->offset;

	if (v->where == SPEC_UNSET || (v->where == SPEC_NUMBER) == slot->blob)
		return;
	if (slot->blob)
		put_blob(o, at, slot->kind, blob_of(m, v, data));
	else
		*(struct rec_opt *)at = SOME(v->u);
}

static const struct spec_item *items_of(const struct spec_msg *m, size_t *n)
{
	*n = m->items.len / sizeof(struct spec_item);
	return (const void *)m->items.ptr;
}

/* A list of names has 32 bits of each: what is more must not be given the name of the rest. */
static uint64_t listed_number(struct out *o, const struct spec_slot *slot, uint64_t v)
{
	if (slot->table < 0 || v <= UINT32_MAX)
		return v;
	o->cut = true;
	return UINT32_MAX;
}

static void put_list(struct out *o, unsigned k, const struct spec_msg *m, struct bytes data)
{
	const struct spec_slot *slot = &o->s->slots[k];
	size_t n, count = 0, size = item_size(slot);
	const struct spec_item *items = items_of(m, &n);
	uint8_t *at;

	for (size_t i = 0; i < n; i++)
		count += !items[i].sub && items[i].slot == k;
	at = count ? l7_scratch(o->f, count * size) : NULL;
	o->cut |= count && !at;
	if (!at)
		return;
	memset(at, 0, count * size);
	*(struct rec_list *)(void *)(o->rec + slot->offset) = LIST_OF(at, count);
	for (size_t i = 0; i < n; i++) {
		if (items[i].sub || items[i].slot != k)
			continue;
		if (slot->blob)
			put_blob(o, at, slot->kind, blob_of(m, &items[i].v, data));
		else
			put_number(at, size, listed_number(o, slot, items[i].v.u));
		at += size;
	}
}

static void put_rows(struct out *o, unsigned k, const struct spec_msg *m, struct bytes data)
{
	const struct spec_sub *sub = &o->s->subs[k];
	size_t n, count = 0;
	const struct spec_item *items = items_of(m, &n);
	uint8_t *at;

	for (size_t i = 0; i < n; i++)
		count += items[i].sub == k + 1;
	at = count && sub->desc.size ? l7_scratch(o->f, count * sub->desc.size) : NULL;
	o->cut |= count && !at;
	if (!at)
		return;
	memset(at, 0, count * sub->desc.size);
	*(struct rec_list *)(void *)(o->rec + sub->offset) = LIST_OF(at, count);
	for (size_t i = 0; i < n; i++) {
		if (items[i].sub != k + 1)
			continue;
		for (uint32_t c = 1; c <= items[i].count; c++)
			put_value(o, at, &o->s->slots[items[i + c].slot], m, &items[i + c].v, data);
		at += sub->desc.size;
	}
}

static void put_message(struct out *o, const struct spec_msg *m, struct bytes data)
{
	for (unsigned i = 0; i < o->s->nslots; i++) {
		const struct spec_slot *slot = &o->s->slots[i];

		if (!slot->internal && !slot->list && slot->sub < 0)
			put_value(o, o->rec, slot, m, &m->v[i], data);
	}
	if (m->items.len == 0)
		return;
	for (unsigned i = 0; i < o->s->nslots; i++)
		if (o->s->slots[i].list && !o->s->slots[i].internal)
			put_list(o, i, m, data);
	for (unsigned i = 0; i < o->s->nsubs; i++)
		put_rows(o, i, m, data);
}

void spec_emit(struct l7_flow *f, const struct spec *s, const struct spec_msg *request,
	       const struct spec_msg *m, enum spec_state state, struct bytes data)
{
	const struct spec_msg *first = request ? request : m;
	struct spec_record *rec = l7_scratch(f, s->desc.size);
	struct out o = { f, s, (uint8_t *)rec, SPEC_BODY, false };

	if (!rec)
		return;
	memset(rec, 0, s->desc.size);
	rec->dir = first->dir;
	rec->state = state;
	if (request)
		put_message(&o, request, BYTES(NULL, 0));
	if (m)
		put_message(&o, m, data);
	if (request && m && l7_now(f) >= request->ts)
		rec->rtt = SOME(l7_now(f) - request->ts);
	if (o.cut || (request && request->cut) || (m && m->cut))
		rec->cut = SOME(true);
	l7_emit_rec(f, first->ts, &s->desc, rec);
	l7_scratch_drop(f); /* more messages may come in the same callback */
}
