/* dns_pool: tests of blocks of two sizes in bounded memory. */
#include "cmd/dns/dns_pool.h"

#include <string.h>

#include "tests/unit/check.h"

enum { BLOCKS = 50, MOST = BLOCKS * DNS_POOL_SPLIT };

static struct dns_pool pool;

/* Nothing overlaps: each is filled with its number, and looked at when it goes back. */
static bool is_whole(const uint8_t *block, size_t size, uint8_t what)
{
	for (size_t i = 0; i < size; i++)
		if (block[i] != what)
			return false;
	return true;
}

static void test_sizes(void)
{
	uint8_t *small[MOST + 1];
	void *large;
	unsigned n = 0;

	check_case(
		"memory that is used up by small ones is there for large ones when they are back");
	dns_pool_open(&pool, BLOCKS * DNS_POOL_LARGE + 7);
	while ((small[n] = dns_pool_take(&pool, false)))
		n++;
	CHECK_EQ(n, MOST);
	CHECK(!dns_pool_take(&pool, true));
	for (unsigned i = 0; i < n; i += 2)
		dns_pool_give(&pool, small[i], false);
	CHECK(!dns_pool_take(&pool, true)); /* half of each block is still out */
	for (unsigned i = 1; i < n; i += 2)
		dns_pool_give(&pool, small[i], false);
	for (n = 0; (large = dns_pool_take(&pool, true)); n++)
		memset(large, 1, DNS_POOL_LARGE);
	CHECK_EQ(n, BLOCKS);
	CHECK(!dns_pool_take(&pool, false));
	dns_pool_close(&pool);

	check_case("less memory than a block takes is none, and no fault");
	dns_pool_open(&pool, DNS_POOL_LARGE - 1);
	CHECK(!dns_pool_take(&pool, false));
	CHECK(!dns_pool_take(&pool, true));
	dns_pool_close(&pool);
}

static void test_walk(void)
{
	struct {
		uint8_t *at;
		bool large;
		uint8_t what;
	} out[MOST] = { 0 };
	uint32_t x = 7;

	check_case("100,000 blocks taken and given back in any order never overlap");
	dns_pool_open(&pool, BLOCKS * DNS_POOL_LARGE);
	for (unsigned i = 0; i < 100000; i++) {
		unsigned k = (x = x * 1664525 + 1013904223) >> 8 & (MOST - 1);

		if (k >= MOST)
			continue;
		if (out[k].at) {
			CHECK(is_whole(out[k].at, out[k].large ? DNS_POOL_LARGE : DNS_POOL_SMALL,
				       out[k].what));
			dns_pool_give(&pool, out[k].at, out[k].large);
			out[k].at = NULL;
			continue;
		}
		out[k].large = x >> 28 < 3;
		out[k].what = (uint8_t)(x >> 16);
		out[k].at = dns_pool_take(&pool, out[k].large);
		if (out[k].at)
			memset(out[k].at, out[k].what,
			       out[k].large ? DNS_POOL_LARGE : DNS_POOL_SMALL);
	}
	dns_pool_close(&pool);
}

int main(void)
{
	test_sizes();
	test_walk();
	return check_end();
}
