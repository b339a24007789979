/* send: the sink that puts frames onto interfaces. */
#include "cmd/send/send.h"

#include <errno.h>
#include <math.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "cmd/send/pace.h"
#include "cmd/send/packet_of.h"
#include "cmd/send/sides.h"
#include "cmd/send/kept.h"
#include "cmd/send/wire.h"
#include "libcommon/base/clock.h"
#include "libcommon/net/linktype.h"
#include "libcommon/stage/sandbox.h"

enum { SPIN_NS = 30000 };

struct send_config {
	struct opt_strings interfaces;
	const char *speed, *split, *pps, *bps;
	uint64_t burst, max_gap, tolerance, loop, memory;
	int method;
	bool l3, bypass, yes, json, snapped;
};

/* What is shown as a default; another pointer is what was given. */
static const char as_recorded[] = "1", by_client[] = "client";

static struct send_config config = {
	.speed = as_recorded,
	.split = by_client,
	.tolerance = 1000000,
	.loop = 1,
	.memory = 1ull << 30,
};

static const struct opt options[] = {
	OPT_ROW('I', "interface", OPT_STRINGS, struct send_config, interfaces, "NAME",
		"send on it; given twice, what clients send on the first, what servers send on "
		"the second"),
	OPT_ROW(0, "split", OPT_STRING, struct send_config, split, "client|PREFIX",
		"with two: the client is who began the flow, or has an address in PREFIX"),
	OPT_ROW('x', "speed", OPT_STRING, struct send_config, speed, "F",
		"so many times as fast as it was recorded; 0: as fast as it goes"),
	OPT_ROW(0, "pps", OPT_STRING, struct send_config, pps, "N", "N frames a second instead"),
	OPT_ROW(0, "bps", OPT_STRING, struct send_config, bps, "N",
		"N bits a second instead, frames without preamble and checksum"),
	OPT_ROW(0, "burst", OPT_UINT, struct send_config, burst, "N",
		"N frames at a time, at the time of the first of them"),
	OPT_ROW(0, "max-gap", OPT_DURATION, struct send_config, max_gap, "TIME",
		"wait no longer than this where nothing happened for long; 0: no limit"),
	OPT_ROW('l', "loop", OPT_UINT, struct send_config, loop, "N",
		"keep the input in memory, and send it N times; 0: until it is stopped"),
	OPT_ROW(0, "memory", OPT_SIZE, struct send_config, memory, "BYTES",
		"with --loop: the most that is kept"),
	OPT_ROW(0, "tolerance", OPT_DURATION, struct send_config, tolerance, "TIME",
		"count frames that go out so much later than planned"),
	OPT_ROW(0, "method", OPT_CHOICE, struct send_config, method, "auto|ring|mmsg",
		"a ring shared with the kernel, or sendmmsg(2)"),
	OPT_ROW(0, "bypass", OPT_FLAG, struct send_config, bypass, NULL,
		"past the interface's queueing discipline"),
	OPT_ROW(0, "l3", OPT_FLAG, struct send_config, l3, NULL,
		"let the kernel route the IP packets in the frames; --interface may be left out"),
	OPT_ROW(0, "snapped", OPT_FLAG, struct send_config, snapped, NULL,
		"send what was captured of frames that are not whole"),
	OPT_ROW(0, "yes", OPT_FLAG, struct send_config, yes, NULL,
		"also on an interface that leads out of this host"),
	OPT_ROW(0, "json", OPT_FLAG, struct send_config, json, NULL,
		"the report at the end as a JSON line"),
	{ 0 },
};

static const struct rec_desc *const reads[] = { &rec_frame_desc, NULL };

/* Why a frame was not offered to the kernel. */
enum reason { OVERSIZE, TOO_SHORT, SNAPPED, LINK_TYPE, NO_PACKET, NO_MEMORY, DOWN, REASONS };

static const struct {
	const char *name, *text;
} reasons[REASONS] = {
	[OVERSIZE] = { "oversize", "longer than the interface takes" },
	[TOO_SHORT] = { "too_short", "shorter than a link header" },
	[SNAPPED] = { "snapped", "not captured whole; --snapped sends what there is" },
	[LINK_TYPE] = { "link_type", "of another link type than the interface; --l3 sends IP" },
	[NO_PACKET] = { "no_packet", "no whole IP packet" },
	[NO_MEMORY] = { "memory", "more than --memory holds" },
	[DOWN] = { "down", "the interface went away" },
};

struct port {
	struct rt_interface interface;
	struct wire *wire;
};

