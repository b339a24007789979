/* defrag_store: where the pieces of datagrams wait, for defrag.c: pages, keys, and who holds most.
 *
 * A datagram's bytes lie in pages at their own offset, a bit per eight bytes tells what is there:
 * no list of pieces, so no piece costs more than its own length. */
#ifndef WEIR_DEFRAG_STORE_H
#define WEIR_DEFRAG_STORE_H

#include "libcommon/net/defrag.h"
#include "libcommon/net/flow_key.h"

enum {
	STORE_PAGE = 1024,
	STORE_PAGES = 64, /* of a datagram */
	STORE_WORDS = STORE_PAGE / 8 / 64,
	STORE_CHAIN_MAX = 32,
};
#define STORE_NIL UINT32_MAX

struct store_page {
	uint64_t have[STORE_WORDS];   /* units of 8 bytes that are there */
	uint64_t starts[STORE_WORDS]; /* units at which a piece starts */
	uint8_t data[STORE_PAGE];
};

/* Neighbours in a list of datagrams or groups. */
struct store_link {
	uint32_t prev, next;
};

struct store_list {
	uint32_t head, tail;
};

enum { BY_AGE, BY_PAIR, BY_SOURCE, STORE_ORDERS };

/* What the store may run out of, and a source holds. */
enum store_scale { STORE_BY_DATAGRAMS, STORE_BY_PAGES, STORE_SCALES };

struct datagram {
	struct flow_key key; /* the id lies in the ports, `unsummed` in zero[0]; IPv6: no
				protocol */
	uint32_t chain;
	uint32_t pair, source; /* groups */
	struct store_link link[STORE_ORDERS];
	uint64_t born; /* on the clock that never goes back */
	uint64_t first_n, first_ts, wire_bytes;
	uint32_t frames; /* held */
	uint32_t pieces, npages, units, anomalies;
	uint32_t end, highest;
	uint32_t before; /* with has_proto: as in the first piece */
	uint8_t proto;
	uint8_t dead; /* enum defrag_reason: discarded, and so is what comes later */
	bool has_end, has_proto;
	uint32_t pages[STORE_PAGES];
};

/* A source, or a source and a destination: its datagrams by age. */
struct group {
	struct flow_key key;
	uint32_t chain, count;
	struct store_list list;
	uint32_t weight[STORE_SCALES];
	struct store_link link[STORE_SCALES]; /* among those of the same weight */
};

/* The sources by what they hold of one thing. */
struct scale {
	struct store_list *weights; /* of sources */
	uint32_t heaviest;
	uint32_t fair; /* who holds no more than this is not the one that fills the store */
};

struct group_table {
	struct group *groups;
	uint32_t *buckets;
	uint32_t free, touched;
	unsigned order; /* BY_PAIR or BY_SOURCE */
};

struct store {
	uint32_t max_datagrams, max_pages, mask;
	struct datagram *datagrams;
	uint32_t *buckets;
	uint32_t count, touched, free;
	struct store_list age[2]; /* IPv4, IPv6 */
	struct group_table pairs, sources;
	struct scale scales[STORE_SCALES];
	struct store_page *pages;
	uint32_t pages_used, pages_touched, pages_free;
	uint64_t secret[FLOW_SECRET_WORDS];
};

/* Bytes that the tables and pages take; pages: as many as `memory` has room for. 0: too little. */
size_t store_layout(struct store *s, uint8_t *memory, uint64_t size, uint32_t datagrams);

/* NULL where there is none. *victim: set to a datagram that must go before one may be added. */
struct datagram *store_find(struct store *s, const struct flow_key *key);
/* One that has to be removed before store_add() of this key may be called, and why; else NULL.
 * Ask until it is. */
struct datagram *store_in_the_way(struct store *s, const struct flow_key *key, uint32_t per_pair,
				  enum defrag_reason *why);
/* A new datagram, zeroed but for the key. */
struct datagram *store_add(struct store *s, const struct flow_key *key);
void store_remove(struct store *s, struct datagram *g);

/* Which datagram goes where this is what lacks: the oldest of the source that holds most, if that
 * is more than its share; else the oldest of all, as then many sources fill the store, and one
 * whose datagram is large or who sends several at a time is not to blame for it. */
struct datagram *store_victim(struct store *s, enum store_scale what);
/* NULL where there is none. */
struct datagram *store_oldest_of_all(struct store *s);
/* The oldest and the newest of a family (0: IPv4, 1: IPv6), or NULL. */
struct datagram *store_oldest(struct store *s, unsigned family);
struct datagram *store_newest(struct store *s, unsigned family);

static inline struct store_page *store_page_at(const struct store *s, const struct datagram *g,
					       uint32_t page)
{
	return g->pages[page] == STORE_NIL ? NULL : &s->pages[g->pages[page]];
}
static inline uint32_t store_pages_left(const struct store *s)
{
	return s->max_pages - s->pages_used;
}
/* Adds an empty page. There must be one left. */
struct store_page *store_page_add(struct store *s, struct datagram *g, uint32_t page);
void store_pages_drop(struct store *s, struct datagram *g);

#endif
