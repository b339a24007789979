/* signature: each line of proto/signatures finds its protocol and stays silent on all others; wrong
 * lines are refused; a look costs no more for bytes that come in crumbs. */
#include "cmd/infer/signature.h"

#include <time.h>

#include "cmd/infer/ports.h"
#include "cmd/infer/texts.h"
#include "libcommon/base/buf.h"
#include "tests/unit/check.h"
#include "tests/unit/signature_samples.h"

static const struct {
	const char *name;
	enum signature_l4 l4;
	uint8_t from;
	const char *front;
	size_t len, zeros; /* so many zeros follow */
} samples[] = {
#define SAMPLE(name, l4, from, text, zeros)                                                        \
	{ name, SIGNATURE_##l4, FROM_##from, text, sizeof(text) - 1, zeros },
	SAMPLES
};
enum { COUNT = sizeof(samples) / sizeof(samples[0]) };

static struct protocols *names;
static struct signatures *signatures;
static bool seen[SIGNATURES_MAX]; /* lines that said yes to a sample of their own */
static uint16_t hits[64];
static size_t nhits;

static void on_hit(void *ctx, uint16_t number)
{
	(void)ctx;
	if (nhits < 64)
		hits[nhits++] = number;
}

/* Bytes of a sample, in memory of just their size. */
static struct buf sample_bytes(size_t i)
{
	struct buf b = { 0 };

	buf_add(&b, samples[i].front, samples[i].len);
	memset(buf_reserve(&b, samples[i].zeros + 1), 0, samples[i].zeros);
	b.len += samples[i].zeros;
	return b;
}

static void look(enum signature_l4 l4, uint8_t from, struct bytes bytes,
		 struct signature_scan *scan)
{
	struct signature_look l = { l4, from, l4 == SIGNATURE_UDP, bytes };

	signatures_match(signatures, &l, scan, on_hit, NULL);
}

static bool is_named(const char *with_plus, uint16_t protocol)
{
	size_t n = strcspn(with_plus, "+");

	return bytes_is(BYTES(with_plus, n), protocol_name(names, protocol));
}

/* Two that agree on the same bytes: one is made of the other, or nothing but the port tells. */
static bool is_family(const char *a, const char *b)
{
	static const char *const pairs[][2] = {
		{ "smtp", "lmtp" },
		{ "bootp", "dhcp" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (strncmp(a, pairs[i][0], strlen(pairs[i][0])) == 0 &&
		    strcmp(b, pairs[i][1]) == 0)
			return true;
	return false;
}

static bool load(struct signatures *s, const char *text, const char **why, unsigned *line)
{
	return signatures_add(s, bytes_str(text), why, line);
}

static void test_own(void)
{
	size_t protocols = 0;
	bool known[PROTOCOLS_MAX] = { 0 };

	check_case("each message is found to be of its protocol, at once and byte by byte");
	for (size_t i = 0; i < COUNT; i++) {
		struct buf b = sample_bytes(i);
		bool found = false;

		nhits = 0;
		look(samples[i].l4, samples[i].from, buf_bytes(&b), &(struct signature_scan){ 0 });
		for (size_t k = 0; k < nhits; k++) {
			uint16_t protocol = signature_at(signatures, hits[k])->protocol;

			if (!is_named(samples[i].name, protocol))
				continue;
			found = seen[hits[k]] = true;
			protocols += !known[protocol];
			known[protocol] = true;
		}
		if (!found) {
			printf("# nothing found in sample %zu of %s\n", i, samples[i].name);
			check_bad = 1;
		}
		if (samples[i].l4 == SIGNATURE_TCP) {
			struct signature_scan scan = { 0 };
			size_t whole = nhits, same = 0;
			uint16_t first[64];

			memcpy(first, hits, sizeof(first));
			nhits = 0;
			for (size_t n = 1; n <= b.len; n++)
				look(SIGNATURE_TCP, samples[i].from, BYTES(b.ptr, n), &scan);
			for (size_t k = 0; k < whole; k++)
				for (size_t m = 0; m < nhits; m++)
					same += first[k] == hits[m];
			CHECK_EQ(same, whole);
		}
		buf_release(&b);
	}
	check_case("there are at least 100 protocols, and no line without a message that it finds");
	CHECK(protocols >= 100);
	for (size_t i = 0; i < signatures_count(signatures); i++) {
		const struct signature *g = signature_at(signatures, (uint16_t)i);

		if (!g->weight || seen[i])
			continue;
		printf("# line of %s, the %zu., finds nothing\n", g->label, i);
		check_bad = 1;
	}
}

/* Signatures that are a matter of shape, or need the other side, may see more than is there. */
static void test_others(void)
{
	check_case("no message is taken for one of another protocol");
	for (size_t i = 0; i < COUNT; i++) {
		struct buf b = sample_bytes(i);

		nhits = 0;
		look(samples[i].l4, samples[i].from, buf_bytes(&b), &(struct signature_scan){ 0 });
		for (size_t k = 0; k < nhits; k++) {
			const struct signature *g = signature_at(signatures, hits[k]);

			if (g->both || g->weak || is_named(samples[i].name, g->protocol) ||
			    strchr(samples[i].name, '+') ||
			    is_family(samples[i].name, protocol_name(names, g->protocol)))
				continue;
			printf("# sample %zu of %s is taken for %s\n", i, samples[i].name,
			       g->label);
			check_bad = 1;
		}
		buf_release(&b);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *text, *why;
		unsigned line;
	} wrong[] = {
		{ "ssh tcp any 90 0:\"SSH-\"\nssh tcp any 90", "a line is", 2 },
		{ "ssh tcp any 0 0:00", "a weight", 1 },
		{ "ssh tcp any 100 0:00", "a weight", 1 },
		{ "SSH tcp any 90 0:00", "a name", 1 },
		{ "ssh icmp any 90 0:00", "the transport", 1 },
		{ "ssh tcp both 90 0:00", "the sender", 1 },
		{ "# x\n\nssh tcp any 90 0:0", "a pattern", 3 },
		{ "ssh tcp any 90 0:\"SSH", "a text without", 1 },
		{ "ssh tcp any 90 0:\"\\q\"", "no such escape", 1 },
		{ "ssh tcp any 90 0:[05-01]", "a bracket", 1 },
		{ "ssh tcp any 90 0:[&0f=f0]", "a bracket", 1 },
		{ "ssh tcp any 90 1024:00", "an offset", 1 },
		{ "ssh tcp any 90 +0:00", "+N counts", 1 },
		{ "ssh tcp any 90 find:[00-01]", "find:", 1 },
		{ "ssh tcp any 90 len=4 0:00", "TCP has no", 1 },
		{ "ssh tcp any 90 be16@0=len", "TCP has no", 1 },
		{ "ssh udp any 90 be64@0=1", "a number is", 1 },
		{ "ssh udp any 90 be16@0=9..1", "a value is", 1 },
		{ "ssh udp any 90 what", "a condition is", 1 },
		{ "ssh udp any 90 both", "no condition", 1 },
		{ "ssh udp any 90 u8@0=300", "a value is", 1 },
		{ "ssh udp any 90 u8@0=3..256", "a value is", 1 },
		{ "ssh udp any 90 be16@0=70000", "a value is", 1 },
		{ "ssh udp any 90 le24@0=0x1000000", "a value is", 1 },
		{ "ssh tcp, any 90 0:00", "the transport", 1 },
		{ "ssh tcp any 90 0:01\"", "a text without", 1 },
		{ "ssh tcp any 90 0:\"SSH\"\"", "a text without", 1 },
		{ "unknown tcp any 90 0:00", "a name", 1 },
		{ "change smtp unknown client 0:00", "no name", 1 },
		{ "change smtp tls client within=0 0:00", "within=", 1 },
		{ "change smtp tls client lines", "no condition", 1 },
		{ "change smtp tls", "change takes", 1 },
		{ "variant dns mdns udp 70000", "variant takes", 1 },
	};

	check_case("a wrong line is refused, with its number and why");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct signatures *s = signatures_new(names);
		const char *why = "";
		unsigned line = 0;

		if (load(s, wrong[i].text, &why, &line) || line != wrong[i].line ||
		    strncmp(why, wrong[i].why, strlen(wrong[i].why)) != 0) {
			printf("# %s: line %u, %s\n", wrong[i].text, line, why);
			check_bad = 1;
		}
		signatures_free(s);
	}
}

static void test_change(void)
{
	uint16_t smtp = protocol_find(names, bytes_str("smtp"));
	uint16_t dns = protocol_find(names, bytes_str("dns"));
	const struct signature *g;
	bool more;

	check_case("a change is announced by who may announce it");
	g = signatures_change(signatures, smtp, FROM_CLIENT, bytes_str("starttls\r\n"), &more);
	CHECK(g && strcmp(protocol_name(names, g->change), "tls") == 0);
	CHECK(!signatures_change(signatures, smtp, FROM_SERVER, bytes_str("starttls\r\n"), &more));
	CHECK(!more);
	CHECK(!signatures_change(signatures, smtp, FROM_CLIENT, bytes_str("RCPT TO:"), &more));
	CHECK(!more);
	CHECK(!signatures_change(signatures, smtp, FROM_CLIENT, bytes_str("start"), &more));
	CHECK(more);
	CHECK(!signatures_change(signatures, dns, FROM_CLIENT, bytes_str("start"), &more));
	CHECK(!more);
	CHECK_EQ(signatures_change_within(signatures, smtp), 100);
	CHECK_EQ(signatures_change_within(signatures, dns), 0);
	check_case("a protocol has another name at another's port");
	CHECK(strcmp(protocol_name(names, signatures_variant(signatures, dns, SIGNATURE_UDP, 5353)),
		     "mdns") == 0);
	CHECK_EQ(signatures_variant(signatures, dns, SIGNATURE_UDP, 53), dns);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double time_of(size_t n, uint8_t *bytes)
{
	double least = 1e9;

	for (int round = 0; round < 15; round++) {
		double start = seconds();

		for (int i = 0; i < 100; i++) {
			struct signature_scan scan = { 0 };

			for (size_t k = 8; k <= n; k += 8)
				look(SIGNATURE_TCP, FROM_CLIENT, BYTES(bytes, k), &scan);
		}
		if (seconds() - start < least)
			least = seconds() - start;
	}
	return least;
}

static void test_linear(void)
{
	uint8_t bytes[SIGNATURE_DEPTH];
	double one = 1e9, two = 1e9;

	check_case("twice the bytes, in pieces of 8, cost at most 2.5 times as much");
	memset(bytes, 'G', sizeof(bytes));
	memcpy(bytes, "GET ", 4);
	/* the least of each, until it fits: others work here too */
	for (unsigned i = 0; i < 10 && (!i || two > 2.5 * one); i++) {
		double t = time_of(512, bytes);

		one = t < one ? t : one;
		t = time_of(1024, bytes);
		two = t < two ? t : two;
	}
	CHECK(two <= 2.5 * one);
}

static void test_ports(void)
{
	struct ports *p = ports_new(names);
	const struct port_name *name;
	const char *why = NULL;
	unsigned line = 0;

	check_case("ports have the names that IANA gave them, and what is spoken there");
	CHECK(ports_add(p, text_ports(), &why, &line));
	name = port_find(p, PORT_TCP, 443);
	CHECK(name && strcmp(protocol_name(names, name->service), "https") == 0);
	CHECK(name && strcmp(protocol_name(names, name->protocol), "tls") == 0);
	name = port_find(p, PORT_UDP, 443);
	CHECK(name && strcmp(protocol_name(names, name->protocol), "quic") == 0);
	CHECK(!port_find(p, PORT_TCP, 4));
	name = port_find(p, PORT_IP, 58);
	CHECK(name && strcmp(protocol_name(names, name->protocol), "icmpv6") == 0);
	name = port_find(p, PORT_PPID, 46);
	CHECK(name && strcmp(protocol_name(names, name->protocol), "diameter") == 0);
	CHECK(!port_find(p, PORT_PPID, 1u << 16));
	CHECK_EQ(port_host(p, bytes_str("smtp2.example.com")),
		 protocol_find(names, bytes_str("smtp")));
	CHECK_EQ(port_host(p, bytes_str("unheard.example.com")), PROTOCOL_NONE);
	check_case("a wrong line of ports is refused, with its number");
	CHECK(!ports_add(p, bytes_str("25/tcp smtp\n25/tcq smtp\n"), &why, &line));
	CHECK_EQ(line, 2);
	CHECK(!ports_add(p, bytes_str("65536/tcp x\n"), &why, &line));
	CHECK(!ports_add(p, bytes_str("25/tcp\n"), &why, &line));
	CHECK(!ports_add(p, bytes_str("host mail\n"), &why, &line));
	CHECK(!ports_add(p, bytes_str("25/tcp, smtp\n"), &why, &line));
	CHECK(!ports_add(p, bytes_str("25/tcp unknown\n"), &why, &line));
	check_case("a later line holds");
	CHECK(ports_add(p, bytes_str("443/tcp mine\n"), &why, &line));
	name = port_find(p, PORT_TCP, 443);
	CHECK(name && strcmp(protocol_name(names, name->protocol), "mine") == 0);
	ports_free(p);
}

int main(void)
{
	const char *why = NULL;
	unsigned line = 0;

	names = protocols_new();
	signatures = signatures_new(names);
	check_case("proto/signatures is without a fault");
	CHECK(signatures_add(signatures, text_signatures(), &why, &line));
	if (why)
		printf("# line %u: %s\n", line, why);
	signatures_compile(signatures);
	test_own();
	test_others();
	test_refused();
	test_change();
	test_linear();
	test_ports();
	signatures_free(signatures);
	protocols_free(names);
	return check_end();
}
