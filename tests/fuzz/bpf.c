/* bpf: fuzzes the text of a filter program, its check, and a run over a frame. The text ends with a
 * NUL; what is behind it is the frame. */
#include <stdlib.h>

#include "libcommon/net/bpf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t links[] = { 0, 1, 101, 113, 276, 9999 };
	const uint8_t *nul = memchr(data, 0, size);
	size_t text = nul ? (size_t)(nul - data) : size;
	struct bytes frame = nul ? BYTES(nul + 1, size - text - 1) : BYTES(data, 0);
	static struct bpf p;
	char why[BPF_WHY];

	if (!bpf_parse(&p, BYTES(data, text), why) || !bpf_check(&p, why))
		return 0;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct bpf_frame f;
		uint32_t verdict;

		bpf_frame_of(&f, frame, (uint32_t)frame.len + 7, links[i], i & 1, size);
		verdict = bpf_run(&p, &f);
		if (verdict != bpf_run(&p, &f))
			abort();
		bpf_snap(&p, 96);
	}
	return 0;
}
