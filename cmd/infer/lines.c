/* lines: text tables of one row a line. */
#include "cmd/infer/lines.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The word at the front of `rest`, which goes behind it. */
static struct bytes word_take(struct bytes *rest)
{
	const uint8_t *start = rest->ptr;
	bool quoted = false;
	size_t n = 0;

	while (n < rest->len && (quoted || !is_blank(rest->ptr[n]))) {
		if (quoted && rest->ptr[n] == '\\' && n + 1 < rest->len)
			n++;
		else if (rest->ptr[n] == '"')
			quoted = !quoted;
		else if (!quoted && rest->ptr[n] == '#')
			break;
		n++;
	}
	*rest = BYTES(rest->ptr + n, rest->len - n);
	return BYTES(start, n);
}

bool line_next(struct line_reader *r)
{
	while (r->rest.len) {
		const uint8_t *end = memchr(r->rest.ptr, '\n', r->rest.len);
		size_t n = end ? (size_t)(end - r->rest.ptr) : r->rest.len;
		struct bytes line = BYTES(r->rest.ptr, n);

		n += end != NULL;
		r->rest = BYTES(r->rest.ptr + n, r->rest.len - n);
		r->number++;
		r->count = 0;
		while (line.len && line.ptr[0] != '#' && r->count <= LINE_WORDS) {
			struct bytes word;

			if (is_blank(line.ptr[0])) {
				line = BYTES(line.ptr + 1, line.len - 1);
				continue;
			}
			word = word_take(&line);
			if (r->count < LINE_WORDS)
				r->words[r->count] = word;
			r->count++;
		}
		if (r->count)
			return true;
	}
	return false;
}

int digit_value(uint8_t c, unsigned base)
{
	int v = c >= '0' && c <= '9'   ? c - '0'
		: c >= 'a' && c <= 'f' ? c - 'a' + 10
		: c >= 'A' && c <= 'F' ? c - 'A' + 10
				       : 99;

	return v < (int)base ? v : -1;
}

bool word_number(struct bytes word, uint64_t max, uint64_t *v)
{
	unsigned base = 10;

	if (word.len > 2 && word.ptr[0] == '0' && word.ptr[1] == 'x') {
		base = 16;
		word = BYTES(word.ptr + 2, word.len - 2);
	}
	*v = 0;
	for (size_t i = 0; i < word.len; i++) {
		int d = digit_value(word.ptr[i], base);

		if (d < 0 || *v > (max - (unsigned)d) / base)
			return false;
		*v = *v * base + (unsigned)d;
	}
	return word.len > 0;
}

bool word_range(struct bytes word, uint64_t max, uint64_t *low, uint64_t *high)
{
	const uint8_t *dots = memmem(word.ptr, word.len, "..", 2);
	size_t n = dots ? (size_t)(dots - word.ptr) : word.len;

	if (!word_number(BYTES(word.ptr, n), max, low))
		return false;
	*high = dots ? max : *low;
	if (dots && n + 2 < word.len && !word_number(BYTES(dots + 2, word.len - n - 2), max, high))
		return false;
	return *low <= *high;
}
