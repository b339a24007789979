/* tftp: hostile datagrams, of both sides, whole or cut. */
#include "tests/unit/tftp_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte: to which port, and whether a guess names the flow. Then datagrams: two bytes say
 * whose, whether more of it was sent, and how long it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = BYTES(data + 1, size - 1);
	struct run r;

	if (!size)
		return 0;
	run_start(&r, 40000, data[0] & 1 ? 69 : 40001);
	if (data[0] & 2)
		run_guess(&r, 1, data[0] >> 2 & 1);
	while (b.len >= 2) {
		unsigned head = be16_get(b.ptr);
		size_t n = head & 0xfff, left = b.len - 2;

		n = n < left ? n : left;
		run_cut(&r, head >> 15, BYTES(b.ptr + 2, n), head >> 12 & 7);
		b = BYTES(b.ptr + 2 + n, left - n);
	}
	run_finish(&r);
	run_free(&r);
	return 0;
}
