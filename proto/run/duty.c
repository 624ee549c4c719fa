/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "duty.h"

#include "backoff.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER      INT64_MAX
#define UNSET      (-1)
#define LONGEST_MS 60000 /* a thread looks at least so often whether something is due */
#define FIRST_MS   200   /* from a failure to the next try */
#define MOST_MS    60000
#define MAX_NAMES  32u /* of duties in one process */

/* Metrics of one name; they stay when the duty is gone, as counters never go down. */
struct metrics {
	const char *name;
	char labels[96];
	struct om_stat seconds, failures, success;
};

static pthread_mutex_t metrics_lock = PTHREAD_MUTEX_INITIALIZER;
static struct metrics all_metrics[MAX_NAMES]; /* metrics_lock; an entry in use does not move */

struct om_duty_entry {
	struct om_duty row;
	struct metrics *metrics; /* borrowed */
	struct om_duty_entry *next;

	int64_t due_ms;   /* lock, as what follows; NEVER */
	uint32_t busy;    /* bit n: worker n has a turn */
	unsigned running; /* turns under way */
	uint64_t turn;    /* number of the row's last turn among all */
	bool removed;     /* no turn begins any more */
	int64_t failures; /* one after the other */
	char told[256];   /* the reason that was logged last; "": it works */
};

struct om_duties {
	int64_t (*clock_ms)(void);
	unsigned n_threads, n_started;
	pthread_t *threads; /* owned */
	atomic_bool stop;

	pthread_mutex_t lock;
	pthread_cond_t change;
	struct om_duty_entry *first; /* lock; owned */
	unsigned slow_running;       /* lock */
	uint64_t turns;              /* lock */
};

/* ---- metrics ---- */

static struct metrics *
find_metrics(const char *name)
{
	struct metrics *m = all_metrics;

	(void)pthread_mutex_lock(&metrics_lock);
	while (m < all_metrics + MAX_NAMES && m->name != NULL && strcmp(m->name, name) != 0)
		m++;
	om_check(m < all_metrics + MAX_NAMES);
	if (m->name == NULL) {
		m->name = name;
		(void)snprintf(m->labels, sizeof m->labels, "duty=\"%s\"", name);
		m->seconds = (struct om_stat)OM_HISTOGRAM("owui_metering_duty_seconds", m->labels, "Turns of duties.");
		m->failures = (struct om_stat)OM_COUNTER(
		    "owui_metering_duty_failures_total", m->labels, "Turns of duties that failed.");
		m->success = (struct om_stat)OM_GAUGE("owui_metering_duty_last_success_timestamp_seconds", m->labels,
		    "When a turn of the duty last ended well.");
		om_stat_register(&m->seconds);
		om_stat_register(&m->failures);
		om_stat_register(&m->success);
	}
	(void)pthread_mutex_unlock(&metrics_lock);
	return m;
}

/* ---- the table ---- */

