/* weir-interfaces: what can be captured on this host. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/interfaces/links.h"
#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/net/linktype.h"

static struct config {
	bool json;
} config;

static const struct opt options[] = {
	OPT_ROW(0, "json", OPT_FLAG, struct config, json, NULL, "an object a line, for programs"),
	{ 0 },
};

/* With the length of its prefix; false: it is none of these families. */
static bool address_text(const struct ifaddrs *a, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN];
	const uint8_t *mask = NULL;
	size_t n = 0, bits = 0;
	const void *at;

	if (!a->ifa_addr)
		return false;
	if (a->ifa_addr->sa_family == AF_INET) {
		at = &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
		n = 4;
	} else if (a->ifa_addr->sa_family == AF_INET6) {
		at = &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr;
		n = 16;
	} else {
		return false;
	}
	if (a->ifa_netmask)
		mask = n == 4 ? (const uint8_t *)&(
					(const struct sockaddr_in *)(const void *)a->ifa_netmask)
					->sin_addr
			      : (const uint8_t *)&(
					(const struct sockaddr_in6 *)(const void *)a->ifa_netmask)
					->sin6_addr;
	for (size_t i = 0; mask && i < n; i++)
		bits += (size_t)__builtin_popcount(mask[i]);
	inet_ntop(a->ifa_addr->sa_family, at, host, sizeof(host));
	snprintf(text, size, "%s/%zu", host, bits);
	return true;
}

/* An interface may have nearly any bytes for a name. */
static void name_text(const struct link *l, char *text)
{
	for (const char *c = l->name; *c; c++)
		if (*c == '"' || *c == '\\' || *c < ' ' || *c > '~')
			text += sprintf(text, "\\u00%02x", (unsigned char)*c);
		else
			*text++ = *c;
	*text = 0;
}

static void mac_text(const struct link *l, char *text)
{
	text[0] = 0;
	for (unsigned i = 0; i < l->nmac; i++)
		sprintf(text + 3 * i, "%02x%s", l->mac[i], i + 1 < l->nmac ? ":" : "");
}

static void print_json(const struct link *l, const struct ifaddrs *addresses)
{
	char mac[64], text[INET6_ADDRSTRLEN + 8];
	const struct linktype *type = linktype_of(l->hatype);
	char name[6 * IFNAMSIZ];
	const char *between = "";

	mac_text(l, mac);
	name_text(l, name);
	printf("{\"name\":\"%s\",\"index\":%u,\"state\":\"%s\",\"mtu\":%u,\"link\":\"%s\","
	       "\"link_type\":%u,\"driver\":\"%s\",\"mac\":\"%s\",\"addresses\":[",
	       name, l->index, link_state(l), l->mtu, type->name, type->value, l->driver, mac);
	for (const struct ifaddrs *a = addresses; a; a = a->ifa_next)
		if (strcmp(a->ifa_name, l->name) == 0 && address_text(a, text, sizeof(text))) {
			printf("%s\"%s\"", between, text);
			between = ",";
		}
	printf("],\"rx_frames\":%llu,\"rx_bytes\":%llu,\"rx_dropped\":%llu,\"rx_errors\":%llu,"
	       "\"tx_frames\":%llu,\"tx_bytes\":%llu,\"tx_dropped\":%llu,\"tx_errors\":%llu}\n",
	       (unsigned long long)l->rx_frames, (unsigned long long)l->rx_bytes,
	       (unsigned long long)l->rx_dropped, (unsigned long long)l->rx_errors,
	       (unsigned long long)l->tx_frames, (unsigned long long)l->tx_bytes,
	       (unsigned long long)l->tx_dropped, (unsigned long long)l->tx_errors);
}

static void print_text(const struct link *l, const struct ifaddrs *addresses)
{
	char text[INET6_ADDRSTRLEN + 8];
	const char *between = "";

	printf("%-15s %-10s %5u  %-9s %-10s %12llu %12llu %8llu  ", l->name, link_state(l), l->mtu,
	       linktype_of(l->hatype)->name, l->driver[0] ? l->driver : "-",
	       (unsigned long long)l->rx_frames, (unsigned long long)l->tx_frames,
	       (unsigned long long)l->rx_dropped);
	for (const struct ifaddrs *a = addresses; a; a = a->ifa_next)
		if (strcmp(a->ifa_name, l->name) == 0 && address_text(a, text, sizeof(text))) {
			printf("%s%s", between, text);
			between = " ";
		}
	printf("%s\n", *between ? "" : "-");
}

static const struct link *find(const struct link *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct opt_tool tool = { "weir-interfaces",
					      "list the interfaces that can be captured",
					      "[NAME...]",
					      "  weir interfaces\n  weir interfaces --json | jq -r "
					      "'select(.state == \"up\").name'" };
	struct opt_group group = { "options", options, &config };
	void (*print)(const struct link *, const struct ifaddrs *);
	struct ifaddrs *addresses = NULL;
	int operands, code = EXIT_DONE;
	struct link *v;
	size_t n;

	tool_name = tool.name;
	operands = opt_parse(&tool, &group, 1, argc, argv);
	v = links_list(&n);
	if (!v)
		die_errno("cannot list the interfaces");
	if (getifaddrs(&addresses) < 0)
		warn_errno("cannot list the addresses");
	print = config.json ? print_json : print_text;
	if (!config.json)
		printf("%-15s %-10s %5s  %-9s %-10s %12s %12s %8s  %s\n", "NAME", "STATE", "MTU",
		       "LINK", "DRIVER", "RX-FRAMES", "TX-FRAMES", "RX-DROPS", "ADDRESSES");
	for (size_t i = 0; operands == 0 && i < n; i++)
		print(&v[i], addresses);
	for (int i = 1; i <= operands; i++) {
		const struct link *l = find(v, n, argv[i]);

		if (l) {
			print(l, addresses);
		} else {
			warn("no interface '%s'", argv[i]);
			code = EXIT_FAILED;
		}
	}
	freeifaddrs(addresses);
	free(v);
	return fflush(stdout) == 0 ? code : EXIT_FAILED;
}
