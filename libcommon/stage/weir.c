/* weir: the engines of the stages joined by calls: flow, streams, then each parser in turn. */
#include "libcommon/stage/weir.h"

#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/random.h>

enum { LINE = 64, GROUP = 32 /* frames given to the flow engine at once */ };

struct weir {
	struct weir_config config;
	struct flow_engine *flows;
	struct stream_engine *streams;
	struct l7 *parsers[WEIR_PARSERS_MAX];
	unsigned nparsers;
	uint64_t n;      /* number of the last frame */
	uint64_t last_n; /* the highest number of a frame or record */
	size_t mapped;   /* bytes of pages of our own; 0 = the caller's memory */
	struct flow_engine_frame frames[GROUP];
};

void weir_defaults(struct weir_config *config)
{
	memset(config, 0, sizeof(*config));
	flow_engine_defaults(&config->flow);
	config->streams = stream_limits_default();
	if (getrandom(config->flow.secret, sizeof(config->flow.secret), GRND_NONBLOCK) < 0 ||
	    getrandom(config->streams.sctp.secret, sizeof(config->streams.sctp.secret),
		      GRND_NONBLOCK) < 0)
		return; /* a kernel that just started has none */
}

/* ---- records on their way ------------------------------------------------------------------ */

static void on_record(void *user, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	struct weir *w = user;

	if (h->n > w->last_n)
		w->last_n = h->n;
	if (w->config.record)
		w->config.record(w->config.user, desc, h, rec);
}

static void on_stream(void *ctx, const struct rec_head *h, const struct rec_stream *s)
{
	struct weir *w = ctx;

	if (h->n > w->last_n)
		w->last_n = h->n;
	if (w->config.see_all && w->config.stream)
		w->config.stream(w->config.user, h, s);
	for (unsigned i = 0; i < w->nparsers; i++)
		if (l7_stream(w->parsers[i], h, s))
			return;
	if (!w->config.see_all && w->config.stream)
		w->config.stream(w->config.user, h, s);
}

/* What the stream engine makes: stream_end and anomalies. They pass every parser. */
static void on_stream_record(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
			     const void *rec)
{
	struct weir *w = ctx;

	if (desc == &rec_stream_end_desc)
		for (unsigned i = 0; i < w->nparsers; i++)
			if (!l7_is_other(w->parsers[i], h->flow))
				l7_stream_end(w->parsers[i], h, rec);
	on_record(w, desc, h, rec);
}

static void on_packet(void *user, const struct rec_head *h, const struct rec_packet *p)
{
	struct weir *w = user;

	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_SCTP) {
		stream_engine_packet(w->streams, h, p);
		return;
	}
	if (w->config.see_all && w->config.packet)
		w->config.packet(w->config.user, h, p);
	for (unsigned i = 0; p->proto == IPPROTO_UDP && i < w->nparsers; i++)
		if (l7_packet(w->parsers[i], h, p))
			return;
	if (!w->config.see_all && w->config.packet)
		w->config.packet(w->config.user, h, p);
}

/* What the flow engine makes: flow and anomaly. Before a flow's end come the rest of its streams,
 * then what its parser still has. */
static void on_flow_record(void *user, const struct rec_desc *desc, const struct rec_head *h,
			   const void *rec)
{
	struct weir *w = user;
	const struct rec_flow *fl = rec;

	if (h->n > w->last_n)
		w->last_n = h->n;
	if (desc == &rec_flow_desc && fl->event == REC_flow_event_END) {
		stream_engine_flow_end(w->streams, h, (enum rec_flow_reason)fl->reason);
		for (unsigned i = 0; i < w->nparsers; i++)
			l7_flow_end(w->parsers[i], h, fl);
	}
	on_record(w, desc, h, rec);
}

/* ---- life ---------------------------------------------------------------------------------- */

static size_t round_up(size_t n)
{
	return (n + LINE - 1) & ~(size_t)(LINE - 1);
}

