/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app.h"

#include "routes.h"
#include "access/password.h"
#include "access/session.h"
#include "access/throttle.h"
#include "http/http.h"
#include "http/proxy.h"
#include "intake/live.h"
#include "pages/assets.h"
#include "peers/peers.h"
#include "spool/forward.h"
#include "spool/spool.h"
#include "base/log.h"

#include <stdlib.h>

static void
remember_ended(void *arg, const char *id, om_time expires_at)
{
	struct gw_app *app = arg;

	if (gw_sessions_end(app->sessions, id, expires_at, om_now(), NULL) != OM_OK)
		om_log(OM_LOG_WARN, "an ended session cannot be remembered", NULL);
}

static void
serve(void *arg, struct gw_req *rq, struct gw_reply *rp)
{
	gw_routes_serve(arg, rq, rp);
}

static om_status
start_parts(struct gw_app *app, om_err *e)
{
	const struct gw_conf *c = app->conf;
	struct gw_spool_opts spool = {
	    .dir = c->spool_dir, .limit_bytes = c->spool_limit_bytes, .each_ended = remember_ended, .arg = app};
	struct gw_forward_opts forward = {.deadline_ms = 0};
	struct gw_http_opts http = {
	    .address = c->bind_address,
	    .port = (int)c->port,
	    .threads = (int)c->http_threads,
	    .body_timeout_ms = (int)c->body_timeout_s * 1000,
	    .serve = serve,
	    .arg = app,
	};
	const int64_t half = c->http_threads / 2;
	om_status s;

	if ((s = gw_conf_check(c, e)) != OM_OK || (s = gw_proxies_new(c->trusted_proxies, &app->proxies, e)) != OM_OK ||
	    (s = gw_sessions_new(c->jwt_secret, &app->sessions, e)) != OM_OK ||
	    (s = gw_throttle_new(true, &app->throttle, e)) != OM_OK ||
	    (s = gw_throttle_new(false, &app->verify_throttle, e)) != OM_OK ||
	    (s = gw_assets_new(c->dashboard_dir, &app->assets, e)) != OM_OK ||
	    (s = gw_live_open((unsigned)(c->live_streams < half ? c->live_streams : half), &app->live, e)) != OM_OK ||
	    (s = gw_spool_open(&spool, &app->spool, e)) != OM_OK || (s = gw_peers_open(c, &app->peers, e)) != OM_OK)
		return s;
	gw_spool_show(app->spool, gw_live_note, app->live);
	forward.spool = app->spool;
	forward.costd = gw_peers_submit(app->peers);
	if ((s = gw_forward_open(&forward, &app->forward, e)) != OM_OK)
		return s;
	return gw_http_open(&http, &app->http, e);
}

om_status
gw_app_start(const void *conf, void **self_out, om_err *e)
{
	struct gw_app *app = calloc(1, sizeof *app);
	om_status s;

	*self_out = NULL;
	if (app == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	app->conf = conf;
	s = start_parts(app, e);
	if (s != OM_OK) {
		gw_app_stop(app);
		return s;
	}
	if (gw_password_is_weak(app->conf->password_hash))
		om_log(
		    OM_LOG_WARN, "PASSWORD_HASH is cheap to guess; make a new one with: gateway --hash-password", NULL);
	*self_out = app;
	return OM_OK;
}

/* Requests first, then what they lean on. */
void
gw_app_stop(void *self)
{
	struct gw_app *app = self;

	gw_live_stop(app->live);
	gw_http_close(&app->http);
	if (!gw_forward_close(&app->forward)) {
		/* costd holds the last batch: the process ends around the thread that
		 * waits for it, and the batch is sent again at the next start */
		om_log(OM_LOG_WARN, "costd still has a batch; it will be sent again", NULL);
		return;
	}
	gw_peers_close(&app->peers);
	gw_spool_close(&app->spool);
	gw_live_close(&app->live);
	gw_assets_free(&app->assets);
	gw_throttle_free(&app->throttle);
	gw_throttle_free(&app->verify_throttle);
	gw_sessions_free(&app->sessions);
	gw_proxies_free(&app->proxies);
	free(app);
}
