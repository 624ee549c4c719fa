/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "queue.h"

#include "jobs.pb-c.h"
#include "base/clock.h"
#include "base/invariant.h"
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

struct entry {
	bool used;
	char request_id[OM_REQUEST_ID]; /* of the call that began it */
	char *name;                     /* owned, as query and reply */
	struct om_buf query, reply;     /* packed */
	Om__JobState state;
	om_status status; /* of one that failed */
	om_err why;
	int64_t ended_ms;
	uint64_t turn; /* order of the queue */
};

struct rd_issue_queue {
	struct rd_issue_queue_opts opts;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock;
	pthread_cond_t work;    /* an entry waits, or stop */
	pthread_cond_t changed; /* an entry ended */
	bool stop;
	unsigned waiting; /* calls that look at an entry until it ends */
	uint64_t turns;
	struct entry entries[RD_ISSUE_QUEUE];
};

static struct om_stat st_waiting =
    OM_GAUGE("owui_metering_issues_waiting", NULL, "Documents that are being issued or wait for it.");
static struct om_stat st_failed =
    OM_COUNTER("owui_metering_issue_failures_total", NULL, "Documents that could not be issued.");

/* ---- with the lock ---- */

static bool
has_ended(const struct entry *entry)
{
	return entry->state == OM__JOB_STATE__JOB_DONE || entry->state == OM__JOB_STATE__JOB_FAILED;
}

static void
clear(struct entry *entry)
{
	free(entry->name);
	om_buf_fini(&entry->query);
	om_buf_fini(&entry->reply);
	*entry = (struct entry){.used = false};
}

static struct entry *
find(struct rd_issue_queue *j, const char *name)
{
	for (size_t i = 0; i < RD_ISSUE_QUEUE; i++)
		if (j->entries[i].used && strcmp(j->entries[i].name, name) == 0)
			return &j->entries[i];
	return NULL;
}

/* make_room gives an unused place: what ended longest ago goes. */
static struct entry *
make_room(struct rd_issue_queue *j)
{
	struct entry *oldest = NULL;
	int64_t now = om_mono_ms();

	for (size_t i = 0; i < RD_ISSUE_QUEUE; i++) {
		struct entry *entry = &j->entries[i];

		if (entry->used && has_ended(entry) && now - entry->ended_ms > RD_ISSUE_KEEP_MS)
			clear(entry);
		if (!entry->used)
			return entry;
		if (has_ended(entry) && (oldest == NULL || entry->ended_ms < oldest->ended_ms))
			oldest = entry;
	}
	if (oldest != NULL)
		clear(oldest);
	return oldest;
}

static void
enqueue(struct rd_issue_queue *j, struct entry *entry)
{
	om_check(entry->used && entry->state != OM__JOB_STATE__JOB_RUNNING);
	entry->state = OM__JOB_STATE__JOB_QUEUED;
	entry->turn = ++j->turns;
	(void)snprintf(entry->request_id, sizeof entry->request_id, "%s", om_log_request_id());
	om_stat_add(&st_waiting, 1);
	(void)pthread_cond_signal(&j->work);
}

static om_status
pack_query(const Om__IssueQuery *q, struct om_buf *out, om_err *e)
{
	Om__IssueQuery copy = *q;

	om_buf_init(out, QUERY_BYTES);
	om_msg_pack(&copy.base, out);
	return om_buf_done(out, e);
}

