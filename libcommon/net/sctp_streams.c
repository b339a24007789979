/* sctp_streams: the user data of one direction of an SCTP association, in order per stream. */
#include "libcommon/net/crc32c.h"
#include "libcommon/net/sctp_streams_private.h"

const char *sctp_gap_reason_name(enum sctp_gap_reason why)
{
	static const char *const names[SCTP_GAP_REASONS] = {
		"none",  "acked", "abandoned", "window", "memory",
		"timer", "close", "evict",     "resync", "skipped",
	};

	return names[why];
}

/* ---- the group -------------------------------------------------------------------------- */

static void fill_defaults(struct sctp_limits *l)
{
	l->memory = l->memory ? l->memory : 32ull << 20;
	l->streams = l->streams ? l->streams : 1024;
	l->all_streams = l->all_streams ? l->all_streams : 65536;
	l->held_chunks = l->held_chunks ? l->held_chunks : 2048;
	l->held_bytes = l->held_bytes ? l->held_bytes : 1 << 20;
	l->timer_ns = l->timer_ns ? l->timer_ns : 2000000000;
}

static size_t layout(struct hold *h, uint8_t *memory, const struct sctp_limits *l)
{
	enum { HEAD = (sizeof(struct sctp_group) + 63) / 64 * 64 };
	size_t size;

	if (l->memory < HEAD || l->memory > SIZE_MAX || l->all_streams > INT32_MAX)
		return 0;
	size = hold_layout(h, memory ? memory + HEAD : NULL, l->memory - HEAD, l->all_streams);
	return size ? size + HEAD : 0;
}

size_t sctp_group_size(const struct sctp_limits *limits)
{
	struct sctp_limits l = *limits;
	struct hold h;

	fill_defaults(&l);
	return layout(&h, NULL, &l);
}

struct sctp_group *sctp_group_init(void *memory, const struct sctp_limits *limits,
				   const struct sctp_sink *sink)
{
	struct sctp_group *g = memory;
	uint64_t state = limits->secret[0];

	if (!sctp_group_size(limits))
		return NULL;
	memset(g, 0, offsetof(struct sctp_group, buffer));
	g->limits = *limits;
	fill_defaults(&g->limits);
	g->sink = *sink;
	layout(&g->hold, memory, &g->limits);
	for (unsigned i = 0; i < sizeof(g->hold.secret) / sizeof(g->hold.secret[0]); i++) {
		uint64_t z = (state += 0x9e3779b97f4a7c15) ^ limits->secret[1]; /* SplitMix64 */

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		g->hold.secret[i] = z ^ z >> 31;
	}
	for (unsigned i = 0; i < STREAMS_HOLDERS; i++)
		g->holders[i].prev = g->holders[i].next = &g->holders[i];
	return g;
}

uint64_t sctp_group_bytes(const struct sctp_group *g)
{
	return (uint64_t)g->hold.used * HOLD_BLOCK;
}

/* Moves a direction to the list of those that hold about as much. */
void streams_rank(struct sctp_group *g, struct sctp_streams *s)
{
	uint32_t weight = s->held_bytes + s->held;
	uint8_t list = weight ? (uint8_t)(32 - __builtin_clz(weight)) : 0;
	struct sctp_holder *at = &s->holder, *head = &g->holders[list];

	if (list == s->list)
		return;
	if (s->list) {
		at->prev->next = at->next;
		at->next->prev = at->prev;
	}
	s->list = list;
	if (!list)
		return;
	at->prev = head->prev;
	at->next = head;
	at->prev->next = at->next->prev = at;
}

static struct sctp_streams *heaviest(struct sctp_group *g)
{
	for (unsigned i = STREAMS_HOLDERS - 1; i; i--) {
		if (g->holders[i].next != &g->holders[i])
			return (struct sctp_streams *)((char *)g->holders[i].next -
						       offsetof(struct sctp_streams, holder));
	}
	return NULL;
}

/* ---- TSNs ------------------------------------------------------------------------------- */

