/* digest: vectors of RFC 1321, RFC 3174, FIPS 180-4 and RFC 4648, in pieces, and locked up. */
#include "tests/unit/check.h"

#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcommon/base/digest.h"

static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

static bool hex_is(enum digest_algo algo, const char *in, const char *expected)
{
	char out[DIGEST_HEX];

	return strcmp(digest_hex(algo, bytes_str(in), out), expected) == 0;
}

static bool base64_is(const char *in, const char *expected)
{
	char out[BASE64_SIZE(64)];
	size_t n = base64_encode(bytes_str(in), out);

	return n == strlen(expected) && strcmp(out, expected) == 0;
}

static void vectors(void)
{
	uint8_t raw[DIGEST_MAX];

	check_case("MD5 gives the values of RFC 1321");
	CHECK(hex_is(DIGEST_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"));
	CHECK(hex_is(DIGEST_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"));
	CHECK(hex_is(DIGEST_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"));

	check_case("SHA-1 gives the values of RFC 3174");
	CHECK(hex_is(DIGEST_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"));
	CHECK(hex_is(DIGEST_SHA1, two_blocks, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"));

	check_case("SHA-256 gives the values of FIPS 180-4");
	CHECK(hex_is(DIGEST_SHA256, "abc",
		     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
	CHECK(hex_is(DIGEST_SHA256, two_blocks,
		     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));

	check_case("A raw digest has the size that digest_size() says");
	for (int a = 0; a < DIGEST_COUNT; a++)
		CHECK_EQ(digest_raw(a, BYTES_LIT("abc"), raw), digest_size(a));
	CHECK_EQ(raw[0], 0xba);
	CHECK_EQ(raw[31], 0xad);

	check_case("Base64 gives the values of RFC 4648 section 10");
	CHECK(base64_is("", ""));
	CHECK(base64_is("f", "Zg=="));
	CHECK(base64_is("fo", "Zm8="));
	CHECK(base64_is("foo", "Zm9v"));
	CHECK(base64_is("foobar", "Zm9vYmFy"));
	CHECK(base64_is("\xff\xfe\xfd\xfb", "//79+w=="));
}

static void pieces(void)
{
	char one[DIGEST_HEX], many[DIGEST_HEX];
	uint8_t data[1000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);

	check_case("A digest over pieces equals the digest over the whole, wherever the cuts are");
	for (int a = 0; a < DIGEST_COUNT; a++) {
		digest_hex(a, BYTES(data, sizeof(data)), one);
		for (size_t step = 1; step < 200; step += 13) {
			struct digest_stream *d = digest_new(a);

			for (size_t at = 0; at < sizeof(data); at += step) {
				size_t left = sizeof(data) - at;

				digest_add(d, BYTES(data + at, left < step ? left : step));
			}
			CHECK(strcmp(digest_stream_hex(d, many), one) == 0);
			digest_free(d);
		}
	}

	check_case("A digest in pieces starts over after its result, and others do not disturb it");
	struct digest_stream *d = digest_new(DIGEST_SHA256);
	digest_add(d, BYTES_LIT("x"));
	digest_stream_hex(d, many);
	digest_add(d, BYTES_LIT("a"));
	CHECK(hex_is(DIGEST_SHA256, "zzz",
		     "17f165d5a5ba695f27c023a83aa2b3463e23810e360b7517127e90161eebabda"));
	digest_add(d, BYTES(NULL, 0));
	digest_add(d, BYTES_LIT("bc"));
	CHECK(strcmp(digest_stream_hex(d, many),
		     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0);
	digest_free(d);
	digest_free(NULL);
}

/* The kernel's strict mode allows read, write and exit, and nothing else. */
static void locked_up(void)
{
	int pipe_fd[2], status = 0;
	char out[DIGEST_HEX] = "", got[3][DIGEST_HEX];

	check_case("A digest needs no system call at all");
	if (pipe(pipe_fd) < 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0)
			syscall(SYS_exit, 77);
		for (int a = 0; a < DIGEST_COUNT; a++) {
			memset(out, 0, sizeof(out));
			digest_hex(a, BYTES_LIT("abc"), out);
			if (write(pipe_fd[1], out, sizeof(out)) < 0)
				break;
		}
		syscall(SYS_exit, 0);
	}
	close(pipe_fd[1]);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		close(pipe_fd[0]);
		printf("# the kernel has no seccomp strict mode\n");
		return;
	}
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK_EQ(read(pipe_fd[0], got, sizeof(got)), sizeof(got));
	CHECK(strcmp(got[DIGEST_MD5], "900150983cd24fb0d6963f7d28e17f72") == 0);
	CHECK(strncmp(got[DIGEST_SHA256], "ba7816bf8f01cfea", 16) == 0);
	close(pipe_fd[0]);
}

int main(void)
{
	locked_up();
	vectors();
	pieces();
	return check_end();
}
