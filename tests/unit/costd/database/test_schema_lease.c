/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The steps of the schema and the lease that they are carried out under, against a real database. */
#include "database_fixture.h"

#include "database/lease.h"
#include "database/schema.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct fx f;

static const struct cd_migration steps[] = {
    {1, "0001_first", "CREATE TABLE IF NOT EXISTS t_steps (n INT NOT NULL); INSERT INTO t_steps VALUES (1)"},
    {2, "0002_second", "INSERT INTO t_steps SELECT 2 FROM (SELECT SLEEP(0.3)) AS t"},
    {3, "0003_third", "INSERT INTO t_steps VALUES (3)"},
};
#define N_STEPS (sizeof steps / sizeof steps[0])

static const struct cd_schema_how how = {.work = NULL};

/* A database without a table in it. */
static void
open_empty(void)
{
	char *tables;

	fx_open_database(&f);
	tables = fx_text(&f,
	    "SELECT GROUP_CONCAT(CONCAT('`',TABLE_NAME,'`')) FROM information_schema.TABLES WHERE "
	    "TABLE_SCHEMA=DATABASE() AND TABLE_TYPE='BASE TABLE'");
	tables[strcspn(tables, "\n")] = '\0';
	{
		char *sql = om_arena_alloc(&f.a, strlen(tables) + 32);

		assert_non_null(sql);
		(void)snprintf(sql, strlen(tables) + 32, "DROP TABLE %s", tables);
		fx_run(&f, sql);
	}
}

struct apply {
	pthread_t thread;
	om_status status;
	om_err e;
};

static void *
apply(void *arg)
{
	struct apply *a = arg;
	struct cd_db *db = NULL;

	a->status = cd_db_open(&f.opts, &db, &a->e);
	if (a->status == OM_OK)
		a->status = cd_schema_apply(&f.opts, db, steps, N_STEPS, &how, &a->e);
	cd_db_close(&db);
	return NULL;
}

/* from_now gives the instant so many microseconds ahead. */
static long long
from_now(om_time us)
{
	om_time at = om_now() + us;

	return at;
}

static void
test_two_that_start_at_once_on_an_empty_database_do_not_both_carry_a_step_out(void **state)
{
	struct apply both[2] = {{.status = OM_INTERNAL}};

	(void)state;
	open_empty();
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&both[i].thread, NULL, apply, &both[i]), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(both[i].thread, NULL), 0);
		if (both[i].status != OM_OK)
			fail_msg("%s", both[i].e.text);
	}
	assert_string_equal(fx_text(&f, "SELECT GROUP_CONCAT(n ORDER BY n) FROM t_steps"), "1,2,3\n");
	assert_string_equal(
	    fx_text(&f, "SELECT GROUP_CONCAT(version ORDER BY version) FROM schema_migration"), "1,2,3\n");
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lease WHERE name='schema' AND lease_id IS NULL"), 1);
	fx_close(&f);
}

static void
test_one_that_is_at_it_holds_others_off_and_a_killed_one_not_for_ever(void **state)
{
	struct apply a = {.status = OM_OK};
	char sql[200];

	(void)state;
	open_empty();
	fx_run(&f, cd_lease_table);
	(void)snprintf(sql, sizeof sql,
	    "INSERT INTO lease (name,lease_id,lease_until_us,next_us,attempts) VALUES "
	    "('schema',UNHEX(REPEAT('ab',16)),%lld,0,0)",
	    from_now(60 * OM_SECOND));
	fx_run(&f, sql);
	(void)apply(&a);
	assert_int_equal(a.status, OM_STORE);
	assert_string_equal(a.e.text, "schema: another process carries out its steps");
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM schema_migration"), 0);

	(void)snprintf(sql, sizeof sql, "UPDATE lease SET lease_until_us=%lld", from_now(OM_SECOND));
	fx_run(&f, sql); /* its time is nearly over */
	(void)apply(&a);
	if (a.status != OM_OK)
		fail_msg("%s", a.e.text);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM t_steps"), 3);
	fx_close(&f);
}

static void
test_what_is_done_is_not_waited_for(void **state)
{
	struct apply a = {.status = OM_INTERNAL};
	char sql[200];

	(void)state;
	open_empty();
	(void)apply(&a);
	assert_int_equal(a.status, OM_OK);
	(void)snprintf(sql, sizeof sql, "UPDATE lease SET lease_id=UNHEX(REPEAT('ab',16)),lease_until_us=%lld",
	    from_now(60 * OM_SECOND));
	fx_run(&f, sql); /* another is at a step that this program does not know of */
	(void)apply(&a);
	assert_int_equal(a.status, OM_OK);
	fx_close(&f);
}

static void
test_one_that_lost_the_lease_on_the_way_notes_nothing(void **state)
{
	static const struct cd_migration stolen[] = {
	    {1, "0001_first", "CREATE TABLE IF NOT EXISTS t_steps (n INT NOT NULL)"},
	    {2, "0002_second", "INSERT INTO t_steps VALUES (2); UPDATE lease SET lease_id=UNHEX(REPEAT('cd',16))"},
	    {3, "0003_third", "INSERT INTO t_steps VALUES (3)"},
	};
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	(void)state;
	open_empty();
	assert_int_equal(cd_db_open(&f.opts, &db, &e), OM_OK);
	assert_int_equal(cd_schema_apply(&f.opts, db, stolen, 3, &how, &e), OM_STORE);
	assert_string_equal(e.text, "schema: another process took it over");
	cd_db_close(&db);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM t_steps"), 0);
	assert_string_equal(fx_text(&f, "SELECT GROUP_CONCAT(version) FROM schema_migration"), "1\n");
	fx_close(&f);
}

static void
test_another_text_of_a_step_and_a_newer_database_are_refused(void **state)
{
	struct apply a = {.status = OM_INTERNAL};

	(void)state;
	open_empty();
	(void)apply(&a);
	assert_int_equal(a.status, OM_OK);
	fx_run(&f, "UPDATE schema_migration SET checksum=REPEAT('0',64) WHERE version=2");
	(void)apply(&a);
	assert_int_equal(a.status, OM_VERSION);
	assert_non_null(strstr(a.e.text, "0002_second was carried out with another text"));
	fx_run(&f, "INSERT INTO schema_migration VALUES (99,'0099_x',REPEAT('0',64),0)");
	(void)apply(&a);
	assert_int_equal(a.status, OM_VERSION);
	assert_non_null(strstr(a.e.text, "use a newer program"));
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_two_that_start_at_once_on_an_empty_database_do_not_both_carry_a_step_out),
	    cmocka_unit_test(test_one_that_is_at_it_holds_others_off_and_a_killed_one_not_for_ever),
	    cmocka_unit_test(test_what_is_done_is_not_waited_for),
	    cmocka_unit_test(test_one_that_lost_the_lease_on_the_way_notes_nothing),
	    cmocka_unit_test(test_another_text_of_a_step_and_a_newer_database_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
