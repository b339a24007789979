/* tls: whole handshakes through the engine: one record each, however the bytes are cut. */
#include "tests/unit/check.h"
#include "tests/unit/tls_build.h"

#include <netinet/in.h>
#include <stdio.h>

#include "cmd/tls/tls.h"

/* ---- a flow, and what comes out of it ------------------------------------------------------ */

struct row { /* a copy: what the engine hands out is borrowed */
	struct rec_tls r;
	char sni[64], alpn[32], history[TLS_HISTORY + 1], ja3[40], ja3s[40], ja4[40], cipher[64],
		curve[32], version[32];
	uint16_t shares[8];
	struct rec_tls_alert alert;
	char alert_name[32];
	uint64_t ts;
};

struct flow {
	struct l7 *l7;
	uint64_t offset[2], n, ts;
	bool count; /* every piece is a frame of its own */
	struct row row[8];
	int rows, ends, anomalies;
	enum rec_session_reason reason;
	char names[512];
	struct buf packed; /* every record, without what depends on the cutting */
};

static void copy(char *to, size_t size, struct bytes b)
{
	snprintf(to, size, "%.*s", (int)b.len, b.ptr ? (const char *)b.ptr : "");
}

static void row_copy(struct row *w, const struct rec_tls *r, uint64_t ts)
{
	w->r = *r;
	w->ts = ts;
	copy(w->sni, sizeof(w->sni), r->sni);
	copy(w->alpn, sizeof(w->alpn), r->alpn);
	copy(w->history, sizeof(w->history), r->history);
	copy(w->ja3, sizeof(w->ja3), r->ja3);
	copy(w->ja3s, sizeof(w->ja3s), r->ja3s);
	copy(w->ja4, sizeof(w->ja4), r->ja4);
	copy(w->cipher, sizeof(w->cipher), r->cipher_name);
	copy(w->curve, sizeof(w->curve), r->curve_name);
	copy(w->version, sizeof(w->version), r->version_name);
	if (r->key_share_groups.count && r->key_share_groups.count <= 8)
		memcpy(w->shares, r->key_share_groups.items, 2 * r->key_share_groups.count);
	if (r->alerts.count) {
		memcpy(&w->alert, r->alerts.items, sizeof(w->alert));
		copy(w->alert_name, sizeof(w->alert_name), w->alert.name);
	}
}

static void emitted(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		    const void *rec)
{
	struct flow *f = ctx;

	if (desc == &rec_tls_desc) {
		struct rec_tls r = *(const struct rec_tls *)rec;

		if (f->rows < 8)
			row_copy(&f->row[f->rows], &r, h->ts);
		f->rows++;
		r.ch_segments = NONE;
		rec_pack(&f->packed, desc, h, &r);
	} else if (desc == &rec_anomaly_desc) {
		const struct rec_anomaly *a = rec;
		size_t at = strlen(f->names);

		f->anomalies++;
		snprintf(f->names + at, sizeof(f->names) - at, "%s%.*s", at ? " " : "",
			 (int)a->name.len, (const char *)a->name.ptr);
		rec_pack(&f->packed, desc, h, rec);
	} else if (desc == &rec_session_end_desc) {
		f->ends++;
		f->reason = ((const struct rec_session_end *)rec)->reason;
	}
}

static void start(struct flow *f)
{
	struct l7_host host = { f, emitted };

	memset(f, 0, sizeof(*f));
	f->n = 1;
	f->ts = 1000;
	f->l7 = l7_new(&tls_parser, &host, NULL);
}

static bool stream(struct flow *f, enum l7_dir dir, struct bytes data, uint64_t gap)
{
	struct rec_head h = { REC_stream, f->ts, 7, f->n };
	struct rec_stream s = { .ip_version = 4,
				.proto = IPPROTO_TCP,
				.dir = (uint8_t)dir,
				.orig_p = 40000,
				.resp_p = 443,
				.offset = f->offset[dir],
				.gap = gap,
				.payload = data };
	bool ours = l7_stream(f->l7, &h, &s);

	f->offset[dir] += data.len + gap;
	if (f->count) {
		f->n++;
		f->ts += 10;
	}
	return ours;
}

/* In pieces of at most `piece` bytes, each in memory of its own size. */
static void send_cut(struct flow *f, enum l7_dir dir, struct bytes data, size_t piece)
{
	for (size_t at = 0; at < data.len; at += piece) {
		size_t n = data.len - at < piece ? data.len - at : piece;
		uint8_t *exact = malloc(n);

		memcpy(exact, data.ptr + at, n);
		stream(f, dir, BYTES(exact, n), 0);
		free(exact);
	}
}

static void send_all(struct flow *f, enum l7_dir dir, struct buf *b)
{
	stream(f, dir, buf_bytes(b), 0);
	buf_clear(b);
}

