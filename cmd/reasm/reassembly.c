/* reassembly: puts the segments of one direction in order. */
#include "cmd/reasm/reassembly.h"

enum { OFFSET_BITS = 62 };

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- who holds how much ---- */

static void holder_unlink(struct holder *h)
{
	h->prev->next = h->next;
	h->next->prev = h->prev;
	h->prev = h->next = NULL;
}

static void holder_append(struct holder *list, struct holder *h)
{
	h->prev = list->prev;
	h->next = list;
	list->prev->next = h;
	list->prev = h;
}

static void holder_update(struct assembly_group *g, struct assembly *a)
{
	uint8_t list = a->blocks ? (uint8_t)(32 - __builtin_clz(a->blocks)) : 0;

	if (list == a->list)
		return;
	if (a->list)
		holder_unlink(&a->holder);
	if (list)
		holder_append(&g->holders[list], &a->holder);
	a->list = list;
}

static struct assembly *holder_assembly(struct holder *h, size_t at)
{
	return (struct assembly *)((char *)h - at);
}

/* One that holds at least half of what the largest holder has. */
static struct assembly *largest_holder(struct assembly_group *g)
{
	for (int i = REASM_HOLDER_LISTS - 1; i > 0; i--)
		if (g->holders[i].next != &g->holders[i])
			return holder_assembly(g->holders[i].next,
					       offsetof(struct assembly, holder));
	return NULL;
}

void assembly_group_init(struct assembly_group *g, const struct assembly_limits *limits,
			 const struct assembly_sink *sink)
{
	*g = (struct assembly_group){ .limits = *limits, .sink = *sink };
	block_pool_init(&g->pool, limits->memory);
	for (int i = 0; i < REASM_HOLDER_LISTS; i++)
		g->holders[i].prev = g->holders[i].next = &g->holders[i];
	g->histories.prev = g->histories.next = &g->histories;
}

void assembly_group_release(struct assembly_group *g)
{
	block_pool_release(&g->pool);
}

/* ---- the last bytes delivered ---- */

static void history_pop(struct assembly_group *g, struct assembly *a)
{
	struct block *b = a->old_head;

	a->old_head = b->next;
	if (a->old_head)
		a->old_head->prev = NULL;
	else
		a->old_tail = NULL;
	a->old_bytes -= b->len;
	block_give(&g->pool, b);
}

static void history_drop(struct assembly_group *g, struct assembly *a)
{
	if (!a->old_head)
		return;
	while (a->old_head)
		history_pop(g, a);
	holder_unlink(&a->old_holder);
}

static struct block *history_block(struct assembly_group *g, struct assembly *a, uint64_t offset)
{
	struct block *b;

	/* The last eighth of the pool is for bytes that were not yet delivered. */
	if (block_pool_left(&g->pool) <= g->pool.max / 8)
		return NULL;
	b = block_take(&g->pool);
	b->offset = offset;
	b->prev = a->old_tail;
	if (a->old_tail)
		a->old_tail->next = b;
	else
		a->old_head = b;
	if (!a->old_tail)
		holder_append(&g->histories, &a->old_holder);
	a->old_tail = b;
	return b;
}

static void history_add(struct assembly_group *g, struct assembly *a, uint64_t offset,
			struct bytes data)
{
	uint32_t keep = g->limits.history;

	if (data.len > keep) {
		offset += data.len - keep;
		data = BYTES(data.ptr + data.len - keep, keep);
	}
	while (data.len) {
		struct block *b = a->old_tail;
		size_t n;

		if (!b || b->len == BLOCK_SIZE || block_end(b) != offset)
			b = history_block(g, a, offset);
		if (!b)
			return;
		n = min64(data.len, BLOCK_SIZE - b->len);
		memcpy(b->data + b->len, data.ptr, n);
		b->len += (uint32_t)n;
		a->old_bytes += (uint32_t)n;
		offset += n;
		data = BYTES(data.ptr + n, data.len - n);
	}
	while (a->old_head != a->old_tail && a->old_bytes - a->old_head->len >= keep)
		history_pop(g, a);
}

/* ---- repeats ---- */

