/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One REP socket, a context and a thread per worker.  Each worker receives,
 * calls the handler and sends the reply; between requests it looks whether it
 * shall end.
 */
#include "callers.h"
#include "socket.h"

#include "envelope.pb-c.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/sync.h"

#include <nng/protocol/reqrep0/rep.h>
#include <nng/supplemental/util/platform.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MS            200 /* after a receive that failed */
#define SEND_MS             5000
#define DEFAULT_DEADLINE_MS 30000 /* of callers that name none */
#define CLOSE_MS            3000  /* how long nng may take to close a socket */
#define MAX_WORKERS         64u

struct worker {
	struct om_wire_server *server; /* borrowed */
	pthread_t thread;
	nng_ctx ctx;
	nng_aio *aio; /* owned */
	bool running;

	pthread_mutex_t lock;
	bool receiving; /* lock */
};

struct om_wire_server {
	struct om_wire_server_opts opts;
	struct om_urls urls; /* as bound */
	nng_socket s;
	struct om_callers *callers; /* owned; NULL when nothing is checked */
	nng_listener listeners[OM_WIRE_MAX_URLS];
	atomic_bool stop;
	unsigned n_workers;
	struct worker *workers; /* owned */
};

/* other_version says which of the two is to be updated. */
static om_status
other_version(uint32_t theirs, om_err *e)
{
	const char *self = om_log_service();

	return om_fail(e, OM_VERSION,
	    "the service that asks is %s than %s (its messages have version %u, %s's have %u): update %s",
	    theirs < OM_WIRE_VERSION ? "older" : "newer", self, (unsigned)theirs, self, OM_WIRE_VERSION,
	    theirs < OM_WIRE_VERSION ? "the service that asks" : self);
}

/* carry_out unpacks the request and runs the handler, if the caller may ask that. */
static om_status
carry_out(struct om_wire_server *srv, nng_msg *m, const struct om_asker *who, struct om_arena *a, Om__Request **req_out,
    Om__Reply *rep, om_err *e)
{
	const ProtobufCFieldDescriptor *f;
	Om__Request *req = NULL;
	om_status s = om_msg_unpack(&om__request__descriptor, nng_msg_body(m), nng_msg_len(m), a, &req, e);

	if (s != OM_OK)
		return s;
	*req_out = req;
	om_log_request(req->request_id);
	if (req->version != OM_WIRE_VERSION)
		return other_version(req->version, e);
	f = protobuf_c_message_descriptor_get_field(&om__request__descriptor, (unsigned)req->body_case);
	if (srv->opts.may != NULL && f != NULL)
		s = om_callers_may(who, srv->opts.may(req), f->name, e);
	if (s != OM_OK)
		return s;
	return srv->opts.handler(srv->opts.arg, req,
	    om_mono_ms() + (req->has_deadline_ms ? req->deadline_ms : DEFAULT_DEADLINE_MS), a, rep, e);
}

/* pack gives the reply's frame, with a MAC if the caller has a key; NULL without memory. */
static nng_msg *
pack(Om__Reply *rep, const struct om_asker *who, om_status s, om_err *e)
{
	size_t more = who->key != NULL ? OM_MAC_BYTES : 0, n = 0;
	struct om_mac mac = {.caller = who->mac.caller, .count = who->mac.count};
	nng_msg *out = NULL;

	if (s == OM_OK) {
		om_msg_ready(&rep->base);
		n = om__reply__get_packed_size(rep) + more;
		if (n > OM_WIRE_MAX_BYTES)
			s = om_fail(
			    e, OM_TOO_LARGE, "the reply would have %zu bytes, %zu are allowed", n, OM_WIRE_MAX_BYTES);
	}
	if (s != OM_OK) {
		rep->body_case = OM__REPLY__BODY__NOT_SET;
		rep->status = (uint32_t)s;
		if (e->text[0] == '\0')
			(void)om_fail(e, s, "%s", om_status_text(s));
		rep->message = e->text;
		om_msg_ready(&rep->base);
		n = om__reply__get_packed_size(rep) + more;
	}
	if (nng_msg_alloc(&out, n) != 0)
		return NULL;
	(void)om__reply__pack(rep, nng_msg_body(out));
	if (who->learns_nonce)
		memcpy(mac.nonce, who->nonce, sizeof mac.nonce);
	if (who->key != NULL && om_mac_put(nng_msg_body(out), n, who->key, who->mac.mac, &mac, NULL) != OM_OK) {
		nng_msg_free(out);
		out = NULL;
	}
	return out;
}

