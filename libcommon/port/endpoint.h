/* endpoint: the text that names a place where bytes come from or go to, taken apart. Pure. */
#ifndef WEIR_ENDPOINT_H
#define WEIR_ENDPOINT_H

#include "libcommon/base/bytes.h"

enum endpoint_kind {
	ENDPOINT_STDIO,
	ENDPOINT_FD,
	ENDPOINT_FILE,
	ENDPOINT_NULL,
	ENDPOINT_SHM,
	ENDPOINT_LINK,
};

enum endpoint_scheme { ENDPOINT_IPC, ENDPOINT_TCP, ENDPOINT_TLS };

enum {
	ENDPOINT_PATH = 4096,
	ENDPOINT_NAME = 40,    /* of a ring or a reader, with its NUL */
	ENDPOINT_READERS = 64, /* of one ring */
	ENDPOINT_SHARDS = 64,
	ENDPOINT_SIZE_MIN = 1 << 20, /* of a ring: twice the longest record */
	ENDPOINT_SIZE_MAX = 1 << 30,
	ENDPOINT_HOST = 256,
	ENDPOINT_FILE_NAME = 1024, /* of a certificate or a key */
};

/* A link to another host, or to another user's world on this one. */
struct endpoint_link {
	enum endpoint_scheme scheme;
	bool dial;     /* else it listens; an output dials, an input listens, unless turned round */
	bool insecure; /* may listen on all interfaces without TLS */
	char host[ENDPOINT_HOST]; /* without the brackets of an IPv6 address */
	uint16_t port;
	char name[ENDPOINT_HOST]; /* that the listener's certificate must have; "": the host's */
	char cert[ENDPOINT_FILE_NAME], key[ENDPOINT_FILE_NAME], ca[ENDPOINT_FILE_NAME];
	int64_t retry_ms, linger_ms; /* ENDPOINT_FOREVER: no limit */
};

#define ENDPOINT_FOREVER INT64_MAX

struct endpoint {
	enum endpoint_kind kind;
	int fd;                   /* ENDPOINT_FD; ENDPOINT_SHM: -1 where it has a name */
	char path[ENDPOINT_PATH]; /* ENDPOINT_FILE; ipc: "" where it has a name */
	char name[ENDPOINT_NAME]; /* ENDPOINT_SHM, ipc: */
	uint64_t size;            /* of the ring's data in bytes, 0 where not given */
	unsigned shards;          /* -o shm:NAME: 0, or rings NAME.0 .. that share the records */
	unsigned nreaders;        /* -o shm:NAME: at least 1 */
	char readers[ENDPOINT_READERS][ENDPOINT_NAME];
	bool drops[ENDPOINT_READERS]; /* which of these may lose records */
	char reader[ENDPOINT_NAME];   /* -i shm:NAME; "": a tap */
	unsigned npages;              /* -o shm:fd=N: at least 1 */
	int pages[ENDPOINT_READERS];
	int page; /* -i shm:fd=N; -1: a tap */
	struct endpoint_link link;
};

/* Takes text apart by the grammar at the head of port.h. On wrong grammar returns false and puts
 * what is wrong into why (never longer than size), without the endpoint's text. */
bool endpoint_parse(struct endpoint *ep, const char *text, bool output, char *why, size_t size);

#endif
