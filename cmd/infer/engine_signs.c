/* engine_signs: collects what speaks for a protocol: ports, rules, memory, signatures. */
#include <netinet/in.h>

#include "cmd/infer/engine_private.h"

enum { MISFITS = 8, WEIGHT_PORT = 38, WEIGHT_PORT_HIGH = 30, WEIGHT_PORT_DOUBT = 20 };
enum { WEIGHT_SERVICE = 60, WEIGHT_SERVICE_OFTEN = 70, WEIGHT_NAME = 25, WELL_KNOWN = 1024 };

struct endpoint infer_endpoint(const struct infer_flow *f, unsigned dir)
{
	return (struct endpoint){ dir ? f->key.resp_h : f->key.orig_h,
				  dir ? f->key.resp_p : f->key.orig_p, f->key.proto };
}

static enum port_kind kind_of(const struct infer_flow *f)
{
	return f->key.proto == IPPROTO_TCP   ? PORT_TCP
	       : f->key.proto == IPPROTO_UDP ? PORT_UDP
					     : PORT_SCTP;
}

/* The originator is the client. Where nobody saw the start it is the side whose port has no name,
 * or the higher one. */
static unsigned client_of(const struct infer *in, const struct infer_flow *f)
{
	bool orig = port_find(in->t.ports, kind_of(f), f->key.orig_p) != NULL;
	bool resp = port_find(in->t.ports, kind_of(f), f->key.resp_p) != NULL;

	if (!f->midstream || f->key.proto != IPPROTO_TCP)
		return 0;
	return orig != resp ? orig : f->key.orig_p < f->key.resp_p;
}

static void port_sign(struct infer *in, struct infer_flow *f)
{
	struct endpoint server = infer_endpoint(f, !f->client);
	uint16_t other = f->client ? f->key.resp_p : f->key.orig_p;
	const struct port_name *name = port_find(in->t.ports, kind_of(f), server.port);
	struct evidence e = { .class = REC_evidence_class_PORT, .number = server.port };

	if (!name)
		return;
	e.protocol = name->protocol;
	e.weight = server.port < WELL_KNOWN ? WEIGHT_PORT : WEIGHT_PORT_HIGH;
	/* Both ports have names: who is the server is less sure. */
	if (f->midstream && other < 49152 && port_find(in->t.ports, kind_of(f), other))
		e.weight = WEIGHT_PORT_DOUBT;
	evidence_add(&f->evidence, &e);
}

static void memory_signs(struct infer *in, struct infer_flow *f)
{
	struct endpoint server = infer_endpoint(f, !f->client);
	struct endpoint client = infer_endpoint(f, f->client);
	const struct context_service *s = context_serves(in->t.context, in->now, &server);
	const char *name = context_name(in->t.context, in->now, &client.ip, &server.ip);
	uint16_t host = name ? port_host(in->t.ports, bytes_str(name)) : 0;

	if (s)
		evidence_add(&f->evidence,
			     &(struct evidence){ .protocol = s->protocol,
						 .class = REC_evidence_class_SERVICE,
						 .weight = s->count > 2 ? WEIGHT_SERVICE_OFTEN
									: WEIGHT_SERVICE });
	f->named = name != NULL;
	if (host)
		evidence_add(&f->evidence, &(struct evidence){ .protocol = host,
							       .class = REC_evidence_class_NAME,
							       .weight = WEIGHT_NAME });
}

/* Has another flow announced this one? */
static void expected_sign(struct infer *in, struct infer_flow *f)
{
	struct expectation x;

	for (unsigned d = 0; d < 2; d++) {
		unsigned owner = !d; /* the responder's first: it was told where to */
		struct endpoint at = infer_endpoint(f, owner), peer = infer_endpoint(f, !owner);

		if (!context_expected(in->t.context, in->now, &at, &peer.ip, &x))
			continue;
		f->client = x.client ? owner : !owner;
		f->was_expected = true;
		f->expected_by = x.by;
		evidence_add(&f->evidence, &(struct evidence){ .protocol = x.protocol,
							       .class = REC_evidence_class_EXPECTED,
							       .weight = x.weight });
		return;
	}
}

static void side_signs(struct infer *in, struct infer_flow *f)
{
	struct endpoint server = infer_endpoint(f, !f->client);
	uint16_t rule = context_rule(in->t.context, &server);

	if (rule)
		evidence_add(&f->evidence, &(struct evidence){ .protocol = rule,
							       .class = REC_evidence_class_USER,
							       .weight = 100 });
	port_sign(in, f);
	memory_signs(in, f);
}

void infer_start_signs(struct infer *in, struct infer_flow *f)
{
	f->client = (uint8_t)client_of(in, f);
	expected_sign(in, f);
	side_signs(in, f);
}

