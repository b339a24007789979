/* ssh_build: builds SSH packets, and runs the parser over streams, for the tests. */
#ifndef WEIR_TEST_SSH_BUILD_H
#define WEIR_TEST_SSH_BUILD_H

#include "cmd/ssh/ssh.h"
#include "tests/unit/l7_run.h"

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
	buf_printf(&r->log, " names=%zu,%zu", s->client_kex.count, s->server_kex.count);
	log_cut(&r->log, &s->truncated);
	buf_add_byte(&r->log, '\n');
}

static inline void run_start(struct run *r, uint16_t resp_p)
{
	run_open(r, &ssh_parser, run_emit, resp_p);
}

#endif
