/* ssh: hostile streams from both sides; in other pieces they must give the same. */
#include "tests/unit/ssh_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *both(struct run *r, struct bytes client, struct bytes server, size_t piece)
{
	run_start(r, 22);
	run_stream(r, 1, BYTES_LIT("SSH-"));
	run_pieces(r, 1, server, piece);
	run_pieces(r, 0, client, piece);
	return run_finish(r);
}

/* The first two bytes say how many of the rest the client sends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = { 1, 3, 50 };
	struct bytes client, server;
	struct run whole, r;
	size_t n;

	if (size < 2)
		return 0;
	n = be16_get(data) % (size - 1);
	client = BYTES(data + 2, n);
	server = BYTES(data + 2 + n, size - 2 - n);
	both(&whole, client, server, size);
	for (size_t i = 0; i < 3; i++) {
		both(&r, client, server, pieces[i]);
		if (!bytes_equal(buf_bytes(&r.log), buf_bytes(&whole.log)))
			abort();
		run_free(&r);
	}
	run_free(&whole);
	return 0;
}
