/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "access/password.h"

#include "check.h"

static void
test_password_hashes_are_checked_at_start(void **state)
{
	static const char *const bad[] = {"", "secret", "$2y$10$abcdefghijklmnopqrstuv", "$argon2id$",
	    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$",
	    "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHRzYWx0$H6NTds/6",
	    "$argon2id$v=19$m=64,t=99999999999999999999,p=1$c29tZXNhbHRzYWx0$H6NTds/6rFeBVoVus53uFw",
	    "$argon2id$v=19$m=262144,t=16,p=1$c29tZXNhbHRzYWx0$H6NTds/6rFeBVoVus53uFw",
	    "$argon2id$v=19$m=64,t=1,p=255$c29tZXNhbHRzYWx0$H6NTds/6rFeBVoVus53uFw",
	    "argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$H6NTds/6rFeBVoVus53uFw"};
	static const char good[] = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$H6NTds/6rFeBVoVus53uFw";
	om_err e = {.text = ""};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (gw_password_check(bad[i], &e) != OM_INVALID)
			fail_msg("%s was taken", bad[i]);
	assert_status(gw_password_check(good, &e), OM_OK, e);
	assert_true(gw_password_is_weak(good));
	assert_false(gw_password_is_weak("$argon2id$v=19$m=47104,t=1,p=1$x$y"));
	assert_status(gw_password_verify(good, "correct horse", 13, &e), OM_OK, e);
	assert_status(gw_password_verify(good, "correct horsf", 13, &e), OM_UNAUTHENTICATED, e);
	assert_status(gw_password_verify(good, "correct horse\0", 14, &e), OM_UNAUTHENTICATED, e);
}

static void
test_new_hash_verifies(void **state)
{
	char encoded[256];
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_password_hash("p\xc3\xa4ss", 5, encoded, sizeof encoded, &e), OM_OK, e);
	assert_status(gw_password_check(encoded, &e), OM_OK, e);
	assert_false(gw_password_is_weak(encoded));
	assert_status(gw_password_verify(encoded, "p\xc3\xa4ss", 5, &e), OM_OK, e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_password_hashes_are_checked_at_start),
	    cmocka_unit_test(test_new_hash_verifies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
