/* wire: the NNG socket of a link, and nothing above it: connections, messages in and out. */
#include "cmd/link/wire.h"

#include <nng/nng.h>
#include <nng/protocol/pair1/pair.h>
#include <nng/supplemental/tls/tls.h>
#include <nng/transport/tls/tls.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cmd/link/address.h"
#include "cmd/link/message.h"
#include "libcommon/base/die.h"

enum {
	QUEUE_BYTES = 2 << 20, /* of messages that nobody has taken out yet */
	QUEUE_EVENTS = 1024,
	SEND_MS = 100,
	REDIAL_MIN_MS = 20,
	REDIAL_MAX_MS = 500,
	BEAT_BYTES = 64,
	HANG_UPS = 2, /* between two looks: more than a peer that restarts causes */
};

struct node {
	struct node *next;
	struct wire_event ev;
};

struct wire {
	nng_socket socket;
	nng_dialer dialer;
	nng_listener listener;
	bool dial, local;
	uint64_t uid; /* ours */
	const char *text;
	const struct endpoint *ep;
	char url[ADDRESS_URL], dir[ADDRESS_URL];
	struct buf ca, cert, key; /* until NNG has them */
	nng_aio *recv, *beat_timer;

	pthread_mutex_t lock; /* all below */
	pthread_cond_t more;
	struct node *first, **last;
	size_t queued, nodes; /* bytes and events in the queue */
	bool waiting;         /* no receive is under way: the queue is full */
	uint32_t peer;
	int64_t heard;
	uint8_t beat[BEAT_BYTES];
	size_t beat_len;
	uint64_t refused_before, failed_before; /* NNG's counters at the last look */
};

int64_t wire_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void must(int rv, const struct wire *w, const char *what)
{
	if (rv)
		die("'%s': %s: %s", w->text, what, nng_strerror(rv));
}

/* ---- NNG's threads --------------------------------------------------------------------------- */

static void enqueue(struct wire *w, struct wire_event ev)
{
	struct node *n = xcalloc(1, sizeof(*n));

	n->ev = ev;
	*w->last = n;
	w->last = &n->next;
	w->queued += ev.body.len;
	w->nodes++;
	pthread_cond_signal(&w->more);
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev what, void *arg)
{
	struct wire *w = arg;
	uint64_t uid;

	if (what == NNG_PIPE_EV_ADD_PRE) {
		/* Root may come to everybody's socket; it could anyway. */
		if (w->local && nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0 &&
		    uid != w->uid && uid != 0 && w->uid != 0)
			nng_pipe_close(pipe);
		return;
	}
	pthread_mutex_lock(&w->lock);
	/* Who comes and goes all the time must not fill our memory while we wait. */
	if (w->nodes >= QUEUE_EVENTS && (uint32_t)nng_pipe_id(pipe) != w->peer) {
		pthread_mutex_unlock(&w->lock);
		if (what == NNG_PIPE_EV_ADD_POST)
			nng_pipe_close(pipe);
		return;
	}
	enqueue(w, (struct wire_event){ .kind = what == NNG_PIPE_EV_ADD_POST ? WIRE_UP : WIRE_DOWN,
					.pipe = (uint32_t)nng_pipe_id(pipe) });
	pthread_mutex_unlock(&w->lock);
}

static void on_message(void *arg)
{
	struct wire *w = arg;
	int rv = nng_aio_result(w->recv);
	nng_msg *m;
	bool again;

	if (rv == NNG_ECLOSED || rv == NNG_ECANCELED)
		return;
	pthread_mutex_lock(&w->lock);
	if (rv == 0) {
		m = nng_aio_get_msg(w->recv);
		enqueue(w, (struct wire_event){ .kind = WIRE_MESSAGE,
						.pipe = (uint32_t)nng_pipe_id(nng_msg_get_pipe(m)),
						.body = BYTES(nng_msg_body(m), nng_msg_len(m)),
						.message = m });
		if ((uint32_t)nng_pipe_id(nng_msg_get_pipe(m)) == w->peer)
			w->heard = wire_now();
	}
	again = w->queued < QUEUE_BYTES;
	w->waiting = !again;
	pthread_mutex_unlock(&w->lock);
	if (again)
		nng_recv_aio(w->socket, w->recv);
}

static void set_pipe(nng_msg *m, uint32_t id)
{
	nng_pipe pipe = { id };

	nng_msg_set_pipe(m, pipe);
}

