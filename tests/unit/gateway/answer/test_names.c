/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "answer/names.h"

#include "check.h"
#include "envelope.pb-c.h"

static void
test_value_has_its_name_without_what_all_have(void **state)
{
	char buf[GW_NAME];

	(void)state;
	assert_string_equal(
	    gw_enum_name(&om__cost_state__descriptor, OM__COST_STATE__COST_LOOKED_UP, buf), "looked_up");
	assert_string_equal(
	    gw_enum_name(&om__no_estimate__descriptor, OM__NO_ESTIMATE__NO_ESTIMATE_NO_TOKENS, buf), "no_tokens");
	assert_string_equal(
	    gw_enum_name(&om__unsettled_reason__descriptor, OM__UNSETTLED_REASON__UNSETTLED_NO_KEY, buf), "no_key");
	assert_string_equal(gw_enum_name(&om__tap__descriptor, OM__TAP__TAP_DOES_NOT_FIT, buf), "does_not_fit");
	assert_string_equal(
	    gw_enum_name(&om__document_kind__descriptor, OM__DOCUMENT_KIND__DOCUMENT_GROUP_STATEMENT, buf),
	    "group_statement");
}

static void
test_value_of_a_newer_peer_has_the_lowest_name(void **state)
{
	char buf[GW_NAME];

	(void)state;
	assert_string_equal(gw_enum_name(&om__state__descriptor, 99, buf), "open");
	assert_string_equal(gw_enum_name(&om__state__descriptor, -1, buf), "open");
}

static void
test_name_is_found_whole_only(void **state)
{
	int value = -1;

	(void)state;
	assert_true(gw_enum_find(&om__state__descriptor, "final,open", 5, &value));
	assert_int_equal(value, OM__STATE__STATE_FINAL);
	assert_false(gw_enum_find(&om__state__descriptor, "final", 4, &value));
	assert_false(gw_enum_find(&om__state__descriptor, "FINAL", 5, &value));
	assert_false(gw_enum_find(&om__state__descriptor, "", 0, &value));
}

static void
test_unknown_name_is_told_all_that_are(void **state)
{
	om_err e = {.text = ""};
	int value = 0;

	(void)state;
	assert_status(gw_enum_read(&om__tap__descriptor, "tap", "on", 2, "", &value, &e), OM_OK, e);
	assert_int_equal(value, OM__TAP__TAP_ON);
	assert_status(gw_enum_read(&om__tap__descriptor, "tap", "yes", 3, ", once", &value, &e), OM_INVALID, e);
	assert_string_equal(e.text, "tap: must be off, on or does_not_fit, once");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_value_has_its_name_without_what_all_have),
	    cmocka_unit_test(test_value_of_a_newer_peer_has_the_lowest_name),
	    cmocka_unit_test(test_name_is_found_whole_only),
	    cmocka_unit_test(test_unknown_name_is_told_all_that_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
