/* weir: the whole of weir in one process: frames in; flow, stream and parser records out, by calls.
 *
 * What `weir read | flow | reasm | PARSER.. | json` does, without processes: the same engines, in
 * the same order, so the same records with the same fields, times and numbers. No thread, no
 * descriptor, no clock. The flow and the stream engine live on memory given at the start; the
 * parsers' engine (l7.h) allocates its tables at the start, and later a flow's state and unread
 * bytes, from blocks that it keeps and reuses, with malloc: a process that runs out of memory
 * there ends (die.h). With no parsers nothing is allocated after weir_init().
 *
 *     struct weir_config c;
 *
 *     weir_defaults(&c);
 *     c.parsers = (const struct l7_parser *[]){ &dns_parser, NULL };
 *     c.record = on_record;
 *     struct weir *w = weir_new(&c);
 *     while (..)
 *             weir_frame(w, link_type, ts, data, wire_len);
 *     weir_finish(w);
 *     weir_free(w); */
#ifndef WEIR_STAGE_WEIR_H
#define WEIR_STAGE_WEIR_H

#include "libcommon/stage/flow_engine.h"
#include "libcommon/stage/l7.h"
#include "libcommon/stage/stream_engine.h"

enum { WEIR_PARSERS_MAX = 64 };

struct weir_config {
	struct flow_engine_config flow; /* its callbacks are not looked at */
	struct stream_limits streams;
	struct l7_limits l7; /* of each parser; 0 = its default */
	/* In the order in which a flow is offered; the first that claims it has it. NULL-ended,
	 * the caller's as long as the engine lives; NULL: none. Engines may have parsers in common,
	 * in different threads as well: what a parser keeps for all flows is the engine's. */
	const struct l7_parser *const *parsers;

	/* The callbacks: each may be NULL. What they are given is valid until they return; they
	 * may not call the engine. Records come as the stages of a pipeline would write them; the
	 * order of its printers is a sort of these by (n, type, flow), stable. */
	void *user;
	/* Flow, anomaly, stream_end, session_end and whatever the parsers make: rec is desc's C
	 * struct. */
	void (*record)(void *user, const struct rec_desc *desc, const struct rec_head *h,
		       const void *rec);
	/* Packets other than of TCP and SCTP, and streams: what no parser has taken, after the
	 * parsers; with `see_all` each of them, before the parsers. */
	void (*packet)(void *user, const struct rec_head *h, const struct rec_packet *p);
	void (*stream)(void *user, const struct rec_head *h, const struct rec_stream *s);
	bool see_all;
};

/* One frame; its bytes are borrowed until the call returns. */
struct weir_frame {
	uint64_t ts;        /* ns since the epoch */
	uint32_t link_type; /* LINKTYPE_.. of pcap files: 1 = Ethernet */
	uint32_t wire_len;  /* bytes it had; data may be fewer */
	uint32_t flags;     /* FRAME_OUTGOING, FRAME_CSUM_UNREADY or 0 */
	uint16_t source;    /* 0, unless frames come from several places; below FLOW_SOURCES */
	struct bytes data;
};

struct weir;

/* The defaults of the tools, no parsers, no callbacks, and a secret from the kernel's random
 * numbers (without these: all zero; it decides nothing that is put out). */
void weir_defaults(struct weir_config *config);

/* Bytes of memory; 0 where the configuration can't be. */
size_t weir_size(const struct weir_config *config);
/* Takes zeroed memory of that size (fresh pages are), aligned to 64; most of it is not touched
 * before it is used. weir_free() leaves it to the caller. */
struct weir *weir_init(void *memory, const struct weir_config *config);
/* The same on pages of its own; NULL where the configuration or the memory can't be. */
struct weir *weir_new(const struct weir_config *config);

/* The next frame of source 0. Frames are numbered from 1 on, over all sources. */
void weir_frame(struct weir *w, uint32_t link_type, uint64_t ts, struct bytes data,
		uint32_t wire_len);
/* The next frames. Up to 32 at a time cost less each; what comes out is the same. */
void weir_frames(struct weir *w, const struct weir_frame *frames, size_t n);
/* An update record for every open flow, by ascending id. */
void weir_snapshot(struct weir *w);
/* Ends every flow, and the input: once; nothing may follow but figures and weir_free(). */
void weir_finish(struct weir *w);
/* Without weir_finish() before, what parsers allocated for open flows is lost. NULL is fine. */
void weir_free(struct weir *w);

const struct flow_engine_counters *weir_flows(struct weir *w);
const struct stream_stats *weir_streams(const struct weir *w);
/* Of the parser at this place of the list. */
const struct l7_stats *weir_parser(const struct weir *w, unsigned parser);

#endif
