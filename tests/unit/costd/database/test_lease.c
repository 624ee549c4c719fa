/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Leases, against a real database: of tasks, and in rows of other tables. */
#include "database_fixture.h"

#include "database/lease.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define NOW (1795000000 * OM_SECOND)
#define FOR (50 * OM_SECOND)

static struct fx f;

/* One call, carried out in a transaction of its own. */
struct call {
	enum { TAKE, KEEP, DONE, HURRY } what;
	const struct cd_lease_of *of;
	struct cd_val key;
	om_time now;
	struct cd_lease *lease;
	struct cd_lease_end end;
};

static om_status
carry_out(struct cd_db *db, void *arg, om_err *e)
{
	struct call *c = arg;

	switch (c->what) {
	case TAKE:
		return cd_lease_take(db, c->of, c->key, c->now, FOR, c->lease, e);
	case KEEP:
		return cd_lease_keep(db, c->of, c->key, c->lease->id, c->now, FOR, e);
	case HURRY:
		return cd_lease_hurry(db, c->of, c->key, c->now, e);
	case DONE:
		break;
	}
	return cd_lease_done(db, c->of, c->key, c->lease->id, c->of->scheduled ? &c->end : NULL, e);
}

static om_status
run(struct call c)
{
	om_err e = {.text = ""};
	om_status s = cd_pool_run(f.pool, CD_TX_WRITE, FX_DEADLINE, carry_out, &c, &e);

	if (s != OM_OK && s != OM_CONFLICT)
		fail_msg("status %d: %s", (int)s, e.text);
	return s;
}

static struct cd_lease
take(const struct cd_lease_of *of, struct cd_val key, om_time now)
{
	struct cd_lease lease;

	assert_int_equal(run((struct call){.what = TAKE, .of = of, .key = key, .now = now, .lease = &lease}), OM_OK);
	return lease;
}

static om_status
keep(const struct cd_lease_of *of, struct cd_val key, struct cd_lease *lease, om_time now)
{
	return run((struct call){.what = KEEP, .of = of, .key = key, .now = now, .lease = lease});
}

static om_status
done(const struct cd_lease_of *of, struct cd_val key, struct cd_lease *lease, struct cd_lease_end end)
{
	return run((struct call){.what = DONE, .of = of, .key = key, .lease = lease, .end = end});
}

#define TASKS &cd_lease_tasks
#define TASK  cd_t("a task of the tests")

static void
test_one_holds_it_until_it_is_done_and_not_before_it_is_due(void **state)
{
	struct cd_lease a, b;

	(void)state;
	fx_open_database(&f);
	a = take(TASKS, TASK, NOW);
	assert_true(a.taken);
	assert_int_equal(a.attempts, 0);
	b = take(TASKS, TASK, NOW + 1);
	assert_false(b.taken);
	assert_int_equal(b.due_us, NOW + FOR);
	assert_true(take(TASKS, cd_t("another task"), NOW).taken);

	assert_int_equal(done(TASKS, TASK, &b, (struct cd_lease_end){.next_us = 1}), OM_CONFLICT);
	assert_int_equal(
	    done(TASKS, TASK, &a, (struct cd_lease_end){.next_us = NOW + 9000, .attempts = 3, .error = "no answer"}),
	    OM_OK);
	assert_string_equal(fx_text(&f,
				"SELECT CONCAT_WS(' ',next_us,attempts,last_error,lease_id IS NULL,lease_until_us IS "
				"NULL) FROM lease WHERE name='a task of the tests'"),
	    "1795000000009000 3 no answer 1 1\n");
	b = take(TASKS, TASK, NOW + 8999);
	assert_false(b.taken);
	assert_int_equal(b.due_us, NOW + 9000);
	b = take(TASKS, TASK, NOW + 9000);
	assert_true(b.taken);
	assert_int_equal(b.attempts, 3);
	assert_int_equal(done(TASKS, TASK, &b, (struct cd_lease_end){.next_us = CD_LEASE_NEVER}), OM_OK);
	b = take(TASKS, TASK, NOW + 100 * OM_DAY);
	assert_false(b.taken);
	assert_true(b.due_us == INT64_MAX);
	fx_close(&f);
}

