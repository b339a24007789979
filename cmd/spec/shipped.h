/* shipped: the specs that came with weir, found by their names. */
#ifndef WEIR_SPEC_SHIPPED_H
#define WEIR_SPEC_SHIPPED_H

#include "libcommon/base/buf.h"

/* The text of the file `what`, or of the spec of that name; the file's path in path. Ends the
 * process (2) where there is neither. */
struct buf shipped_read(const char *what, char *path, size_t size);
/* Calls fn for each by its name. */
void shipped_each(void (*fn)(const char *name));

#endif
