/* Tests of cmd/streams: names, transcript, files. */
#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/streams/tracks.h"
#include "cmd/streams/transcript.h"

static struct stream_ends ends4(uint8_t last, uint16_t sport)
{
	return (struct stream_ends){
		.src = { 192, 168, 101, last },
		.dst = { 10, 11, 12, 13 },
		.sport = sport,
		.dport = 45103,
		.ip_version = 4,
	};
}

static void test_names(void)
{
	struct stream_ends e = ends4(102, 2345);
	char name[STREAM_NAME];

	check_case("an IPv4 direction is named as tcpflow does");
	stream_name(&e, 0, name);
	CHECK(strcmp(name, "192.168.101.102.02345-010.011.012.013.45103") == 0);

	check_case("the second and the twelfth connection of a name get c1 and c11");
	stream_name(&e, 1, name);
	CHECK(strcmp(name, "192.168.101.102.02345-010.011.012.013.45103c1") == 0);
	stream_name(&e, 11, name);
	CHECK(strcmp(name, "192.168.101.102.02345-010.011.012.013.45103c11") == 0);

	check_case("an IPv6 direction has its addresses as inet_ntop writes them");
	e = (struct stream_ends){
		.src = { 0xfe, 0x80, [8] = 0x02, 0x0c, 0x29, 0xff, 0xfe, 0xf3, 0xcf, 0x38 },
		.dst = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 },
		.sport = 58307,
		.dport = 80,
		.ip_version = 6,
	};
	stream_name(&e, 0, name);
	CHECK(strcmp(name, "fe80::20c:29ff:fef3:cf38.58307-2001:db8::1.00080") == 0);

	check_case("the longest name fits, and none holds a slash");
	memset(e.src, 0xff, 16);
	memset(e.dst, 0xff, 16);
	e.sport = e.dport = 65535;
	stream_name(&e, UINT32_MAX, name);
	CHECK_EQ(strlen(name), 2 * (39 + 6) + 1 + 11);
	CHECK(strchr(name, '/') == NULL);

	check_case("places for people");
	stream_place((const uint8_t[16]){ 10, 0, 0, 1 }, 4, 80, name);
	CHECK(strcmp(name, "10.0.0.1:80") == 0);
	stream_place((const uint8_t[16]){ 255, 10, 109, 99 }, 4, 65535, name);
	CHECK(strcmp(name, "255.10.109.99:65535") == 0);
	stream_place((const uint8_t[16]){ 1 }, 0, 80, name);
	CHECK(strcmp(name, ":80") == 0);
	stream_place((const uint8_t[16]){ [15] = 1 }, 6, 80, name);
	CHECK(strcmp(name, "[::1]:80") == 0);
}

static void add(struct transcript *t, struct buf *out, uint8_t dir, const char *text)
{
	struct rec_head h = { .flow = 7 };
	struct rec_stream s = {
		.ip_version = 4,
		.dir = dir,
		.orig_h = { 10, 0, 0, 1 },
		.resp_h = { 10, 0, 0, 2 },
		.orig_p = 1000,
		.resp_p = 80,
		.payload = bytes_str(text),
	};

	if (!*text) {
		s.gap = 12;
		s.gap_reason = REC_gap_reason_ACKED;
	}
	transcript_stream(t, out, &h, &s);
}

