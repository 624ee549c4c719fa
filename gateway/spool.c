/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * An operation is queued by its caller, who waits; the spool's thread takes all
 * that are queued, carries the changes out in one transaction, and only after
 * the commit tells their callers.  Reads come after the commit, so that nothing
 * is sent to costd that a power failure could still undo.
 *
 * An operation belongs to both sides; the last to let go frees it.  A caller
 * that has waited too long lets go first.
 */
#include "spool.h"

#include "log.h"
#include "service.h"
#include "stats.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRANSACTION_BYTES ((size_t)8 * 1024 * 1024)
#define WAIT_MS           20000
#define IDLE_MS           1000
#define ROW_BYTES         64 /* what a row takes besides its payload */

enum op_kind { OP_APPEND, OP_FORGET, OP_END_SESSION, OP_READ };

struct op {
	enum op_kind kind;
	struct op *next;

	/* the spool's lock */
	pthread_cond_t decided;
	bool done, abandoned;
	om_status status;
	om_err err;

	struct gw_batch *batch; /* OP_APPEND; owned */
	om_time at;             /* OP_APPEND: received; OP_END_SESSION: expires */
	uint64_t first, last;   /* OP_FORGET */
	uint32_t n_new, n_duplicate, n_refused;
	char id[64]; /* OP_END_SESSION */

	size_t max_rows, max_bytes; /* OP_READ, whose caller always waits to the end */
	struct om_arena *arena;
	struct gw_row *rows;
	size_t n_rows;
};

struct gw_spool {
	struct gw_store *store; /* the thread's */
	int64_t limit_bytes;
	void (*on_failure)(const char *why);
	pthread_t thread;
	unsigned char id[GW_SPOOL_ID];

	pthread_mutex_t lock;
	pthread_cond_t work; /* the queue is not empty, or stop */
	struct op *head, **tail;
	bool stop;
	gw_spool_state state;
	struct gw_store_totals totals;
	int64_t commits;
	void (*on_records)(void *arg);
	void *arg;
};

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
static struct om_stat st_oldest = OM_GAUGE("owui_metering_spool_oldest_pending_timestamp_seconds", NULL,
    "When the oldest waiting record was received; 0 when none waits.");
static struct om_stat st_commits =
    OM_COUNTER("owui_metering_spool_commits_total", NULL, "Durable transactions of this process.");
static struct om_stat st_full =
    OM_COUNTER("owui_metering_spool_full_total", NULL, "Appends refused for want of space.");
static struct om_stat st_commit_time =
    OM_HISTOGRAM("owui_metering_spool_commit_seconds", NULL, "How long a transaction took to become durable.");

/* ---- the thread ---- */

static void
op_free(struct op *o)
{
	gw_batch_free(&o->batch);
	(void)pthread_cond_destroy(&o->decided);
	free(o);
}