static unsigned parsers_count(const struct weir_config *c)
{
	unsigned n = 0;

	while (c->parsers && c->parsers[n] && n <= WEIR_PARSERS_MAX)
		n++;
	return n;
}

size_t weir_size(const struct weir_config *config)
{
	size_t flows = flow_engine_size(&config->flow);
	size_t streams = stream_engine_size(&config->streams);

	if (!flows || !streams || parsers_count(config) > WEIR_PARSERS_MAX)
		return 0;
	return round_up(sizeof(struct weir)) + round_up(flows) + round_up(streams);
}

struct weir *weir_init(void *memory, const struct weir_config *config)
{
	struct weir *w = memory;
	uint8_t *at = (uint8_t *)memory + round_up(sizeof(*w));
	struct flow_engine_config flow = config->flow;

	w->config = *config;
	flow.packet = on_packet;
	flow.emit = on_flow_record;
	flow.user = w;
	w->flows = flow_engine_init(at, &flow);
	at += round_up(flow_engine_size(&flow));
	w->streams = stream_engine_init(at, &config->streams,
					&(struct stream_host){ w, on_stream, on_stream_record });
	w->nparsers = parsers_count(config);
	for (unsigned i = 0; i < w->nparsers; i++)
		w->parsers[i] =
			l7_new(config->parsers[i], &(struct l7_host){ w, on_record }, &config->l7);
	return w;
}

struct weir *weir_new(const struct weir_config *config)
{
	size_t size = weir_size(config);
	struct weir *w;
	void *at;

	if (!size)
		return NULL;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		  -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	/* The flow table is read at random places. */
	madvise(at, round_up(sizeof(*w)) + flow_engine_size(&config->flow), MADV_HUGEPAGE);
	w = weir_init(at, config);
	w->mapped = size;
	return w;
}

void weir_free(struct weir *w)
{
	if (!w)
		return;
	for (unsigned i = 0; i < w->nparsers; i++)
		l7_free(w->parsers[i]);
	if (w->mapped)
		munmap(w, w->mapped);
}

/* ---- frames -------------------------------------------------------------------------------- */

void weir_frames(struct weir *w, const struct weir_frame *frames, size_t n)
{
	while (n) {
		size_t group = n < GROUP ? n : GROUP;

		for (size_t i = 0; i < group; i++) {
			const struct weir_frame *f = &frames[i];

			w->frames[i].head = (struct rec_head){ REC_frame, f->ts,
							       (uint64_t)f->source << 48, ++w->n };
			w->frames[i].frame = (struct rec_frame){ .link_type = f->link_type,
								 .wire_len = f->wire_len,
								 .flags = f->flags,
								 .payload = f->data };
		}
		if (w->n > w->last_n)
			w->last_n = w->n;
		flow_engine_frames(w->flows, w->frames, group);
		frames += group;
		n -= group;
	}
}

void weir_frame(struct weir *w, uint32_t link_type, uint64_t ts, struct bytes data,
		uint32_t wire_len)
{
	struct weir_frame f = {
		.ts = ts, .link_type = link_type, .wire_len = wire_len, .data = data
	};

	weir_frames(w, &f, 1);
}

void weir_snapshot(struct weir *w)
{
	flow_engine_snapshot(w->flows);
}

/* In the order in which the stages of a pipeline come to their end, each with the highest number
 * that it has seen. */
void weir_finish(struct weir *w)
{
	flow_engine_finish(w->flows, w->n);
	stream_engine_finish(w->streams, w->last_n);
	for (unsigned i = 0; i < w->nparsers; i++)
		l7_finish(w->parsers[i], w->last_n);
}

/* ---- figures ------------------------------------------------------------------------------- */

const struct flow_engine_counters *weir_flows(struct weir *w)
{
	return flow_engine_counters(w->flows);
}

const struct stream_stats *weir_streams(const struct weir *w)
{
	return stream_engine_stats(w->streams);
}

const struct l7_stats *weir_parser(const struct weir *w, unsigned parser)
{
	return parser < w->nparsers ? l7_stats(w->parsers[parser]) : NULL;
}
