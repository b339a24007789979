/* table: the columns of one record type, and a record as a line of values. Pure. */
#ifndef WEIR_CSV_TABLE_H
#define WEIR_CSV_TABLE_H

#include "libcommon/record/field.h"

enum { TABLE_COLUMNS = 1024 };

struct table_options {
	bool tsv, iso_time;
};

struct table;

/* fields: names with commas between, NULL for all. A column that the type does not have stays
 * empty. NULL where there are more than TABLE_COLUMNS. */
struct table *table_new(const struct schema *s, const char *fields, const struct table_options *o);
void table_free(struct table *t);
/* The line of names. */
void table_header(const struct table *t, struct buf *out);
/* The line of a record; false (nothing appended) where it is damaged. */
bool table_row(struct table *t, struct bytes raw, struct buf *out);

#endif
