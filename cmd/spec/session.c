/* session: a spec as a parser: claims, messages in pieces, requests and their responses. */
#include "cmd/spec/session.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum { SPARES = 64, UNREAD = 128 * 1024 };

struct flow {
	struct spec_vars vars;
	struct spec_msg *open[2];         /* of which bytes are yet to come */
	struct spec_msg *oldest, *newest; /* requests that wait */
	uint64_t pending, held;           /* bytes of memory of those requests */
	uint64_t skipped[2];              /* the stream offset up to which bytes need not be seen */
	bool begun, over;
};

struct shared {
	struct spec_msg *spare;
	size_t spares;
};

const struct opt spec_options[] = {
	OPT_ROW(0, "list", OPT_FLAG, struct spec_config, list, NULL,
		"print the specs that came with weir, and end"),
	OPT_ROW(0, "check", OPT_FLAG, struct spec_config, check, NULL,
		"say whether the spec is right, and what its records hold; then end"),
	OPT_ROW(0, "timeout", OPT_DURATION, struct spec_config, timeout, "TIME",
		"a request without a response for so long is unanswered"),
	OPT_ROW(0, "max-pending", OPT_UINT, struct spec_config, max_pending, "N",
		"requests that wait, per flow"),
	OPT_ROW(0, "max-held", OPT_SIZE, struct spec_config, max_memory, "BYTES",
		"memory for messages that wait, all flows"),
	{ 0 },
};

static const struct spec_config *config_of(struct l7_flow *f)
{
	return l7_config(f);
}

/* ---- messages ------------------------------------------------------------------------------- */

static struct spec_msg *msg_take(struct l7_flow *f, enum l7_dir dir, uint64_t ts, uint64_t n)
{
	struct shared *sh = l7_shared(f);
	struct spec_msg *m = sh->spare;

	if (m) {
		sh->spare = m->next;
		sh->spares--;
	} else {
		m = spec_msg_new(config_of(f)->spec);
	}
	m->next = NULL;
	m->dir = dir;
	m->ts = ts;
	m->n = n;
	return m;
}

static void msg_give(struct l7_flow *f, struct spec_msg *m)
{
	struct shared *sh = l7_shared(f);

	if (sh->spares == SPARES) {
		spec_msg_free(m);
		return;
	}
	spec_msg_clear(config_of(f)->spec, m);
	m->next = sh->spare;
	sh->spare = m;
	sh->spares++;
}

/* ---- requests that wait --------------------------------------------------------------------- */

static void emit(struct l7_flow *f, const struct spec_msg *request, const struct spec_msg *m,
		 enum spec_state state, struct bytes data)
{
	spec_emit(f, config_of(f)->spec, request, m, state, data);
}

static void hold(struct l7_flow *f, uint64_t bytes)
{
	struct flow *fl = l7_state(f);

	fl->held = bytes;
	l7_hold(f, bytes, config_of(f)->max_memory);
}

/* Takes a request out of the list; `before` stands before it, NULL: it is the oldest. */
static struct spec_msg *pending_remove(struct l7_flow *f, struct spec_msg *before)
{
	struct flow *fl = l7_state(f);
	struct spec_msg *m = before ? before->next : fl->oldest;

	*(before ? &before->next : &fl->oldest) = m->next;
	if (fl->newest == m)
		fl->newest = before;
	m->next = NULL;
	fl->pending--;
	hold(f, fl->held - spec_msg_size(config_of(f)->spec, m));
	return m;
}

static void give_up_oldest(struct l7_flow *f)
{
	struct spec_msg *m = pending_remove(f, NULL);

	emit(f, m, NULL, SPEC_UNANSWERED, BYTES(NULL, 0));
	msg_give(f, m);
}

static void name_note(char *name, size_t size, const struct spec *s, const char *what)
{
	snprintf(name, size, "%s_%s", s->name, what);
}

static void note(struct l7_flow *f, enum l7_dir dir, const char *what, enum rec_severity severity,
		 const char *event)
{
	char name[2 * SPEC_NAME + 32];

	name_note(name, sizeof(name), config_of(f)->spec, what);
	l7_violation(f, dir, name, severity, NULL, event, NULL);
}

/* The memory of all flows is not for one alone: its oldest requests go, before it is given up. */
static void make_room(struct l7_flow *f, const struct spec_msg *m)
{
	const struct spec_config *c = config_of(f);
	struct flow *fl = l7_state(f);
	uint64_t size = spec_msg_size(c->spec, m);

	if (fl->pending && fl->held + size > c->max_memory)
		note(f, m->dir, "held_full", REC_severity_WARNING, NULL);
	while (fl->pending && fl->held + size > c->max_memory)
		give_up_oldest(f);
}

