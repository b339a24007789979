/* flow_engine: a harness for tests of the flow engine: frames in, what comes out is kept. */
#ifndef WEIR_TEST_FLOW_ENGINE_H
#define WEIR_TEST_FLOW_ENGINE_H

#include "libcommon/stage/flow_engine.h"
#include "tests/unit/check.h"
#include "tests/unit/packet.h"
#include "tests/unit/poison.h"

enum { KEPT = 64, KEPT_BYTES = 4096 };

static const uint64_t second = 1000000000, begin_ts = UINT64_C(1700000000000000000);

/* What the engine made; of each kind the first KEPT records. */
static struct made {
	unsigned packets, flows, anomalies;
	struct rec_packet packet[KEPT];
	struct rec_head packet_head[KEPT];
	uint8_t payload[KEPT][KEPT_BYTES];
	struct rec_flow flow[KEPT];
	struct rec_head flow_head[KEPT];
	char history[KEPT][64], conn_state[KEPT][16];
	uint16_t vlan[KEPT];
	struct rec_tunnel tunnels[KEPT][LAYERS_MAX];
	struct rec_anomaly anomaly[KEPT];
	char name[KEPT][64];
} made;

static struct flow_engine_config config;
static struct flow_engine *engine;
static void *memory;
static uint64_t frame_n, frame_ts, frame_source;

static void on_packet(void *user, const struct rec_head *h, const struct rec_packet *p)
{
	unsigned i = made.packets++;

	(void)user;
	if (i >= KEPT)
		return;
	made.packet[i] = *p;
	made.packet_head[i] = *h;
	if (p->payload.len <= KEPT_BYTES)
		memcpy(made.payload[i], p->payload.ptr, p->payload.len);
	made.packet[i].payload.ptr = made.payload[i];
}

static void keep_text(char *to, size_t room, struct bytes text)
{
	snprintf(to, room, "%.*s", (int)text.len, text.len ? (const char *)text.ptr : "");
}

static void on_emit(void *user, const struct rec_desc *desc, const struct rec_head *h,
		    const void *rec)
{
	unsigned i = desc == &rec_flow_desc ? made.flows++ : made.anomalies++;

	(void)user;
	if (i >= KEPT)
		return;
	if (desc == &rec_flow_desc) {
		struct rec_flow *f = &made.flow[i];

		*f = *(const struct rec_flow *)rec;
		made.flow_head[i] = *h;
		keep_text(made.history[i], sizeof(made.history[i]), f->history);
		keep_text(made.conn_state[i], sizeof(made.conn_state[i]), f->conn_state);
		if (f->vlan.count)
			made.vlan[i] = *(const uint16_t *)f->vlan.items;
		if (f->tunnels.count)
			memcpy(made.tunnels[i], f->tunnels.items,
			       f->tunnels.count * sizeof(struct rec_tunnel));
	} else {
		made.anomaly[i] = *(const struct rec_anomaly *)rec;
		keep_text(made.name[i], sizeof(made.name[i]), made.anomaly[i].name);
	}
}

/* The configuration may be changed between this and start(). */
static void prepare(const char *title)
{
	check_case(title);
	flow_engine_defaults(&config);
	config.max_flows = 4096;
	config.packet = on_packet;
	config.emit = on_emit;
	for (unsigned i = 0; i < FLOW_SECRET_WORDS; i++)
		config.secret[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static void start(void)
{
	size_t size = flow_engine_size(&config);

	CHECK(size > 0);
	frame_n = 0;
	frame_ts = begin_ts;
	frame_source = 0;
	memset(&made, 0, sizeof(made));
	memory = aligned_alloc(64, (size + 63) & ~(size_t)63);
	memset(memory, 0, size);
	poisoned = true;
	engine = flow_engine_init(memory, &config);
}

/* frames = packets + what has another fate, at any time. */
static void check_law(void)
{
	const struct flow_engine_counters *c = flow_engine_counters(engine);
	uint64_t sum = c->fragments_held + c->duplicates;

	for (unsigned i = 0; i < LAYERS_FATES; i++)
		sum += c->fates[i];
	for (unsigned i = 0; i < DEFRAG_REASONS; i++)
		sum += c->fragments_given_up[i];
	CHECK_EQ(sum, c->frames);
	CHECK_EQ(c->frames, frame_n);
}

static void push_as(const uint8_t *bytes, size_t len, size_t wire_len, uint32_t flags)
{
	struct flow_engine_frame f = {
		.head = { REC_frame, frame_ts, frame_source << 48, ++frame_n },
		.frame = { .link_type = 1,
			   .wire_len = (uint32_t)wire_len,
			   .flags = flags,
			   .payload = BYTES(bytes, len) },
	};

	flow_engine_frames(engine, &f, 1);
}

static void push(const uint8_t *bytes, size_t len)
{
	push_as(bytes, len, len, 0);
}

static const struct flow_engine_counters *finish(void)
{
	static struct flow_engine_counters counters;

	check_law();
	flow_engine_finish(engine, frame_n);
	check_law();
	counters = *flow_engine_counters(engine);
	CHECK_EQ(counters.fragments_held, 0);
	CHECK_EQ(counters.open, 0);
	poisoned = false;
	free(memory);
	return &counters;
}

/* ---- packets ---------------------------------------------------------------------------- */

static struct packet_spec spec_of(uint8_t proto, uint8_t a, uint16_t ap, uint8_t b, uint16_t bp,
				  const char *payload)
{
	return (struct packet_spec){ .version = 4,
				     .proto = proto,
				     .src = { 10, 0, 0, a },
				     .dst = { 10, 0, 0, b },
				     .sport = ap,
				     .dport = bp,
				     .window = 65535,
				     .payload = payload,
				     .payload_len = strlen(payload) };
}

static void push_spec(const struct packet_spec *s)
{
	uint8_t frame[2048];

	push(frame, packet_build(frame, s));
}

static void send_udp(uint8_t a, uint16_t ap, uint8_t b, uint16_t bp, const char *payload)
{
	struct packet_spec s = spec_of(PROTO_UDP, a, ap, b, bp, payload);

	push_spec(&s);
}

/* One segment between host 1, port 40000 + conn, and host 2, port 80. */
static void send_tcp(unsigned conn, unsigned dir, uint16_t flags, uint32_t seq, uint32_t ack,
		     const char *payload)
{
	uint16_t port = (uint16_t)(40000 + conn);
	struct packet_spec s = dir ? spec_of(PROTO_TCP, 2, 80, 1, port, payload)
				   : spec_of(PROTO_TCP, 1, port, 2, 80, payload);

	s.flags = flags;
	s.seq = seq;
	s.ack = ack;
	push_spec(&s);
}

static void open_tcp(unsigned conn)
{
	send_tcp(conn, 0, TCP_SYN, 1000, 0, "");
	send_tcp(conn, 1, TCP_SYN | TCP_ACK, 5000, 1001, "");
	send_tcp(conn, 0, TCP_ACK, 1001, 5001, "");
}

#endif