static void test_transcript(void)
{
	struct transcript t = { 0 };
	struct buf out = { 0 };

	check_case("a transcript has a headline, arrows, and a line per line");
	add(&t, &out, 0, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	add(&t, &out, 1, "HTTP/1.1 200 OK\n");
	CHECK(bytes_is(buf_bytes(&out), "--- 10.0.0.1:1000 -> 10.0.0.2:80 (flow 7)\n"
					"> GET / HTTP/1.1\n> Host: x\n> \n< HTTP/1.1 200 OK\n"));

	check_case("what a terminal could act on is escaped");
	buf_clear(&out);
	add(&t, &out, 1, "a\x1b[31m\\\t\rb\xc2\x9b\x7f");
	CHECK(bytes_is(buf_bytes(&out), "< a\\x1b[31m\\\\\\t\\rb\\xc2\\x9b\\x7f\n"));

	check_case("a gap and an end are lines of their own");
	buf_clear(&out);
	add(&t, &out, 1, "");
	transcript_end(&t, &out, &(struct rec_head){ .flow = 7 },
		       &(struct rec_stream_end){ .reason = REC_stream_reason_FIN,
						 .delivered = 3,
						 .gap_bytes = 12,
						 .dir = 1 });
	CHECK(bytes_is(buf_bytes(&out),
		       "< [12 bytes missing: acked]\n< [end: fin, 3 bytes, 12 missing]\n"));
	buf_release(&out);
}

static void add_sctp(struct transcript *t, struct buf *out, struct rec_stream s)
{
	s.ip_version = 4;
	s.proto = 132;
	s.orig_h[0] = s.resp_h[0] = 10;
	s.orig_p = s.resp_p = 2905;
	transcript_stream(t, out, &(struct rec_head){ .flow = 7 }, &s);
}

static void test_transcript_sctp(void)
{
	struct transcript t = { .any = true, .flow = 7 };
	struct buf out = { 0 };

	check_case("of SCTP each message says its stream, and what lacks is told in its units");
	add_sctp(&t, &out,
		 (struct rec_stream){ .sid = 3, .ppid = 46, .payload = BYTES_LIT("hello\n") });
	add_sctp(&t, &out,
		 (struct rec_stream){ .dir = 1,
				      .ppid = 1,
				      .flags = STREAM_UNORDERED | STREAM_MSG_END,
				      .payload = BYTES_LIT("now") });
	add_sctp(&t, &out,
		 (struct rec_stream){ .gap = 2,
				      .gap_reason = REC_gap_reason_ACKED,
				      .flags = STREAM_LOST_CHUNKS });
	add_sctp(&t, &out,
		 (struct rec_stream){ .gap = 1,
				      .sid = 3,
				      .gap_reason = REC_gap_reason_ACKED,
				      .flags = STREAM_LOST_MESSAGES });
	add_sctp(&t, &out,
		 (struct rec_stream){ .gap = 1,
				      .sid = 3,
				      .gap_reason = REC_gap_reason_CLOSE,
				      .flags = STREAM_LOST_PART });
	add_sctp(&t, &out,
		 (struct rec_stream){ .gap = 9, .sid = 3, .gap_reason = REC_gap_reason_SNAPPED });
	transcript_end(&t, &out, &(struct rec_head){ .flow = 7 },
		       &(struct rec_stream_end){ .reason = REC_stream_reason_ABORT,
						 .delivered = 8,
						 .lost_chunks = SOME(2) });
	CHECK(bytes_is(buf_bytes(&out),
		       "> [stream 3, ppid 46]\n> hello\n< [stream 0, ppid 1, unordered]\n< now\n"
		       "> [2 chunks missing: acked]\n> [stream 3: 1 message missing: acked]\n"
		       "> [stream 3: part of a message missing: close]\n"
		       "> [stream 3: 9 bytes missing: snapped]\n"
		       "> [end: abort, 8 bytes, 2 chunks missing]\n"));
	buf_release(&out);
}

/* ---- files ---- */

static char dir[] = "/tmp/weir-streams-XXXXXX";
static int dirfd_;

static bool file_is(const char *name, const void *want, size_t len)
{
	static char got[200000];
	int fd = openat(dirfd_, name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof(got));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)len && memcmp(got, want, len) == 0;
}

static void file_name(const struct stream_file *f, char *name)
{
	stream_name(&f->ends, f->again, name);
}

static void forget(struct stream_file *f)
{
	char name[STREAM_NAME];

	file_name(f, name);
	unlinkat(dirfd_, name, 0);
}

