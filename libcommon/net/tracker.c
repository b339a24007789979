/* tracker: turns a sequence of parsed packets into flows with states. */
#include "libcommon/net/tracker.h"

#include <stdlib.h>

enum {
	GOOD_CHECKSUM = 1, /* bits of flow.bits, shifted by the direction */
	HOSTS = 4096,
	HOST_PROBES = 8,
	SCTP_CHUNKS_MAX = 64,
};

/* Hosts whose offloaded checksums were spoken of. The hash is fixed: what is put out may not
 * depend on the secret. */
struct host {
	uint8_t addr[16];
	uint8_t version;
};

struct tracker {
	struct tracker_config config;
	struct flow_table *table;
	struct host hosts[HOSTS];
	uint64_t hosts_full;
};

struct tracker *tracker_new(const struct tracker_config *config)
{
	struct tracker *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->config = *config;
	t->table = flow_table_new(&config->table);
	if (!t->table) {
		free(t);
		return NULL;
	}
	return t;
}

void tracker_free(struct tracker *t)
{
	if (!t)
		return;
	flow_table_free(t->table);
	free(t);
}

uint32_t tracker_count(const struct tracker *t)
{
	return flow_table_count(t->table);
}

uint64_t tracker_hosts_full(const struct tracker *t)
{
	return t->hosts_full;
}

void tracker_prepare(struct tracker *t, struct tracked *p, uint64_t scope)
{
	p->sender = flow_key_make(&p->key, p->layers, scope);
	p->hash = flow_hash(t->table, &p->key);
	flow_table_prefetch(t->table, p->hash);
}

void tracker_prefetch(struct tracker *t, struct tracked *p)
{
	p->flow = flow_table_guess(t->table, p->hash);
}

/* ---- ends ------------------------------------------------------------------------------- */

static enum flow_end_reason reason_of(const struct flow *f, enum flow_end_reason otherwise)
{
	if (f->key.proto == PROTO_TCP && tcp_phase(&f->tcp) == TCP_OVER)
		return tcp_was_reset(&f->tcp) ? FLOW_END_RST : FLOW_END_FIN;
	if (f->key.proto == PROTO_SCTP && f->sctp.over)
		return f->sctp.over == SCTP_ABORTED ? FLOW_END_ABORT : FLOW_END_FIN;
	if (otherwise == FLOW_END_IDLE && f->key.proto == PROTO_TCP && tcp_was_reset(&f->tcp))
		return FLOW_END_RST; /* silent since a reset that was not exact */
	return otherwise;
}

static void end_flow(struct tracker *t, struct flow *f, enum flow_end_reason why)
{
	uint64_t hash = flow_hash(t->table, &f->key);

	flow_table_prefetch(t->table, hash);
	t->config.end(t->config.user, f, why);
	flow_remove(t->table, f, hash);
}

void tracker_time(struct tracker *t, uint64_t now)
{
	size_t n;

	if (!flow_table_due(t->table, now))
		return;
	n = flow_table_expired(t->table, now);
	for (size_t i = 0; i < n; i++) {
		struct flow *f = flow_table_chosen(t->table, i);

		end_flow(t, f, reason_of(f, FLOW_END_IDLE));
	}
}

void tracker_on_end(struct tracker *t,
		    void (*end)(void *user, const struct flow *f, enum flow_end_reason why))
{
	t->config.end = end;
}

void tracker_finish(struct tracker *t, enum flow_end_reason why)
{
	size_t n = flow_table_all(t->table);

	for (size_t i = 0; i < n; i++) {
		struct flow *f = flow_table_chosen(t->table, i);

		t->config.end(t->config.user, f, reason_of(f, why));
	}
}

/* ---- SCTP ------------------------------------------------------------------------------- */

/* RFC 9260 8.5: which tag a packet must carry; T: the sender reflects the receiver's own. */
static bool sctp_tag_right(const struct sctp *s, unsigned dir, uint32_t tag, bool reflected)
{
	if (s->has_tag[!dir] && tag == s->tag[!dir])
		return true;
	if (reflected && s->has_tag[dir] && tag == s->tag[dir])
		return true;
	return !s->has_tag[!dir];
}

