/* hosts: tests of the bounded set of hosts. */
#include "libcommon/net/hosts.h"

#include "tests/unit/check.h"

static struct hosts hosts;

static bool add(uint8_t version, uint32_t host)
{
	struct layers l = { .ip_version = version };

	memcpy(l.src, &host, sizeof(host));
	return hosts_add(&hosts, &l);
}

int main(void)
{
	uint64_t refused = 0;

	check_case("a host is new once, and another one with the same bytes of the other version");
	CHECK(add(4, 1));
	CHECK(!add(4, 1));
	CHECK(add(6, 1));
	CHECK(!add(6, 1));
	CHECK(add(4, 2));
	CHECK_EQ(hosts.count, 3);
	CHECK_EQ(hosts.full, 0);

	check_case("the set is bounded: who finds no room is not remembered, and counted");
	for (uint32_t i = 3; i < 4 * HOSTS; i++)
		refused += !add(4, i);
	CHECK(refused > 3 * HOSTS - 3);
	CHECK_EQ(hosts.full, refused);
	CHECK_EQ(hosts.count + refused, 4 * HOSTS);
	CHECK(hosts.count <= HOSTS);
	CHECK(hosts.count > HOSTS * 9 / 10);

	check_case("whoever is in it stays known when it is full");
	CHECK(!add(4, 1) && !add(6, 1) && !add(4, 2));
	CHECK_EQ(hosts.full, refused);
	return check_end();
}
