/* embed: the whole of weir in one process over a classic pcap file, beside which the split pipeline
 * is measured (pipelines.py). embed FILE.pcap */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/dns/dns.h"
#include "cmd/http/http.h"
#include "cmd/read/pcap_bulk.h"
#include "cmd/tls/tls.h"
#include "libcommon/base/die.h"
#include "libcommon/stage/weir.h"

enum { CHUNK = 256 * 1024, ROOM = CHUNK + 2 * REC_MAX_PAYLOAD, GROUP = 32 };

static uint8_t window[ROOM];
static uint64_t kinds[64]; /* records by type */

static void on_record(void *user, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	(void)user;
	(void)h;
	(void)rec;
	kinds[desc->id & 63]++;
}

/* All whole frames of `in`, which is moved behind them. */
static void feed(struct weir *w, struct bulk *b, struct bytes *in)
{
	struct weir_frame frames[GROUP];
	struct cap_frame f;
	size_t n = 0;
	enum cap_step step;

	while ((step = bulk_next(b, in, &f)) == CAP_FRAME) {
		frames[n++] = (struct weir_frame){ f.ts, f.link_type, f.wire_len, 0, 0, f.data };
		if (n == GROUP) {
			weir_frames(w, frames, n);
			n = 0;
		}
	}
	if (step == CAP_BAD)
		die("%s", b->why);
	weir_frames(w, frames, n);
}

static void run(struct weir *w, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct bytes in = { window, 0 };
	struct bulk b;
	ssize_t got;

	if (fd < 0 || read(fd, window, BULK_FILE_HEADER) != BULK_FILE_HEADER ||
	    !bulk_open(&b, BYTES(window, BULK_FILE_HEADER)))
		die("%s: not a classic pcap file", path);
	while ((got = read(fd, window + in.len, CHUNK)) > 0) {
		in = BYTES(window, in.len + (size_t)got);
		feed(w, &b, &in);
		memmove(window, in.ptr, in.len);
	}
	if (got < 0)
		die_errno("%s", path);
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct l7_parser *const parsers[] = { &dns_parser, &http_parser, &tls_parser,
							   NULL };
	struct weir_config config;
	struct weir *w;

	tool_name = "embed";
	if (argc != 2) {
		printf("embed: measured beside the pipeline, above\n");
		return EXIT_SUCCESS;
	}
	weir_defaults(&config);
	config.parsers = parsers;
	config.record = on_record;
	w = weir_new(&config);
	if (!w)
		die("no memory");
	run(w, argv[1]);
	weir_finish(w);
	fprintf(stderr, "embed: %llu frames; records: %llu flow, %llu dns, %llu http, %llu tls\n",
		(unsigned long long)weir_flows(w)->frames, (unsigned long long)kinds[REC_flow],
		(unsigned long long)kinds[REC_dns], (unsigned long long)kinds[REC_http],
		(unsigned long long)kinds[REC_tls]);
	weir_free(w);
	return EXIT_SUCCESS;
}
