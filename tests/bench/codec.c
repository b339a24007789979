/* codec: what a record costs to write and read, beside msgpack-c on the same values: a packet in
 * its fixed layout, and flow and dns as they are packed field by field. Prints medians of
 * interleaved rounds, in ns a record, and the ratios. */
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libcommon/record/record.h"

/* A batch of 64 stays in the first cache; one of 1,000 measures how fast the next cache takes
 * lines. */
enum { ROUNDS = 61, BATCH = 64, TIMES = 16, BODY = 64 };

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

/* ---- records packed field by field --------------------------------------------------------- */

/* A batch of records of one type, one behind the other, and what reads them. */
struct batch {
	const struct rec_desc *desc;
	struct rec_binding *binding;
	struct buf wire;
	size_t at[BATCH + 1];
};
static struct batch flows = { .desc = &rec_flow_desc }, dnses = { .desc = &rec_dns_desc };
static struct rec_flow flow[BATCH];
static struct buf cold, cold_msgpack, arena;
static msgpack_unpacked object[BATCH]; /* the flows as msgpack-c has them */

/* Numbers of all widths. */
static uint64_t number(uint64_t i)
{
	i *= 0x9e3779b97f4a7c15u;
	return i >> (24 + (i >> 20) % 40);
}

static void flow_fill(struct rec_flow *f, uint64_t i)
{
	static const char *const states[] = { "SF", "S0", "RSTO", "OTH" };
	static const char history[] = "ShADadFfRr";

	*f = (struct rec_flow){ .key = { { 4, { 192, 0, 2, 1 } },
					 { 4, { 198, 51, 100, 7 } },
					 (uint16_t)(40000 + i),
					 443,
					 6 },
				.event = REC_flow_event_END,
				.reason = i % 5,
				.start = 1700000000000000000u,
				.last = 1700000000000000000u + i,
				.duration = number(i),
				.orig_pkts = number(i + 1) % 100,
				.resp_pkts = number(i + 2) % 1000,
				.orig_bytes = number(i + 3),
				.resp_bytes = number(i + 4),
				.orig_ip_bytes = number(i + 5),
				.resp_ip_bytes = number(i + 6),
				.orig_payload = number(i + 7),
				.resp_payload = number(i + 8),
				.conn_state = bytes_str(states[i % 4]),
				.history = BYTES(history, 1 + i % 10),
				.state = BYTES_LIT("closed"),
				.first_n = SOME(i) };
}

static void batch_start(struct batch *b)
{
	struct schema *s = schema_of(b->desc);

	b->binding = rec_bind(s, b->desc, NULL);
	schema_free(s);
	failed |= !b->binding;
}

static void batch_add(struct batch *b, uint64_t i, const void *rec)
{
	struct rec_head h = { b->desc->id, 1700000000000000000u + i, i % 97, i };

	rec_pack(&b->wire, b->desc, &h, rec);
	b->at[i + 1] = b->wire.len;
}

static void cold_setup(void)
{
	size_t off = 0;

	batch_start(&flows);
	batch_start(&dnses);
	for (uint64_t i = 0; i < BATCH; i++) {
		struct rec_dns_rr rr[3];
		struct rec_dns dns = { .key = { { 4, { 192, 0, 2, 1 } },
						{ 4, { 192, 0, 2, 53 } },
						(uint16_t)(40000 + i),
						53,
						17 },
				       .trans_id = (uint16_t)number(i),
				       .rtt = SOME(number(i)),
				       .opcode_name = BYTES_LIT("query"),
				       .query = BYTES_LIT("www.example.org"),
				       .qtype = SOME(1),
				       .qtype_name = BYTES_LIT("A"),
				       .qclass = SOME(1),
				       .qclass_name = BYTES_LIT("C_INTERNET"),
				       .rcode = SOME(0),
				       .rcode_name = BYTES_LIT("NOERROR"),
				       .rd = SOME(1),
				       .ra = SOME(1),
				       .answers = LIST_OF(rr, i % 4),
				       .responses = 1,
				       .first_n = SOME(i) };

		for (int j = 0; j < 3; j++)
			rr[j] = (struct rec_dns_rr){ .name = dns.query,
						     .type = 1,
						     .type_name = BYTES_LIT("A"),
						     .class = 1,
						     .ttl = (uint32_t)number(i) & 0xffff,
						     .rdata = BYTES_LIT("198.51.100.7") };
		batch_add(&dnses, i, &dns);
		flow_fill(&flow[i], i);
		batch_add(&flows, i, &flow[i]);
	}
	for (int i = 0; i < BATCH; i++) { /* they borrow from what moves no more */
		msgpack_unpacked_init(&object[i]);
		failed |= msgpack_unpack_next(&object[i], (const char *)flows.wire.ptr,
					      flows.wire.len, &off) != MSGPACK_UNPACK_SUCCESS;
	}
}

static void flow_pack(void)
{
	buf_clear(&cold);
	for (uint64_t i = 0; i < BATCH; i++) {
		struct rec_head h = { REC_flow, 1700000000000000000u + i, i % 97, i };

		rec_pack(&cold, &rec_flow_desc, &h, &flow[i]);
	}
	failed |= cold.len != flows.wire.len;
}

/* The same flows packed by msgpack-c from its own objects, as whoever knows a record's fields only
 * from a table does it: each value goes through its callback. */
