/* watch: what becomes of interfaces, as the kernel tells it. */
#include "libcommon/port/watch.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libcommon/port/rtnetlink.h"

bool watch_next(struct bytes *in, struct watch_event *e)
{
	struct nlmsghdr h;
	struct ifinfomsg info;
	struct rt_interface i;

	while (in->len >= sizeof(h)) {
		struct bytes body;
		size_t whole;

		memcpy(&h, in->ptr, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > in->len)
			return false;
		body = BYTES(in->ptr + sizeof(h), h.nlmsg_len - sizeof(h));
		whole = NLMSG_ALIGN((size_t)h.nlmsg_len);
		if (whole > in->len)
			whole = in->len;
		in->ptr += whole;
		in->len -= whole;
		if ((h.nlmsg_type != RTM_NEWLINK && h.nlmsg_type != RTM_DELLINK) ||
		    body.len < sizeof(info))
			continue;
		memcpy(&info, body.ptr, sizeof(info));
		rt_interface_parse(&i, body);
		*e = (struct watch_event){
			.ifindex = (uint32_t)info.ifi_index,
			.gone = h.nlmsg_type == RTM_DELLINK && info.ifi_family == AF_UNSPEC,
			.up = (info.ifi_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING),
			.mtu = i.mtu,
		};
		memcpy(e->name, i.name, sizeof(e->name));
		return true;
	}
	return false;
}

int watch_open(void)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&nl, sizeof(nl)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

size_t watch_read(int fd, void *buf, size_t size)
{
	ssize_t n = read(fd, buf, size);

	return n > 0 ? (size_t)n : 0;
}