/* publish copies the store's totals for readers and metrics. */
static void
publish(struct gw_spool *s)
{
	struct gw_store_totals t;

	gw_store_totals(s->store, &t);
	(void)pthread_mutex_lock(&s->lock);
	s->totals = t;
	(void)pthread_mutex_unlock(&s->lock);
	om_stat_set(&st_accepted, t.accepted);
	om_stat_set(&st_new, t.new_records);
	om_stat_set(&st_duplicate, t.duplicate_records);
	om_stat_set(&st_refused, t.refused_records);
	om_stat_set(&st_pending, t.pending);
	om_stat_set(&st_pending_bytes, t.pending_bytes);
	om_stat_set(&st_quarantined, t.quarantined);
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
decide(struct gw_spool *s, struct op *o, om_status status, const om_err *err)
{
	bool abandoned;

	(void)pthread_mutex_lock(&s->lock);
	o->status = status;
	if (err != NULL)
		o->err = *err;
	o->done = true;
	abandoned = o->abandoned;
	(void)pthread_cond_signal(&o->decided);
	(void)pthread_mutex_unlock(&s->lock);
	if (abandoned)
		op_free(o);
}

static om_status
append(struct gw_spool *s, const struct op *o, om_err *e)
{
	const struct gw_batch *b = o->batch;
	om_status st = OM_OK;

	for (size_t i = 0; st == OM_OK && i < b->n; i++) {
		size_t start = i > 0 ? b->ends[i - 1] : 0;

		st = gw_store_put(s->store, o->at, b->bytes.data + start, b->ends[i] - start, e);
	}
	return st;
}

static om_status
change(struct gw_spool *s, const struct op *o, om_err *e)
{
	switch (o->kind) {
	case OP_APPEND:
		return append(s, o, e);
	case OP_FORGET:
		return gw_store_forget(s->store, o->first, o->last, o->n_new, o->n_duplicate, o->n_refused, e);
	case OP_END_SESSION:
		return gw_store_end_session(s->store, o->id, o->at, om_now(), e);
	case OP_READ:
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
 * transaction. */
static om_status
transact(struct gw_spool *s, struct op *list, bool appends_only, om_err *e)
{
	om_time start = om_now();
	om_status st = gw_store_begin(s->store, e);

	for (struct op *o = list; st == OM_OK && o != NULL; o = o->next)
		if (!appends_only || o->kind == OP_APPEND)
			st = change(s, o, e);
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

/* has_room decides whether one more append fits behind `bytes` others. */
static om_status
has_room(struct gw_spool *s, const struct op *o, size_t bytes, om_err *e)
{
	struct gw_store_totals t;
	size_t n = o->batch->bytes.len;

	gw_store_totals(s->store, &t);
	if (t.pending_bytes + (int64_t)(bytes + n) > s->limit_bytes)
		return om_fail(e, OM_FULL,
		    "the spool has reached its limit of %lld bytes; costd has not taken its records yet",
		    (long long)s->limit_bytes);
	return gw_store_room(s->store, bytes + n + o->batch->n * ROW_BYTES, e);
}

/* admit answers the appends there is no room for and gives the others. */
static struct op *
admit(struct gw_spool *s, struct op *list)
{
	struct op *next, *rest = NULL, **tail = &rest;
	size_t bytes = 0;

	for (struct op *o = list; o != NULL; o = next) {
		om_err e = {.text = ""};
		om_status st = o->kind == OP_APPEND ? has_room(s, o, bytes, &e) : OM_OK;

		next = o->next;
		o->next = NULL;
		if (st != OM_OK) {
			note_full(s, st);
			if (st == OM_IO)
				fail_for_good(s, &e);
			decide(s, o, st, &e);
			continue;
		}
		if (o->kind == OP_APPEND)
			bytes += o->batch->bytes.len;
		*tail = o;
		tail = &o->next;
	}
	return rest;
}

/* changes takes the changing operations of the list to their end. */
static void
changes(struct gw_spool *s, struct op *list)
{
	om_err e = {.text = ""};
	bool appended = false, alone;
	struct op *next;
	om_status st;

	list = admit(s, list);
	if (list == NULL)
		return;
	st = transact(s, list, false, &e);
	/* what cannot be done together is done apart: the appends, then each other */
	alone = st == OM_FULL || st == OM_INTERNAL || st == OM_NOMEM;
	if (alone)
		st = transact(s, list, true, &e);
	note_full(s, st);
	for (struct op *o = list; alone && o != NULL; o = next) {
		next = o->next;
		if (o->kind == OP_APPEND)
			continue;
		o->next = NULL;
		o->status = transact(s, o, false, &o->err);
		o->next = next;
	}
	publish(s); /* before anybody is answered */
	for (struct op *o = list; o != NULL; o = next) {
		next = o->next;
		appended = appended || o->kind == OP_APPEND;
		if (alone && o->kind != OP_APPEND)
			decide(s, o, o->status, NULL);
		else
			decide(s, o, st, &e);
	}
	if (st != OM_OK || !appended)
		return;
	set_state(s, GW_SPOOL_OK);
	(void)pthread_mutex_lock(&s->lock);
	if (s->on_records != NULL)
		s->on_records(s->arg);
	(void)pthread_mutex_unlock(&s->lock);
}

static void
reads(struct gw_spool *s, struct op *list)
{
	struct op *next;

	for (struct op *o = list; o != NULL; o = next) {
		om_err e = {.text = ""};
		om_status st;

		next = o->next;
		st = gw_store_read(s->store, o->max_rows, o->max_bytes, o->arena, &o->rows, &o->n_rows, &e);
		if (st == OM_IO)
			fail_for_good(s, &e);
		publish(s);
		decide(s, o, st, &e);
	}
}

/* take gives all that is queued, up to the size of one transaction, and waits
 * for something to come. */
static bool
take(struct gw_spool *s, struct op **changes_out, struct op **reads_out, bool *idle)
{
	struct op **ct = changes_out, **rt = reads_out;
	struct timespec until;
	size_t bytes = 0;
	int rc = 0;

	*changes_out = *reads_out = NULL;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_MS / 1000;
	(void)pthread_mutex_lock(&s->lock);
	while (s->head == NULL && !s->stop && rc == 0)
		rc = pthread_cond_timedwait(&s->work, &s->lock, &until);
	*idle = s->head == NULL;
	if (s->head == NULL && s->stop) {
		(void)pthread_mutex_unlock(&s->lock);
		return false;
	}
	while (s->head != NULL && bytes < TRANSACTION_BYTES) {
		struct op *o = s->head;

		s->head = o->next;
		o->next = NULL;
		if (o->kind == OP_READ) {
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
refuse_all(struct gw_spool *s, struct op *list)
{
	static const om_err why = {.text = "the spool failed"};
	struct op *next;

	for (struct op *o = list; o != NULL; o = next) {
		next = o->next;
		decide(s, o, OM_IO, &why);
	}
}

static void *
work(void *arg)
{
	struct gw_spool *s = arg;
	struct op *to_change, *to_read;
	bool idle;

	while (take(s, &to_change, &to_read, &idle)) {
		om_err e = {.text = ""};
		bool failed;

		(void)pthread_mutex_lock(&s->lock);
		failed = s->state == GW_SPOOL_FAILED;
		(void)pthread_mutex_unlock(&s->lock);
		if (failed) {
			refuse_all(s, to_change);
			refuse_all(s, to_read);
			continue;
		}
		if (to_change != NULL)
			changes(s, to_change);
		if (to_read != NULL)
			reads(s, to_read);
		if (gw_store_tidy(s->store, idle, &e) == OM_IO)
			fail_for_good(s, &e);
		if (idle && gw_store_room(s->store, 0, &e) == OM_OK && s->totals.pending_bytes < s->limit_bytes)
			set_state(s, GW_SPOOL_OK);
	}
	return NULL;
}

/* ---- the callers' side ---- */

static struct op *
op_new(enum op_kind kind, om_err *e)
{
	struct op *o = calloc(1, sizeof *o);
	pthread_condattr_t attr;

	if (o == NULL) {
		(void)om_fail(e, OM_NOMEM, "out of memory");
		return NULL;
	}
	o->kind = kind;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&o->decided, &attr);
	(void)pthread_condattr_destroy(&attr);
	return o;
}

/* submit queues the operation and waits; afterwards it is the caller's if true. */
static bool
submit(struct gw_spool *s, struct op *o, bool patient)
{
	struct timespec until;
	int rc = 0;
	bool mine;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WAIT_MS / 1000;
	(void)pthread_mutex_lock(&s->lock);
	if (s->stop) {
		o->done = true;
		o->status = om_fail(&o->err, OM_UNAVAILABLE, "the gateway is stopping");
		(void)pthread_mutex_unlock(&s->lock);
		return true;
	}
	*s->tail = o;
	s->tail = &o->next;
	(void)pthread_cond_signal(&s->work);
	while (!o->done && rc == 0) {
		if (patient)
			(void)pthread_cond_wait(&o->decided, &s->lock);
		else
			rc = pthread_cond_timedwait(&o->decided, &s->lock, &until);
	}
	mine = o->done;
	o->abandoned = !mine;
	(void)pthread_mutex_unlock(&s->lock);
	return mine;
}

/* finish gives the outcome and frees the operation. */
static om_status
finish(struct gw_spool *s, struct op *o, om_err *e)
{
	om_status st;

	if (!submit(s, o, false))
		return om_fail(e, OM_UNAVAILABLE, "the disk does not keep up; send it again");
	st = o->status;
	if (st != OM_OK)
		(void)om_fail(e, st, "%s", o->err.text);
	op_free(o);
	return st;
}

om_status
gw_spool_append(struct gw_spool *s, struct gw_batch **b, om_time received_us, om_err *e)
{
	struct op *o = op_new(OP_APPEND, e);

	if (o == NULL) {
		gw_batch_free(b);
		return OM_NOMEM;
	}
	o->batch = *b;
	o->at = received_us;
	*b = NULL;
	return finish(s, o, e);
}

om_status
gw_spool_forget(struct gw_spool *s, uint64_t first, uint64_t last, uint32_t new_records, uint32_t duplicates,
    uint32_t refused, om_err *e)
{
	struct op *o = op_new(OP_FORGET, e);

	if (o == NULL)
		return OM_NOMEM;
	o->first = first;
	o->last = last;
	o->n_new = new_records;
	o->n_duplicate = duplicates;
	o->n_refused = refused;
	return finish(s, o, e);
}

om_status
gw_spool_end_session(struct gw_spool *s, const char *id, om_time expires_at, om_err *e)
{
	struct op *o = op_new(OP_END_SESSION, e);

	if (o == NULL)
		return OM_NOMEM;
	if (strlen(id) >= sizeof o->id) {
		op_free(o);
		return om_fail(e, OM_INVALID, "not a session id");
	}
	memcpy(o->id, id, strlen(id) + 1);
	o->at = expires_at;
	return finish(s, o, e);
}

om_status
gw_spool_read(struct gw_spool *s, size_t max_rows, size_t max_bytes, struct om_arena *a, struct gw_row **rows_out,
    size_t *n_out, om_err *e)
{
	struct op *o = op_new(OP_READ, e);
	om_status st;

	*rows_out = NULL;
	*n_out = 0;
	if (o == NULL)
		return OM_NOMEM;
	o->max_rows = max_rows;
	o->max_bytes = max_bytes;
	o->arena = a;
	(void)submit(s, o, true); /* the thread writes into the caller's arena */
	st = o->status;
	if (st == OM_OK) {
		*rows_out = o->rows;
		*n_out = o->n_rows;
	} else {
		(void)om_fail(e, st, "%s", o->err.text);
	}
	op_free(o);
	return st;
}

gw_spool_state
gw_spool_status(struct gw_spool *s, struct gw_store_totals *out)
{
	gw_spool_state state;

	(void)pthread_mutex_lock(&s->lock);
	*out = s->totals;
	state = s->state;
	(void)pthread_mutex_unlock(&s->lock);
	return state;
}

int64_t
gw_spool_commits(struct gw_spool *s)
{
	int64_t n;

	(void)pthread_mutex_lock(&s->lock);
	n = s->commits;
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

const unsigned char *
gw_spool_id(const struct gw_spool *s)
{
	return s->id;
}

void
gw_spool_watch(struct gw_spool *s, void (*on_records)(void *arg), void *arg)
{
	(void)pthread_mutex_lock(&s->lock);
	s->on_records = on_records;
	s->arg = arg;
	(void)pthread_mutex_unlock(&s->lock);
}

om_status
gw_spool_open(const struct gw_spool_opts *o, struct gw_spool **out, om_err *e)
{
	struct gw_spool *s = calloc(1, sizeof *s);
	pthread_condattr_t attr;
	om_status st;

	*out = NULL;
	if (s == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	st = gw_store_open(o->dir, &s->store, e);
	if (st == OM_OK && o->each_ended != NULL)
		st = gw_store_ended_sessions(s->store, om_now(), o->each_ended, o->arg, e);
	if (st != OM_OK) {
		gw_store_close(&s->store);
		free(s);
		return st;
	}
	s->limit_bytes = o->limit_bytes;
	s->on_failure = o->on_failure != NULL ? o->on_failure : om_service_give_up;
	s->tail = &s->head;
	memcpy(s->id, gw_store_id(s->store), sizeof s->id);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->work, &attr);
	(void)pthread_condattr_destroy(&attr);
	om_stat_register(&st_full);
	om_stat_register(&st_commits);
	publish(s);
	if (pthread_create(&s->thread, NULL, work, s) != 0) {
		gw_store_close(&s->store);
		free(s);
		return om_fail(e, OM_NOMEM, "cannot start a thread");
	}
	om_log(OM_LOG_INFO, "spool opened", "pending", OM_I64(s->totals.pending), "quarantined",
	    OM_I64(s->totals.quarantined), NULL);
	*out = s;
	return OM_OK;
}

void
gw_spool_close(struct gw_spool **sp)
{
	struct gw_spool *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->stop = true;
	(void)pthread_cond_signal(&s->work);
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->thread, NULL);
	gw_store_close(&s->store);
	(void)pthread_cond_destroy(&s->work);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}
