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
	return &pkt_layers[p->of].fields[p->field];
}

/* The first field that the path may mean and `is` holds for, or NULL. */
static const struct pkt_field *some_field(const struct pkt_path *p, bool (*is)(enum pkt_kind kind))
{
	for (unsigned l = 0, i = 0; pkt_path_field(p, &l, &i); i++)
		if (is(pkt_layers[l].fields[i].kind))
			return &pkt_layers[l].fields[i];
	return NULL;
}

static bool is_number(enum pkt_kind kind)
{
	return pkt_kind_is_number(kind);
}

static bool is_address(enum pkt_kind kind)
{
	return pkt_kind_is_address(kind);
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
	if (s->path.field == PKT_NO_FIELD && s->other.field == PKT_NO_FIELD && !s->path.nsteps &&
	    !s->other.nsteps && s->path.layer == s->other.layer)
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

/* An address with its prefix into out, as a field of `kind` has it, or PKT_ITEMS: as the first that
 * takes it. */
static bool read_prefix(struct pkt_text *t, const struct pkt_path *path, unsigned *kind,
			struct buf *out, unsigned *prefix)
{
	const struct pkt_field *f = NULL;
	struct bytes w = pkt_text_word(t, ".:");
	const char *why = "it is no address";
	char *end;
	uint8_t wide[8];
	uint64_t v = 0;

	for (unsigned l = 0, i = 0; !f && pkt_path_field(path, &l, &i); i++) {
		f = &pkt_layers[l].fields[i];
		if (!pkt_kind_is_address(f->kind) || (*kind != PKT_ITEMS && f->kind != *kind) ||
		    !pkt_value_parse(f, w, &v, out, &why))
			f = NULL;
	}
	if (!f)
		return pkt_text_wrong(t, "'%.*s': %s", (int)w.len, (const char *)w.ptr, why);
	*kind = f->kind;
	if (f->kind != PKT_IP6) {
		be64_put(wide, v << (64 - f->bits));
		buf_add(out, wide, f->bits / 8);
	}
	if (!pkt_text_accept(t, "/"))
		return pkt_text_wrong(t, "a prefix length is missing here");
	w = pkt_text_word(t, "");
	*prefix = (unsigned)strtoul((const char *)w.ptr, &end, 10);
	if (!w.len || (const uint8_t *)end != w.ptr + w.len)
		return pkt_text_wrong(t, "a prefix length is a number");
	return *prefix <= f->bits || pkt_text_wrong(t, "no prefix is so long");
}

static bool read_map(struct pkt_text *t, struct pkt_statement *s)
{
	unsigned to = 0, kind = PKT_ITEMS;

	s->verb = PKT_MAP;
	if (!some_field(&s->path, is_address))
		return pkt_text_wrong(t, "%s is no address", pkt_field_name(field_of(&s->path)));
	if (!read_prefix(t, &s->path, &kind, &s->from, &s->prefix) || !pkt_text_accept(t, ",") ||
	    !read_prefix(t, &s->path, &kind, &s->to, &to) || !pkt_text_accept(t, ")"))
		return pkt_text_wrong(t, "map(prefix, prefix) is what is wanted here");
	s->kind = (uint8_t)kind;
	return to == s->prefix || pkt_text_wrong(t, "both prefixes must be of one length");
}

/* anon("passphrase"), by its SHA-256; anon(x"32 bytes") */
static bool read_anon(struct pkt_text *t, struct pkt_statement *s)
{
	uint8_t key[DIGEST_MAX];
	bool raw;

	s->verb = PKT_ANON;
	if (!some_field(&s->path, is_address))
		return pkt_text_wrong(t, "%s is no address", pkt_field_name(field_of(&s->path)));
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
	buf_add_str(&text, pkt_layers[s->path.layer].id);
	if (s->path.nsteps) /* no list is deeper than in an item of a layer's */
		buf_printf(&text, "(%s=[%s", s->path.step[0].list, pkt_layers[s->path.of].id);
	buf_printf(&text, "(%s=[%.*s])", field_of(&s->path)->id, (int)item.len,
		   (const char *)item.ptr);
	if (s->path.nsteps)
		buf_add_str(&text, "])");
	good = s->path.nsteps < 2 && pkt_expr_parse_into(&s->layer, buf_bytes(&text), why);
	buf_release(&text);
	t->p = good ? t->p : (const char *)item.ptr;
	return good || pkt_text_wrong(t, "'%.*s' is no %s", (int)item.len, (const char *)item.ptr,
				      pkt_layers[family].title);
}

static bool read_value(struct pkt_edit *e, struct pkt_text *t, struct pkt_statement *s)
{
	size_t from = pkt_values_count(&e->values);
	const char *at = t->p;
	bool taken = false;

	if (!pkt_values_read(&e->values, t, &s->path))
		return false;
	s->value = (uint32_t)from;
	s->values = (uint32_t)(pkt_values_count(&e->values) - from);
	for (unsigned i = 0; i < s->values; i++)
		taken |= !((const struct pkt_value *)(const void *)e->values.v.ptr)[from + i].raw;
	if (taken)
		return true;
	t->p = at;
	return pkt_text_wrong(t, "%s takes no bytes", pkt_field_name(field_of(&s->path)));
}

static bool read_assign(struct pkt_edit *e, struct pkt_text *t, struct pkt_statement *s)
{
	const struct pkt_field *f;

	if (!pkt_path_read(t, &s->path))
		return false;
	if (pkt_text_accept(t, "~"))
		return read_replace(t, s);
	if (s->path.field == PKT_NO_FIELD)
		return pkt_text_wrong(t, "%s by itself can't be set: name a field of it",
				      pkt_layers[s->path.of].id);
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
					  : pkt_text_wrong(t,
							   "a list takes '+='; an item of it "
							   "is %s[0]",
							   pkt_field_name(f));
	if (s->verb != PKT_ASSIGN && !some_field(&s->path, is_number))
		return pkt_text_wrong(t, "%s is no number", pkt_field_name(f));
	if (s->verb == PKT_ASSIGN && pkt_text_accept(t, "map") && pkt_text_accept(t, "("))
		return read_map(t, s);
	if (s->verb == PKT_ASSIGN && pkt_text_accept(t, "anon") && pkt_text_accept(t, "("))
		return read_anon(t, s);
	return read_value(e, t, s);
}

static bool read_statement(struct pkt_edit *e, struct pkt_text *t, struct pkt_statement *s)
{
	if (pkt_text_accept(t, "swap"))
		return read_swap(t, s);
	if (pkt_text_accept(t, "push"))
		return read_push(t, s);
	if (pkt_text_accept(t, "pop")) {
		s->verb = PKT_POP;
		pkt_text_skip(t);
		return pkt_path_read(t, &s->path) &&
		       (s->path.field == PKT_NO_FIELD || s->path.layer == PKT_raw ||
			pkt_text_wrong(t, "a field can't be taken out, but a layer or an item"));
	}
	return read_assign(e, t, s);
}

struct pkt_edit *pkt_edit_new(const char *text, enum pkt_sums sums, char *why)
{
	struct pkt_edit *e = xcalloc(1, sizeof(*e));
	struct pkt_text t = { 0 };
	const char *from;
	bool good = true;

	e->sums = sums;
	buf_add(&e->text, text, strlen(text) + 1);
	t = (struct pkt_text){ (char *)e->text.ptr, (char *)e->text.ptr,
			       (char *)e->text.ptr + e->text.len - 1, why };
	do {
		pkt_text_skip(&t);
		from = t.p;
		if (e->n && t.p == t.end)
			break; /* a ';' at the end */
		if (e->n == PKT_STATEMENTS)
			good = pkt_text_wrong(&t, "these are more than %d edits", PKT_STATEMENTS);
		else
			good = read_statement(e, &t, &e->statement[e->n++]);
		e->statement[e->n - 1].text = BYTES(from, (size_t)(t.p - from));
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
	buf_release(&e->text);
	pkt_values_release(&e->values);
	pkt_printer_release(&e->printer);
	buf_release(&e->bytes);
	buf_release(&e->spare);
	free(e);
}
