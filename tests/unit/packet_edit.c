/* packet_edit: building, printing, matching and editing packets. */
#include "libcommon/packet/edit.h"
#include "libcommon/packet/expr.h"
#include "libcommon/packet/match.h"
#include "libcommon/packet/sums.h"
#include "tests/unit/check.h"

static uint8_t made[PKT_BUILD_MAX];
static char why[PKT_WHY];

/* The expression's first packet, in `made`. */
static struct packet build(const char *text)
{
	struct packet p = { 0 };
	const char *reason;
	struct pkt_expr e;

	if (!pkt_expr_parse(&e, bytes_str(text), NULL, why))
		return p;
	pkt_template_next(&e.v[0], &e, false);
	if (!pkt_build(&e.v[0].model, made, sizeof(made), &p, &reason))
		p.n = 0;
	pkt_expr_release(&e);
	return p;
}

/* By how much the node's sum is off, in one's complement. */
static uint32_t off_by(const struct packet *p, unsigned node)
{
	struct pkt_sum_of s;
	uint32_t have, right;

	if (!pkt_sum_find(p, node, &s))
		return UINT32_MAX;
	have = (uint32_t)pkt_bits_get(p->data.ptr, s.place.at, s.place.bits);
	right = pkt_sum_value(&s, pkt_sum_over(p, node, &s));
	if (s.how == PKT_SUM_CRC32C)
		return have ^ right;
	return (have + 0xffff - right) % 0xffff;
}

static const char *const edits[] = {
	"ip.ttl-=1",
	"tcp.dport=8080; udp.dport=9; sctp.dport=9",
	"ip.src=1.2.3.4",
	"push vlan(id=7) after eth",
	"push gre before ip",
	"tcp.options+=mss(1400)",
	"payload~s/abc/vwxyz/",
	"swap ip.src ip.dst; swap tcp.sport tcp.dport",
	"swap ip[0] ip[1]",
	"ip.dst=anon(\"key\")",
};

static const char *const packets[] = {
	"eth/ip(ttl=3,chksum=9,options=[rr])/ip(ttl=5,tos=7)/tcp(chksum=4)/\"abc\"",
	"eth/ip/tcp(flags=S)/\"abcabc\"",
	"eth/ip(chksum=1)/tcp(chksum=2)/\"abcabc\"",
	"eth/ip/udp(chksum=7)/\"abc\"",
	"eth/ip(chksum=0xffff)/udp/\"abc\"",
	"eth/vlan/ip/sctp(chksum=77,chunks=[data(tsn=1,data=\"abc\")])",
	"eth/ip/udp/vxlan/eth/ip/tcp(chksum=5)/\"abc\"",
};

static void sums_stay(void)
{
	check_case("a sum that was wrong is wrong by as much after any edit, a right one right");
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct pkt_edit *e = pkt_edit_new(edits[i], PKT_SUMS_FIX, why);

		CHECK(e != NULL);
		for (size_t k = 0; e && k < sizeof(packets) / sizeof(packets[0]); k++) {
			struct packet was = build(packets[k]), is;
			struct bytes out;

			CHECK(was.n > 0);
			if (pkt_edit_apply(e, 1, was.data, &out) > PKT_EDITED)
				continue;
			pkt_dissect(&is, 1, out);
			for (unsigned l = 0; l < PKT_LAYERS; l++) {
				int a = pkt_find(&was, l, -1), b = pkt_find(&is, l, -1);

				if (a < 0 || b < 0 || off_by(&was, (unsigned)a) == UINT32_MAX)
					continue;
				/* a wrong CRC over another length is wrong, but by nothing that is
				 * told */
				if (l == PKT_sctp && out.len != was.data.len)
					continue;
				CHECK_EQ(off_by(&is, (unsigned)b), off_by(&was, (unsigned)a));
			}
		}
		if (e)
			pkt_edit_free(e);
	}
}

static bool carries(struct bytes frame, const char *bytes, size_t n)
{
	return memmem(frame.ptr, frame.len, bytes, n) != NULL;
}

#define CARRIES(frame, text) CHECK(carries(frame, text, sizeof(text) - 1))

