/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"

#include "terms.pb-c.h"
#include "wire/terms.h"

#include <string.h>

static Om__Terms
read(struct om_arena *a, om_terms_case names, const char *json)
{
	Om__Terms t;
	json_t *doc = NULL;
	om_err e;

	assert_int_equal(om_json_parse(json, strlen(json), &doc, &e), OM_OK);
	assert_int_equal(om_terms_read(doc, names, a, &t, &e), OM_OK);
	json_decref(doc);
	return t;
}

static void
test_what_is_written_is_read(void **state)
{
	static const char lower[] =
	    "{\"minimum_charge_fee\":\"10\",\"minimum_charge_mode\":\"floor\",\"currency\":\"EUR\","
	    "\"exchange_rate\":\"0.93\",\"exchange_rate_date\":\"2026-10-31\","
	    "\"exchange_rate_source\":\"a bank\",\"exchange_rate_confirmed\":true}";
	struct om_arena a;
	struct om_buf b;
	struct om_jw w;
	Om__Terms t;

	(void)state;
	om_arena_init(&a, 65536);
	om_buf_init(&b, 65536);
	t = read(&a, OM_TERMS_LOWER, lower);
	om_jw_init(&w, &b);
	om_jw_open(&w, '{');
	om_terms_write(&t, OM_TERMS_LOWER, &w);
	om_jw_close(&w, '}');
	assert_int_equal(om_buf_done(&b, NULL), OM_OK);
	assert_string_equal(b.data, lower);
	om_buf_reset(&b);
	om_jw_init(&w, &b);
	om_jw_open(&w, '{');
	om_terms_write(&t, OM_TERMS_UPPER, &w);
	om_jw_close(&w, '}');
	assert_int_equal(om_buf_done(&b, NULL), OM_OK);
	assert_null(strstr(b.data, "CONFIRMED"));
	assert_non_null(strstr(b.data, "\"EXCHANGE_RATE\":\"0.93\""));
	assert_true(om_terms_same(&t, &(Om__Terms){0}) == false);
	{
		Om__Terms again = read(&a, OM_TERMS_UPPER, b.data);

		assert_true(om_terms_same(&t, &again));
	}
	om_buf_fini(&b);
	om_arena_fini(&a);
}

static void
test_what_was_not_set_is_kept_empty(void **state)
{
	struct om_arena a;
	Om__Terms t, none = OM__TERMS__INIT;
	om_err e;

	(void)state;
	om_arena_init(&a, 65536);
	t = read(&a, OM_TERMS_UPPER,
	    "{\"TAX_NAME\":\"\",\"CURRENCY\":\"USD\",\"EXCHANGE_RATE\":\"0\",\"EXCHANGE_RATE_DATE\":\"\","
	    "\"EXCHANGE_RATE_SOURCE\":\"\",\"ISSUER_NAME\":\"\"}");
	assert_int_equal(om_terms_check(&t, &e), OM_OK);
	assert_true(om_terms_same(&t, &none));
	t = read(&a, OM_TERMS_LOWER, "{\"tax_name\":\"\"}");
	assert_int_equal(om_terms_check(&t, &e), OM_INVALID); /* a person says null */
	om_arena_fini(&a);
}

static void
test_defaults_are_as_good_as_none(void **state)
{
	struct om_arena a;
	Om__Terms said, none = OM__TERMS__INIT, other;

	(void)state;
	om_arena_init(&a, 65536);
	said = read(&a, OM_TERMS_LOWER,
	    "{\"minimum_charge_fee\":0,\"minimum_charge_mode\":\"add\",\"markup_percent\":\"0.00\",\"currency\":"
	    "\"USD\"}");
	other = read(&a, OM_TERMS_LOWER, "{\"markup_percent\":\"0.04\"}");
	assert_true(om_terms_same(&said, &none));
	assert_false(om_terms_same(&other, &none));
	assert_int_equal(om_terms_check(&said, NULL), OM_OK);
	assert_int_equal(om_terms_check(&none, NULL), OM_OK);
	om_arena_fini(&a);
}

static void
test_what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *json, *says;
	} cases[] = {
	    {"{\"minimum_charge_fee\":\"-1\"}", "minimum_charge_fee: must be from 0"},
	    {"{\"minimum_charge_mode\":\"sum\"}", "minimum_charge_mode: must be add or floor"},
	    {"{\"tax_rate\":\"1001\"}", "tax_rate: must be from 0 to 1000"},
	    {"{\"currency\":\"eur\"}", "currency: must be three capital letters"},
	    {"{\"currency\":\"EUR\"}", "exchange_rate: is needed"},
	    {"{\"currency\":\"EUR\",\"exchange_rate\":\"0\"}", "exchange_rate: is needed"},
	    {"{\"currency\":\"EUR\",\"exchange_rate\":\"1\",\"exchange_rate_date\":\"2026-02-30\"}",
		"exchange_rate_date: must be a day"},
	    {"{\"exchange_rate\":\"1\"}", "exchange_rate: is set, but currency is USD"},
	    {"{\"tax_name\":\"\"}", "tax_name: must have 1 to 40 characters"},
	};
	struct om_arena a;
	om_err e;

	(void)state;
	om_arena_init(&a, 65536);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		Om__Terms t = read(&a, OM_TERMS_LOWER, cases[i].json);

		assert_int_equal(om_terms_check(&t, &e), OM_INVALID);
		assert_non_null(strstr(e.text, cases[i].says));
	}
	om_arena_fini(&a);
}

static void
test_a_rate_belongs_to_its_month(void **state)
{
	om_day october = om_day_from_civil(2026, 10, 1);
	Om__Terms t = OM__TERMS__INIT;
	char eur[] = "EUR", last[] = "2026-10-31", next[] = "2026-11-01";

	(void)state;
	t.exchange_rate_date = next;
	assert_false(om_terms_rate_outside(&t, october)); /* of no matter in USD */
	t.currency = eur;
	assert_true(om_terms_rate_outside(&t, october));
	t.exchange_rate_date = last;
	assert_false(om_terms_rate_outside(&t, october));
	assert_true(om_terms_rate_outside(&t, om_day_from_civil(2025, 10, 1)));
	t.has_exchange_rate_confirmed = t.exchange_rate_confirmed = true;
	assert_false(om_terms_rate_outside(&t, om_day_from_civil(2025, 10, 1)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_written_is_read),
	    cmocka_unit_test(test_what_was_not_set_is_kept_empty),
	    cmocka_unit_test(test_defaults_are_as_good_as_none),
	    cmocka_unit_test(test_what_is_wrong_is_named),
	    cmocka_unit_test(test_a_rate_belongs_to_its_month),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
