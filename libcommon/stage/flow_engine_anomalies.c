/* flow_engine_anomalies: what the flow engine says about packets that should not be. */
#include "libcommon/stage/flow_engine_private.h"

enum {
	PER_FLOW = 8, /* records; the rest is counted */
	BURST = 1000, /* records of one name at once */
};

static const uint64_t pace = 10000000; /* ns between records of one name, beyond a burst */

#define TCP_BIT(a) (1u << TCP_A_##a)
#define SCTP_BIT(a) (1u << SCTP_A_##a)
#define DEFRAG_BIT(a) (1u << DEFRAG_A_##a)

static const uint32_t tcp_warnings = TCP_BIT(SYN_INSIDE) | TCP_BIT(BAD_SYN_ACK) |
				     TCP_BIT(RST_SUSPECT) | TCP_BIT(DATA_AFTER_RESET) |
				     TCP_BIT(PAWS) | TCP_BIT(RESYNC);
static const uint32_t sctp_warnings = SCTP_BIT(BAD_TAG) | SCTP_BIT(ABORT_BAD_TAG) |
				      SCTP_BIT(INIT_CHANGED) | SCTP_BIT(DATA_AFTER_CLOSE) |
				      SCTP_BIT(CHUNK_LENGTH) | SCTP_BIT(RESYNC);
static const uint32_t defrag_warnings =
	DEFRAG_BIT(OVERLAP) | DEFRAG_BIT(INCONSISTENCY) | DEFRAG_BIT(SIZE_INCONSISTENCY) |
	DEFRAG_BIT(PROTOCOL_INCONSISTENCY) | DEFRAG_BIT(EXCESSIVELY_LARGE) |
	DEFRAG_BIT(HEADER_CHAIN) | DEFRAG_BIT(BAD_CHECKSUM);

static const char *name_of(unsigned a)
{
	switch (a) {
	case FLOW_A_CHECKSUM_OFFLOAD:
		return "checksum_offload";
	case FLOW_A_BAD_UDP:
		return "bad_UDP_checksum";
	case FLOW_A_BAD_ICMP:
		return "bad_ICMP_checksum";
	default:
		if (a < FLOW_A_SCTP)
			return tcp_anomaly_name((enum tcp_anomaly)a);
		if (a < FLOW_A_DEFRAG)
			return sctp_anomaly_name((enum sctp_anomaly)(a - FLOW_A_SCTP));
		return defrag_anomaly_name((enum defrag_anomaly)(a - FLOW_A_DEFRAG));
	}
}

static enum rec_severity severity_of(unsigned a)
{
	bool warning = false;

	if (a < FLOW_A_SCTP)
		warning = tcp_warnings >> a & 1;
	else if (a < FLOW_A_DEFRAG)
		warning = sctp_warnings >> (a - FLOW_A_SCTP) & 1;
	else if (a < FLOW_A_CHECKSUM_OFFLOAD)
		warning = defrag_warnings >> (a - FLOW_A_DEFRAG) & 1;
	return warning ? REC_severity_WARNING : REC_severity_NOTE;
}

/* A hundred records a second of each name, of packet time, and a thousand at once. */
static bool is_due(struct flow_engine *e, unsigned a)
{
	uint64_t *due = &e->due[a];

	if (*due < e->clock)
		*due = e->clock;
	if (*due - e->clock > (BURST - 1) * pace) {
		e->suppressed[a]++;
		return false;
	}
	*due += pace;
	return true;
}

static void emit(struct flow_engine *e, unsigned a, uint64_t flow, struct rec_anomaly *r)
{
	struct rec_head head = { REC_anomaly, e->now.ts, flow, e->now.n };

	r->name = bytes_str(name_of(a));
	r->severity = severity_of(a);
	r->stage = BYTES_LIT("flow");
	e->config.emit(e->config.user, &rec_anomaly_desc, &head, r);
}

