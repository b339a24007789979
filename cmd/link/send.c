/* send: the sending side of a link. */
#include <errno.h>
#include <string.h>

#include "cmd/link/link.h"
#include "libcommon/base/opt.h"

enum {
	IDLE_MS = 50, /* the longest wait for input without looking at the peer */
	END_AGAIN_MS = 1000,
	BYE_MS = 1000,          /* .. for the peer to hang up after our last word */
	SILLY = LINK_BATCH / 4, /* room for less is not worth a batch while others are under way */
	LOOP_CONNECTIONS = 5,   /* in a row that ended before a word was said */
};

struct sender {
	struct link *l;
	struct port_in *in;
	struct stream_head head;
	struct bytes view; /* all that is not yet given back .. */
	uint64_t base;     /* .. from this position on */
	uint64_t from;     /* position at which this process began */
	uint64_t sent;     /* on this connection */
	uint64_t top;      /* sent at all */
	uint64_t has;      /* what the receiver has */
	uint64_t taken;    /* what its reader has taken */
	uint64_t limit;    /* credit: what it has room for */
	uint64_t skip;     /* it has what lies before this: not to be sent */
	uint64_t read;     /* data records before top */
	uint64_t confirmed;
	uint64_t flying[WIRE_IN_FLIGHT]; /* ends of the batches that are unanswered, where that
					    counts */
	unsigned nflying;
	bool eof, aborted, greeted, ready;
	bool over;        /* the other side has said the last word */
	unsigned unheard; /* connections in a row without a word */
	int64_t end_said;
	unsigned idle;
	enum exit_code code;
};

static uint64_t visible(const struct sender *s)
{
	return s->base + s->view.len;
}

/* Looks for more input. */
static void look(struct sender *s, int timeout_ms)
{
	size_t have = s->view.len;
	enum port_state state;

	if (s->eof)
		return;
	state = port_in_view(s->in, have, timeout_ms, &s->view);
	if (state == PORT_EOF) {
		s->eof = true;
	} else if (state == PORT_ERROR && errno != EMSGSIZE) {
		s->eof = s->aborted = true;
	}
}

/* Who reads the stream at the other side is done with all before `taken`. */
static void give_back(struct sender *s)
{
	const char *why;
	struct batch b;
	uint64_t upto = s->taken < s->sent ? s->taken : s->sent;

	if (upto <= s->base)
		return;
	batch_cut(BYTES(s->view.ptr, upto - s->base), SIZE_MAX, &b, NULL, &why);
	port_in_consume(s->in, b.len);
	s->base += b.len;
	s->view = BYTES(s->view.ptr + b.len, s->view.len - b.len);
	s->confirmed += b.records;
	link_confirmed(s->l, s->confirmed);
}

/* ---- what the receiver says ------------------------------------------------------------------ */

/* The connection is in use no more. */
static void leave(struct sender *s)
{
	link_disconnected(s->l);
	s->greeted = false;
}

static void hang_up(struct sender *s)
{
	wire_drop(s->l->wire, s->l->pipe);
	leave(s);
}

/* Its numbers are what can be: it never has less than before, nor more than there is. */
static bool heard_numbers(struct sender *s, uint64_t has, uint64_t taken)
{
	uint64_t most = s->top > s->skip ? s->top : s->skip;

	if (has < s->has || has > most || taken < s->taken || taken > has) {
		link_refuse(s->l, s->l->pipe, "a position that can't be");
		leave(s);
		return false;
	}
	s->has = has;
	s->taken = taken;
	while (s->nflying && s->flying[0] <= has)
		memmove(s->flying, s->flying + 1, --s->nflying * sizeof(s->flying[0]));
	give_back(s);
	return true;
}

