/* tls: the parts of the TLS parser, from record layer to handshake record.
 *
 * tls_record.c turns a byte stream into events, tls_hello.c a message into fields,
 * tls_fingerprint.c fields into JA3 and JA4, tls_session.c follows a handshake, tls_report.c
 * writes its record. All are pure; only the session knows the engine. */
#ifndef WEIR_TLS_H
#define WEIR_TLS_H

#include "libcommon/stage/l7.h"
#include "libcommon/stage/l7_spares.h"

enum {
	TLS_CHANGE_CIPHER_SPEC = 20, /* content types, RFC 8446 section 5.1 */
	TLS_ALERT = 21,
	TLS_HANDSHAKE = 22,
	TLS_APPLICATION_DATA = 23,
	TLS_HEARTBEAT = 24,

	TLS_HELLO_REQUEST = 0, /* handshake types, RFC 8446 section 4 and RFC 5246 section 7.4 */
	TLS_CLIENT_HELLO = 1,
	TLS_SERVER_HELLO = 2,
	TLS_NEW_SESSION_TICKET = 4,
	TLS_DRAFT_HELLO_RETRY = 6,
	TLS_CERTIFICATE = 11,
	TLS_SERVER_KEY_EXCHANGE = 12,
	TLS_CERTIFICATE_REQUEST = 13,
	TLS_SERVER_HELLO_DONE = 14,
	TLS_CERTIFICATE_VERIFY = 15,
	TLS_CLIENT_KEY_EXCHANGE = 16,
	TLS_FINISHED = 20,
	TLS_MAX_HANDSHAKE_TYPE = 254,

	TLS_MAX_RECORD = 16384 + 2048, /* RFC 5246 section 6.2.3 */
	TLS_HISTORY = 100,
	TLS_ALERTS = 16,
};

