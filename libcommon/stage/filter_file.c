/* filter_file: the program of -F, as every source of frames takes it. */
#include "libcommon/stage/filter_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "libcommon/base/buf.h"
#include "libcommon/base/die.h"

enum { CHUNK = 16384, TEXT_MAX = 256 * 1024 }; /* 4096 lines of four numbers are less */

struct bpf *filter_file_open(const char *name)
{
	struct bpf *p = xcalloc(1, sizeof(*p));
	bool standard = strcmp(name, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	struct buf text = { 0 };
	char why[BPF_WHY];
	uint8_t chunk[CHUNK];
	ssize_t n;

	if (fd < 0)
		die_errno("cannot open '%s'", name);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && text.len <= TEXT_MAX)
		buf_add(&text, chunk, (size_t)n);
	if (n < 0)
		die_errno("cannot read '%s'", name);
	if (!standard)
		close(fd);
	if (!bpf_parse(p, buf_bytes(&text), why))
		die_usage("filter '%s': %s; wanted is the output of 'tcpdump -ddd'", name, why);
	if (!bpf_check(p, why))
		die_usage("filter '%s': %s", name, why);
	buf_release(&text);
	return p;
}
