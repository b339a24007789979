/* plan: from expressions to packets that are ready to go out. */
#include "cmd/ask/plan.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "libcommon/base/die.h"
#include "libcommon/net/linktype.h"
#include "libcommon/packet/expr.h"

enum { ETHERNET_HEAD = 14, NEIGHBOURS = 4096, NEIGHBOUR_TRIES = 3 };

/* A next hop, and the queries that go there. */
struct ask_neighbour {
	struct ask_port *port;
	struct rt_address address, source;
	uint8_t mac[6];
	bool known;
};

/* Where a packet goes. */
struct way {
	struct ask_port *port;
	struct ask_neighbour *hop; /* NULL: none is needed */
	struct rt_address source;
	const char *why; /* there is none */
};

/* ---- interfaces and routes ----------------------------------------------------------------- */

static struct ask_port *port_of(struct ask_plan *p, const struct rt_interface *i, bool routed)
{
	for (unsigned k = 0; k < p->nports; k++)
		if (p->ports[k].interface.index == i->index && p->ports[k].routed == routed)
			return &p->ports[k];
	if (p->nports == ASK_PORTS)
		die_usage("packets for more than %d interfaces", ASK_PORTS);
	ask_port_open(&p->ports[p->nports], i, routed, p->yes);
	return &p->ports[p->nports++];
}

static void named(const struct ask_plan *p, struct rt_interface *i)
{
	if (!rt_interface_named(p->interface, i))
		die_errno("interface '%.60s'", p->interface);
}

static struct ask_neighbour *neighbour_of(struct ask_plan *p, struct ask_port *port,
					  const struct rt_address *a,
					  const struct rt_address *source)
{
	struct ask_neighbour *n;

	for (size_t k = 0; k < p->nneighbours; k++)
		if (p->neighbours[k].port == port &&
		    memcmp(&p->neighbours[k].address, a, sizeof(*a)) == 0)
			return &p->neighbours[k];
	if (!p->neighbours)
		p->neighbours = xcalloc(NEIGHBOURS, sizeof(*p->neighbours));
	if (p->nneighbours == NEIGHBOURS)
		return NULL;
	n = &p->neighbours[p->nneighbours++];
	*n = (struct ask_neighbour){ .port = port, .address = *a, .source = *source };
	n->known = rt_neighbour(port->interface.index, a, n->mac);
	return n;
}

/* The MAC addresses of groups follow from their addresses. RFC 1112, 2464. */
static bool group_mac(const struct rt_address *to, uint8_t mac[6])
{
	if (to->family == AF_INET6 && to->b[0] == 0xff) {
		mac[0] = mac[1] = 0x33;
		memcpy(mac + 2, to->b + 12, 4);
		return true;
	}
	if (to->family == AF_INET && to->b[0] >= 224 && to->b[0] < 240) {
		memcpy(mac, "\x01\x00\x5e", 3);
		memcpy(mac + 3, to->b + 1, 3);
		mac[3] &= 0x7f;
		return true;
	}
	return false;
}

static void hop_of(struct ask_plan *p, struct way *w, const struct rt_address *hop, uint8_t type)
{
	uint8_t mac[6];
	bool group = group_mac(hop, mac);

	if (w->port->headless || w->port->routed)
		return;
	w->hop = neighbour_of(p, w->port, hop, &w->source);
	if (!w->hop) {
		w->why = "more next hops than there is room for";
		return;
	}
	if (type == RTN_BROADCAST) {
		memset(mac, 0xff, 6);
		group = true;
	}
	if (group) {
		memcpy(w->hop->mac, mac, 6);
		w->hop->known = true;
	}
}

static struct way way_to(struct ask_plan *p, const struct rt_address *to, uint16_t ethertype)
{
	struct rt_interface i = { .index = 0 };
	struct way w = { 0 };
	struct rt_route r;

