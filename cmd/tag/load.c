/* load: the files of a lookup. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/tag/lookup.h"

enum { MAX_COLUMNS = 256 };

static struct bytes trimmed(struct bytes b)
{
	while (b.len && (b.ptr[0] == ' ' || b.ptr[0] == '\t'))
		b = BYTES(b.ptr + 1, b.len - 1);
	while (b.len && strchr(" \t\r\n", b.ptr[b.len - 1]))
		b.len--;
	return b;
}

/* Takes the next cell off a line of comma-separated values; quotes are undone in place. */
static struct bytes cell(struct bytes *line)
{
	uint8_t *at = (uint8_t *)line->ptr, *out = at;
	size_t n = 0, i = 0;
	bool quoted = line->len && at[0] == '"';

	if (!quoted) {
		while (i < line->len && at[i] != ',')
			i++;
		n = i;
	} else {
		for (i = 1; i < line->len; i++) {
			if (at[i] == '"' && (i + 1 == line->len || at[i + 1] != '"')) {
				i++;
				break;
			}
			i += at[i] == '"';
			out[n++] = at[i];
		}
		while (i < line->len && at[i] != ',')
			i++;
	}
	*line = i < line->len ? BYTES(at + i + 1, line->len - i - 1) : BYTES(NULL, 0);
	return quoted ? BYTES(out, n) : trimmed(BYTES(at, n));
}

/* The cells of a line; their number. */
static size_t cells(struct bytes line, struct bytes list[MAX_COLUMNS])
{
	size_t n = 0;

	while (line.ptr && n < MAX_COLUMNS)
		list[n++] = cell(&line);
	return n;
}

static bool column_of(const struct bytes *list, size_t n, struct bytes name, size_t *at)
{
	for (*at = 0; *at < n; ++*at)
		if (bytes_equal(list[*at], name))
			return true;
	return false;
}

/* "key value": the key ends at the first blank. */
static void split(struct bytes line, struct bytes *key, struct bytes *value)
{
	size_t n = 0;

	while (n < line.len && line.ptr[n] != ' ' && line.ptr[n] != '\t')
		n++;
	*key = BYTES(line.ptr, n);
	*value = trimmed(BYTES(line.ptr + n, line.len - n));
}

static bool is_prefix(struct bytes key)
{
	struct literal l;
	const char *why;

	return literal_word(key, &l, &why) && l.is == LITERAL_IP;
}

/* How a file is read: its form, and where the columns are. */
struct reading {
	enum lookup_form form;
	struct bytes key, value; /* names of the columns */
	size_t key_at, value_at;
	unsigned line;
};

/* One line that says something. What is wrong with it goes into `what`. */
static void take_line(struct lookup *l, struct reading *r, struct bytes line, char *what,
		      size_t size)
{
	struct bytes list[MAX_COLUMNS], k = line, v = BYTES("", 0);
	size_t n = 0;

	if (r->form == LOOKUP_CSV)
		n = cells(line, list);
	if (r->form == LOOKUP_CSV && r->line == 1) {
		struct bytes lacks = column_of(list, n, r->key, &r->key_at) ? r->value : r->key;
		bool both = r->key_at < n && column_of(list, n, r->value, &r->value_at);

		if (!both)
			snprintf(what, size, "no column '%.*s'", (int)lacks.len,
				 (const char *)lacks.ptr);
		return;
	}
	if (r->form == LOOKUP_CSV && (n <= r->key_at || n <= r->value_at)) {
		snprintf(what, size, "only %zu columns", n);
		return;
	}
	if (r->form == LOOKUP_CSV) {
		k = list[r->key_at];
		v = list[r->value_at];
	} else if (r->form == LOOKUP_PREFIXES) {
		split(line, &k, &v);
	}
	if (r->form == LOOKUP_PREFIXES && !is_prefix(k)) {
		snprintf(what, size, "'%.*s' is no address or prefix", (int)k.len,
			 (const char *)k.ptr);
		return;
	}
	if (!lookup_add(l, k, v))
		snprintf(what, size, "no memory for more; see --memory");
}

bool lookup_load(struct lookup *l, const char *file, enum lookup_form form, struct bytes key,
		 struct bytes value, char why[LOOKUP_WHY])
{
	struct reading r = { .form = form, .key = key, .value = value };
	char text[LOOKUP_LINE + 2], what[LOOKUP_LINE + 64] = "";
	FILE *f = fopen(file, "re");

	if (!f) {
		snprintf(why, LOOKUP_WHY, "cannot open '%s': %s", file, strerror(errno));
		return false;
	}
	while (!*what && fgets(text, sizeof(text), f)) {
		struct bytes line = trimmed(bytes_str(text));

		r.line++;
		if (strlen(text) > LOOKUP_LINE)
			snprintf(what, sizeof(what), "longer than %d bytes", LOOKUP_LINE);
		else if (line.len && (line.ptr[0] != '#' || form == LOOKUP_CSV))
			take_line(l, &r, line, what, sizeof(what));
	}
	if (*what)
		snprintf(why, LOOKUP_WHY, "%.128s:%u: %s", file, r.line, what);
	else if (ferror(f))
		snprintf(why, LOOKUP_WHY, "cannot read '%s': %s", file, strerror(errno));
	fclose(f);
	lookup_sort(l);
	return !*why;
}
