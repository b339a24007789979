/* smtp: follows a session: the client's commands and mails, the server's replies to them in order,
 * and makes a record of each mail when its reply has come. */
#include "cmd/smtp/smtp.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>

enum {
	LINE_MAX = 4096,    /* RFC 5321, 4.5.3.1: 512 and 1,000, extensions aside */
	BODY_LINE = 1000,   /* of a mail: beyond, it is not waited for a line's end */
	SESSION_TEXT = 128, /* bytes kept of a session's text, */
	MAIL_TEXT = 1024,   /* of a mail's, */
	MAIL_TEXTS = 16384, /* and of all texts of a mail */
	RECIPIENTS = 100,
	HELD_BACK = 32768, /* unread bytes, at most, while a mail's end is not answered */
	WAITING = 64,      /* commands without a reply so far; further ones are not read yet */
};

struct span {
	uint32_t at, len;
	bool set;
};

struct session {
	struct {
		uint8_t len;
		bool set;
		uint8_t b[SESSION_TEXT];
	} own[SMTP_MAIL];
	struct buf text; /* owned: of the mail at hand */
	struct span mail[SMTP_TEXTS], rcpt[RECIPIENTS];
	unsigned nrcpt;
	uint32_t cut; /* bits 1 << text, SMTP_TEXTS: recipients */
	enum { COMMANDS, DATA_ASKED, HEADER, BODY } mode;
	bool in_mail, midline, tls, any, has_size;
	bool ended; /* the server has */
	bool over;  /* nothing is read any more, not even what came in one piece with the end */
	int folded; /* the mail's text to which a folded line belongs, or 0 */
	uint8_t waiting[WAITING], first_waiting, nwaiting;
	uint16_t code;
	uint32_t depth;
	uint64_t bytes, size, first_n, first_ts;
};

static struct smtp_config smtp_config = { .max_held = 64 << 20 };

static const struct opt smtp_options[] = {
	OPT_ROW(0, "max-held", OPT_SIZE, struct smtp_config, max_held, "BYTES",
		"memory for texts that wait for their mail's end"),
	{ 0 },
};

/* ---- texts ---------------------------------------------------------------------------------- */

static void own_set(struct session *s, enum smtp_text text, struct bytes b)
{
	s->cut &= ~(1u << text);
	s->cut |= (uint32_t)(b.len > SESSION_TEXT) << text;
	s->own[text].len = (uint8_t)(b.len < SESSION_TEXT ? b.len : SESSION_TEXT);
	s->own[text].set = true;
	if (b.len)
		memcpy(s->own[text].b, b.ptr, s->own[text].len);
}

static struct bytes own_get(const struct session *s, enum smtp_text text)
{
	return s->own[text].set ? BYTES(s->own[text].b, s->own[text].len) : BYTES(NULL, 0);
}

/* Puts the bytes behind those that are kept; false where there is no room. */
static bool keep(struct l7_flow *f, struct bytes b)
{
	struct session *s = l7_state(f);
	const struct smtp_config *config = l7_config(f);

	if (s->text.len + b.len > MAIL_TEXTS || s->text.len + b.len > config->max_held)
		return false;
	buf_add(&s->text, b.ptr, b.len);
	l7_hold(f, s->text.size, config->max_held);
	return true;
}

/* text: SMTP_TEXTS for one of the recipients. */
static void span_set(struct l7_flow *f, struct span *span, unsigned text, struct bytes b)
{
	struct session *s = l7_state(f);

	if (span->set)
		return;
	if (b.len > MAIL_TEXT) {
		b.len = MAIL_TEXT;
		s->cut |= 1u << text;
	}
	if (keep(f, b))
		*span = (struct span){ (uint32_t)(s->text.len - b.len), (uint32_t)b.len, true };
	else
		s->cut |= 1u << text;
}

static struct bytes span_get(const struct session *s, const struct span *span)
{
	if (!span->set)
		return BYTES(NULL, 0);
	return span->len ? BYTES(s->text.ptr + span->at, span->len) : BYTES_LIT("");
}

static void mail_forget(struct session *s)
{
	s->text.len = 0;
	s->cut &= (1u << SMTP_MAIL) - 1;
	memset(s->mail, 0, sizeof(s->mail));
	memset(s->rcpt, 0, s->nrcpt * sizeof(s->rcpt[0]));
	s->nrcpt = 0;
	s->folded = 0;
	s->in_mail = s->has_size = false;
	s->bytes = s->size = 0;
}

