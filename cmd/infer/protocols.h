/* protocols: names of protocols as small numbers. */
#ifndef WEIR_INFER_PROTOCOLS_H
#define WEIR_INFER_PROTOCOLS_H

#include "libcommon/base/bytes.h"

enum { PROTOCOL_NONE = 0, PROTOCOLS_MAX = 4096, PROTOCOL_NAME = 32 };

struct protocols;
struct protocols *protocols_new(void);
void protocols_free(struct protocols *p);
/* The number of that name, a new one where it is not known yet. PROTOCOL_NONE where it is no name
 * ([a-z0-9_-], at most 31 characters) or there are too many. */
uint16_t protocol_number(struct protocols *p, struct bytes name);
/* PROTOCOL_NONE where it is not known. */
uint16_t protocol_find(const struct protocols *p, struct bytes name);
/* "unknown" for PROTOCOL_NONE. */
const char *protocol_name(const struct protocols *p, uint16_t number);

#endif
