/* spec_text: hostile texts of specs; one that is right is run over the bytes behind its first NUL.
 */
#include <stdlib.h>

#include "tests/unit/spec_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const struct spec *s, struct bytes b, uint8_t proto, size_t piece)
{
	struct run r;

	run_start(&r, s, proto,
		  proto == IPPROTO_TCP ? (s->ntcp ? s->tcp_ports[0] : 0)
				       : (s->nudp ? s->udp_ports[0] : 0));
	if (proto == IPPROTO_UDP)
		for (int dir = 0; dir < 2; dir++)
			run_packet(&r, dir, 1, 1, b);
	else
		for (int dir = 0; dir < 2; dir++)
			run_pieces(&r, dir, 1, b, piece);
	run_finish(&r, 20, 2);
	run_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t n = nul ? (size_t)(nul - data) : size;
	struct bytes rest = nul ? BYTES(nul + 1, size - n - 1) : BYTES_LIT("0123456789abcdef");
	struct spec_error e;
	struct spec *s = spec_compile(BYTES(data, n), &e);

	if (!s) {
		if (e.line == 0 || e.column == 0 || !e.text[0])
			abort();
		return 0;
	}
	run(s, rest, IPPROTO_TCP, rest.len ? rest.len : 1);
	run(s, rest, IPPROTO_TCP, 3);
	run(s, rest, IPPROTO_UDP, 1);
	spec_free(s);
	return 0;
}
