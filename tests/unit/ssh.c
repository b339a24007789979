/* ssh: identifications, key exchange lists, what is agreed on, HASSH. */
#include "tests/unit/ssh_build.h"

#include "tests/unit/check.h"

/* OpenSSH 3.6.1's and 3.1's lists; their fingerprints are those that tshark computes. */
#define KEX "diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1"
#define MACS "hmac-md5,hmac-sha1,hmac-ripemd160,hmac-ripemd160@openssh.com,hmac-sha1-96,hmac-md5-96"
static const char *const client_lists[SSH_LISTS] = {
	KEX,
	"ssh-rsa,ssh-dss",
	"blowfish-cbc,aes128-cbc,3des-cbc,cast128-cbc,arcfour,aes192-cbc,aes256-cbc",
	"blowfish-cbc,aes128-cbc,3des-cbc,cast128-cbc,arcfour,aes192-cbc,aes256-cbc",
	MACS,
	MACS,
	"zlib,none",
	"zlib,none",
	"",
	"",
};
static const char *const server_lists[SSH_LISTS] = {
	("other," KEX),
	"ssh-dss",
	"aes128-cbc,3des-cbc",
	"3des-cbc",
	MACS,
	MACS,
	"none",
	"none",
	"",
	"",
};

static struct buf client, server;

static void build(void)
{
	buf_add_str(&client, "SSH-2.0-client\r\n");
	put_kexinit(&client, client_lists);
	put_packet(&client, BYTES_LIT("\x1e more"));
	buf_add_str(&server, "hello\r\nwelcome\r\nSSH-1.99-server a comment\n");
	put_packet(&server, BYTES_LIT("\x02 an ignored packet"));
	put_kexinit(&server, server_lists);
}

static void whole(void)
{
	struct run r;

	check_case("both lists give one record, however the streams are cut");
	for (size_t piece = 1; piece < 300; piece += piece < 20 ? 1 : 37) {
		const char *log;

		run_start(&r, 22);
		run_pieces(&r, 1, buf_bytes(&server), piece);
		run_pieces(&r, 0, buf_bytes(&client), piece);
		log = run_finish(&r);
		CHECK(strstr(log,
			     "v2 client=SSH-2.0-client server=SSH-1.99-server a comment kex=") ==
		      log);
		CHECK(strstr(log, "hassh=5ef6678a6b060094834599ca16581b05 "));
		CHECK(strstr(log,
			     "key=ssh-dss c2s=aes128-cbc s2c=3des-cbc mac=hmac-md5 comp=none "));
		CHECK(strstr(log, " names=2,3\n"));
		run_free(&r);
	}
	check_case("behind the lists the flow is not ours");
	run_start(&r, 22);
	CHECK(run_stream(&r, 1, buf_bytes(&server)));
	run_stream(&r, 0, buf_bytes(&client));
	CHECK(!run_stream(&r, 0, BYTES_LIT("encrypted")));
	run_free(&r);
}

static void crowd(void)
{
	struct ssh_config *config = ssh_parser.config;
	uint64_t most = config->max_held;
	struct run r;

	check_case("clients whose servers stay silent do not take their room from others");
	config->max_held = 4000;
	run_start(&r, 22);
	for (r.flow = 1; r.flow <= 50; r.flow++) {
		memset(r.offset, 0, sizeof(r.offset));
		run_stream(&r, 0, buf_bytes(&client));
	}
	CHECK(l7_stats(r.l7)->evicted > 40);
	CHECK(l7_stats(r.l7)->held <= 4000);
	buf_clear(&r.log);
	memset(r.offset, 0, sizeof(r.offset));
	run_stream(&r, 1, buf_bytes(&server));
	run_stream(&r, 0, buf_bytes(&client));
	*buf_reserve(&r.log, 1) = 0;
	CHECK(strstr((const char *)r.log.ptr, "v2 client=SSH-2.0-client server=SSH-1.99-server"));
	CHECK(!strstr((const char *)r.log.ptr, "cut="));
	run_finish(&r);
	CHECK_EQ(l7_stats(r.l7)->held, 0);
	run_free(&r);
	config->max_held = most;
}

static bool gives(uint16_t port, int dir, struct bytes b, const char *want)
{
	struct run r;
	bool same;

	run_start(&r, port);
	run_stream(&r, dir, b);
	same = strcmp(run_finish(&r), want) == 0;
	if (!same)
		printf("# %s", run_finish(&r));
	run_free(&r);
	return same;
}