/* answer gives the frame to send back, NULL without memory. */
static nng_msg *
answer(struct om_wire_server *srv, nng_msg *m)
{
	Om__Request *req = NULL;
	Om__Reply rep = OM__REPLY__INIT;
	char no_id[] = "";
	struct om_asker who;
	struct om_arena a;
	om_err e = {.text = ""};
	nng_msg *out;
	om_status s;

	om_arena_init(&a, srv->opts.arena_bytes);
	s = om_callers_check(srv->callers, m, &who);
	if (s == OM_OK && who.learns_nonce)
		s = om_fail(&e, OM_PROTOCOL, "ask again, with the nonce of this connection");
	else if (s == OM_OK)
		s = carry_out(srv, m, &who, &a, &req, &rep, &e);
	rep.version = OM_WIRE_VERSION;
	rep.request_id = req != NULL ? req->request_id : no_id;
	out = pack(&rep, &who, s, &e);
	om_log_request(NULL);
	om_arena_fini(&a);
	return out;
}

/* receive waits for a request without a time-out: one that idles costs nothing.
 * false: the server stops. */
static bool
receive(struct worker *w, int *rv_out)
{
	bool stop;

	(void)pthread_mutex_lock(&w->lock);
	stop = atomic_load(&w->server->stop);
	if (!stop) {
		om_check(!w->receiving);
		nng_aio_set_timeout(w->aio, NNG_DURATION_INFINITE);
		nng_ctx_recv(w->ctx, w->aio);
		w->receiving = true;
	}
	(void)pthread_mutex_unlock(&w->lock);
	if (stop)
		return false;
	nng_aio_wait(w->aio);
	(void)pthread_mutex_lock(&w->lock);
	w->receiving = false;
	(void)pthread_mutex_unlock(&w->lock);
	*rv_out = nng_aio_result(w->aio);
	return true;
}

/* end_worker ends a wait for a request; a request under way is answered. */
static void
end_worker(struct worker *w)
{
	if (w->running) {
		(void)pthread_mutex_lock(&w->lock);
		if (w->receiving)
			nng_aio_cancel(w->aio);
		(void)pthread_mutex_unlock(&w->lock);
		(void)pthread_join(w->thread, NULL);
	}
	if (w->aio != NULL)
		nng_aio_free(w->aio);
	(void)pthread_mutex_destroy(&w->lock);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	int rv = 0;

	while (receive(w, &rv)) {
		nng_msg *in, *out;

		if (rv == NNG_ECANCELED)
			continue;
		if (rv != 0) {
			om_log(OM_LOG_ERROR, "cannot receive", "why", nng_strerror(rv), NULL);
			if (rv == NNG_ECLOSED)
				break;
			nng_msleep(PAUSE_MS); /* no memory or no descriptors: there may be some again */
			continue;
		}
		in = nng_aio_get_msg(w->aio);
		out = answer(w->server, in);
		nng_msg_free(in);
		if (out == NULL)
			continue; /* the caller times out and asks again */
		nng_aio_set_msg(w->aio, out);
		nng_aio_set_timeout(w->aio, SEND_MS);
		nng_ctx_send(w->ctx, w->aio);
		nng_aio_wait(w->aio);
		if (nng_aio_result(w->aio) != 0)
			nng_msg_free(out); /* the caller is gone, and nng does not free the message */
	}
	return NULL;
}

static om_status
listen_all(struct om_wire_server *srv, om_err *e)
{
	for (unsigned i = 0; i < srv->urls.n; i++) {
		char *url = srv->urls.url[i];
		nng_tls_config *tls = NULL;
		nng_listener l;
		int port = 0, rv;

		if (om_url_is_tls(url)) {
			om_status s = om_tls_config(&srv->opts.tls, NNG_TLS_MODE_SERVER, url, &tls, e);

			if (s != OM_OK)
				return s;
		}
		rv = nng_listener_create(&l, srv->s, url);
		if (rv == 0 && tls != NULL)
			rv = nng_listener_set_ptr(l, NNG_OPT_TLS_CONFIG, tls);
		if (rv == 0)
			rv = nng_listener_start(l, 0);
		if (tls != NULL)
			nng_tls_config_free(tls);
		if (rv != 0)
			return om_fail(e, OM_UNAVAILABLE, "cannot listen at %.100s: %s", url, nng_strerror(rv));
		srv->listeners[i] = l;
		if (strlen(url) > 2 && strcmp(url + strlen(url) - 2, ":0") == 0 &&
		    nng_listener_get_int(l, NNG_OPT_TCP_BOUND_PORT, &port) == 0)
			(void)snprintf(url + strlen(url) - 1, 8, "%d", port & 0xffff);
	}
	return OM_OK;
}

