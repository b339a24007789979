/* smtp: lines, and sessions of mails, replies and what interrupts them. */
#include "tests/unit/smtp_build.h"

#include "tests/unit/check.h"

static void begin(struct run *r)
{
	run_start(r, 25);
}
#define GIVES(want, ...) RUN_GIVES(begin, want, __VA_ARGS__)

static void sessions(void)
{
	check_case("a mail, its data answered; a dot doubled, a field folded");
	GIVES("1 server=mx helo=c from=a@x to=b@y subject=one two bytes=32 code=250 reply=queued\n",
	      { 1, "220 mx\r\n" }, { 0, "EHLO c\r\n" }, { 1, "250-mx\r\n250 SIZE\r\n" },
	      { 0, "MAIL FROM:<a@x>\r\n" }, { 1, "250 ok\r\n" }, { 0, "rcpt to: b@y\r\nDATA\r\n" },
	      { 1, "250 ok\r\n354 go\r\n" },
	      { 0, "Subject: one\r\n two\r\n\r\n..\r\nbody\r\n.\r\n" }, { 1, "250 queued\r\n" },
	      { 0, "QUIT\r\n" }, { 1, "221 bye\r\n" });
	check_case("data that was refused is a command again; the next mail ends the one before");
	GIVES("1 server=mx from=a bytes=0 code=554 reply=no\n2 server=mx from=b bytes=0 code=250 "
	      "reply=ok\n",
	      { 1, "220 mx\r\n" }, { 0, "MAIL FROM:<a>\r\n" }, { 1, "250 ok\r\n" },
	      { 0, "DATA\r\n" }, { 1, "554 no\r\n" }, { 0, "MAIL FROM:<b>\r\n" },
	      { 1, "250 ok\r\n" });
	check_case("a mail refused at its data has that reply, not the session's last one");
	GIVES("1 server=mx from=a to=b bytes=0 code=554 reply=no\n", { 1, "220 mx\r\n" },
	      { 0, "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n" },
	      { 1, "250 ok\r\n250 ok\r\n554 no\r\n" }, { 0, "QUIT\r\n" }, { 1, "221 bye\r\n" });
	GIVES("1 server=mx from=a bytes=3 code=452 reply=full\n"
	      "2 server=mx from=b bytes=0 code=221 reply=bye\n",
	      { 1, "220 mx\r\n" }, { 0, "MAIL FROM:<a>\r\nBDAT 3\r\nabc" },
	      { 1, "250 ok\r\n452 full\r\n" }, { 0, "BDAT 3 LAST\r\nabc" }, { 1, "503 no\r\n" },
	      { 0, "MAIL FROM:<b>\r\nQUIT\r\n" }, { 1, "250 ok\r\n221 bye\r\n" });
	check_case("secrets of AUTH are no commands");
	GIVES("0 server=mx helo=c auth=LOGIN bytes=0 code=235 reply=yes\n", { 1, "220 mx\r\n" },
	      { 0, "HELO c\r\n" }, { 1, "250 c\r\n" }, { 0, "AUTH LOGIN\r\n" },
	      { 1, "334 VXNl\r\n" }, { 0, "MAIL FROM:<secret>\r\n" }, { 1, "334 UGFz\r\n" },
	      { 0, "DATA\r\n" }, { 1, "235 yes\r\n" });
	check_case("chunks of BDAT are skipped, the last one ends the mail");
	GIVES("1 server=mx from=a bytes=12 code=250 reply=done\n", { 1, "220 mx\r\n" },
	      { 0, "MAIL FROM:<a>\r\nBDAT 5\r\nabc\r\nBDAT 7 LAST\r\nQUIT\r\n\n" },
	      { 1, "250 a\r\n250 b\r\n250 done\r\n" });
	check_case("a mail that follows before the last one's end is answered has its own answer");
	GIVES("1 server=mx from=a bytes=5 code=250 reply=first\n"
	      "2 server=mx from=b bytes=4 code=552 reply=second\n"
	      "3 server=mx from=c bytes=0 code=250 reply=reset\n",
	      { 1, "220 mx\r\n" },
	      { 0, "MAIL FROM:<a>\r\nBDAT 5 LAST\r\nabc\r\nMAIL FROM:<b>\r\nBDAT 4 LAST\r\nab\r\n"
		   "RSET\r\nMAIL FROM:<c>\r\nRSET\r\n" },
	      { 1, "250 ok\r\n250 first\r\n250 ok\r\n552 second\r\n250 ok\r\n250 ok\r\n250 "
		   "reset\r\n" });
	GIVES("1 server=mx from=a bytes=1 code=250 reply=first\n"
	      "2 server=mx from=b bytes=1 code=250 reply=second\n",
	      { 1, "220 mx\r\n" }, { 0, "MAIL FROM:<a>\r\nDATA\r\n" },
	      { 1, "250 ok\r\n354 go\r\n" }, { 0, "\n.\r\nMAIL FROM:<b>\r\nDATA\r\n" },
	      { 1, "250 first\r\n250 ok\r\n354 go\r\n" }, { 0, "\n.\r\nQUIT\r\n" },
	      { 1, "250 second\r\n221 bye\r\n" });
	check_case("a client that waits for the greeting only is read with the replies that it did "
		   "not wait "
		   "for");
	GIVES("1 server=mx helo=c from=a to=b subject=s bytes=15 code=250 reply=queued\n"
	      "2 server=mx helo=c from=d bytes=0 code=550 reply=no\n",
	      { 1, "220 mx\r\n" },
	      { 0, "EHLO c\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nSubject: s\r\n\r\n\n.\r\n"
		   "MAIL FROM:<d>\r\nDATA\r\nQUIT\r\n" },
	      { 1, "250 c\r\n250 a\r\n250 b\r\n354 go\r\n250 queued\r\n250 d\r\n550 no\r\n"
		   "221 bye\r\n" });
	check_case("behind STARTTLS the flow is not ours");
	GIVES("0 tls server=mx bytes=0 code=220 reply=go\n", { 1, "220 mx\r\n" },
	      { 0, "STARTTLS\r\n" }, { 1, "220 go\r\n" }, { 0, "\x16\x03\x01" });
	check_case("where nothing is seen of the server, a mail's data is believed");
	GIVES("1 helo=c from=a to=b subject=s bytes=14 code=0\n",
	      { 0, "EHLO c\r\nMAIL FROM:<a>\r\n" }, { 0, "RCPT TO:<b>\r\nDATA\r\n" },
	      { 0, "Subject: s\r\n\r\n.\r\n" });
	check_case("nor is the reply to AUTH waited for then; its secrets are no commands");
	GIVES("1 helo=c from=a to=b subject=s auth=LOGIN bytes=14 code=0\n",
	      { 0, "EHLO c\r\nAUTH LOGIN\r\nTUFJTA==\r\nAUTHsecret\r\nMAIL FROM:<a>\r\n" },
	      { 0, "RCPT TO:<b>\r\nDATA\r\nSubject: s\r\n\r\n.\r\n" });
	GIVES("1 helo=c from=a bytes=0 code=0\n",
	      { 0, "EHLO c\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
		   "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
		   "\nMAIL FROM:<a>\r\n" });
	check_case("behind STARTTLS nothing is read, wherever the stream is cut");
	GIVES("0 tls server=mx bytes=0 code=220 reply=go\n", { 1, "220 mx\r\n" },
	      { 0, "STARTTLS\r\n" }, { 1, "220 go\r\n\x16\x03\x01\r\n" });
	check_case(
		"a client that does not wait for the greeting; of several lines the first counts");
	GIVES("1 server=mx helo=c from=a to=b subject=s bytes=14 code=250 reply=queued\n",
	      { 0, "EHLO c\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n" },
	      { 1, "220-mx\r\n220 hello\r\n250-x\r\n250 y\r\n250 a\r\n250 b\r\n354 go\r\n" },
	      { 0, "Subject: s\r\n\r\n.\r\nQUIT\r\n" }, { 1, "250 queued\r\n221 bye\r\n" });
	check_case("what is no reply ends the flow");
	GIVES(" anomaly=no reply\n0 server=mx bytes=0 code=0\n", { 1, "220 mx\r\n" },
	      { 1, "SSH-2.0\r\n" });
}

