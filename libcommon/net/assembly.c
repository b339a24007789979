/* assembly: puts the segments of one direction in order. */
#include "libcommon/net/assembly_group.h"

enum { OFFSET_BITS = 62 };

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- repeats ---- */

/* New bytes at `pos` against a block's. Only where both have data. */
static void compare(struct difference *d, const struct block *b, uint64_t pos, const uint8_t *p,
		    size_t n)
{
	const uint8_t *had = b->data + (pos - b->offset);

	if (!b->missing && memcmp(had, p, n) != 0)
		difference_note(d, pos, had, p, n);
}

/* Bytes that came again after they were delivered. */
static void repeat(struct assembly_group *g, struct assembly *a, struct difference *d,
		   uint64_t offset, struct bytes data)
{
	a->retransmitted += data.len;
	g->uncompared +=
		data.len - assembly_history_compare(&g->history, a->last, a->next, offset, data, d);
}

static void report(struct assembly_group *g, struct assembly *a, const struct difference *d)
{
	struct assembly_overlap o = { d->from, d->to - d->from, BYTES(d->had, d->shown),
				      BYTES(d->got, d->shown) };

	if (d->from == d->to)
		return;
	a->overlaps++;
	g->sink.overlap(g->sink.ctx, a, &o);
}

/* ---- delivery: the only places where `next` moves ---- */

static void run_out(struct assembly_group *g, struct assembly *a, struct bytes data, uint64_t n,
		    uint64_t ts)
{
	uint64_t depth = g->limits.depth;
	size_t take = a->next >= depth ? 0 : min64(data.len, depth - a->next);
	uint64_t offset = a->next;

	a->next += data.len;
	a->delivered += take;
	a->skipped += data.len - take;
	if (!take)
		return;
	if (g->history.log)
		assembly_history_add(&g->history, &a->last, offset, BYTES(data.ptr, take));
	g->sink.data(g->sink.ctx, a, offset, BYTES(data.ptr, take), n, ts);
}

/* The lowest urgent offset in [next, end), or end. Forgets those that are past. */
static uint64_t urgent_before(struct assembly *a, uint64_t end)
{
	uint64_t lowest = end;
	uint8_t kept = 0;

	for (uint8_t i = 0; i < a->nurgent; i++) {
		if (a->urgent_at[i] < a->next)
			continue;
		a->urgent_at[kept++] = a->urgent_at[i];
		lowest = min64(lowest, a->urgent_at[i]);
	}
	a->nurgent = kept;
	return lowest;
}

static void urgent_is_full(struct assembly_group *g, struct assembly *a, uint64_t offset)
{
	if (a->urgent_full)
		return;
	a->urgent_full = true;
	g->sink.urgent_limit(g->sink.ctx, a, offset);
}

static void deliver(struct assembly_group *g, struct assembly *a, struct bytes data, uint64_t n,
		    uint64_t ts)
{
	uint64_t end = a->next + data.len;

	while (a->nurgent && a->next < end) {
		uint64_t at = urgent_before(a, end);
		size_t before = at - a->next;

		if (before)
			run_out(g, a, BYTES(data.ptr, before), n, ts);
		data = BYTES(data.ptr + before, data.len - before);
		if (at == end || a->next >= g->limits.depth)
			break;
		if (a->urgent >= g->limits.urgent) {
			a->nurgent = 0;
			urgent_is_full(g, a, at);
			break;
		}
		a->next++;
		a->urgent++;
		data = BYTES(data.ptr + 1, data.len - 1);
	}
	if (data.len)
		run_out(g, a, data, n, ts);
}

static void gap_to(struct assembly_group *g, struct assembly *a, uint64_t to, enum assembly_gap why)
{
	uint64_t from = a->next, depth = g->limits.depth;
	uint64_t len = from >= depth ? 0 : min64(to, depth) - from;

	a->skipped += to - from - len;
	a->next = to;
	if (!len)
		return;
	a->gap_bytes += len;
	a->gap_reasons[why] += len;
	a->gaps++;
	g->sink.gap(g->sink.ctx, a, from, len, why);
}