static void test_files(void)
{
	struct stream_files_limits l = { 4, 8, 1000 };
	struct stream_files *s = stream_files_new(dirfd_, &l);
	struct stream_file f[40] = { 0 }, again = { 0 };
	char name[STREAM_NAME];
	bool equal = true;

	check_case("forty interleaved streams over four descriptors and eight buffers come out "
		   "whole");
	for (int i = 0; i < 40; i++)
		f[i].ends = ends4((uint8_t)i, 1);
	for (int round = 0; round < 100; round++)
		for (int i = 0; i < 40; i++) {
			char text[16];

			snprintf(text, sizeof(text), "%02d:%03d|", i, round);
			stream_file_add(s, &f[i], bytes_str(text));
		}
	for (int i = 0; i < 40; i++) {
		char want[701];

		for (int round = 0; round < 100; round++)
			snprintf(want + round * 7, 8, "%02d:%03d|", i, round);
		stream_file_close(s, &f[i]);
		file_name(&f[i], name);
		equal &= file_is(name, want, 700);
	}
	CHECK(equal);
	CHECK_EQ(stream_files_stats(s)->files, 40);
	CHECK_EQ(stream_files_stats(s)->in, 28000);
	CHECK_EQ(stream_files_stats(s)->written, 28000);
	CHECK(stream_files_stats(s)->reopened > 0);

	check_case("a second connection of the same name gets its own file");
	again.ends = f[3].ends;
	stream_file_add(s, &again, BYTES_LIT("other"));
	stream_file_close(s, &again);
	CHECK(file_is("192.168.101.003.00001-010.011.012.013.45103c1", "other", 5));
	forget(&again);
	for (int i = 0; i < 40; i++)
		forget(&f[i]);

	check_case("what a name does not tell makes no other file of it");
	for (int i = 0; i < 2; i++) {
		memset(&again, 0, sizeof(again));
		again.ends = ends4(203, 1);
		again.ends.src[9] = (uint8_t)i;
		stream_file_add(s, &again, BYTES_LIT("v4"));
		stream_file_close(s, &again);
		CHECK_EQ(again.again, i);
		forget(&again);
		memset(&again, 0, sizeof(again));
		again.ends = (struct stream_ends){ .src = { (uint8_t)i }, .sport = 7 };
		stream_file_add(s, &again, BYTES_LIT("none"));
		stream_file_close(s, &again);
		CHECK_EQ(again.again, i);
		forget(&again);
	}

	check_case("gaps are holes, also the last one");
	memset(&again, 0, sizeof(again));
	again.ends = ends4(200, 1);
	stream_file_add(s, &again, BYTES_LIT("ab"));
	stream_file_hole(s, &again, 3);
	stream_file_add(s, &again, BYTES_LIT("cd"));
	stream_file_hole(s, &again, 2);
	stream_file_close(s, &again);
	file_name(&again, name);
	CHECK(file_is(name, "ab\0\0\0cd\0\0", 9));
	forget(&again);

	check_case("a stream of holes alone makes no file");
	memset(&again, 0, sizeof(again));
	again.ends = ends4(201, 1);
	stream_file_hole(s, &again, 3);
	stream_file_close(s, &again);
	file_name(&again, name);
	CHECK(faccessat(dirfd_, name, F_OK, 0) < 0);

	check_case("a file of an earlier run is replaced, a symbolic link is not followed");
	memset(&again, 0, sizeof(again));
	again.ends = ends4(202, 1);
	file_name(&again, name);
	CHECK(symlinkat("/dev/null", dirfd_, name) == 0);
	stream_file_add(s, &again, BYTES_LIT("ab"));
	stream_file_close(s, &again);
	CHECK_EQ(stream_files_stats(s)->first_errno, ELOOP);
	CHECK_EQ(stream_files_stats(s)->lost, 2);
	forget(&again);
	CHECK_EQ(stream_files_stats(s)->in,
		 stream_files_stats(s)->written + stream_files_stats(s)->lost);
	stream_files_free(s);
}

static void test_full_disk(void)
{
	struct stream_files_limits l = { 4, 8, 1000 };
	struct stream_files *s = stream_files_new(dirfd_, &l);
	struct stream_file f = { .ends = ends4(1, 1) };
	static uint8_t piece[20000];
	struct rlimit old, small;
	char name[STREAM_NAME];
	struct stat st;

	check_case("a piece that does not fit is taken back whole, counted, and said once");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 50000;
	memset(piece, 'x', sizeof(piece));
	setrlimit(RLIMIT_FSIZE, &small);
	for (int i = 0; i < 4; i++)
		stream_file_add(s, &f, BYTES(piece, sizeof(piece)));
	stream_file_close(s, &f);
	setrlimit(RLIMIT_FSIZE, &old);
	file_name(&f, name);
	CHECK(fstatat(dirfd_, name, &st, 0) == 0);
	CHECK_EQ(st.st_size, 40000);
	CHECK_EQ(stream_files_stats(s)->written, 40000);
	CHECK_EQ(stream_files_stats(s)->lost, 40000);
	CHECK_EQ(stream_files_stats(s)->first_errno, EFBIG);
	CHECK(strcmp(stream_files_stats(s)->first_name, name) == 0);
	forget(&f);
	stream_files_free(s);
}