/* The first TSN seen in (cum, last], or last + 1. */
static uint32_t first_seen(const struct sctp_streams *s, uint32_t last)
{
	uint32_t tsn = s->cum + 1;

	while (!before(last, tsn)) {
		uint64_t word = s->seen[tsn % STREAMS_WINDOW / 64] >> tsn % 64;

		if (word) {
			tsn += (uint32_t)__builtin_ctzll(word);
			break;
		}
		tsn += 64 - tsn % 64;
	}
	return before(last, tsn) ? last + 1 : tsn;
}

/* What identifies a chunk's content, kept after it is gone. */
static uint32_t fingerprint(const struct sctp_data *d)
{
	uint8_t head[16];

	be16_put(head, d->sid);
	head[2] = d->flags & 7;
	head[3] = d->interleaved;
	be32_put(head + 4, d->mid);
	be32_put(head + 8, d->fsn);
	be32_put(head + 12, d->ppid);
	return crc32c(crc32c(0, BYTES(head, sizeof(head))), d->bytes);
}

static void remember(struct sctp_streams *s, const struct sctp_data *d)
{
	s->history[d->tsn % STREAMS_HISTORY].tsn = d->tsn;
	s->history[d->tsn % STREAMS_HISTORY].crc = fingerprint(d);
}

/* ---- moving on -------------------------------------------------------------------------- */

/* The chunk after cum is known: it leaves if it still waits. */
static void step(struct sctp_group *g, struct sctp_streams *s)
{
	uint32_t tsn = ++s->cum, at;

	s->span++;
	s->seen[tsn % STREAMS_WINDOW / 64] &= ~(1ull << tsn % 64);
	at = s->held ? hold_find(&g->hold, s->id, tsn) : HOLD_NIL;
	if (at != HOLD_NIL) {
		struct sctp_data d = streams_take(g, s, at);

		streams_force(g, s, &d);
	}
}

static void step_over_seen(struct sctp_group *g, struct sctp_streams *s)
{
	while (before(s->cum, s->highest) && seen_get(s, s->cum + 1))
		step(g, s);
}

/* TSNs up to `to`, none of which was seen. */
static void lose(struct sctp_group *g, struct sctp_streams *s, uint32_t to,
		 enum sctp_gap_reason why)
{
	struct sctp_gap gap = {
		.why = why,
		.tsn = s->cum + 1,
		.tsns = to - s->cum,
		.offset = s->delivered_bytes,
	};

	s->last_reason = why;
	s->last_lost = to;
	s->lost += gap.tsns;
	s->lost_by[why] += gap.tsns;
	s->span += gap.tsns;
	s->cum = to;
	g->sink.gap(g->sink.ctx, s, &gap);
}

/* Everything up to `to` that was not seen is given up. */
void streams_give_up(struct sctp_group *g, struct sctp_streams *s, uint32_t to,
		     enum sctp_gap_reason why)
{
	while (before(s->cum, to)) {
		uint32_t next = first_seen(s, to);

		if (next - 1 != s->cum)
			lose(g, s, next - 1, why);
		while (before(s->cum, to) && seen_get(s, s->cum + 1))
			step(g, s);
	}
	if (before(s->highest, s->cum))
		s->highest = s->cum;
	step_over_seen(g, s);
	s->hole_ts = s->covered_ts = 0;
	s->covered_packets = 0;
}

static void give_up_first_hole(struct sctp_group *g, struct sctp_streams *s,
			       enum sctp_gap_reason why)
{
	streams_give_up(g, s, first_seen(s, s->highest) - 1, why);
}

/* ---- a chunk ---------------------------------------------------------------------------- */

static void start(struct sctp_group *g, struct sctp_streams *s, uint32_t first)
{
	s->id = ++g->last_id;
	s->base = s->cum = s->highest = first - 1;
	s->streams_list = HOLD_NIL;
}

void sctp_streams_start(struct sctp_group *g, struct sctp_streams *s, uint32_t initial_tsn)
{
	if (s->chunks || s->lost)
		return;
	start(g, s, initial_tsn);
	s->has_ack = false;
	s->from_start = true;
}

