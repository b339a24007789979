/* table: joins what stages know of a flow, and prints it. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/flows/flows.h"
#include "libcommon/base/die.h"

/* ---- joining ------------------------------------------------------------------------------- */

struct place {
	const struct census_flow *row;
	const struct flows_part *part;
};

static int place_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->row->flow != y->row->flow)
		return x->row->flow < y->row->flow ? -1 : 1;
	return x->part < y->part ? -1 : x->part > y->part;
}

static uint64_t sum(const uint64_t v[2])
{
	return v[0] + v[1];
}

/* It goes to a terminal, and into JSON. */
static void put_state(char to[CENSUS_STATE], const char from[CENSUS_STATE])
{
	for (size_t i = 0; i < CENSUS_STATE - 1 && isalnum((unsigned char)from[i]); i++)
		to[i] = from[i];
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

/* The first that knows a thing of the flow has said it. */
static void merge(struct flows_row *to, const struct place *p)
{
	const struct census_flow *r = p->row;

	to->f.flow = r->flow;
	if (!to->f.ip_version) {
		memcpy(to->f.addr, r->addr, sizeof(r->addr));
		memcpy(to->f.port, r->port, sizeof(r->port));
		to->f.ip_version = r->ip_version;
	}
	if (!to->f.proto)
		to->f.proto = r->proto;
	if (!to->f.start && r->start) {
		to->f.start = r->start;
		to->f.last = r->last;
		to->now = p->part->now;
		memcpy(to->f.packets, r->packets, sizeof(r->packets));
		memcpy(to->f.bytes, r->bytes, sizeof(r->bytes));
		put_state(to->f.state, r->state);
		return; /* it keeps no bytes */
	}
	to->f.held[0] += r->held[0];
	to->f.held[1] += r->held[1];
	if (to->nholders < FLOWS_HOLDERS) {
		to->holders[to->nholders].stage = p->part->stage;
		to->holders[to->nholders++].bytes = sum(r->held);
	}
}

static int by_id(const struct flows_row *x, const struct flows_row *y)
{
	return x->f.flow < y->f.flow ? -1 : x->f.flow > y->f.flow;
}

static enum flows_order sort_by;

static uint64_t weight(const struct flows_row *r)
{
	switch (sort_by) {
	case FLOWS_BY_BYTES:
		return sum(r->f.bytes);
	case FLOWS_BY_HELD:
		return sum(r->f.held);
	case FLOWS_BY_AGE:
		return since(r->now, r->f.start);
	case FLOWS_BY_IDLE:
		return since(r->now, r->f.last);
	case FLOWS_BY_ID:
		break;
	}
	return 0;
}

static int row_order(const void *a, const void *b)
{
	uint64_t x = weight(a), y = weight(b);

	return x != y ? (x > y ? -1 : 1) : by_id(a, b);
}

struct flows_row *flows_join(const struct flows_part *parts, size_t n, enum flows_order order,
			     size_t *count)
{
	size_t total = 0, at = 0;
	struct place *places;
	struct flows_row *rows;

	for (size_t i = 0; i < n; i++)
		total += parts[i].nrows;
	places = xcalloc(total + 1, sizeof(*places));
	rows = xcalloc(total + 1, sizeof(*rows));
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < parts[i].nrows; k++)
			places[at++] = (struct place){ &parts[i].rows[k], &parts[i] };
	qsort(places, total, sizeof(*places), place_order);
	*count = 0;
	for (size_t i = 0; i < total; i++) {
		if (!i || places[i].row->flow != places[i - 1].row->flow)
			++*count;
		merge(&rows[*count - 1], &places[i]);
	}
	free(places);
	sort_by = order;
	qsort(rows, *count, sizeof(*rows), row_order);
	return rows;
}

/* ---- printing ------------------------------------------------------------------------------ */

static const char *proto_name(uint8_t proto, char *text, size_t size)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmp6";
	case IPPROTO_SCTP:
		return "sctp";
	default:
		snprintf(text, size, "%u", proto);
		return text;
	}
}

static const char *address(const struct flows_row *r, int side, char *text, size_t size)
{
	int family = r->f.ip_version == 4 ? AF_INET : AF_INET6;

	if (!r->f.ip_version || !inet_ntop(family, r->f.addr[side], text, (socklen_t)size))
		snprintf(text, size, "-");
	return text;
}

