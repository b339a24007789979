/* decap_reserved: tests of tunnels some of whose reserved bits are set, and of what is no tunnel.
 */
#include "libcommon/net/layers.h"
#include "tests/unit/check.h"
#include "tests/unit/wrap.h"

static struct wrap start(int version)
{
	struct packet_spec s = wrap_segment(version, false);
	struct wrap w;

	wrap_packet(&w, &s);
	return w;
}

static enum layers_fate walk(struct layers *l, const struct wrap *w)
{
	return layers_walk(l, 1, BYTES(wrap_bytes(w), wrap_len(w)), NULL, 0);
}

/* Reserved bits, by their byte in the tunnel's header. */
static const struct reserved {
	const char *title;
	wrap_fn *wrap;
	unsigned id, at, bits;
} reserved[] = {
	{ "RFC 7348 5: reserved flags of VXLAN are ignored", wrap_vxlan, 14, 0, 0x73 },
	{ "the P flag at VXLAN's port, with a protocol that is none", wrap_vxlan, 14, 0, 0x04 },
	{ "reserved bytes of VXLAN", wrap_vxlan, 14, 1, 0xff },
	{ "reserved bytes of VXLAN, the last of them", wrap_vxlan, 14, 3, 0xff },
	{ "the byte behind the VNI", wrap_vxlan, 14, 7, 0xff },
	{ "reserved flags of VXLAN-GPE", wrap_vxlan_gpe, 14, 0, 0xc0 },
	{ "reserved bytes of VXLAN-GPE", wrap_vxlan_gpe, 14, 2, 0xff },
	{ "the byte behind the VNI of VXLAN-GPE", wrap_vxlan_gpe, 14, 7, 1 },
	{ "RFC 8926 3.4: reserved bits of Geneve", wrap_geneve, 14, 1, 0x3f },
	{ "the byte behind the VNI of Geneve", wrap_geneve, 14, 7, 0xff },
	{ "RFC 8926 3.5: reserved bits of an option", wrap_geneve, 14, 8 + 3, 0xe0 },
	{ "3GPP TS 29.281 5.1: the spare bit of GTP-U", wrap_gtp, 4, 0, 0x08 },
	{ "the spare bit before extension headers", wrap_gtp, 7, 0, 0x08 },
	{ "RFC 2661 3.1: reserved flags of L2TP", wrap_l2tp, 14, 0, 0x34 },
	{ "reserved flags of L2TP, those of the second byte", wrap_l2tp, 5, 1, 0xf0 },
};

static void test_reserved(void)
{
	for (unsigned i = 0; i < 2 * sizeof(reserved) / sizeof(reserved[0]); i++) {
		const struct reserved *r = &reserved[i / 2];
		int version = i & 1 ? 6 : 4;
		struct wrap w = start(version);
		struct layers l;
		uint8_t *header, *ip = w.room + w.at;

		if (version == 4)
			check_case(r->title);
		r->wrap(&w, r->id);
		header = w.room + w.at + 28;
		wrap_ethernet(&w);
		header[r->at] |= (uint8_t)r->bits;
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.dst_port, 80);
		CHECK(bytes_is(l.payload, wrap_inside));
		CHECK_EQ(l.nsteps, 1);
		CHECK(!memcmp(&l.steps[0], &w.steps[0], sizeof(l.steps[0])));
		ip[version == 4 ? 2 : 4]++; /* its length */
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.nsteps, 0);
		ip[version == 4 ? 2 : 4]--;
		ip[0] ^= 0x30;
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.nsteps, 0);
		CHECK(l.dst_port != 80);
	}
}

static void test_reserved_mix(void)
{
	struct layers l;
	struct wrap w;

	check_case("tags in a tunnel with reserved bits are read, three of them are too many");
	for (unsigned tags = 1; tags <= 3; tags++) {
		w = start(4);
		for (unsigned i = 0; i < tags; i++)
			wrap_vlan(&w, 5 + i);
		wrap_vxlan(&w, 14);
		w.room[w.at + 28 + 2] = 1;
		wrap_ethernet(&w);
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.nsteps, tags <= 2 ? tags + 1 : 0);
	}
	check_case("the P flag at VXLAN's port is GPE's where what it names is there");
	for (unsigned gpe = 0; gpe < 2; gpe++) {
		w = start(4);
		gpe ? wrap_vxlan_gpe(&w, 14) : wrap_vxlan(&w, 14);
		packet_be16(w.room + w.at + 22, 4789);
		w.room[w.at + 28] = 0x0c;
		w.room[w.at + 28 + 3] = 1;
		wrap_ethernet(&w);
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.steps[0].kind, gpe ? LAYERS_VXLAN_GPE : LAYERS_VXLAN);
		CHECK_EQ(l.dst_port, 80);
	}
}

/* xorshift */
static void fill_random(uint8_t *to, size_t n)
{
	static uint64_t x = 0x9e3779b97f4a7c15;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		to[i] = (uint8_t)(x >> 32);
	}
}

static void test_random_payload(void)
{
	static const struct {
		uint16_t port;
		unsigned most; /* of a hundred thousand */
	} ports[] = { { 4789, 2 }, { 4790, 2 }, { 6081, 2 }, { 2152, 2 }, { 1701, 60 } };
	struct packet_spec s = wrap_segment(4, false);
	uint8_t text[400];

	check_case("what is no tunnel is taken for none at a tunnel's port");
	s.proto = 17;
	s.payload = text;
	s.payload_len = sizeof(text);
	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		struct wrap w;
		struct layers l;
		unsigned entered = 0;

		s.dport = ports[i].port;
		wrap_packet(&w, &s);
		wrap_ethernet(&w);
		for (unsigned n = 0; n < 100000; n++) {
			fill_random(w.room + w.at + 42, sizeof(text));
			layers_walk(&l, 1, BYTES(wrap_bytes(&w), wrap_len(&w)), NULL, 0);
			entered += l.tunnels != 0;
		}
		CHECK(entered <= ports[i].most);
		printf("# port %u: %u\n", ports[i].port, entered);
	}
}

int main(void)
{
	test_reserved();
	test_reserved_mix();
	test_random_payload();
	return check_end();
}
