/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app.h"

#include "serve.h"
#include "settings.h"
#include "database/pool.h"
#include "directory/directory.h"
#include "documents/delivery.h"
#include "documents/differing.h"
#include "ledger/bring_up.h"
#include "ledger/ledger.h"
#include "notify/webhook.h"
#include "read/reading.h"
#include "sessions/sessions.h"
#include "settle/prices.h"
#include "settle/resolve.h"
#include "store/store.h"
#include "vendor/market.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/zone.h"
#include "run/duty.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES   ((size_t)512 * 1024 * 1024) /* a ceiling for one request */
#define RETRY_MS      1000                        /* for a database that is not there at the start */
#define SWEEP_MS      5000
#define STOP_GRACE_MS 3000 /* a statement that takes longer than this at the stop is cut off */
#define MORE_THREADS  4u   /* for duties, besides those of the look-ups */

#define LOOK_UPS "look-ups"
#define WEBHOOK  "webhook"

struct app {
	struct cd_db_opts db;
	struct cd_pool *pool;         /* owned */
	struct cd_readings *readings; /* owned */
	struct cd_sessions *sessions; /* owned */
	struct cd_schedule schedule;
	struct cd_webhook webhook;
	struct cd_differing *differing; /* owned */
	struct cd_ledger ledger;
	struct cd_market *market;       /* owned */
	struct cd_resolver *resolver;   /* owned; NULL without a key */
	struct cd_prices *prices;       /* owned; NULL when they are not fetched */
	struct cd_directory *directory; /* owned */
	struct om_duties *duties;       /* owned */
	struct cd_parts parts;
	struct om_wire_server *server; /* owned */

	bool ready; /* the database can be used; after the start only the duty touches this */
};

/* ---- duties ---- */

/* tell_progress has whoever asks told how far it is. */
static void
tell_progress(void *arg, const char *text)
{
	cd_pool_not_ready(arg, text);
}

/* bring_up is tried until the database is ready; a fault that does not go away by
 * itself ends the process. */
static om_status
bring_up(void *arg, struct om_duty_turn *t, om_err *e)
{
	struct app *app = arg;
	struct cd_bring_up how = {.tell = tell_progress, .tell_arg = app->pool};
	om_err why = {.text = ""};
	om_status s = OM_OK;

	om_duty_next_in(t, INT64_MAX);
	if (app->ready) /* all duties were woken, this one as well */
		return OM_OK;
	how.stopping = om_duties_stopping(app->duties);
	s = cd_bring_up(&app->db, &how, &why);
	if (s == OM_OK) {
		app->ready = true;
		cd_pool_ready(app->pool);
		om_log(OM_LOG_INFO, "database is ready", NULL);
		om_duties_wake_all(app->duties);
		return OM_OK;
	}
	if (cd_bring_up_is_final(s))
		om_service_give_up(why.text);
	else
		cd_pool_not_ready(app->pool, why.text);
	return om_fail(e, s, "%s", om_err_text(&why, s));
}

static om_status
sweep_readings(void *arg, struct om_duty_turn *t, om_err *e)
{
	(void)t;
	(void)e;
	cd_readings_sweep(arg, om_mono_ms());
	return OM_OK;
}

/* wake_look_ups: the ledger planned a look-up for that instant. */
static void
wake_look_ups(void *arg, om_time next)
{
	om_time now = om_now();

	om_duties_wake_in(arg, LOOK_UPS, next > now ? (next - now) / 1000 + 1 : 0);
}

static void
wake_webhook(void *arg)
{
	om_duties_wake(arg, WEBHOOK);
}

/* add_duties: the table of what costd does by itself.  What needs the database waits for
 * it. */
