/* reassembly: the bytes of one direction of a TCP connection, in order, each at most once.
 *
 * Pure: no I/O; memory comes from a bounded pool; time is packet time. Bytes are named by 64-bit
 * offsets (the byte behind the SYN is 0), so sequence numbers and their wrapping are elsewhere's
 * matter. What is in order leaves at once, through the sink, straight from the caller's buffer;
 * what came ahead of a hole is copied into blocks and waits.
 *
 * The law, at any time between two calls:
 *     delivered + gap_bytes + urgent + skipped = next <= highest */
#ifndef WEIR_REASM_REASSEMBLY_H
#define WEIR_REASM_REASSEMBLY_H

#include "cmd/reasm/blocks.h"
#include "libcommon/record/types.h"

enum {
	REASM_GAP_REASONS = REC_gap_reason_SNAPPED + 1,
	REASM_URGENT_PENDING = 4,     /* urgent offsets remembered per direction */
	REASM_URGENT_MAX = 64 * 1024, /* urgent bytes taken out; later ones stay in */
	REASM_HOLDER_LISTS = 34,
};

struct assembly;

struct assembly_sink {
	void *ctx;
	/* Bytes in order. Borrowed until it returns. */
	void (*data)(void *ctx, struct assembly *a, uint64_t offset, struct bytes data,
		     uint64_t first_n, uint64_t first_ts);
	/* len bytes from offset on will never come. */
	void (*gap)(void *ctx, struct assembly *a, uint64_t offset, uint64_t len,
		    enum rec_gap_reason why);
	/* Bytes came again, and differ from those known. */
	void (*overlap)(void *ctx, struct assembly *a, uint64_t offset, uint64_t len);
};

struct assembly_limits {
	uint64_t depth;        /* bytes per direction; what is beyond is skipped */
	uint64_t queue_bytes;  /* above holes, per direction */
	uint32_t queue_blocks; /* likewise, in blocks of BLOCK_SIZE */
	uint64_t memory;       /* all directions */
	uint32_t history;      /* last bytes delivered kept to compare repeats with; 0 = none */
	bool last_wins;        /* of queued bytes, the newer; delivered bytes never change */
	bool urgent_inline;    /* keep the urgent byte in the stream */
	uint64_t acked_ns; /* a hole that the peer has acknowledged is given up after so long.. */
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
	/* Directions that hold 2^(i-1) .. 2^i - 1 blocks, least recently moved first. */
	struct holder holders[REASM_HOLDER_LISTS];
	struct holder histories; /* directions that keep delivered bytes, oldest first */
	uint64_t memcap_hits, history_dropped, blocks_refused;
};

/* One direction. A zeroed struct is a valid one that starts at offset 0. What a segment in order
 * needs stands in the first 64 bytes. */
struct __attribute__((aligned(64))) assembly {
	uint64_t next;      /* offset of the first byte not yet accounted for */
	uint64_t highest;   /* one behind the highest offset seen */
	uint64_t acked;     /* the peer has acknowledged everything below */
	uint64_t held_to;   /* bytes below were sent with the SYN and not yet accepted; 0 = none */
	struct block *head; /* by offset, never overlapping, all at or above next */
	uint64_t delivered, segments;
	uint32_t blocks; /* in the list at head */
	bool has_fin;
	uint8_t which; /* for the owner: direction number */
	uint8_t nurgent;
	uint8_t list; /* index in holders, 0 = in none */

	uint64_t fin_at; /* where the direction ends, if has_fin */
	struct block *tail;
	uint64_t queued; /* bytes in the list, missing ones left out */
	/* Since when the hole below the head is acknowledged: ack, time, packet count. */
	uint64_t covered_ack, covered_ts;
	uint32_t covered_packets;
	uint32_t old_bytes;
	struct block *old_head, *old_tail; /* history: the last bytes delivered */
	struct holder holder, old_holder;
	uint64_t urgent_at[REASM_URGENT_PENDING];

	uint64_t gap_bytes, gaps, urgent, skipped;
	uint64_t retransmitted, overlaps, out_of_order, high_watermark;
	uint64_t gap_reasons[REASM_GAP_REASONS];
};

struct assembly_segment {
	uint64_t offset;
	struct bytes data;
	uint32_t missing; /* bytes behind data that the capture lacks */
	uint64_t n, ts;   /* frame and time */
	uint32_t urgent;  /* urgent pointer, 0 = none (RFC 6093: one behind the urgent byte) */
	bool held;        /* came with a SYN: wait until the peer accepts it (RFC 7413) */
};

void assembly_group_init(struct assembly_group *g, const struct assembly_limits *limits,
			 const struct assembly_sink *sink);
void assembly_group_release(struct assembly_group *g);

/* A segment with data. Nothing at or beyond 2^62, nor behind a FIN, is taken. */
void assembly_push(struct assembly_group *g, struct assembly *a, const struct assembly_segment *s);
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
void assembly_flush(struct assembly_group *g, struct assembly *a, enum rec_gap_reason why);

/* Does the law hold? */
bool assembly_lawful(const struct assembly *a);
/* Bytes seen or claimed that were not delivered, skipped, nor reported as a gap. */
static inline uint64_t assembly_undelivered(const struct assembly *a)
{
	return a->highest - a->next;
}

#endif
