/* engine_facts: what a flow's bytes say of other flows goes into the context. */
#include "cmd/infer/engine_private.h"

enum { FACTS_TTL_LEAST = 60, LATE_FLOWS = 64 };

struct finding {
	struct infer *in;
	struct infer_flow *f;
};

/* It may be the server of the flow itself that has a name now. */
static void server_named(struct infer_flow *f, const struct ip *at)
{
	const struct endpoint server = infer_endpoint(f, !f->client);

	f->named |= at->len == server.ip.len && memcmp(at->b, server.ip.b, at->len) == 0;
}

/* A hello may come in pieces: what is kept of it, with each of them, until it has told its name. */
static bool hello_bytes(const struct infer_flow *f, unsigned dir, struct bytes *bytes)
{
	const struct infer_side *s = &f->side[dir];

	if (dir != f->client || f->asked)
		return false;
	if (s->packets > 1)
		*bytes = BYTES(s->first, s->len);
	return bytes->len > 0;
}

static void on_fact(void *ctx, const struct fact *fact)
{
	const struct finding *x = ctx;
	struct infer *in = x->in;
	uint64_t ttl =
		(fact->seconds < FACTS_TTL_LEAST ? FACTS_TTL_LEAST : fact->seconds) * 1000000000ull;
	struct endpoint at_endpoint = { fact->at, fact->port, fact->l4 };
	struct endpoint client = infer_endpoint(x->f, x->f->client);
	uint16_t protocol =
		fact->protocol ? protocol_find(in->t.names, bytes_str(fact->protocol)) : 0;

	switch (fact->what) {
	case FACT_EXPECT:
		context_expect(in->t.context, in->now, ttl, &at_endpoint, &fact->peer,
			       &(struct expectation){ .by = x->f->id,
						      .protocol = protocol,
						      .client = fact->client,
						      .once = fact->once,
						      .weight = 85 });
		break;
	case FACT_NAME:
		x->f->asked = facts_once((enum facts_kind)in->facts_of[x->f->protocol]);
		server_named(x->f, &fact->at);
		context_named(in->t.context, in->now, ttl, &client.ip, &fact->at, fact->name);
		context_address(in->t.context, in->now, ttl, fact->name, &fact->at, x->f->id);
		break;
	case FACT_ADDRESS:
		context_address(in->t.context, in->now, ttl, fact->name, &fact->at, x->f->id);
		break;
	case FACT_TARGET:
		if (protocol)
			context_target(in->t.context, in->now, ttl, fact->name, fact->l4,
				       fact->port, protocol);
		break;
	}
}

void infer_facts(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes bytes)
{
	struct finding x = { in, f };
	struct facts_input input = { .kind = (enum facts_kind)in->facts_of[f->protocol],
				     .key = &f->key,
				     .dir = dir,
				     .client = f->client,
				     .bytes = bytes,
				     .found = on_fact,
				     .ctx = &x };

	if (input.kind == FACTS_NONE || f->state == REC_guess_state_CANDIDATE ||
	    (facts_once(input.kind) && !hello_bytes(f, dir, &input.bytes)))
		return;
	if (!f->facts && facts_remembers(input.kind, f->key.proto))
		f->facts = l7_pool_take(&in->facts);
	facts_scan(f->facts, &input);
}

bool infer_tell(struct infer *in, uint64_t now, struct bytes line, const char **why)
{
	struct infer_flow *f = in->newest;
	unsigned number;

	if (!context_tell(in->t.context, now > in->now ? now : in->now, line, why, &number))
		return false;
	for (unsigned i = 0; i < LATE_FLOWS && f; i++, f = f->older) {
		if (f->mode != INFER_OPEN)
			continue;
		infer_late_signs(in, f);
		if (!f->packets)
			infer_judge_unseen(in, f);
		else if (f->evidence.news)
			infer_judge(in, f);
	}
	return true;
}
