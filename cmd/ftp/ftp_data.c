/* ftp_data: what one data connection carries. */
#include "cmd/ftp/ftp.h"

size_t ftp_data_feed(struct l7_flow *f, struct ftp_data *d, enum l7_dir dir, struct bytes data)
{
	if (!d->any) {
		d->any = true;
		d->sender = (uint8_t)dir;
		d->first_ts = l7_start_ts(f, dir);
		d->first_n = l7_start_n(f, dir);
	}
	d->last_ts = l7_now(f);
	d->bytes += data.len;
	return data.len;
}

void ftp_data_report(struct l7_flow *f, const struct ftp_data *d)
{
	struct rec_ftp_data r = { .bytes = d->bytes, .missing = d->missing, .ended = d->ended };
	const struct l7_guessed *g = l7_guessed(f);

	if (g && g->expected_by)
		r.control = SOME(g->expected_by);
	if (d->any) {
		r.sender = SOME(d->sender);
		r.duration = SOME(d->last_ts - d->first_ts);
		r.first_n = SOME(d->first_n);
	}
	l7_emit_rec(f, d->any ? d->first_ts : l7_now(f), &rec_ftp_data_desc, &r);
}
