/* defrag: IPv4 and IPv6 fragments in, whole datagrams out. */
#include "libcommon/net/defrag.h"

#include "libcommon/net/defrag_piece.h"
#include "libcommon/net/defrag_store.h"

enum { UNIT = 8, PAGE_UNITS = STORE_PAGE / UNIT, WORD_UNITS = 64 };

#define SECOND 1000000000ull

struct defrag {
	struct defrag_config config;
	struct store store;
	uint64_t now, held, deadline; /* nothing expires before the deadline */
	uint8_t whole[DEFRAG_MAX + 1];
};

/* ---- memory ----------------------------------------------------------------------------- */

static void fill_defaults(struct defrag_config *c)
{
	c->memory = c->memory ? c->memory : 32ull << 20;
	c->datagrams = c->datagrams ? c->datagrams : 16384;
	c->fragments = c->fragments ? c->fragments : 256;
	c->per_pair = c->per_pair ? c->per_pair : 64;
	c->timeout4 = c->timeout4 ? c->timeout4 : 30 * SECOND;
	c->timeout6 = c->timeout6 ? c->timeout6 : 60 * SECOND;
}

/* The state proper comes first, the tables and pages behind it. */
static size_t layout(struct store *s, uint8_t *memory, const struct defrag_config *c)
{
	enum { HEAD = (sizeof(struct defrag) + 63) / 64 * 64 };
	size_t size;

	if (c->memory < HEAD || c->memory > SIZE_MAX || c->datagrams > INT32_MAX)
		return 0;
	size = store_layout(s, memory ? memory + HEAD : NULL, c->memory - HEAD, c->datagrams);
	return size ? size + HEAD : 0;
}

size_t defrag_size(const struct defrag_config *config)
{
	struct defrag_config c = *config;
	struct store s;

	fill_defaults(&c);
	return layout(&s, NULL, &c);
}

/* SplitMix64: as many words as the hash wants, none of them plain. */
static void spread_secret(uint64_t *words, unsigned n, const uint64_t secret[2])
{
	uint64_t state = secret[0];

	for (unsigned i = 0; i < n; i++) {
		uint64_t z = (state += 0x9e3779b97f4a7c15) ^ secret[1];

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		words[i] = z ^ z >> 31;
	}
}

struct defrag *defrag_init(void *memory, const struct defrag_config *config)
{
	struct defrag *d = memory;

	if (!defrag_size(config))
		return NULL;
	memset(d, 0, offsetof(struct defrag, whole));
	d->config = *config;
	fill_defaults(&d->config);
	d->deadline = UINT64_MAX;
	spread_secret(d->store.secret, FLOW_SECRET_WORDS, config->secret);
	layout(&d->store, memory, &d->config);
	return d;
}

uint64_t defrag_held(const struct defrag *d)
{
	return d->held;
}

uint32_t defrag_datagrams(const struct defrag *d)
{
	return d->store.count;
}

uint64_t defrag_bytes(const struct defrag *d)
{
	return (uint64_t)d->store.pages_used * sizeof(struct store_page);
}

/* ---- giving up -------------------------------------------------------------------------- */

static void tell(const struct defrag *d, const struct defrag_gone *gone)
{
	if (gone->frames && d->config.gone)
		d->config.gone(d->config.user, gone);
}

static struct defrag_gone gone_of(const struct datagram *g, enum defrag_reason why)
{
	return (struct defrag_gone){
		.reason = why,
		.ip_version = g->key.ip_version,
		.proto = g->proto,
		.src = g->key.addr[0],
		.dst = g->key.addr[1],
		.scope = g->key.scope,
		.id = (uint32_t)g->key.port[0] << 16 | g->key.port[1],
		.frames = g->frames,
		.wire_bytes = g->wire_bytes,
		.first_n = g->first_n,
		.first_ts = g->first_ts,
		.anomalies = g->anomalies,
	};
}

/* The datagram goes, and what it holds. */
static void give_up(struct defrag *d, struct datagram *g, enum defrag_reason why)
{
	struct defrag_gone gone = gone_of(g, why);

	tell(d, &gone);
	d->held -= g->frames;
	store_remove(&d->store, g);
}

