/* write: the sink that puts frames into capture files. */
#include "cmd/write/write.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cmd/write/classic.h"
#include "cmd/write/source_names.h"
#include "cmd/write/ng.h"
#include "cmd/write/outfile.h"
#include "libcommon/stage/sandbox.h"

enum { IDLE_MS = 20, LINK_ETHERNET = 1, NAME_BYTES = 200 };
enum format { FORMAT_AUTO, FORMAT_PCAP, FORMAT_PCAPNG };

struct write_config {
	const char *file;
	int format, precision;
	uint64_t snaplen, size, time, packets, keep;
	const char *comment;
	bool origin;
};

static struct write_config config = { .snaplen = REC_MAX_PAYLOAD };

static const struct opt options[] = {
	OPT_ROW('w', "write", OPT_STRING, struct write_config, file, "FILE",
		"the file, like the operand; - for standard output"),
	OPT_ROW(0, "format", OPT_CHOICE, struct write_config, format, "auto|pcap|pcapng",
		"auto: pcapng where the name ends in .pcapng or .ntar, else pcap"),
	OPT_ROW(0, "precision", OPT_CHOICE, struct write_config, precision, "ns|us",
		"unit of the times"),
	OPT_ROW('s', "snaplen", OPT_SIZE, struct write_config, snaplen, "BYTES",
		"keep at most so much of a frame"),
	OPT_ROW('C', "rotate-size", OPT_SIZE, struct write_config, size, "BYTES",
		"go on in a new file before one gets longer; 0: never"),
	OPT_ROW('G', "rotate-time", OPT_DURATION, struct write_config, time, "TIME",
		"go on in a new file at each multiple of this time; 0: never"),
	OPT_ROW(0, "rotate-packets", OPT_UINT, struct write_config, packets, "N",
		"go on in a new file after N frames; 0: never"),
	OPT_ROW('W', "keep", OPT_UINT, struct write_config, keep, "N",
		"of those files keep the last N; 0: all"),
	OPT_ROW(0, "comment", OPT_STRING, struct write_config, comment, "TEXT",
		"pcapng: a comment for the file"),
	OPT_ROW(0, "origin", OPT_FLAG, struct write_config, origin, NULL,
		"pcapng: each frame's number in what was read, as its comment"),
	{ 0 },
};

static const struct rec_desc *const reads[] = { &rec_frame_desc, NULL };

struct writer {
	struct stage *stage;
	struct outfile out;
	struct source_names names;
	struct ng ng;
	struct classic *classic; /* NULL until the link type is known */
	uint32_t link_type;      /* of the classic file */
	bool pcapng, reader_gone, said_link, said_room, said_error, idle;
	bool headed; /* the file's head, or a new section's, is at head_at */
	uint64_t head_at;
	uint64_t frames; /* in the file at hand */
	uint64_t period; /* its number, where time rotates */
	struct buf comment;
	/* With them a successor finds the file: the books keep them. */
	uint64_t *file_number, *file_bytes, *file_link, *file_frames, *file_period;
	uint64_t *held, *written, *snapped;
};

static struct writer writer;

/* ---- what goes out ----------------------------------------------------------------------- */

static void flush(struct writer *w)
{
	struct outfile_result r = outfile_flush(&w->out);

	*w->held -= r.written + r.lost;
	*w->written += r.written;
	stage_consume(w->stage, r.written);
	if (r.lost)
		stage_drop(w->stage, "not_written", r.lost);
	ng_forget(&w->ng, w->out.size);
	w->headed = w->headed && w->head_at < w->out.size;
	*w->file_number = w->out.number;
	*w->file_bytes = w->out.size;
	*w->file_frames = w->frames;
	*w->file_period = w->period;
	if (w->out.broken && w->out.error == EPIPE) {
		w->reader_gone = true;
		stage_enough(w->stage);
	} else if (w->out.error) {
		if (!w->said_error)
			warn("cannot write '%s': %s; frames that do not fit are counted",
			     outfile_name(&w->out), strerror(w->out.error));
		w->said_error = true;
		stage_exit(w->stage, EXIT_FAILED);
	}
	w->out.error = 0;
}

/* What is to be said at the end of a section. */
static void close_section(struct writer *w)
{
	flush(w); /* there is room for a unit */
	if (!w->pcapng || !w->headed)
		return;
	ng_statistics(&w->ng, &w->out.pending);
	outfile_unit(&w->out, 0);
	w->headed = false;
}

