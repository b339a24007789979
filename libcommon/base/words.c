/* words: takes words, numbers and the like off the front of a line of text. */
#include "libcommon/base/words.h"

static uint8_t small(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static struct bytes behind(struct bytes b, size_t n)
{
	return n ? BYTES(b.ptr + n, b.len - n) : b;
}

bool words_take(struct bytes *b, const char *word)
{
	size_t n = strlen(word);

	if (b->len < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (small(b->ptr[i]) != (uint8_t)word[i])
			return false;
	*b = behind(*b, n);
	return true;
}

bool words_find(struct bytes line, const char *word, struct bytes *rest)
{
	for (; line.len; line = behind(line, 1)) {
		*rest = line;
		if (words_take(rest, word))
			return true;
	}
	return false;
}

bool words_number(struct bytes *b, uint64_t max, uint64_t *v)
{
	size_t n = 0;

	*v = 0;
	while (n < b->len && b->ptr[n] >= '0' && b->ptr[n] <= '9' && *v <= max)
		*v = *v * 10 + (uint64_t)(b->ptr[n++] - '0');
	*b = behind(*b, n);
	return n && *v <= max;
}

struct bytes words_upto(struct bytes *b, uint8_t sign)
{
	const uint8_t *end = b->len ? memchr(b->ptr, sign, b->len) : NULL;
	size_t n = end ? (size_t)(end - b->ptr) : b->len;
	struct bytes word = BYTES(b->ptr, n);

	*b = behind(*b, n + (end != NULL));
	return word;
}

struct bytes words_trimmed(struct bytes b)
{
	while (b.len && (b.ptr[0] == ' ' || b.ptr[0] == '\t'))
		b = behind(b, 1);
	while (b.len && (b.ptr[b.len - 1] == ' ' || b.ptr[b.len - 1] == '\t'))
		b.len--;
	return b;
}