/* ---- the queue ---- */

static void queue_unlink(struct assembly_group *g, struct assembly *a, struct block *b)
{
	if (b->prev)
		b->prev->next = b->next;
	else
		a->head = b->next;
	if (b->next)
		b->next->prev = b->prev;
	else
		a->tail = b->prev;
	a->blocks--;
	if (!b->missing)
		a->queued -= b->len;
	block_give(&g->pool, b);
}

/* Behind `before`, or in front where that is NULL. NULL when the pool is dry. */
static struct block *queue_block(struct assembly_group *g, struct assembly *a, struct block *before,
				 uint64_t offset, const struct assembly_segment *s)
{
	struct block *b = block_take(&g->pool);

	if (!b) {
		g->blocks_refused++;
		return NULL;
	}
	b->offset = offset;
	b->first_n = s->n;
	b->first_ts = s->ts;
	b->prev = before;
	b->next = before ? before->next : a->head;
	if (b->next)
		b->next->prev = b;
	else
		a->tail = b;
	if (before)
		before->next = b;
	else
		a->head = b;
	a->blocks++;
	return b;
}

/* Bytes that nothing in the queue covers. Returns the block that ends with them. Where the pool
 * is dry the rest is left out, and is then a hole like any other. */
static struct block *queue_put(struct assembly_group *g, struct assembly *a, struct block *before,
			       uint64_t offset, struct bytes data, const struct assembly_segment *s)
{
	while (data.len) {
		struct block *b = before;
		size_t n;

		if (!b || b->missing || b->len == BLOCK_SIZE || block_end(b) != offset)
			b = queue_block(g, a, before, offset, s);
		if (!b)
			break;
		n = min64(data.len, BLOCK_SIZE - b->len);
		memcpy(b->data + b->len, data.ptr, n);
		b->len += (uint32_t)n;
		a->queued += n;
		offset += n;
		data = BYTES(data.ptr + n, data.len - n);
		before = b;
	}
	return before;
}

/* The first block that ends behind `offset`; most segments go to the end of the queue. */
static struct block *queue_find(const struct assembly *a, uint64_t offset)
{
	struct block *at = NULL;

	for (struct block *b = a->tail; b && block_end(b) > offset; b = b->prev)
		at = b;
	return at;
}

static void queue_insert(struct assembly_group *g, struct assembly *a, uint64_t pos,
			 struct bytes data, const struct assembly_segment *s, struct difference *d)
{
	struct block *at = queue_find(a, pos);
	struct block *before = at ? at->prev : a->tail;

	while (data.len) {
		size_t n = data.len;

		if (at && pos >= at->offset) {
			n = min64(n, block_end(at) - pos);
			compare(d, at, pos, data.ptr, n);
			if (g->limits.last_wins && !at->missing)
				memcpy(at->data + (pos - at->offset), data.ptr, n);
			a->retransmitted += n;
			before = at;
			at = at->next;
		} else {
			if (at)
				n = min64(n, at->offset - pos);
			before = queue_put(g, a, before, pos, BYTES(data.ptr, n), s);
		}
		pos += n;
		data = BYTES(data.ptr + n, data.len - n);
	}
}

/* Notes that bytes lack in the capture, where nothing else covers them. */
static void queue_missing(struct assembly_group *g, struct assembly *a, uint64_t pos, uint64_t end,
			  const struct assembly_segment *s)
{
	struct block *at = queue_find(a, pos);
	struct block *before = at ? at->prev : a->tail;

	while (pos < end) {
		if (at && pos >= at->offset) {
			pos = block_end(at);
			before = at;
			at = at->next;
			continue;
		}
		uint64_t to = at ? min64(end, at->offset) : end;

		before = queue_block(g, a, before, pos, s);
		if (!before)
			return;
		before->missing = true;
		before->len = (uint32_t)(to - pos);
		pos = to;
	}
}

