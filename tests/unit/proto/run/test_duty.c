/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Duties: on a clock of the test's and without threads where the order counts, with threads
 * and conditions where it is about them.  Nothing sleeps. */
#include "check.h"
#include "base/clock.h"
#include "base/stats.h"
#include "base/sync.h"
#include "run/duty.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_MS 20000

static int64_t now_ms;

static int64_t
clock_of_test(void)
{
	return now_ms;
}

static struct om_duties *
open_table(void)
{
	struct om_duties *d = NULL;
	om_err e = {.text = ""};

	now_ms = 1000000;
	assert_status(om_duties_new(0, clock_of_test, &d, &e), OM_OK, e);
	return d;
}

static void
add(struct om_duties *d, struct om_duty row)
{
	om_err e = {.text = ""};

	if (row.failed == NULL)
		row.failed = "a duty of the tests failed";
	assert_status(om_duties_add(d, &row, NULL, &e), OM_OK, e);
}

/* A duty that does what the test sets, and counts its turns. */
struct plan {
	unsigned turns;
	om_status status;
	const char *why;
	int64_t next_ms; /* -1: says nothing */
	bool idle;
	char *order; /* turns are noted here; NULL */
	char mark;
};

static om_status
follow(void *arg, struct om_duty_turn *t, om_err *e)
{
	struct plan *p = arg;

	p->turns++;
	if (p->order != NULL)
		p->order[strlen(p->order)] = p->mark;
	if (p->next_ms >= 0)
		om_duty_next_in(t, p->next_ms);
	if (p->idle)
		om_duty_idle(t);
	return p->status == OM_OK ? OM_OK : om_fail(e, p->status, "%s", p->why);
}

/* turns_until moves the clock on by steps and counts the turns that begin. */
static unsigned
turns_until(struct om_duties *d, int64_t ms)
{
	unsigned n = 0;

	for (int64_t end = now_ms + ms; now_ms < end; now_ms += 10)
		while (om_duties_step(d))
			n++;
	return n;
}

static void
test_a_duty_is_due_at_once_and_then_at_its_interval(void **state)
{
	struct om_duties *d = open_table();
	struct plan p = {.next_ms = -1};

	(void)state;
	add(d, (struct om_duty){.name = "t-interval", .every_ms = 1000, .run = follow, .arg = &p});
	assert_int_equal(turns_until(d, 1000), 1);
	assert_int_equal(turns_until(d, 1000), 1);
	assert_int_equal(turns_until(d, 10000), 10);
	om_duties_free(&d);
	assert_null(d);
}

static void
test_a_turn_says_when_the_next_is_due(void **state)
{
	struct om_duties *d = open_table();
	struct plan p = {.next_ms = 50};

	(void)state;
	add(d, (struct om_duty){.name = "t-next", .every_ms = 1000, .run = follow, .arg = &p});
	assert_int_equal(turns_until(d, 1000), 20);
	p.next_ms = INT64_MAX; /* never, until it is woken */
	assert_int_equal(turns_until(d, 50), 1);
	assert_int_equal(turns_until(d, 100000), 0);
	om_duties_wake(d, "t-next");
	assert_int_equal(turns_until(d, 10), 1);
	om_duties_free(&d);
}

static void
test_a_wake_makes_it_due_earlier_and_never_later(void **state)
{
	struct om_duties *d = open_table();
	struct plan asleep = {.next_ms = -1}, awake = {.next_ms = -1};

	(void)state;
	add(d, (struct om_duty){.name = "t-asleep", .asleep = true, .run = follow, .arg = &asleep});
	add(d, (struct om_duty){.name = "t-awake", .every_ms = 100, .run = follow, .arg = &awake});
	assert_int_equal(turns_until(d, 100), 1);
	assert_int_equal(asleep.turns, 0);
	om_duties_wake_in(d, "t-asleep", 300);
	om_duties_wake_in(d, "t-asleep", 900); /* later: it stays as it is */
	om_duties_wake_in(d, "t-awake", 5000);
	om_duties_wake(d, "t-of-no-row");
	(void)turns_until(d, 300);
	assert_int_equal(asleep.turns, 0);
	assert_int_equal(awake.turns, 4);
	(void)turns_until(d, 10);
	assert_int_equal(asleep.turns, 1);
	(void)turns_until(d, 10000);
	assert_int_equal(asleep.turns, 1); /* no interval: it waits for the next wake */
	om_duties_wake_all(d);
	(void)turns_until(d, 10);
	assert_int_equal(asleep.turns, 2);
	om_duties_free(&d);
}

