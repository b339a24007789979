/* members: which flow each frame belongs to, as weir-flow sees it. */
#include "cmd/carve/members.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "libcommon/base/die.h"
#include "libcommon/stage/flow_engine.h"

/* What the pieces of a packet have in common. */
struct piece_key {
	uint8_t src[16], dst[16];
	uint64_t scope;
	uint32_t id;
	uint8_t ip_version, zero[3];
};

struct piece {
	struct piece_key key;
	uint64_t n;
	uint64_t before; /* the piece before it in its bucket; see at() */
};

struct members {
	struct flow_engine *engine;
	struct flow_engine_config config;
	size_t size;
	void (*belongs)(void *user, uint64_t n, uint64_t flow);
	void *user;
	bool is_piece; /* the frame at hand holds a fragment.. */
	struct piece_key key;
	uint64_t pieces; /* seen so far: numbered from 1 */
	uint64_t forgotten;
	uint64_t buckets[MEMBERS_FRAGMENTS]; /* the newest of each */
	struct piece ring[MEMBERS_FRAGMENTS];
};

static uint64_t *bucket_of(struct members *m, const struct piece_key *k)
{
	uint64_t h = m->config.secret[0], part;

	for (size_t i = 0; i < sizeof(*k) / 8; i++) {
		memcpy(&part, (const uint8_t *)k + 8 * i, 8);
		h = (h ^ part) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return &m->buckets[h % MEMBERS_FRAGMENTS];
}

/* Piece number `at`, or NULL where it was none or has been forgotten. */
static struct piece *piece_at(struct members *m, uint64_t at)
{
	if (at == 0 || at + MEMBERS_FRAGMENTS <= m->pieces)
		return NULL;
	return &m->ring[at % MEMBERS_FRAGMENTS];
}

static void remember(struct members *m, const struct layers *l, uint64_t n)
{
	struct piece_key *k = &m->key;
	uint64_t *bucket;
	struct piece *p;

	memset(k, 0, sizeof(*k));
	memcpy(k->src, l->src, 16);
	memcpy(k->dst, l->dst, 16);
	k->scope = l->scope;
	k->id = l->frag.id;
	k->ip_version = l->ip_version;
	bucket = bucket_of(m, k);
	p = &m->ring[++m->pieces % MEMBERS_FRAGMENTS];
	*p = (struct piece){ *k, n, *bucket };
	*bucket = m->pieces;
}

/* Packet of frames first_n .. n is whole: those between that carry its pieces are of its flow. */
static void on_packet(void *user, const struct rec_head *h, const struct rec_packet *r)
{
	struct members *m = user;
	uint64_t found = h->n;

	m->belongs(m->user, h->n, h->flow);
	if (r->first_n >= h->n || !m->is_piece)
		return;
	for (uint64_t at = *bucket_of(m, &m->key);;) {
		struct piece *p = piece_at(m, at);

		if (!p || p->n < r->first_n)
			break;
		if (p->n < h->n && memcmp(&p->key, &m->key, sizeof(m->key)) == 0) {
			m->belongs(m->user, p->n, h->flow);
			found = p->n;
		}
		at = p->before;
	}
	if (found != r->first_n) {
		m->belongs(m->user, r->first_n, h->flow);
		m->forgotten++;
	}
}

static void on_emit(void *user, const struct rec_desc *desc, const struct rec_head *h,
		    const void *rec)
{
	(void)user;
	(void)desc;
	(void)h;
	(void)rec;
}

struct members *members_new(void (*belongs)(void *user, uint64_t n, uint64_t flow), void *user)
{
	struct members *m = xcalloc(1, sizeof(*m));
	void *memory;

	m->belongs = belongs;
	m->user = user;
	flow_engine_defaults(&m->config);
	m->config.events = 0;
	m->config.packet = on_packet;
	m->config.emit = on_emit;
	m->config.user = m;
	if (getrandom(m->config.secret, sizeof(m->config.secret), 0) != sizeof(m->config.secret))
		die_errno("random numbers");
	m->size = flow_engine_size(&m->config);
	memory = mmap(NULL, m->size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		die("no memory for %u flows", m->config.max_flows);
	m->engine = flow_engine_init(memory, &m->config);
	return m;
}

void members_frame(struct members *m, const struct rec_head *h, const struct rec_frame *f)
{
	struct flow_engine_frame frame = { *h, *f };
	struct layers l;

	m->is_piece =
		layers_walk(&l, f->link_type, f->payload, &m->config.decap,
			    LAYERS_NO_CHECKSUM | layers_flags_of(f->payload.len, f->wire_len)) ==
		LAYERS_FRAGMENT;
	if (m->is_piece)
		remember(m, &l, h->n);
	flow_engine_frames(m->engine, &frame, 1);
}

uint64_t members_forgotten(const struct members *m)
{
	return m->forgotten;
}

void members_free(struct members *m)
{
	if (!m)
		return;
	munmap(m->engine, m->size);
	free(m);
}
