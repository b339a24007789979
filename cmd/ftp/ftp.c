/* ftp: follows a session: the client's commands, and the server's replies to them in order; makes a
 * record of each command when its last reply has come. */
#include "cmd/ftp/ftp.h"

#include <netinet/in.h>
#include <stdio.h>

#include "libcommon/base/words.h"
#include "libcommon/stage/ftp_endpoint.h"

enum {
	LINE_MOST = 8192,   /* RFC 2228 has tokens in a line */
	USER = 64,          /* bytes kept of a name, */
	TEXT = 1024,        /* of an argument or a reply's line, */
	TEXTS = 16384,      /* of all that wait, */
	REPLY_TEXTS = 8192, /* and of a reply's lines, */
	LINES = 32,         /* of which there are so many at most */
	CODES = 8,
	WAITING = 32, /* commands without a reply so far */
};

struct span {
	uint32_t at, len;
	bool set, cut; /* cut: it, or its end, had no room */
};

/* Where data goes. */
struct channel {
	bool set, passive;
	struct ip orig_h, resp_h;
	uint16_t resp_p;
};

struct waiting {
	char word[FTP_WORD + 1]; /* empty: the greeting, which nobody asks for; no command */
	uint8_t verb, ncodes;
	uint16_t codes[CODES];
	struct span arg;
	uint64_t ts, n, replied;
	bool any; /* it was replied to, if not with its last reply */
	bool codes_cut;
	struct channel channel;
	struct rec_opt size;
};

struct control {
	char user[USER];
	uint8_t user_len;
	bool has_user, user_cut, anonymous, begun;
	bool lossy, resync[2]; /* behind a hole: that, and who is amidst a line */
	struct buf text;       /* owned: arguments of commands that wait */
	struct buf reply;      /* owned: lines of the reply at hand */
	struct span lines[LINES];
	bool lines_cut; /* there are more */
	unsigned nlines, nwaiting;
	uint16_t multi; /* code of a reply whose last line has not come, or 0 */
	struct channel channel;
	struct waiting waiting[WAITING];
};

struct session {
	struct control c;
	struct ftp_data d;
};

static struct ftp_config ftp_config = { .max_held = 64 << 20 };

static const struct opt ftp_options[] = {
	OPT_ROW(0, "passwords", OPT_FLAG, struct ftp_config, passwords, NULL,
		"show passwords of all users, not of anonymous ones only"),
	OPT_ROW(0, "max-held", OPT_SIZE, struct ftp_config, max_held, "BYTES",
		"memory for texts that wait for replies"),
	{ 0 },
};

static bool is_data(const struct l7_flow *f)
{
	const struct l7_guessed *g = l7_guessed(f);

	return g && strcmp(g->protocol, "ftp-data") == 0;
}

static struct control *control_of(struct l7_flow *f)
{
	return &((struct session *)l7_state(f))->c;
}

static const struct ftp_config *config_of(struct l7_flow *f)
{
	return l7_config(f);
}

/* ---- texts ---------------------------------------------------------------------------------- */

/* Puts the front of the bytes behind those that are kept; absent where there is no room. */
static struct span keep(struct l7_flow *f, struct buf *buf, struct bytes b, size_t most)
{
	const struct control *c = &((const struct session *)l7_state(f))->c;
	uint64_t max_held = config_of(f)->max_held;
	bool cut = b.len > TEXT;

	if (cut)
		b.len = TEXT;
	if (buf->len + b.len > most || c->text.len + c->reply.len + b.len > max_held)
		return (struct span){ .cut = true };
	buf_add(buf, b.ptr, b.len);
	l7_hold(f, c->text.size + c->reply.size, max_held);
	return (struct span){ (uint32_t)(buf->len - b.len), (uint32_t)b.len, true, cut };
}

static struct bytes span_get(const struct buf *buf, struct span s)
{
	if (!s.set)
		return BYTES(NULL, 0);
	return s.len ? BYTES(buf->ptr + s.at, s.len) : BYTES_LIT("");
}

/* The arguments of those that wait, to the front. */
static void text_compact(struct control *c)
{
	size_t at = 0;

	for (unsigned i = 0; i < c->nwaiting; i++) {
		struct span *s = &c->waiting[i].arg;

		if (!s->set)
			continue;
		if (s->at != at)
			memmove(c->text.ptr + at, c->text.ptr + s->at, s->len);
		s->at = (uint32_t)at;
		at += s->len;
	}
	c->text.len = at;
}

/* ---- the record ----------------------------------------------------------------------------- */

