/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "prices.h"

#include "sweep.h"
#include "price/history.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sync.h"

#include <stdlib.h>
#include <string.h>

#define LEASE_US    (60 * OM_SECOND) /* more than a fetch and its commit can take */
#define FETCH_MS    30000L
#define LIST_BYTES  ((size_t)16 * 1024 * 1024)
#define ARENA_BYTES ((size_t)64 * 1024 * 1024)
#define DB_MS       30000
#define SWEEP_MS    ((int64_t)10 * 60 * 1000)
#define FAILED_US   (60 * OM_SECOND) /* the most a failed fetch waits for the next */
#define LOOK_US     (60 * OM_SECOND) /* at least so often a process looks when the next is due */
#define BEHIND_US   (INT64_C(2) * 3600 * OM_SECOND)

#define HELP "Fetches of the price list."
static struct om_stat stat_fetched = OM_COUNTER("owui_metering_price_fetches_total", "result=\"stored\"", HELP);
static struct om_stat stat_failed = OM_COUNTER("owui_metering_price_fetches_total", "result=\"failed\"", HELP);
static struct om_stat stat_changes =
    OM_COUNTER("owui_metering_price_changes_total", NULL, "Lines added to or closed in the price history.");

struct cd_prices {
	struct cd_pool *pool; /* borrowed */
	struct cd_provider_opts opts;
	struct cd_http *http; /* owned */
	om_time interval_us;
	atomic_bool stop;
	pthread_t thread;
	bool running;
	om_err told; /* why the last fetch failed, as logged */
	pthread_mutex_t lock;
	pthread_cond_t change;
};

/* One fetch on its way. */
struct fetch {
	struct cd_prices *k;
	struct om_arena a;
	bool mine;
	om_time due, fetched;
	struct cd_tariff *list;
	size_t n;
	struct cd_price_change change;
};

static om_status
claim(struct cd_db *db, void *arg, om_err *e)
{
	struct fetch *f = arg;

	return cd_price_claim(db, om_now(), LEASE_US, &f->mine, &f->due, e);
}

static om_status
store(struct cd_db *db, void *arg, om_err *e)
{
	struct fetch *f = arg;

	return cd_price_store(db, f->list, f->n, f->fetched, f->due, &f->a, &f->change, e);
}

static om_status
postpone(struct cd_db *db, void *arg, om_err *e)
{
	return cd_price_postpone(db, ((struct fetch *)arg)->due, e);
}

static om_status
get_list(struct fetch *f, om_err *e)
{
	struct cd_http_reply reply;
	om_status s;

	f->fetched = om_now();
	s = cd_http_get(f->k->http, "/models", "output_modalities", "all", LIST_BYTES, FETCH_MS, &reply, e);
	if (s == OM_OK && reply.status != 200)
		s = om_fail(e, OM_UNAVAILABLE, "the provider answers with HTTP status %d", reply.status);
	if (s == OM_OK)
		s = cd_pricing_list(
		    reply.body.data != NULL ? reply.body.data : "", reply.body.len, &f->a, &f->list, &f->n, e);
	cd_http_reply_fini(&reply);
	return s;
}

/* estimate makes up for rows that came before their price. */
static void
estimate(struct fetch *f)
{
	om_err e = {.text = ""};
	int64_t n = 0;
	om_status s =
	    cd_sweep_estimates(f->k->pool, f->fetched - BEHIND_US - f->k->interval_us, om_mono_ms() + SWEEP_MS, &n, &e);

	if (s != OM_OK)
		om_log(OM_LOG_WARN, "rows without a cost were not all estimated", "why", om_err_text(&e, s), NULL);
	else if (n > 0)
		om_log(OM_LOG_INFO, "rows without a cost estimated", "rows", OM_I64(n), NULL);
}

