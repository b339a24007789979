/* address: what NNG is to be told of an endpoint: an address without names, paths, certificates. */
#ifndef WEIR_LINK_ADDRESS_H
#define WEIR_LINK_ADDRESS_H

#include "libcommon/base/buf.h"
#include "libcommon/port/endpoint.h"

enum { ADDRESS_URL = 256 };

/* The URL, with numbers for names. Makes the run directory of ipc:NAME, 0700 and ours, where it
 * is not there; dir is the directory of an ipc: socket, else "". Ends the process with one line
 * (1) where there is no such host, or the directory is somebody else's. */
void address_url(const struct endpoint *ep, const char *text, char url[ADDRESS_URL],
		 char dir[ADDRESS_URL]);
/* A file of at most 1 MiB as a string, or the end with one line. */
void address_file(struct buf *out, const char *path, const char *text);

#endif
