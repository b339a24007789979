/* census: the flows that a stage has now, which it writes down when somebody asks.
 *
 * A launcher gives each stage a file for it ($WEIR_FLOWS_FD), of which the first page is there; who
 * looks (weir flows) sees to the memory of the rest before it asks, so that a full file system is
 * its trouble and not the stage's. It asks by making `asked` one more; the stage looks at that
 * between two batches, or after half a second without input, writes its flows down, and stores what
 * was asked as `answered`. Two may look at a time: what is read is valid where `sequence` was even
 * and the same before and after. */
#ifndef WEIR_CENSUS_H
#define WEIR_CENSUS_H

#include "libcommon/record/types.h"
#include "libcommon/stage/books.h"

enum {
	CENSUS_MAGIC = 0x57434e31, /* WCN1 */
	CENSUS_HEAD = 4096,
	CENSUS_ROWS = 32736,
	CENSUS_STATE = 18,
	CENSUS_PAGE = CENSUS_HEAD + CENSUS_ROWS * 128,
};

struct census_flow {
	uint64_t flow, start, last;    /* id; ns, 0: not known here */
	uint64_t packets[2], bytes[2]; /* on the wire, of originator and responder; 0 likewise */
	uint64_t held[2];              /* bytes of each that the stage keeps */
	uint8_t addr[2][16];           /* the first 4 of IPv4 */
	uint16_t port[2];
	uint8_t ip_version, proto; /* ip_version 0: no addresses are known */
	char state[CENSUS_STATE];  /* "": none of its own */
};

struct census_page {
	uint32_t magic;
	uint32_t sequence;        /* odd while it is written */
	uint64_t asked, answered; /* asked: by those who look alone */
	uint64_t flows, rows;     /* that the stage has, and that had room here */
	uint64_t now;             /* time of the packets, ns */
	char stage[BOOKS_NAME];
};

struct census;

/* Over $WEIR_FLOWS_FD; NULL where that is none. Before the sandbox. */
struct census *census_open(const char *stage);
bool census_asked(const struct census *c);
/* Around the answer, with a row for each flow between. */
void census_begin(struct census *c);
/* A zeroed row; one that goes nowhere where there is no more room. */
struct census_flow *census_add(struct census *c, uint64_t flow);
void census_end(struct census *c, uint64_t now);
void census_close(struct census *c); /* NULL is fine */
void census_key(struct census_flow *row, const struct rec_key *key);

#endif
