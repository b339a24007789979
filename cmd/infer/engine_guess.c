/* engine_guess: from signs to a guess, and from a guess to its record. */
#include <netinet/in.h>
#include <stdio.h>

#include "cmd/infer/engine_private.h"

enum { LIKELY = 50, SURE = 75, WHAT = 96, RANDOM_LEAST = 96, RANDOM_MOST = 256 /* of a side */ };

static enum rec_guess_state state_of(const struct verdict *v)
{
	if (v->class <= REC_evidence_class_PARSER)
		return REC_guess_state_CONFIRMED;
	if (v->conflict)
		return REC_guess_state_CONTRADICTED;
	if (v->class == REC_evidence_class_BOTH && v->confidence >= SURE)
		return REC_guess_state_CONFIRMED;
	return v->confidence >= LIKELY ? REC_guess_state_LIKELY : REC_guess_state_CANDIDATE;
}

/* Do the bytes look as if any value came as often as any other? The chance that two of them are
 * equal is 1/256 then; texts and most messages have ten times that. */
static bool looks_random(const struct infer_flow *f)
{
	/* Two tables: the next byte need not wait for this one's count. */
	uint16_t counts[2][256] = { 0 };
	uint64_t n = 0, pairs;
	uint32_t squares = 0;

	for (int d = 0; d < 2; d++) {
		const uint8_t *bytes = f->side[d].first;
		unsigned len = bytes ? f->side[d].len : 0;

		if (len > RANDOM_MOST)
			len = RANDOM_MOST;
		for (unsigned i = 0; i + 1 < len; i += 2) {
			counts[0][bytes[i]]++;
			counts[1][bytes[i + 1]]++;
		}
		if (len % 2)
			counts[0][bytes[len - 1]]++;
		n += len;
	}
	if (n < RANDOM_LEAST)
		return false;
	for (unsigned i = 0; i < 256; i++) {
		uint32_t c = (uint32_t)counts[0][i] + counts[1][i];

		squares += c * c;
	}
	pairs = (squares - n) / 2;
	return pairs * 256 * 4 < n * (n - 1) * 3;
}

/* ---- the record ---------------------------------------------------------------------------- */

static const char *const l4_name[] = { "tcp", "udp", "sctp" };

static char *number_put(char *out, unsigned v)
{
	char digits[10];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		*out++ = digits[--n];
	return out;
}

static void what_put(struct infer *in, const struct infer_flow *f, const struct evidence *e,
		     char *out)
{
	struct endpoint server = infer_endpoint(f, !f->client),
			client = infer_endpoint(f, f->client);
	const struct port_name *port;
	const char *name;

	switch ((enum rec_evidence_class)e->class) {
	case REC_evidence_class_CERTAIN:
		snprintf(out, WHAT,
			 f->key.proto == IPPROTO_SCTP ? "payload protocol %u" : "IP protocol %u",
			 e->number);
		break;
	case REC_evidence_class_USER:
		snprintf(out, WHAT, "rule for %s port %u", l4_name[infer_l4(f)], server.port);
		break;
	case REC_evidence_class_PARSER:
		snprintf(out, WHAT, "weir-%s made records of it",
			 protocol_name(in->t.names, e->protocol));
		break;
	case REC_evidence_class_BOTH:
	case REC_evidence_class_ONE:
	case REC_evidence_class_SIZE:
		out = stpcpy(out, signature_at(in->t.signatures, e->number)->label);
		strcpy(out, e->dirs == 1u << f->client ? " from the client" : " from the server");
		break;
	case REC_evidence_class_EXPECTED:
		if (f->expected_by)
			snprintf(out, WHAT, "flow %llu announced it",
				 (unsigned long long)f->expected_by);
		else
			strcpy(out, "it was announced"); /* from outside, which named no flow */
		break;
	case REC_evidence_class_SERVICE:
		snprintf(out, WHAT, "the server's port %u served it before", server.port);
		break;
	case REC_evidence_class_NAME:
		name = context_name(in->t.context, in->now, &client.ip, &server.ip);
		snprintf(out, WHAT, "the server is %s", name ? name : "known by name");
		break;
	case REC_evidence_class_PORT:
		port = port_find(in->t.ports, (enum port_kind)infer_l4(f), server.port);
		out = number_put(out, server.port);
		*out++ = '/';
		out = stpcpy(stpcpy(out, l4_name[infer_l4(f)]), " ");
		strcpy(out, port ? protocol_name(in->t.names, port->service) : "");
		break;
	case REC_evidence_class_STATISTICS:
		out[0] = 0;
		break;
	}
}

