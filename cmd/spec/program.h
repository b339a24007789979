/* program: what a spec is compiled to: a flat program for one message, the columns of its record,
 * and what says which flows it is for.
 *
 * A program is bounded by construction: parts are put in place where they are used and cannot hold
 * themselves, each turn of a loop takes at least one byte, and a checksum goes on where it ended
 * when its loop came to it last. So a message costs at most the program's length times its bytes.
 */
#ifndef WEIR_SPEC_PROGRAM_H
#define WEIR_SPEC_PROGRAM_H

#include "libcommon/record/record.h"

enum {
	SPEC_SLOTS = 256,    /* named values of a message */
	SPEC_GUESSES = 16,   /* what guesses may call the protocol */
	SPEC_VARS = 16,      /* numbers that a flow keeps */
	SPEC_STATES = 64,    /* one bit each */
	SPEC_DEPTH = 16,     /* windows, loops, marks, and blocks within each other */
	SPEC_STACK = 24,     /* of an expression */
	SPEC_CODE = 8192,    /* instructions */
	SPEC_ITEMS = 2048,   /* values of lists, per message.. */
	SPEC_CELLS = 5500,   /* ..fields of all rows, absent ones too.. */
	SPEC_LISTED = 65536, /* ..and bytes of them: with those of a request less than a record may
				have */
	SPEC_BODY = 196608,  /* bytes of texts in a record */
	SPEC_KEEP = 4096,    /* bytes kept of a field, unless the spec says otherwise */
	SPEC_KEEP_MAX = 16384,
	SPEC_TURNS = 1024, /* of a loop, unless the spec says otherwise */
	SPEC_TURNS_MAX = 1 << 24,
	SPEC_WHOLE = 16384, /* bytes waited for at once, unless the spec says otherwise */
	SPEC_WHOLE_MAX = 98304,
	SPEC_KEYS = 3, /* numbers by which a response finds its request */
	SPEC_SUBS = 16,
	SPEC_SUMS = 16, /* checksums, as often as parts put them in place */
	SPEC_NAME = 48,
};

/* What an instruction does. "pops" and "pushes" are about the stack of numbers. */
enum spec_op {
	OP_PUSH, /* imm */
	OP_GET,  /* slot's number, 0 where it is not set */
	OP_VAR,  /* number `slot` of the flow */
	OP_LEFT, /* bytes left in the window */
	OP_POS,  /* bytes of the message so far */
	OP_DIR,
	OP_TCP,
	OP_STATE,
	OP_LEN, /* of slot's bytes */
	OP_HAS, /* is slot set? */
	OP_IS,  /* do slot's bytes equal literal n? */
	OP_ADD, /* two popped, one pushed, from here.. */
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_MOD,
	OP_SHL,
	OP_SHR,
	OP_AND,
	OP_OR,
	OP_XOR,
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_BOTH,
	OP_EITHER, /* ..to here */
	OP_NOT,
	OP_NEGATE,
	OP_INVERT,

	OP_JUMP,  /* to n */
	OP_JUMPZ, /* pops; to n where it is 0 */
	OP_CASE,  /* is the top within imm .. imm + span? Then pops it and goes to n */
	OP_POP,

	/* A run: bytes that are all there; the loads behind it take from them at fixed places. */
	OP_RUN,     /* n bytes */
	OP_BE,      /* slot = m bytes at n */
	OP_LITTLE,  /* the same, little-endian */
	OP_BITS,    /* slot = m bits at bit n, the most significant first */
	OP_BITSLE,  /* the least significant first */
	OP_SIGN,    /* extends slot's sign from bit m */
	OP_FLOAT,   /* slot's 32 bits become those of the same number in 64 */
	OP_COPY,    /* slot = the m bytes at n */
	OP_LITERAL, /* the bytes at n are literal m, else it fails (why) */

	OP_PEEK,   /* slot = the next m bytes, which stay unread */
	OP_LEB128, /* slot = a number of at most m bytes */
	OP_VLQ,
	OP_QUIC,
	OP_BERLEN,
	OP_LENENC,
	OP_UINT,   /* slot = arg bytes; 9 where the first is 0 */
	OP_INT,    /* the same, signed */
	OP_BLOB,   /* slot = arg bytes, of which n are kept */
	OP_REST,   /* slot = the rest of the window, of which n bytes are kept */
	OP_UNTIL,  /* slot = bytes before literal m, at most imm; arg: or the window's end */
	OP_NUMBER, /* slot's text becomes the decimal number that it is */
	OP_OID,    /* slot's bytes become the text of an object identifier */
	OP_SKIP,   /* arg bytes */

