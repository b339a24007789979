/* feed: streams whose every byte is known, to see what a stage makes of them. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/conform/conform.h"
#include "libcommon/record/make.h"

enum { PROBE_ID = 1000, BASE_TS = 1000000000 };

static void put_hello(struct buf *out, uint64_t stream)
{
	static const uint8_t no_offer[157];
	struct rec_source source = { 0, BYTES_LIT("conform"), 1 };

	rec_pack(out, &rec_hello_desc, &(struct rec_head){ .type = REC_hello },
		 &(struct rec_hello){
			 .offer = BYTES(no_offer, sizeof(no_offer)),
			 .program = BYTES_LIT("weir-conform"),
			 .version = BYTES_LIT(WEIR_VERSION),
			 .stream = stream,
			 .pipeline = stream,
			 .sources = LIST_OF(&source, 1),
			 .command = BYTES_LIT("weir-conform"),
		 });
}

static void put_schemas(struct buf *out)
{
	static const struct schema_field tags = { .kind = REC_U16, .list = true };
	struct schema *flow = schema_of(&rec_flow_desc);
	struct make_schema m = { 0 };
	struct buf rows = { 0 };
	size_t n;
	const struct schema_field *f = schema_fields(flow, &n);

	make_field(&m, "seq", REC_U64);
	make_field(&m, "text", REC_BYTES);
	make_field_like(&m, "tags", &tags);
	make_rows(&m, &rows);
	make_schema_record(out, PROBE_ID, "conform_probe", 1, buf_bytes(&rows));
	make_schema_release(&m);
	m = (struct make_schema){ 0 };
	rows.len = 0;
	for (size_t i = 0; i < n; i++)
		make_field_like(&m, f[i].name, &f[i]);
	make_field(&m, "conform_extra", REC_U64);
	make_rows(&m, &rows);
	make_schema_record(out, REC_flow, "flow", rec_flow_desc.major, buf_bytes(&rows));
	make_schema_release(&m);
	buf_release(&rows);
	schema_free(flow);
}

static void put_probe(struct buf *out, const struct rec_head *h, uint64_t seq, size_t size)
{
	struct rec_head head = { PROBE_ID, h->ts, h->flow, h->n };
	uint8_t *text;

	make_head(out, &head, 3);
	mp_put_uint(out, seq);
	text = xcalloc(1, size + 1);
	memset(text, (int)('a' + seq % 26), size);
	mp_put_bin(out, BYTES(text, size));
	free(text);
	mp_put_array(out, 2);
	mp_put_uint(out, 7);
	mp_put_uint(out, 60000);
}

/* A flow record as a later version might write it: one field more. */
static void put_flow(struct buf *out, const struct rec_head *h, uint64_t seq)
{
	struct rec_head head = { REC_flow, h->ts, h->flow, h->n };
	struct rec_flow flow = { .key = { .proto = 17, .orig_p = 1000, .resp_p = 7 } };
	size_t at = out->len;

	flow.key.orig_h = (struct ip){ 4, { 192, 0, 2, 1 } };
	flow.key.resp_h = (struct ip){ 4, { 192, 0, 2, 2 } };
	rec_pack(out, &rec_flow_desc, &head, &flow);
	be16_put(out->ptr + at + 1, (uint16_t)(be16_get(out->ptr + at + 1) + 1));
	mp_put_uint(out, seq);
}

static void put_end(struct buf *out, uint64_t stream, uint64_t records, uint64_t n)
{
	struct rec_ledger rows[] = {
		{ BYTES_LIT("conform"), stream, BYTES_LIT("made"), 0, records },
		{ BYTES_LIT("conform"), stream, BYTES_LIT("out"), 0, records },
		{ BYTES_LIT("conform"), stream, BYTES_LIT("out_to"), 0, records },
	};

	rec_pack(out, &rec_end_desc, &(struct rec_head){ REC_end, BASE_TS + n, 0, n },
		 &(struct rec_end){ .cause = REC_end_cause_EOF,
				    .records = records,
				    .ledger = LIST_OF(rows, 3) });
}

void feed_mark(struct buf *out, uint64_t n, uint64_t ts)
{
	make_head(out, &(struct rec_head){ REC_mark, ts, 0, n }, 1);
	mp_put_uint(out, 0);
}

void feed_stream(struct buf *out, uint64_t stream, unsigned records, size_t size)
{
	put_hello(out, stream);
	if (records)
		put_schemas(out);
	for (unsigned i = 1; i <= records; i++) {
		struct rec_head h = { 0, BASE_TS + i, i % 5 + 1, i };

		put_probe(out, &h, i, size);
		put_flow(out, &h, i);
	}
	put_end(out, stream, 2 * (uint64_t)records, records);
}

size_t feed_end_at(struct bytes stream)
{
	size_t at = 0;
	ssize_t len;

	while (at < stream.len) {
		len = rec_measure(BYTES(stream.ptr + at, stream.len - at), NULL);
		if (len <= 0 || at + (size_t)len == stream.len)
			break;
		at += (size_t)len;
	}
	return at;
}
