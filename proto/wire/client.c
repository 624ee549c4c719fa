/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A pool of long-lived REQ sockets, each connected to every URL, each used by
 * one thread at a time.  A socket that timed out several times in a row gets
 * new connections: the old ones may be half open after a partition.
 */
#include "socket.h"

#include "clock.h"
#include "log.h"
#include "sync.h"

#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUTS_BEFORE_REDIAL 3
#define RECONNECT_MS           500  /* a peer that comes back is found within this */
#define UNCONNECTED_WAIT_MS    2000 /* a peer that is not there is not waited for much longer */
#define MAX_SOCKETS            64u

struct req_socket {
	nng_socket s;
	nng_dialer dialers[OM_WIRE_MAX_URLS];
	int timeouts; /* in a row; the user's */
	bool busy;    /* client->lock */
};

struct om_wire_client {
	char peer[32];
	struct om_urls urls;
	nng_tls_config *tls[OM_WIRE_MAX_URLS]; /* owned; NULL for tcp */

	/* Held by nng's callbacks beyond the client's life, so never freed. */
	atomic_int *connected;

	pthread_mutex_t lock;
	pthread_cond_t idle; /* a socket became free */
	unsigned n_sockets;
	struct req_socket *sockets; /* owned; busy under lock */
};

static void
count_pipe(nng_pipe p, nng_pipe_ev ev, void *arg)
{
	atomic_int *connected = arg;

	(void)p;
	if (ev == NNG_PIPE_EV_ADD_POST)
		atomic_fetch_add(connected, 1);
	else if (ev == NNG_PIPE_EV_REM_POST)
		atomic_fetch_sub(connected, 1);
}

static om_status
dial(struct om_wire_client *c, struct req_socket *rs, unsigned i, om_err *e)
{
	nng_dialer d;
	int rv = nng_dialer_create(&d, rs->s, c->urls.url[i]);

	if (rv == 0 && c->tls[i] != NULL)
		rv = nng_dialer_set_ptr(d, NNG_OPT_TLS_CONFIG, c->tls[i]);
	if (rv == 0)
		rv = nng_dialer_start(d, NNG_FLAG_NONBLOCK);
	if (rv != 0)
		return om_fail(e, OM_INVALID, "%.100s: %s", c->urls.url[i], nng_strerror(rv));
	rs->dialers[i] = d;
	return OM_OK;
}

