/* engine_change: agreed changes of protocol: the words that announce one, and the bytes that begin
 * what they announced. Either may come in pieces, so their front is kept. */
#include <netinet/in.h>

#include "cmd/infer/engine_private.h"

enum {
	WEIGHT_AGREED = 75,  /* of a front that fits what was announced */
	WEIGHT_ENTERED = 90, /* of what nothing but the announcement tells */
	FRONT_LEAST = 3,     /* bytes that name what may be anything */
};

/* ---- the front that is kept ---------------------------------------------------------------- */

static void front_drop(struct infer_flow *f, unsigned dir)
{
	if (f->change)
		f->change->side[dir].len = 0;
}

void infer_change_gap(struct infer_flow *f, unsigned dir)
{
	front_drop(f, dir);
}

/* What is longer is no front of anything that is looked for. */
static void front_keep(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes b,
		       uint64_t offset)
{
	if (b.len > CHANGE_KEEP) {
		front_drop(f, dir);
		return;
	}
	if (!f->change)
		f->change = l7_pool_take(&in->changes);
	memmove(f->change->side[dir].bytes, b.ptr, b.len);
	f->change->side[dir].len = (uint16_t)b.len;
	f->change->side[dir].offset = offset;
}

/* The front with the piece behind it, as much as is looked at; empty where none is kept. */
static struct bytes front_join(struct infer *in, const struct infer_flow *f, unsigned dir,
			       struct bytes piece)
{
	size_t kept = f->change ? f->change->side[dir].len : 0;
	size_t more = sizeof(in->joined) - kept < piece.len ? sizeof(in->joined) - kept : piece.len;

	if (!kept)
		return BYTES(NULL, 0);
	memcpy(in->joined, f->change->side[dir].bytes, kept);
	memcpy(in->joined + kept, piece.ptr, more);
	return BYTES(in->joined, kept + more);
}

/* ---- the words ----------------------------------------------------------------------------- */

/* Is there any signature by which the protocol would be known? */
static bool is_recognizable(const struct infer *in, uint16_t protocol)
{
	for (size_t i = 0; i < signatures_count(in->t.signatures); i++) {
		const struct signature *g = signature_at(in->t.signatures, (uint16_t)i);

		if (g->protocol == protocol && g->weight)
			return true;
	}
	return false;
}

struct words {
	const struct signature_starts *starts;
	uint16_t protocol;
	uint8_t from;
};

/* Where a piece begins a message may, and so may where a line does. *front: what may be the words
 * once more has come. */
static const struct signature *words_find(const struct infer *in, const struct words *w,
					  struct bytes b, struct bytes *front)
{
	const uint8_t *end;
	bool more = false;

	*front = BYTES(NULL, 0);
	do {
		const struct signature *g = NULL;

		if (signature_starts(w->starts, b.ptr[0]))
			g = signatures_change(in->t.signatures, w->protocol, w->from, b, &more);
		if (more)
			*front = b;
		if (g || more || !w->starts->lines)
			return g;
		end = memchr(b.ptr, '\n', b.len);
		if (end)
			b = BYTES(end + 1, (size_t)(b.ptr + b.len - end - 1));
	} while (end && b.len);
	return NULL;
}

static const struct signature *words_look(struct infer *in, struct infer_flow *f, unsigned dir,
					  const struct words *w, struct bytes bytes)
{
	struct bytes joined = front_join(in, f, dir, bytes), front;
	const struct signature *g = NULL;
	bool more = false;

	if (joined.len)
		g = signatures_change(in->t.signatures, w->protocol, w->from, joined, &more);
	if (!g)
		g = words_find(in, w, bytes, &front);
	if (g)
		return g;
	if (more && joined.len <= CHANGE_KEEP)
		front = joined;
	if (front.len)
		front_keep(in, f, dir, front, 0);
	else
		front_drop(f, dir);
	return NULL;
}

static void arm(struct infer *in, struct infer_flow *f, const struct signature *g)
{
	f->armed = (uint16_t)(g - signature_at(in->t.signatures, 0) + 1);
	f->armed_left = g->within;
	front_drop(f, 0);
	front_drop(f, 1);
}

