/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fixture.h"

#include "clock.h"
#include "forward.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 20000

static char *dir;
static struct fx_costd costd;
static struct gw_spool *spool;
static struct om_wire_client *client;
static struct gw_forward *forward;

static void
start(void)
{
	struct gw_forward_opts o = {.spool = spool, .costd = client, .deadline_ms = 300, .longest_wait_ms = 200};
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
	fx_costd_start(&costd, "tcp://127.0.0.1:0");
	co.urls = om_wire_server_url(costd.server, 0);
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

static void
test_records_go_at_once_and_in_batches(void **state)
{
	int64_t began;
	struct gw_store_totals t;

	(void)state;
	append(1200); /* waits before the forwarder is there */
	start();
	t = wait_pending(0);
	assert_int_equal(t.new_records, 1200);
	assert_int_equal(atomic_load(&costd.batches), 3);
	began = om_mono_ms();
	append(1); /* woken, not polled */
	(void)wait_pending(0);
	assert_true(om_mono_ms() - began < 2000);
	assert_false(costd.out_of_order);
}

static void
test_batches_grow_with_a_backlog_and_shrink_when_costd_is_slow(void **state)
{
	int sent;

	(void)state;
	for (int i = 0; i < 8; i++)
		append(1000);
	start();
	assert_int_equal(wait_pending(0).new_records, 8000);
	assert_int_equal(atomic_load(&costd.batches), 10); /* 200 400 800, 1000 six times, 600 */
	assert_true(gw_forward_close(&forward));

	atomic_store(&costd.mode, FX_TIMES_OUT);
	atomic_store(&costd.delay_ms, 600);
	append(100);
	sent = atomic_load(&costd.batches);
	start();
	wait_batches(sent + 3); /* each halves what may go next: 200 100 50 */
	atomic_store(&costd.mode, FX_HONEST);
	(void)wait_pending(0);
	assert_true(atomic_load(&costd.batches) >= sent + 5);
	assert_false(costd.out_of_order);
}

static void
lie(int mode)
{
	struct gw_store_totals t;

	append(10);
	atomic_store(&costd.mode, mode);
	start();
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
	atomic_store(&costd.delay_ms, 600);
	atomic_store(&costd.mode, FX_TIMES_OUT);
	start();
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
	char url[64];

	(void)state;
	(void)snprintf(url, sizeof url, "%s", om_wire_server_url(costd.server, 0));
	start();
	append(7);
	(void)wait_pending(0);
	fx_costd_stop(&costd);
	append(700);
	(void)poll(NULL, 0, 500);
	(void)gw_spool_status(spool, &t);
	assert_int_equal(t.pending, 700);
	fx_costd_start(&costd, url);
	t = wait_pending(0);
	assert_int_equal(fx_costd_booked(&costd), 700);
	assert_int_equal(t.new_records, 707);
}

static void
test_close_while_costd_is_away_is_quick(void **state)
{
	int64_t began;

	(void)state;
	fx_costd_stop(&costd);
	append(1);
	start();
	(void)poll(NULL, 0, 100);
	began = om_mono_ms();
	assert_true(gw_forward_close(&forward));
	assert_true(om_mono_ms() - began < 4000);
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
	    WITH(test_close_while_costd_is_away_is_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
