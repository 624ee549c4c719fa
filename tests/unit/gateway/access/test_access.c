/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who may do what, and sessions from login to logout, through real sockets. */
#include "fixture/alone.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- who may ---- */

static void
test_each_key_opens_its_own_calls(void **state)
{
	static const struct {
		const char *method, *path;
		int none, ingest, reader;
	} calls[] = {
	    {"POST", FX_EVENTS, 401, 200, 403},
	    {"POST", "/api/v1/metering/record", 401, 400, 403},
	    {"GET", "/api/v1/session", 401, 403, 200},
	    {"GET", "/api/v1/usage", 401, 403, 503},
	    {"GET", "/api/v1/generations", 401, 403, 503},
	    {"GET", "/api/v1/users", 401, 403, 403},
	    {"GET", "/api/v1/user/u", 401, 403, 403},
	    {"GET", "/api/v1/models", 401, 403, 503},
	    {"GET", "/api/v1/credits", 401, 403, 503},
	    {"GET", "/api/v1/statements/u/2026-11.pdf", 401, 403, 503},
	    {"GET", "/api/v1/reports/2026-11.xlsx", 401, 403, 503},
	    {"POST", "/api/v1/user/report", 401, 403, 403},
	    {"GET", "/api/v1/metrics", 401, 200, 200},
	};
	static const char *const wrong[] = {"Bearer undefined", "Bearer", "Bearer ", "Basic " FX_INGEST_KEY,
	    "Bearer " FX_INGEST_KEY "x", "Bearer \"" FX_INGEST_KEY "\"", "", "Bearer null"};

	(void)state;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		const char *body = strcmp(calls[i].method, "POST") == 0 ? "[]" : NULL;
		const char *keys[] = {FX_JSON, FX_JSON FX_INGEST, FX_JSON FX_READ};
		int wanted[] = {calls[i].none, calls[i].ingest, calls[i].reader};
		char v[512], *reply;

		for (size_t k = 0; k < 3; k++) {
			reply = fx_request(fx_alone.port, calls[i].method, calls[i].path, keys[k], body);
			if (fx_status(reply) != wanted[k])
				fail_msg("%s %s, key %zu: %s", calls[i].method, calls[i].path, k, reply);
			if (wanted[k] == 401)
				assert_string_equal(
				    fx_header(reply, "WWW-Authenticate", v), "Bearer realm=\"owui-metering\"");
			if (wanted[k] == 503)
				assert_string_equal(fx_header(reply, "Retry-After", v), "5");
			assert_string_equal(fx_header(reply, "Cache-Control", v), "no-store");
			free(reply);
		}
	}
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		char extra[300], *reply;

		(void)snprintf(extra, sizeof extra, FX_JSON "Authorization: %s\r\n", wrong[i]);
		reply = fx_request(fx_alone.port, "POST", FX_EVENTS, extra, FX_RECORD);
		if (fx_status(reply) != 401)
			fail_msg("%s: %s", wrong[i], reply);
		free(reply);
	}
	assert_int_equal(fx_alone_pending(), 0);
}

static void
test_bearer_in_any_case_and_bare_keys_are_taken(void **state)
{
	static const char *const good[] = {"bearer " FX_INGEST_KEY, "BEARER   " FX_INGEST_KEY, FX_INGEST_KEY};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		char extra[300], *reply;

		(void)snprintf(extra, sizeof extra, FX_JSON "Authorization: %s\r\n", good[i]);
		reply = fx_request(fx_alone.port, "POST", FX_EVENTS, extra, "[]");
		assert_int_equal(fx_status(reply), 200);
		free(reply);
	}
}

/* ---- sessions ---- */

/* Both halves of a session as header lines. */
struct halves {
	char cookie[200], header[200];
};

static struct halves
log_in(void)
{
	struct halves h;
	char v[512],
	    *reply = fx_request(fx_alone.port, "POST", "/api/v1/login", FX_JSON, "{\"password\":\"" FX_PASSWORD "\"}");
	const char *token = strstr(reply, "{\"token\":\"");

	assert_int_equal(fx_status(reply), 200);
	(void)fx_header(reply, "Set-Cookie", v);
	assert_non_null(strstr(v, "; HttpOnly"));
	assert_non_null(strstr(v, "; SameSite=Strict"));
	assert_non_null(strstr(v, "; Path=/"));
	assert_non_null(strstr(v, "; Max-Age=3600"));
	assert_null(strstr(v, "Secure"));
	assert_non_null(token);
	assert_non_null(strstr(fx_body(reply), "\"expires_at\":\"20"));
	assert_int_equal(strcspn(token + 10, "\""), 64);
	(void)snprintf(h.cookie, sizeof h.cookie, "Cookie: a=b; %.*s; c=d\r\n", (int)strcspn(v, ";"), v);
	(void)snprintf(h.header, sizeof h.header, "X-Session-Token: %.64s\r\n", token + 10);
	free(reply);
	return h;
}

