/* commit: what a stage has done for good, so that its successor loses nothing and does nothing
 * twice.
 *
 * A launcher that restarts stages gives each a page (WEIR_PAGE_FD) of COMMIT_PAGE bytes: the books,
 * and behind them two slots. The stage works in units: a batch of records, or a frame that a source
 * makes. At the end of a unit it writes into the slot that is not valid how far it has read each
 * input, how far it has written each output, and every counter. To commit is to store the slot's
 * number: one store, before which the unit has not happened for anybody else, and behind which it
 * has. Only then do the rings show their readers what was written, and give their producers back
 * what was read, up to the positions in the slot (port_gated). So, whenever the process dies,
 *
 *     committed = the last slot stored; shown <= committed, on every ring
 *
 * and whoever takes its place sets all of them to the slot: heads and tails of its own sides of the
 * rings, the length of an output file, the place in an input file, the counters, and the little
 * that the stage keeps (stage_keep). What the process knew of flows is gone; it goes on as with a
 * capture that began in the middle. A pipe shows at once what is written to it: there it is at
 * least once.
 *
 * It commits when an output has a batch to show, when it has taken 64 KiB of an input, and before
 * it waits. A unit whose records do not fit into a ring at once commits in its midst: then a death
 * before its end cuts that unit, whose records are booked as dropped.cut. */
#ifndef WEIR_COMMIT_H
#define WEIR_COMMIT_H

#include "libcommon/stage/books.h"

enum {
	COMMIT_MAGIC = 0x57434d32, /* WCM2 */
	COMMIT_ENDS = 64,          /* inputs, and outputs */
	COMMIT_SLOT = 8192,
	COMMIT_NOTE = 4096,
	COMMIT_KEPT = 2048,
	COMMIT_AT = BOOKS_PAGE, /* in the page */
	COMMIT_PAGE = BOOKS_PAGE + 4096 + 2 * COMMIT_SLOT + COMMIT_NOTE,
};

struct commit_slot {
	uint32_t nin, nout, nvalues;
	uint8_t cut;                    /* in the midst of a unit */
	uint8_t ended;                  /* the end record is written: nothing is left to do */
	uint8_t code;                   /* with which it would end, so far */
	uint8_t cause;                  /* why its input ended, so far */
	uint64_t ended_in;              /* a bit for each input: its end record is taken */
	uint64_t text;                  /* a sink's text: the length of its file */
	uint64_t source, n, ts, last_n; /* where the order stands */
	uint64_t in[COMMIT_ENDS], out[COMMIT_ENDS];
	uint64_t values[BOOKS_SLOTS]; /* of the page's counters, in their order */
	/* What the stage of that name keeps beside them: its clock, say. */
	char kept_by[BOOKS_NAME];
	uint32_t nkept;
	uint8_t kept[COMMIT_KEPT];
};

_Static_assert(sizeof(struct commit_slot) <= COMMIT_SLOT, "a slot has room for it");

struct commit {
	uint32_t magic;
	uint32_t careful; /* set by a launcher: a unit is one record, and each is committed */
	uint64_t number;  /* of the last commit; its slot is slot[number & 1]; 0: none yet */
	uint32_t starts;  /* processes that took this page so far */
	/* careful: the record that is being dealt with. */
	uint32_t at_input;
	uint64_t at_position;
	/* Set by a launcher: who goes on behind this commit leaves out the record of so many bytes
	 * that comes next on that input, and books it as dropped.poison. */
	uint64_t poison_number;
	uint32_t poison_input, poison_len;
	/* Set by a launcher, who then sends SIGTERM: the stage leaves for a successor
	 * (stage_ops.leave) and does not end its stream. */
	uint32_t leave;
	uint64_t text_to; /* a sink: up to where its text may be written already */
	uint8_t pad[4096 - 64];
	union {
		struct commit_slot slot;
		uint8_t size[COMMIT_SLOT];
	} slots[2];
	uint8_t note[COMMIT_NOTE]; /* a source's own, written at any time: see stage_note() */
};

static inline struct commit *commit_of(struct books_page *page)
{
	return (struct commit *)((uint8_t *)page + COMMIT_AT);
}

/* Over a page of COMMIT_PAGE bytes. */
void commit_begin(struct books_page *page);
bool commit_resumes(struct books_page *page);
/* The valid slot, or NULL. What is in it was written by a stage: a launcher checks it. */
const struct commit_slot *commit_valid(struct books_page *page);
/* The slot to fill for the next commit, with the page's counters put into it. */
struct commit_slot *commit_prepare(struct books_page *page);
/* What was prepared last is done for good. */
void commit_store(struct books_page *page);
/* A successor: the page's counters become those of the valid slot. Records that met no end are
 * booked: of a unit that was cut as dropped.cut, what a stage held back as dropped.held. So are
 * flows in progress: flows_lost counts those that the gauges flows.open or flows_known told of, and
 * what a group's gauge (GROUP.open, GROUP.held) told of becomes GROUP.lost.
 * False: the slot can't be one of this page. */
bool commit_restore(struct books_page *page);

#endif
