/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A month's folder: whole or not there, and never written over. */
#include "issue/month_folder.h"
#include "usage.pb-c.h"
#include "base/arena.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MONTH "2026-10"
#define ID    "0123456789abcdef0123456789abcdef"

static char dir[64];
static struct om_arena a;

static int
set_up(void **state)
{
	(void)state;
	om_arena_init(&a, (size_t)1024 * 1024);
	(void)snprintf(dir, sizeof dir, "/tmp/month-folder.XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static const char *
path(const char *name)
{
	static char out[512];

	(void)snprintf(out, sizeof out, "%s/%s", dir, name);
	return out;
}

static int
tear_down(void **state)
{
	static const char *const left[] = {MONTH "/statements/a.pdf", MONTH "/statements", MONTH "/report.csv",
	    MONTH "/SHA256SUMS", MONTH "/manifest.json", MONTH "/mine", MONTH, "." MONTH "." ID "/half",
	    "." MONTH "." ID, ""};

	(void)state;
	for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
		(void)remove(path(left[i]));
	om_arena_fini(&a);
	return access(dir, F_OK) != 0 ? 0 : -1;
}

static bool
is_there(const char *name)
{
	return access(path(name), F_OK) == 0;
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(path(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
ok(om_status s, const om_err *e)
{
	if (s != OM_OK)
		fail_msg("%s", om_err_text(e, s));
}

static void
add(struct rd_month_folder *o, const char *name, const char *text, const char *number)
{
	om_err e = {.text = ""};

	ok(rd_month_folder_begin(o, name, &e), &e);
	ok(rd_month_folder_write(o, text, strlen(text), &e), &e);
	ok(rd_month_folder_end(o, number != NULL ? &(struct rd_folder_document){number, "12.50", "EUR"} : NULL, &e),
	    &e);
}

static void
make(void)
{
	char cost[] = "12.5", byok[] = "0";
	Om__Figures totals = OM__FIGURES__INIT;
	struct rd_month_folder o;
	om_err e = {.text = ""};

	ok(rd_month_folder_open(dir, MONTH, ID, &a, &o, &e), &e);
	assert_false(o.done);
	totals.requests = 7;
	totals.unsettled = 2;
	totals.cost = cost;
	totals.byok_cost = byok;
	o.totals = &totals;
	add(&o, "report.csv", "a,b\r\n", NULL);
	add(&o, "statements/a.pdf", "%PDF", "2026-000001");
	assert_false(is_there(MONTH));
	ok(rd_month_folder_publish(&o, &e), &e);
	rd_month_folder_close(&o);
	assert_true(is_there(MONTH "/statements/a.pdf") && is_there(MONTH "/SHA256SUMS"));
	assert_false(is_there("." MONTH "." ID));
}

static void
test_a_folder_appears_whole_and_is_found_done(void **state)
{
	struct rd_month_folder o;
	om_err e = {.text = ""};

	(void)state;
	make();
	ok(rd_month_folder_open(dir, MONTH, ID, &a, &o, &e), &e);
	assert_true(o.done);
	assert_int_equal(o.n, 2);
	assert_string_equal(o.files[1].name, "statements/a.pdf");
	assert_string_equal(o.files[1].number, "2026-000001");
	assert_null(o.files[0].number);
	assert_null(o.files[0].total);
	assert_string_equal(o.files[1].total, "12.50");
	assert_string_equal(o.files[1].currency, "EUR");
	assert_int_equal(o.files[0].bytes, 5);
	assert_non_null(o.totals); /* what its files amount to is told, not what the month is now */
	assert_int_equal(o.totals->requests, 7);
	assert_int_equal(o.totals->unsettled, 2);
	assert_string_equal(o.totals->cost, "12.5");
	rd_month_folder_close(&o);
	assert_true(is_there(MONTH "/report.csv"));
}

static void
test_what_was_left_half_way_is_begun_anew_and_what_failed_is_removed(void **state)
{
	struct rd_month_folder o;
	om_err e = {.text = ""};

	(void)state;
	assert_int_equal(mkdir(path("." MONTH "." ID), 0700), 0);
	put("." MONTH "." ID "/half", "half a fi");
	ok(rd_month_folder_open(dir, MONTH, ID, &a, &o, &e), &e);
	assert_false(is_there("." MONTH "." ID "/half"));
	ok(rd_month_folder_begin(&o, "report.csv", &e), &e);
	rd_month_folder_close(&o);
	assert_false(is_there("." MONTH "." ID));
	assert_false(is_there(MONTH));
	make();
}

static void
test_another_folder_of_the_name_is_left_alone(void **state)
{
	struct rd_month_folder o;
	om_err e = {.text = ""};

	(void)state;
	assert_int_equal(mkdir(path(MONTH), 0700), 0);
	put(MONTH "/mine", "mine");
	assert_int_equal(rd_month_folder_open(dir, MONTH, ID, &a, &o, &e), OM_CONFLICT);
	rd_month_folder_close(&o);
	assert_true(is_there(MONTH "/mine"));
	/* one that appears while this one is made */
	assert_int_equal(remove(path(MONTH "/mine")), 0);
	assert_int_equal(remove(path(MONTH)), 0);
	ok(rd_month_folder_open(dir, MONTH, ID, &a, &o, &e), &e);
	add(&o, "report.csv", "x", NULL);
	assert_int_equal(mkdir(path(MONTH), 0700), 0);
	put(MONTH "/mine", "mine");
	assert_int_equal(rd_month_folder_publish(&o, &e), OM_IO);
	rd_month_folder_close(&o);
	assert_true(is_there(MONTH "/mine"));
	assert_false(is_there("." MONTH "." ID));
}

static void
test_a_folder_of_ours_that_was_changed_is_not_taken_for_done(void **state)
{
	struct rd_month_folder o;
	om_err e = {.text = ""};

	(void)state;
	make();
	assert_int_equal(rd_month_folder_open(dir, MONTH, "ffffffffffffffffffffffffffffffff", &a, &o, &e), OM_CONFLICT);
	rd_month_folder_close(&o);
	put(MONTH "/report.csv", "a,c\r\n");
	assert_int_equal(rd_month_folder_open(dir, MONTH, ID, &a, &o, &e), OM_CONFLICT);
	assert_non_null(strstr(e.text, "report.csv was changed"));
	rd_month_folder_close(&o);
	put(MONTH "/manifest.json", "{\"id\":");
	assert_int_equal(rd_month_folder_open(dir, MONTH, ID, &a, &o, &e), OM_CONFLICT);
	rd_month_folder_close(&o);
}

static void
test_names_stay_in_the_folder(void **state)
{
	static const char *const bad[] = {
	    "../x", "/etc/x", ".hidden", "a/../x", "a/b/c", "a/.x", "a/", "manifest.json/x/y"};
	struct rd_month_folder o;
	om_err e = {.text = ""};

	(void)state;
	ok(rd_month_folder_open(dir, MONTH, ID, &a, &o, &e), &e);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(rd_month_folder_begin(&o, bad[i], &e), OM_INTERNAL);
	add(&o, "report.csv", "x", NULL);
	assert_int_equal(rd_month_folder_begin(&o, "report.csv", &e), OM_IO); /* there already */
	rd_month_folder_close(&o);
}

static void
test_a_full_disk_is_an_error(void **state)
{
	struct rd_month_folder o = {.parent = -1, .dir = -1};
	om_err e = {.text = ""};

	(void)state;
	o.file = open("/dev/full", O_WRONLY);
	assert_true(o.file >= 0);
	assert_int_equal(rd_month_folder_write(&o, "x", 1, &e), OM_FULL);
	rd_month_folder_close(&o);
}

static void
test_the_folder_must_be_there(void **state)
{
	om_err e;

	(void)state;
	assert_int_equal(rd_month_folder_check(dir, &e), OM_OK);
	assert_int_equal(rd_month_folder_check("relative", &e), OM_INVALID);
	assert_int_equal(rd_month_folder_check("/nonexistent", &e), OM_INVALID);
	assert_int_equal(rd_month_folder_check("/etc/passwd", &e), OM_INVALID);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_a_folder_appears_whole_and_is_found_done),
	    TEST(test_what_was_left_half_way_is_begun_anew_and_what_failed_is_removed),
	    TEST(test_another_folder_of_the_name_is_left_alone),
	    TEST(test_a_folder_of_ours_that_was_changed_is_not_taken_for_done),
	    TEST(test_names_stay_in_the_folder),
	    TEST(test_a_full_disk_is_an_error),
	    TEST(test_the_folder_must_be_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
