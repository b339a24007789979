/* lookup: tests of longest prefixes against a search through all, and of exact keys. */
#include "cmd/tag/lookup.h"

#include <arpa/inet.h>

#include "tests/unit/check.h"

static uint64_t seed = 3;

static unsigned random_below(unsigned n)
{
	uint64_t x = seed += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (unsigned)((x ^ x >> 31) % n);
}

struct prefix {
	int family;
	unsigned bits;
	uint8_t ip[16];
};

/* Addresses near to one another, so that prefixes lie within prefixes. */
static void random_ip(int family, uint8_t ip[16])
{
	memset(ip, 0, 16);
	for (int i = 0; i < (family == AF_INET ? 4 : 16); i++)
		ip[i] = random_below(4) ? (uint8_t)(random_below(3) * 0x7f)
					: (uint8_t)random_below(256);
}

static bool within(const struct prefix *p, int family, const uint8_t *ip)
{
	if (p->family != family)
		return false;
	for (unsigned i = 0; i < p->bits; i++)
		if ((p->ip[i / 8] ^ ip[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

static void test_prefixes(void)
{
	enum { PREFIXES = 300 };
	static struct prefix prefixes[PREFIXES];
	size_t found = 0, right = 0, asked = 0;

	check_case("the longest prefix wins, as in a search through all of them");
	for (int round = 0; round < 40; round++) {
		struct lookup *l = lookup_new(1 << 20);
		int n = 1 + (int)random_below(PREFIXES - 1);

		for (int i = 0; i < n; i++) {
			struct prefix *p = &prefixes[i];
			char text[64], key[80], value[16];

			p->family = random_below(2) ? AF_INET : AF_INET6;
			p->bits = random_below(p->family == AF_INET ? 33 : 129);
			random_ip(p->family, p->ip);
			inet_ntop(p->family, p->ip, text, sizeof(text));
			snprintf(key, sizeof(key), "%s/%u", text, p->bits);
			snprintf(value, sizeof(value), "%d", i);
			CHECK(lookup_add(l, bytes_str(key), bytes_str(value)));
		}
		lookup_sort(l);
		for (int k = 0; k < 2000; k++) {
			int family = random_below(2) ? AF_INET : AF_INET6, best = -1;
			uint8_t ip[16];
			struct bytes b;

			random_ip(family, ip);
			for (int i = 0; i < n; i++)
				if (within(&prefixes[i], family, ip) &&
				    (best < 0 || prefixes[i].bits >= prefixes[best].bits))
					best = i;
			b = lookup_find(
				l,
				&(struct value){ .type = VALUE_IP,
						 .bytes = BYTES(ip, family == AF_INET ? 4 : 16) });
			asked++;
			found += b.ptr != NULL;
			right += b.ptr ? best == atoi((const char *)b.ptr) : best < 0;
		}
		lookup_free(l);
	}
	printf("# %zu asked, %zu found\n", asked, found);
	CHECK_EQ(right, asked);
	CHECK(found > asked / 10);
}

static void test_keys(void)
{
	struct lookup *l = lookup_new(1 << 20);
	const uint8_t ip[4] = { 10, 0, 0, 1 }, mac[6] = { 0, 1, 2, 3, 4, 0xff };

	check_case("texts, numbers, addresses and MAC addresses are found as what they are");
	lookup_add(l, BYTES_LIT("53"), BYTES_LIT("dns"));
	lookup_add(l, BYTES_LIT("10.0.0.1"), BYTES_LIT("host"));
	lookup_add(l, BYTES_LIT("00:01:02:03:04:ff"), BYTES_LIT("card"));
	lookup_add(l, BYTES_LIT("www.example"), BYTES_LIT("old"));
	lookup_add(l, BYTES_LIT("www.example"), BYTES_LIT(""));
	lookup_sort(l);
	CHECK(bytes_is(lookup_find(l, &(struct value){ .type = VALUE_UINT, .u = 53 }), "dns"));
	CHECK(!lookup_find(l, &(struct value){ .type = VALUE_UINT, .u = 54 }).ptr);
	CHECK(bytes_is(
		lookup_find(l, &(struct value){ .type = VALUE_TEXT, .bytes = BYTES_LIT("53") }),
		"dns"));
	CHECK(bytes_is(lookup_find(l, &(struct value){ .type = VALUE_IP, .bytes = BYTES(ip, 4) }),
		       "host"));
	CHECK(bytes_is(lookup_find(l, &(struct value){ .type = VALUE_TEXT,
						       .bytes = BYTES_LIT("10.0.0.1") }),
		       "host"));
	CHECK(bytes_is(lookup_find(l, &(struct value){ .type = VALUE_MAC, .bytes = BYTES(mac, 6) }),
		       "card"));
	check_case("of a key that comes twice the last value counts, and may be empty");
	CHECK(lookup_find(l,
			  &(struct value){ .type = VALUE_TEXT, .bytes = BYTES_LIT("www.example") })
		      .ptr != NULL);
	CHECK_EQ(lookup_find(l, &(struct value){ .type = VALUE_TEXT,
						 .bytes = BYTES_LIT("www.example") })
			 .len,
		 0);
	CHECK(!lookup_find(l,
			   &(struct value){ .type = VALUE_TEXT, .bytes = BYTES_LIT("ww.example") })
		       .ptr);
	CHECK(!lookup_find(l, &(struct value){ .type = VALUE_ABSENT }).ptr);
	lookup_free(l);
	check_case("memory is bounded");
	l = lookup_new(100000);
	for (int i = 0; i < 100000; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%d", i);
		if (!lookup_add(l, bytes_str(key), BYTES_LIT("v"))) {
			CHECK(i > 100 && i < 1000);
			break;
		}
	}
	CHECK(lookup_count(l) < 1000);
	lookup_free(l);
}

int main(void)
{
	test_prefixes();
	test_keys();
	return check_end();
}
