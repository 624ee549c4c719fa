/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "spool_in.h"

#include "base/invariant.h"
#include "base/log.h"
#include "base/sync.h"
#include "run/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 20000

static struct gw_op *
op_new(enum gw_op_kind kind, om_err *e)
{
	struct gw_op *o = calloc(1, sizeof *o);

	if (o == NULL) {
		(void)om_fail(e, OM_NOMEM, "out of memory");
		return NULL;
	}
	o->kind = kind;
	(void)sem_init(&o->decided, 0, 0);
	return o;
}

/* submit queues the operation and waits; true: it is the caller's alone afterwards.
 * The state is read last: reading it makes visible what the spool's thread wrote. */
static bool
submit(struct gw_spool *s, struct gw_op *o, bool patient)
{
	int64_t until = om_mono_ms() + WAIT_MS;
	struct timespec at = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
	int expected = GW_OP_WAITING, rc;

	om_check(o->next == NULL && atomic_load(&o->state) == GW_OP_WAITING);
	(void)pthread_mutex_lock(&s->lock);
	if (s->stop) {
		o->status = om_fail(&o->err, OM_UNAVAILABLE, "the gateway is stopping");
		(void)pthread_mutex_unlock(&s->lock);
		return true;
	}
	*s->tail = o;
	s->tail = &o->next;
	(void)pthread_cond_signal(&s->work);
	(void)pthread_mutex_unlock(&s->lock);
	do
		rc = patient ? sem_wait(&o->decided) : sem_clockwait(&o->decided, CLOCK_MONOTONIC, &at);
	while (rc != 0 && errno == EINTR);
	if (rc == 0)
		return atomic_load(&o->state) == GW_OP_DECIDED;
	if (atomic_compare_exchange_strong(&o->state, &expected, GW_OP_ABANDONED))
		return false;
	while (sem_wait(&o->decided) != 0)
		; /* it has just been decided */
	return atomic_load(&o->state) == GW_OP_DECIDED;
}

/* finish gives the outcome and frees the operation. */
static om_status
finish(struct gw_spool *s, struct gw_op *o, om_err *e)
{
	om_status st;

	if (!submit(s, o, false))
		return om_fail(e, OM_UNAVAILABLE, "the disk does not keep up; send it again");
	st = o->status;
	if (st != OM_OK)
		(void)om_fail(e, st, "%s", o->err.text);
	gw_op_free(o);
	return st;
}

om_status
gw_spool_append(struct gw_spool *s, struct gw_batch **b, om_time received_us, om_err *e)
{
	return gw_spool_append_with(s, b, received_us, NULL, "", 0, e);
}

om_status
gw_spool_append_with(struct gw_spool *s, struct gw_batch **b, om_time received_us, gw_spool_work *work, const void *arg,
    size_t n, om_err *e)
{
	struct gw_op *o = op_new(OP_APPEND, e);

	om_check(n <= GW_SPOOL_ARG);
	if (o == NULL) {
		gw_batch_free(b);
		return OM_NOMEM;
	}
	o->batch = *b;
	o->at = received_us;
	o->run = work;
	memcpy(o->run_arg, arg, n);
	*b = NULL;
	return finish(s, o, e);
}

om_status
gw_spool_forget(struct gw_spool *s, uint64_t first, uint64_t last, uint32_t new_records, uint32_t duplicates,
    uint32_t refused, om_err *e)
{
	struct gw_op *o = op_new(OP_FORGET, e);

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
gw_spool_run(struct gw_spool *s, gw_spool_work *work, const void *arg, size_t n, om_err *e)
{
	struct gw_op *o = op_new(OP_RUN, e);

	om_check(n <= GW_SPOOL_ARG);
	if (o == NULL)
		return OM_NOMEM;
	o->run = work;
	memcpy(o->run_arg, arg, n);
	return finish(s, o, e);
}

om_status
gw_spool_look(struct gw_spool *s, gw_spool_work *work, void *arg, om_err *e)
{
	struct gw_op *o = op_new(OP_LOOK, e);
	om_status st;

	if (o == NULL)
		return OM_NOMEM;
	o->run = work;
	o->look_arg = arg;
	(void)submit(s, o, true); /* the thread uses what is the caller's */
	st = o->status;
	if (st != OM_OK)
		(void)om_fail(e, st, "%s", o->err.text);
	gw_op_free(o);
	return st;
}

om_status
gw_spool_refuse(struct gw_spool *s, const struct gw_refusal *r, om_err *e)
{
	struct gw_op *o = op_new(OP_REFUSE, e);

	if (o == NULL)
		return OM_NOMEM;
	(void)snprintf(o->door, sizeof o->door, "%s", r->door);
	(void)snprintf(o->sender, sizeof o->sender, "%s", r->sender);
	(void)snprintf(o->reason, sizeof o->reason, "%s", r->reason);
	o->refused = *r;
	o->refused.door = o->door;
	o->refused.sender = o->sender;
	o->refused.reason = o->reason;
	return finish(s, o, e);
}

om_status
gw_spool_refusals(struct gw_spool *s, struct om_arena *a, struct gw_refusal **out, size_t *n_out, om_err *e)
{
	struct gw_op *o = op_new(OP_REFUSALS, e);
	om_status st;

	*out = NULL;
	*n_out = 0;
	if (o == NULL)
		return OM_NOMEM;
	o->arena = a;
	(void)submit(s, o, true); /* the thread writes into the caller's arena */
	st = o->status;
	if (st == OM_OK) {
		*out = o->list;
		*n_out = o->n_list;
	} else {
		(void)om_fail(e, st, "%s", o->err.text);
	}
	gw_op_free(o);
	return st;
}

om_status
gw_spool_read(struct gw_spool *s, size_t max_rows, size_t max_bytes, struct om_arena *a, struct gw_row **rows_out,
    size_t *n_out, om_err *e)
{
	struct gw_op *o = op_new(OP_READ, e);
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
	gw_op_free(o);
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

void
gw_spool_show(struct gw_spool *s, void (*on_batch)(void *arg, const struct gw_batch *b, om_time received_us), void *arg)
{
	(void)pthread_mutex_lock(&s->lock);
	s->on_batch = on_batch;
	s->batch_arg = arg;
	(void)pthread_mutex_unlock(&s->lock);
}

om_status
gw_spool_open(const struct gw_spool_opts *o, struct gw_spool **out, om_err *e)
{
	struct gw_spool *s = calloc(1, sizeof *s);
	om_status st;

	*out = NULL;
	if (s == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	st = gw_store_open(o->dir, &s->store, e);
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
	om_cond_init(&s->work);
	gw_spool_publish(s);
	if (pthread_create(&s->thread, NULL, gw_spool_thread, s) != 0) {
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
