/* control: lines between a launcher and those that tell it something. */
#include "libcommon/run/control.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "libcommon/base/die.h"

/* A socket's path may have 107 bytes: through its folder's descriptor it always fits. */
static struct sockaddr_un address(int dir)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/control", dir);
	return a;
}

void control_open(struct control *c, int dir)
{
	struct sockaddr_un a = address(dir);
	mode_t mask = umask(0177);

	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		c->clients[i].fd = -1;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(c->fd, 8) < 0)
		die_errno("cannot listen in the run directory");
	umask(mask);
}

size_t control_polls(const struct control *c, struct pollfd *fds)
{
	size_t n = 0;

	fds[n++] = (struct pollfd){ .fd = c->fd, .events = POLLIN };
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i].fd >= 0)
			fds[n++] = (struct pollfd){ .fd = c->clients[i].fd, .events = POLLIN };
	return n;
}

static void say(const struct control_client *k, const char *text)
{
	/* Who does not read what it is told misses it. */
	if (send(k->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

/* With a descriptor, of which they get a copy. */
static void say_passing(const struct control_client *k, const char *text, int fd)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} room = { 0 };
	struct iovec io = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr m = { .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = &room,
			    .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (sendmsg(k->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

static void hang_up(struct control_client *k)
{
	close(k->fd);
	*k = (struct control_client){ .fd = -1 };
}

static void take_client(struct control *c)
{
	int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i].fd < 0) {
			c->clients[i].fd = fd;
			return;
		}
	close(fd);
}

static void take_line(struct control *c, struct control_client *k,
		      char (*command)(void *ctx, char *line, char *reply, size_t size), void *ctx)
{
	char reply[512] = "", text[600];
	ssize_t n = recv(k->fd, k->line + k->len, CONTROL_LINE - k->len, 0);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(k);
		return;
	}
	k->len += (size_t)n;
	end = memchr(k->line, '\n', k->len);
	if (!end) {
		if (k->len == CONTROL_LINE)
			hang_up(k);
		return;
	}
	*end = 0;
	k->len = 0;
	c->pass = -1;
	k->waits = command(ctx, k->line, reply, sizeof(reply));
	snprintf(text, sizeof(text), *reply ? "error %s\n" : "ok\n", reply);
	if (c->pass >= 0)
		say_passing(k, text, c->pass);
	else
		say(k, text);
}

void control_serve(struct control *c,
		   char (*command)(void *ctx, char *line, char *reply, size_t size), void *ctx)
{
	take_client(c);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i].fd >= 0)
			take_line(c, &c->clients[i], command, ctx);
}

void control_tell(struct control *c, char waits, const char *line)
{
	char text[600];

	snprintf(text, sizeof(text), "%s\n", line);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i].fd >= 0 && c->clients[i].waits == waits) {
			say(&c->clients[i], text);
			c->clients[i].waits = 0;
		}
}

void control_close(struct control *c, int code)
{
	char text[32];

	snprintf(text, sizeof(text), "ended %d", code);
	control_tell(c, CONTROL_END, text);
	control_tell(c, CONTROL_SWAP, "error the pipeline has ended");
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i].fd >= 0)
			close(c->clients[i].fd);
	close(c->fd);
}

/* ---- a client's side ----------------------------------------------------------------------- */

/* One byte; *passed becomes the descriptor that came with it, if one did. */
static ssize_t read_byte(int fd, char *byte, int *passed)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} room;
	struct iovec io = { byte, 1 };
	struct msghdr m = { .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = &room,
			    .msg_controllen = sizeof(room) };
	ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(passed, CMSG_DATA(c), sizeof(int));
	return n;
}

static bool read_line(int fd, char *line, size_t size, int *passed)
{
	size_t n = 0;

	while (n + 1 < size) {
		ssize_t got = read_byte(fd, line + n, passed);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		if (line[n] == '\n')
			break;
		n++;
	}
	line[n] = 0;
	return true;
}

static int ask(int dir, const char *line, int *passed)
{
	struct sockaddr_un a = address(dir);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char reply[600];

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die_errno("cannot reach the launcher");
	if (strlen(line) + 1 >= CONTROL_LINE || strchr(line, '\n'))
		die_usage("the command is longer than a line of %d bytes", CONTROL_LINE);
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0 || send(fd, "\n", 1, MSG_NOSIGNAL) < 0)
		die_errno("cannot tell the launcher");
	if (!read_line(fd, reply, sizeof(reply), passed))
		die("the launcher went away");
	if (strncmp(reply, "error ", 6) == 0)
		die("%s", reply + 6);
	return fd;
}

int control_send(int dir, const char *line)
{
	int passed = -1, fd = ask(dir, line, &passed);

	if (passed >= 0)
		close(passed);
	return fd;
}

int control_fetch(int dir, const char *line)
{
	int passed = -1, fd = ask(dir, line, &passed);

	close(fd);
	if (passed < 0)
		die("the launcher gave no descriptor");
	return passed;
}

void control_await(int fd)
{
	char reply[600];
	int passed = -1;

	if (!read_line(fd, reply, sizeof(reply), &passed))
		die("the launcher went away");
	if (strncmp(reply, "error ", 6) == 0)
		die("%s", reply + 6);
}

int control_wait(int fd)
{
	char line[64];
	int code, passed = -1;

	if (!read_line(fd, line, sizeof(line), &passed) || sscanf(line, "ended %d", &code) != 1)
		return -1;
	return code;
}
