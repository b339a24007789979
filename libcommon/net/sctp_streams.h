/* sctp_streams: the user data of one direction of an SCTP association, in order per stream, each
 * byte at most once, and what is missing said with its reason.
 *
 * Pure, on the caller's memory. What can be delivered leaves at once, straight from the packet:
 * unordered messages of one chunk, and in each stream what comes next, fragment by fragment. What
 * waits is above a hole in the TSNs; as soon as all TSNs below a chunk are known or given up, it
 * leaves, whatever it lacks. RFC 9260 6.5-6.9, 3758, 6525, 8260.
 *
 * The laws, between any two calls:
 *     chunks = delivered + held + refused
 *     bytes = delivered_bytes + held_bytes + refused_bytes
 *     chunks + lost = (cum - base) + chunks seen above cum, and before base */
#ifndef WEIR_SCTP_STREAMS_H
#define WEIR_SCTP_STREAMS_H

#include "libcommon/net/sctp.h"
#include "libcommon/net/sctp_hold.h"

enum {
	STREAMS_WINDOW = 4096, /* TSNs above the lowest one missing */
	STREAMS_HISTORY = 64,  /* TSNs whose bytes' CRC is kept to compare repeats with */
	STREAMS_HOLDERS = 34,
	STREAMS_FORWARD = 16, /* streams kept of a FORWARD TSN that waits for its receiver */
	STREAMS_RESYNC = 8,   /* packets with chunks in a row outside the window, and no SACK within
			       * it between them, after which it is moved */
};

enum sctp_gap_reason {
	SCTP_GAP_NONE,
	SCTP_GAP_ACKED,     /* the peer has acknowledged what was not seen */
	SCTP_GAP_ABANDONED, /* the sender gave it up (FORWARD TSN) */
	SCTP_GAP_WINDOW,    /* too much waits in this direction */
	SCTP_GAP_MEMORY,    /* too much waits in all */
	SCTP_GAP_TIMER,     /* nothing of the peer is seen, and the hole is old */
	SCTP_GAP_CLOSE,
	SCTP_GAP_EVICT,
	SCTP_GAP_RESYNC,  /* the TSNs jumped */
	SCTP_GAP_SKIPPED, /* no TSN is missing: the sender left out an SSN, or a fragment */
	SCTP_GAP_REASONS,
};
const char *sctp_gap_reason_name(enum sctp_gap_reason why);

/* A message, or one fragment of it. */
struct sctp_piece {
	uint32_t tsn, ssn; /* ssn: the MID of an I-DATA chunk */
	uint32_t ppid;
	uint16_t sid;
	bool unordered, begin, end; /* begin, end: of the message */
	uint32_t missing;           /* bytes behind `bytes` that the capture lacks */
	uint64_t offset;            /* bytes of user data delivered before in this direction */
	uint64_t n, ts;             /* of the frame that it came with */
	struct bytes bytes;         /* borrowed until the call returns */
};

/* Either TSNs that are lost (tsns > 0), of no known stream; or what that means for a stream: whole
 * messages from `ssn` on (messages > 0), or a part of message `ssn` (both 0). */
struct sctp_gap {
	enum sctp_gap_reason why;
	bool of_stream;
	uint16_t sid;
	uint32_t ssn, messages;
	uint32_t tsn, tsns;
	uint64_t offset;
};

enum sctp_reset { SCTP_RESET_NONE, SCTP_RESET_STREAMS, SCTP_RESET_TSNS };

/* A response to a RE-CONFIG request; the TSNs with which its sender and its receiver go on. */
struct sctp_answer {
	uint32_t request, result;
	bool has_tsns;
	uint32_t sender_next, receiver_next;
};

struct sctp_streams;