struct sender {
	struct stage *stage;
	struct port ports[2];
	unsigned nports;
	struct sides *sides;
	struct pace pace;
	struct lateness lateness;
	struct kept store;
	bool keeps; /* all is kept first, and sent when the input has ended */
	bool begun, down, said_down;
	uint64_t start, ended; /* CLOCK_MONOTONIC */
	uint64_t dropped[REASONS];
	uint64_t *in, *sent, *malformed, *refused, *bytes, *late, *worst, *unsplit;
};

static struct sender sender;

/* ---- opening ------------------------------------------------------------------------------- */

static bool stopping(void *stage)
{
	return stage_stopping(stage);
}

static void port_open(struct sender *s, struct port *p, const char *name)
{
	struct wire_config c = { .way = config.l3 ? WIRE_ROUTED : (enum wire_way)config.method,
				 .bypass = config.bypass,
				 .stopping = stopping,
				 .user = s->stage };

	if (name && !rt_interface_named(name, &p->interface))
		die_errno("interface '%.60s'", name);
	if (!config.yes && !name)
		die_usage("--l3 without --interface may lead anywhere: --yes does it");
	if (!config.yes && !rt_interface_stays_here(&p->interface))
		die_usage("'%s' is no veth, tun, dummy or lo: frames may leave this host; --yes "
			  "sends them",
			  name);
	if (name && !(p->interface.flags & IFF_UP))
		die("interface '%s' is down", name);
	p->wire = wire_open(name ? &p->interface : NULL, &c);
}

/* 0: it is not given. Nothing a second would never end. */
static uint64_t rate(const char *text, const char *option)
{
	uint64_t n = text ? opt_number(text, option) : 0;

	if (text && !n)
		die_usage("%s: 0 a second is no pace", option);
	return n;
}

static void check_config(struct sender *s)
{
	char *end;

	errno = 0;
	s->pace.speed = strtod(config.speed, &end);
	if (errno || end == config.speed || *end || !isfinite(s->pace.speed) || s->pace.speed < 0)
		die_usage("--speed: '%s' is no factor", config.speed);
	if (config.pps && config.bps)
		die_usage("--pps and --bps exclude each other");
	if ((config.pps || config.bps) && config.speed != as_recorded)
		die_usage("--speed and --%s exclude each other", config.pps ? "pps" : "bps");
	if (config.split != by_client && config.interfaces.n != 2)
		die_usage("--split goes with two --interface");
	if (config.interfaces.n > 2)
		die_usage("--interface: at most two");
	if (!config.interfaces.n && !config.l3)
		die_usage("no interface named; --interface NAME");
	if (config.interfaces.n == 2 && config.l3)
		die_usage("--l3 takes one --interface, or none");
	if (config.l3 && (config.method || config.bypass))
		die_usage("--l3 goes without --method and --bypass");
	if (config.pps || config.bps)
		s->pace.speed = 0;
	s->pace.pps = rate(config.pps, "--pps");
	s->pace.bps = rate(config.bps, "--bps");
	s->pace.burst = config.burst;
	s->pace.max_gap = config.max_gap;
	s->lateness.limit = config.tolerance;
	s->keeps = config.loop != 1;
	s->store.max = config.memory;
}

static void on_open(struct stage *st, int argc, char **argv)
{
	struct sender *s = &sender;

	(void)argc;
	(void)argv;
	s->stage = st;
	check_config(s);
	s->in = stage_counter(st, "frames.in");
	s->sent = stage_counter(st, "frames.sent");
	s->malformed = stage_counter(st, "frames.malformed");
	s->refused = stage_counter(st, "frames.refused");
	s->bytes = stage_counter(st, "bytes");
	s->late = stage_counter(st, "late");
	s->worst = stage_counter(st, "worst_late_ns");
	s->unsplit = stage_counter(st, "unsplit");
	s->nports = config.interfaces.n ? (unsigned)config.interfaces.n : 1;
	for (unsigned i = 0; i < s->nports; i++)
		port_open(s, &s->ports[i], config.interfaces.n ? config.interfaces.v[i] : NULL);
	if (s->nports == 2) {
		s->sides = sides_new(config.split);
		if (!s->sides)
			die_usage("--split: '%s' is neither client nor ADDRESS/BITS", config.split);
	}
	prctl(PR_SET_TIMERSLACK, 1ul);
}

/* ---- frames -------------------------------------------------------------------------------- */

static void push_all(struct sender *s)
{
	for (unsigned i = 0; i < s->nports; i++)
		wire_push(s->ports[i].wire);
}