static void request_wait(struct l7_flow *f, struct spec_msg *m, struct bytes data)
{
	const struct spec_config *c = config_of(f);
	struct flow *fl = l7_state(f);

	spec_msg_own(c->spec, m, data);
	if (fl->pending >= c->max_pending && fl->pending) {
		note(f, m->dir, "pending_full", REC_severity_WARNING, NULL);
		give_up_oldest(f);
	}
	if (c->max_pending == 0) {
		emit(f, m, NULL, SPEC_UNANSWERED, BYTES(NULL, 0));
		msg_give(f, m);
		return;
	}
	make_room(f, m);
	hold(f, fl->held + spec_msg_size(c->spec, m));
	*(fl->newest ? &fl->newest->next : &fl->oldest) = m;
	fl->newest = m;
	fl->pending++;
}

static bool answers(const struct spec_msg *m, const struct spec_msg *request)
{
	return m->dir != request->dir && m->nkeys == request->nkeys &&
	       memcmp(m->key, request->key, m->nkeys * sizeof(m->key[0])) == 0;
}

static void response(struct l7_flow *f, struct spec_msg *m, struct bytes data)
{
	struct flow *fl = l7_state(f);
	struct spec_msg *before = NULL, *q = fl->oldest;

	while (q && !answers(m, q)) {
		before = q;
		q = q->next;
	}
	if (q) {
		pending_remove(f, before);
		emit(f, q, m, SPEC_ANSWERED, data);
		msg_give(f, q);
	} else {
		emit(f, NULL, m, SPEC_UNSOLICITED, data);
	}
	msg_give(f, m);
}

/* A message is whole. */
static void finish(struct l7_flow *f, struct spec_msg *m, struct bytes data)
{
	struct flow *fl = l7_state(f);

	fl->over = m->over;
	if (m->silent || m->role == SPEC_NONE) {
		if (!m->silent)
			emit(f, NULL, m, SPEC_ALONE, data);
		msg_give(f, m);
	} else if (m->role == SPEC_REQUEST) {
		request_wait(f, m, data);
	} else {
		response(f, m, data);
	}
	if (fl->over)
		l7_done(f);
}

/* ---- calls of the engine -------------------------------------------------------------------- */

struct noting {
	struct l7_flow *f;
	enum l7_dir dir;
};

static void on_note(void *ctx, const char *what, const char *state, const char *event,
		    const char *expected)
{
	struct noting *n = ctx;
	char name[2 * SPEC_NAME + 32];

	name_note(name, sizeof(name), config_of(n->f)->spec, what);
	l7_violation(n->f, n->dir, name, REC_severity_WARNING, state, event, expected);
}

/* Can the spec read such a flow? A guess knows neither over what it goes nor of its states. */
static bool fits(const struct spec *s, uint8_t proto, bool midstream)
{
	if (proto == IPPROTO_TCP ? !s->tcp : proto != IPPROTO_UDP || !s->udp)
		return false;
	return !midstream || !s->nstates || s->midstream >= 0;
}

/* The state of a flow whose beginning was not seen is what the spec says. False: not for it. */
static bool flow_begin(struct l7_flow *f)
{
	struct flow *fl = l7_state(f);
	const struct spec *s = config_of(f)->spec;

	if (!fl->begun && !fits(s, l7_key(f)->proto, l7_midstream(f))) {
		l7_done(f);
		return false;
	}
	if (!fl->begun && l7_midstream(f) && s->nstates)
		fl->vars.state = (uint8_t)s->midstream;
	fl->begun = true;
	return true;
}

/* Goes on with the message of a direction. */
static enum spec_end stream_step(struct l7_flow *f, enum l7_dir dir, struct spec_io *io)
{
	struct flow *fl = l7_state(f);
	struct noting noting = { f, dir };
	struct spec_msg *m = fl->open[dir];
	enum spec_end end;

	io->ctx = &noting;
	io->note = on_note;
	end = spec_run(config_of(f)->spec, m, &fl->vars, io);
	if (end == SPEC_DONE) {
		fl->open[dir] = NULL;
		finish(f, m, io->data);
	} else if (end == SPEC_FAILED) {
		l7_poison(f, io->why ? io->why : "no message goes that way");
	}
	return end;
}

static size_t spec_feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct flow *fl = l7_state(f);
	size_t done = 0;

	if (!flow_begin(f))
		return data.len;
	while (done < data.len) {
		struct spec_io io = { .data = BYTES(data.ptr + done, data.len - done) };
		enum spec_end end;

		if (!fl->open[dir])
			fl->open[dir] = msg_take(f, dir, done ? l7_now(f) : l7_start_ts(f, dir),
						 done ? l7_n(f) : l7_start_n(f, dir));
		end = stream_step(f, dir, &io);
		if (end == SPEC_FAILED || fl->over)
			return data.len;
		done += io.used;
		if (end == SPEC_DONE)
			continue;
		if (fl->open[dir]->owed) {
			l7_skip(f, dir, io.skip);
			fl->skipped[dir] = l7_offset(f, dir) + done + io.skip + 1;
		}
		l7_want(f, dir, io.want);
		return done;
	}
	return done;
}

