/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sessions and tickets as one gateway sees them, with a costd that answers and one that does not. */
#include "fixture/costd.h"

#include "access/session.h"
#include "peers/peers.h"
#include "base/clock.h"

#include <poll.h>
#include <string.h>

#define SECRET      "a-secret-for-tests-only-0123456789012345678901234567"
#define PATIENCE_MS 120000
#define FILE_PATH   "/api/v1/reports/2026-11.pdf"

static struct fx_costd costd;
static struct gw_peers *peers;
static struct gw_keys keys, other_password;
static struct gw_sessions *here, *there; /* two gateways with the same secret */
static struct gw_sessions *changed;      /* one with another password */

static int
set_up(void **state)
{
	struct gw_peers_opts o = {.reportd_urls = "tcp://127.0.0.1:9", .files = 1};
	om_err e = {.text = ""};

	(void)state;
	fx_costd_start(&costd, "tcp://127.0.0.1:0");
	o.costd_urls = om_wire_server_url(costd.server, 0);
	assert_status(gw_peers_open(&o, &peers, &e), OM_OK, e);
	assert_int_equal(gw_keys_make(SECRET, "$argon2id$one", &keys), OM_OK);
	assert_int_equal(gw_keys_make(SECRET, "$argon2id$two", &other_password), OM_OK);
	assert_status(gw_sessions_new(&keys, peers, &here, &e), OM_OK, e);
	assert_status(gw_sessions_new(&keys, peers, &there, &e), OM_OK, e);
	assert_status(gw_sessions_new(&other_password, peers, &changed, &e), OM_OK, e);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	gw_sessions_free(&here);
	gw_sessions_free(&there);
	gw_sessions_free(&changed);
	gw_peers_close(&peers);
	if (costd.server != NULL)
		fx_costd_stop(&costd);
	return 0;
}

static struct gw_session
begin(struct gw_tokens *t, int64_t lifetime_s)
{
	struct gw_session s;
	om_err e = {.text = ""};

	assert_status(gw_sessions_begin(here, om_now(), lifetime_s, NULL, t, &s, &e), OM_OK, e);
	return s;
}

static om_status
check(struct gw_sessions *at, const char *cookie, const char *header)
{
	struct gw_session s;
	om_status st = gw_sessions_check(at, cookie, header, om_now(), &s, NULL);

	assert_true((st == OM_OK) == (s.expires_at != 0));
	return st;
}

static void
test_both_tokens_are_needed_at_every_gateway(void **state)
{
	struct gw_tokens one, two;
	struct gw_session s = begin(&one, 60), other = begin(&two, 60);

	(void)state;
	assert_memory_not_equal(s.secret, other.secret, GW_SECRET);
	assert_string_not_equal(one.cookie, one.header);
	assert_int_equal(check(here, one.cookie, one.header), OM_OK);
	assert_int_equal(check(there, one.cookie, one.header), OM_OK);
	assert_int_equal(check(here, one.cookie, two.header), OM_UNAUTHENTICATED);
	assert_int_equal(check(here, one.header, one.cookie), OM_UNAUTHENTICATED);
	assert_int_equal(check(here, one.cookie, one.cookie), OM_UNAUTHENTICATED);
	assert_int_equal(check(here, one.cookie, ""), OM_UNAUTHENTICATED);
	assert_int_equal(check(here, "", one.header), OM_UNAUTHENTICATED);
	assert_int_equal(check(changed, one.cookie, one.header), OM_UNAUTHENTICATED);
}

static void
test_a_session_that_ended_has_ended_everywhere(void **state)
{
	struct gw_tokens one, two;
	struct gw_session s = begin(&one, 60), other = begin(&two, 60);
	uint64_t ended = 0;

	(void)state;
	assert_int_equal(check(there, one.cookie, one.header), OM_OK);
	assert_int_equal(gw_sessions_end(here, &s, NULL), OM_OK);
	assert_int_equal(check(there, one.cookie, one.header), OM_UNAUTHENTICATED);
	assert_false(gw_sessions_runs(there, &s, om_now()));
	assert_true(gw_sessions_runs(there, &other, om_now()));
	assert_int_equal(gw_sessions_end_all(there, &other, &ended, NULL), OM_OK);
	assert_true(ended >= 1);
	assert_int_equal(check(here, two.cookie, two.header), OM_UNAUTHENTICATED);
}

