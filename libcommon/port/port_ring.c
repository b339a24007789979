/* port_ring: rings as endpoints: by name (ring_names.h), or by descriptors from a launcher. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"
#include "libcommon/port/ring_names.h"
#include "libcommon/port/transport.h"

struct ring_port_out {
	struct port_out port;
	struct ring_out *ring;
	bool named, said, forsook;
};

struct ring_port_in {
	struct port_in port;
	struct ring_in *ring;
};

struct tap_port_in {
	struct port_in port;
	struct ring_tap *tap;
};

/* The same file through a description of our own: locks belong to descriptions. */
static int reopen(int fd, int flags, const char *text)
{
	char path[64];
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, flags | O_CLOEXEC);
	if (own < 0)
		die_errno("'%s': descriptor %d", text, fd);
	close(fd);
	return own;
}

static struct ring_out *inherit(const struct endpoint *ep, const char *text)
{
	int pages[RING_READERS], fd = reopen(ep->fd, O_RDWR, text);
	struct ring_out *ring;
	const char *why;

	for (unsigned i = 0; i < ep->npages; i++)
		pages[i] = reopen(ep->pages[i], O_RDONLY, text);
	ring = ring_out_attach(fd, pages, ep->npages, &why);
	if (!ring)
		die("'%s': %s", text, why);
	return ring;
}

/* ---- output ---- */

static void broke(struct ring_port_out *o, int err)
{
	if (err == EMSGSIZE)
		warn("'%s': a record is longer than half the ring", o->port.name);
	o->port.err = err;
	o->port.lost = ring_out_lost(o->ring, true);
	ring_out_taken(o->ring, &o->port.died);
}

/* Called about once a second while nothing moves. */
static void say_missing(struct ring_port_out *o)
{
	const char *name = ring_out_missing(o->ring);

	if (name && o->named && !o->said)
		warn("'%s': waiting for the reader '%s'", o->port.name, name);
	o->said = true;
}

/* Who is to end does not wait for one that may never come; the others get what there is. */
static void forsake_missing(struct ring_port_out *o)
{
	const char *name = port_ending && o->named ? ring_out_missing(o->ring) : NULL;

	if (!name || !ring_out_forsake(o->ring))
		return;
	warn("'%s': the reader '%s' has not come", o->port.name, name);
	o->forsook = true;
}

static void ring_window(struct ring_port_out *o)
{
	size_t room, due;
	uint8_t *at = ring_out_window(o->ring, &room, &due);

	port_out_window(&o->port, at, room, due);
	o->port.published = ring_out_head(o->ring);
}

static uint8_t *ring_reserve(struct port_out *p, size_t n, bool wait)
{
	struct ring_port_out *o = (struct ring_port_out *)p;
	int err = 0;
	uint8_t *at = ring_out_reserve(o->ring, n, 0, &err);

	while (!at && !err && wait) {
		forsake_missing(o);
		port_link_ending(p->link);
		at = ring_out_reserve(o->ring, n, SAY_AFTER_MS, &err);
		if (!at && !err)
			say_missing(o);
	}
	ring_window(o);
	if (err)
		broke(o, err == EPIPE && o->forsook ? EINTR : err);
	return at;
}

static void ring_commit(struct port_out *p, size_t n)
{
	struct ring_port_out *o = (struct ring_port_out *)p;

	ring_out_commit(o->ring, n);
	ring_window(o);
}

static bool ring_flush(struct port_out *p)
{
	struct ring_port_out *o = (struct ring_port_out *)p;

	ring_out_publish(o->ring);
	ring_window(o);
	return true;
}

static size_t ring_pending(const struct port_out *p)
{
	return ring_out_pending(((const struct ring_port_out *)p)->ring);
}

static bool ring_preamble(struct port_out *p, struct bytes b)
{
	return ring_out_preamble(((struct ring_port_out *)p)->ring, b);
}

static uint64_t ring_taken(struct port_out *p)
{
	struct ring_port_out *o = (struct ring_port_out *)p;
	bool died;
	uint64_t taken = ring_out_taken(o->ring, &died);

	if (taken != UINT64_MAX)
		return taken;
	broke(o, EPIPE);
	return ring_out_head(o->ring) + ring_out_pending(o->ring) - p->lost;
}

static struct bytes ring_kept(const struct port_out *p)
{
	return ring_out_kept(((const struct ring_port_out *)p)->ring);
}

/* A named ring goes with its producer, so the producer stays until all has been read. */
static void wait_drained(struct ring_port_out *o)
{
	int64_t since = clock_ms();

	while (!ring_out_drained(o->ring, RING_NAP_MAX)) {
		if (port_give_up) {
			broke(o, EINTR);
			return;
		}
		forsake_missing(o);
		if (clock_ms() - since >= SAY_AFTER_MS)
			say_missing(o);
	}
}

static uint64_t ring_position(const struct port_out *p)
{
	return ring_out_position(((const struct ring_port_out *)p)->ring);
}

static void ring_show(struct port_out *p, uint64_t position, bool now)
{
	struct ring_port_out *o = (struct ring_port_out *)p;

	ring_out_show(o->ring, position, now);
	ring_window(o);
}

static bool ring_settle(struct port_out *p, uint64_t position)
{
	struct ring_port_out *o = (struct ring_port_out *)p;
	bool settled = ring_out_settle(o->ring, position);

	ring_window(o);
	return settled;
}

