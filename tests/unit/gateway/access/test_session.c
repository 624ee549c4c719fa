/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"

#include "access/session.h"

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "a-secret-for-tests-only-0123456789012345678901234567"
#define NOW    ((om_time)1795452001 * OM_SECOND)

static struct gw_sessions *sessions;

static int
set_up(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_sessions_new(SECRET, &sessions, &e), OM_OK, e);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	gw_sessions_free(&sessions);
	return 0;
}

static om_status
check(const char *token, om_time now)
{
	struct gw_session s;

	return gw_sessions_check(sessions, token, now, &s, NULL);
}

static void
begin(char token[GW_TOKEN_MAX], struct gw_session *s)
{
	om_err e = {.text = ""};

	assert_status(gw_sessions_begin(sessions, NOW, 60, token, s, &e), OM_OK, e);
}

/* forge signs claims that the test chooses. */
static char *
forge(jwt_alg_t alg, const char *secret, const char *jti, long exp)
{
	const unsigned char *key = (const unsigned char *)secret;
	jwt_t *jwt = NULL;
	char *text;

	assert_int_equal(jwt_new(&jwt), 0);
	if (jti != NULL)
		assert_int_equal(jwt_add_grant(jwt, "jti", jti), 0);
	if (exp != 0)
		assert_int_equal(jwt_add_grant_int(jwt, "exp", exp), 0);
	assert_int_equal(
	    jwt_set_alg(jwt, alg, alg == JWT_ALG_NONE ? NULL : key, alg == JWT_ALG_NONE ? 0 : (int)strlen(secret)), 0);
	text = jwt_encode_str(jwt);
	assert_non_null(text);
	jwt_free(jwt);
	return text;
}

static void
test_token_is_good_until_it_expires(void **state)
{
	char token[GW_TOKEN_MAX];
	struct gw_session s, seen;
	om_err e = {.text = ""};

	(void)state;
	begin(token, &s);
	assert_status(gw_sessions_check(sessions, token, NOW + 59 * OM_SECOND, &seen, &e), OM_OK, e);
	assert_string_equal(seen.id, s.id);
	assert_int_equal(seen.expires_at, s.expires_at);
	assert_int_equal(check(token, NOW + 60 * OM_SECOND), OM_UNAUTHENTICATED);
}

static void
test_two_logins_are_two_sessions(void **state)
{
	char one[GW_TOKEN_MAX], two[GW_TOKEN_MAX];
	struct gw_session s, t;
	om_err e = {.text = ""};

	(void)state;
	begin(one, &s);
	begin(two, &t);
	assert_string_not_equal(s.id, t.id);
	assert_status(gw_sessions_end(sessions, s.id, s.expires_at, NOW, &e), OM_OK, e);
	assert_int_equal(check(one, NOW), OM_UNAUTHENTICATED);
	assert_int_equal(check(two, NOW), OM_OK);
}

static void
test_every_changed_byte_spoils_the_token(void **state)
{
	char token[GW_TOKEN_MAX], bad[GW_TOKEN_MAX];
	struct gw_session s;
	size_t n;

	(void)state;
	begin(token, &s);
	n = strlen(token);
	/* the last digit of a signature holds two bits that mean nothing */
	for (size_t i = 0; i < n - 1; i++) {
		memcpy(bad, token, n + 1);
		bad[i] = (char)(bad[i] == 'A' ? 'B' : 'A');
		if (check(bad, NOW) == OM_OK)
			fail_msg("byte %zu changed and still good", i);
	}
	for (size_t i = 0; i < n; i++) {
		memcpy(bad, token, n + 1);
		bad[i] = '\0';
		assert_int_equal(check(bad, NOW), OM_UNAUTHENTICATED);
	}
}

static void
test_other_algorithms_and_keys_are_refused(void **state)
{
	static const char jti[] = "00112233445566778899aabbccddeeff";
	const struct {
		jwt_alg_t alg;
		const char *secret;
		const char *jti;
		long exp;
		om_status wanted;
	} cases[] = {
	    {JWT_ALG_HS256, SECRET, jti, 1795452061, OM_OK},
	    {JWT_ALG_NONE, SECRET, jti, 1795452061, OM_UNAUTHENTICATED},
	    {JWT_ALG_HS512, SECRET, jti, 1795452061, OM_UNAUTHENTICATED},
	    {JWT_ALG_HS384, SECRET, jti, 1795452061, OM_UNAUTHENTICATED},
	    {JWT_ALG_HS256, "another-secret-0123456789012345678901234567890123", jti, 1795452061, OM_UNAUTHENTICATED},
	    {JWT_ALG_HS256, SECRET, NULL, 1795452061, OM_UNAUTHENTICATED},
	    {JWT_ALG_HS256, SECRET, "../../x", 1795452061, OM_UNAUTHENTICATED},
	    {JWT_ALG_HS256, SECRET, jti, 0, OM_UNAUTHENTICATED},
	    {JWT_ALG_HS256, SECRET, jti, -5, OM_UNAUTHENTICATED},
	    {JWT_ALG_HS256, SECRET, jti, 9223372036854775807, OM_UNAUTHENTICATED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *token = forge(cases[i].alg, cases[i].secret, cases[i].jti, cases[i].exp);

		if (check(token, NOW) != cases[i].wanted)
			fail_msg("case %zu", i);
		free(token);
	}
}

static void
test_garbage_is_refused(void **state)
{
	static const char *const garbage[] = {"", ".", "..", "...", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "a b", "\xff",
	    "undefined", "eyJhbGciOiJIUzI1NiJ9..", "eyJhbGciOiJIUzI1NiJ9.e30"};
	char big[4096];

	(void)state;
	for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++)
		assert_int_equal(check(garbage[i], NOW), OM_UNAUTHENTICATED);
	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	assert_int_equal(check(big, NOW), OM_UNAUTHENTICATED);
}

static void
test_ended_ids_are_forgotten_when_expired(void **state)
{
	char id[33];
	om_err e = {.text = ""};

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		(void)snprintf(id, sizeof id, "%032x", i);
		assert_status(gw_sessions_end(sessions, id, NOW + i, NOW + i, &e), OM_OK, e);
	}
	assert_status(gw_sessions_end(sessions, "no-id", NOW, NOW, &e), OM_INVALID, e);
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    WITH(test_token_is_good_until_it_expires),
	    WITH(test_two_logins_are_two_sessions),
	    WITH(test_every_changed_byte_spoils_the_token),
	    WITH(test_other_algorithms_and_keys_are_refused),
	    WITH(test_garbage_is_refused),
	    WITH(test_ended_ids_are_forgotten_when_expired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
