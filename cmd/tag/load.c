/* load: the files of a lookup. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/tag/lookup.h"
#include "libcommon/base/die.h"

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

static size_t column_of(const struct bytes *list, size_t n, struct bytes name, const char *file)
{
	for (size_t i = 0; i < n; i++)
		if (bytes_equal(list[i], name))
			return i;
	die("%s:1: no column '%.*s'", file, (int)name.len, (const char *)name.ptr);
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

static void check_prefix(struct bytes key, const char *file, unsigned line)
{
	struct literal l;
	const char *why;

	if (!literal_word(key, &l, &why) || l.is != LITERAL_IP)
		die("%s:%u: '%.*s' is no address or prefix", file, line, (int)key.len,
		    (const char *)key.ptr);
}

void lookup_load(struct lookup *l, const char *file, enum lookup_form form, struct bytes key,
		 struct bytes value)
{
	char text[LOOKUP_LINE + 2];
	FILE *f = fopen(file, "re");
	struct bytes list[MAX_COLUMNS], k, v;
	size_t key_at = 0, value_at = 0, n;
	unsigned number = 0;

	if (!f)
		die_errno("cannot open '%s'", file);
	while (fgets(text, sizeof(text), f)) {
		struct bytes line = trimmed(bytes_str(text));

		number++;
		if (strlen(text) > LOOKUP_LINE)
			die("%s:%u: longer than %d bytes", file, number, LOOKUP_LINE);
		if (line.len == 0 || (line.ptr[0] == '#' && form != LOOKUP_CSV))
			continue;
		if (form == LOOKUP_CSV && number == 1) {
			n = cells(line, list);
			key_at = column_of(list, n, key, file);
			value_at = column_of(list, n, value, file);
			continue;
		}
		k = line;
		v = BYTES("", 0);
		if (form == LOOKUP_CSV) {
			n = cells(line, list);
			if (n <= key_at || n <= value_at)
				die("%s:%u: only %zu columns", file, number, n);
			k = list[key_at];
			v = list[value_at];
		} else if (form == LOOKUP_PREFIXES) {
			split(line, &k, &v);
			check_prefix(k, file, number);
		}
		if (!lookup_add(l, k, v))
			die("%s:%u: no memory for more; see --memory", file, number);
	}
	if (ferror(f))
		die_errno("cannot read '%s'", file);
	fclose(f);
	lookup_sort(l);
}
