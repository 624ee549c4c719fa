/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "spool_in.h"

#include "base/invariant.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sync.h"

#include <stdlib.h>

#define TRANSACTION_BYTES ((size_t)8 * 1024 * 1024)
#define IDLE_MS           1000
#define SWEEP_ROWS        1000
#define ROW_BYTES         64 /* what a row takes besides its payload */

static struct om_stat st_accepted =
    OM_COUNTER("owui_metering_spool_accepted_total", NULL, "Records made durable since the spool was made.");
static struct om_stat st_new = OM_COUNTER("owui_metering_spool_delivered_total", "outcome=\"new\"",
    "Records costd has taken since the spool was made, by what became of them.");
static struct om_stat st_duplicate = OM_COUNTER("owui_metering_spool_delivered_total", "outcome=\"duplicate\"",
    "Records costd has taken since the spool was made, by what became of them.");
static struct om_stat st_refused = OM_COUNTER("owui_metering_spool_delivered_total", "outcome=\"refused\"",
    "Records costd has taken since the spool was made, by what became of them.");
static struct om_stat st_pending = OM_GAUGE("owui_metering_spool_pending", NULL, "Records waiting for costd.");
static struct om_stat st_pending_bytes =
    OM_GAUGE("owui_metering_spool_pending_bytes", NULL, "Size of the records waiting for costd.");
static struct om_stat st_quarantined =
    OM_GAUGE("owui_metering_spool_quarantined", NULL, "Damaged records set aside in the spool.");
static struct om_stat st_damaged = OM_GAUGE("owui_metering_spool_damaged", NULL,
    "1 when the spool's file or log was found damaged at start beyond single records; the log says how.");
static struct om_stat st_oldest = OM_GAUGE("owui_metering_spool_oldest_pending_timestamp_seconds", NULL,
    "When the oldest waiting record was received; 0 when none waits.");
static struct om_stat st_commits =
    OM_COUNTER("owui_metering_spool_commits_total", NULL, "Durable transactions of this process.");
static struct om_stat st_full =
    OM_COUNTER("owui_metering_spool_full_total", NULL, "Appends refused for want of space.");
static struct om_stat st_commit_time =
    OM_HISTOGRAM("owui_metering_spool_commit_seconds", NULL, "How long a transaction took to become durable.");

void
gw_op_free(struct gw_op *o)
{
	gw_batch_free(&o->batch);
	(void)sem_destroy(&o->decided);
	free(o);
}

void
gw_spool_publish(struct gw_spool *s)
{
	struct gw_store_totals t;

	gw_store_totals(s->store, &t);
	(void)pthread_mutex_lock(&s->lock);
	s->totals = t;
	(void)pthread_mutex_unlock(&s->lock);
	om_stat_register(&st_full);
	om_stat_register(&st_commits);
	om_stat_set(&st_accepted, t.accepted);
	om_stat_set(&st_new, t.new_records);
	om_stat_set(&st_duplicate, t.duplicate_records);
	om_stat_set(&st_refused, t.refused_records);
	om_stat_set(&st_pending, t.pending);
	om_stat_set(&st_pending_bytes, t.pending_bytes);
	om_stat_set(&st_quarantined, t.quarantined);
	om_stat_set(&st_damaged, gw_store_damaged(s->store));
	om_stat_set(&st_oldest, t.oldest_us / OM_SECOND);
}

static void
set_state(struct gw_spool *s, gw_spool_state state)
{
	(void)pthread_mutex_lock(&s->lock);
	if (s->state != GW_SPOOL_FAILED)
		s->state = state;
	(void)pthread_mutex_unlock(&s->lock);
}

/* decide tells the caller of one operation. */
static void
decide(struct gw_op *o, om_status status, const om_err *err)
{
	int expected = GW_OP_WAITING;

	om_check(atomic_load(&o->state) != GW_OP_DECIDED); /* each caller is told once */
	o->status = status;
	if (err != NULL && status != OM_OK)
		o->err = *err;
	if (atomic_compare_exchange_strong(&o->state, &expected, GW_OP_DECIDED))
		(void)sem_post(&o->decided);
	else
		gw_op_free(o);
}

static om_status
append(struct gw_spool *s, struct gw_op *o, om_err *e)
{
	const struct gw_batch *b = o->batch;
	om_status st = OM_OK;

	for (size_t i = 0; st == OM_OK && i < b->n; i++) {
		size_t start = i > 0 ? b->ends[i - 1] : 0;

		st = gw_store_put(s->store, o->at, b->bytes.data + start, b->ends[i] - start, e);
	}
	return st == OM_OK && o->run != NULL ? o->run(gw_store_db(s->store), o->run_arg, e) : st;
}

