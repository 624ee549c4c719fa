/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "directory.h"

#include "listed.h"
#include "database/lease.h"
#include "names/learn.h"
#include "vendor/openwebui.h"
#include "base/log.h"
#include "base/stats.h"
#include "run/backoff.h"

#include <stdlib.h>

#define TASK        "openwebui"       /* its lease */
#define FETCH_MS    120000            /* all replies together */
#define LEASE_US    (300 * OM_SECOND) /* more than a fetch and its commits can take */
#define ARENA_BYTES ((size_t)512 * 1024 * 1024)
#define DB_MS       30000
#define FAILED_US   (60 * OM_SECOND) /* the most a failed fetch waits for the next */
#define LOOK_US     (60 * OM_SECOND) /* at least so often a process looks when the next is due */

#define LISTS_HELP "Fetches of Open WebUI's list of users and groups."
static struct om_stat stat_taken = OM_COUNTER("owui_metering_openwebui_lists_total", "result=\"taken\"", LISTS_HELP);
static struct om_stat stat_failed = OM_COUNTER("owui_metering_openwebui_lists_total", "result=\"failed\"", LISTS_HELP);
#define PERSONS_HELP "Persons whom Open WebUI's list has, or had and has no more."
static struct om_stat stat_listed = OM_GAUGE("owui_metering_openwebui_persons", "state=\"listed\"", PERSONS_HELP);
static struct om_stat stat_gone = OM_GAUGE("owui_metering_openwebui_persons", "state=\"gone\"", PERSONS_HELP);

struct cd_directory {
	struct cd_pool *pool; /* borrowed */
	struct cd_provider_opts opts;
	struct cd_http *http; /* owned; NULL when there is no list */
	om_time interval_us;
	bool looked; /* a turn of this process made the first fetch due */
	struct cd_listed_counts told;
};

/* One fetch on its way. */
struct fetch {
	struct cd_directory *d;
	struct om_arena a;
	struct cd_lease lease;
	struct cd_lease_end end;
	om_time fetched;
	struct cd_ow_list list;
	struct cd_listed *persons;
	size_t n;
	struct cd_listed_counts counts;
};

static void
show_counts(const struct cd_listed_counts *c)
{
	om_stat_set(&stat_listed, c->listed);
	om_stat_set(&stat_gone, c->gone);
}

static om_status
claim(struct cd_db *db, void *arg, om_err *e)
{
	struct fetch *f = arg;
	om_status s = OM_OK;

	if (!f->d->looked)
		s = cd_lease_hurry(db, &cd_lease_tasks, cd_t(TASK), om_now(), e);
	if (s == OM_OK)
		s = cd_lease_take(db, &cd_lease_tasks, cd_t(TASK), om_now(), LEASE_US, &f->lease, e);
	return s == OM_OK ? cd_listed_count(db, &f->counts, e) : s;
}

static om_status
store(struct cd_db *db, void *arg, om_err *e)
{
	struct fetch *f = arg;
	om_status s = cd_listed_store(db, f->persons, f->n, f->fetched, &f->a, &f->counts, e);

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
	om_status s;

	f->fetched = om_now();
	s = cd_ow_fetch(f->d->http, om_mono_ms() + FETCH_MS, &f->a, &f->list, e);
	if (s == OM_OK)
		s = cd_listed_make(&f->list, &f->a, &f->persons, &f->n, e);
	return s == OM_OK && f->n == 0 ? om_fail(e, OM_PROTOCOL, "Open WebUI's list has nobody with an id") : s;
}

/* learn gives numbers to persons who have none. */
static om_status
learn(struct fetch *f, om_err *e)
{
	struct cd_learning l;

	cd_learn_init(&l, &f->a);
	for (size_t i = 0; i < f->n; i++)
		cd_learn_note_person(&l, f->persons[i].id, f->persons[i].handle);
	return cd_learn(f->d->pool, &l, om_mono_ms() + DB_MS, e);
}