static void duplicate(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d)
{
	uint32_t at = s->held ? hold_find(&g->hold, s->id, d->tsn) : HOLD_NIL;
	bool differs = false;

	s->duplicates++;
	if (d->missing)
		return; /* nothing to compare */
	if (at != HOLD_NIL) {
		struct sctp_data old = hold_look(&g->hold, at, g->compare);

		differs = !old.missing && fingerprint(&old) != fingerprint(d);
	} else if (s->history[d->tsn % STREAMS_HISTORY].tsn == d->tsn &&
		   s->history[d->tsn % STREAMS_HISTORY].crc) {
		differs = s->history[d->tsn % STREAMS_HISTORY].crc != fingerprint(d);
	}
	if (!differs)
		return;
	s->differing++;
	g->sink.differs(g->sink.ctx, s, d->tsn, d->sid);
}

/* Beyond the window: several packets in a row mean that the TSNs have jumped. One alone holds as
 * many chunks as it takes. */
static bool stray(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d)
{
	if (d->tsn != s->stray_next)
		s->strays = 0;
	s->stray_next = d->tsn + 1;
	s->strays += !s->strays || s->stray_n != d->n;
	s->stray_n = d->n;
	if (s->strays < STREAMS_RESYNC) {
		s->out_of_window++;
		return false;
	}
	s->strays = 0;
	streams_give_up(g, s, s->highest, SCTP_GAP_RESYNC);
	if (s->cum != d->tsn - 1)
		lose(g, s, d->tsn - 1, SCTP_GAP_RESYNC);
	s->highest = s->cum;
	s->has_ack = false; /* of the old TSNs, as is what was to be reset */
	s->resetting = SCTP_RESET_NONE;
	s->shown = s->from_midst = s->has_forward = false;
	return true;
}

/* Do the SACKs seen tell how far the receiver is? Not of one who would have got as many TSNs in a
 * row since the last of them as it keeps track of: it has sent more, elsewhere. */
static bool acks_are_seen(const struct sctp_streams *s)
{
	return s->has_ack && (int32_t)(s->cum - s->acked) <= STREAMS_WINDOW;
}

/* Beyond the window, but may its sender have come so far? Not where its receiver has been seen to
 * lack what is below: no known one keeps track of more TSNs. Two chunks that it drops would else
 * give up all that it awaits. */
static bool may_be_sent(const struct sctp_streams *s, uint32_t tsn)
{
	return tsn - s->highest <= STREAMS_WINDOW &&
	       (!acks_are_seen(s) || tsn - s->acked <= STREAMS_WINDOW);
}

/* Nothing more leaves, nor does the chunk at hand, should it be of this direction. */
static void drop(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d, bool own)
{
	for (uint32_t tsn = s->cum + 1; s->held && !before(s->highest, tsn); tsn++) {
		uint32_t at = seen_get(s, tsn) ? hold_find(&g->hold, s->id, tsn) : HOLD_NIL;

		if (at == HOLD_NIL)
			continue;
		s->refused_bytes += streams_take(g, s, at).bytes.len;
		s->refused++;
	}
	if (own) {
		seen_set(s, d->tsn);
		s->highest = before(s->highest, d->tsn) ? d->tsn : s->highest;
		s->refused_bytes += d->bytes.len;
		s->refused++;
	}
	hold_streams_drop(&g->hold, &s->streams_list);
	s->dropped = true;
	g->sink.dropped(g->sink.ctx, s);
}

/* Makes room for a chunk that has to wait; false: it need not any more, all below is given up, or
 * the direction is dropped. */
static bool make_room(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d)
{
	uint32_t blocks = hold_blocks_for(d->bytes.len);

	for (;;) {
		bool full = s->held >= g->limits.held_chunks ||
			    s->held_bytes + d->bytes.len > g->limits.held_bytes;
		bool short_of = hold_blocks_left(&g->hold) < blocks;
		enum sctp_gap_reason why = full ? SCTP_GAP_WINDOW : SCTP_GAP_MEMORY;
		struct sctp_streams *other = full ? s : heaviest(g);
		uint32_t first;

		if (!full && !short_of)
			return true;
		if (g->limits.drop) {
			drop(g, other ? other : s, d, !other || other == s);
			if (s->dropped)
				return false;
			continue;
		}
		if (other && other != s) {
			give_up_first_hole(g, other, why);
			continue;
		}
		first = first_seen(s, s->highest);
		if (before(s->highest, first) || before(d->tsn, first)) {
			streams_give_up(g, s, d->tsn - 1, why);
			return false;
		}
		give_up_first_hole(g, s, why);
		if (s->cum == d->tsn - 1)
			return false;
	}
}