static om_status
wake_itself(void *arg, struct om_duty_turn *t, om_err *e)
{
	unsigned *turns = arg;

	(void)e;
	if (++*turns == 1)
		om_duties_wake(t->of, "t-itself"); /* as another thread would, while the turn is under way */
	om_duty_next_in(t, INT64_MAX);
	return OM_OK;
}

static void
test_a_wake_during_a_turn_is_not_lost(void **state)
{
	struct om_duties *d = open_table();
	unsigned turns = 0;

	(void)state;
	add(d, (struct om_duty){.name = "t-itself", .run = wake_itself, .arg = &turns});
	assert_int_equal(turns_until(d, 1000), 2);
	om_duties_free(&d);
}

static void
test_what_has_been_due_for_longest_comes_first(void **state)
{
	struct om_duties *d = open_table();
	char order[64] = "";
	struct plan a = {.next_ms = 0, .order = order, .mark = 'a'}, b = {.next_ms = 0, .order = order, .mark = 'b'},
		    c = {.next_ms = 0, .order = order, .mark = 'c'};

	(void)state;
	/* each is due again at once, and yet none keeps the others waiting */
	add(d, (struct om_duty){.name = "t-a", .run = follow, .arg = &a});
	add(d, (struct om_duty){.name = "t-b", .run = follow, .arg = &b});
	add(d, (struct om_duty){.name = "t-c", .run = follow, .arg = &c});
	for (unsigned i = 0; i < 12; i++) {
		assert_true(om_duties_step(d));
		now_ms += i / 6;
	}
	assert_string_equal(order, "abcabcabcabc");
	om_duties_free(&d);
}

static int64_t
value_of(const char *metric)
{
	struct om_buf out;
	const char *at;
	long long v = -1;

	om_buf_init(&out, 100000);
	om_stats_write(&out);
	assert_int_equal(om_buf_done(&out, NULL), OM_OK);
	at = strstr(out.data, metric);
	if (at != NULL)
		v = strtoll(at + strlen(metric), NULL, 10);
	om_buf_fini(&out);
	return v;
}

static void
test_a_failure_is_tried_again_by_the_rule_and_counted(void **state)
{
	struct om_duties *d = open_table();
	struct plan p = {.next_ms = -1, .status = OM_UNAVAILABLE, .why = "no answer"};
	int64_t began;

	(void)state;
	add(d, (struct om_duty){.name = "t-fails", .every_ms = 3600000, .run = follow, .arg = &p});
	assert_int_equal(turns_until(d, 150), 1);
	assert_int_equal(turns_until(d, 100), 1); /* 160 to 240 ms after the first */
	assert_int_equal(turns_until(d, 220), 0); /* 320 to 480 ms after the second: not before 480 in all */
	assert_int_equal(turns_until(d, 270), 1);
	for (began = now_ms; p.turns < 12;)
		(void)turns_until(d, 10);
	/* 0.8, 1.6, 3.2, … 51.2, 60, 60 s, give or take a fifth */
	assert_in_range((uint64_t)(now_ms - began), 140000, 280000);
	(void)turns_until(d, 100000);
	assert_in_range(p.turns, 13, 14); /* a minute is the longest wait */
	assert_int_equal(value_of("owui_metering_duty_failures_total{duty=\"t-fails\"}"), p.turns);
	assert_int_equal(value_of("owui_metering_duty_last_success_timestamp_seconds{duty=\"t-fails\"}"), 0);

	p.status = OM_OK;
	(void)turns_until(d, 80000);
	assert_true(value_of("owui_metering_duty_last_success_timestamp_seconds{duty=\"t-fails\"}") > 1700000000);
	assert_int_equal(value_of("owui_metering_duty_seconds_count{duty=\"t-fails\"}"), p.turns);
	p.status = OM_UNAVAILABLE;
	p.turns = 0;
	om_duties_wake(d, "t-fails");
	assert_int_equal(turns_until(d, 300), 2); /* the rule begins with its first wait */
	om_duties_free(&d);
}

