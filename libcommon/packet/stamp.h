/* stamp: many packets of one shape. A model is built once; of the next ones only the fields that
 * vary and the checksums over them are written, the sums from what was added up beforehand: RFC
 * 1624, section 2. The bytes are those of pkt_build(). */
#ifndef WEIR_PACKET_STAMP_H
#define WEIR_PACKET_STAMP_H

#include "libcommon/packet/build.h"

struct pkt_stamp;

/* Of a model whose fields with these indices in m->set vary: numbers, and the low 64 bits of IPv6
 * addresses. NULL: it can't be built, or one of them decides where others stand or whether. */
struct pkt_stamp *pkt_stamp_new(struct pkt_model *m, const size_t *sets, size_t n);
void pkt_stamp_free(struct pkt_stamp *s);
/* The packet that the model says now, in which nothing but those fields has become another value;
 * valid until the next call. NULL: it is one that has to be built. */
const struct packet *pkt_stamp_next(struct pkt_stamp *s, const struct pkt_model *m);

#endif
