/* record: whatever bytes come, they are measured as msgpack-c would, and what is accepted can be
 * walked, parsed and decoded. */
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/record/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Measured in one go and in crumbs, whole and cut: one answer. */
static ssize_t measure(struct bytes b, const char **why)
{
	const char *unused = NULL;
	ssize_t n = rec_measure(b, why), crumbs = 0;
	struct rec_scan s = { 0 };
	size_t step = 1 + b.len / 64;

	MUST(n <= (ssize_t)b.len && n <= REC_MAX + 5);
	MUST(n >= 0 || *why);
	for (size_t at = 0; at <= b.len && crumbs == 0; at += step)
		crumbs = rec_scan_more(&s, BYTES(b.ptr, at), &unused);
	if (crumbs == 0)
		crumbs = rec_scan_more(&s, b, &unused);
	MUST(crumbs == n);
	if (n > 0) {
		MUST(rec_measure(BYTES(b.ptr, (size_t)n), &unused) == n);
		MUST(rec_measure(BYTES(b.ptr, (size_t)n - 1), &unused) == 0);
	}
	return n;
}

/* Only what we have accepted goes to msgpack-c: anything else may make it reserve gigabytes. */
static void oracle(struct bytes raw)
{
	msgpack_unpacked u;
	size_t off = 0;

	msgpack_unpacked_init(&u);
	MUST(msgpack_unpack_next(&u, (const char *)raw.ptr, raw.len, &off) ==
	     MSGPACK_UNPACK_SUCCESS);
	MUST(off == raw.len);
	MUST(u.data.type == MSGPACK_OBJECT_ARRAY && u.data.via.array.size >= 4);
	MUST(u.data.via.array.ptr[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER);
	MUST(u.data.via.array.ptr[0].via.u64 <= UINT16_MAX);
	msgpack_unpacked_destroy(&u);
}

/* The other way round: where msgpack-c reads a small value that keeps to the limits, so must we.
 * Without 32-bit counts it reserves little. */
static bool oracle_accepts(struct bytes b)
{
	msgpack_unpacked u;
	size_t len = 0;
	bool ok;

	for (size_t i = 0; i < b.len; i++)
		if (b.ptr[i] == 0xdd || b.ptr[i] == 0xdf ||
		    (b.ptr[i] >= 0xc7 && b.ptr[i] <= 0xc9) ||
		    (b.ptr[i] >= 0xd4 && b.ptr[i] <= 0xd8))
			return false;
	msgpack_unpacked_init(&u);
	ok = msgpack_unpack_next(&u, (const char *)b.ptr, b.len, &len) == MSGPACK_UNPACK_SUCCESS &&
	     u.data.type == MSGPACK_OBJECT_ARRAY && u.data.via.array.size >= 4 &&
	     u.data.via.array.ptr[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
	     u.data.via.array.ptr[0].via.u64 <= UINT16_MAX;
	msgpack_unpacked_destroy(&u);
	return ok;
}

/* Every value, flat. */
static void walk(struct bytes raw)
{
	struct cursor all = cursor_of(raw), one = all;
	size_t values = 0;

	MUST(mp_skip(&one) && cursor_left(&one) == 0);
	while (cursor_left(&all)) {
		struct mp_value v = mp_next(&all);

		MUST(v.type != MP_BAD);
		if ((v.type == MP_STR || v.type == MP_BIN) && v.bytes.len)
			rec_is_utf8(v.bytes);
		values++;
	}
	MUST(values <= REC_MAX_ITEMS + 1);
}

static void decode_with(const struct rec_binding *b, struct bytes raw)
{
	static struct buf arena;
	static uint64_t rec[512];
	struct rec_head h;

	if (rec_decode(b, raw, &h, rec, &arena))
		MUST(rec_decode(b, raw, &h, rec, NULL));
}

/* The record as each built-in type, by our own schema and by the stream's where it has one. */
static void decode(struct bytes raw, const struct schema *theirs)
{
	static struct rec_binding *ours[64];

	for (size_t i = 0; i < rec_builtin_count; i++) {
		struct rec_binding *b;

		if (!ours[i]) {
			struct schema *s = schema_of(rec_builtin[i]);

			ours[i] = rec_bind(s, rec_builtin[i], NULL);
			schema_free(s);
		}
		MUST(ours[i]);
		decode_with(ours[i], raw);
		b = theirs ? rec_bind(theirs, rec_builtin[i], NULL) : NULL;
		if (b)
			decode_with(b, raw);
		rec_binding_free(b);
	}
}

static void hot(struct bytes raw)
{
	union {
		struct rec_frame frame;
		struct rec_packet packet;
		struct rec_stream stream;
	} r;
	struct rec_head h;
	static uint8_t again[REC_MAX];

	if (rec_frame_get(raw, &h, &r.frame)) {
		rec_frame_put(again, &h, &r.frame);
		MUST(memcmp(again, raw.ptr, raw.len) == 0);
	}
	if (rec_packet_get(raw, &h, &r.packet)) {
		rec_packet_put(again, &h, &r.packet);
		MUST(memcmp(again, raw.ptr, raw.len) == 0);
	}
	if (rec_stream_get(raw, &h, &r.stream)) {
		rec_stream_put(again, &h, &r.stream);
		MUST(memcmp(again, raw.ptr, raw.len) == 0);
	}
}

static void check_head(struct bytes raw)
{
	struct buf out = { 0 };
	struct rec_head h, again;
	uint32_t nfields;
	size_t at;

	if (rec_head_get(raw, &h, &nfields, &at)) {
		MUST(at <= raw.len && nfields <= REC_MAX_ITEMS);
		MUST(rec_canonical(raw, &out) && rec_is_canonical(buf_bytes(&out)));
		again = rec_head_fast(out.ptr);
		MUST(again.type == h.type && again.ts == h.ts && again.flow == h.flow &&
		     again.n == h.n);
		MUST(out.len == REC_PREFIX + raw.len - at);
	} else {
		MUST(!rec_canonical(raw, &out) && out.len == 0);
	}
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes left = { data, size };
	struct schema *schema = NULL;

	if (size == 0)
		return 0;
	while (left.len) {
		const char *why = "";
		ssize_t n = measure(left, &why);
		struct bytes raw;

		if (n <= 0) {
			/* so short that of our limits only the depth can be passed */
			if (left.len <= 4096 && strcmp(why, "nested deeper than 8") != 0)
				MUST(!oracle_accepts(left));
			break;
		}
		raw = BYTES(left.ptr, n);
		oracle(raw);
		walk(raw);
		check_head(raw);
		hot(raw);
		if (!schema)
			schema = schema_parse(raw, NULL);
		decode(raw, schema);
		left = BYTES(left.ptr + n, left.len - (size_t)n);
	}
	schema_free(schema);
	return 0;
}
