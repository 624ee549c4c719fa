/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "forward.h"

#include "envelope.pb-c.h"
#include "record.pb-c.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sync.h"
#include "base/testpoint.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_ROWS       200 /* of a batch, until it is known how fast costd is */
#define LEAST_ROWS       25
#define MOST_ROWS        1000 /* costd holds a batch in memory, 4 kB a record */
#define QUICK_MS         500
#define SLOW_MS          3000
#define BATCH_BYTES      ((size_t)1024 * 1024)
#define ARENA_BYTES      ((size_t)16 * 1024 * 1024)
#define DEADLINE_MS      30000
#define SHORTEST_WAIT_MS 100
#define LONGEST_WAIT_MS  5000
#define LOOK_MS          30000
#define CLOSE_MS         4000
#define REPORT_MS        30000 /* between two log lines about the same trouble */

struct gw_forward {
	struct gw_forward_opts opts;
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool more; /* records came since the last look */
	bool stop;

	int wait_ms; /* the thread's, as what follows */
	size_t rows; /* of the next batch, at most */
	int64_t reported_ms;
	om_status reported;
};

static struct om_stat st_sent =
    OM_COUNTER("owui_metering_forward_batches_total", "outcome=\"acknowledged\"", "Batches sent to costd, by outcome.");
static struct om_stat st_failed =
    OM_COUNTER("owui_metering_forward_batches_total", "outcome=\"failed\"", "Batches sent to costd, by outcome.");
static struct om_stat st_rows =
    OM_GAUGE("owui_metering_forward_batch_records", NULL, "Records the next batch may have.");
static struct om_stat st_time =
    OM_HISTOGRAM("owui_metering_forward_seconds", NULL, "How long costd took to acknowledge a batch.");

/* pause waits until woken, at most ms; new records wake it only if `for_records`. */
static bool
pause_for(struct gw_forward *f, int ms, bool for_records)
{
	int64_t until = om_mono_ms() + ms;
	bool waiting = true, stop;

	(void)pthread_mutex_lock(&f->lock);
	while (!f->stop && waiting && !(for_records && f->more))
		waiting = om_cond_wait(&f->wake, &f->lock, until);
	stop = f->stop;
	(void)pthread_mutex_unlock(&f->lock);
	return !stop;
}

static void
note_records(void *arg)
{
	struct gw_forward *f = arg;

	(void)pthread_mutex_lock(&f->lock);
	f->more = true;
	(void)pthread_cond_signal(&f->wake);
	(void)pthread_mutex_unlock(&f->lock);
}

/* check compares costd's answer with what was sent. */
static om_status
check(const Om__SubmitBatch *b, const Om__Reply *rep, om_err *e)
{
	const Om__SubmitReply *r = rep->submit;

	if (rep->body_case != OM__REPLY__BODY_SUBMIT || r == NULL)
		return om_fail(e, OM_PROTOCOL, "costd's answer is not about the batch");
	if (r->spool_id.len != b->spool_id.len || memcmp(r->spool_id.data, b->spool_id.data, b->spool_id.len) != 0 ||
	    r->first_seq != b->first_seq || r->last_seq != b->last_seq)
		return om_fail(e, OM_PROTOCOL, "costd acknowledged another batch");
	if ((uint64_t)r->new_records + r->duplicate_records + r->refused_records != b->n_entries)
		return om_fail(e, OM_PROTOCOL, "costd acknowledged %llu records of %zu",
		    (unsigned long long)r->new_records + r->duplicate_records + r->refused_records, b->n_entries);
	return OM_OK;
}

/* adapt lets batches grow while there is a backlog and costd is quick with them,
 * and shrink when it is not. */
static void
adapt(struct gw_forward *f, bool was_full, int64_t took_ms)
{
	if (took_ms > f->opts.slow_ms)
		f->rows = f->rows / 2 > LEAST_ROWS ? f->rows / 2 : LEAST_ROWS;
	else if (was_full && took_ms < f->opts.quick_ms)
		f->rows = f->rows * 2 < MOST_ROWS ? f->rows * 2 : MOST_ROWS;
	om_stat_set(&st_rows, (int64_t)f->rows);
}

