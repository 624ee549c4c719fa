/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "settings.h"

#include "check.h"

#include <string.h>

static void
test_settings_that_contradict_are_refused(void **state)
{
	char one[] = "0123456789abcdef", two[] = "0123456789abcdef";
	struct gw_conf c = {.api_key = one, .read_api_key = two};
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_conf_check(&c, &e), OM_INVALID, e);
	assert_non_null(strstr(e.text, "READ_API_KEY"));
	assert_null(strstr(e.text, "0123456789abcdef"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_settings_that_contradict_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
