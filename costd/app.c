/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app.h"

#include "serve.h"
#include "settings.h"
#include "database/pool.h"
#include "documents/delivery.h"
#include "ledger/bring_up.h"
#include "ledger/ledger.h"
#include "notify/webhook.h"
#include "read/reading.h"
#include "settle/prices.h"
#include "settle/resolve.h"
#include "store/store.h"
#include "vendor/market.h"
#include "base/log.h"
#include "base/sync.h"
#include "base/zone.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES   ((size_t)512 * 1024 * 1024) /* a ceiling for one request */
#define FIRST_WAIT_MS 200
#define MOST_WAIT_MS  1000
#define SWEEP_MS      5000
#define STOP_GRACE_MS 3000 /* what hangs at the database longer than this at the end is cut */

struct app {
	struct cd_db_opts db;
	struct cd_pool *pool;         /* owned */
	struct cd_readings *readings; /* owned */
	struct cd_schedule schedule;
	struct cd_webhook *webhook; /* owned; NULL: none is called */
	struct cd_ledger ledger;
	struct cd_market *market;     /* owned */
	struct cd_resolver *resolver; /* owned; NULL without a key */
	struct cd_prices *prices;     /* owned; NULL when they are not fetched */
	struct cd_parts parts;
	struct om_wire_server *server; /* owned */

	bool ready;  /* the database was when costd started */
	om_err told; /* why it is waited for, as last logged */
	pthread_t keeper;
	bool keeping;
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool stopping, stopped; /* lock */
};

/* wait_for waits until the flag is set or the time is over. */
static bool
wait_for(struct app *app, const bool *flag, int64_t ms)
{
	int64_t until = om_mono_ms() + ms;
	bool set;

	(void)pthread_mutex_lock(&app->lock);
	while (!*flag && om_cond_wait(&app->change, &app->lock, until))
		continue;
	set = *flag;
	(void)pthread_mutex_unlock(&app->lock);
	return set;
}

static void
set_flag(struct app *app, bool *flag)
{
	(void)pthread_mutex_lock(&app->lock);
	*flag = true;
	(void)pthread_cond_broadcast(&app->change);
	(void)pthread_mutex_unlock(&app->lock);
}

static void
say_once(struct app *app, const om_err *why)
{
	if (strcmp(app->told.text, why->text) != 0)
		om_log(OM_LOG_WARN, "waiting for the database", "why", why->text, NULL);
	app->told = *why;
}

/* wait_for_database tries until it is ready or the process stops. */
static void
wait_for_database(struct app *app)
{
	int64_t wait_ms = FIRST_WAIT_MS;

	while (!wait_for(app, &app->stopping, wait_ms)) {
		om_err e = {.text = ""};
		om_status s = cd_bring_up(&app->db, &e);

		if (s == OM_OK) {
			cd_pool_ready(app->pool);
			om_log(OM_LOG_INFO, "database is ready", NULL);
			return;
		}
		if (cd_bring_up_is_final(s)) {
			om_service_give_up(e.text);
			return;
		}
		cd_pool_not_ready(app->pool, e.text);
		say_once(app, &e);
		wait_ms = 2 * wait_ms > MOST_WAIT_MS ? MOST_WAIT_MS : 2 * wait_ms;
	}
}

static void *
keep(void *arg)
{
	struct app *app = arg;

	if (!app->ready)
		wait_for_database(app);
	while (!wait_for(app, &app->stopping, SWEEP_MS))
		cd_readings_sweep(app->readings, om_mono_ms());
	while (!wait_for(app, &app->stopped, STOP_GRACE_MS)) {
		cd_pool_stop(app->pool);
		cd_pool_cut(app->pool);
	}
	return NULL;
}

static void
stop(void *self)
{
	struct app *app = self;

	set_flag(app, &app->stopping);
	cd_market_stop(app->market);
	cd_resolver_stop(app->resolver);
	cd_webhook_stop(app->webhook);
	cd_prices_stop(app->prices);
	om_wire_server_close(&app->server); /* from here on nobody wakes the others */
	cd_webhook_free(&app->webhook);
	cd_resolver_free(&app->resolver);
	cd_prices_free(&app->prices);
	set_flag(app, &app->stopped);
	if (app->keeping)
		(void)pthread_join(app->keeper, NULL);
	cd_market_free(&app->market);
	cd_readings_free(&app->readings);
	cd_pool_free(&app->pool);
	(void)pthread_cond_destroy(&app->change);
	(void)pthread_mutex_destroy(&app->lock);
	free(app);
}

/* first_try brings the database up before anything is served, so that what
 * waiting cannot mend stops the start; a database that is not there yet does
 * not. */
static om_status
first_try(struct app *app, om_err *e)
{
	om_err why = {.text = ""};
	om_status s = cd_bring_up(&app->db, &why);

	if (cd_bring_up_is_final(s))
		return om_fail(e, s, "%s", why.text);
	if (s == OM_OK) {
		app->ready = true;
		cd_pool_ready(app->pool);
		return OM_OK;
	}
	cd_pool_not_ready(app->pool, why.text);
	say_once(app, &why);
	return OM_OK;
}

