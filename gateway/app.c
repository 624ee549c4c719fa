/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app.h"

#include "access/access.h"
#include "access/hosts.h"
#include "access/password.h"
#include "http/http.h"
#include "http/proxy.h"
#include "intake/live.h"
#include "intake/quota.h"
#include "pages/assets.h"
#include "peers/peers.h"
#include "spool/forward.h"
#include "spool/spool.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

const struct om_service gw_service = {
    .name = "gateway",
    .purpose = "takes usage records over HTTP, keeps them until costd has them, answers questions",
    .settings = gw_conf_table,
    .n_settings = GW_CONF_SETTINGS,
    .conf_bytes = sizeof(struct gw_conf),
    .start = gw_app_start,
    .stop = gw_app_stop,
};

static void
serve(void *arg, struct gw_req *rq, struct gw_reply *rp)
{
	gw_routes_serve(arg, rq, rp);
}

static om_status
start_spool(struct gw_app *app, om_err *e)
{
	const struct gw_conf *c = app->conf;
	const int64_t half = c->http_threads / 2; /* the other half stays free for records */
	const struct gw_spool_opts spool = {.dir = c->spool_dir, .limit_bytes = c->spool_limit_bytes};
	const struct gw_quota_limits limits = {.records_minute = c->ingest_records_minute,
	    .records_day = c->ingest_records_day,
	    .bytes_minute = c->ingest_bytes_minute,
	    .bytes_day = c->ingest_bytes_day};
	om_status s = gw_live_open((unsigned)(c->live_streams < half ? c->live_streams : half), &app->parts.live, e);

	if (s == OM_OK)
		s = gw_spool_open(&spool, &app->parts.spool, e);
	if (s == OM_OK)
		gw_spool_show(app->parts.spool, gw_live_note, app->parts.live);
	return s == OM_OK ? gw_quota_open(app->parts.spool, &limits, &app->parts.quota, e) : s;
}

static om_status
start_access(struct gw_app *app, om_err *e)
{
	const struct gw_conf *c = app->conf;
	const struct gw_access_opts access = {
	    .api_key = c->api_key,
	    .read_api_key = c->read_api_key,
	    .password_hash = c->password_hash,
	    .jwt_secret = c->jwt_secret,
	    .cookie_secure = c->cookie_secure,
	    .session_lifetime_s = c->session_lifetime_s,
	    .peers = app->parts.peers,
	};

	return gw_access_open(&access, &app->parts.access, e);
}

static om_status
start_peers(struct gw_app *app, om_err *e)
{
	const struct gw_conf *c = app->conf;
	const struct gw_peers_opts peers = {
	    .costd_urls = c->costd_url,
	    .reportd_urls = c->reportd_url,
	    .tls = {.ca_file = c->wire.tls_ca, .cert_file = c->wire.tls_cert, .key_file = c->wire.tls_key},
	    .key = c->wire.gateway_key,
	    .allow_no_mac = om_wire_allow_no_mac(&c->wire),
	    .files = (int)c->http_threads / 2,
	};
	struct gw_forward_opts forward = {.spool = app->parts.spool};
	om_status s = gw_peers_open(&peers, &app->parts.peers, e);

	if (s != OM_OK)
		return s;
	forward.costd = gw_peers_submit(app->parts.peers);
	return gw_forward_open(&forward, &app->forward, e);
}

static om_status
start_http(struct gw_app *app, om_err *e)
{
	const struct gw_conf *c = app->conf;
	const struct gw_http_opts http = {
	    .address = c->bind_address,
	    .port = (int)c->port,
	    .threads = (int)c->http_threads,
	    .body_timeout_ms = (int)c->body_timeout_s * 1000,
	    .stranger_ms = (int)c->stranger_timeout_s * 1000,
	    .per_address = (int)c->connections_per_address,
	    .proxies = app->proxies,
	    .serve = serve,
	    .arg = &app->routes,
	};

	app->routes = (struct gw_routes){
	    .parts = &app->parts, .proxies = app->proxies, .hosts = app->hosts, .assets = app->assets};
	return gw_http_open(&http, &app->http, e);
}

static om_status
start_parts(struct gw_app *app, om_err *e)
{
	const struct gw_conf *c = app->conf;
	om_status s;

	app->parts.self = &gw_service;
	app->parts.conf = c;
	app->parts.tag_key = app->tag_key;
	app->parts.told_are_unknown = om_told_are_unknown(c->told_users);
	app->parts.begin_export = gw_routes_export;
	app->parts.takes_ticket = gw_routes_takes_ticket;
	if ((s = gw_conf_check(c, e)) != OM_OK || (s = gw_tag_key(c->api_key, app->tag_key, e)) != OM_OK ||
	    (s = gw_proxies_new(c->trusted_proxies, &app->proxies, e)) != OM_OK ||
	    (s = gw_hosts_new(c->public_url, c->allowed_hosts, &app->hosts, e)) != OM_OK ||
	    (s = gw_assets_new(c->dashboard_dir, &app->assets, e)) != OM_OK || (s = start_spool(app, e)) != OM_OK ||
	    (s = start_peers(app, e)) != OM_OK || (s = start_access(app, e)) != OM_OK)
		return s;
	return start_http(app, e);
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
	if (app->conf->public_url == NULL && app->conf->allowed_hosts == NULL)
		om_log(OM_LOG_INFO, "neither PUBLIC_URL nor ALLOWED_HOSTS is set", "hosts",
		    app->conf->trusted_proxies != NULL
			? "addresses, local names, and whatever name a trusted proxy passes on"
			: "addresses and local names alone; a name with a dot is answered 421",
		    NULL);
	*self_out = app;
	return OM_OK;
}

/* Requests first, then the parts they use. */
void
gw_app_stop(void *self)
{
	struct gw_app *app = self;

	gw_live_stop(app->parts.live);
	gw_http_close(&app->http);
	if (!gw_forward_close(&app->forward)) {
		/* costd has not answered for the last batch: the process ends while a thread
		 * still waits for the answer, and the next start sends the batch again */
		om_log(OM_LOG_WARN, "costd still has a batch; it will be sent again", NULL);
		return;
	}
	gw_access_close(&app->parts.access);
	gw_quota_close(&app->parts.quota);
	gw_peers_close(&app->parts.peers);
	gw_spool_close(&app->parts.spool);
	gw_live_close(&app->parts.live);
	gw_assets_free(&app->assets);
	gw_hosts_free(&app->hosts);
	gw_proxies_free(&app->proxies);
	free(app);
}