/* The counters of the books, from those of the wires. */
static void count(struct sender *s)
{
	struct wire_counters sum = { 0 };
	bool down = false;

	for (unsigned i = 0; i < s->nports; i++) {
		const struct wire_counters *c = wire_counters(s->ports[i].wire);

		sum.offered += c->offered;
		sum.sent += c->sent;
		sum.bytes += c->bytes;
		sum.malformed += c->malformed;
		sum.refused += c->refused;
		wire_error(s->ports[i].wire, &down);
		s->down |= down;
	}
	*s->in = sum.offered;
	*s->sent = sum.sent;
	*s->bytes = sum.bytes;
	*s->malformed = sum.malformed;
	*s->refused = sum.refused;
	*s->late = s->lateness.late;
	*s->worst = s->lateness.worst;
	if (s->sides)
		*s->unsplit = sides_unknown(s->sides);
}

/* Sleeps until shortly before it, and looks at the clock from then on. */
static bool await(struct sender *s, uint64_t due)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (now < due) {
		push_all(s);
		now = clock_ns(CLOCK_MONOTONIC);
	}
	while (now + SPIN_NS < due && !stage_stopping(s->stage)) {
		uint64_t until = due - SPIN_NS;
		struct timespec t = { (time_t)(until / 1000000000), (long)(until % 1000000000) };

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		now = clock_ns(CLOCK_MONOTONIC);
	}
	if (stage_stopping(s->stage) && now < due)
		return false;
	while (now < due)
		now = clock_ns(CLOCK_MONOTONIC);
	lateness_add(&s->lateness, now - due);
	return true;
}

/* True where the frame was offered to the kernel. */
static bool transmit(struct sender *s, const struct kept_frame *f)
{
	uint64_t due;

	if (!s->begun)
		s->start = clock_ns(CLOCK_MONOTONIC);
	s->begun = true;
	due = pace_due(&s->pace, f->ts, (uint32_t)f->data.len);
	if (pace_waits(&s->pace) && !await(s, s->start + due))
		return false;
	wire_put(s->ports[f->side].wire, f->data, packet_proto(f->data));
	return true;
}

/* REASONS: it can be sent as *data. */
static enum reason judge(const struct port *p, const struct rec_frame *f, struct bytes *data)
{
	const struct linktype *link = linktype_of(p->interface.hatype);

	*data = f->payload;
	if (f->payload.len < f->wire_len && !config.snapped)
		return SNAPPED;
	if (config.l3) {
		*data = packet_of(f->link_type, f->payload);
		if (!data->ptr)
			return NO_PACKET;
	} else if (link->head == LINKTYPE_HEAD_OWN) {
		if (f->link_type != link->value)
			return LINK_TYPE;
		if (data->len < ETHERNET_HEAD)
			return TOO_SHORT;
	} else {
		if (!packet_is_bare(f->link_type))
			return LINK_TYPE;
		if (!packet_proto(*data))
			return NO_PACKET;
	}
	return wire_fits(p->wire, *data) ? REASONS : OVERSIZE;
}

static void drop(struct sender *s, enum reason why)
{
	s->dropped[why]++;
	stage_drop(s->stage, reasons[why].name, 1);
	stage_exit(s->stage, EXIT_FAILED);
}

static void on_frame(struct sender *s, const struct rec_head *h, const struct rec_frame *f)
{
	struct kept_frame frame = { .ts = h->ts, .link_type = f->link_type };
	enum reason why;

	if (s->sides)
		frame.side = (uint8_t)sides_of(s->sides, h, f);
	why = s->down ? DOWN : judge(&s->ports[frame.side], f, &frame.data);
	if (why == REASONS && s->keeps && !kept_add(&s->store, &frame))
		why = NO_MEMORY;
	if (why != REASONS)
		drop(s, why);
	else if (!s->keeps && !transmit(s, &frame))
		stage_drop(s->stage, "stopped", 1);
	else
		stage_consume(s->stage, 1);
}

static void on_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	struct sender *s = &sender;
	struct rec_frame f;
	struct rec_head h;

	for (size_t i = 0; i < n; i++) {
		if (recs[i].head.type != REC_frame)
			stage_filter(st, 1);
		else if (stage_decode(st, &rec_frame_desc, &recs[i], &h, &f))
			on_frame(s, &h, &f);
	}
	push_all(s);
	count(s);
	if (s->down && !s->said_down) {
		s->said_down = true;
		warn("'%s' is down: what comes now is not sent",
		     config.interfaces.n ? config.interfaces.v[0] : "the route");
		stage_exit(st, EXIT_FAILED);
		stage_enough(st);
	}
}

/* ---- the end ------------------------------------------------------------------------------- */