static void receiver_greets(struct sender *s, const struct link_message *m)
{
	if (s->greeted)
		return;
	s->unheard = 0;
	if (m->instance && m->seq < s->base) {
		link_refuse(s->l, s->l->pipe, "it has lost what it once had");
		leave(s);
		return;
	}
	if (!m->instance && s->base && s->head.full) {
		link_refuse(s->l, s->l->pipe,
			    "the stream has too many types to begin in its midst");
		leave(s);
		return;
	}
	s->greeted = true;
	s->nflying = 0;
	s->end_said = 0;
	if (!m->instance && s->base) {
		link_say(s->l, s->l->pipe,
			 &(struct link_message){ LINK_VERSION, LINK_HEAD_OF, s->head.instance,
						 s->base, 0, 0, buf_bytes(&s->head.raw) });
	}
	s->sent = s->base;
	s->has = s->skip = m->instance ? m->seq : s->base;
	s->limit = s->has + m->more;
	if (s->top > s->base)
		*s->l->resent += s->top > s->skip ? s->top - s->skip : 0;
}

static void receipt(struct sender *s, const struct link_message *m)
{
	if (!s->eof || m->seq != s->sent || s->sent != visible(s))
		return;
	s->has = s->taken = m->seq;
	give_back(s);
	s->over = true;
	if (!s->aborted)
		link_state(s->l, LINK_DONE);
	link_say(s->l, s->l->pipe,
		 &(struct link_message){ .version = LINK_VERSION, .kind = LINK_BYE });
}

/* The stream's reader has gone before its end. */
static void reader_gone(struct sender *s, const struct link_message *m)
{
	if (m->seq >= s->taken && m->seq <= s->top) {
		s->taken = m->seq;
		give_back(s);
	}
	link_say(s->l, s->l->pipe,
		 &(struct link_message){ .version = LINK_VERSION, .kind = LINK_BYE });
	link_state(s->l, m->count ? LINK_LOST : LINK_LEFT);
	if (m->count) {
		warn("'%s': the reader at the other side has died", s->l->text);
		s->code = EXIT_LOST;
	}
	s->over = true;
}

static void refused(struct sender *s, const struct link_message *m)
{
	char words[LINK_TEXT_MAX + 1];

	link_words(m->payload, words);
	warn("'%s': refused: %s", s->l->text, words);
	link_state(s->l, LINK_LOST);
	s->code = s->confirmed || s->top > s->from ? EXIT_LOST : EXIT_FAILED;
	s->over = true;
}

static void heard(struct sender *s, const struct wire_event *ev)
{
	struct link_message m;
	const char *why = link_message_get(ev->body, &m);

	if (ev->pipe != s->l->pipe)
		return;
	if (!why && m.kind == LINK_REFUSE) {
		refused(s, &m);
		return;
	}
	if (!why && m.version != LINK_VERSION)
		why = "another version of the link";
	if (!why && m.kind == LINK_SENDER)
		why = "both sides send";
	if (!why && m.instance && m.instance != s->head.instance)
		why = "it has another stream";
	if (why) {
		link_refuse(s->l, ev->pipe, why);
		leave(s);
		return;
	}
	if (m.kind == LINK_RECEIVER)
		receiver_greets(s, &m);
	else if (m.kind == LINK_GONE)
		reader_gone(s, &m);
	else if (m.kind == LINK_ACK && s->greeted && heard_numbers(s, m.seq, m.count))
		s->limit = m.seq + m.more;
	else if (m.kind == LINK_RECEIPT && s->greeted)
		receipt(s, &m);
}

static void greet(struct sender *s)
{
	static const char version[] = "weir-link " WEIR_VERSION;

	link_beat(s->l, &(struct link_message){ .version = LINK_VERSION, .kind = LINK_BEAT });
	link_say(s->l, s->l->pipe,
		 &(struct link_message){ LINK_VERSION, LINK_SENDER, s->head.instance, s->base, 0, 0,
					 bytes_str(version) });
}

