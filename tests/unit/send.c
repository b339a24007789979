/* send: tests of weir-send's schedule, of the packets that it takes out of frames, and of what it
 * reads from the kernel. */
#include "tests/unit/check.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "cmd/send/kept.h"
#include "cmd/send/packet_of.h"
#include "cmd/send/pace.h"
#include "libcommon/port/rtnetlink.h"

static const uint64_t second = 1000000000;

static void test_rates(void)
{
	struct pace p = { .pps = 300007 };
	uint64_t due = 0, last = 0;
	bool rising = true;

	check_case("a rate does not drift: after an hour of frames each is due to the nanosecond");
	for (uint64_t k = 0; k <= 300007ull * 60; k++) {
		due = pace_due(&p, 0, 100);
		rising &= due >= last;
		last = due;
	}
	CHECK(rising);
	CHECK_EQ(due, 60 * second);
	p.frames = 300007ull * 3600;
	CHECK_EQ(pace_due(&p, 0, 100), 3600 * second);

	check_case("bits a second count whole frames, whatever their lengths");
	p = (struct pace){ .bps = 1000000 };
	CHECK_EQ(pace_due(&p, 0, 125), 0);
	CHECK_EQ(pace_due(&p, 0, 1250), second / 1000);
	CHECK_EQ(pace_due(&p, 0, 1), 11 * second / 1000);
	p.bits = (unsigned __int128)UINT64_MAX * 8;
	CHECK(pace_due(&p, 0, 1) > UINT64_MAX / 2);

	check_case("a burst is due with its first frame");
	p = (struct pace){ .pps = 1000, .burst = 3 };
	for (uint64_t k = 0; k < 9; k++)
		CHECK_EQ(pace_due(&p, 0, 1), k / 3 * 3 * second / 1000);
}

static void test_recorded(void)
{
	static const uint64_t ts[] = { 5000, 6000, 5500, 9000 };
	struct pace p = { .speed = 1 };

	check_case("frames are due as recorded; one whose time goes back, with the one before");
	CHECK_EQ(pace_due(&p, ts[0], 1), 0);
	CHECK_EQ(pace_due(&p, ts[1], 1), 1000);
	CHECK_EQ(pace_due(&p, ts[2], 1), 1000);
	CHECK_EQ(pace_due(&p, ts[3], 1), 4000);

	check_case("another round begins a mean gap behind the last frame");
	pace_again(&p);
	CHECK_EQ(pace_due(&p, ts[0], 1), 5333);
	CHECK_EQ(pace_due(&p, ts[1], 1), 6333);
	CHECK_EQ(pace_due(&p, ts[2], 1), 6333);
	CHECK_EQ(pace_due(&p, ts[3], 1), 9333);

	check_case("so many times as fast, and gaps cut short");
	p = (struct pace){ .speed = 4, .max_gap = 10 * second };
	CHECK_EQ(pace_due(&p, 0, 1), 0);
	CHECK_EQ(pace_due(&p, 4 * second, 1), second);
	CHECK_EQ(pace_due(&p, 1004 * second, 1), 14 * second / 4);

	check_case("times at both ends of what there is do no harm");
	p = (struct pace){ .speed = 1e-9 };
	pace_due(&p, 0, 1);
	CHECK(pace_due(&p, UINT64_MAX, 1) <= INT64_MAX);
}

static void test_lateness(void)
{
	struct lateness l = { .limit = 1000000 };
	struct buf text = { 0 };

	check_case("lateness is counted, and told in powers of two");
	for (int i = 0; i < 98; i++)
		lateness_add(&l, 500);
	lateness_add(&l, 3000);
	lateness_add(&l, 5 * second);
	CHECK_EQ(l.late, 1);
	CHECK_EQ(l.worst, 5 * second);
	CHECK_EQ(lateness_share(&l, 0.5), 1000);
	CHECK_EQ(lateness_share(&l, 0.99), 4000);
	CHECK_EQ(lateness_share(&l, 1), 5 * second);
	lateness_json(&l, &text);
	CHECK(bytes_is(buf_bytes(&text),
		       "\"paced\":100,\"late\":1,\"worst_late_ns\":5000000000,\"p99_late_ns\":4000,"
		       "\"late_below_us\":{\"1\":98,\"4\":1,\"inf\":1}"));
	buf_release(&text);
}

static void test_packets(void)
{
	uint8_t f[200] = { [12] = 0x08, [14] = 0x45, [17] = 30 };
	struct bytes p = packet_of(1, BYTES(f, 60));

	check_case("the IP packet of a frame is cut at its own length");
	CHECK(p.ptr == f + 14 && p.len == 30);
	CHECK_EQ(packet_proto(p), 0x0800);
	CHECK(packet_of(1, BYTES(f, 43)).ptr == NULL);
	CHECK(packet_of(1, BYTES(f, 13)).ptr == NULL);
	CHECK(packet_of(101, BYTES(f + 14, 46)).len == 30);
	CHECK(packet_of(113, BYTES(f, 60)).ptr == NULL);
	CHECK(packet_of(105, BYTES(f, 60)).ptr == NULL);
	f[17] = 19;
	CHECK(packet_of(1, BYTES(f, 60)).ptr == NULL);

	check_case("VLAN tags are passed over, and IPv6 has a length of its own");
	memset(f, 0, sizeof(f));
	f[12] = 0x81;
	f[16] = 0x81;
	f[20] = 0x86;
	f[21] = 0xdd;
	f[22] = 0x60;
	f[27] = 8;
	p = packet_of(1, BYTES(f, 100));
	CHECK(p.ptr == f + 22 && p.len == 48);
	CHECK_EQ(packet_proto(p), 0x86dd);
}

