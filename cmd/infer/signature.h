/* signature: what the first bytes of a protocol look like; text lines made into tables once.
 *
 *     NAME L4 FROM WEIGHT CONDITION...        proto/signatures says what may stand there
 *     change NAME NAME|any FROM [within=N] [lines] CONDITION...
 *     variant NAME NAME L4 PORT
 *
 * A look at some bytes costs one step a byte for all floating texts together, and for those
 * signatures whose first byte fits one comparison of 16 bytes and, where that fits too, one step
 * for each byte of the pattern. Nothing is tried twice, nothing goes back. Pure. */
#ifndef WEIR_INFER_SIGNATURE_H
#define WEIR_INFER_SIGNATURE_H

#include "cmd/infer/protocols.h"

enum {
	SIGNATURES_MAX = 1024,
	SIGNATURE_BUCKET = 128, /* signatures that one first byte may have */
	SIGNATURE_TEXTS = 192,  /* floating texts */
	SIGNATURE_CONDITIONS = 12,
	SIGNATURE_PLACES = 64, /* bytes of a pattern */
	SIGNATURE_DEPTH = 1024,
};

enum signature_l4 { SIGNATURE_TCP, SIGNATURE_UDP, SIGNATURE_SCTP, SIGNATURE_L4S };
enum { FROM_CLIENT = 1, FROM_SERVER = 2, FROM_ANY = 3 };

/* One byte of a pattern: fits where low <= (byte & mask) <= high, letters made small if fold. */
struct signature_place {
	uint8_t low, high, mask, fold;
};

enum signature_kind {
	CONDITION_AT,    /* places at `offset` */
	CONDITION_AFTER, /* places at `offset` behind the last number */
	CONDITION_FIND,  /* the floating text number `text` */
	CONDITION_LINE,  /* the same within the first line */
	CONDITION_RANGE, /* the number at `offset` is low..high */
	CONDITION_LEN,   /* the number at `offset` is the datagram's length + add .. */
	CONDITION_REST,  /* .. what is left of it behind the number, + add */
	CONDITION_SIZE,  /* the datagram has low..high bytes */
};

struct signature_condition {
	uint8_t kind, width; /* width of the number in bytes; 0: as BER has it */
	bool little, behind; /* behind: `offset` counts from the end of the number before */
	uint16_t offset, place, places, text;
	uint64_t low, high;
	int32_t add;
};

/* What the first bytes must be, as far as it is certain: compared before anything else. */
struct signature_front {
	uint64_t bits[2], mask[2];
};

struct signature {
	uint16_t protocol;
	uint8_t l4s; /* bits 1 << enum signature_l4 */
	uint8_t from, weight;
	bool weak;        /* so few bits are fixed that it is a matter of shape */
	bool both;        /* counts only where the other direction fits the protocol, too */
	bool datagram;    /* speaks of a datagram's length */
	uint16_t variant; /* of `variant` lines: the name where the server has `port`; 0: none */
	uint16_t port;
	uint16_t change; /* of `change` lines: the protocol that follows; 0: it is no such line */
	bool change_any, lines; /* lines: not only a piece, any line may begin so */
	uint16_t within;        /* packets */
	uint16_t condition, conditions;
	struct signature_front front;
	char label[40];
};

struct signatures;
struct signatures *signatures_new(struct protocols *names);
void signatures_free(struct signatures *s);
/* Adds the lines of a text. False where one is wrong: *why and *line say what and where. */
bool signatures_add(struct signatures *s, struct bytes text, const char **why, unsigned *line);
/* After the last text. */
void signatures_compile(struct signatures *s);

const struct signature *signature_at(const struct signatures *s, uint16_t number);
size_t signatures_count(const struct signatures *s);

/* How far the look at one direction has got. Zeroed = at its start. */
struct signature_scan {
	uint16_t state;    /* of the automaton.. */
	uint16_t looked;   /* ..which has read so many bytes */
	uint16_t lineless; /* so many bytes have no end of a line */
	uint64_t texts[SIGNATURE_TEXTS / 64];
	bool fits; /* something has */
	uint64_t said[SIGNATURE_BUCKET / 64], said_floating[SIGNATURE_BUCKET / 64];
};

/* What has come from one side. */
struct signature_look {
	enum signature_l4 l4;
	uint8_t from;       /* FROM_CLIENT, FROM_SERVER, or FROM_ANY where nobody knows */
	bool whole;         /* a datagram; else the first bytes of a stream so far */
	struct bytes bytes; /* at most SIGNATURE_DEPTH are looked at */
};

/* Calls hit() for each signature that fits now and had not said yes or no in that scan before, in
 * the order of the lines. */
void signatures_match(const struct signatures *s, const struct signature_look *look,
		      struct signature_scan *scan, void (*hit)(void *ctx, uint16_t number),
		      void *ctx);

/* What may begin a `change` line of that protocol's that the client or the server says. */
struct signature_starts {
	uint64_t bytes[256 / 64];
	bool lines; /* words may begin any line */
};
/* NULL where there are none at all. */
const struct signature_starts *signatures_starts(const struct signatures *s, uint16_t protocol,
						 uint8_t from);
static inline bool signature_starts(const struct signature_starts *x, uint8_t byte)
{
	return x->bytes[byte / 64] >> byte % 64 & 1;
}

/* The first `change` line of that protocol whose conditions these bytes fulfil, or NULL; then *more
 * says whether one may do so once more of them have come. */
const struct signature *signatures_change(const struct signatures *s, uint16_t protocol,
					  uint8_t from, struct bytes bytes, bool *more);
/* Which protocol may begin with these bytes, as far as they go, by signatures that say what its
 * first byte is: 0, or 1 + the number of one of them. *several: others may, too. */
uint16_t signatures_may(const struct signatures *s, enum signature_l4 l4, struct bytes bytes,
			uint16_t protocol, uint16_t not, bool *several);
/* What the protocol is called where the server has that port. */
uint16_t signatures_variant(const struct signatures *s, uint16_t protocol, enum signature_l4 l4,
			    uint16_t port);
/* Packets within which the protocol may change; 0: it does not. */
unsigned signatures_change_within(const struct signatures *s, uint16_t protocol);

#endif