static void names_are_short(void)
{
	static const char message[] =
		"eth/ip/udp/"
		"dns(qd=[q(qname=\"www.a.org\")],an=[rr(rrname=\"WWW.a.org@\",type=CNAME,"
		"rdata=\"b.a.org@\")],ar=[rr(rrname=\"b.a.org@\"),rr(rrname=\"none@\"),rr(rrname="
		"\"@\")])";
	struct packet p = build(message);
	struct pkt_edit *e =
		pkt_edit_new("dns.an+=rr(rrname=\"x.b.a.org@\",rdata=1.2.3.4)", PKT_SUMS_FIX, why);
	struct bytes out;

	check_case("a name goes on as one before it does, where it reads the same");
	CHECK(p.n > 0);
	CARRIES(p.data, "\3WWW\300\20\0\5");          /* the case of letters stays */
	CARRIES(p.data, "\0\4\1b\300\20\300\53\0\1"); /* rdata, and what points to it */
	CARRIES(p.data, "\4none\0\0\1");
	CARRIES(p.data, "\0\0\1\0\1");

	check_case("names point to where they did when an item before that came in");
	CHECK(pkt_edit_apply(e, 1, p.data, &out) == PKT_EDITED);
	CARRIES(out, "\0\4\1b\300\20\1x\300\53\0\1");
	CARRIES(out, "\1\2\3\4\300\53\0\1");
	pkt_edit_free(e);

	p = build("eth/ip/udp/"
		  "dns(an=[rr(rrname=\"a\")],ns=[rr(rrname=\"b\")],ar=[rr(rrname=\"@25\")])");
	e = pkt_edit_new("dns.an+=rr(rrname=\"c\",rdata=1.2.3.4)", PKT_SUMS_FIX, why);
	CARRIES(p.data, "\1b\0\0\1\0\1\0\0\0\0\0\0\300\31");
	CHECK(pkt_edit_apply(e, 1, p.data, &out) == PKT_EDITED);
	CARRIES(out, "\1b\0\0\1\0\1\0\0\0\0\0\0\300\52");
	pkt_edit_free(e);

	check_case("a short name that is too long is refused; a pointer out of reach, or to "
		   "itself, is "
		   "passed over");
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
	p = build("eth/ip/udp/dns(qd=[q(qname=\"" A50 A50 A50 A50 A50 "b@\")])");
	CHECK_EQ(p.n, 0);
	p = build("eth/ip/udp/dns(qd=[q(qname=\"@16383\"),q(qname=\"x@\")])");
	CARRIES(p.data, "\377\377\0\1\0\1\1x\0\0\1");
	p = build("eth/ip/udp/dns(qd=[q(qname=\"@12\"),q(qname=\"x@\")])"); /* to itself */
	CARRIES(p.data, "\300\14\0\1\0\1\1x\0\0\1");
}

static void others_stay(void)
{
	struct pkt_edit *e = pkt_edit_new("ip.ttl=7", PKT_SUMS_FIX, why);
	struct packet was = build("eth/ip(ttl=9)/udp/\"abc\"/padding(x\"010203\")");
	struct bytes out;
	size_t differ = 0;

	check_case("an edit changes its field and the sum over it, and no other byte");
	CHECK(pkt_edit_apply(e, 1, was.data, &out) == PKT_EDITED);
	CHECK_EQ(out.len, was.data.len);
	for (size_t i = 0; i < out.len; i++)
		differ += out.ptr[i] != was.data.ptr[i];
	CHECK(differ >= 2 && differ <= 3);
	CHECK_EQ(out.ptr[22], 7);
	check_case("what is as it should be already is not said to be edited");
	was = build("eth/ip(ttl=7)");
	CHECK(pkt_edit_apply(e, 1, was.data, &out) == PKT_SAME);
	was = build("eth/arp");
	CHECK(pkt_edit_apply(e, 1, was.data, &out) == PKT_SAME);
	pkt_edit_free(e);
}

static bool matches(const char *match, const char *text)
{
	struct packet p = build(text), q;
	struct pkt_match *m = pkt_match_new(match, why);
	bool r;

	pkt_dissect(&q, 1, p.data);
	r = m && pkt_matches(m, &q);
	pkt_match_free(m);
	return r;
}

