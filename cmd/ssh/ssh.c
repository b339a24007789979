/* ssh: follows one connection from the identifications (RFC 4253, 4.2) to the key exchange lists of
 * both sides, and makes one record of it: what comes behind them is encrypted soon. */
#include "cmd/ssh/ssh.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "libcommon/base/digest.h"

enum {
	BANNER_MAX = 255,      /* RFC 4253, 4.2 */
	BEFORE_MAX = 8 * 1024, /* lines that a server may say before its banner */
	PACKET_MAX = 35000,    /* RFC 4253, 6.1 */
	NAMES_MAX = 64,        /* of a list in the record */
	NEWKEYS = 21,
};

/* What a limit may have cut, of the client, then of the server, then of what is agreed on. */
enum { CUT_BANNER = 1, CUT_KEX = 2, CUT_HOST_KEYS = 4, CUT_EACH = 3 };
enum { CUT_AGREED = 2 * CUT_EACH, AGREED = SSH_LANGUAGE_C2S, CUTS = CUT_AGREED + AGREED };
static const char *const cut_names[CUTS] = { "client_banner", "client_kex",   "client_host_keys",
					     "server_banner", "server_kex",   "server_host_keys",
					     "kex_alg",       "host_key_alg", "cipher_c2s",
					     "cipher_s2c",    "mac_c2s",      "mac_s2c",
					     "comp_c2s",      "comp_s2c" };

struct side {
	enum { SIDE_BANNER, SIDE_PACKETS, SIDE_DONE } at;
	size_t before; /* bytes of lines before the banner */
	uint8_t banner_len;
	uint8_t banner[BANNER_MAX];
	struct buf kexinit; /* owned */
	uint32_t cut;
};

struct session {
	struct side side[2];
	uint64_t first_n, first_ts;
	bool reported;
};

static struct ssh_config ssh_config = { .max_held = 64 << 20 };

static const struct opt ssh_options[] = {
	OPT_ROW(0, "max-held", OPT_SIZE, struct ssh_config, max_held, "BYTES",
		"memory for key exchange lists that wait for the other side's"),
	{ 0 },
};

/* ---- the record ----------------------------------------------------------------------------- */

/* cut: the bit for it where there are more. */
static struct rec_list names_of(struct l7_flow *f, struct bytes list, struct side *side,
				uint32_t cut)
{
	struct bytes *names = l7_scratch(f, NAMES_MAX * sizeof(*names)), more;
	size_t n = 0;

	while (names && n < NAMES_MAX && ssh_next_name(&list, &names[n]))
		n++;
	if (ssh_next_name(&list, &more))
		side->cut |= cut;
	return (struct rec_list)LIST_OF(names, n);
}

/* What HASSH is the MD5 of: "kex;encryption;mac;compression" of the side that sends. */
static struct bytes hassh_text(struct l7_flow *f, const struct ssh_kexinit *k, bool server)
{
	const enum ssh_list parts[] = { SSH_KEX, server ? SSH_CIPHER_S2C : SSH_CIPHER_C2S,
					server ? SSH_MAC_S2C : SSH_MAC_C2S,
					server ? SSH_COMP_S2C : SSH_COMP_C2S };
	uint8_t *text = l7_scratch(f, PACKET_MAX + 4);
	size_t n = 0;

	for (int i = 0; text && i < 4; i++) {
		struct bytes b = k->list[parts[i]];

		if (i)
			text[n++] = ';';
		if (b.len)
			memcpy(text + n, b.ptr, b.len);
		n += b.len;
	}
	return text ? BYTES(text, n) : BYTES(NULL, 0);
}

static struct bytes hassh(struct l7_flow *f, struct bytes text)
{
	char *hex = l7_scratch(f, DIGEST_HEX);

	return hex && text.ptr ? bytes_str(digest_hex(DIGEST_MD5, text, hex)) : BYTES(NULL, 0);
}

