/* table: proto/layers.def expanded, and look-ups in it. */
#include "libcommon/packet/table.h"

#include <stdlib.h>
#include <strings.h>

#include "libcommon/base/opt.h"

/* The attributes of layers.def. */
#define DEFAULT(v) .value = (v)
#define MUST(v) .value = (v), .must = true
#define ALSO(text) .also = (text)
#define AS(text) .as = (text)
#define NAMES(text) .names = (text)
#define NEXT .autos = PKT_AUTO_NEXT
#define LENGTH .autos = PKT_AUTO_LENGTH
#define BOTTOM .autos = PKT_AUTO_BOTTOM
#define SUM(how) .autos = PKT_AUTO_SUM, .auto_arg = PKT_SUM_##how
#define COUNT(l, f) .autos = PKT_AUTO_COUNT, .auto_arg = PKT_##l##_##f
#define PRESENT(l, f) .autos = PKT_AUTO_PRESENT, .auto_arg = PKT_##l##_##f
#define WHEN(l, f, base, set)                                                                      \
	.when = PKT_WHEN_IN, .when_field = PKT_##l##_##f, .when_base = (base), .when_set = (set)
#define UNLESS(l, f, base, set)                                                                    \
	.when = PKT_WHEN_NOT_IN, .when_field = PKT_##l##_##f, .when_base = (base), .when_set = (set)
#define WHENBITS(l, base, set) .when = PKT_WHEN_BITS, .when_set = (set)
#define SIZED(l, f, unit) .size = PKT_SIZE_FIELD, .size_field = PKT_##l##_##f, .size_unit = (unit)
#define COUNTED(l, f) .size = PKT_SIZE_COUNT, .size_field = PKT_##l##_##f
#define REST .size = PKT_SIZE_REST
#define META .size = PKT_SIZE_META
#define FITS .fits = true
#define LIST(l) .family = PKT_##l

#define PKT_LAYER(id, kind, also, title, ...) static const struct pkt_field fields_##id[] = {
#define PKT_FIELD(l, id_, bits_, kind_, ...)                                                       \
	{ .id = #id_,                                                                              \
	  .at = PKT_##l##_##id_##_AT,                                                              \
	  .bits = (bits_),                                                                         \
	  .kind = PKT_##kind_,                                                                     \
	  ##__VA_ARGS__ },
#define PKT_VFIELD(l, id_, bits_, kind_, ...) PKT_FIELD(l, id_, bits_, kind_, ##__VA_ARGS__)
#define PKT_END(l)                                                                                 \
	}                                                                                          \
	;
#include "libcommon/packet/expand.h"

#define PKT_LAYER(id, kind, also, title, ...) static const struct pkt_bind binds_##id[] = {
#define PKT_BIND(lower_, field_, value_, how_, upper_)                                             \
	{ .value = (value_), .field = field_, .how = how_, .upper = PKT_##upper_ },
#define PKT_END(l)                                                                                 \
	{                                                                                          \
		.how = PKT_BIND_END                                                                \
	}                                                                                          \
	}                                                                                          \
	;
#include "libcommon/packet/expand.h"

#define STACK .item = false
#define ITEM .item = true
#define AFTER 0, .header.after = true
#define HEADER(l, f, u, b)                                                                         \
	.header.given = true, .header.field = PKT_##l##_##f, .header.unit = (u), .header.bias = b
#define SPAN(l, f, b)                                                                              \
	.span.given = true, .span.field = PKT_##l##_##f, .span.unit = 1, .span.bias = (b)
#define OPAQUE(l, f) .opaque = PKT_##l##_##f + 1
#define ALIGN(n) .align = (n)
#define FILL(how) .padn = true