/* Delivers what has no hole before it. The head may have been given up in part. */
static void drain(struct assembly_group *g, struct assembly *a)
{
	while (a->head && a->head->offset <= a->next) {
		struct block *b = a->head;
		uint64_t skip;

		if (a->held && a->held_to > a->next && a->acked < a->held_to)
			return;
		a->held = false;
		skip = a->next - b->offset;
		if (b->missing)
			gap_to(g, a, block_end(b), ASSEMBLY_GAP_SNAPPED);
		else
			deliver(g, a, BYTES(b->data + skip, b->len - skip), b->first_n,
				b->first_ts);
		queue_unlink(g, a, b);
	}
}

/* Gives up the hole below the head of the queue. */
static void give_up(struct assembly_group *g, struct assembly *a, enum assembly_gap why)
{
	a->held = false;
	if (a->head->offset > a->next)
		gap_to(g, a, a->head->offset, why);
	drain(g, a);
	holder_update(g, a);
}

/* ---- too much ---- */

/* Nothing more leaves. */
static void drop(struct assembly_group *g, struct assembly *a)
{
	while (a->head)
		queue_unlink(g, a, a->head);
	a->held = false;
	a->dropped = true;
	g->dropped++;
	holder_update(g, a);
	g->sink.dropped(g->sink.ctx, a);
}

/* Gives up the oldest bytes that wait, as many as are too many, with the hole before them. */
static void slide(struct assembly_group *g, struct assembly *a)
{
	uint64_t bytes = a->queued, to = a->next;
	uint32_t blocks = a->blocks;
	struct block *b = a->head;

	a->held = false;
	for (; bytes > g->limits.queue_bytes || blocks > g->limits.queue_blocks; b = b->next) {
		uint64_t over = bytes > g->limits.queue_bytes ? bytes - g->limits.queue_bytes : 0;

		to = block_end(b);
		if (!b->missing && over < b->len && blocks <= g->limits.queue_blocks)
			to = b->offset + over;
		bytes -= b->missing ? 0 : min64(b->len, to - b->offset);
		blocks--;
	}
	gap_to(g, a, to, ASSEMBLY_GAP_WINDOW);
	while (a->head && block_end(a->head) <= to)
		queue_unlink(g, a, a->head);
	drain(g, a);
	holder_update(g, a);
}

static bool is_over(const struct assembly_group *g, const struct assembly *a)
{
	return a->queued > g->limits.queue_bytes || a->blocks > g->limits.queue_blocks;
}

static void overflow(struct assembly_group *g, struct assembly *a)
{
	if (g->limits.overflow == ASSEMBLY_OVERFLOW_DROP)
		drop(g, a);
	else if (g->limits.overflow == ASSEMBLY_OVERFLOW_WINDOW)
		slide(g, a);
	else
		while (a->head && is_over(g, a))
			give_up(g, a, ASSEMBLY_GAP_WINDOW);
}

/* Makes room for n blocks at the cost of the largest holders. */
static void make_room(struct assembly_group *g, size_t n)
{
	struct assembly *victim;

	while (block_pool_left(&g->pool) < n && (victim = largest_holder(g))) {
		g->memcap_hits++;
		if (g->limits.overflow == ASSEMBLY_OVERFLOW_DROP)
			drop(g, victim);
		else
			give_up(g, victim, ASSEMBLY_GAP_MEMCAP);
	}
}

/* ---- segments ---- */

