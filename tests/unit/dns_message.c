/* dns_message: names, sections, record data and EDNS of single messages, by RFC. */
#include "tests/unit/dns_build.h"

#include <arpa/inet.h>

#include "cmd/dns/dns_names.h"
#include "tests/unit/check.h"

static struct dns_work work;
static struct dns_message message;

/* Reads from a copy of the exact size; texts stay valid until the next call. */
static bool read_message(struct bytes b)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(b.len ? b.len : 1);
	if (b.len)
		memcpy(copy, b.ptr, b.len);
	dns_work_reset(&work);
	return dns_message_read(&message, BYTES(copy, b.len), &work);
}

static const char *qname_text(void)
{
	static char chars[4 * DNS_NAME_MAX + 1];
	struct dns_text t = { .ptr = chars, .size = sizeof(chars) - 1 };

	dns_name_text(&message.qname, &t);
	chars[t.len] = 0;
	return chars;
}

static bool is_text(struct bytes b, const char *want)
{
	if (b.len == strlen(want) && !memcmp(b.ptr, want, b.len))
		return true;
	printf("# got  %.*s\n# want %s\n", (int)b.len, b.ptr ? (const char *)b.ptr : "", want);
	return false;
}

static const struct rec_dns_rr *rr_at(int section, size_t i)
{
	return (const struct rec_dns_rr *)message.section[section].items + i;
}

/* The text of one record's data in a response to example.com. */
static bool rdata_is(unsigned type, const void *data, size_t len, const char *want)
{
	struct buf b = { 0 };
	bool ok;

	put_header(&b, 1, 0x8180, 1, 1, 0, 0);
	put_question(&b, "example.com", type);
	put_rr(&b, type, 60, data, len);
	ok = read_message(buf_bytes(&b)) && message.section[0].count == 1;
	ok = ok && is_text(rr_at(0, 0)->rdata, want);
	buf_release(&b);
	return ok;
}
#define RDATA(type, bytes, want) CHECK(rdata_is(type, bytes, sizeof(bytes) - 1, want))

static void test_basic(void)
{
	struct buf b = { 0 };

	check_case("a query for the A record of example.com is read");
	put_query(&b, 0x1234, "example.com", 1);
	CHECK(read_message(buf_bytes(&b)));
	CHECK_EQ(message.id, 0x1234);
	CHECK_EQ(message.flags, 0x0100);
	CHECK(!dns_is_response(&message));
	CHECK_EQ(message.qtype, 1);
	CHECK_EQ(message.qclass, 1);
	CHECK_EQ(message.faults, 0);
	CHECK(!strcmp(qname_text(), "example.com"));

	check_case("a response's address, ttl and owner are read");
	buf_clear(&b);
	put_answer(&b, 0x1234, "example.com", 1);
	CHECK(read_message(buf_bytes(&b)));
	CHECK(dns_is_response(&message));
	CHECK_EQ(message.section[0].count, 1);
	CHECK_EQ(rr_at(0, 0)->ttl, 60);
	CHECK(is_text(rr_at(0, 0)->rdata, "192.0.2.1"));
	CHECK(is_text(rr_at(0, 0)->name, "example.com"));
	CHECK(is_text(rr_at(0, 0)->type_name, "A"));

	check_case("a name error has its code and no answers");
	buf_clear(&b);
	put_header(&b, 0x1234, 0x8183, 1, 0, 0, 0);
	put_question(&b, "example.com", 1);
	CHECK(read_message(buf_bytes(&b)));
	CHECK_EQ(dns_rcode(&message), 3);
	CHECK(!strcmp(dns_rcode_name(3), "NXDOMAIN"));
	CHECK_EQ(message.section[0].count, 0);

	check_case("a ttl above 2^31 is kept as it is");
	buf_clear(&b);
	put_header(&b, 1, 0x8180, 1, 1, 0, 0);
	put_question(&b, "a.b", 1);
	put_rr(&b, 1, 0xfffffffe, "\300\000\002\001", 4);
	CHECK(read_message(buf_bytes(&b)));
	CHECK_EQ(rr_at(0, 0)->ttl, 0xfffffffe);

	check_case("questions after the first are listed");
	buf_clear(&b);
	put_header(&b, 1, 0x0100, 3, 0, 0, 0);
	put_question(&b, "one.example", 1);
	put_question(&b, "two.example", 28);
	put_question(&b, "", 2);
	CHECK(read_message(buf_bytes(&b)));
	CHECK(!strcmp(qname_text(), "one.example"));
	CHECK_EQ(message.more.count, 2);
	CHECK(is_text(((const struct rec_dns_question *)message.more.items)[0].name,
		      "two.example"));
	CHECK(is_text(((const struct rec_dns_question *)message.more.items)[1].name, "."));

	check_case("no prefix of a message is read past its end");
	buf_clear(&b);
	put_header(&b, 1, 0x8180, 1, 2, 1, 1);
	put_question(&b, "example.com", 15);
	put_rr(&b, 15, 5, "\000\012\004mail\300\014", 9);
	put_rr(&b, 65, 5, "\000\001\000\000\001\000\003\002h2", 10);
	put_rr(&b, 6, 5, "\300\014\300\014AAAABBBBCCCCDDDDEEEE", 24);
	put_rr(&b, 41, 5, "\000\010\000\006\000\001\030\000\300\000", 10);
	for (size_t n = 0; n < b.len; n++) {
		read_message(BYTES(b.ptr, n));
		CHECK(message.faults != 0);
	}
	CHECK(read_message(buf_bytes(&b)));
	CHECK_EQ(message.faults, 0);
	buf_release(&b);
}

