/* tls_fingerprint: JA3, JA3S and JA4 of hellos rebuilt from their published strings. */
#include "tests/unit/check.h"
#include "tests/unit/tls_build.h"

#include "cmd/tls/tls.h"
#include "libcommon/base/digest.h"

/* Builds the offer and gives its fingerprints. */
static void prints(const struct offer *o, char ja3[DIGEST_HEX], char ja4[TLS_JA4_SIZE],
		   struct buf *text)
{
	struct buf body = { 0 }, raw = { 0 }, sort = { 0 }, local = { 0 };
	struct tls_client_hello h;

	if (!text)
		text = &local;
	put_client_hello_body(&body, o);
	CHECK(tls_client_hello_parse(buf_bytes(&body), &h));
	CHECK(!h.malformed);
	buf_clear(text);
	tls_ja3_text(&h, text);
	digest_hex(DIGEST_MD5, buf_bytes(text), ja3);
	tls_ja4(&h, 't', ja4, &raw, &sort);
	buf_clear(text);
	buf_add(text, raw.ptr, raw.len);
	buf_release(&body);
	buf_release(&raw);
	buf_release(&sort);
	buf_release(&local);
}

static bool ja3_is(const struct offer *o, const char *expected)
{
	char ja3[DIGEST_HEX], ja4[TLS_JA4_SIZE];

	prints(o, ja3, ja4, NULL);
	if (strcmp(ja3, expected) != 0)
		printf("# JA3 %s\n", ja3);
	return strcmp(ja3, expected) == 0;
}

static bool ja4_is(const struct offer *o, const char *expected)
{
	char ja3[DIGEST_HEX], ja4[TLS_JA4_SIZE];

	prints(o, ja3, ja4, NULL);
	if (strcmp(ja4, expected) != 0)
		printf("# JA4 %s\n", ja4);
	return strcmp(ja4, expected) == 0;
}

static const struct offer openssl_101 = {
	.base = 10,
	.version = 0x0303,
	.ciphers = "49200-49196-49192-49188-49172-49162-49186-49185-163-159-107-106-57-56-136-135-"
		   "49202-49198-49194-49190-49167-49157-157-61-53-132-49170-49160-49180-49179-22-"
		   "19-49165-49155-10-49199-49195-49191-49187-49171-49161-49183-49182-162-158-103-"
		   "64-51-50-154-153-69-68-49201-49197-49193-49189-49166-49156-156-60-47-150-65-7-"
		   "49169-49159-49164-49154-5-4-21-18-9-20-17-8-6-3-255",
	.exts = "11-10-35-13-15-21",
	.groups = "14-13-25-11-12-24-9-10-22-23-8-6-7-20-21-4-5-18-19-1-2-3-15-16-17",
	.points = "0-1-2",
	.sig_algs = "0601,0602,0603,0501,0502,0503,0401,0402,0403,0301,0302,0303,0201,0202,0203",
};

static const struct offer chrome = {
	.base = 16,
	.version = 0x0303,
	.ciphers = "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
	.exts = "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015",
	.groups = "001d,0017,0018",
	.points = "0",
	.sig_algs = "0403,0804,0401,0503,0805,0501,0806,0601",
	.versions = "0304,0303",
};

static void ja3_vectors(void)
{
	struct offer o = { .base = 10 };

	check_case("JA3: the example with extensions has its published hash");
	o.version = 769;
	o.ciphers = "47-53-5-10-49161-49162-49171-49172-50-56-19-4";
	o.exts = "0-10-11";
	o.groups = "23-24-25";
	o.points = "0";
	CHECK(ja3_is(&o, "ada70206e40642a3e4461f35503241d5"));

	check_case("JA3: without extensions the three lists are empty, their commas stay");
	o = (struct offer){ .base = 10, .version = 769 };
	o.ciphers = "4-5-10-9-100-98-3-6-19-18-99";
	CHECK(ja3_is(&o, "de350869b8c85de67a350c8d186f11e6"));

	check_case("JA3: a hello of OpenSSL 1.0.1 with 80 cipher suites");
	CHECK(ja3_is(&openssl_101, "13020a4ccb11b2d3c9c0e6c285c3c415"));

	check_case("JA3: the version is the hello's own, not the one of supported_versions");
	o = (struct offer){ .base = 10, .version = 771, .ciphers = "4865", .exts = "43" };
	o.versions = "0304";
	struct buf body = { 0 }, text = { 0 };
	struct tls_client_hello h;
	put_client_hello_body(&body, &o);
	CHECK(tls_client_hello_parse(buf_bytes(&body), &h));
	tls_ja3_text(&h, &text);
	CHECK(bytes_is(buf_bytes(&text), "771,4865,43,,"));
	buf_release(&body);
	buf_release(&text);

	check_case("JA3: GREASE is left out of suites, extensions and groups");
	o = (struct offer){ .base = 10, .version = 769 };
	o.ciphers = "2570-47-53-5-10-49161-49162-49171-49172-50-56-19-4-64250";
	o.exts = "6682-0-10-11-56026";
	o.groups = "19018-23-24-25";
	o.points = "0";
	CHECK(ja3_is(&o, "ada70206e40642a3e4461f35503241d5"));
}

