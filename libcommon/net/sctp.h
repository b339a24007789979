/* sctp: the state of an SCTP association, as one who looks on sees it.
 *
 * It says what each packet is worth, what of it does not fit the protocol, and when the
 * association is established, closing and over. Pure; the state is the caller's memory. A packet
 * counts only with the verification tag of its receiver: a blind ABORT ends nothing. Where the
 * start was not seen, tags are learnt from the first packet. RFC 9260, 3758, 6525, 8260. */
#ifndef WEIR_SCTP_H
#define WEIR_SCTP_H

#include "libcommon/base/bytes.h"

enum {
	/* Of a packet: the rest is not looked at. Into the largest fit fewer with data. */
	SCTP_CHUNK_LIMIT = 4096,
	SCTP_RECONFIG_PARAMS = 2, /* likewise of a RE-CONFIG chunk: RFC 6525 3.1 */
};

enum sctp_chunk_type {
	SCTP_DATA = 0,
	SCTP_INIT = 1,
	SCTP_INIT_ACK = 2,
	SCTP_SACK = 3,
	SCTP_HEARTBEAT = 4,
	SCTP_HEARTBEAT_ACK = 5,
	SCTP_ABORT = 6,
	SCTP_SHUTDOWN = 7,
	SCTP_SHUTDOWN_ACK = 8,
	SCTP_ERROR = 9,
	SCTP_COOKIE_ECHO = 10,
	SCTP_COOKIE_ACK = 11,
	SCTP_SHUTDOWN_COMPLETE = 14,
	SCTP_AUTH = 15,
	SCTP_NR_SACK = 0x10, /* FreeBSD's, in place of SACK: draft-natarajan-tsvwg-sctp-nrsack */
	SCTP_UNKNOWN =
		0x3f, /* reserved; here one of those above and below that a side does not know */
	SCTP_I_DATA = 0x40,
	SCTP_RE_CONFIG = 0x82,
	SCTP_FORWARD_TSN = 0xc0,
	SCTP_I_FORWARD_TSN = 0xc2,
};

/* ---- chunks: the one walk over a packet -------------------------------------------------- */

struct sctp_chunk {
	uint8_t type, flags;
	uint16_t len;       /* by the header, the header's four bytes included */
	struct bytes value; /* behind the header, as captured */
};

struct sctp_walk {
	struct cursor c;
	unsigned chunks;
	uint8_t lacks; /* enum sctp_lack of either side. The caller's */
	bool snapped;
	bool bad_length; /* a chunk shorter than its header, or longer than the packet */
	bool too_many, ended;
};

static inline struct sctp_walk sctp_walk_of(struct bytes chunks, bool snapped)
{
	return (struct sctp_walk){ .c = cursor_of(chunks), .snapped = snapped };
}
/* The next chunk; false at the end, or where the walk can't go on: behind one of a type that ends
 * the packet for who does not know it, too. The chunk in which the capture of a snapped packet ends
 * is given as far as it goes. */
bool sctp_walk_next(struct sctp_walk *w, struct sctp_chunk *chunk);

/* ABORT and SHUTDOWN COMPLETE with the T bit carry the tag that their receiver would get from
 * them: an answer of one who knows of no association. So behind other chunks, which had the
 * receiver's tag, such a one does not count. 8.5.1. */
static inline bool sctp_is_reflected(const struct sctp_chunk *c)
{
	return (c->type == SCTP_ABORT || c->type == SCTP_SHUTDOWN_COMPLETE) && (c->flags & 1);
}

/* ---- parameters of an INIT, INIT ACK or RE-CONFIG chunk ---------------------------------- */

enum sctp_init_param {
	SCTP_RANDOM = 0x8002,            /* of who may send or take AUTH, with.. */
	SCTP_HMACS = 0x8004,             /* ..the algorithms: RFC 4895 6.1 */
	SCTP_EXTENSIONS = 0x8008,        /* chunk types, a byte each. RFC 5061 4.2.7 */
	SCTP_FORWARD_SUPPORTED = 0xc000, /* RFC 3758 3.1 */
};

enum sctp_reconfig { /* RFC 6525 4 */
		     SCTP_OUTGOING_RESET = 13,
		     SCTP_INCOMING_RESET = 14, /* asks the peer to ask for an outgoing one */
		     SCTP_TSN_RESET = 15,
		     SCTP_RESPONSE = 16,
		     SCTP_ADD_OUTGOING = 17,
		     SCTP_ADD_INCOMING = 18, /* as with 14 */
};

/* Results of a response that matter to one who looks on: any other refuses. */
enum { SCTP_PERFORMED = 1, SCTP_IN_PROGRESS = 6 };

struct sctp_param {
	uint16_t type;
	struct bytes value; /* behind type and length */
};

