/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Documents that take others back, and requests that meet. */
#include "issue_fixture.h"
#include "documents.pb-c.h"
#include "jobs.pb-c.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define NOW  IFX_NOW
#define PDF  OM__FORMAT__FORMAT_PDF
#define XLSX OM__FORMAT__FORMAT_XLSX
#define ok   ifx_ok

/* ---- cancelling ---- */

static void
test_what_is_cancelled_can_be_issued_again(void **state)
{
	Om__Document *d;
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	struct ifx_done done;
	om_err e;

	(void)state;
	fx_open(&ifx);
	(void)ifx_issue_now(ifx_user("a"));
	q = ifx_cancellation("c", "2026-000001");
	ok(ifx_begin_now(&q, &begun, &e), &e);
	(void)ifx_held(&begun, OM__ISSUE_ROLE__ROLE_CANCELLATION);
	assert_string_equal(begun.number->standing->document->number, "2026-000001");
	assert_true(begun.number->standing->figures.len > 0);
	ok(ifx_finish(ifx.pool, &q, &begun, "c", 1, NOW, &ifx.a, &done, &e), &e);
	d = done.document;
	assert_string_equal(d->number, "2026-000002");
	assert_string_equal(d->cancels, "2026-000001");
	assert_string_equal(d->reason, "the wrong person");
	assert_string_equal(d->total, "-12.30");
	assert_null(d->corrects);
	assert_string_equal(ifx_load("2026-000001")->cancelled_by, "2026-000002");
	assert_null(ifx_load("2026-000001")->corrected_by);

	ifx_expect_refused(ifx_cancellation("again", "2026-000001"), "2026-000001 was cancelled by 2026-000002");
	ifx_expect_refused(ifx_cancellation("back", "2026-000002"), "2026-000002 is the cancellation of 2026-000001");
	ifx_expect_refused(ifx_correction("better", "2026-000001"), "2026-000001 was cancelled by 2026-000002");
	ifx_expect_refused(ifx_correction("better2", "2026-000002"), "2026-000002 is the cancellation of 2026-000001");
	ifx_expect_refused(ifx_duplicate("copy", PDF), "nothing is issued");
	/* the same request finds its own */
	ok(ifx_begin_now(&q, &begun, &e), &e);
	assert_string_equal(ifx_known(&begun)->number, "2026-000002");

	assert_string_equal(ifx_issue_now(ifx_user("new"))->number, "2026-000003");
	ifx_expect_refused(ifx_user("second"), "2026-000003 is issued");
	/* a correction can be cancelled; what it corrected stays corrected */
	(void)ifx_issue_now(ifx_correction("fix", "2026-000003"));
	ifx_expect_refused(ifx_cancellation("old", "2026-000003"), "2026-000003 was corrected by 2026-000004 already");
	(void)ifx_issue_now(ifx_cancellation("off", "2026-000004"));
	assert_string_equal(ifx_issue_now(ifx_user("third"))->number, "2026-000006");
	fx_close(&ifx);
}

static void
test_a_cancellation_is_of_the_same_and_takes_all_of_it_back(void **state)
{
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	struct ifx_done done;
	om_err e;

	(void)state;
	fx_open(&ifx);
	(void)ifx_issue_now(ifx_user("a"));
	q = ifx_cancellation("b", "2026-000001");
	q.month = 9;
	ifx_expect_refused(q, "2026-000001 is about something else");
	q = ifx_cancellation("c", "2026-000009");
	assert_int_equal(ifx_begin_now(&q, &begun, &e), OM_NOT_FOUND);
	q = ifx_cancellation("d", "2026-000001");
	q.format = XLSX;
	assert_int_equal(ifx_begin_now(&q, &begun, &e), OM_INVALID);
	q.format = PDF;
	q.reason = om_arena_strdup(&ifx.a, "two\nlines");
	assert_int_equal(ifx_begin_now(&q, &begun, &e), OM_INVALID);
	/* its total is the negative, to the cent */
	fx_run(&ifx, "UPDATE document SET total='12.31'");
	q = ifx_cancellation("f", "2026-000001");
	ok(ifx_begin_now(&q, &begun, &e), &e);
	assert_int_equal(ifx_finish(ifx.pool, &q, &begun, "f", 1, NOW, &ifx.a, &done, &e), OM_INTERNAL);
	assert_non_null(strstr(e.text, "-12.30 USD does not take back the 12.31 USD of 2026-000001"));
	fx_run(&ifx, "UPDATE document SET total='12.3'");
	ok(ifx_finish(ifx.pool, &q, &begun, "f", 1, NOW, &ifx.a, &done, &e), &e);
	fx_close(&ifx);
}