static void on_beat(void *arg)
{
	struct wire *w = arg;
	nng_msg *m = NULL;

	if (nng_aio_result(w->beat_timer))
		return;
	pthread_mutex_lock(&w->lock);
	if (w->peer && w->beat_len && nng_msg_alloc(&m, w->beat_len) == 0) {
		memcpy(nng_msg_body(m), w->beat, w->beat_len);
		set_pipe(m, w->peer);
	}
	pthread_mutex_unlock(&w->lock);
	if (m && nng_sendmsg(w->socket, m, NNG_FLAG_NONBLOCK) != 0)
		nng_msg_free(m);
	nng_sleep_aio(WIRE_BEAT_MS, w->beat_timer);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Of all certificates and the key, as they were read before. */
static nng_tls_config *tls_config(struct wire *w)
{
	const struct endpoint_link *link = &w->ep->link;
	nng_tls_config *c;

	must(nng_tls_register(), w, "TLS");
	must(nng_tls_config_alloc(&c, w->dial ? NNG_TLS_MODE_CLIENT : NNG_TLS_MODE_SERVER), w,
	     "TLS");
	must(nng_tls_config_auth_mode(c, NNG_TLS_AUTH_MODE_REQUIRED), w, "TLS");
	must(nng_tls_config_ca_chain(c, (char *)w->ca.ptr, NULL), w, "no certificates in ca=");
	must(nng_tls_config_own_cert(c, (char *)w->cert.ptr, (char *)w->key.ptr, NULL), w,
	     "cert= and key= are no pair");
	if (w->dial)
		must(nng_tls_config_server_name(c, *link->name ? link->name : link->host), w,
		     "name=");
	explicit_bzero(w->key.ptr, w->key.len);
	buf_release(&w->ca);
	buf_release(&w->cert);
	buf_release(&w->key);
	return c;
}

static void open_dialer(struct wire *w)
{
	nng_tls_config *c;

	must(nng_dialer_create(&w->dialer, w->socket, w->url), w, "cannot dial");
	must(nng_dialer_set_size(w->dialer, NNG_OPT_RECVMAXSZ, LINK_MESSAGE_MAX + 4), w,
	     "a limit to messages");
	must(nng_dialer_set_ms(w->dialer, NNG_OPT_RECONNMINT, REDIAL_MIN_MS), w, "redial");
	must(nng_dialer_set_ms(w->dialer, NNG_OPT_RECONNMAXT, REDIAL_MAX_MS), w, "redial");
	if (w->ep->link.scheme == ENDPOINT_TLS) {
		c = tls_config(w);
		must(nng_dialer_set_ptr(w->dialer, NNG_OPT_TLS_CONFIG, c), w, "TLS");
		nng_tls_config_free(c);
	}
	if (w->ep->link.scheme == ENDPOINT_TCP)
		nng_dialer_set_bool(w->dialer, NNG_OPT_TCP_NODELAY, true);
}

static void open_listener(struct wire *w)
{
	nng_tls_config *c;

	must(nng_listener_create(&w->listener, w->socket, w->url), w, "cannot listen");
	must(nng_listener_set_size(w->listener, NNG_OPT_RECVMAXSZ, LINK_MESSAGE_MAX + 4), w,
	     "a limit to messages");
	if (w->local)
		must(nng_listener_set_int(w->listener, NNG_OPT_IPC_PERMISSIONS, 0600), w,
		     "the socket's mode");
	if (w->ep->link.scheme == ENDPOINT_TLS) {
		c = tls_config(w);
		must(nng_listener_set_ptr(w->listener, NNG_OPT_TLS_CONFIG, c), w, "TLS");
		nng_tls_config_free(c);
	}
	if (w->ep->link.scheme == ENDPOINT_TCP)
		nng_listener_set_bool(w->listener, NNG_OPT_TCP_NODELAY, true);
	must(nng_listener_start(w->listener, 0), w, "cannot listen");
}

struct wire *wire_open(const struct endpoint *ep, const char *text)
{
	struct wire *w = xcalloc(1, sizeof(*w));
	pthread_condattr_t attr;

	w->text = text;
	w->ep = ep;
	w->dial = ep->link.dial;
	w->uid = geteuid();
	w->local = ep->link.scheme == ENDPOINT_IPC;
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->more, &attr);
	address_url(ep, text, w->url, w->dir);
	if (ep->link.scheme == ENDPOINT_TLS) {
		address_file(&w->ca, ep->link.ca, text);
		address_file(&w->cert, ep->link.cert, text);
		address_file(&w->key, ep->link.key, text);
	}
	return w;
}

