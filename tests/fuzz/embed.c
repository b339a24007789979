/* Fuzz target: embed. The whole of weir in one process, with all parsers: the input is a handful of
 * frames, raw or with headers built here, so that what is mutated reaches the parsers.
 *
 * The frames are given one by one, and again in groups: the records must be the same bytes. Frames
 * and bytes add up, and every session that began ends.
 *
 * Input: a byte of configuration, then frames: [what, which, how, length, that many bytes]. */
#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/dns/dns.h"
#include "cmd/http/http.h"
#include "cmd/tls/tls.h"
#include "libcommon/stage/weir.h"
#include "tests/unit/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAMES = 256, FRAME_MAX = 2048, TALKS = 128, PORTS = 8 };

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

/* What one run over the frames gave. */
struct run {
	struct weir *w;
	struct buf packed;
	uint64_t sum, records, sessions, ends, n;
};

static const struct l7_parser *const parsers[] = { &dns_parser, &http_parser, &tls_parser, NULL };

/* ---- frames -------------------------------------------------------------------------------- */

struct talk {
	uint32_t next[2]; /* sequence numbers */
};

struct frames {
	struct weir_frame v[FRAMES];
	size_t n;
	uint64_t ts;
	struct talk talks[TALKS];
};

static uint8_t built[FRAMES][FRAME_MAX];

static const uint16_t ports[PORTS] = { 53, 80, 443, 8080, 53, 5353, 25, 4789 };
static const uint32_t links[] = { 1, 101, 113, 276, 0, 105, 127, 9 };

static void add_raw(struct frames *f, uint8_t which, struct bytes data)
{
	f->v[f->n] = (struct weir_frame){ .ts = f->ts,
					  .link_type = links[which & 7],
					  .wire_len = (uint32_t)data.len + (which & 0x80),
					  .flags = which >> 3 & 3,
					  .data = data };
	f->n++;
}

/* which: direction, server's port, IP version, client's port. how, of TCP: how far the number is
 * off, the flags, the window. */
static void add_built(struct frames *f, uint8_t proto, uint8_t which, uint8_t how,
		      struct bytes data)
{
	static const int32_t off[] = { 0, 0, 0, 1, -1, 100, -3, 70000 };
	static const uint16_t flags[] = { 0x18, 0x10, 0x02, 0x12, 0x11, 0x04, 0x38, 0x18 };
	struct talk *t = &f->talks[which >> 1];
	unsigned dir = which & 1;
	uint16_t port = ports[which >> 1 & 7];
	struct packet_spec s = { .version = which & 0x10 ? 6 : 4,
				 .proto = proto,
				 .src = { 10, 0, 0, (uint8_t)(1 + dir) },
				 .dst = { 10, 0, 0, (uint8_t)(2 - dir) },
				 .sport = dir ? port : (uint16_t)(1024 + (which >> 5)),
				 .dport = dir ? (uint16_t)(1024 + (which >> 5)) : port,
				 .payload = data.ptr,
				 .payload_len = data.len < 1400 ? data.len : 1400 };

	if (proto == IPPROTO_TCP) {
		s.seq = t->next[dir] + (uint32_t)off[how & 7];
		s.ack = t->next[!dir];
		s.flags = flags[how >> 3 & 7];
		s.window = how & 0x80 ? 0 : 8192;
		if ((how & 7) < 3)
			t->next[dir] += (uint32_t)s.payload_len + !!(s.flags & 3);
	}
	f->v[f->n] = (struct weir_frame){ .ts = f->ts,
					  .link_type = 1,
					  .wire_len = (uint32_t)packet_build(built[f->n], &s) };
	f->v[f->n].data = BYTES(built[f->n], f->v[f->n].wire_len);
	f->n++;
}

static void read_frames(struct frames *f, struct cursor c)
{
	while (cursor_left(&c) >= 5 && f->n < FRAMES) {
		uint8_t what = cursor_u8(&c), which = cursor_u8(&c), how = cursor_u8(&c);
		size_t len = cursor_be16(&c);
		struct bytes data;

		len = len < cursor_left(&c) ? len : cursor_left(&c);
		data = cursor_bytes(&c, len);
		f->ts += UINT64_C(1000000) << (what >> 3 & 3) * 6;
		switch (what & 7) {
		case 0:
			add_raw(f, which, data);
			break;
		case 1:
		case 2:
			add_built(f, IPPROTO_UDP, which, 0, data);
			break;
		case 3:
			add_built(f, IPPROTO_SCTP, which, 0, data);
			break;
		default:
			add_built(f, IPPROTO_TCP, which, how, data);
			break;
		}
	}
}

