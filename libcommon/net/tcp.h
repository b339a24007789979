/* tcp: the one TCP state machine. It looks at headers, says what each segment is worth, and gives
 * every payload byte a 64-bit offset in its direction. Pure; the state is the caller's memory.
 *
 * Offsets: the byte after the SYN is 0. Where the SYN was not seen, the first data byte seen is 0
 * (or the byte that the other side's first ACK of a handshake asks for); a segment from before it
 * that arrives later is out_of_window, its part from 0 on is kept. Data in a SYN is delivered at
 * offset 0. Segments within the window are delivered whatever their order: putting them in
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
	TCP_A_REUSE,
	TCP_A_BAD_CHECKSUM,
	TCP_ANOMALIES,
};
const char *tcp_anomaly_name(enum tcp_anomaly a);

enum { TCP_CANDIDATES = 4, TCP_NO_SCALE = 0xff };

struct tcp_half {
	uint64_t next;  /* offset behind the highest byte accepted */
	uint64_t acked; /* highest offset that the other side acknowledged */
	uint64_t fin;   /* offset of the FIN, where one was accepted */
	uint32_t base;  /* sequence number of offset 0 */
	uint32_t ts_recent;
	uint32_t window; /* largest receive window it advertised, scaled */
	uint32_t last_ack;
	uint32_t stray_seq; /* where a run of segments outside the window goes on */
	uint32_t candidates[TCP_CANDIDATES]; /* bases of other SYNs, before one was chosen */
	uint16_t bits;
	uint16_t mss;  /* largest segment it takes; 0: unknown */
	uint8_t state; /* enum tcp_endpoint */
	uint8_t scale; /* of its windows; TCP_NO_SCALE: unknown */
	uint8_t strays, ncandidates;
};

struct tcp {
	struct tcp_half half[2]; /* originator, responder */
	bool midstream, started;
};

struct tcp_segment {
	uint32_t seq, ack, len; /* len: payload by the headers, captured or not */
	uint16_t flags, window;
	struct bytes options;
	bool bad_checksum;
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
/* Takes one segment. A zeroed struct tcp is a new connection. h is written to. */
void tcp_input(struct tcp *t, struct history *h, unsigned dir, const struct tcp_segment *s,
	       struct tcp_result *r);

/* Is a payload of this length more than one segment? Then a card or a driver put several together,
 * and the checksum is that of the first. */
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