static om_status
add(struct rd_issue_queue *j, const char *name, struct om_buf *query, struct entry **out, om_err *e)
{
	struct entry *entry = make_room(j);
	char *copy = entry != NULL ? strdup(name) : NULL;

	if (entry == NULL)
		return om_fail(e, OM_UNAVAILABLE, "%u documents wait to be issued; try again", RD_ISSUE_QUEUE);
	if (copy == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	*entry = (struct entry){.used = true, .name = copy, .query = *query};
	om_buf_init(&entry->reply, REPLY_BYTES);
	*query = (struct om_buf){.data = NULL};
	enqueue(j, entry);
	*out = entry;
	return OM_OK;
}

/* take_up finds the request's entry, or makes one, and says that it is new. */
static om_status
take_up(struct rd_issue_queue *j, const Om__IssueQuery *q, bool *new_out, om_err *e)
{
	struct om_buf query;
	struct entry *entry;
	om_status s = pack_query(q, &query, e);

	if (s != OM_OK) {
		om_buf_fini(&query);
		return s;
	}
	entry = find(j, q->request);
	*new_out = entry == NULL || entry->state == OM__JOB_STATE__JOB_FAILED;
	if (entry == NULL)
		s = add(j, q->request, &query, &entry, e);
	else if (entry->query.len != query.len || memcmp(entry->query.data, query.data, query.len) != 0)
		s = om_fail(e, OM_CONFLICT, "a request of this name is about another document");
	else if (entry->state == OM__JOB_STATE__JOB_FAILED)
		enqueue(j, entry);
	om_buf_fini(&query);
	return s;
}

/* ---- the thread ---- */

static struct entry *
next_in_turn(struct rd_issue_queue *j)
{
	struct entry *first = NULL;

	for (size_t i = 0; i < RD_ISSUE_QUEUE; i++) {
		struct entry *entry = &j->entries[i];

		if (entry->used && entry->state == OM__JOB_STATE__JOB_QUEUED &&
		    (first == NULL || entry->turn < first->turn))
			first = entry;
	}
	return first;
}

/* go_on waits a moment, unless reportd stops or the time is over. */
static bool
go_on(struct rd_issue_queue *j, int64_t until_ms)
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
log_outcome(const Om__IssueReply *made, om_status s, const om_err *why)
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

/* issue tries again while costd does not answer: costd recognizes the request. */
static om_status
issue(struct rd_issue_queue *j, Om__IssueQuery *q, struct om_buf *reply, om_err *e)
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
	log_outcome(made, s, e);
	om_arena_fini(&a);
	return s;
}

/* carry_out is called with the lock and without it while the document is made; an entry
 * that has not ended keeps its place. */
static void
carry_out(struct rd_issue_queue *j, struct entry *entry)
{
	Om__IssueQuery *q = NULL;
	struct om_arena a;
	om_err why = {.text = ""};
	om_status s;

	om_check(entry->state == OM__JOB_STATE__JOB_QUEUED);
	entry->state = OM__JOB_STATE__JOB_RUNNING;
	om_buf_reset(&entry->reply);
	(void)pthread_mutex_unlock(&j->lock);
	om_log_request(entry->request_id[0] != '\0' ? entry->request_id : NULL);
	om_arena_init(&a, (size_t)1024 * 1024);
	s = om_msg_unpack(&om__issue_query__descriptor, entry->query.data, entry->query.len, &a, &q, &why);
	if (s == OM_OK)
		s = issue(j, q, &entry->reply, &why);
	om_arena_fini(&a);
	(void)pthread_mutex_lock(&j->lock);
	om_check(entry->used && entry->state == OM__JOB_STATE__JOB_RUNNING); /* it kept its place */
	entry->status = s;
	entry->why = why;
	entry->state = s == OM_OK ? OM__JOB_STATE__JOB_DONE : OM__JOB_STATE__JOB_FAILED;
	entry->ended_ms = om_mono_ms();
	om_stat_add(&st_waiting, -1);
	(void)pthread_cond_broadcast(&j->changed);
	om_log_request(NULL);
}

static void *
work(void *arg)
{
	struct rd_issue_queue *j = arg;

	(void)pthread_mutex_lock(&j->lock);
	while (!j->stop) {
		struct entry *entry = next_in_turn(j);

		if (entry != NULL)
			carry_out(j, entry);
		else
			(void)pthread_cond_wait(&j->work, &j->lock);
	}
	(void)pthread_mutex_unlock(&j->lock);
	return NULL;
}

/* ---- answering ---- */

static om_status
unpack_reply(const struct entry *entry, struct om_arena *a, Om__IssueReply **out, om_err *e)
{
	om_status s = om_msg_unpack(&om__issue_reply__descriptor, entry->reply.data, entry->reply.len, a, out, e);

	return s == OM_OK ? s : om_fail(e, OM_INTERNAL, "the reply cannot be read again");
}

