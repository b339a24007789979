/* defrag: IPv4 and IPv6 fragments in, whole datagrams out.
 *
 * Pure, and on the caller's memory: a size, an init, no allocation. Time is packet time. A piece
 * costs O(its bytes), whatever came before; what is held is bounded. Where that is full, a source
 * that holds more than a 64th of it, and more than one datagram can, is the first to lose; where
 * there is none, the oldest datagram goes. RFC 791, 815, 5722, 7112, 8200 4.5.
 *
 * The law, at any time between two calls, in frames:
 *     pushed = in wholes + given up (by reason) + held */
#ifndef WEIR_DEFRAG_H
#define WEIR_DEFRAG_H

#include "libcommon/base/bytes.h"

enum { DEFRAG_MAX = 65535 }; /* bytes of a whole datagram's payload */

/* What to do with pieces of an IPv4 datagram that overlap. IPv6 is always DEFRAG_DROP. A piece
 * that says again what is known is no overlap but a duplicate. */
enum defrag_policy {
	DEFRAG_FIRST, /* the byte that came first counts */
	DEFRAG_LAST,  /* the byte that came last counts */
	DEFRAG_DROP,  /* the datagram is discarded (RFC 5722) */
};

/* Why a frame is not part of a whole datagram. */
enum defrag_reason {
	DEFRAG_KEPT,               /* none: it is held, or part of a whole */
	DEFRAG_TIMEOUT,            /* the datagram was not whole in time */
	DEFRAG_EVICTED_MEMORY,     /* no page was free */
	DEFRAG_EVICTED_DATAGRAMS,  /* too many datagrams at once */
	DEFRAG_EVICTED_PAIR,       /* too many datagrams between these two addresses */
	DEFRAG_TOO_MANY_FRAGMENTS, /* of one datagram */
	DEFRAG_OVERLAP,
	DEFRAG_SIZE_INCONSISTENCY, /* two ends, or bytes behind the end */
	DEFRAG_TOO_LARGE,          /* whole it would be longer than its length field can say */
	DEFRAG_HEADER_CHAIN,       /* IPv6: the first piece lacks part of the headers (RFC 7112) */
	DEFRAG_BAD_LENGTH,         /* empty, or not the last and no multiple of 8. Alone */
	DEFRAG_DUPLICATE,          /* says nothing new. Alone */
	DEFRAG_BAD_CHECKSUM,       /* of its IP header. Alone */
	DEFRAG_END_OF_INPUT,
	DEFRAG_REASONS,
};
const char *defrag_reason_name(enum defrag_reason reason);

/* Bits of anomalies, 1 << these. Zeek's names where it has one. */
enum defrag_anomaly {
	DEFRAG_A_OVERLAP,
	DEFRAG_A_INCONSISTENCY, /* overlapping bytes differ */
	DEFRAG_A_SIZE_INCONSISTENCY,
	DEFRAG_A_PROTOCOL_INCONSISTENCY, /* IPv6: the pieces name different next headers */
	DEFRAG_A_EXCESSIVELY_LARGE,
	DEFRAG_A_EXCESSIVELY_SMALL, /* not the last, and below 64 bytes with its headers */
	DEFRAG_A_WITH_DF,
	DEFRAG_A_INCOMPLETELY_CAPTURED,
	DEFRAG_A_BAD_LENGTH,
	DEFRAG_A_HEADER_CHAIN,
	DEFRAG_A_TOO_MANY,
	DEFRAG_A_BAD_CHECKSUM,
	DEFRAG_ANOMALIES,
};
const char *defrag_anomaly_name(enum defrag_anomaly a);

struct defrag_gone;

