/* judge: reads what a stage wrote, as strictly as the next stage might. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/conform/conform.h"

/* What holds from one hello to the next. */
struct state {
	struct schema **types; /* by id */
	uint64_t last_n[16];   /* per source, of the first few */
	bool open;             /* a hello came and no end */
};

static __attribute__((format(printf, 2, 3))) void fault(struct verdict *v, const char *fmt, ...)
{
	va_list ap;

	if (v->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(v->why, sizeof(v->why), fmt, ap);
	va_end(ap);
}

static void forget_types(struct state *s)
{
	for (size_t i = 0; i < 65536; i++)
		if (s->types[i]) {
			schema_free(s->types[i]);
			s->types[i] = NULL;
		}
	memset(s->last_n, 0, sizeof(s->last_n));
}

static void on_hello(struct verdict *v, struct state *s, struct bytes raw)
{
	struct buf arena = { 0 };
	struct rec_head h;
	struct rec_hello hello;

	if (!rec_decode_own(&rec_hello_desc, raw, &h, &hello, &arena)) {
		fault(v, "a hello that cannot be read");
	} else if (hello.state == REC_stream_new_FRESH || !v->hellos) {
		forget_types(s); /* the end of the one before may come with the last */
	}
	s->open = true;
	v->hellos++;
	buf_release(&arena);
}

static void on_end(struct verdict *v, struct state *s, struct bytes raw)
{
	struct buf arena = { 0 };
	struct rec_head h;
	struct rec_end end;

	s->open = false;
	v->ends++;
	if (!rec_decode_own(&rec_end_desc, raw, &h, &end, &arena)) {
		fault(v, "an end that cannot be read");
		buf_release(&arena);
		return;
	}
	v->cause = end.cause;
	books_add_ledger(&v->books, &end.ledger, false);
	buf_release(&arena);
}

static void on_schema(struct verdict *v, struct state *s, struct bytes raw)
{
	const char *why = "?";
	struct schema *schema = schema_parse(raw, &why);

	if (!schema) {
		fault(v, "a bad schema: %s", why);
		return;
	}
	schema_free(s->types[schema_id(schema)]);
	s->types[schema_id(schema)] = schema;
}

static void on_data(struct verdict *v, struct state *s, const struct rec_head *h, struct bytes raw,
		    const char *probe)
{
	const struct schema *schema = s->types[h->type];
	uint64_t source = h->flow >> 48;
	size_t at = v->all.len;

	v->data++;
	if (!schema)
		fault(v, "a record of type %u, which was not declared", h->type);
	if (source < 16 && h->n < s->last_n[source])
		fault(v, "n goes back from %" PRIu64 " to %" PRIu64, s->last_n[source], h->n);
	if (source < 16)
		s->last_n[source] = h->n;
	rec_canonical(raw, &v->all);
	be16_put(v->all.ptr + at + 4, 0);
	if (schema && strcmp(schema_name(schema), probe) == 0)
		buf_add(&v->probes, v->all.ptr + at, v->all.len - at);
}

static void on_record(struct verdict *v, struct state *s, struct bytes raw, const char *probe)
{
	struct rec_head h;
	uint32_t fields;
	size_t body;

	if (!rec_head_get(raw, &h, &fields, &body)) {
		fault(v, "a record without type, ts, flow and n");
		return;
	}
	if (!s->open && h.type != REC_hello)
		fault(v, v->hellos ? "a record behind the end" : "the first record is no hello");
	if (h.type == REC_hello)
		on_hello(v, s, raw);
	else if (h.type == REC_schema)
		on_schema(v, s, raw);
	else if (h.type == REC_end)
		on_end(v, s, raw);
	else if (h.type == REC_mark && h.n > v->highest_mark)
		v->highest_mark = h.n;
	else if (h.type >= REC_FIRST_DATA)
		on_data(v, s, &h, raw, probe);
}

void judge(struct verdict *v, struct bytes stream, const char *probe)
{
	struct state s = { .types = xcalloc(65536, sizeof(struct schema *)) };
	const char *why = "?";
	size_t at = 0;

	*v = (struct verdict){ 0 };
	while (at < stream.len) {
		ssize_t len = rec_measure(BYTES(stream.ptr + at, stream.len - at), &why);

		if (len <= 0) {
			fault(v, "offset %zu: %s", at, len ? why : "the last record is cut");
			break;
		}
		on_record(v, &s, BYTES(stream.ptr + at, (size_t)len), probe);
		at += (size_t)len;
	}
	if (!v->hellos)
		fault(v, "nothing, not even a hello");
	else if (s.open)
		fault(v, "the stream does not end with an end record");
	forget_types(&s);
	free(s.types);
}

void verdict_release(struct verdict *v)
{
	books_release(&v->books);
	buf_release(&v->probes);
	buf_release(&v->all);
}
