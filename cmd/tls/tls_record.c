/* tls_record: the record layer of one direction: a byte stream into records, handshake messages
 * and alerts. It keeps no byte but those of hello messages, so any cut of the stream into
 * pieces, and of the messages into records, gives the same events. */
#include "cmd/tls/tls.h"

#include <netinet/in.h>

/* A ServerKeyExchange names its curve in its first 3 bytes, RFC 8422 section 5.4. */
enum { SERVER_KEY_EXCHANGE_HEAD = 3, V2_HEAD = 3 };

/* Servers read records of any version 3.x, as RFC 8446 section 5.1 has it. `strict`: where nothing
 * else tells that a record starts here. */
static bool is_record_head(const uint8_t *head, bool strict)
{
	return head[0] >= TLS_CHANGE_CIPHER_SPEC && head[0] <= TLS_HEARTBEAT && head[1] == 3 &&
	       (!strict || head[2] <= 4);
}

static size_t take(struct bytes *in, size_t n)
{
	if (n > in->len)
		n = in->len;
	in->ptr += n;
	in->len -= n;
	return n;
}

static void body_clear(struct tls_side *s)
{
	if (!s->body.size)
		return;
	l7_spares_give(&s->memory->spares, &s->body);
}

static void message_reset(struct tls_side *s)
{
	body_clear(s);
	s->hs_head_len = 0;
	s->hs_left = s->hs_len = 0;
	s->hs_cut = s->hs_typed = s->hs_done = false;
}

/* How many of the message's bytes are of use to somebody. */
static size_t keep_limit(const struct tls_side *s)
{
	switch (s->hs_type) {
	case TLS_CLIENT_HELLO:
	case TLS_SERVER_HELLO:
	case TLS_DRAFT_HELLO_RETRY:
		return s->hs_len;
	case TLS_SERVER_KEY_EXCHANGE:
		return SERVER_KEY_EXCHANGE_HEAD;
	}
	return 0;
}

static void body_add(struct tls_side *s, const uint8_t *p, size_t n)
{
	size_t limit = keep_limit(s);

	if (s->hs_cut || s->body.len >= limit)
		return;
	if (n > limit - s->body.len)
		n = limit - s->body.len;
	if (s->body.len + n > s->memory->max_message || s->body.len + n > s->memory->max_held) {
		body_clear(s);
		s->hs_cut = true;
		return;
	}
	l7_spares_take(&s->memory->spares, &s->body);
	buf_add(&s->body, p, n);
}

bool tls_record_whole(const struct tls_side *s)
{
	return !s->hs_cut;
}

void tls_record_release(struct tls_side *s)
{
	message_reset(s);
}

void tls_record_piece(struct tls_side *s, uint64_t ts, uint64_t n, unsigned segments)
{
	s->ts = ts;
	s->n = n;
	s->segments = segments;
	if (s->hs_head_len || s->hs_marked)
		s->hs_segments = (uint16_t)(s->hs_segments + segments);
}

/* The message at hand starts with the bytes at hand. */
static void message_mark(struct tls_side *s)
{
	s->hs_ts = s->ts;
	s->hs_n = s->n;
	s->hs_segments = (uint16_t)s->segments;
	s->hs_records = 1;
	s->hs_marked = true;
}

/* An alert of more than a few bytes has a MAC or a tag: it is encrypted. */
static bool is_hidden(const struct tls_side *s)
{
	switch (s->type) {
	case TLS_APPLICATION_DATA:
		return true;
	case TLS_ALERT:
		if (s->left > 2 && (s->left & 1 || s->left >= 16))
			return true;
		return s->encrypted && !(s->clear_alerts && s->left == 2);
	case TLS_HANDSHAKE:
		return s->encrypted || s->hs_lost;
	}
	return s->encrypted;
}

/* ---- headers ------------------------------------------------------------------------------- */

static enum tls_event record_begin(struct tls_side *s)
{
	s->head_len = 0;
	s->first_over = true;
	s->resync = false;
	s->type = s->head[0];
	s->version = be16_get(s->head + 1);
	s->left = be16_get(s->head + 3);
	s->in_record = true;
	s->opaque = is_hidden(s);
	if (s->left > TLS_MAX_RECORD)
		return TLS_EV_TOO_LONG;
	if (s->type == TLS_HANDSHAKE && !s->opaque && s->hs_head_len)
		s->hs_records += s->hs_records < UINT16_MAX;
	if (s->type != TLS_HANDSHAKE && s->hs_head_len) {
		if (s->type != TLS_ALERT)
			message_reset(s);
		return TLS_EV_INTERLEAVED;
	}
	return TLS_EV_RECORD;
}

/* SSLv2: 2 bytes of length with the top bit set, then the type. The type byte is the first of
 * the message's bytes that are kept. */