static void hold(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d)
{
	struct hold_place place = { s->id, d->mid, d->fsn, d->sid };
	/* One for each place: more would make the table's chains as long as someone likes. */
	bool by_place = !(d->flags & UNORDERED) && (d->interleaved || d->flags & BEGIN) &&
			hold_find_place(&g->hold, &place) == HOLD_NIL;

	hold_put(&g->hold, s->id, d, by_place);
	s->held++;
	s->held_bytes += (uint32_t)d->bytes.len;
	if (s->held_bytes > s->high_watermark)
		s->high_watermark = s->held_bytes;
	streams_rank(g, s);
}

static void in_order(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d)
{
	seen_set(s, d->tsn);
	s->highest = before(s->highest, d->tsn) ? d->tsn : s->highest;
	step(g, s);
	streams_force(g, s, d);
	step_over_seen(g, s);
	if (s->cum == s->highest)
		s->hole_ts = s->covered_ts = 0;
}

static bool is_whole(const struct sctp_data *d)
{
	return (d->flags & (BEGIN | END)) == (BEGIN | END);
}

/* Above a hole: out if nothing in its stream lacks, else it waits. */
static void above_hole(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d)
{
	struct hold_stream *t = d->flags & UNORDERED ? NULL : streams_find(g, s, d->sid);

	if (t ? streams_is_next(t, d) : (d->flags & UNORDERED) && is_whole(d)) {
		seen_set(s, d->tsn);
		s->highest = before(s->highest, d->tsn) ? d->tsn : s->highest;
		streams_force(g, s, d);
	} else if (make_room(g, s, d)) {
		seen_set(s, d->tsn);
		s->highest = before(s->highest, d->tsn) ? d->tsn : s->highest;
		hold(g, s, d);
	} else if (!s->dropped) {
		in_order(g, s, d);
		return;
	}
	if (!s->hole_ts)
		s->hole_ts = d->ts;
}

/* Where the start was not seen the first TSN may have come ahead of others, which its receiver
 * lacks as far as is seen. Of what came before it nothing is known, so nothing is missed: so no
 * fragments, which would be joined to others whatever lacks between them. */
static bool is_ahead_of_first(const struct sctp_streams *s, const struct sctp_data *d)
{
	return s->from_midst && s->span < STREAMS_WINDOW && s->base - d->tsn < STREAMS_WINDOW &&
	       !(s->has_ack && !before(s->acked, d->tsn)) && !map_get(s->early, d->tsn) &&
	       is_whole(d);
}

static void count_chunk(struct sctp_streams *s, const struct sctp_data *d)
{
	s->chunks++;
	s->bytes += d->bytes.len;
	if (!s->unanswered_ts)
		s->unanswered_ts = d->ts;
	remember(s, d);
}

void sctp_streams_push(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d)
{
	if (s->dropped)
		return;
	if (!s->id) {
		start(g, s, d->tsn);
		s->from_midst = true;
	}
	if (is_ahead_of_first(s, d)) {
		map_set(s->early, d->tsn);
		s->span++;
		count_chunk(s, d);
		streams_force(g, s, d);
		return;
	}
	if (!is_far(s, d->tsn) && (!before(s->cum, d->tsn) || seen_get(s, d->tsn))) {
		duplicate(g, s, d);
		return;
	}
	if (is_far(s, d->tsn)) {
		if (may_be_sent(s, d->tsn))
			streams_give_up(g, s, d->tsn - STREAMS_WINDOW, SCTP_GAP_WINDOW);
		else if (!stray(g, s, d))
			return;
	}
	if (s->resetting)
		streams_look_for_reset(g, s, d);
	count_chunk(s, d);
	if (d->tsn == s->cum + 1)
		in_order(g, s, d);
	else
		above_hole(g, s, d);
}

/* ---- what the other chunks say ----------------------------------------------------------- */

