/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* costd's settings. */
#include "settings.h"

#include "ledger/lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_settings_table_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < CD_N_SETTINGS; i++) {
		assert_non_null(cd_settings_table[i].name);
		assert_non_null(cd_settings_table[i].help);
	}
}

static void
test_verify_setting_is_read(void **state)
{
	uint32_t share = 7;

	(void)state;
	assert_int_equal(cd_settings_verify("none", &share, NULL), OM_OK);
	assert_int_equal(share, 0);
	assert_int_equal(cd_settings_verify("all", &share, NULL), OM_OK);
	assert_int_equal(share, CD_VERIFY_ALL);
	assert_int_equal(cd_settings_verify("0.5%", &share, NULL), OM_OK);
	assert_int_equal(share, CD_VERIFY_ALL / 200);
	assert_int_equal(cd_settings_verify("100%", &share, NULL), OM_OK);
	assert_int_equal(share, CD_VERIFY_ALL);
	for (const char *const *bad = (const char *const[]){"", "5", "%", "101%", "-1%", "some", "5%%", NULL};
	     *bad != NULL; bad++)
		assert_int_equal(cd_settings_verify(*bad, &share, NULL), OM_INVALID);
}

static void
test_open_webui_needs_its_key(void **state)
{
	static char url[] = "http://x", key[] = "k";
	struct cd_settings s = {.openwebui_endpoint = NULL};
	om_err e = {.text = ""};

	(void)state;
	assert_int_equal(cd_settings_check(&s, &e), OM_OK);
	s.openwebui_endpoint = url;
	assert_int_equal(cd_settings_check(&s, &e), OM_INVALID);
	assert_string_equal(e.text, "OPENWEBUI_API_KEY: is missing, but OPENWEBUI_ENDPOINT is set");
	s.openwebui_key = key;
	assert_int_equal(cd_settings_check(&s, &e), OM_OK);
	s.openwebui_endpoint = NULL;
	assert_int_equal(cd_settings_check(&s, &e), OM_INVALID);
	assert_string_equal(e.text, "OPENWEBUI_ENDPOINT: is missing, but OPENWEBUI_API_KEY is set");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_settings_table_is_whole),
	    cmocka_unit_test(test_verify_setting_is_read),
	    cmocka_unit_test(test_open_webui_needs_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