static void finish(struct flow *f)
{
	l7_finish(f->l7, f->n);
	CHECK_EQ(l7_stats(f->l7)->held, 0);
	l7_free(f->l7);
	buf_release(&f->packed);
}

/* ---- handshakes ---------------------------------------------------------------------------- */

static const struct offer client12 = {
	.base = 16,
	.version = 0x0303,
	.ciphers = "c02f,c030,009c",
	.exts = "0000,000a,000b,000d,0010",
	.groups = "001d,0017",
	.points = "0",
	.sig_algs = "0403,0804",
};

static const struct offer client13 = {
	.base = 16,
	.version = 0x0303,
	.ciphers = "1301,1302",
	.exts = "0000,000a,000d,0010,002b,002d,0033",
	.groups = "001d,0017",
	.sig_algs = "0403,0804",
	.versions = "0304,0303",
	.session_id = "0123456789abcdef0123456789abcdef",
};

static void put_other(struct buf *b, unsigned type, size_t len)
{
	struct buf body = { 0 };

	for (size_t i = 0; i < len; i++)
		put8(&body, type == 12 && i < 3 ? (i == 0 ? 3 : i == 1 ? 0 : 23) : 0x55);
	put_message(b, type, buf_bytes(&body));
	buf_release(&body);
}

static void put_opaque(struct buf *b, unsigned type, size_t len)
{
	struct buf body = { 0 };

	for (size_t i = 0; i < len; i++)
		put8(&body, 0x90 + i % 64);
	put_record(b, type, 0x0303, buf_bytes(&body));
	buf_release(&body);
}

static void put_ccs(struct buf *b)
{
	put_record(b, 20, 0x0303, BYTES_LIT("\x01"));
}

static void put_alert(struct buf *b, unsigned level, unsigned desc)
{
	uint8_t body[2] = { (uint8_t)level, (uint8_t)desc };

	put_record(b, 21, 0x0303, BYTES(body, 2));
}

struct turn {
	enum l7_dir dir;
	struct buf bytes;
};

/* A TLS 1.2 handshake in four turns, its messages over records of at most `piece` bytes. */
static size_t handshake12(struct turn t[4], size_t piece)
{
	struct buf m = { 0 };

	memset(t, 0, 4 * sizeof(*t));
	put_client_hello(&m, &client12);
	put_handshake(&t[0].bytes, buf_bytes(&m), piece);
	buf_clear(&m);
	put_server_hello(&m, 0x0303, 0xc02f, "serversession", HELLO_ALPN);
	put_other(&m, 11, 900);
	put_other(&m, 12, 120);
	put_other(&m, 14, 0);
	t[1].dir = L7_RESP;
	put_handshake(&t[1].bytes, buf_bytes(&m), piece);
	buf_clear(&m);
	put_other(&m, 16, 33);
	put_handshake(&t[2].bytes, buf_bytes(&m), piece);
	put_ccs(&t[2].bytes);
	put_opaque(&t[2].bytes, 22, 40);
	buf_clear(&m);
	put_other(&m, 4, 180);
	t[3].dir = L7_RESP;
	put_handshake(&t[3].bytes, buf_bytes(&m), piece);
	put_ccs(&t[3].bytes);
	put_opaque(&t[3].bytes, 22, 40);
	put_opaque(&t[3].bytes, 23, 300);
	buf_release(&m);
	return 4;
}

/* A TLS 1.3 handshake with a HelloRetryRequest. */
static size_t handshake13(struct turn t[5], size_t piece)
{
	struct buf m = { 0 };

	memset(t, 0, 5 * sizeof(*t));
	for (int i = 0; i < 2; i++) {
		buf_clear(&m);
		put_client_hello(&m, &client13);
		if (i)
			put_ccs(&t[2].bytes);
		put_handshake(&t[2 * i].bytes, buf_bytes(&m), piece);
		buf_clear(&m);
		put_server_hello(&m, 0x0303, 0x1301, client13.session_id,
				 HELLO_13 | (i ? 0 : HELLO_RETRY));
		t[2 * i + 1].dir = L7_RESP;
		put_handshake(&t[2 * i + 1].bytes, buf_bytes(&m), piece);
		if (!i)
			put_ccs(&t[1].bytes);
	}
	put_opaque(&t[3].bytes, 23, 700);
	put_ccs(&t[4].bytes);
	put_opaque(&t[4].bytes, 23, 69);
	buf_release(&m);
	return 5;
}

static void play(struct flow *f, struct turn *t, size_t turns, size_t piece)
{
	start(f);
	for (size_t i = 0; i < turns; i++) {
		if (piece)
			send_cut(f, t[i].dir, buf_bytes(&t[i].bytes), piece);
		else
			stream(f, t[i].dir, buf_bytes(&t[i].bytes), 0);
	}
}

