/* layers_decap: the kinds of tunnels by name, and which of them are taken apart. */
#include "libcommon/net/layers_private.h"

/* The ports of the RFCs, and the one that Linux used for VXLAN before there was one. */
#define PORTS(ROW, arg)                                                                            \
	ROW(arg, LAYERS_VXLAN, 4789)                                                               \
	ROW(arg, LAYERS_VXLAN, 8472)                                                               \
	ROW(arg, LAYERS_VXLAN_GPE, 4790)                                                           \
	ROW(arg, LAYERS_GENEVE, 6081)                                                              \
	ROW(arg, LAYERS_GTP, 2152)                                                                 \
	ROW(arg, LAYERS_TEREDO, 3544)                                                              \
	ROW(arg, LAYERS_L2TP, 1701)                                                                \
	ROW(arg, LAYERS_AYIYA, 5072)                                                               \
	ROW(arg, LAYERS_GRE, 4754)                                                                 \
	ROW(arg, LAYERS_MPLS_IP, 6635)

#define PORT_ROW(arg, kind, port) { port, kind },
#define PORT_ONE(arg, kind, port) +1
#define PORT_BIT(word, kind, port)                                                                 \
	| (((port) >> 6) % LAYERS_PORT_WORDS == (word) ? UINT64_C(1) << ((port)&63) : 0)
#define PORT_WORD(word) (UINT64_C(0) PORTS(PORT_BIT, word))

const struct layers_config layers_auto = {
	.kinds = (UINT64_C(1) << LAYERS_KINDS) - 1,
	.port_filter = { PORT_WORD(0), PORT_WORD(1), PORT_WORD(2), PORT_WORD(3), PORT_WORD(4),
			 PORT_WORD(5), PORT_WORD(6), PORT_WORD(7), PORT_WORD(8), PORT_WORD(9),
			 PORT_WORD(10), PORT_WORD(11), PORT_WORD(12), PORT_WORD(13), PORT_WORD(14),
			 PORT_WORD(15) },
	.nports = 0 PORTS(PORT_ONE, ),
	.ports = { PORTS(PORT_ROW, ) },
};
_Static_assert(LAYERS_PORT_WORDS == 16, "the filter above has a row for each word");

const struct layers_config layers_none;

static const char *const kind_names[LAYERS_KINDS] = {
	[LAYERS_VLAN] = "vlan",
	[LAYERS_MPLS] = "mpls",
	[LAYERS_PPPOE] = "pppoe",
	[LAYERS_GRE] = "gre",
	[LAYERS_PPTP] = "pptp",
	[LAYERS_NVGRE] = "nvgre",
	[LAYERS_ERSPAN] = "erspan",
	[LAYERS_VXLAN] = "vxlan",
	[LAYERS_VXLAN_GPE] = "vxlan_gpe",
	[LAYERS_GENEVE] = "geneve",
	[LAYERS_GTP] = "gtp",
	[LAYERS_IPIP] = "ipip",
	[LAYERS_TEREDO] = "teredo",
	[LAYERS_L2TP] = "l2tp",
	[LAYERS_AYIYA] = "ayiya",
	[LAYERS_ETHERIP] = "etherip",
	[LAYERS_MPLS_IP] = "mpls_ip",
	[LAYERS_VNTAG] = "vntag",
	[LAYERS_MACSEC] = "macsec",
	[LAYERS_NSH] = "nsh",
};

const char *layers_kind_name(enum layers_kind kind)
{
	return kind < LAYERS_KINDS ? kind_names[kind] : "other";
}

static bool kind_of(struct bytes name, enum layers_kind *kind)
{
	for (unsigned i = 0; i < LAYERS_KINDS; i++) {
		if (bytes_is(name, kind_names[i])) {
			*kind = (enum layers_kind)i;
			return true;
		}
	}
	return false;
}

static bool add_port(struct layers_config *c, enum layers_kind kind, uint16_t port)
{
	if (c->nports == LAYERS_PORTS_MAX)
		return false;
	c->ports[c->nports++] = (struct layers_port){ port, (uint8_t)kind };
	return true;
}

static bool has_ports(enum layers_kind kind)
{
	for (unsigned i = 0; i < layers_auto.nports; i++) {
		if (layers_auto.ports[i].kind == kind)
			return true;
	}
	return false;
}

/* 1 to 65,535, or 0. */
static uint16_t port_of(struct bytes text)
{
	uint32_t port = 0;

	if (!text.len || text.len > 5)
		return 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return 0;
		port = port * 10 + (text.ptr[i] - '0');
	}
	return port > 0xffff ? 0 : (uint16_t)port;
}

/* A list that is read: its kinds, and which of them have been given ports. */
struct decap_list {
	struct layers_config *config;
	enum layers_kind kind; /* to which a bare number belongs */
	bool takes_ports;
	uint64_t given;
};

static const char *item_port(struct decap_list *d, struct bytes text)
{
	uint16_t port = port_of(text);

	if (!port)
		return "a port is a number from 1 to 65535";
	if (!d->takes_ports)
		return "a port needs the name of a UDP tunnel before it (vxlan=4789)";
	return add_port(d->config, d->kind, port) ? NULL : "too many ports";
}

static const char *item(struct decap_list *d, struct bytes text)
{
	const uint8_t *equals = text.len ? memchr(text.ptr, '=', text.len) : NULL;
	struct bytes name = equals ? BYTES(text.ptr, (size_t)(equals - text.ptr)) : text;

	if (text.len && text.ptr[0] >= '0' && text.ptr[0] <= '9')
		return item_port(d, text);
	d->takes_ports = false;
	if (bytes_is(text, "auto")) {
		d->config->kinds = layers_auto.kinds;
		return NULL;
	}
	if (!kind_of(name, &d->kind))
		return "not a kind of tunnel";
	d->config->kinds |= UINT64_C(1) << d->kind;
	if (!equals)
		return NULL;
	if (!has_ports(d->kind))
		return "this kind of tunnel has no UDP port";
	d->takes_ports = true;
	d->given |= UINT64_C(1) << d->kind;
	return item_port(d, BYTES(equals + 1, text.len - name.len - 1));
}

/* Ports of the RFCs for kinds that were given none, and the filter. */
static const char *finish(struct decap_list *d)
{
	struct layers_config *c = d->config;

	for (unsigned i = 0; i < layers_auto.nports; i++) {
		const struct layers_port *p = &layers_auto.ports[i];

		if (c->kinds & ~d->given & UINT64_C(1) << p->kind && !add_port(c, p->kind, p->port))
			return "too many ports";
	}
	for (unsigned i = 0; i < c->nports; i++)
		c->port_filter[c->ports[i].port >> 6 & (LAYERS_PORT_WORDS - 1)] |=
			UINT64_C(1) << (c->ports[i].port & 63);
	return NULL;
}

bool layers_decap_parse(const char *text, struct layers_config *config, const char **why)
{
	struct decap_list d = { .config = config };

	memset(config, 0, sizeof(*config));
	*why = NULL;
	if (!strcmp(text, "none"))
		return true;
	for (;;) {
		size_t len = strcspn(text, ",");

		*why = item(&d, BYTES(text, len));
		if (*why)
			return false;
		if (!text[len])
			break;
		text += len + 1;
	}
	*why = finish(&d);
	return !*why;
}
