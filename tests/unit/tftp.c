/* tftp: messages, blocks, requests and transfers. */
#include "tests/unit/tftp_build.h"

#include "tests/unit/check.h"

#define SAYS(r, want)                                                                              \
	do {                                                                                       \
		const char *log = run_finish(r);                                                   \
                                                                                                   \
		if (strcmp(log, want))                                                             \
			printf("# %s", log);                                                       \
		CHECK(strcmp(log, want) == 0);                                                     \
		run_free(r);                                                                       \
	} while (0)

static void messages(void)
{
	struct tftp_message m;
	uint64_t v;

	check_case("messages: RFC 1350 5, RFC 2347");
	CHECK(tftp_parse(BYTES_LIT("\0\1a\0octet\0BlkSize\0001428\0"), false, &m) &&
	      m.code == TFTP_RRQ && bytes_is(m.filename, "a") && bytes_is(m.mode, "octet") &&
	      tftp_number(&m, "blksize", &v) && v == 1428 && !tftp_number(&m, "tsize", &v));
	CHECK(tftp_parse(BYTES_LIT("\0\5\0\2no"), false, &m) && m.number == 2 &&
	      bytes_is(m.text, "no"));
	CHECK(tftp_parse(BYTES_LIT("\0\3\0\7"), false, &m) && m.text.len == 0);
	CHECK(!tftp_parse(BYTES_LIT("\0\3\0"), false, &m));
	CHECK(tftp_parse(BYTES_LIT("\0\3\0"), true, &m));
	CHECK(!tftp_parse(BYTES_LIT("\0\1a\0octet"), false, &m));
	CHECK(tftp_parse(BYTES_LIT("\0\1a\0octet"), true, &m));
	CHECK(!tftp_parse(BYTES_LIT("\0\6blksize\0"), false, &m));
	CHECK(!tftp_parse(BYTES_LIT("\0\7"), false, &m) &&
	      !tftp_parse(BYTES_LIT("\1\1"), true, &m));

	check_case("what nothing else looks like");
	CHECK(tftp_is_certain(BYTES_LIT("\0\2a\0NetASCII\0")));
	CHECK(!tftp_is_certain(BYTES_LIT("\0\1\0octet\0")));
	CHECK(!tftp_is_certain(BYTES_LIT("\0\1a\0binary\0")));
	CHECK(tftp_is_certain(BYTES_LIT("\0\6tsize\0001\0")));
	CHECK(!tftp_is_certain(BYTES_LIT("\0\6mine\0001\0")) &&
	      !tftp_is_certain(BYTES_LIT("\0\6")));
}

static void blocks(void)
{
	struct tftp_blocks b = { 0 };

	check_case("blocks out of order, twice, missing, and beyond 65,535");
	CHECK(tftp_block_take(&b, 2) && b.missing == 1);
	CHECK(tftp_block_take(&b, 1) && b.missing == 0);
	CHECK(!tftp_block_take(&b, 2) && b.repeated == 1);
	CHECK(tftp_block_take(&b, 100) && b.missing == 97);
	CHECK(!tftp_block_take(&b, 3) && b.repeated == 2);
	CHECK(tftp_block_take(&b, 40) && b.missing == 96 && b.count == 4);
	b = (struct tftp_blocks){ 0 };
	for (unsigned i = 65000; i < 66000; i++)
		CHECK(tftp_block_take(&b, (uint16_t)i));
	CHECK(b.count == 1000 && !b.missing && !b.repeated);

	check_case("blocks before the one that a capture begins with, or before the first, are no "
		   "less than none missing");
	b = (struct tftp_blocks){ 0 };
	CHECK(tftp_block_take(&b, 100) && !b.missing);
	CHECK(tftp_block_take(&b, 97) && b.missing == 2);
	CHECK(tftp_block_take(&b, 101) && b.missing == 2);
	CHECK(tftp_block_take(&b, 98) && b.missing == 1 && b.count == 4);
	CHECK(!tftp_block_take(&b, 97) && b.repeated == 1);
	b = (struct tftp_blocks){ 0 };
	CHECK(tftp_block_take(&b, 1) && !b.missing);
	CHECK(tftp_block_take(&b, 65535) && b.missing == 1);
	CHECK(tftp_block_take(&b, 0) && !b.missing && b.count == 3);
	b = (struct tftp_blocks){ 0 };
	CHECK(tftp_block_take(&b, 0) && tftp_block_take(&b, 1) && !b.missing && b.count == 2);
}

