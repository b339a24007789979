/* edit_parse: reads edits. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/base/digest.h"
#include "libcommon/packet/edit_private.h"
#include "libcommon/packet/expr.h"

static const struct pkt_field *field_of(const struct pkt_path *p)
{
	return &pkt_layers[p->layer].fields[p->field];
}

/* The text of a layer with its arguments: up to a blank, ';' or the end, outside of parentheses. */
static struct bytes layer_text(struct pkt_text *t)
{
	const char *from;
	bool quoted = false;
	int depth = 0;

	pkt_text_skip(t);
	for (from = t->p; t->p < t->end; t->p++) {
		quoted ^= *t->p == '"' && (t->p == from || t->p[-1] != '\\');
		if (quoted)
			continue;
		depth += *t->p == '(' || *t->p == '[';
		depth -= *t->p == ')' || *t->p == ']';
		if (!depth && (*t->p == ' ' || *t->p == ';'))
			break;
	}
	return BYTES(from, (size_t)(t->p - from));
}

static bool read_layer(struct pkt_text *t, struct pkt_statement *s)
{
	struct bytes text = layer_text(t);
	char why[PKT_WHY];

	pkt_model_clear(&s->layer);
	if (pkt_expr_parse_into(&s->layer, text, why) && s->layer.first == s->layer.last)
		return true;
	t->p = (const char *)text.ptr;
	return pkt_text_wrong(t, "'%.*s' is not one layer", (int)text.len, (const char *)text.ptr);
}

static bool read_push(struct pkt_text *t, struct pkt_statement *s)
{
	s->verb = PKT_PUSH;
	if (!read_layer(t, s))
		return false;
	s->before = pkt_text_accept(t, "before");
	s->anywhere = !s->before && !pkt_text_accept(t, "after");
	pkt_text_skip(t);
	return s->anywhere || pkt_path_read(t, &s->path);
}

static bool read_swap(struct pkt_text *t, struct pkt_statement *s)
{
	s->verb = PKT_SWAP;
	pkt_text_skip(t);
	if (!pkt_path_read(t, &s->path))
		return false;
	pkt_text_skip(t);
	if (!pkt_path_read(t, &s->other))
		return false;
	if (s->path.field == PKT_NO_FIELD && s->other.field == PKT_NO_FIELD &&
	    s->path.layer == s->other.layer)
		return true;
	if (s->path.field == PKT_NO_FIELD || s->other.field == PKT_NO_FIELD ||
	    field_of(&s->path)->bits != field_of(&s->other)->bits || !field_of(&s->path)->bits)
		return pkt_text_wrong(
			t, "two fields of one width, or headers of one layer, are what is swapped");
	return true;
}

/* s/from/to/: the character behind the s divides; \ keeps it, \xHH is a byte. */
static bool read_replace(struct pkt_text *t, struct pkt_statement *s)
{
	struct buf *part = &s->from;
	char mark;

	s->verb = PKT_REPLACE;
	if (s->path.layer != PKT_raw)
		return pkt_text_wrong(t, "only a payload has bytes to replace");
	pkt_text_skip(t);
	if (t->end - t->p < 4 || *t->p != 's')
		return pkt_text_wrong(t, "s/from/to/ is what is wanted here");
	mark = t->p[1];
	for (t->p += 2; t->p < t->end; t->p++) {
		unsigned byte;

		if (*t->p == mark) {
			if (part == &s->to)
				break;
			part = &s->to;
		} else if (*t->p == '\\' && t->end - t->p > 3 && t->p[1] == 'x' &&
			   sscanf(t->p + 2, "%2x", &byte) == 1) {
			buf_add_byte(part, (uint8_t)byte);
			t->p += 3;
		} else {
			t->p += *t->p == '\\' && t->end - t->p > 1;
			buf_add_byte(part, (uint8_t)*t->p);
		}
	}
	if (t->p >= t->end || !s->from.len)
		return pkt_text_wrong(t, "s/from/to/ has no end, or nothing to look for");
	t->p++;
	s->all = pkt_text_accept(t, "g");
	return true;
}