static void came_up(struct sender *s, uint32_t pipe)
{
	if (s->l->pipe && wire_silence(s->l->wire) < 2 * WIRE_BEAT_MS) {
		link_refuse(s->l, pipe, "it has its peer already");
		return;
	}
	if (s->l->pipe)
		hang_up(s);
	link_connected(s->l, pipe);
	s->greeted = false;
	if (s->ready)
		greet(s);
}

static void happened(struct sender *s, struct wire_event *ev)
{
	if (ev->kind == WIRE_DOWN)
		link_guest_left(s->l, ev->pipe);
	if (ev->kind == WIRE_MESSAGE) {
		heard(s, ev);
	} else if (ev->kind == WIRE_UP) {
		came_up(s, ev->pipe);
	} else if (ev->pipe == s->l->pipe) {
		if (!s->greeted && ++s->unheard == LOOP_CONNECTIONS)
			warn("'%s': the other side hangs up without a word: it is no weir-link, or "
			     "has its peer already",
			     s->l->text);
		leave(s);
	}
	wire_done(ev);
}

/* ---- what we say ----------------------------------------------------------------------------- */

/* The stream is known by its first hello: nothing can be said before that is there. */
static void find_head(struct sender *s)
{
	struct bytes kept = port_in_preamble(s->in);
	const char *why = NULL;
	struct batch b;

	if (kept.len && !s->head.hello)
		batch_cut(kept, SIZE_MAX, &b, &s->head, &why);
	if (!s->head.hello && s->view.len)
		batch_cut(s->view, 1, &b, &s->head, &why);
	if (why || (s->view.len && !s->head.hello && (s->eof || b.len)))
		die_code(EXIT_TRUNCATED, "'%s': no stream of records", port_in_name(s->in));
	if (s->head.hello && !s->head.instance)
		die_code(EXIT_SCHEMA, "'%s': the stream's first hello has no id",
			 port_in_name(s->in));
	if (!s->head.hello && s->eof)
		s->head.instance = 1; /* nothing at all */
	s->ready = s->head.instance != 0;
	if (s->ready && s->l->pipe)
		greet(s);
}

/* Where the input is no record any more, it ends here. */
static void cut_off(struct sender *s, const char *why)
{
	warn("'%s': offset %llu: %s", port_in_name(s->in), (unsigned long long)s->sent, why);
	s->view.len = s->sent - s->base;
	s->eof = s->aborted = true;
	s->code = EXIT_TRUNCATED;
}

/* Sends a batch, or passes over one that the receiver has. False: there is nothing to send, or no
 * room for it. */
static bool send_batch(struct sender *s)
{
	struct bytes rest = { s->view.ptr + (s->sent - s->base), visible(s) - s->sent };
	size_t most = LINK_BATCH;
	const char *why = NULL;
	struct batch b;

	/* What is sent again ends where it did: it was counted then. */
	if (s->sent < s->top && rest.len > s->top - s->sent)
		rest.len = s->top - s->sent;
	if (s->sent < s->skip) {
		rest.len = s->skip - s->sent < rest.len ? s->skip - s->sent : rest.len;
		most = SIZE_MAX;
	} else if (s->sent > s->has) {
		uint64_t room = s->limit > s->sent ? s->limit - s->sent : 0;

		if (room < SILLY || (wire_drops(s->l->wire) && s->nflying == WIRE_IN_FLIGHT))
			return false;
		if (room < most)
			most = room;
	}
	if (!batch_cut(rest, most, &b, &s->head, &why) && !b.len) {
		cut_off(s, why);
		return true;
	}
	if (!b.len && s->eof && rest.len && !s->aborted && s->sent >= s->skip)
		cut_off(s, "the last record is cut");
	if (!b.len)
		return false;
	if (s->sent > s->has && s->sent + b.len > s->limit)
		return false;
	if (s->sent >= s->skip) {
		if (!link_say(s->l, s->l->pipe,
			      &(struct link_message){ LINK_VERSION, LINK_DATA, s->head.instance,
						      s->sent, b.records, 0,
						      BYTES(rest.ptr, b.len) }))
			return false;
		++*s->l->batches;
		if (s->nflying < WIRE_IN_FLIGHT)
			s->flying[s->nflying++] = s->sent + b.len;
	}
	s->sent += b.len;
	if (s->l->no_acks) { /* to see what they cost */
		s->has = s->taken = s->sent;
		s->limit = UINT64_MAX;
	}
	if (s->sent > s->top) {
		s->top = s->sent;
		s->read += b.records;
		*s->l->in = s->read;
	}
	return true;
}

