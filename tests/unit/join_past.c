/* join_past: tests of what weir-join keeps: what is found, what goes, and keys of an attacker. */
#include "cmd/join/past.h"

#include <unistd.h>

#include "tests/unit/colliding.h"

static void test_window(void)
{
	struct past *t = past_new(10, 3, 1000);

	check_case(
		"a value is found within the window, and the oldest goes where there is no room");
	CHECK_EQ(past_put(t, BYTES_LIT("a"), 100, BYTES_LIT("1")), 0);
	CHECK(bytes_is(past_get(t, BYTES_LIT("a"), 110), "1"));
	CHECK(!past_get(t, BYTES_LIT("a"), 111).ptr);
	CHECK_EQ(past_put(t, BYTES_LIT("b"), 101, BYTES_LIT("2")), 0);
	CHECK_EQ(past_put(t, BYTES_LIT("c"), 102, BYTES_LIT("3")), 0);
	CHECK_EQ(past_put(t, BYTES_LIT("d"), 103, BYTES_LIT("4")), 1);
	CHECK(!past_get(t, BYTES_LIT("a"), 103).ptr);
	CHECK_EQ(past_count(t), 3);
	past_free(t);
}

static void test_colliding(void)
{
	struct past *t = past_new(1000, 65536, 1 << 30);
	bool found = true;
	uint8_t room[16];

	check_case("keys chosen to have one hash take no longer than others");
	alarm(20); /* a chain of them takes minutes */
	for (uint64_t i = 0; i < 65536; i++)
		past_put(t, colliding_key(i, room), 1, BYTES_LIT("x"));
	for (uint64_t i = 0; i < 65536; i++)
		found &= past_get(t, colliding_key(i, room), 1).ptr != NULL;
	alarm(0);
	CHECK(found);
	past_free(t);
}

int main(void)
{
	test_window();
	colliding_test();
	test_colliding();
	return check_end();
}
