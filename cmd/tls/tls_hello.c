/* tls_hello: ClientHello and ServerHello, in TLS and in SSLv2 form, as slices of their bytes. */
#include "cmd/tls/tls.h"

enum {
	EXT_SERVER_NAME = 0,
	EXT_SUPPORTED_GROUPS = 10,
	EXT_EC_POINT_FORMATS = 11,
	EXT_SIGNATURE_ALGORITHMS = 13,
	EXT_ALPN = 16,
	EXT_SESSION_TICKET = 35,
	EXT_DRAFT_KEY_SHARE = 40, /* drafts up to 22 */
	EXT_PRE_SHARED_KEY = 41,
	EXT_EARLY_DATA = 42,
	EXT_SUPPORTED_VERSIONS = 43,
	EXT_PSK_MODES = 45,
	EXT_KEY_SHARE = 51,
	EXT_ECH = 0xfe0d,
};

/* RFC 8446 section 4.1.3: the random of a ServerHello that is a HelloRetryRequest. */
static const uint8_t retry_random[32] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
	0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

static struct cursor over(struct bytes b)
{
	return b.ptr ? cursor_of(b) : cursor_of(BYTES_LIT(""));
}

/* What is there of n bytes; short of them the cursor fails but the rest is still given. */
static struct bytes up_to(struct cursor *c, size_t n)
{
	size_t left = cursor_left(c);
	struct bytes b;

	if (c->failed || n <= left)
		return cursor_bytes(c, n);
	b = cursor_bytes(c, left);
	c->failed = true;
	return b;
}

static struct bytes vector8(struct cursor *c)
{
	return up_to(c, cursor_u8(c));
}

static struct bytes vector16(struct cursor *c)
{
	return up_to(c, cursor_be16(c));
}

/* A 16-bit counted list that fills the extension. */
static struct bytes list_of(struct bytes data, bool *bad)
{
	struct cursor c = over(data);
	struct bytes list = vector16(&c);

	*bad |= c.failed || cursor_left(&c);
	return list;
}

static struct bytes list16_of(struct bytes data, bool *bad)
{
	struct bytes list = list_of(data, bad);

	*bad |= list.len & 1;
	list.len &= ~(size_t)1;
	return list;
}

/* An 8-bit counted list that fills the extension. */
static struct bytes list8_of(struct bytes data, bool *bad)
{
	struct cursor c = over(data);
	struct bytes list = vector8(&c);

	*bad |= c.failed || cursor_left(&c);
	return list;
}

bool tls_ext_next(struct cursor *c, uint16_t *type, struct bytes *data)
{
	if (cursor_left(c) == 0)
		return false;
	*type = cursor_be16(c);
	*data = cursor_bytes(c, cursor_be16(c));
	return !c->failed;
}

bool tls_alpn_next(struct cursor *c, struct bytes *name)
{
	if (cursor_left(c) == 0)
		return false;
	*name = cursor_bytes(c, cursor_u8(c));
	return !c->failed;
}

/* RFC 6066 section 3: the first name of type host_name. */
static struct bytes host_name(struct bytes data, bool *bad)
{
	struct bytes list = list_of(data, bad);
	struct cursor c = over(list);

	while (cursor_left(&c)) {
		uint8_t type = cursor_u8(&c);
		struct bytes name = vector16(&c);

		if (c.failed) {
			*bad = true;
			break;
		}
		if (type == 0)
			return name;
	}
	return BYTES(NULL, 0);
}

/* draft-ietf-tls-esni section 5: only the outer form has parameters in clear. */
static void ech_parse(struct bytes data, struct tls_client_hello *h)
{
	struct cursor c = over(data);

	if (cursor_u8(&c) != 0)
		return;
	h->ech_kdf = cursor_be16(&c);
	h->ech_aead = cursor_be16(&c);
	h->ech_config_id = cursor_u8(&c);
	h->has_ech = !c.failed;
}

/* Of an extension that is there twice the first counts. */
static void keep_first(struct bytes *at, struct bytes value)
{
	if (!at->ptr)
		*at = value;
}

static bool client_ext(struct tls_client_hello *h, uint16_t type, struct bytes data)
{
	bool bad = false;

	switch (type) {
	case EXT_SERVER_NAME:
		h->has_sni = true;
		if (data.len) /* empty in some old stacks, and in a resumed session's copy */
			keep_first(&h->sni, host_name(data, &bad));
		break;
	case EXT_ALPN:
		keep_first(&h->alpn, list_of(data, &bad));
		break;
	case EXT_SUPPORTED_GROUPS:
		keep_first(&h->groups, list16_of(data, &bad));
		break;
	case EXT_EC_POINT_FORMATS:
		keep_first(&h->point_formats, list8_of(data, &bad));
		break;
	case EXT_SIGNATURE_ALGORITHMS:
		keep_first(&h->sig_algs, list16_of(data, &bad));
		break;
	case EXT_SUPPORTED_VERSIONS:
		keep_first(&h->versions, list8_of(data, &bad));
		bad |= h->versions.len & 1;
		h->versions.len &= ~(size_t)1;
		break;
	case EXT_DRAFT_KEY_SHARE:
	case EXT_KEY_SHARE:
		keep_first(&h->key_shares, list_of(data, &bad));
		break;
	case EXT_PSK_MODES:
		keep_first(&h->psk_modes, list8_of(data, &bad));
		break;
	case EXT_SESSION_TICKET:
		h->has_ticket = data.len > 0;
		break;
	case EXT_PRE_SHARED_KEY:
		h->has_psk = true;
		break;
	case EXT_EARLY_DATA:
		h->has_early_data = true;
		break;
	case EXT_ECH:
		if (!h->has_ech)
			ech_parse(data, h);
		break;
	}
	return !bad;
}

