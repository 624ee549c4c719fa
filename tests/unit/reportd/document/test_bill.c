/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The order of a bill's computation, with exact numbers.
 */
#include "document/bill.h"

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
    /* reached before the lines are rounded, missed by them: the line makes up for that */
    {"9.994", 1, 3000, "10", true, "0.04", "1", "0", "USD", NULL, "0", "10.0009976", {"9.99", "0.01", "0", "0"}, "10",
	"0", "10"},
    {"9.994", 1, 3000, "10", true, "0.04", "1", "10", "EUR", "1", "0", "10.0009976", {"9.99", "0.01", "0", "0"}, "10",
	"1", "11"},
    {"9.994", 1, 3000, "10", true, "0.04", "1", "0", "JPY", "150.2", "0", "10.0009976", {"1501", "0", "1", "0"}, "1502",
	"0", "1502"},
    {"9.9994", 1, 300, "10", true, "0.004", "1", "0", "KWD", "1", "0", "10.000099976", {"9.999", "0.001", "0", "0"},
	"10", "0", "10"},
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
		    .prompt_tokens = b->tokens / 4,
		    .completion_tokens = b->tokens - b->tokens / 4,
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
	assert_int_equal(sum.lifted, 10); /* those whose usage and markup stay below 1 */
	assert_int_equal(om_money_cmp(sum.net, net), 0);
	assert_int_equal(sum.usage.v + sum.fee.v + sum.markup.v, sum.net.v);
}

/* ---- a floor ---- */

static uint64_t seed = 88172645463325252u;

static uint64_t
dice(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

/* some gives a decimal of up to so many units, mostly with few digits. */
static om_money
some(uint64_t units)
{
	static const uint64_t steps[] = {1, 1000000000000000, 1000000000000000, 10000000000000000, 1000000000000000000};
	uint64_t step = steps[dice(5)];

	return (om_money){(om_i128)dice(units * (1000000000000000000 / step) + 1) * (om_i128)step};
}

/* near gives a cost that usage and markup bring close to the fee. */
static om_money
near(const struct rd_terms *t, uint64_t tokens)
{
	om_i128 of_tokens = t->markup_per_million.v / 1000000 * (om_i128)tokens;
	om_i128 cost = (t->fee.v - of_tokens) / 1000000 * 100000000 / (100 + t->markup_percent.v / 1000000000000000000);

	return (om_money){cost + (om_i128)dice(20000000000000000) - 5000000000000000};
}

static om_money
minimum(const struct rd_terms *t, uint64_t payers, int digits)
{
	const om_money all = {t->fee.v * (om_i128)payers};
	om_money m = om_money_round(all, digits);

	if (!rd_terms_in_usd(t))
		assert_int_equal(rd_money_scale(all, t->rate, 0, digits, &m), OM_OK);
	return m;
}

static struct rd_terms
some_terms(void)
{
	static const char *const currencies[] = {"USD", "EUR", "JPY", "KWD", "USD"};
	struct rd_terms t = {.fee = some(20), .floor = true, .currency = currencies[dice(5)]};

	t.markup_percent = dice(3) > 0 ? some(30) : OM_MONEY_ZERO;
	t.markup_per_million = dice(3) > 0 ? some(5) : OM_MONEY_ZERO;
	t.tax_rate = dice(2) > 0 ? amount("19") : OM_MONEY_ZERO;
	t.rate = (om_money){some(3).v + 1000000000000000};
	return t;
}

/* Whatever the terms and the usage: as printed, no user with a request pays less than
 * the minimum; and where that was so before, nothing has changed. */
static void
test_a_floor_never_charges_less_than_the_minimum(void **state)
{
	unsigned struck = 0, alike = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct rd_terms t = some_terms(), before = t;
		uint64_t payers = dice(4) == 0 ? 1 + dice(5) : 1;
		struct rd_charges sum = {.tokens = 0}, c;
		struct rd_printed now, then;
		om_money least;

		before.old_floor = true;
		for (uint64_t k = 0; k < payers; k++) {
			struct rd_figures f = {
			    .requests = 1 + dice(3), .prompt_tokens = dice(9000), .completion_tokens = dice(9000)};

			f.cost = dice(3) > 0 ? near(&t, f.prompt_tokens + f.completion_tokens) : some(30);
			assert_int_equal(rd_charges_of(&t, &f, &c, NULL), OM_OK);
			assert_int_equal(rd_charges_add(&sum, &c, NULL), OM_OK);
		}
		assert_int_equal(rd_bill_print(&t, &sum, &now, NULL), OM_OK);
		assert_int_equal(rd_bill_print(&before, &sum, &then, NULL), OM_OK);
		least = minimum(&t, payers, now.digits);
		if (om_money_cmp(now.net, least) < 0)
			fail_msg("round %d charges less than the minimum", i);
		assert_int_equal(now.usage.v + now.fee.v + now.markup.v + now.token_markup.v, now.net.v);
		assert_int_equal(now.net.v + now.tax.v, now.total.v);
		if (om_money_cmp(then.net, least) < 0) {
			struck++;
			assert_int_equal(om_money_cmp(now.net, least), 0); /* and not a cent more */
		} else {
			alike++;
			assert_int_equal(om_money_cmp(now.fee, then.fee), 0);
			assert_int_equal(om_money_cmp(now.net, then.net), 0);
			assert_int_equal(om_money_cmp(now.tax, then.tax), 0);
			assert_int_equal(om_money_cmp(now.total, then.total), 0);
		}
	}
	assert_true(struck > 1000 && alike > 10000);
}

/* Without a request there is no minimum, not even for what a turn cost beyond them. */
static void
test_no_floor_without_a_payer(void **state)
{
	const struct rd_terms t = {.fee = amount("10"), .floor = true};
	const struct rd_figures f = {.requests = 0, .cost = amount("-0.5")};
	struct rd_charges c;
	struct rd_printed p;

	(void)state;
	assert_int_equal(rd_charges_of(&t, &f, &c, NULL), OM_OK);
	assert_int_equal(rd_bill_print(&t, &c, &p, NULL), OM_OK);
	assert_amount(p.fee, "0");
	assert_amount(p.net, "-0.5");
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
	    cmocka_unit_test(test_a_floor_never_charges_less_than_the_minimum),
	    cmocka_unit_test(test_no_floor_without_a_payer),
	    cmocka_unit_test(test_shares_are_to_a_tenth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