static bool all_sent(const struct sender *s)
{
	return s->eof && s->greeted && s->sent == visible(s) && s->sent >= s->skip;
}

static void say_end(struct sender *s)
{
	if (s->end_said && wire_now() - s->end_said < END_AGAIN_MS)
		return;
	if (link_say(s->l, s->l->pipe,
		     &(struct link_message){ LINK_VERSION, s->aborted ? LINK_ABORT : LINK_END,
					     s->head.instance, s->sent, s->read, s->from,
					     BYTES(NULL, 0) }))
		s->end_said = wire_now();
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void wait_a_little(struct sender *s)
{
	struct wire_event ev;
	int ms = s->idle < 20 ? 1 : s->idle < 100 ? 5 : 20;

	s->idle++;
	port_in_consume(s->in, 0);
	if (s->greeted && s->base == s->sent && !s->eof)
		look(s, IDLE_MS);
	else if (wire_next(s->l->wire, ms, &ev))
		happened(s, &ev);
}

static bool step(struct sender *s)
{
	struct wire_event ev;
	bool moved = false;

	while (!s->over && wire_next(s->l->wire, 0, &ev)) {
		happened(s, &ev);
		moved = true;
	}
	if (s->over)
		return true;
	if (link_signal(s->l) == LINK_STOP ||
	    (link_signal(s->l) == LINK_STOP_SOURCE && port_in_is_file(s->in)))
		s->aborted |= !s->eof, s->eof = true;
	look(s, 0);
	if (!s->ready)
		find_head(s);
	if (s->l->pipe && wire_silence(s->l->wire) > WIRE_SILENCE_MS)
		hang_up(s);
	link_guests(s->l);
	while (s->greeted && s->sent < visible(s) && send_batch(s)) {
		moved = true;
		if (s->sent > s->has + 4 * LINK_BATCH)
			break; /* the answers want to be heard */
	}
	give_back(s);
	if (all_sent(s))
		say_end(s);
	return moved;
}

static void wait_for_goodbye(struct sender *s)
{
	int64_t until = wire_now() + BYE_MS;
	struct wire_event ev;

	while (s->l->pipe && wire_now() < until)
		if (wire_next(s->l->wire, 20, &ev))
			happened(s, &ev);
}

enum exit_code link_send(struct link *l, struct port_in *in)
{
	struct sender s = { .l = l, .in = in };

	s.base = s.from = s.sent = s.top = s.has = s.taken = port_in_start(in);
	while (!s.over) {
		if (step(&s))
			s.idle = 0;
		else
			wait_a_little(&s);
		if (s.over)
			break;
		if (link_gone(l, s.eof ? l->ep->link.linger_ms : l->ep->link.retry_ms)) {
			warn("'%s': the peer has not come%s", l->text, l->met ? " back" : "");
			link_state(l, LINK_LOST);
			s.code = EXIT_LOST;
			break;
		}
	}
	wait_for_goodbye(&s);
	if (s.code == EXIT_LOST && s.read > s.confirmed)
		*books_counter(l->books, "dropped.lost", 0) = s.read - s.confirmed;
	if (s.aborted && s.code == EXIT_DONE)
		s.code = EXIT_TRUNCATED;
	stream_head_release(&s.head);
	return s.code;
}
