/* history: Zeek's one-line story of a connection, bounded. */
#include "libcommon/net/history.h"

#include <string.h>

/* First appearances: 2 x (s h f r a d i q c g t w) and ^. */
_Static_assert(HISTORY_SIZE >= 2 * 12 + 1 + HISTORY_REPEATS, "room for first appearances");

void history_add(struct history *h, unsigned dir, char letter)
{
	if (h->len < HISTORY_SIZE)
		h->text[h->len++] = dir ? letter : (char)(letter - 'a' + 'A');
}

static void repeat(struct history *h, unsigned dir, char letter)
{
	if (h->repeats == HISTORY_REPEATS)
		return;
	h->repeats++;
	history_add(h, dir, letter);
}

static unsigned letter_index(const char *letters, char letter)
{
	const char *at = strchr(letters, letter);

	return at ? (unsigned)(at - letters) & 3 : 0;
}

void history_seq(struct history *h, unsigned dir, char letter, uint32_t seq)
{
	uint32_t *last = &h->seq[dir][letter_index("shfr", letter)];

	if (history_is_first(h, dir, letter))
		history_add(h, dir, letter);
	else if (*last != seq)
		repeat(h, dir, letter);
	*last = seq;
}

void history_count(struct history *h, unsigned dir, char letter)
{
	uint32_t *count = &h->counts[dir][letter_index("cgtw", letter)];
	uint32_t power = 10;

	if (*count == UINT32_MAX)
		return;
	if (++*count == 1) {
		if (history_is_first(h, dir, letter))
			history_add(h, dir, letter);
		return;
	}
	while (power < *count && power <= UINT32_MAX / 10)
		power *= 10;
	if (power == *count)
		repeat(h, dir, letter);
}

uint32_t history_counted(const struct history *h, unsigned dir, char letter)
{
	return h->counts[dir][letter_index("cgtw", letter)];
}

void history_mark(struct history *h, char mark)
{
	if (h->len < HISTORY_SIZE)
		h->text[h->len++] = mark;
}
