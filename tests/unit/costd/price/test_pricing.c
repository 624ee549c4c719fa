/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Exact decimals, and what tokens cost by a price list. */
#include "record_fixture.h"

#include "price/decimal.h"
#include "price/pricing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2026-11-23 is a Monday. */
#define MONDAY_NOON ((om_time)1795435200 * OM_SECOND)

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

static const char *
product(const char *price, uint64_t n)
{
	static char buf[OM_MONEY_TEXT];
	struct cd_dec d;
	bool negative;
	om_money m;

	cd_dec_parse(price, &d, &negative);
	cd_dec_mul_int(&d, n);
	return cd_dec_money(&d, &m) == OM_OK && !negative ? om_money_text(m, buf) : "bad";
}

static void
test_products_are_exact_and_rounded_once_half_to_even(void **state)
{
	(void)state;
	assert_string_equal(product("0.00000008333333333333334", 47889), "0.00399075");
	assert_string_equal(product("0.00000008333333333333334", 1), "0.000000083333333333");
	assert_string_equal(product("0.00000008333333333333334", 700), "0.000058333333333333");
	assert_string_equal(product("0.00000008333333333333334", 999999999), "83.333333250000006667");
	assert_string_equal(product("0.0000000000000000005", 1), "0"); /* half, to even */
	assert_string_equal(product("0.0000000000000000015", 1), "0.000000000000000002");
	assert_string_equal(product("0.0000000000000000025", 1), "0.000000000000000002");
	assert_string_equal(product("0.00000000000000000250000000000000001", 1), "0.000000000000000003");
	assert_string_equal(product("0.0000000000000000005", 2), "0.000000000000000001");
	assert_string_equal(product("1e-7", 3), "0.0000003");
	assert_string_equal(product("2.5E3", 2), "5000");
	assert_string_equal(product("0.21675", 1000000000), "216750000");
	assert_string_equal(product("123456789012345678901234567890", 1), "bad");
	assert_string_equal(product("", 1), "bad");
	assert_string_equal(product("1.2.3", 1), "bad");
	assert_string_equal(product("0x10", 1), "bad");
	assert_string_equal(product("nan", 1), "bad");
	assert_string_equal(product("1e", 1), "bad");
	assert_string_equal(product("1e-61", 1), "bad");
	assert_string_equal(product("-1", 1), "bad");
	assert_string_equal(product("0.0000000000000000000000000000000000000000000000000000000000001", 1), "bad");
}

static void
test_sums_align_their_scales(void **state)
{
	struct cd_dec a, b;
	char buf[OM_MONEY_TEXT];
	bool negative;
	om_money m;

	(void)state;
	cd_dec_parse("0.1", &a, &negative);
	cd_dec_parse("0.000000000000000000000004", &b, &negative);
	for (unsigned i = 0; i < 125000; i++) /* half of the last digit, as a sum of much smaller parts */
		cd_dec_add(&a, &b);
	assert_int_equal(cd_dec_money(&a, &m), OM_OK);
	assert_string_equal(om_money_text(m, buf), "0.1"); /* to even */
	cd_dec_add(&a, &b);
	assert_int_equal(cd_dec_money(&a, &m), OM_OK);
	assert_string_equal(om_money_text(m, buf), "0.100000000000000001");
	cd_dec_parse("0.25", &a, &negative);
	cd_dec_rest(&a);
	assert_int_equal(cd_dec_money(&a, &m), OM_OK);
	assert_string_equal(om_money_text(m, buf), "0.75");
	cd_dec_parse("1.01", &a, &negative);
	cd_dec_rest(&a);
	assert_int_equal(cd_dec_money(&a, &m), OM_RANGE);
}

/* estimate gives the amount, "none" when there is no price of tokens. */
static const char *
estimate_at(const char *pricing, struct cd_tokens t, om_time at)
{
	static char buf[OM_MONEY_TEXT];
	om_money m;

	return cd_pricing_estimate(pricing, strlen(pricing), &t, at, &m) ? om_money_text(m, buf) : "none";
}

static const char *
estimate(const char *pricing, struct cd_tokens t)
{
	return estimate_at(pricing, t, MONDAY_NOON);
}

#define T(...) ((struct cd_tokens){__VA_ARGS__})