static void next_file(struct writer *w)
{
	close_section(w);
	flush(w);
	outfile_next(&w->out);
	w->headed = false;
	w->frames = 0;
}

/* The head of the file, or of another section in it, where there is none yet. */
static void head(struct writer *w)
{
	static const char program[] = "weir " WEIR_VERSION;

	if (w->headed)
		return;
	w->headed = true;
	w->head_at = outfile_end(&w->out);
	if (w->pcapng)
		ng_section(&w->ng, &w->out.pending, program,
			   config.comment ? bytes_str(config.comment) : BYTES(NULL, 0));
	else
		classic_header(w->classic);
	outfile_unit(&w->out, 0);
}

static void classic_start(struct writer *w, uint32_t link_type)
{
	const char *why;

	w->classic = classic_new(link_type, (uint32_t)config.snaplen, config.precision == 1,
				 &w->out.pending, &why);
	if (!w->classic)
		die("link type %u: %s; --format=pcapng takes it", link_type, why);
	w->link_type = link_type;
	*w->file_link = link_type + 1ull;
}

/* ---- frames ------------------------------------------------------------------------------ */

/* Bytes of the UTF-8 character that the text starts with; 0: it starts with none. */
static size_t character(struct bytes text)
{
	for (size_t n = 1; n <= 4 && n <= text.len; n++)
		if (rec_is_utf8(BYTES(text.ptr, n)))
			return n;
	return 0;
}

/* As much of a name as says which one it is; bytes that are no UTF-8 stand as \xHH. */
static void add_name(struct buf *out, const char *name)
{
	size_t from = out->len, n;

	for (struct bytes text = bytes_str(name); text.len; text.ptr += n, text.len -= n) {
		n = character(text);
		if (out->len - from + (n ? n : 4) > NAME_BYTES)
			return;
		if (n)
			buf_add(out, text.ptr, n);
		else
			buf_printf(out, "\\x%02x", *text.ptr);
		n += !n;
	}
}

static void origin_comment(struct writer *w, const struct rec_head *h, const struct rec_frame *f)
{
	const char *name = source_name(&w->names, h->flow >> 48, f->file);

	buf_clear(&w->comment);
	buf_printf(&w->comment, "frame %llu", (unsigned long long)h->n);
	if (name && f->file_n) {
		buf_printf(&w->comment, ", %llu of ", (unsigned long long)f->file_n);
		add_name(&w->comment, name);
	}
}

/* Appends the frame to what is pending; NULL, or why it can't be. */
static const char *append(struct writer *w, const struct rec_head *h, const struct rec_frame *f)
{
	struct bytes data = f->payload;

	if (data.len > config.snaplen)
		data.len = config.snaplen;
	if (!w->pcapng)
		return classic_packet(w->classic, h->ts, f->wire_len, data) ? NULL : "time_range";
	if (config.origin)
		origin_comment(w, h, f);
	return ng_packet(&w->ng, &w->out.pending,
			 &(struct ng_packet){
				 .iface = { (uint32_t)(h->flow >> 48), f->file, f->iface,
					    f->link_type },
				 .ts = h->ts,
				 .wire_len = f->wire_len,
				 .outgoing = f->flags & FRAME_OUTGOING,
				 .data = data,
				 .comment = buf_bytes(&w->comment),
			 },
			 outfile_end(&w->out))
		       ? NULL
		       : "interfaces";
}

/* A frame that the format can't say. */
static void no_room(struct writer *w, const char *why)
{
	if (!w->said_room)
		warn("'%s' has no room for %s; such frames are left out", outfile_name(&w->out),
		     w->pcapng ? "link types above 65535, or more than 65536 interfaces"
			       : "times beyond the year 2106; --format=pcapng takes them");
	w->said_room = true;
	stage_exit(w->stage, EXIT_FAILED);
	stage_drop(w->stage, why, 1);
}

static void wrong_link(struct writer *w, uint32_t link_type)
{
	if (!w->said_link)
		warn("'%s' has frames of link type %u, and pcap no room for those of %u: they are "
		     "left out; --format=pcapng takes both",
		     outfile_name(&w->out), w->link_type, link_type);
	w->said_link = true;
	stage_exit(w->stage, EXIT_FAILED);
	stage_drop(w->stage, "link_type", 1);
}