struct defrag_config {
	uint64_t memory;             /* bytes in all, tables included; 0 = 32 MiB */
	uint32_t datagrams;          /* at once; 0 = 16,384 */
	uint32_t fragments;          /* of one datagram, duplicates left out; 0 = 256 */
	uint32_t per_pair;           /* datagrams at once of one (source, destination); 0 = 64 */
	uint64_t timeout4, timeout6; /* ns from the first piece; 0 = 30 s, 60 s */
	enum defrag_policy policy;   /* of IPv4 */
	uint64_t secret[2];          /* keys the hash; decides nothing that is put out */
	/* Called for all frames that will be in no whole. May be NULL; may not call defrag. */
	void (*gone)(void *user, const struct defrag_gone *g);
	void *user;
};

struct defrag_piece {
	uint8_t ip_version;       /* 4 or 6 */
	uint8_t proto;            /* IPv6: the fragment header's next header */
	bool more;                /* the MF or M flag */
	bool df;                  /* IPv4: the DF flag */
	bool damaged;             /* the checksum of its IP header is wrong */
	bool unsummed;            /* it is 0: it meets its like alone */
	const uint8_t *src, *dst; /* 4 or 16 bytes each */
	uint64_t scope;           /* VLANs and tunnel: pieces of two scopes never meet */
	uint32_t id;
	uint32_t offset;  /* of the piece in its datagram, bytes */
	uint32_t before;  /* bytes that the whole's length field counts before the payload: IPv4 the
			     header, IPv6 the extension headers before the fragment header */
	uint32_t claimed; /* its length by the header */
	struct bytes data; /* what was captured of it */
	uint64_t n, ts;    /* frame, and its time in ns */
	uint32_t wire_len;
};

/* Frames of one datagram given up for one reason; frames 0 never. */
struct defrag_gone {
	enum defrag_reason reason;
	uint8_t ip_version, proto;
	const uint8_t *src, *dst;
	uint64_t scope;
	uint32_t id;
	uint32_t frames;
	uint64_t wire_bytes;
	uint64_t first_n, first_ts; /* of the first of them */
	uint32_t anomalies;         /* of all of them */
};

enum defrag_result {
	DEFRAG_HELD,
	DEFRAG_WHOLE,
	DEFRAG_DROPPED, /* this piece, perhaps with its whole datagram; gone() was called */
};

struct defrag_answer {
	enum defrag_reason reason; /* where it was dropped */
	uint32_t anomalies;        /* of this piece */
	/* With DEFRAG_WHOLE: */
	struct bytes data; /* valid until the next call */
	uint32_t missing;  /* bytes that an atomic fragment claims and the capture lacks, else 0 */
	uint8_t proto;
	uint32_t frames;
	uint64_t wire_bytes;
	uint64_t first_n, first_ts;
	uint32_t all_anomalies;
};

struct defrag;

/* Bytes of memory that defrag_init() wants; 0 where config.memory is too little for the rest. */
size_t defrag_size(const struct defrag_config *config);
/* Takes memory of that size, aligned for any type; most of it is not touched before it is used.
 * NULL where defrag_size() is 0. The state needs no release. */
struct defrag *defrag_init(void *memory, const struct defrag_config *config);

/* Takes one piece, after everything that has expired by its time. Times that go back count as the
 * latest seen. A piece that is the first and the last (RFC 6946) is whole by itself.
 * The piece may lie in the last answer's data: fragments in fragments. */
enum defrag_result defrag_push(struct defrag *d, const struct defrag_piece *p,
			       struct defrag_answer *answer);
/* Gives up what has expired at `now`, by age: O(what has). Between calls nothing expires. */
void defrag_time(struct defrag *d, uint64_t now);
/* Where the latest time seen turns out to have been too early, and it is `now`: a datagram that the
 * last piece pushed began is as young as that. */
void defrag_retouch(struct defrag *d, uint64_t now);
/* Gives up all there is, oldest first. */
void defrag_finish(struct defrag *d);

uint64_t defrag_held(const struct defrag *d);      /* frames */
uint32_t defrag_datagrams(const struct defrag *d); /* those discarded, but remembered, included */
uint64_t defrag_bytes(const struct defrag *d);     /* memory that holds data now */

#endif
