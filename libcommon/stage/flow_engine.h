/* flow_engine: what weir-flow does, without a stage: frames in; packet, flow and anomaly records
 * out.
 *
 * For embedding: no thread, no descriptor, no clock, and no allocation: it runs on the caller's
 * memory. Decapsulation, defragmentation, flow table, the state of TCP and SCTP. The callbacks
 * are called from within flow_engine_frames(), flow_engine_snapshot() and flow_engine_finish();
 * what they are given is valid until they return, and they may not call the engine. */
#ifndef WEIR_FLOW_ENGINE_H
#define WEIR_FLOW_ENGINE_H

#include "libcommon/net/dedup.h"
#include "libcommon/net/defrag.h"
#include "libcommon/net/tracker.h"
#include "libcommon/record/record.h"
#include "libcommon/stage/metrics.h"

struct flow_engine_config {
	uint32_t max_flows;
	uint64_t timeout[FLOW_CLASSES]; /* ns; UINT64_MAX = never */
	const struct flow_rule *rules;  /* the caller's, as long as the engine lives */
	uint32_t nrules;
	uint64_t rule_timeout[FLOW_RULES];
	uint64_t update;  /* ns between reports of a flow that goes on; 0 = never */
	unsigned events;  /* which flow records: 1 << enum rec_flow_event */
	bool no_packets;  /* the callback `packet` is never called */
	bool no_checksum; /* checksums are not verified */
	bool ignore_scope;
	bool directional;
	bool monotonic; /* time never goes back over all sources, not for each of them */
	enum flow_key_kind key;
	struct layers_config decap;  /* layers_decap_parse() */
	struct defrag_config defrag; /* secret and callback are not looked at */
	uint64_t dedup;              /* ns within which a copy of a frame is left out; 0 = never */
	uint64_t
		secret[FLOW_SECRET_WORDS]; /* random in all bits; decides nothing that is put out */

	void (*packet)(void *user, const struct rec_head *h, const struct rec_packet *p);
	/* A flow or an anomaly record. */
	void (*emit)(void *user, const struct rec_desc *desc, const struct rec_head *h,
		     const void *rec);
	void *user;
};

/* The defaults of weir-flow(1), without secret and callbacks. */
void flow_engine_defaults(struct flow_engine_config *config);

enum flow_l4 { FLOW_L4_TCP, FLOW_L4_UDP, FLOW_L4_ICMP, FLOW_L4_SCTP, FLOW_L4_OTHER, FLOW_L4S };

/* frames = fates + joined + given_up + held + duplicate. */
struct flow_engine_counters {
	uint64_t frames;
	uint64_t fates[LAYERS_FATES]; /* LAYERS_FRAGMENT: part of a whole that another completed */
	uint64_t fragments_given_up[DEFRAG_REASONS];
	uint64_t fragments_held; /* now */
	uint64_t duplicates;     /* left out */
	uint64_t dedup_overrun;  /* copies that may have been missed */
	uint64_t started, open, ends[FLOW_ENDS];
	uint64_t half_open_evicted; /* of those evicted */
	uint64_t pressures;         /* times that the flow table filled up to nine tenths */
	uint64_t paths_refused;     /* flows that could not keep their tunnel path */
	uint64_t anomalies_suppressed;
	uint64_t time_back;      /* frames whose time lay before that of an earlier one */
	uint64_t time_jump;      /* frames by which time went on by more than a minute */
	uint64_t checksum_hosts; /* known now as ones that leave checksums to their cards */
	uint64_t checksum_hosts_full;
	/* The flows once more, by protocol; and what is known of those that have ended. What stands
	 * below here has not changed while `changes` has not. */
	uint64_t changes;
	struct {
		uint64_t started, open, ends[FLOW_ENDS];
	} l4[FLOW_L4S];
	uint64_t updates;              /* reports of flows that go on */
	uint64_t bytes[2], packets[2]; /* originators', responders'; bytes on the wire */
	struct histogram duration;     /* us */
	struct histogram flow_packets, flow_bytes; /* of both sides */
};

/* A frame record: a copy of its head; the payload is borrowed until the call returns. */
struct flow_engine_frame {
	struct rec_head head;
	struct rec_frame frame;
};

struct flow_engine;

/* Bytes of memory; 0 where the configuration can't be. */
size_t flow_engine_size(const struct flow_engine_config *config);
/* Takes zeroed memory of that size (fresh pages are), aligned to 64. Most of it is not touched
 * before it is used. The engine needs no release. */
struct flow_engine *flow_engine_init(void *memory, const struct flow_engine_config *config);

/* Takes frames in order. The more at a time, up to 32, the less each costs; what comes out is the
 * same. */
void flow_engine_frames(struct flow_engine *e, const struct flow_engine_frame *frames, size_t n);
/* An update record for every open flow, by ascending id. */
void flow_engine_snapshot(struct flow_engine *e);
/* Every open flow, by ascending id; `each` may not call the engine. */
void flow_engine_each(struct flow_engine *e, void (*each)(void *ctx, const struct flow *f),
		      void *ctx);
/* Frames up to this time, ns, have gone to others that share the input with us: what is written
 * from now on is not from before. */
void flow_engine_clock(struct flow_engine *e, uint64_t ts);
/* What is not a flow's: how far time has come, for the first 32 sources, and which anomalies are so
 * many that they are left out. Into FLOW_ENGINE_KEPT bytes; an engine that goes on where another
 * one stopped takes it up before its first frame. */
enum { FLOW_ENGINE_KEPT = 1600 };
void flow_engine_keep(const struct flow_engine *e, void *to);
void flow_engine_take_up(struct flow_engine *e, const void *from);
/* Ends all flows, by ascending id, and the input; n: the number of the last frame. Nothing may
 * follow. */
void flow_engine_finish(struct flow_engine *e, uint64_t n);
/* Another engine goes on and knows nothing of what this one has: flows end as swapped, datagrams
 * that lack fragments are given up, at the frame number n. */
void flow_engine_leave(struct flow_engine *e, uint64_t n);

const struct flow_engine_counters *flow_engine_counters(struct flow_engine *e);
const char *flow_l4_name(enum flow_l4 l4);

/* The outcome of flows as records: key, figures, tunnels. */
struct rec_key flow_record_key(const struct flow *f);

#endif