/* The stretch in which a segment differs from what is known. */
struct difference {
	uint64_t from, to; /* from == to: none */
};

/* New bytes at `pos` against a block's. Only where both have data. */
static void compare(struct difference *d, const struct block *b, uint64_t pos, const uint8_t *p,
		    size_t n)
{
	if (b->missing || memcmp(b->data + (pos - b->offset), p, n) == 0)
		return;
	if (d->from == d->to)
		d->from = pos;
	d->to = pos + n;
}

/* Bytes that came again after they were delivered. */
static void repeat(struct assembly *a, struct difference *d, uint64_t offset, struct bytes data)
{
	uint64_t end = offset + data.len;

	a->retransmitted += data.len;
	for (struct block *b = a->old_tail; b && block_end(b) > offset; b = b->prev) {
		uint64_t lo = max64(offset, b->offset), hi = min64(end, block_end(b));

		/* Backwards, so that `from` must be taken down, not left. */
		if (lo < hi &&
		    memcmp(b->data + (lo - b->offset), data.ptr + (lo - offset), hi - lo) != 0) {
			if (d->from == d->to)
				d->to = hi;
			d->from = lo;
		}
	}
}

static void report(struct assembly_group *g, struct assembly *a, const struct difference *d)
{
	if (d->from == d->to)
		return;
	a->overlaps++;
	g->sink.overlap(g->sink.ctx, a, d->from, d->to - d->from);
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
	if (g->limits.history)
		history_add(g, a, offset, BYTES(data.ptr, take));
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
		a->next++;
		a->urgent++;
		data = BYTES(data.ptr + 1, data.len - 1);
	}
	if (data.len)
		run_out(g, a, data, n, ts);
}

static void gap_to(struct assembly_group *g, struct assembly *a, uint64_t to,
		   enum rec_gap_reason why)
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

/* Delivers what has no hole before it. */
static void drain(struct assembly_group *g, struct assembly *a)
{
	while (a->head && a->head->offset == a->next) {
		struct block *b = a->head;

		if (a->held_to > a->next) {
			if (a->acked < a->held_to)
				return;
			a->held_to = 0;
		}
		if (b->missing)
			gap_to(g, a, block_end(b), REC_gap_reason_SNAPPED);
		else
			deliver(g, a, BYTES(b->data, b->len), b->first_n, b->first_ts);
		queue_unlink(g, a, b);
	}
}

/* Gives up the hole below the head of the queue. */
static void give_up(struct assembly_group *g, struct assembly *a, enum rec_gap_reason why)
{
	a->held_to = 0;
	if (a->head->offset > a->next)
		gap_to(g, a, a->head->offset, why);
	drain(g, a);
	holder_update(g, a);
}

/* Makes room for n blocks: first the history of the longest idle, then the largest holders. */
static void make_room(struct assembly_group *g, size_t n)
{
	struct assembly *victim;

	while (block_pool_left(&g->pool) < n && g->histories.next != &g->histories) {
		history_drop(g, holder_assembly(g->histories.next,
						offsetof(struct assembly, old_holder)));
		g->history_dropped++;
	}
	while (block_pool_left(&g->pool) < n && (victim = largest_holder(g))) {
		g->memcap_hits++;
		give_up(g, victim, REC_gap_reason_MEMCAP);
	}
}

/* ---- segments ---- */

static void urgent_note(struct assembly_group *g, struct assembly *a,
			const struct assembly_segment *s)
{
	uint64_t at = s->offset + s->urgent - 1;

	if (g->limits.urgent_inline || at < a->next || a->urgent >= REASM_URGENT_MAX)
		return;
	for (uint8_t i = 0; i < a->nurgent; i++)
		if (a->urgent_at[i] == at)
			return;
	if (a->nurgent == REASM_URGENT_PENDING)
		urgent_before(a, at);
	if (a->nurgent < REASM_URGENT_PENDING)
		a->urgent_at[a->nurgent++] = at;
}

