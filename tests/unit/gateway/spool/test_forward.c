/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fixture/costd.h"
#include "fixture/dir.h"

#include "port.h"
#include "spool/forward.h"
#include "record.pb-c.h"
#include "base/clock.h"
#include "base/stats.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS   120000        /* a guard against hangs, not a measure */
#define NEVER_MS      (3600 * 1000) /* longer than any test is patient */
#define SOON_TOO_LATE 300           /* a deadline for tests that want it to pass */

static char *dir;
static struct fx_costd costd;
static char url[64];
static int port; /* keeps it while there is no costd */
static struct gw_spool *spool;
static struct om_wire_client *client;
static struct gw_forward *forward;

/* start takes every batch for a quick one, unless it is not answered by the deadline. */
static void
start(int deadline_ms)
{
	struct gw_forward_opts o = {.spool = spool,
	    .costd = client,
	    .deadline_ms = deadline_ms,
	    .longest_wait_ms = 200,
	    .look_ms = NEVER_MS,
	    .quick_ms = NEVER_MS,
	    .slow_ms = NEVER_MS,
	    .close_ms = PATIENCE_MS};
	om_err e = {.text = ""};

	assert_status(gw_forward_open(&o, &forward, &e), OM_OK, e);
}

static int
set_up(void **state)
{
	struct gw_spool_opts so = {.limit_bytes = (int64_t)64 << 20};
	struct om_wire_client_opts co = {.peer = "costd", .sockets = 1};
	om_err e = {.text = ""};

	(void)state;
	dir = fx_dir_make();
	so.dir = dir;
	port = port_keep(url);
	fx_costd_start(&costd, url);
	co.urls = url;
	assert_status(gw_spool_open(&so, &spool, &e), OM_OK, e);
	assert_status(om_wire_client_open(&co, &client, &e), OM_OK, e);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	assert_true(gw_forward_close(&forward));
	om_wire_client_free(&client);
	gw_spool_close(&spool);
	if (costd.server != NULL)
		fx_costd_stop(&costd);
	(void)close(port);
	fx_dir_remove(&dir);
	return 0;
}

static unsigned next_id;

static void
append(unsigned n)
{
	struct gw_batch *b = gw_batch_new();
	Om__User user = OM__USER__INIT;
	om_err e = {.text = ""};
	char id[] = "u";

	assert_non_null(b);
	user.id = id;
	for (unsigned i = 0; i < n; i++) {
		unsigned char record_id[16] = {0};
		Om__Record r = OM__RECORD__INIT;

		memcpy(record_id, &next_id, sizeof next_id);
		next_id++;
		r.record_id.data = record_id;
		r.record_id.len = sizeof record_id;
		r.user = &user;
		assert_status(gw_batch_add(b, &r, &e), OM_OK, e);
	}
	assert_status(gw_spool_append(spool, &b, om_now(), &e), OM_OK, e);
}

static struct gw_store_totals
wait_pending(int64_t pending)
{
	int64_t until = om_mono_ms() + PATIENCE_MS;
	struct gw_store_totals t;

	for (;;) {
		(void)gw_spool_status(spool, &t);
		assert_int_equal(
		    t.accepted, t.new_records + t.duplicate_records + t.refused_records + t.pending + t.quarantined);
		if (t.pending == pending)
			return t;
		if (om_mono_ms() > until)
			fail_msg("%lld are pending, not %lld", (long long)t.pending, (long long)pending);
		(void)poll(NULL, 0, 5);
	}
}

static void
wait_batches(int n)
{
	int64_t until = om_mono_ms() + PATIENCE_MS;

	while (atomic_load(&costd.batches) < n) {
		if (om_mono_ms() > until)
			fail_msg("only %d batches came", atomic_load(&costd.batches));
		(void)poll(NULL, 0, 5);
	}
}

/* failures is how often a batch was not acknowledged. */
static long
failures(void)
{
	static const char name[] = "owui_metering_forward_batches_total{outcome=\"failed\"} ";
	struct om_buf b;
	const char *at;
	long n = 0;

	om_buf_init(&b, (size_t)1 << 20);
	om_stats_write(&b);
	assert_int_equal(om_buf_done(&b, NULL), OM_OK);
	at = strstr(b.data, name);
	if (at != NULL)
		n = strtol(at + strlen(name), NULL, 10);
	om_buf_fini(&b);
	return n;
}

static void
wait_failures(long n)
{
	int64_t until = om_mono_ms() + PATIENCE_MS;

	while (failures() < n) {
		if (om_mono_ms() > until)
			fail_msg("%ld failures, not %ld", failures(), n);
		(void)poll(NULL, 0, 5);
	}
}

static void
test_records_go_at_once_and_in_batches(void **state)
{
	struct gw_store_totals t;

	(void)state;
	append(1200); /* waits before the forwarder is there */
	start(NEVER_MS);
	t = wait_pending(0);
	assert_int_equal(t.new_records, 1200);
	assert_int_equal(atomic_load(&costd.batches), 3);
	append(1); /* woken: by itself it looks in an hour */
	(void)wait_pending(0);
	assert_false(costd.out_of_order);
}