om_status
om_duties_new(unsigned threads, int64_t (*clock_ms)(void), struct om_duties **out, om_err *e)
{
	struct om_duties *d = calloc(1, sizeof *d);

	*out = NULL;
	if (d == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	d->threads = calloc(threads + 1, sizeof *d->threads);
	if (d->threads == NULL) {
		free(d);
		return om_fail(e, OM_NOMEM, "out of memory");
	}
	d->n_threads = threads;
	d->clock_ms = clock_ms != NULL ? clock_ms : om_mono_ms;
	(void)pthread_mutex_init(&d->lock, NULL);
	om_cond_init(&d->change);
	*out = d;
	return OM_OK;
}

om_status
om_duties_add(struct om_duties *d, const struct om_duty *row, struct om_duty_entry **out, om_err *e)
{
	struct om_duty_entry *entry = calloc(1, sizeof *entry), **end;

	om_check(row->name != NULL && row->failed != NULL && row->run != NULL);
	om_check(row->workers <= OM_DUTY_WORKERS && row->every_ms >= 0);
	if (out != NULL)
		*out = NULL;
	if (entry == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	entry->row = *row;
	if (row->workers == 0)
		entry->row.workers = 1;
	entry->metrics = find_metrics(row->name);
	entry->due_ms = row->asleep ? NEVER : d->clock_ms();
	(void)pthread_mutex_lock(&d->lock);
	for (end = &d->first; *end != NULL; end = &(*end)->next)
		continue;
	*end = entry;
	(void)pthread_cond_broadcast(&d->change);
	(void)pthread_mutex_unlock(&d->lock);
	if (out != NULL)
		*out = entry;
	return OM_OK;
}

void
om_duties_remove(struct om_duties *d, struct om_duty_entry **ep)
{
	struct om_duty_entry *entry = *ep, **at;

	*ep = NULL;
	if (entry == NULL)
		return;
	(void)pthread_mutex_lock(&d->lock);
	entry->removed = true;
	while (entry->running > 0)
		(void)pthread_cond_wait(&d->change, &d->lock);
	for (at = &d->first; *at != entry; at = &(*at)->next)
		om_check(*at != NULL);
	*at = entry->next;
	(void)pthread_mutex_unlock(&d->lock);
	free(entry);
}

const atomic_bool *
om_duties_stopping(const struct om_duties *d)
{
	return &d->stop;
}

/* ---- wakes ---- */

/* wake_rows makes rows due at that instant, if they are not due earlier. */
static void
wake_rows(struct om_duties *d, const char *name, int64_t ms)
{
	int64_t due = d->clock_ms() + (ms > 0 ? ms : 0);

	(void)pthread_mutex_lock(&d->lock);
	for (struct om_duty_entry *entry = d->first; entry != NULL; entry = entry->next)
		if ((name == NULL || strcmp(entry->row.name, name) == 0) && due < entry->due_ms)
			entry->due_ms = due;
	(void)pthread_cond_broadcast(&d->change);
	(void)pthread_mutex_unlock(&d->lock);
}

void
om_duties_wake(struct om_duties *d, const char *name)
{
	om_check(name != NULL);
	wake_rows(d, name, 0);
}

void
om_duties_wake_in(struct om_duties *d, const char *name, int64_t ms)
{
	om_check(name != NULL);
	wake_rows(d, name, ms);
}

void
om_duties_wake_all(struct om_duties *d)
{
	wake_rows(d, NULL, 0);
}

/* ---- one turn ---- */

/* may_begin: slow turns leave one thread to the others. */
static bool
may_begin(const struct om_duties *d, const struct om_duty_entry *entry)
{
	return !entry->removed && entry->running < entry->row.workers &&
	    (!entry->row.slow || d->n_threads < 2 || d->slow_running + 1 < d->n_threads);
}

/* comes_before: of two that have been due for as long, the one whose turn is longer ago. */
static bool
comes_before(const struct om_duty_entry *a, const struct om_duty_entry *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->turn < b->turn;
}

/* pick gives the row that has been due for longest, or NULL and until when none is;
 * the lock is held. */
static struct om_duty_entry *
pick(struct om_duties *d, int64_t now, int64_t *until_out)
{
	struct om_duty_entry *best = NULL;

	*until_out = now + LONGEST_MS;
	for (struct om_duty_entry *entry = d->first; entry != NULL; entry = entry->next) {
		if (!may_begin(d, entry))
			continue;
		if (entry->due_ms > now && entry->due_ms < *until_out)
			*until_out = entry->due_ms;
		if (entry->due_ms <= now && (best == NULL || comes_before(entry, best)))
			best = entry;
	}
	return best;
}

static unsigned
take_worker(struct om_duty_entry *entry)
{
	unsigned n = 0;

	while ((entry->busy >> n & 1u) != 0)
		n++;
	om_check(n < entry->row.workers);
	entry->busy |= 1u << n;
	entry->running++;
	return n;
}

static int64_t
wait_after_failure(const struct om_duty_entry *entry)
{
	int64_t every = entry->row.every_ms;
	const struct om_backoff b = {
	    .give_up_us = OM_BACKOFF_FOR_EVER,
	    .base_us = (om_time)FIRST_MS * 1000,
	    .max_us = (om_time)(every > 0 && every < MOST_MS ? every : MOST_MS) * 1000,
	    .attempts = entry->failures,
	    .retry_after_s = -1,
	    .random = om_backoff_random(),
	};

	return om_backoff_next(&b) / 1000;
}

/* note_failure keeps the reason, and tells whether it is to be logged; the lock is
 * held. */
static bool
note_failure(struct om_duty_entry *entry, const char *why)
{
	entry->failures++;
	if (strcmp(entry->told, why) == 0)
		return false;
	(void)snprintf(entry->told, sizeof entry->told, "%s", why);
	return true;
}

/* end_turn puts the row's next turn into the schedule; the lock is held. */
static void
end_turn(struct om_duties *d, struct om_duty_turn *t, om_status s)
{
	struct om_duty_entry *entry = t->entry;
	int64_t next = t->next_ms, now = d->clock_ms();

	if (s != OM_OK)
		next = now + wait_after_failure(entry);
	else if (next == UNSET)
		next = entry->row.every_ms > 0 ? now + entry->row.every_ms : NEVER;
	if (next < entry->due_ms)
		entry->due_ms = next;
	om_check(entry->running > 0 && (entry->busy >> t->worker & 1u) != 0);
	entry->busy &= ~(1u << t->worker);
	entry->running--;
	if (entry->row.slow)
		d->slow_running--;
	(void)pthread_cond_broadcast(&d->change);
}

/* log_turn says what changed: that the duty fails, why otherwise than before, or that
 * it works again. */
static void
log_turn(const struct om_duty_entry *entry, om_status s, bool changed, const char *why)
{
	if (!changed)
		return;
	if (s != OM_OK)
		om_log(OM_LOG_WARN, entry->row.failed, "duty", entry->row.name, "why", why, NULL);
	else
		om_log(OM_LOG_INFO, "a duty works again", "duty", entry->row.name, NULL);
}

/* run_turn carries one turn of the row out; the lock is held when it is called and
 * when it returns, not meanwhile. */
static void
run_turn(struct om_duties *d, struct om_duty_entry *entry)
{
	struct om_duty_turn t = {.stop = &d->stop, .of = d, .entry = entry, .next_ms = UNSET};
	char request_id[OM_REQUEST_ID];
	om_err e = {.text = ""};
	bool changed = false;
	om_time began;
	om_status s;

	t.worker = take_worker(entry);
	entry->turn = ++d->turns;
	entry->due_ms = NEVER; /* from here on wakes count for the next turn */
	if (entry->row.slow)
		d->slow_running++;
	(void)pthread_mutex_unlock(&d->lock);

	om_request_id_make(request_id);
	om_log_request(request_id);
	began = om_now();
	s = entry->row.run(entry->row.arg, &t, &e);
	om_stat_observe_us(&entry->metrics->seconds, om_now() > began ? om_now() - began : 0);

	(void)pthread_mutex_lock(&d->lock);
	if (s == OM_OK && !(t.idle && entry->failures > 0)) {
		om_stat_set(&entry->metrics->success, om_now() / OM_SECOND);
		changed = entry->told[0] != '\0';
		entry->told[0] = '\0';
		entry->failures = 0;
	} else if (s != OM_OK && !atomic_load(&d->stop)) { /* what ends because of the stop is no failure */
		om_stat_add(&entry->metrics->failures, 1);
		changed = note_failure(entry, om_err_text(&e, s));
	}
	log_turn(entry, s, changed, om_err_text(&e, s));
	end_turn(d, &t, s);
	om_log_request(NULL);
}

bool
om_duties_step(struct om_duties *d)
{
	struct om_duty_entry *entry = NULL;
	int64_t until;

	om_check(d->n_threads == 0);
	(void)pthread_mutex_lock(&d->lock);
	if (!atomic_load(&d->stop))
		entry = pick(d, d->clock_ms(), &until);
	if (entry != NULL)
		run_turn(d, entry);
	(void)pthread_mutex_unlock(&d->lock);
	return entry != NULL;
}

/* ---- the threads ---- */

static void *
serve(void *arg)
{
	struct om_duties *d = arg;
	struct om_duty_entry *entry;
	int64_t until;

	(void)pthread_mutex_lock(&d->lock);
	while (!atomic_load(&d->stop)) {
		entry = pick(d, d->clock_ms(), &until);
		if (entry != NULL)
			run_turn(d, entry);
		else
			(void)om_cond_wait(&d->change, &d->lock, until);
	}
	(void)pthread_mutex_unlock(&d->lock);
	return NULL;
}

om_status
om_duties_start(struct om_duties *d, om_err *e)
{
	om_check(d->n_started == 0);
	while (d->n_started < d->n_threads) {
		if (pthread_create(&d->threads[d->n_started], NULL, serve, d) != 0)
			return om_fail(e, OM_NOMEM, "cannot start a thread");
		d->n_started++;
	}
	return OM_OK;
}

void
om_duties_stop(struct om_duties *d)
{
	if (d == NULL)
		return;
	(void)pthread_mutex_lock(&d->lock);
	atomic_store(&d->stop, true);
	(void)pthread_cond_broadcast(&d->change);
	(void)pthread_mutex_unlock(&d->lock);
}

void
om_duties_free(struct om_duties **dp)
{
	struct om_duties *d = *dp;
	struct om_duty_entry *next;

	*dp = NULL;
	if (d == NULL)
		return;
	om_duties_stop(d);
	for (unsigned i = 0; i < d->n_started; i++)
		(void)pthread_join(d->threads[i], NULL);
	for (struct om_duty_entry *entry = d->first; entry != NULL; entry = next) {
		om_check(entry->running == 0);
		next = entry->next;
		free(entry);
	}
	(void)pthread_cond_destroy(&d->change);
	(void)pthread_mutex_destroy(&d->lock);
	free(d->threads);
	free(d);
}

/* ---- for turns ---- */

void
om_duty_next_in(struct om_duty_turn *t, int64_t ms)
{
	int64_t now = t->of->clock_ms();

	t->next_ms = ms <= 0 ? now : ms > NEVER - now ? NEVER : now + ms;
}

void
om_duty_again(struct om_duty_turn *t)
{
	om_duty_next_in(t, 0);
}

void
om_duty_more(struct om_duty_turn *t)
{
	int64_t now = t->of->clock_ms();

	(void)pthread_mutex_lock(&t->of->lock);
	if (now < t->entry->due_ms)
		t->entry->due_ms = now;
	(void)pthread_cond_broadcast(&t->of->change);
	(void)pthread_mutex_unlock(&t->of->lock);
}

void
om_duty_idle(struct om_duty_turn *t)
{
	t->idle = true;
}

bool
om_duty_goes_on(const struct om_duty_turn *t)
{
	return !atomic_load(t->stop);
}
