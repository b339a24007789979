/* send: the sink that puts frames onto interfaces. */
#ifndef WEIR_SEND_SEND_H
#define WEIR_SEND_SEND_H

#include "libcommon/stage/stage.h"

/* weir-send, but for its main(). */
extern const struct stage_ops send_ops;
void send_release(void);

#endif