	OP_WITHIN,       /* a window of arg bytes begins */
	OP_WITHIN_UNTIL, /* a window up to literal m, which is at most imm away; n: no mark is set
			  */
	OP_WHOLE,  /* the same as OP_WITHIN, and all of it is waited for; at most n; m: no mark is
		      set */
	OP_LEAVE,  /* the window ends, what is unread in it is skipped */
	OP_LOOP,   /* begins: arg turns, at most n */
	OP_WHILE,  /* the same without a number of turns */
	OP_TURN,   /* another turn, or to n; arg: ends with the window */
	OP_TURNZ,  /* pops; to n where it is 0, else another turn */
	OP_APPEND, /* slot's value to its list */
	OP_ROW,    /* the values of sub-record n become a row */

	OP_LET,     /* pops into slot */
	OP_SET,     /* pops into the flow's number `slot` */
	OP_IP4,     /* pops; slot = its 4 bytes */
	OP_TIME,    /* slot's number becomes ns since the epoch; n: enum spec_time */
	OP_MARK,    /* mark n is here */
	OP_SUM,     /* pops; is it checksum m over the bytes from mark n to here (arg: to mark imm)?
		       slot: which of the message's sums this is */
	OP_REQUIRE, /* pops; fails where it is 0 (why) */
	OP_FAIL,
	OP_NOTE,  /* an anomaly: why */
	OP_LEGAL, /* an anomaly where the state is none of imm; why: of what */
	OP_BECOME,
	OP_REQUEST, /* pops n keys */
	OP_RESPONSE,
	OP_SILENT,
	OP_OVER, /* the rest of the flow is not ours */
	OP_END,
};

enum spec_time { SPEC_NTP, SPEC_UNIX, SPEC_UNIX_MS };

enum spec_arg { ARG_IMM, ARG_SLOT, ARG_STACK };

struct spec_insn {
	uint8_t op, arg;
	uint16_t slot;
	uint32_t n, m;
	uint32_t back; /* ARG_STACK: where its expression begins, to be evaluated again */
	uint32_t line;
	uint64_t imm; /* ARG_IMM; ARG_SLOT: the slot */
	union {
		const char *why;
		uint64_t span; /* OP_CASE */
	};
};

/* A named value. */
struct spec_slot {
	const char *name, *what;
	enum rec_kind kind;
	bool blob;     /* bytes, else a number */
	bool internal; /* no column */
	bool list;     /* a list of such values */
	int sub;       /* the sub-record that it belongs to, or -1 */
	int table;     /* its names, or -1 */
	size_t offset; /* in the record's C struct, or the sub-record's */
};

/* A list of sub-records. */
struct spec_sub {
	const char *name;
	struct rec_desc desc;
	size_t offset;
};

struct spec_table {
	const char *name;
	struct rec_enum en;
};

/* First bytes by which a flow is claimed. */
struct spec_first {
	uint8_t dirs; /* bit L7_ORIG, L7_RESP */
	uint32_t at;
	struct bytes bytes;
};

struct spec {
	const char *name, *summary;
	bool tcp, udp, pairs;
	uint16_t *tcp_ports, *udp_ports;
	size_t ntcp, nudp;
	struct spec_first *first;
	size_t nfirst;
	const char **guesses; /* what guesses call it, NULL-ended; NULL: it goes by no guess */
	size_t nguesses;
	const char *states[SPEC_STATES];
	unsigned nstates;
	int midstream;               /* the state in which a flow without its beginning is, or -1 */
	const char *vars[SPEC_VARS]; /* numbers of the flow */
	unsigned nvars;

	struct spec_insn *code;
	size_t ncode;
	uint32_t entry[2]; /* of a message by its direction; UINT32_MAX: there is none */
	struct bytes *literals;
	size_t nliterals;
	struct spec_slot slots[SPEC_SLOTS];
	unsigned nslots;
	struct spec_sub subs[SPEC_SUBS];
	unsigned nsubs, nsums;
	struct spec_table *tables;
	size_t ntables;

	struct rec_desc desc; /* the record's: see columns.c for its C struct */
	void *kept;           /* all memory, in a list */
};

/* Where a spec is wrong. */
struct spec_error {
	unsigned line, column;
	char text[200];
};

/* NULL, and *e, where the source is wrong. */
struct spec *spec_compile(struct bytes source, struct spec_error *e);
void spec_free(struct spec *s); /* NULL is fine */

/* Zeroed memory that lives as long as the spec. */
void *spec_keep(struct spec *s, size_t n);
/* The same for an array that grows: of `had` items, now with room for one more. `items` came from
 * here, or is NULL. */
void *spec_grow(struct spec *s, void *items, size_t had, size_t size);

/* The parts of the record's C struct that each spec has. */
struct spec_record {
	struct rec_key key;
	uint8_t dir;
	uint32_t state;
	struct rec_opt rtt, cut;
};
enum spec_state { SPEC_ANSWERED, SPEC_UNANSWERED, SPEC_UNSOLICITED, SPEC_ALONE };

/* Lays out the record: s->desc, and where each slot goes. */
void spec_columns(struct spec *s);

#endif