/* put_off keeps why a fetch failed and when the next is due, for all processes. */
static void
put_off(struct fetch *f, const char *why)
{
	const om_time wait = f->d->interval_us < FAILED_US ? f->d->interval_us : FAILED_US;
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
	s = cd_pool_run(f->d->pool, CD_TX_WRITE, om_mono_ms() + DB_MS, postpone, f, &e);
	if (s != OM_OK) /* the lease runs out by itself */
		om_log(OM_LOG_INFO, "when Open WebUI's list is fetched next could not be stored", "why",
		    om_err_text(&e, s), NULL);
}

static void
tell(struct fetch *f)
{
	struct cd_listed_counts *told = &f->d->told;

	om_stat_add(&stat_taken, 1);
	show_counts(&f->counts);
	if (f->counts.listed == told->listed && f->counts.gone == told->gone)
		return;
	om_log(OM_LOG_INFO, "Open WebUI's list taken", "listed", OM_I64(f->counts.listed), "gone",
	    OM_I64(f->counts.gone), "groups", OM_I64(f->list.groups.n), NULL);
	*told = f->counts;
}

/* refresh carries one claimed fetch out and sets when the next is due. */
static om_status
refresh(struct fetch *f, const struct om_duty_turn *t, om_err *e)
{
	om_status s = get_list(f, e);

	if (s == OM_OK)
		s = learn(f, e);
	if (s == OM_OK) {
		f->end = (struct cd_lease_end){.next_us = om_now() + f->d->interval_us};
		s = cd_pool_run(f->d->pool, CD_TX_WRITE, om_mono_ms() + DB_MS, store, f, e);
	}
	if (s == OM_OK) {
		tell(f);
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

	return due > now + LOOK_US ? LOOK_US / 1000 : due > now ? (due - now) / 1000 + 1 : 1;
}

static om_status
turn(struct cd_directory *d, struct om_duty_turn *t, om_err *e)
{
	struct fetch f = {.d = d};
	om_status s;

	om_arena_init(&f.a, ARENA_BYTES);
	s = cd_pool_run(d->pool, CD_TX_WRITE, om_mono_ms() + DB_MS, claim, &f, e);
	if (s == OM_OK) {
		d->looked = true;
		show_counts(&f.counts);
	}
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

/* ---- no list ---- */

static om_status
release(struct cd_db *db, void *arg, om_err *e)
{
	return cd_listed_release(db, arg, e);
}

static om_status
release_all(struct cd_directory *d, struct om_duty_turn *t, om_err *e)
{
	int64_t n = 0;
	om_status s = cd_pool_run(d->pool, CD_TX_WRITE, om_mono_ms() + DB_MS, release, &n, e);

	if (s != OM_OK)
		return s;
	om_duty_next_in(t, INT64_MAX);
	if (n > 0)
		om_log(OM_LOG_INFO, "Open WebUI's list counts no more: OPENWEBUI_ENDPOINT is not set", "persons",
		    OM_I64(n), NULL);
	return OM_OK;
}

om_status
cd_directory_turn(void *arg, struct om_duty_turn *t, om_err *e)
{
	struct cd_directory *d = arg;

	return d->http != NULL ? turn(d, t, e) : release_all(d, t, e);
}

om_status
cd_directory_new(struct cd_pool *p, const struct cd_provider_opts *o, om_time interval_us, const atomic_bool *stop,
    struct cd_directory **out, om_err *e)
{
	struct cd_directory *d = calloc(1, sizeof *d);
	om_status s = OM_OK;

	*out = NULL;
	if (d == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	d->pool = p;
	d->opts = *o;
	d->interval_us = interval_us;
	if (o->base_url != NULL) {
		om_stat_register(&stat_taken);
		om_stat_register(&stat_failed);
		om_stat_register(&stat_listed);
		om_stat_register(&stat_gone);
		s = cd_http_new(&d->opts, stop, &d->http, e);
	}
	if (s != OM_OK) {
		cd_directory_free(&d);
		return s;
	}
	*out = d;
	return OM_OK;
}

void
cd_directory_free(struct cd_directory **dp)
{
	struct cd_directory *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	cd_http_free(&d->http);
	free(d);
}