static om_status
describe_state(const struct entry *entry, struct om_arena *a, Om__IssueReply **out, om_err *e)
{
	if (entry->state == OM__JOB_STATE__JOB_DONE)
		return unpack_reply(entry, a, out, e);
	*out = om_msg_new(a, &om__issue_reply__descriptor);
	if (*out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(*out)->state = entry->state;
	if (entry->state != OM__JOB_STATE__JOB_FAILED)
		return OM_OK;
	(*out)->has_status = true;
	(*out)->status = (uint32_t)entry->status;
	(*out)->message = om_arena_strdup(a, om_err_text(&entry->why, entry->status));
	return (*out)->message != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* wait_for: with the lock; NULL when it was not here, or went meanwhile.  So many wait
 * already that who asks for the state would find no room: told at once. */
static struct entry *
wait_for(struct rd_issue_queue *j, const char *name, int64_t until_ms)
{
	bool waiting = j->waiting < MOST_WAIT;
	struct entry *entry;

	j->waiting++;
	while ((entry = find(j, name)) != NULL && !has_ended(entry) && !j->stop && waiting)
		waiting = om_cond_wait(&j->changed, &j->lock, until_ms);
	j->waiting--;
	return entry;
}

static int64_t
until(uint32_t wait_ms, int64_t deadline_ms)
{
	int64_t end = om_mono_ms() + wait_ms;

	return end < deadline_ms - EARLY_MS ? end : deadline_ms - EARLY_MS;
}

static om_status
ask(struct rd_issue_queue *j, const Om__IssueStart *q, int64_t deadline_ms, struct om_arena *a, Om__IssueReply **out,
    om_err *e)
{
	struct entry *entry = NULL;
	bool new = false;
	om_status s;

	(void)pthread_mutex_lock(&j->lock);
	s = j->stop ? om_fail(e, OM_UNAVAILABLE, "reportd is stopping") : take_up(j, q->query, &new, e);
	if (s == OM_OK)
		entry = wait_for(j, q->query->request, until(q->wait_ms, deadline_ms));
	if (s == OM_OK && entry == NULL)
		s = om_fail(e, OM_UNAVAILABLE, "the request was forgotten meanwhile; send it again");
	else if (s == OM_OK && entry->state == OM__JOB_STATE__JOB_FAILED)
		s = om_fail(e, entry->status, "%s", om_err_text(&entry->why, entry->status));
	else if (s == OM_OK && !has_ended(entry) && j->stop)
		s = om_fail(e, OM_UNAVAILABLE, "reportd is stopping");
	else if (s == OM_OK)
		s = describe_state(entry, a, out, e);
	if (s == OM_OK && !new)
		(*out)->known = true;
	(void)pthread_mutex_unlock(&j->lock);
	return s;
}

static om_status
look(struct rd_issue_queue *j, const Om__IssueStateQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__IssueReply **out, om_err *e)
{
	struct entry *entry;
	om_status s;

	(void)pthread_mutex_lock(&j->lock);
	entry = wait_for(j, q->request, until(q->has_wait_ms ? q->wait_ms : 0, deadline_ms));
	s = entry != NULL ? describe_state(entry, a, out, e)
			  : om_fail(e, OM_NOT_FOUND, "no request of this name is known here");
	(void)pthread_mutex_unlock(&j->lock);
	return s;
}

om_status
rd_issue_queue_serve(
    void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	struct rd_issue_queue *j = arg;

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
rd_issue_queue_open(const struct rd_issue_queue_opts *o, struct rd_issue_queue **out, om_err *e)
{
	struct rd_issue_queue *j = calloc(1, sizeof *j);

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
		rd_issue_queue_close(&j);
		return om_fail(e, OM_NOMEM, "cannot start a thread");
	}
	j->running = true;
	*out = j;
	return OM_OK;
}

void
rd_issue_queue_stop(struct rd_issue_queue *j)
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
rd_issue_queue_close(struct rd_issue_queue **jp)
{
	struct rd_issue_queue *j = *jp;

	*jp = NULL;
	if (j == NULL)
		return;
	rd_issue_queue_stop(j);
	for (size_t i = 0; i < RD_ISSUE_QUEUE; i++)
		if (j->entries[i].used)
			clear(&j->entries[i]);
	(void)pthread_cond_destroy(&j->changed);
	(void)pthread_cond_destroy(&j->work);
	(void)pthread_mutex_destroy(&j->lock);
	free(j);
}
