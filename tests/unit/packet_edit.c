/* packet_edit: building, printing, matching and editing packets. */
#include "libcommon/packet/edit.h"
#include "libcommon/packet/expr.h"
#include "libcommon/packet/match.h"
#include "libcommon/packet/sums.h"
#include "tests/unit/check.h"
#include "tests/unit/packet_made.h"

static char why[PKT_WHY];

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

/* What the edit makes of the expression's packet is the packet of another expression. */
static void becomes(const char *from, const char *edit, const char *to)
{
	struct pkt_edit *e = pkt_edit_new(edit, PKT_SUMS_FIX, why);
	struct packet p = build(from);
	struct bytes out = { 0 };
	struct buf have = { 0 };

	CHECK(e != NULL && p.n > 0);
	if (!e)
		return;
	CHECK(pkt_edit_apply(e, 1, p.data, &out) == PKT_EDITED);
	buf_add(&have, out.ptr, out.len);
	p = build(to);
	CHECK(p.n > 0 && bytes_equal(buf_bytes(&have), p.data));
	buf_release(&have);
	pkt_edit_free(e);
}

static enum pkt_edited result(const char *from, const char *edit)
{
	struct pkt_edit *e = pkt_edit_new(edit, PKT_SUMS_FIX, why);
	struct packet p = build(from);
	enum pkt_edited r = PKT_EDIT_RESULTS;
	struct bytes out;

	if (e) {
		r = pkt_edit_apply(e, 1, p.data, &out);
		CHECK(r == PKT_EDITED || bytes_equal(out, p.data));
		pkt_edit_free(e);
	}
	return r;
}

#define ANSWER(qd, an, ar) "eth/ip/udp/dns(qr=1,qd=[q(qname=" qd ")],an=[" an "],ar=[" ar "])"

