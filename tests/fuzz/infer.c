/* Fuzz target: weir-infer's engine over flows whose payloads are made of the words of protocols.
 *
 * Input: steps [what, flow and direction, n] and n bytes. A step's bytes may stand behind one of
 * the words that signatures and fact scanners look for. Whatever comes, memory has its limits, a
 * flow's guesses are numbered through, no confidence is above what its class allows, and the same
 * input gives the same guesses again. The first byte chooses: text for the tables instead, its own
 * signatures looked for in the bytes behind its first NUL, at once and byte by byte.
 *
 * Mutation works on whole steps, and on whole lines made of the words that tables have. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/infer/engine.h"
#include "cmd/infer/evidence.h"
#include "cmd/infer/texts.h"
#include "tests/fuzz/parts.h"
#include "tests/unit/infer_caps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLOWS = 16 };

static const char *const words[] = {
	"",
	"GET / HTTP/1.1\r\n",
	"HTTP/1.1 200 OK\r\n",
	"CONNECT a:1 HTTP/1.1\r\n\r\n",
	"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n",
	"SSH-2.0-x\r\n",
	"220 x ESMTP\r\n",
	"EHLO x\r\n",
	"STARTTLS\r\n",
	"220 ftp\r\n",
	"PORT 192,0,2,1,",
	"227 x (192,0,2,1,",
	"229 x (|||",
	"EPRT |1|192.0.2.1|",
	"INVITE sip:a SIP/2.0\r\n",
	"SIP/2.0 200 OK\r\n",
	"c=IN IP4 192.0.2.1\r\nm=audio ",
	"RTSP/1.0 200 OK\r\nTransport: RTP/AVP;server_port=",
	"SETUP rtsp://a RTSP/1.0\r\nTransport: RTP/AVP;client_port=",
	"\x16\x03\x01",
	"\x30\x0c\x02\x01\x01",
};
enum { WORDS = sizeof(words) / sizeof(words[0]) };
static const struct {
	const char *bytes;
	size_t len;
} binary[] = {
	{ "\x16\x03\x01\x00\x50\x01\x00\x00\x4c\x03\x03", 11 },
	{ "\x00\x00\x00\x08\x04\xd2\x16\x2f", 8 },
	{ "\x00\x01"
	  "a\x00octet\x00",
	  10 },
	{ "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01"
	  "a\x00\x00\x01\x00\x01",
	  19 },
	{ "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x86\xa0\x00\x00\x00\x02\x00\x00"
	  "\x00\x03",
	  24 },
	{ "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20 },
	{ "\x4a\x00\x00\x00\x0a"
	  "5.7",
	  8 },
	{ "\x03\x00\x00\x13\x0e\xe0", 6 },
};
enum { BINARY = sizeof(binary) / sizeof(binary[0]) };

static struct protocols *names;
static struct signatures *signatures;
static struct ports *ports;
static uint64_t digest;
static uint16_t revs[FLOWS + 1];
static bool final;

static void mix(const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		digest = (digest ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3ull;
}

static void on_guess(void *ctx, const struct rec_head *h, const struct rec_guess *g)
{
	const struct rec_guess_evidence *why = g->why.items;

	(void)ctx;
	if (final)
		revs[h->flow] = 0; /* each has one last word */
	if (h->flow > FLOWS || (g->rev != 1 && g->rev != revs[h->flow] + 1) || g->confidence > 100)
		abort();
	revs[h->flow] = g->rev;
	if (g->why.count && g->confidence > evidence_cap(why[0].class))
		abort();
	if (!g->why.count && g->confidence)
		abort();
	for (size_t i = 0; i < g->why.count; i++)
		mix(why[i].what.ptr, why[i].what.len);
	mix(g->protocol.ptr, g->protocol.len);
	mix(&g->confidence, 1);
	mix(&g->state, sizeof(g->state));
	mix(&h->n, sizeof(h->n));
}

