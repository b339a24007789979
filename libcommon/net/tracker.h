/* tracker: turns a sequence of parsed packets into flows with states.
 *
 * What weir-flow is made of, without records: feed it layers, get the flow, the direction and the
 * verdict of each packet, and a call for each flow that starts or ends. On the caller's memory. */
#ifndef WEIR_TRACKER_H
#define WEIR_TRACKER_H

#include "libcommon/net/flow_rules.h"
#include "libcommon/net/flow_table.h"
#include "libcommon/net/paths.h"

/* The numbers are those of the record field `reason`. */
enum flow_end_reason {
	FLOW_END_NONE,
	FLOW_END_FIN,
	FLOW_END_RST,
	FLOW_END_IDLE,
	FLOW_END_EVICTED,
	FLOW_END_OF_INPUT,
	FLOW_END_REUSED,
	FLOW_END_ABORT,
	FLOW_END_SWAPPED, /* it goes on, but not here */
	FLOW_ENDS,
};

struct tracker_config {
	struct flow_table_config table;
	uint64_t update;               /* ns between reports of a flow that lives; 0 = none */
	const struct flow_rule *rules; /* the caller's, as long as the tracker lives */
	uint32_t nrules;
	uint32_t path_steps; /* for paths_init(); 0: no flow keeps its path */
	enum flow_key_kind kind;
	bool directional, ignore_scope;
	bool states; /* tell the state that a flow was in before each packet */
	void (*start)(void *user, const struct flow *f);
	void (*end)(void *user, const struct flow *f, enum flow_end_reason why);
	void *user;
};

struct tracked {
	/* in: filled by tracker_prepare() and the caller */
	const struct layers *layers;
	struct flow_key key;
	uint64_t hash;
	unsigned sender;
	uint64_t id;     /* of the flow that this packet would start */
	uint64_t now;    /* the clock of the timeouts: never decreasing, ns */
	uint64_t ts;     /* the packet's time, never decreasing, ns */
	uint64_t raw_ts; /* as it was recorded */
	uint32_t wire_len;
	bool csum_unready, defragmented;
	bool run; /* the same key as the packet before it */
	/* out */
	struct flow *flow; /* between tracker_prefetch() and tracker_packet(): a guess, or NULL */
	unsigned dir;
	struct tcp_result tcp; /* of others: verdict (SCTP: enum sctp_verdict), keep, flags */
	struct sctp_result sctp;
	const char *was; /* flow_state() before the packet, where asked for */
	bool is_new, update, bad_checksum;
	bool offload; /* the first accepted packet with a bad checksum of a host */
	bool gone_on; /* TCP: it goes on behind a reset that was none */
	bool reused;  /* TCP: it starts a connection in place of one that was not over */
};

struct tracker;

/* Bytes for a tracker, its table and its paths; 0 where the configuration can't be. */
size_t tracker_size(const struct tracker_config *config);
/* Takes zeroed memory of that size (fresh pages are), aligned to 64. */
struct tracker *tracker_init(void *memory, const struct tracker_config *config);

/* Key, hash and a prefetch for a packet that parsed; a batch calls it for all its packets. Then
 * each gets its tracker_packet() in turn, and its tracker_prefetch() TRACKER_AHEAD packets before
 * that, the first ones TRACKER_LAG behind their preparation: so the memory of one flow comes in
 * while others are dealt with or taken apart. before: the packet that was prepared before this one,
 * and comes before it, or NULL. */
enum { TRACKER_AHEAD = 8, TRACKER_LAG = 20 };
void tracker_prepare(struct tracker *t, struct tracked *p, const struct tracked *before);
void tracker_prefetch(struct tracker *t, struct tracked *p);
/* Ends what has expired by now, by ascending flow id. */
void tracker_time(struct tracker *t, uint64_t now);
/* f, should it still be in use, had its last packet at `now`, which lies beyond every time the
 * tracker was told so far. */
void tracker_retouch(struct tracker *t, struct flow *f, uint64_t now);
/* Where the table is full a flow is given up first. */
void tracker_packet(struct tracker *t, struct tracked *p);
/* Another function for the ends from now on. */
void tracker_on_end(struct tracker *t,
		    void (*end)(void *user, const struct flow *f, enum flow_end_reason why));
/* Ends all flows, by ascending id: closed ones by their own reason, the others by `why`. Nothing
 * may follow. */
void tracker_finish(struct tracker *t, enum flow_end_reason why);

/* Calls `each` for every flow, by ascending id. It may not call the tracker. */
void tracker_each(struct tracker *t, void (*each)(void *user, const struct flow *f));

/* The same with another context. */
void tracker_visit(struct tracker *t, void (*each)(void *ctx, const struct flow *f), void *ctx);

uint32_t tracker_count(const struct tracker *t);
const struct paths *tracker_paths(const struct tracker *t); /* NULL: none are kept */
uint64_t tracker_pressures(const struct tracker *t);        /* times that the table filled up */
uint64_t tracker_half_open_evicted(const struct tracker *t);
/* Hosts that leave checksums to their cards, so that nobody is told again. */
uint64_t tracker_hosts(const struct tracker *t);
/* Bad checksums of a host that could not be remembered: nobody was told. */
uint64_t tracker_hosts_full(const struct tracker *t);

/* Bits of flow.bits; the first two are shifted by the direction. */
enum {
	FLOW_ONE_SEEN = 4,
	FLOW_MAC_SET = 16,
	FLOW_TURNED = 64,        /* its first packet was the responder's */
	FLOW_RESP_ABORTED = 128, /* SCTP: it was the responder who sent the ABORT */
};

/* Zeek's conn_state of a flow, or NULL where it has none. */
const char *flow_conn_state(const struct flow *f);
/* The state of the connection or association; a static text, the same one for the same state. NULL
 * where there is none. */
const char *flow_state(const struct flow *f);
/* The index in flow.key of a direction's sender (0 originator). */
static inline unsigned flow_side(const struct flow *f, unsigned dir)
{
	return f->orig ^ dir;
}

#endif
