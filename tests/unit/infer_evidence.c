/* infer_evidence: signs are joined within the limits of their classes; memory is bounded and
 * forgets; rules and dumps are lines. */
#include "cmd/infer/evidence.h"

#include <netinet/in.h>

#include "cmd/infer/context.h"
#include "cmd/infer/memo.h"
#include "tests/unit/check.h"
#include "tests/unit/infer_caps.h"

static struct evidence_list list;

static void sign(uint16_t protocol, unsigned class, unsigned weight, unsigned dirs)
{
	evidence_add(&list, &(struct evidence){ .protocol = protocol,
						.class = (uint8_t) class,
						.weight = (uint8_t)weight,
						.dirs = (uint8_t)dirs });
}

static void test_judge(void)
{
	struct verdict v;

	check_case("nothing speaks for nothing");
	CHECK_EQ(evidence_judge(&list).protocol, 0);
	check_case("a port alone never gives more than 40, however sure it is");
	sign(1, REC_evidence_class_PORT, 99, 0);
	CHECK_EQ(evidence_judge(&list).confidence, 40);
	check_case("no class gives more than its limit, and a stronger class raises it");
	for (unsigned class = REC_evidence_class_STATISTICS; class >= REC_evidence_class_PARSER;
	     class --) {
		sign(1, class == REC_evidence_class_BOTH ? REC_evidence_class_ONE : class, 99,
		     class == REC_evidence_class_ONE    ? 1
		     : class == REC_evidence_class_BOTH ? 2
							: 0);
		v = evidence_judge(&list);
		CHECK(v.confidence <= evidence_cap(v.class));
	}
	CHECK_EQ(v.confidence, 99);
	CHECK_EQ(v.class, REC_evidence_class_PARSER);
	check_case("what speaks for one protocol speaks against another");
	list.count = 0;
	sign(1, REC_evidence_class_ONE, 90, 1);
	CHECK_EQ(evidence_judge(&list).confidence, 90);
	sign(2, REC_evidence_class_PORT, 40, 0);
	v = evidence_judge(&list);
	CHECK_EQ(v.protocol, 1);
	CHECK(v.confidence < 90 && v.confidence > 80);
	CHECK_EQ(v.others[0].protocol, 2);
	CHECK(v.confidence + v.others[0].confidence <= 100);
	check_case(
		"two directions that show two protocols are a conflict, and the server's counts");
	list.count = 0;
	sign(1, REC_evidence_class_ONE, 90, 1);
	sign(2, REC_evidence_class_ONE, 90, 2);
	v = evidence_judge(&list);
	CHECK(v.conflict);
	CHECK_EQ(v.protocol, 2);
	check_case("a sign that needs the other side counts with it alone");
	list.count = 0;
	evidence_add(&list, &(struct evidence){ .protocol = 3,
						.class = REC_evidence_class_ONE,
						.weight = 80,
						.dirs = 1,
						.both = true });
	CHECK_EQ(evidence_judge(&list).protocol, 0);
	sign(3, REC_evidence_class_ONE, 80, 2);
	v = evidence_judge(&list);
	CHECK_EQ(v.protocol, 3);
	CHECK_EQ(v.class, REC_evidence_class_BOTH);
	check_case("a rule wins against all that the bytes show");
	sign(4, REC_evidence_class_USER, 100, 0);
	v = evidence_judge(&list);
	CHECK_EQ(v.protocol, 4);
	CHECK_EQ(v.confidence, 100);
	check_case("of too many signs the weakest are left out");
	list.count = 0;
	for (uint16_t i = 1; i <= 100; i++)
		sign(i, REC_evidence_class_ONE, i % 90 + 1, 1);
	CHECK_EQ(list.count, EVIDENCE_MAX);
	CHECK_EQ(evidence_judge(&list).protocol, 89);
}

static void count_one(void *ctx, uint64_t until, const void *key, const void *value)
{
	(void)until;
	(void)key;
	(void)value;
	++*(int *)ctx;
}

static void test_memo(void)
{
	struct memo *m = memo_new(4, 4, 8, 1);
	uint64_t value;
	int n = 0;

	check_case(
		"a memo holds what it was made for; the least recently used goes, and is counted");
	for (uint32_t key = 0; key < 6; key++) {
		value = key * 10;
		memo_put(m, key, 1000, &key, &value);
		memo_get(m, key, &(uint32_t){ 0 });
	}
	memo_each(m, count_one, &n);
	CHECK_EQ(n, 4);
	CHECK(memo_get(m, 6, &(uint32_t){ 0 }) != NULL);
	CHECK(memo_get(m, 6, &(uint32_t){ 1 }) == NULL);
	CHECK(*(uint64_t *)memo_get(m, 6, &(uint32_t){ 5 }) == 50);
	CHECK_EQ(memo_stats(m).evicted, 2);
	CHECK_EQ(memo_stats(m).entries, 4);
	check_case("what is older than its time is not found, and counted");
	CHECK(memo_get(m, 1005, &(uint32_t){ 5 }) != NULL);
	CHECK(memo_get(m, 1006, &(uint32_t){ 5 }) == NULL);
	CHECK_EQ(memo_stats(m).expired, 1);
	CHECK_EQ(memo_stats(m).entries, 3);
	memo_drop(m, &(uint32_t){ 4 });
	CHECK(memo_get(m, 6, &(uint32_t){ 4 }) == NULL);
	memo_free(m);
}

