/* dns_session: puts queries and responses of a flow together and writes a record for each pair. */
#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/dns/dns.h"
#include "cmd/dns/dns_message.h"
#include "cmd/dns/dns_names.h"
#include "libcommon/base/die.h"

/* A query is kept as it came, up to KEPT_LARGE bytes: it is read again when its record is
 * written. Most fit into KEPT_SMALL; the header and any first question fit into KEPT_LARGE. */
enum { KEPT_SMALL = 96, KEPT_LARGE = 1280, GIVEN_UP_TIMES = 10 };

struct dns_tx {
	struct dns_tx *next;          /* in its bucket; in the pool */
	struct dns_tx *older, *newer; /* in its list */
	uint64_t ts, n;               /* of the first query */
	uint64_t touched;
	uint32_t hash, len; /* len: bytes of the query message */
	uint16_t id, qtype, kept;
	uint16_t retries, responses;
	uint8_t dir, state, large;
	uint8_t msg[];
};

/* ---- remembering ---- */

_Static_assert(sizeof(struct dns_tx) + KEPT_SMALL <= DNS_POOL_SMALL &&
		       sizeof(struct dns_tx) + KEPT_LARGE <= DNS_POOL_LARGE,
	       "a block holds a transaction");

static struct dns_pool *pool_of(struct l7_flow *f)
{
	return &((struct dns_shared *)l7_shared(f))->pool;
}

static struct dns_tx *tx_new(struct l7_flow *f, size_t len)
{
	bool large = len > KEPT_SMALL;
	struct dns_tx *t = dns_pool_take(pool_of(f), large);

	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t));
	t->large = large;
	return t;
}

static struct dns_tx **bucket_of(struct dns_session *s, uint16_t id)
{
	return &s->bucket[(id ^ id >> 4 ^ id >> 8) % DNS_BUCKETS];
}

static void list_remove(struct dns_session *s, struct dns_tx *t)
{
	*(t->older ? &t->older->newer : &s->list[t->state].oldest) = t->newer;
	*(t->newer ? &t->newer->older : &s->list[t->state].newest) = t->older;
}

static void list_add(struct dns_session *s, struct dns_tx *t, enum dns_tx_state state, uint64_t now)
{
	t->state = (uint8_t)state;
	t->touched = now;
	t->newer = NULL;
	t->older = s->list[state].newest;
	*(t->older ? &t->older->newer : &s->list[state].oldest) = t;
	s->list[state].newest = t;
}

static void tx_forget(struct l7_flow *f, struct dns_session *s, struct dns_tx *t)
{
	struct dns_tx **at = bucket_of(s, t->id);

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	list_remove(s, t);
	s->remembered--;
	dns_pool_give(pool_of(f), t, t->large);
}

static void tx_name(const struct dns_tx *t, struct dns_name *n)
{
	size_t at = DNS_HEADER;
	unsigned faults = 0;

	n->len = 0;
	if (t->kept >= DNS_HEADER && be16_get(t->msg + 4))
		dns_name_read(BYTES(t->msg, t->kept), &at, t->kept, n, &faults);
}

/* The transaction of this id, name and type whose query went in direction `dir`: there is at
 * most one. hash: of that name. */
static struct dns_tx *tx_find(struct dns_session *s, enum l7_dir dir, const struct dns_message *m,
			      uint32_t hash)
{
	struct dns_name name;

	for (struct dns_tx *t = *bucket_of(s, m->id); t; t = t->next) {
		if (t->id != m->id || t->dir != dir || t->hash != hash || t->qtype != m->qtype)
			continue;
		tx_name(t, &name);
		if (dns_name_equal(&name, &m->qname))
			return t;
	}
	return NULL;
}

/* For a response that repeats no question, the id has to do: the oldest query that waits, else
 * the newest of the others. */
static struct dns_tx *tx_find_by_id(struct dns_session *s, enum l7_dir dir, uint16_t id)
{
	struct dns_tx *best = NULL;

	for (struct dns_tx *t = *bucket_of(s, id); t; t = t->next)
		if (t->id == id && t->dir == dir && (!best || t->state == DNS_WAITING))
			best = t;
	return best;
}