static void msgpack_flow_pack(void)
{
	msgpack_packer pk;

	buf_clear(&cold_msgpack);
	msgpack_packer_init(&pk, &cold_msgpack, write_buf);
	for (int i = 0; i < BATCH; i++)
		msgpack_pack_object(&pk, object[i].data);
}

static void batch_measure(const struct batch *b)
{
	struct bytes left = buf_bytes(&b->wire);
	const char *why;

	for (int i = 0; i < BATCH; i++) {
		ssize_t n = rec_measure(left, &why);

		failed |= n != (ssize_t)(b->at[i + 1] - b->at[i]);
		left = BYTES(left.ptr + n, left.len - (size_t)n);
	}
}

/* Where a record ends, found value by value. */
static void batch_walk(const struct batch *b)
{
	for (int i = 0; i < BATCH; i++) {
		struct cursor c = cursor_of(BYTES(b->wire.ptr + b->at[i], b->at[i + 1] - b->at[i]));

		while (cursor_left(&c))
			failed |= mp_next(&c).type == MP_BAD;
	}
}

static void batch_decode(const struct batch *b)
{
	union {
		struct rec_flow flow;
		struct rec_dns dns;
	} r;
	struct rec_head h;

	for (int i = 0; i < BATCH; i++)
		failed |= !rec_decode(b->binding,
				      BYTES(b->wire.ptr + b->at[i], b->at[i + 1] - b->at[i]), &h,
				      &r, &arena);
}

static void batch_unpack(const struct batch *b)
{
	msgpack_unpacked u;
	size_t off = 0;

	msgpack_unpacked_init(&u);
	for (int i = 0; i < BATCH; i++)
		failed |= msgpack_unpack_next(&u, (const char *)b->wire.ptr, b->wire.len, &off) !=
			  MSGPACK_UNPACK_SUCCESS;
	msgpack_unpacked_destroy(&u);
}

#define BOTH(what)                                                                                 \
	static void flow_##what(void)                                                              \
	{                                                                                          \
		batch_##what(&flows);                                                              \
	}                                                                                          \
	static void dns_##what(void)                                                               \
	{                                                                                          \
		batch_##what(&dnses);                                                              \
	}
BOTH(measure)
BOTH(walk)
BOTH(decode)
BOTH(unpack)

/* ---- rounds -------------------------------------------------------------------------------- */

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
	{ "flow_pack", flow_pack, { 0 } },
	{ "msgpack_flow_pack", msgpack_flow_pack, { 0 } },
	{ "flow_measure", flow_measure, { 0 } },
	{ "flow_walk", flow_walk, { 0 } },
	{ "flow_decode", flow_decode, { 0 } },
	{ "msgpack_flow_decode", flow_unpack, { 0 } },
	{ "dns_measure", dns_measure, { 0 } },
	{ "dns_walk", dns_walk, { 0 } },
	{ "dns_decode", dns_decode, { 0 } },
	{ "msgpack_dns_decode", dns_unpack, { 0 } },
};
enum { SIDES = sizeof(sides) / sizeof(sides[0]) };

/* What is promised: how many times the first side's time the second takes. */
static const struct {
	const char *name, *fast, *slow;
} promises[] = {
	{ "encode", "encode", "msgpack_encode" },
	{ "decode", "decode", "msgpack_decode" },
	{ "flow_pack", "flow_pack", "msgpack_flow_pack" },
	{ "flow_measure", "flow_measure", "flow_walk" },
	{ "flow_decode", "flow_decode", "msgpack_flow_decode" },
	{ "dns_measure", "dns_measure", "dns_walk" },
	{ "dns_decode", "dns_decode", "msgpack_dns_decode" },
};
enum { PROMISES = sizeof(promises) / sizeof(promises[0]) };

static int side(const char *name)
{
	int i = 0;

	while (strcmp(sides[i].name, name) != 0)
		i++;
	return i;
}

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
	double ratios[PROMISES];

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
	cold_setup();
	for (int i = -3; i < ROUNDS; i++) {
		for (int s = 0; s < SIDES; s++) {
			double from;

			sides[s].run(); /* the side before has had the cache */
			from = now();
			for (int k = 0; k < TIMES; k++)
				sides[s].run();
			if (i >= 0)
				sides[s].ns[i] = (now() - from) / BATCH / TIMES;
		}
	}
	for (int i = 0; i < PROMISES; i++)
		ratios[i] = ratio(side(promises[i].slow), side(promises[i].fast));
	for (int s = 0; s < SIDES; s++) {
		qsort(sides[s].ns, ROUNDS, sizeof(double), by_value);
		printf("codec %s_ns %.1f\n", sides[s].name, sides[s].ns[ROUNDS / 2]);
	}
	for (int i = 0; i < PROMISES; i++)
		printf("codec %s_ratio %.1f\n", promises[i].name, ratios[i]);
	buf_release(&packed);
	buf_release(&cold);
	buf_release(&cold_msgpack);
	buf_release(&arena);
	buf_release(&flows.wire);
	buf_release(&dnses.wire);
	for (int i = 0; i < BATCH; i++)
		msgpack_unpacked_destroy(&object[i]);
	rec_binding_free(flows.binding);
	rec_binding_free(dnses.binding);
	return failed;
}
