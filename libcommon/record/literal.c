/* literal: words into values. */
#include "libcommon/record/literal.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "libcommon/base/die.h"

enum { WORD = 96 };

static const struct {
	const char *text;
	long double factor;
} counts[] = { { "", 1 },          { "k", 1e3L },      { "K", 1e3L },      { "M", 1e6L },
	       { "G", 1e9L },      { "T", 1e12L },     { "Ki", 1L << 10 }, { "Mi", 1L << 20 },
	       { "Gi", 1L << 30 }, { "Ti", 1LL << 40 } },
  times[] = { { "ns", 1 },    { "us", 1e3L },   { "ms", 1e6L },   { "s", 1e9L },
	      { "m", 60e9L }, { "h", 3600e9L }, { "d", 86400e9L } };

static struct literal_span one(long double v)
{
	return (struct literal_span){ v, v };
}

/* 2026-01-02, with T or a blank in between 2026-01-02T03:04, ..:05, ..:05.678, and a Z or none. */
static bool read_iso(const char *w, struct literal *l)
{
	struct tm tm = { 0 };
	long double ns = 0, sec;
	int n = 0, digits, used = 0;
	char *end;

	if (sscanf(w, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &n) != 3 || n != 10)
		return false;
	if (w[n] == 'T') {
		digits =
			sscanf(w + n, "T%2d:%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used);
		if (digits < 3 && sscanf(w + n, "T%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &used) != 2)
			return false;
		n += used;
		if (w[n] == '.' && digits == 3) {
			ns = roundl(strtold(w + n, &end) * 1e9L);
			n = (int)(end - w);
		}
	}
	n += w[n] == 'Z';
	if (w[n] || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_year < 1970 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	sec = (long double)timegm(&tm);
	l->is = LITERAL_TIME;
	l->time = one(sec * 1e9L + ns);
	return true;
}

static bool read_mac(const char *w, struct literal *l)
{
	unsigned b[6];
	int n = 0;

	if (sscanf(w, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &n) !=
		    6 ||
	    w[n])
		return false;
	for (int i = 0; i < 6; i++)
		l->mac[i] = (uint8_t)b[i];
	l->is = LITERAL_MAC;
	return true;
}

/* An address or a prefix; host bits behind the prefix are as good as zero. */
static bool read_ip(const char *w, struct literal *l)
{
	const char *slash = strchr(w, '/');
	size_t n = slash ? (size_t)(slash - w) : strlen(w);
	char address[WORD];
	unsigned long bits, all;
	char *end;

	memcpy(address, w, n);
	address[n] = '\0';
	if (inet_pton(AF_INET, address, l->ip.low) == 1)
		l->ip.len = 4;
	else if (inet_pton(AF_INET6, address, l->ip.low) == 1)
		l->ip.len = 16;
	else
		return false;
	all = bits = 8ul * l->ip.len;
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return false;
		bits = strtoul(slash + 1, &end, 10);
		if (*end || bits > all)
			return false;
	}
	memcpy(l->ip.high, l->ip.low, sizeof(l->ip.high));
	for (unsigned long i = bits; i < all; i++) {
		l->ip.low[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
		l->ip.high[i / 8] |= (uint8_t)(0x80 >> i % 8);
	}
	l->is = LITERAL_IP;
	l->range = bits < all;
	return true;
}

static bool read_number(const char *w, struct literal *l)
{
	bool negative = *w == '-', hex;
	char *end;
	long double v;

	w += negative;
	if (*w < '0' || *w > '9')
		return false;
	hex = w[0] == '0' && (w[1] == 'x' || w[1] == 'X');
	if (hex) {
		v = (long double)strtoull(w + 2, &end, 16);
		if (end == w + 2 || end - w > 18)
			return false;
	} else {
		size_t digits = strspn(w, "0123456789");

		digits += w[digits] == '.' ? 1 + strspn(w + digits + 1, "0123456789") : 0;
		v = strtold(w, NULL);
		if (digits > 40)
			return false;
		end = (char *)w + digits;
	}
	v = negative ? -v : v;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		if (strcmp(end, counts[i].text) != 0)
			continue;
		l->is = LITERAL_NUMBER;
		l->number = one(v * counts[i].factor);
		if (i == 0 && !hex) {
			l->is |= LITERAL_TIME | LITERAL_DUR;
			l->time = l->dur = one(roundl(v * 1e9L));
		}
		return true;
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]) && !hex; i++) {
		if (strcmp(end, times[i].text) != 0)
			continue;
		l->is = LITERAL_DUR;
		l->dur = one(roundl(v * times[i].factor));
		return true;
	}
	return false;
}

static bool read_single(const char *w, struct literal *l)
{
	*l = (struct literal){ 0 };
	return read_number(w, l) || read_iso(w, l) || read_mac(w, l) || read_ip(w, l);
}

static bool span_to(struct literal_span *from, const struct literal_span *to)
{
	from->high = to->high;
	return from->low <= from->high;
}

/* "a..b": b is given as read. */
static bool range_to(struct literal *a, const struct literal *b, const char **why)
{
	bool rises = true;

	a->is &= b->is & (LITERAL_NUMBER | LITERAL_TIME | LITERAL_DUR | LITERAL_IP);
	if (a->is & LITERAL_IP && a->ip.len != b->ip.len)
		a->is &= ~(unsigned)LITERAL_IP;
	*why = "the two ends of a range are of different kinds";
	if (!a->is)
		return false;
	if (a->is & LITERAL_NUMBER)
		rises &= span_to(&a->number, &b->number);
	if (a->is & LITERAL_TIME)
		rises &= span_to(&a->time, &b->time);
	if (a->is & LITERAL_DUR)
		rises &= span_to(&a->dur, &b->dur);
	if (a->is & LITERAL_IP) {
		memcpy(a->ip.high, b->ip.high, sizeof(a->ip.high));
		rises &= memcmp(a->ip.low, a->ip.high, a->ip.len) <= 0;
	}
	a->range = true;
	*why = "a range goes from the lower to the higher end";
	return rises;
}

bool literal_word(struct bytes word, struct literal *l, const char **why)
{
	char text[WORD], *dots;
	struct literal end;

	*why = "this is no number, time, duration, address or prefix";
	if (word.len == 0 || word.len >= sizeof(text) || memchr(word.ptr, 0, word.len))
		return false;
	memcpy(text, word.ptr, word.len);
	text[word.len] = '\0';
	dots = strstr(text, "..");
	if (!dots)
		return read_single(text, l);
	*dots = '\0';
	return read_single(text, l) && read_single(dots + 2, &end) && range_to(l, &end, why);
}

struct literal literal_text(struct bytes text)
{
	return (struct literal){ .is = LITERAL_TEXT, .text = text };
}

struct literal literal_bool(bool b)
{
	return (struct literal){ .is = LITERAL_BOOL, .b = b };
}

bool literal_fits(unsigned is, enum rec_kind kind)
{
	switch (kind) {
	case REC_BOOL:
		return is & LITERAL_BOOL;
	case REC_U8:
	case REC_U16:
	case REC_U32:
	case REC_U64:
	case REC_I64:
	case REC_F64:
		return is & LITERAL_NUMBER;
	case REC_ENUM:
		return is & (LITERAL_NUMBER | LITERAL_TEXT);
	case REC_STR:
		return is & (LITERAL_TEXT | LITERAL_IP);
	case REC_BYTES:
		return is & LITERAL_TEXT;
	case REC_IP:
	case REC_IP16:
		return is & LITERAL_IP;
	case REC_MAC:
		return is & LITERAL_MAC;
	case REC_TIME:
		return is & LITERAL_TIME;
	case REC_DUR:
		return is & LITERAL_DUR;
	case REC_SUB:
		return false;
	case REC_RAW:
		break;
	}
	return true;
}

/* ---- comparing ------------------------------------------------------------------------------ */

bool value_number(const struct value *v, long double *number)
{
	switch (v->type) {
	case VALUE_UINT:
	case VALUE_TIME:
	case VALUE_DUR:
	case VALUE_ENUM:
		*number = (long double)v->u;
		return true;
	case VALUE_INT:
		*number = (long double)v->i;
		return true;
	case VALUE_FLOAT:
		*number = (long double)v->f;
		return v->f == v->f;
	default:
		return false;
	}
}

static int order_of(int by_memcmp)
{
	return (by_memcmp > 0) - (by_memcmp < 0);
}

static int bytes_order(struct bytes a, struct bytes b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.ptr, b.ptr, n) : 0;

	return order ? order_of(order) : (a.len > b.len) - (a.len < b.len);
}

