/* capture_rx: tests of how a received frame becomes the payload of a record, and of what the kernel
 * tells of interfaces. */
#include <net/if.h>

#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

#include "cmd/capture/rx.h"
#include "cmd/capture/tap.h"
#include "libcommon/port/watch.h"
#include "cmd/interfaces/links.h"
#include "tests/unit/check.h"

static uint8_t data[64];

static struct rx frame(uint16_t hatype)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	return (struct rx){ .data = BYTES(data, 40),
			    .net = 14,
			    .wire_len = 60,
			    .vlan_tpid = 0x8100,
			    .vlan_tci = 0x2005,
			    .hatype = hatype,
			    .protocol = 0x0800,
			    .pkttype = 4,
			    .halen = 6,
			    .addr = { 1, 2, 3, 4, 5, 6 } };
}

static void test_payload(void)
{
	struct rx f = frame(ARPHRD_ETHER);
	struct rx_payload p;

	check_case("an Ethernet frame stays as it is");
	rx_write(&f, 1000, &p);
	CHECK_EQ(p.link_type, 1);
	CHECK(p.nhead == 0 && p.tail.ptr == data && p.tail.len == 40 && p.wire_len == 60);

	check_case("a VLAN tag is put back behind the addresses");
	f.vlan = true;
	rx_write(&f, 1000, &p);
	CHECK_EQ(p.nhead, 16);
	CHECK(!memcmp(p.head, data, 12) && !memcmp(p.head + 12, "\x81\0\x20\5", 4));
	CHECK(p.tail.ptr == data + 12 && p.tail.len == 28 && p.wire_len == 64);
	f.data.len = 11; /* no room for it */
	rx_write(&f, 1000, &p);
	CHECK(p.nhead == 0 && p.tail.len == 11);

	check_case("an interface without a link layer gives raw IP");
	f = frame(ARPHRD_NONE);
	f.net = 0;
	rx_write(&f, 1000, &p);
	CHECK(p.link_type == 101 && p.nhead == 0 && p.tail.len == 40 && p.wire_len == 60);
	f = frame(ARPHRD_TUNNEL);
	rx_write(&f, 1000, &p);
	CHECK(p.link_type == 101 && p.tail.ptr == data + 14 && p.wire_len == 46);

	check_case("any other gives the cooked header of LINKTYPE_LINUX_SLL");
	f = frame(ARPHRD_PPP);
	f.net = 0;
	rx_write(&f, 1000, &p);
	CHECK(p.link_type == 113 && p.nhead == 16 && p.tail.len == 40 && p.wire_len == 76);
	CHECK(!memcmp(p.head, "\0\4\2\0\0\6\1\2\3\4\5\6\0\0\x08\0", 16));
	f.vlan = true;
	rx_write(&f, 1000, &p);
	CHECK(p.nhead == 20 && !memcmp(p.head + 14, "\x81\0\x20\5\x08\0", 6) && p.wire_len == 80);

	check_case("a snapshot length cuts all of it, and a network layer beyond the end is none");
	rx_write(&f, 22, &p);
	CHECK(p.nhead == 20 && p.tail.len == 2);
	rx_write(&f, 5, &p);
	CHECK(p.nhead == 5 && p.tail.len == 0);
	f = frame(ARPHRD_NONE);
	f.net = 100;
	rx_write(&f, 1000, &p);
	CHECK(p.tail.len == 0 && p.wire_len == 0);
}

static size_t message(uint8_t *to, uint16_t type, int index, unsigned flags)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg info;
	} m = { .h = { .nlmsg_len = sizeof(m), .nlmsg_type = type },
		.info = { .ifi_index = index, .ifi_flags = flags, .ifi_type = ARPHRD_ETHER } };

	memcpy(to, &m, sizeof(m));
	return sizeof(m);
}

