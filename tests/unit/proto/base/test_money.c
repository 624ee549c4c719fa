/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "base/money.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static om_money
money(const char *text)
{
	om_err e = {.text = ""};
	om_money m;

	assert_status(om_money_parse(text, &m, &e), OM_OK, e);
	return m;
}

static void
assert_parses(const char *text, const char *wanted)
{
	char buf[OM_MONEY_TEXT];

	assert_string_equal(om_money_text(money(text), buf), wanted);
}

static void
test_parse_decimal_is_exact(void **state)
{
	(void)state;
	assert_parses("0", "0");
	assert_parses("-0", "0");
	assert_parses("0.000000125", "0.000000125");
	assert_parses("00012.3400", "12.34");
	assert_parses("-3.5", "-3.5");
	assert_parses("+7", "7");
	assert_parses(".5", "0.5");
	assert_parses("5.", "5");
	assert_parses("0.000000000000000001", "0.000000000000000001");
	assert_parses("99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999");
	assert_parses("-99999999999999999999.999999999999999999", "-99999999999999999999.999999999999999999");
}

static void
test_parse_exponent_moves_the_point(void **state)
{
	(void)state;
	assert_parses("7.4e-7", "0.00000074");
	assert_parses("9.9E-7", "0.00000099");
	assert_parses("3E-7", "0.0000003");
	assert_parses("1e3", "1000");
	assert_parses("12345e-18", "0.000000000000012345");
	assert_parses("1e+19", "10000000000000000000");
	assert_parses("0e999999999999", "0");
	assert_parses("1e-999999999999", "0");
}

static void
test_parse_beyond_18_digits_rounds_half_even(void **state)
{
	(void)state;
	assert_parses("0.0000000000000000005", "0");                    /* tie to even 0 */
	assert_parses("0.0000000000000000015", "0.000000000000000002"); /* tie to even 2 */
	assert_parses("0.0000000000000000025", "0.000000000000000002");
	assert_parses("0.00000000000000000250000000000000000000000000001", "0.000000000000000003");
	assert_parses("0.00000008333333333333333334", "0.000000083333333333");
	assert_parses("0.9999999999999999995", "1");
}

static void
test_parse_what_does_not_fit_is_range(void **state)
{
	static const char *const bad[] = {"100000000000000000000", "1e20", "1e308", "1e999999999", "-1e20",
	    "99999999999999999999.9999999999999999995", "123456789012345678901234567890123456789012345678901234567890"};
	om_money m;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(om_money_parse(bad[i], &m, NULL), OM_RANGE);
}

static void
test_parse_what_is_no_number_is_invalid(void **state)
{
	static const char *const bad[] = {
	    "", "-", ".", "e5", "1e", "1e+", "1.2.3", " 1", "1 ", "0x10", "nan", "inf", "1,5", "--1", "1e5x", "$1"};
	om_money m;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(om_money_parse(bad[i], &m, NULL), OM_INVALID);
}

static void
test_double_gives_back_what_was_printed(void **state)
{
	static const char *const costs[] = {"0.0033368", "7.4e-07", "0.000000125", "3.17561616", "0.060866250000000004",
	    "0.1", "1e-18", "123456.789", "0.000014952", "5e-324"};
	char buf[OM_MONEY_TEXT], want[OM_MONEY_TEXT];
	om_money m;

	(void)state;
	for (size_t i = 0; i < sizeof costs / sizeof costs[0]; i++) {
		assert_int_equal(om_money_from_double(strtod(costs[i], NULL), &m, NULL), OM_OK);
		assert_string_equal(om_money_text(m, buf), om_money_text(money(costs[i]), want));
	}
	assert_int_equal(om_money_from_double((double)NAN, &m, NULL), OM_INVALID);
	assert_int_equal(om_money_from_double((double)INFINITY, &m, NULL), OM_INVALID);
	assert_int_equal(om_money_from_double(1e308, &m, NULL), OM_RANGE);
}

static void
test_ten_thousand_tenths_of_a_microdollar_are_exact(void **state)
{
	om_money sum = OM_MONEY_ZERO, step = money("0.0000001");
	char buf[OM_MONEY_TEXT];

	(void)state;
	for (int i = 0; i < 10000; i++)
		assert_int_equal(om_money_add(sum, step, &sum), OM_OK);
	assert_string_equal(om_money_text(sum, buf), "0.001");
	assert_int_equal(om_money_sub(sum, money("0.003"), &sum), OM_OK);
	assert_string_equal(om_money_text(sum, buf), "-0.002");
	assert_true(om_money_is_negative(sum));
}

static void
test_add_beyond_the_range_is_range(void **state)
{
	om_money max = money("99999999999999999999.999999999999999999"), m;

	(void)state;
	assert_int_equal(om_money_add(max, money("0.000000000000000001"), &m), OM_RANGE);
	assert_int_equal(om_money_add(max, max, &m), OM_RANGE);
	assert_int_equal(om_money_sub(OM_MONEY_ZERO, max, &m), OM_OK);
	assert_int_equal(om_money_sub(m, max, &m), OM_RANGE);
}

static void
assert_rounds(const char *text, int digits, const char *wanted)
{
	char buf[OM_MONEY_TEXT];

	assert_string_equal(om_money_text_fixed(om_money_round(money(text), digits), digits, buf), wanted);
}

static void
test_round_is_half_to_even(void **state)
{
	(void)state;
	assert_rounds("0.125", 2, "0.12");
	assert_rounds("0.135", 2, "0.14");
	assert_rounds("0.835", 2, "0.84");
	assert_rounds("1.005", 2, "1.00");
	assert_rounds("1.0050000000000001", 2, "1.01");
	assert_rounds("-0.125", 2, "-0.12");
	assert_rounds("-0.1250000001", 2, "-0.13");
	assert_rounds("2.5", 0, "2");
	assert_rounds("3.5", 0, "4");
	assert_rounds("0.000000000000000001", 18, "0.000000000000000001");
}

static void
test_compare_orders(void **state)
{
	(void)state;
	assert_int_equal(om_money_cmp(money("1"), money("1.0")), 0);
	assert_int_equal(om_money_cmp(money("-1"), money("0.1")), -1);
	assert_int_equal(om_money_cmp(money("2"), money("1.999999999999999999")), 1);
	assert_true(om_money_is_zero(money("0.0")));
	assert_true(om_money_to_double(money("0.1")) == 0.1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse_decimal_is_exact),
	    cmocka_unit_test(test_parse_exponent_moves_the_point),
	    cmocka_unit_test(test_parse_beyond_18_digits_rounds_half_even),
	    cmocka_unit_test(test_parse_what_does_not_fit_is_range),
	    cmocka_unit_test(test_parse_what_is_no_number_is_invalid),
	    cmocka_unit_test(test_double_gives_back_what_was_printed),
	    cmocka_unit_test(test_ten_thousand_tenths_of_a_microdollar_are_exact),
	    cmocka_unit_test(test_add_beyond_the_range_is_range),
	    cmocka_unit_test(test_round_is_half_to_even),
	    cmocka_unit_test(test_compare_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
