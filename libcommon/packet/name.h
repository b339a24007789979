/* name: domain names in a message, and what of them need not be written again. RFC 1035, 4.1.4.
 * Pure. */
#ifndef WEIR_PACKET_NAME_H
#define WEIR_PACKET_NAME_H

#include "libcommon/base/bytes.h"

enum {
	PKT_NAME_MAX = 255,
	PKT_NAME_SHORT =
		0x80, /* in place of the end of a name that is to be written as a short one */
	PKT_NAME_POINTS = 0x4000, /* a pointer is below it */
};

/* Bytes of the domain name at p, its end or pointer included; 0: it is cut, or too long. */
size_t pkt_name_size(const uint8_t *p, size_t len);

/* Names that stand in a message already, by their offsets. */
struct pkt_names {
	uint16_t at[64];
	unsigned n;
};

void pkt_names_add(struct pkt_names *names, size_t at);
/* Writes the name, which ends with PKT_NAME_SHORT, into `to`, of PKT_NAME_MAX bytes: up to where
 * one of those in the message goes on the same, then a pointer there. Its bytes. */
size_t pkt_name_shorten(const struct pkt_names *names, struct bytes message, struct bytes name,
			uint8_t *to);

/* Does the name at that offset of the message read as this one, which points nowhere, without
 * regard to the case of letters? RFC 1035, 2.3.3. */
bool pkt_name_equal(struct bytes message, size_t at, struct bytes name);

/* Writes the name at that offset of the message without a pointer into `to`, of PKT_NAME_MAX bytes.
 * Its bytes; 0: it has no end, or is too long. */
size_t pkt_name_expand(struct bytes message, size_t at, uint8_t *to);

/* Does the name end with PKT_NAME_SHORT? */
bool pkt_name_is_short(struct bytes name);
/* Where the name points to; PKT_NAME_POINTS: it ends by itself. */
unsigned pkt_name_pointer(struct bytes name);

#endif
