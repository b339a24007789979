/* build: the bytes of a model. What was not given is filled in: lengths, checksums, counts, what
 * announces the next layer; else the table's default. What was given stands as it was given. */
#ifndef WEIR_PACKET_BUILD_H
#define WEIR_PACKET_BUILD_H

#include "libcommon/packet/dissect.h"
#include "libcommon/packet/model.h"

enum { PKT_BUILD_MAX = 256 * 1024 };

/* Writes at most `room` bytes to p->data and p->node; meta fields of a layer "frame" take none.
 * False with a reason: it does not fit, or a length is more than its field can say. */
bool pkt_build(const struct pkt_model *m, uint8_t *to, size_t room, struct packet *p,
	       const char **why);

/* What the field of a head gets where it is not given, but for lengths and checksums, which the
 * bytes decide; next: the head above it. */
uint64_t pkt_build_default(const struct pkt_model *m, uint16_t head, uint16_t next, unsigned field);

#endif
