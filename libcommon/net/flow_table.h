/* flow_table: every flow that is open, on memory taken at the start.
 *
 * Flows lie in one array; an index of cache-line buckets finds them by a keyed hash. Each timeout
 * class has a list in order of last packet, so that finding what has expired costs nothing but
 * what has. The index is at most half full. Pure but for the one allocation. */
#ifndef WEIR_FLOW_TABLE_H
#define WEIR_FLOW_TABLE_H

#include "libcommon/net/flow_key.h"
#include "libcommon/net/tcp.h"

/* What decides how long a flow may be idle, and who goes first when the table is full. */
enum flow_class {
	FLOW_TCP_NEW, /* half open */
	FLOW_TCP_CLOSED,
	FLOW_SCTP_NEW,
	FLOW_SCTP_CLOSED,
	FLOW_UDP_ONE_WAY,
	FLOW_ICMP,
	FLOW_OTHER,
	FLOW_TCP_ONE_WAY, /* data of one side only, the start not seen */
	FLOW_UDP,
	FLOW_SCTP,
	FLOW_TCP,
	FLOW_CLASSES,
};

enum { FLOW_NIL = 0xffffffff };

enum sctp_over { SCTP_GOES_ON, SCTP_SHUT_DOWN, SCTP_ABORTED };

struct sctp {
	uint32_t tag[2]; /* that each side asked the other one to use */
	bool has_tag[2];
	uint8_t over; /* enum sctp_over */
};

/* What each packet reads or changes comes first, in as few cache lines as it takes. */
struct flow {
	struct flow_key key; /* ip_version 0: not in use */
	uint32_t next, prev; /* neighbours in the list of the class */
	uint64_t last;       /* the table's clock at the last packet, ns */

	uint64_t packets[2]; /* all pairs: originator, responder */
	uint64_t wire_bytes[2], ip_bytes[2], payload[2];

	uint64_t id;   /* source << 48 | first frame */
	uint8_t class; /* enum flow_class */
	uint8_t orig;  /* index of the originator in key */
	uint8_t bits;  /* the owner's */
	uint8_t nvlans;
	uint32_t anomalies; /* reported ones */
	union {
		struct tcp tcp;
		struct sctp sctp;
	};
	struct history history;

	uint64_t start, reported; /* reported: when it last was */
	uint32_t bad_checksums[2];
	uint8_t mac[2][6];
	uint16_t vlans[4]; /* outermost first, as many as fit */
};

struct flow_table_config {
	uint32_t max_flows;
	uint64_t timeout[FLOW_CLASSES];     /* ns; UINT64_MAX = never */
	uint64_t secret[FLOW_SECRET_WORDS]; /* random in all bits: small numbers hash badly */
};

enum { FLOW_BUCKET_SLOTS = 7 };

/* One cache line. A flow lies in the first bucket from its home on that had a free slot;
 * `passed` counts the flows that went further, so a search ends where it is 0. */
struct flow_bucket {
	uint32_t passed, unused;
	struct flow_slot {
		uint32_t tag, flow; /* flow: index + 1, 0 = free */
	} slots[FLOW_BUCKET_SLOTS];
};

/* Its members are for the functions below alone. */
struct flow_table {
	struct flow_table_config config;
	struct flow_bucket *buckets;
	struct flow *flows;
	struct flow_choice *chosen, *scratch;
	uint64_t mask;           /* of a bucket number */
	uint64_t deadline;       /* nothing expires before */
	uint32_t count, touched; /* flows in use; flows that were ever in use */
	uint32_t free;           /* list of those given back */
	struct flow_list {
		uint32_t head, tail; /* oldest, newest */
	} lists[FLOW_CLASSES];
};

/* NULL where there is no memory. */
struct flow_table *flow_table_new(const struct flow_table_config *config);
void flow_table_free(struct flow_table *t);

/* Is f, which need not be in use any more, the flow of this key? */
static inline bool flow_is(const struct flow *f, const struct flow_key *key)
{
	return flow_key_equal(&f->key, key);
}

static inline uint64_t flow_hash(const struct flow_table *t, const struct flow_key *key)
{
	return flow_key_hash(key, t->config.secret);
}

static inline uint32_t flow_hash_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

/* Asks for the index's cache line. */
static inline void flow_table_prefetch(const struct flow_table *t, uint64_t hash)
{
	__builtin_prefetch(&t->buckets[hash & t->mask], 1);
}

/* Some packets later: asks for the flow's own, and returns the flow that the key probably has, or
 * NULL. flow_is() says whether it is right. */
static inline struct flow *flow_table_guess(const struct flow_table *t, uint64_t hash)
{
	const struct flow_bucket *b = &t->buckets[hash & t->mask];
	uint32_t tag = flow_hash_tag(hash);

	for (unsigned i = 0; i < FLOW_BUCKET_SLOTS; i++) {
		if (b->slots[i].tag == tag && b->slots[i].flow) {
			struct flow *f = &t->flows[b->slots[i].flow - 1];

			for (size_t at = 0; at < offsetof(struct flow, history); at += 64)
				__builtin_prefetch((const char *)f + at, 1);
			return f;
		}
	}
	return NULL;
}

/* NULL where there is none. */
struct flow *flow_find(struct flow_table *t, const struct flow_key *key, uint64_t hash);
/* A new flow, zeroed but for its key, in class c, last packet now. The table may not be full
 * and the key not in it. now never decreases over the calls that take it. */
struct flow *flow_add(struct flow_table *t, const struct flow_key *key, uint64_t hash,
		      enum flow_class c, uint64_t now);
void flow_move(struct flow_table *t, struct flow *f, enum flow_class c, uint64_t now);
static inline void flow_touch(struct flow_table *t, struct flow *f, enum flow_class c, uint64_t now)
{
	if (f->class == c && f->next == FLOW_NIL) /* the newest already */
		f->last = now;
	else
		flow_move(t, f, c, now);
}
void flow_remove(struct flow_table *t, struct flow *f, uint64_t hash);

static inline uint32_t flow_table_count(const struct flow_table *t)
{
	return t->count;
}

static inline bool flow_table_full(const struct flow_table *t)
{
	return t->count == t->config.max_flows;
}

/* The flow to give up where the table is full: the oldest half-open or closed one, else the
 * oldest of one side only, else the one idle for longest, established TCP last. */
struct flow *flow_table_victim(struct flow_table *t);

/* Where nothing has expired at `now`, false: one comparison. */
static inline bool flow_table_due(const struct flow_table *t, uint64_t now)
{
	return now >= t->deadline;
}

/* The flows that were idle for their timeout at `now`, by ascending id. Returns how many; get
 * them by flow_table_chosen(). They stay in the table until flow_remove(). */
size_t flow_table_expired(struct flow_table *t, uint64_t now);
/* All flows, by ascending id. They stay in the table. */
size_t flow_table_all(struct flow_table *t);
/* One of those last chosen; also asks for the memory of some further on. */
struct flow *flow_table_chosen(struct flow_table *t, size_t i);

#endif
