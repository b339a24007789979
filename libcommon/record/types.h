/* types: the C side of a record's fields, and the description of a record type. */
#ifndef WEIR_RECORD_TYPES_H
#define WEIR_RECORD_TYPES_H

#include "libcommon/base/bytes.h"

/* An address: len 0 (absent), 4 or 16. */
struct ip {
	uint8_t len;
	uint8_t b[16];
};

struct mac {
	uint8_t b[6];
	bool set;
};

/* A scalar that may be absent. */
struct rec_opt {
	uint64_t v;
	bool set;
};
#define SOME(x) ((struct rec_opt){ (uint64_t)(x), true })
#define NONE ((struct rec_opt){ 0, false })

/* A list: items of the field's C type (uint8_t .. uint64_t, struct bytes, struct ip, or the
 * sub-record's struct). count 0 = absent. Borrowed. */
struct rec_list {
	const void *items;
	size_t count;
};
#define LIST_OF(ptr, n) ((struct rec_list){ (ptr), (n) })

typedef bool rec_bool;
typedef uint8_t rec_u8;
typedef uint16_t rec_u16;
typedef uint32_t rec_u32;
typedef uint64_t rec_u64;
typedef int64_t rec_i64;
typedef double rec_f64;
typedef struct bytes rec_str;   /* UTF-8 is sent as str, anything else as bin */
typedef struct bytes rec_bytes; /* always bin */
typedef struct bytes rec_raw;   /* one msgpack value, already packed */
typedef struct ip rec_ip;
typedef struct mac rec_mac;
typedef uint64_t rec_time; /* ns since the epoch */
typedef uint64_t rec_dur;  /* ns */
typedef uint8_t rec_ip16[16];

typedef struct rec_opt opt_bool, opt_u8, opt_u16, opt_u32, opt_u64, opt_i64, opt_time, opt_dur;
typedef struct bytes opt_str, opt_bytes; /* ptr NULL = absent */
typedef struct ip opt_ip;
typedef struct mac opt_mac;

/* The key that every record after the flow stage carries. */
struct rec_key {
	struct ip orig_h, resp_h;
	uint16_t orig_p, resp_p;
	uint8_t proto;
};

/* The prefix of every record. */
struct rec_head {
	uint16_t type;
	uint64_t ts, flow, n;
};

enum rec_kind {
	REC_BOOL,
	REC_U8,
	REC_U16,
	REC_U32,
	REC_U64,
	REC_I64,
	REC_F64,
	REC_STR,
	REC_BYTES,
	REC_RAW,
	REC_IP,
	REC_IP16,
	REC_MAC,
	REC_TIME,
	REC_DUR,
	REC_ENUM,
	REC_SUB,
	/* the same by the names that .def files use */
	REC_KIND_bool = REC_BOOL,
	REC_KIND_u8 = REC_U8,
	REC_KIND_u16 = REC_U16,
	REC_KIND_u32 = REC_U32,
	REC_KIND_u64 = REC_U64,
	REC_KIND_i64 = REC_I64,
	REC_KIND_f64 = REC_F64,
	REC_KIND_str = REC_STR,
	REC_KIND_bytes = REC_BYTES,
	REC_KIND_raw = REC_RAW,
	REC_KIND_ip = REC_IP,
	REC_KIND_ip16 = REC_IP16,
	REC_KIND_mac = REC_MAC,
	REC_KIND_time = REC_TIME,
	REC_KIND_dur = REC_DUR,
};

enum rec_shape { REC_ONE, REC_OPT, REC_LIST };

struct rec_enum {
	const char *name, *what;
	const char *const *values; /* indexed by number, NULL for holes */
	size_t count;
};

struct rec_desc;

struct rec_field {
	const char *name;
	enum rec_kind kind;
	enum rec_shape shape;
	size_t offset; /* in the C struct */
	const struct rec_enum *en;
	const struct rec_desc *sub;
	const char *what;
};

struct rec_desc {
	const char *name, *what;
	uint16_t id, major;
	bool hot;
	size_t size;
	const struct rec_field *fields;
	size_t nfields;
};

/* Enumerations: REC_verdict_DELIVER and so on, and the tables rec_enum_verdict. */
#define ENUM(name, what)                                                                           \
	enum rec_##name                                                                            \
	{
#define VALUE(name, id, num, text) REC_##name##_##id = num,
#define ENUM_END(name)                                                                             \
	}                                                                                          \
	;                                                                                          \
	extern const struct rec_enum rec_enum_##name;
#include "proto/enums.def"
#undef ENUM
#undef VALUE
#undef ENUM_END

/* The name of a value, or NULL for one we do not know. */
static inline const char *rec_enum_text(const struct rec_enum *e, uint64_t v)
{
	return v < e->count ? e->values[v] : NULL;
}

enum {
	FRAME_CSUM_UNREADY = 1,
	FRAME_OUTGOING = 2,
	FRAME_TIME_BACK = 4,
	FRAME_GSO = 8, /* segments that the host has not cut yet, or has joined: longer than the
			  link takes */
};

enum {
	PACKET_NEW = 1,       /* first packet of a flow instance */
	PACKET_MIDSTREAM = 2, /* the flow's start was not seen */
	PACKET_ANCHOR = 4,    /* fixes this direction's offset 0 */
	PACKET_FIN = 8,       /* closes this direction at offset + payload length */
	PACKET_RST = 16,      /* a reset that was accepted: closes both */
	PACKET_BAD_CSUM = 32,
	PACKET_CSUM_UNREADY = 64,
	PACKET_SNAPPED = 128,
	PACKET_DEFRAGMENTED = 256,
	PACKET_ONESIDED = 512,   /* nothing of the other side was seen so far */
	PACKET_ACK_VALID = 1024, /* the ack is plausible and may prove a hole */
};

enum {
	STREAM_MIDSTREAM = 1,
	STREAM_MSG_END = 2, /* SCTP: last fragment of a message */
	STREAM_UNORDERED = 4,
	/* SCTP: a gap of chunks from `tsn` on, of unknown streams and sizes (offset stays).. */
	STREAM_LOST_CHUNKS = 8,
	STREAM_LOST_MESSAGES = 16, /* ..of messages of stream `sid`, from `ssn` on.. */
	STREAM_LOST_PART = 32,     /* ..and of a part of message `ssn` */
	STREAM_MSG_BEGIN = 64,     /* SCTP: first fragment of a message */
};

#endif