static void held_back(void)
{
	struct run r;

	check_case("a mail that was held back began where the client sent it");
	run_start(&r, 25);
	run_stream(&r, 1, BYTES_LIT("220 mx\r\n"));
	run_stream(&r, 0, BYTES_LIT("MAIL FROM:<a>\r\nBDAT 1 LAST\r\n."));
	r.n = 5;
	run_stream(&r, 0, BYTES_LIT("MAIL FROM:<b>\r\nBDAT 1 LAST\r\n."));
	r.n = 9;
	run_stream(&r, 1, BYTES_LIT("250 a\r\n250 first\r\n250 b\r\n250 second\r\n"));
	CHECK(!strcmp(run_finish(&r), "1 server=mx from=a bytes=1 code=250 reply=first\n"
				      "n=5 2 server=mx from=b bytes=1 code=250 reply=second\n"));
	run_free(&r);

	check_case("where the server ends without its answer, what waited for that is read");
	run_start(&r, 25);
	run_stream(&r, 1, BYTES_LIT("220 mx\r\n"));
	run_stream(&r, 0,
		   BYTES_LIT("MAIL FROM:<a>\r\nBDAT 1 LAST\r\n."
			     "MAIL FROM:<b>\r\nBDAT 2 LAST\r\n\n."
			     "MAIL FROM:<c>\r\nRCPT TO:<d>\r\n"));
	run_stream(&r, 1, BYTES_LIT("250 a\r\n"));
	run_end(&r, 1);
	CHECK(!strcmp(run_finish(&r), "1 server=mx from=a bytes=1 code=250 reply=a\n"
				      "2 server=mx from=b bytes=2 code=250 reply=a\n"
				      "3 server=mx from=c to=d bytes=0 code=250 reply=a\n"));
	run_free(&r);
}