static void
test_tokens_are_priced_by_kind(void **state)
{
	(void)state;
	assert_string_equal(
	    estimate("{\"prompt\":\"0.000001\",\"completion\":\"0.000005\"}", T(.prompt = 30, .completion = 7)),
	    "0.000065");
	/* pitfall 27: prompt tokens include cached and cache write tokens; a captured
	 * bill: 48,894 in, 47,889 of them written */
	assert_string_equal(
	    estimate("{\"prompt\":\"0.000001\",\"completion\":\"0\",\"input_cache_write\":\"0.00000125\"}",
		T(.prompt = 48894, .cache_write = 47889)),
	    "0.06086625");
	assert_string_equal(
	    estimate("{\"prompt\":\"0.000001\",\"completion\":\"0\",\"input_cache_read\":\"0.0000001\"}",
		T(.prompt = 100, .cached = 90)),
	    "0.000019");
	/* a kind without a price of its own costs what the others do */
	assert_string_equal(estimate("{\"prompt\":\"0.000001\",\"completion\":\"0\"}",
				T(.prompt = 100, .cached = 90, .cache_write = 10)),
	    "0.0001");
	/* more cached than there are: no wrong sign, no wrong size */
	assert_string_equal(estimate("{\"prompt\":\"0.000001\",\"completion\":\"0\",\"input_cache_read\":\"0\"}",
				T(.prompt = 10, .cached = 90)),
	    "0");
	/* reasoning is part of the completion, which may say less (16 with 19) */
	assert_string_equal(
	    estimate("{\"prompt\":\"0\",\"completion\":\"0.000002\",\"internal_reasoning\":\"0.000003\"}",
		T(.prompt = 1, .completion = 16, .reasoning = 19)),
	    "0.000048");
	assert_string_equal(estimate("{\"prompt\":\"0\",\"completion\":\"0.000002\",\"internal_reasoning\":\"0\"}",
				T(.prompt = 1, .completion = 16, .reasoning = 10)),
	    "0.000032");
	assert_string_equal(estimate("{\"prompt\":\"0.0000025\",\"completion\":\"0.00001\",\"request\":\"0.035\"}",
				T(.prompt = 4, .completion = 1)),
	    "0.03502");
	assert_string_equal(estimate("{\"prompt\":\"0\",\"completion\":\"0\"}", T(.prompt = 4, .completion = 1)), "0");
	assert_string_equal(estimate("{\"prompt\":\"0.00000028\",\"completion\":\"0.00000042\",\"discount\":0.25}",
				T(.prompt = 1000, .completion = 100)),
	    "0.0002415");
}

/* pitfall 21: -1 means "not known"; pitfall 20: unpriced is a state, not zero */
static void
test_what_is_no_price_of_tokens_gives_no_estimate(void **state)
{
	static const char *const none[] = {
	    "{\"prompt\":\"-1\",\"completion\":\"-1\"}",
	    "{\"prompt\":\"0.1\",\"completion\":\"-0.000001\"}",
	    "{\"prompt\":\"0.1\",\"completion\":\"0\",\"image\":\"-1\"}",
	    "{\"prompt\":\"free\",\"completion\":\"0\"}",
	    "{\"prompt\":\"0\",\"completion\":\"0\",\"image_output\":\"0.04\"}",
	    "{\"image\":\"0.04\"}",
	    "{}",
	    "[]",
	    "",
	    "{\"prompt\":0.1,\"completion\":0.1}",
	    "{\"prompt\":\"0.1\",\"completion\":\"0\",\"discount\":1.5}",
	    "{\"prompt\":\"0.1\",\"completion\":\"0\",\"discount\":-0.5}",
	    "{\"prompt\":\"0.1\",\"completion\":\"0\",\"overrides\":[{\"moon_phase\":3,\"prompt\":\"0\"}]}",
	    "{\"prompt\":\"0.1\",\"completion\":\"0\",\"overrides\":[{\"utc_days\":[\"someday\"],\"prompt\":\"0\"}]}",
	    "{\"prompt\":\"0.1\",\"completion\":\"0\",\"overrides\":[{\"utc_start\":30,\"prompt\":\"0\"}]}",
	    ("{\"prompt\":\"0.1\",\"completion\":\"0\",\"overrides\":[{\"utc_start\":30,\"utc_end\":2575,\"prompt\":"
	     "\"0\"}]}"),
	    "{\"prompt\":\"0.1\",\"completion\":\"0\",\"overrides\":[5]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		assert_string_equal(estimate(none[i], T(.prompt = 5, .completion = 5)), "none");
	assert_string_equal(estimate("{\"prompt\":\"-0\",\"completion\":\"0\"}", T(.prompt = 5)), "0");
}

static void
test_overrides_hold_where_all_conditions_do_and_later_ones_win(void **state)
{
	static const char tiers[] =
	    "{\"completion\":\"0.00001\",\"prompt\":\"0.0000025\",\"overrides\":[{\"min_prompt_tokens\":200000,"
	    "\"prompt\":\"0.000005\"},{\"min_prompt_tokens\":400000,\"completion\":\"0.00002\"}]}";
	static const char hours[] = "{\"prompt\":\"9\",\"completion\":\"0\",\"overrides\":[{\"utc_start\":30,\"utc_"
				    "end\":1630,\"prompt\":\"1\"},"
				    "{\"utc_start\":1630,\"utc_end\":30,\"prompt\":\"2\"},{\"utc_days\":[\"saturday\","
				    "\"sunday\"],\"prompt\":\"3\"}]}";
	const om_time minute = 60 * OM_SECOND;

	(void)state;
	assert_string_equal(estimate(tiers, T(.prompt = 200000, .completion = 1)), "0.50001"); /* strictly greater */
	assert_string_equal(estimate(tiers, T(.prompt = 200001, .completion = 1)), "1.000015");
	assert_string_equal(estimate(tiers, T(.prompt = 400001, .completion = 1)), "2.000025");
	assert_string_equal(estimate_at(hours, T(.prompt = 1), MONDAY_NOON), "1");
	assert_string_equal(estimate_at(hours, T(.prompt = 1), MONDAY_NOON + 269 * minute), "1"); /* 16:29 */
	assert_string_equal(estimate_at(hours, T(.prompt = 1), MONDAY_NOON + 270 * minute), "2"); /* 16:30 */
	assert_string_equal(estimate_at(hours, T(.prompt = 1), MONDAY_NOON + 749 * minute), "2"); /* 00:29 */
	assert_string_equal(estimate_at(hours, T(.prompt = 1), MONDAY_NOON + 750 * minute), "1"); /* 00:30 */
	assert_string_equal(estimate_at(hours, T(.prompt = 1), MONDAY_NOON - OM_DAY), "3");       /* Sunday */
	assert_string_equal(estimate_at(hours, T(.prompt = 1), MONDAY_NOON + 5 * OM_DAY), "3");
}

static char *
read_sample(const char *name, size_t *n)
{
	char path[512], *text = om_arena_alloc(&arena, (size_t)1024 * 1024);
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", CD_SAMPLES, name);
	f = fopen(path, "r");
	assert_non_null(f);
	*n = fread(text, 1, (size_t)1024 * 1024, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

static const struct cd_tariff *
find(const struct cd_tariff *list, size_t n, const char *model)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].model, model) == 0)
			return &list[i];
	fail_msg("no %s in the list", model);
	abort();
}

