/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The order of a bill's computation, with exact numbers.
 */
#include "bill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static om_money
amount(const char *text)
{
	om_money m;

	assert_int_equal(om_money_parse(text, &m, NULL), OM_OK);
	return m;
}

static void
assert_amount(om_money m, const char *want)
{
	char text[OM_MONEY_TEXT];

	assert_string_equal(om_money_text(m, text), want);
}

static void
test_products_are_exact_and_rounded_half_even_once(void **state)
{
	static const struct {
		const char *a, *by;
		int shift, digits;
		const char *want;
	} cases[] = {
	    {"0", "5", 0, 2, "0"},
	    {"1", "1", 0, 18, "1"},
	    {"0.005", "1", 0, 2, "0"},
	    {"0.015", "1", 0, 2, "0.02"},
	    {"0.025", "1", 0, 2, "0.02"},
	    {"0.025000000000000001", "1", 0, 2, "0.03"},
	    {"-0.025", "1", 0, 2, "-0.02"},
	    {"-0.035", "1", 0, 2, "-0.04"},
	    {"10", "7.5", 2, 18, "0.75"},
	    {"0.000000000000000001", "50", 2, 18, "0"}, /* half of the last digit goes to the even one */
	    {"0.000000000000000003", "50", 2, 18, "0.000000000000000002"},
	    {"1234567890123456789", "0.000000000000000001", 0, 18, "1.234567890123456789"},
	    {"99999999999999999999", "1", 0, 18, "99999999999999999999"},
	    {"2.5", "1", 0, 0, "2"},
	    {"3.5", "1", 0, 0, "4"},
	    {"12345.678901234567890123", "0.918273645546372819", 0, 4, "11336.7116"},
	};
	om_money m;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(
		    rd_money_scale(amount(cases[i].a), amount(cases[i].by), cases[i].shift, cases[i].digits, &m),
		    OM_OK);
		assert_amount(m, cases[i].want);
	}
	assert_int_equal(rd_money_scale(amount("99999999999999999999"), amount("1.1"), 0, 18, &m), OM_RANGE);
	assert_int_equal(
	    rd_money_scale(amount("99999999999999999999"), amount("99999999999999999999"), 0, 18, &m), OM_RANGE);
}

struct bill_case {
	const char *cost;
	uint64_t requests, tokens;
	const char *fee;
	bool floor;
	const char *percent, *per_million, *tax, *currency, *rate;
	const char *charge, *net_exact; /* exact */
	const char *lines[4];           /* printed: usage, minimum charge, markups */
	const char *net, *tax_amount, *total;
};

static const struct bill_case cases[] = {
    /* on top, marked up, taxed */
    {"12.345", 7, 3000000, "2.50", false, "10", "0.2", "19", "USD", NULL, "2.5", "16.6795",
	{"12.34", "2.5", "1.23", "0.6"}, "16.67", "3.17", "19.84"},
    /* a floor above usage and markup together: the markup is on the usage, not on what was missing */
    {"1.20", 1, 0, "5", true, "50", "0", "0", "USD", NULL, "3.2", "5", {"1.2", "3.2", "0.6", "0"}, "5", "0", "5"},
    /* above the usage, reached by the markup */
    {"4", 1, 0, "5", true, "50", "0", "0", "USD", NULL, "0", "6", {"4", "0", "2", "0"}, "6", "0", "6"},
    /* its line takes up what rounding does to the others: the least is 4.50, not 4.51 */
    {"1.50", 1, 0, "5", true, "10", "0", "19", "EUR", "0.9", "3.35", "5", {"1.35", "3.01", "0.14", "0"}, "4.5", "0.86",
	"5.36"},
    {"1.666", 1, 555333, "5", true, "100", "3", "0", "USD", NULL, "0.002001", "5", {"1.67", "0", "1.67", "1.67"},
	"5.01", "0", "5.01"},
    /* a floor below the usage */
    {"7.125", 1, 0, "5", true, "0", "0", "7.7", "USD", NULL, "0", "7.125", {"7.12", "0", "0", "0"}, "7.12", "0.55",
	"7.67"},
    /* nothing used: no minimum charge, no markup, nothing to pay */
    {"0", 0, 0, "5", false, "10", "3", "19", "USD", NULL, "0", "0", {"0", "0", "0", "0"}, "0", "0", "0"},
    {"0", 0, 0, "5", true, "10", "3", "19", "USD", NULL, "0", "0", {"0", "0", "0", "0"}, "0", "0", "0"},
    /* used, and free of charge: the minimum charge, and the markup per token */
    {"0", 3, 500000, "5", true, "10", "3", "0", "USD", NULL, "3.5", "5", {"0", "3.5", "0", "1.5"}, "5", "0", "5"},
    /* a refund */
    {"-1.25", 1, 0, "0", false, "10", "0", "20", "USD", NULL, "0", "-1.375", {"-1.25", "0", "-0.12", "0"}, "-1.37",
	"-0.27", "-1.64"},
    {"-1.25", 1, 0, "5", true, "0", "0", "0", "USD", NULL, "6.25", "5", {"-1.25", "6.25", "0", "0"}, "5", "0", "5"},
    /* each line is converted, then rounded; the totals are sums of the lines */
    {"10.005", 2, 0, "1.005", false, "0", "0", "19", "EUR", "0.9", "1.005", "11.01", {"9", "0.9", "0", "0"}, "9.9",
	"1.88", "11.78"},
    /* no cents; the line that is exactly half goes to the even unit */
    {"10", 2, 0, "0.0100", false, "0", "0", "10", "JPY", "150.25", "0.01", "10.01", {"1502", "2", "0", "0"}, "1504",
	"150", "1654"},
    /* three digits */
    {"1.2345", 1, 0, "0", false, "0", "0", "5", "KWD", "0.3071", "0", "1.2345", {"0.379", "0", "0", "0"}, "0.379",
	"0.019", "0.398"},
    /* less than can be printed */
    {"0.004", 1, 0, "0.004", false, "0", "0", "19", "USD", NULL, "0.004", "0.008", {"0", "0", "0", "0"}, "0", "0", "0"},
};