void infer_change_look(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes bytes)
{
	struct words w = { .protocol = f->protocol,
			   .from = dir == f->client ? FROM_CLIENT : FROM_SERVER };
	const struct signature *g;

	if (f->armed || f->state == REC_guess_state_CANDIDATE || f->key.proto != IPPROTO_TCP)
		return;
	w.starts = signatures_starts(in->t.signatures, w.protocol, w.from);
	if (!w.starts)
		return;
	g = words_look(in, f, dir, &w, bytes);
	if (!g)
		return;
	arm(in, f, g);
	if (!g->change_any && !is_recognizable(in, g->change)) {
		f->begins[0] = f->side[0].next;
		f->begins[1] = f->side[1].next;
		infer_upgrade(in, f,
			      &(struct evidence){ .protocol = g->change,
						  .class = REC_evidence_class_ONE,
						  .weight = WEIGHT_ENTERED,
						  .dirs = (uint8_t)(1u << dir),
						  .number = (uint16_t)(f->armed - 1) });
		f->armed = 0;
	}
}

/* ---- what they announced ------------------------------------------------------------------- */

/* Where bytes begin it: the signature, and how much it says. */
struct begin {
	uint16_t found; /* 1 + number, or 0 */
	uint8_t weight;
};

/* A front is enough where it is known what is to come, or what else it could be: parsers behind
 * are to have it from its first byte, which is in this piece. */
static struct begin begin_of(struct infer *in, struct infer_flow *f, struct bytes b, bool *may)
{
	const struct signature *g = signature_at(in->t.signatures, (uint16_t)(f->armed - 1));
	uint16_t to = g->change_any ? 0 : g->change;
	struct begin x = { infer_fits(in, f, b, to, f->protocol), 0 };
	bool several;

	*may = false;
	if (x.found) {
		x.weight = signature_at(in->t.signatures, (uint16_t)(x.found - 1))->weight;
		return x;
	}
	x.found = signatures_may(in->t.signatures, SIGNATURE_TCP, b, to, f->protocol, &several);
	x.weight = WEIGHT_AGREED;
	*may = x.found;
	if (several || (g->change_any && b.len < FRONT_LEAST))
		x.found = 0;
	return x;
}

/* Where the other side begins the same: with what is kept of it, if that may be its front. */
static uint64_t other_begins(struct infer *in, struct infer_flow *f, unsigned dir,
			     uint16_t protocol, struct bytes *front)
{
	const struct infer_change *c = f->change;
	bool several;

	*front = BYTES(NULL, 0);
	if (!c || !c->side[dir].len)
		return f->side[dir].next;
	*front = BYTES(c->side[dir].bytes, c->side[dir].len);
	if (signatures_may(in->t.signatures, SIGNATURE_TCP, *front, protocol, 0, &several))
		return c->side[dir].offset;
	front->len = 0;
	return f->side[dir].next;
}

static void change(struct infer *in, struct infer_flow *f, unsigned dir, uint64_t offset,
		   struct begin x)
{
	uint16_t to = signature_at(in->t.signatures, (uint16_t)(x.found - 1))->protocol;
	struct bytes other;

	f->armed = 0;
	f->begins[dir] = offset;
	f->begins[!dir] = other_begins(in, f, !dir, to, &other);
	for (unsigned d = 0; d < 2; d++) {
		infer_side_drop(in, f, d);
		f->side[d].packets = 0;
		f->side[d].lost = f->side[d].gapped = false;
		f->side[d].from = f->begins[d];
		f->side[d].told = PROTOCOL_NONE;
	}
	infer_upgrade(in, f,
		      &(struct evidence){ .protocol = to,
					  .class = REC_evidence_class_ONE,
					  .weight = x.weight,
					  .dirs = (uint8_t)(1u << dir),
					  .number = (uint16_t)(x.found - 1) });
	f->mode = INFER_OPEN;
	if (other.len)
		infer_first_add(in, f, !dir, other);
	front_drop(f, 0);
	front_drop(f, 1);
}

bool infer_change_begins(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes *bytes,
			 uint64_t offset)
{
	struct bytes joined;
	struct begin x;
	uint64_t start = 0;
	bool may, longer = false;

	x = begin_of(in, f, *bytes, &may);
	if (x.found) {
		change(in, f, dir, offset, x);
		return true;
	}
	joined = front_join(in, f, dir, *bytes);
	if (joined.len) {
		start = f->change->side[dir].offset;
		x = begin_of(in, f, joined, &longer);
		if (x.found) {
			change(in, f, dir, start, x);
			*bytes = joined;
			return true;
		}
	}
	if (longer && joined.len <= CHANGE_KEEP)
		front_keep(in, f, dir, joined, start);
	else if (may)
		front_keep(in, f, dir, *bytes, offset);
	else
		front_drop(f, dir);
	if (!--f->armed_left)
		f->armed = 0;
	return false;
}
