/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Jobs whose maker is the test's and goes on when it is told to.
 */
#include "job/jobs.h"
#include "jobs.pb-c.h"
#include "usage.pb-c.h"
#include "base/stats.h"
#include "base/sync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 120000 /* a guard against hangs, not a measure */

static _Atomic int64_t passed_ms; /* by how much the test's clock is ahead */

static int64_t
our_now(void)
{
	return om_mono_ms() + atomic_load(&passed_ms);
}

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned may_end; /* files that may be finished; lock */
	unsigned made;    /* lock */
	om_status fail;
	bool streams;
	struct rd_workdir *work;
	char dir[64];
	struct om_arena arena;
	struct rd_jobs *jobs;
	char added[64]; /* what the maker was given besides; lock */
} all;

static om_status
make(void *arg, const Om__JobStart *what, const struct rd_asked *more, struct rd_task *t, om_err *e)
{
	struct rd_task_facts f = {.name = "a.csv", .content_type = "text/csv"};
	om_status s = rd_task_folder(t, all.work, 10, e);

	(void)arg;
	(void)what;
	if (s == OM_OK)
		s = rd_task_begin(t, all.streams, e);
	if (s == OM_OK)
		s = rd_task_write(t, "half,", 5, e);
	rd_task_set_facts(t, &f);
	rd_task_expect(t, 2);
	rd_task_progress(t, 1);
	(void)pthread_mutex_lock(&all.lock);
	while (s == OM_OK && all.may_end == 0 && (s = rd_task_go_on(t, e)) == OM_OK)
		(void)om_cond_wait(&all.changed, &all.lock, om_mono_ms() + 20);
	if (s == OM_OK)
		all.may_end--;
	if (more != NULL)
		(void)snprintf(all.added, sizeof all.added, "%u %s %s %.*s %s", (unsigned)more->query->month,
		    more->issue.number, more->terms, (int)more->figures.len, (const char *)more->figures.data,
		    more->zone->name);
	all.made++;
	(void)pthread_mutex_unlock(&all.lock);
	if (s == OM_OK && all.fail != OM_OK)
		return om_fail(e, all.fail, "the maker says no");
	if (s == OM_OK)
		s = rd_task_write(t, "whole", 5, e);
	return s;
}

static void
let_end(unsigned n)
{
	(void)pthread_mutex_lock(&all.lock);
	all.may_end += n;
	(void)pthread_cond_broadcast(&all.changed);
	(void)pthread_mutex_unlock(&all.lock);
}

static void
open_jobs(unsigned workers, unsigned queue, unsigned keep)
{
	const struct rd_jobs_opts o = {
	    .workers = workers, .queue = queue, .keep = keep, .waiters = 8, .now = our_now, .make = make};

	all.may_end = all.made = 0;
	all.fail = OM_OK;
	all.streams = true;
	om_arena_init(&all.arena, (size_t)1 << 24);
	(void)snprintf(all.dir, sizeof all.dir, "/tmp/rd-test-jobs.XXXXXX");
	assert_non_null(mkdtemp(all.dir));
	assert_int_equal(rd_workdir_open(all.dir, &all.work, NULL), OM_OK);
	assert_int_equal(rd_jobs_open(&o, &all.jobs, NULL), OM_OK);
}

static int
close_jobs(void **state)
{
	(void)state;
	rd_jobs_close(&all.jobs);
	rd_workdir_close(&all.work);
	om_arena_fini(&all.arena);
	assert_int_equal(rmdir(all.dir), 0); /* no file is left */
	return 0;
}

static unsigned char ids[256][RD_JOB_ID];

static ProtobufCBinaryData
id_of(unsigned n)
{
	ids[n][0] = (unsigned char)n;
	return (ProtobufCBinaryData){.len = RD_JOB_ID, .data = ids[n]};
}

static om_status
start(unsigned n)
{
	Om__GenerationsQuery q = OM__GENERATIONS_QUERY__INIT;
	Om__JobStart what = OM__JOB_START__INIT;
	Om__JobReply *r;

	what.job_id = id_of(n);
	what.file_case = OM__JOB_START__FILE_GENERATIONS;
	what.generations = &q;
	return rd_jobs_start(all.jobs, &what, NULL, &all.arena, &r, NULL);
}

static const Om__JobReply *
state_of(unsigned n, uint32_t wait_ms)
{
	Om__JobReply *r = NULL;

	assert_int_equal(rd_jobs_state(all.jobs, id_of(n), wait_ms, &all.arena, &r, NULL), OM_OK);
	assert_non_null(r);
	return r;
}

/* ended waits for the end of the job and tells how it ended. */
static int
ended(unsigned n)
{
	int64_t until = om_mono_ms() + PATIENCE_MS;
	int state;

	do {
		assert_true(om_mono_ms() < until);
		state = (int)state_of(n, 30000)->state;
	} while (state == OM__JOB_STATE__JOB_QUEUED || state == OM__JOB_STATE__JOB_RUNNING);
	return state;
}

