/* Fuzz target: defrag. The input is a sequence of pieces; what comes out is compared with a model
 * that knows each byte and each piece. Mutation works on whole pieces. */
#include "tests/unit/defrag_model.h"

#include "tests/fuzz/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { MEMORY = 1 << 19 };
	static uint64_t memory[MEMORY / 8];

	if (size > 4096)
		return 0;
	if (!model_run(data, size, memory, MEMORY))
		abort();
	return 0;
}

/* ---- mutation ----------------------------------------------------------------------------- */

static size_t piece_next(const uint8_t *data, size_t size, size_t at)
{
	size_t n = size - at > 1 ? model_piece_len(data[at + 1]) : 1;

	return size - at > n ? at + n : size;
}

/* Near the start of one of few datagrams, seldom with more than that. */
static size_t piece_make(uint8_t *out, unsigned *seed)
{
	static const uint8_t odd[] = { 1, 2, 4, 8, 0x12, 0x30, 0xc0, 0xf0 };
	size_t n;

	out[0] = (uint8_t)(draw(seed, 4) | (draw(seed, 4) ? 0 : draw(seed, 16)) |
			   (draw(seed, 4) ? 0x30 : 0) | draw(seed, 4) << 6);
	out[1] = draw(seed, 3) ? 0 : odd[draw(seed, sizeof(odd))] | odd[draw(seed, sizeof(odd))];
	out[2] = (uint8_t)draw(seed, 32);
	out[3] = (uint8_t)(draw(seed, 4) ? draw(seed, 4) : draw(seed, 256));
	n = model_piece_len(out[1]);
	for (size_t i = 4; i < n; i++)
		out[i] = (uint8_t)draw(seed, 256);
	return n;
}

/* Behind where it ends, before where it begins, the last one, over another, of another datagram. */
static void piece_tweak(uint8_t *piece, size_t len, unsigned *seed)
{
	if (len < 4)
		return;
	switch (draw(seed, 6)) {
	case 0:
	case 1:
		piece[2] = (uint8_t)(piece[2] + piece[3] % 16 + 1);
		break;
	case 2:
		piece[2] = (uint8_t)(piece[2] - piece[3] % 16 - 1);
		break;
	case 3:
		piece[0] ^= 0x10;
		break;
	case 4:
		piece[2] = (uint8_t)(piece[2] + draw(seed, 3) - 1);
		break;
	default:
		piece[0] ^= (uint8_t)(1u << draw(seed, 4));
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static const struct parts parts = {
		.head = 1, .next = piece_next, .make = piece_make, .tweak = piece_tweak
	};

	return parts_mutate(&parts, data, size, max, seed);
}