static void
test_the_list_keeps_the_providers_strings_in_a_fixed_order(void **state)
{
	struct cd_tariff *list = NULL, *again = NULL;
	const struct cd_tariff *t;
	size_t n = 0, bytes = 0, n_again = 0;
	char *text = read_sample("models.json", &bytes);
	static const char turned[] =
	    "{\"data\":[{\"id\":\"b\",\"pricing\":{\"completion\":\"2\",\"prompt\":\"1\"}},{\"id\":\"a\",\"pricing\":{}"
	    "},"
	    "{\"id\":\"b\",\"pricing\":{\"prompt\":\"5\"}},{\"pricing\":{}},{\"id\":\"c\"},7]}";

	(void)state;
	assert_int_equal(cd_pricing_list(text, bytes, &arena, &list, &n, NULL), OM_OK);
	assert_int_equal(n, 14);
	for (size_t i = 1; i < n; i++)
		assert_true(strcmp(list[i - 1].model, list[i].model) < 0);
	t = find(list, n, "google/gemini-2.5-flash");
	assert_non_null(strstr(t->pricing, "\"input_cache_write\":\"0.00000008333333333333334\""));
	t = find(list, n, "example/peak-offpeak");
	assert_non_null(strstr(t->pricing, "{\"completion\":\"0.00000042\",\"discount\":0.25,\"overrides\":[{"));
	assert_string_equal(estimate(t->pricing, T(.prompt = 1000, .completion = 100)), "0.0002415");
	assert_string_equal(estimate(find(list, n, "openrouter/auto")->pricing, T(.prompt = 1000)), "none");
	assert_int_equal(cd_pricing_list(turned, strlen(turned), &arena, &again, &n_again, NULL), OM_OK);
	assert_int_equal(n_again, 2);
	assert_string_equal(again[0].model, "a");
	assert_string_equal(again[1].pricing, "{\"completion\":\"2\",\"prompt\":\"1\"}");
}

/* What is left out of a list would be taken for gone. */
static void
test_a_list_that_is_not_whole_is_refused(void **state)
{
	static const char *const bad[] = {
	    "{\"data\":[]}",
	    "{\"data\":[{\"id\":\"a\",\"pricing\":{}}],\"total_count\":2}",
	    "{\"data\":[{\"id\":\"a\",\"pricing\":{}}],\"links\":{\"next\":\"/models?offset=1\"}}",
	    "{\"data\":[{\"id\":\"a\"}]}",
	    "{\"data\":{}}",
	    "{\"data\":[{\"id\":\"a\",\"pricing\":{}}",
	    "<html>",
	    "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct cd_tariff *list = NULL;
		om_err e = {.text = ""};
		size_t n = 0;

		assert_int_equal(cd_pricing_list(bad[i], strlen(bad[i]), &arena, &list, &n, &e), OM_PROTOCOL);
		assert_true(e.text[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_products_are_exact_and_rounded_once_half_to_even),
	    cmocka_unit_test(test_sums_align_their_scales),
	    cmocka_unit_test(test_tokens_are_priced_by_kind),
	    cmocka_unit_test(test_what_is_no_price_of_tokens_gives_no_estimate),
	    cmocka_unit_test(test_overrides_hold_where_all_conditions_do_and_later_ones_win),
	    cmocka_unit_test_setup_teardown(
		test_the_list_keeps_the_providers_strings_in_a_fixed_order, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_list_that_is_not_whole_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
