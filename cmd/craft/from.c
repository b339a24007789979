/* from: expressions out of frames. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/craft/craft.h"
#include "libcommon/packet/print.h"
#include "libcommon/run/lookup.h"

static const struct craft_config *config;
static struct pkt_printer printer;
static struct buf text;
static uint64_t *header_bytes, *unnamed_bytes;

void from_start_reader(const char *file)
{
	char program[4096];
	int ends[2];

	if (strcmp(file, "-") == 0)
		return;
	if (access(file, R_OK))
		die_errno("cannot open '%s'", file);
	if (!lookup_tool("read", program, sizeof(program)))
		die("there is no weir-read to read '%s' with", file);
	if (pipe(ends))
		die_errno("cannot make a pipe");
	switch (fork()) {
	case -1:
		die_errno("cannot start weir-read");
	case 0:
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl(program, "weir-read", "--no-ring", "--", file, (char *)NULL);
		die_errno("cannot start weir-read");
	default:
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		close(ends[1]);
	}
}

void from_open(struct stage *st, int argc, char **argv)
{
	(void)argv;
	config = stage_config(st);
	if (argc)
		die_usage("an expression, or --from: not both");
	header_bytes = stage_counter(st, "header_bytes");
	unnamed_bytes = stage_counter(st, "unnamed_bytes");
}

void from_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pkt_meta meta = { .with_time = config->times };
		struct rec_head h;
		struct rec_frame f;
		struct packet p;

		if (recs[i].head.type != REC_frame) {
			stage_filter(st, 1);
			continue;
		}
		if (!stage_decode(st, &rec_frame_desc, &recs[i], &h, &f))
			continue;
		meta.time = h.ts;
		meta.wire_len = f.wire_len;
		pkt_dissect(&p, f.link_type, f.payload);
		buf_clear(&text);
		pkt_print(&printer, &p, &meta, &text);
		buf_add_byte(&text, '\n');
		stage_text(st, buf_bytes(&text));
		stage_consume(st, 1);
	}
	*header_bytes = printer.header_bytes;
	*unnamed_bytes = printer.unnamed_bytes;
}
