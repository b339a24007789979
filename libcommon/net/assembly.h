/* assembly: the bytes of one direction of a TCP connection, in order, each at most once.
 *
 * Pure: no I/O, no allocation: it lives on the caller's memory, touched only as it is used. Time is
 * packet time. Bytes are named by 64-bit offsets (the byte behind the SYN is 0), so sequence
 * numbers and their wrapping are elsewhere's matter. What is in order leaves at once, through the
 * sink, straight from the caller's buffer; what came ahead of a hole is copied into blocks and
 * waits.
 *
 * The law, at any time between two calls:
 *     delivered + gap_bytes + urgent + skipped = next <= highest */
#ifndef WEIR_ASSEMBLY_H
#define WEIR_ASSEMBLY_H

#include "libcommon/net/assembly_history.h"
#include "libcommon/net/assembly_pool.h"

enum {
	ASSEMBLY_URGENT_PENDING = 4, /* urgent offsets remembered per direction */
	ASSEMBLY_HOLDER_LISTS = 34,
};

/* Why bytes will not come. */
enum assembly_gap {
	ASSEMBLY_GAP_NONE,
	ASSEMBLY_GAP_ACKED,  /* the peer has acknowledged what was not seen */
	ASSEMBLY_GAP_WINDOW, /* too much waits in this direction */
	ASSEMBLY_GAP_TIMER,  /* nothing of the peer is seen, and the hole is old */
	ASSEMBLY_GAP_CLOSE,
	ASSEMBLY_GAP_MEMCAP, /* too much waits in all */
	ASSEMBLY_GAP_EVICT,
	ASSEMBLY_GAP_RESYNC,  /* sent before we were there */
	ASSEMBLY_GAP_SNAPPED, /* the capture lacks them */
	ASSEMBLY_GAPS,
};

/* What happens when more waits than may. */
enum assembly_overflow {
	ASSEMBLY_OVERFLOW_GAP,    /* the hole is given up, what waits behind it leaves */
	ASSEMBLY_OVERFLOW_WINDOW, /* so many of the oldest bytes that wait are given up with it as
				     are too many, and the rest leaves */
	ASSEMBLY_OVERFLOW_DROP,   /* the direction is over */
};

struct assembly;

/* Bytes that came again and differ. had and got: their first, at most HISTORY_SHOWN. */
struct assembly_overlap {
	uint64_t offset, len;
	struct bytes had, got;
};

struct assembly_sink {
	void *ctx;
	/* Bytes in order. Borrowed until it returns. */
	void (*data)(void *ctx, struct assembly *a, uint64_t offset, struct bytes data,
		     uint64_t first_n, uint64_t first_ts);
	/* len bytes from offset on will never come. */
	void (*gap)(void *ctx, struct assembly *a, uint64_t offset, uint64_t len,
		    enum assembly_gap why);
	void (*overlap)(void *ctx, struct assembly *a, const struct assembly_overlap *o);
	/* The limit of urgent bytes is reached: from now on they stay in. Once a direction. */
	void (*urgent_limit)(void *ctx, struct assembly *a, uint64_t offset);
	/* The direction is over, by ASSEMBLY_OVERFLOW_DROP: nothing more will be said of it. */
	void (*dropped)(void *ctx, struct assembly *a);
};

struct assembly_limits {
	uint64_t depth;        /* bytes per direction; what is beyond is skipped */
	uint64_t queue_bytes;  /* above holes, per direction */
	uint32_t queue_blocks; /* likewise, in blocks of BLOCK_SIZE */
	uint64_t memory;       /* for blocks, all directions */
	uint32_t history;      /* last bytes delivered kept to compare repeats with; 0 = none */
	uint64_t history_log;  /* bytes for those of all directions, about */
	uint64_t urgent;       /* bytes taken out per direction; later ones stay in */
	enum assembly_overflow overflow;
	bool last_wins;     /* of queued bytes, the newer; delivered bytes never change */
	bool urgent_inline; /* keep the urgent byte in the stream */
	uint64_t acked_ns;  /* a hole that the peer has acknowledged is given up after so long.. */
	uint32_t acked_packets; /* ..and so many more packets of the flow */
	uint64_t timer_ns;      /* a one-sided flow's hole is given up after so long */
};

/* Doubly linked, by how many blocks are held: the head is in the group's struct. */
struct holder {
	struct holder *prev, *next;
};

