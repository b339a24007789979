/* defrag_model: the rules of defragmentation said again, a byte at a time and a list of pieces per
 * datagram, and a script that drives both and compares. For the unit test and the fuzz target. */
#ifndef WEIR_DEFRAG_MODEL_H
#define WEIR_DEFRAG_MODEL_H

#include <stdio.h>
#include <stdlib.h>

#include "libcommon/net/defrag.h"

/* The model looks at each byte. What it does is not what is under test: where that is instrumented,
 * it would take nearly all of the time. */
#if defined(__clang__)
#define MODEL_PLAIN __attribute__((no_sanitize("address", "undefined", "coverage")))
#else
#define MODEL_PLAIN
#endif

enum { MODEL_SLOTS = 32, MODEL_PIECES = 600, MODEL_BYTES = 65536 };

struct model_datagram {
	bool used, has_end, has_proto;
	uint8_t version, proto_key, proto;
	uint8_t src, dst;
	uint64_t scope, born, first_n, wire;
	uint32_t id, frames, pieces, end, highest, before;
	enum defrag_reason dead;
	struct {
		uint32_t from, to;
	} piece[MODEL_PIECES];
	uint8_t bytes[MODEL_BYTES], known[MODEL_BYTES];
};

struct model {
	struct model_datagram slots[MODEL_SLOTS];
	enum defrag_policy policy;
	uint32_t fragments;
	uint64_t now, timeout4, timeout6;
	uint64_t pushed, whole, gone[DEFRAG_REASONS], heard[DEFRAG_REASONS];
};

static inline struct model *model_shared(void)
{
	static struct model m;

	return &m;
}

static inline uint64_t model_held(const struct model *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < MODEL_SLOTS; i++)
		sum += m->slots[i].used ? m->slots[i].frames : 0;
	return sum;
}

static inline void model_time(struct model *m, uint64_t now)
{
	m->now = now > m->now ? now : m->now;
	for (unsigned i = 0; i < MODEL_SLOTS; i++) {
		struct model_datagram *g = &m->slots[i];
		uint64_t timeout = g->version == 6 ? m->timeout6 : m->timeout4;

		if (g->used && g->born + timeout <= m->now) {
			m->gone[DEFRAG_TIMEOUT] += g->frames;
			g->used = false;
		}
	}
}

static inline struct model_datagram *model_get(struct model *m, const struct defrag_piece *p)
{
	struct model_datagram *free_slot = NULL;
	uint8_t proto = p->ip_version == 4 ? p->proto : 0;

	for (unsigned i = 0; i < MODEL_SLOTS; i++) {
		struct model_datagram *g = &m->slots[i];

		if (!g->used)
			free_slot = g;
		else if (g->version == p->ip_version && g->src == p->src[3] &&
			 g->dst == p->dst[3] && g->id == p->id && g->scope == p->scope &&
			 g->proto_key == proto)
			return g;
	}
	if (!free_slot)
		abort();
	memset(free_slot->known, 0,
	       free_slot->highest < MODEL_BYTES ? free_slot->highest : MODEL_BYTES);
	memset(free_slot, 0, offsetof(struct model_datagram, piece));
	free_slot->used = true;
	free_slot->version = p->ip_version;
	free_slot->proto_key = proto;
	free_slot->proto = p->proto;
	free_slot->src = p->src[3];
	free_slot->dst = p->dst[3];
	free_slot->scope = p->scope;
	free_slot->id = p->id;
	free_slot->born = m->now;
	return free_slot;
}

/* Only the headers that the script makes: destination options, UDP, others. */
static inline bool model_lacks_headers(uint8_t next, struct bytes data, uint32_t claimed)
{
	uint32_t len;

	if (next == 17)
		return claimed < 8;
	if (next != 60)
		return false;
	if (claimed < 8)
		return true;
	if (data.len < 2)
		return false;
	len = 8u * (data.ptr[1] + 1u);
	if (claimed < len)
		return true;
	if (data.len < len)
		return model_lacks_headers(data.ptr[0], BYTES(data.ptr, 0), claimed - len);
	return model_lacks_headers(data.ptr[0], BYTES(data.ptr + len, data.len - len),
				   claimed - len);
}

