/* key: by what a packet and its answer know each other. Pure.
 *
 * A question says which key its answer will have, and an answer says its own; so many questions are
 * told apart by one look-up. An ICMP error quotes the question, which says the key again.
 *   ARP, ND     the address that is asked for
 *   ICMP        addresses, type, identifier, sequence number
 *   TCP, SCTP   addresses and ports
 *   UDP         the same, and at port 53 DNS's id
 *   others      addresses and protocol */
#ifndef WEIR_ASK_KEY_H
#define WEIR_ASK_KEY_H

#include "libcommon/base/bytes.h"

enum { ASK_ARP = 0x0806, ASK_IP4 = 0x0800, ASK_IP6 = 0x86dd }; /* ETH_P_ values */

/* No padding: compared as bytes, but for what a quotation cuts off. */
struct ask_key {
	uint8_t remote[16], local[16]; /* remote zero: anybody may answer */
	uint16_t ethertype, proto;
	uint16_t a, b; /* remote and local port; identifier and sequence number */
	uint16_t c;    /* type of the answer, id */
	uint16_t c_known;
};

/* Of a packet from its network layer on. False: nothing answers it. */
bool ask_key_question(struct ask_key *k, uint16_t ethertype, struct bytes packet);
/* False: it answers nothing. error: it is an ICMP error about the question. */
bool ask_key_answer(struct ask_key *k, uint16_t ethertype, struct bytes packet, bool *error);
/* The same key, where anybody may have answered. */
static inline struct ask_key ask_key_anybody(const struct ask_key *k)
{
	struct ask_key any = *k;

	memset(any.remote, 0, sizeof(any.remote));
	return any;
}
uint64_t ask_key_hash(const struct ask_key *k);
bool ask_key_match(const struct ask_key *question, const struct ask_key *answer);

/* Sender and receiver of a packet, 4 or 16 bytes each; absent where it has none. */
struct bytes ask_source(uint16_t ethertype, struct bytes packet);
struct bytes ask_destination(uint16_t ethertype, struct bytes packet);

#endif