static void urgent_note(struct assembly_group *g, struct assembly *a,
			const struct assembly_segment *s)
{
	uint64_t at = s->offset + s->urgent - 1;

	if (g->limits.urgent_inline || at < a->next)
		return;
	if (a->urgent >= g->limits.urgent) {
		urgent_is_full(g, a, at);
		return;
	}
	for (uint8_t i = 0; i < a->nurgent; i++)
		if (a->urgent_at[i] == at)
			return;
	if (a->nurgent == ASSEMBLY_URGENT_PENDING)
		urgent_before(a, at);
	if (a->nurgent < ASSEMBLY_URGENT_PENDING)
		a->urgent_at[a->nurgent++] = at;
}

/* The part of a segment that does not go out at once. */
static void enqueue(struct assembly_group *g, struct assembly *a, const struct assembly_segment *s,
		    uint64_t pos, uint64_t data_end, uint64_t end, struct difference *d)
{
	make_room(g, (end - pos) / BLOCK_SIZE + 3);
	if (a->dropped)
		return;
	pos = max64(pos, a->next); /* room may have been made at this direction's cost */
	if (pos < data_end)
		queue_insert(g, a, pos, BYTES(s->data.ptr + (pos - s->offset), data_end - pos), s,
			     d);
	pos = max64(pos, data_end);
	if (pos < end)
		queue_missing(g, a, pos, end, s);
	/* A segment that is refused for its size never waited. */
	if (a->queued > a->high_watermark &&
	    !(g->limits.overflow == ASSEMBLY_OVERFLOW_DROP && is_over(g, a)))
		a->high_watermark = a->queued;
	drain(g, a);
	if (a->head && is_over(g, a))
		overflow(g, a);
	holder_update(g, a);
}

/* The block's first bytes are gone. */
static void block_cut(struct assembly *a, struct block *b, uint64_t to)
{
	uint32_t n = (uint32_t)(to - b->offset);

	b->offset = to;
	b->len -= n;
	if (b->missing)
		return;
	memmove(b->data, b->data + n, b->len);
	a->queued -= n;
}

/* Of data that came with the SYN, the peer has accepted what it acknowledged (RFC 7413 4.2): that
 * leaves. */
static void accept_held(struct assembly_group *g, struct assembly *a)
{
	uint64_t to = min64(a->acked, a->held_to);

	while (a->head && a->next < to && a->head->offset == a->next) {
		struct block *b = a->head;
		uint64_t end = min64(block_end(b), to);

		if (b->missing)
			gap_to(g, a, end, ASSEMBLY_GAP_SNAPPED);
		else
			deliver(g, a, BYTES(b->data, end - a->next), b->first_n, b->first_ts);
		if (end < block_end(b))
			block_cut(a, b, end);
		else
			queue_unlink(g, a, b);
	}
}

/* Real data after a SYN with data: at or below its end, the peer has refused what it has not
 * acknowledged of it; behind it, the peer has taken it. */
static void unhold(struct assembly_group *g, struct assembly *a, uint64_t offset)
{
	accept_held(g, a);
	a->held = false;
	if (offset < a->held_to)
		while (a->head && a->head->offset < a->held_to)
			queue_unlink(g, a, a->head);
	else
		drain(g, a);
	holder_update(g, a);
}

void assembly_push(struct assembly_group *g, struct assembly *a, const struct assembly_segment *s)
{
	struct difference d;
	uint64_t pos = s->offset, data_end, end;

	if (pos >> OFFSET_BITS || a->dropped)
		return;
	d.from = d.to = 0;
	data_end = pos + s->data.len;
	end = data_end + s->missing;
	if (a->has_fin) {
		a->beyond_fin += end > a->fin_at;
		end = min64(end, a->fin_at);
		data_end = min64(data_end, end);
	}
	if (pos >= end)
		return;
	a->segments++;
	a->highest = max64(a->highest, end);
	if (a->held && !s->held)
		unhold(g, a, pos);
	if (s->urgent)
		urgent_note(g, a, s);
	if (pos < a->next) {
		uint64_t to = min64(a->next, data_end);

		if (to > pos)
			repeat(g, a, &d, pos, BYTES(s->data.ptr, to - pos));
		pos = a->next;
	} else if (pos > a->next) {
		a->out_of_order++;
	}
	if (pos == a->next && pos < end && !s->held && !(g->limits.last_wins && a->head)) {
		uint64_t to = a->head ? min64(data_end, a->head->offset) : data_end;

		if (to > pos)
			deliver(g, a, BYTES(s->data.ptr + (pos - s->offset), to - pos), s->n,
				s->ts);
		if (!a->head && end > a->next)
			gap_to(g, a, end, ASSEMBLY_GAP_SNAPPED);
		pos = a->next;
	}
	if (s->held && pos < end) {
		a->held = true;
		a->held_to = end;
	}
	if (pos < end || a->head)
		enqueue(g, a, s, pos, data_end, max64(pos, end), &d);
	report(g, a, &d);
}

