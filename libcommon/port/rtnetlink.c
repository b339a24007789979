/* rtnetlink: what the kernel knows of interfaces, routes and neighbours. */
#include "libcommon/port/rtnetlink.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER = 65536, WAIT_S = 5 };

/* ---- messages ------------------------------------------------------------------------------ */

/* The next attribute; false at the end, or where the rest is none. */
static bool attribute(struct bytes *rest, uint16_t *type, struct bytes *value)
{
	uint16_t len;
	size_t whole;

	if (rest->len < sizeof(struct rtattr))
		return false;
	memcpy(&len, rest->ptr, 2);
	memcpy(type, rest->ptr + 2, 2);
	*type &= NLA_TYPE_MASK;
	if (len < sizeof(struct rtattr) || len > rest->len)
		return false;
	*value = BYTES(rest->ptr + sizeof(struct rtattr), len - sizeof(struct rtattr));
	whole = RTA_ALIGN(len);
	if (whole > rest->len)
		whole = rest->len;
	rest->ptr += whole;
	rest->len -= whole;
	return true;
}

static bool behind(struct bytes *rest, void *head, size_t size)
{
	if (rest->len < size)
		return false;
	memcpy(head, rest->ptr, size);
	size = NLMSG_ALIGN(size) < rest->len ? NLMSG_ALIGN(size) : rest->len;
	rest->ptr += size;
	rest->len -= size;
	return true;
}

static void take_text(char *to, size_t size, struct bytes v)
{
	size_t n = v.len < size ? strnlen((const char *)v.ptr, v.len) : size - 1;

	if (n >= size)
		n = size - 1;
	memcpy(to, v.ptr, n);
	to[n] = 0;
}

static void take_u32(uint32_t *to, struct bytes v)
{
	if (v.len >= sizeof(*to))
		memcpy(to, v.ptr, sizeof(*to));
}

static void take_address(struct rt_address *a, uint8_t family, struct bytes v)
{
	if (v.len != (family == AF_INET ? 4u : 16u))
		return;
	memset(a, 0, sizeof(*a));
	a->family = family;
	memcpy(a->b, v.ptr, v.len);
}

bool rt_interface_parse(struct rt_interface *i, struct bytes body)
{
	struct ifinfomsg head;
	struct bytes value, inner;
	uint16_t type;

	memset(i, 0, sizeof(*i));
	if (!behind(&body, &head, sizeof(head)))
		return false;
	i->index = (uint32_t)head.ifi_index;
	i->flags = head.ifi_flags;
	i->hatype = head.ifi_type;
	while (attribute(&body, &type, &value)) {
		if (type == IFLA_IFNAME)
			take_text(i->name, sizeof(i->name), value);
		else if (type == IFLA_MTU)
			take_u32(&i->mtu, value);
		else if (type == IFLA_ADDRESS && value.len == 6) {
			memcpy(i->mac, value.ptr, 6);
			i->has_mac = true;
		} else if (type == IFLA_LINKINFO) {
			while (attribute(&value, &type, &inner))
				if (type == IFLA_INFO_KIND)
					take_text(i->kind, sizeof(i->kind), inner);
		}
	}
	return i->name[0] && i->index;
}

bool rt_interface_stays_here(const struct rt_interface *i)
{
	static const char *const kinds[] = { "veth", "tun", "dummy" };

	if (i->flags & IFF_LOOPBACK)
		return true;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		if (strcmp(i->kind, kinds[k]) == 0)
			return true;
	return false;
}

bool rt_route_parse(struct rt_route *r, struct bytes body)
{
	struct bytes value;
	struct rtmsg head;
	uint16_t type;

	memset(r, 0, sizeof(*r));
	if (!behind(&body, &head, sizeof(head)))
		return false;
	r->type = head.rtm_type;
	while (attribute(&body, &type, &value)) {
		if (type == RTA_OIF)
			take_u32(&r->index, value);
		else if (type == RTA_GATEWAY)
			take_address(&r->gateway, head.rtm_family, value);
		else if (type == RTA_PREFSRC)
			take_address(&r->source, head.rtm_family, value);
		else if (type == RTA_VIA && value.len > 2) {
			uint16_t family;

			memcpy(&family, value.ptr, 2);
			take_address(&r->gateway, (uint8_t)family,
				     BYTES(value.ptr + 2, value.len - 2));
		}
	}
	return r->index != 0;
}

