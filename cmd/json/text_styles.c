/* text_styles: what a line of text says of each record type that we know. */
#include <inttypes.h>

#include "cmd/json/text.h"

/* ---- pieces: each appends " piece", or nothing where the field is absent or left out --------- */

static bool there(const struct render_plan *p, int which)
{
	int at = p->brief[which];

	return at >= 0 && p->view->values[at].len && p->view->values[at].ptr[0] != 0xc0;
}

static uint64_t number(const struct render_plan *p, int which)
{
	struct mp_value v = rec_view_value(p->view, p->brief[which]);

	return v.type == MP_UINT ? v.u : v.type == MP_BOOL ? v.b : 0;
}

static struct bytes text(const struct render_plan *p, int which)
{
	struct mp_value v = rec_view_value(p->view, p->brief[which]);

	return v.type == MP_STR || v.type == MP_BIN ? v.bytes : BYTES(NULL, 0);
}

/* The value alone, without a space before it. */
static void bare(const struct render_plan *p, int which, struct buf *out)
{
	struct cursor c;

	if (!there(p, which))
		return;
	c = cursor_of(p->view->values[p->brief[which]]);
	text_value(&p->fields[p->brief[which]], &c, out, 0);
}

static void piece(const struct render_plan *p, int which, struct buf *out)
{
	if (!there(p, which))
		return;
	buf_add_byte(out, ' ');
	bare(p, which, out);
}

static void piece_after(const struct render_plan *p, int which, const char *before, struct buf *out)
{
	if (!there(p, which))
		return;
	buf_add_str(out, before);
	bare(p, which, out);
}

/* " 11/8 pkts": of both sides, left out where neither is there. */
static void both(const struct render_plan *p, int orig, int resp, bool sizes, const char *unit,
		 struct buf *out)
{
	if (!there(p, orig) || !there(p, resp))
		return;
	buf_add_byte(out, ' ');
	if (sizes) {
		text_size(out, number(p, orig));
		buf_add_byte(out, '/');
		text_size(out, number(p, resp));
	} else {
		buf_printf(out, "%" PRIu64 "/%" PRIu64, number(p, orig), number(p, resp));
	}
	buf_add_str(out, unit);
}

static void bytes_of(const struct render_plan *p, int which, struct buf *out)
{
	uint64_t v = number(p, which);

	if (!there(p, which))
		return;
	buf_add_byte(out, ' ');
	if (v < 10000)
		buf_printf(out, "%" PRIu64, v);
	else
		text_size(out, v);
	buf_add_str(out, v < 10000 ? " B" : "B");
}

/* ---- flow ---------------------------------------------------------------------------------- */

enum {
	FLOW_EVENT,
	FLOW_STATE,
	FLOW_REASON,
	FLOW_ORIG_PKTS,
	FLOW_RESP_PKTS,
	FLOW_ORIG_BYTES,
	FLOW_RESP_BYTES,
	FLOW_DURATION,
	FLOW_VLAN,
	FLOW_MIDSTREAM,
	FLOW_ORIG_BAD,
	FLOW_RESP_BAD,
	FLOW_HISTORY,
};

/* "SF fin 11/8 pkts 1.0k/7.4kB 0.16s ShADdFf". No reason: the input ended before the flow. */
static void write_flow(const struct render_plan *p, struct buf *out)
{
	uint64_t reason = number(p, FLOW_REASON);

	if (number(p, FLOW_EVENT) == REC_flow_event_END)
		piece(p, FLOW_STATE, out);
	else
		piece(p, FLOW_EVENT, out);
	if (reason != REC_flow_reason_NONE && reason != REC_flow_reason_END_OF_INPUT)
		piece(p, FLOW_REASON, out);
	both(p, FLOW_ORIG_PKTS, FLOW_RESP_PKTS, false, " pkts", out);
	both(p, FLOW_ORIG_BYTES, FLOW_RESP_BYTES, true, "B", out);
	if (number(p, FLOW_DURATION))
		piece(p, FLOW_DURATION, out);
	piece_after(p, FLOW_VLAN, " vlan ", out);
	if (number(p, FLOW_MIDSTREAM))
		buf_add_str(out, " midstream");
	if (number(p, FLOW_ORIG_BAD) || number(p, FLOW_RESP_BAD))
		buf_printf(out, " bad checksums %" PRIu64 "/%" PRIu64, number(p, FLOW_ORIG_BAD),
			   number(p, FLOW_RESP_BAD));
	piece(p, FLOW_HISTORY, out);
}

