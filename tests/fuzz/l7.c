/* Fuzz target: the engine under a parser that does what its input says, over many flows.
 *
 * Input: steps of three bytes [what, flow and direction, length or answer]. Whatever comes, end()
 * is called once for each claimed flow, no call follows a session's end, and memory is given back.
 */
#include <stdlib.h>

#include "libcommon/stage/l7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLOWS = 16 };

static uint8_t answer;
static unsigned begun, ended, sessions;
static bool whole; /* no flow is evicted and begins anew in its middle */

struct state {
	bool over;
	uint64_t read[2];
	void *own;
};

static struct state *live(struct l7_flow *f)
{
	struct state *s = l7_state(f);

	if (s->over)
		abort();
	if (!s->own) {
		s->own = malloc(1);
		begun++;
	}
	return s;
}

/* What any callback may do. */
static void act(struct l7_flow *f, enum l7_dir dir)
{
	uint8_t *p = l7_scratch(f, (size_t)answer * 1000);

	if (p && answer)
		p[0] = p[answer * 1000 - 1] = 1;
	if (answer % 16 == 1)
		l7_poison(f, "told to");
	if (answer % 16 == 2)
		l7_done(f);
	if (answer % 16 == 3)
		l7_violation(f, dir, "odd", REC_severity_NOTE, "a", NULL, "b");
	if (answer % 16 == 4)
		l7_emit(f, dns, .trans_id = answer);
	if (answer % 16 == 5)
		l7_want(f, dir, answer);
	if (answer % 16 == 6)
		l7_skip(f, dir, (uint64_t)answer * answer);
	if (answer % 16 == 7)
		l7_again(f, (enum l7_dir) !dir);
}

static enum l7_claim claims(const struct l7_first *first)
{
	return first->data.len && (first->data.ptr[0] & 1) ? L7_YES : (enum l7_claim)(answer % 3);
}

static size_t feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct state *s = live(f);

	/* Every byte says where in its stream it lies. */
	for (size_t i = 0; whole && i < data.len; i++)
		if (data.ptr[i] != (uint8_t)(l7_offset(f, dir) + i))
			abort();
	if (data.len == 0 || l7_scanned(f, dir) > data.len || l7_offset(f, dir) < s->read[dir])
		abort();
	s->read[dir] = l7_offset(f, dir);
	act(f, dir);
	return answer % 5 == 0 ? data.len : answer % 5 == 1 ? answer : data.len / 3;
}

static void datagram(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	(void)data;
	live(f);
	act(f, dir);
}

static void gap(struct l7_flow *f, enum l7_dir dir, uint64_t missing, enum rec_gap_reason why)
{
	(void)missing;
	(void)why;
	live(f);
	act(f, dir);
}

static void message(struct l7_flow *f, enum l7_dir dir, const struct l7_message *m)
{
	live(f);
	/* Every byte says how far from the message's beginning it lies. */
	for (size_t i = 0; whole && i < m->data.len; i++)
		if (m->data.ptr[i] != (uint8_t)i)
			abort();
	if (m->data.len > m->len || l7_key(f)->proto != 132)
		abort();
	act(f, dir);
}

static void lost(struct l7_flow *f, enum l7_dir dir, uint16_t sid, uint64_t messages)
{
	(void)sid;
	live(f);
	if (!messages)
		abort();
	act(f, dir);
}

static void eof(struct l7_flow *f, enum l7_dir dir, enum rec_stream_reason why)
{
	(void)why;
	live(f);
	act(f, dir);
}

static void tick(struct l7_flow *f, uint64_t now)
{
	(void)now;
	live(f);
	if (answer > 250)
		act(f, L7_ORIG);
}

static void end(struct l7_flow *f, enum l7_end why)
{
	struct state *s = l7_state(f);

	(void)why;
	if (s->over)
		abort();
	s->over = true;
	if (s->own)
		ended++;
	free(s->own);
	act(f, L7_ORIG);
}

static void emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h, const void *rec)
{
	(void)ctx;
	(void)h;
	(void)rec;
	sessions += desc == &rec_session_end_desc;
}

struct input {
	struct l7 *l7;
	uint64_t offset[FLOWS][2], n;
	/* SCTP flows lie behind the others: */
	uint64_t sctp_offset[FLOWS][2];
	uint32_t tsn, at[FLOWS][2][4]; /* at: bytes of the open message of each stream */
};

