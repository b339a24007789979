/* server: one text over HTTP, by NNG's server. What clients can cost is bounded: connections, their
 * age, and how often the text is made. */
#ifndef WEIR_SERVER_H
#define WEIR_SERVER_H

#include "libcommon/base/buf.h"

struct server;

/* Listens on ADDRESS:PORT (numbers; [::1]:9273 for IPv6; port 0: any), for GET of /metrics. Starts
 * threads. make() is called from them, one at a time, at most ten times a second. Ends the process
 * (1, 2) where it can't. */
struct server *server_start(const char *listen, void (*make)(void *ctx, struct buf *out),
			    void *ctx);
/* Where it listens, as text for a URL. */
const char *server_address(const struct server *s);
/* To be called every 100 ms: ends connections that are too old or too many. */
void server_tend(struct server *s);
void server_stop(struct server *s);

#endif