/* GREASE values, RFC 8701: 0x0a0a, 0x1a1a, .. 0xfafa. */
static inline bool tls_is_grease(uint16_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* ---- names, as in the IANA registries; NULL for what they do not list ---------------------- */

const char *tls_cipher_name(uint16_t id);
const char *tls_group_name(uint16_t id);
const char *tls_alert_name(uint8_t desc);
/* "TLSv12", "TLSv13-draft23": Zeek's form. text: where a made-up name goes, 24 bytes. */
const char *tls_version_name(uint16_t version, char *text);

/* ---- hello messages ------------------------------------------------------------------------ */

/* Slices of the message body; absent ones have a NULL ptr. Lists of 16-bit values have their
 * length prefix removed and an even length. */
struct tls_client_hello {
	uint16_t version; /* legacy_version */
	bool v2;          /* SSLv2 framing: ciphers are 3 bytes each, no extensions */
	bool cut;         /* ends amid a list or the extensions: no ground for a fingerprint */
	bool malformed;   /* cut, or a length inside an extension does not fit */
	struct bytes random, session_id, ciphers, comp_methods;
	struct bytes exts; /* the whole block, for tls_ext_next() */
	struct bytes sni, alpn, groups, point_formats, sig_algs, versions, key_shares, psk_modes;
	bool has_sni, has_ticket, has_psk, has_early_data; /* has_ticket: a non-empty one */
	bool has_ech;
	uint16_t ech_kdf, ech_aead;
	uint8_t ech_config_id;
};

struct tls_server_hello {
	uint16_t version;  /* legacy_version */
	uint16_t selected; /* negotiated: supported_versions where present, else legacy */
	uint16_t cipher;
	bool v2, cut, malformed;
	bool tls13; /* TLS 1.3, one of its drafts or experiments */
	bool retry; /* a HelloRetryRequest */
	bool has_psk, has_ech, has_group;
	uint16_t group;
	struct bytes random, session_id, exts, alpn;
};

/* `body` is the message without its 4-byte header; for the v2 ones the whole SSLv2 message from
 * its type byte on. False where not even the fixed part is there. */
bool tls_client_hello_parse(struct bytes body, struct tls_client_hello *h);
bool tls_client_hello_v2_parse(struct bytes body, struct tls_client_hello *h);
bool tls_server_hello_parse(struct bytes body, struct tls_server_hello *h);
bool tls_server_hello_v2_parse(struct bytes body, struct tls_server_hello *h);
/* HelloRetryRequest as a message of its own: drafts up to 21. */
bool tls_draft_retry_parse(struct bytes body, struct tls_server_hello *h);

/* The next extension of a block. False at its end or where a length does not fit (c->failed). */
bool tls_ext_next(struct cursor *c, uint16_t *type, struct bytes *data);
/* The next name of an ALPN list, as in struct tls_client_hello. */
bool tls_alpn_next(struct cursor *c, struct bytes *name);

/* ---- fingerprints -------------------------------------------------------------------------- */

/* Append the strings whose MD5 is JA3, JA3S. */
void tls_ja3_text(const struct tls_client_hello *h, struct buf *out);
void tls_ja3s_text(const struct tls_server_hello *h, struct buf *out);

enum { TLS_JA4_SIZE = 37 };
/* JA4 of a TLS client, as JA4.md has it. transport: 't' for TCP. Appends the unhashed form to
 * raw; `sort` is scratch. */
void tls_ja4(const struct tls_client_hello *h, char transport, char out[TLS_JA4_SIZE],
	     struct buf *raw, struct buf *sort);

/* ---- record layer -------------------------------------------------------------------------- */

/* Memory for messages, over all flows. */
struct tls_memory {
	uint64_t max_message, max_held; /* bytes; from the options */
	struct l7_spares spares;        /* for messages */
};

enum tls_event {
	TLS_EV_NEED,         /* the bytes are used up */
	TLS_EV_RECORD,       /* a record header; the caller may set `opaque` for its contents */
	TLS_EV_MESSAGE,      /* a handshake message is whole: hs_type, body */
	TLS_EV_ALERT,        /* alert_level, alert_desc */
	TLS_EV_CCS,          /* a ChangeCipherSpec record is over */
	TLS_EV_HEARTBEAT,    /* a heartbeat record is over */
	TLS_EV_HIDDEN_ALERT, /* an opaque alert record is over */
	TLS_EV_INTERLEAVED,  /* another content type amid the fragments of a message */
	TLS_EV_LOST,         /* no record starts behind a gap */
	TLS_EV_NOT_TLS,      /* this is no record header */
	TLS_EV_TOO_LONG,     /* record length above the limit */
};

/* One direction. A zeroed struct is ready to use, but for `memory`. */
struct tls_side {
	struct tls_memory *memory;
	/* set by the caller before each piece: what brought it */
	uint64_t ts, n;
	unsigned segments;
	/* the record at hand */
	uint8_t head[5], head_len;
	uint8_t type;
	uint16_t version, left;
	bool in_record, opaque, v2, resync, first_over;
	/* the handshake message at hand; its bytes are in body as far as they are kept */
	uint8_t hs_head[4], hs_head_len, hs_type;
	bool hs_typed, hs_done, hs_marked;
	bool hs_cut;       /* some of its bytes are missing or were not kept */
	bool hs_lost;      /* no telling where messages start */
	bool hello_only;   /* after this side's ChangeCipherSpec: only a ClientHello can be in clear
			    */
	bool encrypted;    /* what follows is opaque */
	bool clear_alerts; /* but for alerts of 2 bytes: TLS 1.3 */
	uint32_t hs_len, hs_left;
	uint16_t hs_version; /* of the record it began in */
	uint16_t hs_records, hs_segments;
	uint64_t hs_ts, hs_n;
	struct buf body;
	uint8_t alert_level, alert_desc;
	bool alert_half;
	/* kept by the session */
	bool app_data, lost;
};

/* Takes bytes off *in up to the next event. */
enum tls_event tls_record_next(struct tls_side *s, struct bytes *in);
/* Call before the first tls_record_next() of a piece. */
void tls_record_piece(struct tls_side *s, uint64_t ts, uint64_t n, unsigned segments);
/* `missing` bytes will never come. */
void tls_record_gap(struct tls_side *s, uint64_t missing);
/* Is the message at hand the whole of what was sent? */
bool tls_record_whole(const struct tls_side *s);
void tls_record_release(struct tls_side *s);

/* Could `data` be the start of a TLS flow? */
enum l7_claim tls_claims(const struct l7_first *first);

/* ---- one handshake ------------------------------------------------------------------------- */

struct tls_seen_alert {
	uint8_t dir, level, desc;
	bool encrypted;
};

struct tls_handshake {
	struct buf ch, sh; /* bodies of the first ClientHello and of the ServerHello */
	bool begun;        /* something was seen */
	bool have_ch, have_sh, ch_v2, sh_v2;
	bool ch_cut, sh_cut; /* seen, but its bytes were not kept */
	bool hrr, hrr_ech, hrr_group;
	bool retried; /* the ClientHello behind it was seen */
	bool tls13, have_version, have_cipher, have_group;
	bool key_exchange, ticket_resumed, established;
	uint16_t version, cipher, group, retry_cipher;
	uint16_t record_version, ch_segments;
	uint32_t ch_len;
	uint64_t first_ts, first_n, ch_ts, sh_ts, gap;
	uint8_t nalerts;
	bool more_alerts;
	struct tls_seen_alert alerts[TLS_ALERTS];
	uint8_t nhistory;
	bool more_history;
	char history[TLS_HISTORY];
};

struct tls_config {
	uint64_t max_message, max_held; /* bytes */
};

/* Scratch of the reports, kept between them. */
struct tls_scratch {
	struct buf ja3, ja3s, ja4_r, sort, lists;
};

/* What all flows of an engine share. */
struct tls_shared {
	struct tls_memory memory;
	struct tls_scratch scratch;
};

extern struct tls_config tls_config;
extern const struct l7_parser tls_parser;

/* Emits the `tls` record of h. */
void tls_report(struct l7_flow *f, const struct tls_handshake *h, struct tls_scratch *scratch);

/* Takes what reports need before the first of them. */
void tls_report_warm_up(struct tls_scratch *scratch);
void tls_scratch_release(struct tls_scratch *scratch);

#endif
