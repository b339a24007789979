/* smtp: hostile sessions; what each side says in other pieces must give the same,
 * whether or not the server speaks first. */
#include "tests/unit/smtp_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(struct run *r)
{
	run_start(r, 25);
}

static void greeted(struct run *r)
{
	begin(r);
	run_stream(r, 1, BYTES_LIT("220 mx\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!run_turns_same(greeted, BYTES(data, size)) ||
	    !run_turns_same(begin, BYTES(data, size)))
		abort();
	return 0;
}
