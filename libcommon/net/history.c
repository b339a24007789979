/* history: Zeek's one-line story of a connection, bounded. */
#include "libcommon/net/history.h"

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

static unsigned count_index(char letter)
{
	return letter == 'c' ? 0 : letter == 'g' ? 1 : letter == 't' ? 2 : 3;
}

static unsigned seq_index(char letter)
{
	return letter == 's' ? 0 : letter == 'h' ? 1 : letter == 'f' ? 2 : 3;
}

static bool is_power_of_ten(uint32_t n)
{
	while (n % 10 == 0)
		n /= 10;
	return n == 1;
}

void history_seq(struct history *h, unsigned dir, char letter, uint32_t seq)
{
	uint32_t *last = &h->seq[dir][seq_index(letter)];

	if (history_is_first(h, dir, letter))
		history_add(h, dir, letter);
	else if (*last != seq)
		repeat(h, dir, letter);
	*last = seq;
}

void history_count(struct history *h, unsigned dir, char letter)
{
	uint32_t *count = &h->counts[dir][count_index(letter)];

	if (*count == UINT32_MAX)
		return;
	if (++*count == 1) {
		if (history_is_first(h, dir, letter))
			history_add(h, dir, letter);
		return;
	}
	if (is_power_of_ten(*count))
		repeat(h, dir, letter);
}

uint32_t history_counted(const struct history *h, unsigned dir, char letter)
{
	return h->counts[dir][count_index(letter)];
}

void history_mark(struct history *h, char mark)
{
	if (h->len < HISTORY_SIZE)
		h->text[h->len++] = mark;
}
