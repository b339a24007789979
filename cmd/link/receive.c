/* receive: the receiving side of a link. */
#include <errno.h>

#include "cmd/link/link.h"
#include "libcommon/base/opt.h"

enum {
	GREETING_MS = 5000,      /* a connection that has not greeted by then is closed */
	CREDIT_FD = 1024 * 1024, /* where the output is no ring */
	BYE_MS = 2000,
	NEXT_MS = 2500, /* more than two beats of the sender */
	TAKEN_MS = 100, /* the longest time in which we don't look whether the reader lives */
};

struct receiver {
	struct link *l;
	struct port_out *out;
	struct stream_head head; /* what the ring's preamble has of this stream */
	uint64_t instance;       /* 0: none yet */
	uint64_t first, seq;     /* position in the output of the sender's position seq */
	uint64_t pos;            /* end of the output */
	uint64_t taken;          /* position to which its reader has come */
	uint64_t window;
	uint64_t said_has, said_taken;
	uint64_t from, records; /* the sender's position at which this process began, and since */
	bool greeted;           /* the connection in use is ready for data */
	struct {                /* the same sender over a new connection, while the old one lives */
		uint32_t pipe;
		uint64_t seq;
		int64_t until;
	} next;
	bool ended, aborted, receipt;
	bool over;
	int64_t receipt_at; /* when the first receipt went out */
	unsigned idle;
	enum exit_code code;
};

static uint64_t has(const struct receiver *r)
{
	return r->pos - r->first + r->seq;
}

/* In the sender's count. What stands in front of the first data is ours. */
static uint64_t taken(const struct receiver *r)
{
	return r->taken > r->first ? r->taken - r->first + r->seq : r->seq;
}

static struct link_message about(const struct receiver *r, enum link_kind kind)
{
	uint64_t held = r->pos - r->taken;

	return (struct link_message){ .version = LINK_VERSION,
				      .kind = kind,
				      .instance = r->instance,
				      .seq = has(r),
				      .count = taken(r),
				      .more = r->window > held ? r->window - held : 0 };
}

static void leave(struct receiver *r)
{
	link_disconnected(r->l);
	r->greeted = false;
}

static void hang_up(struct receiver *r)
{
	wire_drop(r->l->wire, r->l->pipe);
	leave(r);
}

/* ---- the output ------------------------------------------------------------------------------ */

/* A record of the ring's head: what we have, of what, for who comes after us. */
static void remember(struct receiver *r)
{
	struct buf raw = { 0 };

	rec_pack(&raw, &rec_link_desc, &(struct rec_head){ .type = REC_link },
		 &(struct rec_link){ .instance = r->instance,
				     .first = r->first,
				     .seq = r->seq,
				     .ended = r->ended });
	port_out_preamble(r->out, buf_bytes(&raw));
	buf_release(&raw);
}

/* What one before us left in the ring's head. */
static void recall(struct receiver *r)
{
	struct bytes rest = port_out_kept(r->out);
	const char *why;

	while (rest.len) {
		ssize_t n = rec_measure(rest, &why);
		struct bytes raw = BYTES(rest.ptr, n > 0 ? (size_t)n : 0);
		struct rec_link link;
		struct rec_head h;
		uint32_t items;
		size_t body;

		if (n <= 0 || !rec_head_get(raw, &h, &items, &body))
			break;
		if (h.type == REC_link && rec_decode_own(&rec_link_desc, raw, &h, &link, NULL)) {
			r->instance = link.instance;
			r->first = link.first;
			r->seq = link.seq;
			r->ended = link.ended;
		} else {
			stream_head_note(&r->head, raw);
		}
		rest = BYTES(rest.ptr + n, rest.len - (size_t)n);
	}
	/* It died between that record and the first byte. */
	if (r->instance && r->pos < r->first)
		r->instance = 0;
	r->from = has(r);
}

