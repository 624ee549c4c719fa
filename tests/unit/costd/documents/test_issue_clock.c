/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Dates of issue and numbers when a clock was ahead. */
#include "issue_fixture.h"

#include "documents/accept.h"
#include "documents.pb-c.h"
#include "jobs.pb-c.h"
#include "base/zone.h"

#include <string.h>

#define NOW  IFX_NOW
#define HOUR (3600 * OM_SECOND)
#define ok   ifx_ok

static om_status
begin(const char *request, om_time now, Om__IssueBeginReply *out, om_err *e)
{
	Om__IssueQuery q = ifx_query(&ifx.a, request, request);

	*e = (om_err){.text = ""};
	return ifx_begin(ifx.pool, &q, NULL, now, &ifx.a, out, e);
}

/* issue makes a document of a user of the request's own and gives its number. */
static const char *
issue(const char *request, om_time now)
{
	Om__IssueQuery q = ifx_query(&ifx.a, request, request);

	return ifx_issue(&q, now)->number;
}

struct accepting {
	om_time now;
	struct cd_accepted *out;
};

static om_status
accept_work(struct cd_db *db, void *arg, om_err *e)
{
	const struct accepting *a = arg;

	return cd_accept_clock(db, a->now, a->out, e);
}

static struct cd_accepted
accept_clock(om_time now)
{
	struct cd_accepted out;
	struct accepting a = {.now = now, .out = &out};
	om_err e = {.text = ""};

	ok(cd_pool_run(ifx.pool, CD_TX_WRITE, FX_DEADLINE, accept_work, &a, &e), &e);
	return out;
}

static void
test_a_last_date_that_lies_ahead_is_refused_until_a_person_accepts_it(void **state)
{
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	struct cd_accepted done;
	om_err e;

	(void)state;
	fx_open(&ifx);
	assert_string_equal(issue("a", NOW), "2026-000001");
	assert_string_equal(issue("b", NOW + HOUR), "2026-000002");
	assert_int_equal(begin("c", NOW + 1, &begun, &e), OM_CONFLICT);
	assert_non_null(strstr(e.text, "2026-11-18T12:06:40"));
	assert_non_null(strstr(e.text, "2026-11-18T11:06:40"));
	assert_non_null(strstr(e.text, "costd --accept-clock"));
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM issuing WHERE lease_id IS NULL"), 1);
	/* what needs no date goes on: a file of a number, and a request that is known */
	q = ifx_query(&ifx.a, "b", "b");
	ok(ifx_begin(ifx.pool, &q, NULL, NOW + 1, &ifx.a, &begun, &e), &e);
	(void)ifx_known(&begun);
	q = ifx_query(&ifx.a, "sheet", "a");
	q.format = OM__FORMAT__FORMAT_XLSX;
	assert_string_equal(ifx_issue(&q, NOW + 1)->number, "2026-000001");
	/* two seconds are what clocks of several machines may differ by */
	assert_int_equal(begin("c", NOW + HOUR - CD_AHEAD_US - 1, &begun, &e), OM_CONFLICT);

	done = accept_clock(NOW + 2);
	assert_true(done.changed);
	assert_int_equal(done.before.seq, 2);
	assert_int_equal(done.before_us, NOW + HOUR);
	assert_int_equal(done.now.seq, 1);
	assert_int_equal(done.now_us, NOW);
	assert_string_equal(issue("c", NOW + 3), "2026-000003"); /* not 2 again */
	assert_int_equal(fx_int(&ifx, "SELECT issued_us FROM document WHERE seq=3"), NOW + 3);
	assert_int_equal(fx_int(&ifx, "SELECT issued_us FROM document WHERE seq=2"), NOW + HOUR);
	done = accept_clock(NOW + 4);
	assert_false(done.changed);
	assert_int_equal(fx_int(&ifx, "SELECT seq FROM issuing"), 3);
	/* and when the time comes that the clock had shown, nothing is in the way */
	assert_string_equal(issue("d", NOW + HOUR), "2026-000004");
	fx_close(&ifx);
}

static void
test_a_little_ahead_is_no_reason_to_refuse(void **state)
{
	(void)state;
	fx_open(&ifx);
	assert_string_equal(issue("a", NOW + CD_AHEAD_US), "2026-000001");
	assert_string_equal(issue("b", NOW), "2026-000002");
	assert_int_equal(fx_int(&ifx, "SELECT issued_us FROM document WHERE seq=2"), NOW + CD_AHEAD_US + 1);
	fx_close(&ifx);
}

