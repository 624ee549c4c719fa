/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "jobs.h"

#include "base/invariant.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS     5000 /* how often files are looked for that no client asks for */
#define SPEC_BYTES  ((size_t)1024 * 1024)
#define NAP_MS      100    /* between looks whether a file has grown */
#define MAX_WAIT_MS 30000u /* less than RD_TASK_IDLE_MS */

struct rd_job {
	unsigned char id[RD_JOB_ID];
	struct om_arena arena; /* of what and more */
	Om__JobStart *what;
	struct rd_asked *more; /* NULL: `what` says all */
	char request_id[OM_REQUEST_ID];
	struct rd_task task;

	Om__JobState state; /* jobs->lock, as all of the rest */
	om_status status;
	om_err why;
	uint64_t turn;  /* order of the queue */
	unsigned users; /* calls that hold it */
	bool dropped;   /* goes when no call holds it */
};

struct rd_jobs {
	struct rd_jobs_opts opts;
	unsigned char instance[RD_INSTANCE];
	pthread_t *threads; /* owned */
	unsigned n_threads;

	pthread_mutex_t lock;
	pthread_cond_t work;    /* a job waits, or stop */
	pthread_cond_t changed; /* a job began, grew or ended */
	bool stop;
	unsigned n_waiting, room;
	uint64_t turns;
	struct rd_job **job; /* owned; `room` places, NULL where there is none */
};

static struct om_stat st_queued = OM_GAUGE("owui_metering_jobs_queued", NULL, "Files that wait to be made.");
static struct om_stat st_running = OM_GAUGE("owui_metering_jobs_running", NULL, "Files that are being made.");
static struct om_stat st_kept = OM_GAUGE("owui_metering_jobs_kept", NULL, "Files made and not yet thrown away.");
static struct om_stat st_refused =
    OM_COUNTER("owui_metering_jobs_refused_total", NULL, "Files not begun because too many wait.");
static struct om_stat st_cancelled =
    OM_COUNTER("owui_metering_jobs_cancelled_total", NULL, "Files cancelled, or given up because no client asked.");

/* ---- one job; with the lock ---- */

/* check_locked: this thread or another holds the lock; who calls does. */
static void
check_locked(struct rd_jobs *j)
{
	om_check(pthread_mutex_trylock(&j->lock) != 0);
}

static bool
has_ended(const struct rd_job *job)
{
	return job->state != OM__JOB_STATE__JOB_QUEUED && job->state != OM__JOB_STATE__JOB_RUNNING;
}

static void
free_job(struct rd_job *job)
{
	om_check(job->users == 0);
	rd_task_fini(&job->task);
	om_arena_fini(&job->arena);
	free(job);
}

/* count brings the gauges up to date. */
static void
count(const struct rd_jobs *j)
{
	int64_t n[3] = {0, 0, 0};

	for (unsigned i = 0; i < j->room; i++)
		if (j->job[i] != NULL)
			n[has_ended(j->job[i]) ? 2 : j->job[i]->state == OM__JOB_STATE__JOB_RUNNING ? 1 : 0]++;
	om_stat_set(&st_queued, n[0]);
	om_stat_set(&st_running, n[1]);
	om_stat_set(&st_kept, n[2]);
}

static void
end_job(struct rd_jobs *j, struct rd_job *job, Om__JobState state)
{
	check_locked(j);
	om_check(!has_ended(job));
	job->state = state;
	om_check(has_ended(job));
	if (state == OM__JOB_STATE__JOB_CANCELLED)
		om_stat_add(&st_cancelled, 1);
	(void)pthread_cond_broadcast(&j->changed);
}

/* sweep removes what is dropped or was not asked for, and cancels what waits though no client asks for it. */
static void
sweep(struct rd_jobs *j)
{
	int64_t now = j->opts.now();

	check_locked(j);
	for (unsigned i = 0; i < j->room; i++) {
		struct rd_job *job = j->job[i];
		int64_t idle = job != NULL ? now - atomic_load(&job->task.asked_ms) : 0;

		if (job == NULL)
			continue;
		if (job->state == OM__JOB_STATE__JOB_QUEUED && (job->dropped || idle > job->task.idle_ms)) {
			atomic_store(&job->task.cancel, true);
			end_job(j, job, OM__JOB_STATE__JOB_CANCELLED);
		}
		if (has_ended(job) && job->users == 0 && (job->dropped || idle > j->opts.keep_ms)) {
			j->job[i] = NULL;
			free_job(job);
		}
	}
	count(j);
}