/* The reader of what we write has gone. */
static void reader_gone(struct receiver *r)
{
	struct link_message m;
	int err;

	port_out_broken(r->out, &err);
	r->taken = port_out_taken(r->out) + port_out_start(r->out);
	m = about(r, LINK_GONE);
	m.seq = taken(r) < has(r) ? taken(r) : has(r);
	m.count = err != EPIPE || port_out_reader_died(r->out);
	m.more = 0;
	if (err == EINTR) {
		r->code = EXIT_FAILED;
	} else if (err != EPIPE) {
		errno = err;
		warn_errno("cannot write the output");
		r->code = EXIT_FAILED;
	}
	if (m.count && !r->code)
		r->code = EXIT_LOST;
	link_state(r->l, m.count ? LINK_LOST : LINK_LEFT);
	r->over = true;
	if (r->l->pipe) {
		link_say(r->l, r->l->pipe, &m);
		link_beat(r->l, &m);
	}
}

/* Whole records; they are in the output when this returns, or it is broken. */
static bool put(struct receiver *r, struct bytes b)
{
	size_t longest = port_out_longest(r->out), kept = r->head.raw.len;
	const char *why;
	struct batch all;

	batch_cut(b, SIZE_MAX, &all, &r->head, &why);
	if (r->head.raw.len > kept)
		port_out_preamble(r->out, BYTES(r->head.raw.ptr + kept, r->head.raw.len - kept));
	r->records += all.records;
	*r->l->in += all.records;
	while (b.len) {
		struct batch part = { b.len, 0 };
		uint8_t *at;

		if (longest && b.len > longest / 2)
			batch_cut(b, longest / 2, &part, NULL, &why);
		at = port_out_reserve(r->out, part.len, true);
		if (!at)
			break;
		memcpy(at, b.ptr, part.len);
		port_out_commit(r->out, part.len);
		r->pos += part.len;
		b = BYTES(b.ptr + part.len, b.len - part.len);
	}
	port_out_flush(r->out);
	if (port_out_broken(r->out, NULL))
		reader_gone(r);
	return !r->over;
}

/* How far the reader has come. */
static void look_at_reader(struct receiver *r)
{
	uint64_t at = port_out_taken(r->out);

	if (port_out_broken(r->out, NULL)) {
		reader_gone(r);
		return;
	}
	r->taken = port_out_longest(r->out) ? at : r->pos;
	if (r->taken == r->pos)
		link_confirmed(r->l, *r->l->in);
}

/* ---- what the sender says -------------------------------------------------------------------- */

static void acknowledge(struct receiver *r)
{
	struct link_message m = about(r, LINK_ACK);

	r->said_has = m.seq;
	r->said_taken = m.count;
	if (r->l->no_acks)
		return;
	link_say(r->l, r->l->pipe, &m);
	link_beat(r->l, &m);
}

static void sender_greets(struct receiver *r, uint32_t pipe, const struct link_message *m)
{
	static const char version[] = "weir-link " WEIR_VERSION;
	struct link_message hello;

	if (!m->instance || (r->instance && m->instance != r->instance)) {
		link_refuse(r->l, pipe, "it waits for the sender that it had, to come back");
		return;
	}
	if (r->l->pipe) {
		link_refuse(r->l, pipe, "it has its peer already");
		return;
	}
	link_connected(r->l, pipe);
	if (!r->instance && m->seq == 0) {
		r->instance = m->instance;
		r->first = r->pos;
		r->seq = r->from = 0;
		remember(r);
		hello = about(r, LINK_RECEIVER);
		hello.instance = 0;
		r->greeted = true;
	} else {
		hello = about(r, LINK_RECEIVER);
		r->greeted = r->instance != 0;
	}
	hello.count = 0;
	hello.payload = bytes_str(version);
	link_say(r->l, pipe, &hello);
	r->said_has = r->said_taken = 0;
	hello = about(r, r->greeted && !r->l->no_acks ? LINK_ACK : LINK_BEAT);
	link_beat(r->l, &hello);
}

/* The sender of our stream comes over a new connection while we have one. Either it has died and
 * was started again, or its way has broken, and we are about to hear that, or not to hear of it any
 * more; or somebody sends the same twice. */
static void sender_comes(struct receiver *r, uint32_t pipe, const struct link_message *m)
{
	if (!r->l->pipe || r->next.pipe || m->instance != r->instance) {
		sender_greets(r, pipe, m);
		return;
	}
	r->next.pipe = pipe;
	r->next.seq = m->seq;
	r->next.until = wire_now() + NEXT_MS;
}

