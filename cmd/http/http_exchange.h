/* http_exchange: one request and its response: what is kept of them until the record goes out. */
#ifndef WEIR_HTTP_EXCHANGE_H
#define WEIR_HTTP_EXCHANGE_H

#include "cmd/http/http.h"
#include "cmd/http/http_head.h"
#include "libcommon/base/die.h"
#include "libcommon/stage/l7.h"
#include "libcommon/stage/l7_spares.h"

enum {
	HTTP_VALUE_MAX = 4096,     /* bytes kept of one value */
	HTTP_INFO_MAX = 16,        /* 1xx codes kept */
	HTTP_COOKIES_MAX = 100,    /* names of cookies kept */
	HTTP_BODY_MAX = 48 * 1024, /* the most that --body-max gives */
	HTTP_SPARE_EXCHANGES = 64, /* kept for reuse */
};

enum http_who { HTTP_CLIENT, HTTP_SERVER };

/* Anomalies: id, name, severity, state, what happened, what would have been right. */
#define HTTP_TAGS(X)                                                                               \
	X(CL_TE, "http_cl_te", ALERT, "framing", "Content-Length and Transfer-Encoding",           \
	  "one of them")                                                                           \
	X(MULTI_CL, "http_multi_cl", ALERT, "framing", "Content-Length values that differ",        \
	  "one value")                                                                             \
	X(CL_INVALID, "http_cl_invalid", ALERT, "framing", "Content-Length is not a number",       \
	  "decimal digits below 2^64")                                                             \
	X(TE_UNKNOWN, "http_te_unknown", ALERT, "framing", "unknown transfer coding", "chunked")   \
	X(NON_FINAL_CHUNKED, "http_non_final_chunked", ALERT, "framing",                           \
	  "chunked is not the last coding", "chunked last")                                        \
	X(DUPLICATE_TE, "http_duplicate_transfer_encoding", ALERT, "framing",                      \
	  "Transfer-Encoding twice", "one field line")                                             \
	X(TE_IN_10, "http_te_in_10", ALERT, "framing", "Transfer-Encoding in HTTP/1.0",            \
	  "Content-Length or close")                                                               \
	X(CHUNK_OVERFLOW, "http_chunk_overflow", ALERT, "body",                                    \
	  "chunk size of more than 16 digits", "at most 16 hex digits")                            \
	X(CHUNK_INVALID, "http_chunk_invalid", ALERT, "body", "malformed chunk",                   \
	  "hex size, CRLF, data, CRLF")                                                            \
	X(DUPLICATE_HOST, "http_duplicate_host", ALERT, "head", "Host twice", "one Host field")    \
	X(OBS_FOLD, "http_obs_fold", WARNING, "head", "folded field line", "one line a field")     \
	X(BARE_LF, "http_bare_lf", WARNING, "head", "line ended by LF alone", "CRLF")              \
	X(BARE_CR, "http_bare_cr", ALERT, "head", "CR without LF", "CRLF")                         \
	X(WS_BEFORE_COLON, "http_ws_before_colon", ALERT, "head", "white space before the colon",  \
	  "name:value")                                                                            \
	X(BAD_FIELD, "http_bad_field", WARNING, "head", "field line without a proper name",        \
	  "token, colon, value")                                                                   \
	X(CONTROL_CHAR, "http_control_char", WARNING, "head", "control character in a line",       \
	  "visible characters")                                                                    \
	X(BAD_VERSION, "http_bad_version", WARNING, "start line", "version is not 1.0 or 1.1",     \
	  "HTTP/1.1")                                                                              \
	X(BAD_START_LINE, "http_bad_start_line", NOTE, "start line", "odd white space in it",      \
	  "three parts, a space between")                                                          \
	X(LOWER_CASE_METHOD, "http_lower_case_method", NOTE, "start line", "method in lower case", \
	  "upper case")                                                                            \
	X(V09, "http_09", WARNING, "start line", "request without a version", "HTTP/1.1")          \
	X(LEADING_CRLF, "http_leading_crlf", NOTE, "start line", "empty line before a message",    \
	  "start line")                                                                            \
	X(LINE_TOO_LONG, "http_line_too_long", WARNING, "head", "line longer than 8 KiB", NULL)    \
	X(HEAD_TOO_LARGE, "http_head_too_large", WARNING, "head", "head larger than 64 KiB", NULL) \
	X(TOO_MANY_FIELDS, "http_too_many_fields", WARNING, "head", "more than 256 fields", NULL)  \
	X(TOO_MANY_FOLDS, "http_too_many_folds", WARNING, "head", "more than 64 folds", NULL)      \
	X(RESP_WITHOUT_REQ, "http_resp_without_req", WARNING, "pairing",                           \
	  "response without a request", "a request first")                                         \
	X(GAP_RESYNC, "http_gap_resync", NOTE, "gap", "messages lost in a gap", NULL)              \
	X(DESYNC, "http_desync", WARNING, "start line", "bytes that are no message",               \
	  "start of a message")                                                                    \
	X(TX_EVICTED, "http_tx_evicted", WARNING, "pairing", "too many outstanding requests",      \
	  "at most 256")