struct model_answer {
	enum defrag_result result;
	enum defrag_reason reason;
	bool overlap, differ, size;
	const uint8_t *whole;
	uint32_t len, frames;
	uint8_t proto;
	uint64_t first_n, wire;
};

static inline void model_drop(struct model *m, struct model_datagram *g, enum defrag_reason why,
			      bool with_datagram, struct model_answer *a)
{
	m->gone[why]++;
	if (with_datagram) {
		m->gone[why] += g->frames;
		g->frames = 0;
		g->dead = why;
	}
	a->result = DEFRAG_DROPPED;
	a->reason = why;
}

/* What the bytes [from, to) meet, and whether a piece was cut just like that. */
MODEL_PLAIN static void model_meet(struct model_datagram *g, uint32_t from, uint32_t to,
				   const uint8_t *data, bool *all, bool *same_cut,
				   struct model_answer *a)
{
	*all = to > from;
	for (uint32_t i = from; i < to; i++) {
		*all = *all && g->known[i];
		a->overlap = a->overlap || g->known[i];
		a->differ = a->differ || (g->known[i] && g->bytes[i] != data[i - from]);
	}
	*same_cut = false;
	for (uint32_t i = 0; i < g->pieces; i++)
		*same_cut = *same_cut || (g->piece[i].from == from && g->piece[i].to == to);
}

MODEL_PLAIN static void model_write(struct model_datagram *g, uint32_t from, uint32_t to,
				    const uint8_t *data, bool last)
{
	for (uint32_t i = from; i < to; i++) {
		if (!g->known[i] || last)
			g->bytes[i] = data[i - from];
		g->known[i] = 1;
	}
}

MODEL_PLAIN static bool model_complete(const struct model_datagram *g)
{
	for (uint32_t i = 0; i < g->end; i++) {
		if (!g->known[i])
			return false;
	}
	return g->has_end;
}

static inline struct model_answer model_push(struct model *m, const struct defrag_piece *p)
{
	enum defrag_policy policy = p->ip_version == 6 ? DEFRAG_DROP : m->policy;
	struct model_answer a = { .result = DEFRAG_HELD };
	uint32_t len = (uint32_t)p->data.len, end = p->offset + p->claimed, to;
	bool all, same_cut;
	struct model_datagram *g;

	m->pushed++;
	model_time(m, p->ts);
	if (p->damaged)
		return model_drop(m, NULL, DEFRAG_BAD_CHECKSUM, false, &a), a;
	if (!p->offset && !p->more) {
		m->whole++;
		a = (struct model_answer){ .result = DEFRAG_WHOLE,
					   .whole = p->data.ptr,
					   .len = len,
					   .frames = 1,
					   .proto = p->proto,
					   .first_n = p->n,
					   .wire = p->wire_len };
		return a;
	}
	if (!p->claimed || p->offset % 8 || (p->more && p->claimed % 8))
		return model_drop(m, NULL, DEFRAG_BAD_LENGTH, false, &a), a;
	g = model_get(m, p);
	if (g->dead)
		return model_drop(m, g, g->dead, false, &a), a;
	if ((g->has_proto ? g->before
	     : !p->offset ? p->before
			  : (p->ip_version == 4 ? 20u : 0u)) +
		    (end > g->highest ? end : g->highest) >
	    65535)
		return model_drop(m, g, DEFRAG_TOO_LARGE, true, &a), a;
	if (p->ip_version == 6 && !p->offset && model_lacks_headers(p->proto, p->data, p->claimed))
		return model_drop(m, g, DEFRAG_HEADER_CHAIN, true, &a), a;
	if ((g->has_end && (end > g->end || (!p->more && end < g->end))) ||
	    (!p->more && end < g->highest)) {
		a.size = true;
		return model_drop(m, g, DEFRAG_SIZE_INCONSISTENCY, true, &a), a;
	}
	if (len < p->claimed)
		len -= len % 8;
	to = p->offset + len;
	if (!p->offset && p->ip_version == 6 && !g->has_proto)
		g->proto = p->proto;
	model_meet(g, p->offset, to, p->data.ptr, &all, &same_cut, &a);
	if (all && !a.differ && (p->more || g->has_end) && end <= g->highest &&
	    (policy != DEFRAG_DROP || same_cut)) {
		a.overlap = false;
		return model_drop(m, g, DEFRAG_DUPLICATE, false, &a), a;
	}
	if (g->pieces >= m->fragments) {
		a.overlap = a.differ = false;
		return model_drop(m, g, DEFRAG_TOO_MANY_FRAGMENTS, true, &a), a;
	}
	if (a.overlap && policy == DEFRAG_DROP)
		return model_drop(m, g, DEFRAG_OVERLAP, true, &a), a;
	g->first_n = g->frames ? g->first_n : p->n;
	g->wire += p->wire_len;
	g->frames++;
	g->piece[g->pieces].from = p->offset;
	g->piece[g->pieces++].to = to;
	if (!g->has_proto && !p->offset)
		g->before = p->before;
	g->has_proto = g->has_proto || !p->offset;
	g->highest = end > g->highest ? end : g->highest;
	if (!p->more) {
		g->has_end = true;
		g->end = end;
	}
	model_write(g, p->offset, to, p->data.ptr, policy == DEFRAG_LAST);
	if (!model_complete(g))
		return a;
	m->whole += g->frames;
	g->used = false;
	a = (struct model_answer){ .result = DEFRAG_WHOLE,
				   .overlap = a.overlap,
				   .differ = a.differ,
				   .whole = g->bytes,
				   .len = g->end,
				   .frames = g->frames,
				   .proto = g->proto,
				   .first_n = g->first_n,
				   .wire = g->wire };
	return a;
}

