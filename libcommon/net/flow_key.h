/* flow_key: what makes two packets belong to one flow, in either direction. */
#ifndef WEIR_FLOW_KEY_H
#define WEIR_FLOW_KEY_H

#include "libcommon/net/layers.h"

/* The two endpoints in ascending order of (address, port), so that both directions give the same
 * bytes. All bytes count: compare with flow_key_equal. */
struct flow_key {
	uint8_t addr[2][16];
	uint64_t scope; /* flow_scope() of the VLAN ids */
	uint16_t port[2];
	uint8_t proto, ip_version;
	uint8_t zero[2];
};

/* Fills in the key of a parsed packet. Returns the index (0 or 1) of its sender.
 * ICMP: the requester's port is the request's type, the other's the code, so that a request and
 * its reply are one flow; other messages have their own flow per direction. */
unsigned flow_key_make(struct flow_key *key, const struct layers *l, uint64_t scope);

/* Is this ICMP type the answer to a request? Then the sender is the responder. */
bool icmp_is_reply(uint8_t proto, uint16_t type);

/* A hash of the VLAN ids, the same in every process; 0 for none. */
uint64_t flow_scope(const uint16_t *vlans, unsigned n);

/* SipHash-1-3 of the key: the secret decides about buckets and nothing that is put out. */
uint64_t flow_key_hash(const struct flow_key *key, const uint64_t secret[2]);

static inline bool flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

#endif
