/* links: the interfaces of this host, as the kernel lists them. */
#include "cmd/interfaces/links.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libcommon/base/die.h"

enum { REPLY = 65536 };

/* ---- parse --------------------------------------------------------------------------------- */

/* Of a message that may be shorter or longer than we know it. */
static void take(void *to, size_t size, struct bytes from)
{
	memset(to, 0, size);
	memcpy(to, from.ptr, from.len < size ? from.len : size);
}

static void take_counters(struct link *l, struct bytes value)
{
	struct rtnl_link_stats64 s;

	take(&s, sizeof(s), value);
	l->rx_frames = s.rx_packets;
	l->rx_bytes = s.rx_bytes;
	l->rx_dropped = s.rx_dropped + s.rx_missed_errors;
	l->rx_errors = s.rx_errors;
	l->tx_frames = s.tx_packets;
	l->tx_bytes = s.tx_bytes;
	l->tx_dropped = s.tx_dropped;
	l->tx_errors = s.tx_errors;
}

static void take_attribute(struct link *l, uint16_t type, struct bytes value)
{
	switch (type) {
	case IFLA_IFNAME:
		take(l->name, sizeof(l->name), value);
		l->name[sizeof(l->name) - 1] = 0;
		break;
	case IFLA_MTU:
		take(&l->mtu, sizeof(l->mtu), value);
		break;
	case IFLA_ADDRESS:
		l->nmac = (uint8_t)(value.len < sizeof(l->mac) ? value.len : sizeof(l->mac));
		take(l->mac, sizeof(l->mac), value);
		break;
	case IFLA_STATS64:
		take_counters(l, value);
		break;
	default:
		break;
	}
}

bool link_parse(struct link *l, struct bytes body)
{
	struct ifinfomsg info;
	struct rtattr a;

	*l = (struct link){ 0 };
	if (body.len < sizeof(info))
		return false;
	memcpy(&info, body.ptr, sizeof(info));
	l->index = (uint32_t)info.ifi_index;
	l->hatype = info.ifi_type;
	l->flags = info.ifi_flags;
	body.ptr += sizeof(info);
	body.len -= sizeof(info);
	while (body.len >= sizeof(a)) {
		size_t whole;

		memcpy(&a, body.ptr, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > body.len)
			return false;
		take_attribute(l, a.rta_type & NLA_TYPE_MASK,
			       BYTES(body.ptr + sizeof(a), a.rta_len - sizeof(a)));
		whole = RTA_ALIGN((size_t)a.rta_len);
		if (whole > body.len)
			whole = body.len;
		body.ptr += whole;
		body.len -= whole;
	}
	return l->name[0] != 0;
}

const char *link_state(const struct link *l)
{
	return !(l->flags & IFF_UP) ? "down" : l->flags & IFF_RUNNING ? "up" : "no-carrier";
}

/* ---- ask ----------------------------------------------------------------------------------- */

static int ask(void)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg info;
	} q = { .h = { .nlmsg_len = sizeof(q),
		       .nlmsg_type = RTM_GETLINK,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0 && send(fd, &q, sizeof(q), 0) != sizeof(q)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void add(struct link **v, size_t *n, const struct link *l)
{
	*v = realloc(*v, (*n + 1) * sizeof(**v));
	if (!*v)
		die("out of memory");
	(*v)[(*n)++] = *l;
}

/* One datagram of the answer. True: it is the last. */
static bool take_reply(struct link **v, size_t *n, struct bytes in)
{
	struct nlmsghdr h;
	struct link l;

	while (in.len >= sizeof(h)) {
		size_t whole;

		memcpy(&h, in.ptr, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > in.len || h.nlmsg_type == NLMSG_DONE ||
		    h.nlmsg_type == NLMSG_ERROR)
			return true;
		if (h.nlmsg_type == RTM_NEWLINK &&
		    link_parse(&l, BYTES(in.ptr + sizeof(h), h.nlmsg_len - sizeof(h))))
			add(v, n, &l);
		whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
		if (whole > in.len)
			whole = in.len;
		in.ptr += whole;
		in.len -= whole;
	}
	return false;
}

static void ask_driver(int fd, struct link *l)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq r = { .ifr_data = (void *)&info };

	memcpy(r.ifr_name, l->name, sizeof(r.ifr_name));
	if (fd >= 0 && ioctl(fd, SIOCETHTOOL, &r) == 0) {
		memcpy(l->driver, info.driver, sizeof(l->driver));
		l->driver[sizeof(l->driver) - 1] = 0;
	}
}

static int by_index(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

struct link *links_list(size_t *n)
{
	static _Alignas(8) uint8_t reply[REPLY];
	int fd = ask(), control;
	struct link *v = NULL;
	ssize_t got;

	*n = 0;
	if (fd < 0)
		return NULL;
	while ((got = recv(fd, reply, sizeof(reply), 0)) > 0)
		if (take_reply(&v, n, BYTES(reply, (size_t)got)))
			break;
	close(fd);
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (size_t i = 0; i < *n; i++)
		ask_driver(control, &v[i]);
	if (control >= 0)
		close(control);
	if (v)
		qsort(v, *n, sizeof(*v), by_index);
	return v;
}