struct draft {
	struct rec_guess g;
	struct rec_guess_evidence why[EVIDENCE_MAX];
	char what[EVIDENCE_MAX][WHAT];
	struct rec_guess_other others[VERDICT_OTHERS];
};

static void why_put(struct infer *in, const struct infer_flow *f, uint16_t protocol,
		    struct draft *d)
{
	unsigned dirs = evidence_dirs(&f->evidence, protocol);
	size_t n = 0;

	for (unsigned i = 0; i < f->evidence.count; i++) {
		const struct evidence *e = &f->evidence.items[i];
		unsigned class;
		size_t at = n;

		if (e->protocol != protocol || !evidence_class(e, dirs, &class))
			continue;
		what_put(in, f, e, d->what[n]);
		for (; at && d->why[at - 1].class > class; at--)
			d->why[at] = d->why[at - 1];
		d->why[at] = (struct rec_guess_evidence){ .class = class,
							  .what = bytes_str(d->what[n++]),
							  .weight = e->weight };
	}
	d->g.why = (struct rec_list)LIST_OF(d->why, n);
}

static void port_says(struct infer *in, const struct infer_flow *f, uint16_t protocol,
		      struct draft *d)
{
	for (unsigned i = 0; i < f->evidence.count; i++)
		if (f->evidence.items[i].class == REC_evidence_class_PORT && protocol &&
		    f->evidence.items[i].protocol != protocol)
			d->g.port_says = bytes_str(
				protocol_name(in->t.names, f->evidence.items[i].protocol));
}

static void wanted_set(const struct infer *in, struct infer_flow *f, uint16_t protocol,
		       enum rec_guess_state state)
{
	if (!in->limits.wanted || f->wanted == WANTED_YES)
		return;
	if (in->limits.wanted[protocol])
		f->wanted = WANTED_YES;
	else if (state != REC_guess_state_CANDIDATE)
		f->wanted = WANTED_NO;
}

/* What parsers need to know of it. */
static struct rec_guess guess_head(const struct infer *in, const struct infer_flow *f,
				   const struct verdict *v, enum rec_guess_state state)
{
	return (struct rec_guess){ .key = f->key,
				   .protocol = bytes_str(protocol_name(in->t.names, v->protocol)),
				   .state = state,
				   .confidence = v->confidence,
				   .client = f->client,
				   .orig_offset = f->begins[0],
				   .resp_offset = f->begins[1],
				   .expected_by = { .v = f->expected_by,
						    .set = f->was_expected && f->expected_by } };
}

static void guess_write(struct infer *in, struct infer_flow *f, const struct verdict *v,
			enum rec_guess_state state, enum rec_guess_cause cause)
{
	struct rec_head h = { REC_guess, in->now, f->id, in->n };
	struct endpoint server = infer_endpoint(f, !f->client),
			client = infer_endpoint(f, f->client);
	struct draft d;

	in->stats.guesses++;
	d.g = guess_head(in, f, v, state);
	d.g.rev = ++f->rev;
	d.g.cause = cause;
	d.g.packets = f->took_packets;
	d.g.bytes = f->took_bytes;
	if (f->over)
		d.g.over = bytes_str(protocol_name(in->t.names, f->over));
	if (f->rev > 1 && f->protocol != v->protocol && cause != REC_guess_cause_UPGRADE) {
		d.g.replaces = SOME(f->rev - 1);
		d.g.replaces_protocol = bytes_str(protocol_name(in->t.names, f->protocol));
		d.g.replaces_confidence = SOME(f->confidence);
	}
	why_put(in, f, v->protocol, &d);
	for (unsigned i = 0; i < v->nothers; i++)
		d.others[i] = (struct rec_guess_other){
			bytes_str(protocol_name(in->t.names, v->others[i].protocol)),
			v->others[i].confidence
		};
	d.g.alternatives = (struct rec_list)LIST_OF(d.others, v->nothers);
	port_says(in, f, v->protocol, &d);
	if (f->random)
		d.g.encrypted = SOME(true);
	if (f->named) {
		const char *name = context_name(in->t.context, in->now, &client.ip, &server.ip);

		d.g.server_name = name ? bytes_str(name) : BYTES(NULL, 0);
	}
	in->host.guess(in->host.ctx, &h, &d.g);
}

/* A guess without any sign is of no class. */
static bool is_asked_for(const struct infer *in, const struct verdict *v)
{
	if (v->confidence < in->limits.least)
		return false;
	return !in->limits.classes || (v->protocol && in->limits.classes >> v->class & 1);
}

