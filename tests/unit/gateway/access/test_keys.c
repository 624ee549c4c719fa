/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"

#include "access/keys.h"

#include <string.h>

static void
test_each_purpose_has_its_own_key(void **state)
{
	const char *all[4];
	struct gw_keys k;

	(void)state;
	assert_int_equal(gw_keys_make("secret", "hash", &k), OM_OK);
	all[0] = k.session;
	all[1] = k.ticket;
	all[2] = k.mark;
	all[3] = k.link;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(strlen(all[i]), GW_KEY_TEXT - 1);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(all[i], all[j]);
	}
}

static void
test_the_password_is_part_of_the_keys_of_sessions_and_tickets(void **state)
{
	struct gw_keys k, again, other_secret, other_password;

	(void)state;
	assert_int_equal(gw_keys_make("secret", "hash", &k), OM_OK);
	assert_int_equal(gw_keys_make("secret", "hash", &again), OM_OK);
	assert_int_equal(gw_keys_make("secreu", "hash", &other_secret), OM_OK);
	assert_int_equal(gw_keys_make("secret", "hasi", &other_password), OM_OK);
	assert_memory_equal(&k, &again, sizeof k);
	assert_string_not_equal(k.session, other_password.session);
	assert_string_not_equal(k.ticket, other_password.ticket);
	assert_string_equal(k.mark, other_password.mark);
	assert_string_not_equal(k.session, other_secret.session);
	assert_string_not_equal(k.ticket, other_secret.ticket);
	assert_string_not_equal(k.mark, other_secret.mark);
	assert_string_not_equal(k.link, other_secret.link);
}

static void
test_a_token_is_64_digits(void **state)
{
	char text[80] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	unsigned char raw[OM_SHA256];

	(void)state;
	assert_true(gw_token_read(text, raw));
	assert_int_equal(raw[31], 0xff);
	text[3] = 'A'; /* one spelling alone */
	assert_false(gw_token_read(text, raw));
	text[3] = 'g';
	assert_false(gw_token_read(text, raw));
	text[3] = '1';
	text[63] = '\0';
	assert_false(gw_token_read(text, raw));
	assert_false(gw_token_read("", raw));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_purpose_has_its_own_key),
	    cmocka_unit_test(test_the_password_is_part_of_the_keys_of_sessions_and_tickets),
	    cmocka_unit_test(test_a_token_is_64_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
