/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Requests to issue: told how far they are, found again by name, begun again when
 * they failed, and carried out whether their callers wait or not.
 */
#include "issue/queue.h"
#include "documents.pb-c.h"
#include "envelope.pb-c.h"
#include "jobs.pb-c.h"
#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE_MS 60000 /* a guard against hangs, not a measure */

/* What issues in place of costd: it waits at a gate, then answers. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	unsigned open; /* requests that may pass */
	unsigned begun, ended;
	unsigned away; /* times that costd is not there first */
	om_status fail;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static om_status
answer(void *arg, Om__IssueQuery *q, struct om_arena *a, Om__IssueReply **out, om_err *e)
{
	om_status s;

	(void)arg;
	(void)pthread_mutex_lock(&gate.lock);
	gate.begun++;
	(void)pthread_cond_broadcast(&gate.moved);
	while (gate.open == 0)
		(void)pthread_cond_wait(&gate.moved, &gate.lock);
	gate.open--;
	gate.ended++;
	s = gate.away > 0 ? OM_UNAVAILABLE : gate.fail;
	gate.away -= gate.away > 0;
	(void)pthread_cond_broadcast(&gate.moved);
	(void)pthread_mutex_unlock(&gate.lock);
	if (s != OM_OK)
		return om_fail(e, s, "costd says no");
	*out = om_msg_new(a, &om__issue_reply__descriptor);
	(*out)->state = OM__JOB_STATE__JOB_DONE;
	(*out)->document = om_msg_new(a, &om__document__descriptor);
	(*out)->document->number = om_arena_printf(a, "2026-%06u", q->month);
	(*out)->document->total = (*out)->document->currency = (*out)->document->filename =
	    (*out)->document->content_type = (*out)->document->verification_code = om_arena_strdup(a, "x");
	return OM_OK;
}

static void
let_pass(unsigned n)
{
	(void)pthread_mutex_lock(&gate.lock);
	gate.open += n;
	(void)pthread_cond_broadcast(&gate.moved);
	(void)pthread_mutex_unlock(&gate.lock);
}

static void
await_begun(unsigned n)
{
	(void)pthread_mutex_lock(&gate.lock);
	while (gate.begun < n)
		(void)pthread_cond_wait(&gate.moved, &gate.lock);
	(void)pthread_mutex_unlock(&gate.lock);
}

static om_status
others(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	(void)arg;
	(void)req;
	(void)deadline_ms;
	(void)a;
	(void)rep;
	return om_fail(e, OM_INVALID, "for others");
}

static struct rd_issue_queue *
open_jobs(void)
{
	const struct rd_issue_queue_opts o = {.issue = answer, .others = others};
	struct rd_issue_queue *j = NULL;

	gate.open = gate.begun = gate.ended = gate.away = 0;
	gate.fail = OM_OK;
	assert_int_equal(rd_issue_queue_open(&o, &j, NULL), OM_OK);
	return j;
}

struct told {
	om_status status;
	om_err why;
	bool done;
	Om__JobState state;
	char number[32];
	unsigned failed_with;
};

static void
read_reply(struct told *t, const Om__IssueReply *r)
{
	t->done = r->document != NULL;
	t->state = r->state;
	t->failed_with = r->has_status ? r->status : 0;
	if (t->done)
		(void)snprintf(t->number, sizeof t->number, "%s", r->document->number);
}

static struct told
ask(struct rd_issue_queue *j, const char *name, unsigned month, unsigned wait_ms)
{
	Om__IssueStart start = OM__ISSUE_START__INIT;
	Om__IssueQuery q = OM__ISSUE_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply rep = OM__REPLY__INIT;
	struct told t = {.done = false};
	struct om_arena a;

	om_arena_init(&a, (size_t)1024 * 1024);
	q.request = om_arena_strdup(&a, name);
	q.year = 2026;
	q.month = month;
	start.query = &q;
	start.wait_ms = wait_ms;
	req.body_case = OM__REQUEST__BODY_ISSUE;
	req.issue = &start;
	t.status = rd_issue_queue_serve(j, &req, om_mono_ms() + PATIENCE_MS, &a, &rep, &t.why);
	if (t.status == OM_OK)
		read_reply(&t, rep.issue);
	om_arena_fini(&a);
	return t;
}

static struct told
look(struct rd_issue_queue *j, const char *name, unsigned wait_ms)
{
	Om__IssueStateQuery q = OM__ISSUE_STATE_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply rep = OM__REPLY__INIT;
	struct told t = {.done = false};
	struct om_arena a;

	om_arena_init(&a, (size_t)1024 * 1024);
	q.request = om_arena_strdup(&a, name);
	q.has_wait_ms = true;
	q.wait_ms = wait_ms;
	req.body_case = OM__REQUEST__BODY_ISSUE_STATE;
	req.issue_state = &q;
	t.status = rd_issue_queue_serve(j, &req, om_mono_ms() + PATIENCE_MS, &a, &rep, &t.why);
	if (t.status == OM_OK)
		read_reply(&t, rep.issue_state);
	om_arena_fini(&a);
	return t;
}

