/* ftp: lines, endpoints, and sessions of commands and replies. */
#include "tests/unit/ftp_build.h"

#include "libcommon/stage/ftp_endpoint.h"
#include "tests/unit/check.h"

static void begin(struct run *r)
{
	run_start(r, 21);
}
#define GIVES(want, ...) RUN_GIVES(begin, want, __VA_ARGS__)

static void sessions(void)
{
	check_case("a password is shown of anonymous users only; a greeting has no command");
	GIVES(" 120 220 msg=ready\n cmd=USER arg=bob user=bob 331 msg=who\n"
	      " cmd=PASS user=bob 530 msg=no\n cmd=USER arg=ftp user=ftp 331 msg=mail\n"
	      " cmd=PASS user=ftp pass=me@x 230 msg=in\n cmd=REIN 220 msg=again\n",
	      { 1, "120 soon\r\n220 ready\r\n" }, { 0, "user bob\r\n" }, { 1, "331 who\r\n" },
	      { 0, "PASS secret\r\n" }, { 1, "530 no\r\n" }, { 0, "USER ftp\r\nPASS me@x\r\n" },
	      { 1, "331 mail\r\n230 in\r\n" }, { 0, "REIN\r\n" }, { 1, "220 again\r\n" });
	check_case("of SITE the words are shown, passwords behind them are not");
	GIVES(" 220 msg=a\n cmd=SITE arg=PSWD 200 msg=ok\n cmd=SITE arg=chpass 200 msg=ok\n"
	      " cmd=SITE arg=CHMOD 644 x 200 msg=ok\n cmd=SITE 500 msg=no\n",
	      { 1, "220 a\r\n" },
	      { 0, "SITE PSWD old new\r\nsite  chpass\tbob new\r\nSITE CHMOD 644 x\r\nSITE\r\n" },
	      { 1, "200 ok\r\n200 ok\r\n200 ok\r\n500 no\r\n" });
	check_case("pipelined commands have their replies in order; a reply's lines may look like "
		   "others");
	GIVES(" 220 msg=a\n cmd=FEAT 211 msg=End line=Features line=211-x line= SIZE line=221 x "
	      "line=End\n cmd=PWD 257 msg=\"/\"\n cmd=TYPE arg=I 200 msg=\n cmd=QUIT\n",
	      { 1, "220 a\r\n" }, { 0, "FEAT\r\nPWD\r\n\r\nTYPE I\r\nQUIT\r\n" },
	      { 1, "211-Features\r\n211-x\r\n SIZE\r\n221 x\r\n211 End\r\n257 \"/\"\n200\r\n" });
	check_case("a transfer has the data connection that was agreed on, each once");
	GIVES(" 220 msg=a\n"
	      " cmd=PASV 227 msg=at 192,0,2,2,4,1. passive 192.0.2.1 > 192.0.2.2:1025\n"
	      " cmd=RETR arg=a b 550 msg=no\n"
	      " cmd=RETR arg=c 150 226 msg=sent size=77 passive 192.0.2.1 > 192.0.2.2:1025\n"
	      " cmd=LIST 425 msg=none\n"
	      " cmd=EPSV 229 msg=(|||50000|) passive 192.0.2.1 > 192.0.2.2:50000\n"
	      " cmd=PORT arg=192,0,2,1,0,80 200 msg=ok active 192.0.2.2 > 192.0.2.1:80\n"
	      " cmd=STOR arg=d 125 250 msg=got active 192.0.2.2 > 192.0.2.1:80\n",
	      { 1, "220 a\r\n" },
	      { 0, "PASV\r\nRETR a b\r\nRETR c\r\nLIST\r\nEPSV\r\nPORT 192,0,2,1,0,80\r\n"
		   "STOR d\r\n" },
	      { 1, "227 at 192,0,2,2,4,1.\r\n550 no\r\n150 c (77 bytes)\r\n226 sent\r\n"
		   "425 none\r\n229 (|||50000|)\r\n200 ok\r\n125 go\r\n250 got\r\n" });
	check_case("a transfer's state is asked for while it goes on; ABOR ends both");
	GIVES(" 220 msg=a\n cmd=STAT 213 msg=half\n cmd=RETR arg=x 150 426 msg=gone\n"
	      " cmd=ABOR 226 msg=ok\n cmd=SIZE arg=y 213 msg=12 size=12\n",
	      { 1, "220 a\r\n" }, { 0, "RETR x\r\n" }, { 1, "150 x\r\n" },
	      { 0, "\xff\xf4STAT\r\n" }, { 1, "213 half\r\n" },
	      { 0, "\xff\xf4\xff\xf2"
		   "ABOR\r\nSIZE y\r\n" },
	      { 1, "426 gone\r\n226 ok\r\n213 12\r\n" });
	check_case("behind AUTH TLS the flow is not ours; behind another mechanism it is");
	GIVES(" 220 msg=a\n cmd=AUTH arg=GSSAPI 234 msg=ok\n cmd=ADAT 235 msg=x\n"
	      " cmd=AUTH arg=TLS 234 msg=go tls\n",
	      { 1, "220 a\r\n" }, { 0, "AUTH GSSAPI\r\nADAT c2VjcmV0\r\n" },
	      { 1, "234 ok\r\n235 x\r\n" }, { 0, "AUTH TLS\r\n" }, { 1, "234 go\r\n" },
	      { 0, "\x16\x03\x01" });
}