static bool is_number(enum value_type t)
{
	return t == VALUE_UINT || t == VALUE_INT || t == VALUE_FLOAT;
}

static bool is_text(const struct value *v)
{
	return v->type == VALUE_TEXT || v->type == VALUE_BYTES ||
	       (v->type == VALUE_ENUM && v->bytes.ptr);
}

int value_compare(const struct value *a, const struct value *b)
{
	long double x, y;

	if (is_text(a) && is_text(b))
		return bytes_order(a->bytes, b->bytes);
	if (a->type == b->type && (a->type == VALUE_IP || a->type == VALUE_MAC))
		return a->bytes.len == b->bytes.len ? bytes_order(a->bytes, b->bytes) : 2;
	if (a->type == VALUE_BOOL && b->type == VALUE_BOOL)
		return a->b - b->b;
	if ((a->type == b->type || (is_number(a->type) && is_number(b->type))) &&
	    value_number(a, &x) && value_number(b, &y))
		return (x > y) - (x < y);
	return 2;
}

bool literal_ip(struct bytes text, struct ip *ip)
{
	char copy[48];

	*ip = (struct ip){ 0 };
	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.ptr, 0, text.len))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	ip->len = inet_pton(AF_INET, copy, ip->b) == 1    ? 4
		  : inet_pton(AF_INET6, copy, ip->b) == 1 ? 16
							  : 0;
	return ip->len != 0;
}

