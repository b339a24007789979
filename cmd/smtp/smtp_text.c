/* smtp_text: the lines of SMTP (RFC 5321) and of a mail's header (RFC 5322). */
#include "cmd/smtp/smtp.h"

#include <strings.h>

static struct bytes behind(struct bytes b, size_t n)
{
	return BYTES(b.ptr + n, b.len - n);
}

static struct bytes trimmed(struct bytes b)
{
	while (b.len && (b.ptr[0] == ' ' || b.ptr[0] == '\t'))
		b = behind(b, 1);
	while (b.len && (b.ptr[b.len - 1] == ' ' || b.ptr[b.len - 1] == '\t'))
		b.len--;
	return b;
}

static bool begins(struct bytes b, const char *with)
{
	size_t n = strlen(with);

	return b.len >= n && strncasecmp((const char *)b.ptr, with, n) == 0;
}

static struct bytes first_word(struct bytes b)
{
	const uint8_t *space = b.len ? memchr(b.ptr, ' ', b.len) : NULL;

	return space ? BYTES(b.ptr, (size_t)(space - b.ptr)) : b;
}

static uint64_t number(struct bytes b)
{
	uint64_t v = 0;

	for (size_t i = 0; i < b.len && i < 15 && b.ptr[i] >= '0' && b.ptr[i] <= '9'; i++)
		v = v * 10 + (uint64_t)(b.ptr[i] - '0');
	return v;
}

/* Up to the sign that ends an address; a quoted local part may have it (RFC 5321, 4.1.2). Where a
 * quote has no end, it is none. */
static const uint8_t *address_end(struct bytes b)
{
	bool quoted = false;

	for (size_t i = 0; i < b.len; i++) {
		if (b.ptr[i] == '>' && !quoted)
			return b.ptr + i;
		if (b.ptr[i] == '"')
			quoted = !quoted;
		else if (b.ptr[i] == '\\' && quoted)
			i++;
	}
	return memchr(b.ptr, '>', b.len);
}

/* <address>, else the first word; taken off. */
static struct bytes address(struct bytes *b)
{
	const uint8_t *end = b->len && b->ptr[0] == '<' ? address_end(*b) : NULL;
	struct bytes word = end ? BYTES(b->ptr + 1, (size_t)(end - b->ptr) - 1) : first_word(*b);

	*b = behind(*b, end ? word.len + 2 : word.len);
	return word;
}

static void mail_parameters(struct bytes rest, struct smtp_command *c)
{
	while (rest.len) {
		struct bytes word = first_word(rest);

		if (begins(word, "SIZE=")) {
			c->has_size = true;
			c->size = number(behind(word, 5));
		}
		rest = trimmed(behind(rest, word.len));
	}
}

/* A verb is a word of its own: a secret of AUTH may begin with one. */
static bool is_verb(struct bytes line, const char *word)
{
	size_t n = strlen(word);

	return begins(line, word) &&
	       (word[n - 1] == ':' || line.len == n || line.ptr[n] == ' ' || line.ptr[n] == '\t');
}

void smtp_command_parse(struct bytes line, struct smtp_command *c)
{
	static const struct {
		const char *word;
		enum smtp_verb verb;
	} verbs[] = { { "EHLO", SMTP_V_HELO },         { "HELO", SMTP_V_HELO },
		      { "MAIL FROM:", SMTP_V_MAIL },   { "RCPT TO:", SMTP_V_RCPT },
		      { "DATA", SMTP_V_DATA },         { "BDAT", SMTP_V_BDAT },
		      { "STARTTLS", SMTP_V_STARTTLS }, { "AUTH", SMTP_V_AUTH },
		      { "RSET", SMTP_V_RSET } };
	struct bytes rest;

	*c = (struct smtp_command){ .arg = BYTES(NULL, 0) };
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!is_verb(line, verbs[i].word))
			continue;
		c->verb = verbs[i].verb;
		rest = trimmed(behind(line, strlen(verbs[i].word)));
		c->arg = c->verb == SMTP_V_MAIL || c->verb == SMTP_V_RCPT ? address(&rest)
									  : first_word(rest);
		if (c->verb == SMTP_V_MAIL)
			mail_parameters(rest, c);
		if (c->verb == SMTP_V_BDAT) {
			c->size = number(c->arg);
			c->last = begins(trimmed(behind(rest, c->arg.len)), "LAST");
		}
		return;
	}
}

bool smtp_reply_parse(struct bytes line, uint16_t *code, bool *last, struct bytes *text)
{
	if (line.len < 3 || line.ptr[0] < '2' || line.ptr[0] > '5')
		return false;
	for (int i = 1; i < 3; i++)
		if (line.ptr[i] < '0' || line.ptr[i] > '9')
			return false;
	if (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-')
		return false;
	*code = (uint16_t)number(BYTES(line.ptr, 3));
	*last = line.len == 3 || line.ptr[3] == ' ';
	*text = line.len > 4 ? behind(line, 4) : BYTES_LIT("");
	return true;
}

bool smtp_header_parse(struct bytes line, enum smtp_text *text, struct bytes *value)
{
	static const struct {
		const char *name;
		enum smtp_text text;
	} fields[] = { { "Date:", SMTP_DATE },
		       { "From:", SMTP_FROM },
		       { "To:", SMTP_TO },
		       { "Cc:", SMTP_CC },
		       { "Reply-To:", SMTP_REPLY_TO },
		       { "Subject:", SMTP_SUBJECT },
		       { "Message-ID:", SMTP_MSG_ID },
		       { "In-Reply-To:", SMTP_IN_REPLY_TO },
		       { "User-Agent:", SMTP_USER_AGENT },
		       { "X-Mailer:", SMTP_USER_AGENT } };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!begins(line, fields[i].name))
			continue;
		*text = fields[i].text;
		*value = trimmed(behind(line, strlen(fields[i].name)));
		return true;
	}
	return false;
}