static void odd(void)
{
	struct run r;

	check_case("endpoints that cannot be, or are somebody else's");
	GIVES(" 220 msg=a\n anomaly=ftp_bad_endpoint state=PORT event=1,2,3 "
	      "expected=h1,h2,h3,h4,p1,p2\n cmd=PORT arg=1,2,3 200 msg=ok\n"
	      " anomaly=ftp_data_elsewhere state=EPRT event=|1|203.0.113.9|22| expected=the "
	      "client's address\n cmd=EPRT arg=|1|203.0.113.9|22| 200 msg=ok active "
	      "192.0.2.2 > 203.0.113.9:22\n",
	      { 1, "220 a\r\n" }, { 0, "PORT 1,2,3\r\nEPRT |1|203.0.113.9|22|\r\n" },
	      { 1, "200 ok\r\n200 ok\r\n" });
	check_case("replies that nobody asked for, and without a space");
	GIVES(" 220 msg=a\n anomaly=ftp_unsolicited_reply state=no command without a reply "
	      "event=200 expected=421\n 200 msg=b\n 421 msg=late\n anomaly=ftp_no_space "
	      "event=text at once behind a reply's code expected=a space\n cmd=NOOP 200 msg=ok\n",
	      { 1, "220 a\r\n" }, { 0, "\r\n" }, { 1, "200 b\r\n421 late\r\n" }, { 0, "NOOP\r\n" },
	      { 1, "200ok\r\n" });
	check_case("a line that is no command has its reply as any other; what begins so, or is no "
		   "text, ends the flow");
	GIVES(" 220 msg=a\n anomaly=ftp_bad_command event=a line that is no command "
	      "expected=a word of letters and digits\n cmd=XMD5 arg=f 250 msg=d4\n 500 msg=what\n"
	      " cmd=PWD 257 msg=\"/\"\n anomaly=ftp_parse_error event=no command\n",
	      { 1, "220 a\r\n" }, { 0, "XMD5 f\r\n12345\r\nPWD\r\n" },
	      { 1, "250 d4\r\n500 what\r\n257 \"/\"\r\n" }, { 0, "\x16\x03\r\nNOOP\r\n" });
	GIVES(" 220 msg=a\n anomaly=ftp_parse_error event=no command\n", { 1, "220 a\r\n" },
	      { 0, "12345\r\nNOOP\r\n" });
	check_case("of one direction alone everything is there that it tells");
	GIVES(" cmd=USER arg=ftp user=ftp\n cmd=RETR arg=x user=ftp\n",
	      { 0, "USER ftp\r\nRETR x\r\n" });
	GIVES(" 220 msg=a\n 331 msg=b\n", { 1, "220 a\r\n331 b\r\n" });

	check_case("behind a hole it goes on with the next whole line");
	run_start(&r, 21);
	run_stream(&r, 1, BYTES_LIT("220 a\r\n"));
	run_stream(&r, 0, BYTES_LIT("USER bob\r\nPA"));
	run_gap(&r, 0, 20);
	run_stream(&r, 0, BYTES_LIT("crets\r\nPWD\r\n"));
	run_stream(&r, 1, BYTES_LIT("331 b\r\n230 c\r\n"));
	run_gap(&r, 1, 7);
	run_stream(&r, 1, BYTES_LIT("a line's end\r\n200 d\r\n"));
	CHECK(strcmp(run_finish(&r), " 220 msg=a\n cmd=USER arg=bob user=bob\n"
				     " cmd=PWD user=bob 331 msg=b\n user=bob 230 msg=c\n"
				     " user=bob 200 msg=d\n") == 0);
	run_free(&r);
}