static void report(struct flow_engine *e, const struct flow_item *it, unsigned a)
{
	const struct tracked *p = &it->tracked;
	struct flow *f = p->flow;
	struct rec_anomaly r;

	if (f->anomalies++ >= PER_FLOW) {
		e->suppressed[a]++;
		e->counters.anomalies_suppressed++;
		return;
	}
	if (!is_due(e, a)) {
		e->counters.anomalies_suppressed++;
		return;
	}
	r = (struct rec_anomaly){ .key = flow_record_key(f), .dir = SOME(p->dir) };
	if (f->key.proto == PROTO_TCP)
		r.state = bytes_str(tcp_state_name(&f->tcp));
	if (a < FLOW_A_SCTP) {
		r.event = bytes_str(tcp_anomaly_event((enum tcp_anomaly)a));
		r.expected = bytes_str(tcp_anomaly_expected((enum tcp_anomaly)a));
		if (tcp_anomaly_rule((enum tcp_anomaly)a))
			r.rule = bytes_str(tcp_anomaly_rule((enum tcp_anomaly)a));
	}
	if (a >= FLOW_A_SCTP && a < FLOW_A_DEFRAG) {
		enum sctp_anomaly sctp = (enum sctp_anomaly)(a - FLOW_A_SCTP);
		const char *chunk = sctp_chunk_name(p->sctp.event[sctp]);

		r.state = bytes_str(sctp_state_name((enum sctp_state)p->sctp.state[sctp]));
		if (chunk)
			r.event = bytes_str(chunk);
		r.expected = bytes_str(sctp_anomaly_expected(sctp));
		r.rule = bytes_str(sctp_anomaly_rule(sctp));
	}
	emit(e, a, f->id, &r);
}

static void report_all(struct flow_engine *e, const struct flow_item *it, uint32_t bits,
		       unsigned first)
{
	for (; bits; bits &= bits - 1)
		report(e, it, first + (unsigned)__builtin_ctz(bits));
}

void flow_report(struct flow_engine *e, const struct flow_item *it)
{
	const struct tracked *p = &it->tracked;
	uint8_t proto = p->flow->key.proto;

	if (p->offload)
		report(e, it, FLOW_A_CHECKSUM_OFFLOAD);
	if (proto == PROTO_TCP) {
		report_all(e, it, p->tcp.anomalies, FLOW_A_TCP);
	} else if (proto == PROTO_SCTP) {
		report_all(e, it, p->sctp.anomalies, FLOW_A_SCTP);
	} else if (p->tcp.verdict == TCP_BAD_CHECKSUM) {
		report(e, it, proto == PROTO_UDP ? FLOW_A_BAD_UDP : FLOW_A_BAD_ICMP);
	}
}

/* Fragments belong to no flow: addresses, and ports of 0. */
void flow_report_fragment(struct flow_engine *e, const struct flow_item *it, uint32_t anomalies)
{
	const struct layers *l = &it->layers;
	struct ip src = { .len = l->ip_version == 4 ? 4 : 16 }, dst = src;
	uint64_t source = it->in->head.flow & ~UINT64_C(0xffffffffffff);

	memcpy(src.b, l->src, 16);
	memcpy(dst.b, l->dst, 16);
	for (; anomalies; anomalies &= anomalies - 1) {
		unsigned a = FLOW_A_DEFRAG + (unsigned)__builtin_ctz(anomalies);
		struct rec_anomaly r = {
			.key = { .orig_h = src, .resp_h = dst, .proto = l->frag.proto }
		};

		if (is_due(e, a))
			emit(e, a, source, &r);
		else
			e->counters.anomalies_suppressed++;
	}
}

void flow_report_suppressed(struct flow_engine *e)
{
	for (unsigned a = 0; a < FLOW_ANOMALIES; a++) {
		struct rec_anomaly r = { .count = SOME(e->suppressed[a]) };

		if (e->suppressed[a])
			emit(e, a, 0, &r);
		e->suppressed[a] = 0;
	}
}