bool tls_client_hello_parse(struct bytes body, struct tls_client_hello *h)
{
	struct cursor c = over(body), exts;
	struct bytes data;
	uint16_t type;

	*h = (struct tls_client_hello){ .version = cursor_be16(&c) };
	h->random = cursor_bytes(&c, 32);
	if (c.failed)
		return false;
	h->session_id = vector8(&c);
	h->ciphers = vector16(&c);
	h->malformed = h->ciphers.len & 1 || h->session_id.len > 32;
	h->ciphers.len &= ~(size_t)1;
	h->comp_methods = vector8(&c);
	if (cursor_left(&c) && !c.failed) {
		h->exts = vector16(&c);
		exts = over(h->exts);
		while (tls_ext_next(&exts, &type, &data))
			h->malformed |= !client_ext(h, type, data);
		h->cut = exts.failed;
	}
	h->cut |= c.failed;
	h->malformed |= h->cut;
	return true;
}

/* RFC 5246 appendix E.2. */
bool tls_client_hello_v2_parse(struct bytes body, struct tls_client_hello *h)
{
	struct cursor c = over(body);
	uint16_t ciphers, session_id, challenge;

	*h = (struct tls_client_hello){ .v2 = true };
	if (cursor_u8(&c) != TLS_CLIENT_HELLO)
		return false;
	h->version = cursor_be16(&c);
	ciphers = cursor_be16(&c);
	session_id = cursor_be16(&c);
	challenge = cursor_be16(&c);
	if (c.failed)
		return false;
	h->ciphers = up_to(&c, ciphers);
	h->session_id = up_to(&c, session_id);
	h->random = up_to(&c, challenge);
	h->cut = c.failed;
	h->malformed = c.failed || cursor_left(&c) || ciphers % 3;
	h->ciphers.len -= h->ciphers.len % 3;
	return true;
}

static void server_ext(struct tls_server_hello *h, uint16_t type, struct bytes data)
{
	struct cursor c = over(data);
	struct bytes name;
	bool bad = false;

	switch (type) {
	case EXT_SUPPORTED_VERSIONS:
		h->selected = cursor_be16(&c);
		h->tls13 = true;
		h->malformed |= c.failed;
		break;
	case EXT_DRAFT_KEY_SHARE:
	case EXT_KEY_SHARE: /* the selected group comes first in both of its forms */
		h->group = cursor_be16(&c);
		h->has_group = !c.failed;
		break;
	case EXT_PRE_SHARED_KEY:
		h->has_psk = true;
		break;
	case EXT_ECH:
		h->has_ech = true;
		break;
	case EXT_ALPN:
		c = over(list_of(data, &bad));
		if (tls_alpn_next(&c, &name))
			keep_first(&h->alpn, name);
		h->malformed |= bad;
		break;
	}
}

static void server_exts(struct tls_server_hello *h, struct cursor *c)
{
	struct cursor exts;
	struct bytes data;
	uint16_t type;

	if (c->failed || cursor_left(c) == 0) {
		h->cut = c->failed;
		h->malformed |= h->cut;
		return;
	}
	h->exts = vector16(c);
	exts = over(h->exts);
	while (tls_ext_next(&exts, &type, &data))
		server_ext(h, type, data);
	h->cut = c->failed || exts.failed;
	h->malformed |= h->cut;
}

/* Drafts up to 21 of TLS 1.3 have neither session id nor compression method. Some name 0x0304
 * itself, which no later ServerHello has here: RFC 8446 section 4.1.3 freezes it at 0x0303. */
static bool is_old_draft(uint16_t version)
{
	return version == 0x0304 || (version > 0x7f00 && version <= 0x7f15);
}

bool tls_server_hello_parse(struct bytes body, struct tls_server_hello *h)
{
	struct cursor c = over(body);

	*h = (struct tls_server_hello){ .version = cursor_be16(&c) };
	h->selected = h->version;
	h->tls13 = h->version >> 8 == 0x7f || h->version == 0x0304;
	h->random = cursor_bytes(&c, 32);
	if (!is_old_draft(h->version))
		h->session_id = cursor_bytes(&c, cursor_u8(&c));
	h->cipher = cursor_be16(&c);
	if (!is_old_draft(h->version))
		cursor_u8(&c);
	if (c.failed)
		return false;
	h->malformed = h->session_id.len > 32;
	h->retry = bytes_equal(h->random, BYTES(retry_random, sizeof(retry_random)));
	h->tls13 |= h->retry;
	server_exts(h, &c);
	return true;
}

bool tls_draft_retry_parse(struct bytes body, struct tls_server_hello *h)
{
	struct cursor c = over(body);

	*h = (struct tls_server_hello){ .version = cursor_be16(&c), .retry = true, .tls13 = true };
	h->selected = h->version;
	if (h->version >= 0x7f13) /* drafts 19 to 21 name the cipher suite */
		h->cipher = cursor_be16(&c);
	if (c.failed)
		return false;
	server_exts(h, &c);
	return true;
}

/* draft-hickman-netscape-ssl: type, session id hit, certificate type, version, then lengths. */
bool tls_server_hello_v2_parse(struct bytes body, struct tls_server_hello *h)
{
	struct cursor c = over(body);

	*h = (struct tls_server_hello){ .v2 = true };
	if (cursor_u8(&c) != 4)
		return false;
	cursor_skip(&c, 2);
	h->version = h->selected = cursor_be16(&c);
	return !c.failed && h->version == 0x0002;
}
