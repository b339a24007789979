/* port_null: an output that only counts, and an input that has ended before it began. */
#include <stdlib.h>

#include "libcommon/base/buf.h"
#include "libcommon/base/die.h"
#include "libcommon/port/transport.h"

struct null_out {
	struct port_out port;
	struct buf scratch;
};

/* Everything goes to the same place: so each commit is due at once. */
static uint8_t *null_reserve(struct port_out *p, size_t n, bool wait)
{
	struct null_out *o = (struct null_out *)p;

	(void)wait;
	port_out_window(p, buf_reserve(&o->scratch, n), o->scratch.size, 1);
	return p->at;
}

static void null_commit(struct port_out *p, size_t n)
{
	(void)n;
	p->at = p->base;
}

static bool null_flush(struct port_out *p)
{
	(void)p;
	return true;
}

static size_t null_pending(const struct port_out *p)
{
	(void)p;
	return 0;
}

static void null_out_close(struct port_out *p)
{
	buf_release(&((struct null_out *)p)->scratch);
}

struct port_out *port_null_out(const struct endpoint *ep, const char *text)
{
	static const struct port_out_ops ops = {
		.reserve = null_reserve,
		.commit = null_commit,
		.flush = null_flush,
		.pending = null_pending,
		.close = null_out_close,
	};
	struct null_out *o = xcalloc(1, sizeof(*o));

	(void)ep;
	(void)text;
	o->port.ops = &ops;
	o->port.null = true;
	null_reserve(&o->port, 1, false);
	return &o->port;
}

static enum port_state null_view(struct port_in *p, size_t have, int timeout_ms, struct bytes *view)
{
	(void)p;
	(void)have;
	(void)timeout_ms;
	*view = BYTES("", 0);
	return PORT_EOF;
}

static void null_consume(struct port_in *p, size_t n)
{
	(void)p;
	(void)n;
}

static bool null_ready(struct port_in *p, size_t have)
{
	(void)p;
	(void)have;
	return true;
}

static void null_in_close(struct port_in *p)
{
	(void)p;
}

struct port_in *port_null_in(const struct endpoint *ep, const char *text)
{
	static const struct port_in_ops ops = {
		.view = null_view,
		.consume = null_consume,
		.ready = null_ready,
		.close = null_in_close,
	};
	struct port_in *p = xcalloc(1, sizeof(*p));

	(void)ep;
	(void)text;
	p->ops = &ops;
	p->file = true;
	return p;
}
