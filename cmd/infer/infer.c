/* infer: the stage round the engine. */
#include "cmd/infer/infer.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/infer/evidence.h"
#include "cmd/infer/texts.h"
#include "libcommon/stage/brief.h"

enum { FILE_MOST = 16 << 20, AHEAD = 4 /* records */ };

struct infer_config infer_config = {
	.depth = INFER_DEPTH,
	.packets = INFER_PACKETS,
	.max_flows = 65536,
	.first_bytes = 16 << 20,
	.context = 65536,
	.payload = true,
};

const struct opt infer_options[] = {
	OPT_ROW(0, "only", OPT_FLAG, struct infer_config, only, NULL,
		"write only guesses; pass nothing on"),
	OPT_ROW(0, "protocols", OPT_STRING, struct infer_config, wanted, "LIST",
		"pass payload on to these parsers alone: of flows that may be theirs"),
	OPT_ROW(0, "parse", OPT_FLAG, struct infer_config, parse, NULL,
		"make the records of these parsers, too, as weir-parse behind it would"),
	OPT_ROW(0, "payload", OPT_FLAG, struct infer_config, payload, NULL,
		"with --parse: pass on payload, too (on; --no-payload)"),
	OPT_ROW(0, "explain", OPT_FLAG, struct infer_config, explain, NULL,
		"print the reasoning instead of records"),
	OPT_ROW(0, "calibrate", OPT_STRING, struct infer_config, calibrate, "FILE",
		"print how often guesses are right, by what FILE says of the flows"),
	OPT_ROW(0, "rules", OPT_STRINGS, struct infer_config, rules, "FILE",
		"lines like 10.0.0.0/8 tcp 7777 = mysql, repeatable"),
	OPT_ROW(0, "signatures", OPT_STRINGS, struct infer_config, signatures, "FILE",
		"signatures beside those that are built in, repeatable"),
	OPT_ROW(0, "ports", OPT_STRINGS, struct infer_config, ports, "FILE",
		"names of ports beside those that are built in, repeatable"),
	OPT_ROW(0, "load", OPT_STRING, struct infer_config, load, "FILE",
		"begin with what an earlier run learnt"),
	OPT_ROW(0, "dump", OPT_STRING, struct infer_config, dump, "FILE",
		"write at the end what was learnt"),
	OPT_ROW(0, "facts", OPT_STRING, struct infer_config, facts, "FILE",
		"read lines there as they come, like expect 192.0.2.1 tcp 5000 mine 60"),
	OPT_ROW(0, "class", OPT_STRING, struct infer_config, classes, "LIST",
		"write only guesses whose strongest sign is of these classes"),
	OPT_ROW(0, "final-only", OPT_FLAG, struct infer_config, final_only, NULL,
		"write only the last word about each flow; parsers behind need every word"),
	OPT_ROW(0, "min-confidence", OPT_UINT, struct infer_config, min_confidence, "N",
		"write no guess below it"),
	OPT_ROW(0, "depth", OPT_SIZE, struct infer_config, depth, "BYTES",
		"of each direction that are looked at, at most 1024"),
	OPT_ROW(0, "packets", OPT_UINT, struct infer_config, packets, "N",
		"of each direction that are looked at, at most 100"),
	OPT_ROW(0, "max-flows", OPT_UINT, struct infer_config, max_flows, "N",
		"undecided at a time; the one that began first is given up"),
	OPT_ROW(0, "first-bytes", OPT_SIZE, struct infer_config, first_bytes, "BYTES",
		"memory for first bytes over all flows"),
	OPT_ROW(0, "context", OPT_UINT, struct infer_config, context, "N",
		"expectations, names and services remembered, each"),
	{ 0 },
};

static const struct rec_field key_fields[] = {
	{ "proto", REC_U8, REC_ONE, offsetof(struct rec_key, proto), NULL, NULL, "" },
	{ "orig_h", REC_IP, REC_ONE, offsetof(struct rec_key, orig_h), NULL, NULL, "" },
	{ "orig_p", REC_U16, REC_ONE, offsetof(struct rec_key, orig_p), NULL, NULL, "" },
	{ "resp_h", REC_IP, REC_ONE, offsetof(struct rec_key, resp_h), NULL, NULL, "" },
	{ "resp_p", REC_U16, REC_ONE, offsetof(struct rec_key, resp_p), NULL, NULL, "" },
};

/* Of parsers' records the key is enough; they are named as the parsers. */
static struct rec_desc parsed[L7_SET_MOST];
static size_t nparsed;

