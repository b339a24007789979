/* tls_session: follows the handshakes of one flow, and reports each once: when both sides have
 * gone on to encrypted data, when a new one begins, or at the end with what was seen. */
#include "cmd/tls/tls.h"

#include <ctype.h>
#include <stdlib.h>

struct tls_session {
	struct tls_side side[2];
	struct tls_handshake now;
	uint8_t client;      /* direction of the client; the originator until a hello shows it */
	bool over;           /* nothing more to learn: encrypted, out of step, or given up */
	bool offered_ticket; /* a session ticket, and no session id */
};

struct tls_config tls_config = {
	.max_message = 132 * 1024, /* the longest ClientHello that OpenSSL takes is a bit shorter */
	.max_held = 128 << 20,
};

static const struct opt tls_options[] = {
	OPT_ROW(0, "max-message", OPT_SIZE, struct tls_config, max_message, "BYTES",
		"longest hello message that is looked into"),
	OPT_ROW(0, "max-held", OPT_SIZE, struct tls_config, max_held, "BYTES",
		"memory for hello messages over all flows"),
	{ 0 },
};

static struct tls_shared *shared_of(struct l7_flow *f)
{
	return l7_shared(f);
}

static void tls_open(void *memory, const void *options)
{
	const struct tls_config *config = options;
	struct tls_shared *shared = memory;

	shared->memory.max_message = config->max_message;
	shared->memory.max_held = config->max_held;
	tls_report_warm_up(&shared->scratch);
}

static void tls_close(void *memory)
{
	struct tls_shared *shared = memory;

	l7_spares_release(&shared->memory.spares);
	tls_scratch_release(&shared->scratch);
}

/* ---- small steps --------------------------------------------------------------------------- */

static void hello_drop(struct tls_memory *memory, struct buf *b)
{
	l7_spares_give(&memory->spares, b);
}

/* Tells the engine what the flow holds. */
static void count_held(struct l7_flow *f, const struct tls_session *t)
{
	l7_hold(f, t->side[0].body.size + t->side[1].body.size + t->now.ch.size + t->now.sh.size,
		shared_of(f)->memory.max_held);
}

/* The message's bytes change hands. */
static void hello_take(struct tls_side *s, struct buf *to)
{
	hello_drop(s->memory, to);
	*to = s->body;
	s->body = (struct buf){ 0 };
}

static void begin(struct tls_session *t, const struct tls_side *s, bool message)
{
	struct tls_handshake *h = &t->now;

	if (h->begun)
		return;
	h->begun = true;
	h->first_ts = message ? s->hs_ts : s->ts;
	h->first_n = message ? s->hs_n : s->n;
}

static void history(struct tls_session *t, enum l7_dir dir, char letter)
{
	struct tls_handshake *h = &t->now;

	if (h->nhistory == TLS_HISTORY) {
		h->more_history = true;
		return;
	}
	h->history[h->nhistory++] = (char)(dir == t->client ? toupper(letter) : tolower(letter));
}

static void handshake_over(struct l7_flow *f, struct tls_session *t)
{
	if (t->now.begun)
		tls_report(f, &t->now, &shared_of(f)->scratch);
	hello_drop(&shared_of(f)->memory, &t->now.ch);
	hello_drop(&shared_of(f)->memory, &t->now.sh);
	t->now = (struct tls_handshake){ 0 };
	t->offered_ticket = false;
}

static void session_over(struct tls_session *t)
{
	t->over = true;
	tls_record_release(&t->side[0]);
	tls_record_release(&t->side[1]);
}

static void established(struct l7_flow *f, struct tls_session *t)
{
	t->now.established = true;
	handshake_over(f, t);
	session_over(t);
}

/* ---- messages ------------------------------------------------------------------------------ */

