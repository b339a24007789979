/* info: what a stream holds, gathered record by record, and as text or JSON. */
#ifndef WEIR_INFO_H
#define WEIR_INFO_H

#include "libcommon/stage/books.h"
#include "libcommon/stage/stage.h"

enum { INFO_SOURCES = 1024 };

struct info_type {
	const struct schema *schema;                           /* the last one declared; borrowed */
	uint64_t records, bytes, first, last, first_n, last_n; /* first, last: ns */
};

struct info {
	bool hello, live, continues, ended;
	struct buf program, version, command; /* as the stream has them */
	uint64_t stream;
	struct info_source {
		uint64_t source, first_n;
		char *name;
	} sources[INFO_SOURCES];
	size_t nsources, more_sources;
	struct info_type *types; /* by id */
	enum rec_end_cause cause;
	struct books books;
};

void info_init(struct info *x);
void info_add(struct info *x, const struct schema *s, const struct stage_rec *r);
/* Puts the summary behind out. Gives false where the books are off. */
bool info_text(const struct info *x, bool schemas, struct buf *out);
bool info_json(const struct info *x, struct buf *out);
/* Ready for another stream. */
void info_clear(struct info *x);
void info_release(struct info *x);

#endif