static void transfers(void)
{
	struct run r;

	check_case("a request, asked twice; a server that answers from its port");
	run_start(&r, 40000, 69);
	for (int i = 0; i < 2; i++)
		CHECK(run_packet(&r, 0, BYTES_LIT("\0\1boot.img\0OCTET\0TSIZE\0000\0")));
	run_packet(&r, 1, BYTES_LIT("\0\6tsize\000600\0"));
	run_block(&r, 0, TFTP_ACK, 0, 0);
	run_block(&r, 1, TFTP_DATA, 1, 512);
	run_block(&r, 0, TFTP_ACK, 1, 0);
	run_block(&r, 1, TFTP_DATA, 1, 512);
	run_block(&r, 1, TFTP_DATA, 2, 88);
	run_block(&r, 0, TFTP_ACK, 2, 0);
	run_block(&r, 0, TFTP_ACK, 2, 0);
	run_packet(&r, 0, BYTES_LIT("\0\2up\0netascii\0"));
	run_packet(&r, 1, BYTES_LIT("\0\5\0\2denied\0"));
	SAYS(&r, "request read file=boot.img mode=octet option=tsize value=0\n"
		 "transfer read completed file=boot.img mode=octet option=tsize value=600 blocks=2 "
		 "bytes=600 repeated=1 missing=0 port=69\n"
		 "request write file=up mode=netascii\n"
		 "transfer write failed file=up mode=netascii blocks=0 bytes=0 error=2 msg=denied "
		 "port=69\n");

	check_case("options beyond sixteen, and the end of a long error, are said to be cut");
	run_start(&r, 40000, 69);
	CHECK(run_packet(&r, 0,
			 BYTES_LIT("\0\1f\0octet\0a\0b\0a\0b\0a\0b\0a\0b\0a\0b\0a\0b\0a\0b\0"
				   "a\0b\0a\0b\0a\0b\0a\0b\0a\0b\0a\0b\0a\0b\0a\0b\0a\0b\0"
				   "a\0b\0")));
	{
		uint8_t error[304] = { 0, 5, 0, 1 };

		memset(error + 4, 'x', 299);
		run_packet(&r, 1, BYTES(error, sizeof(error)));
	}
	CHECK(strstr(run_finish(&r), " value=b cut=options\ntransfer read failed file=f "));
	CHECK(strstr(run_finish(&r), "xxx port=69 cut=error_msg\n"));
	run_free(&r);

	check_case("a transfer that a guess names knows its request's flow, and not its file");
	run_start(&r, 34567, 40000);
	run_guess(&r, 5, 1);
	run_block(&r, 0, TFTP_ACK, 0, 0);
	run_block(&r, 1, TFTP_DATA, 1, 512);
	run_block(&r, 1, TFTP_DATA, 2, 0);
	run_block(&r, 0, TFTP_ACK, 2, 0);
	SAYS(&r, "transfer write completed blocks=2 bytes=512 port=34567 request=5\n");

	check_case("without one, options that were agreed to tell; larger blocks end later");
	run_start(&r, 34567, 40000);
	CHECK(!run_packet(&r, 0, BYTES_LIT("\0\3\0\1x")));
	SAYS(&r, "");
	run_start(&r, 34567, 40000);
	CHECK(run_packet(&r, 0, BYTES_LIT("\0\6blksize\0001024\0windowsize\0002\0")));
	run_block(&r, 1, TFTP_ACK, 0, 0);
	run_block(&r, 0, TFTP_DATA, 1, 1024);
	run_block(&r, 0, TFTP_DATA, 3, 1000);
	SAYS(&r, "transfer read partial option=blksize value=1024 option=windowsize value=2 "
		 "blocks=2 bytes=2024 repeated=0 missing=1 port=34567\n");

	check_case("data from the side that reads; what is no message");
	run_start(&r, 40000, 69);
	run_packet(&r, 0, BYTES_LIT("\0\1a\0octet\0"));
	run_block(&r, 0, TFTP_DATA, 1, 5);
	run_packet(&r, 1, BYTES_LIT("\0\11"));
	SAYS(&r, "request read file=a mode=octet\n"
		 " anomaly=tftp_wrong_side event=data of the client\n"
		 " anomaly=tftp_parse_error event=no message\n"
		 "transfer read partial file=a mode=octet blocks=0 bytes=0 port=69\n");
}

int main(void)
{
	messages();
	blocks();
	transfers();
	return check_end();
}
