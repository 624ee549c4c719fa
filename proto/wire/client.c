/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A pool of long-lived REQ sockets for each URL, each used by one thread at a time.  A
 * socket has one URL, because a request names the nonce of the connection that it goes by,
 * and nng chooses among several as it likes.  A socket that timed out several times in a row gets
 * new connections: the old ones may be half open after a partition.
 */
#include "mac.h"
#include "socket.h"

#include "envelope.pb-c.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/sync.h"

#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUTS_BEFORE_REDIAL 3
/* Within the first the first socket connects to a peer that is there again, within the second
 * the others, all of which dial while there is no peer. */
#define RECONNECT_MS        500
#define OTHERS_RECONNECT_MS 1500
#define UNCONNECTED_WAIT_MS 2000 /* a peer that is not there is not waited for much longer */
#define ANY_PEER_MS         50   /* how soon one of several that came is noticed */
#define CALLBACK_MS         1000 /* how late nng may be with a time-out of its own */
#define WATCH_MS            200  /* how soon a call that is not wanted any more ends */
#define MAX_SOCKETS         64u
#define NONCES              4 /* requests that may meet a connection whose nonce is not known, in a row */

/* What nng's callbacks note for the thread that uses the socket. */
struct link {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int connected;     /* peers; lock */
	bool changed_peer; /* since the last request; lock */
	bool done;         /* what was asked of nng has ended; lock */
};

struct req_socket {
	nng_socket s;
	unsigned url; /* the number of the one that it is connected to */
	nng_dialer dialer;
	struct link *link;     /* of client->links */
	nng_aio *aio;          /* owned; the user's */
	int timeouts;          /* in a row; the user's */
	struct om_mac_now now; /* the user's */
	bool busy;             /* client->lock */
};

struct om_wire_client {
	char peer[32];
	struct om_mac_side side; /* its key is NULL: no MACs */
	struct om_urls urls;
	nng_tls_config *tls[OM_WIRE_MAX_URLS]; /* owned; NULL for tcp */

	/* nng's callbacks may use it after the client was freed, so it is never freed. */
	struct link *links;

	pthread_mutex_t lock;
	pthread_cond_t idle;        /* a socket became free */
	unsigned most;              /* that are used at a time */
	unsigned n_busy, turn;      /* lock; turn: where the next search begins */
	unsigned n_sockets;         /* most for each URL */
	struct req_socket *sockets; /* owned; busy under lock */

	_Atomic int64_t until_ms; /* when the last call ends */
};

static _Thread_local struct om_wire_watch watch;

struct om_wire_watch
om_wire_watch(struct om_wire_watch w)
{
	struct om_wire_watch before = watch;

	watch = w;
	return before;
}

static bool
is_wanted(void)
{
	return watch.go_on == NULL || watch.go_on(watch.arg);
}

static void
count_pipe(nng_pipe p, nng_pipe_ev ev, void *arg)
{
	struct link *l = arg;

	(void)p;
	(void)pthread_mutex_lock(&l->lock);
	if (ev == NNG_PIPE_EV_ADD_POST)
		l->connected++;
	else if (ev == NNG_PIPE_EV_REM_POST)
		l->connected--;
	l->changed_peer = true;
	(void)pthread_cond_signal(&l->changed);
	(void)pthread_mutex_unlock(&l->lock);
}

static void
note_done(void *arg)
{
	struct link *l = arg;

	(void)pthread_mutex_lock(&l->lock);
	l->done = true;
	(void)pthread_cond_signal(&l->changed);
	(void)pthread_mutex_unlock(&l->lock);
}

static int
peers_of(struct link *l)
{
	int n;

	(void)pthread_mutex_lock(&l->lock);
	n = l->connected;
	(void)pthread_mutex_unlock(&l->lock);
	return n;
}

static om_status
dial(struct om_wire_client *c, struct req_socket *rs, om_err *e)
{
	nng_dialer d;
	int rv = nng_dialer_create(&d, rs->s, c->urls.url[rs->url]);

	if (rv == 0 && c->tls[rs->url] != NULL)
		rv = nng_dialer_set_ptr(d, NNG_OPT_TLS_CONFIG, c->tls[rs->url]);
	if (rv == 0)
		rv = nng_dialer_start(d, NNG_FLAG_NONBLOCK);
	if (rv != 0)
		return om_fail(e, OM_INVALID, "%.100s: %s", c->urls.url[rs->url], nng_strerror(rv));
	rs->dialer = d;
	return OM_OK;
}