static void
wait_running(unsigned n)
{
	int64_t until = om_mono_ms() + PATIENCE_MS;
	bool running = false;

	while (!running) {
		struct om_arena a;
		Om__JobReply *r = NULL;

		om_arena_init(&a, 65536);
		assert_int_equal(rd_jobs_state(all.jobs, id_of(n), 0, &a, &r, NULL), OM_OK);
		running = r != NULL && r->state == OM__JOB_STATE__JOB_RUNNING && r->bytes > 0;
		om_arena_fini(&a);
		assert_true(om_mono_ms() < until);
	}
}

static const char *
read_all(unsigned n, uint64_t offset, bool *end)
{
	Om__JobRead q = OM__JOB_READ__INIT;
	Om__JobPart *part = NULL;

	q.job_id = id_of(n);
	q.offset = offset;
	q.limit = 100;
	assert_int_equal(rd_jobs_read(all.jobs, &q, &all.arena, &part, NULL), OM_OK);
	*end = part->end;
	return om_arena_strndup(&all.arena, (const char *)part->data.data, part->data.len);
}

static void
test_a_job_is_made_read_and_dropped(void **state)
{
	Om__JobReply *r;
	bool end;

	(void)state;
	open_jobs(1, 4, 4);
	assert_int_equal(start(1), OM_OK);
	wait_running(1);
	assert_string_equal(read_all(1, 0, &end), "half,"); /* while it is made */
	assert_false(end);
	let_end(1);
	assert_int_equal(ended(1), OM__JOB_STATE__JOB_DONE);
	assert_int_equal(state_of(1, 0)->bytes, 10);
	assert_int_equal(state_of(1, 0)->sha256.len, OM_SHA256);
	assert_string_equal(read_all(1, 0, &end), "half,whole");
	assert_true(end);
	assert_string_equal(read_all(1, 5, &end), "whole");
	assert_string_equal(read_all(1, 99, &end), "");
	assert_int_equal(rd_jobs_drop(all.jobs, id_of(1), &all.arena, &r, NULL), OM_OK);
	assert_int_equal(rd_jobs_state(all.jobs, id_of(1), 0, &all.arena, &r, NULL), OM_NOT_FOUND);
	assert_int_equal(rd_jobs_drop(all.jobs, id_of(1), &all.arena, &r, NULL), OM_NOT_FOUND);
}

