/* tracker: turns a sequence of parsed packets into flows with states.
 *
 * What weir-flow is made of, without records: feed it layers, get the flow, the direction and the
 * verdict of each packet, and a call for each flow that starts or ends. No allocation after
 * tracker_new(). */
#ifndef WEIR_TRACKER_H
#define WEIR_TRACKER_H

#include "libcommon/net/flow_table.h"

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
};

struct tracker_config {
	struct flow_table_config table;
	uint64_t update; /* ns between reports of a flow that lives; 0 = none */
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
	uint64_t id;  /* of the flow that this packet would start */
	uint64_t now; /* never decreasing, ns */
	uint32_t wire_len;
	bool csum_unready;
	/* out */
	struct flow *flow; /* between tracker_prefetch() and tracker_packet(): a guess, or NULL */
	unsigned dir;
	struct tcp_result tcp; /* for others: verdict, keep */
	bool is_new, update, bad_checksum;
	bool offload; /* the first accepted packet with a bad checksum of a host */
};

struct tracker;

/* NULL where there is no memory. */
struct tracker *tracker_new(const struct tracker_config *config);
void tracker_free(struct tracker *t);

/* Key, hash and a prefetch for a packet that parsed; a batch calls it for all its packets, then
 * tracker_prefetch(), then tracker_packet() one by one. */
void tracker_prepare(struct tracker *t, struct tracked *p, uint64_t scope);
void tracker_prefetch(struct tracker *t, struct tracked *p);
/* Ends what has expired by now, by ascending flow id. */
void tracker_time(struct tracker *t, uint64_t now);
/* Where the table is full a flow is given up first. */
void tracker_packet(struct tracker *t, struct tracked *p);
/* Another function for the ends from now on. */
void tracker_on_end(struct tracker *t,
		    void (*end)(void *user, const struct flow *f, enum flow_end_reason why));
/* Ends all flows, by ascending id: closed ones by their own reason, the others by `why`. Nothing
 * may follow but tracker_free(). */
void tracker_finish(struct tracker *t, enum flow_end_reason why);

uint32_t tracker_count(const struct tracker *t);
/* Bad checksums of a host that could not be remembered: nobody was told. */
uint64_t tracker_hosts_full(const struct tracker *t);

enum { FLOW_ONE_SEEN = 4, FLOW_MAC_SET = 16 }; /* bits of flow.bits, shifted by the direction */

/* Zeek's conn_state of a flow, or NULL where it has none. */
const char *flow_conn_state(const struct flow *f);
/* The index in flow.key of a direction's sender (0 originator). */
static inline unsigned flow_side(const struct flow *f, unsigned dir)
{
	return f->orig ^ dir;
}

#endif