struct input {
	struct infer *in;
	uint64_t n, offset[FLOWS][2];
	bool known[FLOWS];
};

static void step(struct input *x, const uint8_t *b, struct bytes more)
{
	static uint8_t payload[512];
	unsigned flow = b[1] >> 1 & (FLOWS - 1), dir = b[1] & 1, word = b[0] >> 3;
	static const uint16_t resp[] = { 25, 80, 443, 21, 5060, 554, 69, 111, 53, 3306, 7777, 22 };
	struct rec_head h = { REC_stream, 1000000000ull * ++x->n, flow + 1, x->n };
	struct rec_stream s = { .ip_version = 4,
				.proto = flow & 8 ? 17 : 6,
				.dir = (uint8_t)dir,
				.orig_p = 40000,
				.resp_p = resp[flow % 12],
				.orig_h = { 192, 0, 2, 1 },
				.resp_h = { 192, 0, 2, 2 },
				.offset = x->offset[flow][dir] };
	struct rec_packet p = { .ip_version = 4,
				.proto = 17,
				.dir = (uint8_t)dir,
				.orig_p = 40000,
				.resp_p = resp[flow % 12],
				.orig_h = { 192, 0, 2, 1 },
				.resp_h = { 192, 0, 2, 2 },
				.flags = x->known[flow] ? 0 : PACKET_NEW };
	struct rec_flow fl = { .event = REC_flow_event_END };
	size_t n = 0;

	if (word < WORDS) {
		n = strlen(words[word]);
		memcpy(payload, words[word], n);
	} else if (word - WORDS < BINARY) {
		n = binary[word - WORDS].len;
		memcpy(payload, binary[word - WORDS].bytes, n);
	}
	memcpy(payload + n, more.ptr, more.len);
	n += more.len;
	p.payload = s.payload = BYTES(payload, n);
	switch (b[0] & 7) {
	case 0:
		fl.key.proto = s.proto;
		infer_flow(x->in, &h, &fl);
		x->offset[flow][0] = x->offset[flow][1] = 0;
		x->known[flow] = false;
		revs[flow + 1] = 0;
		return;
	case 1:
		s.gap = b[2] + 1u;
		s.payload.len = 0;
		x->offset[flow][dir] += s.gap;
		break;
	default:
		x->offset[flow][dir] += n;
		break;
	}
	x->known[flow] = true;
	if (s.proto == 17)
		infer_packet(x->in, &h, &p);
	else
		infer_stream(x->in, &h, &s);
}

/* Whom parsers are told by hears of each guess that would be written. */
static void on_follow(void *ctx, const struct rec_head *h, const struct rec_guess *g)
{
	uint64_t *told = ctx;

	(void)h;
	if (g->why.count || !g->protocol.len)
		abort();
	++*told;
}

static uint64_t run(const uint8_t *data, size_t size, const bool *wanted)
{
	struct infer_limits limits = { .flows = 12,
				       .first_bytes = 8 * INFER_DEPTH,
				       .depth = INFER_DEPTH,
				       .packets = INFER_PACKETS,
				       .wanted = wanted,
				       .final = final };
	struct input x = { 0 };
	uint64_t told = 0;
	struct context *context = context_new(names, 16, 1);

	digest = 1;
	memset(revs, 0, sizeof(revs));
	x.in = infer_new(&(struct infer_tables){ names, signatures, ports, context },
			 &(struct infer_host){ &told, on_guess, on_follow }, &limits);
	while (size >= 3) {
		size_t n = data[2] & 127;

		if (n > size - 3)
			n = size - 3;
		/* An evicted flow begins anew, and so do its guesses. */
		if (infer_stats(x.in)->flows >= limits.flows)
			memset(x.known, 0, sizeof(x.known));
		step(&x, data, BYTES(data + 3, n));
		if (infer_stats(x.in)->flows > limits.flows)
			abort();
		data += 3 + n;
		size -= 3 + n;
	}
	infer_finish(x.in, x.n);
	if (infer_stats(x.in)->flows || infer_stats(x.in)->guesses > told ||
	    (!final && infer_stats(x.in)->guesses < told))
		abort();
	infer_free(x.in);
	context_free(context);
	return digest;
}