static void turns_release(struct turn *t, size_t turns)
{
	for (size_t i = 0; i < turns; i++)
		buf_release(&t[i].bytes);
}

static void full12(void)
{
	struct turn t[4];
	struct flow f;

	check_case("A TLS 1.2 handshake gives one record, once both sides have encrypted data");
	size_t turns = handshake12(t, 16384);
	start(&f);
	f.count = true;
	for (size_t i = 0; i + 1 < turns; i++)
		send_cut(&f, t[i].dir, buf_bytes(&t[i].bytes), 16384);
	CHECK_EQ(f.rows, 0);
	send_cut(&f, t[3].dir, buf_bytes(&t[3].bytes), 16384);
	CHECK_EQ(f.rows, 1);
	const struct row *w = &f.row[0];
	CHECK(w->r.established && w->r.version.set && w->r.version.v == 0x0303);
	CHECK(strcmp(w->version, "TLSv12") == 0);
	CHECK(strcmp(w->cipher, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256") == 0);
	CHECK(strcmp(w->curve, "secp256r1") == 0);
	CHECK(strcmp(w->history, "CsxknGIti") == 0);
	CHECK(strcmp(w->sni, "example.com") == 0);
	CHECK(strcmp(w->alpn, "h2") == 0);
	CHECK(strlen(w->ja3) == 32 && strlen(w->ja3s) == 32);
	CHECK(strncmp(w->ja4, "t12d0305h2_", 11) == 0);
	CHECK(w->r.resumed.set && !w->r.resumed.v);
	CHECK(w->r.server_delay.set && w->r.server_delay.v == 10);
	CHECK_EQ(w->r.first_n.v, 1);
	CHECK_EQ(w->ts, 1000);
	CHECK_EQ(w->r.ch_segments.v, 1);
	CHECK_EQ(w->r.client_hello_len.v, t[0].bytes.len - 9);
	CHECK_EQ(w->r.record_version.v, 0x0301);
	CHECK_EQ(w->r.ciphers.count, 3);
	CHECK_EQ(w->r.server_exts.count, 1);

	check_case("What follows a finished handshake is let by, whatever it is");
	struct buf more = { 0 };
	for (int i = 0; i < 300; i++)
		put8(&more, i & 0xff);
	CHECK(stream(&f, L7_ORIG, buf_bytes(&more), 0));
	CHECK(stream(&f, L7_RESP, buf_bytes(&more), 0));
	CHECK(stream(&f, L7_RESP, BYTES_LIT(""), 5000));
	CHECK_EQ(f.rows, 1);
	CHECK_EQ(f.anomalies, 0);
	buf_release(&more);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK_EQ(f.ends, 1);
	turns_release(t, turns);
}

static void retry13(void)
{
	struct turn t[5];
	struct flow f;
	size_t turns = handshake13(t, 16384);

	check_case("A TLS 1.3 handshake with a HelloRetryRequest is one record with hrr set");
	play(&f, t, turns, 0);
	CHECK_EQ(f.rows, 1);
	const struct row *w = &f.row[0];
	CHECK(w->r.hrr && w->r.established);
	CHECK(strcmp(w->version, "TLSv13") == 0);
	CHECK(strcmp(w->history, "CjiICsI") == 0);
	CHECK(strcmp(w->curve, "x25519") == 0);
	CHECK(w->r.resumed.set && !w->r.resumed.v);
	CHECK(strncmp(w->ja4, "t13d0207h2_", 11) == 0);
	CHECK_EQ(w->r.key_share_groups.count, 1);
	CHECK_EQ(w->shares[0], 29);
	CHECK_EQ(f.anomalies, 0);
	finish(&f);
	turns_release(t, turns);

	check_case("A second ClientHello that offers something else is said");
	struct offer other = client13;
	struct buf m = { 0 }, r = { 0 };
	start(&f);
	put_client_hello(&m, &client13);
	put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_ORIG, &r);
	buf_clear(&m);
	put_server_hello(&m, 0x0303, 0x1301, "", HELLO_13 | HELLO_RETRY);
	put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_RESP, &r);
	buf_clear(&m);
	other.ciphers = "1302";
	put_client_hello(&m, &other);
	put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_ORIG, &r);
	CHECK(strcmp(f.names, "tls_hrr_mismatch") == 0);
	buf_clear(&m);
	put_server_hello(&m, 0x0303, 0x1302, "", HELLO_13);
	put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_RESP, &r);
	CHECK(strcmp(f.names, "tls_hrr_mismatch tls_hrr_mismatch") == 0);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK_EQ(f.row[0].r.ciphers.count, 2);

	check_case("Further ClientHellos are said, and have the first one read no more");
	start(&f);
	buf_clear(&m);
	put_client_hello(&m, &client13);
	put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_ORIG, &r);
	buf_clear(&m);
	put_server_hello(&m, 0x0303, 0x1301, "", HELLO_13 | HELLO_RETRY);
	put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_RESP, &r);
	buf_clear(&m);
	put_client_hello(&m, &client13);
	for (int i = 0; i < 3; i++)
		put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_ORIG, &r);
	CHECK(strcmp(f.names, "tls_hrr_mismatch tls_hrr_mismatch") == 0);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "CjCCC") == 0);
	buf_release(&m);
	buf_release(&r);
}

