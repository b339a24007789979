/* signature_match: looks at the first bytes of a direction, as often as more of them come. */
#include "cmd/infer/signature_private.h"

enum answer { NO, MORE, YES };

/* The number at `at`; *end goes behind it. */
static enum answer number_read(const struct signature_condition *c, struct bytes b, size_t at,
			       uint64_t *v, size_t *end)
{
	size_t width = c->width;

	if (at >= b.len)
		return MORE;
	*v = 0;
	if (!width) { /* X.690 8.1.3: short form, or the number of bytes that follow */
		uint8_t first = b.ptr[at++];

		if (first < 0x80) {
			*v = first;
			*end = at;
			return YES;
		}
		width = first & 0x7f;
		if (width == 0 || width > 4)
			return NO;
	}
	if (b.len - at < width)
		return MORE;
	for (size_t i = 0; i < width; i++)
		*v = *v << 8 | b.ptr[at + (c->little ? width - 1 - i : i)];
	*end = at + width;
	return YES;
}

static enum answer places_fit(const struct signatures *s, const struct signature_condition *c,
			      struct bytes b, size_t at)
{
	const struct signature_place *p = places_of(s, c);

	for (size_t i = 0; i < c->places; i++) {
		if (at + i >= b.len)
			return MORE;
		if (!place_fits(&p[i], b.ptr[at + i]))
			return NO;
	}
	return YES;
}

static enum answer number_fits(const struct signature_condition *c, struct bytes b, size_t at,
			       size_t *end)
{
	enum answer a;
	uint64_t v;

	a = number_read(c, b, at, &v, end);
	if (a != YES)
		return a;
	switch (c->kind) {
	case CONDITION_LEN:
		return v == (uint64_t)((int64_t)b.len + c->add) ? YES : NO;
	case CONDITION_REST:
		return v == (uint64_t)((int64_t)(b.len - *end) + c->add) ? YES : NO;
	default:
		return c->low <= v && v <= c->high ? YES : NO;
	}
}

static enum answer text_found(const struct text_automaton *a, const struct signature_condition *c,
			      struct bytes b, struct signature_scan *scan)
{
	if (b.len > SIGNATURE_DEPTH)
		b.len = SIGNATURE_DEPTH;
	if (scan->looked < b.len)
		text_automaton_read(a, scan, b);
	return scan->texts[c->text / 64] >> c->text % 64 & 1 ? YES : MORE;
}

static bool text_at(const struct signature_text *t, const uint8_t *at)
{
	size_t n = 0;

	while (n < t->len && folded(at[n]) == t->bytes[n])
		n++;
	return n == t->len;
}

/* The next byte that is that one, a letter of either case. */
static const uint8_t *byte_in(uint8_t byte, const uint8_t *at, const uint8_t *end)
{
	if (byte < 'a' || byte > 'z')
		return memchr(at, byte, (size_t)(end - at));
	while (at < end && folded(*at) != byte)
		at++;
	return at < end ? at : NULL;
}

/* Once the line has its end, so that no byte is looked at twice. */
static enum answer line_fits(const struct signatures *s, const struct signature_condition *c,
			     struct bytes b, bool all, struct signature_scan *scan)
{
	const struct signature_text *t = &s->texts[c->text];
	size_t most = b.len < SIGNATURE_DEPTH ? b.len : SIGNATURE_DEPTH;
	const uint8_t *end = most > scan->lineless
				     ? memchr(b.ptr + scan->lineless, '\n', most - scan->lineless)
				     : NULL;
	size_t n = end ? (size_t)(end - b.ptr) + 1 : most;

	if (!end && !all) { /* list_match() takes that for a no where there are enough bytes */
		scan->lineless = (uint16_t)most;
		return MORE;
	}
	for (const uint8_t *at = b.ptr; (at = byte_in(t->bytes[0], at, b.ptr + n)); at++)
		if ((size_t)(b.ptr + n - at) >= t->len && text_at(t, at))
			return YES;
	return NO;
}

static enum answer signature_fits(const struct signatures *s, const struct signature_look *look,
				  const struct signature *g, struct bytes b,
				  struct signature_scan *scan)
{
	const struct signature_condition *c = conditions_of(s, g), *last = c + g->conditions;
	enum answer all = YES;
	size_t behind = 0;

	for (; c < last && all != NO; c++) {
		size_t at = c->offset + (c->behind ? behind : 0);
		enum answer a = YES;

		switch ((enum signature_kind)c->kind) {
		case CONDITION_AT:
		case CONDITION_AFTER:
			a = places_fit(s, c, b, at);
			break;
		case CONDITION_FIND:
			a = text_found(&s->automaton[look->l4], c, b, scan);
			break;
		case CONDITION_LINE:
			a = line_fits(s, c, b, look->whole, scan);
			break;
		case CONDITION_SIZE:
			a = c->low <= b.len && b.len <= c->high ? YES : NO;
			break;
		case CONDITION_RANGE:
		case CONDITION_LEN:
		case CONDITION_REST:
			a = number_fits(c, b, at, &behind);
			if (a == MORE)
				return MORE; /* what stands behind it is not known */
			break;
		}
		if (a != YES)
			all = a;
	}
	return all;
}

/* Bytes that are not there fit whatever is asked for: their mask is 0. */
static struct signature_front front_of(struct bytes b)
{
	struct signature_front f = { 0 };
	size_t n = b.len < sizeof(f.bits) ? b.len : sizeof(f.bits);

	memcpy(f.bits, b.ptr, n);
	memset(f.mask, 0xff, n);
	return f;
}

static bool front_fits(const struct signature_front *wants, const struct signature_front *has)
{
	return !(((has->bits[0] ^ wants->bits[0]) & wants->mask[0] & has->mask[0]) |
		 ((has->bits[1] ^ wants->bits[1]) & wants->mask[1] & has->mask[1]));
}