/* What a limit may have cut. */
enum {
	CUT_USER = 1,
	CUT_ARG = 2,
	CUT_PASSWORD = 4,
	CUT_CODES = 8,
	CUT_MSG = 16,
	CUT_LINES = 32,
	CUTS = 6
};
static const char *const cut_names[CUTS] = { "user",        "arg",       "password",
					     "reply_codes", "reply_msg", "reply_lines" };

static uint32_t cut_of(const struct control *c, const struct waiting *w)
{
	uint32_t cut = c->has_user && c->user_cut ? CUT_USER : 0;

	if (w->arg.cut)
		cut |= w->verb == FTP_V_PASS ? CUT_PASSWORD : CUT_ARG;
	if (w->codes_cut)
		cut |= CUT_CODES;
	if (!w->any || !c->nlines)
		return cut;
	if (c->lines[c->nlines - 1].cut)
		cut |= CUT_MSG;
	if (c->lines_cut)
		cut |= CUT_LINES;
	for (unsigned i = 0; c->nlines > 1 && i < c->nlines; i++)
		cut |= c->lines[i].cut ? CUT_LINES : 0;
	return cut;
}

static void report(struct l7_flow *f, const struct waiting *w, bool tls)
{
	struct control *c = control_of(f);
	struct bytes *lines = l7_scratch(f, LINES * sizeof(*lines)), cut[CUTS];
	struct bytes arg = span_get(&c->text, w->arg);
	struct rec_ftp r = { .tls = tls, .file_size = w->size, .first_n = SOME(w->n) };
	unsigned nlines = 0;

	if (c->has_user)
		r.user = BYTES(c->user, c->user_len);
	if (w->word[0])
		r.command = bytes_str(w->word);
	if (w->verb == FTP_V_PASS)
		r.password = arg;
	else
		r.arg = arg;
	if (w->any) {
		r.reply_code = SOME(w->codes[w->ncodes - 1]);
		r.duration = SOME(l7_now(f) - w->ts);
		r.rtt = SOME(w->replied - w->ts);
	}
	if (!w->word[0])
		r.rtt = r.duration = NONE;
	if (w->ncodes > 1)
		r.reply_codes = LIST_OF(w->codes, w->ncodes);
	if (w->any && c->nlines)
		r.reply_msg = span_get(&c->reply, c->lines[c->nlines - 1]);
	for (unsigned i = 0; lines && i < c->nlines; i++)
		if (c->lines[i].set)
			lines[nlines++] = span_get(&c->reply, c->lines[i]);
	if (w->any && nlines > 1)
		r.reply_lines = LIST_OF(lines, nlines);
	if (w->channel.set) {
		r.passive = SOME(w->channel.passive);
		r.data_orig_h = w->channel.orig_h;
		r.data_resp_h = w->channel.resp_h;
		r.data_resp_p = SOME(w->channel.resp_p);
	}
	r.truncated = l7_names(cut_of(c, w), cut_names, CUTS, cut);
	l7_emit_rec(f, w->ts, &rec_ftp_desc, &r);
}

static void waiting_remove(struct control *c, unsigned i)
{
	c->nwaiting--;
	memmove(&c->waiting[i], &c->waiting[i + 1], (c->nwaiting - i) * sizeof(c->waiting[0]));
	if (!c->nwaiting)
		c->text.len = 0;
}

/* No reply to these will be seen. */
static void waiting_flush(struct l7_flow *f, unsigned n)
{
	struct control *c = control_of(f);

	c->nlines = 0;
	c->lines_cut = false;
	for (; n && c->nwaiting; n--) {
		if (c->waiting[0].word[0] || c->waiting[0].any)
			report(f, &c->waiting[0], false);
		waiting_remove(c, 0);
	}
}

/* ---- the client ----------------------------------------------------------------------------- */

static struct waiting *wait_for_reply(struct l7_flow *f)
{
	struct control *c = control_of(f);
	struct waiting *w;

	if (c->nwaiting == WAITING) {
		/* Where nothing is seen of the server, nothing will come. */
		if (l7_offset(f, L7_RESP) != 0) {
			l7_poison(f, "too many commands without a reply");
			return NULL;
		}
		waiting_flush(f, 1);
	}
	w = &c->waiting[c->nwaiting++];
	*w = (struct waiting){ .ts = l7_start_ts(f, L7_ORIG), .n = l7_start_n(f, L7_ORIG) };
	return w;
}

static void user_set(struct control *c, struct bytes name)
{
	c->has_user = name.ptr != NULL;
	c->anonymous = ftp_is_anonymous(name);
	c->user_cut = name.len > USER;
	c->user_len = (uint8_t)(name.len < USER ? name.len : USER);
	if (name.len)
		memcpy(c->user, name.ptr, c->user_len);
}