static void look_at_next(struct receiver *r)
{
	struct link_message m = { .version = LINK_VERSION,
				  .kind = LINK_SENDER,
				  .instance = r->instance,
				  .seq = r->next.seq };
	uint32_t pipe = r->next.pipe;

	if (!pipe || (r->l->pipe && wire_now() < r->next.until))
		return;
	r->next.pipe = 0;
	if (r->l->pipe && wire_silence(r->l->wire) > 2 * WIRE_BEAT_MS)
		hang_up(r);
	sender_greets(r, pipe, &m);
}

/* Hello and schemas of a stream that has begun long ago. */
static void take_head(struct receiver *r, const struct link_message *m)
{
	const char *why = "it is cut";
	struct batch b;

	if (r->instance || !m->instance)
		return;
	if (!batch_cut(m->payload, SIZE_MAX, &b, NULL, &why) || b.len != m->payload.len ||
	    b.records) {
		link_refuse(r->l, r->l->pipe, why);
		leave(r);
		return;
	}
	r->instance = m->instance;
	r->first = r->pos + b.len;
	r->seq = r->from = m->seq;
	remember(r);
	r->greeted = put(r, m->payload);
}

static void take_data(struct receiver *r, const struct link_message *m)
{
	const char *why = "a batch that is not what it says";
	uint64_t skip = has(r) - m->seq;
	struct batch b;

	if (m->seq > has(r)) { /* something is missing: from the start again */
		hang_up(r);
		return;
	}
	if (!batch_cut(m->payload, SIZE_MAX, &b, NULL, &why) || b.len != m->payload.len ||
	    b.records != m->count) {
		link_refuse(r->l, r->l->pipe, why);
		leave(r);
		return;
	}
	++*r->l->batches;
	if (skip >= b.len) {
		++*r->l->duplicates;
		return;
	}
	if (skip) {
		struct batch have;

		batch_cut(BYTES(m->payload.ptr, skip), SIZE_MAX, &have, NULL, &why);
		if (have.len != skip) {
			link_refuse(r->l, r->l->pipe, "other records than before");
			leave(r);
			return;
		}
	}
	put(r, BYTES(m->payload.ptr + skip, b.len - skip));
}

static void take_end(struct receiver *r, const struct link_message *m)
{
	if (r->ended || r->aborted)
		return;
	if (m->seq != has(r)) {
		hang_up(r);
		return;
	}
	if (m->more == r->from && m->count != r->records)
		warn("'%s': %llu records came of %llu", r->l->text, (unsigned long long)r->records,
		     (unsigned long long)m->count);
	if (m->kind == LINK_ABORT) {
		r->aborted = true;
		return;
	}
	r->ended = true;
	remember(r);
}

static void heard(struct receiver *r, const struct wire_event *ev)
{
	struct link_message m;
	const char *why = link_message_get(ev->body, &m);
	char words[LINK_TEXT_MAX + 1];

	if (!why && m.kind == LINK_REFUSE) {
		link_words(m.payload, words);
		warn("'%s': refused: %s", r->l->text, words);
		r->over = !r->instance;
		r->code = EXIT_FAILED;
		return;
	}
	if (!why && m.version != LINK_VERSION)
		why = "another version of the link";
	if (!why && m.kind == LINK_RECEIVER)
		why = "both sides receive";
	if (why) {
		link_refuse(r->l, ev->pipe, why);
		if (ev->pipe == r->l->pipe)
			leave(r);
		return;
	}
	if (m.kind == LINK_SENDER) {
		if (ev->pipe != r->l->pipe)
			sender_comes(r, ev->pipe, &m);
		return;
	}
	if (ev->pipe != r->l->pipe)
		return; /* what a sender had under way when its old connection broke */
	if (m.kind == LINK_HEAD_OF)
		take_head(r, &m);
	else if (m.kind == LINK_BYE)
		r->over = true;
	else if (!r->greeted || m.instance != r->instance)
		return;
	else if (m.kind == LINK_DATA)
		take_data(r, &m);
	else if (m.kind == LINK_END || m.kind == LINK_ABORT)
		take_end(r, &m);
}