	if (p->interface)
		named(p, &i);
	/* To a link-local address there is a route on each link. */
	if (!rt_route_to(to, i.index, &r)) {
		w.why = strerror(errno);
		return w;
	}
	if (r.type != RTN_UNICAST && r.type != RTN_LOCAL && r.type != RTN_BROADCAST &&
	    r.type != RTN_MULTICAST && r.type != RTN_ANYCAST) {
		w.why = "the route says that it can't be reached";
		return w;
	}
	if (!rt_interface_numbered(r.index, &i)) {
		w.why = strerror(errno);
		return w;
	}
	w.port = port_of(p, &i, r.type == RTN_LOCAL);
	w.source = r.source;
	/* An ARP request is for everybody, and asks what would be asked for. */
	if (ethertype != ASK_ARP)
		hop_of(p, &w, r.gateway.family ? &r.gateway : to, r.type);
	return w;
}

/* ---- packets ------------------------------------------------------------------------------- */

static struct ask_query *query_add(struct ask_plan *p)
{
	if (p->n == ASK_QUERIES)
		die_usage("more than %d packets to ask", ASK_QUERIES);
	if (p->n == p->size) {
		p->size = p->size ? p->size * 2 : 64;
		p->queries = realloc(p->queries, p->size * sizeof(*p->queries));
		if (!p->queries)
			die("out of memory");
	}
	p->queries[p->n] = (struct ask_query){ .n = p->n + 1 };
	return &p->queries[p->n++];
}

/* The frame is kept, its place as an offset as the buffer may move. */
static void query_bytes(struct ask_plan *p, struct ask_query *q, const uint8_t *head, size_t nhead,
			struct bytes packet)
{
	if (p->bytes.len + nhead + packet.len > ASK_BYTES)
		die_usage("packets of more than %d bytes to ask", ASK_BYTES);
	q->at = nhead;
	q->frame = BYTES(NULL, nhead + packet.len);
	q->reply_at = p->bytes.len;
	buf_add(&p->bytes, head, nhead);
	buf_add(&p->bytes, packet.ptr, packet.len);
}

static bool given(const struct pkt_model *m, uint16_t head, unsigned field)
{
	const struct pkt_set *s = pkt_model_given(m, head, field);

	return s && s->how != PKT_SET_AUTO;
}

static uint64_t number48(const uint8_t mac[6])
{
	return (uint64_t)be16_get(mac) << 32 | be32_get(mac + 2);
}

static uint16_t ethertype_of(unsigned layer)
{
	return layer == PKT_arp    ? ASK_ARP
	       : layer == PKT_ip   ? ASK_IP4
	       : layer == PKT_ipv6 ? ASK_IP6
				   : 0;
}

/* The first header that has addresses of a network, PKT_NIL: there is none. Headers of the link
 * before it stand in *eth, PKT_NIL: none. */
static uint16_t network_head(const struct pkt_model *m, uint16_t *eth)
{
	*eth = PKT_NIL;
	for (uint16_t h = m->first; h != PKT_NIL; h = m->head[h].next) {
		if (m->head[h].layer == PKT_eth && *eth == PKT_NIL)
			*eth = h;
		else if (ethertype_of(m->head[h].layer))
			return h;
		else if (m->head[h].layer != PKT_frame && m->head[h].layer != PKT_vlan)
			return PKT_NIL;
	}
	return PKT_NIL;
}

static bool built(const struct pkt_model *m, uint8_t *to, struct packet *packet)
{
	const char *why;

	if (pkt_build(m, to, PKT_BUILD_MAX, packet, &why))
		return true;
	die_usage("%s", why);
}