/* ---- dns ----------------------------------------------------------------------------------- */

enum {
	DNS_QTYPE,
	DNS_QUERY,
	DNS_STATE,
	DNS_RCODE,
	DNS_RCODE_NAME,
	DNS_ANSWERS,
	DNS_TC,
	DNS_RETRIES,
	DNS_RTT,
};

/* "A www.example.com -> 198.51.100.80 12.0ms", "A wpad.example.com NXDOMAIN 12.0ms". */
static void write_dns(const struct render_plan *p, struct buf *out)
{
	piece(p, DNS_QTYPE, out);
	piece(p, DNS_QUERY, out);
	if (number(p, DNS_STATE) != REC_dns_state_ANSWERED)
		piece(p, DNS_STATE, out);
	if (number(p, DNS_RCODE) || !there(p, DNS_ANSWERS))
		piece(p, DNS_RCODE_NAME, out);
	if (number(p, DNS_TC))
		buf_add_str(out, " truncated");
	piece_after(p, DNS_ANSWERS, " -> ", out);
	if (number(p, DNS_RETRIES))
		buf_printf(out, " asked %" PRIu64 " times", number(p, DNS_RETRIES) + 1);
	piece(p, DNS_RTT, out);
}

/* ---- http ---------------------------------------------------------------------------------- */

enum {
	HTTP_METHOD,
	HTTP_HOST,
	HTTP_URI,
	HTTP_STATUS,
	HTTP_OUTCOME,
	HTTP_BODY,
	HTTP_TYPE,
	HTTP_GAP,
	HTTP_TAGS,
};

/* "GET www.example.com/ 200 5220 B text/html". */
static void write_http(const struct render_plan *p, struct buf *out)
{
	struct bytes uri = text(p, HTTP_URI);

	piece(p, HTTP_METHOD, out);
	if (uri.len && uri.ptr[0] == '/') {
		buf_add_byte(out, ' ');
		bare(p, HTTP_HOST, out);
		text_bytes(out, uri);
	} else {
		piece(p, uri.len ? HTTP_URI : HTTP_HOST, out);
	}
	piece(p, HTTP_STATUS, out);
	if (number(p, HTTP_OUTCOME) != REC_http_outcome_COMPLETED)
		piece(p, HTTP_OUTCOME, out);
	bytes_of(p, HTTP_BODY, out);
	if (number(p, HTTP_GAP))
		buf_printf(out, " (%" PRIu64 " missing)", number(p, HTTP_GAP));
	piece(p, HTTP_TYPE, out);
	piece_after(p, HTTP_TAGS, " odd: ", out);
}

/* ---- tls ----------------------------------------------------------------------------------- */

enum { TLS_VERSION, TLS_SNI, TLS_ALERTS, TLS_ALPN, TLS_CIPHER, TLS_JA4, TLS_JA3 };

/* What the alerts that could be read say; an encrypted one has no name. */
static void write_alerts(const struct render_plan *p, struct buf *out)
{
	struct cursor c;
	struct mp_value v;
	struct buf words = { 0 };

	if (!there(p, TLS_ALERTS))
		return;
	c = cursor_of(p->view->values[p->brief[TLS_ALERTS]]);
	v = mp_next(&c);
	for (uint32_t i = 0; v.type == MP_ARRAY && i < v.count; i++) {
		struct schema_field item = p->fields[p->brief[TLS_ALERTS]];

		item.list = false;
		words.len = 0;
		text_value(&item, &c, &words, 1);
		if (words.len && words.ptr[0] != '-') {
			buf_add_str(out, " alert ");
			buf_add(out, words.ptr, words.len);
		}
	}
	buf_release(&words);
}

