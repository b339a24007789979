/* books: a stage's 64-bit counters, in a page that can outlive it.
 *
 * Law, per stage, in records:  in + made = out + consumed + filtered + dropped.* + held
 * where `out` counts a record once however many outputs it goes to, and out_to{k} counts per
 * output. A second ledger in another unit is a group of counters "GROUP.in" and "GROUP.fate":
 * the .in ones sum to the others. Law per link: producer's out_to{k} = receiver's in{producer}. */
#ifndef WEIR_BOOKS_H
#define WEIR_BOOKS_H

#include "libcommon/base/buf.h"
#include "libcommon/record/types.h"

enum { BOOKS_KINDS = 96 }; /* of one group, named by what comes up */
enum { BOOKS_PAGE = 32768, BOOKS_NAME = 40, BOOKS_MAGIC = 0x57424b31 /* WBK1 */ };

struct books_slot {
	char name[BOOKS_NAME];
	uint64_t peer; /* as ledger.peer in proto/control.def */
	uint64_t value;
};

struct books_page {
	uint32_t magic, nslots;
	uint64_t instance;
	uint32_t pid, state; /* 0 running, 1 ended in order */
	char stage[BOOKS_NAME];
	struct books_slot slots[];
};

enum { BOOKS_SLOTS = (BOOKS_PAGE - sizeof(struct books_page)) / sizeof(struct books_slot) };

/* A page on the heap, or mapped from the descriptor in $WEIR_PAGE_FD; there with its commit area
 * (commit.h) where the file has one. A predecessor's page that holds committed work keeps its
 * instance and its counters. */
struct books_page *books_open(const char *stage, uint64_t instance);
/* A copy, on the heap, of the page in a file, which may be another's and be cut at any moment.
 * NULL: errno, which is 0 where it holds no page. */
struct books_page *books_page_copy(int fd);
/* Whether the page that books_open() gave has a commit area: without one nothing lies behind it. */
bool books_can_commit(void);
/* The counter of that name (and peer), made where it is new; stays valid. Names are cut at 39
 * bytes. When the page is full, the last slot ("other") is shared, which is said once. */
uint64_t *books_counter(struct books_page *b, const char *name, uint64_t peer);
/* The counter GROUP.KIND of a kind that came up: made where it is new, but at most BOOKS_KINDS in a
 * group; the rest are GROUP.other. In the name a kind's bytes other than letters, digits, - and _
 * are _. */
uint64_t *books_kind(struct books_page *b, const char *group, struct bytes kind);
uint64_t books_value(const struct books_page *b, const char *name);

/* At most n bytes of it, cut at 39, with zeroes behind. */
void books_name(char to[BOOKS_NAME], const char *from, size_t n);

/* A set of ledger rows of many stages: from `end` records or pages; equal (instance, counter,
 * peer) rows are kept once. */
struct books_row {
	char stage[BOOKS_NAME], counter[BOOKS_NAME];
	uint64_t instance, peer, value;
};
struct books {
	struct books_row *rows;
	size_t n, size;
};
void books_add(struct books *b, const struct books_row *row);
void books_add_page(struct books *b, const struct books_page *p);
/* Rows of a record; running: what wrote it had not ended, and may hold records. */
void books_add_ledger(struct books *b, const struct rec_list *ledger, bool running);
void books_release(struct books *b);
/* Checks every law. Returns the number that do not hold; each is described in a line of `why`
 * (may be NULL). A link whose other end is not in the set is not checked. */
size_t books_check(const struct books *b, struct buf *why);
/* The table that weir-books prints. */
void books_print(const struct books *b, struct buf *out);

#endif