static void
test_bills_come_out_to_the_cent(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct bill_case *b = &cases[i];
		const struct rd_terms t = {
		    .fee = amount(b->fee),
		    .floor = b->floor,
		    .markup_percent = amount(b->percent),
		    .markup_per_million = amount(b->per_million),
		    .tax_rate = amount(b->tax),
		    .currency = b->currency,
		    .rate = amount(b->rate != NULL ? b->rate : "0"),
		};
		const struct rd_figures f = {.requests = b->requests,
		    .prompt = b->tokens / 4,
		    .completion = b->tokens - b->tokens / 4,
		    .cost = amount(b->cost)};
		struct rd_charges c;
		struct rd_printed p;

		assert_int_equal(rd_charges_of(&t, &f, &c, NULL), OM_OK);
		assert_amount(c.fee, b->charge);
		assert_amount(c.net, b->net_exact);
		assert_int_equal(rd_bill_print(&t, &c, &p, NULL), OM_OK);
		assert_amount(p.usage, b->lines[0]);
		assert_amount(p.fee, b->lines[1]);
		assert_amount(p.markup, b->lines[2]);
		assert_amount(p.token_markup, b->lines[3]);
		assert_amount(p.net, b->net);
		assert_amount(p.tax, b->tax_amount);
		assert_amount(p.total, b->total);
	}
}

/* What several users are charged together is the sum of what each is charged. */
static void
test_charges_add_up_exactly(void **state)
{
	const struct rd_terms t = {
	    .fee = amount("1"), .floor = true, .markup_percent = amount("33.333333333333333333")};
	struct rd_charges sum = {.tokens = 0}, c;
	struct rd_figures f = {.requests = 1};
	om_money net = OM_MONEY_ZERO;

	(void)state;
	for (int i = 0; i < 50; i++) {
		f.cost.v = (om_i128)i * 77777777777777777;
		assert_int_equal(rd_charges_of(&t, &f, &c, NULL), OM_OK);
		assert_int_equal(rd_charges_add(&sum, &c, NULL), OM_OK);
		assert_int_equal(om_money_add(net, c.net, &net), OM_OK);
	}
	assert_int_equal(sum.payers, 50);
	assert_int_equal(om_money_cmp(sum.net, net), 0);
	assert_int_equal(sum.usage.v + sum.fee.v + sum.markup.v, sum.net.v);
}

static void
test_shares_are_to_a_tenth(void **state)
{
	om_money share;

	(void)state;
	assert_true(rd_share_of(amount("1"), amount("3"), &share));
	assert_amount(share, "33.3");
	assert_true(rd_share_of(amount("0"), amount("3"), &share));
	assert_amount(share, "0");
	assert_true(rd_share_of(amount("99999999999999999999"), amount("99999999999999999999"), &share));
	assert_amount(share, "100");
	assert_false(rd_share_of(amount("1"), amount("0"), &share));
	assert_false(rd_share_of(amount("-1"), amount("3"), &share));
	assert_false(rd_share_of(amount("4"), amount("3"), &share));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_products_are_exact_and_rounded_half_even_once),
	    cmocka_unit_test(test_bills_come_out_to_the_cent),
	    cmocka_unit_test(test_charges_add_up_exactly),
	    cmocka_unit_test(test_shares_are_to_a_tenth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
