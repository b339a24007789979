/* smtp: the SMTP parser of weir-smtp, for the engine of l7.h: envelopes, header fields and replies,
 * up to STARTTLS. */
#ifndef WEIR_SMTP_H
#define WEIR_SMTP_H

#include "libcommon/stage/l7.h"

extern const struct l7_parser smtp_parser;

struct smtp_config {
	uint64_t max_held; /* bytes of texts that wait for their mail's end, all flows */
};

/* The texts of a session, then those of a mail. */
enum smtp_text {
	SMTP_SERVER,
	SMTP_HELO,
	SMTP_AUTH,
	SMTP_REPLY,
	SMTP_MAIL, /* from here on they are forgotten behind a mail */
	SMTP_MAILFROM = SMTP_MAIL,
	SMTP_DATE,
	SMTP_FROM,
	SMTP_TO,
	SMTP_CC,
	SMTP_REPLY_TO,
	SMTP_SUBJECT,
	SMTP_MSG_ID,
	SMTP_IN_REPLY_TO,
	SMTP_USER_AGENT,
	SMTP_TEXTS
};

/* ---- smtp_text.c: lines, pure ---- */

enum smtp_verb {
	SMTP_V_OTHER,
	SMTP_V_HELO,
	SMTP_V_MAIL,
	SMTP_V_RCPT,
	SMTP_V_DATA,
	SMTP_V_BDAT,
	SMTP_V_STARTTLS,
	SMTP_V_AUTH,
	SMTP_V_RSET,
	SMTP_V_BODY,     /* no command: the end of the mail's data, which is answered as well */
	SMTP_V_GREETING, /* nor is this one: what the server says first answers nobody */
};

struct smtp_command {
	enum smtp_verb verb;
	struct bytes arg; /* the name, address or mechanism */
	bool has_size, last;
	uint64_t size; /* MAIL's SIZE, BDAT's bytes */
};

/* A line without its end. */
void smtp_command_parse(struct bytes line, struct smtp_command *c);
/* A reply's line: its code, whether it is the last of the reply, its text. False: it is none. */
bool smtp_reply_parse(struct bytes line, uint16_t *code, bool *last, struct bytes *text);
/* Which of our texts a header line is, and its value. False: none of them. */
bool smtp_header_parse(struct bytes line, enum smtp_text *text, struct bytes *value);

#endif
