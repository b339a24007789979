/* server: one text over HTTP, by NNG's server. */
#include "cmd/metrics/server.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <nng/nng.h>
#include <nng/supplemental/http/http.h>
#include <nng/supplemental/util/platform.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"

enum {
	DESCRIPTORS = 512, /* numbers that are looked at: more can't be open (sandbox.c) */
	CONNECTIONS = 32,  /* at a time; beyond, the oldest goes */
	AGE = 30,          /* seconds that one may last, however busy */
	FRESH_MS = 100,    /* so long a text is used again */
};

/* What is known of a descriptor that is a connection. */
struct connection {
	struct sockaddr_storage peer;
	socklen_t len; /* 0: is none */
	int64_t since;
};

struct server {
	nng_http_server *http;
	nng_http_handler *handler;
	nng_mtx *lock;
	void (*make)(void *ctx, struct buf *out);
	void *ctx;
	struct buf text;
	int64_t made; /* when; 0 = never */
	char address[80];
	struct connection connections[DESCRIPTORS];
};

/* The handler has no other way to it. */
static struct server *the_server;

static void must(int rv, const char *what)
{
	if (rv)
		die("cannot %s: %s", what, nng_strerror(rv));
}

/* ---- requests ---- */

static void on_request(nng_aio *aio)
{
	static const char type[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";
	struct server *s = the_server;
	nng_http_res *res;
	int rv = nng_http_res_alloc(&res);
	int64_t now = clock_ms();

	if (rv) {
		nng_aio_finish(aio, rv);
		return;
	}
	nng_mtx_lock(s->lock);
	if (!s->made || now - s->made >= FRESH_MS) {
		s->text.len = 0;
		s->make(s->ctx, &s->text);
		s->made = now;
	}
	rv = nng_http_res_copy_data(res, s->text.ptr, s->text.len);
	nng_mtx_unlock(s->lock);
	if (!rv)
		rv = nng_http_res_set_header(res, "Content-Type", type);
	if (rv) {
		nng_http_res_free(res);
		nng_aio_finish(aio, rv);
		return;
	}
	nng_aio_set_output(aio, 0, res);
	nng_aio_finish(aio, 0);
}

/* ---- life ---- */

static void set_address(struct server *s)
{
	nng_sockaddr at;
	char text[INET6_ADDRSTRLEN] = "";

	must(nng_http_server_get_addr(s->http, &at), "tell the port");
	if (at.s_family == NNG_AF_INET6) {
		inet_ntop(AF_INET6, at.s_in6.sa_addr, text, sizeof(text));
		snprintf(s->address, sizeof(s->address), "[%s]:%u", text, ntohs(at.s_in6.sa_port));
	} else {
		inet_ntop(AF_INET, &at.s_in.sa_addr, text, sizeof(text));
		snprintf(s->address, sizeof(s->address), "%s:%u", text, ntohs(at.s_in.sa_port));
	}
}

/* Numbers only: nothing is looked up. */
static void check_listen(const char *listen)
{
	char host[INET6_ADDRSTRLEN + 3], *at = host;
	const char *colon = strrchr(listen, ':');
	uint8_t address[16];
	int family = AF_INET;
	size_t n;

	if (!colon || (size_t)(colon - listen) >= sizeof(host) || !colon[1] ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5 ||
	    atoi(colon + 1) > 65535)
		die_usage("--listen: '%s' is not ADDRESS:PORT", listen);
	n = (size_t)(colon - listen);
	snprintf(host, sizeof(host), "%.*s", (int)n, listen);
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		at++;
		family = AF_INET6;
	}
	if (inet_pton(family, at, address) != 1)
		die_usage("--listen: '%s' does not begin with an address; IPv6 is in brackets",
			  listen);
}

struct server *server_start(const char *listen, void (*make)(void *ctx, struct buf *out), void *ctx)
{
	struct server *s = xcalloc(1, sizeof(*s));
	char text[128];
	nng_url *url;

	check_listen(listen);
	/* Threads of their own arenas would have to grow them by mprotect(). */
	mallopt(M_ARENA_MAX, 1);
	s->make = make;
	s->ctx = ctx;
	the_server = s;
	snprintf(text, sizeof(text), "http://%s/", listen);
	must(nng_mtx_alloc(&s->lock), "start");
	must(nng_url_parse(&url, text), "use the address");
	must(nng_http_server_hold(&s->http, url), "make a server");
	nng_url_free(url);
	must(nng_http_handler_alloc(&s->handler, "/metrics", on_request), "make a server");
	must(nng_http_server_add_handler(s->http, s->handler), "make a server");
	snprintf(text, sizeof(text), "listen on %s", listen);
	must(nng_http_server_start(s->http), text);
	set_address(s);
	return s;
}

const char *server_address(const struct server *s)
{
	return s->address;
}

void server_stop(struct server *s)
{
	nng_http_server_stop(s->http);
	nng_http_server_release(s->http);
	nng_fini();
	buf_release(&s->text);
	free(s);
}

/* ---- clients that stay ---- */

/* NNG's server waits for its clients for ever and takes as many as come. Its sockets are found by
 * their numbers; one that is shut down is closed by NNG as if the client had gone. */
void server_tend(struct server *s)
{
	int64_t now = clock_ms();
	unsigned count = 0;
	int oldest;

	for (int fd = 3; fd < DESCRIPTORS; fd++) {
		struct connection *c = &s->connections[fd];
		struct sockaddr_storage peer = { 0 };
		socklen_t len = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 ||
		    (peer.ss_family != AF_INET && peer.ss_family != AF_INET6)) {
			c->len = 0;
			continue;
		}
		if (c->len != len || memcmp(&c->peer, &peer, sizeof(peer)) != 0)
			*c = (struct connection){ peer, len, now };
		count++;
		if (now - c->since > AGE * 1000)
			shutdown(fd, SHUT_RDWR);
	}
	for (; count > CONNECTIONS; count--) {
		oldest = -1;
		for (int fd = 3; fd < DESCRIPTORS; fd++)
			if (s->connections[fd].len &&
			    (oldest < 0 || s->connections[fd].since < s->connections[oldest].since))
				oldest = fd;
		shutdown(oldest, SHUT_RDWR);
		s->connections[oldest].len = 0;
	}
}