static void
test_starting_twice_makes_once(void **state)
{
	(void)state;
	open_jobs(2, 4, 4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(start(1), OM_OK);
	let_end(3);
	assert_int_equal(ended(1), OM__JOB_STATE__JOB_DONE);
	assert_int_equal(start(1), OM_OK);
	assert_int_equal(ended(1), OM__JOB_STATE__JOB_DONE);
	assert_int_equal(all.made, 1);
}

static void
test_a_full_queue_refuses(void **state)
{
	(void)state;
	open_jobs(1, 2, 4);
	assert_int_equal(start(1), OM_OK);
	wait_running(1);
	assert_int_equal(start(2), OM_OK);
	assert_int_equal(start(3), OM_OK);
	assert_int_equal(start(4), OM_UNAVAILABLE);
	assert_int_equal(start(2), OM_OK); /* which waits already */
	let_end(3);
	assert_int_equal(ended(3), OM__JOB_STATE__JOB_DONE);
	assert_int_equal(start(4), OM_OK);
	let_end(1);
	assert_int_equal(ended(4), OM__JOB_STATE__JOB_DONE);
}

static void
test_dropped_jobs_end_and_others_go_on(void **state)
{
	Om__JobReply *r;

	(void)state;
	open_jobs(1, 4, 4);
	assert_int_equal(start(1), OM_OK);
	assert_int_equal(start(2), OM_OK);
	assert_int_equal(start(3), OM_OK);
	wait_running(1);
	assert_int_equal(rd_jobs_drop(all.jobs, id_of(1), &all.arena, &r, NULL), OM_OK); /* under way */
	assert_int_equal(rd_jobs_drop(all.jobs, id_of(2), &all.arena, &r, NULL), OM_OK); /* waits */
	wait_running(3);
	let_end(1);
	assert_int_equal(ended(3), OM__JOB_STATE__JOB_DONE);
	assert_int_equal(all.made, 2); /* the second never began */
}

static void
test_failures_say_why_and_give_no_byte(void **state)
{
	Om__JobRead q = OM__JOB_READ__INIT;
	Om__JobPart *part;
	om_err e = {.text = ""};

	(void)state;
	open_jobs(1, 4, 4);
	all.fail = OM_FULL;
	assert_int_equal(start(1), OM_OK);
	let_end(1);
	assert_int_equal(ended(1), OM__JOB_STATE__JOB_FAILED);
	assert_int_equal(state_of(1, 0)->status, OM_FULL);
	assert_string_equal(state_of(1, 0)->message, "the maker says no");
	q.job_id = id_of(1);
	q.limit = 100;
	assert_int_equal(rd_jobs_read(all.jobs, &q, &all.arena, &part, &e), OM_FULL);
}

/* shown tells whether that line is among the metrics. */
static bool
shown(const char *line)
{
	struct om_buf b;
	bool is;

	om_buf_init(&b, (size_t)1 << 20);
	om_stats_write(&b);
	is = om_buf_done(&b, NULL) == OM_OK && strstr(b.data, line) != NULL;
	om_buf_fini(&b);
	return is;
}

static void
wait_a_little(void)
{
	(void)pthread_mutex_lock(&all.lock);
	(void)om_cond_wait(&all.changed, &all.lock, om_mono_ms() + 20);
	(void)pthread_mutex_unlock(&all.lock);
}

static void
test_what_no_client_asks_for_goes(void **state)
{
	int64_t until = om_mono_ms() + PATIENCE_MS;
	Om__JobReply *r;

	(void)state;
	open_jobs(1, 4, 4);
	assert_int_equal(start(1), OM_OK);
	wait_running(1);
	atomic_fetch_add(&passed_ms, RD_TASK_IDLE_MS + 1);
	while (!shown("owui_metering_jobs_kept 1\n")) { /* the maker gives up by itself: no client asks */
		wait_a_little();
		assert_true(om_mono_ms() < until);
	}
	atomic_fetch_add(&passed_ms, RD_KEEP_MS + 1);
	while (!shown("owui_metering_jobs_kept 0\n")) { /* asking for another one sweeps */
		assert_int_equal(rd_jobs_state(all.jobs, id_of(9), 0, &all.arena, &r, NULL), OM_NOT_FOUND);
		wait_a_little();
		assert_true(om_mono_ms() < until);
	}
	assert_int_equal(rd_jobs_state(all.jobs, id_of(1), 0, &all.arena, &r, NULL), OM_NOT_FOUND);
}

static void
test_the_oldest_file_makes_room(void **state)
{
	Om__JobReply *r;

	(void)state;
	open_jobs(1, 1, 1); /* three places */
	let_end(5);
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(start(i), OM_OK);
		assert_int_equal(ended(i), OM__JOB_STATE__JOB_DONE);
	}
	assert_int_equal(rd_jobs_state(all.jobs, id_of(1), 0, &all.arena, &r, NULL), OM_NOT_FOUND);
	assert_int_equal(state_of(5, 0)->state, OM__JOB_STATE__JOB_DONE);
}

/* What reportd adds to a document that it asks for itself. */
static void
test_what_is_added_outlives_its_caller(void **state)
{
	char number[] = "2026-000001", terms[] = "{}", name[] = "UTC", figures[] = "F";
	Om__Zone zone = OM__ZONE__INIT;
	Om__RenderQuery q = OM__RENDER_QUERY__INIT;
	struct rd_asked more = {.query = &q, .issue = {.number = number}, .kept = true, .terms = terms, .zone = &zone};
	Om__JobStart what = OM__JOB_START__INIT;
	Om__JobReply *r;

	(void)state;
	open_jobs(1, 1, 1);
	zone.name = name;
	more.figures = (ProtobufCBinaryData){.len = 1, .data = (unsigned char *)figures};
	q.month = 11;
	what.job_id = id_of(1);
	what.file_case = OM__JOB_START__FILE_RENDER;
	what.render = &q;
	assert_int_equal(rd_jobs_start(all.jobs, &what, &more, &all.arena, &r, NULL), OM_OK);
	number[0] = terms[0] = name[0] = figures[0] = 'x';
	q.month = 1;
	let_end(1);
	assert_int_equal(state_of(1, 30000)->state, OM__JOB_STATE__JOB_DONE);
	assert_string_equal(all.added, "11 2026-000001 {} F UTC");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_a_job_is_made_read_and_dropped, close_jobs),
	    cmocka_unit_test_teardown(test_starting_twice_makes_once, close_jobs),
	    cmocka_unit_test_teardown(test_a_full_queue_refuses, close_jobs),
	    cmocka_unit_test_teardown(test_dropped_jobs_end_and_others_go_on, close_jobs),
	    cmocka_unit_test_teardown(test_failures_say_why_and_give_no_byte, close_jobs),
	    cmocka_unit_test_teardown(test_what_no_client_asks_for_goes, close_jobs),
	    cmocka_unit_test_teardown(test_the_oldest_file_makes_room, close_jobs),
	    cmocka_unit_test_teardown(test_what_is_added_outlives_its_caller, close_jobs),
	};

	(void)pthread_mutex_init(&all.lock, NULL);
	om_cond_init(&all.changed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
