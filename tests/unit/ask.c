/* ask: tests of how a packet and its answer know each other. */
#include "tests/unit/check.h"

#include "cmd/ask/key.h"
#include "libcommon/packet/expr.h"

static uint8_t room[2][PKT_BUILD_MAX];

/* The packet of an expression, from its network layer on. */
static struct bytes make(int slot, const char *text)
{
	struct pkt_expr e = { 0 };
	struct packet p;
	char why[PKT_WHY];
	const char *reason;

	if (!pkt_expr_parse(&e, bytes_str(text), NULL, why) ||
	    !pkt_template_next(&e.v[0], &e, false) ||
	    !pkt_build(&e.v[0].model, room[slot], PKT_BUILD_MAX, &p, &reason)) {
		printf("# %s: %s\n", text, why);
		exit(1);
	}
	pkt_expr_release(&e);
	return p.data;
}

static bool answers(uint16_t ethertype, const char *question, const char *answer)
{
	struct ask_key q, a, any;
	bool error, asks = ask_key_question(&q, ethertype, make(0, question));
	bool says = ask_key_answer(&a, ethertype, make(1, answer), &error);

	if (!asks || !says)
		return false;
	any = ask_key_anybody(&a);
	return (ask_key_match(&q, &a) && ask_key_hash(&q) == ask_key_hash(&a)) ||
	       (!error && ask_key_match(&q, &any) && ask_key_hash(&q) == ask_key_hash(&any));
}

#define Q4 "ip(src=10.0.0.1,dst=10.0.0.2)"
#define A4 "ip(src=10.0.0.2,dst=10.0.0.1)"
#define Q6 "ipv6(src=fd00::1,dst=fd00::2)"
#define A6 "ipv6(src=fd00::2,dst=fd00::1)"

static void test_icmp(void)
{
	check_case("a ping is answered by its own reply, from whom it went to");
	CHECK(answers(ASK_IP4, Q4 "/icmp(id=7,seq=3)", A4 "/icmp(type=0,id=7,seq=3)"));
	CHECK(!answers(ASK_IP4, Q4 "/icmp(id=7,seq=3)", A4 "/icmp(type=0,id=7,seq=4)"));
	CHECK(!answers(ASK_IP4, Q4 "/icmp(id=7,seq=3)", A4 "/icmp(type=0,id=8,seq=3)"));
	CHECK(!answers(ASK_IP4, Q4 "/icmp(id=7,seq=3)", A4 "/icmp(type=8,id=7,seq=3)"));
	CHECK(!answers(ASK_IP4, Q4 "/icmp", "ip(src=10.0.0.3,dst=10.0.0.1)/icmp(type=0)"));
	CHECK(!answers(ASK_IP4, Q4 "/icmp", "ip(src=10.0.0.2,dst=10.0.0.9)/icmp(type=0)"));
	CHECK(answers(ASK_IP4, Q4 "/icmp(type=13)", A4 "/icmp(type=14)"));
	CHECK(answers(ASK_IP6, Q6 "/icmpv6(id=1)", A6 "/icmpv6(type=129,id=1)"));
	CHECK(answers(ASK_IP6, Q6 "/hbh/icmpv6(id=1)", A6 "/icmpv6(type=129,id=1)"));

	check_case("to a group anybody may answer");
	CHECK(answers(ASK_IP6, "ipv6(src=fd00::1,dst=ff02::1)/icmpv6", A6 "/icmpv6(type=129)"));
	CHECK(answers(ASK_IP4, "ip(src=10.0.0.1,dst=224.0.0.1)/icmp", A4 "/icmp(type=0)"));
}

static void test_ports(void)
{
	check_case("TCP, UDP and SCTP are answered from port to port");
	CHECK(answers(ASK_IP4, Q4 "/tcp(sport=1,dport=2)", A4 "/tcp(sport=2,dport=1,flags=SA)"));
	CHECK(!answers(ASK_IP4, Q4 "/tcp(sport=1,dport=2)", A4 "/tcp(sport=1,dport=2,flags=SA)"));
	CHECK(!answers(ASK_IP4, Q4 "/tcp(sport=1,dport=2)", A4 "/udp(sport=2,dport=1)"));
	CHECK(answers(ASK_IP6, Q6 "/udp(sport=1,dport=2)", A6 "/udp(sport=2,dport=1)"));
	CHECK(answers(ASK_IP4, Q4 "/sctp(sport=1,dport=2)", A4 "/sctp(sport=2,dport=1)"));

	check_case("DNS is answered with its id, and by no query");
	CHECK(answers(ASK_IP4, Q4 "/udp(sport=9,dport=53)/dns(id=5)",
		      A4 "/udp(sport=53,dport=9)/dns(id=5,qr=1)"));
	CHECK(!answers(ASK_IP4, Q4 "/udp(sport=9,dport=53)/dns(id=5)",
		       A4 "/udp(sport=53,dport=9)/dns(id=6,qr=1)"));
	CHECK(!answers(ASK_IP4, Q4 "/udp(sport=9,dport=53)/dns(id=5)",
		       A4 "/udp(sport=53,dport=9)/dns(id=5)"));
}

