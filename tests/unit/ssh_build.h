/* ssh_build: builds SSH packets, and runs the parser over streams, for the tests. */
#ifndef WEIR_TEST_SSH_BUILD_H
#define WEIR_TEST_SSH_BUILD_H

#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/ssh/ssh.h"
#include "libcommon/base/buf.h"

static inline void put32(struct buf *b, size_t v)
{
	be32_put(buf_reserve(b, 4), (uint32_t)v);
	b->len += 4;
}

/* A packet in clear with 4 bytes of padding. */
static inline void put_packet(struct buf *b, struct bytes payload)
{
	put32(b, payload.len + 5);
	buf_add_byte(b, 4);
	buf_add(b, payload.ptr, payload.len);
	buf_add(b, "\0\0\0\0", 4);
}

/* KEXINIT with these ten lists. */
static inline void put_kexinit(struct buf *b, const char *const lists[SSH_LISTS])
{
	struct buf payload = { 0 };

	buf_add_byte(&payload, 20);
	buf_add(&payload, "cookiecookiecook", 16);
	for (int i = 0; i < SSH_LISTS; i++) {
		put32(&payload, strlen(lists[i]));
		buf_add_str(&payload, lists[i]);
	}
	buf_add(&payload, "\0\0\0\0\0", 5);
	put_packet(b, buf_bytes(&payload));
	buf_release(&payload);
}

/* One run over one flow; what it emits is kept, packed and as texts. */
struct run {
	struct l7 *l7;
	struct buf log; /* a line per record */
	struct buf packed;
	uint16_t resp_p;
	uint64_t offset[2];
};

static inline void log_text(struct buf *log, const char *name, struct bytes b)
{
	if (b.ptr)
		buf_printf(log, " %s=%.*s", name, (int)b.len, (const char *)b.ptr);
}

static inline void run_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
			    const void *rec)
{
	struct run *r = ctx;
	const struct rec_ssh *s = rec;

	rec_pack(&r->packed, desc, h, rec);
	if (desc == &rec_anomaly_desc) {
		log_text(&r->log, "anomaly", ((const struct rec_anomaly *)rec)->event);
		buf_add_byte(&r->log, '\n');
	}
	if (desc != &rec_ssh_desc)
		return;
	buf_printf(&r->log, "v%d", (int)(s->version.set ? s->version.v : 0));
	log_text(&r->log, "client", s->client_banner);
	log_text(&r->log, "server", s->server_banner);
	log_text(&r->log, "kex", s->kex_alg);
	log_text(&r->log, "key", s->host_key_alg);
	log_text(&r->log, "c2s", s->cipher_c2s);
	log_text(&r->log, "s2c", s->cipher_s2c);
	log_text(&r->log, "mac", s->mac_c2s);
	log_text(&r->log, "comp", s->comp_s2c);
	log_text(&r->log, "hassh", s->hassh);
	log_text(&r->log, "server_hassh", s->hassh_server);
	buf_printf(&r->log, " names=%zu,%zu\n", s->client_kex.count, s->server_kex.count);
}

static inline void run_start(struct run *r, uint16_t resp_p)
{
	struct l7_host host = { r, run_emit };
	struct l7_limits limits = { .max_flows = 64 };

	*r = (struct run){ .resp_p = resp_p };
	r->l7 = l7_new(&ssh_parser, &host, &limits);
}

static inline bool run_stream(struct run *r, int dir, struct bytes b)
{
	struct rec_head h = { REC_stream, 1000000000, 1, 1 };
	uint8_t *copy = malloc(b.len ? b.len : 1);
	struct rec_stream s = { .ip_version = 4,
				.proto = IPPROTO_TCP,
				.dir = (uint8_t)dir,
				.orig_p = 40000,
				.resp_p = r->resp_p,
				.offset = r->offset[dir],
				.payload = BYTES(copy, b.len) };
	bool taken;

	if (b.len)
		memcpy(copy, b.ptr, b.len);
	taken = l7_stream(r->l7, &h, &s);
	r->offset[dir] += b.len;
	free(copy);
	return taken;
}

static inline void run_pieces(struct run *r, int dir, struct bytes b, size_t piece)
{
	for (size_t i = 0; i < b.len; i += piece)
		run_stream(r, dir, BYTES(b.ptr + i, b.len - i < piece ? b.len - i : piece));
}

/* Ends the flow; the log, as a string. */
static inline const char *run_finish(struct run *r)
{
	l7_finish(r->l7, 1);
	*buf_reserve(&r->log, 1) = 0;
	return (const char *)r->log.ptr;
}

static inline void run_free(struct run *r)
{
	l7_free(r->l7);
	buf_release(&r->log);
	buf_release(&r->packed);
}

#endif