/* Plays one handshake under many cuts of its bytes; every one must give the same records. */
static void same_under_cuts(size_t (*make)(struct turn *, size_t), size_t piece)
{
	struct turn t[5];
	struct flow f;
	struct buf whole = { 0 };
	size_t turns = make(t, piece);

	play(&f, t, turns, 0);
	CHECK_EQ(f.rows, 1);
	CHECK(f.row[0].r.established);
	buf_add(&whole, f.packed.ptr, f.packed.len);
	finish(&f);
	for (size_t cut = 1; cut < 60; cut += 1 + cut / 7) {
		play(&f, t, turns, cut);
		CHECK_EQ(f.rows, 1);
		CHECK(bytes_equal(buf_bytes(&f.packed), buf_bytes(&whole)));
		finish(&f);
	}
	buf_release(&whole);
	turns_release(t, turns);
}

static void cuts(void)
{
	check_case("Any cut of the stream into segments gives the same record");
	same_under_cuts(handshake12, 16384);
	same_under_cuts(handshake13, 16384);

	check_case("Any cut of the messages into TLS records gives the same record");
	struct turn t[4];
	struct flow f;
	struct row one = { 0 };
	for (size_t piece = 30; piece < 2000; piece += 1 + piece / 5) {
		size_t turns = handshake12(t, piece);

		play(&f, t, turns, 0);
		CHECK_EQ(f.rows, 1);
		if (f.row[0].r.client_hello_len.v > piece)
			CHECK(strcmp(f.names, "tls_ch_split") == 0);
		else
			CHECK_EQ(f.anomalies, 0);
		if (one.history[0]) {
			CHECK(strcmp(one.history, f.row[0].history) == 0);
			CHECK(strcmp(one.ja3, f.row[0].ja3) == 0);
			CHECK(strcmp(one.ja3s, f.row[0].ja3s) == 0);
			CHECK(strcmp(one.curve, f.row[0].curve) == 0);
			CHECK_EQ(one.r.first_n.v, f.row[0].r.first_n.v);
		}
		one = f.row[0];
		CHECK(one.r.established);
		finish(&f);
		turns_release(t, turns);
	}

	check_case("A ClientHello of 1.6 KiB over three segments counts them");
	struct offer big = client13;
	struct buf m = { 0 }, r = { 0 };
	big.exts = "0000,000a,000d,0010,002b,002d,0033,0015";
	big.padding = 1500;
	put_client_hello(&m, &big);
	put_handshake(&r, buf_bytes(&m), 16384);
	start(&f);
	send_cut(&f, L7_ORIG, buf_bytes(&r), 600);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK_EQ(f.row[0].r.ch_segments.v, 3);
	CHECK_EQ(f.row[0].r.exts.count, 8);
	buf_release(&m);
	buf_release(&r);
}

static void truncations(void)
{
	struct turn t[5];
	struct flow f;

	check_case("Cut off at any byte, a handshake gives at most one record and no anomaly");
	for (int which = 0; which < 2; which++) {
		size_t turns = which ? handshake13(t, 100) : handshake12(t, 150), total = 0;

		for (size_t i = 0; i < turns; i++)
			total += t[i].bytes.len;
		for (size_t end = 0; end < total; end++) {
			size_t left = end;

			start(&f);
			for (size_t i = 0; i < turns && left; i++) {
				size_t n = t[i].bytes.len < left ? t[i].bytes.len : left;

				send_cut(&f, t[i].dir, BYTES(t[i].bytes.ptr, n), 16384);
				left -= n;
			}
			finish(&f);
			CHECK(f.rows <= 1);
			CHECK_EQ(f.rows, end >= t[0].bytes.len);
			CHECK(strstr(f.names, "error") == NULL);
		}
		turns_release(t, turns);
	}
}

