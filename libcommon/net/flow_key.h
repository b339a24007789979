/* flow_key: what makes two packets belong to one flow, in either direction. */
#ifndef WEIR_FLOW_KEY_H
#define WEIR_FLOW_KEY_H

#include "libcommon/net/layers.h"

/* The two endpoints in ascending order of (address, port), so that both directions give the same
 * bytes. All bytes count: compare with flow_key_equal. */
struct flow_key {
	uint8_t addr[2][16];
	uint64_t scope; /* layers.scope, or 0 */
	uint16_t port[2];
	uint8_t proto;
	uint8_t ip_version; /* FLOW_KEY_MAC: addr holds MAC addresses */
	uint8_t zero[2];    /* FLOW_KEY_LABEL: zero[0] counts the flows of the same endpoints */
};

enum { FLOW_KEY_MAC = 1 };

/* What makes a flow. */
enum flow_key_kind {
	FLOW_KEY_5TUPLE,
	FLOW_KEY_IP_PAIR,  /* two addresses, whatever they say; protocol and ports are 0 */
	FLOW_KEY_MAC_PAIR, /* of the innermost link header; IP or not */
	FLOW_KEY_LABEL,    /* the 5-tuple, and each side's IPv6 flow label */
	FLOW_KEY_VLAN,     /* the 5-tuple; of the scope the VLAN ids only */
};

/* Fills in the key of a parsed packet. Returns the index (0 or 1) of its sender.
 * ICMP: the requester's port is the request's type, the other's the code, so that a request and
 * its reply are one flow; other messages have their own flow per direction. */
unsigned flow_key_make(struct flow_key *key, const struct layers *l, uint64_t scope);

/* The same for any kind. Directional: each direction is a flow of its own, and the sender is
 * always 0. */
unsigned flow_key_make_as(struct flow_key *key, const struct layers *l, uint64_t scope,
			  enum flow_key_kind kind, bool directional);

/* Is this ICMP type the answer to a request? Then the sender is the responder. */
bool icmp_is_reply(uint8_t proto, uint16_t type);

/* A hash of the VLAN ids, the same in every process; 0 for none. */
uint64_t flow_scope(const uint16_t *vlans, unsigned n);

enum { FLOW_KEY_WORDS = 6, FLOW_SECRET_WORDS = 8 };

static inline uint64_t flow_key_word(const struct flow_key *key, unsigned i)
{
	uint64_t v;

	memcpy(&v, (const uint8_t *)key + i * sizeof(v), sizeof(v));
	return v;
}

/* A hash of the key that decides about buckets and nothing that is put out. NH of UMAC (RFC 4418
 * 5.2.2, on 64-bit words): whatever two keys someone chooses, the secret being random, its 128
 * bits are the same with a probability of 2^-64. A last keyed multiplication spreads them over
 * all bits of the result. */
static inline uint64_t flow_key_hash(const struct flow_key *key,
				     const uint64_t secret[FLOW_SECRET_WORDS])
{
	const uint64_t last = key->port[0] | (uint64_t)key->port[1] << 16 |
			      (uint64_t)key->proto << 32 | (uint64_t)key->ip_version << 40;
	unsigned __int128 sum;

	sum = (unsigned __int128)(flow_key_word(key, 0) + secret[0]) *
	      (flow_key_word(key, 1) + secret[1]);
	sum += (unsigned __int128)(flow_key_word(key, 2) + secret[2]) *
	       (flow_key_word(key, 3) + secret[3]);
	sum += (unsigned __int128)(key->scope + secret[4]) * (last + secret[5]);
	sum = (unsigned __int128)((uint64_t)sum ^ secret[FLOW_KEY_WORDS]) *
	      ((uint64_t)(sum >> 64) ^ secret[FLOW_KEY_WORDS + 1]);
	return (uint64_t)sum ^ (uint64_t)(sum >> 64);
}

/* Word by word, with a way out after each: one that was just made is so read in the pieces in which
 * it was written. */
static inline bool flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
	for (unsigned i = 0; i < FLOW_KEY_WORDS; i++) {
		if (flow_key_word(a, i) != flow_key_word(b, i))
			return false;
	}
	return true;
}

#endif