static void test_kept(void)
{
	struct kept k = { .max = 200 };
	struct kept_frame f = {
		.ts = 7, .link_type = 1, .side = 1, .data = BYTES_LIT("some bytes")
	};
	size_t at = 0;
	unsigned n = 0;

	check_case("frames that are kept come back in order, as many as there is room for");
	while (kept_add(&k, &f)) {
		f.ts++;
		n++;
	}
	CHECK(n > 3 && n < 10);
	for (unsigned i = 0; i < n; i++) {
		CHECK(kept_next(&k, &at, &f));
		CHECK_EQ(f.ts, 7 + i);
		CHECK_EQ(f.side, 1);
		CHECK(bytes_is(f.data, "some bytes"));
	}
	CHECK(!kept_next(&k, &at, &f));
	buf_release(&k.bytes);
}

/* ---- messages of the kernel ---------------------------------------------------------------- */

struct message {
	uint8_t b[512];
	size_t len;
};

static void attribute(struct message *m, uint16_t type, const void *value, size_t len)
{
	struct rtattr a = { .rta_len = (unsigned short)RTA_LENGTH(len), .rta_type = type };

	memcpy(m->b + m->len, &a, sizeof(a));
	memcpy(m->b + m->len + sizeof(a), value, len);
	m->len += RTA_SPACE(len);
}

static void test_interface(void)
{
	struct ifinfomsg head = { .ifi_index = 7, .ifi_type = 1, .ifi_flags = 1 };
	struct message m = { { 0 }, 0 }, inner = { { 0 }, 0 };
	struct rt_interface i;
	uint32_t mtu = 1500;

	check_case("an interface is what its message says, and a cut one is none");
	memcpy(m.b, &head, sizeof(head));
	m.len = sizeof(head);
	attribute(&m, IFLA_IFNAME, "veth0", 6);
	attribute(&m, IFLA_MTU, &mtu, 4);
	attribute(&m, IFLA_ADDRESS, "\2\0\0\0\0\1", 6);
	attribute(&inner, IFLA_INFO_KIND, "veth", 5);
	attribute(&m, IFLA_LINKINFO | NLA_F_NESTED, inner.b, inner.len);
	CHECK(rt_interface_parse(&i, BYTES(m.b, m.len)));
	CHECK(strcmp(i.name, "veth0") == 0 && strcmp(i.kind, "veth") == 0);
	CHECK_EQ(i.mtu, 1500);
	CHECK_EQ(i.index, 7);
	CHECK(i.has_mac && i.mac[5] == 1);
	for (size_t n = 0; n < m.len; n++)
		rt_interface_parse(&i, BYTES(m.b, n));
	CHECK(!rt_interface_parse(&i, BYTES(m.b, sizeof(head))));
}

static void test_route(void)
{
	struct rtmsg head = { .rtm_family = AF_INET, .rtm_type = RTN_UNICAST };
	struct ndmsg neighbour = { .ndm_family = AF_INET,
				   .ndm_ifindex = 7,
				   .ndm_state = NUD_STALE };
	struct rt_address a = { AF_INET, { 10, 0, 0, 1 } };
	struct message m = { { 0 }, 0 };
	struct rt_route r;
	uint32_t out = 7;
	uint8_t mac[6] = { 0 };

	check_case("a route has an interface, perhaps a gateway, and a source");
	memcpy(m.b, &head, sizeof(head));
	m.len = sizeof(head);
	attribute(&m, RTA_OIF, &out, 4);
	attribute(&m, RTA_GATEWAY, "\12\0\0\1", 4);
	attribute(&m, RTA_PREFSRC, "\12\0\0\2", 4);
	CHECK(rt_route_parse(&r, BYTES(m.b, m.len)));
	CHECK_EQ(r.index, 7);
	CHECK(memcmp(&r.gateway, &a, sizeof(a)) == 0);
	CHECK_EQ(r.source.b[3], 2);

	check_case("a neighbour counts on its interface, with its address, while it may be used");
	memset(&m, 0, sizeof(m));
	memcpy(m.b, &neighbour, sizeof(neighbour));
	m.len = sizeof(neighbour);
	attribute(&m, NDA_DST, a.b, 4);
	attribute(&m, NDA_LLADDR, "\2\0\0\0\0\11", 6);
	CHECK(rt_neighbour_parse(BYTES(m.b, m.len), 7, &a, mac) && mac[5] == 9);
	CHECK(!rt_neighbour_parse(BYTES(m.b, m.len), 8, &a, mac));
	a.b[3] = 2;
	CHECK(!rt_neighbour_parse(BYTES(m.b, m.len), 7, &a, mac));
	a.b[3] = 1;
	neighbour.ndm_state = NUD_FAILED;
	memcpy(m.b, &neighbour, sizeof(neighbour));
	CHECK(!rt_neighbour_parse(BYTES(m.b, m.len), 7, &a, mac));
}

int main(void)
{
	test_rates();
	test_recorded();
	test_lateness();
	test_packets();
	test_kept();
	test_interface();
	test_route();
	return check_end();
}