static struct ip v4(uint8_t last)
{
	return (struct ip){ 4, { 192, 0, 2, last } };
}

static void test_context(void)
{
	struct protocols *names = protocols_new();
	struct context *c = context_new(names, 16, 1);
	uint16_t mysql = protocol_number(names, bytes_str("mysql"));
	struct endpoint at = { v4(1), 7777, IPPROTO_TCP };
	struct ip peer = v4(2), other = v4(3);
	struct expectation e;
	struct buf text = { 0 };
	const char *why = NULL;
	unsigned line = 0;

	check_case("an expectation holds for its peer, once where it is for one flow");
	context_expect(c, 100, 50, &at, &peer,
		       &(struct expectation){ .by = 7, .protocol = mysql, .once = 1 });
	CHECK(!context_expected(c, 120, &at, &other, &e));
	CHECK(context_expected(c, 120, &at, &peer, &e));
	CHECK_EQ(e.by, 7);
	CHECK(!context_expected(c, 120, &at, &peer, &e));
	context_expect(c, 100, 50, &at, &(struct ip){ 0 },
		       &(struct expectation){ .protocol = mysql });
	CHECK(context_expected(c, 150, &at, &other, &e));
	CHECK(!context_expected(c, 151, &at, &other, &e));
	check_case("a name's service is expected at its address, whichever was told first");
	context_target(c, 100, 1000, bytes_str("DB.example.com"), IPPROTO_TCP, 7777, mysql);
	context_address(c, 110, 1000, bytes_str("db.EXAMPLE.com"), &at.ip, 9);
	CHECK(context_expected(c, 120, &at, &peer, &e));
	CHECK_EQ(e.by, 9);
	check_case("a rule speaks of a net, a transport and ports; the last that fits counts");
	CHECK(context_load(
		c,
		bytes_str("192.0.2.0/28 tcp 7000-8000 = mysql\n# none\nany tcp 7778 = other\n"
			  "2001:db8::/32 udp 1 = six\n"),
		&why, &line));
	CHECK_EQ(context_rule(c, &at), mysql);
	at.port = 7778;
	CHECK(strcmp(protocol_name(names, context_rule(c, &at)), "other") == 0);
	at.port = 8001;
	CHECK_EQ(context_rule(c, &at), 0);
	at = (struct endpoint){ v4(16), 7777, IPPROTO_TCP };
	CHECK_EQ(context_rule(c, &at), 0);
	check_case("what is dumped is loaded again");
	context_served(c, 5, &at, mysql);
	context_served(c, 6, &at, mysql);
	context_named(c, 5, 1000, &peer, &other, bytes_str("Mail.example.com"));
	context_dump(c, &text);
	context_free(c);
	c = context_new(names, 16, 2);
	CHECK(context_load(c, buf_bytes(&text), &why, &line));
	CHECK(context_serves(c, 7, &at) && context_serves(c, 7, &at)->count == 2);
	CHECK(context_name(c, 7, &peer, &other) &&
	      strcmp(context_name(c, 7, &peer, &other), "mail.example.com") == 0);
	CHECK(!context_name(c, 1006, &peer, &other));
	check_case("a wrong line is refused with its number");
	CHECK(!context_load(c, bytes_str("any tcp 1 = a\nany tcp 1 a\n"), &why, &line) &&
	      line == 2);
	CHECK(!context_load(c, bytes_str("service 1.2.3.4 tcp 1 a\n"), &why, &line));
	CHECK(!context_load(c, bytes_str("name 1.2.3 1.2.3.4 a 5\n"), &why, &line));
	CHECK(!context_load(c, bytes_str("any icmp 1 = a\n"), &why, &line));
	CHECK(!context_load(c, bytes_str("any tcp 8999-8000 = a\n"), &why, &line));
	CHECK(!context_load(c, bytes_str("any tcp 1 = unknown\n"), &why, &line));
	CHECK(context_load(c, bytes_str("any tcp 8000-8000 = a\n"), &why, &line));
	check_case("what is told while packets come is expected from then on, for so many seconds");
	at = (struct endpoint){ v4(17), 5000, IPPROTO_TCP };
	CHECK(context_tell(c, 1000, bytes_str("expect 192.0.2.17 tcp 5000 mine 2 44\n"), &why,
			   &line));
	CHECK(context_expected(c, 2000001000, &at, &peer, &e) && e.by == 44);
	CHECK(strcmp(protocol_name(names, e.protocol), "mine") == 0);
	CHECK(!context_expected(c, 2000001001, &at, &peer, &e));
	CHECK(!context_tell(c, 1, bytes_str("expect 192.0.2.17 tcp 5000 mine\n"), &why, &line));
	CHECK(!context_tell(c, 1, bytes_str("expect - tcp 5000 mine 2\n"), &why, &line));
	CHECK(!context_tell(c, 1, bytes_str("expect 192.0.2.17 tcp 5000 mine 2 4 4\n"), &why,
			    &line));
	CHECK(!context_load(c, bytes_str("expect 192.0.2.17 tcp 5000 mine 2\n"), &why, &line));
	buf_release(&text);
	context_free(c);
	protocols_free(names);
}

int main(void)
{
	test_judge();
	test_memo();
	test_context();
	return check_end();
}