static om_status
send_batch(struct gw_forward *f, const struct gw_row *rows, size_t n, struct om_arena *a, om_err *e)
{
	Om__SubmitBatch batch = OM__SUBMIT_BATCH__INIT;
	Om__SpoolEntry *entries = om_arena_array(a, n, sizeof *entries);
	Om__SpoolEntry **list = om_arena_array(a, n, sizeof(Om__SpoolEntry *));
	unsigned char *id = om_arena_alloc(a, GW_SPOOL_ID);
	Om__Request req = OM__REQUEST__INIT;
	struct gw_store_totals totals;
	Om__Reply *rep = NULL;
	int64_t begun_ms = om_mono_ms();
	om_time start = om_now();
	om_status s;

	if (entries == NULL || list == NULL || id == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		om__spool_entry__init(&entries[i]);
		entries[i].seq = rows[i].seq;
		entries[i].record.data = om_arena_alloc(a, rows[i].n);
		if (entries[i].record.data == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		memcpy(entries[i].record.data, rows[i].data, rows[i].n);
		entries[i].record.len = rows[i].n;
		list[i] = &entries[i];
	}
	memcpy(id, gw_spool_id(f->opts.spool), GW_SPOOL_ID);
	batch.spool_id.data = id;
	batch.spool_id.len = GW_SPOOL_ID;
	batch.first_seq = rows[0].seq;
	batch.last_seq = rows[n - 1].seq;
	(void)gw_spool_status(f->opts.spool, &totals);
	batch.has_after_seq = 1;
	batch.after_seq = totals.acknowledged_seq;
	batch.n_entries = n;
	batch.entries = list;
	req.body_case = OM__REQUEST__BODY_SUBMIT;
	req.submit = &batch;
	OM_CRASH_POINT("gateway_before_delivery");
	if (OM_MISTAKE("forget_before_acknowledgement")) {
		s = gw_spool_forget(f->opts.spool, batch.first_seq, batch.last_seq, (uint32_t)n, 0, 0, e);
		(void)!om_wire_call(f->opts.costd, &req, f->opts.deadline_ms, a, &rep, NULL);
		return s;
	}
	s = om_wire_call(f->opts.costd, &req, f->opts.deadline_ms, a, &rep, e);
	OM_CRASH_POINT("gateway_after_delivery");
	if (s == OM_OK)
		s = check(&batch, rep, e);
	if (s != OM_OK)
		return s;
	om_stat_observe_us(&st_time, om_now() - start);
	adapt(f, n == f->rows, om_mono_ms() - begun_ms);
	return gw_spool_forget(f->opts.spool, batch.first_seq, batch.last_seq, rep->submit->new_records,
	    rep->submit->duplicate_records, rep->submit->refused_records, e);
}

/* report logs trouble once, then every REPORT_MS. */
static void
report(struct gw_forward *f, om_status s, const om_err *e)
{
	int64_t now = om_mono_ms();

	if (s == OM_OK) {
		if (f->reported != OM_OK)
			om_log(OM_LOG_INFO, "costd takes records again", NULL);
		f->reported = OM_OK;
		return;
	}
	if (s == f->reported && now - f->reported_ms < REPORT_MS)
		return;
	f->reported = s;
	f->reported_ms = now;
	om_log(OM_LOG_WARN, "records wait in the spool", "why", om_err_text(e, s), NULL);
}

/* forward_some returns OM_OK with *n_out 0 when the spool is empty. */
static om_status
forward_some(struct gw_forward *f, size_t *n_out, om_err *e)
{
	char request_id[OM_REQUEST_ID];
	struct gw_row *rows;
	struct om_arena a;
	om_status s;

	om_arena_init(&a, ARENA_BYTES);
	s = gw_spool_read(f->opts.spool, f->rows, BATCH_BYTES, &a, &rows, n_out, e);
	if (s == OM_OK && *n_out > 0) {
		om_request_id_make(request_id);
		om_log_request(request_id);
		s = send_batch(f, rows, *n_out, &a, e);
		om_stat_add(s == OM_OK ? &st_sent : &st_failed, 1);
		report(f, s, e);
		om_log_request(NULL);
	}
	om_arena_fini(&a);
	return s;
}

static void *
work(void *arg)
{
	struct gw_forward *f = arg;
	bool go = true;

	while (go) {
		om_err e = {.text = ""};
		size_t n = 0;
		om_status s;

		(void)pthread_mutex_lock(&f->lock);
		f->more = false;
		go = !f->stop;
		(void)pthread_mutex_unlock(&f->lock);
		if (!go)
			break;
		s = forward_some(f, &n, &e);
		if (s != OM_OK) {
			if (s == OM_TIMEOUT) /* the batch may have been too large for costd */
				adapt(f, false, INT64_MAX);
			go = pause_for(f, f->wait_ms, false);
			f->wait_ms =
			    f->wait_ms * 2 < f->opts.longest_wait_ms ? f->wait_ms * 2 : f->opts.longest_wait_ms;
		} else {
			f->wait_ms = f->opts.shortest_wait_ms;
			if (n == 0)
				go = pause_for(f, f->opts.look_ms, true);
		}
	}
	return NULL;
}

static void
set_default(int *option, int usual)
{
	if (*option == 0)
		*option = usual;
}

om_status
gw_forward_open(const struct gw_forward_opts *o, struct gw_forward **out, om_err *e)
{
	struct gw_forward *f = calloc(1, sizeof *f);

	*out = NULL;
	if (f == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	f->opts = *o;
	set_default(&f->opts.deadline_ms, DEADLINE_MS);
	set_default(&f->opts.shortest_wait_ms, SHORTEST_WAIT_MS);
	set_default(&f->opts.longest_wait_ms, LONGEST_WAIT_MS);
	set_default(&f->opts.look_ms, LOOK_MS);
	set_default(&f->opts.quick_ms, QUICK_MS);
	set_default(&f->opts.slow_ms, SLOW_MS);
	set_default(&f->opts.close_ms, CLOSE_MS);
	f->wait_ms = f->opts.shortest_wait_ms;
	f->rows = FIRST_ROWS;
	(void)pthread_mutex_init(&f->lock, NULL);
	om_cond_init(&f->wake);
	om_stat_register(&st_sent);
	om_stat_register(&st_failed);
	gw_spool_watch(o->spool, note_records, f);
	if (pthread_create(&f->thread, NULL, work, f) != 0) {
		gw_spool_watch(o->spool, NULL, NULL);
		free(f);
		return om_fail(e, OM_NOMEM, "cannot start a thread");
	}
	*out = f;
	return OM_OK;
}

bool
gw_forward_close(struct gw_forward **fp)
{
	struct gw_forward *f = *fp;
	struct timespec until;

	*fp = NULL;
	if (f == NULL)
		return true;
	gw_spool_watch(f->opts.spool, NULL, NULL);
	(void)pthread_mutex_lock(&f->lock);
	f->stop = true;
	(void)pthread_cond_signal(&f->wake);
	(void)pthread_mutex_unlock(&f->lock);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += f->opts.close_ms / 1000;
	if (pthread_timedjoin_np(f->thread, NULL, &until) != 0)
		return false; /* its struct stays with the thread */
	(void)pthread_cond_destroy(&f->wake);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
	return true;
}