/* What so many recipients sent at once give, their replies in pieces of that size. */
static const char *burst_gives(struct run *r, unsigned recipients, size_t piece)
{
	struct buf client = { 0 }, server = { 0 };

	run_start(r, 25);
	run_stream(r, 1, BYTES_LIT("220 mx\r\n"));
	buf_printf(&client, "MAIL FROM:<a>\r\n");
	buf_printf(&server, "250 a\r\n");
	for (unsigned i = 0; i < recipients; i++) {
		buf_printf(&client, "RCPT TO:<b>\r\n");
		buf_printf(&server, "250 b\r\n");
	}
	buf_printf(&client, "DATA\r\n");
	buf_printf(&server, "354 go\r\n");
	run_stream(r, 0, buf_bytes(&client));
	run_pieces(r, 1, buf_bytes(&server), piece);
	run_stream(r, 0, BYTES_LIT("Subject: s\r\n\r\n.\r\nQUIT\r\n"));
	run_stream(r, 1, BYTES_LIT("250 queued\r\n221 bye\r\n"));
	buf_release(&client);
	buf_release(&server);
	return run_finish(r);
}

static void bursts(void)
{
	struct run r;

	check_case("a mail whose recipients are all sent before the first one's reply is read");
	for (size_t piece = 1; piece < 5000; piece = piece * 3 + 1) {
		for (unsigned n = 60; n < 70; n++) {
			CHECK(strstr(burst_gives(&r, n, piece),
				     " subject=s bytes=14 code=250 reply=queued\n"));
			run_free(&r);
		}
		CHECK(strstr(burst_gives(&r, 1000, piece),
			     " subject=s bytes=14 code=250 reply=queued cut=rcptto\n"));
		run_free(&r);
	}

	check_case("commands that nobody answers are kept up to a limit, and not read behind it");
	run_start(&r, 25);
	run_stream(&r, 1, BYTES_LIT("220 mx\r\n"));
	for (unsigned i = 0; i < 70; i++)
		for (unsigned k = 0; k < 100; k++)
			run_stream(&r, 0, BYTES_LIT("NOOP 5678\n"));
	CHECK(l7_stats(r.l7)->memory_peak < 256 * 1024);
	run_stream(&r, 0, BYTES_LIT("EHLO x\n"));
	CHECK(!strcmp(run_finish(&r), " anomaly=too many unread bytes\n"
				      "0 server=mx bytes=0 code=0\n"));
	run_free(&r);
}