/* What of a command's argument is no secret. */
static struct bytes shown(struct l7_flow *f, const struct ftp_command *cmd)
{
	struct bytes word;

	if (cmd->verb == FTP_V_SECRET)
		return BYTES(NULL, 0);
	if (config_of(f)->passwords)
		return cmd->arg;
	if (cmd->verb == FTP_V_PASS && !control_of(f)->anonymous)
		return BYTES(NULL, 0);
	word = cmd->verb == FTP_V_SITE ? ftp_site_secret(cmd->arg) : BYTES(NULL, 0);
	return word.ptr ? word : cmd->arg;
}

/* What is no command is answered, too: by 500. But what begins so, or is no text, is not FTP. */
static void no_command(struct l7_flow *f, struct bytes line)
{
	if (l7_offset(f, L7_ORIG) == 0 || !ftp_is_text(line)) {
		l7_poison(f, "no command");
		return;
	}
	l7_violation(f, L7_ORIG, "ftp_bad_command", REC_severity_NOTE, NULL,
		     "a line that is no command", "a word of letters and digits");
	wait_for_reply(f);
}

static void command(struct l7_flow *f, struct bytes line)
{
	struct control *c = control_of(f);
	struct ftp_command cmd;
	struct waiting *w;
	bool good, resync = c->resync[L7_ORIG];

	c->resync[L7_ORIG] = false;
	if (!words_trimmed(line).len)
		return;
	good = ftp_command_parse(line, &cmd);
	if (resync && (!good || cmd.verb == FTP_V_OTHER))
		return;
	if (!good) {
		no_command(f, line);
		return;
	}
	w = wait_for_reply(f);
	if (!w)
		return;
	w->verb = (uint8_t)cmd.verb;
	memcpy(w->word, cmd.word, sizeof(w->word));
	if (cmd.verb == FTP_V_USER)
		user_set(c, cmd.arg);
	cmd.arg = shown(f, &cmd);
	if (!cmd.arg.ptr)
		return;
	if (c->text.len + TEXT > TEXTS)
		text_compact(c);
	w->arg = keep(f, &c->text, cmd.arg, TEXTS);
}

/* ---- the server ----------------------------------------------------------------------------- */

static void channel_take(struct l7_flow *f, struct waiting *w, enum ftp_names what,
			 struct bytes text)
{
	struct control *c = control_of(f);
	bool passive = what == FTP_PASV || what == FTP_EPSV;
	const struct ip *own = passive ? &l7_key(f)->resp_h : &l7_key(f)->orig_h;
	struct ip at = *own;
	char event[TEXT + 1];
	uint16_t port;

	c->channel.set = false;
	snprintf(event, sizeof(event), "%.*s", (int)text.len, (const char *)text.ptr);
	if (!ftp_endpoint(what, text, &at, &port)) {
		l7_violation(f, passive ? L7_RESP : L7_ORIG, "ftp_bad_endpoint", REC_severity_NOTE,
			     w->word, event,
			     what == FTP_EPSV   ? "(|||port|)"
			     : what == FTP_EPRT ? "|1 or 2|address|port|"
						: "h1,h2,h3,h4,p1,p2");
		return;
	}
	if (at.len != own->len || memcmp(at.b, own->b, at.len) != 0)
		l7_violation(f, passive ? L7_RESP : L7_ORIG, "ftp_data_elsewhere",
			     REC_severity_NOTE, w->word, event,
			     passive ? "the server's address" : "the client's address");
	c->channel = (struct channel){ true, passive,
				       passive ? l7_key(f)->orig_h : l7_key(f)->resp_h, at, port };
	w->channel = c->channel;
}

/* What a reply to a command says beside that. */
static void reply_effects(struct l7_flow *f, struct waiting *w, uint16_t code, struct bytes text)
{
	struct control *c = control_of(f);
	struct bytes arg = span_get(&c->text, w->arg);
	uint64_t size;

	switch ((enum ftp_verb)w->verb) {
	case FTP_V_PASV:
	case FTP_V_EPSV:
		if (code == 227 || code == 229)
			channel_take(f, w, code == 227 ? FTP_PASV : FTP_EPSV, text);
		break;
	case FTP_V_PORT:
	case FTP_V_EPRT:
		if (code / 100 == 2 && arg.ptr)
			channel_take(f, w, w->verb == FTP_V_PORT ? FTP_PORT : FTP_EPRT, arg);
		break;
	case FTP_V_TRANSFER:
		if (code / 100 <= 2 && c->channel.set) {
			w->channel = c->channel;
			c->channel.set = false;
		}
		if (code / 100 == 1 && ftp_size_find(text, &size))
			w->size = SOME(size);
		break;
	case FTP_V_SIZE:
		if (code == 213 && words_number(&text, 1ull << 56, &size))
			w->size = SOME(size);
		break;
	case FTP_V_REIN:
		if (code / 100 == 2)
			c->has_user = false;
		break;
	default:
		break;
	}
}