static void items(void)
{
	static const char syn[] =
		"eth/ip/tcp(options=[mss(1460),sackok,ts(1,2),nop,wscale(7)])/\"x\"";
	static const char acks[] = "eth/ip/tcp(options=[nop,nop,sack([block(1,2),block(3,4)])])";

	check_case(
		"a field of an item is set, by the item's place or its kind, and the sums follow");
	becomes(syn, "tcp.options.mss.mss=1400; tcp.options[-1].shift=3; tcp.options.ts.val+=9",
		"eth/ip/tcp(options=[mss(1400),sackok,ts(10,2),nop,wscale(3)])/\"x\"");
	becomes(syn, "swap tcp.options.ts.val tcp.options[2].ecr",
		"eth/ip/tcp(options=[mss(1460),sackok,ts(2,1),nop,wscale(7)])/\"x\"");
	becomes(acks, "tcp.options.sack.blocks[1].left=7; tcp.options.sack[0].blocks[-2].right-=1",
		"eth/ip/tcp(options=[nop,nop,sack([block(1,1),block(7,4)])])");
	becomes("eth/ip(options=[rtralt(alert=3),rr])/udp",
		"ip.options.rtralt.alert=4; ip.options[1].pointer=8",
		"eth/ip(options=[rtralt(alert=4),rr(pointer=8)])/udp");
	becomes("eth/ip/"
		"sctp(chunks=[init(params=[param(type=5,data=\"abcd\")]),data(tsn=1,data=\"hi\")])",
		"sctp.chunks.data.tsn=6; sctp.chunks[0].params[0].type=6; "
		"sctp.chunks.data[-1].data=\"ho\"",
		"eth/ip/"
		"sctp(chunks=[init(params=[param(type=6,data=\"abcd\")]),data(tsn=6,data=\"ho\")]"
		")");
	becomes("eth/ipv6/icmpv6(type=ra,options=[srclladdr(lladdr=02:00:00:00:00:01),ndmtu])",
		"icmpv6.options.srclladdr.lladdr=anon(\"k\"); "
		"icmpv6.options.srclladdr.lladdr=2:0:0:0:0:5; "
		"icmpv6.options.mtu.mtu=1400",
		"eth/ipv6/"
		"icmpv6(type=ra,options=[srclladdr(lladdr=02:00:00:00:00:05),ndmtu(mtu=1400)])");

	check_case("where an item's length changes, lengths and padding are those of the new one");
	becomes("eth/ip/"
		"sctp(chunks=[init(params=[param(type=5,data=\"abcd\")]),data(tsn=1,data=\"hi\")])",
		"sctp.chunks.data.data=\"hello\"; sctp.chunks.init.params[0].data=\"x\"",
		"eth/ip/"
		"sctp(chunks=[init(params=[param(type=5,data=\"x\")]),data(tsn=1,data=\"hello\")]"
		")");
	becomes(acks, "tcp.options.sack.blocks+=block(5,6)",
		"eth/ip/tcp(options=[nop,nop,sack([block(1,2),block(3,4),block(5,6)])])");
	becomes(syn, "pop tcp.options.ts; pop tcp.options[2]",
		"eth/ip/tcp(options=[mss(1460),sackok,wscale(7),eol])/\"x\"");
	becomes("eth/ip(options=[rr(routers=x\"0102030405060708\")])/udp",
		"ip.options.rr.routers=x\"01020304\"",
		"eth/ip(options=[rr(routers=x\"01020304\")])/udp");

	check_case("a DNS record's data is set as what it is, and its name written anew");
	becomes(ANSWER("\"a.org\"", "rr(rrname=\"a.org@\",ttl=9,rdata=1.2.3.4)", ""),
		"dns.an[0].rdata=5.6.7.8; dns.an[0].ttl=60; dns.id=0",
		ANSWER("\"a.org\"", "rr(rrname=\"a.org@\",ttl=60,rdata=5.6.7.8)", ""));
	becomes(ANSWER("\"a.org\"", "rr(rrname=\"a.org@\",type=AAAA,rdata=::1)", ""),
		"dns.an[0].rdata=2001:db8::7",
		ANSWER("\"a.org\"", "rr(rrname=\"a.org@\",type=AAAA,rdata=2001:db8::7)", ""));
	becomes(ANSWER("\"a.org\"", "rr(type=CNAME,rdata=\"b.org\"),rr(rdata=1.1.1.1)", ""),
		"dns.an[0].rdata=\"c.a.org@\"; dns.an.rr[-1].rdata=map(1.0.0.0/8,2.0.0.0/8)",
		ANSWER("\"a.org\"", "rr(type=CNAME,rdata=\"c.a.org@\"),rr(rdata=2.1.1.1)", ""));

	check_case("names that point to or behind a name that became longer or shorter still do");
	becomes(ANSWER("\"www.a.org\"",
		       "rr(rrname=\"@12\",type=CNAME,rdata=\"b.@16\"),rr(rrname=\"@39\")",
		       "rr(rrname=\"@39\")"),
		"dns.qd[0].qname=\"longer.a.org\"",
		ANSWER("\"longer.a.org\"",
		       "rr(rrname=\"@12\",type=CNAME,rdata=\"b.@19\"),rr(rrname=\"@42\")",
		       "rr(rrname=\"@42\")"));
	becomes(ANSWER("\"www.a.org\"", "rr(rrname=\"@16\")", ""), "dns.qd[0].qname=\"xyz.a.org\"",
		ANSWER("\"xyz.a.org\"", "rr(rrname=\"@16\")", ""));
	becomes(ANSWER("\"www.a.org\"", "rr(rrname=\"b.org\")", "rr(rrname=\"@27\")"),
		"pop dns.qd[0]",
		"eth/ip/udp/dns(qr=1,an=[rr(rrname=\"b.org\")],ar=[rr(rrname=\"@12\")])");

	check_case(
		"names that would read otherwise are written out, and those that are but a pointer "
		"to the name follow it");
	becomes(ANSWER("\"www.a.org\"", "rr(rrname=\"@16\"),rr(rrname=\"n.@12\")",
		       "rr(rrname=\"@12\")"),
		"dns.qd[0].qname=\"www.b.org\"",
		ANSWER("\"www.b.org\"", "rr(rrname=\"a.org\"),rr(rrname=\"n.www.a.org\")",
		       "rr(rrname=\"@12\")"));
	becomes(ANSWER("\"www.a.org\"", "rr(rrname=\"x.@16\"),rr(rrname=\"@29\")",
		       "rr(rrname=\"@27\")"),
		"dns.qd[0].qname=\"b.org\"",
		ANSWER("\"b.org\"", "rr(rrname=\"x.a.org\"),rr(rrname=\"@25\")",
		       "rr(rrname=\"@23\")"));
	becomes(ANSWER("\"www.a.org\"", "rr(rrname=\"n.@12\")", ""),
		"dns.qd[0].qname=\"u.www.a.org\"",
		ANSWER("\"u.www.a.org\"", "rr(rrname=\"n.@14\")", ""));
	becomes(ANSWER("\"www.a.org\"", "rr(rrname=\"@12\")", "rr(rrname=\"@16\")"),
		"pop dns.qd[0]",
		"eth/ip/udp/dns(qr=1,an=[rr(rrname=\"www.a.org\")],ar=[rr(rrname=\"a.org\")])");

	check_case("what can't be right is refused: names that would read otherwise, wrong kinds "
		   "of data");
	CHECK_EQ(result(ANSWER("\"www.@16\"", "rr(rrname=\"@16\")", ""),
			"dns.qd[0].qname=\"b.org\""),
		 PKT_REFUSED_NAMES); /* it has no end */
	CHECK_EQ(result(ANSWER("\"www.@16\"", "rr(rrname=\"@12\")", ""), "pop dns.qd[0]"),
		 PKT_REFUSED_NAMES);
	CHECK_EQ(result(ANSWER("\"a\"", "rr(rdata=1.2.3.4)", ""), "dns.an[0].rdata=\"b.org\""),
		 PKT_REFUSED_VALUE);
	CHECK_EQ(result(ANSWER("\"a\"", "rr(type=CNAME,rdata=\"b\")", ""),
			"dns.an[0].rdata=1.2.3.4"),
		 PKT_REFUSED_VALUE);
	CHECK_EQ(result(ANSWER("\"a\"", "rr(type=CNAME,rdata=\"b\")", ""),
			"dns.an[0].rdata=anon(\"k\")"),
		 PKT_REFUSED_VALUE);
	CHECK_EQ(result("eth/ip/tcp(options=[sack([block(1,2),block(1,2),block(1,2),block(1,2)])])",
			"tcp.options.sack.blocks+=block(5,6)"),
		 PKT_REFUSED_LENGTH);
	CHECK_EQ(result("eth/ip/arp(plen=2,psrc=x\"0a00\")", "arp.psrc=1.2.3.4"), PKT_SAME);
	CHECK_EQ(result("eth/arp(plen=2,psrc=x\"0a00\",pdst=x\"0a00\")", "arp.psrc=1.2.3.4"),
		 PKT_REFUSED_VALUE);
	check_case("an item that is not there is no match, whatever the list");
	CHECK_EQ(result(syn, "tcp.options.sack.blocks[0].left=1; tcp.options[9].len=1; "
			     "tcp.options[-6].len=1; dns.an[0].ttl=1; pop tcp.options.md5"),
		 PKT_SAME);
	check_case("what no packet could have is refused when it is read, with the column");
	CHECK(!pkt_edit_new("tcp.options.mss=1", PKT_SUMS_FIX, why) &&
	      !strncmp(why, "column 16", 9));
	CHECK(!pkt_edit_new("tcp.options.mss.mss=65536", PKT_SUMS_FIX, why));
	CHECK(!pkt_edit_new("tcp.options[0].tsn=1", PKT_SUMS_FIX, why));
	CHECK(!pkt_edit_new("tcp.options.init.len=1", PKT_SUMS_FIX, why));
	CHECK(!pkt_edit_new("tcp.options[1=1", PKT_SUMS_FIX, why));
	CHECK(!pkt_edit_new("pop ip.ttl", PKT_SUMS_FIX, why));
	CHECK(!pkt_edit_new("dns.an[0].ttl=\"x\"", PKT_SUMS_FIX, why));
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
	check_case("items of lists are compared by place or kind, names however they are written");
	CHECK(matches("tcp.options.mss.mss==1460 && tcp.options[1].shift>5",
		      "eth/ip/tcp(options=[mss(1460),wscale(7)])"));
	CHECK(matches("tcp.options.wscale && !tcp.options.ts", "eth/ip/tcp(options=[wscale])"));
	CHECK(matches("dns.an[-1].rdata==10.0.0.0/8 && dns.an[0].rdata!=10.0.0.0/8",
		      "eth/ip/udp/dns(an=[rr(type=CNAME,rdata=\"a\"),rr(rdata=10.1.1.1)])"));
	CHECK(matches(
		"dns.an[0].rrname==\"WWW.a.org\" && dns.qd[0].qname==www.A.org",
		"eth/ip/udp/dns(qd=[q(qname=\"www.a.org\")],an=[rr(rrname=\"www.a.org@\")])"));
	CHECK(!matches("dns.qd[0].qname==\"a.org\"",
		       "eth/ip/udp/dns(qd=[q(qname=\"www.a.org\")])"));
	CHECK(matches("dns.an[0].rdata==2001:db8::/32 and dns.an[0].type==AAAA",
		      "eth/ip/udp/dns(an=[rr(type=AAAA,rdata=2001:db8::1)])"));
	CHECK(!matches("tcp.options[7].len==0", "eth/ip/tcp"));
	CHECK(!pkt_match_new("tcp.options[0].nothing==1", why));
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

int main(void)
{
	sums_stay();
	names_are_short();
	items();
	others_stay();
	conditions();
	return check_end();
}
