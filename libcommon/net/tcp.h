/* tcp: the one TCP state machine. It looks at headers, says what each segment is worth, and gives
 * every payload byte a 64-bit offset in its direction. Pure; the state is the caller's memory.
 *
 * Offsets: the byte after the SYN is 0. Where the SYN was not seen, the first data byte seen is 0
 * (or the byte that the other side's first ACK of a handshake asks for, or at which an empty
 * segment before it stands); a segment from before it that arrives later is out_of_window, its part
 * from 0 on is kept. Data in a SYN is TCP_SYN_DATA_HELD at offset 0: it counts once the other side
 * acknowledges it. Segments within the window are delivered whatever their order: putting them in
 * sequence, and comparing overlaps, is the business of whoever reads the bytes. RFC 9293, 7323,
 * 5961, 7413. */
#ifndef WEIR_TCP_H
#define WEIR_TCP_H

#include "libcommon/net/history.h"
#include "libcommon/net/layers.h"

/* The numbers are those of the record field `verdict`. */
enum tcp_verdict {
	TCP_DELIVER,
	TCP_NO_DATA,
	TCP_BAD_CHECKSUM,
	TCP_OUT_OF_WINDOW,
	TCP_PAWS,
	TCP_AFTER_FIN,
	TCP_AFTER_RESET,
	TCP_BAD_SYN,
	TCP_BAD_SYN_ACK,
	TCP_RST_DATA,
	TCP_KEEPALIVE,
	TCP_SYN_DATA_HELD,
	TCP_RST_SUSPECT,
	TCP_MALFORMED,
};

/* What one side has done, as Zeek counts it. */
enum tcp_endpoint {
	TCP_END_INACTIVE,
	TCP_END_SYN_SENT,
	TCP_END_SYN_ACK_SENT,
	TCP_END_PARTIAL, /* seen, but not from the start */
	TCP_END_ESTABLISHED,
	TCP_END_CLOSED, /* sent a FIN */
	TCP_END_RESET,  /* sent an RST that was accepted */
};

/* The numbers, but for TCP_R_ESTABLISHED, are those of the record field `flags`. */
enum tcp_result_flags {
	TCP_R_MIDSTREAM = 2,    /* the start of the connection was not seen */
	TCP_R_ANCHOR = 4,       /* this segment fixes (after a resync: continues) the offsets */
	TCP_R_FIN = 8,          /* closes this direction at offset + keep */
	TCP_R_RST = 16,         /* a reset that was accepted */
	TCP_R_ONESIDED = 512,   /* nothing of the other side was seen so far */
	TCP_R_ACK_VALID = 1024, /* the acknowledgement may prove a hole */
	TCP_R_ESTABLISHED = 1 << 16, /* the handshake became complete */
};

/* Bits of tcp_result.anomalies; tcp_anomaly_name() gives their names. */
enum tcp_anomaly {
	TCP_A_DATA_BEFORE_ESTABLISHED,
	TCP_A_SYN_INSIDE,
	TCP_A_SYN_SEQ_JUMP,
	TCP_A_SYN_AFTER_PARTIAL,
	TCP_A_SYN_WITH_DATA,
	TCP_A_BAD_SYN_ACK,
	TCP_A_SIMULTANEOUS_OPEN,
	TCP_A_RST_WITH_DATA,
	TCP_A_RST_SUSPECT,
	TCP_A_SPONTANEOUS_RST,
	TCP_A_SPONTANEOUS_FIN,
	TCP_A_DATA_AFTER_RESET,
	TCP_A_DATA_AFTER_FIN,
	TCP_A_FIN_ADVANCED,
	TCP_A_INAPPROPRIATE_FIN,
	TCP_A_CHRISTMAS,
	TCP_A_PAWS,
	TCP_A_RESYNC,
	TCP_A_REUSE, /* set by the tracker, which asks tcp_is_reuse() */
	TCP_A_BAD_CHECKSUM,
	TCP_A_FIN_AFTER_RESET,
	TCP_A_SYN_AFTER_CLOSE,
	TCP_A_SYN_AFTER_RESET,
	TCP_A_SCALE_RANGE,
	TCP_A_SPLIT_ROUTING,
	TCP_A_OUT_OF_WINDOW,
	TCP_A_NO_ACK,
	TCP_ANOMALIES,
};
/* The machine name (Zeek's where it has one with the same meaning), what happened, and what was to
 * be expected in its place: static texts of one line, without a full stop. */