/* What the packet was to say by itself: whence it comes. False: it was given. */
static void fill_source(struct pkt_model *m, uint16_t net, const struct way *w)
{
	const struct rt_address *s = &w->source;

	if (m->head[net].layer == PKT_ip && s->family == AF_INET && !given(m, net, PKT_ip_src))
		pkt_model_number(m, net, PKT_ip_src, be32_get(s->b));
	if (m->head[net].layer == PKT_ipv6 && s->family == AF_INET6 && !given(m, net, PKT_ipv6_src))
		pkt_model_bytes(m, net, PKT_ipv6_src, BYTES(s->b, 16));
	if (m->head[net].layer != PKT_arp)
		return;
	if (s->family == AF_INET && !given(m, net, PKT_arp_psrc))
		pkt_model_number(m, net, PKT_arp_psrc, be32_get(s->b));
	if (w->port->interface.has_mac && !given(m, net, PKT_arp_hwsrc))
		pkt_model_number(m, net, PKT_arp_hwsrc, number48(w->port->interface.mac));
}

/* The several values of a field come one after the other into the same model: what was filled in
 * for one packet is not given for the next. */
struct filled {
	uint16_t head;
	unsigned field;
	bool given;
};

static void note_filled(struct filled f[4], const struct pkt_model *m, uint16_t net)
{
	const unsigned fields[4] = { PKT_ip_src, PKT_ipv6_src, PKT_arp_psrc, PKT_arp_hwsrc };
	const unsigned layers[4] = { PKT_ip, PKT_ipv6, PKT_arp, PKT_arp };

	for (int i = 0; i < 4; i++) {
		f[i] = (struct filled){ net, fields[i], true };
		if (m->head[net].layer == layers[i])
			f[i].given = given(m, net, fields[i]);
	}
}

static void take_back(const struct filled f[4], struct pkt_model *m)
{
	for (int i = 0; i < 4; i++)
		if (!f[i].given)
			pkt_model_auto(m, f[i].head, f[i].field);
}

static struct rt_address destination(uint16_t ethertype, struct bytes packet)
{
	struct bytes to = ask_destination(ethertype, packet);
	struct rt_address a = { 0 };

	if (!to.len)
		return a;
	a.family = to.len == 4 ? AF_INET : AF_INET6;
	memcpy(a.b, to.ptr, to.len);
	return a;
}

/* The network layer's bytes of a built packet. */
static struct bytes network_bytes(const struct packet *packet, unsigned layer)
{
	int node = pkt_find(packet, (enum pkt_layer_id)layer, 0);
	size_t at = node < 0 ? packet->data.len : packet->node[node].at;

	return BYTES(packet->data.ptr + at, packet->data.len - at);
}

static void link_head(const struct ask_plan *p, const struct way *w, uint16_t ethertype,
		      uint8_t head[ETHERNET_HEAD])
{
	(void)p;
	memset(head, ethertype == ASK_ARP ? 0xff : 0, 6);
	memcpy(head + 6, w->port->interface.mac, 6);
	be16_put(head + 12, ethertype);
}

/* A packet that needs a way. */
static void plan_packet(struct ask_plan *p, struct pkt_model *m, uint16_t net, uint8_t *room)
{
	unsigned layer = m->head[net].layer;
	uint16_t ethertype = ethertype_of(layer);
	struct ask_query *q = query_add(p);
	uint8_t head[ETHERNET_HEAD];
	struct filled filled[4];
	struct rt_address to;
	struct packet packet;
	struct way w;
	bool bare;

	built(m, room, &packet);
	to = destination(ethertype, network_bytes(&packet, layer));
	w = way_to(p, &to, ethertype);
	q->ethertype = ethertype;
	if (w.why) {
		q->result = ASK_NOT_SENT;
		q->why = w.why;
		query_bytes(p, q, NULL, 0, network_bytes(&packet, layer));
		return;
	}
	q->port = w.port;
	note_filled(filled, m, net);
	fill_source(m, net, &w);
	built(m, room, &packet);
	take_back(filled, m);
	bare = w.port->headless || w.port->routed;
	link_head(p, &w, ethertype, head);
	query_bytes(p, q, head, bare ? 0 : ETHERNET_HEAD, network_bytes(&packet, layer));
	q->next = w.hop ? (uint32_t)(w.hop - p->neighbours) + 1 : 0;
	if (ethertype == ASK_ARP && bare) {
		q->result = ASK_NOT_SENT;
		q->why = "there is no ARP on this interface";
	}
}