static void happened(struct receiver *r, struct wire_event *ev)
{
	if (ev->kind == WIRE_DOWN)
		link_guest_left(r->l, ev->pipe);
	if (ev->kind == WIRE_MESSAGE)
		heard(r, ev);
	else if (ev->kind == WIRE_UP)
		link_guest(r->l, ev->pipe, GREETING_MS);
	else if (ev->pipe == r->l->pipe)
		leave(r);
	else if (ev->pipe == r->next.pipe)
		r->next.pipe = 0;
	wire_done(ev);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void say_receipt(struct receiver *r)
{
	struct link_message m = about(r, LINK_RECEIPT);

	if (r->receipt && wire_now() - r->receipt_at < WIRE_BEAT_MS)
		return;
	m.count = r->records;
	m.more = r->from;
	link_say(r->l, r->l->pipe, &m);
	link_beat(r->l, &m);
	r->receipt = true;
	r->receipt_at = wire_now();
}

/* What there is to say when nothing comes in. */
static void answer(struct receiver *r, bool idle)
{
	if (!r->greeted)
		return;
	if ((r->ended || r->aborted) && r->taken == r->pos) {
		say_receipt(r);
		return;
	}
	if ((idle && (has(r) != r->said_has || taken(r) != r->said_taken)) ||
	    has(r) - r->said_has >= r->window / 4 || taken(r) - r->said_taken >= r->window / 4)
		acknowledge(r);
}

static void step(struct receiver *r)
{
	bool behind = r->taken < r->pos || (r->greeted && has(r) != r->said_has);
	int ms = !behind ? TAKEN_MS / 2 : r->idle < 50 ? 1 : r->idle < 200 ? 5 : 20;
	struct wire_event ev;
	bool came = wire_next(r->l->wire, ms, &ev);

	if (came)
		happened(r, &ev);
	r->idle = came ? 0 : r->idle + 1;
	if (r->over)
		return;
	look_at_reader(r);
	if (r->over)
		return;
	link_guests(r->l);
	if (r->l->pipe && wire_silence(r->l->wire) > WIRE_SILENCE_MS)
		hang_up(r);
	look_at_next(r);
	answer(r, !came);
}

/* The sender is to hear our last word before we go. */
static void wait_for_goodbye(struct receiver *r)
{
	int64_t until = wire_now() + BYE_MS;
	struct wire_event ev;
	struct link_message m;
	bool bye = false;

	while (!bye && r->l->pipe && wire_now() < until) {
		if (!wire_next(r->l->wire, 20, &ev))
			continue;
		bye = ev.pipe == r->l->pipe &&
		      (ev.kind == WIRE_DOWN ||
		       (ev.kind == WIRE_MESSAGE && !link_message_get(ev.body, &m) &&
			m.kind == LINK_BYE));
		wire_done(&ev);
	}
}

static void gave_up(struct receiver *r)
{
	if (r->ended && r->taken == r->pos)
		return; /* only our receipt was not heard */
	warn("'%s': the sender has not come%s", r->l->text, r->l->met ? " back" : "");
	link_state(r->l, LINK_LOST);
	r->aborted = true;
}

enum exit_code link_receive(struct link *l, struct port_out *out)
{
	struct receiver r = { .l = l, .out = out };

	r.pos = r.taken = r.first = port_out_start(out);
	r.window = port_out_longest(out) ? 2 * (uint64_t)port_out_longest(out) : CREDIT_FD;
	recall(&r);
	if (r.instance)
		l->met = true;
	while (!r.over && link_signal(l) != LINK_STOP) {
		step(&r);
		if (r.over)
			break;
		if (link_gone(l, r.ended ? l->ep->link.linger_ms : l->ep->link.retry_ms)) {
			gave_up(&r);
			break;
		}
	}
	if (port_out_broken(out, NULL))
		wait_for_goodbye(&r);
	if (!r.ended || r.code)
		port_out_abort(out);
	if (!r.ended && !r.code && l->page->state != LINK_LEFT)
		r.code = EXIT_TRUNCATED;
	if (r.ended && !r.code)
		link_state(l, LINK_DONE);
	stream_head_release(&r.head);
	return r.code;
}