static bool same_hello(const struct tls_client_hello *a, const struct tls_client_hello *b)
{
	return a->version == b->version && bytes_equal(a->random, b->random) &&
	       bytes_equal(a->session_id, b->session_id) && bytes_equal(a->ciphers, b->ciphers) &&
	       bytes_equal(a->comp_methods, b->comp_methods) && bytes_equal(a->sni, b->sni) &&
	       bytes_equal(a->alpn, b->alpn) && bytes_equal(a->groups, b->groups);
}

/* RFC 8446 section 4.1.2: the second ClientHello repeats the first but for a few extensions. */
static void second_hello(struct l7_flow *f, struct tls_session *t, enum l7_dir dir)
{
	struct tls_side *s = &t->side[dir];
	struct tls_client_hello first, second;

	/* Each would have the first one read again, which may be a thousand times as long. */
	if (t->now.retried) {
		l7_violation(f, dir, "tls_hrr_mismatch", REC_severity_WARNING, "after a retry",
			     "third ClientHello", "one ClientHello");
		return;
	}
	t->now.retried = true;
	if (!tls_record_whole(s) || !t->now.ch.len ||
	    !tls_client_hello_parse(buf_bytes(&t->now.ch), &first))
		return;
	if (!tls_client_hello_parse(buf_bytes(&s->body), &second) || !same_hello(&first, &second))
		l7_violation(f, dir, "tls_hrr_mismatch", REC_severity_WARNING, "after a retry",
			     "the second ClientHello differs from the first", "the same offer");
}

static void client_hello(struct l7_flow *f, struct tls_session *t, enum l7_dir dir)
{
	struct tls_side *s = &t->side[dir];
	struct tls_handshake *h = &t->now;
	struct tls_client_hello hello;
	bool parsed;

	if (h->have_ch && h->hrr && !h->have_sh && dir == t->client) {
		history(t, dir, 'c');
		second_hello(f, t, dir);
		return;
	}
	/* A ServerHello that was captured before its ClientHello still belongs to it. */
	if (h->have_ch || (h->have_sh && dir != t->client))
		handshake_over(f, t);
	t->client = dir;
	begin(t, s, true);
	history(t, dir, 'c');
	h->have_ch = true;
	h->ch_v2 = s->v2;
	h->ch_ts = s->hs_ts;
	h->ch_len = s->hs_len;
	h->ch_segments = s->hs_segments;
	h->record_version = s->hs_version;
	h->ch_cut = !tls_record_whole(s);
	if (s->v2)
		l7_violation(f, dir, "tls_sslv2", REC_severity_NOTE, NULL,
			     "ClientHello in SSLv2 form", NULL);
	if (s->hs_records > 1)
		l7_violation(f, dir, "tls_ch_split", REC_severity_NOTE, NULL,
			     "ClientHello over several records", NULL);
	if (h->ch_cut) {
		l7_violation(f, dir, "tls_hello_not_kept", REC_severity_WARNING, NULL,
			     "ClientHello with missing bytes, or above a limit", NULL);
		return;
	}
	parsed = s->v2 ? tls_client_hello_v2_parse(buf_bytes(&s->body), &hello)
		       : tls_client_hello_parse(buf_bytes(&s->body), &hello);
	if (!parsed || hello.malformed)
		l7_violation(f, dir, "tls_hello_malformed", REC_severity_WARNING, NULL,
			     "ClientHello with a length that does not fit", NULL);
	if (!parsed)
		return;
	t->offered_ticket = hello.has_ticket && hello.session_id.len == 0;
	hello_take(s, &h->ch);
}

static void retry_request(struct l7_flow *f, struct tls_session *t, enum l7_dir dir,
			  const struct tls_server_hello *hello)
{
	struct tls_handshake *h = &t->now;

	history(t, dir, 'j');
	if (h->hrr)
		l7_violation(f, dir, "tls_hrr_mismatch", REC_severity_WARNING, "after a retry",
			     "second HelloRetryRequest", "ServerHello");
	h->hrr = h->tls13 = h->have_version = true;
	/* Early data that the retry refuses: the second hello comes in clear all the same. */
	t->side[t->client].app_data = false;
	h->version = hello->selected;
	h->hrr_ech = hello->has_ech;
	if (hello->cipher) {
		h->have_cipher = true;
		h->cipher = h->retry_cipher = hello->cipher;
	}
	if (hello->has_group) {
		h->have_group = true;
		h->group = hello->group;
	}
}