static void guess_tell(struct infer *in, struct infer_flow *f, const struct verdict *v,
		       enum rec_guess_state state, enum rec_guess_cause cause)
{
	in->stats.states[state]++;
	if (!is_asked_for(in, v)) {
		f->unsaid = false; /* the one before is not the last word */
		return;
	}
	f->took_packets = f->packets;
	f->took_bytes = f->bytes;
	f->random = state == REC_guess_state_GAVE_UP && looks_random(f);
	wanted_set(in, f, v->protocol, state);
	if (in->host.follow) {
		struct rec_head h = { REC_guess, in->now, f->id, in->n };
		struct rec_guess g = guess_head(in, f, v, state);

		in->host.follow(in->host.ctx, &h, &g);
	}
	f->unsaid = in->limits.final;
	if (!f->unsaid)
		guess_write(in, f, v, state, cause);
}

/* Which protocol the server is known to speak by this verdict, 0: none is. What only the client
 * said tells what was asked for, not who is there: anybody may ask anybody for anything. */
static uint16_t served_by(const struct infer_flow *f, const struct verdict *v,
			  enum rec_guess_state state)
{
	const struct evidence *best = NULL;

	if (f->over || v->class < REC_evidence_class_PARSER || v->class > REC_evidence_class_ONE)
		return 0;
	if (state == REC_guess_state_CONFIRMED)
		return v->protocol;
	if (state != REC_guess_state_LIKELY && state != REC_guess_state_CONTRADICTED)
		return 0;
	for (unsigned i = 0; i < f->evidence.count; i++) {
		const struct evidence *e = &f->evidence.items[i];

		if (e->class == REC_evidence_class_ONE && !e->both && (e->dirs >> !f->client & 1) &&
		    (!best || e->weight > best->weight))
			best = e;
	}
	return best && (best->protocol == v->protocol || state == REC_guess_state_CONTRADICTED)
		       ? best->protocol
		       : 0;
}

static void guess_take(struct infer *in, struct infer_flow *f, const struct verdict *v,
		       enum rec_guess_state state, enum rec_guess_cause cause)
{
	struct endpoint server = infer_endpoint(f, !f->client);
	uint16_t served = served_by(f, v, state);

	guess_tell(in, f, v, state, cause);
	f->protocol = v->protocol;
	f->state = (uint8_t)state;
	f->cause = (uint8_t)cause;
	f->confidence = v->confidence;
	f->class = v->class;
	if (served && f->served != served) {
		f->served = served;
		context_served(in->t.context, in->now, &server, served);
	}
}

void infer_last_word(struct infer *in, struct infer_flow *f)
{
	struct verdict v;

	if (!f->unsaid)
		return;
	f->unsaid = false;
	v = evidence_judge(&f->evidence);
	v.protocol = f->protocol;
	v.confidence = f->confidence;
	guess_write(in, f, &v, (enum rec_guess_state)f->state, (enum rec_guess_cause)f->cause);
}

void infer_judge(struct infer *in, struct infer_flow *f)
{
	struct verdict v = evidence_judge(&f->evidence);
	enum rec_guess_state state = state_of(&v);
	enum rec_guess_cause cause = REC_guess_cause_FIRST;

	f->evidence.news = false;
	if (!v.protocol)
		return;
	if (f->rev || f->protocol) {
		if (f->protocol == v.protocol && f->state == state)
			return;
		cause = f->flipped && f->protocol != v.protocol ? REC_guess_cause_FLIP
			: state == REC_guess_state_CONTRADICTED ? REC_guess_cause_CONFLICT
			: f->protocol == v.protocol             ? REC_guess_cause_FIRMER
								: REC_guess_cause_BETTER;
	} else if (f->flipped) {
		cause = REC_guess_cause_FLIP;
	}
	guess_take(in, f, &v, state, cause);
}

void infer_judge_unseen(struct infer *in, struct infer_flow *f)
{
	struct verdict v = evidence_judge(&f->evidence);

	if (v.protocol && v.class < REC_evidence_class_SERVICE)
		infer_judge(in, f);
}

void infer_give_up(struct infer *in, struct infer_flow *f)
{
	struct verdict v = evidence_judge(&f->evidence);

	if (f->packets == 0 || f->state == REC_guess_state_GAVE_UP ||
	    (f->protocol && f->state != REC_guess_state_CANDIDATE))
		return;
	guess_take(in, f, &v, REC_guess_state_GAVE_UP, REC_guess_cause_END);
}

void infer_upgrade(struct infer *in, struct infer_flow *f, const struct evidence *e)
{
	struct verdict v;

	f->over = f->protocol;
	f->evidence.count = 0;
	evidence_add(&f->evidence, e);
	v = evidence_judge(&f->evidence);
	guess_take(in, f, &v, state_of(&v), REC_guess_cause_UPGRADE);
}
