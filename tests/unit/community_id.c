/* community_id: the test vectors of the Community ID specification, and its symmetry. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "libcommon/record/community_id.h"
#include "tests/unit/check.h"

#define A "1.2.3.4"
#define B "5.6.7.8"
#define A6 "fe80:1:203:405:607:809:a0b:c0d"
#define B6 "fe80:1011:1213:1415:1617:1819:1a1b:1c1d"

static const struct vector {
	const char *title, *orig, *resp;
	uint8_t proto;
	uint16_t orig_p, resp_p, seed;
	bool mirrors;    /* the way back has the same id ... */
	uint16_t back_p; /* ... with this number as its originator's port */
	const char *id;
} vectors[] = {
	{ "TCP", A, B, IPPROTO_TCP, 1122, 3344, 0, true, 3344, "1:wCb3OG7yAFWelaUydu0D+125CLM=" },
	{ "TCP with seed 1", A, B, IPPROTO_TCP, 1122, 3344, 1, true, 3344,
	  "1:HhA1B+6CoLbiKPEs5nhNYN4XWfk=" },
	{ "UDP", A, B, IPPROTO_UDP, 1122, 3344, 0, true, 3344, "1:0Mu9InQx6z4ZiCZM/7HXi2WMhOg=" },
	{ "SCTP", A, B, IPPROTO_SCTP, 1122, 3344, 0, true, 3344, "1:EKt4MsxuyaE6mL+hmrEkQ9csDD8=" },
	{ "ICMP echo", A, B, IPPROTO_ICMP, 8, 0, 0, true, 0, "1:crodRHL2FEsHjbv3UkRrfbs4bZ0=" },
	{ "ICMP time exceeded", A, B, IPPROTO_ICMP, 11, 0, 0, false, 11,
	  "1:f/YiSyWqczrTgfUCZlBUnvHRcPk=" },
	{ "ICMPv6 echo", A6, B6, IPPROTO_ICMPV6, 128, 0, 0, true, 129,
	  "1:0bf7hyMJUwt3fMED7z8LIfRpBeo=" },
	{ "TCP over IPv6", A6, B6, IPPROTO_TCP, 1122, 3344, 0, true, 3344,
	  "1:x46CnGcE5e7seY/CGiklKh9QYug=" },
	{ "RSVP, which has no ports", A, B, IPPROTO_RSVP, 0, 0, 0, true, 0,
	  "1:ikv3kmf89luf73WPz1jOs49S768=" },
};

static struct ip address(const char *text)
{
	struct ip ip = { 0 };
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	ip.len = family == AF_INET ? 4 : 16;
	inet_pton(family, text, ip.b);
	return ip;
}

static void test_vector(const struct vector *v)
{
	struct rec_key key = { address(v->orig), address(v->resp), v->orig_p, v->resp_p, v->proto };
	struct rec_key back = { key.resp_h, key.orig_h, v->back_p,
				v->proto == IPPROTO_ICMP || v->proto == IPPROTO_ICMPV6 ? v->resp_p
										       : v->orig_p,
				v->proto };
	char text[COMMUNITY_ID_SIZE];

	CHECK(community_id(&key, v->seed, text) && strcmp(text, v->id) == 0);
	CHECK(community_id(&back, v->seed, text));
	CHECK((strcmp(text, v->id) == 0) == v->mirrors);
}

int main(void)
{
	struct rec_key none = { .proto = IPPROTO_TCP };
	char text[COMMUNITY_ID_SIZE] = "untouched", title[100];

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		snprintf(title, sizeof(title), "the published id comes out: %s", vectors[i].title);
		check_case(title);
		test_vector(&vectors[i]);
		check_done();
	}
	check_case("equal addresses are ordered by port");
	{
		struct rec_key low = { address(A), address(A), 5, 6, IPPROTO_TCP };
		struct rec_key high = { address(A), address(A), 6, 5, IPPROTO_TCP };
		char other[COMMUNITY_ID_SIZE];

		CHECK(community_id(&low, 0, text) && community_id(&high, 0, other));
		CHECK(strcmp(text, other) == 0);
	}
	check_case("a key without addresses, or with unlike ones, has no id");
	CHECK(!community_id(&none, 0, text));
	none.orig_h = address(A);
	none.resp_h = address(B6);
	CHECK(!community_id(&none, 0, text));
	return check_end();
}
