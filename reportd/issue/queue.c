/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "queue.h"

#include "jobs.pb-c.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_BYTES ((size_t)64 * 1024)
#define MADE_BYTES  ((size_t)512 * 1024 * 1024)
#define REPLY_BYTES ((size_t)1024 * 1024)
#define PAUSE_MS    500
#define EARLY_MS    100 /* a reply leaves before its deadline */
#define MOST_WAIT   8u  /* calls at a time: the others are for those who only look */

struct job {
	bool used;
	char request_id[OM_REQUEST_ID]; /* of who began it */
	char *name;                     /* owned, as query and reply */
	struct om_buf query, reply;     /* packed */
	Om__JobState state;
	om_status status; /* of one that failed */
	om_err why;
	int64_t ended_ms;
	uint64_t turn; /* order of the queue */
};

struct rd_issue_jobs {
	struct rd_issue_jobs_opts opts;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock;
	pthread_cond_t work;    /* a job waits, or stop */
	pthread_cond_t changed; /* a job ended */
	bool stop;
	unsigned waiting; /* calls that look at a job until it ends */
	uint64_t turns;
	struct job job[RD_ISSUE_JOBS];
};

static struct om_stat st_waiting =
    OM_GAUGE("owui_metering_issues_waiting", NULL, "Documents that are being issued or wait for it.");
static struct om_stat st_failed =
    OM_COUNTER("owui_metering_issue_failures_total", NULL, "Documents that could not be issued.");

/* ---- with the lock ---- */

static bool
has_ended(const struct job *job)
{
	return job->state == OM__JOB_STATE__JOB_DONE || job->state == OM__JOB_STATE__JOB_FAILED;
}

static void
clear(struct job *job)
{
	free(job->name);
	om_buf_fini(&job->query);
	om_buf_fini(&job->reply);
	*job = (struct job){.used = false};
}

static struct job *
find(struct rd_issue_jobs *j, const char *name)
{
	for (size_t i = 0; i < RD_ISSUE_JOBS; i++)
		if (j->job[i].used && strcmp(j->job[i].name, name) == 0)
			return &j->job[i];
	return NULL;
}

/* make_room gives an unused place: what ended longest ago goes. */
static struct job *
make_room(struct rd_issue_jobs *j)
{
	struct job *oldest = NULL;
	int64_t now = om_mono_ms();

	for (size_t i = 0; i < RD_ISSUE_JOBS; i++) {
		struct job *job = &j->job[i];

		if (job->used && has_ended(job) && now - job->ended_ms > RD_ISSUE_KEEP_MS)
			clear(job);
		if (!job->used)
			return job;
		if (has_ended(job) && (oldest == NULL || job->ended_ms < oldest->ended_ms))
			oldest = job;
	}
	if (oldest != NULL)
		clear(oldest);
	return oldest;
}

static void
enqueue(struct rd_issue_jobs *j, struct job *job)
{
	job->state = OM__JOB_STATE__JOB_QUEUED;
	job->turn = ++j->turns;
	(void)snprintf(job->request_id, sizeof job->request_id, "%s", om_log_request_id());
	om_stat_add(&st_waiting, 1);
	(void)pthread_cond_signal(&j->work);
}

/* pack_query: what is asked, without how long somebody waits. */
static om_status
pack_query(const Om__IssueQuery *q, struct om_buf *out, om_err *e)
{
	Om__IssueQuery copy = *q;

	copy.has_wait_ms = false;
	om_buf_init(out, QUERY_BYTES);
	om_msg_pack(&copy.base, out);
	return om_buf_done(out, e);
}