static void one_side(void)
{
	struct turn t[4];
	struct flow f;
	size_t turns = handshake12(t, 16384);

	check_case("Only the client's side: what it offered, without what was chosen");
	start(&f);
	stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
	stream(&f, L7_ORIG, buf_bytes(&t[2].bytes), 0);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "CGI") == 0);
	CHECK(!f.row[0].r.version.set && !f.row[0].r.resumed.set && !f.row[0].r.established);
	CHECK(f.row[0].ja3[0] && !f.row[0].ja3s[0]);

	check_case("Only the server's side: what was chosen");
	start(&f);
	stream(&f, L7_RESP, buf_bytes(&t[1].bytes), 0);
	stream(&f, L7_RESP, buf_bytes(&t[3].bytes), 0);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "sxknti") == 0);
	CHECK(f.row[0].ja3s[0] && !f.row[0].ja3[0]);
	CHECK(!f.row[0].r.legacy_version.set);

	check_case("A client that is the flow's responder still gets the capital letters");
	start(&f);
	for (size_t i = 0; i < turns; i++)
		stream(&f, !t[i].dir, buf_bytes(&t[i].bytes), 0);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "CsxknGIti") == 0);
	finish(&f);

	check_case("A ServerHello that was captured before its ClientHello is the same handshake");
	start(&f);
	stream(&f, L7_RESP, buf_bytes(&t[1].bytes), 0);
	stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
	stream(&f, L7_ORIG, buf_bytes(&t[2].bytes), 0);
	stream(&f, L7_RESP, buf_bytes(&t[3].bytes), 0);
	CHECK_EQ(f.rows, 1);
	CHECK(f.row[0].ja3[0] && f.row[0].ja3s[0] && f.row[0].r.established);
	finish(&f);
	turns_release(t, turns);
}

static void resumption(void)
{
	struct buf m = { 0 }, r = { 0 };
	struct offer o = client12;
	struct flow f;

	check_case("Before TLS 1.3 a repeated session id says that a session is resumed");
	o.session_id = "sixteen byte id!";
	for (int same = 0; same < 2; same++) {
		start(&f);
		put_client_hello(&m, &o);
		put_handshake(&r, buf_bytes(&m), 16384);
		send_all(&f, L7_ORIG, &r);
		buf_clear(&m);
		put_server_hello(&m, 0x0303, 0xc02f, same ? o.session_id : "another", 0);
		put_handshake(&r, buf_bytes(&m), 16384);
		put_ccs(&r);
		put_opaque(&r, 22, 40);
		send_all(&f, L7_RESP, &r);
		buf_clear(&m);
		put_ccs(&r);
		put_opaque(&r, 22, 40);
		send_all(&f, L7_ORIG, &r);
		CHECK_EQ(f.rows, 1);
		CHECK(f.row[0].r.established);
		CHECK(strcmp(f.row[0].history, "CsiI") == 0);
		CHECK(f.row[0].r.resumed.set && f.row[0].r.resumed.v == (uint64_t)same);
		finish(&f);
	}

	check_case("Two empty session ids resume nothing");
	start(&f);
	put_client_hello(&m, &client12);
	put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_ORIG, &r);
	buf_clear(&m);
	put_server_hello(&m, 0x0303, 0xc02f, "", 0);
	put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_RESP, &r);
	buf_clear(&m);
	finish(&f);
	CHECK(f.row[0].r.resumed.set && !f.row[0].r.resumed.v);

	check_case("In TLS 1.3 the server's pre_shared_key extension says it");
	o = client13;
	o.exts = "0000,000a,000d,0010,002b,002d,0033,002a,0029";
	for (int psk = 0; psk < 2; psk++) {
		start(&f);
		put_client_hello(&m, &o);
		put_handshake(&r, buf_bytes(&m), 16384);
		send_all(&f, L7_ORIG, &r);
		buf_clear(&m);
		put_server_hello(&m, 0x0303, 0x1301, o.session_id,
				 HELLO_13 | (psk ? HELLO_PSK : 0));
		put_handshake(&r, buf_bytes(&m), 16384);
		send_all(&f, L7_RESP, &r);
		buf_clear(&m);
		finish(&f);
		CHECK_EQ(f.rows, 1);
		CHECK(f.row[0].r.resumed.set && f.row[0].r.resumed.v == (uint64_t)psk);
		CHECK(f.row[0].r.psk_offered && f.row[0].r.early_data);
	}
	buf_release(&m);
	buf_release(&r);
}

static void alerts(void)
{
	struct turn t[4];
	struct buf r = { 0 };
	struct flow f;
	size_t turns = handshake12(t, 16384);

	check_case("An alert in clear is read: level, description, name, and who sent it");
	start(&f);
	stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
	put_alert(&r, 2, 40);
	send_all(&f, L7_RESP, &r);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "Cl") == 0);
	CHECK_EQ(f.row[0].r.alerts.count, 1);
	CHECK_EQ(f.row[0].alert.level.v, 2);
	CHECK_EQ(f.row[0].alert.desc.v, 40);
	CHECK(strcmp(f.row[0].alert_name, "handshake_failure") == 0);
	CHECK(f.row[0].alert.from == REC_dir_RESP && !f.row[0].alert.encrypted);

	check_case("An alert after ChangeCipherSpec is encrypted: no level, no letter");
	start(&f);
	for (size_t i = 0; i + 1 < turns; i++)
		stream(&f, t[i].dir, buf_bytes(&t[i].bytes), 0);
	put_opaque(&r, 21, 26);
	send_all(&f, L7_ORIG, &r);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "CsxknGI") == 0);
	CHECK_EQ(f.row[0].r.alerts.count, 1);
	CHECK(f.row[0].alert.encrypted && !f.row[0].alert.level.set);
	turns_release(t, turns);
	buf_release(&r);
}