static const struct rec_desc *builtin(const char *name)
{
	for (size_t i = 0; rec_builtin[i]; i++)
		if (strcmp(rec_builtin[i]->name, name) == 0)
			return rec_builtin[i];
	return NULL;
}

const struct rec_desc *const *infer_reads(void)
{
	static const struct rec_desc *reads[4 + L7_SET_MOST + 1] = {
		&rec_stream_desc, &rec_packet_desc, &rec_stream_end_desc, &rec_flow_desc
	};

	for (size_t i = 0; infer_parsers[i] && nparsed < L7_SET_MOST; i++) {
		const struct rec_desc *d = builtin(infer_parsers[i]->name);

		if (!d)
			continue;
		parsed[nparsed] =
			(struct rec_desc){ .name = d->name,
					   .id = d->id,
					   .major = d->major,
					   .size = sizeof(struct rec_key),
					   .fields = key_fields,
					   .nfields = sizeof(key_fields) / sizeof(key_fields[0]) };
		reads[4 + nparsed] = &parsed[nparsed];
		nparsed++;
	}
	return reads;
}

static struct {
	struct protocols *names;
	struct signatures *signatures;
	struct ports *ports;
	struct context *context;
	struct infer *engine;
	struct truth *truth;
	struct stage *stage;
	struct buf text;
	int dump_fd;
	bool dump_is_file;
	bool wanted[PROTOCOLS_MAX];
	uint64_t *counters[12], *not_wanted;
} self = { .dump_fd = -1 };

/* ---- tables -------------------------------------------------------------------------------- */

static struct buf file_read(const char *path)
{
	struct buf b = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		die_errno("cannot open '%s'", path);
	do {
		n = read(fd, buf_reserve(&b, 65536), 65536);
		if (n < 0)
			die_errno("cannot read '%s'", path);
		b.len += (size_t)n;
		if (b.len > FILE_MOST)
			die("'%s' is larger than 16 MiB", path);
	} while (n > 0);
	close(fd);
	return b;
}

static void signatures_load(const char *file, struct bytes text)
{
	const char *why;
	unsigned line;

	if (!signatures_add(self.signatures, text, &why, &line))
		die_usage("%s:%u: %s", file, line, why);
}

static void ports_load(const char *file, struct bytes text)
{
	const char *why;
	unsigned line;

	if (!ports_add(self.ports, text, &why, &line))
		die_usage("%s:%u: %s", file, line, why);
}

static void context_file(const char *file)
{
	struct buf b = file_read(file);
	const char *why;
	unsigned line;

	if (!context_load(self.context, buf_bytes(&b), &why, &line))
		die_usage("%s:%u: %s", file, line, why);
	buf_release(&b);
}

static void each_file(const struct opt_strings *files,
		      void (*load)(const char *file, struct bytes text))
{
	for (size_t i = 0; i < files->n; i++) {
		struct buf b = file_read(files->v[i]);

		load(files->v[i], buf_bytes(&b));
		buf_release(&b);
	}
}

static void tables_open(void)
{
	const struct infer_config *c = &infer_config;
	uint64_t seed;

	/* It only places things in tables. */
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		die_errno("no random numbers");
	self.names = protocols_new();
	self.signatures = signatures_new(self.names);
	self.ports = ports_new(self.names);
	self.context = context_new(self.names, c->context, seed);
	signatures_load("proto/signatures", text_signatures());
	ports_load("proto/ports", text_ports());
	each_file(&c->signatures, signatures_load);
	each_file(&c->ports, ports_load);
	signatures_compile(self.signatures);
	for (size_t i = 0; i < c->rules.n; i++)
		context_file(c->rules.v[i]);
	if (c->load)
		context_file(c->load);
}

/* What an earlier run wrote there stays until this one has come to its end: it may be what it was
 * begun with. It is overwritten in place, as to rename a file the sandbox would have to leave a
 * folder open. */
static void dump_open(const char *path)
{
	struct stat s;

	self.dump_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (self.dump_fd < 0 || fstat(self.dump_fd, &s) < 0)
		die_errno("cannot open '%s'", path);
	self.dump_is_file = S_ISREG(s.st_mode);
}

/* ---- guesses out --------------------------------------------------------------------------- */

