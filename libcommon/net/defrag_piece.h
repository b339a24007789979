/* defrag_piece: what can be said of a fragment by itself, for defrag.c. */
#ifndef WEIR_DEFRAG_PIECE_H
#define WEIR_DEFRAG_PIECE_H

#include "libcommon/net/defrag.h"

#define BIT(anomaly) (1u << (anomaly))

/* Does the first piece of an IPv6 datagram lack headers that its datagram must have in it? What
 * was claimed and not captured may hold them. */
bool piece_lacks_headers(const struct defrag_piece *p);
/* BIT()s of what is odd about it. */
uint32_t piece_anomalies(const struct defrag_piece *p);

#endif
