/* Fuzz target: sctp. The input's first byte says what the rest is: a script of messages that are
 * sent in some order (checked against what was sent), or raw packets for the association and both
 * directions' streams (checked against the laws).
 *
 * Mutation works on steps, or on packets of chunks that belong to one association. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/parts.h"
#include "tests/unit/sctp_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 1 << 18 };

static uint64_t memory[MEMORY / 8];
static uint64_t bytes_out;

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static void on_piece(void *ctx, struct sctp_streams *s, const struct sctp_piece *p)
{
	(void)ctx;
	MUST(p->offset + p->bytes.len == s->delivered_bytes);
	bytes_out += p->bytes.len;
	for (size_t i = 0; i < p->bytes.len; i++) /* all of it may be read */
		bytes_out += p->bytes.ptr[i] == 0xff ? 0 : 0;
}

static void on_gap(void *ctx, struct sctp_streams *s, const struct sctp_gap *g)
{
	(void)ctx;
	MUST(g->why > SCTP_GAP_NONE && g->why < SCTP_GAP_REASONS);
	MUST(g->of_stream || g->tsns > 0);
	MUST(g->offset == s->delivered_bytes);
}

static void on_differs(void *ctx, struct sctp_streams *s, uint32_t tsn, uint16_t sid)
{
	(void)ctx;
	(void)tsn;
	(void)sid;
	MUST(s->differing <= s->duplicates);
}

static void on_dropped(void *ctx, struct sctp_streams *s)
{
	(void)ctx;
	MUST(s->dropped && !s->held && sctp_streams_lawful(s));
}

