/* files: the operands of weir-read as a list of open descriptors. */
#ifndef WEIR_READ_FILES_H
#define WEIR_READ_FILES_H

#include <stddef.h>
#include <stdint.h>

struct file {
	char *name; /* owned; "-" for standard input */
	int fd;
	uint64_t size; /* 0 where it is no regular file */
};

struct files {
	struct file *v;
	size_t n, size;
};

/* Opens a file, each regular file of a directory in order of names (hidden ones left out), or
 * standard input ("-"). FIFOs are opened without waiting for their writers. Ends the process (1)
 * with one line where it can't. */
void files_add(struct files *l, const char *operand);
/* Frees the list; the descriptors stay open. */
void files_release(struct files *l);

#endif