/* This one piece goes, and nothing else. */
static enum defrag_result drop_piece(const struct defrag *d, const struct defrag_piece *p,
				     enum defrag_reason why, struct defrag_answer *a)
{
	struct defrag_gone gone = {
		.reason = why,
		.ip_version = p->ip_version,
		.proto = p->proto,
		.src = p->src,
		.dst = p->dst,
		.scope = p->scope,
		.id = p->id,
		.frames = 1,
		.wire_bytes = p->wire_len,
		.first_n = p->n,
		.first_ts = p->ts,
		.anomalies = a->anomalies,
	};

	tell(d, &gone);
	a->reason = why;
	return DEFRAG_DROPPED;
}

static void count_piece(struct defrag *d, struct datagram *g, const struct defrag_piece *p)
{
	if (!g->frames) {
		g->first_n = p->n;
		g->first_ts = p->ts;
	}
	g->frames++;
	g->wire_bytes += p->wire_len;
	d->held++;
}

/* The datagram is discarded with this piece in it. Its key stays, so that the rest of it can't
 * become another datagram (RFC 5722: "including those not yet received"). */
static enum defrag_result discard(struct defrag *d, struct datagram *g,
				  const struct defrag_piece *p, enum defrag_reason why,
				  struct defrag_answer *a)
{
	struct defrag_gone gone;

	count_piece(d, g, p);
	g->anomalies |= a->anomalies;
	gone = gone_of(g, why);
	tell(d, &gone);
	d->held -= g->frames;
	g->frames = 0;
	g->wire_bytes = 0;
	g->dead = (uint8_t)why;
	store_pages_drop(&d->store, g);
	a->reason = why;
	return DEFRAG_DROPPED;
}

/* ---- time ------------------------------------------------------------------------------- */

static uint64_t expiry(const struct defrag *d, unsigned family, uint64_t born)
{
	uint64_t timeout = family ? d->config.timeout6 : d->config.timeout4;

	return timeout > UINT64_MAX - born ? UINT64_MAX : born + timeout;
}

void defrag_time(struct defrag *d, uint64_t now)
{
	if (now > d->now)
		d->now = now;
	if (d->now < d->deadline)
		return;
	d->deadline = UINT64_MAX;
	for (unsigned family = 0; family < 2; family++) {
		struct datagram *g;

		while ((g = store_oldest(&d->store, family))) {
			uint64_t when = expiry(d, family, g->born);

			if (when > d->now) {
				d->deadline = when < d->deadline ? when : d->deadline;
				break;
			}
			give_up(d, g, DEFRAG_TIMEOUT);
		}
	}
}

void defrag_retouch(struct defrag *d, uint64_t now)
{
	for (unsigned family = 0; family < 2; family++) {
		struct datagram *g = store_newest(&d->store, family);

		if (g && g->born == d->now && now > g->born)
			g->born = now;
	}
}

void defrag_finish(struct defrag *d)
{
	struct datagram *g;

	while ((g = store_oldest_of_all(&d->store)))
		give_up(d, g, DEFRAG_END_OF_INPUT);
	d->deadline = UINT64_MAX;
}

/* ---- one piece against what is known ---------------------------------------------------- */

struct span {
	uint32_t from, to; /* bytes of the datagram */
	const uint8_t *data;
};

/* The part of a span in one page, and in one word of its bits. */
static uint64_t word_mask(uint32_t unit, uint32_t end_unit, uint32_t word_start)
{
	uint32_t lo = unit > word_start ? unit - word_start : 0;
	uint32_t hi = end_unit - word_start;

	return (hi >= WORD_UNITS ? UINT64_MAX : (1ull << hi) - 1) & (UINT64_MAX << lo);
}

static uint32_t units_to(uint32_t bytes)
{
	return (bytes + UNIT - 1) / UNIT;
}

static uint32_t unit_len(const struct span *s, uint32_t unit)
{
	return s->to - unit * UNIT < UNIT ? s->to - unit * UNIT : UNIT;
}

struct meeting {
	bool some, all; /* of the span's units are known */
	bool differ;    /* known bytes are others */
	bool same_cut;  /* a known piece begins and ends where this one does */
};