static void on_guess(void *ctx, const struct rec_head *h, const struct rec_guess *g)
{
	struct stage *st = ctx;

	if (self.truth)
		truth_judge(self.truth, g);
	if (infer_config.explain) {
		buf_clear(&self.text);
		explain(&self.text, h, g);
		stage_text(st, buf_bytes(&self.text));
	}
	if (!self.truth && !infer_config.explain)
		stage_emit(st, &rec_guess_desc, h, g);
}

static void on_follow(void *ctx, const struct rec_head *h, const struct rec_guess *g)
{
	(void)ctx;
	parse_guess(h, g);
}

/* ---- life ---------------------------------------------------------------------------------- */

static const char *const counter_names[] = {
	"flows_undecided", "flows_evicted", "flows_settled",   "first_bytes_evicted",
	"guesses",         "confirmed",     "contradicted",    "gave_up",
	"expectations",    "services",      "context_evicted", "context_expired",
};

static void counters_set(void)
{
	const struct infer_stats *s = infer_stats(self.engine);
	struct context_stats c = context_stats(self.context);
	const uint64_t values[] = {
		s->flows,
		s->evicted,
		s->settled,
		s->first_bytes_evicted,
		s->guesses,
		s->states[REC_guess_state_CONFIRMED],
		s->states[REC_guess_state_CONTRADICTED],
		s->states[REC_guess_state_GAVE_UP],
		c.expectations,
		c.services,
		c.evicted,
		c.expired,
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		*self.counters[i] = values[i];
}

/* Bits 1 << class; 0: all. */
static unsigned classes_read(const char *list)
{
	const char *names[EVIDENCE_CLASSES + 1] = { NULL };
	bool picked[EVIDENCE_CLASSES] = { false };
	unsigned bits = 0;

	memcpy(names, rec_enum_evidence_class.values, EVIDENCE_CLASSES * sizeof(names[0]));
	if (list)
		opt_pick("class", "class", list, names, picked);
	for (size_t i = 0; i < sizeof(picked); i++)
		bits |= (unsigned)picked[i] << i;
	return bits;
}

void infer_open(struct stage *st, int argc, char **argv)
{
	const struct infer_config *c = &infer_config;
	const char *wanted = c->wanted ? c->wanted : c->parse ? "all" : NULL;
	const struct infer_limits limits = { .flows = c->max_flows,
					     .first_bytes = c->first_bytes,
					     .depth = (unsigned)c->depth,
					     .packets = (unsigned)c->packets,
					     .least = (unsigned)c->min_confidence,
					     .classes = classes_read(c->classes),
					     .wanted = wanted ? self.wanted : NULL,
					     .final = c->final_only };
	struct infer_host host = { st, on_guess, c->parse ? on_follow : NULL };
	const char *why;
	unsigned line;

	(void)argc;
	(void)argv;
	if (!c->depth || c->depth > INFER_DEPTH || !c->packets || c->packets > INFER_PACKETS)
		die_usage("--depth is 1 to 1024, --packets 1 to 100");
	if (!c->max_flows || c->max_flows > 1u << 22 || !c->context || c->context > 1u << 24 ||
	    c->first_bytes < 4 * INFER_DEPTH || c->min_confidence > 100)
		die_usage("--max-flows, --context, --first-bytes or --min-confidence is out of "
			  "range");
	if (c->parse && (c->explain || c->calibrate))
		die_usage("--parse makes records: not with --explain or --calibrate");
	if (!c->parse && !c->payload)
		die_usage("--no-payload is for --parse");
	tables_open();
	infer_config.wanted = wanted;
	if (wanted)
		wanted_read(wanted, self.names, self.wanted);
	self.engine = infer_new(
		&(struct infer_tables){ self.names, self.signatures, self.ports, self.context },
		&host, &limits);
	if (c->calibrate) {
		struct buf b = file_read(c->calibrate);

		self.truth = truth_new(buf_bytes(&b), &why, &line);
		if (!self.truth)
			die_usage("%s:%u: %s", c->calibrate, line, why);
		buf_release(&b);
	}
	for (size_t i = 0; i < sizeof(counter_names) / sizeof(counter_names[0]); i++)
		self.counters[i] = stage_counter(st, counter_names[i]);
	self.not_wanted = stage_counter(st, "not_wanted");
	self.stage = st;
	if (c->facts)
		told_open(st, c->facts);
	if (c->parse)
		parse_open(st);
	if (c->dump)
		dump_open(c->dump);
}

static void fate(struct stage *st, struct bytes raw, bool wanted)
{
	if (self.truth || infer_config.explain) {
		stage_consume(st, 1);
	} else if (infer_config.only) {
		stage_filter(st, 1);
	} else if (wanted) {
		stage_pass(st, raw);
	} else {
		stage_filter(st, 1);
		++*self.not_wanted;
	}
}

static bool is_payload(const struct stage_rec *r)
{
	return r->head.type == REC_stream || r->head.type == REC_packet;
}

static bool decode(struct stage *st, const struct rec_desc *desc, const struct stage_rec *r,
		   void *rec)
{
	struct rec_head h;

	return stage_decode(st, desc, r, &h, rec);
}

bool infer_flow_decode(struct stage *st, const struct stage_rec *r, struct rec_flow *f)
{
	static struct brief fields = { .names = { "event", "reason" } };
	uint8_t v[BRIEF_MAX];

	if (!brief_read(st, &fields, r, v) || v[0] == REC_flow_event_START)
		return decode(st, &rec_flow_desc, r, f);
	f->event = v[0];
	f->reason = v[1];
	return true;
}

/* A parser's record upstream. False where it was malformed, and has had its fate. */
bool infer_other(struct stage *st, const struct stage_rec *r)
{
	struct rec_key key;

	for (size_t i = 0; i < nparsed; i++) {
		if (parsed[i].id != r->head.type)
			continue;
		if (!decode(st, &parsed[i], r, &key))
			return false;
		infer_parsed(self.engine, &r->head, &key, parsed[i].name);
	}
	return true;
}

/* The same of any record. */
static bool look(struct stage *st, const struct stage_rec *r)
{
	union {
		struct rec_packet packet;
		struct rec_stream stream;
		struct rec_flow flow;
	} u;

	switch (r->head.type) {
	case REC_stream:
		if (!decode(st, &rec_stream_desc, r, &u.stream))
			return false;
		infer_stream(self.engine, &r->head, &u.stream);
		break;
	case REC_packet:
		if (!decode(st, &rec_packet_desc, r, &u.packet))
			return false;
		if (u.packet.proto != IPPROTO_TCP && u.packet.proto != IPPROTO_SCTP)
			infer_packet(self.engine, &r->head, &u.packet);
		break;
	case REC_flow:
		if (!infer_flow_decode(st, r, &u.flow))
			return false;
		infer_flow(self.engine, &r->head, &u.flow);
		break;
	default:
		return infer_other(st, r);
	}
	return true;
}

static void payload_take(struct stage *st, const struct stage_rec *r)
{
	enum infer_need need = infer_need(self.engine, r->head.flow);

	if (need != INFER_LOOK)
		fate(st, r->raw, need == INFER_PASS);
	else if (look(st, r))
		fate(st, r->raw, infer_wants(self.engine, r->head.flow));
}

void infer_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	told_read(self.engine, recs[0].head.ts);
	if (infer_config.parse) {
		parse_batch(st, self.engine, recs, n);
		counters_set();
		return;
	}
	for (size_t i = 0; i < n; i++)
		infer_ahead(self.engine, recs[i].head.flow, INFER_AHEAD_TABLE);
	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			infer_ahead(self.engine, recs[i + AHEAD].head.flow, INFER_AHEAD_FLOW);
		if (is_payload(&recs[i]))
			payload_take(st, &recs[i]);
		else if (look(st, &recs[i]))
			fate(st, recs[i].raw, true);
	}
	counters_set();
}

static bool dump_put(struct bytes b)
{
	size_t done = 0;

	if (self.dump_is_file && lseek(self.dump_fd, 0, SEEK_SET) < 0)
		return false;
	while (done < b.len) {
		ssize_t n = write(self.dump_fd, b.ptr + done, b.len - done);

		if (n < 0 && errno != EINTR)
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	return !self.dump_is_file || ftruncate(self.dump_fd, (off_t)b.len) == 0;
}

static void dump_write(void)
{
	struct buf b = { 0 };

	context_dump(self.context, &b);
	if (!dump_put(buf_bytes(&b))) {
		warn_errno("cannot write '%s'", infer_config.dump);
		stage_exit(self.stage, EXIT_FAILED);
	}
	buf_release(&b);
}

void infer_end(struct stage *st)
{
	told_finish(self.engine, 0);
	infer_finish(self.engine, stage_last_n(st));
	if (infer_config.parse)
		parse_finish(st);
	counters_set();
	stage_check_before(st, false);
	if (self.truth) {
		buf_clear(&self.text);
		truth_print(self.truth, &self.text);
		stage_text(st, buf_bytes(&self.text));
	}
	if (self.dump_fd >= 0)
		dump_write();
}
