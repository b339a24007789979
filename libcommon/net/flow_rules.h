/* flow_rules: timeouts of flows by protocol, port and address prefix. */
#ifndef WEIR_FLOW_RULES_H
#define WEIR_FLOW_RULES_H

#include "libcommon/net/flow_key.h"

/* Members that are 0 match anything. */
struct flow_rule {
	uint8_t addr[16];
	uint8_t ip_version; /* 0: no prefix */
	uint8_t bits;       /* of the prefix */
	uint8_t proto;
	uint8_t timeout; /* the number of the timeout, from 1 */
	uint16_t port;
};

/* Reads "PROTO:PORT" (tcp, udp, sctp) or "ADDRESS[/BITS]", IPv4 or IPv6. False: it is neither, or
 * bits beyond the prefix are set. */
bool flow_rule_parse(struct flow_rule *rule, struct bytes text);

/* The timeout of the first rule that matches either end of the key; 0: none does. */
unsigned flow_rules_match(const struct flow_rule *rules, size_t n, const struct flow_key *key);

#endif
