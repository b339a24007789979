/* weir in several threads: an engine each, parsers in common, and the same records from all. */
#include <pthread.h>
#include <stdio.h>

#include "cmd/dns/dns.h"
#include "cmd/http/http.h"
#include "cmd/tls/tls.h"
#include "libcommon/base/buf.h"
#include "libcommon/stage/weir.h"
#include "tests/unit/check.h"

enum { THREADS = 4, FRAMES_MAX = 512, ROUNDS = 20 };

static const struct l7_parser *const parsers[] = { &dns_parser, &http_parser, &tls_parser, NULL };
static struct weir_frame frames[FRAMES_MAX];
static size_t frame_count;

struct run {
	struct buf packed; /* of the record at hand */
	uint64_t digest;   /* FNV-1a over all records as they would be put on a pipe */
	unsigned records;
	bool fine;
};

static uint32_t word(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* The frames of a capture as weir's own tools write it: little endian, ns or us. */
static bool load(const char *path)
{
	static uint8_t file[1 << 20];
	FILE *in = fopen(path, "rb");
	size_t size = in ? fread(file, 1, sizeof(file), in) : 0, at = 24;
	unsigned unit = size > 24 && word(file) == 0xa1b23c4d ? 1 : 1000;

	if (in)
		fclose(in);
	while (at + 16 <= size && frame_count < FRAMES_MAX) {
		const uint8_t *h = file + at;

		if (word(h + 8) > size - at - 16)
			return false;
		frames[frame_count++] = (struct weir_frame){
			.ts = word(h) * UINT64_C(1000000000) + word(h + 4) * (uint64_t)unit,
			.link_type = word(file + 20),
			.wire_len = word(h + 12),
			.data = BYTES(h + 16, word(h + 8)),
		};
		at += 16 + word(h + 8);
	}
	return frame_count > 0;
}

static void on_record(void *user, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	struct run *r = user;

	buf_clear(&r->packed);
	rec_pack(&r->packed, desc, h, rec);
	for (size_t i = 0; i < r->packed.len; i++)
		r->digest = (r->digest ^ r->packed.ptr[i]) * UINT64_C(0x100000001b3);
	r->records++;
}

static void *run(void *arg)
{
	struct run *r = arg;
	struct weir_config c;

	weir_defaults(&c);
	c.flow.max_flows = 4096;
	c.streams.max_flows = 1024;
	c.streams.max_associations = 64;
	c.parsers = parsers;
	c.user = r;
	c.record = on_record;
	r->digest = UINT64_C(0xcbf29ce484222325);
	r->fine = true;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct weir *w = weir_new(&c);

		if (!w) {
			r->fine = false;
			break;
		}
		weir_frames(w, frames, frame_count);
		weir_finish(w);
		weir_free(w);
	}
	buf_release(&r->packed);
	return NULL;
}

int main(void)
{
	static struct run alone, beside[THREADS];
	pthread_t thread[THREADS];
	unsigned started = 0;

	check_case("Engines in threads of their own, with parsers in common, make what one makes");
	CHECK(load("examples/demo.pcap"));
	run(&alone);
	CHECK(alone.fine && alone.records > 60 * ROUNDS);
	for (; started < THREADS; started++)
		if (pthread_create(&thread[started], NULL, run, &beside[started]))
			break;
	CHECK_EQ(started, THREADS);
	for (unsigned i = 0; i < started; i++) {
		pthread_join(thread[i], NULL);
		CHECK(beside[i].fine);
		CHECK_EQ(beside[i].records, alone.records);
		CHECK(beside[i].digest == alone.digest);
	}
	return check_end();
}