static om_status
open_socket(struct om_wire_client *c, struct req_socket *rs, om_err *e)
{
	int longest_ms = rs < c->sockets + c->urls.n ? RECONNECT_MS : OTHERS_RECONNECT_MS;
	int rv = nng_req0_open(&rs->s);

	if (rv == 0)
		rv = nng_socket_set_ms(rs->s, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	if (rv == 0)
		rv = nng_socket_set_size(rs->s, NNG_OPT_RECVMAXSZ, OM_WIRE_MAX_BYTES);
	if (rv == 0)
		rv = nng_socket_set_ms(rs->s, NNG_OPT_RECONNMINT, 100);
	if (rv == 0)
		rv = nng_socket_set_ms(rs->s, NNG_OPT_RECONNMAXT, longest_ms);
	if (rv == 0)
		rv = nng_socket_set_bool(rs->s, NNG_OPT_TCP_KEEPALIVE, true);
	if (rv == 0)
		rv = nng_pipe_notify(rs->s, NNG_PIPE_EV_ADD_POST, count_pipe, rs->link);
	if (rv == 0)
		rv = nng_pipe_notify(rs->s, NNG_PIPE_EV_REM_POST, count_pipe, rs->link);
	if (rv == 0)
		rv = nng_aio_alloc(&rs->aio, note_done, rs->link);
	if (rv != 0)
		return om_fail(e, OM_INTERNAL, "nng: %s", nng_strerror(rv));
	return dial(c, rs, e);
}

om_status
om_wire_client_open(const struct om_wire_client_opts *o, struct om_wire_client **out, om_err *e)
{
	struct om_wire_client *c = calloc(1, sizeof *c);
	om_status s;

	*out = NULL;
	if (c == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = om_urls_split(o->urls, &c->urls, e);
	(void)pthread_mutex_init(&c->lock, NULL);
	om_cond_init(&c->idle);
	atomic_store(&c->until_ms, INT64_MAX);
	(void)snprintf(c->peer, sizeof c->peer, "%s", o->peer);
	c->side =
	    (struct om_mac_side){.self = o->self, .key = o->key, .peer = c->peer, .allow_no_mac = o->allow_no_mac};
	c->most = o->sockets == 0 ? 1 : o->sockets > MAX_SOCKETS ? MAX_SOCKETS : o->sockets;
	c->n_sockets = s == OM_OK ? c->most * c->urls.n : 1;
	c->sockets = calloc(c->n_sockets, sizeof *c->sockets);
	c->links = calloc(c->n_sockets, sizeof *c->links);
	if (c->sockets == NULL || c->links == NULL) {
		c->n_sockets = 0;
		s = om_fail(e, OM_NOMEM, "out of memory");
	}
	for (unsigned i = 0; i < c->n_sockets; i++) {
		c->sockets[i].link = &c->links[i];
		c->sockets[i].url = s == OM_OK ? i % c->urls.n : 0;
		(void)pthread_mutex_init(&c->links[i].lock, NULL);
		om_cond_init(&c->links[i].changed);
	}
	for (unsigned i = 0; s == OM_OK && i < c->urls.n; i++)
		if (om_url_is_tls(c->urls.url[i]))
			s = om_tls_config(&o->tls, NNG_TLS_MODE_CLIENT, c->urls.url[i], &c->tls[i], e);
	for (unsigned i = 0; s == OM_OK && i < c->n_sockets; i++)
		s = open_socket(c, &c->sockets[i], e);
	if (s != OM_OK) {
		om_wire_client_free(&c);
		return s;
	}
	*out = c;
	return OM_OK;
}

void
om_wire_client_free(struct om_wire_client **cp)
{
	struct om_wire_client *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	for (unsigned i = 0; i < OM_WIRE_MAX_URLS; i++)
		if (c->tls[i] != NULL)
			nng_tls_config_free(c->tls[i]);
	for (unsigned i = 0; i < c->n_sockets; i++)
		nng_aio_free(c->sockets[i].aio);
	(void)pthread_cond_destroy(&c->idle);
	(void)pthread_mutex_destroy(&c->lock);
	free(c->sockets);
	free(c);
}

unsigned
om_wire_connected(const struct om_wire_client *c)
{
	int n = 0;

	for (unsigned i = 0; i < c->n_sockets; i++)
		n += peers_of(&c->links[i]);
	return n > 0 ? (unsigned)n : 0;
}

void
om_wire_client_hurry(struct om_wire_client *c, int ms)
{
	atomic_store(&c->until_ms, om_mono_ms() + ms);
	(void)pthread_mutex_lock(&c->lock);
	(void)pthread_cond_broadcast(&c->idle);
	(void)pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < c->n_sockets; i++) {
		(void)pthread_mutex_lock(&c->links[i].lock);
		(void)pthread_cond_signal(&c->links[i].changed);
		(void)pthread_mutex_unlock(&c->links[i].lock);
	}
}

/* soonest is the deadline, or when all calls end. */
static int64_t
soonest(const struct om_wire_client *c, int64_t deadline_ms)
{
	int64_t until_ms = atomic_load(&c->until_ms);

	return until_ms < deadline_ms ? until_ms : deadline_ms;
}

/* next_look is when a waiting thread wakes up at the latest. */
static int64_t
next_look(int64_t until_ms)
{
	int64_t look_ms = om_mono_ms() + WATCH_MS;

	return watch.go_on != NULL && look_ms < until_ms ? look_ms : until_ms;
}

/* pick gives a free socket, one with a peer if there is one, the peers in turn; without peers only
 * if `any` will do.  client->lock is held. */
static struct req_socket *
pick(struct om_wire_client *c, bool any)
{
	struct req_socket *alone = NULL;

	if (c->n_busy == c->most)
		return NULL;
	c->turn++;
	for (unsigned i = 0; i < c->n_sockets; i++) {
		struct req_socket *rs = &c->sockets[(c->turn + i) % c->n_sockets];

		if (rs->busy)
			continue;
		if (peers_of(rs->link) > 0)
			return rs;
		if (alone == NULL)
			alone = rs;
	}
	return any ? alone : NULL;
}

/* take_socket waits for a free one until the monotonic deadline. */
static struct req_socket *
take_socket(struct om_wire_client *c, int64_t deadline_ms)
{
	int64_t begun_ms = om_mono_ms(), until_ms, look_ms;
	struct req_socket *rs = NULL;
	bool waiting = true;

	(void)pthread_mutex_lock(&c->lock);
	for (;;) {
		/* with several peers the one that comes first is waited for */
		bool one = c->urls.n == 1 || !waiting || om_mono_ms() - begun_ms >= UNCONNECTED_WAIT_MS;

		rs = pick(c, one);
		if (rs != NULL || !waiting)
			break;
		until_ms = soonest(c, deadline_ms);
		look_ms = one ? until_ms : om_mono_ms() + ANY_PEER_MS;
		(void)om_cond_wait(&c->idle, &c->lock, next_look(look_ms < until_ms ? look_ms : until_ms));
		waiting = om_mono_ms() < until_ms && is_wanted();
	}
	if (rs != NULL) {
		om_check(!rs->busy && c->n_busy < c->most);
		rs->busy = true;
		c->n_busy++;
	}
	(void)pthread_mutex_unlock(&c->lock);
	return rs;
}

static void
give_socket(struct om_wire_client *c, struct req_socket *rs)
{
	(void)pthread_mutex_lock(&c->lock);
	om_check(rs->busy);
	rs->busy = false;
	c->n_busy--;
	(void)pthread_cond_signal(&c->idle);
	(void)pthread_mutex_unlock(&c->lock);
}

static void
redial(struct om_wire_client *c, struct req_socket *rs)
{
	om_err e = {.text = ""};

	om_log(OM_LOG_WARN, "connecting again after time-outs", "peer", c->peer, NULL);
	(void)nng_dialer_close(rs->dialer);
	if (dial(c, rs, &e) != OM_OK)
		om_log(OM_LOG_ERROR, "cannot dial", "peer", c->peer, "why", e.text, NULL);
	rs->timeouts = 0;
}

static int
remaining(int64_t deadline_ms)
{
	int64_t left = deadline_ms - om_mono_ms();

	return left < 1 ? 1 : (int)left;
}

static void
begin(struct req_socket *rs, int64_t deadline_ms)
{
	(void)pthread_mutex_lock(&rs->link->lock);
	rs->link->done = false;
	(void)pthread_mutex_unlock(&rs->link->lock);
	nng_aio_set_timeout(rs->aio, remaining(deadline_ms));
}

/* end waits until nng is done, but not long for a peer that is not there, nor
 * for what is not wanted any more, and returns nng's result.  A wait that is given up
 * ends, for nng, like a time-out. */
static int
end(const struct om_wire_client *c, struct req_socket *rs, int64_t deadline_ms)
{
	struct link *l = rs->link;
	int64_t alone_ms = -1; /* since when there is no peer */
	bool waiting = true, done;

	(void)pthread_mutex_lock(&l->lock);
	while (!l->done && waiting) {
		int64_t until_ms = soonest(c, deadline_ms + CALLBACK_MS);

		if (l->connected > 0)
			alone_ms = -1;
		else if (alone_ms < 0)
			alone_ms = om_mono_ms();
		if (alone_ms >= 0 && alone_ms + UNCONNECTED_WAIT_MS < until_ms)
			until_ms = alone_ms + UNCONNECTED_WAIT_MS;
		(void)om_cond_wait(&l->changed, &l->lock, next_look(until_ms));
		waiting = om_mono_ms() < until_ms && is_wanted();
	}
	done = l->done;
	(void)pthread_mutex_unlock(&l->lock);
	if (!done)
		nng_aio_cancel(rs->aio);
	nng_aio_wait(rs->aio);
	return nng_aio_result(rs->aio);
}

/* send_msg owns *m until nng has taken it. */
static int
send_msg(const struct om_wire_client *c, struct req_socket *rs, nng_msg **m, int64_t deadline_ms)
{
	int rv;

	begin(rs, deadline_ms);
	nng_aio_set_msg(rs->aio, *m);
	nng_send_aio(rs->s, rs->aio);
	rv = end(c, rs, deadline_ms);
	if (rv == 0)
		*m = NULL;
	return rv;
}

static int
receive_msg(const struct om_wire_client *c, struct req_socket *rs, nng_msg **m, int64_t deadline_ms)
{
	int rv;

	begin(rs, deadline_ms);
	nng_recv_aio(rs->s, rs->aio);
	rv = end(c, rs, deadline_ms);
	if (rv == 0)
		*m = nng_aio_get_msg(rs->aio);
	return rv;
}

/* exchange owns *m until nng has taken it. */
static om_status
exchange(struct om_wire_client *c, struct req_socket *rs, nng_msg **m, int64_t deadline_ms, om_err *e)
{
	int rv = send_msg(c, rs, m, deadline_ms);

	if (rv == NNG_ECANCELED && !is_wanted())
		return om_fail(e, OM_UNAVAILABLE, "a question to %s was given up", c->peer);
	if (rv != 0)
		return om_fail(e, OM_UNAVAILABLE, "%s cannot be reached (%s)", c->peer,
		    rv == NNG_ECANCELED ? "no connection" : nng_strerror(rv));
	rv = receive_msg(c, rs, m, deadline_ms);
	if (rv == NNG_ECANCELED && (!is_wanted() || atomic_load(&c->until_ms) <= om_mono_ms()))
		return om_fail(e, OM_UNAVAILABLE, "a question to %s was given up", c->peer);
	if (rv == NNG_ETIMEDOUT) {
		if (++rs->timeouts >= TIMEOUTS_BEFORE_REDIAL)
			redial(c, rs);
		return om_fail(e, OM_TIMEOUT, "%s took the request and did not answer in time", c->peer);
	}
	if (rv == NNG_ECONNRESET || rv == NNG_ECANCELED)
		return om_fail(e, OM_UNAVAILABLE, "%s closed the connection before it answered", c->peer);
	if (rv != 0)
		return om_fail(e, OM_UNAVAILABLE, "%s: %s", c->peer, nng_strerror(rv));
	rs->timeouts = 0;
	return OM_OK;
}

/* other_version says which of the two is to be updated. */
static om_status
other_version(const struct om_wire_client *c, uint32_t theirs, om_err *e)
{
	const char *self = om_log_service();

	if (theirs < OM_WIRE_VERSION)
		return om_fail(e, OM_VERSION,
		    "%s is older than %s (its messages have version %u, %s's have %u): update %s", c->peer, self,
		    (unsigned)theirs, self, OM_WIRE_VERSION, c->peer);
	return om_fail(e, OM_VERSION, "%s is newer than %s (its messages have version %u, %s's have %u): update %s",
	    c->peer, self, (unsigned)theirs, self, OM_WIRE_VERSION, self);
}

static om_status
read_reply(
    const struct om_wire_client *c, const Om__Request *req, nng_msg *m, struct om_arena *a, Om__Reply **out, om_err *e)
{
	Om__Reply *rep = NULL;
	om_status s = om_msg_unpack(&om__reply__descriptor, nng_msg_body(m), nng_msg_len(m), a, &rep, e);

	if (s != OM_OK)
		return s;
	if (rep->version != OM_WIRE_VERSION)
		return other_version(c, rep->version, e);
	if (strcmp(rep->request_id, req->request_id) != 0)
		return om_fail(e, OM_PROTOCOL, "%s answered another request", c->peer);
	if (rep->status != 0)
		return om_fail(e, om_status_from_code(rep->status), "%s",
		    rep->message != NULL && rep->message[0] != '\0' ? rep->message
								    : om_status_text(om_status_from_code(rep->status)));
	*out = rep;
	return OM_OK;
}

/* prove ends the frame with a MAC; a connection that is new has another nonce. */
static om_status
prove(const struct om_wire_client *c, struct req_socket *rs, nng_msg *m, struct om_mac *mac, om_err *e)
{
	(void)pthread_mutex_lock(&rs->link->lock);
	if (rs->link->changed_peer)
		om_mac_forget(&rs->now);
	rs->link->changed_peer = false;
	(void)pthread_mutex_unlock(&rs->link->lock);
	return om_mac_ask(nng_msg_body(m), nng_msg_len(m), &c->side, &rs->now, mac, e);
}

/* ask packs and sends the request, and gives the frame of the reply. */
static om_status
ask(struct om_wire_client *c, struct req_socket *rs, Om__Request *req, size_t n, int64_t deadline_ms,
    nng_msg **reply_out, bool *again, om_err *e)
{
	struct om_mac mac;
	nng_msg *m = NULL;
	om_status s = OM_OK;

	*again = false;
	if (nng_msg_alloc(&m, n) != 0)
		return om_fail(e, OM_NOMEM, "out of memory");
	(void)om__request__pack(req, nng_msg_body(m));
	if (c->side.key != NULL)
		s = prove(c, rs, m, &mac, e);
	if (s == OM_OK)
		s = exchange(c, rs, &m, deadline_ms, e);
	if (s == OM_OK && c->side.key != NULL)
		s = om_mac_answered(nng_msg_body(m), nng_msg_len(m), &c->side, &mac, &rs->now, again, e);
	if (s == OM_OK && !*again) {
		*reply_out = m;
		return OM_OK;
	}
	if (m != NULL)
		nng_msg_free(m);
	return s;
}

/* ask_until asks again with the nonce that the peer told; a connection that breaks between has another one. */
static om_status
ask_until(struct om_wire_client *c, struct req_socket *rs, Om__Request *req, size_t n, int64_t deadline_ms,
    nng_msg **reply_out, om_err *e)
{
	om_status s = OM_OK;
	bool again = true;

	for (int i = 0; s == OM_OK && again && i < NONCES; i++)
		s = ask(c, rs, req, n, deadline_ms, reply_out, &again, e);
	return s == OM_OK && again ? om_fail(e, OM_UNAVAILABLE, "%s: the connection breaks again and again", c->peer)
				   : s;
}

om_status
om_wire_call(
    struct om_wire_client *c, Om__Request *req, int deadline_ms, struct om_arena *a, Om__Reply **reply_out, om_err *e)
{
	int64_t deadline = om_mono_ms() + deadline_ms;
	char request_id[OM_REQUEST_ID];
	struct req_socket *rs;
	nng_msg *m = NULL;
	om_status s;
	size_t n;

	om_check(req->body_case != OM__REQUEST__BODY__NOT_SET);
	*reply_out = NULL;
	if (om_log_request_id()[0] != '\0')
		(void)snprintf(request_id, sizeof request_id, "%s", om_log_request_id());
	else
		om_request_id_make(request_id);
	req->version = OM_WIRE_VERSION;
	req->request_id = request_id;
	req->has_deadline_ms = 1;
	req->deadline_ms = (uint32_t)(deadline_ms < 0 ? 0 : deadline_ms);
	om_msg_ready(&req->base);
	n = om__request__get_packed_size(req) + (c->side.key != NULL ? OM_MAC_BYTES : 0);
	if (n > OM_WIRE_MAX_BYTES) {
		s = om_fail(e, OM_TOO_LARGE, "a request of %zu bytes to %s", n, c->peer);
	} else if ((rs = take_socket(c, deadline)) == NULL) {
		s = om_fail(e, OM_UNAVAILABLE, "%s: too many requests are under way", c->peer);
	} else {
		s = ask_until(c, rs, req, n, deadline, &m, e);
		give_socket(c, rs);
		if (s == OM_OK)
			s = read_reply(c, req, m, a, reply_out, e);
	}
	if (m != NULL)
		nng_msg_free(m);
	req->request_id = NULL;
	return s;
}
