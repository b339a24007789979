/* carve_live: frames of the input, chosen by a trigger among its other records.
 *
 * Frames are kept back for the time of the pre-roll: when they leave, all records that can choose
 * them have come, so each goes out once, and in order. */
#include "cmd/carve/carve.h"

#include <stdlib.h>

#include "cmd/carve/followed.h"
#include "cmd/carve/members.h"
#include "cmd/carve/preroll.h"
#include "libcommon/record/expr.h"
#include "libcommon/stage/plans.h"

struct known {
	struct plan plan;
	struct expr_bound *bound;
};

struct live {
	struct stage *stage;
	struct expr *trigger;
	struct preroll *frames;
	struct members *members; /* BY_FLOW */
	struct followed *followed;
	const struct schema *schema; /* of the frames kept back */
	uint64_t until;              /* BY_TIME: all frames up to then are chosen */
	uint64_t now;                /* of the frame at hand */
	uint64_t *held, *triggers, *early, *given_up;
};

static struct live live;

static void leave(void *user, const struct preroll_frame *f)
{
	struct live *l = user;

	--*l->held;
	if (f->chosen)
		stage_pass_held(l->stage, l->schema, f->raw);
	else
		stage_filter(l->stage, 1);
}

static void belongs(void *user, uint64_t n, uint64_t flow)
{
	struct live *l = user;

	preroll_member(l->frames, n, flow, followed_has(l->followed, flow, l->now));
}

void carve_live_open(struct stage *st)
{
	struct expr_error e;

	live.stage = st;
	live.trigger = expr_parse(bytes_str(carve_config.trigger), &e);
	if (!live.trigger)
		die_usage("column %u of --trigger: %s", e.column, e.what);
	live.frames = preroll_new(carve_config.memory, leave, &live);
	live.followed = followed_new((uint32_t)carve_config.flows);
	if (carve_config.by == BY_FLOW)
		live.members = members_new(belongs, &live);
	live.held = stage_counter(st, "held");
	live.triggers = stage_counter(st, "triggers");
	live.early = stage_counter(st, "left_early");
	live.given_up = stage_counter(st, "flows_given_up");
}

static uint64_t later(uint64_t ts, uint64_t by)
{
	return ts + by < ts ? UINT64_MAX : ts + by;
}

static uint64_t earlier(uint64_t ts, uint64_t by)
{
	return ts > by ? ts - by : 0;
}

/* ---- frames ------------------------------------------------------------------------------ */

static void add_frame(struct live *l, const struct stage_rec *r)
{
	const struct schema *s = stage_schema(l->stage, REC_frame);
	struct rec_frame f;
	struct rec_head h;

	if (!stage_decode(l->stage, &rec_frame_desc, r, &h, &f))
		return;
	if (s != l->schema)
		preroll_flush(l->frames);
	l->schema = s;
	l->now = h.ts;
	preroll_expire(l->frames, earlier(h.ts, carve_config.pre));
	if (!preroll_add(l->frames, r->raw, h.n, h.ts)) {
		stage_drop(l->stage, "memory", 1);
		return;
	}
	++*l->held;
	if (carve_config.by == BY_TIME && h.ts <= l->until)
		preroll_choose_n(l->frames, h.n);
	if (l->members)
		members_frame(l->members, &h, &f);
}

/* ---- the trigger ------------------------------------------------------------------------- */

static void known_make(struct stage *st, void *user, uint16_t type, struct plan *plan)
{
	(void)st;
	(void)user;
	(void)type;
	((struct known *)plan)->bound = expr_bind(live.trigger, plan->schema);
}

static void known_clear(struct plan *plan)
{
	expr_bound_free(((struct known *)plan)->bound);
}

static struct plans plans = { .size = sizeof(struct known),
			      .make = known_make,
			      .clear = known_clear };

static void pull(struct live *l, const struct rec_head *h)
{
	uint64_t post = carve_config.post;

	++*l->triggers;
	if (carve_config.by == BY_FLOW && h->flow & 0xffffffffffff) {
		if (followed_add(l->followed, h->flow, post ? later(l->now, post) : UINT64_MAX))
			preroll_choose_flow(l->frames, h->flow);
	} else if (carve_config.by == BY_TIME) {
		uint64_t until = later(l->now, post);

		if (post && (until > l->until))
			l->until = until;
		preroll_choose_since(l->frames, earlier(l->now, carve_config.pre));
	} else {
		preroll_choose_n(l->frames, h->n);
	}
}

static void judge(struct live *l, const struct stage_rec *r)
{
	struct known *k = (struct known *)plans_find(&plans, l->stage, r->head.type);

	if (!k) {
		stage_undeclared(l->stage, r->head.type);
		return;
	}
	switch (expr_eval(k->bound, r->raw)) {
	case EXPR_DAMAGED:
		stage_drop(l->stage, "malformed", 1);
		return;
	case EXPR_YES:
		pull(l, &r->head);
		break;
	default:
		break;
	}
	stage_consume(l->stage, 1);
}

/* ---- the stage --------------------------------------------------------------------------- */

static void settle(struct live *l)
{
	uint64_t n, ts;

	if (preroll_oldest(l->frames, &n, &ts))
		stage_hold(l->stage, n, ts);
	else
		stage_hold(l->stage, UINT64_MAX, UINT64_MAX);
	*l->early = preroll_early(l->frames);
	*l->given_up = followed_given_up(l->followed);
}

void carve_live_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	struct live *l = &live;

	(void)st;
	for (size_t i = 0; i < n; i++) {
		if (recs[i].head.type == REC_frame)
			add_frame(l, &recs[i]);
		else
			judge(l, &recs[i]);
	}
	settle(l);
}

void carve_live_mark(struct stage *st, uint64_t ts)
{
	(void)st;
	preroll_expire(live.frames, earlier(ts, carve_config.pre));
	settle(&live);
}

void carve_live_finish(struct stage *st)
{
	preroll_flush(live.frames);
	settle(&live);
	stage_check_names(st, expr_names(live.trigger));
}

void carve_live_release(void)
{
	plans_release(&plans);
	preroll_free(live.frames);
	members_free(live.members);
	followed_free(live.followed);
	expr_free(live.trigger);
}