/* A query whose question is `name` as wire bytes, with type and class behind it. */
static void read_name(const void *name, size_t len)
{
	struct buf b = { 0 };

	put_header(&b, 1, 0x0100, 1, 0, 0, 0);
	buf_add(&b, name, len);
	put16(&b, 1);
	put16(&b, 1);
	read_message(buf_bytes(&b));
	buf_release(&b);
}
#define NAME(bytes) read_name(bytes, sizeof(bytes) - 1)

static void test_names(void)
{
	struct buf b = { 0 };
	unsigned faults = 0;
	struct dns_name n;
	size_t at;

	check_case("the root is a dot; dots, backslashes and odd bytes in labels are escaped");
	NAME("\000");
	CHECK(!strcmp(qname_text(), "."));
	NAME("\003a.b\004c\\d \003\000\177\377\001z\000");
	CHECK(!strcmp(qname_text(), "a\\.b.c\\\\d\\032.\\000\\127\\255.z"));
	CHECK_EQ(message.faults, 0);

	check_case("the case of a name is kept, and does not matter in comparing");
	NAME("\003WwW\002Ex\000");
	CHECK(!strcmp(qname_text(), "WwW.Ex"));
	n = message.qname;
	NAME("\003wWw\002eX\000");
	CHECK(dns_name_equal(&n, &message.qname));
	CHECK_EQ(dns_name_hash(&n), dns_name_hash(&message.qname));
	NAME("\003wWw\002eY\000");
	CHECK(!dns_name_equal(&n, &message.qname));

	check_case("a label of 63 bytes is fine, 64 and the reserved kinds are not");
	buf_add_byte(&b, 63);
	for (int i = 0; i < 63; i++)
		buf_add_byte(&b, 'x');
	buf_add_byte(&b, 0);
	read_name(b.ptr, b.len);
	CHECK_EQ(message.faults, 0);
	b.ptr[0] = 64;
	read_name(b.ptr, b.len);
	CHECK_EQ(message.faults, DNS_FAULT_LABEL_OVERRUN);
	b.ptr[0] = 0x80;
	read_name(b.ptr, b.len);
	CHECK_EQ(message.faults, DNS_FAULT_LABEL_OVERRUN);

	check_case("a name has 255 bytes at most");
	buf_clear(&b);
	for (int i = 0; i < 127; i++)
		buf_add(&b, "\001a", 2);
	buf_add_byte(&b, 0);
	read_name(b.ptr, b.len);
	CHECK_EQ(message.faults, 0);
	CHECK_EQ(message.qname.len, 255);
	b.len--;
	buf_add(&b, "\001a", 3);
	read_name(b.ptr, b.len);
	CHECK_EQ(message.faults, DNS_FAULT_LABEL_OVERRUN);
	CHECK_EQ(message.qname.len, 0);

	check_case("a pointer to itself, forward, or into its own labels is a loop");
	NAME("\300\014");
	CHECK_EQ(message.faults, DNS_FAULT_PTR_LOOP);
	NAME("\300\040");
	CHECK_EQ(message.faults, DNS_FAULT_PTR_LOOP);
	NAME("\001a\300\014");
	CHECK_EQ(message.faults, DNS_FAULT_PTR_LOOP);
	NAME("\001a\001b\300\016");
	CHECK_EQ(message.faults, DNS_FAULT_PTR_LOOP);

	check_case("twenty jumps are followed, twenty-one are not");
	buf_clear(&b);
	buf_add(&b, "\001a\000", 3);
	for (unsigned i = 0; i < 21; i++)
		put16(&b, 0xc000 | (i ? 3 + 2 * (i - 1) : 0));
	at = 3 + 2 * 19;
	CHECK(dns_name_read(buf_bytes(&b), &at, b.len, &n, &faults));
	CHECK_EQ(n.len, 3);
	CHECK_EQ(at, 3 + 2 * 20);
	CHECK(!dns_name_read(buf_bytes(&b), &at, b.len, &n, &faults));
	CHECK_EQ(faults, DNS_FAULT_PTR_LOOP);
	buf_release(&b);
}

