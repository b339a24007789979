/* shard: whole flows in one place, both directions and all fragments of frames too. */
#include <string.h>

#include "libcommon/stage/shard.h"
#include "tests/unit/check.h"

enum { ETHERNET = 1, RAW_IP = 101, SHARDS = 4 };

/* Ethernet, `tags` bytes that stand for what lies between, and an IPv4 header. */
static struct bytes frame4(uint8_t *at, const uint8_t *tags, size_t ntags, const uint8_t src[4],
			   const uint8_t dst[4], uint16_t fragment)
{
	uint8_t *ip = at + 12 + ntags;

	memset(at, 0, 12 + ntags + 28);
	memcpy(at + 12, tags, ntags);
	ip[0] = 0x45;
	be16_put(ip + 2, 28);
	be16_put(ip + 6, fragment);
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12, src, 4);
	memcpy(ip + 16, dst, 4);
	be16_put(ip + 24, 8);
	return BYTES(at, 12 + ntags + 28);
}

static const uint8_t ethertype[] = { 0x08, 0x00 };

static void test_flows(void)
{
	unsigned counts[SHARDS] = { 0 };
	bool other = false;

	for (uint64_t flow = 1; flow <= 10000; flow++) {
		struct rec_head h = { 36, 0, flow, flow };
		struct rec_head later = { 90, 5, flow, flow + 70 };
		unsigned s = shard_of(&h, BYTES(NULL, 0), SHARDS);

		CHECK(s < SHARDS);
		CHECK_EQ(s, shard_of(&later, BYTES(NULL, 0), SHARDS));
		counts[s % SHARDS]++;
		other |= shard_flow_hash(flow, 1) % 2 != shard_flow_hash(flow, 2) % 2;
	}
	for (unsigned i = 0; i < SHARDS; i++)
		CHECK(counts[i] > 2300 && counts[i] < 2700);
	CHECK(other);
}

static void test_sources(void)
{
	unsigned counts[SHARDS] = { 0 };

	for (uint64_t source = 0; source < 4000; source++) {
		struct rec_head h = { 36, 0, source << 48 | 1, 1 };

		counts[shard_of(&h, BYTES(NULL, 0), SHARDS)]++;
	}
	for (unsigned i = 0; i < SHARDS; i++)
		CHECK(counts[i] > 850 && counts[i] < 1150);
}

static void test_directions(void)
{
	unsigned counts[3] = { 0 };
	uint8_t a[64], b[64];

	for (unsigned i = 0; i < 3000; i++) {
		const uint8_t x[4] = { 10, 0, (uint8_t)(i >> 8), (uint8_t)i };
		const uint8_t y[4] = { 192, 0, 2, (uint8_t)(i * 7) };
		uint64_t there = shard_frame_hash(ETHERNET, frame4(a, ethertype, 2, x, y, 0));

		CHECK(there == shard_frame_hash(ETHERNET, frame4(b, ethertype, 2, y, x, 0)));
		CHECK(there != 0);
		counts[(there >> 32) * 3 >> 32]++;
	}
	for (unsigned i = 0; i < 3; i++)
		CHECK(counts[i] > 850 && counts[i] < 1150);
}

static void test_fragments(void)
{
	const uint8_t x[4] = { 10, 1, 2, 3 }, y[4] = { 10, 1, 2, 4 };
	uint8_t at[64];
	uint64_t whole = shard_frame_hash(ETHERNET, frame4(at, ethertype, 2, x, y, 0));

	CHECK(whole == shard_frame_hash(ETHERNET, frame4(at, ethertype, 2, x, y, 0x2000)));
	CHECK(whole == shard_frame_hash(ETHERNET, frame4(at, ethertype, 2, x, y, 0x00b9)));
	/* snapped behind the IP header */
	CHECK(whole == shard_frame_hash(ETHERNET, BYTES(at, 14 + 20)));
	CHECK(shard_frame_hash(ETHERNET, BYTES(at, 14 + 19)) == 0);
}