static om_status
start_schedule(struct app *app, const struct cd_settings *conf, om_err *e)
{
	const struct cd_webhook_opts hook = {
	    .pool = app->pool, .url = conf->webhook_url, .secret = conf->webhook_secret};
	om_status s = OM_OK;

	if ((hook.url == NULL) != (hook.secret == NULL))
		return om_fail(e, OM_INVALID, "%s: is missing, but %s is set",
		    hook.url == NULL ? "DELIVERY_WEBHOOK_URL" : "DELIVERY_WEBHOOK_SECRET",
		    hook.url == NULL ? "DELIVERY_WEBHOOK_SECRET" : "DELIVERY_WEBHOOK_URL");
	if (hook.url != NULL)
		s = cd_webhook_new(&hook, &app->webhook, e);
	app->schedule = (struct cd_schedule){.pool = app->pool,
	    .grace_us = conf->delivery_grace_us,
	    .webhook = app->webhook != NULL,
	    .written = app->webhook != NULL ? cd_webhook_wake : NULL,
	    .written_arg = app->webhook};
	return s;
}

static om_status
start_parts(struct app *app, const struct cd_settings *conf, om_err *e)
{
	const struct cd_provider_opts provider = {.base_url = conf->base_url, .api_key = conf->api_key};
	const struct cd_resolver_opts how = {
	    .workers = (unsigned)conf->lookup_concurrency,
	    .rate = conf->lookup_rate,
	    .timeout_us = conf->lookup_timeout_us,
	    .pause_us = conf->lookup_pause_us,
	    .zero_wait_us = conf->lookup_zero_wait_us,
	};
	om_status s = cd_store_init(e);

	if (s == OM_OK)
		s = cd_http_global(e);
	if (s == OM_OK)
		s = cd_pool_new(&app->db, (unsigned)conf->worker + how.workers + 3 + CD_READINGS, &app->pool, e);
	if (s == OM_OK)
		s = cd_readings_new(app->pool, &app->readings, e);
	if (s == OM_OK)
		s = cd_market_new(&provider, &app->market, e);
	if (s == OM_OK)
		s = first_try(app, e);
	if (s != OM_OK)
		return s;
	app->ledger = (struct cd_ledger){
	    .pool = app->pool,
	    .times =
		{
		    .delay_us = conf->lookup_delay_us,
		    .open_delay_us = conf->lookup_open_delay_us,
		    .max_delay_us = conf->lookup_max_delay_us,
		    .give_up_us = conf->lookup_give_up_us,
		},
	};
	s = start_schedule(app, conf, e);
	if (s == OM_OK)
		s = cd_settings_verify(conf->lookup_verify, &app->ledger.times.verify, e);
	if (s == OM_OK && conf->prices_interval_us > 0)
		s = cd_prices_new(app->pool, &provider, conf->prices_interval_us, &app->prices, e);
	if (s != OM_OK)
		return s;
	if (conf->api_key != NULL)
		s = cd_resolver_new(&app->ledger, &provider, &how, &app->resolver, e);
	else
		om_log(OM_LOG_WARN, "OPENROUTER_API_KEY is not set: costs that are not reported stay unsettled", NULL);
	return s;
}

static om_status
start(const void *settings, void **self_out, om_err *e)
{
	const struct cd_settings *conf = settings;
	struct app *app = calloc(1, sizeof *app);
	om_status s;

	if (app == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(void)pthread_mutex_init(&app->lock, NULL);
	om_cond_init(&app->change);
	cd_settings_db(conf, &app->db);
	s = om_zone_open(conf->timezone, e);
	if (s == OM_OK)
		s = start_parts(app, conf, e);
	if (s == OM_OK && pthread_create(&app->keeper, NULL, keep, app) != 0)
		s = om_fail(e, OM_NOMEM, "cannot start a thread");
	if (s == OM_OK) {
		const struct om_wire_server_opts wire = {
		    .urls = conf->listen,
		    .tls = {.ca_file = conf->tls_ca, .cert_file = conf->tls_cert, .key_file = conf->tls_key},
		    .workers = (unsigned)conf->worker,
		    .arena_bytes = ARENA_BYTES,
		    .handler = cd_serve,
		    .arg = &app->parts,
		};

		app->keeping = true;
		app->parts = (struct cd_parts){.self = &cd_service,
		    .pool = app->pool,
		    .ledger = &app->ledger,
		    .market = app->market,
		    .resolver = app->resolver,
		    .conf = conf,
		    .readings = app->readings,
		    .schedule = &app->schedule,
		    .have_key = conf->api_key != NULL};
		s = om_wire_server_open(&wire, &app->server, e);
	}
	if (s != OM_OK) {
		stop(app);
		return s;
	}
	for (unsigned i = 0; om_wire_server_url(app->server, i) != NULL; i++)
		om_log(OM_LOG_INFO, "listening", "url", om_wire_server_url(app->server, i), NULL);
	*self_out = app;
	return OM_OK;
}

const struct om_service cd_service = {
    .name = "costd",
    .purpose =
	"the ledger: what was used, by whom, and what it cost\n"
	"        (costd --check recomputes rows and totals and compares them;\n"
	"        costd --pair lists the rows that turned out to be one call, with --dry-run what an upgrade "
	"would find;\n"
	"        costd --rebuild-totals makes days and totals anew, as after a change of REPORT_TIMEZONE;\n"
	"        costd --accept-clock says that the clock is right, when documents were dated by one that was ahead;\n"
	"        costd import FILE takes the older OWUI-Metering's SQLite file or OpenRouter's activity export)",
    .settings = cd_settings_table,
    .n_settings = CD_N_SETTINGS,
    .conf_bytes = sizeof(struct cd_settings),
    .start = start,
    .stop = stop,
};
