/* files: many streams into files of one directory, with few descriptors and few writes.
 *
 * Bytes gather in fixed buffers and leave by pwrite; at most `max_fds` descriptors are open. A
 * piece that does not fit on the disk is taken back whole. */
#ifndef WEIR_STREAMS_FILES_H
#define WEIR_STREAMS_FILES_H

#include "cmd/streams/name.h"
#include "libcommon/base/bytes.h"

enum { STREAM_BUFFER = 16384 };

struct stream_buffer;

/* One file. Zeroed is a new one. Owned by the caller until stream_file_close(). */
struct stream_file {
	struct stream_file *newer, *older;       /* with a buffer, by last use */
	struct stream_file *fd_newer, *fd_older; /* with a descriptor, by last use */
	struct stream_buffer *buffer;
	uint64_t at;  /* where the next byte goes */
	uint64_t end; /* length of the file on disk */
	int fd;       /* descriptor + 1; 0 = none */
	bool made;    /* it exists */
	bool lost;    /* the last piece was not written */
	struct stream_ends ends;
	uint32_t again; /* number of connections with that name before */
};

struct stream_files;

struct stream_files_limits {
	uint32_t max_fds, max_buffers;
	uint32_t max_names; /* files made, for telling equal names apart */
};

struct stream_files_stats {
	uint64_t in, written, lost; /* bytes: in = written + lost */
	uint64_t files, reopened, refused;
	int first_errno; /* of the first failure, 0 = none */
	char first_name[STREAM_NAME];
};

/* dirfd stays the caller's. */
struct stream_files *stream_files_new(int dirfd, const struct stream_files_limits *limits);
void stream_files_free(struct stream_files *s);
/* Appends bytes, or a hole of so many. */
void stream_file_add(struct stream_files *s, struct stream_file *f, struct bytes data);
void stream_file_hole(struct stream_files *s, struct stream_file *f, uint64_t len);
/* Writes out what is buffered, makes the file as long as the stream, gives back everything. */
void stream_file_close(struct stream_files *s, struct stream_file *f);
const struct stream_files_stats *stream_files_stats(const struct stream_files *s);

#endif
