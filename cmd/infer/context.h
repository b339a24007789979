/* context: what earlier packets have taught: flows that others announced, names that DNS gave to
 * addresses, services that were seen at an address and port, and the user's rules. Bounded. Pure.
 *
 * The text form, for rules and for what one capture hands to the next, a line each:
 *
 *     10.0.0.0/8 tcp 7777 = mysql                      a rule; ports also 8000-8999, any host: any
 *     service ADDRESS tcp|udp|sctp PORT PROTOCOL COUNT UNTIL
 *     name CLIENT SERVER NAME UNTIL
 *
 * and for what is told while packets come, so that its time is theirs:
 *
 *     expect ADDRESS tcp|udp|sctp PORT PROTOCOL SECONDS [FLOW]
 */
#ifndef WEIR_INFER_CONTEXT_H
#define WEIR_INFER_CONTEXT_H

#include "cmd/infer/protocols.h"
#include "libcommon/base/buf.h"
#include "libcommon/record/types.h"

enum { CONTEXT_NAME = 64 };

struct endpoint {
	struct ip ip;
	uint16_t port;
	uint8_t l4; /* IPPROTO_TCP .. */
};

/* A flow is expected to or from that endpoint. */
struct expectation {
	uint64_t by; /* the flow that announced it */
	uint16_t protocol;
	uint8_t client; /* the endpoint's owner acts as client.. */
	uint8_t once;   /* it is used up by one flow */
	uint8_t weight;
};

struct context_service {
	uint16_t protocol;
	uint16_t count;
};

struct context;
struct context *context_new(struct protocols *names, size_t entries, uint64_t seed);
void context_free(struct context *c);

/* peer.len 0: from anybody. */
void context_expect(struct context *c, uint64_t now, uint64_t ttl, const struct endpoint *at,
		    const struct ip *peer, const struct expectation *e);
/* Is a flow of these two expected? The first endpoint that is, and its expectation. */
bool context_expected(struct context *c, uint64_t now, const struct endpoint *at,
		      const struct ip *peer, struct expectation *e);

void context_served(struct context *c, uint64_t now, const struct endpoint *at, uint16_t protocol);
const struct context_service *context_serves(struct context *c, uint64_t now,
					     const struct endpoint *at);

/* That server was given to the client (or, len 0, to anybody) under that name. */
void context_named(struct context *c, uint64_t now, uint64_t ttl, const struct ip *client,
		   const struct ip *server, struct bytes name);
/* NULL where it has none. */
const char *context_name(struct context *c, uint64_t now, const struct ip *client,
			 const struct ip *server);
/* What SRV and HTTPS records say of a name: where its addresses are known, flows there are
 * expected. */
void context_target(struct context *c, uint64_t now, uint64_t ttl, struct bytes name, uint8_t l4,
		    uint16_t port, uint16_t protocol);
/* That name has this address: expects the flows of what is known of the name. */
void context_address(struct context *c, uint64_t now, uint64_t ttl, struct bytes name,
		     const struct ip *server, uint64_t by);

/* 0 where no rule speaks of it; the last that does counts. */
uint16_t context_rule(const struct context *c, const struct endpoint *at);

/* Adds lines. False where one is wrong: *why and *line say what and where. */
bool context_load(struct context *c, struct bytes text, const char **why, unsigned *line);
/* The same of a text that is told at that time, in which `expect` may stand, too. */
bool context_tell(struct context *c, uint64_t now, struct bytes text, const char **why,
		  unsigned *line);
void context_dump(const struct context *c, struct buf *out);

struct context_stats {
	uint64_t expectations, services, evicted, expired;
};
struct context_stats context_stats(const struct context *c);

#endif