static void sctp_input(struct sctp *s, unsigned dir, const struct layers *l)
{
	enum { INIT = 1, INIT_ACK = 2, ABORT = 6, SHUTDOWN_COMPLETE = 14 };
	struct cursor c = cursor_of(l->payload);

	for (unsigned i = 0; i < SCTP_CHUNKS_MAX && cursor_left(&c) >= 4; i++) {
		const uint8_t *h = c.pos;
		uint16_t len = be16_get(h + 2);

		if (len < 4)
			return;
		if ((h[0] == INIT || h[0] == INIT_ACK) && len >= 20 && cursor_left(&c) >= 8) {
			s->tag[dir] = be32_get(h + 4);
			s->has_tag[dir] = true;
		} else if (h[0] == ABORT || h[0] == SHUTDOWN_COMPLETE) {
			if (sctp_tag_right(s, dir, l->seq, h[1] & 1))
				s->over = h[0] == ABORT ? SCTP_ABORTED : SCTP_SHUT_DOWN;
		}
		cursor_skip(&c, (len + 3u) & ~3u);
		if (c.failed)
			return;
	}
}

/* ---- new flows -------------------------------------------------------------------------- */

static bool is_server_port(uint16_t port)
{
	switch (port) {
	case 1080:
	case 3128:
	case 3306:
	case 3389:
	case 5060:
	case 5432:
	case 8000:
	case 8080:
	case 8888:
		return true;
	default:
		return port && port < 1024;
	}
}

/* Was the flow's first packet sent by its responder? */
static bool is_turned(const struct tracked *p)
{
	const struct layers *l = p->layers;

	switch (l->proto) {
	case PROTO_ICMP:
	case PROTO_ICMP6:
		return icmp_is_reply(l->proto, l->src_port);
	case PROTO_TCP:
		if (l->tcp_flags & TCP_SYN)
			return (l->tcp_flags & (TCP_ACK | TCP_RST | TCP_FIN)) == TCP_ACK;
		break;
	case PROTO_UDP:
		break;
	default:
		return false;
	}
	return is_server_port(l->src_port) && !is_server_port(l->dst_port);
}

static enum flow_class first_class(uint8_t proto)
{
	switch (proto) {
	case PROTO_TCP:
		return FLOW_TCP_NEW;
	case PROTO_UDP:
		return FLOW_UDP_ONE_WAY;
	case PROTO_ICMP:
	case PROTO_ICMP6:
		return FLOW_ICMP;
	case PROTO_SCTP:
		return FLOW_SCTP_NEW;
	default:
		return FLOW_OTHER;
	}
}

static struct flow *new_flow(struct tracker *t, struct tracked *p)
{
	const struct layers *l = p->layers;
	struct flow *f;
	unsigned nvlans = l->nvlans;
	bool turned = is_turned(p);

	if (flow_table_full(t->table))
		end_flow(t, flow_table_victim(t->table), FLOW_END_EVICTED);
	f = flow_add(t->table, &p->key, p->hash, first_class(l->proto), p->now);
	f->id = p->id;
	f->start = f->reported = p->now;
	f->orig = (uint8_t)(p->sender ^ turned);
	if (turned && (l->proto == PROTO_TCP || l->proto == PROTO_UDP))
		history_mark(&f->history, '^');
	if (nvlans > sizeof(f->vlans) / sizeof(f->vlans[0]))
		nvlans = sizeof(f->vlans) / sizeof(f->vlans[0]);
	memcpy(f->vlans, l->vlans, nvlans * sizeof(f->vlans[0]));
	f->nvlans = (uint8_t)nvlans;
	p->is_new = true;
	return f;
}

/* ---- checksums -------------------------------------------------------------------------- */

/* Remembers a host. True where it was not known. */
static bool host_is_news(struct tracker *t, const struct layers *l)
{
	uint64_t h = 0xcbf29ce484222325;

	for (unsigned i = 0; i < 16; i++)
		h = (h ^ l->src[i]) * 0x100000001b3;
	for (unsigned i = 0; i < HOST_PROBES; i++) {
		struct host *host = &t->hosts[(h + i) % HOSTS];

		if (!host->version) {
			host->version = l->ip_version;
			memcpy(host->addr, l->src, 16);
			return true;
		}
		if (host->version == l->ip_version && !memcmp(host->addr, l->src, 16))
			return false;
	}
	t->hosts_full++;
	return false;
}

/* A side none of whose packets had a good checksum so far leaves them to its network card: its
 * packets are accepted. A bad one behind a good one is a damaged or a forged packet. */
static bool is_damaged(struct tracker *t, struct flow *f, struct tracked *p)
{
	uint8_t good = (uint8_t)(GOOD_CHECKSUM << p->dir);

	if (p->layers->checksum == CHECKSUM_UNKNOWN || p->csum_unready)
		return false;
	if (p->layers->checksum == CHECKSUM_GOOD) {
		f->bits |= good;
		return false;
	}
	if (p->layers->proto == PROTO_TCP &&
	    tcp_is_merged(&f->tcp, p->dir, (uint32_t)p->layers->payload.len))
		return false;
	p->bad_checksum = true;
	f->bad_checksums[p->dir]++;
	if (f->bits & good)
		return true;
	p->offload = host_is_news(t, p->layers);
	return false;
}