void assembly_repeat(struct assembly_group *g, struct assembly *a, uint64_t offset,
		     struct bytes data)
{
	struct difference d;

	if (offset >= a->next)
		return;
	d.from = d.to = 0;
	repeat(g, a, &d, offset, BYTES(data.ptr, min64(data.len, a->next - offset)));
	report(g, a, &d);
}

void assembly_ack(struct assembly_group *g, struct assembly *a, uint64_t offset)
{
	if (offset <= a->acked || offset >> OFFSET_BITS)
		return;
	a->acked = offset;
	if (!a->held)
		return;
	if (a->acked >= a->held_to)
		drain(g, a);
	else
		accept_held(g, a);
	holder_update(g, a);
}

void assembly_fin(struct assembly *a, uint64_t offset)
{
	if (a->has_fin || offset >> OFFSET_BITS)
		return;
	a->has_fin = true;
	a->fin_at = offset;
	a->highest = max64(a->highest, offset);
}

void assembly_tick(struct assembly_group *g, struct assembly *a, uint64_t now, uint32_t packets,
		   bool onesided)
{
	const struct assembly_limits *l = &g->limits;

	while (a->head) {
		uint64_t hole_end = a->head->offset, queued_ts = a->head->first_ts;

		if (a->acked >= hole_end && hole_end > a->next) {
			if (a->covered_ack < hole_end) {
				a->covered_ack = a->acked;
				a->covered_ts = now;
				a->covered_packets = packets;
			}
			if (now >= a->covered_ts && now - a->covered_ts >= l->acked_ns &&
			    packets - a->covered_packets >= l->acked_packets) {
				give_up(g, a, ASSEMBLY_GAP_ACKED);
				continue;
			}
		}
		if (!onesided || now < queued_ts || now - queued_ts < l->timer_ns)
			return;
		give_up(g, a, ASSEMBLY_GAP_TIMER);
	}
}

void assembly_start_at(struct assembly_group *g, struct assembly *a, uint64_t offset)
{
	if (offset <= a->next || offset >> OFFSET_BITS)
		return;
	a->highest = max64(a->highest, offset);
	gap_to(g, a, offset, ASSEMBLY_GAP_RESYNC);
}

void assembly_flush(struct assembly_group *g, struct assembly *a, enum assembly_gap why)
{
	/* What was sent with a SYN and never accepted is not part of the stream. */
	while (a->head && a->held && a->held_to > a->head->offset)
		queue_unlink(g, a, a->head);
	while (a->head && !(a->has_fin && a->head->offset >= a->fin_at))
		give_up(g, a, a->acked >= a->head->offset ? ASSEMBLY_GAP_ACKED : why);
	if (a->has_fin && !a->held && !a->dropped && a->next < a->fin_at)
		gap_to(g, a, a->fin_at, why);
	while (a->head)
		queue_unlink(g, a, a->head);
	holder_update(g, a);
}

bool assembly_lawful(const struct assembly *a)
{
	return a->delivered + a->gap_bytes + a->urgent + a->skipped == a->next &&
	       a->next <= a->highest;
}
