/* streams: the sink that shows or keeps the bytes of streams. */
#include "cmd/streams/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/streams/tracks.h"
#include "cmd/streams/transcript.h"
#include "libcommon/stage/sandbox.h"

enum {
	MAX_FDS = 256,
	MAX_BUFFERS = 2048,
	MAX_NAMES = 4 * 1024 * 1024,
	COUNTERS = 6,
	AHEAD = 4, /* records whose tracks are looked for while one is done */
	TEXT_MOST = 65536
};

struct streams_stage {
	struct stage *stage;
	struct tracks *tracks;
	struct stream_files *files;
	struct transcript transcript;
	struct buf text;
	uint64_t *counters[COUNTERS];
	bool said;
};

struct streams_config {
	const char *dir;
	bool follow, digest;
	uint64_t max_streams;
};

static struct streams_config config = { .max_streams = 524288 };

static const struct opt options[] = {
	OPT_ROW('d', "dir", OPT_STRING, struct streams_config, dir, "DIR",
		"write each direction to a file in DIR"),
	OPT_ROW(0, "follow", OPT_FLAG, struct streams_config, follow, NULL,
		"print both sides of each connection as they come"),
	OPT_ROW(0, "digest", OPT_FLAG, struct streams_config, digest, NULL,
		"print a JSON line with the SHA-256 of each direction"),
	OPT_ROW(0, "max-streams", OPT_UINT, struct streams_config, max_streams, "N",
		"directions open at once; beyond, the least recently used one is closed"),
	{ 0 },
};

static const struct rec_desc *const reads[] = { &rec_stream_desc, &rec_stream_end_desc, NULL };

static const char *const counter_names[COUNTERS] = {
	"file_bytes.in", "file_bytes.written", "file_bytes.lost", "files", "reopened", "evicted",
};

static void counters_set(struct streams_stage *s)
{
	static const struct stream_files_stats none;
	const struct stream_files_stats *f = s->files ? stream_files_stats(s->files) : &none;
	const uint64_t values[COUNTERS] = {
		f->in, f->written, f->lost, f->files, f->reopened, tracks_evicted(s->tracks),
	};

	for (int i = 0; i < COUNTERS; i++)
		*s->counters[i] = values[i];
	if (f->first_errno && !s->said) {
		s->said = true;
		warn("cannot write '%s': %s", f->first_name, strerror(f->first_errno));
		stage_exit(s->stage, EXIT_FAILED);
	}
}

static void text_out(struct streams_stage *s)
{
	if (s->text.len)
		stage_text(s->stage, buf_bytes(&s->text));
	buf_clear(&s->text);
}

static void add_number(struct buf *out, const char *before, uint64_t v)
{
	uint8_t digits[20], *at = digits + sizeof(digits);

	do
		*--at = (uint8_t)('0' + v % 10);
	while (v /= 10);
	buf_add_str(out, before);
	buf_add(out, at, (size_t)(digits + sizeof(digits) - at));
}

static void add_text(struct buf *out, const char *before, const char *text)
{
	buf_add_str(out, before);
	buf_add_str(out, text);
}

/* One JSON line; addresses and hex need no escaping. A line a file: no printf here. */
static void print_digest(struct streams_stage *s, struct track *t)
{
	const struct stream_ends *e = &t->file.ends;
	char address[STREAM_NAME], hex[DIGEST_HEX];
	struct buf *out = &s->text;

	digest_stream_hex(t->digest, hex);
	if (!t->bytes)
		return;
	stream_address(e->src, e->ip_version, address);
	add_text(out, "{\"src\":\"", address);
	add_number(out, "\",\"sport\":", e->sport);
	stream_address(e->dst, e->ip_version, address);
	add_text(out, ",\"dst\":\"", address);
	add_number(out, "\",\"dport\":", e->dport);
	add_number(out, ",\"bytes\":", t->bytes);
	add_text(out, ",\"sha256\":\"", hex);
	add_number(out, "\",\"gap_bytes\":", t->gap_bytes);
	if (e->has_sid)
		add_number(out, ",\"sid\":", e->sid);
	if (t->lost_messages)
		add_number(out, ",\"lost_messages\":", t->lost_messages);
	buf_add_str(out, "}\n");
	if (s->text.len > TEXT_MOST)
		text_out(s);
}

static void on_closed(void *ctx, struct track *t)
{
	struct streams_stage *s = ctx;

	if (t->digest)
		print_digest(s, t);
	if (s->files)
		stream_file_close(s->files, &t->file);
}

