/* source: the capture files of one weir-read, as one source of frames. */
#include "cmd/read/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/read/capfile.h"
#include "cmd/read/files.h"
#include "libcommon/stage/filter_file.h"

enum {
	SOURCE_ID = 0,
	CHUNK = 256 * 1024, /* bytes of one read(2); measured best */
	MIN_CHUNK = 16 * 1024,
	MERGE_MEMORY = 16 << 20, /* of all chunks together, while merging */
	BATCH = 4096,            /* frames of one call of produce() at most */
	WAIT_MS = 100,           /* for a quiet pipe, before signals are looked at again */
	NAMED_LINKS = 24,        /* link types that get a counter of their own */
};

/* The next frame of each file that has one: a heap by (time, file). */
struct head {
	struct cap_frame frame;
	struct capfile *file;
};

struct source {
	const struct source_config *config;
	struct files files;
	struct capfile *caps; /* one per file */
	size_t current;       /* file at hand, where they are not merged */
	bool idle;            /* the last call made nothing: this one may wait */
	uint64_t n, highest_ts;
	uint64_t seen;      /* frames read, with those that the filter left out */
	uint64_t resume_at; /* of these, so many are a predecessor's */

	struct head *heap;
	size_t nheap, unread; /* files from `unread` on have given no first frame yet */
	bool emitted;         /* the top of the heap went out: its file's next frame is due */

	uint64_t link_type; /* of the last frame; ~0 = none yet */
	uint64_t *link_counter, link_known;
	struct {
		uint32_t type;
		uint64_t *counter;
	} links[NAMED_LINKS]; /* the unusual ones seen so far */
	unsigned nlinks;
	uint64_t *file_bytes, *odd_caplen, *time_back;
	struct bpf *filter; /* NULL: every frame is wanted */
	uint64_t *made;
};

static bool stopping(void *st)
{
	return stage_stopping(st);
}

/* Before any file: both may not be standard input. */
static void open_filter(struct source *s, int argc, char **argv)
{
	const char *name = s->config->filter_file;
	bool standard = name && strcmp(name, "-") == 0;

	for (int i = 1; standard && i <= argc; i++)
		if (strcmp(argv[i], "-") == 0)
			argc = 0;
	if (standard && argc == 0)
		die_usage("standard input can't be both the filter and a capture");
	if (name)
		s->filter = filter_file_open(name);
}

void source_open(struct stage *st, int argc, char **argv)
{
	struct source *s = xcalloc(1, sizeof(*s));
	size_t chunk = CHUNK;
	uint64_t total = 0;

	*stage_user(st) = s;
	s->config = stage_config(st);
	s->link_type = UINT64_MAX;
	s->link_counter = &s->link_known;
	s->file_bytes = stage_counter(st, "file_bytes");
	s->odd_caplen = stage_counter(st, "odd_caplen");
	s->time_back = stage_counter(st, "time_back");
	s->made = stage_counter(st, "made");
	open_filter(s, argc, argv);
	if (argc == 0 && isatty(STDIN_FILENO))
		die_usage("no capture file named, and standard input is a terminal");
	if (argc == 0)
		files_add(&s->files, "-");
	for (int i = 1; i <= argc; i++)
		files_add(&s->files, argv[i]);
	s->caps = xcalloc(s->files.n ? s->files.n : 1, sizeof(*s->caps));
	if (s->config->merge && s->files.n) {
		s->heap = xcalloc(s->files.n, sizeof(*s->heap));
		chunk = MERGE_MEMORY / s->files.n;
		chunk = chunk > CHUNK ? CHUNK : chunk < MIN_CHUNK ? MIN_CHUNK : chunk;
	}
	for (size_t i = 0; i < s->files.n; i++) {
		struct file *f = &s->files.v[i];

		capfile_open(&s->caps[i], f->name, (uint32_t)i, f->fd, chunk, s->file_bytes);
		s->caps[i].stopping = stopping;
		s->caps[i].stopping_arg = st;
		stage_reads(st, file_id_open(f->fd), f->name);
		total += f->size;
		if (i == 0 || s->config->merge)
			stage_source(st, SOURCE_ID, f->name, 1);
	}
	*stage_counter(st, "file_size") = total;
}

/* ---- frames ------------------------------------------------------------------------------ */

/* Link types that weir-flow takes apart. */
static bool link_is_usual(uint32_t type)
{
	switch (type) {
	case 0:  /* NULL */
	case 1:  /* ETHERNET */
	case 12: /* RAW, as some systems wrote it */
	case 14:
	case 101: /* RAW */
	case 108: /* LOOP */
	case 113: /* LINUX_SLL */
	case 228: /* IPV4 */
	case 229: /* IPV6 */
	case 276: /* LINUX_SLL2 */
		return true;
	default:
		return false;
	}
}

