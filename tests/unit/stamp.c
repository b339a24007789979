/* stamp: packets made by what differs are those that are built. */
#include "libcommon/packet/stamp.h"

#include <stdlib.h>

#include "libcommon/packet/expr.h"
#include "tests/unit/check.h"

enum { EACH = 3000 };

static uint8_t one[PKT_BUILD_MAX], other[PKT_BUILD_MAX];

static const struct {
	const char *text;
	bool stamped;
} packets[] = {
	{ "eth/ip(dst=10.0.0.0/24,id=inc(1))/tcp(sport=rand(),flags={S,SA,R})/\"GET /\"", true },
	{ "eth/ip(tos=rand(),ttl=rand(),flags=rand(),frag=rand())/udp(sport=rand())/\"abc\"",
	  true },
	{ "ip(src=rand(),dst=rand())/udp(sport=rand(),dport=rand())/x\"00\"", true },
	/* sums that come out as 0, or are over nothing but zeros */
	{ "ip(src=0.0.0.0,dst=0.0.0.0)/udp(sport=0..65535,dport=0)", true },
	{ "icmp(type=0,seq=0..3)/x\"000000\"", true },
	{ "eth/ipv6(src=2001:db8::/112,dst=rand(),fl=rand())/hbh/udp(dport=rand())/\"x\"", true },
	/* sums over sums, at odd places, too */
	{ "eth/ip(id=rand())/udp(sport=rand())/vxlan(vni=rand())/eth(src=rand())/ip(dst=rand())/"
	  "icmp(seq=rand())/\"abc\"",
	  true },
	{ "ip(id=rand())/gre(chksum_present=1,key=rand())/ip(ttl=rand())/tcp(seq=rand())/\"a\"",
	  true },
	{ "ip(options=[rtralt(alert=rand())])/tcp(options=[ts(inc(5),rand()),wscale(rand())])",
	  true },
	{ "ip/sctp(tag=rand(),chunks=[data(tsn=inc(1),data=\"x\"),data(tsn=rand())])", true },
	{ "ip/udp/dns(id=rand(),rd=rand(),qd=[q(qtype=rand())],an=[rr(ttl=rand())])", true },
	/* what is given wrong stays as it was given */
	{ "ip(len=rand(),chksum=rand())/udp(len=rand())/\"abc\"", true },
	{ "ip/udp(chksum=rand())/\"abc\"", true },
	{ "eth(type=rand())/ip(proto=rand())/tcp(dataofs=rand())/\"abc\"", true },
	{ "frame(time=1..50)/eth/ip(id=rand())", true },
	/* what decides where others stand is built */
	{ "ip/icmp(type=0..20,id=rand())/\"abc\"", false },
	{ "arp(hwlen=0..8)", false },
	{ "ip/gre(key_present=0..1)", false },
	{ "ipv6/routing(segleft=0..1,addresses=[addr(addr=::5)])/udp(sport=rand())", false },
	{ "ip/udp/dns(qd=[q(qname={\"a.b\",\"c.dd\"})])", false },
};

static void compare(struct pkt_expr *e, bool zip, bool stamped)
{
	struct pkt_template *t = &e->v[0];
	uint64_t differ = 0, failed = 0;
	const char *why;

	for (unsigned i = 0; i < EACH; i++) {
		const struct packet *p;
		struct packet own, built;

		if (!pkt_template_next(t, e, zip) && !pkt_template_next(t, e, zip))
			break;
		p = pkt_template_make(t, one, sizeof(one), &own, &why);
		failed += !p || !pkt_build(&t->model, other, sizeof(other), &built, &why);
		if (failed)
			break;
		differ += !bytes_equal(p->data, built.data) || p->n != built.n;
		for (unsigned k = 0; k < p->n && k < built.n; k++)
			differ += p->node[k].at != built.node[k].at ||
				  p->node[k].len != built.node[k].len ||
				  p->node[k].end != built.node[k].end ||
				  p->node[k].layer != built.node[k].layer;
	}
	CHECK_EQ(failed, 0);
	CHECK_EQ(differ, 0);
	CHECK((t->stamp != NULL) == stamped);
}

int main(void)
{
	char why[PKT_WHY];

	check_case("each packet is, byte for byte, the one that is built, whatever varies in it");
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
		for (int zip = 0; zip < 2; zip++) {
			struct pkt_expr e;

			CHECK(pkt_expr_parse(&e, bytes_str(packets[i].text), NULL, why));
			pkt_template_seed(&e.v[0], i + 1);
			compare(&e, zip, packets[i].stamped);
			pkt_expr_release(&e);
		}
	return check_end();
}