static void
test_who_waits_gets_the_document(void **state)
{
	struct rd_issue_queue *j = open_jobs();
	struct told t;

	(void)state;
	let_pass(1);
	t = ask(j, "one", 10, PATIENCE_MS);
	assert_int_equal(t.status, OM_OK);
	assert_string_equal(t.number, "2026-000010");
	assert_int_equal(look(j, "unknown", 0).status, OM_NOT_FOUND);
	rd_issue_queue_close(&j);
}

static void
test_who_does_not_wait_is_told_the_state_and_finds_it(void **state)
{
	struct rd_issue_queue *j = open_jobs();
	struct told t = ask(j, "one", 10, 0);

	(void)state;
	assert_int_equal(t.status, OM_OK);
	assert_false(t.done);
	await_begun(1);
	assert_int_equal(ask(j, "two", 11, 0).state, OM__JOB_STATE__JOB_QUEUED);
	assert_int_equal(look(j, "one", 0).state, OM__JOB_STATE__JOB_RUNNING);
	assert_int_equal(ask(j, "one", 10, 0).state, OM__JOB_STATE__JOB_RUNNING);
	let_pass(2);
	t = look(j, "two", PATIENCE_MS);
	assert_true(t.done);
	assert_string_equal(t.number, "2026-000011");
	t = ask(j, "one", 10, 0);
	assert_true(t.done);
	assert_string_equal(t.number, "2026-000010");
	assert_int_equal(gate.begun, 2); /* each once */
	rd_issue_queue_close(&j);
}

static void
test_the_same_name_for_something_else_is_refused(void **state)
{
	struct rd_issue_queue *j = open_jobs();
	struct told t;

	(void)state;
	let_pass(1);
	assert_true(ask(j, "one", 10, PATIENCE_MS).done);
	t = ask(j, "one", 11, 0);
	assert_int_equal(t.status, OM_CONFLICT);
	assert_non_null(strstr(t.why.text, "another document"));
	rd_issue_queue_close(&j);
}

static void
test_one_that_failed_says_why_and_begins_again(void **state)
{
	struct rd_issue_queue *j = open_jobs();
	struct told t;

	(void)state;
	gate.fail = OM_CONFLICT;
	let_pass(1);
	t = ask(j, "one", 10, PATIENCE_MS);
	assert_int_equal(t.status, OM_CONFLICT);
	assert_string_equal(t.why.text, "costd says no");
	t = look(j, "one", 0);
	assert_int_equal(t.state, OM__JOB_STATE__JOB_FAILED);
	assert_int_equal(t.failed_with, OM_CONFLICT);
	gate.fail = OM_OK;
	let_pass(1);
	assert_true(ask(j, "one", 10, PATIENCE_MS).done);
	rd_issue_queue_close(&j);
}

static void
test_a_costd_that_is_away_for_a_moment_is_asked_again(void **state)
{
	struct rd_issue_queue *j = open_jobs();

	(void)state;
	gate.away = 2;
	let_pass(3);
	assert_true(ask(j, "one", 10, PATIENCE_MS).done);
	assert_int_equal(gate.begun, 3);
	rd_issue_queue_close(&j);
}

static void
test_more_than_can_wait_are_refused_and_what_ended_makes_room(void **state)
{
	struct rd_issue_queue *j = open_jobs();
	char name[16];

	(void)state;
	for (unsigned i = 0; i < RD_ISSUE_QUEUE; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		assert_int_equal(ask(j, name, 1 + i % 12, 0).status, OM_OK);
	}
	assert_int_equal(ask(j, "one too many", 10, 0).status, OM_UNAVAILABLE);
	let_pass(RD_ISSUE_QUEUE);
	assert_true(look(j, "n63", PATIENCE_MS).done);
	let_pass(1);
	assert_true(ask(j, "one too many", 10, PATIENCE_MS).done);
	rd_issue_queue_close(&j);
}

static void
test_stopping_forgets_what_is_queued(void **state)
{
	struct rd_issue_queue *j = open_jobs();

	(void)state;
	assert_false(ask(j, "one", 10, 0).done);
	await_begun(1);
	assert_false(ask(j, "two", 11, 0).done);
	let_pass(2); /* the second may have begun already */
	rd_issue_queue_close(&j);
	assert_true(gate.begun <= 2);
}

static void
test_what_is_not_about_issuing_goes_on(void **state)
{
	struct rd_issue_queue *j = open_jobs();
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply rep = OM__REPLY__INIT;
	om_err e;

	(void)state;
	req.body_case = OM__REQUEST__BODY_STATUS;
	assert_int_equal(rd_issue_queue_serve(j, &req, om_mono_ms(), NULL, &rep, &e), OM_INVALID);
	assert_string_equal(e.text, "for others");
	rd_issue_queue_close(&j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who_waits_gets_the_document),
	    cmocka_unit_test(test_who_does_not_wait_is_told_the_state_and_finds_it),
	    cmocka_unit_test(test_the_same_name_for_something_else_is_refused),
	    cmocka_unit_test(test_one_that_failed_says_why_and_begins_again),
	    cmocka_unit_test(test_a_costd_that_is_away_for_a_moment_is_asked_again),
	    cmocka_unit_test(test_more_than_can_wait_are_refused_and_what_ended_makes_room),
	    cmocka_unit_test(test_stopping_forgets_what_is_queued),
	    cmocka_unit_test(test_what_is_not_about_issuing_goes_on),
	};

	om_log_init("test", OM_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