/* One that begins with its link's header: it goes out as it is. */
static void plan_linked(struct ask_plan *p, struct pkt_model *m, uint16_t eth, uint8_t *room)
{
	struct ask_port *port;
	struct rt_interface i;
	struct packet packet;
	bool own;

	if (!p->interface)
		die_usage("a packet with a link header of its own needs --interface");
	named(p, &i);
	port = port_of(p, &i, false);
	own = given(m, eth, PKT_eth_src);
	if (!own && i.has_mac)
		pkt_model_number(m, eth, PKT_eth_src, number48(i.mac));
	built(m, room, &packet);
	if (!own)
		pkt_model_auto(m, eth, PKT_eth_src);
	plan_frame(p, port->link_type, packet.data, p->n + 1);
}

static bool no_files(const char *name, struct buf *out)
{
	(void)name;
	(void)out;
	return false;
}

void plan_expression(struct ask_plan *p, struct bytes text)
{
	uint8_t *room = xcalloc(PKT_BUILD_MAX, 1);
	struct pkt_expr e = { 0 };
	char why[PKT_WHY];

	if (!pkt_expr_parse(&e, text, no_files, why))
		die_usage("%s", why);
	for (size_t i = 0; i < e.n; i++) {
		struct pkt_template *t = &e.v[i];
		uint16_t eth, net = network_head(&t->model, &eth);

		if (net == PKT_NIL && eth == PKT_NIL)
			die_usage(
				"nothing answers a packet that has neither ip, ipv6, arp nor eth");
		pkt_template_seed(t, i + 1);
		while (pkt_template_next(t, &e, false)) {
			if (eth != PKT_NIL)
				plan_linked(p, &t->model, eth, room);
			else
				plan_packet(p, &t->model, net, room);
		}
	}
	pkt_expr_release(&e);
	free(room);
}

void plan_frames(struct ask_plan *p)
{
	struct rt_interface i;

	if (!p->interface)
		die_usage("frames need --interface");
	named(p, &i);
	port_of(p, &i, false);
}

void plan_frame(struct ask_plan *p, uint32_t link_type, struct bytes frame, uint64_t n)
{
	struct ask_query *q = query_add(p);
	struct ask_port *port = &p->ports[p->nports - 1];
	size_t at = 0;

	q->n = n;
	q->port = port;
	if (link_type != port->link_type) {
		q->result = ASK_NOT_SENT;
		q->why = "its link type is not that of the interface";
	} else if (port->headless) {
		q->ethertype = frame.len && frame.ptr[0] >> 4 == 6 ? ASK_IP6 : ASK_IP4;
	} else if (frame.len >= ETHERNET_HEAD) {
		at = ETHERNET_HEAD;
		q->ethertype = be16_get(frame.ptr + 12);
	}
	query_bytes(p, q, frame.ptr, at, BYTES(frame.ptr + at, frame.len - at));
}

/* ---- next hops ----------------------------------------------------------------------------- */

