/* l7_part: the parsers of a stage: which of them it has, what each record means for them, and what
 * its books say of that. A stage has them once. */
#ifndef WEIR_L7_PART_H
#define WEIR_L7_PART_H

#include "libcommon/stage/l7_set.h"
#include "libcommon/stage/stage.h"

struct l7_part_config {
	bool only, payload;
	uint64_t max_flows, max_memory; /* of each parser; bytes that it has not read yet */
	const char *protocols;          /* of several, those that are wanted; NULL: all */
};
extern struct l7_part_config l7_part_config;

/* What they read of cold types. */
extern const struct rec_desc l7_part_flow, l7_part_guess;

/* In open(). The parsers are NULL-ended, and borrowed. */
void l7_part_open(struct stage *st, const struct l7_parser *const *parsers);
void l7_part_free(void);
struct l7_set *l7_part_set(void);
/* The stage's batch(). Where guesses come the parsers follow them. */
void l7_part_batch(struct stage *st, const struct stage_rec *recs, size_t n);
/* One record: what it means, then its fate. */
void l7_part_record(struct stage *st, const struct stage_rec *r);
/* The fate of one that they were shown by l7_part_set(). */
void l7_part_fate(struct stage *st, const struct stage_rec *r, bool ours);
/* Brings the counters up to date. */
void l7_part_count(void);
/* At the end: says which stage is missing before this one, where that is why it found nothing. */
void l7_part_check_before(struct stage *st);
/* The stage's finish(), census() and leave(). */
void l7_part_finish(uint64_t last_n);
void l7_part_census(struct stage *st, struct census *c);
void l7_part_leave(struct stage *st, uint64_t n, uint64_t ts);

/* Each parser's options, with its name in front; how many groups. To be freed. */
size_t l7_part_options(const struct l7_parser *const *parsers,
		       struct opt_group groups[L7_SET_MOST]);
void l7_part_options_free(struct opt_group *groups, size_t n);

#endif