/* What all directions share. */
struct assembly_group {
	struct assembly_limits limits;
	struct assembly_sink sink;
	struct block_pool pool;
	struct assembly_history history;
	/* Directions that hold 2^(i-1) .. 2^i - 1 blocks, least recently moved first. */
	struct holder holders[ASSEMBLY_HOLDER_LISTS];
	uint64_t memcap_hits, blocks_refused;
	uint64_t dropped;    /* directions that were over by overflow */
	uint64_t uncompared; /* bytes that came again after what was delivered was forgotten */
};

/* One direction. A zeroed struct is a valid one that starts at offset 0. What a segment in order
 * needs stands in the first 64 bytes. */
struct __attribute__((aligned(64))) assembly {
	uint64_t next;      /* offset of the first byte not yet accounted for */
	uint64_t highest;   /* one behind the highest offset seen */
	uint64_t acked;     /* the peer has acknowledged everything below */
	uint64_t last;      /* history: the newest piece */
	struct block *head; /* by offset, never overlapping, all at or above next */
	uint64_t delivered, segments;
	uint32_t blocks; /* in the list at head */
	bool has_fin : 1;
	bool held : 1; /* bytes below held_to came with the SYN and were not yet accepted */
	bool dropped : 1;
	bool urgent_full : 1;
	uint8_t which; /* for the owner: direction number */
	uint8_t nurgent;
	uint8_t list; /* index in holders, 0 = in none */

	uint64_t fin_at; /* where the direction ends, if has_fin */
	uint64_t held_to;
	struct block *tail;
	uint64_t queued; /* bytes in the list, missing ones left out */
	/* Since when the hole below the head is acknowledged: ack, time, packet count. */
	uint64_t covered_ack, covered_ts;
	uint32_t covered_packets;
	struct holder holder;
	uint64_t urgent_at[ASSEMBLY_URGENT_PENDING];

	uint64_t gap_bytes, gaps, urgent, skipped;
	uint64_t retransmitted, overlaps, out_of_order, high_watermark;
	uint64_t beyond_fin; /* segments with bytes behind the FIN, which were not taken */
	uint64_t gap_reasons[ASSEMBLY_GAPS];
};

struct assembly_segment {
	uint64_t offset;
	struct bytes data;
	uint32_t missing; /* bytes behind data that the capture lacks */
	uint64_t n, ts;   /* frame and time */
	uint32_t urgent;  /* urgent pointer, 0 = none (RFC 6093: one behind the urgent byte) */
	bool held;        /* came with a SYN: wait until the peer accepts it (RFC 7413) */
};

/* Bytes of memory for a group. */
size_t assembly_group_size(const struct assembly_limits *limits);
/* memory: that many bytes, aligned to 64; what they hold does not matter. */
void assembly_group_init(struct assembly_group *g, void *memory,
			 const struct assembly_limits *limits, const struct assembly_sink *sink);

/* A segment with data. Nothing at or beyond 2^62, nor behind a FIN, is taken. */
void assembly_push(struct assembly_group *g, struct assembly *a, const struct assembly_segment *s);
/* A segment behind the end of the direction: what comes again is compared, no more. */
void assembly_repeat(struct assembly_group *g, struct assembly *a, uint64_t offset,
		     struct bytes data);
/* The peer has everything below `offset`. */
void assembly_ack(struct assembly_group *g, struct assembly *a, uint64_t offset);
/* The direction ends at `offset`; the first one counts. */
void assembly_fin(struct assembly *a, uint64_t offset);
/* Everything up to the FIN is accounted for. */
static inline bool assembly_done(const struct assembly *a)
{
	return a->has_fin && a->next >= a->fin_at;
}
/* Gives up holes that are due. packets: of the flow so far, this one included. Call it after
 * push and ack of each packet, for both directions. */
void assembly_tick(struct assembly_group *g, struct assembly *a, uint64_t now, uint32_t packets,
		   bool onesided);
/* Everything below `offset` was missed because we were not there: a gap(resync). */
void assembly_start_at(struct assembly_group *g, struct assembly *a, uint64_t offset);
/* The end: queued data leaves, holes below it are gaps (`why`, or acked where they were), and so
 * is what lacks up to the FIN. What is queued behind the FIN stays undelivered. Frees all memory
 * of the direction. */
void assembly_flush(struct assembly_group *g, struct assembly *a, enum assembly_gap why);

/* Does the law hold? */
bool assembly_lawful(const struct assembly *a);
/* Bytes seen or claimed that were not delivered, skipped, nor reported as a gap. */
static inline uint64_t assembly_undelivered(const struct assembly *a)
{
	return a->highest - a->next;
}

#endif
