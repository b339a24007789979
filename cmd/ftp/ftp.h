/* ftp: the FTP parser of weir-ftp, for the engine of l7.h: commands with their replies, up to where
 * the session is encrypted, and data connections that a guess names. */
#ifndef WEIR_FTP_H
#define WEIR_FTP_H

#include "libcommon/stage/l7.h"

extern const struct l7_parser ftp_parser;

struct ftp_config {
	bool passwords;    /* of all users, not of anonymous ones only */
	uint64_t max_held; /* bytes of texts that wait for replies, all flows */
};

/* ---- ftp_text.c: lines, pure ---- */

enum ftp_verb {
	FTP_V_OTHER,
	FTP_V_KNOWN, /* one of RFC 959 and its successors, of which nothing follows */
	FTP_V_USER,
	FTP_V_PASS,
	FTP_V_SECRET, /* another one whose argument is a secret */
	FTP_V_SITE,
	FTP_V_AUTH,
	FTP_V_REIN,
	FTP_V_PORT,
	FTP_V_EPRT,
	FTP_V_PASV,
	FTP_V_EPSV,
	FTP_V_TRANSFER, /* of a file or a list, over a data connection */
	FTP_V_STAT,
	FTP_V_SIZE,
};

enum { FTP_WORD = 16 };

struct ftp_command {
	enum ftp_verb verb;
	char word[FTP_WORD + 1]; /* in capitals */
	struct bytes arg;        /* ptr NULL: none */
};

struct ftp_reply {
	uint16_t code;
	bool last; /* line of the reply */
	bool bare; /* no space behind the code */
	struct bytes text;
};

/* A line without its end. False: it is no command (RFC 959 5.3). */
bool ftp_command_parse(struct bytes line, struct ftp_command *c);
/* Of SITE's argument the word behind which passwords stand; ptr NULL: none do. */
struct bytes ftp_site_secret(struct bytes arg);
/* Has a line nothing that only other protocols have: is it no more than a wrong command? */
bool ftp_is_text(struct bytes line);
/* The first line of a reply, or its only one (RFC 959 4.2). False: it is none. */
bool ftp_reply_parse(struct bytes line, struct ftp_reply *r);
/* Is it the last line of a reply of several, with that code? */
bool ftp_reply_ends(struct bytes line, uint16_t code, struct ftp_reply *r);
/* The size in "150 Opening data connection for x (1234 bytes)". */
bool ftp_size_find(struct bytes text, uint64_t *size);
/* Takes Telnet's commands out (RFC 854): bytes that are no text. The room at `to` is as large as
 * the line; nothing is written where it has none of them. */
struct bytes ftp_telnet_strip(struct bytes line, uint8_t *to);
/* Do users of that name give no secret as their password, but their address (RFC 1635)? */
bool ftp_is_anonymous(struct bytes user);

/* ---- ftp_data.c: data connections ---- */

struct ftp_data {
	bool any;
	uint8_t sender;
	uint64_t bytes, missing, first_ts, last_ts, first_n;
	struct rec_opt ended;
};

size_t ftp_data_feed(struct l7_flow *f, struct ftp_data *d, enum l7_dir dir, struct bytes data);
void ftp_data_report(struct l7_flow *f, const struct ftp_data *d);

#endif
