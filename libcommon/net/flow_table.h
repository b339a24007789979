/* flow_table: every flow that is open, on the caller's memory: a size, an init, no allocation.
 *
 * Flows lie in one array; an index of cache-line buckets finds them by a keyed hash. Each timeout
 * has a list in order of last packet, so that finding what has expired costs nothing but what
 * has. The index is at most half full. */
#ifndef WEIR_FLOW_TABLE_H
#define WEIR_FLOW_TABLE_H

#include "libcommon/net/flow_key.h"
#include "libcommon/net/sctp.h"
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

enum {
	FLOW_NIL = 0xffffffff,
	FLOW_RULES = 15, /* timeouts beside those of the classes */
	FLOW_LISTS = FLOW_CLASSES * (1 + FLOW_RULES),
	FLOW_LIST_WORDS = (FLOW_LISTS + 63) / 64,
};

/* What each packet reads or changes lies together in the middle, in as few cache lines as it takes:
 * from the end of the history (letters seen) to the figures of the first of two TCP ends, and the
 * fields of the second. UDP gets by with the first three of five lines. */
struct flow {
	uint32_t label[2]; /* IPv6 flow labels that were asked for; the owner's */
	uint32_t path;     /* paths_take()'s number, 0: none */
	uint8_t mac[2][6];
	struct history history;

	struct flow_key key; /* ip_version 0: not in use */
	uint64_t id;         /* source << 48 | first frame */
	uint64_t last;       /* time of the last packet, ns */
	uint64_t packets[2]; /* all pairs: originator, responder */
	uint64_t wire_bytes[2], ip_bytes[2], payload[2];
	uint8_t class;      /* enum flow_class */
	uint8_t rule;       /* of timeouts, from 1; 0: that of its class */
	uint8_t orig;       /* index of the originator in key */
	uint8_t bits;       /* the owner's */
	uint32_t anomalies; /* reported ones */
	union {
		struct tcp tcp;
		struct sctp_assoc sctp;
	};

	uint64_t start, reported; /* reported: when it last was */
	uint32_t bad_checksums[2];
};

struct flow_table_config {
	uint32_t max_flows;
	uint64_t timeout[FLOW_CLASSES];     /* ns; UINT64_MAX = never */
	uint64_t rule_timeout[FLOW_RULES];  /* of rule 1, 2, .. */
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

/* A flow's place in the list of its class and rule. Apart from the flow, so that its neighbours
 * there are changed without a look at them: four share a cache line. */
struct flow_link {
	uint64_t touched;    /* the table's clock at the last packet, ns */
	uint32_t next, prev; /* neighbours; next of a flow given back: the next of those */
};

/* Its members are for the functions below alone. */
struct flow_table {
	struct flow_table_config config;
	struct flow_bucket *buckets;
	struct flow *flows;
	struct flow_link *links; /* of each flow */
	struct flow_choice *chosen, *scratch;
	uint64_t mask;           /* of a bucket number */
	uint64_t deadline;       /* nothing expires before */
	uint32_t count, touched; /* flows in use; flows that were ever in use */
	uint32_t free;           /* list of those given back */
	uint32_t of_class[FLOW_CLASSES];
	uint32_t pressure;                /* flows at which it begins */
	uint64_t pressures;               /* times that it began */
	bool pressed;                     /* timeouts are a tenth */
	uint64_t filled[FLOW_LIST_WORDS]; /* a bit per list that is not empty */
	struct flow_list {
		uint32_t head, tail; /* oldest, newest */
	} lists[FLOW_LISTS];         /* by class, then by rule */
};

/* Bytes for a table; 0 where the configuration can't be. */
size_t flow_table_size(const struct flow_table_config *config);
/* Takes zeroed memory of that size (fresh pages are), aligned to 64. Most of it is not touched
 * before it is used. */
struct flow_table *flow_table_init(void *memory, const struct flow_table_config *config);

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
 * NULL. flow_is() says whether it is right. proto: the key's. */
static inline struct flow *flow_table_guess(const struct flow_table *t, uint64_t hash,
					    uint8_t proto)
{
	const struct flow_bucket *b = &t->buckets[hash & t->mask];
	const size_t from = offsetof(struct flow, key) / 64 * 64;
	const size_t end = proto == PROTO_TCP || proto == PROTO_SCTP
				   ? offsetof(struct flow, tcp.half[1].handshake)
				   : offsetof(struct flow, anomalies);
	uint32_t tag = flow_hash_tag(hash);

	for (unsigned i = 0; i < FLOW_BUCKET_SLOTS; i++) {
		if (b->slots[i].tag == tag && b->slots[i].flow) {
			uint32_t at = b->slots[i].flow - 1;
			struct flow *f = &t->flows[at];

			for (size_t line = from; line <= end; line += 64)
				__builtin_prefetch((const char *)f + line, 1);
			__builtin_prefetch(&t->links[at], 1);
			return f;
		}
	}
	return NULL;
}

/* NULL where there is none. */
struct flow *flow_find(struct flow_table *t, const struct flow_key *key, uint64_t hash);
/* Half-open and closed flows end soon, whatever rule they have. */
static inline bool flow_class_ignores_rule(enum flow_class c)
{
	return c <= FLOW_SCTP_CLOSED;
}
/* A new flow, zeroed but for its key, in class c, last packet now. The table may not be full
 * and the key not in it. now never decreases over the calls that take it. A rule is given by
 * flow_set_rule(), before the next call. */
struct flow *flow_add(struct flow_table *t, const struct flow_key *key, uint64_t hash,
		      enum flow_class c, uint64_t now);
void flow_move(struct flow_table *t, struct flow *f, enum flow_class c, uint64_t now);
void flow_set_rule(struct flow_table *t, struct flow *f, unsigned rule);
static inline void flow_touch(struct flow_table *t, struct flow *f, enum flow_class c, uint64_t now)
{
	struct flow_link *l = &t->links[f - t->flows];

	if (f->class == c && l->next == FLOW_NIL) /* the newest already */
		l->touched = now;
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
/* The one of a class that is idle for longest, or NULL. */
struct flow *flow_table_oldest(struct flow_table *t, enum flow_class c);

/* How long f may be idle now, ns. Where nine tenths of the table are full, until it is down to
 * seven, every timeout is a tenth. */
uint64_t flow_timeout(const struct flow_table *t, const struct flow *f);

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