static void
test_batches_grow_with_a_backlog_and_shrink_when_costd_is_slow(void **state)
{
	static const size_t grown[] = {200, 400, 800, 1000, 1000, 1000, 1000, 1000, 1000, 600};
	const int n = sizeof grown / sizeof grown[0];
	int sent;

	(void)state;
	for (int i = 0; i < 8; i++)
		append(1000);
	start(NEVER_MS);
	assert_int_equal(wait_pending(0).new_records, 8000);
	assert_int_equal(atomic_load(&costd.batches), n);
	for (int i = 0; i < n; i++)
		assert_int_equal(fx_costd_size(&costd, i), grown[i]);
	assert_true(gw_forward_close(&forward));

	atomic_store(&costd.mode, FX_TIMES_OUT);
	append(100);
	sent = atomic_load(&costd.batches);
	start(SOON_TOO_LATE);
	wait_batches(sent + 3); /* each halves what may go next, also one that never arrived: 200 100 50 */
	assert_in_range(fx_costd_size(&costd, sent + 1), 1, 100);
	assert_in_range(fx_costd_size(&costd, sent + 2), 1, 50);
	atomic_store(&costd.mode, FX_HONEST);
	(void)wait_pending(0);
	assert_false(costd.out_of_order);
}

static void
lie(int mode)
{
	struct gw_store_totals t;

	append(10);
	atomic_store(&costd.mode, mode);
	start(NEVER_MS);
	wait_batches(3);
	(void)gw_spool_status(spool, &t);
	assert_int_equal(t.pending, 10);
	assert_int_equal(t.new_records + t.duplicate_records, 0);
	atomic_store(&costd.mode, FX_HONEST);
	t = wait_pending(0);
	assert_int_equal(t.new_records + t.duplicate_records, 10);
	assert_int_equal(fx_costd_booked(&costd), 10);
}

static void
test_costd_that_refuses_keeps_the_records(void **state)
{
	(void)state;
	lie(FX_REFUSES);
}

static void
test_answer_about_another_spool_deletes_nothing(void **state)
{
	(void)state;
	lie(FX_OTHER_SPOOL);
}

static void
test_answer_about_another_batch_deletes_nothing(void **state)
{
	(void)state;
	lie(FX_OTHER_LAST);
}

static void
test_counts_that_do_not_add_up_delete_nothing(void **state)
{
	(void)state;
	lie(FX_WRONG_COUNT);
}

static void
test_answer_to_another_question_deletes_nothing(void **state)
{
	(void)state;
	lie(FX_OTHER_MESSAGE);
}

static void
test_answer_that_comes_too_late_counts_once(void **state)
{
	struct gw_store_totals t;

	(void)state;
	append(20);
	atomic_store(&costd.mode, FX_TIMES_OUT);
	start(SOON_TOO_LATE);
	wait_batches(2);
	append(5); /* later records do not change the batch that is tried again */
	atomic_store(&costd.mode, FX_HONEST);
	t = wait_pending(0);
	assert_int_equal(fx_costd_booked(&costd), 25);
	assert_int_equal(t.new_records + t.duplicate_records, 25);
}

static void
test_costd_gone_and_back_drains_by_itself(void **state)
{
	struct gw_store_totals t;
	long failed;

	(void)state;
	start(NEVER_MS);
	append(7);
	(void)wait_pending(0);
	fx_costd_stop(&costd);
	failed = failures();
	append(700);
	wait_failures(failed + 1);
	(void)gw_spool_status(spool, &t);
	assert_int_equal(t.pending, 700);
	fx_costd_start(&costd, url);
	t = wait_pending(0);
	assert_int_equal(fx_costd_booked(&costd), 700);
	assert_int_equal(t.new_records, 707);
}

static void
test_close_does_not_wait_for_a_costd_that_is_away(void **state)
{
	struct gw_forward_opts o = {.spool = spool,
	    .costd = client,
	    .deadline_ms = NEVER_MS,
	    .shortest_wait_ms = NEVER_MS,
	    .longest_wait_ms = NEVER_MS,
	    .close_ms = PATIENCE_MS};
	om_err e = {.text = ""};
	long failed = failures();

	(void)state;
	fx_costd_stop(&costd);
	append(1);
	assert_status(gw_forward_open(&o, &forward, &e), OM_OK, e);
	wait_failures(failed + 1);
	assert_true(gw_forward_close(&forward)); /* the next try would be in an hour */
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    WITH(test_records_go_at_once_and_in_batches),
	    WITH(test_batches_grow_with_a_backlog_and_shrink_when_costd_is_slow),
	    WITH(test_costd_that_refuses_keeps_the_records),
	    WITH(test_answer_about_another_spool_deletes_nothing),
	    WITH(test_answer_about_another_batch_deletes_nothing),
	    WITH(test_counts_that_do_not_add_up_delete_nothing),
	    WITH(test_answer_to_another_question_deletes_nothing),
	    WITH(test_answer_that_comes_too_late_counts_once),
	    WITH(test_costd_gone_and_back_drains_by_itself),
	    WITH(test_close_does_not_wait_for_a_costd_that_is_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