static void lines(void)
{
	struct ip ip = { 4, { 192, 0, 2, 7 } };
	struct ftp_command c;
	struct ftp_reply p;
	uint8_t room[16];
	uint16_t port;
	uint64_t size;

	check_case("commands, replies, sizes");
	CHECK(ftp_command_parse(BYTES_LIT(" stor a  b "), &c) && c.verb == FTP_V_TRANSFER &&
	      strcmp(c.word, "STOR") == 0 && bytes_is(c.arg, "a  b"));
	CHECK(ftp_command_parse(BYTES_LIT("pass"), &c) && !c.arg.ptr);
	CHECK(!ftp_command_parse(BYTES_LIT("\x16\x03"), &c));
	CHECK(!ftp_command_parse(BYTES_LIT("averylongcommandword"), &c));
	CHECK(ftp_reply_parse(BYTES_LIT("250-x"), &p) && p.code == 250 && !p.last);
	CHECK(ftp_reply_parse(BYTES_LIT("226"), &p) && p.last && p.text.len == 0);
	CHECK(!ftp_reply_parse(BYTES_LIT("2260 x"), &p) && !ftp_reply_parse(BYTES_LIT("22"), &p));
	CHECK(!ftp_reply_ends(BYTES_LIT("250-x"), 250, &p) &&
	      ftp_reply_ends(BYTES_LIT("250 x"), 250, &p));
	CHECK(ftp_size_find(BYTES_LIT("for a (b) (1234 bytes)"), &size) && size == 1234);
	CHECK(!ftp_size_find(BYTES_LIT("(12 blocks)"), &size));
	CHECK(bytes_is(ftp_telnet_strip(BYTES_LIT("\xff\xf1"
						  "a\xff\xff\xff\xfb\x01"
						  "b\xff"),
					room),
		       "a\xff"
		       "b"));

	check_case("endpoints: RFC 959 4.1.2, RFC 2428 2 and 3");
	CHECK(ftp_endpoint(FTP_PORT, BYTES_LIT("10,0,0,1,255,254"), &ip, &port) && ip.b[0] == 10 &&
	      port == 65534);
	CHECK(!ftp_endpoint(FTP_PORT, BYTES_LIT("10,0,0,256,1,1"), &ip, &port));
	CHECK(ftp_endpoint(FTP_EPRT, BYTES_LIT("|2|1080::8:800:200C:417A|5282|"), &ip, &port) &&
	      ip.len == 16 && port == 5282);
	CHECK(!ftp_endpoint(FTP_EPRT, BYTES_LIT("|1|nowhere|5282|"), &ip, &port) && ip.len == 16);
	CHECK(ftp_endpoint(FTP_EPSV, BYTES_LIT("Entering (|||6446|)"), &ip, &port) &&
	      ip.len == 16 && port == 6446);
	CHECK(!ftp_endpoint(FTP_EPSV, BYTES_LIT("(|||65536|)"), &ip, &port));
	CHECK(!ftp_endpoint(FTP_PASV, BYTES_LIT("none"), &ip, &port));
}