/* ---- writing ---- */

/* What one record is made from. */
struct outcome {
	enum rec_dns_state state;
	const struct dns_message *query, *response; /* either may be NULL */
	uint64_t ts, first_n;                       /* of the query, else of the response */
	uint32_t req_len, resp_len;
	uint16_t retries, responses;
};

/* Of a message whose end is missing: names what is not all there. */
static void mark_cut(struct dns_message *m)
{
	for (unsigned s = 0; s < 3; s++)
		if (m->section[s].count + (s == 2 && m->edns.set) < m->counts[1 + s])
			m->cut |= DNS_CUT_ANSWERS << s;
}

static struct bytes text_or_none(const char *s)
{
	return s ? bytes_str(s) : BYTES(NULL, 0);
}

static struct rec_opt flag(uint16_t flags, unsigned bit)
{
	return SOME((flags & bit) != 0);
}

static void fill_header(struct rec_dns *r, const struct outcome *o)
{
	const struct dns_message *m = o->response ? o->response : o->query;
	uint8_t opcode = dns_opcode(m->flags);

	r->trans_id = m->id;
	r->opcode = opcode;
	r->opcode_name = text_or_none(dns_opcode_name(opcode));
	if (o->response) {
		uint16_t rcode = dns_rcode(m);

		r->rcode = SOME(rcode);
		r->rcode_name = text_or_none(dns_rcode_name(rcode));
		r->aa = flag(m->flags, DNS_AA);
		r->ra = flag(m->flags, DNS_RA);
	}
	r->tc = flag(m->flags, DNS_TC);
	r->rd = flag(m->flags, DNS_RD);
	r->z = flag(m->flags, DNS_Z);
	r->ad = flag(m->flags, DNS_AD);
	r->cd = flag(m->flags, DNS_CD);
}

/* The question as the querier wrote it; of an inverse query, which has none, the response's. */
static void fill_question(struct rec_dns *r, const struct outcome *o, bool multicast,
			  struct dns_text *name)
{
	const struct dns_message *m = o->query ? o->query : o->response;

	if (o->response && !m->qname.len)
		m = o->response;
	r->more_questions = m->more;
	if (!m->qname.len)
		return;
	dns_name_text(&m->qname, name);
	r->query = BYTES(name->ptr, name->len);
	r->qtype = SOME(m->qtype);
	r->qtype_name = text_or_none(dns_type_name(m->qtype));
	r->qclass = SOME(m->qclass);
	/* Multicast DNS asks for a unicast response in the top bit (RFC 6762 5.4). */
	r->qclass_name = text_or_none(dns_class_name(multicast ? m->qclass & 0x7fff : m->qclass));
}

/* Whose sections are shown. Of an update or a notification the query holds what matters. */
static const struct dns_message *sections_of(const struct outcome *o)
{
	const struct dns_message *m = o->response ? o->response : o->query;
	uint8_t opcode = dns_opcode(m->flags);

	if (o->response && o->query && !m->section[0].count && !m->section[1].count &&
	    !m->section[2].count && (opcode == DNS_OPCODE_UPDATE || opcode == DNS_OPCODE_NOTIFY))
		m = o->query;
	return m;
}

static void fill_sections(struct rec_dns *r, const struct outcome *o)
{
	const struct dns_message *m = sections_of(o);

	r->answers = m->section[0];
	r->authorities = m->section[1];
	r->additionals = m->section[2];
}

static void fill_edns(struct rec_dns *r, const struct outcome *o)
{
	const struct dns_edns *e = NULL, *q = o->query ? &o->query->edns : NULL;

	if (o->response && o->response->edns.set)
		e = &o->response->edns;
	else if (q && q->set)
		e = q;
	if (!e)
		return;
	r->edns_udp_size = SOME(e->udp_size);
	r->edns_version = SOME(e->version);
	r->edns_do = SOME(e->dnssec_ok);
	r->edns_options = e->options;
	r->edns_ecs = e->ecs.ptr || !q ? e->ecs : q->ecs;
	r->edns_ede = e->ede;
	r->edns_ede_text = e->ede_text;
}