/* An address of the field's kind with its prefix into out. */
static bool read_prefix(struct pkt_text *t, const struct pkt_field *f, struct buf *out,
			unsigned *prefix)
{
	uint8_t wide[8];
	struct bytes w;
	const char *why;
	uint64_t v = 0;

	w = pkt_text_word(t, ".:");
	if (!pkt_value_parse(f, w, &v, out, &why))
		return pkt_text_wrong(t, "'%.*s': %s", (int)w.len, (const char *)w.ptr, why);
	if (f->kind != PKT_IP6) {
		be64_put(wide, v << (64 - f->bits));
		buf_add(out, wide, f->bits / 8);
	}
	if (!pkt_text_accept(t, "/"))
		return pkt_text_wrong(t, "a prefix length is missing here");
	w = pkt_text_word(t, "");
	*prefix = (unsigned)strtoul((const char *)w.ptr, NULL, 10);
	return *prefix <= f->bits || pkt_text_wrong(t, "no prefix is so long");
}

static bool read_map(struct pkt_text *t, struct pkt_statement *s)
{
	const struct pkt_field *f = field_of(&s->path);
	unsigned to = 0;

	s->verb = PKT_MAP;
	if (f->kind != PKT_IP4 && f->kind != PKT_IP6 && f->kind != PKT_MAC)
		return pkt_text_wrong(t, "%s is no address", pkt_field_name(f));
	if (!read_prefix(t, f, &s->from, &s->prefix) || !pkt_text_accept(t, ",") ||
	    !read_prefix(t, f, &s->to, &to) || !pkt_text_accept(t, ")"))
		return pkt_text_wrong(t, "map(prefix, prefix) is what is wanted here");
	return to == s->prefix || pkt_text_wrong(t, "both prefixes must be of one length");
}

/* anon("passphrase"), by its SHA-256; anon(x"32 bytes") */
static bool read_anon(struct pkt_text *t, struct pkt_statement *s)
{
	const struct pkt_field *f = field_of(&s->path);
	uint8_t key[DIGEST_MAX];
	bool raw;

	s->verb = PKT_ANON;
	if (f->kind != PKT_IP4 && f->kind != PKT_IP6 && f->kind != PKT_MAC)
		return pkt_text_wrong(t, "%s is no address", pkt_field_name(f));
	pkt_text_skip(t);
	raw = t->p < t->end && *t->p == 'x' && t->end - t->p > 1 && t->p[1] == '"';
	if (!pkt_text_bytes(t, &s->from)) {
		struct bytes w = pkt_text_word(t, "-.+");

		buf_add(&s->from, w.ptr, w.len);
	}
	if (!s->from.len || !pkt_text_accept(t, ")") || (raw && s->from.len != 32))
		return pkt_text_wrong(t, "anon(\"key\"), or anon(x\"..\") of 32 bytes, is what is "
					 "wanted here");
	if (raw)
		memcpy(key, s->from.ptr, 32);
	else
		digest_raw(DIGEST_SHA256, buf_bytes(&s->from), key);
	s->anon = anon_new(key);
	return true;
}

static bool read_item(struct pkt_text *t, struct pkt_statement *s)
{
	enum pkt_layer_id family = field_of(&s->path)->family;
	struct buf text = { 0 };
	struct bytes item;
	char why[PKT_WHY];
	bool good;

	s->verb = PKT_APPEND;
	item = layer_text(t);
	pkt_model_clear(&s->layer);
	buf_printf(&text, "%s(%s=[%.*s])", pkt_layers[s->path.layer].id, field_of(&s->path)->id,
		   (int)item.len, (const char *)item.ptr);
	good = pkt_expr_parse_into(&s->layer, buf_bytes(&text), why);
	buf_release(&text);
	t->p = good ? t->p : (const char *)item.ptr;
	return good || pkt_text_wrong(t, "'%.*s' is no %s", (int)item.len, (const char *)item.ptr,
				      pkt_layers[family].title);
}

