/* dissect: whatever the bytes, they are taken apart within their bounds, and what is printed of
 * them makes them again. */
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/packet/expr.h"
#include "libcommon/packet/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static const uint16_t links[] = { 1, 101, 0, 113, 276, 9, 51, 228, 229, 4711 };

static void check_nodes(const struct packet *p)
{
	uint32_t at = 0;

	for (unsigned i = 0; i < p->n; i++) {
		MUST(p->node[i].at == at);
		MUST(p->node[i].at + p->node[i].len <= p->node[i].end);
		MUST(p->node[i].end <= p->data.len);
		at += p->node[i].len;
	}
	MUST(at == p->data.len || p->n == 0);
}

/* The first byte chooses the link type. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pkt_printer printer;
	static uint8_t built[PKT_BUILD_MAX];
	struct pkt_meta meta = { 0 };
	struct buf text = { 0 };
	struct pkt_expr e;
	struct packet p, again;
	char why[PKT_WHY];
	const char *reason;

	if (size < 2 || size > 4096)
		return 0;
	pkt_dissect(&p, links[data[0] % (sizeof(links) / sizeof(links[0]))],
		    BYTES(data + 1, size - 1));
	check_nodes(&p);
	meta.wire_len = (uint32_t)p.data.len;
	pkt_print(&printer, &p, &meta, &text);
	if (!pkt_expr_parse(&e, buf_bytes(&text), NULL, why)) {
		fprintf(stderr, "%.*s\n%s\n", (int)text.len, (char *)text.ptr, why);
		abort();
	}
	MUST(e.n == 1 && pkt_template_next(&e.v[0], &e, false));
	MUST(pkt_build(&e.v[0].model, built, sizeof(built), &again, &reason));
	MUST(bytes_equal(again.data, p.data));
	MUST(!pkt_template_next(&e.v[0], &e, false));
	pkt_expr_release(&e);
	buf_release(&text);
	return 0;
}