/* Which of those that wait a reply is for. The state of a transfer may be asked for while it goes
 * on (RFC 959 4.1.3). */
static unsigned reply_for(const struct control *c, uint16_t code)
{
	return c->nwaiting > 1 && code >= 211 && code <= 213 &&
	       c->waiting[0].verb == FTP_V_TRANSFER && c->waiting[0].any &&
	       c->waiting[1].verb == FTP_V_STAT;
}

static void reply_unasked(struct l7_flow *f, uint16_t code)
{
	char event[4];

	/* A server may say at any time that it ends; and not every capture has both directions. */
	if (code == 421 || l7_offset(f, L7_ORIG) == 0 || control_of(f)->lossy)
		return;
	snprintf(event, sizeof(event), "%u", code % 1000u);
	l7_violation(f, L7_RESP, "ftp_unsolicited_reply", REC_severity_NOTE,
		     "no command without a reply", event, "421");
}

/* AUTH TLS (RFC 4217); by other mechanisms lines stay lines. */
static bool starts_tls(const struct control *c, const struct waiting *w)
{
	struct bytes arg = span_get(&c->text, w->arg);

	return !arg.ptr || words_take(&arg, "tls") || words_take(&arg, "ssl");
}

/* The last line of a reply has come. */
static void reply(struct l7_flow *f, uint16_t code, struct bytes text)
{
	struct control *c = control_of(f);
	unsigned i = reply_for(c, code);
	uint64_t ts = l7_start_ts(f, L7_RESP), n = l7_start_n(f, L7_RESP);
	struct waiting *w, unasked = { .ts = ts, .n = n };

	if (!c->nwaiting)
		reply_unasked(f, code);
	w = c->nwaiting ? &c->waiting[i] : &unasked;
	if (w->ncodes < CODES) {
		w->codes[w->ncodes++] = code;
	} else {
		w->codes[CODES - 1] = code;
		w->codes_cut = true;
	}
	if (!w->any) {
		w->any = true;
		w->replied = l7_now(f);
		if (!w->word[0]) {
			w->ts = ts;
			w->n = n;
		}
	}
	reply_effects(f, w, code, text);
	if (code / 100 != 1 || w == &unasked) {
		bool tls = w->verb == FTP_V_AUTH && code == 234 && starts_tls(c, w);

		report(f, w, tls);
		if (w != &unasked)
			waiting_remove(c, i);
		if (tls)
			l7_done(f);
	}
	c->nlines = 0;
	c->lines_cut = false;
	c->reply.len = 0;
}

static void reply_line(struct l7_flow *f, struct bytes line)
{
	struct control *c = control_of(f);
	struct ftp_reply r;
	bool last;

	if (c->multi) {
		last = ftp_reply_ends(line, c->multi, &r);
		if (!last)
			r = (struct ftp_reply){ .code = c->multi, .text = line };
	} else if (ftp_reply_parse(line, &r)) {
		last = r.last;
		if (r.bare)
			l7_violation(f, L7_RESP, "ftp_no_space", REC_severity_NOTE, NULL,
				     "text at once behind a reply's code", "a space");
	} else {
		if (!c->resync[L7_RESP])
			l7_poison(f, "no reply");
		return;
	}
	c->resync[L7_RESP] = false;
	c->multi = last ? 0 : r.code;
	if (c->nlines == LINES) { /* of more the last one counts, for which there is room */
		c->nlines--;
		c->lines_cut = true;
	}
	c->lines[c->nlines++] = keep(f, &c->reply, r.text, last ? REPLY_TEXTS : REPLY_TEXTS - TEXT);
	if (last)
		reply(f, r.code, r.text);
}

/* ---- calls of the engine -------------------------------------------------------------------- */

static void line_take(struct l7_flow *f, enum l7_dir dir, struct bytes line)
{
	uint8_t *room;

	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	room = line.len && memchr(line.ptr, 255, line.len) ? l7_scratch(f, line.len) : NULL;
	if (room)
		line = ftp_telnet_strip(line, room);
	if (dir == L7_RESP)
		reply_line(f, line);
	else
		command(f, line);
}

