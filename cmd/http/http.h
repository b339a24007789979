/* http: the HTTP/1.x parser that main() runs, and its options. */
#ifndef WEIR_HTTP_H
#define WEIR_HTTP_H

#include "libcommon/stage/l7.h"

struct http_config {
	bool headers;      /* --headers */
	uint64_t body_max; /* --body-max */
	uint64_t held;     /* bytes that the open exchanges of all flows hold */
};

extern struct http_config http_config;
extern const struct l7_parser http_parser;

#endif