/* Which of a literal's spans a value of this type is held against. */
static const struct literal_span *span_of(enum value_type t, const struct literal *l)
{
	switch (t) {
	case VALUE_TIME:
		return l->is & LITERAL_TIME ? &l->time : NULL;
	case VALUE_DUR:
		return l->is & LITERAL_DUR ? &l->dur : NULL;
	default:
		return l->is & LITERAL_NUMBER ? &l->number : NULL;
	}
}

int value_compare_literal(const struct value *v, const struct literal *l)
{
	const struct literal_span *span = span_of(v->type, l);
	long double x;

	if (span && value_number(v, &x))
		return (x > span->low) - (x < span->low);
	if (is_text(v) && l->is & LITERAL_TEXT)
		return bytes_order(v->bytes, l->text);
	if (v->type == VALUE_IP && l->is & LITERAL_IP && v->bytes.len == l->ip.len)
		return order_of(memcmp(v->bytes.ptr, l->ip.low, l->ip.len));
	if (v->type == VALUE_MAC && l->is & LITERAL_MAC)
		return order_of(memcmp(v->bytes.ptr, l->mac, 6));
	if (v->type == VALUE_BOOL && l->is & LITERAL_BOOL)
		return v->b - l->b;
	return 2;
}

/* ---- sets ----------------------------------------------------------------------------------- */

void literal_set_init(struct literal_set *s, size_t n)
{
	*s = (struct literal_set){ .room = n };
}

/* An array gets its memory when its first item comes. */
#define ADD(s, array, count, item)                                                                 \
	do {                                                                                       \
		if (!(s)->array)                                                                   \
			(s)->array = xcalloc((s)->room, sizeof(*(s)->array));                      \
		(s)->array[(s)->count++] = (item);                                                 \
	} while (0)

void literal_set_add(struct literal_set *s, const struct literal *l)
{
	s->is |= l->is;
	if (l->is & LITERAL_NUMBER)
		ADD(s, numbers, nnumbers, l->number);
	if (l->is & LITERAL_TIME)
		ADD(s, times, ntimes, l->time);
	if (l->is & LITERAL_DUR)
		ADD(s, durs, ndurs, l->dur);
	if (l->is & LITERAL_IP)
		ADD(s, ips, nips, l->ip);
	if (l->is & LITERAL_TEXT)
		ADD(s, texts, ntexts, l->text);
	if (l->is & LITERAL_BOOL)
		s->bools[l->b] = true;
	if (l->is & LITERAL_MAC) {
		if (!s->macs)
			s->macs = xcalloc(s->room, sizeof(*s->macs));
		memcpy(s->macs[s->nmacs++], l->mac, 6);
	}
}

void literal_set_release(struct literal_set *s)
{
	free(s->numbers);
	free(s->times);
	free(s->durs);
	free(s->ips);
	free(s->macs);
	free(s->texts);
	*s = (struct literal_set){ 0 };
}

static int by_low(const void *a, const void *b)
{
	const struct literal_span *x = a, *y = b;

	return (x->low > y->low) - (x->low < y->low);
}

