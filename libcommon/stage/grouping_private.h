/* grouping_private: what counting records and writing rows share. Nobody else includes it. */
#ifndef WEIR_GROUPING_PRIVATE_H
#define WEIR_GROUPING_PRIVATE_H

#include "libcommon/base/distinct.h"
#include "libcommon/record/groups.h"
#include "libcommon/record/literal.h"
#include "libcommon/record/make.h"
#include "libcommon/stage/grouping.h"
#include "libcommon/stage/plans.h"

enum { MAX_FIGURES = 32, MAX_BY = 16 };

enum figure_kind { SUM, LEAST, MOST, DISTINCT };

/* A column of the rows that is not of the key. */
struct column {
	enum figure_kind kind;
	uint16_t name;      /* index in names */
	enum rec_kind what; /* of the field */
};

/* What a group has for a column. */
struct figure {
	bool any, real; /* real: a sum of floats */
	union {
		__int128 whole;
		double f;
		struct value value; /* LEAST, MOST: a number */
		struct distinct distinct;
	};
};

struct counts {
	uint64_t records, first_ts, flow;
	bool other;
	struct figure figures[];
};

/* How the records of a type are counted. */
struct group_plan {
	struct plan plan;
	struct rec_view view;
	struct field by[MAX_BY], figures[MAX_FIGURES], weight;
	int list; /* of `by`: the first that is a list; -1: none */
	bool counted;
};

struct grouping {
	struct stage *st;
	struct grouping_config config;
	struct names names, types;
	uint16_t by[MAX_BY];
	size_t nby, ncolumns;
	struct column columns[MAX_FIGURES];
	int weight; /* index in names; -1: records */
	struct groups *groups;
	struct plans plans;
	/* the rows' type, known with the first record that is counted */
	struct stage_type *type;
	enum rec_kind by_kind[MAX_BY];
	struct buf key, row;
	uint64_t newest; /* the latest time of a record */
	uint64_t *other, *unlike, *distinct_cap;
};

/* ---- grouping_rows.c ---- */
/* The record counts for the group. */
void counts_add(struct grouping *g, struct group *group, struct group_plan *p);
void counts_release(void *grouping, void *counts);
/* Declares the rows' type, by the first type that is counted. */
void rows_declare(struct grouping *g, const struct group_plan *p);
/* Writes the groups of an interval and forgets them. */
void rows_write(struct grouping *g, uint64_t interval);

#endif