static om_status
change(struct gw_spool *s, struct gw_op *o, om_err *e)
{
	switch (o->kind) {
	case OP_APPEND:
		return append(s, o, e);
	case OP_FORGET:
		return gw_store_forget(s->store, o->first, o->last, o->n_new, o->n_duplicate, o->n_refused, e);
	case OP_RUN:
		return o->run(gw_store_db(s->store), o->run_arg, e);
	case OP_REFUSE:
		return gw_store_refuse(s->store, &o->refused, e);
	case OP_READ:
	case OP_REFUSALS:
	case OP_LOOK:
		om_check(o->kind < OP_READ); /* what only reads is not among the changes */
		break;
	}
	return OM_OK;
}

static void
fail_for_good(struct gw_spool *s, const om_err *why)
{
	set_state(s, GW_SPOOL_FAILED);
	om_log(OM_LOG_ERROR, "the spool failed", "why", why->text, NULL);
	s->on_failure(why->text);
}

/* transact carries out the list's operations, or only its appends, in one
 * transaction, which may also delete what is acknowledged. */
static om_status
transact(struct gw_spool *s, struct gw_op *list, bool appends_only, bool sweep, om_err *e)
{
	om_time start = om_now();
	om_status st = gw_store_begin(s->store, e);

	for (struct gw_op *o = list; st == OM_OK && o != NULL; o = o->next)
		if (!appends_only || o->kind == OP_APPEND)
			st = change(s, o, e);
	if (st == OM_OK && sweep)
		st = gw_store_sweep(s->store, SWEEP_ROWS, e);
	if (st == OM_OK)
		st = gw_store_commit(s->store, e);
	if (st != OM_OK) {
		gw_store_rollback(s->store);
		if (st != OM_FULL && st != OM_NOMEM && st != OM_INTERNAL)
			fail_for_good(s, e);
		return st;
	}
	om_stat_add(&st_commits, 1);
	om_stat_observe_us(&st_commit_time, om_now() - start);
	(void)pthread_mutex_lock(&s->lock);
	s->commits++;
	(void)pthread_mutex_unlock(&s->lock);
	return OM_OK;
}

static void
note_full(struct gw_spool *s, om_status st)
{
	if (st != OM_FULL)
		return;
	om_stat_add(&st_full, 1);
	set_state(s, GW_SPOOL_FULL);
}

/* under_limit decides whether one more append fits after `bytes` others. */
static om_status
under_limit(const struct gw_spool *s, const struct gw_op *o, size_t bytes, om_err *e)
{
	struct gw_store_totals t;

	gw_store_totals(s->store, &t);
	if (t.pending_bytes + (int64_t)(bytes + o->batch->bytes.len) > s->limit_bytes)
		return om_fail(e, OM_FULL,
		    "the spool has reached its limit of %lld bytes; costd has not taken its records yet",
		    (long long)s->limit_bytes);
	return OM_OK;
}

static size_t
room_of(const struct gw_op *o)
{
	return o->kind == OP_APPEND ? o->batch->bytes.len + o->batch->n * ROW_BYTES : 0;
}

/* admit answers the appends there is no room for and gives the others.  The disk
 * is asked once for all, and only where that fails for each. */
static struct gw_op *
admit(struct gw_spool *s, struct gw_op *list)
{
	struct gw_op *next, *rest = NULL, **tail = &rest;
	size_t bytes = 0, room = 0;
	bool plenty;

	for (struct gw_op *o = list; o != NULL; o = o->next)
		room += room_of(o);
	plenty = room == 0 || gw_store_room(s->store, room, NULL) == OM_OK;
	room = 0;
	for (struct gw_op *o = list; o != NULL; o = next) {
		om_err e = {.text = ""};
		om_status st = o->kind == OP_APPEND ? under_limit(s, o, bytes, &e) : OM_OK;

		if (st == OM_OK && !plenty && o->kind == OP_APPEND)
			st = gw_store_room(s->store, room + room_of(o), &e);
		next = o->next;
		o->next = NULL;
		if (st != OM_OK) {
			note_full(s, st);
			if (st == OM_IO)
				fail_for_good(s, &e);
			decide(o, st, &e);
			continue;
		}
		if (o->kind == OP_APPEND)
			bytes += o->batch->bytes.len;
		room += room_of(o);
		*tail = o;
		tail = &o->next;
	}
	return rest;
}

/* show tells of the batches of a list that are durable now. */
static void
show(struct gw_spool *s, const struct gw_op *list)
{
	(void)pthread_mutex_lock(&s->lock);
	for (const struct gw_op *o = list; o != NULL && s->on_batch != NULL; o = o->next)
		if (o->kind == OP_APPEND)
			s->on_batch(s->batch_arg, o->batch, o->at);
	(void)pthread_mutex_unlock(&s->lock);
}