enum http_tag {
#define X(id, name, severity, state, event, expected) HTTP_TAG_##id,
	HTTP_TAGS(X)
#undef X
		HTTP_TAG_COUNT
};

/* What a record may say of a field: its value, and that it was cut. The first ones are texts. */
enum http_item {
	HTTP_METHOD,
	HTTP_HOST,
	HTTP_URI,
	HTTP_VERSION,
	HTTP_REFERRER,
	HTTP_USER_AGENT,
	HTTP_ORIGIN,
	HTTP_STATUS_MSG,
	HTTP_REQ_TYPE,
	HTTP_RESP_TYPE,
	HTTP_ENCODING,
	HTTP_LOCATION,
	HTTP_XFF,
	HTTP_SERVER_NAME,
	HTTP_USERNAME,
	HTTP_TEXTS,
	HTTP_COOKIES = HTTP_TEXTS,
	HTTP_INFO,
	HTTP_REQ_HEADERS,
	HTTP_RESP_HEADERS,
	HTTP_REQ_BODY,
	HTTP_RESP_BODY,
	HTTP_ITEMS
};

/* Why a side of an exchange is not whole. */
enum { HTTP_FLAW_PARTIAL = 1, HTTP_FLAW_RESET = 2, HTTP_FLAW_DESYNC = 4 };

struct http_span {
	uint32_t at, len; /* in text */
};

struct http_header_span {
	struct http_span name, value;
};

struct http_exchange {
	struct http_exchange *next; /* younger one */
	uint32_t tx_id;
	bool has_req, has_resp;
	bool done[2]; /* by enum http_who: nothing more of that side will come */
	bool is_head, is_connect, simple, switched;
	bool body_closed[2]; /* keep no more of that body */
	uint8_t flaws, framing, ninfo;
	uint16_t status, info[HTTP_INFO_MAX];
	uint32_t tags, cut; /* sets of enum http_tag, of enum http_item */
	uint32_t raised[2]; /* of enum http_tag: reported for that side */
	uint64_t start_ts, first_n, req_end_ts, resp_ts, resp_end_ts;
	uint64_t gap, body_len[2];
	size_t held;  /* bytes accounted for it */
	uint32_t has; /* set of enum http_item: texts */
	struct http_span span[HTTP_TEXTS];
	struct buf text, cookies /* struct http_span */, headers[2] /* struct http_header_span */;
	struct buf body[2];
};

/* Zeroed; its texts may have room already. */
struct http_exchange *http_exchange_make(struct http_shared *shared);
void http_exchange_release(struct http_shared *shared, struct http_exchange *ex);
void http_shared_release(void *shared);
/* Each keeps a copy, cut to its limit; where it is cut the record's `truncated` says so. */
void http_exchange_text(struct http_exchange *ex, enum http_item item, struct bytes value);
void http_exchange_cookie(struct http_exchange *ex, struct bytes name);
void http_exchange_header(struct http_exchange *ex, enum http_who who, struct bytes name,
			  struct bytes value);
void http_exchange_body(struct http_exchange *ex, enum http_who who, struct bytes piece,
			size_t max);
void http_exchange_info(struct http_exchange *ex, uint16_t code);
void http_exchange_cut(struct http_exchange *ex, enum http_item item);
/* Bytes of memory that it holds at present. */
size_t http_exchange_size(const struct http_exchange *ex);

void http_exchange_emit(struct l7_flow *f, const struct http_exchange *ex);
void http_tag_report(struct l7_flow *f, enum l7_dir dir, enum http_tag tag);

#endif