static struct rec_list fill_truncated(const struct outcome *o, struct bytes out[5])
{
	static const char *const fields[5] = { "answers", "authorities", "additionals",
					       "more_questions", "edns_options" };
	const unsigned sections = DNS_CUT_ANSWERS | DNS_CUT_AUTHORITIES | DNS_CUT_ADDITIONALS;
	unsigned cut = (o->query ? o->query->cut : 0) | (o->response ? o->response->cut : 0);

	cut = (cut & ~sections) | (sections_of(o)->cut & sections);
	return l7_names(cut, fields, 5, out);
}

static bool is_multicast(const struct l7_flow *f)
{
	const struct rec_key *k = l7_key(f);

	/* Towards a name server these are ports of clients like any other. */
	return k->proto == IPPROTO_UDP && k->orig_p != 53 && k->resp_p != 53 &&
	       (k->orig_p == 5353 || k->resp_p == 5353 || k->orig_p == 5355 || k->resp_p == 5355);
}

static void emit(struct l7_flow *f, const struct outcome *o)
{
	char chars[4 * DNS_NAME_MAX];
	struct dns_text name = { .ptr = chars, .size = sizeof(chars) };
	struct bytes truncated[5];
	struct rec_dns r = { .state = o->state };

	r.transport = l7_key(f)->proto == IPPROTO_TCP ? REC_transport_TCP : REC_transport_UDP;
	fill_header(&r, o);
	fill_question(&r, o, is_multicast(f), &name);
	fill_sections(&r, o);
	fill_edns(&r, o);
	r.truncated = fill_truncated(o, truncated);
	if (o->query) {
		r.req_len = SOME(o->req_len);
		r.first_n = SOME(o->first_n);
	}
	if (o->response)
		r.resp_len = SOME(o->resp_len);
	if (o->query && o->response)
		r.rtt = SOME(l7_now(f) > o->ts ? l7_now(f) - o->ts : 0);
	r.retries = o->retries;
	r.responses = o->responses;
	l7_emit_rec(f, o->ts, &rec_dns_desc, &r);
}

/* A record for a remembered transaction. `work` holds the texts of the response, if there is
 * one; those of the query are added. */
static void emit_tx(struct l7_flow *f, const struct dns_tx *t, enum rec_dns_state state,
		    const struct dns_message *response, size_t resp_len, struct dns_work *work)
{
	struct dns_message query;
	struct outcome o = { .state = state,
			     .query = &query,
			     .response = response,
			     .ts = t->ts,
			     .first_n = t->n,
			     .req_len = t->len,
			     .resp_len = (uint32_t)resp_len,
			     .retries = t->retries,
			     .responses = t->responses };

	if (work && !response)
		dns_work_reset(work);
	dns_message_read(&query, BYTES(t->msg, t->kept), work);
	if (t->kept < t->len)
		mark_cut(&query);
	emit(f, &o);
}

/* Bytes of a message as it was sent, of which the capture may lack some. */
static uint32_t sent_len(const struct l7_flow *f, struct bytes wire)
{
	return (uint32_t)wire.len + l7_lacking(f);
}

/* A record for a message that belongs to no transaction. */
static void emit_alone(struct l7_flow *f, const struct dns_message *m, struct bytes wire)
{
	bool response = dns_is_response(m);
	uint32_t len = sent_len(f, wire);
	struct outcome o = { .state = response ? REC_dns_state_UNSOLICITED
					       : REC_dns_state_UNANSWERED,
			     .ts = l7_now(f),
			     .first_n = l7_n(f),
			     .req_len = len,
			     .resp_len = len,
			     .responses = response };

	*(response ? &o.response : &o.query) = m;
	emit(f, &o);
}

static void give_up(struct l7_flow *f, struct dns_session *s, struct dns_tx *t,
		    struct dns_work *work)
{
	emit_tx(f, t, REC_dns_state_UNANSWERED, NULL, 0, work);
	list_remove(s, t);
	list_add(s, t, DNS_GIVEN_UP, l7_now(f));
}

/* ---- messages ---- */

/* Makes room for one more transaction by forgetting the one that matters least. False where
 * there is none to forget. */
