/* tls_report: the `tls` record of one handshake, from the bytes of its hello messages. */
#include "cmd/tls/tls.h"

#include <stdlib.h>

#include "libcommon/base/digest.h"

enum {
	LIST_MAX = 1024, /* values of a list that go into the record */
	ALPN_MAX = 64,
	NAME_MAX = 4096,      /* bytes of a name */
	TEXT_MAX = 32 * 1024, /* bytes of an unhashed fingerprint */
	TRUNCATED_MAX = 24,
};

/* What the record's lists point to. Reused from report to report. */
struct lists {
	uint16_t ciphers[LIST_MAX], exts[LIST_MAX], server_exts[LIST_MAX], groups[LIST_MAX],
		shares[LIST_MAX], sig_algs[LIST_MAX], versions[LIST_MAX];
	struct bytes alpn[ALPN_MAX], truncated[TRUNCATED_MAX];
	struct rec_tls_alert alerts[TLS_ALERTS];
	size_t ntruncated;
	char ja3[DIGEST_HEX], ja3s[DIGEST_HEX], ja4[TLS_JA4_SIZE], version[24];
};

static void truncated(struct lists *l, const char *field)
{
	if (l->ntruncated < TRUNCATED_MAX)
		l->truncated[l->ntruncated++] = bytes_str(field);
}

/* The 16-bit values of a list, `step` bytes apart, `skip` bytes into each. */
static struct rec_list numbers(struct lists *l, uint16_t *to, struct bytes from, size_t step,
			       size_t skip, const char *field)
{
	size_t count = from.len / step;

	if (count > LIST_MAX) {
		count = LIST_MAX;
		truncated(l, field);
	}
	for (size_t i = 0; i < count; i++)
		to[i] = be16_get(from.ptr + i * step + skip);
	return LIST_OF(to, count);
}

static struct rec_list octets(struct bytes from)
{
	return LIST_OF(from.ptr, from.len);
}

static struct rec_list ext_types(struct lists *l, uint16_t *to, struct bytes block,
				 const char *field)
{
	size_t count = 0;
	struct cursor c;
	struct bytes data;
	uint16_t type;

	if (!block.ptr)
		return LIST_OF(NULL, 0);
	c = cursor_of(block);
	while (tls_ext_next(&c, &type, &data)) {
		if (count == LIST_MAX) {
			truncated(l, field);
			break;
		}
		to[count++] = type;
	}
	return LIST_OF(to, count);
}

/* RFC 8446 section 4.2.8: group, and a counted key. */
static struct rec_list share_groups(struct lists *l, struct bytes list)
{
	size_t count = 0;
	struct cursor c;
	struct bytes key;
	uint16_t group;

	if (!list.ptr)
		return LIST_OF(NULL, 0);
	c = cursor_of(list);
	while (tls_ext_next(&c, &group, &key)) { /* the same shape as an extension */
		if (count == LIST_MAX) {
			truncated(l, "key_share_groups");
			break;
		}
		l->shares[count++] = group;
	}
	return LIST_OF(l->shares, count);
}

static struct rec_list alpn_names(struct lists *l, struct bytes list)
{
	size_t count = 0;
	struct cursor c;
	struct bytes name;

	if (!list.ptr)
		return LIST_OF(NULL, 0);
	c = cursor_of(list);
	while (tls_alpn_next(&c, &name)) {
		if (count == ALPN_MAX) {
			truncated(l, "alpn_offered");
			break;
		}
		l->alpn[count++] = name;
	}
	return LIST_OF(l->alpn, count);
}

static struct bytes name_of(struct lists *l, struct bytes name, const char *field)
{
	if (name.len > NAME_MAX) {
		name.len = NAME_MAX;
		truncated(l, field);
	}
	return name;
}

static struct bytes text_of(struct lists *l, const struct buf *text, const char *field)
{
	if (text->len <= TEXT_MAX)
		return buf_bytes(text);
	truncated(l, field);
	return BYTES(NULL, 0);
}