static void
test_hurry_makes_it_due_unless_it_is_held(void **state)
{
	const struct call hurry = {.what = HURRY, .of = TASKS, .key = TASK, .now = NOW};
	struct cd_lease a;

	(void)state;
	fx_open_database(&f);
	assert_int_equal(run(hurry), OM_OK); /* there is no row yet */
	a = take(TASKS, TASK, NOW);
	assert_true(a.taken);
	assert_int_equal(run(hurry), OM_OK);
	assert_false(take(TASKS, TASK, NOW).taken);
	assert_int_equal(done(TASKS, TASK, &a, (struct cd_lease_end){.next_us = NOW + OM_DAY}), OM_OK);
	assert_false(take(TASKS, TASK, NOW).taken);
	assert_int_equal(run(hurry), OM_OK);
	a = take(TASKS, TASK, NOW);
	assert_true(a.taken);
	assert_int_equal(done(TASKS, TASK, &a, (struct cd_lease_end){.next_us = NOW - 1}), OM_OK);
	assert_int_equal(run(hurry), OM_OK); /* what is due already stays so */
	assert_int_equal(fx_int(&f, "SELECT next_us FROM lease WHERE name='a task of the tests'"), NOW - 1);
	fx_close(&f);
}

static void
test_a_killed_holder_blocks_no_longer_than_its_time(void **state)
{
	struct cd_lease a, b;

	(void)state;
	fx_open_database(&f);
	a = take(TASKS, TASK, NOW);
	assert_false(take(TASKS, TASK, NOW + FOR - 1).taken);
	b = take(TASKS, TASK, NOW + FOR);
	assert_true(b.taken);
	/* the first holder was slow and goes on: it is told, and changes nothing */
	assert_int_equal(keep(TASKS, TASK, &a, NOW + FOR + 1), OM_CONFLICT);
	assert_int_equal(done(TASKS, TASK, &a, (struct cd_lease_end){.next_us = 1}), OM_CONFLICT);
	assert_false(take(TASKS, TASK, NOW + FOR + 2).taken);
	assert_int_equal(done(TASKS, TASK, &b, (struct cd_lease_end){.next_us = 1}), OM_OK);
	assert_int_equal(keep(TASKS, TASK, &b, NOW + FOR + 3), OM_CONFLICT);
	fx_close(&f);
}

static void
test_it_is_kept_for_as_long_again(void **state)
{
	struct cd_lease a;

	(void)state;
	fx_open_database(&f);
	a = take(TASKS, TASK, NOW);
	assert_int_equal(keep(TASKS, TASK, &a, NOW + FOR - 1), OM_OK);
	assert_int_equal(keep(TASKS, TASK, &a, NOW + FOR - 1), OM_OK); /* a change that changes nothing */
	assert_false(take(TASKS, TASK, NOW + 2 * FOR - 2).taken);
	/* late, and no other took it: it is still its holder's */
	assert_int_equal(keep(TASKS, TASK, &a, NOW + 9 * FOR), OM_OK);
	assert_false(take(TASKS, TASK, NOW + 10 * FOR - 1).taken);
	assert_true(take(TASKS, TASK, NOW + 10 * FOR).taken);
	fx_close(&f);
}

static void
test_a_lease_of_a_clock_that_was_ahead_counts_as_free(void **state)
{
	struct cd_lease ahead;

	(void)state;
	fx_open_database(&f);
	ahead = take(TASKS, TASK, NOW + OM_DAY);
	assert_true(ahead.taken);
	assert_false(take(TASKS, TASK, NOW + OM_DAY - CD_LEASE_STRANGE_US).taken); /* clocks differ a little */
	assert_true(take(TASKS, TASK, NOW).taken);
	assert_int_equal(keep(TASKS, TASK, &ahead, NOW + OM_DAY), OM_CONFLICT);
	fx_close(&f);
}