/* changes takes the changing operations of the list to their end. */
static void
changes(struct gw_spool *s, struct gw_op *list)
{
	om_err e = {.text = ""};
	bool appended = false, alone;
	struct gw_op *next;
	om_status st;

	list = admit(s, list);
	if (list == NULL)
		return;
	st = transact(s, list, false, true, &e);
	/* what cannot be done in one transaction is done in several: all appends, then
	 * each other operation */
	alone = st == OM_FULL || st == OM_INTERNAL || st == OM_NOMEM;
	if (st == OM_FULL && gw_store_tidy(s->store, true, &e) == OM_IO) /* a shorter log may do */
		fail_for_good(s, &e);
	if (alone)
		st = transact(s, list, true, false, &e);
	note_full(s, st);
	for (struct gw_op *o = list; alone && o != NULL; o = next) {
		next = o->next;
		if (o->kind == OP_APPEND)
			continue;
		o->next = NULL;
		o->status = transact(s, o, false, false, &o->err);
		o->next = next;
	}
	for (struct gw_op *o = list; o != NULL; o = o->next)
		appended = appended || o->kind == OP_APPEND;
	if (st == OM_OK && appended)
		set_state(s, GW_SPOOL_OK);
	gw_spool_publish(s); /* before a caller is told */
	if (st == OM_OK)
		show(s, list);
	for (struct gw_op *o = list; o != NULL; o = next) {
		next = o->next;
		if (alone && o->kind != OP_APPEND)
			decide(o, o->status, NULL);
		else
			decide(o, st, &e);
	}
	if (st != OM_OK || !appended)
		return;
	(void)pthread_mutex_lock(&s->lock);
	if (s->on_records != NULL)
		s->on_records(s->arg);
	(void)pthread_mutex_unlock(&s->lock);
}

static om_status
look(struct gw_spool *s, struct gw_op *o, om_err *e)
{
	if (o->kind == OP_LOOK)
		return o->run(gw_store_db(s->store), o->look_arg, e);
	if (o->kind == OP_REFUSALS)
		return gw_store_refusals(s->store, o->arena, &o->list, &o->n_list, e);
	return gw_store_read(s->store, o->max_rows, o->max_bytes, o->arena, &o->rows, &o->n_rows, e);
}

static void
reads(struct gw_spool *s, struct gw_op *list)
{
	struct gw_op *next;

	for (struct gw_op *o = list; o != NULL; o = next) {
		om_err e = {.text = ""};
		om_status st;

		next = o->next;
		st = look(s, o, &e);
		if (st == OM_IO)
			fail_for_good(s, &e);
		gw_spool_publish(s);
		decide(o, st, &e);
	}
}

static bool
is_read(const struct gw_op *o)
{
	return o->kind == OP_READ || o->kind == OP_REFUSALS || o->kind == OP_LOOK;
}

/* take gives all that is queued, up to the size of one transaction, and waits
 * for something to come. */
static bool
take(struct gw_spool *s, struct gw_op **changes_out, struct gw_op **reads_out, bool *idle)
{
	struct gw_op **ct = changes_out, **rt = reads_out;
	int64_t until = om_mono_ms() + IDLE_MS;
	size_t bytes = 0;
	bool waiting = true;

	*changes_out = *reads_out = NULL;
	(void)pthread_mutex_lock(&s->lock);
	while (s->head == NULL && !s->stop && waiting)
		waiting = om_cond_wait(&s->work, &s->lock, until);
	*idle = s->head == NULL;
	if (s->head == NULL && s->stop) {
		(void)pthread_mutex_unlock(&s->lock);
		return false;
	}
	while (s->head != NULL && bytes < TRANSACTION_BYTES) {
		struct gw_op *o = s->head;

		s->head = o->next;
		o->next = NULL;
		if (is_read(o)) {
			*rt = o;
			rt = &o->next;
			continue;
		}
		if (o->kind == OP_APPEND)
			bytes += o->batch->bytes.len;
		*ct = o;
		ct = &o->next;
	}
	if (s->head == NULL)
		s->tail = &s->head;
	(void)pthread_mutex_unlock(&s->lock);
	return true;
}

static void
refuse_all(struct gw_op *list)
{
	static const om_err why = {.text = "the spool failed"};
	struct gw_op *next;

	for (struct gw_op *o = list; o != NULL; o = next) {
		next = o->next;
		decide(o, OM_IO, &why);
	}
}

void *
gw_spool_thread(void *arg)
{
	struct gw_spool *s = arg;
	struct gw_op *to_change, *to_read;
	bool idle;

	while (take(s, &to_change, &to_read, &idle)) {
		om_err e = {.text = ""};
		bool failed, full;

		(void)pthread_mutex_lock(&s->lock);
		failed = s->state == GW_SPOOL_FAILED;
		(void)pthread_mutex_unlock(&s->lock);
		if (failed) {
			refuse_all(to_change);
			refuse_all(to_read);
			continue;
		}
		if (to_change != NULL)
			changes(s, to_change);
		if (to_read != NULL)
			reads(s, to_read);
		(void)pthread_mutex_lock(&s->lock);
		full = s->state == GW_SPOOL_FULL;
		(void)pthread_mutex_unlock(&s->lock);
		if (gw_store_tidy(s->store, idle || full, &e) == OM_IO)
			fail_for_good(s, &e);
		if (idle && gw_store_room(s->store, 0, &e) == OM_OK && s->totals.pending_bytes < s->limit_bytes)
			set_state(s, GW_SPOOL_OK);
	}
	return NULL;
}
