/* dns_message: one DNS message off the wire (RFC 1035 4, RFC 6891), with strict bounds.
 *
 * Pure: reads borrowed bytes, writes into the caller's work space, allocates nothing. Work per
 * message is bounded: 256 resource records, 64 KiB of text, 20 compression jumps a name. */
#ifndef WEIR_DNS_MESSAGE_H
#define WEIR_DNS_MESSAGE_H

#include "cmd/dns/dns_text.h"
#include "libcommon/record/record.h"

enum {
	DNS_HEADER = 12,
	DNS_NAME_MAX = 255, /* wire bytes, with the root label */
	DNS_JUMPS_MAX = 20,
	DNS_RRS_MAX = 256,
	DNS_QUESTIONS_MAX = 32, /* kept beside the first */
	DNS_OPTIONS_MAX = 32,
	DNS_TEXT_MAX = 64 * 1024,
	DNS_RDATA_MAX = 4096, /* characters of one record's data */
};

/* What is wrong with a message; bits. */
enum dns_fault {
	DNS_FAULT_PTR_LOOP = 1,       /* a pointer that does not go back, or too many */
	DNS_FAULT_LABEL_OVERRUN = 2,  /* a label past the end, reserved, or a name over 255 bytes */
	DNS_FAULT_RR_TRUNCATED = 4,   /* fewer bytes than the counts and lengths claim */
	DNS_FAULT_TRAILING_BYTES = 8, /* more bytes than they claim */
	DNS_FAULT_RDATA = 16,         /* data that does not have its type's form */
	DNS_FAULT_EDNS = 32,          /* options that overrun the OPT record, or two of these */
	DNS_FAULT_SHORT = 64,         /* no whole header */
	DNS_FAULT_OPCODE = 128,       /* an operation that does not exist */
	DNS_FAULTS = 8,               /* how many there are */
};
/* Index of the bit -> name of the anomaly. */
const char *dns_fault_name(unsigned bit);

/* What was left out because of a limit; bits. */
enum dns_cut {
	DNS_CUT_ANSWERS = 1, /* the three sections in order */
	DNS_CUT_AUTHORITIES = 2,
	DNS_CUT_ADDITIONALS = 4,
	DNS_CUT_QUESTIONS = 8,
	DNS_CUT_OPTIONS = 16,
};

enum {
	DNS_QR = 0x8000,
	DNS_AA = 0x0400,
	DNS_TC = 0x0200,
	DNS_RD = 0x0100,
	DNS_RA = 0x0080,
	DNS_Z = 0x0040,
	DNS_AD = 0x0020,
	DNS_CD = 0x0010,
};

/* A name without compression: labels with their lengths, up to and with the root's 0. */
struct dns_name {
	uint8_t len; /* 0: none */
	uint8_t wire[DNS_NAME_MAX];
};

/* Space for the lists and texts of a record: of a response, and of the query it answers. */
struct dns_work {
	struct dns_text text;
	struct rec_dns_rr rr[DNS_RRS_MAX];
	struct rec_dns_question more[DNS_QUESTIONS_MAX];
	struct rec_dns_option options[DNS_OPTIONS_MAX];
	size_t nrr, nmore, noptions;
	char chars[DNS_TEXT_MAX];
};

struct dns_edns {
	bool set, dnssec_ok;
	uint8_t version, rcode_high;
	uint16_t udp_size;
	struct rec_list options; /* struct rec_dns_option */
	struct bytes ecs;        /* text: address/source/scope */
	struct rec_opt ede;
	struct bytes ede_text; /* the option's EXTRA-TEXT */
};

struct dns_message {
	uint16_t id, flags;
	uint16_t counts[4];    /* questions, answers, authorities, additionals */
	struct dns_name qname; /* of the first question; len 0: none that can be read */
	uint16_t qtype, qclass;
	struct rec_list more;       /* struct rec_dns_question */
	struct rec_list section[3]; /* struct rec_dns_rr */
	struct dns_edns edns;
	unsigned faults, cut;
};

static inline uint8_t dns_opcode(uint16_t flags)
{
	return flags >> 11 & 15;
}

static inline bool dns_is_response(const struct dns_message *m)
{
	return m->flags & DNS_QR;
}

/* 12 bits with EDNS. */
static inline uint16_t dns_rcode(const struct dns_message *m)
{
	return (uint16_t)((m->edns.set ? m->edns.rcode_high << 4 : 0) | (m->flags & 15));
}

/* Reads the name at *at, whose bytes in place end before `end` <= msg.len, and moves *at behind
 * it. False, with a fault, where it can't be read (RFC 1035 4.1.4). */
bool dns_name_read(struct bytes msg, size_t *at, size_t end, struct dns_name *n, unsigned *faults);
/* Presentation form without the final dot; "." for the root (RFC 1035 5.1, RFC 4343 2.1). */
void dns_name_text(const struct dns_name *n, struct dns_text *t);
/* Equal but for ASCII case (RFC 4343). */
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);
/* Of the lower-cased name. */
uint32_t dns_name_hash(const struct dns_name *n);

/* Makes the space empty; before the first message of a record. */
void dns_work_reset(struct dns_work *work);
/* Reads a message. With work == NULL only the structure is checked: the lists stay empty. Stops
 * at the first fault that leaves unknown where the next item starts; what was read stays.
 * False where not even the header is there. Lists and texts point into wire, and into work
 * behind what is there. */
bool dns_message_read(struct dns_message *m, struct bytes wire, struct dns_work *work);

/* Could these bytes start a DNS message of `full` bytes? For ports that belong to DNS. UNSURE:
 * more of its bytes are needed; further bytes never change another answer. */
enum dns_guess { DNS_UNLIKELY, DNS_UNSURE, DNS_LIKELY };
enum dns_guess dns_guess(struct bytes start, size_t full);
/* Does this read without a fault, with one question? Then its operation may be any. */
bool dns_is_whole(struct bytes wire);
/* Is this beyond reasonable doubt a DNS message? For ports that do not belong to DNS. */
bool dns_is_certain(struct bytes wire);

/* The data of a record as text; false (nothing sensible written) where it does not have its
 * type's form. msg: the whole message, for compressed names; the data is [at, at + len). */
bool dns_rdata_text(struct dns_text *t, struct bytes msg, size_t at, size_t len, uint16_t type,
		    uint16_t class);
/* The form for unknown types (RFC 3597 5): \# length hex. */
void dns_rdata_unknown(struct dns_text *t, struct bytes data);

#endif