static void conditions(void)
{
	check_case(
		"matches compare numbers, bits, prefixes and bytes, and absent layers never match");
	CHECK(matches("tcp.dport==80", "eth/ip/tcp"));
	CHECK(!matches("tcp.dport==80", "eth/ip/udp"));
	CHECK(!matches("tcp.dport!=80", "eth/ip/udp"));
	CHECK(matches("!tcp", "eth/ip/udp"));
	CHECK(matches("ip.src==10.0.0.0/8", "eth/ip(src=10.9.9.9)"));
	CHECK(!matches("ip.src==10.0.0.0/8", "eth/ip(src=11.9.9.9)"));
	CHECK(matches("ipv6.src==2001:db8::/32 && ipv6", "eth/ipv6(src=2001:db8::5)"));
	CHECK(matches("ip[1].ttl<5 || ip[1].ttl>=200", "eth/ip/ip(ttl=3)"));
	CHECK(matches("tcp.flags&SA && (tcp.flags==SA)", "eth/ip/tcp(flags=SA)"));
	CHECK(matches("payload~\"bc\"", "eth/ip/udp/\"abcd\""));
	CHECK(matches("ip.proto==udp && eth.type==ip", "eth/ip/udp"));
	check_case("words stand for marks, sets and ranges for many comparisons");
	CHECK(matches("tcp and not udp or arp", "eth/ip/tcp"));
	CHECK(!matches("not (tcp or udp)", "eth/ip/udp"));
	CHECK(matches("tcp.dport in {22, 80..90}", "eth/ip/tcp(dport=85)"));
	CHECK(!matches("tcp.dport in {22, 80..90}", "eth/ip/tcp(dport=91)"));
	CHECK(matches("tcp.dport not in {22, 80..90}", "eth/ip/tcp(dport=91)"));
	CHECK(!matches("tcp.dport not in {22, 80..90}", "eth/ip/udp"));
	CHECK(matches("ip.dst in {192.0.2.0/24, 10.0.0.1..10.0.0.9}", "eth/ip(dst=10.0.0.5)"));
	CHECK(matches("ip.dst in 192.0.2.0/24", "eth/ip(dst=192.0.2.7)"));
	CHECK(matches("ipv6.dst in {2001:db8::1..2001:db8::9}", "eth/ipv6(dst=2001:db8::9)"));
	check_case("what is no match is refused with the column");
	CHECK(!pkt_match_new("tcp.dport in {1", why) && !strncmp(why, "column 16", 9));
	CHECK(!pkt_match_new("tcp.dport not 1", why) && !pkt_match_new("tcp in {1}", why));
	CHECK(!pkt_match_new("ip.ttl==", why) && !strncmp(why, "column 9", 8));
	CHECK(!pkt_match_new("(ip", why) && !pkt_match_new("ip ip", why));
	CHECK(!pkt_match_new("", why) && !pkt_match_new("ip==5", why));
}

static bool hex_is(const char *text, const char *hex)
{
	struct packet p = build(text);
	char have[512];

	for (size_t i = 0; i < p.data.len && i < 255; i++)
		snprintf(have + 2 * i, 3, "%02x", p.data.ptr[i]);
	return p.data.len && !strcmp(have, hex);
}

/* Faults of pkts 0.2.1, each as the bytes that are right. */
static void faults_of_pkts(void)
{
	check_case("pkts: an IPv4 packet with a payload can be written (it panicked)");
	CHECK(hex_is("ip(src=10.0.0.2,dst=10.0.0.1)/udp(sport=1,dport=2)/\"hi\"",
		     "4500001e00010000401166cc0a0000020a00000100010002000a836b6869"));
	check_case("pkts: Ethernet's type is that of its payload, behind dst and src");
	CHECK(hex_is("eth(dst=01:02:03:04:05:06,src=0a:0b:0c:0d:0e:0f)/ipv6(nh=59,src=::1,dst=::2)",
		     "0102030405060a0b0c0d0e0f86dd6000000000003b40"
		     "0000000000000000000000000000000100000000000000000000000000000002"));
	check_case("pkts: TCP keeps seq, data offset, urgent pointer, options and payload");
	CHECK(hex_is(
		"tcp(sport=20,dport=80,seq=1,ack=2,flags=A,urgptr=3,options=[mss(1460)])/\"x\"",
		"00140050000000010000000260102000000000030204"
		"05b478"));
	check_case("pkts: checksums are stored, not written to a copy");
	{
		struct packet p = build("ip/tcp/\"abc\"");

		CHECK_EQ(off_by(&p, 0), 0);
		CHECK_EQ(off_by(&p, 1), 0);
		CHECK(be16_get(p.data.ptr + 10) && be16_get(p.data.ptr + 36));
	}
	check_case("pkts: SCTP's CRC32c is computed (it was 0)");
	{
		struct packet p = build("ip/sctp(sport=1,dport=2,tag=3)/data(tsn=1,data=\"x\")");

		CHECK_EQ(off_by(&p, 1), 0);
		CHECK(be32_get(p.data.ptr + 28) != 0);
	}
	check_case("pkts: a bad sum that was asked for is sent");
	CHECK_EQ(be16_get(build("ip(chksum=!0xdead)/udp").data.ptr + 10), 0xdead);
}

int main(void)
{
	faults_of_pkts();
	sums_stay();
	names_are_short();
	others_stay();
	conditions();
	return check_end();
}
