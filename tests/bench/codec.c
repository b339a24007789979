/* codec: what a record costs to write and read, beside msgpack-c on the same values. Prints
 * medians of interleaved rounds, in ns a record, and the ratios. */
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "libcommon/record/record.h"

enum { ROUNDS = 61, BATCH = 1000, BODY = 64 };

static struct rec_packet packet;
static uint8_t body[BODY];
static uint8_t wire[BATCH * (rec_packet_wire + BODY)]; /* in the fixed layout */
static struct buf packed;                              /* the same by msgpack-c */
static volatile uint64_t sink;
static int failed;

static struct rec_head head_of(uint64_t i)
{
	return (struct rec_head){ REC_packet, 1700000000000000000u + i, i % 97, i };
}

static void fast_encode(void)
{
	uint8_t *at = wire;

	for (uint64_t i = 0; i < BATCH; i++) {
		struct rec_head h = head_of(i);

		packet.seq = (uint32_t)i;
		packet.offset = i * BODY;
		rec_packet_put(at, &h, &packet);
		at += rec_packet_wire + BODY;
	}
}

static int write_buf(void *to, const char *p, size_t n)
{
	buf_add(to, p, n);
	return 0;
}

#define PACK_u8(x) msgpack_pack_uint8(&pk, x)
#define PACK_u16(x) msgpack_pack_uint16(&pk, x)
#define PACK_u32(x) msgpack_pack_uint32(&pk, x)
#define PACK_u64(x) msgpack_pack_uint64(&pk, x)
#define PACK_ip16(x) msgpack_pack_bin_with_body(&pk, x, 16)
#define OF_packet(x) x
#define OF_frame(x)
#define OF_stream(x)
#define HOT(name, id, major, what)
#define HFIELD(r, type, name, what) OF_##r(PACK_##type(packet.name);)
#define PAYLOAD(r, what) OF_##r(msgpack_pack_bin_with_body(&pk, packet.payload.ptr, BODY);)
#define HOT_END(name)

/* One call of msgpack-c a field, without any table between: its best. */
static void msgpack_encode(void)
{
	msgpack_packer pk;

	buf_clear(&packed);
	msgpack_packer_init(&pk, &packed, write_buf);
	for (uint64_t i = 0; i < BATCH; i++) {
		struct rec_head h = head_of(i);

		packet.seq = (uint32_t)i;
		packet.offset = i * BODY;
		msgpack_pack_array(&pk, rec_packet_items);
		msgpack_pack_uint16(&pk, h.type);
		msgpack_pack_uint64(&pk, h.ts);
		msgpack_pack_uint64(&pk, h.flow);
		msgpack_pack_uint64(&pk, h.n);
#include "proto/hot.def"
	}
}

static void fast_decode(void)
{
	const uint8_t *at = wire;
	uint64_t sum = 0;

	for (int i = 0; i < BATCH; i++) {
		struct rec_packet r;
		struct rec_head h;

		if (!rec_packet_get(BYTES(at, rec_packet_wire + BODY), &h, &r)) {
			failed = 1;
			break;
		}
		sum += h.n + r.seq + r.offset + r.orig_p + r.orig_h[3] + r.window + r.wire_len;
		at += rec_packet_wire + BODY;
	}
	sink = sum;
}

static void fast_measure(void)
{
	struct bytes left = BYTES(wire, sizeof(wire));
	const char *why;

	while (left.len) {
		ssize_t n = rec_measure(left, &why);

		if (n <= 0) {
			failed = 1;
			return;
		}
		left = BYTES(left.ptr + n, left.len - (size_t)n);
	}
}

static void msgpack_decode(void)
{
	msgpack_unpacked u;
	uint64_t sum = 0;
	size_t off = 0;

	msgpack_unpacked_init(&u);
	for (int i = 0; i < BATCH; i++) {
		failed |= msgpack_unpack_next(&u, (const char *)packed.ptr, packed.len, &off) !=
			  MSGPACK_UNPACK_SUCCESS;
		for (int j = 0; !failed && j < 4; j++)
			sum += u.data.via.array.ptr[j].via.u64;
	}
	msgpack_unpacked_destroy(&u);
	sink = sum;
}

static struct {
	const char *name;
	void (*run)(void);
	double ns[ROUNDS];
} sides[] = {
	{ "encode", fast_encode, { 0 } },
	{ "msgpack_encode", msgpack_encode, { 0 } },
	{ "measure", fast_measure, { 0 } },
	{ "decode", fast_decode, { 0 } },
	{ "msgpack_decode", msgpack_decode, { 0 } },
};
enum { SIDES = sizeof(sides) / sizeof(sides[0]) };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median of the rounds' ratios: neighbours in time share the machine's mood. */
static double ratio(int slow, int fast)
{
	double r[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		r[i] = sides[slow].ns[i] / sides[fast].ns[i];
	qsort(r, ROUNDS, sizeof(r[0]), by_value);
	return r[ROUNDS / 2];
}

int main(void)
{
	double encode, decode;

	for (int i = 0; i < BODY; i++)
		body[i] = (uint8_t)(i * 7);
	packet = (struct rec_packet){ .ip_version = 4,
				      .proto = 6,
				      .orig_p = 40000,
				      .resp_p = 443,
				      .orig_h = { 192, 0, 2, 1 },
				      .resp_h = { 198, 51, 100, 7 },
				      .wire_len = 118,
				      .ip_len = 104,
				      .ack = 0x12345678,
				      .tcp_flags = 0x18,
				      .window = 64240,
				      .raw_ts = 1700000000000000000u,
				      .payload = BYTES(body, BODY) };
	for (int i = -3; i < ROUNDS; i++) {
		for (int s = 0; s < SIDES; s++) {
			double from = now();

			sides[s].run();
			if (i >= 0)
				sides[s].ns[i] = (now() - from) / BATCH;
		}
	}
	encode = ratio(1, 0);
	decode = ratio(4, 3);
	for (int s = 0; s < SIDES; s++) {
		qsort(sides[s].ns, ROUNDS, sizeof(double), by_value);
		printf("codec %s_ns %.1f\n", sides[s].name, sides[s].ns[ROUNDS / 2]);
	}
	printf("codec encode_ratio %.1f\n", encode);
	printf("codec decode_ratio %.1f\n", decode);
	buf_release(&packed);
	return failed;
}