const char *tcp_anomaly_name(enum tcp_anomaly a);
const char *tcp_anomaly_event(enum tcp_anomaly a);
const char *tcp_anomaly_expected(enum tcp_anomaly a);
/* The RFC and section that say so, or NULL. */
const char *tcp_anomaly_rule(enum tcp_anomaly a);

/* Initial sequence numbers of a side that are remembered before one is chosen, beside the last. */
enum { TCP_CANDIDATES = 9, TCP_NO_SCALE = 0xff };

/* Its members are for the functions of tcp alone; tcp_figures_get() shows what others may want. */
struct tcp_half {
	uint64_t next;  /* offset behind the highest byte accepted */
	uint64_t acked; /* highest offset that the other side acknowledged */
	uint32_t fin;   /* low half of the FIN's offset, where one was accepted; before that, with
			   hole_at, of where the last hole ends */
	uint32_t base;  /* sequence number of offset 0 */
	uint32_t ts_recent; /* 0: none */
	uint32_t window;    /* largest receive window it advertised, scaled */
	uint32_t last_ack;
	uint32_t stray_seq; /* where a run of segments that are not taken goes on */
	uint16_t bits;
	uint16_t mss;  /* largest segment it takes; 0: unknown */
	uint8_t state; /* enum tcp_endpoint */
	uint8_t scale; /* of its windows; TCP_NO_SCALE: unknown */
	uint8_t strays : 7;
	uint8_t doubtful_fin : 1; /* a FIN at `next` that its receiver may have dropped */
	uint8_t ncandidates;      /* TCP_CHOSEN: the figures are in use */
	uint32_t timed_at;        /* us, low half: when the segment was sent that is timed */
	uint32_t timed_end;       /* low half of the offset whose acknowledgement ends that */
	uint32_t hole_at;   /* us + 1, low half: when it left a hole behind that is not known to be
			       filled; 0: none */
	uint32_t handshake; /* us + 1; 0: unknown */
	uint16_t ece, cwr;  /* as many as fit */
	union {
		uint32_t candidates[TCP_CANDIDATES]; /* bases of other SYNs */
		struct {
			uint32_t rtt_sum[2]; /* us: low half, high half */
			uint32_t rtt_min, rtt_max, rtt_count;
			uint32_t out_of_order, dup_acks, ce;
			uint32_t repeated_bytes; /* as many as fit */
		};
	};
};

struct tcp {
	uint16_t last_window[2];
	bool midstream, started;
	struct tcp_half half[2]; /* originator, responder */
};

struct tcp_segment {
	uint32_t seq, ack, len; /* len: payload by the headers, captured or not */
	uint16_t flags, window;
	uint8_t ecn; /* the two ECN bits of the IP header; 0: none, or unknown */
	bool bad_checksum;
	struct bytes options;
	uint64_t now;  /* ns, never decreasing */
	uint64_t idle; /* ns since the flow's last packet */
};

struct tcp_result {
	uint8_t verdict;
	uint32_t flags, anomalies; /* anomalies: 1 << enum tcp_anomaly */
	uint64_t offset;           /* of the first byte kept */
	uint32_t skip, keep;       /* which part of the payload counts */
};

/* Does this segment start a new connection on the same tuple? Ask before tcp_input(); if so, the
 * old flow is over and the segment goes to a new one. */
bool tcp_is_reuse(const struct tcp *t, unsigned dir, const struct tcp_segment *s);
/* Does this segment go on with a connection of whose FIN or reset the other side knows nothing, as
 * it acknowledged what came behind, or the side itself that has reset it, likewise? Behind a FIN
 * only the side that sent it. Ask as above; the new flow is one from its middle. */