static void repeated(void)
{
	struct turn t[4];
	struct flow f;
	size_t turns = handshake12(t, 16384);

	check_case("A ClientHello in clear after another one is a handshake of its own");
	start(&f);
	stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
	stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
	stream(&f, L7_RESP, buf_bytes(&t[1].bytes), 0);
	finish(&f);
	CHECK_EQ(f.rows, 2);
	CHECK(!f.row[0].ja3s[0] && f.row[1].ja3s[0]);
	CHECK(strcmp(f.row[0].ja3, f.row[1].ja3) == 0);

	check_case("ServerHello, ChangeCipherSpec, ServerHello: the second one is encrypted");
	struct buf r = { 0 }, m = { 0 };
	start(&f);
	stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
	put_server_hello(&m, 0x0303, 0xc02f, "", 0);
	put_handshake(&r, buf_bytes(&m), 16384);
	put_ccs(&r);
	put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_RESP, &r);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "Csi") == 0);
	buf_release(&m);
	buf_release(&r);
	turns_release(t, turns);
}

static void gaps(void)
{
	struct turn t[4];
	struct flow f;
	size_t turns = handshake12(t, 16384), hello;

	check_case("A hole inside the certificate is stepped over");
	start(&f);
	hello = 5 + 4 + 2 + 32 + 1 + 13 + 3 + 2 + 9;
	stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
	send_cut(&f, L7_RESP, BYTES(t[1].bytes.ptr, hello + 50), 16384);
	stream(&f, L7_RESP, BYTES(NULL, 0), 600);
	send_cut(&f, L7_RESP, BYTES(t[1].bytes.ptr + hello + 650, t[1].bytes.len - hello - 650),
		 16384);
	stream(&f, L7_ORIG, buf_bytes(&t[2].bytes), 0);
	stream(&f, L7_RESP, buf_bytes(&t[3].bytes), 0);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "CsxknGIti") == 0);
	CHECK(f.row[0].r.gap.set && f.row[0].r.gap.v == 600);
	CHECK(f.row[0].r.established);
	finish(&f);

	check_case("After a hole over several records the next record is looked for");
	start(&f);
	stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
	send_cut(&f, L7_RESP, BYTES(t[1].bytes.ptr, hello), 16384);
	stream(&f, L7_RESP, BYTES(NULL, 0), t[1].bytes.len - hello + 5000);
	stream(&f, L7_ORIG, buf_bytes(&t[2].bytes), 0);
	stream(&f, L7_RESP, buf_bytes(&t[3].bytes), 0);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "CsGIti") == 0);
	CHECK(f.row[0].r.established);
	finish(&f);

	check_case(
		"A hole in the ClientHello: no fingerprint, and the server's side is still told");
	start(&f);
	send_cut(&f, L7_ORIG, BYTES(t[0].bytes.ptr, 60), 16384);
	stream(&f, L7_ORIG, BYTES(NULL, 0), 10);
	send_cut(&f, L7_ORIG, BYTES(t[0].bytes.ptr + 70, t[0].bytes.len - 70), 16384);
	for (size_t i = 1; i < turns; i++)
		stream(&f, t[i].dir, buf_bytes(&t[i].bytes), 0);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "CsxknGIti") == 0);
	CHECK(!f.row[0].ja3[0] && f.row[0].ja3s[0]);
	CHECK_EQ(f.row[0].r.truncated.count, 1);
	CHECK(strcmp(f.names, "tls_hello_not_kept") == 0);
	finish(&f);
	turns_release(t, turns);
}

