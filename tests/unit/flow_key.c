/* flow_key: tests of the symmetric key and its hash. */
#include "libcommon/net/flow_key.h"

#include "tests/unit/check.h"

static struct layers packet(uint8_t proto, uint8_t a, uint16_t ap, uint8_t b, uint16_t bp)
{
	return (struct layers){ .ip_version = 4,
				.proto = proto,
				.src = { 10, 0, 0, a },
				.dst = { 10, 0, 0, b },
				.src_port = ap,
				.dst_port = bp };
}

/* Keys of two packets: equal? And the senders, where they are. */
static bool same(struct layers x, struct layers y, uint64_t xs, uint64_t ys, bool *same_sender)
{
	struct flow_key a, b;
	unsigned i = flow_key_make(&a, &x, xs), j = flow_key_make(&b, &y, ys);

	if (same_sender)
		*same_sender = i == j;
	return flow_key_equal(&a, &b);
}

static void test_keys(void)
{
	bool sender;

	check_case("both directions have one key and different senders");
	CHECK(same(packet(6, 1, 4000, 2, 80), packet(6, 2, 80, 1, 4000), 0, 0, &sender));
	CHECK(!sender);
	CHECK(same(packet(6, 1, 4000, 2, 80), packet(6, 1, 4000, 2, 80), 0, 0, &sender));
	CHECK(sender);
	CHECK(same(packet(6, 1, 80, 1, 81), packet(6, 1, 81, 1, 80), 0, 0, &sender));
	CHECK(!sender);

	check_case("crossed ports, protocols and scopes are other flows");
	CHECK(!same(packet(6, 1, 4000, 2, 80), packet(6, 2, 4000, 1, 80), 0, 0, NULL));
	CHECK(!same(packet(6, 1, 4000, 2, 80), packet(17, 1, 4000, 2, 80), 0, 0, NULL));
	CHECK(!same(packet(6, 1, 4000, 2, 80), packet(6, 1, 4000, 2, 80), 0, 7, NULL));

	check_case("an IPv6 address that starts like an IPv4 one is another flow");
	struct layers six = packet(6, 1, 1, 2, 2);
	six.ip_version = 6;
	CHECK(!same(packet(6, 1, 1, 2, 2), six, 0, 0, NULL));
}

static void test_icmp(void)
{
	bool sender;

	check_case("an echo request and its reply are one flow of two sides");
	CHECK(same(packet(1, 1, 8, 2, 0), packet(1, 2, 0, 1, 0), 0, 0, &sender));
	CHECK(!sender);
	CHECK(same(packet(58, 9, 128, 2, 0), packet(58, 2, 129, 9, 0), 0, 0, &sender));
	CHECK(!sender);
	CHECK(icmp_is_reply(1, 0) && !icmp_is_reply(1, 8) && icmp_is_reply(58, 136));
	CHECK(!icmp_is_reply(58, 0));

	check_case("unreachable messages of two hosts to each other are two flows");
	CHECK(!same(packet(1, 1, 3, 2, 1), packet(1, 2, 3, 1, 1), 0, 0, NULL));
	CHECK(same(packet(1, 1, 3, 2, 1), packet(1, 1, 3, 2, 1), 0, 0, NULL));
}

static void test_hash(void)
{
	uint64_t secret[FLOW_SECRET_WORDS], other[FLOW_SECRET_WORDS];
	unsigned spread[64] = { 0 }, most = 0;
	struct flow_key k;
	uint16_t vlan[2] = { 100, 200 }, turned[2] = { 200, 100 };

	for (unsigned i = 0; i < FLOW_SECRET_WORDS; i++)
		secret[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	check_case("the hash is spread evenly, and depends on the secret and on every field");
	for (unsigned i = 0; i < 64000; i++) {
		struct layers l = packet(6, (uint8_t)(i >> 8), (uint16_t)i, 2, 80);

		flow_key_make(&k, &l, 0);
		spread[flow_key_hash(&k, secret) & 63]++;
	}
	for (unsigned i = 0; i < 64; i++)
		most = spread[i] > most ? spread[i] : most;
	CHECK(most < 1200);
	for (unsigned i = 0; i < FLOW_SECRET_WORDS; i++) {
		memcpy(other, secret, sizeof(other));
		other[i] ^= 1;
		CHECK_EQ(flow_key_hash(&k, secret) != flow_key_hash(&k, other), true);
	}
	struct flow_key j = k;
	j.scope = 1;
	CHECK(flow_key_hash(&k, secret) != flow_key_hash(&j, secret));
	j = k;
	j.proto = 17;
	CHECK(flow_key_hash(&k, secret) != flow_key_hash(&j, secret));
	j = k;
	j.ip_version = 6;
	CHECK(flow_key_hash(&k, secret) != flow_key_hash(&j, secret));

	check_case("the scope depends on VLAN ids and their order and is 0 for none");
	CHECK_EQ(flow_scope(vlan, 0), 0);
	CHECK(flow_scope(vlan, 1) != flow_scope(vlan, 2));
	CHECK(flow_scope(vlan, 2) != flow_scope(turned, 2));
}

int main(void)
{
	test_keys();
	test_icmp();
	test_hash();
	return check_end();
}
