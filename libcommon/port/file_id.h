/* file_id: is it the same regular file? What else has an inode, as a pipe or a device, can be read
 * and written at once by the same process and comes to no harm. */
#ifndef WEIR_FILE_ID_H
#define WEIR_FILE_ID_H

#include <stdbool.h>
#include <sys/stat.h>

struct file_id {
	dev_t dev;
	ino_t ino;
	bool regular; /* false: this is none, and the same as none */
};

static inline struct file_id file_id_of(const struct stat *st)
{
	return (struct file_id){ st->st_dev, st->st_ino, S_ISREG(st->st_mode) };
}

static inline struct file_id file_id_open(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? file_id_of(&st) : (struct file_id){ 0 };
}

static inline struct file_id file_id_path(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? file_id_of(&st) : (struct file_id){ 0 };
}

static inline bool file_id_same(struct file_id a, struct file_id b)
{
	return a.regular && b.regular && a.dev == b.dev && a.ino == b.ino;
}

#endif