/* ---- the record ----------------------------------------------------------------------------- */

static void report(struct l7_flow *f)
{
	struct session *s = l7_state(f);
	static const char *const names[] = { "server",      "helo",       "auth_mech", "last_reply",
					     "mailfrom",    "date",       "from",      "to",
					     "cc",          "reply_to",   "subject",   "msg_id",
					     "in_reply_to", "user_agent", "rcptto" };
	struct bytes *rcpts = l7_scratch(f, RECIPIENTS * sizeof(*rcpts)), cut[SMTP_TEXTS + 1];
	struct rec_smtp r = { .trans_depth = s->in_mail ? s->depth : 0,
			      .server = own_get(s, SMTP_SERVER),
			      .helo = own_get(s, SMTP_HELO),
			      .auth_mech = own_get(s, SMTP_AUTH),
			      .last_reply = own_get(s, SMTP_REPLY),
			      .mailfrom = span_get(s, &s->mail[SMTP_MAILFROM]),
			      .date = span_get(s, &s->mail[SMTP_DATE]),
			      .from = span_get(s, &s->mail[SMTP_FROM]),
			      .to = span_get(s, &s->mail[SMTP_TO]),
			      .cc = span_get(s, &s->mail[SMTP_CC]),
			      .reply_to = span_get(s, &s->mail[SMTP_REPLY_TO]),
			      .subject = span_get(s, &s->mail[SMTP_SUBJECT]),
			      .msg_id = span_get(s, &s->mail[SMTP_MSG_ID]),
			      .in_reply_to = span_get(s, &s->mail[SMTP_IN_REPLY_TO]),
			      .user_agent = span_get(s, &s->mail[SMTP_USER_AGENT]),
			      .bytes = s->bytes,
			      .tls = s->tls,
			      .first_n = SOME(s->first_n) };

	for (unsigned i = 0; rcpts && i < s->nrcpt; i++)
		rcpts[i] = span_get(s, &s->rcpt[i]);
	if (rcpts)
		r.rcptto = LIST_OF(rcpts, s->nrcpt);
	_Static_assert(sizeof(names) / sizeof(names[0]) == SMTP_TEXTS + 1, "a name for each");
	r.truncated = l7_names(s->cut, names, SMTP_TEXTS + 1, cut);
	if (s->has_size)
		r.size = SOME(s->size);
	if (s->code)
		r.reply_code = SOME(s->code);
	l7_emit_rec(f, s->first_ts, &rec_smtp_desc, &r);
	s->any = true;
	mail_forget(s);
}

/* ---- the client ----------------------------------------------------------------------------- */

static bool sees_server(const struct l7_flow *f)
{
	return l7_offset(f, L7_RESP) != 0;
}

/* A server of which nothing is seen, or no more will be, can't be waited for. */
static bool hears_server(struct l7_flow *f)
{
	return sees_server(f) && !((const struct session *)l7_state(f))->ended;
}

static enum smtp_verb waiting_take(struct session *s)
{
	enum smtp_verb verb = (enum smtp_verb)s->waiting[s->first_waiting];

	s->first_waiting = (uint8_t)((s->first_waiting + 1) % WAITING);
	s->nwaiting--;
	return verb;
}

static void wait_for_reply(struct session *s, enum smtp_verb verb)
{
	if (s->nwaiting == WAITING)
		waiting_take(s);
	s->waiting[(s->first_waiting + s->nwaiting++) % WAITING] = (uint8_t)verb;
}

static enum smtp_verb last_waiting(const struct session *s)
{
	if (s->nwaiting == 0)
		return SMTP_V_OTHER;
	return (enum smtp_verb)s->waiting[(s->first_waiting + s->nwaiting - 1) % WAITING];
}

/* Is an answer due that ends a mail? */
static bool end_is_due(const struct session *s)
{
	for (unsigned i = 0; i < s->nwaiting; i++) {
		uint8_t verb = s->waiting[(s->first_waiting + i) % WAITING];

		if (verb == SMTP_V_BODY || verb == SMTP_V_RSET)
			return true;
	}
	return false;
}

