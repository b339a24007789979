/* facts: what the messages of some protocols say of other flows. */
#include "cmd/infer/facts.h"

#include <netinet/in.h>
#include <arpa/inet.h>

#include "cmd/infer/facts_private.h"

void fact_expect(const struct facts_input *in, const struct ip *at, uint16_t port, uint8_t l4,
		 const char *protocol, bool client)
{
	struct fact f = { .what = FACT_EXPECT,
			  .at = *at,
			  .port = port,
			  .l4 = l4,
			  .protocol = protocol,
			  .client = client,
			  .seconds = 120 };

	if (port)
		in->found(in->ctx, &f);
}

const struct ip *facts_address(const struct facts_input *in, bool client)
{
	return (in->client == 0) == client ? &in->key->orig_h : &in->key->resp_h;
}

/* ---- lines --------------------------------------------------------------------------------- */

static void line_take(struct facts_flow *flow, const struct facts_input *in, struct bytes line)
{
	while (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (in->kind == FACTS_FTP)
		facts_ftp_line(in, line);
	else
		facts_media_line(flow, in, line);
}

/* Cuts a stream into lines; of a line whose end has not come the front is kept. */
static void lines_take(struct facts_flow *flow, const struct facts_input *in)
{
	struct facts_side *s = &flow->side[in->dir];
	struct bytes rest = in->bytes;

	while (rest.len) {
		const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
		size_t n = end ? (size_t)(end - rest.ptr) : rest.len;
		size_t room = sizeof(s->line) - s->len;

		if (end && !s->len && !s->cut && n <= sizeof(s->line)) {
			line_take(flow, in, BYTES(rest.ptr, n));
		} else {
			s->cut |= n > room;
			if (!s->cut) {
				memcpy(s->line + s->len, rest.ptr, n);
				s->len = (uint16_t)(s->len + n);
			}
			if (end && !s->cut)
				line_take(flow, in, BYTES(s->line, s->len));
			if (end || s->cut)
				s->len = 0;
			if (end)
				s->cut = false;
		}
		n += end != NULL;
		rest = BYTES(rest.ptr + n, rest.len - n);
	}
}

/* ---- TFTP: RFC 1350 4: the server answers from a port of its own ----------------------------- */

static void tftp_take(const struct facts_input *in)
{
	struct fact f = { .what = FACT_EXPECT,
			  .at = *facts_address(in, true),
			  .peer = *facts_address(in, false),
			  .port = in->client ? in->key->resp_p : in->key->orig_p,
			  .l4 = IPPROTO_UDP,
			  .protocol = "tftp",
			  .client = true,
			  .seconds = 60 };

	if (in->dir == in->client && in->bytes.len > 4 && in->bytes.ptr[0] == 0 &&
	    (in->bytes.ptr[1] == 1 || in->bytes.ptr[1] == 2))
		in->found(in->ctx, &f);
}

/* ---- portmap: RFC 1833 3, over RPC of RFC 5531 ----------------------------------------------- */

enum { PORTMAP = 100000, GETPORT = 3, LAST_FRAGMENT = 0x80000000 };

static const struct {
	uint32_t number;
	const char *protocol;
} programs[] = { { 100003, "nfs" },    { 100004, "ypserv" }, { 100005, "mount" },
		 { 100011, "rquota" }, { 100021, "nlm" },    { 100024, "rstatus" },
		 { 100227, "nfsacl" } };

static const char *program_name(uint32_t number)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (programs[i].number == number)
			return programs[i].protocol;
	return "sunrpc";
}

/* Credentials and verifier: a flavour and counted bytes, padded to four. */
static void auth_skip(struct cursor *c)
{
	uint32_t n;

	cursor_be32(c);
	n = cursor_be32(c);
	cursor_skip(c, n > 400 ? SIZE_MAX : (n + 3) & ~3u);
}

static void rpc_call(struct facts_flow *flow, struct cursor *c, uint32_t xid)
{
	uint32_t program, proc, asked, proto;

	if (cursor_be32(c) != 2)
		return;
	program = cursor_be32(c);
	cursor_be32(c);
	proc = cursor_be32(c);
	auth_skip(c);
	auth_skip(c);
	asked = cursor_be32(c);
	cursor_be32(c);
	proto = cursor_be32(c);
	if (c->failed || program != PORTMAP || proc != GETPORT)
		return;
	flow->calls[flow->next_call].xid = xid;
	flow->calls[flow->next_call].program = asked;
	flow->calls[flow->next_call].proto = proto;
	flow->next_call = (flow->next_call + 1) % FACTS_CALLS;
}

static void rpc_reply(struct facts_flow *flow, const struct facts_input *in, struct cursor *c,
		      uint32_t xid)
{
	uint32_t accepted = cursor_be32(c), done, port;

	auth_skip(c);
	done = cursor_be32(c);
	port = cursor_be32(c);
	if (c->failed || accepted || done || port > 65535)
		return;
	for (unsigned i = 0; i < FACTS_CALLS; i++) {
		uint32_t proto = flow->calls[i].proto;

		if (flow->calls[i].xid != xid || (proto != IPPROTO_TCP && proto != IPPROTO_UDP))
			continue;
		fact_expect(in, facts_address(in, false), (uint16_t)port, (uint8_t)proto,
			    program_name(flow->calls[i].program), false);
		flow->calls[i].proto = 0;
		return;
	}
}

static void rpc_take(struct facts_flow *flow, const struct facts_input *in)
{
	struct cursor c = cursor_of(in->bytes);
	uint32_t xid, type;

	if (in->key->proto == IPPROTO_TCP && !(cursor_be32(&c) & LAST_FRAGMENT))
		return;
	xid = cursor_be32(&c);
	type = cursor_be32(&c);
	if (c.failed)
		return;
	if (type == 0 && in->dir == in->client)
		rpc_call(flow, &c, xid);
	else if (type == 1 && in->dir != in->client)
		rpc_reply(flow, in, &c, xid);
}

/* ---- all ----------------------------------------------------------------------------------- */

void facts_scan(struct facts_flow *flow, const struct facts_input *in)
{
	switch (in->kind) {
	case FACTS_NONE:
		break;
	case FACTS_FTP:
	case FACTS_SDP:
	case FACTS_RTSP:
		if (in->key->proto != IPPROTO_TCP) { /* a datagram begins and ends lines */
			flow->side[in->dir].len = 0;
			flow->side[in->dir].cut = false;
			flow->side[in->dir].media = (struct ip){ 0 };
		}
		lines_take(flow, in);
		break;
	case FACTS_TFTP:
		tftp_take(in);
		break;
	case FACTS_RPC:
		rpc_take(flow, in);
		break;
	case FACTS_DNS:
		if (in->key->proto == IPPROTO_TCP)
			facts_dns_stream(flow, in);
		else
			facts_dns_message(in, in->bytes);
		break;
	case FACTS_TLS:
		facts_tls_hello(in);
		break;
	}
}

void facts_gap(struct facts_flow *flow, unsigned dir)
{
	flow->side[dir].len = 0;
	flow->side[dir].cut = true;
	flow->side[dir].skip = 0;
}
