/* packet_expr: whatever a text is, it says packets that can be made or are refused with a reason,
 * or it is refused with a column; and a packet that is made of the one before it is the same. */
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/packet/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t built[PKT_BUILD_MAX], made[PKT_BUILD_MAX];
	char why[PKT_WHY] = "";
	const char *reason;
	struct pkt_expr e;
	struct packet p, own;

	if (size > 4096)
		return 0;
	if (!pkt_expr_parse(&e, BYTES(data, size), NULL, why)) {
		if (strncmp(why, "column ", 7) != 0)
			abort();
		return 0;
	}
	for (size_t i = 0; i < e.n && i < 8; i++) {
		struct pkt_template *t = &e.v[i];

		for (int k = 0; k < 24 && pkt_template_next(t, &e, k & 1); k++) {
			bool good = pkt_build(&t->model, built, sizeof(built), &p, &reason);
			const struct packet *q;

			if (!good && !reason)
				abort();
			q = pkt_template_make(t, made, sizeof(made), &own, &reason);
			if (good != (q != NULL) || (good && !bytes_equal(p.data, q->data)))
				abort();
		}
	}
	pkt_expr_release(&e);
	return 0;
}