static bool starts_at(const struct store *s, const struct datagram *g, uint32_t unit)
{
	const struct store_page *page = store_page_at(s, g, unit / PAGE_UNITS);
	uint32_t at = unit % PAGE_UNITS;

	return page && page->starts[at / WORD_UNITS] >> at % WORD_UNITS & 1;
}

static bool known_at(const struct store *s, const struct datagram *g, uint32_t unit)
{
	const struct store_page *page = store_page_at(s, g, unit / PAGE_UNITS);
	uint32_t at = unit % PAGE_UNITS;

	return page && page->have[at / WORD_UNITS] >> at % WORD_UNITS & 1;
}

/* Compares the known ones among the 64 units from `first` on. */
static bool word_differs(const struct store_page *page, uint32_t first, uint64_t known,
			 const struct span *s)
{
	for (; known; known &= known - 1) {
		uint32_t unit = first + (uint32_t)__builtin_ctzll(known);

		if (memcmp(page->data + unit % PAGE_UNITS * UNIT, s->data + (unit * UNIT - s->from),
			   unit_len(s, unit)) != 0)
			return true;
	}
	return false;
}

static struct meeting meet(const struct store *s, const struct datagram *g, const struct span *span)
{
	uint32_t from = span->from / UNIT, to = units_to(span->to);
	struct meeting m = { .all = true };
	bool inner = false;

	for (uint32_t w = from / WORD_UNITS; w * WORD_UNITS < to; w++) {
		const struct store_page *page = store_page_at(s, g, w / STORE_WORDS);
		uint64_t mask = word_mask(from, to, w * WORD_UNITS), known;

		known = page ? page->have[w % STORE_WORDS] & mask : 0;
		m.all = m.all && known == mask;
		if (!known)
			continue;
		m.some = true;
		m.differ = m.differ || word_differs(page, w * WORD_UNITS, known, span);
		if (w == from / WORD_UNITS)
			mask &= ~(1ull << from % WORD_UNITS);
		inner = inner || (page->starts[w % STORE_WORDS] & mask);
	}
	m.same_cut = m.all && !inner && starts_at(s, g, from) &&
		     (to == STORE_PAGES * PAGE_UNITS || !known_at(s, g, to) || starts_at(s, g, to));
	return m;
}

/* Writes the units of a word that are to be written. */
static void word_copy(struct store_page *page, uint32_t first, uint64_t units, const struct span *s)
{
	while (units) {
		uint32_t skip = (uint32_t)__builtin_ctzll(units), unit = first + skip;
		uint64_t run = ~(units >> skip);
		uint32_t n = run ? (uint32_t)__builtin_ctzll(run) : WORD_UNITS;
		uint32_t end = (unit + n) * UNIT < s->to ? (unit + n) * UNIT : s->to;

		memcpy(page->data + unit % PAGE_UNITS * UNIT, s->data + (unit * UNIT - s->from),
		       end - unit * UNIT);
		units &= skip + n >= WORD_UNITS ? 0 : UINT64_MAX << (skip + n);
	}
}

/* Pages that a span needs and the datagram lacks. */
static uint32_t pages_lacking(const struct datagram *g, const struct span *s)
{
	uint32_t n = 0;

	for (uint32_t i = s->from / STORE_PAGE; i * STORE_PAGE < s->to; i++)
		n += g->pages[i] == STORE_NIL;
	return n;
}

/* The pages are there to be had. */
static void put(struct store *s, struct datagram *g, const struct span *span, bool last_wins)
{
	uint32_t from = span->from / UNIT, to = units_to(span->to);

	for (uint32_t w = from / WORD_UNITS; w * WORD_UNITS < to; w++) {
		struct store_page *page = store_page_at(s, g, w / STORE_WORDS);
		uint64_t mask = word_mask(from, to, w * WORD_UNITS), *have;

		if (!page)
			page = store_page_add(s, g, w / STORE_WORDS);
		have = &page->have[w % STORE_WORDS];
		word_copy(page, w * WORD_UNITS, last_wins ? mask : mask & ~*have, span);
		g->units += (uint32_t)__builtin_popcountll(mask & ~*have);
		*have |= mask;
		if (w == from / WORD_UNITS)
			page->starts[w % STORE_WORDS] |= 1ull << from % WORD_UNITS;
	}
}

