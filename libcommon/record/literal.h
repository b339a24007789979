/* literal: the values that a person writes into an expression or a list, and sets of them.
 *
 * What a word means depends on the field that it stands beside: 10 is a number, ten seconds or a
 * time, and what it can be is worked out once. A word may be a range, 1000..2000, or a prefix. */
#ifndef WEIR_LITERAL_H
#define WEIR_LITERAL_H

#include "libcommon/base/buf.h"
#include "libcommon/record/field.h"

enum literal_is {
	LITERAL_NUMBER = 1,
	LITERAL_TIME = 2,
	LITERAL_DUR = 4,
	LITERAL_IP = 8,
	LITERAL_MAC = 16,
	LITERAL_TEXT = 32,
	LITERAL_BOOL = 64,
};

/* Numbers are long double: on the machines that weir knows it holds every 64-bit integer. */
struct literal_span {
	long double low, high; /* both included */
};

struct literal_ips {
	uint8_t len; /* 4 or 16 */
	uint8_t low[16], high[16];
};

struct literal {
	unsigned is; /* bits of enum literal_is */
	bool range;  /* more than one value */
	struct literal_span number, time, dur;
	struct literal_ips ip;
	uint8_t mac[6];
	bool b;
	struct bytes text; /* borrowed */
};

/* Numbers (also 0x1f, 1.5, 10k, 4Mi), durations (10ms), times (2026-01-02, 2026-01-02T03:04:05.6Z,
 * or seconds since the epoch), addresses, prefixes, MAC addresses, and ranges of them. False with
 * *why (static) where the word is none of these. */
bool literal_word(struct bytes word, struct literal *l, const char **why);
/* The address that a text is; false where it is none. */
bool literal_ip(struct bytes text, struct ip *ip);
struct literal literal_text(struct bytes text);
struct literal literal_bool(bool b);

/* A value as a number of the same scale; false where it is none. */
bool value_number(const struct value *v, long double *number);
/* -1, 0, 1 as a is less, equal, greater; 2 where they cannot be compared. Names of enumerations are
 * texts; numbers of all kinds compare. */
int value_compare(const struct value *a, const struct value *b);
/* The same with a literal that is no range. */
int value_compare_literal(const struct value *v, const struct literal *l);

/* ---- sets: a value is looked up in logarithmic time ---- */
struct literal_set {
	unsigned is;
	struct literal_span *numbers, *times, *durs;
	struct literal_ips *ips;
	uint8_t (*macs)[6];
	struct bytes *texts; /* borrowed */
	size_t nnumbers, ntimes, ndurs, nips, nmacs, ntexts, room;
	bool bools[2];
	/* where it holds one span of whole numbers: the span */
	bool plain;
	uint64_t low, high;
};

/* Room for n literals. */
void literal_set_init(struct literal_set *s, size_t n);
void literal_set_add(struct literal_set *s, const struct literal *l);
/* After the last one was added, before the first look-up. */
void literal_set_sort(struct literal_set *s);
bool literal_set_has_other(const struct literal_set *s, const struct value *v);
void literal_set_release(struct literal_set *s);

static inline bool literal_set_has(const struct literal_set *s, const struct value *v)
{
	if (v->type == VALUE_UINT && s->plain)
		return v->u >= s->low && v->u <= s->high;
	return literal_set_has_other(s, v);
}

/* Can a field declared so be in the set, or be compared with the literals that are `is`? */
bool literal_fits(unsigned is, enum rec_kind kind);

#endif