/* The record that those answers belong to is made: the next mail's must not take them. */
static void ends_forget(struct session *s)
{
	for (unsigned i = 0; i < s->nwaiting; i++) {
		uint8_t *verb = &s->waiting[(s->first_waiting + i) % WAITING];

		if (*verb == SMTP_V_BODY || *verb == SMTP_V_RSET)
			*verb = SMTP_V_OTHER;
	}
}

/* RFC 2920 3.1: a client may send a hundred recipients, and more, before it looks for replies. */
static bool waits_for_any(struct l7_flow *f)
{
	return ((const struct session *)l7_state(f))->nwaiting == WAITING && hears_server(f);
}

/* RFC 2920 3.1, RFC 3030 4.2: the next mail may come before the last one's end is answered, and its
 * commands would change the record that the answer belongs to. So they wait, but not for ever. */
static bool waits_for_answer(struct l7_flow *f, struct bytes line, size_t unread)
{
	struct smtp_command c;

	if (unread > HELD_BACK || !hears_server(f) || !end_is_due(l7_state(f)))
		return false;
	smtp_command_parse(line, &c);
	return c.verb == SMTP_V_MAIL || c.verb == SMTP_V_RCPT || c.verb == SMTP_V_DATA ||
	       c.verb == SMTP_V_BDAT;
}

static void mail_begin(struct l7_flow *f, enum l7_dir dir, const struct smtp_command *c)
{
	struct session *s = l7_state(f);

	if (s->in_mail)
		report(f);
	ends_forget(s);
	mail_forget(s); /* chunks that still came to one that was refused */
	s->in_mail = true;
	s->depth++;
	/* Not the frame at hand: the command may have waited for an answer that is in that. */
	s->first_n = l7_start_n(f, dir);
	s->first_ts = l7_start_ts(f, dir);
	span_set(f, &s->mail[SMTP_MAILFROM], SMTP_MAILFROM, c->arg);
	s->has_size = c->has_size;
	s->size = c->size;
}

/* Whether what follows in the stream may be read on at once. */
static bool command(struct l7_flow *f, enum l7_dir dir, struct bytes line)
{
	struct session *s = l7_state(f);
	struct smtp_command c;

	/* A secret, in as many lines as it takes. */
	if (last_waiting(s) == SMTP_V_AUTH && sees_server(f))
		return true;
	smtp_command_parse(line, &c);
	wait_for_reply(s, c.verb == SMTP_V_BDAT && c.last ? SMTP_V_BODY : c.verb);
	switch (c.verb) {
	case SMTP_V_HELO:
		own_set(s, SMTP_HELO, c.arg);
		break;
	case SMTP_V_AUTH:
		own_set(s, SMTP_AUTH, c.arg);
		break;
	case SMTP_V_MAIL:
		mail_begin(f, dir, &c);
		break;
	case SMTP_V_RCPT:
		if (s->nrcpt < RECIPIENTS)
			span_set(f, &s->rcpt[s->nrcpt++], SMTP_TEXTS, c.arg);
		else
			s->cut |= 1u << SMTP_TEXTS;
		break;
	case SMTP_V_DATA:
		s->mode = DATA_ASKED;
		break;
	case SMTP_V_BDAT:
		s->bytes += c.size;
		l7_skip(f, dir, c.size);
		return false;
	case SMTP_V_RSET:
		if (s->in_mail && !hears_server(f))
			report(f);
		break;
	default:
		break;
	}
	return true;
}

/* What did not fit; a later folded line may not be put behind the gap either. */
static void field_cut(struct session *s)
{
	s->cut |= 1u << s->folded;
	s->folded = 0;
}

static void field_begin(struct l7_flow *f, struct bytes line)
{
	struct session *s = l7_state(f);
	enum smtp_text text;
	struct bytes value;

	s->folded = 0;
	if (!smtp_header_parse(line, &text, &value) || s->mail[text].set)
		return;
	span_set(f, &s->mail[text], text, value);
	s->folded = (int)text;
}

static void field_fold(struct l7_flow *f, struct bytes line)
{
	struct session *s = l7_state(f);
	struct span *span = &s->mail[s->folded];

	if (!s->folded || !span->set)
		return;
	if (span->len + line.len <= MAIL_TEXT && keep(f, line))
		span->len += (uint32_t)line.len;
	else
		field_cut(s);
}

