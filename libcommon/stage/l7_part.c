/* l7_part: the parsers of a stage. */
#include "libcommon/stage/l7_part.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/stage/brief.h"
#include "libcommon/stage/census.h"

enum { AHEAD = 4 /* records */, LOOKS = 64 };

struct l7_part_config l7_part_config = { .payload = true,
					 .max_flows = 262144,
					 .max_memory = 256ull << 20 };

static struct {
	struct l7_set *set;
	bool follows, several;
	bool tcp; /* among the first packets that came was one of TCP: nobody has put it in order */
	unsigned looked;
	uint64_t *known, *claimed, *evicted, *poisoned, *swapped, *suppressed, *firsts;
	uint64_t *seen_frames, *seen_packets, *seen_streams; /* that end here */
	struct l7_stats told;                                /* what they hold of this process */
} part;

static void host_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	stage_emit(ctx, desc, h, rec);
}

/* Those of the list, or all. */
static void set_make(const struct l7_parser *const *parsers, const struct l7_host *host,
		     const struct l7_limits *limits)
{
	const struct l7_parser *wanted[L7_SET_MOST];
	const char *names[L7_SET_MOST + 1] = { NULL };
	size_t n = 0, all = 0;
	bool want[L7_SET_MOST] = { false };

	for (; parsers[all]; all++)
		names[all] = parsers[all]->name;
	if (l7_part_config.protocols)
		opt_pick("protocols", "parser of", l7_part_config.protocols, names, want);
	for (size_t i = 0; i < all; i++)
		if (!l7_part_config.protocols || want[i])
			wanted[n++] = parsers[i];
	part.set = l7_set_new(wanted, n, host, limits);
}

void l7_part_open(struct stage *st, const struct l7_parser *const *parsers)
{
	struct l7_host host = { st, host_emit };
	struct l7_limits limits = { l7_part_config.max_flows, l7_part_config.max_memory };

	part.several = parsers[1] != NULL;
	set_make(parsers, &host, &limits);
	part.known = stage_counter(st, "flows_known");
	part.claimed = stage_counter(st, "flows_claimed");
	part.evicted = stage_counter(st, "flows_evicted");
	part.poisoned = stage_counter(st, "flows_poisoned");
	part.swapped = stage_counter(st, "flows_swapped");
	part.suppressed = stage_counter(st, "anomalies_suppressed");
	part.firsts = stage_counter(st, "first_bytes_evicted");
	if (l7_part_config.payload)
		return;
	part.seen_frames = stage_counter(st, "seen.frame");
	part.seen_packets = stage_counter(st, "seen.packet");
	part.seen_streams = stage_counter(st, "seen.stream");
}

/* Where records with payload end here: the count of those of the type; NULL: it is another. */
static uint64_t *payload_count(uint16_t type)
{
	return type == REC_packet   ? part.seen_packets
	       : type == REC_stream ? part.seen_streams
	       : type == REC_frame  ? part.seen_frames
				    : NULL;
}

void l7_part_fate(struct stage *st, const struct stage_rec *r, bool ours)
{
	uint64_t *ends_here = payload_count(r->head.type);

	if (ends_here)
		++*ends_here;
	if (ours)
		stage_consume(st, 1);
	else if (ends_here || l7_part_config.only)
		stage_filter(st, 1);
	else
		stage_pass(st, r->raw);
}

/* Of the records that end things the engine needs two fields: decoding the rest would be work for
 * nothing. */
static struct brief flow_fields = { .names = { "event", "reason" } };
static struct brief stream_end_fields = { .names = { "dir", "reason" } };

static const struct rec_field brief_fields[] = {
	{ "event", REC_ENUM, REC_ONE, offsetof(struct rec_flow, event), &rec_enum_flow_event, NULL,
	  "" },
	{ "reason", REC_ENUM, REC_ONE, offsetof(struct rec_flow, reason), &rec_enum_flow_reason,
	  NULL, "" },
};
const struct rec_desc l7_part_flow = {
	.name = "flow",
	.id = REC_flow,
	.major = 1,
	.size = sizeof(struct rec_flow),
	.fields = brief_fields,
	.nfields = sizeof(brief_fields) / sizeof(brief_fields[0]),
};

