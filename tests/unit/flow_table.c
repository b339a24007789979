/* flow_table: tests of finding, expiring and giving up flows. */
#include "libcommon/net/flow_table.h"

#include <stdlib.h>

#include "tests/unit/check.h"
#include "tests/unit/poison.h"

static const uint64_t second = 1000000000;

static struct flow_key key_of(uint32_t n, uint8_t proto)
{
	struct flow_key k = { .proto = proto, .ip_version = 4, .port = { 80, (uint16_t)n } };

	memcpy(k.addr[0], &n, 4);
	k.addr[1][0] = 0xff;
	return k;
}

static void *calloc_lines(size_t n)
{
	void *p = aligned_alloc(64, (n + 63) & ~(size_t)63);

	return memset(p, 0, n);
}

static struct flow_table *table(uint32_t max)
{
	struct flow_table_config c = { .max_flows = max };

	for (unsigned i = 0; i < FLOW_SECRET_WORDS; i++)
		c.secret[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned i = 0; i < FLOW_CLASSES; i++)
		c.timeout[i] = 30 * second;
	c.timeout[FLOW_TCP] = 300 * second;
	c.timeout[FLOW_TCP_CLOSED] = 10 * second;
	c.timeout[FLOW_ICMP] = UINT64_MAX;
	return flow_table_init(calloc_lines(flow_table_size(&c)), &c);
}

static struct flow *add(struct flow_table *t, uint32_t n, enum flow_class c, uint64_t now)
{
	struct flow_key k = key_of(n, 6);
	struct flow *f = flow_add(t, &k, flow_hash(t, &k), c, now);

	f->id = n;
	return f;
}

static void drop(struct flow_table *t, struct flow *f)
{
	flow_remove(t, f, flow_hash(t, &f->key));
}

static struct flow *find(struct flow_table *t, uint32_t n)
{
	struct flow_key k = key_of(n, 6);
	uint64_t h = flow_hash(t, &k);
	struct flow *guess, *f;

	flow_table_prefetch(t, h);
	guess = flow_table_guess(t, h, k.proto);
	f = flow_find(t, &k, h);
	if (guess && flow_is(guess, &k)) /* may miss a flow, but never names a wrong one */
		CHECK(guess == f);
	return f;
}

static void test_index(void)
{
	enum { MAX = 5000 };
	struct flow_table *t = table(MAX);
	static uint8_t in[4 * MAX];
	uint32_t x = 7, n = 0;

	check_case("a random walk of adding and removing finds exactly what is in");
	for (unsigned step = 0; step < 200000; step++) {
		uint32_t id = (x = x * 1664525 + 1013904223) >> 8;
		struct flow *f;

		id %= 4 * MAX;
		f = find(t, id);
		CHECK_EQ(f != NULL, in[id]);
		if (f) {
			CHECK_EQ(f->id, id);
			drop(t, f);
			n--;
			in[id] = 0;
		} else if (!flow_table_full(t)) {
			add(t, id, FLOW_TCP, step);
			n++;
			in[id] = 1;
		}
		if (flow_table_count(t) != n)
			break;
	}
	CHECK_EQ(flow_table_count(t), n);
	CHECK_EQ(flow_table_all(t), n);
	for (uint32_t i = 1; i < n; i++)
		CHECK(flow_table_chosen(t, i - 1)->id < flow_table_chosen(t, i)->id);
	free(t);
}

static void test_collisions(void)
{
	struct flow_table *t = table(64);
	struct flow *f[64];
	struct flow_key k[64];

	check_case("flows whose hashes are all the same are found one by one");
	for (unsigned i = 0; i < 64; i++) {
		k[i] = key_of(i, 17);
		f[i] = flow_add(t, &k[i], 0x1234, FLOW_UDP, 0);
	}
	for (unsigned i = 0; i < 64; i++)
		CHECK(flow_find(t, &k[i], 0x1234) == f[i]);
	CHECK(flow_table_full(t));
	free(t);
}

