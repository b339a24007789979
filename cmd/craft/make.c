/* make: frames out of expressions. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/craft/craft.h"
#include "libcommon/packet/expr.h"

enum { BATCH = 512, FILE_MAX = 64 << 20, ETHERNET = 1 };

static struct {
	const struct craft_config *config;
	struct pkt_expr expr;
	size_t at; /* template at hand */
	uint64_t n, ts;
	bool any; /* the templates have made one since the first */
	uint8_t *bytes;
} craft;

static bool load_file(const char *name, struct buf *out)
{
	size_t from = out->len;
	int fd = strcmp(name, "-") ? open(name, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	ssize_t n = 0;

	if (fd < 0)
		return false;
	while (out->len - from < FILE_MAX && (n = read(fd, buf_reserve(out, 1 << 16), 1 << 16)) > 0)
		out->len += (size_t)n;
	close(fd);
	return n == 0;
}

/* What the command line says, or the file. */
static void gather(int argc, char **argv, struct buf *text)
{
	const char *file = craft.config->file;

	if (file) {
		if (!load_file(file, text))
			die_errno("cannot read '%s'", file);
		if (argc)
			die_usage("an expression, or --file: not both");
		return;
	}
	if (!argc)
		die_usage("no expression is given, nor --file or --from");
	pkt_expr_gather(text, argc, argv + 1);
}

/* --l2: puts Ethernet below what is none. */
static void add_link(struct pkt_model *m)
{
	uint16_t first = m->first, last = m->last, eth;

	while (first != PKT_NIL && m->head[first].layer == PKT_frame)
		first = m->head[first].next;
	if (first == PKT_NIL || pkt_layer_link(m->head[first].layer) == ETHERNET)
		return;
	eth = pkt_model_push(m, PKT_eth);
	m->head[last].next = PKT_NIL;
	m->last = last;
	m->head[eth].next = m->first;
	m->first = eth;
}

void make_open(struct stage *st, int argc, char **argv)
{
	struct buf text = { 0 };
	char why[PKT_WHY];

	craft.config = stage_config(st);
	gather(argc, argv, &text);
	if (!pkt_expr_parse(&craft.expr, buf_bytes(&text), load_file, why))
		die_usage("%s", why);
	buf_release(&text);
	for (size_t i = 0; i < craft.expr.n; i++) {
		pkt_template_seed(&craft.expr.v[i], craft.config->seed + i);
		if (craft.config->l2)
			add_link(&craft.expr.v[i].model);
	}
	craft.bytes = xcalloc(PKT_BUILD_MAX, 1);
	stage_source(st, 0, "craft", 1);
}

/* What the layer "frame" says, or a default. */
static uint64_t meta(const struct pkt_model *m, unsigned field, uint64_t otherwise)
{
	const struct pkt_set *s;

	if (m->head[m->first].layer != PKT_frame)
		return otherwise;
	s = pkt_model_given(m, m->first, field);
	return s && s->how == PKT_SET_NUMBER ? s->number : otherwise;
}

static uint32_t link_of(const struct packet *p)
{
	uint32_t link = p->n ? pkt_layer_link(p->node[0].layer) : UINT32_MAX;

	return link == UINT32_MAX ? (uint32_t)craft.config->link : link;
}

static void emit(struct stage *st, struct pkt_template *t)
{
	const struct pkt_model *m = &t->model;
	struct rec_head h = { REC_frame, craft.ts, 0, ++craft.n };
	struct rec_frame r = { .file_n = craft.n };
	const struct packet *p;
	struct packet own;
	const char *why;

	p = pkt_template_make(t, craft.bytes, PKT_BUILD_MAX, &own, &why);
	if (!p)
		die("packet %llu: %s", (unsigned long long)craft.n, why);
	h.ts = meta(m, PKT_frame_time, craft.ts);
	craft.ts = h.ts + craft.config->gap;
	r.payload = p->data;
	r.link_type = (uint32_t)meta(m, PKT_frame_link, link_of(p));
	r.wire_len = (uint32_t)meta(m, PKT_frame_len, p->data.len);
	rec_frame_put(stage_reserve(st, &rec_frame_desc, rec_frame_wire + p->data.len), &h, &r);
	stage_commit(st, rec_frame_wire + p->data.len);
	stage_at(st, 0, h.n, h.ts);
}

/* The next packet of all templates, again from the first on where --count wants more. */
static struct pkt_template *next_template(void)
{
	for (;;) {
		struct pkt_template *t;

		if (craft.at == craft.expr.n) {
			if (!craft.any || !craft.config->count)
				return NULL;
			craft.at = 0;
		}
		t = &craft.expr.v[craft.at];
		if (pkt_template_next(t, &craft.expr, craft.config->zip)) {
			craft.any = true;
			return t;
		}
		craft.at++;
	}
}

bool make_produce(struct stage *st)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct pkt_template *t;

		if ((craft.config->count && craft.n >= craft.config->count) || stage_stopping(st))
			return false;
		t = next_template();
		if (!t)
			return false;
		emit(st, t);
	}
	return true;
}
