/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "prices.h"

#include "sweep.h"
#include "database/lease.h"
#include "price/history.h"
#include "base/log.h"
#include "base/stats.h"
#include "run/backoff.h"

#include <stdlib.h>

#define TASK        "prices"         /* its lease */
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
};

/* One fetch on its way. */
struct fetch {
	struct cd_prices *k;
	struct om_arena a;
	struct cd_lease lease;
	struct cd_lease_end end;
	om_time fetched;
	struct cd_tariff *list;
	size_t n;
	struct cd_price_change change;
};

static om_status
claim(struct cd_db *db, void *arg, om_err *e)
{
	struct fetch *f = arg;

	return cd_lease_take(db, &cd_lease_tasks, cd_t(TASK), om_now(), LEASE_US, &f->lease, e);
}

static om_status
store(struct cd_db *db, void *arg, om_err *e)
{
	struct fetch *f = arg;
	om_status s = cd_price_store(db, f->list, f->n, f->fetched, &f->a, &f->change, e);

	return s == OM_OK ? cd_lease_done(db, &cd_lease_tasks, cd_t(TASK), f->lease.id, &f->end, e) : s;
}

static om_status
postpone(struct cd_db *db, void *arg, om_err *e)
{
	struct fetch *f = arg;

	return cd_lease_done(db, &cd_lease_tasks, cd_t(TASK), f->lease.id, &f->end, e);
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

/* put_off keeps why a fetch failed and when the next is due, for all processes. */
static void
put_off(struct fetch *f, const char *why)
{
	const om_time wait = f->k->interval_us < FAILED_US ? f->k->interval_us : FAILED_US;
	const struct om_backoff b = {.now = om_now(),
	    .first_us = om_now(),
	    .give_up_us = OM_BACKOFF_FOR_EVER,
	    .base_us = wait,
	    .max_us = wait,
	    .attempts = f->lease.attempts + 1,
	    .retry_after_s = -1,
	    .random = om_backoff_random()};
	om_err e = {.text = ""};
	om_status s;

	f->end = (struct cd_lease_end){.next_us = om_backoff_next(&b), .attempts = f->lease.attempts + 1, .error = why};
	s = cd_pool_run(f->k->pool, CD_TX_WRITE, om_mono_ms() + DB_MS, postpone, f, &e);
	if (s != OM_OK) /* the lease runs out by itself */
		om_log(OM_LOG_INFO, "when the price list is fetched next could not be stored", "why",
		    om_err_text(&e, s), NULL);
}

/* refresh carries one claimed fetch out and sets when the next is due. */
static om_status
refresh(struct fetch *f, const struct om_duty_turn *t, om_err *e)
{
	struct cd_prices *k = f->k;
	om_status s = get_list(f, e);

	if (s == OM_OK) {
		f->end = (struct cd_lease_end){.next_us = om_now() + k->interval_us};
		s = cd_pool_run(k->pool, CD_TX_WRITE, om_mono_ms() + DB_MS, store, f, e);
	}
	if (s == OM_OK) {
		om_stat_add(&stat_fetched, 1);
		om_stat_add(&stat_changes, f->change.added + f->change.closed);
		if (f->change.added + f->change.closed > 0)
			om_log(OM_LOG_INFO, "prices changed", "models", OM_I64(f->n), "added", OM_I64(f->change.added),
			    "closed", OM_I64(f->change.closed), NULL);
		estimate(f);
	} else if (om_duty_goes_on(t)) { /* at the stop the lease runs out by itself */
		om_stat_add(&stat_failed, 1);
		put_off(f, om_err_text(e, s));
	}
	return s;
}

/* next_in gives how long this process waits for the next fetch; others move it, too. */
static int64_t
next_in(om_time due)
{
	om_time now = om_now();

	return due > now + LOOK_US ? LOOK_US / 1000 : (due - now) / 1000 + 1;
}

om_status
cd_prices_turn(void *arg, struct om_duty_turn *t, om_err *e)
{
	struct cd_prices *k = arg;
	struct fetch f = {.k = k};
	om_status s;

	om_arena_init(&f.a, ARENA_BYTES);
	s = cd_pool_run(k->pool, CD_TX_WRITE, om_mono_ms() + DB_MS, claim, &f, e);
	if (s == OM_OK && f.lease.taken) {
		s = refresh(&f, t, e);
		om_duty_next_in(t, next_in(f.end.next_us));
	} else if (s == OM_OK) {
		om_duty_idle(t);
		om_duty_next_in(t, next_in(f.lease.due_us));
	}
	om_arena_fini(&f.a);
	return s;
}

om_status
cd_prices_new(struct cd_pool *p, const struct cd_provider_opts *o, om_time interval_us, const atomic_bool *stop,
    struct cd_prices **out, om_err *e)
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
	s = cd_http_new(&k->opts, stop, &k->http, e);
	if (s != OM_OK) {
		cd_prices_free(&k);
		return s;
	}
	*out = k;
	return OM_OK;
}

void
cd_prices_free(struct cd_prices **kp)
{
	struct cd_prices *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	cd_http_free(&k->http);
	free(k);
}