static om_status
add_duties(struct app *app, const struct cd_settings *conf, om_err *e)
{
	const bool asleep = !app->ready;
	const struct {
		bool wanted;
		struct om_duty row;
	} table[] = {
	    {!app->ready,
		{.name = "database",
		    .failed = "waiting for the database",
		    .every_ms = RETRY_MS,
		    .slow = true,
		    .run = bring_up,
		    .arg = app}},
	    {app->resolver != NULL,
		{.name = LOOK_UPS,
		    .failed = "costs cannot be looked up",
		    .asleep = asleep,
		    .slow = true,
		    .workers = (unsigned)conf->lookup_concurrency,
		    .run = cd_resolver_turn,
		    .arg = app->resolver}},
	    {app->prices != NULL,
		{.name = "prices",
		    .failed = "the price list cannot be fetched or stored",
		    .asleep = asleep,
		    .slow = true,
		    .run = cd_prices_turn,
		    .arg = app->prices}},
	    {true,
		{.name = "openwebui",
		    .failed = "Open WebUI's list cannot be fetched or stored",
		    .asleep = asleep,
		    .slow = true,
		    .run = cd_directory_turn,
		    .arg = app->directory}},
	    {app->webhook.url != NULL,
		{.name = WEBHOOK,
		    .failed = "the webhook's messages cannot be read or noted",
		    .every_ms = CD_WEBHOOK_EVERY_MS,
		    .asleep = asleep,
		    .slow = true,
		    .run = cd_webhook_turn,
		    .arg = &app->webhook}},
	    {true,
		{.name = "documents",
		    .failed = "documents were not compared with their months",
		    .every_ms = CD_DIFFERING_EVERY_MS,
		    .asleep = asleep,
		    .slow = true,
		    .run = cd_differing_turn,
		    .arg = app->differing}},
	    {true,
		{.name = "readings",
		    .failed = "readings that are over were not ended",
		    .every_ms = SWEEP_MS,
		    .run = sweep_readings,
		    .arg = app->readings}},
	};
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < sizeof table / sizeof table[0]; i++)
		if (table[i].wanted)
			s = om_duties_add(app->duties, &table[i].row, NULL, e);
	return s == OM_OK ? om_duties_start(app->duties, e) : s;
}

/* ---- start and stop ---- */

static void
stop(void *self)
{
	struct app *app = self;

	om_duties_stop(app->duties);
	cd_market_stop(app->market);
	cd_pool_end(app->pool, STOP_GRACE_MS);
	om_wire_server_close(&app->server); /* after this no request wakes a duty */
	om_duties_free(&app->duties);
	cd_resolver_free(&app->resolver);
	cd_prices_free(&app->prices);
	cd_directory_free(&app->directory);
	cd_market_free(&app->market);
	cd_readings_free(&app->readings);
	cd_differing_free(&app->differing);
	cd_sessions_free(&app->sessions);
	cd_pool_free(&app->pool);
	free(app);
}

/* first_try brings the database up before anything is served, so that
 * a fault that does not go away by itself stops the start; a database that does
 * not answer yet, or whose rows are to be copied, does not stop it. */
static om_status
first_try(struct app *app, om_err *e)
{
	const struct cd_bring_up how = {.not_long = true};
	om_err why = {.text = ""};
	om_status s = cd_bring_up(&app->db, &how, &why);

	if (cd_bring_up_is_final(s))
		return om_fail(e, s, "%s", why.text);
	app->ready = s == OM_OK;
	if (app->ready)
		cd_pool_ready(app->pool);
	else
		cd_pool_not_ready(app->pool, why.text);
	return OM_OK;
}

static om_status
start_schedule(struct app *app, const struct cd_settings *conf, om_err *e)
{
	app->webhook = (struct cd_webhook){.pool = app->pool, .url = conf->webhook_url, .secret = conf->webhook_secret};
	app->schedule = (struct cd_schedule){.pool = app->pool,
	    .grace_us = conf->delivery_grace_us,
	    .webhook = app->webhook.url != NULL,
	    .written = wake_webhook,
	    .written_arg = app->duties};
	return cd_webhook_check(&app->webhook, e);
}