static void
test_a_turn_without_work_does_not_end_a_failure(void **state)
{
	static const char success[] = "owui_metering_duty_last_success_timestamp_seconds{duty=\"t-idle\"}";
	struct om_duties *d = open_table();
	struct plan p = {.next_ms = -1, .status = OM_UNAVAILABLE, .why = "no answer"};

	(void)state;
	add(d, (struct om_duty){.name = "t-idle", .every_ms = 1000, .run = follow, .arg = &p});
	assert_int_equal(turns_until(d, 10), 1);
	p.status = OM_OK;
	p.idle = true;
	assert_int_equal(turns_until(d, 500), 1);
	assert_int_equal(value_of(success), 0);
	p.idle = false;
	assert_in_range(turns_until(d, 1000), 1, 2);
	assert_true(value_of(success) > 1700000000);
	om_duties_free(&d);
}

static void
test_a_failing_duty_is_tried_as_often_as_its_interval_at_least(void **state)
{
	struct om_duties *d = open_table();
	struct plan p = {.next_ms = -1, .status = OM_UNAVAILABLE, .why = "no answer"};

	(void)state;
	add(d, (struct om_duty){.name = "t-often", .every_ms = 1000, .run = follow, .arg = &p});
	(void)turns_until(d, 3000);
	p.turns = 0;
	(void)turns_until(d, 60000);
	assert_in_range(p.turns, 49, 76);
	om_duties_free(&d);
}

static void
test_nothing_begins_after_the_stop(void **state)
{
	struct om_duties *d = open_table();
	struct plan p = {.next_ms = 0};

	(void)state;
	add(d, (struct om_duty){.name = "t-stop", .run = follow, .arg = &p});
	assert_true(om_duties_step(d));
	assert_false(atomic_load(om_duties_stopping(d)));
	om_duties_stop(d);
	assert_true(atomic_load(om_duties_stopping(d)));
	assert_false(om_duties_step(d));
	om_duties_free(&d);
}

/* ---- with threads ---- */

/* A place where turns meet: each waits until so many are in it, or until it is open. */
struct meeting {
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned inside, most, turns; /* lock */
	uint32_t workers;             /* lock; who is inside */
	bool clash;                   /* lock; two had the same worker */
	bool open;                    /* lock */
	bool more;                    /* each turn says that there is more */
};

static void
meeting_init(struct meeting *m)
{
	*m = (struct meeting){.inside = 0};
	(void)pthread_mutex_init(&m->lock, NULL);
	om_cond_init(&m->change);
}

static om_status
meet(void *arg, struct om_duty_turn *t, om_err *e)
{
	struct meeting *m = arg;
	uint32_t bit = 1u << t->worker;

	(void)e;
	if (m->more)
		om_duty_more(t);
	(void)pthread_mutex_lock(&m->lock);
	m->clash = m->clash || (m->workers & bit) != 0;
	m->workers |= bit;
	m->turns++;
	m->most = ++m->inside > m->most ? m->inside : m->most;
	(void)pthread_cond_broadcast(&m->change);
	while (!m->open && om_duty_goes_on(t))
		(void)om_cond_wait(&m->change, &m->lock, om_mono_ms() + 5);
	m->inside--;
	m->workers &= ~bit;
	(void)pthread_cond_broadcast(&m->change);
	(void)pthread_mutex_unlock(&m->lock);
	return OM_OK;
}

/* wait_inside waits until so many turns are in the meeting. */
static void
wait_inside(struct meeting *m, unsigned n)
{
	int64_t deadline = om_mono_ms() + DEADLINE_MS;

	(void)pthread_mutex_lock(&m->lock);
	while (m->inside != n)
		if (!om_cond_wait(&m->change, &m->lock, deadline) && om_mono_ms() > deadline)
			fail_msg("%u turns are under way, not %u", m->inside, n);
	(void)pthread_mutex_unlock(&m->lock);
}

static void
let_go(struct meeting *m)
{
	(void)pthread_mutex_lock(&m->lock);
	m->open = true;
	(void)pthread_cond_broadcast(&m->change);
	(void)pthread_mutex_unlock(&m->lock);
}

static struct om_duties *
open_threads(unsigned n)
{
	struct om_duties *d = NULL;
	om_err e = {.text = ""};

	assert_status(om_duties_new(n, NULL, &d, &e), OM_OK, e);
	assert_status(om_duties_start(d, &e), OM_OK, e);
	return d;
}

