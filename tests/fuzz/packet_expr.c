/* packet_expr: whatever a text is, it says packets that can be made or are refused with a reason,
 * or it is refused with a column. */
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/packet/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t built[PKT_BUILD_MAX];
	char why[PKT_WHY] = "";
	const char *reason;
	struct pkt_expr e;
	struct packet p;

	if (size > 4096)
		return 0;
	if (!pkt_expr_parse(&e, BYTES(data, size), NULL, why)) {
		if (strncmp(why, "column ", 7) != 0)
			abort();
		return 0;
	}
	for (size_t i = 0; i < e.n && i < 8; i++)
		for (int k = 0; k < 8 && pkt_template_next(&e.v[i], &e, k & 1); k++)
			if (!pkt_build(&e.v[i].model, built, sizeof(built), &p, &reason) && !reason)
				abort();
	pkt_expr_release(&e);
	return 0;
}
