/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pool.h"

#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sync.h"
#include "base/testpoint.h"
#include "run/backoff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES         5
#define FIRST_WAIT_MS 20
#define MAX_POOL      64u

static struct om_stat conns_open =
    OM_GAUGE("owui_metering_database_connections", "state=\"open\"", "Connections to the database.");
static struct om_stat conns_busy =
    OM_GAUGE("owui_metering_database_connections", "state=\"busy\"", "Connections to the database.");
static struct om_stat tried_again =
    OM_COUNTER("owui_metering_database_retries_total", NULL, "Transactions that were tried again.");
static struct om_stat lost =
    OM_COUNTER("owui_metering_database_lost_total", NULL, "Connections closed because they broke.");

struct cd_slot {
	struct cd_db *db; /* owned; lock, except by the holder */
	bool busy;        /* lock */
};

struct cd_pool {
	const struct cd_db_opts *opts; /* borrowed */
	unsigned size;

	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct cd_slot slots[MAX_POOL];
	bool ready, stopping;
	char why[256]; /* why not ready */

	pthread_t cutter; /* runs from cd_pool_end to cd_pool_free */
	bool ending;
	int64_t grace_ms;
	pthread_cond_t freeing;
	bool is_freed; /* lock */
};

om_status
cd_pool_new(const struct cd_db_opts *o, unsigned size, struct cd_pool **out, om_err *e)
{
	struct cd_pool *p = calloc(1, sizeof *p);

	*out = NULL;
	if (p == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_check(size > 0);
	p->opts = o;
	p->size = size > MAX_POOL ? MAX_POOL : size;
	(void)snprintf(p->why, sizeof p->why, "the database was not reached yet");
	(void)pthread_mutex_init(&p->lock, NULL);
	om_cond_init(&p->freed);
	om_cond_init(&p->freeing);
	om_stat_register(&conns_open);
	om_stat_register(&conns_busy);
	om_stat_register(&tried_again);
	om_stat_register(&lost);
	*out = p;
	return OM_OK;
}

void
cd_pool_free(struct cd_pool **pp)
{
	struct cd_pool *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	if (p->ending) {
		(void)pthread_mutex_lock(&p->lock);
		p->is_freed = true;
		(void)pthread_cond_signal(&p->freeing);
		(void)pthread_mutex_unlock(&p->lock);
		(void)pthread_join(p->cutter, NULL);
	}
	for (unsigned i = 0; i < p->size; i++) {
		om_check(!p->slots[i].busy); /* its holder would go on with memory that is gone */
		cd_db_close(&p->slots[i].db);
	}
	(void)pthread_cond_destroy(&p->freed);
	(void)pthread_cond_destroy(&p->freeing);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

/* count_slots sets the gauges; the lock is held. */
static void
count_slots(const struct cd_pool *p)
{
	int open = 0, busy = 0;

	for (unsigned i = 0; i < p->size; i++) {
		open += p->slots[i].db != NULL;
		busy += p->slots[i].busy;
	}
	om_stat_set(&conns_open, open);
	om_stat_set(&conns_busy, busy);
}

static struct cd_slot *
find_free(struct cd_pool *p)
{
	struct cd_slot *empty = NULL;

	for (unsigned i = 0; i < p->size; i++) {
		if (p->slots[i].busy)
			continue;
		if (p->slots[i].db != NULL)
			return &p->slots[i];
		empty = &p->slots[i];
	}
	return empty;
}

/* take gives a slot with a connection; connecting happens outside the lock. */
static om_status
take(struct cd_pool *p, int64_t deadline_ms, struct cd_slot **out, om_err *e)
{
	struct cd_db *db = NULL;
	struct cd_slot *slot = NULL;
	om_status s = OM_OK;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->stopping && (slot = find_free(p)) == NULL)
		if (!om_cond_wait(&p->freed, &p->lock, deadline_ms))
			break;
	if (p->stopping)
		s = om_fail(e, OM_UNAVAILABLE, "costd is stopping");
	else if (slot == NULL)
		s = om_fail(e, OM_UNAVAILABLE, "all %u database connections are in use", p->size);
	else {
		om_check(!slot->busy);
		slot->busy = true;
		count_slots(p);
	}
	(void)pthread_mutex_unlock(&p->lock);
	if (s != OM_OK)
		return s;
	if (slot->db == NULL) {
		s = cd_db_open(p->opts, &db, e);
		(void)pthread_mutex_lock(&p->lock);
		slot->db = db;
		if (s != OM_OK) {
			slot->busy = false;
			(void)pthread_cond_signal(&p->freed);
		}
		count_slots(p);
		(void)pthread_mutex_unlock(&p->lock);
	}
	if (s == OM_OK)
		*out = slot;
	return s;
}

static void
give(struct cd_pool *p, struct cd_slot *slot)
{
	struct cd_db *dead[MAX_POOL];
	unsigned n = 0;

	om_check(slot >= p->slots && slot < p->slots + p->size);
	(void)pthread_mutex_lock(&p->lock);
	om_check(slot->busy && slot->db != NULL);
	slot->busy = false;
	if (cd_db_broken(slot->db)) {
		for (unsigned i = 0; i < p->size; i++) {
			if (p->slots[i].busy || p->slots[i].db == NULL)
				continue;
			dead[n++] = p->slots[i].db;
			p->slots[i].db = NULL;
		}
	}
	count_slots(p);
	(void)pthread_cond_signal(&p->freed);
	(void)pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < n; i++)
		cd_db_close(&dead[i]);
	om_stat_add(&lost, n);
}

