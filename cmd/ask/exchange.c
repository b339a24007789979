/* exchange: packets out, their first answers in. */
#include "cmd/ask/exchange.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"
#include "libcommon/net/linktype.h"

enum {
	ALL_PROTOCOLS = 3,
	RECEIVE_BUFFER = 8 << 20,
	LONGEST = 65536,
	REPLIES_MAX = 64 << 20,
	ETHERNET_HEAD = 14,
	LOOK_MS = 100, /* for a signal */
	TURN = 256,    /* packets of a port, before the time is looked at: they may never end */
};

/* ---- ports --------------------------------------------------------------------------------- */

static int open_socket(const char *name, int family, int protocol)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);
	char self[512];
	ssize_t n;

	if (fd >= 0 || family == AF_INET6)
		return fd;
	if (errno != EPERM && errno != EACCES)
		die_errno("cannot ask on '%s'", name);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = 0;
	die("to ask on '%s' needs the right CAP_NET_RAW; as root, or after: setcap cap_net_raw+ep "
	    "%s",
	    name, self);
}

void ask_port_open(struct ask_port *p, const struct rt_interface *i, bool routed, bool yes)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ALL_PROTOCOLS),
				  .sll_ifindex = (int)i->index };
	int one = 1, size = RECEIVE_BUFFER;

	*p = (struct ask_port){ .interface = *i, .routed = routed, .raw4 = -1, .raw6 = -1 };
	if (!yes && !rt_interface_stays_here(i))
		die_usage("'%s' is no veth, tun, dummy or lo: packets may leave this host; --yes "
			  "sends them",
			  i->name);
	p->headless = linktype_of(i->hatype)->head != LINKTYPE_HEAD_OWN;
	p->link_type = p->headless || routed ? LINKTYPE_RAW : LINKTYPE_ETHERNET;
	p->fd = open_socket(i->name, AF_PACKET, 0);
	setsockopt(p->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	setsockopt(p->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	if (setsockopt(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(p->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die_errno("cannot ask on '%s'", i->name);
	if (!routed)
		return;
	p->raw4 = open_socket(i->name, AF_INET, IPPROTO_RAW);
	p->raw6 = open_socket(i->name, AF_INET6, IPPROTO_RAW);
	if (p->raw6 >= 0)
		setsockopt(p->raw6, IPPROTO_IPV6, IPV6_HDRINCL, &one, sizeof(one));
}

void ask_port_close(struct ask_port *p)
{
	close(p->fd);
	if (p->raw4 >= 0)
		close(p->raw4);
	if (p->raw6 >= 0)
		close(p->raw6);
}

/* ---- out ----------------------------------------------------------------------------------- */

static ssize_t transmit(const struct ask_query *q)
{
	const struct ask_port *p = q->port;
	struct sockaddr_ll link = { .sll_family = AF_PACKET,
				    .sll_protocol = htons(q->ethertype),
				    .sll_ifindex = (int)p->interface.index };
	struct sockaddr_in ip4 = { .sin_family = AF_INET };
	struct sockaddr_in6 ip6 = { .sin6_family = AF_INET6 };
	struct bytes to;

	if (!p->routed)
		return sendto(p->fd, q->frame.ptr, q->frame.len, 0, (struct sockaddr *)&link,
			      sizeof(link));
	to = ask_destination(q->ethertype, q->frame);
	if (to.len == 4) {
		memcpy(&ip4.sin_addr, to.ptr, 4);
		return sendto(p->raw4, q->frame.ptr, q->frame.len, 0, (struct sockaddr *)&ip4,
			      sizeof(ip4));
	}
	if (to.len == 16) {
		memcpy(&ip6.sin6_addr, to.ptr, 16);
		return sendto(p->raw6, q->frame.ptr, q->frame.len, 0, (struct sockaddr *)&ip6,
			      sizeof(ip6));
	}
	errno = EAFNOSUPPORT;
	return -1;
}

static void send_query(struct ask_query *q)
{
	q->sent = clock_ns(CLOCK_REALTIME);
	q->tries++;
	if (transmit(q) >= 0 || errno == ENOBUFS || errno == EAGAIN)
		return; /* no room now: as good as lost on the way */
	q->result = ASK_NOT_SENT;
	q->why = strerror(errno);
}

/* ---- in ------------------------------------------------------------------------------------ */

struct table {
	struct ask_query *queries;
	uint32_t *buckets; /* place + 1 */
	size_t mask;
	size_t waiting;
};

/* Puts a query behind those of the same key, so that the first one asked is the first answered. */
static void table_add(struct table *t, uint32_t place)
{
	uint32_t *at = &t->buckets[ask_key_hash(&t->queries[place].key) & t->mask];

	t->queries[place].next = *at;
	*at = place + 1;
}

/* Takes out those on its way that wait no more, and ends at the first that was not sent, as none
 * behind it was: however many have one key, an answer looks at few. */
static struct ask_query *table_find(struct table *t, const struct ask_key *k)
{
	uint32_t *at = &t->buckets[ask_key_hash(k) & t->mask];

	while (*at) {
		struct ask_query *q = &t->queries[*at - 1];

		if (q->result != ASK_WAITING) {
			*at = q->next;
			continue;
		}
		if (!q->tries)
			break;
		if (ask_key_match(&q->key, k))
			return q;
		at = &q->next;
	}
	return NULL;
}

static void take(struct ask_exchange *x, struct table *t, const struct ask_port *p,
		 uint16_t ethertype, struct bytes frame, uint64_t ts)
{
	size_t at = p->headless ? 0 : ETHERNET_HEAD;
	struct ask_query *q;
	struct ask_key key, any;
	struct bytes packet;
	bool error;

	x->received++;
	if (frame.len < at)
		return;
	packet = BYTES(frame.ptr + at, frame.len - at);
	if (!ask_key_answer(&key, ethertype, packet, &error)) {
		x->unasked++;
		return;
	}
	q = table_find(t, &key);
	any = ask_key_anybody(&key);
	if (!q && !error)
		q = table_find(t, &any);
	if (!q || x->replies.len + packet.len > REPLIES_MAX) {
		x->unasked++;
		return;
	}
	q->result = error ? ASK_ERROR : ASK_ANSWERED;
	q->answered = ts;
	if (at)
		memcpy(q->reply_mac, frame.ptr + 6, 6);
	/* From the network layer on, on links with a header with that. */
	q->reply_at = x->replies.len;
	q->reply_len = p->routed ? packet.len : frame.len;
	buf_add(&x->replies, p->routed ? packet.ptr : frame.ptr, q->reply_len);
	t->waiting--;
}

/* One that is there; false: none is. */
static bool receive(struct ask_exchange *x, struct table *t, const struct ask_port *p)
{
	static uint8_t frame[LONGEST];
	uint8_t more[256] __attribute__((aligned(8)));
	struct sockaddr_ll from = { 0 };
	struct iovec piece = { frame, sizeof(frame) };
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &piece,
			    .msg_iovlen = 1,
			    .msg_control = more,
			    .msg_controllen = sizeof(more) };
	uint64_t ts = 0;
	ssize_t n = recvmsg(p->fd, &m, MSG_DONTWAIT);

	if (n < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec when;

			memcpy(&when, CMSG_DATA(c), sizeof(when));
			ts = (uint64_t)when.tv_sec * 1000000000 + (uint64_t)when.tv_nsec;
		}
	}
	take(x, t, p, ntohs(from.sll_protocol), BYTES(frame, (size_t)n), ts);
	return true;
}

/* What comes in until then, CLOCK_MONOTONIC, or until all are answered. False: it is to stop. */
static bool await(struct ask_exchange *x, struct table *t, uint64_t until)
{
	struct pollfd fds[ASK_PORTS];

	do {
		uint64_t now = clock_ns(CLOCK_MONOTONIC);
		uint64_t left = until > now ? (until - now + 999999) / 1000000 : 0;

		for (unsigned i = 0; i < x->nports; i++)
			fds[i] = (struct pollfd){ .fd = x->ports[i].fd, .events = POLLIN };
		poll(fds, x->nports, left > LOOK_MS ? LOOK_MS : (int)left);
		for (unsigned i = 0; i < x->nports; i++)
			for (int k = 0; k < TURN && fds[i].revents; k++)
				if (!receive(x, t, &x->ports[i]))
					break;
		if (x->stopping && x->stopping(x->user))
			return false;
	} while (t->waiting && clock_ns(CLOCK_MONOTONIC) < until);
	return true;
}

static void count_waiting(struct table *t, size_t n)
{
	t->waiting = 0;
	for (size_t i = 0; i < n; i++)
		t->waiting += t->queries[i].result == ASK_WAITING;
}

static void prepare(struct table *t, size_t n)
{
	t->mask = 63;
	while (t->mask < 2 * n)
		t->mask = t->mask * 2 + 1;
	t->buckets = xcalloc(t->mask + 1, sizeof(*t->buckets));
	for (size_t i = n; i-- > 0;) {
		struct ask_query *q = &t->queries[i];

		if (q->result == ASK_WAITING &&
		    ask_key_question(&q->key, q->ethertype,
				     BYTES(q->frame.ptr + q->at, q->frame.len - q->at)))
			table_add(t, (uint32_t)i);
	}
}

void ask_exchange(struct ask_exchange *x, struct ask_query *queries, size_t n)
{
	struct table t = { .queries = queries };
	bool go_on = true;

	prepare(&t, n);
	count_waiting(&t, n);
	for (uint32_t try = 0; go_on && t.waiting && try < x->tries; try++) {
		uint64_t due = clock_ns(CLOCK_MONOTONIC);

		for (size_t i = 0; i < n && go_on; i++) {
			if (queries[i].result != ASK_WAITING)
				continue;
			send_query(&queries[i]);
			due += x->gap;
			go_on = await(x, &t, x->gap ? due : 0);
		}
		count_waiting(&t, n);
		if (go_on && t.waiting)
			go_on = await(x, &t, clock_ns(CLOCK_MONOTONIC) + x->timeout);
	}
	for (size_t i = 0; i < n; i++) {
		if (queries[i].result == ASK_WAITING)
			queries[i].result = queries[i].tries ? ASK_UNANSWERED : ASK_NOT_SENT;
		if (!queries[i].sent)
			queries[i].sent = clock_ns(CLOCK_REALTIME);
	}
	free(t.buckets);
}
