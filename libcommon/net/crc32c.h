/* crc32c: the CRC of SCTP and iSCSI (Castagnoli), by the processor where it can. */
#ifndef WEIR_CRC32C_H
#define WEIR_CRC32C_H

#include "libcommon/base/bytes.h"

/* Goes on with a CRC: crc32c(crc32c(0, a), b) is that of a and b in a row. RFC 3385. */
uint32_t crc32c(uint32_t crc, struct bytes b);
/* The same without the processor's own instruction. */
uint32_t crc32c_plain(uint32_t crc, struct bytes b);

#endif
