/* parse: the parsers in the process that guesses: a record is read once for both, and what no guess
 * gives to a parser is not even decoded. */
#include <netinet/in.h>
#include <string.h>

#include "cmd/infer/infer.h"
#include "libcommon/stage/l7_part.h"

enum { AHEAD = 4 /* records */ };

static uint64_t last_n; /* of a guess */

size_t parse_options(struct opt_group groups[])
{
	return l7_part_options(infer_parsers, groups);
}

void parse_open(struct stage *st)
{
	l7_part_config.only = infer_config.only;
	l7_part_config.payload = infer_config.payload;
	if (strcmp(infer_config.wanted, "all") != 0)
		l7_part_config.protocols = infer_config.wanted;
	l7_part_open(st, infer_parsers);
	l7_set_follow(l7_part_set());
}

void parse_guess(const struct rec_head *h, const struct rec_guess *g)
{
	last_n = h->n > last_n ? h->n : last_n;
	l7_set_guess(l7_part_set(), h, g);
}

/* True where a parser took it; false, with *fated, where it was malformed. */
static bool payload_take(struct stage *st, struct infer *engine, const struct stage_rec *r,
			 bool look, bool *fated)
{
	struct l7_set *set = l7_part_set();
	union {
		struct rec_stream stream;
		struct rec_packet packet;
	} u;
	struct rec_head h;

	if (r->head.type == REC_stream) {
		*fated = !stage_decode(st, &rec_stream_desc, r, &h, &u.stream);
		if (*fated)
			return false;
		if (look)
			infer_stream(engine, &h, &u.stream);
		return (!look || infer_wants(engine, h.flow)) && l7_set_stream(set, &h, &u.stream);
	}
	*fated = !stage_decode(st, &rec_packet_desc, r, &h, &u.packet);
	if (*fated)
		return false;
	if (look && u.packet.proto != IPPROTO_TCP && u.packet.proto != IPPROTO_SCTP)
		infer_packet(engine, &h, &u.packet);
	return u.packet.proto == IPPROTO_UDP && (!look || infer_wants(engine, h.flow)) &&
	       l7_set_takes_datagrams(set) && l7_set_packet(set, &h, &u.packet);
}

static void payload_parse(struct stage *st, struct infer *engine, const struct stage_rec *r)
{
	enum infer_need need = infer_need(engine, r->head.flow);
	bool ours = false, fated = false;

	if (need == INFER_LOOK ||
	    (need == INFER_PASS && !l7_set_is_other(l7_part_set(), r->head.flow)))
		ours = payload_take(st, engine, r, need == INFER_LOOK, &fated);
	if (!fated)
		l7_part_fate(st, r, ours);
}

static void record_parse(struct stage *st, struct infer *engine, const struct stage_rec *r)
{
	struct rec_flow f;

	switch (r->head.type) {
	case REC_stream:
	case REC_packet:
		payload_parse(st, engine, r);
		break;
	case REC_flow:
		if (!infer_flow_decode(st, r, &f))
			break;
		infer_flow(engine, &r->head, &f);
		if (l7_set_knows(l7_part_set(), r->head.flow))
			l7_set_flow_end(l7_part_set(), &r->head, &f);
		l7_part_fate(st, r, false);
		break;
	default:
		if (infer_other(st, r))
			l7_part_record(st, r);
		break;
	}
}

void parse_batch(struct stage *st, struct infer *engine, const struct stage_rec *recs, size_t n)
{
	struct l7_set *set = l7_part_set();

	for (size_t i = 0; i < n; i++) {
		infer_ahead(engine, recs[i].head.flow, INFER_AHEAD_TABLE);
		l7_set_ahead(set, recs[i].head.flow, L7_AHEAD_TABLE);
	}
	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n) {
			infer_ahead(engine, recs[i + AHEAD].head.flow, INFER_AHEAD_FLOW);
			l7_set_ahead(set, recs[i + AHEAD].head.flow, L7_AHEAD_FLOW);
		}
		record_parse(st, engine, &recs[i]);
	}
	l7_part_count();
}

void parse_finish(struct stage *st)
{
	uint64_t n = stage_last_n(st);

	l7_part_finish(n > last_n ? n : last_n);
}