bool tcp_goes_on(const struct tcp *t, unsigned dir, const struct tcp_segment *s);
/* The start of that flow: each side stands where the other one has acknowledged it. */
struct tcp tcp_rest(const struct tcp *t);
/* Takes one segment. A zeroed struct tcp is a new connection. h is written to. */
void tcp_input(struct tcp *t, struct history *h, unsigned dir, const struct tcp_segment *s,
	       struct tcp_result *r);

/* What is known of one side: the segments it sent, unless it says otherwise. Segments with a bad
 * checksum, outside the window or rejected by their timestamp count nowhere. Times are those of the
 * capture, to the microsecond (below it they are cut off), so an RTT is that between the place of
 * the capture and the other side, the other side's delay (delayed ACKs) included. */
struct tcp_figures {
	/* From its SYN (or SYN/ACK) to the first segment that acknowledges it, ns. Unset where the
	 * SYN was sent more than once: Karn's rule, RFC 6298 3. Both sides' sum is tshark's
	 * initial_rtt. */
	uint64_t handshake_rtt;
	bool has_handshake_rtt;
	/* From a segment with new data to the acknowledgement that covers its end, ns. One segment
	 * is timed at a time; none while it repeats anything (Karn), none that leaves a hole. */
	uint64_t rtt_min, rtt_max, rtt_sum;
	uint32_t rtt_count;
	/* Segments with data none of which lies behind the highest byte seen, as Zeek's history
	 * letter t counts them, less those out of order. */
	uint32_t retransmitted;
	/* Bytes of those segments, and of the front parts of segments that repeat and go on, up to
	 * 4 GiB. */
	uint32_t repeated_bytes;
	/* Segments with data none of which lies behind the highest byte seen, not yet acknowledged,
	 * that come within the round trip of the handshake (3 ms where it is not known) after this
	 * side left a hole: tshark's rule, with the time of the hole in place of that of the last
	 * segment, as a fast retransmission follows other segments closely. */
	uint32_t out_of_order;
	/* Segments without data, SYN or FIN that acknowledge the same as the one before with an
	 * equal window, while the other side has sent more: RFC 5681 2. */
	uint32_t dup_acks;
	/* Segments that announce a window of 0; no resets, none behind the other side's FIN (as
	 * Zeek's history letter w). */
	uint32_t zero_windows;
	/* Its packets that a router marked (IP ECN bits 3), from the end of the handshake on; its
	 * segments with ECE and with CWR but the SYNs, up to 65,535 each. RFC 3168. */
	uint32_t ce;
	uint16_t ece, cwr;
	/* From its SYN: the largest segment it takes, 0 for none said; the shift of its windows
	 * where both sides offer one, TCP_NO_SCALE where that is not known; SACK permitted. */
	uint16_t mss;
	uint8_t scale;
	bool sack;
	bool ecn; /* both sides agreed on ECN: SYN with ECE and CWR, SYN/ACK with ECE alone */
};
/* What is known of the side `dir`; h is the history that tcp_input() was given. */
void tcp_figures_get(const struct tcp *t, const struct history *h, unsigned dir,
		     struct tcp_figures *f);

/* Is a payload of this length more than one segment, and more than a frame carries? Then a card or
 * a driver put several together, and the checksum is that of the first. It is for packets that came
 * whole: those put together of IP fragments were sent so. */
bool tcp_is_merged(const struct tcp *t, unsigned dir, uint32_t len);

enum tcp_phase { TCP_OPENING, TCP_ONE_WAY, TCP_OPEN, TCP_OVER };
/* For timeouts: opening (no byte yet, not established), one-way (data of one side, from the
 * middle), open, over (both sides closed, or reset). */
enum tcp_phase tcp_phase(const struct tcp *t);
/* Was it a reset that ended it? */
bool tcp_was_reset(const struct tcp *t);
/* Zeek's conn_state at the end. */
const char *tcp_conn_state(const struct tcp *t);
/* "syn_sent", "established", ..: one word for the connection. */
const char *tcp_state_name(const struct tcp *t);

#endif
