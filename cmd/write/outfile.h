/* outfile: one file, or a row of numbered ones, that hold whole units alone.
 *
 * Units gather in `pending` and leave together. Where the disk is full the file is cut behind the
 * last unit that is whole; what comes later is tried again. A pipe gets all or nothing more. */
#ifndef WEIR_WRITE_OUTFILE_H
#define WEIR_WRITE_OUTFILE_H

#include "libcommon/base/buf.h"

enum { OUTFILE_UNITS = 8192, OUTFILE_NAME = 4096 };

struct outfile {
	const char *path; /* "-" for standard output */
	bool numbered;    /* path-000001.ext and so on */
	uint32_t keep;    /* of the numbered ones, the last so many; 0: all */
	int dirfd, fd;    /* fd: -1 = the file is to be opened */
	bool regular, begun, broken;
	uint64_t base, size; /* bytes in it before us; of whole units in it */
	uint64_t number;     /* of the file */
	int error;           /* of the first failure since it was set to 0 */

	struct buf pending;
	struct {
		uint32_t end; /* in pending */
		uint32_t frames;
	} units[OUTFILE_UNITS];
	size_t nunits;
};

struct outfile_result {
	uint64_t written, lost; /* frames */
};

/* Ends the process (1) where it can't be opened. What the file holds stays until the first write.
 * For numbered ones the directory is opened. */
void outfile_open(struct outfile *o, const char *path, bool numbered, uint32_t keep);
/* Its directory, valid until the next call. */
const char *outfile_directory(const struct outfile *o);
/* A predecessor has written file `number` up to `size`. False where it is not there. */
bool outfile_resume(struct outfile *o, uint64_t number, uint64_t size);
/* The name of the file at hand, valid until the next call. */
const char *outfile_name(const struct outfile *o);
/* What was appended to pending since the last one is a unit. */
void outfile_unit(struct outfile *o, uint32_t frames);
static inline uint64_t outfile_end(const struct outfile *o)
{
	return o->size + o->pending.len;
}
static inline bool outfile_full(const struct outfile *o)
{
	return o->nunits == OUTFILE_UNITS || o->pending.len >= 256 * 1024;
}
/* Writes out the units. Afterwards nothing is pending. */
struct outfile_result outfile_flush(struct outfile *o);
/* The next of the numbered files; nothing is pending. */
void outfile_next(struct outfile *o);
/* Nothing is pending. False where closing it failed: o->error. */
bool outfile_close(struct outfile *o);

#endif