const struct pkt_layer pkt_layers[PKT_LAYERS] = {
#define PKT_LAYER(id_, kind_, also_, title_, ...)                                                  \
	[PKT_##id_] = { .id = #id_,                                                                \
			.also = also_,                                                             \
			.title = title_,                                                           \
			.fields = fields_##id_,                                                    \
			.binds = binds_##id_,                                                      \
			.nfields = PKT_##id_##_FIELDS,                                             \
			.min = (PKT_##id_##_BITS & (PKT_MOVES - 1)) / 8,                           \
			kind_,                                                                     \
			##__VA_ARGS__ },
#include "libcommon/packet/expand.h"
};

static const struct {
	uint16_t type;
	uint8_t layer;
} links[] = {
#define PKT_LINK(type_, layer_) { type_, PKT_##layer_ },
#include "libcommon/packet/expand.h"
};

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* ---- names ---- */

static bool same_word(struct bytes name, const char *word, size_t len)
{
	return name.len == len && strncasecmp((const char *)name.ptr, word, len) == 0;
}

/* Is it one of the words of a list? */
static bool listed(struct bytes name, const char *list)
{
	if (!list)
		return false;
	while (*list) {
		size_t len = strcspn(list, " ");

		if (len && same_word(name, list, len))
			return true;
		list += len + (list[len] == ' ');
	}
	return false;
}

enum pkt_layer_id pkt_family(enum pkt_layer_id item)
{
	if (!pkt_layers[item].item)
		return PKT_NONE;
	for (unsigned l = 0; l < PKT_LAYERS; l++)
		if (pkt_layers[l].item)
			for (const struct pkt_bind *b = pkt_layers[l].binds; b->how; b++)
				if (b->upper == item)
					return l;
	return item;
}

const struct pkt_bind *pkt_item_bind(enum pkt_layer_id item)
{
	enum pkt_layer_id family = pkt_family(item);

	if (family == PKT_NONE || family == item)
		return NULL;
	for (const struct pkt_bind *b = pkt_layers[family].binds; b->how; b++)
		if (b->upper == item)
			return b;
	return NULL;
}

enum pkt_layer_id pkt_layer_find(struct bytes name, enum pkt_layer_id family)
{
	for (unsigned l = 0; l < PKT_LAYERS; l++) {
		const struct pkt_layer *at = &pkt_layers[l];

		if (family != PKT_NONE ? pkt_family(l) != family : at->item)
			continue;
		if (same_word(name, at->id, strlen(at->id)) || listed(name, at->also))
			return l;
	}
	/* an item by its full name, where no layer of the stack is called so */
	for (unsigned l = 0; l < PKT_LAYERS && family == PKT_NONE; l++)
		if (pkt_layers[l].item &&
		    (same_word(name, pkt_layers[l].id, strlen(pkt_layers[l].id)) ||
		     listed(name, pkt_layers[l].also)))
			return l;
	return PKT_NONE;
}

unsigned pkt_field_find(const struct pkt_layer *l, struct bytes name, unsigned from)
{
	for (unsigned i = from; i < l->nfields; i++) {
		const char *own = pkt_field_name(&l->fields[i]);

		if (same_word(name, own, strlen(own)) || listed(name, l->fields[i].also))
			return i;
	}
	return PKT_NO_FIELD;
}

enum { WORD = 64 };

static const char *nearest(struct bytes name, const char *const *names)
{
	char word[WORD];

	if (name.len >= sizeof(word))
		return NULL;
	memcpy(word, name.ptr, name.len);
	word[name.len] = 0;
	return opt_nearest(word, names);
}

const char *pkt_layer_nearest(struct bytes name)
{
	const char *names[PKT_LAYERS + 1];

	for (unsigned l = 0; l < PKT_LAYERS; l++)
		names[l] = pkt_layers[l].id;
	names[PKT_LAYERS] = NULL;
	return nearest(name, names);
}

const char *pkt_field_nearest(const struct pkt_layer *l, struct bytes name)
{
	const char *names[PKT_NO_FIELD];

	for (unsigned i = 0; i < l->nfields; i++)
		names[i] = pkt_field_name(&l->fields[i]);
	names[l->nfields] = NULL;
	return nearest(name, names);
}

/* ---- link types ---- */

enum pkt_layer_id pkt_link_layer(uint32_t link_type, struct bytes frame)
{
	for (size_t i = 0; i < COUNT_OF(links); i++) {
		const struct pkt_field *first = pkt_layers[links[i].layer].fields;

		if (links[i].type != link_type)
			continue;
		if (!first->must || (frame.len && frame.ptr[0] >> 4 == first->value))
			return links[i].layer;
	}
	return PKT_raw;
}

uint32_t pkt_layer_link(enum pkt_layer_id first)
{
	for (size_t i = 0; i < COUNT_OF(links); i++)
		if (links[i].layer == first)
			return links[i].type;
	return UINT32_MAX;
}

/* ---- values ---- */

const char *pkt_value_name(const struct pkt_field *f, uint64_t value, size_t *len)
{
	const char *at = f->kind == PKT_ENUM || f->kind == PKT_FLAGS ? f->names : NULL;

	while (at && *at) {
		size_t word = strcspn(at, " "), name = strcspn(at, "=");

		if (strtoull(at + name + 1, NULL, 0) == value) {
			*len = name;
			return at;
		}
		at += word + (at[word] == ' ');
	}
	return NULL;
}

bool pkt_value_named(const struct pkt_field *f, struct bytes name, uint64_t *value)
{
	const char *at = f->kind == PKT_ENUM || f->kind == PKT_FLAGS ? f->names : NULL;

	while (at && *at) {
		size_t word = strcspn(at, " "), len = strcspn(at, "=");

		if (same_word(name, at, len)) {
			*value = strtoull(at + len + 1, NULL, 0);
			return true;
		}
		at += word + (at[word] == ' ');
	}
	return false;
}

bool pkt_value_announces(const struct pkt_layer *l, unsigned field, unsigned next, uint64_t *v)
{
	const struct pkt_bind *b = l->binds;

	for (; b->how; b++) {
		if (b->how == PKT_BIND_SAME) {
			b = pkt_layers[b->value].binds;
			field = b->field;
		}
		if (b->how == PKT_BIND_VALUE && b->field == field && b->upper == next) {
			*v = b->value;
			return true;
		}
	}
	return false;
}