/* One line, where it is whole: texts of a record that was made may not stay. */
static size_t control_feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	size_t scanned = l7_scanned(f, dir);
	const uint8_t *end = memchr(data.ptr + scanned, '\n', data.len - scanned);

	if (!control_of(f)->begun) {
		control_of(f)->begun = true;
		if (!l7_midstream(f) && l7_offset(f, L7_RESP) == 0)
			wait_for_reply(f);
	}
	if (!end) {
		if (data.len > LINE_MOST)
			l7_poison(f, "no end of a line");
		return 0;
	}
	line_take(f, dir, BYTES(data.ptr, (size_t)(end - data.ptr)));
	return (size_t)(end - data.ptr) + 1;
}

static size_t ftp_feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	if (is_data(f))
		return ftp_data_feed(f, &((struct session *)l7_state(f))->d, dir, data);
	return control_feed(f, dir, data);
}

/* Nobody can tell which commands the replies behind a hole are for, nor which replies it had. */
static void ftp_gap(struct l7_flow *f, enum l7_dir dir, uint64_t missing, enum rec_gap_reason why)
{
	struct session *s = l7_state(f);

	(void)why;
	if (is_data(f)) {
		s->d.missing += missing;
		return;
	}
	waiting_flush(f, WAITING);
	s->c.begun = s->c.lossy = true;
	s->c.resync[dir] = true;
	s->c.channel.set = false;
	if (dir == L7_RESP) {
		s->c.multi = 0;
		s->c.reply.len = 0;
	}
}

static void ftp_eof(struct l7_flow *f, enum l7_dir dir, enum rec_stream_reason why)
{
	struct ftp_data *d = &((struct session *)l7_state(f))->d;

	/* At once, so that it comes before the session's last reply to the command. */
	if (is_data(f) && d->any && dir == d->sender && !d->ended.set) {
		d->ended = SOME(why);
		ftp_data_report(f, d);
	}
}

static bool is_port(const struct l7_first *first)
{
	return first->resp_p == 21;
}

static enum l7_claim claims_client(const struct l7_first *first)
{
	struct bytes b = first->data;
	struct ftp_command c;

	if (!is_port(first)) /* a server speaks first */
		return L7_NO;
	if (!memchr(b.ptr, '\n', b.len))
		return L7_MAYBE;
	return ftp_command_parse(words_upto(&b, '\r'), &c) && c.verb != FTP_V_OTHER ? L7_YES
										    : L7_NO;
}

static enum l7_claim claims_server(const struct l7_first *first)
{
	struct bytes b = first->data, line = b, behind;
	struct ftp_reply r;

	if (b.len < 4)
		return b.ptr[0] >= '1' && b.ptr[0] <= '5' ? L7_MAYBE : L7_NO;
	if (!ftp_reply_parse(b, &r) || r.bare)
		return L7_NO;
	if (first->midstream)
		return is_port(first) ? L7_YES : L7_NO;
	if (is_port(first))
		return r.code == 220 || r.code == 120 || r.code / 100 >= 4 ? L7_YES : L7_NO;
	if (r.code != 220)
		return L7_NO;
	if (!memchr(b.ptr, '\n', b.len))
		return L7_MAYBE;
	return words_find(words_upto(&line, '\n'), "ftp", &behind) ? L7_YES : L7_NO;
}

static enum l7_claim ftp_claims(const struct l7_first *first)
{
	if (first->proto != IPPROTO_TCP || (first->midstream && !is_port(first)))
		return L7_NO;
	return first->dir == L7_ORIG ? claims_client(first) : claims_server(first);
}

static void ftp_end(struct l7_flow *f, enum l7_end why)
{
	struct session *s = l7_state(f);

	(void)why;
	if (is_data(f)) {
		if (!s->d.ended.set)
			ftp_data_report(f, &s->d);
		return;
	}
	waiting_flush(f, WAITING);
	buf_release(&s->c.text);
	buf_release(&s->c.reply);
	l7_hold(f, 0, config_of(f)->max_held);
}

static const char *const ftp_protocols[] = { "ftp", "ftp-data", NULL };

const struct l7_parser ftp_parser = {
	.name = "ftp",
	.summary = "make FTP records out of streams",
	.options = ftp_options,
	.config = &ftp_config,
	.protocols = ftp_protocols,
	.state_size = sizeof(struct session),
	.claims = ftp_claims,
	.feed = ftp_feed,
	.gap = ftp_gap,
	.eof = ftp_eof,
	.end = ftp_end,
};