/* ---- packets ---------------------------------------------------------------------------- */

static void count(struct flow *f, const struct tracked *p)
{
	const struct layers *l = p->layers;
	uint32_t payload = (uint32_t)l->payload.len + l->missing;
	uint8_t mac = (uint8_t)(FLOW_MAC_SET << p->dir);

	f->packets[p->dir]++;
	f->wire_bytes[p->dir] += p->wire_len;
	f->ip_bytes[p->dir] += l->ip_len;
	if (l->proto == PROTO_ICMP || l->proto == PROTO_ICMP6) /* the rest of the header */
		payload = payload > 4 ? payload - 4 : 0;
	f->payload[p->dir] += payload;
	f->bits |= (uint8_t)(FLOW_ONE_SEEN << p->dir);
	if (l->l2_src && !(f->bits & mac)) {
		memcpy(f->mac[p->dir], l->l2_src, 6);
		f->bits |= mac;
	}
}

static enum flow_class class_of(const struct flow *f)
{
	bool both = (f->bits >> 2 & 3) == 3;

	switch (f->key.proto) {
	case PROTO_TCP:
		switch (tcp_phase(&f->tcp)) {
		case TCP_OPENING:
			return FLOW_TCP_NEW;
		case TCP_ONE_WAY:
			return FLOW_TCP_ONE_WAY;
		case TCP_OPEN:
			return FLOW_TCP;
		default:
			return FLOW_TCP_CLOSED;
		}
	case PROTO_UDP:
		return both ? FLOW_UDP : FLOW_UDP_ONE_WAY;
	case PROTO_SCTP:
		return f->sctp.over ? FLOW_SCTP_CLOSED : both ? FLOW_SCTP : FLOW_SCTP_NEW;
	default:
		return (enum flow_class)f->class;
	}
}

static void input_other(struct flow *f, struct tracked *p, bool damaged)
{
	const struct layers *l = p->layers;

	p->tcp = (struct tcp_result){ .verdict = damaged ? TCP_BAD_CHECKSUM : TCP_DELIVER,
				      .keep = (uint32_t)l->payload.len + l->missing };
	if (l->proto == PROTO_UDP && damaged)
		history_count(&f->history, p->dir, 'c');
	else if (l->proto == PROTO_UDP)
		history_once(&f->history, p->dir, 'd');
	else if (l->proto == PROTO_SCTP)
		sctp_input(&f->sctp, p->dir, l);
}

void tracker_packet(struct tracker *t, struct tracked *p)
{
	const struct layers *l = p->layers;
	struct flow *f = p->flow;
	struct tcp_segment s = { .seq = l->seq,
				 .ack = l->ack,
				 .flags = l->tcp_flags,
				 .window = l->window,
				 .len = (uint32_t)l->payload.len + l->missing,
				 .options = l->tcp_options };
	bool damaged;

	if (!f || !flow_is(f, &p->key))
		f = flow_find(t->table, &p->key, p->hash);
	p->is_new = p->update = p->bad_checksum = p->offload = false;
	if (f)
		s.idle = p->now - f->last;
	if (f && (l->tcp_flags & TCP_SYN) && l->proto == PROTO_TCP &&
	    tcp_is_reuse(&f->tcp, p->sender ^ f->orig, &s)) {
		end_flow(t, f, reason_of(f, FLOW_END_REUSED));
		f = NULL;
	}
	if (!f)
		f = new_flow(t, p);
	p->flow = f;
	p->dir = p->sender ^ f->orig;
	if (p->is_new && t->config.start)
		t->config.start(t->config.user, f);
	damaged = is_damaged(t, f, p);
	if (l->proto == PROTO_TCP) {
		s.bad_checksum = damaged;
		tcp_input(&f->tcp, &f->history, p->dir, &s, &p->tcp);
	} else {
		input_other(f, p, damaged);
	}
	count(f, p);
	flow_touch(t->table, f, class_of(f), p->now);
	if (t->config.update && p->now - f->reported >= t->config.update) {
		f->reported = p->now;
		p->update = true;
	}
}

const char *flow_conn_state(const struct flow *f)
{
	switch (f->key.proto) {
	case PROTO_TCP:
		return tcp_conn_state(&f->tcp);
	case PROTO_UDP:
		if (f->packets[0])
			return f->packets[1] ? "SF" : "S0";
		return "SHR";
	default:
		return "OTH";
	}
}