/* ---- records ---- */

static void on_stream(struct streams_stage *s, const struct stage_rec *rec)
{
	struct rec_head h;
	struct rec_stream r;
	struct track *t;

	if (!rec_stream_get(rec->raw, &h, &r) &&
	    !stage_decode(s->stage, &rec_stream_desc, rec, &h, &r))
		return;
	stage_consume(s->stage, 1);
	if (config.follow)
		transcript_stream(&s->transcript, &s->text, &h, &r);
	/* A lost chunk of SCTP is of an unknown stream; where one lacks something it says so. */
	if ((!s->files && !config.digest) || r.flags & STREAM_LOST_CHUNKS)
		return;
	t = track_get(s->tracks, &h, &r);
	if (r.flags & (STREAM_LOST_MESSAGES | STREAM_LOST_PART)) {
		t->lost_messages += r.gap;
		return;
	}
	t->gap_bytes += r.gap;
	t->bytes += r.payload.len;
	if (t->digest && r.payload.len)
		digest_add(t->digest, r.payload);
	if (s->files && r.gap)
		stream_file_hole(s->files, &t->file, r.gap);
	if (s->files && r.payload.len)
		stream_file_add(s->files, &t->file, r.payload);
}

static void on_stream_end(struct streams_stage *s, const struct stage_rec *rec)
{
	struct rec_head h;
	struct rec_stream_end r;

	if (!stage_decode(s->stage, &rec_stream_end_desc, rec, &h, &r))
		return;
	stage_consume(s->stage, 1);
	if (config.follow)
		transcript_end(&s->transcript, &s->text, &h, &r);
	track_close(s->tracks, h.flow, (uint8_t)(r.dir & 1));
}

static void on_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	struct streams_stage *s = *stage_user(st);

	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			tracks_expect(s->tracks, recs[i + AHEAD].head.flow);
		if (recs[i].head.type == REC_stream)
			on_stream(s, &recs[i]);
		else if (recs[i].head.type == REC_stream_end)
			on_stream_end(s, &recs[i]);
		else
			stage_filter(st, 1);
	}
	text_out(s);
	counters_set(s);
}

/* ---- life ---- */

static const char *on_dir(struct stage *st)
{
	(void)st;
	return config.dir;
}

static struct stream_files *files_open(void)
{
	static const struct stream_files_limits limits = { MAX_FDS, MAX_BUFFERS, MAX_NAMES };
	int fd;

	if (mkdir(config.dir, 0777) < 0 && errno != EEXIST)
		die_errno("cannot make the directory '%s'", config.dir);
	fd = open(config.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die_errno("cannot open the directory '%s'", config.dir);
	return stream_files_new(fd, &limits);
}

static void on_open(struct stage *st, int argc, char **argv)
{
	static struct streams_stage stage;

	(void)argc;
	(void)argv;
	if (!config.dir && !config.follow && !config.digest)
		die_usage("one of -d DIR, --follow and --digest is needed");
	if (config.follow && config.digest)
		die_usage("--follow and --digest can't share one output");
	if (!config.max_streams || config.max_streams > UINT32_MAX)
		die_usage("--max-streams: 1 .. %u", UINT32_MAX);
	stage.stage = st;
	stage.tracks = tracks_new(config.max_streams, config.digest,
				  &(struct tracks_host){ &stage, on_closed });
	streams_ops.sandbox = config.dir ? SANDBOX_WRITE_DIR : SANDBOX_BASE;
	if (config.dir)
		stage.files = files_open();
	stage.transcript.colour = config.follow && stage_text_in_colour(st);
	for (int i = 0; i < COUNTERS; i++)
		stage.counters[i] = stage_counter(st, counter_names[i]);
	*stage_user(st) = &stage;
}

static void on_end(struct stage *st)
{
	struct streams_stage *s = *stage_user(st);

	tracks_close_all(s->tracks);
	text_out(s);
	counters_set(s);
}

struct stage_ops streams_ops = {
	.name = "streams",
	.summary = "write byte streams as files, as a transcript, or as digests",
	.epilog = "Reads stream and stream_end records of weir-reasm.\n\n"
		  "  weir read trace.pcap | weir flow | weir reasm | weir streams -d out\n"
		  "  weir read trace.pcap | weir flow | weir reasm | weir streams --follow\n",
	.kind = STAGE_SINK,
	.options = options,
	.config = &config,
	.reads = reads,
	.open = on_open,
	.sandbox_dir = on_dir,
	.batch = on_batch,
	.finish = on_end,
};