static void test_faults(void)
{
	struct buf b = { 0 };

	check_case("counts above what is there are told, and what is there is kept");
	put_answer(&b, 1, "example.com", 1);
	be16_put(b.ptr + 6, 0xffff);
	CHECK(read_message(buf_bytes(&b)));
	CHECK_EQ(message.faults, DNS_FAULT_RR_TRUNCATED);
	CHECK_EQ(message.section[0].count, 1);

	check_case("a cut that the message itself announces is no fault");
	b.ptr[2] |= 2;
	CHECK(read_message(buf_bytes(&b)));
	CHECK_EQ(message.faults, 0);

	check_case("bytes behind the last record are told");
	buf_clear(&b);
	put_answer(&b, 1, "example.com", 1);
	buf_add_byte(&b, 0);
	CHECK(read_message(buf_bytes(&b)));
	CHECK_EQ(message.faults, DNS_FAULT_TRAILING_BYTES);
	CHECK_EQ(message.section[0].count, 1);

	check_case("data that does not fit its type is shown as it is, and told");
	CHECK(rdata_is(1, "\300\000\002", 3, "\\# 3 C00002"));
	CHECK_EQ(message.faults, DNS_FAULT_RDATA);
	CHECK(rdata_is(16, "\005abc", 4, "\\# 4 05616263"));
	CHECK_EQ(message.faults, DNS_FAULT_RDATA);
	CHECK(rdata_is(5, "\007example", 8, "\\# 8 076578616D706C65"));
	CHECK_EQ(message.faults, DNS_FAULT_RDATA);

	check_case("no more than 256 records are read, the section that was cut is named");
	buf_clear(&b);
	put_header(&b, 1, 0x8180, 1, 300, 0, 0);
	put_question(&b, "example.com", 1);
	for (int i = 0; i < 300; i++)
		put_rr(&b, 1, 60, "\300\000\002\001", 4);
	CHECK(read_message(buf_bytes(&b)));
	CHECK_EQ(message.section[0].count, 256);
	CHECK_EQ(message.cut, DNS_CUT_ANSWERS);
	CHECK_EQ(message.faults, 0);

	check_case("64 KiB of records that point at a long name give 64 KiB of text at most");
	buf_clear(&b);
	put_header(&b, 1, 0x8180, 1, 5000, 0, 0);
	for (int i = 0; i < 3; i++) {
		buf_add_byte(&b, 63);
		for (int k = 0; k < 63; k++)
			buf_add_byte(&b, 1);
	}
	buf_add_byte(&b, 0);
	put16(&b, 1);
	put16(&b, 1);
	for (int i = 0; i < 5000; i++)
		put_rr(&b, 5, 60, "\300\014", 2);
	CHECK(read_message(buf_bytes(&b)));
	CHECK(work.text.len <= DNS_TEXT_MAX);
	CHECK(message.section[0].count > 30);
	CHECK_EQ(message.cut, DNS_CUT_ANSWERS);

	check_case("one record's data gives 4,096 characters at most");
	buf_clear(&b);
	put_header(&b, 1, 0x8180, 1, 1, 0, 0);
	put_question(&b, "example.com", 10);
	{
		static uint8_t big[8000];

		put_rr(&b, 10, 60, big, sizeof(big));
	}
	CHECK(read_message(buf_bytes(&b)));
	CHECK_EQ(rr_at(0, 0)->rdata.len, 4096);
	CHECK_EQ(message.cut, DNS_CUT_ANSWERS);
	buf_release(&b);
}