/* Who has it? RFC 826; RFC 4861, 4.3, to the solicited-node group. */
static void solicit(const struct ask_neighbour *n, struct buf *text)
{
	const uint8_t *m = n->port->interface.mac, *b = n->address.b, *s = n->source.b;

	buf_printf(text, "eth(src=%02x:%02x:%02x:%02x:%02x:%02x,dst=", m[0], m[1], m[2], m[3], m[4],
		   m[5]);
	if (n->address.family == AF_INET) {
		buf_printf(text,
			   "ff:ff:ff:ff:ff:ff)/arp(hwsrc=%02x:%02x:%02x:%02x:%02x:%02x,"
			   "psrc=%u.%u.%u.%u,pdst=%u.%u.%u.%u)",
			   m[0], m[1], m[2], m[3], m[4], m[5], s[0], s[1], s[2], s[3], b[0], b[1],
			   b[2], b[3]);
		return;
	}
	buf_printf(text, "33:33:ff:%02x:%02x:%02x)/ipv6(hlim=255,src=", b[13], b[14], b[15]);
	for (int i = 0; i < 16; i += 2)
		buf_printf(text, "%s%x", i ? ":" : "", be16_get(s + i));
	buf_printf(text, ",dst=ff02::1:ff%02x:%x)/icmpv6(type=135,target=", b[13],
		   be16_get(b + 14));
	for (int i = 0; i < 16; i += 2)
		buf_printf(text, "%s%x", i ? ":" : "", be16_get(b + i));
	buf_printf(text, ",options=[srclladdr(lladdr=%02x:%02x:%02x:%02x:%02x:%02x)])", m[0], m[1],
		   m[2], m[3], m[4], m[5]);
}

static void places(struct ask_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		p->queries[i].frame.ptr = p->bytes.ptr + p->queries[i].reply_at;
		p->queries[i].reply_at = 0;
	}
}

/* Asks for those that the kernel does not know, all at a time. */
static void find_neighbours(struct ask_plan *p)
{
	struct ask_plan own = { .yes = true, .nports = 0 };
	uint8_t *room = xcalloc(PKT_BUILD_MAX, 1);
	struct ask_exchange x = { .ports = p->ports,
				  .nports = p->nports,
				  .timeout = p->timeout,
				  .tries = NEIGHBOUR_TRIES,
				  .stopping = p->stopping,
				  .user = p->user };
	struct buf text = { 0 };

	for (size_t i = 0; i < p->nneighbours; i++) {
		struct pkt_expr e = { 0 };
		struct ask_query *q;
		struct packet packet;
		char why[PKT_WHY];

		if (p->neighbours[i].known)
			continue;
		buf_clear(&text);
		solicit(&p->neighbours[i], &text);
		if (!pkt_expr_parse(&e, buf_bytes(&text), NULL, why))
			die("%s", why);
		pkt_template_next(&e.v[0], &e, false);
		built(&e.v[0].model, room, &packet);
		q = query_add(&own);
		q->port = p->neighbours[i].port;
		q->n = i;
		q->ethertype = be16_get(packet.data.ptr + 12);
		query_bytes(
			&own, q, packet.data.ptr, ETHERNET_HEAD,
			BYTES(packet.data.ptr + ETHERNET_HEAD, packet.data.len - ETHERNET_HEAD));
		pkt_expr_release(&e);
	}
	places(&own);
	if (own.n)
		ask_exchange(&x, own.queries, own.n);
	for (size_t i = 0; i < own.n; i++) {
		struct ask_neighbour *n = &p->neighbours[own.queries[i].n];

		n->known = own.queries[i].result == ASK_ANSWERED;
		memcpy(n->mac, own.queries[i].reply_mac, 6);
	}
	free(own.queries);
	buf_release(&own.bytes);
	buf_release(&x.replies);
	buf_release(&text);
	free(room);
}

void plan_ready(struct ask_plan *p)
{
	find_neighbours(p);
	places(p);
	for (size_t i = 0; i < p->n; i++) {
		struct ask_query *q = &p->queries[i];
		const struct ask_neighbour *n = q->next ? &p->neighbours[q->next - 1] : NULL;

		q->next = 0;
		if (!n || q->result == ASK_NOT_SENT)
			continue;
		if (n->known) {
			memcpy(p->bytes.ptr + (q->frame.ptr - p->bytes.ptr), n->mac, 6);
			continue;
		}
		q->result = ASK_NOT_SENT;
		q->why = "its next hop does not say its MAC address";
	}
}

void plan_release(struct ask_plan *p)
{
	for (unsigned i = 0; i < p->nports; i++)
		ask_port_close(&p->ports[i]);
	free(p->queries);
	free(p->neighbours);
	buf_release(&p->bytes);
}
