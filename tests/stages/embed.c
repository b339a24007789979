/* weir-embed: frames in, and out all that an embedded weir gives to its callbacks: what the stages
 * flow, reasm, dns, http and tls write together, in one process. */
#include <stdlib.h>

#include "cmd/dns/dns.h"
#include "cmd/http/http.h"
#include "cmd/tls/tls.h"
#include "libcommon/stage/stage.h"
#include "libcommon/stage/weir.h"

static const struct l7_parser *const parsers[] = { &dns_parser, &http_parser, &tls_parser, NULL };
static struct weir *weir;
static size_t group = 32; /* frames of a call */

static void on_record(void *st, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	stage_emit(st, desc, h, rec);
}

static void on_packet(void *st, const struct rec_head *h, const struct rec_packet *p)
{
	rec_packet_put(stage_reserve(st, &rec_packet_desc, rec_packet_wire + p->payload.len), h, p);
	stage_commit(st, rec_packet_wire + p->payload.len);
}

static void on_stream(void *st, const struct rec_head *h, const struct rec_stream *s)
{
	rec_stream_put(stage_reserve(st, &rec_stream_desc, rec_stream_wire + s->payload.len), h, s);
	stage_commit(st, rec_stream_wire + s->payload.len);
}

static void embed_open(struct stage *st, int argc, char **argv)
{
	struct weir_config config;

	(void)argc;
	(void)argv;
	weir_defaults(&config);
	config.parsers = parsers;
	config.user = st;
	config.record = on_record;
	config.packet = on_packet;
	config.stream = on_stream;
	if (getenv("WEIR_EMBED_GROUP"))
		group = strtoul(getenv("WEIR_EMBED_GROUP"), NULL, 10);
	weir = weir_new(&config);
	if (!weir)
		die("no memory");
}

static void embed_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	struct weir_frame frames[32];
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		struct rec_head h;
		struct rec_frame f;

		if (!stage_decode(st, &rec_frame_desc, &recs[i], &h, &f))
			continue;
		frames[count++] = (struct weir_frame){
			h.ts, f.link_type, f.wire_len, f.flags, (uint16_t)(h.flow >> 48), f.payload
		};
		if (count == group) {
			weir_frames(weir, frames, count);
			count = 0;
		}
		stage_consume(st, 1);
	}
	weir_frames(weir, frames, count);
}

static void embed_finish(struct stage *st)
{
	(void)st;
	weir_finish(weir);
}

int main(int argc, char **argv)
{
	static const struct rec_desc *const reads[] = { &rec_frame_desc, NULL };
	static const struct stage_ops ops = {
		.name = "embed",
		.summary = "the engines of weir in one process",
		.kind = STAGE_FILTER,
		.reads = reads,
		.open = embed_open,
		.batch = embed_batch,
		.finish = embed_finish,
	};
	int code = stage_main(&ops, argc, argv);

	weir_free(weir);
	return code;
}