static int by_ip(const void *a, const void *b)
{
	const struct literal_ips *x = a, *y = b;

	return x->len != y->len ? x->len - y->len : memcmp(x->low, y->low, x->len);
}

static int by_mac(const void *a, const void *b)
{
	return memcmp(a, b, 6);
}

static int by_text(const void *a, const void *b)
{
	return bytes_order(*(const struct bytes *)a, *(const struct bytes *)b);
}

/* Sorted, spans that overlap made one. */
static void spans_sort(struct literal_span *spans, size_t *n)
{
	size_t kept = 0;

	if (*n == 0)
		return;
	qsort(spans, *n, sizeof(*spans), by_low);
	for (size_t i = 1; i < *n; i++) {
		if (spans[i].low > spans[kept].high)
			spans[++kept] = spans[i];
		else if (spans[i].high > spans[kept].high)
			spans[kept].high = spans[i].high;
	}
	*n = kept + 1;
}

static void ips_sort(struct literal_ips *ips, size_t *n)
{
	size_t kept = 0;

	if (*n == 0)
		return;
	qsort(ips, *n, sizeof(*ips), by_ip);
	for (size_t i = 1; i < *n; i++) {
		struct literal_ips *k = &ips[kept];

		if (ips[i].len != k->len || memcmp(ips[i].low, k->high, k->len) > 0)
			ips[++kept] = ips[i];
		else if (memcmp(ips[i].high, k->high, k->len) > 0)
			memcpy(k->high, ips[i].high, sizeof(k->high));
	}
	*n = kept + 1;
}

void literal_set_sort(struct literal_set *s)
{
	const struct literal_span *only = s->numbers;

	spans_sort(s->numbers, &s->nnumbers);
	spans_sort(s->times, &s->ntimes);
	spans_sort(s->durs, &s->ndurs);
	ips_sort(s->ips, &s->nips);
	if (s->nmacs)
		qsort(s->macs, s->nmacs, 6, by_mac);
	if (s->ntexts)
		qsort(s->texts, s->ntexts, sizeof(*s->texts), by_text);
	s->plain = s->nnumbers == 1 && only->low >= 0 && only->high <= (long double)UINT64_MAX &&
		   only->low == floorl(only->low) && only->high == floorl(only->high);
	if (s->plain) {
		s->low = (uint64_t)only->low;
		s->high = (uint64_t)only->high;
	}
}

static bool spans_have(const struct literal_span *spans, size_t n, long double v)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (v < spans[mid].low)
			high = mid;
		else if (v > spans[mid].high)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

static bool ips_have(const struct literal_set *s, const uint8_t *ip, uint8_t len)
{
	size_t low = 0, high = s->nips;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct literal_ips *p = &s->ips[mid];

		if (len != p->len ? len < p->len : memcmp(ip, p->low, len) < 0)
			high = mid;
		else if (len != p->len || memcmp(ip, p->high, len) > 0)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

static bool texts_have(const struct literal_set *s, struct bytes text)
{
	struct ip ip;

	if (s->ntexts && bsearch(&text, s->texts, s->ntexts, sizeof(*s->texts), by_text))
		return true;
	return s->nips && literal_ip(text, &ip) && ips_have(s, ip.b, ip.len);
}

bool literal_set_has_other(const struct literal_set *s, const struct value *v)
{
	long double x;

	switch (v->type) {
	case VALUE_ABSENT:
		return false;
	case VALUE_BOOL:
		return s->bools[v->b];
	case VALUE_TIME:
		return spans_have(s->times, s->ntimes, (long double)v->u);
	case VALUE_DUR:
		return spans_have(s->durs, s->ndurs, (long double)v->u);
	case VALUE_ENUM:
		if (v->bytes.ptr && s->ntexts && texts_have(s, v->bytes))
			return true;
		/* fall through */
	case VALUE_UINT:
	case VALUE_INT:
	case VALUE_FLOAT:
		return s->nnumbers && value_number(v, &x) && spans_have(s->numbers, s->nnumbers, x);
	case VALUE_TEXT:
	case VALUE_BYTES:
		return texts_have(s, v->bytes);
	case VALUE_IP:
		return ips_have(s, v->bytes.ptr, (uint8_t)v->bytes.len);
	case VALUE_MAC:
		return s->nmacs && bsearch(v->bytes.ptr, s->macs, s->nmacs, 6, by_mac);
	}
	return false;
}
