/* flow_options: what weir-flow's options with a grammar of their own mean. */
#include "cmd/flow/flow.h"

static const uint64_t second = 1000000000;

static const struct {
	const char *name;
	unsigned class;
	uint64_t seconds;
} timeouts[] = {
	{ "tcp", FLOW_TCP, 300 },          { "tcp:one_way", FLOW_TCP_ONE_WAY, 300 },
	{ "tcp:new", FLOW_TCP_NEW, 30 },   { "tcp:closed", FLOW_TCP_CLOSED, 10 },
	{ "udp", FLOW_UDP, 60 },           { "udp:one_way", FLOW_UDP_ONE_WAY, 30 },
	{ "icmp", FLOW_ICMP, 30 },         { "sctp", FLOW_SCTP, 300 },
	{ "sctp:new", FLOW_SCTP_NEW, 30 }, { "sctp:closed", FLOW_SCTP_CLOSED, 10 },
	{ "other", FLOW_OTHER, 30 },
};

enum { TIMEOUTS = sizeof(timeouts) / sizeof(timeouts[0]) };

static void set_timeout(uint64_t timeout[FLOW_CLASSES], const char *text)
{
	const char *eq = strchr(text, '=');
	uint64_t value;

	if (!eq)
		die_usage("timeout '%s' lacks '=DURATION'", text);
	value = opt_duration(eq + 1, "timeout");
	for (unsigned i = 0; i < TIMEOUTS; i++) {
		if (strlen(timeouts[i].name) == (size_t)(eq - text) &&
		    !memcmp(timeouts[i].name, text, (size_t)(eq - text))) {
			timeout[timeouts[i].class] = value ? value : UINT64_MAX;
			return;
		}
	}
	die_usage("unknown timeout '%.*s'", (int)(eq - text), text);
}

void flow_timeouts(uint64_t timeout[FLOW_CLASSES], const struct opt_strings *given)
{
	for (unsigned i = 0; i < TIMEOUTS; i++)
		timeout[timeouts[i].class] = timeouts[i].seconds * second;
	for (size_t i = 0; i < given->n; i++)
		set_timeout(timeout, given->v[i]);
}

unsigned flow_events(const char *list, uint64_t update)
{
	unsigned events = update ? 1u << REC_flow_event_UPDATE : 0;

	while (*list) {
		size_t len = strcspn(list, ",");
		unsigned e = 0;

		while (e < rec_enum_flow_event.count &&
		       !bytes_is(BYTES(list, len), rec_enum_flow_event.values[e]))
			e++;
		if (e == rec_enum_flow_event.count)
			die_usage("unknown flow event '%.*s'", (int)len, list);
		events |= 1u << e;
		list += len + (list[len] == ',');
	}
	return events;
}