static void ja3s_vectors(void)
{
	struct tls_server_hello s;
	char hex[DIGEST_HEX];
	struct buf text = { 0 };
	/* 771,49199,65281-11-35 */
	static const uint8_t tail[] = { 0, 0xc0, 0x2f, 0, 0, 14, 0xff, 0x01, 0, 1,
					0, 0x00, 0x0b, 0, 1, 0,  0x00, 0x23, 0, 0 };
	uint8_t body[34 + sizeof(tail)] = { 3, 3 };

	check_case("JA3S: a ServerHello has its published hash");
	memcpy(body + 34, tail, sizeof(tail));
	CHECK(tls_server_hello_parse(BYTES(body, sizeof(body)), &s));
	CHECK(!s.malformed);
	tls_ja3s_text(&s, &text);
	CHECK(bytes_is(buf_bytes(&text), "771,49199,65281-11-35"));
	CHECK(strcmp(digest_hex(DIGEST_MD5, buf_bytes(&text), hex),
		     "ccc514751b175866924439bdbb5bba34") == 0);
	buf_release(&text);
}

static void drafts(void)
{
	/* cipher c02b, extension 40 (key share) with group 23 */
	static const uint8_t tail[] = { 0xc0, 0x2b, 0, 10, 0, 40, 0, 6, 0, 23, 0, 2, 7, 7 };
	static const uint16_t versions[] = { 0x0304, 0x7f0e, 0x7f15 };
	uint8_t body[34 + sizeof(tail)] = { 0 };
	struct tls_server_hello s;

	check_case("A ServerHello of an early TLS 1.3 draft has no session id and no compression");
	memcpy(body + 34, tail, sizeof(tail));
	for (int i = 0; i < 3; i++) {
		be16_put(body, versions[i]);
		CHECK(tls_server_hello_parse(BYTES(body, sizeof(body)), &s));
		CHECK(!s.malformed && s.tls13 && !s.retry);
		CHECK_EQ(s.cipher, 0xc02b);
		CHECK(s.has_group && s.group == 23);
	}
}

