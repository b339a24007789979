/* dns: the DNS parser of weir-dns: transactions over UDP and TCP, for the engine of l7.h. */
#ifndef WEIR_DNS_H
#define WEIR_DNS_H

#include "cmd/dns/dns_pool.h"
#include "libcommon/stage/l7.h"

extern const struct l7_parser dns_parser;

struct dns_tx;

/* What options set. */
struct dns_config {
	uint64_t timeout;     /* ns until a query counts as unanswered; 0 = at the flow's end */
	uint64_t max_pending; /* transactions remembered per flow */
	uint64_t max_memory;  /* bytes of remembered transactions, all flows */
};

/* What all flows of an engine share. */
struct dns_shared {
	struct dns_pool pool;
};

/* What became of a remembered transaction; also the index of its list in the session. */
enum dns_tx_state { DNS_WAITING, DNS_ANSWERED, DNS_GIVEN_UP, DNS_TX_STATES };

enum { DNS_BUCKETS = 16 };

/* A flow's state. All zero is a fresh one. */
struct dns_session {
	struct dns_tx *bucket[DNS_BUCKETS]; /* newest first */
	struct {
		struct dns_tx *oldest, *newest;
	} list[DNS_TX_STATES]; /* in order of their `touched` */
	uint32_t remembered;
	/* TCP: the stream ends or has a hole inside a message; where that message would have
	 * ended, 0 while its length is unknown. */
	bool partial[2];
	uint64_t frame_end[2];
	bool lost[2]; /* a gap has hidden where messages start */
};

/* One whole message. */
void dns_session_message(struct l7_flow *f, enum l7_dir dir, struct bytes wire);
/* Time has passed: queries without an answer for too long are given up. */
void dns_session_tick(struct l7_flow *f, uint64_t now);
/* The flow is over: emits what waits, forgets everything. */
void dns_session_end(struct l7_flow *f);

#endif
