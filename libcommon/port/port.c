/* port: opens an endpoint by its kind, and hands every call on to its transport. */
#include "libcommon/port/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/port/transport.h"

size_t port_test_read, port_test_write;
volatile int port_give_up, port_ending;
bool port_gated, port_resuming;

static const struct {
	struct port_out *(*out)(const struct endpoint *ep, const char *text);
	struct port_in *(*in)(const struct endpoint *ep, const char *text);
} transports[] = {
	[ENDPOINT_STDIO] = { port_fd_out, port_fd_in },
	[ENDPOINT_FD] = { port_fd_out, port_fd_in },
	[ENDPOINT_FILE] = { port_fd_out, port_fd_in },
	[ENDPOINT_NULL] = { port_null_out, port_null_in },
	[ENDPOINT_SHM] = { port_ring_out, port_ring_in },
	[ENDPOINT_LINK] = { port_link_out, port_link_in },
};

static void test_hook(size_t *limit, const char *variable)
{
	const char *text = getenv(variable);

	if (text)
		*limit = strtoul(text, NULL, 10);
}

static struct endpoint *parse(const char *text, bool output)
{
	struct endpoint *ep = xcalloc(1, sizeof(*ep));
	char why[256];

	test_hook(&port_test_read, "WEIR_TEST_READ");
	test_hook(&port_test_write, "WEIR_TEST_WRITE");
	if (!endpoint_parse(ep, text, output, why, sizeof(why)))
		die_usage("%s '%s': %s", output ? "output" : "input", text, why);
	return ep;
}

static char *copy(const char *text)
{
	size_t n = strlen(text) + 1;

	return memcpy(xcalloc(n, 1), text, n);
}

unsigned port_out_shards(const char *text)
{
	struct endpoint *ep = parse(text, true);
	unsigned n = ep->shards ? ep->shards : 1;

	free(ep);
	return n;
}

struct port_out *port_out_open_shard(const char *text, unsigned shard)
{
	struct endpoint *ep = parse(text, true);
	size_t n = strlen(ep->name);
	struct port_out *p;

	if (ep->shards)
		snprintf(ep->name + n, sizeof(ep->name) - n, ".%u", shard);
	p = transports[ep->kind].out(ep, text);
	p->name = copy(text);
	free(ep);
	return p;
}

struct port_out *port_out_open(const char *text)
{
	return port_out_open_shard(text, 0);
}

const char *port_out_name(const struct port_out *p)
{
	return p->name;
}

struct file_id port_out_file(const struct port_out *p)
{
	return p->id;
}

bool port_out_is_tty(const struct port_out *p)
{
	return p->tty;
}

bool port_out_is_null(const struct port_out *p)
{
	return p->null;
}

/* A broken port has no room, and whatever is committed to it is lost at once. */
static void shut_if_broken(struct port_out *p)
{
	if (p->err == EPIPE && p->link)
		p->err = port_link_why(p->link);
	if (p->err)
		p->end = p->due = p->at = p->base;
}

void port_out_hand_over(struct port_out *p)
{
	size_t n = (size_t)(p->at - p->base);

	p->written += n;
	if (p->err)
		p->lost += n;
	else
		p->ops->commit(p, n);
	shut_if_broken(p);
}

uint8_t *port_out_more(struct port_out *p, size_t n, bool wait)
{
	uint8_t *at;

	port_out_hand_over(p);
	if (p->err)
		return NULL;
	at = p->ops->reserve(p, n, wait);
	shut_if_broken(p);
	return at;
}

bool port_out_flush(struct port_out *p)
{
	bool good;

	port_out_hand_over(p);
	good = !p->err && p->ops->flush(p);
	shut_if_broken(p);
	return good;
}

void port_out_push(struct port_out *p)
{
	port_out_hand_over(p);
	if (!p->err && p->ops->push)
		p->ops->push(p);
	else if (!p->err)
		p->ops->flush(p);
	shut_if_broken(p);
}

size_t port_out_pending(const struct port_out *p)
{
	return p->err ? 0 : p->ops->pending(p) + (size_t)(p->at - p->base);
}

bool port_out_preamble(struct port_out *p, struct bytes b)
{
	return p->ops->preamble ? p->ops->preamble(p, b) : true;
}

bool port_out_broken(const struct port_out *p, int *err)
{
	if (err)
		*err = p->err;
	return p->err != 0;
}

uint64_t port_out_written(const struct port_out *p)
{
	return p->written + (uint64_t)(p->at - p->base);
}