struct sctp_params {
	struct cursor c;
	bool bad_length; /* one does not fit: the rest is not looked at */
};

static inline struct sctp_params sctp_params_of(struct bytes params)
{
	return (struct sctp_params){ .c = cursor_of(params) };
}
bool sctp_param_next(struct sctp_params *w, struct sctp_param *param);

/* What an INIT or INIT ACK does not offer. Without both sides' offer nobody sends or takes it: RFC
 * 3758 3.3, 4895 6.1, 8260 2.2.1. Only a RE-CONFIG may be sent to one who offers it: 6525 5.1.1. */
enum sctp_lack {
	SCTP_NO_FORWARD = 1,
	SCTP_NO_RECONFIG = 2,
	SCTP_NO_NR_SACK = 4,
	SCTP_NO_AUTH = 8,
	SCTP_NO_I_DATA = 16,
};
/* 0 unless it is one, and all of it here. */
uint8_t sctp_lacks(struct bytes chunks, bool snapped);

/* ---- the association --------------------------------------------------------------------- */

enum sctp_state {
	SCTP_S_NONE,         /* nothing seen */
	SCTP_S_INIT,         /* an INIT */
	SCTP_S_INIT_ACK,     /* and its answer */
	SCTP_S_COOKIE,       /* a COOKIE ECHO */
	SCTP_S_ESTABLISHED,  /* or seen from the middle on */
	SCTP_S_SHUTDOWN,     /* one side sent a SHUTDOWN */
	SCTP_S_SHUTDOWN_ACK, /* and it was acknowledged */
	SCTP_S_CLOSED,
	SCTP_S_ABORTED,
	SCTP_STATES,
};
/* "none", "init", .. */
const char *sctp_state_name(enum sctp_state state);

struct sctp_side {
	uint32_t tag, tsn; /* that it told in its INIT or INIT ACK, or that it was sent with */
	uint32_t next_tag; /* of a later INIT or INIT ACK, until a COOKIE ECHO decides */
	uint32_t next_tsn;
	union {
		uint32_t stray_tag;   /* while its tag is not sure */
		uint32_t add_request; /* the last for more streams; its tag is sure then */
	};
	union {
		struct {
			uint16_t out, in; /* streams it asked for and takes */
		};
		uint32_t former_tag; /* its tag in the association whose place this one took: the
				      * streams of such a one are not known */
	};
	uint16_t adds; /* more that it has asked for and got no answer to */
	uint8_t bits;
	uint8_t strays : 3;
	uint8_t lacks : 5; /* enum sctp_lack, as far as it has told */
};

/* A zeroed one is a new association. */
struct sctp_assoc {
	struct sctp_side side[2]; /* originator, responder of the flow */
	uint32_t echo_tag;        /* of the last COOKIE ECHO with one that was not known, by.. */
	uint8_t echoed : 2;       /* ..that side, as a bit */
	uint8_t shutdown_by : 2;  /* bit per side that sent a SHUTDOWN */
	uint8_t goes_on : 2;      /* likewise what only comes behind a cookie found good */
	bool midstream : 1;
	bool restarted : 1;   /* it took the place of one that lived; told once */
	uint8_t state;        /* enum sctp_state */
	uint8_t pairs : 2;    /* sides whose INIT ACK kept aside answers an INIT that is, too */
	uint8_t asked : 2;    /* sides that told their tag in an INIT, and.. */
	uint8_t answered : 2; /* ..in an INIT ACK */
	uint8_t former : 3; /* packets of who began it with the tag that the other side had there */
	uint8_t turns : 3;  /* of the sides behind its end, as if it went on, and.. */
	uint8_t spoke : 2;  /* ..who had the last one, as a bit */
};

/* What a packet is worth. The numbers from 1 on are reasons why its data is not taken. */
enum sctp_verdict {
	SCTP_DELIVER, /* it carries user data that counts */
	SCTP_NO_DATA,
	SCTP_BAD_CHECKSUM,
	SCTP_BAD_TAG,
	SCTP_BAD_INIT, /* an INIT or INIT ACK that may not be sent so */
	SCTP_AFTER_CLOSE,
	SCTP_AFTER_ABORT,
	SCTP_MALFORMED, /* no chunk in it can be read */
};

enum sctp_result_flags {
	SCTP_R_ESTABLISHED = 1, /* it became established */
	SCTP_R_CLOSING = 2,     /* a first SHUTDOWN */
	SCTP_R_CLOSED = 4,
	SCTP_R_ABORT = 8, /* an ABORT that was accepted */
	SCTP_R_MIDSTREAM = 16,
	SCTP_R_TSN = 32,      /* initial_tsn of this direction has become known */
	SCTP_R_TSN_PEER = 64, /* and that of the other one */
	SCTP_R_RESYNC = 128,  /* other tags were adopted */
};

