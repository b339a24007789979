/* shape: how the C struct of a record holds each kind of field. For this folder only. */
#ifndef WEIR_RECORD_SHAPE_H
#define WEIR_RECORD_SHAPE_H

#include "libcommon/record/types.h"

/* An optional field of this kind is a struct rec_opt; the others can say "absent" themselves. */
static inline bool rec_kind_in_opt(enum rec_kind k)
{
	return k <= REC_I64 || k == REC_TIME || k == REC_DUR || k == REC_ENUM;
}

static inline bool rec_kind_is_blob(enum rec_kind k)
{
	return k == REC_STR || k == REC_BYTES || k == REC_RAW;
}

/* Bytes of one item of a list. */
static inline size_t rec_item_size(const struct rec_field *f)
{
	switch (f->kind) {
	case REC_BOOL:
	case REC_U8:
		return 1;
	case REC_U16:
		return 2;
	case REC_U32:
	case REC_ENUM:
		return 4;
	case REC_U64:
	case REC_I64:
	case REC_F64:
	case REC_TIME:
	case REC_DUR:
		return 8;
	case REC_STR:
	case REC_BYTES:
	case REC_RAW:
		return sizeof(struct bytes);
	case REC_IP:
		return sizeof(struct ip);
	case REC_IP16:
		return 16;
	case REC_MAC:
		return sizeof(struct mac);
	case REC_SUB:
		return f->sub->size;
	}
	return 0;
}

#endif
