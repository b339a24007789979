/* texts: the tables of proto/ that are part of the program. */
#ifndef WEIR_INFER_TEXTS_H
#define WEIR_INFER_TEXTS_H

#include "libcommon/base/bytes.h"

struct bytes text_signatures(void);
struct bytes text_ports(void);

#endif