static void ring_close(struct port_out *p)
{
	struct ring_port_out *o = (struct ring_port_out *)p;

	ring_out_end(o->ring, p->err ? RING_ABORTED : RING_CLOSED);
	if (!p->err && o->named)
		wait_drained(o);
	if (!p->err)
		p->lost = ring_out_lost(o->ring, false);
	/* They may have left behind the last write, when nothing was asked of the ring any more. */
	if (!p->err && o->forsook)
		p->err = EINTR;
	else if (!p->err && p->lost && !ring_out_served(o->ring))
		p->err = EPIPE;
	ring_out_free(o->ring);
}

struct port_out *port_ring_out(const struct endpoint *ep, const char *text)
{
	static const struct port_out_ops ops = {
		.reserve = ring_reserve,
		.commit = ring_commit,
		.flush = ring_flush,
		.pending = ring_pending,
		.preamble = ring_preamble,
		.position = ring_position,
		.show = ring_show,
		.settle = ring_settle,
		.taken = ring_taken,
		.kept = ring_kept,
		.close = ring_close,
	};
	struct ring_port_out *o = xcalloc(1, sizeof(*o));

	o->port.ops = &ops;
	o->named = ep->fd < 0;
	o->ring = o->named ? ring_create(ep, text) : inherit(ep, text);
	o->port.longest = ring_out_longest(o->ring);
	o->port.start = ring_out_head(o->ring);
	ring_window(o);
	return &o->port;
}

/* ---- input ---- */

static enum port_state ring_view(struct port_in *p, size_t have, int timeout_ms, struct bytes *view)
{
	enum port_state state =
		ring_in_view(((struct ring_port_in *)p)->ring, have, timeout_ms, view);

	if (state == PORT_EMPTY && have >= PORT_MAX_VIEW) {
		errno = EMSGSIZE;
		return PORT_ERROR;
	}
	/* Readers see what the property tests want of every input: a little at a time. */
	if (state == PORT_DATA && port_test_read && view->len > have + port_test_read)
		view->len = have + port_test_read;
	return state;
}

static void ring_consume(struct port_in *p, size_t n)
{
	ring_in_consume(((struct ring_port_in *)p)->ring, n);
}

static bool ring_ready(struct port_in *p, size_t have)
{
	return ring_in_ready(((struct ring_port_in *)p)->ring, have);
}

static struct bytes ring_head(struct port_in *p)
{
	return ring_in_preamble(((struct ring_port_in *)p)->ring);
}

static uint64_t ring_at(const struct port_in *p, size_t taken)
{
	return ring_in_position(((const struct ring_port_in *)p)->ring) + taken;
}

static void ring_in_shown(struct port_in *p, uint64_t position)
{
	ring_in_show(((struct ring_port_in *)p)->ring, position);
}

static bool ring_in_settled(struct port_in *p, uint64_t position)
{
	return ring_in_settle(((struct ring_port_in *)p)->ring, position);
}

static void ring_in_close(struct port_in *p)
{
	ring_in_free(((struct ring_port_in *)p)->ring);
}

/* ---- a reader that may lose records ---- */

static enum port_state tap_view(struct port_in *p, size_t have, int timeout_ms, struct bytes *view)
{
	enum port_state state =
		ring_tap_view(((struct tap_port_in *)p)->tap, have, timeout_ms, view);

	if (state == PORT_DATA && port_test_read && view->len > have + port_test_read)
		view->len = have + port_test_read;
	return state;
}

static void tap_consume(struct port_in *p, size_t n)
{
	ring_tap_consume(((struct tap_port_in *)p)->tap, n);
}

static bool tap_ready(struct port_in *p, size_t have)
{
	return ring_tap_ready(((struct tap_port_in *)p)->tap, have);
}

static void tap_close(struct port_in *p)
{
	ring_tap_free(((struct tap_port_in *)p)->tap);
}

static uint64_t tap_at(const struct port_in *p, size_t taken)
{
	return ring_tap_position(((const struct tap_port_in *)p)->tap, taken);
}

static bool tap_settle(struct port_in *p, uint64_t position)
{
	return ring_tap_settle(((struct tap_port_in *)p)->tap, position);
}

static struct port_in *tap_in(int fd, int page, const char *text)
{
	static const struct port_in_ops ops = { .view = tap_view,
						.consume = tap_consume,
						.ready = tap_ready,
						.close = tap_close,
						.position = tap_at,
						.settle = tap_settle };
	struct tap_port_in *in = xcalloc(1, sizeof(*in));
	const char *why;

	in->port.ops = &ops;
	in->port.drops = true;
	in->port.taps = page < 0;
	in->tap = ring_tap_attach(fd, page, &why);
	if (!in->tap)
		die("'%s': %s", text, why);
	return &in->port;
}

struct port_in *port_ring_in(const struct endpoint *ep, const char *text)
{
	static const struct port_in_ops ops = {
		.view = ring_view,
		.consume = ring_consume,
		.ready = ring_ready,
		.preamble = ring_head,
		.position = ring_at,
		.show = ring_in_shown,
		.settle = ring_in_settled,
		.close = ring_in_close,
	};
	struct ring_port_in *in;
	const char *why;
	int fd, page;

	if (ep->fd < 0) {
		fd = ring_await(ep, text, &page);
	} else {
		fd = reopen(ep->fd, O_RDONLY, text);
		page = ep->page < 0 ? -1 : reopen(ep->page, O_RDWR, text);
	}
	if (ring_tap_meant(fd, page))
		return tap_in(fd, page, text);
	in = xcalloc(1, sizeof(*in));
	in->port.ops = &ops;
	in->ring = ring_in_attach(fd, page, &why);
	if (!in->ring)
		die("'%s': %s", text, why);
	in->port.start = ring_in_tail(in->ring);
	return &in->port;
}