static void
test_a_last_step_that_contradicts_its_request_is_refused(void **state)
{
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	struct ifx_done done;
	om_err e;

	(void)state;
	fx_open(&ifx);
	q = ifx_user("a");
	ok(ifx_begin_now(&q, &begun, &e), &e);
	begun.number->role = OM__ISSUE_ROLE__ROLE_CORRECTION; /* of none */
	assert_int_equal(ifx_finish(ifx.pool, &q, &begun, "a", 1, NOW, &ifx.a, &done, &e), OM_INVALID);
	assert_non_null(strstr(e.text, "of_number"));
	begun.number->role = OM__ISSUE_ROLE__ROLE_ORIGINAL;
	ok(ifx_finish(ifx.pool, &q, &begun, "a", 1, NOW, &ifx.a, &done, &e), &e);
	q = ifx_user_of("b", XLSX);
	ok(ifx_begin_now(&q, &begun, &e), &e);
	q = ifx_correction("b", "2026-000001");
	assert_int_equal(ifx_finish(ifx.pool, &q, &begun, "b", 1, NOW, &ifx.a, &done, &e), OM_INVALID);
	assert_non_null(strstr(e.text, "act"));
	q = ifx_cancellation("c", "2026-000001");
	ok(ifx_begin_now(&q, &begun, &e), &e);
	begun.number->role = OM__ISSUE_ROLE__ROLE_CORRECTION;
	assert_int_equal(ifx_finish(ifx.pool, &q, &begun, "c", 1, NOW, &ifx.a, &done, &e), OM_INVALID);
	assert_non_null(strstr(e.text, "role"));
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM document"), 1);
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM document_file"), 1);
	fx_close(&ifx);
}

/* ---- many at once ---- */

#define THREADS 6

struct adder {
	pthread_t thread;
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	struct om_arena a;
	om_status s;
	om_err why;
};

static void *
add(void *arg)
{
	struct adder *me = arg;
	struct ifx_done done;

	me->s = ifx_finish(
	    ifx.pool, &me->q, &me->begun, me->q.request, strlen(me->q.request), NOW, &me->a, &done, &me->why);
	return NULL;
}

static void
test_of_many_who_add_a_format_at_once_one_does(void **state)
{
	struct adder all[THREADS];
	char name[24];
	unsigned added = 0;
	om_err e;

	(void)state;
	fx_open(&ifx);
	(void)ifx_issue_now(ifx_user("a"));
	for (unsigned i = 0; i < THREADS; i++) {
		(void)snprintf(name, sizeof name, "x-%u", i);
		all[i] = (struct adder){.q = ifx_user_of(name, XLSX)};
		om_arena_init(&all[i].a, (size_t)8 * 1024 * 1024);
		ok(ifx_begin_now(&all[i].q, &all[i].begun, &e), &e);
		(void)ifx_wanted(&all[i].begun);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&all[i].thread, NULL, add, &all[i]), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		(void)pthread_join(all[i].thread, NULL);
		added += all[i].s == OM_OK;
		if (all[i].s != OM_OK) {
			assert_int_equal(all[i].s, OM_CONFLICT);
			assert_non_null(strstr(all[i].why.text, "2026-000001 is issued for this already"));
		}
		om_arena_fini(&all[i].a);
	}
	assert_int_equal(added, 1);
	assert_int_equal(ifx_load("2026-000001")->n_files, 2);
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM document_chunk"), 2);
	fx_close(&ifx);
}

static void
test_a_file_is_not_added_to_what_was_taken_back_meanwhile(void **state)
{
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	struct ifx_done done;
	om_err e;

	(void)state;
	fx_open(&ifx);
	(void)ifx_issue_now(ifx_user("a"));
	q = ifx_user_of("x", XLSX);
	ok(ifx_begin_now(&q, &begun, &e), &e);
	(void)ifx_issue_now(ifx_cancellation("c", "2026-000001"));
	assert_int_equal(ifx_finish(ifx.pool, &q, &begun, "x", 1, NOW, &ifx.a, &done, &e), OM_CONFLICT);
	assert_non_null(strstr(e.text, "2026-000001 was cancelled by 2026-000002"));
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM document_file"), 2);
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM document_request WHERE request='x'"), 0);
	fx_close(&ifx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_cancelled_can_be_issued_again),
	    cmocka_unit_test(test_a_cancellation_is_of_the_same_and_takes_all_of_it_back),
	    cmocka_unit_test(test_a_last_step_that_contradicts_its_request_is_refused),
	    cmocka_unit_test(test_of_many_who_add_a_format_at_once_one_does),
	    cmocka_unit_test(test_a_file_is_not_added_to_what_was_taken_back_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
