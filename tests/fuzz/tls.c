/* fuzz: the TLS parser over a flow. The input is a run of pieces: one byte with direction, gap
 * flag and part of a length, one with the rest of it, then the bytes. */
#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/tls/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buf packed;

static void emitted(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		    const void *rec)
{
	(void)ctx;
	buf_clear(&packed);
	rec_pack(&packed, desc, h, rec);
	if (packed.len > REC_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct l7_host host = { NULL, emitted };
	struct l7 *l7 = l7_new(&tls_parser, &host, &(struct l7_limits){ .max_flows = 4 });
	struct cursor c = cursor_of(BYTES(data, size));
	uint64_t offset[2] = { 0, 0 }, n = 1;

	while (cursor_left(&c) >= 2) {
		uint8_t flags = cursor_u8(&c);
		size_t len = (size_t)(flags & 0x0f) << 8 | cursor_u8(&c);
		int dir = flags >> 7;
		struct rec_head h = { REC_stream, n * 1000, 1, n };
		struct rec_stream s = { .ip_version = 4,
					.proto = IPPROTO_TCP,
					.dir = (uint8_t)dir,
					.offset = offset[dir] };
		uint8_t *exact = NULL;

		n++;
		if (flags & 0x40) {
			s.gap = len + 1;
		} else {
			if (len > cursor_left(&c))
				len = cursor_left(&c);
			exact = malloc(len + 1); /* its own memory: a read past it is seen */
			memcpy(exact + 1, cursor_take(&c, len), len);
			s.payload = BYTES(exact + 1, len);
		}
		l7_stream(l7, &h, &s);
		offset[dir] += s.gap + s.payload.len;
		free(exact);
	}
	l7_finish(l7, n);
	if (l7_stats(l7)->held)
		abort();
	l7_free(l7);
	return 0;
}
