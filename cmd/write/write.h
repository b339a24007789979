/* write: the sink that puts frames into capture files. */
#ifndef WEIR_WRITE_WRITE_H
#define WEIR_WRITE_WRITE_H

#include "libcommon/stage/stage.h"

/* What main() hands to stage_main(). Its rights depend on its options. */
extern struct stage_ops write_ops;
/* Behind stage_main(), with what it returned: closes the file. Returns the exit code. */
int write_end(int code);

#endif
