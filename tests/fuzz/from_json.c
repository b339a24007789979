/* from_json: fuzz target of lines of JSON: a record that comes out is one, and fits its schema. */
#include <stdlib.h>

#include "cmd/from-json/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct line l;
	const struct rec_desc *desc = NULL;
	char why[LINE_WHY] = "";
	struct buf out = { 0 };
	struct bytes name;
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	if (!line_split(&l, BYTES(copy, size), why)) {
		MUST(why[0]);
		free(copy);
		return 0;
	}
	name = line_type(&l);
	if (name.ptr)
		desc = rec_builtin_named(name);
	if (!desc || desc->id < REC_FIRST_DATA)
		desc = &rec_dns_desc;
	for (int k = 0; k < 2; k++) { /* with all that it must have, and without */
		struct schema *s = schema_of(desc);
		struct encoder e = { s, k ? NULL : desc, desc->id, k, 5 };

		out.len = 0;
		if (line_encode(&e, &l, &out, why)) {
			MUST(rec_measure(buf_bytes(&out), NULL) == (ssize_t)out.len);
			MUST(rec_is_canonical(buf_bytes(&out)));
		} else {
			MUST(why[0] && out.len == 0);
		}
		schema_free(s);
	}
	buf_release(&out);
	free(copy);
	return 0;
}
