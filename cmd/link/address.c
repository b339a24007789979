/* address: what NNG is to be told of an endpoint: an address without names, paths, certificates. */
#include "cmd/link/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/run/rundir.h"

enum { SOCKET_PATH = 107, FILE_MAX = 1 << 20, IN_USE_TRIES = 25 };

static void run_directory(char dir[ADDRESS_URL], const char *text)
{
	int fd = rundir_base_open(dir, ADDRESS_URL);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die_errno("'%s': cannot use the run directory '%s'", text, dir);
	close(fd);
	/* A socket's own mode is whatever the umask makes of it. */
	if (st.st_mode & 077)
		die("'%s': others can enter '%s', which must have mode 0700", text, dir);
}

/* Who listens there must see a whole greeting: NNG 1.5.2 takes no connection any more after one
 * that was closed before it (ipc only). */
static bool answers(const char *path)
{
	static const uint8_t greeting[8] = { 0, 'S', 'P', 0, 0, 0x11, 0, 0 };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_usec = 500 * 1000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint8_t theirs[sizeof(greeting)];
	bool yes;

	memcpy(to.sun_path, path, strlen(path) + 1);
	yes = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
	if (yes) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		yes = write(fd, greeting, sizeof(greeting)) == (ssize_t)sizeof(greeting) &&
		      recv(fd, theirs, sizeof(theirs), MSG_WAITALL) == (ssize_t)sizeof(theirs);
	}
	if (fd >= 0)
		close(fd);
	return yes;
}

static void local_url(const struct endpoint *ep, const char *text, char url[ADDRESS_URL],
		      char dir[ADDRESS_URL])
{
	char path[ADDRESS_URL + ENDPOINT_PATH];
	char *slash;

	if (*ep->name) {
		run_directory(dir, text);
		snprintf(path, sizeof(path), "%s/%s", dir, ep->name);
	} else {
		snprintf(path, sizeof(path), "%s", ep->path);
	}
	if (strlen(path) > SOCKET_PATH)
		die("'%s': a socket's path has at most %d bytes", text, SOCKET_PATH);
	/* NNG would find out, too, but removes the other one's socket when it gives up. */
	for (int i = 0; !ep->link.dial && answers(path); i++) {
		/* One that was killed may not be quite dead. */
		if (i < IN_USE_TRIES) {
			nanosleep(&(struct timespec){ .tv_nsec = 20 * 1000000 }, NULL);
			continue;
		}
		die("'%s': in use: somebody listens there", text);
	}
	snprintf(url, ADDRESS_URL, "ipc://%.*s", SOCKET_PATH, path);
	snprintf(dir, ADDRESS_URL, "%.*s", SOCKET_PATH, path);
	slash = strrchr(dir, '/');
	slash[slash == dir ? 1 : 0] = 0;
}

static void host_url(const struct endpoint_link *link, const char *text, char url[ADDRESS_URL])
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = link->dial ? 0 : AI_PASSIVE };
	struct addrinfo *found;
	char host[64];
	int err = getaddrinfo(strcmp(link->host, "*") == 0 ? "0.0.0.0" : link->host, NULL, &hints,
			      &found);

	if (err)
		die("'%s': %s", text, gai_strerror(err));
	err = getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof(host), NULL, 0,
			  NI_NUMERICHOST);
	if (err)
		die("'%s': %s", text, gai_strerror(err));
	snprintf(url, ADDRESS_URL, found->ai_family == AF_INET6 ? "%s://[%s]:%u" : "%s://%s:%u",
		 link->scheme == ENDPOINT_TLS ? "tls+tcp" : "tcp", host, link->port);
	freeaddrinfo(found);
}

void address_url(const struct endpoint *ep, const char *text, char url[ADDRESS_URL],
		 char dir[ADDRESS_URL])
{
	*dir = 0;
	if (ep->link.scheme == ENDPOINT_IPC)
		local_url(ep, text, url, dir);
	else
		host_url(&ep->link, text, url);
}

void address_file(struct buf *out, const char *path, const char *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		die_errno("'%.40s': '%s'", text, path);
	do {
		uint8_t *at = buf_reserve(out, 4096);

		n = read(fd, at, 4096);
		if (n < 0)
			die_errno("'%.40s': '%s'", text, path);
		out->len += (size_t)n;
		if (out->len > FILE_MAX)
			die("'%.40s': '%s' is no file of certificates", text, path);
	} while (n > 0);
	close(fd);
	buf_add_byte(out, 0);
}