/* The same again, after who is the client or what is known of the server has changed. */
static void side_signs_anew(struct infer *in, struct infer_flow *f)
{
	evidence_drop(&f->evidence, REC_evidence_class_USER);
	evidence_drop(&f->evidence, REC_evidence_class_PORT);
	evidence_drop(&f->evidence, REC_evidence_class_SERVICE);
	evidence_drop(&f->evidence, REC_evidence_class_NAME);
	side_signs(in, f);
}

void infer_late_signs(struct infer *in, struct infer_flow *f)
{
	if (!f->was_expected)
		expected_sign(in, f);
	side_signs_anew(in, f);
}

static void client_flip(struct infer *in, struct infer_flow *f)
{
	f->client = !f->client;
	f->flipped = true;
	side_signs_anew(in, f);
}

/* ---- signatures ---------------------------------------------------------------------------- */

struct looking {
	struct infer *in;
	struct infer_flow *f;
	unsigned dir;
	uint16_t fits[MISFITS], misfits[MISFITS];
	unsigned nfits, nmisfits;
};

static void on_hit(void *ctx, uint16_t number)
{
	struct looking *l = ctx;
	const struct signature *g = signature_at(l->in->t.signatures, number);
	uint8_t role = l->dir == l->f->client ? FROM_CLIENT : FROM_SERVER;

	if ((g->from & role) && l->nfits < MISFITS)
		l->fits[l->nfits++] = number;
	else if (!(g->from & role) && !g->both && l->nmisfits < MISFITS)
		l->misfits[l->nmisfits++] = number;
}

static bool has_signature(const struct infer_flow *f, unsigned dirs)
{
	for (unsigned i = 0; i < f->evidence.count; i++)
		if (f->evidence.items[i].dirs & dirs)
			return true;
	return false;
}

/* Where a connection's start was seen, only the client's words tell that its roles are turned
 * round: what a client sends may well begin as a server's answer does. */
static bool may_flip(const struct infer *in, const struct looking *l)
{
	const struct signature *g = signature_at(in->t.signatures, l->misfits[0]);

	if (l->nfits || !l->nmisfits || has_signature(l->f, 3) || l->f->flipped)
		return false;
	return g->from == FROM_CLIENT || l->f->midstream || l->f->key.proto != IPPROTO_TCP;
}

static void signature_sign(struct infer *in, struct infer_flow *f, unsigned dir, uint16_t number)
{
	const struct signature *g = signature_at(in->t.signatures, number);
	struct endpoint server = infer_endpoint(f, !f->client);
	const struct infer_side *s = &f->side[dir];

	/* Behind a gap these bytes may be in the middle of anything: no more than a shape, but if
	 * the protocol is that, it is known from there on. */
	if (s->gapped && !has_signature(f, 1u << dir))
		f->begins[dir] = s->from;
	evidence_add(
		&f->evidence,
		&(struct evidence){ .protocol = signatures_variant(in->t.signatures, g->protocol,
								   infer_l4(f), server.port),
				    .class = g->weak || s->gapped ? REC_evidence_class_SIZE
								  : REC_evidence_class_ONE,
				    .weight = g->weight,
				    .dirs = (uint8_t)(1u << dir),
				    .both = g->both,
				    .number = number });
}

void infer_look(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes bytes,
		bool whole, struct signature_scan *scan)
{
	struct looking l = { .in = in, .f = f, .dir = dir };
	struct signature_look look = { infer_l4(f), FROM_ANY, whole, bytes };

	signatures_match(in->t.signatures, &look, scan, on_hit, &l);
	if (may_flip(in, &l)) {
		client_flip(in, f);
		for (unsigned i = 0; i < l.nmisfits; i++)
			signature_sign(in, f, dir, l.misfits[i]);
	}
	for (unsigned i = 0; i < l.nfits; i++)
		signature_sign(in, f, dir, l.fits[i]);
}

struct fitting {
	const struct signatures *signatures;
	uint16_t protocol, not, found;
	uint8_t weight;
};

static void on_fit(void *ctx, uint16_t number)
{
	struct fitting *l = ctx;
	const struct signature *g = signature_at(l->signatures, number);

	if (g->weak || g->both || g->weight <= l->weight || g->protocol == l->not ||
	    (l->protocol && g->protocol != l->protocol))
		return;
	l->found = (uint16_t)(number + 1);
	l->weight = g->weight;
}

uint16_t infer_fits(struct infer *in, struct infer_flow *f, struct bytes bytes, uint16_t protocol,
		    uint16_t not )
{
	struct fitting l = { in->t.signatures, protocol, not, 0, 0 };
	struct signature_look look = { infer_l4(f), FROM_ANY, false, bytes };
	struct signature_scan scan = { 0 };

	signatures_match(in->t.signatures, &look, &scan, on_fit, &l);
	return l.found;
}