static inline void model_on_gone(void *user, const struct defrag_gone *g)
{
	struct model *m = user;

	if (!g->frames || g->reason == DEFRAG_KEPT || g->reason >= DEFRAG_REASONS)
		abort();
	m->heard[g->reason] += g->frames;
}

#define MODEL_MUST(cond)                                                                           \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: piece %u: %s\n", __FILE__, __LINE__, n, #cond);           \
			return false;                                                              \
		}                                                                                  \
	} while (0)

/* How many bytes of the script a piece takes that begins with these. */
static inline size_t model_piece_len(uint8_t how)
{
	return 4u + (how & 1 ? 2 : 0) + (how & 2) + (how >> 3 & 1) + ((how & 0x30) == 0x30);
}

/* A piece from the script: where, how long, with which bytes. */
static inline void model_piece(struct cursor *c, struct defrag_piece *p, uint8_t *text,
			       uint8_t ends[2][16])
{
	uint8_t what = cursor_u8(c), how = cursor_u8(c), where = cursor_u8(c), len = cursor_u8(c);
	static const uint8_t protos[4] = { 200, 17, 60, 200 };

	p->ip_version = what & 1 ? 6 : 4;
	p->id = what >> 1 & 1;
	ends[0][3] = what >> 2 & 1;
	p->scope = what >> 3 & 1;
	p->more = what >> 4 & 3;
	p->damaged = p->ip_version == 4 && what >> 6 == 3;
	p->before = p->ip_version == 4 ? 20 + (what >> 6) * 12u : (what >> 6) * 8u;
	p->proto = protos[p->ip_version == 6 ? what >> 6 : 0];
	p->offset = where % 32 * 8u;
	p->claimed = (len % 16 + 1) * 8u;
	if (how & 1)
		p->offset = cursor_be16(c) / 8 * 8;
	if (how & 2)
		p->claimed = how & 0x10 ? cursor_be16(c) : cursor_be16(c) % 9000 / 8 * 8;
	if (how & 4 && !(len & 0xc0))
		p->claimed += len % 8;
	if (how & 8)
		p->ts += cursor_u8(c) * 250000000ull;
	for (uint32_t i = 0; i < p->claimed; i++)
		text[i] = (uint8_t)((p->offset + i) * 7 / 8);
	if (p->ip_version == 6 && !p->offset)
		text[0] = p->id ? 60 : 17, text[1] = p->proto == 60 && len >= 0xf0;
	if ((how & 0x30) == 0x30)
		text[cursor_u8(c) % (p->claimed ? p->claimed : 1)] ^= 0x55;
	p->data = BYTES(text, p->claimed);
	if ((how & 0xc0) == 0xc0)
		p->data.len = p->data.len * (len >> 4) / 16;
}

