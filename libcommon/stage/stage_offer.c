/* stage_offer: pipes between tools of weir are left for rings, before the sandbox closes.
 *
 * The fixed head of a hello goes into a pipe ahead of the rest, with an offer in it; a reader of
 * ours takes the offer before it does anything else. Nobody waits for long: an offer stands for
 * 20 ms, as any other reader of the pipe knows nothing of it. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "libcommon/base/clock.h"
#include "libcommon/stage/stage_private.h"

enum {
	OFFER_MS = 20,   /* an offer stands */
	OTHERS_MS = 100, /* for the heads of further inputs, when one can be read */
	LOOK_US = 200,
};

static bool wanted(const struct stage *st)
{
	const char *way = getenv("WEIR_RING");

	if (way && strcmp(way, "off") && strcmp(way, "on"))
		die_usage("WEIR_RING: '%s' is none of on, off", way);
	return !st->common.no_ring && (!way || !strcmp(way, "on"));
}

/* So that tests need not be quick. */
static int offer_ms(void)
{
	const char *test = getenv("WEIR_TEST_OFFER_MS");

	return test ? atoi(test) : OFFER_MS;
}

static void head_make(uint8_t head[HELLO_HEAD], const uint8_t offer[PORT_OFFER])
{
	struct rec_head h = { .type = REC_hello };
	struct buf raw = { 0 };

	rec_pack(&raw, &rec_hello_desc, &h,
		 &(struct rec_hello){ .offer = BYTES(offer, PORT_OFFER) });
	memcpy(head, raw.ptr, HELLO_HEAD);
	buf_release(&raw);
}

/* ---- outputs ---- */

static size_t offer_all(struct stage *st, bool open[MAX_ENDPOINTS])
{
	uint8_t head[HELLO_HEAD], offer[PORT_OFFER];
	size_t n = 0;

	for (size_t i = 0; i < st->noutputs; i++) {
		struct output *o = &st->outputs[i];

		if (!port_out_offer(o->port, offer))
			continue;
		head_make(head, offer);
		open[i] = port_out_unframed(o->port, BYTES(head, sizeof(head)));
		n += open[i];
		if (!open[i])
			port_out_word(o->port, true);
	}
	return n;
}

/* How many offers still stand. */
static size_t offers_look(struct stage *st, bool open[MAX_ENDPOINTS], bool last)
{
	size_t n = 0;

	for (size_t i = 0; i < st->noutputs; i++) {
		struct output *o = &st->outputs[i];
		enum port_word word = open[i] ? port_out_word(o->port, last) : PORT_TAKEN;

		if (word == PORT_WITHDRAWN)
			o->told = HELLO_HEAD;
		open[i] = word == PORT_NO_WORD;
		n += open[i];
	}
	return n;
}

/* ---- inputs ---- */

/* Has enough come to see whether there is an offer? If so it is answered. */
static bool head_seen(struct input *in)
{
	static const uint8_t no_offer[PORT_OFFER];
	uint8_t head[HELLO_HEAD];
	struct bytes view;
	enum port_state state = port_in_view(in->port, in->view.len, 0, &view);
	size_t at = HELLO_HEAD - PORT_OFFER;

	in->view = view;
	head_make(head, no_offer);
	if (memcmp(view.ptr, head, view.len < at ? view.len : at) != 0)
		return true;
	/* With more behind it, the offer has been withdrawn. */
	if (view.len == HELLO_HEAD &&
	    port_in_take(in->port, HELLO_HEAD, BYTES(view.ptr + at, PORT_OFFER)))
		in->view = BYTES(NULL, 0);
	return view.len >= HELLO_HEAD || state == PORT_EOF || state == PORT_ERROR;
}

static size_t heads_poll(struct stage *st, struct pollfd *fds, size_t n,
			 const struct timespec *wait)
{
	int ready = ppoll(fds, n, wait, NULL);

	if (stage_sigusr1) {
		stage_sigusr1 = 0;
		stage_print_books(st);
	}
	for (size_t i = 0; i < n && ready > 0; i++)
		if (fds[i].revents && head_seen(&st->inputs[i]))
			fds[i].fd = -1;
	n = 0;
	for (size_t i = 0; i < st->ninputs; i++)
		n += fds[i].fd >= 0;
	return n;
}

void stage_offers(struct stage *st)
{
	bool open[MAX_ENDPOINTS] = { false };
	struct pollfd fds[MAX_ENDPOINTS];
	size_t offers, heads = 0;
	int64_t until, others = INT64_MAX;

	/* Work that is committed goes ways that a successor can take up: a pipe's ring is none. */
	if (!wanted(st) || port_gated)
		return;
	until = clock_ms() + offer_ms();
	offers = offer_all(st, open);
	for (size_t i = 0; i < st->ninputs; i++) {
		fds[i] = (struct pollfd){ port_in_pipe(st->inputs[i].port), POLLIN, 0 };
		heads += fds[i].fd >= 0;
	}
	while (offers || heads) {
		struct timespec wait = { 0, offers ? LOOK_US * 1000 : 10000000 };

		heads = heads_poll(st, fds, st->ninputs, &wait);
		offers = offers_look(st, open, clock_ms() >= until);
		if (heads < st->ninputs && others == INT64_MAX)
			others = clock_ms() + OTHERS_MS;
		if (stage_sigterm || port_give_up || clock_ms() >= others)
			heads = 0;
	}
}