static void hello_chosen(struct l7_flow *f, struct tls_session *t, enum l7_dir dir,
			 const struct tls_server_hello *hello)
{
	struct tls_handshake *h = &t->now;

	if (h->hrr && h->retry_cipher && h->retry_cipher != hello->cipher)
		l7_violation(f, dir, "tls_hrr_mismatch", REC_severity_WARNING, "after a retry",
			     "the ServerHello has another cipher suite", "that of the retry");
	h->tls13 = hello->tls13;
	h->version = hello->selected;
	h->cipher = hello->cipher;
	h->have_version = true;
	h->have_cipher = !hello->v2;
	if (hello->has_group) {
		h->have_group = true;
		h->group = hello->group;
	}
	if (hello->tls13) { /* RFC 8446 section 2: all that follows is encrypted */
		t->side[dir].encrypted = true;
		t->side[0].clear_alerts = t->side[1].clear_alerts = true;
	}
}

static void server_hello(struct l7_flow *f, struct tls_session *t, enum l7_dir dir)
{
	struct tls_side *s = &t->side[dir];
	struct tls_handshake *h = &t->now;
	struct tls_server_hello hello;
	bool whole = tls_record_whole(s), parsed = false;

	if (whole && s->v2)
		parsed = tls_server_hello_v2_parse(buf_bytes(&s->body), &hello);
	else if (whole && s->hs_type == TLS_DRAFT_HELLO_RETRY)
		parsed = tls_draft_retry_parse(buf_bytes(&s->body), &hello);
	else if (whole)
		parsed = tls_server_hello_parse(buf_bytes(&s->body), &hello);
	if (h->have_sh || (h->have_ch && dir == t->client))
		handshake_over(f, t);
	t->client = !dir;
	begin(t, s, true);
	if (parsed && hello.retry) {
		retry_request(f, t, dir, &hello);
		return;
	}
	history(t, dir, 's');
	h->have_sh = true;
	h->sh_v2 = s->v2;
	h->sh_ts = s->hs_ts;
	h->sh_cut = !whole;
	if (!whole)
		l7_violation(f, dir, "tls_hello_not_kept", REC_severity_WARNING, NULL,
			     "ServerHello with missing bytes, or above a limit", NULL);
	else if (!parsed || hello.malformed)
		l7_violation(f, dir, "tls_hello_malformed", REC_severity_WARNING, NULL,
			     "ServerHello with a length that does not fit", NULL);
	if (!parsed)
		return;
	hello_chosen(f, t, dir, &hello);
	hello_take(s, &h->sh);
	if (s->v2) {
		l7_violation(f, dir, "tls_sslv2", REC_severity_WARNING, NULL,
			     "ServerHello of SSL 2.0", "TLS");
		handshake_over(f, t);
		session_over(t);
	}
}

/* RFC 8422 section 5.4: curve type named_curve, then its number. Only an elliptic-curve suite
 * has this form. */
static void server_key_exchange(struct tls_session *t, enum l7_dir dir)
{
	struct tls_handshake *h = &t->now;
	struct bytes body = buf_bytes(&t->side[dir].body);
	const char *suite = h->have_cipher ? tls_cipher_name(h->cipher) : NULL;

	if (suite && strncmp(suite, "TLS_ECDH", 8) == 0 && body.len == 3 && body.ptr[0] == 3) {
		h->have_group = true;
		h->group = be16_get(body.ptr + 1);
	}
}