/* Tight caps: only the law is checked, as the model knows none. */
static inline bool model_run(const uint8_t *script, size_t size, void *memory, size_t memory_size)
{
	static uint8_t text[70000];
	uint8_t ends[2][16] = { { 10 }, { 20 } };
	struct cursor c = cursor_of(BYTES(script, size));
	uint8_t head = cursor_u8(&c);
	bool tight = head & 4;
	struct model *m = model_shared();
	struct defrag_config config = { .policy = head % 3 & 3, .gone = model_on_gone, .user = m };
	struct defrag_piece p = { .ts = 1, .src = ends[0], .dst = ends[1] };
	struct defrag *d;
	uint64_t gone = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < MODEL_SLOTS; i++)
		m->slots[i].used = false;
	m->pushed = m->whole = m->now = 0;
	memset(m->gone, 0, sizeof(m->gone));
	memset(m->heard, 0, sizeof(m->heard));
	m->policy = config.policy;
	m->timeout4 = 30000000000;
	m->timeout6 = 60000000000;
	config.fragments = m->fragments = head & 8 ? 4 : 256;
	config.datagrams = tight ? 6 : 64;
	config.per_pair = tight ? 1 + (head & 1) : 64;
	config.memory = tight ? 150000 : memory_size;
	MODEL_MUST(defrag_size(&config) && defrag_size(&config) <= memory_size);
	d = defrag_init(memory, &config);
	for (; cursor_left(&c) >= 4; n++) {
		struct model_answer want = { .result = DEFRAG_HELD };
		struct defrag_answer a;
		enum defrag_result r;

		model_piece(&c, &p, text, ends);
		p.n = n + 1;
		p.wire_len = p.claimed + 34;
		want = model_push(m, &p);
		r = defrag_push(d, &p, &a);
		if (tight) {
			gone += r == DEFRAG_WHOLE ? a.frames : 0;
			continue;
		}
		MODEL_MUST(r == want.result);
		MODEL_MUST(a.reason == want.reason);
		if (r != DEFRAG_DROPPED || a.reason == DEFRAG_OVERLAP) {
			MODEL_MUST(!(a.anomalies >> DEFRAG_A_OVERLAP & 1) == !want.overlap);
			MODEL_MUST(!(a.anomalies >> DEFRAG_A_INCONSISTENCY & 1) == !want.differ);
		}
		MODEL_MUST(!(a.anomalies >> DEFRAG_A_SIZE_INCONSISTENCY & 1) == !want.size);
		MODEL_MUST(defrag_held(d) == model_held(m));
		if (r != DEFRAG_WHOLE)
			continue;
		MODEL_MUST(bytes_equal(a.data, BYTES(want.whole, want.len)));
		MODEL_MUST(a.frames == want.frames && a.proto == want.proto);
		MODEL_MUST(a.first_n == want.first_n && a.wire_bytes == want.wire);
		gone += a.frames;
	}
	for (unsigned i = 0; i < DEFRAG_REASONS; i++) {
		MODEL_MUST(tight || m->heard[i] == m->gone[i]);
		gone += m->heard[i];
	}
	MODEL_MUST(m->pushed == gone + defrag_held(d));
	gone += defrag_held(d);
	defrag_finish(d);
	MODEL_MUST(defrag_held(d) == 0 && defrag_datagrams(d) == 0 && defrag_bytes(d) == 0);
	if (tight) {
		uint64_t sum = 0;

		for (unsigned i = 0; i < DEFRAG_REASONS; i++)
			sum += m->heard[i];
		MODEL_MUST(sum <= gone);
	}
	return true;
}

#endif