static void out_of_step(void)
{
	struct turn t[4];
	struct buf m = { 0 }, r = { 0 };
	struct flow f;
	size_t turns = handshake12(t, 16384);

	check_case(
		"Behind a hole that ends amid a record that side is given up, without an anomaly");
	start(&f);
	stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
	stream(&f, L7_RESP, BYTES_LIT("\x16\x03\x03"), 0);
	stream(&f, L7_RESP, BYTES(NULL, 0), 700);
	stream(&f, L7_RESP, BYTES_LIT("the middle of a certificate"), 0);
	stream(&f, L7_ORIG, buf_bytes(&t[2].bytes), 0);
	stream(&f, L7_RESP, buf_bytes(&t[3].bytes), 0);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK_EQ(f.anomalies, 0);
	CHECK(strcmp(f.row[0].history, "CGI") == 0);
	CHECK_EQ(f.row[0].r.gap.v, 700);
	turns_release(t, turns);

	check_case(
		"A client's side alone, resumed: what follows its ChangeCipherSpec is no message");
	start(&f);
	put_client_hello(&m, &client12);
	put_handshake(&r, buf_bytes(&m), 16384);
	put_ccs(&r);
	put_record(&r, 22, 0x0303, BYTES_LIT("\x0b\x00\x00\x04\x01\x02\x03\x04"));
	send_all(&f, L7_ORIG, &r);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "CI") == 0);

	check_case("Early data that a retry refuses may stand before the second ClientHello");
	start(&f);
	buf_clear(&m);
	put_client_hello(&m, &client13);
	put_handshake(&r, buf_bytes(&m), 16384);
	put_opaque(&r, 23, 100);
	send_all(&f, L7_ORIG, &r);
	buf_clear(&m);
	put_server_hello(&m, 0x0303, 0x1301, "", HELLO_13 | HELLO_RETRY);
	put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_RESP, &r);
	buf_clear(&m);
	put_client_hello(&m, &client13);
	put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_ORIG, &r);
	finish(&f);
	CHECK_EQ(f.anomalies, 0);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "CjC") == 0);
	buf_release(&m);
	buf_release(&r);
}

static void sslv2(void)
{
	static const uint8_t hello[] = {
		0x80, 0x1f, 1,    3,    1,    0,    6,    0,    0,    0,    16,
		0,    0,    0x2f, 1,    0,    0x80, 0x11, 0x11, 0x11, 0x11, 0x11,
		0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
	};
	struct buf m = { 0 }, r = { 0 };
	struct flow f;

	check_case("A ClientHello in SSLv2 form that asks for TLS is read, without fingerprints");
	for (size_t cut = 1; cut <= sizeof(hello); cut += 8) {
		start(&f);
		send_cut(&f, L7_ORIG, BYTES(hello, sizeof(hello)), cut);
		put_server_hello(&m, 0x0301, 0x002f, "", 0);
		put_handshake(&r, buf_bytes(&m), 16384);
		buf_clear(&m);
		send_all(&f, L7_RESP, &r);
		finish(&f);
		CHECK_EQ(f.rows, 1);
		CHECK(strcmp(f.names, "tls_sslv2") == 0);
		CHECK(strcmp(f.row[0].history, "Cs") == 0);
		CHECK_EQ(f.row[0].r.record_version.v, 2);
		CHECK_EQ(f.row[0].r.legacy_version.v, 0x0301);
		CHECK_EQ(f.row[0].r.ciphers.count, 2);
		CHECK(!f.row[0].ja3[0] && !f.row[0].ja4[0] && f.row[0].ja3s[0]);
	}
	buf_release(&m);
	buf_release(&r);
}