struct sctp_sink {
	void *ctx;
	void (*piece)(void *ctx, struct sctp_streams *s, const struct sctp_piece *p);
	void (*gap)(void *ctx, struct sctp_streams *s, const struct sctp_gap *g);
	/* A TSN came again with other bytes, or for another stream. */
	void (*differs)(void *ctx, struct sctp_streams *s, uint32_t tsn, uint16_t sid);
	/* The direction is over, by `drop` of the limits: nothing more will be said of it. */
	void (*dropped)(void *ctx, struct sctp_streams *s);
};

struct sctp_limits {
	uint64_t memory;        /* bytes in all, tables included; 0 = 32 MiB */
	uint32_t streams;       /* known of one direction; 0 = 1,024. Others go by TSN alone */
	uint32_t all_streams;   /* of all directions; 0 = 65,536 */
	uint32_t held_chunks;   /* of one direction; 0 = 2,048 */
	uint32_t held_bytes;    /* likewise; 0 = 1 MiB */
	uint64_t acked_ns;      /* a hole that is acknowledged is given up after so long.. */
	uint32_t acked_packets; /* ..and so many more packets of the association */
	uint64_t timer_ns;      /* a hole of a one-sided association; 0 = 2 s */
	uint64_t secret[2];
	bool drop; /* where more waits than may, the direction is over; else a hole is given up */
};

struct sctp_group;

struct sctp_holder {
	struct sctp_holder *prev, *next;
};

/* One direction. A zeroed struct is a valid one. */
struct sctp_streams {
	uint64_t id; /* in its group; 0: not started */
	void *owner; /* the caller's */
	uint8_t which;
	uint8_t list;       /* of holders, 0 = none */
	bool from_start;    /* the first TSN was told, so SSNs begin at 0 */
	bool from_midst;    /* it is the one that was seen first */
	uint8_t lacks;      /* enum sctp_lack of this side: of neither it counts. The caller's */
	bool no_reconfig;   /* the peer offered no RE-CONFIG: only an answer shows that it followed
			     * one of this side. The caller's, until there is one, or a late one
			     * belies what a message showed */
	uint32_t base, cum; /* TSN before the first; all up to cum is known or given up */
	uint32_t highest;
	uint32_t acked; /* the peer's cumulative acknowledgement, if has_ack */
	bool has_ack;
	uint64_t unanswered_ts; /* of the first data since an acknowledgement; 0: none */
	bool has_forward;       /* forward: TSNs given up once the peer acknowledges them */
	uint32_t forward;
	bool forward_interleaved; /* and up to which message of which streams */
	uint8_t nforwards;
	struct {
		uint32_t last;
		uint16_t sid;
	} forwards[STREAMS_FORWARD];
	uint32_t strays, stray_next;
	uint64_t stray_n; /* the last packet that counted for strays */
	uint32_t streams_list, nstreams;
	enum sctp_gap_reason last_reason; /* of the last TSN that was lost */
	uint32_t last_lost;
	bool dropped;
	/* What this side has asked to begin anew and got no answer to, its streams behind
	 * reset_tsn; and the last such request that was followed. RFC 6525. */
	uint8_t resetting; /* enum sctp_reset */
	bool has_reset, reset_all;
	uint32_t reset_tsn, reset_request, reset_mark, last_reset;
	/* A message has shown that the last such request, for all TSNs, was followed, and no answer
	 * yet: its TSN, and the last one before. */
	bool shown;
	uint32_t shown_next, shown_behind;
	uint64_t hole_ts; /* since when something waits */
	uint64_t covered_ts;
	uint32_t covered_packets, covered_at;
	struct sctp_holder holder;
	uint64_t seen[STREAMS_WINDOW / 64];  /* TSNs above cum, bit TSN % window */
	uint64_t early[STREAMS_WINDOW / 64]; /* likewise up to base, from the midst */
	struct {
		uint32_t tsn, crc;
	} history[STREAMS_HISTORY];

