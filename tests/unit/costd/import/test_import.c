/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a file says in its language, and which of its rows are one call.
 */
#include "import/seen.h"
#include "import/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
test_numbers_are_read_as_their_file_writes_them(void **state)
{
	static const struct {
		const char *text;
		char mark;
		const char *plain; /* NULL: it is none, or two */
	} cases[] = {
	    {"0.25", 0, "0.25"},
	    {"0,25", 0, "0.25"},
	    {"0,0033368", '.', "0.0033368"},
	    {"7.4e-7", 0, "7.4e-7"},
	    {"7,40E-07", 0, "7.40E-07"},
	    {"1.234,5", 0, "1234.5"},
	    {"1,234.5", 0, "1234.5"},
	    {"1,234,567", 0, "1234567"},
	    {"1.234.567", 0, "1234567"},
	    {"1.234", 0, NULL},
	    {"1,234", 0, NULL},
	    {"1.234", '.', "1.234"},
	    {"1.234", ',', "1234"},
	    {"1,234", ',', "1.234"},
	    {"1,234", '.', "1234"},
	    {"0.250", ',', "0.250"},
	    {"1234.567", ',', "1234.567"},
	    {"-1.5", 0, "-1.5"},
	    {" 12 ", 0, "12"},
	    {"+3", 0, "3"},
	    {"1,234e-3", 0, "1.234e-3"},
	    {"", '.', NULL},
	    {"1.", '.', NULL},
	    {".5", 0, NULL},
	    {"1,2,3", '.', NULL},
	    {"1.2.3,4", '.', NULL},
	    {"1,23,456", '.', NULL},
	    {"12 34", '.', NULL},
	    {"cheap", '.', NULL},
	    {"0x10", '.', NULL},
	    {"1.234,567,8", '.', NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char plain[CD_NUMBER_TEXT] = "none";
		bool ok = cd_number_plain(cases[i].text, cases[i].mark, plain);

		if (ok != (cases[i].plain != NULL) || (ok && strcmp(plain, cases[i].plain) != 0))
			fail_msg("%s with %c: %s", cases[i].text, cases[i].mark != 0 ? cases[i].mark : '0', plain);
	}
}

static void
test_whole_numbers(void **state)
{
	static const struct {
		const char *text;
		char mark;
		int64_t n; /* -9: none */
	} cases[] = {
	    {"10", '.', 10},
	    {"10.0", '.', 10},
	    {"10,0", ',', 10},
	    {"10,0", '.', 10},
	    {"1,234", '.', 1234},
	    {"1.234", ',', 1234},
	    {"1.234", '.', -9},
	    {"1,234", 0, 1234},
	    {"1.234", 0, 1234},
	    {"10.000", 0, -9},
	    {"10.000", '.', 10},
	    {"10.000", ',', 10000},
	    {"1151.5", '.', -9},
	    {"-35", '.', -35},
	    {"1e3", '.', 1000},
	    {"ten", '.', -9},
	    {"9223372036854775807", '.', INT64_MAX},
	    {"9223372036854775808", '.', -9},
	    {"", '.', -9},
	    {"99999999999999999999999999999999999999999", '.', -9},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t n = 0;

		if (cd_number_whole(cases[i].text, cases[i].mark, &n) != (cases[i].n != -9) ||
		    (cases[i].n != -9 && n != cases[i].n))
			fail_msg("%s: %lld", cases[i].text, (long long)n);
	}
}

static void
test_a_file_has_one_mark(void **state)
{
	static const struct {
		const char *amounts[3];
		char separator, mark;
	} cases[] = {
	    {{"0.25", "1.234", "2"}, ',', '.'},
	    {{"0,25", "1,234", "2"}, ';', ','},
	    {{"0.25", "1.234", "2"}, ';', '.'},
	    {{"1.234", "2", "3"}, ',', '.'},
	    {{"1.234", "2", "3"}, ';', 0},
	    {{"0.25", "0,25", "3"}, ',', 0},
	    {{"1.234.567", "2", "3"}, ',', ','},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct cd_marks m = {.point = false};

		for (size_t k = 0; k < 3; k++)
			cd_marks_note(&m, cases[i].amounts[k]);
		assert_int_equal(cd_marks_of(&m, cases[i].separator), cases[i].mark);
	}
}

static void
test_times_and_words(void **state)
{
	static const struct {
		const char *text, *rfc; /* NULL: it is none */
	} times[] = {
	    {"2026-09-30 09:53:25.217", "2026-09-30T09:53:25.217000Z"},
	    {"2026-09-30 09:53:25,217", "2026-09-30T09:53:25.217000Z"},
	    {"2026-09-30T09:53:25Z", "2026-09-30T09:53:25.000000Z"},
	    {"2026-09-30T11:53:25.5+02:00", "2026-09-30T09:53:25.500000Z"},
	    {"2026-09-30 09:53", "2026-09-30T09:53:00.000000Z"},
	    {"30.09.2026 09:53:25", "2026-09-30T09:53:25.000000Z"},
	    {"30.09.2026 09:53", "2026-09-30T09:53:00.000000Z"},
	    {"9/30/2026 9:53", NULL},
	    {"09/10/2026 09:53", NULL},
	    {"2026-09-30", NULL},
	    {"2026-13-30 09:53:25", NULL},
	    {"2026-09-30 09:53:2", NULL},
	    {"2026-09-30 09:53:25.123456789012345678901", NULL},
	    {"yesterday", NULL},
	    {"", NULL},
	};
	char text[OM_TIME_TEXT];
	bool word;
	om_time t;

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
		if (cd_time_read(times[i].text, &t) != (times[i].rfc != NULL) ||
		    (times[i].rfc != NULL && strcmp(om_time_text(t, text), times[i].rfc) != 0))
			fail_msg("%s", times[i].text);
	for (const char *const *p = (const char *const[]){"true", "TRUE", "True", "1", "WAHR", "wahr", NULL};
	     *p != NULL; p++)
		assert_true(cd_bool_read(*p, &word) && word);
	for (const char *const *p = (const char *const[]){"false", "FALSE", "0", "", "FALSCH", NULL}; *p != NULL; p++)
		assert_true(cd_bool_read(*p, &word) && !word);
	assert_false(cd_bool_read("perhaps", &word));
}

/* ---- one call in two places ---- */

static struct cd_seen *seen;

static int
open_seen(void **state)
{
	(void)state;
	return cd_seen_new(&seen, NULL) == OM_OK ? 0 : -1;
}

static int
close_seen(void **state)
{
	(void)state;
	cd_seen_free(&seen);
	return 0;
}

static struct cd_seen_row
usage(const char *key, om_time at_s, const char *user, int64_t tokens)
{
	return (struct cd_seen_row){.key = key,
	    .at = at_s * OM_SECOND,
	    .user = user,
	    .has_usage = true,
	    .cost = {.v = 5},
	    .prompt = tokens,
	    .completion = 7};
}

static void
add(struct cd_seen_row row)
{
	assert_int_equal(cd_seen_add(seen, &row, NULL), OM_OK);
}

static bool
taken(struct cd_seen_row like)
{
	bool found;

	assert_int_equal(cd_seen_take(seen, &like, &found, NULL), OM_OK);
	return found;
}

static void
test_each_row_stands_for_one(void **state)
{
	(void)state;
	for (int again = 0; again < 2; again++) {
		cd_seen_clear(seen);
		add(usage("a", 10000, "u-1", 1));
		add(usage("b", 10005, "u-1", 1));
		add(usage("c", 10000, "unknown", 2));
		add(usage("d", 10000, "u-2", 3));
		add((struct cd_seen_row){.key = "e", .at = 0, .user = "u-1"});
		assert_int_equal(cd_seen_sort(seen, NULL), OM_OK);
		if (again == 1)
			break; /* what was taken stays so */
		assert_false(taken(usage("", 10000, "u-2", 1)));
		assert_false(taken(usage("", 9099, "u-1", 1)));
		assert_true(taken(usage("", 9100, "u-1", 1)));      /* a */
		assert_true(taken(usage("", 10905, "unknown", 1))); /* b */
		assert_false(taken(usage("", 10000, "u-1", 1)));
		assert_true(taken(usage("", 10000, "u-9", 2))); /* c, of one who is not known */
		assert_false(taken((struct cd_seen_row){.at = 0, .user = "u-1"}));
	}
	assert_false(taken(usage("", 10000, "u-1", 1)));
	assert_false(taken(usage("", 10000, "unknown", 2)));
	assert_true(taken(usage("", 10000, "u-2", 3)));
}

static void
test_the_same_user_comes_first(void **state)
{
	(void)state;
	add(usage("a", 1000, "unknown", 1));
	add(usage("b", 1001, "u-1", 1));
	assert_int_equal(cd_seen_sort(seen, NULL), OM_OK);
	assert_true(taken(usage("", 1000, "u-1", 1))); /* b */
	assert_false(taken(usage("", 1500 + 900, "u-2", 1)));
	assert_true(taken(usage("", 1000, "u-2", 1))); /* a */
}

static void
test_turns_and_spans_are_found_by_their_ids(void **state)
{
	(void)state;
	add((struct cd_seen_row){.key = "gen-1", .at = 7200 * OM_SECOND, .turn = "t", .message = "m", .span = "00ff"});
	add((struct cd_seen_row){.key = "gen-2", .at = 90000 * OM_SECOND, .turn = "t"});
	assert_int_equal(cd_seen_sort(seen, NULL), OM_OK);
	assert_true(cd_seen_has(seen, "t", 3600 * OM_SECOND));
	assert_true(cd_seen_has(seen, "m", 10800 * OM_SECOND));
	assert_false(cd_seen_has(seen, "m", 10801 * OM_SECOND));
	assert_true(cd_seen_has(seen, "t", 90000 * OM_SECOND));
	assert_false(cd_seen_has(seen, "x", 7200 * OM_SECOND));
	assert_false(cd_seen_has(seen, "", 7200 * OM_SECOND));
	assert_true(cd_seen_has_span(seen, "00ff", 7200 * OM_SECOND));
	assert_false(cd_seen_has_span(seen, "00fe", 7200 * OM_SECOND));
	assert_false(cd_seen_has_span(seen, NULL, 7200 * OM_SECOND));
}

/* n calls that are all alike within a quarter of an hour: what is asked n times must
 * not step over n rows each time.  Counted, not timed. */
static void
test_the_search_grows_with_the_rows_and_not_with_their_square(void **state)
{
	const unsigned n = 20000;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		char key[16];

		(void)snprintf(key, sizeof key, "k-%u", i);
		add(usage(key, 10000 + i % 600, i % 2 == 0 ? "u-1" : "unknown", 1));
	}
	assert_int_equal(cd_seen_sort(seen, NULL), OM_OK);
	for (unsigned i = 0; i < n; i++)
		assert_true(taken(usage("", 10300, i % 3 == 0 ? "unknown" : "u-1", 1)) || i > n / 2);
	for (unsigned i = 0; i < n; i++)
		(void)taken(usage("", 10300, "u-1", 1));
	assert_true(cd_seen_steps(seen) < (uint64_t)n * 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers_are_read_as_their_file_writes_them),
	    cmocka_unit_test(test_whole_numbers),
	    cmocka_unit_test(test_a_file_has_one_mark),
	    cmocka_unit_test(test_times_and_words),
	    cmocka_unit_test_setup_teardown(test_each_row_stands_for_one, open_seen, close_seen),
	    cmocka_unit_test_setup_teardown(test_the_same_user_comes_first, open_seen, close_seen),
	    cmocka_unit_test_setup_teardown(test_turns_and_spans_are_found_by_their_ids, open_seen, close_seen),
	    cmocka_unit_test_setup_teardown(
		test_the_search_grows_with_the_rows_and_not_with_their_square, open_seen, close_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