/* ---- what comes out ------------------------------------------------------------------------ */

static void add_up(struct run *r, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		r->sum = (r->sum ^ b.ptr[i]) * UINT64_C(0x100000001b3);
	r->records++;
}

static void on_record(void *user, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	struct run *r = user;

	MUST(h->type == desc->id && h->n >= r->n);
	r->sessions += desc == &rec_session_end_desc;
	if (desc == &rec_flow_desc)
		r->ends += ((const struct rec_flow *)rec)->event == REC_flow_event_END;
	r->packed.len = 0;
	rec_pack(&r->packed, desc, h, rec);
	add_up(r, buf_bytes(&r->packed));
}

static void on_packet(void *user, const struct rec_head *h, const struct rec_packet *p)
{
	(void)h;
	add_up(user, p->payload);
}

static void on_stream(void *user, const struct rec_head *h, const struct rec_stream *s)
{
	(void)h;
	MUST(!s->gap || !s->payload.len);
	add_up(user, s->payload);
}

static void check_sums(struct run *r)
{
	const struct flow_engine_counters *c = weir_flows(r->w);
	const struct stream_stats *s = weir_streams(r->w);
	uint64_t fates = c->duplicates + c->fragments_held, ends = 0, claimed = 0;

	for (unsigned i = 0; i < LAYERS_FATES; i++)
		fates += c->fates[i];
	for (unsigned i = 0; i < DEFRAG_REASONS; i++)
		fates += c->fragments_given_up[i];
	for (unsigned i = 0; i <= FLOW_END_ABORT; i++)
		ends += c->ends[i];
	MUST(fates == c->frames && !c->fragments_held);
	MUST(!c->open && ends == c->started && ends == r->ends);
	MUST(!s->law_broken && !s->flows_now);
	MUST(s->in == s->delivered + s->gap + s->urgent + s->skipped + s->undelivered);
	for (unsigned i = 0; parsers[i]; i++) {
		const struct l7_stats *l = weir_parser(r->w, i);

		claimed += l->claimed;
		MUST(!l->flows && !l->memory);
	}
	MUST(claimed == r->sessions);
}

static void run_over(struct run *r, const struct frames *f, uint8_t how, size_t group)
{
	struct weir_config c;

	weir_defaults(&c);
	c.flow.max_flows = how & 1 ? 64 : 128;
	c.flow.monotonic = how & 2;
	c.flow.no_checksum = how & 4;
	c.flow.dedup = how & 8 ? 1000000 : 0;
	c.flow.defrag = (struct defrag_config){
		.memory = 1 << 19, .datagrams = 64, .fragments = 32, .per_pair = 8
	};
	c.flow.events = 0xf;
	c.flow.update = 1000000000;
	c.streams.max_flows = c.streams.max_associations = how & 1 ? 8 : 64;
	c.streams.assembly.memory = 1 << 18;
	c.streams.assembly.history_log = 1 << 16;
	c.streams.sctp = (struct sctp_limits){ .memory = 1 << 19,
					       .all_streams = 64,
					       .streams = 16,
					       .held_chunks = 64,
					       .held_bytes = 1 << 16 };
	c.l7.max_flows = how & 1 ? 8 : 64;
	c.parsers = parsers;
	c.see_all = how & 16;
	c.user = r;
	c.record = on_record;
	c.packet = on_packet;
	c.stream = on_stream;
	r->w = weir_new(&c);
	MUST(r->w);
	for (size_t i = 0; i < f->n; i += group) {
		size_t n = f->n - i < group ? f->n - i : group;

		r->n = i;
		weir_frames(r->w, &f->v[i], n);
	}
	if (how & 32)
		weir_snapshot(r->w);
	weir_finish(r->w);
	check_sums(r);
	weir_free(r->w);
	buf_release(&r->packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct frames f;
	struct run one = { 0 }, many = { 0 };

	if (!size)
		return 0;
	memset(&f, 0, sizeof(f));
	f.ts = UINT64_C(1700000000000000000);
	read_frames(&f, cursor_of(BYTES(data + 1, size - 1)));
	run_over(&one, &f, data[0], 1);
	run_over(&many, &f, data[0], 32);
	MUST(one.records == many.records && one.sum == many.sum);
	return 0;
}