static void describe_offer(struct rec_tls *r, struct lists *l, const struct tls_client_hello *c)
{
	r->legacy_version = SOME(c->version);
	r->sni = name_of(l, c->sni, "sni");
	r->alpn_offered = alpn_names(l, c->alpn);
	r->ciphers = c->v2 ? numbers(l, l->ciphers, c->ciphers, 3, 1, "ciphers")
			   : numbers(l, l->ciphers, c->ciphers, 2, 0, "ciphers");
	r->exts = ext_types(l, l->exts, c->exts, "exts");
	r->groups = numbers(l, l->groups, c->groups, 2, 0, "groups");
	r->key_share_groups = share_groups(l, c->key_shares);
	r->sig_algs = numbers(l, l->sig_algs, c->sig_algs, 2, 0, "sig_algs");
	r->point_formats = octets(c->point_formats);
	r->comp_methods = octets(c->comp_methods);
	r->supported_versions = numbers(l, l->versions, c->versions, 2, 0, "supported_versions");
	r->psk_modes = octets(c->psk_modes);
	r->psk_offered = c->has_psk;
	r->early_data = c->has_early_data;
	r->ech = SOME(c->has_ech ? REC_tls_ech_OUTER : REC_tls_ech_NONE);
	if (c->has_ech) {
		r->ech_config_id = SOME(c->ech_config_id);
		r->ech_kdf = SOME(c->ech_kdf);
		r->ech_aead = SOME(c->ech_aead);
		r->sni_is_outer = SOME(true);
	}
}

/* A hello in SSLv2 form has no extensions, and its cipher list is of another kind: neither
 * fingerprint is defined for it. */
static void fingerprint_client(struct rec_tls *r, struct lists *l, struct tls_scratch *scratch,
			       const struct tls_client_hello *c)
{
	if (c->v2 || c->cut)
		return;
	buf_clear(&scratch->ja3);
	tls_ja3_text(c, &scratch->ja3);
	r->ja3_string = text_of(l, &scratch->ja3, "ja3_string");
	r->ja3 = bytes_str(digest_hex(DIGEST_MD5, buf_bytes(&scratch->ja3), l->ja3));
	buf_clear(&scratch->ja4_r);
	tls_ja4(c, 't', l->ja4, &scratch->ja4_r, &scratch->sort);
	r->ja4 = bytes_str(l->ja4);
	r->ja4_r = text_of(l, &scratch->ja4_r, "ja4_r");
}

static void describe_choice(struct rec_tls *r, struct lists *l, struct tls_scratch *scratch,
			    const struct tls_server_hello *s)
{
	r->server_exts = ext_types(l, l->server_exts, s->exts, "server_exts");
	r->alpn = name_of(l, s->alpn, "alpn");
	if (s->v2 || s->cut)
		return;
	buf_clear(&scratch->ja3s);
	tls_ja3s_text(s, &scratch->ja3s);
	r->ja3s_string = text_of(l, &scratch->ja3s, "ja3s_string");
	r->ja3s = bytes_str(digest_hex(DIGEST_MD5, buf_bytes(&scratch->ja3s), l->ja3s));
}

static bool all_zero(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (b.ptr[i])
			return false;
	return true;
}

/* TLS 1.3: the server took the pre-shared key. Before: it repeats the client's session id
 * (RFC 5246 section 7.4.1.3), or goes on without a key exchange after a ticket. */
static bool is_resumed(const struct tls_handshake *h, const struct tls_client_hello *c,
		       const struct tls_server_hello *s)
{
	if (h->tls13)
		return c->has_psk && s->has_psk;
	if (h->ticket_resumed)
		return true;
	return !all_zero(c->session_id) && bytes_equal(c->session_id, s->session_id);
}