static void spec_datagram(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct flow *fl = l7_state(f);
	struct noting noting = { f, dir };
	struct spec_io io = { .data = data, .datagram = true, .ctx = &noting, .note = on_note };
	struct spec_msg *m;

	if (!flow_begin(f))
		return;
	m = msg_take(f, dir, l7_now(f), l7_n(f));
	if (spec_run(config_of(f)->spec, m, &fl->vars, &io) == SPEC_DONE) {
		finish(f, m, data);
		return;
	}
	if (!l7_snapped(f))
		note(f, dir, "malformed", REC_severity_WARNING,
		     io.why ? io.why : "no message goes that way");
	msg_give(f, m);
}

/* No spec is of messages of SCTP, but a guess may name such a flow. */
static void spec_message(struct l7_flow *f, enum l7_dir dir, const struct l7_message *m)
{
	(void)dir;
	(void)m;
	l7_done(f);
}

/* Bytes that need not be seen may be missing; behind others nobody knows where a message begins. */
static void spec_gap(struct l7_flow *f, enum l7_dir dir, uint64_t missing, enum rec_gap_reason why)
{
	struct flow *fl = l7_state(f);
	uint64_t end = l7_offset(f, dir) + missing;
	struct spec_io io = { .data = BYTES_LIT("") };

	(void)why;
	if (!fl->open[dir] || end > fl->skipped[dir]) {
		l7_poison(f, "bytes are missing");
		return;
	}
	fl->open[dir]->cut = true;
	if (end == fl->skipped[dir]) /* with the byte by which the end would have been seen */
		stream_step(f, dir, &io);
}

static void spec_tick(struct l7_flow *f, uint64_t now)
{
	const struct spec_config *c = config_of(f);
	struct flow *fl = l7_state(f);

	while (c->timeout && fl->oldest && now >= fl->oldest->ts &&
	       now - fl->oldest->ts >= c->timeout)
		give_up_oldest(f);
}

static void spec_flow_end(struct l7_flow *f, enum l7_end why)
{
	struct flow *fl = l7_state(f);

	while (fl->oldest)
		give_up_oldest(f);
	for (int dir = 0; dir < 2; dir++) {
		if (!fl->open[dir])
			continue;
		if (why == L7_END_EOF)
			note(f, (enum l7_dir)dir, "partial", REC_severity_NOTE, NULL);
		msg_give(f, fl->open[dir]);
		fl->open[dir] = NULL;
	}
}

static void spec_close(void *shared)
{
	struct shared *sh = shared;

	while (sh->spare) {
		struct spec_msg *m = sh->spare;

		sh->spare = m->next;
		spec_msg_free(m);
	}
}

/* ---- claims --------------------------------------------------------------------------------- */

static bool has_port(const uint16_t *ports, size_t n, const struct l7_first *first)
{
	for (size_t i = 0; i < n; i++)
		if (ports[i] == first->resp_p || (first->midstream && ports[i] == first->orig_p))
			return true;
	return false;
}

static enum l7_claim by_first_bytes(const struct spec *s, const struct l7_first *first)
{
	enum l7_claim claim = L7_NO;

	for (size_t i = 0; i < s->nfirst; i++) {
		const struct spec_first *p = &s->first[i];
		size_t have = first->data.len > p->at ? first->data.len - p->at : 0;
		size_t n = have < p->bytes.len ? have : p->bytes.len;

		if (!(p->dirs >> first->dir & 1) ||
		    (n && memcmp(first->data.ptr + p->at, p->bytes.ptr, n) != 0))
			continue;
		if (n == p->bytes.len)
			return L7_YES;
		if (first->proto == IPPROTO_TCP)
			claim = L7_MAYBE;
	}
	return claim;
}

static enum l7_claim spec_claims(const struct l7_first *first)
{
	const struct spec *s = ((const struct spec_config *)first->config)->spec;

	if (!fits(s, first->proto, first->midstream))
		return L7_NO;
	if (first->proto == IPPROTO_TCP ? has_port(s->tcp_ports, s->ntcp, first)
					: has_port(s->udp_ports, s->nudp, first))
		return L7_YES;
	return by_first_bytes(s, first);
}

struct l7_parser spec_parser(struct spec_config *c)
{
	const struct spec *s = c->spec;

	return (struct l7_parser){
		.name = s->name,
		.summary = s->summary,
		.options = spec_options,
		.config = c,
		.state_size = sizeof(struct flow),
		.shared_size = sizeof(struct shared),
		.max_buffer = UNREAD,
		.protocols = s->guesses,
		.close = spec_close,
		.claims = spec_claims,
		/* guesses name flows whatever carries them */
		.feed = s->tcp || s->guesses ? spec_feed : NULL,
		.datagram = s->udp || s->guesses ? spec_datagram : NULL,
		.message = s->guesses ? spec_message : NULL,
		.gap = spec_gap,
		.tick = spec_tick,
		.end = spec_flow_end,
	};
}