static om_status
open_socket(struct om_wire_client *c, struct req_socket *rs, om_err *e)
{
	int rv = nng_req0_open(&rs->s);

	if (rv == 0)
		rv = nng_socket_set_ms(rs->s, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	if (rv == 0)
		rv = nng_socket_set_size(rs->s, NNG_OPT_RECVMAXSZ, OM_WIRE_MAX_BYTES);
	if (rv == 0)
		rv = nng_socket_set_ms(rs->s, NNG_OPT_RECONNMINT, 100);
	if (rv == 0)
		rv = nng_socket_set_ms(rs->s, NNG_OPT_RECONNMAXT, RECONNECT_MS);
	if (rv == 0)
		rv = nng_socket_set_bool(rs->s, NNG_OPT_TCP_KEEPALIVE, true);
	if (rv == 0)
		rv = nng_pipe_notify(rs->s, NNG_PIPE_EV_ADD_POST, count_pipe, c->connected);
	if (rv == 0)
		rv = nng_pipe_notify(rs->s, NNG_PIPE_EV_REM_POST, count_pipe, c->connected);
	if (rv != 0)
		return om_fail(e, OM_INTERNAL, "nng: %s", nng_strerror(rv));
	for (unsigned i = 0; i < c->urls.n; i++) {
		om_status s = dial(c, rs, i, e);

		if (s != OM_OK)
			return s;
	}
	return OM_OK;
}

om_status
om_wire_client_open(const struct om_wire_client_opts *o, struct om_wire_client **out, om_err *e)
{
	struct om_wire_client *c = calloc(1, sizeof *c);
	om_status s;

	*out = NULL;
	if (c == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(void)pthread_mutex_init(&c->lock, NULL);
	om_cond_init(&c->idle);
	(void)snprintf(c->peer, sizeof c->peer, "%s", o->peer);
	c->connected = calloc(1, sizeof *c->connected);
	c->n_sockets = o->sockets == 0 ? 1 : o->sockets > MAX_SOCKETS ? MAX_SOCKETS : o->sockets;
	c->sockets = calloc(c->n_sockets, sizeof *c->sockets);
	s = c->connected == NULL || c->sockets == NULL ? om_fail(e, OM_NOMEM, "out of memory")
						       : om_urls_split(o->urls, &c->urls, e);
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
	(void)pthread_cond_destroy(&c->idle);
	(void)pthread_mutex_destroy(&c->lock);
	free(c->sockets);
	free(c);
}

unsigned
om_wire_connected(const struct om_wire_client *c)
{
	int n = atomic_load(c->connected);

	return n > 0 ? (unsigned)n : 0;
}

/* take_socket waits for a free one until the monotonic deadline. */
static struct req_socket *
take_socket(struct om_wire_client *c, int64_t deadline_ms)
{
	struct req_socket *rs = NULL;
	bool waiting = true;

	(void)pthread_mutex_lock(&c->lock);
	for (;;) {
		for (unsigned i = 0; i < c->n_sockets && rs == NULL; i++)
			if (!c->sockets[i].busy)
				rs = &c->sockets[i];
		if (rs != NULL || !waiting)
			break;
		waiting = om_cond_wait(&c->idle, &c->lock, deadline_ms);
	}
	if (rs != NULL)
		rs->busy = true;
	(void)pthread_mutex_unlock(&c->lock);
	return rs;
}

static void
give_socket(struct om_wire_client *c, struct req_socket *rs)
{
	(void)pthread_mutex_lock(&c->lock);
	rs->busy = false;
	(void)pthread_cond_signal(&c->idle);
	(void)pthread_mutex_unlock(&c->lock);
}

static void
redial(struct om_wire_client *c, struct req_socket *rs)
{
	om_err e = {.text = ""};

	om_log(OM_LOG_WARN, "connecting anew after time-outs", "peer", c->peer, NULL);
	for (unsigned i = 0; i < c->urls.n; i++) {
		(void)nng_dialer_close(rs->dialers[i]);
		if (dial(c, rs, i, &e) != OM_OK)
			om_log(OM_LOG_ERROR, "cannot dial", "peer", c->peer, "why", e.text, NULL);
	}
	rs->timeouts = 0;
}

static int
remaining(int64_t deadline_ms)
{
	int64_t left = deadline_ms - om_mono_ms();

	return left < 1 ? 1 : (int)left;
}

/* exchange owns *m until nng has taken it. */
static om_status
exchange(struct om_wire_client *c, struct req_socket *rs, nng_msg **m, int64_t deadline_ms, om_err *e)
{
	int wait = remaining(deadline_ms);
	int rv;

	if (om_wire_connected(c) == 0 && wait > UNCONNECTED_WAIT_MS)
		wait = UNCONNECTED_WAIT_MS;
	rv = nng_socket_set_ms(rs->s, NNG_OPT_SENDTIMEO, wait);
	if (rv == 0)
		rv = nng_sendmsg(rs->s, *m, 0);
	if (rv != 0)
		return om_fail(e, OM_UNAVAILABLE, "%s cannot be reached (%s)", c->peer, nng_strerror(rv));
	*m = NULL;
	rv = nng_socket_set_ms(rs->s, NNG_OPT_RECVTIMEO, remaining(deadline_ms));
	if (rv == 0)
		rv = nng_recvmsg(rs->s, m, 0);
	if (rv == NNG_ETIMEDOUT) {
		if (++rs->timeouts >= TIMEOUTS_BEFORE_REDIAL)
			redial(c, rs);
		return om_fail(e, OM_TIMEOUT, "%s took the request and did not answer in time", c->peer);
	}
	if (rv != 0)
		return om_fail(e, OM_UNAVAILABLE, "%s: %s", c->peer, nng_strerror(rv));
	rs->timeouts = 0;
	return OM_OK;
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
		return om_fail(e, OM_VERSION, "%s speaks version %u, this program %u", c->peer, (unsigned)rep->version,
		    OM_WIRE_VERSION);
	if (strcmp(rep->request_id, req->request_id) != 0)
		return om_fail(e, OM_PROTOCOL, "%s answered another request", c->peer);
	if (rep->status != 0)
		return om_fail(e, om_status_from_code(rep->status), "%s",
		    rep->message != NULL && rep->message[0] != '\0' ? rep->message
								    : om_status_text(om_status_from_code(rep->status)));
	*out = rep;
	return OM_OK;
}

om_status
om_wire_call(
    struct om_wire_client *c, Om__Request *req, int deadline_ms, struct om_arena *a, Om__Reply **reply_out, om_err *e)
{
	int64_t deadline = om_mono_ms() + deadline_ms;
	char request_id[OM_REQUEST_ID];
	struct req_socket *rs;
	nng_msg *m = NULL;
	size_t n;
	om_status s;

	*reply_out = NULL;
	if (om_log_request_id()[0] != '\0')
		(void)snprintf(request_id, sizeof request_id, "%s", om_log_request_id());
	else
		om_request_id_make(request_id);
	req->version = OM_WIRE_VERSION;
	req->request_id = request_id;
	req->has_deadline_ms = 1;
	req->deadline_ms = (uint32_t)(deadline_ms < 0 ? 0 : deadline_ms);
	n = om__request__get_packed_size(req);
	if (n > OM_WIRE_MAX_BYTES) {
		s = om_fail(e, OM_TOO_LARGE, "a request of %zu bytes to %s", n, c->peer);
	} else if (nng_msg_alloc(&m, n) != 0) {
		s = om_fail(e, OM_NOMEM, "out of memory");
	} else if ((rs = take_socket(c, deadline)) == NULL) {
		s = om_fail(e, OM_UNAVAILABLE, "%s: too many requests are under way", c->peer);
	} else {
		(void)om__request__pack(req, nng_msg_body(m));
		s = exchange(c, rs, &m, deadline, e);
		give_socket(c, rs);
		if (s == OM_OK)
			s = read_reply(c, req, m, a, reply_out, e);
	}
	if (m != NULL)
		nng_msg_free(m);
	req->request_id = NULL;
	return s;
}