/* Of a guess the engine needs these. */
static const struct rec_field guess_fields[] = {
	{ "proto", REC_U8, REC_ONE, offsetof(struct rec_guess, key.proto), NULL, NULL, "" },
	{ "orig_h", REC_IP, REC_ONE, offsetof(struct rec_guess, key.orig_h), NULL, NULL, "" },
	{ "orig_p", REC_U16, REC_ONE, offsetof(struct rec_guess, key.orig_p), NULL, NULL, "" },
	{ "resp_h", REC_IP, REC_ONE, offsetof(struct rec_guess, key.resp_h), NULL, NULL, "" },
	{ "resp_p", REC_U16, REC_ONE, offsetof(struct rec_guess, key.resp_p), NULL, NULL, "" },
	{ "protocol", REC_STR, REC_ONE, offsetof(struct rec_guess, protocol), NULL, NULL, "" },
	{ "state", REC_ENUM, REC_ONE, offsetof(struct rec_guess, state), &rec_enum_guess_state,
	  NULL, "" },
	{ "client", REC_ENUM, REC_ONE, offsetof(struct rec_guess, client), &rec_enum_dir, NULL,
	  "" },
	{ "expected_by", REC_U64, REC_OPT, offsetof(struct rec_guess, expected_by), NULL, NULL,
	  "" },
	{ "orig_offset", REC_U64, REC_ONE, offsetof(struct rec_guess, orig_offset), NULL, NULL,
	  "" },
	{ "resp_offset", REC_U64, REC_ONE, offsetof(struct rec_guess, resp_offset), NULL, NULL,
	  "" },
};
const struct rec_desc l7_part_guess = {
	.name = "guess",
	.id = REC_guess,
	.major = 1,
	.size = sizeof(struct rec_guess),
	.fields = guess_fields,
	.nfields = sizeof(guess_fields) / sizeof(guess_fields[0]),
};

static bool flow_decode(struct stage *st, const struct stage_rec *r, struct rec_head *h,
			struct rec_flow *fl)
{
	uint8_t v[BRIEF_MAX];

	if (!brief_read(st, &flow_fields, r, v))
		return stage_decode(st, &l7_part_flow, r, h, fl);
	*h = r->head;
	fl->event = v[0];
	fl->reason = v[1];
	return true;
}

static bool stream_end_decode(struct stage *st, const struct stage_rec *r, struct rec_head *h,
			      struct rec_stream_end *e)
{
	uint8_t v[BRIEF_MAX];

	if (!brief_read(st, &stream_end_fields, r, v))
		return stage_decode(st, &rec_stream_end_desc, r, h, e);
	*h = r->head;
	e->dir = v[0];
	e->reason = v[1];
	return true;
}

static void packet_look(const struct stage_rec *r)
{
	struct rec_packet p;
	struct rec_head h;

	part.looked++;
	part.tcp = rec_packet_get(r->raw, &h, &p) && p.proto == IPPROTO_TCP;
}

void l7_part_record(struct stage *st, const struct stage_rec *r)
{
	union {
		struct rec_packet packet;
		struct rec_stream stream;
		struct rec_stream_end stream_end;
		struct rec_flow flow;
		struct rec_guess guess;
	} u;
	struct rec_head h;
	bool ours = false;

	switch (r->head.type) {
	case REC_stream:
		if (l7_set_is_other(part.set, r->head.flow))
			break;
		if (!stage_decode(st, &rec_stream_desc, r, &h, &u.stream))
			return;
		ours = l7_set_stream(part.set, &h, &u.stream);
		break;
	case REC_packet:
		if (part.looked < LOOKS && !part.tcp)
			packet_look(r);
		if (!l7_set_takes_datagrams(part.set) || l7_set_is_other(part.set, r->head.flow))
			break;
		if (!stage_decode(st, &rec_packet_desc, r, &h, &u.packet))
			return;
		ours = u.packet.proto == IPPROTO_UDP && l7_set_packet(part.set, &h, &u.packet);
		break;
	case REC_stream_end:
		if (l7_set_is_other(part.set, r->head.flow))
			break;
		if (!stream_end_decode(st, r, &h, &u.stream_end))
			return;
		l7_set_stream_end(part.set, &h, &u.stream_end);
		break;
	case REC_flow:
		if (!l7_set_knows(part.set, r->head.flow))
			break;
		if (!flow_decode(st, r, &h, &u.flow))
			return;
		l7_set_flow_end(part.set, &h, &u.flow);
		break;
	case REC_guess:
		if (!part.follows)
			break;
		if (!stage_decode(st, &l7_part_guess, r, &h, &u.guess))
			return;
		l7_set_guess(part.set, &h, &u.guess);
		break;
	default:
		break;
	}
	l7_part_fate(st, r, ours);
}