/* A piece of a message of one of four streams, or a loss; the stream's messages have equal SSNs. */
static void step_sctp(struct input *in, const uint8_t *b)
{
	static uint8_t bytes[64];
	unsigned flow = b[1] >> 1 & (FLOWS - 1), dir = b[1] & 1, sid = b[1] >> 5 & 3;
	unsigned n = b[2] & 31;
	struct rec_head h = { REC_stream, ++in->n, 4 * FLOWS + flow, in->n };
	struct rec_stream s = { .ip_version = 4,
				.proto = 132,
				.dir = (uint8_t)dir,
				.sid = (uint16_t)sid,
				.tsn = ++in->tsn,
				.offset = in->sctp_offset[flow][dir] };
	uint32_t *at = &in->at[flow][dir][sid];

	switch (b[2] >> 5) {
	case 0: /* lost: what goes on behind it has other TSNs */
		s.flags = STREAM_LOST_CHUNKS;
		s.gap = n + 1;
		in->tsn += n;
		break;
	case 1:
		s.flags = n & 1 ? STREAM_LOST_PART : STREAM_LOST_MESSAGES;
		s.gap = n + 1;
		break;
	case 2:
		s.gap = n + 1;
		s.gap_reason = REC_gap_reason_SNAPPED;
		*at += n + 1;
		break;
	default:
		if (b[2] & 32) {
			s.flags |= STREAM_MSG_BEGIN;
			*at = 0;
		}
		s.flags |= b[2] & 64 ? STREAM_MSG_END : 0;
		for (unsigned i = 0; i < n; i++)
			bytes[i] = (uint8_t)(*at + i);
		*at += n;
		s.payload = BYTES(bytes, n);
		in->sctp_offset[flow][dir] += n;
		break;
	}
	l7_stream(in->l7, &h, &s);
}

static void step(struct input *in, const uint8_t *b)
{
	static uint8_t bytes[512];
	unsigned flow = b[1] >> 1 & (FLOWS - 1), dir = b[1] & 1;
	struct rec_head h = { REC_stream, ++in->n, flow + 1, in->n };
	struct rec_stream s = {
		.ip_version = 4, .proto = 6, .dir = (uint8_t)dir, .offset = in->offset[flow][dir]
	};
	struct rec_packet p = {
		.ip_version = 4, .proto = 17, .dir = (uint8_t)dir, .payload = BYTES(bytes, b[2])
	};
	struct rec_stream_end e = { .dir = (uint8_t)dir };
	struct rec_flow fl = { .event = b[2] & 3, .reason = b[2] >> 2 & 7 };

	if (b[0] >> 3 == 1) {
		step_sctp(in, b);
		return;
	}
	if (b[0] % 8 == 4)
		h.flow += FLOWS;
	switch (b[0] % 8) {
	case 0:
	case 1:
	case 2:
		for (unsigned i = 0; i < b[2]; i++)
			bytes[i] = (uint8_t)(s.offset + i);
		s.payload = BYTES(bytes, b[2]);
		in->offset[flow][dir] += b[2];
		l7_stream(in->l7, &h, &s);
		break;
	case 3:
		s.gap = (uint64_t)b[2] * b[2] + 1;
		in->offset[flow][dir] += s.gap;
		l7_stream(in->l7, &h, &s);
		break;
	case 4:
		l7_packet(in->l7, &h, &p);
		break;
	case 5:
		l7_stream_end(in->l7, &h, &e);
		break;
	case 6:
		l7_flow_end(in->l7, &h, &fl);
		if (fl.event == REC_flow_event_END)
			in->offset[flow][0] = in->offset[flow][1] = 0;
		break;
	default:
		answer = b[2];
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct l7_parser parser = { .name = "fuzz",
				    .state_size = sizeof(struct state),
				    .max_buffer = 2000,
				    .claims = claims,
				    .feed = feed,
				    .datagram = datagram,
				    .gap = gap,
				    .message = message,
				    .lost = lost,
				    .eof = eof,
				    .tick = tick,
				    .end = end };
	const struct l7_host host = { NULL, emit };
	struct l7_limits limits = { .max_flows = 12, .max_memory = 10000 };
	struct input in = { 0 };

	if (size < 1)
		return 0;
	if (data[0] & 1)
		parser.gap = NULL;
	if (data[0] & 2)
		parser.claims = NULL;
	if (data[0] & 8)
		parser.message = NULL;
	if (data[0] & 16)
		parser.lost = NULL;
	whole = data[0] & 4;
	if (whole)
		limits.max_flows = 3 * FLOWS;
	answer = 0;
	begun = ended = sessions = 0;
	in.l7 = l7_new(&parser, &host, &limits);
	for (size_t i = 1; i + 3 <= size; i += 3)
		step(&in, data + i);
	l7_finish(in.l7, in.n);
	if (begun != ended || sessions != l7_stats(in.l7)->claimed || l7_stats(in.l7)->memory ||
	    l7_stats(in.l7)->flows)
		abort();
	l7_free(in.l7);
	return 0;
}