static enum tls_event v2_begin(struct tls_side *s)
{
	uint16_t len = be16_get(s->head) & 0x7fff;

	s->head_len = 0;
	s->first_over = true;
	if (len < 9 || (s->head[2] != TLS_CLIENT_HELLO && s->head[2] != 4))
		return TLS_EV_NOT_TLS;
	s->v2 = s->in_record = true;
	s->type = TLS_HANDSHAKE;
	s->version = s->hs_version = 0x0002;
	s->hs_type = s->head[2] == 4 ? TLS_SERVER_HELLO : TLS_CLIENT_HELLO;
	s->hs_len = len;
	s->hs_left = len - 1u;
	s->left = (uint16_t)(len - 1);
	s->hs_head_len = 4;
	s->hs_typed = true;
	body_add(s, s->head + 2, 1);
	return TLS_EV_RECORD;
}

/* Every byte of the header is looked at once it is there, so that what is no TLS is refused at
 * the first byte that shows it. */
static enum tls_event head_read(struct tls_side *s, struct bytes *in)
{
	static const uint8_t valid[5] = { TLS_HANDSHAKE, 3, 1, 0, 0 };
	uint8_t probe[5];

	while (in->len) {
		if (s->head_len == 0 && s->hs_head_len == 0)
			message_mark(s);
		s->head[s->head_len++] = *in->ptr;
		take(in, 1);
		if (!s->first_over && !s->resync && s->head[0] & 0x80) {
			if (s->head_len == V2_HEAD)
				return v2_begin(s);
			continue;
		}
		memcpy(probe, valid, sizeof(probe));
		memcpy(probe, s->head, s->head_len);
		if (!is_record_head(probe, s->resync)) {
			s->head_len = 0;
			return s->resync ? TLS_EV_LOST : TLS_EV_NOT_TLS;
		}
		if (s->head_len == sizeof(s->head))
			return record_begin(s);
	}
	return TLS_EV_NEED;
}

/* ---- contents ------------------------------------------------------------------------------ */

static bool is_handshake_type(uint8_t type)
{
	return type <= 25 || type == TLS_MAX_HANDSHAKE_TYPE;
}

/* True once a message is whole. */
static bool handshake_read(struct tls_side *s, struct bytes *in)
{
	const uint8_t *at;
	size_t n;

	while (s->hs_head_len < sizeof(s->hs_head)) {
		if (s->left == 0 || in->len == 0)
			return false;
		if (s->hs_head_len == 0) {
			if (!s->hs_marked)
				message_mark(s);
			s->hs_marked = false;
			s->hs_version = s->version;
		}
		s->hs_head[s->hs_head_len++] = *in->ptr;
		s->left = (uint16_t)(s->left - take(in, 1));
		if (s->hs_head_len == 1 && s->hello_only && s->hs_head[0] != TLS_CLIENT_HELLO) {
			s->encrypted = s->opaque = true;
			s->hs_head_len = 0;
			return false;
		}
	}
	if (!s->hs_typed) {
		s->hs_typed = true;
		s->hs_type = s->hs_head[0];
		s->hs_len = s->hs_left = be32_get(s->hs_head) & 0xffffff;
		if (!is_handshake_type(s->hs_type)) {
			/* Nothing in clear looks like this: encrypted, or out of step. */
			message_reset(s);
			s->hs_lost = s->opaque = true;
			return false;
		}
	}
	at = in->ptr;
	n = s->left < s->hs_left ? s->left : s->hs_left;
	n = take(in, n);
	body_add(s, at, n);
	s->left = (uint16_t)(s->left - n);
	s->hs_left -= (uint32_t)n;
	s->hs_done = s->hs_left == 0;
	return s->hs_done;
}

/* Two bytes each; RFC 5246 lets several share a record, and one be split. */
static bool alert_read(struct tls_side *s, struct bytes *in)
{
	while (s->left && in->len) {
		uint8_t b = *in->ptr;

		s->left = (uint16_t)(s->left - take(in, 1));
		s->alert_half = !s->alert_half;
		if (!s->alert_half) {
			s->alert_desc = b;
			return true;
		}
		s->alert_level = b;
	}
	return false;
}

static enum tls_event record_over(struct tls_side *s)
{
	s->in_record = false;
	switch (s->type) {
	case TLS_CHANGE_CIPHER_SPEC:
		return TLS_EV_CCS;
	case TLS_HEARTBEAT:
		return s->opaque ? TLS_EV_NEED : TLS_EV_HEARTBEAT;
	case TLS_ALERT:
		return s->opaque ? TLS_EV_HIDDEN_ALERT : TLS_EV_NEED;
	}
	return TLS_EV_NEED;
}

enum tls_event tls_record_next(struct tls_side *s, struct bytes *in)
{
	enum tls_event ev;

