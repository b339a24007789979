/* path: names of layers and fields, read and looked up. */
#include "libcommon/packet/path.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool pkt_text_wrong(struct pkt_text *t, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(t->why, PKT_TEXT_WHY, "column %zu: ", (size_t)(t->p - t->start) + 1);

	va_start(ap, fmt);
	vsnprintf(t->why + n, (size_t)(PKT_TEXT_WHY - n), fmt, ap);
	va_end(ap);
	return false;
}

void pkt_text_skip(struct pkt_text *t)
{
	while (t->p < t->end && isspace((uint8_t)*t->p))
		t->p++;
}

bool pkt_text_accept(struct pkt_text *t, const char *mark)
{
	size_t len = strlen(mark);

	pkt_text_skip(t);
	if ((size_t)(t->end - t->p) < len || memcmp(t->p, mark, len) != 0)
		return false;
	if (isalpha((uint8_t)mark[0]) && t->p + len < t->end &&
	    (isalnum((uint8_t)t->p[len]) || t->p[len] == '_'))
		return false;
	t->p += len;
	return true;
}

struct bytes pkt_text_word(struct pkt_text *t, const char *also)
{
	const char *from;

	pkt_text_skip(t);
	from = t->p;
	while (t->p < t->end &&
	       (isalnum((uint8_t)*t->p) || *t->p == '_' || (*t->p && strchr(also, *t->p))))
		t->p++;
	return BYTES(from, (size_t)(t->p - from));
}

static int digit(char c)
{
	return isdigit((uint8_t)c)    ? c - '0'
	       : isxdigit((uint8_t)c) ? tolower((uint8_t)c) - 'a' + 10
				      : -1;
}

bool pkt_text_bytes(struct pkt_text *t, struct buf *out)
{
	bool hex;

	pkt_text_skip(t);
	hex = t->end - t->p > 1 && t->p[0] == 'x' && t->p[1] == '"';
	if (!hex && (t->p >= t->end || *t->p != '"'))
		return false;
	for (t->p += hex ? 2 : 1; t->p < t->end && *t->p != '"'; t->p++) {
		bool escaped = !hex && t->p[0] == '\\' && t->end - t->p > 1;

		if (escaped)
			t->p++;
		if (hex || (escaped && *t->p == 'x')) {
			t->p += !hex;
			if (t->end - t->p < 2 || digit(t->p[0]) < 0 || digit(t->p[1]) < 0)
				return false;
			buf_add_byte(out, (uint8_t)(digit(t->p[0]) << 4 | digit(t->p[1])));
			t->p++;
		} else {
			buf_add_byte(out, (uint8_t)(!escaped       ? *t->p
						    : *t->p == 'n' ? '\n'
						    : *t->p == 'r' ? '\r'
						    : *t->p == 't' ? '\t'
								   : *t->p));
		}
	}
	if (t->p >= t->end)
		return false;
	t->p++;
	return true;
}

bool pkt_path_read(struct pkt_text *t, struct pkt_path *path)
{
	struct bytes w = pkt_text_word(t, "");
	enum pkt_layer_id id = pkt_layer_find(w, PKT_NONE);
	const char *near;
	unsigned field;
	char *end;

	*path = (struct pkt_path){ (uint8_t)id, PKT_NO_FIELD, 0 };
	if (id == PKT_NONE || pkt_layers[id].item) {
		near = pkt_layer_nearest(w);
		t->p = (const char *)w.ptr;
		return pkt_text_wrong(t, "there is no layer '%.*s'%s%s%s", (int)w.len,
				      (const char *)w.ptr, near ? "; is it '" : "",
				      near ? near : "", near ? "'?" : "");
	}
	if (t->p < t->end && *t->p == '[') {
		path->nth = (int)strtol(t->p + 1, &end, 10);
		if (end == t->p + 1 || end >= t->end || *end != ']')
			return pkt_text_wrong(t, "a number and ']' are missing here");
		t->p = end + 1;
	}
	if (id == PKT_raw)
		path->field = PKT_raw_load;
	if (t->p >= t->end || *t->p != '.')
		return true;
	t->p++;
	w = pkt_text_word(t, "");
	field = pkt_field_find(&pkt_layers[id], w, 0);
	if (field == PKT_NO_FIELD) {
		near = pkt_field_nearest(&pkt_layers[id], w);
		t->p = (const char *)w.ptr;
		return pkt_text_wrong(t, "%s has no field '%.*s'%s%s%s", pkt_layers[id].id,
				      (int)w.len, (const char *)w.ptr, near ? "; is it '" : "",
				      near ? near : "", near ? "'?" : "");
	}
	path->field = (uint8_t)field;
	return true;
}

bool pkt_path_place(const struct packet *p, const struct pkt_path *path, int *node, unsigned *field,
		    struct pkt_place *place)
{
	const struct pkt_layer *l = &pkt_layers[path->layer];
	struct bytes name;

	*node = pkt_path_node(p, path);
	if (*node < 0 || path->field == PKT_NO_FIELD)
		return false;
	name = bytes_str(pkt_field_name(&l->fields[path->field]));
	for (*field = path->field; *field != PKT_NO_FIELD;
	     *field = pkt_field_find(l, name, *field + 1))
		if (pkt_place_of(p, (unsigned)*node, *field, place) == PKT_FOUND)
			return true;
	return false;
}