/* Bits of those that may have been cut. */
static uint32_t agreements(struct rec_ssh *r, const struct ssh_kexinit *client,
			   const struct ssh_kexinit *server)
{
	struct bytes *const to[] = { &r->kex_alg, &r->host_key_alg, &r->cipher_c2s, &r->cipher_s2c,
				     &r->mac_c2s, &r->mac_s2c,      &r->comp_c2s,   &r->comp_s2c };
	uint32_t cut = 0;
	bool more;

	for (int i = 0; i < AGREED; i++) {
		*to[i] = ssh_agreed(client->list[i], server->list[i], &more);
		cut |= (uint32_t)more << i;
	}
	return cut;
}

static struct bytes banner_of(const struct side *side)
{
	return side->banner_len ? BYTES(side->banner, side->banner_len) : BYTES(NULL, 0);
}

static void report(struct l7_flow *f)
{
	struct session *s = l7_state(f);
	struct side *client = &s->side[L7_ORIG], *server = &s->side[L7_RESP];
	struct ssh_kexinit c = { 0 }, v = { 0 };
	struct rec_ssh r = { .client_banner = banner_of(client),
			     .server_banner = banner_of(server),
			     .first_n = SOME(s->first_n) };
	struct bytes any = r.server_banner.len ? r.server_banner : r.client_banner;
	bool has_c = ssh_kexinit_parse(buf_bytes(&client->kexinit), &c);
	bool has_v = ssh_kexinit_parse(buf_bytes(&server->kexinit), &v);
	struct bytes cut[CUTS];
	uint32_t agreed_cut = 0;

	s->reported = true;
	if (any.len > 6) /* SSH-1.99 speaks version 2, too */
		r.version = SOME(any.ptr[4] == '1' && memcmp(any.ptr + 4, "1.99", 4) != 0 ? 1 : 2);
	if (has_c) {
		r.client_kex = names_of(f, c.list[SSH_KEX], client, CUT_KEX);
		r.client_host_keys = names_of(f, c.list[SSH_HOST_KEY], client, CUT_HOST_KEYS);
		r.hassh_algorithms = hassh_text(f, &c, false);
		r.hassh = hassh(f, r.hassh_algorithms);
	}
	if (has_v) {
		r.server_kex = names_of(f, v.list[SSH_KEX], server, CUT_KEX);
		r.server_host_keys = names_of(f, v.list[SSH_HOST_KEY], server, CUT_HOST_KEYS);
		r.hassh_server_algorithms = hassh_text(f, &v, true);
		r.hassh_server = hassh(f, r.hassh_server_algorithms);
	}
	if (has_c && has_v)
		agreed_cut = agreements(&r, &c, &v);
	r.truncated = l7_names(client->cut | server->cut << CUT_EACH | agreed_cut << CUT_AGREED,
			       cut_names, CUTS, cut);
	l7_emit_rec(f, s->first_ts, &rec_ssh_desc, &r);
}

/* ---- the streams ---------------------------------------------------------------------------- */

static bool begins(struct bytes line, const char *with)
{
	size_t n = strlen(with);

	return line.len >= n && memcmp(line.ptr, with, n) == 0;
}

/* A line up to its newline, RFC 4253, 4.2; what stands before the banner is the server's to say. */
static size_t line(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct session *s = l7_state(f);
	struct side *side = &s->side[dir];
	size_t from = l7_scanned(f, dir) < data.len ? l7_scanned(f, dir) : 0;
	const uint8_t *end = memchr(data.ptr + from, '\n', data.len - from);
	struct bytes text = BYTES(data.ptr, end ? (size_t)(end - data.ptr) : data.len);

	if (!end && data.len > BEFORE_MAX)
		l7_poison(f, "no end of a line");
	if (!end)
		return 0;
	if (text.len && text.ptr[text.len - 1] == '\r')
		text.len--;
	if (begins(text, "SSH-")) {
		side->banner_len = (uint8_t)(text.len < BANNER_MAX ? text.len : BANNER_MAX);
		memcpy(side->banner, text.ptr, side->banner_len);
		side->cut |= text.len > BANNER_MAX ? CUT_BANNER : 0;
		side->at = begins(text, "SSH-2") || begins(text, "SSH-1.99") ? SIDE_PACKETS
									     : SIDE_DONE;
		if (!s->first_n) {
			s->first_n = l7_start_n(f, dir);
			s->first_ts = l7_start_ts(f, dir);
		}
	} else {
		side->before += text.len + 1;
		if (dir == L7_ORIG || side->before > BEFORE_MAX)
			l7_poison(f, "no identification");
	}
	return (size_t)(end - data.ptr) + 1;
}