static om_status
spend(struct gw_sessions *at, const char *token, const char *path)
{
	struct gw_session s;

	return gw_ticket_spend(at, token, path, &s, NULL);
}

static void
test_a_ticket_is_for_one_path_once_and_ends_with_its_session(void **state)
{
	struct gw_tokens t;
	struct gw_session s = begin(&t, 60), as;
	char token[GW_TOKEN_TEXT];
	om_time ends = 0;

	(void)state;
	assert_int_equal(gw_ticket_make(here, &s, FILE_PATH, token, &ends, NULL), OM_OK);
	assert_true(ends > om_now());
	assert_int_equal(spend(here, token, FILE_PATH "?paper=a4"), OM_UNAUTHENTICATED);
	assert_int_equal(spend(here, t.cookie, FILE_PATH), OM_UNAUTHENTICATED);
	assert_int_equal(gw_ticket_spend(there, token, FILE_PATH, &as, NULL), OM_OK);
	assert_true(gw_sessions_runs(here, &as, om_now()));
	assert_int_equal(spend(here, token, FILE_PATH), OM_UNAUTHENTICATED);
	assert_int_equal(gw_ticket_make(here, &s, FILE_PATH, token, &ends, NULL), OM_OK);
	assert_int_equal(gw_sessions_end(here, &s, NULL), OM_OK);
	assert_int_equal(spend(here, token, FILE_PATH), OM_UNAUTHENTICATED);
	assert_false(gw_sessions_runs(here, &as, om_now()));
}

static void
test_without_costd_what_is_known_may_read(void **state)
{
	int64_t until = om_mono_ms() + PATIENCE_MS;
	struct gw_tokens known, unknown;
	struct gw_session s = begin(&known, 60), got;
	om_err e = {.text = ""};
	om_status st = OM_OK;

	(void)state;
	(void)begin(&unknown, 60);
	assert_int_equal(check(there, known.cookie, known.header), OM_OK);
	fx_costd_stop(&costd);
	do {
		st = gw_sessions_check(there, known.cookie, known.header, om_now(), &got, &e);
	} while (st == OM_OK && !got.unconfirmed && om_mono_ms() < until);
	assert_status(st, OM_OK, e);
	assert_true(got.unconfirmed);
	assert_in_range(got.expires_at, s.expires_at - 10 * OM_SECOND, s.expires_at + 10 * OM_SECOND);
	assert_int_equal(check(there, unknown.cookie, unknown.header), OM_UNAVAILABLE);
	assert_int_equal(
	    gw_sessions_check(there, known.cookie, known.header, s.expires_at + 10 * OM_SECOND, &got, NULL),
	    OM_UNAVAILABLE);
	st = gw_sessions_begin(there, om_now(), 60, NULL, &unknown, &got, &e);
	assert_int_equal(st, OM_UNAVAILABLE);
	assert_non_null(strstr(e.text, "nobody can log in now"));
	/* one that was logged out here is not taken again, though costd could not be told */
	assert_int_equal(gw_sessions_end(there, &s, NULL), OM_UNAVAILABLE);
	assert_int_equal(check(there, known.cookie, known.header), OM_UNAVAILABLE);
	costd.server = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_both_tokens_are_needed_at_every_gateway),
	    cmocka_unit_test(test_a_session_that_ended_has_ended_everywhere),
	    cmocka_unit_test(test_a_ticket_is_for_one_path_once_and_ends_with_its_session),
	    cmocka_unit_test(test_without_costd_what_is_known_may_read),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