static void test_timers(void)
{
	struct flow_table *t = table(100);
	struct flow *f;
	size_t n;

	check_case(
		"T17, W9: a flow expires at last + timeout of its class, not a nanosecond before");
	add(t, 9, FLOW_TCP_NEW, 0);
	add(t, 3, FLOW_TCP_NEW, 0);
	f = add(t, 5, FLOW_TCP_NEW, 1);
	CHECK(!flow_table_due(t, 30 * second - 1));
	CHECK(flow_table_due(t, 30 * second));
	n = flow_table_expired(t, 30 * second);
	CHECK_EQ(n, 2);
	CHECK_EQ(flow_table_chosen(t, 0)->id, 3);
	CHECK_EQ(flow_table_chosen(t, 1)->id, 9);
	for (size_t i = 0; i < n; i++)
		drop(t, flow_table_chosen(t, i));
	CHECK(!flow_table_due(t, 30 * second));

	check_case("a packet moves the end, another class changes it");
	flow_touch(t, f, FLOW_TCP, 2 * second);
	CHECK_EQ(flow_table_expired(t, 301 * second), 0);
	flow_touch(t, f, FLOW_TCP_CLOSED, 302 * second);
	CHECK(flow_table_due(t, 312 * second));
	CHECK_EQ(flow_table_expired(t, 312 * second), 1);
	drop(t, f);

	check_case("a class without a timeout never expires");
	add(t, 1, FLOW_ICMP, 0);
	CHECK(!flow_table_due(t, UINT64_MAX - 1));
	CHECK_EQ(flow_table_expired(t, UINT64_MAX - 1), 0);
	free(t);
}

static void test_victims(void)
{
	static const enum flow_class order[] = { FLOW_TCP_NEW,     FLOW_TCP_CLOSED,
						 FLOW_UDP_ONE_WAY, FLOW_TCP_ONE_WAY,
						 FLOW_UDP,         FLOW_SCTP,
						 FLOW_TCP };
	enum { N = sizeof(order) / sizeof(order[0]) };
	struct flow_table *t = table(N);

	check_case("W7: half-open and closed flows go first, then one-way, established TCP last");
	add(t, 6, FLOW_TCP, 0);
	add(t, 4, FLOW_UDP, 1);
	add(t, 5, FLOW_SCTP, 2);
	add(t, 2, FLOW_UDP_ONE_WAY, 3);
	add(t, 3, FLOW_TCP_ONE_WAY, 4);
	add(t, 0, FLOW_TCP_NEW, 5);
	add(t, 1, FLOW_TCP_CLOSED, 6);
	CHECK(flow_table_full(t));
	for (unsigned i = 0; i < N; i++) {
		struct flow *f = flow_table_victim(t);

		CHECK_EQ(f->id, i);
		CHECK_EQ(f->class, order[i]);
		drop(t, f);
	}
	CHECK(!flow_table_victim(t));
	free(t);
}

static void test_flood(void)
{
	enum { MAX = 65536, KEPT = 100, FLOOD = 10000000 };
	struct flow_table *t = table(MAX);
	uint64_t evicted = 0;
	unsigned left = 0;

	check_case("W7: ten million SYNs leave a hundred established flows where they are");
	for (uint32_t i = 0; i < KEPT; i++)
		add(t, i, FLOW_TCP, 0);
	for (uint32_t i = KEPT; i < KEPT + FLOOD; i++) {
		if (flow_table_full(t)) {
			drop(t, flow_table_victim(t));
			evicted++;
		}
		add(t, i, FLOW_TCP_NEW, i);
	}
	for (uint32_t i = 0; i < KEPT; i++)
		left += find(t, i) != NULL;
	CHECK_EQ(left, KEPT);
	CHECK_EQ(flow_table_count(t), MAX);
	CHECK_EQ(evicted, FLOOD + KEPT - MAX);
	CHECK(find(t, FLOOD + KEPT - 1) != NULL);
	free(t);
}

int main(void)
{
	poison_all();
	test_index();
	test_collisions();
	test_timers();
	test_victims();
	test_flood();
	return check_end();
}