/* "TLSv13 www.example.com h2 TLS_AES_128_GCM_SHA256 t13d.." */
static void write_tls(const struct render_plan *p, struct buf *out)
{
	piece(p, TLS_VERSION, out);
	piece(p, TLS_SNI, out);
	write_alerts(p, out);
	piece(p, TLS_ALPN, out);
	piece(p, TLS_CIPHER, out);
	piece(p, there(p, TLS_JA4) ? TLS_JA4 : TLS_JA3, out);
}

/* ---- ftp, tftp ------------------------------------------------------------------------------ */

enum { FTP_USER, FTP_COMMAND, FTP_ARG, FTP_CODE, FTP_MSG, FTP_SIZE, FTP_PORT, FTP_ADDR, FTP_TLS };

/* "bob RETR notes 226 done 700 B over 198.51.100.1:50000" */
static void write_ftp(const struct render_plan *p, struct buf *out)
{
	piece(p, FTP_USER, out);
	piece(p, FTP_COMMAND, out);
	piece(p, FTP_ARG, out);
	if (there(p, FTP_CODE))
		piece(p, FTP_CODE, out);
	else
		buf_add_str(out, " unanswered");
	piece(p, FTP_MSG, out);
	bytes_of(p, FTP_SIZE, out);
	piece_after(p, FTP_ADDR, " over ", out);
	piece_after(p, FTP_PORT, " port ", out);
	if (number(p, FTP_TLS))
		buf_add_str(out, " encrypted from here");
}

enum { DATA_SENDER, DATA_BYTES, DATA_MISSING, DATA_CONTROL };

static void write_ftp_data(const struct render_plan *p, struct buf *out)
{
	piece(p, DATA_SENDER, out);
	bytes_of(p, DATA_BYTES, out);
	if (number(p, DATA_MISSING))
		buf_printf(out, " (%" PRIu64 " missing)", number(p, DATA_MISSING));
	piece_after(p, DATA_CONTROL, " session ", out);
}

enum {
	TFTP_OP,
	TFTP_FILE,
	TFTP_MODE,
	TFTP_STATE,
	TFTP_BLOCKS,
	TFTP_BYTES,
	TFTP_MISSING,
	TFTP_ERROR,
	TFTP_ERROR_MSG,
};

/* "read completed 4 blocks 3100 B"; of a request "read boot.img octet" */
static void write_tftp(const struct render_plan *p, struct buf *out)
{
	piece(p, TFTP_OP, out);
	piece(p, TFTP_FILE, out);
	piece(p, TFTP_MODE, out);
	piece(p, TFTP_STATE, out);
	if (number(p, TFTP_BLOCKS)) {
		piece(p, TFTP_BLOCKS, out);
		buf_add_str(out, " blocks");
		bytes_of(p, TFTP_BYTES, out);
	}
	if (number(p, TFTP_MISSING))
		buf_printf(out, " (%" PRIu64 " missing)", number(p, TFTP_MISSING));
	piece_after(p, TFTP_ERROR, " error ", out);
	piece(p, TFTP_ERROR_MSG, out);
}

/* ---- smtp, ssh, guess ---------------------------------------------------------------------- */

enum {
	SMTP_HELO,
	SMTP_FROM,
	SMTP_TO,
	SMTP_SUBJECT,
	SMTP_BYTES,
	SMTP_CODE,
	SMTP_REPLY,
	SMTP_SERVER,
	SMTP_TLS,
};

/* "a@x.example > b@y.example "Hello" 700 B 250 queued"; without a mail who was there. */
static void write_smtp(const struct render_plan *p, struct buf *out)
{
	if (there(p, SMTP_FROM)) {
		if (text(p, SMTP_FROM).len)
			piece(p, SMTP_FROM, out);
		else /* a mail that may not be answered */
			buf_add_str(out, " <>");
		piece_after(p, SMTP_TO, " > ", out);
		if (there(p, SMTP_SUBJECT)) {
			piece_after(p, SMTP_SUBJECT, " \"", out);
			buf_add_byte(out, '"');
		}
		bytes_of(p, SMTP_BYTES, out);
	} else {
		piece(p, SMTP_HELO, out);
		piece_after(p, SMTP_SERVER, there(p, SMTP_HELO) ? " > " : " ", out);
	}
	piece(p, SMTP_CODE, out);
	piece(p, SMTP_REPLY, out);
	if (number(p, SMTP_TLS))
		buf_add_str(out, " encrypted from here");
}

