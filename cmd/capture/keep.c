/* keep: sockets that outlive this process, in a queue that its launcher holds. */
#include "cmd/capture/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union notes {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(KEEP_MOST * sizeof(int))];
};

static bool queue(int ends[2])
{
	const char *text = getenv("WEIR_KEEP_FDS");

	return text && sscanf(text, "%d,%d", &ends[0], &ends[1]) == 2;
}

static bool receive(int fd, struct kept *k, int flags)
{
	union notes notes;
	struct iovec piece = { k, sizeof(*k) };
	struct msghdr m = { .msg_iov = &piece,
			    .msg_iovlen = 1,
			    .msg_control = notes.bytes,
			    .msg_controllen = sizeof(notes.bytes) };
	struct cmsghdr *c;
	size_t n = 0;

	if (recvmsg(fd, &m, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(*k))
		return false;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(k->fds, CMSG_DATA(c), n * sizeof(int));
	}
	return n && n == k->n;
}

bool keep_find(struct kept *k)
{
	int ends[2];

	return queue(ends) && receive(ends[1], k, MSG_PEEK);
}

bool keep_put(const struct kept *k)
{
	union notes notes;
	struct iovec piece = { (void *)k, sizeof(*k) };
	struct msghdr m = { .msg_iov = &piece,
			    .msg_iovlen = 1,
			    .msg_control = notes.bytes,
			    .msg_controllen = CMSG_SPACE(k->n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	static struct kept old;
	int ends[2];

	if (!queue(ends))
		return false;
	while (receive(ends[1], &old, 0))
		for (uint32_t i = 0; i < old.n; i++)
			close(old.fds[i]);
	memset(&notes, 0, sizeof(notes));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(k->n * sizeof(int));
	memcpy(CMSG_DATA(c), k->fds, k->n * sizeof(int));
	return sendmsg(ends[0], &m, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*k);
}
