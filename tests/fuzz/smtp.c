/* smtp: hostile sessions; what each side says in other pieces must give the same. */
#include "tests/unit/smtp_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(struct run *r)
{
	run_start(r, 25);
	run_stream(r, 1, BYTES_LIT("220 mx\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!run_turns_same(begin, BYTES(data, size)))
		abort();
	return 0;
}