static void refused(void)
{
	struct turn t[4];
	struct buf r = { 0 };
	struct flow f;
	size_t turns = handshake12(t, 16384);
	uint8_t ff[16];

	check_case("Bytes that are no TLS are left to others");
	memset(ff, 0xff, sizeof(ff));
	start(&f);
	CHECK(!stream(&f, L7_ORIG, BYTES(ff, sizeof(ff)), 0));
	finish(&f);
	start(&f);
	CHECK(!stream(&f, L7_ORIG, BYTES_LIT("GET / HTTP/1.1\r\n"), 0));
	CHECK(!stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0));
	finish(&f);
	CHECK_EQ(f.rows + f.anomalies + f.ends, 0);

	check_case("Empty records and warnings may come before a hello");
	for (size_t piece = 1; piece < 1500; piece += 7) {
		struct buf early = { 0 }, hello = { 0 };
		struct offer wide = client12;

		wide.exts = "0000,000a,0015";
		wide.padding = 1200;
		for (int i = 0; i < 3; i++) {
			put_record(&early, 22, 0x0301, BYTES_LIT(""));
			put_alert(&early, 1, 112);
		}
		put_client_hello(&hello, &wide);
		put_handshake(&early, buf_bytes(&hello), 16384);
		start(&f);
		send_cut(&f, L7_ORIG, buf_bytes(&early), piece);
		finish(&f);
		CHECK_EQ(f.rows, 1);
		buf_release(&early);
		buf_release(&hello);
	}

	check_case("A server that answers in clear text ends the session, the offer is told");
	start(&f);
	stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
	stream(&f, L7_RESP, BYTES_LIT("HTTP/1.0 400 Bad Request\r\n"), 0);
	stream(&f, L7_RESP, BYTES_LIT("more"), 0);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK_EQ(f.ends, 1);
	CHECK_EQ(f.reason, REC_session_reason_PARSE_ERROR);
	CHECK(strcmp(f.names, "tls_parse_error") == 0);
	CHECK(f.row[0].ja3[0] != 0);

	check_case("A record above the limit is named and ends the session");
	start(&f);
	stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
	stream(&f, L7_RESP, BYTES_LIT("\x16\x03\x03\x48\x01"), 0);
	finish(&f);
	CHECK(strcmp(f.names, "tls_rec_overflow tls_parse_error") == 0);
	CHECK_EQ(f.rows, 1);

	check_case("A hello may be spread over any number of records, of any version 3.x");
	struct buf m = { 0 };
	put_client_hello(&m, &client12);
	put_handshake(&r, buf_bytes(&m), 1);
	for (size_t at = 0; at < r.len; at += 6)
		r.ptr[at + 2] = (uint8_t)at;
	start(&f);
	send_all(&f, L7_ORIG, &r);
	finish(&f);
	CHECK(strcmp(f.names, "tls_ch_split") == 0);
	CHECK_EQ(f.rows, 1);
	CHECK_EQ(f.row[0].r.client_hello_len.v, m.len - 4);
	CHECK(strcmp(f.row[0].sni, "example.com") == 0 && f.row[0].ja3[0]);

	check_case("A ClientHello of more than 64 KiB is read");
	struct buf ciphers = { 0 };
	struct offer big = client12;
	for (int i = 0; i < 10000; i++)
		buf_add_str(&ciphers, "c02f,");
	buf_add_str(&ciphers, "c030");
	buf_add_byte(&ciphers, 0);
	big.ciphers = (const char *)ciphers.ptr;
	big.exts = "0000,0015,000a";
	big.padding = 60000;
	buf_clear(&m);
	put_client_hello(&m, &big);
	put_handshake(&r, buf_bytes(&m), 16384);
	start(&f);
	send_all(&f, L7_ORIG, &r);
	finish(&f);
	CHECK_EQ(f.rows, 1);
	CHECK_EQ(f.row[0].r.client_hello_len.v, m.len - 4);
	CHECK(m.len > 80000 && strcmp(f.row[0].sni, "example.com") == 0 && f.row[0].ja3[0]);
	buf_release(&ciphers);
	buf_clear(&m);
	put_client_hello(&m, &client12);

	check_case("Another record amid the fragments of a message is said");
	start(&f);
	put_record(&r, 22, 0x0301, BYTES(m.ptr, 20));
	put_alert(&r, 1, 0);
	put_record(&r, 22, 0x0301, BYTES(m.ptr + 20, m.len - 20));
	send_all(&f, L7_ORIG, &r);
	finish(&f);
	CHECK(strcmp(f.names, "tls_hs_interleaved tls_ch_split") == 0);
	CHECK_EQ(f.rows, 1);
	CHECK(strcmp(f.row[0].history, "LC") == 0);

	check_case("A handshake record in clear after application data is said");
	start(&f);
	stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
	put_opaque(&r, 23, 50);
	put_handshake(&r, buf_bytes(&m), 16384);
	send_all(&f, L7_ORIG, &r);
	finish(&f);
	CHECK(strcmp(f.names, "tls_after_app_data") == 0);
	CHECK_EQ(f.rows, 1);

	check_case("A history of more than 100 letters is cut, and named");
	for (int i = 99; i <= 100; i++) {
		start(&f);
		stream(&f, L7_ORIG, buf_bytes(&t[0].bytes), 0);
		for (int k = 0; k < i; k++)
			put_record(&r, 22, 0x0303, BYTES_LIT("\0\0\0\0"));
		send_all(&f, L7_RESP, &r);
		finish(&f);
		CHECK_EQ(f.rows, 1);
		CHECK_EQ(strlen(f.row[0].history), 100);
		CHECK_EQ(f.row[0].r.truncated.count, i == 100);
	}

	check_case("Hellos beyond the memory limit are told without their contents");
	uint64_t limit = tls_config.max_held;
	tls_config.max_held = 40;
	play(&f, t, turns, 0);
	finish(&f);
	tls_config.max_held = limit;
	CHECK_EQ(f.rows, 1);
	CHECK(!f.row[0].ja3[0] && !f.row[0].ja3s[0]);
	CHECK_EQ(f.row[0].r.truncated.count, 2);
	buf_release(&m);
	buf_release(&r);
	turns_release(t, turns);
}

int main(void)
{
	full12();
	retry13();
	cuts();
	truncations();
	one_side();
	resumption();
	alerts();
	repeated();
	gaps();
	out_of_step();
	sslv2();
	refused();
	return check_end();
}
