/* ask: the two ways of weir-ask: packets of an expression, and frames of the input. */
#include "cmd/ask/ask.h"

#include <sys/socket.h>

#include "cmd/ask/plan.h"
#include "libcommon/net/linktype.h"
#include "libcommon/packet/expr.h"
#include "libcommon/packet/print.h"
#include "libcommon/stage/sandbox.h"

struct ask_config {
	const char *interface;
	uint64_t timeout, retry, gap;
	bool yes;
};

static struct ask_config config = { .timeout = 1000000000 };

static const struct opt options[] = {
	OPT_ROW('I', "interface", OPT_STRING, struct ask_config, interface, "NAME",
		"send on this one, whatever the routes say; frames need it"),
	OPT_ROW('t', "timeout", OPT_DURATION, struct ask_config, timeout, "TIME",
		"wait so long for answers behind the last packet"),
	OPT_ROW(0, "retry", OPT_UINT, struct ask_config, retry, "N",
		"send what has no answer N times more"),
	OPT_ROW(0, "gap", OPT_DURATION, struct ask_config, gap, "TIME",
		"time from a packet to the next"),
	OPT_ROW(0, "yes", OPT_FLAG, struct ask_config, yes, NULL,
		"also on an interface that leads out of this host"),
	{ 0 },
};

static struct asker {
	struct stage *stage;
	struct ask_plan plan;
	struct ask_exchange exchange;
	struct pkt_printer printer;
	struct buf sent, received;
	uint64_t *unasked;
	bool asked;
} asker;

static bool stopping(void *stage)
{
	return stage_stopping(stage);
}

static void start(struct stage *st)
{
	if (config.retry > 1000)
		die_usage("--retry: at most 1000");
	asker.stage = st;
	asker.unasked = stage_counter(st, "unasked");
	asker.plan.interface = config.interface;
	asker.plan.yes = config.yes;
	asker.plan.timeout = config.timeout;
	asker.plan.stopping = stopping;
	asker.plan.user = st;
}

/* ---- answers ------------------------------------------------------------------------------- */

static void print(const struct ask_port *port, struct bytes frame, struct buf *out)
{
	const struct pkt_meta meta = { .wire_len = (uint32_t)frame.len };
	struct packet packet;

	pkt_dissect(&packet, port ? port->link_type : LINKTYPE_RAW, frame);
	buf_clear(out);
	pkt_print(&asker.printer, &packet, &meta, out);
	while (out->len && out->ptr[out->len - 1] == '\n')
		out->len--;
}

static struct ip address(struct bytes a)
{
	struct ip ip = { .len = (uint8_t)a.len };

	if (a.len)
		memcpy(ip.b, a.ptr, a.len);
	return ip;
}

static void emit(const struct ask_query *q)
{
	static const enum rec_ask_state states[] = {
		[ASK_ANSWERED] = REC_ask_state_ANSWERED,
		[ASK_ERROR] = REC_ask_state_ERROR,
		[ASK_UNANSWERED] = REC_ask_state_UNANSWERED,
		[ASK_NOT_SENT] = REC_ask_state_NOT_SENT,
	};
	struct rec_head h = { REC_answer, q->sent, 0, q->n };
	struct rec_answer r = { .state = states[q->result], .tries = q->tries };

	print(q->result == ASK_NOT_SENT && !q->at ? NULL : q->port, q->frame, &asker.sent);
	r.sent = buf_bytes(&asker.sent);
	if (q->result == ASK_ANSWERED || q->result == ASK_ERROR) {
		struct bytes reply = BYTES(asker.exchange.replies.ptr + q->reply_at, q->reply_len);
		size_t at = q->port->headless || q->port->routed ? 0 : 14;

		print(q->port, reply, &asker.received);
		r.received = buf_bytes(&asker.received);
		r.from = address(ask_source(q->ethertype, BYTES(reply.ptr + at, reply.len - at)));
		r.rtt = (struct rec_opt){ .set = true,
					  .v = q->answered > q->sent ? q->answered - q->sent : 0 };
	}
	if (q->why)
		r.why = bytes_str(q->why);
	stage_emit(asker.stage, &rec_answer_desc, &h, &r);
}

