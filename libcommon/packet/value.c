/* value: texts as values of the fields that a path may mean. */
#include "libcommon/packet/value.h"

void pkt_values_release(struct pkt_values *vs)
{
	buf_release(&vs->v);
	buf_release(&vs->bytes);
}

const struct pkt_value *pkt_values_for(const struct pkt_values *vs, size_t from, size_t n,
				       const struct pkt_field *f)
{
	const struct pkt_value *v = (const struct pkt_value *)(const void *)vs->v.ptr + from;

	for (size_t i = 0; i < n; i++)
		if (v[i].field == f)
			return &v[i];
	return NULL;
}

/* Bytes that were given as such: for any field; for a name, text is one. */
static bool add_bytes(struct pkt_values *vs, struct bytes b, bool hex, const struct pkt_field *f,
		      const char **why)
{
	struct pkt_value v = { .field = f,
			       .at = (uint32_t)vs->bytes.len,
			       .bytes = true,
			       .raw = f->kind != PKT_BYTES && f->kind != PKT_NAME };

	if (f->kind == PKT_NAME && !hex) {
		if (!pkt_value_parse(f, b, &v.number, &vs->bytes, why))
			return false;
	} else {
		buf_add(&vs->bytes, b.ptr, b.len);
	}
	v.len = (uint32_t)(vs->bytes.len - v.at);
	buf_add(&vs->v, &v, sizeof(v));
	return true;
}

static bool add_word(struct pkt_values *vs, struct bytes w, unsigned layer, unsigned field,
		     const char **why)
{
	const struct pkt_field *f = &pkt_layers[layer].fields[field];
	struct pkt_value v = { .field = f, .at = (uint32_t)vs->bytes.len };

	if (!pkt_value_parse(f, w, &v.number, &vs->bytes, why) &&
	    !pkt_value_announces(&pkt_layers[layer], field, pkt_layer_find(w, PKT_NONE),
				 &v.number)) {
		vs->bytes.len = v.at;
		return false;
	}
	v.len = (uint32_t)(vs->bytes.len - v.at);
	v.bytes = v.len;
	buf_add(&vs->v, &v, sizeof(v));
	return true;
}

/* The word for each field that takes it; for names only where nothing else does: all words are. */
static bool add_words(struct pkt_values *vs, struct bytes w, const struct pkt_path *path,
		      const char **why)
{
	size_t before = vs->v.len;
	const char *first = NULL;

	for (int names = 0; names < 2 && vs->v.len == before; names++)
		for (unsigned l = 0, i = 0; pkt_path_field(path, &l, &i); i++)
			if ((pkt_layers[l].fields[i].kind == PKT_NAME) == names &&
			    !add_word(vs, w, l, i, why) && !first)
				first = *why;
	*why = first;
	return vs->v.len > before;
}

static bool takes_names(const struct pkt_path *path)
{
	for (unsigned l = 0, i = 0; pkt_path_field(path, &l, &i); i++)
		if (pkt_layers[l].fields[i].kind == PKT_NAME)
			return true;
	return false;
}

bool pkt_values_read(struct pkt_values *vs, struct pkt_text *t, const struct pkt_path *path)
{
	const char *from, *dots, *why = NULL, *first = NULL;
	struct buf quoted = { 0 };
	struct bytes w;
	bool hex, good = false;

	pkt_text_skip(t);
	from = t->p;
	hex = t->end - t->p > 1 && t->p[0] == 'x' && t->p[1] == '"';
	if (hex || (t->p < t->end && *t->p == '"')) {
		if (!pkt_text_bytes(t, &quoted)) {
			buf_release(&quoted);
			return pkt_text_wrong(t, "the bytes have no end");
		}
		for (unsigned l = 0, i = 0; pkt_path_field(path, &l, &i); i++) {
			good |= add_bytes(vs, buf_bytes(&quoted), hex, &pkt_layers[l].fields[i],
					  &why);
			first = first ? first : why;
		}
		buf_release(&quoted);
		w = BYTES(from, (size_t)(t->p - from));
	} else {
		w = pkt_text_word(t, takes_names(path) ? ".:+-%@" : ".:+-");
		dots = memmem(w.ptr, w.len, "..", 2);
		if (dots) { /* of a range: the other end is a value, too */
			w.len = (size_t)(dots - from);
			t->p = dots;
		}
		good = add_words(vs, w, path, &first);
	}
	if (good)
		return true;
	t->p = from;
	return pkt_text_wrong(t, "'%.*s' for %s: %s", (int)w.len, (const char *)w.ptr,
			      pkt_field_name(&pkt_layers[path->of].fields[path->field]), first);
}