static void test_rdata(void)
{
	check_case("names in record data may be compressed");
	RDATA(2, "\002ns\300\014", "ns.example.com");
	RDATA(5, "\300\014", "example.com");
	RDATA(39, "\000", ".");
	RDATA(12, "\001a\300\014", "a.example.com");
	RDATA(15, "\000\012\004mail\300\014", "10 mail.example.com");
	RDATA(33, "\000\001\000\002\024\146\003sip\300\014", "1 2 5222 sip.example.com");
	RDATA(6,
	      "\002ns\300\014\005admin\300\014\000\000\000\001\000\000\000\002\000\000\000\003"
	      "\000\000\000\004\377\377\377\377",
	      "ns.example.com admin.example.com 1 2 3 4 4294967295");

	check_case("addresses of both families are written as RFC 5952 has them");
	RDATA(28, "\040\001\015\270\000\000\000\000\000\000\000\000\000\000\000\001",
	      "2001:db8::1");

	check_case("each string of a text is quoted, quotes and odd bytes escaped");
	RDATA(16, "\003abc\000\005a\"\\\n\377", "\"abc\" \"\" \"a\\\"\\\\\\010\\255\"");
	RDATA(99, "\006v=spf1", "\"v=spf1\"");
	RDATA(13, "\003CPU\002OS", "\"CPU\" \"OS\"");
	RDATA(35, "\000\144\000\062\001u\007E2U+sip\020!^.*$!sip:a@b.c!\000",
	      "100 50 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b.c!\" .");
	RDATA(257, "\000\005issueca.example", "0 issue \"ca.example\"");
	RDATA(256, "\000\001\000\002http://a/", "1 2 \"http://a/\"");

	check_case("keys, digests and signatures of DNSSEC");
	RDATA(43, "\140\105\005\001\053\261\203\257", "24645 5 1 2BB183AF");
	RDATA(48, "\001\000\003\010\001\002\003\004", "256 3 8 AQIDBA==");
	RDATA(46,
	      "\000\001\005\003\000\001\121\200\076\174\235\327\145\341\032\177\012\122\300\014"
	      "\377",
	      "A 5 3 86400 20030322173103 20240229235959 2642 example.com /w==");
	RDATA(47,
	      "\004host\300\014\000\006\100\001\000\000\000\003\004\033\000\000\000\000\000\000\000"
	      "\000\000\000\000\000\000\000"
	      "\000\000\000\000\000\000\000\000\000\000\000\000\040",
	      "host.example.com A MX RRSIG NSEC TYPE1234");
	RDATA(50,
	      "\001\001\000\014\004\252\273\314\335\024\006\123\150\253\356\327\354\156\237\353"
	      "\251\153\214\213\303\350\267\221\367\026\000\001\100",
	      "1 1 12 AABBCCDD 0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM A");
	RDATA(51, "\001\000\000\012\000", "1 0 10 -");
	RDATA(52, "\003\001\001\253\315", "3 1 1 ABCD");
	RDATA(44, "\001\002\253\315", "1 2 ABCD");

	check_case("service bindings: priorities, keys in order, lists, hints and unknown keys");
	RDATA(65, "\000\000\003foo\300\014", "0 foo.example.com");
	RDATA(65,
	      "\000\001\000\000\001\000\006\002h2\002h3\000\003\000\002\001\273\000\004\000\004"
	      "\300\000\002\001\000\005\000\003\001\002\003",
	      "1 . alpn=\"h2,h3\" port=443 ipv4hint=192.0.2.1 ech=AQID");
	RDATA(64,
	      "\000\020\000\000\000\000\004\000\001\000\003\000\001\000\003\002h2\000\002\000"
	      "\000\000\006\000\020\040\001\015\270\000\000\000\000\000\000\000\000\000\000"
	      "\000\001\002\233\000\005hello",
	      "16 . mandatory=alpn,port alpn=\"h2\" no-default-alpn ipv6hint=2001:db8::1 "
	      "key667=\"hello\"");
	RDATA(64, "\000\001\000\000\001\000\013\010f\\oo,bar\001h",
	      "1 . alpn=\"f\\\\\\\\oo\\\\,bar,h\"");
	RDATA(64, "\000\001\000\000\003\000\002\000\065\000\001\000\003\002h2",
	      "\\# 16 00010000030002003500010003026832");
	CHECK_EQ(message.faults, DNS_FAULT_RDATA);

	check_case("a place on earth in degrees, metres and precisions");
	RDATA(29, "\000\022\026\023\211\027\055\320\160\276\025\360\000\230\215\040",
	      "42 21 54.000 N 71 6 18.000 W -24.00m 1.00m 10000.00m 10.00m");

	check_case("unknown types have the form of RFC 3597");
	RDATA(65280, "\001\253", "\\# 2 01AB");
	RDATA(10, "x", "\\# 1 78");
}

