/* columns: the record type of a spec, made at run time as the tables of proto/ are at build time.
 */
#include <stdio.h>

#include "cmd/spec/program.h"

enum { FIXED = 9 }; /* the most columns that each spec has */

static const char *const state_values[] = { "answered", "unanswered", "unsolicited", "alone" };
static const struct rec_enum state_enum = { "spec_state", "what became of a request", state_values,
					    4 };

static const struct rec_field key_fields[] = {
	{ "proto", REC_U8, REC_ONE, offsetof(struct spec_record, key.proto), NULL, NULL,
	  "IP protocol" },
	{ "orig_h", REC_IP, REC_OPT, offsetof(struct spec_record, key.orig_h), NULL, NULL,
	  "originator's address" },
	{ "orig_p", REC_U16, REC_ONE, offsetof(struct spec_record, key.orig_p), NULL, NULL,
	  "originator's port" },
	{ "resp_h", REC_IP, REC_OPT, offsetof(struct spec_record, key.resp_h), NULL, NULL,
	  "responder's address" },
	{ "resp_p", REC_U16, REC_ONE, offsetof(struct spec_record, key.resp_p), NULL, NULL,
	  "responder's port" },
	{ "dir", REC_U8, REC_ONE, offsetof(struct spec_record, dir), NULL, NULL,
	  "0 from the originator, 1 from the responder; of a pair: who asked" },
};
static const struct rec_field pair_fields[] = {
	{ "state", REC_ENUM, REC_ONE, offsetof(struct spec_record, state), &state_enum, NULL,
	  "what became of a request" },
	{ "rtt", REC_DUR, REC_OPT, offsetof(struct spec_record, rtt), NULL, NULL,
	  "from the request to its response" },
};
static const struct rec_field cut_field = { "cut",
					    REC_BOOL,
					    REC_OPT,
					    offsetof(struct spec_record, cut),
					    NULL,
					    NULL,
					    "a limit left out bytes or values" };

/* Bytes of a field's member in the C struct. */
static size_t member_size(const struct rec_field *f)
{
	if (f->shape == REC_LIST)
		return sizeof(struct rec_list);
	switch (f->kind) {
	case REC_STR:
	case REC_BYTES:
		return sizeof(struct bytes);
	case REC_IP:
		return sizeof(struct ip);
	case REC_MAC:
		return sizeof(struct mac);
	default:
		return sizeof(struct rec_opt);
	}
}

static void place(struct rec_field *f, size_t *size)
{
	f->offset = *size;
	*size += (member_size(f) + 7) & ~(size_t)7;
}

static struct rec_field slot_field(const struct spec *s, const struct spec_slot *slot)
{
	const struct rec_enum *en = slot->table >= 0 ? &s->tables[slot->table].en : NULL;

	return (struct rec_field){ .name = slot->name,
				   .kind = en ? REC_ENUM : slot->kind,
				   .shape = slot->list ? REC_LIST : REC_OPT,
				   .en = en,
				   .what = slot->what ? slot->what : "" };
}

/* The slots of one (sub-)record, in the order in which the spec names them. */
static void add_slots(struct spec *s, int sub, struct rec_field *fields, size_t *n, size_t *size)
{
	for (unsigned i = 0; i < s->nslots; i++) {
		struct spec_slot *slot = &s->slots[i];

		if (slot->internal || slot->sub != sub)
			continue;
		fields[*n] = slot_field(s, slot);
		place(&fields[*n], size);
		slot->offset = fields[*n].offset;
		++*n;
	}
}

static void sub_layout(struct spec *s, int i)
{
	struct rec_field *fields = spec_keep(s, SPEC_SLOTS * sizeof(*fields));
	struct rec_desc *d = &s->subs[i].desc;
	char *name = spec_keep(s, 2 * SPEC_NAME + 2);

	snprintf(name, 2 * SPEC_NAME + 2, "%s_%s", s->name, s->subs[i].name);
	d->name = name;
	d->what = "";
	d->fields = fields;
	add_slots(s, i, fields, &d->nfields, &d->size);
}

/* An id of its own by its name, so that several specs in a chain rarely have the same; where they
 * have, a stream declares its types anew. */
static uint16_t type_id(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return (uint16_t)(REC_FIRST_CUSTOM + hash % 60000);
}

void spec_columns(struct spec *s)
{
	struct rec_field *fields = spec_keep(s, (SPEC_SLOTS + SPEC_SUBS + FIXED) * sizeof(*fields));
	size_t n = 0, size = sizeof(struct spec_record);

	memcpy(fields, key_fields, sizeof(key_fields));
	n = sizeof(key_fields) / sizeof(key_fields[0]);
	if (s->pairs) {
		memcpy(fields + n, pair_fields, sizeof(pair_fields));
		n += sizeof(pair_fields) / sizeof(pair_fields[0]);
	}
	add_slots(s, -1, fields, &n, &size);
	for (unsigned i = 0; i < s->nsubs; i++) {
		sub_layout(s, (int)i);
		fields[n] = (struct rec_field){ .name = s->subs[i].name,
						.kind = REC_SUB,
						.shape = REC_LIST,
						.sub = &s->subs[i].desc,
						.what = "" };
		place(&fields[n], &size);
		s->subs[i].offset = fields[n++].offset;
	}
	fields[n++] = cut_field;
	s->desc = (struct rec_desc){ .name = s->name,
				     .what = s->summary,
				     .id = type_id(s->name),
				     .major = 1,
				     .size = size,
				     .fields = fields,
				     .nfields = n };
}
