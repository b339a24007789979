/* http: the HTTP/1.x parser that main() runs, and its options. */
#ifndef WEIR_HTTP_H
#define WEIR_HTTP_H

#include "libcommon/stage/l7.h"
#include "libcommon/stage/l7_spares.h"

struct http_config {
	bool headers;      /* --headers */
	uint64_t body_max; /* --body-max */
};

struct http_exchange;

/* What all flows of an engine share. */
struct http_shared {
	/* Exchanges and texts for reuse: most are gone within a few packets. */
	struct http_exchange *spare;
	unsigned nspare;
	struct l7_spares texts, lines;
};

extern struct http_config http_config;
extern const struct l7_parser http_parser;

#endif
