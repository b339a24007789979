/* calibrate: compares guesses with what flows really are. */
#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/infer/evidence.h"
#include "cmd/infer/infer.h"
#include "cmd/infer/lines.h"
#include "libcommon/base/die.h"
#include "libcommon/record/literal.h"

enum { BUCKETS = 10, NAMES = 512 };

struct row {
	struct rec_key key; /* the smaller end is its originator */
	char protocol[PROTOCOL_NAME];
};

struct tally {
	uint64_t guesses, right;
};

struct truth {
	struct row *rows;
	size_t count;
	struct tally by_class[EVIDENCE_CLASSES + 1][BUCKETS];
	struct {
		char name[PROTOCOL_NAME];
		struct tally tally;
	} by_protocol[NAMES];
	size_t nprotocols;
};

static struct rec_key in_order(const struct rec_key *k)
{
	struct rec_key o = { .proto = k->proto };
	int d = memcmp(k->orig_h.b, k->resp_h.b, sizeof(k->orig_h.b));
	bool turn = d > 0 || (d == 0 && k->orig_p > k->resp_p);

	o.orig_h = turn ? k->resp_h : k->orig_h;
	o.resp_h = turn ? k->orig_h : k->resp_h;
	o.orig_p = turn ? k->resp_p : k->orig_p;
	o.resp_p = turn ? k->orig_p : k->resp_p;
	return o;
}

static int key_order(const struct rec_key *a, const struct rec_key *b)
{
	int d = memcmp(a->orig_h.b, b->orig_h.b, sizeof(a->orig_h.b));

	d = d ? d : memcmp(a->resp_h.b, b->resp_h.b, sizeof(a->resp_h.b));
	d = d ? d : a->orig_p - b->orig_p;
	d = d ? d : a->resp_p - b->resp_p;
	return d ? d : a->proto - b->proto;
}

static int by_key(const void *a, const void *b)
{
	return key_order(&((const struct row *)a)->key, &((const struct row *)b)->key);
}

static bool row_of(const struct line_reader *r, struct row *row)
{
	struct rec_key k = { 0 };
	uint64_t a, b, proto;

	*row = (struct row){ 0 };
	if (r->count != 6 || r->words[5].len >= PROTOCOL_NAME ||
	    !literal_ip(r->words[1], &k.orig_h) || !literal_ip(r->words[3], &k.resp_h) ||
	    !word_number(r->words[2], 65535, &a) || !word_number(r->words[4], 65535, &b))
		return false;
	proto = bytes_is(r->words[0], "tcp")    ? IPPROTO_TCP
		: bytes_is(r->words[0], "udp")  ? IPPROTO_UDP
		: bytes_is(r->words[0], "sctp") ? IPPROTO_SCTP
						: 0;
	if (!proto && !word_number(r->words[0], 255, &proto))
		return false;
	k.orig_p = (uint16_t)a;
	k.resp_p = (uint16_t)b;
	k.proto = (uint8_t)proto;
	row->key = in_order(&k);
	memcpy(row->protocol, r->words[5].ptr, r->words[5].len);
	return true;
}

struct truth *truth_new(struct bytes text, const char **why, unsigned *line)
{
	struct truth *t = xcalloc(1, sizeof(*t));
	struct line_reader r = { .rest = text };
	struct row row;

	while (line_next(&r)) {
		*line = r.number;
		*why = "a line is tcp|udp|sctp|NUMBER ADDRESS PORT ADDRESS PORT PROTOCOL";
		if (!row_of(&r, &row)) {
			truth_free(t);
			return NULL;
		}
		t->rows = realloc(t->rows, (t->count + 1) * sizeof(*t->rows));
		if (!t->rows)
			die("out of memory");
		t->rows[t->count++] = row;
	}
	if (t->count)
		qsort(t->rows, t->count, sizeof(*t->rows), by_key);
	return t;
}

void truth_free(struct truth *t)
{
	free(t->rows);
	free(t);
}

static void tally(struct tally *t, bool right)
{
	t->guesses++;
	t->right += right;
}

void truth_judge(struct truth *t, const struct rec_guess *g)
{
	const struct rec_guess_evidence *why = g->why.items;
	unsigned class = g->why.count ? why[0].class : EVIDENCE_CLASSES;
	unsigned bucket = g->confidence / 10u < BUCKETS ? g->confidence / 10u : BUCKETS - 1;
	struct row key = { .key = in_order(&g->key) };
	const struct row *row;
	size_t i = 0;
	bool right;

	row = t->count ? bsearch(&key, t->rows, t->count, sizeof(key), by_key) : NULL;
	if (!row || g->protocol.len >= PROTOCOL_NAME)
		return;
	right = bytes_is(g->protocol, row->protocol);
	tally(&t->by_class[class][bucket], right);
	while (i < t->nprotocols && !bytes_is(g->protocol, t->by_protocol[i].name))
		i++;
	if (i == NAMES)
		return;
	if (i == t->nprotocols) {
		t->nprotocols++;
		memcpy(t->by_protocol[i].name, g->protocol.ptr, g->protocol.len);
	}
	tally(&t->by_protocol[i].tally, right);
}

void truth_print(const struct truth *t, struct buf *out)
{
	for (unsigned c = 0; c <= EVIDENCE_CLASSES; c++) {
		for (unsigned b = 0; b < BUCKETS; b++) {
			const struct tally *y = &t->by_class[c][b];
			const char *name = rec_enum_text(&rec_enum_evidence_class, c);

			if (y->guesses)
				buf_printf(out, "class %s %u..%u guesses %llu right %llu\n",
					   name ? name : "none", b * 10, b == 9 ? 100 : b * 10 + 9,
					   (unsigned long long)y->guesses,
					   (unsigned long long)y->right);
		}
	}
	for (size_t i = 0; i < t->nprotocols; i++)
		buf_printf(out, "protocol %s guesses %llu right %llu\n", t->by_protocol[i].name,
			   (unsigned long long)t->by_protocol[i].tally.guesses,
			   (unsigned long long)t->by_protocol[i].tally.right);
}
