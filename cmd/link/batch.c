/* batch: whole records cut from a stream, and the head of the stream that goes by in it. */
#include "cmd/link/batch.h"

#include "cmd/link/message.h"

static uint64_t hash_of(struct bytes b)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < b.len; i++)
		hash = (hash ^ b.ptr[i]) * 0x100000001b3ull;
	return hash;
}

/* The stream id in a hello; 0 where it is none of ours. Fields: offer, program, version, stream. */
static uint64_t stream_id(struct bytes body)
{
	struct cursor c = cursor_of(body);
	struct mp_value v;

	if (!mp_skip(&c) || !mp_skip(&c) || !mp_skip(&c))
		return 0;
	v = mp_next(&c);
	return v.type == MP_UINT ? v.u : 0;
}

bool stream_head_note(struct stream_head *h, struct bytes record)
{
	struct rec_head head;
	uint32_t items;
	size_t body;
	uint64_t hash;

	if (!rec_head_get(record, &head, &items, &body) ||
	    (head.type != REC_schema && (head.type != REC_hello || h->hello)))
		return false;
	/* A schema is declared again with another n. */
	hash = hash_of(BYTES(record.ptr + body, record.len - body)) ^ head.type;
	for (unsigned i = 0; i < h->n; i++)
		if (h->known[i] == hash)
			return false;
	if (h->n == sizeof(h->known) / sizeof(h->known[0]) || h->raw.len + record.len > LINK_HEAD) {
		h->full = true;
		return false;
	}
	if (head.type == REC_hello) {
		h->hello = true;
		h->instance = stream_id(BYTES(record.ptr + body, record.len - body));
	}
	h->known[h->n++] = hash;
	buf_add(&h->raw, record.ptr, record.len);
	return true;
}

void stream_head_release(struct stream_head *h)
{
	buf_release(&h->raw);
	*h = (struct stream_head){ .n = 0 };
}

bool batch_cut(struct bytes b, size_t most, struct batch *out, struct stream_head *head,
	       const char **why)
{
	*out = (struct batch){ 0, 0 };
	while (out->len < b.len) {
		struct bytes rest = { b.ptr + out->len, b.len - out->len };
		ssize_t n = rec_measure(rest, why);
		struct rec_head h;
		uint32_t items;
		size_t body;

		if (n < 0)
			return false;
		if (n == 0 || (out->len && out->len + (size_t)n > most))
			return true;
		rest.len = (size_t)n;
		if (rec_is_canonical(rest)) {
			h = rec_head_fast(rest.ptr);
		} else if (!rec_head_get(rest, &h, &items, &body)) {
			*why = "bad prefix";
			return false;
		}
		if (h.type >= REC_FIRST_DATA)
			out->records++;
		else if (head)
			stream_head_note(head, rest);
		out->len += rest.len;
	}
	return true;
}