static void test_watch(void)
{
	static uint8_t buf[256];
	struct watch_event e;
	struct bytes in;
	size_t n;

	check_case("what the kernel tells of interfaces is read, and what is cut is not");
	n = message(buf, RTM_NEWLINK, 3, IFF_UP | IFF_RUNNING);
	n += message(buf + n, RTM_NEWADDR, 4, 0);
	n += message(buf + n, RTM_NEWLINK, 5, IFF_UP);
	n += message(buf + n, RTM_DELLINK, 6, 0);
	in = BYTES(buf, n);
	CHECK(watch_next(&in, &e) && e.ifindex == 3 && e.up && !e.gone);
	CHECK(watch_next(&in, &e) && e.ifindex == 5 && !e.up && !e.gone);
	CHECK(watch_next(&in, &e) && e.ifindex == 6 && e.gone);
	CHECK(!watch_next(&in, &e));
	for (size_t cut = 0; cut < n; cut++) {
		unsigned events = 0;

		for (in = BYTES(buf, cut); watch_next(&in, &e);)
			events++;
		CHECK(events < 3);
	}
}

static void test_links(void)
{
	static uint8_t buf[512];
	struct rtnl_link_stats64 s = { .rx_packets = 1ull << 40,
				       .rx_dropped = 2,
				       .rx_missed_errors = 3 };
	struct rtattr name = { sizeof(name) + 5, IFLA_IFNAME };
	struct rtattr stats = { sizeof(stats) + sizeof(s), IFLA_STATS64 };
	size_t n = message(buf, RTM_NEWLINK, 9, IFF_UP), at = sizeof(struct nlmsghdr);
	struct link l;

	check_case("an interface is read from what the kernel lists, with 64-bit counters");
	memcpy(buf + n, &name, sizeof(name));
	memcpy(buf + n + sizeof(name), "eth7", 5);
	n += sizeof(name) + 8;
	memcpy(buf + n, &stats, sizeof(stats));
	memcpy(buf + n + sizeof(stats), &s, sizeof(s));
	n += stats.rta_len;
	CHECK(link_parse(&l, BYTES(buf + at, n - at)));
	CHECK(!strcmp(l.name, "eth7") && l.index == 9 && l.hatype == ARPHRD_ETHER);
	CHECK(l.rx_frames == 1ull << 40 && l.rx_dropped == 5);
	CHECK(!strcmp(link_state(&l), "no-carrier"));
	for (size_t cut = at; cut < n; cut++)
		link_parse(&l, BYTES(buf + at, cut - at));
	CHECK(!link_parse(&l, BYTES(buf + at, sizeof(struct ifinfomsg))));
}

static uint32_t pair(const struct bpf *p, const uint8_t *ip, size_t n, uint32_t net)
{
	struct bpf_frame f = { .data = BYTES(ip, n), .len = (uint32_t)n, .net = net };

	return bpf_run(p, &f);
}

static void test_pair(void)
{
	uint8_t v4[40] = { 0x45 }, v6[48] = { 0x60 }, other[40] = { 0x45 };
	static struct bpf p;
	char why[BPF_WHY];
	uint32_t there, back;

	check_case("the program of a fan-out by pairs gives both directions and all fragments one "
		   "number");
	tap_pair_program(&p);
	CHECK(bpf_check(&p, why));
	memcpy(v4 + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	there = pair(&p, v4, sizeof(v4), 0);
	memcpy(v4 + 12, "\x0a\0\0\2\x0a\0\0\1", 8);
	v4[6] = 0x20; /* a fragment */
	back = pair(&p, v4, sizeof(v4), 0);
	CHECK(there == back && there < 65536);
	memcpy(other + 12, "\x0a\0\0\2\x0a\0\0\7", 8);
	CHECK(pair(&p, other, sizeof(other), 0) != there);
	for (uint8_t i = 0; i < 32; i++)
		v6[8 + i] = i;
	there = pair(&p, v6, sizeof(v6), 0);
	for (uint8_t i = 0; i < 32; i++)
		v6[8 + i] = (i + 16) & 31;
	CHECK(there == pair(&p, v6, sizeof(v6), 0));
	v6[9] ^= 4;
	CHECK(there != pair(&p, v6, sizeof(v6), 0));
	v6[0] = 0;
	CHECK_EQ(pair(&p, v6, sizeof(v6), 0), 0);
}

int main(void)
{
	test_payload();
	test_watch();
	test_links();
	test_pair();
	return check_end();
}