void sctp_streams_ack(struct sctp_streams *s, uint32_t cum)
{
	/* An acknowledgement of what can't have been sent yet, or of another count, proves nothing.
	 */
	if (!s->id || s->dropped || is_far(s, cum))
		return;
	s->strays = 0;
	s->unanswered_ts = 0;
	if (s->has_ack && !before(s->acked, cum))
		return;
	s->acked = cum;
	s->has_ack = true;
}

uint32_t sctp_streams_forward(struct sctp_group *g, struct sctp_streams *s, uint32_t cum)
{
	uint32_t tsns = cum - s->cum;

	if (!s->id || s->dropped || !before(s->cum, cum))
		return 0;
	if (tsns > STREAMS_WINDOW) {
		s->out_of_window++;
		return 0;
	}
	if (acks_are_seen(s) && before(s->acked, cum)) {
		if (!s->has_forward || before(s->forward, cum))
			s->forward = cum;
		s->has_forward = true;
		return 0;
	}
	streams_give_up(g, s, cum, SCTP_GAP_ABANDONED);
	return tsns;
}

/* Are SACKs not seen any more? They take half a second at most: RFC 9260 6.2. */
static bool is_unanswered(const struct sctp_group *g, const struct sctp_streams *s, uint64_t now)
{
	return s->unanswered_ts && now >= s->unanswered_ts &&
	       now - s->unanswered_ts >= g->limits.timer_ns;
}

/* A FORWARD TSN that waited for its receiver, who may have ignored it. */
static void follow_forward(struct sctp_group *g, struct sctp_streams *s, uint64_t now)
{
	uint32_t tsns = before(s->cum, s->forward) ? s->forward - s->cum : 0;

	if (!s->has_forward || (before(s->acked, s->forward) && tsns && !is_unanswered(g, s, now)))
		return;
	s->has_forward = false;
	streams_give_up(g, s, s->forward, SCTP_GAP_ABANDONED);
	for (unsigned i = 0; i < s->nforwards && tsns; i++)
		tsns -= sctp_streams_abandon(g, s, s->forwards[i].sid, s->forwards[i].last,
					     s->forward_interleaved);
}

/* ---- time and the end ------------------------------------------------------------------- */

void sctp_streams_tick(struct sctp_group *g, struct sctp_streams *s, uint64_t now, uint32_t packets,
		       bool onesided)
{
	if (!s->id || s->dropped)
		return;
	follow_forward(g, s, now);
	if (s->has_ack && before(s->cum, s->acked)) {
		if (!s->covered_ts) {
			s->covered_ts = now ? now : 1;
			s->covered_packets = packets;
			s->covered_at = s->acked;
		}
		if (now - s->covered_ts >= g->limits.acked_ns &&
		    packets - s->covered_packets >= g->limits.acked_packets)
			streams_give_up(g, s, s->covered_at, SCTP_GAP_ACKED);
	} else {
		s->covered_ts = 0;
	}
	if (onesided && s->hole_ts && s->cum != s->highest && now >= s->hole_ts &&
	    now - s->hole_ts >= g->limits.timer_ns)
		give_up_first_hole(g, s, SCTP_GAP_TIMER);
	if (s->cum != s->highest && !s->hole_ts)
		s->hole_ts = now ? now : 1;
}

void sctp_streams_flush(struct sctp_group *g, struct sctp_streams *s, enum sctp_gap_reason why)
{
	if (!s->id || s->dropped)
		return;
	follow_forward(g, s, 0);
	if (s->has_ack && before(s->cum, s->acked))
		streams_give_up(g, s, s->acked, SCTP_GAP_ACKED);
	streams_give_up(g, s, s->highest, why);
	hold_streams_drop(&g->hold, &s->streams_list);
	s->nstreams = 0;
}

bool sctp_streams_lawful(const struct sctp_streams *s)
{
	uint64_t above = 0;

	for (unsigned i = 0; i < STREAMS_WINDOW / 64; i++)
		above += (uint64_t)__builtin_popcountll(s->seen[i]);
	return s->chunks == s->delivered + s->held + s->refused &&
	       s->bytes == s->delivered_bytes + s->held_bytes + s->refused_bytes &&
	       s->chunks + s->lost == s->span + above && (s->held <= above);
}