static void
test_numbers_do_not_collide_in_the_next_january(void **state)
{
	om_time year = om_zone_day_start(om_day_from_civil(2027, 1, 1));
	Om__IssueBeginReply begun;
	struct cd_accepted done;
	om_err e;

	(void)state;
	fx_open(&ifx);
	assert_string_equal(issue("a", year - 30 * OM_SECOND), "2026-000001");
	/* twenty seconds at the end of December */
	assert_string_equal(issue("b", year + 5 * OM_SECOND), "2027-000001");
	assert_string_equal(issue("c", year + 6 * OM_SECOND), "2027-000002");
	assert_int_equal(begin("d", year - 14 * OM_SECOND, &begun, &e), OM_CONFLICT);
	done = accept_clock(year - 13 * OM_SECOND);
	assert_int_equal(done.now.year, 2026);
	assert_string_equal(issue("d", year - 12 * OM_SECOND), "2026-000002");
	assert_string_equal(issue("e", year - 11 * OM_SECOND), "2026-000003");
	assert_string_equal(issue("f", year + 86400 * OM_SECOND), "2027-000003");
	assert_string_equal(issue("g", year + 86401 * OM_SECOND), "2027-000004");
	fx_close(&ifx);
}

static void
test_accepting_without_an_older_document_begins_with_the_clock(void **state)
{
	struct cd_accepted done;

	(void)state;
	fx_open(&ifx);
	done = accept_clock(NOW);
	assert_false(done.changed);
	assert_string_equal(issue("a", NOW + HOUR), "2026-000001");
	done = accept_clock(NOW);
	assert_true(done.changed);
	assert_int_equal(done.now.year, 0);
	assert_string_equal(issue("b", NOW), "2026-000002");
	fx_close(&ifx);
}

static void
test_a_number_that_was_held_by_a_clock_ahead_is_free(void **state)
{
	Om__IssueQuery q;
	Om__IssueBeginReply ahead, begun;
	struct ifx_done done;
	Om__IssueKeep k = OM__ISSUE_KEEP__INIT;
	Om__IssueDrop drop = OM__ISSUE_DROP__INIT;
	om_err e;

	(void)state;
	fx_open(&ifx);
	/* killed while the clock was a month ahead: the next request does not wait a month */
	ok(begin("dead", NOW + 720 * HOUR, &ahead, &e), &e);
	ok(begin("a", NOW, &begun, &e), &e);
	assert_string_equal(ifx_number(&begun), "2026-000001");
	drop.lease_id = begun.number->lease_id;
	ok(cd_issue_drop(ifx.pool, &drop, FX_DEADLINE, &e), &e);
	/* the clock was set right while a document was made: its date is refused, too */
	ok(begin("late", NOW + HOUR, &ahead, &e), &e);
	k.lease_id = ahead.number->lease_id;
	ok(cd_issue_keep(ifx.pool, &k, NOW, FX_DEADLINE, &e), &e);
	q = ifx_query(&ifx.a, "late", "late");
	assert_int_equal(ifx_finish(ifx.pool, &q, &ahead, "x", 1, NOW, &ifx.a, &done, &e), OM_CONFLICT);
	assert_non_null(strstr(e.text, "costd --accept-clock"));
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM document"), 0);
	fx_close(&ifx);
}

static void
test_a_counter_that_a_person_raised_counts(void **state)
{
	(void)state;
	fx_open(&ifx);
	assert_string_equal(issue("a", NOW), "2026-000001");
	fx_run(&ifx, "UPDATE issuing SET year=2026, seq=17 WHERE id=1"); /* a dump that was older was put back */
	assert_string_equal(issue("b", NOW), "2026-000018");
	fx_close(&ifx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_last_date_that_lies_ahead_is_refused_until_a_person_accepts_it),
	    cmocka_unit_test(test_a_little_ahead_is_no_reason_to_refuse),
	    cmocka_unit_test(test_numbers_do_not_collide_in_the_next_january),
	    cmocka_unit_test(test_accepting_without_an_older_document_begins_with_the_clock),
	    cmocka_unit_test(test_a_number_that_was_held_by_a_clock_ahead_is_free),
	    cmocka_unit_test(test_a_counter_that_a_person_raised_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