static om_status
start_worker(struct om_wire_server *srv, struct worker *w, om_err *e)
{
	int rv = nng_ctx_open(&w->ctx, srv->s);

	if (rv == 0)
		rv = nng_aio_alloc(&w->aio, NULL, NULL);
	if (rv != 0)
		return om_fail(e, OM_NOMEM, "nng: %s", nng_strerror(rv));
	w->server = srv;
	if (pthread_create(&w->thread, NULL, work, w) != 0)
		return om_fail(e, OM_NOMEM, "cannot start a thread");
	w->running = true;
	return OM_OK;
}

om_status
om_wire_server_open(const struct om_wire_server_opts *o, struct om_wire_server **out, om_err *e)
{
	struct om_wire_server *srv = calloc(1, sizeof *srv);
	om_status s;
	int rv;

	*out = NULL;
	if (srv == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_check(o->handler != NULL && o->arena_bytes > 0);
	srv->opts = *o;
	srv->n_workers = o->workers == 0 ? 1 : o->workers > MAX_WORKERS ? MAX_WORKERS : o->workers;
	srv->workers = calloc(srv->n_workers, sizeof *srv->workers);
	if (srv->workers == NULL) {
		srv->n_workers = 0;
		s = om_fail(e, OM_NOMEM, "out of memory");
	} else {
		s = om_urls_split(o->urls, &srv->urls, e);
	}
	for (unsigned i = 0; i < srv->n_workers; i++)
		(void)pthread_mutex_init(&srv->workers[i].lock, NULL);
	if (s == OM_OK) {
		rv = nng_rep0_open(&srv->s);
		if (rv == 0)
			rv = nng_socket_set_size(srv->s, NNG_OPT_RECVMAXSZ, OM_WIRE_MAX_BYTES);
		if (rv == 0)
			rv = nng_socket_set_bool(srv->s, NNG_OPT_TCP_KEEPALIVE, true);
		if (rv != 0)
			s = om_fail(e, OM_INTERNAL, "nng: %s", nng_strerror(rv));
	}
	if (s == OM_OK)
		s = om_callers_new(o, srv->s, &srv->callers, e);
	for (unsigned i = 0; s == OM_OK && i < srv->n_workers; i++)
		s = start_worker(srv, &srv->workers[i], e);
	if (s == OM_OK)
		s = listen_all(srv, e);
	if (s != OM_OK) {
		om_wire_server_close(&srv);
		return s;
	}
	*out = srv;
	return OM_OK;
}

const char *
om_wire_server_url(const struct om_wire_server *s, unsigned i)
{
	return i < s->urls.n ? s->urls.url[i] : NULL;
}

/* nng 1.5.2 can wait for ever for a connection that breaks while its socket is
 * closed (#1543, #1813).  So that happens on a thread of its own, which may
 * be left waiting: the program is about to end. */
struct closing {
	nng_socket s;
	nng_listener listeners[OM_WIRE_MAX_URLS];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done; /* lock */
};

static void *
close_all(void *arg)
{
	struct closing *c = arg;

	for (unsigned i = 0; i < OM_WIRE_MAX_URLS; i++)
		if (nng_listener_id(c->listeners[i]) > 0)
			(void)nng_listener_close(c->listeners[i]);
	if (nng_socket_id(c->s) > 0)
		(void)nng_close(c->s);
	(void)pthread_mutex_lock(&c->lock);
	c->done = true;
	(void)pthread_cond_signal(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
	return NULL;
}

static bool
close_socket(const struct om_wire_server *srv)
{
	int64_t until_ms = om_mono_ms() + CLOSE_MS;
	struct closing *c = calloc(1, sizeof *c);
	pthread_t thread;
	bool done;

	if (c == NULL)
		return false;
	c->s = srv->s;
	memcpy(c->listeners, srv->listeners, sizeof c->listeners);
	(void)pthread_mutex_init(&c->lock, NULL);
	om_cond_init(&c->changed);
	if (pthread_create(&thread, NULL, close_all, c) != 0) {
		free(c);
		return false;
	}
	(void)pthread_mutex_lock(&c->lock);
	while (!c->done && om_cond_wait(&c->changed, &c->lock, until_ms))
		continue;
	done = c->done;
	(void)pthread_mutex_unlock(&c->lock);
	if (!done) {
		om_log(OM_LOG_WARN, "a socket does not close and is left open", NULL);
		(void)pthread_detach(thread); /* it still uses c */
		return false;
	}
	(void)pthread_join(thread, NULL);
	(void)pthread_cond_destroy(&c->changed);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
	return true;
}

void
om_wire_server_close(struct om_wire_server **sp)
{
	struct om_wire_server *srv = *sp;

	*sp = NULL;
	if (srv == NULL)
		return;
	atomic_store(&srv->stop, true);
	for (unsigned i = 0; i < srv->n_workers; i++)
		end_worker(&srv->workers[i]);
	if (close_socket(srv)) /* a socket left open still tells of its connections */
		om_callers_free(&srv->callers);
	free(srv->workers);
	free(srv);
}
