/* weir-edit: changes frames, and nothing that the edits do not imply. */
#include <stdio.h>

#include "libcommon/packet/edit.h"
#include "libcommon/packet/match.h"
#include "libcommon/stage/stage.h"

struct config {
	const char *match;
	int sum;
};

static struct config config;
static struct pkt_edit *edit;
static struct pkt_match *match;
static uint64_t *edited;

static const struct opt options[] = {
	OPT_ROW('m', "match", OPT_STRING, struct config, match, "MATCH",
		"edit the frames that match; pass the others on"),
	OPT_ROW(0, "sum", OPT_CHOICE, struct config, sum, "fix|keep|zero|bad|force",
		"checksums follow what changed, stay, become 0 or wrong; force: all become right"),
	{ 0 },
};

static void edit_open(struct stage *st, int argc, char **argv)
{
	char why[PKT_TEXT_WHY];

	if (argc != 1)
		die_usage("one operand says what to edit, as in 'ip.ttl-=1; tcp.dport=8080'");
	edit = pkt_edit_new(argv[1], (enum pkt_sums)config.sum, why);
	if (!edit)
		die_usage("%s", why);
	if (config.match)
		match = pkt_match_new(config.match, why);
	if (config.match && !match)
		die_usage("--match: %s", why);
	edited = stage_counter(st, "edited");
}

/* Says, once each, what was refused; the frame goes on as it was. */
static void refuse(struct stage *st, enum pkt_edited r, uint64_t n)
{
	static bool said[PKT_EDIT_RESULTS];
	struct bytes what = pkt_edit_refused(edit);
	char name[40];

	snprintf(name, sizeof(name), "refused_%s", pkt_edited_name(r));
	++*stage_counter(st, name);
	if (!said[r])
		warn("frame %llu was left as it is: %s (for '%.*s'; counted from now on)",
		     (unsigned long long)n, pkt_edited_why(r), (int)what.len,
		     (const char *)what.ptr);
	said[r] = true;
}

static void edit_frame(struct stage *st, const struct stage_rec *rec, struct rec_head *h,
		       struct rec_frame *f, const struct stage_type *type)
{
	static struct buf record;
	enum pkt_edited r = PKT_SAME;
	struct bytes out;
	struct packet p;

	if (match)
		pkt_dissect(&p, f->link_type, f->payload);
	if (!match || pkt_matches(match, &p))
		r = pkt_edit_apply(edit, f->link_type, f->payload, &out);
	if (r > PKT_EDITED)
		refuse(st, r, h->n);
	if (r != PKT_EDITED) {
		stage_pass(st, rec->raw);
		return;
	}
	++*edited;
	f->wire_len += (uint32_t)(out.len - f->payload.len);
	f->payload = out;
	buf_clear(&record);
	rec_frame_put(buf_reserve(&record, rec_frame_wire + out.len), h, f);
	record.len = rec_frame_wire + out.len;
	stage_pass_as(st, type, buf_bytes(&record));
}

static void edit_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	static const struct stage_type *type;

	for (size_t i = 0; i < n; i++) {
		struct rec_head h;
		struct rec_frame f;

		if (recs[i].head.type != REC_frame) {
			stage_pass(st, recs[i].raw);
			continue;
		}
		if (!stage_decode(st, &rec_frame_desc, &recs[i], &h, &f))
			continue;
		if (!type)
			type = stage_type_of(st, &rec_frame_desc);
		edit_frame(st, &recs[i], &h, &f, type);
	}
}

int main(int argc, char **argv)
{
	static const struct rec_desc *const reads[] = { &rec_frame_desc, NULL };
	static const struct stage_ops ops = {
		.name = "edit",
		.summary = "change frames, and nothing that the edits do not imply",
		.operands = "EDITS",
		.epilog = "    weir read trace.pcap | weir edit -m 'tcp.dport==80' 'ip.ttl-=1; "
			  "tcp.dport=8080' | weir write out.pcap\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.reads = reads,
		.open = edit_open,
		.batch = edit_batch,
	};

	return stage_main(&ops, argc, argv);
}