/* ---- rules ------------------------------------------------------------------------------ */

static struct flow_key key_of(const struct defrag_piece *p)
{
	size_t len = p->ip_version == 4 ? 4 : 16;
	struct flow_key k = {
		.scope = p->scope,
		.port = { (uint16_t)(p->id >> 16), (uint16_t)p->id },
		.proto = p->ip_version == 4 ? p->proto : 0,
		.ip_version = p->ip_version,
		.zero = { p->unsummed },
	};

	memcpy(k.addr[0], p->src, len);
	memcpy(k.addr[1], p->dst, len);
	return k;
}

static struct datagram *get(struct defrag *d, const struct defrag_piece *p)
{
	struct flow_key key = key_of(p);
	struct datagram *g = store_find(&d->store, &key), *old;
	enum defrag_reason why;
	uint64_t when;

	if (g)
		return g;
	while ((old = store_in_the_way(&d->store, &key, d->config.per_pair, &why)))
		give_up(d, old, why);
	g = store_add(&d->store, &key);
	g->born = d->now;
	g->proto = p->proto;
	when = expiry(d, p->ip_version == 6, g->born);
	if (when < d->deadline)
		d->deadline = when;
	return g;
}

/* RFC 791 3.1, 8200 4.5: the length field has 16 bits. What it counts before the payload is the
 * first piece's; until that has come, the least there can be. */
static bool is_too_large(const struct datagram *g, const struct defrag_piece *p, uint64_t end)
{
	uint32_t before = p->ip_version == 4 ? 20 : 0;

	if (g->has_proto)
		before = g->before;
	else if (!p->offset)
		before = p->before;
	return before + (end > g->highest ? end : g->highest) > DEFRAG_MAX;
}

/* Where the piece can't be part of this datagram: why. Learns its end and protocol. */
static enum defrag_reason misfit(struct datagram *g, const struct defrag_piece *p,
				 struct defrag_answer *a)
{
	uint64_t end = (uint64_t)p->offset + p->claimed;

	if (is_too_large(g, p, end)) {
		a->anomalies |= BIT(DEFRAG_A_EXCESSIVELY_LARGE);
		return DEFRAG_TOO_LARGE;
	}
	if (p->ip_version == 6 && !p->offset && piece_lacks_headers(p)) {
		a->anomalies |= BIT(DEFRAG_A_HEADER_CHAIN);
		return DEFRAG_HEADER_CHAIN;
	}
	if (g->has_end ? end > g->end || (!p->more && end != g->end)
		       : !p->more && end < g->highest) {
		a->anomalies |= BIT(DEFRAG_A_SIZE_INCONSISTENCY);
		return DEFRAG_SIZE_INCONSISTENCY;
	}
	if (p->proto != g->proto) {
		a->anomalies |= BIT(DEFRAG_A_PROTOCOL_INCONSISTENCY);
		if (!p->offset && !g->has_proto)
			g->proto = p->proto;
	}
	return DEFRAG_KEPT;
}

static bool make_room(struct defrag *d, const struct datagram *g, uint32_t pages)
{
	while (store_pages_left(&d->store) < pages) {
		struct datagram *old = store_victim(&d->store, STORE_BY_PAGES);

		if (old == g)
			return false;
		give_up(d, old, DEFRAG_EVICTED_MEMORY);
	}
	return true;
}

static enum defrag_result emit(struct defrag *d, struct datagram *g, struct defrag_answer *a)
{
	for (uint32_t at = 0; at < g->end; at += STORE_PAGE) {
		const struct store_page *page = store_page_at(&d->store, g, at / STORE_PAGE);

		memcpy(d->whole + at, page->data,
		       g->end - at < STORE_PAGE ? g->end - at : STORE_PAGE);
	}
	a->data = BYTES(d->whole, g->end);
	a->proto = g->proto;
	a->frames = g->frames;
	a->wire_bytes = g->wire_bytes;
	a->first_n = g->first_n;
	a->first_ts = g->first_ts;
	a->all_anomalies = g->anomalies;
	d->held -= g->frames;
	store_remove(&d->store, g);
	return DEFRAG_WHOLE;
}

