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
};

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
	whole = data[0] & 4;
	if (whole)
		limits.max_flows = 2 * FLOWS;
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
