/* pcap: fuzzes the bulk reader of classic pcap files; input in one piece and in two. */
#include <stdlib.h>

#include "cmd/read/pcap_bulk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t frames_in(struct bulk *b, struct bytes *in, enum cap_step *step)
{
	struct cap_frame f;
	size_t n = 0, before = in->len;

	while ((*step = bulk_next(b, in, &f)) == CAP_FRAME) {
		if (f.data.len > before || in->len >= before)
			abort();
		before = in->len;
		n++;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum cap_step step, half_step;
	struct bytes in, half;
	size_t whole, parts;
	struct bulk b;

	if (!bulk_open(&b, BYTES(data, size)))
		return 0;
	in = BYTES(data + BULK_FILE_HEADER, size - BULK_FILE_HEADER);
	half = BYTES(in.ptr, in.len / 2);
	parts = frames_in(&b, &half, &half_step);
	whole = frames_in(&b, &in, &step);
	if (half_step == CAP_MORE) {
		half.len = (size_t)(data + size - half.ptr);
		parts += frames_in(&b, &half, &half_step);
	}
	if (half_step != step || parts != whole || half.ptr != in.ptr)
		abort();
	if (in.len)
		bulk_cut(&b, in);
	return 0;
}
