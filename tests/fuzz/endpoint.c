/* endpoint: fuzz target of the endpoint grammar. The first byte says input or output. */
#include "libcommon/port/endpoint.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static void names_are_safe(const char *name)
{
	MUST(memchr(name, 0, ENDPOINT_NAME));
	MUST(name[0] && name[0] != '.' && !strpbrk(name, "/,:= "));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct endpoint ep;
	char why[64], *text;
	bool output;

	if (!size)
		return 0;
	output = data[0] & 1;
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	why[0] = 0;
	if (!endpoint_parse(&ep, text, output, why, sizeof(why))) {
		MUST(why[0] && memchr(why, 0, sizeof(why)));
		free(text);
		return 0;
	}
	MUST(!why[0]);
	if (ep.kind == ENDPOINT_FILE)
		MUST(memchr(ep.path, 0, sizeof(ep.path)) && ep.path[0]);
	if (ep.kind == ENDPOINT_FD)
		MUST(ep.fd >= 0);
	if (ep.kind == ENDPOINT_SHM && ep.fd < 0) {
		names_are_safe(ep.name);
		MUST(ep.size <= 1 << 30);
		MUST(output ? ep.nreaders > 0 && ep.nreaders <= ENDPOINT_READERS : !ep.nreaders);
		for (unsigned i = 0; i < ep.nreaders; i++)
			names_are_safe(ep.readers[i]);
		if (!output && ep.reader[0]) /* without one it is a tap */
			names_are_safe(ep.reader);
	}
	if (ep.kind == ENDPOINT_SHM && ep.fd >= 0)
		MUST(output ? ep.npages > 0 && ep.npages <= ENDPOINT_READERS : ep.page >= 0);
	free(text);
	return 0;
}
