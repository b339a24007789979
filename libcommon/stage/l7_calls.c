/* l7_calls: what a parser may call. */
#include <stdio.h>
#include <string.h>

#include "libcommon/base/die.h"
#include "libcommon/stage/l7_private.h"

enum {
	FLOW_ANOMALIES = 32,
	SCRATCH_BLOCK = 64 * 1024,
	SCRATCH_MAX = 1024 * 1024,
};

void *l7_state(struct l7_flow *f)
{
	return f->state;
}

void *l7_shared(struct l7_flow *f)
{
	return f->l7->shared;
}

void *l7_config(struct l7_flow *f)
{
	return f->l7->parser->config;
}

const struct rec_key *l7_key(const struct l7_flow *f)
{
	return &f->key;
}

uint64_t l7_flow_id(const struct l7_flow *f)
{
	return f->id;
}

bool l7_midstream(const struct l7_flow *f)
{
	return f->midstream;
}

bool l7_snapped(const struct l7_flow *f)
{
	return f->snapped;
}

uint32_t l7_lacking(const struct l7_flow *f)
{
	return f->lacking;
}

const struct l7_guessed *l7_guessed(const struct l7_flow *f)
{
	return f->guessed.protocol ? &f->guessed : NULL;
}

uint64_t l7_now(const struct l7_flow *f)
{
	return f->now;
}

uint64_t l7_n(const struct l7_flow *f)
{
	return f->n;
}

uint64_t l7_start_ts(const struct l7_flow *f, enum l7_dir dir)
{
	return f->side[dir].start_ts;
}

uint64_t l7_start_n(const struct l7_flow *f, enum l7_dir dir)
{
	return f->side[dir].start_n;
}

uint64_t l7_offset(const struct l7_flow *f, enum l7_dir dir)
{
	return f->side[dir].offset;
}

unsigned l7_segments(const struct l7_flow *f, enum l7_dir dir)
{
	return f->side[dir].segments;
}

size_t l7_scanned(const struct l7_flow *f, enum l7_dir dir)
{
	return f->side[dir].scanned;
}

void l7_want(struct l7_flow *f, enum l7_dir dir, size_t n)
{
	f->side[dir].want = n;
}

void l7_skip(struct l7_flow *f, enum l7_dir dir, uint64_t n)
{
	f->side[dir].skip = n;
}

void l7_again(struct l7_flow *f, enum l7_dir dir)
{
	f->again |= (uint8_t)(1u << dir);
}

void *l7_scratch(struct l7_flow *f, size_t n)
{
	struct l7 *l7 = f->l7;
	struct l7_scratch *s = l7->scratch;

	if (n > SCRATCH_MAX)
		return NULL;
	n = (n + 15) & ~(size_t)15;
	if (n > SCRATCH_MAX - l7->scratch_used)
		return NULL;
	l7->scratch_used += n;
	while (s && s->size - s->used < n)
		s = s->next;
	if (!s) {
		size_t size = n > SCRATCH_BLOCK ? n : SCRATCH_BLOCK;

		s = xcalloc(1, sizeof(*s) + size);
		s->size = size;
		if (l7->scratch) { /* the first block stays first: it outlives the callback */
			s->next = l7->scratch->next;
			l7->scratch->next = s;
		} else {
			l7->scratch = s;
		}
	}
	s->used += n;
	return s->bytes + s->used - n;
}

void l7_scratch_drop(struct l7_flow *f)
{
	l7_scratch_reset(f->l7);
}

struct rec_list l7_names(uint32_t set, const char *const names[], size_t n, struct bytes *out)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (set >> i & 1)
			out[count++] = bytes_str(names[i]);
	return (struct rec_list)LIST_OF(out, count);
}

void l7_emit_rec(struct l7_flow *f, uint64_t ts, const struct rec_desc *desc, void *rec)
{
	struct rec_head h = { desc->id, ts, f->id, f->n };

	/* KEY() comes first where a type has it: its first row is "proto". */
	if (desc->nfields && strcmp(desc->fields[0].name, "proto") == 0)
		memcpy((char *)rec + desc->fields[0].offset - offsetof(struct rec_key, proto),
		       &f->key, sizeof(f->key));
	f->messages++;
	f->l7->host.emit(f->l7->host.ctx, desc, &h, rec);
}

void l7_violation(struct l7_flow *f, enum l7_dir dir, const char *name, enum rec_severity severity,
		  const char *state, const char *event, const char *expected)
{
	struct rec_head h = { REC_anomaly, f->now, f->id, f->n };
	struct rec_anomaly a = {
		.key = f->key,
		.name = bytes_str(name),
		.severity = severity,
		.stage = bytes_str(f->l7->parser->name),
		.dir = SOME(dir),
		.state = state ? bytes_str(state) : BYTES(NULL, 0),
		.event = event ? bytes_str(event) : BYTES(NULL, 0),
		.expected = expected ? bytes_str(expected) : BYTES(NULL, 0),
		.offset = SOME(f->side[dir].offset),
	};

	if (f->anomalies++ >= FLOW_ANOMALIES) {
		f->l7->stats.anomalies_suppressed++;
		return;
	}
	f->l7->host.emit(f->l7->host.ctx, &rec_anomaly_desc, &h, &a);
}

void l7_poison(struct l7_flow *f, const char *why)
{
	char name[64];

	if (f->stop_over || f->stop_done || f->mode != MODE_OURS)
		return;
	f->stop_over = true;
	f->why = why;
	snprintf(name, sizeof(name), "%s_parse_error", f->l7->parser->name);
	f->anomalies = 0; /* this one is never suppressed */
	l7_violation(f, (enum l7_dir)f->dir, name, REC_severity_WARNING, NULL, why, NULL);
}

void l7_done(struct l7_flow *f)
{
	if (!f->stop_over && f->mode == MODE_OURS)
		f->stop_done = true;
}
