/* fuzz: any bytes in; libFuzzer and the sanitizers look for harm. */
#define main pfx_main
#include "pfx.c"
#undef main

#include <netinet/in.h>

static void take(void *ctx, const struct rec_desc *desc, const struct rec_head *h, const void *rec)
{
	(void)ctx, (void)desc, (void)h, (void)rec;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct l7_host host = { NULL, take };
	struct l7_limits limits = { .max_flows = 8 };
	struct l7 *l7 = l7_new(&pfx_parser, &host, &limits);
	struct rec_head h = { REC_stream, 1, 1, 1 };

	for (size_t at = 0; at < size; at += 7) {
		struct rec_stream s = { .proto = IPPROTO_TCP, .resp_p = 5678, .offset = at };

		s.payload = BYTES(data + at, size - at < 7 ? size - at : 7);
		l7_stream(l7, &h, &s);
	}
	l7_finish(l7, 1);
	l7_free(l7);
	return 0;
}