/* Zeek's ssl_history letters. */
static char letter_of(uint8_t type)
{
	switch (type) {
	case TLS_HELLO_REQUEST:
		return 'h';
	case 3: /* hello_verify_request */
		return 'v';
	case TLS_NEW_SESSION_TICKET:
		return 't';
	case 5: /* end_of_early_data */
		return 'e';
	case 8: /* encrypted_extensions */
		return 'o';
	case TLS_CERTIFICATE:
		return 'x';
	case TLS_SERVER_KEY_EXCHANGE:
		return 'k';
	case TLS_CERTIFICATE_REQUEST:
		return 'r';
	case TLS_SERVER_HELLO_DONE:
		return 'n';
	case TLS_CERTIFICATE_VERIFY:
		return 'y';
	case TLS_CLIENT_KEY_EXCHANGE:
		return 'g';
	case TLS_FINISHED:
		return 'f';
	case 21: /* certificate_url */
		return 'w';
	case 22: /* certificate_status */
		return 'u';
	case 23: /* supplemental_data */
		return 'a';
	case 24: /* key_update */
		return 'p';
	case TLS_MAX_HANDSHAKE_TYPE: /* message_hash */
		return 'm';
	}
	return 'z';
}

static void message(struct l7_flow *f, struct tls_session *t, enum l7_dir dir)
{
	struct tls_side *s = &t->side[dir];

	switch (s->hs_type) {
	case TLS_CLIENT_HELLO:
		client_hello(f, t, dir);
		break;
	case TLS_SERVER_HELLO:
	case TLS_DRAFT_HELLO_RETRY:
		server_hello(f, t, dir);
		break;
	default:
		begin(t, s, true);
		history(t, dir, letter_of(s->hs_type));
		if (s->hs_type == TLS_SERVER_KEY_EXCHANGE)
			server_key_exchange(t, dir);
		if (s->hs_type == TLS_CLIENT_KEY_EXCHANGE)
			t->now.key_exchange = true;
	}
	s->v2 = false;
}

/* ---- records ------------------------------------------------------------------------------- */

static void alert(struct tls_session *t, enum l7_dir dir, bool hidden)
{
	struct tls_side *s = &t->side[dir];
	struct tls_handshake *h = &t->now;

	begin(t, s, false);
	if (!hidden)
		history(t, dir, 'l');
	if (h->nalerts == TLS_ALERTS) {
		h->more_alerts = true;
		return;
	}
	h->alerts[h->nalerts++] = (struct tls_seen_alert){ dir, hidden ? 0 : s->alert_level,
							   hidden ? 0 : s->alert_desc, hidden };
}

/* In TLS 1.3 a ChangeCipherSpec says nothing (RFC 8446 appendix D.4). A client may send one
 * before the version is known: then what follows is in clear only if it is a second hello. */
static void change_cipher_spec(struct tls_session *t, enum l7_dir dir)
{
	struct tls_side *s = &t->side[dir];
	struct tls_handshake *h = &t->now;

	begin(t, s, false);
	history(t, dir, 'i');
	if (dir == t->client && t->offered_ticket && !h->key_exchange)
		h->ticket_resumed = true;
	if (h->tls13)
		return;
	if (h->have_sh || h->key_exchange || dir != t->client)
		s->encrypted = true;
	else
		s->hello_only = true;
}

/* A record's header: has the handshake reached encrypted data on both sides? */
static void record(struct l7_flow *f, struct tls_session *t, enum l7_dir dir)
{
	struct tls_side *s = &t->side[dir], *peer = &t->side[!dir];

	if (s->type == TLS_HANDSHAKE && s->app_data && !s->hello_only &&
	    (t->now.tls13 || !s->encrypted)) {
		l7_violation(f, dir, "tls_after_app_data", REC_severity_WARNING, NULL,
			     "handshake record in clear after application data", NULL);
		s->opaque = true;
	}
	if (s->type == TLS_APPLICATION_DATA)
		s->app_data = true;
	if (t->now.tls13 ? s->app_data && peer->app_data && s->type == TLS_APPLICATION_DATA
			 : s->encrypted && peer->encrypted && s->type != TLS_CHANGE_CIPHER_SPEC)
		established(f, t);
}

