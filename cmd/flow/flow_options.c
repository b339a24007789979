/* flow_options: what weir-flow's options with a grammar of their own mean. */
#include "cmd/flow/flow.h"

#include <stdio.h>
#include <stdlib.h>

enum { RULES_MAX = 4096 };

static const struct {
	const char *name;
	unsigned class;
} classes[] = {
	{ "tcp", FLOW_TCP },           { "tcp:one_way", FLOW_TCP_ONE_WAY },
	{ "tcp:new", FLOW_TCP_NEW },   { "tcp:closed", FLOW_TCP_CLOSED },
	{ "udp", FLOW_UDP },           { "udp:one_way", FLOW_UDP_ONE_WAY },
	{ "icmp", FLOW_ICMP },         { "sctp", FLOW_SCTP },
	{ "sctp:new", FLOW_SCTP_NEW }, { "sctp:closed", FLOW_SCTP_CLOSED },
	{ "other", FLOW_OTHER },
};

enum { CLASSES = sizeof(classes) / sizeof(classes[0]) };

/* ---- timeouts --------------------------------------------------------------------------- */

/* The rules as they are read. */
struct rules {
	struct flow_engine_config *engine;
	struct flow_rule *list;
	unsigned timeouts; /* different ones so far */
};

static unsigned timeout_number(struct rules *r, uint64_t value, const char *text)
{
	for (unsigned i = 0; i < r->timeouts; i++) {
		if (r->engine->rule_timeout[i] == value)
			return i + 1;
	}
	if (r->timeouts == FLOW_RULES)
		die_usage("timeout '%s': more than %d different durations", text, FLOW_RULES);
	r->engine->rule_timeout[r->timeouts] = value;
	return ++r->timeouts;
}

static void add_rule(struct rules *r, struct flow_rule rule, uint64_t value, const char *text)
{
	if (r->engine->nrules == RULES_MAX)
		die_usage("timeout '%s': more than %d rules", text, RULES_MAX);
	rule.timeout = (uint8_t)timeout_number(r, value, text);
	r->list = realloc(r->list, (r->engine->nrules + 1) * sizeof(*r->list));
	if (!r->list)
		die("no memory for the timeouts");
	r->list[r->engine->nrules++] = rule;
}

static void set_timeout(struct rules *r, const char *text)
{
	const char *eq = strchr(text, '=');
	struct flow_rule rule;
	struct bytes name;
	uint64_t value;

	if (!eq)
		die_usage("timeout '%s' lacks '=TIME'", text);
	name = BYTES(text, (size_t)(eq - text));
	value = opt_duration(eq + 1, "timeout");
	if (!value)
		value = UINT64_MAX;
	for (unsigned i = 0; i < CLASSES; i++) {
		if (bytes_is(name, classes[i].name)) {
			r->engine->timeout[classes[i].class] = value;
			return;
		}
	}
	if (!flow_rule_parse(&rule, name))
		die_usage("unknown timeout '%.*s'", (int)name.len, text);
	add_rule(r, rule, value, text);
}

/* The line without its comment and the blanks around it. */
static char *trimmed(char *line)
{
	char *end;

	line[strcspn(line, "#\n")] = 0;
	line += strspn(line, " \t\r");
	end = line + strlen(line);
	while (end > line && strchr(" \t\r", end[-1]))
		*--end = 0;
	return line;
}

static bool is_duration(const char *text)
{
	char *end;
	double n = strtod(text, &end);

	return end != text && n >= 0 &&
	       (!*end || !strcmp(end, "ns") || !strcmp(end, "us") || !strcmp(end, "ms") ||
		!strcmp(end, "s") || !strcmp(end, "m") || !strcmp(end, "h") || !strcmp(end, "d"));
}

static bool is_timeout(const char *text)
{
	const char *eq = strchr(text, '=');
	struct flow_rule rule;

	if (!eq || !is_duration(eq + 1))
		return false;
	for (unsigned i = 0; i < CLASSES; i++) {
		if (bytes_is(BYTES(text, (size_t)(eq - text)), classes[i].name))
			return true;
	}
	return flow_rule_parse(&rule, BYTES(text, (size_t)(eq - text)));
}

static void read_file(struct rules *r, const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long number = 0;
	char *line = NULL;
	size_t size = 0;

	if (!f)
		die_errno("%s", path);
	while (getline(&line, &size, f) >= 0) {
		char *text = trimmed(line);

		number++;
		if (!*text)
			continue;
		if (!is_timeout(text))
			die_usage("%s:%lu: '%s' is not a timeout", path, number, text);
		set_timeout(r, text);
	}
	if (ferror(f))
		die_errno("%s", path);
	free(line);
	fclose(f);
}

/* ---- the rest --------------------------------------------------------------------------- */

static unsigned events_of(const char *list, uint64_t update)
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

void flow_options_read(struct flow_engine_config *e, const struct flow_config *c)
{
	struct rules r = { .engine = e };
	const char *why;

	flow_engine_defaults(e);
	if (!c->max_flows || c->max_flows >= 1u << 30)
		die_usage("max-flows must be between 1 and %u", (1u << 30) - 1);
	e->max_flows = (uint32_t)c->max_flows;
	e->update = c->update;
	e->events = events_of(c->events, c->update);
	e->no_packets = !c->packets;
	e->no_checksum = !c->checksum;
	e->ignore_scope = c->ignore_scope;
	e->directional = c->directional;
	e->monotonic = c->monotonic;
	e->dedup = c->dedup;
	e->key = (enum flow_key_kind)c->key;
	e->defrag.policy = (enum defrag_policy)c->fragments;
	if (!layers_decap_parse(c->decap, &e->decap, &why))
		die_usage("decap '%s': %s", c->decap, why);
	for (size_t i = 0; i < c->timeout.n; i++)
		set_timeout(&r, c->timeout.v[i]);
	if (c->timeout_file)
		read_file(&r, c->timeout_file);
	e->rules = r.list;
}
