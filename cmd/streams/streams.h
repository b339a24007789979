/* streams: the sink that shows or keeps the bytes of streams. */
#ifndef WEIR_STREAMS_STREAMS_H
#define WEIR_STREAMS_STREAMS_H

#include "libcommon/stage/stage.h"

/* What main() hands to stage_main(). Without -d it asks for no directory. */
extern struct stage_ops streams_ops;

#endif