static struct rd_job *
find(struct rd_jobs *j, ProtobufCBinaryData id)
{
	for (unsigned i = 0; id.len == RD_JOB_ID && i < j->room; i++)
		if (j->job[i] != NULL && !j->job[i]->dropped && memcmp(j->job[i]->id, id.data, RD_JOB_ID) == 0)
			return j->job[i];
	return NULL;
}

static om_status
hold(struct rd_jobs *j, ProtobufCBinaryData id, struct rd_job **out, om_err *e)
{
	*out = find(j, id);
	if (*out == NULL)
		return om_fail(e, OM_NOT_FOUND,
		    "there is no such file here; no client asked for it for a while, or "
		    "reportd was started again");
	(*out)->users++;
	atomic_store(&(*out)->task.asked_ms, j->opts.now());
	return OM_OK;
}

static void
release(struct rd_jobs *j, struct rd_job *job)
{
	om_check(job->users > 0);
	atomic_store(&job->task.asked_ms, j->opts.now());
	if (--job->users == 0 && job->dropped)
		sweep(j);
}

/* ---- making ---- */

static struct rd_job *
next_job(struct rd_jobs *j)
{
	struct rd_job *best = NULL;

	for (unsigned i = 0; i < j->room; i++)
		if (j->job[i] != NULL && j->job[i]->state == OM__JOB_STATE__JOB_QUEUED &&
		    (best == NULL || j->job[i]->turn < best->turn))
			best = j->job[i];
	return best;
}

/* run_job makes the file; called with the lock, which it gives up meanwhile. */
static void
run_job(struct rd_jobs *j, struct rd_job *job)
{
	om_err e = {.text = ""};
	om_status s;

	check_locked(j);
	om_check(job->state == OM__JOB_STATE__JOB_QUEUED);
	job->state = OM__JOB_STATE__JOB_RUNNING;
	job->users++;
	count(j);
	(void)pthread_cond_broadcast(&j->changed);
	(void)pthread_mutex_unlock(&j->lock);
	om_log_request(job->request_id);
	s = j->opts.make(j->opts.arg, job->what, job->more, &job->task, &e);
	if (s == OM_OK)
		s = rd_task_end(&job->task, &e);
	om_log_request(NULL);
	(void)pthread_mutex_lock(&j->lock);
	job->status = s;
	if (s != OM_OK)
		(void)snprintf(job->why.text, sizeof job->why.text, "%s", om_err_text(&e, s));
	end_job(j, job,
	    s == OM_OK                           ? OM__JOB_STATE__JOB_DONE
		: atomic_load(&job->task.cancel) ? OM__JOB_STATE__JOB_CANCELLED
						 : OM__JOB_STATE__JOB_FAILED);
	job->users--;
	sweep(j);
}

static void *
work(void *arg)
{
	struct rd_jobs *j = arg;

	(void)pthread_mutex_lock(&j->lock);
	while (!j->stop) {
		struct rd_job *job;

		sweep(j);
		job = next_job(j);
		if (job != NULL)
			run_job(j, job);
		else
			(void)om_cond_wait(&j->work, &j->lock, om_mono_ms() + LOOK_MS);
	}
	(void)pthread_mutex_unlock(&j->lock);
	return NULL;
}