	if (s->hs_done)
		message_reset(s);
	for (;;) {
		if (!s->in_record) {
			ev = head_read(s, in);
			if (ev != TLS_EV_NEED || s->head_len || in->len == 0)
				return ev;
			continue;
		}
		if (!s->opaque && s->type == TLS_HANDSHAKE) {
			if (handshake_read(s, in))
				return TLS_EV_MESSAGE;
		} else if (!s->opaque && s->type == TLS_ALERT) {
			if (alert_read(s, in))
				return TLS_EV_ALERT;
		} else {
			s->left = (uint16_t)(s->left - take(in, s->left));
		}
		if (s->left && in->len)
			continue;
		if (s->left)
			return TLS_EV_NEED;
		ev = record_over(s);
		if (ev != TLS_EV_NEED)
			return ev;
	}
}

/* ---- gaps ---------------------------------------------------------------------------------- */

void tls_record_gap(struct tls_side *s, uint64_t missing)
{
	bool handshake = s->type == TLS_HANDSHAKE && !s->opaque;

	s->alert_half = false;
	if (s->hs_done)
		message_reset(s);
	if (!s->in_record || missing > s->left) {
		/* Records start at the start of a segment often enough to look there. */
		message_reset(s);
		s->in_record = s->hs_marked = false;
		s->head_len = 0;
		s->resync = true;
		return;
	}
	s->left = (uint16_t)(s->left - missing);
	if (handshake && s->hs_typed && missing < s->hs_left) {
		s->hs_left -= (uint32_t)missing;
		if (s->body.len < keep_limit(s))
			s->hs_cut = true;
		if (s->hs_cut)
			body_clear(s);
	} else if (handshake) {
		message_reset(s);
		s->hs_lost = s->opaque = true;
	}
}

/* ---- is it TLS? ---------------------------------------------------------------------------- */

static enum l7_claim claims_v2(struct bytes data)
{
	struct cursor c = cursor_of(data);
	uint16_t len = cursor_be16(&c) & 0x7fff, version, a, b, d;
	uint8_t type = cursor_u8(&c);

	if (data.len < 3)
		return L7_MAYBE;
	if (type == 4) { /* server: session id hit, certificate type */
		a = cursor_be16(&c);
		if (data.len >= 5 && (a >> 8 > 1 || (a & 0xff) > 1))
			return L7_NO;
	} else if (type != TLS_CLIENT_HELLO) {
		return L7_NO;
	}
	version = cursor_be16(&c);
	a = cursor_be16(&c);
	b = cursor_be16(&c);
	d = cursor_be16(&c);
	if (c.failed)
		return L7_MAYBE;
	if (type == 4)
		return version == 2 && len == 11u + a + b + d ? L7_YES : L7_NO;
	return (version == 2 || (version >= 0x0300 && version <= 0x0304)) && a % 3 == 0 &&
			       (b == 0 || b == 16) && d >= 16 && d <= 32 && len == 9u + a + b + d
		       ? L7_YES
		       : L7_NO;
}

/* Of the first `left` bytes of handshake messages those that are there. */
static enum l7_claim claims_message(struct bytes data, uint16_t left)
{
	if (data.len == 0)
		return L7_MAYBE;
	if (data.ptr[0] != TLS_CLIENT_HELLO && data.ptr[0] != TLS_SERVER_HELLO)
		return L7_NO;
	if (left < 6) /* a message cut finely: its next bytes stand behind another header */
		return L7_YES;
	if (data.len < 6)
		return L7_MAYBE;
	/* A length that nobody takes, or a version that no hello has. */
	return data.ptr[1] <= 2 && (data.ptr[4] == 3 || data.ptr[4] == 0x7f) ? L7_YES : L7_NO;
}

enum l7_claim tls_claims(const struct l7_first *first)
{
	static const uint8_t valid[5] = { TLS_HANDSHAKE, 3, 1, 0, 0 };
	struct bytes data = first->data;
	uint8_t head[5];
	uint16_t left;

	if (first->proto != IPPROTO_TCP)
		return L7_NO;
	if (data.len && data.ptr[0] & 0x80)
		return claims_v2(data);
	while (data.len) {
		memcpy(head, valid, sizeof(head));
		memcpy(head, data.ptr, data.len < sizeof(head) ? data.len : sizeof(head));
		if (!is_record_head(head, false) ||
		    (head[0] != TLS_HANDSHAKE && head[0] != TLS_ALERT))
			return L7_NO;
		if (data.len < sizeof(head))
			return L7_MAYBE;
		left = be16_get(head + 3);
		take(&data, sizeof(head));
		if (head[0] == TLS_HANDSHAKE && left)
			return left <= TLS_MAX_RECORD ? claims_message(data, left) : L7_NO;
		/* Empty records and warnings before a hello are let by by servers. */
		if (head[0] == TLS_ALERT && left != 2)
			return L7_NO;
		take(&data, left);
	}
	return L7_MAYBE;
}
