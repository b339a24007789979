/* context_private: what the files of the context share. */
#ifndef WEIR_INFER_CONTEXT_PRIVATE_H
#define WEIR_INFER_CONTEXT_PRIVATE_H

#include "cmd/infer/context.h"
#include "cmd/infer/memo.h"

enum { CONTEXT_RULES = 1024 };

/* Keys are compared as bytes: nothing but bytes, so no padding. */
struct address_key {
	uint8_t len, b[16];
};

struct endpoint_key {
	struct address_key ip;
	uint8_t port[2], l4;
};

struct expect_key {
	struct endpoint_key at;
	struct address_key peer;
};

struct name_key {
	struct address_key client, server;
};

struct context_rule {
	struct ip net; /* len 0: any */
	uint8_t bits, l4;
	uint16_t low, high, protocol;
};

struct context {
	struct protocols *names;
	struct memo *expected, *services, *named, *targets;
	struct context_rule rules[CONTEXT_RULES];
	size_t nrules;
	/* Most flows are to ports at which none was ever expected, and no name is for everybody. */
	uint8_t expected_ports[65536 / 8];
	bool named_for_all;
};

#endif