static bool claimed(uint16_t port, bool midstream, int dir, const char *text)
{
	struct run r;
	bool taken;

	run_start(&r, port);
	r.midstream = midstream;
	taken = run_stream(&r, dir, bytes_str(text));
	run_finish(&r);
	run_free(&r);
	return taken;
}

static void claims(void)
{
	check_case("on port 21 what begins as FTP does, elsewhere a greeting that says so");
	CHECK(claimed(21, false, 1, "220 hello\r\n") && claimed(21, false, 1, "530 busy\r\n"));
	CHECK(claimed(21, false, 0, "USER x\r\n") && claimed(21, false, 0, "quit\r\n"));
	CHECK(!claimed(21, false, 1, "SSH-2.0-x\r\n") && !claimed(21, false, 0, "GET / x\r\n"));
	CHECK(claimed(2121, false, 1, "220 my FTP\r\n") &&
	      !claimed(2121, false, 1, "220 mx ESMTP\r\n"));
	CHECK(!claimed(2121, false, 0, "USER x\r\n"));
	CHECK(claimed(21, true, 0, "RETR x\r\n") && claimed(21, true, 1, "226 sent\r\n"));
	CHECK(!claimed(2121, true, 1, "220 my FTP\r\n"));
}

static void data(void)
{
	struct rec_head h = { REC_guess, 1, 1, 1 };
	struct rec_guess g = { .key.proto = 6,
			       .protocol = BYTES_LIT("ftp-data"),
			       .state = REC_guess_state_LIKELY,
			       .expected_by = SOME(7) };
	struct rec_stream_end e = { .dir = 1, .reason = REC_stream_reason_FIN };
	struct run r;

	check_case("a data connection that a guess names: what it carries, and who announced it");
	run_start(&r, 50000);
	l7_follow(r.l7);
	l7_guess(r.l7, &h, &g);
	CHECK(run_stream(&r, 1, BYTES_LIT("220 no reply at all")));
	run_gap(&r, 1, 30);
	run_stream(&r, 1, BYTES_LIT("\xff"));
	l7_stream_end(r.l7, &h, &e);
	CHECK(strcmp(run_finish(&r), " data of 7 from 1: 20 missing 30\n") == 0);
	run_free(&r);
}

static void limits(void)
{
	struct buf b = { 0 };
	struct run r;

	check_case("names, arguments and replies that are longer than what is kept say so");
	run_start(&r, 21);
	run_stream(&r, 1, BYTES_LIT("220 ready\r\n"));
	buf_printf(&b, "USER %070d\r\n", 0);
	run_stream(&r, 0, buf_bytes(&b));
	run_stream(&r, 1, BYTES_LIT("331 more\r\n"));
	buf_clear(&b);
	buf_printf(&b, "STAT %01025d\r\n", 0);
	run_stream(&r, 0, buf_bytes(&b));
	buf_clear(&b);
	buf_add_str(&b, "211-begin\r\n");
	for (int i = 0; i < 40; i++)
		buf_printf(&b, " line %d\r\n", i);
	buf_add_str(&b, "211 end\r\n");
	run_stream(&r, 1, buf_bytes(&b));
	run_stream(&r, 0, BYTES_LIT("REIN\r\nNOOP\r\n"));
	run_stream(&r, 1, BYTES_LIT("220 again\r\n200 fine\r\n"));
	run_finish(&r);
	CHECK(strstr((const char *)r.log.ptr, " 331 msg=more cut=user\n"));
	CHECK(strstr((const char *)r.log.ptr, "line=end cut=user,arg,reply_lines\n"));
	CHECK(strstr((const char *)r.log.ptr, "cmd=NOOP 200 msg=fine\n"));
	run_free(&r);
	buf_release(&b);
}

int main(void)
{
	lines();
	sessions();
	odd();
	claims();
	data();
	limits();
	return check_end();
}
