/* ftp_text: the lines of FTP (RFC 959, 2228, 2389, 2428, 3659). */
#include "cmd/ftp/ftp.h"

#include "libcommon/base/words.h"

enum { IAC = 255, WILL = 251, FIRST_TELNET = 240 };

static const struct {
	char word[6];
	enum ftp_verb verb;
} verbs[] = {
	{ "user", FTP_V_USER },     { "pass", FTP_V_PASS },     { "acct", FTP_V_SECRET },
	{ "adat", FTP_V_SECRET },   { "auth", FTP_V_AUTH },     { "rein", FTP_V_REIN },
	{ "port", FTP_V_PORT },     { "eprt", FTP_V_EPRT },     { "pasv", FTP_V_PASV },
	{ "epsv", FTP_V_EPSV },     { "retr", FTP_V_TRANSFER }, { "stor", FTP_V_TRANSFER },
	{ "stou", FTP_V_TRANSFER }, { "appe", FTP_V_TRANSFER }, { "list", FTP_V_TRANSFER },
	{ "nlst", FTP_V_TRANSFER }, { "mlsd", FTP_V_TRANSFER }, { "stat", FTP_V_STAT },
	{ "size", FTP_V_SIZE },     { "quit", FTP_V_KNOWN },    { "feat", FTP_V_KNOWN },
	{ "syst", FTP_V_KNOWN },    { "opts", FTP_V_KNOWN },    { "host", FTP_V_KNOWN },
	{ "clnt", FTP_V_KNOWN },    { "noop", FTP_V_KNOWN },    { "help", FTP_V_KNOWN },
	{ "site", FTP_V_SITE },     { "type", FTP_V_KNOWN },    { "abor", FTP_V_KNOWN },
	{ "cwd", FTP_V_KNOWN },     { "pwd", FTP_V_KNOWN },     { "dele", FTP_V_KNOWN },
	{ "mkd", FTP_V_KNOWN },     { "rmd", FTP_V_KNOWN },     { "rest", FTP_V_KNOWN },
	{ "pbsz", FTP_V_KNOWN },    { "prot", FTP_V_KNOWN },    { "mdtm", FTP_V_KNOWN },
};

static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

struct bytes ftp_site_secret(struct bytes arg)
{
	/* Serv-U's, wu-ftpd's and glftpd's words; no RFC has any. */
	static const char *const words[] = {
		"pswd", "passwd", "chpass", "cpwd", "gpass", "adduser"
	};

	arg = words_trimmed(arg);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct bytes rest = arg;

		if (words_take(&rest, words[i]))
			return BYTES(arg.ptr, arg.len - rest.len);
	}
	return BYTES(NULL, 0);
}

bool ftp_is_text(struct bytes line)
{
	for (size_t i = 0; i < line.len; i++)
		if (line.ptr[i] < ' ' && line.ptr[i] != '\t')
			return false;
	return true;
}

bool ftp_command_parse(struct bytes line, struct ftp_command *c)
{
	struct bytes rest = words_trimmed(line), word = words_upto(&rest, ' '), at;

	*c = (struct ftp_command){ .verb = FTP_V_OTHER };
	if (!word.len || word.len > FTP_WORD)
		return false;
	for (size_t i = 0; i < word.len; i++) { /* digits: XMD5, XSHA256 */
		if (!is_letter(word.ptr[i]) && (i == 0 || !is_digit(word.ptr[i])))
			return false;
		c->word[i] = (char)(is_letter(word.ptr[i]) ? word.ptr[i] & ~0x20 : word.ptr[i]);
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		at = word;
		if (words_take(&at, verbs[i].word) && !at.len)
			c->verb = verbs[i].verb;
	}
	if (rest.len)
		c->arg = rest;
	return true;
}

static bool code_parse(struct bytes line, uint16_t *code)
{
	if (line.len < 3 || line.ptr[0] < '1' || line.ptr[0] > '6')
		return false;
	for (int i = 1; i < 3; i++)
		if (!is_digit(line.ptr[i]))
			return false;
	*code = (uint16_t)((line.ptr[0] - '0') * 100 + (line.ptr[1] - '0') * 10 + line.ptr[2] -
			   '0');
	return true;
}

bool ftp_reply_parse(struct bytes line, struct ftp_reply *r)
{
	uint8_t sign = line.len > 3 ? line.ptr[3] : ' ';

	*r = (struct ftp_reply){ 0 };
	if (!code_parse(line, &r->code) || is_digit(sign))
		return false;
	r->last = sign != '-';
	r->bare = sign != '-' && sign != ' ';
	line = BYTES(line.ptr + 3, line.len - 3);
	r->text = r->bare || !line.len ? line : BYTES(line.ptr + 1, line.len - 1);
	return true;
}

bool ftp_reply_ends(struct bytes line, uint16_t code, struct ftp_reply *r)
{
	return ftp_reply_parse(line, r) && r->code == code && r->last && !r->bare;
}

bool ftp_size_find(struct bytes text, uint64_t *size)
{
	struct bytes rest;

	while (words_find(text, "(", &rest)) {
		text = rest;
		if (words_number(&rest, 1ull << 56, size) && words_take(&rest, " byte"))
			return true;
	}
	return false;
}

struct bytes ftp_telnet_strip(struct bytes line, uint8_t *to)
{
	size_t n = 0;

	if (!line.len || !memchr(line.ptr, IAC, line.len))
		return line;
	for (size_t i = 0; i < line.len; i++) {
		uint8_t what = line.ptr[i] == IAC && i + 1 < line.len ? line.ptr[i + 1] : 0;

		if (line.ptr[i] != IAC)
			to[n++] = line.ptr[i];
		else if (what == IAC)
			to[n++] = line.ptr[++i];
		else if (what >= FIRST_TELNET) /* WILL and what comes behind it name an option */
			i += what >= WILL ? 2 : 1;
	}
	return BYTES(to, n);
}

bool ftp_is_anonymous(struct bytes user)
{
	static const char *const names[] = { "anonymous", "ftp", "ftpuser", "guest" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct bytes at = user;

		if (words_take(&at, names[i]) && !at.len)
			return true;
	}
	return false;
}