/* commit ends a transaction in which nothing failed. */
static om_status
commit(struct cd_db *db, om_status s, om_err *e)
{
	if (s == OM_STORE && OM_MISTAKE("commit_after_failed_statement"))
		s = OM_OK;
	if (s != OM_OK)
		return s;
	OM_CRASH_POINT("costd_before_commit");
	if (OM_MISTAKE("reply_before_commit")) /* the connection's next transaction commits this one */
		return OM_OK;
	s = cd_db_commit(db, e);
	OM_CRASH_POINT("costd_after_commit");
	return s;
}

static om_status
run_once(struct cd_pool *p, cd_tx_kind kind, int64_t deadline_ms, cd_work_fn *fn, void *arg, om_err *e)
{
	struct cd_slot *slot = NULL;
	om_status s = take(p, deadline_ms, &slot, e);

	if (s != OM_OK)
		return s;
	s = kind == CD_TX_WRITE ? cd_db_begin(slot->db, e) : cd_db_begin_snapshot(slot->db, e);
	if (s == OM_OK)
		s = fn(slot->db, arg, e);
	if (kind == CD_TX_WRITE)
		s = commit(slot->db, s, e);
	if (s != OM_OK || kind != CD_TX_WRITE)
		cd_db_rollback(slot->db);
	give(p, slot);
	return s;
}

static bool
is_stopping(struct cd_pool *p)
{
	bool stopping;

	(void)pthread_mutex_lock(&p->lock);
	stopping = p->stopping;
	(void)pthread_mutex_unlock(&p->lock);
	return stopping;
}

/* pause_before waits 20, 40, 80, … ms, give or take a half. */
static void
pause_before(int attempt)
{
	int64_t ms = (int64_t)FIRST_WAIT_MS << attempt;
	struct timespec t;

	ms = ms / 2 + (int64_t)(om_backoff_random() % (uint32_t)(ms + 1));
	t = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	(void)nanosleep(&t, NULL);
}

om_status
cd_pool_gate(struct cd_pool *p, om_err *e)
{
	om_status s;

	(void)pthread_mutex_lock(&p->lock);
	s = p->ready ? OM_OK : om_fail(e, OM_UNAVAILABLE, "%s", p->why);
	(void)pthread_mutex_unlock(&p->lock);
	return s;
}

om_status
cd_pool_run(struct cd_pool *p, cd_tx_kind kind, int64_t deadline_ms, cd_work_fn *fn, void *arg, om_err *e)
{
	om_status s = cd_pool_gate(p, e);

	if (s != OM_OK)
		return s;
	for (int attempt = 0;; attempt++) {
		om_err why = {.text = ""};

		s = run_once(p, kind, deadline_ms, fn, arg, &why);
		if (s == OM_OK)
			return OM_OK;
		if ((s != OM_STORE && s != OM_UNAVAILABLE) || attempt + 1 >= TRIES || om_mono_ms() >= deadline_ms ||
		    is_stopping(p))
			return om_fail(e, s, "%s", om_err_text(&why, s));
		om_stat_add(&tried_again, 1);
		om_log(OM_LOG_INFO, "transaction is tried again", "why", om_err_text(&why, s), NULL);
		pause_before(attempt);
	}
}

om_status
cd_pool_take(struct cd_pool *p, int64_t deadline_ms, struct cd_slot **out, om_err *e)
{
	om_status s = cd_pool_gate(p, e);

	*out = NULL;
	return s == OM_OK ? take(p, deadline_ms, out, e) : s;
}

struct cd_db *
cd_slot_db(struct cd_slot *slot)
{
	om_check(slot->busy && slot->db != NULL);
	return slot->db;
}

void
cd_pool_give(struct cd_pool *p, struct cd_slot **slot)
{
	struct cd_slot *s = *slot;

	*slot = NULL;
	if (s == NULL)
		return;
	cd_db_rollback(s->db);
	give(p, s);
}

void
cd_pool_ready(struct cd_pool *p)
{
	(void)pthread_mutex_lock(&p->lock);
	p->ready = true;
	(void)pthread_mutex_unlock(&p->lock);
}

void
cd_pool_not_ready(struct cd_pool *p, const char *why)
{
	(void)pthread_mutex_lock(&p->lock);
	p->ready = false;
	(void)snprintf(p->why, sizeof p->why, "%s", why);
	(void)pthread_mutex_unlock(&p->lock);
}

static om_status
do_nothing(struct cd_db *db, void *arg, om_err *e)
{
	(void)arg;
	return cd_db_run(db, "DO 1", e);
}

om_status
cd_pool_check(struct cd_pool *p, int64_t deadline_ms, om_err *e)
{
	return cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, do_nothing, NULL, e);
}

/* cut_all cuts off all statements under way and refuses new work; the lock is held. */
static void
cut_all(struct cd_pool *p)
{
	p->stopping = true;
	(void)pthread_cond_broadcast(&p->freed);
	for (unsigned i = 0; i < p->size; i++)
		if (p->slots[i].busy && p->slots[i].db != NULL)
			cd_db_cut(p->slots[i].db);
}

static void *
cut_in_time(void *arg)
{
	struct cd_pool *p = arg;
	int64_t until = om_mono_ms() + p->grace_ms;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->is_freed) {
		if (om_cond_wait(&p->freeing, &p->lock, until) || om_mono_ms() < until)
			continue;
		cut_all(p);
		until += p->grace_ms;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

void
cd_pool_end(struct cd_pool *p, int64_t grace_ms)
{
	if (p == NULL)
		return;
	om_check(!p->ending && grace_ms > 0);
	p->grace_ms = grace_ms;
	p->ending = pthread_create(&p->cutter, NULL, cut_in_time, p) == 0;
	if (p->ending)
		return;
	(void)pthread_mutex_lock(&p->lock); /* there is no thread that could wait: cut off at once */
	cut_all(p);
	(void)pthread_mutex_unlock(&p->lock);
}