static struct rec_list alerts_of(struct lists *l, const struct tls_handshake *h)
{
	for (unsigned i = 0; i < h->nalerts; i++) {
		const struct tls_seen_alert *a = &h->alerts[i];
		const char *name = a->encrypted ? NULL : tls_alert_name(a->desc);

		l->alerts[i] = (struct rec_tls_alert){
			.from = a->dir ? REC_dir_RESP : REC_dir_ORIG,
			.level = a->encrypted ? NONE : SOME(a->level),
			.desc = a->encrypted ? NONE : SOME(a->desc),
			.name = name ? bytes_str(name) : BYTES(NULL, 0),
			.encrypted = a->encrypted,
		};
	}
	if (h->more_alerts)
		truncated(l, "alerts");
	return LIST_OF(l->alerts, h->nalerts);
}

static void describe_state(struct rec_tls *r, struct lists *l, const struct tls_handshake *h)
{
	const char *name;

	if (h->have_version) {
		r->version = SOME(h->version);
		name = tls_version_name(h->version, l->version);
		r->version_name = name ? bytes_str(name) : BYTES(NULL, 0);
	}
	if (h->have_cipher) {
		r->cipher = SOME(h->cipher);
		name = tls_cipher_name(h->cipher);
		r->cipher_name = name ? bytes_str(name) : BYTES(NULL, 0);
	}
	if (h->have_group) {
		r->group = SOME(h->group);
		name = tls_group_name(h->group);
		r->curve_name = name ? bytes_str(name) : BYTES(NULL, 0);
	}
	if (h->have_ch) {
		r->record_version = SOME(h->record_version);
		r->client_hello_len = SOME(h->ch_len);
		r->ch_segments = SOME(h->ch_segments);
		if (h->have_sh && h->sh_ts >= h->ch_ts)
			r->server_delay = SOME(h->sh_ts - h->ch_ts);
	}
	if (h->hrr_ech)
		r->ech = SOME(REC_tls_ech_RETRY);
	r->hrr = h->hrr;
	r->established = h->established;
	r->alerts = alerts_of(l, h);
	r->history = h->nhistory ? BYTES(h->history, h->nhistory) : BYTES(NULL, 0);
	if (h->more_history)
		truncated(l, "history");
	if (h->gap)
		r->gap = SOME(h->gap);
	r->first_n = SOME(h->first_n);
	if (h->ch_cut)
		truncated(l, "client_hello");
	if (h->sh_cut)
		truncated(l, "server_hello");
}

void tls_report(struct l7_flow *f, const struct tls_handshake *h, struct tls_scratch *scratch)
{
	struct tls_client_hello c = { 0 };
	struct tls_server_hello s = { 0 };
	struct rec_tls r = { 0 };
	struct bytes ch = buf_bytes(&h->ch), sh = buf_bytes(&h->sh);
	bool have_c, have_s;
	struct lists *l;

	buf_clear(&scratch->lists);
	l = (struct lists *)(void *)buf_reserve(&scratch->lists, sizeof(*l));
	l->ntruncated = 0;
	have_c = ch.len &&
		 (h->ch_v2 ? tls_client_hello_v2_parse(ch, &c) : tls_client_hello_parse(ch, &c));
	have_s = sh.len &&
		 (h->sh_v2 ? tls_server_hello_v2_parse(sh, &s) : tls_server_hello_parse(sh, &s));
	if (have_c) {
		describe_offer(&r, l, &c);
		fingerprint_client(&r, l, scratch, &c);
	}
	if (have_s)
		describe_choice(&r, l, scratch, &s);
	if (have_c && have_s)
		r.resumed = SOME(is_resumed(h, &c, &s));
	describe_state(&r, l, h);
	r.truncated = LIST_OF(l->truncated, l->ntruncated);
	l7_emit_rec(f, h->first_ts, &rec_tls_desc, &r);
}

void tls_report_warm_up(struct tls_scratch *scratch)
{
	buf_reserve(&scratch->lists, sizeof(struct lists));
}

void tls_scratch_release(struct tls_scratch *scratch)
{
	buf_release(&scratch->ja3);
	buf_release(&scratch->ja3s);
	buf_release(&scratch->ja4_r);
	buf_release(&scratch->sort);
	buf_release(&scratch->lists);
}