static void
test_more_begins_a_turn_on_another_worker_and_no_more_than_there_are(void **state)
{
	struct om_duties *d = open_threads(5);
	struct meeting m, other;

	(void)state;
	meeting_init(&m);
	meeting_init(&other);
	m.more = true;
	add(d, (struct om_duty){.name = "t-more", .workers = 3, .run = meet, .arg = &m});
	wait_inside(&m, 3);
	/* the three are under way: a duty beside them is served, and no fourth begins */
	add(d, (struct om_duty){.name = "t-beside", .run = meet, .arg = &other});
	wait_inside(&other, 1);
	assert_int_equal(m.most, 3);
	assert_false(m.clash);
	om_duties_free(&d);
	assert_int_equal(m.inside, 0);
}

static void
test_slow_duties_leave_a_thread_to_the_others(void **state)
{
	struct om_duties *d = open_threads(2);
	struct meeting slow, second, quick;

	(void)state;
	meeting_init(&slow);
	meeting_init(&second);
	meeting_init(&quick);
	add(d, (struct om_duty){.name = "t-slow", .slow = true, .run = meet, .arg = &slow});
	wait_inside(&slow, 1);
	add(d, (struct om_duty){.name = "t-second", .slow = true, .run = meet, .arg = &second});
	add(d, (struct om_duty){.name = "t-quick", .run = meet, .arg = &quick});
	wait_inside(&quick, 1);
	let_go(&quick);
	wait_inside(&quick, 0);
	assert_int_equal(second.turns, 0);
	let_go(&slow);
	wait_inside(&second, 1);
	om_duties_free(&d);
}

static void
test_the_stop_ends_waits_and_waits_for_turns(void **state)
{
	struct om_duties *d = open_threads(3);
	struct meeting m;

	(void)state;
	meeting_init(&m);
	add(d, (struct om_duty){.name = "t-ends", .every_ms = 3600000, .run = meet, .arg = &m});
	add(d, (struct om_duty){.name = "t-waits", .asleep = true, .run = meet, .arg = &m});
	wait_inside(&m, 1);
	om_duties_free(&d);
	assert_int_equal(m.inside, 0);
	assert_int_equal(m.turns, 1);
}

static void *
remove_row(void *arg)
{
	void **both = arg;
	struct om_duty_entry *entry = both[1];

	om_duties_remove(both[0], &entry);
	return entry;
}

static void
test_a_row_is_removed_after_its_turn(void **state)
{
	struct om_duties *d = open_threads(2);
	struct om_duty row = {.name = "t-removed", .failed = "failed", .every_ms = 1, .run = meet};
	struct om_duty_entry *entry = NULL;
	struct meeting m;
	om_err e = {.text = ""};
	void *both[2], *left = d;
	pthread_t t;

	(void)state;
	meeting_init(&m);
	row.arg = &m;
	assert_status(om_duties_add(d, &row, &entry, &e), OM_OK, e);
	wait_inside(&m, 1);
	both[0] = d;
	both[1] = entry;
	assert_int_equal(pthread_create(&t, NULL, remove_row, both), 0);
	let_go(&m);
	assert_int_equal(pthread_join(t, &left), 0);
	assert_null(left);
	assert_int_equal(m.inside, 0);
	entry = NULL;
	om_duties_remove(d, &entry);
	om_duties_free(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_duty_is_due_at_once_and_then_at_its_interval),
	    cmocka_unit_test(test_a_turn_says_when_the_next_is_due),
	    cmocka_unit_test(test_a_wake_makes_it_due_earlier_and_never_later),
	    cmocka_unit_test(test_a_wake_during_a_turn_is_not_lost),
	    cmocka_unit_test(test_what_has_been_due_for_longest_comes_first),
	    cmocka_unit_test(test_a_failure_is_tried_again_by_the_rule_and_counted),
	    cmocka_unit_test(test_a_turn_without_work_does_not_end_a_failure),
	    cmocka_unit_test(test_a_failing_duty_is_tried_as_often_as_its_interval_at_least),
	    cmocka_unit_test(test_nothing_begins_after_the_stop),
	    cmocka_unit_test(test_more_begins_a_turn_on_another_worker_and_no_more_than_there_are),
	    cmocka_unit_test(test_slow_duties_leave_a_thread_to_the_others),
	    cmocka_unit_test(test_the_stop_ends_waits_and_waits_for_turns),
	    cmocka_unit_test(test_a_row_is_removed_after_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