bool rt_neighbour_parse(struct bytes body, uint32_t index, const struct rt_address *a,
			uint8_t mac[6])
{
	const unsigned useful =
		NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
	bool right = false;
	struct bytes value, found = BYTES(NULL, 0);
	struct ndmsg head;
	uint16_t type;

	if (!behind(&body, &head, sizeof(head)) || (uint32_t)head.ndm_ifindex != index ||
	    head.ndm_family != a->family || !(head.ndm_state & useful))
		return false;
	while (attribute(&body, &type, &value)) {
		if (type == NDA_DST)
			right = bytes_equal(value, BYTES(a->b, a->family == AF_INET ? 4 : 16));
		else if (type == NDA_LLADDR)
			found = value;
	}
	if (!right || found.len != 6)
		return false;
	memcpy(mac, found.ptr, 6);
	return true;
}

/* ---- questions ----------------------------------------------------------------------------- */

struct question {
	struct nlmsghdr h;
	union {
		struct ifinfomsg link;
		struct rtmsg route;
		struct ndmsg neighbour;
	} head;
	uint8_t attributes[64];
};

static void question_add(struct question *q, uint16_t type, const void *value, size_t len)
{
	struct rtattr *a = (struct rtattr *)((uint8_t *)q + NLMSG_ALIGN(q->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), value, len);
	q->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->h.nlmsg_len) + RTA_LENGTH(len));
}

/* Calls each() for the answers until it says true, which is the result; or errno says why not. */
static bool ask(struct question *q, bool (*each)(void *user, struct bytes body), void *user)
{
	static uint8_t answer[ANSWER] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct timeval wait = { WAIT_S, 0 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool found = false, over = false;
	int err = ENOENT;

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	q->h.nlmsg_flags |= NLM_F_REQUEST;
	if (sendto(fd, q, q->h.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		over = true, err = errno;
	while (!over) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n < 0 ? errno : EIO;
			break;
		}
		for (struct nlmsghdr *h = (struct nlmsghdr *)answer; NLMSG_OK(h, n);
		     h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH(4))
				err = -((struct nlmsgerr *)NLMSG_DATA(h))->error;
			over |= h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE ||
				!(h->nlmsg_flags & NLM_F_MULTI);
			if (h->nlmsg_type >= RTM_BASE)
				found |= each(user,
					      BYTES(NLMSG_DATA(h), h->nlmsg_len - NLMSG_HDRLEN));
		}
	}
	close(fd);
	errno = found ? 0 : err;
	return found;
}

static bool each_interface(void *user, struct bytes body)
{
	return rt_interface_parse(user, body);
}

static bool interface(const char *name, uint32_t index, struct rt_interface *i)
{
	struct question q = { .h = { .nlmsg_len = NLMSG_LENGTH(sizeof(q.head.link)),
				     .nlmsg_type = RTM_GETLINK },
			      .head.link.ifi_index = (int)index };

	if (name && strlen(name) >= IFNAMSIZ) {
		errno = ENODEV;
		return false;
	}
	if (name)
		question_add(&q, IFLA_IFNAME, name, strlen(name) + 1);
	return ask(&q, each_interface, i);
}

bool rt_interface_named(const char *name, struct rt_interface *i)
{
	return interface(name, 0, i);
}

bool rt_interface_numbered(uint32_t index, struct rt_interface *i)
{
	return interface(NULL, index, i);
}

static bool each_route(void *user, struct bytes body)
{
	return rt_route_parse(user, body);
}

bool rt_route_to(const struct rt_address *to, uint32_t out, struct rt_route *r)
{
	size_t n = to->family == AF_INET ? 4 : 16;
	struct question q = { .h = { .nlmsg_len = NLMSG_LENGTH(sizeof(q.head.route)),
				     .nlmsg_type = RTM_GETROUTE },
			      .head.route = { .rtm_family = to->family,
					      .rtm_dst_len = (uint8_t)(8 * n) } };

	question_add(&q, RTA_DST, to->b, n);
	if (out)
		question_add(&q, RTA_OIF, &out, sizeof(out));
	return ask(&q, each_route, r);
}

struct neighbour {
	uint32_t index;
	const struct rt_address *address;
	uint8_t *mac;
};

static bool each_neighbour(void *user, struct bytes body)
{
	struct neighbour *n = user;

	return rt_neighbour_parse(body, n->index, n->address, n->mac);
}

bool rt_neighbour(uint32_t index, const struct rt_address *a, uint8_t mac[6])
{
	struct neighbour wanted = { index, a, mac };
	struct question q = { .h = { .nlmsg_len = NLMSG_LENGTH(sizeof(q.head.neighbour)),
				     .nlmsg_type = RTM_GETNEIGH,
				     .nlmsg_flags = NLM_F_DUMP },
			      .head.neighbour = { .ndm_family = a->family } };

	return ask(&q, each_neighbour, &wanted);
}
