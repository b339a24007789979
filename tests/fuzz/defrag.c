/* Fuzz target: defrag. The input is a sequence of pieces; what comes out is compared with a model
 * that knows each byte and each piece. */
#include "tests/unit/defrag_model.h"

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