/* One side can't be followed any further. The record waits for what the other still shows. */
static void side_lost(struct l7_flow *f, struct tls_session *t, enum l7_dir dir)
{
	t->side[dir].lost = true;
	tls_record_release(&t->side[dir]);
	if (t->side[!dir].lost) {
		handshake_over(f, t);
		session_over(t);
	}
}

static void event(struct l7_flow *f, struct tls_session *t, enum l7_dir dir, enum tls_event ev)
{
	switch (ev) {
	case TLS_EV_NEED:
		break;
	case TLS_EV_INTERLEAVED:
		l7_violation(f, dir, "tls_hs_interleaved", REC_severity_WARNING,
			     "amid a handshake message", "record of another type",
			     "its next fragment");
		record(f, t, dir);
		break;
	case TLS_EV_RECORD:
		record(f, t, dir);
		break;
	case TLS_EV_MESSAGE:
		message(f, t, dir);
		break;
	case TLS_EV_ALERT:
		alert(t, dir, false);
		break;
	case TLS_EV_HIDDEN_ALERT:
		alert(t, dir, true);
		break;
	case TLS_EV_CCS:
		change_cipher_spec(t, dir);
		break;
	case TLS_EV_HEARTBEAT:
		begin(t, &t->side[dir], false);
		history(t, dir, 'b');
		break;
	case TLS_EV_LOST:
		side_lost(f, t, dir);
		break;
	case TLS_EV_NOT_TLS:
		l7_poison(f, "not a TLS record");
		break;
	case TLS_EV_TOO_LONG:
		l7_violation(f, dir, "tls_rec_overflow", REC_severity_WARNING, NULL,
			     "record longer than 18,432 bytes", NULL);
		l7_poison(f, "record longer than 18,432 bytes");
		break;
	}
	if (ev == TLS_EV_NOT_TLS || ev == TLS_EV_TOO_LONG)
		session_over(t);
}

static size_t tls_feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct tls_session *t = l7_state(f);
	struct tls_side *s = &t->side[dir];
	struct bytes in = data;
	enum tls_event ev;

	if (t->over || s->lost)
		return data.len;
	s->memory = &shared_of(f)->memory;
	tls_record_piece(s, l7_start_ts(f, dir), l7_start_n(f, dir), l7_segments(f, dir));
	do {
		ev = tls_record_next(s, &in);
		event(f, t, dir, ev);
	} while (ev != TLS_EV_NEED && !t->over && !s->lost);
	count_held(f, t);
	return data.len;
}

static void tls_gap(struct l7_flow *f, enum l7_dir dir, uint64_t missing, enum rec_gap_reason why)
{
	struct tls_session *t = l7_state(f);
	struct tls_side *s = &t->side[dir];

	(void)why;
	if (t->over)
		return;
	s->memory = &shared_of(f)->memory;
	t->now.gap += missing;
	if (!s->lost)
		tls_record_gap(s, missing);
	count_held(f, t);
}

static void tls_end(struct l7_flow *f, enum l7_end why)
{
	struct tls_session *t = l7_state(f);

	(void)why;
	handshake_over(f, t);
	session_over(t);
	count_held(f, t);
}

static const char *const tls_protocols[] = { "tls", NULL };

const struct l7_parser tls_parser = {
	.name = "tls",
	.summary = "make a record of each TLS handshake",
	.options = tls_options,
	.config = &tls_config,
	.epilog = "Reads stream records; a flow is TLS if its first bytes are, on any port.",
	.state_size = sizeof(struct tls_session),
	.shared_size = sizeof(struct tls_shared),
	.open = tls_open,
	.close = tls_close,
	.protocols = tls_protocols,
	.claims = tls_claims,
	.feed = tls_feed,
	.gap = tls_gap,
	.end = tls_end,
};
