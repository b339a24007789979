/* explain: a guess in words. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "cmd/infer/infer.h"

static void endpoint_put(struct buf *out, const struct ip *ip, uint16_t port)
{
	char text[INET6_ADDRSTRLEN] = "-";

	if (ip->len)
		inet_ntop(ip->len == 4 ? AF_INET : AF_INET6, ip->b, text, sizeof(text));
	buf_printf(out, ip->len == 16 ? "[%s]:%u" : "%s:%u", text, port);
}

static const char *l4_of(uint8_t proto)
{
	return proto == IPPROTO_TCP    ? "tcp"
	       : proto == IPPROTO_UDP  ? "udp"
	       : proto == IPPROTO_SCTP ? "sctp"
				       : "ip";
}

static void text_put(struct buf *out, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		buf_add_byte(out, text.ptr[i] >= ' ' && text.ptr[i] < 127 ? text.ptr[i] : '?');
}

/* What became of the guess before. */
static void before_put(struct buf *out, const struct rec_guess *g)
{
	if (g->over.ptr) {
		buf_add_str(out, "      takes over from ");
		text_put(out, g->over);
		buf_printf(out, ", which gave way to it; begins at offsets %llu and %llu\n",
			   (unsigned long long)g->orig_offset, (unsigned long long)g->resp_offset);
	}
	if (g->replaces.set) {
		buf_printf(out, "      instead of guess %llu, ", (unsigned long long)g->replaces.v);
		text_put(out, g->replaces_protocol);
		buf_printf(out, " (%llu%%)\n", (unsigned long long)g->replaces_confidence.v);
	}
}

void explain(struct buf *out, const struct rec_head *h, const struct rec_guess *g)
{
	const struct rec_guess_evidence *why = g->why.items;
	const struct rec_guess_other *others = g->alternatives.items;

	buf_printf(out, "flow %llu, packet %llu: ", (unsigned long long)h->flow,
		   (unsigned long long)h->n);
	endpoint_put(out, &g->key.orig_h, g->key.orig_p);
	buf_add_str(out, g->client ? " <- " : " -> ");
	endpoint_put(out, &g->key.resp_h, g->key.resp_p);
	buf_printf(out, " %s\n  %u.  ", l4_of(g->key.proto), g->rev);
	text_put(out, g->protocol);
	buf_printf(out, ", %s, %u%%, after %u packets and %u bytes (%s)\n",
		   rec_enum_text(&rec_enum_guess_state, g->state), g->confidence, g->packets,
		   g->bytes, rec_enum_text(&rec_enum_guess_cause, g->cause));
	for (size_t i = 0; i < g->why.count; i++) {
		buf_printf(out, "      %-8s %3u%%  ",
			   rec_enum_text(&rec_enum_evidence_class, why[i].class), why[i].weight);
		text_put(out, why[i].what);
		buf_add_byte(out, '\n');
	}
	before_put(out, g);
	for (size_t i = 0; i < g->alternatives.count; i++) {
		buf_add_str(out, "      else ");
		text_put(out, others[i].protocol);
		buf_printf(out, " (%u%%)\n", others[i].confidence);
	}
	if (g->port_says.ptr) {
		buf_add_str(out, "      though the port is that of ");
		text_put(out, g->port_says);
		buf_add_byte(out, '\n');
	}
	if (g->encrypted.set)
		buf_add_str(out, "      the bytes look random: encrypted or compressed\n");
}