static int
status_of(const char *method, const char *path, const char *one, const char *other)
{
	char extra[800], *reply;
	int status;

	(void)snprintf(extra, sizeof extra, "%s%s", one, other);
	reply = fx_request(fx_alone.port, method, path, extra, NULL);
	status = fx_status(reply);
	free(reply);
	return status;
}

static int
session_status(const struct halves *h)
{
	return status_of("GET", "/api/v1/session", h->cookie, h->header);
}

/* wait_for_costd: a gateway that was just started may not have reached it. */
static void
wait_for_costd(const struct halves *h)
{
	int64_t until = om_mono_ms() + FX_PATIENCE_MS;

	while (session_status(h) == 503 && om_mono_ms() < until)
		continue;
}

static void
test_neither_half_of_a_session_opens_anything(void **state)
{
	struct halves one = log_in(), two = log_in();

	(void)state;
	assert_int_equal(session_status(&one), 200);
	assert_int_equal(status_of("GET", "/api/v1/session", one.cookie, ""), 401);
	assert_int_equal(status_of("GET", "/api/v1/session", one.header, ""), 401);
	assert_int_equal(status_of("GET", "/api/v1/session", one.cookie, two.header), 401);
	assert_int_equal(status_of("GET", "/api/v1/session", one.cookie, "X-Session-Token: \r\n"), 401);
	assert_int_equal(status_of("POST", "/api/v1/sessions/end-all", one.cookie, ""), 401);
	assert_int_equal(session_status(&two), 200);
}

static void
test_session_ends_at_logout_and_stays_ended_after_a_restart(void **state)
{
	struct halves one = log_in(), other = log_in();
	char extra[900], v[512], *reply;

	(void)state;
	(void)snprintf(extra, sizeof extra, "%s%sOrigin: http://evil.example\r\n", one.cookie, one.header);
	reply = fx_request(fx_alone.port, "POST", "/api/v1/logout", extra, "");
	assert_int_equal(fx_status(reply), 403);
	free(reply);
	(void)snprintf(extra, sizeof extra, "%s%s", one.cookie, one.header);
	reply = fx_request(fx_alone.port, "POST", "/api/v1/logout", extra, NULL); /* no body at all */
	assert_int_equal(fx_status(reply), 204);
	assert_string_equal(fx_body(reply), "");
	assert_non_null(strstr(fx_header(reply, "Set-Cookie", v), "auth_token=; "));
	assert_non_null(strstr(v, "Max-Age=0"));
	free(reply);
	assert_int_equal(session_status(&one), 401);
	assert_int_equal(session_status(&other), 200);
	fx_gateway_stop(&fx_alone);
	fx_gateway_start(&fx_alone, fx_alone_costd());
	wait_for_costd(&other);
	assert_int_equal(session_status(&one), 401);
	assert_int_equal(session_status(&other), 200);
	/* logging out twice, or without a session, does nothing */
	assert_int_equal(status_of("POST", "/api/v1/logout", one.cookie, one.header), 204);
	assert_int_equal(session_status(&other), 200);
}

static void
test_all_sessions_end_together(void **state)
{
	struct halves one = log_in(), two = log_in();

	(void)state;
	assert_int_equal(status_of("POST", "/api/v1/sessions/end-all", FX_READ, ""), 403);
	assert_int_equal(session_status(&two), 200);
	assert_int_equal(status_of("POST", "/api/v1/sessions/end-all", one.cookie, one.header), 200);
	assert_int_equal(session_status(&one), 401);
	assert_int_equal(session_status(&two), 401);
}

static char *
ask_ticket(const struct halves *h, const char *body)
{
	char extra[900];

	(void)snprintf(extra, sizeof extra, "%s%s" FX_JSON, h->cookie, h->header);
	return fx_request(fx_alone.port, "POST", "/api/v1/tickets", extra, body);
}

static void
test_a_ticket_opens_its_path_once(void **state)
{
	static const char path[] = "/api/v1/plugin";
	struct halves h = log_in();
	char url[300], other[300], *reply = ask_ticket(&h, "{\"path\":\"/api/v1/plugin\"}");

	(void)state;
	assert_int_equal(fx_status(reply), 200);
	assert_int_equal(sscanf(fx_body(reply), "{\"url\":\"%200[^\"]\"", url), 1);
	assert_int_equal(strncmp(url, path, sizeof path - 1), 0);
	free(reply);
	(void)snprintf(other, sizeof other, "/api/v1/live%s", url + sizeof path - 1);
	assert_int_equal(status_of("GET", other, "", ""), 401);
	assert_int_equal(status_of("GET", url, "", ""), 200);
	assert_int_equal(status_of("GET", url, "", ""), 401);
	assert_int_equal(status_of("GET", url, h.cookie, h.header), 401);
	assert_int_equal(status_of("GET", path, "", ""), 401);
}