static void test_edns(void)
{
	struct buf b = { 0 };
	const struct rec_dns_option *o;

	check_case("EDNS: size, version, DO, extended code, options");
	put_header(&b, 1, 0x8180, 1, 0, 0, 1);
	put_question(&b, "example.com", 1);
	buf_add(&b, "\000\000\051\004\320\001\000\200\000", 9);
	put16(&b, 12 + 11 + 4 + 7);
	buf_add(&b, "\000\012\000\010cookie!!", 12);
	buf_add(&b, "\000\010\000\007\000\001\030\000\300\000\002", 11);
	buf_add(&b, "\000\003\000\000", 4);
	buf_add(&b, "\000\017\000\003\000\022x", 7);
	CHECK(read_message(buf_bytes(&b)));
	CHECK_EQ(message.faults, 0);
	CHECK(message.edns.set && message.edns.dnssec_ok);
	CHECK_EQ(message.edns.udp_size, 1232);
	CHECK_EQ(message.edns.version, 0);
	CHECK_EQ(dns_rcode(&message), 16);
	CHECK_EQ(message.edns.options.count, 4);
	o = message.edns.options.items;
	CHECK(is_text(o[0].name, "COOKIE") && is_text(o[0].data, "cookie!!"));
	CHECK(is_text(message.edns.ecs, "192.0.2.0/24/0"));
	CHECK_EQ(message.edns.ede.v, 18);
	CHECK(is_text(message.edns.ede_text, "x"));
	CHECK_EQ(message.section[2].count, 0);

	check_case("an option longer than its record is told; those before it stay");
	b.ptr[b.len - 4] = 200;
	CHECK(read_message(buf_bytes(&b)));
	CHECK_EQ(message.faults, DNS_FAULT_EDNS);
	CHECK_EQ(message.edns.options.count, 3);

	check_case("a client subnet whose prefix is too long for its family has no text");
	b.ptr[b.len - 4] = 3;
	b.ptr[b.len - 7 - 4 - 5] = 33;
	CHECK(read_message(buf_bytes(&b)));
	CHECK(message.edns.ecs.ptr == NULL);
	CHECK_EQ(message.edns.options.count, 4);
	buf_release(&b);
}

static void test_certain(void)
{
	struct buf b = { 0 };

	check_case("on a port of another protocol only a flawless message counts as DNS");
	put_query(&b, 1, "www.example.com", 1);
	CHECK(dns_is_certain(buf_bytes(&b)));
	CHECK(!dns_is_certain(BYTES(b.ptr, b.len - 1)));
	buf_add_byte(&b, 0);
	CHECK(!dns_is_certain(buf_bytes(&b)));
	buf_clear(&b);
	put_answer(&b, 1, "www.example.com", 1);
	CHECK(dns_is_certain(buf_bytes(&b)));
	b.ptr[2] |= 0x78;
	CHECK(!dns_is_certain(buf_bytes(&b)));
	CHECK(!dns_is_certain(BYTES_LIT("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")));
	buf_release(&b);
}

/* The oracle is the C library. */
static void test_addresses(void)
{
	uint32_t random = 1;

	check_case("IPv6 addresses are written as RFC 5952 has it, whichever groups are zero");
	for (unsigned zero = 0; zero < 256; zero++) {
		for (unsigned k = 0; k < 64; k++) {
			uint8_t b[16];
			char want[INET6_ADDRSTRLEN], have[INET6_ADDRSTRLEN];
			struct dns_text t = { .ptr = have, .size = sizeof(have) };

			for (unsigned i = 0; i < 8; i++) {
				random = random * 1664525 + 1013904223;
				be16_put(b + 2 * i, zero >> i & 1 ? 0
								  : (uint16_t)(random >> 16) >>
									    (random >> 8 & 15));
			}
			dns_text_ip(&t, BYTES(b, 16));
			inet_ntop(AF_INET6, b, want, sizeof(want));
			CHECK(is_text(BYTES((uint8_t *)have, t.len), want));
		}
	}
}

int main(void)
{
	test_addresses();
	test_basic();
	test_names();
	test_faults();
	test_rdata();
	test_edns();
	test_certain();
	return check_end();
}