void wire_listen(struct wire *w)
{
	must(w->dial ? nng_pair1_open(&w->socket) : nng_pair1_open_poly(&w->socket), w,
	     "cannot make a socket");
	must(nng_socket_set_ms(w->socket, NNG_OPT_SENDTIMEO, SEND_MS), w, "a limit to sends");
	must(nng_socket_set_size(w->socket, NNG_OPT_RECVMAXSZ, LINK_MESSAGE_MAX + 4), w,
	     "a limit to messages");
	for (int what = NNG_PIPE_EV_ADD_PRE; what < NNG_PIPE_EV_NUM; what++)
		must(nng_pipe_notify(w->socket, (nng_pipe_ev)what, on_pipe, w), w, "notices");
	must(nng_aio_alloc(&w->recv, on_message, w), w, "memory");
	must(nng_aio_alloc(&w->beat_timer, on_beat, w), w, "memory");
	if (w->dial)
		open_dialer(w);
	else
		open_listener(w);
	nng_recv_aio(w->socket, w->recv);
	nng_sleep_aio(WIRE_BEAT_MS, w->beat_timer);
}

void wire_dial(struct wire *w)
{
	if (w->dial)
		must(nng_dialer_start(w->dialer, NNG_FLAG_NONBLOCK), w, "cannot dial");
}

/* ---- our thread ------------------------------------------------------------------------------ */

static void wait_more(struct wire *w, int timeout_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&w->more, &w->lock, &until);
}

bool wire_next(struct wire *w, int timeout_ms, struct wire_event *ev)
{
	struct node *n;
	bool again = false;

	pthread_mutex_lock(&w->lock);
	if (!w->first && timeout_ms > 0)
		wait_more(w, timeout_ms);
	n = w->first;
	if (n) {
		w->first = n->next;
		if (!w->first)
			w->last = &w->first;
		w->queued -= n->ev.body.len;
		w->nodes--;
		*ev = n->ev;
	}
	if (w->waiting && w->queued < QUEUE_BYTES / 2) {
		w->waiting = false;
		again = true;
	}
	pthread_mutex_unlock(&w->lock);
	if (again)
		nng_recv_aio(w->socket, w->recv);
	free(n);
	return n != NULL;
}

void wire_done(struct wire_event *ev)
{
	if (ev->message)
		nng_msg_free(ev->message);
	ev->message = NULL;
}

void *wire_message(size_t n, uint8_t **at)
{
	nng_msg *m;

	if (nng_msg_alloc(&m, n))
		die("out of memory");
	*at = nng_msg_body(m);
	return m;
}

bool wire_send(struct wire *w, uint32_t pipe, void *message)
{
	set_pipe(message, pipe);
	if (nng_sendmsg(w->socket, message, 0) == 0)
		return true;
	nng_msg_free(message);
	return false;
}

bool wire_drops(const struct wire *w)
{
	return !w->dial;
}

void wire_drop(struct wire *w, uint32_t pipe)
{
	nng_pipe p = { pipe };

	(void)w;
	nng_pipe_close(p);
}

void wire_peer(struct wire *w, uint32_t pipe)
{
	pthread_mutex_lock(&w->lock);
	w->peer = pipe;
	w->heard = wire_now();
	w->beat_len = 0;
	pthread_mutex_unlock(&w->lock);
}

void wire_beat(struct wire *w, const uint8_t *message, size_t n)
{
	pthread_mutex_lock(&w->lock);
	memcpy(w->beat, message, n <= BEAT_BYTES ? n : 0);
	w->beat_len = n;
	pthread_mutex_unlock(&w->lock);
}

int64_t wire_silence(struct wire *w)
{
	int64_t silence;

	pthread_mutex_lock(&w->lock);
	silence = w->first || w->waiting ? 0 : wire_now() - w->heard;
	pthread_mutex_unlock(&w->lock);
	return silence;
}

static uint64_t stat_of(nng_stat *scope, const char *name)
{
	nng_stat *s = scope ? nng_stat_find(scope, name) : NULL;

	return s ? nng_stat_value(s) : 0;
}

const char *wire_trouble(struct wire *w, bool *for_good)
{
	const char *what = NULL;
	nng_stat *all, *s;
	uint64_t refused, failed;

	if (nng_stats_get(&all))
		return NULL;
	s = w->dial ? nng_stat_find_dialer(all, w->dialer)
		    : nng_stat_find_listener(all, w->listener);
	refused = stat_of(s, "auth");
	failed = stat_of(s, "proto") + stat_of(s, "disconnect");
	if (refused > w->refused_before)
		what = "a certificate was refused: not of our ca=, or for another name=";
	else if (failed > w->failed_before + HANG_UPS)
		what = "the other side hangs up at once: it is no weir-link, or wants TLS";
	*for_good = w->dial && refused > w->refused_before;
	w->refused_before = refused;
	w->failed_before = failed;
	nng_stats_free(all);
	return what;
}

const char *wire_dir(const struct wire *w)
{
	return *w->dir ? w->dir : NULL;
}

void wire_leave(const struct wire *w)
{
	if (w->local && !w->dial)
		unlink(w->url + strlen("ipc://"));
}