static void
test_it_stands_in_the_row_that_it_guards(void **state)
{
	const struct cd_lease_of rows = {.table = "t_rows", .key = "id", .scheduled = true},
				 bare = {.table = "t_bare", .key = "id"};
	struct cd_lease a, b;

	(void)state;
	fx_open_database(&f);
	fx_run(&f,
	    "CREATE TABLE t_rows (id INT PRIMARY KEY, lease_id BINARY(16), lease_until_us BIGINT, next_us BIGINT, "
	    "attempts INT NOT NULL, last_error VARCHAR(255), fruit VARCHAR(10))");
	fx_run(&f,
	    "INSERT INTO t_rows (id,next_us,attempts,fruit) VALUES (1,0,0,'apple'),(2,0,7,'pear'),(3,NULL,0,'fig')");
	fx_run(&f, "CREATE TABLE t_bare (id INT PRIMARY KEY, lease_id BINARY(16), lease_until_us BIGINT)");
	fx_run(&f, "INSERT INTO t_bare (id) VALUES (1)");
	a = take(&rows, CD_I(1), NOW);
	b = take(&rows, CD_I(2), NOW);
	assert_true(a.taken && b.taken);
	assert_int_equal(b.attempts, 7);
	assert_false(take(&rows, CD_I(1), NOW).taken);
	assert_false(take(&rows, CD_I(3), NOW).taken); /* never due */
	assert_false(take(&rows, CD_I(4), NOW).taken); /* no such row, and none is made */
	assert_int_equal(done(&rows, CD_I(1), &a, (struct cd_lease_end){.next_us = NOW}), OM_OK);
	assert_int_equal(done(&rows, CD_I(1), &b, (struct cd_lease_end){.next_us = NOW}), OM_CONFLICT);
	fx_run(&f, "DELETE FROM t_rows WHERE id=2"); /* the row went, and its lease with it */
	assert_int_equal(keep(&rows, CD_I(2), &b, NOW), OM_CONFLICT);
	assert_string_equal(
	    fx_text(&f, "SELECT GROUP_CONCAT(fruit ORDER BY id) FROM t_rows WHERE lease_id IS NULL"), "apple,fig\n");

	a = take(&bare, CD_I(1), NOW);
	assert_true(a.taken);
	assert_false(take(&bare, CD_I(1), NOW).taken);
	assert_int_equal(keep(&bare, CD_I(1), &a, NOW + 1), OM_OK);
	assert_int_equal(done(&bare, CD_I(1), &a, (struct cd_lease_end){.next_us = 0}), OM_OK);
	assert_true(take(&bare, CD_I(1), NOW).taken);
	fx_close(&f);
}

#define N_THREADS 6
#define N_ROUNDS  30

struct rival {
	om_time now;
	unsigned taken;
	pthread_t thread;
};

static void *
compete(void *arg)
{
	struct rival *r = arg;
	struct cd_lease lease;
	struct call c = {.what = TAKE, .of = TASKS, .key = cd_t("contested"), .now = r->now, .lease = &lease};
	om_err e = {.text = ""};

	/* what a node of a cluster tells the second to commit is what a deadlock is here: tried again */
	if (cd_pool_run(f.pool, CD_TX_WRITE, FX_DEADLINE, carry_out, &c, &e) == OM_OK)
		r->taken += lease.taken;
	return NULL;
}

static void
test_of_many_that_take_it_at_once_one_has_it(void **state)
{
	struct rival rivals[N_THREADS] = {{.now = 0}};

	(void)state;
	fx_open_database(&f);
	for (unsigned round = 0; round < N_ROUNDS; round++) {
		unsigned taken = 0;

		for (unsigned i = 0; i < N_THREADS; i++) {
			rivals[i] = (struct rival){.now = NOW + round * FOR};
			assert_int_equal(pthread_create(&rivals[i].thread, NULL, compete, &rivals[i]), 0);
		}
		for (unsigned i = 0; i < N_THREADS; i++) {
			assert_int_equal(pthread_join(rivals[i].thread, NULL), 0);
			taken += rivals[i].taken;
		}
		assert_int_equal(taken, 1);
	}
	fx_close(&f);
}

static void
test_what_is_rolled_back_was_not_taken(void **state)
{
	struct cd_lease lease;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	(void)state;
	fx_open_database(&f);
	fx_ok(cd_db_open(&f.opts, &db, &e), &e);
	fx_ok(cd_db_begin(db, &e), &e);
	fx_ok(cd_lease_take(db, TASKS, TASK, NOW, FOR, &lease, &e), &e);
	assert_true(lease.taken);
	cd_db_rollback(db);
	cd_db_close(&db);
	assert_true(take(TASKS, TASK, NOW).taken);
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_holds_it_until_it_is_done_and_not_before_it_is_due),
	    cmocka_unit_test(test_hurry_makes_it_due_unless_it_is_held),
	    cmocka_unit_test(test_a_killed_holder_blocks_no_longer_than_its_time),
	    cmocka_unit_test(test_it_is_kept_for_as_long_again),
	    cmocka_unit_test(test_a_lease_of_a_clock_that_was_ahead_counts_as_free),
	    cmocka_unit_test(test_it_stands_in_the_row_that_it_guards),
	    cmocka_unit_test(test_of_many_that_take_it_at_once_one_has_it),
	    cmocka_unit_test(test_what_is_rolled_back_was_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
