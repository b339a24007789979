/* flow_engine: any frames at any times: the books balance, and every flow that starts ends once. */
#include <stdlib.h>

#include "libcommon/stage/flow_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t frames, packets, starts, ends, payload;

static void must(bool good)
{
	if (!good)
		abort();
}

static void on_packet(void *user, const struct rec_head *h, const struct rec_packet *p)
{
	(void)user;
	must(p->dir <= 1 && p->verdict < rec_enum_verdict.count && h->n == frames);
	for (size_t i = 0; i < p->payload.len; i++)
		payload += p->payload.ptr[i]; /* every byte can be read */
	packets++;
}

static void on_emit(void *user, const struct rec_desc *desc, const struct rec_head *h,
		    const void *rec)
{
	const struct rec_flow *f = rec;

	(void)user;
	must(h->ts != 0);
	if (desc != &rec_flow_desc)
		return;
	starts += f->event == REC_flow_event_START;
	ends += f->event == REC_flow_event_END;
	must(f->tunnels.count <= LAYERS_MAX && f->vlan.count <= LAYERS_MAX);
}

static void check_law(struct flow_engine *e)
{
	const struct flow_engine_counters *c = flow_engine_counters(e);
	uint64_t sum = c->fragments_held + c->duplicates, ended = 0;

	for (unsigned i = 0; i < LAYERS_FATES; i++)
		sum += c->fates[i];
	for (unsigned i = 0; i < DEFRAG_REASONS; i++)
		sum += c->fragments_given_up[i];
	for (unsigned i = 0; i <= FLOW_END_ABORT; i++)
		ended += c->ends[i];
	must(sum == c->frames && c->frames == frames && packets == c->fates[LAYERS_PACKET]);
	must(c->started == c->open + ended && starts == c->started && ends == ended);
}

/* The first byte: the kind of key, and options. Then frames: link type, source and flags, two
 * bytes that make the time, two for the length, bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t links[] = { 1, 1, 1, 101, 113, 276, 0, 105 };
	static void *memory;
	static size_t room;
	struct flow_engine_config c;
	struct cursor in = cursor_of(BYTES(data, size));
	uint8_t options = cursor_u8(&in);
	struct flow_engine *e;
	uint64_t ts = 1000000000;

	flow_engine_defaults(&c);
	c.max_flows = options & 8 ? 8 : 96;
	c.key = (enum flow_key_kind)((options & 7) % (FLOW_KEY_VLAN + 1));
	c.directional = options & 16;
	c.dedup = options & 32 ? 1000000 : 0;
	c.update = options & 64 ? 1000000 : 0;
	c.events = 15;
	c.defrag = (struct defrag_config){ .memory = 2 << 20, .datagrams = 16, .per_pair = 4 };
	c.packet = on_packet;
	c.emit = on_emit;
	for (unsigned i = 0; i < FLOW_SECRET_WORDS; i++)
		c.secret[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	if (room < flow_engine_size(&c)) {
		free(memory);
		room = flow_engine_size(&c);
		must(room);
		memory = aligned_alloc(64, (room + 63) & ~(size_t)63);
	}
	memset(memory, 0, flow_engine_size(&c));
	e = flow_engine_init(memory, &c);
	frames = packets = starts = ends = 0;
	while (cursor_left(&in) >= 6) {
		struct flow_engine_frame f = { .head = { .type = REC_frame } };
		uint8_t link = cursor_u8(&in), flags = cursor_u8(&in);
		uint16_t step = cursor_be16(&in), len = cursor_be16(&in);

		if (len > cursor_left(&in))
			len = (uint16_t)cursor_left(&in);
		ts += flags & 128 ? step * UINT64_C(1000000000) : step * UINT64_C(1000);
		f.head.ts = flags & 64 && ts > 5000000000 ? ts - 4000000000 : ts;
		f.head.flow = (uint64_t)(flags >> 4 & 1) << 48;
		f.head.n = ++frames;
		f.frame.link_type = links[link & 7];
		f.frame.flags = flags & 3;
		f.frame.payload = cursor_bytes(&in, len);
		f.frame.wire_len = len;
		flow_engine_frames(e, &f, 1);
		check_law(e);
	}
	flow_engine_snapshot(e);
	flow_engine_finish(e, frames);
	check_law(e);
	must(!flow_engine_counters(e)->open && !flow_engine_counters(e)->fragments_held);
	return 0;
}