enum { SSH_CLIENT, SSH_SERVER, SSH_KEX, SSH_HOST_KEY, SSH_CIPHER, SSH_HASSH };

/* "SSH-2.0-PuTTY > SSH-2.0-OpenSSH_9.2p1 curve25519-sha256 ssh-ed25519 aes128-ctr 76c8.." */
static void write_ssh(const struct render_plan *p, struct buf *out)
{
	piece(p, SSH_CLIENT, out);
	piece_after(p, SSH_SERVER, " > ", out);
	piece(p, SSH_KEX, out);
	piece(p, SSH_HOST_KEY, out);
	piece(p, SSH_CIPHER, out);
	piece(p, SSH_HASSH, out);
}

enum {
	GUESS_PROTOCOL,
	GUESS_CONFIDENCE,
	GUESS_STATE,
	GUESS_OVER,
	GUESS_REPLACES,
	GUESS_NAME,
	GUESS_WHY,
};

/* "tls 98% confirmed, was smtp, of mail.example.com: .." */
static void write_guess(const struct render_plan *p, struct buf *out)
{
	piece(p, GUESS_PROTOCOL, out);
	piece(p, GUESS_CONFIDENCE, out);
	if (there(p, GUESS_CONFIDENCE))
		buf_add_byte(out, '%');
	piece(p, GUESS_STATE, out);
	piece_after(p, GUESS_OVER, " over ", out);
	piece_after(p, GUESS_REPLACES, ", was ", out);
	piece_after(p, GUESS_NAME, ", of ", out);
	piece_after(p, GUESS_WHY, ": ", out);
}

/* ---- anomaly, ends ------------------------------------------------------------------------- */

enum { ODD_NAME, ODD_SEVERITY, ODD_EVENT, ODD_EXPECTED, ODD_STATE, ODD_COUNT };

/* "dns_label_overrun warning: label of 70 bytes, expected at most 63" */
static void write_anomaly(const struct render_plan *p, struct buf *out)
{
	piece(p, ODD_NAME, out);
	if (number(p, ODD_SEVERITY))
		piece(p, ODD_SEVERITY, out);
	piece_after(p, ODD_EVENT, ": ", out);
	piece_after(p, ODD_EXPECTED, ", expected ", out);
	piece_after(p, ODD_STATE, ", in state ", out);
	if (number(p, ODD_COUNT) > 1)
		piece_after(p, ODD_COUNT, ", times ", out);
}

enum {
	END_DIR,
	END_REASON,
	END_HIGHEST,
	END_DELIVERED,
	END_GAPS,
	END_GAP_BYTES,
	END_RETRANSMITTED,
	END_OUT_OF_ORDER,
	END_OVERLAPS,
	END_GAP_REASONS,
};

/* Bytes per reason, indexed by enum gap_reason: names those that are not 0. */
static void write_gap_reasons(const struct render_plan *p, struct buf *out)
{
	struct cursor c;
	struct mp_value v;
	const char *before = " (";

	if (!there(p, END_GAP_REASONS))
		return;
	c = cursor_of(p->view->values[p->brief[END_GAP_REASONS]]);
	v = mp_next(&c);
	for (uint32_t i = 0; v.type == MP_ARRAY && i < v.count; i++) {
		struct mp_value n = mp_next(&c);
		const char *name = rec_enum_text(&rec_enum_gap_reason, i);

		if (n.type != MP_UINT || !n.u || !name)
			continue;
		buf_printf(out, "%s%s", before, name);
		before = ", ";
	}
	if (before[0] == ',')
		buf_add_byte(out, ')');
}