static bool make_room(struct l7_flow *f, enum l7_dir dir, struct dns_session *s,
		      struct dns_work **work)
{
	struct dns_tx *t = s->list[DNS_GIVEN_UP].oldest;

	if (!t)
		t = s->list[DNS_ANSWERED].oldest;
	if (!t) {
		t = s->list[DNS_WAITING].oldest;
		if (!t)
			return false;
		if (!*work)
			*work = l7_scratch(f, sizeof(**work));
		emit_tx(f, t, REC_dns_state_UNANSWERED, NULL, 0, *work);
		l7_violation(f, dir, "dns_pending_full", REC_severity_NOTE, NULL,
			     "the oldest query was given up to make room", NULL);
	}
	tx_forget(f, s, t);
	return true;
}

static struct dns_tx *tx_make(struct l7_flow *f, enum l7_dir dir, struct dns_session *s, size_t len)
{
	struct dns_config *c = l7_config(f);
	struct dns_work *work = NULL;
	struct dns_tx *t;

	if (s->remembered >= c->max_pending && !make_room(f, dir, s, &work))
		return NULL;
	while ((t = tx_new(f, len)) == NULL) {
		/* Most of what is remembered is of flows that have been silent for long, as a
		 * flood of queries from everywhere leaves behind. */
		work = NULL;
		if (!l7_evict_oldest(f) && !make_room(f, dir, s, &work))
			return NULL;
	}
	return t;
}

/* A query that is not remembered is reported at once. */
static void query_alone(struct l7_flow *f, struct bytes wire)
{
	struct dns_work *work = l7_scratch(f, sizeof(*work));
	struct dns_message m;

	if (work)
		dns_work_reset(work);
	dns_message_read(&m, wire, work);
	if (l7_snapped(f))
		mark_cut(&m);
	emit_alone(f, &m, wire);
}

static void query_add(struct l7_flow *f, enum l7_dir dir, const struct dns_message *m,
		      struct bytes wire)
{
	struct dns_session *s = l7_state(f);
	uint32_t hash = dns_name_hash(&m->qname);
	struct dns_tx *t = tx_find(s, dir, m, hash), **bucket;

	if (t && t->state == DNS_WAITING) {
		t->retries += t->retries < UINT16_MAX;
		return;
	}
	if (t)
		tx_forget(f, s, t);
	t = tx_find_by_id(s, dir, m->id);
	if (t && t->state == DNS_WAITING)
		l7_violation(f, dir, "dns_id_reuse", REC_severity_NOTE, "a query of this id waits",
			     "a query with another question", NULL);
	t = tx_make(f, dir, s, wire.len);
	if (!t) {
		l7_violation(f, dir, "dns_pending_full", REC_severity_NOTE, NULL,
			     "no memory to wait for the answer", NULL);
		query_alone(f, wire);
		return;
	}
	t->ts = l7_now(f);
	t->n = l7_n(f);
	t->id = m->id;
	t->qtype = m->qtype;
	t->hash = hash;
	t->dir = (uint8_t)dir;
	t->len = sent_len(f, wire);
	t->kept = (uint16_t)(wire.len < KEPT_LARGE ? wire.len : KEPT_LARGE);
	memcpy(t->msg, wire.ptr, t->kept);
	bucket = bucket_of(s, t->id);
	t->next = *bucket;
	*bucket = t;
	list_add(s, t, DNS_WAITING, t->ts);
	s->remembered++;
}

static void response_add(struct l7_flow *f, enum l7_dir dir, const struct dns_message *m,
			 struct bytes wire, struct dns_work *work)
{
	struct dns_session *s = l7_state(f);
	enum l7_dir asked = (enum l7_dir) !dir;
	/* An inverse query asks for its question: only the response has it (RFC 1035 6.4.1). */
	bool by_id = !m->qname.len || dns_opcode(m->flags) == DNS_OPCODE_IQUERY;
	struct dns_tx *t = by_id ? tx_find_by_id(s, asked, m->id)
				 : tx_find(s, asked, m, dns_name_hash(&m->qname));

