/* wire: frames onto one interface, or packets into the kernel's routing. */
#include "cmd/send/wire.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cmd/send/tx_ring.h"
#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"
#include "libcommon/net/linktype.h"
#include "libcommon/port/watch.h"

enum {
	BATCH = 64,                /* messages of one sendmmsg */
	COPY_BYTES = BATCH * 2048, /* of what they carry; one frame may be longer */
	SEND_BUFFER = 8 << 20,
	ROOM_MS = 10, /* how long to wait for room at a time */
	FINISH_MS = 2000,
	LINK_ROOM = 64, /* bytes of a frame beside the MTU */
	VLAN_TAG = 4,
	NEWS = 8192, /* bytes of what the kernel tells of interfaces at a time */
};

union place {
	struct sockaddr_ll link;
	struct sockaddr_in ip4;
	struct sockaddr_in6 ip6;
};

struct wire {
	enum wire_way way;
	int fd, fd6;         /* routed: one for each version of IP */
	uint32_t index, mtu; /* mtu 0: any */
	int watch;           /* tells of a new MTU */
	bool (*stopping)(void *user);
	void *user;
	bool headless; /* frames have no link header */
	struct wire_counters c;
	int error;
	bool down;
	struct tx_ring ring;
	/* WIRE_MMSG, WIRE_ROUTED */
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	union place places[BATCH];
	unsigned n;
	int n_fd; /* whose they are */
	uint8_t *copies;
	size_t used, size;
};

/* ---- opening ------------------------------------------------------------------------------- */

static int packet_socket(const char *name)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	char self[512];
	ssize_t n;

	if (fd >= 0)
		return fd;
	if (errno != EPERM && errno != EACCES)
		die_errno("cannot send on '%s'", name);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = 0;
	die("to send on '%s' needs the right CAP_NET_RAW; as root, or after: setcap cap_net_raw+ep "
	    "%s",
	    name, self);
}

