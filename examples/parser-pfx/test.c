/* test: the parser without any process: a stream in, records out, whole and in pieces. TAP. */
#define main pfx_main
#include "pfx.c"
#undef main

#include <netinet/in.h>
#include <stdio.h>

static unsigned count, bytes, anomalies;

static void take(void *ctx, const struct rec_desc *desc, const struct rec_head *h, const void *rec)
{
	(void)ctx;
	(void)h;
	if (desc == &rec_pfx_desc)
		count++, bytes += (unsigned)((const struct rec_pfx *)rec)->body.len;
	anomalies += desc == &rec_anomaly_desc;
}

/* Feeds one direction in pieces. True where the parser made so much of it. */
static bool gives(struct bytes b, size_t piece, unsigned records, unsigned body, unsigned poisoned)
{
	struct l7_host host = { NULL, take };
	struct l7 *l7 = l7_new(&pfx_parser, &host, NULL);
	struct rec_head h = { REC_stream, 1, 1, 1 };

	count = bytes = anomalies = 0;
	for (size_t at = 0; at < b.len; at += piece) {
		struct rec_stream s = { .proto = IPPROTO_TCP, .resp_p = 5678, .offset = at };

		s.payload = BYTES(b.ptr + at, b.len - at < piece ? b.len - at : piece);
		l7_stream(l7, &h, &s);
	}
	l7_finish(l7, 1);
	l7_free(l7);
	return count == records && bytes == body && anomalies == poisoned;
}

int main(void)
{
	static const struct bytes good =
		BYTES_LIT("PFX2,\0\6init-0PFX4,\0\0\0\3abcPFX2,\0\0PFX2,\0\6in");
	bool same = true;

	for (size_t piece = 1; piece <= good.len; piece++)
		same &= gives(good, piece, 3, 9, 0);
	printf("%sok 1 - pieces of any size give the same three messages\n", same ? "" : "not ");
	same &= gives(BYTES_LIT("GARBAGE-NOT-PFX"), 4, 0, 0, 1);
	same &= gives(BYTES_LIT("PFX4,\xff\xff\xff\xff"), 9, 0, 0, 1);
	printf("%sok 2 - what is no message ends the flow, once\n1..2\n", same ? "" : "not ");
	return !same;
}
