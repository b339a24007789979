/* transport: what each kind of endpoint does behind port.h. Internal to port. */
#ifndef WEIR_TRANSPORT_H
#define WEIR_TRANSPORT_H

#include "libcommon/port/endpoint.h"
#include "libcommon/port/port.h"

/* A transport's own struct starts with a struct port_out. Each of the first three leaves behind
 * where the next bytes go (port_out_window), unless the port broke. */
struct port_out_ops {
	uint8_t *(*reserve)(struct port_out *p, size_t n, bool wait);
	void (*commit)(struct port_out *p, size_t n);
	bool (*flush)(struct port_out *p);
	void (*push)(struct port_out *p); /* NULL: flush never waits */
	size_t (*pending)(const struct port_out *p);
	bool (*preamble)(struct port_out *p, struct bytes b);
	/* Of what is committed, as the functions of port.h; NULL: there is no such place. */
	uint64_t (*position)(const struct port_out *p);
	void (*show)(struct port_out *p, uint64_t position, bool now);
	bool (*settle)(struct port_out *p, uint64_t position);
	bool (*begin)(struct port_out *p);              /* may be NULL */
	bool (*holds)(const struct port_out *p);        /* may be NULL */
	uint64_t (*taken)(struct port_out *p);          /* may be NULL */
	struct bytes (*kept)(const struct port_out *p); /* may be NULL */
	/* Delivers and frees all but the struct itself and its name. */
	void (*close)(struct port_out *p);
};

/* The next bytes go to `at`, which has room for n; the commit that brings their sum to `due` is
 * to be handed over. */
static inline void port_out_window(struct port_out *p, uint8_t *at, size_t n, size_t due)
{
	p->base = p->at = at;
	p->end = at + n;
	p->due = at + due;
}

struct port_in {
	const struct port_in_ops *ops;
	char *name;
	struct file_id id; /* where it is a regular file */
	bool file;
	bool drops, taps;
	bool pipe; /* the descriptor fd is a pipe's */
	int fd;
	struct ring_in *ring;             /* taken from an offer, .. */
	const struct port_in_ops *behind; /* .. and what comes when it has ended */
	uint64_t total, start; /* bytes consumed; where in the stream the first of them lies */
	struct port_link *link;
};

struct port_in_ops {
	enum port_state (*view)(struct port_in *p, size_t have, int timeout_ms, struct bytes *view);
	void (*consume)(struct port_in *p, size_t n);
	bool (*ready)(struct port_in *p, size_t have);
	struct bytes (*preamble)(struct port_in *p);
	uint64_t (*position)(const struct port_in *p, size_t taken);
	void (*show)(struct port_in *p, uint64_t position);
	bool (*settle)(struct port_in *p, uint64_t position);
	void (*close)(struct port_in *p);
};

enum {
	PORT_BATCH = 64 * 1024, /* bytes that are written to a descriptor at once */
	PORT_LOOK_MS = 500,     /* the longest wait without coming back to look for signals */
};

/* They fill in everything but the name, or end the process with one line. `text` is the
 * endpoint as given, for messages. */
struct port_out *port_fd_out(const struct endpoint *ep, const char *text);
struct port_in *port_fd_in(const struct endpoint *ep, const char *text);
struct port_out *port_null_out(const struct endpoint *ep, const char *text);
struct port_in *port_null_in(const struct endpoint *ep, const char *text);
struct port_out *port_ring_out(const struct endpoint *ep, const char *text);
struct port_in *port_ring_in(const struct endpoint *ep, const char *text);
struct port_out *port_link_out(const struct endpoint *ep, const char *text);
struct port_in *port_link_in(const struct endpoint *ep, const char *text);

/* ---- a ring whose other side is a weir-link process of ours ---- */

/* Why the ring of an output has no reader any more: ENOLINK, or EPIPE where the stream's reader
 * behind the link has left in order. */
int port_link_why(struct port_link *l);
/* Called while something is waited for: where the tool is to end, weir-link does not wait for a
 * peer that has never come. NULL: there is none. */
void port_link_ending(struct port_link *l);
/* Waits until weir-link has ended; frees. Data records that it knows to have arrived. */
uint64_t port_link_end(struct port_link *l);

#endif