/* Link types are numbered one after the other, and there are not 512 yet. A higher number that
 * libpcap has no name for comes from a damaged header. */
static bool link_is_plausible(uint32_t type)
{
	return type < 512 || pcap_datalink_val_to_name((int)type);
}

static uint64_t *link_counter(struct stage *st, struct source *s, uint32_t type)
{
	char name[40];
	unsigned i = 0;

	if (link_is_usual(type))
		return &s->link_known;
	while (i < s->nlinks && s->links[i].type != type)
		i++;
	if (i == NAMED_LINKS)
		return stage_counter(st, "link_type_other");
	if (i == s->nlinks) {
		snprintf(name, sizeof(name), "link_type_%u", type);
		s->links[i].type = type;
		s->links[i].counter = stage_counter(st, name);
		s->nlinks++;
	}
	return s->links[i].counter;
}

/* A frame's link type differs from the last one's. Frames of unusual ones are counted; a number
 * that nobody knows is a damaged file, although its frames pass on. */
static void link_changed(struct stage *st, struct source *s, struct capfile *file,
			 const struct cap_frame *f)
{
	s->link_type = f->link_type;
	s->link_counter = link_counter(st, s, f->link_type);
	if (link_is_usual(f->link_type) || link_is_plausible(f->link_type) || file->odd_link)
		return;
	file->odd_link = true;
	warn("%s: offset %llu: unknown link type %u", file->name,
	     (unsigned long long)capfile_link_at(file, f), f->link_type);
	stage_exit(st, EXIT_TRUNCATED);
}

/* Asks the filter, which also says how much of the frame is wanted. */
static bool wanted(struct stage *st, struct source *s, const struct capfile *file,
		   const struct cap_frame *f, struct bytes *payload)
{
	struct bpf_frame b;
	uint32_t verdict;

	bpf_frame_of(&b, f->data, f->wire_len, f->link_type, f->flags & FRAME_OUTGOING,
		     file->frames);
	verdict = bpf_run(s->filter, &b);
	if (verdict < payload->len)
		payload->len = verdict;
	if (verdict)
		return true;
	if (s->seen > s->resume_at) {
		++*s->made;
		stage_filter(st, 1);
	}
	return false;
}

/* One copy: out of the file's window into the output. */
static inline __attribute__((always_inline)) void
emit(struct stage *st, struct source *s, struct capfile *file, const struct cap_frame *f)
{
	struct rec_head h = { REC_frame, f->ts, (uint64_t)SOURCE_ID << 48, 0 };
	struct rec_frame r = {
		.link_type = f->link_type,
		.wire_len = f->wire_len,
		.flags = f->flags,
		.iface = f->iface,
		.file = file->index,
		.file_n = file->frames,
		.payload = f->data,
	};
	size_t n;
	uint8_t *at;

	if (f->link_type != s->link_type)
		link_changed(st, s, file, f);
	s->seen++;
	if (s->filter && !wanted(st, s, file, f, &r.payload))
		return;
	h.n = ++s->n;
	n = rec_frame_wire + r.payload.len;
	if (__builtin_expect(s->seen <= s->resume_at, 0)) {
		if (f->ts > s->highest_ts)
			s->highest_ts = f->ts;
		return;
	}
	if (f->ts < s->highest_ts)
		r.flags |= FRAME_TIME_BACK;
	else
		s->highest_ts = f->ts;
	at = stage_reserve(st, &rec_frame_desc, n);
	rec_frame_put_head(at, &h, &r);
	if (r.payload.len && !stage_discards(st))
		memcpy(at + rec_frame_wire, r.payload.ptr, r.payload.len);
	stage_commit(st, n);
	/* Not before: to reserve may commit, which is when this frame has not been. */
	++*s->link_counter;
	*s->odd_caplen += f->data.len > f->wire_len;
	*s->time_back += (r.flags & FRAME_TIME_BACK) != 0;
	stage_at(st, SOURCE_ID, h.n, h.ts);
}

/* A file has come to one of its ends: says what was wrong with it. */
static void close_file(struct stage *st, struct capfile *file, enum capfile_state state)
{
	if (state == CAPFILE_DAMAGED && !stage_stopping(st))
		stage_truncated(st, file->name, file->bad_at, file->why);
	if (state == CAPFILE_FOREIGN) {
		warn("%s: offset %llu: %s", file->name, (unsigned long long)file->bad_at,
		     file->why);
		stage_exit(st, EXIT_FAILED);
	}
	capfile_close(file);
}