static void on_hit(void *ctx, uint16_t number)
{
	((bool *)ctx)[number] = true;
}

/* What is found in the bytes of a stream at once is also found where they come one by one. */
static void look(const struct signatures *s, struct bytes b)
{
	bool whole[SIGNATURES_MAX] = { false }, pieces[SIGNATURES_MAX] = { false };
	struct signature_look l = { SIGNATURE_TCP, FROM_ANY, false, b };
	struct signature_scan scan = { 0 };

	signatures_match(s, &l, &scan, on_hit, whole);
	scan = (struct signature_scan){ 0 };
	for (size_t n = 1; n <= b.len; n++) {
		l.bytes.len = n;
		signatures_match(s, &l, &scan, on_hit, pieces);
	}
	for (size_t i = 0; i < SIGNATURES_MAX; i++)
		if (whole[i] && !pieces[i])
			abort();
	for (unsigned l4 = SIGNATURE_UDP; l4 < SIGNATURE_L4S; l4++) {
		l = (struct signature_look){ (enum signature_l4)l4, FROM_ANY, true, b };
		scan = (struct signature_scan){ 0 };
		signatures_match(s, &l, &scan, on_hit, whole);
	}
}

static void run_text(const uint8_t *data, size_t size)
{
	struct protocols *own = protocols_new();
	struct signatures *s = signatures_new(own);
	struct ports *p = ports_new(own);
	struct context *c = context_new(own, 16, 1);
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	struct bytes text = BYTES(data, nul ? (size_t)(nul - data) : size);
	struct buf out = { 0 };
	const char *why;
	unsigned line;

	signatures_add(s, text, &why, &line);
	signatures_compile(s);
	look(s, text);
	if (nul)
		look(s, BYTES(nul + 1, size - text.len - 1));
	ports_add(p, text, &why, &line);
	context_load(c, text, &why, &line);
	context_tell(c, size, text, &why, &line);
	context_dump(c, &out);
	buf_release(&out);
	context_free(c);
	ports_free(p);
	signatures_free(s);
	protocols_free(own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool wanted[PROTOCOLS_MAX]; /* who takes the payload changes no guess */
	const char *why;
	unsigned line;

	if (!names) {
		names = protocols_new();
		signatures = signatures_new(names);
		ports = ports_new(names);
		if (!signatures_add(signatures, text_signatures(), &why, &line) ||
		    !ports_add(ports, text_ports(), &why, &line))
			abort();
		signatures_compile(signatures);
		wanted[protocol_find(names, bytes_str("http"))] = true;
	}
	if (size && data[0] == 't')
		run_text(data + 1, size - 1);
	else if (size && run(data, size, NULL) != run(data, size, wanted))
		abort();
	final = size && data[0] != 't';
	if (final)
		run(data, size, wanted);
	final = false;
	return 0;
}

/* ---- mutation ----------------------------------------------------------------------------- */

/* Where a part ends: a step.. */
static size_t step_end(const uint8_t *data, size_t size, size_t at)
{
	size_t n = at + 2 < size ? at + 3 + (data[at + 2] & 127u) : size;

	return n < size ? n : size;
}

/* ..or a line; behind a NUL all that is left. */
static size_t line_end(const uint8_t *data, size_t size, size_t at)
{
	const uint8_t *nul = memchr(data, 0, size), *end = memchr(data + at, '\n', size - at);

	if (nul && at > (size_t)(nul - data))
		return size;
	return end ? (size_t)(end - data) + 1 : size;
}

static size_t step_make(uint8_t *out, unsigned *seed)
{
	static const char signs[] = "0123456789,.:;\r\n =|(";
	size_t n = draw(seed, 4) ? draw(seed, 8) : draw(seed, 128);

	out[0] = (uint8_t)(draw(seed, WORDS + BINARY) << 3 |
			   (draw(seed, 12) ? 2 + draw(seed, 6) : draw(seed, 2)));
	out[1] = (uint8_t)draw(seed, 2 * FLOWS);
	out[2] = (uint8_t)n;
	for (size_t i = 0; i < n; i++)
		out[3 + i] = draw(seed, 2) ? (uint8_t)signs[draw(seed, sizeof(signs) - 1)]
					   : (uint8_t)draw(seed, 256);
	return 3 + n;
}

static size_t line_make(uint8_t *out, unsigned *seed)
{
	static const char *const heads[] = { "a.x tcp any 80",
					     "a.y udp client 70",
					     "b tcp,udp server 60",
					     "c.z sctp any 99",
					     "change a b client",
					     "change a any server within=3 lines",
					     "variant a b tcp 7",
					     "10.0.0.0/8 tcp 7-9 = a",
					     "expect 1.2.3.4 udp 5 a 9 1",
					     "service 1.2.3.4 tcp 1 a 2 99",
					     "name - 1.2.3.4 x.y 99" };
	static const char *const conditions[] = {
		"0:\"GET \"",   "0:[&c0=80]..01", "4:00[00-1f]",     "+0:\"ab\"",
		"+1:[61-7a]0d", "find:\"ab\"",    "find:\"Host\"",   "line:\" HTTP\"",
		"line:\"b\"",   "be16@0=3..9",    "be24@1=0..65535", "le32@4=7",
		"u8@3=rest",    "be16@2=len-2",   "ber@1=0..300",    "be16@+2=1..",
		"len=4..90",    "both",           "0:\"a\"",         "1:..\"c\"",
		"8:00000002",   "12:[00-03]"
	};
	size_t n = (size_t)sprintf((char *)out, "%s",
				   heads[draw(seed, sizeof(heads) / sizeof(heads[0]))]);

	for (unsigned k = draw(seed, 5); k; k--)
		n += (size_t)sprintf(
			(char *)out + n, " %s",
			conditions[draw(seed, sizeof(conditions) / sizeof(conditions[0]))]);
	out[n++] = '\n';
	return n;
}

/* Bytes that such lines look for: in front of those behind the NUL, where there is one, or behind.
 */
static size_t bytes_put(uint8_t *data, size_t size, size_t max, unsigned *seed)
{
	static const struct bytes sought[] = { BYTES_LIT("GET "),
					       BYTES_LIT("ab"),
					       BYTES_LIT(" HTTP\n"),
					       BYTES_LIT("Host"),
					       BYTES_LIT("\x80\x00\x01"),
					       BYTES_LIT("\x00\x07"),
					       BYTES_LIT("\x00\x00\x00\x02"),
					       BYTES_LIT("abc"),
					       BYTES_LIT("a\x0d") };
	const struct bytes add = sought[draw(seed, sizeof(sought) / sizeof(sought[0]))];
	const uint8_t *nul = memchr(data, 0, size);
	size_t made;

	if (nul)
		return splice(data, size, max, draw(seed, 2) ? (size_t)(nul - data) + 1 : size, 0,
			      add.ptr, add.len);
	made = splice(data, size, max, size, 0, "", 1);
	return made > size ? splice(data, made, max, made, 0, add.ptr, add.len) : size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static const struct parts steps = { .next = step_end, .make = step_make };
	static const struct parts lines = { .head = 1, .next = line_end, .make = line_make };
	bool text = size && data[0] == 't';

	if (draw(&seed, 64) == 0) /* the other kind */
		return text ? splice(data, size, max, 0, 0, "\x12\0\0", 3)
			    : splice(data, size, max, 0, 0, "t", 1);
	if (text && draw(&seed, 6) == 0)
		return bytes_put(data, size, max, &seed);
	return parts_mutate(text ? &lines : &steps, data, size, max, seed);
}
