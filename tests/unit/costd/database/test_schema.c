/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The steps of the schema, and the numbers of database errors. */
#include "database_fixture.h"

#include "database/schema.h"
#include "usage.pb-c.h"

#include <stdlib.h>
#include <string.h>

static struct om_arena arena;

static int
set_up(void **state)
{
	(void)state;
	om_arena_init(&arena, (size_t)64 * 1024 * 1024);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	om_arena_fini(&arena);
	return 0;
}

static void
expect_statements(const char *sql, const char *const *want, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *got = cd_schema_next(&sql);

		assert_non_null(got);
		assert_string_equal(got, want[i]);
		free(got);
	}
	assert_null(cd_schema_next(&sql));
}

static void
test_migrations_are_split_at_the_right_semicolons(void **state)
{
	const char *const want[] = {
	    "CREATE TABLE a (x INT , y TEXT DEFAULT ';--''\\';')", "INSERT INTO `a;b` VALUES (\";\")", "SELECT 1 "};

	(void)state;
	expect_statements(
	    "-- head; not one\n\nCREATE TABLE a (x INT -- the x; really\n,\n  y TEXT DEFAULT ';--''\\';');;\n"
	    "/* ; */INSERT INTO `a;b` VALUES (\";\");SELECT 1 -- end",
	    want, 3);
	expect_statements("", NULL, 0);
	expect_statements(" ;; -- only a comment", NULL, 0);
	expect_statements("/* open", NULL, 0);
}

static void
test_embedded_migrations_ascend_and_split(void **state)
{
	(void)state;
	assert_true(cd_n_migrations > 0);
	for (size_t i = 0; i < cd_n_migrations; i++) {
		const char *at = cd_migrations[i].sql;
		char *statement;
		size_t n = 0;

		assert_int_equal(cd_migrations[i].version, i + 1);
		for (; (statement = cd_schema_next(&at)) != NULL; n++)
			free(statement);
		assert_true(n > 0);
	}
}

static void
test_database_errors_are_told_apart(void **state)
{
	static const unsigned again[] = {1213, 1205, 1180, 1062, 1142, 1021};
	static const unsigned gone[] = {2006, 2013, 2002, 1927, 1053, 1290, 1047};
	static const unsigned data[] = {1264, 1406, 1366, 1048, 1690, 4025};
	bool broken;

	(void)state;
	for (size_t i = 0; i < sizeof again / sizeof again[0]; i++) {
		assert_int_equal(cd_db_error_status(again[i], &broken), OM_STORE);
		assert_false(broken);
	}
	for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
		assert_int_equal(cd_db_error_status(gone[i], &broken), OM_UNAVAILABLE);
		assert_true(broken);
	}
	for (size_t i = 0; i < sizeof data / sizeof data[0]; i++)
		assert_int_equal(cd_db_error_status(data[i], &broken), OM_STORE_DATA);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_migrations_are_split_at_the_right_semicolons),
	    cmocka_unit_test(test_embedded_migrations_ascend_and_split),
	    cmocka_unit_test(test_database_errors_are_told_apart),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
