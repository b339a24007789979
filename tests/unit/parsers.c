/* parsers: what each parser does with a flow that turns into something else. */
#include <netinet/in.h>

#include "cmd/ftp/ftp.h"
#include "cmd/smtp/smtp.h"
#include "cmd/ssh/ssh.h"
#include "cmd/tftp/tftp.h"
#include "cmd/tls/tls.h"
#include "tests/unit/check.h"

/* Each side's bytes: good ones, then what cannot be. */
static const struct poison {
	const struct l7_parser *parser;
	uint16_t port;
	int dir;
	struct bytes good, bad;
} poisons[] = {
	{ &ftp_parser, 21, 1, BYTES_LIT("220 a\r\n"), BYTES_LIT("\x16\x03\r\n220 b\r\n") },
	{ &ftp_parser, 21, 0, BYTES_LIT("USER a\r\n"), BYTES_LIT("\x16\x03\r\nQUIT\r\n") },
	{ &smtp_parser, 25, 1, BYTES_LIT("220 a\r\n"), BYTES_LIT("\x16\x03\r\n220 b\r\n") },
	{ &ssh_parser, 22, 1, BYTES_LIT("SSH-2.0-a\r\n"), BYTES_LIT("\xff\xff\xff\xff\1\2\3\4") },
	{ &tls_parser, 443, 0, BYTES_LIT("\x16\x03\x01\0\5\1\0\0\1x"),
	  BYTES_LIT("GET / HTTP/1.1\r\n\r\n") },
	{ &tftp_parser, 69, 0, BYTES_LIT("\0\1a\0octet\0"), BYTES_LIT("\0\x63xx") },
};

static struct {
	const struct l7_parser *parser;
	unsigned errors, ends, after;
} seen;

static void on_record(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	char name[64];

	(void)ctx;
	(void)h;
	seen.after += seen.ends;
	if (desc == &rec_anomaly_desc) {
		snprintf(name, sizeof(name), "%s_parse_error", seen.parser->name);
		seen.errors += bytes_is(((const struct rec_anomaly *)rec)->name, name);
	} else if (desc == &rec_session_end_desc) {
		seen.ends++;
		CHECK(((const struct rec_session_end *)rec)->reason ==
		      REC_session_reason_PARSE_ERROR);
	}
}

static bool give(struct l7 *l7, const struct poison *p, struct bytes b, uint64_t *offset)
{
	struct rec_head h = { REC_stream, 1000000000, 1, 1 };
	struct rec_stream s = { .ip_version = 4,
				.proto = IPPROTO_TCP,
				.dir = (uint8_t)p->dir,
				.orig_p = 40000,
				.resp_p = p->port,
				.offset = *offset,
				.payload = b };
	struct rec_packet d = { .ip_version = 4,
				.proto = IPPROTO_UDP,
				.dir = (uint8_t)p->dir,
				.orig_p = 40000,
				.resp_p = p->port,
				.payload = b };

	*offset += b.len;
	return p->parser->datagram ? l7_packet(l7, &h, &d) : l7_stream(l7, &h, &s);
}

int main(void)
{
	check_case("what cannot be gives one parse error and one session_end, and nothing follows");
	for (size_t i = 0; i < sizeof(poisons) / sizeof(poisons[0]); i++) {
		const struct poison *p = &poisons[i];
		struct l7 *l7 = l7_new(p->parser, &(struct l7_host){ NULL, on_record }, NULL);
		uint64_t offset = 0;

		memset(&seen, 0, sizeof(seen));
		seen.parser = p->parser;
		CHECK(give(l7, p, p->good, &offset));
		CHECK_EQ(seen.errors + seen.ends, 0);
		for (int again = 0; again < 3; again++)
			CHECK(give(l7, p, p->bad, &offset));
		l7_finish(l7, 1);
		if (seen.errors != 1 || seen.ends != 1 || seen.after)
			printf("# %s: %u errors, %u ends, %u behind them\n", p->parser->name,
			       seen.errors, seen.ends, seen.after);
		CHECK(seen.errors == 1 && seen.ends == 1 && !seen.after);
		l7_free(l7);
	}
	return check_end();
}