static void test_errors(void)
{
	check_case("an error belongs to the packet that it quotes, whoever sends it");
	CHECK(answers(ASK_IP4, Q4 "/udp(sport=9,dport=7)",
		      "ip(src=10.9.9.9,dst=10.0.0.1)/icmp(type=3,code=3)/" Q4
		      "/udp(sport=9,dport=7)"));
	CHECK(!answers(ASK_IP4, Q4 "/udp(sport=9,dport=7)",
		       "ip(src=10.9.9.9,dst=10.0.0.1)/icmp(type=3,code=3)/" Q4
		       "/udp(sport=9,dport=8)"));
	CHECK(answers(ASK_IP4, Q4 "/icmp(id=4,seq=2)",
		      "ip(src=10.9.9.9,dst=10.0.0.1)/icmp(type=11)/" Q4 "/icmp(id=4,seq=2)"));
	CHECK(answers(ASK_IP6, Q6 "/udp(sport=9,dport=7)",
		      "ipv6(src=fd00::9,dst=fd00::1)/icmpv6(type=1,code=4)/" Q6
		      "/udp(sport=9,dport=7)"));

	check_case("a quotation that ends before DNS's id is enough");
	{
		struct ask_key q, a;
		bool error;
		struct bytes reply = make(1, "ip(src=10.9.9.9,dst=10.0.0.1)/icmp(type=3)/" Q4
					     "/udp(sport=9,dport=53)/dns(id=5)");

		CHECK(ask_key_question(&q, ASK_IP4,
				       make(0, Q4 "/udp(sport=9,dport=53)/dns(id=5)")));
		reply.len = 20 + 8 + 28;
		CHECK(ask_key_answer(&a, ASK_IP4, reply, &error));
		CHECK(error);
		CHECK(ask_key_match(&q, &a));
	}
}

static void test_neighbours(void)
{
	check_case("ARP and neighbour discovery answer for the address that was asked for");
	CHECK(answers(ASK_ARP, "arp(psrc=10.0.0.1,pdst=10.0.0.2)",
		      "arp(op=2,psrc=10.0.0.2,pdst=10.0.0.1)"));
	CHECK(!answers(ASK_ARP, "arp(psrc=10.0.0.1,pdst=10.0.0.2)",
		       "arp(op=2,psrc=10.0.0.3,pdst=10.0.0.1)"));
	CHECK(!answers(ASK_ARP, "arp(op=2)", "arp(op=2)"));
	CHECK(answers(ASK_IP6,
		      "ipv6(src=fd00::1,dst=ff02::1:ff00:2)/icmpv6(type=135,target=fd00::2)",
		      A6 "/icmpv6(type=136,target=fd00::2)"));
	CHECK(!answers(ASK_IP6,
		       "ipv6(src=fd00::1,dst=ff02::1:ff00:2)/icmpv6(type=135,target=fd00::2)",
		       A6 "/icmpv6(type=136,target=fd00::3)"));
}

static void test_cut(void)
{
	struct bytes whole = make(0, Q6 "/hbh/icmpv6(type=1)/" Q6 "/udp(sport=9,dport=53)/dns");
	struct ask_key k;
	bool error, any = false;

	check_case("whatever is cut off, nothing is read beyond it");
	for (size_t n = 0; n < whole.len; n++) {
		uint8_t *exact = malloc(n ? n : 1);

		memcpy(exact, whole.ptr, n);
		any |= ask_key_question(&k, ASK_IP6, BYTES(exact, n));
		any |= ask_key_answer(&k, ASK_IP6, BYTES(exact, n), &error);
		free(exact);
	}
	CHECK(any);
}

int main(void)
{
	test_icmp();
	test_ports();
	test_errors();
	test_neighbours();
	test_cut();
	return check_end();
}