static enum defrag_result atomic(const struct defrag_piece *p, struct defrag_answer *a)
{
	a->data = p->data;
	a->missing = p->claimed - (uint32_t)p->data.len;
	a->proto = p->proto;
	a->frames = 1;
	a->wire_bytes = p->wire_len;
	a->first_n = p->n;
	a->first_ts = p->ts;
	a->all_anomalies = a->anomalies;
	return DEFRAG_WHOLE;
}

/* The piece fits; what of it is new? */
static enum defrag_result take(struct defrag *d, struct datagram *g, const struct defrag_piece *p,
			       struct defrag_answer *a)
{
	enum defrag_policy policy = p->ip_version == 6 ? DEFRAG_DROP : d->config.policy;
	/* Of a snapped piece the whole units: the rest stays a hole. */
	uint32_t len = p->data.len == p->claimed ? p->claimed : (uint32_t)p->data.len / UNIT * UNIT;
	struct span span = { p->offset, p->offset + len, p->data.ptr };
	struct meeting m = { .all = false };

	if (len)
		m = meet(&d->store, g, &span);
	if (m.all && !m.differ && (p->more || g->has_end) && p->offset + p->claimed <= g->highest &&
	    (policy != DEFRAG_DROP || m.same_cut))
		return drop_piece(d, p, DEFRAG_DUPLICATE, a);
	if (g->pieces >= d->config.fragments) {
		a->anomalies |= BIT(DEFRAG_A_TOO_MANY);
		return discard(d, g, p, DEFRAG_TOO_MANY_FRAGMENTS, a);
	}
	if (m.some)
		a->anomalies |= BIT(DEFRAG_A_OVERLAP);
	if (m.differ)
		a->anomalies |= BIT(DEFRAG_A_INCONSISTENCY);
	if (m.some && policy == DEFRAG_DROP)
		return discard(d, g, p, DEFRAG_OVERLAP, a);
	if (!make_room(d, g, pages_lacking(g, &span))) {
		enum defrag_result r = discard(d, g, p, DEFRAG_EVICTED_MEMORY, a);

		store_remove(&d->store, g);
		return r;
	}
	count_piece(d, g, p);
	g->pieces++;
	g->anomalies |= a->anomalies;
	if (!p->offset && !g->has_proto) {
		g->has_proto = true;
		g->before = p->before;
	}
	if (!p->more) {
		g->has_end = true;
		g->end = p->offset + p->claimed;
	}
	if (p->offset + p->claimed > g->highest)
		g->highest = p->offset + p->claimed;
	if (len)
		put(&d->store, g, &span, policy == DEFRAG_LAST);
	if (g->has_end && g->units == units_to(g->end))
		return emit(d, g, a);
	return DEFRAG_HELD;
}

enum defrag_result defrag_push(struct defrag *d, const struct defrag_piece *piece,
			       struct defrag_answer *a)
{
	struct defrag_piece p = *piece;
	enum defrag_reason why;
	struct datagram *g;

	if (p.data.len > p.claimed)
		p.data.len = p.claimed;
	*a = (struct defrag_answer){ .anomalies = piece_anomalies(&p) };
	defrag_time(d, p.ts);
	if (p.damaged) { /* RFC 1122 3.2.1.2: nobody has seen it */
		a->anomalies = BIT(DEFRAG_A_BAD_CHECKSUM);
		return drop_piece(d, &p, DEFRAG_BAD_CHECKSUM, a);
	}
	if (!p.offset && !p.more)
		return atomic(&p, a);
	if (!p.claimed || p.offset % UNIT || (p.more && p.claimed % UNIT)) {
		a->anomalies |= BIT(DEFRAG_A_BAD_LENGTH);
		return drop_piece(d, &p, DEFRAG_BAD_LENGTH, a);
	}
	g = get(d, &p);
	if (g->dead)
		return drop_piece(d, &p, g->dead, a);
	why = misfit(g, &p, a);
	if (why)
		return discard(d, g, &p, why, a);
	return take(d, g, &p, a);
}