static const char *end_point(const struct flows_row *r, int side, char *text, size_t size)
{
	char addr[INET6_ADDRSTRLEN];
	bool brackets = r->f.ip_version == 6 && r->f.port[side];

	address(r, side, addr, sizeof(addr));
	if (r->f.port[side])
		snprintf(text, size, "%s%s%s:%u", brackets ? "[" : "", addr, brackets ? "]" : "",
			 r->f.port[side]);
	else
		snprintf(text, size, "%s", addr);
	return text;
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

void flows_table(const struct flows_row *rows, size_t n, struct buf *out)
{
	char a[80], b[80], p[8];

	buf_printf(out, "%-10s %-5s %-27s %-27s %-5s %7s %9s %9s %9s %9s\n", "flow", "proto",
		   "originator", "responder", "state", "packets", "bytes", "age s", "idle s",
		   "held B");
	for (size_t i = 0; i < n; i++) {
		const struct flows_row *r = &rows[i];
		bool timed = r->f.start;

		buf_printf(out, "%-10llu %-5s %-27s %-27s %-5s %7llu %9llu ",
			   (unsigned long long)r->f.flow, proto_name(r->f.proto, p, sizeof(p)),
			   end_point(r, 0, a, sizeof(a)), end_point(r, 1, b, sizeof(b)),
			   *r->f.state ? r->f.state : "-", (unsigned long long)sum(r->f.packets),
			   (unsigned long long)sum(r->f.bytes));
		if (timed)
			buf_printf(out, "%9.3f %9.3f ", seconds(since(r->now, r->f.start)),
				   seconds(since(r->now, r->f.last)));
		else
			buf_printf(out, "%9s %9s ", "-", "-");
		buf_printf(out, "%9llu", (unsigned long long)sum(r->f.held));
		for (unsigned k = 0; k < r->nholders; k++)
			if (r->holders[k].bytes)
				buf_printf(out, " %s=%llu", r->holders[k].stage,
					   (unsigned long long)r->holders[k].bytes);
		buf_add_byte(out, '\n');
	}
}

static void put_time(struct buf *out, const char *name, uint64_t ns)
{
	buf_printf(out, ",\"%s\":%llu.%09llu", name, (unsigned long long)(ns / 1000000000u),
		   (unsigned long long)(ns % 1000000000u));
}

static void put_number(struct buf *out, const char *name, uint64_t v)
{
	buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)v);
}

/* Ids from source 32 on are text, as other printers have them: a double would round them. */
static void put_id(struct buf *out, uint64_t flow)
{
	const char *quote = flow >> 53 ? "\"" : "";

	buf_printf(out, "{\"flow\":%s%llu%s", quote, (unsigned long long)flow, quote);
}

static void put_flow(struct buf *out, const struct flows_row *r)
{
	char a[INET6_ADDRSTRLEN], p[8];

	put_id(out, r->f.flow);
	if (r->f.proto)
		buf_printf(out, ",\"proto\":\"%s\"", proto_name(r->f.proto, p, sizeof(p)));
	if (r->f.ip_version) {
		buf_printf(out, ",\"orig_h\":\"%s\"", address(r, 0, a, sizeof(a)));
		put_number(out, "orig_p", r->f.port[0]);
		buf_printf(out, ",\"resp_h\":\"%s\"", address(r, 1, a, sizeof(a)));
		put_number(out, "resp_p", r->f.port[1]);
	}
	if (*r->f.state)
		buf_printf(out, ",\"conn_state\":\"%s\"", r->f.state);
	if (r->f.start) {
		put_time(out, "start", r->f.start);
		put_time(out, "last", r->f.last);
		put_time(out, "age", since(r->now, r->f.start));
		put_time(out, "idle", since(r->now, r->f.last));
		put_number(out, "orig_pkts", r->f.packets[0]);
		put_number(out, "resp_pkts", r->f.packets[1]);
		put_number(out, "orig_bytes", r->f.bytes[0]);
		put_number(out, "resp_bytes", r->f.bytes[1]);
	}
	put_number(out, "orig_held", r->f.held[0]);
	put_number(out, "resp_held", r->f.held[1]);
	buf_add_str(out, ",\"held\":{");
	for (unsigned k = 0; k < r->nholders; k++)
		buf_printf(out, "%s\"%s\":%llu", k ? "," : "", r->holders[k].stage,
			   (unsigned long long)r->holders[k].bytes);
	buf_add_str(out, "}}\n");
}

void flows_json(const struct flows_row *rows, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		put_flow(out, &rows[i]);
}