/* Asks those of a list that have said neither yes nor no, and that are among `may`. True where one
 * said yes that needs no other to be believed. */
static bool list_match(const struct signatures *s, const struct signature_list *list,
		       const uint64_t *may, const struct signature_look *look, struct bytes b,
		       struct signature_scan *scan, uint64_t *said,
		       void (*hit)(void *ctx, uint16_t number), void *ctx)
{
	struct signature_front front = front_of(b);
	bool any = false;

	for (size_t base = 0; base < list->n; base += 64) {
		size_t n = list->n - base < 64 ? list->n - base : 64;
		uint64_t left = may[base / 64] & ~said[base / 64] & UINT64_MAX >> (64 - n);

		for (; left; left &= left - 1) {
			const struct signature_key *key =
				&list->keys[base + (size_t)__builtin_ctzll(left)];
			const struct signature *g = &s->lines[key->number];
			enum answer a = NO;

			if ((key->from & look->from) && front_fits(&key->front, &front))
				a = signature_fits(s, look, g, b, scan);
			if (a == MORE && !look->whole && b.len < SIGNATURE_DEPTH)
				continue;
			said[base / 64] |= left & -left;
			if (a == YES) {
				any |= g->weight >= 75 && !g->both;
				hit(ctx, key->number);
			}
		}
	}
	return any;
}

/* Those of the floating ones that bytes of the front leave. */
static void pivots_look(const struct signature_pivot p[SIGNATURE_PIVOTS], struct bytes b,
			uint64_t may[SIGNATURE_BUCKET / 64])
{
	memset(may, 0xff, SIGNATURE_BUCKET / 8);
	for (unsigned k = 0; k < SIGNATURE_PIVOTS; k++)
		for (size_t i = 0; b.len > p[k].at && i < SIGNATURE_BUCKET / 64; i++)
			may[i] &= p[k].may[b.ptr[p[k].at]][i];
}

void signatures_match(const struct signatures *s, const struct signature_look *look,
		      struct signature_scan *scan, void (*hit)(void *ctx, uint16_t number),
		      void *ctx)
{
	static const uint64_t all[SIGNATURE_BUCKET / 64] = { UINT64_MAX, UINT64_MAX };
	uint64_t may[SIGNATURE_BUCKET / 64];
	struct bytes b = look->bytes;

	if (b.len == 0)
		return;
	if (b.len > SIGNATURE_DEPTH && !look->whole)
		b.len = SIGNATURE_DEPTH;
	scan->fits |= list_match(s, &s->bucket[look->l4][b.ptr[0]], all, look, b, scan, scan->said,
				 hit, ctx);
	/* What may stand anywhere counts where nothing else fits. */
	if (scan->fits)
		return;
	pivots_look(s->pivots[look->l4], b, may);
	list_match(s, &s->floating[look->l4], may, look, b, scan, scan->said_floating, hit, ctx);
}

const struct signature_starts *signatures_starts(const struct signatures *s, uint16_t protocol,
						 uint8_t from)
{
	return s->changes_of[protocol] ? &s->changes[s->changes_of[protocol] - 1].starts[from / 2]
				       : NULL;
}

const struct signature *signatures_change(const struct signatures *s, uint16_t protocol,
					  uint8_t from, struct bytes bytes, bool *more)
{
	const struct signature_look look = { .l4 = SIGNATURE_TCP };
	const struct signature_changes *c;
	struct signature_scan scan;

	*more = false;
	if (!s->changes_of[protocol])
		return NULL;
	c = &s->changes[s->changes_of[protocol] - 1];
	if (bytes.len > SIGNATURE_DEPTH)
		bytes.len = SIGNATURE_DEPTH;
	scan = (struct signature_scan){ 0 };
	for (size_t i = 0; i < c->n; i++) {
		const struct signature *g = &s->lines[c->numbers[i]];
		enum answer a = g->from & from ? signature_fits(s, &look, g, bytes, &scan) : NO;

		if (a == YES)
			return g;
		*more |= a == MORE && bytes.len < SIGNATURE_DEPTH;
		scan.lineless = 0;
	}
	return NULL;
}

uint16_t signatures_may(const struct signatures *s, enum signature_l4 l4, struct bytes bytes,
			uint16_t protocol, uint16_t not, bool *several)
{
	const struct signature_look look = { .l4 = l4 };
	struct signature_front front = front_of(bytes);
	uint16_t found = 0;

	*several = false;
	for (size_t i = 0; bytes.len && i < s->bucket[l4][bytes.ptr[0]].n; i++) {
		const struct signature_key *key = &s->bucket[l4][bytes.ptr[0]].keys[i];
		const struct signature *g = &s->lines[key->number];
		struct signature_scan scan = { 0 };

		if (g->weak || g->both || g->protocol == not ||
		    (protocol && g->protocol != protocol) || !front_fits(&key->front, &front) ||
		    signature_fits(s, &look, g, bytes, &scan) != MORE)
			continue;
		*several |= found && s->lines[found - 1].protocol != g->protocol;
		found = found ? found : (uint16_t)(key->number + 1);
	}
	return found;
}

uint16_t signatures_variant(const struct signatures *s, uint16_t protocol, enum signature_l4 l4,
			    uint16_t port)
{
	for (size_t i = 0; i < s->nvariants; i++) {
		const struct signature *g = &s->lines[s->variants[i]];

		if (g->protocol == protocol && g->port == port && (g->l4s & 1u << l4))
			return g->variant;
	}
	return protocol;
}

unsigned signatures_change_within(const struct signatures *s, uint16_t protocol)
{
	return s->changes_of[protocol] ? s->changes[s->changes_of[protocol] - 1].within : 0;
}