/* By time and by number; by size once the frame is laid out. */
static bool file_is_over(const struct writer *w, uint64_t ts)
{
	return w->frames && ((config.packets && w->frames >= config.packets) ||
			     (config.time && ts / config.time > w->period));
}

static void write_frame(struct writer *w, const struct rec_head *h, const struct rec_frame *f)
{
	const char *why;
	size_t before;

	if (!w->pcapng && !w->classic)
		classic_start(w, f->link_type);
	if (!w->pcapng && f->link_type != w->link_type) {
		wrong_link(w, f->link_type);
		return;
	}
	if (file_is_over(w, h->ts))
		next_file(w);
	if (outfile_full(&w->out))
		flush(w);
	head(w);
	before = w->out.pending.len;
	why = append(w, h, f);
	if (!why && config.size && w->frames &&
	    outfile_end(&w->out) + ng_statistics_size(&w->ng) > config.size) {
		w->out.pending.len = before;
		ng_forget(&w->ng, outfile_end(&w->out));
		next_file(w);
		head(w);
		why = append(w, h, f);
	}
	if (why) {
		no_room(w, why);
		return;
	}
	if (w->pcapng)
		ng_count(&w->ng, h->ts);
	if (w->frames++ == 0 && config.time)
		w->period = h->ts / config.time;
	outfile_unit(&w->out, 1);
	++*w->held;
	*w->snapped += f->payload.len > config.snaplen;
}

static void on_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	struct writer *w = &writer;
	struct rec_frame f;
	struct rec_head h;

	w->idle = false;
	for (size_t i = 0; i < n; i++) {
		if (recs[i].head.type != REC_frame)
			stage_filter(st, 1);
		else if (w->reader_gone)
			stage_drop(st, "not_written", 1);
		else if (stage_decode(st, &rec_frame_desc, &recs[i], &h, &f))
			write_frame(w, &h, &f);
	}
}

/* ---- life -------------------------------------------------------------------------------- */

static void interface_names(void *user, const struct ng_iface *i, struct buf *name,
			    struct buf *description)
{
	struct writer *w = user;
	const char *text = source_name(&w->names, i->source, i->file);

	if (!text)
		return;
	if (w->names.live) {
		add_name(name, text);
	} else {
		add_name(description, text);
		buf_printf(description, ", interface %u", i->iface);
	}
}

static bool interface_counts(void *user, const struct ng_iface *i, struct ng_counts *c)
{
	struct writer *w = user;
	const struct source_row *row = source_row(&w->names, i->source, i->file);

	/* The count of "any" is that of many interfaces. */
	if (!row || !row->counted || strcmp(row->name, "any") == 0)
		return false;
	*c = (struct ng_counts){ row->in, row->drops };
	return true;
}

static bool named_pcapng(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcmp(dot, ".pcapng") == 0 || strcmp(dot, ".ntar") == 0);
}

static void on_open(struct stage *st, int argc, char **argv)
{
	struct writer *w = &writer;
	bool numbered = config.size || config.time || config.packets;

	if (argc > 1 || (argc && config.file))
		die_usage("one file is written; '%s' is one more", argv[argc]);
	if (argc)
		config.file = argv[1];
	if (!config.file)
		die_usage("no file named; - is standard output");
	if (!config.snaplen || config.snaplen > REC_MAX_PAYLOAD)
		die_usage("--snaplen: not 1 to %d bytes", REC_MAX_PAYLOAD);
	if (config.keep && !numbered)
		die_usage("--keep goes with --rotate-size, --rotate-time or --rotate-packets");
	if (config.keep > UINT32_MAX)
		die_usage("--keep: at most %u", UINT32_MAX);
	if (numbered && strcmp(config.file, "-") == 0)
		die_usage("standard output can't be rotated");
	if (strcmp(config.file, "-") == 0 && isatty(STDOUT_FILENO))
		die_usage("standard output is a terminal; name a file");
	w->pcapng = config.format == FORMAT_PCAPNG ||
		    (config.format == FORMAT_AUTO && named_pcapng(config.file));
	if (!w->pcapng && (config.comment || config.origin))
		die_usage("--%s goes with pcapng", config.comment ? "comment" : "origin");
	if (config.comment &&
	    (strlen(config.comment) > NG_MAX_TEXT || !rec_is_utf8(bytes_str(config.comment))))
		die_usage("--comment: not UTF-8, or more than %d bytes", NG_MAX_TEXT);
	w->stage = st;
	w->ng = (struct ng){ .snaplen = (uint32_t)config.snaplen,
			     .micro = config.precision == 1,
			     .names = interface_names,
			     .counts = interface_counts,
			     .user = w };
	w->held = stage_counter(st, "held");
	w->written = stage_counter(st, "frames_written");
	w->snapped = stage_counter(st, "snapped");
	w->file_number = stage_counter(st, "files");
	w->file_bytes = stage_counter(st, "file_bytes");
	w->file_link = stage_counter(st, "file_link");
	w->file_frames = stage_counter(st, "file_frames");
	w->file_period = stage_counter(st, "file_period");
	write_ops.sandbox = numbered ? SANDBOX_WRITE_DIR : SANDBOX_BASE;
	outfile_open(&w->out, config.file, numbered, (uint32_t)config.keep);
	if (!numbered)
		stage_writes(st, file_id_open(w->out.fd), config.file);
}