static void limits(void)
{
	const char *lists[SSH_LISTS];
	struct buf b = { 0 }, names = { 0 };
	struct run r;

	check_case("of a list of more than 64 names, and of a long identification, it is said");
	for (int i = 0; i < 65; i++)
		buf_printf(&names, i ? ",k%d" : "k%d", i);
	buf_add_byte(&names, 0);
	for (int i = 0; i < SSH_LISTS; i++)
		lists[i] = i == SSH_HOST_KEY ? (const char *)names.ptr : "x";
	buf_printf(&b, "SSH-2.0-%0300d\n", 0);
	put_kexinit(&b, lists);
	for (int dir = 0; dir < 2; dir++) {
		run_start(&r, 22);
		run_stream(&r, dir, buf_bytes(&b));
		CHECK(strstr(run_finish(&r), dir ? " cut=server_banner,server_host_keys\n"
						 : " cut=client_banner,client_host_keys\n"));
		run_free(&r);
	}

	check_case("what is agreed on beyond a hundred names is said to be cut");
	names.len--;
	for (int i = 65; i < 101; i++)
		buf_printf(&names, ",k%d", i);
	buf_add_byte(&names, 0);
	lists[SSH_MAC_C2S] = lists[SSH_HOST_KEY] = (const char *)names.ptr;
	b.len = 0;
	buf_add_str(&b, "SSH-2.0-x\n");
	put_kexinit(&b, lists);
	run_start(&r, 22);
	run_stream(&r, 0, buf_bytes(&b));
	lists[SSH_MAC_C2S] = "k100";
	b.len = 10;
	put_kexinit(&b, lists);
	run_stream(&r, 1, buf_bytes(&b));
	CHECK(strstr(run_finish(&r), " key=k0 "));
	CHECK(strstr(run_finish(&r), " cut=client_host_keys,server_host_keys,mac_c2s\n"));
	run_free(&r);
	buf_release(&names);
	buf_release(&b);
}

static void partial(void)
{
	check_case("a flow that ends early gives what was seen");
	CHECK(gives(2222, 0, BYTES_LIT("SSH-2.0-x\r\n"), "v2 client=SSH-2.0-x names=0,0\n"));
	CHECK(gives(22, 1, BYTES_LIT("SSH-1.5-old\n"), "v1 server=SSH-1.5-old names=0,0\n"));
	check_case("on other ports nothing but an identification is believed");
	CHECK(gives(2222, 1, BYTES_LIT("hello\r\nSSH-2.0-x\r\n"), ""));
	CHECK(gives(22, 1, BYTES_LIT("hello\r\nSSH-2.0-x\r\n"), "v2 server=SSH-2.0-x names=0,0\n"));
	CHECK(gives(22, 0, BYTES_LIT("GET / HTTP/1.1\r\n"), ""));
	check_case("a packet of an impossible length ends the flow");
	CHECK(gives(22, 0, BYTES_LIT("SSH-2.0-x\n\0\1\0\0\4"),
		    " anomaly=bad packet length\nv2 client=SSH-2.0-x names=0,0\n"));
	CHECK(gives(22, 0, BYTES_LIT("SSH-2.0-x\n\0\0\0\5\4"),
		    " anomaly=bad packet length\nv2 client=SSH-2.0-x names=0,0\n"));
}

static void lists(void)
{
	struct ssh_kexinit k;
	struct bytes list = BYTES_LIT("a,,bc"), name;
	struct buf b = { 0 };
	bool more;

	check_case("a KEXINIT that is cut is none");
	CHECK(!ssh_kexinit_parse(BYTES_LIT("\x14 0123456789abcde\0\0\0\1"), &k));
	CHECK(!ssh_kexinit_parse(BYTES_LIT(""), &k));
	check_case("names of a list, empty ones too");
	CHECK(ssh_next_name(&list, &name) && bytes_is(name, "a"));
	CHECK(ssh_next_name(&list, &name) && bytes_is(name, ""));
	CHECK(ssh_next_name(&list, &name) && bytes_is(name, "bc"));
	CHECK(!ssh_next_name(&list, &name));
	check_case("agreed on is the first of the client's that the server has");
	CHECK(bytes_is(ssh_agreed(BYTES_LIT("x,b,a"), BYTES_LIT("a,b"), &more), "b") && !more);
	CHECK(!ssh_agreed(BYTES_LIT("x"), BYTES_LIT("a,b"), &more).ptr && !more);
	check_case("beyond a hundred names of either side it is not known");
	for (int i = 0; i < 100; i++)
		buf_printf(&b, "k%d,", i);
	buf_add_byte(&b, 'x');
	CHECK(!ssh_agreed(BYTES_LIT("x"), buf_bytes(&b), &more).ptr && more);
	CHECK(!ssh_agreed(BYTES_LIT("x,k0"), buf_bytes(&b), &more).ptr && more);
	CHECK(!ssh_agreed(buf_bytes(&b), BYTES_LIT("x"), &more).ptr && more);
	CHECK(bytes_is(ssh_agreed(buf_bytes(&b), BYTES_LIT("k99"), &more), "k99") && !more);
	CHECK(!ssh_agreed(BYTES(b.ptr, b.len - 2), BYTES_LIT("x"), &more).ptr && !more);
	buf_release(&b);
}

int main(void)
{
	build();
	whole();
	crowd();
	limits();
	partial();
	lists();
	buf_release(&client);
	buf_release(&server);
	return check_end();
}
