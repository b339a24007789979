/* filter_file: the program of -F, as every source of frames takes it. */
#ifndef WEIR_FILTER_FILE_H
#define WEIR_FILTER_FILE_H

#include "libcommon/net/bpf.h"

/* The row of the option in a tool's table. */
#define FILTER_OPTION(config, member)                                                              \
	OPT_ROW('F', "filter-file", OPT_STRING, config, member, "FILE",                            \
		"keep what this BPF program accepts: text of 'tcpdump -ddd', - for stdin")

/* Reads it ("-": standard input) and checks it as the kernel would. Ends the process with one line:
 * 1 where it can't be read, 2 where it is no such program. Never NULL; kept as long as the process
 * lives. */
struct bpf *filter_file_open(const char *name);

#endif