	uint64_t chunks, bytes, delivered, delivered_bytes, messages;
	uint32_t held, held_bytes;
	uint64_t refused, refused_bytes; /* that were held, or about to, when it was dropped */
	uint64_t span;                   /* cum - base, past any wrapping, and TSNs before base */
	uint64_t lost, lost_by[SCTP_GAP_REASONS];
	uint64_t duplicates; /* came again, or too late */
	uint64_t missing_bytes, differing, out_of_window, malformed, disorder;
	uint64_t untracked, high_watermark; /* high_watermark: of held_bytes */
};

/* Bytes of memory for a group; 0: the limits leave too little room. */
size_t sctp_group_size(const struct sctp_limits *limits);
struct sctp_group *sctp_group_init(void *memory, const struct sctp_limits *limits,
				   const struct sctp_sink *sink);

/* The first TSN of the direction, from its INIT or INIT ACK. The last one
 * counts; too late once data was seen. */
void sctp_streams_start(struct sctp_group *g, struct sctp_streams *s, uint32_t initial_tsn);
/* All chunks of a packet that counts: DATA, I-DATA and FORWARD TSN for `s`, acknowledgements for
 * `peer`. snapped: the capture lacks the packet's end. */
void sctp_streams_packet(struct sctp_group *g, struct sctp_streams *s, struct sctp_streams *peer,
			 struct bytes chunks, bool snapped, uint64_t n, uint64_t ts);
/* One chunk of user data. d->bytes borrowed. */
void sctp_streams_push(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d);
/* The peer has everything up to `cum`. */
void sctp_streams_ack(struct sctp_streams *s, uint32_t cum);
/* The sender gave up everything up to `cum`. How many TSNs that was; 0: out of date, or beyond the
 * window, and ignored; or to wait for the acknowledgement, as long as those are seen, as its
 * receiver may ignore it for more reasons than are known here. RFC 3758 3.6. */
uint32_t sctp_streams_forward(struct sctp_group *g, struct sctp_streams *s, uint32_t cum);
/* And so a stream's messages up to `last`. False: they are over already, or the stream is not known
 * and can't be. */
bool sctp_streams_abandon(struct sctp_group *g, struct sctp_streams *s, uint16_t sid, uint32_t last,
			  bool interleaved);
/* The sender asks, by request number `request`, to begin anew with number 0 behind the TSN `last`:
 * the streams listed in `sids`, two bytes each; all where that is empty. One request at a time
 * counts, the last. RFC 6525 4.1, 5.1.2. */
void sctp_streams_reset_request(struct sctp_group *g, struct sctp_streams *s, uint32_t request,
				uint32_t last, struct bytes sids);
/* It asks to begin all SSNs and TSNs of both sides anew. 4.3, 5.1.4, 5.2.4. */
void sctp_streams_restart_request(struct sctp_streams *s, uint32_t request);
/* The peer's answer to either. Without it, the first chunk behind `last` that begins one of these
 * streams with 0 shows that they were reset, and.. */
void sctp_streams_reset_answer(struct sctp_group *g, struct sctp_streams *s,
			       struct sctp_streams *peer, const struct sctp_answer *answer);
/* ..one that begins a stream with 0 and a TSN far from the old ones, that all was, unless an answer
 * that comes late says otherwise. */
void sctp_streams_look_for_restart(struct sctp_group *g, struct sctp_streams *s,
				   struct sctp_streams *peer, const struct sctp_data *d);
/* Gives up holes that are due. packets: of the association so far. */
void sctp_streams_tick(struct sctp_group *g, struct sctp_streams *s, uint64_t now, uint32_t packets,
		       bool onesided);
/* The end: all that waits leaves, and memory is given back. Counters stay. */
void sctp_streams_flush(struct sctp_group *g, struct sctp_streams *s, enum sctp_gap_reason why);

/* Do the laws hold? */
bool sctp_streams_lawful(const struct sctp_streams *s);
uint64_t sctp_group_bytes(const struct sctp_group *g); /* memory that holds chunks now */

#endif