/* Of a longer line no more than that counts, as its end may not be there yet. */
static void header_line(struct l7_flow *f, struct bytes line)
{
	struct session *s = l7_state(f);
	struct bytes front = BYTES(line.ptr, line.len < BODY_LINE ? line.len : BODY_LINE);

	if (line.len == 0)
		s->mode = BODY;
	else if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
		field_fold(f, front);
	else
		field_begin(f, front);
	if (line.len > BODY_LINE && s->folded)
		field_cut(s);
}

/* A line of a mail; RFC 5321, 4.5.2: a dot alone ends it. */
static void mail_line(struct l7_flow *f, struct bytes line, size_t n)
{
	struct session *s = l7_state(f);

	if (!s->midline && line.len == 1 && line.ptr[0] == '.') {
		s->mode = COMMANDS;
		wait_for_reply(s, SMTP_V_BODY);
		return;
	}
	s->bytes += n;
	if (s->mode == HEADER && !s->midline)
		header_line(f, line);
	s->midline = false;
}

/* The front of a line that is not waited for. */
static void mail_line_begin(struct l7_flow *f, struct bytes front)
{
	struct session *s = l7_state(f);

	s->bytes += front.len;
	if (s->mode == HEADER && !s->midline)
		header_line(f, front);
	s->midline = true;
}

/* One line of the client's; how many bytes are done with, and whether to go on. */
static size_t client_line(struct l7_flow *f, enum l7_dir dir, struct bytes data, bool *more)
{
	struct session *s = l7_state(f);
	const uint8_t *end = data.len ? memchr(data.ptr, '\n', data.len) : NULL;
	size_t n = end ? (size_t)(end - data.ptr) + 1 : 0;
	struct bytes line = BYTES(data.ptr, n ? n - 1 : 0);

	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (s->mode == DATA_ASKED || (n && s->mode == COMMANDS &&
				      (waits_for_any(f) || waits_for_answer(f, line, data.len)))) {
		*more = false;
		return 0;
	}
	if (n && s->mode == COMMANDS) {
		*more = command(f, dir, line);
	} else if (n) {
		mail_line(f, line, n);
	} else if (s->mode != COMMANDS && data.len > BODY_LINE + 1) { /* 1: it may be the CR */
		mail_line_begin(f, data);
		n = data.len;
	} else if (data.len > LINE_MAX) {
		l7_poison(f, "no end of a line");
	}
	return n;
}

static size_t client(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct session *s = l7_state(f);
	size_t done = 0, n = 1;
	bool more = true;

	if (s->mode == DATA_ASKED && !sees_server(f))
		s->mode = HEADER;
	while (n && more && !s->over) {
		n = client_line(f, dir, BYTES(data.ptr + done, data.len - done), &more);
		done += n;
	}
	return done;
}

/* ---- the server ----------------------------------------------------------------------------- */

/* Is it the last that a mail is told: that it was taken or dropped, or that its data is not wanted?
 */
static bool ends_mail(enum smtp_verb verb, uint16_t code)
{
	return verb == SMTP_V_BODY || verb == SMTP_V_RSET ||
	       ((verb == SMTP_V_DATA || verb == SMTP_V_BDAT) && code >= 400);
}

/* The last line of a reply. False: the client's bytes may be such as were waiting for it, and
 * come before the next reply. */
static bool reply(struct l7_flow *f, uint16_t code, struct bytes text)
{
	struct session *s = l7_state(f);
	enum smtp_verb verb;

	if (s->nwaiting == 0)
		return true;
	verb = (enum smtp_verb)s->waiting[s->first_waiting];
	if (verb == SMTP_V_AUTH && code / 100 == 3)
		return true;
	waiting_take(s);
	if (verb == SMTP_V_GREETING)
		return true;
	s->code = code;
	own_set(s, SMTP_REPLY, text);
	if (verb == SMTP_V_DATA && s->mode == DATA_ASKED)
		s->mode = code == 354 ? HEADER : COMMANDS;
	if (s->in_mail && ends_mail(verb, code))
		report(f);
	if (verb == SMTP_V_STARTTLS && code == 220) {
		s->tls = s->over = true;
		report(f);
		l7_done(f);
	}
	/* Half of those at once: what is kept moves each time that some of it is read. */
	return verb != SMTP_V_DATA && !ends_mail(verb, code) && s->nwaiting != WAITING / 2;
}

