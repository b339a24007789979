/* facts: what the messages of some protocols say of other flows. Pure scanners over bytes of one
 * flow in order; what they find leaves through a callback. A few hundred bytes per flow. */
#ifndef WEIR_INFER_FACTS_H
#define WEIR_INFER_FACTS_H

#include "libcommon/record/types.h"

enum facts_kind {
	FACTS_NONE,
	FACTS_FTP,
	FACTS_TFTP,
	FACTS_SDP,
	FACTS_RTSP,
	FACTS_RPC,
	FACTS_DNS,
	FACTS_TLS
};
enum { FACTS_LINE = 256, FACTS_CALLS = 4 };

struct facts_side {
	uint8_t line[FACTS_LINE]; /* the front of a line whose end has not come */
	uint16_t len;
	bool cut;        /* it was longer than that: what follows is let by */
	uint32_t skip;   /* DNS: bytes of a message that are let by */
	struct ip media; /* SDP: the address that `c=` named last */
};

struct facts_flow {
	struct facts_side side[2];
	struct {
		uint32_t xid, program, proto;
	} calls[FACTS_CALLS]; /* portmap: what was asked for */
	unsigned next_call;
};

/* What was found. */
struct fact {
	enum { FACT_EXPECT, FACT_NAME, FACT_ADDRESS, FACT_TARGET } what;
	/* FACT_EXPECT: a flow of `protocol` to or from at; peer len 0: from anybody. */
	struct ip at, peer;
	uint16_t port;
	uint8_t l4;
	bool client, once;
	const char *protocol;
	unsigned seconds; /* how long that holds */
	/* FACT_NAME: at was given to the client as that, or the client calls it so; FACT_ADDRESS:
	 * it is called that, too; FACT_TARGET: name offers the protocol at l4 and port. */
	struct bytes name;
};

struct facts_input {
	enum facts_kind kind;
	const struct rec_key *key;
	unsigned dir, client; /* who sent it, who acts as the client */
	struct bytes bytes;
	void (*found)(void *ctx, const struct fact *fact);
	void *ctx;
};

/* Needs the scanner what came before, over that IP protocol? Only then it takes a struct
 * facts_flow. */
static inline bool facts_remembers(enum facts_kind kind, uint8_t proto)
{
	return kind == FACTS_FTP || kind == FACTS_SDP || kind == FACTS_RTSP || kind == FACTS_RPC ||
	       (kind == FACTS_DNS && proto == 6);
}
/* Are the first bytes of the client all that it looks at? They come again, longer, until they tell
 * something. */
static inline bool facts_once(enum facts_kind kind)
{
	return kind == FACTS_TLS;
}

/* One datagram, or the next bytes of a stream. flow: NULL for those that remember nothing. */
void facts_scan(struct facts_flow *flow, const struct facts_input *in);
/* Bytes are missing here. */
void facts_gap(struct facts_flow *flow, unsigned dir);

#endif
