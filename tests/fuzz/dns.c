/* dns: hostile messages and streams; the same stream in other segments must give the same. */
#include <stdlib.h>

#include "tests/unit/dns_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses; the rest is a list of messages, each with two bytes of length, which
 * is also what a stream is made of. */
enum { MODE_STREAM = 1, MODE_FROM_RESP = 2, MODE_GAP = 4, MODE_MULTICAST = 8 };

static void stream_run(struct run *r, struct bytes b, unsigned mode, size_t piece)
{
	run_start(r, IPPROTO_TCP, 4000, 53);
	for (size_t at = 0; at < b.len; at += piece) {
		int dir = (mode & MODE_FROM_RESP) != 0;

		run_stream(r, dir, 1, 1, BYTES(b.ptr + at, b.len - at < piece ? b.len - at : piece),
			   0);
	}
	run_finish(r, 100, 2);
}

static void streams(struct bytes b, unsigned mode)
{
	static const size_t pieces[] = { 1, 3, 100 };
	struct run whole, r;

	if (!b.len)
		return;
	stream_run(&whole, b, mode, b.len);
	for (size_t i = 0; i < 3; i++) {
		/* What is undecided after 1 KiB belongs to nobody, whatever would have come. */
		if (b.len > 1024 && !whole.session_ends)
			break;
		stream_run(&r, b, mode, pieces[i]);
		if (!bytes_equal(buf_bytes(&r.packed), buf_bytes(&whole.packed)))
			abort();
		run_free(&r);
	}
	run_free(&whole);
	if (mode & MODE_GAP) {
		run_start(&r, IPPROTO_TCP, 4000, 53);
		run_stream(&r, 0, 1, 1, BYTES(b.ptr, b.len / 2), 0);
		run_stream(&r, 0, 1, 2, BYTES(NULL, 0), b.ptr[0]);
		run_stream(&r, 0, 1, 3, BYTES(b.ptr + b.len / 2, b.len - b.len / 2), 0);
		run_finish(&r, 2, 4);
		run_free(&r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest;
	struct run r;
	unsigned mode;
	double at = 1;

	if (size < 1)
		return 0;
	mode = data[0];
	rest = BYTES(data + 1, size - 1);
	if (mode & MODE_STREAM) {
		streams(rest, mode);
		return 0;
	}
	run_start(&r, IPPROTO_UDP, 4000, mode & MODE_MULTICAST ? 5353 : 53);
	while (rest.len >= 2) {
		/* The length's upper bits: which side sends, and time going on. */
		unsigned word = be16_get(rest.ptr);
		size_t n = word & 0xfff;

		rest = BYTES(rest.ptr + 2, rest.len - 2);
		if (n > rest.len)
			n = rest.len;
		at += word >> 13;
		run_packet(&r, word >> 12 & 1, at, (uint64_t)at, BYTES(rest.ptr, n));
		rest = BYTES(rest.ptr + n, rest.len - n);
	}
	run_finish(&r, at, (uint64_t)at);
	run_free(&r);
	return 0;
}