/* Bits of sctp_result.anomalies. */
enum sctp_anomaly {
	SCTP_A_BAD_CHECKSUM,
	SCTP_A_BAD_TAG,
	SCTP_A_ABORT_BAD_TAG,
	SCTP_A_INIT_TAG,      /* an INIT whose packet has a tag */
	SCTP_A_INIT_ZERO_TAG, /* it tells the tag 0 */
	SCTP_A_INIT_NO_STREAMS,
	SCTP_A_INIT_BUNDLED,
	SCTP_A_INIT_UNEXPECTED, /* inside an association */
	SCTP_A_INIT_CHANGED,    /* repeated with another tag, or TSN */
	SCTP_A_SIMULTANEOUS_OPEN,
	SCTP_A_INIT_ACK_UNEXPECTED,
	SCTP_A_COOKIE_ECHO_UNEXPECTED,
	SCTP_A_COOKIE_ECHO_NOT_FIRST,
	SCTP_A_COOKIE_ACK_UNEXPECTED,
	SCTP_A_DATA_BEFORE_ESTABLISHED,
	SCTP_A_DATA_AFTER_SHUTDOWN,
	SCTP_A_DATA_AFTER_CLOSE,
	SCTP_A_DATA_EMPTY,
	SCTP_A_DATA_BAD_STREAM, /* beyond the streams agreed on */
	SCTP_A_SHUTDOWN_ORDER,
	SCTP_A_CHUNK_LENGTH,
	SCTP_A_TOO_MANY_CHUNKS,
	SCTP_A_RESYNC,
	SCTP_A_RESTART,
	SCTP_ANOMALIES,
};
/* "sctp_bad_tag", ..; what was expected, in words; and the RFC and section that
 * say so. */
const char *sctp_anomaly_name(enum sctp_anomaly a);
const char *sctp_anomaly_expected(enum sctp_anomaly a);
const char *sctp_anomaly_rule(enum sctp_anomaly a);
/* "DATA", "INIT", ..; NULL for a type without a name. */
const char *sctp_chunk_name(uint8_t type);

struct sctp_packet {
	uint32_t tag;
	struct bytes chunks; /* behind the common header, as captured */
	bool snapped;        /* the capture lacks the end */
	bool bad_checksum;
};

struct sctp_result {
	uint8_t verdict;
	uint16_t flags;
	uint16_t chunks, data_chunks;
	uint32_t data_bytes;  /* of user data, by the headers */
	uint32_t initial_tsn; /* with SCTP_R_TSN; .._peer with SCTP_R_TSN_PEER */
	uint32_t initial_tsn_peer;
	uint32_t anomalies;            /* 1 << enum sctp_anomaly; for each of them: */
	uint8_t event[SCTP_ANOMALIES]; /* the type of the first chunk that raised it */
	uint8_t state[SCTP_ANOMALIES]; /* the state that chunk met */
};

enum sctp_reuse {
	SCTP_REUSE_NONE,
	SCTP_REUSE_BEGUN,    /* by the packet's sender */
	SCTP_REUSE_ANSWERED, /* by its receiver, with whose new tag it was sent */
};

/* Does this packet show another association between the same ports? Then the old one is over and
 * the packet goes to the one that sctp_successor() makes of it. An INIT alone does so only where
 * the old one is over. Else its receiver has to have found the cookie good (5.2.2, 5.2.4), which
 * one who looks on can't: the COOKIE ECHO has to have the tag of an INIT ACK that was seen, or what
 * only comes behind it was sent with the tag of the INIT. Of a peer that was never seen the COOKIE
 * ECHO is believed, as there will be no better; and where the old one is over, as its cookie may
 * open it again. One who sends packets of both sides can make up all of it; but where the old
 * association goes on, it is taken up again, in its midst. */
enum sctp_reuse sctp_is_reuse(const struct sctp_assoc *t, unsigned dir,
			      const struct sctp_packet *p);
struct sctp_assoc sctp_successor(const struct sctp_assoc *t, unsigned dir,
				 const struct sctp_packet *p);
void sctp_assoc_input(struct sctp_assoc *t, unsigned dir, const struct sctp_packet *p,
		      struct sctp_result *r);

/* The CRC32c of a whole SCTP packet, common header included, as it has to be sent; false: it
 * differs from the one in the packet, or that is cut. The old Adler-32 is not accepted. */
bool sctp_checksum_right(struct bytes packet);

enum sctp_phase { SCTP_OPENING, SCTP_OPEN, SCTP_OVER };
enum sctp_phase sctp_phase(const struct sctp_assoc *t);

#endif
