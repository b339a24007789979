/* sctp_talk: chunks into the streams of one direction of SCTP, and what comes out as text. */
#ifndef WEIR_TEST_SCTP_TALK_H
#define WEIR_TEST_SCTP_TALK_H

#include "libcommon/net/sctp_streams.h"
#include "tests/unit/check.h"
#include "tests/unit/poison.h"
#include "tests/unit/sctp_build.h"

enum { MEMORY = 4 << 20 };

static uint64_t memory[MEMORY / 8];
static struct sctp_group *g;
static struct sctp_streams s, peer;
static struct sctp_build b;
static uint64_t frame;

/* What came out, as text: "sid:ssn bytes" and the like. */
static char text[8192];
static size_t text_len;
static struct sctp_piece last;
static struct sctp_gap last_gap;
static unsigned pieces, gaps, stream_gaps, differs;
static bool quiet;
static uint8_t kept[4096]; /* the last bytes that came */
static size_t kept_len;

static inline void say(const char *format, unsigned x, unsigned y, struct bytes bytes)
{
	if (!quiet && text_len < sizeof(text) - 100)
		text_len += (size_t)snprintf(text + text_len, sizeof(text) - text_len, format, x, y,
					     (int)(bytes.len > 20 ? 20 : bytes.len), bytes.ptr);
}

static inline void on_piece(void *ctx, struct sctp_streams *from, const struct sctp_piece *p)
{
	(void)ctx;
	(void)from;
	pieces++;
	last = *p;
	if (kept_len + p->bytes.len <= sizeof(kept)) {
		memcpy(kept + kept_len, p->bytes.ptr, p->bytes.len);
		kept_len += p->bytes.len;
	}
	say(p->unordered ? "%u:u%u=%.*s " : "%u:%u=%.*s ", p->sid, p->ssn, p->bytes);
}

static inline void on_gap(void *ctx, struct sctp_streams *from, const struct sctp_gap *gap)
{
	(void)ctx;
	(void)from;
	last_gap = *gap;
	if (gap->of_stream) {
		stream_gaps++;
		say("[%u:%u] ", gap->sid, gap->ssn, BYTES("", 0));
	} else {
		gaps++;
		say("<%u+%u> ", gap->tsn, gap->tsns, BYTES("", 0));
	}
}

static unsigned drops;

static inline void on_dropped(void *ctx, struct sctp_streams *from)
{
	(void)ctx;
	CHECK(sctp_streams_lawful(from));
	drops++;
}

static inline void on_differs(void *ctx, struct sctp_streams *from, uint32_t tsn, uint16_t sid)
{
	(void)ctx;
	(void)from;
	(void)tsn;
	(void)sid;
	differs++;
}

static inline void begin(struct sctp_limits limits)
{
	struct sctp_sink sink = { NULL, on_piece, on_gap, on_differs, on_dropped };

	limits.memory = limits.memory ? limits.memory : MEMORY;
	g = sctp_group_init(memory, &limits, &sink);
	s = peer = (struct sctp_streams){ 0 };
	text_len = 0;
	text[0] = 0;
	pieces = gaps = stream_gaps = differs = drops = 0;
	b.len = 0;
	sctp_streams_start(g, &s, 100);
}

static inline void send(void)
{
	frame++;
	sctp_streams_packet(g, &s, &peer, BYTES(b.at, b.len), false, frame, frame * 1000);
	b.len = 0;
	CHECK(sctp_streams_lawful(&s));
}

static inline void data(uint8_t flags, uint32_t tsn, uint16_t sid, uint16_t ssn, const char *what)
{
	build_data(&b, flags, tsn, sid, ssn, 7, what, strlen(what));
	send();
}

static inline bool said(const char *what)
{
	bool same = !strcmp(text, what);

	if (!same)
		printf("# said: %s\n", text);
	text_len = 0;
	text[0] = 0;
	return same;
}

#endif