/* A line of any reply: of the greeting the first one counts. */
static void greeting(struct session *s, struct bytes text)
{
	bool due = s->nwaiting && s->waiting[s->first_waiting] == SMTP_V_GREETING;

	if (due && !s->own[SMTP_SERVER].set)
		own_set(s, SMTP_SERVER, text);
}

static size_t server(struct l7_flow *f, struct bytes data)
{
	struct session *s = l7_state(f);
	size_t done = 0;
	const uint8_t *end;

	while (!s->over && done < data.len &&
	       (end = memchr(data.ptr + done, '\n', data.len - done))) {
		struct bytes line = BYTES(data.ptr + done, (size_t)(end - data.ptr) - done), text;
		uint16_t code;
		bool last;

		done += line.len + 1;
		if (line.len && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (!smtp_reply_parse(line, &code, &last, &text)) {
			l7_poison(f, "no reply");
			return done;
		}
		greeting(s, text);
		if (last && !reply(f, code, text)) {
			l7_again(f, L7_ORIG);
			return done;
		}
	}
	if (!s->over && data.len - done > LINE_MAX)
		l7_poison(f, "no end of a line");
	return done;
}

/* ---- calls of the engine -------------------------------------------------------------------- */

static size_t smtp_feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct session *s = l7_state(f);

	if (!s->first_n) {
		s->first_n = l7_n(f);
		s->first_ts = l7_now(f);
		/* Due first, even where a client does not wait for it (RFC 5321, 4.3.1). */
		if (!l7_midstream(f) && l7_offset(f, L7_RESP) == 0)
			wait_for_reply(s, SMTP_V_GREETING);
	}
	return dir == L7_ORIG ? client(f, dir, data) : server(f, data);
}

/* What waited for the server's answer is read without one. */
static void smtp_eof(struct l7_flow *f, enum l7_dir dir, enum rec_stream_reason why)
{
	(void)why;
	if (dir != L7_RESP)
		return;
	((struct session *)l7_state(f))->ended = true;
	l7_again(f, L7_ORIG);
}

static bool has_word(struct bytes b, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= b.len && b.ptr[i] != '\n'; i++)
		if (strncasecmp((const char *)b.ptr + i, word, n) == 0)
			return true;
	return false;
}

static enum l7_claim smtp_claims(const struct l7_first *first)
{
	bool port = first->resp_p == 25 || first->resp_p == 587 || first->resp_p == 2525;
	struct bytes b = first->data;

	if (first->proto != IPPROTO_TCP || first->midstream)
		return L7_NO;
	if (first->dir == L7_ORIG) {
		size_t n = b.len < 5 ? b.len : 5;

		if (strncasecmp((const char *)b.ptr, "EHLO ", n) != 0 &&
		    strncasecmp((const char *)b.ptr, "HELO ", n) != 0)
			return L7_NO;
		return n < 5 ? L7_MAYBE : L7_YES;
	}
	if (memcmp(b.ptr, "220", b.len < 3 ? b.len : 3) != 0)
		return port && b.ptr[0] >= '4' && b.ptr[0] <= '5' ? L7_YES : L7_NO;
	if (b.len < 4)
		return L7_MAYBE;
	if (port || has_word(b, "SMTP"))
		return L7_YES;
	return memchr(b.ptr, '\n', b.len) ? L7_NO : L7_MAYBE;
}

static void smtp_end(struct l7_flow *f, enum l7_end why)
{
	struct session *s = l7_state(f);

	(void)why;
	if (s->in_mail || (!s->any && (s->own[SMTP_HELO].set || s->own[SMTP_SERVER].set)))
		report(f);
	buf_release(&s->text);
	l7_hold(f, 0, ((const struct smtp_config *)l7_config(f))->max_held);
}

static const char *const smtp_protocols[] = { "smtp", NULL };

const struct l7_parser smtp_parser = {
	.name = "smtp",
	.summary = "make SMTP records out of streams",
	.options = smtp_options,
	.config = &smtp_config,
	.protocols = smtp_protocols,
	.state_size = sizeof(struct session),
	.claims = smtp_claims,
	.feed = smtp_feed,
	.eof = smtp_eof,
	.end = smtp_end,
};