static bool counted_out(const struct source *s)
{
	return s->config->count && s->n >= s->config->count;
}

/* ---- one file after the other ------------------------------------------------------------ */

static bool produce_in_turn(struct stage *st, struct source *s)
{
	struct cap_frame f;
	uint64_t n = s->n;

	for (unsigned made = 0; made < BATCH; made++) {
		struct capfile *file = &s->caps[s->current];
		enum capfile_state state;

		if (s->current == s->files.n || counted_out(s))
			return false;
		state = capfile_next(file, &f, s->idle ? WAIT_MS : 0);
		if (state == CAPFILE_WAIT) {
			s->idle = s->n == n;
			return true;
		}
		s->idle = false;
		if (state == CAPFILE_FRAME) {
			emit(st, s, file, &f);
			continue;
		}
		close_file(st, file, state);
		if (stage_stopping(st))
			return true; /* the loop sees it, too */
		if (++s->current < s->files.n)
			stage_source(st, SOURCE_ID, s->files.v[s->current].name, s->n + 1);
	}
	return true;
}

/* ---- by time ----------------------------------------------------------------------------- */

static bool before(const struct head *a, const struct head *b)
{
	return a->frame.ts != b->frame.ts ? a->frame.ts < b->frame.ts
					  : a->file->index < b->file->index;
}

/* Moves the head at i down to its place. */
static void sift(struct source *s, size_t i)
{
	struct head moved = s->heap[i];
	size_t child;

	while ((child = 2 * i + 1) < s->nheap) {
		if (child + 1 < s->nheap && before(&s->heap[child + 1], &s->heap[child]))
			child++;
		if (!before(&s->heap[child], &moved))
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	s->heap[i] = moved;
}

/* Until each file has shown its first frame, nothing is known to be the earliest. False: one of
 * them has to be waited for. */
static bool first_frames(struct stage *st, struct source *s)
{
	while (s->unread < s->files.n) {
		struct capfile *file = &s->caps[s->unread];
		struct head *h = &s->heap[s->nheap];
		enum capfile_state state = capfile_next(file, &h->frame, s->idle ? WAIT_MS : 0);

		if (state == CAPFILE_WAIT)
			return false;
		s->unread++;
		h->file = file;
		if (state == CAPFILE_FRAME)
			s->nheap++;
		else
			close_file(st, file, state);
	}
	for (size_t i = s->nheap / 2; i-- > 0;)
		sift(s, i);
	s->unread++; /* the heap stands */
	return true;
}

static bool produce_by_time(struct stage *st, struct source *s)
{
	uint64_t n = s->n;

	if (s->unread <= s->files.n && !first_frames(st, s)) {
		s->idle = true;
		return true;
	}
	for (unsigned made = 0; made < BATCH; made++) {
		struct head *top = &s->heap[0];
		enum capfile_state state;

		if (!s->nheap || counted_out(s))
			return false;
		if (!s->emitted) {
			emit(st, s, top->file, &top->frame);
			s->emitted = true;
			continue;
		}
		state = capfile_next(top->file, &top->frame, s->idle ? WAIT_MS : 0);
		if (state == CAPFILE_WAIT) {
			s->idle = s->n == n;
			return true;
		}
		s->idle = false;
		s->emitted = false;
		if (state != CAPFILE_FRAME) {
			close_file(st, top->file, state);
			*top = s->heap[--s->nheap];
		}
		if (s->nheap)
			sift(s, 0);
	}
	return true;
}

bool source_produce(struct stage *st)
{
	struct source *s = *stage_user(st);

	return s->config->merge ? produce_by_time(st, s) : produce_in_turn(st, s);
}

void source_resume(struct stage *st, uint64_t n)
{
	struct source *s = *stage_user(st);

	for (size_t i = 0; i < s->files.n; i++)
		if (!s->files.v[i].size || lseek(s->files.v[i].fd, 0, SEEK_SET) < 0)
			die("cannot go on with '%s': it is no file", s->files.v[i].name);
	(void)n;
	s->resume_at = *s->made;
	*s->file_bytes = 0; /* they are all read again */
}

void source_finish(struct stage *st)
{
	struct source *s = *stage_user(st);

	for (size_t i = 0; i < s->files.n; i++)
		capfile_close(&s->caps[i]);
	files_release(&s->files);
	free(s->caps);
	free(s->heap);
	free(s->filter);
	free(s);
	*stage_user(st) = NULL;
}
