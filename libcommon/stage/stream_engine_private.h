/* stream_engine_private: what the files of the stream engine share. */
#ifndef WEIR_STREAM_ENGINE_PRIVATE_H
#define WEIR_STREAM_ENGINE_PRIVATE_H

#include "libcommon/stage/stream_engine.h"
#include "libcommon/stage/stream_flows.h"

struct tcp_flow {
	struct stream_flow f;
	struct assembly dir[2];
};

struct sctp_flow {
	struct stream_flow f;
	struct sctp_streams dir[2];
	uint64_t missed[2]; /* bytes that the capture lacks, told as gaps */
	uint64_t gaps[2];
};

struct sctp_open {
	struct stream_flow f;
	uint32_t tsn[2];
	bool has_tsn[2];
	uint8_t lacks[2]; /* enum sctp_lack */
};

struct stream_engine {
	struct stream_host host;
	struct stream_stats stats;
	struct rec_head now; /* of the record at hand */
	struct stream_flows flows;
	struct assembly_group group;
	struct stream_limits limits;
	struct sctp_group *sctp; /* NULL until an association carries data */
	void *sctp_memory;
	/* By source, 0 = nothing seen yet: a flow that began before this frame may have lost its
	 * beginning here, since the stage attached later, or evicted it. */
	uint64_t *late_before;
};

/* A flow of that kind, for which another may have to go. */
struct stream_flow *engine_add(struct stream_engine *e, enum stream_kind kind,
			       const struct rec_head *h, const struct rec_packet *p);
void engine_remove(struct stream_engine *e, struct stream_flow *f);
struct rec_key engine_key(const struct stream_flow *f);
/* With the flow's key, and as long as it had not too many. */
void engine_anomaly(struct stream_engine *e, struct stream_flow *f, struct rec_anomaly *a);
/* Adds a direction to the sums. gaps: bytes by enum assembly_gap. */
void engine_account(struct stream_engine *e, const struct rec_stream_end *end, const uint64_t *gaps,
		    bool lawful);

void engine_sctp_packet(struct stream_engine *e, const struct rec_head *h,
			const struct rec_packet *p);
void engine_sctp_end(struct stream_engine *e, struct stream_flow *f, enum rec_stream_reason why);

#endif