static void claims(void)
{
	struct run r;

	check_case("on other ports only a greeting of SMTP, or EHLO");
	run_start(&r, 21);
	CHECK(!run_stream(&r, 1, BYTES_LIT("220 FTP server\r\n")));
	run_free(&r);
	run_start(&r, 26);
	CHECK(run_stream(&r, 1, BYTES_LIT("220 mx ESMTP\r\n")));
	run_free(&r);
	run_start(&r, 26);
	CHECK(run_stream(&r, 0, BYTES_LIT("ehlo x\r\n")));
	run_free(&r);
}

static void lines(void)
{
	struct smtp_command c;
	enum smtp_text text;
	struct bytes value;
	uint16_t code;
	bool last;

	check_case("commands, replies and header fields");
	smtp_command_parse(BYTES_LIT("mail from: <a b@x> BODY=8BITMIME size=77"), &c);
	CHECK(c.verb == SMTP_V_MAIL && bytes_is(c.arg, "a b@x") && c.has_size && c.size == 77);
	smtp_command_parse(BYTES_LIT("BDAT 86 last"), &c);
	CHECK(c.verb == SMTP_V_BDAT && c.size == 86 && c.last);
	smtp_command_parse(BYTES_LIT("RCPT TO:<\"q>x \\\">\"@d> NOTIFY=NEVER"), &c);
	CHECK(bytes_is(c.arg, "\"q>x \\\">\"@d"));
	smtp_command_parse(BYTES_LIT("MAIL FROM:<\"a size=9\"@x> size=8"), &c);
	CHECK(bytes_is(c.arg, "\"a size=9\"@x") && c.size == 8);
	smtp_command_parse(BYTES_LIT("RCPT TO:<\"a@x>"), &c);
	CHECK(bytes_is(c.arg, "\"a@x"));
	smtp_command_parse(BYTES_LIT("RCPT TO:<a"), &c);
	CHECK(bytes_is(c.arg, "<a"));
	smtp_command_parse(BYTES_LIT(""), &c);
	CHECK(c.verb == SMTP_V_OTHER);
	CHECK(smtp_reply_parse(BYTES_LIT("250-x"), &code, &last, &value) && code == 250 && !last);
	CHECK(smtp_reply_parse(BYTES_LIT("354"), &code, &last, &value) && last && value.len == 0);
	CHECK(!smtp_reply_parse(BYTES_LIT("25 x"), &code, &last, &value));
	CHECK(smtp_header_parse(BYTES_LIT("message-id:\t<1> "), &text, &value) &&
	      text == SMTP_MSG_ID && bytes_is(value, "<1>"));
	CHECK(!smtp_header_parse(BYTES_LIT("Received: x"), &text, &value));
}