static void send_kept(struct sender *s)
{
	struct kept_frame f;

	for (uint64_t round = 0; !config.loop || round < config.loop; round++) {
		size_t at = 0;
		bool any = false;

		if (round)
			pace_again(&s->pace);
		while (!s->down && !stage_stopping(s->stage) && kept_next(&s->store, &at, &f)) {
			any = true;
			if (!transmit(s, &f))
				break;
			if ((s->pace.frames & 127) == 0)
				count(s);
		}
		if (!any || s->down || stage_stopping(s->stage))
			break;
	}
}

static void report_text(const struct sender *s, double seconds, struct buf *out)
{
	buf_printf(out, "%llu frames, %llu bytes in %.3f s: %.0f frames/s, %.3f Mbit/s\n",
		   (unsigned long long)*s->sent, (unsigned long long)*s->bytes, seconds,
		   seconds > 0 ? (double)*s->sent / seconds : 0,
		   seconds > 0 ? (double)*s->bytes * 8e-6 / seconds : 0);
	lateness_text(&s->lateness, out);
}

static void report_json(const struct sender *s, double seconds, struct buf *out)
{
	static const char *const ways[] = { "auto", "ring", "mmsg", "l3" };
	const char *comma = "";

	buf_printf(out,
		   "{\"type\":\"send\",\"method\":\"%s\",\"frames\":%llu,\"bytes\":%llu,"
		   "\"seconds\":%.9f,\"malformed\":%llu,\"refused\":%llu,\"not_sent\":{",
		   ways[wire_way(s->ports[0].wire)], (unsigned long long)*s->sent,
		   (unsigned long long)*s->bytes, seconds, (unsigned long long)*s->malformed,
		   (unsigned long long)*s->refused);
	for (int i = 0; i < REASONS; i++) {
		if (!s->dropped[i])
			continue;
		buf_printf(out, "%s\"%s\":%llu", comma, reasons[i].name,
			   (unsigned long long)s->dropped[i]);
		comma = ",";
	}
	buf_add_str(out, "},");
	lateness_json(&s->lateness, out);
	buf_add_str(out, "}\n");
}

static void report(struct sender *s)
{
	double seconds = s->begun ? (double)(s->ended - s->start) * 1e-9 : 0;
	struct buf out = { 0 };

	if (config.json)
		report_json(s, seconds, &out);
	else
		report_text(s, seconds, &out);
	stage_text(s->stage, buf_bytes(&out));
	buf_release(&out);
	for (int i = 0; i < REASONS; i++)
		if (s->dropped[i])
			warn("%llu frames were not sent: %s", (unsigned long long)s->dropped[i],
			     reasons[i].text);
	for (unsigned i = 0; i < s->nports; i++) {
		const struct wire_counters *c = wire_counters(s->ports[i].wire);
		bool down;

		if (!c->malformed && !c->refused)
			continue;
		warn("'%s': %llu frames did not get out: %s",
		     config.interfaces.n ? s->ports[i].interface.name : "--l3",
		     (unsigned long long)(c->malformed + c->refused),
		     strerror(wire_error(s->ports[i].wire, &down)));
		stage_exit(s->stage, EXIT_FAILED);
	}
}

static void on_finish(struct stage *st)
{
	struct sender *s = &sender;

	(void)st;
	if (s->keeps)
		send_kept(s);
	for (unsigned i = 0; i < s->nports; i++)
		wire_finish(s->ports[i].wire);
	s->ended = clock_ns(CLOCK_MONOTONIC);
	count(s);
	report(s);
}

/* Another stream has times of its own, and begins now. */
static void on_restart(struct stage *st)
{
	struct sender *s = &sender;
	struct pace p = { .speed = s->pace.speed,
			  .pps = s->pace.pps,
			  .bps = s->pace.bps,
			  .burst = s->pace.burst,
			  .max_gap = s->pace.max_gap };

	(void)st;
	s->pace = p;
	s->begun = false;
	buf_clear(&s->store.bytes);
	s->store.frames = 0;
}

void send_release(void)
{
	for (unsigned i = 0; i < sender.nports; i++)
		wire_close(sender.ports[i].wire);
	sides_free(sender.sides);
	buf_release(&sender.store.bytes);
}

const struct stage_ops send_ops = {
	.name = "send",
	.summary = "transmit frames on interfaces",
	.epilog = "Reads frame records. Prints how many went out, and how late.\n\n"
		  "  weir read trace.pcap | weir send -I veth0\n"
		  "  weir read trace.pcap | weir send -I veth0 --pps 10000 --loop 10\n"
		  "  weir read trace.pcap | weir send -I veth0 -I veth2 --split 10.0.0.0/8\n",
	.kind = STAGE_SINK,
	.options = options,
	.config = &config,
	.reads = reads,
	.sandbox = SANDBOX_SEND,
	.open = on_open,
	.batch = on_batch,
	.finish = on_finish,
	.restart = on_restart,
};