static const char *on_dir(struct stage *st)
{
	(void)st;
	return writer.out.numbered ? outfile_directory(&writer.out) : NULL;
}

/* A predecessor stopped in the midst of a file: pcap goes on, pcapng with a new section. */
static void on_resume(struct stage *st, uint64_t n)
{
	struct writer *w = &writer;

	(void)st;
	(void)n;
	if (!outfile_resume(&w->out, *w->file_number, *w->file_bytes))
		die_errno("cannot go on with '%s'", outfile_name(&w->out));
	w->frames = *w->file_frames;
	w->period = *w->file_period;
	if (*w->file_link)
		classic_start(w, (uint32_t)(*w->file_link - 1));
	w->headed = !w->pcapng && *w->file_bytes;
}

static void on_settle(struct stage *st)
{
	(void)st;
	flush(&writer);
}

/* What nothing follows for a moment goes out. */
static int on_turn(struct stage *st)
{
	struct writer *w = &writer;

	(void)st;
	if (w->idle)
		flush(w);
	w->idle = true;
	return w->out.nunits ? IDLE_MS : -1;
}

static void on_control(struct stage *st, const struct rec_head *h, struct bytes raw)
{
	(void)st;
	if (h->type == REC_hello)
		source_names_hello(&writer.names, raw);
	else if (h->type == REC_end)
		source_names_end(&writer.names, raw);
}

static void on_finish(struct stage *st)
{
	(void)st;
	close_section(&writer);
	flush(&writer);
}

/* Another stream's interfaces are others, though they may be numbered alike. */
static void on_restart(struct stage *st)
{
	(void)st;
	close_section(&writer);
	source_names_clear(&writer.names);
}

int write_end(int code)
{
	struct writer *w = &writer;
	bool good;

	if (!w->out.begun && !w->headed && !w->reader_gone && code != EXIT_USAGE) {
		/* No frame came: that, too, is a capture. */
		if (!w->pcapng && !w->classic)
			classic_start(w, LINK_ETHERNET);
		head(w);
		outfile_flush(&w->out);
	}
	good = outfile_close(&w->out) && !w->out.error;
	if (!good && !w->said_error) {
		errno = w->out.error;
		warn_errno("cannot write '%s'", outfile_name(&w->out));
	}
	if (w->classic)
		classic_free(w->classic);
	ng_release(&w->ng);
	source_names_release(&w->names);
	buf_release(&w->comment);
	if (w->reader_gone && code == EXIT_DONE) {
		signal(SIGPIPE, SIG_DFL); /* so do we, quietly */
		raise(SIGPIPE);
	}
	return good || code != EXIT_DONE ? code : EXIT_FAILED;
}

struct stage_ops write_ops = {
	.name = "write",
	.summary = "write frames to capture files",
	.operands = "[FILE]",
	.epilog = "Reads frame records. Writes pcap, or pcapng, which keeps interfaces apart.\n\n"
		  "  weir read a.pcap b.pcapng | weir write both.pcapng\n"
		  "  weir read big.pcap | weir write -C 100M -W 10 part.pcap\n"
		  "  weir read x.pcapng | weir write - | tcpdump -r -\n",
	.kind = STAGE_SINK,
	.options = options,
	.config = &config,
	.reads = reads,
	.open = on_open,
	.sandbox_dir = on_dir,
	.resume = on_resume,
	.restart = on_restart,
	.settle = on_settle,
	.turn = on_turn,
	.control = on_control,
	.batch = on_batch,
	.finish = on_finish,
};
