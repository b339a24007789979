/* groups: tests of the table of groups, of replacing the lightest, and of counting what differs. */
#include "libcommon/record/groups.h"

#include <stdio.h>
#include <unistd.h>

#include "libcommon/base/distinct.h"
#include "tests/unit/colliding.h"

static uint64_t seed = 7;

static uint64_t random_below(uint64_t n)
{
	uint64_t x = seed += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (x ^ x >> 31) % n;
}

static struct bytes key_of(uint64_t i)
{
	static char text[32];

	return BYTES(text, snprintf(text, sizeof(text), "key %llu", (unsigned long long)i));
}

static void test_exact(void)
{
	struct groups *g = groups_new(&(struct groups_config){
		.most = 1000, .memory = 1 << 20, .more_size = sizeof(uint64_t) });
	uint64_t true_counts[3][200] = { { 0 } }, intervals[GROUPS_INTERVALS], seen = 0;
	struct group **list;
	bool right = true;
	size_t n;

	check_case("groups have the weights of what was added, interval by interval");
	for (int i = 0; i < 50000; i++) {
		uint64_t in = random_below(3), k = random_below(200), w = random_below(10);
		struct group *group = groups_get(g, in, key_of(k));

		CHECK(group != NULL);
		*(uint64_t *)group->more += w;
		groups_weigh(g, group, w);
		true_counts[in][k] += w;
	}
	CHECK_EQ(groups_intervals(g, intervals), 3);
	for (uint64_t in = 0; in < 3; in++) {
		list = groups_of(g, in, &n);
		CHECK_EQ(n, 200);
		for (size_t i = 0; i < n; i++) {
			uint64_t k = strtoull((const char *)list[i]->key.ptr + 4, NULL, 10);

			right &= list[i]->weight == true_counts[in][k] && list[i]->error == 0;
			right &= *(uint64_t *)list[i]->more == list[i]->weight;
			seen++;
		}
		free(list);
	}
	CHECK(right);
	CHECK_EQ(seen, 600);
	check_case("an interval that is closed is gone, and its room is there again");
	groups_close(g, 1);
	CHECK_EQ(groups_intervals(g, intervals), 2);
	CHECK(intervals[0] == 0 && intervals[1] == 2);
	for (uint64_t k = 0; k < 600; k++)
		CHECK(groups_get(g, 9, key_of(k)) != NULL);
	CHECK(groups_get(g, 9, key_of(600)) == NULL);
	CHECK(groups_get(g, 9, key_of(599)) != NULL);
	CHECK(groups_get_always(g, 9, BYTES_LIT("other")) != NULL);
	groups_free(g);
}

/* What Space-Saving promises, over weights of a long tail, with intervals that close in between. */
static void test_replace(void)
{
	enum { KEYS = 2000, ROOM = 50 };
	struct groups *g = groups_new(
		&(struct groups_config){ .most = ROOM, .memory = 1 << 20, .replace = true });
	static uint64_t counts[2][KEYS];
	uint64_t least = UINT64_MAX;
	bool within = true, found[KEYS] = { false };
	struct group **list;
	size_t n;

	check_case("replaced groups are too heavy by no more than their error");
	for (int i = 0; i < 200000; i++) {
		uint64_t in = random_below(2),
			 k = random_below(1 + random_below(1 + random_below(KEYS)));
		uint64_t w = 1 + random_below(5);
		struct group *group = groups_get(g, in, key_of(k));

		CHECK(group != NULL);
		groups_weigh(g, group, w);
		counts[in][k] += w;
		if (i == 100000) {
			groups_close(g, 1);
			memset(counts[1], 0, sizeof(counts[1]));
		}
	}
	for (uint64_t in = 0; in < 2; in++) {
		list = groups_of(g, in, &n);
		for (size_t i = 0; i < n; i++) {
			uint64_t k = strtoull((const char *)list[i]->key.ptr + 4, NULL, 10);

			within &= counts[in][k] <= list[i]->weight;
			within &= list[i]->weight - list[i]->error <= counts[in][k];
			if (list[i]->weight < least)
				least = list[i]->weight;
			found[k] |= in == 0;
		}
		free(list);
	}
	CHECK(within);
	check_case("what is heavier than the lightest group kept is among those kept");
	for (uint64_t k = 0; k < KEYS; k++)
		CHECK(counts[0][k] <= least || found[k]);
	groups_free(g);
	check_case("memory is bounded, also by keys of any length");
	g = groups_new(&(struct groups_config){ .most = 100, .memory = 10000, .replace = true });
	for (int i = 0; i < 1000; i++) {
		static uint8_t key[4000];
		size_t len = random_below(sizeof(key));

		key[0] = (uint8_t)i;
		groups_get(g, 0, BYTES(key, len));
	}
	list = groups_of(g, 0, &n);
	for (size_t i = 0, sum = 0; i < n; i++)
		CHECK((sum += list[i]->key.len) <= 10000);
	free(list);
	groups_free(g);
}

static void test_distinct(void)
{
	struct distinct d = { 0 };
	char text[32];

	check_case("few different values are counted, many estimated");
	for (uint64_t i = 0; i < 100000; i++) {
		for (int twice = 0; twice < 2; twice++)
			distinct_add(&d, BYTES(text, snprintf(text, sizeof(text), "%llu",
							      (unsigned long long)i)));
		if (i < DISTINCT_FEW) {
			CHECK_EQ(distinct_count(&d), i + 1);
		} else if ((i & (i + 1)) == 0) {
			double off = (double)distinct_count(&d) / (double)(i + 1) - 1;

			printf("# of %llu: %.1f %%\n", (unsigned long long)i + 1, 100 * off);
			CHECK(off < 0.07 && off > -0.07); /* 3 standard errors */
		}
	}
	distinct_release(&d);
	CHECK_EQ(distinct_count(&d), 0);
}

static void test_colliding(void)
{
	struct groups *g = groups_new(
		&(struct groups_config){ .most = 65536, .memory = 1 << 30, .more_size = 8 });
	bool same = true;
	uint8_t room[16];

	check_case("keys chosen to have one hash take no longer than others");
	alarm(20); /* a chain of them takes minutes */
	for (uint64_t i = 0; i < 65536; i++)
		*(uint64_t *)groups_get(g, 0, colliding_key(i, room))->more = i;
	for (uint64_t i = 0; i < 65536; i++)
		same &= *(uint64_t *)groups_get(g, 0, colliding_key(i, room))->more == i;
	alarm(0);
	CHECK(same);
	groups_free(g);
}

int main(void)
{
	test_exact();
	colliding_test();
	test_colliding();
	test_replace();
	test_distinct();
	return check_end();
}