om_status
rd_jobs_open(const struct rd_jobs_opts *o, struct rd_jobs **out, om_err *e)
{
	struct rd_jobs *j = calloc(1, sizeof *j);
	om_status s;

	*out = NULL;
	if (j == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	j->opts = *o;
	if (j->opts.idle_ms == 0)
		j->opts.idle_ms = RD_TASK_IDLE_MS;
	if (j->opts.keep_ms == 0)
		j->opts.keep_ms = RD_KEEP_MS;
	if (j->opts.now == NULL)
		j->opts.now = om_mono_ms;
	j->room = o->workers + o->queue + o->keep;
	(void)pthread_mutex_init(&j->lock, NULL);
	om_cond_init(&j->work);
	om_cond_init(&j->changed);
	j->job = calloc(j->room, sizeof(void *));
	j->threads = calloc(o->workers, sizeof *j->threads);
	s = j->job == NULL || j->threads == NULL ? om_fail(e, OM_NOMEM, "out of memory")
						 : om_random(j->instance, sizeof j->instance, e);
	while (s == OM_OK && j->n_threads < o->workers) {
		if (pthread_create(&j->threads[j->n_threads], NULL, work, j) == 0)
			j->n_threads++;
		else
			s = om_fail(e, OM_NOMEM, "cannot start a thread");
	}
	om_stat_register(&st_queued);
	om_stat_register(&st_running);
	om_stat_register(&st_kept);
	om_stat_register(&st_refused);
	om_stat_register(&st_cancelled);
	if (s != OM_OK) {
		rd_jobs_close(&j);
		return s;
	}
	*out = j;
	return OM_OK;
}

void
rd_jobs_close(struct rd_jobs **jp)
{
	struct rd_jobs *j = *jp;

	*jp = NULL;
	if (j == NULL)
		return;
	(void)pthread_mutex_lock(&j->lock);
	j->stop = true;
	for (unsigned i = 0; j->job != NULL && i < j->room; i++)
		if (j->job[i] != NULL)
			atomic_store(&j->job[i]->task.cancel, true);
	(void)pthread_cond_broadcast(&j->work);
	(void)pthread_cond_broadcast(&j->changed);
	(void)pthread_mutex_unlock(&j->lock);
	for (unsigned i = 0; i < j->n_threads; i++)
		(void)pthread_join(j->threads[i], NULL);
	for (unsigned i = 0; j->job != NULL && i < j->room; i++)
		if (j->job[i] != NULL)
			free_job(j->job[i]);
	(void)pthread_cond_destroy(&j->work);
	(void)pthread_cond_destroy(&j->changed);
	(void)pthread_mutex_destroy(&j->lock);
	free(j->threads);
	free(j->job);
	free(j);
}

const unsigned char *
rd_jobs_instance(const struct rd_jobs *j)
{
	return j->instance;
}

/* ---- asking ---- */

/* describe writes the reply; with the lock. */
static om_status
describe(struct rd_jobs *j, struct rd_job *job, struct om_arena *a, Om__JobReply **out, om_err *e)
{
	Om__JobReply *r = om_msg_new(a, &om__job_reply__descriptor);
	int64_t total = atomic_load(&job->task.rows_total);
	unsigned char *bytes = om_arena_alloc(a, RD_JOB_ID + RD_INSTANCE + OM_SHA256);
	struct rd_task_facts facts;

	*out = r;
	if (r == NULL || bytes == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	rd_task_get_facts(&job->task, &facts);
	memcpy(bytes, job->id, RD_JOB_ID);
	memcpy(bytes + RD_JOB_ID, j->instance, RD_INSTANCE);
	r->job_id = (ProtobufCBinaryData){.len = RD_JOB_ID, .data = bytes};
	r->instance = (ProtobufCBinaryData){.len = RD_INSTANCE, .data = bytes + RD_JOB_ID};
	r->state = job->state;
	r->rows_done = atomic_load(&job->task.rows_done);
	r->has_rows_total = total >= 0;
	r->rows_total = total >= 0 ? (uint64_t)total : 0;
	r->bytes = atomic_load(&job->task.bytes);
	r->streams = atomic_load(&job->task.streams);
	if (facts.name[0] != '\0') {
		r->filename = om_arena_strdup(a, facts.name);
		r->shown_name = om_arena_strdup(a, facts.shown[0] != '\0' ? facts.shown : facts.name);
		r->content_type = om_arena_strdup(a, facts.content_type);
		r->has_changed_us = facts.changed != 0;
		r->changed_us = facts.changed;
	}
	if (job->state == OM__JOB_STATE__JOB_DONE) {
		memcpy(bytes + RD_JOB_ID + RD_INSTANCE, job->task.sha256, OM_SHA256);
		r->has_sha256 = 1;
		r->sha256 = (ProtobufCBinaryData){.len = OM_SHA256, .data = bytes + RD_JOB_ID + RD_INSTANCE};
	} else if (has_ended(job)) {
		r->has_status = 1;
		r->status = (uint32_t)job->status;
		r->message = om_arena_strdup(a, job->why.text);
	}
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* copy_spec keeps a copy of what is asked for, beyond the request's life. */
static om_status
copy_spec(struct rd_job *job, const Om__JobStart *what, const struct rd_asked *more, om_err *e)
{
	Om__JobStart copy = *what;
	struct om_buf packed;
	om_status s;

	om_buf_init(&packed, SPEC_BYTES);
	om_msg_pack(&copy.base, &packed);
	s = om_buf_done(&packed, e);
	if (s == OM_OK)
		s = om_msg_unpack(&om__job_start__descriptor, packed.data, packed.len, &job->arena, &job->what, e);
	om_buf_fini(&packed);
	if (s != OM_OK || more == NULL)
		return s;
	job->more = om_arena_alloc(&job->arena, sizeof *job->more);
	if (job->more == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = rd_asked_copy(more, &job->arena, job->more, e);
	job->more->query = job->what->render;
	return s;
}

/* place finds room for one more: a free place, or that of the file not asked
 * for longest; with the lock. */
static struct rd_job **
place(struct rd_jobs *j)
{
	struct rd_job **oldest = NULL;

	for (unsigned i = 0; i < j->room; i++) {
		struct rd_job *job = j->job[i];

		if (job == NULL)
			return &j->job[i];
		if (has_ended(job) && job->users == 0 &&
		    (oldest == NULL || atomic_load(&job->task.asked_ms) < atomic_load(&(*oldest)->task.asked_ms)))
			oldest = &j->job[i];
	}
	if (oldest != NULL) {
		free_job(*oldest);
		*oldest = NULL;
	}
	return oldest;
}

static om_status
add(struct rd_jobs *j, const Om__JobStart *what, const struct rd_asked *more, struct rd_job **out, om_err *e)
{
	unsigned queued = 0;
	struct rd_job **at, *job;
	om_status s;

	for (unsigned i = 0; i < j->room; i++)
		queued += j->job[i] != NULL && j->job[i]->state == OM__JOB_STATE__JOB_QUEUED;
	at = queued < j->opts.queue && !j->stop ? place(j) : NULL;
	if (at == NULL) {
		om_stat_add(&st_refused, 1);
		return om_fail(e, OM_UNAVAILABLE, "%u files wait to be made already; ask again in a while", queued);
	}
	job = calloc(1, sizeof *job);
	if (job == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_arena_init(&job->arena, 4 * SPEC_BYTES);
	rd_task_init(&job->task);
	job->task.idle_ms = j->opts.idle_ms;
	job->task.now = j->opts.now;
	atomic_store(&job->task.asked_ms, j->opts.now());
	s = copy_spec(job, what, more, e);
	if (s != OM_OK) {
		free_job(job);
		return s;
	}
	memcpy(job->id, what->job_id.data, RD_JOB_ID);
	(void)snprintf(job->request_id, sizeof job->request_id, "%s", om_log_request_id());
	job->turn = j->turns++;
	*at = *out = job;
	count(j);
	(void)pthread_cond_signal(&j->work);
	return OM_OK;
}

om_status
rd_jobs_start(struct rd_jobs *j, const Om__JobStart *what, const struct rd_asked *more, struct om_arena *a,
    Om__JobReply **out, om_err *e)
{
	struct rd_job *job = NULL;
	om_status s = OM_OK;

	if (what->job_id.len != RD_JOB_ID)
		return om_fail(e, OM_INVALID, "job_id: must have %d bytes", RD_JOB_ID);
	om_check(more == NULL || what->file_case == OM__JOB_START__FILE_RENDER);
	if (what->file_case == OM__JOB_START__FILE__NOT_SET)
		return om_fail(e, OM_INVALID, "a job must ask for exactly one thing");
	(void)pthread_mutex_lock(&j->lock);
	sweep(j);
	job = find(j, what->job_id);
	if (job == NULL)
		s = add(j, what, more, &job, e);
	if (s == OM_OK)
		s = describe(j, job, a, out, e);
	(void)pthread_mutex_unlock(&j->lock);
	return s;
}

/* wait_changed waits for a change; false when the time is over or too many wait. */
static bool
wait_changed(struct rd_jobs *j, int64_t until_ms)
{
	bool more = false;

	if (!j->stop && j->n_waiting < j->opts.waiters && om_mono_ms() < until_ms) {
		j->n_waiting++;
		more = om_cond_wait(&j->changed, &j->lock, until_ms);
		j->n_waiting--;
	}
	return more;
}

om_status
rd_jobs_state(
    struct rd_jobs *j, ProtobufCBinaryData id, uint32_t wait_ms, struct om_arena *a, Om__JobReply **out, om_err *e)
{
	int64_t until = om_mono_ms() + (wait_ms < MAX_WAIT_MS ? wait_ms : MAX_WAIT_MS);
	struct rd_job *job;
	om_status s;

	(void)pthread_mutex_lock(&j->lock);
	sweep(j);
	s = hold(j, id, &job, e);
	if (s == OM_OK) {
		while (!has_ended(job) && wait_changed(j, until))
			continue;
		s = describe(j, job, a, out, e);
		release(j, job);
	}
	(void)pthread_mutex_unlock(&j->lock);
	return s;
}

om_status
rd_jobs_read(struct rd_jobs *j, const Om__JobRead *q, struct om_arena *a, Om__JobPart **out, om_err *e)
{
	int64_t until = om_mono_ms() + (q->wait_ms < MAX_WAIT_MS ? q->wait_ms : MAX_WAIT_MS), nap;
	size_t n = q->limit < RD_PART_BYTES ? q->limit : RD_PART_BYTES;
	Om__JobPart *part = om_msg_new(a, &om__job_part__descriptor);
	struct rd_job *job;
	bool readable, done;
	om_status s;

	*out = part;
	if (part == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(void)pthread_mutex_lock(&j->lock);
	s = hold(j, q->job_id, &job, e);
	if (s != OM_OK) {
		(void)pthread_mutex_unlock(&j->lock);
		return s;
	}
	for (;;) {
		done = job->state == OM__JOB_STATE__JOB_DONE;
		readable = done || (!has_ended(job) && atomic_load(&job->task.streams));
		nap = om_mono_ms() + NAP_MS;
		if (has_ended(job) || (readable && atomic_load(&job->task.bytes) > q->offset) || om_mono_ms() >= until)
			break;
		if (j->n_waiting >= j->opts.waiters || j->stop)
			break;
		(void)wait_changed(j, nap < until ? nap : until);
	}
	if (has_ended(job) && !done)
		s = om_fail(e, job->status != OM_OK ? job->status : OM_UNAVAILABLE, "%.200s",
		    job->why.text[0] != '\0' ? job->why.text : "the file was cancelled");
	if (s == OM_OK && readable && !done)
		readable = rd_task_claim(&job->task);
	(void)pthread_mutex_unlock(&j->lock);
	if (s == OM_OK && readable) {
		part->data.data = om_arena_alloc(a, n > 0 ? n : 1);
		if (part->data.data == NULL)
			s = om_fail(e, OM_NOMEM, "out of memory");
		else
			s = rd_task_read(&job->task, q->offset, part->data.data, &n, e);
		part->data.len = s == OM_OK ? n : 0;
		part->end = done && q->offset + n >= atomic_load(&job->task.bytes);
	}
	(void)pthread_mutex_lock(&j->lock);
	release(j, job);
	(void)pthread_mutex_unlock(&j->lock);
	return s;
}

om_status
rd_jobs_drop(struct rd_jobs *j, ProtobufCBinaryData id, struct om_arena *a, Om__JobReply **out, om_err *e)
{
	struct rd_job *job;
	om_status s;

	(void)pthread_mutex_lock(&j->lock);
	s = hold(j, id, &job, e);
	if (s == OM_OK) {
		atomic_store(&job->task.cancel, true);
		s = describe(j, job, a, out, e);
		job->dropped = true;
		release(j, job);
	}
	(void)pthread_mutex_unlock(&j->lock);
	return s;
}

om_status
rd_jobs_facts(struct rd_jobs *j, ProtobufCBinaryData id, struct om_arena *a, struct rd_task_facts *out,
    ProtobufCBinaryData *figures, char **terms, om_err *e)
{
	struct rd_job *job;
	om_status s;

	*figures = (ProtobufCBinaryData){.len = 0};
	*terms = NULL;
	(void)pthread_mutex_lock(&j->lock);
	s = hold(j, id, &job, e);
	if (s == OM_OK) {
		rd_task_get_facts(&job->task, out);
		if (has_ended(job) && job->task.figures != NULL) {
			figures->data = om_arena_alloc(a, job->task.n_figures + 1);
			figures->len = job->task.n_figures;
			*terms = om_arena_strdup(a, job->task.terms);
			if (figures->data == NULL || *terms == NULL)
				s = om_fail(e, OM_NOMEM, "out of memory");
			else
				memcpy(figures->data, job->task.figures, job->task.n_figures);
		}
		release(j, job);
	}
	(void)pthread_mutex_unlock(&j->lock);
	return s;
}
