/* source_names: what the sources of frames are called, as the hellos of the stream tell. Pure. */
#ifndef WEIR_WRITE_SOURCE_NAMES_H
#define WEIR_WRITE_SOURCE_NAMES_H

#include "libcommon/record/record.h"

enum { SOURCE_ROWS = 65536 };

/* One file of a source, or its interface. */
struct source_row {
	uint64_t source, first_n;
	char *name;
	bool counted; /* at the end of a stream, of an interface */
	uint64_t in, drops;
};

struct source_names { /* zeroed = none */
	struct source_row *rows;
	size_t n, size;
	bool live; /* they are interfaces, not files */
};

/* Takes a hello record; what is none, or malformed, is passed over. */
void source_names_hello(struct source_names *s, struct bytes raw);
/* Takes from an end record what was counted on the interfaces. */
void source_names_end(struct source_names *s, struct bytes raw);
/* File `file` of a source, or NULL. */
const struct source_row *source_row(const struct source_names *s, uint64_t source, uint32_t file);
const char *source_name(const struct source_names *s, uint64_t source, uint32_t file);
/* Another stream begins: all are forgotten. */
void source_names_clear(struct source_names *s);
void source_names_release(struct source_names *s);

#endif