/* refresh carries one claimed fetch out and sets when the next is due. */
static void
refresh(struct fetch *f)
{
	struct cd_prices *k = f->k;
	om_err e = {.text = ""};
	om_status s = get_list(f, &e);

	if (s == OM_OK) {
		f->due = om_now() + k->interval_us;
		s = cd_pool_run(k->pool, CD_TX_WRITE, om_mono_ms() + DB_MS, store, f, &e);
	}
	if (s == OM_OK) {
		om_stat_add(&stat_fetched, 1);
		om_stat_add(&stat_changes, f->change.added + f->change.closed);
		if (f->change.added + f->change.closed > 0)
			om_log(OM_LOG_INFO, "prices changed", "models", OM_I64(f->n), "added", OM_I64(f->change.added),
			    "closed", OM_I64(f->change.closed), NULL);
		k->told.text[0] = '\0';
		estimate(f);
		return;
	}
	if (atomic_load(&k->stop))
		return; /* the lease runs out by itself */
	om_stat_add(&stat_failed, 1);
	if (strcmp(k->told.text, om_err_text(&e, s)) != 0)
		om_log(OM_LOG_WARN, "the price list cannot be fetched or stored", "why", om_err_text(&e, s), NULL);
	(void)om_fail(&k->told, s, "%s", om_err_text(&e, s));
	f->due = om_now() + (k->interval_us < FAILED_US ? k->interval_us : FAILED_US);
	if (cd_pool_run(k->pool, CD_TX_WRITE, om_mono_ms() + DB_MS, postpone, f, NULL) != OM_OK)
		f->due = om_now() + LEASE_US;
}

static void
rest(struct cd_prices *k, om_time due)
{
	om_time wait = due - om_now();
	int64_t until;

	wait = wait < 0 ? 0 : wait > LOOK_US ? LOOK_US : wait;
	until = om_mono_ms() + wait / 1000 + 1;
	(void)pthread_mutex_lock(&k->lock);
	while (!atomic_load(&k->stop) && om_cond_wait(&k->change, &k->lock, until))
		continue;
	(void)pthread_mutex_unlock(&k->lock);
}

static void *
work(void *arg)
{
	struct cd_prices *k = arg;

	while (!atomic_load(&k->stop)) {
		struct fetch f = {.k = k};
		char request_id[OM_REQUEST_ID];

		om_request_id_make(request_id);
		om_log_request(request_id);
		om_arena_init(&f.a, ARENA_BYTES);
		if (cd_pool_run(k->pool, CD_TX_WRITE, om_mono_ms() + DB_MS, claim, &f, NULL) != OM_OK)
			f.due = om_now() + OM_SECOND;
		else if (f.mine)
			refresh(&f);
		om_arena_fini(&f.a);
		om_log_request(NULL);
		rest(k, f.due);
	}
	return NULL;
}

om_status
cd_prices_new(
    struct cd_pool *p, const struct cd_provider_opts *o, om_time interval_us, struct cd_prices **out, om_err *e)
{
	struct cd_prices *k = calloc(1, sizeof *k);
	om_status s;

	*out = NULL;
	if (k == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_stat_register(&stat_fetched);
	om_stat_register(&stat_failed);
	om_stat_register(&stat_changes);
	k->pool = p;
	k->opts = *o;
	k->interval_us = interval_us;
	(void)pthread_mutex_init(&k->lock, NULL);
	om_cond_init(&k->change);
	s = cd_http_new(&k->opts, &k->stop, &k->http, e);
	if (s == OM_OK && pthread_create(&k->thread, NULL, work, k) != 0)
		s = om_fail(e, OM_NOMEM, "cannot start a thread");
	k->running = s == OM_OK;
	if (s != OM_OK) {
		cd_prices_free(&k);
		return s;
	}
	*out = k;
	return OM_OK;
}

void
cd_prices_stop(struct cd_prices *k)
{
	if (k == NULL)
		return;
	atomic_store(&k->stop, true);
	(void)pthread_mutex_lock(&k->lock);
	(void)pthread_cond_broadcast(&k->change);
	(void)pthread_mutex_unlock(&k->lock);
}

void
cd_prices_free(struct cd_prices **kp)
{
	struct cd_prices *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	cd_prices_stop(k);
	if (k->running)
		(void)pthread_join(k->thread, NULL);
	cd_http_free(&k->http);
	(void)pthread_cond_destroy(&k->change);
	(void)pthread_mutex_destroy(&k->lock);
	free(k);
}