/* ---- tracks ---- */

static unsigned closed;
static uint64_t closed_flow;
static char closed_hex[DIGEST_HEX];

static void on_closed(void *ctx, struct track *t)
{
	(void)ctx;
	closed++;
	closed_flow = t->flow;
	if (t->digest)
		digest_stream_hex(t->digest, closed_hex);
}

static void test_tracks(void)
{
	struct tracks *k = tracks_new(3, true, &(struct tracks_host){ NULL, on_closed });
	struct rec_stream s = { .ip_version = 4,
				.dir = 1,
				.orig_p = 1,
				.resp_p = 2,
				.orig_h = { 1 },
				.resp_h = { 2 } };
	struct rec_head h = { .flow = 5 };
	struct track *t;

	check_case("the responder's direction has it as the sender");
	t = track_get(k, &h, &s);
	CHECK(t->file.ends.src[0] == 2 && t->file.ends.dst[0] == 1);
	CHECK_EQ(t->file.ends.sport, 2);
	CHECK(track_get(k, &h, &s) == t);
	s.dir = 0;
	CHECK(track_get(k, &h, &s) != t);

	check_case("the least recently used one makes room");
	h.flow = 6;
	track_get(k, &h, &s);
	CHECK_EQ(closed, 0);
	h.flow = 7;
	track_get(k, &h, &s);
	CHECK_EQ(closed, 1);
	CHECK_EQ(closed_flow, 5);
	CHECK_EQ(tracks_evicted(k), 1);

	check_case("a digest object that is used again starts empty");
	h.flow = 8;
	t = track_get(k, &h, &s);
	digest_add(t->digest, BYTES_LIT("abc"));
	track_close(k, 8, 0);
	CHECK(strcmp(closed_hex,
		     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0);
	t = track_get(k, &h, &s);
	digest_add(t->digest, BYTES_LIT("abc"));
	closed_hex[0] = 0;
	track_close(k, 8, 0);
	CHECK(strcmp(closed_hex,
		     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0);

	check_case("closing what is not known is nothing; closing all goes by flow");
	closed = 0;
	track_close(k, 99, 1);
	CHECK_EQ(closed, 0);
	tracks_close_all(k);
	CHECK(closed > 0);
	CHECK_EQ(closed_flow, 7);
	tracks_free(k);
}

static void test_tracks_sctp(void)
{
	struct tracks *k = tracks_new(5, false, &(struct tracks_host){ NULL, on_closed });
	struct rec_stream s = { .ip_version = 4, .proto = 132, .orig_p = 5, .resp_p = 6 };
	struct rec_head h = { .flow = 7 };
	char name[STREAM_NAME];
	struct track *t;

	check_case("each stream of SCTP is a track of its own, and they end together");
	closed = 0;
	s.sid = 2;
	t = track_get(k, &h, &s);
	stream_name(&t->file.ends, 1, name);
	CHECK(strcmp(name, "000.000.000.000.00005-000.000.000.000.00006s2c1") == 0);
	CHECK(track_get(k, &h, &s) == t);
	s.sid = 0;
	CHECK(track_get(k, &h, &s) != t);
	s.dir = 1;
	track_get(k, &h, &s);
	track_close(k, 7, 0);
	CHECK_EQ(closed, 3);
	track_close(k, 7, 0);
	CHECK_EQ(closed, 3);

	check_case(
		"to make room the least recently used stream goes, and a whole with its streams");
	closed = 0;
	s.dir = 0;
	for (s.sid = 0; s.sid < 9; s.sid++)
		track_get(k, &h, &s);
	CHECK_EQ(tracks_evicted(k), 6);
	s.proto = 6;
	for (h.flow = 10; h.flow < 15; h.flow++)
		track_get(k, &h, &s);
	closed = 0;
	track_close(k, 7, 0);
	CHECK_EQ(closed, 0);
	tracks_close_all(k);
	CHECK_EQ(closed, 5);
	tracks_free(k);
}

int main(void)
{
	if (!mkdtemp(dir) || (dirfd_ = open(dir, O_RDONLY | O_DIRECTORY)) < 0) {
		perror(dir);
		return EXIT_FAILURE;
	}
	test_names();
	test_transcript();
	test_transcript_sctp();
	test_files();
	test_full_disk();
	test_tracks();
	test_tracks_sctp();
	close(dirfd_);
	rmdir(dir);
	return check_end();
}