static void open_packet(struct wire *w, const struct rt_interface *i,
			const struct wire_config *config)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = (int)i->index };
	int one = 1, size = SEND_BUFFER;

	w->fd = packet_socket(i->name);
	if (setsockopt(w->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(w->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (config->bypass &&
	    setsockopt(w->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0)
		die_errno("'%s': the queue can't be bypassed", i->name);
	/* Protocol 0: nothing is received. */
	if (bind(w->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die_errno("cannot send on '%s'", i->name);
	if (w->way == WIRE_AUTO)
		w->way = w->headless ? WIRE_MMSG : WIRE_RING;
	if (w->way == WIRE_RING && w->headless)
		die_usage("'%s' has no link header: --method=mmsg sends on it", i->name);
	if (w->way == WIRE_RING && !tx_ring_open(&w->ring, w->fd, i->mtu + LINK_ROOM)) {
		if (config->way == WIRE_RING)
			die_errno("'%s': no ring to send from", i->name);
		w->way = WIRE_MMSG;
	}
}

static int routed_socket(int family, const struct rt_interface *i)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), one = 1;

	if (fd < 0 && errno == EPERM)
		die("--l3 needs the right CAP_NET_RAW");
	if (fd < 0)
		return -1; /* perhaps there is no IPv6 here */
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &one, sizeof(one));
	else
		setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
	if (i &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, i->name, (socklen_t)strlen(i->name)) < 0)
		die_errno("cannot send on '%s'", i->name);
	return fd;
}

struct wire *wire_open(const struct rt_interface *interface, const struct wire_config *config)
{
	struct wire *w = xcalloc(1, sizeof(*w));

	w->way = config->way;
	w->stopping = config->stopping;
	w->user = config->user;
	w->fd = w->fd6 = w->watch = -1;
	w->size = COPY_BYTES;
	w->copies = malloc(w->size);
	if (!w->copies)
		die("out of memory");
	if (interface) {
		w->index = interface->index;
		w->mtu = interface->mtu;
		w->watch = watch_open();
		w->headless = linktype_of(interface->hatype)->head != LINKTYPE_HEAD_OWN;
	}
	if (w->way == WIRE_ROUTED) {
		w->fd = routed_socket(AF_INET, interface);
		w->fd6 = routed_socket(AF_INET6, interface);
	} else {
		open_packet(w, interface, config);
	}
	return w;
}

void wire_close(struct wire *w)
{
	if (!w)
		return;
	if (w->way == WIRE_RING)
		tx_ring_close(&w->ring);
	if (w->fd >= 0)
		close(w->fd);
	if (w->fd6 >= 0)
		close(w->fd6);
	if (w->watch >= 0)
		close(w->watch);
	free(w->copies);
	free(w);
}

/* ---- lengths ------------------------------------------------------------------------------- */

/* The MTU may change under way, and for a ring the kernel does not compare lengths with it. */
static void hear_news(struct wire *w)
{
	uint8_t news[NEWS] __attribute__((aligned(4)));
	struct watch_event e;
	size_t n;

	while (w->watch >= 0 && (n = watch_read(w->watch, news, sizeof(news)))) {
		struct bytes in = BYTES(news, n);

		while (watch_next(&in, &e))
			if (e.ifindex == w->index && e.mtu)
				w->mtu = e.mtu;
	}
}

bool wire_fits(const struct wire *w, struct bytes frame)
{
	size_t most = w->mtu;

	if (w->way != WIRE_ROUTED && !w->headless && frame.len >= ETHERNET_HEAD) {
		uint16_t type = be16_get(frame.ptr + 12);

		most += ETHERNET_HEAD + (type == 0x8100 || type == 0x88a8 ? VLAN_TAG : 0);
	}
	return !w->mtu || frame.len <= most;
}

/* ---- errors -------------------------------------------------------------------------------- */

static bool is_down(int err)
{
	return err == ENETDOWN || err == ENXIO || err == ENODEV;
}

static bool is_full(int err)
{
	return err == EAGAIN || err == ENOBUFS || err == EINTR;
}

/* False where it is to stop. */
static bool await_room(struct wire *w, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	struct timespec moment = { 0, 50000 };

	w->c.waits++;
	/* The kernel calls a socket writable whose ring is full of frames on their way. */
	if (poll(&p, 1, ROOM_MS) > 0)
		nanosleep(&moment, NULL);
	return !w->stopping || !w->stopping(w->user);
}

static void lost(struct wire *w, int err, uint64_t frames)
{
	w->error = err;
	w->down |= is_down(err);
	if (err == EMSGSIZE || err == EINVAL)
		w->c.malformed += frames;
	else
		w->c.refused += frames;
}

/* ---- ring ---------------------------------------------------------------------------------- */

static void done(void *user, uint32_t bytes, bool malformed)
{
	struct wire *w = user;

	if (malformed) {
		lost(w, EMSGSIZE, 1);
		return;
	}
	w->c.sent++;
	w->c.bytes += bytes;
}

/* What is in the ring will not get out any more. */
static void give_up_ring(struct wire *w, int err)
{
	tx_ring_reap(&w->ring, done, w);
	lost(w, err, w->ring.pending);
	w->ring.pending = w->ring.unpushed = 0;
}

static void push_ring(struct wire *w)
{
	int err = tx_ring_push(&w->ring);

	tx_ring_reap(&w->ring, done, w);
	if (is_down(err)) {
		w->down = true;
		give_up_ring(w, err);
	}
}

static void put_ring(struct wire *w, struct bytes frame)
{
	if (!wire_fits(w, frame)) {
		lost(w, EMSGSIZE, 1);
		return;
	}
	while (!w->down && !tx_ring_put(&w->ring, frame)) {
		if (errno == EMSGSIZE) {
			lost(w, EMSGSIZE, 1);
			return;
		}
		push_ring(w);
		if ((w->ring.pending == w->ring.count || w->ring.unpushed == TX_RING_BATCH) &&
		    !await_room(w, w->fd)) {
			lost(w, EINTR, 1);
			return;
		}
	}
	if (w->down)
		lost(w, ENETDOWN, 1);
}

/* ---- messages ------------------------------------------------------------------------------ */

static void push_messages(struct wire *w)
{
	unsigned at = 0;

	while (at < w->n) {
		int n = sendmmsg(w->n_fd, w->messages + at, w->n - at, MSG_DONTWAIT);

		for (int i = 0; i < n; i++)
			w->c.bytes += w->pieces[at + (unsigned)i].iov_len;
		if (n > 0) {
			w->c.sent += (unsigned)n;
			at += (unsigned)n;
		} else if (is_full(errno) && await_room(w, w->n_fd)) {
			continue;
		} else if (is_full(errno)) {
			lost(w, EINTR, w->n - at);
			at = w->n;
		} else if (is_down(errno)) {
			lost(w, errno, w->n - at);
			at = w->n;
		} else {
			lost(w, errno, 1);
			at++;
		}
	}
	w->n = 0;
	w->used = 0;
}

/* Where the packet goes: to the interface, or to its destination. 0: it is no IP packet. */
static socklen_t place_of(const struct wire *w, union place *p, struct bytes frame, uint16_t proto)
{
	memset(p, 0, sizeof(*p));
	if (w->way != WIRE_ROUTED) {
		p->link = (struct sockaddr_ll){ .sll_family = AF_PACKET,
						.sll_protocol = htons(proto),
						.sll_ifindex = (int)w->index };
		return sizeof(p->link);
	}
	if (frame.len >= 20 && frame.ptr[0] >> 4 == 4) {
		p->ip4.sin_family = AF_INET;
		memcpy(&p->ip4.sin_addr, frame.ptr + 16, 4);
		return sizeof(p->ip4);
	}
	if (frame.len >= 40 && frame.ptr[0] >> 4 == 6) {
		p->ip6.sin6_family = AF_INET6;
		memcpy(&p->ip6.sin6_addr, frame.ptr + 24, 16);
		/* A link-local destination is one on a certain link. */
		if (frame.ptr[24] == 0xfe || frame.ptr[24] == 0xff)
			p->ip6.sin6_scope_id = w->index;
		return sizeof(p->ip6);
	}
	return 0;
}

static void put_message(struct wire *w, struct bytes frame, uint16_t proto)
{
	union place place;
	socklen_t len = place_of(w, &place, frame, proto);
	int fd = w->way == WIRE_ROUTED && len == sizeof(place.ip6) ? w->fd6 : w->fd;
	struct mmsghdr *m;

	if (!len || fd < 0 || frame.len > w->size || w->down) {
		lost(w, w->down ? ENETDOWN : !len ? EINVAL : fd < 0 ? EAFNOSUPPORT : EMSGSIZE, 1);
		return;
	}
	if (w->n == BATCH || w->used + frame.len > w->size || (w->n && fd != w->n_fd))
		push_messages(w);
	w->n_fd = fd;
	m = &w->messages[w->n];
	memcpy(w->copies + w->used, frame.ptr, frame.len);
	w->places[w->n] = place;
	w->pieces[w->n] = (struct iovec){ w->copies + w->used, frame.len };
	*m = (struct mmsghdr){ .msg_hdr = { .msg_name = &w->places[w->n],
					    .msg_namelen = len,
					    .msg_iov = &w->pieces[w->n],
					    .msg_iovlen = 1 } };
	w->used += frame.len;
	w->n++;
}

/* ---- both ---------------------------------------------------------------------------------- */

void wire_put(struct wire *w, struct bytes frame, uint16_t proto)
{
	w->c.offered++;
	if (!w->ring.unpushed && !w->n)
		hear_news(w);
	if (w->way == WIRE_RING)
		put_ring(w, frame);
	else
		put_message(w, frame, proto);
}

void wire_push(struct wire *w)
{
	if (w->way == WIRE_RING)
		push_ring(w);
	else
		push_messages(w);
}

void wire_finish(struct wire *w)
{
	int64_t until = clock_ms() + FINISH_MS;

	wire_push(w);
	if (w->way != WIRE_RING)
		return;
	while (w->ring.pending && clock_ms() < until) {
		await_room(w, w->fd);
		push_ring(w);
	}
	if (w->ring.pending)
		give_up_ring(w, ETIMEDOUT);
}

const struct wire_counters *wire_counters(const struct wire *w)
{
	return &w->c;
}

int wire_error(const struct wire *w, bool *down)
{
	*down = w->down;
	return w->error;
}

enum wire_way wire_way(const struct wire *w)
{
	return w->way;
}