static void ja4_vectors(void)
{
	struct offer o = chrome;
	char ja3[DIGEST_HEX], ja4[TLS_JA4_SIZE];
	struct buf raw = { 0 };

	check_case("JA4: the example of its description, hashed and not");
	prints(&o, ja3, ja4, &raw);
	CHECK(strcmp(ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1") == 0);
	CHECK(bytes_is(
		buf_bytes(&raw),
		"t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,"
		"cca8,cca9_0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,"
		"ff01_0403,0804,0401,0503,0805,0501,0806,0601"));

	check_case("JA4: without signature algorithms there is no underscore");
	o.sig_algs = "";
	prints(&o, ja3, ja4, &raw);
	CHECK(strcmp(ja4, "t13d1516h2_8daaf6152771_6d807ffa2a79") == 0);
	CHECK(raw.len && raw.ptr[raw.len - 1] == '1');

	check_case("JA4: Chrome with a post-quantum key share, and with Encrypted Client Hello");
	o = chrome;
	o.exts = "0005,000a,000b,000d,0012,0017,001b,0023,002b,002d,0033,4469,fe0d,ff01,0000,0010";
	CHECK(ja4_is(&o, "t13d1516h2_8daaf6152771_02713d6af862"));
	o.exts = "0015,0005,000a,000b,000d,0012,0017,001b,0023,002b,002d,0033,4469,fe0d,ff01,0000,"
		 "0010";
	CHECK(ja4_is(&o, "t13d1517h2_8daaf6152771_b1ff8ab2d16f"));

	check_case("JA4: a client without SNI and ALPN");
	o = (struct offer){ .base = 16, .version = 0x0303, .ciphers = "1302,1303,1301,00ff" };
	o.exts = "000b,000a,0023,0016,0017,000d,002b,002d,0033";
	o.versions = "0304";
	o.points = "0-1-2";
	o.groups = "001d,0017";
	o.sig_algs = "0403,0503,0603,0807,0808,0809,080a,080b,0804,0805,0806,0401,0501,0601";
	CHECK(ja4_is(&o, "t13i040900_16476d049b0b_78f1d400d464"));

	check_case("JA4: TLS 1.2 clients, and 80 cipher suites with the SCSV");
	CHECK(ja4_is(&openssl_101, "t12i800600_15c493246000_4446390ac224"));
	o = (struct offer){ .base = 10, .version = 0x0303, .groups = "23-24-25", .points = "0" };
	o.ciphers = "49195-49199-158-49162-49161-49171-49172-49159-49169-51-50-57-156-47-53-10-5-4";
	o.exts = "65281-10-11-35-13172-16-30032-5-18-13";
	o.sig_algs = "0401,0501,0201,0403,0503,0203,0402,0202";
	o.alpn = "spdy/3.1";
	CHECK(ja3_is(&o, "308b0bd904abbef5e0034a1ff7a78920"));
	CHECK(ja4_is(&o, "t12i1810s1_27d4652c4487_06a4338d0495"));
	o.ciphers = "49195-49199-49162-49161-49171-49172-51-57-47-53-10";
	o.exts = "0-65281-10-11-35-13172-16-5-13";
	o.sig_algs = "0401,0501,0601,0201,0403,0503,0603,0203,0402,0202";
	o.alpn = "h2";
	CHECK(ja3_is(&o, "07b4162d4db57554961824a21c4a0fde"));
	CHECK(ja4_is(&o, "t12d1109h2_43e74fd21232_fed6c16fddd0"));
	buf_release(&raw);
}

static bool part_a(const struct offer *o, const char *expected)
{
	char ja3[DIGEST_HEX], ja4[TLS_JA4_SIZE];

	prints(o, ja3, ja4, NULL);
	if (strncmp(ja4, expected, 10) != 0)
		printf("# JA4 %s\n", ja4);
	return strncmp(ja4, expected, 10) == 0;
}

static void ja4_edges(void)
{
	struct offer o = chrome;
	char ja3[DIGEST_HEX], ja4[TLS_JA4_SIZE];
	struct buf many = { 0 };

	check_case("JA4: an ALPN value that is not alphanumeric gives its outer hex digits");
	o.alpn = "\xab";
	CHECK(part_a(&o, "t13d1516ab"));
	o.alpn = "\xab\xcd";
	CHECK(part_a(&o, "t13d1516ad"));
	o.alpn = "0\xab";
	CHECK(part_a(&o, "t13d15163b"));
	o.alpn = "01\xab\xcd";
	CHECK(part_a(&o, "t13d15163d"));
	o.alpn = "0\xab\xcd"
		 "1";
	CHECK(part_a(&o, "t13d151601"));
	o.alpn = "\xba\xad";
	CHECK(ja4_is(&o, "t13d1516bd_8daaf6152771_e5627efa2ab1"));
	o.alpn = "http/1.1";
	CHECK(part_a(&o, "t13d1516h1"));
	o.alpn = "x";
	CHECK(part_a(&o, "t13d1516xx"));
	o.alpn = "";
	CHECK(part_a(&o, "t13d151600"));

	check_case("JA4: the version is the highest of supported_versions, GREASE aside");
	o = chrome;
	o.versions = "fafa,0303,0304";
	CHECK(part_a(&o, "t13d1516h2"));
	o.versions = "0302,0303,1a1a";
	CHECK(part_a(&o, "t12d1516h2"));
	o.versions = "7f1c,0303";
	CHECK(part_a(&o, "t00d1516h2"));

	check_case("JA4: signature algorithms of extensions other than 13 do not count");
	o = chrome;
	CHECK(ja4_is(&o, "t13d1516h2_8daaf6152771_e5627efa2ab1"));
	struct buf body = { 0 }, raw = { 0 }, sort = { 0 };
	struct tls_client_hello h;
	static const uint8_t delegated[] = { 0, 0x22, 0,    6, 0, 4, 4, 3, 5,
					     3, 0,    0x32, 0, 4, 0, 2, 6, 3 };
	o = (struct offer){ .base = 16, .version = 0x0303, .ciphers = "1301", .exts = "000d" };
	o.sig_algs = "0804";
	put_client_hello_body(&body, &o);
	buf_add(&body, delegated, sizeof(delegated));
	close_length(&body, 2 + 32 + 1 + 2 + 2 + 2, 2);
	CHECK(tls_client_hello_parse(buf_bytes(&body), &h) && !h.malformed);
	tls_ja4(&h, 't', ja4, &raw, &sort);
	CHECK(bytes_is(buf_bytes(&raw), "t12i010300_1301_000d,0022,0032_0804"));
	buf_release(&body);
	buf_release(&raw);
	buf_release(&sort);

	check_case("JA4: counts stop at 99, and GREASE is not counted");
	for (int i = 0; i < 150; i++)
		buf_printf(&many, "%s%04x", i ? "," : "", 0xc100 + i);
	buf_add_byte(&many, 0);
	o = chrome;
	o.ciphers = (char *)many.ptr;
	o.exts = "0a0a,0000,0010";
	CHECK(part_a(&o, "t12d9902h2"));
	buf_release(&many);

	check_case("JA4: empty lists give zeros and not the hash of nothing");
	o = (struct offer){ .base = 16, .version = 0x0301, .ciphers = "0a0a" };
	prints(&o, ja3, ja4, NULL);
	CHECK(strcmp(ja4, "t10i000000_000000000000_000000000000") == 0);
	o.version = 0x0300;
	CHECK(part_a(&o, "ts3i000000"));
	o.exts = "0000,0010";
	CHECK(ja4_is(&o, "ts3d0002h2_000000000000_000000000000"));
}

static void hello_truncations(void)
{
	struct buf body = { 0 }, raw = { 0 }, sort = { 0 };
	struct tls_client_hello h;
	char ja4[TLS_JA4_SIZE];
	size_t cut = 0;

	check_case("A ClientHello cut at any byte is never whole, and never read past its end");
	put_client_hello_body(&body, &chrome);
	for (size_t n = 0; n < body.len; n++) {
		uint8_t *exact = malloc(n ? n : 1);

		memcpy(exact, body.ptr, n);
		if (tls_client_hello_parse(BYTES(exact, n), &h)) {
			buf_clear(&raw);
			tls_ja3_text(&h, &raw);
			tls_ja4(&h, 't', ja4, &raw, &sort);
			cut += !h.cut;
		}
		free(exact);
	}
	/* One cut leaves a legal hello: the one right before the extensions. */
	CHECK_EQ(cut, 1);
	buf_release(&body);
	buf_release(&raw);
	buf_release(&sort);
}

static void names(void)
{
	char text[24];

	check_case("Names are those of the registries; what they do not list has none");
	CHECK(strcmp(tls_cipher_name(0xc02f), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256") == 0);
	CHECK(strcmp(tls_cipher_name(0x0000), "TLS_NULL_WITH_NULL_NULL") == 0);
	CHECK(strcmp(tls_cipher_name(0xd005), "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256") == 0);
	CHECK(!tls_cipher_name(0x0a0a) && !tls_cipher_name(0xffff));
	CHECK(strcmp(tls_group_name(4588), "X25519MLKEM768") == 0);
	CHECK(strcmp(tls_group_name(29), "x25519") == 0);
	CHECK(strcmp(tls_alert_name(40), "handshake_failure") == 0);
	CHECK(!tls_alert_name(1));
	CHECK(strcmp(tls_version_name(0x0303, text), "TLSv12") == 0);
	CHECK(strcmp(tls_version_name(0x7f17, text), "TLSv13-draft23") == 0);
	CHECK(!tls_version_name(0x1234, text));

	check_case("The name tables are in order, so that every entry is found");
	size_t found = 0, groups = 0, alerts = 0;
	for (unsigned id = 0; id < 65536; id++) {
		found += tls_cipher_name((uint16_t)id) != NULL;
		groups += tls_group_name((uint16_t)id) != NULL;
		alerts += id < 256 && tls_alert_name((uint8_t)id);
	}
	CHECK_EQ(found, 352);
	CHECK_EQ(groups, 56);
	CHECK_EQ(alerts, 37);
}

int main(void)
{
	ja3_vectors();
	ja3s_vectors();
	drafts();
	ja4_vectors();
	ja4_edges();
	hello_truncations();
	names();
	return check_end();
}