	if (!t) {
		l7_violation(f, dir, "dns_unsolicited", REC_severity_NOTE, NULL,
			     "a response to no query that was seen", NULL);
		emit_alone(f, m, wire);
		return;
	}
	t->responses += t->responses < UINT16_MAX;
	emit_tx(f, t, t->state == DNS_GIVEN_UP ? REC_dns_state_LATE : REC_dns_state_ANSWERED, m,
		sent_len(f, wire), work);
	list_remove(s, t);
	list_add(s, t, t->state == DNS_GIVEN_UP ? DNS_GIVEN_UP : DNS_ANSWERED, l7_now(f));
}

static void report(struct l7_flow *f, enum l7_dir dir, const struct dns_message *m)
{
	for (unsigned bit = 0; bit < DNS_FAULTS; bit++)
		if (m->faults & 1u << bit)
			l7_violation(f, dir, dns_fault_name(bit), REC_severity_WARNING, NULL,
				     m->faults == DNS_FAULT_SHORT ? NULL
				     : dns_is_response(m)         ? "in a response"
								  : "in a query",
				     NULL);
}

void dns_session_message(struct l7_flow *f, enum l7_dir dir, struct bytes wire)
{
	bool response = wire.len >= DNS_HEADER && wire.ptr[2] & 0x80;
	struct dns_work *work = response ? l7_scratch(f, sizeof(*work)) : NULL;
	struct dns_message m;
	bool readable;

	if (work)
		dns_work_reset(work);
	readable = dns_message_read(&m, wire, work);
	if (l7_snapped(f)) /* what comes of the capture's own limit is no fault of the message */
		m.faults &= ~(DNS_FAULT_RR_TRUNCATED | DNS_FAULT_LABEL_OVERRUN | DNS_FAULT_SHORT);
	if (l7_snapped(f) && readable && response)
		mark_cut(&m);
	report(f, dir, &m);
	/* Where the first question can't be read, nothing tells what the message is about; the
	 * id of a response may. */
	if (!readable || (!m.qname.len && m.counts[0] &&
			  !(response && tx_find_by_id(l7_state(f), (enum l7_dir) !dir, m.id)))) {
		if (l7_snapped(f))
			l7_violation(f, dir, "dns_snapped", REC_severity_NOTE, NULL,
				     "the capture lacks the question of a message", NULL);
		return;
	}
	if (is_multicast(f)) {
		if (response)
			emit_alone(f, &m, wire);
		else
			query_alone(f, wire);
	} else if (response) {
		response_add(f, dir, &m, wire, work);
	} else {
		query_add(f, dir, &m, wire);
	}
}

/* ---- time and the end ---- */

void dns_session_tick(struct l7_flow *f, uint64_t now)
{
	struct dns_config *c = l7_config(f);
	struct dns_session *s = l7_state(f);
	struct dns_work *work = NULL;
	struct dns_tx *t;

	if (!c->timeout)
		return;
	while ((t = s->list[DNS_WAITING].oldest) && now >= t->touched &&
	       now - t->touched >= c->timeout) {
		if (!work)
			work = l7_scratch(f, sizeof(*work));
		give_up(f, s, t, work);
	}
	while ((t = s->list[DNS_ANSWERED].oldest) && now >= t->touched &&
	       now - t->touched >= c->timeout)
		tx_forget(f, s, t);
	while ((t = s->list[DNS_GIVEN_UP].oldest) && now >= t->touched &&
	       (now - t->touched) / GIVEN_UP_TIMES >= c->timeout)
		tx_forget(f, s, t);
}

void dns_session_end(struct l7_flow *f)
{
	struct dns_session *s = l7_state(f);
	struct dns_work *work = NULL;
	struct dns_tx *t;

	while ((t = s->list[DNS_WAITING].oldest)) {
		if (!work)
			work = l7_scratch(f, sizeof(*work));
		emit_tx(f, t, REC_dns_state_UNANSWERED, NULL, 0, work);
		tx_forget(f, s, t);
	}
	for (int i = DNS_ANSWERED; i <= DNS_GIVEN_UP; i++)
		while ((t = s->list[i].oldest))
			tx_forget(f, s, t);
}