/* "resp: 1448 of 9084 bytes missing in 1 gap (acked)", or how a stream without a gap ended. */
static void write_stream_end(const struct render_plan *p, struct buf *out)
{
	piece(p, END_DIR, out);
	if (number(p, END_GAP_BYTES)) {
		buf_printf(out, ": %" PRIu64 " of %" PRIu64 " bytes missing",
			   number(p, END_GAP_BYTES), number(p, END_HIGHEST));
		if (number(p, END_GAPS) > 1)
			buf_printf(out, " in %" PRIu64 " gaps", number(p, END_GAPS));
		write_gap_reasons(p, out);
	} else {
		piece(p, END_REASON, out);
		bytes_of(p, END_DELIVERED, out);
	}
	if (number(p, END_RETRANSMITTED))
		piece_after(p, END_RETRANSMITTED, ", bytes sent again: ", out);
	if (number(p, END_OUT_OF_ORDER))
		piece_after(p, END_OUT_OF_ORDER, ", segments out of order: ", out);
	if (number(p, END_OVERLAPS))
		piece_after(p, END_OVERLAPS, ", overlaps that differ: ", out);
}

enum { SESSION_PARSER, SESSION_REASON, SESSION_MESSAGES, SESSION_DETAIL };

static void write_session_end(const struct render_plan *p, struct buf *out)
{
	piece(p, SESSION_PARSER, out);
	piece(p, SESSION_REASON, out);
	piece_after(p, SESSION_MESSAGES, " messages ", out);
	piece_after(p, SESSION_DETAIL, ": ", out);
}

/* ---- the table ----------------------------------------------------------------------------- */

const struct text_style *text_style_of(const char *type)
{
	static const struct text_style styles[] = {
		{ "flow",
		  "\033[32m",
		  { "event", "conn_state", "reason", "orig_pkts", "resp_pkts", "orig_bytes",
		    "resp_bytes", "duration", "vlan", "midstream", "orig_bad_checksums",
		    "resp_bad_checksums", "history" },
		  write_flow },
		{ "dns",
		  "\033[36m",
		  { "qtype_name", "query", "state", "rcode", "rcode_name", "answers", "tc",
		    "retries", "rtt" },
		  write_dns },
		{ "http",
		  "\033[33m",
		  { "method", "host", "uri", "status_code", "outcome", "resp_body_len",
		    "resp_content_type", "gap", "tags" },
		  write_http },
		{ "tls",
		  "\033[35m",
		  { "version_name", "sni", "alerts", "alpn", "cipher_name", "ja4", "ja3" },
		  write_tls },
		{ "ftp",
		  "\033[34m",
		  { "user", "command", "arg", "reply_code", "reply_msg", "file_size", "data_resp_p",
		    "data_resp_h", "tls" },
		  write_ftp },
		{ "ftp_data",
		  "\033[34m",
		  { "sender", "bytes", "missing", "control" },
		  write_ftp_data },
		{ "tftp",
		  "\033[34m",
		  { "op", "filename", "mode", "state", "blocks", "bytes", "missing", "error_code",
		    "error_msg" },
		  write_tftp },
		{ "tftp_request", "\033[34m", { "op", "filename", "mode" }, write_tftp },
		{ "smtp",
		  "\033[34m",
		  { "helo", "mailfrom", "rcptto", "subject", "bytes", "reply_code", "last_reply",
		    "server", "tls" },
		  write_smtp },
		{ "ssh",
		  "\033[34m",
		  { "client_banner", "server_banner", "kex_alg", "host_key_alg", "cipher_c2s",
		    "hassh" },
		  write_ssh },
		{ "guess",
		  "\033[2m",
		  { "protocol", "confidence", "state", "over", "replaces_protocol", "server_name",
		    "why" },
		  write_guess },
		{ "anomaly",
		  "\033[31m",
		  { "name", "severity", "event", "expected", "state", "count" },
		  write_anomaly },
		{ "stream_end",
		  "\033[31m",
		  { "dir", "reason", "highest", "delivered", "gaps", "gap_bytes", "retransmitted",
		    "out_of_order", "overlaps", "gap_reasons" },
		  write_stream_end },
		{ "session_end",
		  "\033[2m",
		  { "parser", "reason", "messages", "detail" },
		  write_session_end },
	};

	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
		if (strcmp(styles[i].type, type) == 0)
			return &styles[i];
	return NULL;
}
