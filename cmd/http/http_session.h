/* http_session: the state of one flow, shared by the parts that read its heads and its bodies. */
#ifndef WEIR_HTTP_SESSION_H
#define WEIR_HTTP_SESSION_H

#include "cmd/http/http.h"
#include "cmd/http/http_body.h"
#include "cmd/http/http_exchange.h"

enum {
	HTTP_HEAD_MAX = 65536,
	HTTP_FIELDS_MAX = 256,
	HTTP_FOLDS_MAX = 64,
	HTTP_OUTSTANDING_MAX = 256,
	HTTP_HELD_FLOW = 512 * 1024,
};
#define HTTP_HELD_ALL (256ull << 20)

enum http_phase {
	HTTP_START, /* between messages */
	HTTP_HEAD,  /* in field lines */
	HTTP_BODY,
	HTTP_RESYNC, /* looking for the next message */
	HTTP_OVER,   /* this direction has ended */
};

enum http_cl { HTTP_CL_NONE, HTTP_CL_GOOD, HTTP_CL_DIFFERS, HTTP_CL_BAD };

struct http_side {
	enum http_phase phase;
	struct http_exchange *ex; /* whose message is being read; NULL between messages */
	uint64_t at;              /* stream offset of the next byte that is not accounted for */
	uint32_t early;           /* tags seen before there was an exchange for them */
	uint64_t messages;
	uint64_t gap_before; /* bytes lost between messages, not yet laid at an exchange's door */
	bool lost;           /* a gap may have swallowed messages of this side */
	bool by_gap;         /* RESYNC: because of a gap */

	/* of the head at hand */
	bool rest;        /* in the rest of an overlong line */
	bool start_line;  /* .. which is the start line */
	uint8_t tail[12]; /* its last bytes */
	uint8_t ntail;
	bool interim; /* a 1xx response: its fields do not count */
	bool old;     /* HTTP/1.0 or older */
	bool expect;  /* Expect: 100-continue: the body may never be sent */
	uint16_t code;
	unsigned fields, folds, hosts;
	uint64_t head_bytes;
	bool field_open, field_cut;
	struct buf field; /* the field line at hand, folds joined; at most HTTP_LINE_MAX bytes */
	enum http_cl cl;
	uint64_t length;
	struct http_codings te;

	struct http_body body;
};

struct http_session {
	struct http_side side[2];          /* by enum http_who */
	bool oriented, swapped;            /* swapped: the responder is the client */
	bool over;                         /* l7_done() was called */
	bool pipelined;                    /* two requests were seen outstanding without a loss */
	struct http_exchange *head, *last; /* open exchanges, in order of requests */
	struct http_exchange *unanswered;  /* the first of them whose response has not begun */
	unsigned count;
	unsigned ghosts; /* responses to come for requests that were given up */
	uint32_t next_id;
	size_t held;
};

/* ---- http_pairing.c: the open exchanges of a flow ---- */

enum l7_dir http_dir(const struct http_session *s, enum http_who who);
/* Notes an anomaly of the message at hand: once for each message. */
void http_raise(struct l7_flow *f, enum http_who who, enum http_tag tag);
/* Brings the memory that ex holds into the accounts. */
void http_account(struct l7_flow *f, struct http_exchange *ex);
/* A new exchange, the youngest, which begins now. front: before all others, for a response whose
 * request was given up. Where too many are open, an older one goes out first. */
struct http_exchange *http_exchange_new(struct l7_flow *f, enum http_who who, bool front);
/* Emits ex, which is in no list any more, and frees it. */
void http_exchange_out(struct l7_flow *f, struct http_exchange *ex);
/* Emits what is complete, in order of requests. */
void http_exchanges_flush(struct l7_flow *f);
/* The message at hand belongs to ex. */
void http_side_attach(struct l7_flow *f, enum http_who who, struct http_exchange *ex);
/* The exchange that the response which begins now belongs to. */
struct http_exchange *http_response_pair(struct l7_flow *f);
/* The message at hand has ended, whole or with flaws (HTTP_FLAW_ bits). ex may be gone after. */
void http_message_end(struct l7_flow *f, enum http_who who, unsigned flaws);

/* ---- http_message.c: one direction, step by step ---- */

/* Takes the next line, or piece of a body. Returns the bytes used, -1 where more are needed; 0
 * only after a change of phase. */
ssize_t http_step(struct l7_flow *f, enum http_who who, struct bytes data, size_t scanned);
/* What follows is no message, or may be the middle of one: looks for the next. */
void http_resync(struct l7_flow *f, enum http_who who, bool by_gap);
/* A request line without a version is all of a request where no field follows it. */
void http_simple_request_end(struct l7_flow *f, struct http_exchange *ex);
/* Has the engine let pass what of a body nobody looks at. The last byte is looked at, so that the
 * end of the body is noticed when it comes. */
void http_body_skip(struct l7_flow *f, enum http_who who);
/* Counts what the engine has let pass since the last call. */
void http_body_catch_up(struct l7_flow *f, enum http_who who);
/* Bytes of a body that a record shows. */
size_t http_body_keep_max(struct l7_flow *f);

/* ---- http_fields.c: the field lines of a head ---- */

void http_fields_start(struct http_side *side);
void http_fields_release(struct l7_flow *f, struct http_side *side);
/* A line of the head other than the empty one. */
void http_fields_line(struct l7_flow *f, enum http_who who, const struct http_line *line);
/* The field at hand is whole: takes what it says into the exchange. */
void http_fields_flush(struct l7_flow *f, enum http_who who);

struct http_framing {
	enum http_body_kind kind;
	uint64_t length;
	bool unknown; /* where the body ends cannot be known */
};
/* RFC 9112 6.3, for a message that may have a body, as one who only watches must read it. */
struct http_framing http_framing_of(struct l7_flow *f, enum http_who who);

#endif