static void
test_tickets_are_for_files_and_streams(void **state)
{
	static const char *const bodies[] = {"{}", "[]", "{\"path\":1}", "{\"path\":\"\"}",
	    "{\"path\":\"/api/v1/users\"}", "{\"path\":\"/api/v1/sessions/end-all\"}",
	    "{\"path\":\"//evil.example/api/v1/plugin\"}", "{\"path\":\"http://x/api/v1/plugin\"}",
	    "{\"path\":\"/api/v1/plugin?ticket=1\"}", "{\"path\":\"/api/v1/plugin#x\"}"};
	struct halves h = log_in();

	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		char *reply = ask_ticket(&h, bodies[i]);

		if (fx_status(reply) != 400)
			fail_msg("%s: %s", bodies[i], reply);
		free(reply);
	}
	assert_int_equal(status_of("POST", "/api/v1/tickets", FX_READ FX_JSON, ""), 403);
}

static void
test_login_from_another_site_is_refused(void **state)
{
	static const struct {
		const char *extra;
		int status;
	} cases[] = {
	    {"Origin: http://localhost\r\n", 200},
	    {"Origin: http://LOCALHOST:80\r\n", 200},
	    {"Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n", 200},
	    {"Sec-Fetch-Site: none\r\n", 200},
	    {"Origin: http://localhost:81\r\n", 403},
	    {"Origin: http://localhost.evil\r\n", 403},
	    {"Origin: null\r\n", 403},
	    {"Origin: \r\n", 403},
	    {"Sec-Fetch-Site: cross-site\r\n", 403},
	    {"Sec-Fetch-Site: same-site\r\n", 403},
	    {"Origin: http://localhost\r\nSec-Fetch-Site: cross-site\r\n", 403},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char extra[300], *reply;

		(void)snprintf(extra, sizeof extra, FX_JSON "%s", cases[i].extra);
		reply = fx_request(fx_alone.port, "POST", "/api/v1/login", extra, "{\"password\":\"" FX_PASSWORD "\"}");
		if (fx_status(reply) != cases[i].status)
			fail_msg("%s: %s", cases[i].extra, reply);
		free(reply);
	}
}

static void
test_cookie_is_secure_behind_a_trusted_https_proxy(void **state)
{
	char v[512],
	    *reply = fx_request(fx_alone.port, "POST", "/api/v1/login",
		FX_JSON "X-Forwarded-Proto: https\r\nOrigin: https://localhost\r\n",
		"{\"password\":\"" FX_PASSWORD "\"}");

	(void)state;
	assert_int_equal(fx_status(reply), 200);
	assert_non_null(strstr(fx_header(reply, "Set-Cookie", v), "; Secure"));
	free(reply);
}

static void
test_wrong_passwords_are_throttled_per_address(void **state)
{
	char v[512], *reply;
	int status = 401;

	(void)state;
	for (int i = 0; i < 8 && status == 401; i++) {
		reply = fx_request(fx_alone.port, "POST", "/api/v1/login", FX_JSON "X-Forwarded-For: 203.0.113.7\r\n",
		    "{\"password\":\"wrong\"}");
		status = fx_status(reply);
		if (status == 429)
			assert_int_not_equal(strtol(fx_header(reply, "Retry-After", v), NULL, 10), 0);
		free(reply);
	}
	assert_int_equal(status, 429);
	/* the right one does not help now, from elsewhere it does */
	reply = fx_request(fx_alone.port, "POST", "/api/v1/login", FX_JSON "X-Forwarded-For: 203.0.113.7\r\n",
	    "{\"password\":\"" FX_PASSWORD "\"}");
	assert_int_equal(fx_status(reply), 429);
	free(reply);
	reply = fx_request(fx_alone.port, "POST", "/api/v1/login", FX_JSON "X-Forwarded-For: 203.0.113.8\r\n",
	    "{\"password\":\"" FX_PASSWORD "\"}");
	assert_int_equal(fx_status(reply), 200);
	free(reply);
}

static void
test_login_bodies_that_are_none_are_400(void **state)
{
	static const char *const bodies[] = {
	    "", "{", "[]", "{}", "{\"password\":1}", "{\"password\":\"\"}", "{\"password\":null}"};

	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		char *reply = fx_request(fx_alone.port, "POST", "/api/v1/login", FX_JSON, bodies[i]);

		if (fx_status(reply) != 400)
			fail_msg("%s: %s", bodies[i], reply);
		free(reply);
	}
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup(test, fx_alone_set_up)
	const struct CMUnitTest tests[] = {
	    WITH(test_each_key_opens_its_own_calls),
	    WITH(test_bearer_in_any_case_and_bare_keys_are_taken),
	    WITH(test_neither_half_of_a_session_opens_anything),
	    WITH(test_all_sessions_end_together),
	    WITH(test_a_ticket_opens_its_path_once),
	    WITH(test_tickets_are_for_files_and_streams),
	    WITH(test_session_ends_at_logout_and_stays_ended_after_a_restart),
	    WITH(test_login_from_another_site_is_refused),
	    WITH(test_cookie_is_secure_behind_a_trusted_https_proxy),
	    WITH(test_wrong_passwords_are_throttled_per_address),
	    WITH(test_login_bodies_that_are_none_are_400),
	};

	return cmocka_run_group_tests(tests, fx_alone_start, fx_alone_stop);
}