/* The part of a segment that does not go out at once. */
static void enqueue(struct assembly_group *g, struct assembly *a, const struct assembly_segment *s,
		    uint64_t pos, uint64_t data_end, uint64_t end, struct difference *d)
{
	make_room(g, (end - pos) / BLOCK_SIZE + 3);
	pos = max64(pos, a->next); /* room may have been made at this direction's cost */
	if (pos < data_end)
		queue_insert(g, a, pos, BYTES(s->data.ptr + (pos - s->offset), data_end - pos), s,
			     d);
	pos = max64(pos, data_end);
	if (pos < end)
		queue_missing(g, a, pos, end, s);
	if (a->queued > a->high_watermark)
		a->high_watermark = a->queued;
	drain(g, a);
	while (a->head && (a->queued > g->limits.queue_bytes || a->blocks > g->limits.queue_blocks))
		give_up(g, a, REC_gap_reason_WINDOW);
	holder_update(g, a);
}

/* Real data after a SYN with data: at or below it, the peer has refused that (RFC 7413 4.2);
 * behind it, the peer has taken it. */
static void unhold(struct assembly_group *g, struct assembly *a, uint64_t offset)
{
	uint64_t held_to = a->held_to;

	a->held_to = 0;
	if (offset < held_to)
		while (a->head && a->head->offset < held_to)
			queue_unlink(g, a, a->head);
	else
		drain(g, a);
	holder_update(g, a);
}

void assembly_push(struct assembly_group *g, struct assembly *a, const struct assembly_segment *s)
{
	struct difference d = { 0, 0 };
	uint64_t pos = s->offset, data_end, end;

	if (pos >> OFFSET_BITS)
		return;
	data_end = pos + s->data.len;
	end = data_end + s->missing;
	if (a->has_fin) {
		end = min64(end, a->fin_at);
		data_end = min64(data_end, end);
	}
	if (pos >= end)
		return;
	a->segments++;
	a->highest = max64(a->highest, end);
	if (a->held_to && !s->held)
		unhold(g, a, pos);
	if (s->urgent)
		urgent_note(g, a, s);
	if (pos < a->next) {
		uint64_t to = min64(a->next, data_end);

		if (to > pos)
			repeat(a, &d, pos, BYTES(s->data.ptr, to - pos));
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
			gap_to(g, a, end, REC_gap_reason_SNAPPED);
		pos = a->next;
	}
	if (s->held && pos < end)
		a->held_to = end;
	if (pos < end || a->head)
		enqueue(g, a, s, pos, data_end, max64(pos, end), &d);
	report(g, a, &d);
}

void assembly_ack(struct assembly_group *g, struct assembly *a, uint64_t offset)
{
	if (offset <= a->acked || offset >> OFFSET_BITS)
		return;
	a->acked = offset;
	if (a->held_to && a->acked >= a->held_to) {
		drain(g, a);
		holder_update(g, a);
	}
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
				give_up(g, a, REC_gap_reason_ACKED);
				continue;
			}
		}
		if (!onesided || now < queued_ts || now - queued_ts < l->timer_ns)
			return;
		give_up(g, a, REC_gap_reason_TIMER);
	}
}

void assembly_start_at(struct assembly_group *g, struct assembly *a, uint64_t offset)
{
	if (offset <= a->next || offset >> OFFSET_BITS)
		return;
	a->highest = max64(a->highest, offset);
	gap_to(g, a, offset, REC_gap_reason_RESYNC);
}

void assembly_flush(struct assembly_group *g, struct assembly *a, enum rec_gap_reason why)
{
	/* What was sent with a SYN and never accepted is not part of the stream. */
	while (a->head && a->held_to > a->head->offset)
		queue_unlink(g, a, a->head);
	while (a->head && !(a->has_fin && a->head->offset >= a->fin_at))
		give_up(g, a, a->acked >= a->head->offset ? REC_gap_reason_ACKED : why);
	if (a->has_fin && !a->held_to && a->next < a->fin_at)
		gap_to(g, a, a->fin_at, why);
	while (a->head)
		queue_unlink(g, a, a->head);
	holder_update(g, a);
	history_drop(g, a);
}

bool assembly_lawful(const struct assembly *a)
{
	return a->delivered + a->gap_bytes + a->urgent + a->skipped == a->next &&
	       a->next <= a->highest;
}