static void limits(void)
{
	struct buf b = { 0 };
	const char *second;
	struct run r;

	check_case("a mail without a line's end is counted and costs no memory");
	run_start(&r, 25);
	run_stream(&r, 1, BYTES_LIT("220 mx\r\n"));
	run_stream(&r, 0, BYTES_LIT("MAIL FROM:<a>\r\nDATA\r\n"));
	run_stream(&r, 1, BYTES_LIT("250 ok\r\n354 go\r\n"));
	for (int i = 0; i < 5000; i++)
		buf_add_byte(&b, 'x');
	for (int i = 0; i < 100; i++)
		run_stream(&r, 0, buf_bytes(&b));
	CHECK(l7_stats(r.l7)->memory_peak < 16384);
	CHECK(strstr(run_finish(&r), "bytes=500000 "));
	run_free(&r);

	check_case("a mail behind one that is not answered waits for 32 KiB only, and has its own "
		   "answer");
	run_start(&r, 25);
	run_stream(&r, 1, BYTES_LIT("220 mx\r\n"));
	run_stream(&r, 0, BYTES_LIT("MAIL FROM:<a>\r\nBDAT 1 LAST\r\n."));
	run_stream(&r, 0, BYTES_LIT("MAIL FROM:<b>\r\nBDAT 500000 LAST\r\n"));
	for (int i = 0; i < 100; i++)
		run_stream(&r, 0, buf_bytes(&b));
	CHECK(l7_stats(r.l7)->memory_peak < 65536);
	run_stream(&r, 0, BYTES_LIT("QUIT\r\n"));
	run_stream(&r, 1, BYTES_LIT("250 a\r\n250 first\r\n250 b\r\n250 second\r\n221 bye\r\n"));
	CHECK(!strcmp(run_finish(&r), "1 server=mx from=a bytes=1 code=0\n"
				      "2 server=mx from=b bytes=500000 code=250 reply=second\n"));
	run_free(&r);

	check_case(
		"a mail of more than a hundred recipients, or with long fields, says what is cut");
	buf_clear(&b);
	run_start(&r, 25);
	run_stream(&r, 1, BYTES_LIT("220 mx\r\n"));
	run_stream(&r, 0, BYTES_LIT("MAIL FROM:<a>\r\n"));
	run_stream(&r, 1, BYTES_LIT("250 ok\r\n"));
	for (int i = 0; i < 101; i++) {
		run_stream(&r, 0, BYTES_LIT("RCPT TO:<b>\r\n"));
		run_stream(&r, 1, BYTES_LIT("250 ok\r\n"));
	}
	run_stream(&r, 0, BYTES_LIT("DATA\r\n"));
	run_stream(&r, 1, BYTES_LIT("354 go\r\n"));
	buf_printf(&b, "Subject: %01000d\r\n %030d\r\nCc: c\r\n\r\n.\r\n", 0, 0);
	run_stream(&r, 0, buf_bytes(&b));
	run_stream(&r, 1, BYTES_LIT("250 done\r\n"));
	run_stream(&r, 0, BYTES_LIT("MAIL FROM:<c>\r\nRSET\r\n"));
	second = strstr(run_finish(&r), " reply=done cut=subject,rcptto\n2 server=mx from=c ");
	CHECK(second && !strstr(second + 20, "cut"));
	run_free(&r);
	buf_release(&b);
}

/* What a header gives, and that it does however it is cut. */
static const char *header_gives(struct run *r, struct bytes header, size_t piece)
{
	run_start(r, 25);
	run_stream(r, 1, BYTES_LIT("220 mx\r\n"));
	run_stream(r, 0, BYTES_LIT("MAIL FROM:<a>\r\nDATA\r\n"));
	run_stream(r, 1, BYTES_LIT("250 ok\r\n354 go\r\n"));
	run_pieces(r, 0, header, piece);
	run_stream(r, 0, BYTES_LIT("\r\n\r\n.\r\n"));
	run_stream(r, 1, BYTES_LIT("250 done\r\n"));
	return run_finish(r);
}

static void long_headers(void)
{
	static const unsigned sizes[] = { 1, 990, 991, 992, 993, 2000 };
	static const size_t pieces[] = { 1, 7, 999, 1000, 1001, 1002, 1010 };

	check_case("a long field is the same however the stream is cut, and says what is cut");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct buf b = { 0 };
		struct run whole;
		const char *want;

		buf_printf(&b, "Subject: %0*d\r\n 1\r\nX: y\r\n", (int)sizes[i], 0);
		buf_printf(&b, "In-Reply-To: x\r\n %0*d\r\n z", (int)sizes[i], 0);
		want = header_gives(&whole, buf_bytes(&b), 8192);
		CHECK(strstr(want, " subject=0"));
		CHECK((strstr(want, "cut=subject") != NULL) == (sizes[i] > 991));
		CHECK((strstr(want, "0 1 bytes=") != NULL) == (sizes[i] <= 991));
		CHECK((strstr(want, "in_reply_to") != NULL) == (sizes[i] > 999));
		for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
			struct run r;

			CHECK(strcmp(header_gives(&r, buf_bytes(&b), pieces[k]), want) == 0);
			run_free(&r);
		}
		run_free(&whole);
		buf_release(&b);
	}
}

int main(void)
{
	long_headers();
	lines();
	sessions();
	held_back();
	bursts();
	claims();
	limits();
	return check_end();
}
