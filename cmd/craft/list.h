/* list: the table of layers and fields as text. */
#ifndef WEIR_CRAFT_LIST_H
#define WEIR_CRAFT_LIST_H

#include "libcommon/base/buf.h"
#include "libcommon/packet/table.h"

/* All layers, a line each; or the fields of one. */
void list_layers(struct buf *out);
void list_fields(enum pkt_layer_id layer, struct buf *out);

#endif