static om_status
start_parts(struct app *app, const struct cd_settings *conf, om_err *e)
{
	const struct cd_provider_opts provider = {.base_url = conf->base_url, .api_key = conf->api_key};
	const struct cd_provider_opts openwebui = {
	    .base_url = conf->openwebui_endpoint, .api_key = conf->openwebui_key};
	const struct cd_resolver_opts how = {
	    .workers = (unsigned)conf->lookup_concurrency,
	    .rate = conf->lookup_rate,
	    .timeout_us = conf->lookup_timeout_us,
	    .pause_us = conf->lookup_pause_us,
	    .zero_wait_us = conf->lookup_zero_wait_us,
	    .told_are_unknown = om_told_are_unknown(conf->told_users),
	};
	om_status s = cd_store_init(e);

	if (s == OM_OK)
		s = cd_http_global(e);
	if (s == OM_OK)
		s = cd_pool_new(&app->db, (unsigned)conf->worker + how.workers + 5 + CD_READINGS, &app->pool, e);
	if (s == OM_OK)
		s = om_duties_new(how.workers + MORE_THREADS, NULL, &app->duties, e);
	if (s == OM_OK)
		s = cd_readings_new(app->pool, &app->readings, e);
	if (s == OM_OK)
		s = cd_differing_new(app->pool, &app->differing, e);
	if (s == OM_OK)
		s = cd_sessions_new(app->pool, &app->sessions, e);
	if (s == OM_OK)
		s = cd_market_new(&provider, &app->market, e);
	if (s == OM_OK)
		s = first_try(app, e);
	if (s != OM_OK)
		return s;
	app->ledger = (struct cd_ledger){
	    .pool = app->pool,
	    .planned = wake_look_ups,
	    .planned_arg = app->duties,
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
	if (s == OM_OK)
		s = om_random(app->ledger.times.secret, sizeof app->ledger.times.secret, e);
	if (s == OM_OK && conf->prices_interval_us > 0)
		s = cd_prices_new(
		    app->pool, &provider, conf->prices_interval_us, om_duties_stopping(app->duties), &app->prices, e);
	if (s == OM_OK)
		s = cd_directory_new(app->pool, &openwebui, conf->openwebui_interval_us,
		    om_duties_stopping(app->duties), &app->directory, e);
	if (s != OM_OK)
		return s;
	if (conf->api_key != NULL)
		s = cd_resolver_new(&app->ledger, &provider, &how, om_duties_stopping(app->duties), &app->resolver, e);
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
	cd_settings_db(conf, &app->db);
	s = om_wire_settings_check(&conf->wire, e);
	if (s == OM_OK)
		s = cd_settings_check(conf, e);
	if (s == OM_OK)
		s = om_zone_open(conf->timezone, e);
	if (s == OM_OK)
		s = start_parts(app, conf, e);
	if (s == OM_OK)
		s = add_duties(app, conf, e);
	if (s == OM_OK) {
		const struct om_wire_server_opts wire = {
		    .urls = conf->listen,
		    .tls = {.ca_file = conf->wire.tls_ca,
			.cert_file = conf->wire.tls_cert,
			.key_file = conf->wire.tls_key},
		    .gateway_key = conf->wire.gateway_key,
		    .reportd_key = conf->wire.reportd_key,
		    .allow_no_mac = om_wire_allow_no_mac(&conf->wire),
		    .may = cd_serve_may,
		    .workers = (unsigned)conf->worker,
		    .arena_bytes = ARENA_BYTES,
		    .handler = cd_serve,
		    .arg = &app->parts,
		};

		app->parts = (struct cd_parts){.self = &cd_service,
		    .pool = app->pool,
		    .ledger = &app->ledger,
		    .market = app->market,
		    .resolver = app->resolver,
		    .conf = conf,
		    .readings = app->readings,
		    .schedule = &app->schedule,
		    .sessions = app->sessions,
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
	"        costd --rebuild-totals makes days and totals from scratch, as after a change of REPORT_TIMEZONE;\n"
	"        costd --accept-clock says that the clock is right, when documents were dated by one that was ahead;\n"
	"        costd import FILE takes the older OWUI-Metering's SQLite file or OpenRouter's activity export)",
    .settings = cd_settings_table,
    .n_settings = CD_N_SETTINGS,
    .conf_bytes = sizeof(struct cd_settings),
    .start = start,
    .stop = stop,
};
