/* run: the engine that runs a spec's program over the bytes of messages.
 *
 * A message may come in any pieces: where bytes are lacking, the program stops, what it has of the
 * message is kept, and it goes on at the same instruction. Bytes that were read are not read
 * again. */
#ifndef WEIR_SPEC_RUN_H
#define WEIR_SPEC_RUN_H

#include "cmd/spec/program.h"

/* A value of a message. */
struct spec_value {
	union {
		uint64_t u;
		struct {
			uint32_t at, len;
		} b;
	};
	enum spec_where {
		SPEC_UNSET,
		SPEC_NUMBER,
		SPEC_DATA, /* bytes at b.at of the data at hand */
		SPEC_OWN,  /* bytes at b.at of what the message keeps */
	} where;
};

/* One value of a list, or of a row of sub-records. */
struct spec_item {
	uint16_t slot;
	uint16_t sub;   /* 1 + the sub-record, in front of each row's values; 0: a value */
	uint32_t count; /* of the row's values, which follow */
	struct spec_value v;
};

enum spec_role { SPEC_NONE, SPEC_REQUEST, SPEC_RESPONSE };

struct spec_loop {
	uint64_t left, at; /* turns to come; where the last one began */
	uint32_t turns, most;
	bool begun;
};

/* What a checksum has of the message: from one place of it to another. */
struct spec_sum {
	uint64_t from, to, v;
};

/* A message, or as much of it as came. */
struct spec_msg {
	struct spec_msg *next;
	uint32_t pc;
	bool begun, silent, over, cut;
	bool owed; /* the last byte of what was skipped is to be read yet: it tells that all came */
	uint8_t role, dir, nkeys, nwindows, nloops;
	uint64_t pos;  /* bytes of it that were read */
	size_t looked; /* bytes behind them in which a delimiter was looked for */
	uint64_t key[SPEC_KEYS];
	uint64_t ts, n;                  /* of its first byte */
	uint64_t window[SPEC_DEPTH + 1]; /* where each ends */
	uint32_t behind[SPEC_DEPTH + 1]; /* bytes of the delimiter behind it */
	uint64_t mark[SPEC_DEPTH];
	struct spec_loop loop[SPEC_DEPTH];
	struct spec_sum sum[SPEC_SUMS];
	struct buf kept;  /* owned bytes of values */
	struct buf items; /* struct spec_item */
	size_t own_items; /* bytes of items whose bytes are owned already */
	size_t tidy_at;   /* length of `kept` at which what was replaced is thrown out */
	uint32_t listed, cells;
	struct spec_value v[];
};

/* What a flow keeps between messages. */
struct spec_vars {
	uint8_t state;
	uint64_t v[SPEC_VARS];
};

struct spec_io {
	struct bytes data; /* unread bytes; of a datagram all there are */
	bool datagram;
	/* What comes of it: */
	size_t used;   /* bytes that are read */
	size_t want;   /* SPEC_MORE: bytes that must be there behind them */
	uint64_t skip; /* bytes behind `used` that are read without being seen */
	const char *why;
	void *ctx;
	/* An anomaly. Strings but the name may be NULL. */
	void (*note)(void *ctx, const char *name, const char *state, const char *event,
		     const char *expected);
};

enum spec_end { SPEC_MORE, SPEC_DONE, SPEC_FAILED };

/* A message of its own, to be given back with free(): spec_msg_free(). */
struct spec_msg *spec_msg_new(const struct spec *s);
void spec_msg_free(struct spec_msg *m);
/* Ready for another message. */
void spec_msg_clear(const struct spec *s, struct spec_msg *m);
size_t spec_msg_size(const struct spec *s, const struct spec_msg *m);

/* Goes on with a message. The data must begin where the last call's `used` and `skip` ended. Where
 * it ends with SPEC_MORE the message owns what it has. No data behind a skip means that the one
 * byte which was left of it is known to be missing. */
enum spec_end spec_run(const struct spec *s, struct spec_msg *m, struct spec_vars *vars,
		       struct spec_io *io);
/* Room for n bytes more in what the message keeps. */
uint8_t *spec_msg_room(const struct spec *s, struct spec_msg *m, size_t n);
/* Has the message own what it has, before the data goes. */
void spec_msg_own(const struct spec *s, struct spec_msg *m, struct bytes data);
/* The bytes of a value that is there. */
static inline struct bytes spec_value_bytes(const struct spec_msg *m, const struct spec_value *v,
					    struct bytes data)
{
	return BYTES((v->where == SPEC_OWN ? m->kept.ptr : data.ptr) + v->b.at, v->b.len);
}

#endif