static void test_wraps(void)
{
	static const uint8_t vlan[] = { 0x81, 0, 0, 7, 8, 0 };
	static const uint8_t mpls[] = { 0x88, 0x47, 0, 1, 1, 64 };
	static const uint8_t pppoe[] = { 0x88, 0x64, 0x11, 0, 0, 9, 0, 30, 0, 0x21 };
	const uint8_t x[4] = { 10, 1, 2, 3 }, y[4] = { 10, 1, 2, 4 };
	uint8_t at[64];
	uint64_t plain = shard_frame_hash(ETHERNET, frame4(at, ethertype, 2, x, y, 0));

	CHECK(plain == shard_frame_hash(ETHERNET, frame4(at, vlan, 6, x, y, 0)));
	CHECK(plain == shard_frame_hash(ETHERNET, frame4(at, mpls, 6, x, y, 0)));
	CHECK(plain == shard_frame_hash(ETHERNET, frame4(at, pppoe, 10, x, y, 0)));
	frame4(at, ethertype, 2, x, y, 0);
	CHECK(plain == shard_frame_hash(RAW_IP, BYTES(at + 14, 28)));
}

static void test_tunnel(void)
{
	const uint8_t x[4] = { 10, 1, 2, 3 }, y[4] = { 10, 1, 2, 4 };
	uint8_t at[128];
	uint64_t outer = shard_frame_hash(ETHERNET, frame4(at, ethertype, 2, x, y, 0));

	be16_put(at + 16, 48); /* IP in IP, other addresses inside */
	at[14 + 9] = 4;
	memcpy(at + 34, at + 14, 20);
	at[34 + 9] = 17;
	be16_put(at + 36, 28);
	at[34 + 15] = 99;
	CHECK(outer == shard_frame_hash(ETHERNET, BYTES(at, 62)));
}

static void test_no_ip(void)
{
	uint8_t at[64] = { [12] = 0x08, [13] = 0x06 };
	struct rec_frame f = { .link_type = ETHERNET, .payload = BYTES(at, 42) };
	uint8_t raw[rec_frame_wire + 64];
	struct rec_head h = { REC_frame, 1, 0, 1 };

	rec_frame_put(raw, &h, &f);
	CHECK_EQ(shard_of(&h, BYTES(raw, rec_frame_wire + 42), SHARDS), 0);
	CHECK(shard_frame_hash(ETHERNET, BYTES(at, 42)) == 0);
	CHECK(shard_frame_hash(ETHERNET, BYTES(NULL, 0)) == 0);
	CHECK(shard_frame_hash(0xffffffff, BYTES(at, 42)) == 0);
}

/* The same frame as a stage in another language writes it. */
static void test_shortest(void)
{
	struct rec_head h = { REC_frame, 1, 0, 1 };
	bool spread = false;
	uint8_t at[64];

	for (uint8_t i = 0; i < 50; i++) {
		const uint8_t x[4] = { 10, 1, 2, i }, y[4] = { 10, 9, 9, 9 };
		struct rec_frame f = { .link_type = ETHERNET, .wire_len = 42 };
		uint8_t raw[rec_frame_wire + 64];
		struct buf cold = { 0 };

		f.payload = frame4(at, ethertype, 2, x, y, 0);
		rec_frame_put(raw, &h, &f);
		rec_head_put(buf_reserve(&cold, REC_PREFIX), &h, 7);
		cold.len = REC_PREFIX;
		for (unsigned k = 0; k < 6; k++)
			buf_add_byte(&cold, k ? (uint8_t)k : ETHERNET);
		buf_add_byte(&cold, 0xc4);
		buf_add_byte(&cold, (uint8_t)f.payload.len);
		buf_add(&cold, f.payload.ptr, f.payload.len);
		CHECK_EQ(shard_of(&h, BYTES(raw, rec_frame_wire + f.payload.len), SHARDS),
			 shard_of(&h, buf_bytes(&cold), SHARDS));
		spread |= shard_of(&h, buf_bytes(&cold), SHARDS) != 0;
		buf_release(&cold);
	}
	CHECK(spread);
	/* cut anywhere, it goes to shard 0 without a look beyond its bytes */
	CHECK_EQ(shard_of(&h, BYTES(at, 5), SHARDS), 0);
}

int main(void)
{
	check_case("all records of a flow go to one shard, and flows spread evenly");
	test_flows();
	check_case("flows that differ in their source alone spread evenly");
	test_sources();
	check_case("both directions of a conversation go to one shard");
	test_directions();
	check_case("a packet's fragments go where the packet goes, also snapped");
	test_fragments();
	check_case("VLAN tags, labels and PPPoE do not hide the IP header");
	test_wraps();
	check_case("a tunnel goes by its outer addresses");
	test_tunnel();
	check_case("what has no IP header goes to shard 0");
	test_no_ip();
	check_case("a frame in any legal coding goes where its fixed layout goes");
	test_shortest();
	return check_end();
}