void l7_part_count(void)
{
	const struct l7_stats sum = l7_set_stats(part.set), *s = &sum;

	*part.known = s->flows;
	/* A predecessor's may stand there already. */
	*part.claimed += s->claimed - part.told.claimed;
	*part.evicted += s->evicted - part.told.evicted;
	*part.poisoned += s->poisoned - part.told.poisoned;
	*part.swapped += s->swapped - part.told.swapped;
	*part.suppressed += s->anomalies_suppressed - part.told.anomalies_suppressed;
	*part.firsts += s->first_bytes_evicted - part.told.first_bytes_evicted;
	part.told = *s;
}

void l7_part_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	/* A stage that guesses says that it is there before its first record. */
	if (!part.follows && stage_schema(st, REC_guess))
		part.follows = l7_set_follow(part.set);
	for (size_t i = 0; i < n; i++)
		l7_set_ahead(part.set, recs[i].head.flow, L7_AHEAD_TABLE);
	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			l7_set_ahead(part.set, recs[i + AHEAD].head.flow, L7_AHEAD_FLOW);
		l7_part_record(st, &recs[i]);
	}
	l7_part_count();
}

void l7_part_check_before(struct stage *st)
{
	if (!*part.claimed || part.several)
		stage_check_before(st, part.tcp);
}

struct l7_set *l7_part_set(void)
{
	return part.set;
}

void l7_part_free(void)
{
	l7_set_free(part.set);
}

static void census_flow(void *ctx, uint64_t flow, const struct rec_key *key, const uint64_t held[2])
{
	struct census_flow *row = census_add(ctx, flow);

	census_key(row, key);
	memcpy(row->held, held, sizeof(row->held));
}

void l7_part_census(struct stage *st, struct census *c)
{
	(void)st;
	l7_set_each(part.set, census_flow, c);
}

void l7_part_finish(uint64_t last_n)
{
	l7_set_finish(part.set, last_n);
	l7_part_count();
}

void l7_part_leave(struct stage *st, uint64_t n, uint64_t ts)
{
	(void)st;
	l7_set_leave(part.set, n, ts);
	l7_part_count();
}

/* ---- options ------------------------------------------------------------------------------- */

static struct opt_group options_named(const struct l7_parser *p)
{
	struct opt *rows;
	size_t n = 0;

	while (p->options && p->options[n].name)
		n++;
	rows = xcalloc(n + 1, sizeof(*rows));
	for (size_t i = 0; i < n; i++) {
		char *name;

		rows[i] = p->options[i];
		rows[i].letter = 0;
		if (asprintf(&name, "%s-%s", p->name, rows[i].name) < 0)
			die("out of memory");
		rows[i].name = name;
	}
	return (struct opt_group){ p->name, rows, p->config };
}

size_t l7_part_options(const struct l7_parser *const *parsers, struct opt_group groups[L7_SET_MOST])
{
	size_t n = 0;

	for (; parsers[n] && n < L7_SET_MOST; n++)
		groups[n] = options_named(parsers[n]);
	return n;
}

void l7_part_options_free(struct opt_group *groups, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (const struct opt *o = groups[i].options; o->name; o++)
			free((char *)o->name);
		free((struct opt *)groups[i].options);
	}
}