/* Each packet: control, tag choice, length, then its chunks. */
static void packets(struct cursor c, bool drop)
{
	struct sctp_sink sink = { NULL, on_piece, on_gap, on_differs, on_dropped };
	struct sctp_limits limits = { .memory = MEMORY,
				      .all_streams = 16,
				      .streams = 8,
				      .held_chunks = 32,
				      .held_bytes = 2000,
				      .drop = drop };
	struct sctp_group *g = sctp_group_init(memory, &limits, &sink);
	struct sctp_streams s[2] = { { .which = 0 }, { .which = 1 } };
	struct sctp_assoc t = { 0 };
	unsigned n = 0;
	uint64_t ts = 1;

	MUST(g);
	for (; cursor_left(&c) >= 3; n++) {
		uint8_t control = cursor_u8(&c), tag = cursor_u8(&c);
		size_t len = cursor_u8(&c);
		unsigned dir = control & 1;
		struct sctp_packet p = { .snapped = control & 2,
					 .bad_checksum = (control & 0xc) == 0xc };
		struct sctp_result r;

		p.chunks = cursor_bytes(&c, len < cursor_left(&c) ? len : cursor_left(&c));
		p.tag = tag & 1 ? t.side[!dir].tag : tag & 2 ? t.side[dir].tag : tag;
		if (tag & 4)
			p.tag = t.side[!dir].next_tag;
		if (sctp_is_reuse(&t, dir, &p)) {
			t = sctp_successor(&t, dir, &p);
			for (unsigned i = 0; i < 2; i++) {
				sctp_streams_flush(g, &s[i], SCTP_GAP_RESYNC);
				MUST(!s[i].held);
				s[i] = (struct sctp_streams){ .which = (uint8_t)i };
			}
		}
		sctp_assoc_input(&t, dir, &p, &r);
		MUST(r.verdict <= SCTP_MALFORMED && t.state < SCTP_STATES);
		MUST(r.chunks <= SCTP_CHUNK_LIMIT && r.data_chunks <= r.chunks);
		if (r.flags & SCTP_R_TSN) {
			sctp_streams_start(g, &s[dir], r.initial_tsn);
			s[dir].lacks = tag & 128 ? sctp_lacks(p.chunks, p.snapped) : 0;
			s[!dir].no_reconfig = s[dir].lacks & SCTP_NO_RECONFIG;
		}
		if (r.flags & SCTP_R_TSN_PEER)
			sctp_streams_start(g, &s[!dir], r.initial_tsn_peer);
		ts += (control >> 4) * 300000000ull;
		if (r.verdict == SCTP_DELIVER || r.verdict == SCTP_NO_DATA)
			sctp_streams_packet(g, &s[dir], &s[!dir], p.chunks, p.snapped, n, ts);
		for (unsigned i = 0; i < 2; i++) {
			sctp_streams_tick(g, &s[i], ts, n, control & 16);
			MUST(sctp_streams_lawful(&s[i]));
			MUST(s[i].held <= 32 && s[i].held_bytes <= 2000 && s[i].nstreams <= 8);
		}
	}
	for (unsigned i = 0; i < 2; i++) {
		sctp_streams_flush(g, &s[i], SCTP_GAP_CLOSE);
		MUST(sctp_streams_lawful(&s[i]) && !s[i].held);
		MUST(s[i].dropped || s[i].cum == s[i].highest);
	}
	MUST(sctp_group_bytes(g) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct talk talk;

	if (!size || size > 8192)
		return 0;
	if (data[0] & 1)
		packets(cursor_of(BYTES(data + 1, size - 1)), data[0] & 2);
	else if (talk_run(data + 1, size - 1, memory, MEMORY, &talk)) {
		fprintf(stderr, "%s\n", talk.wrong);
		abort();
	}
	return 0;
}

/* ---- mutation ----------------------------------------------------------------------------- */

static size_t packet_next(const uint8_t *data, size_t size, size_t at)
{
	size_t n = size - at > 2 ? 3u + data[at + 2] : 3;

	return size - at > n ? at + n : size;
}

/* Each side's TSNs begin here, the second time just below the wrap. */
static uint32_t tsn_draw(unsigned *seed)
{
	return (draw(seed, 8) ? 1000 : 0xfffffff8) + draw(seed, draw(seed, 4) ? 8 : 40);
}

static void reconfig_make(struct sctp_build *b, unsigned *seed)
{
	static const uint8_t types[] = {
		SCTP_OUTGOING_RESET, SCTP_INCOMING_RESET, SCTP_TSN_RESET,
		SCTP_RESPONSE,       SCTP_ADD_OUTGOING,   SCTP_ADD_INCOMING
	};
	uint8_t v[28] = { 0 };
	unsigned type = types[draw(seed, sizeof(types))], n = 16;

	be16_put(v, (uint16_t)type);
	be32_put(v + 4, tsn_draw(seed));
	if (type == SCTP_OUTGOING_RESET) {
		be32_put(v + 8, tsn_draw(seed));
		be32_put(v + 12, tsn_draw(seed));
		be16_put(v + 16, (uint16_t)draw(seed, 4));
		n = draw(seed, 2) ? 18 : 16;
	} else if (type == SCTP_RESPONSE) {
		be32_put(v + 8, draw(seed, 8) ? SCTP_PERFORMED : draw(seed, 8));
		be32_put(v + 12, tsn_draw(seed));
		be32_put(v + 16, tsn_draw(seed));
		n = draw(seed, 2) ? 20 : 12;
	} else if (type == SCTP_INCOMING_RESET) {
		be16_put(v + 8, (uint16_t)draw(seed, 4));
		n = 10;
	} else if (type == SCTP_TSN_RESET) {
		n = 8;
	} else {
		be16_put(v + 8, (uint16_t)draw(seed, 4));
		n = 12;
	}
	be16_put(v + 2, (uint16_t)n);
	build_chunk(b, SCTP_RE_CONFIG, 0, v, n);
}

static void chunk_make(struct sctp_build *b, unsigned *seed)
{
	static const uint8_t bare[] = { SCTP_COOKIE_ACK, SCTP_SHUTDOWN_ACK, SCTP_SHUTDOWN_COMPLETE,
					SCTP_ABORT,      SCTP_HEARTBEAT,    SCTP_HEARTBEAT_ACK,
					SCTP_ERROR,      SCTP_COOKIE_ECHO,  SCTP_COOKIE_ACK };
	uint8_t v[32] = { 0 }, flags = (uint8_t)draw(seed, 8);
	uint16_t sid = (uint16_t)draw(seed, 4);
	unsigned len = draw(seed, 4) ? 1 + draw(seed, 9) : draw(seed, 90);
	uint32_t tsn = tsn_draw(seed), mid = draw(seed, 4);

	flags = draw(seed, 2) ? BUILD_BE : flags;
	switch (draw(seed, 12)) {
	case 0:
		build_init(b, draw(seed, 2) ? SCTP_INIT : SCTP_INIT_ACK, 1 + draw(seed, 3),
			   (uint16_t)draw(seed, 9), (uint16_t)draw(seed, 9),
			   draw(seed, 8) ? 1000 : 0xfffffff8);
		break;
	case 1:
		build_chunk(b, bare[draw(seed, sizeof(bare))], (uint8_t)draw(seed, 2), v,
			    draw(seed, 2) ? 0 : draw(seed, 9));
		break;
	case 2: /* SACK with gap blocks, SHUTDOWN */
		be32_put(v, tsn);
		be16_put(v + 8, (uint16_t)draw(seed, 3));
		be16_put(v + 12, 2);
		be16_put(v + 14, (uint16_t)(2 + draw(seed, 4)));
		build_chunk(b, draw(seed, 4) ? SCTP_SACK : SCTP_SHUTDOWN, 0, v,
			    draw(seed, 4) ? 12 + 4 * draw(seed, 3) : 4);
		break;
	case 3:
		be32_put(v, tsn);
		be16_put(v + 4, sid);
		be16_put(v + 6, (uint16_t)draw(seed, 4));
		be32_put(v + 8, mid);
		build_chunk(b, draw(seed, 2) ? SCTP_FORWARD_TSN : SCTP_I_FORWARD_TSN, 0, v,
			    4 + 4 * draw(seed, 4));
		break;
	case 4:
		reconfig_make(b, seed);
		break;
	case 5:
	case 6:
	case 7:
		build_i_data(b, flags, tsn, sid, mid, draw(seed, 4),
			     "abcdefghijklmnopqrstuvwxyz"
			     "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl",
			     len);
		break;
	default:
		build_data(b, flags, tsn, sid, (uint16_t)mid, draw(seed, 3),
			   "abcdefghijklmnopqrstuvwxyz"
			   "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl",
			   len);
	}
}

/* One chunk to three, mostly with the tag that the receiver chose. */
static size_t packet_make(uint8_t *out, unsigned *seed)
{
	static struct sctp_build b;
	size_t whole = 0;

	b.len = 0;
	for (unsigned n = 1 + draw(seed, 3); n; n--) {
		chunk_make(&b, seed);
		if (b.len > 255)
			break;
		whole = b.len;
	}
	out[0] = (uint8_t)(draw(seed, 2) | (draw(seed, 8) ? 0 : draw(seed, 256)));
	out[1] = (uint8_t)(draw(seed, 6) ? 1 : draw(seed, 256));
	out[2] = (uint8_t)whole;
	memcpy(out + 3, b.at, whole);
	return 3 + whole;
}

/* A number of a chunk becomes another near it, a chunk another kind, or the packet the other
 * side's. */
static void packet_tweak(uint8_t *packet, size_t len, unsigned *seed)
{
	size_t at = 3, chunk = 0, n;

	if (len < 3)
		return;
	for (unsigned k = 1; len - at >= 4; k++) {
		if (!draw(seed, k))
			chunk = at;
		n = ((size_t)be16_get(packet + at + 2) + 3) & ~(size_t)3;
		if (n < 4 || n > len - at)
			break;
		at += n;
	}
	if (!chunk || draw(seed, 8) == 0) {
		packet[draw(seed, 2)] ^= (uint8_t)(1u << draw(seed, 8));
		return;
	}
	n = be16_get(packet + chunk + 2);
	n = n < len - chunk ? n : len - chunk;
	switch (draw(seed, 4)) {
	case 0:
		if (packet[chunk] == SCTP_DATA || packet[chunk] == SCTP_I_DATA)
			packet[chunk + 1] ^= (uint8_t)(1u << draw(seed, 3));
		else
			packet[chunk] = (uint8_t)draw(seed, 20);
		break;
	case 1:
		if (n >= 12)
			be16_put(packet + chunk + 8,
				 (uint16_t)(be16_get(packet + chunk + 8) + draw(seed, 5) - 2));
		break;
	default:
		n = n < 8 ? 0 : draw(seed, (unsigned)(n < 24 ? n : 24) / 4 - 1) * 4 + 4;
		if (n)
			be32_put(packet + chunk + n,
				 be32_get(packet + chunk + n) + draw(seed, 9) - 4);
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static const struct parts steps = { .head = 3, .step = 1 };
	static const struct parts packets = {
		.head = 1, .next = packet_next, .make = packet_make, .tweak = packet_tweak
	};

	return parts_mutate(size && data[0] & 1 ? &packets : &steps, data, size, max, seed);
}
