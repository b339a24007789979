/* history: tests of which letters a connection's story gets, and of its bounds. */
#include "libcommon/net/history.h"

#include <string.h>

#include "tests/unit/check.h"

static struct history h;

static void begin(const char *title)
{
	check_case(title);
	memset(&h, 0, sizeof(h));
}

static bool is(const char *text)
{
	if (strlen(text) == h.len && !memcmp(text, h.text, h.len))
		return true;
	printf("# %.*s\n", h.len, h.text);
	return false;
}

static void test_once(void)
{
	begin("a letter comes once per direction, upper case from the originator");
	history_once(&h, 0, 'd');
	history_once(&h, 1, 'd');
	history_once(&h, 0, 'd');
	history_once(&h, 1, 'a');
	CHECK(is("Dda"));

	begin("a sequence number that is new puts the letter again, the same one does not");
	history_seq(&h, 0, 's', 5);
	history_seq(&h, 0, 's', 5);
	history_seq(&h, 0, 's', 6);
	history_seq(&h, 0, 's', 6);
	history_seq(&h, 1, 'h', 0);
	history_seq(&h, 1, 'f', 0);
	history_seq(&h, 1, 'r', 0);
	history_seq(&h, 1, 'f', 0);
	CHECK(is("SShfr"));

	begin("a mark is nobody's");
	history_mark(&h, '^');
	history_once(&h, 1, 'd');
	CHECK(is("^d"));
}

static void test_counts(void)
{
	begin("counted letters come at 1, 10, 100, 1000");
	for (unsigned i = 1; i <= 1000; i++) {
		history_count(&h, 1, 't');
		CHECK_EQ(h.len, i < 10 ? 1 : i < 100 ? 2 : i < 1000 ? 3 : 4);
	}
	CHECK(is("tttt"));
	CHECK_EQ(history_counted(&h, 1, 't'), 1000);
	CHECK_EQ(history_counted(&h, 0, 't'), 0);
	CHECK_EQ(history_counted(&h, 1, 'w'), 0);

	begin("a count stays where it is full");
	h.counts[0][0] = UINT32_MAX - 1;
	history_count(&h, 0, 'c');
	CHECK_EQ(history_counted(&h, 0, 'c'), UINT32_MAX);
	history_count(&h, 0, 'c');
	CHECK_EQ(history_counted(&h, 0, 'c'), UINT32_MAX);
	CHECK_EQ(h.len, 0);

	begin("the four counts of a direction are apart");
	history_count(&h, 0, 'c');
	history_count(&h, 0, 'g');
	history_count(&h, 0, 't');
	history_count(&h, 0, 'w');
	CHECK(is("CGTW"));
}

static void test_bounds(void)
{
	begin("repeats leave room for everything that has not appeared");
	history_mark(&h, '^');
	for (uint32_t i = 0; i < 1000; i++)
		history_seq(&h, 0, 's', i);
	CHECK_EQ(h.len, 2 + HISTORY_REPEATS);
	for (unsigned dir = 0; dir < 2; dir++) {
		for (const char *c = "shfr"; *c; c++)
			history_seq(&h, dir, *c, 1);
		for (const char *c = "adiq"; *c; c++)
			history_once(&h, dir, *c);
		for (const char *c = "cgtw"; *c; c++)
			history_count(&h, dir, *c);
	}
	CHECK_EQ(h.len, 25 + HISTORY_REPEATS);
	CHECK_EQ(h.text[h.len - 1], 'w');

	begin("and beyond the room nothing is written");
	for (unsigned i = 0; i < 100; i++) {
		history_mark(&h, '^');
		history_add(&h, 0, 'd');
	}
	CHECK_EQ(h.len, HISTORY_SIZE);
}

int main(void)
{
	test_once();
	test_counts();
	test_bounds();
	return check_end();
}
