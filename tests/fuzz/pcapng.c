/* pcapng: fuzzes the reader of pcapng files; input in one piece and in two. */
#include <stdlib.h>

#include "cmd/read/pcapng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum;

static size_t frames_in(struct pcapng *g, struct bytes *in, enum cap_step *step)
{
	struct cap_frame f = { 0 };
	size_t n = 0, before = in->len;

	while ((*step = pcapng_next(g, in, &f)) == CAP_FRAME) {
		if (f.data.len > before || in->len >= before)
			abort();
		if (f.data.len)
			sum += f.data.ptr[0] + f.data.ptr[f.data.len - 1];
		before = in->len;
		n++;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pcapng one = { 0 }, two = { 0 };
	struct bytes in = BYTES(data, size), half = BYTES(data, size / 2);
	enum cap_step step, half_step;
	size_t whole = frames_in(&one, &in, &step), parts = frames_in(&two, &half, &half_step);
	uint64_t back;

	if (half_step == CAP_MORE) {
		half.len = (size_t)(data + size - half.ptr);
		parts += frames_in(&two, &half, &half_step);
	}
	if (half_step != step || parts != whole || half.ptr != in.ptr || one.skipped != two.skipped)
		abort();
	if (pcapng_cut(&one, in, &back) && back > size)
		abort();
	pcapng_release(&one);
	pcapng_release(&two);
	return 0;
}
