/* ask: the two ways of weir-ask: packets of an expression, and frames of the input. */
#ifndef WEIR_ASK_ASK_H
#define WEIR_ASK_ASK_H

#include "libcommon/stage/stage.h"

extern const struct stage_ops ask_expression_ops, ask_frames_ops;
void ask_release(void);

#endif