static bool read_value(struct pkt_text *t, struct pkt_statement *s)
{
	const struct pkt_field *f = field_of(&s->path);
	const char *why, *from;
	struct bytes w;

	pkt_text_skip(t);
	from = t->p;
	if (t->p < t->end && (*t->p == '"' || (*t->p == 'x' && t->p[1] == '"'))) {
		if (f->kind != PKT_BYTES)
			return pkt_text_wrong(t, "%s takes no bytes", pkt_field_name(f));
		return pkt_text_bytes(t, &s->from) || pkt_text_wrong(t, "the bytes have no end");
	}
	w = pkt_text_word(t, ".:+-");
	if (pkt_value_parse(f, w, &s->number, &s->from, &why) ||
	    pkt_value_announces(&pkt_layers[s->path.layer], s->path.field,
				pkt_layer_find(w, PKT_NONE), &s->number))
		return true;
	t->p = from;
	return pkt_text_wrong(t, "'%.*s': %s", (int)w.len, (const char *)w.ptr, why);
}

static bool read_assign(struct pkt_text *t, struct pkt_statement *s)
{
	const struct pkt_field *f;

	if (!pkt_path_read(t, &s->path))
		return false;
	if (pkt_text_accept(t, "~"))
		return read_replace(t, s);
	if (s->path.field == PKT_NO_FIELD)
		return pkt_text_wrong(t, "a layer by itself can't be set");
	f = field_of(&s->path);
	if (f->size == PKT_SIZE_META)
		return pkt_text_wrong(t, "what is said of a frame can't be edited");
	if (pkt_text_accept(t, "+="))
		s->verb = PKT_ADD;
	else if (pkt_text_accept(t, "-="))
		s->verb = PKT_SUBTRACT;
	else if (pkt_text_accept(t, "="))
		s->verb = PKT_ASSIGN;
	else
		return pkt_text_wrong(t, "'=', '+=', '-=' or '~' is missing here");
	if (f->kind == PKT_ITEMS)
		return s->verb == PKT_ADD ? read_item(t, s)
					  : pkt_text_wrong(t, "a list takes '+='");
	if (s->verb != PKT_ASSIGN && !pkt_kind_is_number(f->kind))
		return pkt_text_wrong(t, "%s is no number", pkt_field_name(f));
	if (s->verb == PKT_ASSIGN && pkt_text_accept(t, "map") && pkt_text_accept(t, "("))
		return read_map(t, s);
	if (s->verb == PKT_ASSIGN && pkt_text_accept(t, "anon") && pkt_text_accept(t, "("))
		return read_anon(t, s);
	return read_value(t, s);
}

static bool read_statement(struct pkt_text *t, struct pkt_statement *s)
{
	if (pkt_text_accept(t, "swap"))
		return read_swap(t, s);
	if (pkt_text_accept(t, "push"))
		return read_push(t, s);
	if (pkt_text_accept(t, "pop")) {
		s->verb = PKT_POP;
		pkt_text_skip(t);
		return pkt_path_read(t, &s->path);
	}
	return read_assign(t, s);
}

struct pkt_edit *pkt_edit_new(const char *text, enum pkt_sums sums, char *why)
{
	struct pkt_text t = { text, text, text + strlen(text), why };
	struct pkt_edit *e = xcalloc(1, sizeof(*e));
	bool good = true;

	e->sums = sums;
	do {
		pkt_text_skip(&t);
		if (e->n && t.p == t.end)
			break; /* a ';' at the end */
		if (e->n == PKT_STATEMENTS)
			good = pkt_text_wrong(&t, "these are more than %d edits", PKT_STATEMENTS);
		else
			good = read_statement(&t, &e->statement[e->n++]);
	} while (good && pkt_text_accept(&t, ";"));
	pkt_text_skip(&t);
	if (good && t.p < t.end)
		good = pkt_text_wrong(&t, "';' or the end is missing here");
	if (good)
		return e;
	pkt_edit_free(e);
	return NULL;
}

void pkt_edit_free(struct pkt_edit *e)
{
	for (unsigned i = 0; i < e->n; i++) {
		buf_release(&e->statement[i].from);
		buf_release(&e->statement[i].to);
		pkt_model_release(&e->statement[i].layer);
		anon_free(e->statement[i].anon);
	}
	pkt_printer_release(&e->printer);
	buf_release(&e->bytes);
	buf_release(&e->spare);
	free(e);
}
