/* ftp: hostile sessions; what each side says in other pieces must give the same. */
#include "tests/unit/ftp_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Turns of both sides: a byte says whose, and how long it is; 0 is a hole. */
static void session(struct run *r, struct bytes b, size_t piece)
{
	run_start(r, 21);
	run_stream(r, 1, BYTES_LIT("220 a\r\n"));
	while (b.len) {
		size_t n = b.ptr[0] & 0x7f, left = b.len - 1;
		int dir = b.ptr[0] >> 7;

		n = n < left ? n : left;
		if (n)
			run_pieces(r, dir, BYTES(b.ptr + 1, n), piece);
		else
			run_gap(r, dir, 10);
		b = BYTES(b.ptr + 1 + n, left - n);
	}
	run_finish(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = { 1, 3, 50 };
	struct run whole, r;

	session(&whole, BYTES(data, size), 128);
	for (size_t i = 0; i < 3; i++) {
		session(&r, BYTES(data, size), pieces[i]);
		if (!bytes_equal(buf_bytes(&r.log), buf_bytes(&whole.log)))
			abort();
		run_free(&r);
	}
	run_free(&whole);
	return 0;
}
