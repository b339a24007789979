/* community_id: Community ID v1, the flow hash that other tools print too.
 * Source: the Community ID flow hashing specification, version 1. */
#ifndef WEIR_COMMUNITY_ID_H
#define WEIR_COMMUNITY_ID_H

#include "libcommon/record/types.h"

enum { COMMUNITY_ID_SIZE = 32 }; /* "1:" + 28 of base64 + NUL, rounded up */

/* Writes the id of a key into text. ICMP keys carry type and code as their ports. False where
 * the key has no addresses. */
bool community_id(const struct rec_key *key, uint16_t seed, char text[COMMUNITY_ID_SIZE]);

#endif