static void ask(void)
{
	struct ask_plan *p = &asker.plan;
	uint64_t without = 0;

	asker.exchange = (struct ask_exchange){ .ports = p->ports,
						.nports = p->nports,
						.timeout = config.timeout,
						.gap = config.gap,
						.tries = (uint32_t)config.retry + 1,
						.stopping = stopping,
						.user = asker.stage };
	ask_exchange(&asker.exchange, p->queries, p->n);
	*asker.unasked = asker.exchange.unasked;
	for (size_t i = 0; i < p->n; i++) {
		emit(&p->queries[i]);
		without += p->queries[i].result != ASK_ANSWERED;
	}
	if (without) {
		warn("%llu of %zu packets without an answer", (unsigned long long)without, p->n);
		stage_exit(asker.stage, EXIT_FAILED);
	}
}

/* ---- an expression ------------------------------------------------------------------------- */

static void expression_open(struct stage *st, int argc, char **argv)
{
	struct buf text = { 0 };

	start(st);
	if (!argc)
		die_usage("no packet given; - reads frames");
	pkt_expr_gather(&text, argc, argv + 1);
	plan_expression(&asker.plan, buf_bytes(&text));
	buf_release(&text);
	plan_ready(&asker.plan);
	stage_source(st, 0, config.interface ? config.interface : "ask", 1);
}

static bool expression_produce(struct stage *st)
{
	(void)st;
	ask();
	return false;
}

/* ---- frames -------------------------------------------------------------------------------- */

static const struct rec_desc *const reads[] = { &rec_frame_desc, NULL };

static void frames_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	start(st);
	plan_frames(&asker.plan);
	stage_hold(st, 0, 0);
}

static void frames_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	struct ask_plan *p = &asker.plan;
	struct rec_frame f;
	struct rec_head h;

	for (size_t i = 0; i < n; i++) {
		if (recs[i].head.type != REC_frame) {
			stage_filter(st, 1);
		} else if (asker.asked || p->n == ASK_QUERIES ||
			   p->bytes.len + recs[i].raw.len > ASK_BYTES) {
			stage_drop(st, "memory", 1);
			stage_exit(st, EXIT_FAILED);
		} else if (stage_decode(st, &rec_frame_desc, &recs[i], &h, &f)) {
			stage_consume(st, 1);
			plan_frame(p, f.link_type, f.payload, h.n);
		}
	}
}

static void frames_finish(struct stage *st)
{
	if (asker.asked)
		return;
	asker.asked = true;
	plan_ready(&asker.plan);
	ask();
	stage_hold(st, UINT64_MAX, UINT64_MAX);
}

void ask_release(void)
{
	plan_release(&asker.plan);
	pkt_printer_release(&asker.printer);
	buf_release(&asker.exchange.replies);
	buf_release(&asker.sent);
	buf_release(&asker.received);
}

#define OPS                                                                                        \
	.name = "ask", .summary = "send packets and tell their answers",                           \
	.operands = "EXPRESSION...|-",                                                             \
	.epilog = "Expressions are those of weir-craft; - reads frame records. Writes answer\n"    \
		  "records.\n\n"                                                                   \
		  "  weir ask 'ip(dst=127.0.0.1)/icmp'\n"                                          \
		  "  weir ask 'ip(dst=192.0.2.0/28)/tcp(sport=4000,dport={22,80},flags=S)'\n",     \
	.options = options, .config = &config, .sandbox = SANDBOX_SEND | SANDBOX_CAPTURE

const struct stage_ops ask_expression_ops = {
	OPS,
	.kind = STAGE_SOURCE,
	.open = expression_open,
	.produce = expression_produce,
};

const struct stage_ops ask_frames_ops = {
	OPS,
	.kind = STAGE_FILTER,
	.reads = reads,
	.open = frames_open,
	.batch = frames_batch,
	.finish = frames_finish,
};