uint64_t port_out_position(const struct port_out *p)
{
	return p->ops->position ? p->ops->position(p) + (uint64_t)(p->at - p->base) : 0;
}

void port_out_show(struct port_out *p, uint64_t position, bool now)
{
	if (!p->ops->show)
		return;
	port_out_hand_over(p);
	if (!p->err)
		p->ops->show(p, position, now);
}

bool port_out_settle(struct port_out *p, uint64_t position)
{
	return !p->ops->settle || p->ops->settle(p, position);
}

bool port_out_holds(const struct port_out *p)
{
	return p->ops->holds && p->ops->holds(p);
}

bool port_out_begin(struct port_out *p)
{
	return !p->ops->begin || p->ops->begin(p);
}

uint64_t port_out_lost(const struct port_out *p)
{
	return p->lost;
}

uint64_t port_out_start(const struct port_out *p)
{
	return p->start;
}

uint64_t port_out_taken(struct port_out *p)
{
	return p->ops->taken && !p->err ? p->ops->taken(p) : p->written - p->lost;
}

struct bytes port_out_kept(const struct port_out *p)
{
	return p->ops->kept ? p->ops->kept(p) : BYTES(NULL, 0);
}

bool port_out_reader_died(const struct port_out *p)
{
	return p->died;
}

void port_out_abort(struct port_out *p)
{
	port_out_flush(p);
	if (!p->err)
		p->err = ECONNABORTED;
	shut_if_broken(p);
}

bool port_out_close_confirmed(struct port_out *p, uint64_t *confirmed, int *err)
{
	bool good;

	*confirmed = UINT64_MAX;
	port_out_hand_over(p);
	p->ops->close(p);
	shut_if_broken(p);
	*err = p->err;
	if (p->link)
		*confirmed = port_link_end(p->link);
	good = !p->err && !p->lost;
	free(p->name);
	free(p);
	return good;
}

bool port_out_unframed(struct port_out *p, struct bytes b)
{
	ssize_t n;

	do
		n = write(p->fd, b.ptr,
			  b.len); /* all or nothing, as it is not more than PIPE_BUF */
	while (n < 0 && errno == EINTR && !port_give_up);
	return n == (ssize_t)b.len;
}

bool port_out_close(struct port_out *p)
{
	uint64_t confirmed;
	int err;

	return port_out_close_confirmed(p, &confirmed, &err);
}

struct port_in *port_in_open(const char *text)
{
	struct endpoint *ep = parse(text, false);
	struct port_in *p = transports[ep->kind].in(ep, text);

	p->name = copy(text);
	free(ep);
	return p;
}

const char *port_in_name(const struct port_in *p)
{
	return p->name;
}

struct file_id port_in_file(const struct port_in *p)
{
	return p->id;
}

enum port_state port_in_view(struct port_in *p, size_t have, int timeout_ms, struct bytes *view)
{
	return p->ops->view(p, have, timeout_ms, view);
}

void port_in_consume(struct port_in *p, size_t n)
{
	p->total += n;
	p->ops->consume(p, n);
}

bool port_in_ready(struct port_in *p, size_t have)
{
	return p->ops->ready(p, have);
}

struct bytes port_in_preamble(struct port_in *p)
{
	return p->ops->preamble ? p->ops->preamble(p) : BYTES(NULL, 0);
}

int port_in_pipe(const struct port_in *p)
{
	return p->pipe ? p->fd : -1;
}

bool port_in_is_file(const struct port_in *p)
{
	return p->file;
}

bool port_in_taps(const struct port_in *p)
{
	return p->taps;
}

bool port_in_drops(const struct port_in *p)
{
	return p->drops;
}

uint64_t port_in_total(const struct port_in *p)
{
	return p->total;
}

uint64_t port_in_position(const struct port_in *p, size_t taken)
{
	return p->ops->position ? p->ops->position(p, taken) : 0;
}

void port_in_show(struct port_in *p, uint64_t position)
{
	if (p->ops->show)
		p->ops->show(p, position);
}

bool port_in_settle(struct port_in *p, uint64_t position)
{
	return !p->ops->settle || p->ops->settle(p, position);
}

uint64_t port_in_start(const struct port_in *p)
{
	return p->start;
}

void port_in_close(struct port_in *p)
{
	p->ops->close(p);
	if (p->link)
		port_link_end(p->link);
	free(p->name);
	free(p);
}