static void kexinit_keep(struct l7_flow *f, struct side *side, struct bytes payload)
{
	const struct ssh_config *config = l7_config(f);
	const struct session *s = l7_state(f);

	if (payload.len > config->max_held) {
		side->cut |= CUT_KEX | CUT_HOST_KEYS;
		return;
	}
	buf_add(&side->kexinit, payload.ptr, payload.len);
	l7_hold(f, s->side[0].kexinit.size + s->side[1].kexinit.size, config->max_held);
}

/* A binary packet in clear, RFC 4253, 6. */
static size_t packet(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct side *side = &((struct session *)l7_state(f))->side[dir];
	struct cursor c = cursor_of(data);
	uint32_t length = cursor_be32(&c), padding = cursor_u8(&c);
	struct ssh_kexinit k;
	struct bytes payload;

	if (c.failed)
		return 0;
	if (length > PACKET_MAX || length < padding + 2) {
		l7_poison(f, "bad packet length");
		return 0;
	}
	if (data.len < 4 + length) {
		l7_want(f, dir, 4 + length);
		return 0;
	}
	payload = cursor_bytes(&c, length - padding - 1);
	if (ssh_kexinit_parse(payload, &k)) {
		kexinit_keep(f, side, payload);
		side->at = SIDE_DONE;
	} else if (payload.ptr[0] == NEWKEYS) {
		side->at = SIDE_DONE;
	}
	return 4 + length;
}

static size_t ssh_feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct session *s = l7_state(f);
	struct side *side = &s->side[dir];
	size_t n;

	if (side->at == SIDE_DONE)
		return data.len;
	n = side->at == SIDE_BANNER ? line(f, dir, data) : packet(f, dir, data);
	if (s->side[0].at == SIDE_DONE && s->side[1].at == SIDE_DONE) {
		report(f);
		l7_done(f);
	}
	return n;
}

static enum l7_claim ssh_claims(const struct l7_first *first)
{
	size_t n = first->data.len < 4 ? first->data.len : 4;

	if (first->proto != IPPROTO_TCP || first->midstream)
		return L7_NO;
	if (memcmp(first->data.ptr, "SSH-", n) == 0)
		return n == 4 ? L7_YES : L7_MAYBE;
	/* Lines before the banner are only believed where SSH is to be expected. */
	return first->resp_p == 22 && first->dir == L7_RESP ? L7_YES : L7_NO;
}

static void ssh_end(struct l7_flow *f, enum l7_end why)
{
	struct session *s = l7_state(f);

	(void)why;
	if (!s->reported && s->first_n)
		report(f);
	for (int i = 0; i < 2; i++)
		buf_release(&s->side[i].kexinit);
	l7_hold(f, 0, ((const struct ssh_config *)l7_config(f))->max_held);
}

static const char *const ssh_protocols[] = { "ssh", NULL };

const struct l7_parser ssh_parser = {
	.name = "ssh",
	.summary = "make SSH records out of streams",
	.options = ssh_options,
	.config = &ssh_config,
	.protocols = ssh_protocols,
	.state_size = sizeof(struct session),
	.claims = ssh_claims,
	.feed = ssh_feed,
	.end = ssh_end,
};