static om_status
add(struct rd_issue_jobs *j, const char *name, struct om_buf *query, struct job **out, om_err *e)
{
	struct job *job = make_room(j);
	char *copy = job != NULL ? strdup(name) : NULL;

	if (job == NULL)
		return om_fail(e, OM_UNAVAILABLE, "%u documents wait to be issued; try again", RD_ISSUE_JOBS);
	if (copy == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	*job = (struct job){.used = true, .name = copy, .query = *query};
	om_buf_init(&job->reply, REPLY_BYTES);
	*query = (struct om_buf){.data = NULL};
	enqueue(j, job);
	*out = job;
	return OM_OK;
}

/* take_up finds the request's job, or begins it and says that it is new. */
static om_status
take_up(struct rd_issue_jobs *j, const Om__IssueQuery *q, bool *new_out, om_err *e)
{
	struct om_buf query;
	struct job *job;
	om_status s = pack_query(q, &query, e);

	if (s != OM_OK) {
		om_buf_fini(&query);
		return s;
	}
	job = find(j, q->request);
	*new_out = job == NULL || job->state == OM__JOB_STATE__JOB_FAILED;
	if (job == NULL)
		s = add(j, q->request, &query, &job, e);
	else if (job->query.len != query.len || memcmp(job->query.data, query.data, query.len) != 0)
		s = om_fail(e, OM_CONFLICT, "a request of this name is about another document");
	else if (job->state == OM__JOB_STATE__JOB_FAILED)
		enqueue(j, job);
	om_buf_fini(&query);
	return s;
}

/* ---- the thread ---- */

static struct job *
next_in_turn(struct rd_issue_jobs *j)
{
	struct job *first = NULL;

	for (size_t i = 0; i < RD_ISSUE_JOBS; i++) {
		struct job *job = &j->job[i];

		if (job->used && job->state == OM__JOB_STATE__JOB_QUEUED && (first == NULL || job->turn < first->turn))
			first = job;
	}
	return first;
}

/* go_on waits a moment, unless reportd stops or the time is over. */
static bool
go_on(struct rd_issue_jobs *j, int64_t until_ms)
{
	int64_t wake = om_mono_ms() + PAUSE_MS;
	bool stop;

	(void)pthread_mutex_lock(&j->lock);
	while (!j->stop && om_cond_wait(&j->work, &j->lock, wake))
		continue;
	stop = j->stop;
	(void)pthread_mutex_unlock(&j->lock);
	return !stop && om_mono_ms() < until_ms;
}

static void
tell(const Om__IssueReply *made, om_status s, const om_err *why)
{
	if (s == OM_OK) {
		om_log(OM_LOG_INFO,
		    made->known       ? "document was issued before"
			: made->added ? "file added to a document"
				      : "document issued",
		    "number", made->document->number, NULL);
		return;
	}
	om_stat_add(&st_failed, 1);
	om_log(OM_LOG_WARN, "no document issued", "why", om_err_text(why, s), NULL);
}

/* issue goes on where costd is away for a moment: it knows the request. */
static om_status
issue(struct rd_issue_jobs *j, Om__IssueQuery *q, struct om_buf *reply, om_err *e)
{
	int64_t until = om_mono_ms() + (j->opts.retry_ms > 0 ? j->opts.retry_ms : RD_ISSUE_RETRY_MS);
	Om__IssueReply *made = NULL;
	struct om_arena a;
	om_status s;

	for (;;) {
		om_arena_init(&a, MADE_BYTES);
		s = j->opts.issue(j->opts.arg, q, &a, &made, e);
		if (s == OM_OK) {
			om_msg_pack(&made->base, reply);
			s = om_buf_done(reply, e);
		}
		if ((s != OM_UNAVAILABLE && s != OM_TIMEOUT && s != OM_STORE) || !go_on(j, until))
			break;
		om_arena_fini(&a);
	}
	tell(made, s, e);
	om_arena_fini(&a);
	return s;
}

/* carry_out is called with the lock and without it while the document is made; a job
 * that has not ended keeps its place. */
static void
carry_out(struct rd_issue_jobs *j, struct job *job)
{
	Om__IssueQuery *q = NULL;
	struct om_arena a;
	om_err why = {.text = ""};
	om_status s;

	job->state = OM__JOB_STATE__JOB_RUNNING;
	om_buf_reset(&job->reply);
	(void)pthread_mutex_unlock(&j->lock);
	om_log_request(job->request_id[0] != '\0' ? job->request_id : NULL);
	om_arena_init(&a, (size_t)1024 * 1024);
	s = om_msg_unpack(&om__issue_query__descriptor, job->query.data, job->query.len, &a, &q, &why);
	if (s == OM_OK)
		s = issue(j, q, &job->reply, &why);
	om_arena_fini(&a);
	(void)pthread_mutex_lock(&j->lock);
	job->status = s;
	job->why = why;
	job->state = s == OM_OK ? OM__JOB_STATE__JOB_DONE : OM__JOB_STATE__JOB_FAILED;
	job->ended_ms = om_mono_ms();
	om_stat_add(&st_waiting, -1);
	(void)pthread_cond_broadcast(&j->changed);
	om_log_request(NULL);
}

static void *
work(void *arg)
{
	struct rd_issue_jobs *j = arg;

	(void)pthread_mutex_lock(&j->lock);
	while (!j->stop) {
		struct job *job = next_in_turn(j);

		if (job != NULL)
			carry_out(j, job);
		else
			(void)pthread_cond_wait(&j->work, &j->lock);
	}
	(void)pthread_mutex_unlock(&j->lock);
	return NULL;
}

/* ---- answering ---- */

static om_status
unpack_reply(const struct job *job, struct om_arena *a, Om__IssueReply **out, om_err *e)
{
	om_status s = om_msg_unpack(&om__issue_reply__descriptor, job->reply.data, job->reply.len, a, out, e);

	return s == OM_OK ? s : om_fail(e, OM_INTERNAL, "the reply cannot be read again");
}

static om_status
say_state(const struct job *job, struct om_arena *a, Om__IssueReply **out, om_err *e)
{
	if (job->state == OM__JOB_STATE__JOB_DONE)
		return unpack_reply(job, a, out, e);
	*out = om_msg_new(a, &om__issue_reply__descriptor);
	if (*out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(*out)->has_state = true;
	(*out)->state = job->state;
	if (job->state != OM__JOB_STATE__JOB_FAILED)
		return OM_OK;
	(*out)->has_status = true;
	(*out)->status = (uint32_t)job->status;
	(*out)->message = om_arena_strdup(a, om_err_text(&job->why, job->status));
	return (*out)->message != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* wait_for: with the lock; NULL when it was not here, or went meanwhile.  So many wait
 * already that who asks for the state would find no room: told at once. */
static struct job *
wait_for(struct rd_issue_jobs *j, const char *name, bool patient, int64_t until_ms)
{
	bool waiting = patient || j->waiting < MOST_WAIT;
	struct job *job;

	j->waiting++;
	while ((job = find(j, name)) != NULL && !has_ended(job) && !j->stop && waiting)
		waiting = om_cond_wait(&j->changed, &j->lock, until_ms);
	j->waiting--;
	return job;
}

static int64_t
until(bool has, uint32_t wait_ms, int64_t deadline_ms)
{
	int64_t end = om_mono_ms() + wait_ms;

	return has && end < deadline_ms - EARLY_MS ? end : deadline_ms - EARLY_MS;
}

static om_status
ask(struct rd_issue_jobs *j, const Om__IssueQuery *q, int64_t deadline_ms, struct om_arena *a, Om__IssueReply **out,
    om_err *e)
{
	struct job *job = NULL;
	bool new = false;
	om_status s;

	(void)pthread_mutex_lock(&j->lock);
	s = j->stop ? om_fail(e, OM_UNAVAILABLE, "reportd is stopping") : take_up(j, q, &new, e);
	if (s == OM_OK)
		job = wait_for(j, q->request, !q->has_wait_ms, until(q->has_wait_ms, q->wait_ms, deadline_ms));
	if (s == OM_OK && job == NULL)
		s = om_fail(e, OM_UNAVAILABLE, "the request was forgotten meanwhile; send it again");
	else if (s == OM_OK && job->state == OM__JOB_STATE__JOB_FAILED)
		s = om_fail(e, job->status, "%s", om_err_text(&job->why, job->status));
	else if (s == OM_OK && !has_ended(job) && j->stop)
		s = om_fail(e, OM_UNAVAILABLE, "reportd is stopping");
	else if (s == OM_OK && !has_ended(job) && !q->has_wait_ms) /* an older gateway */
		s = om_fail(e, OM_TIMEOUT, "the document was not ready in time; send the same request again");
	else if (s == OM_OK)
		s = say_state(job, a, out, e);
	if (s == OM_OK && !new)
		(*out)->known = true;
	(void)pthread_mutex_unlock(&j->lock);
	return s;
}

static om_status
look(struct rd_issue_jobs *j, const Om__IssueStateQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__IssueReply **out, om_err *e)
{
	struct job *job;
	om_status s;

	(void)pthread_mutex_lock(&j->lock);
	job = wait_for(j, q->request, false, until(true, q->has_wait_ms ? q->wait_ms : 0, deadline_ms));
	s = job != NULL ? say_state(job, a, out, e) : om_fail(e, OM_NOT_FOUND, "no request of this name is known here");
	(void)pthread_mutex_unlock(&j->lock);
	return s;
}

om_status
rd_issue_jobs_serve(
    void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	struct rd_issue_jobs *j = arg;

	switch (req->body_case) {
	case OM__REQUEST__BODY_ISSUE:
		rep->body_case = OM__REPLY__BODY_ISSUE;
		return ask(j, req->issue, deadline_ms, a, &rep->issue, e);
	case OM__REQUEST__BODY_ISSUE_STATE:
		rep->body_case = OM__REPLY__BODY_ISSUE_STATE;
		return look(j, req->issue_state, deadline_ms, a, &rep->issue_state, e);
	default:
		return j->opts.others(j->opts.others_arg, req, deadline_ms, a, rep, e);
	}
}

om_status
rd_issue_jobs_open(const struct rd_issue_jobs_opts *o, struct rd_issue_jobs **out, om_err *e)
{
	struct rd_issue_jobs *j = calloc(1, sizeof *j);

	*out = NULL;
	if (j == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	j->opts = *o;
	om_stat_register(&st_waiting);
	om_stat_register(&st_failed);
	(void)pthread_mutex_init(&j->lock, NULL);
	om_cond_init(&j->work);
	om_cond_init(&j->changed);
	if (pthread_create(&j->thread, NULL, work, j) != 0) {
		rd_issue_jobs_close(&j);
		return om_fail(e, OM_NOMEM, "cannot start a thread");
	}
	j->running = true;
	*out = j;
	return OM_OK;
}

void
rd_issue_jobs_stop(struct rd_issue_jobs *j)
{
	(void)pthread_mutex_lock(&j->lock);
	j->stop = true;
	(void)pthread_cond_broadcast(&j->work);
	(void)pthread_cond_broadcast(&j->changed);
	(void)pthread_mutex_unlock(&j->lock);
	if (j->running)
		(void)pthread_join(j->thread, NULL);
	j->running = false;
}

void
rd_issue_jobs_close(struct rd_issue_jobs **jp)
{
	struct rd_issue_jobs *j = *jp;

	*jp = NULL;
	if (j == NULL)
		return;
	rd_issue_jobs_stop(j);
	for (size_t i = 0; i < RD_ISSUE_JOBS; i++)
		if (j->job[i].used)
			clear(&j->job[i]);
	(void)pthread_cond_destroy(&j->changed);
	(void)pthread_cond_destroy(&j->work);
	(void)pthread_mutex_destroy(&j->lock);
	free(j);
}
