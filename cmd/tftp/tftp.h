/* tftp: the TFTP parser of weir-tftp, for the engine of l7.h: requests and transfers (RFC 1350,
 * 2347 to 2349, 7440), each a flow of its own. */
#ifndef WEIR_TFTP_H
#define WEIR_TFTP_H

#include "libcommon/stage/l7.h"

extern const struct l7_parser tftp_parser;

/* ---- tftp_message.c: messages, pure ---- */

enum tftp_code { TFTP_RRQ = 1, TFTP_WRQ, TFTP_DATA, TFTP_ACK, TFTP_ERROR, TFTP_OACK };
enum { TFTP_OPTIONS = 16, TFTP_NAME = 24 };

struct tftp_option {
	struct bytes name, value;
};

struct tftp_message {
	enum tftp_code code;
	struct bytes filename, mode; /* of a request */
	struct tftp_option
		options[TFTP_OPTIONS]; /* of a request and OACK; what is more is left out */
	size_t noptions;
	bool more;         /* options than that */
	uint16_t number;   /* of a block, or an error */
	struct bytes text; /* of an error: its text; of a block: its bytes */
};

/* False: it is no message of TFTP. What the capture cut off is no fault. */
bool tftp_parse(struct bytes data, bool cut, struct tftp_message *m);
/* Is that one that nothing else looks like: a request with a mode of RFC 1350, or an answer to
 * options that are known? */
bool tftp_is_certain(struct bytes data);
/* The value of an option as a number; false where it has none. */
bool tftp_number(const struct tftp_message *m, const char *name, uint64_t *v);

/* ---- tftp_blocks.c: which blocks were seen ---- */

struct tftp_blocks {
	bool any;
	uint64_t first, last; /* of those seen; the low 16 bits are the block's number */
	uint64_t seen;        /* bit i: the one so many before the last was seen */
	uint64_t count, repeated;
	uint64_t missing; /* between first and last */
};

/* True where it is a new one. */
bool tftp_block_take(struct tftp_blocks *b, uint16_t number);

#endif
